"""Calls that we owe: who gets them, when they are made, and what becomes of them."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from contact_center.domain.queue_rules import CallbackRule
from contact_center.domain.time import HOUR, MINUTE, SECOND
from contact_center.moves import callbacks
from contact_center.replaying.day import recorded
from contact_center.replaying.log import open_log
from contact_center.storage import settings
from tests.hub import Called, CommandRefused, Console, TestHub
from tests.telephony.talking import LENA, Line, a_line, with_calls

BERLIN = ZoneInfo("Europe/Berlin")


def at(written: str, fold: int = 0) -> int:
    """A moment in Berlin."""
    return int(datetime.fromisoformat(written).replace(tzinfo=BERLIN, fold=fold).timestamp()) * SECOND


@pytest.mark.parametrize(
    ("now", "hours", "then"),
    [
        ("2026-09-21T12:00", (480, 1260), "2026-09-21T12:00"),
        ("2026-09-21T07:59", (480, 1260), "2026-09-21T08:00"),
        ("2026-09-21T21:00", (480, 1260), "2026-09-22T08:00"),
        ("2026-09-21T23:30", (1320, 360), "2026-09-21T23:30"),
        ("2026-09-21T05:59", (1320, 360), "2026-09-21T05:59"),
        ("2026-09-21T06:00", (1320, 360), "2026-09-21T22:00"),
        ("2026-09-21T03:00", (0, 1440), "2026-09-21T03:00"),
        ("2026-09-21T07:00", (1440, 360), "2026-09-22T00:00"),
        ("2026-09-21T07:00", (540, 540), "2026-09-21T07:00"),
        ("2027-03-27T22:00", (480, 1260), "2027-03-28T08:00"),  # the night that is an hour shorter
        ("2026-10-24T22:00", (480, 1260), "2026-10-25T08:00"),  # and the one that is longer
        ("2027-03-28T01:30", (150, 1260), "2027-03-28T03:30"),  # half past two never comes
    ],
)
async def test_people_are_called_at_decent_hours(
    database_url: str, tmp_path: Path, now: str, hours: tuple[int, int], then: str
) -> None:
    async with a_line(database_url, tmp_path) as line:
        rule = CallbackRule(earliest=hours[0], latest=hours[1])
        assert await line.hub.read(callbacks.next_time, rule, at(now)) == at(then)
        assert await line.hub.read(settings.get, "time_zone", "") == "Europe/Berlin"


@pytest.mark.parametrize(
    ("now", "hours", "then"),
    [
        ("2026-09-21T12:00", (480, 1260), "2026-09-21T21:00"),
        ("2026-09-21T23:30", (1320, 360), "2026-09-22T06:00"),
        ("2026-09-21T12:00", (480, 1440), "2026-09-22T00:00"),
        ("2026-09-21T12:00", (0, 1440), ""),
        ("2026-09-21T12:00", (540, 540), ""),
    ],
)
async def test_decent_hours_end(
    database_url: str, tmp_path: Path, now: str, hours: tuple[int, int], then: str
) -> None:
    async with a_line(database_url, tmp_path) as line:
        rule = CallbackRule(earliest=hours[0], latest=hours[1])
        assert await line.hub.read(callbacks.closing_time, rule, at(now)) == (at(then) if then else 0)


# --- owed ---------------------------------------------------------------------------------------------------------


async def owed(hub: TestHub) -> list[str]:
    """The calls that we owe and have not made."""
    return [item["interaction_id"] for item in (await hub.get("callbacks"))["items"]]


async def hung_up_after(line: Line, ms: int, number: str = LENA) -> str:
    """Somebody waited so long for nobody; their interaction."""
    before = set(await line.hub.interactions())
    call = line.hub.twilio.call(number)
    await call.arrive()
    (interaction_id,) = {
        each
        for each in await line.hub.interactions()
        if each not in before and (await line.hub.record(each)).thread_key == call.sid
    }
    line.hub.advance(ms)
    await call.completed()
    return interaction_id


async def test_who_waited_in_vain_is_called_back_at_their_place(database_url: str, tmp_path: Path) -> None:
    async with a_line(database_url, tmp_path) as line:
        first = await hung_up_after(line, 11 * SECOND)
        (owes,) = await owed(line.hub)
        call = await line.hub.record(owes)
        assert (call.state, call.queue, call.number) == ("waiting", "support", LENA)
        assert call.virtual_enqueued_at == (await line.hub.record(first)).virtual_enqueued_at
        assert call.case_id == (await line.hub.record(first)).case_id


@pytest.mark.parametrize(
    ("rules", "ms", "number"),
    [
        ({}, 9 * SECOND, LENA),
        ({"callbacks": {"after_abandon": False}}, 60 * SECOND, LENA),
        ({}, 60 * SECOND, "anonymous"),
        ({}, 60 * SECOND, "+266696687"),
        ({}, 60 * SECOND, "+12025550123"),
    ],
)
async def test_who_did_not_wait_or_cannot_be_called_is_not(
    database_url: str, tmp_path: Path, rules: dict[str, Any], ms: int, number: str
) -> None:
    async with a_line(database_url, tmp_path, config=with_calls(rules)) as line:
        await hung_up_after(line, ms, number)
        assert await owed(line.hub) == []


async def test_who_rings_again_has_their_place_and_is_owed_nothing(database_url: str, tmp_path: Path) -> None:
    async with a_line(database_url, tmp_path) as line:
        first = await hung_up_after(line, 30 * SECOND)
        place = (await line.hub.record(first)).virtual_enqueued_at
        line.hub.advance(MINUTE)
        again = line.hub.twilio.call(LENA)
        await again.arrive()
        assert await owed(line.hub) == []
        records = [await line.hub.record(each) for each in await line.hub.interactions()]
        (now,) = [record for record in records if record.thread_key == again.sid]
        assert (now.state, now.virtual_enqueued_at) == ("waiting", place)


async def test_who_rings_much_later_begins_anew(database_url: str, tmp_path: Path) -> None:
    async with a_line(database_url, tmp_path, config=with_calls({"callbacks": {"after_abandon": False}})) as line:
        await hung_up_after(line, 30 * SECOND)
        line.hub.advance(11 * MINUTE)
        again = line.hub.twilio.call(LENA)
        await again.arrive()
        records = [await line.hub.record(each) for each in await line.hub.interactions()]
        (now,) = [record for record in records if record.thread_key == again.sid]
        assert now.virtual_enqueued_at == line.hub.clock.now


async def test_nobody_anonymous_has_the_place_of_another(database_url: str, tmp_path: Path) -> None:
    async with a_line(database_url, tmp_path) as line:
        await hung_up_after(line, 30 * SECOND, "anonymous")
        again = line.hub.twilio.call("anonymous")
        await again.arrive()
        records = [await line.hub.record(each) for each in await line.hub.interactions()]
        (now,) = [record for record in records if record.thread_key == again.sid]
        assert now.virtual_enqueued_at == line.hub.clock.now


async def test_what_is_owed_waits_for_the_morning(database_url: str, tmp_path: Path) -> None:
    async with a_line(database_url, tmp_path) as line:
        line.hub.clock.now = at("2026-09-21T20:59:30")
        await hung_up_after(line, 20 * SECOND)
        (owes,) = await owed(line.hub)
        assert (await line.hub.record(owes)).state == "waiting"
        line.hub.clock.now = at("2026-09-21T21:00")
        line.hub.advance(SECOND)
        record = await line.becomes(owes, lambda r: r.state == "parked", "the evening")
        assert record.not_before_at == at("2026-09-22T08:00")
        line.hub.clock.now = at("2026-09-22T08:00")
        line.hub.advance(SECOND)
        await line.becomes(owes, lambda r: r.state == "waiting", "the morning")


# --- made ---------------------------------------------------------------------------------------------------------


async def making(line: Line, desk: Console, interaction_id: str) -> Called:
    """The agent takes the call that we owe, and the customer's telephone is rung."""
    offer = await desk.offer(interaction_id)
    await desk.command("accept", offer_id=offer.id)
    called = line.hub.twilio.called(interaction_id, LENA)
    leg = line.hub.twilio.sid("CA")
    await called.agent_answers(interaction_id, offer.id, leg)
    await called.room("participant-join", f"agent-{offer.id}", leg)
    record = await line.becomes(interaction_id, lambda r: r.thread_key, "the customer to be rung")
    called.sid = record.thread_key
    called.leg, called.offer_id = leg, offer.id
    return called


