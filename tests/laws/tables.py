"""What the tables say at one moment, held against the laws, and against what they said before."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, insert, select
from sqlalchemy.exc import IntegrityError

from contact_center.domain.events import MEDIA
from contact_center.domain.record import OPEN_STATES
from contact_center.domain.time import Moment
from contact_center.storage import agents, journal
from contact_center.storage.schema import deadlines, events, interactions, offers
from routing import Policy, Seat, Waiting
from tests.laws.log import ALL
from tests.laws.rules import LawBroken, who_may

UNLIMITED = 10**9
HELD = ("offered", "assigned", "wrap_up")
_PENDING = select(offers).where(offers.c.state == "pending")
_RINGING = select(deadlines.c.ref).where(deadlines.c.kind == "offer")
_WHAT_THERE_IS = select(
    interactions.c.id,
    interactions.c.state,
    interactions.c.agent_id,
    interactions.c.medium,
    interactions.c.epoch,
    interactions.c.case_id,
    interactions.c.channel,
    interactions.c.thread_key,
)
_ARRIVED = select(func.count()).where(events.c.direction == "inbound")
_WAITING = select(interactions.c.id).where(interactions.c.state == "waiting").order_by(interactions.c.id)
_THREADED = (interactions.c.state != "ended") & (interactions.c.thread_key != "")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Who has what, and may have at most. ``held`` is by agent and medium; what rings at several is held by each."""

    epochs: dict[str, int]
    held: dict[tuple[str, str], frozenset[str]]
    most: dict[str, dict[str, int]]
    arrived: int


def look(conn: Connection) -> Snapshot:
    """Reads the tables. Raises :class:`LawBroken` where they contradict each other."""
    pending: dict[str, list[Any]] = {}
    for offer in conn.execute(_PENDING):
        pending.setdefault(offer.interaction_id, []).append(offer)
    ringing = {row.ref for row in conn.execute(_RINGING)}
    epochs: dict[str, int] = {}
    held: dict[tuple[str, str], set[str]] = {}
    open_ones: set[object] = set()
    for row in conn.execute(_WHAT_THERE_IS):
        epochs[row.id] = row.epoch
        if row.state == "ended":
            continue
        for same in (row.case_id, (row.channel, row.thread_key or row.id)):
            if same in open_ones:
                raise LawBroken("I2", f"{row} is open, and another of {same} is too")
            open_ones.add(same)
        rings = pending.pop(row.id, [])
        if row.state not in OPEN_STATES:
            raise LawBroken("I2", f"{row} is in no state that there is")
        if (row.state == "offered") != bool(rings):
            raise LawBroken("I2", f"{row} has the offers {rings}")
        if (row.state in HELD) != bool(row.agent_id):
            raise LawBroken("I2", f"{row} is held by {row.agent_id!r}")
        if len({offer.decision_id for offer in rings}) > 1 or len({o.agent_id for o in rings}) < len(rings):
            raise LawBroken("I3", f"{row} rings {rings}")
        if any(offer.id not in ringing for offer in rings):
            raise LawBroken("I9", f"{rings} ring for ever")
        for agent_id in {offer.agent_id for offer in rings} or {row.agent_id} - {""}:
            held.setdefault((agent_id, row.medium), set()).add(row.id)
    if pending:
        raise LawBroken("I3", f"{pending} are pending for what is not there")
    return Snapshot(
        epochs,
        {key: frozenset(ids) for key, ids in held.items()},
        {agent.id: limits(agent.capacity, agent.most, agent.most_of) for agent in agents.every(conn)},
        conn.execute(_ARRIVED).scalar_one(),
    )


def limits(capacity: Mapping[str, int], total: int, labels: Mapping[str, int]) -> dict[str, int]:
    """As :func:`tests.laws.log.hold` wants them. A medium that is not named is none of theirs."""
    return {
        **dict.fromkeys(MEDIA, 0),
        **capacity,
        ALL: total or UNLIMITED,
        **{f"#{label}": most for label, most in labels.items()},
    }


