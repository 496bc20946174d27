"""Makes winmail.dat as Outlook does, for tests ([MS-OXTNEF])."""

from __future__ import annotations

import struct

MESSAGE_INTERFACE = bytes.fromhex("0703020000000000c000000000000046")
LONG_NAME, MEDIA_TYPE, CONTENT_ID, DATA = 0x3707, 0x370E, 0x3712, 0x3701
TEXT, HTML, RTF, INTERNET_CODEPAGE = 0x1000, 0x1013, 0x1009, 0x3FDE


def attribute(level: int, kind: int, content: bytes, type_: int = 0x0006) -> bytes:
    checksum = sum(content) & 0xFFFF
    return struct.pack("<BHHI", level, kind, type_, len(content)) + content + struct.pack("<H", checksum)


def properties(*each: bytes) -> bytes:
    return struct.pack("<I", len(each)) + b"".join(each)


def _value(content: bytes) -> bytes:
    return struct.pack("<I", len(content)) + content + b"\0" * (-len(content) % 4)


def text_property(name: int, text: str) -> bytes:
    return struct.pack("<HHI", 0x1F, name, 1) + _value((text + "\0").encode("utf-16le"))


def narrow_property(name: int, text: bytes) -> bytes:
    return struct.pack("<HHI", 0x1E, name, 1) + _value(text + b"\0")


def binary_property(name: int, content: bytes, kind: int = 0x102) -> bytes:
    return struct.pack("<HHI", kind, name, 1) + _value(content)


def number_property(name: int, number: int) -> bytes:
    return struct.pack("<HHI", 0x03, name, number)


def named_property(guid: bytes, name: str, text: str) -> bytes:
    """One whose name is a word, among those whose names are numbers."""
    word = (name + "\0").encode("utf-16le")
    return (
        struct.pack("<HH", 0x1F, 0x8001)
        + guid
        + struct.pack("<I", 1)
        + _value(word)
        + struct.pack("<I", 1)
        + _value(text.encode("utf-16le"))
    )


def numbered_property(guid: bytes, number: int, value: int) -> bytes:
    return struct.pack("<HH", 0x03, 0x8002) + guid + struct.pack("<III", 0, number, value)


def file(name: str, content: bytes, *more: bytes, title: bytes = b"FILE~1.DAT") -> bytes:
    named = properties(text_property(LONG_NAME, name), *more)
    return (
        attribute(2, 0x9002, b"\1\0" + b"\0" * 12)
        + attribute(2, 0x8010, title + b"\0", 1)
        + attribute(2, 0x800F, content)
        + attribute(2, 0x9005, named)
    )


def embedded(name: str, inner: bytes) -> bytes:
    held = binary_property(DATA, MESSAGE_INTERFACE + inner, 0x0D)
    named = properties(text_property(0x3001, name), held)
    return attribute(2, 0x9002, b"\1\0" + b"\0" * 12) + attribute(2, 0x9005, named)


def winmail(*attributes: bytes, codepage: int = 1252) -> bytes:
    version = attribute(1, 0x9006, struct.pack("<I", 0x10000), 8)
    return (
        struct.pack("<IH", 0x223E9F78, 1)
        + version
        + attribute(1, 0x9007, struct.pack("<II", codepage, 0))
        + b"".join(attributes)
    )


def body(*each: bytes) -> bytes:
    """The message's own properties."""
    return attribute(1, 0x9003, properties(*each))


def packed_rtf(rtf: bytes) -> bytes:
    """As [MS-OXRTFCP] packs it, with nothing repeated: eight letters after each control byte."""
    end = struct.pack(">H", ((207 + len(rtf)) % 4096) << 4)
    tokens = [rtf[at : at + 1] for at in range(len(rtf))] + [end]
    packed = b""
    for at in range(0, len(tokens), 8):
        eight = tokens[at : at + 8]
        packed += bytes([sum((len(token) == 2) << bit for bit, token in enumerate(eight))]) + b"".join(eight)
    return struct.pack("<IIII", len(packed) + 12, len(rtf), 0x75465A4C, 0) + packed