async def test_who_answers_talks_and_the_debt_is_paid(database_url: str, tmp_path: Path) -> None:
    async with a_line(database_url, tmp_path) as line:
        await hung_up_after(line, 30 * SECOND)
        (owes,) = await owed(line.hub)
        async with line.hub.at_work("mei") as (mei,):
            called = await making(line, mei, owes)
            await called.answers()
            await called.room("participant-join", "customer")
            await mei.work(owes, lambda w: w.call == "connected")
            await called.room("participant-leave", "customer", ParticipantCallStatus="completed")
            await mei.work(owes, lambda w: w.state == "wrap_up")
            await called.status("completed")
            await mei.command("wrap_up", interaction_id=owes, disposition="solved")
            assert await owed(line.hub) == []


@pytest.mark.parametrize("told", ["the room", "the call", "the call's document"])
async def test_who_hangs_up_before_we_hear_that_they_came_was_reached(
    database_url: str, tmp_path: Path, told: str
) -> None:
    """The reports overtake each other: that they left comes before that they came. They are not called again."""
    async with a_line(database_url, tmp_path) as line:
        await hung_up_after(line, 30 * SECOND)
        (owes,) = await owed(line.hub)
        async with line.hub.at_work("mei") as (mei,):
            called = await making(line, mei, owes)
            await called.answers()
            match told:
                case "the room":
                    await called.room("participant-leave", "customer", ParticipantCallStatus="completed")
                case "the call":
                    await called.status("completed")
                case _:
                    await called.left()
            await mei.work(owes, lambda w: w.state == "wrap_up")
            await called.room("participant-join", "customer")
            await mei.command("wrap_up", interaction_id=owes, disposition="solved")
            record = await line.hub.record(owes)
            assert (record.ended_reason, record.attempts, bool(record.first_response_at)) == ("wrapped_up", 1, True)
            tried = [e.body for e in await line.hub.log(owes) if e.kind == "callback.tried"]
            assert [(t.attempt, t.outcome) for t in tried] == [(1, "reached")]  # type: ignore[union-attr]
            assert await owed(line.hub) == []


