"""The configuration's routing: how the house weighs things, what queues want of agents, and where work goes on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Annotated, Any, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from contact_center.domain.absence import Absence
from contact_center.domain.events import Medium
from contact_center.domain.overflow import Overflow, Staffing
from contact_center.domain.time import HOUR, MINUTE, SECOND, Millis
from routing.expression import covers, lowered, read_need
from routing.needs import ANYBODY, Need
from routing.policy import RANKING, Batch, Missed, Policy, QueuePolicy, Step, Term

Id = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")]
Level = Annotated[int, Field(ge=1, le=5)]
Seconds = Annotated[float, Field(ge=0.001, le=86_400)]
SomeSeconds = Annotated[float, Field(ge=0, le=86_400)]
Minutes = Annotated[float, Field(ge=0, le=60 * 24 * 30)]
Weight = Annotated[int, Field(ge=0, le=1_000)]
Expression = Annotated[str, Field(max_length=2_000)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Inside(ValueError):
    """A mistake that was found by looking at the whole, and is in one part of it: ``path`` leads there."""

    def __init__(self, told: str, *path: str | int) -> None:
        super().__init__(told)
        self.path = path


def _ms(seconds: float) -> Millis:
    return round(seconds * SECOND)


# --- the house -----------------------------------------------------------------------------------------------------


class BatchModel(_Strict):
    """When several cases meet several agents, ``most`` is how many are weighed together; 0: none are."""

    most: Annotated[int, Field(ge=0, le=200)] = Batch().most


class AbsenceModel(_Strict):
    """What becomes of the work of somebody who is gone. Who loses the connection has ``grace_seconds`` to come back;
    then written work returns to its queue ``gone_minutes`` of its medium later (what is not named stays theirs). Who
    is off duty for ``off_duty_minutes`` is asked, and without an answer in ``ask_seconds`` it returns. After-call
    work that nobody does ends after ``wrap_up_minutes`` (0: never)."""

    grace_seconds: Seconds = 20
    gone_minutes: dict[Medium, Minutes] = {"chat": 0, "sms": 0, "email": 0, "other": 0}
    off_duty_minutes: dict[Medium, Minutes] = {}
    ask_seconds: Seconds = 60
    wrap_up_minutes: Minutes = 0


def absence(model: AbsenceModel) -> Absence:
    return Absence(
        grace_ms=_ms(model.grace_seconds),
        gone_ms={medium: _ms(minutes * 60) for medium, minutes in model.gone_minutes.items()},
        off_duty_ms={medium: _ms(minutes * 60) for medium, minutes in model.off_duty_minutes.items()},
        ask_ms=_ms(model.ask_seconds),
        wrap_up_ms=_ms(model.wrap_up_minutes * 60),
    )


class PolicyModel(_Strict):
    """How routing weighs things; unset is the product's default (docs/routing.md)."""

    ageing_seconds: Annotated[float, Field(ge=0)] | None = None
    most_priority: Annotated[int, Field(ge=0, le=1_000_000)] | None = None
    order: Literal["age", "slack"] = "age"
    sticky_hours: Annotated[float, Field(ge=0)] | None = None
    reoffer_cooldown_seconds: Annotated[float, Field(ge=0)] | None = None
    sole_cooldown_seconds: Annotated[float, Field(ge=0)] | None = None
    cooldown_seconds: dict[Missed, SomeSeconds] = {}
    misses_in_a_row: Annotated[int, Field(ge=0, le=100)] = 2
    offer_seconds: dict[Medium, Seconds] = {}
    ranking: list[Term] = list(RANKING)
    exclusive: list[Medium] = ["voice"]
    weights: dict[Medium, Weight] = {}
    interrupts: dict[Medium, list[Medium]] = {}
    batch: BatchModel = BatchModel()
    absence: AbsenceModel = AbsenceModel()

    @model_validator(mode="after")
    def _cooldowns(self) -> PolicyModel:
        longest = 30 if self.reoffer_cooldown_seconds is None else self.reoffer_cooldown_seconds
        if self.sole_cooldown_seconds is not None and self.sole_cooldown_seconds > longest:
            told = f"cannot be longer than reoffer_cooldown_seconds ({longest:g} s): who is alone is asked sooner"
            raise Inside(told, "sole_cooldown_seconds")
        return self

    @field_validator("ranking", "exclusive")
    @classmethod
    def _once(cls, value: list[str]) -> list[str]:
        if twice := sorted({each for each in value if value.count(each) > 1}):
            raise ValueError(f"has {twice[0]!r} twice")
        return value

    @field_validator("ranking")
    @classmethod
    def _one_way(cls, value: list[str]) -> list[str]:
        for one, other in (("least_loaded", "most_loaded"), ("most_skilled", "least_skilled")):
            if one in value and other in value:
                raise ValueError(f"has both {one} and {other}: only the first of them would ever count")
        return value

    @field_validator("interrupts")
    @classmethod
    def _not_itself(cls, value: dict[Medium, list[Medium]]) -> dict[Medium, list[Medium]]:
        for medium, others in value.items():
            if medium in others:
                raise ValueError(f"{medium} cannot interrupt itself: take it out of its own list")
            for other in others:
                if medium in value.get(other, []):
                    raise ValueError(f"{medium} and {other} interrupt each other: one of them must give way")
        return value


