"""A document and what the caller does → what is heard and what is asked next. Pure: no clock, no I/O."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

from contact_center.sandbox.twiml.verbs import (
    Dial,
    Enqueue,
    Gather,
    Hangup,
    Lasting,
    Leave,
    Message,
    Pause,
    Play,
    Prompt,
    Record,
    Redirect,
    Reject,
    Say,
    Taping,
    Transcribe,
    Verb,
)

_KEYS = frozenset("0123456789*#ABCDabcd")


@dataclass(frozen=True, slots=True)
class Begin:
    pass


@dataclass(frozen=True, slots=True)
class Done:
    """The prompt was heard to its end, or the transcript began."""


@dataclass(frozen=True, slots=True)
class Keys:
    digits: str


@dataclass(frozen=True, slots=True)
class Words:
    text: str
    confidence: float = 0.92


@dataclass(frozen=True, slots=True)
class Silence:
    """The time to answer in is over."""


@dataclass(frozen=True, slots=True)
class Returned:
    """A queue, a dialled party or a recording is over; ``facts`` are what its action is told (none: the
    recording is empty)."""

    facts: Mapping[str, str] = field(default_factory=dict)


Happening: TypeAlias = Begin | Done | Keys | Words | Silence | Returned


@dataclass(frozen=True, slots=True)
class Hear:
    """Let the caller hear ``prompt``, then say ``Done``. ``gather`` is set where keys or words are listened for
    meanwhile."""

    prompt: Prompt
    gather: Gather | None = None


@dataclass(frozen=True, slots=True)
class Listen:
    """Wait ``seconds`` for keys or words, else say ``Silence``. ``typed`` is what was keyed in so far."""

    gather: Gather
    typed: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Ask:
    """Fetch the next document with these facts."""

    url: str
    method: str
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Do:
    """Carry out a verb that lasts (or one that has no sound), then say ``Returned`` or ``Done``."""

    verb: Lasting


@dataclass(frozen=True, slots=True)
class LeaveQueue:
    """The wait is over by the wait document's own word."""


@dataclass(frozen=True, slots=True)
class End:
    """The document is at its end. ``how``: ``finished`` (nothing left to do), ``hangup``, ``rejected``, ``busy``."""

    how: Literal["finished", "hangup", "rejected", "busy"]


@dataclass(frozen=True, slots=True)
class Carry:
    """Nobody listens to that: go on with what is going on."""


Step: TypeAlias = Hear | Listen | Ask | Do | LeaveQueue | End | Carry


@dataclass(frozen=True, slots=True)
class Position:
    """Where in a document a call is: the verb, the prompt within a Gather, and what was keyed in there."""

    verbs: tuple[Verb, ...]
    at: int = 0
    prompt: int = 0
    typed: str = ""

    @property
    def verb(self) -> Verb | None:
        return self.verbs[self.at] if self.at < len(self.verbs) else None


def step(position: Position, happened: Happening) -> tuple[Position, Step]:
    """What follows ``happened``. Never raises; a happening that does not fit is carried over (``Carry``)."""
    verb = position.verb
    match happened:
        case Begin():
            return _enter(position)
        case Done() if isinstance(verb, Gather):
            return _enter(replace(position, prompt=position.prompt + 1))
        case Done() if isinstance(verb, Say | Play | Pause | Taping | Transcribe | Message):
            return _next(position)
        case Keys(digits) if isinstance(verb, Gather) and verb.digits:
            return _keyed(position, verb, digits)
        case Words(text, confidence) if isinstance(verb, Gather) and verb.speech and text.strip():
            said = {
                "SpeechResult": text.strip(),
                "Confidence": f"{confidence:.8f}",
                "Language": verb.language,
            }
            return position, _ask(verb, said)
        case Silence() if isinstance(verb, Gather):
            return _silent(position, verb)
        case Returned(facts) if isinstance(verb, Enqueue | Dial | Record):
            # An empty recording asks for nothing: what stands after it is executed.
            asks = verb.action and (facts or not isinstance(verb, Record))
            return (position, Ask(verb.action, verb.method, facts)) if asks else _next(position)
    return position, Carry()


def _next(position: Position) -> tuple[Position, Step]:
    return _enter(Position(position.verbs, position.at + 1))


def _enter(position: Position) -> tuple[Position, Step]:
    verb = position.verb
    match verb:
        case None:
            return position, End("finished")
        case Say() | Play() | Pause():
            return position, Hear(verb)
        case Gather() if position.prompt < len(verb.prompts) and not position.typed:
            return position, Hear(verb.prompts[position.prompt], verb)
        case Gather():
            return position, Listen(verb, position.typed, verb.timeout)
        case Redirect(url, method):
            return position, Ask(url, method)
        case Hangup():
            return position, End("hangup")
        case Reject(reason):
            return position, End("busy" if reason == "busy" else "rejected")
        case Leave():
            return position, LeaveQueue()
    return position, Do(verb)


def _keyed(position: Position, gather: Gather, digits: str) -> tuple[Position, Step]:
    typed = position.typed
    for key in digits:
        if key not in _KEYS:
            continue
        if gather.finish_on and key in gather.finish_on:
            # The finishing key before any other is no answer: what stands after the Gather is executed.
            done = {"Digits": typed, "FinishedOnKey": key}
            return (position, _ask(gather, done)) if typed else _silent(position, gather)
        typed += key
        if gather.num_digits and len(typed) >= gather.num_digits:
            return position, _ask(gather, {"Digits": typed})
    if typed == position.typed:
        return position, Carry()
    position = replace(position, typed=typed, prompt=len(gather.prompts))
    return position, Listen(gather, typed, gather.timeout)


def _silent(position: Position, gather: Gather) -> tuple[Position, Step]:
    if position.typed:
        return position, _ask(gather, {"Digits": position.typed})
    if not gather.on_empty:
        return _next(position)
    empty = {name: "" for name, wanted in (("Digits", gather.digits), ("SpeechResult", gather.speech)) if wanted}
    return position, _ask(gather, empty)


def _ask(gather: Gather, facts: Mapping[str, str]) -> Ask:
    return Ask(gather.action, gather.method, {**facts, "msg": "Gather End"})


# --- time -----------------------------------------------------------------------------------------------------

_WIDE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")


def lasts(prompt: Prompt) -> float:
    """Seconds that ``prompt`` is heard for. A recording's length is not known; it is taken to be ten seconds."""
    match prompt:
        case Say(text):
            wide = len(_WIDE.findall(text))
            return 0.4 + wide / 4.5 + (len(text) - wide) / 15.0 + prompt.pause
        case Pause(seconds):
            return seconds
        case Play(url, digits):
            return 10.0 if url else 0.3 * len(digits)
