"""Who could take a case as time goes on, beside what the engine itself does; and how many places they are."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contact_center.domain.time import HOUR, MINUTE, SECOND
from routing import Engine, Policy, QueuePolicy, Seat, Waiting, fits
from routing.places import Staff, Work, prospect, room, who_is_able
from routing.policy import Step
from tests.routing.chance import AGENTS, MEDIA, Chance

Q = "support"


def seat(agent_id: str = "mei", **more: Any) -> Seat:
    return Seat(agent_id, agent_id, **{"queues": frozenset({Q}), "capacity": {"voice": 1, "chat": 3}, **more})


def case(medium: Any = "voice", **more: Any) -> Waiting:
    return Waiting("i", 1, Q, medium, 0, 0, **more)


# --- what the engine does -------------------------------------------------------------------------------------------


@settings(max_examples=400)
@given(st.integers(0, 10**9), st.integers(0, 400))
def test_somebody_is_free_for_a_case_just_when_the_engine_gives_it_to_somebody(seed: int, later: int) -> None:
    """Under any policy, for any team and any case, at any time."""
    chance = Chance(seed)
    policy, waiting = chance.policy(), chance.case()
    seats = [replace(chance.seat(each), available=True, unavailable_reason="") for each in chance.some(AGENTS, 5)]
    now = waiting.virtual_enqueued_at + later
    staff = Staff(seats, policy, Work())
    found = prospect(who_is_able(staff, waiting), waiting, policy, now)
    engine = Engine(policy)
    for each in seats:
        engine.put_seat(each)
    engine.put_waiting(waiting)
    assert bool(engine.decide(now)) == bool(found.kept_free if found.until else found.free)


@settings(max_examples=200)
@given(st.integers(0, 10**9), st.sampled_from(MEDIA), st.sampled_from(["", "vip"]))
def test_room_is_as_often_as_one_more_fits(seed: int, medium: Any, label: str) -> None:
    chance = Chance(seed)
    policy, agent = chance.policy(), chance.seat()
    found = room(agent, medium, label, policy)
    times = 0
    while agent.available and fits(agent, medium, label, policy) is None:
        agent, times = agent.taken(medium, label), times + 1
    assert found == times


# --- as time goes on ------------------------------------------------------------------------------------------------

STEPS = QueuePolicy(relax=(Step(MINUTE, {"zh": 0}), Step(2 * MINUTE, queues=frozenset({"sales"}))))


def policy_of(rules: QueuePolicy = STEPS, **more: Any) -> Policy:
    return Policy("test", queues={Q: rules}, **more)


def look(seats: list[Seat], waiting: Waiting, policy: Policy, now: int = 0, work: Work | None = None) -> Any:
    return prospect(who_is_able(Staff(seats, policy, work or Work()), waiting), waiting, policy, now)


def test_each_step_brings_those_who_could_take_it_by_then() -> None:
    team = [seat(skills={"zh": 3}, load={"voice": 1}), seat("jonas"), seat("ann", queues=frozenset({"sales"}))]
    found = look(team, case(skills={"zh": 2}), policy_of(), 10 * SECOND)
    assert (found.places, found.free) == (1, 0)
    assert [(each.after_ms, each.own_at, each.free) for each in found.later] == [
        (MINUTE, MINUTE, 1),
        (2 * MINUTE, 2 * MINUTE, 1),
    ]
    assert look(team, case(skills={"zh": 2}), policy_of(), 90 * SECOND).places == 2


def test_a_step_that_is_skipped_is_in_force_now() -> None:
    team = [seat("jonas"), seat("ann", queues=frozenset({"sales"}))]
    assert look(team, case(skills={"zh": 2}), policy_of()).places == 1
    patient = policy_of(replace(STEPS, skip_hopeless=False))
    assert look(team, case(skills={"zh": 2}), patient).places == 0
    assert [each.own_at for each in look(team, case(skills={"zh": 2}), patient).later] == [MINUTE, 2 * MINUTE]


def test_who_missed_it_counts_from_when_they_are_asked_again() -> None:
    missed = case(missed={"mei": 0})
    found = look([seat(), seat("jonas")], missed, policy_of(), SECOND)
    assert (found.places, [(each.after_ms, each.own_at) for each in found.later]) == (1, [(0, 30 * SECOND)])
    alone = look([seat()], missed, policy_of(), SECOND)
    assert [each.own_at for each in alone.later] == [5 * SECOND]
    both = look([seat(), seat("jonas")], case(missed={"mei": 0, "jonas": 10 * SECOND}), policy_of(), 20 * SECOND)
    assert (both.places, [each.own_at for each in both.later]) == (0, [30 * SECOND, 40 * SECOND]), (
        "none is the only one"
    )


def test_what_is_kept_is_for_those_who_know_the_customer() -> None:
    kept = policy_of(QueuePolicy(hold_ms=MINUTE))
    known = case(served_before={"mei": 0})
    found = look([seat(load={"voice": 1}), seat("jonas")], known, kept)
    assert (found.until, found.kept_places, found.kept_free, found.free) == (MINUTE, 1, 0, 1)
    assert look([seat("jonas")], known, kept).until == 0, "none of them is there"
    assert look([seat(), seat("jonas")], known, kept, MINUTE).until == 0


# --- how many places ------------------------------------------------------------------------------------------------


def places(agent: Seat, medium: Any, policy: Policy | None = None, label: str = "", **work: Any) -> float:
    team = [agent, seat("other", capacity={})]
    return Staff(team, policy or Policy("test"), Work(usual_ms=6 * MINUTE, **work)).places(agent, Q, medium, label)


def test_a_weighted_total_and_a_label_bound_the_places() -> None:
    weights = Policy("test", weights={"chat": 2})
    assert places(seat(most=5), "chat", weights) == 2
    assert places(seat(most_of={"vip": 1}), "chat", label="vip") == 1
    assert places(seat(most_of={"vip": 1}), "chat") == 3
    assert places(seat(capacity={"voice": 4}), "voice") == 1, "a call takes the whole agent"
    assert places(seat(most=1), "chat", Policy("test", weights={"chat": 0})) == 3


def test_other_work_takes_its_part_of_a_weighted_total() -> None:
    """A total of six for chats and letters. Thirty letters of six minutes an hour are three in hand, ninety nine."""
    agent = seat(capacity={"chat": 5, "email": 9}, most=6)
    assert places(agent, "chat") == 5
    assert places(agent, "chat", came={(Q, "email"): 30, (Q, "chat"): 10}) == 3
    assert places(agent, "chat", came={(Q, "email"): 90, (Q, "chat"): 90}) == 3, "half and half of too much"
    assert places(agent, "chat", came={(Q, "email"): 90}) == pytest.approx(0.6), "never nothing"
    aside = Policy("test", interrupts={"chat": frozenset({"email"})})
    assert places(agent, "chat", aside, came={(Q, "email"): 90}) == 5, "letters are put aside for chats"


def test_calls_take_whole_agents_from_all_that_does_not_interrupt_them() -> None:
    came = {(Q, "voice"): 4}
    assert places(seat(), "chat", came=came) == pytest.approx(3 * 0.6)
    assert places(seat(), "voice", came=came) == 1
    urgent = Policy("test", interrupts={"chat": frozenset({"voice"})})
    assert places(seat(), "chat", urgent, came=came) == 3
    assert places(seat(capacity={"chat": 3}), "chat", came=came) == 3, "who takes no calls"
    both = Policy("test", exclusive_media=("voice", "chat"))
    assert places(seat(), "chat", both, came=came) == pytest.approx(0.6)
    assert places(seat(), "chat", came={(Q, "voice"): 400}) == pytest.approx(0.3), "calls end too"


def test_queues_of_one_medium_share_an_agent_by_what_came() -> None:
    agent = seat(queues=frozenset({Q, "sales"}))
    came = {(Q, "voice"): 3, ("sales", "voice"): 1}
    assert places(agent, "voice", came=came) == 0.75
    handling = {(Q, "voice"): float(HOUR)}
    assert Work(came, handling, MINUTE).load((Q, "voice")) == 3
    assert Work(came, handling, MINUTE).load(("sales", "voice")) == pytest.approx(1 / 60)
    assert Work(came).load(("sales", "chat")) == 0
