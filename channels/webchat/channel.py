"""The web chat channel: opens visitors' connections, wakes them for new lines, serves the widget."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from channels.contract import (
    Channel,
    Closed,
    Context,
    Hub,
    Outgoing,
    PublicFile,
    Rejected,
    Retry,
    Sent,
    Socket,
)
from channels.webchat import frames
from channels.webchat.connection import (
    GOING_AWAY,
    INTERNAL,
    POLICY,
    REFUSED,
    REPLACED,
    TRY_LATER,
    Connection,
    Presence,
    receive,
)
from channels.webchat.entries import Entry, read_entries
from channels.webchat.events import Writer
from channels.webchat.frames import BadFrame, Hello
from channels.webchat.limits import Bucket, Limits, Openings
from channels.webchat.visitors import Visitors
from contact_center.domain.events import Medium
from contact_center.domain.time import SECOND, Moment

_HERE = Path(__file__).parent
_STYLES_GO_HERE = '"/* widget.css */"'


def widget() -> bytes:
    """The script as it is served: one file, with its styles inside, so that a page needs one request and no
    ``style-src`` of its own."""
    script = (_HERE / "widget.js").read_text("utf-8")
    styles = (_HERE / "widget.css").read_text("utf-8")
    return script.replace(_STYLES_GO_HERE, json.dumps(styles, ensure_ascii=False)).encode()


class WebChat(Channel):
    """``limits`` and ``random`` (that many random bytes) are for tests."""

    medium: Medium = "chat"

    def __init__(
        self,
        context: Context,
        limits: Limits = Limits(),
        random: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self.name = context.name
        self._limits = limits
        self._visitors = Visitors(context.secret, random)
        self._openings = Openings(limits)
        self._present: dict[str, Presence] = {}
        self._open = 0
        self._entries: dict[str, Entry] = {}
        self._fault = ""
        try:
            self._entries = read_entries(context.config)
        except ValueError as error:
            self._fault = str(error)

    def state(self) -> tuple[Literal["ready", "degraded", "off"], str]:
        return ("off", self._fault) if self._fault else ("ready", "")

    def public_files(self) -> Mapping[str, PublicFile]:
        return {"/widget.js": PublicFile(widget(), "text/javascript; charset=utf-8")}

    async def converse(self, socket: Socket, hub: Hub) -> None:
        if self._fault or self._open >= self._limits.connections:
            await socket.close(TRY_LATER, "This chat is closed just now.")
            return
        self._open += 1
        try:
            await self._converse(socket, hub)
        except Closed:
            pass
        except Exception:
            # The page comes back and resumes; the hub says in its log what happened.
            await socket.close(INTERNAL, "Something went wrong here; come back.")
            raise
        finally:
            self._open -= 1

    async def send(self, message: Outgoing) -> Sent:
        """The line is durable and is shown by ``hub.conversation``; this only makes open pages look.
        ``delivered`` means that one of them said that it has it."""
        if message.verb != "message":
            raise Rejected("A web chat can only be written to.")
        if self._fault:
            raise Retry(self._fault)
        handle = message.thread_key.partition("/")[0]
        pages = self._present[handle].connections if handle in self._present else []
        waits = [page.carried() for page in pages if page.writer.thread_key == message.thread_key]
        return Sent(message.outbox_id, "delivered" if await self._any(waits) else "accepted")

    async def close(self) -> None:
        pages = [page for presence in self._present.values() for page in presence.connections]
        await asyncio.gather(*(page.close(GOING_AWAY, "Come back in a moment.") for page in pages))

    async def _any(self, pages_have_it: list[asyncio.Future[bool]]) -> bool:
        try:
            for next_known in asyncio.as_completed(pages_have_it, timeout=self._limits.delivery_ms / SECOND):
                if await next_known:
                    return True
        except TimeoutError:
            pass
        return False

    # --- opening a connection -------------------------------------------------------------------------------

    async def _converse(self, socket: Socket, hub: Hub) -> None:
        hello = await self._hello(socket)
        entry = self._entries.get(hello.entry)
        if entry is None or not entry.allows(socket.origin):
            code = "unknown_entry" if entry is None else "origin"
            await self._turn_away(socket, code, REFUSED, "This chat is not for this page.")
            return
        now = hub.now()
        known = self._visitors.handle_of(hello.token, now)
        if not known and not self._openings.take(socket.peer, now):
            await self._turn_away(socket, "slow_down", TRY_LATER, "Too many new visitors from one address.")
            return
        handle = known or self._visitors.new_handle()
        token = self._visitors.token(handle, now)
        writer = Writer(self.name, handle, entry.name, 1, hello.name)
        with self._presence(handle, now) as presence:
            await self._make_room(presence)
            connection = Connection(socket, hub, writer, entry, presence, self._limits)
            presence.connections.append(connection)
            try:
                await connection.run(hello, token, fresh=not known)
            finally:
                if connection in presence.connections:
                    presence.connections.remove(connection)

    async def _hello(self, socket: Socket) -> Hello:
        text = await receive(socket, self._limits, self._limits.hello_ms)
        try:
            frame = frames.read(text, self._limits)
        except BadFrame as bad:
            await self._turn_away(socket, bad.code, POLICY, "The first frame must be a hello.")
            raise Closed from None
        if not isinstance(frame, Hello):
            await self._turn_away(socket, "unexpected", POLICY, "The first frame must be a hello.")
            raise Closed
        return frame

    async def _turn_away(self, socket: Socket, code: str, close_code: int, reason: str) -> None:
        await socket.send(frames.error(code))
        await socket.close(close_code, reason)

    @contextmanager
    def _presence(self, handle: str, now: Moment) -> Iterator[Presence]:
        allowance = Bucket(self._limits.messages_per_second, self._limits.message_burst, now)
        presence = self._present.setdefault(handle, Presence(allowance))
        presence.held += 1
        try:
            yield presence
        finally:
            presence.held -= 1
            if not presence.held:
                del self._present[handle]

    async def _make_room(self, presence: Presence) -> None:
        """The oldest page goes: on a phone that changes networks it is one that nobody looks at any more."""
        while len(presence.connections) >= self._limits.connections_per_visitor:
            oldest = presence.connections.pop(0)
            await oldest.close(REPLACED, "Open in too many places.")
