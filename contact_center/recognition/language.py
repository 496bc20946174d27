"""Which language a text is in, told by its script, its little words and the letters that few languages have.

Offline, and the same answer for the same text. What is too short to tell, or between two, is said to be unknown: its
``confidence`` is that of the best guess all the same.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cache
from typing import NamedTuple

from contact_center.domain.search_words import fold
from contact_center.recognition.language_words import ARABIC, CYRILLIC, LITTLE_WORDS, TELLING_LETTERS, WRITTEN_ABOUT

MOST_CHARACTERS = 600
SURE = 0.7
"""From this confidence on a guess is named."""
DOUBT = 0.6
"""So much evidence speaks for none of the languages that we know."""
LETTER = 0.35
"""What a telling letter counts, where a little word that one language alone has counts 1."""
SHARED = 2
"""A word that two languages have says a quarter for each: relatives share most, and differ by few."""
RUNNING = 0.18
"""Of running text in a language that we know, so many words at least are little ones."""

_ADDRESS = re.compile(r"(?:https?://|www\.)\S+|\S+@\S+|<[^<>]{0,200}>")
_WORD = re.compile(r"[^\W\d_]+")
_SCRIPTS: tuple[tuple[int, int, str], ...] = (
    (0x0041, 0x024F, "latin"),
    (0x1E00, 0x1EFF, "latin"),
    (0x0370, 0x03FF, "el"),
    (0x0400, 0x052F, "cyrillic"),
    (0x0530, 0x058F, "hy"),
    (0x0590, 0x05FF, "he"),
    (0x0600, 0x06FF, "arabic"),
    (0x0750, 0x077F, "arabic"),
    (0xFB50, 0xFDFF, "arabic"),
    (0xFE70, 0xFEFC, "arabic"),
    (0x0900, 0x097F, "hi"),
    (0x0980, 0x09FF, "bn"),
    (0x0B80, 0x0BFF, "ta"),
    (0x0E00, 0x0E7F, "th"),
    (0x10A0, 0x10FF, "ka"),
    (0x1100, 0x11FF, "ko"),
    (0xAC00, 0xD7AF, "ko"),
    (0x3040, 0x30FF, "kana"),
    (0x3400, 0x4DBF, "han"),
    (0x4E00, 0x9FFF, "han"),
    (0xF900, 0xFAFF, "han"),
    (0x20000, 0x323AF, "han"),
)
KNOWN = tuple(
    sorted({*LITTLE_WORDS, *CYRILLIC, *ARABIC, "zh", "ja"} | {code for _, _, code in _SCRIPTS if len(code) == 2})
)
"""All that can be told."""
_LITTLE_HAN = frozenset("的了吗呢吧啊怎么请我你您他她它们是还有在就这那什和与也都很把被到去来给个一想要能会")
WEIGHT = {"han": 4.0, "kana": 1.5, "ko": 2.5, "th": 1.0}
"""What one character says beside one of an alphabet: brand names in Latin letters stand in Chinese sentences."""


class Language(NamedTuple):
    """``code`` is empty where it can't be told."""

    code: str = ""
    confidence: float = 0.0


UNKNOWN = Language()


@cache
def _script_of(character: str) -> str:
    at = ord(character)
    return next((script for low, high, script in _SCRIPTS if low <= at <= high), "")


@cache
def _letter_of(character: str) -> str:
    """Signs and numerals are of no language, though they stand among its letters, or are made of one: ฿, ㉠."""
    return " " if unicodedata.category(character)[0] in "NPS" else character


@cache
def _little_words() -> dict[str, tuple[str, ...]]:
    """Each little word with the languages that have it."""
    return _inverted({code: f"{words} {WRITTEN_ABOUT[code]}".split() for code, words in LITTLE_WORDS.items()})


def is_little(word: str) -> bool:
    """Whether it is one of the words that every sentence of some language needs, or a part of one."""
    return word in _function_words() or len(word) == 1 or (len(word) == 2 and not _LITTLE_HAN.isdisjoint(word))


