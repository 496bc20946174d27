"""What no real server can be made to do: lies about sizes, floods, drips, other numbers in the middle of it all."""

from __future__ import annotations

import asyncio
import logging
import resource
from collections import Counter

import pytest

from channels.contract import Busy, Parsed
from channels.email.fetch import Pace
from channels.email.mime import MAX_MESSAGE
from contact_center.domain.events import MessageReceived
from tests.channels.email.scripted_imap import ScriptedImap
from tests.channels.email.test_fetch import box_of, channel_of, listening, mail, scripted, subjects
from tests.channels.fake_hub import FakeHub
from tests.hub import until

__all__ = ["scripted"]

HURRIED = Pace(poll=30, call=60, first_retry=0.001, longest_retry=0.002)


def bodies(hub: FakeHub) -> list[MessageReceived]:
    return [event.body for event in hub.events if isinstance(event.body, MessageReceived)]


# --- sizes ------------------------------------------------------------------------------------------------------


async def test_a_message_that_is_larger_than_was_said_is_cut_off_and_shown(scripted: ScriptedImap) -> None:
    """200 MB are announced where 90 bytes were, among others that come together."""
    scripted.messages = {uid: mail(uid) for uid in (1, 2, 3)}
    scripted.announced = {2: 200 * 1024 * 1024}
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    hub = FakeHub()
    async with listening(channel_of(box_of(scripted), pace=HURRIED), hub):
        await hub.expect(lambda h: len(h.events) == 3)
    assert subjects(hub) == ["mail 1", "mail 2", "mail 3"]
    assert [(body.text, body.truncated) for body in bodies(hub)] == [
        ("hello", False),
        ("[This message of 200 MB was not downloaded.]", True),
        ("hello", False),
    ]
    assert hub.quarantined == []
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 30 * 1024


async def test_many_that_are_larger_than_was_said_come_one_by_one(scripted: ScriptedImap) -> None:
    large = "x" * 5_000_000
    scripted.messages = {uid: mail(uid, large) for uid in range(1, 4)}
    scripted.claimed_size = dict.fromkeys(scripted.messages, 100)
    hub = FakeHub()
    async with listening(channel_of(box_of(scripted), pace=HURRIED), hub):
        await hub.expect(lambda h: len(h.events) == 3)
    assert [len(body.text) >= 100_000 for body in bodies(hub)] == [True] * 3
    assert scripted.connections == 2, "the first time all together, then each by itself"


async def test_a_message_just_within_the_limit_comes_whole(scripted: ScriptedImap) -> None:
    head = len(mail(1, ""))
    scripted.messages = {1: mail(1, "x" * (MAX_MESSAGE - head)), 2: mail(2)}
    hub = FakeHub()
    async with listening(channel_of(box_of(scripted), pace=HURRIED), hub):
        await hub.expect(lambda h: len(h.taken) + len(h.quarantined) == 2)
    assert len(scripted.messages[1]) == MAX_MESSAGE
    assert len(hub.taken[0].raw) == MAX_MESSAGE


@pytest.mark.parametrize("announced", [len(mail(1)) + 10, len(mail(1)) - 10])
async def test_a_literal_of_the_wrong_length_gives_no_wrong_message(scripted: ScriptedImap, announced: int) -> None:
    scripted.messages = {1: mail(1), 2: mail(2)}
    scripted.announced = {1: announced}
    hub = FakeHub()
    async with listening(channel_of(box_of(scripted), pace=Pace(30, 0.1, 0.001, 0.002)), hub):
        await hub.expect(lambda h: len(h.events) == 2)
    first, second = bodies(hub)
    assert (first.subject, first.text, first.truncated) == ("mail 1", "[This message could not be downloaded.]", True)
    assert (second.subject, second.text, second.truncated) == ("mail 2", "hello", False)


