"""Mail for tests of what becomes of it: real bytes, through the real parser and the real tokens, with no server."""

from __future__ import annotations

import email
from dataclasses import dataclass, field
from email.message import EmailMessage, Message
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, select

from channels.contract import Answer, Context, Outgoing, Request, Sent
from channels.email.channel import EmailChannel
from contact_center.bootstrap import secret_of
from contact_center.delivery.settle import record_outcome
from contact_center.domain.events import InteractionEvent, MessageReceived
from contact_center.domain.occasion import Occasion
from contact_center.domain.time import HOUR
from contact_center.storage import outbox, schema
from tests.hub import TestHub

OURS = "support@hub.example"
SERVER = "mx.hub.example"


@dataclass
class Post:
    """What arrives at ``hub`` by mail, and what leaves it, as bytes. The mail server says of every sender whether
    they are who they claim to be (``vouched``)."""

    hub: TestHub
    folder: Path
    address: str = OURS
    channel: EmailChannel = field(init=False)
    number: int = 0

    def __post_init__(self) -> None:
        servers = {"email_imap_url": "imap://u:p@127.0.0.1:9", "email_smtp_url": "smtp://127.0.0.1:9"}
        given = {"email_address": self.address, "email_trusted_authserv": SERVER, **servers}
        self.channel = EmailChannel(Context("email", self.hub.url, given, {}, secret_of(self.folder)))

    async def comes(self, sender: str, text: str, **more: Any) -> Answer:
        """A letter from ``sender``; what became of it."""
        (answer,) = await self.arrives(self.written(sender, text, **more))
        return answer

    async def arrives(self, raw: bytes) -> list[Answer]:
        parsed = self.channel.parse(Request("POST", "", "", "", {}, raw), self.hub.clock.now)
        return list(await self.hub.runtime.doors["email"].take_in(parsed))

    def written(
        self,
        sender: str,
        text: str,
        *,
        subject: str = "A letter",
        answers: str = "",
        message_id: str = "",
        name: str = "",
        vouched: bool = True,
        **headers: str,
    ) -> bytes:
        """``answers`` is a Message-ID. Further headers have ``_`` for ``-``: ``Reply_To``."""
        self.number += 1
        made = EmailMessage()
        made["Authentication-Results"] = _found(sender, vouched)
        made["From"] = f'"{name}" <{sender}>' if name else sender
        made["To"] = self.address
        made["Subject"] = subject
        made["Message-ID"] = message_id or f"<{self.number}.{self.hub.clock.now}@{sender.partition('@')[2]}>"
        if answers:
            made["In-Reply-To"] = answers
        for header, value in headers.items():
            made[header.replace("_", "-")] = value
        made.set_content(text)
        return bytes(made)

    async def sent(self) -> list[Outgoing]:
        """Every letter that is in the outbox or was, oldest first."""
        return await self.hub.read(_letters)

    async def automatic(self) -> list[Message]:
        """What the hub wrote by itself, as it leaves the house."""
        return [self.bytes_of(each) for each in await self.sent() if each.automatic]

    def bytes_of(self, message: Outgoing) -> Message:
        return email.message_from_bytes(self.channel.prepare(message))

    async def our_id(self, interaction_id: str) -> str:
        """The Message-ID of our last letter in the interaction."""
        ours = [each for each in await self.sent() if each.interaction_id == interaction_id]
        return str(self.bytes_of(ours[-1])["Message-ID"])

    async def leave(self) -> None:
        """Everything that is in the outbox is taken by the next server on its way, as the postman writes it down."""

        def left(conn: Connection) -> None:
            on = Occasion(self.hub.clock.now + HOUR, self.hub.clock.new_id)
            wanted = [each.outbox_id for each in _letters(conn)]
            for row in outbox.lease(conn, on.now, on.now + HOUR, "test", wanted):
                message_id = str(self.bytes_of(row.message)["Message-ID"])
                record_outcome(conn, on, row, "accepted", sent=Sent(message_id))

        await self.hub.write(left)

    async def bounces(
        self, message_id: str, *recipients: str, action: str = "failed", status: str = "5.1.1", **headers: str
    ) -> list[Answer]:
        """A mail server far away says what became of our letter ``message_id`` for ``recipients`` (RFC 3464)."""
        about = "".join(
            f"\r\nFinal-Recipient: rfc822; {each}\r\nAction: {action}\r\nStatus: {status}\r\n"
            f"Diagnostic-Code: smtp; {'5' if action == 'failed' else '4'}50 no such user here\r\n"
            for each in recipients
        )
        more = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self.number += 1
        raw = (
            f"From: MAILER-DAEMON@mx.customer.example\r\nTo: {self.address}\r\nSubject: Undelivered\r\n{more}"
            f"Message-ID: <bounce{self.number}@mx.customer.example>\r\nMIME-Version: 1.0\r\n"
            'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
            "--b\r\nContent-Type: text/plain\r\n\r\nIt could not be delivered.\r\n"
            "--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.customer.example\r\n"
            f"{about}\r\n--b\r\nContent-Type: text/rfc822-headers\r\n\r\n"
            f"Message-ID: {message_id}\r\nSubject: A letter\r\n\r\n--b--\r\n"
        )
        return await self.arrives(raw.encode())

    async def received(self, interaction_id: str) -> list[InteractionEvent]:
        return [e for e in await self.hub.log(interaction_id) if isinstance(e.body, MessageReceived)]


def _found(sender: str, vouched: bool) -> str:
    domain = sender.partition("@")[2]
    return f"{SERVER}; dmarc={'pass' if vouched else 'fail'} header.from={domain}"


def _letters(conn: Connection) -> list[Outgoing]:
    rows = conn.execute(select(schema.outbox).where(schema.outbox.c.verb == "message").order_by(schema.outbox.c.id))
    return [outbox._message(row) for row in rows]


def words(event: InteractionEvent) -> MessageReceived:
    assert isinstance(event.body, MessageReceived)
    return event.body
