"""How long a case will wait for an agent, from who is there, who stands before it, and how it went lately."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from contact_center.domain.events import Medium
from contact_center.domain.time import DAY, HOUR, SECOND, Millis, Moment
from contact_center.domain.waiting_time import USUAL_HANDLING_MS, Stretch, recent_mean, usual_patience_ms
from contact_center.storage import agents, estimates, journal, policies, queues
from contact_center.storage.agents import Load
from contact_center.storage.connection import Connection
from contact_center.storage.journal import Loaded
from routing import Policy, Waiting
from routing.cases import Skills, needed, turn
from routing.foreseeing import Estimate, Rates, foresee, line_of, somebody_is_free
from routing.places import Able, Pair, Staff, Work, prospect, who_is_able

FRESH_MS = SECOND
"""Who is there is looked up this often, not for every caller."""
RATES_MS = 30 * SECOND
"""The same of how long things take."""
RECENT = 150
RECENT_MS = 14 * DAY
FEW = 5
"""With fewer stretches than this, what was handled before estimates were kept is asked too."""
MOST_KINDS = 500

Kind: TypeAlias = tuple[str, str, Skills, str, str]
"""What those who could take a case are told from: queue, medium, skills, label, the one agent whom it is for."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """``ahead`` wait in front, of ``size`` in all. ``others`` is -1 where an agent is free, else how many of those in
    front find nobody free either. ``agents`` count in parts: who serves another queue too is only partly there for
    this one. ``estimate`` is None where nobody who is there could take it: no number would be true."""

    ahead: int
    size: int
    others: int
    agents: float
    rates: Rates
    estimate: Estimate | None


class Expecting:
    """Asks the database, and remembers for a short while what is the same for everybody in a queue. Who waits is
    forgotten as soon as anybody comes or goes on this node (:meth:`moved`)."""

    def __init__(self) -> None:
        self._floor_at: tuple[Moment, Staff] | None = None
        self._able: dict[Kind, tuple[Able, ...]] = {}
        self._turns: dict[Pair, tuple[Moment, list[tuple[Moment, Moment]]]] = {}
        self._rates: dict[Pair, tuple[Moment, Rates]] = {}
        self._arrivals: tuple[Moment, dict[Pair, int]] | None = None

    def moved(self) -> None:
        """Somebody came, or waits no more."""
        self._turns.clear()

    def seat_changed(self) -> None:
        """Somebody's state or load is not what it was."""
        self._floor_at = None

    def of(self, conn: Connection, now: Moment, loaded: Loaded) -> Expectation:
        """What to expect of an interaction that waits. Who has served its customer is only looked up where it counts:
        where the queue keeps what waits for those who know them."""
        rules = self.floor(conn, now).policy.queue(loaded.record.queue)
        if rules.hold_ms:
            return self.expect(conn, now, journal.waiting(conn, loaded))
        look = journal.as_routing_sees(loaded.record, loaded.standing, {})
        return self.expect(conn, now, look)

    def expect(self, conn: Connection, now: Moment, waiting: Waiting) -> Expectation:
        floor = self.floor(conn, now)
        line = self._line(conn, now, waiting.queue, waiting.medium, floor.policy)
        rates = self.rates(conn, now, waiting.queue, waiting.medium)
        found = prospect(self._who(floor, waiting), waiting, floor.policy, now)
        per_hour = floor.work.came.get((waiting.queue, waiting.medium), 0)
        ahead, line_now = line_of(line, waiting, found, floor.policy, now, per_hour)
        told = foresee(found, line_now, rates, now)
        others = -1 if somebody_is_free(found, line_now) else max(0, line_now.others)
        return Expectation(ahead, max(len(line), ahead + 1), others, found.places, rates, told)

    # --- who is there -----------------------------------------------------------------------------------------

    def floor(self, conn: Connection, now: Moment) -> Staff:
        """Who is there for customers now, free or not, with what they hold."""
        known = self._floor_at
        if known is not None and 0 <= now - known[0] < FRESH_MS:
            return known[1]
        held, nothing = agents.loads(conn), Load({})
        seats = [agents.seat(a, held.get(a.id, nothing)) for a in agents.every(conn) if a.chosen == "ready"]
        handling = {pair: rates.handling_ms for pair, (_, rates) in self._rates.items()}
        work = Work(self._came(conn, now), handling, USUAL_HANDLING_MS)
        floor = Staff(seats, policies.in_force(conn), work)
        self._floor_at = (now, floor)
        self._able.clear()
        return floor

    def count(self, conn: Connection, now: Moment, queue: str, medium: Medium, without: str = "") -> float:
        """How many places for the medium the queue can count on, of those who have all that it asks for; ``without``
        somebody."""
        floor = self.floor(conn, now)
        like = Waiting("", 0, queue, medium, 0, now, _skills(conn, queue))
        able = [each for each in self._who(floor, like) if each.agent_id != without]
        return prospect(able, like, floor.policy, now).places

    def _who(self, floor: Staff, waiting: Waiting) -> tuple[Able, ...]:
        """Looked up once for all of a kind."""
        kind = (waiting.queue, waiting.medium, needed(waiting.skills), waiting.label, waiting.only_agent)
        known = self._able.get(kind)
        if known is None:
            if len(self._able) >= MOST_KINDS:
                self._able.clear()
            known = self._able[kind] = who_is_able(floor, waiting)
        return known

    def _came(self, conn: Connection, now: Moment) -> dict[Pair, int]:
        known = self._arrivals
        if known is None or not 0 <= now - known[0] < RATES_MS:
            known = self._arrivals = (now, estimates.arrivals(conn, now - HOUR, now))
        return known[1]

    # --- who waits, and how it goes ---------------------------------------------------------------------------

    def _line(
        self, conn: Connection, now: Moment, queue: str, medium: str, policy: Policy
    ) -> list[tuple[Moment, Moment]]:
        """The turns of all who wait there, in order, each with since when it counts."""
        known = self._turns.get((queue, medium))
        if known is None or not 0 <= now - known[0] < FRESH_MS:
            found = estimates.turns(conn, queue, medium)
            line = sorted((turn(since, priority, queue, policy, now), since) for since, priority in found)
            known = self._turns[(queue, medium)] = (now, line)
        return known[1]

    def rates(self, conn: Connection, now: Moment, queue: str, medium: str) -> Rates:
        known = self._rates.get((queue, medium))
        if known is None or not 0 <= now - known[0] < RATES_MS:
            rows = estimates.recent(conn, queue, medium, now - RECENT_MS, RECENT)
            usual = USUAL_HANDLING_MS
            if len(rows) < FEW:
                usual = queues.handling_ms(conn, queue, now - DAY) or USUAL_HANDLING_MS
            known = self._rates[(queue, medium)] = (now, rates_of(rows, now, medium, usual))
        return known[1]


