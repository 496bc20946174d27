"""How long a case will wait, from who stands in front of it and who could take it as time goes on.

The hub tells its customers by this, and a day that is simulated goes by the same.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import ceil, exp, inf

from contact_center.domain.time import HOUR, SECOND, Millis, Moment
from routing.cases import Waiting, turn
from routing.places import Later, Prospect
from routing.policy import Policy
from routing.staffing import Ahead
from routing.widening import MOST_FOLLOWED, Joining, Keeping, Widening, gone_after_s, left_after

FEWEST_PLACES = 0.01


@dataclass(frozen=True, slots=True)
class Rates:
    """How it goes in a queue, for a medium. ``handling_ms`` is how long an agent's place is taken, from the ring to
    the end of wrap-up; ``patience_ms`` how long customers wait before they give up (0: they don't); ``answer_ms``
    how long it rings. ``handled`` and ``abandoned`` of the ``seen`` are what that is told from."""

    handling_ms: float
    patience_ms: float
    answer_ms: float
    handled: int = 0
    abandoned: int = 0
    seen: int = 0


@dataclass(frozen=True, slots=True)
class Estimate:
    """Within how long an agent answers: on average, in half of such cases, in nine of ten."""

    mean_ms: Millis
    p50_ms: Millis
    p90_ms: Millis


@dataclass(frozen=True, slots=True)
class Line:
    """``front`` is since when those wait in front who find nobody free either, the first first; ``others`` how many
    they are, or by how many those who are free are more (negative). ``behind`` wait behind, and ``per_hour`` come."""

    front: Sequence[Moment]
    others: int
    behind: int = 0
    per_hour: float = 0


def line_of(
    turns: Sequence[tuple[Moment, Moment]],
    waiting: Waiting,
    found: Prospect,
    policy: Policy,
    now: Moment,
    per_hour: float,
) -> tuple[int, Line]:
    """How many stand before the case, and the line as it is for it. ``turns`` has all who wait there for the same
    medium, in order: each one's turn, and since when it counts. What is for one agent alone waits for nobody."""
    own = turn(waiting.virtual_enqueued_at, waiting.priority, waiting.queue, policy, now)
    ahead = bisect_left(turns, (own,))
    before = 0 if waiting.only_agent else ahead
    front = [since for _, since in turns[found.free : before]]
    return ahead, Line(front, before - found.free, max(0, len(turns) - ahead - 1), per_hour)


def somebody_is_free(found: Prospect, line: Line) -> bool:
    """Who has nothing to do, and may have it, and is needed by nobody in front."""
    return bool(found.kept_free) if found.until else line.others < 0


def foresee(found: Prospect, line: Line, rates: Rates, now: Moment) -> Estimate | None:
    """None where nobody who is there will ever be asked."""
    if somebody_is_free(found, line):
        return _at_once(rates)
    if found.until:
        return _kept(found, line, rates, now)
    told = estimate_of(line.others, found.places, rates) if found.places > 0 else None
    joining = _joining(found.later, line.front, now)
    soon = [each for each in joining if told is None or each.first_s < told.p90_ms / SECOND]
    if not soon:
        return told
    return _with_ring(_read_off(Widening(_line_of(line.others, found.places, rates), soon)), rates)


def _kept(found: Prospect, line: Line, rates: Rates, now: Moment) -> Estimate:
    """For some at first, and for everybody in a while: of those in front, some are gone by then. Whoever else comes
    free until then takes one of those behind, or of those who come."""
    ahead = max(0, line.others)
    whole, until_s = _line_of(ahead, found.places, rates), (found.until - now) / SECOND
    left = _line_of(left_after(whole, until_s), found.places, rates)
    joining = _joining(found.later, line.front[len(line.front) - ceil(left.others) :], found.until)
    free = max(0, -line.others) + (found.places - found.kept_places) * (found.until - now) / rates.handling_ms
    taken = ahead + line.behind + line.per_hour * (found.until - now) / HOUR
    chances = Keeping(
        _line_of(0, found.kept_places, rates),
        gone_after_s(whole),
        until_s,
        Widening(left, joining) if joining else left,
        1 - exp(-max(0.0, free - taken)),
    )
    return _with_ring(_read_off(chances), rates)


def _line_of(others: float, places: float, rates: Rates) -> Ahead:
    return ahead_of(others, places or FEWEST_PLACES, rates.handling_ms, rates.patience_ms)


def _joining(later: Iterable[Later], front: Sequence[Moment], now: Moment) -> list[Joining]:
    """Of a long line some are followed, evenly."""
    step = max(1, ceil(len(front) / MOST_FOLLOWED))
    return [
        Joining(
            each.places,
            each.free,
            max(0, each.own_at - now) / SECOND,
            tuple([max(0, since + each.after_ms - now) / SECOND for since in front[::step]]),
        )
        for each in later
        if each.places > 0
    ]


# --- as it stands -------------------------------------------------------------------------------------------------


def ahead_of(others: float, count: float, handling_ms: float, patience_ms: float) -> Ahead:
    """The same in the terms of :mod:`routing.staffing`."""
    return Ahead(others, count, handling_ms / SECOND, patience_ms / SECOND if patience_ms else inf)


def estimate_of(others: int, count: float, rates: Rates) -> Estimate:
    """What to expect with ``others`` in front who find nobody free (-1: an agent is free), of ``count`` agents."""
    if others < 0:
        return _at_once(rates)
    # Rounded, so that what is asked again and again is reckoned once.
    times = _times(
        others, round(count, 2) or FEWEST_PLACES, round(rates.handling_ms, -2), round(rates.patience_ms, -3)
    )
    return _with_ring(times, rates)


def _at_once(rates: Rates) -> Estimate:
    return _with_ring((0, 0, 0), rates)


def _with_ring(times_s: Iterable[float], rates: Rates) -> Estimate:
    return Estimate(*(round(each * SECOND + rates.answer_ms) for each in times_s))


@lru_cache(maxsize=4096)
def _times(others: int, count: float, handling_ms: float, patience_ms: float) -> tuple[float, float, float]:
    return _read_off(ahead_of(others, count, handling_ms, patience_ms))


def _read_off(chances: Ahead | Widening | Keeping) -> tuple[float, float, float]:
    return chances.average_s, chances.quantile_s(0.5), chances.quantile_s(0.9)
