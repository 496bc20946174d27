"""What routing was told is kept as it was told, and comes out the same when it is decided again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from contact_center.domain.time import HOUR, MINUTE, SECOND
from contact_center.replaying.again import Outcome, decide_again
from contact_center.replaying.log import open_log
from contact_center.replaying.recorder import LET_GO_MS, LOOK_MS, Recorder
from contact_center.replaying.trying import tried
from contact_center.storage import routing_log, settings, trials
from tests.hub import Clock, TestHub, house, open_test_hub, until


def recorder(hub: TestHub) -> Recorder:
    found: Recorder = hub.runtime.recorder
    return found


async def decided_again(hub: TestHub) -> Outcome:
    await recorder(hub).write()
    log = await open_log(hub.runtime.executor, 0, 2**60)
    return await decide_again(log, explanations=True)


async def a_few_cases(hub: TestHub) -> None:
    """One is answered and ends, one is rejected and offered anew, one waits at the end."""
    async with hub.at_work("mei", "jonas") as (mei, jonas):
        for number in range(3):
            await hub.letter(f"customer{number}@example.com", f"Letter {number} at {hub.clock.now}")
        work = await mei.accept()
        hub.clock.now += 10 * SECOND
        await mei.command("wrap_up", interaction_id=work.interaction_id, disposition="solved")
        await mei.gone(work.interaction_id)
        offer = await jonas.offer()
        await jonas.command("reject", offer_id=offer.id)
        await hub.chat("eve", f"Hello at {hub.clock.now}")


async def time_passes(hub: TestHub, ms: int) -> None:
    """Nobody is there: what rang at those who left has rung out, and they are gone, before anybody comes again."""
    hub.advance(ms)

    async def nothing_due() -> bool:
        return all(row["due_at"] > hub.clock.now for row in await hub.rows("deadlines"))

    await hub.eventually(nothing_due, "all that is due")


async def test_a_day_is_decided_again_word_for_word(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub:
        await a_few_cases(hub)
        outcome = await decided_again(hub)
    assert outcome.identical, outcome
    assert outcome.decisions >= 2
    assert outcome.explanations >= 2


async def test_a_case_that_is_given_away_twice_in_one_moment_is_explained_each_time(
    database_url: str, tmp_path: Path
) -> None:
    async with open_test_hub(database_url, tmp_path) as hub, hub.at_work("mei", "jonas") as consoles:
        await hub.letter("ann@example.com", "Hello")
        await until(lambda: any(each.state.offers for each in consoles), "an offer")
        first, second = sorted(consoles, key=lambda each: not each.state.offers)
        await first.command("reject", offer_id=(await first.offer()).id)
        await second.offer()
        outcome = await decided_again(hub)
    assert outcome.identical, outcome
    assert outcome.explanations == 2


async def test_a_restart_begins_a_run_with_all_that_routing_knows(database_url: str, tmp_path: Path) -> None:
    clock = Clock()
    for _ in range(2):
        async with open_test_hub(database_url, tmp_path, clock=clock) as hub:
            await a_few_cases(hub)
    async with open_test_hub(database_url, tmp_path, clock=clock) as hub:
        outcome = await decided_again(hub)
        log = await open_log(hub.runtime.executor, 0, 2**60)
    assert outcome.identical, outcome
    assert len({run.node for run in log.runs}) == 3


async def test_every_hour_a_run_ends_and_the_next_goes_on_from_what_is_known(
    database_url: str, tmp_path: Path
) -> None:
    async with open_test_hub(database_url, tmp_path) as hub:
        await a_few_cases(hub)
        await recorder(hub).write()
        await time_passes(hub, HOUR)
        await a_few_cases(hub)
        outcome = await decided_again(hub)
        log = await open_log(hub.runtime.executor, 0, 2**60)
    assert outcome.identical, outcome
    assert len(log.runs) >= 2
    assert len(log.nodes) == 1


async def test_what_is_too_much_is_let_go_of_counted_and_followed_by_a_new_run(
    database_url: str, tmp_path: Path
) -> None:
    async with open_test_hub(database_url, tmp_path) as hub:
        await recorder(hub).write()
        recorder(hub).most = 0
        await hub.letter("ann@example.com", "Nobody wrote this down")
        await hub.eventually(lambda: _lost(hub))
        recorder(hub).most = 1_000
        await recorder(hub).write()
        await a_few_cases(hub)
        outcome = await decided_again(hub)
    assert outcome.identical, outcome
    assert outcome.runs >= 2


async def _lost(hub: TestHub) -> int:
    return recorder(hub).lost


async def test_nothing_is_kept_where_the_operator_wants_nothing_kept(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path, config=house(routing_log={"on": False})) as hub:
        await a_few_cases(hub)
        await recorder(hub).write()
        assert (await hub.read(routing_log.whole))["blocks"] == 0
        await hub.write(settings.put, "routing_log", {})
        await time_passes(hub, LOOK_MS)
        await hub.eventually(lambda: _keeps(hub), "keeping it from now on")
        await a_few_cases(hub)
        outcome = await decided_again(hub)
        assert outcome.identical
        assert outcome.decisions


async def _keeps(hub: TestHub) -> bool:
    return recorder(hub).keeping.on


async def test_what_is_too_old_goes(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path, config=house(routing_log={"keep_days": 1})) as hub:
        await a_few_cases(hub)
        await recorder(hub).write()
        first = (await open_log(hub.runtime.executor, 0, 2**60)).runs[0].id
        hub.clock.now += HOUR
        await recorder(hub).write()  # what is told after an hour belongs to another run
        hub.clock.now += 26 * HOUR

        async def gone() -> bool:
            await hub.letter("ann@example.com", f"At {hub.clock.now}")
            hub.clock.now += LET_GO_MS
            await recorder(hub).write()
            return first not in [run.id for run in (await open_log(hub.runtime.executor, 0, 2**60)).runs]

        await hub.eventually(gone, "the first run to be let go of")


# --- policies beside the one in force ---------------------------------------------------------------------------


async def test_a_shadow_is_asked_and_never_heard(database_url: str, tmp_path: Path) -> None:
    shadow = {"queues": {"support": {"needs": "billing >= 4"}}}
    async with open_test_hub(database_url, tmp_path, config=house(shadow=shadow)) as hub:
        async with hub.at_work("mei") as (mei,):
            await hub.letter("ann@example.com", "Hello")
            await mei.offer()
        await recorder(hub).write()
        told = await hub.get("routing/shadow")
        metrics = (await hub.http.get("/metrics")).text
    assert told["counts"] == {"same": 0, "other_agent": 0, "would_wait": 1, "would_offer": 0}
    assert told["policy"] == recorder(hub).shadow.policy.version  # type: ignore[union-attr]
    assert 'contact_center_shadow_decisions{verdict="' in metrics


async def test_without_a_shadow_none_is_asked(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub:
        assert (await hub.get("routing/shadow"))["policy"] == ""
        kept = await hub.get("routing/log")
        assert kept["keeping"]["on"] is True
        answer = await hub.anonymous.get("/api/v1/routing/log")
        assert answer.status_code == 401


async def test_two_policies_take_turns_and_every_decision_says_whose_it_was(
    database_url: str, tmp_path: Path
) -> None:
    trial: dict[str, Any] = {
        "name": "longest",
        "block_minutes": 1,
        "warm_up_minutes": 0,
        "policy": {"ranking": ["longest_idle"]},
    }
    async with open_test_hub(database_url, tmp_path, config=house(experiment=trial)) as hub:
        async with hub.at_work("mei") as (mei,):
            for number in range(6):
                await hub.eventually(lambda: _in_turn(hub), "the policy whose turn it is")
                await hub.letter(f"customer{number}@example.com", "Hello")
                work = await mei.accept()
                await mei.command("wrap_up", interaction_id=work.interaction_id, disposition="solved")
                await mei.gone(work.interaction_id)
                hub.advance(MINUTE)
        outcome = await decided_again(hub)
        log = await open_log(hub.runtime.executor, 0, 2**60)
        # It was applied at the time of the machine's clock, which isn't the test's.
        stored = await hub.read(settings.get, trials.SETTING, {})
        await hub.write(settings.put, trials.SETTING, {"experiment": {**stored["experiment"], "began_at": 0}})
        told = await tried(log, 0, hub.clock.now)
    assert outcome.identical, outcome
    assert {version for version, count in outcome.policies.items() if count} == {told.a, told.b}
    assert told.name == "longest"
    assert sum(told.result.cases.values()) > 0


async def _in_turn(hub: TestHub) -> bool:
    policy, _ = await hub.read(trials.in_force, hub.clock.now)
    return bool(hub.runtime.dispatcher.policy.version == policy.version)
