"""A day in figures, each defined once: the same for a day that was and for one that was simulated.

**Service level**: cases answered within the queue's target, of all that came. **Waiting**: from the moment a case
came into its queue until it was answered or its customer left; who was still waiting at the end isn't in it.
**Abandonment**: customers who left before they were answered, of all that came. **Occupancy**: the share of the time
that agents were there in which they had something in hand, whatever how much. **Fairness**: Jain's index of the
agents' occupancies, 1 where all had the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from statistics import fmean

from contact_center.domain.time import Millis
from routing.simulation import Day, Served


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one queue, or of all (``queue`` is empty). Shares are between 0 and 1; ``waiting`` is at the end."""

    queue: str
    came: int
    answered: int
    within: int
    abandoned: int
    waiting: int
    mean_wait_ms: float
    p50_wait_ms: float
    p90_wait_ms: float
    longest_wait_ms: float

    @property
    def service_level(self) -> float:
        return self.within / self.came if self.came else 1.0

    @property
    def abandonment(self) -> float:
        return self.abandoned / self.came if self.came else 0.0


def figures(cases: Iterable[Served], target_ms: Callable[[str], Millis], queue: str = "") -> Figures:
    """Of these cases; ``target_ms`` gives each queue's target."""
    came = answered = within = abandoned = 0
    waits: list[Millis] = []
    for case in cases:
        came += 1
        waited = case.waited_ms
        if waited < 0:
            continue
        waits.append(waited)
        if case.answered:
            answered += 1
            within += waited <= target_ms(case.waiting.queue)
        else:
            abandoned += 1
    waits.sort()
    return Figures(
        queue,
        came,
        answered,
        within,
        abandoned,
        came - answered - abandoned,
        fmean(waits) if waits else 0.0,
        percentile(waits, 0.5),
        percentile(waits, 0.9),
        waits[-1] if waits else 0.0,
    )


def by_queue(cases: Sequence[Served], target_ms: Callable[[str], Millis]) -> dict[str, Figures]:
    """Of all (under the empty name, first), then of each queue by name."""
    of: dict[str, list[Served]] = {}
    for case in cases:
        of.setdefault(case.waiting.queue, []).append(case)
    return {"": figures(cases, target_ms)} | {
        queue: figures(there, target_ms, queue) for queue, there in sorted(of.items())
    }


def percentile(ordered: Sequence[float], share: float) -> float:
    """The smallest value that ``share`` of them do not exceed (nearest rank); 0 for none."""
    return ordered[max(0, ceil(share * len(ordered)) - 1)] if ordered else 0.0


@dataclass(frozen=True, slots=True)
class Work:
    """What an agent did: ``cases`` taken, the share of their time there that they had something in hand."""

    agent_id: str
    cases: int
    there_ms: Millis
    busy_ms: Millis

    @property
    def occupancy(self) -> float:
        return min(1.0, self.busy_ms / self.there_ms) if self.there_ms else 0.0


def work(day: Day) -> list[Work]:
    """Everybody who was there, by id."""
    taken: dict[str, int] = {}
    for case in day.cases:
        if case.answered:
            taken[case.agent_id] = taken.get(case.agent_id, 0) + 1
    return [
        Work(agent, taken.get(agent, 0), there, day.busy_ms.get(agent, 0))
        for agent, there in sorted(day.there_ms.items())
        if there or agent in taken
    ]


def occupancy(all_work: Sequence[Work]) -> float:
    """Of all together."""
    there = sum(each.there_ms for each in all_work)
    return sum(min(each.busy_ms, each.there_ms) for each in all_work) / there if there else 0.0


def fairness(all_work: Sequence[Work]) -> float:
    """Jain, Chiu and Hawe 1984: between 1/n (one did it all) and 1 (all the same)."""
    shares = [each.occupancy for each in all_work if each.there_ms]
    squares = sum(share * share for share in shares)
    return sum(shares) ** 2 / (len(shares) * squares) if squares else 1.0


def spans_together(spans: Iterable[tuple[int, int]]) -> Millis:
    """How long at least one of them lasted."""
    total, reached = 0, None
    for begin, end in sorted(spans):
        start = begin if reached is None else max(begin, reached)
        if end > start:
            total += end - start
        reached = end if reached is None else max(reached, end)
    return total


Targets = Mapping[str, Millis]
