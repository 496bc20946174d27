"""Mail from a mailbox reaches the hub exactly once, whatever the server, the network or the mail does."""

from __future__ import annotations

import asyncio
import email
import email.policy
import json
import os
import re
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from channels.contract import Busy, Context, Malformed, Parsed
from channels.email.channel import EmailChannel
from channels.email.fetch import Pace
from contact_center.domain.events import MessageReceived
from tests.channels.conformance import event_as_json
from tests.channels.email.scripted_imap import ScriptedImap
from tests.channels.email.servers import PASSWORD, USER, ImapServer, MailServer, SmtpServer, server_context
from tests.channels.email.test_compose import ORDER
from tests.channels.fake_hub import FakeHub

FIXTURES = Path(__file__).parent / "fixtures"
QUICK = Pace(poll=600.0, call=60.0, first_retry=0.05, longest_retry=0.2)
"""Quick to try again, and patient with whoever is slow: a busy machine is no failure. No poll helps a test out."""


def mail(number: int, text: str = "hello", to: str = "support@hub.test") -> bytes:
    return (
        f"From: mei{number}@example.com\r\nTo: {to}\r\nSubject: mail {number}\r\n"
        f"Message-ID: <{number}@example.com>\r\n\r\n{text}\r\n"
    ).encode()


def lf(raw: bytes) -> bytes:
    """A Maildir keeps bare line feeds."""
    return raw.replace(b"\r\n", b"\n")


def subjects(hub: FakeHub) -> list[str]:
    return [event.body.subject for event in hub.events if isinstance(event.body, MessageReceived)]


def channel_of(*mailboxes: dict[str, Any], pace: Pace = QUICK) -> EmailChannel:
    config = {"mailboxes": [{"smtp_url": "smtp://127.0.0.1:1", **mailbox} for mailbox in mailboxes]}
    return EmailChannel(Context("email", "https://hub.test", {}, config, b"s" * 32), pace=pace)


@asynccontextmanager
async def listening(channel: EmailChannel, hub: FakeHub) -> AsyncIterator[None]:
    task = asyncio.create_task(channel.listen(hub))
    try:
        yield
        assert not task.done(), "the listener must never end by itself"
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


# --- a real server -------------------------------------------------------------------------------------------


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ImapServer]:
    server = ImapServer(tmp_path)
    server.start()
    yield server
    server.stop()


def box(server: MailServer, **more: Any) -> dict[str, Any]:
    login = {"imap_url": server.url, "imap_user": USER, "imap_password": PASSWORD}
    return {"address": "support@hub.test", "import_existing": True, **login, **more}


async def test_new_mail_is_seen_through_idle_within_moments(server: ImapServer) -> None:
    hub, channel = FakeHub(), channel_of(box(server))
    async with listening(channel, hub):
        await hub.expect(lambda h: ("ready", "") in h.reports)
        await asyncio.to_thread(server.put, mail(1))
        await hub.expect(lambda h: len(h.events) == 1)
    (event,) = hub.events
    assert event.dialled is not None
    assert (subjects(hub), event.dialled.value) == (["mail 1"], "support@hub.test")
    assert lf(hub.taken[0].raw) == lf(mail(1))


async def test_every_fixture_comes_through_a_real_mailbox_or_is_quarantined(server: ImapServer) -> None:
    raws = [path.read_bytes() for path in sorted(FIXTURES.glob("*.eml"))]
    server.deliver(*raws)
    hub, channel = FakeHub(), channel_of(box(server))
    async with listening(channel, hub):
        await hub.expect(lambda h: len(h.taken) + len(h.quarantined) == len(raws))
    assert_every_fixture_came(hub)


def assert_every_fixture_came(hub: FakeHub) -> None:
    expected = [json.loads(p.read_text()) for p in FIXTURES.glob("*.expected.json")]
    assert len(hub.quarantined) == len([each for each in expected if "refused" in each])
    events = [event for each in expected for event in each.get("events", [])]
    assert sorted(
        (event_as_json(event)["body"].get("text", ""), event.thread.references[-1]) for event in hub.events
    ) == (sorted((event["body"].get("text", ""), event["thread"]["references"][-1]) for event in events))


