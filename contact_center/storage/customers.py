"""Customers, the points that they are reached at, and what went before."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, func, or_, select

from contact_center.domain.contact_points import ContactPoint
from contact_center.domain.matching import OpenCase
from contact_center.domain.occasion import Occasion
from contact_center.domain.time import Moment
from contact_center.domain.views import Past
from contact_center.storage.schema import OPEN, agents, cases, contact_points, customers, interactions


@dataclass(frozen=True, slots=True)
class Customer:
    id: str
    name: str
    first_seen_at: Moment
    new: bool = False


_BY_POINT = (
    select(customers.c.id, customers.c.name, customers.c.first_seen_at)
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
    .where(cases.c.customer_id == bindparam("customer"), cases.c.status != "closed")
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
    .order_by(interactions.c.started_at.desc())
    .limit(bindparam("most"))
)


def at_point(conn: Connection, point: ContactPoint) -> Customer | None:
    """Whose contact point this is; None for nobody's and for points that identify nobody."""
    if not point.identifies:
        return None
    row = conn.execute(_BY_POINT, {"kind": point.kind, "value": point.value}).one_or_none()
    return Customer(row.id, row.name, row.first_seen_at) if row else None


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


def served_before(conn: Connection, customer_id: str, but: str = "", most: int = 10) -> dict[str, Moment]:
    """Agents who have served the customer, with when they last did."""
    served: dict[str, Moment] = {}
    for row in conn.execute(_HISTORY, {"customer": customer_id, "but": but, "most": most}):
        for agent_id in row.record["served_by"]:
            served.setdefault(agent_id, row.record["assigned_at"] or row.started_at)
    return served


def points(conn: Connection, customer_id: str) -> list[ContactPoint]:
    rows = conn.execute(
        select(contact_points.c.kind, contact_points.c.value)
        .where(contact_points.c.customer_id == customer_id)
        .order_by(contact_points.c.first_seen_at)
    )
    return [ContactPoint(row.kind, row.value) for row in rows]


def get(conn: Connection, customer_id: str) -> Customer | None:
    row = conn.execute(select(customers).where(customers.c.id == customer_id)).one_or_none()
    return Customer(row.id, row.name, row.first_seen_at) if row else None


def search(conn: Connection, words: str, after: str, most: int) -> list[Customer]:
    """Customers whose name or contact point holds ``words``, newest first; ``after`` is the last one's id."""
    query = select(customers.c.id, customers.c.name, customers.c.first_seen_at)
    if words:
        like = "%" + words.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
        held = (
            select(contact_points.c.customer_id)
            .where(contact_points.c.value.like(like.lower(), escape="\\"))
            .scalar_subquery()
        )
        query = query.where(
            or_(func.lower(customers.c.name).like(like.lower(), escape="\\"), customers.c.id.in_(held))
        )
    if after:
        query = query.where(customers.c.id < after)
    rows = conn.execute(query.order_by(customers.c.id.desc()).limit(most))
    return [Customer(row.id, row.name, row.first_seen_at) for row in rows]
