"""F44, F49, F50: the carrier is busy, broken, silent, or will never do it. Nobody is stranded, nobody pestered."""

from __future__ import annotations

from pathlib import Path

import pytest

from contact_center.domain.time import MINUTE, SECOND
from tests.channels.twilio_fake import Told
from tests.faults.line import (
    AWAY,
    BROKEN,
    BUSY,
    LENA,
    NEVER,
    OUTSIDE,
    UNBELIEVED,
    a_line,
    changes_room,
    connecting,
    hears,
    into_room,
    moves_caller,
    out_of_room,
    passing,
    position,
    quiet,
    records,
    rings,
    rings_customer,
    talking,
    wraps_up,
)
from tests.hub import until

TROUBLE = pytest.mark.parametrize("told", [BUSY, UNBELIEVED, BROKEN, AWAY, NEVER], ids=lambda t: f"{t.status}")


# --- an agent is to be brought in -----------------------------------------------------------------------------


@TROUBLE
async def test_a_caller_who_cannot_be_connected_hears_music_and_goes_to_another_agent_at_their_place(
    database_url: str, tmp_path: Path, told: Told
) -> None:
    async with a_line(database_url, tmp_path, "mei") as (hub, carrier, (mei,)), hub.agent("jonas") as jonas:
        carrier.fails(moves_caller, told)
        caller = hub.twilio.call(LENA)
        said = await caller.arrive()
        offer = await mei.offer()
        place = offer.waiting_since_at
        await mei.command("accept", offer_id=offer.id)
        again = await caller.press(position(said), "")
        hears(again, "Play")
        await passing(hub, lambda: not mei.state.work, "the caller's way back", 30 * SECOND)
        assert carrier.count(into_room) <= 6, "that is a storm"
        hears(await caller.press(position(again), ""), "Play")
        record = await hub.record(offer.interaction_id)
        assert (record.state, record.virtual_enqueued_at) == ("waiting", place)
        carrier.mends()
        await jonas.ready()
        his = await jonas.offer(offer.interaction_id)
        assert his.waiting_since_at == place
        await jonas.command("accept", offer_id=his.id)
        await passing(hub, lambda: carrier.count(rings) == 1, "Jonas's telephone", 30 * SECOND)
        await caller.agent_answers(offer.interaction_id, his.id)
        await jonas.work(offer.interaction_id, lambda w: w.call == "connected")


async def test_a_carrier_that_says_when_to_come_again_is_not_asked_before(database_url: str, tmp_path: Path) -> None:
    async with a_line(database_url, tmp_path, "mei") as (hub, carrier, (mei,)):
        carrier.fails(moves_caller, Told(429, 20429, "Too many", headers=(("Retry-After", "7"),)))
        _, interaction_id, _ = await connecting(hub, mei)
        await passing(hub, lambda: carrier.count(into_room) == 1, "the first attempt")
        await quiet(hub, 6_900)
        assert carrier.count(into_room) == 1
        carrier.mends()
        hub.advance(200)
        await until(lambda: carrier.count(rings) == 1, "the second attempt")
        assert (await hub.record(interaction_id)).state == "assigned"


async def test_a_wait_that_is_longer_than_a_caller_may_be_kept_sends_them_back_at_once(
    database_url: str, tmp_path: Path
) -> None:
    async with a_line(database_url, tmp_path, "mei") as (hub, carrier, (mei,)):
        carrier.fails(moves_caller, Told(429, 20429, "Too many", headers=(("Retry-After", "600"),)))
        _, interaction_id, _ = await connecting(hub, mei)
        await mei.gone(interaction_id)
        assert (await hub.record(interaction_id)).state == "waiting"


async def test_who_talks_with_somebody_by_now_is_not_taken_back_to_the_music(
    database_url: str, tmp_path: Path
) -> None:
    """Mei's telephone could not be rung; that the caller should hear music again did not get through. Then Jonas
    took the call, and the carrier is well again."""
    async with a_line(database_url, tmp_path, "mei") as (hub, carrier, (mei,)), hub.agent("jonas") as jonas:
        carrier.fails(rings, Told(400, 21211, "Invalid 'To'"))
        carrier.fails(out_of_room, AWAY)
        caller, interaction_id, _ = await connecting(hub, mei)
        await mei.gone(interaction_id)
        await passing(hub, lambda: carrier.count(out_of_room) >= 1, "the request that failed")
        carrier.mends()
        await jonas.ready()
        offer = await jonas.offer(interaction_id)
        before = carrier.count(out_of_room)
        await jonas.command("accept", offer_id=offer.id)
        await until(lambda: carrier.count(rings) == 2, "Jonas's telephone")
        await caller.agent_answers(interaction_id, offer.id)
        await jonas.work(interaction_id, lambda w: w.call == "connected")
        await quiet(hub, 2 * MINUTE)
        assert carrier.count(out_of_room) == before


