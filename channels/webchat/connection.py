"""One open page of one visitor: reads its frames, and keeps it up to date with its conversation.

Two tasks share a connection. The reader takes frames in and acknowledges what is durable. The pusher is
the only one that decides what the page has seen: it is woken, asks the hub for what follows the last line
sent, and sends that; so a line can neither be skipped nor sent twice, whoever wakes it and however often.

A visitor's conversations at an entry are numbered. The number is ours, never the page's: the current one is
the last that exists for the hub, and the first message written after its end begins the next. For the
customer it ends when they leave it, though the agent may still be noting what it was about.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace

from channels.contract import Busy, Closed, Hub, Parsed, Socket
from channels.webchat import frames
from channels.webchat.entries import Entry, in_language
from channels.webchat.events import Writer, taken_from
from channels.webchat.frames import BadFrame, Frame, Got, Hello, Leave, Message, Name, Ping, Typing
from channels.webchat.limits import Bucket, Limits
from contact_center.domain.time import SECOND

GOING_AWAY, POLICY, TOO_BIG, INTERNAL, TRY_LATER = 1001, 1008, 1009, 1011, 1013
TOO_SLOW, REFUSED, SILENT, REPLACED = 4008, 4403, 4408, 4409
PAGE = 200
BUSY_RETRY_MS = 2 * SECOND


async def receive(socket: Socket, limits: Limits, within_ms: int) -> str:
    """The next frame. Closes the connection (and raises ``Closed``) when none comes or it is too big."""
    try:
        async with asyncio.timeout(within_ms / SECOND):
            text = await socket.receive()
    except TimeoutError:
        await socket.close(SILENT, "Silent for too long.")
        raise Closed from None
    if len(text) > limits.frame_bytes or len(text.encode(errors="replace")) > limits.frame_bytes:
        await socket.close(TOO_BIG, "Frame too big.")
        raise Closed
    return text


@dataclass(eq=False, slots=True)
class Presence:
    """A visitor with at least one open page. The pages share one allowance of messages. ``over`` is the last
    conversation at each entry that is known to be over for the visitor."""

    messages: Bucket
    held: int = 0
    connections: list[Connection] = field(default_factory=list)
    over: dict[str, int] = field(default_factory=dict)


class Connection:
    def __init__(
        self, socket: Socket, hub: Hub, writer: Writer, entry: Entry, presence: Presence, limits: Limits
    ) -> None:
        self.writer = writer
        self._socket = socket
        self._hub = hub
        self._entry = entry
        self._presence = presence
        self._limits = limits
        self._frames = Bucket(limits.frames_per_second, limits.frame_burst, hub.now())
        self._bad = 0
        self._typed_at = 0
        self._after = 0
        self._got = 0
        self._state = ""
        self._woken = asyncio.Event()
        self._writing = asyncio.Lock()
        self._watched: dict[str, Callable[[], object]] = {}
        self._wanted: list[asyncio.Future[bool]] = []
        self._sent: list[tuple[int, asyncio.Future[bool]]] = []

    # --- from hello to the end ------------------------------------------------------------------------------

    async def run(self, hello: Hello, token: str, fresh: bool) -> None:
        """Until the page goes. Raises ``Closed`` then, and what the hub raised where it failed."""
        await self._find_conversation(fresh)
        resumed = not fresh and hello.conversation == self.writer.conversation
        self._after = self._got = hello.after if resumed else 0
        self._watch(self.writer.thread_key)
        try:
            await self._tell(self._welcome(hello, token, fresh, resumed))
            pushing = asyncio.create_task(self._push())
            reading = asyncio.create_task(self._read())
            try:
                await asyncio.wait((pushing, reading), return_when=asyncio.FIRST_COMPLETED)
            finally:
                await _stop(pushing, reading)
        finally:
            self._end()
        for task in (reading, pushing):
            if not task.cancelled():
                task.result()

    def wake(self) -> None:
        self._woken.set()

    def carried(self) -> asyncio.Future[bool]:
        """True when the page has said that it has everything that its conversation holds now; False when it
        goes before that."""
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._wanted.append(future)
        self.wake()
        return future

    async def close(self, code: int, reason: str) -> None:
        await self._socket.close(code, reason)

    def _welcome(self, hello: Hello, token: str, fresh: bool, resumed: bool) -> str:
        return frames.welcome(
            token,
            fresh,
            self.writer.conversation,
            resumed,
            in_language(self._entry.greeting, hello.language),
            in_language(self._entry.title, hello.language),
            self._entry.ask_name,
            self._limits,
        )

    def _watch(self, *thread_keys: str) -> None:
        for key in set(self._watched) - set(thread_keys):
            self._watched.pop(key)()
        for key in thread_keys:
            if key not in self._watched:
                self._watched[key] = self._hub.watch(key, self.wake)

    def _end(self) -> None:
        self._watch()
        for future in (*self._wanted, *(future for _, future in self._sent)):
            if not future.done():
                future.set_result(False)

    async def _tell(self, frame: str) -> None:
        """Sends, waiting for a slow page: nothing is queued for it beyond what the operating system holds."""
        async with self._writing:
            try:
                async with asyncio.timeout(self._limits.write_ms / SECOND):
                    await self._socket.send(frame)
            except TimeoutError:
                await self._give_up()
                raise Closed from None

    async def _give_up(self) -> None:
        """The closing frame has to wait behind what the page does not read; not for ever."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._limits.write_ms / SECOND):
                await self._socket.close(TOO_SLOW, "Too slow; come back and resume.")

    # --- which conversation ---------------------------------------------------------------------------------

    @property
    def _memory_key(self) -> str:
        return f"conversation/{self.writer.visitor}/{self.writer.entry}"

    async def _find_conversation(self, fresh: bool) -> None:
        """What was remembered is only where to begin looking: a crash may have come between a conversation's
        first message and the note of its number."""
        if not fresh:
            self.writer = replace(self.writer, conversation=await self._recall())
            while await self._turned_page():
                pass

    async def _recall(self) -> int:
        """The number that was noted last, on any node; those before it are over, and it is when it was left."""
        noted = await self._hub.recall(self._memory_key)
        number, _, left = (noted or "1").partition(":")
        self._note_over(int(number) if left else int(number) - 1)
        return int(number)

    def _note_over(self, number: int) -> None:
        known = self._presence.over.get(self.writer.entry, 0)
        self._presence.over[self.writer.entry] = max(known, number)

    async def _attended(self, writer: Writer) -> str:
        state = await self._hub.attended(writer.thread_key)
        over = writer.conversation <= self._presence.over.get(writer.entry, 0)
        return "ended" if over and state != "none" else state

    async def _turned_page(self) -> bool:
        """Goes on to the next conversation where this one has ended and that one exists."""
        if await self._attended(self.writer) != "ended":
            return False
        if await self._attended(_next(self.writer)) == "none":
            return False
        self.writer = _next(self.writer)
        if await self._recall() < self.writer.conversation:
            await self._hub.remember(self._memory_key, str(self.writer.conversation))
        return True

    # --- what the page is shown -----------------------------------------------------------------------------

    async def _push(self) -> None:
        while True:
            self._woken.clear()
            asked = len(self._wanted)
            await self._catch_up()
            self._sent += [(self._after, future) for future in self._wanted[:asked]]
            del self._wanted[:asked]
            self._settle()
            await self._woken.wait()

    async def _catch_up(self) -> None:
        while True:
            await self._send_lines()
            await self._send_state(await self._attended(self.writer))
            if self._state != "ended":
                self._watch(self.writer.thread_key)
                return
            # Another page of the same visitor, on any node, may begin the next conversation.
            self._watch(self.writer.thread_key, _next(self.writer).thread_key)
            if not await self._turned_page():
                return
            self._after = self._got = 0
            self._state = ""
            await self._tell(frames.conversation(self.writer.conversation))

    async def _send_lines(self) -> None:
        more = True
        while more:
            lines = await self._hub.conversation(self.writer.thread_key, self._after, PAGE)
            for shown in lines:
                await self._tell(frames.line(shown))
                self._after = shown.seq
            more = len(lines) == PAGE

    async def _send_state(self, attended: str) -> None:
        if attended == self._state:
            return
        name, _, agent = attended.partition(":")
        match name:
            case "none" | "waiting" | "attended" | "ended":
                await self._tell(frames.state(name, agent))
        self._state = attended

    def _settle(self) -> None:
        """Tells whoever waits for it that the page has what they wanted it to have."""
        pending = []
        for at, future in self._sent:
            if at > self._got:
                pending.append((at, future))
            elif not future.done():
                future.set_result(True)
        self._sent = pending

    # --- what the page says ---------------------------------------------------------------------------------

    async def _read(self) -> None:
        while True:
            text = await receive(self._socket, self._limits, self._limits.silence_ms)
            if self._frames.take(self._hub.now()):
                await self._socket.close(POLICY, "Too many frames.")
                raise Closed
            try:
                await self._obey(frames.read(text, self._limits), text)
            except BadFrame as bad:
                await self._refuse(bad)

    async def _refuse(self, bad: BadFrame) -> None:
        self._bad += 1
        await self._tell(frames.error(bad.code, bad.id))
        if self._bad >= self._limits.bad_frames:
            await self._socket.close(POLICY, "Too many frames that mean nothing.")
            raise Closed

    async def _obey(self, frame: Frame, text: str) -> None:
        match frame:
            case Message():
                await self._take_message(frame, text)
            case Leave():
                await self._take_leave(frame, text)
            case Name():
                self.writer = replace(self.writer, name=frame.name)
            case Got():
                self._got = max(self._got, min(frame.seq, self._after))
                self._settle()
            case Typing():
                await self._pass_typing()
            case Ping():
                await self._tell(frames.pong())
                self.wake()  # between nodes a wake may be lost; nobody waits for it longer than a heartbeat
            case Hello():
                raise BadFrame("unexpected")

    async def _take_message(self, message: Message, text: str) -> None:
        wait_ms = self._presence.messages.take(self._hub.now())
        if wait_ms:
            await self._tell(frames.error("slow_down", message.id, wait_ms))
            return
        await self._recall()  # it may have been left on a page that another node serves
        writer = self.writer
        while await self._attended(writer) == "ended":
            writer = _next(writer)
        await self._take_in(message.id, taken_from(message, writer, text.encode(), self._hub.now()))

    async def _take_leave(self, leave: Leave, text: str) -> None:
        writer = self.writer
        if await self._attended(writer) in ("none", "ended"):
            await self._tell(frames.acknowledgement(leave.id, ""))
        elif await self._take_in(leave.id, taken_from(leave, writer, text.encode(), self._hub.now())):
            self._note_over(writer.conversation)
            await self._hub.remember(self._memory_key, f"{writer.conversation}:left")
            for page in self._presence.connections:
                page.wake()

    async def _take_in(self, id: str, parsed: Parsed) -> bool:
        try:
            [answer] = await self._hub.take_in(parsed)
        except Busy:
            await self._tell(frames.error("busy", id, BUSY_RETRY_MS))
            return False
        await self._tell(frames.acknowledgement(id, answer.event_id))
        self.wake()
        return True

    async def _pass_typing(self) -> None:
        now = self._hub.now()
        live = self._state.startswith(("waiting", "attended"))
        if live and not 0 <= now - self._typed_at < self._limits.typing_ms:
            self._typed_at = now
            await self._hub.typing(self.writer.thread_key)


def _next(writer: Writer) -> Writer:
    return replace(writer, conversation=writer.conversation + 1)


async def _stop(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
