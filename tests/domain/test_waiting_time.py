"""What is told from times of which some are not over yet."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contact_center.domain.waiting_time import gone_by, median, recent_mean, usual_patience_ms

stretches = st.lists(st.tuples(st.floats(0, 10_000), st.booleans()), max_size=40)


def test_the_mean_of_times_cut_short_is_the_one_that_they_would_have_had() -> None:
    """Drawn with a mean of 200, and nobody is watched for longer than 100: the plain mean would say 79."""
    draw = random.Random(1)
    seen = [(min(each, 100.0), each <= 100) for each in (draw.expovariate(1 / 200) for _ in range(400))]
    found = [recent_mean(seen[at : at + 100], None) for at in range(300)]
    assert sum(each for each in found if each) / 300 == pytest.approx(200, rel=0.1)


def test_the_youngest_count_most() -> None:
    slow_lately = [(100.0, True)] * 40 + [(10.0, True)] * 40
    found = recent_mean(slow_lately, None)
    assert found is not None
    assert found > 65


def test_with_nothing_seen_it_is_what_is_usual() -> None:
    assert recent_mean([], 240) == 240
    assert recent_mean([], None) is None
    assert recent_mean([(50, False)], None) is None


def test_a_long_one_that_goes_on_makes_the_mean_longer() -> None:
    assert (recent_mean([(900, False), (60, True)], 60) or 0) > (recent_mean([(60, True)], 60) or 0)


def test_the_textbooks_example_of_kaplan_and_meier() -> None:
    """Six stretches, two of them cut short: 1/6 gone by 1, then 1/4 of what is left at 3, then half at 5."""
    seen = [(1, True), (2, False), (3, True), (4, False), (5, True), (6, True)]
    assert gone_by(seen, (0.5, 1, 3, 5, 6)) == pytest.approx([0, 1 / 6, 1 - 5 / 6 * 3 / 4, 1 - 5 / 6 * 3 / 8, 1])


def test_where_the_longest_are_cut_short_nobody_knows_what_comes_later() -> None:
    assert gone_by([(1, True), (5, False)], (2, 6)) == [0.5, None]
    assert gone_by([(1, True), (5, True)], (6,)) == [1]


def test_half_are_gone_by_the_median() -> None:
    assert median([(1, True), (2, True), (3, True)]) == 2
    assert median([(1, True), (9, False), (9, False)]) is None
    assert median([]) is None


def test_nobody_hangs_up_on_a_letter() -> None:
    assert usual_patience_ms("email") is None
    assert usual_patience_ms("voice")


@given(stretches, st.lists(st.floats(0, 12_000), max_size=10).map(sorted))
def test_the_share_that_is_gone_only_grows(seen: list[tuple[float, bool]], moments: list[float]) -> None:
    shares = [share for share in gone_by(seen, moments) if share is not None]
    assert shares == sorted(shares)
    assert all(-1e-9 <= share <= 1 + 1e-9 for share in shares)


@given(st.lists(st.floats(0, 1_000), min_size=1, max_size=30), st.floats(0, 1_000))
def test_with_nothing_cut_short_it_is_plain_counting(ends: list[float], moment: float) -> None:
    (share,) = gone_by([(end, True) for end in ends], (moment,))
    assert share == pytest.approx(sum(end <= moment for end in ends) / len(ends))
