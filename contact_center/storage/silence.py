"""Which calls nothing has been heard of for a while."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, or_, select

from contact_center.domain.time import Moment
from contact_center.storage.schema import OPEN, THREADED, events, interactions

_LAST = (
    select(events.c.received_at)
    .where(events.c.interaction_id == interactions.c.id)
    .order_by(events.c.seq.desc())
    .limit(1)
    .scalar_subquery()
)
_SILENT = (
    select(interactions.c.id, interactions.c.channel, interactions.c.thread_key, _LAST)
    .where(
        OPEN,
        THREADED,
        interactions.c.medium == "voice",
        interactions.c.state.in_(("flow", "waiting", "offered", "assigned")),
        interactions.c.started_at < bindparam("started_before"),
        or_(
            bindparam("before") > _LAST,
            (interactions.c.state == "flow") & (bindparam("before_in_flow") > _LAST),
        ),
    )
    .order_by(interactions.c.started_at)
    .limit(bindparam("most"))
)


@dataclass(frozen=True, slots=True)
class SilentCall:
    interaction_id: str
    channel: str
    thread_key: str
    heard_at: Moment


def silent_calls(conn: Connection, before: Moment, before_in_flow: Moment, most: int = 500) -> list[SilentCall]:
    """Open calls whose last event is older than ``before``, or than ``before_in_flow`` where the caller is in the
    menu; the oldest first."""
    asked = {"before": before, "before_in_flow": before_in_flow, "most": most}
    asked["started_before"] = max(before, before_in_flow)
    return [SilentCall(*row) for row in conn.execute(_SILENT, asked)]
