"""An interaction's record: a fold over its events, and nothing else.

``apply`` is the only thing that changes a record, so that folding the log again gives the stored record back
(``python -m contact_center rebuild --check`` proves it).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import MISSING, dataclass, field, fields, replace
from typing import Any, Literal

from contact_center.domain.events import (
    ActionFailed,
    AsksChanged,
    CallArrived,
    CallbackAsked,
    CallbackTried,
    CallLeg,
    CallPlaced,
    CaseJoined,
    CaseRecognised,
    ConsentChanged,
    CustomerLeft,
    DeliveryChanged,
    Direction,
    Ended,
    Enqueued,
    FlowStepped,
    HandBackAsked,
    HoldChanged,
    IntentSet,
    InteractionEvent,
    LanguageSet,
    Medium,
    MessageReceived,
    MessageSent,
    MuteChanged,
    NoteAdded,
    OfferEnded,
    OfferMade,
    ParticipantAdded,
    PartyAdded,
    PartyChanged,
    QueueLeft,
    RecordingAsked,
    RecordingChanged,
    RecordingKept,
    ServiceAnswered,
    SurveyAnswered,
    TranscriptAdded,
    Transferred,
    VoicemailReceived,
    WrappedUp,
    WrapUpAsked,
    WrapUpStarted,
)
from contact_center.domain.time import SECOND, Moment

InteractionState = Literal["flow", "parked", "waiting", "offered", "assigned", "wrap_up", "ended"]
"""``parked``: nobody can do anything before its time (a callback between two attempts)."""
OPEN_STATES: tuple[InteractionState, ...] = ("flow", "parked", "waiting", "offered", "assigned", "wrap_up")
IN_HAND: tuple[InteractionState, ...] = ("assigned", "wrap_up")

PREVIEW = 140
MAX_SEGMENTS = 500
"""A record keeps this many segments; an interaction that is passed around for ever must not grow without end."""


@dataclass(slots=True)
class Segment:
    """A stretch of the interaction: ``flow | parked | queue | offer | talk | hold | wrap_up``; ``ended_at`` is 0
    while it runs."""

    kind: Literal["flow", "parked", "queue", "offer", "talk", "hold", "wrap_up"]
    started_at: Moment
    ended_at: Moment = 0
    queue: str = ""
    agent_id: str = ""
    offer_id: str = ""
    outcome: str = ""


@dataclass(slots=True)
class Party:
    """Somebody in the call besides the customer and the agent who took it. ``state``:
    ``calling | ringing | joined | left | failed``."""

    id: str
    kind: str
    who: str
    purpose: str
    mode: str
    name: str = ""
    state: str = "calling"
    leg_id: str = ""
    since_at: Moment = 0

    @property
    def there(self) -> bool:
        return self.state not in ("left", "failed")


_UNHEARD = ("pausing", "paused", "resuming")
UNHEARD_AFTER_MS = 3 * SECOND
"""Words come from the transcriber later than they are said: those of the last moments of a pause come after it."""

MAX_PARTIES = 50
"""A record remembers this many, the oldest who have left going first."""


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
    missed_by: dict[str, str] = field(default_factory=dict)
    rings: dict[str, str] = field(default_factory=dict)
    label: str = ""
    hand_back_at: Moment = 0
    disposition: str = ""
    ended_reason: str = ""
    segments: list[Segment] = field(default_factory=list)
    events: int = 0
    last_seq: int = 0
    task: str = ""
    reason: str = ""
    owed: str = ""
    voicemail: dict[str, Any] = field(default_factory=dict)
    answered: dict[str, Any] = field(default_factory=dict)
    number: str = ""
    past_legs: list[str] = field(default_factory=list)
    agent_party: str = ""
    attempts: int = 0
    not_before_at: Moment = 0
    only_agent: str = ""
    directed_by: str = ""
    agent_leg: str = ""
    ringing_leg: str = ""
    held: bool = False
    muted: bool = False
    parties: list[Party] = field(default_factory=list)
    recording: str = ""
    unheard_until_at: Moment = 0
    recordings: dict[str, str] = field(default_factory=dict)
    consent: bool | None = None
    survey: dict[str, str] = field(default_factory=dict)
    wrap_up_mode: str = ""
    wrap_up_until_at: Moment = 0
    wrap_up_asked: bool = False
    wrapped_case_status: str = ""
    transferred_to: str = ""
    participants: list[str] = field(default_factory=list)
    recognised: dict[str, Any] = field(default_factory=dict)
    intent: str | None = None
    language_said: str | None = None
    brought: dict[str, Any] = field(default_factory=dict)
    bound_for: str = ""

    def party(self, party_id: str) -> Party | None:
        return next((party for party in self.parties if party.id == party_id), None)

    def unheard(self, at: Moment) -> bool:
        """Whether what was said at ``at`` is written down nowhere, since the recording was not to have it either."""
        return self.recording in _UNHEARD or at < self.unheard_until_at

    @property
    def ringing(self) -> dict[str, str]:
        """Every offer of it that is pending, and whose it is. ``offer_id`` and ``agent_id`` are the first of them;
        ``rings`` has all where there are several."""
        return dict(self.rings) or ({self.offer_id: self.agent_id} if self.offer_id else {})

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


MAX_PARTICIPANTS = 100


def _take_part(record: Record, addresses: Iterable[str]) -> None:
    for address in addresses:
        new = address != record.point and address not in record.participants
        if new and len(record.participants) < MAX_PARTICIPANTS:
            record.participants.append(address)


def _participant_added(record: Record, event: InteractionEvent, body: ParticipantAdded) -> None:
    _take_part(record, (body.address,))


def _case_joined(record: Record, event: InteractionEvent, body: CaseJoined) -> None:
    """What is unanswered in the other case waits in this conversation, and for as long as it is part of it."""
    if body.state == "merged":
        record.unanswered += body.unanswered
        record.last_message_at = event.received_at
    else:
        record.unanswered = max(0, record.unanswered - body.unanswered)


def _message_sent(record: Record, event: InteractionEvent, body: MessageSent) -> None:
    record.messages_out += 1
    if not record.messages_in and not record.subject:
        record.subject = body.subject or preview_of(body.text)
    if body.automatic:
        return  # it answers nothing, and says nothing about whom we serve how
    _take_part(record, (*body.to, *body.cc, *body.bcc))
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
    elif listed and body.state in ("accepted", "delivered", "read", "cancelled"):
        record.undelivered.remove(body.outbox_id)


def _call_arrived(record: Record, event: InteractionEvent, body: CallArrived) -> None:
    record.call = "connecting"
    _begin(record, "flow", event.received_at)


def is_stray(record: Record, body: CallLeg) -> bool:
    """Whether the leg is of the past: of an offer that is not the one in hand, or of an earlier attempt to call the
    customer back. News of it came late."""
    if body.leg == "customer":
        return bool(body.leg_id) and body.leg_id in record.past_legs
    return body.leg == "agent" and bool(body.offer_id) and body.offer_id != record.accepted_offer


def seen_as(record: Record, body: CallLeg) -> CallLeg:
    """The leg by who it is now: a party to whom the call was handed over is its agent."""
    if body.leg == "party" and body.party_id and body.party_id == record.agent_party:
        return replace(body, leg="agent", offer_id=record.accepted_offer)
    return body


def _call_placed(record: Record, event: InteractionEvent, body: CallPlaced) -> None:
    record.call = "connecting"
    record.reason = body.reason
    record.task = "callback" if body.owed else ""
    record.number = body.number


def _call_leg(record: Record, event: InteractionEvent, body: CallLeg) -> None:
    body = seen_as(record, body)
    if body.leg == "party":
        _party_leg(record, event, body)
        return
    if record.call == "ended" or is_stray(record, body):
        return
    if body.leg == "agent":
        _agent_leg(record, event, body)
    elif record.direction == "outbound":
        _called_leg(record, event, body)


def _agent_leg(record: Record, event: InteractionEvent, body: CallLeg) -> None:
    if body.state == "ringing":
        record.ringing_leg = body.leg_id or record.ringing_leg
    elif body.state in ("answered", "joined"):
        record.agent_leg = body.leg_id or record.agent_leg or record.ringing_leg
        # An outbound call is connected when the customer has answered it: the agent is rung first.
        if record.state == "assigned" and record.call != "connected" and record.direction != "outbound":
            _connected(record, event)
    elif body.state in ("left", "ended", "failed"):
        record.call = "connecting"
        record.agent_leg = record.ringing_leg = ""
        record.muted = False


def _called_leg(record: Record, event: InteractionEvent, body: CallLeg) -> None:
    """The customer's own leg, where it was us who rang."""
    if body.leg_id and (body.state in ("ringing", "answered", "joined") or not record.thread_key):
        record.thread_key = body.leg_id
    if body.state == "ringing" and record.state == "assigned" and record.call != "connected":
        record.call = "ringing"
    elif body.state == "joined" and record.state == "assigned" and record.call != "connected":
        _connected(record, event)


