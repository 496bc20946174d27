"""Mail: through the SMTP server into the hub's mailbox, whose watcher is woken; and back to the customer."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import aioimaplib
import aiosmtplib
import pytest

from contact_center.sandbox.mail import letters
from tests.sandbox.conftest import MAIL_PASSWORD, Sandbox, started
from tests.sandbox.fake_hub import WITHIN_S

HUB = "support@hub.example"
LENA = "lena.fischer@example.org"


@contextlib.asynccontextmanager
async def mailbox(sandbox: Sandbox) -> AsyncIterator[aioimaplib.IMAP4]:
    client = aioimaplib.IMAP4("127.0.0.1", sandbox.imap, timeout=WITHIN_S)
    await client.wait_hello_from_server()
    assert (await client.login(HUB, MAIL_PASSWORD)).result == "OK"
    assert (await client.select("INBOX")).result == "OK"
    yield client
    await client.logout()


async def fetch(client: aioimaplib.IMAP4, uid: int) -> EmailMessage:
    answer = await client.uid("fetch", str(uid), "(BODY.PEEK[])")
    raw = next(bytes(line) for line in answer.lines if isinstance(line, bytearray))
    letter = message_from_bytes(raw, policy=policy.default)
    assert isinstance(letter, EmailMessage)
    return letter


async def uids(client: aioimaplib.IMAP4) -> list[int]:
    answer = await client.uid_search("ALL")
    return [int(uid) for uid in answer.lines[0].split()]


async def test_a_letter_wakes_whoever_idles_on_the_hubs_mailbox(sandbox: Sandbox) -> None:
    async with mailbox(sandbox) as client:
        idle = await client.idle_start(timeout=WITHIN_S)
        async with asyncio.timeout(WITHIN_S):
            written = await sandbox.post(
                "/mail", **{"from": LENA, "name": "Léna Fischer", "subject": "Größe 漏水", "text": "Hello\n你好"}
            )
            pushed = await client.wait_server_push()
        client.idle_done()
        await asyncio.wait_for(idle, WITHIN_S)
        assert any(line.endswith(b"EXISTS") for line in pushed)
        letter = await fetch(client, (await uids(client))[-1])
    assert letter["Message-ID"] == written["message_id"]
    assert letter["From"] == f"Léna Fischer <{LENA}>"
    assert letter["Subject"] == "Größe 漏水"
    assert letter["Return-Path"] == f"<{LENA}>"
    assert letter["In-Reply-To"] is None
    assert letter.get_content().replace("\r\n", "\n") == "Hello\n你好\n"


async def test_a_reply_refers_to_what_it_answers_and_to_everything_before(sandbox: Sandbox) -> None:
    first = await sandbox.post("/mail", **{"from": LENA, "subject": "Leak", "text": "It leaks."})
    answer = letters.write(
        letters.Draft(HUB, "Support", LENA, "Re: Leak", "We come.", "<a@hub.example>", 0, (first["message_id"],))
    )
    await aiosmtplib.send(
        answer,
        hostname="127.0.0.1",
        port=sandbox.smtp,
        sender=HUB,
        recipients=[LENA],
        username=HUB,
        password=MAIL_PASSWORD,
        start_tls=False,
    )
    [received] = (await sandbox.get("/mail", to=LENA, wait_ms=60_000))["items"]
    assert (received["subject"], received["text"]) == ("Re: Leak", "We come.")
    await sandbox.post(
        "/mail",
        **{"from": LENA, "subject": "Re: Leak", "text": "Thanks!", "in_reply_to": received["message_id"]},
    )
    async with mailbox(sandbox) as client:
        letter = await fetch(client, (await uids(client))[-1])
    assert letter["In-Reply-To"] == "<a@hub.example>"
    assert letter["References"] == f"{first['message_id']} <a@hub.example>"


async def test_mailboxes_flags_and_uids_survive_a_restart(tmp_path: Path) -> None:
    async with started("http://127.0.0.1:9", tmp_path) as before:
        for number in range(3):
            await before.post("/mail", **{"from": LENA, "subject": f"letter {number}", "text": "x"})
        async with mailbox(before) as client:
            kept, deleted, moved = await uids(client)
            await client.uid("store", str(kept), "+FLAGS", "(\\Seen)")
            await client.create("Done")
            assert (await client.uid("move", str(moved), "Done")).result == "OK"
            await client.uid("store", str(deleted), "+FLAGS", "(\\Deleted)")
            await client.expunge()
            validity = (await client.status("INBOX", "(UIDVALIDITY UIDNEXT)")).lines[0]
    async with started("http://127.0.0.1:9", tmp_path) as after, mailbox(after) as client:
        assert (await client.status("INBOX", "(UIDVALIDITY UIDNEXT)")).lines[0] == validity
        assert await uids(client) == [kept]
        flags = await client.uid("fetch", str(kept), "(FLAGS)")
        assert b"\\Seen" in flags.lines[0]
        assert (await fetch(client, kept))["Subject"] == "letter 0"
        await client.select("Done")
        [there] = await uids(client)
        assert (await fetch(client, there))["Subject"] == "letter 2"
        assert len((await after.get("/ledger", kind="mail.to_hub"))["items"]) == 3


async def test_a_wrong_password_opens_neither_door(sandbox: Sandbox) -> None:
    client = aioimaplib.IMAP4("127.0.0.1", sandbox.imap, timeout=WITHIN_S)
    await client.wait_hello_from_server()
    assert (await client.login(HUB, "guess")).result == "NO"
    await client.logout()
    smtp = aiosmtplib.SMTP(hostname="127.0.0.1", port=sandbox.smtp, start_tls=False)
    await smtp.connect()
    with pytest.raises(aiosmtplib.SMTPAuthenticationError):
        await smtp.login(HUB, "guess")
    await smtp.quit()


async def test_html_is_shown_without_what_could_run_or_be_fetched(sandbox: Sandbox) -> None:
    letter = EmailMessage()
    letter["From"], letter["To"], letter["Subject"] = HUB, LENA, "html"
    letter.set_content("plain")
    letter.add_alternative(
        '<p onclick="x()">Hello <b>you</b><script>alert(1)</script><img src="http://t.example/p.gif">'
        '<a href="javascript:alert(1)">x</a></p>',
        subtype="html",
    )
    letter.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename="../../bill.pdf")
    await aiosmtplib.send(letter, hostname="127.0.0.1", port=sandbox.smtp, start_tls=False)
    [shown] = (await sandbox.get("/mail", to=LENA, wait_ms=60_000))["items"]
    assert "Hello <b>you</b>" in shown["html"]
    assert not any(word in shown["html"] for word in ("script", "onclick", "img", "t.example"))
    assert shown["attachments"] == [{"name": "../../bill.pdf", "media_type": "application/pdf", "size": 4}]


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x00\xff\xfe",
        b"Content-Type: text/plain; charset=x-no-such\r\n\r\n\xff\xfehello",
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n",
        b"From: =?utf-8?b?////?= <<>>, , @\r\nSubject: =?x?y?z?=\r\n\r\nbody",
        b"Message-ID: <[\r\nReferences: " + b"<a@b> " * 400 + b"\r\n\r\nbody",
        b"Content-Type: text/html\r\n\r\n" + b"<" * 5_000,
    ],
)
def test_whatever_the_bytes_are_a_letter_is_shown(raw: bytes) -> None:
    shown = letters.read(raw)
    assert isinstance(shown["text"], str)
    assert len(letters.references(raw)) <= 22
