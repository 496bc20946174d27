"""The running side of reconciling: at the start, every few minutes, and whenever a call has gone silent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import structlog

from channels.contract import Busy, Channel, NotSent, Parsed, Retry
from contact_center.domain.errors import Unavailable
from contact_center.domain.events import CallerRecorded, InteractionEvent
from contact_center.domain.occasion import Occasion
from contact_center.domain.time import DAY, MINUTE, SECOND, Moment
from contact_center.reconciling.whole_calls import left_behind, whole_calls
from contact_center.registry.door import Door
from contact_center.storage import events, journal, settings
from contact_center.storage.connection import Connection
from contact_center.storage.executor import Executor
from contact_center.storage.silence import SilentCall, silent_calls

log = structlog.get_logger(__name__)

CURSOR = "reconciled_until"
LOOK_EVERY_MS = 20 * SECOND
"""How often silent calls are looked for."""
FIRST_WAIT_MS = 30 * SECOND
LONGEST_WAIT_MS = 5 * MINUTE
LONGEST_CALL_MS = DAY
FAILURES = 2
"""After so many in a row the channel is called degraded: one answer that went missing is no illness."""


@dataclass(frozen=True, slots=True)
class Rules:
    """See the section ``reconciling`` of the configuration."""

    every_minutes: float | None = 5
    overlap_minutes: float = 15
    silent_minutes: float = 1.5
    silent_minutes_in_flow: float = 1.5


def rules(conn: Connection) -> Rules:
    return replace(Rules(), **settings.get(conn, "reconciling", {}))


def can_be_asked(channel: Channel) -> bool:
    """Whether the channel's provider remembers anything that we could ask for."""
    return type(channel).missed is not Channel.missed


