"""Weekly opening hours and holidays, in the time of the place."""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal
from zoneinfo import ZoneInfo

from contact_center.domain.time import SECOND, Moment

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY = 24 * 60
_WEEK = 7 * _DAY
_WINDOW = re.compile(r"(\d{2}):(\d{2})\s*-\s*(\d{2}):(\d{2})")
_DATE = re.compile(r"(?:(\d{4})-)?(\d{2})-(\d{2})")

Windows = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Holiday:
    """From ``first`` to ``last``, both days counted: (month, day) in every year, or (year, month, day).
    ``windows`` are minutes of the day that are open all the same."""

    first: tuple[int, ...]
    last: tuple[int, ...]
    windows: Windows = ()

    def includes(self, day: date) -> bool:
        if len(self.first) == 3:
            return self.first <= (day.year, day.month, day.day) <= self.last
        if self.first <= self.last:
            return self.first <= (day.month, day.day) <= self.last
        return (day.month, day.day) >= self.first or (day.month, day.day) <= self.last


@dataclass(frozen=True, slots=True)
class Week:
    """``windows`` are minutes of the week, from (inclusive) and to (exclusive); one that passes the end of
    Sunday is there twice."""

    zone: ZoneInfo
    windows: Windows
    holidays: tuple[Holiday, ...] = ()

    def at(self, now: Moment) -> Literal["open", "closed", "holiday"]:
        """By the clock on the wall. It is what people read, so a window that daylight saving skips or repeats is
        shorter or longer that day. On a holiday, from midnight to midnight, only its own windows are open."""
        there = datetime.fromtimestamp(now / SECOND, self.zone)
        minute = there.hour * 60 + there.minute
        for holiday in self.holidays:
            if holiday.includes(there.date()):
                return "open" if _inside(holiday.windows, minute) else "holiday"
        return "open" if _inside(self.windows, there.weekday() * _DAY + minute) else "closed"

    def never_open(self) -> bool:
        yearly = [holiday for holiday in self.holidays if len(holiday.first) == 2]
        if any(holiday.windows for holiday in self.holidays):
            return False
        if not self.windows:
            return True
        days_of_year = (date(2024, month, day) for month in range(1, 13) for day in _days_of(month))
        return all(any(holiday.includes(day) for holiday in yearly) for day in days_of_year)


def _days_of(month: int) -> range:
    return range(1, monthrange(2024, month)[1] + 1)


def _inside(windows: Windows, minute: int) -> bool:
    return any(start <= minute < end for start, end in windows)


def days(words: str) -> tuple[int, ...]:
    """``mon``, ``mon-fri``, ``fri-mon``. Raises ValueError for anything else."""
    first, dash, last = words.strip().lower().partition("-")
    start = DAYS.index(first.strip())
    end = DAYS.index(last.strip()) if dash else start
    return tuple((start + n) % 7 for n in range((end - start) % 7 + 1))


def windows(words: str) -> Windows:
    """``09:00-12:00, 13:00-18:00``, as minutes of the day; one that ends at or before its start goes on
    into the next day, and ``00:00-24:00`` is all day. ``closed`` is none. Raises ValueError for anything else."""
    if words.strip().lower() == "closed":
        return ()
    found = []
    for part in words.split(","):
        match = _WINDOW.fullmatch(part.strip())
        if match is None:
            raise ValueError(f"{part.strip()!r} is no window")
        h, m, to_h, to_m = map(int, match.groups())
        start, end = h * 60 + m, to_h * 60 + to_m
        if max(m, to_m) > 59 or start >= _DAY or end > _DAY:
            raise ValueError(f"{part.strip()!r} is no time of day")
        found.append((start, end if end > start else end + _DAY))
    return tuple(found)


def dates(words: str) -> Holiday:
    """``2026-12-25``, ``12-25`` (every year), ``2026-12-24..2027-01-01``, ``12-24..01-01``. Raises ValueError for
    anything else."""
    first, dots, last = words.partition("..")
    begins = _day(first)
    ends = _day(last) if dots else begins
    if len(begins) != len(ends) or (len(begins) == 3 and ends < begins):
        raise ValueError(f"{words!r} is no range of days")
    return Holiday(begins, ends)


def _day(words: str) -> tuple[int, ...]:
    match = _DATE.fullmatch(words.strip())
    if match is None:
        raise ValueError(f"{words.strip()!r} is no day")
    year, month, day = match.groups()
    found = date(int(year or 2024), int(month), int(day))  # 2024 has all days that a year may have
    return (found.year, found.month, found.day) if year else (found.month, found.day)


def week(zone: ZoneInfo, table: list[tuple[tuple[int, ...], Windows]], holidays: tuple[Holiday, ...] = ()) -> Week:
    """The days with their windows, as one list of minutes of the week."""
    found = set()
    for some_days, some_windows in table:
        for day in some_days:
            for start, end in some_windows:
                begins, ends = day * _DAY + start, day * _DAY + end
                found.add((begins, ends))
                if ends > _WEEK:
                    found.add((begins - _WEEK, ends - _WEEK))
    return Week(zone, tuple(sorted(found)), holidays)
