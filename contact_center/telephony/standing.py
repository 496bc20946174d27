"""How it stands with somebody who waits: their place, how long it will still take, and whether anybody is there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from contact_center.domain.occasion import Occasion
from contact_center.domain.queue_rules import DEFAULT_RULES, open_at
from contact_center.domain.record import Record
from contact_center.domain.time import DAY, SECOND, Moment
from contact_center.domain.waiting_time import USUAL_HANDLING_MS, expected_wait_ms
from contact_center.storage import agents, queues, settings
from contact_center.storage.connection import Connection
from ivr_flows.turns import QueueFacts

FRESH_MS = 5 * SECOND
"""Who is there and how long calls take is looked up this often for a queue, not for every caller."""


@dataclass(frozen=True, slots=True)
class _Crew:
    at: Moment
    agents: int
    handling_ms: int
    open: bool
    most: int
    longest_ms: int


class Standing:
    """Asks the database, and for a few seconds remembers what is the same for everybody in a queue."""

    def __init__(self) -> None:
        self._crews: dict[str, _Crew] = {}

    def of(self, conn: Connection, on: Occasion, record: Record) -> QueueFacts:
        crew = self._crew(conn, on, record.queue)
        ahead = queues.ahead(conn, record.queue, record.virtual_enqueued_at) if record.state == "waiting" else 0
        waited = on.now - record.virtual_enqueued_at
        tired = bool(crew.longest_ms) and waited > crew.longest_ms
        full = bool(crew.most) and ahead >= crew.most
        return QueueFacts(
            place=ahead + 1,
            size=max(ahead + 1, queues.size(conn, record.queue)),
            waited_ms=max(0, waited),
            estimate_ms=expected_wait_ms(ahead, crew.agents, crew.handling_ms),
            open=crew.open and not tired and not full,
            staffed=crew.agents > 0,
        )

    def _crew(self, conn: Connection, on: Occasion, queue_id: str) -> _Crew:
        known = self._crews.get(queue_id)
        if known is not None and 0 <= on.now - known.at < FRESH_MS:
            return known
        queue = queues.get(conn, queue_id)
        rules = queue.rules if queue else DEFAULT_RULES
        there = [a for a in agents.every(conn) if a.chosen == "ready" and queue_id in a.queues]
        there_now = datetime.fromtimestamp(on.now / SECOND, ZoneInfo(settings.get(conn, "time_zone", "UTC")))
        minute = there_now.weekday() * 1440 + there_now.hour * 60 + there_now.minute
        crew = _Crew(
            on.now,
            sum(1 for agent in there if agent.capacity.get("voice", 0)),
            queues.handling_ms(conn, queue_id, on.now - DAY) or USUAL_HANDLING_MS,
            open_at(rules.hours, minute),
            rules.most_waiting,
            rules.longest_wait_ms,
        )
        self._crews[queue_id] = crew
        return crew
