"""The agents by what they could take, kept so that any set of them is a few masks away."""

from __future__ import annotations

from collections.abc import Iterable

from contact_center.domain.events import Medium
from routing.cases import Skills
from routing.order import Order, in_turn
from routing.seats import NOBODY, ON_CALL, OPEN, Members, Reach, Row, Rows, Seat, row_at, with_rows


class Floor:
    """Every agent has a slot and its bit. ``seats`` is always up to date; the masks, the order and the rows are
    after :meth:`catch_up`, and ``pending`` has what they don't know yet: an agent who comes free and is given
    work at once never needs to be in them."""

    def __init__(self, exclusive: tuple[Medium, ...], behind: int) -> None:
        self.seats: dict[str, Row] = {}
        self.rows = Rows()
        self.order = Order()
        self.states: dict[str, int] = {}
        self.spare: dict[Medium, int] = {}
        self.members: dict[str, Members] = {}
        self._skilled: dict[str, dict[int, int]] = {}
        self._exclusive = exclusive
        self._behind = behind
        self._indexed: dict[int, Row] = {}
        self._pending: dict[int, Row] = {}

    @property
    def pending(self) -> tuple[Row, ...]:
        return tuple(self._pending.values())

    def change(self, old: Row, seat: Seat) -> Row:
        """Another truth about an agent who stays in the same queues with the same skills."""
        new = Row(seat, old.slot, old.bit, self._exclusive, old.reach)
        slot = new.slot
        self.seats[seat.agent_id] = new
        if slot not in self._indexed:
            self._indexed[slot] = old
        self._pending[slot] = new
        if len(self._pending) > self._behind:
            self.catch_up()
        return new

    def catch_up(self) -> None:
        if not self._pending:
            return
        for slot, old in self._indexed.items():
            self._index(old, self._pending[slot])
        self.rows.chunks = with_rows(self.rows.chunks, self._pending)
        self._indexed.clear()
        self._pending.clear()

    def enter(self, seat: Seat, reach: Reach, slot: int | None = None) -> Row:
        """A new agent, in ``slot`` if they have been here before."""
        self.catch_up()
        at = self.rows.new_slot() if slot is None else slot
        row = Row(seat, at, 1 << at, self._exclusive, reach)
        self._index(None, row)
        self.seats[seat.agent_id] = row
        self.rows.chunks = with_rows(self.rows.chunks, {at: row})
        for queue in seat.queues:
            self.members[queue] = Members(self.members.get(queue, NOBODY).mask | row.bit)
        for skill, level in seat.skills.items():
            levels = self._skilled.setdefault(skill, {})
            levels[level] = levels.get(level, 0) | row.bit
        return row

    def leave(self, agent_id: str) -> Row:
        """The agent must be here. Their slot is kept for them until it is freed."""
        self.catch_up()
        row = self.seats.pop(agent_id)
        self._index(row, None)
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
        return self.states.get(OPEN, 0) & self.spare.get(medium, 0)

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
        return row_at(self.rows.chunks, next(in_turn(self.order.blocks, mask)))
