"""The unified event record: one shape for whatever happens between a customer and us, on every channel.

Events are append-only. A channel makes the first six kinds of body out of what the outside world sent; the hub
adds the rest. An interaction's record is a fold over its events (``record.py``).
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from operator import attrgetter
from typing import Any, ClassVar, Literal, TypeAlias

from contact_center.domain.contact_points import ContactPoint
from contact_center.domain.time import Moment

Medium = Literal["voice", "sms", "email", "chat", "other"]
MEDIA: tuple[Medium, ...] = ("voice", "sms", "email", "chat", "other")
Direction = Literal["inbound", "outbound", "internal"]
ActorKind = Literal["customer", "agent", "flow", "routing", "hub"]


@dataclass(frozen=True, slots=True)
class Actor:
    """Who did it. ``id`` is the agent's for agents, else empty."""

    kind: ActorKind
    id: str = ""


CUSTOMER = Actor("customer")
HUB = Actor("hub")
ROUTING = Actor("routing")
FLOW = Actor("flow")


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that belongs to an event. Its bytes lie in the blob store under ``digest`` (SHA-256, hex); ``name``
    is what the sender called it and is only ever shown."""

    digest: str
    name: str
    media_type: str
    size: int
    content_id: str = ""


@dataclass(frozen=True, slots=True)
class Thread:
    """How the outside world says which conversation an event belongs to.

    ``key`` names the conversation where the channel has such a name: a CallSid, a pair of numbers, a chat's
    handle. E-mail has none; there ``ours`` holds the interaction ids that our own *proven* tokens named (best
    first), and ``key`` is empty. ``references`` are unproven Message-IDs, for display and linking only.
    """

    key: str = ""
    ours: tuple[str, ...] = ()
    references: tuple[str, ...] = ()


# --- what the outside world did: made by channels -------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class MessageReceived:
    """A customer wrote. ``text`` is what is new in it; ``history`` are the earlier messages that it quotes and
    ``signature`` what stands under it, both as they were written, so that the three together are all of it. ``html``
    is the digest of the original HTML in the blob store, if there was any; it is sanitised whenever it is shown.
    ``automatic`` says that no person wrote it (RFC 3834), with the reason. ``unverified`` says why the sender is not
    to be believed, if so. ``to`` and ``cc`` are the plain addresses of the others whom it was written to,
    ``reply_to`` the address that answers are asked for where that isn't the sender's. ``new_topic``: it came in an
    old thread under a subject of its own. ``same_id``: another message with other content came before under its
    Message-ID. ``invitations``: for each line of the text that says what an invitation in it is about (``said``),
    what it was made of, for whoever says it in another language."""

    KIND: ClassVar[str] = "message.received"
    text: str
    subject: str = ""
    html: str = ""
    automatic: str = ""
    unverified: str = ""
    truncated: bool = False
    history: str = ""
    signature: str = ""
    to: tuple[str, ...] = ()
    cc: tuple[str, ...] = ()
    reply_to: str = ""
    new_topic: bool = False
    same_id: bool = False
    invitations: tuple[dict[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class CallArrived:
    KIND: ClassVar[str] = "call.arrived"
    caller_name: str = ""
    forwarded_from: str = ""
    stir_verstat: str = ""  # information only: caller ID proves nothing


@dataclass(frozen=True, slots=True)
class CallPlaced:
    """We begin a call to the customer: ``owed`` to them for that ``reason`` (as in ``callback.asked``), or an agent's
    own."""

    KIND: ClassVar[str] = "call.placed"
    number: str
    reason: Literal["agent", "asked", "abandoned", "voicemail"] = "agent"
    owed: bool = False


@dataclass(frozen=True, slots=True)
class CallerInput:
    """What the caller did at the flow's step: keys, words, or nothing (both empty: no input in time).
    ``position`` is the one the prompt was given with, so that a late or repeated answer changes nothing.
    ``secret`` digits are seen by the flow alone: what is stored has none."""

    KIND: ClassVar[str] = "ivr.input"
    position: str
    digits: str = ""
    speech: str = ""
    confidence: float = 0.0
    secret: bool = False


@dataclass(frozen=True, slots=True)
class CallerRecorded:
    """The caller has spoken after the beep (``Record``). ``recording_id`` is the provider's, empty where nothing
    was said; ``ended_by``: ``key | silence | hang_up``."""

    KIND: ClassVar[str] = "ivr.recorded"
    position: str
    recording_id: str = ""
    duration_ms: int = 0
    ended_by: Literal["key", "silence", "hang_up"] = "silence"


@dataclass(frozen=True, slots=True)
class DialEnded:
    """The outside number that the flow had rung (``Dial``) is done with."""

    KIND: ClassVar[str] = "ivr.dialled"
    position: str
    outcome: Literal["answered", "busy", "no_answer", "failed"]
    duration_ms: int = 0
    leg_id: str = ""


@dataclass(frozen=True, slots=True)
class RecordingChanged:
    """A recording at the provider is in this state now. ``purpose``: ``call`` or ``voicemail``."""

    KIND: ClassVar[str] = "recording.changed"
    recording_id: str
    state: Literal["started", "paused", "resumed", "completed", "absent", "failed"]
    purpose: Literal["call", "voicemail"] = "call"
    duration_ms: int = 0
    channels: int = 1
    reason: str = ""


@dataclass(frozen=True, slots=True)
class CallLeg:
    """A leg of the call changed. ``leg`` is ``customer``, ``agent`` (the one whose offer it was) or ``party``
    (anybody else whom we brought in, ``party_id``); ``state`` is
    ``ringing | answered | joined | left | ended | failed``; ``leg_id`` is the provider's."""

    KIND: ClassVar[str] = "call.leg"
    leg: Literal["customer", "agent", "party"]
    state: Literal["ringing", "answered", "joined", "left", "ended", "failed"]
    leg_id: str = ""
    reason: str = ""
    offer_id: str = ""
    party_id: str = ""


