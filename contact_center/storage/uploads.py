"""Files that agents have brought and may send: which they are, and whose. The bytes lie beside the database."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, Text, delete, func, select, type_coerce

from contact_center.domain.events import Attachment
from contact_center.domain.time import Moment
from contact_center.storage.schema import events, uploads


@dataclass(frozen=True, slots=True)
class Upload:
    digest: str
    name: str
    media_type: str
    size: int


def _row(agent_id: str, digest: str) -> ColumnElement[bool]:
    return (uploads.c.agent_id == agent_id) & (uploads.c.digest == digest)


def put(conn: Connection, agent_id: str, upload: Upload, now: Moment) -> None:
    """The agent has brought this file. The same again is the same, by its latest name."""
    conn.execute(delete(uploads).where(_row(agent_id, upload.digest)))
    conn.execute(
        uploads.insert(),
        {
            "agent_id": agent_id,
            "digest": upload.digest,
            "name": upload.name,
            "media_type": upload.media_type,
            "size": upload.size,
            "at": now,
        },
    )


def get(conn: Connection, agent_id: str, digest: str) -> Upload | None:
    row = conn.execute(select(uploads).where(_row(agent_id, digest))).one_or_none()
    return Upload(row.digest, row.name, row.media_type, row.size) if row else None


def of_case(conn: Connection, case_id: int, digest: str) -> Attachment | None:
    """The file with this digest that belongs to something in the case."""
    told = select(events.c.extra).where(
        events.c.case_id == case_id, type_coerce(events.c.extra, Text).contains(digest, autoescape=True)
    )
    for row in conn.execute(told.limit(20)):
        for file in (row.extra or {}).get("attachments", ()):
            if file["digest"] == digest:
                return Attachment(**file)
    return None


def held(conn: Connection, agent_id: str) -> int:
    """How many bytes the agent has brought that are still kept."""
    return int(conn.execute(select(func.sum(uploads.c.size)).where(uploads.c.agent_id == agent_id)).scalar() or 0)


def forget(conn: Connection, before: Moment, most: int = 500) -> list[str]:
    """Lets go of what was brought before ``before``; the digests that nobody has brought since."""
    old = conn.execute(select(uploads.c.agent_id, uploads.c.digest).where(uploads.c.at < before).limit(most)).all()
    for row in old:
        conn.execute(delete(uploads).where(_row(row.agent_id, row.digest)))
    gone = {row.digest for row in old}
    kept = conn.execute(select(uploads.c.digest).where(uploads.c.digest.in_(gone))) if gone else ()
    return sorted(gone - {row.digest for row in kept})
