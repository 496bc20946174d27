"""What a routing decision costs, beside a bare index that only finds the pair. Run: python -m benchmarks.routing

Two moments are measured, at 1,000 cases x 100 agents and at 100,000 x 10,000. *An agent comes free* while
everybody else is busy and cases wait; *a case arrives* while most agents are free and nothing waits. For the
hub the whole of it counts: telling the engine, deciding, taking the pair out again. The floor keeps the same
index by hand and nothing else: a heap of cases per skill set, a bit mask of agents per skill set, idle times;
it tells no reasons, knows no capacity, load, priority, cool-down or queue. Every kind of work has come before, for
both; the hub is told each truth by a new object, as it reads them. Explanations are worked out when they are read,
and measured apart. CPU time; the best of several rounds (and houses, of the small ones), for both
sides in turns.
"""

from __future__ import annotations

import gc
import random
import time
from collections.abc import Callable
from dataclasses import replace
from heapq import heapify, heappop, heappush

from routing import Decision, Engine, Policy, Seat, Waiting

LANGUAGES = ("en", "zh", "es", "fr")
PRODUCTS = tuple(f"product{n}" for n in range(8))
NOW = 1_000_000_000
ROUNDS = 9
EACH = 2_000

Need = tuple[str, str, int]
NEEDS: tuple[Need, ...] = tuple(
    (lang, product, level) for lang in LANGUAGES for product in PRODUCTS for level in (1, 2, 3)
)


def team(size: int, chance: random.Random) -> list[Seat]:
    """Each speaks one language well and knows three products at some level."""
    seats = []
    for number in range(size):
        level = chance.randint(1, 3)
        skills = {chance.choice(LANGUAGES): 5, **dict.fromkeys(chance.sample(PRODUCTS, 3), level)}
        idle = NOW - chance.randint(0, 3_600_000)
        seats.append(
            Seat(f"a{number:05}", f"Agent {number}", frozenset({"q"}), skills, {"voice": 1}, {}, True, "", idle)
        )
    return seats


def work(size: int, chance: random.Random, first: int = 0) -> list[tuple[Waiting, int]]:
    """Cases, each with the number of what it needs."""
    cases = []
    for number in range(first, first + size):
        need = chance.randrange(len(NEEDS))
        language, product, level = NEEDS[need]
        since = NOW - chance.randint(0, 3_600_000)
        skills = {language: 1, product: level}
        cases.append((Waiting(f"i{number:07}", number, "q", "voice", 0, since, skills), need))
    return cases


def busy(seat: Seat) -> Seat:
    return seat.taken("voice")


def anew(seat: Seat) -> Seat:
    """The same truth, told again."""
    return replace(seat, skills=dict(seat.skills), capacity=dict(seat.capacity), load=dict(seat.load))


def able(seat: Seat, need: Need) -> bool:
    return need[0] in seat.skills and seat.skills.get(need[1], 0) >= need[2]


class Floor:
    """The pair and nothing else."""

    def __init__(self, seats: list[Seat], cases: list[tuple[Waiting, int]]) -> None:
        self.heaps: list[list[tuple[int, str]]] = [[] for _ in NEEDS]
        for case, need in cases:
            self.heaps[need].append((case.virtual_enqueued_at, case.interaction_id))
        for heap in self.heaps:
            heapify(heap)
        self.needs = [[n for n, need in enumerate(NEEDS) if able(seat, need)] for seat in seats]
        self.masks = [sum(1 << n for n, seat in enumerate(seats) if able(seat, need)) for need in NEEDS]
        self.free = 0
        self.idle = [seat.idle_since_at for seat in seats]
        self.order: list[int] = []

    def put_back(self, case: Waiting, need: int) -> None:
        heappush(self.heaps[need], (case.virtual_enqueued_at, case.interaction_id))

    def all_free(self) -> None:
        self.free = (1 << len(self.idle)) - 1
        self.order = sorted(range(len(self.idle)), key=lambda n: (self.idle[n], n))

    def agent_frees(self, agent: int) -> str | None:
        best = None
        for need in self.needs[agent]:
            heap = self.heaps[need]
            if heap and (best is None or heap[0] < best[0]):
                best = heap
        return heappop(best)[1] if best else None

    def case_arrives(self, need: int) -> int | None:
        hits = self.masks[need] & self.free
        if not hits:
            return None
        found = -1
        if hits.bit_count() <= 64:
            least = None
            while hits:
                bit = hits.bit_length() - 1
                if least is None or self.idle[bit] < least:
                    least, found = self.idle[bit], bit
                hits ^= 1 << bit
        else:
            for place, agent in enumerate(self.order):
                if hits >> agent & 1:
                    found = agent
                    del self.order[place]
                    break
        self.free ^= 1 << found
        return found


def timed(do: Callable[[], int]) -> float:
    """CPU microseconds for each of what ``do`` counts."""
    started = time.process_time()
    count = do()
    return (time.process_time() - started) * 1e6 / max(1, count)