async def test_what_lay_there_before_the_first_start_is_left_alone_unless_asked_for(server: ImapServer) -> None:
    await asyncio.to_thread(server.put, mail(1), mail(2))
    hub, channel = FakeHub(), channel_of(box(server, import_existing=False))
    async with listening(channel, hub):
        await hub.expect(lambda h: ("ready", "") in h.reports)
        await asyncio.to_thread(server.put, mail(3))
        await hub.expect(lambda h: h.events)
    assert subjects(hub) == ["mail 3"]


async def test_a_restart_goes_on_where_it_was_and_misses_nothing(server: ImapServer) -> None:
    hub = FakeHub()
    async with listening(channel_of(box(server, import_existing=False)), hub):
        await hub.expect(lambda h: ("ready", "") in h.reports)
    await asyncio.to_thread(server.put, mail(1), mail(2))
    async with listening(channel_of(box(server, import_existing=False)), hub):
        await hub.expect(lambda h: len(h.events) == 2)
    assert subjects(hub) == ["mail 1", "mail 2"]
    assert len(hub.deliveries) == 2


async def test_mail_that_a_person_read_first_is_fetched_all_the_same(server: ImapServer) -> None:
    await asyncio.to_thread(server.put, mail(1))
    await asyncio.to_thread(server.read_everything)
    hub = FakeHub()
    async with listening(channel_of(box(server)), hub):
        await hub.expect(lambda h: h.events)
    assert subjects(hub) == ["mail 1"]


async def test_a_server_that_dies_in_idle_and_comes_back_is_found_again(server: ImapServer) -> None:
    hub = FakeHub()
    async with listening(channel_of(box(server)), hub):
        await hub.expect(lambda h: ("ready", "") in h.reports)
        await asyncio.to_thread(server.stop)
        await hub.expect(lambda h: h.reports[-1][0] == "degraded")
        await asyncio.to_thread(server.start)
        await asyncio.to_thread(server.put, mail(1))
        await hub.expect(lambda h: h.events)
        await hub.expect(lambda h: h.reports[-1] == ("ready", ""))
    assert subjects(hub) == ["mail 1"]


async def test_a_changed_uidvalidity_loses_nothing_and_doubles_nothing(server: ImapServer) -> None:
    hub = FakeHub()
    await asyncio.to_thread(server.put, mail(1), mail(2))
    async with listening(channel_of(box(server)), hub):
        await hub.expect(lambda h: len(h.events) == 2)
        await asyncio.to_thread(server.stop)
        server.forget_uids()
        await asyncio.to_thread(server.start)
        await asyncio.to_thread(server.put, mail(3))
        await hub.expect(lambda h: len(h.events) == 3)
    assert sorted(subjects(hub)) == ["mail 1", "mail 2", "mail 3"]
    assert len(hub.deliveries) == 5, "the old ones were shown to the hub again, and it knew them"


async def test_a_wrong_password_is_said_and_not_hammered(server: ImapServer) -> None:
    hub = FakeHub()
    pace = Pace(poll=30, call=60, first_retry=5, longest_retry=300)
    channel = channel_of(box(server, imap_password="wrong"), pace=pace)
    async with listening(channel, hub):
        await hub.expect(lambda h: h.reports)
        state, reason = channel.state()
    assert (state, len(hub.reports)) == ("degraded", 1)
    assert "refuses the login of support" in reason
    assert "wrong" not in reason


async def test_poison_is_put_aside_and_the_next_mail_comes(server: ImapServer) -> None:
    poison = b"From: a@b.example\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\nx\r\n" * 5000
    await asyncio.to_thread(server.put, poison, mail(2))
    hub = FakeHub()
    async with listening(channel_of(box(server)), hub):
        await hub.expect(lambda h: h.events)
    (kept,) = hub.quarantined
    assert kept.reason == "The message has more than 200 parts."
    assert kept.raw.count(b"--b\n") == 5000
    assert subjects(hub) == ["mail 2"]


