"""The order in which agents' turns come, kept so that the first of any set of them is found quickly."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator

from routing.seats import Place

_MOST = 128


class Run:
    """Places that follow one another, and the bits of those who stand there."""

    __slots__ = ("mask", "places")

    def __init__(self, places: list[Place]) -> None:
        self.places = places
        self.mask = 0
        for place in places:
            self.mask |= 1 << place[3]


class Order:
    """Agents in the order least loaded, then longest idle, then id. Finding the first of a set looks at one mask per
    run of at most 128 agents, whoever happens to stand at the front."""

    __slots__ = ("_lasts", "_runs")

    def __init__(self) -> None:
        self._runs: list[Run] = []
        self._lasts: list[Place] = []

    def add(self, place: Place) -> None:
        if not self._runs:
            self._runs.append(Run([place]))
            self._lasts.append(place)
            return
        at = min(bisect_left(self._lasts, place), len(self._runs) - 1)
        run = self._runs[at]
        insort(run.places, place)
        run.mask |= 1 << place[3]
        if len(run.places) > _MOST:
            half = len(run.places) // 2
            self._runs[at : at + 1] = [Run(run.places[:half]), Run(run.places[half:])]
            self._lasts[at : at + 1] = [run.places[half - 1], run.places[-1]]
        else:
            self._lasts[at] = run.places[-1]

    def remove(self, place: Place) -> None:
        """``place`` must be there."""
        at = bisect_left(self._lasts, place)
        run = self._runs[at]
        del run.places[bisect_left(run.places, place)]
        if run.places:
            run.mask ^= 1 << place[3]
            self._lasts[at] = run.places[-1]
        else:
            del self._runs[at], self._lasts[at]

    def first(self, mask: int) -> int:
        """The slot of ``mask`` that stands first. At least one must stand somewhere."""
        run, hits = next((run, hits) for run in self._runs if (hits := mask & run.mask))
        if hits & (hits - 1) == 0:
            return hits.bit_length() - 1
        return next(place[3] for place in run.places if hits >> place[3] & 1)

    def in_turn(self, mask: int) -> Iterator[int]:
        """The slots of ``mask`` in the order in which they stand."""
        bits = mask.to_bytes((mask.bit_length() >> 3) + 1, "little")
        end = len(bits) << 3
        for run in self._runs:
            if mask & run.mask:
                yield from [slot for _, _, _, slot in run.places if slot < end and bits[slot >> 3] >> (slot & 7) & 1]