# --- what a queue wants --------------------------------------------------------------------------------------------


class StepModel(_Strict):
    """From ``after_seconds`` of waiting on, less is asked for: skills are dropped or lowered, in the queue's
    ``needs`` and in what the case itself needs; or other ``needs`` take their place; members of further queues may
    take it."""

    after_seconds: Annotated[float, Field(gt=0, le=7 * 86_400)]
    drop: list[Id] = []
    lower: dict[Id, Level] = {}
    needs: Expression = ""
    also_queues: list[Id] = []

    @field_validator("needs")
    @classmethod
    def _readable(cls, value: str) -> str:
        need_of(value)
        return value

    @model_validator(mode="after")
    def _something(self) -> StepModel:
        if not (self.drop or self.lower or self.needs or self.also_queues):
            raise ValueError("asks for nothing less: give drop, lower, needs or also_queues")
        if self.needs and (self.drop or self.lower):
            raise ValueError("has needs and also drop or lower: say it in one way")
        return self


class OverflowModel(_Strict):
    """What waits goes on to the queue ``to``, once, when all of this holds: it waited longer than ``waited_seconds``;
    ``ahead`` others wait before it; there is ``nobody`` who is ``logged_in``, ``available`` or ``able`` to take it;
    the service level of the last ``of_minutes`` is below ``level_below`` percent; it is expected to wait longer than
    ``estimate_seconds``; the queue is ``closed``."""

    to: Id
    waited_seconds: Annotated[float, Field(gt=0, le=7 * 86_400)] | None = None
    ahead: Annotated[int, Field(ge=1, le=100_000)] | None = None
    nobody: Staffing | None = None
    level_below: Annotated[float, Field(gt=0, le=100)] | None = None
    of_minutes: Annotated[float, Field(ge=1, le=24 * 60)] = 30
    estimate_seconds: Annotated[float, Field(gt=0, le=86_400)] | None = None
    closed: bool = False

    @model_validator(mode="after")
    def _something(self) -> OverflowModel:
        said = (self.waited_seconds, self.ahead, self.nobody, self.level_below, self.estimate_seconds)
        if said == (None,) * 5 and not self.closed:
            raise ValueError(
                "has no condition: give waited_seconds, ahead, nobody, level_below, estimate_seconds or closed"
            )
        return self


