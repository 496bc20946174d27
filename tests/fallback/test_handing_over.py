"""What the fallback kept comes into the hub once, whatever happens on the way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from channels.contract import Request
from contact_center.domain.events import CallArrived, CustomerLeft, MessageReceived, RecordingKept
from contact_center.fallback.kept import Kept, plain
from contact_center.fallback.standby import ATTEMPTS
from tests.channels.twilio_fake import ACCOUNT
from tests.fallback.standing_in import LENA, Fallback, TwiML, a_fallback
from tests.hub import TestHub, open_test_hub
from tests.recordings.provider import Provider, a_provider

CALL = "CA" + "1" * 32
RECORDING = "RE" + "2" * 32
KEY = "the key that both share"
WAV = b"RIFF\x24\x00\x00\x00WAVEfmt and some sound"


@asynccontextmanager
async def both(database_url: str, folder: Path, **more: Any) -> AsyncIterator[tuple[TestHub, Fallback, Provider]]:
    """A hub that is up, and a fallback that took things while it was not."""
    async with (
        a_provider() as provider,
        open_test_hub(
            database_url, folder, environment=provider.settings, fallback_key=KEY, public_url="https://hub.example"
        ) as hub,
        a_fallback(folder / "spool", hub=hub.url, **{"key": KEY, **more}) as fallback,
    ):
        yield hub, fallback, provider


async def leave_a_message(fallback: Fallback, sid: str = CALL) -> None:
    heard = await fallback.call(sid)
    for _ in range(ATTEMPTS):
        heard = await fallback.follow(heard, sid)
    await fallback.follow(heard, sid, RecordingSid=RECORDING, RecordingDuration="9", Digits="hangup")
    form = {
        "CallSid": sid,
        "AccountSid": ACCOUNT,
        "RecordingSid": RECORDING,
        "RecordingStatus": "completed",
        "RecordingDuration": "9",
    }
    answer = await fallback.twilio.post("/twilio_voice/recording?purpose=voicemail", form)
    assert answer.is_success


async def listen(hub: TestHub, who: str) -> int:
    cookie = {"Cookie": f"cch_session={await hub.cookie_of(who)}"}
    answer = await hub.anonymous.get(f"/api/v1/recordings/{RECORDING}", headers=cookie)
    assert answer.status_code != 200 or answer.content == WAV
    return answer.status_code


async def texts(hub: TestHub) -> list[str]:
    return [event.body.text for event in await hub.log() if isinstance(event.body, MessageReceived)]


async def test_everything_comes_in_once_and_in_order(database_url: str, tmp_path: Path) -> None:
    async with both(database_url, tmp_path) as (hub, fallback, _):
        for number in range(50):
            await fallback.twilio.sms(LENA, f"text {number}")
        await fallback.hand_all_over()
        assert await texts(hub) == [f"text {number}" for number in range(50)]
        assert len(fallback.spool) == 0
        assert fallback.spool.size == 0
        await fallback.hand_all_over()
        assert len(await texts(hub)) == 50


async def test_what_was_handed_over_without_an_answer_is_handed_over_again_and_comes_in_once(
    database_url: str, tmp_path: Path
) -> None:
    async with both(database_url, tmp_path) as (hub, fallback, _):
        await fallback.twilio.sms(LENA, "hello")
        await fallback.call(CALL)
        fallback.advance(60_000)
        batch = await asyncio.to_thread(fallback.hand_over._batch, fallback.standby)
        body = {"requests": [plain(kept) for kept in batch]}
        for _ in range(3):  # the hub took it in, and its answer was lost
            answer = await hub.anonymous.post(
                "/api/v1/fallback/requests", json=body, headers={"Authorization": f"Bearer {KEY}"}
            )
            assert answer.json()["done"] == [1, 2]
        await fallback.hand_all_over()
        assert await texts(hub) == ["hello"]
        log = await hub.log()
        assert sum(isinstance(event.body, CallArrived) for event in log) == 1
        assert sum(isinstance(event.body, CustomerLeft) for event in log) == 1
        assert len(fallback.spool) == 0


async def test_what_the_hub_had_seen_before_it_went_is_not_doubled(database_url: str, tmp_path: Path) -> None:
    async with both(database_url, tmp_path) as (hub, fallback, _):
        sid = await hub.twilio.sms(LENA, "once")
        await fallback.twilio.sms(LENA, "once", sid=sid)
        await fallback.hand_all_over()
        assert await texts(hub) == ["once"]


async def test_a_caller_who_gave_up_is_never_offered_to_anybody(database_url: str, tmp_path: Path) -> None:
    async with both(database_url, tmp_path) as (hub, fallback, _), hub.at_work("mei") as (mei,):
        await fallback.call(CALL)
        await fallback.hand_all_over()
        record = await hub.record(await hub.only_interaction())
        assert (record.state, record.ended_reason) == ("ended", "abandoned")
        assert record.point == LENA
        assert [frame for frame in mei.frames if frame["type"] == "announce"][1:] == []
        assert await hub.rows("offers") == []


async def test_a_message_left_at_the_fallback_is_work_with_its_recording(database_url: str, tmp_path: Path) -> None:
    async with both(database_url, tmp_path) as (hub, fallback, provider):
        provider.files[RECORDING] = WAV
        async with hub.at_work("mei") as (mei,):
            await leave_a_message(fallback)
            await fallback.hand_all_over()
            call_id, work_id = sorted(await hub.interactions())
            call = await hub.record(call_id)
            assert call.state == "ended"
            assert call.case_id == (await hub.record(work_id)).case_id

            async def stored() -> bool:
                return [row["state"] for row in await hub.rows("recordings")] == ["stored"]

            await hub.eventually(stored, "the recording")
            kept = [event.body for event in await hub.log(call_id) if isinstance(event.body, RecordingKept)]
            assert [(each.state, each.purpose) for each in kept] == [("stored", "voicemail")]
            work = await hub.record(work_id)
            assert (work.queue, work.medium) == ("support", "other")
            await mei.accept(work_id)
            heard = {who: await listen(hub, who) for who in ("sana", "mei", "jonas")}
            assert heard == {"sana": 200, "mei": 200, "jonas": 404}, "whoever has the work hears the message"
        (item,) = (await hub.get("recordings", interaction_id=work_id))["items"]
        assert item["recording_id"] == RECORDING


async def test_a_caller_who_was_sent_on_is_the_hubs(database_url: str, tmp_path: Path) -> None:
    """The hub answers the call itself, and what the fallback kept of it changes nothing."""
    async with both(database_url, tmp_path) as (hub, fallback, _):
        heard = await fallback.call(CALL)
        fallback.there[0] = True
        heard = await fallback.follow(heard, CALL)
        assert heard.address() == "https://hub.example/webhooks/twilio_voice"
        form = {"CallSid": CALL, "AccountSid": ACCOUNT, "From": LENA, "To": "+12025550100", "CallStatus": "ringing"}
        answer = await hub.twilio.post("/twilio_voice", form)
        assert answer.is_success
        assert TwiML(answer.content).verbs
        await fallback.hand_all_over()
        record = await hub.record(await hub.only_interaction())
        assert record.state == "waiting"
        assert len(fallback.spool) == 0


async def test_a_call_that_the_hub_hears_of_meanwhile_is_alive(database_url: str, tmp_path: Path) -> None:
    """The fallback has not heard of it for a while because the hub has taken it."""
    async with both(database_url, tmp_path) as (hub, fallback, _):
        caller = hub.twilio.call(LENA)
        await caller.arrive()
        await fallback.call(caller.sid)
        fallback.advance(30_000)
        hub.advance(30_000)
        interaction_id = await hub.only_interaction()
        position = (await hub.log(interaction_id))[-1].id
        await caller.press(f"hold.{position}", "")
        await fallback.hand_over.look(fallback.standby)
        assert (await hub.record(interaction_id)).state in ("waiting", "flow")


async def test_what_nobody_understands_goes_to_quarantine_and_stops_nothing(
    database_url: str, tmp_path: Path
) -> None:
    async with both(database_url, tmp_path) as (hub, fallback, _):
        await fallback.twilio.post("/twilio_voice", {"AccountSid": ACCOUNT, "From": LENA})
        await fallback.twilio.sms(LENA, "after it")
        await fallback.hand_all_over()
        assert await texts(hub) == ["after it"]
        (held,) = (await hub.get("quarantine"))["items"]
        assert held["channel"] == "twilio_voice"
        assert "CallSid" in held["reason"]
        assert len(fallback.spool) == 0


async def test_a_channel_that_the_hub_has_not_goes_to_quarantine(database_url: str, tmp_path: Path) -> None:
    async with both(database_url, tmp_path) as (hub, _, _provider):
        strange = Kept("pigeon", hub.clock.now, request=_request(), number=7)
        answer = await hub.anonymous.post(
            "/api/v1/fallback/requests",
            json={"requests": [plain(strange)]},
            headers={"Authorization": f"Bearer {KEY}"},
        )
        assert answer.json() == {"done": [7], "new": 0, "quarantined": 1, "busy": False}
        (held,) = (await hub.get("quarantine"))["items"]
        assert held["channel"] == "pigeon"


def _request() -> Request:
    return Request("POST", "https://fallback.example/webhooks/pigeon", "", "", {}, b"coo")


async def test_without_the_key_there_is_nothing_and_nothing_is_lost(database_url: str, tmp_path: Path) -> None:
    async with both(database_url, tmp_path, key="another key, of somebody else") as (hub, fallback, _):
        await fallback.twilio.sms(LENA, "hello")
        await fallback.hand_all_over()
        assert await hub.interactions() == []
        assert len(fallback.spool) == 1
        assert "404" in fallback.hand_over.reason
        assert (await hub.http.post("/api/v1/fallback/requests", json={"requests": []})).status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'{"requests": 1}',
        b'{"requests": [1]}',
        b'{"requests": [{"channel": 1, "at": 0, "thread": ""}]}',
        b'{"requests": [{"channel": "twilio_sms", "at": -1, "thread": ""}]}',
        b'{"requests": [{"channel": "twilio_sms", "at": 1, "thread": "", "request": {"method": "POST"}}]}',
        b'{"requests": [{"channel": "twilio_sms", "at": 1, "thread": "", "request": {"method": "POST", "url": "", '
        b'"path": "", "query": "", "headers": {}, "body": "***"}}]}',
        b'{"requests": ' + b"[" * 50_000,
    ],
)
async def test_nonsense_with_the_key_is_refused_politely(body: bytes, database_url: str, tmp_path: Path) -> None:
    async with both(database_url, tmp_path) as (hub, _, _provider):
        answer = await hub.anonymous.post(
            "/api/v1/fallback/requests", content=body, headers={"Authorization": f"Bearer {KEY}"}
        )
        assert answer.status_code == 422, answer.text


async def test_a_hub_that_is_away_or_not_ready_is_left_alone(tmp_path: Path) -> None:
    async with a_fallback(tmp_path, hub="http://127.0.0.1:9") as fallback:
        await fallback.twilio.sms(LENA, "hello")
        await fallback.hand_all_over()
        assert not fallback.hand_over.hub_is_there()
        assert len(fallback.spool) == 1
