"""The sandbox as a process of its own, and a fake hub that it calls."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from twilio.http.async_http_client import AsyncTwilioHttpClient
from twilio.rest import Client

from contact_center.sandbox.settings import DEMO_ACCOUNT
from tests.sandbox.fake_hub import TOKEN, WITHIN_S, FakeHub, serving

MAIL_PASSWORD = "letters"


@dataclass
class Sandbox:
    """A running sandbox. ``api`` is a client of its JSON door."""

    page: str
    smtp: int
    imap: int
    process: asyncio.subprocess.Process
    api: httpx.AsyncClient

    async def post(self, path: str, **body: Any) -> Any:
        response = await self.api.post("/sandbox" + path, json=body)
        assert response.status_code == 201, response.text
        return response.json()

    async def get(self, path: str, **query: Any) -> Any:
        response = await self.api.get("/sandbox" + path, params=query)
        assert response.status_code == 200, response.text
        return response.json()

    async def heard(self, sid: str) -> list[tuple[str, str]]:
        """What the telephone heard: (kind, text)."""
        items = (await self.get(f"/calls/{sid}/hears"))["items"]
        return [(item["kind"], item["text"]) for item in items]

    async def hears(self, sid: str, text: str) -> None:
        """Waits until ``text`` was heard on the call."""
        after, found = 0, False
        async with asyncio.timeout(WITHIN_S):
            while not found:
                lines = await self.get("/ledger", kind="call.line", after=after, wait_ms=60_000)
                after = max((line["seq"] for line in lines["items"]), default=after)
                found = any(text == heard for _, heard in await self.heard(sid))

    async def call_until(self, sid: str, where: str) -> Any:
        call = await self.get(f"/calls/{sid}", until=where, wait_ms=60_000)
        assert call["where"] == where or (where == "listening" and call["listening"]), call
        return call


Start = Callable[..., AbstractAsyncContextManager[Sandbox]]


@contextlib.asynccontextmanager
async def started(hub_url: str, data: Path | None = None, **settings: str) -> AsyncIterator[Sandbox]:
    environment = {
        **os.environ,
        "CONTACT_CENTER_PUBLIC_URL": hub_url,
        "CONTACT_CENTER_SANDBOX_PORT": "0",
        "CONTACT_CENTER_SANDBOX_SMTP_PORT": "0",
        "CONTACT_CENTER_SANDBOX_IMAP_PORT": "0",
        "CONTACT_CENTER_SANDBOX_PACE": "0",
        "CONTACT_CENTER_SANDBOX_DESK_ANSWERS_AFTER": "0.05",
        "CONTACT_CENTER_TWILIO_AUTH_TOKEN": TOKEN,
        "CONTACT_CENTER_SANDBOX_MAIL_PASSWORD": MAIL_PASSWORD,
        "CONTACT_CENTER_DATA_DIR": str(data or ""),
        **settings,
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-W",
        "error",
        "-m",
        "contact_center.sandbox",
        env=environment,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=1 << 20,
    )
    assert process.stdout is not None
    async with asyncio.timeout(200):
        told = json.loads(await process.stdout.readline())
    async with httpx.AsyncClient(base_url=told["page"], timeout=200, trust_env=False) as api:
        try:
            yield Sandbox(told["page"].rstrip("/"), told["smtp"], told["imap"], process, api)
        finally:
            if process.returncode is None:
                process.terminate()
            async with asyncio.timeout(WITHIN_S):
                assert await process.wait() == 0


@pytest.fixture
async def hub() -> AsyncIterator[FakeHub]:
    async with serving(FakeHub()) as hub:
        yield hub


@pytest.fixture
async def sandbox(hub: FakeHub) -> AsyncIterator[Sandbox]:
    async with started(hub.url) as sandbox:
        yield sandbox


class _ToSandbox(AsyncTwilioHttpClient):
    """Twilio's own client, with its requests led to the sandbox."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self._page = page

    async def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Any:
        return await super().request(method, url.replace("https://api.twilio.com", self._page), *args, **kwargs)


@pytest.fixture
async def twilio(sandbox: Sandbox) -> AsyncIterator[Client]:
    async with _ToSandbox(sandbox.page) as http:
        yield Client(DEMO_ACCOUNT, TOKEN, http_client=http)
