"""The SMTP server, and what happens to what it takes: into the hub's mailbox, or to a virtual customer."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Callable
from email.utils import formatdate
from typing import Any

import aiosmtplib
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword
from aiosmtpd.smtp import Session as SmtpSession

from contact_center.sandbox.mail import letters
from contact_center.sandbox.mail.imap import ImapServer
from contact_center.sandbox.world import Row, World

MAX_LETTER = 26_214_400
_MESSAGE_ID = re.compile(rb"^message-id:[ \t]*(?:\r?\n[ \t]+)?(<[^<>\s]{1,500}>)", re.IGNORECASE | re.MULTILINE)


class Post:
    """``hub_address``'s mail goes to the IMAP server, anybody else's is kept for the page. AUTH is offered with
    the hub's credentials and never demanded."""

    def __init__(
        self, world: World, imap: ImapServer, hub_address: str, password: str, new_id: Callable[[], str]
    ) -> None:
        self.world = world
        self.imap = imap
        self.hub_address = hub_address.lower()
        self.port = 0
        self._password = password.encode()
        self._new_id = new_id
        self._server: asyncio.Server | None = None

    async def start(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        self.port = listening.getsockname()[1]
        self._server = await loop.create_server(self._protocol, sock=listening)

    def _protocol(self) -> SMTP:
        return SMTP(
            self,
            hostname="mail.sandbox.example",
            ident="Sandbox",
            enable_SMTPUTF8=True,
            data_size_limit=MAX_LETTER,
            authenticator=self._authenticate,
            auth_require_tls=False,
        )

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()

    def _authenticate(self, _server: Any, _session: Any, _envelope: Any, mechanism: str, data: Any) -> AuthResult:
        good = (
            isinstance(data, LoginPassword)
            and data.login.decode("utf-8", "replace").lower() == self.hub_address
            and data.password == self._password
        )
        self.world.note("mail.login", "", mechanism=mechanism, ok=good)
        return AuthResult(success=good, handled=False)

    async def handle_RCPT(
        self, _server: Any, _session: Any, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """Anybody is known here but ``nobody``: for whoever wants to see what becomes of a letter to them."""
        if address.lower().startswith("nobody@"):
            return "550 5.1.1 No such user here"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, _server: Any, session: SmtpSession, envelope: Envelope) -> str:
        """Accepted is what is stored: the answer 250 comes after it."""
        raw = bytes(envelope.original_content or b"")
        found = _MESSAGE_ID.search(raw[:65_536])
        message_id = found.group(1).decode("utf-8", "replace") if found else ""
        for recipient in dict.fromkeys(address.lower() for address in envelope.rcpt_tos):
            stamped = self._stamp(envelope.mail_from or "", recipient, session) + raw
            sender = (envelope.mail_from or "").lower()
            if recipient == self.hub_address:
                uid = await self.imap.deliver(stamped)
                self.world.note(
                    "mail.to_hub", sender, message_id=message_id, uid=uid, size=len(raw), recipient=recipient
                )
            else:
                seq = self.world.keep_letter(recipient, "inbox", message_id, stamped)
                self.world.note(
                    "mail.to_customer", recipient, message_id=message_id, sender=sender, size=len(raw), letter=seq
                )
        return "250 2.0.0 Kept"

    def _stamp(self, sender: str, recipient: str, session: SmtpSession) -> bytes:
        """What a server that takes a letter in writes above it (RFC 5321 4.4)."""
        helo = re.sub(r"[^\w.\-\[\]:]", "", str(session.host_name or "unknown"))[:100]
        peer = session.peer[0] if session.peer else "unknown"
        lines = (
            f"Return-Path: <{sender}>",
            f"Delivered-To: {recipient}",
            f"Received: from {helo} ([{peer}]) by mail.sandbox.example with ESMTP; "
            f"{formatdate(self.world.now() / 1000)}",
        )
        return "".join(f"{line}\r\n" for line in lines).encode("utf-8")

    async def write(
        self, sender: str, name: str, subject: str, text: str, in_reply_to: str = "", recipient: str = ""
    ) -> Row:
        """A virtual customer writes a letter; it leaves over SMTP like anybody's. Returns the letter in their
        *sent* folder. Raises ``ValueError`` for what cannot be written."""
        answered = self.world.letter_by_id(sender, in_reply_to) if in_reply_to else None
        refers_to = letters.references(answered["raw"]) if answered else ((in_reply_to,) if in_reply_to else ())
        message_id = f"<{self._new_id()}@{sender.rpartition('@')[2]}>"
        recipient = recipient or self.hub_address
        raw = letters.write(
            letters.Draft(sender, name, recipient, subject, text, message_id, self.world.now(), refers_to)
        )
        try:
            await aiosmtplib.send(
                raw, hostname="127.0.0.1", port=self.port, sender=sender, recipients=[recipient], timeout=60
            )
        except aiosmtplib.SMTPException as error:
            raise ValueError(f"The mail server did not take it: {error}") from error
        seq = self.world.keep_letter(sender, "sent", message_id, raw)
        letter = self.world.letter(sender, seq)
        assert letter is not None
        return letter
