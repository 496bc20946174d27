"""Agents as routing sees them, and the places that it keeps them in."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias

from contact_center.domain.events import Medium
from contact_center.domain.time import Moment
from routing.policy import Policy
from routing.ranking import Ranking
from routing.reasons import Reason

if TYPE_CHECKING:
    from routing.cases import Lane
    from routing.decisions import Told

WHOLE = 1_000_000
"""An agent's whole attention. An interaction takes its share of it: one of four chats a quarter."""

OPEN = "open"
ON_CALL = "on_call"
_AWAY = ("offline", "not_ready", "wrap_up")
_NO_WEIGHTS: Mapping[Medium, int] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Seat:
    """An agent now. ``skills`` have levels from 1 to 5. ``load`` counts what is live or being offered, by
    medium, and ``capacity`` how much of it the agent may have; what ``capacity`` does not name, they don't
    do. ``unavailable_reason`` (``offline | not_ready | wrap_up``, or a word of the house's own) tells why
    ``available`` is false. ``idle_since_at`` is when the agent last had something to do with a customer. ``most`` is
    the agent's weighted total (0: none is kept), ``most_of`` how many of a label they may have, ``labelled`` how many
    they have."""

    agent_id: str
    name: str
    queues: frozenset[str]
    skills: Mapping[str, int] = field(default_factory=dict)
    capacity: Mapping[Medium, int] = field(default_factory=dict)
    load: Mapping[Medium, int] = field(default_factory=dict)
    available: bool = True
    unavailable_reason: str = ""
    idle_since_at: Moment = 0
    most: int = 0
    most_of: Mapping[str, int] = field(default_factory=dict)
    labelled: Mapping[str, int] = field(default_factory=dict)

    def taken(self, medium: Medium, label: str = "") -> Seat:
        """The same agent with one interaction more."""
        load = dict(self.load)
        load[medium] = load.get(medium, 0) + 1
        labelled = {**self.labelled, label: self.labelled.get(label, 0) + 1} if label else self.labelled
        return Seat(
            self.agent_id,
            self.name,
            self.queues,
            self.skills,
            self.capacity,
            load,
            self.available,
            self.unavailable_reason,
            self.idle_since_at,
            self.most,
            self.most_of,
            labelled,
        )

    def share(self, weights: Mapping[Medium, int] = _NO_WEIGHTS) -> int:
        """How much of the agent is taken, in millionths of :data:`WHOLE`: of their weighted total if they have one,
        else of what they may have of each medium. What exceeds a lowered capacity still counts; each piece of a
        medium that is no longer theirs counts as the whole agent."""
        if self.most > 0:
            return weight_of(self.load, weights) * WHOLE // self.most
        total = 0
        for medium, count in self.load.items():
            if count > 0:
                total += count * WHOLE // max(1, self.capacity.get(medium, 0))
        return total


def weight_of(load: Mapping[Medium, int], weights: Mapping[Medium, int], aside: Collection[Medium] = ()) -> int:
    """What the load takes of a weighted total, without the media ``aside``. A medium without a weight weighs 1."""
    return sum(
        [count * weights.get(medium, 1) for medium, count in load.items() if count > 0 and medium not in aside]
    )


def fits(seat: Seat, medium: Medium, label: str, policy: Policy) -> Reason | None:
    """Whether one more piece of work fits: None if it does, else the first limit that it would exceed. Says nothing
    of whether the agent is there. ``label`` is what the work counts as (the case's own, else its queue's; empty: as
    none)."""
    limits = limits_reached(seat, medium, label, policy)
    return limits[0] if limits else None


