"""A day as it was, out of what was kept: what came and what it needed, who was there, what became of it. From it the
same day is made that any policy can be tried on.

What is taken over as it was: when each case came and what it needed, who was there when with which skills and
capacity, how long handling took once a case was accepted, when customers left. What cannot be known is estimated and
said so (:class:`Assumed`): how long those who were answered would have waited at most.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import median
from typing import Any, cast

from contact_center.domain.events import Medium
from contact_center.domain.time import MINUTE, SECOND, Millis, Moment
from contact_center.replaying.log import Log, Progress
from contact_center.storage import routing_log
from routing import Policy, Seat, Waiting
from routing.facts import Begun, Fact, SeatGone
from routing.figures import spans_together
from routing.patience import Patience
from routing.simulation import Coming, Day, Floor, Served, Simulation

AT_ONCE = 400
"""Records read from the database together."""
EARLY_MS = 5 * SECOND
"""A case may be told to routing this much before its record says that it waits: clocks of several nodes differ."""
USUAL_MS = 5 * MINUTE
"""How long handling takes where nobody handled anything."""
IN_HAND = ("talk", "hold", "wrap_up")


class NothingKept(Exception):
    """Nothing was kept of the day that is asked for."""


@dataclass(frozen=True, slots=True)
class Episode:
    """One time that an interaction waited: ``waiting`` as it came at ``came_at``; answered after ``ring_ms`` of
    ringing at an agent who had it in hand until ``ended_at``, or left by its customer. -1 is never (or not yet)."""

    waiting: Waiting
    came_at: Moment
    answered_at: Moment = -1
    ended_at: Moment = -1
    left_at: Moment = -1
    agent_id: str = ""
    ring_ms: Millis = 0

    @property
    def waited_ms(self) -> Millis:
        end = max(self.answered_at, self.left_at)
        return end - self.came_at if end >= 0 else -1


@dataclass(slots=True)
class Assumed:
    """What the simulation of a recorded day assumes. ``patience``: by queue and medium, how many were seen, how many
    of them left, and the estimated mean (infinite: nobody leaves). ``answer_ms``: how long agents took to accept,
    the median by medium. ``still_open``: cases whose handling had not ended; it counts as ended at the last moment.
    ``not_known``: interactions that waited, but of which nothing was kept. ``moved``: cases that moved to another
    queue while they waited; they come there at once. ``policies``: versions in force, by decisions."""

    patience: dict[tuple[str, str], tuple[int, int, float]] = field(default_factory=dict)
    answer_ms: dict[Medium, Millis] = field(default_factory=dict)
    still_open: int = 0
    not_known: int = 0
    moved: int = 0
    missed: int = 0
    policies: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Recorded:
    """``policy`` is the one that most was decided under. ``real`` is what became of the day."""

    first: Moment
    last: Moment
    policy: Policy
    episodes: tuple[Episode, ...]
    floor: Floor
    real: Day
    assumed: Assumed
    patience: Mapping[tuple[str, str], Patience]
    names: Mapping[str, str]

    def coming(self, seed: int = 0) -> list[Coming]:
        """What came, as any policy meets it."""
        found = []
        handled = self._handled()
        for episode in self.episodes:
            if episode.answered_at >= 0:
                handling = max(1, episode.ended_at - episode.answered_at)
            else:
                handling = _usual(episode.waiting, handled, seed)
            found.append(Coming(episode.waiting, handling, self._patience(episode, seed), episode.came_at))
        return sorted(found, key=lambda each: (each.at, each.waiting.interaction_id))

    def _patience(self, episode: Episode, seed: int) -> Millis:
        if episode.left_at >= 0:
            return episode.waited_ms
        waiting = episode.waiting
        known = self.patience.get((waiting.queue, waiting.medium))
        waited = episode.waited_ms if episode.answered_at >= 0 else max(0, self.last - episode.came_at)
        return -1 if known is None else known.draw(chance(f"patience {seed} {waiting.interaction_id}"), waited)

    def _handled(self) -> dict[tuple[str, str], list[Millis]]:
        found: dict[tuple[str, str], list[Millis]] = defaultdict(list)
        for each in self.episodes:
            if each.answered_at >= 0:
                took = max(1, each.ended_at - each.answered_at)
                found[each.waiting.queue, each.waiting.medium].append(took)
                found["", each.waiting.medium].append(took)
        return found

    def under(self, policy: Policy, seed: int = 0) -> Day:
        """The day as it would have been under ``policy``."""
        return Simulation(
            policy,
            (),
            self.coming(seed),
            answer_ms=self.assumed.answer_ms,
            floor=self.floor,
            ends_at=self.last,
        ).run()


def _usual(waiting: Waiting, handled: Mapping[tuple[str, str], Sequence[Millis]], seed: int) -> Millis:
    """The handling of a case that nobody took: that of one like it."""
    like = handled.get((waiting.queue, waiting.medium)) or handled.get(("", waiting.medium))
    if not like:
        return USUAL_MS
    return like[int(chance(f"handling {seed} {waiting.interaction_id}") * len(like))]


def chance(of: str) -> float:
    """A number in [0, 1) that is always the same for the same text."""
    return int.from_bytes(hashlib.sha256(of.encode()).digest()[:7], "big") / 2**56


# --- out of what was kept -----------------------------------------------------------------------------------------


class _Told:
    """What the log says that a simulation needs."""

    def __init__(self, first: Moment, last: Moment) -> None:
        self.first = first
        self.last = last
        self.changes: list[tuple[Moment, Seat]] = []
        self.waits: dict[str, list[tuple[Moment, Waiting]]] = defaultdict(list)
        self.policies: dict[str, int] = defaultdict(int)
        self.values: dict[str, Policy] = {}
        self.names: dict[str, str] = {}
        self._version = ""

    def hear(self, at: Moment, fact: Fact) -> None:
        if at > self.last:
            return
        if isinstance(fact, Seat):
            self.names[fact.agent_id] = fact.name
            self.changes.append((at, present(fact)))
        elif isinstance(fact, Waiting):
            self.waits[fact.interaction_id].append((at, fact))
        elif isinstance(fact, SeatGone):
            gone = Seat(fact.agent_id, fact.agent_id, frozenset(), available=False)
            self.changes.append((at, gone))
        elif isinstance(fact, Begun):
            self._version = fact.policy.version
            self.values[self._version] = fact.policy
            self.policies[self._version] += 0
        elif at >= self.first and (made := getattr(fact, "made", ())):
            self.policies[self._version] += len(made)


def present(seat: Seat) -> Seat:
    """The seat without what the simulation works out itself: who wraps up a case is there."""
    there = seat.available or seat.unavailable_reason == "wrap_up"
    return replace(
        seat, available=there, unavailable_reason="" if there else "offline", load={}, labelled={}, idle_since_at=0
    )


async def recorded(log: Log, first: Moment, last: Moment, progress: Progress = lambda done, whole: None) -> Recorded:
    """The day between two moments. Raises :class:`NothingKept`."""
    told = _Told(first, last)
    read, whole = 0, log.facts
    for run in log.runs:
        async for facts in log.read(run):
            for at, fact in facts:
                told.hear(at, fact)
            read += len(facts)
            progress(read, whole)
    if not told.values:
        raise NothingKept
    ids = sorted(told.waits)
    records: dict[str, dict[str, Any]] = {}
    for start in range(0, len(ids), AT_ONCE):
        for record in await log.executor.read(routing_log.became, ids[start : start + AT_ONCE]):
            records[record["interaction_id"]] = record
    for record in await log.executor.read(routing_log.in_hand_at, first):
        records[record["interaction_id"]] = record
    return put_together(told, records)


def put_together(told: _Told, records: Mapping[str, dict[str, Any]]) -> Recorded:
    first, last = told.first, told.last
    assumed = Assumed(policies=dict(told.policies))
    every = [
        episode
        for interaction_id, record in records.items()
        for episode in _episodes(record, told.waits.get(interaction_id, []), last, assumed)
    ]
    episodes = sorted(
        [each for each in every if first <= each.came_at <= last],
        key=lambda each: (each.came_at, each.waiting.interaction_id),
    )
    floor = Floor(first, _changes(told.changes, first), _in_hand(every, first))
    by_kind: dict[tuple[str, str], list[Episode]] = defaultdict(list)
    for each in episodes:
        by_kind[each.waiting.queue, each.waiting.medium].append(each)
    patience = {kind: _patience(some, last) for kind, some in by_kind.items()}
    assumed.patience = {kind: (known.seen, known.gave_up, known.mean_ms) for kind, known in sorted(patience.items())}
    rings: dict[Medium, list[Millis]] = defaultdict(list)
    for each in episodes:
        if each.answered_at >= 0:
            rings[each.waiting.medium].append(each.ring_ms)
    assumed.answer_ms = {medium: round(median(some)) for medium, some in sorted(rings.items())}
    most = max(told.policies, key=lambda version: told.policies[version])
    real = _real(episodes, every, floor, first, last)
    return Recorded(first, last, told.values[most], tuple(episodes), floor, real, assumed, patience, told.names)


def _patience(some: Iterable[Episode], last: Moment) -> Patience:
    return Patience(
        [(each.waited_ms if each.waited_ms >= 0 else max(0, last - each.came_at), each.left_at >= 0) for each in some]
    )


def _episodes(
    record: Mapping[str, Any], waits: Sequence[tuple[Moment, Waiting]], last: Moment, assumed: Assumed
) -> list[Episode]:
    """Each time that the interaction waited, out of its record's segments."""
    found: list[Episode] = []
    now: Episode | None = None
    ring_at = -1
    for segment in record["segments"]:
        kind, at, ended_at = segment["kind"], segment["started_at"], segment["ended_at"]
        if kind == "queue" and (now is None or now.answered_at >= 0):
            if now is not None:
                found.append(now)
            waiting = _waiting_at(record, waits, segment, at)
            now = Episode(waiting, at)
        elif kind == "queue" and now is not None and segment["queue"] != now.waiting.queue:
            assumed.moved += 1
            now = replace(now, waiting=replace(_waiting_at(record, waits, segment, at), missed={}))
        elif kind == "offer":
            ring_at = at
            assumed.missed += segment["outcome"] in ("expired", "rejected")
        elif kind in IN_HAND and now is not None:
            if now.answered_at < 0:
                ring_ms = at - ring_at if 0 <= ring_at <= at else 0
                now = replace(now, answered_at=at, agent_id=segment["agent_id"], ring_ms=ring_ms)
            if not ended_at:
                assumed.still_open += 1
            now = replace(now, ended_at=max(ended_at or last, now.answered_at))
    if now is not None:
        if now.answered_at < 0 and record["state"] == "ended":
            now = replace(now, left_at=max(record["ended_at"], now.came_at))
        found.append(now)
    return found


