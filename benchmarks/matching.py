"""What weighing cases together is worth, beside giving them away one by one. Run: python -m benchmarks.matching

Seeded instances: agents speak one of four languages and know three of eight products at some level, have room for one
to three chats and some of it taken, and have been idle for up to an hour; cases need a language and a product at a
level, and one in four is known to one of those who could take it. *Naive* gives each case in the order of arrival to
the first agent on the list who can; *greedy* to the agent who stands first by the policy's ranking; *together* weighs
as many cases at once as a policy does by default; *all at once* has no such bound. Beside how many are served stand
the terms of the ranking, in its order, of those that all four serve: how many got whom they know, how much of their
agents was taken, how long these had been idle. Medians of seven instances; CPU time for all cases.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable
from typing import NamedTuple

from benchmarks.routing import NEEDS, NOW, Need, able, team, work
from contact_center.domain.time import MINUTE
from routing import Seat, Waiting
from routing.batch import Cost, Given, Ladders, Pairs, in_turn, one_by_one, weigh
from routing.policy import Batch
from routing.seats import WHOLE

MOST = Batch().most
SIZES = (
    ("near balance", 32, 20),
    ("near balance", 100, 60),
    ("surplus of agents", 64, 200),
    ("shortage of agents", 200, 30),
)
INSTANCES = 7


class Instance:
    """Cases in their turn, and what each agent is for each of them: who knows whom, what is taken, idle since."""

    def __init__(self, cases: int, agents: int, seed: int) -> None:
        chance = random.Random(seed)
        seats = team(agents, chance)
        waits = sorted(work(cases, chance), key=lambda each: each[0].turn(60_000))
        room = [chance.randint(1, 3) for _ in seats]
        taken = [chance.randint(0, most - 1) for most in room]
        self.ladders: Ladders = [
            [(0, n * WHOLE // most, seat.idle_since_at - NOW) for n in range(held, most)]
            for seat, held, most in zip(seats, taken, room, strict=True)
        ]
        pairs: list[dict[int, Cost]] = []
        for waiting, need in waits:
            can = self._able(seats, waiting, NEEDS[need])
            knows = chance.choice(can) if can and chance.random() < 0.25 else -1
            pairs.append({n: (-(n == knows), 0, 0) for n in can})
        self.pairs: Pairs = pairs

    @staticmethod
    def _able(seats: list[Seat], waiting: Waiting, need: Need) -> list[int]:
        return [n for n, seat in enumerate(seats) if waiting.queue in seat.queues and able(seat, need)]

    def rank(self, case: int, agent: int, given: int) -> tuple[Cost, Cost, int]:
        return self.pairs[case][agent], self.ladders[agent][given], agent

    def in_rank(self, case: int, pairs: Pairs) -> dict[int, Cost]:
        return {agent: pairs[case][agent] for agent in sorted(pairs[case], key=lambda n: self.rank(case, n, 0))}


def naive(one: Instance) -> Given:
    return one_by_one(one.pairs, one.ladders, lambda case, agent, given: agent)


def greedy(one: Instance) -> Given:
    return one_by_one(one.pairs, one.ladders, one.rank)


def together(one: Instance) -> Given:
    """As many as are weighed at once, of agents as many for each; then the next."""
    ladders = [list(ladder) for ladder in one.ladders]
    given: Given = []
    for first in range(0, len(one.pairs), MOST):
        pairs = []
        for case in range(first, min(first + MOST, len(one.pairs))):
            left = [agent for agent in one.pairs[case] if ladders[agent]]
            left.sort(key=lambda agent: (one.pairs[case][agent], ladders[agent][0], agent))
            pairs.append({agent: one.pairs[case][agent] for agent in left[:MOST]})
        some = weigh(pairs, ladders)
        for agent in some:
            if agent is not None:
                del ladders[agent][0]
        given += some
    return given


def all_at_once(one: Instance) -> Given:
    return weigh([one.in_rank(case, one.pairs) for case in range(len(one.pairs))], one.ladders)


WAYS: tuple[Callable[[Instance], Given], ...] = (naive, greedy, together, all_at_once)


class Came(NamedTuple):
    """To how many cases; how many got whom they know; the mean of what was taken of the agents, and of their idle
    time."""

    served: float
    known: float
    taken: float
    idle_minutes: float
    ms: float


def came(one: Instance, given: Given, of_all: list[int], ms: float) -> Came:
    pieces = [0] * len(one.ladders)
    costs: dict[int, Cost] = {}
    for case, agent in enumerate(given):
        if agent is not None:
            (known, *_), (_, taken, idle) = one.pairs[case][agent], one.ladders[agent][pieces[agent]]
            costs[case] = (known, taken, idle)
            pieces[agent] += 1
    known, taken, idle = (sum(column) for column in zip(*[costs[case] for case in of_all], strict=True))
    return Came(len(costs), -known, taken / WHOLE / len(of_all), -idle / MINUTE / len(of_all), ms)


def main() -> None:
    head = f"{'served':>8}{'known':>7}{'taken':>8}{'idle min':>10}{'ms':>8}"
    print(f"{'':20}{'cases x agents':>15}{'room':>6}    {'way':12}{head}")
    for name, cases, agents in SIZES:
        instances = [Instance(cases, agents, seed) for seed in range(INSTANCES)]
        room = statistics.median(sum(map(len, one.ladders)) for one in instances)
        rows: dict[str, list[Came]] = {way.__name__: [] for way in WAYS}
        for one in instances:
            done: dict[str, tuple[Given, float]] = {}
            for way in WAYS:
                started = time.thread_time()
                given = way(one)
                done[way.__name__] = given, (time.thread_time() - started) * 1_000
            of_all = [n for n in range(cases) if all(given[n] is not None for given, _ in done.values())]
            for key, (given, ms) in done.items():
                rows[key].append(came(one, given, of_all, ms))
            assert rows["all_at_once"][-1].served == len(in_turn(one.pairs, [len(each) for each in one.ladders]))
        for key, found in rows.items():
            served, known, taken, idle, ms = (statistics.median(column) for column in zip(*found, strict=True))
            size = f"{cases} x {agents}"
            print(
                f"{name:20}{size:>15}{room:>6.0f}    {key.replace('_', ' '):12}"
                f"{served:>8.0f}{known:>7.0f}{taken:>8.0%}{idle:>10.1f}{ms:>8.2f}"
            )


if __name__ == "__main__":
    main()
