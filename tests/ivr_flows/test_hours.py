"""When a place is open: weeks, holidays, and the clock on its wall."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ivr_flows import load, start

OFFICE = """
flow: hours
languages: {en: en-US}
calendars:
  office:
    zone: Asia/Shanghai
    week: {mon-fri: "09:00-18:00", sat: "22:00-02:00", sun: closed}
    holidays:
      - 2026-10-01..2026-10-07
      - {day: 12-24, hours: "09:00-12:00"}
      - 12-30..01-02
      - "02-29"
steps:
  hours: {hours: office, open: people, closed: bye, holiday: feast}
  people: {queue: people}
  bye: {hang_up: Closed.}
  feast: {hang_up: Happy holidays.}
"""


@pytest.mark.parametrize(
    "there, found",
    [
        ("2026-09-30T17:59", "open"),
        ("2026-10-01T00:00", "holiday"),
        ("2026-10-07T23:59", "holiday"),
        ("2026-10-08T09:00", "open"),
        ("2025-10-01T09:00", "open"),
        ("2026-12-24T08:59", "holiday"),
        ("2026-12-24T09:00", "open"),
        ("2026-12-24T12:00", "holiday"),
        ("2027-12-24T09:00", "open"),
        ("2026-12-29T10:00", "open"),
        ("2026-12-30T10:00", "holiday"),
        ("2027-01-01T10:00", "holiday"),
        ("2027-01-02T23:59", "holiday"),
        ("2027-01-04T10:00", "open"),
        ("2028-02-29T10:00", "holiday"),
        ("2026-11-22T01:59", "open"),  # Saturday's window goes on into Sunday
        ("2026-11-22T10:00", "closed"),
    ],
)
def test_a_holiday_is_from_midnight_to_midnight_with_its_own_hours(there: str, found: str) -> None:
    now = int(datetime.fromisoformat(there + "+08:00").astimezone(UTC).timestamp() * 1_000)
    assert start(load(OFFICE, "h"), now, {}).steps[-1].exit == found


def test_a_holiday_without_a_step_of_its_own_is_a_day_that_is_closed() -> None:
    text = OFFICE.replace(", holiday: feast", "").replace("  feast: {hang_up: Happy holidays.}\n", "")
    now = int(datetime(2026, 10, 1, 2, tzinfo=UTC).timestamp() * 1_000)
    turn = start(load(text, "h"), now, {})
    assert (turn.steps[-1].exit, turn.position.rpartition(".")[2]) == ("holiday", "bye")


def test_hours_may_have_holidays_without_a_calendar() -> None:
    text = (
        'flow: f\nlanguages: {en: en-US}\nsteps:\n  a: {hours: {mon-sun: "00:00-24:00"}, zone: UTC,'
        " holidays: [01-01], open: b, closed: c}\n  b: {hang_up: Open.}\n  c: {hang_up: Closed.}\n"
    )
    new_year = int(datetime(2027, 1, 1, 12, tzinfo=UTC).timestamp() * 1_000)
    assert start(load(text, "f"), new_year, {}).steps[-1].exit == "holiday"
    assert start(load(text, "f"), new_year + 86_400_000, {}).steps[-1].exit == "open"
