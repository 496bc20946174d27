"""A hub with its sandbox, as a newcomer starts it, on either database."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.hub import SHORT_IDLE, WITHIN_S, HubProcess


@dataclass
class Town:
    """The hub and the customers' side of the world: what the sandbox's page does, a test does here."""

    hub: HubProcess
    outside: httpx.AsyncClient

    async def do(self, path: str, **body: Any) -> dict[str, Any]:
        """Something that a customer does. They press and speak once somebody listens."""
        if path.endswith(("/digits", "/speech")):
            body = {"wait_ms": 60_000, **body}
        answer = await self.outside.post(f"/sandbox/{path}", json=body)
        assert answer.is_success, answer.text
        return dict(answer.json()) if answer.content else {}

    async def see(self, path: str, **query: str) -> Any:
        """What a customer sees."""
        answer = await self.outside.get(f"/sandbox/{path}", params=query)
        assert answer.is_success, answer.text
        return answer.json()

    async def seen(self, path: str, is_so: Any, what: str, **query: str) -> Any:
        """What a customer sees, once it is so."""
        deadline = time.monotonic() + WITHIN_S
        while True:
            found = await self.see(path, **query)
            if (there := is_so(found)) is not None and there is not False:
                return there
            assert time.monotonic() < deadline, f"waited {WITHIN_S} s for {what}; last seen: {found}"
            await asyncio.sleep(0.05)


@pytest.fixture
async def town(database_url: str, tmp_path: Path) -> AsyncIterator[Town]:
    """At the end the hub goes down in order, and every record equals the fold of its events."""
    at_once = {"CONTACT_CENTER_SANDBOX_PACE": "0", "CONTACT_CENTER_SANDBOX_DESK_ANSWERS_AFTER": "0"}
    hub = HubProcess(tmp_path, database_url, sandbox=True, environment=at_once)
    asking = httpx.AsyncClient(base_url=hub.page, timeout=WITHIN_S, limits=SHORT_IDLE)
    async with hub.running(), asking as outside:
        yield Town(hub, outside)
        assert '"level": "error"' not in hub.log.lower(), hub.log
        assert hub.stop() == 0
    proof = hub.command("rebuild", "--check")
    assert proof.returncode == 0, proof.stdout + proof.stderr
