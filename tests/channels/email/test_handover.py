"""Many messages go to the hub at once, and what belongs together goes in the mailbox's order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from channels.contract import Busy, Parsed
from channels.email.handover import Fetched, Handover
from channels.email.parse import Recipient, parse_message
from tests.channels.email.test_fetch import mail

HERE = Recipient("email", ("support@hub.test",))


def written(sender: str, own: str, answers: str = "") -> bytes:
    return f"From: {sender}\r\nMessage-ID: <{own}>\r\nIn-Reply-To: <{answers}>\r\n\r\nx\r\n".encode()


class Store:
    """Stores when it is told to, and knows who was under way at the same time."""

    def __init__(self) -> None:
        self.begun: list[int] = []
        self.stored: list[int] = []
        self.failing: dict[int, Exception] = {}
        self.gates: dict[int, asyncio.Event] = {}
        self.most = 0
        self._now = 0

    async def understand(self, fetched: Fetched) -> Parsed | None:
        return parse_message(fetched.raw, HERE, 0) if fetched.raw else None

    async def store(self, uid: int, parsed: Parsed) -> None:
        self.begun.append(uid)
        self._now += 1
        self.most = max(self.most, self._now)
        try:
            await self.gates.setdefault(uid, asyncio.Event()).wait()
            if uid in self.failing:
                raise self.failing[uid]
            self.stored.append(uid)
        finally:
            self._now -= 1

    def let(self, *uids: int) -> None:
        for uid in uids:
            self.gates.setdefault(uid, asyncio.Event()).set()

    def handover(self) -> Handover:
        return Handover(0, self.understand, self.store)


async def settle(condition: Callable[[], bool]) -> None:
    """Until nothing more can happen by itself."""
    for _ in range(200):
        await asyncio.sleep(0)
    assert condition()


async def test_strangers_go_together_and_the_place_moves_in_order() -> None:
    store = Store()
    async with store.handover() as handover:
        for uid in (1, 2, 3):
            await handover.put(Fetched(uid, mail(uid)))
        await settle(lambda: store.begun == [1, 2, 3])
        store.let(2, 3)
        await settle(lambda: store.stored == [2, 3])
        handover.look()
        assert handover.through == 0, "the first isn't there yet"
        store.let(1)
        await handover.drain()
        assert handover.through == 3


@pytest.mark.parametrize(
    "second",
    [
        written("jo@example.com", "b@example.com", answers="a@example.com"),
        written("mei@example.com", "b@example.com"),
        written("jo@example.com", "a@example.com"),
    ],
)
async def test_an_answer_and_the_same_persons_next_mail_wait_for_the_first(second: bytes) -> None:
    store = Store()
    async with store.handover() as handover:
        await handover.put(Fetched(1, written("mei@example.com", "a@example.com")))
        await handover.put(Fetched(2, second))
        await handover.put(Fetched(3, mail(3)))
        await settle(lambda: store.begun == [1])
        store.let(1, 2, 3)
        await handover.drain()
    assert store.begun == [1, 2, 3]


async def test_what_belongs_to_one_that_failed_is_not_stored_before_it() -> None:
    store = Store()
    store.failing[2] = Busy("away")
    store.let(1, 2, 3, 4)
    async with store.handover() as handover:
        await handover.put(Fetched(1, mail(1)))
        await handover.put(Fetched(2, written("mei@example.com", "a@example.com")))
        await handover.put(Fetched(3, written("mei@example.com", "b@example.com")))
        with pytest.raises(Busy):
            await handover.drain()
        assert handover.through == 1
    assert store.stored == [1]


async def test_nothing_and_what_is_passed_over_move_the_place_too() -> None:
    store = Store()
    store.let(2)
    async with store.handover() as handover:
        await handover.put(Fetched(1, b""))
        await handover.put(Fetched(2, mail(2)))
        handover.skip(3)
        await handover.drain()
        assert handover.through == 3
    assert store.stored == [2]


async def test_only_so_many_are_under_way_however_many_come() -> None:
    store = Store()
    async with store.handover() as handover:

        async def fill() -> None:
            for uid in range(1, 201):
                await handover.put(Fetched(uid, mail(uid)))
            await handover.drain()

        filling = asyncio.create_task(fill())
        await settle(lambda: len(store.begun) == 16 and not filling.done())
        store.let(*range(1, 201))
        await filling
    assert store.most == 16
    assert store.begun == list(range(1, 201))


async def test_what_is_under_way_when_fetching_ends_is_given_up() -> None:
    store = Store()
    async with store.handover() as handover:
        await handover.put(Fetched(1, mail(1)))
        await settle(lambda: store.begun == [1])
    store.let(1)
    await settle(lambda: store.stored == [])
