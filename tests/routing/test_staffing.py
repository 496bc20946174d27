"""The formulas of staffing against published figures, exact distributions, each other and plain simulation."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routing.staffing import Ahead, Demand, Outlook, Target, agents_needed, erlang_b, erlang_c, scheduled

HUNDRED_IN_HALF_AN_HOUR = Demand(per_hour=200, handling_s=180)

demands = st.builds(
    Demand,
    per_hour=st.floats(1, 2_000),
    handling_s=st.floats(10, 1_200),
    patience_s=st.one_of(st.just(math.inf), st.floats(10, 3_600)),
)


@pytest.mark.parametrize(
    "agents, load, turned_away",
    [(5, 2, 0.036697), (14, 10, 0.056819), (10, 5, 0.018385), (10, 20, 0.537963), (2, 1, 0.2)],
)
def test_erlang_b_turns_away_the_published_shares(agents: int, load: float, turned_away: float) -> None:
    assert erlang_b(agents, load) == pytest.approx(turned_away, abs=5e-7)


@pytest.mark.parametrize("agents, load, wait", [(1, 0.5, 0.5), (2, 1, 1 / 3), (3, 2, 4 / 9), (50, 48, 0.694456)])
def test_erlang_c_makes_the_published_shares_wait(agents: int, load: float, wait: float) -> None:
    assert erlang_c(agents, load) == pytest.approx(wait, abs=5e-7)


@pytest.mark.parametrize(
    "agents, wait, level, asa, occupancy",
    [
        (11, 0.682118, 0.3896, 122.78, 0.9091),
        (12, 0.449388, 0.64016, 40.445, 0.8333),
        (13, 0.285270, 0.7956, 17.116, 0.7692),
        (14, 0.174132, 0.88835, 7.836, 0.7143),
    ],
)
def test_a_hundred_calls_in_half_an_hour(
    agents: int, wait: float, level: float, asa: float, occupancy: float
) -> None:
    outlook = Outlook(HUNDRED_IN_HALF_AN_HOUR, agents)
    assert outlook.wait_share == pytest.approx(wait, abs=5e-7)
    assert outlook.service_level(20) == pytest.approx(level, abs=5e-5)
    assert outlook.average_wait_s == pytest.approx(asa, abs=5e-3)
    assert outlook.occupancy == pytest.approx(occupancy, abs=5e-5)
    assert outlook.abandoned_share == 0


def test_fourteen_are_needed_for_eighty_in_twenty_and_twenty_on_the_schedule() -> None:
    assert agents_needed(HUNDRED_IN_HALF_AN_HOUR, Target(0.8, 20)) == 14
    assert scheduled(14, 0.30) == 20


def test_busy_agents_need_company_even_where_the_waiting_is_short() -> None:
    crowd = Demand(per_hour=12_000, handling_s=180)
    plain, rested = agents_needed(crowd, Target(0.8, 20)), agents_needed(crowd, Target(0.8, 20, occupancy=0.85))
    assert plain is not None
    assert rested is not None
    assert rested > plain
    assert Outlook(crowd, rested).occupancy <= 0.85 < Outlook(crowd, rested - 1).occupancy


def test_the_figures_of_a_large_call_center() -> None:
    outlook = Outlook(Demand(per_hour=48 * 60, handling_s=60), 50)
    assert outlook.average_wait_s == pytest.approx(20.83, abs=5e-3)
    assert outlook.queue_length == pytest.approx(16.67, abs=5e-3)
    assert 1 - outlook.service_level(58.1) == pytest.approx(0.1, abs=5e-4)


def test_one_of_everything_loses_one_in_e() -> None:
    outlook = Outlook(Demand(per_hour=3_600, handling_s=1, patience_s=1), 1)
    assert outlook.wait_share == pytest.approx(1 - 1 / math.e, abs=1e-12)
    assert outlook.abandoned_share == pytest.approx(1 / math.e, abs=1e-12)


@pytest.mark.parametrize("load, agents", [(0.3, 1), (10, 8), (50, 45), (200, 210), (1_000, 950), (5, 0)])
def test_callers_as_patient_as_calls_are_long_are_poisson_in_number(load: float, agents: int) -> None:
    """With θ = μ everybody leaves at the same rate, talking or waiting: the number in the system is Poisson."""
    outlook = Outlook(Demand(per_hour=load * 36, handling_s=100, patience_s=100), agents)
    below = math.fsum(math.exp(k * math.log(load) - load - math.lgamma(k + 1)) for k in range(agents))
    assert outlook.wait_share == pytest.approx(1 - below, abs=1e-11)


@pytest.mark.parametrize("agents", [11, 13, 17])
def test_endless_patience_is_erlang_c(agents: int) -> None:
    patient = Outlook(HUNDRED_IN_HALF_AN_HOUR, agents)
    nearly = Outlook(Demand(200, 180, patience_s=1e9), agents)
    assert nearly.wait_share == pytest.approx(patient.wait_share, rel=1e-5)
    assert nearly.service_level(20) == pytest.approx(patient.service_level(20), rel=1e-5)
    assert nearly.average_wait_s == pytest.approx(patient.average_wait_s, rel=1e-4)


def test_too_few_agents_for_patient_callers_never_catch_up() -> None:
    outlook = Outlook(HUNDRED_IN_HALF_AN_HOUR, 10)
    assert outlook.wait_share == 1
    assert outlook.average_wait_s == outlook.queue_length == math.inf
    assert outlook.service_level(20) == 0
    assert outlook.occupancy == 1


def test_nobody_there_answers_nobody() -> None:
    outlook = Outlook(Demand(60, 60, patience_s=60), 0)
    assert outlook.service_level(1e6) == outlook.occupancy == 0
    assert outlook.abandoned_share == pytest.approx(1)
    assert Ahead(0, 0, 60).average_s == Ahead(0, 0, 60).quantile_s(0.5) == math.inf
    assert Ahead(0, 0, 60).chance_within(100) == 0


def test_no_calls_need_nobody() -> None:
    silence = Demand(0, 180, patience_s=60)
    outlook = Outlook(silence, 3)
    assert agents_needed(silence, Target()) == 0
    assert (outlook.service_level(20), outlook.average_wait_s, outlook.queue_length) == (1, 0, 0)
    assert outlook.abandoned_share == Outlook(Demand(0, 180), 3).wait_share == 0


def test_a_target_beyond_reach_is_said_to_be() -> None:
    assert agents_needed(Demand(36_000, 600), Target(0.8, 20), most=500) is None


@pytest.mark.parametrize(
    "wrong",
    [(-1, 60, 60), (1, 0, 60), (1, 60, 0), (math.nan, 60, 60), (math.inf, 60, 60), (1, math.inf, 60)],
)
def test_what_cannot_be_is_refused(wrong: tuple[float, float, float]) -> None:
    with pytest.raises(ValueError, match="positive"):
        Demand(*wrong)


def test_other_nonsense_is_refused_too() -> None:
    with pytest.raises(ValueError, match="agents"):
        Outlook(Demand(1, 1), -1)
    with pytest.raises(ValueError, match="share"):
        Ahead(1, 1, 60).quantile_s(1)
    with pytest.raises(ValueError, match="Shrinkage"):
        scheduled(3, 1)


@settings(deadline=None, max_examples=150)
@given(demands, st.integers(1, 120), st.floats(0, 600))
def test_one_agent_more_never_makes_it_worse(demand: Demand, agents: int, within: float) -> None:
    few, more = Outlook(demand, agents), Outlook(demand, agents + 1)
    slack = 1e-9
    assert 0 <= few.service_level(within) <= more.service_level(within) + slack <= 1 + 2 * slack
    assert more.wait_share <= few.wait_share + slack
    assert more.average_wait_s <= few.average_wait_s * (1 + slack)
    assert more.abandoned_share <= few.abandoned_share + slack
    assert more.occupancy <= few.occupancy + slack


@settings(deadline=None, max_examples=150)
@given(demands, st.integers(1, 120))
def test_everybody_is_answered_in_the_end_or_gave_up(demand: Demand, agents: int) -> None:
    outlook = Outlook(demand, agents)
    if outlook.average_wait_s < math.inf:
        assert outlook.service_level(1e7) == pytest.approx(1 - outlook.abandoned_share, abs=1e-7)
        assert outlook.service_level(0) == pytest.approx(1 - outlook.wait_share, abs=1e-7)
        patience = demand.patience_s
        if patience < math.inf:  # P{Ab} = θ·E[W]
            assert outlook.abandoned_share == pytest.approx(outlook.average_wait_s / patience, abs=1e-9)


@settings(deadline=None, max_examples=60)
@given(demands)
def test_the_fewest_are_the_fewest(demand: Demand) -> None:
    target = Target(0.8, 20)
    needed = agents_needed(demand, target)
    assert needed is not None
    assert Outlook(demand, needed).service_level(20) >= 0.8
    assert needed == 0 or Outlook(demand, needed - 1).service_level(20) < 0.8


def test_the_wait_of_somebody_with_four_ahead() -> None:
    assert Ahead(4, 10, 180, 120).average_s == pytest.approx(71.16, abs=5e-3)


@settings(deadline=None, max_examples=100)
@given(
    st.integers(0, 60),
    st.integers(1, 60),
    st.floats(10, 900),
    st.one_of(st.just(math.inf), st.floats(10, 3_600)),
    st.floats(0.05, 0.95),
)
def test_a_quantile_is_where_its_share_has_been_served(
    others: int, agents: int, handling: float, patience: float, share: float
) -> None:
    place = Ahead(others, agents, handling, patience)
    assert place.chance_within(place.quantile_s(share)) == pytest.approx(share, abs=1e-5)
    assert place.quantile_s(share) <= Ahead(others + 1, agents, handling, patience).quantile_s(share) * (1 + 1e-6)


def test_very_long_queues_are_reckoned_with() -> None:
    place = Ahead(5_000, 10, 180)
    assert place.chance_within(place.average_s) == pytest.approx(0.5, abs=0.01)
    assert place.chance_within(1) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("others, agents, handling, patience", [(0, 3, 200, 90), (6, 4, 240, 300), (12, 9, 100, 60)])
def test_drawn_waits_lie_where_the_formula_says(others: int, agents: int, handling: float, patience: float) -> None:
    """4,000 waits put together stretch by stretch."""
    draw = random.Random(20261121)
    rates = [agents / handling + place / patience for place in range(others + 1)]
    waits = sorted(sum(draw.expovariate(rate) for rate in rates) for _ in range(4_000))
    place = Ahead(others, agents, handling, patience)
    for share in (0.1, 0.5, 0.9):
        told = place.quantile_s(share)
        below = sum(wait <= told for wait in waits) / len(waits)
        assert below == pytest.approx(share, abs=3.5 * math.sqrt(share * (1 - share) / len(waits)))