async def test_what_was_put_aside_is_tried_again_for_its_own_mailbox() -> None:
    boxes = [{"address": f"{name}@hub.test", "imap_url": "imap://127.0.0.1"} for name in ("support", "sales")]
    channel = channel_of(*boxes)
    try:
        parsed = await channel.parse_again(mail(1, to="x@y.example"), "sales@hub.test|sha256 0", 1_795_000_000_000)
        with pytest.raises(Malformed):
            await channel.parse_again(b"nothing", "sales@hub.test|sha256 1", 1_795_000_000_000)
    finally:
        await channel.close()
    (event,) = parsed.events
    assert event.dialled is not None
    assert event.dialled.value == "sales@hub.test"


async def test_a_message_that_the_hub_fails_on_is_put_aside_after_three_tries(server: ImapServer) -> None:
    def fails(parsed: Parsed) -> Exception | None:
        return KeyError("a defect") if b"Subject: mail 1" in parsed.raw else None

    await asyncio.to_thread(server.put, mail(1), mail(2))
    hub = FakeHub(fail_on=fails)
    async with listening(channel_of(box(server)), hub):
        await hub.expect(lambda h: h.events and h.quarantined)
    assert subjects(hub) == ["mail 2"]
    assert [lf(kept.raw) for kept in hub.quarantined] == [lf(mail(1))]
    assert "3 times: KeyError" in hub.quarantined[0].reason


async def test_while_the_hub_cannot_store_our_place_does_not_move(server: ImapServer) -> None:
    await asyncio.to_thread(server.put, mail(1))
    hub = FakeHub(busy_for=3)
    async with listening(channel_of(box(server)), hub):
        await hub.expect(lambda h: h.events)
    assert (subjects(hub), hub.quarantined) == (["mail 1"], [])


async def test_killing_the_parser_in_the_middle_costs_no_message(server: ImapServer) -> None:
    hub, channel = FakeHub(), channel_of(box(server))
    async with listening(channel, hub):
        for come in (0, 10, 20):
            await asyncio.to_thread(server.put, *[mail(n) for n in range(come, come + 10)])
            await hub.expect(lambda h, come=come: len(h.events) >= come + 3)  # type: ignore[misc]
            for pid in _parsers_of_ours():
                os.kill(pid, signal.SIGKILL)
            # What was under way is tried a second time, and not a third: the next blow waits until it is through.
            await hub.expect(lambda h, come=come: len(h.events) == come + 10)  # type: ignore[misc]
    assert hub.quarantined == []
    assert subjects(hub) == [f"mail {n}" for n in range(30)]


async def test_a_crash_between_storing_and_noting_our_place_doubles_nothing(server: ImapServer) -> None:
    class Crashing(FakeHub):
        crashes = 2

        async def remember(self, key: str, value: str) -> None:
            if self.events and self.crashes:
                self.crashes -= 1
                raise Busy("gone before it was written")
            await super().remember(key, value)

    await asyncio.to_thread(server.put, mail(1), mail(2))
    hub = Crashing()
    async with listening(channel_of(box(server)), hub):
        await hub.expect(lambda h: any('"uid":2' in place for place in h.memory.values()) and len(h.events) == 2)
    assert subjects(hub) == ["mail 1", "mail 2"]
    assert [event.thread.references[0] for event in hub.deliveries].count("<1@example.com>") >= 2


async def test_a_reply_to_what_we_sent_proves_its_conversation_through_real_servers(server: ImapServer) -> None:
    post, hub = SmtpServer(), FakeHub()
    await post.start()
    channel = channel_of(box(server, smtp_url=post.url))
    try:
        await channel.send(ORDER)
    finally:
        await post.stop()
    ours = email.message_from_bytes(post.received[0].data, policy=email.policy.default)
    reply = EmailMessage()
    reply["From"], reply["To"], reply["Subject"] = ours["To"], ours["From"], ours["Subject"]
    reply["In-Reply-To"], reply["References"] = ours["Message-ID"], f"{ours['References']} {ours['Message-ID']}"
    reply["Message-ID"] = "<reply@example.com>"
    reply.set_content("谢谢!")
    await asyncio.to_thread(server.put, reply.as_bytes())
    async with listening(channel, hub):
        await hub.expect(lambda h: h.events)
    (event,) = hub.events
    assert event.thread.ours == (ORDER.interaction_id,)
    assert event.thread.references[0] == "<reply@example.com>"
    assert event_as_json(event)["body"] == {"text": "谢谢!", "subject": "Re: Where is my parcel?"}


