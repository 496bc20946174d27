"""A flow, read and checked: what its steps are and where each can lead."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal, TypeAlias

from contact_center.domain.time import Millis
from ivr_flows.conditions import Condition
from ivr_flows.hours import Week
from ivr_flows.prompts import SILENCE, Prompt, Text

Exits: TypeAlias = Iterator[tuple[str, str]]
Values: TypeAlias = tuple[tuple[str, Text], ...]
Skills: TypeAlias = tuple[tuple[Text, int], ...]

# Each step tells its ``exits``, and its ``silent`` ones: those that a caller who does nothing may come out of. Of a
# step that asks the caller, the first silent exit is the one for a caller who can't be asked any more.


def heard(speech: str) -> str:
    """Spoken words as they are compared: without case and punctuation, each Latin word between spaces (so
    that ``art`` is not found in ``start``), Chinese as it is."""
    words = "".join(c if c.isalnum() else " " for c in speech.casefold()).split()
    return "".join(word if _unspaced(word) else f" {word} " for word in words)


def _unspaced(word: str) -> bool:
    return any("\u2e80" <= c <= "\u9fff" for c in word)


@dataclass(frozen=True, slots=True)
class Question:
    """What the caller is asked, and what they hear before they are asked again."""

    prompt: Prompt
    not_heard: Prompt
    not_understood: Prompt
    retries: int
    timeout_ms: Millis
    barge_in: bool = True


@dataclass(frozen=True, slots=True)
class Dip:
    """A question to a service. ``into`` are fields of the answer and the variables that they become."""

    service: str
    values: Values = ()
    into: tuple[tuple[str, str], ...] = ()
    budget_ms: Millis = 4_000


@dataclass(frozen=True, slots=True)
class SayStep:
    KIND: ClassVar[str] = "say"
    prompt: Prompt
    next: str

    def exits(self) -> Exits:
        yield "next", self.next

    silent = exits


@dataclass(frozen=True, slots=True)
class PlayStep:
    KIND: ClassVar[str] = "play"
    prompt: Prompt
    next: str

    def exits(self) -> Exits:
        yield "next", self.next

    silent = exits


@dataclass(frozen=True, slots=True)
class Choice:
    next: str
    values: Values = ()


@dataclass(frozen=True, slots=True)
class MenuStep:
    """``words`` are (what may be said, as :func:`heard` makes it, and the key that it stands for);
    ``hints`` are the same words as they were written, and those that the menu adds."""

    KIND: ClassVar[str] = "menu"
    question: Question
    choices: Mapping[str, Choice]
    words: tuple[tuple[str, str], ...]
    hints: tuple[str, ...]
    no_input: str
    no_match: str

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
        yield from self.silent()
        yield "no_match", self.no_match

    def silent(self) -> Exits:
        yield "no_input", self.no_input


@dataclass(frozen=True, slots=True)
class CollectStep:
    """Digits become ``variable``. Secret ones become nothing: they are given to the service of ``dip`` under that
    name, and forgotten."""

    KIND: ClassVar[str] = "collect"
    question: Question
    variable: str
    least: int
    most: int
    finish_on: str
    next: str
    no_input: str
    no_match: str
    dip: Dip | None = None
    not_found: str = ""
    error: str = ""
    timeout: str = ""

    def exits(self) -> Exits:
        yield "next", self.next
        yield from self.silent()
        yield "no_match", self.no_match
        if self.dip:
            yield "not_found", self.not_found
            yield "error", self.error
            yield "timeout", self.timeout

    def silent(self) -> Exits:
        yield "no_input", self.no_input


@dataclass(frozen=True, slots=True)
class SetStep:
    KIND: ClassVar[str] = "set"
    values: Values
    next: str

    def exits(self) -> Exits:
        yield "next", self.next

    silent = exits


@dataclass(frozen=True, slots=True)
class PriorityStep:
    """Added to the priority of whichever queue the call comes to."""

    KIND: ClassVar[str] = "priority"
    priority: int
    next: str

    def exits(self) -> Exits:
        yield "next", self.next

    silent = exits


@dataclass(frozen=True, slots=True)
class SkillsStep:
    """Added to the skills of whichever queue the call comes to."""

    KIND: ClassVar[str] = "skills"
    skills: Skills
    next: str

    def exits(self) -> Exits:
        yield "next", self.next

    silent = exits


@dataclass(frozen=True, slots=True)
class LanguageStep:
    KIND: ClassVar[str] = "language"
    language: str
    voice: str
    next: str

    def exits(self) -> Exits:
        yield "next", self.next

    silent = exits


@dataclass(frozen=True, slots=True)
class Case:
    """Holds if every variable named has one of the values beside it, and the condition holds."""

    when: tuple[tuple[str, frozenset[str]], ...]
    next: str
    condition: Condition | None = None

    def holds(self, variables: Mapping[str, str]) -> bool:
        if self.condition is not None:
            return self.condition.holds(variables)
        return all(variables.get(name, "") in values for name, values in self.when)

    @property
    def proves_verified(self) -> bool:
        """Whether only verified callers can fulfil it."""
        if self.condition is not None:
            return self.condition.proves_verified
        return any(name == "verified" and values == {"yes"} for name, values in self.when)


@dataclass(frozen=True, slots=True)
class BranchStep:
    KIND: ClassVar[str] = "branch"
    cases: tuple[Case, ...]
    otherwise: str

    def exits(self) -> Exits:
        for number, case in enumerate(self.cases, 1):
            yield f"case {number}", case.next
        yield "otherwise", self.otherwise

    silent = exits


@dataclass(frozen=True, slots=True)
class HoursStep:
    KIND: ClassVar[str] = "hours"
    week: Week
    open: str
    closed: str
    holiday: str

    def exits(self) -> Exits:
        yield "open", self.open
        yield "closed", self.closed
        if self.week.holidays:
            yield "holiday", self.holiday

    silent = exits


@dataclass(frozen=True, slots=True)
class IdentifyStep:
    """Whether the number that the caller rings from is one we know. That proves nothing: it names a candidate."""

    KIND: ClassVar[str] = "identify"
    known: str
    unknown: str

    def exits(self) -> Exits:
        yield "known", self.known
        yield "unknown", self.unknown

    silent = exits


@dataclass(frozen=True, slots=True)
class VerifyStep:
    """``pin``: secret digits that a service knows. ``code``: one that is sent to the caller's number first."""

    KIND: ClassVar[str] = "verify"
    how: Literal["pin", "code"]
    question: Question
    dip: Dip
    least: int
    most: int
    verified: str
    failed: str
    unavailable: str

    def exits(self) -> Exits:
        yield "verified", self.verified
        yield from self.silent()

    def silent(self) -> Exits:
        yield "failed", self.failed
        yield "unavailable", self.unavailable


