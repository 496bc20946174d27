"""Who may be offered what, and whose turn it is: said once more, from the documentation alone, as slowly as it takes.

It shares no line with the engine nor with the plain policy that the engine is compared with, and says less: not who
is chosen, only what must never be.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from contact_center.domain.time import Moment
from routing import Policy, Seat, Waiting

HIGHEST = 100


class LawBroken(AssertionError):
    """``law`` is the number of the one that does not hold."""

    def __init__(self, law: str, what: str) -> None:
        super().__init__(f"{law}: {what}")
        self.law = law
        self.what = what


def could_ever(seat: Seat, case: Waiting) -> bool:
    """Whether it is their kind of work, free or not."""
    if case.only_agent:
        return seat.agent_id == case.only_agent
    return case.queue in seat.queues and all(seat.skills.get(s, 0) >= least for s, least in case.skills.items())


def busy(seat: Seat, case: Waiting, policy: Policy) -> str:
    """Why they can take nothing (more) of the kind now; empty where they can."""
    if not seat.available:
        return f"is {seat.unavailable_reason or 'away'}"
    if any(seat.load.get(medium, 0) > 0 for medium in policy.exclusive_media):
        return "is on a call"
    if seat.load.get(case.medium, 0) >= seat.capacity.get(case.medium, 0):
        return f"has {seat.load.get(case.medium, 0)} of {seat.capacity.get(case.medium, 0)} {case.medium}"
    return ""


def cools_down(seat: Seat, case: Waiting, policy: Policy, everybody: Iterable[Seat], now: Moment) -> bool:
    """Whether they missed it so lately that it must not ring there again yet."""
    missed_at = case.missed.get(seat.agent_id)
    if missed_at is None or now >= missed_at + policy.reoffer_cooldown_ms:
        return False
    if now < missed_at + policy.sole_cooldown_ms:
        return True
    return any(other.available and could_ever(other, case) for other in everybody if other.agent_id != seat.agent_id)


def obstacle(seat: Seat, case: Waiting, policy: Policy, seats: Mapping[str, Seat], now: Moment) -> str:
    """Why it must not be offered to them; empty where it may."""
    if not could_ever(seat, case):
        return "is not who it is for"
    if why := busy(seat, case, policy):
        return why
    if cools_down(seat, case, policy, seats.values(), now):
        return "missed it a moment ago"
    return ""


def who_may(case: Waiting, policy: Policy, seats: Mapping[str, Seat], now: Moment) -> list[str]:
    return [seat.agent_id for seat in seats.values() if not obstacle(seat, case, policy, seats, now)]


def priority_of(case: Waiting) -> int:
    return min(max(case.priority, 0), HIGHEST)


def _turn(case: Waiting, policy: Policy) -> tuple[int, str]:
    return case.virtual_enqueued_at - priority_of(case) * policy.ageing_ms, case.interaction_id


def goes_before(one: Waiting, other: Waiting, policy: Policy) -> bool:
    """Whether ``one`` may in no case stand behind ``other``: its turn is earlier; or, whatever the policy orders by,
    it came first and is no less urgent, or came so much earlier that no head start makes up for it."""
    if policy.order == "age" and policy.most_priority is None:
        return _turn(one, policy) < _turn(other, policy)
    if one.queue != other.queue or one.medium != other.medium:
        return False
    came, later = one.virtual_enqueued_at, other.virtual_enqueued_at
    if came + HIGHEST * policy.ageing_ms < later:
        return True
    if priority_of(one) < priority_of(other):
        return False
    return came < later or (came == later and priority_of(one) > priority_of(other) and policy.ageing_ms > 0)