def _connected(record: Record, event: InteractionEvent) -> None:
    record.call = "connected"
    if not record.first_response_at:
        record.first_response_at = event.received_at


_PARTY_RANK = {"calling": 0, "ringing": 1, "joined": 2, "left": 3, "failed": 3}
_PARTY_STATES = {"ringing": "ringing", "answered": "ringing", "joined": "joined", "left": "left", "ended": "left"}


def _party_leg(record: Record, event: InteractionEvent, body: CallLeg) -> None:
    """What became of somebody whom we brought in. News comes late and twice: it never goes backwards."""
    party = record.party(body.party_id)
    if party is None:
        return
    party.leg_id = body.leg_id or party.leg_id
    state = _PARTY_STATES.get(body.state, "failed")
    if state == "failed" and party.state == "joined":
        state = "left"
    if _PARTY_RANK[state] > _PARTY_RANK[party.state]:
        party.state, party.since_at = state, event.received_at


def _party_added(record: Record, event: InteractionEvent, body: PartyAdded) -> None:
    gone = [party for party in record.parties if not party.there]
    if len(record.parties) >= MAX_PARTIES and gone:
        record.parties.remove(gone[0])
    record.parties.append(
        Party(body.party_id, body.party, body.who, body.purpose, body.mode, body.name, since_at=event.received_at)
    )


