"""How anything happens to an interaction: its event is appended, its record folded on, its owner told."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, select

from contact_center.domain.events import (
    HUB,
    Actor,
    Attachment,
    Body,
    CallArrived,
    Direction,
    InteractionEvent,
    Medium,
    MessageReceived,
    MessageSent,
    Thread,
    completed,
    is_discreet,
)
from contact_center.domain.occasion import Occasion
from contact_center.domain.record import IN_HAND, Party, Record, apply, open_record, record_from
from contact_center.domain.time import Moment
from contact_center.domain.views import (
    CallView,
    CaseStatus,
    CustomerBrief,
    PartyView,
    RecognisedView,
    WorkChanged,
    WorkLeft,
    WorkView,
)
from contact_center.storage import customers as customers_storage
from contact_center.storage import events, gist, parties
from contact_center.storage.announcements import announce
from contact_center.storage.connection import LookedTooEarly
from contact_center.storage.effects import FloorMoved, ThreadGrew, Waits, WaitsNoMore, tell
from contact_center.storage.listed import is_one_of
from contact_center.storage.schema import (
    OPEN,
    PENDING,
    THREADED,
    agents,
    call_parties,
    cases,
    customers,
    interactions,
    offers,
    queues,
)
from routing import Waiting


@dataclass(slots=True)
class Loaded:
    """An interaction with what surrounds it, locked for this transaction. Change it through :func:`happen`.
    ``answer`` is what the sender of the event in hand is told, as far as it lies in the log already."""

    record: Record
    customer_name: str
    customer_since: int
    case_status: CaseStatus
    case_subject: str
    queue_name: str
    state_before: str = ""
    parties_before: frozenset[str] = frozenset()
    place_before: tuple[Any, ...] = ()
    fresh: bool = False
    answer: list[Any] | None = None
    standing: customers_storage.Standing = customers_storage.ANYBODY

    @property
    def customer(self) -> CustomerBrief:
        record = self.record
        return CustomerBrief(
            id=record.customer_id,
            name=self.customer_name,
            known=self.customer_since < record.started_at,
            point=record.point,
            point_kind=record.point_kind,
        )


_READ = (
    select(
        interactions.c.record,
        customers.c.name.label("customer_name"),
        customers.c.first_seen_at,
        customers.c.segment,
        customers.c.owner,
        customers.c.preferred,
        cases.c.status,
        cases.c.subject,
        queues.c.name.label("queue_name"),
    )
    .select_from(interactions)
    .join(customers, customers.c.id == interactions.c.customer_id)
    .join(cases, cases.c.id == interactions.c.case_id)
    .outerjoin(queues, queues.c.id == interactions.c.queue)
)
_LOOK = _READ.where(interactions.c.id == bindparam("interaction"))
_LOAD = _READ.with_for_update(of=interactions)
_BY_ID = _LOAD.where(interactions.c.id == bindparam("interaction"))
_BY_THREAD = _LOAD.where(
    interactions.c.channel == bindparam("channel"),
    interactions.c.thread_key == bindparam("thread"),
    OPEN,
    THREADED,
)
_LATEST = (
    (interactions.c.channel == bindparam("channel")) & (interactions.c.thread_key == bindparam("thread")),
    (interactions.c.started_at.desc(), interactions.c.id.desc()),
)
_LATEST_OF_THREAD = _LOAD.where(_LATEST[0]).order_by(*_LATEST[1]).limit(1)
_LOOK_LATEST_OF_THREAD = _READ.where(_LATEST[0]).order_by(*_LATEST[1]).limit(1)
_OPEN_OF_CASE = _LOAD.where(interactions.c.case_id == bindparam("case"), OPEN)
_LAST_OF_CASE = (
    _LOAD.where(interactions.c.case_id == bindparam("case"), interactions.c.medium == bindparam("medium"))
    .order_by(interactions.c.started_at.desc(), interactions.c.id.desc())
    .limit(1)
)


def _whose(*which: Any) -> Any:
    """The agents whom an interaction concerns: who has it, at whom it rings, who is in its call."""
    found = (
        select(interactions.c.id, interactions.c.agent_id)
        .where(*which, interactions.c.state.in_(("offered", *IN_HAND)))
        .cte("found")
    )
    rings = select(offers.c.agent_id).join_from(offers, found, offers.c.interaction_id == found.c.id).where(PENDING)
    there = select(call_parties.c.agent_id).join_from(
        call_parties, found, call_parties.c.interaction_id == found.c.id
    )
    return select(found.c.agent_id).where(found.c.agent_id != "").union_all(rings, there)


def _the_first(*which: Any, order: Any) -> Any:
    return interactions.c.id == select(interactions.c.id).where(*which).order_by(*order).limit(1).scalar_subquery()


_OF_THREAD = (
    interactions.c.channel == bindparam("channel"),
    interactions.c.thread_key == bindparam("thread"),
    OPEN,
    THREADED,
)
_NEWEST = (interactions.c.started_at.desc(), interactions.c.id.desc())
_OF_CASE = (interactions.c.case_id == bindparam("case"), interactions.c.medium == bindparam("medium"))
_WHOSE = _whose(interactions.c.id == bindparam("interaction"))
_WHOSE_OF_THESE = _whose(is_one_of(interactions.c.id, "interactions"))
_WHOSE_OF_THREAD = _whose(*_OF_THREAD)
_WHOSE_OF_LATEST = _whose(_the_first(_LATEST[0], order=_NEWEST))
_WHOSE_OF_OPEN = _whose(interactions.c.case_id == bindparam("case"), OPEN)
_WHOSE_OF_LAST = _whose(_the_first(*_OF_CASE, order=_NEWEST))
_LOCK_AGENTS = select(agents.c.id).where(is_one_of(agents.c.id, "agents")).order_by(agents.c.id).with_for_update()

_INSERT = interactions.insert()
_UPDATE = (
    interactions.update()
    .where(interactions.c.id == bindparam("interaction"))
    .values(
        state=bindparam("new_state"),
        queue=bindparam("new_queue"),
        thread_key=bindparam("new_thread"),
        agent_id=bindparam("new_agent"),
        epoch=bindparam("new_epoch"),
        last_message_at=bindparam("new_message_at"),
        queued_at=bindparam("new_queued_at"),
        answered_at=bindparam("new_answered_at"),
        ended_at=bindparam("new_ended_at"),
        ended_reason=bindparam("new_ended_reason"),
        label=bindparam("new_label"),
        record=bindparam("new_record"),
        waits=bindparam("new_waits"),
        served=bindparam("new_served"),
    )
)


_UPDATE_QUIETLY = (
    interactions.update()
    .where(interactions.c.id == bindparam("interaction"))
    .values(
        last_message_at=bindparam("new_message_at"),
        record=bindparam("new_record"),
        waits=bindparam("new_waits"),
        served=bindparam("new_served"),
    )
)
"""For what moves nothing: no index has to be written."""


def _loaded(row: Any) -> Loaded | None:
    if row is None:
        return None
    record = record_from(row.record)
    return Loaded(
        record=record,
        customer_name=row.customer_name,
        customer_since=row.first_seen_at,
        case_status=row.status,
        case_subject=row.subject,
        queue_name=row.queue_name or "",
        standing=customers_storage.standing_of(row),
        state_before=record.state,
        parties_before=_ours(record),
        place_before=_place(record),
    )


def load(conn: Connection, interaction_id: str, *, beside: Iterable[str] = ()) -> Loaded | None:
    """The interaction, locked until the transaction ends, and before it whoever it concerns. ``beside``: agents whom
    it is about to concern."""
    return _locked(conn, _BY_ID, _WHOSE, {"interaction": interaction_id}, beside)


def _locked(
    conn: Connection, statement: Any, whose: Any, asked: dict[str, Any], beside: Iterable[str] = ()
) -> Loaded | None:
    """Agents are locked before interactions, by id: whoever is told of an interaction has their stream locked, and
    two nodes must not each hold what the other waits for. Where it came to concern somebody else in between the unit
    begins again. SQLite has one writer, and nothing to lock."""
    if conn.dialect.name == "sqlite":
        return _loaded(conn.execute(statement, asked).one_or_none())
    concerned = {*beside, *conn.execute(whose, asked).scalars()}
    if concerned:
        conn.execute(_LOCK_AGENTS, {"agents": sorted(concerned)}).all()
    loaded = _loaded(conn.execute(statement, asked).one_or_none())
    if loaded is not None and not _concerned(loaded.record) <= concerned:
        raise LookedTooEarly
    return loaded


def lock_agents_of(conn: Connection, interaction_ids: Iterable[str], *, beside: Iterable[str] = ()) -> None:
    """Whoever the interactions concern, and ``beside``, locked at once: for a unit that needs several of them."""
    if conn.dialect.name != "sqlite":
        asked = {"interactions": sorted(interaction_ids)}
        concerned = {*beside, *conn.execute(_WHOSE_OF_THESE, asked).scalars()}
        conn.execute(_LOCK_AGENTS, {"agents": sorted(concerned)}).all()


def _concerned(record: Record) -> set[str]:
    if record.state == "offered":
        return {*record.ringing.values()}
    return {record.agent_id} if record.agent_id and record.state in IN_HAND else set()


def look(conn: Connection, interaction_id: str) -> Loaded | None:
    """The interaction for reading only, without a lock."""
    return _loaded(conn.execute(_LOOK, {"interaction": interaction_id}).one_or_none())


def open_of_thread(conn: Connection, channel: str, thread_key: str) -> Loaded | None:
    """The thread's interaction that is not over."""
    return _locked(conn, _BY_THREAD, _WHOSE_OF_THREAD, {"channel": channel, "thread": thread_key})


