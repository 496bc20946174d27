"""Each safeguard is taken out alone, and a law must be seen broken: else nobody would notice that it is gone."""

from __future__ import annotations

import asyncio

import pytest

from tests.laws import nodes
from tests.laws.mutants import MUTANTS, Mutant
from tests.laws.rules import LawBroken

CASES = [(name, kind) for name, mutant in MUTANTS.items() for kind in mutant.databases]
HISTORIES = 100
"""The most that are tried. One alone shows it more often than every third time, whichever safeguard it is and however
busy the machine: that none of a hundred does has less chance than one in 10^17."""

pytestmark = pytest.mark.timeout(1_800)
"""On a machine that is busy with much else."""


@pytest.mark.parametrize("name,database_kind", CASES)
async def test_that_it_is_gone(name: str, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    mutant = MUTANTS[name]
    await asyncio.to_thread(mutant.take_out, monkeypatch, database_url)
    seen = await _seen(database_url, mutant)
    assert mutant.laws & {*seen}, seen


async def _seen(url: str, mutant: Mutant) -> list[str]:
    """The laws that broke, until one did that the safeguard stands for."""
    seen: list[str] = []
    acts = {name: often + mutant.more.get(name, 0) for name, often in nodes.ACTS.items()}
    async with nodes.Cluster(url) as cluster:
        for number in range(HISTORIES):
            try:
                await nodes.live(cluster, f"without/{number}", acts=acts)
            except LawBroken as error:
                seen.append(error.law)
                if error.law in mutant.laws:
                    break
    return seen
