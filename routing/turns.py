"""Whose turn it is among cases that are alike."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator
from itertools import chain, islice
from typing import Any, Generic, TypeAlias, TypeVar

from contact_center.domain.time import Moment

Turn: TypeAlias = tuple[Moment, str]
"""When a case's turn comes, and its id: the smallest first. No two are equal."""

T = TypeVar("T", bound=tuple[Any, ...])

_MOST = 512


class Turns(Generic[T]):
    """Turns in order (or anything that begins with one), in runs of at most 512, so that any may come or go at the
    cost of moving few references; the first costs next to nothing. (A heap has none of its own that leaves from the
    middle, and looks at one turn after the other all over the memory.)"""

    __slots__ = ("_gone", "_lasts", "_runs", "first")

    def __init__(self) -> None:
        # The first stands apart; so many places of the first run are empty.
        self.first: T | None = None
        self._runs: list[list[Any]] = []
        self._lasts: list[T] = []
        self._gone = 0

    def __len__(self) -> int:
        return sum(map(len, self._runs)) - self._gone + (self.first is not None)

    def __iter__(self) -> Iterator[T]:
        """In their order. Nothing may change meanwhile."""
        if self.first is not None:
            yield self.first
            yield from islice(chain.from_iterable(self._runs), self._gone, None)

    @property
    def several(self) -> bool:
        return bool(self._runs)

    def add(self, turn: T) -> None:
        if self.first is None:
            self.first = turn
            return
        if turn < self.first:
            self.first, turn = turn, self.first
        runs = self._runs
        if not runs:
            runs.append([turn])
            self._lasts.append(turn)
            return
        at = min(bisect_left(self._lasts, turn), len(runs) - 1)
        run = runs[at]
        insort(run, turn, 0 if at else self._gone)
        if len(run) > _MOST:
            self._part(at, run)
        else:
            self._lasts[at] = run[-1]

    def _part(self, at: int, run: list[Any]) -> None:
        if at == 0 and self._gone:
            del run[: self._gone]
            self._gone = 0
            self._lasts[0] = run[-1]
            return
        # Most come at the end, where a run that is left alone may as well be full.
        half = _MOST if at == len(self._runs) - 1 else _MOST // 2
        self._runs[at : at + 1] = [run[:half], run[half:]]
        self._lasts[at : at + 1] = [run[half - 1], run[-1]]

    def pop(self) -> None:
        """The first goes. There must be one."""
        runs = self._runs
        if not runs:
            self.first = None
            return
        run, gone = runs[0], self._gone
        self.first, run[gone] = run[gone], None
        self._gone = gone = gone + 1
        if gone == len(run):
            del runs[0], self._lasts[0]
            self._gone = 0

    def remove(self, turn: T) -> None:
        """It must be there."""
        if turn == self.first:
            self.pop()
            return
        at = bisect_left(self._lasts, turn)
        run = self._runs[at]
        gone = 0 if at else self._gone
        del run[bisect_left(run, turn, gone)]
        if len(run) > gone:
            self._lasts[at] = run[-1]
        else:
            del self._runs[at], self._lasts[at]
            if not at:
                self._gone = 0
