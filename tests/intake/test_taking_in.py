"""One event in: once, whoever sent it how often, at the right customer and case."""

from __future__ import annotations

import asyncio
import itertools
from pathlib import Path

import pytest

from contact_center.domain.time import DAY
from tests.channels.twilio_fake import twilio_fake
from tests.hub import VOICE_NUMBER, house, open_test_hub

LENA = "+4915112345678"
OMAR = "+447700900123"


# --- once ---------------------------------------------------------------------------------------------------------


async def test_the_same_webhook_three_times_is_one_event(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub:
        sid = await hub.twilio.sms(LENA, "Hello?")
        for _ in range(2):
            await hub.twilio.sms(LENA, "Hello?", sid=sid)
        record = await hub.record(await hub.only_interaction())
        assert record.messages_in == 1


async def test_the_same_webhook_many_times_at_once_is_one_event(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub:
        await asyncio.gather(*(hub.twilio.sms(LENA, "Hello?", sid=f"SM{1:032x}") for _ in range(20)))
        record = await hub.record(await hub.only_interaction())
        assert record.messages_in == 1
        assert len(await hub.rows("customers")) == 1
        assert len(await hub.rows("cases")) == 1


async def test_first_messages_of_one_customer_at_once_are_one_conversation(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub:
        await asyncio.gather(*(hub.twilio.sms(LENA, f"line {n}") for n in range(20)))
        record = await hub.record(await hub.only_interaction())
        assert record.messages_in == 20


async def test_a_call_that_is_told_again_gets_the_same_answer(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub:
        call = hub.twilio.call(LENA)
        first = await call.arrive()
        assert "hold.wav" in first
        assert await call.arrive() == first
        assert await call.arrive() == first
        assert len(await hub.interactions()) == 1


async def test_an_event_that_is_seen_again_says_what_it_said_then(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub:
        first = await hub.letter("lena@example.com", "Hello")
        again = await hub.letter("lena@example.com", "Hello")
        assert again.repeated
        assert (again.interaction_id, again.case_id, again.event_id) == (
            first.interaction_id,
            first.case_id,
            first.event_id,
        )


async def test_one_id_on_two_channels_is_two_events(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub:
        await hub.letter("lena@example.com", "Hello", source_id="one")
        await hub.chat("visitor-1", "Hello", source_id="one")
        assert len(await hub.interactions()) == 2


# --- whose is it ------------------------------------------------------------------------------------------------


async def test_a_number_is_one_customer_however_it_is_written_and_on_every_channel(
    database_url: str, tmp_path: Path
) -> None:
    async with open_test_hub(database_url, tmp_path) as hub:
        await hub.twilio.sms("+49 151 12345678", "Hello?")
        await hub.twilio.call("+49(0)15112345678".replace("(0)", "")).arrive()
        (customer,) = await hub.rows("customers")
        (point,) = await hub.rows("contact_points")
        assert (point["kind"], point["value"]) == ("phone", "+4915112345678")
        records = [await hub.record(each) for each in await hub.interactions()]
        assert {record.medium for record in records} == {"sms", "voice"}
        assert {record.customer_id for record in records} == {customer["id"]}


async def test_an_address_is_one_customer_whatever_its_case(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub:
        await hub.letter("Lena@Example.COM", "One", name="Lena Fischer")
        await hub.letter("lena@example.com", "Two")
        (customer,) = await hub.rows("customers")
        assert customer["name"] == "Lena Fischer"


async def test_a_name_that_we_learn_later_is_kept_and_never_overwritten(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub:
        await hub.letter("lena@example.com", "One")
        await hub.letter("lena@example.com", "Two", name="Lena")
        await hub.letter("lena@example.com", "Three", name="Somebody Else")
        (customer,) = await hub.rows("customers")
        assert customer["name"] == "Lena"


@pytest.mark.parametrize("number", ["anonymous", "+266696687", "", "Restricted"])
async def test_a_withheld_number_is_nobody(database_url: str, tmp_path: Path, number: str) -> None:
    """Two callers who hide their number are two people, with nothing in common."""
    async with open_test_hub(database_url, tmp_path) as hub:
        await hub.twilio.call(number).arrive()
        await hub.twilio.call(number).arrive()
        one, two = [await hub.record(each) for each in await hub.interactions()]
        assert one.customer_id != two.customer_id
        assert one.case_id != two.case_id
        assert await hub.rows("contact_points") == []


# --- which case -------------------------------------------------------------------------------------------------


async def test_texts_of_one_exchange_are_one_interaction(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub:
        await hub.twilio.sms(LENA, "Hello?")
        await hub.twilio.sms(OMAR, "Somebody else")
        await hub.twilio.sms(LENA, "Still there?")
        records = [await hub.record(each) for each in await hub.interactions()]
        assert sorted((r.point, r.messages_in) for r in records) == [(OMAR, 1), (LENA, 2)]


async def test_a_customer_who_comes_back_joins_their_only_open_case(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub, hub.at_work("mei") as (mei,):
        await hub.twilio.sms(LENA, "My order is late")
        first = await mei.accept()
        await mei.command(
            "wrap_up", interaction_id=first.interaction_id, disposition="waiting", case_status="pending"
        )
        await mei.gone(first.interaction_id)
        hub.advance(DAY)
        await hub.twilio.call(LENA).arrive()
        offer = await mei.offer()
        assert offer.case_id == first.case_id
        assert offer.interaction_id != first.interaction_id
        assert offer.customer.known
        assert [(past.interaction_id, past.agent_name) for past in offer.history] == [
            (first.interaction_id, "Mei Lin 林美")
        ]
        case = (await hub.get(f"cases/{first.case_id}"))["case"]
        assert case["status"] == "open"


async def test_a_customer_who_comes_back_to_a_closed_case_opens_another(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub, hub.at_work("mei") as (mei,):
        await hub.twilio.sms(LENA, "My order is late")
        first = await mei.accept()
        await mei.command("wrap_up", interaction_id=first.interaction_id, disposition="solved")
        await mei.gone(first.interaction_id)
        await hub.twilio.sms(LENA, "Thanks! Another question")
        assert (await mei.offer()).case_id != first.case_id


async def test_a_call_while_somebody_writes_to_the_customer_is_another_case(
    database_url: str, tmp_path: Path
) -> None:
    """One case has one owner: a second live exchange would give it two."""
    async with open_test_hub(database_url, tmp_path) as hub:
        await hub.twilio.sms(LENA, "My order is late")
        await hub.twilio.call(LENA).arrive()
        one, two = [await hub.record(each) for each in await hub.interactions()]
        assert one.case_id != two.case_id
        assert one.customer_id == two.customer_id


async def test_a_letter_of_its_own_opens_a_case_of_its_own(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub:
        one = await hub.letter("lena@example.com", "One")
        two = await hub.letter("lena@example.com", "Two")
        assert one.case_id != two.case_id


async def test_a_reply_with_our_token_joins_its_interaction(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub:
        one = await hub.letter("lena@example.com", "One")
        two = await hub.letter("lena@example.com", "Two", ours=(one.interaction_id,))
        assert two.interaction_id == one.interaction_id


async def test_a_reply_to_what_is_over_opens_the_case_again(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub, hub.at_work("mei") as (mei,):
        one = await hub.letter("lena@example.com", "One")
        await mei.accept()
        await mei.command("wrap_up", interaction_id=one.interaction_id, disposition="solved")
        await mei.gone(one.interaction_id)
        two = await hub.letter("lena@example.com", "Not solved!", ours=(one.interaction_id,))
        assert two.interaction_id != one.interaction_id
        assert two.case_id == one.case_id
        assert (await hub.get(f"cases/{one.case_id}"))["case"]["status"] == "open"
        # And a reply to the first letter again joins what is open now.
        three = await hub.letter("lena@example.com", "Hello?", ours=(one.interaction_id,))
        assert three.interaction_id == two.interaction_id


async def test_a_stranger_with_somebody_elses_token_gets_a_case_of_their_own(
    database_url: str, tmp_path: Path
) -> None:
    """A token proves the thread, never who writes: forwarded mail is no key to a conversation."""
    async with open_test_hub(database_url, tmp_path) as hub:
        lenas = await hub.letter("lena@example.com", "One")
        strangers = await hub.letter("eve@example.net", "Send it to me instead", ours=(lenas.interaction_id,))
        assert strangers.interaction_id != lenas.interaction_id
        assert strangers.case_id != lenas.case_id
        (event, *_) = await hub.log(strangers.interaction_id)
        assert f"replies to case {lenas.case_id}" in event.body.unverified  # type: ignore[union-attr]
        assert (await hub.record(lenas.interaction_id)).messages_in == 1


async def test_a_sender_who_is_not_to_be_believed_joins_nothing(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub:
        lenas = await hub.letter("lena@example.com", "One")
        forged = await hub.letter(
            "lena@example.com", "It is me", ours=(lenas.interaction_id,), unverified="SPF and DKIM fail"
        )
        assert forged.interaction_id != lenas.interaction_id
        assert forged.case_id != lenas.case_id


async def test_a_token_of_an_interaction_that_never_was_changes_nothing(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub:
        answer = await hub.letter("lena@example.com", "One", ours=("id99999999",))
        assert answer.interaction_id
        assert not answer.unknown


# --- through which door -------------------------------------------------------------------------------------------


async def test_the_dialled_number_decides_the_queue(database_url: str, tmp_path: Path) -> None:
    doors = [
        {"channel": "twilio_voice", "dialled": VOICE_NUMBER, "queue": "sales", "priority": 3},
        {"channel": "twilio_voice", "dialled": "*", "queue": "billing", "skills": {"chinese": 2}},
    ]
    async with open_test_hub(database_url, tmp_path, config=house(entry_points=doors)) as hub:
        await hub.twilio.call(LENA).arrive()
        await hub.twilio.call(OMAR, to="+12025550199").arrive()
        await hub.letter("lena@example.com", "No door at all")
        by_point = {r.point: r for r in [await hub.record(each) for each in await hub.interactions()]}
        assert (by_point[LENA].queue, by_point[LENA].priority) == ("sales", 8), "the door's and the queue's own"
        assert (by_point[OMAR].queue, by_point[OMAR].skills) == ("billing", {"billing": 2, "chinese": 2})
        assert by_point["lena@example.com"].queue == "general"


async def test_a_flow_that_does_not_exist_leads_to_the_doors_queue(database_url: str, tmp_path: Path) -> None:
    doors = [{"channel": "twilio_voice", "dialled": "*", "queue": "sales", "flow": "no-such-flow"}]
    async with open_test_hub(database_url, tmp_path, config=house(entry_points=doors)) as hub:
        assert "hold.wav" in await hub.twilio.call(LENA).arrive()
        assert (await hub.record(await hub.only_interaction())).queue == "sales"


async def test_a_flow_that_leads_to_an_unknown_queue_ends_in_the_general_one(
    database_url: str, tmp_path: Path
) -> None:
    """The shipped flow knows queues that this house has not: the caller is not lost for a typing error."""
    doors = [{"channel": "twilio_voice", "dialled": "*", "queue": "general", "flow": "main"}]
    async with open_test_hub(database_url, tmp_path, config=house(queues=[], agents=[], entry_points=doors)) as hub:
        call = hub.twilio.call(LENA)
        await call.arrive()
        record = await hub.record(await hub.only_interaction())
        assert record.state == "flow"
        for _ in range(12):
            record = await hub.record(record.interaction_id)
            if record.state != "flow":
                break
            await call.press(record.flow_position, "1")
        assert (record.state, record.queue) == ("waiting", "general")


# --- what belongs nowhere -----------------------------------------------------------------------------------------


async def test_a_callback_of_nothing_that_we_know_is_kept_and_can_be_tried_again(
    database_url: str, tmp_path: Path
) -> None:
    async with open_test_hub(database_url, tmp_path) as hub:
        sid = "SM" + "f" * 32
        for _ in range(3):
            assert (await hub.twilio.sms_status(sid, "delivered")).is_success
        (entry,) = (await hub.get("quarantine"))["items"]
        assert entry["channel"] == "twilio_sms"
        assert "belongs to no interaction" in entry["reason"]
        again = await hub.http.post(f"/api/v1/quarantine/{entry['id']}/replay")
        assert again.status_code == 409, "it still belongs nowhere"
        assert (await hub.get("quarantine"))["items"][0]["state"] == "held"


async def test_a_genuine_webhook_that_makes_no_sense_is_kept_and_the_next_is_served(
    database_url: str, tmp_path: Path
) -> None:
    async with open_test_hub(database_url, tmp_path) as hub:
        answer = await hub.twilio.post("/twilio_sms", {"Nonsense": "1"})
        assert answer.status_code == 400
        (entry,) = (await hub.get("quarantine"))["items"]
        assert entry["channel"] == "twilio_sms"
        again = await hub.http.post(f"/api/v1/quarantine/{entry['id']}/replay")
        assert again.status_code == 409
        await hub.twilio.sms(LENA, "Hello?")
        assert len(await hub.interactions()) == 1


async def test_the_customer_of_a_call_that_never_came_leaves_quietly(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub:
        await hub.twilio.call(LENA).hang_up()
        assert await hub.interactions() == []
        assert len((await hub.get("quarantine"))["items"]) == 1


# --- in any order -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", list(itertools.permutations(("sent", "delivered", "queued"))), ids="-".join)
async def test_reports_in_any_order_end_in_the_same_state(
    database_url: str, tmp_path: Path, order: tuple[str, ...]
) -> None:
    async with (
        twilio_fake() as twilio,
        open_test_hub(database_url, tmp_path, environment={"twilio_rest_url": twilio.url}) as hub,
        hub.at_work("mei") as (mei,),
    ):
        await hub.twilio.sms(LENA, "Hello?")
        work = await mei.accept()
        provider_id = await sent(hub, mei, work.interaction_id)
        for word in (*order, *order):
            assert (await hub.twilio.sms_status(provider_id, word)).is_success
        (row,) = await hub.rows("outbox")
        assert row["state"] == "delivered"
        assert (await hub.record(work.interaction_id)).undelivered == []


@pytest.mark.parametrize("order", [("failed", "delivered"), ("delivered", "failed"), ("undelivered", "delivered")])
async def test_what_was_delivered_did_not_fail_whatever_else_is_said(
    database_url: str, tmp_path: Path, order: tuple[str, ...]
) -> None:
    async with (
        twilio_fake() as twilio,
        open_test_hub(database_url, tmp_path, environment={"twilio_rest_url": twilio.url}) as hub,
        hub.at_work("mei") as (mei,),
    ):
        await hub.twilio.sms(LENA, "Hello?")
        work = await mei.accept()
        provider_id = await sent(hub, mei, work.interaction_id)
        for word in order:
            await hub.twilio.sms_status(provider_id, word, "30003")
        (row,) = await hub.rows("outbox")
        assert row["state"] == "delivered"


async def sent(hub, mei, interaction_id: str) -> str:  # type: ignore[no-untyped-def]
    """A reply that its provider took; the provider's id."""
    await mei.command("reply", interaction_id=interaction_id, text="Hi!")
    taken = await mei.line("delivery.changed", lambda e: e.body["state"] == "accepted")
    return str(taken.body["provider_id"])
