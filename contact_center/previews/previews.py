"""Keeps the drawing process and what it drew: starts it, asks it, ends it when it takes too long.

What was drawn lies in a folder that may be removed at any time; the oldest goes when it is full.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import tempfile
from asyncio.subprocess import Process
from dataclasses import asdict
from pathlib import Path

import orjson

from contact_center import workers
from contact_center.previews.worker import FRAME, READY, Drawn, frame

VERSION = 1
"""Of how things are drawn: what an older one drew is drawn anew."""
MAX_FILE = 40 * 1024 * 1024
AT_ONCE = 6
MAX_KEPT = 256 * 1024 * 1024
_MAX_ANSWER = 32 * 1024 * 1024
_DEADLINE = 8.0
_BEGINNING = 60.0
_TOO_LONG = Drawn(refused="Drawing it takes too long.")
_MOST_REFUSED = 2_000
_SWEEP_EVERY = 50
_WORKER = "contact_center.previews.worker"


class Previews:
    """``folder`` is the cache's, ``deadline`` in seconds of wall-clock time per file, once the process has begun.
    Whoever has a file in memory to be drawn holds ``room``."""

    def __init__(self, folder: Path, deadline: float = _DEADLINE, most_kept: int = MAX_KEPT) -> None:
        self._folder = folder
        self._deadline = deadline
        self._most_kept = most_kept
        self._process: Process | None = None
        self._turn = asyncio.Lock()
        self.room = asyncio.Semaphore(AT_ONCE)
        self._refused: dict[str, Drawn] = {}
        self._written = 0

    @property
    def pid(self) -> int | None:
        """The process that runs now, if one does."""
        return self._process.pid if self._process is not None else None

    async def known(self, name: str, page: int = 1, size: str = "thumb") -> tuple[Drawn, bytes] | None:
        """What was drawn of the file before. ``name`` is the file's digest, or whatever else names it for good."""
        key = _key(name, page, size)
        if key in self._refused:
            return self._refused[key], b""
        return await asyncio.to_thread(self._read, key)

    async def of(
        self, name: str, data: bytes, media_type: str = "", page: int = 1, size: str = "thumb"
    ) -> tuple[Drawn, bytes]:
        """The file as it may be looked at, whatever it does to the one who draws it: what that doesn't survive is
        refused for good, and what isn't finished in time for this once. A file that is too much of a task ends its
        process by the processor time that it takes, so time alone says that the machine is busy."""
        found = await self.known(name, page, size)
        if found is not None:
            return found
        if len(data) > MAX_FILE:
            return Drawn(refused="The file is too large."), b""
        about = orjson.dumps({"media_type": media_type, "page": page, "size": size})
        drawn, made = await self._ask(frame(about, data))
        key = _key(name, page, size)
        if drawn is _TOO_LONG:
            return drawn, made
        if drawn.refused:
            while len(self._refused) >= _MOST_REFUSED:
                self._refused.pop(next(iter(self._refused)))
            self._refused[key] = drawn
        else:
            await asyncio.to_thread(self._write, key, drawn, made)
        return drawn, made

    async def close(self) -> None:
        async with self._turn:
            await self._end()

    # --- the process ---------------------------------------------------------------------------------------------

    async def _ask(self, question: bytes) -> tuple[Drawn, bytes]:
        async with self._turn:
            for _ in range(2):
                began = self._process is None
                try:
                    await asyncio.wait_for(self._begin(), _BEGINNING)
                    return await asyncio.wait_for(self._exchange(question), self._deadline)
                except TimeoutError:
                    await self._end()
                    return _TOO_LONG, b""
                except (asyncio.IncompleteReadError, ConnectionError):
                    await self._end()
                    if began:  # this file ended it; else it had gone for want of work
                        break
                except BaseException:
                    await self._end()
                    raise
        return Drawn(refused="Drawing it takes too much."), b""

    async def _begin(self) -> None:
        if self._process is None:
            self._process = await workers.start(_WORKER)
            assert self._process.stdout is not None
            await self._process.stdout.readexactly(len(READY))

    async def _exchange(self, question: bytes) -> tuple[Drawn, bytes]:
        assert self._process is not None
        about, data = await workers.exchange(self._process, question, FRAME, _MAX_ANSWER)
        return Drawn(**orjson.loads(about)), data

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            await workers.end(process)

    # --- what is kept --------------------------------------------------------------------------------------------

    def _read(self, key: str) -> tuple[Drawn, bytes] | None:
        path = self._folder / key
        try:
            about, _, data = path.read_bytes().partition(b"\n")
            os.utime(path)
            return Drawn(**orjson.loads(about)), data
        except (OSError, orjson.JSONDecodeError, TypeError):
            return None

    def _write(self, key: str, drawn: Drawn, data: bytes) -> None:
        """A cache that cannot be written is no cache, and no fault either."""
        with contextlib.suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(dir=self._folder)
            with os.fdopen(handle, "wb") as file:
                file.write(orjson.dumps(asdict(drawn)) + b"\n" + data)
            os.replace(temporary, self._folder / key)
            self._written += 1
            if self._written % _SWEEP_EVERY == 1:
                self._sweep()

    def _sweep(self) -> None:
        found = []
        for path in self._folder.iterdir():
            with contextlib.suppress(OSError):
                about = path.stat()
                found.append((about.st_mtime, about.st_size, path))
        kept = 0
        for _, size, path in sorted(found, reverse=True):
            kept += size
            if kept > self._most_kept:
                path.unlink(missing_ok=True)


def _key(name: str, page: int, size: str) -> str:
    return hashlib.sha256(f"{VERSION}\n{name}\n{page}\n{size}".encode()).hexdigest()
