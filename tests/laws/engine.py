"""The engine alone, through histories that no day would have; the laws are held against it after every step.

A history is a policy and a list of acts: plain tuples of words, ids and numbers. An act that makes no sense where it
stands does nothing, so every part of a history is a history too: that is how one that breaks a law is made small.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any, TypeAlias

from contact_center.domain.events import Medium
from contact_center.domain.time import Moment
from routing import Decision, Engine, Policy, Seat, Waiting
from routing.needs import Every, Has, IsOne, Need, Not, Some
from routing.policy import RANKING, Batch, QueuePolicy, Step, Term
from tests.laws.rules import LawBroken, goes_before, label_of, limit, obstacle, who_may

Act: TypeAlias = tuple[Any, ...]

QUEUES = ("q1", "q2", "q3")
SKILLS = ("s1", "s2")
MEDIA: tuple[Medium, ...] = ("voice", "chat", "email")
LABELS = ("vip", "back office")
RIVALS: tuple[tuple[Term, ...], ...] = (("least_loaded", "most_loaded"), ("most_skilled", "least_skilled"))
PEOPLE = tuple(f"a{n}" for n in range(7))
REASONS = ("offline", "not_ready", "wrap_up", "lunch")
ACTS_IN_A_HISTORY = 150


@dataclass
class World:
    """What is so, and an engine that is told of it. :meth:`do` lets an act happen."""

    policy: Policy
    now: Moment = 1_000_000
    seats: dict[str, Seat] = field(default_factory=dict)
    waiting: dict[str, Waiting] = field(default_factory=dict)
    ringing: dict[str, tuple[Waiting, tuple[str, ...]]] = field(default_factory=dict)
    in_hand: dict[str, tuple[Waiting, str]] = field(default_factory=dict)
    over: set[str] = field(default_factory=set)
    came: dict[str, Waiting] = field(default_factory=dict)
    offers: dict[str, int] = field(default_factory=dict)
    decided: int = 0

    def __post_init__(self) -> None:
        self.engine = Engine(self.policy)

    def do(self, act: Act) -> None:
        """Lets it happen, if it can. Raises :class:`LawBroken`."""
        name, *values = act
        getattr(self, f"_{name}")(*values)

    # --- what happens -----------------------------------------------------------------------------------------

    def _comes(self, case: Waiting, waited: int) -> None:
        if case.interaction_id not in self.came:
            case = replace(case, virtual_enqueued_at=self.now - waited)
            self.came[case.interaction_id] = case
            self._waits(case)

    def _leaves(self, case_id: str) -> None:
        if self.waiting.pop(case_id, None):
            self.engine.remove_waiting(case_id)
            self.over.add(case_id)
        elif offered := self.ringing.pop(case_id, None):
            self.over.add(case_id)
            for agent_id in offered[1]:
                self._freed(agent_id, offered[0])

    def _changes(self, case_id: str, queue: str, priority: int, only_agent: str) -> None:
        """It waits otherwise than before: passed on to another queue, or to one agent."""
        if case := self.waiting.get(case_id):
            changed = replace(case, queue=queue, priority=priority, only_agent=only_agent, epoch=case.epoch + 1)
            self.came[case_id] = replace(self.came[case_id], queue=queue, priority=priority)
            self._waits(changed)

    def _sits_down(self, seat: Seat) -> None:
        """Somebody new, or with other queues, skills or capacities than before. What they have stays theirs."""
        before = self.seats.get(seat.agent_id)
        load, labelled = (before.load, before.labelled) if before else self._has(seat.agent_id)
        self._put(replace(seat, load=load, labelled=labelled, idle_since_at=self.now))

    def _is_gone(self, agent_id: str) -> None:
        if self.seats.pop(agent_id, None):
            self.engine.remove_seat(agent_id)

    def _is_there(self, agent_id: str, available: bool, reason: str) -> None:
        if seat := self.seats.get(agent_id):
            self._put(replace(seat, available=available, unavailable_reason=reason))

    def _has_capacity(self, agent_id: str, medium: Medium, most: int, total: int) -> None:
        if seat := self.seats.get(agent_id):
            self._put(replace(seat, capacity={**seat.capacity, medium: most}, most=total))

    def _accepts(self, case_id: str, which: int) -> None:
        """One of those it rings at is the first."""
        if offered := self.ringing.pop(case_id, None):
            case, rings = offered
            first = rings[which % len(rings)]
            self.in_hand[case_id] = (case, first)
            for agent_id in rings:
                if agent_id != first:
                    self._freed(agent_id, case)

    def _misses(self, case_id: str, which: int, cause: str) -> None:
        """It rings on at the others, if there are any."""
        if offered := self.ringing.pop(case_id, None):
            case, rings = offered
            agent_id = rings[which % len(rings)]
            missed = {**case.missed, agent_id: self.now}
            case = replace(case, missed=missed, missed_by={**case.missed_by, agent_id: cause})
            left = tuple(other for other in rings if other != agent_id)
            if left:
                self.ringing[case_id] = (case, left)
            else:
                self._waits(replace(case, epoch=case.epoch + 1))
            self._freed(agent_id, case)

    def _gives_back(self, case_id: str) -> None:
        if held := self.in_hand.pop(case_id, None):
            case, agent_id = held
            self._waits(replace(case, epoch=case.epoch + 1))
            self._freed(agent_id, case)

    def _finishes(self, case_id: str) -> None:
        if held := self.in_hand.pop(case_id, None):
            self.over.add(case_id)
            self._freed(held[1], held[0])

    def _passes(self, ms: int) -> None:
        self.now += ms

    def _told_again(self, case_id: str, agent_id: str) -> None:
        if case := self.waiting.get(case_id):
            self.engine.put_waiting(case)
        if seat := self.seats.get(agent_id):
            self.engine.put_seat(seat)

    def _starts_anew(self) -> None:
        """As after a restart: everything is told to a new engine, in another order."""
        self.engine = Engine(self.policy)
        for case in reversed(self.waiting.values()):
            self.engine.put_waiting(case)
        for seat in self.seats.values():
            self.engine.put_seat(seat)

    def _foretold(self) -> None:
        """Until the engine says that time alone may make a difference, it makes none; then it must be looked at."""
        at = self.engine.next_change_at(self.now)
        if at is None:
            at = self.now + 10 * self.policy.reoffer_cooldown_ms
        before = max(self.now, at - 1)
        for case in self.waiting.values():
            who = who_may(case, self.policy, self.seats, before)
            if who and not who_may(case, self.policy, self.seats, self.now):
                raise LawBroken("I9", f"{who} may take {case} from before {at}, which nothing foretold")
        self.now = at

    def _decides(self, limit: int) -> None:
        made = self.engine.decide(self.now, limit)
        for decision in made:
            self._offered(decision)
        self.decided += len(made)
        if len(made) > limit:
            raise LawBroken("I3", f"{len(made)} decisions where {limit} were asked for")
        if len(made) < limit:
            self._nobody_is_stranded()
        self._nothing_is_lost()

    # --- the laws -------------------------------------------------------------------------------------------------

    def _offered(self, decision: Decision) -> None:
        case = self.waiting.get(decision.interaction_id)
        if case is None:
            raise LawBroken("I3", f"{decision} is for what does not wait")
        if decision.epoch != case.epoch or self.offers.get(case.interaction_id, -1) >= decision.epoch:
            raise LawBroken("I3", f"{decision} is of another epoch than {case}")
        rings = (decision.agent_id, *decision.others)
        if len(rings) > self.policy.queue(case.queue).ring or len({*rings}) < len(rings):
            raise LawBroken("I3", f"{decision} rings at {rings}")
        for agent_id in rings:
            self._may_ring(case, agent_id)
        if case.virtual_enqueued_at != self.came[case.interaction_id].virtual_enqueued_at:
            raise LawBroken("I8", f"{case} lost its place")
        del self.waiting[case.interaction_id]
        self.offers[case.interaction_id] = decision.epoch
        self.ringing[case.interaction_id] = (replace(case, epoch=case.epoch + 1), rings)
        for agent_id in rings:
            self.seats[agent_id] = _with(self.seats[agent_id], case, self.policy, 1)

    def _may_ring(self, case: Waiting, agent_id: str) -> None:
        chosen = self.seats.get(agent_id)
        if chosen is None:
            raise LawBroken("I5", f"{case} went to {agent_id}, who is gone")
        if why := obstacle(chosen, case, self.policy, self.seats, self.now):
            raise LawBroken("I4" if why.startswith("has no room") else "I5", f"{case} went to {chosen}, who {why}")
        for other in self.waiting.values():
            if other is case or not goes_before(other, case, self.policy, self.now):
                continue
            if limit(chosen, other, self.policy):  # the cheapest of the reasons why it had to let it pass
                continue
            if not obstacle(chosen, other, self.policy, self.seats, self.now):
                raise LawBroken("I7", f"{case} went to {agent_id} before {other}")

    def _nobody_is_stranded(self) -> None:
        for case in self.waiting.values():
            if who := who_may(case, self.policy, self.seats, self.now):
                raise LawBroken("I6", f"{case} waits, and {who} could take it")

    def _nothing_is_lost(self) -> None:
        """The engine knows what is so, and every case is somewhere, once."""
        if {case.interaction_id for case in self.engine.waiting()} != self.waiting.keys():
            raise LawBroken("I1", f"{self.engine.waiting()} wait in the engine, {list(self.waiting)} do")
        places = (self.waiting.keys(), self.ringing.keys(), self.in_hand.keys(), self.over)
        if sum(map(len, places)) != len(self.came) or set().union(*places) != self.came.keys():
            raise LawBroken("I2", f"{places} are not {self.came.keys()}")
        known = {seat.agent_id: seat for seat in self.engine.seats()}
        if known != self.seats:
            raise LawBroken("I1", f"the engine's agents are {known}, {self.seats} there are")
        for queue in QUEUES:
            depth = sum(case.queue == queue for case in self.waiting.values())
            if self.engine.depth(queue) != depth:
                raise LawBroken("I1", f"{self.engine.depth(queue)} are counted in {queue}, {depth} wait")

    # --- telling ---------------------------------------------------------------------------------------------------

    def _waits(self, case: Waiting) -> None:
        self.waiting[case.interaction_id] = case
        self.engine.put_waiting(case)

    def _put(self, seat: Seat) -> None:
        self.seats[seat.agent_id] = seat
        self.engine.put_seat(seat)

    def _freed(self, agent_id: str, case: Waiting) -> None:
        if seat := self.seats.get(agent_id):
            left = _with(seat, case, self.policy, -1)
            self._put(left if left.load else replace(left, idle_since_at=self.now))

    def _has(self, agent_id: str) -> tuple[Mapping[Medium, int], Mapping[str, int]]:
        """What somebody who comes back has still: by medium, by label."""
        seat = Seat(agent_id, "", frozenset())
        for case, rings in self.ringing.values():
            if agent_id in rings:
                seat = _with(seat, case, self.policy, 1)
        for case, holder in self.in_hand.values():
            if holder == agent_id:
                seat = _with(seat, case, self.policy, 1)
        return seat.load, seat.labelled


def _with(seat: Seat, case: Waiting, policy: Policy, more: int) -> Seat:
    """The same agent with one piece of work more, or less."""
    label = label_of(case, policy)
    load = {**seat.load, case.medium: seat.load.get(case.medium, 0) + more}
    labelled = {**seat.labelled, label: seat.labelled.get(label, 0) + more} if label else seat.labelled
    return replace(
        seat,
        load={medium: n for medium, n in load.items() if n},
        labelled={each: n for each, n in labelled.items() if n},
    )


# --- histories --------------------------------------------------------------------------------------------------


def a_need(random: Random) -> Need:
    plain = (Every(), Has("s1", 2), Some((Has("s1", 3), Has("s2"))), Not(Has("s2", 4)), Not(IsOne(frozenset({"a1"}))))
    return random.choice(plain)


def a_queue(random: Random) -> QueuePolicy:
    def step(after_ms: int) -> Step:
        return Step(
            after_ms,
            {skill: random.randint(0, 3) for skill in SKILLS if random.random() < 0.5},
            a_need(random) if random.random() < 0.3 else None,
            frozenset(random.sample(QUEUES, random.choice((0, 0, 1)))),
        )

    times = sorted(random.choice((5_000, 20_000, 60_000)) for _ in range(random.choice((0, 0, 1, 2))))
    return QueuePolicy(
        need=a_need(random),
        prefer={"s2": 3} if random.random() < 0.3 else {},
        relax=tuple(step(after_ms) for after_ms in times),
        skip_hopeless=random.random() < 0.5,
        hold_ms=random.choice((0, 0, 10_000, 100_000)),
        ring=random.choice((1, 1, 1, 2, 3)),
        target_ms=random.choice((20_000, 120_000)),
        handling_ms=random.choice((0, 60_000)),
        label=random.choice(("", "", *LABELS)),
    )


def a_ranking(random: Random) -> tuple[Term, ...]:
    terms: list[Term] = ["known", "preferred", "longest_idle", *(random.choice(pair) for pair in RIVALS)]
    return tuple(random.sample(terms, random.randint(0, len(terms))))


def a_policy(random: Random) -> Policy:
    """Half of them say nothing special of any queue: then much else is tried more often."""
    cooldown = random.choice((0, 7_000, 30_000))
    rich = random.random() < 0.7
    some = rich and random.random() < 0.4
    return Policy(
        version="laws",
        ageing_ms=random.choice((0, 1_000, 60_000)),
        most_priority=random.choice((None, 3, 30)) if rich else None,
        order=random.choice(("age", "slack")) if rich else "age",
        reoffer_cooldown_ms=cooldown,
        cooldown_ms={"rejected": 60_000, "busy": 3_000} if some else {},
        sole_cooldown_ms=random.choice((0, min(5_000, cooldown), cooldown)),
        sticky_ms=random.choice((0, 60_000, 10**9)),
        ranking=a_ranking(random) if some else RANKING,
        exclusive_media=random.choice((("voice",), (), ("voice", "chat"))),
        weights={"voice": 3, "chat": 2} if some else {},
        interrupts={"voice": frozenset({"email"})} if some else {},
        batch=Batch(random.choice((0, 2, 64, 64))),
        queues={queue: a_queue(random) for queue in QUEUES if random.random() < 0.7} if rich else {},
    )


def _a_seat(world: World, random: Random) -> Seat:
    agent_id = random.choice(PEOPLE)
    return Seat(
        agent_id,
        agent_id.upper(),
        frozenset(random.sample(QUEUES, random.randint(0, 3))),
        {skill: random.randint(1, 5) for skill in SKILLS if random.random() < 0.5},
        {medium: random.randint(0, 3) for medium in MEDIA if random.random() < 0.8},
        available=random.random() < 0.8,
        unavailable_reason="",
        most=random.choice((0, 0, 2, 5)),
        most_of={label: random.randint(0, 2) for label in LABELS if random.random() < 0.3},
    )


def _a_case(world: World, random: Random) -> Waiting:
    number = len(world.came)
    served = {a: world.now - random.randint(0, 10**6) for a in PEOPLE if random.random() < 0.15}
    return Waiting(
        f"{random.choice('xyz')}{number}",
        number,
        random.choice(QUEUES),
        random.choice(MEDIA),
        random.choice((0, 0, 0, 1, 5, 100, 150, -1)),
        0,
        {skill: random.randint(0, 5) for skill in SKILLS if random.random() < 0.25},
        served_before=served,
        only_agent=random.choice(PEOPLE) if random.random() < 0.1 else "",
        owner=random.choice(PEOPLE) if random.random() < 0.1 else "",
        preferred=tuple(random.sample(PEOPLE, 2)) if random.random() < 0.1 else (),
        label=random.choice(("", "", "", *LABELS)),
    )


def _one_of(values: Any, random: Random) -> str:
    found = list(values)
    return str(random.choice(found)) if found else ""


ACTS: tuple[tuple[int, Callable[[World, Random], Act]], ...] = (
    (20, lambda w, r: ("comes", _a_case(w, r), r.choice((0, 0, 1_000, 200_000)))),
    (3, lambda w, r: ("leaves", _one_of((*w.waiting, *w.ringing), r))),
    (3, lambda w, r: ("changes", _one_of(w.waiting, r), r.choice(QUEUES), r.choice((0, 3)), r.choice(("", "a1")))),
    (8, lambda w, r: ("sits_down", _a_seat(w, r))),
    (1, lambda w, r: ("is_gone", _one_of(w.seats, r))),
    (6, lambda w, r: ("is_there", _one_of(w.seats, r), True, "")),
    (4, lambda w, r: ("is_there", _one_of(w.seats, r), False, r.choice(REASONS))),
    (5, lambda w, r: ("has_capacity", _one_of(w.seats, r), r.choice(MEDIA), r.randint(0, 4), r.choice((0, 3)))),
    (12, lambda w, r: ("accepts", _one_of(w.ringing, r), r.randrange(3))),
    (10, lambda w, r: ("misses", _one_of(w.ringing, r), r.randrange(3), r.choice(("rejected", "no_answer", "busy")))),
    (3, lambda w, r: ("gives_back", _one_of(w.in_hand, r))),
    (10, lambda w, r: ("finishes", _one_of(w.in_hand, r))),
    (8, lambda w, r: ("passes", r.choice((1, 500, 5_000, 7_000, 30_000, 100_000)))),
    (2, lambda w, r: ("told_again", _one_of(w.waiting, r), _one_of(w.seats, r))),
    (1, lambda w, r: ("starts_anew",)),
    (6, lambda w, r: ("foretold",)),
    (30, lambda w, r: ("decides", r.choice((1, 2, 100, 100)))),
)
_WEIGHTS = [weight for weight, _ in ACTS]
_MAKERS = [make for _, make in ACTS]


@dataclass
class Broken:
    """A history that breaks a law, made small. ``str`` gives what to paste into a test."""

    seed: str
    policy: Policy
    acts: list[Act]
    error: Exception

    def __str__(self) -> str:
        acts = "\n".join(f"    {act!r}," for act in self.acts)
        return f"{self.error}\nseed {self.seed}, {len(self.acts)} acts with {self.policy}\n[\n{acts}\n]"


def history(seed: str, acts: int = ACTS_IN_A_HISTORY) -> tuple[int, Broken | None]:
    """Lives through one; how many steps it took, and what broke."""
    random = Random(seed)
    policy = a_policy(random)
    world, done = World(policy), []
    for _ in range(acts):
        (make,) = random.choices(_MAKERS, _WEIGHTS)
        act = make(world, random)
        done.append(act)
        try:
            world.do(act)
        except Exception as error:  # an engine that falls over breaks the laws too
            small = smaller(policy, done, _kind(error))
            return len(done), Broken(seed, policy, small, broken_by(policy, small) or error)
    return len(done), None


def broken_by(policy: Policy, acts: list[Act]) -> Exception | None:
    world = World(policy)
    try:
        for act in acts:
            world.do(act)
    except Exception as error:
        return error
    return None


def _kind(error: Exception | None) -> str:
    return error.law if isinstance(error, LawBroken) else type(error).__name__


def smaller(policy: Policy, acts: list[Act], kind: str) -> list[Act]:
    """The same failure with as few acts as leaving some out can make it."""
    length = len(acts) // 2
    while length:
        at = 0
        while at < len(acts):
            without = acts[:at] + acts[at + length :]
            if _kind(broken_by(policy, without)) == kind:
                acts = without
            else:
                at += length
        length //= 2
    return acts


def run(steps: int, seed: str) -> Iterator[tuple[int, Broken | None]]:
    """Histories until so many steps are done: after each, how many there were in all, and what broke."""
    done = number = 0
    while done < steps:
        took, broken = history(f"{seed}/{number}")
        done += took
        number += 1
        yield done, broken
