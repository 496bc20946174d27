"""Three hubs on one PostgreSQL and one Redis, as an operator would run them: killed (SIGKILL) and started again,
stopped in the middle of whatever they do (SIGSTOP) and let go on, thrown out by the database, while hundreds of
people text and twenty agents work, each at a hub that happens to be up.

Whoever sends does what providers do: the same again until it is acknowledged, now and then also after that. Nothing
of this is the same twice, so what is checked is what must be so however it went.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, TypeVar

import httpx
from sqlalchemy import Connection, select, text
from websockets.exceptions import WebSocketException

from contact_center.config.model import parse
from contact_center.domain.errors import Unavailable
from contact_center.offline import configure
from contact_center.storage import schema
from contact_center.storage.executor import Executor, open_executor
from routing import Policy
from tests.channels.twilio_fake import ACCOUNT, TOKEN
from tests.hub import SMS_NUMBER, CommandRefused, HubProcess, Twilio
from tests.laws import log, tables
from tests.laws.rules import LawBroken
from tests.servers.ports import free_port
from tests.servers.redis import RedisServer

T = TypeVar("T")

AGAIN = (httpx.TransportError, WebSocketException, OSError, TimeoutError, AssertionError)
NODES, CASES, PEOPLE = 3, 500, 20
HEALED_WITHIN_S = 240


def a_house(random: Random) -> dict[str, Any]:
    return {
        "queues": [{"id": "support", "name": "Support"}],
        "entry_points": [{"channel": "twilio_sms", "dialled": SMS_NUMBER, "queue": "support"}],
        "agents": [
            {
                "id": f"agent{n}",
                "name": f"Agent {n}",
                "email": f"agent{n}@hub.example",
                "queues": ["support"],
                "capacity": {"sms": random.randint(1, 3)},
            }
            for n in range(PEOPLE)
        ],
        "dispositions": [{"id": "solved", "name": "Solved"}],
        "policy": {"offer_seconds": {"sms": 3}, "reoffer_cooldown_seconds": 2, "sole_cooldown_seconds": 1},
    }


@dataclass
class Ledger:
    """What was seen from outside: the witness against which the database is held."""

    acknowledged: set[str] = field(default_factory=set)
    took: list[tuple[str, str]] = field(default_factory=list)
    done: set[str] = field(default_factory=set)
    faults: Counter[str] = field(default_factory=Counter)


class World:
    """The hubs, who uses them, and who harms them."""

    def __init__(self, url: str, folder: Path, seed: str, redis_url: str) -> None:
        self.random = Random(seed)
        self.house = a_house(self.random)
        self.ledger = Ledger()
        self.stop = asyncio.Event()
        self.calm = asyncio.Event()
        self.hubs = [self._hub(url, folder / f"node{n}", redis_url) for n in range(NODES)]
        self.up = list(self.hubs)

    def _hub(self, url: str, folder: Path, redis_url: str) -> HubProcess:
        folder.mkdir()
        environment = {
            "CONTACT_CENTER_TWILIO_ACCOUNT_SID": ACCOUNT,
            "CONTACT_CENTER_TWILIO_AUTH_TOKEN": TOKEN,
            "CONTACT_CENTER_TWILIO_REST_URL": f"http://127.0.0.1:{free_port()}",
            "CONTACT_CENTER_REDIS_URL": redis_url,
        }
        return HubProcess(folder, url, config=self.house, environment=environment)

    # --- customers --------------------------------------------------------------------------------------------------

    async def texts(self, numbers: range) -> None:
        for number in numbers:
            await self._text(number)
            if self.random.random() < 0.05:
                await self._text(number)

    async def _text(self, number: int) -> None:
        sid = f"SM{number:032x}"
        while True:
            with contextlib.suppress(*AGAIN):
                hub = self.random.choice(self.up)
                async with httpx.AsyncClient(base_url=hub.url, timeout=10) as http:
                    await Twilio(http, hub.url, TOKEN).sms(f"+49151{number:08d}", f"text {number}", sid=sid)
                self.ledger.acknowledged.add(sid)
                return
            await asyncio.sleep(0.1)

    # --- agents -----------------------------------------------------------------------------------------------------

    async def work(self, agent_id: str) -> None:
        """Sits down wherever a hub is up, works, and sits down elsewhere when the line breaks."""
        random = Random(f"{agent_id}{self.random.random()}")
        while not self.stop.is_set():
            with contextlib.suppress(*AGAIN):
                async with random.choice(self.up).agent(agent_id) as desk:
                    while not self.stop.is_set() and desk.closed is None:
                        await self._look_at(desk, agent_id, random)
                        await asyncio.sleep(0.1)
            await asyncio.sleep(0.3)

    async def _look_at(self, desk: Any, agent_id: str, random: Random) -> None:
        if desk.state.agent.chosen != "ready":
            await desk.command("set_state", state="ready")
        for offer in desk.state.offers:
            with contextlib.suppress(CommandRefused):
                if random.random() < 0.1:
                    await desk.command("reject", offer_id=offer.id)
                else:
                    await desk.command("accept", offer_id=offer.id)
                    self.ledger.took.append((offer.id, agent_id))
        for work in desk.state.work:
            with contextlib.suppress(CommandRefused):
                if random.random() < 0.05:
                    await desk.command("return_to_queue", interaction_id=work.interaction_id)
                else:
                    await desk.command("wrap_up", interaction_id=work.interaction_id, disposition="solved")
                    self.ledger.done.add(work.interaction_id)

    # --- harm -------------------------------------------------------------------------------------------------------

    async def harm(self, executor: Executor) -> None:
        """One hub at a time, or all of their connections; the others go on."""
        while not self.calm.is_set():
            await asyncio.sleep(self.random.uniform(1, 4))
            kind = self.random.choice(("kill", "kill", "stop", "stop", "cut"))
            self.ledger.faults[kind] += 1
            if kind == "cut":
                with contextlib.suppress(Unavailable):
                    await executor.read(_cut)
                continue
            hub = self.random.choice(self.hubs)
            self.up = [other for other in self.hubs if other is not hub]
            if kind == "kill":
                await asyncio.to_thread(hub.kill9)
                await _started(hub)
            else:
                _signal(hub, signal.SIGSTOP)
                await asyncio.sleep(self.random.uniform(0.5, 6))
                _signal(hub, signal.SIGCONT)
            self.up = list(self.hubs)


async def _started(hub: HubProcess) -> None:
    """However long that takes on a machine that is busy with the others."""
    for _ in range(4):
        with contextlib.suppress(RuntimeError):
            return await asyncio.to_thread(hub.start)
    return await asyncio.to_thread(hub.start)


def _signal(hub: HubProcess, number: signal.Signals) -> None:
    process = hub._process
    if process is not None:
        process.send_signal(number)


def _cut(conn: Connection) -> None:
    """Everybody's connections but this one."""
    conn.execute(
        text(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    )


def _unfinished(conn: Connection) -> list[Any]:
    i = schema.interactions.c
    return list(conn.execute(select(i.id, i.state, i.agent_id).where(i.state != "ended").order_by(i.id)))


def _received(conn: Connection) -> list[str]:
    e = schema.events.c
    return list(conn.execute(select(e.source_id).where(e.kind == "message.received")).scalars())


def _accepted(conn: Connection) -> dict[str, str]:
    o = schema.offers.c
    return {row.id: row.agent_id for row in conn.execute(select(o.id, o.agent_id).where(o.state == "accepted"))}


async def _read(executor: Executor, query: Callable[[Connection], T]) -> T:
    for _ in range(50):
        with contextlib.suppress(Unavailable):
            return await executor.read(query)
        await asyncio.sleep(0.1)
    raise AssertionError("the database cannot be read")


async def history(url: str, folder: Path, seed: str, cases: int = CASES) -> str:
    """Lives through it on an empty database, and says what it was. Raises :class:`LawBroken`."""
    redis = RedisServer(folder)
    redis.start()
    world = World(url, folder, seed, redis.url)
    await asyncio.to_thread(configure, url, parse(world.house))
    executor = open_executor(url)
    await executor.start(lambda _: None)
    try:
        for hub in world.hubs:
            await _started(hub)
        took_s = await _lived_through(world, executor, cases)
        return await _verdict(world, executor, cases, took_s)
    finally:
        for hub in world.hubs:
            _signal(hub, signal.SIGCONT)
            await asyncio.to_thread(hub.kill9)
        await executor.stop()
        redis.stop()


async def _lived_through(world: World, executor: Executor, cases: int) -> float:
    """How long it took, from the last harm on, until nothing was left to do."""
    desks = [asyncio.create_task(world.work(agent["id"])) for agent in world.house["agents"]]
    harm = asyncio.create_task(world.harm(executor))
    shares = [range(start, cases, 4) for start in range(4)]
    await asyncio.gather(*[world.texts(share) for share in shares])
    world.calm.set()
    await harm
    began = time.monotonic()
    while left := await _read(executor, _unfinished):
        if time.monotonic() > began + HEALED_WITHIN_S:
            raise LawBroken("I6", f"{len(left)} are not over: {left[:10]}")
        await asyncio.sleep(0.2)
    took_s = time.monotonic() - began
    world.stop.set()
    await asyncio.gather(*desks)
    return took_s


async def _verdict(world: World, executor: Executor, cases: int, took_s: float) -> str:
    ledger = world.ledger
    received = Counter(await _read(executor, _received))
    if lost := ledger.acknowledged - received.keys():
        raise LawBroken("I1", f"{lost} were acknowledged and are not there")
    if twice := [sid for sid, times in received.items() if times > 1]:
        raise LawBroken("I1", f"{twice} are there more than once")
    accepted = await _read(executor, _accepted)
    if wrong := [(offer, agent) for offer, agent in ledger.took if accepted.get(offer) != agent]:
        raise LawBroken("I3", f"{wrong} were told that they have it, and have it not")
    await _read(executor, tables.look)
    most = {agent["id"]: agent["capacity"] for agent in world.house["agents"]}
    policy = Policy("laws", reoffer_cooldown_ms=2_000, sole_cooldown_ms=900)  # a clock may be a little behind
    offers = log.hold(await _read(executor, log.read), most, policy)
    return (
        f"  {len(received)} of {cases} texts, {offers} offers, {len(ledger.took)} accepted; {dict(ledger.faults)};"
        f" everything was over {took_s:.1f} s after the last harm"
    )