def _party_changed(record: Record, event: InteractionEvent, body: PartyChanged) -> None:
    party = record.party(body.party_id)
    if party is not None:
        party.mode = body.mode


def _hold_changed(record: Record, event: InteractionEvent, body: HoldChanged) -> None:
    if record.held == body.on or record.state != "assigned":
        return
    record.held = body.on
    kind = "hold" if body.on else "talk"
    _begin(record, kind, event.received_at, queue=record.queue, agent_id=record.agent_id)


def _mute_changed(record: Record, event: InteractionEvent, body: MuteChanged) -> None:
    if record.state == "assigned":
        record.muted = body.on


def _transferred(record: Record, event: InteractionEvent, body: Transferred) -> None:
    record.transferred_to = body.to
    if body.how == "blind" and body.to.startswith("number:"):
        record.state = "flow"
        record.agent_id = record.accepted_offer = record.agent_leg = record.agent_party = ""
        record.assigned_at = record.hand_back_at = 0
        record.held = record.muted = False
        record.call = "connecting"
        record.epoch += 1
        _all_left(record, event.received_at)
        _begin(record, "flow", event.received_at, queue=record.queue)


_ASKED = {"start": "starting", "pause": "pausing", "resume": "resuming", "stop": "stopping"}
_RECORDED = {"started": "on", "paused": "paused", "resumed": "on", "completed": "", "absent": "", "failed": "failed"}


def _recording_asked(record: Record, event: InteractionEvent, body: RecordingAsked) -> None:
    record.recording = _ASKED[body.what]


_OVERTAKEN = {
    "started": ("pausing", "paused", "resuming", "stopping"),
    "paused": ("resuming", "stopping"),
    "resumed": ("pausing", "stopping"),
}
"""What is no longer news: something else has been asked since, or has happened."""
_RECORDING_OVER = ("completed", "absent", "failed", "stored", "missing", "removed")
"""Reports come in any order: a recording that is over does not run again."""


def _recording_changed(record: Record, event: InteractionEvent, body: RecordingChanged) -> None:
    before = record.recording
    if body.state in _OVERTAKEN and record.recordings.get(body.recording_id, "") in _RECORDING_OVER:
        return
    if body.purpose == "call" and before not in _OVERTAKEN.get(body.state, ()):
        record.recording = _RECORDED[body.state]
        if before in _UNHEARD and record.recording not in _UNHEARD:
            record.unheard_until_at = event.received_at + UNHEARD_AFTER_MS
    known = record.recordings.get(body.recording_id, "")
    if body.recording_id and known not in ("stored", "missing", "removed"):
        record.recordings[body.recording_id] = body.state


def _action_failed(record: Record, event: InteractionEvent, body: ActionFailed) -> None:
    """Whether it records or not is unknown then, and unknown is not paused."""
    if body.what.startswith("record."):
        if record.recording in _UNHEARD:
            record.unheard_until_at = event.received_at + UNHEARD_AFTER_MS
        record.recording = "failed"


