"""A flow, read and checked: what its steps are and where each can lead."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar, TypeAlias

from contact_center.domain.time import Millis
from ivr_flows.hours import Week
from ivr_flows.prompts import Prompt, Text

Exits: TypeAlias = Iterator[tuple[str, str]]
Values: TypeAlias = tuple[tuple[str, Text], ...]


def heard(speech: str) -> str:
    """Spoken words as they are compared: without case and punctuation, each Latin word between spaces (so
    that ``art`` is not found in ``start``), Chinese as it is."""
    words = "".join(c if c.isalnum() else " " for c in speech.casefold()).split()
    return "".join(word if _unspaced(word) else f" {word} " for word in words)


def _unspaced(word: str) -> bool:
    return any("\u2e80" <= c <= "\u9fff" for c in word)


@dataclass(frozen=True, slots=True)
class SayStep:
    KIND: ClassVar[str] = "say"
    prompt: Prompt
    next: str

    def exits(self) -> Exits:
        yield "next", self.next


@dataclass(frozen=True, slots=True)
class Choice:
    next: str
    values: Values = ()


@dataclass(frozen=True, slots=True)
class MenuStep:
    """``words`` are (what may be said, as :func:`heard` makes it, and the key that it stands for);
    ``hints`` are the same words as they were written."""

    KIND: ClassVar[str] = "menu"
    prompt: Prompt
    choices: Mapping[str, Choice]
    words: tuple[tuple[str, str], ...]
    hints: tuple[str, ...]
    not_heard: Prompt
    no_input: str
    not_understood: Prompt
    no_match: str
    retries: int
    timeout_ms: Millis

    @property
    def digits(self) -> int:
        return max(len(key) for key in self.choices)

    def key_for(self, speech: str) -> str:
        """The key that the caller's words stand for; empty if that is none, or more than one. Words that are
        only part of longer ones that were said don't count: ``something`` in ``buy something``."""
        said = heard(speech)
        found = [(words, key) for words, key in self.words if words in said]
        keys = {key for words, key in found if not any(words in other != words for other, _ in found)}
        return keys.pop() if len(keys) == 1 else ""

    def exits(self) -> Exits:
        for key, choice in self.choices.items():
            yield key, choice.next
        yield "no_input", self.no_input
        yield "no_match", self.no_match


@dataclass(frozen=True, slots=True)
class SetStep:
    KIND: ClassVar[str] = "set"
    values: Values
    next: str

    def exits(self) -> Exits:
        yield "next", self.next


@dataclass(frozen=True, slots=True)
class Case:
    """Holds if every variable named has one of the values beside it."""

    when: tuple[tuple[str, frozenset[str]], ...]
    next: str

    def holds(self, variables: Mapping[str, str]) -> bool:
        return all(variables.get(name, "") in values for name, values in self.when)


@dataclass(frozen=True, slots=True)
class BranchStep:
    KIND: ClassVar[str] = "branch"
    cases: tuple[Case, ...]
    otherwise: str

    def exits(self) -> Exits:
        for number, case in enumerate(self.cases, 1):
            yield f"case {number}", case.next
        yield "otherwise", self.otherwise


@dataclass(frozen=True, slots=True)
class HoursStep:
    KIND: ClassVar[str] = "hours"
    week: Week
    open: str
    closed: str

    def exits(self) -> Exits:
        yield "open", self.open
        yield "closed", self.closed


@dataclass(frozen=True, slots=True)
class QueueStep:
    KIND: ClassVar[str] = "queue"
    queue: str
    priority: int
    skills: tuple[tuple[Text, int], ...]
    prompt: Prompt

    def exits(self) -> Exits:
        yield from ()


@dataclass(frozen=True, slots=True)
class HangUpStep:
    KIND: ClassVar[str] = "hang_up"
    prompt: Prompt

    def exits(self) -> Exits:
        yield from ()


@dataclass(frozen=True, slots=True)
class GotoStep:
    KIND: ClassVar[str] = "goto"
    next: str

    def exits(self) -> Exits:
        yield "next", self.next


Step: TypeAlias = SayStep | MenuStep | SetStep | BranchStep | HoursStep | QueueStep | HangUpStep | GotoStep


@dataclass(frozen=True, slots=True)
class Flow:
    """``version`` is a digest of the text, so that equal texts are one version. ``languages`` maps the
    flow's own short names to BCP 47 tags; the first is spoken until another is chosen."""

    name: str
    version: str
    languages: Mapping[str, str]
    start: str
    steps: Mapping[str, Step]
    source: str