def latest_of_thread(conn: Connection, channel: str, thread_key: str) -> Loaded | None:
    """The thread's last interaction, over or not."""
    return _locked(conn, _LATEST_OF_THREAD, _WHOSE_OF_LATEST, {"channel": channel, "thread": thread_key})


def look_latest_of_thread(conn: Connection, channel: str, thread_key: str) -> Loaded | None:
    """The thread's last interaction for reading only, without a lock."""
    row = conn.execute(_LOOK_LATEST_OF_THREAD, {"channel": channel, "thread": thread_key}).one_or_none()
    return _loaded(row)


def open_of_case(conn: Connection, case_id: int) -> Loaded | None:
    """The case's interaction that is not over: there is one at most."""
    return _locked(conn, _OPEN_OF_CASE, _WHOSE_OF_OPEN, {"case": case_id})


def last_of_case(conn: Connection, case_id: int, medium: Medium) -> Loaded | None:
    """The case's last interaction of that medium, over or not, without those of cases merged into it."""
    return _locked(conn, _LAST_OF_CASE, _WHOSE_OF_LAST, {"case": case_id, "medium": medium})


def begin(
    conn: Connection,
    event: InteractionEvent,
    raw: bytes,
    answer: list[Any] | None,
    *,
    customer_name: str,
    customer_since: int,
    case_subject: str,
    standing: customers_storage.Standing = customers_storage.ANYBODY,
) -> Loaded:
    """A new interaction out of its opening event, whose ids are all given."""
    record = open_record(event)
    loaded = Loaded(
        record=record,
        customer_name=customer_name,
        customer_since=customer_since,
        case_status="open",
        case_subject=case_subject,
        queue_name="",
        fresh=True,
        standing=standing,
    )
    stored = events.append(conn, event, raw, answer)
    apply(record, stored)
    return loaded


