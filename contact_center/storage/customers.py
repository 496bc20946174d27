"""Customers, the points that they are reached at, and what went before."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, func, select

from contact_center.domain.contact_points import ContactPoint
from contact_center.domain.matching import OpenCase
from contact_center.domain.occasion import Occasion
from contact_center.domain.time import Moment
from contact_center.domain.views import Past
from contact_center.storage import gist
from contact_center.storage.schema import OPEN, agents, cases, contact_points, customers, interactions


class Standing(NamedTuple):
    """What the back office says of a customer: the ``segment`` that the house takes them for, the agent who is the
    ``owner`` of their account, the agents whom they ``preferred``, the first before the next."""

    segment: str = ""
    owner: str = ""
    preferred: tuple[str, ...] = ()


ANYBODY = Standing()


@dataclass(frozen=True, slots=True)
class Customer:
    id: str
    name: str
    first_seen_at: Moment
    new: bool = False
    standing: Standing = ANYBODY


_STANDING = (customers.c.segment, customers.c.owner, customers.c.preferred)
_BY_POINT = (
    select(customers.c.id, customers.c.name, customers.c.first_seen_at, *_STANDING)
    .join_from(contact_points, customers, customers.c.id == contact_points.c.customer_id)
    .where(contact_points.c.kind == bindparam("kind"), contact_points.c.value == bindparam("value"))
)
_INSERT_CUSTOMER = customers.insert()
_INSERT_POINT = contact_points.insert()
_RENAME = (
    customers.update()
    .where(customers.c.id == bindparam("customer"))
    .values(name=bindparam("new_name"), updated_at=bindparam("now"))
)
_OPEN_CASES = (
    select(
        cases.c.id,
        cases.c.status,
        cases.c.queue,
        cases.c.updated_at,
        select(func.count())
        .select_from(interactions)
        .where(interactions.c.case_id == cases.c.id, OPEN)
        .scalar_subquery()
        .label("live"),
    )
    .where(cases.c.customer_id == bindparam("customer"), cases.c.status != "closed", cases.c.merged_into == 0)
    .order_by(cases.c.updated_at.desc())
    .limit(20)
)
_HISTORY = (
    select(
        interactions.c.id,
        interactions.c.case_id,
        interactions.c.medium,
        interactions.c.started_at,
        interactions.c.record,
        cases.c.status,
        cases.c.subject,
        agents.c.name.label("agent_name"),
    )
    .join_from(interactions, cases, cases.c.id == interactions.c.case_id)
    .outerjoin(agents, agents.c.id == interactions.c.agent_id)
    .where(interactions.c.customer_id == bindparam("customer"), interactions.c.id != bindparam("but"))
    .order_by(interactions.c.started_at.desc(), interactions.c.id.desc())
    .limit(bindparam("most"))
)


def at_point(conn: Connection, point: ContactPoint) -> Customer | None:
    """Whose contact point this is; None for nobody's and for points that identify nobody."""
    if not point.identifies:
        return None
    row = conn.execute(_BY_POINT, {"kind": point.kind, "value": point.value}).one_or_none()
    return Customer(row.id, row.name, row.first_seen_at, standing=standing_of(row)) if row else None


def standing_of(row: Any) -> Standing:
    """Of a row that has its columns."""
    if not row.segment and not row.owner and not row.preferred:
        return ANYBODY
    return Standing(row.segment, row.owner, tuple(row.preferred))


def standing(conn: Connection, customer_id: str) -> Standing:
    row = conn.execute(select(*_STANDING).where(customers.c.id == customer_id)).one_or_none()
    return standing_of(row) if row else ANYBODY


def put_standing(conn: Connection, customer_id: str, said: Standing) -> bool:
    """False where there is no such customer."""
    values = {"segment": said.segment, "owner": said.owner, "preferred": list(said.preferred)}
    return bool(conn.execute(customers.update().where(customers.c.id == customer_id).values(**values)).rowcount)