async def test_a_slow_drip_is_given_up_and_held_against_that_message_alone(scripted: ScriptedImap) -> None:
    scripted.messages = {1: mail(1), 2: mail(2)}
    scripted.drip = 0.03  # 24 calls of 0.1 s are not enough for the message, nor is any silence long enough to tell
    hub = FakeHub()
    async with listening(channel_of(box_of(scripted), pace=Pace(30, 0.1, 0.001, 0.002)), hub):
        await hub.expect(lambda h: h.reports and h.reports[-1][0] == "degraded")
        scripted.drip = 0
        await hub.expect(lambda h: len(h.events) == 2)
    assert [body.truncated for body in bodies(hub)] == [False, False]


async def test_short_content_in_quotes_is_content(scripted: ScriptedImap) -> None:
    scripted.quoted = True
    scripted.messages = {1: b'From: mei@example.com "x\\y"'}
    hub = FakeHub()
    async with listening(channel_of(box_of(scripted)), hub):
        await hub.expect(lambda h: h.taken)
    assert hub.taken[0].raw == b'From: mei@example.com "x\\y"'


# --- words that nobody asked for ------------------------------------------------------------------------------


FLOODS = (b"* OK [ALERT] buy more\r\n" * 2_000, b"x" * 60_000, b"* 7 EXPUNGE\r\n" * 3_000)
NO_ANSWERS = ("NO not now", "BAD what", "ZZ OK", "* BYE enough", "* 1 FETCH", "\xff\x00(")


@pytest.mark.parametrize("at", ["LOGIN", "SELECT", "UID SEARCH", "UID FETCH", "IDLE"])
async def test_a_flood_ends_with_the_connection_and_the_next_one_is_well(scripted: ScriptedImap, at: str) -> None:
    hub = FakeHub()
    async with listening(channel_of(box_of(scripted), pace=HURRIED), hub):
        for number, flood in enumerate(FLOODS, 1):
            await scripted.until_idle()
            scripted.flood_on = {at: flood}
            scripted.messages[number] = mail(number)
            scripted.drop()
            await until(lambda: not scripted.flood_on)
            await hub.expect(lambda h, number=number: len(h.events) == number)  # type: ignore[misc]
            await hub.expect(lambda h: h.reports[-1] == ("ready", ""))
    assert subjects(hub) == ["mail 1", "mail 2", "mail 3"]
    assert scripted.connections >= 2 * len(FLOODS)


@pytest.mark.parametrize("to", ["SELECT", "UID SEARCH", "UID FETCH"])
async def test_an_answer_that_is_none_is_told_and_tried_again(scripted: ScriptedImap, to: str) -> None:
    hub = FakeHub()
    async with listening(channel_of(box_of(scripted), pace=Pace(30, 0.1, 0.001, 0.002)), hub):
        for number, answer in enumerate(NO_ANSWERS, 1):
            await scripted.until_idle()
            scripted.instead = {to: answer}
            scripted.messages[number] = mail(number)
            scripted.drop()
            await hub.expect(lambda h: h.reports[-1][0] == "degraded")
            await until(lambda to=to: sum(to in command for command in scripted.commands) > 1)  # type: ignore[misc]
            scripted.instead = {}
            await hub.expect(lambda h, number=number: len(h.events) == number)  # type: ignore[misc]
            await hub.expect(lambda h: h.reports[-1] == ("ready", ""))
    assert subjects(hub) == [f"mail {number}" for number, _ in enumerate(NO_ANSWERS, 1)]


async def test_new_mail_that_is_told_of_in_odd_places_is_fetched_at_once(scripted: ScriptedImap) -> None:
    """In the answer to a fetch, and never again."""
    scripted.messages = {1: mail(1)}
    hub = FakeHub()
    pace = Pace(poll=600, call=60, soon=600)  # nothing is found by looking
    async with listening(channel_of(box_of(scripted), pace=pace), hub):

        def arrives(parsed: Parsed) -> None:
            scripted.messages.setdefault(2, mail(2))

        hub.fail_on = arrives
        scripted.babble = b"* 2 EXISTS\r\n"
        await hub.expect(lambda h: len(h.events) == 2)
    assert subjects(hub) == ["mail 1", "mail 2"]