class Reconciler:
    """Asks every channel whose provider can be asked. Taking in the same again changes nothing, so two nodes that
    both ask do no harm, and each asks for more than it strictly needs."""

    def __init__(self, executor: Executor, doors: Mapping[str, Door], occasion: Callable[[], Occasion]) -> None:
        self._executor = executor
        self._doors = {name: door for name, door in doors.items() if can_be_asked(door.channel)}
        self._occasion = occasion
        self._tasks: list[asyncio.Task[None]] = []
        self._asking = {name: asyncio.Lock() for name in self._doors}
        self._ill: dict[str, int] = {}
        self._silent: dict[str, tuple[Moment, int]] = {}

    async def start(self) -> None:
        working = [door for door in self._doors.values() if door.channel.state()[0] != "off"]
        self._tasks = [asyncio.create_task(self._keep_asking(door), name="reconciling") for door in working]
        if working:
            self._tasks.append(asyncio.create_task(self._keep_looking(), name="silent-calls"))

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _keep_asking(self, door: Door) -> None:
        failures = 0
        while True:
            pause_ms = await self._pause_ms()
            if not pause_ms:  # the operator doesn't want it; they may change their mind
                await asyncio.sleep(LONGEST_WAIT_MS / 1_000)
                continue
            done, after_ms = await self._try(door)
            failures = 0 if done else failures + 1
            if not done:
                pause_ms = min(max(after_ms, FIRST_WAIT_MS << min(failures - 1, 8)), LONGEST_WAIT_MS)
            await asyncio.sleep(pause_ms / 1_000)

    async def _pause_ms(self) -> int:
        """0 where the provider is never asked."""
        try:
            minutes = (await self._executor.read(rules)).every_minutes
        except Unavailable:
            return LONGEST_WAIT_MS
        return 0 if minutes is None else round(minutes * MINUTE)

    async def _try(self, door: Door, since: Moment | None = None) -> tuple[bool, int]:
        """Whether it could be asked, and else how long the provider wants to be left alone. Whatever goes wrong is
        told as the channel's state, and never ends the asking."""
        name = door.channel.name
        try:
            await self.ask(door, since)
        except (Busy, Unavailable) as error:
            log.warning("not_reconciled", channel=name, reason=f"the database is away: {error}")
            return False, 0
        except NotSent as error:
            self._report_ill(door, error.reason)
            return False, (error.after_ms or 0) if isinstance(error, Retry) else 0
        except Exception as error:  # a defect of a channel must not end it for good
            log.exception("reconciling_failed", channel=name)
            self._report_ill(door, f"{type(error).__name__}: {error}")
            return False, 0
        if self._ill.pop(name, 0) >= FAILURES:
            door.report(*door.channel.state())
        return True, 0

    def _report_ill(self, door: Door, reason: str) -> None:
        name = door.channel.name
        self._ill[name] = self._ill.get(name, 0) + 1
        log.warning("not_reconciled", channel=name, reason=reason)
        if self._ill[name] >= FAILURES:
            door.report("degraded", f"The provider cannot be asked what has happened: {reason}")

    # --- asking --------------------------------------------------------------------------------------------------

    async def ask(self, door: Door, since: Moment | None = None) -> int:
        """Takes in what the provider remembers since the last time (or since ``since``, if that is earlier); how many
        events were new. The cursor moves once everything is in: whatever fails is asked for again."""
        name = door.channel.name
        async with self._asking[name]:
            now = self._occasion().now
            overlap = round((await self._executor.read(rules)).overlap_minutes * MINUTE)
            cursor = await door.recall(CURSOR)
            begin = min(now, int(cursor) if cursor.isdigit() else now) - overlap
            begin = begin if since is None else min(begin, since)
            remembered = whole_calls(await door.channel.missed(begin, now))
            new = 0
            for done, parsed in enumerate(remembered, 1):
                new += await self._take(door, parsed)
                if done % 500 == 0:
                    log.info("reconciling", channel=name, done=done, of=len(remembered), new=new)
            await door.remember(CURSOR, str(now))
        if new:
            log.info("reconciled", channel=name, since=begin, looked_at=len(remembered), new=new)
        return new

    async def _take(self, door: Door, parsed: Parsed) -> int:
        """One that cannot be taken in is put aside, and stops no other."""
        try:
            answers = list(await door.take_in(parsed))
            for message in left_behind(parsed):
                if not await self._executor.read(_was_told, message):
                    answers += await door.take_in(Parsed((message,)))
        except (Busy, Unavailable):
            raise
        except Exception as error:
            source_id = parsed.events[0].source_id
            log.exception("not_taken_in", channel=door.channel.name, source_id=source_id)
            await door.quarantine(source_id, parsed.raw, f"a fault of ours while reconciling: {type(error).__name__}")
            return 0
        return sum(1 for answer in answers if not answer.repeated and not answer.unknown)

    # --- calls that have gone silent -----------------------------------------------------------------------------

    async def _keep_looking(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_MS / 1_000)
            try:
                await self.look_for_silence()
            except Unavailable:
                continue
            except Exception:
                log.exception("silent_calls_failed")

    async def look_for_silence(self) -> None:
        """Asks the provider about open calls that nothing has been heard of: one that is over there is ended here,
        and whoever held it is free. A call that goes on is asked about less and less often."""
        now = self._occasion().now
        after = await self._executor.read(rules)
        if after.every_minutes is None:
            return
        silent = await self._executor.read(
            silent_calls,
            now - round(after.silent_minutes * MINUTE),
            now - round(after.silent_minutes_in_flow * MINUTE),
        )
        for name, door in self._doors.items():
            calls = [call for call in silent if call.channel == name and self._worth_asking(call, now)]
            if calls and door.channel.state()[0] != "off":
                heard = max(now - LONGEST_CALL_MS, min(call.heard_at for call in calls))
                log.info("silent_calls", channel=name, calls=len(calls))
                await self._try(door, heard)
        known = {call.interaction_id for call in silent}
        self._silent = {call: asked for call, asked in self._silent.items() if call in known}

    def _worth_asking(self, call: SilentCall, now: Moment) -> bool:
        at, times = self._silent.get(call.interaction_id, (0, 0))
        if now < at:
            return False
        self._silent[call.interaction_id] = (now + min(MINUTE << min(times, 8), LONGEST_WAIT_MS), times + 1)
        return True


def _was_told(conn: Connection, message: InteractionEvent) -> bool:
    """Whether the call itself reported this message: then the flow has done with it what it wanted."""
    assert isinstance(message.body, CallerRecorded)
    loaded = journal.look_latest_of_thread(conn, message.channel, message.thread.key)
    if loaded is None:
        return True
    told = events.of_kinds(conn, loaded.record.interaction_id, (CallerRecorded.KIND,), 0, 200)
    wanted = message.body.recording_id
    return any(isinstance(event.body, CallerRecorded) and event.body.recording_id == wanted for event in told)
