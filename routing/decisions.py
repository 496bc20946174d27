"""What routing decided, and why: for the one who was chosen and for everyone who was not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import cached_property, lru_cache
from itertools import islice
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias

from contact_center.domain.events import Medium
from contact_center.domain.time import Moment
from contact_center.domain.views import Why
from routing.batch import Weighed
from routing.cases import Ask, steps_reached
from routing.expression import written
from routing.needs import ANYBODY, Has, meets, parts
from routing.past import Glimpse, Seen
from routing.policy import Term
from routing.ranking import in_order, points, skill_points
from routing.reasons import Reason, Value
from routing.scene import ALL_UP_TO, Scene
from routing.seats import ON_CALL, OPEN, Row, Seat, limits_reached, row_at, slots_in

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
_THERE = (OPEN, ON_CALL)
_SERVED = "served_before"
_COULD = Reason("could_take_it")
_CHOSEN = Reason("chosen")
_RINGS_TOO = Reason("rings_too")
_WEIGHED = Reason("not_chosen", {"by": "weighed_together"})
_BEHIND = {
    by: Reason("not_chosen", {"by": by})
    for by in (
        "owner",
        "asked_for",
        "served_before",
        "preferred",
        "least_loaded",
        "most_loaded",
        "longest_idle",
        "most_skilled",
        "least_skilled",
        "agent_id",
    )
}


class Explanation:
    """Why a case went to whom it went, or why it still waits.

    Exact as of ``at``, and only worked out when it is read. Those considered are the members of the queue,
    and the agent to whom a case is directed. Up to 200 all are listed; of a larger queue the 50 best of the
    eligible and as many others (by id) as make 200. ``counts`` always counts everybody: how many agents
    each reason was true of (an agent can have several)."""

    __slots__ = ("__dict__", "seen")

    def __init__(self, seen: Seen) -> None:
        self.seen = seen

    @cached_property
    def _seen(self) -> Glimpse:
        return Glimpse(*self.seen)

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
        return self._seen.house.policy.version

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
        return self._scene.ranked[: self.considered if self.considered <= ALL_UP_TO else BEST_KEPT]

    @cached_property
    def _known_as(self) -> dict[str, str]:
        """Those who know the customer, and how."""
        scene = self._scene
        known = scene.waiting.who_knows(scene.at - scene.house.policy.sticky_ms)
        return {agent_id: word for agent_id, (_, word) in known.items()}

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
        counts = {state: (asked & mask).bit_count() for state, mask in scene.states.items() if state not in _THERE}
        counts.update(self._counts_of_limits(asked), **self._counts_of_lacks(asked & ~scene.fit))
        counts["cooling_down"] = sum(asked >> slot & 1 for slot in scene.cooling)
        counts["held_for_another"] = (asked & ~scene.held).bit_count() if scene.held else 0
        counts["directed_elsewhere"] = (everyone & ~asked).bit_count()
        if scene.rung:
            counts["chosen"] = 1
            counts["rings_too"] = len(scene.rung) - 1
            counts["not_chosen"] = self.eligible - len(scene.rung)
        else:
            counts["could_take_it"] = self.eligible
        return {code: count for code, count in counts.items() if count}

    def _counts_of_limits(self, asked: int) -> dict[str, int]:
        scene = self._scene
        if not scene.house.limited:
            busy = asked & scene.states.get(OPEN, 0) & ~scene.spare
            return {ON_CALL: (asked & scene.states.get(ON_CALL, 0)).bit_count(), "no_capacity": busy.bit_count()}
        there = asked & (scene.states.get(OPEN, 0) | scene.states.get(ON_CALL, 0)) & ~scene.spare
        counts: Counter[str] = Counter()
        for slot in slots_in(there):
            counts.update([reason.code for reason in self._limits(row_at(scene.rows, slot))])
        return counts

    def _counts_of_lacks(self, lacking: int) -> dict[str, int]:
        scene = self._scene
        if scene.ask.need == ANYBODY:
            return {"missing_skill": lacking.bit_count()}
        counts: Counter[str] = Counter()
        for slot in slots_in(lacking):
            counts.update({reason.code for reason in _lacks(row_at(scene.rows, slot).seat, scene.ask)})
        return counts

    def _limits(self, row: Row) -> tuple[Reason, ...]:
        scene = self._scene
        return limits_reached(row.seat, scene.waiting.medium, scene.label, scene.house.policy)

    @cached_property
    def why(self) -> tuple[Why, ...]:
        """The choice in the words that the console says; empty if nobody was chosen."""
        scene = self._scene
        row = scene.chosen
        if row is None:
            return ()
        waiting, seat = scene.waiting, row.seat
        why: list[Why] = []
        if waiting.only_agent:
            why.append(Why("direct", {"by": waiting.directed_by}))
        if scene.house.ranking.known and (known_as := self._known_as.get(seat.agent_id)):
            values = {"at": waiting.served_before[seat.agent_id]} if known_as == _SERVED else {}
            why.append(Why(known_as, values))  # type: ignore[arg-type]  # these words are codes too
        for skill, level in scene.ask.skills:
            why.append(Why("skill", {"skill": skill, "level": seat.skills.get(skill, 0), "needed": level}))
        if scene.ask.need != ANYBODY:
            why.append(Why("need", {"need": written(scene.ask.need)}))
        if scene.step:
            why.append(Why("relaxed", {"step": scene.step, "steps": len(scene.rules.relax)}))
        if scene.weighed and scene.weighed.method == "together":
            why.append(Why("weighed_together", {"count": len(scene.weighed.cases)}))
        elif not waiting.only_agent:
            why += self._against_the_next(row)
        if scene.rung[1:]:
            why.append(Why("rings_with", {"count": len(scene.rung) - 1}))
        why.append(Why("considered", {"count": self.considered}))
        return tuple(why)

    def _against_the_next(self, row: Row) -> list[Why]:
        """What put them before the second, if it wasn't that the customer is known to them."""
        scene = self._scene
        if self.eligible == 1:
            return [Why("only_one")]
        term = self._first_difference(row, self._best[1], {"known"})
        if term in ("least_loaded", "most_loaded"):
            medium = scene.waiting.medium
            load, capacity = row.seat.load.get(medium, 0), row.seat.capacity[medium]
            return [Why(term, {"load": load, "capacity": capacity})]
        if term == "preferred":
            return [Why(term, {"points": points(row.seat.skills, scene.rules.prefer)})]
        if term in ("most_skilled", "least_skilled"):
            return [Why(term, {"points": points(row.seat.skills, skill_points(scene.waiting))})]
        if "longest_idle" not in scene.house.ranking.places:
            return []
        return [Why("longest_idle", {"idle_ms": max(0, scene.at - row.seat.idle_since_at)})]

    def _first_difference(self, one: Row, other: Row, but: Collection[str] = ()) -> Term | None:
        """What the ranking first finds different in them; None if nothing."""
        scene = self._scene
        for term, says in scene.leading:
            if term not in but and says(one) != says(other):
                return term
        if one.place[0] != other.place[0]:
            return scene.house.ranking.places[0]
        return scene.house.ranking.places[1] if one.place[1] != other.place[1] else None

    @cached_property
    def summary(self) -> tuple[Reason, ...]:
        """Why it still waits, in a word; empty if it does not."""
        return () if self._scene.rung else (self._obstacle(),)

    def _obstacle(self) -> Reason:
        scene = self._scene
        if scene.eligible:
            return Reason("could_take_it", {"count": self.eligible})
        if scene.waiting.only_agent and scene.directed is None:
            return Reason("agent_unknown", {"agent_id": scene.waiting.only_agent})
        if not self._everyone:
            return Reason("nobody_in_queue")
        if not scene.fit:
            if scene.ask.need == ANYBODY:
                return Reason("nobody_has_the_skills", {"considered": self.considered})
            need = written(scene.ask.need)
            return Reason("nobody_meets_the_need", {"considered": self.considered, "need": need})
        if not scene.present:
            return Reason("nobody_available", {"able": scene.fit.bit_count()})
        return self._what_keeps(scene.present)

    def _what_keeps(self, present: int) -> Reason:
        """Why none of those who are there takes it."""
        scene = self._scene
        medium, free = scene.waiting.medium, present & scene.spare
        if free:
            until = [at for slot, at in scene.cooling.items() if free >> slot & 1]
            if len(until) < free.bit_count():
                return Reason("held", {"until_at": scene.held_until})
            return Reason("cooling_down", {"until_at": min(until)})
        if any(row_at(scene.rows, slot).seat.capacity.get(medium, 0) > 0 for slot in slots_in(present)):
            return Reason("everyone_busy", {"available": present.bit_count()})
        return Reason("nobody_does_the_medium", {"available": present.bit_count(), "medium": medium})

    @cached_property
    def remarks(self) -> tuple[Reason, ...]:
        """What was special about it: how far what is asked was relaxed, and when it is next; for whom it is kept;
        with how many other cases it was weighed, and whom its turn alone would have found."""
        scene = self._scene
        remarks: list[Reason] = []
        if steps := scene.rules.relax:
            waiting, step = scene.waiting, scene.step
            if step:
                early = step > steps_reached(scene.at - waiting.virtual_enqueued_at, scene.rules)
                values: dict[str, Value] = {"step": step, "steps": len(steps)}
                remarks.append(Reason("relaxed_early" if early else "relaxed", values))
            if step < len(steps):
                at = waiting.virtual_enqueued_at + steps[step].after_ms
                remarks.append(Reason("relaxes", {"step": step + 1, "steps": len(steps), "at": at}))
        if scene.held:
            remarks.append(Reason("kept_for_known", {"until_at": scene.held_until}))
        if (weighed := scene.weighed) and (chosen := scene.chosen):
            remarks += _of_weighing(weighed, chosen.seat.agent_id)
        return tuple(remarks)

    def _eligible(self, row: Row, rank: int) -> Told:
        seat = row.seat
        terms = {term: says(row) for term, says in self._terms}
        return _told(Considered(seat.agent_id, seat.name, True, rank, (self._standing(row),), terms))

    @cached_property
    def _terms(self) -> tuple[tuple[str, Callable[[Row], Value]], ...]:
        """What was compared, as far as it differs with the agent, and what each says of them."""
        scene = self._scene
        waiting, prefer = scene.waiting, scene.rules.prefer
        wanted, known_as = skill_points(waiting), self._known_as
        served = {agent_id: waiting.served_before[agent_id] for agent_id in known_as if known_as[agent_id] == _SERVED}
        terms: list[tuple[str, Callable[[Row], Value]]] = []
        for term in scene.house.policy.ranking:
            if term == "known":
                terms.append(("served_before_at", lambda row: served.get(row.seat.agent_id, 0)))
                if waiting.owner or waiting.preferred:
                    terms.append(("known_as", lambda row: known_as.get(row.seat.agent_id, "")))
            elif term == "longest_idle":
                terms.append(("idle_since_at", lambda row: row.seat.idle_since_at))
            elif term in ("least_loaded", "most_loaded"):
                terms.append(("share_taken", lambda row: row.share))
            elif term == "preferred":
                if prefer:
                    terms.append(("preferred_points", lambda row: points(row.seat.skills, prefer)))
            elif wanted:
                terms.append(("skill_points", lambda row: points(row.seat.skills, wanted)))
        return tuple(terms)

    def _standing(self, row: Row) -> Reason:
        rung = self._scene.rung
        if not rung:
            return _COULD
        if row is rung[0]:
            return _CHOSEN
        if len(rung) > 1 and row in rung:
            return _RINGS_TOO
        if self._scene.weighed and in_order(self._scene.leading)(row) < in_order(self._scene.leading)(rung[0]):
            return _WEIGHED
        by = self._first_difference(rung[0], row)
        return _BEHIND[self._known_as[rung[0].seat.agent_id] if by == "known" else by or "agent_id"]

    def _other(self, row: Row) -> Told:
        scene = self._scene
        waiting = scene.waiting
        seat = row.seat
        if waiting.only_agent and waiting.only_agent != seat.agent_id:
            away = Reason("directed_elsewhere", {"agent_id": waiting.only_agent})
            return _told(Considered(seat.agent_id, seat.name, False, None, (away,)))
        # What keeps an agent from a kind of work is the same for as long as the row is, so it is worked out once.
        kind = self._kind
        told = row.notes.get(kind)
        if told is None:
            if len(row.notes) >= _NOTES_KEPT:
                row.notes.clear()
            reasons = (*self._state_of(row), *_lacks(seat, scene.ask))
            told = row.notes[kind] = _told(Considered(seat.agent_id, seat.name, False, None, reasons))
        if not (scene.cooling or scene.held) or not (more := self._for_now(row)):
            return told
        return _told(told[0]._replace(reasons=told[0].reasons + more))

    @cached_property
    def _kind(self) -> str:
        """The kind of work, as text: what is looked up that often should not be hashed each time."""
        ask = self._scene.ask
        return f"{self._scene.label!r} {self._scene.waiting.medium} {ask.skills} {written(ask.need)}"

    def _state_of(self, row: Row) -> tuple[Reason, ...]:
        if row.state in _THERE:
            return self._limits(row)
        if row.state == "unavailable":
            return (Reason("unavailable", {"reason": row.seat.unavailable_reason}),)
        return (Reason(row.state),)

    def _for_now(self, row: Row) -> tuple[Reason, ...]:
        """What keeps the agent from this very case, and only for a while."""
        scene = self._scene
        more: tuple[Reason, ...] = ()
        if (until := scene.cooling.get(row.slot)) is not None:
            more = (Reason("cooling_down", {"until_at": until}),)
        if scene.held and not scene.held & row.bit:
            more = (*more, Reason("held_for_another", {"until_at": scene.held_until}))
        return more

    def record(self) -> dict[str, Any]:
        """All of it in JSON's terms, ``summary`` and ``chosen`` included. Parts of it are shared with other
        records: not to be changed."""
        scene = self._scene
        record: dict[str, Any] = {
            "at": scene.at,
            "interaction_id": self.interaction_id,
            "queue": self.queue,
            "medium": self.medium,
            "policy": self.policy,
            "chosen": scene.chosen.seat.agent_id if scene.chosen else None,
            "considered": self.considered,
            "counts": self.counts,
            "summary": [_plain(reason) for reason in self.summary],
            "candidates": [plain for _, plain in self._told],
        }
        if scene.rung[1:]:
            record["others"] = [row.seat.agent_id for row in scene.rung[1:]]
        if scene.weighed:
            record["weighed"] = scene.weighed._asdict()
        if self.remarks:
            record["remarks"] = [_plain(reason) for reason in self.remarks]
        return record


