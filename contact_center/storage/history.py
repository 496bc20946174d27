"""What is older than the hub: since when customers are known, and from when to when cases went on."""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, case, select

from contact_center.domain.time import Moment
from contact_center.storage.schema import cases, contact_points, customers

_KNOWN = (
    customers.update()
    .where(customers.c.id == bindparam("customer"), customers.c.first_seen_at > bindparam("since"))
    .values(first_seen_at=bindparam("since"))
)
_POINT_KNOWN = (
    contact_points.update()
    .where(
        contact_points.c.kind == bindparam("of_kind"),
        contact_points.c.value == bindparam("of_value"),
        contact_points.c.first_seen_at > bindparam("since"),
    )
    .values(first_seen_at=bindparam("since"))
)
_OPENED = case((cases.c.opened_at > bindparam("first"), bindparam("first")), else_=cases.c.opened_at)
_TOUCHED = case((cases.c.updated_at < bindparam("last"), bindparam("last")), else_=cases.c.updated_at)
_WENT_ON = cases.update().where(cases.c.id == bindparam("case")).values(opened_at=_OPENED, updated_at=_TOUCHED)
_CLOSED = (
    cases.update()
    .where(cases.c.id == bindparam("case"), cases.c.status == "closed")
    .values(closed_at=select(cases.c.updated_at).where(cases.c.id == bindparam("case")).scalar_subquery())
)


def known_since(conn: Connection, customer_id: str, kind: str, value: str, since: Moment) -> None:
    """The customer was there at ``since`` already, and wrote from that contact point."""
    conn.execute(_KNOWN, {"customer": customer_id, "since": since})
    conn.execute(_POINT_KNOWN, {"of_kind": kind, "of_value": value, "since": since})


def went_on(conn: Connection, case_id: int, first: Moment, last: Moment) -> None:
    """The case went on from ``first`` to ``last`` at least; a closed one was closed when it was last touched."""
    conn.execute(_WENT_ON, {"case": case_id, "first": first, "last": last})
    conn.execute(_CLOSED, {"case": case_id})
