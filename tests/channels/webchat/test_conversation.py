"""A visitor talks over a real websocket, and nothing is lost, doubled or shown to somebody else."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from websockets.asyncio.client import connect

from channels.contract import Outgoing, Parsed, Rejected
from contact_center.domain.contact_points import ContactPoint
from tests.channels.webchat.served import UNHURRIED, Page, Site, a_site
from tests.hub import until

ALLOWED_IN_A_LINE = {"type", "seq", "at", "sender", "name", "text", "event"}


def outgoing(thread_key: str, **changes: Any) -> Outgoing:
    return Outgoing(
        **{  # type: ignore[arg-type]
            "verb": "message",
            "outbox_id": "outbox-1",
            "interaction_id": "interaction-1",
            "case_id": 1,
            "created_at": 1,
            "attempt": 1,
            "thread_key": thread_key,
            "text": "Hello",
            **changes,
        }
    )


async def test_a_first_message_is_taken_in_and_acknowledged_and_comes_back_as_a_line(site: Site) -> None:
    async with site.page(name="Wei Zhang", language="zh-CN") as page:
        welcome = await page.next("welcome")
        assert (welcome["fresh"], welcome["conversation"]) == (True, 1)
        await page.state("none")
        ack = await page.write("m1", "The dishwasher leaks.\r\nAgain.")
        line = await page.line("The dishwasher leaks.\nAgain.")
        assert ack == {"type": "ack", "id": "m1", "event": line["event"]}
        await page.state("waiting")
    [event] = site.hub.events
    handle = welcome["token"].split(".")[0]
    assert event.source_id == f"{handle}:m1"
    assert event.thread.key == f"{handle}/support/1"
    assert event.sender == ContactPoint("visitor", handle)
    assert event.sender_name == "Wei Zhang"
    assert event.dialled == ContactPoint("other", "support")
    assert (event.channel, event.medium, event.direction) == ("webchat", "chat", "inbound")
    assert json.loads(site.hub.taken[0].raw)["id"] == "m1"


async def test_an_agents_line_and_name_reach_the_page_and_nothing_else_does(site: Site) -> None:
    async with site.page() as page:
        await page.write("m1", "Hello?")
        site.hub.attend(site.hub.thread(), "attended:Mei: the second")
        assert (await page.state("attended"))["agent"] == "Mei: the second"
        site.hub.say(site.hub.thread(), "Good day!", "Mei")
        line = await page.line("Good day!")
    assert (line["sender"], line["name"]) == ("agent", "Mei")
    assert all(set(f) == ALLOWED_IN_A_LINE for f in page.frames if f["type"] == "line")


async def test_a_message_is_acknowledged_only_after_the_hub_has_it(site: Site) -> None:
    storing, stored = asyncio.Event(), asyncio.Event()
    take_in = site.hub.take_in

    async def slow_take_in(parsed: Parsed) -> Any:
        storing.set()
        await stored.wait()
        return await take_in(parsed)

    site.hub.take_in = slow_take_in  # type: ignore[method-assign]
    async with site.page() as page:
        await page.state("none")
        await page.say(type="message", id="m1", text="Hello")
        await storing.wait()
        with pytest.raises(TimeoutError):
            await page.next(within=0.1)
        stored.set()
        assert (await page.next("ack"))["id"] == "m1"


async def test_the_same_message_twice_is_one_event_with_the_same_answer(site: Site) -> None:
    async with site.page() as page:
        first = await page.write("m1", "Hello")
        assert await page.write("m1", "Hello") == first
    assert len(site.hub.events) == 1
    assert len(site.hub.deliveries) == 2


async def test_a_busy_hub_is_said_to_be_busy_and_the_message_goes_through_later(site: Site) -> None:
    site.hub.busy_for = 1
    async with site.page() as page:
        refused = await page.write("m1", "Hello")
        assert (refused["code"], refused["id"]) == ("busy", "m1")
        assert refused["retry_after_ms"] > 0
        assert site.hub.events == []
        assert (await page.write("m1", "Hello"))["type"] == "ack"


async def test_a_returning_page_gets_the_whole_conversation_and_a_resuming_one_only_the_rest(
    site: Site,
) -> None:
    async with site.page() as page:
        token = (await page.next("welcome"))["token"]
        await page.write("m1", "one")
        after = (await page.line("one"))["seq"]
    site.hub.say(site.hub.thread(), "two")
    async with site.page(token=token) as page:
        welcome = await page.next("welcome")
        assert (welcome["fresh"], welcome["resumed"]) == (False, False)
        await page.line("two")
        assert page.lines == ["one", "two"]
    async with site.page(token=token, conversation=1, after=after) as page:
        assert (await page.next("welcome"))["resumed"] is True
        await page.line("two")
        assert page.lines == ["two"]


@dataclass
class Customer:
    """Keeps what a widget keeps: token, what it has, what is not acknowledged. Each of its first ten
    connections is cut after ``cut_after`` frames."""

    site: Site
    unsent: list[tuple[str, str]]
    cut_after: int
    token: str = ""
    conversation: int = 0
    seqs: list[int] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    connections: int = 0

    async def talk_until(self, done: Any) -> None:
        while not done(self):
            self.connections += 1
            async with connect(self.site.socket_url, ping_interval=None) as connection:
                frames = self.cut_after if self.connections <= 10 else 1_000
                await self._talk(Page(connection), frames, done)
                connection.transport.abort()

    async def _talk(self, page: Page, frames: int, done: Any) -> None:
        self.site.hub.now_at += 10_000  # connections that were cut still count for the allowance
        after = self.seqs[-1] if self.seqs else 0
        known = {"token": self.token} if self.token else {}
        await page.say(type="hello", conversation=self.conversation, after=after, **known)
        for _ in range(frames):
            frame = await page.next()
            self._apply(frame)
            if frame["type"] == "welcome":  # not before the token is known that they belong to
                for id, text in self.unsent:
                    await page.say(type="message", id=id, text=text)
            if done(self):
                return

    def _apply(self, frame: dict[str, Any]) -> None:
        match frame["type"]:
            case "welcome":
                self.token = frame["token"]
                if frame["conversation"] != self.conversation:
                    assert not self.seqs
                self.conversation = frame["conversation"]
            case "ack":
                self.unsent = [(id, text) for id, text in self.unsent if id != frame["id"]]
            case "line":
                self.seqs.append(frame["seq"])
                self.texts.append(frame["text"])
                if frame["sender"] == "customer":
                    self.site.hub.say(self.site.hub.thread(), f"re: {frame['text']}")


@pytest.mark.parametrize("cut_after", [*range(16), 1_000])
async def test_a_connection_cut_after_any_frame_leaves_no_gap_and_no_double(site: Site, cut_after: int) -> None:
    unsent = [(f"m{n}", f"message {n}") for n in range(6)]
    customer = Customer(site, list(unsent), cut_after)

    def done(customer: Customer) -> bool:
        return not customer.unsent and len(customer.texts) >= 12

    await customer.talk_until(done)
    shown = site.hub.shown[site.hub.thread()]
    assert customer.seqs == [line.seq for line in shown]
    assert customer.texts == [line.text for line in shown]
    assert sorted(event.body.text for event in site.hub.events) == [text for _, text in unsent]  # type: ignore[union-attr]
    assert len({event.thread.key for event in site.hub.events}) == 1


async def test_two_pages_of_one_visitor_see_the_same_conversation(site: Site) -> None:
    async with site.page() as one:
        token = (await one.next("welcome"))["token"]
        async with site.page(token=token) as two:
            await one.write("m1", "from one")
            await two.write("m2", "from two")
            site.hub.say(site.hub.thread(), "to both")
            for page in (one, two):
                await page.line("to both")
                assert page.lines == ["from one", "from two", "to both"]
    assert {event.thread.key for event in site.hub.events} == {site.hub.thread()}


# --- the end of a conversation, and the next one ------------------------------------------------------------


async def test_a_customer_who_leaves_is_taken_down_once(site: Site) -> None:
    async with site.page() as page:
        await page.say(type="leave", id="l0")
        await page.next("ack")  # nothing to leave yet
        await page.write("m1", "Hello")
        await page.say(type="leave", id="l1")
        await page.next("ack")
        await page.state("ended")
        await page.say(type="leave", id="l1")
        assert (await page.next("ack"))["id"] == "l1"
    assert [event.kind for event in site.hub.events] == ["message.received", "customer.left"]


async def test_who_has_left_begins_anew_though_the_agent_still_wraps_up(site: Site) -> None:
    site.hub.on_leaving = "attended:Mei"
    async with site.page() as page:
        token = (await page.next("welcome"))["token"]
        await page.write("m1", "Hello")
        async with site.page(token=token) as other:
            await other.state("waiting")
            await page.say(type="leave", id="l1")
            await page.state("ended")
            await other.state("ended")
    async with site.page(token=token) as page:
        await page.line("Hello")
        await page.state("ended")
        await page.say(type="leave", id="l2")
        await page.write("m2", "One more thing")
        assert (await page.next("conversation"))["number"] == 2
        await page.state("waiting")
    assert [event.kind for event in site.hub.events] == [
        "message.received",
        "customer.left",
        "message.received",
    ]
    assert site.hub.thread(2).endswith("/support/2")


@pytest.mark.parametrize("noted", ["1:left", "2"])
async def test_a_conversation_that_was_left_on_another_node_is_over_here_too(site: Site, noted: str) -> None:
    async with site.page() as page:
        await page.write("m1", "Hello")
        await page.state("waiting")
        visitor, entry, _ = site.hub.thread().split("/")
        site.hub.attend(site.hub.thread(), "attended:Mei")
        site.hub.memory[f"conversation/{visitor}/{entry}"] = noted
        await page.write("m2", "One more thing")
        assert (await page.next("conversation"))["number"] == 2
    assert site.hub.thread(1).endswith("/support/2")


async def test_the_first_message_after_the_end_begins_the_next_conversation(site: Site) -> None:
    async with site.page() as page:
        token = (await page.next("welcome"))["token"]
        await page.write("m1", "first")
        site.hub.attend(site.hub.thread(), "ended")
        await page.state("ended")
        async with site.page(token=token, conversation=1, after=1) as other:
            await other.state("ended")
            await page.write("m2", "second")
            for either in (page, other):
                assert (await either.next("conversation"))["number"] == 2
                await either.line("second")
    first, second = site.hub.events
    assert first.thread.key.removesuffix("/1") == second.thread.key.removesuffix("/2")
    async with site.page(token=token, conversation=1, after=1) as page:
        welcome = await page.next("welcome")
        assert (welcome["conversation"], welcome["resumed"]) == (2, False)
        await page.line("second")
        assert page.lines == ["second"]


async def test_a_message_whose_acknowledgement_was_lost_before_the_end_does_not_begin_a_conversation(
    site: Site,
) -> None:
    async with site.page() as page:
        token = (await page.next("welcome"))["token"]
        ack = await page.write("m1", "first")
    site.hub.attend(site.hub.thread(), "ended")
    async with site.page(token=token) as page:
        assert await page.write("m1", "first") == ack
    async with site.page(token=token) as page:
        assert (await page.next("welcome"))["conversation"] == 1
    assert len(site.hub.events) == 1


async def test_a_conversation_begun_just_before_a_crash_is_found_again(site: Site) -> None:
    """The message is durable and the note of the conversation's number is not."""
    async with site.page() as page:
        token = (await page.next("welcome"))["token"]
        await page.write("m1", "first")
        site.hub.attend(site.hub.thread(), "ended")
        await page.state("ended")
        await page.write("m2", "second")
        await page.line("second")
    site.hub.memory.clear()
    async with site.page(token=token) as page:
        assert (await page.next("welcome"))["conversation"] == 2
        assert (await page.write("m2", "second"))["type"] == "ack"
    assert len(site.hub.events) == 2


