"""Reads the header block of a message: bounded, in linear time, from whatever bytes it is made of.

The standard library's parser is not used on strangers' mail: one message can hold it for seconds or end it
with a RecursionError.
"""

from __future__ import annotations

import binascii
import re
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from channels.contract import Malformed
from channels.email.charsets import decode, guess

MAX_HEAD = 64 * 1024
MAX_PARAMETERS = 100

_END = re.compile(rb"\r?\n\r?\n")
_FOLD = re.compile(rb"\r?\n(?=[ \t])")
_LATE = re.compile(rb"(?:\xef\xbb\xbf|[ \t]*\r?\n){1,9}(?=[!-9;-~]{1,40}:)")
_LATE_IN_PART = re.compile(rb"(?:[ \t]*\r?\n){1,9}(?=content-(?:type|transfer-encoding|disposition):)", re.IGNORECASE)
_WORD = re.compile(rb"=\?([^?\s]{1,60})\?([BbQq])\?([^?]*)\?=")
_FIELD = re.compile(rb"^([!-9;-~]{1,100})[ \t]*:(.*)$", re.MULTILINE)
_MESSAGE_ID = re.compile(rb"<([^<>\s\x00-\x1f\x7f]{1,900})>")
_BARE_ID = re.compile(rb"[^\s<>\x00-\x1f\x7f()\",;]{1,450}@[^\s<>\x00-\x1f\x7f()\",;]{1,450}")
_NOT_BASE64 = bytes(set(range(256)) - set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="))

# Controls break lines and terminals; direction marks and zero-width joins of words disguise what is written.
_UNSEEMLY = {
    **dict.fromkeys([*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029], " "),
    **dict.fromkeys([0x061C, 0x200B, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2060, 0x206A), 0xFEFF]),
}


@dataclass(frozen=True, slots=True)
class Headers:
    """Field values by lower-case name, unfolded, undecoded, in order of appearance."""

    fields: dict[str, list[bytes]]

    def all(self, name: str) -> list[bytes]:
        return self.fields.get(name, [])

    def first(self, name: str) -> bytes:
        values = self.fields.get(name)
        return values[0] if values else b""

    def word(self, name: str) -> str:
        """The first value, for fields that hold a bare keyword: lower case, ASCII, short."""
        return self.first(name)[:200].decode("ascii", "replace").strip().lower()


def read_head(raw: bytes, start: int = 0, end: int | None = None) -> tuple[Headers, int]:
    """The headers of the message or part in ``raw[start:end]``, and where its body begins. Lines that are no header
    are passed over; but what no header follows is the body, of a program that forgot the empty line. Raises
    :class:`Malformed` where the block is longer than 64 KB."""
    end = len(raw) if end is None else end
    start = _first_header(raw, start, end)
    if raw.startswith((b"\n", b"\r\n"), start, end):
        return Headers({}), start + (1 if raw.startswith(b"\n", start, end) else 2)
    found = _END.search(raw, start, min(end, start + MAX_HEAD))
    if found is None and end - start > MAX_HEAD:
        raise Malformed(f"The header block is longer than {MAX_HEAD // 1024} KB.")
    head = raw[start : found.start() if found else end]
    fields, complete = _fields(head)
    if not complete:
        return Headers(fields), start + _length_of_fields(head)
    return Headers(fields), found.end() if found else end


def _first_header(raw: bytes, start: int, end: int) -> int:
    """Past what programs leave in front: a byte order mark, an mbox line, an empty line above the headers."""
    late = _LATE_IN_PART
    if start == 0:
        late = _LATE
        if raw.startswith((b"From ", b">From "), start):
            start = raw.find(b"\n", start, end) + 1 or end
    found = late.match(raw, start, min(end, start + 300))
    return found.end() if found else start


def _fields(head: bytes) -> tuple[dict[str, list[bytes]], bool]:
    """The fields, and whether the last line is one."""
    fields: dict[str, list[bytes]] = {}
    lines = _FOLD.sub(b"", head)
    for name, value in _FIELD.findall(lines):
        fields.setdefault(name.decode("ascii").lower(), []).append(value.strip())
    last = lines[lines.rfind(b"\n") + 1 :]
    return fields, _FIELD.match(last) is not None or not last.strip()


def _length_of_fields(head: bytes) -> int:
    """How much of ``head`` the fields take, with what stands between them."""
    at = length = 0
    within = False
    for line in head.split(b"\n"):
        within = (line[:1] in b" \t" and within) or _FIELD.match(line) is not None
        at += len(line) + 1
        if within:
            length = at
    return length


def decode_words(value: bytes) -> str:
    """A field's value as text: RFC 2047 encoded words, also where they stand in quotes or cut a character in
    two, as mail really has them; other bytes as :func:`charsets.guess` reads them."""
    if b"=?" not in value:
        return guess(value)
    pieces: list[str] = []
    word, word_charset, at = b"", "", 0
    for match in _WORD.finditer(value):
        between = value[at : match.start()]
        charset = match[1].partition(b"*")[0].decode("ascii", "replace").lower()
        joined = bool(word_charset) and not between.strip()
        if not joined or charset != word_charset:
            pieces.append(decode(word, word_charset) if word_charset else "")
            word = b""
        if not joined and between:
            pieces.append(guess(between))
        word, word_charset, at = word + _word_bytes(match[2], match[3]), charset, match.end()
    pieces.append(decode(word, word_charset) if word_charset else "")
    pieces.append(guess(value[at:]))
    return "".join(pieces)


