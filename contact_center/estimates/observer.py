"""Watches who waits: writes down what to expect when it begins, and what became of it when it is over.

It works beside everything else and never in anybody's way: what commits is only noted, and looked at in batches.
What a crash keeps from being noted is missing in the figures, and nowhere else.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

import structlog

from contact_center.domain.errors import Unavailable
from contact_center.domain.occasion import Occasion
from contact_center.domain.time import DAY, HOUR, Moment
from contact_center.estimates.expecting import Expecting
from contact_center.estimates.stretches import Became, became, last_began_at, offered_at_once
from contact_center.storage import estimates
from contact_center.storage.connection import Connection
from contact_center.storage.effects import SeatChanged, Waits, WaitsNoMore
from contact_center.storage.estimates import Expected
from contact_center.storage.executor import Executor
from routing import Waiting

log = structlog.get_logger(__name__)

GATHER_S = 1.0
"""What happens within so long is looked at together."""
LOOK_S = 5.0
"""Stretches that are over are looked for this often while anything moves."""
KEEP_MS = 35 * DAY
MOST_NOTED = 20_000
"""More than this at a time is not waited for: a flood is not worth a second one."""


class Observer:
    """``expecting`` is shared with whoever else asks: the observer tells it what is not so any more."""

    def __init__(self, executor: Executor, expecting: Expecting, occasion: Callable[[], Occasion]) -> None:
        self._executor = executor
        self._expecting = expecting
        self._occasion = occasion
        self._noted: dict[str, Waiting] = {}
        self._presence: dict[str, tuple[str, Moment]] = {}
        self._marked: dict[str, str] = {}
        self._moved = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._tidied_at: Moment = 0
        self._looking = asyncio.Lock()

    def told(self, effect: Waits | WaitsNoMore | SeatChanged) -> None:
        """Something committed. Costs next to nothing."""
        match effect:
            case Waits():
                self._expecting.moved()
                if len(self._noted) < MOST_NOTED:
                    self._noted[effect.waiting.interaction_id] = effect.waiting
            case WaitsNoMore():
                self._expecting.moved()
            case SeatChanged():
                self._expecting.seat_changed()
                self._note_seat(effect)
        self._moved.set()

    def _note_seat(self, effect: SeatChanged) -> None:
        seat = effect.seat
        state = "there" if seat.available or seat.unavailable_reason == "wrap_up" else "away"
        if seat.unavailable_reason == "offline":
            state = ""
        if self._marked.get(seat.agent_id) != state:
            self._marked[seat.agent_id] = state
            self._presence[seat.agent_id] = (state, self._occasion().now)

    # --- looking ----------------------------------------------------------------------------------------------

    async def look(self, everything: bool = True) -> None:
        """Writes down all that was noted and, with ``everything``, what became of all that is over. One at a time:
        when it returns, nothing that was noted before is still on its way."""
        async with self._looking:
            await self._look(everything)

    async def _look(self, everything: bool) -> None:
        noted, self._noted = self._noted, {}
        presence, self._presence = self._presence, {}
        try:
            some = iter(noted.items())
            while portion := dict(islice(some, estimates.AT_ONCE)):
                await self._begin(portion)
            if presence:
                await self._executor.write(self._mark, presence)
            while everything and await self._settle(None) == estimates.AT_ONCE:
                pass
        except Unavailable:
            self._noted = {**noted, **self._noted}
            self._presence = {**presence, **self._presence}
            raise

    async def _settle(self, of: Sequence[str] | None) -> int:
        over = await self._executor.read(_over, of)
        if over:
            await self._executor.write(estimates.settle, over)
        return len(over)

    async def _begin(self, noted: Mapping[str, Waiting]) -> None:
        """What they waited for before is over now, whatever it was."""
        await self._settle(list(noted))
        on = self._occasion()
        expected = await self._executor.read(self._expected, on.now, noted)
        if expected:
            await self._executor.write(estimates.add, on, expected)

    def _expected(self, conn: Connection, now: Moment, noted: Mapping[str, Waiting]) -> list[Expected]:
        rows = estimates.begun(conn, list(noted))
        return [found for row in rows if (found := self._one(conn, now, row, noted[row.id])) is not None]

    def _one(self, conn: Connection, now: Moment, row: Any, waiting: Waiting) -> Expected | None:
        """``waiting`` as it was told; what its record says since counts."""
        record = row.record
        began_at = last_began_at(record.get("segments", ()))
        if began_at is None or not record["queue"]:
            return None
        case = replace(
            waiting,
            queue=record["queue"],
            priority=record["priority"],
            virtual_enqueued_at=record["virtual_enqueued_at"],
            skills=record["skills"],
            only_agent=record.get("only_agent", ""),
        )
        found = self._expecting.expect(conn, now, case)
        at_once = offered_at_once(record["segments"], began_at)
        told = found.estimate
        rings = round(found.rates.answer_ms)
        return Expected(
            row.id,
            case.queue,
            row.medium,
            began_at,
            case.priority,
            -1 if at_once else found.others,
            found.agents,
            round(found.rates.handling_ms),
            round(found.rates.patience_ms),
            rings,
            rings if at_once else told.mean_ms if told else None,
            rings if at_once else told.p50_ms if told else None,
            rings if at_once else told.p90_ms if told else None,
        )

    def _mark(self, conn: Connection, presence: dict[str, tuple[str, Moment]]) -> None:
        on = self._occasion()
        for agent_id, (state, at) in presence.items():
            estimates.mark(conn, on, agent_id, state, at)

    # --- running ----------------------------------------------------------------------------------------------

    async def start(self) -> None:
        self._task = asyncio.create_task(self._work(), name="estimates")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _work(self) -> None:
        clock = asyncio.get_running_loop().time
        settled_at, settled = clock(), True
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(None if settled else LOOK_S):
                    await self._moved.wait()
            moved = self._moved.is_set()
            if moved:
                await asyncio.sleep(GATHER_S)
            self._moved.clear()
            everything = not moved or clock() - settled_at >= LOOK_S
            try:
                await self.look(everything)
                await self.tidy()
                settled = everything
                settled_at = clock() if everything else settled_at
            except Unavailable:
                settled = False
                await asyncio.sleep(LOOK_S)
            except Exception:  # figures that are missing must not end the figures
                log.exception("estimates_failed")

    async def tidy(self) -> None:
        """Lets go of what is too old, once an hour."""
        now = self._occasion().now
        if now - self._tidied_at > HOUR:
            self._tidied_at = now
            await self._executor.write(estimates.forget, now - KEEP_MS)


def _became(row: Any) -> Became | None:
    """A record that cannot be read is let go, so that it stands in nobody's way."""
    try:
        return became(row.record["segments"], row.queue, row.began_at, row.ended_reason, row.ended_at)
    except (KeyError, TypeError) as error:
        log.warning("record_unreadable", estimate=row.id, error=f"{type(error).__name__}: {error}"[:200])
        return Became("left", 0)


def _over(conn: Connection, of: Sequence[str] | None) -> list[dict[str, Any]]:
    found = []
    for row in estimates.to_settle(conn, of):
        outcome = _became(row)
        if outcome is not None:
            found.append(
                {
                    "row": row.id,
                    "new_outcome": outcome.outcome,
                    "new_waited": outcome.waited_ms,
                    "new_agent": outcome.agent_id,
                    "new_rang": outcome.rang_ms,
                    "new_handled": outcome.handled_ms,
                    "new_done": int(outcome.done),
                }
            )
    return found
