"""Which node alone may do something, and until when."""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, or_

from contact_center.domain.time import Moment
from contact_center.storage.schema import leases

_TAKE = (
    leases.update()
    .where(
        leases.c.name == bindparam("what"),
        or_(leases.c.holder == bindparam("who"), leases.c.until_at <= bindparam("now")),
    )
    .values(holder=bindparam("who"), epoch=leases.c.epoch + 1, until_at=bindparam("until"))
)


def take(conn: Connection, what: str, who: str, now: Moment, until: Moment) -> bool:
    """Whether ``who`` has ``what`` until ``until``: nobody else had it any more. Moments are the database's or one
    clock's; nodes whose clocks differ by more than a lease lasts would take it from each other."""
    asked = {"what": what, "who": who, "now": now, "until": until}
    if conn.execute(_TAKE, asked).rowcount:
        return True
    known = conn.execute(leases.select().where(leases.c.name == what)).first()
    if known is not None:
        return False
    conn.execute(leases.insert(), {"name": what, "holder": who, "epoch": 1, "until_at": until})
    return True


def give_back(conn: Connection, who: str) -> None:
    """Everything that ``who`` had is free at once: it goes down in order."""
    conn.execute(leases.update().where(leases.c.holder == who).values(until_at=0))
