"""How long a case will wait for an agent, from who is there, who stands before it, and how it went lately."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import inf
from typing import Any

from contact_center.domain.agents import has_room
from contact_center.domain.events import Medium
from contact_center.domain.time import DAY, HOUR, SECOND, Millis, Moment
from contact_center.domain.waiting_time import USUAL_HANDLING_MS, Stretch, recent_mean, usual_patience_ms
from contact_center.storage import agents, estimates, policies, queues
from contact_center.storage.agents import Agent, Load
from contact_center.storage.connection import Connection
from routing import Policy
from routing.cases import TOP_PRIORITY
from routing.needs import ANYBODY, Need, meets
from routing.staffing import Ahead

FRESH_MS = SECOND
"""Who is there is looked up this often, not for every caller."""
RATES_MS = 30 * SECOND
"""The same of how long things take."""
RECENT = 150
RECENT_MS = 14 * DAY
FEW = 5
"""With fewer stretches than this, what was handled before estimates were kept is asked too."""
MOST_ON_CALLS = 0.9

Pair = tuple[str, str]
"""A queue and a medium."""


@dataclass(frozen=True, slots=True)
class Rates:
    """How it goes in a queue, for a medium. ``handling_ms`` is how long an agent's place is taken, from the ring to
    the end of wrap-up; ``patience_ms`` how long customers wait before they give up (0: they don't); ``answer_ms``
    how long it rings. ``handled`` and ``abandoned`` of the ``seen`` are what that is told from."""

    handling_ms: float
    patience_ms: float
    answer_ms: float
    handled: int = 0
    abandoned: int = 0
    seen: int = 0


@dataclass(frozen=True, slots=True)
class Case:
    """Somebody who waits, as far as it says when their turn comes."""

    queue: str
    medium: Medium
    priority: int
    virtual_enqueued_at: Moment
    skills: Mapping[str, int]
    only_agent: str = ""


@dataclass(frozen=True, slots=True)
class Estimate:
    """Within how long an agent answers: on average, in half of such cases, in nine of ten."""

    mean_ms: Millis
    p50_ms: Millis
    p90_ms: Millis


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


@dataclass(frozen=True, slots=True)
class _Crew:
    at: Moment
    there: tuple[tuple[Agent, Load], ...]
    policy: Policy


class Expecting:
    """Asks the database, and remembers for a short while what is the same for everybody in a queue. Who waits is
    forgotten as soon as anybody comes or goes on this node (:meth:`moved`)."""

    def __init__(self) -> None:
        self._crew_now: _Crew | None = None
        self._turns: dict[Pair, tuple[Moment, list[Moment]]] = {}
        self._rates: dict[Pair, tuple[Moment, Rates]] = {}
        self._arrivals: tuple[Moment, dict[Pair, int]] | None = None

    def moved(self) -> None:
        """Somebody came, or waits no more."""
        self._turns.clear()

    def seat_changed(self) -> None:
        """Somebody's state or load is not what it was."""
        self._crew_now = None

    def expect(self, conn: Connection, now: Moment, case: Case) -> Expectation:
        crew = self._crew(conn, now)
        ageing_ms = crew.policy.ageing_ms
        line = self._line(conn, now, case.queue, case.medium, ageing_ms)
        priority = min(max(case.priority, 0), TOP_PRIORITY)
        ahead = bisect_left(line, case.virtual_enqueued_at - priority * ageing_ms)
        able = _able(crew, case)
        rates = self.rates(conn, now, case.queue, case.medium)
        count = self._count(conn, now, able, case)
        free = sum(room(agent, held, case.medium) for agent, held in able)
        before = 0 if case.only_agent else ahead
        others = -1 if before < free else before - free
        estimate = estimate_of(others, count, rates) if count > 0 else None
        return Expectation(ahead, max(len(line), ahead + 1), others, count, rates, estimate)

    # --- who is there -----------------------------------------------------------------------------------------

    def _crew(self, conn: Connection, now: Moment) -> _Crew:
        known = self._crew_now
        if known is not None and 0 <= now - known.at < FRESH_MS:
            return known
        held = agents.loads(conn)
        nothing = Load({})
        there = tuple([(a, held.get(a.id, nothing)) for a in agents.every(conn) if a.chosen == "ready"])
        self._crew_now = _Crew(now, there, policies.in_force(conn))
        return self._crew_now

    def crew(self, conn: Connection, now: Moment) -> tuple[tuple[Agent, Load], ...]:
        """Who is there for customers now, free or not, with what they hold."""
        return self._crew(conn, now).there

    def count(self, conn: Connection, now: Moment, queue: str, medium: Medium, without: str = "") -> float:
        """How many places for the medium the queue can count on, of those who have all that it asks for; ``without``
        somebody."""
        case = Case(queue, medium, 0, now, _skills(conn, queue))
        able = _able(self._crew(conn, now), case)
        return self._count(conn, now, [each for each in able if each[0].id != without], case)

    def _count(self, conn: Connection, now: Moment, able: Iterable[tuple[Agent, Load]], case: Case) -> float:
        """In places: an agent who may have three chats is three. An agent of several queues is there for each as far
        as its customers are a part of theirs; calls take from the rest, and nothing takes from calls."""
        came = self._came(conn, now)
        own = max(1, came.get((case.queue, case.medium), 0))
        calls = 0.0 if case.medium == "voice" else self._on_calls(came, now)
        places = 0.0
        for agent, _ in able:
            if case.only_agent:
                return float(agent.capacity.get(case.medium, 0))
            rest = sum(came.get((queue, case.medium), 0) for queue in agent.queues if queue != case.queue)
            part = agent.capacity.get(case.medium, 0) * own / (own + rest)
            places += part * (1 - calls if agent.capacity.get("voice", 0) else 1)
        return places

    def _came(self, conn: Connection, now: Moment) -> dict[Pair, int]:
        known = self._arrivals
        if known is None or not 0 <= now - known[0] < RATES_MS:
            known = self._arrivals = (now, estimates.arrivals(conn, now - HOUR, now))
        return known[1]

    def _on_calls(self, came: Mapping[Pair, int], now: Moment) -> float:
        """The share of their time that those who take calls are taken by them."""
        crew = self._crew_now
        callers = sum(1 for agent, _ in crew.there if agent.capacity.get("voice", 0)) if crew else 0
        if not callers:
            return 0.0
        load = 0.0
        for pair, number in came.items():
            if pair[1] == "voice":
                known = self._rates.get(pair)
                load += number * (known[1].handling_ms if known else USUAL_HANDLING_MS) / HOUR
        return min(MOST_ON_CALLS, load / callers)

    # --- who waits, and how it goes ---------------------------------------------------------------------------

    def _line(self, conn: Connection, now: Moment, queue: str, medium: str, ageing_ms: Millis) -> list[Moment]:
        known = self._turns.get((queue, medium))
        if known is None or not 0 <= now - known[0] < FRESH_MS:
            line: list[Moment] = []
            for since, priority in estimates.turns(conn, queue, medium):
                insort(line, since - min(max(priority, 0), TOP_PRIORITY) * ageing_ms)
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


def _able(crew: _Crew, case: Case) -> list[tuple[Agent, Load]]:
    need = crew.policy.queue(case.queue).need
    return [(agent, held) for agent, held in crew.there if able_to(agent, case, need)]


def able_to(agent: Agent, case: Case, need: Need = ANYBODY) -> bool:
    """Whether the agent could ever take it, if the queue asks for ``need``."""
    if not agent.capacity.get(case.medium, 0):
        return False
    if case.only_agent:
        return agent.id == case.only_agent
    skilled = all(agent.skills.get(skill, 0) >= level for skill, level in case.skills.items())
    return case.queue in agent.queues and skilled and meets(agent.id, agent.skills, need)


def room(agent: Agent, held: Load, medium: Medium) -> int:
    """How many more of the medium the agent could be offered in this moment."""
    if held.wrapping_calls or not has_room(agent.capacity, held.by_medium, medium):
        return 0
    return agent.capacity.get(medium, 0) - held.by_medium.get(medium, 0)


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


def ahead_of(others: int, count: float, handling_ms: float, patience_ms: float) -> Ahead:
    """The same in the terms of :mod:`routing.staffing`."""
    return Ahead(others, count, handling_ms / SECOND, patience_ms / SECOND if patience_ms else inf)


def estimate_of(others: int, count: float, rates: Rates) -> Estimate:
    """What to expect with ``others`` in front who find nobody free (-1: an agent is free), of ``count`` agents."""
    if others < 0:
        rings = round(rates.answer_ms)
        return Estimate(rings, rings, rings)
    # Rounded, so that what is asked again and again is reckoned once.
    mean, half, most = _times(
        others, round(count, 2) or 0.01, round(rates.handling_ms, -2), round(rates.patience_ms, -3)
    )
    return Estimate(*(round(each * SECOND + rates.answer_ms) for each in (mean, half, most)))


@lru_cache(maxsize=4096)
def _times(others: int, count: float, handling_ms: float, patience_ms: float) -> tuple[float, float, float]:
    place = ahead_of(others, count, handling_ms, patience_ms)
    return place.average_s, place.quantile_s(0.5), place.quantile_s(0.9)
