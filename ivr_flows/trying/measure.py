"""How wide words are when they are drawn, near enough to break lines and to make boxes that fit."""

from __future__ import annotations

import unicodedata

_NARROW = frozenset("iljtfrI.,:;'|!()[]{} -\"`/\\")
_WIDE = frozenset("mwMW@%&")


def width(words: str, size: float) -> float:
    """In the unit of ``size``, for the wider ones of common sans-serif typefaces; Chinese characters are as wide as
    they are high."""
    return size * sum(map(_em, words))


def _em(c: str) -> float:
    if unicodedata.east_asian_width(c) in "WF":
        return 1.0
    if unicodedata.combining(c):
        return 0.0
    if c in _NARROW:
        return 0.38
    if c in _WIDE:
        return 0.92
    return 0.7 if c.isupper() else 0.62


def cut(words: str, size: float, room: float) -> str:
    """The words, or as many of them as there is room for, with an ellipsis."""
    if width(words, size) <= room:
        return words
    kept, left = [], room - width("…", size)
    for c in words:
        left -= _em(c) * size
        if left < 0:
            break
        kept.append(c)
    return "".join(kept).rstrip() + "…"


def lines(words: str, size: float, room: float, most: int) -> list[str]:
    """The words in at most ``most`` lines. Latin breaks between words, Chinese between characters."""
    found: list[str] = []
    line = ""
    pieces = _pieces(words)
    for number, piece in enumerate(pieces):
        if width((line + piece).rstrip(), size) <= room or not line:
            line += piece
            continue
        if len(found) + 1 == most:
            return [*found, cut(line + "".join(pieces[number:]), size, room)]
        found.append(line.rstrip())
        line = piece
    return [*found, cut(line.rstrip(), size, room)] if line.strip() else found


def _pieces(words: str) -> list[str]:
    pieces: list[str] = []
    for c in " ".join(words.split()):
        alone = unicodedata.east_asian_width(c) in "WF"
        joins = bool(pieces) and not pieces[-1].endswith(" ")
        if joins and unicodedata.category(c) in ("Po", "Pe", "Pf", "Pd"):
            pieces[-1] += c  # a comma or full stop never begins a line
        elif joins and not alone and not _is_wide(pieces[-1][-1]):
            pieces[-1] += c
        else:
            pieces.append(c)
    return pieces


def _is_wide(c: str) -> bool:
    return unicodedata.east_asian_width(c) in "WF"
