"""What neither a webhook nor the fallback told is found by asking, and a call that ended unheard is ended here."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from channels.contract import Channel, Outgoing, Parsed, Rejected, Retry, Sent
from contact_center.domain.contact_points import phone
from contact_center.domain.events import (
    Body,
    CallArrived,
    CallerRecorded,
    CallLeg,
    CustomerLeft,
    InteractionEvent,
    MessageReceived,
    RecordingChanged,
    Thread,
)
from contact_center.domain.time import DAY, MINUTE, Moment
from contact_center.reconciling.reconciler import Reconciler
from contact_center.reconciling.whole_calls import whole_calls
from tests.hub import VOICE_NUMBER, Clock, TestHub, house, open_test_hub

LENA = "+4915112345678"
IN_THE_MENU = [{"channel": "twilio_voice", "dialled": VOICE_NUMBER, "queue": "support", "flow": "main"}]


def happened(body: Body, source_id: str, call: str, at: Moment, medium: Any = "voice") -> Parsed:
    event = InteractionEvent(
        body=body,
        channel="twilio_voice",
        source_id=source_id,
        medium=medium,
        direction="inbound",
        occurred_at=at,
        received_at=at,
        sender=phone(LENA),
        dialled=phone(VOICE_NUMBER),
        thread=Thread(call),
    )
    return Parsed((event,), raw=source_id.encode())


class Memory(Channel):
    """A provider that remembers: what happened, with when. It stands where the carrier's channel is."""

    medium = "voice"

    def __init__(self) -> None:
        self.name = "twilio_voice"
        self.past: list[tuple[Moment, Parsed]] = []
        self.asked: list[tuple[Moment, Moment]] = []
        self.error: Exception | None = None
        self.takes_everything = False

    def happened(self, body: Body, source_id: str, call: str, at: Moment) -> None:
        self.past.append((at, happened(body, source_id, call, at)))

    def call(self, sid: str, began: Moment, ended: Moment) -> None:
        """A call that came and went."""
        self.happened(CallArrived(), sid, sid, ended)
        self.happened(CustomerLeft("completed"), f"{sid}:status:completed", sid, ended)

    async def send(self, message: Outgoing) -> Sent:
        if not self.takes_everything:
            raise Retry("Nobody is there.")
        return Sent("CA2")

    async def missed(self, since: Moment, now: Moment) -> Sequence[Parsed]:
        self.asked.append((since, now))
        if self.error is not None:
            raise self.error
        return [parsed for at, parsed in self.past if at >= since]


@asynccontextmanager
async def hub_that_asks(
    database_url: str, folder: Path, clock: Clock | None = None, **config: Any
) -> AsyncIterator[tuple[TestHub, Memory, Reconciler]]:
    async with open_test_hub(database_url, folder, clock=clock, config=house(**config)) as hub:
        memory = Memory()
        door = hub.runtime.doors["twilio_voice"]
        door.channel = memory
        hub.runtime.channels["twilio_voice"] = memory
        yield hub, memory, Reconciler(hub.runtime.executor, {"twilio_voice": door}, hub.clock.occasion)


def door_of(hub: TestHub) -> Any:
    return hub.runtime.doors["twilio_voice"]


async def test_a_call_that_nobody_heard_of_is_found_whole_and_never_offered(
    database_url: str, tmp_path: Path
) -> None:
    async with hub_that_asks(database_url, tmp_path) as (hub, memory, reconciler), hub.at_work("mei"):
        memory.call("CA1", hub.clock.now, hub.clock.now)
        memory.happened(RecordingChanged("RE1", "completed", "call", 3_000), "RE1:completed", "CA1", hub.clock.now)
        assert await reconciler.ask(door_of(hub)) == 3
        record = await hub.record(await hub.only_interaction())
        assert (record.state, record.ended_reason) == ("ended", "abandoned")
        assert await hub.rows("offers") == []
        assert [row["recording_id"] for row in await hub.rows("recordings")] == ["RE1"]


async def test_a_message_whose_report_was_lost_is_work_all_the_same(database_url: str, tmp_path: Path) -> None:
    """The hub died while the caller spoke: the carrier has the recording, and nobody was told of it. The caller had
    come to no queue yet: whoever answers at that number hears the message."""
    async with hub_that_asks(database_url, tmp_path, entry_points=IN_THE_MENU) as (hub, memory, reconciler):
        now = hub.clock.now
        (answer,) = await hub.take_in(happened(CallArrived(), "CA1", "CA1", now).events[0])
        memory.call("CA1", now, now)
        memory.happened(RecordingChanged("RE1", "completed", "voicemail", 3_000), "RE1:completed", "CA1", now)
        for _ in range(2):
            await reconciler.ask(door_of(hub))
        assert (await hub.record(answer.interaction_id)).state == "ended"
        (work_id,) = [each for each in await hub.interactions() if each != answer.interaction_id]
        work = await hub.record(work_id)
        assert (work.state, work.queue, work.voicemail["recording_id"]) == ("waiting", "support", "RE1")


