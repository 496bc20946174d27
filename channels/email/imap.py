"""One IMAP connection to one mailbox: aioimaplib with its gaps closed.

The library's calls hang for ever when the server goes away (in IDLE above all), leave arguments unquoted,
hand out literals as bytearray in a flat list, and parse what arrives by recursion, a level a line. So:
every call here ends with the connection or with its time, arguments are quoted, fetches are small, and a
connection that failed once is never used again.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import ssl
from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aioimaplib import IMAP4, IMAP4_SSL, Abort, AioImapException

from channels.email.mailboxes import Server
from contact_center.domain.time import Moment

_FETCHED = re.compile(rb"(\d+) FETCH \((.*)", re.DOTALL | re.IGNORECASE)
_UID = re.compile(rb"\bUID (\d+)", re.IGNORECASE)
_SIZE = re.compile(rb"\bRFC822\.SIZE (\d+)", re.IGNORECASE)
_DATE = re.compile(rb'\bINTERNALDATE "([^"]{1,40})"', re.IGNORECASE)
_CODE = re.compile(rb"\[(UIDVALIDITY|UIDNEXT) (\d+)\]", re.IGNORECASE)
_UNICODE_RUN = re.compile(r"[^\x20-\x7e]+")


class Trouble(Exception):
    """The mailbox can't be read now. ``reason`` is for the operator."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Unavailable(Trouble):
    """The server refuses to give one message: NO or BAD to its fetch, on a connection that lives."""


@dataclass(frozen=True, slots=True)
class Selected:
    uidvalidity: int
    uidnext: int


@dataclass(frozen=True, slots=True)
class Summary:
    """A message's size in bytes and when it came into the mailbox (0: the server doesn't say)."""

    uid: int
    size: int
    arrived_at: Moment


