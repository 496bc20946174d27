"""Which case an interaction belongs to, case by case."""

from __future__ import annotations

import pytest

from contact_center.domain.matching import JOIN_WINDOW_MS, OpenCase, choose_case
from tests.hub import T0

RECENT = OpenCase(7, "open", "support", T0 - 1_000, busy=False)
PENDING = OpenCase(8, "pending", "support", T0 - 1_000, busy=False)
BUSY = OpenCase(9, "open", "support", T0 - 1_000, busy=True)
OLD = OpenCase(10, "open", "support", T0 - JOIN_WINDOW_MS - 1, busy=False)
JUST_IN = OpenCase(11, "open", "support", T0 - JOIN_WINDOW_MS, busy=False)


@pytest.mark.parametrize(
    ("open_cases", "named", "own_topic", "known_sender", "case_id", "reason"),
    [
        ([], 0, False, True, 0, "none_open"),
        ([RECENT], 0, False, True, 7, "only_open_case"),
        ([PENDING], 0, False, True, 8, "only_open_case"),
        ([JUST_IN], 0, False, True, 11, "only_open_case"),
        ([OLD], 0, False, True, 0, "too_old"),
        ([BUSY], 0, False, True, 0, "busy"),
        ([RECENT, PENDING], 0, False, True, 0, "several_open"),
        ([RECENT], 0, True, True, 0, "other_topic"),
        ([RECENT], 0, False, False, 0, "other_topic"),
        ([], 4, True, True, 4, "named"),
        ([RECENT], 4, True, True, 4, "named"),
        ([BUSY], 4, False, True, 4, "named"),
    ],
)
def test_a_case_is_chosen(
    open_cases: list[OpenCase], named: int, own_topic: bool, known_sender: bool, case_id: int, reason: str
) -> None:
    choice = choose_case(open_cases, named, T0, own_topic=own_topic, known_sender=known_sender)
    assert (choice.case_id, choice.reason) == (case_id, reason)
