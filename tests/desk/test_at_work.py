"""What agents do at their desks, and what they may not."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.hub import CommandRefused, open_test_hub

LENA = "+4915112345678"


async def test_only_who_holds_it_may_work_on_it(database_url: str, tmp_path: Path) -> None:
    """Others are told that there is no such thing; a supervisor, that it is not in their hands."""
    async with (
        open_test_hub(database_url, tmp_path) as hub,
        hub.at_work("mei") as (mei,),
        hub.signed_in("jonas") as jonas,
    ):
        await hub.twilio.sms(LENA, "Hello?")
        work = await mei.accept()
        theirs = {"interaction_id": work.interaction_id}
        verbs = {
            "reply": {"text": "Hi!"},
            "hang_up": {},
            "wrap_up": {"disposition": "solved"},
            "return_to_queue": {},
        }
        for name, more in verbs.items():
            with pytest.raises(CommandRefused, match="not_found"):
                await jonas.command(name, **theirs, **more)
        with pytest.raises(CommandRefused, match="not_found"):
            await jonas.command("note", text="psst", **theirs)
        with pytest.raises(CommandRefused, match="not_allowed"):
            await jonas.command("set_agent_state", agent_id="mei", state="offline")
        with pytest.raises(CommandRefused, match="not_found"):
            await jonas.command("rename_customer", customer_id=work.customer.id, name="Somebody")
        async with hub.agent("sana") as sana:
            for name, more in verbs.items():
                with pytest.raises(CommandRefused, match="not_yours"):
                    await sana.command(name, **theirs, **more)
            await sana.command("note", text="Well done", **theirs)
        await mei.line("note.added")
        assert [e.kind for e in await hub.log(work.interaction_id)].count("message.sent") == 0


async def test_what_was_wrapped_up_is_nobodys(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub, hub.at_work("mei") as (mei,):
        await hub.twilio.sms(LENA, "Hello?")
        work = await mei.accept()
        mine = {"interaction_id": work.interaction_id}
        await mei.command("wrap_up", disposition="solved", **mine)
        await mei.gone(work.interaction_id)
        with pytest.raises(CommandRefused, match="not_yours"):
            await mei.command("reply", text="One more thing", **mine)
        with pytest.raises(CommandRefused, match="not_yours"):
            await mei.command("wrap_up", disposition="solved", **mine)


async def test_a_command_that_is_sent_again_is_done_once(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub, hub.at_work("mei") as (mei,):
        await hub.twilio.sms(LENA, "Hello?")
        work = await mei.accept()
        first = await mei.command("reply", "the-id", interaction_id=work.interaction_id, text="Hi!")
        again = await mei.command("reply", "the-id", interaction_id=work.interaction_id, text="Hi!")
        assert again == first
        async with hub.agent("mei") as other:  # after a reconnect, say
            assert await other.command("reply", "the-id", interaction_id=work.interaction_id, text="Hi!") == first
        both = await asyncio.gather(
            *(
                mei.say(type="command", id="at-once", name="note", args={**note_of(work), "text": "n"})
                for _ in range(5)
            )
        )
        assert len(both) == 5
        await mei.line("note.added")
        await mei.command("note", **note_of(work), text="after")
        assert [e.kind for e in await hub.log(work.interaction_id)].count("message.sent") == 1
        assert [e.kind for e in await hub.log(work.interaction_id)].count("note.added") == 2


def note_of(work) -> dict[str, str]:  # type: ignore[no-untyped-def]
    return {"interaction_id": work.interaction_id}


async def test_the_same_command_id_of_two_agents_is_two_commands(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub, hub.agent("mei") as mei, hub.agent("jonas") as jonas:
        one = await mei.command("set_state", "same", state="ready")
        two = await jonas.command("set_state", "same", state="not_ready", reason="break")
        assert (one["agent"]["id"], two["agent"]["id"]) == ("mei", "jonas")


@pytest.mark.parametrize(
    ("text", "code"), [("", "empty"), (" \n\t ", "empty"), ("x" * 20_001, "too_long"), ("x" * 300_001, "args")]
)
async def test_words_that_are_none_or_too_many_are_refused(
    database_url: str, tmp_path: Path, text: str, code: str
) -> None:
    async with open_test_hub(database_url, tmp_path) as hub, hub.at_work("mei") as (mei,):
        await hub.twilio.sms(LENA, "Hello?")
        work = await mei.accept()
        for name in ("reply", "note"):
            with pytest.raises(CommandRefused) as refused:
                await mei.command(name, interaction_id=work.interaction_id, text=text)
            assert refused.value.code == code
        assert await hub.rows("outbox") == []


async def test_an_outcome_that_is_not_in_the_list_is_refused(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub, hub.at_work("mei") as (mei,):
        await hub.twilio.sms(LENA, "Hello?")
        work = await mei.accept()
        with pytest.raises(CommandRefused, match="disposition"):
            await mei.command("wrap_up", interaction_id=work.interaction_id, disposition="made_up")
        with pytest.raises(CommandRefused, match="args"):
            await mei.command(
                "wrap_up", interaction_id=work.interaction_id, disposition="solved", case_status="burnt"
            )
        assert (await hub.record(work.interaction_id)).state == "assigned"


@pytest.mark.parametrize("status", ["open", "pending", "closed"])
async def test_the_case_becomes_what_the_agent_says(database_url: str, tmp_path: Path, status: str) -> None:
    async with open_test_hub(database_url, tmp_path) as hub, hub.at_work("mei") as (mei,):
        await hub.twilio.sms(LENA, "Hello?")
        work = await mei.accept()
        await mei.command(
            "wrap_up", interaction_id=work.interaction_id, disposition="solved", note="Done", case_status=status
        )
        found = await hub.get(f"cases/{work.case_id}")
        assert (found["case"]["status"], found["case"]["agent_name"]) == (status, "Mei Lin 林美")
        (wrapped,) = [e.body for e in await hub.log(work.interaction_id) if e.kind == "wrapped_up"]
        assert wrapped.note == "Done"  # type: ignore[union-attr]


async def test_work_that_is_given_back_keeps_its_place(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub, hub.at_work("mei") as (mei,):
        await hub.twilio.sms(LENA, "Hello?")
        work = await mei.accept()
        place = (await hub.record(work.interaction_id)).virtual_enqueued_at
        hub.advance(60_000)
        async with hub.at_work("jonas") as (jonas,):
            await mei.command("return_to_queue", interaction_id=work.interaction_id)
            await mei.gone(work.interaction_id)
            offer = await jonas.offer()
            assert (offer.interaction_id, offer.waiting_since_at) == (work.interaction_id, place)


async def test_work_that_is_passed_on_goes_to_the_other_queue(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub, hub.at_work("jonas") as (jonas,):
        await hub.twilio.sms(LENA, "Hello?")
        work = await jonas.accept()
        place = (await hub.record(work.interaction_id)).virtual_enqueued_at
        with pytest.raises(CommandRefused, match="not_found"):
            await jonas.command("return_to_queue", interaction_id=work.interaction_id, queue="nowhere")
        hub.advance(60_000)
        await jonas.command("return_to_queue", interaction_id=work.interaction_id, queue="sales")
        await jonas.gone(work.interaction_id)
        async with hub.at_work("mei") as (mei,):
            offer = await mei.offer()
            assert (offer.queue, offer.queue_name, offer.waiting_since_at) == ("sales", "Sales", place)


async def test_a_customer_is_called_what_their_agent_calls_them(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub, hub.at_work("mei") as (mei,):
        await hub.twilio.sms(LENA, "Hello?")
        work = await mei.accept()
        await mei.command("rename_customer", customer_id=work.customer.id, name="  Lena \n Fischer ")
        shown = await mei.work(work.interaction_id, lambda w: w.customer.name)
        assert shown.customer.name == "Lena Fischer"
        with pytest.raises(CommandRefused, match="not_found"):
            await mei.command("rename_customer", customer_id="nobody", name="Lena")


async def test_a_note_is_never_shown_to_the_customer(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub, hub.at_work("mei") as (mei,):
        await hub.chat("visitor-1", "Hello?")
        work = await mei.accept()
        await mei.command("note", interaction_id=work.interaction_id, text="Difficult customer")
        await mei.command("reply", interaction_id=work.interaction_id, text="Hi!")
        door = hub.runtime.doors["webchat"]
        shown = await door.conversation("visitor-1")
        assert [(line.sender, line.sender_name, line.text) for line in shown] == [
            ("customer", "", "Hello?"),
            ("agent", "Mei", "Hi!"),
        ]
        assert await door.attended("visitor-1") == "attended:Mei"


async def test_a_supervisor_sets_somebody_elses_state(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub, hub.at_work("mei") as (mei,), hub.agent("sana") as sana:
        await sana.command("set_agent_state", agent_id="mei", state="not_ready", reason="meeting")
        await mei.until(lambda: mei.state.agent.state == "not_ready")
        with pytest.raises(CommandRefused, match="not_found"):
            await sana.command("set_agent_state", agent_id="nobody", state="ready")


async def test_leaving_with_work_in_hand_keeps_the_work(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub, hub.at_work("mei") as (mei,):
        await hub.twilio.sms(LENA, "Hello?")
        work = await mei.accept()
        await mei.command("set_state", state="not_ready", reason="lunch")
        assert mei.state.agent.state == "not_ready"
        await mei.command("reply", interaction_id=work.interaction_id, text="Back soon")
        await mei.command("wrap_up", interaction_id=work.interaction_id, disposition="solved")
        await mei.gone(work.interaction_id)