def _of_weighing(weighed: Weighed, agent_id: str) -> Iterator[Reason]:
    """With how many it was weighed, whom its turn alone would have found, and what is gained in all."""
    told: dict[str, Value] = {"count": len(weighed.cases), "agents": weighed.agents}
    if weighed.method == "turns":
        yield Reason("weighed_in_vain", told)
        return
    if not weighed.alone:
        yield Reason("weighed_instead", told)
    elif weighed.alone == agent_id:
        yield Reason("weighed_alike", told)
    else:
        yield Reason("weighed_otherwise", {**told, "agent_id": weighed.alone})
    if weighed.more:
        yield Reason("weighed_more", {"count": weighed.more})
    else:
        yield Reason("weighed_better", {"by": weighed.by})


def _plain(reason: Reason) -> dict[str, Any]:
    return {"code": reason.code, "values": dict(reason.values)}


def _lacks(seat: Seat, ask: Ask) -> tuple[Reason, ...]:
    """What the agent lacks of what is asked; each part of the need that isn't met is told of."""
    lacks = [_missing(skill, level, has) for skill, level in ask.skills if (has := seat.skills.get(skill, 0)) < level]
    for part in parts(ask.need):
        if not meets(seat.agent_id, seat.skills, part):
            lacks.append(
                _missing(part.skill, part.level, seat.skills.get(part.skill, 0))
                if isinstance(part, Has)
                else Reason("need_not_met", {"need": written(part)})
            )
    return tuple(lacks)


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