async def test_one_mailbox_that_fails_does_not_stop_the_other(server: ImapServer) -> None:
    dead = {"address": "sales@hub.test", "imap_url": "imap://u:p@127.0.0.1:1"}
    hub, channel = FakeHub(), channel_of(box(server), dead)
    await asyncio.to_thread(server.put, mail(1))
    async with listening(channel, hub):
        await hub.expect(lambda h: h.events)
        await hub.expect(lambda _: channel.state()[0] == "degraded")
    assert "sales@hub.test" in channel.state()[1]
    assert "support@hub.test" not in channel.state()[1]


# --- a server that misbehaves --------------------------------------------------------------------------------


@pytest.fixture
async def scripted() -> AsyncIterator[ScriptedImap]:
    server = ScriptedImap()
    await server.start()
    yield server
    await server.stop()


def box_of(scripted: ScriptedImap, **more: Any) -> dict[str, Any]:
    url = f"imap://u:p@127.0.0.1:{scripted.port}"
    return {"address": "support@hub.test", "imap_url": url, "import_existing": True, **more}


async def test_a_fetch_that_is_cut_anywhere_gives_the_message_exactly_once(scripted: ScriptedImap) -> None:
    """At every byte of what isn't the message, and at every thirtieth of the message; ``test_responses`` cuts at
    every byte of all."""
    text = "text ) {5}\r\nA1 OK not really\r\n* BYE nor this\r\n" * 65
    whole = len(scripted.response(100, mail(100, text)))
    cuts = [*range(60), *range(60, whole - 10, 30), *range(whole - 10, whole)]
    scripted.messages = {uid: mail(uid, text) for uid in range(100, 100 + len(cuts))}
    scripted.cut = dict(zip(scripted.messages, cuts, strict=True))  # once each
    hub = FakeHub()
    async with listening(channel_of(box_of(scripted), pace=Pace(30, 60, 0, 0)), hub):
        await hub.expect(lambda h: len(h.events) == len(cuts))
    assert whole > 3_000
    assert [parsed.raw for parsed in hub.taken] == list(scripted.messages.values())
    assert hub.quarantined == []
    assert scripted.connections >= len(cuts)


async def test_a_message_that_ends_every_connection_comes_without_its_body(scripted: ScriptedImap) -> None:
    scripted.messages = {1: mail(1), 2: mail(2)}
    scripted.end_on_body_of = {1}
    hub = FakeHub()
    async with listening(channel_of(box_of(scripted), pace=Pace(30, 60, 0.001, 0.002)), hub):
        await hub.expect(lambda h: len(h.events) == 2)
    first = hub.events[0].body
    assert isinstance(first, MessageReceived)
    said = "[This message could not be downloaded.]"
    assert (first.subject, first.text, first.truncated) == ("mail 1", said, True)
    assert subjects(hub) == ["mail 1", "mail 2"]


@pytest.mark.parametrize("how", ["bye_in_idle", "vanish_in_idle"])
async def test_a_connection_that_dies_in_idle_is_noticed(scripted: ScriptedImap, how: str) -> None:
    setattr(scripted, how, 1)
    hub = FakeHub()
    async with listening(channel_of(box_of(scripted), pace=Pace(0.3, 0.3, 0.01, 0.02)), hub):
        await scripted.until_idle()  # that is the second connection
        scripted.deliver(1, mail(1))
        await hub.expect(lambda h: h.events)
    assert scripted.connections >= 2


async def test_a_reset_in_idle_is_noticed_at_once(scripted: ScriptedImap) -> None:
    hub = FakeHub()
    async with listening(channel_of(box_of(scripted)), hub):
        await scripted.until_idle()
        scripted.messages[1] = mail(1)
        scripted.drop()
        await hub.expect(lambda h: h.events)


