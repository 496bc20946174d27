"""The sandbox's own door: bad requests, strangers, and how the process ends."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from contact_center.sandbox.settings import Settings
from tests.sandbox.conftest import Sandbox
from tests.sandbox.fake_hub import WITHIN_S, FakeHub

SENSELESS: list[tuple[str, object, int, str]] = [
    ("/sms", {"text": "x"}, 422, "from"),
    ("/sms", {"from": "+4930901820", "text": "x" * 1_601}, 422, "text"),
    ("/sms", {"from": "+4930901820", "text": ["x"]}, 422, "text"),
    ("/sms", ["x"], 422, "json"),
    ("/calls", {"from": "+4930901820", "pace": "fast"}, 422, "pace"),
    ("/calls", {"from": "+4930901820", "pace": -1}, 422, "pace"),
    ("/calls/CA0/digits", {"digits": "1"}, 404, "no_call"),
    ("/misbehave", {"world": "end"}, 422, "misbehave"),
    ("/misbehave", {"duplicate": "many"}, 422, "misbehave"),
    ("/mail", {"from": "nobody", "text": "x"}, 422, "from"),
    ("/mail", {"from": "lena@example.org", "text": "  "}, 422, "text"),
    ("/mail", {"from": "lena@example.org", "text": "x", "subject": "a\r\nBcc: all@example.org"}, 422, "not_sent"),
    ("/mail", {"from": "lena@example.org", "text": "x", "to": "no address"}, 422, "not_sent"),
]


async def test_a_request_that_makes_no_sense_is_told_so(sandbox: Sandbox, subtests: pytest.Subtests) -> None:
    for path, body, status, code in SENSELESS:
        with subtests.test(path=path, code=code):
            response = await sandbox.api.post("/sandbox" + path, json=body)
            assert (response.status_code, response.json()["error"]["code"]) == (status, code)
    assert (await sandbox.get("/ledger"))["items"] == []


async def test_another_name_for_this_machine_does_not_open_the_door(sandbox: Sandbox) -> None:
    """A stranger's page whose name was made to lead here would otherwise count as the sandbox's own."""
    response = await sandbox.api.get("/sandbox/ledger", headers={"Host": "rebound.example"})
    assert response.status_code == 400


async def test_another_page_in_the_same_browser_is_turned_away(sandbox: Sandbox) -> None:
    body = {"from": "+4930901820", "text": "forged"}
    elsewhere = await sandbox.api.post("/sandbox/sms", json=body, headers={"Origin": "https://elsewhere.example"})
    assert elsewhere.status_code == 403
    plain = await sandbox.api.post(
        "/sandbox/sms", content=b'{"from":"+4930901820","text":"x"}', headers={"Content-Type": "text/plain"}
    )
    assert plain.status_code == 415
    assert (await sandbox.get("/sms", number="+4930901820"))["items"] == []


async def test_one_telephone_is_on_one_call_at_a_time(hub: FakeHub, sandbox: Sandbox) -> None:
    hub.script["/webhooks/twilio_voice"] = "<Response><Pause length='60'/></Response>"
    call = await sandbox.post("/calls", **{"from": "+4930901820", "pace": 1})
    again = await sandbox.api.post("/sandbox/calls", json={"from": "+4930901820"})
    assert again.status_code == 409
    deaf = await sandbox.post(f"/calls/{call['sid']}/digits", digits="1", wait_ms=0)
    assert deaf["listening"] is False
    await sandbox.post(f"/calls/{call['sid']}/hang_up")
    late = await sandbox.api.post(f"/sandbox/calls/{call['sid']}/digits", json={"digits": "1"})
    assert (late.status_code, late.json()["error"]["code"]) == (409, "over")


async def test_a_number_that_is_not_the_hubs_is_not_in_service(hub: FakeHub, sandbox: Sandbox) -> None:
    call = await sandbox.post("/calls", **{"from": "+4930901820", "to": "+15005550001"})
    over = await sandbox.call_until(call["sid"], "ended")
    assert over["status"] == "failed"
    assert hub.heard == []


async def test_the_sandbox_ends_in_order_when_its_input_ends(sandbox: Sandbox) -> None:
    assert sandbox.process.stdin is not None
    sandbox.process.stdin.close()
    async with asyncio.timeout(WITHIN_S):
        assert await sandbox.process.wait() == 0


async def test_an_open_stream_does_not_keep_the_sandbox_from_ending(sandbox: Sandbox) -> None:
    async with sandbox.api.stream("GET", "/sandbox/stream?number=%2B4930901820") as stream:
        lines = stream.aiter_lines()
        async with asyncio.timeout(WITHIN_S):
            async for line in lines:
                if line.startswith("data:"):
                    break
        sandbox.process.terminate()
        async with asyncio.timeout(WITHIN_S):
            assert await sandbox.process.wait() == 0


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's signal on a parent's death is Linux's")
async def test_the_sandbox_dies_with_its_parent(tmp_path: Path) -> None:
    parent = textwrap.dedent(
        """
        import json, os, subprocess, sys, time
        child = subprocess.Popen([sys.executable, "-m", "contact_center.sandbox"], stdout=subprocess.PIPE,
                                 stdin=subprocess.DEVNULL)
        child.stdout.readline()
        print(child.pid, flush=True)
        time.sleep(600)
        """
    )
    environment = {
        **os.environ,
        "CONTACT_CENTER_SANDBOX_PORT": "0",
        "CONTACT_CENTER_SANDBOX_SMTP_PORT": "0",
        "CONTACT_CENTER_SANDBOX_IMAP_PORT": "0",
        "CONTACT_CENTER_TWILIO_AUTH_TOKEN": "t",
        "CONTACT_CENTER_SANDBOX_MAIL_PASSWORD": "p",
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", parent, env=environment, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    async with asyncio.timeout(WITHIN_S):
        child = int(await process.stdout.readline())
        process.send_signal(signal.SIGKILL)
        await process.wait()
        while _lives(child):  # noqa: ASYNC110  # a process that isn't our child can only be looked at
            await asyncio.sleep(0.02)


def _lives(process_id: int) -> bool:
    try:
        state = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_settings_that_are_missing_or_wrong_are_named() -> None:
    with pytest.raises(ValueError, match="CONTACT_CENTER_SANDBOX_MAIL_PASSWORD"):
        Settings.read({"CONTACT_CENTER_TWILIO_AUTH_TOKEN": "t"})
    both = {"CONTACT_CENTER_TWILIO_AUTH_TOKEN": "t", "CONTACT_CENTER_SANDBOX_MAIL_PASSWORD": "p"}
    with pytest.raises(ValueError, match="CONTACT_CENTER_SANDBOX_PORT must be a number"):
        Settings.read({**both, "CONTACT_CENTER_SANDBOX_PORT": "eighty"})
    assert Settings.read(both).host == "127.0.0.1"
