"""When somebody is there: windows of the week and days that are not like the others, by the clock on the wall.

A window is in minutes, from (inclusive) and to (exclusive), of the day or of the week; one that ends after midnight
goes on into the next day. The clock on the wall is what people read, so a window that daylight saving skips or
repeats is shorter or longer that day.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import Any, Literal, TypeAlias
from zoneinfo import ZoneInfo

from contact_center.domain.time import MINUTE, SECOND, Moment

DAY_MINUTES = 24 * 60
WEEK_MINUTES = 7 * DAY_MINUTES
FURTHEST_DAYS = 400
"""How far ahead the next change is looked for."""

Windows: TypeAlias = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class OpeningHours:
    """``week`` are minutes of the week, from Monday on. ``days`` are those that have windows of their own instead
    (none: closed), by ``2026-12-25`` or, for every year, ``12-25``; the former counts before the latter. A window of
    the day before that goes on past midnight ends there, if the new day is one of these."""

    zone: str
    week: Windows = ()
    days: Mapping[str, Windows] = field(default_factory=dict)

    @cached_property
    def _zone(self) -> ZoneInfo:
        return ZoneInfo(self.zone)

    def at(self, now: Moment) -> Literal["open", "closed", "holiday"]:
        """``holiday`` is closed on a day that is not like the others."""
        there = datetime.fromtimestamp(now / SECOND, self._zone)
        today, minute = there.date(), there.hour * 60 + there.minute
        yesterday = today - timedelta(days=1)
        own = self._own(today)
        inside = _inside(self._windows(today), minute)
        if own is None or self._own(yesterday) is not None:
            inside = inside or _inside(self._windows(yesterday), minute + DAY_MINUTES)
        return "open" if inside else "closed" if own is None else "holiday"

    def is_open(self, now: Moment) -> bool:
        return self.at(now) == "open"

    def next_change(self, now: Moment) -> Moment | None:
        """When it opens next if it is closed, and the other way round; None if that is not within
        :data:`FURTHEST_DAYS`."""
        is_open = self.is_open(now)
        today = datetime.fromtimestamp(now / SECOND, self._zone).date()
        ahead: list[Moment] = []
        for days in range(-1, FURTHEST_DAYS):  # a window of yesterday's may end today
            day = today + timedelta(days=days)
            ahead += self._edges(day)
            until = min(self._moments(day + timedelta(days=1), 0))
            for moment in sorted(each for each in ahead if each < until):
                if moment > now and self.is_open(moment) != is_open:
                    return moment
            ahead = [each for each in ahead if each >= until]
        return None

    def _own(self, day: date) -> Windows | None:
        found = self.days.get(day.isoformat())
        return self.days.get(f"{day:%m-%d}") if found is None else found

    @cached_property
    def _by_weekday(self) -> tuple[Windows, ...]:
        """Each day's windows in minutes of the day that they begin on."""
        found: list[list[tuple[int, int]]] = [[] for _ in range(7)]
        for start, end in self.week:
            if start >= 0:  # one that began before Monday is there as Sunday's too
                found[start // DAY_MINUTES].append((start % DAY_MINUTES, end - start + start % DAY_MINUTES))
        return tuple(tuple(windows) for windows in found)

    def _windows(self, day: date) -> Windows:
        own = self._own(day)
        return self._by_weekday[day.weekday()] if own is None else own

    def _edges(self, day: date) -> Iterator[Moment]:
        """Every moment of the day at which anything could change."""
        minutes = {0} | {minute for window in self._windows(day) for minute in window}
        for minute in minutes:
            yield from self._moments(day, minute)
        yield from self._shift(day)

    def _moments(self, day: date, minute: int) -> Iterator[Moment]:
        """When the clock on the wall shows it: twice where it is put back, once where it never does."""
        wall = datetime.combine(day, datetime.min.time()) + timedelta(minutes=minute)
        for fold in (0, 1):
            yield round(wall.replace(tzinfo=self._zone, fold=fold).timestamp()) * SECOND

    def _shift(self, day: date) -> Iterator[Moment]:
        """When the clocks are changed on that day, if they are: to the minute, which all zones keep to."""
        low = datetime.combine(day, datetime.min.time(), UTC) - timedelta(hours=16)
        first, last = round(low.timestamp()) // 60, round(low.timestamp()) // 60 + 56 * 60
        if self._offset(first) == self._offset(last):
            return
        while last - first > 1:
            middle = (first + last) // 2
            if self._offset(middle) == self._offset(first):
                first = middle
            else:
                last = middle
        yield last * MINUTE

    def _offset(self, minute: int) -> timedelta | None:
        return datetime.fromtimestamp(minute * 60, self._zone).utcoffset()


def _inside(windows: Windows, minute: int) -> bool:
    return any(start <= minute < end for start, end in windows)


def stored_hours(hours: OpeningHours) -> dict[str, Any]:
    """In JSON's terms."""
    days = {day: [list(window) for window in windows] for day, windows in hours.days.items()}
    return {"zone": hours.zone, "week": [list(window) for window in hours.week], "days": days}


def hours_of(stored: Mapping[str, Any]) -> OpeningHours:
    days = {day: _windows(windows) for day, windows in stored.get("days", {}).items()}
    return OpeningHours(stored["zone"], _windows(stored.get("week", ())), days)


def _windows(stored: Any) -> Windows:
    return tuple((start, end) for start, end in stored)