def add(conn: Connection, on: Occasion, point: ContactPoint | None, name: str) -> Customer:
    """A customer seen for the first time, with the point that they were seen at."""
    customer_id = on.new_id()
    conn.execute(
        _INSERT_CUSTOMER,
        {"id": customer_id, "name": name[:200], "first_seen_at": on.now, "updated_at": on.now},
    )
    if point is not None and point.identifies:
        conn.execute(
            _INSERT_POINT,
            {
                "kind": point.kind,
                "value": point.value,
                "customer_id": customer_id,
                "first_seen_at": on.now,
            },
        )
    return Customer(customer_id, name[:200], on.now, new=True)


def rename(conn: Connection, on: Occasion, customer_id: str, name: str) -> bool:
    return bool(conn.execute(_RENAME, {"customer": customer_id, "new_name": name[:200], "now": on.now}).rowcount)


def has_agent(conn: Connection, customer_id: str, agent_id: str) -> bool:
    """Whether an interaction of the customer's is, or was last, in the agent's hands."""
    found = select(interactions.c.id).where(
        interactions.c.customer_id == customer_id, interactions.c.agent_id == agent_id
    )
    return bool(agent_id) and conn.execute(found.limit(1)).first() is not None


def open_cases(conn: Connection, customer_id: str) -> list[OpenCase]:
    """The customer's cases that are not closed, last touched first."""
    return [
        OpenCase(row.id, row.status, row.queue, row.updated_at, bool(row.live))
        for row in conn.execute(_OPEN_CASES, {"customer": customer_id})
    ]


def history(conn: Connection, customer_id: str, but: str = "", most: int = 8) -> list[Past]:
    """The customer's interactions over all channels, newest first, without the one called ``but``."""
    rows = conn.execute(_HISTORY, {"customer": customer_id, "but": but, "most": most})
    return [
        Past(
            interaction_id=row.id,
            case_id=row.case_id,
            medium=row.medium,
            subject=row.record["subject"] or row.subject,
            started_at=row.started_at,
            agent_name=row.agent_name or "",
            disposition=row.record["disposition"],
            case_status=row.status,
        )
        for row in rows
    ]


_SERVED = (
    select(interactions.c.started_at, gist.SERVED.label("served"))
    .where(interactions.c.customer_id == bindparam("customer"), interactions.c.id != bindparam("but"))
    .order_by(interactions.c.started_at.desc(), interactions.c.id.desc())
    .limit(bindparam("most"))
)

LAST_SERVED = 10
"""Agents of no more than the customer's last so many interactions count as knowing them."""


def served_before(conn: Connection, customer_id: str, but: str = "") -> dict[str, Moment]:
    """Agents who have served the customer, with when they last did."""
    rows = conn.execute(_SERVED, {"customer": customer_id, "but": but, "most": LAST_SERVED})
    return served_in([(row.started_at, row.served) for row in rows if row.served])


def served_in(last: Iterable[tuple[Moment, str]]) -> dict[str, Moment]:
    """Who served, out of the customer's last interactions: when each began, and what :func:`gist.who_served` reads;
    newest first, and only those that were answered."""
    served: dict[str, Moment] = {}
    for started_at, stored in last:
        assigned_at, agent_ids = gist.who_served(stored)
        for agent_id in agent_ids:
            served.setdefault(agent_id, assigned_at or started_at)
    return served


@dataclass(frozen=True, slots=True)
class KnownPoint:
    """A contact point with why nothing reaches it any more, and since when (empty and 0: nothing says so)."""

    kind: str
    value: str
    trouble: str = ""
    trouble_at: Moment = 0


def points(conn: Connection, customer_id: str) -> list[KnownPoint]:
    columns = (contact_points.c.kind, contact_points.c.value, contact_points.c.trouble, contact_points.c.trouble_at)
    rows = conn.execute(
        select(*columns).where(contact_points.c.customer_id == customer_id).order_by(contact_points.c.first_seen_at)
    )
    return [KnownPoint(*row) for row in rows]


_OWNER = select(contact_points.c.customer_id).where(
    contact_points.c.kind == bindparam("kind"), contact_points.c.value == bindparam("value")
)
_TROUBLE = (
    contact_points.update()
    .where(contact_points.c.kind == bindparam("of_kind"), contact_points.c.value == bindparam("of_value"))
    .values(trouble=bindparam("why"), trouble_at=bindparam("since"))
)
_NO_TROUBLE = (
    contact_points.update()
    .where(
        contact_points.c.kind == bindparam("of_kind"),
        contact_points.c.value == bindparam("of_value"),
        contact_points.c.trouble != "",
    )
    .values(trouble="", trouble_at=0)
)


