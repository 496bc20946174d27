"""Whether estimates are right, and whether we can tell, on days that the routing engine itself played through."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from contact_center.domain.time import HOUR, MINUTE, SECOND
from contact_center.estimates.calibration import ENOUGH, Quality, quality
from contact_center.estimates.expecting import rates_of
from routing import Policy, Seat
from routing.foreseeing import Rates, estimate_of
from routing.simulation import Kind, Served, Shift, Simulation, Spread, coming

AGENTS = 8


@dataclass(frozen=True, slots=True)
class Row:
    """An estimate with its outcome, as it is stored."""

    others: int
    agents: float
    handling_ms: float
    patience_ms: float
    mean_ms: int | None
    p50_ms: int | None
    p90_ms: int | None
    outcome: str
    waited_ms: int
    began_at: int = 0
    answer_ms: int = 0
    rang_ms: int = 0
    handled_ms: int = 0
    done: int = 1


@pytest.fixture(scope="module")
def day() -> list[Served]:
    """Twenty hours with a fifth more callers than eight agents can serve: 240 s a call, 300 s of patience."""
    kinds = [Kind("q", "voice", ((0.0, 144.0),), Spread(240), Spread(300))]
    seats = [Seat(f"a{n}", "", frozenset({"q"}), capacity={"voice": 1}) for n in range(AGENTS)]
    shifts = [Shift(seat, ((0, 24 * HOUR),)) for seat in seats]
    return Simulation(Policy("test"), shifts, coming(kinds, 20 * HOUR, seed=20261122)).run().cases


def what_was_said(cases: list[Served], rates: Rates, agents: float = AGENTS) -> list[Row]:
    """To each as they came: who waited before them, and who was free, is told from what became of all."""
    rows = []
    for number, case in enumerate(cases):
        at = case.waiting.virtual_enqueued_at
        before = cases[max(0, number - 400) : number]
        waits = sum(1 for each in before if at - each.waiting.virtual_enqueued_at < each.waited_ms)
        busy = sum(1 for each in before if each.answered and each.answered_at <= at < each.ended_at)
        others = -1 if busy < AGENTS else waits
        told = estimate_of(others, agents, rates)
        outcome = "answered" if case.answered else "abandoned"
        rows.append(
            Row(
                others,
                agents,
                rates.handling_ms,
                rates.patience_ms,
                told.mean_ms,
                told.p50_ms,
                told.p90_ms,
                outcome,
                case.waited_ms,
                at,
                handled_ms=max(0, case.ended_at - case.answered_at),
            )
        )
    return rows


TRUE = Rates(240 * SECOND, 300 * SECOND, 0)


@pytest.fixture(scope="module")
def judged(day: list[Served]) -> Quality:
    return quality(what_was_said(day, TRUE))


def test_nine_in_ten_are_answered_within_what_nine_in_ten_were_promised(judged: Quality) -> None:
    assert judged.estimates > 2_000
    assert judged.within_p90 == pytest.approx(0.9, abs=0.02)
    assert judged.within_p50 == pytest.approx(0.5, abs=0.035)
    assert judged.calibrated


def test_every_chance_that_was_given_is_met(judged: Quality) -> None:
    for point in judged.curve:
        assert point.found == pytest.approx(point.expected, abs=0.035)


def test_the_average_is_right_but_for_those_who_gave_up(judged: Quality) -> None:
    """Whoever stayed had the shorter waits: the answered alone waited a little less than was said."""
    assert judged.bias_ms is not None
    assert -20 * SECOND < judged.bias_ms < 5 * SECOND
    assert judged.mae_ms is not None
    assert judged.mae_ms < 50 * SECOND


def test_rates_that_are_learnt_from_the_waits_serve_as_well_as_the_true_ones(day: list[Served]) -> None:
    rows = what_was_said(day, TRUE)
    learnt = rates_of(list(reversed(rows[1_000:1_150])), day[1_150].waiting.virtual_enqueued_at, "voice", 4 * MINUTE)
    assert learnt.handling_ms == pytest.approx(240 * SECOND, rel=0.3)
    assert learnt.patience_ms == pytest.approx(300 * SECOND, rel=0.4)
    found = quality(what_was_said(day[1_150:1_500], learnt))
    assert found.within_p90 is not None
    assert found.within_p90 > 0.75


@pytest.mark.parametrize("agents, bad", [(AGENTS * 2, True), (AGENTS, False)])
def testestimate_ofs_that_count_on_too_many_agents_are_found_out(day: list[Served], agents: float, bad: bool) -> None:
    found = quality(what_was_said(day, TRUE, agents))
    assert found.calibrated is not bad
    assert ((found.bias_ms or 0) > 20 * SECOND) is bad


def test_leaving_out_who_gave_up_would_make_it_look_better(day: list[Served]) -> None:
    told = [row for row in what_was_said(day, TRUE, AGENTS * 1.4) if row.others >= 0]
    answered = [row for row in told if row.outcome == "answered"]
    naive = sum(row.waited_ms <= (row.p90_ms or 0) for row in answered) / len(answered)
    assert (quality(told).within_p90 or 1) < naive


def test_chances_of_those_for_whom_more_were_asked_lie_on_their_promises() -> None:
    """Half within 20 s and nine in ten within 60 s, which two agents alone could never promise."""
    rows = [Row(3, 2.0, 240_000, 300_000, 30_000, 20_000, 60_000, "answered", at * 1_000) for at in (0, 20, 60, 900)]
    assert [point.found for point in quality(rows).curve] == pytest.approx([0.25] * 4 + [0.5] * 4 + [0.75])
    at_one_moment = [replace(rows[0], p50_ms=60_000, waited_ms=at * 1_000) for at in (50, 60, 61)]
    assert quality(at_one_moment).curve[4].found == pytest.approx(2 / 3)


def test_with_few_answers_nothing_is_said() -> None:
    found = quality([Row(0, 1.0, 60_000, 0, 60_000, 41_000, 138_000, "answered", 50_000)] * (ENOUGH - 1))
    assert found.calibrated is None
    assert found.missing == 1
    assert found.within_p90 == 1


def test_who_found_somebody_free_and_who_was_told_nothing_are_counted_apart() -> None:
    free = Row(-1, 2.0, 60_000, 0, 3_000, 3_000, 3_000, "answered", 3_000)
    untold = Row(0, 0.0, 60_000, 0, None, None, None, "abandoned", 9_000)
    found = quality([free, untold])
    assert (found.estimates, found.free, found.unserved) == (0, 1, 1)
    assert found.bias_ms is found.mae_ms is found.within_p90 is None
    assert found.curve == ()
    assert quality([]).calibrated is None