async def test_a_full_mailbox_that_says_so_is_read_all_the_same(scripted: ScriptedImap) -> None:
    scripted.babble = b"* NO [OVERQUOTA] the mailbox is full\r\n"
    scripted.messages = {1: mail(1)}
    hub = FakeHub()
    async with listening(channel_of(box_of(scripted)), hub):
        await hub.expect(lambda h: h.events and h.reports)
    assert hub.reports == [("ready", "")]


# --- numbers that change ----------------------------------------------------------------------------------------


async def test_other_mail_under_the_same_numbers_is_not_taken_for_the_old(scripted: ScriptedImap) -> None:
    scripted.messages = {uid: mail(uid) for uid in (1, 2, 3)}
    hub = FakeHub()
    async with listening(channel_of(box_of(scripted), pace=HURRIED), hub):
        await hub.expect(lambda h: len(h.events) == 3)
        await scripted.until_idle()
        scripted.uidvalidity = 8
        scripted.messages.clear()
        scripted.messages.update({uid: mail(uid + 10) for uid in (1, 2, 3)})
        scripted.drop()
        await hub.expect(lambda h: len(h.events) == 6)
    assert Counter(subjects(hub)) == {f"mail {number}": 1 for number in (1, 2, 3, 11, 12, 13)}


async def test_the_same_mail_under_other_numbers_while_more_arrives_is_neither_lost_nor_doubled(
    scripted: ScriptedImap,
) -> None:
    scripted.messages = {uid: mail(uid) for uid in range(1, 101)}
    hub = FakeHub()

    def renumber(parsed: Parsed) -> None:
        if len(hub.events) == 40 and scripted.uidvalidity == 7:
            scripted.uidvalidity = 8
            known = list(scripted.messages.values())
            scripted.messages.clear()
            scripted.messages.update({500 + at: raw for at, raw in enumerate(reversed(known))})
            scripted.messages[700] = mail(700)
            scripted.drop()

    hub.fail_on = renumber
    async with listening(channel_of(box_of(scripted), pace=HURRIED), hub):
        await hub.expect(lambda h: len(h.events) == 101)
        scripted.deliver(701, mail(701))
        await hub.expect(lambda h: len(h.events) == 102)
    assert Counter(subjects(hub)) == {f"mail {number}": 1 for number in (*range(1, 101), 700, 701)}


async def test_numbers_that_change_in_the_middle_of_a_connection_end_it(scripted: ScriptedImap) -> None:
    scripted.messages = {1: mail(1)}
    hub = FakeHub()
    async with listening(channel_of(box_of(scripted), pace=HURRIED), hub):
        await hub.expect(lambda h: h.events)
        await scripted.until_idle()
        scripted.uidvalidity = 8
        scripted.messages.clear()
        scripted.messages[1] = mail(2)
        scripted.tell("* OK [UIDVALIDITY 8] they are other ones now")
        await hub.expect(lambda h: len(h.events) == 2)
    assert subjects(hub) == ["mail 1", "mail 2"]


# --- folders, refusals, patience --------------------------------------------------------------------------------


async def test_a_folder_that_was_renamed_is_missed_until_it_is_back(scripted: ScriptedImap) -> None:
    name = "&XfJT0ZAB- &- more"  # 已发送 & more, as it is on the wire
    scripted.folders = {name: {1: mail(1)}}
    hub = FakeHub()
    async with listening(channel_of(box_of(scripted, folder="已发送 & more"), pace=HURRIED), hub):
        await hub.expect(lambda h: h.events)
        gone = scripted.folders.pop(name)
        scripted.drop()
        await hub.expect(lambda h: h.reports and "已发送 & more can't be opened" in h.reports[-1][1])
        scripted.folders[name] = gone
        gone[2] = mail(2)
        await hub.expect(lambda h: len(h.events) == 2)
    assert hub.reports[-1] == ("ready", "")


async def test_a_server_that_wants_to_know_who_asks_is_told(scripted: ScriptedImap) -> None:
    scripted.capabilities = "IMAP4rev1 ID UIDPLUS"
    scripted.messages = {1: mail(1)}
    hub = FakeHub()
    async with listening(channel_of(box_of(scripted)), hub):
        await hub.expect(lambda h: h.events)
    assert [each.partition(" ")[2] for each in scripted.commands if " ID " in each] == [
        'ID ("name" "contact-center-hub" "version" "1")'
    ]


