"""What people of ours write with other mail programs is found in the folder of sent mail, and nothing else there."""

from __future__ import annotations

import imaplib
import time
from email.message import EmailMessage

import pytest

from channels.email.parse import Recipient, parse_message
from channels.email.sent_folder import written_elsewhere
from channels.email.tokens import Tokens, proven
from contact_center.domain.events import InteractionEvent, MessageReceived, MessageSent
from tests.channels.email.scripted_imap import ScriptedImap
from tests.channels.email.servers import ANSWERS_WITHIN_S, PASSWORD, USER, ImapServer, MailServer
from tests.channels.email.test_fetch import box, box_of, channel_of, listening, mail, scripted, server
from tests.channels.fake_hub import FakeHub

__all__ = ["scripted", "server"]

TOKENS = Tokens(b"s" * 32)
HERE = Recipient(
    "email", ("support@hub.test",), frozenset({"support@hub.test", "sales@hub.test"}), "", TOKENS.instance
)
NOW = 1_795_000_000_000
INTERACTION = "0" * 31 + "1"


def letter(**headers: str) -> bytes:
    message = EmailMessage()
    given = {
        "From": "Support <support@hub.test>",
        "To": "Mei <mei@example.com>",
        "Message-ID": "<outlook-1@hub.test>",
        "Date": "Sat, 21 Nov 2026 10:00:00 +0000",
        "Subject": "Your parcel 包裹",
    }
    for name, value in {**given, **{name.replace("_", "-"): value for name, value in headers.items()}}.items():
        if value:
            message[name] = value
    message.set_content("It leaves tomorrow. 明天寄出。")
    return message.as_bytes()


def understood(raw: bytes) -> InteractionEvent | None:
    parsed = written_elsewhere(proven(parse_message(raw, HERE, NOW), TOKENS), TOKENS)
    if parsed is None:
        return None
    (event,) = parsed.events
    return event


def test_a_letter_written_elsewhere_is_ours_to_the_customer() -> None:
    ours = TOKENS.message_id(INTERACTION, "outbox-1", "hub.test")
    raw = letter(Cc="jo@example.org, sales@hub.test", References=f"<q@example.com> {ours}", In_Reply_To=ours)
    event = understood(raw)
    assert event is not None
    body = event.body
    assert isinstance(body, MessageSent)
    assert (body.text.strip(), body.subject, body.elsewhere) == (
        "It leaves tomorrow. 明天寄出。",
        "Your parcel 包裹",
        True,
    )
    assert (body.to, body.cc, body.automatic, body.outbox_id) == (
        ("mei@example.com",),
        ("jo@example.org",),
        False,
        "",
    )
    assert event.sender is not None
    assert event.dialled is not None
    assert (event.sender.value, event.dialled.value) == ("mei@example.com", "support@hub.test")
    assert (event.direction, event.actor.kind) == ("outbound", "agent")
    assert event.thread.ours == (INTERACTION,)
    assert event.thread.references == ("<outlook-1@hub.test>", "<q@example.com>", ours)
    assert event.occurred_at <= event.received_at == NOW
    received = parse_message(raw, HERE, NOW).events[0]
    assert isinstance(received.body, MessageReceived)
    assert event.source_id == received.source_id, "an import of the same mail knows it again"


@pytest.mark.parametrize(
    "headers",
    [
        {"X_CCH_Instance": TOKENS.instance},
        {"Message_ID": TOKENS.message_id(INTERACTION, "outbox-1", "hub.test")},
        {"To": "sales@hub.test"},
        {"To": ""},
        {"X_Uniform_Type_Identifier": "com.apple.mail-note"},
    ],
)
def test_what_is_no_letter_of_somebody_elses_program_is_nothing(headers: dict[str, str]) -> None:
    assert understood(letter(**headers)) is None


def test_the_mark_of_another_installation_is_another_program() -> None:
    other = Tokens(b"o" * 32)
    event = understood(
        letter(X_CCH_Instance=other.instance, Message_ID=other.message_id(INTERACTION, "o", "hub.test"))
    )
    assert event is not None


def test_who_was_written_to_in_copy_alone_is_the_customer() -> None:
    event = understood(letter(To="", Cc="mei@example.com"))
    assert event is not None
    assert event.sender is not None
    assert event.sender.value == "mei@example.com"


def file_in(server: MailServer, folder: str, raw: bytes, flags: str = "") -> None:
    with imaplib.IMAP4("127.0.0.1", server.port, timeout=ANSWERS_WITHIN_S) as client:
        client.login(USER, PASSWORD)
        if client.select(folder)[0] != "OK":
            client.create(folder)
        answer, said = client.append(folder, flags, imaplib.Time2Internaldate(time.time()), raw)
        assert answer == "OK", said


async def test_what_was_put_aside_out_of_the_folder_is_still_ours_when_it_is_tried_again(
    scripted: ScriptedImap,
) -> None:
    scripted.folders["Sent"] = {}
    hub, channel = FakeHub(), channel_of(box_of(scripted, sent_folder="Sent"))
    async with listening(channel, hub):
        await hub.expect(lambda h: len(h.memory) == 2)
        scripted.folders["Sent"][1] = b"no message at all"
        scripted.drop()
        await hub.expect(lambda h: h.quarantined)
        name = hub.quarantined[0].source_id
        again = await channel.parse_again(letter(), name, NOW)
        nothing = await channel.parse_again(letter(To="support@hub.test"), name, NOW)
    assert name.startswith("support@hub.test|sent sha256 ")
    assert [event.kind for event in again.events] == ["message.sent"]
    assert nothing.events == ()


async def test_the_folder_is_followed_beside_the_mailbox(server: ImapServer) -> None:
    file_in(server, "Sent", letter(Subject="from before"))
    hub, channel = FakeHub(), channel_of(box(server, sent_folder="Sent"))
    async with listening(channel, hub):
        await hub.expect(lambda h: len(h.memory) == 2)
        file_in(server, "Sent", letter(Subject="unfinished"), r"(\Draft)")
        file_in(server, "Sent", letter(X_CCH_Instance=channel._tokens.instance))
        file_in(server, "Sent", letter(Message_ID="<thunderbird-2@hub.test>"))
        server.put(mail(1))
        await hub.expect(lambda h: len(h.events) == 2)
        assert channel.state() == ("ready", "")
    came, went = sorted(hub.events, key=lambda event: event.direction)
    assert (came.kind, went.kind) == ("message.received", "message.sent")
    assert went.thread.references == ("<thunderbird-2@hub.test>",)


async def test_a_folder_that_is_not_there_is_named_and_the_mailbox_goes_on(scripted: ScriptedImap) -> None:
    scripted.messages = {1: mail(1)}
    hub, channel = FakeHub(), channel_of(box_of(scripted, sent_folder="已发送"))
    async with listening(channel, hub):
        await hub.expect(lambda h: h.events and h.reports and h.reports[-1][0] == "degraded")
        assert "support@hub.test (已发送): The IMAP folder 已发送 can't be opened" in channel.state()[1]
        scripted.folders["&XfJT0ZAB-"] = {}
        await hub.expect(lambda h: h.reports[-1] == ("ready", ""))
        scripted.folders["&XfJT0ZAB-"][1] = letter()
        scripted.drop()
        await hub.expect(lambda h: len(h.events) == 2)
