"""The service level, in each of the ways that the field counts it, side by side.

The same day is 70 % or 85 %, by who is counted. So a share is never shown without its formula and the numbers that
went into it, and what was once said is not counted anew when somebody prefers another formula.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from contact_center.domain.time import SECOND, Millis

Variant = Literal[
    "answered_of_offered",
    "answered_of_met",
    "answered_without_short",
    "removed_of_offered",
    "met_in_time",
    "answered_of_answered",
]

SHORT_MS = 5 * SECOND
"""Who hangs up within this has not waited: a wrong number, or a changed mind."""


@dataclass(frozen=True, slots=True)
class Wait:
    """One who waited, and how it ended: ``answered``, ``abandoned``, or ``left`` for another way (a callback, a
    choice of the menu, another queue)."""

    outcome: str
    waited_ms: Millis


@dataclass(frozen=True, slots=True)
class Counts:
    """Of those who came: who was answered, who gave up, who left for another way; each with how many within the
    target. ``short`` are those who gave up at once."""

    offered: int = 0
    answered: int = 0
    answered_within: int = 0
    abandoned: int = 0
    abandoned_within: int = 0
    short: int = 0
    left: int = 0
    left_within: int = 0


def counted(waits: Iterable[Wait], within_ms: Millis, short_ms: Millis = SHORT_MS) -> Counts:
    """``offered`` counts only what is over: who still waits belongs to no share yet."""
    found = list(waits)

    def number(outcome: str, most_ms: Millis | None = None) -> int:
        return sum(1 for w in found if w.outcome == outcome and (most_ms is None or w.waited_ms <= most_ms))

    return Counts(
        offered=len(found),
        answered=number("answered"),
        answered_within=number("answered", within_ms),
        abandoned=number("abandoned"),
        abandoned_within=number("abandoned", within_ms),
        short=number("abandoned", short_ms),
        left=number("left"),
        left_within=number("left", within_ms),
    )


@dataclass(frozen=True, slots=True)
class Level:
    """A service level that can stand alone: what was counted, out of what, by which formula. ``share`` is None where
    nobody was counted."""

    variant: Variant
    formula: str
    good: int
    of: int

    @property
    def share(self) -> float | None:
        return self.good / self.of if self.of else None


def levels(c: Counts) -> tuple[Level, ...]:
    """From the strictest to the kindest, as a rule."""
    late = c.answered - c.answered_within
    return (
        Level("answered_of_offered", "answered in time / offered", c.answered_within, c.offered),
        Level(
            "answered_of_met",
            "(answered - answered late) / (answered + abandoned)",
            c.answered - late,
            c.answered + c.abandoned,
        ),
        Level(
            "answered_without_short",
            "(answered - answered late) / (answered + abandoned - abandoned at once)",
            c.answered - late,
            c.answered + c.abandoned - c.short,
        ),
        Level(
            "removed_of_offered",
            "(answered + abandoned + left, in time) / offered",
            c.answered_within + c.abandoned_within + c.left_within,
            c.offered,
        ),
        Level(
            "met_in_time",
            "(answered in time + abandoned in time) / (answered + abandoned)",
            c.answered_within + c.abandoned_within,
            c.answered + c.abandoned,
        ),
        Level("answered_of_answered", "answered in time / answered", c.answered_within, c.answered),
    )
