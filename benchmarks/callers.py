"""People who ring the company's main line, and what each does there: scripts for the sandbox's telephones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Any, Literal

Step = dict[str, Any]

PATIENCE_MS = 120_000
TALK_MS = 400


@dataclass(frozen=True, slots=True)
class Kind:
    """``steps`` are done on the call. ``rung``: what their telephone does when the hub calls back; ``rung_steps``
    what is done on that call. ``agent_ends``: the agent is the first to end the conversation, by the command or by
    putting the telephone down. ``impatient``: acts before any agent is there."""

    name: str
    steps: tuple[Step, ...]
    rung: str = ""
    rung_steps: tuple[Step, ...] = ()
    agent_ends: Literal["", "command", "telephone"] = ""
    impatient: bool = False


def _menus(*keys: str) -> tuple[Step, ...]:
    return tuple({"wait_for": "listening", "press": key} for key in keys)


def patient(steps: tuple[Step, ...]) -> list[Step]:
    """What is waited for is waited for as long as a machine that is busy may need."""
    return [{**step, "within_ms": PATIENCE_MS} if "wait_for" in step else step for step in steps]


_CONNECTED: Step = {"wait_for": "connected"}
_ENDED: Step = {"wait_for": "ended"}
_TALK: tuple[Step, ...] = (_CONNECTED, {"say": "Hello. 您好。"}, {"hang_up_after_ms": TALK_MS})
_ANSWERS: tuple[Step, ...] = (
    {"wait_for": "from 1, not at all", "press": "5"},
    {"wait_for": "Press 1 for yes", "press": "1"},
    _ENDED,
)
_CALL_ME: tuple[Step, ...] = (
    {"wait_for": "press 1 and we'll call you back", "press": "1"},
    {"wait_for": "To be called back, press 1", "press": "1"},
    _ENDED,
)


KINDS = (
    Kind("support, asked afterwards", (*_menus("1", "2"), *_ANSWERS), agent_ends="telephone"),
    Kind("sales", (*_menus("1", "1"), *_TALK)),
    Kind("billing, in Chinese", (*_menus("2", "3"), *_TALK)),
    Kind("support", (*_menus("1", "2"), *_TALK)),
    Kind(
        "order status",
        (
            *_menus("1", "4", "1001#"),
            {"wait_for": "on its way", "press": "3"},
            {"wait_for": "simply hang up", "hang_up_after_ms": 100},
        ),
        impatient=True,
    ),
    Kind(
        "order, then a person",
        (*_menus("1", "4", "9999#"), {"wait_for": "I can't find an order", "press": "2"}, *_TALK),
    ),
    Kind(
        "callback",
        (*_menus("1", "2"), *_CALL_ME),
        rung="answer",
        rung_steps=_TALK,
        agent_ends="command",
        impatient=True,
    ),
    Kind(
        "callback, engaged",
        (*_menus("1", "1"), *_CALL_ME),
        rung="busy",
        impatient=True,
    ),
    Kind(
        "voicemail",
        (
            *_menus("1", "9"),
            {"wait_for": "recording", "say": "Please call me about my invoice. 请回电。"},
            {"hang_up_after_ms": 200},
        ),
        impatient=True,
    ),
    Kind("hangs up in the menu", (*_menus("1"), {"wait_for": "listening", "hang_up_after_ms": 150}), impatient=True),
    Kind("hangs up at once", ({"hang_up_after_ms": 30},), impatient=True),
    Kind(
        "hangs up while waiting",
        (*_menus("2", "2"), {"wait_for": "music", "hang_up_after_ms": 300}),
        rung="answer",
        rung_steps=_TALK,
        impatient=True,
    ),
)
"""Each twelfth caller is one of these."""


@dataclass(frozen=True, slots=True)
class Caller:
    number: str
    kind: Kind


def callers(count: int) -> Iterator[Caller]:
    """All kinds in turn, each from a number of New York's that exists."""
    for place, kind in enumerate(islice(cycle(KINDS), count)):
        yield Caller(f"+1212{2_000_000 + place}", kind)