def take(
    conn: Connection,
    loaded: Loaded,
    event: InteractionEvent,
    raw: bytes = b"",
    answer: list[Any] | None = None,
) -> InteractionEvent:
    """Appends what the outside world did to the interaction, and folds it on. ``event`` gets its ids."""
    record = loaded.record
    stored = events.append(
        conn,
        completed(
            event,
            interaction_id=record.interaction_id,
            case_id=record.case_id,
            customer_id=record.customer_id,
        ),
        raw,
        answer,
    )
    apply(record, stored)
    return stored


def happen(
    conn: Connection,
    on: Occasion,
    loaded: Loaded,
    body: Body,
    actor: Actor = HUB,
    direction: Direction = "internal",
    attachments: tuple[Attachment, ...] = (),
    answer: list[Any] | None = None,
) -> InteractionEvent:
    """Appends what the hub did to the interaction, and folds it on. :func:`save` ends the unit."""
    record = loaded.record
    event_id = on.new_id()
    event = InteractionEvent(
        body=body,
        channel=record.channel,
        source_id=event_id,
        medium=record.medium,
        direction=direction,
        occurred_at=on.now,
        received_at=on.now,
        actor=actor,
        thread=Thread(record.thread_key),
        attachments=attachments,
        id=event_id,
        interaction_id=record.interaction_id,
        case_id=record.case_id,
        customer_id=record.customer_id,
    )
    stored = events.append(conn, event, answer=answer)
    if answer is not None:
        loaded.answer = answer
    apply(record, stored)
    return stored