def hold(now: Snapshot, before: Snapshot | None, meanwhile: Sequence[tuple[str, Mapping[str, int]]] = ()) -> None:
    """What must be so whatever happened in between. ``meanwhile``: what agents may have been allowed in between, for
    as long as it took to say something else. Raises :class:`LawBroken`."""
    if before is None:
        return
    if now.arrived < before.arrived:
        raise LawBroken("I1", f"of {before.arrived} that arrived {now.arrived} are there")
    if lost := before.epochs.keys() - now.epochs.keys():
        raise LawBroken("I1", f"{lost} are not there any more")
    if back := {i: e for i, e in before.epochs.items() if now.epochs[i] < e}:
        raise LawBroken("I3", f"epochs went back from {back}")
    for (agent_id, medium), ids in now.held.items():
        had = before.held.get((agent_id, medium), frozenset())
        known = [s.most.get(agent_id, {}) for s in (before, now)] + [
            most for who, most in meanwhile if who == agent_id
        ]
        allowed = max(most.get(medium, 0) for most in known)
        if len(ids) > allowed and ids - had:
            raise LawBroken("I4", f"{agent_id} has {ids} of {medium}, may have {allowed}, and had {had}")


def facts(conn: Connection) -> tuple[list[Seat], list[Waiting]]:
    """Who is there and what waits, one at a time, as nobody who is in a hurry would read it."""
    seats = [agents.seat(agent, agents.load(conn, agent.id)) for agent in agents.every(conn)]
    loaded = [journal.look(conn, interaction_id) for interaction_id in conn.execute(_WAITING).scalars()]
    return seats, [journal.waiting(conn, each) for each in loaded if each is not None]


def nobody_is_stranded(conn: Connection, policy: Policy, now: Moment) -> None:
    """After everybody had time to look: nothing waits that somebody could take."""
    seats, cases = facts(conn)
    by_id = {seat.agent_id: seat for seat in seats}
    for case in cases:
        if who := who_may(case, policy, by_id, now):
            raise LawBroken("I6", f"{case} waits, and {who} could take it")


def nothing_is_overdue(conn: Connection, now: Moment) -> None:
    late = conn.execute(select(deadlines).where(deadlines.c.due_at <= now)).all()
    if late:
        raise LawBroken("I9", f"{late} are overdue at {now}")


def the_schema_refuses(conn: Connection) -> int:
    """Whoever forgets every other rule is refused by the database itself: a second offer of the same to the same
    agent, a second acceptance of one decision, a second open interaction of a case, the same event once more. Each is
    tried and undone; how many could be."""
    tried = 0
    for law, taken, forged, changed in _FORGERIES:
        found = conn.execute(taken).first()
        if found is not None:
            tried += 1
            _is_refused(conn, law, forged, {**found._asdict(), **changed})
    return tried


_FORGERIES: tuple[tuple[str, Any, Any, Mapping[str, Any]], ...] = tuple(
    (law, select(table).where(where).limit(1), insert(table), changed)
    for law, table, where, changed in (
        ("I3", offers, offers.c.state == "pending", {"id": "forged"}),
        ("I3", offers, offers.c.state == "accepted", {"id": "forged"}),
        ("I3", interactions, interactions.c.state != "ended", {"id": "forged", "thread_key": ""}),
        ("I1", interactions, _THREADED, {"id": "forged", "case_id": -1}),
        ("I1", events, events.c.seq > 0, {"id": "forged", "seq": -1}),
        ("I9", deadlines, deadlines.c.id != "", {"id": "forged"}),
    )
)


def _is_refused(conn: Connection, law: str, statement: Any, row: Mapping[str, Any]) -> None:
    conn.exec_driver_sql("SAVEPOINT forged")
    try:
        conn.execute(statement, dict(row))
    except (IntegrityError, sqlite3.IntegrityError):
        return
    finally:
        conn.exec_driver_sql("ROLLBACK TO SAVEPOINT forged")
    raise LawBroken(law, f"the schema lets {row} through")
