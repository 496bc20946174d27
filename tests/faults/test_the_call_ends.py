"""F47: the caller hangs up, wherever the call is. Nobody is offered a dead line, and every agent is free again."""

from __future__ import annotations

from pathlib import Path

import pytest

from contact_center.domain.time import MINUTE
from tests.channels.twilio_fake import Told
from tests.faults.line import (
    FLOW,
    LENA,
    NOT_IN_PROGRESS,
    OUTSIDE,
    OVER,
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
    rings,
    rings_customer,
    talking,
    wraps_up,
)
from tests.faults.test_a_carrier_that_refuses import agent_picks_up
from tests.hub import until

SAYS_SO = pytest.mark.parametrize("told", [OVER, NOT_IN_PROGRESS], ids=["404", "21220"])


async def test_in_the_menu(database_url: str, tmp_path: Path) -> None:
    async with a_line(database_url, tmp_path, "mei", entry_points=FLOW) as (hub, _, (mei,)):
        caller = hub.twilio.call(LENA)
        at = position(await caller.arrive())
        await caller.completed()
        record = await hub.record(await hub.only_interaction())
        assert (record.state, record.ended_reason) == ("ended", "abandoned")
        hears(await caller.press(at, "1"), "Hangup")
        assert mei.state.offers == ()


async def test_while_it_waits_and_while_it_rings(database_url: str, tmp_path: Path) -> None:
    async with a_line(database_url, tmp_path) as (hub, _, _), hub.agent("mei") as mei:
        waits = hub.twilio.call(LENA)
        await waits.arrive()
        await waits.completed()
        await mei.ready()
        rings_now = hub.twilio.call(LENA)
        await rings_now.arrive()
        offer = await mei.offer()
        await rings_now.completed()
        await mei.gone(offer.interaction_id)
        assert mei.state.agent.state == "ready"
        for interaction_id in await hub.interactions():
            record = await hub.record(interaction_id)
            assert (record.state, record.ended_reason) == ("ended", "abandoned")


@SAYS_SO
async def test_while_it_is_being_taken_and_the_carrier_says_so_first(
    database_url: str, tmp_path: Path, told: Told
) -> None:
    """The report of the call's end was lost: the agent wraps up, and the dead line goes to nobody else."""
    async with a_line(database_url, tmp_path, "mei") as (hub, carrier, (mei,)), hub.agent("jonas") as jonas:
        await jonas.ready()
        carrier.fails(moves_caller, told)
        caller = hub.twilio.call(LENA)
        await caller.arrive()
        ringing = await mei.until(lambda: mei.state.offers or jonas.state.offers or ("",), "an offer")
        desk = mei if mei.state.offers else jonas
        offer = await desk.offer()
        assert ringing
        await desk.command("accept", offer_id=offer.id)
        shown = await desk.work(offer.interaction_id, lambda w: w.state == "wrap_up")
        assert (shown.customer_left, shown.call) == (True, "ended")
        assert desk.state.agent.reason != "phone_unreachable", "their telephone is well"
        assert carrier.count(rings) == 0
        await caller.completed()
        await wraps_up(desk, offer.interaction_id)
        await quiet(hub, 2 * MINUTE)
        other = jonas if desk is mei else mei
        assert all(frame["type"] != "offer" for frame in other.frames)
        assert other.state.offers == ()
        assert carrier.count(into_room) == 1


async def test_before_the_agents_telephone_is_picked_up(database_url: str, tmp_path: Path) -> None:
    async with a_line(database_url, tmp_path, "mei") as (hub, carrier, (mei,)):
        caller, interaction_id, offer_id = await connecting(hub, mei)
        await until(lambda: carrier.count(rings) == 1, "the agent's telephone")
        await caller.completed()
        shown = await mei.work(interaction_id, lambda w: w.state == "wrap_up")
        assert shown.customer_left
        assert "<Hangup" in await caller.agent_answers(interaction_id, offer_id)
        await wraps_up(mei, interaction_id)
        assert mei.state.agent.state == "ready"


