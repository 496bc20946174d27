"""Agents are locked before interactions: two nodes never hold what the other waits for."""

from __future__ import annotations

import asyncio
import contextlib
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
from contact_center.storage import agents, deadlines, schema
from contact_center.storage.executor import open_executor
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
    async with nodes.Cluster(url, 2) as cluster:
        world = nodes.World(cluster, random, nodes.a_policy(random), 2)
        await world.open()
        node = world.nodes[0]
        await node.look_round()
        event = world._event(channel)
        await world.arrive(node, event)
        (decision,) = node.engine.decide(world.clock.now)
        await world.check()
        (row,) = world.rows
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


async def _sees_late(url: str) -> None:
    """PostgreSQL looks for deadlocks long after a group has given up, however busy the machine is."""
    async with _another_node(url) as other:
        name = await other.fetchval("SELECT quote_ident(current_database())")
        with contextlib.suppress(asyncpg.InsufficientPrivilegeError):
            await other.execute(f"ALTER DATABASE {name} SET deadlock_timeout = '4s'")


async def _deadlocks(url: str) -> int:
    """Each connection counts when it goes: all must be gone."""
    async with _another_node(url) as other:
        found = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
        return int(await other.fetchval(found))


async def test_nodes_that_do_everything_at_once_never_wait_for_each_other(database_url: str) -> None:
    await _sees_late(database_url)
    await nodes.history(database_url, "locks")
    assert await _deadlocks(database_url) == 0


async def test_groups_that_wait_for_each_other_give_up_before_it_is_a_deadlock(database_url: str) -> None:
    await _sees_late(database_url)
    one, other = open_executor(database_url), open_executor(database_url)
    for each in (one, other):
        await each.start(lambda _: None)
    people = [
        {"id": name, "name": name, "role": "agent", "queues": [], "skills": {}, "capacity": {}} for name in ("a", "b")
    ]
    await one.write(lambda conn: conn.execute(schema.agents.insert(), people))
    for _ in range(3):
        there, back = (
            [one.write(agents.lock, name) for name in "ab"],
            [other.write(agents.lock, name) for name in "ba"],
        )
        assert all(await asyncio.gather(*there, *back))
    for each in (one, other):
        await each.stop()
    assert await _deadlocks(database_url) == 0
