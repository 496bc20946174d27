"""Hints between nodes: "look at this". Each is a few words; who gets one reads the truth from the database.

One node needs none of it. Losing the bus costs the others up to a sweep's time, never data.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import orjson
import structlog

log = structlog.get_logger(__name__)

Hint = list[Any]
OnHint = Callable[[Hint], None]
CHANNEL = "contact-center:hints"


class Bus(Protocol):
    async def start(self, on_hint: OnHint) -> None: ...

    def publish(self, hints: Sequence[Hint]) -> None:
        """Tells the other nodes, soon and perhaps; never raises, never blocks."""
        ...

    async def stop(self) -> None: ...

    def state(self) -> tuple[bool, str]:
        """Whether the bus works, and if not why."""
        ...


class NoBus:
    """For one node: there is nobody to tell."""

    async def start(self, on_hint: OnHint) -> None:
        return

    def publish(self, hints: Sequence[Hint]) -> None:
        return

    async def stop(self) -> None:
        return

    def state(self) -> tuple[bool, str]:
        return True, "one node"


class RedisBus:
    """Redis pub/sub. At most once by nature, which hints can bear; ``on_lost`` is called when some may have been
    missed, so that the node reads everything anew."""

    def __init__(self, url: str, node: str, on_lost: Callable[[], None]) -> None:
        self._url = url
        self._node = node
        self._on_lost = on_lost
        self._queue: asyncio.Queue[bytes] = asyncio.Queue(10_000)
        self._tasks: list[asyncio.Task[None]] = []
        self._fault = "starting"

    async def start(self, on_hint: OnHint) -> None:
        self._tasks = [
            asyncio.create_task(self._speak(), name="bus-out"),
            asyncio.create_task(self._hear(on_hint), name="bus-in"),
        ]

    def publish(self, hints: Sequence[Hint]) -> None:
        with contextlib.suppress(asyncio.QueueFull):
            self._queue.put_nowait(orjson.dumps([self._node, hints]))

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def state(self) -> tuple[bool, str]:
        return not self._fault, self._fault or "redis"

    async def _speak(self) -> None:
        from redis import asyncio as redis  # imported late: one node needs none of it

        while True:
            try:
                async with redis.from_url(self._url, socket_timeout=5) as client:
                    while True:
                        data = await self._queue.get()
                        await client.publish(CHANNEL, data)
            except (redis.RedisError, OSError) as error:
                log.warning("bus_lost", error=str(error))
                await asyncio.sleep(1)

    async def _hear(self, on_hint: OnHint) -> None:
        from redis import asyncio as redis

        while True:
            try:
                async with redis.from_url(self._url) as client, client.pubsub() as pubsub:
                    await pubsub.subscribe(CHANNEL)
                    self._fault = ""
                    self._on_lost()
                    async for message in pubsub.listen():
                        if message["type"] == "message":
                            node, hints = orjson.loads(message["data"])
                            if node != self._node:
                                for hint in hints:
                                    on_hint(hint)
            except (redis.RedisError, OSError, ValueError) as error:
                self._fault = f"Redis: {error}"
                log.warning("bus_lost", error=str(error))
                await asyncio.sleep(1)