async def test_who_is_never_reached_is_tried_so_often_and_no_more(database_url: str, tmp_path: Path) -> None:
    rules = with_calls({"callbacks": {"attempts": 2, "gap_minutes": 10}})
    async with a_line(database_url, tmp_path, config=rules) as line:
        await hung_up_after(line, 30 * SECOND)
        (owes,) = await owed(line.hub)
        place = (await line.hub.record(owes)).virtual_enqueued_at
        async with line.hub.at_work("mei") as (mei,):
            called = await making(line, mei, owes)
            await called.status("no-answer")
            record = await line.becomes(owes, lambda r: r.state == "parked", "the pause")
            assert (record.attempts, record.not_before_at) == (1, line.hub.clock.now + 10 * MINUTE)
            await mei.gone(owes)
            assert mei.state.agent.state == "ready", "the agent does not wait for it"
            await called.status("completed")
            assert not (await line.hub.record(owes)).customer_left, "late news of the first attempt"
            line.hub.advance(10 * MINUTE + SECOND)
            again = await making(line, mei, owes)
            assert again.sid != called.sid
            assert (await line.hub.record(owes)).virtual_enqueued_at == place
            await again.status("busy")
            await mei.work(owes, lambda w: w.state == "wrap_up")
            await mei.command("wrap_up", interaction_id=owes, disposition="waiting")
            assert await owed(line.hub) == []
            tried = [e.body for e in await line.hub.log(owes) if e.kind == "callback.tried"]
            assert [(t.attempt, t.outcome) for t in tried] == [(1, "no_answer"), (2, "busy")]  # type: ignore[union-attr]


async def reached_at_the_second_attempt(line: Line, desk: Console, owes: str) -> None:
    """The first found nobody, ten minutes before."""
    await (await making(line, desk, owes)).status("no-answer")
    await line.becomes(owes, lambda r: r.state == "parked", "the pause")
    line.hub.advance(10 * MINUTE + SECOND)
    again = await making(line, desk, owes)
    await again.answers()
    await again.room("participant-join", "customer")
    await desk.work(owes, lambda w: w.call == "connected")