@dataclass(frozen=True, slots=True)
class TranscriptAdded:
    """A line of a live transcript: ``speaker`` is ``customer`` or ``agent``."""

    KIND: ClassVar[str] = "transcript.added"
    speaker: Literal["customer", "agent"]
    text: str
    confidence: float = 0.0


@dataclass(frozen=True, slots=True)
class DeliveryReported:
    """The provider says what became of something that we sent. ``provider_id`` is the id it gave us then (of a letter
    its Message-ID); ``outbox_id`` is ours, where the report carries it (it may come before we have seen the
    provider's). ``recipient`` is whom of several it is about; ``permanent``: nothing will ever reach them there."""

    KIND: ClassVar[str] = "delivery.reported"
    provider_id: str
    status: Literal["queued", "sent", "delayed", "delivered", "read", "undelivered", "failed", "unknown"]
    error: str = ""
    outbox_id: str = ""
    recipient: str = ""
    permanent: bool = False


@dataclass(frozen=True, slots=True)
class CustomerLeft:
    """The customer ended it: hung up, closed the chat."""

    KIND: ClassVar[str] = "customer.left"
    reason: str = ""


# --- what the hub did -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FlowStepped:
    """The flow went to ``position`` (opaque to everyone but ``ivr_flows``), having left ``step`` by ``exit``.
    ``said`` is what the caller heard; ``variables`` is the flow's whole memory after the step."""

    KIND: ClassVar[str] = "ivr.step"
    flow: str
    version: str
    position: str
    step: str = ""
    exit: str = ""
    said: str = ""
    variables: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ServiceAnswered:
    """What a flow's question to somebody other than the caller came to: a service over HTTP, a one-time code, the
    dialling policy. ``outcome`` is one of the step's exits; ``values`` become variables."""

    KIND: ClassVar[str] = "ivr.answered"
    position: str
    outcome: str
    values: dict[str, str] = field(default_factory=dict)
    took_ms: int = 0


@dataclass(frozen=True, slots=True)
class QueueLeft:
    """The caller waits no more, because they chose to do something else: their place is kept."""

    KIND: ClassVar[str] = "queue.left"
    reason: str = ""