def _place(record: Record) -> tuple[Any, ...]:
    """What the columns beside the record say."""
    return record.state, record.queue, record.agent_id, record.epoch, record.ended_at, record.thread_key


def _ours(record: Record) -> frozenset[str]:
    """The parties of ours who are in the call."""
    if not record.parties or record.state == "ended":
        return frozenset()
    return frozenset([party.id for party in record.parties if party.kind != "number" and party.there])


def save(conn: Connection, loaded: Loaded) -> None:
    """Writes the folded record back, once at the end of a unit, and tells routing what it must know."""
    record = loaded.record
    if loaded.fresh:
        conn.execute(
            _INSERT,
            {
                "id": record.interaction_id,
                "case_id": record.case_id,
                "customer_id": record.customer_id,
                "channel": record.channel,
                "medium": record.medium,
                "thread_key": record.thread_key,
                "state": record.state,
                "queue": record.queue,
                "agent_id": record.agent_id,
                "epoch": record.epoch,
                "started_at": record.started_at,
                "last_message_at": record.last_message_at,
                "queued_at": record.virtual_enqueued_at,
                "answered_at": record.answered_at,
                "ended_at": record.ended_at,
                "ended_reason": record.ended_reason,
                "label": record.label,
                "record": record,
                "waits": gist.waits(record),
                "served": gist.served(record),
            },
        )
        loaded.fresh = False
    elif _place(record) == loaded.place_before:
        conn.execute(
            _UPDATE_QUIETLY,
            {
                "interaction": record.interaction_id,
                "new_message_at": record.last_message_at,
                "new_record": record,
                "new_waits": gist.waits(record),
                "new_served": gist.served(record),
            },
        )
    else:
        conn.execute(
            _UPDATE,
            {
                "interaction": record.interaction_id,
                "new_state": record.state,
                "new_queue": record.queue,
                "new_thread": record.thread_key,
                "new_agent": record.agent_id,
                "new_epoch": record.epoch,
                "new_message_at": record.last_message_at,
                "new_queued_at": record.virtual_enqueued_at,
                "new_answered_at": record.answered_at,
                "new_ended_at": record.ended_at,
                "new_ended_reason": record.ended_reason,
                "new_label": record.label,
                "new_record": record,
                "new_waits": gist.waits(record),
                "new_served": gist.served(record),
            },
        )
    if record.state != loaded.state_before:
        if record.state == "waiting":
            tell(conn, Waits(waiting(conn, loaded)))
        elif loaded.state_before == "waiting":
            tell(conn, WaitsNoMore(record.interaction_id))
        tell(conn, FloorMoved(record.queue))
        tell(conn, ThreadGrew(record.channel, record.thread_key))
        loaded.state_before = record.state
    elif record.medium == "voice" and record.state == "assigned":
        # The floor shows of a live call whether it is held, and who listens.
        tell(conn, FloorMoved(record.queue))
    loaded.place_before = _place(record)
    ours = _ours(record)
    if ours != loaded.parties_before:
        parties.keep(conn, record.interaction_id, [party for party in record.parties if party.id in ours])
        loaded.parties_before = ours


def waiting(conn: Connection, loaded: Loaded) -> Waiting:
    """The waiting interaction as routing sees it."""
    record = loaded.record
    served = (
        customers_storage.served_before(conn, record.customer_id, record.interaction_id)
        if loaded.customer.known
        else {}
    )
    return as_routing_sees(record, loaded.standing, served)


