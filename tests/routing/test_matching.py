"""The best matching against every matching there is."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routing.matching import Costs, Unmatchable, best_matching

costs = st.lists(st.dictionaries(st.integers(0, 5), st.integers(-20, 20)), max_size=5)


def every_matching(table: Costs) -> Iterator[list[int]]:
    for way in permutations(range(6), len(table)):
        if all(place in row for place, row in zip(way, table, strict=True)):
            yield list(way)


def worth(table: Costs, matching: list[int]) -> int:
    return sum(table[case][place] for case, place in enumerate(matching))


@settings(deadline=None, max_examples=200)
@given(costs)
def test_no_matching_is_better(table: list[dict[int, int]]) -> None:
    ways = list(every_matching(table))
    if not ways:
        with pytest.raises(Unmatchable):
            best_matching(table)
        return
    found = best_matching(table)
    assert found in ways
    assert worth(table, found) == min(worth(table, way) for way in ways)


def test_greed_is_dearer() -> None:
    """The first case takes the place that the second needs."""
    assert best_matching([{0: 1, 1: 2}, {0: 1}]) == [1, 0]
    assert best_matching([{0: 1, 1: 2}, {0: 3, 1: 100}]) == [1, 0]


def test_two_cases_do_not_share_a_place() -> None:
    with pytest.raises(Unmatchable):
        best_matching([{0: 5}, {0: 1}])


def test_nobody_and_nothing() -> None:
    assert best_matching([]) == []
    with pytest.raises(Unmatchable):
        best_matching([{}])


def test_numbers_of_any_size_are_weighed_to_the_last_digit() -> None:
    far = 10**40
    assert best_matching([{0: far, 1: far + 1}, {0: 0, 1: 2}]) == [1, 0]
    assert best_matching([{0: far, 1: far + 2}, {0: 0, 1: 1}]) == [0, 1]


def test_in_a_large_table_no_exchange_makes_it_better() -> None:
    draw = random.Random(20261122)
    table = [{place: draw.randrange(10_000) for place in draw.sample(range(60), 45)} for _ in range(40)]
    found = best_matching(table)
    for one in range(40):
        for two in range(one):
            if found[one] in table[two] and found[two] in table[one]:
                exchanged = list(found)
                exchanged[one], exchanged[two] = found[two], found[one]
                assert worth(table, exchanged) >= worth(table, found)
        for place, cost in table[one].items():
            assert place in found or cost >= table[one][found[one]]