@dataclass(frozen=True, slots=True)
class VoicemailReceived:
    """The customer left words for ``queue``, as the recording ``recording_id``. On the call that it was left on, and
    as the beginning of the work that it makes."""

    KIND: ClassVar[str] = "voicemail.received"
    recording_id: str
    duration_ms: int = 0
    queue: str = ""


@dataclass(frozen=True, slots=True)
class HoldChanged:
    """The customer hears music (``on``), or the conversation again."""

    KIND: ClassVar[str] = "call.hold"
    on: bool


@dataclass(frozen=True, slots=True)
class MuteChanged:
    """The agent is not heard (``on``), or heard again."""

    KIND: ClassVar[str] = "call.mute"
    on: bool


PartyKind = Literal["agent", "number", "supervisor"]
PartyMode = Literal["talk", "listen", "whisper", "barge"]


@dataclass(frozen=True, slots=True)
class PartyAdded:
    """Somebody else is being brought into the call. ``who`` is an agent's id or a number; ``purpose`` is why:
    ``consult`` (the customer waits), ``conference`` (everybody talks), ``transfer`` (they take over) or
    ``supervise``."""

    KIND: ClassVar[str] = "party.added"
    party_id: str
    party: PartyKind
    who: str
    purpose: Literal["consult", "conference", "transfer", "supervise"]
    mode: PartyMode = "talk"
    name: str = ""


@dataclass(frozen=True, slots=True)
class PartyChanged:
    """How the party takes part now: ``listen`` hears everybody and is heard by nobody, ``whisper`` is heard by
    the agent alone, ``barge`` and ``talk`` by everybody."""

    KIND: ClassVar[str] = "party.changed"
    party_id: str
    mode: PartyMode


@dataclass(frozen=True, slots=True)
class Transferred:
    """The agent handed the customer on. ``to`` is ``queue:…``, ``agent:…`` or ``number:…``; ``how``: ``blind``
    or ``warm``."""

    KIND: ClassVar[str] = "transferred"
    to: str
    how: Literal["blind", "warm"]


@dataclass(frozen=True, slots=True)
class RecordingAsked:
    """The provider was asked to record, or to pause: what it does is told by ``recording.changed``."""

    KIND: ClassVar[str] = "recording.asked"
    what: Literal["start", "pause", "resume", "stop"]
    reason: str = ""


@dataclass(frozen=True, slots=True)
class RecordingKept:
    """The recording is in the hub's own store (``digest``), or was given up (``missing``) or removed by the
    retention policy (``removed``)."""

    KIND: ClassVar[str] = "recording.kept"
    recording_id: str
    state: Literal["stored", "missing", "removed"]
    digest: str = ""
    media_type: str = ""
    size: int = 0
    duration_ms: int = 0
    purpose: Literal["call", "voicemail"] = "call"
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ConsentChanged:
    """What the customer agreed to. ``about``: ``recording``; ``basis``: how we know (``announced``, ``key``,
    ``agent``)."""

    KIND: ClassVar[str] = "consent.changed"
    about: Literal["recording"]
    given: bool
    basis: str = ""


@dataclass(frozen=True, slots=True)
class CallbackAsked:
    """We owe the customer a call to ``number``, not before ``not_before_at``. ``reason``: ``asked`` (in the queue),
    ``abandoned`` (they hung up while waiting), ``voicemail``, ``agent`` (an agent promised it)."""

    KIND: ClassVar[str] = "callback.asked"
    number: str
    reason: Literal["asked", "abandoned", "voicemail", "agent"]
    not_before_at: Moment = 0


@dataclass(frozen=True, slots=True)
class CallbackTried:
    """One attempt is over. After ``no_answer``, ``busy`` and ``failed`` the next one is at ``next_at``; 0 is none."""

    KIND: ClassVar[str] = "callback.tried"
    attempt: int
    outcome: Literal["reached", "no_answer", "busy", "failed", "cancelled"]
    next_at: Moment = 0


@dataclass(frozen=True, slots=True)
class ActionFailed:
    """Something that the call was to do did not happen: ``what`` is the verb that left through the outbox."""

    KIND: ClassVar[str] = "call.action_failed"
    what: str
    reason: str = ""
    party_id: str = ""


