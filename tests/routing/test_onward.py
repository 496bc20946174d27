"""Days on which offers are missed and work goes on to other queues, by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contact_center.domain.opening_hours import OpeningHours
from contact_center.domain.overflow import Overflow
from contact_center.domain.time import HOUR, MINUTE, SECOND, Millis, Moment
from contact_center.moves import overflow as hub
from routing import Policy, Seat, Waiting, onward
from routing.answering import Answer, Habits, Offered, Outcome
from routing.foreseeing import Rates
from routing.onward import Place, Rulebook, sent_on
from routing.policy import QueuePolicy, Step
from routing.simulation import AWAY_MS, MOST_OFFERS, Coming, Day, Floor, Shift, Simulation

ALWAYS = ((0, 2 * HOUR),)
POLICY = Policy("p1")
RING = POLICY.offer_ms["voice"]


class Told:
    """What becomes of each case's offers, in order; then everything is taken at once."""

    def __init__(self, **by_case: Sequence[tuple[Outcome, Millis]]) -> None:
        self._by_case = by_case

    def answer(self, agent_id: str, medium: str, of: str, nth: int, ring_ms: Millis) -> Answer:
        told = self._by_case.get(of, ())
        return Answer(*told[nth]) if nth < len(told) else Answer("accepted", 0)


def seat(agent_id: str, *queues: str, **more: object) -> Seat:
    told = {"capacity": {"voice": 1}, **more}
    return Seat(agent_id, agent_id.title(), frozenset(queues or ("support",)), **told)  # type: ignore[arg-type]


def team(*ids: str) -> list[Shift]:
    return [Shift(seat(agent_id), ALWAYS) for agent_id in ids]


def comes(number: int, at: Moment, *, handling_ms: int = MINUTE, patience_ms: int = -1, **more: object) -> Coming:
    told = {"queue": "support", "medium": "voice", "priority": 0, **more}
    waiting = Waiting(f"i{number}", number, virtual_enqueued_at=at, **told)  # type: ignore[arg-type]
    return Coming(waiting, handling_ms, patience_ms)


# --- missed offers ----------------------------------------------------------------------------------------------


def test_a_missed_offer_costs_its_ringing_and_goes_to_somebody_else() -> None:
    told = Told(i1=[("no_answer", RING)])
    day = Simulation(POLICY, team("ann", "ben"), [comes(1, 0)], answering=told).run()
    assert (day.cases[0].agent_id, day.cases[0].answered_at) == ("ben", RING)
    assert day.missed == {"no_answer": 1}


def test_who_missed_it_cools_down_by_the_cause() -> None:
    policy = Policy("p1", cooldown_ms={"rejected": 4_000}, misses_in_a_row=0)
    for cause, cools in (("rejected", 4_000), ("busy", policy.sole_cooldown_ms)):
        told = Told(i1=[(cause, 1_000)])  # type: ignore[list-item]
        day = Simulation(policy, team("ann"), [comes(1, 0)], answering=told).run()
        assert day.cases[0].answered_at == 1_000 + cools, cause


def test_who_misses_too_many_in_a_row_is_taken_to_be_away_and_comes_back() -> None:
    told = Told(i1=[("no_answer", RING), ("no_answer", RING)])
    day = Simulation(POLICY, team("ann"), [comes(1, 0)], answering=told).run()
    away_at = 2 * RING + POLICY.sole_cooldown_ms
    assert day.cases[0].answered_at == away_at + AWAY_MS
    assert day.away == 1
    assert day.there_ms == {"ann": 2 * HOUR - AWAY_MS}
    known = Floor(0, [(0, seat("ann"))], away_ms=[7 * SECOND])
    day = Simulation(POLICY, (), [comes(1, 0)], answering=told, floor=known, ends_at=HOUR).run()
    # The cool-down of the second miss is shorter than that.
    assert day.cases[0].answered_at == away_at + 7 * SECOND
    assert day.there_ms == {"ann": HOUR - 7 * SECOND}


def test_a_rejection_and_an_answer_end_the_row() -> None:
    for between in ("rejected", "accepted"):
        told = Told(i1=[("no_answer", RING), (between, 1_000)], i2=[("no_answer", RING)])  # type: ignore[list-item]
        day = Simulation(POLICY, team("ann"), [comes(1, 0), comes(2, 10 * MINUTE)], answering=told).run()
        assert day.away == 0, between


def test_a_shift_that_ends_while_somebody_is_away_ends_both() -> None:
    told = Told(i1=[("no_answer", RING), ("no_answer", RING)])
    shifts = [Shift(seat("ann"), ((0, MINUTE), (2 * MINUTE, HOUR)))]
    day = Simulation(POLICY, shifts, [comes(1, 0)], answering=told).run()
    assert day.cases[0].answered_at == 2 * MINUTE
    assert day.there_ms["ann"] == 59 * MINUTE - (MINUTE - 2 * RING - POLICY.sole_cooldown_ms)


