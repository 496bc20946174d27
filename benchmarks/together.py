"""Days on which cases are weighed together, and the same days by turns alone. Run: python -m benchmarks.together

Forty agents, eight hours, calls and chats near balance. Everybody speaks English; ten of them Chinese too and six
Spanish, which a quarter of the customers need, so who is flexible is scarce. One in three was served lately by
somebody who could take them again. Customers lose patience after four minutes in the mean. The engine decides
whenever something has come to it (*at once*), or about all that came within so many seconds: in a hub that is what
one transaction brings, what a mailbox holds when it is read, what waited out an outage. Means of eight seeded days,
the same for both; beneath each what weighing makes of it, with its standard error.
"""

from __future__ import annotations

import random
import statistics
import sys
from collections.abc import Iterator
from dataclasses import replace
from math import sqrt
from typing import Any, NamedTuple

from contact_center.domain.events import Medium
from contact_center.domain.time import HOUR, SECOND, Millis
from routing import Decision, Engine, Policy, Seat
from routing.figures import figures
from routing.policy import Batch
from routing.simulation import _LOOK, Coming, Day, Kind, Shift, Simulation, Spread, coming

AGENTS, HOURS, DAYS = 40, 8, 8
TICKS = (0, 1, 10, 60)
NEEDS: tuple[tuple[dict[str, int], float], ...] = (({}, 0.75), ({"zh": 1}, 0.15), ({"es": 1}, 0.1))
TARGET_MS = 20 * SECOND


class Watched(Engine):
    """Counts what was weighed."""

    weighed = better = 0

    def decide(self, now: int, limit: int = 100) -> list[Decision]:
        made = super().decide(now, limit)
        for decision in made:
            weighed = decision.explanation.record().get("weighed") if len(made) > 1 else None
            if weighed:
                Watched.weighed += 1
                Watched.better += weighed["method"] == "together"
        return made


class Ticking(Simulation):
    """Decides on every tick only, about all that came until then."""

    tick_ms: Millis = 0
    _tick_at = -1
    _looks = False

    def _happen(self, what: int, about: Any) -> None:
        self._looks = what == _LOOK
        super()._happen(what, about)

    def _decide(self) -> None:
        if not self.tick_ms or self._looks:
            self._looks = False
            super()._decide()
            return
        due = -(-self.now // self.tick_ms) * self.tick_ms
        if due != self._tick_at:
            self._tick_at = due
            self._at(due, _LOOK, None)


def team() -> list[Seat]:
    return [
        Seat(
            f"a{n:02}",
            f"Agent {n}",
            frozenset({"calls", "chats"}),
            {"en": 3, **({"zh": 3} if n % 4 == 0 else {}), **({"es": 3} if n % 7 == 3 else {})},
            {"voice": 1, "chat": 2},
        )
        for n in range(AGENTS)
    ]


def work(seed: int, load: float) -> Iterator[Coming]:
    per_hour = AGENTS * load * 3_600 / 300
    patience = Spread(240)
    kinds = [
        Kind("calls", "voice", ((0, per_hour * 0.65),), Spread(300, 0.8), patience, skills=NEEDS),
        Kind("chats", "chat", ((0, per_hour * 0.7),), Spread(300, 0.8), patience, skills=NEEDS),
    ]
    chance, seats = random.Random(seed), team()
    for each in coming(kinds, HOURS * HOUR, seed):
        waiting = each.waiting
        if chance.random() < 1 / 3:
            able = [seat.agent_id for seat in seats if waiting.skills.keys() <= seat.skills.keys()]
            waiting = replace(waiting, served_before={chance.choice(able): waiting.virtual_enqueued_at - HOUR})
        yield replace(each, waiting=waiting)


def lived(policy: Policy, tick_s: int, seed: int, load: float) -> Day:
    shifts = [Shift(seat, ((0, HOURS * HOUR),)) for seat in team()]
    answer_ms: dict[Medium, Millis] = {"voice": 4 * SECOND, "chat": 4 * SECOND}
    simulation = Ticking(policy, shifts, work(seed, load), answer_ms=answer_ms, engine=Watched)
    simulation.tick_ms = tick_s * SECOND
    return simulation.run()


def known(day: Day) -> float:
    """How many of those who know somebody got them."""
    asked = [case for case in day.answered() if case.waiting.served_before]
    return sum(case.agent_id in case.waiting.served_before for case in asked) / max(1, len(asked))


class Came(NamedTuple):
    """What days came to: of each the level, the mean and the 90th percentile of waits in seconds, who was known,
    fairness; the longest wait of all."""

    level: list[float]
    wait_s: list[float]
    p90_s: list[float]
    known: list[float]
    fairness: list[float]
    longest_s: float
    answered: int


def came(days: list[Day]) -> Came:
    told = [figures(day.cases, lambda _: TARGET_MS) for day in days]
    return Came(
        [each.service_level for each in told],
        [each.mean_wait_ms / SECOND for each in told],
        [each.p90_wait_ms / SECOND for each in told],
        [known(day) for day in days],
        [day.fairness() for day in days],
        max(each.longest_wait_ms for each in told) / SECOND,
        sum(each.answered for each in told),
    )


def differ(one: list[float], other: list[float], scale: float = 1) -> str:
    """The mean of what the other has more, and its standard error."""
    more = [(b - a) * scale for a, b in zip(one, other, strict=True)]
    if not any(more):
        return "the same"
    error = statistics.stdev(more) / sqrt(len(more)) if len(more) > 1 else 0.0
    return f"{statistics.fmean(more):+.2f} ±{error:.2f}"


def main(days: int) -> None:
    """The first line of two is by turns; the second says how weighing differs from it."""
    columns = ("level %", "wait s", "p90 s", "known %", "fairness %")
    head = "".join(f"{each:>14}" for each in columns) + f"{'longest s':>11}{'answered':>10}"
    print(f"{'load':>5}{'decides':>9}{'weighed':>9}{'otherwise':>11}{head}")
    for load in (0.9, 1.2):
        for tick_s in TICKS:
            turns = came([lived(Policy("turns", batch=Batch(most=0)), tick_s, seed, load) for seed in range(days)])
            Watched.weighed = Watched.better = 0
            both = came([lived(Policy("together"), tick_s, seed, load) for seed in range(days)])
            means = [statistics.fmean(each) for each in (turns.level, turns.known, turns.fairness)]
            print(
                f"{load:>5}{f'{tick_s} s' if tick_s else 'at once':>9}{'':20}{means[0]:>14.2%}"
                f"{statistics.fmean(turns.wait_s):>14.1f}{statistics.fmean(turns.p90_s):>14.1f}"
                f"{means[1]:>14.2%}{means[2]:>14.2%}{turns.longest_s:>11.0f}{turns.answered:>10}"
            )
            print(
                f"{'':14}{Watched.weighed:>9}{Watched.better:>11}{differ(turns.level, both.level, 100):>14}"
                f"{differ(turns.wait_s, both.wait_s):>14}{differ(turns.p90_s, both.p90_s):>14}"
                f"{differ(turns.known, both.known, 100):>14}{differ(turns.fairness, both.fairness, 100):>14}"
                f"{both.longest_s - turns.longest_s:>+11.0f}{both.answered - turns.answered:>+10}",
                flush=True,
            )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else DAYS)
