"""Several nodes that decide from what they know, late and all at once: the database has the last word."""

from __future__ import annotations

import pytest

from tests.laws import nodes

pytestmark = pytest.mark.timeout(900)
"""On a machine that is busy with much else."""


@pytest.mark.parametrize("seed", ["one", "two"])
async def test_the_laws_hold_however_late_and_however_many_claim(database_url: str, seed: str) -> None:
    world = await nodes.history(database_url, seed)
    assert world.claimed > 10
    assert world.lost, "nobody was ever too late: nothing was tried"
