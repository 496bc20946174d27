"""The hub's mailbox on a real IMAP server (pymap), kept in the world's file so that UIDs survive a restart.

pymap's in-memory backend wakes IDLE at once; each of its mailboxes here writes every change through to disk.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from argparse import Namespace
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from proxyprotocol.sock import SocketInfo
from pymap.backend.dict import Config, Identity, Login, Session
from pymap.backend.dict.filter import FilterSet
from pymap.backend.dict.mailbox import LoadedMessage, MailboxData, MailboxSet, Message
from pymap.flags import FlagOp
from pymap.imap import IMAPServer
from pymap.interfaces.message import CachedMessage
from pymap.mime import MessageContent
from pymap.parsing.message import AppendMessage
from pymap.parsing.specials import FetchRequirement, ObjectId
from pymap.parsing.specials.flag import Flag
from pymap.user import UserMetadata
from pysasl.hashing import Cleartext

from contact_center.sandbox.world import World


class KeptMessage(Message):
    """A message whose bytes stay on disk until somebody fetches them: pymap's parsed form of even a short letter
    takes some 40 KB."""

    __slots__ = ("_mailbox",)

    def __init__(
        self, mailbox: KeptMailbox, uid: int, when: datetime, flags: Iterable[Flag], *, recent: bool = False
    ) -> None:
        super().__init__(
            uid,
            when,
            flags,
            email_id=ObjectId.random_email_id(),
            thread_id=ObjectId.random_thread_id(),
            recent=recent,
        )
        self._mailbox = mailbox

    async def load_content(self, requirement: FetchRequirement) -> LoadedMessage:
        raw = self._mailbox.raw(self.uid)
        content = MessageContent.parse(raw) if raw is not None else None
        return LoadedMessage(self, requirement, content)


class KeptMailbox(MailboxData):
    """A mailbox whose messages, flags and UID numbering are on disk."""

    def __init__(self, box: KeptMailboxes, name: str, world: World) -> None:
        super().__init__(box._content_cache, box._thread_cache)
        self._name = name
        self._sql = world.sql
        row = self._sql.execute("SELECT uid_validity, max_uid FROM imap_mailboxes WHERE name = ?", (name,)).fetchone()
        if row is None:
            self._uid_validity = int(time.time())
            self._sql.execute(
                "INSERT INTO imap_mailboxes VALUES (?, ?, ?)", (name, self._uid_validity, self._max_uid)
            )
        else:
            self._uid_validity = row["uid_validity"]

    async def load(self) -> None:
        rows = self._sql.execute(
            "SELECT uid, at, flags FROM imap_messages WHERE mailbox = ? ORDER BY uid", (self._name,)
        )
        for row in rows.fetchall():
            flags = [Flag(flag) for flag in row["flags"].encode("ascii").split()]
            self._add(KeptMessage(self, row["uid"], datetime.fromtimestamp(row["at"], UTC), flags))
        known = self._sql.execute("SELECT max_uid FROM imap_mailboxes WHERE name = ?", (self._name,)).fetchone()
        self._max_uid = max(self._max_uid, known["max_uid"])

    def raw(self, uid: int) -> bytes | None:
        row = self._sql.execute(
            "SELECT raw FROM imap_messages WHERE mailbox = ? AND uid = ?", (self._name, uid)
        ).fetchone()
        return row["raw"] if row else None

    async def append(self, append_msg: AppendMessage, *, recent: bool = False) -> Message:
        when = append_msg.when or datetime.now(UTC)
        async with self.messages_lock.write_lock():
            message = KeptMessage(self, self._max_uid + 1, when, append_msg.flag_set, recent=recent)
            # On disk before anybody is woken: whoever idles fetches at once.
            self._keep(message, append_msg.literal)
            self._add(message)
        return message

    async def copy(self, uid: int, destination: MailboxData, *, recent: bool = False) -> int | None:
        message, raw = self._messages.get(uid), self.raw(uid)
        if message is None or raw is None:
            return None
        copied = AppendMessage(raw, message.internal_date, frozenset(message.permanent_flags))
        return (await destination.append(copied, recent=recent)).uid

    async def move(self, uid: int, destination: MailboxData, *, recent: bool = False) -> int | None:
        moved = await self.copy(uid, destination, recent=recent)
        if moved is not None:
            await self.delete([uid])
        return moved

    def _add(self, message: Message) -> None:
        self._max_uid = max(self._max_uid, message.uid)
        self._messages[message.uid] = message
        self._mod_sequences.update([message.uid])
        self._updated.set()

    async def update(self, uid: int, cached_msg: CachedMessage, flag_set: frozenset[Flag], mode: FlagOp) -> Message:
        message = await super().update(uid, cached_msg, flag_set, mode)
        self._sql.execute(
            "UPDATE imap_messages SET flags = ? WHERE mailbox = ? AND uid = ?",
            (_flags(message), self._name, uid),
        )
        return message

    async def delete(self, uids: Iterable[int]) -> None:
        uids = list(uids)
        await super().delete(uids)
        self._forget(uids)

    def _keep(self, message: Message, raw: bytes) -> None:
        self._sql.execute(
            "INSERT OR REPLACE INTO imap_messages VALUES (?, ?, ?, ?, ?)",
            (self._name, message.uid, message.internal_date.timestamp(), _flags(message), raw),
        )
        self._sql.execute("UPDATE imap_mailboxes SET max_uid = ? WHERE name = ?", (message.uid, self._name))

    def _forget(self, uids: Iterable[int]) -> None:
        self._sql.executemany(
            "DELETE FROM imap_messages WHERE mailbox = ? AND uid = ?", [(self._name, uid) for uid in uids]
        )


class KeptMailboxes(MailboxSet):
    def __init__(self, world: World) -> None:
        super().__init__()
        self._world = world
        self._inbox: MailboxData = KeptMailbox(self, "INBOX", world)

    async def load(self) -> None:
        names = [row["name"] for row in self._world.sql.execute("SELECT name FROM imap_mailboxes")]
        for name in names:
            if name != "INBOX":
                self._set[name] = KeptMailbox(self, name, self._world)
        for mailbox in [self._inbox, *self._set.values()]:
            assert isinstance(mailbox, KeptMailbox)
            await mailbox.load()

    async def add_mailbox(self, name: str) -> ObjectId:
        if name in self._set:
            raise ValueError(name)
        self._set[name] = mailbox = KeptMailbox(self, name, self._world)
        return mailbox.mailbox_id

    async def delete_mailbox(self, name: str) -> None:
        await super().delete_mailbox(name)
        self._world.sql.execute("DELETE FROM imap_messages WHERE mailbox = ?", (name,))
        self._world.sql.execute("DELETE FROM imap_mailboxes WHERE name = ?", (name,))

    async def rename_mailbox(self, before: str, after: str) -> None:
        # pymap moves the objects; their rows must follow the names that they then have.
        await super().rename_mailbox(before, after)
        for name, mailbox in self._set.items():
            if isinstance(mailbox, KeptMailbox) and mailbox._name != name:
                for table, column in (("imap_messages", "mailbox"), ("imap_mailboxes", "name")):
                    self._world.sql.execute(
                        f"UPDATE {table} SET {column} = ? WHERE {column} = ?", (name, mailbox._name)
                    )
                mailbox._name = name


class _Config(Config):
    @property
    def greeting(self) -> bytes:
        return b"Sandbox mail server ready"  # pymap would ask the resolver for its own name


class _Owner(Identity):
    """The one user there is."""

    boxes: KeptMailboxes

    @asynccontextmanager
    async def new_session(self) -> AsyncIterator[Session]:
        await self.get()
        login = self.login
        assert isinstance(login, _Login)
        yield Session(self.name, self.config, login.boxes, login.filters)


class _Login(Login):
    def __init__(self, config: Config, boxes: KeptMailboxes) -> None:
        super().__init__(config)
        self.boxes = boxes
        self.filters = FilterSet()

    async def authenticate(self, credentials: Any) -> Identity:
        identity = await super().authenticate(credentials)
        return _Owner(identity.name, self, None, identity.roles)

    async def authorize(self, authenticated: Any, authzid: str) -> Identity:
        await super().authorize(authenticated, authzid)
        return _Owner(authzid, self, None, authenticated.roles)


class ImapServer:
    """One mailbox owner, ``address`` with ``password``; plain text on a loopback address, as mail clients call
    "no encryption": pymap would otherwise refuse LOGIN before TLS."""

    def __init__(self, world: World, address: str, password: str) -> None:
        arguments = Namespace(passlib_cfg=None, proxy_protocol=None, inherited_sockets=None)
        self._config = _Config(
            arguments,
            demo_data=False,
            demo_user=address,
            demo_password=password,
            host=None,
            port=0,
            tls_enabled=False,
            ssl_context=ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER),
            hash_context=Cleartext(),
            invalid_user_sleep=0.1,
            reject_dnsbl=False,
            max_append_len=35_000_000,
        )
        self._config.apply_context()
        self._boxes = KeptMailboxes(world)
        self._login = _Login(self._config, self._boxes)
        self._login.users_dict[address] = UserMetadata(self._config, address, password=password)
        self._world = world
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    async def start(self, listening: socket.socket) -> None:
        await self._boxes.load()
        answer = IMAPServer(self._login, self._config)

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            self._connections.add(task)
            try:
                await answer(reader, writer, SocketInfo.get(writer, None))
            except (ConnectionError, asyncio.CancelledError):
                pass  # the client is gone, or the sandbox ends
            finally:
                self._connections.discard(task)
                writer.close()

        self._server = await asyncio.start_server(connected, sock=listening, limit=1 << 20)

    async def deliver(self, raw: bytes) -> int:
        """Puts a message into the hub's INBOX, durably, and wakes whoever idles there. Returns its UID."""
        inbox = await self._boxes.get_mailbox("INBOX")
        when = datetime.fromtimestamp(self._world.now() / 1000, UTC)
        message = await inbox.append(AppendMessage(raw, when, frozenset()), recent=True)
        return message.uid

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in list(self._connections):
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)


def _flags(message: Message) -> str:
    return " ".join(sorted(bytes(flag).decode("ascii") for flag in message.permanent_flags))
