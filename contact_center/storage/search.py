"""Lists of interactions, filtered."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, select

from contact_center.storage.schema import ENDED, OPEN, customers
from contact_center.storage.schema import interactions as table

_BRIEF = select(
    table.c.id, table.c.record, table.c.customer_id, table.c.started_at, customers.c.name, customers.c.first_seen_at
).join_from(table, customers, customers.c.id == table.c.customer_id)


def interactions(
    conn: Connection,
    *,
    state: str = "",
    queue: str = "",
    agent_id: str = "",
    medium: str = "",
    customer_id: str = "",
    case_id: int = 0,
    after: str = "",
    most: int = 50,
) -> list[dict[str, Any]]:
    """Interactions newest first, as their records with the customer in brief; ``after`` is the last one's id."""
    given = (
        (table.c.queue, queue),
        (table.c.agent_id, agent_id),
        (table.c.medium, medium),
        (table.c.customer_id, customer_id),
        (table.c.case_id, case_id),
    )
    wanted = [column == value for column, value in given if value]
    ids: list[str] = []
    if state != "ended":
        of_state = [table.c.state == state] if state else []
        ids += _ids(conn, [OPEN, *of_state, *wanted], table.c.id + "", after, most)
    if state in ("", "ended"):
        ids += _ids(conn, [ENDED, *wanted], table.c.id, after, most)
    ids = sorted(ids, reverse=True)[:most]
    rows = {row.id: row for row in conn.execute(_BRIEF.where(table.c.id.in_(ids)))} if ids else {}
    return [_item(rows[each]) for each in ids]


def _ids(conn: Connection, wanted: list[Any], order: Any, after: str, most: int) -> list[str]:
    """What is over is read along its own index in order; what is not is little, and is found by its indexes and then
    sorted: an ``order`` that is no plain column keeps the database from walking through all that is over for it."""
    before = [order < after] if after else []
    query = select(table.c.id).where(*wanted, *before).order_by(order.desc()).limit(most)
    return list(conn.execute(query).scalars())


def _item(row: Any) -> dict[str, Any]:
    return {
        **row.record,
        "customer": {
            "id": row.customer_id,
            "name": row.name,
            "known": row.first_seen_at < row.started_at,
            "point": row.record["point"],
            "point_kind": row.record["point_kind"],
        },
    }


_OWED = (
    select(table.c.record, table.c.customer_id, table.c.started_at, customers.c.name, customers.c.first_seen_at)
    .join_from(table, customers, customers.c.id == table.c.customer_id)
    .where(OPEN, table.c.medium == "voice", table.c.state.in_(("parked", "waiting", "offered", "assigned")))
    .order_by(table.c.queued_at)
    .limit(5_000)
)


def owed_calls(conn: Connection, most: int = 500) -> list[dict[str, Any]]:
    """Calls that we owe and that are not done with, whoever waits longest first."""
    owed = (row for row in conn.execute(_OWED) if row.record.get("task") == "callback")
    return [_item(row) for _, row in zip(range(most), owed, strict=False)]
