"""Cases weighed together, against every way to give them away."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from routing.batch import Cost, Given, Ladders, Pairs, Scale, added, cost_of, in_turn, one_by_one, weigh

numbers = st.tuples(st.integers(-3, 3), st.integers(-9, 9))
ladders = st.lists(st.lists(numbers, min_size=1, max_size=3).map(sorted), min_size=1, max_size=4)


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[dict[int, Cost]], list[list[Cost]]]:
    rooms = draw(ladders)
    agents = st.sampled_from(range(len(rooms)))
    return draw(st.lists(st.dictionaries(agents, numbers), max_size=5)), rooms  # type: ignore[return-value]


def every_way(pairs: Pairs, rooms: Ladders) -> Iterator[Given]:
    for way in product(*[[None, *each] for each in pairs]):
        given = [agent for agent in way if agent is not None]
        if all(given.count(agent) <= len(rooms[agent]) for agent in given):
            yield list(way)


def by_turn(given: Given) -> list[bool]:
    """The less the better, as a list is compared: who isn't served, the most urgent first."""
    return [agent is None for agent in given]


def stands(given: Given, pairs: Pairs) -> list[int]:
    return [list(pairs[case]).index(agent) for case, agent in enumerate(given) if agent is not None]


@settings(deadline=None, max_examples=200)
@given(tables())
def test_no_way_serves_more_by_turn_nor_the_same_for_less(table: tuple[Pairs, Ladders]) -> None:
    pairs, rooms = table
    found = weigh(pairs, rooms)
    ways = list(every_way(pairs, rooms))
    assert found in ways, "nobody takes what they may not, nor more than they have room for"
    assert by_turn(found) == min(map(by_turn, ways))
    assert sum(by_turn(found)) == min(sum(by_turn(way)) for way in ways), "urgency costs nobody their place"
    alike = [way for way in ways if by_turn(way) == by_turn(found)]
    least = min(cost_of(way, pairs, rooms) for way in alike)
    assert cost_of(found, pairs, rooms) == least
    cheapest = [way for way in alike if cost_of(way, pairs, rooms) == least]
    assert stands(found, pairs) == min(stands(way, pairs) for way in cheapest), "of equals, there is one answer"
    assert in_turn(pairs, [len(room) for room in rooms]) == [n for n, agent in enumerate(found) if agent is not None]


@settings(deadline=None)
@given(tables())
def test_turns_by_themselves_never_serve_more(table: tuple[Pairs, Ladders]) -> None:
    pairs, rooms = table

    def rank(case: int, agent: int, taken: int) -> tuple[Cost, int]:
        return added([pairs[case][agent], rooms[agent][taken]]), agent

    alone = one_by_one(pairs, rooms, rank)
    found = weigh(pairs, rooms)
    assert alone in list(every_way(pairs, rooms))
    assert by_turn(found) <= by_turn(alone)
    if by_turn(found) == by_turn(alone):
        assert cost_of(found, pairs, rooms) <= cost_of(alone, pairs, rooms)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(-99, 99), st.integers(-9, 9), st.integers(0, 10**13)), min_size=1, max_size=8))
def test_as_numbers_sums_of_costs_compare_as_they_do_themselves(costs: list[Cost]) -> None:
    scale = Scale(costs)
    half = len(costs) // 2
    one, other = added(costs[:half]) or (0, 0, 0), added(costs[half:])
    numbers = sum(map(scale.number, costs[:half])), sum(map(scale.number, costs[half:]))
    assert (one < other) == (numbers[0] < numbers[1])
    assert (one == other) == (numbers[0] == numbers[1])


def test_the_first_leaves_the_second_whom_it_needs() -> None:
    pairs: Pairs = [{0: (0,), 1: (5,)}, {0: (0,)}]
    rooms: Ladders = [[(0,)], [(0,)]]
    assert one_by_one(pairs, rooms, lambda case, agent, taken: pairs[case][agent]) == [0, None]
    assert weigh(pairs, rooms) == [1, 0]


def test_the_urgent_is_served_though_two_others_could_be_instead() -> None:
    """There is no such choice: whoever takes the urgent one takes one of the two as well."""
    pairs: Pairs = [{0: (0,)}, {0: (0,)}, {1: (0,)}]
    assert weigh(pairs, [[(0,)], [(0,)]]) == [0, None, 1]


def test_a_term_never_gives_way_to_a_later_one() -> None:
    pairs: Pairs = [{0: (0, 0), 1: (1, -1_000_000)}, {0: (0, 0), 1: (0, 999_999)}]
    assert weigh(pairs, [[(0, 0)], [(0, 0)]]) == [0, 1]


def test_a_second_chat_is_dearer_than_somebody_who_has_none() -> None:
    room: list[Cost] = [(0,), (250_000,)]
    assert weigh([{0: (0,), 1: (0,)}, {0: (0,), 1: (0,)}], [room, room]) == [0, 1]


def test_nobody_and_nothing() -> None:
    assert weigh([], []) == []
    assert weigh([{}, {}], []) == [None, None]
    assert cost_of([None], [{}], []) == ()
