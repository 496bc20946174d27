"""What a live call is told to do. Flows and verbs say it in these words; the channel turns them into its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, TypeAlias


@dataclass(frozen=True, slots=True)
class Say:
    """Speak ``text`` in ``language`` (BCP 47, ``en-US``, ``zh-CN``). ``voice`` is the provider's name for one;
    empty is the language's own. With ``ssml`` the text is a fragment of SSML 1.1 whose elements have been
    checked and whose variables have been escaped (``ivr_flows.prompts``)."""

    text: str
    language: str
    voice: str = ""
    ssml: bool = False


@dataclass(frozen=True, slots=True)
class Play:
    """Play the recording at ``source``: an https address, or a path that the hub serves (``/media/…``)."""

    source: str
    times: int = 1


@dataclass(frozen=True, slots=True)
class Pause:
    ms: int


Prompt: TypeAlias = Say | Play | Pause


@dataclass(frozen=True, slots=True)
class Collect:
    """Play ``prompts`` and wait for keys or words. The answer comes back as ``CallerInput`` with ``position``;
    silence comes back too, with both empty. ``max_digits`` 0 is any number. ``secret`` digits are written down
    nowhere: not in an event, not in a log."""

    position: str
    prompts: tuple[Prompt, ...]
    language: str
    max_digits: int = 1
    finish_on: str = "#"
    timeout_ms: int = 5_000
    speech: bool = False
    hints: tuple[str, ...] = ()
    barge_in: bool = True
    secret: bool = False


@dataclass(frozen=True, slots=True)
class Hold:
    """Keep the caller waiting: ``prompts``, then about ``ms`` of music (``music`` as ``Play.source``; empty is
    the channel's own). Then, or as soon as one of ``keys`` is pressed, the call comes back as ``CallerInput``
    with ``position``, with that key or with nothing."""

    position: str
    prompts: tuple[Prompt, ...]
    language: str
    music: str = ""
    keys: str = ""
    ms: int = 30_000


@dataclass(frozen=True, slots=True)
class Await:
    """``prompts``, then ``ms`` of silence; then the call comes back as an empty ``CallerInput`` with
    ``position``. For what is being looked up meanwhile."""

    position: str
    prompts: tuple[Prompt, ...] = ()
    ms: int = 1_000


@dataclass(frozen=True, slots=True)
class Record:
    """Play ``prompts``, then record what the caller says, until silence, a key of ``finish_on``, ``longest_ms``
    or they hang up. Comes back as ``CallerRecorded`` with ``position``."""

    position: str
    prompts: tuple[Prompt, ...]
    language: str
    longest_ms: int = 120_000
    silence_ms: int = 5_000
    finish_on: str = "#"
    beep: bool = True
    transcribe: bool = False


@dataclass(frozen=True, slots=True)
class Dial:
    """Ring ``number`` (E.164, allowed by the dialling policy already) and connect the caller with it for at
    most ``longest_ms``. ``caller_id`` is one of our numbers. Comes back as ``DialEnded`` with ``position``."""

    position: str
    number: str
    caller_id: str
    prompts: tuple[Prompt, ...] = ()
    language: str = "en-US"
    timeout_ms: int = 25_000
    longest_ms: int = 3_600_000


@dataclass(frozen=True, slots=True)
class HangUp:
    prompts: tuple[Prompt, ...] = ()


CallAction: TypeAlias = Say | Play | Pause | Collect | Hold | Await | Record | Dial | HangUp
"""A call is told a sequence of these; only ``Say``, ``Play`` and ``Pause`` can stand anywhere but last."""

_KINDS: dict[str, type[Any]] = {
    kind.__name__: kind for kind in (Say, Play, Pause, Collect, Hold, Await, Record, Dial, HangUp)
}
_NAMES = {kind: tuple(field.name for field in fields(kind)) for kind in _KINDS.values()}


def pack(actions: Sequence[CallAction]) -> list[Any]:
    """Actions as JSON: what is kept with the event that they answer, and what leaves through the outbox."""
    return [[type(action).__name__, _plain(action)] for action in actions]


def unpack(told: Sequence[Any]) -> tuple[CallAction, ...]:
    """What :func:`pack` made. Fields that this version doesn't know are left out."""
    return tuple([_action(name, data) for name, data in told])


def _plain(action: CallAction) -> dict[str, Any]:
    data = {name: getattr(action, name) for name in _NAMES[type(action)]}
    if "prompts" in data:
        data["prompts"] = pack(data["prompts"])
    return data


def _action(name: str, data: dict[str, Any]) -> Any:
    kind = _KINDS[name]
    known = {key: value for key, value in data.items() if key in _NAMES[kind]}
    if "prompts" in known:
        known["prompts"] = unpack(known["prompts"])
    if "hints" in known:
        known["hints"] = tuple(known["hints"])
    return kind(**known)
