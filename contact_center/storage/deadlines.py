"""Deadlines as rows: a restart forgets none, and each is acted upon once."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, bindparam, delete, select

from contact_center.domain.occasion import Occasion
from contact_center.domain.time import Moment
from contact_center.storage.effects import Due, tell
from contact_center.storage.schema import deadlines

_INSERT = deadlines.insert()
_DROP = delete(deadlines).where(deadlines.c.kind == bindparam("kind_"), deadlines.c.ref == bindparam("ref_"))
_DUE = (
    select(deadlines)
    .where(deadlines.c.due_at <= bindparam("now"))
    .order_by(deadlines.c.due_at)
    .limit(bindparam("most"))
)


def put(conn: Connection, on: Occasion, kind: str, ref: str, due_at: Moment) -> None:
    """Sets the deadline of ``kind`` for ``ref``, in place of an earlier one."""
    conn.execute(_DROP, {"kind_": kind, "ref_": ref})
    conn.execute(_INSERT, {"id": on.new_id(), "kind": kind, "ref": ref, "due_at": due_at})
    tell(conn, Due("deadline", due_at))


def drop(conn: Connection, kind: str, ref: str) -> bool:
    """Calls the deadline off; False where it was not set (any more)."""
    return bool(conn.execute(_DROP, {"kind_": kind, "ref_": ref}).rowcount)


def is_set(conn: Connection, kind: str, ref: str) -> bool:
    found = select(deadlines.c.id).where(deadlines.c.kind == kind, deadlines.c.ref == ref)
    return conn.execute(found).first() is not None


def due(conn: Connection, now: Moment, most: int = 200) -> list[Any]:
    return list(conn.execute(_DUE, {"now": now, "most": most}))


def take(conn: Connection, deadline_id: str) -> bool:
    """Claims a deadline that is due; False where another node was faster."""
    return bool(conn.execute(delete(deadlines).where(deadlines.c.id == deadline_id)).rowcount)


def next_at(conn: Connection) -> Moment | None:
    first: Moment | None = conn.execute(select(deadlines.c.due_at).order_by(deadlines.c.due_at).limit(1)).scalar()
    return first


def postpone(conn: Connection, deadline_id: str, due_at: Moment) -> None:
    """Tries again later what failed through a fault of ours: one bad row must not stop the others."""
    conn.execute(deadlines.update().where(deadlines.c.id == deadline_id).values(due_at=due_at))


def set_for(conn: Connection, kind: str, prefix: str) -> bool:
    """Whether a deadline of ``kind`` is set for anything that begins with ``prefix``."""
    found = conn.execute(
        select(deadlines.c.id).where(deadlines.c.kind == kind, deadlines.c.ref.startswith(prefix, autoescape=True))
    ).first()
    return found is not None