class Connection:
    """Open with :meth:`open`, use from one task, and :meth:`close`."""

    def __init__(self, server: Server, call_seconds: float) -> None:
        self._server = server
        self._call_seconds = call_seconds
        self._client: IMAP4 | None = None
        self._lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._started: set[asyncio.Future[Any]] = set()

    async def open(self, folder: str) -> Selected:
        """Connects, logs in, selects ``folder``. Raises :class:`Trouble`, saying what to mend."""
        server = self._server
        where = f"{server.host}:{server.port}"
        client = self._dial()
        self._client = client
        try:
            await self._within(client.wait_hello_from_server())
        except (OSError, ssl.SSLError) as error:
            raise Trouble(f"The IMAP server {where} can't be reached: {_words(error)}") from error
        user = _quoted(server.user)
        response = await self._call(client.protocol.login(user, server.password.get_secret_value()))
        if response.result != "OK":
            raise Trouble(f"The IMAP server {where} refuses the login of {server.user}: {_said(response)}")
        response = await self._call(client.protocol.select(_quoted(_utf7(folder))))
        if response.result != "OK":
            raise Trouble(f"The IMAP folder {folder} can't be opened: {_said(response)}")
        codes = {m[1].upper(): int(m[2]) for line in response.lines for m in _CODE.finditer(bytes(line))}
        if b"UIDVALIDITY" not in codes:
            raise Trouble(f"The IMAP server {where} gives no UIDVALIDITY, so nothing there keeps its name.")
        return Selected(codes[b"UIDVALIDITY"], codes.get(b"UIDNEXT", 0))

    async def uids_after(self, uid: int) -> list[int]:
        """The mailbox's UIDs beyond ``uid``, ascending."""
        client = self._opened()
        # A SEARCH answers in one line however many there are; FETCH would recurse once for each.
        response = await self._call(client.protocol.search(f"UID {uid + 1}:*", by_uid=True, charset=None))
        _expect_ok(response, "search")
        found: set[int] = set()
        for line in response.lines[:-1]:
            found.update(int(word) for word in bytes(line).split() if word.isdigit() and len(word) < 11)
        # n:* names the last message even where n is beyond it (RFC 3501 6.4.8)
        return sorted(each for each in found if each > uid)

    async def summaries(self, uids: list[int]) -> list[Summary]:
        """Of those among ``uids`` (at most a hundred at a time) that still exist."""
        response = await self._fetch(",".join(map(str, uids)), "(UID RFC822.SIZE INTERNALDATE)")
        _expect_ok(response, "fetch")
        found: dict[int, Summary] = {}
        for line in response.lines:
            text = bytes(line)
            uid, size = _UID.search(text), _SIZE.search(text)
            if _FETCHED.match(text) and uid and size and int(uid[1]) in uids:
                found[int(uid[1])] = Summary(int(uid[1]), int(size[1]), _arrival(text))
        return [found[uid] for uid in sorted(found)]

    async def message(self, uid: int, headers_only: bool = False) -> bytes | None:
        """The message's bytes, leaving its flags alone; None if it's gone. Raises :class:`Unavailable`."""
        wanted = "(UID BODY.PEEK[HEADER])" if headers_only else "(UID BODY.PEEK[])"
        response = await self._fetch(str(uid), wanted)
        if response.result != "OK":
            raise Unavailable(f"The IMAP server won't give the message: {_said(response)}")
        there, message = _literal_of(response.lines, uid)
        if there and message is None:
            raise Unavailable("The IMAP server gives the message without its content.")
        return message

    async def wait(self, seconds: float) -> None:
        """Returns when the server says that something changed, or after ``seconds``. By IDLE (RFC 2177) where
        the server has it, else by sleeping; either way the connection is proved alive at the end."""
        client = self._opened()
        if not client.has_capability("IDLE"):
            await self._sleep(seconds)
            await self._call(client.protocol.simple_command("NOOP"))
            return
        idle = await self._call(client.idle_start(seconds + self._call_seconds))
        try:
            await self._until_change(client, seconds)
            client.idle_done()
            await self._call(idle)
        finally:
            idle.cancel()

    async def _until_change(self, client: IMAP4, seconds: float) -> None:
        deadline = asyncio.get_running_loop().time() + seconds
        while (left := deadline - asyncio.get_running_loop().time()) > 0:
            pushed: asyncio.Task[Any] = asyncio.ensure_future(client.protocol.idle_queue.get())
            try:
                lines = await self._within(pushed, left)
            except TimeoutError:
                return
            finally:
                pushed.cancel()
            if any(bytes(line).upper().startswith(b"BYE") for line in lines):
                raise Trouble("The IMAP server ended the connection.")
            if any(b"EXISTS" in bytes(line).upper() for line in lines):
                return

    async def close(self) -> None:
        """Ends the connection, politely if it's alive."""
        client, self._client = self._client, None
        if client is None:
            return
        if not self._lost.done() and client.get_state() in {"AUTH", "SELECTED"}:
            with contextlib.suppress(TimeoutError, OSError, AioImapException, Trouble):
                await self._within(client.protocol.logout(), 1.0)
        if client.protocol.transport is not None:
            client.protocol.transport.abort()
        if client._idle_waiter is not None:
            client._idle_waiter.cancel()
        ending = {*client.tasks, *client.protocol.tasks, *self._started, client._client_task}
        for task in ending:
            task.cancel()
        await asyncio.wait(ending, timeout=self._call_seconds)
        for task in ending:
            if task.done() and not task.cancelled():
                task.exception()  # seen: the library keeps tasks whose failures nobody else looks at

    def _dial(self) -> IMAP4:
        server = self._server
        if server.security == "tls":
            context = ssl.create_default_context(cafile=server.ca or None)
            client = IMAP4_SSL(server.host, server.port, timeout=self._call_seconds, ssl_context=context)
        else:
            client = IMAP4(server.host, server.port, timeout=self._call_seconds)
        client.protocol.conn_lost_cb = self._on_lost  # IMAP4_SSL takes no callback
        return client

    def _on_lost(self, _: Exception | None) -> None:
        if not self._lost.done():
            self._lost.set_result(None)

    def _opened(self) -> IMAP4:
        if self._client is None:
            raise Trouble("The IMAP connection is closed.")
        return self._client

    async def _fetch(self, uids: str, items: str) -> Any:
        client = self._opened()
        # The library's own timer starts anew with every piece that arrives, so a large message has its time.
        coming = client.protocol.fetch(uids, items, by_uid=True, timeout=self._call_seconds)
        return await self._call(coming, 600.0)

    async def _call(self, doing: Awaitable[Any], seconds: float | None = None) -> Any:
        try:
            return await self._within(doing, seconds or self._call_seconds)
        except TimeoutError:
            raise Trouble("The IMAP server doesn't answer.") from None
        except Abort as error:
            raise Trouble(f"The IMAP server answered out of turn: {_words(error)}") from error
        except AioImapException as error:
            raise Trouble(f"The IMAP server doesn't answer: {_words(error)}") from error

    async def _sleep(self, seconds: float) -> None:
        try:
            await self._within(asyncio.sleep(seconds), seconds)
        except TimeoutError:
            return

    async def _within(self, doing: Awaitable[Any], seconds: float | None = None) -> Any:
        """What ``doing`` gives, unless the connection or the time (TimeoutError) ends first."""
        seconds = self._call_seconds if seconds is None else seconds
        task = asyncio.ensure_future(doing)
        try:
            await asyncio.wait({task, self._lost}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                return task.result()
            if self._lost.done():
                raise Trouble("The IMAP server closed the connection.")
            raise TimeoutError
        finally:
            # Not awaited: what waits for the library's state lock outlives its cancelling until the lock's
            # holder is cancelled too, which is what close() does.
            task.cancel()
            self._started.add(task)
            task.add_done_callback(self._started.discard)


def _literal_of(lines: list[Any], uid: int) -> tuple[bool, bytes | None]:
    """Whether ``uid`` was fetched at all, and the literal that follows its FETCH line. Servers may repeat a
    FETCH, or add one of another message's flags; the first whole literal of the right message counts."""
    ours = there = False
    for line in lines:
        if isinstance(line, bytearray):
            if ours:
                return True, bytes(line)
            continue
        if _FETCHED.match(line):
            named = _UID.search(line)
            ours = named is None or int(named[1]) == uid
            there = there or (named is not None and ours)
    return there, None


def _arrival(line: bytes) -> Moment:
    match = _DATE.search(line)
    if match is None:
        return 0
    try:
        return int(datetime.strptime(match[1].decode().strip(), "%d-%b-%Y %H:%M:%S %z").timestamp() * 1000)
    except (ValueError, OverflowError):
        return 0


def _expect_ok(response: Any, what: str) -> None:
    if response.result != "OK":
        raise Trouble(f"The IMAP server refuses to {what}: {_said(response)}")


def _said(response: Any) -> str:
    return bytes(response.lines[-1])[:200].decode("utf-8", "replace") if response.lines else "no reason given"


def _words(error: Exception) -> str:
    return (str(error) or type(error).__name__)[:200]


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _utf7(name: str) -> str:
    """A folder's name as IMAP writes it (RFC 3501 5.1.3)."""

    def shifted(match: re.Match[str]) -> str:
        encoded = match[0].encode("utf-7").decode("ascii")
        return "&" + encoded[1:].rstrip("-").replace("/", ",") + "-"

    return _UNICODE_RUN.sub(shifted, name.replace("&", "&-"))