async def test_a_recording_that_the_call_itself_reported_makes_no_work_again(
    database_url: str, tmp_path: Path
) -> None:
    async with hub_that_asks(database_url, tmp_path) as (hub, memory, reconciler):
        now = hub.clock.now
        await hub.take_in(happened(CallArrived(), "CA1", "CA1", now).events[0])
        await hub.take_in(happened(CallerRecorded("survey", "RE1", 3_000), "CA1:recorded", "CA1", now).events[0])
        memory.call("CA1", now, now)
        memory.happened(RecordingChanged("RE1", "completed", "voicemail", 3_000), "RE1:completed", "CA1", now)
        await reconciler.ask(door_of(hub))
        assert len(await hub.interactions()) == 1


async def test_asking_again_changes_nothing(database_url: str, tmp_path: Path) -> None:
    async with hub_that_asks(database_url, tmp_path) as (hub, memory, reconciler):
        memory.call("CA1", hub.clock.now, hub.clock.now)
        assert await reconciler.ask(door_of(hub)) == 2
        assert await reconciler.ask(door_of(hub)) == 0
        assert len(await hub.interactions()) == 1


async def test_it_goes_on_from_where_it_was_with_a_quarter_of_an_hours_overlap(
    database_url: str, tmp_path: Path
) -> None:
    clock = Clock()
    async with hub_that_asks(database_url, tmp_path, clock) as (hub, memory, reconciler):
        began = hub.clock.now
        await reconciler.ask(door_of(hub))
    clock.now += DAY  # the hub was away for a day, and callers were not
    async with hub_that_asks(database_url, tmp_path, clock) as (hub, memory, reconciler):
        for number in range(30):
            memory.call(f"CA{number}", began + number, began + number * MINUTE)
        assert await reconciler.ask(door_of(hub)) == 60
        assert memory.asked == [(began - 15 * MINUTE, clock.now)]
        assert len(await hub.interactions()) == 30


async def test_where_it_cannot_ask_it_says_so_and_the_cursor_stays(database_url: str, tmp_path: Path) -> None:
    async with hub_that_asks(database_url, tmp_path) as (hub, memory, reconciler):
        began = hub.clock.now
        await reconciler.ask(door_of(hub))
        hub.clock.now += DAY
        memory.error = Retry("The provider is away.", 90_000)
        assert await reconciler._try(door_of(hub)) == (False, 90_000)
        assert door_of(hub).state[0] != "degraded", "one answer that went missing is no illness"
        memory.error = Rejected("No.")
        assert await reconciler._try(door_of(hub)) == (False, 0)
        assert door_of(hub).state == ("degraded", "The provider cannot be asked what has happened: No.")
        memory.error = RuntimeError("a defect")
        assert (await reconciler._try(door_of(hub)))[0] is False
        memory.error = None
        assert (await reconciler._try(door_of(hub)))[0] is True
        assert door_of(hub).state == ("ready", "")
        assert memory.asked[-1][0] == began - 15 * MINUTE


async def test_one_that_cannot_be_taken_in_stops_no_other(database_url: str, tmp_path: Path) -> None:
    async with hub_that_asks(database_url, tmp_path) as (hub, memory, reconciler):
        now = hub.clock.now
        memory.happened(CustomerLeft("completed"), "CA0:status:completed", "CA0", now)  # of a call nobody knows
        memory.past.append((now, happened(MessageReceived("\x00" * 3), "x" * 900, "", now, "sms")))
        memory.call("CA1", now, now)
        await reconciler.ask(door_of(hub))
        states = [(await hub.record(each)).point for each in await hub.interactions()]
        assert LENA in states
        reasons = [item["reason"] for item in (await hub.get("quarantine"))["items"]]
        assert any("belongs to no interaction" in reason for reason in reasons)


