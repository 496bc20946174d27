"""Cases that wait, and the lanes that they wait in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from contact_center.domain.events import Medium
from contact_center.domain.time import Millis, Moment
from routing.turns import Turn, Turns

TOP_PRIORITY = 100


@dataclass(frozen=True, slots=True)
class Waiting:
    """A case that waits for an agent, as one interaction.

    ``priority`` goes from 0 to 100 (beyond, the nearer end counts). ``skills`` are the levels needed at
    least. ``epoch`` is the fence that the claim in the database checks; routing only hands it on.
    ``served_before`` says when each agent last served this customer, ``missed`` when each last rejected
    this case or let its offer ring out, ``missed_by`` the cause (:data:`routing.policy.Missed`; what it does not
    name was ``no_answer``). ``owner`` is the agent whom the customer's account belongs to, ``preferred`` those whom
    the customer asked for, the first before the next. ``label`` counts against an agent's ``most_of``; empty is the
    queue's. ``only_agent`` sends it to that agent alone, whatever their queues
    and skills are, and ``directed_by`` says who sent it there."""

    interaction_id: str
    case_id: int
    queue: str
    medium: Medium
    priority: int
    virtual_enqueued_at: Moment
    skills: Mapping[str, int] = field(default_factory=dict)
    epoch: int = 0
    served_before: Mapping[str, Moment] = field(default_factory=dict)
    missed: Mapping[str, Moment] = field(default_factory=dict)
    only_agent: str = ""
    directed_by: str = ""
    missed_by: Mapping[str, str] = field(default_factory=dict)
    owner: str = ""
    preferred: tuple[str, ...] = ()
    label: str = ""

    def turn(self, ageing_ms: Millis) -> Turn:
        """When its turn comes: the earliest first. Age and priority in one number that stays what it is,
        for all cases age alike, so that nothing is ever sorted again and nobody is overtaken for ever."""
        priority = min(max(self.priority, 0), TOP_PRIORITY)
        return (self.virtual_enqueued_at - priority * ageing_ms, self.interaction_id)


Skills: TypeAlias = tuple[tuple[str, int], ...]


def needed(skills: Mapping[str, int]) -> Skills:
    """The skills as a key: in order, without those that ask for nothing."""
    if not skills:
        return ()
    return tuple(sorted([(skill, level) for skill, level in skills.items() if level > 0]))


class Pool:
    """Everybody who could ever take a certain kind of work: the members of a queue with certain skills, or the
    one agent that a case is directed to. ``mask`` has their bits and follows them. ``bit`` is the pool's own in
    every reach; that of a directed case's pool is never asked for."""

    __slots__ = ("agent_id", "bit", "mask", "queue", "skills")

    def __init__(self, queue: str, skills: Skills, agent_id: str, mask: int) -> None:
        self.queue = queue
        self.skills = skills
        self.agent_id = agent_id
        self.mask = mask
        self.bit = 1


class Cooling(NamedTuple):
    """Agents who may not be offered a case again yet. Those who are ``soft`` may, if nobody else could take
    it."""

    hard: frozenset[str]
    soft: frozenset[str]


NOT_COOLING = Cooling(frozenset(), frozenset())

LaneKey: TypeAlias = tuple[Pool, Medium, Cooling]


class Line:
    """The lanes of one queue and medium, by whose first case comes first."""

    __slots__ = ("key", "lanes", "medium")

    def __init__(self, key: tuple[str, str], medium: Medium) -> None:
        self.key = key
        self.medium = medium
        self.lanes: list[Entry] = []


class Lane:
    """Cases that any agent can take either all or none of: one pool, one medium, the same agents cooling
    down. So only the first of a lane ever needs to be looked at."""

    __slots__ = ("cooling", "key", "line", "medium", "pool", "ready", "turns")

    def __init__(self, key: LaneKey, line: Line) -> None:
        self.key = key
        self.line = line
        self.pool, self.medium, self.cooling = key
        self.turns = Turns()
        self.ready = False


Entry: TypeAlias = tuple[Turn, int, Lane]
"""A lane in its line: its first case's turn, its pool's bit."""


class Case(NamedTuple):
    waiting: Waiting
    turn: Turn
    lane: Lane