def owner_of(conn: Connection, point: ContactPoint) -> str:
    """Whose contact point this is; empty for nobody's."""
    return conn.execute(_OWNER, {"kind": point.kind, "value": point.value}).scalar() or ""


def in_trouble(conn: Connection, on: Occasion, point: ContactPoint, why: str) -> None:
    """Nothing reaches the point any more."""
    asked = {"of_kind": point.kind, "of_value": point.value, "why": why[:500] or "unreachable", "since": on.now}
    conn.execute(_TROUBLE, asked)


def out_of_trouble(conn: Connection, point: ContactPoint) -> None:
    """Something reached it, or came from there."""
    conn.execute(_NO_TROUBLE, {"of_kind": point.kind, "of_value": point.value})


_LATELY = (
    select(interactions.c.id, interactions.c.state)
    .where(
        interactions.c.customer_id == bindparam("customer"),
        interactions.c.started_at > bindparam("began"),
        interactions.c.last_message_at > bindparam("since"),
        interactions.c.channel == bindparam("channel"),
    )
    .order_by(interactions.c.last_message_at.desc(), interactions.c.id.desc())
    .limit(10)
)


def written_lately(conn: Connection, customer_id: str, channel: str, began: Moment, since: Moment) -> list[Any]:
    """The customer's conversations on the channel that began after ``began`` and in which somebody wrote after
    ``since``, the latest first: ``id`` and ``state``."""
    asked = {"customer": customer_id, "began": began, "since": since, "channel": channel}
    return list(conn.execute(_LATELY, asked))


_OPEN_MAIL = (
    select(interactions.c.case_id, interactions.c.id, interactions.c.record)
    .join_from(interactions, cases, cases.c.id == interactions.c.case_id)
    .where(
        interactions.c.customer_id == bindparam("customer"),
        interactions.c.channel == bindparam("channel"),
        cases.c.status != "closed",
    )
    .order_by(interactions.c.started_at.desc(), interactions.c.id.desc())
    .limit(100)
)


def open_letters(conn: Connection, customer_id: str, channel: str, dialled: str) -> dict[int, str]:
    """The customer's cases that are not closed and have to do with ``dialled``, each with its last interaction."""
    found: dict[int, str] = {}
    for row in conn.execute(_OPEN_MAIL, {"customer": customer_id, "channel": channel}):
        if row.record["dialled"] == dialled:
            found.setdefault(row.case_id, row.id)
    return found


def get(conn: Connection, customer_id: str) -> Customer | None:
    row = conn.execute(select(customers).where(customers.c.id == customer_id)).one_or_none()
    return Customer(row.id, row.name, row.first_seen_at) if row else None


def newest(conn: Connection, after: str, most: int) -> list[Customer]:
    """Customers, newest first; ``after`` is the last one's id."""
    query = select(customers.c.id, customers.c.name, customers.c.first_seen_at)
    if after:
        query = query.where(customers.c.id < after)
    rows = conn.execute(query.order_by(customers.c.id.desc()).limit(most))
    return [Customer(row.id, row.name, row.first_seen_at) for row in rows]


def by_id(conn: Connection, ids: Sequence[str]) -> list[Customer]:
    """These customers, in the order of ``ids``."""
    query = select(customers.c.id, customers.c.name, customers.c.first_seen_at).where(customers.c.id.in_(ids))
    found = {row.id: Customer(row.id, row.name, row.first_seen_at) for row in conn.execute(query)}
    return [found[each] for each in ids if each in found]


def troubles(conn: Connection, kind: str, values: Sequence[str]) -> dict[str, str]:
    """Of these contact points those that nothing reaches, and why."""
    found = select(contact_points.c.value, contact_points.c.trouble).where(
        contact_points.c.kind == kind, contact_points.c.value.in_(values), contact_points.c.trouble != ""
    )
    return {row.value: row.trouble for row in conn.execute(found)}
