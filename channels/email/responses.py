"""Cuts what an IMAP server sends into responses (RFC 3501, section 7). Pure: bytes in, responses out, and nothing is
kept that the limits don't allow, whatever sizes the server announces."""

from __future__ import annotations

import re
from dataclasses import dataclass

LINE = 8 * 1024 * 1024
"""The longest line: a SEARCH names a million messages in one."""
_UNASKED = 1024 * 1024
_PARTS = 101
_LITERAL = re.compile(rb"\{(\d{1,20})\+?\}$")
_STATUS = re.compile(rb"\* (?:OK|NO|BAD|BYE|PREAUTH)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Response:
    """``parts`` are text, literal, text, literal, … text."""

    parts: tuple[bytes, ...]

    @property
    def text(self) -> bytes:
        """All that is no literal."""
        return b"".join(self.parts[::2])


@dataclass(frozen=True, slots=True)
class Fault:
    """Why nothing more is read: ``reason``, and the ``size`` of a literal that is larger than allowed."""

    reason: str
    size: int = 0


class Responses:
    """After a ``fault`` it gives nothing more: the connection is of no use."""

    def __init__(self) -> None:
        self.fault: Fault | None = None
        self._buffer = bytearray()
        self._looked = 0
        self._parts: list[bytes] = []
        self._awaited: int | None = None
        self._bytes = self._count = self._longest = 0
        self.allow(0)

    def allow(self, literal: int, whole: int = 0, count: int = 20_000) -> None:
        """What the next command may bring: no literal longer than ``literal``, ``whole`` bytes and ``count``
        responses in all, with a megabyte for what a server says unasked."""
        self._longest = max(literal, 64 * 1024)
        self._bytes = max(whole, self._longest) + _UNASKED
        self._count = count

    def feed(self, data: bytes) -> list[Response]:
        """The responses that ``data`` completes."""
        if self.fault is not None:
            return []
        self._bytes -= len(data)
        self._buffer += data
        found: list[Response] = []
        while self.fault is None and self._step(found):
            pass
        if self._bytes < 0 or self._count < 0:
            self.fault = self.fault or Fault("The IMAP server doesn't stop talking.")
        if self.fault is not None:
            self._buffer.clear()
        return found

    def _step(self, found: list[Response]) -> bool:
        """Whether something was cut off and more may follow."""
        if self._awaited is not None:
            if len(self._buffer) < self._awaited:
                return False
            self._cut(self._awaited, 0)
            self._awaited = None
            return True
        end = self._buffer.find(b"\r\n", self._looked)
        if end < 0:
            self._looked = max(len(self._buffer) - 1, 0)
            if len(self._buffer) > LINE:
                self.fault = Fault("The IMAP server sends a line without an end.")
            return False
        line = self._cut(end, 2)
        announced = None if _STATUS.match(self._parts[0]) or self._parts[0][:2] != b"* " else _LITERAL.search(line)
        if announced is None:
            found.append(Response(tuple(self._parts)))
            self._parts = []
            self._count -= 1
            return self._count >= 0
        self._awaited = int(announced[1])
        if self._awaited > self._longest:
            self.fault = Fault("The IMAP server sends more than it may.", self._awaited)
        elif len(self._parts) > _PARTS:
            self.fault = Fault("The IMAP server sends a response of too many parts.")
        return self.fault is None

    def _cut(self, length: int, and_then: int) -> bytes:
        part = bytes(memoryview(self._buffer)[:length])
        del self._buffer[: length + and_then]
        self._looked = 0
        self._parts.append(part)
        return part