class QueueRoutingModel(_Strict):
    """What a queue wants of routing; unset is the product's default (docs/routing.md, "Policy as text")."""

    needs: Expression = ""
    prefer: dict[Id, Annotated[int, Field(ge=1, le=1_000)]] = {}
    relax: Annotated[list[StepModel], Field(max_length=20)] = []
    skip_hopeless: bool = True
    hold_seconds: SomeSeconds = 0
    ring: Annotated[int, Field(ge=1, le=50)] = 1
    auto_answer: list[Medium] = []
    handling_seconds: SomeSeconds = 0
    label: Annotated[str, Field(pattern=r"^([a-z0-9][a-z0-9._-]{0,62})?$")] = ""
    overflow: Annotated[list[OverflowModel], Field(max_length=20)] = []
    pick: Literal["supervisors", "members"] = "supervisors"

    @field_validator("needs")
    @classmethod
    def _readable(cls, value: str) -> str:
        need_of(value)
        return value

    @model_validator(mode="after")
    def _steps(self) -> QueueRoutingModel:
        before = 0.0
        for number, step in enumerate(self.relax):
            if step.after_seconds <= before:
                raise Inside(
                    f"step {number + 1} comes at {step.after_seconds:g} s, which is not after the one before it "
                    f"({before:g} s): put the steps in the order of their times",
                    "relax",
                    number,
                    "after_seconds",
                )
            before = step.after_seconds
        return self


class SegmentModel(_Strict):
    """Customers whom the house takes for something, such as VIPs: the back office says who they are. What they write
    or call about has ``priority`` more and needs ``skills`` too."""

    id: Id
    name: Annotated[str, Field(min_length=1, max_length=200)]
    name_zh: str = ""
    priority: Annotated[int, Field(ge=0, le=100)] = 0
    skills: dict[Id, Level] = {}
    owner: str = ""
    preferred: Annotated[list[Id], Field(max_length=20)] = []


@lru_cache(maxsize=4_096)
def need_of(text: str) -> Need:
    """What the expression asks; of very many queues most ask in the same words. Raises NotReadable."""
    return read_need(text) if text.strip() else ANYBODY


# --- as values -----------------------------------------------------------------------------------------------------


class WithRouting(Protocol):
    """A queue of the configuration, as far as its policy is concerned."""

    @property
    def id(self) -> str: ...
    @property
    def target_seconds(self) -> float: ...
    @property
    def routing(self) -> QueueRoutingModel: ...


def policy_value(model: PolicyModel, queues: Iterable[WithRouting]) -> Policy:
    """The policy that the text says. It has no version yet: a document gives it one."""
    said: dict[str, Any] = {}
    if model.ageing_seconds is not None:
        said["ageing_ms"] = _ms(model.ageing_seconds)
    if model.sticky_hours is not None:
        said["sticky_ms"] = round(model.sticky_hours * HOUR)
    if model.reoffer_cooldown_seconds is not None:
        said["reoffer_cooldown_ms"] = _ms(model.reoffer_cooldown_seconds)
        said["sole_cooldown_ms"] = min(5 * SECOND, said["reoffer_cooldown_ms"])
    if model.sole_cooldown_seconds is not None:
        said["sole_cooldown_ms"] = _ms(model.sole_cooldown_seconds)
    return Policy(
        version="",
        offer_ms={**Policy("").offer_ms, **{medium: _ms(each) for medium, each in model.offer_seconds.items()}},
        most_priority=model.most_priority,
        order=model.order,
        cooldown_ms={cause: _ms(each) for cause, each in model.cooldown_seconds.items()},
        misses_in_a_row=model.misses_in_a_row,
        ranking=tuple(model.ranking),
        exclusive_media=tuple(model.exclusive),
        weights=model.weights,
        interrupts={medium: frozenset(others) for medium, others in model.interrupts.items()},
        batch=Batch(**model.batch.model_dump()),
        queues={queue.id: queue_policy(queue.routing, queue.target_seconds) for queue in queues},
        **said,
    )


def queue_policy(model: QueueRoutingModel, target_seconds: float) -> QueuePolicy:
    return QueuePolicy(
        need=need_of(model.needs),
        prefer=model.prefer,
        relax=steps_of(model),
        skip_hopeless=model.skip_hopeless,
        hold_ms=_ms(model.hold_seconds),
        ring=model.ring,
        auto_answer=frozenset(model.auto_answer),
        target_ms=_ms(target_seconds),
        handling_ms=_ms(model.handling_seconds),
        label=model.label,
    )


