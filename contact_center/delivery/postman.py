"""The running side of delivery: takes what is due, hands it to its channel, writes down what became of it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

import structlog

from channels.contract import Channel, Gone, NotSent, Outgoing, Rejected, Retry, Sent, Uncertain
from contact_center.delivery.pace import Pace
from contact_center.delivery.settle import LONGEST_ATTEMPT_MS, LONGEST_LETTER_MS, is_letter, record_outcome
from contact_center.domain.errors import Unavailable
from contact_center.domain.occasion import Occasion
from contact_center.domain.time import SECOND
from contact_center.moves.mail_rules import MailRules, mail_rules
from contact_center.storage import outbox
from contact_center.storage.blobs import Blobs
from contact_center.storage.connection import Connection
from contact_center.storage.effects import Due
from contact_center.storage.executor import Executor

log = structlog.get_logger(__name__)

AT_ONCE = 32
"""Attempts under way at most; more wait in the outbox."""
LOOK_AT = 250
"""Rows that are due are looked at in such portions, so that many to one slow domain hide none to another."""
SWEEP_MS = 15 * SECOND
LAST_WORD_S = 30.0
"""How long the database may take, when the hub goes down, to write down what became of what was under way. What is
not written is in doubt for as long as its lease lasts, which is longer than anybody's patience."""


def may_be_repeated(message: Outgoing) -> bool:
    """Whether doing it twice is as good as once. Nobody is written to or rung again because we forgot."""
    if message.verb == "record":
        return message.mode != "start"
    return message.verb in ("hang_up", "tell", "hold", "mute", "change", "drop", "erase")


def _due(conn: Connection, now: int) -> tuple[list[outbox.Candidate], MailRules]:
    found = outbox.due(conn, now, LOOK_AT)
    letters = any(candidate.address for candidate in found)
    return found, mail_rules(conn) if letters else MailRules()


