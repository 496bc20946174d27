"""A live call from the first ring to the wrap-up, as Twilio tells of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from contact_center.domain.time import SECOND
from tests.channels.twilio_fake import Told, TwilioFake, twilio_fake
from tests.hub import CommandRefused, Console, TestHub, house, open_test_hub

LENA = "+4915112345678"
FLOW = [{"channel": "twilio_voice", "dialled": "*", "queue": "support", "flow": "main"}]


@asynccontextmanager
async def a_hub(
    database_url: str, tmp_path: Path, *at_work: str, **more: Any
) -> AsyncIterator[tuple[TestHub, TwilioFake, tuple[Console, ...]]]:
    async with (
        twilio_fake() as twilio,
        open_test_hub(database_url, tmp_path, environment={"twilio_rest_url": twilio.url}, **more) as hub,
        hub.at_work(*at_work) as consoles,
    ):
        yield hub, twilio, consoles


async def test_a_caller_goes_through_the_menu_to_an_agent_and_they_talk(database_url: str, tmp_path: Path) -> None:
    async with a_hub(database_url, tmp_path, "mei", config=house(entry_points=FLOW)) as (hub, twilio, (mei,)):
        call = hub.twilio.call(LENA)
        said = await call.arrive()
        assert "<Gather" in said
        interaction_id = await hub.only_interaction()
        record = await hub.record(interaction_id)
        assert record.state == "flow"
        hub.advance(3 * SECOND)
        await call.press(record.flow_position, "1")
        record = await hub.record(interaction_id)
        assert "hold.wav" in await call.press(record.flow_position, "2")
        record = await hub.record(interaction_id)
        assert (record.queue, record.language) == ("support", "en")
        assert record.virtual_enqueued_at == record.started_at, "the menu counts as waiting"
        work = await mei.accept()
        assert work.call == "connecting"
        await hub.eventually(lambda: asked(twilio, "Calls.json"), "the agent's telephone to be rung")
        offer_id = (await hub.record(interaction_id)).segments[-2].offer_id
        assert "<Conference" in await call.agent_answers(interaction_id, offer_id)
        await mei.work(interaction_id, lambda w: w.call == "connected")
        await mei.command("hang_up", interaction_id=interaction_id)
        work = await mei.work(interaction_id, lambda w: w.state == "wrap_up")
        assert work.call == "ended"
        assert mei.state.agent.state == "wrap_up"
        await hub.eventually(lambda: asked(twilio, f"Calls/{call.sid}.json"), "the call to be ended")
        await call.completed()
        await mei.command("wrap_up", interaction_id=interaction_id, disposition="solved")
        await mei.gone(interaction_id)
        assert mei.state.agent.state == "ready"
        kinds = [segment.kind for segment in (await hub.record(interaction_id)).segments]
        assert kinds == ["flow", "queue", "offer", "talk", "wrap_up"]


async def asked(twilio: TwilioFake, path: str) -> bool:
    return any(each.path == path and each.method == "POST" for each in twilio.asked)


async def test_a_late_or_repeated_key_changes_nothing(database_url: str, tmp_path: Path) -> None:
    async with a_hub(database_url, tmp_path, config=house(entry_points=FLOW)) as (hub, _, _):
        call = hub.twilio.call(LENA)
        await call.arrive()
        first = (await hub.record(await hub.only_interaction())).flow_position
        answer = await call.press(first, "1")
        second = (await hub.record(await hub.only_interaction())).flow_position
        assert second != first
        assert await call.press(first, "1") == answer, "told again, answered again"
        await call.press(first, "2")
        assert (await hub.record(await hub.only_interaction())).flow_position == second


async def test_keys_after_the_call_is_over_are_answered_by_hanging_up(database_url: str, tmp_path: Path) -> None:
    async with a_hub(database_url, tmp_path, config=house(entry_points=FLOW)) as (hub, _, _):
        call = hub.twilio.call(LENA)
        await call.arrive()
        position = (await hub.record(await hub.only_interaction())).flow_position
        await call.completed()
        assert "<Hangup" in await call.press(position, "1")
        assert (await hub.record(await hub.only_interaction())).ended_reason == "abandoned"


async def test_a_caller_who_leaves_while_they_talk_leaves_the_agent_in_wrap_up(
    database_url: str, tmp_path: Path
) -> None:
    async with a_hub(database_url, tmp_path, "mei") as (hub, _, (mei,)):
        call = hub.twilio.call(LENA)
        await call.arrive()
        work, offer_id = await accepted(hub, mei)
        await call.agent_answers(work.interaction_id, offer_id)
        await call.completed()
        await call.hang_up()
        shown = await mei.work(work.interaction_id, lambda w: w.state == "wrap_up")
        assert (shown.call, shown.customer_left) == ("ended", True)
        kinds = [e.kind for e in await hub.log(work.interaction_id)]
        assert kinds.count("wrap_up.started") == 1


async def accepted(hub: TestHub, console: Console) -> tuple[Any, str]:
    offer = await console.offer()
    await console.command("accept", offer_id=offer.id)
    return await console.work(offer.interaction_id), offer.id


async def test_an_agent_whose_telephone_hangs_up_wraps_up_and_the_caller_is_let_go(
    database_url: str, tmp_path: Path
) -> None:
    async with a_hub(database_url, tmp_path, "mei") as (hub, twilio, (mei,)):
        call = hub.twilio.call(LENA)
        await call.arrive()
        work, offer_id = await accepted(hub, mei)
        leg = hub.twilio.sid("CA")
        await call.agent_answers(work.interaction_id, offer_id, leg)
        await mei.work(work.interaction_id, lambda w: w.call == "connected")
        await call.agent_leg(work.interaction_id, offer_id, "completed", leg)
        await mei.work(work.interaction_id, lambda w: w.state == "wrap_up")
        await hub.eventually(lambda: asked(twilio, f"Calls/{call.sid}.json"), "the caller to be let go")


async def test_an_agent_whose_telephone_does_not_answer_gives_the_caller_their_place_back(
    database_url: str, tmp_path: Path
) -> None:
    async with a_hub(database_url, tmp_path, "mei") as (hub, _, (mei,)), hub.agent("jonas") as jonas:
        call = hub.twilio.call(LENA)
        await call.arrive()
        work, offer_id = await accepted(hub, mei)
        place = (await hub.record(work.interaction_id)).virtual_enqueued_at
        await jonas.ready()
        hub.advance(20 * SECOND)
        await call.agent_leg(work.interaction_id, offer_id, "no-answer")
        await mei.gone(work.interaction_id)
        assert (mei.state.agent.state, mei.state.agent.reason) == ("not_ready", "phone_unreachable")
        offer = await jonas.offer(work.interaction_id)
        assert offer.waiting_since_at == place


async def test_the_telephone_of_an_earlier_agent_has_no_say(database_url: str, tmp_path: Path) -> None:
    """Mei's telephone could not be reached, so it was said; the caller went on to Jonas. Then Mei's rings after
    all: whoever picks it up is not put through, and its end is not Jonas's."""
    async with a_hub(database_url, tmp_path, "mei") as (hub, twilio, (mei,)), hub.agent("jonas") as jonas:
        call = hub.twilio.call(LENA)
        await call.arrive()
        twilio.answer_next(None, Told(broken=True))  # into the room, and then nobody knows
        work = await mei.offer()
        meis = work.id
        await mei.command("accept", offer_id=meis)
        await mei.gone(work.interaction_id)
        assert mei.state.agent.reason == "phone_unreachable"
        await jonas.ready()
        _, jonass = await accepted(hub, jonas)
        leg = hub.twilio.sid("CA")
        assert "<Hangup" in await call.agent_answers(work.interaction_id, meis, leg)
        assert (await hub.record(work.interaction_id)).call == "connecting"
        await call.agent_leg(work.interaction_id, meis, "completed", leg)
        record = await hub.record(work.interaction_id)
        assert (record.state, record.agent_id) == ("assigned", "jonas")
        assert "<Conference" in await call.agent_answers(work.interaction_id, jonass)
        await jonas.work(work.interaction_id, lambda w: w.call == "connected")
        await call.agent_leg(work.interaction_id, meis, "failed", hub.twilio.sid("CA"))
        assert (await hub.record(work.interaction_id)).call == "connected"


