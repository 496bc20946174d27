"""What an engine is told and what it decides, as values that can be written down and decided again.

A day of routing is a list of facts in the order in which the engine was told them. The same facts give the same
decisions, so whoever has the list can decide the day again, and prove that nothing else had a hand in it.

Written down, facts are blocks: JSON lines in UTF-8, compressed by zlib. The first line says which form it is
(``{"form": 1, "at": …}``); each other is an array: milliseconds since the line before, the kind, and what the kind
says. Fields that a release does not know are left out, those that it misses have their defaults.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any, NamedTuple, Protocol, TypeAlias, get_origin, get_type_hints

import orjson

from contact_center.domain.time import Moment
from routing.cases import Waiting
from routing.decisions import Decision, Explanation
from routing.document import document_of, policy_of
from routing.engine import Engine
from routing.policy import Policy
from routing.seats import Seat

FORM = 1
MOST_BYTES = 256 * 1024 * 1024
"""No block is larger than this when it is unpacked."""


class Begun(NamedTuple):
    """An engine that knows nothing yet begins under ``policy``. The next ``snapshot`` facts are all that the engine
    before it knew, which it goes on from; 0 where it doesn't. ``after`` is what the last block before this is known
    by, where there was one."""

    policy: Policy
    snapshot: int = 0
    after: str = ""


class SeatGone(NamedTuple):
    agent_id: str


class WaitsNoMore(NamedTuple):
    interaction_id: str


class Made(NamedTuple):
    """What a decision came to. ``explanation`` is not written down: deciding again gives it anew."""

    interaction_id: str
    epoch: int
    agent_id: str
    others: tuple[str, ...] = ()
    explanation: Explanation | None = None

    @property
    def agents(self) -> tuple[str, ...]:
        return (self.agent_id, *self.others)


class Decided(NamedTuple):
    """The engine was asked at ``now`` for at most ``limit`` decisions."""

    now: Moment
    limit: int
    made: tuple[Made, ...] = ()


Fact: TypeAlias = Begun | Seat | SeatGone | Waiting | WaitsNoMore | Decided
Dated: TypeAlias = tuple[Moment, Fact]


def made(decision: Decision) -> Made:
    return Made(decision.interaction_id, decision.epoch, decision.agent_id, decision.others, decision.explanation)


# --- listening ------------------------------------------------------------------------------------------------------


class Witness(Protocol):
    """Whoever is told all that an engine is told."""

    def begins(self, engine: Engine) -> None:
        """An engine that knows nothing yet; the one before it isn't asked any more."""

    def told(self, fact: Fact) -> None: ...


class WitnessedEngine(Engine):
    """An engine whose every fact and decision is told to a witness, after it has been done."""

    def __init__(self, policy: Policy, witness: Witness) -> None:
        super().__init__(policy)
        self._witness = witness
        witness.begins(self)

    def put_seat(self, seat: Seat) -> None:
        super().put_seat(seat)
        self._witness.told(seat)

    def remove_seat(self, agent_id: str) -> None:
        super().remove_seat(agent_id)
        self._witness.told(SeatGone(agent_id))

    def put_waiting(self, waiting: Waiting) -> None:
        super().put_waiting(waiting)
        self._witness.told(waiting)

    def remove_waiting(self, interaction_id: str) -> None:
        if self.case(interaction_id) is not None:  # putting a case asks for this too, mostly for nothing
            super().remove_waiting(interaction_id)
            self._witness.told(WaitsNoMore(interaction_id))

    def decide(self, now: Moment, limit: int = 100) -> list[Decision]:
        decisions = super().decide(now, limit)
        self._witness.told(Decided(now, limit, tuple([made(decision) for decision in decisions])))
        return decisions


# --- what an engine knows ---------------------------------------------------------------------------------------


