"""Lists of interactions, filtered."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, select

from contact_center.storage.schema import OPEN, customers
from contact_center.storage.schema import interactions as table


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
    query = select(
        table.c.record, table.c.customer_id, table.c.started_at, customers.c.name, customers.c.first_seen_at
    ).join_from(table, customers, customers.c.id == table.c.customer_id)
    for column, value in (
        (table.c.state, state),
        (table.c.queue, queue),
        (table.c.agent_id, agent_id),
        (table.c.medium, medium),
        (table.c.customer_id, customer_id),
        (table.c.case_id, case_id),
    ):
        if value:
            query = query.where(column == value)
    if after:
        query = query.where(table.c.id < after)
    return [_item(row) for row in conn.execute(query.order_by(table.c.id.desc()).limit(most))]


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
