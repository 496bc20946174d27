"""Files by digest, outside the database: attachments and raw messages.

A file's name is the SHA-256 of its bytes, so nothing that a sender wrote ever names a path; the folder is served
by no web server.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import re
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import BinaryIO

_DIGEST = re.compile(r"[0-9a-f]{64}")


class TooLarge(Exception):
    """More came than there may be. Nothing of it is kept."""


class Blobs:
    """The blob store in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, digest: str) -> Path:
        """Where ``digest`` lies. Raises ``ValueError`` for what is no digest."""
        if not _DIGEST.fullmatch(digest):
            raise ValueError("not a SHA-256 digest")
        return self._folder / digest[:2] / digest

    async def put(self, data: bytes) -> str:
        """Stores ``data`` durably and returns its digest. The same bytes are stored once."""
        return await asyncio.to_thread(self._put, data)

    def _put(self, data: bytes) -> str:
        digest = hashlib.sha256(data).hexdigest()
        path = self.path(digest)
        if path.exists():
            return digest
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                _flushed(file)
            os.replace(temporary, path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        _folder_flushed(path.parent)
        return digest

    async def take(self, chunks: AsyncIterator[bytes], most: int) -> tuple[str, int]:
        """Stores what comes in pieces, durably, and returns its digest and size. Raises :class:`TooLarge` for more
        than ``most`` bytes."""
        self._folder.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=self._folder)
        temporary, hashed, size = Path(name), hashlib.sha256(), 0
        try:
            with os.fdopen(handle, "wb") as file:
                async for chunk in chunks:
                    size += len(chunk)
                    if size > most:
                        raise TooLarge()
                    hashed.update(chunk)
                    await asyncio.to_thread(file.write, chunk)
                await asyncio.to_thread(_flushed, file)
            digest = hashed.hexdigest()
            await asyncio.to_thread(self._settle, temporary, digest)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)
            raise
        return digest, size

    def _settle(self, temporary: Path, digest: str) -> None:
        path = self.path(digest)
        path.parent.mkdir(parents=True, exist_ok=True)
        os.replace(temporary, path)
        _folder_flushed(path.parent)

    async def adopt(self, other: Blobs, digest: str) -> None:
        """Keeps here too what ``other`` has under ``digest``; nothing where it has nothing."""
        if self.path(digest).exists():
            return
        data = await other.get(digest)
        if data is not None:
            await self.put(data)

    async def get(self, digest: str) -> bytes | None:
        """The bytes, or None where there are none."""
        try:
            return await asyncio.to_thread(self.path(digest).read_bytes)
        except (FileNotFoundError, ValueError):
            return None

    async def remove(self, digest: str) -> None:
        """Removes the bytes for good; what is not there is removed already."""
        await asyncio.to_thread(self.path(digest).unlink, True)


def _flushed(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _folder_flushed(path: Path) -> None:
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
