"""kill -9 the hub while the world goes on: the fallback, a process of its own, takes what comes, and once the hub is
back everything is there, once."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from contact_center.sandbox.settings import DEMO_ACCOUNT
from tests.channels.twilio_fake import ACCOUNT, TOKEN
from tests.fallback.standing_in import TwiML
from tests.hub import SHORT_IDLE, STARTS_WITHIN_S, VOICE_NUMBER, WITHIN_S, HubProcess, Twilio, house
from tests.recordings.provider import a_provider
from tests.sandbox.conftest import started
from tests.sandbox.fake_hub import TOKEN as SANDBOX_TOKEN
from tests.servers.ports import free_port

LENA = "+4915112345678"
TEXTS, CALLS = 40, 10


class FallbackProcess:
    """``python -m contact_center fallback`` for that hub, in the folder that both share."""

    def __init__(self, hub: HubProcess) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._log = hub.folder / "fallback.log"
        self._environment = {**hub.environment, "CONTACT_CENTER_FALLBACK_PORT": str(self.port)}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "contact_center", "fallback"],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=Path(__file__).parents[2],
            )
        deadline = time.monotonic() + STARTS_WITHIN_S
        while not self._up():
            assert self._process.poll() is None and time.monotonic() < deadline, self._log.read_text()  # noqa: PT018
            time.sleep(0.05)

    def _up(self) -> bool:
        with contextlib.suppress(httpx.TransportError):
            return httpx.get(f"{self.url}/health", timeout=WITHIN_S).status_code == 200
        return False

    def end(self, how: signal.Signals = signal.SIGTERM) -> int:
        assert self._process is not None
        self._process.send_signal(how)
        code = self._process.wait(WITHIN_S)
        self._process = None
        return code

    @asynccontextmanager
    async def running(self) -> AsyncIterator[FallbackProcess]:
        await asyncio.to_thread(self.start)
        try:
            yield self
        finally:
            if self._process is not None:
                await asyncio.to_thread(self.end, signal.SIGKILL)


async def a_text(twilio: Twilio, number: int) -> str:
    return await twilio.sms(f"+4915112345{number % 20:03d}", f"text {number}", sid=f"SM{number:032x}")


async def a_call(twilio: Twilio, number: int) -> TwiML:
    form = {"CallSid": f"CA{number:032x}", "AccountSid": ACCOUNT, "From": f"+4915199900{number:03d}"}
    answer = await twilio.post("/twilio_voice", {**form, "To": VOICE_NUMBER, "CallStatus": "ringing"})
    assert answer.status_code == 200, answer.text
    return TwiML(answer.content)


async def log_of(hub: HubProcess) -> list[dict[str, Any]]:
    async with hub.http() as rest:
        items: list[dict[str, Any]] = (await rest.get("/api/v1/events", params={"limit": "1000"})).json()["items"]
    return items


@pytest.mark.crash
@pytest.mark.timeout(900)
async def test_nothing_is_lost_while_the_hub_is_dead(database_url: str, tmp_path: Path) -> None:
    async with a_provider() as provider:
        settings = {
            "CONTACT_CENTER_TWILIO_ACCOUNT_SID": ACCOUNT,
            "CONTACT_CENTER_TWILIO_AUTH_TOKEN": TOKEN,
            "CONTACT_CENTER_TWILIO_REST_URL": provider.url,
        }
        hub = HubProcess(tmp_path, database_url, config=house(), environment=settings)
        fallback = FallbackProcess(hub)
        async with (
            hub.running(),
            fallback.running(),
            httpx.AsyncClient(base_url=fallback.url, timeout=WITHIN_S, limits=SHORT_IDLE) as http,
        ):
            twilio = Twilio(http, fallback.url, TOKEN)
            hub.kill9()
            for number in range(TEXTS):
                await a_text(twilio, number)
                if number == TEXTS // 2:  # the fallback, too, loses its power
                    await asyncio.to_thread(fallback.end, signal.SIGKILL)
                    await asyncio.to_thread(fallback.start)
                if number % 4 == 0:
                    await a_text(twilio, number)
            for number in range(CALLS):
                heard = await a_call(twilio, number)
                assert "Gather" in heard.verbs
                assert heard.words
            assert (await http.get("/health")).json()["hub"] == "away"
            await asyncio.to_thread(hub.start)
            deadline = time.monotonic() + STARTS_WITHIN_S
            while (health := (await http.get("/health")).json())["waiting"] or health["hub"] != "there":
                assert time.monotonic() < deadline, health
                await asyncio.sleep(0.5)
            told = {"message.received": TEXTS, "call.arrived": CALLS, "customer.left": CALLS}
            log = await log_with(hub, *Counter(told).elements())
            found = Counter((event["kind"], event["source_id"]) for event in log)
            assert [key for key, times in found.items() if times > 1] == []
            kinds = Counter(event["kind"] for event in log)
            assert kinds["message.received"] == TEXTS
            assert kinds["call.arrived"] == CALLS
            assert kinds["customer.left"] == CALLS, "nobody waits on a line that is dead"
            texts = [event["body"]["text"] for event in log if event["kind"] == "message.received"]
            assert texts == [f"text {number}" for number in range(TEXTS)]
            assert list((tmp_path / "data" / "fallback").glob("spool-*.log")) == []
            assert await asyncio.to_thread(fallback.end) == 0
        proof = hub.command("rebuild", "--check")
        assert proof.returncode == 0, proof.stdout + proof.stderr


@pytest.mark.crash
def test_a_second_fallback_on_the_same_folder_is_refused(tmp_path: Path) -> None:
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("CONTACT_CENTER_")},
        "CONTACT_CENTER_DATA_DIR": str(tmp_path),
        "CONTACT_CENTER_FALLBACK_PORT": "0",
    }
    command = [sys.executable, "-m", "contact_center", "fallback"]
    root = Path(__file__).parents[2]
    first = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True, cwd=root)
    try:
        assert first.stdout is not None
        assert "listens" in first.stdout.readline()
        second = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=STARTS_WITHIN_S, cwd=root, check=False
        )
        assert second.returncode == 2
        assert "Another process" in second.stderr
    finally:
        first.terminate()
        first.communicate(timeout=WITHIN_S)


@pytest.mark.crash
@pytest.mark.timeout(900)
async def test_a_caller_of_a_dead_hub_leaves_a_message_and_a_text_that_nobody_took_is_asked_for(
    database_url: str, tmp_path: Path
) -> None:
    """The carrier is the sandbox's, over real HTTP: it turns to the fallback by itself, keeps the recording until the
    hub fetches and erases it, and remembers the text that no webhook could deliver."""
    hub = HubProcess(tmp_path, database_url, config=house())
    hub.environment |= {
        "CONTACT_CENTER_TWILIO_ACCOUNT_SID": DEMO_ACCOUNT,
        "CONTACT_CENTER_TWILIO_AUTH_TOKEN": SANDBOX_TOKEN,
    }
    fallback = FallbackProcess(hub)
    voice = f"{fallback.url}/webhooks/twilio_voice"
    async with started(hub.url, tmp_path, CONTACT_CENTER_SANDBOX_FALLBACK_URL=voice) as sandbox:
        hub.environment["CONTACT_CENTER_TWILIO_REST_URL"] = sandbox.page
        async with hub.running(), fallback.running():
            hub.kill9()
            call = await sandbox.post("/calls", **{"from": LENA})
            await sandbox.call_until(call["sid"], "recording")
            await sandbox.post(f"/calls/{call['sid']}/speech", text="Please call me back about order 1001.")
            await sandbox.post(f"/calls/{call['sid']}/digits", digits="#")
            await sandbox.call_until(call["sid"], "ended")
            heard = " ".join(text for _, text in await sandbox.heard(call["sid"]))
            assert "感谢您的来电" in heard
            assert "Your message is safe with us" in heard
            assert "error" not in heard
            await sandbox.post("/sms", **{"from": LENA, "text": "Did you get my message?"})
            await asyncio.to_thread(hub.start)
            log = await log_with(hub, "recording.kept", "message.received", "voicemail.received")
            kinds = Counter(event["kind"] for event in log)
            assert kinds["call.arrived"] == 1
            assert kinds["message.received"] == 1
            kept = next(event for event in log if event["kind"] == "recording.kept")
            assert kept["body"]["state"] == "stored"
            async with hub.http() as rest:
                sound = await rest.get(f"/api/v1/recordings/{kept['body']['recording_id']}")
                assert sound.content.startswith(b"RIFF")
                waiting = (await rest.get("/api/v1/interactions", params={"state": "waiting"})).json()["items"]
                assert sorted(item["medium"] for item in waiting) == ["other", "sms"]


async def log_with(hub: HubProcess, *kinds: str) -> list[dict[str, Any]]:
    """The hub's log, once so many of each of these kinds are in it: while anybody writes, it is behind."""
    deadline = time.monotonic() + STARTS_WITHIN_S
    while True:
        log = await log_of(hub)
        if Counter(kinds) <= Counter(event["kind"] for event in log):
            return log
        assert time.monotonic() < deadline, [(event["kind"], event["body"]) for event in log]
        await asyncio.sleep(0.5)
