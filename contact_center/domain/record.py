"""An interaction's record: a fold over its events, and nothing else.

``apply`` is the only thing that changes a record, so that folding the log again gives the stored record back
(``python -m contact_center rebuild --check`` proves it).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from contact_center.domain.events import (
    CallArrived,
    CallLeg,
    CustomerLeft,
    DeliveryChanged,
    Direction,
    Ended,
    Enqueued,
    FlowStepped,
    InteractionEvent,
    Medium,
    MessageReceived,
    MessageSent,
    NoteAdded,
    OfferEnded,
    OfferMade,
    TranscriptAdded,
    WrappedUp,
    WrapUpStarted,
)
from contact_center.domain.time import Moment

InteractionState = Literal["flow", "waiting", "offered", "assigned", "wrap_up", "ended"]
OPEN_STATES: tuple[InteractionState, ...] = ("flow", "waiting", "offered", "assigned", "wrap_up")
IN_HAND: tuple[InteractionState, ...] = ("assigned", "wrap_up")

PREVIEW = 140
MAX_SEGMENTS = 500
"""A record keeps this many segments; an interaction that is passed around for ever must not grow without end."""


@dataclass(slots=True)
class Segment:
    """A stretch of the interaction: ``flow | queue | offer | talk | wrap_up``; ``ended_at`` is 0 while it runs."""

    kind: Literal["flow", "queue", "offer", "talk", "wrap_up"]
    started_at: Moment
    ended_at: Moment = 0
    queue: str = ""
    agent_id: str = ""
    offer_id: str = ""
    outcome: str = ""


@dataclass(slots=True)
class Record:
    interaction_id: str
    case_id: int
    customer_id: str
    channel: str
    medium: Medium
    direction: Direction
    thread_key: str
    point: str
    point_kind: str
    dialled: str
    started_at: Moment
    subject: str = ""
    preview: str = ""
    state: InteractionState = "flow"
    queue: str = ""
    priority: int = 0
    skills: dict[str, int] = field(default_factory=dict)
    virtual_enqueued_at: Moment = 0
    enqueued_at: Moment = 0
    epoch: int = 0
    agent_id: str = ""
    offer_id: str = ""
    accepted_offer: str = ""
    assigned_at: Moment = 0
    answered_at: Moment = 0
    first_response_at: Moment = 0
    last_message_at: Moment = 0
    ended_at: Moment = 0
    messages_in: int = 0
    messages_out: int = 0
    unanswered: int = 0
    undelivered: list[str] = field(default_factory=list)
    call: str = ""
    customer_left: bool = False
    flow: str = ""
    flow_version: str = ""
    flow_position: str = ""
    variables: dict[str, str] = field(default_factory=dict)
    language: str = ""
    served_by: list[str] = field(default_factory=list)
    missed: dict[str, Moment] = field(default_factory=dict)
    disposition: str = ""
    ended_reason: str = ""
    segments: list[Segment] = field(default_factory=list)
    events: int = 0
    last_seq: int = 0

    @property
    def is_open(self) -> bool:
        return self.state != "ended"


def open_record(event: InteractionEvent) -> Record:
    """The record that ``event`` (an opening kind) begins; ``apply`` has still to be told of the event."""
    point = event.sender
    return Record(
        interaction_id=event.interaction_id,
        case_id=event.case_id,
        customer_id=event.customer_id,
        channel=event.channel,
        medium=event.medium,
        direction=event.direction,
        thread_key=event.thread.key,
        point=point.value if point else "",
        point_kind=point.kind if point else "other",
        dialled=event.dialled.value if event.dialled else "",
        started_at=event.received_at,
    )


def apply(record: Record, event: InteractionEvent) -> Record:
    """``record`` after ``event`` (changed in place and returned). Kinds that say nothing about the record only
    count. ``event.seq`` must be greater than ``record.last_seq``."""
    change = _CHANGES.get(type(event.body))
    if change is not None:
        change(record, event, event.body)
    record.events += 1
    record.last_seq = event.seq
    return record


def fold(events: Iterable[InteractionEvent]) -> Record | None:
    """The record that ``events`` (one interaction's, by ``seq``) make; None for no events."""
    record: Record | None = None
    for event in events:
        if record is None:
            record = open_record(event)
        apply(record, event)
    return record


def preview_of(text: str) -> str:
    """One line that stands for ``text`` in lists."""
    line = " ".join(text[: PREVIEW * 4].split())
    return line if len(line) <= PREVIEW else line[: PREVIEW - 1] + "…"


# --- what each kind changes -----------------------------------------------------------------------------------


def _begin(record: Record, kind: Any, at: Moment, *, queue: str = "", agent_id: str = "", offer_id: str = "") -> None:
    _end_segment(record, at)
    if len(record.segments) < MAX_SEGMENTS:
        record.segments.append(Segment(kind=kind, started_at=at, queue=queue, agent_id=agent_id, offer_id=offer_id))


def _end_segment(record: Record, at: Moment, outcome: str = "") -> None:
    if record.segments and not record.segments[-1].ended_at:
        last = record.segments[-1]
        last.ended_at = max(at, last.started_at)
        if outcome:
            last.outcome = outcome


def _message_received(record: Record, event: InteractionEvent, body: MessageReceived) -> None:
    record.messages_in += 1
    record.unanswered += 1
    record.last_message_at = event.received_at
    if not record.subject:
        record.subject = body.subject or preview_of(body.text)
    record.preview = preview_of(body.text)


def _message_sent(record: Record, event: InteractionEvent, body: MessageSent) -> None:
    record.messages_out += 1
    record.unanswered = 0
    record.last_message_at = event.received_at
    if not record.first_response_at:
        record.first_response_at = event.received_at
    record.preview = preview_of(body.text)


def _delivery_changed(record: Record, event: InteractionEvent, body: DeliveryChanged) -> None:
    listed = body.outbox_id in record.undelivered
    if body.state in ("failed", "uncertain"):
        if not listed:
            record.undelivered.append(body.outbox_id)
    elif listed and body.state in ("accepted", "delivered", "read"):
        record.undelivered.remove(body.outbox_id)


def _call_arrived(record: Record, event: InteractionEvent, body: CallArrived) -> None:
    record.call = "connecting"
    _begin(record, "flow", event.received_at)


def is_stray(record: Record, body: CallLeg) -> bool:
    """Whether the leg belongs to an offer that is not the one in hand: news of it came late."""
    return body.leg == "agent" and bool(body.offer_id) and body.offer_id != record.accepted_offer


def _call_leg(record: Record, event: InteractionEvent, body: CallLeg) -> None:
    if record.call == "ended" or is_stray(record, body):
        return
    if body.leg == "agent" and body.state in ("answered", "joined"):
        if record.state == "assigned" and record.call != "connected":
            record.call = "connected"
            if not record.first_response_at:
                record.first_response_at = event.received_at
    elif body.leg == "agent" and body.state in ("left", "ended", "failed"):
        record.call = "connecting"


def _transcript_added(record: Record, event: InteractionEvent, body: TranscriptAdded) -> None:
    if not record.subject and body.speaker == "customer":
        record.subject = preview_of(body.text)
    record.preview = preview_of(body.text)
    record.last_message_at = event.received_at


def _customer_left(record: Record, event: InteractionEvent, body: CustomerLeft) -> None:
    record.customer_left = True
    if record.medium == "voice":
        record.call = "ended"


def _flow_stepped(record: Record, event: InteractionEvent, body: FlowStepped) -> None:
    record.flow = body.flow
    record.flow_version = body.version
    record.flow_position = body.position
    record.variables = dict(body.variables)
    record.language = body.variables.get("language", record.language)


def _enqueued(record: Record, event: InteractionEvent, body: Enqueued) -> None:
    record.state = "waiting"
    record.queue = body.queue
    record.priority = body.priority
    record.skills = dict(body.skills)
    record.virtual_enqueued_at = body.virtual_enqueued_at
    record.enqueued_at = event.received_at
    if record.agent_id and body.reason in ("returned", "vanished"):
        record.missed[record.agent_id] = event.received_at
    record.agent_id = ""
    record.offer_id = ""
    record.accepted_offer = ""
    record.assigned_at = 0
    record.epoch += 1
    _begin(record, "queue", event.received_at, queue=body.queue)


def _offer_made(record: Record, event: InteractionEvent, body: OfferMade) -> None:
    record.state = "offered"
    record.agent_id = body.agent_id
    record.offer_id = body.offer_id
    record.epoch += 1
    _begin(
        record,
        "offer",
        event.received_at,
        queue=record.queue,
        agent_id=body.agent_id,
        offer_id=body.offer_id,
    )


def _offer_ended(record: Record, event: InteractionEvent, body: OfferEnded) -> None:
    _end_segment(record, event.received_at, body.outcome)
    record.offer_id = ""
    if body.outcome == "accepted":
        record.state = "assigned"
        record.agent_id = body.agent_id
        record.assigned_at = event.received_at
        record.accepted_offer = body.offer_id
        record.answered_at = record.answered_at or event.received_at
        record.epoch += 1
        if body.agent_id not in record.served_by:
            record.served_by.append(body.agent_id)
        _begin(record, "talk", event.received_at, queue=record.queue, agent_id=body.agent_id)
    elif body.outcome in ("rejected", "expired"):
        record.missed[body.agent_id] = event.received_at


def _wrap_up_started(record: Record, event: InteractionEvent, body: WrapUpStarted) -> None:
    record.state = "wrap_up"
    _begin(record, "wrap_up", event.received_at, queue=record.queue, agent_id=record.agent_id)


def _wrapped_up(record: Record, event: InteractionEvent, body: WrappedUp) -> None:
    record.disposition = body.disposition


def _ended(record: Record, event: InteractionEvent, body: Ended) -> None:
    record.state = "ended"
    record.ended_reason = body.reason
    record.ended_at = event.received_at
    record.offer_id = ""
    if record.medium == "voice":
        record.call = "ended"
    _end_segment(record, event.received_at, body.reason)


def _note_added(record: Record, event: InteractionEvent, body: NoteAdded) -> None:
    """A note is for colleagues: it changes nothing that waits, rings or counts."""


_CHANGES: dict[type, Callable[[Record, InteractionEvent, Any], None]] = {
    MessageReceived: _message_received,
    MessageSent: _message_sent,
    DeliveryChanged: _delivery_changed,
    CallArrived: _call_arrived,
    CallLeg: _call_leg,
    TranscriptAdded: _transcript_added,
    CustomerLeft: _customer_left,
    FlowStepped: _flow_stepped,
    Enqueued: _enqueued,
    OfferMade: _offer_made,
    OfferEnded: _offer_ended,
    WrapUpStarted: _wrap_up_started,
    WrappedUp: _wrapped_up,
    Ended: _ended,
    NoteAdded: _note_added,
}


def record_from(data: dict[str, Any]) -> Record:
    """A record out of its stored form. Fields that this version does not know are left out."""
    segments = data["segments"] = [Segment(**segment) for segment in data.get("segments", ())]
    try:
        return Record(**data)
    except TypeError:
        known = {name: value for name, value in data.items() if name in _KNOWN}
        return Record(**{**known, "segments": segments})


_KNOWN = frozenset(Record.__slots__)
