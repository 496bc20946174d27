"""Published flows: every version's text for good, which one is current, and what callers do in them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from sqlalchemy import Connection, func, select

from contact_center.domain.time import Moment
from contact_center.storage.schema import FLOW_STEPS, OPEN, events, flow_changes, flow_versions, interactions

MOST_LIVE = 5_000
"""Open calls whose records are looked at for one answer."""

_ABOUT = (
    flow_versions.c.name,
    flow_versions.c.version,
    flow_versions.c.published_at,
    flow_versions.c.published_by,
    flow_versions.c.note,
)


class Stored(NamedTuple):
    """``pins`` are the versions of the subflows that the text was checked with, those of subflows too."""

    name: str
    version: str
    text: str
    pins: dict[str, str]


def keep(conn: Connection, stored: Stored, at: Moment, by: str, note: str) -> bool:
    """Stores a version for good; False if it is there already. What is there is never changed."""
    if find(conn, stored.name, stored.version) is not None:
        return False
    about = {"published_at": at, "published_by": by[:200], "note": note}
    conn.execute(flow_versions.insert(), {**stored._asdict(), **about})
    return True


def make_current(conn: Connection, name: str, version: str, how: str, at: Moment, by: str, note: str) -> None:
    """``version`` is a stored one, or empty for the one that the product ships."""
    row = {"name": name, "version": version, "how": how, "at": at, "by": by[:200], "note": note}
    conn.execute(flow_changes.insert(), row)


def find(conn: Connection, name: str, version: str) -> Stored | None:
    c = flow_versions.c
    query = select(c.name, c.version, c.text, c.pins).where(c.name == name, c.version == version)
    row = conn.execute(query).one_or_none()
    return None if row is None else Stored(*row)


def current(conn: Connection) -> dict[str, Any]:
    """The last change of every name that was ever published: name, version, at, by."""
    last = select(func.max(flow_changes.c.seq)).group_by(flow_changes.c.name)
    c = flow_changes.c
    rows = conn.execute(select(c.name, c.version, c.at, c.by).where(c.seq.in_(last)).order_by(c.name))
    return {row.name: row for row in rows}


def versions(conn: Connection, name: str) -> list[Any]:
    """What was published under the name, without the texts; what was published last comes first. Versions that are
    only there because another flow has them within don't count."""
    change, about = flow_changes.c, flow_versions.c
    published = (
        select(change.version, func.max(change.seq).label("seq"))
        .where(change.name == name, change.how == "published")
        .group_by(change.version)
        .subquery()
    )
    query = select(*_ABOUT).join(published, published.c.version == about.version).where(about.name == name)
    return list(conn.execute(query.order_by(published.c.seq.desc())))


def changes(conn: Connection, name: str) -> list[Any]:
    """What was made current when and by whom, newest first."""
    c = flow_changes.c
    return list(conn.execute(select(flow_changes).where(c.name == name).order_by(c.seq.desc())))


def newest(conn: Connection, most: int, known: Iterable[tuple[str, str]] = ()) -> list[Stored]:
    """The versions stored last, ``most`` at most, without those that are ``known``."""
    c = flow_versions.c
    wanted = conn.execute(select(c.name, c.version).order_by(c.published_at.desc(), c.name).limit(most)).all()
    there = set(known)
    found = [find(conn, row.name, row.version) for row in wanted if (row.name, row.version) not in there]
    return [stored for stored in found if stored is not None]


def users_of(conn: Connection, name: str) -> list[str]:
    """The flows whose current version has a version of ``name`` within."""
    found = []
    for user, row in current(conn).items():
        stored = find(conn, user, row.version) if row.version else None
        if stored is not None and name in stored.pins:
            found.append(user)
    return found


# --- what callers do in them -----------------------------------------------------------------------------------


def live_calls(conn: Connection) -> list[Mapping[str, Any]]:
    """The records of calls that are in a flow or wait where it left them."""
    c = interactions.c
    where = (OPEN, c.state.in_(("flow", "waiting", "offered")), c.medium == "voice")
    return list(conn.execute(select(c.record).where(*where).limit(MOST_LIVE)).scalars())


def seq_at(conn: Connection, moment: Moment) -> int:
    """The number of the last event before ``moment``: found by halving, since numbers grow with time."""
    c = events.c
    low, high = 0, conn.execute(select(func.max(c.seq))).scalar() or 0
    while low < high:
        middle = (low + high + 1) // 2
        query = select(c.seq, c.received_at).where(c.seq <= middle).order_by(c.seq.desc()).limit(1)
        row = conn.execute(query).one_or_none()
        if row is None or row.received_at < moment:
            low = middle
        else:
            high = row.seq - 1
    return low


def steps_after(conn: Connection, seq: int, upto: int, most: int) -> list[Any]:
    """Flows' steps after ``seq`` and up to ``upto`` in order: seq, body."""
    query = select(events.c.seq, events.c.body).where(FLOW_STEPS, events.c.seq > seq, events.c.seq <= upto)
    return list(conn.execute(query.order_by(events.c.seq).limit(most)))
