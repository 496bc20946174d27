"""A day that is known in advance comes out of the log as it was, and again under another policy."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from statistics import fmean
from typing import TypeVar

import pytest

from benchmarks.days import Known, blocks, known_day, store
from contact_center.domain.time import SECOND
from contact_center.replaying.again import Outcome, decide_again
from contact_center.replaying.comparing import compare, rows
from contact_center.replaying.day import NothingKept, Recorded, recorded
from contact_center.replaying.log import open_log
from contact_center.storage import routing_log
from contact_center.storage.connection import Connection
from contact_center.storage.executor import Executor, open_executor
from contact_center.storage.schema import routing_log as table
from routing import Policy
from routing.answering import AtOnce
from routing.figures import figures, work
from routing.simulation import Day, Simulation

T = TypeVar("T")


@pytest.fixture(scope="module")
def known() -> Known:
    return known_day(Policy("p1", ageing_ms=30 * SECOND), 600, hours=3)


def on(url: str, work_: Callable[[Executor], Awaitable[T]]) -> T:
    async def run() -> T:
        executor = open_executor(url)
        await executor.start(lambda _: None)
        try:
            return await work_(executor)
        finally:
            await executor.stop()

    return asyncio.run(run())


def stored(url: str, known: Known, harm: Callable[[Connection], object] = lambda conn: None) -> None:
    async def write(executor: Executor) -> None:
        await executor.write(store, known)
        await executor.write(harm)

    on(url, write)


def replayed(url: str, known: Known) -> Outcome:
    async def again(executor: Executor) -> Outcome:
        return await decide_again(await open_log(executor, known.first, 2**60))

    return on(url, again)


def read(url: str, known: Known) -> Recorded:
    async def day(executor: Executor) -> Recorded:
        return await recorded(await open_log(executor, known.first, known.last), known.first, known.last)

    return on(url, day)


def target(queue: str) -> int:
    return 20 * SECOND


def test_every_decision_of_the_day_comes_out_the_same(database_url: str, known: Known) -> None:
    stored(database_url, known)
    outcome = replayed(database_url, known)
    assert outcome.identical
    assert outcome.decisions == known.day.decisions
    assert outcome.policies == {"p1": known.day.decisions}
    assert outcome.runs == 4


def test_the_day_as_it_was_has_its_own_figures(database_url: str, known: Known) -> None:
    stored(database_url, known)
    day = read(database_url, known)
    assert figures(day.real.cases, target) == figures(known.day.cases, target)
    really = {each.agent_id: each for each in work(day.real)}
    for each in work(known.day):
        assert really[each.agent_id].cases == each.cases
        assert really[each.agent_id].there_ms == each.there_ms
        assert really[each.agent_id].busy_ms == pytest.approx(each.busy_ms, rel=0.02)


def test_simulated_under_the_policy_in_force_it_goes_as_it_went(database_url: str, known: Known) -> None:
    """Nobody in this day knew what patience was drawn for the others: who left is known, and no one else leaves
    before they are answered, for everything else is the same."""
    stored(database_url, known)
    day = read(database_url, known)
    simulated = day.under(day.policy)
    assert [(case.agent_id, case.answered_at, case.left_at) for case in simulated.cases] == [
        (case.agent_id, case.answered_at, case.left_at) for case in known.day.cases
    ]


def test_a_day_on_which_offers_are_missed_comes_out_nearer_to_what_it_was_than_if_nobody_missed_any(
    database_url: str,
) -> None:
    missing = known_day(Policy("p1", ageing_ms=30 * SECOND), 1_000, hours=0.6, as_people=True)
    stored(database_url, missing)
    day = read(database_url, missing)
    assert day.real.missed == missing.day.missed

    def level(simulated: Day) -> float:
        return figures(simulated.cases, target).service_level

    nobody_misses = AtOnce(day.assumed.answer_ms)
    without = Simulation(
        day.policy, (), day.coming(), answering=nobody_misses, floor=day.floor, ends_at=day.last
    ).run()
    really = level(day.real)
    drawn = [level(day.under(day.policy, seed)) for seed in range(4)]
    assert abs(fmean(drawn) - really) < abs(level(without) - really) / 2


def test_another_policy_is_compared_with_the_one_in_force(database_url: str, known: Known) -> None:
    stored(database_url, known)
    day = read(database_url, known)
    other = Policy("p2", ranking=("longest_idle",), ageing_ms=0)
    compared = compare(day, [("other", other)])
    assert [column.role for column in compared.columns] == ["real", "recorded", "other"]
    everything = {row.code: row for row in rows(compared, "")}
    assert everything["came"].difference == 0
    again = {row.code: row for row in rows(compare(day, [("other", other)]), "")}
    assert again == everything


def test_nothing_is_made_up_of_a_day_that_was_not_kept(database_url: str, known: Known) -> None:
    with pytest.raises(NothingKept):
        read(database_url, known)


# --- a log that is not what was written -------------------------------------------------------------------------


def another_block(conn: Connection) -> None:
    """Changes one decision in the middle, and leaves the digest as it was."""
    other = blocks(_other_day().facts)[0]
    conn.execute(table.update().where(table.c.run == "node-000002").values(data=other.data))


def _other_day() -> Known:
    return known_day(Policy("p1"), 20, hours=0.5)


@pytest.mark.parametrize(
    "harm, code",
    [
        (another_block, "changed"),
        (lambda conn: conn.execute(table.update().values(last_at=table.c.last_at + 1)), "changed"),
        (lambda conn: conn.execute(table.delete().where(table.c.run == "node-000002")), "missing"),
    ],
    ids=["other facts", "another time", "a run taken out"],
)
def test_a_log_that_was_tampered_with_is_found(
    database_url: str, known: Known, harm: Callable[[Connection], object], code: str
) -> None:
    stored(database_url, known, harm)
    outcome = replayed(database_url, known)
    assert not outcome.identical
    assert code in {problem.code for problem in outcome.problems}


def test_old_runs_go_first_and_no_run_is_cut(database_url: str, known: Known) -> None:
    stored(database_url, known)

    async def forget(executor: Executor) -> list[str]:
        assert await executor.write(routing_log.forget, 0, 0) == 0
        assert await executor.write(routing_log.forget, 0, 1) == 1
        assert await executor.write(routing_log.forget, known.last + 1, 0) == 1
        return [run.id for run in (await open_log(executor, 0, 2**60)).runs]

    assert on(database_url, forget) == ["node-000003", "node-000004"]
    assert replayed(database_url, known).identical
