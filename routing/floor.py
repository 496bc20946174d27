"""The agents by what they could take, kept so that any set of them is a few masks away."""

from __future__ import annotations

from collections.abc import Iterable

from contact_center.domain.events import Medium
from routing.cases import Skills
from routing.order import Order
from routing.past import Base
from routing.seats import NOBODY, ON_CALL, OPEN, Members, Reach, Row, Seat, row_at


class Floor:
    """Every agent has a slot and its bit. ``seats`` and ``rows`` are always up to date; the masks and the order are
    after :meth:`catch_up`: an agent who comes free and is given work at once never needs to be in them. ``base`` is
    what explanations hold on to (:mod:`routing.past`); None until it is
    needed again."""

    def __init__(self, exclusive: tuple[Medium, ...], behind: int) -> None:
        self.seats: dict[str, Row] = {}
        self.rows: list[Row | None] = []
        self.order = Order()
        self.states: dict[str, int] = {}
        self.spare: dict[Medium, int] = {}
        self.members: dict[str, Members] = {}
        self.base: Base | None = None
        self._skilled: dict[str, dict[int, int]] = {}
        self._exclusive = exclusive
        self._behind = behind
        self._indexed: dict[int, Row] = {}
        self._unused: list[int] = []

    def change(self, old: Row, seat: Seat) -> Row:
        """Another truth about an agent who stays in the same queues with the same skills."""
        return self._replace(seat.agent_id, old, Row(seat, old.slot, old.bit, self._exclusive, old.reach))

    def take(self, old: Row, medium: Medium) -> Row:
        """The agent has one interaction more."""
        return self._replace(old.seat.agent_id, old, old.taking(medium, self._exclusive))

    def _replace(self, agent_id: str, old: Row, new: Row) -> Row:
        slot = new.slot
        self.seats[agent_id] = self.rows[slot] = new
        if slot not in self._indexed:
            self._indexed[slot] = old
        if base := self.base:
            base.later.append(new)
            if len(base.later) > self._behind:
                self.catch_up()
                self.base = None
        return new

    def catch_up(self) -> None:
        """Brings the masks and the order up to date."""
        if self._indexed:
            for slot, old in self._indexed.items():
                self._index(old, self.rows[slot])
            self._indexed.clear()

    def as_now(self) -> Base:
        """What an explanation of this moment refers to; all of its ``later`` has been seen."""
        if self.base is None:
            self.catch_up()
            self.base = Base(self.rows.copy(), self.states.copy(), self.spare.copy(), [])
        return self.base

    def enter(self, seat: Seat, reach: Reach, slot: int | None = None) -> Row:
        """A new agent, in ``slot`` if they have been here before."""
        at = self._new_slot() if slot is None else slot
        row = Row(seat, at, 1 << at, self._exclusive, reach)
        self._index(None, row)
        self.seats[seat.agent_id] = row
        self.rows[at] = row
        self.base = None
        for queue in seat.queues:
            self.members[queue] = Members(self.members.get(queue, NOBODY).mask | row.bit)
        for skill, level in seat.skills.items():
            levels = self._skilled.setdefault(skill, {})
            levels[level] = levels.get(level, 0) | row.bit
        return row

    def _new_slot(self) -> int:
        if self._unused:
            return self._unused.pop()
        self.rows.append(None)
        return len(self.rows) - 1

    def free_slot(self, slot: int) -> None:
        """Nobody is in it any more; the next agent may be."""
        self._unused.append(slot)

    def leave(self, agent_id: str) -> Row:
        """The agent must be here. Their slot is kept for them until it is freed."""
        self.catch_up()
        row = self.seats.pop(agent_id)
        self._index(row, None)
        self.rows[row.slot] = None
        self.base = None
        for queue in row.seat.queues:
            if mask := self.members[queue].mask ^ row.bit:
                self.members[queue] = Members(mask)
            else:
                del self.members[queue]
        for skill, level in row.seat.skills.items():
            levels = self._skilled[skill]
            levels[level] ^= row.bit
            if not levels[level]:
                del levels[level]
                if not levels:
                    del self._skilled[skill]
        return row

    def _index(self, old: Row | None, new: Row | None) -> None:
        row = old or new
        assert row is not None
        was, now = (old.state if old else ""), (new.state if new else "")
        if was == OPEN and old:
            self.order.remove(old.place)
        if now == OPEN and new:
            self.order.add(new.place)
        if was != now:
            if was:
                self.states[was] ^= row.bit
            if now:
                self.states[now] = self.states.get(now, 0) | row.bit
        had, has = (old.spare if old else ()), (new.spare if new else ())
        if had != has:
            for medium in {*had} ^ {*has}:
                self.spare[medium] = self.spare.get(medium, 0) ^ row.bit

    # --- masks --------------------------------------------------------------------------------------------

    def who_could(self, queue: str, skills: Skills, agent_id: str) -> int:
        """Everybody who could ever take a kind of work, free or not."""
        if agent_id:
            row = self.seats.get(agent_id)
            return row.bit if row else 0
        mask = self.members.get(queue, NOBODY).mask
        for skill, least in skills:
            able = 0
            for level, bits in self._skilled.get(skill, {}).items():
                if level >= least:
                    able |= bits
            mask &= able
        return mask

    def open_for(self, medium: Medium) -> int:
        return self.spare.get(medium, 0)

    def present(self) -> int:
        return self.states.get(OPEN, 0) | self.states.get(ON_CALL, 0)

    def bits(self, agents: Iterable[str]) -> int:
        bits = 0
        for agent_id in agents:
            if row := self.seats.get(agent_id):
                bits |= row.bit
        return bits

    def first(self, mask: int) -> Row:
        """Whose turn is first of ``mask``, which must not be empty nor have anybody who isn't open."""
        return row_at(self.rows, self.order.first(mask))
