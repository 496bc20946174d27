"""What could not be understood, kept whole where a person sees it and can try it again."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, select

from contact_center.domain.occasion import Occasion
from contact_center.storage.schema import quarantine


def add(
    conn: Connection,
    on: Occasion,
    *,
    channel: str,
    source_id: str,
    reason: str,
    digest: str,
    size: int,
    request: dict[str, Any] | None,
) -> str:
    """Keeps it once: the same bytes under the same name again are the same entry. Returns the entry's id."""
    known: str | None = conn.execute(
        select(quarantine.c.id).where(
            quarantine.c.channel == channel,
            quarantine.c.source_id == source_id[:400],
            quarantine.c.digest == digest,
        )
    ).scalar()
    if known is not None:
        return known
    entry = on.new_id()
    conn.execute(
        quarantine.insert(),
        {
            "id": entry,
            "channel": channel,
            "source_id": source_id[:400],
            "reason": reason[:2000],
            "digest": digest,
            "size": size,
            "request": request,
            "received_at": on.now,
            "state": "held",
        },
    )
    return entry


def find(conn: Connection, state: str, before: str, most: int) -> list[Any]:
    query = select(quarantine).order_by(quarantine.c.id.desc()).limit(most)
    if state:
        query = query.where(quarantine.c.state == state)
    if before:
        query = query.where(quarantine.c.id < before)
    return list(conn.execute(query))


def get(conn: Connection, entry: str) -> Any | None:
    return conn.execute(select(quarantine).where(quarantine.c.id == entry)).one_or_none()


def set_state(conn: Connection, entry: str, state: str, reason: str = "") -> None:
    values: dict[str, Any] = {"state": state}
    if reason:
        values["reason"] = reason[:2000]
    conn.execute(quarantine.update().where(quarantine.c.id == entry).values(**values))
