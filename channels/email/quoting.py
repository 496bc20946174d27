"""Tells what is new in a message from what it repeats: its text, its signature, and the history that it quotes.

Programs mark what they quote in a hundred ways and none is a standard; so this folds only what it is sure of. A
history that could hold a new word stays in the text: a fold too few is untidy, one too many hides what the
customer said. Pure; looks at each line a fixed number of times, and at no more than the first 400 characters.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from channels.email.quoting_words import (
    DEVICES,
    FORWARDED,
    FORWARDING_PREFIXES,
    INLINE,
    LABELS,
    NOT_IN_A_NAME,
    OPENERS,
    ORIGINAL,
    PRONOUNS,
    SIGNED,
    WROTE,
    WROTE_BEFORE_THE_NAME,
)

_LONGEST = 400
_WRAPPED_OVER = 4  # lines that an attribution may take
_MARKED_SOON = 6  # lines after the beginning of a history that does mark what it quotes
_BLOCK = 14  # lines that a header block may take
_SIGNATURE = 30  # lines under "-- "
_UNSURE_SIGNATURE = 8  # lines under "--", which people also write between paragraphs

_DATE = re.compile(r"\b(?:19|20)\d\d\b|\d{1,4}[./-]\d{1,2}[./-]\d{2,4}|(?:19|20)\d\d ?[年년]")
_TIME = re.compile(r"\d{1,2}[:.h：]\d\d|\d ?[点點時时시]|\d ?[ap]\.?m\b")
_ADDRESS = re.compile(r"[<(\[][^<>()\[\]\s]{1,200}@[^<>()\[\]\s]{1,200}[>)\]]")
_SIGNATURES_BEGIN = tuple({begins for begins, _ in SIGNED})
_RULE = re.compile(r"[-_=*—–―─·\s]+")
_UNSEEN = {0xA0: " ", 0x202F: " ", 0x3000: " ", 0x200B: None, 0xFEFF: None, 0xAD: None, 0x2060: None}
_UNSEEN |= dict.fromkeys([0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)])


@dataclass(frozen=True, slots=True)
class Split:
    """A message's three parts, as they were written. Their order in the message is ``text``, ``signature``,
    ``history``, or ``text``, ``history``, ``signature`` where the program signs under what it quotes. Joined in that
    order they are the whole message, but for blank lines at its ends and between the parts."""

    text: str
    signature: str = ""
    history: str = ""


def split(text: str, subject: str = "") -> Split:
    """The parts of ``text`` (its lines end with ``\n``). What is forwarded is no history but what the customer wants
    to tell, so where ``subject`` says that all of it is forwarded (``Fwd:``, ``WG:``, ``转发：``) nothing is folded.
    ``text`` is empty only where the message is nothing but a signature, or nothing but ``>`` with who wrote it."""
    lines = text.split("\n")
    page = _Page(lines)
    begin, end = (len(lines), len(lines)) if _is_forward(subject) else page.history()
    if end < len(lines):
        return Split(_joined(lines[:begin]), _joined(lines[end:]), _joined(lines[begin:end]))
    signed = page.signature_begins(begin)
    return Split(_joined(lines[:signed]), _joined(lines[signed:begin]), _joined(lines[begin:]))


def _joined(lines: list[str]) -> str:
    start, end = 0, len(lines)
    while start < end and not lines[start].strip():
        start += 1
    while end > start and not lines[end - 1].strip():
        end -= 1
    return "\n".join(lines[start:end])


def _plain(line: str) -> str:
    """The line for comparing: its beginning, in lower case, without what isn't seen."""
    line = line[:_LONGEST]
    if not line.isascii():
        line = line.translate(_UNSEEN)
    return " ".join(line.lower().split())


def _is_forward(subject: str) -> bool:
    prefix, colon, _ = _plain(subject).replace("：", ":").partition(":")
    return bool(colon) and prefix.strip() in FORWARDING_PREFIXES


