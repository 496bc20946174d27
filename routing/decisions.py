"""What routing decided, and why: for the one who was chosen and for everyone who was not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from itertools import islice
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from contact_center.domain.events import Medium
from contact_center.domain.time import Moment
from contact_center.domain.views import Why
from routing.cases import Skills, Waiting
from routing.reasons import Reason, Value
from routing.seats import ON_CALL, OPEN, Members, Row, Rows, row_at

if TYPE_CHECKING:
    from routing.past import Glimpse

ALL_UP_TO = 200
"""A queue with no more members than this has every one of them in its explanations."""

BEST_KEPT = 50

_NOTHING: Mapping[str, Value] = MappingProxyType({})


class Considered(NamedTuple):
    """What routing made of one agent. ``rank`` counts from 1 among the eligible. ``terms`` are what the
    ranking compared, in that order, where the agent was eligible."""

    agent_id: str
    name: str
    eligible: bool
    rank: int | None
    reasons: tuple[Reason, ...]
    terms: Mapping[str, Value] = _NOTHING


Told: TypeAlias = tuple[Considered, dict[str, Any]]
"""What routing made of an agent, and the same in JSON's terms."""

_NOTES_KEPT = 64
_COULD = Reason("could_take_it")
_CHOSEN = Reason("chosen")
_BEHIND = {
    by: Reason("not_chosen", {"by": by}) for by in ("served_before", "least_loaded", "longest_idle", "agent_id")
}


class Scene(NamedTuple):
    """All that a decision depended on, as it was then. ``ranked`` are the eligible in their turn, as far as they are
    ever listed; ``known`` come before them."""

    waiting: Waiting
    skills: Skills
    policy: str
    at: Moment
    rows: Rows
    ranked: tuple[Row, ...]
    members: Members
    directed: Row | None
    fit: int
    states: Mapping[str, int]
    spare: int
    cooling: Mapping[int, Moment]
    eligible: int
    known: tuple[Row, ...]
    chosen: Row | None


