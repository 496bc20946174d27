"""The running side of delivery: takes what is due, hands it to its channel, writes down what became of it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping

import structlog

from channels.contract import Channel, Gone, NotSent, Outgoing, Rejected, Retry, Sent, Uncertain
from contact_center.delivery.settle import LONGEST_ATTEMPT_MS, record_outcome
from contact_center.domain.errors import Unavailable
from contact_center.domain.occasion import Occasion
from contact_center.domain.time import SECOND
from contact_center.storage import outbox
from contact_center.storage.connection import Connection
from contact_center.storage.effects import Due
from contact_center.storage.executor import Executor

log = structlog.get_logger(__name__)

AT_ONCE = 32
"""Attempts under way at most; more wait in the outbox."""
SWEEP_MS = 15 * SECOND


def may_be_repeated(message: Outgoing) -> bool:
    """Whether doing it twice is as good as once. Nobody is written to or rung again because we forgot."""
    if message.verb == "record":
        return message.mode != "start"
    return message.verb in ("hang_up", "tell", "hold", "mute", "change", "drop", "erase")


class Postman:
    """Sends each channel's rows concurrently, each row by one attempt at a time, fenced by its lease."""

    def __init__(self, executor: Executor, channels: Mapping[str, Channel], occasion: Callable[[], Occasion]) -> None:
        self._executor = executor
        self._channels = channels
        self._occasion = occasion
        self._wake = asyncio.Event()
        self._attempts: set[asyncio.Task[None]] = set()
        self._task: asyncio.Task[None] | None = None

    def due(self, effect: Due) -> None:
        if effect.kind == "outbox":
            self._wake.set()

    async def start(self) -> None:
        self._task = asyncio.create_task(self._work(), name="postman")

    async def stop(self) -> None:
        """Takes nothing more and gives what is under way a moment to end; the rest is taken up at the next
        start, as uncertain where it may have gone out."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        if self._attempts:
            _, left = await asyncio.wait(self._attempts, timeout=5)
            for attempt in left:
                attempt.cancel()
            await asyncio.gather(*left, return_exceptions=True)

    async def _work(self) -> None:
        while True:
            self._wake.clear()
            try:
                room = AT_ONCE - len(self._attempts)
                now = self._occasion().now
                taken = await self._take(now, room) if room else []
                wait_ms = await self._until_next(now, full=room == len(taken))
            except Unavailable:
                taken, wait_ms = [], SECOND
            except Exception:  # a defect of ours must not end delivery for good
                log.exception("outbox_failed")
                taken, wait_ms = [], SECOND
            for row in taken:
                attempt = asyncio.create_task(self._attempt(row))
                self._attempts.add(attempt)
                attempt.add_done_callback(self._finished)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), wait_ms / 1_000)

    def _finished(self, attempt: asyncio.Task[None]) -> None:
        self._attempts.discard(attempt)
        if len(self._attempts) == AT_ONCE - 1:
            self._wake.set()
        if not attempt.cancelled() and attempt.exception() is not None:
            log.error("delivery_failed", exc_info=attempt.exception())

    async def _take(self, now: int, most: int) -> list[outbox.Row]:
        if await self._executor.read(outbox.nothing_due, now):
            return []
        token = self._occasion().new_id()
        return await self._executor.write(outbox.lease, now, now + LONGEST_ATTEMPT_MS, token, most)

    async def _until_next(self, now: int, full: bool) -> int:
        if full:
            return SWEEP_MS
        first = await self._executor.read(outbox.next_at)
        return SWEEP_MS if first is None else min(SWEEP_MS, max(5, first - now))

    async def _attempt(self, row: outbox.Row) -> None:
        message = row.message
        channel = self._channels.get(row.channel)
        if row.crashed and not may_be_repeated(message):
            await self._outcome(row, Uncertain("The hub stopped while this was being sent."))
            return
        try:
            if channel is None:
                raise Retry(f"The channel {row.channel} is not installed.")
            sent: Sent | NotSent = await asyncio.wait_for(
                channel.send(message), (LONGEST_ATTEMPT_MS - 30 * SECOND) / 1_000
            )
        except NotSent as error:
            sent = error
        except TimeoutError:
            sent = Uncertain("The provider did not answer.")
        except Exception as error:
            log.exception("channel_fault", channel=row.channel, outbox_id=message.outbox_id)
            sent = Uncertain(f"{type(error).__name__} while sending.")
        await self._outcome(row, sent)

    async def _outcome(self, row: outbox.Row, sent: Sent | NotSent) -> None:
        def write(conn: Connection) -> None:
            on = self._occasion()
            match sent:
                case Sent():
                    record_outcome(conn, on, row, sent.state, sent=sent)
                case Retry():
                    record_outcome(conn, on, row, "retry", reason=sent.reason, after_ms=sent.after_ms)
                case Rejected():
                    gone = isinstance(sent, Gone)
                    record_outcome(conn, on, row, "failed", reason=sent.reason, refused=True, gone=gone)
                case _:
                    record_outcome(conn, on, row, "uncertain", reason=sent.reason)

        while True:
            try:
                await self._executor.write(write)
                return
            except Unavailable:
                await asyncio.sleep(1)
