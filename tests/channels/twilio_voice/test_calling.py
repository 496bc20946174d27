"""What Twilio is asked when a caller is connected, spoken to or hung up on, and what its answers mean."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree

import pytest

from channels.contract import Context, NotSent, Outgoing, Rejected, Request, Retry, Uncertain
from channels.twilio_voice import TwilioVoice, open_channel
from contact_center.domain.contact_points import ContactPoint
from tests.channels.conformance import NOW
from tests.channels.twilio_fake import Told, TwilioFake, twilio_fake
from tests.channels.twiml_lint import lint

CALL = "CA1f0e8ae6ade43cb3c0ce4525424e404f"
HOOKS = "https://hub.example.com/webhooks/twilio_voice"
CONNECT = Outgoing(
    verb="connect",
    outbox_id="outbox-1",
    interaction_id="01k9zq0v7m3s8h2d4f6g8j0kqa",
    case_id=1,
    created_at=NOW,
    attempt=1,
    thread_key=CALL,
    recipient=ContactPoint("phone", "+14155550100"),
    sender=ContactPoint("phone", "+14155550199"),
    offer_id="offer-1",
    agent_id="agent-7",
    agent_address="client:agent-7",
    language="zh-CN",
)
HANG_UP = replace(CONNECT, verb="hang_up")
SPEAK = replace(CONNECT, verb="message", text="您的订单 <1042> 今天发货。")
OVER = Told(400, 21220, "Invalid call state")


@asynccontextmanager
async def opened(**config: object) -> AsyncIterator[tuple[TwilioVoice, TwilioFake]]:
    async with twilio_fake() as fake:
        context = Context("twilio_voice", "https://hub.example.com", fake.settings, config, b"")
        channel = open_channel(context)
        try:
            yield channel, fake
        finally:
            await channel.close()


async def outcome(message: Outgoing, *answers: Told | None) -> tuple[NotSent, TwilioFake]:
    async with opened() as (channel, fake):
        fake.answer_next(*answers)
        with pytest.raises(NotSent) as not_sent:
            await channel.send(message)
        return not_sent.value, fake


async def test_the_customer_moves_into_a_room_and_then_the_agent_is_called() -> None:
    async with opened() as (channel, fake):
        sent = await channel.send(CONNECT)
        customer, agent = fake.asked
        assert customer.path == f"Calls/{CALL}.json"
        assert agent.path == "Calls.json"
        assert sent.provider_id == f"CA{2:032x}"
        assert [(name, agent.all(name)) for name in ("To", "From", "Timeout", "StatusCallbackEvent")] == [
            ("To", ["client:agent-7"]),
            ("From", ["+14155550199"]),
            ("Timeout", ["20"]),
            ("StatusCallbackEvent", ["ringing", "completed"]),
        ]
        about = {"offer": ["offer-1"], "room": ["call-01k9zq0v7m3s8h2d4f6g8j0kqa"], "call": [CALL]}
        for name, door in (("Url", "/agent"), ("StatusCallback", "/agent-status")):
            url = urlsplit(agent[name])
            assert (agent[name].partition("?")[0], parse_qs(url.query)) == (HOOKS + door, about)


async def test_the_customers_room_is_transcribed_opens_with_the_agent_and_closes_with_the_customer() -> None:
    async with opened() as (channel, fake):
        await channel.send(CONNECT)
        document = fake.asked[0]["Twiml"].encode()
        assert lint(document) == []
        assert len(document) < 4_000, "Twilio takes no more in a parameter"
        start, dial = ElementTree.fromstring(document)
        assert start[0].attrib | {"statusCallbackMethod": "POST"} == {
            "name": "conversation",
            "statusCallbackUrl": f"{HOOKS}/transcript?call={CALL}",
            "statusCallbackMethod": "POST",
            "track": "both_tracks",
            "partialResults": "false",
            "languageCode": "cmn-Hans-CN",
        }
        assert dial.attrib == {"action": f"{HOOKS}/left", "method": "POST", "timeLimit": "14400"}
        assert dial[0].text == "call-01k9zq0v7m3s8h2d4f6g8j0kqa"
        assert dial[0].attrib == {
            "participantLabel": "customer",
            "startConferenceOnEnter": "false",
            "endConferenceOnExit": "true",
            "beep": "false",
            "waitUrl": f"{HOOKS}/hold?language=zh-CN&in=room",
            "waitMethod": "POST",
            "statusCallback": f"{HOOKS}/conference?call={CALL}",
            "statusCallbackEvent": "join leave",
            "statusCallbackMethod": "POST",
        }


async def test_transcription_can_be_switched_off() -> None:
    async with opened(transcribe=False) as (channel, fake):
        await channel.send(CONNECT)
        assert "Transcription" not in fake.asked[0]["Twiml"]


@pytest.mark.parametrize("address", ["client:agent-7", "sip:mei@pbx.example.com", "+8613800138000"])
async def test_an_agent_is_called_wherever_they_may_sit(address: str) -> None:
    async with opened() as (channel, fake):
        await channel.send(replace(CONNECT, agent_address=address))
        assert fake.asked[1]["To"] == address


@pytest.mark.parametrize(
    "address",
    [
        *("", "agent-7", "client:", "client:a b", "client:a&From=+1900", "client:" + "a" * 200),
        *("sip:a@b@c", "sip:a@b;transport=tcp?X=y", "sip:a@b\r\nX: y", "tel:+14155550100", "whatsapp:+14155550100"),
        *("+1", "0019005550100", "*67+14155550100", "+1 415 555 0100", "+1415555٣100", "+14155550100;ext=1"),
        "+" + "1" * 40,
    ],
)
async def test_what_is_no_agents_telephone_is_never_called(address: str) -> None:
    async with opened() as (channel, fake):
        with pytest.raises(Rejected):
            await channel.send(replace(CONNECT, agent_address=address))
        assert not fake.asked, "not even the customer may have been moved"


@pytest.mark.parametrize("call", ["", "CA1/../../Messages", "CA1?x=y", "CA 1", "CA1#", "../CA1", "CA１", "C" * 65])
@pytest.mark.parametrize("message", [CONNECT, HANG_UP, SPEAK], ids=lambda message: message.verb)
async def test_a_call_with_an_impossible_name_is_left_alone(message: Outgoing, call: str) -> None:
    async with opened() as (channel, fake):
        with pytest.raises(Rejected):
            await channel.send(replace(message, thread_key=call))
        assert not fake.asked


async def test_a_caller_who_has_hung_up_is_connected_with_nobody() -> None:
    for gone in (OVER, Told(404, 20404, "not found")):
        said, fake = await outcome(CONNECT, gone)
        assert isinstance(said, Rejected)
        assert said.reason == "The caller has hung up."
        assert len(fake.asked) == 1, "no agent's telephone may ring for nobody"


async def test_moving_the_customer_may_be_done_again() -> None:
    for answer in (Told(500), Told(broken=True), Told(503)):
        said, fake = await outcome(CONNECT, answer)
        assert isinstance(said, Retry)
        assert len(fake.asked) == 1


async def test_an_agent_who_may_have_been_called_is_not_called_again() -> None:
    for answer in (Told(500), Told(broken=True), Told(201, half=True), Told(201, body="{}")):
        said, fake = await outcome(CONNECT, None, answer)
        assert isinstance(said, Uncertain)
        assert len(fake.asked) == 2


async def test_an_agent_who_was_surely_not_called_is_called_again() -> None:
    for answer in (Told(429), Told(503)):
        said, _ = await outcome(CONNECT, None, answer)
        assert isinstance(said, Retry)


async def test_an_agents_telephone_that_twilio_refuses_is_said_in_twilios_words() -> None:
    said, _ = await outcome(CONNECT, None, Told(400, 21215, "Account not authorized to call +882123456789"))
    assert isinstance(said, Rejected)
    assert "21215" in said.reason
    assert "not authorized" in said.reason


async def test_hanging_up_ends_the_call_and_one_that_is_over_is_fine() -> None:
    for answer in (None, OVER, Told(404, 20404, "not found")):
        async with opened() as (channel, fake):
            fake.answer_next(answer)
            sent = await channel.send(HANG_UP)
            assert (sent.provider_id, sent.state) == (CALL, "delivered")
            [asked] = fake.asked
            assert (asked.path, asked.form) == (f"Calls/{CALL}.json", (("Status", "completed"),))


async def test_hanging_up_is_tried_until_it_is_certain() -> None:
    for answer in (Told(500), Told(broken=True)):
        said, _ = await outcome(HANG_UP, answer)
        assert isinstance(said, Retry)


async def test_hanging_up_for_other_reasons_refused_is_said() -> None:
    said, _ = await outcome(HANG_UP, Told(400, 20001, "Invalid parameter"))
    assert isinstance(said, Rejected)


async def test_a_written_message_is_spoken_to_the_customer_alone() -> None:
    async with opened() as (channel, fake):
        await channel.send(SPEAK)
        rooms, spoken = fake.asked
        assert (rooms.method, rooms.path) == ("GET", "Conferences.json")
        assert rooms.query["FriendlyName"] == "call-01k9zq0v7m3s8h2d4f6g8j0kqa"
        assert rooms.query["Status"] == "in-progress"
        assert spoken.path == f"Conferences/CF{1:032x}/Participants/{CALL}.json"
        url = spoken["AnnounceUrl"]
        assert len(url) < 4_000
        request = Request("POST", url, "/announce", urlsplit(url).query, {}, b"")
        told = channel.acknowledge(request, channel.parse(request, NOW), [])
        [say] = ElementTree.fromstring(told.body)
        assert (say.text, say.get("language")) == (SPEAK.text, "cmn-CN")


async def test_the_longest_spoken_message_fits_into_an_address() -> None:
    async with opened() as (channel, fake):
        await channel.send(replace(SPEAK, text="😟" * 500))
        assert len(fake.asked[1]["AnnounceUrl"]) < 4_000


async def test_nothing_is_spoken_to_a_caller_who_talks_with_nobody() -> None:
    async with opened() as (channel, fake):
        fake.talking = False
        with pytest.raises(Rejected, match="not connected"):
            await channel.send(SPEAK)
    said, _ = await outcome(SPEAK, None, Told(404, 20404, "not found"))
    assert isinstance(said, Rejected)
    assert "left" in said.reason


async def test_a_message_that_may_have_been_spoken_is_not_spoken_again() -> None:
    said, _ = await outcome(SPEAK, None, Told(broken=True))
    assert isinstance(said, Uncertain)
    said, _ = await outcome(SPEAK, *[Told(broken=True)] * 5)
    assert isinstance(said, Retry), "looking for the room says nothing to anybody"


@pytest.mark.parametrize("text", ["", " ", "x" * 501])
async def test_what_cannot_be_spoken_is_rejected(text: str) -> None:
    async with opened() as (channel, fake):
        with pytest.raises(Rejected):
            await channel.send(replace(SPEAK, text=text))
        assert not fake.asked


@pytest.mark.parametrize(
    "message", [replace(CONNECT, offer_id=""), replace(CONNECT, offer_id="a b"), replace(CONNECT, sender=None)]
)
async def test_a_connection_that_nobody_could_report_on_is_not_made(message: Outgoing) -> None:
    async with opened() as (channel, fake):
        with pytest.raises(Rejected):
            await channel.send(message)
        assert not fake.asked
