"""What weighing cases together is worth, beside giving them away one by one. Run: python -m benchmarks.matching

Seeded instances: agents speak one of four languages and know three of eight products at some level, have room for one
to three chats and some of it taken, and have been idle for up to an hour; cases need a language and a product at a
level, and one in four knows an agent. *Naive* gives each case in the order of arrival to the first agent on the list
who can; *greedy* to the agent who stands first by the policy's ranking; *together* weighs up to 64 cases at once, as
the engine does; *all at once* has no such bound. Points are what the policy's terms are worth (less is better), for
each case of those that all four serve. Medians of seven instances; CPU time.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable

from benchmarks.routing import NEEDS, NOW, Need, able, team, work
from contact_center.domain.time import HOUR
from routing import Seat, Waiting
from routing.batch import POINT, Given, Ladders, Pairs, agent_cost, in_turn, one_by_one, pair_cost, weigh
from routing.policy import Batch
from routing.seats import WHOLE

BATCH = Batch(most=64)
SIZES = (
    ("near balance", 64, 40),
    ("near balance", 100, 60),
    ("surplus of agents", 64, 200),
    ("shortage of agents", 200, 30),
)
INSTANCES = 7


class Instance:
    """Cases in their turn, and what each agent is for each of them."""

    def __init__(self, cases: int, agents: int, seed: int) -> None:
        chance = random.Random(seed)
        seats = team(agents, chance)
        waits = sorted(work(cases, chance), key=lambda each: each[0].turn(60_000))
        room = [chance.randint(1, 3) for _ in seats]
        taken = [chance.randint(0, most - 1) for most in room]
        self.idle = [NOW - seat.idle_since_at for seat in seats]
        self.share = [[n * WHOLE // most for n in range(held, most)] for held, most in zip(taken, room, strict=True)]
        self.ladders: Ladders = [
            [agent_cost(BATCH, share, min(idle, HOUR)) for share in shares]
            for shares, idle in zip(self.share, self.idle, strict=True)
        ]
        self.known = [chance.randrange(agents) if chance.random() < 0.25 else -1 for _ in waits]
        self.pairs: Pairs = [
            {n: pair_cost(BATCH, n == knows, 0) for n in self._able(seats, waits[case][0], NEEDS[waits[case][1]])}
            for case, knows in enumerate(self.known)
        ]

    @staticmethod
    def _able(seats: list[Seat], waiting: Waiting, need: Need) -> list[int]:
        return [n for n, seat in enumerate(seats) if waiting.queue in seat.queues and able(seat, need)]

    def rank(self, case: int, agent: int, given: int) -> tuple[bool, int, int]:
        return self.known[case] != agent, self.share[agent][given], -self.idle[agent]


def naive(one: Instance) -> Given:
    return one_by_one(one.pairs, one.ladders, lambda case, agent, given: agent)


def greedy(one: Instance) -> Given:
    return one_by_one(one.pairs, one.ladders, one.rank)


def together(one: Instance) -> Given:
    """As many as are weighed at once, then the next."""
    ladders = [list(ladder) for ladder in one.ladders]
    given: Given = []
    for first in range(0, len(one.pairs), BATCH.most):
        pairs = [
            {agent: cost for agent, cost in each.items() if ladders[agent]}
            for each in one.pairs[first : first + BATCH.most]
        ]
        some = weigh(pairs, ladders)
        for agent in some:
            if agent is not None:
                del ladders[agent][0]
        given += some
    return given


def all_at_once(one: Instance) -> Given:
    return weigh(one.pairs, one.ladders)


WAYS: tuple[Callable[[Instance], Given], ...] = (naive, greedy, together, all_at_once)


def paid(one: Instance, given: Given) -> list[float | None]:
    """What each case came to, in points."""
    taken = [0] * len(one.ladders)
    came: list[float | None] = []
    for case, agent in enumerate(given):
        if agent is None:
            came.append(None)
            continue
        came.append((one.pairs[case][agent] + one.ladders[agent][taken[agent]]) / POINT)
        taken[agent] += 1
    return came


def main() -> None:
    print(f"{'':20}{'cases x agents':>15}{'room':>6}{'':>4}{'way':12}{'served':>8}{'points each':>13}{'ms':>8}")
    for name, cases, agents in SIZES:
        instances = [Instance(cases, agents, seed) for seed in range(INSTANCES)]
        room = statistics.median(sum(map(len, one.ladders)) for one in instances)
        rows: dict[str, list[tuple[int, float, float]]] = {way.__name__: [] for way in WAYS}
        for one in instances:
            came = {}
            for way in WAYS:
                started = time.thread_time()
                given = way(one)
                took = (time.thread_time() - started) * 1_000
                came[way.__name__] = paid(one, given), took
            both = [n for n in range(cases) if all(paid_[n] is not None for paid_, _ in came.values())]
            for key, (paid_, took) in came.items():
                points = statistics.fmean(paid_[n] or 0.0 for n in both)
                rows[key].append((cases - paid_.count(None), points, took))
            assert rows["all_at_once"][-1][0] == len(in_turn(one.pairs, [len(each) for each in one.ladders]))
        for key, found in rows.items():
            served, points, took = (statistics.median(column) for column in zip(*found, strict=True))
            size = f"{cases} x {agents}"
            print(f"{name:20}{size:>15}{room:>6.0f}{'':>4}{key:12}{served:>8.0f}{points:>13.1f}{took:>8.2f}")


if __name__ == "__main__":
    main()
