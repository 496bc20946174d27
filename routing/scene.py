"""All that a decision depended on, with everything in its place, for whoever explains it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from contact_center.domain.time import Moment
from routing.batch import Weighed
from routing.cases import Ask, Waiting
from routing.policy import QueuePolicy
from routing.ranking import Leading
from routing.seats import ON_CALL, OPEN, House, Members, Row, Rows

ALL_UP_TO = 200
"""A queue with no more members than this has every one of them in its explanations."""


class Scene(NamedTuple):
    """All that a decision depended on, as it was then. ``ask`` is what was asked after ``step`` steps of relaxation;
    ``ranked`` are the eligible in their turn, as far as they are ever listed; ``leading`` are the terms that came
    before their places. ``held`` are those for whom the case was kept (0: it wasn't), ``rung`` the chosen and whoever
    rings at the same time."""

    waiting: Waiting
    ask: Ask
    step: int
    label: str
    house: House
    at: Moment
    rows: Rows
    ranked: tuple[Row, ...]
    leading: Leading
    members: Members
    directed: Row | None
    fit: int
    states: Mapping[str, int]
    spare: int
    cooling: Mapping[int, Moment]
    held: int
    eligible: int
    rung: tuple[Row, ...]
    weighed: Weighed | None = None

    @property
    def chosen(self) -> Row | None:
        return self.rung[0] if self.rung else None

    @property
    def rules(self) -> QueuePolicy:
        return self.waiting.rules(self.house.policy)

    @property
    def held_until(self) -> Moment:
        return self.waiting.virtual_enqueued_at + self.rules.hold_ms

    @property
    def present(self) -> int:
        """Those who could take it as it stands and are there, however busy."""
        return self.fit & (self.states.get(OPEN, 0) | self.states.get(ON_CALL, 0))