class Decision:
    """This case is to be offered to this agent, and to ``others`` at the same time where the queue rings several.
    ``epoch`` is the one it waited with. ``explanation`` holds the rest; ``candidates``, ``counts`` and ``why`` are
    its own. Two decisions are equal if they decide the same."""

    # It is what was seen and nothing else: the engine has no time for more.
    __slots__ = ("_explanation", "seen")

    _explanation: Explanation
    seen: Seen

    def __init__(self, seen: Seen) -> None:
        self.seen = seen

    def __eq__(self, other: object) -> bool:
        return self._decides() == other._decides() if isinstance(other, Decision) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._decides())

    def __repr__(self) -> str:
        return f"Decision{self._decides()!r}"

    def _decides(self) -> tuple[Any, ...]:
        return (
            self.interaction_id,
            self.epoch,
            self.queue,
            self.medium,
            self.agent_id,
            self.policy,
            self.at,
            self.others,
        )

    @property
    def interaction_id(self) -> str:
        return self.seen[0].interaction_id

    @property
    def epoch(self) -> int:
        return self.seen[0].epoch

    @property
    def queue(self) -> str:
        return self.seen[0].queue

    @property
    def medium(self) -> Medium:
        return self.seen[0].medium

    @property
    def agent_id(self) -> str:
        return self.seen[5][0].seat.agent_id

    @property
    def policy(self) -> str:
        return self.seen[2].house.policy.version

    @property
    def at(self) -> Moment:
        return self.seen[1]

    @property
    def others(self) -> tuple[str, ...]:
        return tuple([row.seat.agent_id for row in self.seen[5][1:]])

    @property
    def explanation(self) -> Explanation:
        try:
            return self._explanation
        except AttributeError:
            self._explanation = Explanation(self.seen)
            return self._explanation

    @property
    def candidates(self) -> tuple[Considered, ...]:
        return self.explanation.candidates

    @property
    def counts(self) -> dict[str, int]:
        return self.explanation.counts

    @property
    def why(self) -> tuple[Why, ...]:
        return self.explanation.why
