"""A customer's interactions, asked for by what they still mean to us."""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, select

from contact_center.domain.time import Moment
from contact_center.storage.schema import OPEN, interactions

_OWED = select(interactions.c.id, interactions.c.record).where(
    OPEN,
    interactions.c.customer_id == bindparam("customer"),
    interactions.c.channel == bindparam("channel"),
    interactions.c.state.in_(("parked", "waiting")),
)
_ON_THE_LINE = select(interactions.c.record).where(
    OPEN,
    interactions.c.customer_id == bindparam("customer"),
    interactions.c.channel == bindparam("channel"),
    interactions.c.state.in_(("flow", "waiting", "offered", "assigned")),
)
_LEFT = (
    select(interactions.c.queued_at)
    .where(
        interactions.c.customer_id == bindparam("customer"),
        interactions.c.queue == bindparam("queue"),
        interactions.c.ended_at >= bindparam("since"),
        interactions.c.ended_reason.in_(("abandoned", "callback")),
        interactions.c.answered_at == 0,
        interactions.c.queued_at > 0,
        interactions.c.id != bindparam("but"),
    )
    .order_by(interactions.c.started_at.desc())
    .limit(20)
)


def owed_calls(conn: Connection, customer_id: str, channel: str) -> list[str]:
    """Calls to the customer that we owe and that nobody has in hand."""
    rows = conn.execute(_OWED, {"customer": customer_id, "channel": channel})
    return [row.id for row in rows if row.record.get("task") == "callback"]


def rings_us(conn: Connection, customer_id: str, channel: str) -> bool:
    """Whether the customer is on the line to us by a call of their own, which waits or is served."""
    asked = {"customer": customer_id, "channel": channel}
    return any(row.record.get("direction") == "inbound" for row in conn.execute(_ON_THE_LINE, asked))


def place_left(conn: Connection, customer_id: str, queue: str, since: Moment, *, but: str) -> Moment:
    """When the waiting began that the customer broke off, in this queue, by whichever channel, after ``since``; 0 for
    none."""
    asked = {"customer": customer_id, "queue": queue, "since": since, "but": but}
    return min(conn.execute(_LEFT, asked).scalars(), default=0)