async def test_mail_that_idle_never_mentions_is_found_by_the_poll(scripted: ScriptedImap) -> None:
    hub = FakeHub()
    async with listening(channel_of(box_of(scripted), pace=Pace(0.2, 60, 0.01, 0.02)), hub):
        await scripted.until_idle()
        scripted.messages[1] = mail(1)
        await hub.expect(lambda h: h.events)
    assert scripted.connections == 1


async def test_a_server_without_idle_is_polled(scripted: ScriptedImap) -> None:
    scripted.capabilities = "IMAP4rev1"
    hub = FakeHub()
    async with listening(channel_of(box_of(scripted), pace=Pace(0.1, 60, 0.01, 0.02)), hub):
        await hub.expect(lambda h: ("ready", "") in h.reports)
        scripted.messages[1] = mail(1)
        await hub.expect(lambda h: h.events)
    assert not any("IDLE" in command for command in scripted.commands)


@pytest.mark.parametrize("verb", ["CAPABILITY", "LOGIN", "SELECT", "UID SEARCH", "UID FETCH"])
async def test_a_server_that_falls_silent_is_left_for_a_new_connection(scripted: ScriptedImap, verb: str) -> None:
    scripted.silent_on = [verb]
    scripted.messages[1] = mail(1)
    hub = FakeHub()
    async with listening(channel_of(box_of(scripted), pace=Pace(30, 0.3, 0.01, 0.02)), hub):
        await hub.expect(lambda h: h.events)
    assert scripted.connections >= 2
    assert subjects(hub) == ["mail 1"]


async def test_a_repeated_fetch_and_flags_in_between_give_one_message(scripted: ScriptedImap) -> None:
    scripted.repeat_fetch = scripted.flags_between = True
    scripted.messages = {1: mail(1), 2: mail(2)}
    hub = FakeHub()
    async with listening(channel_of(box_of(scripted)), hub):
        await hub.expect(lambda h: len(h.events) == 2)
    assert [parsed.raw for parsed in hub.taken] == [mail(1), mail(2)]


async def test_a_message_that_the_server_will_not_give_is_put_aside_and_named(scripted: ScriptedImap) -> None:
    scripted.messages = {1: mail(1), 2: mail(2)}
    scripted.refuse_fetch = {1: 99}
    hub = FakeHub()
    async with listening(channel_of(box_of(scripted)), hub):
        await hub.expect(lambda h: h.events)
    assert subjects(hub) == ["mail 2"]
    assert "damaged" in hub.quarantined[0].reason
    assert scripted.refuse_fetch[1] == 95, "three tries, and one among its neighbours"


async def test_a_message_that_comes_without_its_content_is_not_passed_over(scripted: ScriptedImap) -> None:
    scripted.messages = {1: mail(1), 2: mail(2)}
    scripted.without_content = {1: 1, 2: 99}
    hub = FakeHub()
    async with listening(channel_of(box_of(scripted)), hub):
        await hub.expect(lambda h: h.quarantined)
    assert subjects(hub) == ["mail 1"]
    assert "without its content" in hub.quarantined[0].reason


async def test_a_refusal_that_passes_costs_nothing(scripted: ScriptedImap) -> None:
    scripted.messages = {1: mail(1)}
    scripted.refuse_fetch = {1: 2}
    hub = FakeHub()
    async with listening(channel_of(box_of(scripted)), hub):
        await hub.expect(lambda h: h.events)
    assert (subjects(hub), hub.quarantined) == (["mail 1"], [])


async def test_a_message_deleted_before_its_fetch_is_passed_over(scripted: ScriptedImap) -> None:
    scripted.messages = {1: mail(1), 2: mail(2)}
    scripted.vanishing = {1}
    hub = FakeHub()
    async with listening(channel_of(box_of(scripted)), hub):
        await hub.expect(lambda h: h.events)
    assert (subjects(hub), hub.quarantined) == (["mail 2"], [])


