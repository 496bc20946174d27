"""Several cases given to several agents at once, so that the choice for one leaves as much as can be to the others.

Taken one by one, the most urgent case gets the agent who stands first, even if the next case could have been served
by that agent alone. Here the cases are weighed together. First comes who is served: the most urgent case if anybody
can take it, then the next if both can be served, and so on. (Sets of cases that can be served together are the
independent sets of a transversal matroid, Edmonds and Fulkerson 1965: what is served by urgency like this is also as
many as can be.) Of all ways to serve those, the one of least cost in all is taken.

An agent with room for several counts several times, each time dearer: the costs of the first, second … piece are
their ``ladder``. Costs are whole numbers; the same input always gives the same result.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from contact_center.domain.time import HOUR, MINUTE, Millis
from routing.matching import Cost, best_matching
from routing.policy import Batch
from routing.seats import WHOLE

POINT = MINUTE
"""A point of :class:`routing.policy.Batch` in the unit of costs, so that a millisecond of idleness is one."""

MOST_IDLE = 8 * HOUR
"""Longer idleness counts no more: an agent whom nobody has needed all day isn't better than one who knows you."""

Pairs: TypeAlias = Sequence[Mapping[int, int]]
"""For each case, the most urgent first: who may take it (by number), and what that costs apart from the ladder."""

Ladders: TypeAlias = Sequence[Sequence[int]]
"""For each agent: what each further piece costs. Never falling."""

Given: TypeAlias = list[int | None]
"""For each case the agent who takes it."""


class Weighed(NamedTuple):
    """What weighing came to for one case. ``together`` are the cases that were weighed, in their turn; ``alone`` is
    the agent whom each turn by itself would have given this one to (empty: nobody was left). All in all, ``more``
    cases are served than by turns alone; ``saved`` is what is saved of the cost, in points, where the same are."""

    together: tuple[str, ...]
    alone: str
    more: int
    saved: float


def agent_cost(batch: Batch, share: int, idle_ms: Millis) -> int:
    """Of a piece given to somebody of whom so much is taken, and who has been idle so long."""
    return batch.load * share * POINT // WHOLE - batch.idle * min(max(0, idle_ms), MOST_IDLE)


def pair_cost(batch: Batch, known: bool, preferred: int) -> int:
    return -POINT * (batch.known * known + batch.preferred * preferred)


def nothing_to_weigh(pairs: Pairs, ladders: Ladders) -> bool:
    """Whether each case by its turn gets what it would get: there is one case or one agent; or any agent is as good
    for one case as for the next, so that no case can be in another's way."""
    if len(pairs) < 2 or len(ladders) < 2:
        return True
    first = pairs[0]
    return len(set(first.values())) < 2 and all(each == first for each in pairs)


def weigh(pairs: Pairs, ladders: Ladders) -> Given:
    """Who takes what."""
    served = in_turn(pairs, [len(ladder) for ladder in ladders])
    columns = [(agent, cost) for agent, ladder in enumerate(ladders) for cost in ladder[: len(pairs)]]
    table: list[list[Cost]] = [
        [pairs[case][agent] + cost if agent in pairs[case] else None for agent, cost in columns] for case in served
    ]
    given: Given = [None] * len(pairs)
    for case, column in zip(served, best_matching(table), strict=True):
        assert column is not None, "those who are served together can be"
        given[case] = columns[column][0]
    return given


def in_turn(pairs: Pairs, room: Sequence[int]) -> list[int]:
    """The cases that are served: each, by its turn, that can be served beside those before it."""
    holds: list[list[int]] = [[] for _ in room]
    return [case for case in range(len(pairs)) if _placed(case, pairs, room, holds, set())]


def _placed(case: int, pairs: Pairs, room: Sequence[int], holds: list[list[int]], asked: set[int]) -> bool:
    """Finds the case an agent, moving others on to further agents where there is no other way."""
    for agent in pairs[case]:
        if agent in asked:
            continue
        asked.add(agent)
        held = holds[agent]
        if len(held) < room[agent]:
            held.append(case)
            return True
        for at, other in enumerate(held):
            if _placed(other, pairs, room, holds, asked):
                held[at] = case
                return True
    return False


def one_by_one(pairs: Pairs, ladders: Ladders, rank: Callable[[int, int, int], object]) -> Given:
    """What each turn by itself would come to: the first agent with room by ``rank(case, agent, pieces given)``."""
    taken = [0] * len(ladders)
    given: Given = []
    for case, able in enumerate(pairs):
        left = [agent for agent in able if taken[agent] < len(ladders[agent])]
        chosen = min(left, key=lambda agent: rank(case, agent, taken[agent]), default=None)  # type: ignore[arg-type,return-value]
        if chosen is not None:
            taken[chosen] += 1
        given.append(chosen)
    return given


def cost_of(given: Given, pairs: Pairs, ladders: Ladders) -> int:
    """What it costs in all."""
    taken = [0] * len(ladders)
    total = 0
    for case, agent in enumerate(given):
        if agent is not None:
            total += pairs[case][agent] + ladders[agent][taken[agent]]
            taken[agent] += 1
    return total
