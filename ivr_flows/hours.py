"""Weekly opening hours, in the time of the place."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from contact_center.domain.time import SECOND, Moment

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY = 24 * 60
_WEEK = 7 * _DAY
_WINDOW = re.compile(r"(\d{2}):(\d{2})\s*-\s*(\d{2}):(\d{2})")


@dataclass(frozen=True, slots=True)
class Week:
    """``windows`` are minutes of the week, from (inclusive) and to (exclusive); one that passes the end of
    Sunday is there twice."""

    zone: ZoneInfo
    windows: tuple[tuple[int, int], ...]

    def open_at(self, now: Moment) -> bool:
        """Whether the clock on the wall is inside a window. It is what people read, so a window that
        daylight saving skips or repeats is shorter or longer that day."""
        there = datetime.fromtimestamp(now / SECOND, self.zone)
        minute = there.weekday() * _DAY + there.hour * 60 + there.minute
        return any(start <= minute < end for start, end in self.windows)


def days(words: str) -> tuple[int, ...]:
    """``mon``, ``mon-fri``, ``fri-mon``. Raises ValueError for anything else."""
    first, dash, last = words.strip().lower().partition("-")
    start = DAYS.index(first.strip())
    end = DAYS.index(last.strip()) if dash else start
    return tuple((start + n) % 7 for n in range((end - start) % 7 + 1))


def windows(words: str) -> tuple[tuple[int, int], ...]:
    """``09:00-12:00, 13:00-18:00``, as minutes of the day; one that ends at or before its start goes on
    into the next day, and ``00:00-24:00`` is all day. Raises ValueError for anything else."""
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


def week(zone: ZoneInfo, table: list[tuple[tuple[int, ...], tuple[tuple[int, int], ...]]]) -> Week:
    """The days with their windows, as one list of minutes of the week."""
    found = set()
    for some_days, some_windows in table:
        for day in some_days:
            for start, end in some_windows:
                begins, ends = day * _DAY + start, day * _DAY + end
                found.add((begins, ends))
                if ends > _WEEK:
                    found.add((begins - _WEEK, ends - _WEEK))
    return Week(zone, tuple(sorted(found)))
