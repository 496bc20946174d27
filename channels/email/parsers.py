"""The parsing processes: one for everyday's mail, more while there is much of it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from channels.contract import Parsed
from channels.email.parse import Recipient
from channels.email.parsing import ParsingProcess
from contact_center.domain.time import Moment


class Parsers:
    """As many messages at a time as there are ``processes``; the first is kept, the others started when needed."""

    def __init__(self, processes: int = 2) -> None:
        self._all: Sequence[ParsingProcess] = tuple(ParsingProcess() for _ in range(processes))
        self._free: list[ParsingProcess] = list(reversed(self._all))
        self._turn = asyncio.Semaphore(processes)

    async def start(self) -> None:
        """Starts the first process before the first message needs it."""
        await self._all[0].start()

    async def parse(self, raw: bytes, recipient: Recipient, now: Moment, truncated: bool = False) -> Parsed:
        """As :meth:`ParsingProcess.parse`. Nobody is overtaken by who asked later."""
        async with self._turn:
            parsing = self._free.pop()
            try:
                return await parsing.parse(raw, recipient, now, truncated)
            finally:
                self._free.append(parsing)
                self._free.sort(key=self._all.index, reverse=True)

    async def rest(self) -> None:
        """Ends those that nobody needs now."""
        for parsing in [each for each in self._free if each is not self._all[0]]:
            await parsing.close()

    async def close(self) -> None:
        for parsing in self._all:
            await parsing.close()
