"""What becomes of the work of agents who are not there: by the rule, at its place, and with everybody told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from contact_center.domain.absence import SETTING, Absence
from contact_center.domain.time import MINUTE, SECOND
from contact_center.storage import settings
from tests.channels.twilio_fake import twilio_fake
from tests.dispatch.test_offers import GRACE_MS, LENA, RING_MS, deadline_of, is_offline, people
from tests.hub import CommandRefused, TestHub, house, open_test_hub

STAFF = house(agents=people(ann={}, bob={}))


async def rule(hub: TestHub, **said: Any) -> None:
    await hub.write(settings.put, SETTING, said)


async def leave(hub: TestHub, console: Any) -> None:
    await console.cut()
    await hub.eventually(lambda: deadline_of(hub, "presence"), "the time to come back to begin")


def test_an_absence_lasts_some_time() -> None:
    with pytest.raises(ValueError, match="less than no time"):
        Absence(grace_ms=0)
    with pytest.raises(ValueError, match="less than no time"):
        Absence(gone_ms={"sms": -1})


async def test_written_work_waits_as_long_for_its_agent_as_the_rule_says(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path, config=STAFF) as hub:
        await rule(hub, gone_ms={"sms": 5 * MINUTE})
        async with hub.agent("ann") as ann:
            await ann.ready()
            await hub.twilio.sms(LENA, "Hello?")
            work = await ann.accept()
            await leave(hub, ann)
        place = (await hub.record(work.interaction_id)).virtual_enqueued_at
        hub.advance(GRACE_MS)
        await hub.eventually(lambda: is_offline(hub, "ann"))
        assert (await hub.record(work.interaction_id)).agent_id == "ann", "it waits for her"
        hub.advance(5 * MINUTE)
        await hub.eventually(lambda: waits(hub, work.interaction_id), "it to be in its queue again")
        record = await hub.record(work.interaction_id)
        assert (record.virtual_enqueued_at, record.missed_by) == (place, {"ann": "no_answer"})


async def both_may_come_back(hub: TestHub) -> bool:
    return [row["kind"] for row in await hub.rows("deadlines")].count("presence") == 2


async def nobody_may_come_back(hub: TestHub) -> bool:
    return not any(row["kind"] == "presence" for row in await hub.rows("deadlines"))


async def waits(hub: TestHub, interaction_id: str) -> bool:
    return (await hub.record(interaction_id)).state == "waiting"


async def test_who_only_looked_on_is_not_said_to_have_been_signed_off(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path, config=STAFF) as hub:
        async with hub.agent("ann") as ann, hub.agent("bob") as bob:
            await bob.ready()
            await ann.cut()
            await bob.cut()
        await hub.eventually(lambda: both_may_come_back(hub), "the time to come back to begin")
        hub.advance(GRACE_MS)
        await hub.eventually(lambda: is_offline(hub, "bob"))
        await hub.eventually(lambda: nobody_may_come_back(hub), "that time to be over")
        said = {a["id"]: (a["state"], a["reason"]) for a in (await hub.get("agents"))["items"]}
        assert (said["ann"], said["bob"]) == (("offline", ""), ("offline", "connection_lost"))


async def test_who_comes_back_late_but_in_time_for_the_work_keeps_it(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path, config=STAFF) as hub:
        await rule(hub, gone_ms={"sms": 5 * MINUTE})
        async with hub.agent("ann") as ann:
            await ann.ready()
            await hub.twilio.sms(LENA, "Hello?")
            work = await ann.accept()
            await leave(hub, ann)
        hub.advance(GRACE_MS)
        await hub.eventually(lambda: is_offline(hub, "ann"))
        async with hub.agent("ann") as back:
            hub.advance(5 * MINUTE)
            await back.command("note", interaction_id=work.interaction_id, text="still mine")


async def test_a_call_that_still_rings_at_who_is_gone_goes_back_at_once(database_url: str, tmp_path: Path) -> None:
    async with (
        twilio_fake() as carrier,
        open_test_hub(database_url, tmp_path, config=STAFF, environment={"twilio_rest_url": carrier.url}) as hub,
    ):
        async with hub.agent("ann") as ann:
            await ann.ready()
            await hub.twilio.call(LENA).arrive()
            work = await ann.accept()
            await leave(hub, ann)
        async with hub.at_work("bob") as (bob,):
            hub.advance(GRACE_MS)
            offer = await bob.offer(work.interaction_id)
            assert offer.waiting_since_at == (await hub.record(work.interaction_id)).virtual_enqueued_at
        verbs = [row["verb"] for row in await hub.rows("outbox")]
        assert "drop" in verbs, "her telephone stops ringing"
        assert "tell" in verbs, "and the caller hears music"


async def test_after_call_work_of_who_is_gone_ends_by_itself(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path, config=STAFF) as hub:
        await rule(hub, wrap_up_ms=MINUTE)
        async with hub.agent("ann") as ann:
            await ann.ready()
            call = hub.twilio.call(LENA)
            await call.arrive()
            work = await ann.accept()
            await call.hang_up()
            await ann.work(work.interaction_id, lambda w: w.state == "wrap_up")
            await leave(hub, ann)
        hub.advance(GRACE_MS)
        await hub.eventually(lambda: is_offline(hub, "ann"))
        hub.advance(MINUTE)
        await hub.eventually(lambda: ended(hub, work.interaction_id), "it to end")


async def ended(hub: TestHub, interaction_id: str) -> bool:
    return (await hub.record(interaction_id)).state == "ended"


# --- off duty ---------------------------------------------------------------------------------------------------

OFF_DUTY = {"off_duty_ms": {"sms": 10 * MINUTE}, "ask_ms": MINUTE}


async def open_work(hub: TestHub, console: Any) -> str:
    await rule(hub, **OFF_DUTY)
    await console.ready()
    await hub.twilio.sms(LENA, "Hello?")
    work = await console.accept()
    await console.command("set_state", state="not_ready", reason="break")
    return str(work.interaction_id)


async def test_who_is_off_duty_is_asked_and_silence_gives_it_back(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path, config=STAFF) as hub, hub.agent("ann") as ann:
        interaction_id = await open_work(hub, ann)
        place = (await hub.record(interaction_id)).virtual_enqueued_at
        hub.advance(10 * MINUTE)
        asked = await ann.work(interaction_id, lambda w: w.hand_back_at)
        assert asked.hand_back_at == hub.clock.now + MINUTE
        hub.advance(MINUTE)
        await ann.gone(interaction_id)
        record = await hub.record(interaction_id)
        assert (record.state, record.virtual_enqueued_at, record.hand_back_at) == ("waiting", place, 0)
        back = [event.body for event in await hub.log(interaction_id) if event.kind == "enqueued"][-1]
        assert back.reason == "off_duty"  # type: ignore[union-attr]
        (left,) = [body for _, body in ann.announced if body.kind == "work.left"]
        assert left.reason == "off_duty"  # type: ignore[union-attr]


async def test_who_keeps_it_is_asked_again_later(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path, config=STAFF) as hub, hub.agent("ann") as ann:
        interaction_id = await open_work(hub, ann)
        hub.advance(10 * MINUTE)
        await ann.work(interaction_id, lambda w: w.hand_back_at)
        await ann.command("keep_work", interaction_id=interaction_id)
        await ann.work(interaction_id, lambda w: not w.hand_back_at)
        with pytest.raises(CommandRefused, match="not_asked"):
            await ann.command("keep_work", interaction_id=interaction_id)
        hub.advance(10 * MINUTE)
        await ann.work(interaction_id, lambda w: w.hand_back_at)


async def test_who_is_ready_again_is_asked_no_more(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path, config=STAFF) as hub, hub.agent("ann") as ann:
        interaction_id = await open_work(hub, ann)
        hub.advance(10 * MINUTE)
        await ann.work(interaction_id, lambda w: w.hand_back_at)
        await ann.ready()
        await ann.work(interaction_id, lambda w: not w.hand_back_at)
        hub.advance(20 * MINUTE)
        await ann.command("note", interaction_id=interaction_id, text="still mine")


async def test_nobody_is_asked_where_no_console_is_open(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path, config=STAFF) as hub:
        async with hub.agent("ann") as ann:
            interaction_id = await open_work(hub, ann)
            await rule(hub, **OFF_DUTY, gone_ms={})
            await ann.command("set_state", state="offline")
        await hub.eventually(lambda: nobody_here(hub), "the hub to see that she left")
        hub.advance(10 * MINUTE)
        await hub.eventually(lambda: waits(hub, interaction_id), "it to be in its queue again")
        assert "hand_back.asked" not in [event.kind for event in await hub.log(interaction_id)]


async def nobody_here(hub: TestHub) -> bool:
    return not any(row["here"] for row in await hub.rows("agents"))


async def test_how_often_may_be_missed_is_the_policys_to_say(database_url: str, tmp_path: Path) -> None:
    config = {**STAFF, "policy": {"misses_in_a_row": 1}}
    async with open_test_hub(database_url, tmp_path, config=config) as hub, hub.at_work("ann") as (ann,):
        await hub.twilio.sms(LENA, "Hello?")
        await ann.offer()
        hub.advance(RING_MS)
        await ann.until(lambda: ann.state.agent.reason == "not_responding")
        hub.advance(SECOND)
        await ann.ready()
        await ann.until(lambda: ann.state.agent.reason == "")
