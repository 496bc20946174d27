"""Days on which cases are weighed together, and the same days by turns alone. Run: python -m benchmarks.together

Forty agents, eight hours, calls and chats near balance. Everybody speaks English; ten of them Chinese too and six
Spanish, which a quarter of the customers need, so who is flexible is scarce. One in three was served lately by
somebody who could take them again. Customers lose patience after four minutes in the mean. The engine decides
whenever something has come to it (*at once*), or about all that came within so many seconds: in a hub that is what
one transaction brings, what a mailbox holds when it is read, what waited out an outage. Sums and means of five seeded
days, the same for both.
"""

from __future__ import annotations

import random
import statistics
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from contact_center.domain.events import Medium
from contact_center.domain.time import HOUR, SECOND, Millis
from routing import Decision, Engine, Policy, Seat
from routing.figures import Figures, figures
from routing.policy import Batch
from routing.simulation import _LOOK, Coming, Day, Kind, Shift, Simulation, Spread, coming

AGENTS, HOURS, DAYS = 40, 8, 5
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
    _due = -1
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
        if due != self._due:
            self._due = due
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


def main(days: int) -> None:
    head = f"{'level':>8}{'answered':>10}{'wait s':>8}{'p90 s':>8}{'longest':>9}{'known':>8}{'fairness':>10}"
    print(f"{'load':>5}{'decides':>10}  {'':9}{'weighed':>9}{'better':>8}{head}")
    for load in (0.9, 1.2):
        for tick_s in TICKS:
            for name, batch in (("by turns", Batch(most=0)), ("together", Batch())):
                Watched.weighed = Watched.better = 0
                policy = Policy("days", batch=batch)
                all_days = [lived(policy, tick_s, seed, load) for seed in range(days)]
                told: list[Figures] = [figures(day.cases, lambda _: TARGET_MS) for day in all_days]
                mean = statistics.fmean
                print(
                    f"{load:>5}{f'{tick_s} s' if tick_s else 'at once':>10}  {name:9}"
                    f"{Watched.weighed:>9}{Watched.better:>8}"
                    f"{mean(each.service_level for each in told):>8.2%}{sum(each.answered for each in told):>10}"
                    f"{mean(each.mean_wait_ms for each in told) / SECOND:>8.1f}"
                    f"{mean(each.p90_wait_ms for each in told) / SECOND:>8.1f}"
                    f"{max(each.longest_wait_ms for each in told) / SECOND:>9.0f}"
                    f"{mean(map(known, all_days)):>8.2%}{mean(day.fairness() for day in all_days):>10.4f}",
                    flush=True,
                )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else DAYS)
