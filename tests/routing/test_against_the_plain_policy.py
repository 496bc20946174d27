"""The engine is held to the policy said plainly, over any history of facts and decisions."""

from __future__ import annotations

import random
from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from contact_center.domain.events import Medium
from routing import Engine, Policy, Seat, Waiting
from routing.policy import Batch
from tests.routing.naive import Naive

POLICY = Policy("plain", ageing_ms=10, reoffer_cooldown_ms=30, sole_cooldown_ms=5, sticky_ms=100, batch=Batch(6))
AGENTS = ("a", "b", "c", "d", "e")
QUEUES = ("sales", "help")
MEDIA: tuple[Medium, ...] = ("voice", "chat", "email")

BUSY_MACHINE = [HealthCheck.too_slow]
"""A machine that has other work to do is no fault of ours."""

few_skills = st.sampled_from(({}, {}, {"en": 2}, {"en": 4, "zh": 1}, {"zh": 3}))
moments = st.integers(0, 150)
states = st.sampled_from(("", "", "", "", "offline", "wrap_up", "lunch"))
loads = st.sampled_from(({}, {}, {"chat": 1}, {"chat": 2}, {"email": 1}, {"voice": 1}, {"chat": 3, "email": 1}))
capacities = st.sampled_from(
    ({"voice": 1, "chat": 3, "email": 2}, {"voice": 1, "chat": 1}, {"chat": 2}, {"voice": 2})
)
some_queues = st.sampled_from((frozenset(QUEUES), frozenset({"sales"}), frozenset({"help"})))


@st.composite
def seats(draw: st.DrawFn, agent_ids: st.SearchStrategy[str] = st.sampled_from(AGENTS)) -> Seat:
    agent_id = draw(agent_ids)
    away = draw(states)
    return Seat(
        agent_id,
        agent_id.upper(),
        draw(some_queues),
        draw(few_skills),
        draw(capacities),
        draw(loads),
        not away,
        away,
        draw(moments),
    )


@st.composite
def cases(draw: st.DrawFn, ids: st.SearchStrategy[int] = st.integers(1, 12)) -> Waiting:
    number = draw(ids)
    at_agents = st.dictionaries(st.sampled_from(AGENTS), moments, max_size=2)
    return Waiting(
        f"i{number}",
        number,
        draw(st.sampled_from(QUEUES)),
        draw(st.sampled_from(MEDIA)),
        draw(st.sampled_from((0, 0, 0, 1, 5, 100, 120, -3))),
        draw(moments),
        draw(few_skills),
        draw(st.integers(1, 3)),
        served_before=draw(st.one_of(st.just({}), at_agents)),
        missed=draw(st.one_of(st.just({}), at_agents)),
        only_agent=draw(st.sampled_from(("", "", "", "", "a", "b", "nobody"))),
    )


teams = st.lists(seats(), min_size=1, max_size=len(AGENTS), unique_by=lambda seat: seat.agent_id)
piles = st.lists(cases(), min_size=1, max_size=12, unique_by=lambda case: case.interaction_id)


