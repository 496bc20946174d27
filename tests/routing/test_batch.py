"""Cases weighed together, against every way to give them away."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from contact_center.domain.time import HOUR, MINUTE
from routing.batch import (
    POINT,
    Given,
    Ladders,
    Pairs,
    agent_cost,
    cost_of,
    in_turn,
    nothing_to_weigh,
    one_by_one,
    pair_cost,
    weigh,
)
from routing.policy import Batch
from routing.seats import WHOLE

ladders = st.lists(
    st.lists(st.integers(0, 9), min_size=1, max_size=3).map(sorted),
    min_size=1,
    max_size=4,
)


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[dict[int, int]], list[list[int]]]:
    rooms = draw(ladders)
    agents = st.sampled_from(range(len(rooms)))
    return draw(st.lists(st.dictionaries(agents, st.integers(-9, 9)), max_size=5)), rooms


def every_way(pairs: Pairs, rooms: Ladders) -> Iterator[Given]:
    for way in product(*[[None, *each] for each in pairs]):
        given = [agent for agent in way if agent is not None]
        if all(given.count(agent) <= len(rooms[agent]) for agent in given):
            yield list(way)


def by_turn(given: Given) -> list[bool]:
    """The less the better, as a list is compared: who isn't served, the most urgent first."""
    return [agent is None for agent in given]


@settings(deadline=None, max_examples=200)
@given(tables())
def test_no_way_serves_more_by_turn_nor_the_same_for_less(
    table: tuple[list[dict[int, int]], list[list[int]]],
) -> None:
    pairs, rooms = table
    found = weigh(pairs, rooms)
    ways = list(every_way(pairs, rooms))
    assert found in ways, "nobody takes what they may not, nor more than they have room for"
    assert by_turn(found) == min(map(by_turn, ways))
    assert sum(by_turn(found)) == min(sum(by_turn(way)) for way in ways), "urgency costs nobody their place"
    alike = [way for way in ways if by_turn(way) == by_turn(found)]
    assert cost_of(found, pairs, rooms) == min(cost_of(way, pairs, rooms) for way in alike)
    assert in_turn(pairs, [len(room) for room in rooms]) == [n for n, agent in enumerate(found) if agent is not None]


@settings(deadline=None)
@given(tables())
def test_turns_by_themselves_never_serve_more(table: tuple[list[dict[int, int]], list[list[int]]]) -> None:
    pairs, rooms = table
    alone = one_by_one(pairs, rooms, lambda case, agent, taken: (pairs[case][agent] + rooms[agent][taken], agent))
    found = weigh(pairs, rooms)
    assert alone in list(every_way(pairs, rooms))
    assert by_turn(found) <= by_turn(alone)
    if by_turn(found) == by_turn(alone):
        assert cost_of(found, pairs, rooms) <= cost_of(alone, pairs, rooms)


@settings(deadline=None)
@given(tables())
def test_where_there_is_nothing_to_weigh_turns_serve_the_same(
    table: tuple[list[dict[int, int]], list[list[int]]],
) -> None:
    pairs, rooms = table
    if nothing_to_weigh(pairs, rooms):
        alone = one_by_one(pairs, rooms, lambda case, agent, taken: (pairs[case][agent] + rooms[agent][taken], agent))
        found = weigh(pairs, rooms)
        assert by_turn(found) == by_turn(alone)
        assert cost_of(found, pairs, rooms) == cost_of(alone, pairs, rooms)


def test_the_first_leaves_the_second_whom_it_needs() -> None:
    pairs = [{0: 0, 1: 5}, {0: 0}]
    rooms = [[0], [0]]
    assert one_by_one(pairs, rooms, lambda case, agent, taken: pairs[case][agent]) == [0, None]
    assert weigh(pairs, rooms) == [1, 0]
    assert not nothing_to_weigh(pairs, rooms)


def test_the_urgent_is_served_though_two_others_could_be_instead() -> None:
    """There is no such choice: whoever takes the urgent one takes one of the two as well."""
    pairs = [{0: 0}, {0: 0}, {1: 0}]
    assert weigh(pairs, [[0], [0]]) == [0, None, 1]


def test_a_second_chat_is_dearer_than_somebody_who_has_none() -> None:
    batch = Batch()
    room = [agent_cost(batch, taken * WHOLE // 4, 0) for taken in (0, 1)]
    assert weigh([{0: 0, 1: 0}, {0: 0, 1: 0}], [room, room]) in ([0, 1], [1, 0])


def test_what_terms_are_worth() -> None:
    batch = Batch(known=1_000, preferred=10, load=100, idle=1)
    assert agent_cost(batch, WHOLE, 0) == 100 * POINT
    assert agent_cost(batch, 0, 3 * MINUTE) == -3 * POINT
    assert agent_cost(batch, 0, 30 * HOUR) == agent_cost(batch, 0, 8 * HOUR), "all day is as good as a shift"
    assert agent_cost(batch, 0, -1) == 0, "a clock that is ahead of ours"
    assert pair_cost(batch, True, 2) == -1_020 * POINT


def test_nobody_and_nothing() -> None:
    assert weigh([], []) == []
    assert weigh([{}, {}], []) == [None, None]
    assert nothing_to_weigh([], [])
    assert nothing_to_weigh([{0: 1, 1: 1}, {0: 1, 1: 1}], [[0], [0]])
