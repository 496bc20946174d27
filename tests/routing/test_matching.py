"""The best matching against every matching there is."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routing.matching import Cost, best_matching

costs = st.integers(0, 6).flatmap(
    lambda agents: st.lists(
        st.lists(st.one_of(st.none(), st.integers(-20, 20)), min_size=agents, max_size=agents), max_size=5
    )
)


def every_matching(table: Sequence[Sequence[Cost]]) -> Iterator[list[int | None]]:
    agents = len(table[0]) if table else 0
    for chosen in permutations([*range(agents), *([-1] * len(table))], len(table)):
        yield [agent if agent >= 0 and table[case][agent] is not None else None for case, agent in enumerate(chosen)]


def worth(table: Sequence[Sequence[Cost]], matching: Sequence[int | None]) -> tuple[int, int]:
    """How many are not given away, and what the others cost."""
    given = [table[case][agent] for case, agent in enumerate(matching) if agent is not None]
    return len(table) - len(given), sum(cost for cost in given if cost is not None)


@settings(deadline=None, max_examples=150)
@given(costs)
def test_no_matching_is_better(table: list[list[Cost]]) -> None:
    found = best_matching(table)
    taken = [agent for agent in found if agent is not None]
    assert len(set(taken)) == len(taken)
    assert all(agent is None or table[case][agent] is not None for case, agent in enumerate(found))
    assert worth(table, found) == min((worth(table, each) for each in every_matching(table)), default=(0, 0))


def test_greed_is_dearer() -> None:
    """The first case takes the agent whom the second needs."""
    assert best_matching([[1, 2], [1, None]]) == [1, 0]
    assert best_matching([[1, 2], [3, 100]]) == [1, 0]


def test_more_cases_than_agents_leave_the_dearest_waiting() -> None:
    assert best_matching([[5], [1], [3]]) == [None, 0, None]


def test_nobody_and_nothing() -> None:
    assert best_matching([]) == []
    assert best_matching([[], []]) == [None, None]
    assert best_matching([[None, None]]) == [None]


def test_rows_of_unequal_length_are_refused() -> None:
    with pytest.raises(ValueError, match="every agent"):
        best_matching([[1, 2], [1]])


def test_a_large_table_has_the_dual_s_worth() -> None:
    """No pair of its own can be exchanged for a better one, and it is not dearer than any of a thousand others."""
    draw = random.Random(20261122)
    table: list[list[Cost]] = [[draw.randrange(10_000) for _ in range(60)] for _ in range(40)]
    found = best_matching(table)
    best = worth(table, found)
    assert best[0] == 0
    for _ in range(1_000):
        other = draw.sample(range(60), 40)
        assert worth(table, other) >= best
    for one in range(40):
        for two in range(one):
            exchanged = list(found)
            exchanged[one], exchanged[two] = found[two], found[one]
            assert worth(table, exchanged) >= best
