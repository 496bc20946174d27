"""Days on a clock of their own: against the formulas where there are any, and by hand where there are none."""

from __future__ import annotations

import math
import random
import statistics
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contact_center.domain.time import HOUR, MINUTE, SECOND
from routing import Policy, Seat, Waiting
from routing.simulation import FOR_EVER, Coming, Day, Kind, Shift, Simulation, Spread, coming
from routing.staffing import Demand, Outlook

ALWAYS = ((0, 10**12),)
POLICY = Policy("p1")


def seat(agent_id: str, **more: object) -> Seat:
    return Seat(agent_id, agent_id.title(), frozenset({"support"}), **{"capacity": {"voice": 1}, **more})  # type: ignore[arg-type]


def team(size: int) -> list[Shift]:
    return [Shift(seat(f"agent{number:02}"), ALWAYS) for number in range(size)]


def comes(number: int, at: int, handling_ms: int = MINUTE, patience_ms: int = -1, **more: object) -> Coming:
    told = {"queue": "support", "medium": "voice", "priority": 0, **more}
    return Coming(Waiting(f"i{number}", number, virtual_enqueued_at=at, **told), handling_ms, patience_ms)  # type: ignore[arg-type]


def calls(per_hour: float, handling_s: float, patience_s: float = math.inf) -> list[Kind]:
    return [Kind("support", "voice", ((0, per_hour),), Spread(handling_s), Spread(patience_s))]


@pytest.mark.parametrize(
    "agents, per_hour, handling_s, patience_s",
    [(13, 200, 180, math.inf), (10, 200, 180, 120), (18, 360, 180, 200)],
    ids=["Erlang C", "Erlang A, overrun", "Erlang A"],
)
def test_the_engine_s_queues_are_those_of_the_formulas(
    agents: int, per_hour: float, handling_s: float, patience_s: float
) -> None:
    """Sixteen days each; their first hour, in which the queue fills, isn't counted."""
    seen = []
    for seed in range(16):
        kinds = calls(per_hour, handling_s, patience_s)
        day = Simulation(POLICY, team(agents), coming(kinds, 9 * HOUR, seed)).run()
        counted = [case for case in day.cases if case.waiting.virtual_enqueued_at > HOUR]
        answered = sum(1 for case in counted if case.answered and case.waited_ms <= 20 * SECOND)
        waited = sum(case.waited_ms for case in counted) / SECOND
        left = sum(1 for case in counted if case.abandoned)
        seen.append((answered / len(counted), waited / len(counted), left / len(counted)))
    outlook = Outlook(Demand(per_hour, handling_s, patience_s), agents)
    told = (outlook.service_level(20), outlook.average_wait_s, outlook.abandoned_share)
    for drawn, expected in zip(zip(*seen, strict=True), told, strict=True):
        error = statistics.stdev(drawn) / math.sqrt(len(drawn))
        assert abs(statistics.mean(drawn) - expected) <= 3 * error


def test_the_same_seed_is_the_same_day() -> None:
    def day(seed: int) -> list[tuple[str, int, int, str]]:
        kinds = [*calls(120, 200, 100), Kind("support", "chat", ((0, 60),), Spread(300, 0.5))]
        seats = [Shift(seat(f"a{n}", capacity={"voice": 1, "chat": 2}), ALWAYS) for n in range(8)]
        done = Simulation(POLICY, seats, coming(kinds, 3 * HOUR, seed)).run()
        return [(c.waiting.interaction_id, c.answered_at, c.left_at, c.agent_id) for c in done.cases]

    assert day(7) == day(7) != day(8)


