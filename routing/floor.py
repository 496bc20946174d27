"""The agents by what they could take, kept so that any set of them is a few masks away."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from contact_center.domain.events import Medium
from routing.cases import Ask
from routing.needs import Every, Has, IsOne, Need, Not, Some
from routing.order import Order
from routing.past import Base
from routing.ranking import points
from routing.seats import NOBODY, ON_CALL, OPEN, House, Members, Reach, Row, Seat, row_at, row_of, slots_in

_GRADES_KEPT = 512


class Floor:
    """Every agent has a slot and its bit. ``rows`` are always up to date; the masks and the order are after
    :meth:`catch_up`: an agent who comes free and is given work at once never needs to be in them. ``later`` is who
    changed since they all were looked at, in order; ``base`` is what explanations hold on to (:mod:`routing.past`),
    None until it is needed again."""

    def __init__(self, house: House, behind: int) -> None:
        self.slots: dict[str, int] = {}
        self.rows: list[Row | None] = []
        self.order = Order()
        self.states: dict[str, int] = {}
        self.spare: dict[Medium, int] = {}
        self.full: dict[str, int] = {}
        self.members: dict[str, Members] = {}
        self.base: Base | None = None
        self.later: list[Row] = []
        self._skilled: dict[str, dict[int, int]] = {}
        self._house = house
        self._behind = behind
        self._indexed: list[Row | None] = []
        self._caught_up = 0
        self._unused: list[int] = []
        # What follows from queues and skills alone; forgotten when anybody's change.
        self._together: dict[tuple[str, ...], Members] = {}
        self._graded: dict[frozenset[tuple[str, int]], list[tuple[int, int]]] = {}

    def row_of(self, agent_id: str) -> Row | None:
        slot = self.slots.get(agent_id)
        return None if slot is None else self.rows[slot]

    def everybody(self) -> list[Row]:
        return [row for row in self.rows if row]

    def change(self, row: Row) -> None:
        """Another truth about an agent who stays in the same queues with the same skills."""
        self.rows[row.slot] = row
        self.later.append(row)
        if len(self.later) > self._behind:
            self.renew()

    def catch_up(self) -> None:
        """Brings the masks and the order up to date."""
        later, indexed = self.later, self._indexed
        if self._caught_up == len(later):
            return
        for slot in {row.slot for row in later[self._caught_up :]}:
            old, new = indexed[slot], self.rows[slot]
            self._index(old, new)
            indexed[slot] = new
        self._caught_up = len(later)

    def renew(self) -> None:
        """What changed is in the masks, and explanations will refer to what is now."""
        self.catch_up()
        self.later = []
        self._caught_up = 0
        self.base = None

    def as_now(self) -> Base:
        """What an explanation of this moment refers to; all of its ``later`` has been seen."""
        if self.base is None or len(self.later) > self._behind:
            self.renew()
            self.base = Base(
                self._house,
                self.rows.copy(),
                self.states.copy(),
                self.spare.copy(),
                self.full.copy(),
                self.members.copy(),
                self.later,
            )
        return self.base

    def enter(self, seat: Seat, reach: Reach, slot: int | None = None) -> Row:
        """A new agent, in ``slot`` if they have been here before."""
        self.renew()
        at = self._new_slot() if slot is None else slot
        row = row_of(seat, at, 1 << at, self._house, reach)
        self._index(None, row)
        self._forget_grades()
        self.slots[seat.agent_id] = at
        self.rows[at] = self._indexed[at] = row
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
        self._indexed.append(None)
        return len(self.rows) - 1

    def free_slot(self, slot: int) -> None:
        """Nobody is in it any more; the next agent may be."""
        self._unused.append(slot)

    def leave(self, agent_id: str) -> Row:
        """The agent must be here. Their slot is kept for them until it is freed."""
        self.renew()
        row = row_at(self.rows, self.slots.pop(agent_id))
        self._index(row, None)
        self._forget_grades()
        self.rows[row.slot] = self._indexed[row.slot] = None
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
        if old and old.spare:
            self.order.remove(old.place)
        if new and new.spare:
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
        before, after = (old.full if old else ()), (new.full if new else ())
        if before != after:
            for label in {*before} ^ {*after}:
                self.full[label] = self.full.get(label, 0) ^ row.bit

    def _forget_grades(self) -> None:
        self._together.clear()
        self._graded.clear()

    # --- masks --------------------------------------------------------------------------------------------

    def who_could(self, ask: Ask) -> int:
        """Everybody who could ever take a kind of work, free or not."""
        if ask.agent_id:
            row = self.row_of(ask.agent_id)
            return row.bit if row else 0
        mask = self.members_of(ask.queues).mask
        for skill, least in ask.skills:
            mask &= self._skilled_at(skill, least)
        return mask & self._meeting(ask.need)

    def members_of(self, queues: tuple[str, ...]) -> Members:
        if len(queues) == 1:
            return self.members.get(queues[0], NOBODY)
        together = self._together.get(queues)
        if together is None:
            mask = 0
            for queue in queues:
                mask |= self.members.get(queue, NOBODY).mask
            together = self._together[queues] = Members(mask)
        return together

    def _skilled_at(self, skill: str, least: int) -> int:
        able = 0
        for level, bits in self._skilled.get(skill, {}).items():
            if level >= least:
                able |= bits
        return able

    def _meeting(self, need: Need) -> int:
        """Everybody who meets the need."""
        everybody = (1 << len(self.rows)) - 1
        match need:
            case Has(skill, level):
                return self._skilled_at(skill, level)
            case IsOne(agent_ids):
                return self.bits(agent_ids)
            case Every(of):
                for part in of:
                    everybody &= self._meeting(part)
                return everybody
            case Some(of):
                anybody = 0
                for part in of:
                    anybody |= self._meeting(part)
                return anybody
            case Not(of):
                return everybody & ~self._meeting(of)

    def grades(self, worth: Mapping[str, int]) -> list[tuple[int, int]]:
        """Everybody by what their skills are worth, and their bits: the most first."""
        key = frozenset(worth.items())
        grades = self._graded.get(key)
        if grades is None:
            found: dict[int, int] = {}
            for row in self.everybody():
                grade = points(row.reach.skills, worth)
                found[grade] = found.get(grade, 0) | row.bit
            if len(self._graded) >= _GRADES_KEPT:
                self._graded.clear()
            grades = self._graded[key] = sorted(found.items(), reverse=True)
        return grades

    def there_for(self, medium: Medium, mask: int) -> Iterator[Row]:
        """Those of ``mask`` who are there, however busy, and do the medium at all."""
        for slot in slots_in(mask & self.present()):
            row = row_at(self.rows, slot)
            if row.seat.capacity.get(medium, 0) > 0:
                yield row

    def present(self) -> int:
        return self.states.get(OPEN, 0) | self.states.get(ON_CALL, 0)

    def bits(self, agents: Iterable[str]) -> int:
        bits = 0
        for agent_id in agents:
            if row := self.row_of(agent_id):
                bits |= row.bit
        return bits

    def in_turn(self, mask: int) -> Iterator[Row]:
        """Those of ``mask`` in their turn, as :meth:`first` has it."""
        return (row_at(self.rows, slot) for slot in self.order.in_turn(mask))

    def first(self, mask: int) -> Row:
        """Whose turn is first of ``mask``, which must not be empty nor have anybody who has no room."""
        return row_at(self.rows, self.order.first(mask))
