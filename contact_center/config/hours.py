"""The configuration's opening hours: weeks, holidays and days that are not like the others, written for people."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

from contact_center.domain.opening_hours import WEEK_MINUTES, OpeningHours, Windows, stored_hours
from ivr_flows.hours import Holiday, dates, days, windows

Id = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")]
MOST_DAYS = 20_000
LONGEST_RANGE = 366


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


def week_of(hours: Mapping[str, str]) -> Windows:
    """``{"mon-fri": "09:00-18:00"}`` as minutes of the week. Raises ValueError."""
    found: set[tuple[int, int]] = set()
    for some_days, some_windows in hours.items():
        try:
            for day in days(some_days):
                for start, end in windows(some_windows):
                    begins, ends = day * 1440 + start, day * 1440 + end
                    found.add((begins, ends))
                    if ends > WEEK_MINUTES:
                        found.add((begins - WEEK_MINUTES, ends - WEEK_MINUTES))
        except ValueError as error:
            raise ValueError(f'hours are written as mon-fri: "09:00-12:00, 13:00-18:00" ({error})') from error
    return tuple(sorted(found))


def days_of(written: Mapping[str, str]) -> dict[str, Windows]:
    """``{"12-24..12-26": "closed", "2026-05-02": "09:00-12:00"}``, each day by itself. Raises ValueError."""
    found: dict[str, Windows] = {}
    for some_days, some_windows in written.items():
        try:
            holiday, open_ = dates(some_days), windows(some_windows)
        except ValueError as error:
            raise ValueError(
                f'days are written as 2026-12-25, 12-25 (every year) or 12-24..01-01, each with "closed" or windows '
                f'such as "09:00-12:00" ({some_days!r}: {error})'
            ) from error
        for day in _each(holiday, some_days):
            found[day] = open_
    return found


def _each(holiday: Holiday, written: str) -> list[str]:
    yearly = len(holiday.first) == 2
    first = date(2024, *holiday.first) if yearly else date(*holiday.first)
    last = date(2024, *holiday.last) if yearly else date(*holiday.last)
    if last < first:
        last = date(2025, *holiday.last)
    if (last - first).days >= LONGEST_RANGE:
        raise ValueError(f"{written!r} is longer than a year")
    every = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    return [f"{day:%m-%d}" if yearly else day.isoformat() for day in every]


class _WithDays(_Strict):
    days: Annotated[dict[str, str], Field(max_length=MOST_DAYS)] = {}

    @field_validator("days", mode="before")
    @classmethod
    def _closed(cls, value: Any) -> Any:
        """A list of days is days that are closed."""
        if isinstance(value, list):
            return {str(day): "closed" for day in value}
        return {str(day): open_ for day, open_ in value.items()} if isinstance(value, dict) else value

    @field_validator("days")
    @classmethod
    def _readable(cls, value: dict[str, str]) -> dict[str, str]:
        if len(days_of(value)) > MOST_DAYS:
            raise ValueError(f"are more than {MOST_DAYS}")
        return value


class HolidaysModel(_WithDays):
    """Days that several opening hours have in common: a list of days that are closed, or days with the windows that
    are open all the same. ``2026-12-25``, ``12-25`` (every year), ``12-24..01-01``."""

    id: Id
    name: str = ""


class HoursModel(_WithDays):
    """When a queue is open. ``week``: days with windows; a window that ends at or before its start goes on into the
    next day. ``time_zone`` unset is the hub's. ``holidays`` by their ids; ``days`` of its own count before them."""

    id: Id
    time_zone: str = ""
    week: dict[str, str] = {}
    holidays: list[Id] = []

    @field_validator("week")
    @classmethod
    def _week(cls, value: dict[str, str]) -> dict[str, str]:
        week_of(value)
        return value


def opening_hours(model: HoursModel, holidays: Mapping[str, HolidaysModel], zone: str) -> OpeningHours:
    """Together with its holidays, of which the later count before the earlier."""
    own: dict[str, Windows] = {}
    for holiday_id in model.holidays:
        if holiday_id in holidays:
            own |= days_of(holidays[holiday_id].days)
    own |= days_of(model.days)
    return OpeningHours(model.time_zone or zone, week_of(model.week), own)


def stored_by_digest(hours: OpeningHours) -> tuple[str, dict[str, Any]]:
    """As it is stored, and what it is known by: hours that are the same have the same name."""
    stored = stored_hours(hours)
    text = json.dumps(stored, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16], stored