def _recording_kept(record: Record, event: InteractionEvent, body: RecordingKept) -> None:
    record.recordings[body.recording_id] = body.state


def _consent_changed(record: Record, event: InteractionEvent, body: ConsentChanged) -> None:
    record.consent = body.given


def _survey_answered(record: Record, event: InteractionEvent, body: SurveyAnswered) -> None:
    record.survey[body.question[:64]] = body.answer[:500]


def _callback_asked(record: Record, event: InteractionEvent, body: CallbackAsked) -> None:
    """On the call that is owed it puts it off; on the one that it comes from it is a promise."""
    record.number = body.number
    record.not_before_at = body.not_before_at
    if record.direction == "outbound":
        _park(record, event)
    else:
        record.owed = body.reason


def _park(record: Record, event: InteractionEvent) -> None:
    record.state = "parked"
    record.agent_id = ""
    record.offer_id = ""
    record.rings = {}
    record.hand_back_at = 0
    record.accepted_offer = ""
    record.assigned_at = 0
    record.agent_leg = record.ringing_leg = ""
    record.held = record.muted = False
    record.call = "connecting"
    record.epoch += 1
    _all_left(record, event.received_at)
    _begin(record, "parked", event.received_at, queue=record.queue)


def _all_left(record: Record, at: Moment) -> None:
    """The conversation is over, and whoever was brought into it is in it no more."""
    for party in record.parties:
        if party.there:
            party.state, party.since_at = "left", at


def _callback_tried(record: Record, event: InteractionEvent, body: CallbackTried) -> None:
    record.attempts = body.attempt
    record.not_before_at = body.next_at
    if record.thread_key and body.outcome != "reached":
        record.past_legs = [*record.past_legs, record.thread_key][-20:]
    if body.next_at:
        record.thread_key = ""
        _park(record, event)


def _transcript_added(record: Record, event: InteractionEvent, body: TranscriptAdded) -> None:
    if not body.text:
        return
    if not record.subject and body.speaker == "customer":
        record.subject = preview_of(body.text)
    record.preview = preview_of(body.text)
    record.last_message_at = event.received_at


def is_past(record: Record, event: InteractionEvent) -> bool:
    """Whether it is about an earlier attempt to call the customer back."""
    return bool(event.thread.key) and event.thread.key in record.past_legs and event.thread.key != record.thread_key


def _customer_left(record: Record, event: InteractionEvent, body: CustomerLeft) -> None:
    if is_past(record, event):
        return
    record.customer_left = True
    if record.medium == "voice":
        record.call = "ended"


def _flow_stepped(record: Record, event: InteractionEvent, body: FlowStepped) -> None:
    record.flow = body.flow
    record.flow_version = body.version
    record.flow_position = body.position
    record.variables = dict(body.variables)
    record.language = body.variables.get("language", record.language)
    record.answered = {}


def _service_answered(record: Record, event: InteractionEvent, body: ServiceAnswered) -> None:
    """Kept until the flow has gone on with it."""
    record.answered = {"position": body.position, "outcome": body.outcome, "values": dict(body.values)}


def _queue_left(record: Record, event: InteractionEvent, body: QueueLeft) -> None:
    record.state = "flow"
    record.agent_id = record.offer_id = ""
    record.rings = {}
    record.epoch += 1
    _begin(record, "flow", event.received_at, queue=record.queue)


def _voicemail_received(record: Record, event: InteractionEvent, body: VoicemailReceived) -> None:
    record.voicemail = {
        "recording_id": body.recording_id,
        "duration_ms": body.duration_ms,
        "queue": body.queue,
    }
    if record.medium == "voice":
        record.owed = "voicemail"
    else:
        record.task = "voicemail"
        record.unanswered += 1
        record.last_message_at = event.received_at


def _case_recognised(record: Record, event: InteractionEvent, body: CaseRecognised) -> None:
    record.recognised = {
        "mode": body.mode,
        "intent": body.intent,
        "confidence": body.confidence,
        "because": list(body.because),
        "language": body.language,
        "model": body.model,
        "queue": body.queue,
        "priority": body.priority,
        "skills": dict(body.skills),
        "language_skills": dict(body.language_skills),
        "withheld": body.withheld,
        "came_to": body.came_to,
        "instead": dict(body.instead),
    }


def _intent_set(record: Record, event: InteractionEvent, body: IntentSet) -> None:
    """None is: nobody has said."""
    record.intent = body.intent


