"""Who may be offered what, and whose turn it is: said once more, from docs/routing.md alone, as slowly as it takes.

It shares no line with the engine nor with the plain policy that the engine is compared with, and says less: not who
is chosen, only what must never be.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

from contact_center.domain.events import Medium
from contact_center.domain.time import Millis, Moment
from routing import Policy, Seat, Waiting
from routing.needs import Need, meets

HIGHEST = 100
Seats = Mapping[str, Seat]


class LawBroken(AssertionError):
    """``law`` is the number of the one that does not hold."""

    def __init__(self, law: str, what: str) -> None:
        super().__init__(f"{law}: {what}")
        self.law = law
        self.what = what


# --- whose work it is ---------------------------------------------------------------------------------------------


class Asked(NamedTuple):
    """What a case asks for as it stands."""

    queues: frozenset[str]
    skills: Mapping[str, int]
    need: Need


def asked_at(case: Waiting, policy: Policy, steps: int) -> Asked:
    """With so many steps of relaxation in force."""
    queue = policy.queue(case.queue)
    queues, skills, need = frozenset([case.queue]), dict(case.skills), queue.need
    for step in queue.relax[:steps]:
        queues |= step.queues
        need = need if step.need is None else step.need
        for skill, level in step.skills.items():
            skills[skill] = min(skills.get(skill, 0), level)
    return Asked(queues, skills, need)


def is_theirs(seat: Seat, asked: Asked) -> bool:
    if not seat.queues & asked.queues or not meets(seat.agent_id, seat.skills, asked.need):
        return False
    return all(seat.skills.get(skill, 0) >= level for skill, level in asked.skills.items())


def there(seat: Seat, medium: Medium) -> bool:
    """At work, however busy, and somebody who does this."""
    return seat.available and seat.capacity.get(medium, 0) > 0


def asked_now(case: Waiting, policy: Policy, seats: Seats, now: Moment) -> Asked:
    relax = policy.queue(case.queue).relax
    if not relax:
        return asked_at(case, policy, 0)
    steps = sum(now >= case.virtual_enqueued_at + step.after_ms for step in relax)
    if policy.queue(case.queue).skip_hopeless:
        for further in range(steps, len(relax) + 1):
            asked = asked_at(case, policy, further)
            if any(there(seat, case.medium) and is_theirs(seat, asked) for seat in seats.values()):
                return asked
    return asked_at(case, policy, steps)


def could_ever(seat: Seat, case: Waiting, asked: Asked) -> bool:
    """Whether it is their kind of work as it stands, free or not."""
    return seat.agent_id == case.only_agent if case.only_agent else is_theirs(seat, asked)


def limit(seat: Seat, case: Waiting, policy: Policy) -> str:
    """What one more piece of it would exceed; empty for nothing."""
    aside: Collection[Medium] = policy.interrupts.get(case.medium, ())
    if any(seat.load.get(m, 0) for m in policy.exclusive_media if m not in aside):
        return "whole"
    if seat.load.get(case.medium, 0) >= seat.capacity.get(case.medium, 0):
        return "medium"
    weighs = sum(n * policy.weights.get(m, 1) for m, n in seat.load.items() if m not in aside)
    if seat.most and weighs + policy.weights.get(case.medium, 1) > seat.most:
        return "total"
    label = label_of(case, policy)
    if label in seat.most_of and seat.labelled.get(label, 0) >= seat.most_of[label]:
        return "label"
    return ""


def label_of(case: Waiting, policy: Policy) -> str:
    return case.label or policy.queue(case.queue).label


def cooldown(case: Waiting, agent_id: str, policy: Policy) -> Millis:
    cause = case.missed_by.get(agent_id, "no_answer")
    return policy.cooldown_ms.get(cause, policy.reoffer_cooldown_ms)  # type: ignore[call-overload, no-any-return]


def cools_down(seat: Seat, case: Waiting, asked: Asked, policy: Policy, seats: Seats, now: Moment) -> bool:
    """Whether they missed it so lately that it must not ring there again yet."""
    missed_at = case.missed.get(seat.agent_id)
    if missed_at is None or now >= missed_at + cooldown(case, seat.agent_id, policy):
        return False
    if now < missed_at + policy.sole_cooldown_ms:
        return True
    others = (other for other in seats.values() if other.agent_id != seat.agent_id)
    return any(there(other, case.medium) and could_ever(other, case, asked) for other in others)


def knows(agent_id: str, case: Waiting, policy: Policy, now: Moment) -> bool:
    served_at = case.served_before.get(agent_id)
    lately = served_at is not None and now - served_at <= policy.sticky_ms
    return lately or agent_id == case.owner or agent_id in case.preferred


def kept(case: Waiting, asked: Asked, policy: Policy, seats: Seats, now: Moment) -> bool:
    """Whether it is kept for those who know its customer."""
    if case.only_agent or now >= case.virtual_enqueued_at + policy.queue(case.queue).hold_ms:
        return False
    return any(
        knows(seat.agent_id, case, policy, now)
        and there(seat, case.medium)
        and is_theirs(seat, asked)
        and not cools_down(seat, case, asked, policy, seats, now)
        for seat in seats.values()
    )


class Standing:
    """A case as it stands, with everybody around it: asked once for each agent."""

    def __init__(self, case: Waiting, policy: Policy, seats: Seats, now: Moment) -> None:
        self.case, self.policy, self.seats, self.now = case, policy, seats, now
        self.asked = asked_now(case, policy, seats, now)
        self._kept: bool | None = None

    @property
    def kept(self) -> bool:
        if self._kept is None:
            self._kept = kept(self.case, self.asked, self.policy, self.seats, self.now)
        return self._kept

    def obstacle(self, seat: Seat) -> str:
        """Why it must not be offered to them; empty where it may."""
        case, policy = self.case, self.policy
        if not could_ever(seat, case, self.asked):
            return "is not who it is for"
        if not seat.available:
            return f"is {seat.unavailable_reason or 'away'}"
        if full := limit(seat, case, policy):
            return f"has no room: {full}"
        if cools_down(seat, case, self.asked, policy, self.seats, self.now):
            return "missed it a moment ago"
        if self.kept and not knows(seat.agent_id, case, policy, self.now):
            return "does not know them, and it is kept for those who do"
        return ""


def obstacle(seat: Seat, case: Waiting, policy: Policy, seats: Seats, now: Moment) -> str:
    """Why the case must not be offered to them; empty where it may."""
    return Standing(case, policy, seats, now).obstacle(seat)


def who_may(case: Waiting, policy: Policy, seats: Seats, now: Moment) -> list[str]:
    standing = Standing(case, policy, seats, now)
    return [seat.agent_id for seat in seats.values() if not standing.obstacle(seat)]


# --- whose turn it is ---------------------------------------------------------------------------------------------


def priority_of(case: Waiting) -> int:
    return min(max(case.priority, 0), HIGHEST)


def has_come_to_the_cap(case: Waiting, policy: Policy, now: Moment) -> bool:
    if policy.most_priority is None:
        return False
    return now - case.virtual_enqueued_at >= (policy.most_priority - priority_of(case)) * policy.ageing_ms


def _number(case: Waiting, policy: Policy) -> Moment:
    """What the turn is, without a cap."""
    head_start = priority_of(case) * policy.ageing_ms
    if policy.order == "age":
        return case.virtual_enqueued_at - head_start
    queue = policy.queue(case.queue)
    return case.virtual_enqueued_at + queue.target_ms - queue.handling_ms - head_start


def goes_before(one: Waiting, other: Waiting, policy: Policy, now: Moment) -> bool:
    """Whether ``one`` may in no case stand behind ``other``."""
    if policy.most_priority is None:
        return (_number(one, policy), one.interaction_id) < (_number(other, policy), other.interaction_id)
    came_first = one.virtual_enqueued_at < other.virtual_enqueued_at
    if policy.order == "age" and came_first and has_come_to_the_cap(one, policy, now):
        return True
    if one.queue != other.queue:
        return False
    if one.virtual_enqueued_at + HIGHEST * policy.ageing_ms < other.virtual_enqueued_at:
        return True
    return came_first and priority_of(one) >= priority_of(other)
