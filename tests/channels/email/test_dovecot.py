"""Mail reaches the hub exactly once from Dovecot too, where it is installed (Debian: ``dovecot-imapd``).

pymap, which every machine has, is a model of a server; most mailboxes of the world lie on this one."""

from __future__ import annotations

import asyncio
import imaplib
import json
from collections.abc import Iterator

import pytest

from channels.email.fetch import Pace
from tests.channels.email.dovecot import PROGRAM, Dovecot
from tests.channels.email.servers import ANSWERS_WITHIN_S, PASSWORD, USER
from tests.channels.email.test_fetch import (
    FIXTURES,
    assert_every_fixture_came,
    box,
    channel_of,
    listening,
    mail,
    subjects,
)
from tests.channels.email.test_sent_folder import file_in, letter
from tests.channels.fake_hub import FakeHub

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="Dovecot is not installed on this machine")
CHINESE, IN_IMAP = "客户来信 & 投诉", "&W6JiN2dlT+E- &- &YpWLyQ-"

PUSHED = Pace(poll=600.0, call=60.0, soon=600.0)
"""Nobody looks before the server says so."""


@pytest.fixture(scope="module")
def running() -> Iterator[Dovecot]:
    server = Dovecot()
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture
def server(running: Dovecot) -> Dovecot:
    """One for all tests, empty for each."""
    running.lose_everything()
    return running


def put_as_they_are(server: Dovecot, *messages: bytes) -> None:
    """By IMAP APPEND, without Python's mending of line ends."""
    with imaplib.IMAP4("127.0.0.1", server.port, timeout=ANSWERS_WITHIN_S) as client:
        client.login(USER, PASSWORD)
        for message in messages:
            client.literal = message  # type: ignore[assignment]
            answer, said = client._simple_command("APPEND", "INBOX")
            assert answer == "OK", said


async def test_every_fixture_comes_as_it_does_from_any_server(server: Dovecot) -> None:
    # IMAP has no NUL: Dovecot stores another byte for each.
    raws = [path.read_bytes().replace(b"\0", b"") for path in sorted(FIXTURES.glob("*.eml"))]
    await asyncio.to_thread(put_as_they_are, server, *raws)
    hub, channel = FakeHub(), channel_of(box(server))
    async with listening(channel, hub):
        await hub.expect(lambda h: len(h.taken) + len(h.quarantined) == len(raws))
        await hub.expect(lambda h: h.reports[-1] == ("ready", ""))
    assert_every_fixture_came(hub)


async def test_new_mail_is_seen_through_idle_within_moments(server: Dovecot) -> None:
    await asyncio.to_thread(server.put, mail(1))
    hub, channel = FakeHub(), channel_of(box(server, import_existing=False), pace=PUSHED)
    async with listening(channel, hub):
        await hub.expect(lambda h: ("ready", "") in h.reports)
        for number in (2, 3):
            await asyncio.to_thread(server.put, mail(number))
            await hub.expect(lambda h, number=number: len(h.events) == number - 1)  # type: ignore[misc]
    assert subjects(hub) == ["mail 2", "mail 3"]


@pytest.mark.parametrize("how", ["made again", "put back"])
async def test_a_folder_whose_numbers_change_loses_nothing_and_doubles_nothing(server: Dovecot, how: str) -> None:
    for number in (1, 2):
        await asyncio.to_thread(file_in, server, "Orders", mail(number))
    hub, channel = FakeHub(), channel_of(box(server, folder="Orders"))
    async with listening(channel, hub):
        await hub.expect(lambda h: len(h.events) == 2 and ("ready", "") in h.reports)
        (before,) = hub.memory.values()
        if how == "put back":
            server.forget_uids()
        else:
            with imaplib.IMAP4("127.0.0.1", server.port, timeout=ANSWERS_WITHIN_S) as client:
                client.login(USER, PASSWORD)
                client.delete("Orders")
            for number in (1, 2):
                await asyncio.to_thread(file_in, server, "Orders", mail(number))
        await asyncio.to_thread(file_in, server, "Orders", mail(3))
        await hub.expect(lambda h: len(h.events) == 3 and h.reports[-1] == ("ready", ""))
    (after,) = hub.memory.values()
    assert json.loads(after)["uidvalidity"] != json.loads(before)["uidvalidity"]
    assert sorted(subjects(hub)) == ["mail 1", "mail 2", "mail 3"]
    assert len(hub.deliveries) == 5, "the old ones were shown to the hub again, and it knew them"


async def test_a_folder_may_have_a_chinese_name(server: Dovecot) -> None:
    await asyncio.to_thread(file_in, server, f'"{IN_IMAP}"', mail(1))
    hub, channel = FakeHub(), channel_of(box(server, folder=CHINESE))
    async with listening(channel, hub):
        await hub.expect(lambda h: h.events)
        await asyncio.to_thread(file_in, server, f'"{IN_IMAP}"', mail(2))
        await hub.expect(lambda h: len(h.events) == 2)
        assert channel.state() == ("ready", "")
    assert subjects(hub) == ["mail 1", "mail 2"]


async def test_the_folder_of_sent_mail_is_followed_beside_the_mailbox(server: Dovecot) -> None:
    await asyncio.to_thread(file_in, server, "Sent", letter(Subject="from before"))
    hub, channel = FakeHub(), channel_of(box(server, sent_folder="Sent"))
    async with listening(channel, hub):
        await hub.expect(lambda h: len(h.memory) == 2)
        await asyncio.to_thread(file_in, server, "Sent", letter(Subject="unfinished"), r"(\Draft)")
        await asyncio.to_thread(file_in, server, "Sent", letter(X_CCH_Instance=channel._tokens.instance))
        await asyncio.to_thread(file_in, server, "Sent", letter(Message_ID="<thunderbird-2@hub.test>"))
        await asyncio.to_thread(server.put, mail(1))
        await hub.expect(lambda h: len(h.events) == 2)
        assert channel.state() == ("ready", "")
    came, went = sorted(hub.events, key=lambda event: event.direction)
    assert (came.kind, went.kind) == ("message.received", "message.sent")
    assert went.thread.references == ("<thunderbird-2@hub.test>",)


async def test_a_wrong_password_is_said_as_the_server_says_it(server: Dovecot) -> None:
    hub, channel = FakeHub(), channel_of(box(server, imap_password="wrong"))
    async with listening(channel, hub):
        await hub.expect(lambda h: h.reports)
    state, reason = channel.state()
    assert (state, "refuses the login of support" in reason) == ("degraded", True)
    assert "AUTHENTICATIONFAILED" in reason