async def test_after_five_refusals_a_login_is_tried_once_a_minute_at_most(scripted: ScriptedImap) -> None:
    scripted.login = "NO [AUTHENTICATIONFAILED] wrong"
    hub = FakeHub()
    pace = Pace(poll=30, call=60, first_retry=0.001, longest_retry=0.002, refused=60)
    async with listening(channel_of(box_of(scripted), pace=pace), hub):
        await until(lambda: scripted.logins == 5)
        await asyncio.sleep(0.1)  # fifty more would have their time
    assert scripted.logins == 5
    assert len(hub.reports) == 1


async def test_a_password_that_is_mended_at_the_server_needs_no_restart(scripted: ScriptedImap) -> None:
    scripted.messages, scripted.login = {1: mail(1)}, "NO wrong"
    hub = FakeHub()
    pace = Pace(poll=30, call=60, first_retry=0.001, longest_retry=0.002, refused=0.05)
    async with listening(channel_of(box_of(scripted), pace=pace), hub):
        await until(lambda: scripted.logins >= 7)
        scripted.login = "OK in"
        await hub.expect(lambda h: h.events and h.reports[-1] == ("ready", ""))


def test_a_dead_connection_is_noticed_within_ninety_seconds_and_idle_is_not_trusted_for_long() -> None:
    pace = Pace()
    assert pace.poll + pace.call <= 90
    assert pace.poll < 9 * 60


async def test_a_message_that_went_away_is_logged_and_passed_once(
    scripted: ScriptedImap, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "channels.email.fetch")
    scripted.messages = {1: mail(1), 2: mail(2)}
    scripted.vanishing = {1}
    hub = FakeHub()
    async with listening(channel_of(box_of(scripted)), hub):
        await hub.expect(lambda h: any('"uid":2' in place for place in h.memory.values()))
    assert "support@hub.test|uid 7.1 went away" in caplog.text
    assert (subjects(hub), scripted.connections) == (["mail 2"], 1)


# --- one node alone -------------------------------------------------------------------------------------------


async def test_a_mailbox_that_another_node_has_is_left_alone(scripted: ScriptedImap) -> None:
    scripted.messages = {1: mail(1)}
    hub = FakeHub(leased_elsewhere={"mailbox support@hub.test INBOX"})
    channel = channel_of(box_of(scripted), pace=Pace(30, 60, lease=0.06))
    async with listening(channel, hub):
        await hub.expect(lambda h: h.reports)
        assert channel.state() == ("ready", "")
        assert scripted.connections == 0
        hub.leased_elsewhere.clear()
        await hub.expect(lambda h: h.events)


async def test_a_lease_that_is_lost_ends_the_connection_and_moves_nothing(scripted: ScriptedImap) -> None:
    hub = FakeHub()
    async with listening(channel_of(box_of(scripted), pace=Pace(30, 60, lease=0.06)), hub):
        await scripted.until_idle()
        place = dict(hub.memory)
        hub.leased_elsewhere.add("mailbox support@hub.test INBOX")
        await scripted.until_left()
        scripted.messages[1] = mail(1)
        assert hub.memory == place
        hub.leased_elsewhere.clear()
        await hub.expect(lambda h: h.events)


async def test_a_store_that_is_away_while_leases_are_renewed_costs_no_message(scripted: ScriptedImap) -> None:
    class Away(FakeHub):
        away = 0

        async def lease(self, what: str, seconds: float) -> bool:
            if self.away > 0:
                self.away -= 1
                raise Busy("the store is away")
            return await super().lease(what, seconds)

    hub = Away()
    async with listening(channel_of(box_of(scripted), pace=Pace(30, 60, lease=0.06)), hub):
        await scripted.until_idle()
        hub.away = 5
        await until(lambda: hub.away == 0)
        await scripted.until_idle()
        scripted.deliver(1, mail(1))
        await hub.expect(lambda h: h.events)
    assert subjects(hub) == ["mail 1"]
