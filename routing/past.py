"""What the engine saw when it decided, kept so cheaply that every decision can be explained later as of then.

Keeping is one reference to the last :class:`Base` and a number: how many of the changes after it had happened. A base
is shared by all decisions until so many agents have changed that another is made, so what is kept for a decision is
bounded, and reading one costs a copy and those changes at most.
"""

from __future__ import annotations

from collections.abc import Mapping
from heapq import nsmallest
from typing import NamedTuple

from contact_center.domain.events import Medium
from contact_center.domain.time import Moment
from routing.cases import Skills, Waiting
from routing.decisions import ALL_UP_TO, Scene
from routing.seats import Members, Row, Rows, row_at, slots_in, with_rows


class Base(NamedTuple):
    """All agents at one moment: their rows by slot, who is in which state, who has room for what. ``later`` is who
    changed after it, in order; it only ever grows."""

    rows: Rows
    states: Mapping[str, int]
    spare: Mapping[Medium, int]
    later: list[Row]


class Glimpse(NamedTuple):
    """All that a decision depended on: the floor as it was after ``seen`` changes since ``base``, and what was made
    of it. Nothing in it ever changes, but that ``base.later`` grows beyond what was seen."""

    waiting: Waiting
    skills: Skills
    policy: str
    at: Moment
    base: Base
    seen: int
    members: Members
    directed: Row | None
    fit: int
    cooling: Mapping[int, Moment]
    eligible: int
    known: tuple[Row, ...]
    chosen: Row | None

    def settled(self) -> Scene:
        """The same with everything in its place."""
        base, medium = self.base, self.waiting.medium
        changed = {row.slot: row for row in base.later[: self.seen]}
        states, spare = dict(base.states), base.spare.get(medium, 0)
        for slot, row in changed.items():
            was = row_at(base.rows, slot)
            if was.state != row.state:
                states[was.state] ^= row.bit
                states[row.state] = states.get(row.state, 0) | row.bit
            if (medium in was.spare) != (medium in row.spare):
                spare ^= row.bit
        rows = with_rows(base.rows, changed)
        return Scene(
            self.waiting,
            self.skills,
            self.policy,
            self.at,
            rows,
            self._in_turn(rows),
            self.members,
            self.directed,
            self.fit,
            states,
            spare,
            self.cooling,
            self.eligible,
            self.known,
            self.chosen,
        )

    def _in_turn(self, rows: Rows) -> tuple[Row, ...]:
        """The first of the eligible, as many as are ever listed."""
        eligible = [row for slot in slots_in(self.eligible) if (row := rows[slot])]
        return tuple(nsmallest(ALL_UP_TO + len(self.known), eligible, key=lambda row: row.place))