@dataclass(frozen=True, slots=True)
class SurveyAnswered:
    KIND: ClassVar[str] = "survey.answered"
    question: str
    answer: str


Cause = Literal["", "rejected", "no_answer", "busy"]
"""Why an agent did not take a piece of work: they said no, they let it ring out, their telephone was taken."""


@dataclass(frozen=True, slots=True)
class Enqueued:
    """``virtual_enqueued_at`` is the moment that waiting counts from; it survives missed offers and returns.
    ``reopened``: it was over, and somebody has to look at it again. ``vanished`` and ``off_duty``: whoever had it was
    not there any more. ``cause`` is why it came to nothing at the agent who had it, as with an offer.
    ``corrected``: a person said what it is about, or its language, and it asks for something else than before.
    ``because`` of what an ``overflow`` sent it here from the queue where it was: each condition that held
    (``waited_ms``, ``ahead``, ``nobody``, ``level``, ``estimate_ms``, ``closed``) with what was found, and with an
    estimate ``estimate_p90_ms`` and ``estimate_ahead``. ``policy``: the version of the policy that its queue and
    priority are of."""

    KIND: ClassVar[str] = "enqueued"
    queue: str
    priority: int
    skills: dict[str, int]
    virtual_enqueued_at: Moment
    reason: Literal[
        "arrived",
        "rejected",
        "expired",
        "vanished",
        "transferred",
        "rescinded",
        "returned",
        "callback",
        "reopened",
        "off_duty",
        "overflow",
        "corrected",
    ] = "arrived"
    only_agent: str = ""
    directed_by: str = ""
    cause: Cause = ""
    because: dict[str, int | str] = field(default_factory=dict)
    policy: str = ""


@dataclass(frozen=True, slots=True)
class CaseRecognised:
    """What its first words say that it is about, told by the ``model`` of that version: ``intent`` (empty: nothing is
    sure enough to be said; ``guess`` is the likeliest all the same) with its ``confidence`` and the words ``because``
    of which. ``mode``: it is only shown (``suggest``), or it counts (``decide``): then ``queue``, ``priority`` and
    ``skills`` are what it added, ``language_skills`` what the language did. ``withheld`` is why it added less than it
    was to. Without it, it would wait in ``came_to``, and ask for ``instead`` of the skills that it asks more of."""

    KIND: ClassVar[str] = "case.recognised"
    mode: Literal["off", "suggest", "decide"]
    intent: str
    confidence: float
    because: tuple[str, ...] = ()
    guess: str = ""
    language: str = ""
    language_confidence: float = 0.0
    model: int = 0
    queue: str = ""
    priority: int = 0
    skills: dict[str, int] = field(default_factory=dict)
    language_skills: dict[str, int] = field(default_factory=dict)
    withheld: str = ""
    came_to: str = ""
    instead: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class IntentSet:
    """An agent says what it is about (empty: nothing of the house's list; null: they take back what was said).
    ``before`` is what was recognised."""

    KIND: ClassVar[str] = "case.intent_set"
    intent: str | None
    before: str = ""


@dataclass(frozen=True, slots=True)
class LanguageSet:
    """An agent says which language it is in (empty: none that we know; null: they take back what was said).
    ``before`` is what was recognised."""

    KIND: ClassVar[str] = "case.language_set"
    language: str | None
    before: str = ""


@dataclass(frozen=True, slots=True)
class AsksChanged:
    """What people say of it brings something else than its words did, or than what was said before: ``queue``,
    ``priority``, ``skills`` and ``language_skills`` in their place (``withheld``, ``came_to`` and ``instead`` as in
    ``case.recognised``). From now on it asks for all of ``asks`` with ``urgency`` (skills and priority, of whatever
    reason), and waits in ``waits_in`` when it next waits (empty: where it is)."""

    KIND: ClassVar[str] = "case.asks_changed"
    asks: dict[str, int]
    urgency: int
    waits_in: str = ""
    queue: str = ""
    priority: int = 0
    skills: dict[str, int] = field(default_factory=dict)
    language_skills: dict[str, int] = field(default_factory=dict)
    withheld: str = ""
    came_to: str = ""
    instead: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OfferMade:
    """It rings at the agent; where it rings already, at this one too. ``label`` is what it counts as while it is
    theirs."""

    KIND: ClassVar[str] = "offer.made"
    offer_id: str
    agent_id: str
    decision_id: str
    deadline_at: Moment
    label: str = ""