class World:
    """What an engine knows that was told these facts: the truth that another is held against."""

    def __init__(self) -> None:
        self.policy = Policy("")
        self.seats: dict[str, Seat] = {}
        self.waiting: dict[str, Waiting] = {}

    def told(self, fact: Fact) -> None:
        match fact:
            case Seat():
                self.seats[fact.agent_id] = fact
            case Waiting():
                self.waiting[fact.interaction_id] = fact
            case Decided():
                for each in fact.made:
                    self._taken(each)
            case WaitsNoMore():
                self.waiting.pop(fact.interaction_id, None)
            case SeatGone():
                self.seats.pop(fact.agent_id, None)
            case Begun():
                self.policy = fact.policy
                self.seats.clear()
                self.waiting.clear()

    def _taken(self, each: Made) -> None:
        waiting = self.waiting.pop(each.interaction_id, None)
        if waiting is None:
            return
        label = waiting.label or self.policy.queue(waiting.queue).label
        for agent_id in each.agents:
            if (seat := self.seats.get(agent_id)) is not None:
                self.seats[agent_id] = seat.taken(waiting.medium, label)

    def engine(self, policy: Policy) -> Engine:
        """One that knows the same, under ``policy``."""
        engine = Engine(policy)
        for seat in self.seats.values():
            engine.put_seat(seat)
        for waiting in self.waiting.values():
            engine.put_waiting(waiting)
        return engine


def tell(engine: Engine, fact: Fact) -> None:
    """Tells the engine what isn't a question."""
    match fact:
        case Seat():
            engine.put_seat(fact)
        case Waiting():
            engine.put_waiting(fact)
        case WaitsNoMore():
            engine.remove_waiting(fact.interaction_id)
        case SeatGone():
            engine.remove_seat(fact.agent_id)


# --- deciding again ---------------------------------------------------------------------------------------------


class Difference(NamedTuple):
    """At ``at`` other than what was recorded came out. ``recorded`` and ``again`` are the decisions that only one of
    them made; both are empty where ``knows`` says what the engine ought to have known otherwise (ids)."""

    at: Moment
    recorded: tuple[Made, ...] = ()
    again: tuple[Made, ...] = ()
    knows: tuple[str, ...] = ()


class Again:
    """Decides again what was decided, and compares. After a difference it goes on from what was recorded. ``latest``
    is what the last question came to now."""

    def __init__(self) -> None:
        self.latest: tuple[Made, ...] = ()
        self._world = World()
        self._engine: Engine | None = None
        self._snapshot = 0

    def feed(self, at: Moment, fact: Fact) -> Difference | None:
        """The next fact. What comes before the first :class:`Begun` is passed over: nobody knows what the engine
        knew then."""
        if isinstance(fact, Begun):
            return self._begin(at, fact)
        engine = self._engine
        if engine is None:
            return None
        if isinstance(fact, Decided):
            return self._decide(engine, fact)
        self._world.told(fact)
        if self._snapshot:
            self._snapshot -= 1
            return self._compare(at) if not self._snapshot else None
        tell(engine, fact)
        return None

    @property
    def version(self) -> str:
        """Of the policy that is in force."""
        return self._world.policy.version

    def _begin(self, at: Moment, fact: Begun) -> Difference | None:
        goes_on = fact.snapshot and self._engine is not None and fact.policy == self._engine.policy
        self._world.told(fact)
        self._snapshot = fact.snapshot if goes_on else 0
        if not goes_on:
            self._engine = Engine(fact.policy)
        return None

    def _compare(self, at: Moment) -> Difference | None:
        """Whether the engine knows what the snapshot says."""
        engine, world = self._engine, self._world
        assert engine is not None
        seats = {seat.agent_id: seat for seat in engine.seats()}
        waiting = {each.interaction_id: each for each in engine.waiting()}
        wrong = [key for key in seats.keys() | world.seats.keys() if seats.get(key) != world.seats.get(key)]
        wrong += [key for key in waiting.keys() | world.waiting.keys() if waiting.get(key) != world.waiting.get(key)]
        # What is told in another order is known all the same: the engine that goes on is the snapshot's.
        self._engine = world.engine(world.policy)
        return Difference(at, knows=tuple(sorted(wrong))) if wrong else None

    def _decide(self, engine: Engine, fact: Decided) -> Difference | None:
        again = tuple([made(decision) for decision in engine.decide(fact.now, fact.limit)])
        self.latest = again
        self._world.told(fact)
        if [each[:4] for each in again] == [each[:4] for each in fact.made]:
            return None
        self._engine = self._world.engine(engine.policy)
        theirs, ours = {each[:4] for each in fact.made}, {each[:4] for each in again}
        return Difference(
            fact.now,
            tuple([each for each in fact.made if each[:4] not in ours]) or fact.made,
            tuple([each for each in again if each[:4] not in theirs]) or again,
        )


