"""What consoles are shown and told: the shapes on the agents' websocket, and what each announcement does to them.

``apply`` is the meaning of an announcement. The console has the same function in TypeScript; both are held to
the same cases (``tests/live/cases``).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias

from contact_center.domain.events import ActorKind, Direction, Medium
from contact_center.domain.time import Moment

Role = Literal["agent", "supervisor", "admin"]
AgentStateName = Literal["offline", "ready", "reserved", "busy", "wrap_up", "not_ready"]
CaseStatus = Literal["open", "pending", "closed"]


@dataclass(frozen=True, slots=True)
class AgentView:
    """An agent now. ``chosen`` is what they asked for (it takes effect when work ends); ``state`` is what is so.
    ``load`` and ``capacity`` count interactions by medium; ``most`` is the weighted total (0: none is kept),
    ``most_of`` how many of a label they may have, ``labelled`` how many they have. ``capacity_by``: who set the
    capacity by hand, in place of what is configured."""

    id: str
    name: str
    role: Role
    state: AgentStateName
    chosen: Literal["offline", "ready", "not_ready"]
    reason: str
    since_at: Moment
    load: dict[str, int]
    capacity: dict[str, int]
    skills: dict[str, int]
    most: int = 0
    most_of: dict[str, int] = field(default_factory=dict)
    labelled: dict[str, int] = field(default_factory=dict)
    capacity_by: str = ""


@dataclass(frozen=True, slots=True)
class CustomerBrief:
    """``known`` is false for somebody who is seen for the first time. ``name`` may be empty: show ``point``."""

    id: str
    name: str
    known: bool
    point: str
    point_kind: str


@dataclass(frozen=True, slots=True)
class Past:
    """One earlier interaction of the customer, any channel."""

    interaction_id: str
    case_id: int
    medium: Medium
    subject: str
    started_at: Moment
    agent_name: str
    disposition: str
    case_status: CaseStatus


@dataclass(frozen=True, slots=True)
class Why:
    """One reason for the choice, ``code`` with its ``values``; the console says it in the agent's language.

    ``skill`` {skill, level, needed} · ``need`` {need} · ``relaxed`` {step, steps} · ``owner`` {} · ``asked_for`` {} ·
    ``served_before`` {at} · ``preferred`` {points} · ``least_loaded`` and ``most_loaded`` {load, capacity} ·
    ``longest_idle`` {idle_ms} · ``most_skilled`` and ``least_skilled`` {points} · ``only_one`` {} ·
    ``rings_with`` {count} · ``weighed_together`` {count} · ``considered`` {count} · ``direct`` {by}
    """

    code: Literal[
        "skill",
        "need",
        "relaxed",
        "owner",
        "asked_for",
        "served_before",
        "preferred",
        "least_loaded",
        "most_loaded",
        "longest_idle",
        "most_skilled",
        "least_skilled",
        "only_one",
        "rings_with",
        "weighed_together",
        "considered",
        "direct",
    ]
    values: dict[str, str | int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RecognisedView:
    """What a case seems to be about (docs/recognition.md). ``intent`` is empty where that isn't sure enough to be
    said, ``said`` is what an agent says that it is about: null for nothing yet, empty for nothing of the list;
    ``language_said`` likewise. ``asks`` are the skills that it is to have wherever it waits next."""

    mode: Literal["off", "suggest", "decide"]
    intent: str
    confidence: float
    because: tuple[str, ...]
    language: str
    said: str | None
    language_said: str | None = None
    asks: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OfferView:
    """``rings_at``: the other agents at whom it rings at the same time; the first to accept has it.
    ``answers_itself_at``: then it is accepted without anybody's doing (0: never), unless the console is gone."""

    id: str
    interaction_id: str
    case_id: int
    medium: Medium
    queue: str
    queue_name: str
    subject: str
    preview: str
    customer: CustomerBrief
    dialled: str
    waiting_since_at: Moment
    made_at: Moment
    deadline_at: Moment
    decision_id: str
    why: tuple[Why, ...] = ()
    history: tuple[Past, ...] = ()
    direction: Direction = "inbound"
    task: Literal["", "callback", "voicemail"] = ""
    rings_at: tuple[str, ...] = ()
    answers_itself_at: Moment = 0
    recognised: RecognisedView | None = None


