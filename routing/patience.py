"""How long customers wait before they give up, from those who did and those who were answered before they would have.

Whoever was answered would have waited longer than they had to: their patience is only known to be more (censored).
The share that is still there after a time is estimated by the product-limit (Kaplan and Meier 1958); beyond the last
who gave up, where it says nothing, people are taken to leave at a constant rate: who left by all the time waited.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from math import exp, inf, log

from contact_center.domain.time import Millis


class Patience:
    """``waits`` are (how long, whether the customer gave up then). ``gave_up`` of ``seen`` did; ``mean_ms`` is that
    of the constant rate, infinite where nobody gave up."""

    def __init__(self, waits: Iterable[tuple[Millis, bool]]) -> None:
        ordered = sorted([(max(0, wait), not left) for wait, left in waits])
        self.seen = len(ordered)
        self.gave_up = 0
        self._times: list[Millis] = []
        self._still: list[float] = []
        total, still = 0, 1.0
        for at, (wait, answered) in enumerate(ordered):
            total += wait
            if answered:
                continue
            self.gave_up += 1
            there = self.seen - at
            still *= (there - 1) / there
            if self._times and self._times[-1] == wait:
                self._still[-1] = still
            else:
                self._times.append(wait)
                self._still.append(still)
        self.mean_ms = total / self.gave_up if self.gave_up else inf

    def still_there(self, after_ms: Millis) -> float:
        """The share that has not given up by then."""
        at = bisect_right(self._times, after_ms) - 1
        if at < 0:
            return 1.0
        beyond = after_ms - self._times[-1]
        if beyond > 0 and self.mean_ms > 0:
            return self._still[-1] * exp(-beyond / self.mean_ms)
        return self._still[at]

    def draw(self, chance: float, waited_ms: Millis = 0) -> Millis:
        """The patience of somebody who had not given up after ``waited_ms``; -1 is for ever. ``chance`` lies between
        0 and 1: the greater it is, the sooner they leave."""
        if not self.gave_up:
            return -1
        wanted = self.still_there(waited_ms) * (1 - chance)
        last = self._still[-1]
        if wanted >= last and last < self.still_there(waited_ms):
            # The shares fall, so where they are turned round they rise.
            at = bisect_left(self._still, -wanted, key=lambda share: -share)
            return max(waited_ms, self._times[at])
        begin = max(waited_ms, self._times[-1])
        there = self.still_there(begin)
        if wanted <= 0 or there <= 0:
            return begin
        return begin + round(self.mean_ms * log(max(1.0, there / wanted)))