async def test_an_agent_who_picks_up_after_the_caller_has_gone_is_not_left_in_an_empty_room(
    database_url: str, tmp_path: Path
) -> None:
    async with a_hub(database_url, tmp_path, "mei") as (hub, _, (mei,)):
        call = hub.twilio.call(LENA)
        await call.arrive()
        work, offer_id = await accepted(hub, mei)
        await call.completed()
        leg = hub.twilio.sid("CA")
        first = await call.agent_answers(work.interaction_id, offer_id, leg)
        assert "<Hangup" in first
        assert await call.agent_answers(work.interaction_id, offer_id, leg) == first
        await mei.work(work.interaction_id, lambda w: w.state == "wrap_up")


async def test_a_provider_that_refuses_the_agents_call_gives_the_caller_their_place_back(
    database_url: str, tmp_path: Path
) -> None:
    async with a_hub(database_url, tmp_path, "mei") as (hub, twilio, (mei,)):
        call = hub.twilio.call(LENA)
        await call.arrive()
        twilio.answer_next(None, Told(400, 13224, "The number is not valid."))
        work = await mei.offer()
        await mei.command("accept", offer_id=work.id)
        await mei.gone(work.interaction_id)
        assert mei.state.agent.reason == "phone_unreachable"
        assert (await hub.record(work.interaction_id)).state == "waiting"


