"""What becomes of somebody's work when they are not there to do it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from contact_center.domain.events import Medium
from contact_center.domain.time import MINUTE, SECOND, Millis


def _at_once() -> dict[Medium, Millis]:
    return {"chat": 0, "sms": 0, "email": 0, "other": 0}


@dataclass(frozen=True, slots=True)
class Absence:
    """An agent whose last console is gone has ``grace_ms`` to come back. After that, whatever rings at them rings
    elsewhere at once, and what they have in hand returns to its queue, at its place, ``gone_ms`` of its medium
    later; what is not named stays theirs. A call stays while the line is up, whatever is said of it.

    The same goes, with ``off_duty_ms``, for what somebody has open who is off duty (offline or not ready) for so
    long, except that they are asked first if a console of theirs is open: without an answer within ``ask_ms`` the
    work returns. ``wrap_up_ms`` is how long after-call work may stay open without anybody there to do it before it
    ends by itself (0: for ever)."""

    grace_ms: Millis = 20 * SECOND
    gone_ms: Mapping[Medium, Millis] = field(default_factory=_at_once)
    off_duty_ms: Mapping[Medium, Millis] = field(default_factory=dict)
    ask_ms: Millis = MINUTE
    wrap_up_ms: Millis = 0

    def __post_init__(self) -> None:
        times = (*self.gone_ms.values(), *self.off_duty_ms.values(), self.wrap_up_ms)
        if self.grace_ms <= 0 or self.ask_ms <= 0 or any(each < 0 for each in times):
            raise ValueError("an absence cannot last less than no time at all")


SETTING = "absence"
"""What it is stored under, as JSON with the names of the fields."""


def absence_of(stored: Mapping[str, Any]) -> Absence:
    """The rule as it was stored; what this version doesn't know is left out."""
    return Absence(**{name: stored[name] for name in Absence.__slots__ if name in stored})