def _language_set(record: Record, event: InteractionEvent, body: LanguageSet) -> None:
    """None is: nobody has said."""
    record.language_said = body.language


def _asks_changed(record: Record, event: InteractionEvent, body: AsksChanged) -> None:
    record.skills = dict(body.asks)
    record.priority = body.urgency
    record.bound_for = body.waits_in
    record.brought = {
        "queue": body.queue,
        "priority": body.priority,
        "skills": dict(body.skills),
        "language_skills": dict(body.language_skills),
        "withheld": body.withheld,
        "came_to": body.came_to,
        "instead": dict(body.instead),
    }


def _enqueued(record: Record, event: InteractionEvent, body: Enqueued) -> None:
    record.state = "waiting"
    record.queue = body.queue
    record.bound_for = ""
    record.priority = body.priority
    record.skills = dict(body.skills)
    record.virtual_enqueued_at = body.virtual_enqueued_at
    record.enqueued_at = event.received_at
    if record.agent_id and body.reason in ("returned", "vanished", "off_duty"):
        _missed(record, record.agent_id, event.received_at, body.cause)
    record.agent_id = ""
    record.offer_id = ""
    record.rings = {}
    record.accepted_offer = ""
    record.assigned_at = 0
    record.hand_back_at = 0
    record.only_agent = body.only_agent
    record.directed_by = body.directed_by
    record.agent_leg = record.agent_party = record.ringing_leg = ""
    record.held = record.muted = False
    if record.medium == "voice" and record.call == "connected":
        record.call = "connecting"
    if body.reason == "returned":
        record.transferred_to = ""
    if body.reason == "reopened":
        record.ended_at, record.ended_reason = 0, ""
    record.epoch += 1
    _all_left(record, event.received_at)
    _begin(record, "queue", event.received_at, queue=body.queue)


def _missed(record: Record, agent_id: str, at: Moment, cause: str) -> None:
    record.missed[agent_id] = at
    if cause:
        record.missed_by[agent_id] = cause
    else:
        record.missed_by.pop(agent_id, None)


def _offer_made(record: Record, event: InteractionEvent, body: OfferMade) -> None:
    record.epoch += 1
    record.label = body.label
    if record.state == "offered" and record.offer_id:
        record.rings = {**record.ringing, body.offer_id: body.agent_id}
        _also_rings(record, body, event.received_at)
        return
    record.state = "offered"
    record.agent_id = body.agent_id
    record.offer_id = body.offer_id
    record.rings = {}
    _begin(
        record,
        "offer",
        event.received_at,
        queue=record.queue,
        agent_id=body.agent_id,
        offer_id=body.offer_id,
    )


def _also_rings(record: Record, body: OfferMade, at: Moment) -> None:
    """It rings here while it goes on ringing elsewhere: segments of offers may run beside each other."""
    if len(record.segments) < MAX_SEGMENTS:
        record.segments.append(
            Segment("offer", at, queue=record.queue, agent_id=body.agent_id, offer_id=body.offer_id)
        )


def _offer_ended(record: Record, event: InteractionEvent, body: OfferEnded) -> None:
    _end_ringing(record, body, event.received_at)
    others = {offer_id: agent_id for offer_id, agent_id in record.rings.items() if offer_id != body.offer_id}
    if body.outcome == "accepted":
        record.offer_id = ""
        record.rings = {}
        record.state = "assigned"
        record.agent_id = body.agent_id
        record.assigned_at = event.received_at
        record.accepted_offer = body.offer_id
        record.answered_at = record.answered_at or event.received_at
        if body.party_id:
            _handed_over(record, body.party_id)
        record.epoch += 1
        if body.agent_id not in record.served_by:
            record.served_by.append(body.agent_id)
        _begin(record, "talk", event.received_at, queue=record.queue, agent_id=body.agent_id)
        return
    if body.outcome in ("rejected", "expired"):
        _missed(record, body.agent_id, event.received_at, body.cause)
    if record.state == "offered":
        record.rings = others if len(others) > 1 else {}
        if not others:
            record.offer_id = ""
        elif body.offer_id == record.offer_id:
            record.offer_id, record.agent_id = next(iter(others.items()))


def _end_ringing(record: Record, body: OfferEnded, at: Moment) -> None:
    for segment in reversed(record.segments):
        if segment.offer_id == body.offer_id:
            segment.ended_at = segment.ended_at or max(at, segment.started_at)
            segment.outcome = segment.outcome or body.outcome
            return