async def test_the_entries_of_one_visitor_are_conversations_of_their_own() -> None:
    async with a_site({"entries": {"support": {}, "sales": {}}}) as site:
        async with site.page() as page:
            token = (await page.next("welcome"))["token"]
            await page.write("m1", "broken")
        async with site.page(entry="sales", token=token) as page:
            await page.write("m2", "how much")
            await page.line("how much")
            assert page.lines == ["how much"]
    support, sales = site.hub.events
    assert support.sender == sales.sender
    assert support.thread.key != sales.thread.key
    assert sales.dialled == ContactPoint("other", "sales")


# --- who one is ---------------------------------------------------------------------------------------------


def forgeries(token: str) -> dict[str, str]:
    handle, issued, proof = token.split(".")
    other = handle[::-1] if handle[::-1] != handle else "0" * 32
    return {
        "nothing": "",
        "the handle alone": handle,
        "no proof": f"{handle}.{issued}.",
        "another's handle": f"{other}.{issued}.{proof}",
        "another moment": f"{handle}.zzzzzzzz.{proof}",
        "one letter less": token[:-1],
        "one letter more": token + "A",
        "one letter changed": token[:-2] + ("A" if token[-2] != "A" else "B") + token[-1],
        "another's conversation": f"{handle}/support/1.{issued}.{proof}",
        "not ASCII": "é" * 40,
        "a lone surrogate": f"{handle}.{issued}.\ud800",
        "dots": "." * 100,
        "spaces": f" {token} ",
    }


