"""What Twilio is asked when a caller is connected, spoken to or hung up on, and what its answers mean."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree

import pytest

from channels.contract import Answer, Context, Gone, NotSent, Outgoing, Rejected, Request, Retry, Uncertain
from channels.twilio_voice import TwilioVoice, open_channel
from contact_center.domain.calls import Collect, HangUp, Hold, Say, pack
from contact_center.domain.contact_points import ContactPoint
from tests.channels import twiml_lint
from tests.channels.conformance import NOW
from tests.channels.fake_hub import FakeHub
from tests.channels.twilio_fake import Told, TwilioFake, twilio_fake
from tests.channels.twilio_voice import rest_lint

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
        for asked in fake.asked:
            assert rest_lint.lint(asked) == []
            if "Twiml" in asked:
                assert twiml_lint.lint(asked["Twiml"].encode()) == []


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
        assert agent["TimeLimit"] == "14400", "no call may go on for ever"
        about = {"offer": ["offer-1"], "room": ["call-01k9zq0v7m3s8h2d4f6g8j0kqa"], "call": [CALL]}
        for name, door in (("Url", "/agent"), ("StatusCallback", "/agent-status")):
            url = urlsplit(agent[name])
            assert (agent[name].partition("?")[0], parse_qs(url.query)) == (HOOKS + door, about)


async def test_the_customers_room_is_transcribed_opens_with_the_agent_and_closes_with_the_customer() -> None:
    async with opened() as (channel, fake):
        await channel.send(CONNECT)
        document = fake.asked[0]["Twiml"].encode()
        assert twiml_lint.lint(document) == []
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
        left = f"{HOOKS}/left?room=call-01k9zq0v7m3s8h2d4f6g8j0kqa"
        assert dial.attrib == {"action": left, "method": "POST", "timeLimit": "14400"}
        assert dial[0].text == "call-01k9zq0v7m3s8h2d4f6g8j0kqa"
        assert dial[0].attrib == {
            "participantLabel": "customer",
            "startConferenceOnEnter": "false",
            "endConferenceOnExit": "true",
            "beep": "false",
            "waitUrl": f"{HOOKS}/hold",
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


async def test_a_number_of_ours_is_shown_however_it_is_written_down() -> None:
    """An interaction keeps what was dialled as it came: it may be a SIP address, from which no number can be rung."""
    dialled = replace(CONNECT, sender=ContactPoint("other", "+14155550199"))
    sip = replace(CONNECT, sender=ContactPoint("other", "sip:support@hub.sip.twilio.com"))
    async with opened() as (channel, fake):
        for message in (dialled, sip):
            await channel.send(message)
        assert [fake.asked[1]["From"], fake.asked[3]["From"]] == ["+14155550199", "sip:support@hub.sip.twilio.com"]
        for message in (replace(sip, agent_address="+8613800138000"), replace(sip, verb="call", thread_key="")):
            with pytest.raises(Rejected):
                await channel.send(message)
        assert len(fake.asked) == 4


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


@pytest.mark.parametrize("call", [" ", "CA1/../../Messages", "CA1?x=y", "CA 1", "CA1#", "../CA1", "CA１", "C" * 65])
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
    "message",
    [
        *(replace(CONNECT, offer_id=""), replace(CONNECT, offer_id="a b"), replace(CONNECT, sender=None)),
        replace(CONNECT, interaction_id="a/b"),
    ],
)
async def test_a_connection_that_nobody_could_report_on_is_not_made(message: Outgoing) -> None:
    async with opened() as (channel, fake):
        with pytest.raises(Rejected):
            await channel.send(message)
        assert not fake.asked


# --- calls that we place ---------------------------------------------------------------------------------

CALL_OUT = replace(CONNECT, verb="call", thread_key="", offer_id="", agent_address="", longest_ms=1_800_000)
INTERACTION = CONNECT.interaction_id


async def test_a_customer_is_rung_and_everything_told_names_the_interaction() -> None:
    async with opened() as (channel, fake):
        sent = await channel.send(CALL_OUT)
        [asked] = fake.asked
        assert (asked.path, sent.provider_id, sent.state) == ("Calls.json", f"CA{1:032x}", "accepted")
        assert dict(asked.form) | {"StatusCallbackEvent": ""} == {
            "To": "+14155550100",
            "From": "+14155550199",
            "Url": f"{HOOKS}/customer?interaction={INTERACTION}&language=zh-CN&limit=1800",
            "Method": "POST",
            "StatusCallback": f"{HOOKS}/status?interaction={INTERACTION}",
            "StatusCallbackMethod": "POST",
            "StatusCallbackEvent": "",
            "Timeout": "40",
            "TimeLimit": "1800",
        }
        assert asked.all("StatusCallbackEvent") == ["initiated", "ringing", "answered", "completed"]


async def test_a_customer_who_may_have_been_rung_is_not_rung_again() -> None:
    for answer in (Told(500), Told(broken=True), Told(201, half=True), Told(201, body="{}")):
        said, _ = await outcome(CALL_OUT, answer)
        assert isinstance(said, Uncertain)
    for answer in (Told(429), Told(503)):
        said, _ = await outcome(CALL_OUT, answer)
        assert isinstance(said, Retry)


@pytest.mark.parametrize(
    "message",
    [
        *(replace(CALL_OUT, recipient=None), replace(CALL_OUT, sender=None)),
        *(replace(CALL_OUT, recipient=ContactPoint("other", each)) for each in ("anonymous", "12345", "sip:a@b")),
    ],
)
async def test_what_is_no_number_is_never_rung(message: Outgoing) -> None:
    async with opened() as (channel, fake):
        with pytest.raises(Rejected):
            await channel.send(message)
        assert not fake.asked


async def test_in_a_call_that_we_place_the_agent_is_rung_alone_and_told_what_it_is_about() -> None:
    async with opened() as (channel, fake):
        await channel.send(replace(CONNECT, thread_key="", text="回电：王女士"))
        [agent] = fake.asked
        about = {"offer": ["offer-1"], "room": [f"call-{INTERACTION}"], "interaction": [INTERACTION]}
        assert parse_qs(urlsplit(agent["StatusCallback"]).query) == about
        said = parse_qs(urlsplit(agent["Url"]).query)
        assert said | about == said
        document = await answered(channel, agent["Url"])
        say, dial = document
        assert say.text == "回电：王女士"
        assert dial[0].get("statusCallback") == f"{HOOKS}/conference?interaction={INTERACTION}"
        assert dial[0].get("participantLabel") == "agent-offer-1"


async def answered(channel: TwilioVoice, url: str) -> ElementTree.Element:
    """What a leg that was rung hears when it is answered: Twilio asks ``url``."""
    parts = urlsplit(url)
    path = parts.path.removeprefix("/webhooks/twilio_voice")
    body = b"CallSid=CA2a0e8ae6ade43cb3c0ce4525424e404f&CallStatus=in-progress&Direction=outbound-api"
    request = Request("POST", url, path, parts.query, {}, body)
    parsed = channel.parse(request, NOW)
    told = channel.acknowledge(request, parsed, [Answer("i", 1, "e")])
    assert twiml_lint.lint(told.body) == []
    return ElementTree.fromstring(told.body)


# --- what the customer hears -----------------------------------------------------------------------------

TELL = replace(CONNECT, verb="tell", actions=tuple(pack([Say("One moment.", "en-US"), Hold("q.2", (), "en-US")])))
HOLD = replace(CONNECT, verb="hold", mode="on")
KEYS = replace(CONNECT, verb="keys", digits="1234#w5")
MUTE = replace(CONNECT, verb="mute", mode="on")
ADD = replace(CONNECT, verb="add", party_id="p-7", agent_address="+14155550177", mode="talk", offer_id="")
CHANGE = replace(CONNECT, verb="change", party_id="p-7", mode="barge")
DROP = replace(CONNECT, verb="drop", party_id="p-7")
RECORD = replace(CONNECT, verb="record", mode="start")
ERASE = replace(CONNECT, verb="erase", recording_id="RE9b0e8ae6ade43cb3c0ce4525424e404f")
AGENTS_LEG = "CA2a0e8ae6ade43cb3c0ce4525424e404f"


async def test_a_caller_is_told_other_things_wherever_they_are() -> None:
    async with opened() as (channel, fake):
        sent = await channel.send(TELL)
        assert (sent.provider_id, sent.state) == (CALL, "delivered")
        [asked] = fake.asked
        assert asked.path == f"Calls/{CALL}.json"
        say, gather = ElementTree.fromstring(asked["Twiml"])
        assert (say.text, gather.get("action")) == ("One moment.", f"{HOOKS}/input?position=q.2&wait=1&keys=")


async def test_telling_again_does_no_harm_and_telling_nobody_is_said() -> None:
    for answer in (Told(500), Told(broken=True), Told(409, 20409, "conflict")):
        said, _ = await outcome(TELL, answer)
        assert isinstance(said, Retry)
    said, _ = await outcome(TELL, OVER)
    assert (type(said), said.reason) == (Gone, "The caller has hung up.")


@pytest.mark.parametrize(
    "actions",
    [
        *((), (["Dance", {}],), ("Say",), (7,), (["Say", {"words": 1}],)),
        tuple(pack([Collect("p", (Say("x" * 5_000, "en-US"),), "en-US")])),
    ],
)
async def test_what_a_caller_cannot_be_told_is_rejected(actions: tuple[object, ...]) -> None:
    async with opened() as (channel, fake):
        with pytest.raises(Rejected):
            await channel.send(replace(TELL, actions=actions))
        assert not fake.asked


async def test_the_customer_alone_hears_music_and_then_everybody_again() -> None:
    async with opened() as (channel, fake):
        await channel.send(HOLD)
        sent = await channel.send(replace(HOLD, mode="off"))
        assert sent.state == "delivered"
        rooms, on, _, off = fake.asked
        assert rooms.query["FriendlyName"] == f"call-{INTERACTION}"
        assert on.path == f"Conferences/CF{1:032x}/Participants/{CALL}.json"
        assert {name: value.lower() if name == "Hold" else value for name, value in on.form} == {
            "Hold": "true",
            "HoldUrl": f"{HOOKS}/hold",
            "HoldMethod": "POST",
        }
        assert [(name, value.lower()) for name, value in off.form] == [("Hold", "false")]


async def test_tones_are_played_to_the_customer() -> None:
    async with opened() as (channel, fake):
        await channel.send(KEYS)
        url = fake.asked[1]["AnnounceUrl"]
        [play] = await answered(channel, url)
        assert (fake.asked[1].path.rpartition("/")[2], play.get("digits")) == (f"{CALL}.json", "1234#w5")
    said, _ = await outcome(KEYS, None, Told(broken=True))
    assert isinstance(said, Uncertain), "tones that may have been heard are not played again"


@pytest.mark.parametrize("digits", ["", "12;3", "x", "1" * 33, "１２"])
async def test_tones_that_are_none_are_rejected(digits: str) -> None:
    async with opened() as (channel, fake):
        with pytest.raises(Rejected):
            await channel.send(replace(KEYS, digits=digits))
        assert not fake.asked


# --- who takes part --------------------------------------------------------------------------------------


async def test_an_agent_is_muted_by_leg_or_by_label() -> None:
    async with opened() as (channel, fake):
        await channel.send(replace(MUTE, agent_leg=AGENTS_LEG))
        await channel.send(replace(MUTE, mode="off"))
        by_leg, by_label = fake.asked[1], fake.asked[3]
        assert by_leg.path.endswith(f"/Participants/{AGENTS_LEG}.json")
        assert by_label.path.endswith("/Participants/agent-offer-1.json")
        assert [by_leg["Muted"].lower(), by_label["Muted"].lower()] == ["true", "false"]


async def test_somebody_else_is_brought_in_as_a_party() -> None:
    async with opened() as (channel, fake):
        sent = await channel.send(replace(ADD, text="Warm transfer from Mei."))
        [asked] = fake.asked
        assert (asked["To"], asked["From"], sent.provider_id) == ("+14155550177", "+14155550199", f"CA{1:032x}")
        about = {"party": ["p-7"], "room": [f"call-{INTERACTION}"], "mode": ["talk"], "call": [CALL]}
        assert parse_qs(urlsplit(asked["StatusCallback"]).query) == about
        say, dial = await answered(channel, asked["Url"])
        assert say.text == "Warm transfer from Mei."
        assert dial[0].get("participantLabel") == "party-p-7"
        assert dial[0].get("endConferenceOnExit") == "false"


@pytest.mark.parametrize(
    ("mode", "muted", "coach"),
    [("talk", None, None), ("barge", None, None), ("listen", "true", None), ("whisper", None, AGENTS_LEG)],
)
async def test_a_supervisor_comes_in_as_they_asked(mode: str, muted: str | None, coach: str | None) -> None:
    async with opened() as (channel, fake):
        await channel.send(replace(ADD, agent_address="client:boss", mode=mode, coached_leg=AGENTS_LEG))
        [dial] = await answered(channel, fake.asked[0]["Url"])
        assert (dial[0].get("muted"), dial[0].get("coach")) == (muted, coach)


@pytest.mark.parametrize(
    ("mode", "muted", "coaching"),
    [
        ("talk", "false", "false"),
        ("barge", "false", "false"),
        ("listen", "true", "false"),
        ("whisper", "false", "true"),
    ],
)
async def test_a_party_takes_part_differently_from_now_on(mode: str, muted: str, coaching: str) -> None:
    async with opened() as (channel, fake):
        await channel.send(replace(CHANGE, mode=mode, coached_leg=AGENTS_LEG))
        asked = fake.asked[1]
        assert asked.path.endswith("/Participants/party-p-7.json")
        assert (asked["Muted"].lower(), asked["Coaching"].lower()) == (muted, coaching)
        assert asked.all("CallSidToCoach") == ([AGENTS_LEG] if mode == "whisper" else [])


@pytest.mark.parametrize(
    "message",
    [
        *(replace(ADD, party_id=""), replace(ADD, party_id="a/b"), replace(ADD, mode="sing"), replace(ADD, mode="")),
        *(replace(ADD, mode="whisper"), replace(ADD, agent_address="0900"), replace(ADD, sender=None)),
        *(replace(CHANGE, party_id=""), replace(CHANGE, mode=""), replace(CHANGE, mode="whisper")),
        *(replace(CHANGE, party_leg="a/b"), replace(MUTE, mode="maybe"), replace(MUTE, offer_id="")),
        *(replace(HOLD, mode=""), replace(HOLD, thread_key=""), replace(DROP, party_id="", offer_id="")),
        *(replace(DROP, party_leg="CA1/../x"), replace(RECORD, mode="erase"), replace(RECORD, thread_key="")),
        *(replace(ERASE, recording_id=""), replace(ERASE, recording_id="../Calls")),
        replace(CONNECT, verb="dance"),  # type: ignore[arg-type]
    ],
)
async def test_what_makes_no_sense_is_rejected_before_anything_is_asked(message: Outgoing) -> None:
    async with opened() as (channel, fake):
        with pytest.raises(Rejected):
            await channel.send(message)
        assert not fake.asked


async def test_a_party_may_have_been_rung_and_a_change_may_be_made_again() -> None:
    said, _ = await outcome(ADD, Told(broken=True))
    assert isinstance(said, Uncertain)
    for message in (HOLD, MUTE, CHANGE, DROP):
        said, _ = await outcome(message, None, Told(500))
        assert isinstance(said, Retry), message.verb


async def test_whoever_has_left_can_be_neither_held_nor_muted_nor_changed() -> None:
    for message in (HOLD, MUTE, CHANGE):
        said, _ = await outcome(message, None, Told(404, 20404, "not found"))
        assert (type(said), said.reason) == (Rejected, "They have left the conversation.")
        async with opened() as (channel, fake):
            fake.talking = False
            with pytest.raises(Rejected, match="not connected"):
                await channel.send(message)


async def test_a_leg_that_is_known_is_dropped_even_while_it_rings() -> None:
    async with opened() as (channel, fake):
        fake.answer_next(None, OVER)
        for message in (replace(DROP, party_leg=AGENTS_LEG), replace(DROP, party_id="", agent_leg=AGENTS_LEG)):
            assert (await channel.send(message)).state == "delivered"
        assert {(asked.path, asked.form) for asked in fake.asked} == {
            (f"Calls/{AGENTS_LEG}.json", (("Status", "completed"),))
        }


async def test_a_leg_that_is_not_known_is_dropped_by_its_label() -> None:
    async with opened() as (channel, fake):
        fake.answer_next(None, None, None, Told(404, 20404, "not found"))
        for message in (DROP, replace(DROP, party_id="")):
            assert (await channel.send(message)).state == "delivered"
        deleted = [asked.path.rpartition("/")[2] for asked in fake.asked if asked.method == "DELETE"]
        assert deleted == ["party-p-7.json", "agent-offer-1.json"]


# --- recordings ------------------------------------------------------------------------------------------


async def test_a_call_is_recorded_with_both_sides_apart() -> None:
    async with opened() as (channel, fake):
        sent = await channel.send(RECORD)
        [asked] = fake.asked
        assert (asked.path, sent.provider_id) == (f"Calls/{CALL}/Recordings.json", f"RE{1:032x}")
        assert (asked["RecordingChannels"], asked["Trim"]) == ("dual", "do-not-trim")
        assert asked["RecordingStatusCallback"] == f"{HOOKS}/recording?purpose=call"
        assert asked.all("RecordingStatusCallbackEvent") == ["in-progress", "completed", "absent"]


async def test_a_recording_that_may_have_begun_is_looked_for_first() -> None:
    async with opened() as (channel, fake):
        running = {"sid": "RE" + "7" * 32, "status": "in-progress", "call_sid": CALL}
        fake.lists["Recordings"] = [{"sid": "RE" + "6" * 32, "status": "completed"}, running]
        sent = await channel.send(replace(RECORD, attempt=2))
        assert (sent.provider_id, [asked.method for asked in fake.asked]) == ("RE" + "7" * 32, ["GET"])
        fake.lists["Recordings"] = []
        await channel.send(replace(RECORD, attempt=2))
        assert [asked.method for asked in fake.asked] == ["GET", "GET", "POST"]
    said, _ = await outcome(RECORD, Told(broken=True))
    assert isinstance(said, Retry)


@pytest.mark.parametrize(("mode", "status"), [("pause", "paused"), ("resume", "in-progress"), ("stop", "stopped")])
async def test_the_recording_that_runs_is_paused_resumed_and_stopped(mode: str, status: str) -> None:
    async with opened() as (channel, fake):
        sent = await channel.send(replace(RECORD, mode=mode))
        [asked] = fake.asked
        assert (asked.path, asked["Status"]) == (f"Calls/{CALL}/Recordings/Twilio.CURRENT.json", status)
        assert asked.all("PauseBehavior") == (["silence"] if mode == "pause" else [])
        assert (sent.provider_id, sent.state) == (f"RE{1:032x}", "delivered")


async def test_a_pause_is_never_claimed_where_twilio_did_not_confirm_it() -> None:
    for answer in (Told(500), Told(broken=True), Told(200, half=True), Told(200, body="{}")):
        said, _ = await outcome(replace(RECORD, mode="pause"), answer)
        assert isinstance(said, (Retry, Uncertain))
    for answer in (Told(404, 20404, "not found"), OVER):
        said, _ = await outcome(replace(RECORD, mode="pause"), answer)
        assert (type(said), said.reason) == (Rejected, "Nothing is being recorded of this call any more.")


async def test_a_recording_is_erased_and_one_that_is_gone_is_as_good() -> None:
    for answer in (None, Told(404, 20404, "not found")):
        async with opened() as (channel, fake):
            fake.answer_next(answer)
            assert (await channel.send(ERASE)).state == "delivered"
            [asked] = fake.asked
            assert (asked.method, asked.path) == ("DELETE", f"Recordings/{ERASE.recording_id}.json")
    said, _ = await outcome(ERASE, Told(500))
    assert isinstance(said, Retry)
    said, _ = await outcome(ERASE, Told(400, 20001, "Invalid parameter"))
    assert isinstance(said, Rejected)


# --- an account that Twilio does not believe -------------------------------------------------------------


async def test_a_wrong_password_is_no_storm_and_is_shown() -> None:
    hub = FakeHub()
    async with opened() as (channel, fake):
        await channel.listen(hub)
        fake.answer_next(Told(401, 20003, "Authenticate"))
        with pytest.raises(Retry) as refused:
            await channel.send(HANG_UP)
        assert (refused.value.after_ms or 0) >= 60_000
        assert [state for state, _ in hub.reports] == ["degraded"]
        assert "CONTACT_CENTER_TWILIO_ACCOUNT_SID" in hub.reports[0][1]
        await channel.send(HANG_UP)
        assert [state for state, _ in hub.reports] == ["degraded", "ready"]
        await channel.send(HANG_UP)
        assert len(hub.reports) == 2


@pytest.mark.parametrize("message", [CALL_OUT, TELL, RECORD], ids=lambda message: message.verb)
async def test_a_busy_provider_says_when_to_come_again(message: Outgoing) -> None:
    said, _ = await outcome(message, Told(429, headers=(("Retry-After", "7"),)))
    assert isinstance(said, Retry)
    assert said.after_ms == 7_000


async def test_nothing_goes_out_that_hangs_up_on_somebody_by_mistake() -> None:
    async with opened() as (channel, fake):
        await channel.send(replace(TELL, actions=tuple(pack([HangUp((Say("Good bye.", "en-US"),))]))))
        assert fake.asked[0]["Twiml"].endswith("<Hangup/></Response>")
