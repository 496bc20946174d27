"""Which cases are to be weighed together, and with whom (how: :mod:`routing.together`)."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from heapq import heappop, heappush, merge
from itertools import islice

from contact_center.domain.time import Moment
from routing.cases import Case, Lane, Waiting
from routing.choosing import Choice
from routing.floor import Floor
from routing.lanes import Lanes
from routing.ranking import Leading
from routing.seats import House, Row, row_at, slots_in
from routing.together import PER_AGENT, Open, Placed, placed


class Weighing:
    """Finds cases that several agents could take now, where their turns by themselves may not be as good."""

    __slots__ = ("_choice", "_floor", "_house", "_lanes")

    def __init__(self, house: House, floor: Floor, lanes: Lanes, choice: Choice) -> None:
        self._house = house
        self._floor = floor
        self._lanes = lanes
        self._choice = choice

    def weigh(self, fresh: Collection[Row], most: int, now: Moment) -> tuple[int, list[tuple[Case, Placed]]]:
        """How many cases were looked at, and who takes which if they were weighed."""
        self._floor.catch_up()
        cases, everyone = self._open_cases(fresh, most), 0
        for _, able in cases:
            everyone |= able
        cases = cases[: PER_AGENT * everyone.bit_count()]
        if len(cases) < 2 or everyone & (everyone - 1) == 0:
            return len(cases), []
        leading = [self._house.ranking.leading(case[3], now) for case, _ in cases]
        if self._all_alike(cases, leading) or self._nobody_is_wanted_twice(cases, leading, now):
            return len(cases), []
        rings = [self._choice.ring(case[3]) for case, _ in cases]
        of_alike: dict[int, tuple[Row, ...]] = {}
        some: list[Open] = []
        for (case, able), led, ring in zip(cases, leading, rings, strict=True):
            rows = None if led else of_alike.get(able)
            if rows is None:
                rows = tuple(islice(self._in_rank(case[3], led, able, now), sum(rings)))
            if not led:
                of_alike[able] = rows
            some.append(Open(case[3], able, rows, ring, led))
        return len(cases), [(cases[each.case][0], each) for each in placed(some, self._house, now)]

    def _open_cases(self, fresh: Collection[Row], most: int) -> list[tuple[Case, int]]:
        """The first cases, by their turns, that somebody could take now, and who could."""
        lanes: dict[Lane, int] = {}
        looked_at: list[Case] = []
        while len(lanes) < most and self._lanes.any_ready():
            first = heappop(self._lanes.ready)
            lane = first[4]
            if lane in lanes:
                continue
            if able := self._lanes.able(lane):
                lanes[lane] = able
                looked_at.append(first)
            else:
                lane.ready = False
        for first in looked_at:
            heappush(self._lanes.ready, first)
        for row in fresh:
            for lane in self._lanes.all_for(row, most):
                if lane not in lanes and (able := self._lanes.able(lane)):
                    lanes[lane] = able
        return [(case, lanes[case[4]]) for case in islice(merge(*[lane.turns for lane in lanes]), most)]

    def _all_alike(self, cases: list[tuple[Case, int]], leading: list[Leading]) -> bool:
        first, able = cases[0]
        lane = first[4]
        kind = (able, lane.medium, lane.standing.label)
        return not any(leading) and all(
            (able, case[4].medium, case[4].standing.label) == kind and self._choice.ring(case[3]) == 1
            for case, able in cases
        )

    def _nobody_is_wanted_twice(self, cases: list[tuple[Case, int]], leading: list[Leading], now: Moment) -> bool:
        wanted = 0
        for (case, able), led in zip(cases, leading, strict=True):
            for row in self._choice.best(case[3], led, able, now):
                if row.bit & wanted:
                    return False
                wanted |= row.bit
        return True

    def _in_rank(self, waiting: Waiting, leading: Leading, able: int, now: Moment) -> Iterator[Row]:
        """Those of ``able``, the foremost first."""
        if not leading:
            yield from self._floor.in_turn(able)
            return
        term, says = leading[0]
        for bits in self._choice.grades(term, waiting, able, now):
            if hit := bits & able:
                able ^= hit
                yield from self._in_rank(waiting, leading[1:], hit, now)
        found: dict[int, int] = {}
        for slot in slots_in(able):
            row = row_at(self._floor.rows, slot)
            found[says(row)] = found.get(says(row), 0) | row.bit
        for _, hit in sorted(found.items()):
            yield from self._in_rank(waiting, leading[1:], hit, now)