@dataclass(frozen=True, slots=True)
class OfferEnded:
    """``outcome``: ``accepted | rejected | expired | cancelled`` (customer left) ``| rescinded`` (race lost).
    ``party_id``: who is in the call already and takes it over. ``by``: who was first, where it is ``rescinded``.
    ``cause`` is why it was missed."""

    KIND: ClassVar[str] = "offer.ended"
    offer_id: str
    agent_id: str
    outcome: Literal["accepted", "rejected", "expired", "cancelled", "rescinded"]
    reason: str = ""
    party_id: str = ""
    by: str = ""
    cause: Cause = ""


@dataclass(frozen=True, slots=True)
class RoutingOverridden:
    """A person gave it to an agent, or took it, past routing, and said why. ``decision_id`` has what routing knew of
    it at that moment, and would have done. ``over_capacity``: they knew that the agent has no room for it."""

    KIND: ClassVar[str] = "routing.overridden"
    agent_id: str
    reason: str
    decision_id: str
    over_capacity: bool = False


@dataclass(frozen=True, slots=True)
class HandBackAsked:
    """Whoever is off duty was asked whether they keep it: without an answer it goes back at ``until_at``. 0: they
    keep it."""

    KIND: ClassVar[str] = "hand_back.asked"
    until_at: Moment


@dataclass(frozen=True, slots=True)
class MessageSent:
    """We wrote to the customer. It leaves through the outbox row ``outbox_id``; a letter to several people has a row
    for each, the further ones named ``<outbox_id>-1``, ``-2``, … ``html`` is the digest of what was written as HTML.
    ``to`` (empty: the customer), ``cc`` and ``bcc`` are plain addresses. It does not leave before ``send_at``.
    ``automatic``: no person wrote it (an acknowledgement). ``elsewhere``: it was written in another program and found
    in the mailbox's folder of sent mail."""

    KIND: ClassVar[str] = "message.sent"
    text: str
    outbox_id: str
    subject: str = ""
    html: str = ""
    to: tuple[str, ...] = ()
    cc: tuple[str, ...] = ()
    bcc: tuple[str, ...] = ()
    send_at: Moment = 0
    automatic: bool = False
    elsewhere: bool = False


@dataclass(frozen=True, slots=True)
class DeliveryChanged:
    """What became of the outbox row: ``accepted | retry | uncertain | failed | delivered | read``, or ``cancelled``
    by whoever wrote it, in time. ``recipient`` is whose row it is where the letter had several."""

    KIND: ClassVar[str] = "delivery.changed"
    outbox_id: str
    state: Literal["accepted", "retry", "uncertain", "failed", "delivered", "read", "cancelled"]
    provider_id: str = ""
    reason: str = ""
    recipient: str = ""


@dataclass(frozen=True, slots=True)
class SentAtOnce:
    """A letter that was to leave later left now, because somebody said so."""

    KIND: ClassVar[str] = "message.sent_at_once"
    outbox_id: str


@dataclass(frozen=True, slots=True)
class ParticipantAdded:
    """Whoever writes from ``address`` belongs in the conversation from now on, because an agent said so."""

    KIND: ClassVar[str] = "participant.added"
    address: str


@dataclass(frozen=True, slots=True)
class CaseLinked:
    """This interaction's case may belong to the case ``to_case``: its message answers one of ours there, but not from
    an address that takes part (``suggested``). An agent says that they are one matter (``merged``) or two
    (``refused``), and may take that back (``undone``)."""

    KIND: ClassVar[str] = "case.linked"
    to_case: int
    state: Literal["suggested", "merged", "refused", "undone"]
    reason: str = ""