async def test_a_forged_token_makes_a_fresh_visitor_and_never_opens_a_chat(site: Site) -> None:
    async with site.page() as page:
        token = (await page.next("welcome"))["token"]
        await page.write("m1", "my secret")
    seen = {token.split(".")[0]}
    for about, forged in forgeries(token).items():
        async with site.page(token=forged, conversation=1, after=0) as page:
            welcome = await page.next("welcome")
            await page.state("none")
            assert welcome["fresh"] is True, about
            assert page.lines == [], about
            handle = welcome["token"].split(".")[0]
            assert handle not in seen, about
            seen.add(handle)


async def test_a_token_of_another_installation_is_worth_nothing(site: Site) -> None:
    async with site.page() as page:
        token = (await page.next("welcome"))["token"]
        await page.write("m1", "my secret")
    elsewhere = type(site.channel._visitors)(b"another secret", lambda n: b"\0" * n)
    forged = elsewhere.token(token.split(".")[0], site.hub.now())
    async with site.page(token=forged) as page:
        assert (await page.next("welcome"))["fresh"] is True


async def test_a_token_is_renewed_by_use_and_runs_out_without(site: Site) -> None:
    day = 86_400_000
    async with site.page() as page:
        token = (await page.next("welcome"))["token"]
    site.hub.now_at += 89 * day
    async with site.page(token=token) as page:
        welcome = await page.next("welcome")
        assert welcome["fresh"] is False
    site.hub.now_at += 89 * day
    async with site.page(token=welcome["token"]) as page:
        assert (await page.next("welcome"))["fresh"] is False
    async with site.page(token=token) as page:
        assert (await page.next("welcome"))["fresh"] is True


