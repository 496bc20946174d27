"""How evenly work lies on people."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contact_center.domain.fairness import covered_ms, gini, within


@pytest.mark.parametrize(
    "shares, unevenness",
    [([], 0), ([0, 0], 0), ([3, 3, 3], 0), ([0, 0, 0, 4], 0.75), ([1, 3], 0.25), ([1, 2, 3, 4], 0.25)],
)
def test_the_index_of_gini(shares: list[float], unevenness: float) -> None:
    assert gini(shares) == pytest.approx(unevenness)


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=20), st.floats(0.1, 1e3))
def test_it_lies_between_nothing_and_one_whatever_the_unit(shares: list[float], factor: float) -> None:
    assert 0 <= gini(shares) < 1
    assert gini([share * factor for share in shares]) == pytest.approx(gini(shares), abs=1e-6)


def test_two_chats_at_a_time_are_one_stretch_of_work() -> None:
    assert covered_ms([(0, 10), (5, 12), (20, 25), (21, 22)]) == 17
    assert covered_ms([]) == 0


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=12))
def test_time_is_counted_once(spans: list[tuple[int, int]]) -> None:
    assert covered_ms(spans) == len({at for begin, end in spans for at in range(begin, end)})


def test_what_lies_outside_the_period_covers_nothing() -> None:
    assert covered_ms([within((0, 5), 10, 20), within((30, 40), 10, 20), within((5, 12), 10, 20)]) == 2