@dataclass(frozen=True, slots=True)
class CaseJoined:
    """The case ``case_id`` is part of this interaction's from now on, or (``undone``) no longer. ``unanswered`` of
    its messages are this conversation's to answer since then, or no longer."""

    KIND: ClassVar[str] = "case.joined"
    case_id: int
    state: Literal["merged", "undone"]
    unanswered: int = 0


@dataclass(frozen=True, slots=True)
class NoteAdded:
    """Words for colleagues; no customer ever sees them."""

    KIND: ClassVar[str] = "note.added"
    text: str


@dataclass(frozen=True, slots=True)
class WrapUpAsked:
    """The agent wants time after this call (``on``), in a queue where nobody has it unasked."""

    KIND: ClassVar[str] = "wrap_up.asked"
    on: bool


@dataclass(frozen=True, slots=True)
class WrapUpStarted:
    """``mode`` is how the queue wants it (docs/telephony.md); ``until_at`` is when it ends by itself, 0 never."""

    KIND: ClassVar[str] = "wrap_up.started"
    reason: str = ""
    mode: Literal["mandatory", "optional", "timed", "forced", "asked"] = "mandatory"
    until_at: Moment = 0


@dataclass(frozen=True, slots=True)
class WrappedUp:
    """The agent is done. ``case_status`` is what the case becomes."""

    KIND: ClassVar[str] = "wrapped_up"
    disposition: str
    note: str = ""
    case_status: Literal["open", "pending", "closed"] = "closed"


@dataclass(frozen=True, slots=True)
class Ended:
    """The interaction is over. ``reason``: ``wrapped_up | abandoned | completed | failed``, ``callback`` (a later
    call carries on), ``unreached`` (a callback that nobody answered, for the last time) and ``transferred`` (to a
    number outside), ``merged`` (its case became part of another) and ``imported`` (it is history from elsewhere)."""

    KIND: ClassVar[str] = "ended"
    reason: Literal[
        "wrapped_up",
        "abandoned",
        "completed",
        "failed",
        "callback",
        "unreached",
        "transferred",
        "merged",
        "imported",
    ]


@dataclass(frozen=True, slots=True)
class Unknown:
    """An event of a kind that this version does not know, kept whole."""

    KIND: ClassVar[str] = "unknown"
    kind: str
    data: dict[str, Any] = field(default_factory=dict)


Body: TypeAlias = (
    MessageReceived
    | CallArrived
    | CallerInput
    | CallLeg
    | TranscriptAdded
    | DeliveryReported
    | CustomerLeft
    | FlowStepped
    | Enqueued
    | OfferMade
    | OfferEnded
    | RoutingOverridden
    | HandBackAsked
    | MessageSent
    | DeliveryChanged
    | NoteAdded
    | WrapUpStarted
    | WrappedUp
    | Ended
    | CallPlaced
    | CallerRecorded
    | DialEnded
    | RecordingChanged
    | ServiceAnswered
    | HoldChanged
    | MuteChanged
    | PartyAdded
    | PartyChanged
    | Transferred
    | RecordingAsked
    | RecordingKept
    | ConsentChanged
    | CallbackAsked
    | CallbackTried
    | SurveyAnswered
    | WrapUpAsked
    | ActionFailed
    | QueueLeft
    | VoicemailReceived
    | ParticipantAdded
    | CaseLinked
    | CaseJoined
    | CaseRecognised
    | IntentSet
    | LanguageSet
    | AsksChanged
    | SentAtOnce
    | Unknown
)


def _lists_of(body: type[Any]) -> tuple[str, ...]:
    return tuple(f.name for f in fields(body) if str(f.type).startswith("tuple"))


