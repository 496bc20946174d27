"""What agents were writing: kept so that it survives the browser, shown to nobody else."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, select

from contact_center.domain.time import Moment
from contact_center.storage.schema import drafts


def _row(agent_id: str, interaction_id: str, kind: str) -> ColumnElement[bool]:
    return (drafts.c.agent_id == agent_id) & (drafts.c.interaction_id == interaction_id) & (drafts.c.kind == kind)


def put(conn: Connection, agent_id: str, interaction_id: str, kind: str, body: dict[str, Any], now: Moment) -> None:
    """The latest counts."""
    drop(conn, agent_id, interaction_id, kind)
    conn.execute(
        drafts.insert(),
        {"agent_id": agent_id, "interaction_id": interaction_id, "kind": kind, "body": body, "updated_at": now},
    )


def get(conn: Connection, agent_id: str, interaction_id: str, kind: str) -> tuple[dict[str, Any], Moment] | None:
    row = conn.execute(select(drafts).where(_row(agent_id, interaction_id, kind))).one_or_none()
    return (row.body, row.updated_at) if row else None


def drop(conn: Connection, agent_id: str, interaction_id: str, kind: str) -> None:
    conn.execute(delete(drafts).where(_row(agent_id, interaction_id, kind)))


def forget(conn: Connection, before: Moment) -> int:
    return conn.execute(delete(drafts).where(drafts.c.updated_at < before)).rowcount
