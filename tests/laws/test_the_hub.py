"""A whole hub keeps the laws, whatever customers, agents, time and restarts do to it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.laws import hub

pytestmark = pytest.mark.timeout(900)
"""On a machine that is busy with much else."""


@pytest.mark.parametrize("seed", ["c", "a day"])
async def test_the_laws_hold_after_every_step(database_url: str, tmp_path: Path, seed: str) -> None:
    world = await hub.history(database_url, tmp_path, seed)
    assert world.offers > 2
