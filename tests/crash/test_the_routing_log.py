"""A hub that is killed leaves a log that is whole up to its last block."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.hub import HubProcess, house

pytestmark = pytest.mark.crash


async def test_what_was_written_before_a_kill_is_decided_again(database_url: str, tmp_path: Path) -> None:
    hub = HubProcess(tmp_path, database_url, config=house(time_zone="UTC"))
    began = datetime.now(UTC).strftime("%Y-%m-%d")
    async with hub.running(), hub.http() as http:  # ends with a kill -9
        for _ in range(5_000):
            if (await http.get("/api/v1/routing/log")).json()["since_start"]["blocks"]:
                break
    done = hub.command("routing", "replay", "--from", began, "--to", "2999-01-01")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 differ" in done.stdout