@pytest.mark.parametrize("code", [21211, 13224, 21215])
async def test_an_agents_telephone_that_can_never_be_rung_is_rung_once(
    database_url: str, tmp_path: Path, code: int
) -> None:
    async with a_line(database_url, tmp_path, "mei") as (hub, carrier, (mei,)):
        carrier.fails(rings, Told(400, code, "No such number"))
        _, interaction_id, _ = await connecting(hub, mei)
        await mei.gone(interaction_id)
        assert mei.state.agent.reason == "phone_unreachable"
        await quiet(hub, 2 * MINUTE)
        assert carrier.count(rings) == 1
        assert (await hub.record(interaction_id)).state == "waiting"


# --- while they talk ------------------------------------------------------------------------------------------


@TROUBLE
async def test_what_cannot_be_done_in_a_conversation_is_told_soon_and_not_done_later(
    database_url: str, tmp_path: Path, told: Told
) -> None:
    async with a_line(database_url, tmp_path, "mei") as (hub, carrier, (mei,)):
        _, work, _, _ = await talking(hub, carrier, mei)
        carrier.fails(changes_room, told)
        carrier.fails(records, told)
        await mei.command("hold", interaction_id=work.interaction_id, on=True)
        await mei.command("record", interaction_id=work.interaction_id, what="start")

        def failed() -> set[str]:
            return {e.body["what"] for e in mei.lines if e.kind == "call.action_failed"}

        await passing(hub, lambda: failed() == {"hold", "record.start"}, "both failures", 35 * SECOND)
        assert carrier.count(changes_room) <= 6
        line = (await mei.work(work.interaction_id)).line
        assert line is not None
        assert not line.held
        carrier.mends()
        before = len(carrier.asked)
        await quiet(hub, 10 * MINUTE)
        assert len(carrier.asked) == before, "nobody is put on hold ten minutes later"


@TROUBLE
async def test_a_colleague_who_cannot_be_brought_in_leaves_the_customer_with_their_agent_who_is_told(
    database_url: str, tmp_path: Path, told: Told
) -> None:
    async with a_line(database_url, tmp_path, "mei") as (hub, carrier, (mei,)), hub.agent("jonas") as jonas:
        await jonas.command("set_state", state="not_ready", reason="break")
        caller, work, _, _ = await talking(hub, carrier, mei)
        carrier.fails(rings, told)
        await mei.command("add_party", interaction_id=work.interaction_id, to="agent:jonas", purpose="consult")

        def failed() -> bool:
            line = mei.state.work[0].line
            return line is not None and all(party.state == "failed" for party in line.parties)

        await passing(hub, failed, "the colleague's failure", 30 * SECOND)
        assert any(e.kind == "call.leg" and e.body["state"] == "failed" for e in mei.lines), "the agent is told"
        record = await hub.record(work.interaction_id)
        assert (record.state, record.agent_id, record.call) == ("assigned", "mei", "connected")
        carrier.mends()
        await quiet(hub, 5 * MINUTE)
        assert carrier.count(rings) <= 6, "nobody's telephone rings minutes later"
        await caller.completed()
        await wraps_up(mei, work.interaction_id)


@TROUBLE
async def test_a_caller_handed_to_a_queue_while_the_carrier_fails_waits_there_at_their_place(
    database_url: str, tmp_path: Path, told: Told
) -> None:
    async with a_line(database_url, tmp_path, "mei") as (hub, carrier, (mei,)), hub.agent("jonas") as jonas:
        caller, work, _, _ = await talking(hub, carrier, mei)
        place = (await hub.record(work.interaction_id)).virtual_enqueued_at
        carrier.fails(lambda asked: asked.method in ("POST", "DELETE"), told)
        await mei.command("set_state", state="not_ready", reason="break")
        await mei.command("transfer", interaction_id=work.interaction_id, to="queue:billing")
        await mei.gone(work.interaction_id)
        await quiet(hub, 20 * SECOND)
        record = await hub.record(work.interaction_id)
        assert (record.state, record.queue, record.virtual_enqueued_at) == ("waiting", "billing", place)
        carrier.mends()
        await passing(hub, lambda: carrier.asked and out_of_room(carrier.asked[-1]), "the music", 90 * SECOND)
        await jonas.ready()
        his = await jonas.offer(work.interaction_id)
        rung = carrier.count(rings)
        await jonas.command("accept", offer_id=his.id)
        await until(lambda: carrier.count(rings) > rung, "Jonas's telephone")
        await caller.agent_answers(work.interaction_id, his.id)
        await jonas.work(work.interaction_id, lambda w: w.call == "connected")


