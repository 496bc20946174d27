"""One console's stream, whatever order looks and news come in."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import orjson
import pytest

from contact_center.live.desks import Desk

Rows = list[tuple[int, int, bytes]]


class Log:
    """The stream as it is stored: a look at it takes until it is told to end, and sees what was there as it began."""

    def __init__(self, last: int) -> None:
        self.last = last
        self.looks: list[asyncio.Future[None]] = []

    async def read(self, agent_id: str, after: int) -> Rows:
        found = [(seq, 0, b"{}") for seq in range(after + 1, self.last + 1)]
        self.looks.append(asyncio.get_running_loop().create_future())
        await self.looks[-1]
        return found

    async def answers(self) -> None:
        """The look that is under way ends; whoever asked has done what they do of it."""
        self.looks[-1].set_result(None)
        await asyncio.sleep(0)
        await asyncio.sleep(0)


async def sent(desk: Desk) -> list[int]:
    """The numbers that are on their way to the console."""
    desk.send(b'{"seq":0}')
    return [seq for frame in await desk.frames() if (seq := orjson.loads(frame)["seq"])]


def a_snapshot_of_before(desk: Desk, log: Log) -> None:
    """Its reading took longer than that of what followed."""
    desk.at = 1


def news_from_another_node(desk: Desk, log: Log) -> None:
    log.last = 3


@pytest.mark.parametrize("happens", [a_snapshot_of_before, news_from_another_node])
async def test_who_falls_behind_during_the_last_look_is_looked_after(happens: Callable[[Desk, Log], None]) -> None:
    log, desk = Log(2), Desk("mei", "key")
    desk.at = 1
    catching_up = asyncio.create_task(desk.catch_up(log.read))
    await asyncio.sleep(0)
    await log.answers()
    assert (await sent(desk), desk.at) == ([2], 2)
    happens(desk, log)  # while it looks whether that was all
    await desk.catch_up(log.read)
    while not catching_up.done():
        await log.answers()
    assert (await sent(desk), desk.at) == (list(range(log.last, log.last + 1)), log.last)
