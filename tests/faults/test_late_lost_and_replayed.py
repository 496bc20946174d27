"""F45, F46, and old news told again: reports come in any order, twice, ten minutes late, a day late, or never."""

from __future__ import annotations

import random
from collections import Counter
from itertools import count, islice, permutations
from pathlib import Path
from typing import Any
from zlib import crc32

from contact_center.domain.events import RecordingKept
from contact_center.domain.record import Record
from contact_center.domain.time import DAY, MINUTE, SECOND
from contact_center.intake.take_in import OVER_EACH, OVER_REMEMBERED
from contact_center.storage.effects import Due
from tests.channels.twilio_fake import ACCOUNT
from tests.faults.line import LENA, OVER, a_line, at_rest, hears, moves_caller, quiet, rings, talking, wraps_up
from tests.hub import VOICE_NUMBER, Caller, TestHub

ORDERS = 24
"""Of the 720 in which six reports can come, by a seed."""


def reports_of(hub: TestHub, caller: Caller, interaction_id: str, offer_id: str) -> list[tuple[str, dict[str, str]]]:
    """What the carrier tells of a conversation after the agent has picked up, in the order in which it happened."""
    leg, room, recording = hub.twilio.sid("CA"), hub.twilio.sid("CF"), hub.twilio.sid("RE")
    about = f"call={caller.sid}"
    of_agent = f"/twilio_voice/agent-status?offer={offer_id}&room=call-{interaction_id}&{about}"
    seat = {"ConferenceSid": room, "CallSid": leg, "ParticipantLabel": f"agent-{offer_id}"}
    customer = {"CallSid": caller.sid, "AccountSid": ACCOUNT, "From": caller.number, "To": VOICE_NUMBER}
    recorded = {"RecordingSid": recording, "CallSid": caller.sid, "RecordingDuration": "4"}
    return [
        (of_agent, {"CallSid": leg, "CallStatus": "ringing"}),
        (
            f"/twilio_voice/conference?{about}",
            {**seat, "StatusCallbackEvent": "participant-join", "SequenceNumber": "1"},
        ),
        ("/twilio_voice/recording?purpose=call", {**recorded, "RecordingStatus": "in-progress"}),
        ("/twilio_voice/recording?purpose=call", {**recorded, "RecordingStatus": "completed"}),
        (of_agent, {"CallSid": leg, "CallStatus": "completed"}),
        ("/twilio_voice/status", {**customer, "CallStatus": "completed"}),
    ]


def in_the_end(record: Record) -> dict[str, Any]:
    """What has to be the same whatever came first."""
    return {
        "state": record.state,
        "reason": record.ended_reason,
        "served_by": record.served_by,
        "disposition": record.disposition,
        "recordings": sorted(record.recordings.values()),
        "parties": len(record.parties),
        "left": record.customer_left,
        "call": record.call,
    }


async def test_a_conversations_reports_in_any_order_and_twice_leave_the_same_record(
    database_url: str, tmp_path: Path
) -> None:
    rng = random.Random(45)
    orders = [tuple(range(6)), *rng.sample(list(permutations(range(6))), ORDERS)]
    ends = []
    async with a_line(database_url, tmp_path, "mei") as (hub, carrier, (mei,)):
        for number, order in enumerate(orders):
            caller, work, offer_id, _ = await talking(hub, carrier, mei, f"+49309018{number:02d}")
            reports = reports_of(hub, caller, work.interaction_id, offer_id)
            for each in [*order, *rng.choices(order, k=3)]:
                path, form = reports[each]
                assert (await hub.twilio.post(path, form)).is_success
            await wraps_up(mei, work.interaction_id)
            ends.append(in_the_end(await hub.record(work.interaction_id)))
            log = Counter(e.source_id for e in await hub.log(work.interaction_id))
            assert max(log.values()) == 1
    assert all(end == ends[0] for end in ends[1:]), [
        (o, e) for o, e in zip(orders, ends, strict=True) if e != ends[0]
    ]


async def test_a_call_that_was_over_before_we_heard_of_it_is_offered_to_nobody(
    database_url: str, tmp_path: Path
) -> None:
    """The report of its end overtook the call itself."""
    async with a_line(database_url, tmp_path, "mei") as (hub, _, (mei,)):
        caller = hub.twilio.call(LENA)
        await caller.completed()
        said = await caller.arrive()
        hears(said, "Hangup")
        assert await caller.arrive() == said
        record = await hub.record(await hub.only_interaction())
        assert (record.state, record.ended_reason) == ("ended", "abandoned")
        assert await hub.rows("offers") == []
        assert mei.state.agent.state == "ready"