def an_agent_comes_free(cases: int, agents: int) -> tuple[float, float, float]:
    chance = random.Random(1)
    seats, waits = team(agents, chance), work(cases, chance)
    engine, floor = Engine(Policy("bench")), Floor(seats, waits)
    for seat in seats:
        engine.put_seat(busy(seat))
    for case, _ in waits:
        engine.put_waiting(case)
    each = min(EACH, cases // (ROUNDS + 2))
    turns = [[chance.randrange(agents) for _ in range(each)] for _ in range(ROUNDS + 1)]
    told = [[anew(seats[agent]) for agent in turn] for turn in turns]
    by_id = {case.interaction_id: (case, need) for case, need in waits}
    gc.unfreeze()
    gc.collect()
    gc.freeze()
    made: list[Decision] = []
    taken: list[str | None] = []

    def as_many_again() -> None:
        for decision in made:
            engine.put_waiting(by_id[decision.interaction_id][0])
        for interaction_id in taken:
            if interaction_id is not None:
                floor.put_back(*by_id[interaction_id])
        made.clear()
        taken.clear()

    def ours(round_: int) -> int:
        for seat in told[round_]:
            engine.put_seat(seat)
            made.extend(engine.decide(NOW))
        return each

    def bare(round_: int) -> int:
        taken.extend([floor.agent_frees(agent) for agent in turns[round_]])
        return each

    pairs = []
    for n in range(ROUNDS + 1):
        as_many_again()
        pairs.append((timed(lambda n=n: ours(n)), timed(lambda n=n: bare(n))))  # type: ignore[misc]
    return min(pair[0] for pair in pairs[1:]), min(pair[1] for pair in pairs[1:]), explained(made)


def a_case_arrives(agents: int) -> tuple[float, float, float]:
    chance = random.Random(2)
    seats = team(agents, chance)
    engine, floor = Engine(Policy("bench")), Floor(seats, [])
    each = min(EACH, agents // 4)
    rounds = [work(each, chance, n * each) for n in range(ROUNDS + 1)]
    for number, (language, product, level) in enumerate(NEEDS):
        engine.put_waiting(Waiting(f"n{number}", number, "q", "voice", 0, NOW, {language: 1, product: level}))
        engine.remove_waiting(f"n{number}")
    gc.unfreeze()
    gc.collect()
    gc.freeze()
    made: list[Decision] = []

    def fresh() -> None:
        for seat in seats:
            engine.put_seat(seat)
        for case in engine.waiting():
            engine.remove_waiting(case.interaction_id)
        engine.decide(NOW)
        floor.all_free()
        made.clear()

    def ours(round_: int) -> int:
        for case, _ in rounds[round_]:
            engine.put_waiting(case)
            made.extend(engine.decide(NOW))
        return each

    def bare(round_: int) -> int:
        for _, need in rounds[round_]:
            floor.case_arrives(need)
        return each

    pairs = []
    for n in range(ROUNDS + 1):
        fresh()
        pairs.append((timed(lambda n=n: ours(n)), timed(lambda n=n: bare(n))))  # type: ignore[misc]
    return min(pair[0] for pair in pairs[1:]), min(pair[1] for pair in pairs[1:]), explained(made)


def best_of(houses: int, measure: Callable[[], tuple[float, float, float]]) -> tuple[float, float, float]:
    """A small house is over in a moment: several are looked at."""
    hub, floor, read = zip(*[measure() for _ in range(houses)], strict=True)
    return min(hub), min(floor), min(read)


def explained(made: list[Decision]) -> float:
    some = made[:200]

    def read() -> int:
        for decision in some:
            decision.explanation.record()
        return len(some)

    return timed(read)


def rebuilt(cases: int, agents: int) -> float:
    chance = random.Random(3)
    seats, waits = team(agents, chance), work(cases, chance)

    def build() -> int:
        engine = Engine(Policy("bench"))
        for seat in seats:
            engine.put_seat(busy(seat))
        for case, _ in waits:
            engine.put_waiting(case)
        engine.decide(NOW)
        return 1

    return timed(build) / 1e6


def main() -> None:
    print(f"{'':20} {'cases x agents':>18} {'hub us':>8} {'floor us':>9} {'ratio':>6} {'explained us':>13}")
    cost = {}
    for cases, agents in ((1_000, 100), (100_000, 10_000)):
        houses = 10 if agents < 1_000 else 1
        frees = best_of(houses, lambda cases=cases, agents=agents: an_agent_comes_free(cases, agents))  # type: ignore[misc]
        arrives = best_of(houses, lambda agents=agents: a_case_arrives(agents))  # type: ignore[misc]
        for name, (hub, floor, read) in (("an agent comes free", frees), ("a case arrives", arrives)):
            cost[name, agents] = hub
            size = f"{cases:,} x {agents:,}"
            print(f"{name:20} {size:>18} {hub:8.1f} {floor:9.2f} {hub / floor:6.1f} {read:13.0f}")
    for name in ("an agent comes free", "a case arrives"):
        print(f"{name:20} a hundred times the size costs {cost[name, 10_000] / cost[name, 100]:.1f} times as much")
    gc.unfreeze()
    print(f"rebuilt from 100,000 cases and 10,000 agents in {rebuilt(100_000, 10_000):.2f} s")


if __name__ == "__main__":
    main()