class Explanation:
    """Why a case went to whom it went, or why it still waits.

    Exact as of ``at``, and only worked out when it is read. Those considered are the members of the queue,
    and the agent to whom a case is directed. Up to 200 all are listed; of a larger queue the 50 best of the
    eligible and as many others (by id) as make 200. ``counts`` always counts everybody: how many agents
    each reason was true of (an agent can have several)."""

    __slots__ = ("__dict__", "_seen")

    def __init__(self, seen: Glimpse) -> None:
        self._seen = seen

    @cached_property
    def _scene(self) -> Scene:
        return self._seen.settled()

    @property
    def interaction_id(self) -> str:
        return self._seen.waiting.interaction_id

    @property
    def queue(self) -> str:
        return self._seen.waiting.queue

    @property
    def medium(self) -> Medium:
        return self._seen.waiting.medium

    @property
    def policy(self) -> str:
        return self._seen.policy

    @property
    def at(self) -> Moment:
        return self._seen.at

    @property
    def _everyone(self) -> int:
        directed = self._scene.directed
        return self._scene.members.mask | (directed.bit if directed else 0)

    @cached_property
    def considered(self) -> int:
        """How many agents were considered."""
        return self._everyone.bit_count()

    @cached_property
    def eligible(self) -> int:
        """How many of them could have taken the case."""
        return self._scene.eligible.bit_count()

    @cached_property
    def _best(self) -> tuple[Row, ...]:
        """The eligible in the order in which they come into question, as far as they are listed."""
        scene = self._scene
        known = sorted(scene.known, key=lambda row: row.place)
        most = self.considered if self.considered <= ALL_UP_TO else BEST_KEPT
        others = [row for row in scene.ranked if row not in known]
        return (*known, *others)[:most]

    def _served_at(self, row: Row) -> Moment:
        scene = self._scene
        return scene.waiting.served_before[row.seat.agent_id] if row in scene.known else 0

    def _rows(self, mask: int) -> Iterator[Row]:
        scene = self._scene
        members = scene.members
        bits = mask.to_bytes((mask.bit_length() >> 3) + 1, "little")
        end = len(bits) << 3
        for slot in members.by_id(scene.rows):
            if slot < end and bits[slot >> 3] >> (slot & 7) & 1:
                yield row_at(scene.rows, slot)

    @property
    def candidates(self) -> tuple[Considered, ...]:
        """The eligible by rank; then the agent to whom the case is directed; then the others by id."""
        return tuple([considered for considered, _ in self._told])

    @cached_property
    def _told(self) -> list[Told]:
        told = [self._eligible(row, rank) for rank, row in enumerate(self._best, 1)]
        rest = self._everyone & ~self._scene.eligible
        directed = self._scene.directed
        if directed and directed.bit & rest:
            told.append(self._other(directed))
            rest ^= directed.bit
        told += [self._other(row) for row in islice(self._rows(rest), ALL_UP_TO - len(told))]
        return told

    @cached_property
    def counts(self) -> dict[str, int]:
        scene = self._scene
        everyone = self._everyone
        directed = scene.directed
        asked = (directed.bit if directed else 0) if scene.waiting.only_agent else everyone
        counts = {state: (asked & mask).bit_count() for state, mask in scene.states.items() if state != OPEN}
        counts["no_capacity"] = (asked & scene.states.get(OPEN, 0) & ~scene.spare).bit_count()
        counts["missing_skill"] = (asked & ~scene.fit).bit_count()
        counts["cooling_down"] = sum(asked >> slot & 1 for slot in scene.cooling)
        counts["directed_elsewhere"] = (everyone & ~asked).bit_count()
        if scene.chosen:
            counts["chosen"] = 1
            counts["not_chosen"] = self.eligible - 1
        else:
            counts["could_take_it"] = self.eligible
        return {code: count for code, count in counts.items() if count}

    @cached_property
    def why(self) -> tuple[Why, ...]:
        """The choice in the words that the console says; empty if nobody was chosen."""
        scene = self._scene
        row = scene.chosen
        if row is None:
            return ()
        seat = row.seat
        why: list[Why] = []
        if scene.waiting.only_agent:
            why.append(Why("direct", {"by": scene.waiting.directed_by}))
        if row in scene.known:
            why.append(Why("served_before", {"at": self._served_at(row)}))
        for skill, level in scene.skills:
            why.append(Why("skill", {"skill": skill, "level": seat.skills.get(skill, 0), "needed": level}))
        if not scene.waiting.only_agent:
            why.append(self._against_the_next(row))
        why.append(Why("considered", {"count": self.considered}))
        return tuple(why)

    def _against_the_next(self, row: Row) -> Why:
        scene = self._scene
        if self.eligible == 1:
            return Why("only_one")
        second = self._best[1]
        if row.place[0] != second.place[0]:
            medium = scene.waiting.medium
            load, capacity = row.seat.load.get(medium, 0), row.seat.capacity[medium]
            return Why("least_loaded", {"load": load, "capacity": capacity})
        return Why("longest_idle", {"idle_ms": max(0, scene.at - row.seat.idle_since_at)})

    @cached_property
    def summary(self) -> tuple[Reason, ...]:
        """Why it still waits, in a word; empty if it does not."""
        scene = self._scene
        if scene.chosen:
            return ()
        return (self._obstacle(),)

    def _obstacle(self) -> Reason:
        scene = self._scene
        if scene.eligible:
            return Reason("could_take_it", {"count": self.eligible})
        if scene.waiting.only_agent and scene.directed is None:
            return Reason("agent_unknown", {"agent_id": scene.waiting.only_agent})
        if not self._everyone:
            return Reason("nobody_in_queue")
        if not scene.fit:
            return Reason("nobody_has_the_skills", {"considered": self.considered})
        present = scene.fit & (scene.states.get(OPEN, 0) | scene.states.get(ON_CALL, 0))
        if not present:
            return Reason("nobody_available", {"able": scene.fit.bit_count()})
        free = present & scene.states.get(OPEN, 0) & scene.spare
        if free:
            until = min(at for slot, at in scene.cooling.items() if free >> slot & 1)
            return Reason("cooling_down", {"until_at": until})
        return Reason("everyone_busy", {"available": present.bit_count()})

    def _eligible(self, row: Row, rank: int) -> Told:
        seat = row.seat
        terms: dict[str, Value] = {
            "served_before_at": self._served_at(row),
            "share_taken": row.place[0],
            "idle_since_at": seat.idle_since_at,
        }
        return _told(Considered(seat.agent_id, seat.name, True, rank, (self._standing(row),), terms))

    def _standing(self, row: Row) -> Reason:
        chosen = self._scene.chosen
        if chosen is None:
            return _COULD
        if row is chosen:
            return _CHOSEN
        if (chosen in self._scene.known) != (row in self._scene.known):
            return _BEHIND["served_before"]
        if chosen.place[0] != row.place[0]:
            return _BEHIND["least_loaded"]
        if chosen.place[1] != row.place[1]:
            return _BEHIND["longest_idle"]
        return _BEHIND["agent_id"]

    def _other(self, row: Row) -> Told:
        scene = self._scene
        waiting = scene.waiting
        seat = row.seat
        if waiting.only_agent and waiting.only_agent != seat.agent_id:
            away = Reason("directed_elsewhere", {"agent_id": waiting.only_agent})
            return _told(Considered(seat.agent_id, seat.name, False, None, (away,)))
        # What keeps an agent from a kind of work is the same for as long as the row is, so it is worked out once.
        kind = (waiting.medium, scene.skills)
        told = row.notes.get(kind)
        if told is None:
            if len(row.notes) >= _NOTES_KEPT:
                row.notes.clear()
            reasons = _held_back(row, *kind)
            told = row.notes[kind] = _told(Considered(seat.agent_id, seat.name, False, None, reasons))
        until = scene.cooling.get(row.slot)
        if until is None:
            return told
        reasons = (*told[0].reasons, Reason("cooling_down", {"until_at": until}))
        return _told(told[0]._replace(reasons=reasons))

    def record(self) -> dict[str, Any]:
        """All of it in JSON's terms, ``summary`` and ``chosen`` included. Parts of it are shared with other
        records: not to be changed."""
        scene = self._scene
        return {
            "at": scene.at,
            "interaction_id": self.interaction_id,
            "queue": self.queue,
            "medium": self.medium,
            "policy": scene.policy,
            "chosen": scene.chosen.seat.agent_id if scene.chosen else None,
            "considered": self.considered,
            "counts": self.counts,
            "summary": [{"code": r.code, "values": dict(r.values)} for r in self.summary],
            "candidates": [plain for _, plain in self._told],
        }