async def test_a_burst_that_is_ten_minutes_late_leaves_nothing_that_rings(database_url: str, tmp_path: Path) -> None:
    """Twenty calls came and went while nothing got through; then everything does at once, in any order."""
    rng = random.Random(46)
    async with a_line(database_url, tmp_path, "mei", "jonas") as (hub, carrier, (mei, jonas)):
        callers = [hub.twilio.call(f"+49309017{number:02d}") for number in range(20)]
        hub.clock.now += 10 * MINUTE
        burst = [caller.arrive for caller in callers] + [caller.completed for caller in callers] * 2
        rng.shuffle(burst)
        for tell in burst:
            await tell()
        await quiet(hub, 5 * SECOND)
        for interaction_id in await hub.interactions():
            assert (await hub.record(interaction_id)).state == "ended"
        assert len(await hub.interactions()) == 20
        for desk in (mei, jonas):
            await desk.until(lambda desk=desk: not desk.state.offers, "silence")  # type: ignore[misc]
            assert desk.state.agent.state == "ready"
        assert carrier.count(rings) == 0


async def test_of_calls_that_were_over_before_we_heard_of_them_none_is_forgotten_for_another(
    database_url: str, tmp_path: Path
) -> None:
    """Those whose reports would be noted in one place."""
    sids = (f"CA{number:032x}" for number in count())
    place = crc32(b"CA") % OVER_REMEMBERED
    alike = list(islice((sid for sid in sids if crc32(sid.encode()) % OVER_REMEMBERED == place), OVER_EACH))
    async with a_line(database_url, tmp_path, "mei") as (hub, _, (mei,)):
        callers = [Caller(hub.twilio, sid, f"+4930901{number:04d}", VOICE_NUMBER) for number, sid in enumerate(alike)]
        for caller in (*callers, *callers):
            await caller.completed()
        for caller in callers:
            hears(await caller.arrive(), "Hangup")
        assert {(await hub.record(each)).state for each in await hub.interactions()} == {"ended"}
        assert mei.state.agent.state == "ready"


async def given_up(hub: TestHub) -> bool:
    hub.runtime.keeper.due(Due("recording", hub.clock.now))
    return any(event.kind == RecordingKept.KIND for event in await hub.log())


async def test_an_old_webhook_signed_as_it_was_does_nothing_new(database_url: str, tmp_path: Path) -> None:
    async with a_line(database_url, tmp_path, "mei") as (hub, carrier, (mei,)):
        caller, work, offer_id, _ = await talking(hub, carrier, mei)
        reports = reports_of(hub, caller, work.interaction_id, offer_id)
        for path, form in reports:
            await hub.twilio.post(path, form)
        await wraps_up(mei, work.interaction_id)
        await at_rest(hub)
        hub.clock.now += DAY
        await hub.eventually(lambda: given_up(hub), "the recording that the carrier has not got to be given up")
        asked, log = len(carrier.asked), await hub.log()
        await caller.arrive()
        for path, form in reports:
            await hub.twilio.post(path, form)
        await caller.agent_answers(work.interaction_id, offer_id)
        await quiet(hub, SECOND)
        known = {e.source_id for e in log}
        assert [e.kind for e in await hub.log() if e.source_id not in known] in ([], ["call.leg"])
        assert len(carrier.asked) == asked
        assert len(await hub.interactions()) == 1
        assert (mei.state.offers, mei.state.work) == ((), ())


async def test_an_agent_who_takes_a_call_whose_end_was_lost_is_free_at_once(
    database_url: str, tmp_path: Path
) -> None:
    """Every report of the call's end was lost while it waited: whoever takes it does not have to find that out."""
    async with a_line(database_url, tmp_path) as (hub, carrier, _), hub.agent("mei") as mei:
        await hub.twilio.call(LENA).arrive()
        carrier.fails(moves_caller, OVER)
        hub.advance(5 * MINUTE)
        await mei.ready()
        offer = await mei.offer()
        await mei.command("accept", offer_id=offer.id)
        await wraps_up(mei, offer.interaction_id)
        assert mei.state.agent.state == "ready"
