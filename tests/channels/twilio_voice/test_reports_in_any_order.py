"""Twilio's reports come late, twice, out of order or never. Whatever way, they mean the same."""

from __future__ import annotations

import random
from itertools import permutations
from urllib.parse import urlencode

import pytest

from channels.contract import Answer, Channel, Request
from contact_center.domain.calls import Collect, HangUp, Say
from contact_center.domain.events import CallLeg, CustomerLeft, InteractionEvent
from tests.channels import twilio_signing
from tests.channels.conformance import NOW, fixtures_in
from tests.channels.twilio_voice.test_answers import SPOKEN_TO, channel
from tests.channels.twilio_voice.test_twilio_voice import TestTwilioVoice as Suite

HOOKS = "https://hub.example.com/webhooks/twilio_voice"
CALL = "CA1f0e8ae6ade43cb3c0ce4525424e404f"
LEG = "CA2a0e8ae6ade43cb3c0ce4525424e404f"
ROOM = "CFe08c870b500f6e44a9ad184defd1f391"
TIME = "Sat, 21 Nov 2026 19:26:40 +0000"


def report(door: str, **form: str) -> Request:
    path, _, query = door.partition("?")
    return Request("POST", HOOKS + door, path, query, {}, urlencode({**form, "Timestamp": TIME}).encode())


def customer(status: str) -> Request:
    return report("/status?interaction=i1", CallSid=CALL, CallStatus=status, Direction="outbound-api")


def agent(status: str) -> Request:
    return report(f"/agent-status?offer=o1&room=call-i1&call={CALL}", CallSid=LEG, CallStatus=status)


def room(event: str, number: str) -> Request:
    form = {"ConferenceSid": ROOM, "CallSid": LEG, "ParticipantLabel": "agent-o1"}
    return report(f"/conference?call={CALL}", **form, StatusCallbackEvent=event, SequenceNumber=number)


def recording(status: str) -> Request:
    form = {"RecordingSid": "RE1", "RecordingStatus": status, "RecordingStartTime": TIME}
    return report("/recording?purpose=call", CallSid=CALL, **form)


RUNS = {
    "a customer whom we rang": [customer(word) for word in ("initiated", "ringing", "in-progress", "completed")],
    "an agent's leg": [agent(word) for word in ("ringing", "completed")] + [room("participant-join", "2")],
    "a room": [room("participant-join", "1"), room("participant-leave", "2"), room("participant-join", "3")],
    "a recording": [recording(word) for word in ("in-progress", "completed")],
    "words that mean nothing": [agent("in-progress"), agent("queued"), room("participant-mute", "4"), recording("x")],
}


def taken(reports: list[Request]) -> dict[str, InteractionEvent]:
    """What a hub that takes each source id once is left with."""
    voice, seen = channel(), {}
    for each in reports:
        for event in voice.parse(each, NOW).events:
            seen.setdefault(event.source_id, event)
    return seen


@pytest.mark.parametrize("name", RUNS)
def test_every_order_leaves_the_same_events(name: str) -> None:
    expected = taken(RUNS[name])
    for order in permutations(RUNS[name]):
        assert taken(list(order)) == expected


@pytest.mark.parametrize("name", RUNS)
def test_repeating_reports_changes_nothing(name: str) -> None:
    rng = random.Random(7)
    for _ in range(50):
        repeated = RUNS[name] + rng.choices(RUNS[name], k=10)
        rng.shuffle(repeated)
        assert taken(repeated) == taken(RUNS[name])


@pytest.mark.parametrize("name", RUNS)
def test_losing_a_report_loses_its_own_event_alone(name: str) -> None:
    whole = taken(RUNS[name])
    for lost in range(len(RUNS[name])):
        rest = taken(RUNS[name][:lost] + RUNS[name][lost + 1 :])
        assert rest.items() <= whole.items()
        assert len(rest) >= len(whole) - 1


def test_no_report_brings_a_call_back_to_life() -> None:
    """Each says what it says, whenever: a late ringing is a ringing, and its source id is that of any ringing."""
    late = channel().parse(customer("ringing"), NOW).events
    early = channel().parse(customer("ringing"), NOW + 60_000).events
    assert late[0].source_id == early[0].source_id == f"{CALL}:status:ringing"
    assert late[0].occurred_at == early[0].occurred_at, "when it happened is Twilio's to say"


def test_an_answer_that_is_told_in_two_ways_is_one_event() -> None:
    by_status = channel().parse(customer("in-progress"), NOW).events[0]
    answered = report("/customer?interaction=i1", CallSid=CALL, CallStatus="in-progress", Direction="outbound-api")
    by_document = channel().parse(answered, NOW).events[0]
    assert by_status.source_id == by_document.source_id
    assert by_status.body == by_document.body == CallLeg("customer", "answered", CALL)


def test_the_end_of_a_call_says_whether_it_was_ever_answered() -> None:
    ends = {
        word: channel().parse(customer(word), NOW).events[0].body
        for word in ("completed", "busy", "no-answer", "failed", "canceled")
    }
    assert ends.pop("completed") == CustomerLeft("completed")
    assert ends == {word: CallLeg("customer", "failed", CALL, word) for word in ends}


@pytest.mark.parametrize("fixture", fixtures_in(Suite.fixtures), ids=lambda fixture: fixture.name)
def test_the_same_request_three_times_is_one_happening_and_one_answer(fixture) -> None:  # type: ignore[no-untyped-def]
    """As Twilio repeats it: the same bytes, the same signature, the same token."""
    if "refused" in fixture.expected:
        return
    actions = (Say("Good day.", "en-US"), Collect("p.1", (Say("Press 1.", "en-US"),), "en-US"))
    request = twilio_signing.sign(Suite().request(fixture.data), twilio_signing.TOKEN)
    said = {answer_to(channel(), request, repeated, actions) for repeated in (False, True, True)}
    assert len(said) == 1
    ended = {answer_to(channel(), request, repeated, (HangUp(),)) for repeated in (False, True)}
    assert len(ended) == 1
    assert (request.path in SPOKEN_TO) == any(body for _, body in said)


def answer_to(voice: Channel, request: Request, repeated: bool, actions: tuple) -> tuple[tuple[str, ...], bytes]:  # type: ignore[type-arg]
    voice.verify(request)
    parsed = voice.parse(request, NOW + repeated)
    answers = [Answer("i", 1, "e", repeated=repeated, actions=actions) for _ in parsed.events]
    told = voice.acknowledge(request, parsed, answers)
    return tuple(event.source_id for event in parsed.events), told.body