async def test_who_is_reached_at_the_second_attempt_was_tried_twice(database_url: str, tmp_path: Path) -> None:
    rules = with_calls({"callbacks": {"attempts": 3, "gap_minutes": 10}})
    async with a_line(database_url, tmp_path, config=rules) as line:
        await hung_up_after(line, 30 * SECOND)
        (owes,) = await owed(line.hub)
        async with line.hub.at_work("mei") as (mei,):
            await reached_at_the_second_attempt(line, mei, owes)
            assert (await line.hub.record(owes)).attempts == 2
            tried = [e.body for e in await line.hub.log(owes) if e.kind == "callback.tried"]
            assert [(t.attempt, t.outcome) for t in tried] == [(1, "no_answer"), (2, "reached")]  # type: ignore[union-attr]


async def test_an_agent_who_hangs_up_while_it_rings_has_made_an_attempt(database_url: str, tmp_path: Path) -> None:
    async with a_line(database_url, tmp_path) as line:
        await hung_up_after(line, 30 * SECOND)
        (owes,) = await owed(line.hub)
        async with line.hub.at_work("mei") as (mei,):
            called = await making(line, mei, owes)
            await called.agent_leg(owes, called.offer_id, "completed", called.leg)
            await line.is_asked(f"Calls/{called.sid}", Status="completed")
            await line.becomes(owes, lambda r: r.state == "parked", "the pause")
            await called.status("canceled")
            await mei.gone(owes)
            record = await line.hub.record(owes)
            assert (record.state, record.attempts) == ("parked", 1)


async def test_a_telephone_of_ours_that_does_not_answer_costs_no_attempt(database_url: str, tmp_path: Path) -> None:
    async with a_line(database_url, tmp_path) as line:
        await hung_up_after(line, 30 * SECOND)
        (owes,) = await owed(line.hub)
        async with line.hub.at_work("mei") as (mei,):
            offer = await mei.offer(owes)
            await mei.command("accept", offer_id=offer.id)
            called = line.hub.twilio.called(owes, LENA)
            await called.agent_leg(owes, offer.id, "no-answer", line.hub.twilio.sid("CA"))
            await mei.gone(owes)
            record = await line.hub.record(owes)
            assert (record.state, record.attempts) == ("waiting", 0)


async def test_a_customer_who_rings_while_we_ring_them_is_not_rung_again(database_url: str, tmp_path: Path) -> None:
    async with a_line(database_url, tmp_path) as line:
        await hung_up_after(line, 30 * SECOND)
        (owes,) = await owed(line.hub)
        async with line.hub.at_work("mei") as (mei,):
            called = await making(line, mei, owes)
            await line.hub.twilio.call(LENA).arrive()
            await called.status("busy")
            await mei.work(owes, lambda w: w.state == "wrap_up")
            await mei.command("wrap_up", interaction_id=owes, disposition="solved")
            assert await owed(line.hub) == []
            assert (await mei.offer()).direction == "inbound"


async def test_a_call_of_which_nothing_is_heard_does_not_keep_its_agent(database_url: str, tmp_path: Path) -> None:
    async with a_line(database_url, tmp_path) as line:
        await hung_up_after(line, 30 * SECOND)
        (owes,) = await owed(line.hub)
        async with line.hub.at_work("mei") as (mei,):
            called = await making(line, mei, owes)
            line.hub.advance(callbacks.NO_NEWS_MS + SECOND)
            await mei.work(owes, lambda w: w.state == "wrap_up")
            assert "<Hangup" in await called.answers(), "nobody is left to talk to"


# --- promised -----------------------------------------------------------------------------------------------------


async def promised(line: Line, desk: Console, in_ms: int) -> str:
    """The agent promises to call, and is done with the call; the one that is owed."""
    talk = await line.talking(desk)
    at = line.hub.clock.now + in_ms if in_ms else 0
    await talk.do("promise_callback", at=at)
    await talk.call.completed()
    await talk.do("wrap_up", disposition="waiting")
    (owes,) = await owed(line.hub)
    return owes


@pytest.mark.parametrize("in_ms", [0, HOUR])
async def test_who_promised_to_call_is_asked_first(database_url: str, tmp_path: Path, in_ms: int) -> None:
    async with a_line(database_url, tmp_path, "mei") as line:
        (mei,) = line.desks
        owes = await promised(line, mei, in_ms)
        async with line.hub.at_work("jonas") as (jonas,):
            if in_ms:
                assert (await line.hub.record(owes)).state == "parked"
                line.hub.advance(in_ms + SECOND)
            offer = await mei.offer(owes)
            assert offer.task == "callback"
            assert jonas.state.offers == ()
            await mei.command("reject", offer_id=offer.id)
            await jonas.offer(owes)


