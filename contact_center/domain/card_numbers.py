"""Payment card numbers in what people say: found by their check digit, and taken out.

A card has 13 to 19 digits (ISO/IEC 7812-1), the last of which checks the others (Luhn). In a transcript they come as
figures, in groups or one by one, with full stops where the speaker breathed, or as words (``four``, ``double one``,
``四``). A number that is spread over two lines of a transcript is not found.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

SHORTEST, LONGEST = 13, 19
HIDDEN = "••••"
CARDS_BEGIN_WITH = frozenset("23456")
"""Of the groups that are part of a longer row of digits, only those that begin as cards do count."""
LONGEST_TELEPHONE = 15

_ENGLISH = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_WORDS = {
    **{word: str(n) for n, word in enumerate(_ENGLISH)},
    "oh": "0",
    "幺": "1",
    "两": "2",
    "〇": "0",
    **{word: str(n) for n, word in enumerate("零一二三四五六七八九")},
}
_TIMES = {"double": 2, "triple": 3}
_LATIN = "|".join(word for word in _WORDS if word.isascii())
_HAN = "".join(word for word in _WORDS if not word.isascii())
_UNIT = re.compile(rf"\b(?:(double|triple)\s+)?({_LATIN})\b|(\d)|([{_HAN}])", re.IGNORECASE)
_BREATH = r"[\s\-–—.,;:!/_·…，。、；：]"
_BETWEEN = re.compile(rf"(?:{_BREATH}|\b(?:u+m+|u+h+|e+r+|a+h+|and|then)\b|嗯|呃|啊|然后){{0,12}}", re.IGNORECASE)


class _Digit(NamedTuple):
    """``figure``: written as one, so that it may be the middle of a number."""

    value: str
    start: int
    end: int
    figure: bool


def without_card_numbers(text: str) -> str:
    """``text`` with ``••••`` in place of every card number; the same text where there is none."""
    found = [(row[a].start, row[b - 1].end) for row in _rows(text) for a, b in _cards(row)]
    for start, end in sorted(found, reverse=True):
        text = text[:start] + HIDDEN + text[end:]
    return text


def _rows(text: str) -> list[list[_Digit]]:
    """Digits that follow one another with nothing but breaths between them, if they are enough for a card."""
    rows: list[list[_Digit]] = []
    end = -1
    for unit in _UNIT.finditer(text):
        if end < 0 or not _BETWEEN.fullmatch(text, end, unit.start()):
            rows.append([])
        times, latin, figure, han = unit.groups()
        value = str(int(figure)) if figure else _WORDS[han or latin.lower()]
        rows[-1] += [_Digit(value, *unit.span(), bool(figure))] * (_TIMES[times.lower()] if times else 1)
        end = unit.end()
    return [row for row in rows if len(row) >= SHORTEST and not _telephone(text, row)]


def _telephone(text: str, row: Sequence[_Digit]) -> bool:
    return len(row) <= LONGEST_TELEPHONE and text[: row[0].start].endswith("+")


def _cards(row: Sequence[_Digit]) -> list[tuple[int, int]]:
    """Where the card numbers in a row of digits are: all of it, or else the longest that begin as cards do. They
    begin and end where groups do."""
    digits = "".join(digit.value for digit in row)
    if len(digits) <= LONGEST and passes(digits):
        return [(0, len(digits))]
    edges = {0, len(row)}
    edges |= {n for n, (a, b) in enumerate(pairwise(row), 1) if a.end != b.start or not (a.figure and b.figure)}
    found: list[tuple[int, int]] = []
    at = 0
    while at <= len(digits) - SHORTEST:
        begins = at in edges and digits[at] in CARDS_BEGIN_WITH
        ends = range(min(at + LONGEST, len(digits)), at + SHORTEST - 1, -1)
        end = next((e for e in ends if begins and e in edges and passes(digits[at:e])), 0)
        if end:
            found.append((at, end))
        at = end or at + 1
    return found


def passes(digits: Sequence[str]) -> bool:
    """Whether the last digit is the check digit of the others. Nothing but noughts is no number."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 else 1)
        total += value - 9 if value > 9 else value
    return total > 0 and total % 10 == 0
