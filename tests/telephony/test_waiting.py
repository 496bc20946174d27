"""Callers who wait in a flow's queue: keys while an offer rings, places that are kept, queues that close."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from contact_center.domain.time import MINUTE, SECOND
from tests.hub import VOICE_NUMBER, Caller
from tests.telephony.talking import LENA, WEI, Line, a_line, with_calls
from tests.telephony.test_services import position, publish

WAITING = """
flow: main
languages: {en: en-US}
otherwise: person
steps:
  person:
    queue: support
    offer: {"1": other}
    closing: closed
    longest: {ms: 600000, next: tired}
  other:
    menu: "Press 2 to wait on."
    choices: {"2": person}
    timeout_ms: 20000
  closed:
    hang_up: "We are closed."
  tired:
    hang_up: "You have waited long enough."
"""


def in_a_flow(rules: dict[str, Any] | None = None) -> dict[str, Any]:
    doors = [{"channel": "twilio_voice", "dialled": VOICE_NUMBER, "flow": "main", "queue": "support"}]
    return with_calls(rules, entry_points=doors)


async def waits(line: Line, number: str = LENA) -> tuple[Caller, str, str]:
    """A caller in the queue: their call, the interaction and where they are in the flow."""
    call = line.hub.twilio.call(number)
    before = set(await line.hub.interactions())
    said = await call.arrive()
    (interaction_id,) = set(await line.hub.interactions()) - before
    return call, interaction_id, position(said)


async def test_a_caller_who_chooses_something_else_stops_the_offer_that_rings(
    database_url: str, tmp_path: Path
) -> None:
    async with a_line(database_url, tmp_path, config=in_a_flow()) as line:
        await publish(line, WAITING)
        call, interaction_id, at = await waits(line)
        place = (await line.hub.record(interaction_id)).virtual_enqueued_at
        async with line.hub.at_work("mei") as (mei,):
            await mei.offer(interaction_id)
            line.hub.advance(3 * SECOND)
            said = await call.press(at, "1")
            assert "to wait on" in said
            await mei.gone(interaction_id)
            assert mei.state.agent.state == "ready"
            assert (await line.hub.record(interaction_id)).state == "flow"
            line.hub.advance(30 * SECOND)
            await call.press(position(said), "2")
            offer = await mei.offer(interaction_id)
            assert offer.waiting_since_at == place, "who comes back stands where they stood"


async def test_who_leaves_the_queue_and_comes_back_is_served_before_who_came_meanwhile(
    database_url: str, tmp_path: Path
) -> None:
    async with a_line(database_url, tmp_path, config=in_a_flow()) as line:
        await publish(line, WAITING)
        call, first, at = await waits(line)
        line.hub.advance(5 * SECOND)
        said = await call.press(at, "1")
        _, second, _ = await waits(line, WEI)
        line.hub.advance(5 * SECOND)
        await call.press(position(said), "2")
        async with line.hub.at_work("mei") as (mei,):
            assert (await mei.offer()).interaction_id == first
            assert (await line.hub.record(second)).state == "waiting"


async def test_who_waits_when_the_queue_closes_is_told(database_url: str, tmp_path: Path) -> None:
    rules = {"hours": {"mon-fri": "09:00-18:00"}}
    async with a_line(database_url, tmp_path, config=in_a_flow(rules)) as line:
        await publish(line, WAITING)
        six = datetime(2026, 9, 21, 18, 0, tzinfo=ZoneInfo("Europe/Berlin"))
        line.hub.clock.now = int(six.timestamp()) * SECOND - 20 * SECOND
        call, interaction_id, at = await waits(line)
        said = await call.press(at, "")
        assert "closed" not in said
        line.hub.advance(30 * SECOND)
        assert "We are closed." in await call.press(position(said), "")
        assert (await line.hub.record(interaction_id)).state == "ended"


@pytest.mark.parametrize("rules", [{}, {"longest_wait_minutes": 5}])
async def test_nobody_waits_longer_than_the_longest(database_url: str, tmp_path: Path, rules: dict[str, Any]) -> None:
    """What the flow says, and what the queue says, whichever is shorter."""
    async with a_line(database_url, tmp_path, config=in_a_flow(rules)) as line:
        await publish(line, WAITING)
        call, interaction_id, at = await waits(line)
        line.hub.advance(6 * MINUTE)
        said = await call.press(at, "")
        assert ("We are closed." in said) == bool(rules)
        if not rules:
            line.hub.advance(5 * MINUTE)
            assert "long enough" in await call.press(position(said), "")
        assert (await line.hub.record(interaction_id)).state == "ended"


async def test_a_call_goes_on_in_the_version_that_it_is_in(database_url: str, tmp_path: Path) -> None:
    async with a_line(database_url, tmp_path, config=in_a_flow()) as line:
        await publish(line, WAITING)
        call, interaction_id, at = await waits(line)
        before = (await line.hub.record(interaction_id)).flow_version
        await publish(line, WAITING.replace("to wait on", "and nothing else"))
        line.hub.advance(SECOND)
        assert "to wait on" in await call.press(at, "1")
        assert (await line.hub.record(interaction_id)).flow_version == before
        other, _, at = await waits(line, WEI)
        line.hub.advance(SECOND)
        assert "and nothing else" in await other.press(at, "1")


@pytest.mark.parametrize("whisper", [True, False])
async def test_the_agent_is_told_what_it_is_about_if_the_queue_wants_it(
    database_url: str, tmp_path: Path, whisper: bool
) -> None:
    async with a_line(database_url, tmp_path, "mei", config=with_calls({"whisper": whisper})) as line:
        await line.talking(line.desks[0])
        (rung,) = line.asked("Calls.json", To="client:mei")
        assert ("text=" in rung["Url"]) == whisper
