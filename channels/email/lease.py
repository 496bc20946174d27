"""One node's right to fetch a mailbox, so that no two do."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from channels.contract import Busy, Hub


class Lost(Exception):
    """Another node has it now."""


class Lease:
    """The right to do ``what`` for ``seconds`` at a time."""

    def __init__(self, hub: Hub, what: str, seconds: float) -> None:
        self._hub = hub
        self._what = what
        self._seconds = seconds
        self._until = 0.0

    async def take(self) -> bool:
        """Asks for it, or for more of it. Raises ``Busy``."""
        asked = asyncio.get_running_loop().time()
        got = await self._hub.lease(self._what, self._seconds)
        self._until = asked + self._seconds if got else 0.0
        return got

    async def check(self) -> None:
        """Returns while it is ours. A process that was stopped, or whose database was away, asks again before it goes
        on. Raises :class:`Lost`, ``Busy``."""
        if asyncio.get_running_loop().time() >= self._until and not await self.take():
            raise Lost

    async def during(self, work: Coroutine[Any, Any, None]) -> None:
        """Does ``work`` as long as it is ours, asking for more at a third of the time. Raises :class:`Lost`, with
        ``work`` at an end."""
        task = asyncio.ensure_future(work)
        try:
            while not (await asyncio.wait({task}, timeout=self._seconds / 3))[0]:
                await self._renew()
            task.result()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _renew(self) -> None:
        try:
            if not await self.take():
                raise Lost
        except Busy:
            # Nobody else could take it either; but it ends when we said that it would.
            if asyncio.get_running_loop().time() >= self._until:
                raise Lost from None
