"""How sure one can be of a difference, and policies that take turns."""

from __future__ import annotations

import random
from collections.abc import Iterator
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contact_center.domain.time import HOUR, MINUTE, SECOND
from routing import Waiting
from routing.experiment import Experiment, result
from routing.simulation import Served
from routing.trials import paired, student, unpaired


@pytest.mark.parametrize(
    "freedom, confidence, expected",
    [
        (1, 0.95, 12.7062),
        (2, 0.95, 4.3027),
        (10, 0.95, 2.2281),
        (10, 0.99, 3.1693),
        (30, 0.9, 1.6973),
        (1e6, 0.95, 1.9623),
    ],
)
def test_student_s_t_is_that_of_the_tables(freedom: float, confidence: float, expected: float) -> None:
    assert student(freedom, confidence) == pytest.approx(expected, abs=5e-4)


def test_a_paired_difference_by_hand() -> None:
    """Mean 2, standard deviation 1, three trials: 2 ± 4.3027/√3."""
    interval = paired([1, 2, 3])
    assert (interval.low, interval.high) == (pytest.approx(-0.4841, abs=1e-3), pytest.approx(4.4841, abs=1e-3))
    assert not interval.sure
    assert paired([1.9, 2, 2.1]).sure


def test_an_unpaired_difference_by_hand() -> None:
    """Welch: means 2 and 5, variances 1 and 4 of three each; ν = (1/3+4/3)²/((1/9+16/9)/2) = 2.94."""
    interval = unpaired([1, 2, 3], [3, 5, 7])
    assert interval.mean == 3
    assert interval.high - 3 == pytest.approx(student(2.9412, 0.95) * (5 / 3) ** 0.5, rel=1e-4)


def test_of_too_few_trials_nobody_can_say() -> None:
    assert paired([5]).high == inf
    assert unpaired([1, 2], [3]).low == -inf
    assert (paired([]).mean, unpaired([], []).mean) == (0.0, 0.0)


def test_trials_that_never_differ_are_sure() -> None:
    assert unpaired([1, 1], [2, 2]).sure


# --- taking turns ---------------------------------------------------------------------------------------------------

PLAN = Experiment("x", 0.5, 30 * MINUTE, 5 * MINUTE)


@given(st.text(max_size=5), st.integers(0, 10**9))
def test_of_two_blocks_that_follow_each_other_each_policy_has_one(name: str, pair: int) -> None:
    plan = Experiment(name, 0.5, MINUTE)
    assert {plan.arm_of(2 * pair), plan.arm_of(2 * pair + 1)} == {"a", "b"}


def test_neither_always_begins() -> None:
    assert {PLAN.arm_of(2 * pair) for pair in range(20)} == {"a", "b"}


def test_another_share_is_kept_in_the_long_run() -> None:
    plan = Experiment("x", 0.2, MINUTE)
    assert sum(plan.arm_of(block) == "b" for block in range(5_000)) / 5_000 == pytest.approx(0.2, abs=0.02)


@given(st.integers(0, 2**45))
def test_an_arm_holds_until_the_next_switch(at: int) -> None:
    switch = PLAN.next_switch(at)
    assert at < switch <= at + PLAN.block_ms
    assert PLAN.arm(switch - 1) == PLAN.arm(at)


@pytest.mark.parametrize("share, block, warm_up", [(0, 10, 0), (1, 10, 0), (0.5, 10, 10), (0.5, 10, -1)])
def test_a_plan_that_makes_no_sense_is_refused(share: float, block: int, warm_up: int) -> None:
    with pytest.raises(ValueError, match="must"):
        Experiment("x", share, block, warm_up)


def cases(plan: Experiment, blocks: int, waits_ms: dict[str, int], seed: int = 1) -> Iterator[Served]:
    chance = random.Random(seed)
    for number in range(blocks * 40):
        came = number * plan.block_ms // 40
        busy = chance.randrange(10) * SECOND
        waiting = Waiting(f"i{number}", number, "q", "voice", 0, came)
        yield Served(waiting, came, came + waits_ms[plan.arm(came)] + busy, ended_at=came + HOUR, agent_id="a")


def target(queue: str) -> int:
    return 20 * SECOND


@pytest.mark.parametrize("share", [0.5, 0.4])
def test_a_true_difference_is_found(share: float) -> None:
    plan = Experiment("x", share, 30 * MINUTE, 5 * MINUTE)
    told = result(plan, cases(plan, 40, {"a": 14 * SECOND, "b": 12 * SECOND}), target)
    wait = next(each for each in told.measured if each.code == "mean_wait")
    assert wait.difference.sure
    assert wait.difference.low <= -2 * SECOND <= wait.difference.high
    assert sum(told.blocks.values()) == 40


def test_no_difference_is_found_no_more_often_than_was_said() -> None:
    """At 95 % in one of twenty; of forty drawn, seven or more would come once in a hundred such tests."""
    found = 0
    for seed in range(40):
        told = result(PLAN, cases(PLAN, 20, {"a": 14 * SECOND, "b": 14 * SECOND}, seed), target)
        found += next(each for each in told.measured if each.code == "mean_wait").difference.sure
    assert found < 7


def test_what_comes_just_after_a_switch_and_blocks_without_their_counterpart_are_not_counted() -> None:
    told = result(PLAN, cases(PLAN, 3, {"a": 0, "b": 0}), target)
    assert told.blocks == {"a": 1, "b": 1}
    in_warm_up = sum(not PLAN.counts(case.came_at) for case in cases(PLAN, 3, {"a": 0, "b": 0}))
    assert told.not_counted == 120 - sum(told.cases.values())
    assert told.not_counted > in_warm_up
