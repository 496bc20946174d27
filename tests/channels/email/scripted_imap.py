"""An IMAP server that does what real ones cannot be made to do: drop, repeat, babble, fall silent."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field

Writer = asyncio.StreamWriter


@dataclass
class ScriptedImap:
    """Serves ``messages`` (UID → bytes) to any number of clients. Every fault is spent once it has happened as
    often as it says; ``connections`` counts, and ``commands`` is all that was asked."""

    messages: dict[int, bytes] = field(default_factory=dict)
    uidvalidity: int = 7
    capabilities: str = "IMAP4rev1 IDLE UIDPLUS"
    greeting: str = "* OK here"
    login: str = "OK in"
    internaldate: str = "21-Nov-2026 12:00:00 +0000"
    cut_fetch_at: list[int] = field(default_factory=list)
    end_on_body_of: set[int] = field(default_factory=set)
    refuse_fetch: dict[int, int] = field(default_factory=dict)
    silent_on: list[str] = field(default_factory=list)
    repeat_fetch: bool = False
    flags_between: bool = False
    without_content: dict[int, int] = field(default_factory=dict)
    babble: bytes = b""
    bye_in_idle: int = 0
    vanish_in_idle: int = 0
    claimed_size: dict[int, int] = field(default_factory=dict)
    connections: int = 0
    commands: list[str] = field(default_factory=list)
    tls: ssl.SSLContext | None = None
    port: int = 0
    idlers: set[Writer] = field(default_factory=set)
    _server: asyncio.Server | None = None
    _open: set[Writer] = field(default_factory=set)
    _idling: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, ssl=self.tls)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            self.drop()
            await self._server.wait_closed()

    def drop(self) -> None:
        """Every connection is reset."""
        for writer in list(self._open):
            writer.transport.abort()

    def deliver(self, uid: int, message: bytes) -> None:
        self.messages[uid] = message
        for writer in self.idlers:
            writer.write(f"* {len(self.messages)} EXISTS\r\n".encode())

    async def until_idle(self) -> None:
        async with self._idling:
            await asyncio.wait_for(self._idling.wait_for(lambda: self.idlers), 10)

    async def until_left(self) -> None:
        async with self._idling:
            await asyncio.wait_for(self._idling.wait_for(lambda: not self._open), 10)

    async def _serve(self, reader: asyncio.StreamReader, writer: Writer) -> None:
        self.connections += 1
        self._open.add(writer)
        try:
            writer.write(f"{self.greeting}\r\n".encode())
            while line := (await reader.readline()).decode().strip():
                self.commands.append(line)
                await self._answer(line, reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self._open.discard(writer)
            self.idlers.discard(writer)
            writer.transport.abort()
            async with self._idling:
                self._idling.notify_all()

    async def _answer(self, line: str, reader: asyncio.StreamReader, writer: Writer) -> None:
        tag, _, command = line.partition(" ")
        verb = command.upper()
        for silent in self.silent_on:
            if verb.startswith(silent):
                self.silent_on.remove(silent)
                await reader.read()  # until the client gives up
                return
        if self.babble:
            writer.write(self.babble)
        answers: dict[str, Callable[[], None]] = {
            "CAPABILITY": lambda: writer.write(f"* CAPABILITY {self.capabilities}\r\n".encode()),
            "SELECT": lambda: writer.write(
                f"* {len(self.messages)} EXISTS\r\n* OK [UIDVALIDITY {self.uidvalidity}] ok\r\n"
                f"* OK [UIDNEXT {max(self.messages, default=0) + 1}] ok\r\n".encode()
            ),
            "UID SEARCH": lambda: self._search(verb, writer),
        }
        if verb.startswith("IDLE"):
            await self._idle(tag, reader, writer)
        elif verb.startswith("UID FETCH"):
            self._fetch(tag, verb, writer)
        elif verb.startswith("LOGIN"):
            writer.write(f"{tag} {self.login}\r\n".encode())
        else:
            for name, act in answers.items():
                if verb.startswith(name):
                    act()
            writer.write(f"{tag} OK done\r\n".encode())

    def _search(self, verb: str, writer: Writer) -> None:
        first = int(re.search(r"UID (\d+):", verb)[1])  # type: ignore[index]
        last = max(self.messages, default=0)
        found = [uid for uid in sorted(self.messages) if uid >= min(first, last)]
        writer.write(f"* SEARCH {' '.join(map(str, found))}\r\n".encode())

    def _fetch(self, tag: str, verb: str, writer: Writer) -> None:
        uids = [int(uid) for uid in verb.split()[2].split(",")]
        if "RFC822.SIZE" in verb:
            for uid in uids:
                if uid in self.messages:
                    size = self.claimed_size.get(uid, len(self.messages[uid]))
                    items = f'UID {uid} RFC822.SIZE {size} INTERNALDATE "{self.internaldate}"'
                    writer.write(f"* {uid} FETCH ({items})\r\n".encode())
            writer.write(f"{tag} OK done\r\n".encode())
            return
        (uid,) = uids
        if self.refuse_fetch.get(uid, 0) > 0:
            self.refuse_fetch[uid] -= 1
            writer.write(f"{tag} NO [SERVERBUG] the message is damaged\r\n".encode())
            return
        self._give(tag, uid, "HEADER" in verb, writer)

    def _give(self, tag: str, uid: int, headers_only: bool, writer: Writer) -> None:
        answer = b""
        if uid in self.messages:
            message = self.messages[uid]
            message = message.partition(b"\r\n\r\n")[0] + b"\r\n\r\n" if headers_only else message
            item = "BODY[HEADER]" if headers_only else "BODY[]"
            one = f"* {uid} FETCH (UID {uid} {item} {{{len(message)}}}\r\n".encode() + message + b")\r\n"
            if self.without_content.get(uid, 0) > 0:
                self.without_content[uid] -= 1
                one = f"* {uid} FETCH (UID {uid} {item} NIL)\r\n".encode()
            answer = one * (2 if self.repeat_fetch else 1)
            if self.flags_between:
                answer = b"* 1 FETCH (FLAGS (\\Seen))\r\n" + answer + b"* 2 EXISTS\r\n"
        answer += f"{tag} OK done\r\n".encode()
        if uid in self.end_on_body_of and not headers_only:
            writer.write(answer[:40])
            writer.close()
            return
        if self.cut_fetch_at:
            at = self.cut_fetch_at.pop(0)
            if at < len(answer):
                writer.write(answer[:at])
                writer.close()  # what was written is still sent
                return
        writer.write(answer)

    async def _idle(self, tag: str, reader: asyncio.StreamReader, writer: Writer) -> None:
        writer.write(b"+ idling\r\n")
        if self.bye_in_idle > 0:
            self.bye_in_idle -= 1
            writer.write(b"* BYE shutting down\r\n")
            await reader.read()
            return
        if self.vanish_in_idle > 0:
            self.vanish_in_idle -= 1
            await reader.read()  # says nothing ever again, not even to DONE
            return
        self.idlers.add(writer)
        async with self._idling:
            self._idling.notify_all()
        await reader.readline()
        self.idlers.discard(writer)
        writer.write(f"{tag} OK idle done\r\n".encode())
