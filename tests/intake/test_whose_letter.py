"""Whose conversation a letter belongs to: who takes part, who doesn't, and what an agent says of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from contact_center.domain.events import (
    CaseJoined,
    CaseLinked,
    DeliveryChanged,
    MessageReceived,
    OfferMade,
    ParticipantAdded,
)
from contact_center.domain.time import MINUTE
from tests.hub import CommandRefused, Console, TestHub, open_test_hub
from tests.intake.mailing import Post, words
from tests.telephony.talking import with_calls

LENA, BOB, EVE = "lena@customer.example", "bob@partner.example", "eve@elsewhere.example"


@asynccontextmanager
async def mailroom(
    database_url: str, folder: Path, config: dict[str, Any] | None = None
) -> AsyncIterator[tuple[TestHub, Post, Console]]:
    async with open_test_hub(database_url, folder, config=config) as hub, hub.at_work("mei") as (mei,):
        yield hub, Post(hub, folder), mei


async def answered(post: Post, mei: Console, sender: str = LENA, **more: object) -> tuple[str, int, str]:
    """A letter that an agent has answered: its interaction, its case, and the Message-ID of the answer."""
    answer = await post.comes(sender, f"A question of {sender}")
    await mei.accept(answer.interaction_id)
    await mei.command("reply", interaction_id=answer.interaction_id, text="Like this.", **more)
    return answer.interaction_id, answer.case_id, await post.our_id(answer.interaction_id)


async def over(mei: Console, interaction_id: str) -> None:
    await mei.command("wrap_up", interaction_id=interaction_id, disposition="solved")
    await mei.gone(interaction_id)


# --- token and sender ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["participant", "other", "spoofed"])
@pytest.mark.parametrize("token", ["ours", "forged", "of another case", "old"])
async def test_only_who_takes_part_and_is_believed_gets_in_by_a_token_of_ours(
    database_url: str, tmp_path: Path, token: str, who: str
) -> None:
    async with mailroom(database_url, tmp_path) as (hub, post, mei):
        lenas, case_id, our_id = await answered(post, mei)
        others, _, other_id = await answered(post, mei, BOB)
        if token == "old":
            await over(mei, lenas)
        shown = {"forged": our_id[:12] + "x" + our_id[13:], "of another case": other_id}.get(token, our_id)
        sender = EVE if who == "other" else LENA
        came = await post.comes(sender, "My answer", answers=shown, vouched=who != "spoofed", subject="Re: A letter")
        gets_in = who == "participant" and token in ("ours", "old")
        assert (came.case_id == case_id) == gets_in
        assert came.interaction_id != others
        links = [e.body for e in await hub.log(came.interaction_id) if isinstance(e.body, CaseLinked)]
        assert bool(links) == (token != "forged" and not gets_in), "what a true token came with is linked"
        assert (await hub.record(lenas)).point == LENA
        assert all(letter.recipient.value != EVE for letter in await post.sent() if letter.recipient)


async def test_what_a_stranger_writes_is_linked_and_the_customer_stays_the_customer(
    database_url: str, tmp_path: Path
) -> None:
    async with mailroom(database_url, tmp_path) as (hub, post, mei):
        lenas, case_id, our_id = await answered(post, mei)
        came = await post.comes(EVE, "Send it to me instead", answers=our_id)
        (event,) = await post.received(came.interaction_id)
        assert words(event).unverified == f"replies to case {case_id} from another address"
        case = (await hub.get(f"cases/{came.case_id}"))["case"]
        assert (case["linked_to"], case["link_state"]) == (case_id, "suggested")
        whole = await hub.get(f"cases/{case_id}")
        assert [each["id"] for each in whole["linked"]] == [came.case_id]
        record = await hub.record(lenas)
        assert (record.point, record.participants, record.messages_in) == (LENA, [], 1)
        assert (await hub.record(came.interaction_id)).queue == record.queue


async def test_a_strangers_second_letter_joins_their_first(database_url: str, tmp_path: Path) -> None:
    async with mailroom(database_url, tmp_path) as (hub, post, mei):
        _, _, our_id = await answered(post, mei)
        one = await post.comes(EVE, "One", answers=our_id)
        two = await post.comes(EVE, "Two", answers=our_id)
        assert (two.interaction_id, two.case_id) == (one.interaction_id, one.case_id)
        forged = await post.comes(EVE, "Three", answers=our_id, vouched=False)
        assert forged.case_id != one.case_id
        assert (await hub.record(one.interaction_id)).messages_in == 2


async def test_references_and_numbers_in_the_subject_open_no_door(database_url: str, tmp_path: Path) -> None:
    async with mailroom(database_url, tmp_path) as (_, post, mei):
        first = await post.comes(LENA, "One", message_id="<one@customer.example>")
        await mei.accept(first.interaction_id)
        for subject in (f"[#{first.case_id}] One", f"Re: Case {first.case_id}"):
            came = await post.comes(LENA, subject, subject=subject, answers="<one@customer.example>")
            assert came.case_id != first.case_id


# --- people who take part -----------------------------------------------------------------------------------------


async def test_whom_an_agent_wrote_to_takes_part_and_is_not_the_customer(database_url: str, tmp_path: Path) -> None:
    async with mailroom(database_url, tmp_path) as (hub, post, mei):
        lenas, case_id, our_id = await answered(post, mei, to=[LENA], cc=[BOB])
        came = await post.comes(BOB, "I can confirm that", answers=our_id, name="Bob Ng", subject="Re: A letter")
        assert (came.interaction_id, came.case_id) == (lenas, case_id)
        *_, event = await post.received(lenas)
        assert event.sender is not None
        assert (event.sender.value, event.sender_name) == (BOB, "Bob Ng")
        record = await hub.record(lenas)
        assert (record.point, record.messages_in, record.unanswered) == (LENA, 2, 1)
        assert event.customer_id == record.customer_id
        line = await mei.line("message.received", lambda e: e.actor.name == "Bob Ng")
        assert line.case_id == case_id


async def test_a_cc_that_the_customer_wrote_lets_nobody_in(database_url: str, tmp_path: Path) -> None:
    """The ticket trick: whoever a stranger names in Cc is told nothing, and gets in by nothing."""
    async with mailroom(database_url, tmp_path) as (hub, post, mei):
        lenas, case_id, our_id = await answered(post, mei)
        await post.comes(LENA, "Eve should know", answers=our_id, Cc=EVE, subject="Re: A letter")
        await mei.command("reply", interaction_id=lenas, text="Understood.")
        assert EVE not in (await hub.record(lenas)).participants
        assert (await post.comes(EVE, "So?", answers=our_id)).case_id != case_id
        letters = await post.sent()
        assert {letter.recipient.value for letter in letters if letter.recipient} == {LENA}
        assert all(EVE not in (*letter.to, *letter.cc, *letter.bcc) for letter in letters)


async def test_somebody_who_took_part_opens_the_customers_case_again(database_url: str, tmp_path: Path) -> None:
    async with mailroom(database_url, tmp_path) as (hub, post, mei):
        lenas, case_id, our_id = await answered(post, mei, to=[LENA], cc=[BOB])
        await over(mei, lenas)
        came = await post.comes(BOB, "One thing more", answers=our_id, subject="Re: A letter")
        assert came.case_id == case_id
        assert came.interaction_id != lenas
        record, before = await hub.record(came.interaction_id), await hub.record(lenas)
        assert (record.point, record.customer_id) == (LENA, before.customer_id)
        assert (record.participants, record.messages_in) == ([BOB], 1)
        offer = await mei.offer(came.interaction_id)
        assert offer.customer.point == LENA


async def test_reply_to_changes_nothing_about_who_wrote(database_url: str, tmp_path: Path) -> None:
    async with mailroom(database_url, tmp_path) as (hub, post, mei):
        _, case_id, our_id = await answered(post, mei)
        came = await post.comes(EVE, "Me", answers=our_id, Reply_To=LENA)
        assert came.case_id != case_id
        (event,) = await post.received(came.interaction_id)
        assert event.sender is not None
        assert event.sender.value == EVE
        assert words(event).reply_to == LENA
        assert (await hub.record(came.interaction_id)).point == EVE


# --- subjects -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("subject", "new"),
    [
        ("Re: A letter", False),
        ("AW: Re: a  LETTER", False),
        ("回复：A letter", False),
        ("转发: 答复: A letter", False),
        ("A quite different thing", True),
        ("Re: Invoice 4711", True),
        ("", False),
    ],
)
async def test_a_new_subject_in_an_old_thread_is_noticed(
    database_url: str, tmp_path: Path, subject: str, new: bool
) -> None:
    async with mailroom(database_url, tmp_path) as (_, post, mei):
        lenas, _, our_id = await answered(post, mei)
        came = await post.comes(LENA, "Hello", answers=our_id, subject=subject)
        assert came.interaction_id == lenas
        *_, event = await post.received(lenas)
        assert words(event).new_topic is new
        again = await post.comes(LENA, "Hello again", answers=our_id, subject=f"Re: {subject}")
        *_, event = await post.received(again.interaction_id)
        assert words(event).new_topic is False, "it is known by now"


# --- one id -------------------------------------------------------------------------------------------------------


async def test_a_message_id_that_somebody_used_before_suppresses_nothing_and_is_flagged(
    database_url: str, tmp_path: Path
) -> None:
    async with mailroom(database_url, tmp_path) as (_, post, _mei):
        squat = await post.comes(EVE, "Nothing", message_id="<known@customer.example>")
        lenas = await post.comes(LENA, "Important", message_id="<known@customer.example>")
        assert not lenas.repeated
        assert lenas.case_id != squat.case_id
        (first,), (second,) = await post.received(squat.interaction_id), await post.received(lenas.interaction_id)
        assert (words(first).same_id, words(second).same_id) == (False, True)
        raw = post.written(LENA, "Fetched twice", message_id="<twice@customer.example>")
        (once,), (twice,) = await post.arrives(raw), await post.arrives(raw)
        assert twice.repeated
        assert twice.event_id == once.event_id


async def test_a_machines_answer_to_the_last_letter_opens_nothing_and_is_not_lost(
    database_url: str, tmp_path: Path
) -> None:
    absent = {"Auto_Submitted": "auto-replied", "subject": "Away until Monday"}
    async with mailroom(database_url, tmp_path) as (hub, post, mei):
        lenas, case_id, our_id = await answered(post, mei)
        await over(mei, lenas)
        came = await post.comes(LENA, "I am away until Monday.", answers=our_id, **absent)
        assert (came.interaction_id, came.case_id) == (lenas, case_id)
        assert (await hub.record(lenas)).state == "ended"
        assert [row["status"] for row in await hub.rows("cases")] == ["closed"]
        lines = (await hub.get(f"cases/{case_id}/events"))["items"]
        assert "I am away until Monday." in [line["body"].get("text") for line in lines]
        # What comes later, or was written by somebody, is looked at.
        hub.clock.now += 20 * MINUTE
        late = await post.comes(LENA, "We have moved, write to us there.", answers=our_id, **absent)
        assert late.case_id == case_id
        assert late.interaction_id != lenas
        assert (await hub.record(late.interaction_id)).state in ("waiting", "offered")


# --- one matter or two --------------------------------------------------------------------------------------------


async def test_merged_cases_are_one_and_its_owner_sees_what_was_unanswered(database_url: str, tmp_path: Path) -> None:
    async with mailroom(database_url, tmp_path) as (hub, post, mei):
        lenas, case_id, our_id = await answered(post, mei)
        eves = await post.comes(EVE, "It is me, from home", answers=our_id, name="Lena at home")
        said = await mei.command("case.link", case_id=eves.case_id, state="merged")
        assert said["case"] == {
            "id": eves.case_id,
            "linked_to": case_id,
            "link_state": "merged",
            "merged_into": case_id,
        }
        work = await mei.work(lenas, lambda w: w.unanswered == 1)
        line = await mei.line("message.received", lambda e: e.body["text"].startswith("It is me"))
        assert line.case_id == work.case_id == case_id
        await mei.gone(eves.interaction_id)
        part = await hub.record(eves.interaction_id)
        assert (part.state, part.ended_reason) == ("ended", "merged")
        assert (await hub.record(lenas)).participants == [EVE]
        # Reading either reads both; the list has one.
        assert (await hub.get(f"cases/{eves.case_id}"))["case"]["id"] == case_id
        for each in (case_id, eves.case_id):
            lines = (await hub.get(f"cases/{each}/events"))["items"]
            assert [e["body"]["text"] for e in lines if e["kind"] == "message.received"] == [
                f"A question of {LENA}",
                "It is me, from home",
            ]
        assert [item["id"] for item in (await hub.get("cases"))["items"]] == [case_id]
        # Whoever wrote last is answered, and their letter is quoted.
        proposed = await hub.get(f"interactions/{lenas}/composing", mode="reply")
        assert proposed["to"] == [EVE]
        assert "It is me, from home" in proposed["quoted_text"]
        # Whoever wrote there takes part from now on, and so does whatever answers that case's letters.
        came = await post.comes(EVE, "And now?", answers=our_id, subject="Re: A letter")
        assert came.interaction_id == lenas


async def test_a_merged_case_that_has_the_only_open_conversation_goes_on(database_url: str, tmp_path: Path) -> None:
    async with mailroom(database_url, tmp_path) as (hub, post, mei):
        lenas, case_id, our_id = await answered(post, mei)
        await over(mei, lenas)
        eves = await post.comes(EVE, "From home", answers=our_id)
        await mei.accept(eves.interaction_id)
        await mei.command("case.link", case_id=eves.case_id, state="merged")
        assert (await hub.record(eves.interaction_id)).state == "assigned"
        came = await post.comes(LENA, "Both of me", answers=our_id, subject="Re: A letter")
        assert came.interaction_id == eves.interaction_id, "one case has one owner"
        await mei.work(eves.interaction_id, lambda w: w.unanswered == 2)
        await over(mei, eves.interaction_id)
        rows = {row["id"]: row["status"] for row in await hub.rows("cases")}
        assert rows == {case_id: "closed", eves.case_id: "closed"}
        again = await post.comes(EVE, "Once more", answers=our_id, subject="Re: A letter")
        assert again.case_id == case_id
        assert (await hub.record(again.interaction_id)).point == LENA


async def test_what_was_merged_can_be_taken_apart_and_nothing_is_forgotten(database_url: str, tmp_path: Path) -> None:
    async with mailroom(database_url, tmp_path) as (hub, post, mei):
        lenas, case_id, our_id = await answered(post, mei)
        eves = await post.comes(EVE, "A mistake", answers=our_id)
        await mei.offer(eves.interaction_id)
        await mei.command("case.link", case_id=eves.case_id, state="merged")
        await mei.work(lenas, lambda w: w.unanswered == 1)
        await mei.command("case.link", case_id=eves.case_id, state="undone")
        await mei.work(lenas, lambda w: w.unanswered == 0)
        work = await mei.accept(eves.interaction_id)
        assert (work.case_id, work.unanswered) == (eves.case_id, 1)
        record = await hub.record(eves.interaction_id)
        assert (record.ended_at, record.ended_reason) == (0, "")
        assert (await hub.get(f"cases/{eves.case_id}"))["case"]["link_state"] == "suggested"
        joined = [e.body for e in await hub.log(lenas) if isinstance(e.body, CaseJoined)]
        assert [(b.state, b.unanswered) for b in joined] == [("merged", 1), ("undone", 1)]
        assert case_id != eves.case_id


async def but_passing(hub: TestHub) -> list[int]:
    """The whole log, but for what happens by itself meanwhile: letters leave, and what waits is offered."""
    return [e.seq for e in await hub.log() if e.kind not in (DeliveryChanged.KIND, OfferMade.KIND)]


async def test_saying_it_twice_is_saying_it_once(database_url: str, tmp_path: Path) -> None:
    async with mailroom(database_url, tmp_path) as (hub, post, mei):
        _, _, our_id = await answered(post, mei)
        eves = await post.comes(EVE, "Hello", answers=our_id)
        for state in ("refused", "merged", "undone"):
            one = await mei.command("case.link", case_id=eves.case_id, state=state)
            said = await but_passing(hub)
            two = await mei.command("case.link", case_id=eves.case_id, state=state)
            assert one == two
            assert await but_passing(hub) == said
        await mei.command("case.link", case_id=eves.case_id, state="merged")
        with pytest.raises(CommandRefused, match="Undo that first"):
            await mei.command("case.link", case_id=eves.case_id, state="refused")
        await mei.command("case.link", case_id=eves.case_id, state="undone")


async def test_a_refused_stranger_stays_in_their_own_case(database_url: str, tmp_path: Path) -> None:
    async with mailroom(database_url, tmp_path) as (_, post, mei):
        _, case_id, our_id = await answered(post, mei)
        eves = await post.comes(EVE, "Hello", answers=our_id)
        await mei.command("case.link", case_id=eves.case_id, state="refused")
        await mei.accept(eves.interaction_id)
        await over(mei, eves.interaction_id)
        again = await post.comes(EVE, "Hello?", answers=our_id)
        assert again.case_id == eves.case_id != case_id
        (event,) = await post.received(again.interaction_id)
        assert words(event).unverified == ""


async def test_a_merged_case_may_itself_become_part_of_another(database_url: str, tmp_path: Path) -> None:
    async with mailroom(database_url, tmp_path) as (hub, post, mei):
        lenas, case_id, our_id = await answered(post, mei)
        eves = await post.comes(EVE, "One", answers=our_id)
        await mei.accept(eves.interaction_id)
        await mei.command("reply", interaction_id=eves.interaction_id, text="Who are you?")
        bobs = await post.comes(BOB, "Two", answers=await post.our_id(eves.interaction_id))
        await mei.command("case.link", case_id=bobs.case_id, state="merged")
        await mei.command("case.link", case_id=eves.case_id, state="merged")
        for each in (case_id, eves.case_id, bobs.case_id):
            assert (await hub.get(f"cases/{each}"))["case"]["id"] == case_id
        texts = [e["body"].get("text") for e in (await hub.get(f"cases/{bobs.case_id}/events"))["items"]]
        assert {"One", "Two", f"A question of {LENA}"} <= set(texts)
        await mei.work(lenas, lambda w: w.unanswered == 1)


async def test_who_was_merged_takes_part_by_any_letter_of_the_case(database_url: str, tmp_path: Path) -> None:
    async with mailroom(database_url, tmp_path) as (hub, post, mei):
        first, case_id, our_id = await answered(post, mei)
        await over(mei, first)
        again = await post.comes(LENA, "One thing more", answers=our_id, subject="Re: A letter")
        await mei.accept(again.interaction_id)
        eves = await post.comes(EVE, "From home", answers=our_id)
        await mei.command("case.link", case_id=eves.case_id, state="merged")
        await over(mei, again.interaction_id)
        back = await post.comes(EVE, "From home again", answers=our_id, subject="Re: A letter")
        assert back.case_id == case_id
        record = await hub.record(back.interaction_id)
        assert (record.point, record.participants) == (LENA, [EVE])


async def test_a_call_is_not_ended_by_a_merger(database_url: str, tmp_path: Path) -> None:
    async with mailroom(database_url, tmp_path, with_calls()) as (hub, post, mei):
        lenas, case_id, our_id = await answered(post, mei)
        await over(mei, lenas)
        eves = await post.comes(EVE, "From home", answers=our_id)
        await mei.accept(eves.interaction_id)
        customer_id = (await hub.record(lenas)).customer_id
        await mei.command("place_call", number="+4915112345678", case_id=case_id, customer_id=customer_id)
        with pytest.raises(CommandRefused, match="in another way just now"):
            await mei.command("case.link", case_id=eves.case_id, state="merged")


async def test_who_has_neither_in_hand_says_nothing_about_them(database_url: str, tmp_path: Path) -> None:
    async with mailroom(database_url, tmp_path) as (hub, post, mei):
        _, _, our_id = await answered(post, mei)
        eves = await post.comes(EVE, "Hello", answers=our_id)
        own = await post.comes(BOB, "Something else")
        async with hub.signed_in("jonas") as jonas:
            for case_id in (eves.case_id, own.case_id, 999_999):
                with pytest.raises(CommandRefused, match="no such case"):
                    await jonas.command("case.link", case_id=case_id, state="merged")
        async with hub.signed_in("sana") as sana:
            with pytest.raises(CommandRefused, match="linked to no other"):
                await sana.command("case.link", case_id=own.case_id, state="merged")
            await sana.command("case.link", case_id=eves.case_id, state="refused")


# --- at once ------------------------------------------------------------------------------------------------------


async def test_two_letters_of_one_thread_at_once_are_one_conversation(database_url: str, tmp_path: Path) -> None:
    async with mailroom(database_url, tmp_path) as (hub, post, mei):
        lenas, case_id, our_id = await answered(post, mei, to=[LENA], cc=[BOB])
        await over(mei, lenas)
        letters = [post.written(who, f"Number {n}", answers=our_id) for n in range(6) for who in (LENA, BOB, EVE)]
        answers = [found for (found,) in await asyncio.gather(*map(post.arrives, letters))]
        ours = {a.interaction_id for a in answers if a.case_id == case_id}
        assert len(ours) == 1
        assert len({a.case_id for a in answers}) == 2, "Eve has one of her own"
        kept = [e for e in await hub.log() if isinstance(e.body, MessageReceived)]
        assert sorted(words(e).text for e in kept if words(e).text.startswith("Number")) == sorted(
            f"Number {n}" for n in range(6) for _ in range(3)
        )
        added = [e for e in await hub.log(ours.pop()) if isinstance(e.body, ParticipantAdded)]
        assert len(added) == 1
