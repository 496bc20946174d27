"""The consoles that are connected, and their numbered streams.

A console's stream is contiguous: what is pushed is the next number or is not pushed; what is missing is read from
the database, where it was written with its cause. Losing a push loses time, never an announcement.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

import orjson

from contact_center.domain.time import Moment

MOST_QUEUED = 1_000
"""Frames that wait for a slow console at most. Then it is let go: it resumes from the database."""

ReadAfter = Callable[[str, int], Awaitable[list[tuple[int, Moment, bytes]] | None]]


def announce_frame(seq: int, at: Moment, body: bytes) -> bytes:
    return b'{"type":"announce","seq":%d,"at":%d,"body":%b}' % (seq, at, body)


class Desk:
    """One connected console. ``at`` is the number of the last announcement it was sent; None until it has said
    where it stands. :meth:`frames` is read by whoever owns the socket."""

    __slots__ = ("_again", "_catching_up", "_closed", "_frames", "_wake", "agent_id", "at", "key", "watches_floor")

    def __init__(self, agent_id: str, key: str) -> None:
        self.agent_id = agent_id
        self.key = key
        self.at: int | None = None
        self.watches_floor = False
        self._frames: deque[bytes] = deque()
        self._wake: asyncio.Future[None] | None = None
        self._closed: tuple[int, str] | None = None
        self._catching_up = False
        self._again = False

    def send(self, frame: bytes) -> None:
        """Queues a frame; a console that does not keep up is closed with 4008."""
        if self._closed is not None:
            return
        if len(self._frames) >= MOST_QUEUED:
            self.close(4008, "too slow, resume")
            return
        self._frames.append(frame)
        self._ring()

    def close(self, code: int, reason: str) -> None:
        if self._closed is None:
            self._closed = (code, reason)
            if code == 4008:
                self._frames.clear()
            self._ring()

    def _ring(self) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    async def frames(self) -> list[bytes]:
        """What is to be sent next, at least one frame; empty once the desk is closed and all is sent."""
        while not self._frames and self._closed is None:
            self._wake = asyncio.get_running_loop().create_future()
            await self._wake
        out = list(self._frames)
        self._frames.clear()
        return out

    @property
    def closed(self) -> tuple[int, str] | None:
        return self._closed

    def announce(self, seq: int, frame: bytes) -> bool:
        """Sends announcement ``seq`` if it is the next; False if some are missing before it."""
        if self.at is None or seq <= self.at:
            return True
        if self._catching_up:
            self._again = True  # it may have committed after the catch-up's last look
            return True
        if seq != self.at + 1:
            return False
        self.at = seq
        self.send(frame)
        return True

    async def catch_up(self, read: ReadAfter) -> None:
        """Sends everything after ``at``, however long that takes, and leaves the stream contiguous."""
        if self.at is None:
            return
        if self._catching_up:
            self._again = True  # what has come since its last look, or ``at`` that a snapshot has set back
            return
        self._catching_up = True
        try:
            while self._closed is None:
                self._again = False
                missed = await read(self.agent_id, self.at)
                if missed is None:
                    self.close(4008, "too far behind, resume")
                    return
                for seq, at, body in missed:
                    if seq == self.at + 1:
                        self.at = seq
                        self.send(announce_frame(seq, at, body))
                if not missed and not self._again:
                    return
        finally:
            self._catching_up = False


class Desks:
    """All connected consoles of this node, by agent."""

    def __init__(self, read: ReadAfter) -> None:
        self._read = read
        self._desks: dict[str, set[Desk]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return sum(len(desks) for desks in self._desks.values())

    def add(self, desk: Desk) -> bool:
        """True if it is the agent's first console here."""
        desks = self._desks.setdefault(desk.agent_id, set())
        desks.add(desk)
        return len(desks) == 1

    def remove(self, desk: Desk) -> bool:
        """True if it was the agent's last console here."""
        desks = self._desks.get(desk.agent_id)
        if desks is None:
            return False
        desks.discard(desk)
        if desks:
            return False
        del self._desks[desk.agent_id]
        return True

    def of(self, agent_id: str) -> set[Desk]:
        return self._desks.get(agent_id, set())

    def every(self) -> list[Desk]:
        return [desk for desks in self._desks.values() for desk in desks]

    def announced(self, agent_id: str, seq: int, at: Moment, body: bytes) -> None:
        """An announcement committed: pushes it to the agent's consoles."""
        desks = self._desks.get(agent_id)
        if not desks:
            return
        frame = announce_frame(seq, at, body)
        for desk in desks:
            if not desk.announce(seq, frame):
                self.behind(desk)

    def grew(self, agent_id: str, seq: int) -> None:
        """Another node says that the agent's stream has come to ``seq``."""
        for desk in self._desks.get(agent_id, ()):
            if desk.at is not None and desk.at < seq:
                self.behind(desk)

    def behind(self, desk: Desk) -> None:
        task = asyncio.create_task(desk.catch_up(self._read))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def tell(self, agent_id: str, frame: dict[str, object]) -> None:
        """Something passing, outside the stream (typing)."""
        desks = self._desks.get(agent_id)
        if desks:
            data = orjson.dumps(frame)
            for desk in desks:
                desk.send(data)

    def close_sessions(self, keys: set[str]) -> None:
        """These sessions are over: their sockets close now."""
        for desk in self.every():
            if desk.key in keys:
                desk.close(4403, "the session ended")
