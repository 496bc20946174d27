"""The record is a fold: whatever happened, folding all of it is folding on what was stored."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contact_center.domain import events
from contact_center.domain.agents import state_of
from contact_center.domain.contact_points import phone
from contact_center.domain.events import (
    BODIES,
    Actor,
    CallArrived,
    CallerInput,
    CallLeg,
    CaseJoined,
    CaseLinked,
    CustomerLeft,
    DeliveryChanged,
    DeliveryReported,
    Ended,
    Enqueued,
    FlowStepped,
    InteractionEvent,
    MessageReceived,
    MessageSent,
    NoteAdded,
    OfferEnded,
    OfferMade,
    ParticipantAdded,
    Thread,
    TranscriptAdded,
    Unknown,
    WrappedUp,
    WrapUpStarted,
    body_from,
)
from contact_center.domain.record import MAX_SEGMENTS, PREVIEW, Record, apply, fold, preview_of, record_from
from tests.hub import T0

words = st.text(max_size=20)
agents = st.sampled_from(["mei", "jonas"])
offers = st.sampled_from(["of-1", "of-2"])
boxes = st.sampled_from(["ob-1", "ob-2"])
parties = st.sampled_from(["", "pa-1", "pa-2"])
# Kinds whose every field may hold anything that its type allows.
PLAIN = (
    events.ActionFailed,
    events.AsksChanged,
    events.CallbackAsked,
    events.CallbackTried,
    events.CallerRecorded,
    events.CallPlaced,
    events.CaseRecognised,
    events.ConsentChanged,
    events.DialEnded,
    events.HandBackAsked,
    events.HoldChanged,
    events.IntentSet,
    events.LanguageSet,
    events.MuteChanged,
    events.PartyAdded,
    events.PartyChanged,
    events.QueueLeft,
    events.RecordingAsked,
    events.RecordingChanged,
    events.RecordingKept,
    events.RoutingOverridden,
    events.SentAtOnce,
    events.ServiceAnswered,
    events.SurveyAnswered,
    events.Transferred,
    events.VoicemailReceived,
    events.WrapUpAsked,
)
# What JSON and the databases can hold.
WHOLE: dict[str, st.SearchStrategy[Any]] = {
    "int": st.integers(0, 2**53),
    "Moment": st.integers(0, 2**53),
    "float": st.floats(0, 1),
    "dict[str, int]": st.dictionaries(words, st.integers(1, 5), max_size=2),
}


def plain(kind: type[Any]) -> st.SearchStrategy[Any]:
    whole = {field.name: WHOLE[str(field.type)] for field in fields(kind) if str(field.type) in WHOLE}
    known = {"party_id": parties} if "party_id" in {field.name for field in fields(kind)} else {}
    return st.builds(kind, **whole, **known)


# No order is forbidden: what comes from outside comes in any, and the fold has to bear it.
bodies: st.SearchStrategy[Any] = st.one_of(
    st.builds(MessageReceived, text=words, subject=words),
    st.just(CallArrived()),
    st.builds(CallerInput, position=words, digits=words),
    st.builds(
        CallLeg,
        leg=st.sampled_from(["customer", "agent", "party"]),
        state=st.sampled_from(["ringing", "answered", "joined", "left", "ended", "failed"]),
        leg_id=st.sampled_from(["", "CA1", "CA2"]),
        offer_id=st.one_of(st.just(""), offers),
        party_id=parties,
    ),
    *[plain(kind) for kind in PLAIN],
    st.builds(TranscriptAdded, speaker=st.sampled_from(["customer", "agent"]), text=words),
    st.builds(DeliveryReported, provider_id=words, status=st.just("delivered")),
    st.builds(CustomerLeft, reason=words),
    st.builds(
        FlowStepped,
        flow=words,
        version=words,
        position=words,
        variables=st.dictionaries(st.sampled_from(["language", "x"]), words),
    ),
    st.builds(
        Enqueued,
        queue=words,
        priority=st.integers(0, 100),
        skills=st.dictionaries(words, st.integers(1, 5), max_size=2),
        virtual_enqueued_at=st.integers(T0, T0 + 9),
        reason=st.sampled_from(
            ["arrived", "rejected", "expired", "vanished", "transferred", "rescinded", "returned", "off_duty"]
        ),
        cause=st.sampled_from(["", "rejected", "no_answer", "busy"]),
    ),
    st.builds(OfferMade, offer_id=offers, agent_id=agents, decision_id=words, deadline_at=st.just(T0)),
    st.builds(
        OfferEnded,
        offer_id=offers,
        agent_id=agents,
        outcome=st.sampled_from(["accepted", "rejected", "expired", "cancelled", "rescinded"]),
        cause=st.sampled_from(["", "rejected", "no_answer", "busy"]),
    ),
    st.builds(
        MessageSent,
        text=words,
        outbox_id=boxes,
        to=st.lists(words, max_size=2).map(tuple),
        cc=st.lists(words, max_size=2).map(tuple),
        automatic=st.booleans(),
    ),
    st.builds(ParticipantAdded, address=words),
    st.builds(
        CaseJoined,
        case_id=st.integers(1, 9),
        state=st.sampled_from(["merged", "undone"]),
        unanswered=st.integers(0, 9),
    ),
    st.builds(CaseLinked, to_case=st.integers(1, 9), state=st.sampled_from(["suggested", "merged", "refused"])),
    st.builds(
        DeliveryChanged,
        outbox_id=boxes,
        state=st.sampled_from(["accepted", "retry", "uncertain", "failed", "delivered", "read", "cancelled"]),
    ),
    st.builds(NoteAdded, text=words),
    st.builds(WrapUpStarted),
    st.builds(WrappedUp, disposition=words),
    st.builds(Ended, reason=st.sampled_from(["wrapped_up", "abandoned", "completed", "failed"])),
    st.builds(Unknown, kind=st.just("from.the.future"), data=st.just({"a": 1})),
)


def happened(*said: Any, medium: Any = "voice") -> list[InteractionEvent]:
    return [
        InteractionEvent(
            body=body,
            channel="twilio_voice",
            source_id=str(seq),
            medium=medium,
            direction="inbound",
            occurred_at=T0,
            received_at=T0 + seq * 1_000,
            actor=Actor("customer"),
            sender=phone("+4915112345678"),
            thread=Thread("CA1"),
            id=f"ev-{seq}",
            seq=seq,
            interaction_id="in-1",
            case_id=1,
            customer_id="cu-1",
        )
        for seq, body in enumerate(said, 1)
    ]


def folded(*said: Any, medium: Any = "voice") -> Record:
    record = fold(happened(*said, medium=medium))
    assert record is not None
    return record


@settings(deadline=None, max_examples=200)
@given(st.lists(bodies, min_size=1, max_size=30), st.integers(0, 30))
def test_folding_on_a_stored_record_is_folding_everything(said: list[Any], cut: int) -> None:
    """Also where the record lay in the database in between."""
    log = happened(*said)
    cut = min(cut, len(log) - 1)
    stored = fold(log[: cut + 1])
    assert stored is not None
    record = record_from(orjson.loads(orjson.dumps(stored)))
    for event in log[cut + 1 :]:
        apply(record, event)
    assert record == fold(log)


@settings(deadline=None, max_examples=100)
@given(st.lists(bodies, min_size=1, max_size=30))
def test_an_event_survives_the_database_whole(said: list[Any]) -> None:
    for event in happened(*said):
        data = event.body.data if isinstance(event.body, Unknown) else orjson.loads(orjson.dumps(event.body))
        assert replace(event, body=body_from(event.kind, data)) == event


def test_nothing_folds_to_nothing() -> None:
    assert fold([]) is None


def test_a_stored_record_with_a_field_of_a_later_release_is_read() -> None:
    data = orjson.loads(orjson.dumps(folded(CallArrived())))
    assert record_from({**data, "mood": "fine"}) == folded(CallArrived())


def test_an_event_with_a_field_of_a_later_release_is_read() -> None:
    assert body_from("note.added", {"text": "a", "colour": "red"}) == NoteAdded("a")


def test_every_kind_of_body_is_tried_above() -> None:
    tried = {CallArrived, CallerInput, CallLeg, CustomerLeft, DeliveryChanged, DeliveryReported, Ended, Enqueued}
    tried |= {FlowStepped, MessageReceived, MessageSent, NoteAdded, OfferEnded, OfferMade, TranscriptAdded}
    tried |= {WrappedUp, WrapUpStarted, ParticipantAdded, CaseLinked, CaseJoined, *PLAIN}
    assert set(BODIES.values()) == tried


def test_segments_do_not_grow_without_end() -> None:
    waits = Enqueued("support", 0, {}, T0)
    record = folded(*([waits] * (MAX_SEGMENTS + 50)), medium="sms")
    assert len(record.segments) == MAX_SEGMENTS


def test_waiting_again_keeps_the_place_and_remembers_who_missed() -> None:
    record = folded(
        MessageReceived("Hello"),
        Enqueued("support", 0, {}, T0 + 1),
        OfferMade("of-1", "mei", "de-1", T0),
        OfferEnded("of-1", "mei", "expired"),
        Enqueued("support", 0, {}, T0 + 1, "expired"),
        medium="sms",
    )
    assert (record.state, record.agent_id, record.virtual_enqueued_at) == ("waiting", "", T0 + 1)
    assert record.missed == {"mei": T0 + 4_000}
    assert [(s.kind, s.outcome) for s in record.segments] == [("queue", ""), ("offer", "expired"), ("queue", "")]


def test_unanswered_counts_what_came_since_our_last_word() -> None:
    record = folded(MessageReceived("1"), MessageReceived("2"), MessageSent("a", "ob"), MessageReceived("3"))
    assert (record.unanswered, record.messages_in, record.messages_out) == (1, 3, 1)


def test_the_first_response_is_the_first_and_stays_so() -> None:
    record = folded(MessageReceived("1"), MessageSent("a", "ob"), MessageSent("b", "ob"))
    assert record.first_response_at == T0 + 2_000


def test_a_message_that_failed_and_then_arrived_is_not_undelivered() -> None:
    record = folded(MessageSent("a", "ob"), DeliveryChanged("ob", "failed"), DeliveryChanged("ob", "failed"))
    assert record.undelivered == ["ob"]
    record = folded(MessageSent("a", "ob"), DeliveryChanged("ob", "uncertain"), DeliveryChanged("ob", "delivered"))
    assert record.undelivered == []


def test_a_call_that_ended_stays_ended() -> None:
    leg = CallLeg("agent", "joined")
    assert folded(CallArrived(), CustomerLeft(), leg).call == "ended"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", ""),
        ("  a\n b\t", "a b"),
        ("x" * PREVIEW, "x" * PREVIEW),
        ("x" * (PREVIEW + 1), "x" * (PREVIEW - 1) + "…"),
    ],
)
def test_a_preview_is_one_short_line(text: str, shown: str) -> None:
    assert preview_of(text) == shown


@pytest.mark.parametrize(
    ("chosen", "load", "offered", "wrapping", "state"),
    [
        ("offline", {"voice": 1}, 1, 1, "offline"),
        ("ready", {"voice": 1}, 0, 1, "wrap_up"),
        ("ready", {"voice": 1}, 1, 0, "reserved"),
        ("ready", {"voice": 1}, 0, 0, "busy"),
        ("not_ready", {"voice": 1}, 0, 0, "busy"),
        ("not_ready", {"sms": 1}, 0, 0, "not_ready"),
        ("ready", {"sms": 1}, 0, 0, "ready"),
        ("ready", {"sms": 2, "voice": 0}, 0, 0, "ready"),
        ("ready", {}, 0, 0, "ready"),
    ],
)
def test_an_agents_state_is_what_their_work_makes_of_it(
    chosen: str, load: dict[str, int], offered: int, wrapping: int, state: str
) -> None:
    assert state_of(chosen, {"voice": 1, "sms": 2}, load, offered, wrapping) == state


def test_somebody_with_no_room_in_any_medium_is_busy() -> None:
    assert state_of("ready", {"sms": 2}, {"sms": 2}, 0, 0) == "busy"
    assert state_of("ready", {}, {}, 0, 0) == "ready"
    assert state_of("ready", {"sms": 2}, {"sms": 1}, 0, 0, full=True) == "busy"
    assert state_of("not_ready", {"sms": 2}, {"sms": 1}, 0, 0, full=True) == "not_ready"
