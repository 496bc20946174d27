"""On to another queue on a clock of its own: the house's rules of overflow, held against how a simulated day stands.

The rules themselves are :mod:`contact_center.domain.overflow`; here is what they ask about: who waits where and since
when, how many were answered in time lately, who is there, and how long it will take: that by the same law as in the
hub (:mod:`routing.foreseeing`), from figures that are given.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from heapq import heappop, heappush
from itertools import chain, islice
from typing import Literal, TypeAlias

from contact_center.domain.events import Medium
from contact_center.domain.opening_hours import OpeningHours
from contact_center.domain.overflow import Overflow, Standing, first_that_holds, look_at, watched
from contact_center.domain.time import MINUTE, SECOND, Millis, Moment
from routing.cases import TOP_PRIORITY, Waiting
from routing.expected import Expected
from routing.foreseeing import Rates
from routing.needs import meets
from routing.places import Pair
from routing.policy import Policy
from routing.seats import Seat

AGAIN_MS = 15 * SECOND
MOST_AT_ONCE = 50
FEWEST_FOR_A_LEVEL = 5
"""As the hub looks: how often, at how many from each end of a queue, and of how many it tells a service level."""


@dataclass(frozen=True, slots=True)
class Place:
    """What a queue says beyond its routing: where its work goes on, when it is open (None: always), how long its
    offers ring (0: as the policy says), and what it gives what comes in: ``priority`` and ``skills``."""

    overflow: tuple[Overflow, ...] = ()
    hours: OpeningHours | None = None
    offer_ms: Millis = 0
    priority: int = 0
    skills: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rulebook:
    """Everything about a house that a day can be tried under: its policy, and its queues' further rules."""

    policy: Policy
    places: Mapping[str, Place] = field(default_factory=dict)

    def place(self, queue: str) -> Place:
        return self.places.get(queue, _PLAIN)

    def ring_ms(self, queue: str, medium: Medium) -> Millis:
        return self.place(queue).offer_ms or self.policy.offer_ms[medium]

    def beside(self, other: Rulebook) -> Rulebook:
        """This one; of queues that it doesn't name, what the other says."""
        policy = replace(self.policy, queues={**other.policy.queues, **self.policy.queues})
        return Rulebook(policy, {**other.places, **self.places})


_PLAIN = Place()


_Team: TypeAlias = tuple[list[Seat], list[Seat], list[Seat]]


def sent_on(waiting: Waiting, of: Place, to: str, there: Place) -> Waiting:
    """The case in the queue ``to``: what its first queue gave it stays behind, what it needs by itself goes along."""
    own = {skill: level for skill, level in waiting.skills.items() if of.skills.get(skill) != level}
    priority = min(TOP_PRIORITY, max(0, waiting.priority - of.priority) + there.priority)
    return replace(waiting, queue=to, priority=priority, skills={**there.skills, **own})