@pytest.mark.parametrize("in_ms", [0, HOUR])
async def test_a_promise_of_somebody_who_is_gone_is_kept_by_others(
    database_url: str, tmp_path: Path, in_ms: int
) -> None:
    async with a_line(database_url, tmp_path, "mei") as line:
        (mei,) = line.desks
        talk = await line.talking(mei)
        await talk.do("promise_callback", at=line.hub.clock.now + in_ms if in_ms else 0)
        await talk.call.completed()
        await mei.command("set_state", state="offline")
        await talk.do("wrap_up", disposition="waiting")
        (owes,) = await owed(line.hub)
        async with line.hub.at_work("jonas") as (jonas,):
            line.hub.advance(in_ms + SECOND)
            await jonas.offer(owes)


async def test_a_promise_does_not_wait_for_ever_for_somebody_who_is_busy(database_url: str, tmp_path: Path) -> None:
    async with a_line(database_url, tmp_path, "mei") as line:
        (mei,) = line.desks
        talk = await line.talking(mei)
        await talk.do("promise_callback", at=0)
        await talk.call.completed()
        await mei.command("set_state", state="not_ready")
        await talk.do("wrap_up", disposition="waiting")
        (owes,) = await owed(line.hub)
        async with line.hub.at_work("jonas") as (jonas,):
            assert (await line.hub.record(owes)).only_agent == "mei"
            line.hub.advance(callbacks.FIRST_MS + SECOND)
            await jonas.offer(owes)


# --- taken back ---------------------------------------------------------------------------------------------------


async def test_a_supervisor_takes_back_what_we_owe(database_url: str, tmp_path: Path) -> None:
    async with a_line(database_url, tmp_path) as line, line.hub.signed_in("sana") as sana:
        lost = await hung_up_after(line, 30 * SECOND)
        (owes,) = await owed(line.hub)
        await sana.command("cancel_callback", interaction_id=owes)
        assert await owed(line.hub) == []
        assert (await line.hub.record(owes)).ended_reason == "callback"
        for interaction_id, code in ((owes, "under_way"), (lost, "not_found"), ("nothing", "not_found")):
            with pytest.raises(CommandRefused) as no:
                await sana.command("cancel_callback", interaction_id=interaction_id)
            assert no.value.code == code


async def test_only_supervisors_see_what_we_owe_and_everybody_their_own_telephone(
    database_url: str, tmp_path: Path
) -> None:
    async with a_line(database_url, tmp_path) as line:
        hub = line.hub
        for login, callbacks_status in (("mei", 403), ("sana", 200)):
            cookies = {"Cookie": f"cch_session={await hub.cookie_of(login)}"}
            listed = await hub.anonymous.get("/api/v1/callbacks", headers=cookies)
            assert listed.status_code == callbacks_status
            telephone = await hub.anonymous.get("/api/v1/phone", headers=cookies)
            assert telephone.json()["address"] == f"client:{login}"
            assert telephone.json()["line"] == "twilio_voice"
        for path in ("callbacks", "phone"):
            assert (await hub.anonymous.get(f"/api/v1/{path}")).status_code == 401
        assert (await hub.http.get("/api/v1/phone")).status_code == 404, "a key has no telephone"


# --- tried again ---------------------------------------------------------------------------------------------------


async def test_a_call_that_was_owed_is_found_in_the_day_that_is_tried(database_url: str, tmp_path: Path) -> None:
    """Whose call it is, how often it was tried, and that they were reached."""
    rules = with_calls({"callbacks": {"attempts": 3, "gap_minutes": 10}})
    async with a_line(database_url, tmp_path, config=rules) as line:
        began = line.hub.clock.now
        left = await hung_up_after(line, 30 * SECOND)
        (owes,) = await owed(line.hub)
        line.hub.advance(MINUTE)
        async with line.hub.at_work("mei") as (mei,):
            await reached_at_the_second_attempt(line, mei, owes)
        await line.hub.runtime.recorder.write()
        day = await recorded(await open_log(line.hub.runtime.executor, began, 2**60), began, line.hub.clock.now)
        assert (day.assumed.left, day.assumed.called_back) == (1, 1)
        assert (day.assumed.attempts, day.assumed.reached) == (2, 1)
        (caller,) = day.coming()
        assert caller.waiting.interaction_id == left
        first, second = caller.attempts
        assert (first.after_ms, second.after_ms) == (0, 10 * MINUTE + SECOND)
