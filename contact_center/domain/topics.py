"""What a conversation is about, by its subjects, and whether two texts say the same."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from hashlib import sha256

# What mail programs put before the subject of an answer or of what they pass on, by language.
_PREFIX = re.compile(
    r"\s*(?:"
    r"re|aw|sv|vs|antw|odp|ynt|rv|rif|ref|res|r|fw|fwd|wg|vb|tr|doorst|enc|pd|i|ilt|"
    r"回复|回覆|答复|答覆|回信|转发|轉發|轉寄|转寄|返信|転送|답장|전달"
    r")\s*(?:\[\d{1,3}\]|\(\d{1,3}\))?\s*[:：]",
    re.IGNORECASE,
)
_TAG = re.compile(r"\s*\[(?:ext|external|extern|外部邮件|外部郵件)\]", re.IGNORECASE)
_COMPARED = 150
_HALF = 32
_NOTHING = "-" * _HALF
_NUMBERED = re.compile(r"[!-~]*[0-9@][!-~]*")  # ticket numbers, dates, addresses
_WITHOUT = re.compile(r"[\W\d_]+")


def topic(subject: str) -> str:
    """``subject`` without what marks answers and forwarded mail, and without what mail programs change on the way:
    case, width and spaces. Two subjects with the same topic are one matter's."""
    return "".join(bare(subject).split()).casefold()[:_COMPARED]


def bare(subject: str) -> str:
    """``subject`` without what marks answers and forwarded mail."""
    rest = unicodedata.normalize("NFKC", subject[:1_000])
    while match := _PREFIX.match(rest) or _TAG.match(rest):
        rest = rest[match.end() :]
    return rest


def is_new_topic(subject: str, known: Iterable[str]) -> bool:
    """Whether ``subject`` names another matter than all the subjects that were there before. None names no matter."""
    named = topic(subject)
    return bool(named) and named not in {topic(each) for each in known}


def same_words(text: str) -> str:
    """What two texts have in common that differ in spaces and case alone, as a digest; empty for no words."""
    return _digest("".join(text.split()).casefold())


def same_sense(text: str) -> str:
    """The same for texts that differ in words with numbers or an ``@`` in them too: a machine that answers counts its
    answers."""
    return _digest(_WITHOUT.sub("", _NUMBERED.sub("", unicodedata.normalize("NFKC", text))).casefold())


def _digest(words: str) -> str:
    return sha256(words.encode("utf-8", "replace")).hexdigest() if words else ""


def mark(text: str, subject: str) -> str:
    """By what a message is known that a machine writes again and again: 32 digits for the sense of its text, and 32
    for that of the subject which it answers; hyphens where it has no words, or answers nothing."""
    rest = bare(subject)
    answered = same_sense(rest) if rest != unicodedata.normalize("NFKC", subject[:1_000]) else ""
    return f"{same_sense(text)[:_HALF] or _NOTHING}{answered[:_HALF] or _NOTHING}"


def is_chinese(text: str) -> bool:
    """Whether it is written in Chinese: a fifth of its letters are Han, and none are kana or Hangul."""
    letters = [letter for letter in text[:4_000] if letter.isalpha()]
    han = sum("\u3400" <= letter <= "\u9fff" for letter in letters)
    other = any("\u3040" <= letter <= "\u30ff" or "\uac00" <= letter <= "\ud7af" for letter in letters)
    return bool(han) and not other and han * 5 >= len(letters)
