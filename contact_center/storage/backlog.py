"""All that waits, read in portions: what routing is rebuilt from, and held against.

The same as :func:`journal.waiting` says of each, in two statements for hundreds instead of two for each.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import structlog
from sqlalchemy import Connection, Select, func, select

from contact_center.domain.time import Moment
from contact_center.storage import journal
from contact_center.storage.customers import LAST_SERVED, served_in
from contact_center.storage.journal import Loaded
from contact_center.storage.listed import is_one_of
from contact_center.storage.schema import OPEN, interactions
from routing import Waiting

log = structlog.get_logger(__name__)

_UNREADABLE = (TypeError, KeyError, ValueError, AttributeError)
"""What a record that isn't one comes to when it is read."""

_IDS = select(interactions.c.id).where(OPEN, interactions.c.state == "waiting")


def _latest(most: int) -> Select[tuple[str, str, Moment, dict[str, object]]]:
    """The last interactions of many customers, newest first for each."""
    ranked = (
        select(
            interactions.c.id,
            func.row_number()
            .over(partition_by=interactions.c.customer_id, order_by=interactions.c.started_at.desc())
            .label("place"),
        )
        .where(is_one_of(interactions.c.customer_id, "customers"))
        .subquery()
    )
    return (
        select(interactions.c.customer_id, interactions.c.id, interactions.c.started_at, interactions.c.record)
        .join_from(interactions, ranked, ranked.c.id == interactions.c.id)
        .where(ranked.c.place <= most)
        .order_by(interactions.c.customer_id, ranked.c.place)
    )


_LATEST = _latest(LAST_SERVED + 1)  # the one that waits is among them


def waiting_ids(conn: Connection) -> list[str]:
    """Every interaction that waits, in no order."""
    return list(conn.execute(_IDS).scalars())


def waiting(conn: Connection, interaction_ids: Sequence[str]) -> list[Waiting]:
    """Those of the interactions that still wait. One that cannot be read is said in the log and left out: it must not
    keep the others waiting."""
    try:
        waits = journal.look_at_waiting(conn, interaction_ids)
        served = _served(conn, waits)
        return [journal.as_routing_sees(each, served.get(each.record.interaction_id, {})) for each in waits]
    except _UNREADABLE:
        return list(_one_by_one(conn, interaction_ids))


def _one_by_one(conn: Connection, interaction_ids: Sequence[str]) -> Iterable[Waiting]:
    for interaction_id in interaction_ids:
        try:
            loaded = journal.look(conn, interaction_id)
            if loaded is not None and loaded.record.state == "waiting":
                yield journal.waiting(conn, loaded)
        except _UNREADABLE:
            log.exception("record_not_readable", interaction_id=interaction_id)


def _served(conn: Connection, waits: Iterable[Loaded]) -> dict[str, dict[str, Moment]]:
    """By interaction, which agents have served its customer before, with when they last did."""
    known = {each.record.interaction_id: each.record.customer_id for each in waits if each.customer.known}
    if not known:
        return {}
    past: dict[str, list[object]] = {}
    for row in conn.execute(_LATEST, {"customers": sorted(set(known.values()))}):
        past.setdefault(row.customer_id, []).append(row)
    return {
        interaction_id: served_in(past.get(customer_id, ()), interaction_id)
        for interaction_id, customer_id in known.items()
    }
