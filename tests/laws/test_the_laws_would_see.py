"""Each safeguard is taken out alone, and a law must be seen broken: else nobody would notice that it is gone."""

from __future__ import annotations

import asyncio

import pytest

from tests.laws import nodes
from tests.laws.mutants import MUTANTS
from tests.laws.rules import LawBroken

CASES = [(name, kind) for name, mutant in MUTANTS.items() for kind in mutant.databases]

pytestmark = pytest.mark.timeout(1_800)
"""On a machine that is busy with much else."""


@pytest.mark.parametrize("name,database_kind", CASES)
async def test_that_it_is_gone(name: str, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    mutant = MUTANTS[name]
    await asyncio.to_thread(mutant.take_out, monkeypatch, database_url)
    with pytest.raises(LawBroken) as broken:
        await nodes.history(database_url, "without", rounds=3_000)
    assert broken.value.law in mutant.laws, broken.value