BODIES: dict[str, type[Any]] = {
    body.KIND: body
    for body in (
        MessageReceived,
        CallArrived,
        CallerInput,
        CallLeg,
        TranscriptAdded,
        DeliveryReported,
        CustomerLeft,
        FlowStepped,
        Enqueued,
        OfferMade,
        OfferEnded,
        RoutingOverridden,
        HandBackAsked,
        MessageSent,
        DeliveryChanged,
        NoteAdded,
        WrapUpStarted,
        WrappedUp,
        Ended,
        CallPlaced,
        CallerRecorded,
        DialEnded,
        RecordingChanged,
        ServiceAnswered,
        HoldChanged,
        MuteChanged,
        PartyAdded,
        PartyChanged,
        Transferred,
        RecordingAsked,
        RecordingKept,
        ConsentChanged,
        CallbackAsked,
        CallbackTried,
        SurveyAnswered,
        WrapUpAsked,
        ActionFailed,
        QueueLeft,
        VoicemailReceived,
        ParticipantAdded,
        CaseLinked,
        CaseJoined,
        CaseRecognised,
        IntentSet,
        LanguageSet,
        AsksChanged,
        SentAtOnce,
    )
}
_FIELDS = {kind: frozenset(f.name for f in fields(body)) for kind, body in BODIES.items()}
_LISTS = {kind: names for kind, body in BODIES.items() if (names := _lists_of(body))}

OPENING_KINDS = frozenset({MessageReceived.KIND, CallArrived.KIND, CallPlaced.KIND, VoicemailReceived.KIND})
"""Kinds that may begin an interaction. Any other needs one that exists, but for mail: see ``intake/mail.py``."""


@dataclass(frozen=True, slots=True)
class InteractionEvent:
    """One thing that happened.

    ``channel`` and ``source_id`` together are the idempotency key: the provider's own id of this happening
    (with its status where one id has several), or for the hub's own events the event's ``id`` again. The hub's
    ids (``id``, ``seq``, ``interaction_id``, ``case_id``, ``customer_id``) are empty until intake gives them.
    ``sender`` and ``dialled`` are the customer's contact point and ours (ANI and DNIS, From and To).
    """

    body: Body
    channel: str
    source_id: str
    medium: Medium
    direction: Direction
    occurred_at: Moment
    received_at: Moment
    actor: Actor = CUSTOMER
    sender: ContactPoint | None = None
    sender_name: str = ""
    dialled: ContactPoint | None = None
    thread: Thread = Thread()
    attachments: tuple[Attachment, ...] = ()
    raw_digest: str = ""
    id: str = ""
    seq: int = 0
    interaction_id: str = ""
    case_id: int = 0
    customer_id: str = ""

    @property
    def kind(self) -> str:
        body = self.body
        return body.kind if isinstance(body, Unknown) else body.KIND


_VALUES = attrgetter(*InteractionEvent.__slots__)
_PUT = {name: getattr(InteractionEvent, name).__set__ for name in InteractionEvent.__slots__}
_PUT_EACH = tuple(_PUT.values())


def changed(event: InteractionEvent, **changes: Any) -> InteractionEvent:
    """``dataclasses.replace`` for the one class that is on every path: a tenth of its cost."""
    made = object.__new__(InteractionEvent)
    for put, value in zip(_PUT_EACH, _VALUES(event), strict=True):
        put(made, value)
    for name, value in changes.items():
        _PUT[name](made, value)
    return made


def completed(event: InteractionEvent, **given: Any) -> InteractionEvent:
    """``event`` itself with what it lacked. Only for one that nobody else holds yet: an event never changes once it
    is known."""
    for name, value in given.items():
        _PUT[name](event, value)
    return event


def body_from(kind: str, data: dict[str, Any]) -> Body:
    """The typed body of a stored event. Unknown kinds stay whole as :class:`Unknown`; fields that this version
    does not know are left out (the stored row keeps them)."""
    body = BODIES.get(kind)
    if body is None:
        return Unknown(kind, data)
    known = _FIELDS[kind]
    given = {name: value for name, value in data.items() if name in known}
    for name in _LISTS.get(kind, ()):
        if name in given:
            given[name] = tuple(given[name])
    made: Body = body(**given)
    return made


SUPERVISOR = "supervisor-"
"""How the party id of a supervisor who listens in begins: what is about them is known by it alone."""


def is_discreet(body: Body) -> bool:
    """Whether it is about a supervisor who listens in, which agents are not shown."""
    return str(getattr(body, "party_id", "")).startswith(SUPERVISOR)
