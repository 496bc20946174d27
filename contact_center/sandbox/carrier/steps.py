"""What a scripted caller does, step by step, read from JSON. Pure.

A step is an object. ``wait_for`` comes first: a word for where the call is (:data:`PLACES`), some text that is heard
(case doesn't matter), or ``/a regular expression/``; ``within_ms`` is how long. Then at most one of ``press``,
``say``, ``hang_up_after_ms``, ``pause_ms``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

PLACES = frozenset(
    {"answered", "listening", "connected", "hold", "ringing", "menu", "queue", "conference", "bridged", "recording"}
    | {"music", "ended"}
)
MAX_STEPS = 100
MAX_TEXT = 2_000
MAX_MS = 3_600_000
WITHIN_MS = 30_000
_ACTIONS = ("press", "say", "hang_up_after_ms", "pause_ms")
_KEYS = frozenset("0123456789*#ABCD")
_MAX_PATTERN = 200
_MAX_REPEATS = 2


@dataclass(frozen=True, slots=True)
class Step:
    """``place``, or ``pattern`` in what is heard, is waited for ``within`` seconds; then ``action`` is done."""

    place: str = ""
    pattern: re.Pattern[str] | None = None
    within: float = WITHIN_MS / 1000
    action: Literal["", "press", "say", "hang_up", "pause"] = ""
    text: str = ""
    seconds: float = 0.0


def read(steps: Any) -> tuple[Step, ...]:
    """Raises ``ValueError`` with the number of the step that makes no sense."""
    if not isinstance(steps, list) or len(steps) > MAX_STEPS:
        raise ValueError(f"steps is a list of at most {MAX_STEPS}.")
    return tuple(_each(steps))


def _each(steps: list[Any]) -> Iterator[Step]:
    for number, step in enumerate(steps, 1):
        try:
            yield _step(step)
        except ValueError as error:
            raise ValueError(f"Step {number}: {error}") from None


def _step(step: Any) -> Step:
    if not isinstance(step, dict):
        raise ValueError("a step is an object.")
    unknown = set(step) - {"wait_for", "within_ms", *_ACTIONS}
    if unknown:
        raise ValueError(f"{sorted(map(str, unknown))[0][:40]} is nothing that a caller does.")
    actions = [name for name in _ACTIONS if name in step]
    if len(actions) > 1 or not (actions or "wait_for" in step):
        raise ValueError("a step waits for something, or does one thing, or both.")
    place, pattern = _awaited(step.get("wait_for"))
    within = _milliseconds(step, "within_ms", WITHIN_MS)
    if not actions:
        return Step(place, pattern, within)
    match actions[0]:
        case "press":
            keys = step["press"]
            if not isinstance(keys, str) or not 0 < len(keys) <= 32 or set(keys) - _KEYS:
                raise ValueError("press is up to 32 of the keys 0–9, * and #.")
            return Step(place, pattern, within, "press", keys)
        case "say":
            words = step["say"]
            if not isinstance(words, str) or not words.strip() or len(words) > MAX_TEXT:
                raise ValueError(f"say is a text of at most {MAX_TEXT} characters.")
            return Step(place, pattern, within, "say", words)
        case "hang_up_after_ms":
            return Step(place, pattern, within, "hang_up", seconds=_milliseconds(step, "hang_up_after_ms", 0))
    return Step(place, pattern, within, "pause", seconds=_milliseconds(step, "pause_ms", 0))


def _milliseconds(step: dict[str, Any], name: str, default: int) -> float:
    value = step.get(name, default)
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= MAX_MS:
        raise ValueError(f"{name} is a number from 0 to {MAX_MS}.")
    return value / 1000


def _awaited(wait_for: Any) -> tuple[str, re.Pattern[str] | None]:
    if wait_for is None:
        return "", None
    if not isinstance(wait_for, str) or not wait_for or len(wait_for) > _MAX_PATTERN:
        raise ValueError(f"wait_for is a text of at most {_MAX_PATTERN} characters.")
    if wait_for in PLACES:
        return wait_for, None
    if len(wait_for) > 2 and wait_for[0] == wait_for[-1] == "/":
        return "", _expression(wait_for[1:-1])
    return "", re.compile(re.escape(wait_for), re.IGNORECASE)


def _expression(source: str) -> re.Pattern[str]:
    """One that cannot keep the sandbox busy: at most two repetitions, and none within another."""
    repeats = len(re.findall(r"(?<!\\)(?:[*+?]|\{\d)", source.replace("(?:", "(").replace("??", "?")))
    nested = re.search(r"\)\s*(?:[*+]|\{)", source)
    if repeats > _MAX_REPEATS or nested or re.search(r"\\\d|\(\?P=", source):
        raise ValueError("the expression repeats too much: at most twice, and no group.")
    try:
        return re.compile(source, re.IGNORECASE)
    except (re.error, RecursionError, OverflowError) as error:
        raise ValueError(f"no regular expression: {error}") from None