class _Page:
    """The lines of a message. ``_plain`` are they for comparing, ``_quotes_end`` is where a signature stands under
    quotes at the end, and ``_last_own`` the last line above it that isn't marked as quoted."""

    def __init__(self, lines: list[str]) -> None:
        self._lines = lines
        self._plain = [_plain(line) for line in lines]
        self._first = next((n for n, line in enumerate(self._plain) if line), len(lines))
        self._first_quoted = next((n for n, line in enumerate(self._plain) if line[:1] == ">"), len(lines))
        self._quotes_end = self._signature_under_quotes()
        own = range(self._quotes_end - 1, -1, -1)
        self._last_own = next((n for n in own if self._plain[n] and self._plain[n][0] != ">"), -1)
        self._inline = -1  # not looked for yet

    def _signature_under_quotes(self) -> int:
        """Where the signature begins that stands under quotes at the end; the number of lines if none does."""
        begins = self.signature_begins(len(self._plain))
        above = next((n for n in range(begins - 1, -1, -1) if self._plain[n]), -1)
        return begins if above >= 0 and self._plain[above][0] == ">" else len(self._plain)

    def history(self) -> tuple[int, int]:
        """The lines that are history: up to the end, or to a signature under it. None where a forwarded message
        comes before any."""
        for number, line in enumerate(self._plain):
            if not line:
                continue
            if _is_marker(line, FORWARDED):
                break
            begins = self._bare_quotes(number) if line[0] == ">" else self._told_quotes(number)
            if begins >= 0:
                return begins, self._quotes_end
            begins = self._begins_unmarked(number)
            if begins >= 0:
                return begins, len(self._plain)
        return len(self._plain), len(self._plain)

    # --- histories whose every line is marked, so that one sees where they end ---

    def _told_quotes(self, number: int) -> int:
        """Where the attribution that ends on this line begins, if quotes follow it and nothing new does."""
        if number != self._last_own or not _ends_with_colon(self._plain[number]):
            return -1
        following = self._next(number + 1)
        if following < 0 or self._plain[following][0] != ">":
            return -1
        return self._attribution(number, sure=False)

    def _bare_quotes(self, number: int) -> int:
        """The first quoted line where nobody says whose words they are: a list of somebody's own may look so, unless
        something in it shows that a program made it."""
        if number != self._first_quoted or number < self._last_own or number == self._first:
            return -1
        if _ends_with_colon(self._plain[self._last_own]):  # they say themselves what they quote
            return -1
        inside = [line[1:].strip() for line in self._plain[number : self._quotes_end] if line]
        nested = any(line.startswith(">") for line in inside)
        spaced = len(inside) > 4 and not all(inside[:-1])
        told = any(_ends_with_colon(line) and _names_a_writer(line, sure=True) for line in inside)
        return number if nested or spaced or told else -1

    # --- histories that run to the end, marked by nothing but their beginning ---

    def _begins_unmarked(self, number: int) -> int:
        line = self._plain[number]
        if _is_marker(line, ORIGINAL):
            begins = number if not self._goes_on_under_quotes(number) else -1
        elif _label(line) == "from" and self._is_header_block(number):
            begins = self._rule_above(number)
        elif _ends_with_colon(line) and self._next(number + 1) >= 0 and not self._goes_on_under_quotes(number):
            begins = self._attribution(number, sure=True)
        else:
            return -1
        return begins if begins >= 0 and self._may_run_to_the_end(begins) else -1

    def _goes_on_under_quotes(self, number: int) -> bool:
        """Whether the program does mark what it quotes, and something unmarked stands under that."""
        soon = range(number + 1, min(number + _MARKED_SOON, len(self._plain)))
        quoted = next((n for n in soon if self._plain[n][:1] == ">"), len(self._plain))
        return quoted < self._last_own

    def _may_run_to_the_end(self, begins: int) -> bool:
        """Whether there are new words above, and none that say that there are more below."""
        if self._inline < 0:
            told = (n for n, line in enumerate(self._plain) if any(phrase in line for phrase in INLINE))
            self._inline = next(told, len(self._plain))
        return self._first < self.signature_begins(begins) and begins <= self._inline

    def _rule_above(self, number: int) -> int:
        above = next((n for n in range(number - 1, max(-1, number - 4), -1) if self._plain[n]), -1)
        is_rule = above >= 0 and len(self._plain[above]) > 4 and _RULE.fullmatch(self._plain[above])
        return above if is_rule else number

    def _is_header_block(self, number: int) -> bool:
        """Whether a program wrote down here what the headers of the earlier message were."""
        kinds: set[str] = set()
        strangers = 0
        for line in self._plain[number : number + _BLOCK]:
            kind = _label(line)
            strangers = 0 if kind else strangers + 1
            undated = kind == "date" and not any(letter.isdigit() for letter in line)
            if strangers > 2 or undated or kind in kinds - {"aside"}:
                break
            kinds.add(kind)
        if self._rule_above(number) < number:
            return len(kinds & {"from", "date", "to", "subject"}) >= 3
        return "subject" in kinds and not kinds.isdisjoint({"date", "to"})

    # --- attributions: who wrote, and when ---

    def _attribution(self, last: int, sure: bool) -> int:
        """The line on which the attribution that ends on ``last`` begins, or -1. Of several readings the shortest
        that begins as one does counts, else the shortest."""
        found = -1
        joined = ""
        for begin in range(last, max(-1, last - _WRAPPED_OVER), -1):
            line = self._plain[begin]
            joined = f"{line} {joined}" if joined else line
            if not line or line[0] == ">" or len(joined) > _LONGEST:
                break
            if _names_a_writer(joined, sure):
                if _has_opener(joined):
                    return begin
                found = begin if found < 0 else found
        return found

    def _next(self, number: int) -> int:
        """The next line that isn't blank, at most three lines on; -1 where there is none."""
        return next((n for n in range(number, min(number + 3, len(self._plain))) if self._plain[n]), -1)

    # --- signatures ---

    def signature_begins(self, end: int) -> int:
        """The line from which on the lines up to ``end`` are a signature; ``end`` where there is none."""
        last = end
        while last > 0 and not self._plain[last - 1]:
            last -= 1
        for number in range(last - 1, max(-1, last - _SIGNATURE), -1):
            if self._plain[number][:1] == ">":
                break
            if self._plain[number] in ("--", "—") and self._is_signed_off(number, last):
                return number
        begins = end
        for number in range(last - 1, max(-1, last - 6), -1):
            if self._plain[number] and not _is_signed_by_a_program(self._plain[number]):
                break
            begins = number if self._plain[number] else begins
        return begins

    def _is_signed_off(self, number: int, last: int) -> bool:
        if self._lines[number].rstrip("\r") == "-- ":
            return True
        below = [line for line in self._plain[number + 1 : last] if line]
        return 0 < len(below) <= _UNSURE_SIGNATURE and all(len(b) < 90 and b[-1] not in "?？" for b in below)


