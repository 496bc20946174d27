"""Queues and the entry points that lead to them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, case, func, select

from contact_center.domain.queue_rules import DEFAULT_RULES, QueueRules, rules_of
from contact_center.storage.schema import OPEN, entry_points, interactions, queues


@dataclass(frozen=True, slots=True)
class Queue:
    id: str
    name: str
    priority: int
    skills: dict[str, int]
    target_ms: int
    offer_ms: int
    rules: QueueRules = DEFAULT_RULES


@dataclass(frozen=True, slots=True)
class EntryPoint:
    """``queue`` or ``flow`` is where it leads; a flow has the queue as what to do when it cannot go on."""

    id: str
    channel: str
    dialled: str
    queue: str
    flow: str
    priority: int
    skills: dict[str, int]
    language: str


_QUEUE = select(queues).where(queues.c.id == bindparam("queue"))
_ENTRY = (
    select(entry_points)
    .where(entry_points.c.channel == bindparam("channel"), entry_points.c.dialled.in_((bindparam("dialled"), "*")))
    .order_by(entry_points.c.dialled == "*")
    .limit(1)
)


def get(conn: Connection, queue_id: str) -> Queue | None:
    row = conn.execute(_QUEUE, {"queue": queue_id}).one_or_none()
    return _queue(row) if row else None


def _queue(row: Any) -> Queue:
    return Queue(
        row.id, row.name, row.priority, row.skills, row.target_ms, row.offer_ms, rules_of(row.settings or {})
    )


def every(conn: Connection) -> list[Queue]:
    return [_queue(row) for row in conn.execute(select(queues).order_by(queues.c.id))]


def entry_point(conn: Connection, channel: str, dialled: str) -> EntryPoint | None:
    """The channel's door called ``dialled``, else its door for everything (``*``)."""
    row = conn.execute(_ENTRY, {"channel": channel, "dialled": dialled}).one_or_none()
    if row is None:
        return None
    return EntryPoint(row.id, row.channel, row.dialled, row.queue, row.flow, row.priority, row.skills, row.language)


def first_number(conn: Connection, channel: str) -> str:
    """The first of the channel's entry points that is a number; empty for none."""
    found = select(entry_points.c.dialled).where(
        entry_points.c.channel == channel, entry_points.c.dialled.startswith("+")
    )
    return conn.execute(found.order_by(entry_points.c.dialled).limit(1)).scalar() or ""


_AHEAD = select(func.count()).where(
    OPEN,
    interactions.c.state == "waiting",
    interactions.c.queue == bindparam("queue"),
    interactions.c.queued_at < bindparam("since"),
)
_SIZE = select(func.count()).where(
    OPEN, interactions.c.state == "waiting", interactions.c.queue == bindparam("queue")
)
_HANDLED = (
    select(interactions.c.answered_at, interactions.c.ended_at)
    .where(
        interactions.c.queue == bindparam("queue"),
        interactions.c.started_at > bindparam("since"),
        interactions.c.answered_at > 0,
        interactions.c.ended_at > 0,
    )
    .order_by(interactions.c.started_at.desc())
    .limit(50)
)


def ahead(conn: Connection, queue_id: str, since: int) -> int:
    """How many wait in the queue who came before ``since``."""
    return conn.execute(_AHEAD, {"queue": queue_id, "since": since}).scalar_one()


def size(conn: Connection, queue_id: str) -> int:
    return conn.execute(_SIZE, {"queue": queue_id}).scalar_one()


def handling_ms(conn: Connection, queue_id: str, since: int) -> int:
    """How long the last fifty of the queue's interactions took, of those begun after ``since``; 0 for none."""
    took = [row.ended_at - row.answered_at for row in conn.execute(_HANDLED, {"queue": queue_id, "since": since})]
    return sum(took) // len(took) if took else 0


def ends_of(conn: Connection, queue_id: str, most: int) -> list[str]:
    """Who has waited longest in the queue, and who came last: so many from each end."""
    waits = select(interactions.c.id).where(OPEN, interactions.c.state == "waiting", interactions.c.queue == queue_id)
    oldest = conn.execute(waits.order_by(interactions.c.queued_at, interactions.c.id).limit(most)).scalars()
    newest = conn.execute(waits.order_by(interactions.c.queued_at.desc(), interactions.c.id).limit(most)).scalars()
    return list(dict.fromkeys([*oldest, *newest]))


def has_work(conn: Connection, queue_id: str) -> bool:
    """Whether anything waits in the queue, or is being offered."""
    there = select(interactions.c.id).where(
        OPEN, interactions.c.state.in_(("waiting", "offered")), interactions.c.queue == queue_id
    )
    return conn.execute(there.limit(1)).first() is not None


def served(conn: Connection, queue_id: str, target_ms: int, since: int, now: int) -> tuple[int, int]:
    """Of the contacts of the queue that began after ``since``: of how many it is known whether they were answered
    within the target, and how many were. Who gave up before counts as not, and so does who still waits beyond it."""
    answered = interactions.c.answered_at > 0
    within = answered & (interactions.c.answered_at - interactions.c.queued_at <= target_ms)
    known = answered | (interactions.c.ended_at > 0) | (interactions.c.queued_at < now - target_ms)
    row = conn.execute(
        select(
            func.sum(case((known, 1), else_=0)).label("known"), func.sum(case((within, 1), else_=0)).label("within")
        ).where(interactions.c.started_at > since, interactions.c.queue == queue_id, interactions.c.queued_at > 0)
    ).one()
    return row.known or 0, row.within or 0
