"""What the operator configures: queues, entry points, agents and logins, written and read as a whole."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, Table, select

from contact_center.storage.agents import IN_HAND
from contact_center.storage.schema import OPEN, PENDING, agents, entry_points, interactions, logins, offers, queues


def rows(conn: Connection, table: Table) -> list[dict[str, Any]]:
    return [dict(row) for row in conn.execute(select(table).order_by(table.c.id)).mappings()]


def put(conn: Connection, table: Table, row: Mapping[str, Any], at_first: Mapping[str, Any] | None = None) -> None:
    """Writes the row with that id: the columns named, others as they were. A new row has ``at_first`` too."""
    values = {key: value for key, value in row.items() if key != "id"}
    if not conn.execute(table.update().where(table.c.id == row["id"]).values(**values)).rowcount:
        conn.execute(table.insert().values(**{**(at_first or {}), **row}))


def drop(conn: Connection, table: Table, ids: Iterable[str]) -> None:
    conn.execute(table.delete().where(table.c.id.in_(list(ids))))


def retire(conn: Connection, table: Table, ids: Iterable[str]) -> None:
    """Agents and logins are never deleted: what they did still names them."""
    conn.execute(table.update().where(table.c.id.in_(list(ids))).values(active=0))


def busy_queues(conn: Connection, ids: Iterable[str]) -> list[str]:
    """Those of the queues that something still waits in or is in hand from."""
    found = conn.execute(select(interactions.c.queue).where(interactions.c.queue.in_(list(ids)), OPEN).distinct())
    return list(found.scalars())


def holding_agents(conn: Connection, ids: Iterable[str]) -> list[str]:
    """Those of the agents to whom something is offered, or who have something in hand."""
    ids = list(ids)
    has = select(interactions.c.agent_id).where(
        OPEN, interactions.c.agent_id.in_(ids), interactions.c.state.in_(IN_HAND)
    )
    rings = select(offers.c.agent_id).where(PENDING, offers.c.agent_id.in_(ids))
    return sorted(conn.execute(has.union(rings)).scalars())


def free_addresses(conn: Connection, wanted: Mapping[str, str]) -> None:
    """Takes its e-mail address from every login that is not to have it, so that another may: somebody who comes
    back under another id, or two who swap."""
    for row in conn.execute(select(logins.c.id, logins.c.email)).all():
        if wanted.get(row.id) != row.email:
            conn.execute(logins.update().where(logins.c.id == row.id).values(email=f"nobody#{row.id}"))


TABLES: dict[str, Table] = {
    "queues": queues,
    "entry_points": entry_points,
    "agents": agents,
    "logins": logins,
}