def test_a_customer_may_leave_while_it_rings() -> None:
    cases = [comes(1, 0, patience_ms=3_000), comes(2, 1_000)]
    day = Simulation(POLICY, team("ann"), cases, answering=Told(i1=[("accepted", 5_000)])).run()
    assert (day.cases[0].left_at, day.cases[0].answered_at) == (3_000, -1)
    assert day.cases[1].answered_at == 3_000
    assert day.busy_ms == {"ann": MINUTE}


def test_of_several_at_whom_it_rings_the_first_to_accept_has_it() -> None:
    policy = Policy("p1", queues={"support": QueuePolicy(ring=3)})
    told = Told(i1=[("rejected", 1_000), ("accepted", 5_000), ("accepted", 3_000)])
    day = Simulation(policy, team("ann", "ben", "cy"), [comes(1, 10), comes(2, 3_500)], answering=told).run()
    assert (day.cases[0].agent_id, day.cases[0].answered_at) == ("cy", 3_010)
    assert day.cases[1].answered_at == 3_500
    assert day.missed == {"rejected": 1}


def test_what_is_accepted_by_itself_is_missed_by_nobody() -> None:
    policy = Policy("p1", queues={"support": QueuePolicy(auto_answer=frozenset({"voice"}))})
    told = Told(i1=[("no_answer", RING)])
    book = Rulebook(policy, {"support": Place(offer_ms=4_000)})
    assert Simulation(policy, team("ann"), [comes(1, 0)], answering=told).run().cases[0].answered_at == 3_000
    assert Simulation(book, team("ann"), [comes(1, 0)], answering=told).run().cases[0].answered_at == 2_000


def test_a_day_on_which_nobody_ever_answers_comes_to_its_end() -> None:
    nobody = Habits([Offered("ann", "voice", "rejected", 1_000)] * 20)
    day = Simulation(POLICY, team("ann"), [comes(1, 0)], answering=nobody).run()
    assert day.missed == {"rejected": MOST_OFFERS}
    assert day.cases[0].waited_ms == -1


OUTCOMES: tuple[Outcome, ...] = ("accepted", "rejected", "no_answer", "busy")


@settings(deadline=None, max_examples=50)
@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(1, 60), st.integers(-1, 90)), max_size=20),
    st.lists(st.tuples(st.sampled_from(OUTCOMES), st.integers(0, 25_000)), min_size=1, max_size=8),
    st.integers(0, 3),
    st.integers(1, 3),
    st.integers(0, 3),
)
def test_whatever_is_missed_no_agent_has_two_and_every_case_comes_to_an_end(
    told: list[tuple[int, int, int]], habits: list[tuple[Outcome, int]], agents: int, ring: int, row: int
) -> None:
    at, cases = 0, []
    for number, (gap, handling, patience) in enumerate(told):
        at += gap * SECOND
        cases.append(comes(number, at, handling_ms=handling * SECOND, patience_ms=max(-1, patience * SECOND)))
    policy = Policy("p1", misses_in_a_row=row, queues={"support": QueuePolicy(ring=ring)})
    known = Habits([Offered("x", "voice", outcome, after) for outcome, after in habits])
    ids = [f"a{number}" for number in range(agents)]
    simulation = Simulation(policy, team(*ids), cases, answering=known)
    day = simulation.run()
    by_agent: dict[str, list[tuple[int, int]]] = {}
    for case, was in zip(day.cases, cases, strict=True):
        assert not (case.answered and case.abandoned)
        if case.answered:
            by_agent.setdefault(case.agent_id, []).append((case.answered_at, case.ended_at))
        elif was.patience_ms >= 0:
            assert case.left_at == was.at + was.patience_ms
    for spans in by_agent.values():
        spans.sort()
        assert all(first[1] <= second[0] for first, second in pairwise(spans))
    assert all(not any(each.load.values()) for each in simulation.seats())
    again = Simulation(policy, team(*ids), cases, answering=known).run()
    assert again == day


# --- on to another queue ----------------------------------------------------------------------------------------


def under(
    rules: Sequence[Overflow],
    cases: Sequence[Coming],
    seats: Sequence[Seat] = (seat("bo", "back"),),
    *,
    place: Place | None = None,
    policy: Policy = POLICY,
    rates: dict[tuple[str, str], Rates] | None = None,
    told: Told | None = None,
) -> Day:
    book = Rulebook(policy, {"support": replace(place or Place(), overflow=tuple(rules)), "back": Place(priority=3)})
    shifts = [Shift(each, ALWAYS) for each in seats]
    return Simulation(book, shifts, cases, rates=rates, answering=told, ends_at=HOUR).run()