async def test_a_call_whose_end_was_lost_is_ended_and_its_agent_is_free(database_url: str, tmp_path: Path) -> None:
    async with hub_that_asks(database_url, tmp_path) as (hub, memory, reconciler):
        (answer,) = await hub.take_in(happened(CallArrived(), "CA1", "CA1", hub.clock.now).events[0])
        async with hub.at_work("mei") as (mei,):
            await mei.offer(answer.interaction_id)
            await reconciler.look_for_silence()
            assert memory.asked == [], "it is not silent yet"
            memory.happened(CustomerLeft("completed"), "CA1:status:completed", "CA1", hub.clock.now + 1_000)
            hub.clock.now += 11 * MINUTE
            await reconciler.look_for_silence()
            await mei.gone(answer.interaction_id)
            record = await hub.record(answer.interaction_id)
            assert (record.state, record.ended_reason) == ("ended", "abandoned")


async def test_an_agent_whose_callers_end_was_lost_is_free_to_wrap_up(database_url: str, tmp_path: Path) -> None:
    async with hub_that_asks(database_url, tmp_path) as (hub, memory, reconciler):
        memory.takes_everything = True
        (answer,) = await hub.take_in(happened(CallArrived(), "CA1", "CA1", hub.clock.now).events[0])
        async with hub.at_work("mei") as (mei,):
            work = await mei.accept(answer.interaction_id)
            leg = CallLeg("agent", "joined", "CA2")
            await hub.take_in(happened(leg, "CA2:joined", "CA1", hub.clock.now).events[0])
            await mei.work(work.interaction_id, lambda work: work.call == "connected")
            memory.happened(CustomerLeft("completed"), "CA1:status:completed", "CA1", hub.clock.now + 1_000)
            hub.clock.now += 11 * MINUTE
            await reconciler.look_for_silence()
            await mei.work(work.interaction_id, lambda work: work.state == "wrap_up")
            await mei.command("wrap_up", interaction_id=work.interaction_id, disposition="solved")
            await mei.gone(work.interaction_id)


async def test_a_silent_call_that_goes_on_is_asked_about_less_and_less_often(
    database_url: str, tmp_path: Path
) -> None:
    async with hub_that_asks(database_url, tmp_path) as (hub, memory, reconciler):
        await hub.take_in(happened(CallArrived(), "CA1", "CA1", hub.clock.now).events[0])
        began = hub.clock.now
        for _ in range(3 * 60):
            hub.clock.now += MINUTE // 3
            await reconciler.look_for_silence()
        minutes = [(now - began) // MINUTE for _, now in memory.asked]
        assert minutes[:6] == [1, 2, 4, 8, 13, 18], minutes
        assert len(minutes) < 18


async def test_a_call_in_the_menu_whose_end_nobody_told_is_closed_within_two_minutes(
    database_url: str, tmp_path: Path
) -> None:
    async with hub_that_asks(database_url, tmp_path, entry_points=IN_THE_MENU) as (hub, memory, reconciler):
        (answer,) = await hub.take_in(happened(CallArrived(), "CA1", "CA1", hub.clock.now).events[0])
        assert (await hub.record(answer.interaction_id)).state == "flow"
        memory.happened(CustomerLeft("completed"), "CA1:status:completed", "CA1", hub.clock.now + 1_000)
        hub.clock.now += 2 * MINUTE + 1
        await reconciler.look_for_silence()
        assert (await hub.record(answer.interaction_id)).state == "ended"


async def test_a_hub_asks_by_itself_when_it_starts(database_url: str, tmp_path: Path) -> None:
    async with hub_that_asks(database_url, tmp_path) as (hub, memory, reconciler):
        memory.call("CA1", hub.clock.now, hub.clock.now)
        await reconciler.start()

        async def found() -> bool:
            return len(await hub.interactions()) == 1

        try:
            await hub.eventually(found)
        finally:
            await reconciler.stop()
        await asyncio.sleep(0)


async def test_where_the_operator_does_not_want_it_nobody_is_asked(database_url: str, tmp_path: Path) -> None:
    async with hub_that_asks(database_url, tmp_path, reconciling={"every_minutes": None}) as (
        hub,
        memory,
        reconciler,
    ):
        await hub.take_in(happened(CallArrived(), "CA1", "CA1", hub.clock.now).events[0])
        hub.clock.now += DAY
        await reconciler.look_for_silence()
        assert await reconciler._pause_ms() == 0
        assert memory.asked == []


@pytest.mark.parametrize("most", [0, 1, 500])
def test_what_is_put_together_is_all_there_and_each_call_in_order(most: int) -> None:
    given = [happened(CallArrived(), f"{number}", f"CA{number % 7}", number) for number in range(most)]
    together = whole_calls(given)
    assert sorted(event.source_id for each in together for event in each.events) == sorted(
        parsed.events[0].source_id for parsed in given
    )
    for each in together:
        assert len({event.thread.key for event in each.events}) == 1
        moments = [event.occurred_at for event in each.events]
        assert moments == sorted(moments)
