"""What a piece of work asks of an agent, as an expression that can be looked up in an index.

A need is a value: two needs that are written alike are equal and hash alike, so agents who meet one are found once.
They are no tuples, for as tuples "all of these" and "one of these" would be equal.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Has:
    """The skill, at this level (1 to 5) or above."""

    skill: str
    level: int = 1


@dataclass(frozen=True, slots=True)
class IsOne:
    """One of these agents."""

    agent_ids: frozenset[str]


@dataclass(frozen=True, slots=True)
class Every:
    """All of these; nothing at all for none."""

    of: tuple[Need, ...] = ()


@dataclass(frozen=True, slots=True)
class Some:
    """At least one of these; nobody for none."""

    of: tuple[Need, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """Everybody but these."""

    of: Need


Need: TypeAlias = Has | IsOne | Every | Some | Not

ANYBODY = Every()


def meets(agent_id: str, skills: Mapping[str, int], need: Need) -> bool:
    """Whether somebody with these skills will do."""
    match need:
        case Has(skill, level):
            return skills.get(skill, 0) >= level
        case IsOne(agent_ids):
            return agent_id in agent_ids
        case Every(of):
            return all(meets(agent_id, skills, each) for each in of)
        case Some(of):
            return any(meets(agent_id, skills, each) for each in of)
        case Not(of):
            return not meets(agent_id, skills, of)


def agents_named(need: Need) -> bool:
    """Whether it asks who somebody is, and not only what they can."""
    match need:
        case IsOne():
            return True
        case Every(of) | Some(of):
            return any(map(agents_named, of))
        case Not(of):
            return agents_named(of)
        case _:
            return False


def parts(need: Need) -> tuple[Need, ...]:
    """What must all be so for the need to be met."""
    return need.of if isinstance(need, Every) else (need,)
