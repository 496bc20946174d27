"""What a transaction tells the running hub once it has committed, and never if it has not.

Functions ``tell`` while they work; the executor hands the effects over after COMMIT, in the order they were told.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

from sqlalchemy import Connection

from contact_center.domain.time import Moment
from routing import Seat, Waiting


@dataclass(frozen=True, slots=True)
class Announced:
    """Announcement ``seq`` of the agent's stream; ``body`` is its JSON."""

    agent_id: str
    seq: int
    at: Moment
    body: bytes


@dataclass(frozen=True, slots=True)
class Waits:
    """An interaction waits in a queue (or waits again, or with other needs)."""

    waiting: Waiting


@dataclass(frozen=True, slots=True)
class WaitsNoMore:
    interaction_id: str


@dataclass(frozen=True, slots=True)
class SeatChanged:
    """An agent's state, capacity, skills or load is not what it was."""

    seat: Seat


@dataclass(frozen=True, slots=True)
class Due:
    """Something of this ``kind`` (``outbox`` or ``deadline``) is due at ``at``."""

    kind: str
    at: Moment


@dataclass(frozen=True, slots=True)
class ThreadGrew:
    """The customer's side of a conversation has something new to see."""

    channel: str
    thread_key: str


@dataclass(frozen=True, slots=True)
class FloorMoved:
    """A supervisor's view of this queue is not what it was; ``line`` is the happening, if it is worth a line."""

    queue: str
    line: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class SessionsEnded:
    """These sessions (token hashes) are over: their sockets must close."""

    token_hashes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ConfigChanged:
    """Queues, agents or entry points were applied anew."""


@dataclass(frozen=True, slots=True)
class ServiceWanted:
    """A caller's flow asks a service; nobody is asked twice, and whoever waits too long goes on without. ``values``
    may be secret: they are written down nowhere."""

    interaction_id: str
    position: str
    service: str
    values: dict[str, str]
    budget_ms: int
    pin: str = ""


@dataclass(frozen=True, slots=True)
class Engaged:
    """An agent came into a call that is not theirs, or left it: what they can be offered is to be worked out anew."""

    agent_id: str


@dataclass(frozen=True, slots=True)
class Alarm:
    """The channel does less than it should until then, for this reason: somebody must look."""

    channel: str
    reason: str
    until_at: Moment


Effect: TypeAlias = (
    Announced
    | Waits
    | WaitsNoMore
    | SeatChanged
    | Due
    | ThreadGrew
    | FloorMoved
    | SessionsEnded
    | ConfigChanged
    | ServiceWanted
    | Engaged
    | Alarm
)

_KEY = "hub_effects"


def tell(conn: Connection, effect: Effect) -> None:
    conn.info.setdefault(_KEY, []).append(effect)


def take(conn: Connection) -> list[Effect]:
    """What was told since the last call; used by executors alone."""
    told: list[Effect] = conn.info.get(_KEY) or []
    if told:
        conn.info[_KEY] = []
    return told
