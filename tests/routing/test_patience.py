"""Patience out of who left and who was answered before they would have."""

from __future__ import annotations

import random
from math import exp, inf
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.patience import Patience

WAITS = st.lists(st.tuples(st.integers(0, 10_000), st.booleans()), max_size=30)


def test_the_share_that_is_still_there_is_the_product_limit() -> None:
    """By hand: 6 at risk at 3 (1 left), 4 at 5 (1 left), 2 at 8 (1 left)."""
    known = Patience([(3, True), (4, False), (5, True), (6, False), (8, True), (9, False)])
    assert [known.still_there(at) for at in (2, 3, 4, 5, 7, 8)] == pytest.approx(
        [1, 5 / 6, 5 / 6, 5 / 8, 5 / 8, 5 / 16]
    )


def test_two_who_leave_at_once_leave_one_after_the_other() -> None:
    assert Patience([(3, True), (3, True), (5, False)]).still_there(3) == pytest.approx(1 / 3)


def test_beyond_the_last_who_left_people_leave_at_a_constant_rate() -> None:
    known = Patience([(2, True), (6, False)])
    assert known.mean_ms == 8
    assert known.still_there(10) == pytest.approx(0.5 * exp(-1))


def test_where_nobody_left_nobody_leaves() -> None:
    known = Patience([(5, False), (9, False)])
    assert (known.mean_ms, known.draw(0.99, 5), known.still_there(100)) == (inf, -1, 1.0)


def test_where_all_left_at_once_all_leave_at_once() -> None:
    known = Patience([(0, True), (0, True)])
    assert known.draw(0.5) == 0


@given(WAITS, st.floats(0, 0.999), st.integers(0, 20_000))
def test_nobody_leaves_before_they_were_seen_to_wait(
    waits: list[tuple[int, bool]], chance: float, waited: int
) -> None:
    drawn = Patience(waits).draw(chance, waited)
    assert drawn == -1 or drawn >= waited


@given(WAITS, st.integers(0, 20_000))
def test_the_share_falls(waits: list[tuple[int, bool]], at: int) -> None:
    known = Patience(waits)
    assert 0 <= known.still_there(at + 1) <= known.still_there(at) <= 1


def test_what_is_drawn_is_as_what_was_seen() -> None:
    """Exponential patience, cut off by answers that come as fast: drawn again it has the mean it had."""
    chance = random.Random(7)
    waits = []
    for _ in range(20_000):
        patience, answer = chance.expovariate(1 / 60_000), chance.expovariate(1 / 60_000)
        waits.append((round(min(patience, answer)), patience < answer))
    known = Patience(waits)
    drawn = [known.draw(chance.random()) for _ in range(20_000)]
    assert fmean(drawn) == pytest.approx(60_000, rel=0.05)
