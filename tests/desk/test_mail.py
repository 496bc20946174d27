"""Letters by agents: to whom, with what, when they leave, and how they are taken back."""

from __future__ import annotations

import email
import email.policy
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from contact_center.desk.mail import LATEST_MS
from contact_center.domain.events import SentAtOnce
from contact_center.domain.time import DAY, HOUR, SECOND
from tests.channels.email.servers import Received, SmtpServer
from tests.hub import Clock, CommandRefused, Console, TestHub, house, open_test_hub

LENA = "lena@example.com"
MAIL = {"undo_seconds": 10}


@dataclass
class Desk:
    hub: TestHub
    smtp: SmtpServer
    mei: Console
    interaction_id: str

    async def reply(self, **args: Any) -> dict[str, Any]:
        """Writes a letter; the event that it became."""
        said = {"text": "Hello Lena"} if not args.keys() & {"text", "html"} else {}
        value = await self.mei.command("reply", interaction_id=self.interaction_id, **said, **args)
        event: dict[str, Any] = value["event"]
        return event

    async def refused(self, name: str = "reply", **args: Any) -> CommandRefused:
        with pytest.raises(CommandRefused) as caught:
            await self.mei.command(name, interaction_id=self.interaction_id, **args)
        return caught.value

    async def arrived(self, number: int = 1) -> list[Received]:
        """What the mail server has once it has so many letters."""
        self.hub.advance(10 * SECOND)

        async def there() -> bool:
            return len(self.smtp.received) >= number

        await self.hub.eventually(there, f"{number} letters")
        return sorted(self.smtp.received, key=lambda each: each.recipients)

    async def states(self) -> dict[str, str]:
        return {row["payload"]["recipient"]["value"]: row["state"] for row in await self.hub.rows("outbox")}

    async def become(self, *states: str) -> None:
        async def are() -> bool:
            return sorted((await self.states()).values()) == sorted(states)

        await self.hub.eventually(are, f"the rows to become {states}")

    async def upload(self, data: bytes, name: str, agent: str = "mei", **headers: str) -> dict[str, Any]:
        answer = await self.hub.http.post(
            "/api/v1/uploads", params={"name": name, "agent": agent}, content=data, headers=headers
        )
        assert answer.status_code == 200, answer.text
        file: dict[str, Any] = answer.json()
        return file


@asynccontextmanager
async def at_the_desk(
    database_url: str, tmp_path: Path, clock: Clock | None = None, **mail: Any
) -> AsyncIterator[Desk]:
    """Mei has Lena's letter in hand, and there is a mail server for what she writes."""
    smtp = SmtpServer()
    await smtp.start()
    outside = {
        "email_address": "support@hub.example",
        "email_imap_url": "imap://127.0.0.1:1",
        "email_smtp_url": smtp.url,
    }
    config = house(mail={**MAIL, **mail})
    try:
        async with (
            open_test_hub(database_url, tmp_path, clock=clock, config=config, environment=outside) as hub,
            hub.at_work("mei") as (mei,),
        ):
            asked = ("<first@example.com>", "<earlier@example.com>")
            await hub.letter(LENA, "Where is my parcel?", name="Lena Ott", subject="My parcel", references=asked)
            work = await mei.accept()
            yield Desk(hub, smtp, mei, work.interaction_id)
    finally:
        await smtp.stop()


