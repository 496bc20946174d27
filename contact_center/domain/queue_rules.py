"""What an operator wants of a queue beyond who is in it: after-call work, callbacks, recording, opening hours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal

from contact_center.domain.opening_hours import OpeningHours
from contact_center.domain.overflow import Overflow, overflow_of
from contact_center.domain.time import MINUTE, SECOND, Millis

WrapUpMode = Literal["mandatory", "optional", "timed", "forced", "asked"]


@dataclass(frozen=True, slots=True)
class WrapUpRule:
    """How after-call work goes (the five modes of the field):

    - ``mandatory``: until the agent says how it ended.
    - ``optional``: until the agent is done; an outcome may be left out.
    - ``timed``: as mandatory, and after ``ms`` it ends by itself.
    - ``forced``: lasts exactly ``ms``; the outcome may be said at any time of it.
    - ``asked``: none, unless the agent asked for it during the call; then as optional, or timed with ``ms``.

    ``disposition`` and ``case_status`` are what is written where the agent said nothing."""

    mode: WrapUpMode = "mandatory"
    ms: Millis = 0
    disposition: str = "none"
    case_status: Literal["open", "pending", "closed"] = "closed"


@dataclass(frozen=True, slots=True)
class CallbackRule:
    """``after_abandon``: whoever hung up after waiting ``abandon_after_ms`` is called back at the place they had.
    At most ``attempts``, ``gap_ms`` apart, and only between ``earliest`` and ``latest`` (minutes of the day in the
    hub's time zone)."""

    offered: bool = True
    after_abandon: bool = True
    abandon_after_ms: Millis = 10 * SECOND
    attempts: int = 3
    gap_ms: Millis = 15 * MINUTE
    earliest: int = 8 * 60
    latest: int = 21 * 60


@dataclass(frozen=True, slots=True)
class QueueRules:
    """``redial_ms``: whoever rings again within it has the place they had. ``record``: ``consent`` records those
    who were asked and agreed. ``most_waiting`` 0 is no limit; ``longest_wait_ms`` 0 is none. ``hours`` are minutes
    of the week, from and to, in the hub's time zone; none is always. ``whisper`` says the queue's name to the
    agent before they are connected. ``pick``: who may take from it by hand what waits, past routing's choice.
    ``opening`` is what its opening hours are stored under, which count before ``hours``. ``overflow`` is where its
    work goes on. ``policy`` is the version of the policy that all this is of.
    ``estimate`` is which figure waiting callers are told: how long it takes on ``average``, within what nine in ten
    are answered (``at_most``), or the average only while the estimates of the last day were right (``if_right``)."""

    wrap_up: WrapUpRule = WrapUpRule()
    callbacks: CallbackRule = CallbackRule()
    redial_ms: Millis = 10 * MINUTE
    record: Literal["never", "always", "consent"] = "never"
    most_waiting: int = 0
    longest_wait_ms: Millis = 0
    hours: tuple[tuple[int, int], ...] = ()
    whisper: bool = True
    estimate: Literal["average", "at_most", "if_right"] = "average"
    pick: Literal["supervisors", "members"] = "supervisors"
    opening: str = ""
    overflow: tuple[Overflow, ...] = ()
    policy: str = field(default="", compare=False)


DEFAULT_RULES = QueueRules()


def rules_of(stored: Mapping[str, Any]) -> QueueRules:
    """The rules as they were stored; what this version doesn't know is left out."""
    if not stored:
        return DEFAULT_RULES
    made: dict[str, Any] = {}
    for name, value in stored.items():
        if name == "wrap_up":
            made[name] = WrapUpRule(**_known(WrapUpRule, value))
        elif name == "callbacks":
            made[name] = CallbackRule(**_known(CallbackRule, value))
        elif name == "hours":
            made[name] = tuple((start, end) for start, end in value)
        elif name == "overflow":
            made[name] = overflow_of(value)
        else:
            made[name] = value
    return QueueRules(**_known(QueueRules, made))


def _known(kind: type, data: Mapping[str, Any]) -> dict[str, Any]:
    names = {each.name for each in fields(kind)}
    return {name: value for name, value in data.items() if name in names}


def weekly(hours: tuple[tuple[int, int], ...], zone: str) -> OpeningHours | None:
    """Minutes of the week as opening hours; None where nothing is said, which is always open."""
    return OpeningHours(zone, hours) if hours else None