def _held_back(row: Row, medium: Medium, skills: Skills) -> tuple[Reason, ...]:
    """What keeps the agent from work of this kind, but for cool-downs."""
    seat = row.seat
    reasons: list[Reason] = []
    if row.state == "unavailable":
        reasons.append(Reason("unavailable", {"reason": seat.unavailable_reason}))
    elif row.state != OPEN:
        reasons.append(Reason(row.state))
    elif medium not in row.spare:
        load, capacity = seat.load.get(medium, 0), seat.capacity.get(medium, 0)
        reasons.append(Reason("no_capacity", {"medium": medium, "load": load, "capacity": capacity}))
    for skill, level in skills:
        if (has := seat.skills.get(skill, 0)) < level:
            reasons.append(_missing(skill, level, has))
    return tuple(reasons)


@lru_cache(maxsize=4096)
def _missing(skill: str, level: int, has: int) -> Reason:
    return Reason("missing_skill", {"skill": skill, "needed": level, "has": has})


def _told(considered: Considered) -> Told:
    agent_id, name, eligible, rank, reasons, terms = considered
    plain = {
        "agent_id": agent_id,
        "agent_name": name,
        "eligible": eligible,
        "rank": rank,
        "reasons": [{"code": code, "values": dict(values)} for code, values in reasons],
        "terms": terms if eligible else {},
    }
    return considered, plain


# Not frozen, though nobody changes it: that would cost a tenth of the decision.
@dataclass(slots=True, unsafe_hash=True)
class Decision:
    """This case is to be offered to this agent, and to ``others`` at the same time where the queue rings several.
    ``epoch`` is the one it waited with. ``explanation`` holds the rest; ``candidates``, ``counts`` and ``why`` are
    its own. Two decisions are equal if they decide the same."""

    interaction_id: str
    epoch: int
    queue: str
    medium: Medium
    agent_id: str
    policy: str
    at: Moment
    explanation: Explanation = field(compare=False, repr=False)
    others: tuple[str, ...] = ()

    @property
    def candidates(self) -> tuple[Considered, ...]:
        return self.explanation.candidates

    @property
    def counts(self) -> dict[str, int]:
        return self.explanation.counts

    @property
    def why(self) -> tuple[Why, ...]:
        return self.explanation.why
