"""Hands messages over to the hub: many at once, and those that belong together one after the other.

A hub that stores several at a time pays for one commit. But an answer must not arrive before what it answers, nor
one customer's second message before the first: so they begin in the mailbox's order, and one that shares its sender
or a reference with another under way waits until that is stored.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from types import TracebackType

from channels.contract import Parsed

_MESSAGES = 64
_BYTES = 16 * 1024 * 1024
_AT_ONCE = 16
_BUNCH = 8


@dataclass(frozen=True, slots=True)
class Fetched:
    """``raw`` is all of it, or its headers alone where it was too much: ``cut`` says why."""

    uid: int
    raw: bytes
    cut: str = ""


@dataclass(slots=True)
class _UnderWay:
    uid: int
    size: int
    task: asyncio.Task[None] | None


class Behind(Exception):
    """One that it belongs with could not be stored: it waits too."""


class Handover:
    """``understand`` says what a message is (None: nothing for the hub, or dealt with), ``store`` makes it durable.
    ``through`` is the last UID up to which everything is with the hub. Use as ``async with``: what is under way at
    the end is given up."""

    def __init__(
        self,
        through: int,
        understand: Callable[[Fetched], Awaitable[Parsed | None]],
        store: Callable[[int, Parsed], Awaitable[None]],
    ) -> None:
        self.through = through
        self._understand = understand
        self._store = store
        self._queue: deque[_UnderWay] = deque()
        self._bytes = 0
        self._turn = asyncio.Semaphore(_AT_ONCE)
        self._latest: dict[str, asyncio.Task[None]] = {}
        self._begun: asyncio.Event | None = None
        self._being_understood = self._understood = self._let_go = 0
        self._changed = asyncio.Event()

    async def __aenter__(self) -> Handover:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        tasks = [each.task for each in self._queue if each.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def skip(self, uid: int) -> None:
        """Nothing is to be done about ``uid``, which comes after all before."""
        self._queue.append(_UnderWay(uid, 0, None))

    async def put(self, fetched: Fetched) -> None:
        """Waits for room, then begins with it. Raises what an earlier one failed with."""
        size = len(fetched.raw)
        while self._queue and (len(self._queue) >= _MESSAGES or self._bytes + size > _BYTES):
            await self._first_done()
        before, self._begun = self._begun, asyncio.Event()
        task = asyncio.create_task(self._hand_over(fetched, before, self._begun))
        self._bytes += size
        self._queue.append(_UnderWay(fetched.uid, size, task))

    async def drain(self) -> None:
        """Returns when all is with the hub. Raises what one failed with, with all before it stored."""
        while self._queue:
            await self._first_done()

    def look(self) -> None:
        """Counts what is done, without waiting."""
        while self._queue and _well(self._queue[0].task):
            self._count()

    async def _first_done(self) -> None:
        task = self._queue[0].task
        if task is not None:
            await asyncio.wait({task})
            task.result()
        self._count()

    def _count(self) -> None:
        first = self._queue.popleft()
        self._bytes -= first.size
        self.through = first.uid

    async def _hand_over(self, fetched: Fetched, before: asyncio.Event | None, begun: asyncio.Event) -> None:
        try:
            parsed = await self._read(fetched)
            if before is not None:
                await before.wait()
            await self._bunch()
            if parsed is None:
                return
            names = _names(parsed)
            for other in {self._latest[name] for name in names if name in self._latest}:
                await asyncio.wait({other})
                if not _well(other):
                    raise Behind
            async with self._turn:
                task = asyncio.current_task()
                assert task is not None
                self._latest.update(dict.fromkeys(names, task))
                begun.set()
                await self._store(fetched.uid, parsed)
                for name in names:
                    if self._latest.get(name) is task:
                        del self._latest[name]
        finally:
            begun.set()

    async def _read(self, fetched: Fetched) -> Parsed | None:
        self._being_understood += 1
        try:
            return await self._understand(fetched)
        finally:
            self._being_understood -= 1
            self._understood += 1
            self._changed.set()

    async def _bunch(self) -> None:
        """Lets go of several together: the hub makes one commit of what comes to it at the same time."""
        while not self._let_go:
            if self._understood >= _BUNCH or not self._being_understood:
                self._let_go = self._understood
            else:
                self._changed.clear()
                await self._changed.wait()
        self._let_go -= 1
        self._understood -= 1


def _well(task: asyncio.Task[None] | None) -> bool:
    return task is None or (task.done() and not task.cancelled() and task.exception() is None)


def _names(parsed: Parsed) -> set[str]:
    """What other messages may have in common with this one."""
    names: set[str] = set()
    for event in parsed.events:
        names.update(event.thread.references)
        names.update(event.thread.ours)
        if event.sender is not None and event.sender.value:
            names.add(f"{event.sender.kind} {event.sender.value}")
    return names
