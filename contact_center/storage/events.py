"""The event log: append-only, read in order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from sqlalchemy import Connection, bindparam, func, literal, select, text

from contact_center.domain.contact_points import ContactPoint
from contact_center.domain.events import (
    Actor,
    Attachment,
    CallerInput,
    CallerRecorded,
    DialEnded,
    FlowStepped,
    InteractionEvent,
    Thread,
    Unknown,
    body_from,
    completed,
)
from contact_center.domain.views import ActorView, AttachmentView, EventView
from contact_center.storage import cases
from contact_center.storage.schema import agents, events

RAW_INLINE = 65_536
"""Raw input up to this size lies beside its event; larger lies in the blob store, under the same digest."""

ANSWERED_BY_STEPS = frozenset({CallerInput.KIND, CallerRecorded.KIND, DialEnded.KIND})

_SEEN = select(
    events.c.id,
    events.c.seq,
    events.c.kind,
    events.c.interaction_id,
    events.c.case_id,
    events.c.extra,
    events.c.raw_digest,
).where(events.c.channel == bindparam("channel"), events.c.source_id == bindparam("source"))
_INSERT = {
    "sqlite": events.insert(),  # RETURNING would cost as much again as the row itself
    "postgresql": events.insert().values(txid=text("pg_current_xact_id()::text::bigint")).returning(events.c.seq),
}
_SEEN_ANSWER = (
    select(events.c.kind, events.c.extra)
    .where(events.c.interaction_id == bindparam("interaction"), events.c.seq > bindparam("after"))
    .order_by(events.c.seq)
    .limit(1)
)
_ANSWER = events.update().where(events.c.id == bindparam("event")).values(extra=bindparam("extra"))
_COLUMNS = [c for c in events.c if c.name not in ("raw", "txid")]
_READ = select(*_COLUMNS)


def seen(conn: Connection, channel: str, source_id: str) -> Any | None:
    """The event that came before under this idempotency key: id, seq, kind, interaction_id, case_id, extra,
    raw_digest."""
    return conn.execute(_SEEN, {"channel": channel, "source": source_id}).one_or_none()


def answer_to(conn: Connection, row: Any) -> list[Any] | None:
    """What the sender of the event that :func:`seen` found was told: it lies with the event, or with the step of the
    flow that followed it."""
    told: list[Any] | None = (row.extra or {}).get("answer")
    if told is None and row.kind in ANSWERED_BY_STEPS:
        step = conn.execute(_SEEN_ANSWER, {"interaction": row.interaction_id, "after": row.seq}).first()
        if step is not None and step.kind == FlowStepped.KIND:
            told = (step.extra or {}).get("answer")
    return told


def append(
    conn: Connection, event: InteractionEvent, raw: bytes = b"", answer: list[Any] | None = None
) -> InteractionEvent:
    """Stores ``event``, whose ids are all given and which nobody else holds yet: it gets its ``seq``. ``answer`` is
    what the sender was told, kept so that a repeat is told the same."""
    sender, dialled = event.sender, event.dialled
    extra: dict[str, Any] | None = None
    if event.attachments or event.thread.references or event.thread.ours or answer is not None:
        extra = {}
        if event.attachments:
            extra["attachments"] = [asdict(a) for a in event.attachments]
        if event.thread.references:
            extra["references"] = event.thread.references
        if event.thread.ours:
            extra["ours"] = event.thread.ours
        if answer is not None:
            extra["answer"] = answer
    body = event.body
    dialect = conn.dialect.name
    done = conn.execute(
        _INSERT[dialect],
        {
            "id": event.id,
            "channel": event.channel,
            "source_id": event.source_id,
            "kind": event.kind,
            "interaction_id": event.interaction_id,
            "case_id": event.case_id,
            "customer_id": event.customer_id,
            "medium": event.medium,
            "direction": event.direction,
            "actor_kind": event.actor.kind,
            "actor_id": event.actor.id,
            "occurred_at": event.occurred_at,
            "received_at": event.received_at,
            "sender_kind": sender.kind if sender else "",
            "sender": sender.value[:400] if sender else "",
            "sender_name": event.sender_name[:200],
            "dialled_kind": dialled.kind if dialled else "",
            "dialled": dialled.value[:400] if dialled else "",
            "thread_key": event.thread.key,
            "body": body.data if isinstance(body, Unknown) else body,
            "extra": extra,
            "raw_digest": event.raw_digest,
            "raw": raw if raw and len(raw) <= RAW_INLINE else None,
        },
    )
    return completed(event, seq=done.lastrowid if dialect == "sqlite" else done.scalar_one())


def keep_answer(conn: Connection, event_id: str, answer: list[Any]) -> None:
    """What the sender of an event was told, so that a repeat of it is told the same."""
    conn.execute(_ANSWER, {"event": event_id, "extra": {"answer": answer}})


def _event(row: Any) -> InteractionEvent:
    extra = row.extra or {}
    return InteractionEvent(
        body=body_from(row.kind, row.body),
        channel=row.channel,
        source_id=row.source_id,
        medium=row.medium,
        direction=row.direction,
        occurred_at=row.occurred_at,
        received_at=row.received_at,
        actor=Actor(row.actor_kind, row.actor_id),
        sender=ContactPoint(row.sender_kind, row.sender) if row.sender_kind else None,
        sender_name=row.sender_name,
        dialled=ContactPoint(row.dialled_kind, row.dialled) if row.dialled_kind else None,
        thread=Thread(row.thread_key, tuple(extra.get("ours", ())), tuple(extra.get("references", ()))),
        attachments=tuple(Attachment(**a) for a in extra.get("attachments", ())),
        raw_digest=row.raw_digest,
        id=row.id,
        seq=row.seq,
        interaction_id=row.interaction_id,
        case_id=row.case_id,
        customer_id=row.customer_id,
    )


@dataclass(frozen=True, slots=True)
class Sure:
    """Up to where the log is whole. On PostgreSQL numbers are given before they are committed: whatever had been
    ``given`` by the time of one look is committed or gone once no transaction of that time is ``under_way``."""

    upto: int = 0
    given: int = 0
    under_way: frozenset[str] | None = None


def sure(conn: Connection, before: Sure) -> Sure:
    """What is known to be whole now, given what the last look found. On PostgreSQL it takes three looks: one sees
    which numbers were given, the next which transactions were under way by then, a later one that they are over."""
    if conn.dialect.name == "sqlite":
        last = conn.execute(_LAST).scalar() or 0
        return Sure(last, last)
    row = conn.execute(_LOOK).one()
    now = frozenset((row.under_way or "").split())
    if before.under_way is not None:
        left = before.under_way & now
        return Sure(before.upto, before.given, left) if left else Sure(before.given, row.given)
    if before.given > before.upto:
        return Sure(before.upto, before.given, now) if now else Sure(before.given, row.given)
    return Sure(before.upto, row.given)


_LAST = select(func.max(events.c.seq))
# A snapshot's xmax is no help: transactions above the last one that ended, which are under way, lie beyond it.
_LOOK = text(
    "SELECT (SELECT string_agg(transactionid::text, ' ') FROM pg_locks JOIN pg_stat_activity USING (pid)"
    " WHERE locktype = 'transactionid' AND mode = 'ExclusiveLock' AND datname = current_database()) AS under_way,"
    " (SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM events_seq_seq) AS given"
)


def of_log(conn: Connection, after: int, upto: int, most: int) -> list[InteractionEvent]:
    """The log after ``after`` up to where it is whole (:func:`sure`) in order, ``most`` events at most: a reader who
    goes on from the last ``seq`` never misses one."""
    query = _READ.where(events.c.seq > after, events.c.seq <= upto).order_by(events.c.seq).limit(most)
    return [_event(row) for row in conn.execute(query)]


def of_interaction(
    conn: Connection, interaction_id: str, after: int = 0, most: int = 1_000_000
) -> Iterator[InteractionEvent]:
    query = (
        _READ.where(events.c.interaction_id == interaction_id, events.c.seq > after)
        .order_by(events.c.seq)
        .limit(most)
    )
    return (_event(row) for row in conn.execute(query))


def of_case(conn: Connection, case_id: int, after: int = 0, most: int = 200) -> list[InteractionEvent]:
    """Everything of the case and of those that were merged into it, oldest first."""
    whole = events.c.case_id.in_(cases.family(conn, case_id))
    query = _READ.where(whole, events.c.seq > after).order_by(events.c.seq).limit(most)
    return [_event(row) for row in conn.execute(query)]


_UNDER_ID = (
    select(events.c.source_id, events.c.interaction_id, events.c.kind)
    .where(
        events.c.channel == bindparam("channel"),
        events.c.source_id >= bindparam("first"),
        events.c.source_id <= bindparam("last"),
    )
    .limit(50)
)


def under_id(conn: Connection, channel: str, source_prefix: str) -> list[Any]:
    """The events whose ``source_id`` is ``source_prefix`` and sixteen hex digits: source_id, interaction_id, kind."""
    asked = {"channel": channel, "first": source_prefix + "0" * 16, "last": source_prefix + "f" * 16}
    return [row for row in conn.execute(_UNDER_ID, asked) if row.source_id.startswith(source_prefix)]


def of_kinds(
    conn: Connection, interaction_id: str, kinds: Sequence[str], after: int, most: int
) -> list[InteractionEvent]:
    query = (
        _READ.where(events.c.interaction_id == interaction_id, events.c.kind.in_(kinds), events.c.seq > after)
        .order_by(events.c.seq)
        .limit(most)
    )
    return [_event(row) for row in conn.execute(query)]


def get(conn: Connection, event_id: str) -> InteractionEvent | None:
    row = conn.execute(_READ.where(events.c.id == event_id)).one_or_none()
    return _event(row) if row else None


def last_received(conn: Connection, interaction_id: str) -> InteractionEvent | None:
    """The customer's latest message in the interaction."""
    row = conn.execute(
        _READ.where(events.c.interaction_id == interaction_id, events.c.kind == "message.received")
        .order_by(events.c.seq.desc())
        .limit(1)
    ).one_or_none()
    return _event(row) if row else None


