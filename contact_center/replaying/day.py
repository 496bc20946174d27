"""A day as it was, out of what was kept: what came and what it needed, who was there, what became of it. From it the
same day is made that any policy can be tried on.

What is taken over as it was: when each case came and what it needed, who was there when with which skills and
capacity, how long handling took once a case was accepted, when customers left. What cannot be known is estimated and
said so (:class:`Assumed`): how long those who were answered would have waited at most, and what becomes of an offer
that nobody made, which is drawn from how that agent answered the others.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import isinf
from statistics import fmean
from typing import Any, cast

from contact_center.domain.events import Medium
from contact_center.domain.overflow import overflow_of
from contact_center.domain.time import MINUTE, SECOND, Millis, Moment
from contact_center.domain.waiting_time import USUAL_HANDLING_MS
from contact_center.replaying.callbacks import NONE, Call, Callbacks, attempts, callbacks
from contact_center.replaying.log import Log, Progress
from contact_center.storage import policies, queues, routing_log
from contact_center.storage.connection import Connection
from routing import Policy, Seat, Waiting
from routing.answering import Habits, Offered, Outcome, chance
from routing.facts import Begun, Fact, SeatGone
from routing.figures import spans_together
from routing.foreseeing import Rates
from routing.onward import Place, Rulebook, sent_on
from routing.patience import Patience
from routing.policy import Missed
from routing.simulation import Coming, Day, Floor, Served, Simulation

AT_ONCE = 400
"""Records read from the database together."""
EARLY_MS = 5 * SECOND
"""A case may be told to routing this much before its record says that it waits: clocks of several nodes differ."""
USUAL_MS = 5 * MINUTE
"""How long handling takes where nobody handled anything."""
IN_HAND = ("talk", "hold", "wrap_up")
AT_THE_SAME_TIME_MS = 2 * SECOND
"""What one transaction does is told to routing, and noted, within this."""
_ENDED: Mapping[str, Outcome] = {"accepted": "accepted", "rejected": "rejected", "expired": "no_answer"}
"""What an agent made of an offer; others ended for other reasons."""


class NothingKept(Exception):
    """Nothing was kept of the day that is asked for."""


@dataclass(frozen=True, slots=True)
class Episode:
    """One time that an interaction waited: ``waiting`` as it came at ``came_at``; answered after ``ring_ms`` of
    ringing at an agent who had it in hand until ``ended_at``, or left by its customer. -1 is never (or not yet).
    ``origin`` is how it came where rules of the house sent it on from there (None: they didn't). ``owed``: it is
    something that we owe, not a customer who waits."""

    waiting: Waiting
    came_at: Moment
    answered_at: Moment = -1
    ended_at: Moment = -1
    left_at: Moment = -1
    agent_id: str = ""
    ring_ms: Millis = 0
    origin: Waiting | None = None
    owed: bool = False

    @property
    def waited_ms(self) -> Millis:
        end = max(self.answered_at, self.left_at)
        return end - self.came_at if end >= 0 else -1


@dataclass(slots=True)
class Assumed:
    """What the simulation of a recorded day assumes. ``patience``: by queue and medium, how many were seen, how many
    of them left, and the estimated mean (infinite: nobody leaves). ``answer_ms``: how long agents took to accept,
    the median by medium. ``missed``: the share of offers missed, by medium and cause; ``own`` agents are known well
    enough to have their own. ``away_ms``: how long agents stayed away who were taken to be, the median of ``away``
    (0: it is not known). ``still_open``: cases whose handling had not ended; it counts as ended at the last moment.
    ``moved``: cases that somebody moved to another queue while they waited; they come there at once. ``rules``:
    queues whose work may go on to others, by rules that are simulated. ``policies``: versions in force, by
    decisions. ``called_back``: how many of the ``left`` who left were owed a call, at which they were ``reached``, by
    so many ``attempts``."""

    patience: dict[tuple[str, str], tuple[int, int, float]] = field(default_factory=dict)
    answer_ms: dict[Medium, Millis] = field(default_factory=dict)
    offers: int = 0
    missed: dict[Medium, dict[Missed, float]] = field(default_factory=dict)
    own: int = 0
    away: int = 0
    away_ms: Millis = 0
    still_open: int = 0
    moved: int = 0
    rules: tuple[str, ...] = ()
    policies: dict[str, int] = field(default_factory=dict)
    left: int = 0
    called_back: int = 0
    attempts: int = 0
    reached: int = 0


@dataclass(frozen=True, slots=True)
class Recorded:
    """``policy`` is the one that most was decided under, ``places`` what the queues say beyond it. ``real`` is what
    became of the day, ``offers`` what agents made of those that they were made."""

    first: Moment
    last: Moment
    policy: Policy
    episodes: tuple[Episode, ...]
    floor: Floor
    real: Day
    assumed: Assumed
    patience: Mapping[tuple[str, str], Patience]
    names: Mapping[str, str]
    places: Mapping[str, Place] = field(default_factory=dict)
    offers: Sequence[Offered] = ()
    rates: Mapping[tuple[str, str], Rates] = field(default_factory=dict)
    callbacks: Callbacks = field(default_factory=Callbacks)

    @property
    def rulebook(self) -> Rulebook:
        return Rulebook(self.policy, self.places)

    def coming(self, seed: int = 0) -> list[Coming]:
        """What came, as any policy meets it."""
        found = []
        handled = self._handled()
        times: dict[str, int] = defaultdict(int)
        for episode in self.episodes:
            if self.callbacks.follows(episode):
                continue
            if episode.answered_at >= 0:
                handling = max(1, episode.ended_at - episode.answered_at)
            else:
                handling = _usual(episode.waiting, handled, seed)
            waiting = episode.origin or episode.waiting
            times[waiting.interaction_id] += 1
            if (time := times[waiting.interaction_id]) > 1:  # it may still wait from the time before
                waiting = replace(waiting, interaction_id=f"{waiting.interaction_id}#{time}")
            patience = self._patience(episode, seed)
            calls = attempts(self._owed(episode, seed), lambda each: _usual(each.waiting, handled, seed))
            found.append(Coming(waiting, handling, patience, episode.came_at, episode.owed, calls))
        return sorted(found, key=lambda each: (each.at, each.waiting.interaction_id))

    def _owed(self, episode: Episode, seed: int) -> Call:
        """The call that the customer is owed where they leave; after one that we owe, what is left of it."""
        waiting = episode.waiting
        if episode.owed:
            return self.callbacks.others.get(waiting.interaction_id, NONE)
        if episode.left_at >= 0:
            return self.callbacks.owed.get(waiting.interaction_id, NONE)
        number = chance(f"callback {seed} {waiting.interaction_id} {episode.came_at}")
        return self.callbacks.drawn((waiting.queue, waiting.medium), number)

    def _patience(self, episode: Episode, seed: int) -> Millis:
        if episode.left_at >= 0:
            return episode.waited_ms
        if episode.owed:  # nobody waits at the other end
            return -1
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

    def under(self, policy: Policy | Rulebook, seed: int = 0) -> Day:
        """The day as it would have been under ``policy``. Of queues that it doesn't name, what was in force holds."""
        book = policy if isinstance(policy, Rulebook) else Rulebook(policy)
        return Simulation(
            book.beside(self.rulebook),
            (),
            self.coming(seed),
            answering=Habits(self.offers, seed),
            floor=self.floor,
            rates=self.rates,
            ends_at=self.last,
        ).run()


def _usual(waiting: Waiting, handled: Mapping[tuple[str, str], Sequence[Millis]], seed: int) -> Millis:
    """The handling of a case that nobody took: that of one like it."""
    like = handled.get((waiting.queue, waiting.medium)) or handled.get(("", waiting.medium))
    if not like:
        return USUAL_MS
    return like[int(chance(f"handling {seed} {waiting.interaction_id}") * len(like))]


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
            gone = Seat(fact.agent_id, fact.agent_id, frozenset(), available=False, unavailable_reason="offline")
            self.changes.append((at, gone))
        elif isinstance(fact, Begun):
            self._version = fact.policy.version
            self.values[self._version] = fact.policy
            self.policies[self._version] += 0
        elif at >= self.first and (made := getattr(fact, "made", ())):
            self.policies[self._version] += len(made)

    @property
    def most(self) -> str:
        """The version that most was decided under."""
        return max(self.policies, key=lambda version: self.policies[version])


def present(seat: Seat) -> Seat:
    """The seat without what the simulation works out itself: who wraps up a case is there."""
    there = seat.available or seat.unavailable_reason == "wrap_up"
    reason = "" if there else seat.unavailable_reason
    return replace(seat, available=there, unavailable_reason=reason, load={}, labelled={}, idle_since_at=0)


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
    places = await log.executor.read(places_of, told.most)
    return put_together(told, records, places)


def places_of(conn: Connection, version: str) -> dict[str, Place]:
    """What each queue said beyond its routing under that version of the policy. Rules of overflow are kept with it;
    hours, ringing times and what a queue gives what comes in are those in force now."""
    document = routing_log.policy(conn, version) or {}
    overflow = document.get("overflow", {})
    return {
        queue.id: Place(
            overflow_of(overflow.get(queue.id, ())),
            policies.opening(conn, queue.rules),
            queue.offer_ms,
            queue.priority,
            queue.skills,
        )
        for queue in queues.every(conn)
    }


def put_together(
    told: _Told, records: Mapping[str, dict[str, Any]], places: Mapping[str, Place] | None = None
) -> Recorded:
    first, last = told.first, told.last
    policy = told.values[told.most]
    book = Rulebook(policy, places or {})
    rules = tuple(sorted(queue for queue, place in book.places.items() if place.overflow))
    assumed = Assumed(policies=dict(told.policies), rules=rules)
    every, offers, went = [], [], 0
    for interaction_id, record in records.items():
        reading = _Reading(record, told.waits.get(interaction_id, []), last, book, assumed)
        every += reading.episodes()
        offers += [each for at, each in reading.offers if first <= at <= last]
        went += reading.went
    episodes = sorted(
        [each for each in every if first <= each.came_at <= last],
        key=lambda each: (each.came_at, each.waiting.interaction_id),
    )
    changes = _changes(told.changes, first)
    restored, away = _without_misses(changes, _ringing_out(records.values()))
    floor = Floor(first, restored, _in_hand(every, first), sorted(away))
    by_kind: dict[tuple[str, str], list[Episode]] = defaultdict(list)
    for each in episodes:
        if not each.owed:
            by_kind[each.waiting.queue, each.waiting.medium].append(each)
    calls = callbacks(records, episodes)
    assumed.left, assumed.called_back = calls.left, len(calls.owed)
    assumed.attempts, assumed.reached = calls.attempts, calls.reached
    patience = {kind: _patience(some, last) for kind, some in by_kind.items()}
    assumed.patience = {kind: (known.seen, known.gave_up, known.mean_ms) for kind, known in sorted(patience.items())}
    habits = Habits(offers)
    assumed.answer_ms = {medium: known.answer_ms for medium, known in habits.house.items()}
    assumed.missed = {medium: known.missed for medium, known in habits.house.items()}
    assumed.offers, assumed.own = len(offers), len({agent_id for agent_id, _ in habits.own})
    assumed.away, assumed.away_ms = len(away), floor.away_ms[len(away) // 2] if away else 0
    real = _real(episodes, every, changes, first, last)
    for offer in offers:
        if offer.outcome != "accepted":
            real.missed[offer.outcome] = real.missed.get(offer.outcome, 0) + 1
    real.away, real.moved = len(away), went
    return Recorded(
        first,
        last,
        policy,
        tuple(episodes),
        floor,
        real,
        assumed,
        patience,
        told.names,
        book.places,
        tuple(offers),
        {kind: _rates(some, patience[kind]) for kind, some in by_kind.items()},
        calls,
    )


def _rates(some: Sequence[Episode], patience: Patience) -> Rates:
    """Over the whole day: what the hub knew of the days before is not in what was kept."""
    answered = [each for each in some if each.answered_at >= 0]
    mean = 0.0 if isinf(patience.mean_ms) else patience.mean_ms
    if not answered:
        return Rates(USUAL_HANDLING_MS, mean, 0)
    took = fmean([each.ended_at - each.answered_at + each.ring_ms for each in answered])
    return Rates(max(float(SECOND), took), mean, fmean([each.ring_ms for each in answered]))


def _patience(some: Iterable[Episode], last: Moment) -> Patience:
    return Patience(
        [(each.waited_ms if each.waited_ms >= 0 else max(0, last - each.came_at), each.left_at >= 0) for each in some]
    )


class _Reading:
    """One record, read from its segments: each time that the interaction waited, the ``offers`` that were made of it
    (each with its moment), and how often rules sent it on (``went``)."""

    def __init__(
        self,
        record: Mapping[str, Any],
        waits: Sequence[tuple[Moment, Waiting]],
        last: Moment,
        book: Rulebook,
        assumed: Assumed,
    ) -> None:
        self._record = record
        self._waits = waits
        self._last = last
        self._book = book
        self._assumed = assumed
        self._medium = cast(Medium, record["medium"])
        self.offers: list[tuple[Moment, Offered]] = []
        self.went = 0

    def episodes(self) -> list[Episode]:
        record = self._record
        found: list[Episode] = []
        now: Episode | None = None
        rang: Mapping[str, Any] | None = None
        for segment in record["segments"]:
            kind, at, ended_at = segment["kind"], segment["started_at"], segment["ended_at"]
            if kind == "queue" and now is not None and now.answered_at >= 0 and self._could_not_ring(now, at):
                now = replace(now, answered_at=-1, ended_at=-1, agent_id="", ring_ms=0)
            if kind == "queue" and (now is None or now.answered_at >= 0):
                if now is not None:
                    found.append(now)
                now = Episode(self._waiting(segment["queue"], at), at, owed=bool(record.get("task")))
            elif kind == "queue" and now is not None and segment["queue"] != now.waiting.queue:
                now = self._moved(now, segment["queue"], at)
            elif kind == "parked" and now is not None and now.answered_at < 0:
                now = None  # it is put off, and comes when its time has come
            elif kind == "offer":
                self._offer(segment)
                rang = segment if segment["outcome"] == "accepted" else rang
            elif kind in IN_HAND and now is not None:
                if now.answered_at < 0:
                    ring_ms = max(0, at - rang["started_at"]) if rang is not None else 0
                    now = replace(now, answered_at=at, agent_id=segment["agent_id"], ring_ms=ring_ms)
                    rang = None
                if not ended_at:
                    self._assumed.still_open += 1
                now = replace(now, ended_at=max(ended_at or self._last, now.answered_at))
        if now is not None:
            if now.answered_at < 0 and record["state"] == "ended":
                now = replace(now, left_at=max(record["ended_at"], now.came_at))
            found.append(now)
        return found

    def _offer(self, segment: Mapping[str, Any]) -> None:
        outcome = _ENDED.get(segment["outcome"])
        itself = self._medium in self._book.policy.queue(segment["queue"]).auto_answer
        if outcome is not None and not (itself and outcome == "accepted"):
            at, until = segment["started_at"], segment["ended_at"]
            self.offers.append((at, Offered(segment["agent_id"], self._medium, outcome, max(0, until - at))))

    def _could_not_ring(self, now: Episode, at: Moment) -> bool:
        """Whether the agent had accepted, but their telephone was busy: then the offer was missed after all."""
        agent_id = now.agent_id
        for told_at, waiting in self._waits:
            if abs(told_at - at) <= EARLY_MS and waiting.missed_by.get(agent_id) == "busy":
                if abs(waiting.missed.get(agent_id, 0) - at) <= EARLY_MS and self.offers:
                    began, offer = self.offers[-1]
                    self.offers[-1] = (began, offer._replace(outcome="busy", after_ms=max(0, at - began)))
                return True
        return False

    def _moved(self, now: Episode, queue: str, at: Moment) -> Episode:
        """On to another queue while it waited: by a rule, which a simulation has too, or by somebody."""
        there = replace(self._waiting(queue, at), missed={})
        before = now.waiting.queue
        by_rule = any(rule.to == queue for rule in self._book.place(before).overflow)
        if not by_rule:
            self._assumed.moved += 1
            return replace(now, waiting=there, origin=None)
        self.went += 1
        origin = now.origin or now.waiting
        if not self._told(before, now.came_at):
            # It went on in the moment it came, so nobody was told what it was before.
            first = origin.queue
            origin = sent_on(there, self._book.place(queue), first, self._book.place(first))
        return replace(now, waiting=there, origin=origin)

    def _told(self, queue: str, at: Moment) -> Waiting | None:
        """How the interaction asked, as routing was told."""
        for told_at, waiting in self._waits:
            if told_at >= at - EARLY_MS and waiting.queue == queue:
                return replace(waiting, missed={}, missed_by={})
        return None

    def _waiting(self, queue: str, at: Moment) -> Waiting:
        """What the interaction asked for when it came: as routing was told, else as its record says now."""
        record = self._record
        return self._told(queue, at) or Waiting(
            record["interaction_id"],
            record["case_id"],
            queue,
            self._medium,
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


def _ringing_out(records: Iterable[Mapping[str, Any]]) -> dict[str, list[Moment]]:
    """When each agent let an offer ring out."""
    found: dict[str, list[Moment]] = defaultdict(list)
    for record in records:
        for segment in record["segments"]:
            if segment["kind"] == "offer" and segment["outcome"] == "expired":
                found[segment["agent_id"]].append(segment["ended_at"])
    return {agent_id: sorted(moments) for agent_id, moments in found.items()}


def _without_misses(
    changes: Sequence[tuple[Moment, Seat]], rang_out: Mapping[str, Sequence[Moment]]
) -> tuple[tuple[tuple[Moment, Seat], ...], list[Millis]]:
    """The floor as it would be if nobody were taken to be away for what they missed, and how long they were: another
    policy asks others, so others miss. Who was taken to be away and left then is left as it was."""
    kept: list[tuple[Moment, Seat] | None] = list(changes)
    latest: dict[str, Seat] = {}
    begun: dict[str, tuple[int, Moment]] = {}
    away: list[Millis] = []
    for number, (at, seat) in enumerate(changes):
        agent_id = seat.agent_id
        was = latest.get(agent_id)
        latest[agent_id] = seat
        if seat.available and (since := begun.pop(agent_id, None)) is not None:
            kept[since[0]] = None
            away.append(at - since[1])
        elif seat.available or seat.unavailable_reason != "not_ready":
            begun.pop(agent_id, None)
        elif was is not None and was.available and _near(rang_out.get(agent_id, ()), at):
            begun[agent_id] = (number, at)
    return tuple(_what_changes(each for each in kept if each is not None)), away


def _near(moments: Sequence[Moment], at: Moment) -> bool:
    number = bisect_left(moments, at - AT_THE_SAME_TIME_MS)
    return number < len(moments) and moments[number] <= at + AT_THE_SAME_TIME_MS


def _what_changes(changes: Iterable[tuple[Moment, Seat]]) -> Iterator[tuple[Moment, Seat]]:
    known: dict[str, Seat] = {}
    for at, seat in changes:
        if known.get(seat.agent_id) != seat:
            known[seat.agent_id] = seat
            yield at, seat


def _in_hand(every: Iterable[Episode], first: Moment) -> tuple[tuple[str, Medium, Moment], ...]:
    return tuple(
        [
            (each.agent_id, each.waiting.medium, each.ended_at)
            for each in every
            if each.came_at < first and 0 <= each.answered_at <= first < each.ended_at
        ]
    )


def _real(
    episodes: Iterable[Episode],
    every: Iterable[Episode],
    changes: Iterable[tuple[Moment, Seat]],
    first: Moment,
    last: Moment,
) -> Day:
    day = Day()
    for each in episodes:
        served = Served(each.waiting, each.came_at, each.answered_at, each.left_at, each.ended_at, each.agent_id)
        day.cases.append(served)
    hands: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for each in every:
        if each.answered_at >= 0:
            hands[each.agent_id].append((max(first, each.answered_at - each.ring_ms), min(last, each.ended_at)))
    day.busy_ms = {agent: spans_together(spans) for agent, spans in hands.items()}
    day.there_ms = _there(changes, last)
    day.over_at = last
    return day


def _there(changes: Iterable[tuple[Moment, Seat]], last: Moment) -> dict[str, Millis]:
    since: dict[str, Moment] = {}
    there: dict[str, Millis] = defaultdict(int)
    for at, seat in changes:
        if seat.available:
            since.setdefault(seat.agent_id, at)
        elif seat.agent_id in since:
            there[seat.agent_id] += at - since.pop(seat.agent_id)
    for agent_id, at in since.items():
        there[agent_id] += max(0, last - at)
    return dict(there)