@dataclass(frozen=True, slots=True)
class FetchStep:
    KIND: ClassVar[str] = "fetch"
    dip: Dip
    prompt: Prompt
    next: str
    not_found: str
    error: str
    timeout: str

    def exits(self) -> Exits:
        yield "next", self.next
        yield "not_found", self.not_found
        yield "error", self.error
        yield "timeout", self.timeout

    silent = exits


@dataclass(frozen=True, slots=True)
class SplitStep:
    """``arms`` are name, weight, step."""

    KIND: ClassVar[str] = "split"
    experiment: str
    salt: str
    arms: tuple[tuple[str, int, str], ...]

    def exits(self) -> Exits:
        for name, _, target in self.arms:
            yield name, target

    silent = exits


@dataclass(frozen=True, slots=True)
class AnnounceStep:
    """The recording is announced; who stays on the line agrees."""

    KIND: ClassVar[str] = "consent"
    prompt: Prompt
    given: str

    def exits(self) -> Exits:
        yield "given", self.given

    silent = exits


@dataclass(frozen=True, slots=True)
class ConsentStep:
    """Whether the call may be recorded. Silence is a no."""

    KIND: ClassVar[str] = "consent"
    question: Question
    accept: str
    refuse: str
    given: str
    refused: str

    def exits(self) -> Exits:
        yield "given", self.given
        yield from self.silent()

    def silent(self) -> Exits:
        yield "refused", self.refused


@dataclass(frozen=True, slots=True)
class SurveyQuestion:
    """``least`` to ``most`` are the keys that answer; with ``speech`` words do too, whatever they are."""

    name: str
    question: Question
    least: int
    most: int
    speech: bool


@dataclass(frozen=True, slots=True)
class SurveyStep:
    KIND: ClassVar[str] = "survey"
    questions: tuple[SurveyQuestion, ...]
    next: str

    def exits(self) -> Exits:
        yield "next", self.next

    silent = exits


@dataclass(frozen=True, slots=True)
class Wait:
    """What a waiting caller hears. ``position`` and ``estimate`` are words of the flow's own; ``SILENCE`` is the
    ready-made ones, None is nothing."""

    position: Prompt | None = None
    estimate: Prompt | None = None
    comfort: tuple[Prompt, ...] = ()
    music: str = ""
    every_ms: Millis = 30_000


