"""Cases: the matters that interactions are about."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, bindparam, false, func, select

from contact_center.domain.occasion import Occasion
from contact_center.domain.time import Moment
from contact_center.storage.schema import agents, cases, customers

_INSERT = cases.insert().returning(cases.c.id)
_TOUCH = (
    cases.update()
    .where(cases.c.id == bindparam("case"))
    .values(
        status=bindparam("new_status"),
        updated_at=bindparam("now"),
        closed_at=bindparam("new_closed_at"),
        agent_id=bindparam("new_agent"),
    )
)


def add(conn: Connection, on: Occasion, customer_id: str, subject: str, queue: str) -> int:
    case_id: int = conn.execute(
        _INSERT,
        {
            "customer_id": customer_id,
            "subject": subject[:400],
            "status": "open",
            "queue": queue,
            "agent_id": "",
            "opened_at": on.now,
            "updated_at": on.now,
            "closed_at": 0,
        },
    ).scalar_one()
    return case_id


def set_status(conn: Connection, on: Occasion, case_id: int, status: str, agent_id: str) -> None:
    """What the case is now, and who handled it last."""
    conn.execute(
        _TOUCH,
        {
            "case": case_id,
            "new_status": status,
            "now": on.now,
            "new_closed_at": on.now if status == "closed" else 0,
            "new_agent": agent_id,
        },
    )


def reopen(conn: Connection, on: Occasion, case_id: int) -> None:
    """The customer is back on it."""
    conn.execute(cases.update().where(cases.c.id == case_id).values(status="open", updated_at=on.now, closed_at=0))


_SELECT = (
    select(
        cases,
        customers.c.name.label("customer_name"),
        agents.c.name.label("agent_name"),
    )
    .join_from(cases, customers, customers.c.id == cases.c.customer_id)
    .outerjoin(agents, agents.c.id == cases.c.agent_id)
)


def get(conn: Connection, case_id: int) -> Any | None:
    """The case's row with ``customer_name`` and ``agent_name``."""
    return conn.execute(_SELECT.where(cases.c.id == case_id)).one_or_none()


def find(
    conn: Connection,
    *,
    status: str = "",
    customer_id: str = "",
    agent_id: str = "",
    words: str = "",
    before: tuple[Moment, int] | None = None,
    most: int = 50,
) -> list[Any]:
    """Cases, last touched first; ``before`` is the last seen one's (updated_at, id)."""
    query = _SELECT
    if status:
        query = query.where(cases.c.status == status)
    if customer_id:
        query = query.where(cases.c.customer_id == customer_id)
    if agent_id:
        query = query.where(cases.c.agent_id == agent_id)
    if words:
        like = "%" + words.lower().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
        held = func.lower(cases.c.subject).like(like, escape="\\")
        named = func.lower(customers.c.name).like(like, escape="\\")
        number = words.lstrip("#")
        query = query.where(
            held
            | named
            | (cases.c.id == int(number) if number.isascii() and number.isdigit() and len(number) < 18 else false())
        )
    if before is not None:
        at, case_id = before
        query = query.where((cases.c.updated_at < at) | ((cases.c.updated_at == at) & (cases.c.id < case_id)))
    return list(conn.execute(query.order_by(cases.c.updated_at.desc(), cases.c.id.desc()).limit(most)))
