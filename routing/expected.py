"""How long waiting will take in a house that is played, as the hub reckons it: who could take it as time goes on,
whose turn comes before, what else came in the last hour. What came before it was told anything is not known.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from contact_center.domain.events import Medium
from contact_center.domain.time import HOUR, SECOND, Millis, Moment
from contact_center.domain.waiting_time import USUAL_HANDLING_MS, usual_patience_ms
from routing.cases import Skills, Waiting, needed, turn
from routing.foreseeing import Rates, foresee, line_of
from routing.places import Able, Pair, Staff, Work, as_of_now, prospect, who_is_able
from routing.policy import Policy
from routing.seats import Seat

COUNTED_AGAIN_MS = 30 * SECOND
"""How often it is counted what came in the last hour."""
MOST_KINDS = 500

Kind: TypeAlias = tuple[Pair, Skills, str]


class Expected:
    """It is told who comes and waits, and who does no longer. ``rates`` say how long things take; where they don't
    know a queue and medium, it is what is usual."""

    def __init__(self, policy: Policy, rates: Mapping[Pair, Rates]) -> None:
        self._policy = policy
        self._rates = rates
        self._handling = {pair: known.handling_ms for pair, known in rates.items()}
        self._came: dict[Pair, deque[Moment]] = defaultdict(deque)
        self._line: dict[Pair, dict[str, Waiting]] = defaultdict(dict)
        self._turns: dict[Pair, tuple[Moment, list[tuple[Moment, Moment]]]] = {}
        self._staff: Staff | None = None
        self._counted_at: Moment = 0
        self._able: dict[Kind, tuple[Able, ...]] = {}

    def comes(self, waiting: Waiting, now: Moment) -> None:
        self._came[waiting.queue, waiting.medium].append(now)

    def waits(self, waiting: Waiting) -> None:
        pair = (waiting.queue, waiting.medium)
        self._line[pair][waiting.interaction_id] = waiting
        self._turns.pop(pair, None)

    def waits_no_more(self, waiting: Waiting) -> None:
        pair = (waiting.queue, waiting.medium)
        del self._line[pair][waiting.interaction_id]
        self._turns.pop(pair, None)

    def others_are_there(self) -> None:
        self._staff = None

    def wait_ms(self, waiting: Waiting, seats: Mapping[str, Seat], now: Moment) -> Millis | None:
        """On average, with the ringing; None where nobody who is there will ever be asked."""
        policy, pair = self._policy, (waiting.queue, waiting.medium)
        staff = self._staff_of(seats, now)
        able = as_of_now(self._who(staff, waiting), seats, waiting, policy)
        found = prospect(able, waiting, policy, now)
        _, line = line_of(self._turns_of(pair, now), waiting, found, policy, now, staff.work.came.get(pair, 0))
        told = foresee(found, line, self._rates.get(pair) or _usual(waiting.medium), now)
        return None if told is None else told.mean_ms

    def _staff_of(self, seats: Mapping[str, Seat], now: Moment) -> Staff:
        if self._staff is None or now - self._counted_at >= COUNTED_AGAIN_MS:
            self._able.clear()
            self._counted_at = now
            work = Work(self._lately(now), self._handling, USUAL_HANDLING_MS)
            self._staff = Staff([seat for seat in seats.values() if seat.available], self._policy, work)
        return self._staff

    def _lately(self, now: Moment) -> dict[Pair, int]:
        for moments in self._came.values():
            while moments and moments[0] <= now - HOUR:
                moments.popleft()
        return {pair: len(moments) for pair, moments in self._came.items() if moments}

    def _who(self, staff: Staff, waiting: Waiting) -> tuple[Able, ...]:
        kind = ((waiting.queue, waiting.medium), needed(waiting.skills), waiting.label)
        known = self._able.get(kind)
        if known is None:
            if len(self._able) >= MOST_KINDS:
                self._able.clear()
            known = self._able[kind] = who_is_able(staff, waiting)
        return known

    def _turns_of(self, pair: Pair, now: Moment) -> Sequence[tuple[Moment, Moment]]:
        """Time changes no turn but by a cap."""
        known = self._turns.get(pair)
        if known is None or (known[0] != now and self._policy.most_priority is not None):
            some = self._line[pair].values()
            turns = [
                (
                    turn(each.virtual_enqueued_at, each.priority, each.queue, self._policy, now),
                    each.virtual_enqueued_at,
                )
                for each in some
            ]
            known = self._turns[pair] = (now, sorted(turns))
        return known[1]


def _usual(medium: Medium) -> Rates:
    return Rates(USUAL_HANDLING_MS, usual_patience_ms(medium) or 0, 0)
