"""The running side of recordings: fetches what is wanted, removes what has been kept for long enough."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping

import structlog

from channels.contract import Channel, Media, NotSent, Rejected, Retry
from contact_center.domain.errors import Unavailable
from contact_center.domain.occasion import Occasion
from contact_center.domain.time import SECOND
from contact_center.recordings import keep
from contact_center.storage import recordings
from contact_center.storage.blobs import Blobs
from contact_center.storage.connection import Connection
from contact_center.storage.effects import Due
from contact_center.storage.executor import Executor
from contact_center.storage.recordings import Recording

log = structlog.get_logger(__name__)

AT_ONCE = 2
"""Fetches under way at most: a recording may have many megabytes, and lies in memory for a moment."""
SWEEP_MS = 60 * SECOND


class Keeper:
    """Works off the rows that are due. The row is the truth: whoever wins it by its ``next_at`` has the attempt, and
    an attempt that died is made again when its lease is over."""

    def __init__(
        self, executor: Executor, channels: Mapping[str, Channel], blobs: Blobs, occasion: Callable[[], Occasion]
    ) -> None:
        self._executor = executor
        self._channels = channels
        self._blobs = blobs
        self._occasion = occasion
        self._wake = asyncio.Event()
        self._attempts: set[asyncio.Task[None]] = set()
        self._task: asyncio.Task[None] | None = None
        # Bytes that one recording brings must not be removed for another that had the same.
        self._bytes = asyncio.Lock()

    def due(self, effect: Due) -> None:
        if effect.kind == "recording":
            self._wake.set()

    async def start(self) -> None:
        self._task = asyncio.create_task(self._work(), name="recordings")

    async def stop(self) -> None:
        tasks = [*([self._task] if self._task else []), *self._attempts]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _work(self) -> None:
        while True:
            self._wake.clear()
            try:
                await self._begin_what_is_due()
                wait_ms = await self._until_next()
            except Unavailable:
                wait_ms = SECOND
            except Exception:  # a defect of ours must not end it for good
                log.exception("recordings_failed")
                wait_ms = 5 * SECOND
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_ms / 1_000):
                    await self._wake.wait()

    async def _begin_what_is_due(self) -> None:
        room = AT_ONCE - len(self._attempts)
        if not room:
            return
        on = self._occasion()
        for recording in await self._executor.read(recordings.due, on.now, room):
            leased = await self._executor.write(keep.lease, on, recording)
            if leased is not None:
                attempt = asyncio.create_task(self._attempt(leased))
                self._attempts.add(attempt)
                attempt.add_done_callback(self._finished)

    async def _until_next(self) -> int:
        if len(self._attempts) >= AT_ONCE:
            return SWEEP_MS
        first = await self._executor.read(recordings.next_at)
        return SWEEP_MS if first is None else min(SWEEP_MS, max(5, first - self._occasion().now))

    def _finished(self, attempt: asyncio.Task[None]) -> None:
        self._attempts.discard(attempt)
        self._wake.set()
        if not attempt.cancelled() and attempt.exception() is not None:
            log.error("recording_failed", exc_info=attempt.exception())

    async def _attempt(self, recording: Recording) -> None:
        if recording.state == "stored":
            await self._remove(recording)
            return
        found = await self._fetch(recording)
        if isinstance(found, Media) and await self._bring_home(recording, found):
            return
        refused = found if isinstance(found, NotSent) else Retry("The recording could not be stored.")
        await self._written(lambda conn: self._without(conn, recording, refused))

    async def _fetch(self, recording: Recording) -> Media | NotSent:
        channel = self._channels.get(recording.channel)
        if channel is None:
            return Retry(f"The channel {recording.channel} is not installed.")
        try:
            found = await asyncio.wait_for(
                channel.fetch(recording.recording_id), (keep.LEASE_MS - 30 * SECOND) / 1_000
            )
        except NotSent as error:
            return error
        except TimeoutError:
            return Retry("The provider did not answer.")
        except Exception as error:
            log.exception("channel_fault", channel=recording.channel, recording_id=recording.recording_id)
            return Retry(f"{type(error).__name__} while fetching.")
        return found if found.body else Retry("The provider gave an empty recording.")

    async def _bring_home(self, recording: Recording, media: Media) -> bool:
        async with self._bytes:
            try:
                digest = await self._blobs.put(media.body)
            except OSError:
                log.exception("recording_not_stored", recording_id=recording.recording_id)
                return False
            size = len(media.body)
            await self._written(
                lambda conn: keep.stored(conn, self._occasion(), recording, digest, media.media_type, size)
            )
        log.info("recording_stored", recording_id=recording.recording_id, channel=recording.channel, size=size)
        return True

    def _without(self, conn: Connection, recording: Recording, refused: NotSent) -> None:
        on = self._occasion()
        if isinstance(refused, Rejected):
            keep.missing(conn, on, recording, refused.reason)
        else:
            after_ms = refused.after_ms if isinstance(refused, Retry) else None
            keep.not_yet(conn, on, recording, refused.reason, after_ms)

    async def _remove(self, recording: Recording) -> None:
        async with self._bytes:
            last = await self._written(lambda conn: keep.removed(conn, self._occasion(), recording))
            if last:
                await self._blobs.remove(recording.digest)
        log.info("recording_removed", recording_id=recording.recording_id, bytes_too=last)

    async def _written(self, unit: Callable[[Connection], object]) -> object:
        """Until the database takes it: what was done cannot be undone by its being away."""
        while True:
            try:
                return await self._executor.write(unit)
            except Unavailable:
                await asyncio.sleep(1)
