"""Several cases given to several agents at once, so that the choice for one leaves as much as can be to the others.

Taken one by one, the most urgent case gets the agent who stands first, even if the next case could have been served
by that agent alone. Here the cases are weighed together. First comes who is served: the most urgent case if anybody
can take it, then the next if both can be served, and so on. (Sets of cases that can be served together are the
independent sets of a transversal matroid, Edmonds and Fulkerson 1965: what is served by urgency like this is also as
many as can be.) Of all ways to serve those, the one of least cost in all is taken.

A cost is a list of whole numbers, one for each term of the ranking in its order; lists are added place by place and
compared from the first. (Lists like these are an ordered group, and nothing more is asked of costs for a shortest
path or a matching to be right.) So one case by itself goes to whom the ranking puts first, and a term never gives way
to a later one. An agent with room for several counts several times: the costs of the first, second … piece are their
``ladder``. The same input always gives the same result.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from routing.matching import best_matching

Cost: TypeAlias = tuple[int, ...]

Pairs: TypeAlias = Sequence[Mapping[int, Cost]]
"""For each case, the most urgent first: who may take it (by number, the foremost first), and what that costs apart
from the ladder."""

Ladders: TypeAlias = Sequence[Sequence[Cost]]
"""For each agent: what each further piece costs. Never falling."""

Given: TypeAlias = list[int | None]
"""For each case the agent who takes it."""


class Weighed(NamedTuple):
    """What weighing came to for one case. ``method`` is how the cases were given away: ``together``, or ``turns``
    where nothing is gained. ``cases`` are those that were weighed, in their turn, ``agents`` how many came into
    question for them; ``alone`` is the agent whom its turn by itself would have given this case to (empty: nobody was
    left). All in all ``more`` cases are served than by turns; where it is not more, ``by`` says what is gained: the
    term, or ``turn`` where more urgent ones are served; and ``gain`` how much, in the term's own unit."""

    method: str
    cases: tuple[str, ...]
    agents: int
    alone: str
    more: int = 0
    by: str = ""
    gain: int = 0


def weigh(pairs: Pairs, ladders: Ladders) -> Given:
    """Who takes what. Of ways that cost the same it is the one that gives the first case the foremost agent, then the
    second, and so on."""
    served = in_turn(pairs, [len(ladder) for ladder in ladders])
    wanted = Counter([agent for case in served for agent in pairs[case]])
    steps = [ladder[: wanted[agent]] for agent, ladder in enumerate(ladders)]
    scale = Scale([cost for each in (*(pairs[case].values() for case in served), *steps) for cost in each])
    base = 1 + max([len(pairs[case]) for case in served], default=0)
    unit = base ** len(served)
    places: list[list[tuple[int, int]]] = []
    agent_of: list[int] = []
    for agent, ladder in enumerate(steps):
        places.append([(len(agent_of) + n, scale.number(cost) * unit) for n, cost in enumerate(ladder)])
        agent_of += [agent] * len(ladder)
    rows: list[dict[int, int]] = []
    for case in served:
        unit //= base
        row: dict[int, int] = {}
        for stands, (agent, cost) in enumerate(pairs[case].items()):
            pair = scale.number(cost) * base ** len(served) + stands * unit
            for place, step in places[agent]:
                row[place] = pair + step
        rows.append(row)
    given: Given = [None] * len(pairs)
    for case, place in zip(served, best_matching(rows), strict=True):
        given[case] = agent_of[place]
    return given


class Scale:
    """Turns costs into numbers: sums of as many of these as there are costs compare as the sums of the costs do."""

    def __init__(self, costs: Sequence[Cost]) -> None:
        self._worth: list[int] = []
        self._numbers: dict[Cost, int] = {}
        worth = 1
        for column in reversed([*zip(*costs, strict=True)]):
            self._worth.insert(0, worth)
            worth *= 1 + 2 * len(costs) * max(map(abs, column))

    def number(self, cost: Cost) -> int:
        number = self._numbers.get(cost)
        if number is None:
            number = sum([worth * each for worth, each in zip(self._worth, cost, strict=True)])
            self._numbers[cost] = number
        return number


def in_turn(pairs: Sequence[Iterable[int]], room: Sequence[int]) -> list[int]:
    """The cases that are served: each, by its turn, that can be served beside those before it."""
    holds: list[list[int]] = [[] for _ in room]
    return [case for case in range(len(pairs)) if _placed(case, pairs, room, holds, set())]


def _placed(
    case: int, pairs: Sequence[Iterable[int]], room: Sequence[int], holds: list[list[int]], asked: set[int]
) -> bool:
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


def cost_of(given: Given, pairs: Pairs, ladders: Ladders) -> Cost:
    """What it costs in all; empty where nobody takes anything."""
    taken = [0] * len(ladders)
    costs: list[Cost] = []
    for case, agent in enumerate(given):
        if agent is not None:
            costs += [pairs[case][agent], ladders[agent][taken[agent]]]
            taken[agent] += 1
    return added(costs)


def added(costs: Iterable[Cost]) -> Cost:
    return tuple([sum(column) for column in zip(*costs, strict=True)])
