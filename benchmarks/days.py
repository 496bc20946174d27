"""A day of routing that is known in advance, stored as a hub would have stored it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from contact_center.domain.events import Medium
from contact_center.domain.record import Record, Segment
from contact_center.domain.time import HOUR, MINUTE, SECOND, Millis, Moment
from contact_center.replaying.recorder import BLOCK, RUN_MS, sealed
from contact_center.storage import routing_log
from contact_center.storage.connection import Connection
from contact_center.storage.routing_log import Block
from contact_center.storage.schema import interactions
from routing import Engine, Policy, Seat
from routing.answering import Answer, Answering, AtOnce, Habits, Offered, Outcome
from routing.facts import Begun, Dated, Fact, WitnessedEngine
from routing.simulation import Day, Floor, Kind, Served, Simulation, Spread, coming

BEGINS_AT = 1_772_438_400_000
"""2026-03-02 08:00 UTC."""


@dataclass(frozen=True, slots=True)
class Known:
    """A day that was simulated, all that its engine was told, and each case's offers."""

    first: Moment
    last: Moment
    day: Day
    facts: list[Dated]
    offers: Mapping[str, list[Rang]]


class Rang(NamedTuple):
    """An offer: since when, at whom, and what they would make of it after how long."""

    at: Moment
    agent_id: str
    outcome: Outcome
    after_ms: Millis


class _Notes:
    def __init__(self) -> None:
        self.facts: list[Dated] = []
        self.clock: Simulation | None = None
        self.engine: Engine | None = None
        self.begun_at: Moment = BEGINS_AT

    @property
    def now(self) -> Moment:
        return max(BEGINS_AT, self.clock.now) if self.clock is not None else BEGINS_AT

    def begins(self, engine: Engine) -> None:
        self.engine = engine
        self.facts.append((self.now, Begun(engine.policy)))

    def told(self, fact: Fact) -> None:
        if self.now - self.begun_at >= RUN_MS and self.engine is not None:
            self.begun_at = self.now
            self.facts.append((self.now, fact))
            known: list[Fact] = [*self.engine.seats(), *self.engine.waiting()]
            self.facts.append((self.now, Begun(self.engine.policy, len(known))))
            self.facts += [(self.now, each) for each in known]
            return
        self.facts.append((self.now, fact))


class _Heard:
    """What becomes of offers, noted."""

    def __init__(self, answering: Answering, notes: _Notes) -> None:
        self._answering = answering
        self._notes = notes
        self.offers: dict[str, list[Rang]] = {}

    def answer(self, agent_id: str, medium: Medium, of: str, nth: int, ring_ms: Millis) -> Answer:
        found = self._answering.answer(agent_id, medium, of, nth, ring_ms)
        self.offers.setdefault(of, []).append(Rang(self._notes.now, agent_id, *found))
        return found


def as_people_do(agents: Sequence[str], seed: int = 1) -> Habits:
    """Some reject one in thirty, some let one in five ring out, and all take their while to accept."""
    offers: list[Offered] = []
    for number, agent_id in enumerate(agents):
        medium: Medium
        for medium in ("voice", "chat"):
            took = [(number % 5 + 2 + each / 10) * SECOND for each in range(60)]
            offers += [Offered(agent_id, medium, "accepted", round(each)) for each in took]
            offers += [Offered(agent_id, medium, "rejected", 3 * SECOND)] * (number % 3)
            offers += [Offered(agent_id, medium, "no_answer", 20 * SECOND)] * (number % 4 * 6)
    return Habits(offers, seed)


def team(queues: Sequence[str], size: int) -> list[Seat]:
    """Everybody takes one call or up to three chats; each is in two queues, if there are two."""
    return [
        Seat(
            f"agent{number:03}",
            f"Agent {number}",
            frozenset({queues[number % len(queues)], queues[(number + 1) % len(queues)]}),
            capacity={"voice": 1, "chat": 3},
        )
        for number in range(size)
    ]


