"""When what waits in one queue is better off in another: what the operator asked for, held against how it stands."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, TypeAlias

from contact_center.domain.time import MINUTE, Millis, Moment

Staffing: TypeAlias = Literal["logged_in", "available", "able"]
"""Somebody of the queue is signed in; somebody is ready or at work, and not away; somebody of those could ever take
this very case."""


@dataclass(frozen=True, slots=True)
class Overflow:
    """On to the queue ``to`` once all that is said holds together (None, empty or False: nothing is said of it).

    ``waited_ms``: longer than this, counted from where its waiting counts from. ``ahead``: as many wait before it, so
    that a queue of that many takes no more. ``nobody``: there is nobody of this kind. ``level_below``: of those who
    waited in the queue within the last ``level_of_ms``, fewer of a hundred were answered within its target.
    ``estimate_ms``: it is expected to wait longer than this from now on; where nobody serves the queue, that is so.
    ``closed``: it is outside the queue's hours."""

    to: str
    waited_ms: Millis | None = None
    ahead: int | None = None
    nobody: Staffing | None = None
    level_below: float | None = None
    level_of_ms: Millis = 30 * MINUTE
    estimate_ms: Millis | None = None
    closed: bool = False

    @property
    def timed_only(self) -> bool:
        """Whether nothing but time makes it hold: then it need not be looked at before."""
        rest = (self.ahead, self.nobody, self.level_below, self.estimate_ms)
        return self.waited_ms is not None and rest == (None,) * 4 and not self.closed


@dataclass(frozen=True, slots=True)
class Standing:
    """How it stands with a case that waits; what no rule asks about may be anything. ``level`` None: too few waited
    to say. ``estimate_ms`` None: nobody who is there will ever be asked to take it; ``estimate_p90_ms`` is the same
    in nine cases of ten and ``estimate_ahead`` how many are in front, where that is known."""

    waited_ms: Millis
    ahead: int = 0
    logged_in: int = 0
    available: int = 0
    able: int = 0
    level: float | None = None
    estimate_ms: Millis | None = None
    estimate_p90_ms: Millis | None = None
    estimate_ahead: int = 0
    open: Literal["open", "closed", "holiday"] = "open"


Because: TypeAlias = dict[str, int | str]
"""Each condition that held, by the name of its setting, with what was found. What was expected is said with how long
it takes in nine cases of ten and how many were in front, so that it can be followed."""


def first_that_holds(
    rules: Sequence[Overflow], standing: Standing, been_in: Collection[str]
) -> tuple[Overflow, Because] | None:
    """The first rule that holds and leads to a queue that the case has not been in: it never goes in circles."""
    for rule in rules:
        if rule.to not in been_in:
            because = _holds(rule, standing)
            if because is not None:
                return rule, because
    return None


def _holds(rule: Overflow, standing: Standing) -> Because | None:
    found: Because = {}
    if rule.waited_ms is not None:
        if standing.waited_ms < rule.waited_ms:
            return None
        found["waited_ms"] = standing.waited_ms
    if rule.ahead is not None:
        if standing.ahead < rule.ahead:
            return None
        found["ahead"] = standing.ahead
    if rule.nobody is not None:
        if getattr(standing, rule.nobody):
            return None
        found["nobody"] = rule.nobody
    if rule.level_below is not None:
        if standing.level is None or standing.level >= rule.level_below:
            return None
        found["level"] = int(standing.level)
    if rule.estimate_ms is not None:
        if standing.estimate_ms is not None and standing.estimate_ms <= rule.estimate_ms:
            return None
        found["estimate_ms"] = -1 if standing.estimate_ms is None else standing.estimate_ms
        if standing.estimate_p90_ms is not None:
            found |= {"estimate_p90_ms": standing.estimate_p90_ms, "estimate_ahead": standing.estimate_ahead}
    if rule.closed:
        if standing.open == "open":
            return None
        found["closed"] = standing.open
    return found or None


def look_at(rules: Sequence[Overflow], since: Moment, now: Moment, again_ms: Millis) -> Moment | None:
    """When a case whose waiting counts from ``since`` is to be looked at by itself, for those rules that time makes
    hold; None for never. A rule whose time has come but whose other conditions have not is looked at again after
    ``again_ms``."""
    times = []
    for rule in rules:
        if rule.waited_ms is not None:
            comes = since + rule.waited_ms
            if comes > now:
                times.append(comes)
            elif not rule.timed_only:
                times.append(now + again_ms)
    return min(times, default=None)


def watched(rules: Sequence[Overflow]) -> bool:
    """Whether the queue as a whole has to be watched: some rule holds by how it stands, not by a case's own time."""
    return any(rule.waited_ms is None for rule in rules)


def stored_overflow(rules: Sequence[Overflow]) -> list[dict[str, Any]]:
    """In JSON's terms."""
    return [asdict(rule) for rule in rules]


def overflow_of(stored: Sequence[Mapping[str, Any]]) -> tuple[Overflow, ...]:
    """As it was stored; what this version doesn't know is left out."""
    names = {each.name for each in fields(Overflow)}
    return tuple(Overflow(**{name: value for name, value in rule.items() if name in names}) for rule in stored)