class Standings:
    """How each queue that has rules stands. It is told who comes and waits, who does no longer, and who is there.
    ``rates`` say how long things take; where they don't know a queue and medium, it is what is usual."""

    def __init__(self, rulebook: Rulebook, rates: Mapping[Pair, Rates]) -> None:
        self._book = rulebook
        self._expected = Expected(rulebook.policy, rates)
        self._rules = {queue: place.overflow for queue, place in rulebook.places.items() if place.overflow}
        self._line: dict[str, list[tuple[Moment, str]]] = {queue: [] for queue in self._rules}
        self._done: dict[str, list[tuple[Moment, bool]]] = {queue: [] for queue in self._rules}
        self._good: dict[str, int] = dict.fromkeys(self._rules, 0)
        self._seats: dict[str, Seat] = {}
        self._hours: dict[str, tuple[int, Literal["open", "closed", "holiday"]]] = {}
        self._foreseen = frozenset(
            [queue for queue, rules in self._rules.items() if any(rule.estimate_ms is not None for rule in rules)]
        )
        self._teams: dict[
            tuple[str, str, tuple[tuple[str, int], ...]], tuple[list[Seat], list[Seat], list[Seat]]
        ] = {}

    def __bool__(self) -> bool:
        """Whether any queue has rules."""
        return bool(self._rules)

    def rules(self, queue: str) -> tuple[Overflow, ...]:
        return self._rules.get(queue, ())

    def watched(self, queue: str) -> bool:
        return watched(self.rules(queue))

    # --- what it is told ------------------------------------------------------------------------------------------

    def comes(self, waiting: Waiting, now: Moment) -> None:
        """The case comes into its queue, from outside or from another."""
        if self._foreseen:
            self._expected.comes(waiting, now)

    def waits(self, waiting: Waiting) -> None:
        if waiting.queue in self._line:
            insort(self._line[waiting.queue], (waiting.virtual_enqueued_at, waiting.interaction_id))
        if waiting.queue in self._foreseen:
            self._expected.waits(waiting)

    def waits_no_more(self, waiting: Waiting) -> None:
        line = self._line.get(waiting.queue)
        if line is not None:
            del line[bisect_left(line, (waiting.virtual_enqueued_at, waiting.interaction_id))]
        if waiting.queue in self._foreseen:
            self._expected.waits_no_more(waiting)

    def over(self, waiting: Waiting, came_at: Moment, in_time: bool) -> None:
        """The case was answered or its customer left."""
        if waiting.queue in self._done:
            heappush(self._done[waiting.queue], (came_at, in_time))
            self._good[waiting.queue] += in_time

    def there(self, seat: Seat) -> None:
        """How it stands with the agent, load and all."""
        before = self._seats.get(seat.agent_id)
        self._seats[seat.agent_id] = seat
        if before is None or _standing_of(before) != _standing_of(seat):
            self._teams.clear()
            self._expected.others_are_there()

    # --- what is asked --------------------------------------------------------------------------------------------

    def ends_of(self, queue: str) -> list[str]:
        """Who has waited longest, and who came last."""
        line = self._line[queue]
        newest = islice(reversed(line), MOST_AT_ONCE)
        return list(dict.fromkeys([interaction for _, interaction in chain(line[:MOST_AT_ONCE], newest)]))

    def anybody(self, queue: str) -> bool:
        """Whether anything waits in the queue."""
        return bool(self._line[queue])

    def onward(
        self, waiting: Waiting, been_in: Collection[str], now: Moment, levels: dict[str, float | None]
    ) -> Waiting | None:
        """The case in the queue that it goes on to; None where it stays. ``levels`` keeps each queue's service level
        as it was before anything was sent on: who goes counts elsewhere from then on."""
        rules = self.rules(waiting.queue)
        if not rules:
            return None
        found = first_that_holds(rules, self._standing(waiting, rules, now, levels), {*been_in, waiting.queue})
        if found is None:
            return None
        to = found[0].to
        return sent_on(waiting, self._book.place(waiting.queue), to, self._book.place(to))

    def look_at(self, waiting: Waiting, now: Moment) -> Moment | None:
        """When the case is to be looked at by itself."""
        return look_at(self.rules(waiting.queue), waiting.virtual_enqueued_at, now, AGAIN_MS)

    def _standing(
        self, waiting: Waiting, rules: Iterable[Overflow], now: Moment, levels: dict[str, float | None]
    ) -> Standing:
        queue = waiting.queue
        staffed = any(rule.nobody for rule in rules)
        spans = [rule.level_of_ms for rule in rules if rule.level_below is not None]
        if queue not in levels:
            levels[queue] = self._level(queue, spans[0], now) if spans else None
        team = self._team(waiting) if staffed else _NOBODY
        hours = self._book.place(queue).hours if any(rule.closed for rule in rules) else None
        return Standing(
            waited_ms=max(0, now - waiting.virtual_enqueued_at),
            ahead=bisect_left(self._line[queue], (waiting.virtual_enqueued_at, "")),
            logged_in=len(team[0]),
            available=len(team[1]),
            able=len(team[2]),
            level=levels[queue],
            estimate_ms=self._expected.wait_ms(waiting, self._seats, now) if queue in self._foreseen else 0,
            open=self._open(queue, hours, now) if hours else "open",
        )

    def _open(self, queue: str, hours: OpeningHours, now: Moment) -> Literal["open", "closed", "holiday"]:
        """Windows begin and end with a minute."""
        known = self._hours.get(queue)
        if known is None or known[0] != now // MINUTE:
            known = self._hours[queue] = (now // MINUTE, hours.at(now))
        return known[1]

    def _team(self, waiting: Waiting) -> _Team:
        """The queue's members who are signed in, those of them who are available, those of them who are able."""
        key = (waiting.queue, waiting.medium, tuple(sorted(waiting.skills.items())))
        known = self._teams.get(key)
        if known is None:
            need = self._book.policy.queue(waiting.queue).need
            members = [
                seat
                for seat in self._seats.values()
                if waiting.queue in seat.queues and (seat.available or seat.unavailable_reason != "offline")
            ]
            available = [seat for seat in members if seat.available]
            able = [
                seat
                for seat in available
                if seat.capacity.get(waiting.medium, 0)
                and meets(seat.agent_id, seat.skills, need)
                and all(seat.skills.get(skill, 0) >= level for skill, level in waiting.skills.items())
            ]
            known = self._teams[key] = (members, available, able)
        return known

    def _level(self, queue: str, span_ms: Millis, now: Moment) -> float | None:
        """Who still waits beyond the target counts as not answered in time."""
        done, since = self._done[queue], now - span_ms
        while done and done[0][0] <= since:
            self._good[queue] -= heappop(done)[1]
        line = self._line[queue]
        late = bisect_left(line, (now - self._book.policy.queue(queue).target_ms, ""))
        late -= min(late, bisect_left(line, (since + 1, "")))
        known = len(done) + late
        return 100 * self._good[queue] / known if known >= FEWEST_FOR_A_LEVEL else None


_NOBODY: _Team = ([], [], [])


def _standing_of(seat: Seat) -> tuple[object, ...]:
    return (seat.available, seat.unavailable_reason, seat.queues, seat.skills, seat.capacity, seat.most, seat.most_of)
