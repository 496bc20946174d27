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
from contact_center.domain.time import HOUR, MINUTE, SECOND, Millis, Moment
from routing.answering import Answering, AtOnce, chance
from routing.cases import Waiting
from routing.decisions import Decision
from routing.engine import Engine
from routing.foreseeing import Rates
from routing.onward import AGAIN_MS, Rulebook, Standings
from routing.policy import Missed, Policy
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
class Attempt:
    """A call that is owed to somebody who left: it waits for an agent from ``after_ms`` on after they left, or after
    the attempt before was over, takes ``handling_ms``, reached or not, and is owed no more when it has waited for
    ``patience_ms`` (-1: for ever)."""

    after_ms: Millis
    handling_ms: Millis
    patience_ms: Millis = -1


@dataclass(frozen=True, slots=True)
class Coming:
    """A case that comes: when, what it needs (``waiting``, which waits from then on), how long it takes whoever takes
    it, and how long its customer waits at most (-1: for ever). ``came_at`` is given where it comes later than its
    place in the queue counts from (-1: it doesn't). ``owed``: it is something that we owe, and goes to no other
    queue. ``attempts`` are the calls, one after the other, that its customer is owed once they have left; where it is
    owed itself, those that follow when it is over."""

    waiting: Waiting
    handling_ms: Millis
    patience_ms: Millis = -1
    came_at: Moment = -1
    owed: bool = False
    attempts: tuple[Attempt, ...] = ()

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
    had something in hand. ``missed`` counts offers that came to nothing at their agents by cause, ``away`` how often
    an agent was taken to be away for it, ``moved`` how often a case went on to another queue. ``over_at`` is when the
    last case was done with."""

    cases: list[Served] = field(default_factory=list)
    decisions: int = 0
    busy_ms: dict[str, Millis] = field(default_factory=dict)
    there_ms: dict[str, Millis] = field(default_factory=dict)
    missed: dict[Missed, int] = field(default_factory=dict)
    away: int = 0
    moved: int = 0
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

_RINGS, _DONE, _LEFT, _COMES, _BEGINS, _ENDS, _CHANGES, _BACK, _LOOK, _DUE, _WATCH = range(11)
_LOOKS = (_LOOK, _DUE, _WATCH)
"""Nothing happens at these by itself."""

ITSELF_MS = 3 * SECOND
"""How long what is accepted by itself is announced before."""
AWAY_MS = 5 * MINUTE
"""How long somebody stays away who was taken to be, where nobody knows."""
MOST_OFFERS = 200
"""A case that was missed so often is offered to nobody any more: a day must come to its end."""


@dataclass(frozen=True, slots=True)
class Floor:
    """Agents as they came, went and changed, in the order of time. A seat's load and idle time are the simulation's,
    not what it says; who isn't available isn't there. ``in_hand`` is what they have at the beginning: (agent, medium,
    until when). ``away_ms`` are the times that agents stayed away who were taken to be, the shortest first."""

    begins_at: Moment
    changes: Sequence[tuple[Moment, Seat]] = ()
    in_hand: Sequence[tuple[str, Medium, Moment]] = ()
    away_ms: Sequence[Millis] = ()


@dataclass(slots=True)
class _Case:
    """A case that isn't done with. ``offers`` were made of it; ``ringing`` are the agents at whom it rings since
    ``rings_at``, ``ring`` the how-manieth time."""

    waiting: Waiting
    coming: Coming
    served: Served
    been_in: list[str]
    offers: int = 0
    ring: int = 0
    rings_at: Moment = 0
    ringing: list[str] = field(default_factory=list)
    label: str = ""
    due_at: Moment = -1


class Simulation:
    """One day under a policy, or a whole ``Rulebook``. ``answer_ms`` is how long an agent takes to accept (for all
    media, or by medium), where ``answering`` doesn't say it by offer; ``after_ms`` how long they need after each
    case. Who is there is said by ``shifts``, or by a ``floor`` that changes. ``rates`` are what rules that ask how
    long it will take reckon with. Agents' hours are counted up to ``ends_at`` (-1: to the end)."""

    def __init__(
        self,
        policy: Policy | Rulebook,
        shifts: Iterable[Shift],
        cases: Iterable[Coming],
        *,
        answer_ms: Millis | Mapping[Medium, Millis] = 0,
        answering: Answering | None = None,
        after_ms: Millis = 0,
        floor: Floor | None = None,
        rates: Mapping[tuple[str, str], Rates] | None = None,
        ends_at: Moment = -1,
        engine: Callable[[Policy], Engine] = Engine,
    ) -> None:
        self._book = policy if isinstance(policy, Rulebook) else Rulebook(policy)
        self._policy = self._book.policy
        self._engine = engine(self._policy)
        self._standings = Standings(self._book, rates or {})
        self._seats: dict[str, Seat] = {}
        self._cases = iter(cases)
        self._answering = answering or AtOnce(answer_ms)
        self._after_ms = after_ms
        self._ends_at = ends_at
        self._ahead: list[tuple[Moment, int, int, Any]] = []
        self._number = 0
        self._events = 0
        self._open: dict[str, _Case] = {}
        self._look_at: Moment = -1
        self._watches: set[str] = set()
        self._in_a_row: dict[str, int] = {}
        self._away: dict[str, tuple[Moment, int]] = {}
        self._away_ms: Sequence[Millis] = ()
        self._busy_since: dict[str, Moment] = {}
        self._there_since: dict[str, Moment] = {}
        self.day = Day()
        self.now: Moment = 0
        for shift in shifts:
            seat = replace(shift.seat, available=False, unavailable_reason="offline")
            self._put(seat)
            self.day.there_ms[seat.agent_id] = sum(end - begin for begin, end in shift.hours)
            for begin, end in shift.hours:
                self._at(begin, _BEGINS, seat.agent_id)
                self._at(end, _ENDS, seat.agent_id)
        if floor is not None:
            self._furnish(floor)

    def _furnish(self, floor: Floor) -> None:
        self._away_ms = floor.away_ms
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
        self._events += what not in _LOOKS
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
                self._events -= what not in _LOOKS
                if self._is_over(what, about):
                    continue
                self.now = max(self.now, moment)
                self._happen(what, about)
            self._decide()
        self.day.over_at = self.now
        self.now = max(self.now, self._ends_at)  # who is still there is there to the end
        for agent_id in list(self._away):
            self._is_back(agent_id)
        for agent_id in list(self._there_since):
            self._gone(agent_id)
        return self.day

    def seats(self) -> list[Seat]:
        """Everybody, with what they have in hand now."""
        return list(self._seats.values())

    def _come(self, coming: Coming) -> None:
        self._events += 1  # whoever looks whether anything happens any more knows that this does
        served = Served(coming.waiting, coming.at)
        self.day.cases.append(served)
        case = _Case(coming.waiting, coming, served, [coming.waiting.queue])
        self._open[coming.waiting.interaction_id] = case
        self._standings.comes(case.waiting, self.now)
        self._wait(case)
        if coming.patience_ms >= 0:
            self._at(self.now + coming.patience_ms, _LEFT, coming.waiting.interaction_id)
        if self._standings:
            self._consider(case)
        self._events -= 1

    def _wait(self, case: _Case) -> None:
        if case.offers < MOST_OFFERS:
            self._engine.put_waiting(case.waiting)
        self._standings.waits(case.waiting)

    def _is_over(self, what: int, about: Any) -> bool:
        """Whether it was about a case that is done with meanwhile: then there is nothing to decide either."""
        return (what == _LEFT and about not in self._open) or (what == _RINGS and about[0] not in self._open)

    def _happen(self, what: int, about: Any) -> None:
        if what == _RINGS:
            self._answer(*about)
        elif what == _LEFT:
            self._leave(about)
        elif what == _DONE:
            self._done(*about)
        elif what == _BEGINS:
            self._put(replace(self._seats[about], available=True, unavailable_reason="", idle_since_at=self.now))
        elif what == _ENDS:
            self._is_back(about)
            self._put(replace(self._seats[about], available=False, unavailable_reason="offline"))
        elif what == _CHANGES:
            self._change(about)
        elif what == _COMES:
            self._come(about)
        elif what == _BACK:
            self._return(*about)
        elif what == _DUE:
            self._due(*about)
        elif what == _WATCH:
            self._watch(about)
        else:
            self._look_at = -1

    def _leave(self, interaction_id: str) -> None:
        case = self._open.pop(interaction_id)
        case.served.left_at = self.now
        if case.ringing:
            for agent_id in case.ringing:
                self._free(agent_id, case.waiting.medium, case.label)
                self._in_a_row[agent_id] = 0
        else:
            self._engine.remove_waiting(interaction_id)
            self._standings.waits_no_more(case.waiting)
        self._standings.over(case.waiting, case.served.came_at, in_time=False)
        if not case.coming.owed:
            self._owe(case, self.now)

    def _owe(self, case: _Case, since: Moment) -> None:
        """The next call that the customer is owed, if one is on this day: at the place that they have had."""
        if not case.coming.attempts:
            return
        attempt, *later = case.coming.attempts
        at = since + attempt.after_ms
        if 0 <= self._ends_at < at:
            return
        waiting = replace(
            case.waiting,
            interaction_id=f"{case.waiting.interaction_id}+",
            medium="voice",
            missed={},
            missed_by={},
            only_agent="",
            directed_by="",
        )
        call = Coming(waiting, attempt.handling_ms, attempt.patience_ms, at, owed=True, attempts=tuple(later))
        self._at(at, _COMES, call)

    # --- who is there ---------------------------------------------------------------------------------------------

    def _change(self, seat: Seat) -> None:
        agent_id = seat.agent_id
        before = self._seats.get(agent_id)
        was_there = before is not None and before.available
        load, labelled, idle = (before.load, before.labelled, before.idle_since_at) if before else ({}, {}, self.now)
        if seat.available and not was_there:
            idle = self.now
            self._there_since[agent_id] = self.now
        elif was_there and not seat.available:
            self._is_back(agent_id)
            self._gone(agent_id)
        self._put(replace(seat, load=load, labelled=labelled, idle_since_at=idle))

    def _gone(self, agent_id: str) -> None:
        self._there(agent_id, self._counted(self._there_since.pop(agent_id)))

    def _there(self, agent_id: str, ms: Millis) -> None:
        self.day.there_ms[agent_id] = self.day.there_ms.get(agent_id, 0) + ms

    def _counted(self, since: Moment) -> Millis:
        until = self.now if self._ends_at < 0 else min(self.now, self._ends_at)
        return max(0, until - since)

    def _go_away(self, agent_id: str) -> None:
        """They missed so many in a row that they are taken to be away, until they come back."""
        self.day.away += 1
        self._in_a_row[agent_id] = 0
        self._away[agent_id] = (self.now, self.day.away)
        spread = self._away_ms
        if spread:
            number = chance(f"away {agent_id} {self.now}")
            stays = spread[int(number * len(spread))]
        else:
            stays = AWAY_MS
        self._at(self.now + max(1, stays), _BACK, (agent_id, self.day.away))

    def _return(self, agent_id: str, number: int) -> None:
        if agent_id in self._away and self._away[agent_id][1] == number:
            self._is_back(agent_id)
            self._put(replace(self._seats[agent_id], idle_since_at=self.now))

    def _is_back(self, agent_id: str) -> None:
        since = self._away.pop(agent_id, None)
        if since is not None:
            self._there(agent_id, -self._counted(since[0]))

    def _free(self, agent_id: str, medium: Medium, label: str) -> Seat:
        """One piece of work less; who has none left begins to be idle."""
        seat = self._seats[agent_id]
        load = {**seat.load, medium: seat.load[medium] - 1}
        labelled = {**seat.labelled, label: seat.labelled[label] - 1} if label else seat.labelled
        idle = seat.idle_since_at if any(load.values()) else self.now
        seat = replace(seat, load=load, labelled=labelled, idle_since_at=idle)
        self._put(seat)
        return seat

    def _done(self, agent_id: str, medium: Medium, label: str) -> None:
        seat = self._free(agent_id, medium, label)
        if not any(seat.load.values()) and agent_id in self._busy_since:
            begun = self._busy_since.pop(agent_id)
            self.day.busy_ms[agent_id] = self.day.busy_ms.get(agent_id, 0) + self._counted(begun)

    def _put(self, seat: Seat) -> None:
        self._seats[seat.agent_id] = seat
        if seat.agent_id in self._away:
            seat = replace(seat, available=False, unavailable_reason="not_ready")
        self._engine.put_seat(seat)
        if self._standings:
            self._standings.there(seat)

    # --- offers -----------------------------------------------------------------------------------------------------

    def _decide(self) -> None:
        while made := self._engine.decide(self.now):
            for decision in made:
                self._offer(decision)
        change = self._engine.next_change_at(self.now)
        if change is not None and not (self.now < self._look_at <= change):
            self._look_at = max(change, self.now + 1)
            self._at(self._look_at, _LOOK, None)

    def _offer(self, decision: Decision) -> None:
        self.day.decisions += 1
        case = self._open[decision.interaction_id]
        waiting, medium = case.waiting, decision.medium
        self._standings.waits_no_more(waiting)
        rules = self._policy.queue(waiting.queue)
        ring_ms = self._book.ring_ms(waiting.queue, medium)
        itself = medium in rules.auto_answer
        case.served.policy = decision.policy
        case.label = waiting.label or rules.label
        case.ring += 1
        case.rings_at = self.now
        case.ringing = [decision.agent_id, *decision.others]
        for agent_id in case.ringing:
            if itself and agent_id == decision.agent_id:
                outcome, after = "accepted", min(ITSELF_MS, ring_ms // 2)
            else:
                outcome, after = self._answering.answer(
                    agent_id, medium, waiting.interaction_id, case.offers, ring_ms
                )
            case.offers += 1
            seat = self._seats[agent_id] = self._seats[agent_id].taken(medium, case.label)
            if self._standings:
                self._standings.there(seat)  # the engine knows it by itself
            if not after and outcome == "accepted" and not decision.others:
                self._accept(case, agent_id)
            else:
                self._at(self.now + after, _RINGS, (waiting.interaction_id, case.ring, agent_id, outcome))

    def _answer(self, interaction_id: str, ring: int, agent_id: str, outcome: Any) -> None:
        case = self._open[interaction_id]
        if case.ring != ring or agent_id not in case.ringing:
            return  # that was an offer before
        if outcome == "accepted":
            self._accept(case, agent_id)
        else:
            self._miss(case, agent_id, outcome)

    def _accept(self, case: _Case, agent_id: str) -> None:
        served, medium = case.served, case.waiting.medium
        del self._open[case.waiting.interaction_id]
        for other in case.ringing:
            if other != agent_id:
                self._free(other, medium, case.label)
        self._in_a_row[agent_id] = 0
        served.agent_id, served.waiting = agent_id, case.waiting
        served.answered_at = self.now
        served.ended_at = self.now + case.coming.handling_ms
        in_time = served.waited_ms <= self._policy.queue(case.waiting.queue).target_ms
        self._standings.over(case.waiting, served.came_at, in_time)
        self._busy_since.setdefault(agent_id, case.rings_at)
        self._at(served.ended_at + self._after_ms, _DONE, (agent_id, medium, case.label))
        if case.coming.owed:
            self._owe(case, served.ended_at)

    def _miss(self, case: _Case, agent_id: str, cause: Missed) -> None:
        self.day.missed[cause] = self.day.missed.get(cause, 0) + 1
        case.ringing.remove(agent_id)
        case.waiting = replace(
            case.waiting,
            missed={**case.waiting.missed, agent_id: self.now},
            missed_by={**case.waiting.missed_by, agent_id: cause},
        )
        row = self._in_a_row[agent_id] = self._in_a_row.get(agent_id, 0) + 1 if cause == "no_answer" else 0
        if self._policy.misses_in_a_row and row >= self._policy.misses_in_a_row and self._seats[agent_id].available:
            self._go_away(agent_id)
        self._free(agent_id, case.waiting.medium, case.label)
        if not case.ringing:
            self._wait(case)

    # --- on to another queue ----------------------------------------------------------------------------------------

    def _consider(self, case: _Case, levels: dict[str, float | None] | None = None) -> bool:
        """Sends on what waits as far as its rules lead, and sees to it that what stays is looked at again. Whether it
        went anywhere."""
        waiting = case.waiting
        if case.coming.owed or waiting.only_agent:
            return False
        went = False
        levels = {} if levels is None else levels
        while (onward := self._standings.onward(waiting, case.been_in, self.now, levels)) is not None:
            went = True
            self.day.moved += 1
            case.been_in.append(onward.queue)
            self._standings.waits_no_more(waiting)
            waiting = onward
            self._standings.comes(waiting, self.now)
            self._standings.waits(waiting)
        if went:
            case.waiting = case.served.waiting = waiting
            self._engine.put_waiting(waiting)
        if self._standings.rules(waiting.queue):
            self._look_again(case)
        return went

    def _look_again(self, case: _Case) -> None:
        at = self._standings.look_at(case.waiting, self.now)
        if at is not None and at != case.due_at:
            case.due_at = at
            self._later(at, _DUE, (case.waiting.interaction_id, at))
        if case.waiting.queue not in self._watches and self._standings.watched(case.waiting.queue):
            self._watch_again(case.waiting.queue, AGAIN_MS)

    def _watch_again(self, queue: str, after_ms: Millis) -> None:
        self._watches.add(queue)
        self._later(self.now + after_ms, _WATCH, queue)

    def _later(self, at: Moment, what: int, about: Any) -> None:
        """Nobody looks any more where nothing will ever happen again."""
        if self._events > 0 or self.now < self._ends_at:
            self._at(at, what, about)

    def _due(self, interaction_id: str, at: Moment) -> None:
        case = self._open.get(interaction_id)
        if case is None or case.due_at != at:
            return
        if case.ringing:  # it may come back
            case.due_at = self.now + AGAIN_MS
            self._later(case.due_at, _DUE, (interaction_id, case.due_at))
        else:
            self._consider(case)

    def _watch(self, queue: str) -> None:
        went, levels = False, dict[str, float | None]()
        for interaction_id in self._standings.ends_of(queue):
            went = self._consider(self._open[interaction_id], levels) or went
        if self._standings.anybody(queue):
            self._watch_again(queue, SECOND if went else AGAIN_MS)
        else:
            self._watches.discard(queue)
