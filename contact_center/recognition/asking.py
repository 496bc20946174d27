"""What a case asks for, with and without what its words and people's corrections bring: whatever was brought can be
taken back, and then it asks for exactly what it would have asked for without."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple

TOP_PRIORITY = 100
"""Nothing is more urgent, whatever the reasons."""

Skills = Mapping[str, int]


class Asks(NamedTuple):
    """All that a case asks for, of whatever reason."""

    priority: int
    skills: Skills


class Wish(NamedTuple):
    """What the house has for what a case is about (``queue`` empty: where it would wait anyway) and its language."""

    queue: str = ""
    priority: int = 0
    skills: Skills = MappingProxyType({})
    language_skills: Skills = MappingProxyType({})

    @property
    def anything(self) -> bool:
        return bool(self.queue or self.priority or self.skills or self.language_skills)


@dataclass(frozen=True, slots=True)
class Brought:
    """What a wish really changed: ``queue`` where it leads past ``came_to``, ``priority`` below the top, and of the
    skills those that it asks for, or for more of (``instead`` of what was asked for before). ``withheld`` is why it
    is less than what was wished."""

    queue: str = ""
    priority: int = 0
    skills: Skills = field(default_factory=dict)
    language_skills: Skills = field(default_factory=dict)
    withheld: str = ""
    came_to: str = ""
    instead: Skills = field(default_factory=dict)


def brought_from(stored: Mapping[str, Any]) -> Brought:
    """Out of a record, where it is part of what was recognised, or what was brought by a correction."""
    return Brought(
        stored.get("queue", ""),
        stored.get("priority", 0),
        stored.get("skills", {}),
        stored.get("language_skills", {}),
        stored.get("withheld", ""),
        stored.get("came_to", ""),
        stored.get("instead", {}),
    )


def highest(one: Skills, other: Skills) -> dict[str, int]:
    return {**one, **{skill: max(level, one.get(skill, 0)) for skill, level in other.items()}}


def bring(own: Asks, wish: Wish, *, queue: str = "", came_to: str = "", withheld: str = "") -> tuple[Asks, Brought]:
    """What a case asks for that asks for ``own`` by itself, and what of that the wish brought."""
    priority = max(0, min(wish.priority, TOP_PRIORITY - own.priority))
    skills = {skill: level for skill, level in wish.skills.items() if level > own.skills.get(skill, 0)}
    with_skills = highest(own.skills, skills)
    spoken = {skill: level for skill, level in wish.language_skills.items() if level > with_skills.get(skill, 0)}
    instead = {skill: own.skills[skill] for skill in (*skills, *spoken) if skill in own.skills}
    asks = Asks(own.priority + priority, highest(with_skills, spoken))
    return asks, Brought(queue, priority, skills, spoken, withheld, came_to, instead)


def take_back(asks: Asks, brought: Brought, by_queue: Skills) -> Asks:
    """What it asks for without what was brought. A skill that asks for something else by now was changed by somebody,
    and stays; nothing falls below what the queue where it waits asks for itself (``by_queue``)."""
    skills = dict(asks.skills)
    for skill, level in highest(brought.skills, brought.language_skills).items():
        if skills.get(skill) == level:
            own = max(brought.instead.get(skill, 0), by_queue.get(skill, 0))
            skills.pop(skill)
            if own:
                skills[skill] = own
    return Asks(max(0, asks.priority - brought.priority), skills)


def move(asks: Asks, left: Asks, to: Asks) -> Asks:
    """The same in another queue: without what the queue that it ``left`` asks for itself, with what it goes ``to``
    does."""
    own = {skill: level for skill, level in asks.skills.items() if left.skills.get(skill) != level}
    priority = min(TOP_PRIORITY, max(0, asks.priority - left.priority) + to.priority)
    return Asks(priority, {**to.skills, **own})


def may_go(place: str, brought: Brought) -> bool:
    """Whether it waits where its door or its words led it: what people or rules sent on stays where they sent it."""
    return not brought.came_to or place in (brought.came_to, brought.queue)
