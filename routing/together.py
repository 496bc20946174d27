"""Which cases are weighed together, and what everybody is to each of them (how they are weighed:
:mod:`routing.batch`).

Weighed are cases in their turn that somebody can take now. What an agent has room for must not depend on what they
are given: where a call takes the whole of them, or a weighted total or a label bounds them, the cases that they could
take must be of one medium and label. So the weighing ends before the first case that would be of another to somebody,
and goes on from there with what is left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple, TypeAlias

from contact_center.domain.events import Medium
from contact_center.domain.time import Moment
from routing.batch import (
    POINT,
    Given,
    Weighed,
    agent_cost,
    cost_of,
    nothing_to_weigh,
    one_by_one,
    pair_cost,
    weigh,
)
from routing.cases import Waiting
from routing.policy import Batch
from routing.ranking import in_order, points
from routing.seats import House, Row


class Open(NamedTuple):
    """A case that somebody can take now. ``able`` are those who come into question."""

    waiting: Waiting
    able: tuple[Row, ...]


Kind: TypeAlias = tuple[Medium, str]
"""What sets the room that agents have for cases apart: medium and label."""

Placed: TypeAlias = tuple[int, Row, Weighed]
"""The case (by number), who takes it, and what the weighing came to."""


class Stall(NamedTuple):
    """An agent as they are before the first piece of a kind, the second, and so on as long as they have room."""

    rows: tuple[Row, ...]


def weighable(cases: Sequence[Open], house: House) -> Sequence[Open]:
    """As many of the cases, from the first, as can be weighed together."""
    kinds: dict[int, set[Kind]] = {}
    for n, case in enumerate(cases):
        kind = _kind(case.waiting, house)
        for row in case.able:
            has = kinds.setdefault(row.slot, set())
            if has - {kind} and (house.limited or any(medium in house.exclusive for medium, _ in (*has, kind))):
                return cases[:n]
            has.add(kind)
    return cases


def placed(cases: Sequence[Open], house: House, now: Moment) -> list[Placed]:
    """Who takes what, for those who are served, in their turn. Empty where turns by themselves are as good. The cases
    must be :func:`weighable`."""
    table = _Table(cases, house, now)
    if nothing_to_weigh(table.pairs, table.ladders):
        return []
    alone = one_by_one(table.pairs, table.ladders, table.rank)
    found = weigh(table.pairs, table.ladders)
    more = alone.count(None) - found.count(None)
    saved = cost_of(alone, table.pairs, table.ladders) - cost_of(found, table.pairs, table.ladders)
    same = _served(found) == _served(alone)
    if same and not saved:
        return []
    together = tuple([case.waiting.interaction_id for case in cases])
    return [
        (n, table.row(stall), Weighed(together, table.agent_id(alone[n]), more, saved / POINT if same else 0.0))
        for n, stall in enumerate(found)
        if stall is not None
    ]


def _served(given: Given) -> list[bool]:
    return [agent is not None for agent in given]


def _kind(waiting: Waiting, house: House) -> Kind:
    return waiting.medium, waiting.counts_as(house.policy)


class _Table:
    """What everybody is to each of the cases."""

    def __init__(self, cases: Sequence[Open], house: House, now: Moment) -> None:
        self._house = house
        self._now = now
        self._stalls: list[Stall] = []
        self._numbers: dict[tuple[int, Kind], int] = {}
        self._batch = _worth(house)
        self._orders = [in_order(house.ranking.leading(case.waiting, now)) for case in cases]
        self.pairs = [self._pairs(case, len(cases)) for case in cases]
        self.ladders = [[self._cost(row) for row in stall.rows] for stall in self._stalls]

    def row(self, stall: int) -> Row:
        return self._stalls[stall].rows[0]

    def agent_id(self, stall: int | None) -> str:
        return "" if stall is None else self.row(stall).seat.agent_id

    def rank(self, case: int, stall: int, given: int) -> Any:
        return self._orders[case](self._stalls[stall].rows[given])

    def _pairs(self, case: Open, most: int) -> dict[int, int]:
        waiting = case.waiting
        prefer = waiting.rules(self._house.policy).prefer
        knows = {*waiting.who_knows(self._now - self._house.policy.sticky_ms)}
        kind = _kind(waiting, self._house)
        return {
            self._stall(row, kind, most): pair_cost(
                self._batch, row.seat.agent_id in knows, points(row.seat.skills, prefer)
            )
            for row in case.able
        }

    def _stall(self, row: Row, kind: Kind, most: int) -> int:
        number = self._numbers.get((row.slot, kind))
        if number is None:
            number = self._numbers[row.slot, kind] = len(self._stalls)
            rows: list[Row] = []
            while row.takes(*kind) and len(rows) < most:
                rows.append(row)
                row = row.taking(*kind, self._house)
            self._stalls.append(Stall(tuple(rows)))
        return number

    def _cost(self, row: Row) -> int:
        return agent_cost(self._batch, row.share, self._now - row.seat.idle_since_at)


def _worth(house: House) -> Batch:
    """What each term is worth: nothing, where the ranking doesn't ask for it. (To give the most to who has most
    already isn't weighed: the second piece would have to be cheaper than the first.)"""
    ranking, batch = house.policy.ranking, house.policy.batch
    return replace(
        batch,
        known=batch.known * ("known" in ranking),
        preferred=batch.preferred * ("preferred" in ranking),
        load=batch.load * ("least_loaded" in ranking),
        idle=batch.idle * ("longest_idle" in ranking),
    )
