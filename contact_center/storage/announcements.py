"""Each agent's numbered stream: what their consoles are told, kept so that a lost connection loses nothing."""

from __future__ import annotations

import orjson
from sqlalchemy import Connection, bindparam, delete, select, update

from contact_center.domain.time import Moment
from contact_center.domain.views import Announcement
from contact_center.storage.effects import Announced, tell
from contact_center.storage.schema import agents, announcements

_NEXT = (
    update(agents)
    .where(agents.c.id == bindparam("agent"))
    .values(stream_seq=agents.c.stream_seq + 1)
    .returning(agents.c.stream_seq)
)
_INSERT = announcements.insert()
_AFTER = (
    select(announcements.c.seq, announcements.c.at, announcements.c.body)
    .where(announcements.c.agent_id == bindparam("agent"), announcements.c.seq > bindparam("after"))
    .order_by(announcements.c.seq)
    .limit(bindparam("most"))
)


def announce(conn: Connection, now: Moment, agent_id: str, body: Announcement) -> None:
    """Puts ``body`` next in the agent's stream, in the transaction of what caused it. Numbers are contiguous:
    the agent's row is locked from the number's making to the commit. An unknown agent is told nothing."""
    seq = conn.execute(_NEXT, {"agent": agent_id}).scalar()
    if seq is None:
        return
    data = orjson.dumps(body)
    conn.execute(_INSERT, {"agent_id": agent_id, "seq": seq, "at": now, "body": data.decode()})
    tell(conn, Announced(agent_id, seq, now, data))


def after(conn: Connection, agent_id: str, seq: int, most: int) -> list[tuple[int, Moment, bytes]]:
    """Announcements after ``seq``, oldest first, ``most`` at most: (seq, at, JSON)."""
    rows = conn.execute(_AFTER, {"agent": agent_id, "after": seq, "most": most})
    return [(row.seq, row.at, row.body.encode()) for row in rows]


def last(conn: Connection, agent_id: str) -> int:
    """The number of the agent's last announcement; 0 where there was none."""
    return conn.execute(select(agents.c.stream_seq).where(agents.c.id == agent_id)).scalar() or 0


def last_of(conn: Connection, agent_ids: list[str]) -> dict[str, int]:
    """The number of each agent's last announcement."""
    rows = conn.execute(select(agents.c.id, agents.c.stream_seq).where(agents.c.id.in_(agent_ids)))
    return {row.id: row.stream_seq for row in rows}


def forget(conn: Connection, before: Moment, most: int = 5_000) -> int:
    """Removes announcements from before ``before``; who still wants them is given a snapshot."""
    old = (
        select(announcements.c.agent_id, announcements.c.seq)
        .where(announcements.c.at < before)
        .order_by(announcements.c.at)
        .limit(most)
    ).subquery()
    return conn.execute(
        delete(announcements).where(
            announcements.c.at < before,
            announcements.c.agent_id == old.c.agent_id,
            announcements.c.seq == old.c.seq,
        )
        if conn.dialect.name == "postgresql"
        else delete(announcements).where(announcements.c.at < before)
    ).rowcount
