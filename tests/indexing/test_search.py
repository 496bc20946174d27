"""What was written is found, a moment after it came, by everybody who may read it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from contact_center.domain.events import Attachment
from contact_center.domain.search_words import Clause, Phrase
from contact_center.domain.time import DAY
from contact_center.storage import full_text
from contact_center.storage.connection import Connection
from tests.hub import TestHub, letter, open_test_hub

LENA = "+4915112345678"


async def indexed(hub: TestHub) -> None:
    """Waits until everything that was said is in the index."""

    async def done() -> bool:
        at = await hub.runtime.indexer.progress()
        hub.runtime.indexer.nudge()
        return bool(at.ready and at.reached >= at.last)

    await hub.eventually(done, "the index")


async def found(hub: TestHub, q: str, **more: Any) -> list[int]:
    return [item["id"] for item in (await hub.get("cases", q=q, **more))["items"]]


async def a_desk_of_letters(hub: TestHub) -> dict[str, int]:
    """Cases by what they are about."""
    about: dict[str, int] = {}
    for name, sender, subject, text in (
        ("parcel", "lena@example.com", "Where is my parcel?", "It was sent in March, tracking number 4711-0815."),
        ("refund", "omar@shop.example", "Refund please", "The café machine broke. I want my REFUNDS in full."),
        ("chinese", "li@example.cn", "退款申请", "我想退貨，包裹没有到。iPhone手机坏了"),
        ("thanks", "lena@example.com", "Thanks", "The refund arrived. Thank you for the parcel."),
    ):
        answer = await hub.letter(sender, text, subject=subject, name=name.title() + " Person")
        about[name] = answer.case_id
    await indexed(hub)
    return about


async def test_cases_are_found_by_what_was_written_in_them(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub:
        at = await a_desk_of_letters(hub)
        for q, wanted in (
            ("parcel", ["thanks", "parcel"]),
            ("refund", ["thanks", "refund"]),
            ("refund full", ["refund"]),
            ("refu", ["thanks", "refund"]),
            ("CAFE", ["refund"]),
            ("parcel -refund", ["parcel"]),
            ('"my parcel"', ["parcel"]),
            ('"parcel my"', []),
            ("subject:refund", ["refund"]),
            ("from:omar@shop.example", ["refund"]),
            ("from:lena parcel", ["thanks", "parcel"]),
            ("to:support@hub.example refund", ["thanks", "refund"]),
            ("退款", ["chinese"]),
            ("退货", ["chinese"]),
            ("包裹没到", []),
            ("包裹没有到", ["chinese"]),
            ("款", ["chinese"]),
            ("手机 iphone", ["chinese"]),
            ("47110815", ["parcel"]),
            ("4711", ["parcel"]),
            ("shop.example", ["refund"]),
            ("channel:email refund", ["thanks", "refund"]),
            ("channel:sms refund", []),
            ("nothing of the kind", []),
            ("in:support refund", ["thanks", "refund"]),
            ("in:sales refund", []),
            ("is:closed refund", []),
            ("is:open refund", ["thanks", "refund"]),
            (f"#{at['refund']}", ["refund"]),
            ("after:2020-01-01 refund", ["thanks", "refund"]),
            ("before:2020-01-01 refund", []),
            ("after:2026", ["thanks", "chinese", "refund", "parcel"]),
        ):
            assert await found(hub, q) == [at[name] for name in wanted], q


async def test_what_is_found_is_shown_with_its_words_marked(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub:
        at = await a_desk_of_letters(hub)
        page = await hub.get("cases", q="refund")
        assert page["count"] == 2
        assert not page["more"]
        first, second = page["items"]
        assert first["match"]["pieces"] == [
            ["The ", False],
            ["refund", True],
            [" arrived. Thank you for the parcel.", False],
        ]
        assert second["subject_pieces"] == [["Refund", True], [" please", False]]
        assert (second["id"], second["match"]["name"], second["match"]["kind"]) == (
            at["refund"],
            "Refund Person",
            "message.received",
        )


async def test_notes_replies_and_files_are_found_too(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub, hub.at_work("mei") as (mei,):
        file = Attachment("0" * 64, "Rechnung_2026.pdf", "application/pdf", 10)
        await hub.take_in(replace(letter("omar@shop.example", "See the file"), attachments=(file,)))
        work = await mei.accept()
        await mei.command("note", interaction_id=work.interaction_id, text="Grumpy, handle with care")
        await mei.command("reply", interaction_id=work.interaction_id, text="We have posted a voucher")
        await hub.letter("lena@example.com", "No file here, but a voucher")
        await indexed(hub)
        assert await found(hub, "grumpy care") == [work.case_id]
        assert await found(hub, "from:mei voucher") == [work.case_id]
        assert await found(hub, "rechnung") == [work.case_id]
        assert await found(hub, "has:attachment") == [work.case_id]
        assert await found(hub, "has:attachment voucher") == []
        assert await found(hub, "agent:mei is:open voucher") == []
        note = (await hub.get("cases", q="grumpy"))["items"][0]["match"]
        assert (note["kind"], note["name"]) == ("note.added", "Mei Lin 林美")


async def test_a_customer_is_found_by_name_address_and_number_and_by_a_new_name(
    database_url: str, tmp_path: Path
) -> None:
    async with open_test_hub(database_url, tmp_path) as hub:
        await hub.twilio.sms(LENA, "Hello there")
        await hub.letter("omar@shop.example", "Good day", name="Omar Haddad")
        await indexed(hub)

        async def people(q: str) -> list[str]:
            return [each["name"] or each["points"][0]["value"] for each in (await hub.get("customers", q=q))["items"]]

        assert await people("0151 12345678") == await people("+4915112345678") == [LENA]
        assert await people("haddad") == await people("omar@shop.example") == await people("shop") == ["Omar Haddad"]
        assert await people("om") == []
        (lena,) = (await hub.get("customers", q=LENA))["items"]
        (case_id,) = await found(hub, "0151 12345678")
        hub.advance(DAY)
        done = {"customer_id": lena["id"], "name": "Léna Vogel"}
        assert (await hub.http.post("/api/v1/commands/rename_customer", json=done)).status_code == 200

        async def renamed() -> bool:
            hub.runtime.indexer.nudge()
            return await found(hub, "vogel hello") == [case_id]

        await hub.eventually(renamed, "the new name")
        assert await people("lena") == ["Léna Vogel"]
        assert await found(hub, "lena") == [case_id]
        (clock,) = [each for each in (await hub.get("customers", q=""))["items"] if each["name"] == "Omar Haddad"]
        assert clock["points"][0]["value"] == "omar@shop.example"


async def test_a_call_is_found_by_what_was_said_once_it_is_over(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub, hub.at_work("mei") as (mei,):
        call = hub.twilio.call(LENA)
        await call.arrive()
        work = await mei.accept()
        await call.agent_answers(work.interaction_id, (await hub.get("offers"))["items"][0]["id"])
        await call.says("My washing machine is flooding", hub.clock.now)
        await call.says("the whole kitchen", hub.clock.now + 1_000)
        await call.completed()
        await mei.command("wrap_up", interaction_id=work.interaction_id, disposition="solved", note="plumber sent")
        await mei.gone(work.interaction_id)
        await indexed(hub)
        assert await found(hub, "flooding kitchen") == [work.case_id]
        assert await found(hub, "plumber") == [work.case_id]
        assert await found(hub, f"{LENA} channel:call") == [work.case_id]
        (item,) = (await hub.get("cases", q="kitchen"))["items"]
        assert [piece for piece, hit in item["match"]["pieces"] if hit] == ["kitchen"]


async def test_every_page_goes_on_where_the_last_one_ended_and_shows_nothing_twice(
    database_url: str, tmp_path: Path
) -> None:
    async with open_test_hub(database_url, tmp_path) as hub:
        for i in range(9):
            await hub.letter(f"c{i % 5}@example.com", f"apple pie number {i}", subject=f"Order {i}")
            await hub.letter(f"c{i % 5}@example.com", f"another apple {i}", subject=f"Order {i}")
        await indexed(hub)
        whole = await found(hub, "apple", limit=50)
        seen: list[int] = []
        after = ""
        while True:
            page = await hub.get("cases", q="apple", limit=2, after=after)
            seen += [item["id"] for item in page["items"]]
            if page["next"] is None:
                break
            after = page["next"]
        assert seen == whole
        assert len(set(seen)) == len(seen)


async def test_mail_that_was_moved_in_later_stands_where_its_time_is(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub:
        new = await hub.letter("lena@example.com", "A comet today")
        hub.clock.now -= 900 * DAY
        moved_in = await hub.letter("omar@shop.example", "A comet long ago")
        hub.clock.now += 900 * DAY
        await indexed(hub)
        assert await found(hub, "comet") == [new.case_id, moved_in.case_id]
        assert await found(hub, "comet before:2026-01-01") == [moved_in.case_id]
        assert await found(hub, "comet after:2026-01-01") == [new.case_id]
        assert await found(hub, "after:2024-01-01 before:2026-01-01") == [moved_in.case_id]


@pytest.mark.parametrize(
    ("q", "said"),
    [
        ("is:lost", "open, pending, closed"),
        ("-refund", "what to look for"),
        ("in:nowhere", "no queue"),
        ("agent:x", "no agent"),
    ],
)
async def test_a_query_that_cannot_be_meant_is_answered_with_what_to_type(
    q: str, said: str, database_url: str, tmp_path: Path
) -> None:
    async with open_test_hub(database_url, tmp_path) as hub:
        await indexed(hub)
        answer = await hub.http.get("/api/v1/cases", params={"q": q})
        assert answer.status_code == 422
        assert said in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    "q", ['"', "AND", "OR NOT", "a AND", "x:y:z", "':w1'", "!&|", "a<->b", "NEAR(a b)", "{who}:a", "\\", "%", "a*b*"]
)
async def test_nothing_that_is_typed_is_taken_for_the_databases_own_language(
    q: str, database_url: str, tmp_path: Path
) -> None:
    async with open_test_hub(database_url, tmp_path) as hub:
        await hub.letter("lena@example.com", "and or not near who")
        await indexed(hub)
        answer = await hub.http.get("/api/v1/cases", params={"q": q})
        assert answer.status_code == 200, answer.text


async def test_the_index_is_made_anew_from_the_log(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub:
        at = await a_desk_of_letters(hub)

        def anew(conn: Connection) -> tuple[list[full_text.Hit], list[full_text.Hit]]:
            """What is found before and after, with nobody in between who reads the log again."""
            ask = full_text.Asked((Clause((Phrase(("parcel",)),)),), 0, full_text.BIG)
            before, _ = full_text.walk(conn, ask, full_text.BIG, 7)
            assert full_text.prepare(conn, True)
            return before, full_text.walk(conn, ask, full_text.BIG, 7)[0]

        before, after = await hub.write(anew)
        assert (len(before), after) == (2, [])
        hub.runtime.indexer.nudge()
        await indexed(hub)
        assert await found(hub, "parcel") == [at["thanks"], at["parcel"]]


async def test_what_is_in_the_log_is_indexed_once_though_two_do_it(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub:
        await a_desk_of_letters(hub)
        at = await hub.runtime.indexer.progress()
        assert not await hub.write(full_text.advance, full_text.LOG, at.reached - 1, at.reached + 5)
        assert await hub.runtime.indexer.progress() == at


async def test_each_of_years_of_letters_is_found_once_from_whenever_one_looks(
    database_url: str, tmp_path: Path
) -> None:
    def seen_in(conn: Connection, end: int) -> list[int]:
        ask = full_text.Asked((Clause((Phrase(("parcel",)),)),), 0, end)
        seen: list[int] = []
        begin = full_text.BIG
        while begin:
            hits, begin = full_text.walk(conn, ask, begin, 7)
            seen += [hit.seq for hit in hits]
        return seen

    def fill(conn: Connection) -> list[full_text.Document]:
        moments = [
            1_700_000_000_000 + day * DAY for day in (0, 1, 2, 3, 40, 41, 95, 96, 97, 190, 191, 400, 800, 1100)
        ]
        made = [
            full_text.Document(seq, seq, 1, at, (["parcel"], [], [], [], [])) for seq, at in enumerate(moments, 1)
        ]
        full_text.add(conn, made)
        return made

    async with open_test_hub(database_url, tmp_path) as hub:
        made = await hub.write(fill)
        for newest in range(len(made), 0, -1):
            end = made[newest - 1].number + 1
            assert await hub.read(seen_in, end) == list(range(newest, 0, -1))