def _waiting_at(
    record: Mapping[str, Any], waits: Sequence[tuple[Moment, Waiting]], segment: Mapping[str, Any], at: Moment
) -> Waiting:
    """What the interaction asked for when it came: as routing was told, else as its record says now."""
    queue = segment["queue"]
    there = [waiting for told_at, waiting in waits if told_at >= at - EARLY_MS and waiting.queue == queue]
    if there:
        return replace(there[0], missed={}, missed_by={})
    return Waiting(
        record["interaction_id"],
        record["case_id"],
        queue,
        cast(Medium, record["medium"]),
        record["priority"],
        min(record["virtual_enqueued_at"] or at, at),
        record["skills"],
    )


def _changes(changes: Sequence[tuple[Moment, Seat]], first: Moment) -> tuple[tuple[Moment, Seat], ...]:
    """Only what changed; what was so before the beginning is so at the beginning."""
    known: dict[str, Seat] = {}
    before: dict[str, Seat] = {}
    found: list[tuple[Moment, Seat]] = []
    for at, seat in sorted(changes, key=lambda change: change[0]):
        if at < first:
            before[seat.agent_id] = seat
            continue
        if known.get(seat.agent_id, before.get(seat.agent_id)) != seat:
            found.append((at, seat))
        known[seat.agent_id] = seat
    return (*[(first, seat) for seat in before.values()], *found)