def test_cases_come_as_often_as_the_hours_say() -> None:
    kinds = [Kind("support", "voice", ((0, 0), (3_600, 600), (7_200, 60)), Spread(60))]
    hours = [0, 0, 0]
    for seed in range(10):
        for case in coming(kinds, 3 * HOUR, seed):
            hours[case.at // HOUR] += 1
    assert hours[0] == 0
    assert hours[1] == pytest.approx(6_000, abs=4 * math.sqrt(6_000))
    assert hours[2] == pytest.approx(600, abs=4 * math.sqrt(600))


def test_kinds_come_together_in_order_with_the_skills_they_were_given() -> None:
    needs = (({"german": 2}, 1.0), ({}, 3.0))
    kinds = [*calls(300, 60), Kind("sales", "chat", ((0, 300),), Spread(60), skills=needs, priority=5)]
    made = list(coming(kinds, 4 * HOUR, seed=1, begins_at=1_000_000))
    assert [case.at for case in made] == sorted(case.at for case in made)
    assert min(case.at for case in made) >= 1_000_000
    chats = [case.waiting for case in made if case.waiting.medium == "chat"]
    german = sum(1 for chat in chats if chat.skills)
    assert all(chat.priority == 5 and chat.queue == "sales" for chat in chats)
    assert german / len(chats) == pytest.approx(0.25, abs=4 * math.sqrt(0.25 * 0.75 / len(chats)))


def test_nobody_comes_where_nobody_is_expected() -> None:
    assert list(coming([Kind("support", "voice", ((0, 0),), Spread(60))], HOUR, 1)) == []
    day = Simulation(POLICY, team(1), []).run()
    assert day.cases == []
    assert (day.service_level(1), day.fairness(), day.decisions) == (1.0, 1.0, 0)


def test_who_is_busy_takes_the_next_when_they_are_done() -> None:
    cases = [comes(1, 1_000), comes(2, 2_000), comes(3, 3_000)]
    day = Simulation(POLICY, team(1), cases, answer_ms=500, after_ms=10_000).run()
    assert [case.answered_at for case in day.cases] == [1_500, 72_000, 142_500]
    assert [case.ended_at for case in day.cases] == [61_500, 132_000, 202_500]
    assert day.busy_ms == {"agent00": 3 * 70_500}
    assert day.over_at == 10**12  # the shift's end


def test_who_loses_patience_is_served_no_more() -> None:
    cases = [comes(1, 0), comes(2, 1_000, patience_ms=30_000), comes(3, 2_000, patience_ms=90_000)]
    day = Simulation(POLICY, team(1), cases).run()
    assert [(case.answered_at, case.left_at) for case in day.cases] == [(0, -1), (-1, 31_000), (60_000, -1)]
    assert [case.waiting.case_id for case in day.abandoned()] == [2]
    assert day.cases[1].waited_ms == 30_000


def test_shifts_begin_and_end_and_what_is_in_hand_is_finished() -> None:
    shifts = [Shift(seat("early"), ((0, 5 * MINUTE),)), Shift(seat("late"), ((10 * MINUTE, HOUR),))]
    cases = [comes(1, 4 * MINUTE, handling_ms=3 * MINUTE), comes(2, 6 * MINUTE), comes(3, 7 * MINUTE + 1)]
    day = Simulation(POLICY, shifts, cases).run()
    assert [(case.agent_id, case.answered_at) for case in day.cases] == [
        ("early", 4 * MINUTE),
        ("late", 10 * MINUTE),
        ("late", 11 * MINUTE),
    ]
    assert day.cases[0].ended_at == 7 * MINUTE
    assert day.there_ms == {"early": 5 * MINUTE, "late": 50 * MINUTE}
    assert day.occupancy() == {"early": 3 / 5, "late": 2 / 50}


def test_what_nobody_may_take_waits_for_ever_and_the_day_ends_all_the_same() -> None:
    day = Simulation(POLICY, team(1), [comes(1, 0, skills={"german": 1})]).run()
    assert (day.cases[0].answered_at, day.cases[0].left_at, day.cases[0].waited_ms) == (-1, -1, -1)


def test_chats_share_an_agent_and_a_call_takes_all_of_them() -> None:
    both = Shift(seat("both", capacity={"voice": 1, "chat": 2}), ALWAYS)
    cases = [comes(n, n * 1_000, medium="chat") for n in (1, 2, 3)]
    day = Simulation(POLICY, [both], cases).run()
    assert [case.answered_at for case in day.cases] == [1_000, 2_000, 61_000]
    day = Simulation(POLICY, [both], [comes(1, 0), comes(2, 1_000, medium="chat")]).run()
    assert day.cases[1].answered_at == 60_000


def test_a_case_that_was_missed_is_looked_at_again_when_the_cool_down_ends() -> None:
    again = Coming(
        Waiting("i1", 1, "support", "voice", 0, 100_000, missed={"agent00": 100_000, "agent01": 100_000}), MINUTE
    )
    day = Simulation(POLICY, team(2), [again]).run()
    assert day.cases[0].answered_at == 100_000 + POLICY.reoffer_cooldown_ms


def test_an_even_day_is_fair_and_one_agent_s_day_is_not() -> None:
    even = Day(busy_ms={"a": 50, "b": 50}, there_ms={"a": 100, "b": 100})
    lopsided = Day(busy_ms={"a": 100}, there_ms={"a": 100, "b": 100, "idle all day": 0})
    assert even.fairness() == 1.0
    assert lopsided.fairness() == 0.5


def test_the_longest_idle_take_turns() -> None:
    day = Simulation(POLICY, team(12), coming(calls(200, 180), 20 * HOUR, seed=3)).run()
    assert day.fairness() > 0.999


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 20), st.integers(1, 40), st.one_of(st.just(-1), st.integers(0, 30)), st.integers(0, 5)
        ),
        max_size=25,
    ),
    st.integers(0, 3),
)
def test_every_case_is_answered_left_or_out_of_reach_and_no_agent_does_two_at_once(
    told: list[tuple[int, int, int, int]], agents: int
) -> None:
    at = 0
    cases = []
    for number, (gap, handling, patience, priority) in enumerate(told):
        at += gap
        cases.append(comes(number, at, handling, patience, priority=priority))
    day = Simulation(POLICY, team(agents), cases).run()
    assert len(day.cases) == len(cases)
    by_agent: dict[str, list[tuple[int, int]]] = {}
    for case, was in zip(day.cases, cases, strict=True):
        assert not (case.answered and case.abandoned)
        if case.agent_id:
            by_agent.setdefault(case.agent_id, []).append((case.answered_at, case.ended_at))
        elif was.patience_ms >= 0:
            assert case.left_at == was.at + was.patience_ms
        else:
            assert agents == 0
    for spans in by_agent.values():
        spans.sort()
        assert all(first[1] <= second[0] for first, second in pairwise(spans))


def test_durations_are_drawn_around_their_mean() -> None:
    chance = random.Random(1)
    for spread in (Spread(100), Spread(100, 0.8)):
        drawn = [spread.draw(chance) / SECOND for _ in range(20_000)]
        assert statistics.mean(drawn) == pytest.approx(100, rel=0.03)
    assert Spread(100, 0).draw(chance) == 100_000
    assert FOR_EVER.draw(chance) == -1