async def test_a_message_beyond_the_limit_comes_as_its_headers(scripted: ScriptedImap) -> None:
    scripted.messages = {1: mail(1), 2: mail(2)}
    scripted.claimed_size = {1: 180 * 1024 * 1024}
    hub = FakeHub()
    async with listening(channel_of(box_of(scripted)), hub):
        await hub.expect(lambda h: len(h.events) == 2)
    large, small = (event.body for event in hub.events)
    assert isinstance(large, MessageReceived)
    assert isinstance(small, MessageReceived)
    said = "[This message of 180 MB was not downloaded.]"
    assert (large.subject, large.text, large.truncated) == ("mail 1", said, True)
    assert (small.text, small.truncated) == ("hello", False)


async def test_babble_before_every_answer_changes_nothing(scripted: ScriptedImap) -> None:
    scripted.babble = b'* OK [ALERT] buy more\r\n* 3 RECENT\r\n* FLAGS (a)\r\n* LIST () "/" x\r\nwhat\r\n' * 20
    scripted.messages = {1: mail(1)}
    hub = FakeHub()
    async with listening(channel_of(box_of(scripted)), hub):
        await hub.expect(lambda h: h.events)
    assert subjects(hub) == ["mail 1"]


async def test_garbage_for_an_answer_ends_the_connection_and_not_the_listener(scripted: ScriptedImap) -> None:
    scripted.messages = {1: mail(1)}
    scripted.babble = b"ZZZZ OK who is that\r\n\xff\xfe\x00* * * FETCH ((((\r\n"
    hub = FakeHub()
    async with listening(channel_of(box_of(scripted), pace=Pace(30, 0.3, 0.01, 0.02)), hub):
        await hub.expect(lambda h: h.reports and h.reports[-1][0] == "degraded")
        scripted.babble = b""
        await hub.expect(lambda h: h.events)


@pytest.mark.parametrize("greeting", ["* BYE too many connections", "HTTP/1.1 400 Bad Request", "* NO never"])
async def test_a_greeting_that_is_none_is_reported(scripted: ScriptedImap, greeting: str) -> None:
    scripted.greeting = greeting
    hub = FakeHub()
    async with listening(channel_of(box_of(scripted), pace=Pace(30, 0.3, 0.01, 0.02)), hub):
        await hub.expect(lambda h: h.reports and h.reports[-1][0] == "degraded")
        scripted.greeting = "* OK here"
        await hub.expect(lambda h: h.reports[-1] == ("ready", ""))


async def test_a_thousand_waiting_messages_come_in_order(scripted: ScriptedImap) -> None:
    scripted.messages = {uid: mail(uid) for uid in range(1, 1001)}
    hub = FakeHub()
    async with listening(channel_of(box_of(scripted)), hub):
        await hub.expect(lambda h: len(h.events) == 1000)
    assert subjects(hub) == [f"mail {n}" for n in range(1, 1001)]


async def test_a_long_catching_up_is_told_of_while_the_mailbox_stays_ready(scripted: ScriptedImap) -> None:
    scripted.messages = {uid: mail(uid) for uid in range(1, 301)}
    hub = FakeHub()
    pace = Pace(poll=30, call=60, first_retry=0.001, longest_retry=0.002, progress=0)
    async with listening(channel_of(box_of(scripted), pace=pace), hub):
        await hub.expect(lambda h: len(h.events) > 100)
        scripted.drop()
        await hub.expect(lambda h: len(h.events) == 300 and h.reports[-1] == ("ready", ""))
    told = [reason for state, reason in hub.reports if state == "ready" and reason]
    assert all(re.fullmatch(r"support@hub\.test: Catching up, \d+ of 300\.", reason) for reason in told)
    done = [int(reason.split(", ")[1].split()[0]) for reason in told]
    assert done == sorted(done), "counted from the beginning, also after the connection was lost"
    assert done[-1] > 100


