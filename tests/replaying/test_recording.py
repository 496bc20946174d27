"""What routing was told is kept as it was told, and comes out the same when it is decided again."""

from __future__ import annotations

from pathlib import Path

from contact_center.domain.time import SECOND
from contact_center.replaying.again import Outcome, decide_again
from contact_center.replaying.log import open_log
from tests.hub import TestHub, open_test_hub


async def decided_again(hub: TestHub) -> Outcome:
    await hub.hub.runtime.recorder.write()
    log = await open_log(hub.hub.runtime.executor, 0, 2**60)
    return await decide_again(log, explanations=True)


async def a_few_cases(hub: TestHub) -> None:
    """Some are taken, one is rejected and goes to somebody else, one waits."""
    async with hub.at_work("mei", "jonas") as (mei, jonas):
        for number in range(3):
            await hub.letter(f"customer{number}@example.com", f"Letter {number}")
        work = await mei.accept()
        hub.clock.now += 30 * SECOND
        await mei.command("wrap_up", interaction_id=work.interaction_id, disposition="solved")
        await mei.gone(work.interaction_id)
        offer = await jonas.offer()
        await jonas.command("reject", offer_id=offer.id)
        await hub.chat("eve", "Hello")


async def test_a_day_is_decided_again_word_for_word(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub:
        await a_few_cases(hub)
        outcome = await decided_again(hub)
    assert outcome.identical, outcome
    assert outcome.decisions >= 4
    assert outcome.explanations >= 4