def last_sent(conn: Connection, interaction_id: str) -> InteractionEvent | None:
    """Our latest message in the interaction."""
    row = conn.execute(
        _READ.where(events.c.interaction_id == interaction_id, events.c.kind == "message.sent")
        .order_by(events.c.seq.desc())
        .limit(1)
    ).one_or_none()
    return _event(row) if row else None


def last_letter(conn: Connection, case_id: int) -> InteractionEvent | None:
    """What came last by mail into the case, or into one that was merged into it, whoever wrote it."""
    row = conn.execute(
        _READ.where(
            events.c.case_id.in_(cases.family(conn, case_id)),
            events.c.kind == "message.received",
            events.c.medium == "email",
        )
        .order_by(events.c.seq.desc())
        .limit(1)
    ).one_or_none()
    return _event(row) if row else None


def agent_names(conn: Connection) -> dict[str, str]:
    return {row.id: row.name for row in conn.execute(select(agents.c.id, agents.c.name))}


def agent_public_names(conn: Connection) -> dict[str, str]:
    """What customers know the agents as."""
    rows = conn.execute(select(agents.c.id, agents.c.name, agents.c.public_name))
    return {row.id: row.public_name or row.name for row in rows}


def view(event: InteractionEvent, names: dict[str, str]) -> EventView:
    """``event`` as consoles show it; ``names`` are the agents'."""
    actor = event.actor
    name = names.get(actor.id, "") if actor.kind == "agent" else event.sender_name
    body = event.body
    data = body.data if isinstance(body, Unknown) else {f.name: getattr(body, f.name) for f in fields(body)}
    if "agent_id" in data:
        data["agent_name"] = names.get(data["agent_id"], "")
    if event.medium == "email" and event.kind == "message.received" and event.sender is not None:
        data["sender"] = event.sender.value
    return EventView(
        seq=event.seq,
        id=event.id,
        kind=event.kind,
        interaction_id=event.interaction_id,
        case_id=event.case_id,
        medium=event.medium,
        direction=event.direction,
        at=event.received_at,
        actor=ActorView(actor.kind, actor.id, name),
        body=data,
        attachments=tuple(AttachmentView(a.digest, a.name, a.media_type, a.size) for a in event.attachments),
    )


def count(conn: Connection) -> int:
    return conn.execute(select(func.count(literal(1))).select_from(events)).scalar_one()
