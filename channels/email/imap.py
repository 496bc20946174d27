"""One IMAP connection to one mailbox: aioimaplib with its gaps closed.

The library's calls hang for ever when the server goes away (in IDLE above all) or refuses a token, leave arguments
unquoted, write secrets into their log, and take apart what arrives by recursion, without limit. So: what arrives is
cut up by :mod:`responses`, every call here ends with the connection or with its time, arguments are quoted, and a
connection that failed once is never used again.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import ssl
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NoReturn

from aioimaplib import IMAP4, AioImapException
from aioimaplib.aioimaplib import Command, IMAP4ClientProtocol

from channels.email.mailboxes import Server
from channels.email.mime import MAX_MESSAGE
from channels.email.oauth import AccessTokens, NoToken
from channels.email.responses import LINE, Response, Responses
from contact_center.domain.time import Moment

_FETCHED = re.compile(rb"\* \d+ FETCH \(", re.IGNORECASE)
_UID = re.compile(rb"\bUID (\d+)", re.IGNORECASE)
_SIZE = re.compile(rb"\bRFC822\.SIZE (\d{1,20})", re.IGNORECASE)
_FLAGS = re.compile(rb"\bFLAGS \(([^()]{0,2000})\)", re.IGNORECASE)
_DATE = re.compile(rb'\bINTERNALDATE "([^"]{1,40})"', re.IGNORECASE)
_CODE = re.compile(rb"\[(UIDVALIDITY|UIDNEXT) (\d{1,20})\]", re.IGNORECASE)
_EXISTS = re.compile(rb"\* (\d{1,20}) EXISTS", re.IGNORECASE)
_BODY = re.compile(rb"\bBODY\[[A-Z]*\](?:<\d+>)? ", re.IGNORECASE)
_QUOTED = re.compile(rb'"((?:[^"\\]|\\.)*)"')
_GREETING = re.compile(rb"\* (?:OK|PREAUTH)\b", re.IGNORECASE)
_UNICODE_RUN = re.compile(r"[^\x20-\x7e]+")
_NAME = '("name" "contact-center-hub" "version" "1")'
_HEADERS = 1024 * 1024
# How much longer than one answer a fetch may take in all, as long as bytes keep coming.
_LONG_FETCH = 24


class Trouble(Exception):
    """The mailbox can't be read now. ``reason`` is for the operator.

    Trouble
    ├── LoginRefused   the server doesn't want us: trying often makes it worse
    ├── Unavailable    one message isn't given, on a connection that lives
    └── TooLarge       a message is larger than it may be, whatever the server said before
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class LoginRefused(Trouble):
    pass


class Unavailable(Trouble):
    pass


class TooLarge(Trouble):
    def __init__(self, reason: str, size: int) -> None:
        super().__init__(reason)
        self.size = size


@dataclass(frozen=True, slots=True)
class Selected:
    uidvalidity: int
    uidnext: int


@dataclass(frozen=True, slots=True)
class Summary:
    """A message's size in bytes by the server's word, when it came into the mailbox (0: the server doesn't say) and
    its flags in lower case."""

    uid: int
    size: int
    arrived_at: Moment
    flags: frozenset[str] = frozenset()