def test_the_simulation_looks_as_the_hub_does() -> None:
    assert (onward.AGAIN_MS, onward.MOST_AT_ONCE) == (hub.AGAIN_MS, hub.MOST_AT_ONCE)
    assert onward.FEWEST_FOR_A_LEVEL == hub.FEWEST_FOR_A_LEVEL


def test_who_has_waited_long_enough_goes_on_and_is_counted_where_they_went() -> None:
    day = under([Overflow("back", waited_ms=40_000)], [comes(1, 0)])
    (case,) = day.cases
    assert (case.answered_at, case.agent_id, case.waiting.queue, case.waiting.priority) == (40_000, "bo", "back", 3)
    assert (day.moved, case.waited_ms) == (1, 40_000)


def test_what_rings_when_its_time_comes_is_looked_at_again() -> None:
    told = Told(i1=[("no_answer", RING)])
    day = under([Overflow("back", waited_ms=10_000)], [comes(1, 0)], [seat("ann"), seat("bo", "back")], told=told)
    assert day.cases[0].answered_at == 10_000 + onward.AGAIN_MS
    # It was taken before anybody looked again.
    taken = under([Overflow("back", waited_ms=10_000)], [comes(1, 0)], told=None, seats=[seat("ann")])
    assert (taken.cases[0].agent_id, taken.moved) == ("ann", 0)


def test_a_queue_of_so_many_takes_no_more() -> None:
    day = under([Overflow("back", ahead=2)], [comes(number, number) for number in range(4)], [])
    assert [case.waiting.queue for case in day.cases] == ["support", "support", "back", "back"]


@pytest.mark.parametrize(
    "nobody, seats, goes",
    [
        ("logged_in", [seat("bo", "back")], True),
        ("logged_in", [seat("ann", skills={}, capacity={})], False),
        ("available", [seat("ann", skills={}, capacity={})], False),
        ("able", [seat("ann", capacity={})], True),
        ("able", [seat("ann", capacity={"chat": 1})], True),
        ("able", [seat("ann", skills={"german": 1})], True),
        ("able", [seat("ann", skills={"german": 2})], False),
    ],
)
def test_where_there_is_nobody_it_goes_on(nobody: str, seats: list[Seat], goes: bool) -> None:
    case = comes(1, 1_000, skills={"german": 2}, patience_ms=10 * MINUTE)
    day = under([Overflow("back", nobody=nobody)], [case], seats)  # type: ignore[arg-type]
    assert (day.cases[0].waiting.queue == "back") is goes


def test_who_goes_away_leaves_a_queue_that_is_watched() -> None:
    shifts = [Shift(seat("ann"), ((0, MINUTE),)), Shift(seat("bo", "back"), ALWAYS)]
    book = Rulebook(POLICY, {"support": Place((Overflow("back", nobody="available"),))})
    cases = [comes(1, 10, handling_ms=5 * MINUTE), comes(2, 50_000)]
    day = Simulation(book, shifts, cases, ends_at=HOUR).run()
    # Looked at when it came, and then every fifteen seconds.
    assert (day.cases[1].agent_id, day.cases[1].answered_at) == ("bo", 65_000)


def test_a_closed_queue_sends_on() -> None:
    hours = OpeningHours("UTC", ((0, 10),))  # Monday, for ten minutes; the first day was a Thursday
    monday = 4 * 24 * HOUR
    day = under(
        [Overflow("back", closed=True)],
        [comes(1, monday + MINUTE), comes(2, monday + 11 * MINUTE)],
        [],
        place=Place(hours=hours),
    )
    assert [case.waiting.queue for case in day.cases] == ["support", "back"]


def test_a_poor_service_level_sends_on_who_comes() -> None:
    cases = [comes(number, number * 1_000, patience_ms=2_000) for number in range(8)]
    cases += [comes(9, 20 * MINUTE), comes(10, 50 * MINUTE)]
    rules = [Overflow("back", level_below=50, level_of_ms=30 * MINUTE)]
    day = under(rules, cases, [])
    queues = {case.waiting.case_id: case.waiting.queue for case in day.cases}
    assert queues[0] == queues[5] == "support"  # too few to say
    assert queues[7] == queues[9] == "back"
    assert queues[10] == "support"  # that is long ago
    good = under(rules, [comes(n, n * 60_000, handling_ms=1_000) for n in range(20)], [seat("ann")])
    assert good.moved == 0
    late = under(rules, [comes(n, n) for n in range(6)], [])
    assert [case.waiting.queue for case in late.cases] == ["back"] * 6  # who waits beyond the target counts too