# --- calling somebody ------------------------------------------------------------------------------------------


@TROUBLE
async def test_a_customer_who_cannot_be_rung_now_is_not_rung_when_nobody_waits_for_them(
    database_url: str, tmp_path: Path, told: Told
) -> None:
    async with a_line(database_url, tmp_path, "mei") as (hub, carrier, (mei,)):
        carrier.fails(rings_customer, told)
        placed = await mei.command("place_call", number=OUTSIDE)
        await until(lambda: carrier.count(rings) == 1, "the agent's telephone")
        await agent_picks_up(hub, placed["interaction_id"])
        over = ("wrap_up", placed["interaction_id"])
        wrapping = lambda: over in [(work.state, work.interaction_id) for work in mei.state.work]  # noqa: E731
        await passing(hub, wrapping, "the agent to be told", 40 * SECOND)
        carrier.mends()
        await quiet(hub, 10 * MINUTE)
        assert carrier.count(rings_customer) <= 6
        assert not any(a.path == "Calls.json" and a["To"] == OUTSIDE for a in carrier.asked[-1:]), "rung too late"
        await wraps_up(mei, placed["interaction_id"])


@pytest.mark.parametrize(
    "code, again", [(21211, False), (13224, False), (21215, False), (429, True)], ids=lambda v: str(v)
)
async def test_a_number_that_can_never_be_called_back_is_not_tried_again_and_a_busy_carrier_is(
    database_url: str, tmp_path: Path, code: int, again: bool
) -> None:
    async with a_line(database_url, tmp_path) as (hub, carrier, _), hub.agent("mei") as mei:
        caller = hub.twilio.call(LENA)
        await caller.arrive()
        hub.advance(5 * SECOND)
        await caller.completed()
        told = BUSY if again else Told(400, code, "That is no number that can be called.")
        carrier.fails(rings_customer, told)
        await mei.ready()
        work = await mei.accept()
        assert work.direction == "outbound"
        await until(lambda: carrier.count(rings) == 1, "the agent's telephone")
        await agent_picks_up(hub, work.interaction_id)
        if again:
            await passing(hub, lambda: not mei.state.work, "the agent to be free", 40 * SECOND)
            assert (await hub.record(work.interaction_id)).state == "parked"
            await mei.until(lambda: mei.state.agent.state == "ready", "the agent to be free")
        else:
            shown = await mei.work(work.interaction_id, lambda w: w.state == "wrap_up")
            assert shown.call == "ended"
            assert carrier.count(rings_customer) == 1
            await wraps_up(mei, work.interaction_id)
            await quiet(hub, 60 * MINUTE)
            assert carrier.count(rings_customer) == 1


async def agent_picks_up(hub, interaction_id: str) -> str:  # type: ignore[no-untyped-def]
    """The telephone of the agent of a call that we place is answered, and they come into the room."""
    offer_id = (await hub.record(interaction_id)).accepted_offer
    leg, about = hub.twilio.sid("CA"), f"interaction={interaction_id}"
    form = {"CallSid": leg, "CallStatus": "in-progress", "From": "+12025550100", "To": "client:mei"}
    answer = await hub.twilio.post(f"/twilio_voice/agent?offer={offer_id}&room=call-{interaction_id}&{about}", form)
    hears(answer.text, "Dial")
    joined = {
        "ConferenceSid": hub.twilio.sid("CF"),
        "CallSid": leg,
        "ParticipantLabel": f"agent-{offer_id}",
        "StatusCallbackEvent": "participant-join",
        "SequenceNumber": "1",
    }
    assert (await hub.twilio.post(f"/twilio_voice/conference?{about}", joined)).is_success
    return str(leg)
