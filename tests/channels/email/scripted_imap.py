"""An IMAP server that does what real ones cannot be made to do: drop, repeat, babble, lie, drip, fall silent."""

from __future__ import annotations

import asyncio
import base64
import re
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field

Writer = asyncio.StreamWriter
Mail = dict[int, bytes]
PATIENCE_S = 100
"""However busy the machine is, the client has done by then what it is waited for to do."""


@dataclass
class ScriptedImap:
    """Serves ``messages`` (UID → bytes) as INBOX, and ``folders`` by the names that they have on the wire, to any
    number of clients. Every fault is spent once it has happened as often as it says; ``connections`` counts, and
    ``commands`` is all that was asked. ``cut`` ends the connection within the response that gives the UID, after that
    many of its bytes. ``announced`` is the size that a literal is said to have, ``claimed_size`` what RFC822.SIZE
    says. ``instead`` is what commands that begin so are answered with. ``tokens`` are the access tokens that it
    takes; ``refusing`` is how it tells of another."""

    messages: Mail = field(default_factory=dict)
    folders: dict[str, Mail] = field(default_factory=dict)
    uidvalidity: int = 7
    capabilities: str = "IMAP4rev1 IDLE UIDPLUS"
    greeting: str = "* OK here"
    login: str = "OK in"
    internaldate: str = "21-Nov-2026 12:00:00 +0000"
    flags: dict[int, str] = field(default_factory=dict)
    cut: dict[int, int] = field(default_factory=dict)
    end_on_body_of: set[int] = field(default_factory=set)
    refuse_fetch: dict[int, int] = field(default_factory=dict)
    silent_on: list[str] = field(default_factory=list)
    instead: dict[str, str] = field(default_factory=dict)
    repeat_fetch: bool = False
    flags_between: bool = False
    without_content: dict[int, int] = field(default_factory=dict)
    vanishing: set[int] = field(default_factory=set)
    announced: dict[int, int] = field(default_factory=dict)
    claimed_size: dict[int, int] = field(default_factory=dict)
    quoted: bool = False
    babble: bytes = b""
    flood_on: dict[str, bytes] = field(default_factory=dict)
    drip: float = 0.0
    bye_in_idle: int = 0
    vanish_in_idle: int = 0
    tokens: set[str] = field(default_factory=set)
    refusing: str = "challenge"
    connections: int = 0
    logins: int = 0
    commands: list[str] = field(default_factory=list)
    tls: ssl.SSLContext | None = None
    port: int = 0
    idlers: set[Writer] = field(default_factory=set)
    _selected: dict[Writer, Mail] = field(default_factory=dict)
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
        self.tell(f"* {len(self.messages)} EXISTS")

    def tell(self, line: str) -> None:
        """To everybody who idles."""
        for writer in self.idlers:
            writer.write(f"{line}\r\n".encode())

    async def until_idle(self) -> None:
        async with self._idling:
            await asyncio.wait_for(self._idling.wait_for(lambda: self.idlers), PATIENCE_S)

    async def until_left(self) -> None:
        async with self._idling:
            await asyncio.wait_for(self._idling.wait_for(lambda: not self._open), PATIENCE_S)

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
            self._selected.pop(writer, None)
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
        for begin, flood in list(self.flood_on.items()):
            if verb.startswith(begin):
                del self.flood_on[begin]
                while not writer.is_closing():
                    writer.write(flood)
                    await writer.drain()
                return
        for begin, words in self.instead.items():
            if verb.startswith(begin):
                ours = tag if words.startswith(("NO", "BAD")) else ""
                writer.write(f"{ours} {words}".strip().encode("latin-1") + b"\r\n")
                return
        if self.babble:
            writer.write(self.babble)
        if verb.startswith("IDLE"):
            await self._idle(tag, reader, writer)
        elif verb.startswith("UID FETCH"):
            await self._fetch(tag, verb, writer)
        elif verb.startswith("LOGIN"):
            self.logins += 1
            writer.write(f"{tag} {self.login}\r\n".encode())
        elif verb.startswith("AUTHENTICATE XOAUTH2"):
            self.logins += 1
            await self._authenticate(tag, command.split()[2], reader, writer)
        else:
            answers: dict[str, Callable[[], bool]] = {
                "CAPABILITY": lambda: self._untagged(writer, f"CAPABILITY {self.capabilities}"),
                "SELECT": lambda: self._select(command, writer),
                "UID SEARCH": lambda: self._search(verb, writer),
            }
            well = all(act() for name, act in answers.items() if verb.startswith(name))
            writer.write(f"{tag} {'OK done' if well else 'NO [NONEXISTENT] no such folder'}\r\n".encode())

    def _untagged(self, writer: Writer, text: str) -> bool:
        writer.write(f"* {text}\r\n".encode())
        return True

    def _select(self, command: str, writer: Writer) -> bool:
        if "ID" in self.capabilities.split() and not any(" ID " in each for each in self.commands):
            return False  # as NetEase does
        name = command.partition(" ")[2].strip('"')
        mail = self.messages if name == "INBOX" else self.folders.get(name)
        if mail is None:
            return False
        self._selected[writer] = mail
        self._untagged(writer, f"{len(mail)} EXISTS")
        self._untagged(writer, f"OK [UIDVALIDITY {self.uidvalidity}] ok")
        return self._untagged(writer, f"OK [UIDNEXT {max(mail, default=0) + 1}] ok")

    def _search(self, verb: str, writer: Writer) -> bool:
        mail = self._selected[writer]
        first = int(re.search(r"UID (\d+):", verb)[1])  # type: ignore[index]
        last = max(mail, default=0)
        found = [uid for uid in sorted(mail) if uid >= min(first, last)]
        return self._untagged(writer, f"SEARCH {' '.join(map(str, found))}")

    async def _authenticate(self, tag: str, initial: str, reader: asyncio.StreamReader, writer: Writer) -> None:
        token = base64.b64decode(initial).decode().split("\x01")[1].removeprefix("auth=Bearer ")
        if token in self.tokens:
            writer.write(f"{tag} OK in\r\n".encode())
            return
        if self.refusing == "silent":
            await reader.read()
            return
        if self.refusing == "challenge":
            writer.write(b"+ eyJzdGF0dXMiOiI0MDAifQ==\r\n")
            await reader.readline()
        writer.write(f"{tag} NO [AUTHENTICATIONFAILED] invalid credentials\r\n".encode())

    async def _fetch(self, tag: str, verb: str, writer: Writer) -> None:
        mail = self._selected[writer]
        uids = [uid for uid in _named(verb.split()[2]) if uid in mail]
        if "RFC822.SIZE" in verb:
            for uid in uids:
                size = self.claimed_size.get(uid, len(mail[uid]))
                items = f'UID {uid} RFC822.SIZE {size} INTERNALDATE "{self.internaldate}"'
                flags = self.flags.get(uid, "")
                writer.write(f"* {uid} FETCH ({items} FLAGS ({flags}))\r\n".encode())
            writer.write(f"{tag} OK done\r\n".encode())
            return
        headers_only = "HEADER" in verb
        for uid in self.vanishing:
            mail.pop(uid, None)
        for uid in [each for each in uids if each in mail]:
            if self.refuse_fetch.get(uid, 0) > 0:
                self.refuse_fetch[uid] -= 1
                writer.write(f"{tag} NO [SERVERBUG] the message is damaged\r\n".encode())
                return
            if not await self._give(uid, mail[uid], headers_only, writer):
                writer.close()  # what was written is still sent
                return
        writer.write(f"{tag} OK done\r\n".encode())

    async def _give(self, uid: int, message: bytes, headers_only: bool, writer: Writer) -> bool:
        """Whether the connection is to live on."""
        answer = self.response(uid, message, headers_only)
        if uid in self.end_on_body_of and not headers_only:
            writer.write(answer[:40])
            return False
        if uid in self.cut:
            writer.write(answer[: self.cut.pop(uid)])
            return False
        if self.drip:
            for at in range(len(answer)):
                if writer.is_closing():
                    return False
                writer.write(answer[at : at + 1])
                await asyncio.sleep(self.drip)
            return True
        writer.write(answer)
        return True

    def response(self, uid: int, message: bytes, headers_only: bool = False) -> bytes:
        """What a FETCH of ``message`` is answered with."""
        message = message.partition(b"\r\n\r\n")[0] + b"\r\n\r\n" if headers_only else message
        item = "BODY[HEADER]" if headers_only else "BODY[]"
        size = len(message) if headers_only else self.announced.get(uid, len(message))
        one = f"* {uid} FETCH (UID {uid} {item} {{{size}}}\r\n".encode() + message + b")\r\n"
        if self.quoted:
            escaped = message.replace(b"\\", b"\\\\").replace(b'"', b'\\"').replace(b"\r\n", b" ")
            one = f"* {uid} FETCH (UID {uid} {item} ".encode() + b'"' + escaped + b'")\r\n'
        if self.without_content.get(uid, 0) > 0:
            self.without_content[uid] -= 1
            one = f"* {uid} FETCH (UID {uid} {item} NIL)\r\n".encode()
        answer = one * (2 if self.repeat_fetch else 1)
        if self.flags_between:
            answer = b"* 1 FETCH (FLAGS (\\Seen))\r\n" + answer + b"* 2 EXISTS\r\n"
        return answer

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


def _named(numbers: str) -> list[int]:
    """``3:5,9`` is 3, 4, 5, 9."""
    found: list[int] = []
    for each in numbers.split(","):
        first, _, last = each.partition(":")
        found.extend(range(int(first), int(last or first) + 1))
    return found
