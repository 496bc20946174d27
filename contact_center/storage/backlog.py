"""All that waits, read in portions: what routing is rebuilt from, and held against.

The same as :func:`journal.waiting` says of each, in two statements for hundreds instead of two for each, and out of
what is kept beside the record (:mod:`contact_center.storage.gist`). A whole record is read where an earlier release
has written it, and where it is asked for.
"""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import MISSING, fields
from itertools import islice
from typing import Any

import orjson
import structlog
from sqlalchemy import ColumnElement, Connection, Select, Text, bindparam, func, literal, select, type_coerce

from contact_center.domain.record import Party, Segment, record_from
from contact_center.domain.time import Moment
from contact_center.storage import gist, journal
from contact_center.storage.customers import LAST_SERVED, Standing, served_in
from contact_center.storage.listed import is_one_of
from contact_center.storage.schema import OPEN, customers, interactions
from routing import Waiting

log = structlog.get_logger(__name__)

_SEGMENT_HAS = {each.name for each in fields(Segment)}
_SEGMENT_NEEDS = {each.name for each in fields(Segment) if each.default is MISSING}

_UNREADABLE = (TypeError, KeyError, ValueError, AttributeError)
"""What a record that isn't one comes to when it is read."""

# As one text: a hundred thousand rows would be made out one by one, while nobody else has a turn.
_IDS = select(func.aggregate_strings(interactions.c.id, "\n")).where(OPEN, interactions.c.state == "waiting")

_RECORD = type_coerce(interactions.c.record, Text)


def _those_of(told: ColumnElement[Any]) -> Select[Any]:
    return (
        select(
            interactions.c.id,
            interactions.c.customer_id,
            interactions.c.started_at,
            told.label("told"),
            interactions.c.case_id,
            interactions.c.queue,
            interactions.c.medium,
            interactions.c.queued_at,
            interactions.c.epoch,
            customers.c.first_seen_at,
            customers.c.owner,
            type_coerce(customers.c.preferred, Text).label("preferred"),
        )
        .join_from(interactions, customers, customers.c.id == interactions.c.customer_id)
        .where(is_one_of(interactions.c.id, "interactions"), interactions.c.state == "waiting")
    )


_WAITING = _those_of(func.coalesce(interactions.c.waits, _RECORD))
_WHOLE = _those_of(_RECORD)

_past = interactions.alias("past")
_FIRST_THAT_COUNTS = (
    select(_past.c.started_at)
    .where(_past.c.customer_id == customers.c.id)
    .order_by(_past.c.started_at.desc())
    .limit(1)
    .offset(bindparam("more", LAST_SERVED))  # the one that waits is among them
    .scalar_subquery()
)
_PAST = (
    select(
        interactions.c.customer_id,
        interactions.c.id,
        interactions.c.started_at,
        gist.SERVED.label("served"),
    )
    .join_from(customers, interactions, interactions.c.customer_id == customers.c.id)
    .where(
        is_one_of(customers.c.id, "customers"),
        interactions.c.started_at >= func.coalesce(_FIRST_THAT_COUNTS, literal(0)),
    )
    .order_by(interactions.c.customer_id, interactions.c.started_at.desc(), interactions.c.id.desc())
)
"""The last interactions of many customers, newest first for each: as many as count, and those of the same moment."""


def waiting_ids(conn: Connection) -> list[str]:
    """Every interaction that waits, in no order."""
    ids: str | None = conn.execute(_IDS).scalar()
    return ids.split("\n") if ids else []


def waiting(conn: Connection, interaction_ids: Sequence[str], *, whole: bool = False) -> list[Waiting]:
    """Those of the interactions that still wait. ``whole``: out of their records, and one that cannot be read is said
    in the log and left out: nobody could take it, and it must not keep the others waiting. Otherwise that shows only
    where the record must be read."""
    asked = _WHOLE if whole else _WAITING
    rows = conn.execute(asked, {"interactions": list(interaction_ids)}).all()
    known = sorted({row.customer_id for row in rows if row.first_seen_at < row.started_at})
    past = _by_customer(conn.execute(_PAST, {"customers": known}).all() if known else [])
    overtaken: list[str] = []
    with nothing_collected():
        found = list(_made_out(rows, past, None if whole else overtaken))
    return [*found, *waiting(conn, overtaken, whole=True)] if overtaken else found


@contextmanager
def nothing_collected() -> Iterator[None]:
    """Records are read and forgotten, with many lists in each, and there are no cycles in what is kept of them. To
    look for some again and again, in vain, takes as long as reading does, and holds up everybody."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


_Past = dict[str, list[tuple[str, Moment, str | None]]]
"""Of each customer the last interactions, newest first: id, when it began, and who served if it was answered."""


def _by_customer(rows: Iterable[Any]) -> _Past:
    past: _Past = {}
    for customer_id, interaction_id, started_at, served in rows:
        past.setdefault(customer_id, []).append((interaction_id, started_at, served))
    return past


def _made_out(rows: Iterable[Any], past: _Past, overtaken: list[str] | None) -> Iterator[Waiting]:
    """``overtaken`` gets those whose gist is of another moment than the row beside it; None: all are whole."""
    for (interaction_id, customer_id, started_at, stored, case_id, queue, medium, queued_at, epoch, seen_at, owner,
         preferred) in rows:  # fmt: skip
        try:
            served = _served(past.get(customer_id, []), interaction_id) if seen_at < started_at else {}
            asked_for = () if preferred == "[]" else tuple(orjson.loads(preferred))
            told = orjson.loads(stored)
            if overtaken is None or isinstance(told, dict):
                yield _out_of_record(told, served, owner, asked_for)
                continue
            as_of, priority, skills, missed, missed_by, only_agent, directed_by, here = told
            if as_of != epoch:
                overtaken.append(interaction_id)
                continue
            yield Waiting(
                interaction_id,
                case_id,
                queue,
                medium,
                priority,
                queued_at,
                skills,
                epoch,
                {**here, **served} if here else served,
                missed,
                only_agent,
                directed_by,
                missed_by,
                owner,
                asked_for,
            )
        except _UNREADABLE:
            log.exception("record_not_readable", interaction_id=interaction_id)


def _served(last: Iterable[tuple[str, Moment, str | None]], but: str) -> dict[str, Moment]:
    """Which agents have served the customer, with when they last did, not counting the interaction ``but``."""
    counted = islice([each for each in last if each[0] != but], LAST_SERVED)
    return served_in([(started_at, stored) for _, started_at, stored in counted if stored])


def _out_of_record(
    told: dict[str, Any], served: dict[str, Moment], owner: str, preferred: tuple[str, ...]
) -> Waiting:
    """As :func:`journal.as_routing_sees`, from a record as it is stored. What the whole record cannot be read from,
    this isn't read from either."""
    try:
        for segment in told["segments"]:
            if not _SEGMENT_NEEDS <= segment.keys() <= _SEGMENT_HAS:
                raise TypeError("a segment that is none")
        for party in told["parties"]:
            Party(**party)
        for agent_id in told["served_by"]:
            served.setdefault(agent_id, told["enqueued_at"])
        return Waiting(
            told["interaction_id"],
            told["case_id"],
            told["queue"],
            told["medium"],
            told["priority"],
            told["virtual_enqueued_at"],
            told["skills"],
            told["epoch"],
            served,
            told["missed"],
            told["only_agent"],
            told["directed_by"],
            told["missed_by"],
            owner,
            preferred,
        )
    except KeyError:  # of another release
        return journal.as_routing_sees(record_from(told), Standing("", owner, preferred), served)
