"""What becomes of an offer, drawn from how others went."""

from __future__ import annotations

from statistics import fmean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contact_center.domain.time import SECOND
from routing.answering import Answer, AtOnce, Habits, Offered, Outcome, chances, habit

RING = 20 * SECOND
OUTCOMES: tuple[Outcome, ...] = ("accepted", "rejected", "no_answer", "busy")


def offers(agent_id: str, **counts: int) -> list[Offered]:
    return [
        Offered(agent_id, "voice", outcome, (number + 1) * SECOND)
        for outcome in OUTCOMES
        for number in range(counts.get(outcome, 0))
    ]


def drawn(habits: Habits, agent_id: str, count: int = 4_000) -> list[Answer]:
    return [habits.answer(agent_id, "voice", f"i{number}", 0, RING) for number in range(count)]


def test_offers_are_missed_as_often_and_for_the_same_causes_as_they_were() -> None:
    habits = Habits(offers("ann", accepted=14, rejected=2, no_answer=3, busy=1))
    some = drawn(habits, "ann")
    for outcome, share in (("accepted", 0.7), ("rejected", 0.1), ("no_answer", 0.15), ("busy", 0.05)):
        assert sum(each.outcome == outcome for each in some) / len(some) == pytest.approx(share, abs=0.02)
    took = [each.after_ms for each in some if each.outcome == "accepted"]
    assert fmean(took) == pytest.approx(7.5 * SECOND, rel=0.05)
    assert {each.after_ms for each in some if each.outcome == "no_answer"} == {RING}


def test_of_whom_too_little_is_known_the_house_is_asked() -> None:
    habits = Habits([*offers("ann", no_answer=20), *offers("ben", accepted=19), *offers("cy", accepted=21)])
    assert {each.outcome for each in drawn(habits, "ann", 50)} == {"no_answer"}
    assert {each.outcome for each in drawn(habits, "ben", 50)} == {"no_answer", "accepted"}
    assert {each.outcome for each in drawn(habits, "nobody knows", 50)} == {"no_answer", "accepted"}
    assert habits.answer("ann", "chat", "i1", 0, RING) == Answer("accepted", 0)


def test_who_is_slower_than_it_rings_lets_it_ring_out() -> None:
    habits = Habits([Offered("ann", "voice", "accepted", 15 * SECOND)] * 20)
    assert habits.answer("ann", "voice", "i1", 0, 20 * SECOND) == Answer("accepted", 15 * SECOND)
    assert habits.answer("ann", "voice", "i1", 0, 10 * SECOND) == Answer("no_answer", 10 * SECOND)


def test_luck_belongs_to_the_case_and_to_which_of_its_offers_it_is() -> None:
    known = offers("ann", accepted=20, rejected=20)
    one, same, other = Habits(known), Habits(reversed(known)), Habits(known, seed=1)
    asked = [(f"i{number}", nth) for number in range(40) for nth in range(3)]
    first = [one.answer("ann", "voice", of, nth, RING) for of, nth in asked]
    assert first == [same.answer("ann", "voice", of, nth, RING) for of, nth in asked]
    backwards = [one.answer("ann", "voice", of, nth, RING) for of, nth in reversed(asked)]
    assert first == backwards[::-1]
    assert first != [other.answer("ann", "voice", of, nth, RING) for of, nth in asked]


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.tuples(st.sampled_from(OUTCOMES), st.integers(-5, 60_000)), min_size=1, max_size=30),
    st.floats(0, 1, exclude_max=True),
    st.floats(0, 1, exclude_max=True),
    st.integers(1, 60_000),
)
def test_whatever_was_seen_every_offer_ends_within_its_ringing(
    seen: list[tuple[Outcome, int]], which: float, when: float, ring_ms: int
) -> None:
    known = habit(Offered("ann", "voice", outcome, after) for outcome, after in seen)
    answer = known.draw(which, when, ring_ms)
    assert 0 <= answer.after_ms <= ring_ms
    assert answer.outcome in {outcome for outcome, _ in seen} | {"no_answer"}
    assert sum(known.missed.values()) == pytest.approx(sum(each != "accepted" for each, _ in seen) / len(seen))


def test_at_once_everything_is_taken() -> None:
    assert AtOnce(5).answer("ann", "voice", "i1", 0, RING) == Answer("accepted", 5)
    assert AtOnce({"voice": 7}).answer("ann", "chat", "i1", 0, RING) == Answer("accepted", 0)


def test_chances_are_even_and_have_nothing_to_do_with_each_other() -> None:
    some = [chances(f"case {number}") for number in range(4_000)]
    for half in zip(*some, strict=True):
        assert fmean(half) == pytest.approx(0.5, abs=0.02)
    assert fmean((a - 0.5) * (b - 0.5) for a, b in some) == pytest.approx(0, abs=0.005)