@dataclass(frozen=True, slots=True)
class QueueStep:
    """Exits that lead nowhere (empty) leave the caller waiting. ``agent`` is the only one who gets the call."""

    KIND: ClassVar[str] = "queue"
    queue: str
    priority: int
    skills: Skills
    prompt: Prompt
    agent: str = ""
    wait: Wait = Wait()
    offers: Mapping[str, Choice] = field(default_factory=dict)
    closing: str = ""
    no_agents: str = ""
    full: str = ""
    full_beyond: int = 0
    longest: str = ""
    longest_ms: Millis = 0

    def exits(self) -> Exits:
        for key, choice in self.offers.items():
            yield key, choice.next
        yield from self.silent()

    def silent(self) -> Exits:
        for name in ("closing", "no_agents", "full", "longest"):
            if target := getattr(self, name):
                yield name, target


@dataclass(frozen=True, slots=True)
class CallbackStep:
    """``number`` is the variable that has the number: the caller's own, or one that we knew."""

    KIND: ClassVar[str] = "callback"
    question: Question
    number: str
    accept: str
    decline: str
    accepted: str
    declined: str
    unavailable: str

    def exits(self) -> Exits:
        yield "accepted", self.accepted
        yield from self.silent()

    def silent(self) -> Exits:
        yield "declined", self.declined
        yield "unavailable", self.unavailable


@dataclass(frozen=True, slots=True)
class VoicemailStep:
    KIND: ClassVar[str] = "voicemail"
    prompt: Prompt
    queue: str
    longest_ms: Millis
    silence_ms: Millis
    finish_on: str
    transcribe: bool
    recorded: str
    nothing: str

    def exits(self) -> Exits:
        yield "recorded", self.recorded
        yield from self.silent()

    def silent(self) -> Exits:
        yield "nothing", self.nothing


@dataclass(frozen=True, slots=True)
class TransferStep:
    """To a number that is written in the flow. Where ``answered`` leads nowhere, the call ends with the other."""

    KIND: ClassVar[str] = "transfer"
    number: str
    prompt: Prompt
    timeout_ms: Millis
    longest_ms: Millis
    answered: str
    busy: str
    no_answer: str
    refused: str
    failed: str

    def exits(self) -> Exits:
        if self.answered:
            yield "answered", self.answered
        yield "busy", self.busy
        yield "no_answer", self.no_answer
        yield "refused", self.refused
        yield "failed", self.failed

    silent = exits


@dataclass(frozen=True, slots=True)
class SubflowStep:
    """The other flow's steps stand in this one, named ``<this step>/<theirs>``; ``next`` is their first."""

    KIND: ClassVar[str] = "subflow"
    flow: str
    next: str

    def exits(self) -> Exits:
        yield "next", self.next

    silent = exits


@dataclass(frozen=True, slots=True)
class ReturnStep:
    """Goes back to the flow that this one is part of. ``next`` is empty where it is none's: then the call ends."""

    KIND: ClassVar[str] = "return"
    outcome: str
    next: str

    def exits(self) -> Exits:
        if self.next:
            yield self.outcome or "next", self.next

    silent = exits


@dataclass(frozen=True, slots=True)
class HangUpStep:
    KIND: ClassVar[str] = "hang_up"
    prompt: Prompt = SILENCE

    def exits(self) -> Exits:
        yield from ()

    silent = exits


@dataclass(frozen=True, slots=True)
class GotoStep:
    KIND: ClassVar[str] = "goto"
    next: str

    def exits(self) -> Exits:
        yield "next", self.next

    silent = exits


Step: TypeAlias = (
    SayStep
    | PlayStep
    | MenuStep
    | CollectStep
    | SetStep
    | PriorityStep
    | SkillsStep
    | LanguageStep
    | BranchStep
    | HoursStep
    | IdentifyStep
    | VerifyStep
    | FetchStep
    | SplitStep
    | AnnounceStep
    | ConsentStep
    | SurveyStep
    | QueueStep
    | CallbackStep
    | VoicemailStep
    | TransferStep
    | SubflowStep
    | ReturnStep
    | HangUpStep
    | GotoStep
)


@dataclass(frozen=True, slots=True)
class Flow:
    """``version`` is a digest of the text (and of its subflows'), so that equal texts are one version.
    ``languages`` maps the flow's own short names to BCP 47 tags; the first is spoken until another is chosen.
    ``after_call`` is the step that a caller comes to after the conversation, if any."""

    name: str
    version: str
    languages: Mapping[str, str]
    start: str
    steps: Mapping[str, Step]
    source: str
    voices: Mapping[str, str] = field(default_factory=dict)
    after_call: str = ""
