"""A letter goes out once, and we know whether it did."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from random import Random
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult

from channels.contract import Context, NotSent, Outgoing, Rejected, Retry, Uncertain
from channels.email.channel import EmailChannel
from channels.email.send import Patience
from contact_center.domain.contact_points import ContactPoint
from tests.channels.email.servers import SmtpServer, server_context
from tests.channels.email.test_compose import ORDER
from tests.servers.ports import free_port

PATIENCE = Patience(connect=60, command=60, data=60)


def channel_of(url: str, **more: Any) -> EmailChannel:
    box = {"address": "support@hub.test", "imap_url": "imap://127.0.0.1", "smtp_url": url, **more}
    context = Context("email", "https://hub.test", {}, {"mailboxes": [box]}, b"s" * 32)
    return EmailChannel(context, patience=PATIENCE)


@pytest.fixture
async def server() -> AsyncIterator[SmtpServer]:
    server = SmtpServer()
    await server.start()
    yield server
    await server.stop()


async def failure(sending: Any) -> NotSent:
    with pytest.raises(NotSent) as caught:
        await sending
    return caught.value


async def test_a_reply_arrives_at_a_real_server_for_its_one_recipient(server: SmtpServer) -> None:
    sent = await channel_of(server.url).send(ORDER)
    (received,) = server.received
    assert (received.sender, received.recipients) == ("support@hub.test", ["mei@example.com"])
    assert f"Message-ID: {sent.provider_id}\r\n".encode() in received.data
    assert sent.state == "accepted"


async def test_every_attempt_sends_the_same_bytes(server: SmtpServer) -> None:
    channel = channel_of(server.url)
    await channel.send(ORDER)
    await channel.send(replace(ORDER, attempt=2))
    assert server.received[0] == server.received[1]


async def test_a_text_made_to_end_the_message_is_one_message(server: SmtpServer) -> None:
    text = "a\n.\nMAIL FROM:<x@y>\n\r.\r\n.\r\nRCPT TO:<evil@x.com>\r.\r\r\n.\n\n"
    await channel_of(server.url).send(replace(ORDER, text=text))
    assert len(server.received) == 1
    assert server.received[0].recipients == ["mei@example.com"]


async def test_a_two_hundred_letter_name_adds_no_recipient(server: SmtpServer) -> None:
    await channel_of(server.url).send(replace(ORDER, recipient_name="<evil@x.com>, " + "b" * 200))
    assert server.received[0].recipients == ["mei@example.com"]


async def test_the_mailbox_of_the_sender_sends(server: SmtpServer) -> None:
    boxes = [
        {"address": "support@hub.test", "imap_url": "imap://127.0.0.1", "smtp_url": "smtp://127.0.0.1:1"},
        {
            "address": "sales@hub.test",
            "aliases": ["orders@hub.test"],
            "imap_url": "imap://127.0.0.1",
            "smtp_url": server.url,
        },
    ]
    channel = EmailChannel(Context("email", "x", {}, {"mailboxes": boxes}, b"s" * 32), patience=PATIENCE)
    await channel.send(replace(ORDER, sender=ContactPoint("email", "orders@hub.test")))
    assert server.received[0].sender == "sales@hub.test"
    stranger = replace(ORDER, sender=ContactPoint("email", "boss@elsewhere.test"))
    assert isinstance(await failure(channel.send(stranger)), Rejected)


@pytest.mark.parametrize("verb", ["connect", "hang_up"])
async def test_what_is_no_message_is_refused(server: SmtpServer, verb: str) -> None:
    order: Outgoing = replace(ORDER, verb=verb)  # type: ignore[arg-type]
    assert isinstance(await failure(channel_of(server.url).send(order)), Rejected)


# --- what may go wrong, and whether it went out --------------------------------------------------------------


async def test_a_server_that_is_not_there_is_tried_again() -> None:
    refused = await failure(channel_of(f"smtp://127.0.0.1:{free_port()}").send(ORDER))
    assert isinstance(refused, Retry)
    assert "can't be reached" in refused.reason


@pytest.mark.parametrize(
    "answer, outcome",
    [
        ("450 4.2.1 greylisted, come back", Retry),
        ("421 4.3.2 shutting down", Retry),
        ("550 5.1.1 no such user", Rejected),
        ("552 5.2.2 mailbox full", Rejected),
    ],
)
async def test_an_answer_to_the_recipient_is_final_or_not(
    server: SmtpServer, answer: str, outcome: type[NotSent]
) -> None:
    server.refuse_recipient = answer
    refused = await failure(channel_of(server.url).send(ORDER))
    assert type(refused) is outcome
    assert answer[4:] in refused.reason
    assert server.received == []


def _says(answer: str) -> Callable[[SMTP], str | None]:
    return lambda _: answer


@pytest.mark.parametrize(
    "answer, outcome",
    [("451 4.3.0 try later", Retry), ("554 5.7.1 looks like spam", Rejected), ("421 4.3.2 closing", Retry)],
)
async def test_an_answer_to_the_message_is_final_or_not(
    server: SmtpServer, answer: str, outcome: type[NotSent]
) -> None:
    server.on_data = _says(answer)
    assert type(await failure(channel_of(server.url).send(ORDER))) is outcome


async def test_a_server_that_dies_after_it_has_the_message_leaves_us_uncertain(server: SmtpServer) -> None:
    def die(smtp: SMTP) -> None:
        server.received.append(None)  # type: ignore[arg-type]
        smtp.transport.abort()

    server.on_data = die
    assert isinstance(await failure(channel_of(server.url).send(ORDER)), Uncertain)
    assert server.received[0] is None, "it did have the message"


@asynccontextmanager
async def scripted(*lines: bytes, then: str) -> AsyncIterator[int]:
    """A port that answers each line in turn, and then is ``silent`` or ``closes``."""
    conversations: set[asyncio.Task[None]] = set()

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            writer.write(lines[0])
            for line in lines[1:]:
                await reader.readline()
                writer.write(line)
            await (reader.read() if then == "silent" else reader.readline())
        finally:
            writer.transport.abort()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        conversations.add(asyncio.create_task(converse(reader, writer)))

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()
        for conversation in conversations:
            conversation.cancel()
        await asyncio.gather(*conversations, return_exceptions=True)


CONVERSATION = (b"220 hi\r\n", b"250 hello\r\n", b"250 sender\r\n", b"250 rcpt\r\n", b"354 go\r\n")


@pytest.mark.parametrize("then", ["silent", "closes"])
@pytest.mark.parametrize("said", range(1, 6))
async def test_whatever_the_moment_of_silence_we_know_what_may_have_happened(then: str, said: int) -> None:
    async with scripted(*CONVERSATION[:said], then=then) as port:
        box = {"address": "support@hub.test", "imap_url": "imap://127.0.0.1"}
        box["smtp_url"] = f"smtp://127.0.0.1:{port}"
        context = Context("email", "x", {}, {"mailboxes": [box]}, b"s" * 32)
        # Only the silence that is meant may be one: a busy machine's hesitation before it would be another answer.
        patience = Patience(0.5, 0.5, 0.5) if said < 5 else replace(PATIENCE, data=0.5)
        lost = await failure(EmailChannel(context, patience=patience).send(ORDER))
    # before the server asks for the letter, it cannot have it
    assert type(lost) is (Retry if said < 5 else Uncertain)


# --- what not every server can do ----------------------------------------------------------------------------


async def test_an_address_of_another_script_goes_only_where_it_is_understood() -> None:
    order = replace(ORDER, recipient=ContactPoint("email", "美丽@例子.测试"))
    able, unable = SmtpServer(), SmtpServer(options={"enable_SMTPUTF8": False})
    await able.start()
    await unable.start()
    try:
        await channel_of(able.url).send(order)
        (received,) = able.received
        assert received.recipients == ["美丽@xn--fsqu00a.xn--0zwm56d"]
        refused = await failure(channel_of(unable.url).send(order))
        assert type(refused) is Rejected
        assert "before the @" in refused.reason
        assert unable.received == []
    finally:
        await able.stop()
        await unable.stop()


async def test_a_domain_of_another_script_goes_anywhere(server: SmtpServer) -> None:
    server.options["enable_SMTPUTF8"] = False
    await channel_of(server.url).send(replace(ORDER, recipient=ContactPoint("email", "mei@bücher.example")))
    assert server.received[0].recipients == ["mei@xn--bcher-kva.example"]
    assert b"To: =?utf-8?" not in server.received[0].data
    assert b"<mei@xn--bcher-kva.example>" in server.received[0].data


async def test_a_letter_that_is_too_large_for_the_server_is_not_even_begun() -> None:
    server = SmtpServer(options={"data_size_limit": 1_000})
    await server.start()
    try:
        refused = await failure(channel_of(server.url).send(replace(ORDER, text="x" * 2_000)))
        assert type(refused) is Rejected
        assert "takes 0.0 MB" in refused.reason
    finally:
        await server.stop()


async def test_what_nobody_wrote_leaves_without_a_return_address(server: SmtpServer) -> None:
    await channel_of(server.url).send(replace(ORDER, automatic=True))
    (received,) = server.received
    assert received.sender.strip("<>") == ""
    assert b"Auto-Submitted: auto-replied\r\n" in received.data


async def test_prepared_bytes_leave_as_they_are_whatever_the_order_says(server: SmtpServer) -> None:
    channel = channel_of(server.url)
    prepared = channel.prepare(ORDER)
    later = replace(ORDER, text="something else", subject="else", prepared=prepared)
    other = channel_of(server.url, name="Another name")
    sent = await other.send(replace(later, recipient=ContactPoint("email", "tom@example.com")))
    assert (server.received[0].data, server.received[0].recipients) == (prepared, ["tom@example.com"])
    assert f"Message-ID: {sent.provider_id}\r\n".encode() in prepared


async def test_words_that_end_a_message_end_none(server: SmtpServer) -> None:
    """SMTP smuggling: whatever mixture of line ends and dots somebody writes, it is one message and arrives whole."""
    pieces = [
        "\n",
        "\r",
        "\r\n",
        ".",
        "..",
        "\n.\n",
        "\r\n.\r\n",
        "\n.\r\n",
        "MAIL FROM:<x@y>",
        "DATA",
        "QUIT",
        "a",
        "文",
    ]
    random = Random(4711)
    channel = channel_of(server.url)
    for number in range(40):
        text = "".join(random.choices(pieces, k=random.randrange(1, 30)))
        html = f"<p>{text}</p>" if number % 3 == 0 else ""
        await channel.send(replace(ORDER, outbox_id=f"o{number}", text=text, html=html))
        assert len(server.received) == number + 1
        received = server.received[-1]
        assert received.recipients == ["mei@example.com"]
        message = message_from_bytes(received.data, policy=default)
        part = message.get_body(("plain",))  # type: ignore[attr-defined]
        arrived = re.split(r"\r\n|\r|\n", part.get_content())
        assert "\n".join(arrived).rstrip("\n") == "\n".join(re.split(r"\r\n|\r|\n", text)).rstrip("\n")


async def test_a_server_that_shuts_down_in_the_middle_of_the_letter_has_not_taken_it() -> None:
    async with scripted(*CONVERSATION, b"421 4.3.2 shutting down\r\n", then="closes") as port:
        shut = await failure(channel_of(f"smtp://127.0.0.1:{port}").send(replace(ORDER, text="x" * 50_000)))
    assert type(shut) is Retry
    assert "421" in shut.reason


@pytest.mark.parametrize("code", [530, 535, 538])
async def test_a_server_that_wants_a_login_keeps_the_letter_waiting(code: int) -> None:
    async with scripted(*CONVERSATION[:2], f"{code} 5.7.0 log in first\r\n".encode(), then="closes") as port:
        assert type(await failure(channel_of(f"smtp://127.0.0.1:{port}").send(ORDER))) is Retry


# --- TLS and logins ------------------------------------------------------------------------------------------


@pytest.fixture
async def secure(certificate: Path) -> AsyncIterator[SmtpServer]:
    def login(_: object, __: object, ___: object, ____: str, data: Any) -> AuthResult:
        return AuthResult(success=(data.login, data.password) == (b"u", b"p w"), handled=False)

    options = {"tls_context": server_context(certificate), "require_starttls": True, "authenticator": login}
    server = SmtpServer(options=options)
    await server.start()
    yield server
    await server.stop()


def _url(server: SmtpServer, certificate: Path, password: str = "p%20w") -> str:
    return f"smtp://u:{password}@127.0.0.1:{server.port}?starttls=1&ca={certificate}/cert.pem"


async def test_it_logs_in_over_starttls(secure: SmtpServer, certificate: Path) -> None:
    await channel_of(_url(secure, certificate)).send(ORDER)
    assert len(secure.received) == 1


async def test_a_wrong_password_keeps_the_letter_for_when_it_is_mended(secure: SmtpServer, certificate: Path) -> None:
    refused = await failure(channel_of(_url(secure, certificate, "wrong")).send(ORDER))
    assert isinstance(refused, Retry)
    assert "refuses the login" in refused.reason
    assert "wrong" not in refused.reason


async def test_a_certificate_that_nobody_vouches_for_is_not_trusted(secure: SmtpServer) -> None:
    url = f"smtp://u:p@127.0.0.1:{secure.port}?starttls=1"
    refused = await failure(channel_of(url).send(ORDER))
    assert isinstance(refused, Retry)
    assert "certificate" in refused.reason.lower()
    assert secure.received == []


async def test_where_starttls_was_stripped_nothing_is_said(server: SmtpServer) -> None:
    """A man in the middle hides STARTTLS: no password and no letter goes over the plain road."""
    refused = await failure(channel_of(f"smtp://u:p@127.0.0.1:{server.port}?starttls=1").send(ORDER))
    assert isinstance(refused, Retry)
    assert server.received == []
