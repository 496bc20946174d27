"""F01, F02, F03, F07, F08: kill -9 before the commit, before the answer, after it, while it rings, while it is taken.

What the database has not been given is held back by a lock that the test holds, so that the moment is not chance.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import Connection

from contact_center.storage import rebuild
from contact_center.storage.executor import run_alone
from tests.channels.twilio_fake import TwilioFake, twilio_fake
from tests.faults.line import FLOW, LENA, hears, position, rings
from tests.faults.test_a_database_that_does_not_answer import SAID_MEANWHILE, SIGNED, in_the_end, locked
from tests.hub import SHORT_IDLE, WITHIN_S, HubProcess, Twilio, house

pytestmark = [pytest.mark.crash, pytest.mark.timeout(900)]


@dataclass
class Line:
    """A hub that can be killed, and the carrier, which lives on."""

    hub: HubProcess
    carrier: TwilioFake
    twilio: Twilio
    database_url: str

    async def dies(self) -> None:
        await asyncio.to_thread(self.hub.kill9)

    async def comes_back(self) -> None:
        await asyncio.to_thread(self.hub.start)

    async def get(self, path: str, **query: str) -> Any:
        async with self.hub.http() as rest:
            return (await rest.get(f"/api/v1/{path}", params=query)).json()

    async def record(self) -> dict[str, Any]:
        """Of the only call."""
        return dict((await self.get(f"interactions/{await self.only()}"))["record"])

    async def events(self) -> list[dict[str, Any]]:
        """Of the only call."""
        return list((await self.get(f"interactions/{await self.only()}/events"))["items"])

    async def kinds(self) -> Counter[str]:
        return Counter(event["kind"] for event in await self.events())

    async def only(self) -> str:
        [item] = (await self.get("interactions"))["items"]
        return str(item["interaction_id"])


@asynccontextmanager
async def a_line(database_url: str, tmp_path: Path, **config: Any) -> AsyncIterator[Line]:
    """At the end every record equals the fold of its events."""
    async with twilio_fake() as carrier:
        environment = {**SIGNED, "CONTACT_CENTER_TWILIO_REST_URL": carrier.url}
        hub = HubProcess(tmp_path, database_url, config=house(**config), environment=environment)
        asking = httpx.AsyncClient(base_url=hub.url, timeout=WITHIN_S, limits=SHORT_IDLE)
        async with hub.running(), asking as http:
            yield Line(hub, carrier, Twilio(http, hub.url), database_url)
        assert await asyncio.to_thread(run_alone, database_url, differing) == []


def differing(conn: Connection) -> list[str]:
    return [each for each in rebuild.interaction_ids(conn) if rebuild.compare(conn, each)]


async def answered(asked: asyncio.Task[str]) -> str:
    """What the carrier was told; empty where it saw the connection break, or where its caller was only asked to hold
    the line (on a machine that is busy the database is slow, too)."""
    try:
        said = await asked
    except (httpx.TransportError, AssertionError):
        return ""
    return "" if SAID_MEANWHILE in said else said


async def test_killed_before_the_commit_the_call_comes_in_with_the_next_attempt(
    database_url: str, tmp_path: Path
) -> None:
    async with a_line(database_url, tmp_path, entry_points=FLOW) as line:
        caller = line.twilio.call(LENA)
        async with locked(database_url):
            asked = asyncio.create_task(caller.arrive())
            await asyncio.sleep(0.5)
            await line.dies()
            assert await answered(asked) == "", "nothing is acknowledged that is not stored"
        await line.comes_back()
        assert (await line.get("interactions"))["items"] == []
        said = await caller.arrive()
        hears(said, "Gather")
        assert await caller.arrive() == said
        assert (await line.kinds())["call.arrived"] == 1


async def test_killed_before_the_answer_the_next_attempt_gets_it_and_nothing_is_done_twice(
    database_url: str, tmp_path: Path
) -> None:
    async with a_line(database_url, tmp_path, entry_points=FLOW) as line:
        caller = line.twilio.call(LENA)
        first = await caller.arrive()
        before = await line.record()
        asked = asyncio.create_task(caller.press(position(first), "1"))
        now = before
        for _ in range(1_000):
            now = await line.record()
            if now["flow_position"] != before["flow_position"]:
                break
        await line.dies()  # it is stored; whether the answer got through does not matter
        heard = await answered(asked)
        kinds_then = None
        await line.comes_back()
        for _ in range(3):
            said = await in_the_end(lambda: caller.press(position(first), "1"))
            hears(said, "Gather")
            assert heard in ("", said), "another document than before"
            heard = said
            kinds = await line.kinds()
            assert kinds_then in (None, kinds)
            kinds_then = kinds
        assert (await line.record())["flow_position"] == now["flow_position"]


async def test_killed_after_the_answer_the_caller_is_offered_to_an_agent_after_the_restart(
    database_url: str, tmp_path: Path
) -> None:
    async with a_line(database_url, tmp_path) as line:
        await line.twilio.call(LENA).arrive()
        await line.dies()
        await line.comes_back()
        async with line.hub.agent("mei") as mei:
            await mei.ready()
            assert (await mei.offer()).customer.point == LENA


async def test_killed_while_it_rings_the_call_rings_on_or_at_somebody_else_at_its_place(
    database_url: str, tmp_path: Path
) -> None:
    rings = {"voice": 2, "chat": 2, "sms": 2, "email": 2, "other": 2}
    async with a_line(database_url, tmp_path, policy={"offer_seconds": rings}) as line:
        async with line.hub.agent("mei") as mei:
            await mei.ready()
            await line.twilio.call(LENA).arrive()
            first = await mei.offer()
            await line.dies()
        await asyncio.sleep(2)
        await line.comes_back()
        async with line.hub.agent("jonas") as jonas:
            await jonas.ready()
            again = await jonas.offer(first.interaction_id)
            assert again.id != first.id
            assert again.waiting_since_at == first.waiting_since_at
        assert (await line.kinds())["call.arrived"] == 1


@pytest.mark.parametrize("when", ["before the commit", "at once", "soon after"])
async def test_killed_while_it_is_taken_the_call_is_in_one_hand_or_waits(
    database_url: str, tmp_path: Path, when: str
) -> None:
    async with a_line(database_url, tmp_path) as line:
        caller = line.twilio.call(LENA)
        async with line.hub.agent("mei") as mei:
            await mei.ready()
            await caller.arrive()
            offer = await mei.offer()
            accept = {"type": "command", "id": "a1", "name": "accept", "args": {"offer_id": offer.id}}
            if when == "before the commit":
                async with locked(database_url):
                    await mei.say(**accept)
                    await asyncio.sleep(0.5)
                    await line.dies()
            else:
                await mei.say(**accept)
                await asyncio.sleep(0 if when == "at once" else 0.03)
                await line.dies()
        await line.comes_back()
        await one_hand_or_none(line, offer.interaction_id)
        async with line.hub.agent("mei") as mei:
            work = await until_taken(mei, offer.interaction_id)
            accepted = (await line.record())["accepted_offer"]
            await caller.agent_answers(work.interaction_id, accepted)
            await mei.work(work.interaction_id, lambda w: w.call == "connected")
        took = [event for event in await line.events() if event["kind"] == "offer.ended"]
        assert sum(1 for event in took if event["body"]["outcome"] == "accepted") == 1
        to_agent = [asked for asked in line.carrier.asked if rings(asked)]
        assert len(to_agent) <= 1, "the agent's telephone is not rung twice"


async def one_hand_or_none(line: Line, interaction_id: str) -> None:
    found = await line.record()
    assert found["state"] in ("waiting", "offered", "assigned")
    assert (found["agent_id"] == "mei") == (found["state"] in ("offered", "assigned")), found
    if found["state"] == "assigned":
        assert found["accepted_offer"]


async def until_taken(mei: Any, interaction_id: str) -> Any:
    """Takes it, where the acceptance was lost: the console shows which."""
    held = next((w for w in mei.state.work if w.interaction_id == interaction_id), None)
    if held is not None:
        return held
    if mei.state.agent.chosen != "ready":
        await mei.ready()
    return await mei.accept(interaction_id)
