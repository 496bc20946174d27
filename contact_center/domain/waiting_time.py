"""What can be told from how long things took, some of which are not over yet.

Somebody who gave up waiting would have waited longer still, and a call that goes on has not shown its length. Both
are *censored*: they say "at least this long". Left out, they would make every figure too small.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from contact_center.domain.time import MINUTE, Millis

USUAL_HANDLING_MS = 4 * MINUTE
USUAL_PATIENCE_MS = 5 * MINUTE
IMPATIENT = frozenset({"voice", "chat"})
"""The media that are given up. Nobody hangs up on a letter: where no figure is known, its writer stays."""

RECENCY = 0.98
"""What each older case counts for, beside the next younger one: after 34 more it counts half."""

Stretch = tuple[float, bool]
"""How long, and whether it came to its end (False: at least so long)."""


def recent_mean(newest_first: Iterable[Stretch], usual: float | None, worth: float = 1.0) -> float | None:
    """How long it takes on average: all the time that was seen by the number of ends that were seen, which is the
    likeliest mean of exponential times. Older ones count less. ``usual`` counts like ``worth`` ends of the youngest
    weight; with None for it, no end is no answer."""
    seen = 0.0 if usual is None else usual * worth
    ends = 0.0 if usual is None else worth
    weight = 1.0
    for lasted, ended in newest_first:
        seen += weight * lasted
        ends += weight if ended else 0.0
        weight *= RECENCY
    return seen / ends if ends else None


def gone_by(stretches: Sequence[Stretch], moments: Sequence[float]) -> list[float | None]:
    """For each of ``moments`` (in order) the share that had ended by then (Kaplan and Meier 1958). None beyond what
    was seen: where the longest are all censored, nobody knows."""
    ordered = sorted(stretches, key=lambda each: (each[0], not each[1]))
    left, stays, at, found = len(ordered), 1.0, 0, []
    for moment in moments:
        while at < len(ordered) and ordered[at][0] <= moment:
            if ordered[at][1]:
                stays *= 1 - 1 / left
            left -= 1
            at += 1
        found.append(1 - stays if left or stays < 1e-12 else None)
    return found


def median(stretches: Sequence[Stretch]) -> float | None:
    """Within what half of them end; None where too few were seen to end."""
    ends = sorted({lasted for lasted, ended in stretches if ended})
    shares = gone_by(stretches, ends)
    return next((end for end, share in zip(ends, shares, strict=True) if share is not None and share >= 0.5), None)


def usual_patience_ms(medium: str) -> Millis | None:
    return USUAL_PATIENCE_MS if medium in IMPATIENT else None
