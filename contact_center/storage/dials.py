"""The numbers that were dialled, for the caps of the dialling policy."""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, delete, func, select

from contact_center.domain.dialling import Dialled
from contact_center.domain.occasion import Occasion
from contact_center.domain.time import DAY, HOUR, Moment
from contact_center.storage.schema import dials

_COUNT = select(func.count()).select_from(dials)
_NUMBER = _COUNT.where(dials.c.number == bindparam("number"), dials.c.at > bindparam("since"))
_BEHALF = _COUNT.where(dials.c.behalf == bindparam("behalf"), dials.c.at > bindparam("since"))
_ALL = _COUNT.where(dials.c.at > bindparam("since"))


def counted(conn: Connection, now: Moment, number: str, behalf: str) -> Dialled:
    """What was dialled already. ``behalf`` is ``agent:<id>`` or ``caller:<number>``."""
    return Dialled(
        number_day=conn.execute(_NUMBER, {"number": number, "since": now - DAY}).scalar_one(),
        caller_day=conn.execute(_BEHALF, {"behalf": behalf, "since": now - DAY}).scalar_one(),
        hour=conn.execute(_ALL, {"since": now - HOUR}).scalar_one(),
    )


def add(conn: Connection, on: Occasion, number: str, behalf: str, interaction_id: str) -> None:
    conn.execute(
        dials.insert(),
        {"id": on.new_id(), "at": on.now, "number": number, "behalf": behalf, "interaction_id": interaction_id},
    )


def forget(conn: Connection, before: Moment) -> int:
    return conn.execute(delete(dials).where(dials.c.at < before)).rowcount
