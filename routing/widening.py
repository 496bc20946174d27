"""How long somebody waits while more agents come to be asked: steps of relaxation, a hold that ends, a cool-down.

With as many agents all the time it is :class:`routing.staffing.Ahead`, exact. Here the number grows at moments that
are known. What happens on average until then is followed along the line: who is gone by when, who of the others is
free when a step comes and takes somebody, from when on they are busy with the line. What chance adds to it is told
by the exact law, at the mean number of agents so far. ``tests/routing/test_widening.py`` holds it against days that
the engine itself plays.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from routing.staffing import Ahead

MOST_FOLLOWED = 48
"""A longer line is followed by so many of it, each for several."""
_POINTS = 24
_CERTAIN = 0.995
_LONGEST_S = 30 * 86_400.0


@dataclass(frozen=True, slots=True)
class Joining:
    """``places`` more. ``free`` of them have nothing to do now, and fewer or more by the time, as they serve others
    too. They may be offered the case from ``own_s`` on, and those in front of it from ``ahead_s`` on: of all of them,
    or of some in their order, who then stand for as many each."""

    places: float
    free: float
    own_s: float
    ahead_s: tuple[float, ...] = ()

    @property
    def first_s(self) -> float:
        """From when on it makes a difference."""
        return min((self.own_s, *self.ahead_s))


@dataclass(frozen=True, slots=True)
class _Active:
    """From ``since_s`` on ``places`` more are busy with the line."""

    since_s: float
    places: float


class Widening:
    """Somebody with ``line.others`` in front while ``line.agents`` are busy, and more are ``joining``. Somebody must
    be: with no agents and nobody joining there is nothing to say. Asked in the terms of :class:`Ahead`."""

    def __init__(self, line: Ahead, joining: Sequence[Joining]) -> None:
        self.line = line
        self._joining = sorted(joining, key=lambda each: each.own_s)
        self._taken_at: list[float] = []
        self._taken: list[float] = []
        self._active: list[_Active] = []
        self._follow()

    # --- on average -----------------------------------------------------------------------------------------------

    def _follow(self) -> None:
        """Down the line: whom those who join take at once, and from when on they are busy with it."""
        line, now, taken, gone, left = self.line, 0.0, 0.0, 0.0, float(self.line.others)
        free = {number: each.free for number, each in enumerate(self._joining)}
        for at, place, weight, number in self._epochs():
            if at > now:
                out = self._served(now, at) + left * (1 - math.exp(-(at - now) / line.patience_s))
                gone, left = gone + out, max(0.0, left - out)
                for each in free:
                    free[each] = self._free_by(each, free[each], at - now)
                now = at
            if number not in free or (place < line.others and gone > place + weight / 2):
                continue
            takes = min(weight, free[number]) if place < line.others else free[number]
            free[number] -= takes
            taken, gone, left = taken + takes, gone + takes, max(0.0, left - takes)
            self._taken_at.append(at)
            self._taken.append(taken)
            if takes < weight or place >= line.others:
                del free[number]
                self._active.append(_Active(at, self._joining[number].places))

    def _epochs(self) -> Iterator[tuple[float, float, float, int]]:
        """When whom (by their place), for how many, may be offered to which of those who join; in order."""
        found = []
        for number, each in enumerate(self._joining):
            weight = self.line.others / len(each.ahead_s) if each.ahead_s else 0.0
            found += [(max(0.0, at), nth * weight, weight, number) for nth, at in enumerate(each.ahead_s)]
            found.append((max(0.0, each.own_s), float(self.line.others), 1.0, number))
        return iter(sorted(found))

    def _served(self, since_s: float, until_s: float) -> float:
        places = self.line.agents + sum(each.places for each in self._active)
        return places * (until_s - since_s) / self.line.handling_s

    def _free_by(self, number: int, free: float, seconds: float) -> float:
        places = self._joining[number].places
        return places - (places - free) * math.exp(-seconds / self.line.handling_s)

    # --- by chance --------------------------------------------------------------------------------------------------

    def chance_within(self, seconds: float) -> float:
        """How likely it is that their turn comes within ``seconds``."""
        if seconds < 0:
            return 0.0
        nth = bisect_right(self._taken_at, seconds)
        others = self.line.others - (self._taken[nth - 1] if nth else 0.0)
        if others <= -1 or seconds == 0:
            return 1.0 if others <= -1 else max(0.0, -others)
        busy = sum(each.places * max(0.0, seconds - each.since_s) for each in self._active)
        return self._with(others, self.line.agents + busy / seconds).chance_within(seconds)

    def _with(self, others: float, agents: float) -> Ahead:
        return Ahead(others, agents, self.line.handling_s, self.line.patience_s)

    @cached_property
    def _table(self) -> _Table:
        jumps = {each.own_s for each in self._joining if each.own_s > 0}
        places = self.line.agents + sum(each.places for each in self._joining)
        start = max([self._with(self.line.others, places).average_s, *jumps])
        return _Table(self.chance_within, start, jumps)

    @property
    def average_s(self) -> float:
        return self._table.average_s

    def quantile_s(self, share: float) -> float:
        """Within how long their turn comes in ``share`` of such cases."""
        return self._table.quantile_s(share)


class Keeping:
    """Somebody who is ``kept`` until ``until_s`` for some, who are busy and done with those in front after
    ``in_front_s``. Then somebody else is free by ``chance_free``, or it is as ``then`` says, of those who are left in
    front. Asked in the terms of :class:`Ahead`."""

    def __init__(
        self, kept: Ahead, in_front_s: float, until_s: float, then: Ahead | Widening, chance_free: float = 0.0
    ) -> None:
        self._kept = kept
        self._in_front_s = in_front_s
        self._until_s = until_s
        self._then = then
        self._chance_free = chance_free

    def chance_within(self, seconds: float) -> float:
        """How likely it is that their turn comes within ``seconds``."""
        own = self._kept.chance_within(min(seconds, self._until_s) - self._in_front_s)
        if seconds < self._until_s:
            return own
        then = self._then.chance_within(seconds - self._until_s)
        return 1 - (1 - own) * (1 - self._chance_free) * (1 - then)

    @cached_property
    def _table(self) -> _Table:
        return _Table(self.chance_within, self._until_s + self._then.average_s, {self._until_s})

    @property
    def average_s(self) -> float:
        return self._table.average_s

    def quantile_s(self, share: float) -> float:
        """Within how long their turn comes in ``share`` of such cases."""
        return self._table.quantile_s(share)


class _Table:
    """A chance by time, at so many points that all else can be read off. ``start`` is a time of the right order;
    it may jump at ``jumps``."""

    def __init__(self, chance_within: Callable[[float], float], start: float, jumps: Iterable[float]) -> None:
        end = min(max(start, 1.0), _LONGEST_S)
        while chance_within(end) < _CERTAIN and end < _LONGEST_S:
            end *= 2
        while end > 1 and chance_within(end / 2) >= _CERTAIN:
            end /= 2
        times: list[float] = [end * (number / _POINTS) ** 1.5 for number in range(_POINTS + 1)]
        times += [at for jump in jumps if 0 < jump <= end for at in (jump * (1 - 1e-6), jump)]
        self._times = sorted(times)
        self._chances = [chance_within(at) for at in self._times]

    @property
    def average_s(self) -> float:
        late = [1 - chance for chance in self._chances]
        steps = zip(self._times, self._times[1:], late, late[1:], strict=False)
        return sum((to - since) * (before + after) / 2 for since, to, before, after in steps)

    def quantile_s(self, share: float) -> float:
        nth = bisect_left(self._chances, share)
        if nth == len(self._times):
            return self._times[-1]
        if not nth:
            return self._times[0]
        low, high = self._chances[nth - 1], self._chances[nth]
        since, to = self._times[nth - 1], self._times[nth]
        return since + (to - since) * (share - low) / (high - low)


def gone_after_s(line: Ahead) -> float:
    """When those in front are gone, on average."""
    return Ahead(line.others - 1, line.agents, line.handling_s, line.patience_s).average_s if line.others > 0 else 0.0


def left_after(line: Ahead, seconds: float) -> float:
    """How many of those in front are left after so long, on average."""
    served = line.agents * line.patience_s / line.handling_s
    if math.isinf(line.patience_s):
        return max(0.0, line.others - line.agents * seconds / line.handling_s)
    return max(0.0, (line.others + served) * math.exp(-seconds / line.patience_s) - served)
