"""What a decision costs under each thing that a policy can say, beside a policy that says nothing. Run: python -m
benchmarks.policies

The moments and the team are those of benchmarks.routing: a case arrives while most agents are free; an agent comes
free while 3,000 cases wait. CPU time of telling the engine and deciding, the lower quartile of many rounds, so that
what else the machine does counts little.
"""

from __future__ import annotations

import gc
import random
import time
from collections.abc import Callable
from dataclasses import replace

from benchmarks.routing import LANGUAGES, NOW, PRODUCTS, busy, team, work
from contact_center.domain.time import HOUR, SECOND
from routing import Engine, Policy, QueuePolicy, Waiting
from routing.needs import Every, Has, Not, Some
from routing.policy import Step

AGENTS, CASES, EACH, ROUNDS = 100, 3_000, 25, 60
PLAIN = Policy("bench")
STEPS = (
    Step(30 * SECOND, {"en": 1}),
    Step(60 * SECOND, dict.fromkeys(PRODUCTS, 0)),
    Step(2 * HOUR, queues=frozenset({"further"})),
)

Change = Callable[[Waiting], Waiting]


def queue(wants: QueuePolicy) -> Policy:
    return replace(PLAIN, queues={"q": wants})


def as_it_is(case: Waiting) -> Waiting:
    return case


def owned(case: Waiting) -> Waiting:
    return replace(case, owner=f"a{case.case_id % AGENTS:05}")


SAID: dict[str, tuple[Policy, Change]] = {
    "nothing": (PLAIN, as_it_is),
    "a need": (queue(QueuePolicy(need=Every((Some(tuple(map(Has, LANGUAGES))), Not(Has("trainee")))))), as_it_is),
    "preferred skills": (queue(QueuePolicy(prefer={"product1": 2, "product2": 1})), as_it_is),
    "owners": (PLAIN, owned),
    "kept for owners": (queue(QueuePolicy(hold_ms=24 * HOUR)), owned),
    "three steps, none in vain": (queue(QueuePolicy(relax=STEPS)), as_it_is),
    "three steps by time alone": (queue(QueuePolicy(relax=STEPS, skip_hopeless=False)), as_it_is),
    "three rung at once": (queue(QueuePolicy(ring=3)), as_it_is),
    "a label": (queue(QueuePolicy(label="vip")), as_it_is),
    "a cap": (replace(PLAIN, most_priority=30), as_it_is),
    "the most skilled first": (replace(PLAIN, ranking=("most_skilled", "least_loaded")), as_it_is),
}


def arrives(policy: Policy, change: Change) -> float:
    chance = random.Random(2)
    seats, engine = team(AGENTS, chance), Engine(policy)
    took = []
    for n in range(ROUNDS):
        for seat in seats:
            engine.put_seat(seat)
        for case in engine.waiting():
            engine.remove_waiting(case.interaction_id)
        engine.decide(NOW)
        cases = [change(case) for case, _ in work(EACH, chance, n * EACH)]
        started = time.process_time_ns()
        for case in cases:
            engine.put_waiting(case)
            engine.decide(NOW)
        took.append((time.process_time_ns() - started) / EACH)
    return lower_quartile(took)


def comes_free(policy: Policy, change: Change) -> float:
    chance = random.Random(1)
    seats, engine = team(AGENTS, chance), Engine(policy)
    engine.come_to(NOW)
    for seat in seats:
        engine.put_seat(busy(seat))
    for case, _ in work(CASES, chance):
        engine.put_waiting(change(case))
    engine.decide(NOW)
    took = []
    for _ in range(ROUNDS // 2):
        some = chance.choices(seats, k=EACH)
        started = time.process_time_ns()
        for seat in some:
            engine.put_seat(seat)
            engine.decide(NOW)
        took.append((time.process_time_ns() - started) / EACH)
    return lower_quartile(took)


def lower_quartile(took: list[float]) -> float:
    return sorted(took)[len(took) // 4] / 1_000


def main() -> None:
    print(f"{'what the policy says':28} {'a case arrives':>20} {'an agent comes free':>22}")
    first: tuple[float, float] | None = None
    gc.disable()
    for name, (policy, change) in SAID.items():
        cost = arrives(policy, change), comes_free(policy, change)
        gc.collect()
        first = first or cost
        said = [f"{us:8.1f} us ({us / plain:4.1f} x)" for us, plain in zip(cost, first, strict=True)]
        print(f"{name:28} {said[0]:>20} {said[1]:>22}")


if __name__ == "__main__":
    main()
