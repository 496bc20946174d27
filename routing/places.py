"""Who could take a case, now and as time goes on, and how many places they are for it. Pure.

A place is room for one more piece of the kind: an agent who may have three chats is three for chats. What else came
in lately takes its part of them, for nobody is there for one queue alone who serves two.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from contact_center.domain.events import Medium
from contact_center.domain.time import HOUR, Millis, Moment
from routing.cases import Ask, Waiting, asks_of, needed, steps_reached
from routing.needs import meets
from routing.policy import Policy
from routing.seats import Seat, weight_of

MOST_TAKEN = 0.9
"""However much other work comes, it leaves so much of an agent: all of it ends."""

Pair = tuple[str, str]
"""A queue and a medium."""

_NOTHING: frozenset[Medium] = frozenset()


@dataclass(frozen=True, slots=True)
class Work:
    """What came in the last hour, by queue and medium, and how long one takes (ms)."""

    came: Mapping[Pair, int] = field(default_factory=dict)
    handling_ms: Mapping[Pair, float] = field(default_factory=dict)
    usual_ms: float = 0.0

    def load(self, pair: Pair) -> float:
        """How many of it are in hand at a time, if nobody is turned away."""
        came = self.came.get(pair, 0)
        return came * self.handling_ms.get(pair, self.usual_ms) / HOUR if came else 0.0


class Staff:
    """Who is there for customers, with what they have in hand, under a policy."""

    def __init__(self, seats: Iterable[Seat], policy: Policy, work: Work) -> None:
        self.seats = tuple(seats)
        self.policy = policy
        self.work = work
        self._serving: dict[Pair, int] = {}
        self._takers: dict[str, int] = {}
        self._taken: dict[str, float] = {}
        for seat in self.seats:
            for medium, most in seat.capacity.items():
                if most > 0:
                    self._takers[medium] = self._takers.get(medium, 0) + 1
                    for queue in seat.queues:
                        self._serving[queue, medium] = self._serving.get((queue, medium), 0) + 1

    def places(self, seat: Seat, queue: str, medium: Medium, label: str = "") -> float:
        """How many places for such work the agent is, in the long run. They are shared with the other queues of that
        medium by what came; of a weighted total others have their part; whatever takes a whole agent, and is not
        put aside for this, takes them from it altogether."""
        most: float = capacity_for(seat, medium, label, self.policy)
        if seat.most > 0 and (weight := self.policy.weights.get(medium, 1)) > 0:
            most = min(most, self._of_the_total(seat, medium) / weight)
        own = max(1, self.work.came.get((queue, medium), 0))
        rest = sum(self.work.came.get((other, medium), 0) for other in seat.queues if other != queue)
        return most * own / (own + rest) * (1 - self._taken_whole(seat, medium))

    def _of_the_total(self, seat: Seat, medium: Medium) -> float:
        """How much of the weighted total is there for the medium: what the others leave, at least its part by what
        came."""
        policy, aside = self.policy, self.policy.interrupts.get(medium, _NOTHING)
        others = 0.0
        for other in seat.capacity:
            if other != medium and other not in aside:
                others += policy.weights.get(other, 1) * self._in_hand(seat, other)
        own = policy.weights.get(medium, 1) * self._in_hand(seat, medium)
        part = own / (own + others) if own else 0.0
        return max(seat.most - others, seat.most * max(part, 1 - MOST_TAKEN))

    def _in_hand(self, seat: Seat, medium: str) -> float:
        """How many of a medium the agent has at a time, if what comes is spread evenly."""
        return sum(
            self.work.load((queue, medium)) / max(1, self._serving.get((queue, medium), 0)) for queue in seat.queues
        )

    def _taken_whole(self, seat: Seat, medium: Medium) -> float:
        """The share of their time in which something takes the whole agent, and leaves no room for the medium."""
        aside = self.policy.interrupts.get(medium, _NOTHING)
        taken = 0.0
        for each in self.policy.exclusive_media:
            if each != medium and each not in aside and seat.capacity.get(each, 0) > 0:
                taken += self._taken_by(each)
        return min(MOST_TAKEN, taken)

    def _taken_by(self, medium: Medium) -> float:
        """How many of the medium each of those who take it has in hand."""
        known = self._taken.get(medium)
        if known is None:
            load = sum(self.work.load(pair) for pair in self.work.came if pair[1] == medium)
            known = self._taken[medium] = load / self._takers[medium]
        return known


def capacity_for(seat: Seat, medium: Medium, label: str, policy: Policy) -> int:
    """How many of such work the agent may have, with nothing else in hand."""
    return _fit(seat, medium, label, policy, _NO_LOAD, 0)


def room(seat: Seat, medium: Medium, label: str, policy: Policy) -> int:
    """How many more of such work the agent could be offered in this moment: as often as it still fits."""
    if not seat.available:
        return 0
    return _fit(seat, medium, label, policy, seat.load, seat.labelled.get(label, 0))


_NO_LOAD: Mapping[Medium, int] = {}


def _fit(seat: Seat, medium: Medium, label: str, policy: Policy, load: Mapping[Medium, int], labelled: int) -> int:
    most, whole = seat.capacity.get(medium, 0), policy.exclusive_media
    aside = policy.interrupts.get(medium, _NOTHING)
    if load:
        most -= load.get(medium, 0)
        if any(load.get(each, 0) > 0 for each in whole if each not in aside):
            return 0
    if seat.most > 0:
        left, weight = seat.most - weight_of(load, policy.weights, aside), policy.weights.get(medium, 1)
        most = min(most, left // weight) if weight else most if left >= 0 else 0
    if label and label in seat.most_of:
        most = min(most, seat.most_of[label] - labelled)
    return max(0, min(most, 1) if medium in whole else most)


# --- who ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Able:
    """Somebody who could take such work by some ``steps`` of relaxation (0: as it is asked at first, in order): how
    many places they are for it in the long run, and how many are free in this moment."""

    agent_id: str
    steps: tuple[int, ...]
    places: float
    free: int


def able_to(seat: Seat, waiting: Waiting, ask: Ask) -> bool:
    """Whether the agent could ever take it, if this is asked of them."""
    if not seat.capacity.get(waiting.medium, 0):
        return False
    if waiting.only_agent:
        return seat.agent_id == waiting.only_agent
    skilled = all(seat.skills.get(skill, 0) >= level for skill, level in ask.skills)
    return skilled and not seat.queues.isdisjoint(ask.queues) and meets(seat.agent_id, seat.skills, ask.need)


def who_is_able(staff: Staff, waiting: Waiting) -> tuple[Able, ...]:
    """All who are there and could take it at any step."""
    policy, label = staff.policy, waiting.counts_as(staff.policy)
    asks = asks_of(waiting.queue, needed(waiting.skills), waiting.rules(policy))
    found = []
    for seat in staff.seats:
        steps = tuple([number for number, ask in enumerate(asks) if able_to(seat, waiting, ask)])
        if steps:
            places = staff.places(seat, waiting.queue, waiting.medium, label)
            if waiting.only_agent:
                places = capacity_for(seat, waiting.medium, label, policy)
            found.append(Able(seat.agent_id, steps, places, room(seat, waiting.medium, label, policy)))
    return tuple(found)


def as_of_now(able: Iterable[Able], seats: Mapping[str, Seat], waiting: Waiting, policy: Policy) -> tuple[Able, ...]:
    """The same people, with what is free of them by what they have in hand in ``seats``."""
    medium, label = waiting.medium, waiting.counts_as(policy)
    return tuple(
        [
            Able(each.agent_id, each.steps, each.places, room(seats[each.agent_id], medium, label, policy))
            for each in able
        ]
    )


@dataclass(frozen=True, slots=True)
class Later:
    """``places`` more, ``free`` of them now, for cases of this kind that have waited for ``after_ms``; for this very
    one not before ``own_at``."""

    after_ms: Millis
    own_at: Moment
    places: float
    free: int


@dataclass(frozen=True, slots=True)
class Prospect:
    """Who could take a case as time goes on: ``places`` in this moment, ``free`` of them; ``later`` more. It is kept
    ``until`` a moment (0: it isn't) for ``kept_places``, of which ``kept_free`` are free."""

    places: float
    free: int
    later: tuple[Later, ...] = ()
    until: Moment = 0
    kept_places: float = 0.0
    kept_free: int = 0


def prospect(able: Sequence[Able], waiting: Waiting, policy: Policy, now: Moment) -> Prospect:
    """By the policy, as routing goes by it: steps that time brings or that are skipped because they are hopeless,
    those who have just missed it, and those who know the customer."""
    rules = waiting.rules(policy)
    reached = steps_reached(now - waiting.virtual_enqueued_at, rules)
    if rules.skip_hopeless and not any(reached in each.steps for each in able):
        reached = min([step for each in able for step in each.steps if step > reached], default=reached)
    cooling = _cooling(able, waiting, policy, now, reached)
    here = [each for each in able if reached in each.steps and each.agent_id not in cooling]
    later: dict[tuple[Millis, Moment], list[Able]] = {}
    for each in able:
        step = reached if reached in each.steps else next((step for step in each.steps if step > reached), None)
        if step is not None and (step > reached or each.agent_id in cooling):
            after_ms = rules.relax[step - 1].after_ms if step > reached else 0
            own_at = max(waiting.virtual_enqueued_at + after_ms, cooling.get(each.agent_id, now))
            later.setdefault((after_ms, own_at), []).append(each)
    until = waiting.virtual_enqueued_at + rules.hold_ms
    knows = waiting.who_knows(now - policy.sticky_ms) if rules.hold_ms and now < until else {}
    kept = [each for each in here if each.agent_id in knows]
    return Prospect(
        *_sum(here),
        tuple(Later(*key, *_sum(group)) for key, group in sorted(later.items())),
        until if kept else 0,
        *_sum(kept),
    )


def _sum(able: Iterable[Able]) -> tuple[float, int]:
    found = list(able)
    return sum(each.places for each in found), sum(each.free for each in found)


def _cooling(able: Sequence[Able], waiting: Waiting, policy: Policy, now: Moment, reached: int) -> dict[str, Moment]:
    """Until when each who missed it is not asked again: sooner where nobody else who is there could ever take it, not
    even after a cool-down of their own."""
    if not waiting.missed:
        return {}
    there = [each.agent_id for each in able if reached in each.steps]
    times = {each: waiting.cools_until(each, policy) for each in waiting.missed}
    until = {each: sooner if there == [each] else at_last for each, (sooner, at_last) in times.items()}
    return {each: at for each, at in until.items() if at > now}
