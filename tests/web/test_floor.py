"""What supervisors who watch the floor are sent, when it moves while it is read."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import orjson
import pytest

from contact_center.domain.errors import Unavailable
from contact_center.live.desks import Desk
from contact_center.storage.effects import FloorMoved
from contact_center.web.floor import FloorFeed
from tests.hub import TestHub, open_test_hub


def moved(code: str) -> FloorMoved:
    line = {"at": 1, "code": code, "interaction_id": "i", "case_id": 1, "medium": "sms"}
    return FloorMoved("support", {**line, "queue": "support", "agent_name": "", "customer_name": ""})


class Reads:
    """The hub's database; ``meanwhile`` happens once, while it is read, and may fail it."""

    def __init__(self, hub: TestHub) -> None:
        self._hub = hub
        self.meanwhile: Any = lambda: None

    async def read(self, *asked: Any) -> Any:
        found = await self._hub.read(*asked)
        meanwhile, self.meanwhile = self.meanwhile, lambda: None
        meanwhile()
        return found


def feed_of(hub: TestHub) -> tuple[FloorFeed, Reads]:
    reads = Reads(hub)
    runtime: Any = SimpleNamespace(
        executor=reads, occasion=hub.runtime.occasion, time_zone=hub.runtime.time_zone, on_floor=[]
    )
    return FloorFeed(runtime), reads


async def shown(desk: Desk) -> list[tuple[bool, list[str]]]:
    """Of each frame that is on its way: whether it is the whole floor, and its lines."""
    desk.send(b"{}")
    floors = [orjson.loads(frame).get("floor") for frame in await desk.frames()]
    return [(floor["full"], [line["code"] for line in floor["recent"]]) for floor in floors if floor]


async def test_what_happens_while_the_floor_is_read_is_told_once(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub:
        feed, reads = feed_of(hub)
        desk = Desk("sana", "key")
        feed.join(desk)
        feed._on_moved(moved("before"))
        reads.meanwhile = lambda: feed._on_moved(moved("meanwhile"))
        await feed._send()
        await feed._send()
        assert await shown(desk) == [(True, ["before"]), (False, ["meanwhile"])]


async def test_who_comes_while_the_floor_is_read_begins_with_the_whole(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub:
        feed, reads = feed_of(hub)
        first, second = Desk("sana", "one"), Desk("ana", "two")
        feed.join(first)
        await feed._send()
        feed._on_moved(moved("before"))
        reads.meanwhile = lambda: feed.join(second)
        await feed._send()
        await feed._send()
        assert await shown(first) == [(True, []), (False, ["before"])]
        assert await shown(second) == [(True, ["before"])]


async def test_nothing_and_nobody_is_forgotten_for_a_database_that_was_away(
    database_url: str, tmp_path: Path
) -> None:
    def away() -> None:
        raise Unavailable("away")

    async with open_test_hub(database_url, tmp_path) as hub:
        feed, reads = feed_of(hub)
        first, second = Desk("sana", "one"), Desk("ana", "two")
        feed.join(first)
        await feed._send()
        feed._on_moved(moved("before"))
        feed.join(second)
        reads.meanwhile = away
        with pytest.raises(Unavailable):
            await feed._send()
        await feed._send()
        assert await shown(first) == [(True, []), (False, ["before"])]
        assert await shown(second) == [(True, ["before"])]
