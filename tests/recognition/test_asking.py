"""What a case asks for: whatever was brought can be taken back."""

from __future__ import annotations

from dataclasses import asdict

from hypothesis import given
from hypothesis import strategies as st

from contact_center.recognition.asking import (
    TOP_PRIORITY,
    Asks,
    Brought,
    Wish,
    bring,
    brought_from,
    may_go,
    move,
    take_back,
)

skills = st.dictionaries(st.sampled_from(["refunds", "chinese", "billing"]), st.integers(1, 5))
asks = st.builds(Asks, st.integers(0, TOP_PRIORITY), skills)
wishes = st.builds(Wish, st.just(""), st.integers(0, TOP_PRIORITY), skills, skills)


@given(asks, wishes)
def test_what_was_brought_is_taken_back_without_a_trace(own: Asks, wish: Wish) -> None:
    wanted, brought = bring(own, wish)
    assert take_back(wanted, brought, {}) == own
    assert brought_from(asdict(brought)) == brought


@given(asks, wishes, wishes)
def test_a_correction_asks_for_what_the_right_guess_would_have_asked_for(own: Asks, wrong: Wish, right: Wish) -> None:
    wanted, brought = bring(own, wrong)
    assert bring(take_back(wanted, brought, {}), right) == bring(own, right)


@given(asks, wishes)
def test_a_wish_is_met_and_nothing_is_asked_less_of(own: Asks, wish: Wish) -> None:
    wanted, brought = bring(own, wish)
    for skill, level in (*wish.skills.items(), *wish.language_skills.items(), *own.skills.items()):
        assert wanted.skills[skill] >= level
    assert own.priority <= wanted.priority <= TOP_PRIORITY
    assert bool(brought.skills or brought.language_skills) == (wanted.skills != own.skills)


@given(asks, asks, asks)
def test_there_and_back_again_changes_nothing_that_fits(case: Asks, one: Asks, other: Asks) -> None:
    own = {skill: 1 for skill in case.skills if skill not in {*one.skills, *other.skills}}
    here = Asks(min(50, one.priority) + 10, {**one.skills, **own})
    left, to = Asks(min(50, one.priority), one.skills), Asks(min(50, other.priority), other.skills)
    assert move(move(here, left, to), to, left) == here


def test_what_somebody_changed_meanwhile_stays() -> None:
    wanted, brought = bring(Asks(0, {}), Wish(priority=5, skills={"refunds": 2}))
    assert take_back(Asks(3, {"refunds": 4}), brought, {}) == Asks(0, {"refunds": 4})
    assert take_back(wanted, brought, {"refunds": 1}) == Asks(0, {"refunds": 1})
    assert take_back(Asks(5, {}), brought, {}) == Asks(0, {})


def test_only_what_waits_where_its_door_or_words_led_it_may_go_elsewhere() -> None:
    moved, stayed = Brought(queue="billing", came_to="support"), Brought(came_to="support")
    assert [may_go(place, moved) for place in ("billing", "support", "sales")] == [True, True, False]
    assert [may_go(place, stayed) for place in ("billing", "support", "sales")] == [False, True, False]
    assert may_go("sales", Brought())


def test_a_wish_for_nothing_is_none() -> None:
    assert not Wish().anything
    assert Wish(language_skills={"chinese": 3}).anything
