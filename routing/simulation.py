"""Days that never were, or were otherwise: the engine itself decides, on a clock of its own, who gets which case.

Cases come, wait, lose patience or are taken; agents begin and end their shifts, are busy and have time after it. All
of it is given or drawn from a seed, so the same day under another policy differs by the policy alone.
"""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from heapq import heappop, heappush
from math import exp, inf, log, sqrt
from typing import Any

from contact_center.domain.events import Medium
from contact_center.domain.time import HOUR, SECOND, Millis, Moment
from routing.cases import Waiting
from routing.decisions import Decision
from routing.engine import Engine
from routing.policy import Policy
from routing.seats import Seat

# --- what is drawn ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Spread:
    """How long something takes, in seconds: ``mean`` on average, exponential; with a ``variation`` (standard
    deviation by mean) log-normal, as handling times are; with 0 always the same."""

    mean: float
    variation: float | None = None

    def draw(self, chance: random.Random) -> Millis:
        if self.mean == inf:
            return -1
        if self.variation is None:
            return max(1, round(chance.expovariate(1 / self.mean) * SECOND))
        if not self.variation:
            return max(1, round(self.mean * SECOND))
        sigma = sqrt(log(1 + self.variation**2))
        return max(1, round(self.mean * exp(chance.gauss(0, sigma) - sigma**2 / 2) * SECOND))


FOR_EVER = Spread(inf)


@dataclass(frozen=True, slots=True)
class Kind:
    """Cases of one kind. ``per_hour`` is how many come, as steps of (second of the day, cases an hour), the first at
    0. ``skills`` are what they need; each key's whole value is drawn with the weight beside it."""

    queue: str
    medium: Medium
    per_hour: tuple[tuple[float, float], ...]
    handling: Spread
    patience: Spread = FOR_EVER
    priority: int = 0
    skills: tuple[tuple[Mapping[str, int], float], ...] = (({}, 1.0),)


@dataclass(frozen=True, slots=True)
class Coming:
    """A case that comes: when, what it needs (``waiting``, which waits from then on), how long it takes whoever takes
    it, and how long its customer waits at most (-1: for ever). ``came_at`` is given where it comes later than its
    place in the queue counts from (-1: it doesn't)."""

    waiting: Waiting
    handling_ms: Millis
    patience_ms: Millis = -1
    came_at: Moment = -1

    @property
    def at(self) -> Moment:
        return self.waiting.virtual_enqueued_at if self.came_at < 0 else self.came_at


@dataclass(frozen=True, slots=True)
class Shift:
    """An agent and when they are there. What they have in hand when a shift ends, they finish."""

    seat: Seat
    hours: tuple[tuple[Moment, Moment], ...]


def coming(kinds: Sequence[Kind], lasting_ms: Millis, seed: int, begins_at: Moment = 0) -> Iterator[Coming]:
    """The cases of a day, in order."""
    chance = random.Random(seed)
    heads: list[tuple[Moment, int, Iterator[Moment]]] = []
    for number, kind in enumerate(kinds):
        moments = _moments(kind.per_hour, lasting_ms, random.Random(chance.random()))
        first = next(moments, None)
        if first is not None:
            heappush(heads, (first, number, moments))
    made = 0
    while heads:
        at, number, moments = heappop(heads)
        kind = kinds[number]
        made += 1
        needs = chance.choices([skills for skills, _ in kind.skills], [weight for _, weight in kind.skills])[0]
        waiting = Waiting(
            interaction_id=f"i{made:08}",
            case_id=made,
            queue=kind.queue,
            medium=kind.medium,
            priority=kind.priority,
            virtual_enqueued_at=begins_at + at,
            skills=needs,
        )
        yield Coming(waiting, kind.handling.draw(chance), kind.patience.draw(chance))
        following = next(moments, None)
        if following is not None:
            heappush(heads, (following, number, moments))


def _moments(steps: Sequence[tuple[float, float]], lasting_ms: Millis, chance: random.Random) -> Iterator[Moment]:
    """A Poisson process whose rate goes up and down: drawn at the highest rate, and thinned (Lewis and Shedler
    1979)."""
    highest = max((rate for _, rate in steps), default=0.0)
    if highest <= 0:
        return
    starts = [start * SECOND for start, _ in steps]
    at = 0.0
    while True:
        at += chance.expovariate(highest / HOUR)
        if at >= lasting_ms:
            return
        rate = steps[max(0, bisect_right(starts, at) - 1)][1]
        if rate >= highest or chance.random() * highest < rate:
            yield round(at)


