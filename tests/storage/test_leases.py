"""One node at a time has a lease; who vanishes loses it in time, who goes in order gives it back."""

from __future__ import annotations

import asyncio
from pathlib import Path

from contact_center.bootstrap import holder_of
from contact_center.storage import leases
from tests.storage.test_executor import opened


async def test_a_lease_has_one_holder_until_it_is_over(database_url: str) -> None:
    async with opened(database_url) as executor:
        assert await executor.write(leases.take, "a", "one", 1_000, 2_000)
        assert not await executor.write(leases.take, "a", "two", 1_500, 2_500)
        assert await executor.write(leases.take, "a", "one", 1_900, 2_900), "renewed"
        assert not await executor.write(leases.take, "a", "two", 2_899, 3_899)
        assert await executor.write(leases.take, "a", "two", 2_900, 3_900)
        assert not await executor.write(leases.take, "a", "one", 3_000, 4_000), "it came too late"
        assert await executor.write(leases.take, "b", "one", 3_000, 4_000)


async def test_what_is_given_back_is_free_at_once(database_url: str) -> None:
    async with opened(database_url) as executor:
        for what in ("a", "b"):
            assert await executor.write(leases.take, what, "one", 1_000, 9_000)
        await executor.write(leases.give_back, "one")
        assert await executor.write(leases.take, "a", "two", 1_001, 9_000)
        assert await executor.write(leases.take, "b", "one", 1_001, 9_000), "it may have it again"


async def test_of_many_who_ask_at_once_one_gets_it(database_url: str) -> None:
    async with opened(database_url) as one, opened(database_url) as two:
        nodes = [f"{number}" for number in range(10)]
        got = await asyncio.gather(
            *((one, two)[number % 2].write(leases.take, "a", node, 1_000, 2_000) for number, node in enumerate(nodes))
        )
        assert sum(got) == 1


def test_a_hub_that_comes_back_in_its_folder_has_the_name_that_it_had(tmp_path: Path) -> None:
    assert holder_of(tmp_path / "one") == holder_of(tmp_path / "two" / ".." / "one")
    assert holder_of(tmp_path / "one") != holder_of(tmp_path / "two")
