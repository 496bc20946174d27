"""How it stands with somebody who waits: their place, how long it will still take, and whether anybody is there."""

from __future__ import annotations

from dataclasses import dataclass

from contact_center.domain.occasion import Occasion
from contact_center.domain.queue_rules import DEFAULT_RULES, QueueRules
from contact_center.domain.time import DAY, SECOND, Millis, Moment
from contact_center.estimates.calibration import quality
from contact_center.estimates.expecting import Expecting
from contact_center.storage import estimates, policies, queues
from contact_center.storage.connection import Connection
from contact_center.storage.journal import Loaded
from ivr_flows.turns import QueueFacts

FRESH_MS = 5 * SECOND
"""A queue's rules and hours are looked up this often, not for every caller."""
JUDGED_MS = 5 * 60 * SECOND
JUDGED = 500
"""Estimates are held against what became of them this often, and so many of them."""


@dataclass(frozen=True, slots=True)
class _Rules:
    at: Moment
    open: bool
    rules: QueueRules


class Standing:
    """Asks the database, and for a few seconds remembers what is the same for everybody in a queue."""

    def __init__(self, expecting: Expecting) -> None:
        self._expecting = expecting
        self._rules: dict[str, _Rules] = {}
        self._right: dict[str, tuple[Moment, bool]] = {}

    def of(self, conn: Connection, on: Occasion, loaded: Loaded) -> QueueFacts:
        record = loaded.record
        known = self._rules_of(conn, on, record.queue)
        rules = known.rules
        found = self._expecting.of(conn, on.now, loaded)
        ahead = found.ahead if record.state == "waiting" else 0
        waited = on.now - record.virtual_enqueued_at
        tired = bool(rules.longest_wait_ms) and waited > rules.longest_wait_ms
        full = bool(rules.most_waiting) and ahead >= rules.most_waiting
        told = found.estimate
        if told is None or (rules.estimate == "if_right" and not self._is_right(conn, on, record.queue)):
            estimate_ms: Millis | None = None
        else:
            estimate_ms = told.p90_ms if rules.estimate == "at_most" else told.mean_ms
        return QueueFacts(
            place=ahead + 1,
            size=max(ahead + 1, found.size if record.state == "waiting" else 0),
            waited_ms=max(0, waited),
            estimate_ms=estimate_ms,
            open=known.open and not tired and not full,
            staffed=self._staffed(conn, on, record.queue),
        )

    def _staffed(self, conn: Connection, on: Occasion, queue_id: str) -> bool:
        """Whether anybody answers the queue's calls, with whatever skills."""
        there = self._expecting.floor(conn, on.now).seats
        return any(queue_id in seat.queues and seat.capacity.get("voice", 0) for seat in there)

    def _rules_of(self, conn: Connection, on: Occasion, queue_id: str) -> _Rules:
        known = self._rules.get(queue_id)
        if known is not None and 0 <= on.now - known.at < FRESH_MS:
            return known
        queue = queues.get(conn, queue_id)
        rules = queue.rules if queue else DEFAULT_RULES
        hours = policies.opening(conn, rules)
        known = self._rules[queue_id] = _Rules(on.now, hours is None or hours.is_open(on.now), rules)
        return known

    def _is_right(self, conn: Connection, on: Occasion, queue_id: str) -> bool:
        """Whether the estimates of the last day were right; with too few of them it is not known, and not so."""
        known = self._right.get(queue_id)
        if known is None or not 0 <= on.now - known[0] < JUDGED_MS:
            judged = quality(estimates.outcomes(conn, on.now - DAY, queue_id, "voice", JUDGED), curve=False)
            known = self._right[queue_id] = (on.now, judged.calibrated is True)
        return known[1]