def known_day(
    policy: Policy,
    cases: int,
    *,
    hours: float = 10,
    queues: int = 4,
    load: float = 0.9,
    seed: int = 1,
    as_people: bool = False,
) -> Known:
    """About ``cases`` calls and chats in ``hours``, with as many agents as leaves them ``load`` of their time. They
    take everything after four seconds, or do :func:`as_people_do`."""
    names = [f"queue{number}" for number in range(queues)]
    per_hour = cases / hours / queues
    kinds = [
        Kind(
            queue,
            "voice" if number % 2 == 0 else "chat",
            ((0, per_hour * 0.7), (hours * 1_200, per_hour * 1.4), (hours * 2_400, per_hour * 0.9)),
            Spread(180, 0.8),
            Spread(240),
            priority=number,
        )
        for number, queue in enumerate(names)
    ]
    last = BEGINS_AT + round(hours * HOUR)
    # A chat takes a third of an agent.
    agents = max(2, round(cases * 180 / (hours * 3_600) * (2 / 3) / load))
    changes = [(BEGINS_AT + (number % 8) * 2 * MINUTE, seat) for number, seat in enumerate(team(names, agents))]
    notes = _Notes()
    ids = [seat.agent_id for _, seat in changes]
    heard = _Heard(as_people_do(ids, seed) if as_people else AtOnce(4 * SECOND), notes)
    simulation = Simulation(
        policy,
        (),
        coming(kinds, round(hours * HOUR), seed, BEGINS_AT),
        answering=heard,
        floor=Floor(BEGINS_AT, changes),
        ends_at=last,
        engine=lambda given: WitnessedEngine(given, notes),
    )
    notes.clock = simulation
    return Known(BEGINS_AT, last, simulation.run(), notes.facts, heard.offers)


def blocks(facts: Sequence[Dated], node: str = "node") -> list[Block]:
    """The facts as the recorder writes them."""
    made: list[Block] = []
    piece: list[Dated] = []
    run, number, before = 0, 0, ""

    def close() -> None:
        nonlocal run, number, before
        at, first = piece[0]
        if isinstance(first, Begun):
            piece[0] = (at, first._replace(after=before))
            run, number, before = run + 1, 0, ""
        made.append(sealed(f"{node}-{run:06}", number, node, piece, before))
        number, before = number + 1, made[-1].digest

    for at, fact in facts:
        if piece and (isinstance(fact, Begun) or len(piece) >= BLOCK):
            close()
            piece = []
        piece.append((at, fact))
    close()
    return made


def store(conn: Connection, known: Known) -> None:
    """The log, and a record for each case."""
    for block in blocks(known.facts):
        routing_log.add(conn, block)
    rows = [_row(case, known) for case in known.day.cases]
    for start in range(0, len(rows), 1_000):
        conn.execute(interactions.insert(), rows[start : start + 1_000])


def _row(case: Served, known: Known) -> dict[str, Any]:
    waiting, came = case.waiting, case.came_at
    record = Record(
        interaction_id=waiting.interaction_id,
        case_id=waiting.case_id,
        customer_id=f"c{waiting.case_id}",
        channel="twilio_voice",
        medium=waiting.medium,
        direction="inbound",
        thread_key="",
        point="+4930123456",
        point_kind="phone",
        dialled="+4930654321",
        started_at=came,
        queue=waiting.queue,
        priority=waiting.priority,
        virtual_enqueued_at=came,
        enqueued_at=came,
        state="ended" if case.answered or case.abandoned else "waiting",
    )
    record.segments = list(_segments(case, known.offers.get(waiting.interaction_id, [])))
    if case.answered:
        record.answered_at, record.ended_at, record.ended_reason = case.answered_at, case.ended_at, "wrapped_up"
    elif case.abandoned:
        record.ended_at, record.ended_reason = case.left_at, "abandoned"
    return {
        "id": waiting.interaction_id,
        "case_id": waiting.case_id,
        "customer_id": record.customer_id,
        "channel": record.channel,
        "medium": record.medium,
        "state": record.state,
        "queue": record.queue,
        "started_at": came,
        "queued_at": came,
        "answered_at": record.answered_at,
        "ended_at": record.ended_at,
        "ended_reason": record.ended_reason,
        "record": asdict(record),
    }


_OUTCOMES: Mapping[Outcome, str] = {
    "accepted": "accepted",
    "rejected": "rejected",
    "no_answer": "expired",
    "busy": "expired",
}


def _segments(case: Served, offers: Sequence[Rang]) -> Iterator[Segment]:
    queue, since = case.waiting.queue, case.came_at
    for rang in offers:
        yield Segment("queue", since, rang.at, queue)
        since = rang.at + rang.after_ms
        if case.abandoned and case.left_at <= since:
            yield Segment("offer", rang.at, case.left_at, queue, rang.agent_id, "o", "cancelled")
            return
        yield Segment("offer", rang.at, since, queue, rang.agent_id, "o", _OUTCOMES[rang.outcome])
    if case.answered:
        yield Segment("talk", case.answered_at, case.ended_at, queue, case.agent_id)
    else:
        yield Segment("queue", since, max(0, case.left_at), queue)