class Routing(RuleBasedStateMachine):
    engine_kind = Engine

    @initialize(team=teams, pile=piles, now=moments)
    def begin(self, team: list[Seat], pile: list[Waiting], now: int) -> None:
        self.engine = self.engine_kind(POLICY)
        self.naive = Naive(POLICY)
        self.now = now
        for seat in team:
            self.an_agent_changes(seat)
        for case in pile:
            self.a_case_waits(case)

    def an_agent_changes(self, seat: Seat) -> None:
        self.engine.put_seat(seat)
        self.naive.seats[seat.agent_id] = seat

    def a_case_waits(self, case: Waiting) -> None:
        self.engine.put_waiting(case)
        self.naive.cases[case.interaction_id] = case

    @rule(seat=seats())
    def an_agent_signs_in_or_moves(self, seat: Seat) -> None:
        self.an_agent_changes(seat)

    @rule(pile=piles)
    def cases_come(self, pile: list[Waiting]) -> None:
        for case in pile:
            self.a_case_waits(case)

    @precondition(lambda self: self.naive.seats)
    @rule(data=st.data(), load=loads, away=states, idle=moments)
    def an_agent_works_on(self, data: st.DataObject, load: dict[Medium, int], away: str, idle: int) -> None:
        seat = self.naive.seats[data.draw(st.sampled_from(sorted(self.naive.seats)))]
        self.an_agent_changes(
            replace(seat, load=load, available=not away, unavailable_reason=away, idle_since_at=idle)
        )

    @rule(agent_id=st.sampled_from(AGENTS))
    def an_agent_goes(self, agent_id: str) -> None:
        self.engine.remove_seat(agent_id)
        self.naive.seats.pop(agent_id, None)

    @rule(number=st.integers(1, 12))
    def a_case_goes(self, number: int) -> None:
        self.engine.remove_waiting(f"i{number}")
        self.naive.cases.pop(f"i{number}", None)

    @rule(ms=st.integers(1, 40))
    def time_passes(self, ms: int) -> None:
        self.now += ms

    @rule()
    def time_passes_until_something_changes_by_itself(self) -> None:
        if (at := self.engine.next_change_at(self.now)) is not None:
            assert at >= self.now
            self.now = at

    @rule(limit=st.sampled_from((1, 2, 100)))
    def it_is_decided(self, limit: int) -> None:
        made = self.engine.decide(self.now, limit)
        expected = self.naive.decide(self.now, limit)
        assert [(d.interaction_id, d.agent_id) for d in made] == [offer[:2] for offer in expected]
        for decision, offer in zip(made, expected, strict=True):
            assert decision.explanation.record() == offer.record

    @precondition(lambda self: self.naive.cases)
    @rule()
    def the_waiting_is_explained(self) -> None:
        for case in self.naive.cases.values():
            explanation = self.engine.explain(case.interaction_id, self.now)
            assert explanation is not None
            assert explanation.record() == self.naive.record(case, self.now)

    @rule()
    def nothing_happens_before_the_engine_says_it_can(self) -> None:
        self.it_is_decided(100)
        at = self.engine.next_change_at(self.now)
        self.now = self.now + 1_000 if at is None else max(self.now, at - 1)
        assert self.engine.decide(self.now) == []
        assert self.naive.decide(self.now) == []

    @invariant()
    def the_books_agree(self) -> None:
        if not hasattr(self, "engine"):
            return
        assert {w.interaction_id: w for w in self.engine.waiting()} == self.naive.cases
        assert {s.agent_id: s for s in self.engine.seats()} == self.naive.seats
        for queue in QUEUES:
            assert self.engine.depth(queue) == sum(w.queue == queue for w in self.naive.cases.values())


class Tight(Engine):
    """Comes to all of its limits at once."""

    few = 1
    behind = 2
    pools_kept = 3


class TightRouting(Routing):
    engine_kind = Tight


TestRouting = Routing.TestCase
TestRouting.settings = settings(
    max_examples=40, stateful_step_count=30, deadline=None, suppress_health_check=BUSY_MACHINE
)
TestRoutingAtItsLimits = TightRouting.TestCase
TestRoutingAtItsLimits.settings = settings(
    max_examples=40, stateful_step_count=30, deadline=None, suppress_health_check=BUSY_MACHINE
)


@given(teams, piles, st.randoms(use_true_random=False), moments)
@settings(max_examples=60, deadline=None, suppress_health_check=BUSY_MACHINE)
def test_the_same_facts_in_any_order_give_the_same_decisions(
    team: list[Seat], work: list[Waiting], chance: random.Random, now: int
) -> None:
    records = []
    for _ in range(2):
        engine = Engine(POLICY)
        facts: list[Seat | Waiting] = [*team, *work]
        chance.shuffle(facts)
        for fact in facts:
            _put(engine, fact)
        records.append([decision.explanation.record() for decision in engine.decide(now)])
    assert records[0] == records[1]


