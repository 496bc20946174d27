"""What was lost while the hub was away comes in as if its webhook had come: the same events, the same source ids."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import pytest

from channels.contract import Request, Retry
from contact_center.domain.events import CallArrived, CallLeg, CustomerLeft, RecordingChanged
from tests.channels.conformance import NOW
from tests.channels.fake_hub import FakeHub
from tests.channels.twilio_fake import Told
from tests.channels.twilio_voice.test_calling import ADD, CALL, CALL_OUT, CONNECT, HOOKS, opened

SINCE = NOW - 60_000
BEGAN = "Wed, 18 Nov 2026 11:06:00 +0000"
ENDED = "Wed, 18 Nov 2026 11:06:30 +0000"
EARLIER = "Wed, 18 Nov 2026 11:05:00 +0000"
RECORDING = "RE9b0e8ae6ade43cb3c0ce4525424e404f"
OURS = {"phone_number": "+14155550199", "voice_url": HOOKS}


def call(sid: str = CALL, status: str = "completed", direction: str = "inbound", **more: Any) -> dict[str, Any]:
    usual = {"from": "+14155550100", "to": "+14155550199", "start_time": BEGAN, "end_time": ENDED}
    return {"sid": sid, "status": status, "direction": direction} | usual | more


def recording(status: str = "completed", source: str = "StartCallRecordingAPI", **more: Any) -> dict[str, Any]:
    usual = {"sid": RECORDING, "call_sid": CALL, "duration": "21", "channels": 2, "error_code": None}
    return usual | {"status": status, "source": source, "date_created": BEGAN, "start_time": BEGAN} | more


def webhook(door: str, **form: str) -> Request:
    """The webhook as Twilio would have sent it."""
    query = door.partition("?")[2]
    return Request("POST", HOOKS + door, door.partition("?")[0], query, {}, urlencode(form).encode())


async def test_a_call_that_came_and_went_is_told_as_its_webhooks_would_have_told_it() -> None:
    async with opened() as (channel, fake):
        fake.lists = {"IncomingPhoneNumbers": [OURS], "Calls": [call(caller_name="WANG")]}
        found = [event for parsed in await channel.missed(SINCE, NOW) for event in parsed.events]
        form = {"CallSid": CALL, "From": "+14155550100", "To": "+14155550199", "Direction": "inbound"}
        arrived = channel.parse(webhook("", **form, CallStatus="ringing", CallerName="WANG"), NOW).events
        left = channel.parse(webhook("/status", **form, CallStatus="completed", Timestamp=ENDED), NOW).events
        assert found == [*arrived, *left]
        assert [type(event.body) for event in found] == [CallArrived, CustomerLeft]
        listed = next(asked for asked in fake.asked if asked.path == "Calls.json")
        assert listed.query["EndTime>"] == "2026-11-18T11:05:40Z"


async def test_every_page_is_read() -> None:
    async with opened() as (channel, fake):
        fake.lists = {"IncomingPhoneNumbers": [OURS], "Calls": [call("CA" + "2" * 32)]}
        next_page = f"/2010-04-01/Accounts/{channel.account_sid}/Calls.json?Page=1&PageSize=1000&PageToken=PACA1"
        first = {"calls": [call("CA" + "1" * 32)], "page_size": 1_000, "next_page_uri": next_page}
        fake.answer_next(None, Told(200, body=json.dumps(first)))
        found = [event.source_id for parsed in await channel.missed(SINCE, NOW) for event in parsed.events]
        assert found == [f"CA{sid * 32}{end}" for sid in "12" for end in ("", ":status:completed")]


async def test_a_call_that_goes_on_or_was_over_before_is_left_alone() -> None:
    async with opened() as (channel, fake):
        fake.lists = {
            "IncomingPhoneNumbers": [OURS],
            "Calls": [call(status="in-progress", end_time=None), call(end_time=EARLIER)],
            "Recordings": [recording(date_created=EARLIER)],
        }
        assert await channel.missed(SINCE, NOW) == []


async def test_calls_to_numbers_of_other_programs_are_none_of_ours() -> None:
    other = {"phone_number": "+14155550199", "voice_url": "https://other.example.com/voice"}
    async with opened() as (channel, fake):
        fake.lists = {"IncomingPhoneNumbers": [other], "Calls": [call()]}
        assert await channel.missed(SINCE, NOW) == []
    async with opened(numbers=["+14155550199"]) as (channel, fake):
        fake.lists = {"IncomingPhoneNumbers": [other], "Calls": [call()]}
        assert len(await channel.missed(SINCE, NOW)) == 2, "one that leads here by an application is named"


async def test_a_provider_without_a_list_of_numbers_has_one_customer() -> None:
    async with opened() as (channel, fake):
        fake.answer_next(Told(404, 20404, "not found"))
        fake.lists = {"Calls": [call()]}
        assert len(await channel.missed(SINCE, NOW)) == 2


async def test_a_leg_that_we_rang_is_remembered_with_where_its_reports_go() -> None:
    hub = FakeHub()
    async with opened() as (channel, fake):
        await channel.listen(hub)
        party = (await channel.send(ADD)).provider_id
        fake.lists["Calls"] = [call(party, "no-answer", "outbound-api", to="+14155550177")]
        [parsed] = await channel.missed(SINCE, NOW)
        [event] = parsed.events
        assert event.body == CallLeg("party", "failed", party, "no-answer", party_id="p-7")
        assert (event.source_id, event.thread.key) == (f"{party}:status:no-answer", CALL)


async def test_a_customer_whom_we_rang_is_remembered_too() -> None:
    hub = FakeHub()
    async with opened() as (channel, fake):
        await channel.listen(hub)
        rung = (await channel.send(CALL_OUT)).provider_id
        ended = {"from": "+14155550199", "to": "+14155550100"}
        fake.lists["Calls"] = [call(rung, "completed", "outbound-api", **ended)]
        [parsed] = await channel.missed(SINCE, NOW)
        [event] = parsed.events
        assert event.body == CustomerLeft("completed")
        assert (event.thread.key, event.thread.ours) == (rung, (CONNECT.interaction_id,))
        assert event.sender is not None
        assert event.sender.value == "+14155550100"


async def test_a_leg_that_nobody_remembers_is_nobodys_business() -> None:
    async with opened() as (channel, fake):
        await channel.listen(FakeHub())
        fake.lists["Calls"] = [
            call("CA" + "9" * 32, "completed", "outbound-api"),
            call("CA" + "8" * 32, "completed", "outbound-dial"),
        ]
        assert await channel.missed(SINCE, NOW) == []


async def test_the_memory_of_legs_does_not_grow_for_ever() -> None:
    hub = FakeHub()
    async with opened() as (channel, _):
        await channel.listen(hub)
        for leg in range(10_000):
            await channel._remember_leg(f"CA{leg:032x}", "/agent-status?party=p")
        assert len(hub.memory) <= 4_096


async def test_a_telephone_that_rings_is_not_undone_by_a_hub_that_cannot_remember() -> None:
    class Forgetful(FakeHub):
        async def remember(self, key: str, value: str) -> None:
            raise OSError("no space left")

    async with opened() as (channel, _):
        await channel.listen(Forgetful())
        assert (await channel.send(ADD)).provider_id


@pytest.mark.parametrize(
    ("source", "purpose"), [("StartCallRecordingAPI", "call"), ("RecordVerb", "voicemail"), ("Trunking", "")]
)
async def test_a_recording_is_told_as_its_webhook_would_have_told_it(source: str, purpose: str) -> None:
    async with opened() as (channel, fake):
        fake.lists = {"Recordings": [recording(source=source)]}
        found = [event for parsed in await channel.missed(SINCE, NOW) for event in parsed.events]
        if not purpose:
            assert found == [], "we never asked for this one"
            return
        form = {"CallSid": CALL, "RecordingSid": RECORDING, "RecordingStatus": "completed"}
        counts = {"RecordingDuration": "21", "RecordingChannels": "2"}
        told = webhook(f"/recording?purpose={purpose}", **form, **counts, RecordingStartTime=BEGAN)
        assert tuple(found) == channel.parse(told, NOW).events


async def test_a_recording_on_its_way_is_waited_for_and_a_missing_one_said() -> None:
    async with opened() as (channel, fake):
        fake.lists = {"Recordings": [recording("processing"), recording("absent", error_code=16101)]}
        [parsed] = await channel.missed(SINCE, NOW)
        body = parsed.events[0].body
        assert isinstance(body, RecordingChanged)
        assert (body.state, body.reason) == ("absent", "16101: too short to be kept")


@pytest.mark.parametrize("answer", [Told(500), Told(503), Told(401, 20003, "Authenticate"), Told(200, body="{")])
async def test_a_provider_that_does_not_answer_is_asked_again(answer: Told) -> None:
    async with opened() as (channel, fake):
        fake.answer_next(answer)
        with pytest.raises(Retry):
            await channel.missed(SINCE, NOW)