def limits_reached(seat: Seat, medium: Medium, label: str, policy: Policy) -> tuple[Reason, ...]:
    """Each limit that one more piece of work would exceed, the widest first.

    Work of a medium that ``medium`` interrupts is put aside when it comes: it takes neither the whole agent nor
    anything of their weighted total meanwhile. It still counts against its label. A limit that was lowered below
    what the agent has takes nothing away and lets nothing in."""
    load = seat.load
    aside = policy.interrupts.get(medium, _NOTHING_ASIDE)
    for exclusive in policy.exclusive_media:
        if exclusive not in aside and load.get(exclusive, 0) > 0:
            return (_ON_CALL,)
    limits: list[Reason] = []
    has, most = load.get(medium, 0), seat.capacity.get(medium, 0)
    if has >= most:
        limits.append(Reason("no_capacity", {"medium": medium, "load": has, "capacity": most}))
    if seat.most > 0:
        weight, taken = policy.weights.get(medium, 1), weight_of(load, policy.weights, aside)
        if taken + weight > seat.most:
            limits.append(Reason("no_total", {"weight": weight, "load": taken, "capacity": seat.most}))
    if label and label in seat.most_of and (has := seat.labelled.get(label, 0)) >= (most := seat.most_of[label]):
        limits.append(Reason("no_label", {"label": label, "load": has, "capacity": most}))
    return tuple(limits)


_NOTHING_ASIDE: frozenset[Medium] = frozenset()
_ON_CALL = Reason("on_call")


Place: TypeAlias = tuple[int, Moment, str, int]
"""Where an agent stands among those who could take something, before a case says more: share taken and idle since, in
the order of the ranking; id, slot."""

_NOWHERE: Place = (0, 0, "", 0)


class Reach:
    """What agents of the same queues, skills and capacity could ever take, as far as it was asked: a bit for each of
    the pools that the engine has made, and the steady lanes that they are in (:mod:`routing.cases`). ``spare`` are
    the media that they have room for while they have nothing to do."""

    __slots__ = (
        "__weakref__",
        "era",
        "lanes",
        "lanes_seen",
        "mask",
        "news",
        "of",
        "queues",
        "seen",
        "skills",
        "spare",
    )

    def __init__(self, queues: frozenset[str], skills: Mapping[str, int], capacity: Mapping[Medium, int]) -> None:
        self.queues = queues
        self.skills = skills
        self.of = (queues, skills, capacity)
        self.spare = tuple([medium for medium, most in capacity.items() if most > 0])
        self.news = self.era = -1
        self.mask = self.seen = self.lanes_seen = 0
        self.lanes: list[Lane] = []


class House:
    """The policy, as far as it says something about every agent. ``interrupts``: whether any work puts other work
    aside; ``limited``: whether any agent was seen who has more limits than one for each medium."""

    __slots__ = ("exclusive", "interrupts", "limited", "policy", "ranking", "usual", "weights")

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.ranking = Ranking(policy)
        self.exclusive = policy.exclusive_media
        self.weights = policy.weights
        self.interrupts = bool(policy.interrupts)
        self.limited = self.interrupts
        self.usual = self.ranking.places == ("least_loaded", "longest_idle")


class Row:
    """A seat with what follows from it. Never changed: a new truth about the agent makes a new row, so that
    an explanation which holds the old one stays true. (``notes`` only remembers what was computed from
    it.) Who has room for nothing (``spare``; ``full`` are the labels that they have enough of) stands nowhere
    (``place``), and nobody asks for their ``share``."""

    __slots__ = ("_notes", "bit", "full", "place", "reach", "seat", "share", "slot", "spare", "state")

    seat: Seat
    slot: int
    bit: int
    reach: Reach
    state: str
    spare: tuple[Medium, ...]
    full: tuple[str, ...]
    place: Place
    share: int
    _notes: dict[str, Told]

    def takes(self, medium: Medium, label: str) -> bool:
        """Whether one more fits, now."""
        return medium in self.spare and label not in self.full

    def work_out(self, house: House) -> None:
        """What the agent has room for beside what they have."""
        seat, policy = self.seat, house.policy
        self.state = state = _state(seat, house.exclusive)
        if seat.most or seat.most_of or house.interrupts:
            house.limited = True
            held = seat.labelled
            self.full = tuple([label for label, most in seat.most_of.items() if label and held.get(label, 0) >= most])
            media = seat.capacity if seat.available else ()
            self.spare = tuple([medium for medium in media if fits(seat, medium, "", policy) is None])
        elif state == OPEN:
            load = seat.load
            self.spare = tuple([medium for medium, most in seat.capacity.items() if load.get(medium, 0) < most])
        else:
            self.spare = ()

    def taking(self, medium: Medium, label: str, house: House) -> Row:
        """The row of the agent with one interaction more."""
        if medium not in house.exclusive or house.limited:
            return row_of(self.seat.taken(medium, label), self.slot, self.bit, house, self.reach)
        row = _new(Taken)
        row.slot = self.slot
        row.bit = self.bit
        row.reach = self.reach
        row.state = ON_CALL
        row.spare = row.full = ()
        row.place = _NOWHERE
        row.before = self
        row.medium = medium
        row.label = label
        return row

    @property
    def notes(self) -> dict[str, Told]:
        try:
            return self._notes
        except AttributeError:
            self._notes = {}
            return self._notes


