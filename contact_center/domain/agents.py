"""An agent's state: what they chose, and what their work makes of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from contact_center.domain.events import Medium
from contact_center.domain.views import AgentStateName

DEFAULT_CAPACITY: dict[Medium, int] = {"voice": 1, "chat": 3, "sms": 4, "email": 5, "other": 3}


def state_of(
    chosen: str,
    capacity: Mapping[str, int],
    load: Mapping[str, int],
    offered: int,
    wrapping_calls: int,
    full: bool = False,
) -> AgentStateName:
    """The state that is so. ``load`` counts all that the agent holds by medium: offered, in hand, in wrap-up.
    ``full``: nothing more fits for another reason than what they may have of each medium.

    Wrap-up after a call is a state of the whole agent; reserved is said while anything rings; busy is said on a
    call, and when no medium has room. Somebody who chose to leave keeps that state while work is finished.
    """
    if chosen == "offline":
        return "offline"
    if wrapping_calls:
        return "wrap_up"
    if offered:
        return "reserved"
    if load.get("voice", 0):
        return "busy"
    if chosen == "not_ready":
        return "not_ready"
    if full or (capacity and all(load.get(medium, 0) >= capacity[medium] for medium in waited_for(capacity))):
        return "busy"
    return "ready"


def waited_for(capacity: Iterable[str]) -> list[str]:
    """The media that an agent is ready for: ``other`` (a voicemail to hear, a letter) is not waited for at the desk,
    so room for it alone makes nobody ready."""
    return [medium for medium in capacity if medium != "other"] or list(capacity)


def has_room(capacity: Mapping[str, int], load: Mapping[str, int], medium: Medium) -> bool:
    """Whether one more ``medium`` fits. A call takes the whole agent: nothing else is added to it."""
    if load.get("voice", 0):
        return False
    return load.get(medium, 0) < capacity.get(medium, 0)
