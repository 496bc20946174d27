"""Days that never were, or were otherwise: the engine itself decides, on a clock of its own, who gets which case.

Cases come, wait, lose patience or are taken; agents begin and end their shifts, are busy and have time after it. All
of it is given or drawn from a seed, so the same day under another policy differs by the policy alone.
"""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from heapq import heappop, heappush
from math import exp, inf, log, sqrt

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
    it, and how long its customer waits at most (-1: for ever)."""

    waiting: Waiting
    handling_ms: Millis
    patience_ms: Millis = -1

    @property
    def at(self) -> Moment:
        return self.waiting.virtual_enqueued_at


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
    """What became of a case: ``answered_at`` by ``agent_id``, or ``left_at`` by its customer; -1 is never."""

    waiting: Waiting
    answered_at: Moment = -1
    left_at: Moment = -1
    ended_at: Moment = -1
    agent_id: str = ""

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
        return end - self.waiting.virtual_enqueued_at if end >= 0 else -1


@dataclass(slots=True)
class Day:
    """``cases`` in the order in which they came; ``busy_ms`` and ``there_ms`` are the agents' hours. ``over_at`` is
    when the last case was done with."""

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

_DONE, _LEFT, _COMES, _BEGINS, _ENDS, _LOOK = range(6)


class Simulation:
    """One day. ``answer_ms`` is how long an agent takes to accept, ``after_ms`` how long they need after each
    case."""

    def __init__(
        self,
        policy: Policy,
        shifts: Iterable[Shift],
        cases: Iterable[Coming],
        *,
        answer_ms: Millis = 0,
        after_ms: Millis = 0,
    ) -> None:
        self._engine = Engine(policy)
        self._seats: dict[str, Seat] = {}
        self._cases = iter(cases)
        self._answer_ms = answer_ms
        self._after_ms = after_ms
        self._ahead: list[tuple[Moment, int, int, str]] = []
        self._number = 0
        self._waiting: dict[str, tuple[Coming, Served]] = {}
        self._look_at: Moment = -1
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

    def _at(self, moment: Moment, what: int, who: str) -> None:
        self._number += 1
        heappush(self._ahead, (moment, what, self._number, who))

    def run(self) -> Day:
        """The whole day, until every case is done with or can never be."""
        comes = next(self._cases, None)
        while comes is not None or self._ahead:
            if comes is not None and (not self._ahead or (comes.at, _COMES) < self._ahead[0][:2]):
                self.now = max(self.now, comes.at)
                self._come(comes)
                comes = next(self._cases, None)
            else:
                moment, what, _, who = heappop(self._ahead)
                self.now = max(self.now, moment)
                self._happen(what, who)
            self._decide()
        self.day.over_at = self.now
        return self.day

    def _come(self, case: Coming) -> None:
        served = Served(case.waiting)
        self.day.cases.append(served)
        self._waiting[case.waiting.interaction_id] = (case, served)
        self._engine.put_waiting(case.waiting)
        if case.patience_ms >= 0:
            self._at(self.now + case.patience_ms, _LEFT, case.waiting.interaction_id)

    def _happen(self, what: int, who: str) -> None:
        if what == _LEFT:
            left = self._waiting.pop(who, None)
            if left is not None:
                left[1].left_at = self.now
                self._engine.remove_waiting(who)
        elif what == _DONE:
            agent_id, _, medium = who.partition("\n")
            self._done(agent_id, medium)  # type: ignore[arg-type]  # it was a medium when it was written
        elif what == _BEGINS:
            self._put(replace(self._seats[who], available=True, unavailable_reason="", idle_since_at=self.now))
        elif what == _ENDS:
            self._put(replace(self._seats[who], available=False, unavailable_reason="offline"))
        else:
            self._look_at = -1

    def _done(self, agent_id: str, medium: Medium) -> None:
        seat = self._seats[agent_id]
        load = {**seat.load, medium: seat.load[medium] - 1}
        self._put(replace(seat, load=load, idle_since_at=self.now))

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
            self._at(self._look_at, _LOOK, "")

    def _take(self, decision: Decision) -> None:
        self.day.decisions += 1
        case, served = self._waiting.pop(decision.interaction_id)
        served.agent_id = decision.agent_id
        served.answered_at = self.now + self._answer_ms
        served.ended_at = served.answered_at + case.handling_ms
        busy = self._answer_ms + case.handling_ms + self._after_ms
        self.day.busy_ms[decision.agent_id] = self.day.busy_ms.get(decision.agent_id, 0) + busy
        self._seats[decision.agent_id] = self._seats[decision.agent_id].taken(decision.medium)
        self._at(self.now + busy, _DONE, f"{decision.agent_id}\n{decision.medium}")
