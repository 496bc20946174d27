"""What could not be given to the hub yet, on disk: written and forced out before anybody is told that it is safe.

A segment is a file of entries, each ``mark · number · length · CRC-32 · bytes``; it is only ever appended to. What a
crash or a bad disk left unreadable is skipped up to the next mark: one torn entry hides no other. An entry that was
handed over is noted in ``done.log``; a segment goes when all of its entries are. No more than ``most_bytes`` is ever
kept: beyond, an entry is refused, and whoever sent it comes again.
"""

from __future__ import annotations

import fcntl
import os
import struct
import threading
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

log = structlog.get_logger(__name__)

MARK = b"\xf5CC1"
_HEAD = struct.Struct(">4sQII")
_DONE = struct.Struct(">QI")
SEGMENT_BYTES = 8 * 1_048_576
LONGEST = 1_048_576
MOST_NOTES = 1_048_576


class SpoolFull(Exception):
    """There is no room (left for us, or on the disk). Nothing was kept."""


class SpoolTaken(Exception):
    """Another process has this folder."""


@dataclass(slots=True)
class _Segment:
    path: Path
    size: int
    waiting: set[int]


@dataclass(frozen=True, slots=True)
class _Place:
    segment: Path
    offset: int
    length: int


class Spool:
    """The spool in ``folder``, for this process alone, from any of its threads. Blocking; entries are numbered from
    1, never twice."""

    def __init__(
        self, folder: Path, most_bytes: int, *, segment_bytes: int = SEGMENT_BYTES, most_notes: int = MOST_NOTES
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder = folder
        self._most = most_bytes
        self._segment_bytes = segment_bytes
        self._most_notes = most_notes
        self._folder_lock = self._take_folder()
        self._lock = threading.RLock()
        self._segments: dict[Path, _Segment] = {}
        self._places: dict[int, _Place] = {}
        self._open: int | None = None
        self._last = 0
        self._done_path = folder / "done.log"
        self._load()

    def _take_folder(self) -> Any:
        file = (self._folder / "spool.lock").open("a+")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            file.close()
            raise SpoolTaken(f"Another process writes to {self._folder}.") from error
        return file

    def close(self) -> None:
        with self._lock:
            self._end_segment()
            self._folder_lock.close()

    # --- what is there -------------------------------------------------------------------------------------------

    def __len__(self) -> int:
        """Entries that were not handed over."""
        return len(self._places)

    @property
    def size(self) -> int:
        """Bytes on disk."""
        with self._lock:
            return sum(segment.size for segment in self._segments.values())

    def waiting(self) -> list[int]:
        """The numbers of what was not handed over, oldest first."""
        with self._lock:
            return sorted(self._places)

    def read(self, number: int) -> bytes:
        """An entry's bytes. Raises ``KeyError`` where it was handed over."""
        with self._lock:
            place = self._places[number]
            with place.segment.open("rb") as file:
                file.seek(place.offset)
                return file.read(place.length)

    # --- writing -------------------------------------------------------------------------------------------------

    def append(self, data: bytes) -> int:
        """Keeps ``data``: it is on disk when this returns, under the number that it gives. Raises
        :class:`SpoolFull`."""
        with self._lock:
            return self._append(data)

    def _append(self, data: bytes) -> int:
        whole = _HEAD.size + len(data)
        if len(data) > LONGEST or self.size + whole > self._most:
            raise SpoolFull("The spool is full.")
        self._last = number = self._last + 1
        try:
            segment = self._segment_for(number, whole)
            self._write(segment, number, data)
        except OSError as error:
            self._give_up_segment()
            raise SpoolFull(f"The disk does not take it: {error.strerror}") from error
        segment.waiting.add(number)
        self._places[number] = _Place(segment.path, segment.size - len(data), len(data))
        return number

    def _segment_for(self, number: int, room: int) -> _Segment:
        current = self._current()
        if current is not None and current.size + room > self._segment_bytes:
            self._end_segment()
            current = None
        if current is None:
            path = self._folder / f"spool-{number:020d}.log"
            self._open = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
            current = self._segments[path] = _Segment(path, 0, set())
            self._force_folder()
        return current

    def _current(self) -> _Segment | None:
        return next(reversed(self._segments.values())) if self._open is not None else None

    def _write(self, segment: _Segment, number: int, data: bytes) -> None:
        assert self._open is not None
        entry = _HEAD.pack(MARK, number, len(data), _sum(number, data)) + data
        left = memoryview(entry)
        while left:
            written = os.write(self._open, left)
            segment.size += written
            left = left[written:]
        os.fsync(self._open)

    def _give_up_segment(self) -> None:
        """After a write that failed: whatever half of it is there is skipped when the segment is read again."""
        current = self._current()
        self._end_segment()
        if current is not None and not current.waiting:
            current.path.unlink(missing_ok=True)
            del self._segments[current.path]

    def _end_segment(self) -> None:
        if self._open is not None:
            os.close(self._open)
            self._open = None

    # --- handing over --------------------------------------------------------------------------------------------

    def done(self, numbers: Iterable[int]) -> None:
        """These were handed over. Where that cannot be noted they are handed over again after a restart, which does
        no harm."""
        with self._lock:
            self._done(numbers)

    def _done(self, numbers: Iterable[int]) -> None:
        known = [number for number in numbers if number in self._places]
        if not known:
            return
        try:
            handle = os.open(self._done_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                os.write(handle, b"".join(_DONE.pack(number, _sum(number, b"")) for number in known))
                os.fsync(handle)
            finally:
                os.close(handle)
            if self._done_path.stat().st_size > self._most_notes:
                self._forget_old_notes()
        except OSError as error:
            log.warning("spool_not_noted", reason=error.strerror)
        for number in known:
            place = self._places.pop(number)
            self._segments[place.segment].waiting.discard(number)
        self._tidy()

    def _forget_old_notes(self) -> None:
        """About what is in no segment any more nobody asks again."""
        first = min((int(path.stem.removeprefix("spool-")) for path in self._segments), default=self._last)
        kept = [number for number in self._noted() if number >= first]
        fresh = self._done_path.with_suffix(".new")
        with fresh.open("wb") as file:
            file.write(b"".join(_DONE.pack(number, _sum(number, b"")) for number in kept))
            file.flush()
            os.fsync(file.fileno())
        os.replace(fresh, self._done_path)

    def _tidy(self) -> None:
        """Lets go of segments that nobody waits for; once all are gone, of the notes about them."""
        for segment in [each for each in self._segments.values() if not each.waiting]:
            if segment is self._current():
                if self._places:
                    continue
                self._end_segment()
            segment.path.unlink(missing_ok=True)
            del self._segments[segment.path]
        if not self._segments:
            self._force_folder()
            self._done_path.unlink(missing_ok=True)

    def _force_folder(self) -> None:
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    # --- after a restart -----------------------------------------------------------------------------------------

    def _load(self) -> None:
        over = self._noted()
        self._last = max(over, default=0)
        for path in sorted(self._folder.glob("spool-*.log")):
            segment = _Segment(path, path.stat().st_size, set())
            self._segments[path] = segment
            for number, offset, length in _entries(path):
                self._last = max(self._last, number)
                if number not in over:
                    segment.waiting.add(number)
                    self._places[number] = _Place(path, offset, length)
        self._tidy()
        if self._places:
            log.info("spool_found", entries=len(self._places), size=self.size)

    def _noted(self) -> set[int]:
        try:
            told = self._done_path.read_bytes()
        except FileNotFoundError:
            return set()
        whole = len(told) - len(told) % _DONE.size
        return {number for number, check in _DONE.iter_unpack(told[:whole]) if check == _sum(number, b"")}


def _sum(number: int, data: bytes) -> int:
    return zlib.crc32(data, zlib.crc32(number.to_bytes(8, "big")))


def _entries(path: Path) -> Iterator[tuple[int, int, int]]:
    """Number, offset and length of every entry that is whole."""
    data = path.read_bytes()
    at = skipped = 0
    while at + _HEAD.size <= len(data):
        mark, number, length, check = _HEAD.unpack_from(data, at)
        begin = at + _HEAD.size
        body = data[begin : begin + length]
        if mark == MARK and len(body) == length and check == _sum(number, body):
            yield number, begin, length
            at = begin + length
            continue
        further = data.find(MARK, at + 1)
        skipped += (further if further >= 0 else len(data)) - at
        at = further if further >= 0 else len(data)
    if skipped or at < len(data):
        log.warning("spool_torn", file=path.name, skipped=skipped + len(data) - at)