@given(teams, piles, moments)
@settings(max_examples=80, deadline=None, suppress_health_check=BUSY_MACHINE)
def test_no_decision_breaks_a_law(team: list[Seat], work: list[Waiting], now: int) -> None:
    engine = Engine(POLICY)
    for fact in (*team, *work):
        _put(engine, fact)
    by_id = {case.interaction_id: case for case in work}
    made = engine.decide(now)

    offered = [decision.interaction_id for decision in made]
    assert len(set(offered)) == len(offered), "at most one offer for each case"
    assert sorted([*offered, *(w.interaction_id for w in engine.waiting())]) == sorted(by_id)
    before = {seat.agent_id: seat for seat in team}
    for after in engine.seats():
        seat = before[after.agent_id]
        for medium in MEDIA:
            grown = after.load.get(medium, 0) > seat.load.get(medium, 0)
            assert not grown or after.load[medium] <= after.capacity[medium], "capacity is never exceeded"
    on_call = {seat.agent_id for seat in team if seat.load.get("voice", 0)}
    for decision in made:
        seat, case = before[decision.agent_id], by_id[decision.interaction_id]
        assert seat.available
        assert decision.agent_id not in on_call, "a call takes the whole agent"
        assert decision.epoch == case.epoch
        if case.medium == "voice":
            on_call.add(decision.agent_id)
        if case.only_agent:
            assert decision.agent_id == case.only_agent
        else:
            assert case.queue in seat.queues
            assert all(seat.skills.get(skill, 0) >= level for skill, level in case.skills.items())
        missed_at = case.missed.get(decision.agent_id)
        assert missed_at is None or now >= missed_at + POLICY.sole_cooldown_ms
    for sort in {(w.queue, w.medium, tuple(sorted(w.skills.items()))) for w in work}:
        alike = [
            decision.interaction_id
            for decision in made
            if not (case := by_id[decision.interaction_id]).missed
            and not case.only_agent
            and (case.queue, case.medium, tuple(sorted(case.skills.items()))) == sort
        ]
        in_turn = sorted(alike, key=lambda i: by_id[i].turn(POLICY.ageing_ms))
        assert alike == in_turn, "first come, first served among equals"


def _put(engine: Engine, fact: Seat | Waiting) -> None:
    if isinstance(fact, Seat):
        engine.put_seat(fact)
    else:
        engine.put_waiting(fact)


def test_a_large_floor_is_decided_as_the_plain_policy_says() -> None:
    """By turns: the plain policy would try every way to give 40 cases to 450 agents."""
    chance = random.Random(7)
    policy = replace(POLICY, batch=Batch(most=0))
    engine, naive = Engine(policy), Naive(policy)
    for number in range(450):
        seat = Seat(
            f"a{number:03}",
            "",
            frozenset({"sales"} if number % 2 else {"sales", "help"}),
            {"en": chance.randint(0, 5)},
            {"voice": 1, "chat": 4},
            {"chat": chance.randint(0, 4)},
            chance.random() < 0.8,
            "offline",
            chance.randint(0, 50),
        )
        engine.put_seat(seat)
        naive.seats[seat.agent_id] = seat
    for number in range(40):
        case = Waiting(
            f"i{number}",
            number,
            chance.choice(QUEUES),
            chance.choice(("chat", "voice")),
            chance.randint(0, 3),
            chance.randint(0, 90),
            chance.choice(({}, {"en": 2}, {"en": 5})),
            served_before={f"a{chance.randint(0, 449):03}": 60 for _ in range(3)},
        )
        engine.put_waiting(case)
        naive.cases[case.interaction_id] = case
    expected = naive.decide(100)
    made = engine.decide(100)
    assert [(d.interaction_id, d.agent_id) for d in made] == [offer[:2] for offer in expected]
    for decision, (_, _, _, record) in zip(made, expected, strict=True):
        assert decision.counts == record["counts"]
        full = {c["agent_id"]: c for c in record["candidates"]}
        listed = decision.explanation.record()["candidates"]
        best = min(50, sum(c["eligible"] for c in full.values()))
        others = min(200 - best, sum(not c["eligible"] for c in full.values()))
        assert [c["rank"] for c in listed] == [*range(1, best + 1), *[None] * others]
        assert all(full[c["agent_id"]] == c for c in listed)
