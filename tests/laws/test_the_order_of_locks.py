"""Agents are locked before interactions: two nodes never hold what the other waits for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from random import Random
from typing import Any

import asyncpg
import pytest

from contact_center.desk import picking, verbs
from contact_center.dispatch import claim as dispatch
from contact_center.domain.events import CustomerLeft, MessageReceived
from contact_center.storage import deadlines
from tests.laws import nodes

pytestmark = [
    pytest.mark.timeout(900),
    pytest.mark.parametrize("database_kind", ["postgresql"]),  # SQLite has one writer
]


@dataclass
class Scene:
    """One interaction, which rings at one agent of two, or is in their hands."""

    world: nodes.World
    interaction_id: str
    agent_id: str
    offer_id: str
    thread: str
    decision: Any

    async def act(self, unit: Callable[..., Any], *args: Any) -> Any:
        node = self.world.nodes[0]
        return await node.executor.write(lambda conn: unit(conn, self.world.clock.occasion(), *args))

    @property
    def acting(self) -> verbs.Acting:
        return verbs.Acting(self.agent_id, "admin")

    @property
    def colleague(self) -> str:
        return next(each for each in self.world.people if each != self.agent_id)


@asynccontextmanager
async def scene(url: str, channel: str, stage: str) -> AsyncIterator[Scene]:
    """``stage``: ``waiting``, ``offered`` or ``assigned``."""
    random = Random("locks")
    async with nodes.World(url, random, nodes.a_policy(random), 2, 2) as world:
        node = world.nodes[0]
        await node.look_round()
        event = world._event(channel)
        await world.arrive(node, event)
        (decision,) = node.engine.decide(world.clock.now)
        row = (await world._open())[0]
        at = Scene(world, row.id, decision.agent_id, "", row.thread_key, decision)
        if stage != "waiting":
            (at.offer_id, *_) = await at.act(dispatch.claim, decision, world.policy, 0)
        if stage == "assigned":
            await at.act(verbs.accept, at.acting, at.offer_id)
        yield at


def _said(at: Scene, body: Any, channel: str) -> Any:
    row = type("Row", (), {"channel": channel, "thread_key": at.thread})
    return at.act(at.world._take_in, at.world._of_thread(row, body))


async def _rings_out(at: Scene) -> None:
    at.world.clock.now += 3_600_000
    (row, *_) = await at.world.nodes[0].executor.read(deadlines.due, at.world.clock.now)
    await at.act(dispatch.handle_deadline, row, at.world.policy)


VERBS: dict[str, tuple[str, str, Callable[[Scene], Any]]] = {
    "claim": ("webchat", "waiting", lambda at: at.act(dispatch.claim, at.decision, at.world.policy, 0)),
    "pick": (
        "webchat",
        "waiting",
        lambda at: at.act(
            picking.pick,
            at.acting,
            picking.Pick(at.interaction_id, at.agent_id, "theirs", True, at.world.policy, {}),
        ),
    ),
    "accept": ("webchat", "offered", lambda at: at.act(verbs.accept, at.acting, at.offer_id)),
    "reject": ("webchat", "offered", lambda at: at.act(verbs.reject, at.acting, at.offer_id)),
    "leave": ("webchat", "offered", lambda at: at.act(verbs.set_state, at.acting, at.agent_id, "offline")),
    "ring out": ("webchat", "offered", _rings_out),
    "abandon": ("twilio_voice", "offered", lambda at: _said(at, CustomerLeft("hung up"), "twilio_voice")),
    "reply": ("webchat", "assigned", lambda at: at.act(verbs.reply, at.acting, at.interaction_id, "Hello")),
    "note": ("webchat", "assigned", lambda at: at.act(verbs.note, at.acting, at.interaction_id, "Hm")),
    "wrap up": ("webchat", "assigned", lambda at: at.act(verbs.wrap_up, at.acting, at.interaction_id, "solved")),
    "give back": ("webchat", "assigned", lambda at: at.act(verbs.return_to_queue, at.acting, at.interaction_id)),
    "write": ("webchat", "assigned", lambda at: _said(at, MessageReceived("still there?"), "webchat")),
    "hang up": ("twilio_voice", "assigned", lambda at: at.act(verbs.hang_up, at.acting, at.interaction_id)),
    "leave the line": ("twilio_voice", "assigned", lambda at: _said(at, CustomerLeft("hung up"), "twilio_voice")),
}


@pytest.mark.parametrize("verb", sorted(VERBS))
async def test_whoever_waits_for_an_agent_holds_no_interaction_of_theirs(database_url: str, verb: str) -> None:
    channel, stage, does = VERBS[verb]
    async with scene(database_url, channel, stage) as at, _another_node(database_url) as other:
        async with other.transaction():
            await other.execute("SELECT 1 FROM agents WHERE id = $1 FOR UPDATE", at.agent_id)
            doing = asyncio.ensure_future(does(at))
            while not await _somebody_waits(other):
                assert not doing.done(), "it never asked for the agent"
                await asyncio.sleep(0.005)
            await other.execute("SELECT 1 FROM interactions WHERE id = $1 FOR UPDATE NOWAIT", at.interaction_id)
        await doing


async def _somebody_waits(other: asyncpg.Connection) -> bool:
    return bool(
        await other.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
    )


@asynccontextmanager
async def _another_node(url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(url)
    try:
        yield connection
    finally:
        await connection.close()


async def test_nodes_that_do_everything_at_once_never_wait_for_each_other(database_url: str) -> None:
    await nodes.history(database_url, "locks")
    async with _another_node(database_url) as other:  # each counts when it goes, and all are gone
        found = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
        assert await other.fetchval(found) == 0