CallState = Literal["connecting", "ringing", "connected", "ended"]
RecordingState = Literal["", "starting", "on", "pausing", "paused", "resuming", "stopping", "failed"]


@dataclass(frozen=True, slots=True)
class PartyView:
    """Somebody in the call besides the customer and the agent. ``who`` is an agent's id or a number. ``purpose``:
    ``consult`` (the customer waits meanwhile), ``conference``, ``transfer``, ``supervise``."""

    id: str
    kind: Literal["agent", "number", "supervisor"]
    who: str
    name: str
    purpose: Literal["consult", "conference", "transfer", "supervise"]
    mode: Literal["talk", "listen", "whisper", "barge"]
    state: Literal["calling", "ringing", "joined", "left", "failed"]
    since_at: Moment


@dataclass(frozen=True, slots=True)
class CallView:
    """The live side of a call. ``held``: the customer hears music. ``muted``: the customer doesn't hear the agent.
    ``recording``: empty is off; what ends in ``ing`` has been asked of the provider and is not so yet.
    ``consent``: whether the customer agreed to be recorded; null if nobody asked. ``number`` is the one that we
    call or called; ``task`` is ``callback`` where we owed them the call, ``attempts`` how often we tried."""

    held: bool = False
    muted: bool = False
    recording: RecordingState = ""
    consent: bool | None = None
    parties: tuple[PartyView, ...] = ()
    task: Literal["", "callback"] = ""
    number: str = ""
    attempts: int = 0


@dataclass(frozen=True, slots=True)
class WorkView:
    """An interaction in an agent's hands. ``unanswered`` counts the customer's messages since our last one.
    ``undelivered`` counts our messages that failed or are uncertain. ``call`` and ``line`` are null for written
    media. ``wrap_up_mode`` says how the queue wants what follows (docs/telephony.md); in wrap-up
    ``wrap_up_until_at`` is when it ends by itself, 0 never. ``hand_back_at``: the agent is off duty and is asked
    whether they keep it; then it goes back to its queue (0: nobody asks)."""

    interaction_id: str
    case_id: int
    case_status: CaseStatus
    channel: str
    medium: Medium
    state: Literal["assigned", "wrap_up"]
    queue: str
    queue_name: str
    subject: str
    preview: str
    customer: CustomerBrief
    dialled: str
    started_at: Moment
    assigned_at: Moment
    last_message_at: Moment
    unanswered: int
    undelivered: int
    call: CallState | None
    customer_left: bool
    direction: Direction = "inbound"
    task: Literal["", "callback", "voicemail"] = ""
    line: CallView | None = None
    wrap_up_mode: Literal["", "mandatory", "optional", "timed", "forced", "asked"] = ""
    wrap_up_until_at: Moment = 0
    wrap_up_asked: bool = False
    hand_back_at: Moment = 0
    recognised: RecognisedView | None = None


@dataclass(frozen=True, slots=True)
class ActorView:
    kind: ActorKind
    id: str
    name: str


@dataclass(frozen=True, slots=True)
class AttachmentView:
    digest: str
    name: str
    media_type: str
    size: int


@dataclass(frozen=True, slots=True)
class EventView:
    """One line of a conversation. ``body`` is the event's own, described by the event schema."""

    seq: int
    id: str
    kind: str
    interaction_id: str
    case_id: int
    medium: Medium
    direction: Direction
    at: Moment
    actor: ActorView
    body: dict[str, Any]
    attachments: tuple[AttachmentView, ...] = ()


# --- announcements: what an agent's stream is made of ----------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AgentChanged:
    agent: AgentView
    kind: Literal["agent.changed"] = "agent.changed"


@dataclass(frozen=True, slots=True)
class OfferRings:
    offer: OfferView
    kind: Literal["offer.rings"] = "offer.rings"


@dataclass(frozen=True, slots=True)
class OfferOver:
    """The offer stopped ringing; ``outcome`` as in the event ``offer.ended``. ``by`` is the name of the agent who was
    first, where another has it."""

    offer_id: str
    interaction_id: str
    outcome: Literal["accepted", "rejected", "expired", "cancelled", "rescinded"]
    by: str = ""
    kind: Literal["offer.over"] = "offer.over"


