"""What the log says happened, held against the laws: whoever wrote it, on however many nodes, in whatever order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sqlalchemy import Connection, select

from contact_center.domain.events import Ended, Enqueued, OfferEnded, OfferMade, RoutingOverridden
from contact_center.domain.time import Millis, Moment
from contact_center.storage.schema import events
from routing import Policy
from tests.laws.rules import LawBroken

KINDS = tuple(body.KIND for body in (Enqueued, OfferMade, OfferEnded, RoutingOverridden, Ended))


class Line(NamedTuple):
    """An event of the log, as far as routing is concerned."""

    seq: int
    kind: str
    interaction_id: str
    medium: str
    at: Moment
    body: Mapping[str, Any]


def read(conn: Connection) -> list[Line]:
    """All of it, in the order of the log. What one interaction, or one agent, went through is written under the lock
    of its row, so the numbers have the order in which it happened."""
    e = events.c
    rows = conn.execute(
        select(e.seq, e.kind, e.interaction_id, e.medium, e.received_at, e.body)
        .where(e.kind.in_(KINDS))
        .order_by(e.seq)
    )
    return [Line(*row) for row in rows]


@dataclass
class _Course:
    """How far an interaction has come."""

    place: Moment = 0
    since: Moment = 0
    rings: dict[str, str] = field(default_factory=dict)
    decision_id: str = ""
    owner: str = ""
    over: bool = False
    missed: dict[str, Moment] = field(default_factory=dict)
    by_hand: bool = False
    past_capacity: bool = False


Held = dict[str, tuple[str, str]]
"""What an agent has, live and ringing: of each interaction its medium, and what it counts as."""
ALL = "*"
"""What the weighted total is called among the limits of an agent; a label is called by its name after a #."""


def hold(
    lines: Iterable[Line],
    most: Mapping[str, Mapping[str, int]],
    policy: Policy,
    deadlines: Mapping[str, Moment] | None = None,
    decided: Mapping[str, Moment] | None = None,
) -> int:
    """Holds the log against the laws and says how many offers it has. ``most`` is the most of each medium, in
    all and of each label that each agent was ever allowed (what is not named is not limited); ``deadlines`` when each
    offer was to ring out, ``decided`` when each decision was made, where it is known."""
    courses: dict[str, _Course] = {}
    desks: dict[str, Held] = {}
    ended: set[str] = set()
    offers = 0
    for line in lines:
        course = courses.setdefault(line.interaction_id, _Course())
        body = line.body
        if line.kind == OfferMade.KIND:
            offers += 1
            agent_id = str(body["agent_id"])
            desk = desks.setdefault(agent_id, {})
            _made(
                line, course, min(policy.sole_cooldown_ms, *policy.cooldown_ms.values(), policy.reoffer_cooldown_ms)
            )
            if (decided or {}).get(str(body["decision_id"]), line.at) < course.since:
                raise LawBroken("I3", f"{line} was decided before it waited as it does, at {course.since}")
            if not course.past_capacity:
                _has_room(line, desk, most.get(agent_id, {}), policy)
            course.by_hand = course.past_capacity = False
            desk[line.interaction_id] = (line.medium, str(body.get("label", "")))
        elif line.kind == OfferEnded.KIND:
            _ended(line, course, ended, (deadlines or {}).get(str(body["offer_id"])))
            if body["outcome"] != "accepted":
                desks[str(body["agent_id"])].pop(line.interaction_id, None)
        elif line.kind == RoutingOverridden.KIND:
            course.by_hand, course.past_capacity = True, bool(body["over_capacity"])
        else:
            if course.owner:
                desks[course.owner].pop(line.interaction_id, None)
            _released(line, course)
    return offers


def _made(line: Line, course: _Course, sole_cooldown_ms: Millis) -> None:
    offer_id, agent_id = str(line.body["offer_id"]), str(line.body["agent_id"])
    if course.over:
        raise LawBroken("I2", f"{line} is offered, and it is over")
    if course.owner:
        raise LawBroken("I3", f"{line} is offered, and {course.owner} has it in hand")
    if course.rings and (course.decision_id != line.body["decision_id"] or agent_id in course.rings.values()):
        raise LawBroken("I3", f"{line} is offered, and {course.rings} ring already")
    missed_at = course.missed.get(agent_id)
    if missed_at is not None and line.at < missed_at + sole_cooldown_ms and not course.by_hand:
        raise LawBroken("I5", f"{line} rings at who missed it at {missed_at}")
    course.rings[offer_id] = agent_id
    course.decision_id = str(line.body["decision_id"])


def _has_room(line: Line, desk: Held, most: Mapping[str, int], policy: Policy) -> None:
    media = [medium for medium, _ in desk.values()]
    aside = policy.interrupts.get(line.medium, frozenset())  # type: ignore[call-overload]
    if any(medium in policy.exclusive_media and medium not in aside for medium in media):
        raise LawBroken("I4", f"{line} is offered to somebody with {desk}, which takes them whole")
    label = str(line.body.get("label", ""))
    weighs = sum(policy.weights.get(medium, 1) for medium in (*media, line.medium) if medium not in aside)  # type: ignore[call-overload]
    would_have = {line.medium: media.count(line.medium) + 1, ALL: weighs}
    if label:
        would_have[f"#{label}"] = [each for _, each in desk.values()].count(label) + 1
    for what, number in would_have.items():
        if number > most.get(what, number):
            raise LawBroken("I4", f"{line} is offered to somebody with {desk}, who may have {dict(most)}")


def _ended(line: Line, course: _Course, ended: set[str], deadline_at: Moment | None) -> None:
    offer_id, outcome = str(line.body["offer_id"]), line.body["outcome"]
    if offer_id in ended:
        raise LawBroken("I9", f"{line} ends an offer that has ended")
    ended.add(offer_id)
    if offer_id not in course.rings:
        raise LawBroken("I3", f"{line} ends an offer that does not ring; {course.rings} do")
    agent_id = course.rings.pop(offer_id)
    if outcome == "accepted":
        if course.owner:
            raise LawBroken("I3", f"{line} is accepted, and {course.owner} has it in hand")
        course.owner = agent_id
    elif outcome in ("rejected", "expired"):
        course.missed[agent_id] = line.at
    if outcome == "expired" and line.body.get("reason") == "no answer" and line.at < (deadline_at or 0):
        raise LawBroken("I9", f"{line} rang out before {deadline_at}")


def _released(line: Line, course: _Course) -> None:
    """It waits (again), or is over."""
    if course.over and line.body.get("reason") != "reopened":
        raise LawBroken("I2", f"{line}, and it is over")
    if course.rings:
        raise LawBroken("I3", f"{line}, and {course.rings} ring")
    course.owner = ""
    course.over = line.kind == Ended.KIND
    if line.kind == Enqueued.KIND:
        place = line.body["virtual_enqueued_at"]
        if course.place and place > course.place and line.body.get("reason") != "reopened":
            raise LawBroken("I8", f"{line} lost the place of {course.place}")
        course.place, course.since = place, line.at