async def test_a_visitor_may_say_a_name_and_it_is_only_a_name(site: Site) -> None:
    async with site.page(name="\u202egnp.exe\n" + "x" * 200) as page:
        await page.write("m1", "one")
        await page.say(type="name", name="  Mei\u200b Lin\t")
        await page.write("m2", "two")
    first, second = site.hub.events
    assert first.sender_name == ("gnp.exe " + "x" * 200)[:80]
    assert second.sender_name == "Mei Lin"
    assert first.sender == second.sender


# --- typing, heartbeat, delivery ----------------------------------------------------------------------------


async def test_typing_reaches_the_hub_at_most_every_two_seconds_and_only_in_a_conversation(
    site: Site,
) -> None:
    async with site.page() as page:
        await page.state("none")
        await page.say(type="typing")
        await page.write("m1", "Hello")
        await page.state("waiting")
        for wait_ms in (0, 500, 1_500):
            site.hub.now_at += wait_ms
            await page.say(type="typing")
            await page.say(type="ping")
            await page.next("pong")
    assert site.hub.typings == [site.hub.thread()] * 2


async def test_a_reply_is_delivered_when_the_open_page_says_that_it_has_it(site: Site) -> None:
    async with site.page() as page:
        await page.write("m1", "Hello")
        await page.state("waiting")
        line = site.hub.say(site.hub.thread(), "Good day")
        sending = asyncio.create_task(site.channel.send(outgoing(site.hub.thread())))
        await page.line("Good day")
        await page.say(type="got", seq=line.seq)
        sent = await sending
    assert (sent.state, sent.provider_id) == ("delivered", "outbox-1")