def _in_hand(every: Iterable[Episode], first: Moment) -> tuple[tuple[str, Medium, Moment], ...]:
    return tuple(
        [
            (each.agent_id, each.waiting.medium, each.ended_at)
            for each in every
            if each.came_at < first and 0 <= each.answered_at <= first < each.ended_at
        ]
    )


def _real(episodes: Iterable[Episode], every: Iterable[Episode], floor: Floor, first: Moment, last: Moment) -> Day:
    day = Day()
    for each in episodes:
        served = Served(each.waiting, each.came_at, each.answered_at, each.left_at, each.ended_at, each.agent_id)
        day.cases.append(served)
    hands: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for each in every:
        if each.answered_at >= 0:
            hands[each.agent_id].append((max(first, each.answered_at - each.ring_ms), min(last, each.ended_at)))
    day.busy_ms = {agent: spans_together(spans) for agent, spans in hands.items()}
    day.there_ms = _there(floor, last)
    day.over_at = last
    return day


def _there(floor: Floor, last: Moment) -> dict[str, Millis]:
    since: dict[str, Moment] = {}
    there: dict[str, Millis] = defaultdict(int)
    for at, seat in floor.changes:
        if seat.available:
            since.setdefault(seat.agent_id, at)
        elif seat.agent_id in since:
            there[seat.agent_id] += at - since.pop(seat.agent_id)
    for agent_id, at in since.items():
        there[agent_id] += max(0, last - at)
    return dict(there)
