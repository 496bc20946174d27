"""What agents are compared by, taken apart: what is the same for every case, and what a case adds to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from contact_center.domain.time import Moment
from routing.policy import Policy, Term

if TYPE_CHECKING:
    from routing.cases import Waiting
    from routing.seats import Row

Leading: TypeAlias = tuple[tuple[Term, Callable[["Row"], int]], ...]
"""The terms that come before places, each with what it says of an agent: the smaller comes first."""

_OF_A_CASE: frozenset[Term] = frozenset({"known", "preferred", "most_skilled", "least_skilled"})


class Ranking:
    """An agent's *place* is what the ranking says whatever the case, and needs no case to be known: how much of them
    is taken, since when they are idle, in the ranking's order. A case for which another term matters is *led* by
    those, up to the last that matters; the place decides the rest, and the id where all is equal."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.places: tuple[Term, ...] = tuple([term for term in policy.ranking if term not in _OF_A_CASE])
        self.known = "known" in policy.ranking
        self._prefers = "preferred" in policy.ranking and any(queue.prefer for queue in policy.queues.values())
        self._skilled = "most_skilled" in policy.ranking or "least_skilled" in policy.ranking
        self._sign = -1 if "most_loaded" in self.places else 1
        self._idle_first = self.places[:1] == ("longest_idle",)
        self._load = "least_loaded" in self.places or "most_loaded" in self.places
        self._idle = "longest_idle" in self.places

    def place(self, share: int, idle_since_at: Moment) -> tuple[int, int]:
        load, idle = self._sign * share if self._load else 0, idle_since_at if self._idle else 0
        return (idle, load) if self._idle_first else (load, idle)

    def leading(self, waiting: Waiting, now: Moment) -> Leading:
        """Empty where the place alone decides."""
        known = self.known and (waiting.served_before or waiting.owner or waiting.preferred)
        if not (known or self._prefers or (self._skilled and waiting.skills)):
            return ()
        rules = waiting.rules(self.policy)
        terms: list[tuple[Term, Callable[[Row], int]]] = []
        last = 0
        for term in self.policy.ranking:
            says = self._says(term, waiting, rules.prefer, now)
            if says is not None:
                terms.append((term, says))
                last = len(terms) if term in _OF_A_CASE else last
        return tuple(terms[:last])

    def _says(
        self, term: Term, waiting: Waiting, prefer: Mapping[str, int], now: Moment
    ) -> Callable[[Row], int] | None:
        """None where it says the same of everybody."""
        match term:
            case "known":
                since = now - self.policy.sticky_ms
                knows = {agent_id: place for agent_id, (place, _) in waiting.who_knows(since).items()}
                nobody = 2 + len(waiting.preferred)
                return (lambda row: knows.get(row.seat.agent_id, nobody)) if knows else None
            case "preferred":
                return (lambda row: -points(row.seat.skills, prefer)) if prefer else None
            case "least_loaded":
                return lambda row: row.share
            case "most_loaded":
                return lambda row: -row.share
            case "longest_idle":
                return lambda row: row.seat.idle_since_at
            case "most_skilled":
                wanted = skill_points(waiting)
                return (lambda row: -points(row.seat.skills, wanted)) if wanted else None
            case "least_skilled":
                wanted = skill_points(waiting)
                return (lambda row: points(row.seat.skills, wanted)) if wanted else None


def in_order(leading: Leading) -> Callable[[Row], tuple[Any, ...]]:
    """What agents are sorted by."""
    if not leading:
        return _place
    return lambda row: (*[says(row) for _, says in leading], row.place)


def _place(row: Row) -> tuple[Any, ...]:
    return row.place


def skill_points(waiting: Waiting) -> dict[str, int]:
    """Each skill that the case itself needs (whatever was relaxed since), to be counted by level."""
    return {skill: 1 for skill, level in waiting.skills.items() if level > 0}


def points(skills: Mapping[str, int], each: Mapping[str, int]) -> int:
    """What somebody with these skills counts for: each level so many points."""
    return sum([worth * skills.get(skill, 0) for skill, worth in each.items()])
