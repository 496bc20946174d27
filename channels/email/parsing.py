"""Keeps the parsing process: starts it, asks it, ends it when it takes too long, and starts another."""

from __future__ import annotations

import asyncio
from asyncio.subprocess import Process

from channels.contract import Malformed, Parsed
from channels.email.mime import MAX_MESSAGE
from channels.email.parse import Recipient
from channels.email.worker import FRAME, order, understood
from contact_center import workers
from contact_center.domain.time import Moment

_WORKER = "channels.email.worker"
_ANSWER_LIMIT = 4 * MAX_MESSAGE
_DEADLINE = 30.0


class ParsingProcess:
    """Parses one message at a time. ``deadline`` is in seconds of wall-clock time per message."""

    def __init__(self, deadline: float = _DEADLINE) -> None:
        self._deadline = deadline
        self._process: Process | None = None
        self._turn = asyncio.Lock()

    @property
    def pid(self) -> int | None:
        """The process that runs now, if one does."""
        return self._process.pid if self._process is not None else None

    async def start(self) -> None:
        """Starts the process before the first message needs it."""
        async with self._turn:
            if self._process is None:
                self._process = await workers.start(_WORKER)

    async def parse(self, raw: bytes, recipient: Recipient, now: Moment, truncated: bool = False) -> Parsed:
        """As :func:`parse.parse_message`, whatever the message does to the parser: what it doesn't
        survive, or doesn't finish in time, is :class:`Malformed`. It gets a second try in a fresh process,
        since a killed process may have been another's fault."""
        if len(raw) > MAX_MESSAGE:
            raise Malformed(f"The message is larger than {MAX_MESSAGE // 1024 // 1024} MB.")
        question = order(raw, recipient, now, truncated)
        async with self._turn:
            for _ in range(2):
                try:
                    about, data = await asyncio.wait_for(self._ask(question), self._deadline)
                except TimeoutError:
                    await self._end()
                    raise Malformed(f"Parsing it took longer than {self._deadline:g} s.") from None
                except (asyncio.IncompleteReadError, ConnectionError):
                    await self._end()
                except BaseException:
                    await self._end()
                    raise
                else:
                    return understood(about, data, raw)
        raise Malformed("Parsing it ended the parser: it took too much memory or time.")

    async def close(self) -> None:
        async with self._turn:
            await self._end()

    async def _ask(self, question: bytes) -> tuple[bytes, bytes]:
        if self._process is None:
            self._process = await workers.start(_WORKER)
        return await workers.exchange(self._process, question, FRAME, _ANSWER_LIMIT)

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            await workers.end(process)
