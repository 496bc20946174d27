"""Files by digest, outside the database: attachments and raw messages.

A file's name is the SHA-256 of its bytes, so nothing that a sender wrote ever names a path; the folder is served
by no web server.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import tempfile
from pathlib import Path

_DIGEST = re.compile(r"[0-9a-f]{64}")


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
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        return digest

    async def get(self, digest: str) -> bytes | None:
        """The bytes, or None where there are none."""
        try:
            return await asyncio.to_thread(self.path(digest).read_bytes)
        except (FileNotFoundError, ValueError):
            return None

    async def remove(self, digest: str) -> None:
        """Removes the bytes for good; what is not there is removed already."""
        await asyncio.to_thread(self.path(digest).unlink, True)
