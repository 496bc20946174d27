"""The index is made again from the log: beside a running hub, without one, and where a crash left it."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests.channels.twilio_fake import ACCOUNT, TOKEN
from tests.hub import SMS_NUMBER, WITHIN_S, HubProcess, Twilio, house


async def found(process: HubProcess, q: str) -> int:
    async with process.http() as http:
        answer = await http.get("/api/v1/cases?" + urlencode({"q": q}))
        return len(answer.json()["items"]) if answer.status_code == 200 else -1


async def until_found(process: HubProcess, q: str, many: int) -> None:
    deadline = time.monotonic() + WITHIN_S
    while await found(process, q) != many:
        assert time.monotonic() < deadline, f"{q} was not found {many} times"
        await asyncio.sleep(0.05)


@pytest.mark.crash
async def test_nothing_is_lost_to_the_search_by_a_crash_and_the_command_makes_it_anew(tmp_path: Path) -> None:
    environment = {"CONTACT_CENTER_TWILIO_ACCOUNT_SID": ACCOUNT, "CONTACT_CENTER_TWILIO_AUTH_TOKEN": TOKEN}
    process = HubProcess(tmp_path, config=house(), environment=environment)
    async with process.running():
        async with process.http() as http:
            carrier = Twilio(http, process.url)
            for i in range(6):
                sid = await carrier.sms(f"+4915112345{i:03}", f"marigold number {i}", to=SMS_NUMBER)
                assert sid
        await asyncio.to_thread(process.kill9)  # most likely in the middle of it
        await asyncio.to_thread(process.start)
        await until_found(process, "marigold", 6)
        beside = await asyncio.to_thread(process.command, "search", "rebuild")
        assert (beside.returncode, beside.stderr) == (0, "")
        assert "running hub" in beside.stdout
        assert await found(process, "marigold") == 6
    alone = await asyncio.to_thread(process.command, "search", "rebuild")
    assert alone.stdout.startswith("6 messages indexed"), alone.stderr