def _hand_back_asked(record: Record, event: InteractionEvent, body: HandBackAsked) -> None:
    record.hand_back_at = body.until_at


def _handed_over(record: Record, party_id: str) -> None:
    """The party who was talked to first is the call's agent now."""
    party = record.party(party_id)
    if party is not None:
        record.agent_party, record.agent_leg = party.id, party.leg_id
        record.parties.remove(party)
    record.muted = False
    record.call = "connected"


def _wrap_up_started(record: Record, event: InteractionEvent, body: WrapUpStarted) -> None:
    record.state = "wrap_up"
    record.hand_back_at = 0
    record.wrap_up_mode = body.mode
    record.wrap_up_until_at = body.until_at
    record.held = record.muted = False
    _begin(record, "wrap_up", event.received_at, queue=record.queue, agent_id=record.agent_id)


def _wrap_up_asked(record: Record, event: InteractionEvent, body: WrapUpAsked) -> None:
    record.wrap_up_asked = body.on


def _wrapped_up(record: Record, event: InteractionEvent, body: WrappedUp) -> None:
    record.disposition = body.disposition
    record.wrapped_case_status = body.case_status


def _ended(record: Record, event: InteractionEvent, body: Ended) -> None:
    record.state = "ended"
    record.ended_reason = body.reason
    record.ended_at = event.received_at
    record.offer_id = ""
    record.rings = {}
    record.hand_back_at = 0
    if record.medium == "voice":
        record.call = "ended"
    _end_segment(record, event.received_at, body.reason)


def _note_added(record: Record, event: InteractionEvent, body: NoteAdded) -> None:
    """A note is for colleagues: it changes nothing that waits, rings or counts."""


_CHANGES: dict[type, Callable[[Record, InteractionEvent, Any], None]] = {
    MessageReceived: _message_received,
    MessageSent: _message_sent,
    ParticipantAdded: _participant_added,
    CaseJoined: _case_joined,
    CaseRecognised: _case_recognised,
    IntentSet: _intent_set,
    LanguageSet: _language_set,
    AsksChanged: _asks_changed,
    DeliveryChanged: _delivery_changed,
    CallArrived: _call_arrived,
    CallLeg: _call_leg,
    TranscriptAdded: _transcript_added,
    CustomerLeft: _customer_left,
    FlowStepped: _flow_stepped,
    Enqueued: _enqueued,
    OfferMade: _offer_made,
    OfferEnded: _offer_ended,
    HandBackAsked: _hand_back_asked,
    WrapUpStarted: _wrap_up_started,
    WrappedUp: _wrapped_up,
    Ended: _ended,
    NoteAdded: _note_added,
    CallPlaced: _call_placed,
    CallbackAsked: _callback_asked,
    CallbackTried: _callback_tried,
    ConsentChanged: _consent_changed,
    HoldChanged: _hold_changed,
    MuteChanged: _mute_changed,
    PartyAdded: _party_added,
    PartyChanged: _party_changed,
    RecordingAsked: _recording_asked,
    RecordingChanged: _recording_changed,
    RecordingKept: _recording_kept,
    SurveyAnswered: _survey_answered,
    Transferred: _transferred,
    WrapUpAsked: _wrap_up_asked,
    ActionFailed: _action_failed,
    ServiceAnswered: _service_answered,
    QueueLeft: _queue_left,
    VoicemailReceived: _voicemail_received,
}


def record_from(data: dict[str, Any]) -> Record:
    """A record out of its stored form. Fields that this version does not know are left out."""
    record = object.__new__(Record)
    if len(data) != len(_PUT) or data.keys() != _PUT.keys():  # of another release
        for put, default in _DEFAULTS:
            put(record, default() if callable(default) else default)
    for name, value in data.items():
        if name in _PUT:
            _PUT[name](record, value)
    record.segments = [Segment(**segment) for segment in record.segments]  # type: ignore[arg-type]  # as stored
    if record.parties:
        record.parties = [Party(**party) for party in record.parties]  # type: ignore[arg-type]  # as stored
    return record


# Setting the slots one by one costs a sixth of what the constructor does with so many of them.
_PUT: dict[str, Callable[[Record, Any], None]] = {name: getattr(Record, name).__set__ for name in Record.__slots__}
_DEFAULTS: list[tuple[Callable[[Record, Any], None], Any]] = [
    (_PUT[f.name], f.default if f.default is not MISSING else f.default_factory)
    for f in fields(Record)
    if f.default is not MISSING or f.default_factory is not MISSING
]
