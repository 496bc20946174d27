"""One stretch of waiting in an interaction's record: when it began and what became of it. Pure.

A stretch is what a queue saw: from the moment when it waits there until an agent takes it, its customer gives up, or
it goes elsewhere. Offers that came to nothing are part of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from contact_center.domain.time import Millis, Moment

WAITING = ("queue", "offer")
AT_ONCE_MS = 250
IN_HAND = ("talk", "hold", "wrap_up", "offer")


@dataclass(frozen=True, slots=True)
class Became:
    """``outcome``: ``answered`` (by ``agent_id``, who was rung for ``rang_ms`` and had it for ``handled_ms``),
    ``abandoned`` or ``left``. ``done``: there is nothing more to come of it."""

    outcome: str
    waited_ms: Millis
    agent_id: str = ""
    rang_ms: Millis = 0
    handled_ms: Millis = 0
    done: bool = True


def last_began_at(segments: Sequence[Mapping[str, Any]]) -> Moment | None:
    """When the last stretch of waiting began; None where there was none. Going on to another queue begins another
    one."""
    return next(
        (
            segments[number]["started_at"]
            for number in range(len(segments) - 1, -1, -1)
            if segments[number]["kind"] == "queue"
            and (number == 0 or not _waits_on(segments[number - 1], segments[number]["queue"]))
        ),
        None,
    )


def offered_at_once(segments: Sequence[Mapping[str, Any]], began_at: Moment) -> bool:
    """Whether the stretch that began at ``began_at`` found an agent free: it was offered in the same breath."""
    return any(s["kind"] == "offer" and 0 <= s["started_at"] - began_at <= AT_ONCE_MS for s in segments)


def _waits_on(before: Mapping[str, Any], queue: str) -> bool:
    return before["kind"] in WAITING and before["queue"] == queue


def became(
    segments: Sequence[Mapping[str, Any]], queue: str, began_at: Moment, ended_reason: str, ended_at: Moment
) -> Became | None:
    """What became of the stretch in ``queue`` that began at ``began_at``; None while it lasts. Of a record that has
    lost the stretch (its segments are limited) only its end is known, and it counts as left."""
    first = next((n for n, s in enumerate(segments) if s["kind"] == "queue" and s["started_at"] == began_at), None)
    if first is None:
        return Became("left", max(0, ended_at - began_at)) if ended_at else None
    after = first
    while after < len(segments) and _waits_on(segments[after], queue):
        after += 1
    last = segments[after - 1]
    if after == len(segments):
        if not last["ended_at"]:
            return None
        return Became("abandoned" if ended_reason == "abandoned" else "left", last["ended_at"] - began_at)
    following = segments[after]
    if following["kind"] not in IN_HAND:
        return Became("left", following["started_at"] - began_at)
    return _answered(segments, after, last, began_at)


def _answered(
    segments: Sequence[Mapping[str, Any]], first: int, offer: Mapping[str, Any], began_at: Moment
) -> Became:
    end = first
    while end < len(segments) and segments[end]["kind"] in IN_HAND:
        end += 1
    taken, last = segments[first], segments[end - 1]
    return Became(
        "answered",
        taken["started_at"] - began_at,
        taken["agent_id"],
        taken["started_at"] - offer["started_at"] if offer["kind"] == "offer" else 0,
        last["ended_at"] - taken["started_at"] if last["ended_at"] else 0,
        bool(last["ended_at"]),
    )