# --- as text ----------------------------------------------------------------------------------------------------


class NotReadable(Exception):
    """This is no block of facts, or not one that this release can read. The message says why."""


def encode(facts: Iterable[Dated]) -> bytes:
    """The facts as one block; there must be one at least."""
    lines: list[bytes] = []
    before = 0
    for at, fact in facts:
        if not lines:
            lines.append(orjson.dumps({"form": FORM, "at": at}))
            before = at
        lines.append(orjson.dumps([at - before, *_line(fact)], default=_plain, option=orjson.OPT_NON_STR_KEYS))
        before = at
    return zlib.compress(b"\n".join(lines), 6)


def _line(fact: Fact) -> tuple[Any, ...]:
    match fact:
        case Seat():
            return ("seat", fact)
        case Waiting():
            return ("waits", fact)
        case Decided():
            return ("decided", fact.now, fact.limit, [list(each[:4]) for each in fact.made])
        case WaitsNoMore():
            return ("waits_no_more", fact.interaction_id)
        case SeatGone():
            return ("seat_gone", fact.agent_id)
        case Begun():
            return ("begun", fact.policy.version, document_of(fact.policy), fact.snapshot, fact.after)


def _plain(value: Any) -> Any:
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, tuple):
        return list(value)
    raise TypeError(f"{type(value).__name__} is nothing that a fact has in it")


def decode(block: bytes) -> Iterator[Dated]:
    """The facts of a block. Raises :class:`NotReadable`, also while they are read."""
    unpacking = zlib.decompressobj()
    try:
        text = unpacking.decompress(block, MOST_BYTES)
    except zlib.error as error:
        raise NotReadable(f"The block is damaged: {error}.") from error
    if unpacking.unconsumed_tail or not unpacking.eof:
        raise NotReadable("The block is damaged: it is cut off, or larger than any block is.")
    lines = text.split(b"\n")
    try:
        head = orjson.loads(lines[0])
        at = head["at"]
        if head["form"] != FORM:
            raise NotReadable(f"The block is of form {head['form']}; this release reads form {FORM}.")
        for line in lines[1:]:
            since, kind, *said = orjson.loads(line)
            at += since
            yield at, _READ[kind](*said)
    except (orjson.JSONDecodeError, AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise NotReadable(f"The block is damaged: {error!r}.") from error


class _Shape:
    """How one kind of value is made from JSON."""

    def __init__(self, kind: type[Any]) -> None:
        hints = get_type_hints(kind)
        self._kind = kind
        self._known = frozenset(hints)
        self._sets = tuple(name for name, hint in hints.items() if get_origin(hint) is frozenset)
        self._tuples = tuple(name for name, hint in hints.items() if get_origin(hint) is tuple)

    def __call__(self, said: dict[str, Any]) -> Any:
        if not said.keys() <= self._known:
            said = {name: value for name, value in said.items() if name in self._known}
        for name in self._sets:
            if name in said:
                said[name] = frozenset(said[name])
        for name in self._tuples:
            if name in said:
                said[name] = tuple(said[name])
        return self._kind(**said)


def _decided(now: Moment, limit: int, said: list[list[Any]]) -> Decided:
    return Decided(now, limit, tuple([Made(i, epoch, agent, tuple(others)) for i, epoch, agent, others in said]))


def _begun(version: str, document: dict[str, Any], snapshot: int, after: str) -> Begun:
    return Begun(replace(policy_of(document), version=version), snapshot, after)


_READ: dict[str, Callable[..., Fact]] = {
    "seat": _Shape(Seat),
    "waits": _Shape(Waiting),
    "decided": _decided,
    "waits_no_more": WaitsNoMore,
    "seat_gone": SeatGone,
    "begun": _begun,
}