def _ends_with_colon(line: str) -> bool:
    return line[-1:] in (":", "：")


def _is_marker(line: str, words: tuple[str, ...]) -> bool:
    """Whether the line is one of ``words`` between dashes, or forwards with a colon behind it."""
    if line[0] not in "-_=*—–─" and not _ends_with_colon(line):
        return False
    core = line.strip("-_=*—–─: ：").removesuffix(":")
    if words is FORWARDED:
        return core in words or core.startswith("forwarded by ")
    return core in words and len(line) >= len(core) + 4


def _label(line: str) -> str:
    """What the line is about, if it is one of a header block."""
    name, colon, _ = line[:40].replace("：", ":").replace("*", "").partition(":")
    return LABELS.get(name.strip(), "") if colon else ""


def _has_opener(line: str) -> bool:
    return line[0].isdigit() or line.startswith(OPENERS)


def _names_a_writer(line: str, sure: bool) -> bool:
    """Whether the line, which ends with a colon, is what a program writes above what it quotes. ``sure``: beyond
    doubt, where nothing else tells that what follows is quoted."""
    core = line.rstrip(":： ")
    dated, timed = _DATE.search(core) is not None, _TIME.search(core) is not None
    addressed = _ADDRESS.search(core) is not None
    words = _about_the_writer(core)
    if words is None:  # or one in a language that isn't known here
        return dated and timed and addressed and (not sure or (core.endswith((">", ")")) and _has_opener(line)))
    if _is_prose(words):
        return False
    return not sure or (dated and (addressed or (timed and _has_opener(line))))


def _about_the_writer(core: str) -> list[str] | None:
    """The words beside the verb, the nearest first, up to an address or a date. None where there is no verb."""
    verb = next((verb for verb in WROTE if core.endswith(verb)), "")
    if verb:
        beside = core[: -len(verb)].split()[::-1]
    else:
        verb = next((verb for verb in WROTE_BEFORE_THE_NAME if verb in core), "")
        if not verb:
            return None
        before, _, after = core.rpartition(verb)
        beside = before.split()[::-1] if verb.endswith("(") else after.split()
    words: list[str] = []
    for word in beside:
        if "@" in word or any(letter.isdigit() for letter in word):
            break
        words.append(word.strip(",，、;"))
    return words


def _is_prose(words: list[str]) -> bool:
    return len(words) > 7 or (words[:1] != [] and words[0] in PRONOUNS) or not NOT_IN_A_NAME.isdisjoint(words)


def _is_signed_by_a_program(line: str) -> bool:
    if not 5 < len(line) < 130 or not line.startswith(_SIGNATURES_BEGIN):
        return False
    end = line.partition("<http")[0].rstrip(" .。!")
    signed = any(line.startswith(begins) and end.endswith(ends) for begins, ends in SIGNED)
    return signed and any(each in line for each in DEVICES)
