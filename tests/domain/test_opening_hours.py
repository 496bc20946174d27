"""Opening hours by the clock on the wall, in every zone and on every odd day."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contact_center.domain.opening_hours import OpeningHours, Windows, hours_of, stored_hours
from contact_center.domain.time import MINUTE, SECOND, Moment

NINE_TO_SIX = tuple((day * 1440 + 540, day * 1440 + 1080) for day in range(5))
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Pacific/Apia", "Australia/Lord_Howe")


def at(zone: str, *when: int, fold: int = 0) -> Moment:
    return round(datetime(*when, tzinfo=ZoneInfo(zone), fold=fold).timestamp() * SECOND)  # type: ignore[arg-type,misc]


@pytest.mark.parametrize("zone", ZONES)
def test_the_clock_on_the_wall_is_what_counts(zone: str) -> None:
    hours = OpeningHours(zone, NINE_TO_SIX)
    assert hours.at(at(zone, 2026, 7, 6, 8, 59)) == "closed"
    assert hours.at(at(zone, 2026, 7, 6, 9, 0)) == "open"
    assert hours.at(at(zone, 2026, 7, 6, 17, 59)) == "open"
    assert hours.at(at(zone, 2026, 7, 6, 18, 0)) == "closed"
    assert hours.at(at(zone, 2026, 7, 11, 12, 0)) == "closed"
    assert hours.next_change(at(zone, 2026, 7, 10, 18, 0)) == at(zone, 2026, 7, 13, 9, 0)


def test_kathmandu_is_a_quarter_of_an_hour_off() -> None:
    assert OpeningHours("Asia/Kathmandu", NINE_TO_SIX).next_change(at("UTC", 2026, 7, 6)) == at(
        "UTC", 2026, 7, 6, 3, 15
    )


def test_apia_has_no_thirtieth_of_december_2011() -> None:
    """Samoa went from Thursday to Saturday, and its Friday was nobody's working day."""
    hours = OpeningHours("Pacific/Apia", NINE_TO_SIX)
    assert hours.next_change(at("Pacific/Apia", 2011, 12, 29, 18, 0)) == at("Pacific/Apia", 2012, 1, 2, 9, 0)


def test_a_night_in_which_the_clocks_are_put_forward_is_an_hour_shorter() -> None:
    nights = OpeningHours("Europe/Berlin", tuple((day * 1440 + 1320, day * 1440 + 1800) for day in range(7)))
    opened, closed = at("Europe/Berlin", 2026, 3, 28, 22), at("Europe/Berlin", 2026, 3, 29, 6)
    assert nights.next_change(opened) == closed
    assert closed - opened == 7 * 60 * MINUTE


def test_a_night_in_which_the_clocks_are_put_back_is_an_hour_longer() -> None:
    nights = OpeningHours("Europe/Berlin", tuple((day * 1440 + 1320, day * 1440 + 1800) for day in range(7)))
    opened, closed = at("Europe/Berlin", 2026, 10, 24, 22), at("Europe/Berlin", 2026, 10, 25, 6)
    assert nights.next_change(opened) == closed
    assert closed - opened == 9 * 60 * MINUTE


def test_a_window_that_the_clocks_jump_into_opens_with_them() -> None:
    early = OpeningHours("Europe/Berlin", ((6 * 1440 + 150, 6 * 1440 + 240),))
    assert early.next_change(at("Europe/Berlin", 2026, 3, 29, 0)) == at("Europe/Berlin", 2026, 3, 29, 3)


def test_a_window_that_the_clocks_go_through_twice_is_open_twice() -> None:
    early = OpeningHours("Europe/Berlin", ((6 * 1440 + 120, 6 * 1440 + 150),))
    first = early.next_change(at("Europe/Berlin", 2026, 10, 25, 0))
    assert first == at("Europe/Berlin", 2026, 10, 25, 2)
    closed = early.next_change(first)
    assert closed == first + 30 * MINUTE
    assert early.next_change(closed) == at("Europe/Berlin", 2026, 10, 25, 2, fold=1) == first + 60 * MINUTE


def test_a_day_of_its_own_counts_from_midnight_to_midnight() -> None:
    hours = OpeningHours("UTC", ((4 * 1440 + 1320, 4 * 1440 + 1560),), {"2026-12-26": (), "12-27": ((600, 660),)})
    assert hours.at(at("UTC", 2026, 12, 25, 23)) == "open"
    assert hours.at(at("UTC", 2026, 12, 26, 1)) == "holiday"
    assert hours.at(at("UTC", 2026, 12, 27, 10, 30)) == "open"
    assert hours.at(at("UTC", 2027, 12, 27, 10, 30)) == "open", "every year"


def test_a_day_of_its_own_goes_on_into_the_night_too() -> None:
    hours = OpeningHours("UTC", (), {"2026-12-31": ((1200, 1560),), "01-01": ()})
    assert hours.at(at("UTC", 2027, 1, 1, 1, 59)) == "open"
    assert hours.at(at("UTC", 2027, 1, 1, 2)) == "holiday"


def test_a_date_counts_before_the_same_day_of_every_year() -> None:
    hours = OpeningHours("UTC", (), {"05-01": (), "2026-05-01": ((540, 600),)})
    assert hours.at(at("UTC", 2026, 5, 1, 9)) == "open"
    assert hours.at(at("UTC", 2027, 5, 1, 9)) == "holiday"


def test_what_never_opens_never_changes() -> None:
    assert OpeningHours("UTC").next_change(0) is None


windows = st.tuples(st.integers(0, 1439), st.integers(1, 1440)).map(lambda w: (w[0], w[0] + w[1]))
weeks = st.lists(st.tuples(st.integers(0, 6), windows), max_size=5).map(
    lambda some: tuple((day * 1440 + start, day * 1440 + end) for day, (start, end) in some)
)
odd_days = st.dictionaries(
    st.sampled_from(["2026-03-29", "2026-03-28", "10-25", "2026-10-24", "2011-12-29", "04-05"]),
    st.lists(windows, max_size=2).map(tuple),
    max_size=3,
)
moments = st.sampled_from([(2026, 3, 28), (2026, 10, 24), (2011, 12, 29), (2026, 4, 4), (2026, 10, 3)]).flatmap(
    lambda day: st.integers(0, 2 * 1440).map(
        lambda minute: round((datetime(*day, tzinfo=UTC) + timedelta(minutes=minute)).timestamp()) * SECOND
    )
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(ZONES), weeks, odd_days, moments)
def test_the_next_change_is_the_first_minute_that_differs(
    zone: str, week: Windows, days: dict[str, Windows], now: Moment
) -> None:
    hours = OpeningHours(zone, week, days)
    found = hours.next_change(now)
    for minute in range(1, 26 * 60):
        moment = now + minute * MINUTE
        if hours.is_open(moment) != hours.is_open(now):
            assert found == moment
            return
    assert found is None or found >= now + 26 * 60 * MINUTE


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(weeks, odd_days)
def test_hours_are_the_same_after_they_were_stored(week: Windows, days: dict[str, Windows]) -> None:
    hours = OpeningHours("Asia/Shanghai", week, days)
    assert hours_of(json.loads(json.dumps(stored_hours(hours)))) == hours
