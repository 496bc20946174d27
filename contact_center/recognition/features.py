"""What a text says, as far as a model looks: words, pairs of words, beginnings of words, as numbers below
:data:`BUCKETS`. The words themselves are kept nowhere; whoever has the text finds them again."""

from __future__ import annotations

from typing import NamedTuple
from zlib import crc32

from contact_center.domain.search_words import fold, words

FORM = 1
"""Counted up with every change of what a text gives: models of another form are not asked."""
BUCKETS = 1 << 18
MOST_CHARACTERS = 1_000
MOST_WORDS = 80
LONGEST_SHOWN = 4
STEM = 5
"""Longer words count by their beginning too: *refunded* and *refunds* are about refunds."""


class Said(NamedTuple):
    """Something that a text says: its number, and the words that said it."""

    bucket: int
    shown: str


def said(text: str) -> list[Said]:
    """What the beginning of ``text`` says, each thing once, in the order in which it is said."""
    found: dict[int, Said] = {}
    before = ""
    for word in words(text[:MOST_CHARACTERS], MOST_WORDS):
        if not _speaks(word):
            before = ""
            continue
        spaced = word.isascii() or not _unspaced(word)
        for feature, shown in _of_word(word, before if spaced else ""):
            bucket = crc32(feature.encode()) % BUCKETS
            if bucket not in found:
                found[bucket] = Said(bucket, shown)
        before = word if spaced else ""
    return list(found.values())


def buckets(text: str) -> list[int]:
    return [each.bucket for each in said(text)]


def _of_word(word: str, before: str) -> list[tuple[str, str]]:
    features = [(word, word)]
    if len(word) > STEM and not _unspaced(word):
        features.append((f"~{word[:STEM]}", word))
    if before:
        features.append((f"{before} {word}", f"{before} {word}"))
    return features


def _speaks(word: str) -> bool:
    """Numbers, and what search finds them by, say nothing about what a case is about; nor does the last character
    of a run, which stands in the pair before it."""
    return not word.isdigit() and word[0] != ":" and not (len(word) == 1 and _unspaced(word))


def _unspaced(word: str) -> bool:
    return len(word) <= 2 and "\u2e80" <= word[0] <= "\U0003ffff"


def shown_once(pieces: list[str], most: int) -> tuple[str, ...]:
    """The first of ``pieces`` that aren't parts of each other: *charged twice*, and not *charged* again. Pieces of
    an unspaced run that overlap are put together."""
    kept: list[str] = []
    for piece in pieces:
        folded = fold(piece)
        joined = next((i for i, one in enumerate(kept) if _overlap(one, folded)), None)
        if joined is not None:
            kept[joined] = _overlap(kept[joined], folded) or kept[joined]
        elif not any(folded in one.split() or folded == one or _within(folded, one) for one in kept):
            kept = [one for one in kept if one not in folded.split()]
            kept.append(folded)
    return tuple(kept[:most])


def _within(piece: str, whole: str) -> bool:
    return _unspaced(piece) and piece in whole


def _overlap(one: str, piece: str) -> str:
    """The two in one, where one ends as the other begins and both are of a script without spaces."""
    if not (_unspaced(piece) and one[0] >= "\u2e80") or piece in one or len(one) >= LONGEST_SHOWN:
        return ""
    if one[-1] == piece[0]:
        return one + piece[1:]
    return piece[:-1] + one if piece[-1] == one[0] else ""
