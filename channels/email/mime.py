"""Takes a message apart (RFC 2045, 2046): bounded in parts and depth, in linear time, without copying.

Broken MIME is read as its sender meant it where that is plain, and as text where it isn't; nothing is
dropped."""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import islice

from channels.contract import Malformed
from channels.email.headers import Headers, from_base64, parameters, read_head

MAX_PARTS = 200
MAX_DEPTH = 20
MAX_MESSAGE = 25 * 1024 * 1024

_SPACES_AT_SOFT_BREAK = re.compile(rb"=[ \t]+(?=\r?\n)")
_UNNAMED_BOUNDARY = re.compile(rb"^--([^\s-][^\r\n]{0,199})\r?\n(?=content-|\r?\n)", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Part:
    """A node of the message. ``media_type`` is what the header says, in lower case; ``parameters`` are the
    Content-Type's; ``disposition`` is ``inline``, ``attachment`` or empty. The body is ``raw[start:end]``."""

    raw: bytes = field(repr=False)
    headers: Headers = field(repr=False)
    media_type: str
    parameters: dict[str, str]
    disposition: str
    filename: str
    start: int
    end: int
    children: tuple[Part, ...] = ()

    @property
    def content_id(self) -> str:
        return self.headers.first("content-id")[:255].decode("utf-8", "replace").strip().strip("<>")

    def content(self) -> bytes:
        """The body with its transfer encoding undone. What claims to be base64 and holds none of it is
        given as it stands, rather than as nothing."""
        body = self.raw[self.start : self.end]
        encoding = self.headers.word("content-transfer-encoding").partition(";")[0].strip().strip("\"'")
        if encoding in {"base64", "base-64", "x-base64"}:
            return from_base64(body) or body.strip()
        if encoding in {"quoted-printable", "quoted_printable", "quotedprintable", "qp"}:
            return binascii.a2b_qp(_SPACES_AT_SOFT_BREAK.sub(b"=", body))
        if encoding in {"x-uuencode", "uuencode", "x-uue", "uue"}:
            return from_uuencode(body)
        return body


class _Budget:
    def __init__(self) -> None:
        self.parts = 0

    def spend(self) -> None:
        self.parts += 1
        if self.parts > MAX_PARTS:
            raise Malformed(f"The message has more than {MAX_PARTS} parts.")


def take_apart(raw: bytes, headers: Headers, body_start: int) -> Part:
    """The tree of the message whose ``headers`` were read and whose body begins at ``body_start``. An
    enclosed message is a leaf: it is kept whole. Raises :class:`Malformed` beyond 200 parts or 20 levels."""
    return _part(raw, headers, body_start, len(raw), "text/plain", 0, _Budget())


def _part(
    raw: bytes, headers: Headers, start: int, end: int, default: str, depth: int, budget: _Budget, above: bytes = b""
) -> Part:
    budget.spend()
    media_type, given = parameters(headers.first("content-type"))
    if "/" not in media_type:
        media_type = default
    disposition, about = parameters(headers.first("content-disposition"))
    if disposition not in {"inline", "attachment"}:
        disposition = "attachment" if disposition else ""  # RFC 2183 2.8: unknown means attachment
    filename = about.get("filename") or about.get("name") or given.get("name") or given.get("filename", "")
    children: tuple[Part, ...] = ()
    if media_type.startswith("multipart/"):
        if depth >= MAX_DEPTH:
            raise Malformed(f"The message is nested more than {MAX_DEPTH} levels deep.")
        boundary = given.get("boundary", "").encode("utf-8", "replace")
        if end - start < 300 and raw[start:end].strip() == b"--" + boundary + b"--":
            start = end  # no part at all
        spans = _spans(raw, start, end, boundary)
        if not spans and (not boundary or boundary != above):
            boundary = _likely_boundary(raw, start, end)
            spans = _spans(raw, start, end, boundary)
        children = _children(raw, spans, boundary, media_type, depth, budget)
        if not children:
            media_type = "text/plain"
    return Part(raw, headers, media_type, given, disposition, filename, start, end, children)


def _children(
    raw: bytes, spans: list[tuple[int, int]], boundary: bytes, media_type: str, depth: int, budget: _Budget
) -> tuple[Part, ...]:
    default = "message/rfc822" if media_type == "multipart/digest" else "text/plain"
    children: list[Part] = []
    for start, end in spans:
        headers, body = read_head(raw, start, end)
        children.append(_part(raw, headers, body, end, default, depth + 1, budget, boundary))
    return _with_own_children(children, boundary, depth)


def _with_own_children(children: list[Part], boundary: bytes, depth: int) -> tuple[Part, ...]:
    """Where a multipart uses its parent's boundary, its parts are those that seem to follow it."""
    for place, child in enumerate(children):
        named = child.parameters.get("boundary", "").encode("utf-8", "replace")
        declared = child.headers.word("content-type").partition(";")[0].strip()
        if depth < MAX_DEPTH and named == boundary and declared.startswith("multipart/") and not child.children:
            own = _with_own_children(children[place + 1 :], boundary, depth + 1)
            return (*children[:place], replace(child, media_type=declared, children=own))
    return tuple(children)


def _likely_boundary(raw: bytes, start: int, end: int) -> bytes:
    """The boundary of a multipart that names none, or another: its first line of two hyphens above a header."""
    found = _UNNAMED_BOUNDARY.search(raw, start, min(end, start + 16_384))
    return found[1].rstrip() if found else b""


def _spans(raw: bytes, start: int, end: int, boundary: bytes) -> list[tuple[int, int]]:
    return list(islice(_between(raw, start, end, boundary), MAX_PARTS + 1))


def _between(raw: bytes, start: int, end: int, boundary: bytes) -> Iterator[tuple[int, int]]:
    """Where the parts lie. A part that is not closed ends where its parent does; what is closed too early goes on."""
    opened = -1
    if boundary:
        for line_start, line_end, closing in _delimiters(raw, start, end, b"--" + boundary):
            if opened >= 0:
                yield opened, max(opened, _before_newline(raw, line_start))
            opened = -1 if closing else line_end
    if opened >= 0:
        yield opened, end


def _delimiters(raw: bytes, start: int, end: int, delimiter: bytes) -> Iterator[tuple[int, int, bool]]:
    at = start
    while (found := raw.find(delimiter, at, end)) >= 0:
        at = found + len(delimiter)
        if found > start and raw[found - 1] != 0x0A:
            continue
        newline = raw.find(b"\n", at, end)
        line_end = end if newline < 0 else newline + 1
        if line_end - at > 200:
            continue
        rest = raw[at:line_end].strip()
        if rest in (b"", b"--"):
            at = line_end
            yield found, line_end, rest == b"--"


def _before_newline(raw: bytes, at: int) -> int:
    """The line break in front of a delimiter belongs to the delimiter (RFC 2046 5.1.1)."""
    at -= raw[at - 1 : at] == b"\n"
    return at - (raw[at - 1 : at] == b"\r")


def from_uuencode(body: bytes) -> bytes:
    """What uuencoded lines spell; those of another kind are left out where they frame it, and kept where not."""
    lines: list[bytes] = []
    for line in body.splitlines():
        if line.startswith(b"begin ") or line in (b"end", b"`", b"", b" "):
            continue
        try:
            lines.append(binascii.a2b_uu(line))
        except binascii.Error:
            lines.append(_overlong(line))
    return b"".join(lines)


def _overlong(line: bytes) -> bytes:
    """Some programs put a check letter behind a line's data."""
    letters = (((line[0] - 32) & 63) * 4 + 5) // 3
    try:
        return binascii.a2b_uu(line[:letters]) if 32 < line[0] < 97 else line
    except binascii.Error:
        return line
