"""How right the estimates were: what was expected of each wait, held against what became of it. Pure.

Whoever gave up would have waited longer still. They are counted as far as they show something (Kaplan and Meier
1958): left out, estimates would look worse in a long queue than they are, and better in a hopeless one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import exp, log
from typing import Any

from contact_center.domain.time import SECOND, Millis
from contact_center.domain.waiting_time import Stretch, gone_by
from routing.foreseeing import ahead_of

ENOUGH = 30
"""With fewer answered than this, nothing can be said about the estimates."""
GOOD = 0.8
"""Nine in ten were promised. Where fewer than this were answered in time, callers are told nothing, or a range."""
ROUNDED = 0.01
"""Promises are reckoned from rounded figures."""
MOST_CERTAIN = 0.05
"""Where half and nine in ten are all but the same moment, it is still not quite certain."""
MOST_DOUBLED = 1e3
SHARES = tuple(share / 10 for share in range(1, 10))


@dataclass(frozen=True, slots=True)
class Point:
    """Of those who were to be answered with the chance ``expected``, ``found`` were; None where nobody can say."""

    expected: float
    found: float | None


@dataclass(frozen=True, slots=True)
class Quality:
    """Of ``estimates`` that were made while all agents were busy, so many were ``answered``, the rest went away
    first. ``bias_ms`` is by how much the answered waited longer than their average said (negative: shorter),
    ``mae_ms`` how far off it was either way. ``within_p50`` and ``within_p90`` are the shares answered within what
    half and nine in ten were promised. ``free`` found an agent free at once, ``unserved`` were told nothing.
    ``calibrated`` is None with fewer than :data:`ENOUGH` answers, of which ``missing`` are missing."""

    estimates: int
    answered: int
    free: int
    unserved: int
    bias_ms: Millis | None
    mae_ms: Millis | None
    within_p50: float | None
    within_p90: float | None
    curve: tuple[Point, ...]

    @property
    def missing(self) -> int:
        return max(0, ENOUGH - self.answered)

    @property
    def calibrated(self) -> bool | None:
        if self.missing:
            return None
        return self.within_p90 is None or self.within_p90 >= GOOD


def quality(rows: Iterable[Any], curve: bool = True) -> Quality:
    """``rows`` are estimates with outcomes, as :func:`contact_center.storage.estimates.outcomes` gives them. Without
    the ``curve`` it costs a tenth."""
    found = list(rows)
    told = [row for row in found if row.others >= 0 and row.mean_ms is not None]
    off = [row.waited_ms - row.mean_ms for row in told if row.outcome == "answered"]
    return Quality(
        estimates=len(told),
        answered=len(off),
        free=sum(1 for row in found if row.others < 0),
        unserved=sum(1 for row in found if row.others >= 0 and row.mean_ms is None),
        bias_ms=round(sum(off) / len(off)) if off else None,
        mae_ms=round(sum(map(abs, off)) / len(off)) if off else None,
        within_p50=_within([(row.waited_ms, row.p50_ms, row.outcome) for row in told]),
        within_p90=_within([(row.waited_ms, row.p90_ms, row.outcome) for row in told]),
        curve=_curve(told) if curve else (),
    )


def _within(waits: Iterable[tuple[Millis, Millis, str]]) -> float | None:
    """The share answered within what was promised to each."""
    parts = [(waited / max(1, promised), outcome == "answered") for waited, promised, outcome in waits]
    return gone_by(parts, (1.0,))[0] if parts else None


def _curve(told: Iterable[Any]) -> tuple[Point, ...]:
    """Each wait as the chance that it was given of being no longer. If the chances are right, they are spread evenly:
    a tenth of them lies below a tenth."""
    chances: list[Stretch] = [(_chance(row), row.outcome == "answered") for row in told]
    if not chances:
        return ()
    return tuple(Point(share, found) for share, found in zip(SHARES, gone_by(chances, SHARES), strict=True))


def _chance(row: Any) -> float:
    """By the law that its promises came from. Where more were to be asked as time went on, that is not kept: then by
    the Weibull law that has the same half and the same nine in ten."""
    turn_s, most_s = (row.waited_ms - row.answer_ms) / SECOND, (row.p90_ms - row.answer_ms) / SECOND
    line = ahead_of(row.others, row.agents, row.handling_ms, row.patience_ms)
    if abs(line.chance_within(most_s) - 0.9) < ROUNDED:
        return line.chance_within(turn_s)
    half_s = max(1e-3, (row.p50_ms - row.answer_ms) / SECOND)
    shape = log(log(10) / log(2)) / max(MOST_CERTAIN, log(max(1.0, most_s / half_s)))
    return 1 - exp(-log(2) * min(MOST_DOUBLED, max(0.0, turn_s) / half_s) ** shape)
