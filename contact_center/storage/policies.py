"""The routing policy in force, and what goes with it: opening hours and customers' segments, as they were applied."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection

from contact_center.domain.opening_hours import OpeningHours, hours_of
from contact_center.domain.queue_rules import QueueRules, weekly
from contact_center.domain.time import Moment
from contact_center.storage import routing_log, settings
from routing import Policy
from routing.document import policy_of, version_of

DOCUMENT = "routing_policy"
SEGMENTS = "segments"
OPENING = "opening:"


def document(conn: Connection) -> dict[str, Any]:
    """The document of the policy in force; empty before anything was configured."""
    found: dict[str, Any] = settings.get(conn, DOCUMENT, {})
    return found


def in_force(conn: Connection) -> Policy:
    """The policy in force. A document is read only once, whoever asks for it."""
    return _policy(_Known(document(conn)))


class _Known:
    """A document by its version."""

    def __init__(self, said: Mapping[str, Any]) -> None:
        self.said = said
        self.version = version_of(said)

    def __hash__(self) -> int:
        return hash(self.version)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Known) and other.version == self.version


@lru_cache(maxsize=8)
def _policy(known: _Known) -> Policy:
    return policy_of(known.said)


def put_into_force(conn: Connection, said: dict[str, Any], now: Moment) -> str:
    """Its version. What was ever in force is kept."""
    version = version_of(said)
    settings.put(conn, DOCUMENT, said)
    routing_log.put_policy(conn, version, said, now)
    return version


# --- opening hours -------------------------------------------------------------------------------------------------

_HOURS: dict[str, OpeningHours] = {}
_MOST_HOURS = 1_000


def opening(conn: Connection, rules: QueueRules) -> OpeningHours | None:
    """The queue's opening hours; None: always open. Hours are stored by what they say, so they are read only once."""
    if not rules.opening:
        return weekly(rules.hours, settings.get(conn, "time_zone", "UTC")) if rules.hours else None
    known = _HOURS.get(rules.opening)
    if known is None:
        stored = settings.get(conn, OPENING + rules.opening)
        if stored is None:  # another configuration has just taken this one's place
            return None
        if len(_HOURS) >= _MOST_HOURS:
            _HOURS.clear()
        known = _HOURS[rules.opening] = hours_of(stored)
    return known


def keep_openings(conn: Connection, stored: Mapping[str, dict[str, Any]]) -> None:
    """These, by what they are known by, and no others."""
    there = set(settings.keys(conn, OPENING))
    wanted = {OPENING + digest: hours for digest, hours in stored.items()}
    settings.drop(conn, there - wanted.keys())
    for key in wanted.keys() - there:
        settings.put(conn, key, wanted[key])


# --- segments ------------------------------------------------------------------------------------------------------


def segment(conn: Connection, segment_id: str) -> dict[str, Any] | None:
    """What the house says of customers of that segment: ``priority`` and ``skills``. None for one that it doesn't
    know any more."""
    for each in settings.get(conn, SEGMENTS, []):
        if each["id"] == segment_id:
            return {"priority": 0, "skills": {}, **each}
    return None
