"""The same figures by Erlang B, C and A."""

from __future__ import annotations

from math import inf, isinf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contact_center.estimates.staffing import Coming, Model, Staffing, models, planned
from routing.staffing import Demand, Target, erlang_b

TARGET = Target(0.8, 20.0)


def by_name(demand: Demand, agents: float, places: float = 1.0) -> dict[str, Model]:
    return {each.name: each for each in models(demand, agents, places, TARGET)}


def test_the_published_figures_are_met() -> None:
    """Ten erlangs and twelve agents: 11.97 % are turned away, 44.9 % wait where all wait."""
    found = by_name(Demand(200, 180, 120), 12)
    assert found["b"].waits == found["b"].lost == pytest.approx(0.1197, abs=1e-4)
    assert found["b"].average_wait_s == 0
    assert found["c"].waits == pytest.approx(0.4494, abs=1e-4)
    assert found["c"].average_wait_s == pytest.approx(0.4494 * 180 / 2, abs=0.01)
    assert found["c"].lost == 0
    assert [found[name].needed for name in "bca"] == [11, 14, 12]


def test_where_more_comes_than_can_be_done_only_who_waits_for_ever_waits_endlessly() -> None:
    found = by_name(Demand(200, 180, 120), 8)
    assert isinf(found["c"].average_wait_s)
    assert (found["c"].service_level, found["c"].occupancy) == (0, 1)
    assert found["a"].average_wait_s == pytest.approx(31.0, abs=0.1)
    assert found["a"].lost == pytest.approx(0.258, abs=1e-3)


@given(st.floats(1, 500), st.floats(20, 600), st.one_of(st.just(inf), st.floats(20, 900)), st.floats(0.5, 60))
def test_giving_up_lies_between_being_turned_away_and_waiting_for_ever(
    per_hour: float, handling_s: float, patience_s: float, agents: float
) -> None:
    found = by_name(Demand(per_hour, handling_s, patience_s), agents)
    assert found["b"].waits - 1e-9 <= found["a"].waits <= found["c"].waits + 1e-9
    assert found["c"].lost == 0 <= found["a"].lost <= found["b"].lost + 1e-9


@given(st.floats(0.1, 300), st.floats(1, 4))
def test_as_many_as_are_needed_are_enough_and_one_fewer_is_not(load: float, places: float) -> None:
    needed = by_name(Demand(load * 10, 360), 1, places)["b"].needed
    assert needed is not None
    assert erlang_b(int(needed * places), load) <= 0.2 or erlang_b(int(needed * places) + 1, load) <= 0.2
    assert erlang_b(int((needed - 1) * places), load) > 0.2


def test_nobody_and_nothing_have_figures_too() -> None:
    none = by_name(Demand(200, 180, 120), 0)
    assert [(each.waits, each.occupancy) for each in none.values()] == [(1, 1), (1, 1), (1, 1)]
    quiet = by_name(Demand(0, 180, 120), 3)
    assert [each.needed for each in quiet.values()] == [0, 0, 0]
    assert by_name(Demand(10_000, 3_600), 3)["b"].needed is None


def planned_for(lines: bool) -> Staffing:
    return planned("q", "voice", Coming(200, None, 200, 0), 180, 120, 10.5, 1, TARGET, lines=lines)


def test_models_are_told_with_the_curve_and_not_in_a_list_of_queues() -> None:
    assert planned_for(lines=False).models == ()
    found = planned_for(lines=True)
    ten, eleven = (next(line for line in found.lines if line.agents == number) for number in (10, 11))
    assert ten.service_level < found.models[2].service_level < eleven.service_level
    assert found.now.service_level == pytest.approx(found.models[2].service_level)
    assert ten.patient_level == 0 < eleven.patient_level < eleven.service_level