@cache
def _function_words() -> frozenset[str]:
    """Of English, which stands for all: what tells other languages apart here may be a word that matters there."""
    return frozenset(LITTLE_WORDS["en"].split())


def _inverted(words_of: Mapping[str, Iterable[str]]) -> dict[str, tuple[str, ...]]:
    found: dict[str, dict[str, None]] = {}
    for code, words in words_of.items():
        for word in words:
            found.setdefault(word, {})[code] = None
    return {word: tuple(codes) for word, codes in found.items()}


@cache
def _told_by(table: str) -> tuple[dict[str, tuple[str, ...]], dict[str, tuple[str, ...]]]:
    """The letters and the little words of the languages of one script."""
    known = CYRILLIC if table == "cyrillic" else ARABIC
    letters = _inverted({code: letters for code, (letters, _) in known.items()})
    return letters, _inverted({code: words.split() for code, (_, words) in known.items()})


def language_of(text: str) -> Language:
    """The language of a text's beginning."""
    text = "".join([_letter_of(each) for each in _ADDRESS.sub(" ", text[:MOST_CHARACTERS])])
    text = unicodedata.normalize("NFKC", text)[:MOST_CHARACTERS]
    counts = Counter(script for script in map(_script_of, text) if script)
    if not counts:
        return UNKNOWN
    weighed = {script: count * WEIGHT.get(script, 1.0) for script, count in counts.items()}
    if "kana" in weighed:  # Japanese is written in both
        weighed["kana"] += weighed.pop("han", 0.0)
    script = max(sorted(weighed), key=lambda each: weighed[each])
    return _named(script, text, counts, weighed[script] / sum(weighed.values()))


def _named(script: str, text: str, counts: Counter[str], share: float) -> Language:
    match script:
        case "latin":
            return _of_latin(text, share)
        case "cyrillic" | "arabic":
            letters, words = _told_by(script)
            return _told(_evidence(_WORD.findall(text.lower()), words, text.lower(), letters), share)
        case "han":
            return _judged("zh", share * counts["han"] / (counts["han"] + 0.5))
        case "kana":
            return _judged("ja", share * counts["kana"] / (counts["kana"] + 0.5))
        case code:
            return _judged(code, share * counts[code] / (counts[code] + 1.0))


def _of_latin(text: str, share: float) -> Language:
    folded = [fold(word) for word in _WORD.findall(text)]
    found = _evidence(folded, _little_words(), text.lower(), TELLING_LETTERS)
    little = sum(word in _little_words() for word in folded)
    running = min(1.0, little / (RUNNING * len(folded))) if folded else 0.0
    return _told(found, share * running)


def _evidence(
    words: list[str],
    little: Mapping[str, tuple[str, ...]],
    text: str,
    letters: Mapping[str, tuple[str, ...]],
) -> dict[str, float]:
    """How much speaks for each language. A word that several have says as much less of each; what is written again
    and again says less each time."""
    found: dict[str, float] = {}
    for table, seen, worth in ((little, Counter(words), 1.0), (letters, Counter(text), LETTER)):
        for each, count in seen.items():
            codes = table.get(each, ())
            for code in codes:
                found[code] = found.get(code, 0.0) + worth * min(count, 2) / len(codes) ** SHARED
    return found


def _told(found: Mapping[str, float], share: float) -> Language:
    """The language that most speaks for. Sure is what much speaks for, and little for the next one."""
    if not found:
        return UNKNOWN
    ranked = sorted(found, key=lambda code: (-found[code], code))
    best = found[ranked[0]]
    second = found[ranked[1]] if len(ranked) > 1 else 0.0
    return _judged(ranked[0], share * best / (best + second + DOUBT) * min(1.0, 2 * (best - second) / best + 0.2))


def _judged(code: str, confidence: float) -> Language:
    confidence = round(min(1.0, confidence), 3)
    return Language(code if confidence >= SURE else "", confidence)