class Postman:
    """Sends each channel's rows concurrently, each row by one attempt at a time, fenced by its lease."""

    def __init__(
        self,
        executor: Executor,
        channels: Mapping[str, Channel],
        blobs: Blobs,
        occasion: Callable[[], Occasion],
    ) -> None:
        self._executor = executor
        self._channels = channels
        self._blobs = blobs
        self._pace = Pace()
        self._occasion = occasion
        self._wake = asyncio.Event()
        self._attempts: set[asyncio.Task[None]] = set()
        self._task: asyncio.Task[None] | None = None
        self._stopping = False
        self.moment_s = 5.0
        """How long what is under way may still take when the hub goes down."""

    def due(self, effect: Due) -> None:
        if effect.kind == "outbox":
            self._wake.set()

    async def start(self) -> None:
        self._stopping = False
        self._task = asyncio.create_task(self._work(), name="postman")

    async def stop(self) -> None:
        """Takes nothing more and gives what is under way a moment to end; the rest is uncertain where it may have
        gone out."""
        self._stopping = True
        self._wake.set()
        if self._task is not None:
            # What is being taken now is attempted too: taken and not attempted, it would be in doubt for nothing.
            await asyncio.wait({self._task}, timeout=LAST_WORD_S)
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        if self._attempts:
            _, left = await asyncio.wait(self._attempts, timeout=self.moment_s)
            for attempt in left:
                attempt.cancel()
            if left:
                await asyncio.wait(left, timeout=LAST_WORD_S)

    async def _work(self) -> None:
        while not self._stopping:
            self._wake.clear()
            try:
                room = AT_ONCE - len(self._attempts)
                now = self._occasion().now
                taken = await self._take(now, room) if room else []
                for row in taken:  # before anything else can fail
                    self._begin(row)
                wait_ms = await self._until_next(now, full=room == len(taken))
            except Unavailable:
                wait_ms = SECOND
            except Exception:  # a defect of ours must not end delivery for good
                log.exception("outbox_failed")
                wait_ms = SECOND
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_ms / 1_000):
                    await self._wake.wait()

    def _begin(self, row: outbox.Row) -> None:
        attempt = asyncio.create_task(self._attempt(row))
        self._attempts.add(attempt)
        attempt.add_done_callback(partial(self._finished, row.message.outbox_id))

    def _finished(self, outbox_id: str, attempt: asyncio.Task[None]) -> None:
        self._attempts.discard(attempt)
        self._pace.ended(outbox_id)
        if len(self._attempts) == AT_ONCE - 1:
            self._wake.set()
        if not attempt.cancelled() and attempt.exception() is not None:
            log.error("delivery_failed", exc_info=attempt.exception())

    async def _take(self, now: int, room: int) -> list[outbox.Row]:
        due, rules = await self._executor.read(_due, now)
        if not due:
            return []
        go, later = self._pace.sort(due, now, room, rules.per_domain_per_minute, rules.per_domain_at_once)
        token = self._occasion().new_id()
        letters = {candidate.outbox_id for candidate in due if candidate.address}
        longest = (
            (LONGEST_ATTEMPT_MS, [row for row in go if row not in letters]),
            (LONGEST_LETTER_MS, [row for row in go if row in letters]),
        )

        def write(conn: Connection) -> list[outbox.Row]:
            outbox.put_off(conn, now, later)
            return [row for ms, rows in longest if rows for row in outbox.lease(conn, now, now + ms, token, rows)]

        taken: list[outbox.Row] = []
        try:
            taken = await self._executor.write(write)
        finally:
            for outbox_id in set(go) - {row.message.outbox_id for row in taken}:
                self._pace.ended(outbox_id)
        return taken

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
            if message.verb == "message":
                message = await self._prepared(row, channel)
            longest = LONGEST_LETTER_MS if is_letter(message) else LONGEST_ATTEMPT_MS
            async with asyncio.timeout((longest - 30 * SECOND) / 1_000):
                sent: Sent | NotSent = await channel.send(message)
        except NotSent as error:
            sent = error
        except TimeoutError:
            sent = Uncertain("The provider did not answer.")
        except asyncio.CancelledError:
            if not self._stopping:
                raise
            # We go down in order: what is known by now is written down.
            reason = "The hub stopped while this was being sent."
            sent = Retry(reason) if may_be_repeated(message) else Uncertain(reason)
        except Exception as error:
            log.exception("channel_fault", channel=row.channel, outbox_id=message.outbox_id)
            sent = Uncertain(f"{type(error).__name__} while sending.")
        await self._outcome(row, sent)

    async def _prepared(self, row: outbox.Row, channel: Channel) -> Outgoing:
        """The message with its bytes, where its channel has such: written once and kept before the first attempt, so
        that whatever is changed meanwhile, every attempt for everybody sends the same."""
        try:
            return await self._with_bytes(row, channel)
        except (OSError, Unavailable) as error:
            raise Retry(f"The letter could not be read or kept before it leaves: {error}") from error

    async def _with_bytes(self, row: outbox.Row, channel: Channel) -> Outgoing:
        message = row.message
        if row.prepared:
            kept = await self._blobs.get(row.prepared)
            if kept is not None:
                return replace(message, prepared=kept)
        files = {}
        for attachment in message.attachments:
            data = await self._blobs.get(attachment.digest)
            if data is None:
                raise Rejected(f"The file {attachment.name!r} is not there any more.")
            files[attachment.digest] = data
        written = await asyncio.to_thread(channel.prepare, replace(message, files=files))
        if not written:
            return replace(message, files=files)
        digest = await self._blobs.put(written)
        kept_digest = await self._executor.write(outbox.keep_prepared, message, digest)
        first = written if kept_digest == digest else await self._blobs.get(kept_digest)
        return replace(message, prepared=first or written)

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
                if self._stopping:  # it is found at the next start, as something that was being sent
                    return
                await asyncio.sleep(1)
