"""Where a call is in a flow, as text that names one asking of one question."""

from __future__ import annotations

import re
from typing import NamedTuple

from contact_center.domain.time import Moment

ASK, HOLD, HELD, DIAL, DONE = "ask", "hold", "held", "dial", "done"
"""What is going on at the step: the caller is asked; waits in the queue; waits, whatever the step; is connected
with a number; has been told goodbye."""

SEND, CHECK = "send", "check"
"""Somebody else is asked, first to send a code, or for the answer."""

PENDING = frozenset({SEND, CHECK})
TICKING = frozenset({HOLD, HELD, *PENDING})
"""Where the call comes back by itself, for as long as it takes."""

MOST_TICKS = 10**9

_WRITTEN = re.compile(
    r"([^.]*)\.([0-9]{1,15})\.([0-9]{1,3})\.([a-z]{1,8})\.([0-9]{1,15})\.([0-9]{1,15})\.(.+)", re.DOTALL
)


class Place(NamedTuple):
    """``turn`` counts the questions of the call, ``tries`` those of this step, ``tick`` how often the call came back
    by itself; ``since`` is when the waiting began. In a survey, ``tick`` is the question."""

    version: str
    turn: int
    tries: int
    phase: str
    since: Moment
    tick: int
    step: str

    def __str__(self) -> str:
        version, turn, tries, phase, since, tick, step = self
        return f"{version}.{turn}.{tries}.{phase}.{since}.{tick}.{step}"

    def reached_by(self, other: Place) -> bool:
        """Whether ``other`` is this place, or a later tick of it."""
        if self.phase not in TICKING:
            return self == other
        return 0 <= other.tick - self.tick < MOST_TICKS and self == other._replace(tick=self.tick)


def place(position: str) -> Place | None:
    """None for a text that is no position."""
    match = _WRITTEN.fullmatch(position)
    if match is None or not match[0].isascii():
        return None
    version, turn, tries, phase, since, tick, step = match.groups()
    return Place(version, int(turn), int(tries), phase, int(since), int(tick), step)
