"""Cases: the matters that interactions are about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, select

from contact_center.domain.occasion import Occasion
from contact_center.storage.schema import LINKED, MERGED, agents, cases, customers

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
    """What the case is now, with all that were merged into it, and who handled it last."""
    closed_at = on.now if status == "closed" else 0
    values = {"new_status": status, "now": on.now, "new_closed_at": closed_at, "new_agent": agent_id}
    for each in family(conn, case_id):
        conn.execute(_TOUCH, {"case": each, **values})


def reopen(conn: Connection, on: Occasion, case_id: int) -> None:
    """The customer is back on it."""
    conn.execute(_REOPEN.where(cases.c.id.in_(family(conn, case_id))).values(updated_at=on.now))


# --- cases that are one matter -----------------------------------------------------------------------------------

_REOPEN = cases.update().values(status="open", closed_at=0)
_LINKS = select(cases.c.id, cases.c.merged_into).where(cases.c.id == bindparam("case"))
_PARTS = (
    select(cases.c.id)
    .where(MERGED, cases.c.merged_into.in_(bindparam("whole", expanding=True)))
    .order_by(cases.c.id)
    .limit(1_000)
)
_LONGEST = 50
"""So many cases may have been merged into one another in a row."""


def leading(conn: Connection, case_id: int) -> int:
    """The case that ``case_id`` is a part of now: the one that it was merged into, and so on, or itself."""
    for _ in range(_LONGEST):
        row = conn.execute(_LINKS, {"case": case_id}).one_or_none()
        if row is None or not row.merged_into:
            break
        case_id = row.merged_into
    return case_id


def family(conn: Connection, case_id: int) -> list[int]:
    """The case that ``case_id`` is a part of, and all that were merged into it."""
    found = [leading(conn, case_id)]
    newest = found
    for _ in range(_LONGEST):
        newest = list(conn.execute(_PARTS, {"whole": newest}).scalars())
        if not newest:
            break
        found += newest
    return found


def link(conn: Connection, case_id: int, to_case: int) -> None:
    """The case may belong to another, which an agent is to say."""
    conn.execute(cases.update().where(cases.c.id == case_id).values(linked_to=to_case, link_state="suggested"))


def set_link(conn: Connection, on: Occasion, case_id: int, before: str, state: str, merged_into: int) -> bool:
    """What an agent says of the link; False where somebody else has said something meanwhile."""
    done = conn.execute(
        cases.update()
        .where(cases.c.id == case_id, cases.c.link_state == before)
        .values(link_state=state, merged_into=merged_into, updated_at=on.now)
    )
    return bool(done.rowcount)


_LOCKED = select(cases.c.id).where(cases.c.id == bindparam("case")).with_for_update()


def lock(conn: Connection, *case_ids: int) -> None:
    """These cases, until the transaction ends; always in the same order."""
    for case_id in sorted(set(case_ids)):
        conn.execute(_LOCKED, {"case": case_id}).all()


def linked(conn: Connection, case_ids: Sequence[int], most: int = 50) -> list[Any]:
    """Cases that were linked to one of ``case_ids``, whatever became of it, newest first."""
    found = _SELECT.where(LINKED, cases.c.linked_to.in_(case_ids)).order_by(cases.c.id.desc()).limit(most)
    return list(conn.execute(found))


_LINKED = (
    select(cases.c.id, cases.c.link_state)
    .where(
        LINKED,
        cases.c.linked_to.in_(bindparam("whole", expanding=True)),
        cases.c.customer_id == bindparam("customer"),
    )
    .order_by(cases.c.id.desc())
    .limit(1)
)


def linked_of(conn: Connection, customer_id: str, case_ids: Sequence[int]) -> Any | None:
    """The customer's newest case that was linked to one of ``case_ids``: its ``id`` and ``link_state``."""
    return conn.execute(_LINKED, {"whole": list(case_ids), "customer": customer_id}).one_or_none()


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
