"""What deciding a day again costs: ``python -m benchmarks.replay [--cases N]``.

A day of calls and chats, some of whose offers are missed, is simulated, stored as a hub stores it (what routing was
told, and a record for each case), and then replayed: once to show that every decision comes out the same, once under
another policy. Seconds are the processor's own: what else the machine is doing doesn't count.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.days import blocks, known_day, store
from contact_center.bootstrap import migrate
from contact_center.domain.time import SECOND
from contact_center.replaying.again import decide_again
from contact_center.replaying.comparing import Compared, compare, targets_of
from contact_center.replaying.day import Recorded, recorded
from contact_center.replaying.log import open_log
from contact_center.storage.executor import Executor, open_executor, run_alone
from routing import Policy
from routing.figures import figures
from routing.simulation import Simulation


def timed(what: str, work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    took = time.process_time() - started
    print(f"{what:<58} {took:8.2f} s")
    return took


async def _replayed(url: str, first: int, last: int) -> None:
    executor = open_executor(url)
    await executor.start(lambda _: None)
    try:
        await _measured(executor, first, last)
    finally:
        await executor.stop()


async def _measured(executor: Executor, first: int, last: int) -> None:
    started = time.process_time()
    outcome = await decide_again(await open_log(executor, first, last))
    took = time.process_time() - started
    print(f"{'decided again':<58} {took:8.2f} s   {outcome.decisions} decisions, {outcome.different} differ")
    started = time.process_time()
    day = await recorded(await open_log(executor, first, last), first, last)
    read = time.process_time() - started
    print(f"{'read: what came, who was there, what became of it':<58} {read:8.2f} s   {len(day.episodes)} cases")
    other = Policy("other", sticky_ms=0, ageing_ms=10 * SECOND)
    started = time.process_time()
    compared = compare(day, [("other", other)])
    took = time.process_time() - started
    cases = sum(len(column.day.cases) for column in compared.columns[1:])
    print(f"{'simulated under both policies, and compared':<58} {took:8.2f} s   {cases / took:,.0f} cases a second")
    print(f"{'a replay under another policy, in all':<58} {read + took:8.2f} s")
    _show_how_near(day, compared)


def _show_how_near(day: Recorded, compared: Compared) -> None:
    """The day, the same simulated, and simulated as if nobody missed an offer."""
    nobody = Simulation(
        day.policy, (), day.coming(), answer_ms=day.assumed.answer_ms, floor=day.floor, ends_at=day.last
    ).run()
    days = {
        "the day as it was": compared.columns[0].day,
        "simulated under its policy": compared.columns[1].day,
        "simulated, nobody misses an offer": nobody,
    }
    for name, each in days.items():
        told = figures(each.cases, targets_of(day.policy))
        missed = sum(each.missed.values())
        print(
            f"{name:<58} {100 * told.service_level:8.1f} % in time, {told.mean_wait_ms / SECOND:.1f} s mean wait, "
            f"{100 * told.abandonment:.1f} % left, {missed} offers missed"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=50_000)
    given = parser.parse_args()
    started = time.process_time()
    known = known_day(Policy("p1"), given.cases, as_people=True)
    print(f"{'the day, simulated and noted':<58} {time.process_time() - started:8.2f} s   {len(known.facts)} facts")
    started = time.process_time()
    made = blocks(known.facts)
    took = time.process_time() - started
    size = sum(len(block.data) for block in made)
    facts = len(known.facts)
    print(
        f"{'written down':<58} {took:8.2f} s   {took / facts * 1e6:.1f} µs and {size / facts:.1f} bytes a fact, "
        f"{size / len(known.day.cases):.0f} bytes a case"
    )
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder) / 'hub.db'}"
        migrate(url)
        timed("stored", lambda: run_alone(url, store, known))
        asyncio.run(_replayed(url, known.first, known.last))


if __name__ == "__main__":
    main()
