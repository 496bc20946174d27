"""Turns bytes of mail into text, whatever their label says, and never fails."""

from __future__ import annotations

import codecs
import re

import charset_normalizer
import webencodings

_GUESS_FROM = 32_768
_ISO_2022 = re.compile(rb"\x1b[$(][@BIJ(]")

# The Encoding Standard's label table is for the web; these are the labels that only mail still has.
_MAIL_ONLY = {
    "cp437": "cp437",
    "ibm437": "cp437",
    "cp775": "cp775",
    "cp850": "cp850",
    "cp-850": "cp850",
    "ibm850": "cp850",
    "cp852": "cp852",
    "ibm852": "cp852",
    "cp855": "cp855",
    "cp857": "cp857",
    "cp858": "cp858",
    "cp862": "cp862",
    "cp864": "cp864",
    "cp865": "cp865",
    "hz-gb-2312": "hz",
    "hz": "hz",
    "iso-2022-kr": "iso2022_kr",
    "iso-2022-jp-1": "iso2022_jp_1",
    "iso-2022-jp-2": "iso2022_jp_2",
    "iso-2022-jp-3": "iso2022_jp_3",
    "iso-2022-jp-ext": "iso2022_jp_ext",
    "johab": "johab",
    "utf-32": "utf_32",
    "utf-32be": "utf_32_be",
    "utf-32le": "utf_32_le",
    "x-mac-roman": "mac_roman",
    "x-mac-centraleurroman": "mac_latin2",
    "x-mac-ce": "mac_latin2",
    "x-mac-greek": "mac_greek",
    "x-mac-turkish": "mac_turkish",
    "cp874": "cp874",
    "cp932": "cp932",
    "ms932": "cp932",
    "cp936": "gb18030",
    "ms936": "gb18030",
    "windows-936": "gb18030",
    "cp949": "cp949",
    "ms949": "cp949",
    "uhc": "cp949",
    "cp950": "cp950",
    "ms950": "cp950",
    "latin-1": "cp1252",
    "iso-8859-1-windows-3.1-latin-1": "cp1252",
}

# What is labelled by a narrow name is often written in its superset: the strict readings to try, in order.
# gb2312 in mail is GB 18030 in practice; ISO-2022-JP from Japan's phones has the vendors' rows.
_READINGS = {
    "utf-8": ("utf-8-sig",),
    "gbk": ("gb18030",),
    "gb18030": ("gb18030",),
    "big5": ("big5hkscs", "cp950"),
    "shift_jis": ("cp932", "shift_jis_2004"),
    "euc-jp": ("euc_jp", "euc_jis_2004"),
    "euc-kr": ("cp949", "johab"),
    "iso-2022-jp": ("iso2022_jp_2", "iso2022_jp_ext", "iso2022_jp_3"),
    "windows-874": ("cp874",),
    "macintosh": ("mac_roman",),
    "x-mac-cyrillic": ("mac_cyrillic",),
    "iso-8859-8-i": ("iso8859_8",),
}

_NEVER_GUESSED = {"utf_7", "cp037", "cp273", "cp424", "cp500", "cp875", "cp1026", "cp1140"}  # UTF-7, EBCDIC


def decode(data: bytes, label: str = "") -> str:
    """``data`` as text. A known ``label`` is believed, by the Encoding Standard's table and its supersets;
    ``us-ascii``, an unknown label, UTF-7 (which smuggles markup) and none at all are read from the bytes.
    Bytes that fit nothing become U+FFFD. No U+0000 and no surrogates come out."""
    text = _labelled(data, label) if label else None
    if text is None:
        text = guess(data)
    if "\x00" in text:
        text = text.replace("\x00", "")
    return text


def guess(data: bytes) -> str:
    """Unlabelled bytes: ASCII, ISO-2022-JP by its escapes, UTF-8, then what their statistics say."""
    if data.isascii():
        if b"\x1b" in data and _ISO_2022.search(data):
            return _read(data, _READINGS["iso-2022-jp"])
        return data.decode("ascii")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        pass
    best = charset_normalizer.from_bytes(data[:_GUESS_FROM]).best()
    name = best.encoding if best is not None else "cp1252"
    if name in _NEVER_GUESSED or name.startswith(("utf_16", "utf_32")):
        name = "cp1252"
    return _read(data, ("gb18030",) if name in {"gb2312", "gbk", "hz"} else (name,))


def _labelled(data: bytes, label: str) -> str | None:
    label = label.strip().strip("\"'").lower()[:40]
    if label in {"us-ascii", "ascii", "unknown-8bit", "x-unknown", "8bit", "binary"}:
        return None
    if label in _MAIL_ONLY:
        return _read(data, (_MAIL_ONLY[label],))
    if label in {"utf-16", "utf-16le", "utf-16be"}:
        return _utf16(data, label)
    # "x-gbk", "gb_2312-80", "cs…" and "…_jp" variants are in the table once their prefix is off
    encoding = webencodings.lookup(label) or webencodings.lookup(label.removeprefix("x-"))
    if encoding is None or encoding.name in {"replacement", "x-user-defined"}:
        return None
    name = encoding.name
    if name == "windows-1252" and not data.isascii() and _is_utf8(data):
        return data.decode("utf-8")  # "iso-8859-1" is what careless programs write over UTF-8
    return _read(data, _READINGS.get(name, (name,)))


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _utf16(data: bytes, label: str) -> str:
    if data[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return data.decode("utf-16", "replace")
    return data.decode("utf-16-be" if label == "utf-16be" else "utf-16-le", "replace")


def _read(data: bytes, names: tuple[str, ...]) -> str:
    for name in names:
        try:
            return _whole(data.decode(name))
        except UnicodeError:
            continue
    return _whole(data.decode(names[0], "replace"))


def _whole(text: str) -> str:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode("utf-8")
    return text
