"""What the house has decided about routing, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from contact_center.domain.events import MEDIA, Medium
from contact_center.domain.time import DAY, MINUTE, SECOND, Millis


def _offer_ms() -> dict[Medium, Millis]:
    return {medium: 20 * SECOND if medium == "voice" else 30 * SECOND for medium in MEDIA}


@dataclass(frozen=True, slots=True)
class Policy:
    """``version`` is written into every decision. Raises ValueError for durations that make no sense.

    ``offer_ms`` is how long an offer rings, by medium. One point of priority is worth a head start of
    ``ageing_ms``. A case that an agent rejected or let ring out is not offered to the same agent again
    within ``reoffer_cooldown_ms``; where nobody else is present who could take it, ``sole_cooldown_ms`` is
    enough (not nothing: an agent who rejects must not be rung again in the same breath). An agent who
    served the customer within ``sticky_ms`` comes first. An interaction of an ``exclusive_media`` takes the
    whole agent."""

    version: str
    offer_ms: Mapping[Medium, Millis] = field(default_factory=_offer_ms)
    ageing_ms: Millis = MINUTE
    reoffer_cooldown_ms: Millis = 30 * SECOND
    sole_cooldown_ms: Millis = 5 * SECOND
    sticky_ms: Millis = 3 * DAY
    exclusive_media: tuple[Medium, ...] = ("voice",)

    def __post_init__(self) -> None:
        if missing := [medium for medium in MEDIA if self.offer_ms.get(medium, 0) <= 0]:
            raise ValueError(f"offer_ms says nothing, or nothing useful, about {', '.join(missing)}")
        if self.ageing_ms < 0 or self.sticky_ms < 0:
            raise ValueError("ageing_ms and sticky_ms cannot be negative")
        if not 0 <= self.sole_cooldown_ms <= self.reoffer_cooldown_ms:
            raise ValueError("sole_cooldown_ms must lie between 0 and reoffer_cooldown_ms")