async def test_after_a_changed_uidvalidity_old_mail_that_was_never_ours_stays_out(scripted: ScriptedImap) -> None:
    scripted.messages = {1: mail(1)}
    scripted.internaldate = "01-Sep-2026 12:00:00 +0000"
    hub = FakeHub()  # its clock says 21 September 2026
    async with listening(channel_of(box_of(scripted, import_existing=False)), hub):
        await scripted.until_idle()
        scripted.uidvalidity = 8
        scripted.drop()
        await hub.expect(lambda h: any('"uidvalidity":8,"uid":1' in place for place in h.memory.values()))
        await scripted.until_idle()
        scripted.internaldate = "22-Sep-2026 12:00:00 +0000"
        scripted.deliver(2, mail(2))
        await hub.expect(lambda h: h.events)
    assert subjects(hub) == ["mail 2"]


@pytest.fixture
async def secured(certificate: Path) -> AsyncIterator[ScriptedImap]:
    server = ScriptedImap(tls=server_context(certificate))
    await server.start()
    yield server
    await server.stop()


async def test_a_mailbox_over_tls_survives_the_end_of_its_connection(
    secured: ScriptedImap, certificate: Path
) -> None:
    url = f"imaps://u:p@127.0.0.1:{secured.port}?ca={certificate}/cert.pem"
    hub = FakeHub()
    async with listening(channel_of(box_of(secured, imap_url=url)), hub):
        await secured.until_idle()
        secured.drop()
        await secured.until_idle()
        secured.deliver(1, mail(1))
        await hub.expect(lambda h: h.events)


async def test_a_server_that_nobody_vouches_for_never_hears_the_password(secured: ScriptedImap) -> None:
    channel, hub = channel_of(box_of(secured, imap_url=f"imaps://u:p@127.0.0.1:{secured.port}")), FakeHub()
    async with listening(channel, hub):
        await hub.expect(lambda h: h.reports)
    assert "certificate" in channel.state()[1].lower()
    assert secured.commands == []


async def test_an_old_mail_that_is_moved_into_the_mailbox_is_new_to_us(scripted: ScriptedImap) -> None:
    scripted.internaldate = "01-Sep-2001 12:00:00 +0000"
    hub = FakeHub()
    async with listening(channel_of(box_of(scripted, import_existing=False)), hub):
        await scripted.until_idle()
        scripted.deliver(1, mail(1))
        await hub.expect(lambda h: h.events)


async def test_a_mailbox_put_back_from_a_backup_loses_nothing(scripted: ScriptedImap) -> None:
    """Its UIDVALIDITY is as it was, and its next UIDs are ones that we have seen on other messages."""
    scripted.messages = {uid: mail(uid) for uid in (1, 2, 3, 4)}
    hub = FakeHub()
    async with listening(channel_of(box_of(scripted)), hub):
        await hub.expect(lambda h: len(h.events) == 4)
        await scripted.until_idle()
        scripted.messages = {1: mail(1), 2: mail(2), 3: mail(33)}
        scripted.drop()
        await hub.expect(lambda h: len(h.events) == 5)
    assert subjects(hub)[-1] == "mail 33"


async def test_nothing_is_left_open_when_listening_ends(scripted: ScriptedImap) -> None:
    hub = FakeHub()
    before = asyncio.all_tasks()
    async with listening(channel_of(box_of(scripted)), hub):
        await scripted.until_idle()
    await scripted.until_left()
    assert {task for task in asyncio.all_tasks() if "aioimaplib" in repr(task)} - before == set()
    assert _parsers_of_ours() == []


async def test_the_server_is_told_of_the_end_also_in_the_middle_of_idle(scripted: ScriptedImap) -> None:
    pace = replace(QUICK, goodbye=60.0)
    async with listening(channel_of(box_of(scripted), pace=pace), FakeHub()):
        await scripted.until_idle()
    await scripted.until_left()
    assert scripted.commands[-1].endswith(" LOGOUT")


def _parsers_of_ours() -> list[int]:
    """The parsing processes that are this process's children."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(status.read_text().rpartition(")")[2].split()[1])
            command = (status.parent / "cmdline").read_bytes()
        except OSError:
            continue
        if parent == os.getpid() and b"channels.email.worker" in command:
            found.append(int(status.parent.name))
    return found
