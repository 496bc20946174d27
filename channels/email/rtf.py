"""Reads the words of Rich Text Format, and of the packed kind that Outlook sends ([MS-OXRTFCP], [MS-OXRTFEX])."""

from __future__ import annotations

import re
import struct

from channels.email.charsets import decode

_MOST = 4 * 1024 * 1024
_MAX_TEXT = 400_000
_DEEPEST = 500
_PRELOADED = (
    b"{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \\fmodern \\fscript "
    b"\\fdecor MS Sans SerifSymbolArialTimes New RomanCourier{\\colortbl\\red0\\green0\\blue0\r\n"
    b"\\par \\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx"
)
_PACKED, _UNPACKED = 0x75465A4C, 0x414C454D
_RING = 4096

_TOKEN = re.compile(
    rb"\\'([0-9A-Fa-f]{2})|\\([A-Za-z]{1,32})(-?\d{1,10})? ?|\\(.)|([{}])|[\r\n]+|([^\\{}\r\n]+)", re.DOTALL
)
_UNREAD = {b"fonttbl", b"colortbl", b"stylesheet", b"info", b"pict", b"object", b"header", b"footer", b"themedata"}
_UNREAD |= {b"listtable", b"listoverridetable", b"rsidtbl", b"generator", b"datastore", b"latentstyles", b"xmlnstbl"}
_LETTERS = {
    b"par": "\n",
    b"line": "\n",
    b"tab": "\t",
    b"row": "\n",
    b"cell": "  ",
    b"page": "\n",
    b"sect": "\n",
    b"emdash": "—",
    b"endash": "–",
    b"bullet": "•",
    b"lquote": "‘",
    b"rquote": "’",
    b"ldblquote": "“",
    b"rdblquote": "”",
}
_SIGNS = {b"~": " ", b"_": "-", b"\\": "\\", b"{": "{", b"}": "}", b"\n": "\n", b"\r": "\n"}


def unpacked(packed: bytes) -> bytes:
    """RTF out of its packed form, at most four megabytes of it; empty where it is none."""
    if len(packed) < 16:
        return b""
    _, size, kind, _ = struct.unpack_from("<IIII", packed)
    if kind == _UNPACKED:
        return packed[16 : 16 + min(size, _MOST)]
    return _unpacked(packed, min(size, _MOST)) if kind == _PACKED else b""


def _unpacked(packed: bytes, size: int) -> bytes:
    ring = bytearray(_PRELOADED.ljust(_RING, b"\0"))
    write = len(_PRELOADED)
    made = bytearray()
    at = 16
    while at < len(packed) and len(made) < size:
        control, at = packed[at], at + 1
        for bit in range(8):
            if control >> bit & 1:
                if at + 2 > len(packed):
                    return bytes(made[:size])
                where, count, at = packed[at] << 4 | packed[at + 1] >> 4, (packed[at + 1] & 15) + 2, at + 2
                if where == write % _RING:
                    return bytes(made[:size])
                run = [(where + step) % _RING for step in range(count)]
            else:
                if at >= len(packed):
                    return bytes(made[:size])
                run, at = [-at], at + 1
            for source in run:
                letter = ring[source] if source >= 0 else packed[-source]
                made.append(letter)
                ring[write % _RING] = letter
                write += 1
    return bytes(made[:size])


def to_text(rtf: bytes) -> str:
    """The words of ``rtf``; of HTML that Outlook put into RTF, the words of that."""
    return _Reader().read(rtf)


class _Reader:
    def __init__(self) -> None:
        self._made: list[str] = []
        self._size = 0
        self._bytes = bytearray()
        self._codepage = "windows-1252"
        self._unread = False
        self._alternatives = 1
        self._skip = 0
        self._groups: list[tuple[bool, int]] = []

    def read(self, rtf: bytes) -> str:
        starred = False
        for token in _TOKEN.finditer(rtf[:_MOST]):
            octet, word, number, sign, brace, text = token.groups()
            if brace:
                self._brace(brace)
            elif sign == b"*":
                starred = True
                continue
            elif starred or word in _UNREAD:
                self._unread = True
            elif word:
                self._word(word, int(number) if number else None)
            elif sign:
                self._say(_SIGNS.get(sign, ""))
            elif octet:
                self._octet(int(octet, 16))
            elif text:
                self._text(text)
            starred = False
            if self._size > _MAX_TEXT:
                break
        self._decode()
        # What lies beyond the first 65,536 characters is written in two halves.
        return "".join(self._made).encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")

    def _brace(self, brace: bytes) -> None:
        self._decode()
        self._skip = 0
        if brace == b"{":
            if len(self._groups) < _DEEPEST:
                self._groups.append((self._unread, self._alternatives))
        elif self._groups:
            self._unread, self._alternatives = self._groups.pop()

    def _word(self, word: bytes, number: int | None) -> None:
        if word == b"ansicpg":
            self._codepage = f"cp{number}" if number != 65001 else "utf-8"
        elif word == b"htmlrtf":
            self._unread = number != 0
        elif word == b"uc":
            self._alternatives = min(max(number or 0, 0), 9)
        elif word == b"u" and number is not None:
            self._say(chr(number % 65536))
            self._skip = self._alternatives
        elif word in _LETTERS:
            self._say(_LETTERS[word])

    def _octet(self, octet: int) -> None:
        if self._skip:
            self._skip -= 1
        elif not self._unread:
            self._bytes.append(octet)

    def _text(self, text: bytes) -> None:
        if self._skip:
            text, self._skip = text[self._skip :], max(0, self._skip - len(text))
        if not self._unread:
            self._bytes += text

    def _say(self, letter: str) -> None:
        if not self._unread:
            self._decode()
            self._made.append(letter)
            self._size += len(letter)

    def _decode(self) -> None:
        if self._bytes:
            self._made.append(decode(bytes(self._bytes), self._codepage))
            self._size += len(self._bytes)
            self._bytes.clear()