class _Protocol(IMAP4ClientProtocol):  # type: ignore[misc]
    """The library's, with what it hears cut up by :class:`Responses`. ``reason`` says why the connection ended."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop, None)
        self.responses = Responses()
        self.lost: asyncio.Future[None] = loop.create_future()
        self.reason = ""
        self.heard_at = loop.time()
        self.exists = 0
        self.uidvalidity = 0
        self.fetched: Callable[[Response], None] | None = None
        self.refusal = b""

    def data_received(self, data: bytes) -> None:
        self.heard_at = self.loop.time()
        try:
            for response in self.responses.feed(data):
                self._heard(response)
        except (AioImapException, ValueError, LookupError):
            # Its words may hold the command that was under way, and that the password.
            self.end("The IMAP server answered out of turn.")
        if self.responses.fault is not None:
            self.end(self.responses.fault.reason)
        elif self.pending_sync_command is not None:
            self.pending_sync_command.flush()

    def _heard(self, response: Response) -> None:
        first = response.parts[0]
        if self.state == "CONNECTED" and not _GREETING.match(first):
            self.end(f"What answers is no IMAP server, or wants nobody: {_text(first)}")
            return
        self._note(first)
        if self.fetched is not None and _FETCHED.match(first):
            self.fetched(response)
            return
        command = self._handle_line(first, None)
        if command is not None:
            for part in response.parts[1:]:
                command.append_to_resp(part)

    def _note(self, line: bytes) -> None:
        if (match := _EXISTS.match(line)) is not None:
            self.exists = int(match[1])
        elif line[:5].upper() == b"* BYE":
            self.end(f"The IMAP server ended the connection: {_text(line[5:])}")
        for match in _CODE.finditer(line) if line[:5].upper() == b"* OK " else ():
            if match[1].upper() == b"UIDVALIDITY":
                if self.uidvalidity and int(match[2]) != self.uidvalidity:
                    self.end("The IMAP server gave its messages other numbers.")
                self.uidvalidity = int(match[2])

    def _continuation(self, line: bytes) -> None:
        command = self.pending_sync_command
        if command is not None and command.name == "AUTHENTICATE":
            self.refusal = line[:1000]
            self.transport.write(b"\r\n")  # the server says no only after this (RFC 7628, XOAUTH2)
            return
        super()._continuation(line)

    def send(self, line: str, scrub: str | None = None) -> None:
        self.transport.write(f"{line}\r\n".encode())

    def end(self, reason: str) -> None:
        self.reason = self.reason or reason
        if self.transport is not None:
            self.transport.abort()
        self.connection_lost(None)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.lost.done():
            self.lost.set_result(None)


class _Client(IMAP4):  # type: ignore[misc]
    def create_client(
        self, host: str, port: int, loop: Any, conn_lost_cb: Any = None, ssl_context: Any = None
    ) -> None:
        running = asyncio.get_running_loop()
        self.protocol = _Protocol(running)
        dialling = running.create_connection(lambda: self.protocol, host, port, ssl=ssl_context)
        self._client_task = running.create_task(dialling)


class Connection:
    """Open with :meth:`open`, use from one task, and :meth:`close`, which takes ``goodbye_seconds`` at most to do so
    politely. ``access`` gives the token where the mailbox is opened by OAuth 2."""

    def __init__(
        self,
        server: Server,
        call_seconds: float,
        access: AccessTokens | None = None,
        goodbye_seconds: float = 1.0,
    ) -> None:
        self._server = server
        self._call_seconds = call_seconds
        self._access = access
        self._goodbye_seconds = goodbye_seconds
        self._client: _Client | None = None
        self._started: set[asyncio.Future[Any]] = set()
        self._looked_at = -1

    async def open(self, folder: str) -> Selected:
        """Connects, logs in, selects ``folder``. Raises :class:`Trouble`, saying what to mend."""
        where = f"{self._server.host}:{self._server.port}"
        token = await self._token()
        await self._reach(where)
        try:
            await self._log_in(where, token)
        except LoginRefused:
            if self._access is None:
                raise
            # It may have been withdrawn before its time: once with a fresh one, on a fresh connection.
            await self.close()
            token = await self._token(refused=token)
            await self._reach(where)
            await self._log_in(where, token)
        return await self._select(folder, where)

    async def uids_after(self, uid: int) -> list[int]:
        """The mailbox's UIDs beyond ``uid``, ascending."""
        client = self._opened()
        self._looked_at = client.protocol.exists
        client.protocol.responses.allow(0, LINE)
        response = await self._call(client.protocol.search(f"UID {uid + 1}:*", by_uid=True, charset=None))
        _expect_ok(response, "search")
        found: set[int] = set()
        for line in response.lines[:-1]:
            found.update(int(word) for word in bytes(line).split() if word.isdigit() and len(word) < 11)
        # n:* names the last message even where n is beyond it (RFC 3501 6.4.8)
        return sorted(each for each in found if each > uid)

    async def summaries(self, uids: Sequence[int]) -> list[Summary]:
        """Of those among ``uids`` that still exist, in the order of their UIDs."""
        asked, found = set(uids), dict[int, Summary]()

        def take(response: Response) -> None:
            text = response.text
            uid, size, flags = _UID.search(text), _SIZE.search(text), _FLAGS.search(text)
            if uid and size and int(uid[1]) in asked:
                words = flags[1].decode("ascii", "replace").lower().split() if flags else []
                found[int(uid[1])] = Summary(int(uid[1]), int(size[1]), _arrival(text), frozenset(words))

        response = await self._fetch(uids, "(UID RFC822.SIZE INTERNALDATE FLAGS)", 0, 0, take)
        _expect_ok(response, "fetch")
        return [found[uid] for uid in sorted(found)]

    async def messages(self, uids: Sequence[int], limit: int) -> dict[int, bytes]:
        """The bytes of the messages ``uids`` as far as the server gives them, at most ``limit`` in all, leaving their
        flags alone. Raises :class:`Unavailable`, :class:`TooLarge`."""
        return (await self._bodies(uids, "BODY.PEEK[]", limit))[0]

    async def message(self, uid: int, headers_only: bool = False) -> bytes | None:
        """The message's bytes, leaving its flags alone; None if it's gone. Raises :class:`Unavailable`, and
        :class:`TooLarge` where it has more than 25 MB, its headers more than 1 MB."""
        wanted, limit = ("BODY.PEEK[HEADER]", _HEADERS) if headers_only else ("BODY.PEEK[]", MAX_MESSAGE)
        found, mentioned = await self._bodies([uid], wanted, limit)
        if uid in mentioned and uid not in found:
            raise Unavailable("The IMAP server gives the message without its content.")
        return found.get(uid)

    async def _bodies(self, uids: Sequence[int], items: str, limit: int) -> tuple[dict[int, bytes], set[int]]:
        """The messages, and the UIDs that were mentioned at all. Servers may repeat a FETCH, or add one of another
        message's flags; the first whole content of each message counts."""
        asked, found, mentioned = set(uids), dict[int, bytes](), set[int]()
        (only,) = asked if len(asked) == 1 else (None,)

        def take(response: Response) -> None:
            named = _UID.search(response.text)
            uid = int(named[1]) if named else only
            content = _content(response)
            if uid is None or uid not in asked or (content is None and not named):
                return
            mentioned.add(uid)
            if content is not None:
                if not _whole(response):
                    raise ValueError("the content is not as long as announced")
                found.setdefault(uid, content)

        response = await self._fetch(uids, f"(UID {items})", limit, limit, take)
        if response.result != "OK":
            raise Unavailable(f"The IMAP server won't give the message: {_said(response)}")
        return found, mentioned

    async def wait(self, seconds: float, idle: bool = True) -> None:
        """Returns when the server says that something changed, or after ``seconds``. By IDLE (RFC 2177) where
        the server has it, else by sleeping; either way the connection is proved alive at the end."""
        client = self._opened()
        client.protocol.responses.allow(0)
        if client.protocol.exists != self._looked_at:
            return  # said while it answered something else, and not again
        if not idle or not client.has_capability("IDLE"):
            await self._sleep(seconds)
            await self._call(client.protocol.simple_command("NOOP"))
            return
        idling = await self._call(client.idle_start(seconds + self._call_seconds))
        try:
            await self._until_change(client, seconds)
            client.idle_done()
            await self._call(idling)
        finally:
            idling.cancel()

    async def _until_change(self, client: _Client, seconds: float) -> None:
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
                self._lost()
            if any(b"EXISTS" in bytes(line).upper() for line in lines):
                return

    async def close(self) -> None:
        """Ends the connection, politely if it's alive."""
        client, self._client = self._client, None
        if client is None:
            return
        if not client.protocol.lost.done() and client.get_state() in {"AUTH", "SELECTED"}:
            with contextlib.suppress(TimeoutError, OSError, AioImapException, Trouble):
                if client.has_pending_idle():
                    client.idle_done()  # until then it hears nothing else, and LOGOUT isn't even sent
                await self._within(client.protocol.logout(), self._goodbye_seconds, client)
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

    # --- opening ------------------------------------------------------------------------------------------

    async def _token(self, refused: str = "") -> str:
        if self._access is None:
            return ""
        try:
            return await self._access.access_token(refused)
        except NoToken as error:
            raise LoginRefused(error.reason) from error

    async def _reach(self, where: str) -> None:
        context = None
        if self._server.security == "tls":
            context = ssl.create_default_context(cafile=self._server.ca or None)
        client = _Client(self._server.host, self._server.port, timeout=self._call_seconds, ssl_context=context)
        self._client = client
        try:
            await self._within(client.wait_hello_from_server())
        except (OSError, ssl.SSLError) as error:
            raise Trouble(f"The IMAP server {where} can't be reached: {_words(error)}") from error

    async def _log_in(self, where: str, token: str) -> None:
        protocol, user = self._opened().protocol, self._server.user
        refused = f"The IMAP server {where} refuses the login of {user}"
        if self._access is None:
            response = await self._call(protocol.login(_quoted(user), self._server.password.get_secret_value()))
            if response.result != "OK":
                raise LoginRefused(f"{refused}: {_said(response)}")
        else:
            try:
                response = await self._within(protocol.xoauth2(user, token))
            except TimeoutError:  # so do servers that wait for more when they don't like a token
                raise LoginRefused(f"{refused}: it doesn't answer to the access token.") from None
            except UnicodeEncodeError:
                raise LoginRefused(f"{refused}: its name must be ASCII for OAuth 2.") from None
            except AioImapException as error:
                raise Trouble("The IMAP server answered out of turn.") from error
            if response.result != "OK":
                raise LoginRefused(f"{refused}: {_said(response)}")
        if not self._opened().has_capability("IDLE"):
            with contextlib.suppress(IndexError, ValueError):  # some say what they can do only to those they know
                await self._call(protocol.capability())
        if self._opened().has_capability("ID"):
            # RFC 2971. NetEase (163.com, 126.com) opens no folder to a program that doesn't say its name.
            await self._call(protocol.execute(Command("ID", protocol.new_tag(), _NAME)))

    async def _select(self, folder: str, where: str) -> Selected:
        protocol = self._opened().protocol
        response = await self._call(protocol.select(_quoted(_utf7(folder))))
        if response.result != "OK":
            raise Trouble(f"The IMAP folder {folder} can't be opened: {_said(response)}")
        codes = {m[1].upper(): int(m[2]) for line in response.lines for m in _CODE.finditer(bytes(line))}
        if b"UIDVALIDITY" not in codes:
            raise Trouble(f"The IMAP server {where} gives no UIDVALIDITY, so nothing there keeps its name.")
        return Selected(codes[b"UIDVALIDITY"], codes.get(b"UIDNEXT", 0))

    # --- calling ------------------------------------------------------------------------------------------

    def _opened(self) -> _Client:
        if self._client is None:
            raise Trouble("The IMAP connection is closed.")
        return self._client

    async def _fetch(
        self, uids: Sequence[int], items: str, literal: int, whole: int, take: Callable[[Response], None]
    ) -> Any:
        """As long as bytes keep coming a large message has its time."""
        protocol = self._opened().protocol
        protocol.responses.allow(literal, whole)
        protocol.fetched = take
        coming = protocol.fetch(_set(uids), items, by_uid=True)
        try:
            return await self._call(coming, self._call_seconds * _LONG_FETCH, while_heard=True)
        finally:
            protocol.fetched = None

    async def _call(self, doing: Awaitable[Any], seconds: float | None = None, while_heard: bool = False) -> Any:
        try:
            return await self._within(doing, seconds, while_heard=while_heard)
        except TimeoutError:
            raise Trouble("The IMAP server doesn't answer.") from None
        except AioImapException as error:
            raise Trouble("The IMAP server answered out of turn.") from error

    async def _sleep(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await self._within(asyncio.sleep(seconds), seconds)

    async def _within(
        self,
        doing: Awaitable[Any],
        seconds: float | None = None,
        client: _Client | None = None,
        while_heard: bool = False,
    ) -> Any:
        """What ``doing`` gives, unless the connection or the time (TimeoutError) ends first; with ``while_heard``
        also the server's silence for as long as a call may take."""
        protocol = (client or self._opened()).protocol
        clock = asyncio.get_running_loop().time
        begun = clock()
        deadline = begun + (self._call_seconds if seconds is None else seconds)
        task = asyncio.ensure_future(doing)
        try:
            while True:
                silent_at = max(protocol.heard_at, begun) + self._call_seconds if while_heard else deadline
                left = min(deadline, silent_at) - clock()
                if left <= 0:
                    raise TimeoutError
                await asyncio.wait({task, protocol.lost}, timeout=left, return_when=asyncio.FIRST_COMPLETED)
                if task.done():
                    return task.result()
                if protocol.lost.done():
                    self._lost(protocol)
        finally:
            # Not awaited: what waits for the library's state lock outlives its cancelling until the lock's
            # holder is cancelled too, which is what close() does.
            task.cancel()
            self._started.add(task)
            task.add_done_callback(self._started.discard)

    def _lost(self, protocol: Any = None) -> NoReturn:
        protocol = protocol or self._opened().protocol
        reason = protocol.reason or "The IMAP server closed the connection."
        fault = protocol.responses.fault
        if fault is not None and fault.size:
            raise TooLarge(reason, fault.size)
        raise Trouble(reason)


def _content(response: Response) -> bytes | None:
    """The content that a FETCH response gives: a literal, or a quoted string as some servers send short ones."""
    for text, literal in zip(response.parts[::2], response.parts[1::2], strict=False):
        if _BODY.search(text):
            return literal
    item = _BODY.search(response.text)
    quoted = _QUOTED.match(response.text, item.end()) if item else None
    return re.sub(rb"\\(.)", rb"\1", quoted[1]) if quoted else None


def _whole(response: Response) -> bool:
    """Whether what follows the content is the end of the response, and not of the message or of another response."""
    text = _QUOTED.sub(b"", response.text)
    return len(response.parts) <= 3 and text.rstrip().endswith(b")") and text.count(b"(") == text.count(b")")


def _set(uids: Sequence[int]) -> str:
    """``3:7,9``, so that a command line stays short."""
    runs: list[list[int]] = []
    for uid in uids:
        if runs and uid == runs[-1][1] + 1:
            runs[-1][1] = uid
        else:
            runs.append([uid, uid])
    return ",".join(str(first) if first == last else f"{first}:{last}" for first, last in runs)


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
    return _text(bytes(response.lines[-1])) if response.lines else "no reason given"


def _text(line: bytes) -> str:
    return " ".join(line[:200].decode("utf-8", "replace").split())


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