# --- what came of it ------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Served:
    """What became of a case that came at ``came_at``: ``answered_at`` by ``agent_id``, or ``left_at`` by its
    customer; -1 is never. ``policy`` is the version that it was decided under."""

    waiting: Waiting
    came_at: Moment
    answered_at: Moment = -1
    left_at: Moment = -1
    ended_at: Moment = -1
    agent_id: str = ""
    policy: str = ""

    @property
    def answered(self) -> bool:
        return self.answered_at >= 0

    @property
    def abandoned(self) -> bool:
        return self.left_at >= 0

    @property
    def waited_ms(self) -> Millis:
        """Until it was answered or its customer left; -1 where neither ever came."""
        end = max(self.answered_at, self.left_at)
        return end - self.came_at if end >= 0 else -1


@dataclass(slots=True)
class Day:
    """``cases`` in the order in which they came; ``there_ms`` are the agents' hours, ``busy_ms`` those in which they
    had something in hand. ``over_at`` is when the last case was done with."""

    cases: list[Served] = field(default_factory=list)
    decisions: int = 0
    busy_ms: dict[str, Millis] = field(default_factory=dict)
    there_ms: dict[str, Millis] = field(default_factory=dict)
    over_at: Moment = 0

    def answered(self) -> list[Served]:
        return [case for case in self.cases if case.answered]

    def abandoned(self) -> list[Served]:
        return [case for case in self.cases if case.abandoned]

    def service_level(self, within_ms: Millis) -> float:
        """The share of all cases that were answered within ``within_ms``; 1 where none came."""
        good = sum(1 for case in self.cases if case.answered and case.waited_ms <= within_ms)
        return good / len(self.cases) if self.cases else 1.0

    def occupancy(self) -> dict[str, float]:
        """By agent: the share of their time there that was spent with cases."""
        return {agent: self.busy_ms.get(agent, 0) / there for agent, there in self.there_ms.items() if there}

    def fairness(self) -> float:
        """How evenly the work lay on the agents: Jain's index of their occupancies, 1 where all had the same (Jain,
        Chiu and Hawe 1984)."""
        shares = list(self.occupancy().values())
        squares = sum(share * share for share in shares)
        return sum(shares) ** 2 / (len(shares) * squares) if squares else 1.0


# --- the day ----------------------------------------------------------------------------------------------------

_DONE, _LEFT, _COMES, _BEGINS, _ENDS, _CHANGES, _FREED, _LOOK = range(8)


@dataclass(frozen=True, slots=True)
class Floor:
    """Agents as they came, went and changed, in the order of time. A seat's load and idle time are the simulation's,
    not what it says; who isn't available isn't there. ``in_hand`` is what they have at the beginning: (agent, medium,
    until when)."""

    begins_at: Moment
    changes: Sequence[tuple[Moment, Seat]] = ()
    in_hand: Sequence[tuple[str, Medium, Moment]] = ()


