"""Queues and the entry points that lead to them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, func, select

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
_WAITING = (
    select(interactions.c.id)
    .where(OPEN, interactions.c.state == "waiting")
    .order_by(interactions.c.started_at, interactions.c.id)
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


def waiting_ids(conn: Connection) -> list[str]:
    """Every interaction that waits, oldest first: what routing is rebuilt from."""
    return [row.id for row in conn.execute(_WAITING)]