def test_who_would_wait_too_long_goes_on() -> None:
    rates = {("support", "voice"): Rates(5 * MINUTE, 0, 0), ("back", "voice"): Rates(MINUTE, 0, 0)}
    rules = [Overflow("back", estimate_ms=8 * MINUTE)]
    cases = [comes(number, number + 1, handling_ms=30 * MINUTE, patience_ms=MINUTE) for number in range(4)]
    day = under(rules, cases, [seat("ann")], rates=rates)
    assert [case.waiting.queue for case in day.cases] == ["support", "support", "back", "back"]
    assert under(rules, cases[:1], [], rates=rates).moved == 1  # nobody is able
    # Where nothing is known it is four minutes each, and customers stay for five.
    assert under(rules, cases, [seat("ann")]).moved == 0
    assert under([Overflow("back", estimate_ms=5 * MINUTE)], cases, [seat("ann")]).moved == 2


def test_what_came_for_another_queue_takes_its_part_of_an_agent() -> None:
    rates = {("support", "voice"): Rates(5 * MINUTE, 0, 0)}
    before = [comes(number, number * 1_000, handling_ms=1_000, queue="back") for number in range(1, 4)]
    two = [comes(number, MINUTE + number, handling_ms=HOUR) for number in range(4, 6)]
    rules, ann = [Overflow("back", estimate_ms=12 * MINUTE)], [seat("ann", "support", "back")]
    assert under(rules, two, ann, rates=rates).moved == 0
    day = under(rules, [*before, *two], ann, rates=rates)
    # She takes the first. The second finds her two fifths of an agent for it: twelve and a half minutes.
    assert (day.moved, day.cases[-1].waiting.queue) == (1, "back")


def test_whose_turn_comes_first_and_who_may_be_asked_soon_are_reckoned_with() -> None:
    rates = {("support", "voice"): Rates(5 * MINUTE, 0, 0)}
    rules = [Overflow("back", estimate_ms=8 * MINUTE)]
    cases = [comes(1, 1, handling_ms=HOUR), comes(2, 2), comes(3, 3, priority=50)]
    day = under(rules, cases, [seat("ann")], rates=rates)
    moved = [case.waiting.case_id for case in day.cases if case.waiting.queue == "back"]
    assert moved == [2], "who came later comes before it"
    relaxed = Policy("p1", queues={"support": QueuePolicy(relax=(Step(MINUTE, queues=frozenset({"back"})),))})
    both = [seat("ann"), seat("bo", "back")]
    assert under(rules, [*cases[:2], comes(3, 3)], both, rates=rates, policy=relaxed).moved == 0, "in a minute Bo may"
    assert under(rules, [*cases[:2], comes(3, 3)], both, rates=rates).moved == 1


def test_what_is_directed_or_owed_stays_and_nothing_goes_in_circles() -> None:
    directed, owed = comes(1, 0, only_agent="cy"), replace(comes(2, 0), owed=True)
    assert under([Overflow("back", waited_ms=1)], [directed, owed], []).moved == 0
    there_and_back = Rulebook(
        POLICY,
        {"support": Place((Overflow("back", waited_ms=0),)), "back": Place((Overflow("support", waited_ms=0),))},
    )
    day = Simulation(there_and_back, (), [comes(3, 0)], ends_at=HOUR).run()
    assert (day.cases[0].waiting.queue, day.moved) == ("back", 1)


def test_what_the_first_queue_gave_stays_behind() -> None:
    waiting = Waiting("i1", 1, "support", "voice", 7, 0, {"tax": 2, "german": 1})
    there = sent_on(waiting, Place(priority=5, skills={"tax": 2}), "back", Place(priority=1, skills={"law": 3}))
    assert (there.priority, there.skills) == (3, {"law": 3, "german": 1})
    assert (
        sent_on(there, Place(priority=1, skills={"law": 3}), "support", Place(priority=5, skills={"tax": 2}))
        == waiting
    )


def test_of_queues_that_a_policy_does_not_name_the_others_word_holds() -> None:
    mine = Rulebook(Policy("p2", queues={"a": QueuePolicy(ring=2)}), {"a": Place(offer_ms=5)})
    theirs = Rulebook(
        Policy("p1", queues={"a": QueuePolicy(), "b": QueuePolicy(relax=(Step(5),))}), {"b": Place(offer_ms=9)}
    )
    both = mine.beside(theirs)
    assert (both.policy.version, both.policy.queue("a").ring) == ("p2", 2)
    assert both.policy.queue("b").relax
    assert [both.ring_ms(queue, "voice") for queue in "abc"] == [5, 9, RING]