@dataclass(frozen=True, slots=True)
class WorkChanged:
    """The interaction is in this agent's hands and looks like this now; ``event`` is what just happened, if the
    conversation grew."""

    work: WorkView
    event: EventView | None = None
    kind: Literal["work.changed"] = "work.changed"


@dataclass(frozen=True, slots=True)
class WorkLeft:
    """The interaction is in this agent's hands no more."""

    interaction_id: str
    reason: Literal[
        "wrapped_up", "abandoned", "returned", "vanished", "completed", "failed", "transferred", "parked", "off_duty"
    ]
    kind: Literal["work.left"] = "work.left"


Announcement: TypeAlias = AgentChanged | OfferRings | OfferOver | WorkChanged | WorkLeft


@dataclass(frozen=True, slots=True)
class DeskState:
    """All that an agent's desk shows without opening anything, as of ``seq`` in their stream."""

    seq: int
    agent: AgentView
    offers: tuple[OfferView, ...] = ()
    work: tuple[WorkView, ...] = ()


class Gap(Exception):
    """An announcement is missing: ask for what is after ``seq``, or for a snapshot."""


def apply(state: DeskState, seq: int, announcement: Announcement) -> DeskState:
    """The desk after announcement ``seq``. One that was applied before changes nothing; raises :class:`Gap` if
    any between is missing. Offers stand in the order they were made, work in the order it was taken."""
    if seq <= state.seq:
        return state
    if seq > state.seq + 1:
        raise Gap(f"have {state.seq}, got {seq}")
    match announcement:
        case AgentChanged():
            return replace(state, seq=seq, agent=announcement.agent)
        case OfferRings():
            offers = [o for o in state.offers if o.id != announcement.offer.id]
            offers.append(announcement.offer)
            offers.sort(key=lambda o: (o.made_at, o.id))
            return replace(state, seq=seq, offers=tuple(offers))
        case OfferOver():
            return replace(state, seq=seq, offers=tuple(o for o in state.offers if o.id != announcement.offer_id))
        case WorkChanged():
            work = [w for w in state.work if w.interaction_id != announcement.work.interaction_id]
            work.append(announcement.work)
            work.sort(key=lambda w: (w.assigned_at, w.interaction_id))
            return replace(state, seq=seq, work=tuple(work))
        case WorkLeft():
            return replace(
                state,
                seq=seq,
                work=tuple(w for w in state.work if w.interaction_id != announcement.interaction_id),
            )


# --- the floor: what supervisors watch -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class QueueView:
    """A queue now. ``ready`` of the ``able`` signed-in members could take something. Today counts from midnight
    in the hub's time zone; ``within_target`` of ``answered`` were accepted inside the service-level target."""

    id: str
    name: str
    waiting: int
    oldest_waiting_at: Moment | None
    offered: int
    in_hand: int
    ready: int
    able: int
    target_ms: int
    offered_today: int
    answered_today: int
    within_target_today: int
    abandoned_today: int
    waiting_by_medium: dict[str, int]


@dataclass(frozen=True, slots=True)
class HandView:
    """``watching`` are the supervisors who hear this call."""

    interaction_id: str
    case_id: int
    medium: Medium
    state: Literal["offered", "assigned", "wrap_up"]
    since_at: Moment
    customer_name: str
    queue: str
    call: CallState | None = None
    held: bool = False
    watching: tuple[PartyView, ...] = ()


@dataclass(frozen=True, slots=True)
class FloorAgent:
    agent: AgentView
    hands: tuple[HandView, ...]


@dataclass(frozen=True, slots=True)
class Happening:
    """One line of the floor's recent history: ``code`` is an event kind, or ``offer.<outcome>``."""

    at: Moment
    code: str
    interaction_id: str
    case_id: int
    medium: Medium
    queue: str
    agent_name: str
    customer_name: str


@dataclass(frozen=True, slots=True)
class Floor:
    """The whole floor (``full``), or only the rows that changed since the last one sent."""

    at: Moment
    full: bool
    queues: tuple[QueueView, ...]
    agents: tuple[FloorAgent, ...]
    recent: tuple[Happening, ...]