async def test_a_reply_to_a_page_that_says_nothing_is_only_accepted() -> None:
    async with a_site(limits=replace(UNHURRIED, delivery_ms=50)) as site, site.page() as page:
        await page.write("m1", "Hello")
        site.hub.say(site.hub.thread(), "Good day")
        await page.line("Good day")
        assert (await site.channel.send(outgoing(site.hub.thread()))).state == "accepted"
        await page.say(type="got", seq=1)
        assert (await site.channel.send(outgoing(site.hub.thread()))).state == "accepted"


async def test_a_page_cannot_claim_what_it_was_never_sent() -> None:
    async with a_site(limits=replace(UNHURRIED, delivery_ms=50)) as site, site.page() as page:
        await page.write("m1", "Hello")
        await page.line("Hello")
        await page.say(type="got", seq=9_999)
        await page.say(type="ping")
        await page.next("pong")
        site.hub.say(site.hub.thread(), "Good day")
        assert (await site.channel.send(outgoing(site.hub.thread()))).state == "accepted"


async def test_a_reply_to_nobody_is_accepted_at_once_and_a_page_that_goes_ends_the_wait(site: Site) -> None:
    assert (await site.channel.send(outgoing("nobody/support/1"))).state == "accepted"
    async with site.page() as page:
        await page.write("m1", "Hello")
        await page.line("Hello")
        site.hub.say(site.hub.thread(), "Good day")
        sending = asyncio.create_task(site.channel.send(outgoing(site.hub.thread())))
        await page.line("Good day")
    assert (await asyncio.wait_for(sending, 30)).state == "accepted"


async def test_one_visitors_reply_wakes_no_other_visitor(site: Site) -> None:
    async with site.page() as mine, site.page() as theirs:
        await mine.write("m1", "mine")
        await theirs.write("m1", "theirs")
        site.hub.say(site.hub.thread(0), "for me")
        site.hub.say(site.hub.thread(1), "for them")
        await mine.line("for me")
        await theirs.line("for them")
        assert mine.lines == ["mine", "for me"]
        assert theirs.lines == ["theirs", "for them"]


async def test_a_chat_can_only_be_written_to(site: Site) -> None:
    with pytest.raises(Rejected):
        await site.channel.send(outgoing("t", verb="hang_up"))


async def test_a_line_whose_wake_was_lost_comes_with_the_next_heartbeat(site: Site) -> None:
    async with site.page() as page:
        await page.write("m1", "Hello")
        await page.line("Hello")
        lines = site.hub.shown[site.hub.thread()]
        lines.append(replace(lines[0], seq=2, sender="agent", text="said on a node that we did not hear"))
        await page.say(type="ping")
        await page.line("said on a node that we did not hear")


async def test_a_page_that_goes_leaves_nothing_behind(site: Site) -> None:
    async with site.page() as page:
        await page.write("m1", "Hello")
        assert site.hub.watching(site.hub.thread()) == 1
    await until(lambda: site.hub.watching(site.hub.thread()) == 0)
    await until(lambda: not site.channel._present)


async def test_the_channel_closes_its_pages_when_the_hub_goes_down(site: Site) -> None:
    async with site.page() as page:
        await page.state("none")
        await site.channel.close()
        assert await page.closed() == 1001


async def test_a_failing_hub_closes_the_page_so_that_it_comes_back() -> None:
    async with a_site() as site:
        site.hub.fail_on = lambda _: OSError("the disk is gone")
        async with site.page() as page:
            await page.say(type="message", id="m1", text="Hello")
            assert await page.closed() == 1011
            assert not [f for f in page.frames if f["type"] == "ack"]
        await until(lambda: site.failures)
        assert [type(error) for error in site.failures] == [OSError]
        site.hub.fail_on = lambda _: None
        async with site.page() as page:
            assert (await page.write("m1", "Hello"))["type"] == "ack"
