"""The best way to give several cases to several agents at once: each case to one, at the least cost in all.

Successive shortest augmenting paths with potentials (Kuhn 1955, Munkres 1957; in this form Jonker and Volgenant
1987), over the pairs that there are and no others: for n cases and p pairs, n searches of p log p steps. Costs are
whole numbers, of any size, so nothing is decided by rounding; where several ways are best, the same input always
gives the same one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from heapq import heappop, heappush

Costs = Sequence[Mapping[int, int]]
"""For each case: the places (by number) that it could go to, and what that costs."""


class Unmatchable(ValueError):
    """Not every case can have a place of its own."""


def best_matching(costs: Costs) -> list[int]:
    """For each case the place where it goes; no two go to the same. Raises :class:`Unmatchable`."""
    worth: dict[int, int] = {}
    holder: dict[int, int] = {}
    found = [-1] * len(costs)
    level = [0] * len(costs)
    for case in range(len(costs)):
        level[case] = min([cost - worth.get(place, 0) for place, cost in costs[case].items()], default=0)
        at, before = _shortest_path(case, costs, level, worth, holder)
        while True:
            giver = before[at]
            holder[at] = giver
            found[giver], at = at, found[giver]
            if giver == case:
                break
    return found


def _shortest_path(
    case: int, costs: Costs, level: list[int], worth: dict[int, int], holder: Mapping[int, int]
) -> tuple[int, Mapping[int, int]]:
    """The nearest place that is free, and for each place that was come by the case from which (Dijkstra on reduced
    costs). Brings the potentials (``level`` of cases, ``worth`` of places) up to date."""
    reach: dict[int, int] = {}
    before: dict[int, int] = {}
    passed: dict[int, int] = {}
    ahead: list[tuple[int, int]] = []
    giver, gone = case, 0
    while True:
        base = gone - level[giver]
        for place, cost in costs[giver].items():
            if place in passed:
                continue
            way = base + cost - worth.get(place, 0)
            if place not in reach or way < reach[place]:
                reach[place], before[place] = way, giver
                heappush(ahead, (way, place))
        while ahead and ahead[0][1] in passed:
            heappop(ahead)
        if not ahead:
            raise Unmatchable("Not every case can have a place of its own.")
        gone, at = heappop(ahead)
        if at not in holder:
            break
        passed[at] = gone
        giver = holder[at]
    level[case] += gone
    for place, way in passed.items():
        worth[place] = worth.get(place, 0) + way - gone
        level[holder[place]] += gone - way
    return at, before
