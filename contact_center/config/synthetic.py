"""Days that never were, as text: what comes when, who is there, and the policy that it is tried on."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from contact_center.config.model import ConfigError, QueueModel
from contact_center.config.routing import PolicyModel, policy_value
from contact_center.domain.agents import DEFAULT_CAPACITY
from contact_center.domain.events import Medium
from contact_center.domain.time import MINUTE, SECOND, Millis, Moment
from routing import Policy, Seat
from routing.simulation import FOR_EVER, Coming, Kind, Shift, Spread, coming

MONDAY = 1_767_571_200_000
"""2026-01-05 00:00 UTC: a day that never was has to be some day."""
BREAK_MS = 15 * MINUTE
MOST_CASES = 1_000_000

_CLOCK = re.compile(r"^([01]?\d|2[0-4]):([0-5]\d)$")

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")]
Seconds = Annotated[float, Field(gt=0, le=86_400)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


def clock(text: str) -> int:
    """Minutes since midnight."""
    told = _CLOCK.match(text.strip())
    minutes = int(told[1]) * 60 + int(told[2]) if told else 24 * 60 + 1
    if minutes > 24 * 60:
        raise ValueError(f"{text!r} is no time of day; write 08:30 (in quotes)")
    return minutes


class SpreadModel(_Strict):
    """How long something takes: ``mean_seconds`` on average, exponential; with a ``variation`` (standard deviation by
    mean) log-normal, as handling times are; with 0 always the same."""

    mean_seconds: Seconds
    variation: Annotated[float, Field(ge=0, le=10)] | None = None

    def spread(self) -> Spread:
        return Spread(self.mean_seconds, self.variation)


class NeedModel(_Strict):
    """What some of the cases need, as often as ``weight`` says beside the others."""

    skills: dict[Name, Annotated[int, Field(ge=1, le=5)]] = {}
    weight: Annotated[float, Field(gt=0, le=1_000_000)] = 1


class CasesModel(_Strict):
    """Cases of one kind. ``per_hour``: how many come, always, or from each time of day on."""

    queue: Name
    medium: Medium
    per_hour: Annotated[float, Field(ge=0, le=100_000)] | dict[str, Annotated[float, Field(ge=0, le=100_000)]]
    handling: SpreadModel
    patience: SpreadModel | None = None
    priority: Annotated[int, Field(ge=0, le=100)] = 0
    needs: Annotated[list[NeedModel], Field(max_length=100)] = []

    @field_validator("per_hour")
    @classmethod
    def _times(cls, value: float | dict[str, float]) -> float | dict[str, float]:
        if isinstance(value, dict):
            if not value:
                raise ValueError("says nothing: give a number, or times of day with one each")
            for text in value:
                clock(text)
        return value

    def curve(self) -> list[tuple[int, float]]:
        """(Minute of the day, cases an hour from then on), in order."""
        if isinstance(self.per_hour, dict):
            return sorted((clock(text), rate) for text, rate in self.per_hour.items())
        return [(0, self.per_hour)]


class TeamModel(_Strict):
    """``count`` agents alike, named ``name`` with a number. ``shift`` is when they are there (``08:00-16:30``;
    several stretches in order). ``shrinkage`` is the share of it that they are away in breaks all the same, drawn for
    each agent."""

    name: Name
    count: Annotated[int, Field(ge=1, le=10_000)] = 1
    queues: Annotated[list[Name], Field(min_length=1)]
    skills: dict[Name, Annotated[int, Field(ge=1, le=5)]] = {}
    capacity: dict[Medium, Annotated[int, Field(ge=0, le=50)]] = dict(DEFAULT_CAPACITY)
    shift: Annotated[list[str], Field(min_length=1, max_length=10)]
    shrinkage: Annotated[float, Field(ge=0, le=0.9)] = 0

    @field_validator("shift")
    @classmethod
    def _hours(cls, value: list[str]) -> list[str]:
        before = -1
        for text in value:
            begin, end = hours(text)
            if begin < before:
                raise ValueError(f"{text!r} begins before the one before it has ended")
            before = end
        return value


def hours(text: str) -> tuple[int, int]:
    """Minutes of the day."""
    begin, dash, end = text.partition("-")
    if not dash or clock(begin) >= clock(end):
        raise ValueError(f"{text!r} is no stretch of a day; write 08:00-16:30")
    return clock(begin), clock(end)


class DayModel(_Strict):
    """``days`` days alike between ``begins`` and ``ends``, drawn from ``seed``. ``queues`` and ``policy`` are written
    as in the hub's configuration. Agents accept after ``answer_seconds`` and have ``after_seconds`` to wrap up."""

    begins: str = "08:00"
    ends: str = "18:00"
    days: Annotated[int, Field(ge=1, le=200)] = 1
    seed: Annotated[int, Field(ge=0, le=2**32)] = 1
    queues: Annotated[list[QueueModel], Field(min_length=1)]
    policy: PolicyModel = PolicyModel()
    cases: Annotated[list[CasesModel], Field(min_length=1, max_length=1_000)]
    agents: Annotated[list[TeamModel], Field(min_length=1, max_length=1_000)]
    answer_seconds: Annotated[float, Field(ge=0, le=3_600)] = 4
    after_seconds: Annotated[float, Field(ge=0, le=3_600)] = 0

    @field_validator("begins", "ends")
    @classmethod
    def _clock(cls, value: str) -> str:
        clock(value)
        return value

    @model_validator(mode="after")
    def _whole(self) -> DayModel:
        if clock(self.begins) >= clock(self.ends):
            raise ValueError(f"the day ends at {self.ends}, which is not after it begins at {self.begins}")
        known = {queue.id for queue in self.queues}
        for cases in self.cases:
            if cases.queue not in known:
                raise ValueError(f"cases come into the queue {cases.queue!r}, which is not in queues:")
        for team in self.agents:
            if missing := [queue for queue in team.queues if queue not in known]:
                raise ValueError(f"the agents {team.name!r} are in the queue {missing[0]!r}, which is not in queues:")
        names = [team.name for team in self.agents]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"two teams of agents are named {twice[0]!r}")
        if (expected := self.expected()) > MOST_CASES:
            raise ValueError(f"that is some {expected:,.0f} cases; a million is the most")
        return self

    @property
    def first(self) -> Moment:
        return MONDAY + clock(self.begins) * MINUTE

    @property
    def last(self) -> Moment:
        return MONDAY + clock(self.ends) * MINUTE - 1

    @property
    def answer_ms(self) -> Millis:
        return round(self.answer_seconds * SECOND)

    @property
    def after_ms(self) -> Millis:
        return round(self.after_seconds * SECOND)

    def expected(self) -> float:
        """How many cases all days bring on average."""
        total = 0.0
        begin, end = clock(self.begins), clock(self.ends)
        for cases in self.cases:
            curve = cases.curve()
            ends = [at for at, _ in curve[1:]] + [end]
            for (at, rate), until in zip(curve, ends, strict=True):
                total += rate * max(0, min(until, end) - max(at, begin)) / 60
        return total * self.days

    def own_policy(self) -> Policy:
        return replace(policy_value(self.policy, self.queues), version="day")

    def coming(self, number: int) -> Iterator[Coming]:
        """What comes on the day of that number."""
        begin = clock(self.begins)
        kinds = [
            Kind(
                cases.queue,
                cases.medium,
                _from(begin, cases.curve()),
                cases.handling.spread(),
                cases.patience.spread() if cases.patience else FOR_EVER,
                cases.priority + self._priority(cases.queue),
                tuple([(self._skills(cases.queue) | need.skills, need.weight) for need in cases.needs])
                or ((self._skills(cases.queue), 1.0),),
            )
            for cases in self.cases
        ]
        return coming(kinds, (clock(self.ends) - begin) * MINUTE, self.seed + number, self.first)

    def _priority(self, queue: str) -> int:
        return next(each.priority for each in self.queues if each.id == queue)

    def _skills(self, queue: str) -> dict[str, int]:
        return dict(next(each.skills for each in self.queues if each.id == queue))

    def shifts(self, number: int) -> Iterator[Shift]:
        """Who is there on that day, breaks taken out."""
        drawn = random.Random(f"{self.seed + number} breaks")
        for team in self.agents:
            for one in range(1, team.count + 1):
                seat = Seat(
                    f"{team.name}{one:03}" if team.count > 1 else team.name,
                    f"{team.name} {one}" if team.count > 1 else team.name,
                    frozenset(team.queues),
                    team.skills,
                    team.capacity,
                )
                spans: list[tuple[Moment, Moment]] = []
                for text in team.shift:
                    begin, end = hours(text)
                    spans += with_breaks(MONDAY + begin * MINUTE, MONDAY + end * MINUTE, team.shrinkage, drawn)
                yield Shift(seat, tuple(spans))