def _word_bytes(encoding: bytes, data: bytes) -> bytes:
    if encoding in b"Bb":
        return from_base64(data)
    return binascii.a2b_qp(data.replace(b"_", b" "), header=True)


def from_base64(data: bytes) -> bytes:
    """What the alphabet's characters in ``data`` spell. Several padded runs in a row are read one after the
    other, as careless gateways glue them; a run's odd last character is dropped."""
    runs = data.translate(None, _NOT_BASE64).split(b"=")
    return b"".join(_run_of_base64(run) for run in runs if run)


def _run_of_base64(run: bytes) -> bytes:
    if len(run) % 4 == 1:
        run = run[:-1]
    return binascii.a2b_base64(run + b"=" * (-len(run) % 4))


def seemly(text: str, limit: int) -> str:
    """One line of text to be shown: no controls, no direction marks, no runs of spaces, at most ``limit``."""
    return " ".join(text[: limit * 4].translate(_UNSEEMLY).split())[:limit]


def message_ids(value: bytes) -> list[str]:
    """The ids in a Message-ID, In-Reply-To or References field, with their angle brackets; a bare one gets
    them; one that a program encoded as words is decoded. What is no id is passed over."""
    if b"=?" in value:
        value = decode_words(value).encode("utf-8", "replace")
    found = [match[0] for match in _MESSAGE_ID.finditer(value)]
    if not found:
        found = [b"<" + match[0] + b">" for match in _BARE_ID.finditer(value[:4096])]
    return [each.decode("utf-8", "replace") for each in found if b"@" in each or len(each) > 4]


def parameters(value: bytes) -> tuple[str, dict[str, str]]:
    """``text/plain; charset="x"; name*0*=utf-8''…`` as (``text/plain``, {``charset``: …, ``name``: …}): RFC
    2045 with the continuations and charsets of RFC 2231, encoded words too. The first of two equal names
    counts. Raises :class:`Malformed` for more than a hundred."""
    main, _, rest = value.partition(b";")
    if b"=" in main:  # the semicolon behind the type was forgotten
        main, _, first = main.strip().partition(b" ")
        rest = first + b";" + rest
    kind = main.decode("ascii", "replace").strip().lower()[:200]
    if not rest:
        return kind, {}
    plain: dict[str, bytes] = {}
    for name, text in _pairs(rest):
        plain.setdefault(name, text)
    return kind, _joined(plain)


def _pairs(rest: bytes) -> list[tuple[str, bytes]]:
    pairs: list[tuple[str, bytes]] = []
    at, end = 0, len(rest)
    while at < end:
        equals = rest.find(b"=", at)
        if equals < 0:
            break
        name = rest[at:equals].rpartition(b";")[2].strip().lower()
        at = equals + 1
        while at < end and rest[at] in b" \t":
            at += 1
        text, at = _quoted(rest, at + 1) if rest[at : at + 1] == b'"' else _token(rest, at)
        pairs.append((name.decode("ascii", "replace"), text))
        if len(pairs) > MAX_PARAMETERS:
            raise Malformed(f"A header has more than {MAX_PARAMETERS} parameters.")
    return pairs


def _token(rest: bytes, at: int) -> tuple[bytes, int]:
    end = rest.find(b";", at)
    end = len(rest) if end < 0 else end
    return rest[at:end].strip(), end + 1


def _quoted(rest: bytes, at: int) -> tuple[bytes, int]:
    begin = at
    while True:
        end = rest.find(b'"', at)
        if end < 0:
            return rest[begin:].partition(b";")[0].strip(), len(rest)
        backslashes = len(rest[begin:end]) - len(rest[begin:end].rstrip(b"\\"))
        if backslashes % 2 == 0:
            text = rest[begin:end]
            after = rest.find(b";", end)
            # Backslashes before other letters stay: programs write Windows paths without escaping them.
            return text.replace(b'\\"', b'"').replace(b"\\\\", b"\\"), len(rest) if after < 0 else after + 1
        at = end + 1
        if at - begin > 4096:
            return rest[begin:at], len(rest)


def _joined(plain: dict[str, bytes]) -> dict[str, str]:
    made: dict[str, str] = {}
    continued: dict[str, dict[int, tuple[bool, bytes]]] = {}
    for name, text in plain.items():
        base, star, number = name.partition("*")
        if not star:
            made[base] = decode_words(text)
        elif number.rstrip("*").isdecimal() and len(number) < 5:
            continued.setdefault(base, {})[int(number.rstrip("*"))] = (number.endswith("*"), text)
        elif not number:
            continued.setdefault(base, {})[0] = (True, text)
    for base, pieces in continued.items():
        made[base] = _extended(pieces)
    return made


def _extended(pieces: dict[int, tuple[bool, bytes]]) -> str:
    charset, data = "", b""
    for place, number in enumerate(sorted(pieces)):
        encoded, text = pieces[number]
        if encoded and place == 0 and text.count(b"'") >= 2:
            label, _, text = text.split(b"'", 2)
            charset = label.decode("ascii", "replace")
        data += unquote_to_bytes(text) if encoded else text
    return decode(data, charset)