def steps_of(model: QueueRoutingModel) -> tuple[Step, ...]:
    """The steps of the text, each with all that the ones before it gave up: what is not asked for any more stays so,
    until a step says other ``needs``."""
    need = need_of(model.needs)
    skills: dict[str, int] = {}
    queues: frozenset[str] = frozenset()
    steps = []
    for step in model.relax:
        less = {**dict.fromkeys(step.drop, 0), **step.lower}
        skills = {**skills, **{skill: min(level, skills.get(skill, level)) for skill, level in less.items()}}
        need = need_of(step.needs) if step.needs else lowered(need, less)
        queues |= frozenset(step.also_queues)
        changed = need if need != need_of(model.needs) else None
        steps.append(Step(_ms(step.after_seconds), skills, changed, queues))
    return tuple(steps)


def steps_that_ask_no_less(model: QueueRoutingModel, skills: Mapping[str, int]) -> list[tuple[int, str]]:
    """Steps of ``relax`` (from 0) that turn away as many as the one before, or others, each with what is wrong with
    it. ``skills`` are what cases of the queue need by themselves; those that flows and entry points add may be
    dropped too, so only a step that names nothing known is found."""
    found = []
    need: Need = need_of(model.needs)
    known_queues: frozenset[str] = frozenset()
    for number, (step, value) in enumerate(zip(model.relax, steps_of(model), strict=True)):
        now = value.need if value.need is not None else need_of(model.needs)
        same_need = covers(need, now)
        new_queues = value.queues - known_queues
        if step.needs and not covers(now, need):
            found.append((number, "asks for something that the one before it did not: a step may only ask for less"))
        elif step.needs and same_need and not new_queues:
            found.append((number, "asks for as much as was asked for before it"))
        elif same_need and not new_queues and not _lowers(step, skills):
            names = ", ".join([*step.drop, *step.lower]) or ", ".join(step.also_queues)
            found.append((number, f"changes nothing: {names} was not asked for"))
        need, known_queues = now, value.queues
    return found


def _lowers(step: StepModel, skills: Mapping[str, int]) -> bool:
    return any(skill in skills for skill in step.drop) or any(
        skills.get(skill, 0) > level for skill, level in step.lower.items()
    )


def overflow_rules(model: QueueRoutingModel) -> tuple[Overflow, ...]:
    return tuple(
        Overflow(
            to=rule.to,
            waited_ms=None if rule.waited_seconds is None else _ms(rule.waited_seconds),
            ahead=rule.ahead,
            nobody=rule.nobody,
            level_below=rule.level_below,
            level_of_ms=round(rule.of_minutes * MINUTE),
            estimate_ms=None if rule.estimate_seconds is None else _ms(rule.estimate_seconds),
            closed=rule.closed,
        )
        for rule in model.overflow
    )


# --- overflow that is never reached --------------------------------------------------------------------------------

_FEWER: tuple[Staffing, ...] = ("able", "available", "logged_in")
"""Each holds whenever those after it do: who is signed out is not available, and who is not cannot take it."""


def waited_alone(rule: OverflowModel) -> bool:
    """Whether it sends on everything that has waited so long."""
    return rule.waited_seconds is not None and _conditions(rule) == 1


def _conditions(rule: OverflowModel) -> int:
    said = (rule.waited_seconds, rule.ahead, rule.nobody, rule.level_below, rule.estimate_seconds)
    return sum(each is not None for each in said) + rule.closed


def holds_whenever(one: OverflowModel, other: OverflowModel) -> bool:
    """Whether ``one`` holds in every case in which ``other`` does, as far as their numbers tell."""
    return (
        _at_most(one.waited_seconds, other.waited_seconds)
        and _at_most(one.ahead, other.ahead)
        and _at_most(one.estimate_seconds, other.estimate_seconds)
        and (one.nobody is None or (other.nobody is not None and _fewer(one.nobody, other.nobody)))
        and (one.level_below is None or (_at_most(other.level_below, one.level_below) and _same_span(one, other)))
        and (other.closed or not one.closed)
    )


def _at_most(one: float | None, other: float | None) -> bool:
    """Whether a condition on ``one`` holds wherever one on ``other`` does; none always holds."""
    return one is None or (other is not None and one <= other)


def _fewer(one: Staffing, other: Staffing) -> bool:
    return _FEWER.index(one) <= _FEWER.index(other)


def _same_span(one: OverflowModel, other: OverflowModel) -> bool:
    return other.level_below is not None and one.of_minutes == other.of_minutes
