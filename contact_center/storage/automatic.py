"""What the hub wrote by itself: see ``domain/automatic_mail.py``."""

from __future__ import annotations

from sqlalchemy import Connection, and_, bindparam, delete, func, literal, or_, select

from contact_center.domain.automatic_mail import ANYBODY_MS, DOMAIN_MS, Caps, Written, domain_of
from contact_center.domain.occasion import Occasion
from contact_center.domain.time import Moment
from contact_center.storage.schema import automatic_messages as table
from contact_center.storage.schema import contact_points

_HALF = 32
_NOTHING = "-" * _HALF
_COUNT = select(func.count(literal(1))).select_from(table).where(table.c.at > bindparam("since"))
_ADDRESS = _COUNT.where(table.c.address == bindparam("address"))
_DOMAIN = _COUNT.where(table.c.domain == bindparam("domain"))
_CASE = _COUNT.where(table.c.case_id == bindparam("case"))
_WORDS = _COUNT.where(
    or_(
        and_(bindparam("text") != _NOTHING, func.substr(table.c.digest, 1, _HALF) == bindparam("text")),
        and_(bindparam("subject") != _NOTHING, func.substr(table.c.digest, _HALF + 1, _HALF) == bindparam("subject")),
    )
)
_LOCK = (
    select(contact_points.c.value)
    .where(contact_points.c.kind == "email", contact_points.c.value == bindparam("address"))
    .with_for_update()
)


def counted(conn: Connection, now: Moment, caps: Caps, address: str, case_id: int, mark: str) -> Written:
    """What was written already, to whom, and to who said the same (``topics.mark``). Whoever else would write to
    ``address`` waits until this transaction ends."""
    conn.execute(_LOCK, {"address": address}).all()

    def count(query: object, ago: Moment, **asked: object) -> int:
        found: int = conn.execute(query, {"since": now - ago, **asked}).scalar_one()  # type: ignore[call-overload]
        return found

    return Written(
        to_address=count(_ADDRESS, caps.per_address_ms, address=address),
        to_domain=count(_DOMAIN, DOMAIN_MS, domain=domain_of(address)),
        in_case=count(_CASE, caps.per_case_ms, case=case_id),
        to_same_words=count(_WORDS, caps.same_words_ms, text=mark[:_HALF], subject=mark[_HALF:]),
        to_anybody=count(_COUNT, ANYBODY_MS),
    )


def add(conn: Connection, on: Occasion, address: str, case_id: int, mark: str) -> None:
    conn.execute(
        table.insert(),
        {
            "id": on.new_id(),
            "at": on.now,
            "address": address,
            "domain": domain_of(address),
            "case_id": case_id,
            "digest": mark,
        },
    )


def forget(conn: Connection, before: Moment) -> int:
    return conn.execute(delete(table).where(table.c.at < before)).rowcount