def read(received: Received) -> EmailMessage:
    message = email.message_from_bytes(received.data, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return message


# --- to whom --------------------------------------------------------------------------------------------------------


async def test_an_answer_goes_to_the_customer_in_their_thread(database_url: str, tmp_path: Path) -> None:
    async with at_the_desk(database_url, tmp_path) as desk:
        event = await desk.reply(text="It is on its way.")
        (received,) = await desk.arrived()
        message = read(received)
        assert (received.sender, received.recipients) == ("support@hub.example", [LENA])
        assert (message["To"], message["Subject"]) == ("Lena Ott <lena@example.com>", "Re: My parcel")
        assert message["In-Reply-To"] == "<first@example.com>"
        assert message["References"].split() == ["<earlier@example.com>", "<first@example.com>"]
        assert (event["body"]["to"], event["body"]["cc"]) == ([], [])
        await desk.mei.line("delivery.changed", lambda e: e.body["state"] == "accepted")


async def test_each_of_several_gets_the_same_letter_by_a_row_of_their_own(database_url: str, tmp_path: Path) -> None:
    async with at_the_desk(database_url, tmp_path) as desk:
        event = await desk.reply(to=[LENA, "Tom@Example.com"], cc=["ann@example.org"], bcc=["boss@example.net"])
        letters = await desk.arrived(4)
        assert [each.recipients for each in letters] == [
            ["ann@example.org"],
            ["boss@example.net"],
            [LENA],
            ["tom@example.com"],
        ]
        assert len({each.data for each in letters}) == 1, "not a byte differs"
        message = read(letters[0])
        assert message["To"] == "Lena Ott <lena@example.com>, tom@example.com"
        assert message["Cc"] == "ann@example.org"
        assert b"boss@example.net" not in letters[0].data, "nobody sees who got it in secret"
        first = event["body"]["outbox_id"]
        assert sorted(row["id"] for row in await desk.hub.rows("outbox")) == [
            first,
            *(f"{first}-{n}" for n in (1, 2, 3)),
        ]
        await desk.become(*["accepted"] * 4)
        record = await desk.hub.record(desk.interaction_id)
        assert record.participants == ["tom@example.com", "ann@example.org", "boss@example.net"]


async def test_what_became_of_it_is_told_of_each_recipient(database_url: str, tmp_path: Path) -> None:
    async with at_the_desk(database_url, tmp_path) as desk:
        desk.smtp.answers = {"tom@example.com": "550 5.1.1 no such user", "ann@example.org": "450 4.2.0 later"}
        await desk.reply(to=[LENA, "tom@example.com", "ann@example.org"])
        await desk.arrived()
        await desk.become("accepted", "failed", "retry")
        failed = await desk.mei.line("delivery.changed", lambda e: e.body["state"] == "failed")
        assert failed.body["recipient"] == "tom@example.com"
        assert "no such user" in failed.body["reason"]
        assert (await desk.mei.work(desk.interaction_id)).undelivered == 1
        desk.smtp.answers = {}
        letters = await desk.arrived(2)
        assert [each.recipients for each in letters] == [["ann@example.org"], [LENA]], "nobody gets it twice"
        assert letters[0].data == letters[1].data


async def test_an_address_counts_once_where_it_is_first_named(database_url: str, tmp_path: Path) -> None:
    async with at_the_desk(database_url, tmp_path) as desk:
        event = await desk.reply(
            to=[LENA, " LENA@example.com "], cc=["lena@Example.com", "tom@example.com"], bcc=["tom@example.com"]
        )
        assert (event["body"]["to"], event["body"]["cc"], event["body"]["bcc"]) == ([LENA], ["tom@example.com"], [])


NONSENSE: list[tuple[dict[str, Any], str]] = [
    ({"to": []}, "to"),
    ({"to": ["lena"]}, "to"),
    ({"cc": ["Lena <lena@example.com>"]}, "cc"),
    ({"bcc": ["a@example.com, b@example.com"]}, "bcc"),
    ({"cc": ["a@example.com\r\nBcc: b@example.com"]}, "cc"),
    ({"to": [f"a{n}@example.com" for n in range(21)]}, "to"),
    ({"cc": ["support@hub.example"]}, "cc"),
    ({"cc": ["x" * 400]}, "args"),
    ({"attachments": [{"digest": "0" * 64, "name": "a.pdf"}]}, "attachments"),
    ({"attachments": [{"digest": "../../secret.key"}]}, "args"),
    ({"send_at": 2**53}, "send_at"),
    ({"text": " \n "}, "empty"),
    ({"html": "<p> </p>"}, "empty"),
    ({"html": "<script>alert(1)</script>"}, "empty"),
    ({"colour": "red"}, "args"),
]


async def test_what_makes_no_sense_is_refused_and_nothing_leaves(database_url: str, tmp_path: Path) -> None:
    async with at_the_desk(database_url, tmp_path) as desk:
        for args, code in NONSENSE:
            said = {} if args.keys() & {"text", "html"} else {"text": "Hello"}
            assert (await desk.refused(**said, **args)).code == code, args
        assert await desk.hub.rows("outbox") == []


async def test_whoever_is_no_part_of_it_begins_a_thread_of_their_own(database_url: str, tmp_path: Path) -> None:
    async with at_the_desk(database_url, tmp_path) as desk:
        await desk.reply(to=["carrier@example.net"], subject="Fwd: My parcel")
        (received,) = await desk.arrived()
        message = read(received)
        assert message["References"] is None
        assert message["In-Reply-To"] is None
        assert message["Subject"] == "Fwd: My parcel"
        tokens = desk.hub.runtime.channels["email"]._tokens
        assert tokens.interaction_of(message["Message-ID"]) == desk.interaction_id, "their answer finds its way"


async def test_a_text_message_takes_words_alone(database_url: str, tmp_path: Path) -> None:
    async with at_the_desk(database_url, tmp_path) as desk:
        await desk.hub.twilio.sms("+4915112345678", "Hello?")
        work = await desk.mei.accept()
        with pytest.raises(CommandRefused) as refused:
            await desk.mei.command("reply", interaction_id=work.interaction_id, text="Hi", cc=["a@example.com"])
        assert refused.value.code == "no_mail"


# --- with what ------------------------------------------------------------------------------------------------------


async def test_html_is_made_harmless_and_has_its_text_beside_it(database_url: str, tmp_path: Path) -> None:
    async with at_the_desk(database_url, tmp_path) as desk:
        html = '<p onclick="x()">Good <b>news</b></p><script>x()</script><img src="https://spy.example/p.gif">'
        event = await desk.reply(html=html, text="something else")
        (received,) = await desk.arrived()
        message = read(received)
        plain, rich = message.get_body(("plain",)), message.get_body(("html",))
        assert plain is not None
        assert rich is not None
        assert plain.get_content().strip() == "Good news"
        assert rich.get_content().strip() == "<p>Good <b>news</b></p>"
        assert event["body"]["text"] == "Good news"
        assert await desk.hub.runtime.blobs.get(event["body"]["html"]) == b"<p>Good <b>news</b></p>"


async def test_files_and_pictures_go_along(database_url: str, tmp_path: Path) -> None:
    async with at_the_desk(database_url, tmp_path) as desk:
        pdf = await desk.upload(b"%PDF-1.7 contract", "合同.pdf")
        png = await desk.upload(b"\x89PNG\r\n\x1a\n", "logo.png")
        event = await desk.reply(
            html=f'<p>See <img src="cid:{png["digest"]}"></p>',
            attachments=[{"digest": pdf["digest"], "name": "合同 最终版.pdf"}],
        )
        assert [(a["name"], a["size"]) for a in event["attachments"]] == [("合同 最终版.pdf", 17), ("logo.png", 8)]
        (received,) = await desk.arrived()
        message = read(received)
        assert message.get_content_type() == "multipart/mixed"
        (attached,) = message.iter_attachments()
        assert attached.get_filename() == "合同 最终版.pdf"
        assert attached.get_content() == b"%PDF-1.7 contract"
        (related,) = [part for part in message.walk() if part.get_content_type() == "multipart/related"]
        picture = list(related.iter_parts())[1]  # type: ignore[attr-defined]
        assert picture["Content-ID"] == f"<{png['digest']}>"
        assert picture.get_content() == b"\x89PNG\r\n\x1a\n"


async def test_nobody_sends_a_file_that_they_may_not_see(database_url: str, tmp_path: Path) -> None:
    async with at_the_desk(database_url, tmp_path) as desk:
        theirs = await desk.upload(b"of a colleague", "secret.txt", agent="jonas")
        refused = await desk.refused(text="Hi", attachments=[theirs])
        assert refused.code == "attachments"
        inside = await desk.refused(html=f'<img src="cid:{theirs["digest"]}">')
        assert inside.code == "attachments"


async def test_files_that_are_too_large_together_are_refused_at_once(database_url: str, tmp_path: Path) -> None:
    async with at_the_desk(database_url, tmp_path) as desk:
        files = [await desk.upload(bytes([n]) * 13 * 1_048_576, f"{n}.bin") for n in (1, 2)]
        refused = await desk.refused(text="Both", attachments=files)
        assert (refused.code, "25 MB" in refused.message) == ("too_large", True)
        assert await desk.hub.rows("outbox") == []


# --- when -----------------------------------------------------------------------------------------------------------


async def test_a_letter_waits_for_second_thoughts(database_url: str, tmp_path: Path) -> None:
    async with at_the_desk(database_url, tmp_path) as desk:
        event = await desk.reply()
        assert event["body"]["send_at"] == desk.hub.clock.now + 10 * SECOND
        desk.hub.advance(9 * SECOND)
        assert list((await desk.states()).values()) == ["queued"]
        await desk.arrived()


async def test_a_letter_that_is_taken_back_never_leaves_and_is_the_draft_again(
    database_url: str, tmp_path: Path
) -> None:
    async with at_the_desk(database_url, tmp_path) as desk:
        pdf = await desk.upload(b"%PDF", "a.pdf")
        event = await desk.reply(
            html="<p>Too <i>early</i></p>",
            to=[LENA],
            cc=["tom@example.com"],
            bcc=["b@example.com"],
            attachments=[pdf],
        )
        args = {"interaction_id": desk.interaction_id, "outbox_id": event["body"]["outbox_id"]}
        back = await desk.mei.command("unsend", **args)
        assert (back["html"], back["text"], back["subject"]) == (
            "<p>Too <i>early</i></p>",
            "Too early",
            "Re: My parcel",
        )
        assert (back["to"], back["cc"], back["bcc"]) == ([LENA], ["tom@example.com"], ["b@example.com"])
        assert (back["attachments"], back["left"], back["mode"]) == ([pdf], [], "reply")
        draft = await desk.hub.get(f"interactions/{desk.interaction_id}/draft/reply", agent="mei")
        assert (draft["html"], draft["attachments"]) == (back["html"], [pdf])
        await desk.mei.line("delivery.changed", lambda e: e.body["state"] == "cancelled")
        desk.hub.advance(HOUR)
        assert (await desk.refused("unsend", outbox_id=args["outbox_id"])).code == "sent"
        assert set((await desk.states()).values()) == {"cancelled"}
        await desk.reply(html=back["html"], attachments=back["attachments"])
        assert len(await desk.arrived()) == 1
        assert len(desk.smtp.received) == 1


async def test_what_has_left_cannot_be_taken_back(database_url: str, tmp_path: Path) -> None:
    async with at_the_desk(database_url, tmp_path) as desk:
        event = await desk.reply()
        await desk.arrived()
        assert (await desk.refused("unsend", outbox_id=event["body"]["outbox_id"])).code == "sent"


async def test_only_who_wrote_it_or_supervises_takes_it_back(database_url: str, tmp_path: Path) -> None:
    async with at_the_desk(database_url, tmp_path) as desk:
        event = await desk.reply()
        args = {"interaction_id": desk.interaction_id, "outbox_id": event["body"]["outbox_id"]}
        async with desk.hub.signed_in("jonas") as jonas:
            for name in ("unsend", "send_now"):
                with pytest.raises(CommandRefused) as refused:
                    await jonas.command(name, **args)
                assert refused.value.code == "not_found"
        assert list((await desk.states()).values()) == ["queued"]
        async with desk.hub.signed_in("sana") as sana:
            await sana.command("unsend", **args)
        assert list((await desk.states()).values()) == ["cancelled"]


async def test_a_letter_for_tomorrow_leaves_tomorrow_even_if_its_conversation_is_over(
    database_url: str, tmp_path: Path
) -> None:
    async with at_the_desk(database_url, tmp_path) as desk:
        tomorrow = desk.hub.clock.now + DAY
        event = await desk.reply(send_at=tomorrow)
        assert event["body"]["send_at"] == tomorrow
        await desk.mei.command("wrap_up", interaction_id=desk.interaction_id, disposition="solved")
        await desk.mei.gone(desk.interaction_id)
        desk.hub.advance(DAY - HOUR)
        assert list((await desk.states()).values()) == ["queued"]
        desk.hub.advance(HOUR)
        (received,) = await desk.arrived()
        assert read(received)["Date"].datetime.timestamp() == tomorrow // 1_000, "it says when it left"


async def test_a_letter_for_later_may_leave_now(database_url: str, tmp_path: Path) -> None:
    async with at_the_desk(database_url, tmp_path) as desk:
        event = await desk.reply(send_at=desk.hub.clock.now + LATEST_MS, cc=["tom@example.com"])
        args = {"interaction_id": desk.interaction_id, "outbox_id": event["body"]["outbox_id"]}
        now = desk.hub.clock.now
        await desk.mei.command("send_now", **args)
        letters = await desk.arrived(2)
        assert [read(each)["Date"].datetime.timestamp() for each in letters] == [now // 1_000] * 2
        (said,) = [each for each in await desk.hub.log(desk.interaction_id) if isinstance(each.body, SentAtOnce)]
        assert (said.body.outbox_id, said.actor.id) == (args["outbox_id"], "mei"), "and the record says who let it"
        assert (await desk.refused("send_now", outbox_id=args["outbox_id"])).code == "sent"


async def test_second_thoughts_can_be_switched_off(database_url: str, tmp_path: Path) -> None:
    async with at_the_desk(database_url, tmp_path, undo_seconds=0) as desk:
        event = await desk.reply()
        assert event["body"]["send_at"] == 0
        await desk.become("accepted")


async def test_sending_and_taking_back_at_once_does_one_of_them(database_url: str, tmp_path: Path) -> None:
    async with at_the_desk(database_url, tmp_path) as desk:
        event = await desk.reply(to=[LENA, "a@example.com", "b@example.com"])
        args = {"interaction_id": desk.interaction_id, "outbox_id": event["body"]["outbox_id"]}
        desk.hub.advance(10 * SECOND)
        taken_back: set[str] = set()
        with suppress(CommandRefused):
            taken_back = {*(await desk.mei.command("unsend", **args))["to"]}

        async def over() -> bool:
            return not {"queued", "sending"} & set((await desk.states()).values())

        await desk.hub.eventually(over)
        got = {each.recipients[0] for each in desk.smtp.received}
        assert got | taken_back == {LENA, "a@example.com", "b@example.com"}
        assert got & taken_back == set(), "nobody gets what was taken back"


async def test_the_same_letter_by_two_commands_of_one_id_leaves_once(database_url: str, tmp_path: Path) -> None:
    async with at_the_desk(database_url, tmp_path) as desk:
        args = {"interaction_id": desk.interaction_id, "html": "<p>Hi</p>", "cc": ["tom@example.com"]}
        once = await desk.mei.command("reply", "same", **args)
        again = await desk.mei.command("reply", "same", **args)
        assert once == again
        assert len(await desk.hub.rows("outbox")) == 2


# --- what was not delivered -----------------------------------------------------------------------------------------


async def test_what_did_not_arrive_is_sent_again_when_somebody_says_so(database_url: str, tmp_path: Path) -> None:
    async with at_the_desk(database_url, tmp_path) as desk:
        desk.smtp.answers = {LENA: "550 5.7.1 not today"}
        event = await desk.reply(cc=["tom@example.com"])
        await desk.arrived()
        await desk.become("accepted", "failed")
        desk.smtp.answers = {}
        desk.hub.advance(5 * DAY)
        await desk.mei.command("outbox.retry", outbox_id=event["body"]["outbox_id"])
        letters = await desk.arrived(2)
        assert letters[0].data == letters[1].data, "the same bytes, and the same Message-ID"
        await desk.become("accepted", "accepted")
        assert (await desk.mei.work(desk.interaction_id, lambda w: w.undelivered == 0)).undelivered == 0
        with pytest.raises(CommandRefused) as refused:
            await desk.mei.command("outbox.retry", outbox_id=event["body"]["outbox_id"])
        assert refused.value.code == "not_found"


async def test_what_somebody_has_seen_is_listed_no_more(database_url: str, tmp_path: Path) -> None:
    async with at_the_desk(database_url, tmp_path) as desk:
        desk.smtp.answers = {LENA: "550 5.7.1 not today"}
        event = await desk.reply()
        desk.hub.advance(10 * SECOND)
        await desk.become("failed")
        assert (await desk.hub.get("undelivered"))["count"] == 1
        await desk.mei.command("outbox.dismiss", outbox_id=event["body"]["outbox_id"])
        assert await desk.hub.get("undelivered") == {"items": [], "count": 0, "next": None}
        desk.smtp.answers = {}
        await desk.mei.command("outbox.retry", outbox_id=event["body"]["outbox_id"])
        await desk.become("accepted")