def row_of(seat: Seat, slot: int, bit: int, house: House, reach: Reach) -> Row:
    """``reach`` must be that of the seat's queues, skills and capacity."""
    row = _new(Row)
    row.seat = seat
    row.slot = slot
    row.bit = bit
    row.reach = reach
    row.full = ()
    share = 0
    if not (seat.load or seat.most or seat.most_of or house.interrupts) and seat.available:
        row.state = OPEN
        row.spare = reach.spare
    else:
        row.work_out(house)
        share = seat.share(house.weights)
    row.share = share
    if not row.spare:
        row.place = _NOWHERE
    elif house.usual:
        row.place = (share, seat.idle_since_at, seat.agent_id, slot)
    else:
        row.place = (*house.ranking.place(share, seat.idle_since_at), seat.agent_id, slot)
    return row


class Taken(Row):
    """The row of an agent who was given a call. The truth about them comes before anybody looks at their seat again,
    mostly: so it is worked out when somebody does."""

    __slots__ = ("_seat", "before", "label", "medium")

    before: Row
    medium: Medium
    label: str
    _seat: Seat

    @property
    def seat(self) -> Seat:  # type: ignore[override]  # as any other row's, for whoever reads it
        try:
            return self._seat
        except AttributeError:
            self._seat = self.before.seat.taken(self.medium, self.label)
            return self._seat


_new = object.__new__


def _state(seat: Seat, exclusive: tuple[Medium, ...]) -> str:
    if not seat.available:
        return seat.unavailable_reason if seat.unavailable_reason in _AWAY else "unavailable"
    for medium in exclusive:
        if seat.load.get(medium, 0) > 0:
            return ON_CALL
    return OPEN


Rows: TypeAlias = Sequence[Row | None]
"""Agents by slot."""


def with_rows(rows: Rows, changed: Mapping[int, Row]) -> Rows:
    """``rows`` with others in some slots. What it is given stays as it is."""
    copy = list(rows)
    copy += [None] * (max(changed, default=-1) + 1 - len(copy))
    for slot, row in changed.items():
        copy[slot] = row
    return copy


def row_at(rows: Rows, slot: int) -> Row:
    row = rows[slot]
    assert row is not None
    return row


def slots_in(mask: int) -> Iterator[int]:
    """The numbers of the bits set in ``mask``, lowest first."""
    base = 0
    for byte in mask.to_bytes((mask.bit_length() + 7) >> 3, "little"):
        while byte:
            low = byte & -byte
            yield base + low.bit_length() - 1
            byte ^= low
        base += 8


class Members:
    """Who belongs to a queue. Replaced, never changed, when somebody comes or goes."""

    __slots__ = ("_by_id", "mask")

    def __init__(self, mask: int) -> None:
        self.mask = mask
        self._by_id: tuple[int, ...] | None = None

    def by_id(self, rows: Rows) -> tuple[int, ...]:
        """Their slots in the order of their ids. ``rows`` must be of a time when this was the queue."""
        if self._by_id is None:
            self._by_id = tuple(sorted(slots_in(self.mask), key=lambda slot: row_at(rows, slot).seat.agent_id))
        return self._by_id


NOBODY = Members(0)
