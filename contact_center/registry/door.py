"""The door between channels and the hub: what comes in is durable before it is acknowledged."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any, Literal

import structlog

from channels.contract import Answer, Busy, Channel, Parsed, Request, Shown
from contact_center.domain.errors import Unavailable
from contact_center.domain.events import InteractionEvent, MessageReceived, MessageSent, changed
from contact_center.domain.occasion import Occasion
from contact_center.domain.time import Moment
from contact_center.intake.take_in import CallSteps, take_in
from contact_center.live.desks import Desks
from contact_center.live.watchers import Watchers
from contact_center.storage import events, journal, leases, quarantine, settings
from contact_center.storage.blobs import Blobs
from contact_center.storage.connection import Connection
from contact_center.storage.executor import Executor

log = structlog.get_logger(__name__)

State = Literal["ready", "degraded", "off"]
ON_SHOW = (MessageReceived.KIND, MessageSent.KIND)


class Door:
    """One channel's door: implements ``channels.contract.Hub`` for it."""

    def __init__(
        self,
        channel: Channel,
        executor: Executor,
        blobs: Blobs,
        calls: CallSteps,
        desks: Desks,
        watchers: Watchers,
        occasion: Callable[[], Occasion],
        on_state: Callable[[str, State, str], None],
        holder: str = "",
    ) -> None:
        self.channel = channel
        self._holder = holder
        self._executor = executor
        self._blobs = blobs
        self._calls = calls
        self._desks = desks
        self._watchers = watchers
        self._occasion = occasion
        self._on_state = on_state
        self._state = channel.state()
        self._warning, self._warned_until_at = "", 0
        self.taken = 0
        self.refused = 0

    # --- what channels may ask ----------------------------------------------------------------------------------

    def now(self) -> Moment:
        return self._occasion().now

    async def take_in(self, parsed: Parsed) -> Sequence[Answer]:
        """Stores everything that ``parsed`` says in one transaction. Raises :class:`Busy`."""
        if not parsed.events:
            return ()
        try:
            for data in parsed.blobs.values():
                await self._blobs.put(data)
            if len(parsed.raw) > events.RAW_INLINE:
                await self._blobs.put(parsed.raw)
            answers = await self._executor.write(self._take, parsed)
        except (Unavailable, OSError) as error:
            raise Busy(str(error)) from error
        self.taken += len(answers)
        return answers

    def _take(self, conn: Connection, parsed: Parsed) -> list[Answer]:
        on = self._occasion()
        digest = hashlib.sha256(parsed.raw).hexdigest() if parsed.raw else ""
        answers = []
        for number, event in enumerate(parsed.events):
            event = changed(event, channel=self.channel.name, raw_digest=digest)
            raw = parsed.raw if number == 0 else b""
            answer = take_in(conn, on, event, raw, self._calls)
            if answer.unknown:
                self._keep_unknown(conn, on, event, parsed.raw, digest)
            answers.append(answer)
        return answers

    def _keep_unknown(self, conn: Connection, on: Occasion, event: InteractionEvent, raw: bytes, digest: str) -> None:
        quarantine.add(
            conn,
            on,
            channel=self.channel.name,
            source_id=event.source_id,
            reason=f"{event.kind} belongs to no interaction that we know",
            digest=digest,
            size=len(raw),
            request={"raw": raw[: events.RAW_INLINE].decode("utf-8", "replace")},
        )

    async def quarantine(self, source_id: str, raw: bytes, reason: str) -> None:
        """Keeps ``raw`` where an operator sees it. Raises :class:`Busy`."""
        try:
            digest = await self._blobs.put(raw)
            await self._executor.write(
                lambda conn: quarantine.add(
                    conn,
                    self._occasion(),
                    channel=self.channel.name,
                    source_id=source_id,
                    reason=reason,
                    digest=digest,
                    size=len(raw),
                    request=None,
                )
            )
        except (Unavailable, OSError) as error:
            raise Busy(str(error)) from error

    async def quarantine_request(self, request: Request, reason: str) -> None:
        """Keeps a genuine webhook that could not be understood, so that it can be replayed after a mend."""
        body = request.body[: events.RAW_INLINE]
        digest = hashlib.sha256(request.body).hexdigest()
        kept: dict[str, Any] = {
            "method": request.method,
            "url": request.url,
            "path": request.path,
            "query": request.query,
            "headers": {name: value[:1000] for name, value in list(request.headers.items())[:50]},
            "body": body.decode("latin-1"),
        }
        await self._executor.write(
            lambda conn: quarantine.add(
                conn,
                self._occasion(),
                channel=self.channel.name,
                source_id=digest,
                reason=reason,
                digest=digest,
                size=len(request.body),
                request=kept,
            )
        )

    async def recall(self, key: str) -> str:
        try:
            return await self._executor.read(settings.recall, self.channel.name, key)
        except Unavailable as error:
            raise Busy(str(error)) from error

    async def remember(self, key: str, value: str) -> None:
        try:
            await self._executor.write(settings.remember, self.channel.name, key, value)
        except Unavailable as error:
            raise Busy(str(error)) from error

    async def lease(self, what: str, seconds: float) -> bool:
        name = f"{self.channel.name}|{what}"[:400]

        def take(conn: Connection) -> bool:
            now = self._occasion().now
            return leases.take(conn, name, self._holder, now, now + round(seconds * 1_000))

        try:
            return await self._executor.write(take)
        except Unavailable as error:
            raise Busy(str(error)) from error

    async def conversation(self, thread_key: str, after: int = 0, limit: int = 200) -> Sequence[Shown]:
        return await self._executor.read(self._conversation, thread_key, after, limit)

    def _conversation(self, conn: Connection, thread_key: str, after: int, limit: int) -> list[Shown]:
        loaded = journal.look_latest_of_thread(conn, self.channel.name, thread_key)
        if loaded is None:
            return []
        names = events.agent_public_names(conn)
        shown = []
        for event in events.of_kinds(conn, loaded.record.interaction_id, ON_SHOW, after, limit):
            body = event.body
            assert isinstance(body, (MessageReceived, MessageSent))
            ours = isinstance(body, MessageSent)
            shown.append(
                Shown(
                    seq=event.seq,
                    at=event.received_at,
                    sender="agent" if ours else "customer",
                    sender_name=names.get(event.actor.id, "") if ours else event.sender_name,
                    text=body.text,
                    event_id=event.id,
                )
            )
        return shown

    def watch(self, thread_key: str, wake: Callable[[], None]) -> Callable[[], None]:
        return self._watchers.watch(self.channel.name, thread_key, wake)

    async def attended(self, thread_key: str) -> str:
        return await self._executor.read(self._attended, thread_key)

    def _attended(self, conn: Connection, thread_key: str) -> str:
        loaded = journal.look_latest_of_thread(conn, self.channel.name, thread_key)
        if loaded is None:
            return "none"
        record = loaded.record
        if record.state == "ended":
            return "ended"
        if record.state in ("assigned", "wrap_up"):
            return "attended:" + events.agent_public_names(conn).get(record.agent_id, "")
        return "waiting"

    async def typing(self, thread_key: str) -> None:
        owner = await self._executor.read(self._owner, thread_key)
        if owner is not None:
            agent_id, interaction_id = owner
            frame = {"type": "typing", "interaction_id": interaction_id, "at": self.now()}
            self._desks.tell(agent_id, frame)

    def _owner(self, conn: Connection, thread_key: str) -> tuple[str, str] | None:
        loaded = journal.look_latest_of_thread(conn, self.channel.name, thread_key)
        if loaded is None or loaded.record.state not in ("assigned", "wrap_up"):
            return None
        return loaded.record.agent_id, loaded.record.interaction_id

    def report(self, state: State, reason: str = "") -> None:
        if (state, reason) != self._state:
            self._state = (state, reason)
            log.info("channel_state", channel=self.channel.name, state=state, reason=reason)
            self._on_state(self.channel.name, *self.state)

    def warn(self, reason: str, until_at: Moment) -> None:
        """Whatever the channel itself reports, it counts as degraded for this reason until then."""
        new = reason != self._warning or self.now() >= self._warned_until_at
        self._warning, self._warned_until_at = reason, until_at
        if new:
            log.error("channel_alarm", channel=self.channel.name, reason=reason)
            self._on_state(self.channel.name, *self.state)

    @property
    def state(self) -> tuple[State, str]:
        state, reason = self._state
        if state == "off" or self.now() >= self._warned_until_at:
            return self._state
        return "degraded", f"{self._warning} {reason}".strip()