async def test_words_are_spoken_only_to_a_caller_who_is_on_the_line(database_url: str, tmp_path: Path) -> None:
    async with a_hub(database_url, tmp_path, "mei") as (hub, twilio, (mei,)):
        call = hub.twilio.call(LENA)
        await call.arrive()
        work, offer_id = await accepted(hub, mei)
        with pytest.raises(CommandRefused, match="not_connected"):
            await mei.command("reply", interaction_id=work.interaction_id, text="Hello")
        await call.agent_answers(work.interaction_id, offer_id)
        with pytest.raises(CommandRefused, match="too_long"):
            await mei.command("reply", interaction_id=work.interaction_id, text="x" * 501)
        await mei.command("reply", interaction_id=work.interaction_id, text="One moment, please.")
        await mei.line("delivery.changed", lambda e: e.body["state"] == "accepted")
        assert any("/Participants/" in each.path for each in twilio.asked)


async def test_what_is_said_on_the_line_is_shown_to_the_agent(database_url: str, tmp_path: Path) -> None:
    async with a_hub(database_url, tmp_path, "mei") as (hub, _, (mei,)):
        call = hub.twilio.call(LENA)
        await call.arrive()
        work, offer_id = await accepted(hub, mei)
        await call.agent_answers(work.interaction_id, offer_id)
        said = '{"transcript": "My washing machine leaks", "confidence": 0.9}'
        fields = {
            "TranscriptionSid": "GT" + "0" * 32,
            "SequenceId": "1",
            "TranscriptionEvent": "transcription-content",
            "TranscriptionData": said,
            "Track": "inbound_track",
            "Final": "true",
            "CallSid": call.sid,
        }
        for _ in range(2):
            assert (await hub.twilio.post(f"/twilio_voice/transcript?call={call.sid}", fields)).is_success
        line = await mei.line("transcript.added")
        assert line.body["text"] == "My washing machine leaks"
        assert (await hub.record(work.interaction_id)).subject == "My washing machine leaks"
        assert [e.kind for e in await hub.log(work.interaction_id)].count("transcript.added") == 1
