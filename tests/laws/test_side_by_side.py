"""Long runs: what they say while they last, and that nothing that breaks in one of their processes goes unsaid."""

from __future__ import annotations

import asyncio
import multiprocessing

import pytest

from tests.laws import side_by_side
from tests.laws.mutants import MUTANTS
from tests.laws.rules import LawBroken

pytestmark = pytest.mark.timeout(900)
"""On a machine that is busy with much else."""

MORE_THAN_IT_TAKES = 10**9


@pytest.mark.parametrize("database_kind", ["sqlite"])
async def test_histories_are_lived_through_until_so_many_acts_are_done(database_url: str) -> None:
    said: list[str] = []
    done = await asyncio.to_thread(side_by_side.live, 10, "a", [database_url], said.append)
    assert done.acts >= 10
    assert done.histories == 1
    assert done.claimed
    assert not any("broken off" in line for line in said)


@pytest.mark.parametrize("database_kind", ["sqlite"])
async def test_a_law_that_breaks_is_told_with_the_seed_of_its_history(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    mutant = MUTANTS["the index of pending offers"]
    await asyncio.to_thread(mutant.take_out, monkeypatch, database_url)
    said: list[str] = []
    with pytest.raises(LawBroken) as broken:
        await asyncio.to_thread(side_by_side.live, MORE_THAN_IT_TAKES, "a", [database_url], said.append)
    assert broken.value.law in mutant.laws
    assert any(note.startswith("the history's seed is 'a/") for note in broken.value.__notes__)
    assert any("broken off after" in line for line in said)


def test_a_process_that_ends_without_a_word_is_noticed() -> None:
    context = multiprocessing.get_context("spawn")
    ended = context.Process(target=int)
    ended.start()
    ended.join()
    with pytest.raises(RuntimeError, match="said nothing"):
        side_by_side._next(context.Queue(), [ended])


def test_now_and_then_it_says_how_far_it_is() -> None:
    said: list[str] = []
    now = 0.0
    progress = side_by_side.Progress(10_000, said.append, lambda: now)
    for now, done in ((1.0, 50), (100.0, 1_000), (101.0, 1_010), (200.0, 2_000)):  # noqa: B007 — the clock reads it
        progress.tell(done)
    assert said == [
        "  1,000 of 10,000 acts, 10 a second, 15 min left",
        "  2,000 of 10,000 acts, 10 a second, 13 min left",
    ]
