"""Lists of interactions, filtered."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, select

from contact_center.storage.schema import customers
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
    return [
        {
            **row.record,
            "customer": {
                "id": row.customer_id,
                "name": row.name,
                "known": row.first_seen_at < row.started_at,
                "point": row.record["point"],
                "point_kind": row.record["point_kind"],
            },
        }
        for row in conn.execute(query.order_by(table.c.id.desc()).limit(most))
    ]
