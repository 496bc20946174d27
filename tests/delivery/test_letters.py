"""Letters and mail servers that fail: nothing is lost, nothing leaves twice unseen, and everybody knows."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP

from channels.email.send import Patience
from contact_center.delivery.settle import DOUBT_MS, GIVE_UP_MS, LONGEST_LETTER_MS
from contact_center.domain.time import HOUR, MINUTE, SECOND
from contact_center.storage import outbox
from tests.channels.email.servers import SmtpServer, server_context
from tests.hub import Clock, Console, TestHub, house, open_test_hub, until

LENA = "lena@example.com"


@dataclass
class Post:
    hub: TestHub
    smtp: SmtpServer
    mei: Console
    interaction_id: str

    async def reply(self, *to: str, **args: Any) -> str:
        """Writes a letter that leaves at once; its outbox id."""
        said = {"text": "Hello", "to": list(to or (LENA,)), **args}
        value = await self.mei.command("reply", interaction_id=self.interaction_id, **said)
        return str(value["event"]["body"]["outbox_id"])

    async def rows(self) -> dict[str, dict[str, Any]]:
        """The outbox by recipient."""
        return {row["payload"]["recipient"]["value"]: row for row in await self.hub.rows("outbox")}

    async def become(self, *states: str) -> None:
        async def are() -> bool:
            return sorted(row["state"] for row in (await self.rows()).values()) == sorted(states)

        await self.hub.eventually(are, f"the rows to become {states}")

    async def settled(self) -> None:
        """Waits until nothing is under way."""

        async def at_rest() -> bool:
            rows = await self.hub.rows("outbox")
            due = [
                row for row in rows if row["state"] in ("queued", "retry") and row["next_at"] <= self.hub.clock.now
            ]
            return not due and not any(row["state"] == "sending" for row in rows)

        await self.hub.eventually(at_rest, "the post to come to rest")

    async def pass_time(self, ms: int) -> None:
        """Lets time pass, with everything that is due on the way."""
        end = self.hub.clock.now + ms
        while True:
            await self.settled()
            waiting = [r["next_at"] for r in await self.hub.rows("outbox") if r["state"] in ("queued", "retry")]
            if min(waiting, default=end) >= end:
                break
            self.hub.advance(min(waiting) - self.hub.clock.now)
        self.hub.advance(end - self.hub.clock.now)
        await self.settled()

    async def told(self) -> list[tuple[str, str]]:
        """What the agent was told became of whose letter, in order. What the outbox says is written before anybody
        is told, so the console is waited for."""
        await self.hub.settled(self.mei)
        lines = [line for line in self.mei.lines if line.kind == "delivery.changed"]
        return [(line.body["recipient"], line.body["state"]) for line in lines]


def outside(smtp: str, **more: str) -> dict[str, str]:
    return {
        "email_address": "support@hub.example",
        "email_imap_url": "imap://127.0.0.1:1",
        "email_smtp_url": smtp,
        **more,
    }


@asynccontextmanager
async def a_post(
    database_url: str, tmp_path: Path, smtp: SmtpServer | None = None, url: str = "", **mail: Any
) -> AsyncIterator[Post]:
    server = smtp or SmtpServer()
    await server.start()
    config = house(mail={"undo_seconds": 0, **mail})
    try:
        async with (
            open_test_hub(
                database_url, tmp_path, clock=Clock(), config=config, environment=outside(url or server.url)
            ) as hub,
            hub.at_work("mei") as (mei,),
        ):
            await hub.letter(LENA, "Where is my parcel?", references=("<first@example.com>",))
            work = await mei.accept()
            yield Post(hub, server, mei, work.interaction_id)
    finally:
        await server.stop()


def recipients(smtp: SmtpServer) -> list[str]:
    return sorted(address for each in smtp.received for address in each.recipients)


# --- the mail server is away ----------------------------------------------------------------------------------------


async def test_letters_outlast_an_hour_without_a_mail_server_and_leave_once_each(
    database_url: str, tmp_path: Path
) -> None:
    async with a_post(database_url, tmp_path) as post:
        await post.smtp.stop()
        await post.reply(LENA, "a@example.com", "b@example.org")
        await post.pass_time(HOUR)
        rows = await post.rows()
        assert {row["state"] for row in rows.values()} == {"retry"}
        assert all(5 < row["attempts"] < 20 for row in rows.values()), "patiently"
        assert "can't be reached" in rows[LENA]["reason"]
        assert sorted(await post.told()) == [
            ("a@example.com", "retry"),
            ("b@example.org", "retry"),
            (LENA, "retry"),
        ], "once"
        await post.smtp.start()
        await post.pass_time(HOUR)
        assert recipients(post.smtp) == ["a@example.com", "b@example.org", LENA]
        letters = [each.data for each in post.smtp.received]
        assert letters[0] == letters[1] == letters[2], "whenever it leaves, it is the same letter"
        await post.become(*["accepted"] * 3)


async def test_after_four_days_it_is_given_up_and_shown_even_where_the_case_is_closed(
    database_url: str, tmp_path: Path
) -> None:
    async with a_post(database_url, tmp_path) as post:
        post.smtp.refuse_recipient = "451 4.3.0 later"
        await post.reply()
        await post.become("retry")
        await post.mei.command("wrap_up", interaction_id=post.interaction_id, disposition="solved")
        await post.mei.gone(post.interaction_id)
        post.hub.advance(GIVE_UP_MS - MINUTE)
        await post.settled()
        await post.become("retry")
        post.hub.advance(HOUR)
        await post.become("failed")
        (row,) = (await post.rows()).values()
        assert row["state"] == "failed"
        assert row["reason"].startswith("given up after")
        record = await post.hub.record(post.interaction_id)
        assert record.state != "ended", "somebody looks at it again"
        assert (await post.hub.get("undelivered"))["items"][0]["recipient"] == LENA


# --- it takes some and not others -----------------------------------------------------------------------------------


async def test_a_greylist_a_refusal_and_a_welcome_are_three_fates(database_url: str, tmp_path: Path) -> None:
    async with a_post(database_url, tmp_path) as post:
        post.smtp.answers = {"grey@example.com": "451 4.7.1 greylisted", "gone@example.com": "550 5.1.1 no such user"}
        await post.reply(LENA, "grey@example.com", cc=["gone@example.com"])
        await post.become("accepted", "failed", "retry")
        assert recipients(post.smtp) == [LENA]
        post.smtp.answers.pop("grey@example.com")
        await post.pass_time(HOUR)
        await post.become("accepted", "accepted", "failed")
        assert recipients(post.smtp) == ["grey@example.com", LENA], "nobody gets it twice"
        assert sorted(await post.told()) == sorted(
            [
                (LENA, "accepted"),
                ("grey@example.com", "retry"),
                ("grey@example.com", "accepted"),
                ("gone@example.com", "failed"),
            ]
        )
        assert (await post.hub.record(post.interaction_id)).undelivered == [
            (await post.rows())["gone@example.com"]["id"]
        ]


# --- nobody knows ---------------------------------------------------------------------------------------------------


def takes_and_dies(smtp: SmtpServer) -> None:
    """It has the letter, and is gone before it says so."""

    def die(session: SMTP) -> str:
        received = session.envelope
        assert received is not None
        assert isinstance(received.original_content, bytes)
        smtp.lost.append(received.original_content)
        session.transport.abort()
        return "250 OK, which nobody hears"

    smtp.on_data = die


async def test_a_letter_of_which_nobody_knows_leaves_once_more_with_the_same_id(
    database_url: str, tmp_path: Path
) -> None:
    async with a_post(database_url, tmp_path) as post:
        takes_and_dies(post.smtp)
        await post.reply()
        uncertain = await post.mei.line("delivery.changed", lambda e: e.body["state"] == "uncertain")
        assert uncertain.body["reason"].endswith("It is sent once more.")
        assert (await post.mei.work(post.interaction_id)).undelivered == 1, "meanwhile it counts as not arrived"
        post.smtp.on_data = None
        await post.pass_time(DOUBT_MS - 1)
        assert post.smtp.received == [], "its server has time to think"
        await post.pass_time(MINUTE)
        (received,) = post.smtp.received
        assert post.smtp.lost == [received.data], "byte by byte, Message-ID and all"
        assert (await post.mei.work(post.interaction_id, lambda w: not w.undelivered)).undelivered == 0


async def test_after_one_more_time_a_person_decides(database_url: str, tmp_path: Path) -> None:
    async with a_post(database_url, tmp_path) as post:
        takes_and_dies(post.smtp)
        outbox_id = await post.reply()
        await post.pass_time(HOUR)
        await post.become("uncertain")
        await post.pass_time(GIVE_UP_MS)
        assert len(post.smtp.lost) == 2, "never a third time by itself"
        assert (await post.hub.get("undelivered"))["items"][0]["state"] == "uncertain"
        post.smtp.on_data = None
        await post.mei.command("outbox.retry", outbox_id=outbox_id)
        await post.become("accepted")
        assert {*post.smtp.lost, post.smtp.received[0].data} == {post.smtp.lost[0]}


async def test_a_server_that_is_silent_after_the_last_dot_is_waited_for(database_url: str, tmp_path: Path) -> None:
    usual = Patience()
    assert usual.data >= 600, "RFC 5321 4.5.3.2.6"
    largest = usual.for_bytes(35 * 1_048_576) + usual.begin
    assert largest < LONGEST_LETTER_MS / SECOND - 30, "before the attempt's lease is over"
    async with a_post(database_url, tmp_path) as post:
        channel = post.hub.runtime.channels["email"]
        channel._patience = replace(usual, data=0.5)
        post.smtp.silent = True
        await post.reply()
        await post.mei.line("delivery.changed", lambda e: e.body["state"] == "uncertain")
        channel._patience, post.smtp.silent = usual, False
        await post.pass_time(HOUR)
        await post.become("accepted")
        assert await post.told() == [("", "uncertain"), ("", "accepted")]


async def test_a_letter_whose_sender_died_leaves_once_more(database_url: str, tmp_path: Path) -> None:
    async with a_post(database_url, tmp_path) as post:
        later = post.hub.clock.now + HOUR
        outbox_id = await post.reply(send_at=later)
        await post.hub.write(
            lambda conn: len(outbox.lease(conn, later, later + LONGEST_LETTER_MS, "of the dead", [outbox_id]))
        )
        post.hub.advance(HOUR + LONGEST_LETTER_MS - 1)
        assert (await post.rows())[LENA]["state"] == "sending", "it may still be alive"
        post.hub.advance(1)
        await post.mei.line("delivery.changed", lambda e: e.body["state"] == "uncertain")
        await post.pass_time(HOUR)
        assert recipients(post.smtp) == [LENA]


async def test_a_hub_that_goes_down_writes_down_what_it_was_sending(database_url: str, tmp_path: Path) -> None:
    smtp = SmtpServer(silent=True)
    await smtp.start()
    clock, config = Clock(), house(mail={"undo_seconds": 0})
    try:
        async with (
            open_test_hub(database_url, tmp_path, clock=clock, config=config, environment=outside(smtp.url)) as hub,
            hub.at_work("mei") as (mei,),
        ):
            hub.runtime.postman.moment_s = 0.1
            await hub.letter(LENA, "Where is my parcel?")
            work = await mei.accept()
            await mei.command("reply", interaction_id=work.interaction_id, text="Hello")
            await until(lambda: bool(smtp.lost), "the letter to be handed over")
        smtp.silent = False
        clock.now += DOUBT_MS
        async with open_test_hub(database_url, tmp_path, clock=clock, config=config, environment=outside(smtp.url)):
            await until(lambda: bool(smtp.received), "the letter once more")
        assert [each.data for each in smtp.received] == smtp.lost
    finally:
        await smtp.stop()


# --- not over an open road ------------------------------------------------------------------------------------------


async def test_a_certificate_that_nobody_vouches_for_stops_the_letter_and_says_so(
    database_url: str, tmp_path: Path, certificate: Path
) -> None:
    smtp = SmtpServer(options={"tls_context": server_context(certificate), "require_starttls": True})
    await smtp.start()
    url = f"smtp://127.0.0.1:{smtp.port}?starttls=1"
    await smtp.stop()
    async with a_post(database_url, tmp_path, smtp, url) as post:
        await post.reply()
        told = await post.mei.line("delivery.changed")
        assert told.body["state"] == "retry"
        assert "certificate" in told.body["reason"].lower()
        assert smtp.received == []


async def test_where_starttls_was_stripped_the_letter_waits_and_says_so(database_url: str, tmp_path: Path) -> None:
    smtp = SmtpServer()
    await smtp.start()
    url = f"smtp://127.0.0.1:{smtp.port}?starttls=1"
    await smtp.stop()
    async with a_post(database_url, tmp_path, smtp, url) as post:
        await post.reply()
        told = await post.mei.line("delivery.changed")
        assert told.body["state"] == "retry"
        assert "STARTTLS" in told.body["reason"]
        assert smtp.received == []


# --- what is written stays written ----------------------------------------------------------------------------------


async def test_a_change_of_the_mailbox_and_a_restart_change_no_byte_of_a_letter(
    database_url: str, tmp_path: Path
) -> None:
    smtp = SmtpServer()
    await smtp.start()
    clock, config = Clock(), house(mail={"undo_seconds": 0})
    try:
        async with (
            open_test_hub(database_url, tmp_path, clock=clock, config=config, environment=outside(smtp.url)) as hub,
            hub.at_work("mei") as (mei,),
        ):
            await hub.letter(LENA, "Where is my parcel?")
            work = await mei.accept()
            smtp.refuse_recipient = "451 4.3.0 later"
            to = [LENA, "tom@example.com"]
            await mei.command("reply", interaction_id=work.interaction_id, text="Hello", to=to)
            await mei.until(lambda: sum(e.kind == "delivery.changed" for e in mei.lines) == 2)
            kept = await hub.runtime.blobs.get((await hub.rows("outbox"))[0]["prepared"])
        smtp.refuse_recipient = ""
        clock.now += MINUTE
        changed = outside(smtp.url, email_address="help@hub.example", email_aliases="support@hub.example")
        async with open_test_hub(database_url, tmp_path, clock=clock, config=config, environment=changed):
            await until(lambda: len(smtp.received) == 2, "both letters")
        assert [each.data for each in smtp.received] == [kept, kept]
    finally:
        await smtp.stop()


async def test_a_file_that_is_gone_fails_the_letter_and_says_which(database_url: str, tmp_path: Path) -> None:
    async with a_post(database_url, tmp_path) as post:
        answer = await post.hub.http.post(
            "/api/v1/uploads", params={"name": "bill.pdf", "agent": "mei"}, content=b"%PDF"
        )
        file = answer.json()
        later = post.hub.clock.now + HOUR
        await post.reply(attachments=[file], send_at=later)
        await post.hub.runtime.blobs.remove(file["digest"])
        await post.pass_time(2 * HOUR)
        await post.become("failed")
        assert "bill.pdf" in (await post.rows())[LENA]["reason"]


# --- how fast -------------------------------------------------------------------------------------------------------


async def test_one_domain_gets_so_many_a_minute_and_holds_up_no_other(database_url: str, tmp_path: Path) -> None:
    async with a_post(database_url, tmp_path, per_domain_per_minute=3) as post:
        await post.reply(*(f"p{n}@big.example" for n in range(8)))
        await post.reply("only@small.example")
        await post.settled()
        assert sorted(each.rpartition("@")[2] for each in recipients(post.smtp)) == ["big.example"] * 3 + [
            "small.example"
        ]
        waiting = [row for row in (await post.rows()).values() if row["state"] == "queued"]
        assert [row["attempts"] for row in waiting] == [0] * 5, "to wait is no attempt"
        await post.pass_time(MINUTE)
        assert len(post.smtp.received) == 7
        await post.pass_time(MINUTE)
        assert len(recipients(post.smtp)) == len(set(recipients(post.smtp))) == 9


async def test_a_letter_that_waits_for_its_turn_can_be_taken_back_for_the_rest(
    database_url: str, tmp_path: Path
) -> None:
    async with a_post(database_url, tmp_path, per_domain_per_minute=2) as post:
        outbox_id = await post.reply(*(f"p{n}@big.example" for n in range(4)))
        await post.settled()
        back = await post.mei.command("unsend", interaction_id=post.interaction_id, outbox_id=outbox_id)
        assert sorted(back["left"]) == recipients(post.smtp)
        assert len(back["to"]) == 2
        await post.pass_time(HOUR)
        assert len(post.smtp.received) == 2