class Simulation:
    """One day. ``answer_ms`` is how long an agent takes to accept (for all media, or by medium), ``after_ms`` how
    long they need after each case. Who is there is said by ``shifts``, or by a ``floor`` that changes; nobody misses
    an offer. Agents' hours are counted up to ``ends_at`` (-1: to the end)."""

    def __init__(
        self,
        policy: Policy,
        shifts: Iterable[Shift],
        cases: Iterable[Coming],
        *,
        answer_ms: Millis | Mapping[Medium, Millis] = 0,
        after_ms: Millis = 0,
        floor: Floor | None = None,
        ends_at: Moment = -1,
        engine: Callable[[Policy], Engine] = Engine,
    ) -> None:
        self._policy = policy
        self._engine = engine(policy)
        self._seats: dict[str, Seat] = {}
        self._cases = iter(cases)
        self._answer_ms = answer_ms
        self._after_ms = after_ms
        self._ends_at = ends_at
        self._ahead: list[tuple[Moment, int, int, Any]] = []
        self._number = 0
        self._waiting: dict[str, tuple[Coming, Served]] = {}
        self._look_at: Moment = -1
        self._busy_since: dict[str, Moment] = {}
        self._there_since: dict[str, Moment] = {}
        self.day = Day()
        self.now: Moment = 0
        for shift in shifts:
            seat = replace(shift.seat, available=False, unavailable_reason="offline")
            self._seats[seat.agent_id] = seat
            self._engine.put_seat(seat)
            self.day.there_ms[seat.agent_id] = sum(end - begin for begin, end in shift.hours)
            for begin, end in shift.hours:
                self._at(begin, _BEGINS, seat.agent_id)
                self._at(end, _ENDS, seat.agent_id)
        if floor is not None:
            self._furnish(floor)

    def _furnish(self, floor: Floor) -> None:
        for at, seat in floor.changes:
            self._at(at, _CHANGES, seat)
        for agent_id, medium, until in floor.in_hand:
            # They come to their desk with it.
            seat = self._seats.get(agent_id) or Seat(agent_id, agent_id, frozenset(), available=False)
            self._seats[agent_id] = seat.taken(medium)
            self._busy_since[agent_id] = floor.begins_at
            self._at(until, _DONE, (agent_id, medium, ""))

    def _at(self, moment: Moment, what: int, about: Any) -> None:
        self._number += 1
        heappush(self._ahead, (moment, what, self._number, about))

    def run(self) -> Day:
        """The whole day, until every case is done with or can never be."""
        comes = next(self._cases, None)
        while comes is not None or self._ahead:
            if comes is not None and (not self._ahead or (comes.at, _COMES) < self._ahead[0][:2]):
                self.now = max(self.now, comes.at)
                self._come(comes)
                comes = next(self._cases, None)
            else:
                moment, what, _, about = heappop(self._ahead)
                self.now = max(self.now, moment)
                self._happen(what, about)
            self._decide()
        self.day.over_at = self.now
        self.now = max(self.now, self._ends_at)  # who is still there is there to the end
        for agent_id in list(self._there_since):
            self._gone(agent_id)
        return self.day

    def _come(self, case: Coming) -> None:
        served = Served(case.waiting, case.at)
        self.day.cases.append(served)
        self._waiting[case.waiting.interaction_id] = (case, served)
        self._engine.put_waiting(case.waiting)
        if case.patience_ms >= 0:
            self._at(self.now + case.patience_ms, _LEFT, case.waiting.interaction_id)

    def _happen(self, what: int, about: Any) -> None:
        if what == _LEFT:
            left = self._waiting.pop(about, None)
            if left is not None:
                left[1].left_at = self.now
                self._engine.remove_waiting(about)
        elif what == _DONE:
            self._done(*about)
        elif what == _BEGINS:
            self._put(replace(self._seats[about], available=True, unavailable_reason="", idle_since_at=self.now))
        elif what == _ENDS:
            self._put(replace(self._seats[about], available=False, unavailable_reason="offline"))
        elif what == _CHANGES:
            self._change(about)
        elif what == _FREED:
            self._free(*about)
        else:
            self._look_at = -1

    def _change(self, seat: Seat) -> None:
        agent_id = seat.agent_id
        before = self._seats.get(agent_id)
        was_there = before is not None and before.available
        load, labelled, idle = (before.load, before.labelled, before.idle_since_at) if before else ({}, {}, self.now)
        if seat.available and not was_there:
            idle = self.now
            self._there_since[agent_id] = self.now
        elif was_there and not seat.available:
            self._gone(agent_id)
        self._put(replace(seat, load=load, labelled=labelled, idle_since_at=idle))

    def _gone(self, agent_id: str) -> None:
        since = self._there_since.pop(agent_id)
        self.day.there_ms[agent_id] = self.day.there_ms.get(agent_id, 0) + self._counted(since)

    def _counted(self, since: Moment) -> Millis:
        until = self.now if self._ends_at < 0 else min(self.now, self._ends_at)
        return max(0, until - since)

    def _free(self, agent_id: str, medium: Medium, label: str) -> Seat:
        """One piece of work less; the agent has been idle for as long as they were."""
        seat = self._seats[agent_id]
        load = {**seat.load, medium: seat.load[medium] - 1}
        labelled = {**seat.labelled, label: seat.labelled[label] - 1} if label else seat.labelled
        seat = replace(seat, load=load, labelled=labelled)
        self._put(seat)
        return seat

    def _done(self, agent_id: str, medium: Medium, label: str) -> None:
        seat = self._free(agent_id, medium, label)
        if not any(seat.load.values()):
            begun = self._busy_since.pop(agent_id, self.now)
            self.day.busy_ms[agent_id] = self.day.busy_ms.get(agent_id, 0) + self._counted(begun)
        self._put(replace(seat, idle_since_at=self.now))

    def _put(self, seat: Seat) -> None:
        self._seats[seat.agent_id] = seat
        self._engine.put_seat(seat)

    def _decide(self) -> None:
        while made := self._engine.decide(self.now):
            for decision in made:
                self._take(decision)
        change = self._engine.next_change_at(self.now)
        if change is not None and not (self.now < self._look_at <= change):
            self._look_at = max(change, self.now + 1)
            self._at(self._look_at, _LOOK, None)

    def _take(self, decision: Decision) -> None:
        self.day.decisions += 1
        case, served = self._waiting.pop(decision.interaction_id)
        medium, agent_id = decision.medium, decision.agent_id
        answer_ms = self._answer_ms if isinstance(self._answer_ms, int) else self._answer_ms.get(medium, 0)
        served.agent_id, served.policy = agent_id, decision.policy
        served.answered_at = self.now + answer_ms
        served.ended_at = served.answered_at + case.handling_ms
        label = case.waiting.label or self._policy.queue(decision.queue).label
        for each in (agent_id, *decision.others):
            self._seats[each] = self._seats[each].taken(medium, label)
        for other in decision.others:
            self._at(served.answered_at, _FREED, (other, medium, label))
        self._busy_since.setdefault(agent_id, self.now)
        self._at(served.ended_at + self._after_ms, _DONE, (agent_id, medium, label))
