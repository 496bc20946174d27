"""Lists of cases: each read along an index in the order that it is shown in, however it is filtered."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, case, func, or_, select, text

from contact_center.domain.time import Moment
from contact_center.storage.schema import (
    LIVE_CASE,
    MERGED,
    UNDELIVERED,
    agents,
    cases,
    customers,
    interactions,
    outbox,
)

MOST_COUNTED = 1_000
"""Views are counted up to here: more is "more"."""


@dataclass(frozen=True, slots=True)
class CaseFilter:
    """Which cases: everything that is given must hold. ``live`` are the open and the pending ones; ``unassigned``
    nobody has handled; ``undelivered`` have a message of ours that did not arrive and that nobody has seen to. A case
    that became part of another is never listed: the other stands for it."""

    status: str = ""
    queue: str = ""
    agent_id: str = ""
    customer_id: str = ""
    live: bool = False
    unassigned: bool = False
    undelivered: bool = False

    @property
    def any(self) -> bool:
        return self != CaseFilter()


_SELECT = (
    select(cases, customers.c.name.label("customer_name"), agents.c.name.label("agent_name"))
    .join_from(cases, customers, customers.c.id == cases.c.customer_id)
    .outerjoin(agents, agents.c.id == cases.c.agent_id)
)
_TROUBLED = select(interactions.c.case_id).where(
    interactions.c.id.in_(
        select(outbox.c.interaction_id).where(UNDELIVERED, outbox.c.seen_at == 0, outbox.c.verb == "message")
    )
)


def _where(wanted: CaseFilter) -> list[Any]:
    columns = ((cases.c.queue, wanted.queue), (cases.c.agent_id, wanted.agent_id))
    found: list[Any] = [column == value for column, value in columns if value]
    if wanted.status in ("open", "pending") or wanted.live or wanted.unassigned:
        found.append(LIVE_CASE)
    else:
        found.append(cases.c.merged_into == 0)
    if wanted.status:
        found.append(cases.c.status == wanted.status)
    if wanted.customer_id:
        found.append(cases.c.customer_id == wanted.customer_id)
    if wanted.unassigned:
        found.append(cases.c.agent_id == "")
    if wanted.undelivered:
        found.append(cases.c.id.in_(_TROUBLED))
    return found


def find(conn: Connection, wanted: CaseFilter, before: tuple[Moment, int] | None = None, most: int = 50) -> list[Any]:
    """Cases with ``customer_name`` and ``agent_name``, last touched first; ``before`` is the last seen one's
    (updated_at, id)."""
    ids = ids_of(conn, wanted, before, most)
    return by_id(conn, ids)


def ids_of(
    conn: Connection, wanted: CaseFilter, before: tuple[Moment, int] | None = None, most: int = 50
) -> list[int]:
    """The numbers alone: the index is walked without touching the rows."""
    query = select(cases.c.id).where(*_where(wanted))
    if before is not None:
        at, case_id = before
        # The first condition is what the index is entered by; the second tells apart what was touched together.
        query = query.where(
            cases.c.updated_at <= at,
            or_(cases.c.updated_at < at, cases.c.id < case_id),
        )
    return list(conn.execute(query.order_by(cases.c.updated_at.desc(), cases.c.id.desc()).limit(most)).scalars())


def by_id(conn: Connection, ids: Sequence[int]) -> list[Any]:
    """These cases with ``customer_name`` and ``agent_name``, in the order of ``ids``."""
    if not ids:
        return []
    rows = {row.id: row for row in conn.execute(_SELECT.where(cases.c.id.in_(ids)))}
    return [rows[each] for each in ids if each in rows]


def among(conn: Connection, ids: Iterable[int], wanted: CaseFilter) -> set[int]:
    """Those of ``ids`` that are wanted."""
    given = list(ids)
    if not given:
        return set()
    return set(
        conn.execute(select(cases.c.id).where(_in(conn), *_where(wanted)), {"ids": _list(conn, given)}).scalars()
    )


def leading(conn: Connection, ids: Iterable[int]) -> dict[int, int]:
    """Case → the case that it is a part of by now: itself, for nearly all."""
    found = {each: each for each in ids}
    for _ in range(50):
        given = _list(conn, sorted(set(found.values())))
        rows = conn.execute(select(cases.c.id, cases.c.merged_into).where(MERGED, _in(conn)), {"ids": given})
        moved = {row.id: row.merged_into for row in rows}
        if not moved:
            break
        found = {each: moved.get(at, at) for each, at in found.items()}
    return found


def parts(conn: Connection, ids: Iterable[int]) -> list[int]:
    """``ids`` and every case that was merged into one of them."""
    found = set(ids)
    newest = found
    for _ in range(50):
        given = {"ids": _list(conn, sorted(newest))}
        newest = (
            set(conn.execute(select(cases.c.id).where(MERGED, _in(conn, "merged_into")), given).scalars()) - found
        )
        if not newest:
            break
        found |= newest
    return sorted(found)


def _in(conn: Connection, column: str = "id") -> Any:
    """Whether the case's column is one of the numbers in the parameter ``ids``: one parameter, however many."""
    if conn.dialect.name == "sqlite":
        return text(f"cases.{column} IN (SELECT value FROM json_each(:ids))")
    return text(f"cases.{column} = ANY(CAST(:ids AS bigint[]))")


def _list(conn: Connection, ids: Sequence[int]) -> Any:
    return str(list(ids)) if conn.dialect.name == "sqlite" else list(ids)


_LIVE = select(cases.c.status, cases.c.agent_id).where(LIVE_CASE).limit(MOST_COUNTED * 20).subquery()
_COUNTS = select(
    func.sum(case((_LIVE.c.status == "open", 1), else_=0)).label("open"),
    func.sum(case((_LIVE.c.status == "pending", 1), else_=0)).label("pending"),
    func.sum(case((_LIVE.c.agent_id == "", 1), else_=0)).label("unassigned"),
    func.sum(case((_LIVE.c.agent_id == bindparam("me"), 1), else_=0)).label("mine"),
)
_UNDELIVERED_CASES = select(func.count()).select_from(
    select(cases.c.id).where(cases.c.merged_into == 0, cases.c.id.in_(_TROUBLED)).limit(MOST_COUNTED).subquery()
)


def counts(conn: Connection, agent_id: str) -> dict[str, int]:
    """How many cases each view holds: ``open``, ``pending``, ``unassigned``, ``mine`` (live ones of ``agent_id``) and
    ``undelivered``; each up to :data:`MOST_COUNTED`."""
    row = conn.execute(_COUNTS, {"me": agent_id or "-"}).one()
    found = {"open": row.open, "pending": row.pending, "unassigned": row.unassigned, "mine": row.mine}
    found["undelivered"] = conn.execute(_UNDELIVERED_CASES).scalar()
    return {name: min(number or 0, MOST_COUNTED) for name, number in found.items()}