def as_routing_sees(record: Record, standing: customers_storage.Standing, served: dict[str, Moment]) -> Waiting:
    """``served``: which agents have served the customer in other interactions, with when. What waits in bulk is read
    past this, by :mod:`contact_center.storage.backlog`, out of :func:`gist.waits`: what is asked here must be asked
    there."""
    for agent_id in record.served_by:
        served.setdefault(agent_id, record.enqueued_at)
    return Waiting(
        interaction_id=record.interaction_id,
        case_id=record.case_id,
        queue=record.queue,
        medium=record.medium,
        priority=record.priority,
        virtual_enqueued_at=record.virtual_enqueued_at,
        skills=record.skills,
        epoch=record.epoch,
        served_before=served,
        missed=dict(record.missed),
        missed_by=dict(record.missed_by),
        owner=standing.owner,
        preferred=standing.preferred,
        only_agent=record.only_agent,
        directed_by=record.directed_by,
    )


def work_view(loaded: Loaded) -> WorkView:
    """The interaction as its owner's desk shows it."""
    record = loaded.record
    call = record.call if record.medium == "voice" else None
    return WorkView(
        interaction_id=record.interaction_id,
        case_id=record.case_id,
        case_status=loaded.case_status,
        channel=record.channel,
        medium=record.medium,
        state="wrap_up" if record.state == "wrap_up" else "assigned",
        queue=record.queue,
        queue_name=loaded.queue_name,
        subject=loaded.case_subject or record.subject,
        preview=record.preview,
        customer=loaded.customer,
        dialled=record.dialled,
        started_at=record.started_at,
        assigned_at=record.assigned_at,
        last_message_at=record.last_message_at,
        unanswered=record.unanswered,
        undelivered=len(record.undelivered),
        call=call,  # type: ignore[arg-type]  # the fold writes only CallState's words for voice
        customer_left=record.customer_left,
        direction=record.direction,
        task=record.task,  # type: ignore[arg-type]  # the fold writes only these words
        line=line_view(record) if record.medium == "voice" else None,
        wrap_up_mode=record.wrap_up_mode,  # type: ignore[arg-type]
        wrap_up_until_at=record.wrap_up_until_at,
        wrap_up_asked=record.wrap_up_asked,
        hand_back_at=record.hand_back_at,
        recognised=recognised_view(record),
    )


def recognised_view(record: Record) -> RecognisedView | None:
    """What the interaction seems to be about; None where nobody has looked, and nobody has said."""
    seen = record.recognised
    if not seen and record.intent is None and record.language_said is None:
        return None
    return RecognisedView(
        mode=seen.get("mode", "off"),
        intent=seen.get("intent", ""),
        confidence=seen.get("confidence", 0.0),
        because=tuple(seen.get("because", ())),
        language=seen.get("language", ""),
        said=record.intent,
        language_said=record.language_said,
        asks=dict(record.skills),
    )


def line_view(record: Record) -> CallView:
    """The live side of a call, as consoles show it."""
    return CallView(
        held=record.held,
        muted=record.muted,
        recording=record.recording,  # type: ignore[arg-type]  # the fold writes only these words
        consent=record.consent,
        parties=tuple([party_view(party) for party in record.parties if party.purpose != "supervise"]),
        task="callback" if record.task == "callback" else "",
        number=record.number,
        attempts=record.attempts,
    )


def party_view(party: Party) -> PartyView:
    return PartyView(
        id=party.id,
        kind=party.kind,  # type: ignore[arg-type]
        who=party.who,
        name=party.name,
        purpose=party.purpose,  # type: ignore[arg-type]
        mode=party.mode,  # type: ignore[arg-type]
        state=party.state,  # type: ignore[arg-type]
        since_at=party.since_at,
    )


def tell_owner(
    conn: Connection, on: Occasion, loaded: Loaded, event: InteractionEvent | None, agent_name: str = ""
) -> None:
    """Tells the agent who holds the interaction what it looks like now, with ``event`` if it is a new line."""
    record = loaded.record
    if event is not None and is_discreet(event.body):
        return
    if record.agent_id and record.state in IN_HAND:
        names = {record.agent_id: agent_name}
        view = events.view(event, names) if event is not None else None
        announce(conn, on.now, record.agent_id, WorkChanged(work_view(loaded), view))
    if event is not None and isinstance(event.body, (MessageReceived, MessageSent, CallArrived)):
        tell(conn, ThreadGrew(record.channel, record.thread_key))


def tell_left(conn: Connection, on: Occasion, agent_id: str, loaded: Loaded, reason: Any) -> None:
    """Tells the agent who held the interaction that it is in their hands no more."""
    announce(conn, on.now, agent_id, WorkLeft(loaded.record.interaction_id, reason))
