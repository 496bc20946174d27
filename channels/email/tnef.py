"""Opens winmail.dat, in which Outlook hides files and words ([MS-OXTNEF]): bounded, in one pass over the bytes."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from channels.email import rtf
from channels.email.charsets import decode
from channels.email.files import File, file_name, media_type_of
from channels.email.rendering import to_text

_SIGNATURE = 0x223E9F78
_ATTRIBUTE = struct.Struct("<BHHI")
_MOST_FILES = 100
_MOST_PROPERTIES = 5_000
_DEEPEST = 3

_FILE_BEGINS, _FILE_DATA, _FILE_TITLE, _FILE_PROPERTIES = 0x9002, 0x800F, 0x8010, 0x9005
_BODY, _PROPERTIES, _CODEPAGE = 0x800C, 0x9003, 0x9007

_TEXT, _HTML, _RTF = 0x1000, 0x1013, 0x1009
_INTERNET_CODEPAGE = 0x3FDE
_DATA, _SHORT_NAME, _LONG_NAME, _MEDIA_TYPE, _CONTENT_ID, _DISPLAY_NAME = (
    0x3701,
    0x3704,
    0x3707,
    0x370E,
    0x3712,
    0x3001,
)
_FIXED = {0x02: 4, 0x0B: 4, 0x03: 4, 0x04: 4, 0x0A: 4, 0x05: 8, 0x06: 8, 0x07: 8, 0x14: 8, 0x40: 8, 0x48: 16}
_VARIABLE = {0x0D, 0x1E, 0x1F, 0x102}
_STRING, _UNICODE, _OBJECT = 0x1E, 0x1F, 0x0D
_MESSAGE_INTERFACE = bytes.fromhex("0703020000000000c000000000000046")


@dataclass(slots=True)
class Opened:
    """``whole``: nothing in it was beyond reading, so the container itself need not be kept. ``text`` are the words
    of the message, whichever way they were written."""

    files: list[File] = field(default_factory=list)
    text: str = ""
    html: str = ""
    whole: bool = True


class _Broken(Exception):
    pass


@dataclass(slots=True)
class _Attachment:
    title: str = ""
    data: bytes = b""
    values: dict[int, str | bytes] = field(default_factory=dict)


def opened(data: bytes) -> Opened:
    """What is in ``data``. Of a broken one what comes before the break, and ``whole`` is False."""
    return _opened(data, 0)


def _opened(data: bytes, depth: int) -> Opened:
    found = Opened()
    attachments: list[_Attachment] = []
    values: dict[int, str | bytes] = {}
    codepage = "windows-1252"
    try:
        for level, kind, content in _attributes(data):
            if kind == _CODEPAGE:
                codepage = f"cp{int.from_bytes(content[:4], 'little')}"
            elif kind == _FILE_BEGINS and len(attachments) < _MOST_FILES:
                attachments.append(_Attachment())
            elif level == 2 and attachments:
                _add(attachments[-1], kind, content, codepage)
            elif kind == _PROPERTIES:
                values.update(_properties(content, codepage))
            elif kind == _BODY:
                found.text = decode(content.rstrip(b"\0"), codepage)
    except _Broken:
        found.whole = False
    _read_body(found, values)
    for attachment in attachments:
        _take(found, attachment, depth)
    return found


def _attributes(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """(level, which, its content) of each; raises :class:`_Broken` where they stop making sense."""
    if len(data) < 6 or int.from_bytes(data[:4], "little") != _SIGNATURE:
        raise _Broken
    at = 6
    while at < len(data):
        if at + _ATTRIBUTE.size > len(data):
            raise _Broken
        level, kind, _, length = _ATTRIBUTE.unpack_from(data, at)
        at += _ATTRIBUTE.size
        if level not in {1, 2} or at + length > len(data):
            raise _Broken
        yield level, kind, data[at : at + length]
        at += length + 2  # a checksum, which some programs get wrong


def _add(attachment: _Attachment, kind: int, content: bytes, codepage: str) -> None:
    if kind == _FILE_TITLE:
        attachment.title = decode(content.rstrip(b"\0"), codepage)
    elif kind == _FILE_DATA:
        attachment.data = content
    elif kind == _FILE_PROPERTIES:
        attachment.values.update(_properties(content, codepage))


def _properties(data: bytes, codepage: str) -> dict[int, str | bytes]:
    """The first value of each property that is text or bytes; the Internet code page is among them as text."""
    values: dict[int, str | bytes] = {}
    at = 4
    for _ in range(min(_number(data, 0), _MOST_PROPERTIES)):
        kind, name = _number(data, at) & 0xFFFF, _number(data, at) >> 16
        at += 4
        if name & 0x8000:
            named = _number(data, at + 16)
            at += 24 if named == 0 else 24 + _padded(_number(data, at + 20))
        base = kind & 0x0FFF
        count, at = (_number(data, at), at + 4) if kind & 0x1000 or base in _VARIABLE else (1, at)
        if base in _FIXED:
            if name == _INTERNET_CODEPAGE:
                values[name] = f"cp{_number(data, at)}"
            at += _FIXED[base] * count
            continue
        if base not in _VARIABLE or count > _MOST_PROPERTIES:
            raise _Broken
        for _ in range(count):
            length = _number(data, at)
            value = data[at + 4 : at + 4 + length]
            if len(value) < length:
                raise _Broken
            values.setdefault(name, _value(base, value, codepage))
            at += 4 + _padded(length)
    return values


def _value(kind: int, value: bytes, codepage: str) -> str | bytes:
    if kind == _UNICODE:
        return decode(value, "utf-16le").rstrip("\0")
    if kind == _STRING:
        return decode(value.rstrip(b"\0"), codepage)
    return value[16:] if kind == _OBJECT and not value.startswith(_MESSAGE_INTERFACE) else value


def _number(data: bytes, at: int) -> int:
    if at + 4 > len(data):
        raise _Broken
    return int.from_bytes(data[at : at + 4], "little")


def _padded(length: int) -> int:
    return length + -length % 4


def _text(values: dict[int, str | bytes], name: int) -> str:
    value = values.get(name, "")
    return value if isinstance(value, str) else decode(value.rstrip(b"\0"))


def _read_body(found: Opened, values: dict[int, str | bytes]) -> None:
    codepage = _text(values, _INTERNET_CODEPAGE)
    html = values.get(_HTML, b"")
    found.html = html if isinstance(html, str) else decode(html.rstrip(b"\0"), codepage)
    packed = values.get(_RTF, b"")
    found.text = found.text or _text(values, _TEXT)
    if not found.text and not found.html and isinstance(packed, bytes):
        found.text = rtf.to_text(rtf.unpacked(packed))


def _take(found: Opened, attachment: _Attachment, depth: int) -> None:
    values = attachment.values
    data = values.get(_DATA, b"")
    data = attachment.data or (data if isinstance(data, bytes) else data.encode())
    names = (_text(values, _LONG_NAME), attachment.title, _text(values, _SHORT_NAME), _text(values, _DISPLAY_NAME))
    name = next((fit for each in names if (fit := file_name(each))), "unnamed")
    if data.startswith(_MESSAGE_INTERFACE):
        _take_message(found, data[16:], name, depth)
        return
    if not data and not found.whole:
        return
    content_id = _text(values, _CONTENT_ID).strip("<>")[:255]
    found.files.append(File(data, name, media_type_of(_text(values, _MEDIA_TYPE).lower()), content_id))


def _take_message(found: Opened, data: bytes, name: str, depth: int) -> None:
    """A message in a message: its words as a file of text, and its files."""
    if depth >= _DEEPEST:
        found.whole = False
        return
    inner = _opened(data, depth + 1)
    text = inner.text or to_text(inner.html)[0]
    found.files.append(File(text.encode(), f"{name.removesuffix('.msg')[:190]}.txt", "text/plain"))
    found.files += inner.files[: max(0, _MOST_FILES - len(found.files))]
    found.whole = found.whole and inner.whole
