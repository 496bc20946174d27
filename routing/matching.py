"""The best way to give several cases to several agents at once: as many as can be, at the least cost in all.

Successive shortest augmenting paths with potentials (Kuhn 1955, Munkres 1957; in this form Jonker and Volgenant
1987): O(n²m) for n cases and m agents, n ≤ m. Costs are integers, so nothing is decided by rounding; where several
matchings are best, the same input always gives the same one.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import Any

Cost = int | None
"""What it costs to give a case to an agent; None where it cannot be."""


def best_matching(costs: Sequence[Sequence[Cost]]) -> list[int | None]:
    """For each case (row) the agent (column) who takes it, or None. No agent takes two. Of all ways to give away as
    many cases as possible this is one of the least total cost. Rows must be equally long."""
    cases = len(costs)
    agents = len(costs[0]) if cases else 0
    if any(len(row) != agents for row in costs):
        raise ValueError("Every case needs a cost for every agent.")
    if not cases or not agents:
        return [None] * cases
    if cases > agents:
        return _of_columns(best_matching(list(zip(*costs, strict=True))), cases)
    dear = 1 + sum(max((abs(cost) for cost in row if cost is not None), default=0) for row in costs) * 2
    whole = [[dear if cost is None else cost for cost in row] for row in costs]
    taken = _assign(whole, agents)
    return [agent if costs[case][agent] is not None else None for case, agent in enumerate(taken)]


def _of_columns(rows: Sequence[int | None], cases: int) -> list[int | None]:
    """A matching of agents to cases, told as one of cases to agents."""
    found: list[int | None] = [None] * cases
    for agent, case in enumerate(rows):
        if case is not None:
            found[case] = agent
    return found


def _assign(costs: Sequence[Sequence[int]], agents: int) -> list[int]:
    """Every case gets an agent, at the least total cost; there are at least as many agents."""
    of_case = [0] * (len(costs) + 1)
    of_agent = [0] * (agents + 1)
    holder = [0] * (agents + 1)  # the case, counted from 1, that an agent has; agent 0 has the one being placed
    for case in range(1, len(costs) + 1):
        holder[0] = case
        before = _shortest_path(costs, of_case, of_agent, holder)
        at = next(iter(before))
        while at:
            at, earlier = before[at], at
            holder[earlier] = holder[at]
    taken = [0] * len(costs)
    for agent in range(1, agents + 1):
        if holder[agent]:
            taken[holder[agent] - 1] = agent - 1
    return taken


def _shortest_path(
    costs: Sequence[Sequence[int]], of_case: list[int], of_agent: list[int], holder: list[int]
) -> dict[int, int]:
    """The way from the case being placed to the nearest agent who has none: each agent's predecessor on it, the free
    one first. Brings the potentials up to date (Dijkstra on reduced costs)."""
    reach: list[Any] = [inf] * len(of_agent)  # whole numbers, once something is known
    through = [0] * len(of_agent)
    left = list(range(1, len(of_agent)))
    passed = []
    at = reach[0] = 0
    while holder[at]:
        passed.append(at)
        row = costs[holder[at] - 1]
        base = of_case[holder[at]] - reach[at]
        step, nearest = inf, 0
        for agent in left:
            cost = row[agent - 1] - base - of_agent[agent]
            if cost < reach[agent]:
                reach[agent], through[agent] = cost, at
            else:
                cost = reach[agent]
            if cost < step:
                step, nearest = cost, agent
        left.remove(nearest)
        at = nearest
    for agent in passed:
        of_case[holder[agent]] += reach[at] - reach[agent]
        of_agent[agent] -= reach[at] - reach[agent]
    path = {}
    while at:
        path[at] = through[at]
        at = through[at]
    return path or {0: 0}
