"""One day, counted in six ways."""

from __future__ import annotations

import pytest

from contact_center.domain.service_level import Counts, Wait, counted, levels
from contact_center.domain.time import SECOND

THE_DAY = (
    [Wait("answered", 10 * SECOND)] * 70
    + [Wait("answered", 60 * SECOND)] * 12
    + [Wait("abandoned", 5 * SECOND)] * 6
    + [Wait("abandoned", 15 * SECOND)] * 4
    + [Wait("abandoned", 90 * SECOND)] * 6
    + [Wait("left", 20 * SECOND), Wait("left", 21 * SECOND)]
)


def test_the_same_day_is_seventy_or_eighty_five_per_cent() -> None:
    """A hundred came: 82 answered, 70 of them within 20 s; 16 gave up, 10 within 20 s, of which 6 at once; 2 asked
    for a callback, one within 20 s."""
    found = {level.variant: round(100 * (level.share or 0), 2) for level in levels(counted(THE_DAY, 20 * SECOND))}
    assert found == {
        "answered_of_offered": 70.00,
        "answered_of_met": 71.43,
        "answered_without_short": 76.09,
        "removed_of_offered": 81.00,
        "met_in_time": 81.63,
        "answered_of_answered": 85.37,
    }


def test_a_day_without_callers_has_no_service_level() -> None:
    assert {level.share for level in levels(Counts())} == {None}


def test_every_number_carries_what_it_was_counted_from() -> None:
    level = levels(counted(THE_DAY, 20 * SECOND))[0]
    assert (level.good, level.of, level.formula) == (70, 100, "answered in time / offered")


@pytest.mark.parametrize("within_s, share", [(5, 0.0), (10, 0.7), (60, 0.82)])
def test_the_limit_itself_is_in_time(within_s: int, share: float) -> None:
    assert levels(counted(THE_DAY, within_s * SECOND))[0].share == pytest.approx(share)
