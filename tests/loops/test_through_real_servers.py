"""The same two hubs, each with a real IMAP mailbox and a real SMTP relay, and the bad program between the relays."""

from __future__ import annotations

import asyncio
import email
import shutil
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from urllib.parse import quote

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session

from contact_center.domain.events import MessageReceived
from tests.channels.email.servers import PASSWORD, USER, ImapServer, SmtpServer
from tests.hub import TestHub, open_test_hub
from tests.loops.test_two_hubs import configured


class BadRelay(SmtpServer):
    """Takes a hub's mail and lays it into the other's mailbox, from a new address every time and with no header that
    says where it comes from or that no person wrote it."""

    def __init__(self, to: ImapServer, address: str) -> None:
        super().__init__()
        self.to, self.address, self.carried = to, address, 0

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        assert isinstance(envelope.original_content, bytes)
        letter = email.message_from_bytes(envelope.original_content)
        content = letter.get_payload(decode=True)
        assert isinstance(content, bytes)
        self.carried += 1
        sender = f"ticket-{id(self) % 97}-{self.carried}@crm.example"
        raw = written(sender, self.address, f"Re: {letter['Subject']}", content.decode())
        await asyncio.to_thread(self.to.put, raw)
        return "250 OK queued"


def written(sender: str, to: str, subject: str, text: str) -> bytes:
    made = EmailMessage()
    made["From"], made["To"], made["Subject"] = sender, to, subject
    made["Message-ID"] = f"<{abs(hash((sender, text)))}@crm.example>"
    made.set_content(text)
    return bytes(made)


@pytest.fixture
def mailboxes(tmp_path: Path) -> Iterator[dict[str, ImapServer]]:
    made = {name: ImapServer(tmp_path / name) for name in ("a", "b")}
    for server in made.values():
        server.start()
    yield made
    for server in made.values():
        server.stop()


def reachable(imap: ImapServer, smtp: SmtpServer, address: str) -> dict[str, str]:
    return {
        "email_address": address,
        "email_imap_url": f"imap://{USER}:{quote(PASSWORD, safe='')}@127.0.0.1:{imap.port}",
        "email_smtp_url": smtp.url,
        "email_import_existing": "1",
    }


async def received(hub: TestHub) -> int:
    return sum(isinstance(event.body, MessageReceived) for event in await hub.log())


async def test_two_hubs_behind_bad_relays_stop_after_three_letters(
    tmp_path: Path, sqlite_template: Path, mailboxes: dict[str, ImapServer]
) -> None:
    relays = {
        "a": BadRelay(mailboxes["b"], "support@b.example"),
        "b": BadRelay(mailboxes["a"], "support@a.example"),
    }
    urls = {}
    for name, relay in relays.items():
        await relay.start()
        shutil.copy(sqlite_template, tmp_path / name / "hub.db")
        urls[name] = f"sqlite:///{tmp_path / name}/hub.db"
    outside = {name: reachable(mailboxes[name], relays[name], f"support@{name}.example") for name in relays}
    async with (
        open_test_hub(urls["a"], tmp_path / "a", config=configured("a"), environment=outside["a"]) as one,
        open_test_hub(urls["b"], tmp_path / "b", config=configured("b"), environment=outside["b"]) as two,
    ):
        question = written("lena@customer.example", "support@a.example", "A lamp", "My lamp is broken.")
        await asyncio.to_thread(mailboxes["a"].put, question)

        async def quiet() -> bool:
            """Everything that was written has left, and everything that left was taken in. What a letter has them
            write is there as soon as the letter is, so it is looked for afterwards."""
            known = await received(one) + await received(two)
            rows = [row for hub in (one, two) for row in await hub.rows("outbox")]
            carried = sum(relay.carried for relay in relays.values())
            return bool(carried) and known == carried + 1 and all(row["state"] == "accepted" for row in rows)

        try:
            await one.eventually(quiet, "both to have nothing more to say")
        finally:
            for relay in relays.values():
                await relay.stop()
        assert sum(relay.carried for relay in relays.values()) == 3
        for hub in (one, two):
            assert len(await hub.rows("cases")) <= 2
