"""Whose turn it is among cases that are alike."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator
from itertools import chain
from typing import TypeAlias

from contact_center.domain.time import Moment

Turn: TypeAlias = tuple[Moment, str]
"""When a case's turn comes, and its id: the smallest first. No two are equal."""

_MOST = 512


class Turns:
    """Turns in order, in runs of at most 512, so that any may come or go at the cost of moving few references; the
    first costs next to nothing. (A heap has none of its own that leaves from the middle, and looks at one turn after
    the other all over the memory.)"""

    __slots__ = ("_lasts", "_runs", "first")

    def __init__(self) -> None:
        self.first: Turn | None = None
        self._runs: list[list[Turn]] = []
        self._lasts: list[Turn] = []

    def __iter__(self) -> Iterator[Turn]:
        """In their order. Nothing may change meanwhile."""
        return chain.from_iterable(self._runs)

    def add(self, turn: Turn) -> None:
        if not self._runs:
            self._runs.append([turn])
            self._lasts.append(turn)
            self.first = turn
            return
        at = min(bisect_left(self._lasts, turn), len(self._runs) - 1)
        run = self._runs[at]
        insort(run, turn)
        if len(run) > _MOST:
            # Most come at the end, where a run that is left alone may as well be full.
            half = _MOST if at == len(self._runs) - 1 else _MOST // 2
            self._runs[at : at + 1] = [run[:half], run[half:]]
            self._lasts[at : at + 1] = [run[half - 1], run[-1]]
        else:
            self._lasts[at] = run[-1]
        self.first = self._runs[0][0]

    def remove(self, turn: Turn) -> None:
        """It must be there."""
        at = 0 if turn == self.first else bisect_left(self._lasts, turn)
        run = self._runs[at]
        del run[0 if turn == run[0] else bisect_left(run, turn)]
        if run:
            self._lasts[at] = run[-1]
        else:
            del self._runs[at], self._lasts[at]
        self.first = self._runs[0][0] if self._runs else None
