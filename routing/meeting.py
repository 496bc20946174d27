"""Several cases meet several agents: which of them are weighed together, found without looking at all that waits."""

from __future__ import annotations

from collections.abc import Iterable
from heapq import heappop, heappush, merge
from itertools import accumulate, islice
from typing import TypeAlias

from contact_center.domain.time import Moment
from routing.cases import Case, Lane
from routing.choosing import Choice
from routing.floor import Floor
from routing.lanes import Lanes
from routing.policy import Policy
from routing.ranking import Leading
from routing.seats import House, Row
from routing.together import PER_AGENT, Open, Placed, placed

OpenCase: TypeAlias = tuple[Case, int]
"""A case that somebody could take now, and the bits of who could."""


class Meeting:
    """What of the index is open now. What it says follows from the facts, whatever the index remembers."""

    __slots__ = ("_choice", "_floor", "_house", "_lanes", "_most")

    def __init__(self, policy: Policy, house: House, floor: Floor, lanes: Lanes, choice: Choice) -> None:
        self._most = policy.batch.most
        self._house = house
        self._floor = floor
        self._lanes = lanes
        self._choice = choice

    def weighed(self, fresh: Iterable[Row], now: Moment) -> tuple[int, list[tuple[Case, Placed]]]:
        """How many cases were looked at, and who takes which if they were weighed. Those in ``fresh`` may be able to
        take what is not ready."""
        self._floor.catch_up()
        cases, everyone = self._open_cases(fresh), 0
        for _, able in cases:
            everyone |= able
        cases = self._portion(cases, everyone.bit_count())
        if len(cases) < 2 or everyone & (everyone - 1) == 0:
            return len(cases), []
        leading = [self._house.ranking.leading(case[3], now) for case, _ in cases]
        if self._as_good_by_turn(cases, leading) or self._nobody_is_wanted_twice(cases, leading, now):
            return len(cases), []
        return len(cases), [(cases[each.case][0], each) for each in self._placed(cases, leading, now)]

    def _open_cases(self, fresh: Iterable[Row]) -> list[OpenCase]:
        """The first cases, by their turns, that somebody could take now."""
        lanes: dict[Lane, int] = {}
        looked_at: list[Case] = []
        ready = self._lanes.ready
        while len(lanes) < self._most and self._lanes.any_ready():
            first = heappop(ready)
            lane = first[4]
            if lane in lanes:
                continue
            if able := self._lanes.able(lane):
                lanes[lane] = able
                looked_at.append(first)
            else:
                lane.ready = False
        for first in looked_at:
            heappush(ready, first)
        for row in fresh:
            for lane in self._lanes.open_for(row, self._most):
                if lane not in lanes and (able := self._lanes.able(lane)):
                    lanes[lane] = able
        return [(case, lanes[case[4]]) for case in islice(merge(*[lane.turns for lane in lanes]), self._most)]

    def _portion(self, cases: list[OpenCase], agents: int) -> list[OpenCase]:
        cases = cases[: PER_AGENT * agents]
        if self._choice.rings:
            rings = accumulate([self._choice.ring(case[3]) for case, _ in cases])
            cases = cases[: sum([ring <= self._most for ring in rings])]
        return cases

    def _as_good_by_turn(self, cases: list[OpenCase], leading: list[Leading]) -> bool:
        """Whether no term is about any of them, and they are all alike or have plenty of agents each."""
        if any(leading):
            return False
        rings = [self._choice.ring(case[3]) for case, _ in cases]
        if all(able.bit_count() >= sum(rings) for _, able in cases):
            return True
        kinds = {(able, case[4].medium, case[4].standing.label) for case, able in cases}
        return len(kinds) == 1 and max(rings) == 1

    def _nobody_is_wanted_twice(self, cases: list[OpenCase], leading: list[Leading], now: Moment) -> bool:
        wanted = 0
        for (case, able), led in zip(cases, leading, strict=True):
            for row in self._choice.best(case[3], led, able, now):
                if row.bit & wanted:
                    return False
                wanted |= row.bit
        return True

    def _placed(self, cases: list[OpenCase], leading: list[Leading], now: Moment) -> list[Placed]:
        rings = [self._choice.ring(case[3]) for case, _ in cases]
        of_alike: dict[int, tuple[Row, ...]] = {}
        some: list[Open] = []
        for (case, able), led, ring in zip(cases, leading, rings, strict=True):
            foremost = None if led else of_alike.get(able)
            if foremost is None:
                foremost = tuple(islice(self._choice.in_rank(case[3], led, able, now), sum(rings)))
            if not led:
                of_alike[able] = foremost
            some.append(Open(case[3], able, foremost, ring, led))
        return placed(some, self._house, now)
