"""Real mail servers for tests: pymap (IMAP) in a process of its own over a Maildir, aiosmtpd (SMTP) beside us."""

from __future__ import annotations

import asyncio
import base64
import imaplib
import shutil
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session
from pysasl.hashing import BuiltinHash

from tests.servers.ports import free_port

USER, PASSWORD = "support", 'pass "word" \\ 1'
ANSWERS_WITHIN_S = 60
"""However busy the machine is, a server has started and answered by then."""


def server_context(certificate: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
    return context


class MailServer:
    """An IMAP server on loopback that keeps its mail in ``folder``, and what a test does to it by IMAP."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()

    def await_greeting(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + ANSWERS_WITHIN_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                if time.monotonic() > deadline or process.poll() is not None:
                    raise AssertionError(f"{type(self).__name__} did not start") from None
                time.sleep(0.05)

    def put(self, *messages: bytes) -> None:
        """As another mail program would: by IMAP APPEND."""
        with imaplib.IMAP4("127.0.0.1", self.port, timeout=ANSWERS_WITHIN_S) as client:
            client.login(USER, PASSWORD)
            for message in messages:
                answer, said = client.append("INBOX", "", imaplib.Time2Internaldate(time.time()), message)
                assert answer == "OK", said

    def read_everything(self) -> None:
        """A person looks at the mail first: all of it gets \\Seen."""
        with imaplib.IMAP4("127.0.0.1", self.port, timeout=ANSWERS_WITHIN_S) as client:
            client.login(USER, PASSWORD)
            client.select("INBOX")
            client.store("1:*", "+FLAGS", "\\Seen")

    def lose_everything(self) -> None:
        shutil.rmtree(self.folder / "mail" / USER, ignore_errors=True)

    @property
    def url(self) -> str:
        return f"imap://127.0.0.1:{self.port}"


class ImapServer(MailServer):
    """pymap over the Maildir in ``folder``, which outlives it: stopped and started, or killed, it has its mail
    and its UIDs again."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._process: subprocess.Popen[bytes] | None = None
        (folder / "mail").mkdir(parents=True, exist_ok=True)
        (folder / "mail" / "pymap-etc-passwd").write_text(f"{USER}::1000:1000::{USER}:\n")
        secret = BuiltinHash(rounds=10).hash(PASSWORD)
        (folder / "mail" / "pymap-etc-shadow").write_text(f"{USER}:{secret}::::\n")
        (folder / "mail" / "pymap-etc-group").write_text("")

    def start(self) -> None:
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-c", "from pymap.main import main; main()"),
                *("--no-service", "admin", "--no-service", "managesieve", "--host", "127.0.0.1"),
                *("--port", str(self.port), "--no-tls", "maildir", str(self.folder / "mail")),
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.await_greeting(self._process)

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def deliver(self, *messages: bytes) -> None:
        """As a mail server's own delivery would: files in the Maildir, many at once."""
        inbox = self.folder / "mail" / USER
        for kind in ("cur", "new", "tmp"):
            (inbox / kind).mkdir(parents=True, exist_ok=True)
        for number, message in enumerate(messages):
            (inbox / "new" / f"{time.time_ns()}.{number}.host").write_bytes(message)

    def forget_uids(self) -> None:
        """As after a restore from backup: UIDVALIDITY changes, every message gets another UID."""
        for known in (self.folder / "mail" / USER).rglob("dovecot-uidlist"):
            known.unlink()


@dataclass
class Received:
    sender: str
    recipients: list[str]
    data: bytes


@dataclass
class SmtpServer:
    """aiosmtpd on the test's own loop. ``on_data`` may answer in its stead, or end the connection. ``answers`` are
    for some recipients. ``tokens`` are the access tokens that XOAUTH2 takes. While it is ``silent`` it takes letters,
    which are ``lost``, and never says so."""

    received: list[Received] = field(default_factory=list)
    refuse_recipient: str = ""
    answers: dict[str, str] = field(default_factory=dict)
    silent: bool = False
    lost: list[bytes] = field(default_factory=list)
    on_data: Callable[[SMTP], str | None] | None = None
    options: dict[str, Any] = field(default_factory=dict)
    tokens: set[str] = field(default_factory=set)
    port: int = 0
    _server: asyncio.Server | None = None
    _sessions: list[SMTP] = field(default_factory=list)

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        self.port = self.port or free_port()  # it keeps it while it is stopped
        self._server = await loop.create_server(self._session, "127.0.0.1", self.port)

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
            self._server = None
        for session in self._sessions:
            if session.transport is not None:
                session.transport.abort()

    def _session(self) -> SMTP:
        session = SMTP(self, hostname="mail.test", **{"enable_SMTPUTF8": True, **self.options})
        self._sessions.append(session)
        return session

    async def auth_XOAUTH2(self, server: SMTP, arguments: list[str]) -> AuthResult:
        token = base64.b64decode(arguments[1]).decode().split("\x01")[1].removeprefix("auth=Bearer ")
        return AuthResult(success=token in self.tokens, handled=False)

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if refused := self.answers.get(address, self.refuse_recipient):
            return refused
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        content = envelope.original_content
        assert isinstance(content, bytes)
        if self.silent:
            self.lost.append(content)
            await asyncio.Event().wait()
        answer = self.on_data(server) if self.on_data else None
        if answer is not None:
            return answer
        self.received.append(Received(str(envelope.mail_from), list(envelope.rcpt_tos), content))
        return "250 OK queued"

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"
