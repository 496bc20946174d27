"""Turns bytes of mail into text, whatever their label says, and never fails."""

from __future__ import annotations

import codecs
import re

import webencodings

from channels.email.guessing import likeliest

_ISO_2022_JP = re.compile(rb"\x1b[$(][@BIJ(]")
_ISO_2022_KR = re.compile(rb"\x1b\$\)C")
_HZ = re.compile(rb"~\{(?:[!-w][!-~]){1,500}~\}")

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
    # Windows' numbers, as TNEF and RTF have them
    "cp10000": "mac_roman",
    "cp20866": "koi8_r",
    "cp28591": "cp1252",
    "cp50220": "iso2022_jp_2",
    "cp51932": "euc_jp",
    "cp51949": "cp949",
    "cp54936": "gb18030",
    "cp65001": "utf_8",
    "iso-8859-1-windows-3.1-latin-1": "cp1252",
}

# What is labelled by a narrow name is often written in its superset: the strict readings to try, in order.
# gb2312 in mail is GB 18030 in practice; ISO-2022-JP from Japan's phones has the vendors' rows.
_READINGS = {
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


def decode(data: bytes, label: str = "") -> str:
    """``data`` as text. A known ``label`` is believed, by the Encoding Standard's table and its supersets;
    ``us-ascii``, an unknown label, UTF-7 (which smuggles markup) and none at all are read from the bytes.
    Bytes that fit nothing become U+FFFD. No U+0000 and no surrogates come out."""
    text = (_labelled(data, label) if label else "") or guess(data)
    if "\x00" in text:
        text = text.replace("\x00", "")
    return text


def guess(data: bytes) -> str:
    """Unlabelled bytes: ASCII, ISO-2022-JP by its escapes, UTF-8, then what their statistics say."""
    if data.isascii():
        is_plain = b"\x1b" not in data and b"~{" not in data
        return data.decode("ascii") if is_plain else _read(data, _escaped(data))
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", "replace")
    return _utf8(data, 0.1) or _read(data, (likeliest(data),))


def _escaped(data: bytes) -> tuple[str, ...]:
    """ASCII, or one of the encodings that are written in it."""
    if b"\x1b" in data:
        if _ISO_2022_KR.search(data):
            return ("iso2022_kr",)
        if _ISO_2022_JP.search(data):
            return _READINGS["iso-2022-jp"]
    if b"~{" in data and _HZ.search(data):
        return ("hz", "ascii")
    return ("ascii",)


def _labelled(data: bytes, label: str) -> str:
    """Empty where the label says nothing, or cannot be meant."""
    label = label.strip().strip("\"'").lower()[:40].removeprefix("3d")  # of an equals sign that was encoded twice
    if label in {"us-ascii", "ascii", "unknown-8bit", "x-unknown", "8bit", "binary"}:
        return ""
    if label in _MAIL_ONLY:
        return _read(data, (_MAIL_ONLY[label],))
    if label in {"utf-16", "utf-16le", "utf-16be"}:
        return _utf16(data, label)
    # "x-gbk", "gb_2312-80", "cs…" and "…_jp" variants are in the table once their prefix is off
    encoding = webencodings.lookup(label) or webencodings.lookup(label.removeprefix("x-"))
    if encoding is None or encoding.name in {"replacement", "x-user-defined"}:
        return ""
    name = encoding.name
    if name == "utf-8":
        return _utf8(data, 0.5)
    if data.isascii():
        return _read(data, _READINGS.get(name, (name,)))
    return _mislabelled(data, name) or _read(data, _READINGS.get(name, (name,)))


def _utf8(data: bytes, broken: float) -> str:
    """Empty where more than this share of its letters beyond ASCII is broken: then it is something else."""
    text = data.decode("utf-8-sig", "replace")
    lost = text.count("\ufffd")
    return "" if lost and lost > broken * (len(text) - len(text.encode("ascii", "ignore"))) else text


def _mislabelled(data: bytes, name: str) -> str:
    """UTF-8 under another name, which careless programs write over it. A few letters of another encoding may look
    like it by chance; three never do, nor do two of those that take three bytes."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return ""
    letters, extra = sum(byte >= 0xC0 for byte in data[:4096]), sum(byte >= 0xE0 for byte in data[:4096])
    return text if name == "windows-1252" or letters > 2 or extra > 1 else ""


def _utf16(data: bytes, label: str) -> str:
    if data[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return data.decode("utf-16", "replace")
    # Without a mark, whichever half of most letters is zero is the upper one.
    sample = data[:4096]
    big = label == "utf-16be" or (label == "utf-16" and sample[::2].count(0) > sample[1::2].count(0))
    return data.decode("utf-16-be" if big else "utf-16-le", "replace")


def _read(data: bytes, names: tuple[str, ...]) -> str:
    for name in names:
        try:
            return data.decode(name)
        except UnicodeError:
            continue
    return data.decode(names[0], "replace")