def rates_of(rows: Iterable[Any], now: Moment, medium: str, usual_ms: Millis) -> Rates:
    """From stretches of waiting, newest first. A talk that goes on and a wait that goes on count as far as they
    have come."""
    handling: list[Stretch] = []
    patience: list[Stretch] = []
    rings: list[Stretch] = []
    for row in rows:
        waited = row.waited_ms if row.outcome else max(0, now - row.began_at)
        patience.append((waited, row.outcome == "abandoned"))
        if row.outcome == "answered":
            so_far = row.handled_ms if row.done else max(0, now - row.began_at - row.waited_ms)
            handling.append((so_far + row.rang_ms, bool(row.done)))
            rings.append((row.rang_ms, True))
    usual_patience = usual_patience_ms(medium)
    return Rates(
        handling_ms=max(SECOND, recent_mean(handling, usual_ms) or usual_ms),
        patience_ms=recent_mean(patience, usual_patience, 2.0) or 0.0,
        answer_ms=recent_mean(rings, None) or 0.0,
        handled=sum(1 for _, ended in handling if ended),
        abandoned=sum(1 for _, ended in patience if ended),
        seen=len(patience),
    )


def _skills(conn: Connection, queue_id: str) -> Mapping[str, int]:
    queue = queues.get(conn, queue_id)
    return queue.skills if queue else {}