async def test_during_a_consultation(database_url: str, tmp_path: Path) -> None:
    async with a_line(database_url, tmp_path, "mei") as (hub, carrier, (mei,)), hub.agent("jonas") as jonas:
        await jonas.command("set_state", state="not_ready", reason="break")
        caller, work, _, _ = await talking(hub, carrier, mei)
        await mei.command("add_party", interaction_id=work.interaction_id, to="agent:jonas", purpose="consult")
        await until(lambda: carrier.count(rings) == 2, "the colleague's telephone")
        await mei.line("call.leg", lambda e: e.body["leg"] == "party")
        [party] = (await hub.record(work.interaction_id)).parties
        await caller.completed()
        await passing(
            hub,
            lambda: any(a.path == f"Calls/{party.leg_id}.json" and a["Status"] == "completed" for a in carrier.asked),
            "the colleague's telephone to be let go",
        )
        await wraps_up(mei, work.interaction_id)
        assert mei.state.agent.state == "ready"


@SAYS_SO
async def test_while_it_is_handed_to_a_queue(database_url: str, tmp_path: Path, told: Told) -> None:
    async with a_line(database_url, tmp_path, "mei") as (hub, carrier, (mei,)), hub.agent("jonas") as jonas:
        caller, work, _, _ = await talking(hub, carrier, mei)
        await mei.command("set_state", state="not_ready", reason="break")
        carrier.fails(out_of_room, told)
        await mei.command("transfer", interaction_id=work.interaction_id, to="queue:billing")
        await mei.gone(work.interaction_id)

        async def over() -> bool:
            return (await hub.record(work.interaction_id)).state == "ended"

        await hub.eventually(over, "the interaction to be over")
        await jonas.ready()
        await caller.completed()
        await quiet(hub, MINUTE)
        assert jonas.state.offers == ()
        assert (await hub.record(work.interaction_id)).ended_reason == "abandoned"


async def test_on_hold(database_url: str, tmp_path: Path) -> None:
    async with a_line(database_url, tmp_path, "mei") as (hub, carrier, (mei,)):
        caller, work, _, _ = await talking(hub, carrier, mei)
        await mei.command("hold", interaction_id=work.interaction_id, on=True)
        await mei.work(work.interaction_id, lambda w: w.line is not None and w.line.held)
        await caller.completed()
        shown = await mei.work(work.interaction_id, lambda w: w.state == "wrap_up")
        assert (shown.customer_left, shown.call) == (True, "ended")
        await wraps_up(mei, work.interaction_id)


async def test_with_a_hold_under_way_that_nobody_is_there_for(database_url: str, tmp_path: Path) -> None:
    async with a_line(database_url, tmp_path, "mei") as (hub, carrier, (mei,)):
        caller, work, _, _ = await talking(hub, carrier, mei)
        carrier.fails(changes_room, OVER)
        await mei.command("hold", interaction_id=work.interaction_id, on=True)
        failed = await mei.line("call.action_failed")
        assert failed.body["what"] == "hold"
        assert failed.body["reason"]
        await caller.completed()
        await wraps_up(mei, work.interaction_id)


async def test_while_they_are_being_called_back(database_url: str, tmp_path: Path) -> None:
    """They pick up and put the telephone down before the agent has said a word."""
    async with a_line(database_url, tmp_path, "mei") as (hub, carrier, (mei,)):
        placed = (await mei.command("place_call", number=OUTSIDE))["interaction_id"]
        await until(lambda: carrier.count(rings) == 1, "the agent's telephone")
        await agent_picks_up(hub, placed)
        await until(lambda: carrier.count(rings_customer) == 1, "the customer's telephone")
        leg = hub.twilio.sid("CA")
        form = {"CallSid": leg, "From": "+12025550100", "To": OUTSIDE, "Direction": "outbound-api"}
        for path, status in (("customer", "in-progress"), ("status", "completed"), ("status", "completed")):
            answer = await hub.twilio.post(
                f"/twilio_voice/{path}?interaction={placed}", {**form, "CallStatus": status}
            )
            assert answer.is_success, answer.text
        shown = await mei.work(placed, lambda w: w.state == "wrap_up")
        assert shown.call == "ended"
        await wraps_up(mei, placed)
        await quiet(hub, 5 * MINUTE)
        assert carrier.count(rings_customer) == 1
