"""Turns and places beside a list that is sorted each time."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import routing.order
import routing.turns
from routing.order import Order
from routing.seats import Place
from routing.turns import Turn, Turns

steps = st.lists(st.tuples(st.booleans(), st.integers(0, 30)), max_size=60)


@pytest.fixture(autouse=True)
def runs_are_short(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that they are cut and given up within a few steps."""
    monkeypatch.setattr(routing.turns, "_MOST", 4)
    monkeypatch.setattr(routing.order, "_MOST", 4)


@given(steps)
@settings(deadline=None)
def test_the_first_turn_is_first_whoever_comes_and_goes(taken: list[tuple[bool, int]]) -> None:
    turns, plain = Turns[Turn](), set[Turn]()
    for comes, number in taken:
        turn = (number // 2, f"i{number}")
        if comes and turn not in plain:
            turns.add(turn)
            plain.add(turn)
        elif turn in plain:
            turns.remove(turn)
            plain.remove(turn)
        assert turns.first == min(plain, default=None)
        assert list(turns) == sorted(plain)
    while plain:
        assert turns.first == min(plain)
        turns.remove(min(plain))
        plain.remove(min(plain))
    assert turns.first is None


@given(steps, st.integers(0, 2**31 - 1))
@settings(deadline=None)
def test_the_first_of_any_set_is_found(taken: list[tuple[bool, int]], wanted: int) -> None:
    order, plain = Order(), set[Place]()
    for comes, slot in taken:
        place = (slot % 3, slot % 5, f"a{slot:02}", slot)
        if comes and place not in plain:
            order.add(place)
            plain.add(place)
        elif place in plain:
            order.remove(place)
            plain.remove(place)
        if among := [place for place in plain if wanted >> place[3] & 1]:
            assert order.first(wanted) == min(among)[3]
        assert list(order.in_turn(wanted)) == [place[3] for place in sorted(among)]


def test_turns_that_come_in_order_leave_full_runs() -> None:
    turns = Turns[Turn]()
    for number in range(41):
        turns.add((number, f"i{number:02}"))
    assert [len(run) for run in turns._runs] == [4] * 10


def test_many_turns_in_any_order() -> None:
    chance = random.Random(3)
    all_turns = [(chance.randrange(100), f"i{number}") for number in range(500)]
    turns = Turns[Turn]()
    for turn in all_turns:
        turns.add(turn)
    chance.shuffle(all_turns)
    for turn in all_turns[:250]:
        turns.remove(turn)
    for turn in sorted(all_turns[250:]):
        assert turns.first == turn
        turns.remove(turn)
