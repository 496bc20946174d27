"""What the engine saw when it decided, kept so cheaply that every decision can be explained later as of then.

Keeping is one reference to the last :class:`Base` and a number: how many of the changes after it had happened. A base
is shared by all decisions until so many agents have changed that another is made, so what is kept for a decision is
bounded, and reading one costs a copy and those changes at most.
"""

from __future__ import annotations

from collections.abc import Mapping
from heapq import nsmallest
from types import MappingProxyType
from typing import NamedTuple, TypeAlias

from contact_center.domain.events import Medium
from contact_center.domain.time import Moment
from routing.batch import Weighed
from routing.cases import Ask, Waiting
from routing.ranking import Leading, in_order
from routing.scene import ALL_UP_TO, Scene
from routing.seats import NOBODY, House, Members, Row, Rows, row_at, slots_in, with_rows

WHO_HAS_ROOM = -1
"""All of those who fit were eligible who had room for it: they are found when somebody asks."""

_NOBODY_COOLS: Mapping[int, Moment] = MappingProxyType({})


class Base(NamedTuple):
    """All agents at one moment: their rows by slot, who is in which state, who has room for what, who has enough of a
    label, who belongs to which queue. ``later`` is who changed after it, in order; it only ever grows."""

    house: House
    rows: Rows
    states: Mapping[str, int]
    spare: Mapping[Medium, int]
    full: Mapping[str, int]
    members: Mapping[str, Members]
    later: list[Row]


class Glimpse(NamedTuple):
    """All that a decision depended on: the floor as it was after ``seen`` changes since ``base``, and what was made
    of it. Nothing in it ever changes, but that ``base.later`` grows beyond what was seen. ``members`` are those who
    were considered, where they are not the members of the case's queue."""

    waiting: Waiting
    at: Moment
    base: Base
    seen: int
    eligible: int
    rung: tuple[Row, ...]
    ask: Ask
    fit: int
    step: int = 0
    members: Members | None = None
    directed: Row | None = None
    cooling: Mapping[int, Moment] = _NOBODY_COOLS
    held: int = 0
    weighed: Weighed | None = None

    @property
    def house(self) -> House:
        return self.base.house

    def settled(self) -> Scene:
        """The same with everything in its place."""
        base, medium = self.base, self.waiting.medium
        label = self.waiting.counts_as(self.house.policy)
        changed = {row.slot: row for row in base.later[: self.seen]}
        states, spare = dict(base.states), base.spare.get(medium, 0) & ~base.full.get(label, 0)
        for slot, row in changed.items():
            was = row_at(base.rows, slot)
            if was.state != row.state:
                states[was.state] ^= row.bit
                states[row.state] = states.get(row.state, 0) | row.bit
            if was.takes(medium, label) != row.takes(medium, label):
                spare ^= row.bit
        eligible = self.fit & spare if self.eligible == WHO_HAS_ROOM else self.eligible
        rows = with_rows(base.rows, changed)
        leading = self.house.ranking.leading(self.waiting, self.at)
        return Scene(
            self.waiting,
            self.ask,
            self.step,
            label,
            self.house,
            self.at,
            rows,
            _in_turn(eligible, rows, leading),
            leading,
            self.members or base.members.get(self.waiting.queue, NOBODY),
            self.directed,
            self.fit,
            states,
            spare,
            self.cooling,
            self.held,
            eligible,
            self.rung,
            self.weighed,
        )


def _in_turn(mask: int, rows: Rows, leading: Leading) -> tuple[Row, ...]:
    """The first of them, as many as are ever listed."""
    eligible = [row for slot in slots_in(mask) if (row := rows[slot])]
    return tuple(nsmallest(ALL_UP_TO, eligible, key=in_order(leading)))


Seen: TypeAlias = (
    tuple[Waiting, Moment, Base, int, int, tuple[Row, ...], Ask, int]
    | tuple[
        Waiting,
        Moment,
        Base,
        int,
        int,
        tuple[Row, ...],
        Ask,
        int,
        int,
        Members | None,
        Row | None,
        Mapping[int, Moment],
        int,
        Weighed | None,
    ]
)
"""The values of a :class:`Glimpse`, as far as they are not what they mostly are."""
