"""How long somebody will still wait."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from contact_center.domain.time import MINUTE, SECOND
from contact_center.domain.waiting_time import expected_wait_ms


def test_the_published_figure_is_met() -> None:
    """Ten agents, 180 s a call, 120 s of patience, four ahead: 71.16 s."""
    found = expected_wait_ms(4, 10, 180 * SECOND, 120 * SECOND)
    assert found is not None
    assert abs(found - 71_160) < 10


def test_with_endless_patience_it_is_the_plain_quotient() -> None:
    assert expected_wait_ms(4, 10, 180 * SECOND, 0) == 5 * 180 * SECOND // 10


def test_where_nobody_serves_no_number_is_true() -> None:
    assert expected_wait_ms(0, 0) is None


@given(st.integers(0, 500), st.integers(1, 200), st.integers(SECOND, 60 * MINUTE), st.integers(0, 60 * MINUTE))
def test_more_people_ahead_is_never_a_shorter_wait_and_more_agents_never_a_longer(
    ahead: int, agents: int, handling_ms: int, patience_ms: int
) -> None:
    here = expected_wait_ms(ahead, agents, handling_ms, patience_ms)
    assert here is not None
    assert (expected_wait_ms(ahead + 1, agents, handling_ms, patience_ms) or 0) >= here
    assert (expected_wait_ms(ahead, agents + 1, handling_ms, patience_ms) or 0) <= here