def _from(begin: int, curve: list[tuple[int, float]]) -> tuple[tuple[float, float], ...]:
    """The curve in seconds since the day's beginning; before its first time nothing comes."""
    steps: dict[float, float] = {0.0: 0.0}
    for at, rate in curve:
        steps[max(0.0, (at - begin) * 60.0)] = rate
    return tuple(sorted(steps.items()))


def with_breaks(begin: Moment, end: Moment, shrinkage: float, drawn: random.Random) -> list[tuple[Moment, Moment]]:
    """The stretch without breaks of a quarter of an hour at most, which take ``shrinkage`` of it in all, one in each
    equal part of it."""
    away = round((end - begin) * shrinkage)
    if away <= 0:
        return [(begin, end)]
    breaks = -(-away // BREAK_MS)
    part, length = (end - begin) / breaks, away // breaks
    spans: list[tuple[Moment, Moment]] = []
    at = begin
    for number in range(breaks):
        start = begin + round(number * part + drawn.random() * (part - length))
        if start > at:
            spans.append((at, start))
        at = start + length
    if end > at:
        spans.append((at, end))
    return spans


def read_day(path: Path) -> DayModel:
    """Raises :class:`ConfigError` with a line for each mistake."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError([f"{path}: {error}"]) from error
    try:
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path.name}:{mark.line + 1}:{mark.column + 1}" if mark else path.name
        raise ConfigError([f"{where}: {getattr(error, 'problem', error)}"]) from error
    try:
        return DayModel.model_validate(data)
    except ValidationError as error:
        raise ConfigError(
            [
                f"{path.name}: {'.'.join(str(part) for part in problem['loc']) or 'the file'}: "
                f"{problem['msg'].removeprefix('Value error, ')}"
                for problem in error.errors()
            ]
        ) from error
