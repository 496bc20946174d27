"""Ten thousand interactions through one running hub: is the tenth minute as good as the first?

``python -m benchmarks.soak [--interactions N]``. Customers write texts, call and chat; agents accept,
answer and wrap up; Twilio is a stub that takes everything. Beside the load it prints what the hub holds:
memory, open files, threads, and what ``/metrics`` says of tasks. It fails where the hub holds clearly more
at the end than after the first part, when caches and pools are full.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import random
import sys
import tempfile
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import uvloop
from websockets.asyncio.client import connect as open_websocket

from benchmarks import load, world
from benchmarks.load import Agent, Connection
from benchmarks.servers import Hub

AGENTS = 20
AT_ONCE = 60
VOICE_PATH = "/webhooks/twilio_voice"


# --- the carrier: takes whatever the hub sends
# ---------------------------------------------------------------


class Carrier(asyncio.Protocol):
    """Twilio's REST, as far as saying yes goes. One instance for each connection; ``texts`` counts them
    all."""

    ids = itertools.count(1)
    texts = 0
    connected = 0

    def connection_lost(self, exc: Exception | None) -> None:
        Carrier.connected -= 1

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        Carrier.connected += 1
        self.transport: Any = transport
        self.received = bytearray()

    def data_received(self, data: bytes) -> None:
        self.received += data
        while True:
            head, found, body = self.received.partition(b"\r\n\r\n")
            lines = head.lower().split(b"\r\n")
            length = next((int(line[15:]) for line in lines if line.startswith(b"content-length:")), 0)
            if not found or len(body) < length:
                return
            self.received = bytearray(body[length:])
            Carrier.texts += b"/messages.json" in lines[0]
            number = f"{next(self.ids):032x}"
            said = {"sid": f"SM{number}", "call_sid": f"CA{number}", "status": "queued", "conferences": []}
            answer = orjson.dumps(said)
            self.transport.write(
                b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
                % (len(answer), answer)
            )


# --- agents: accept, answer, wrap up
# --------------------------------------------------------------------------


class Desk:
    """An agent who does the same with everything: takes it, answers what is written, and is done with it."""

    def __init__(self, agent: Agent, left: Callable[[], None]) -> None:
        self.agent = agent
        self.left = left
        self.refused: list[str] = []
        self._tasks = set[asyncio.Task[None]]()
        agent.on_frame = self.heard

    def heard(self, _: Agent, frame: bytes, at: float) -> None:
        message = orjson.loads(frame)
        if message["type"] != "announce":
            return
        body = message["body"]
        if body["kind"] == "offer.rings":
            self._do(self.take(body["offer"]))
        elif body["kind"] == "work.left":
            self.left()

    def _do(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def take(self, offer: dict[str, Any]) -> None:
        interaction = offer["interaction_id"]
        if not await self.told("accept", offer_id=offer["id"]):
            return
        if offer["medium"] != "voice":
            await self.told("reply", interaction_id=interaction, text="It is on its way. 已经发出。")
        done = {"interaction_id": interaction, "disposition": "done", "case_status": "closed"}
        await self.told("wrap_up", **done)

    async def told(self, name: str, **arguments: Any) -> bool:
        result = await self.agent.command(name, **arguments)
        if not result["ok"] and result["error"]["code"] != "offer_gone":  # a caller may hang up first
            self.refused.append(f"{name}: {result['error']}")
        return bool(result["ok"])


# --- customers
# ---------------------------------------------------------------------------------------------------


class Customers:
    """The next interaction each time: six texts, two calls and two chats in ten."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.numbers = itertools.count(1)
        self.idle: deque[Connection] = deque()
        self.refused: list[str] = []

    async def one(self) -> None:
        number = next(self.numbers)
        await (self.text, self.chat, self.text, self.call, self.text)[number % 5](number)

    async def post(self, request: bytes) -> None:
        while self.idle and self.idle[0].transport.is_closing():  # the hub closes what is idle for long
            self.idle.popleft()
        connection = self.idle.popleft() if self.idle else await load.connect(self.port)
        while True:
            status, body = await connection.request(request)
            if status != 503:  # the hub says that it could not store it in time: a provider comes again
                break
            await asyncio.sleep(0.2)
        self.idle.append(connection)
        if not 200 <= status < 300:
            self.refused.append(f"{status}: {body[:200]!r}")

    async def text(self, number: int) -> None:
        """Two thirds of them are people who wrote before."""
        sender = number % 3_000
        await self.post(world.sms(self.port, sender, f"e{number:x}", f"m {number} Where is my order?"))
        if number % 7 == 0:  # the same once more, as providers do
            await self.post(world.sms(self.port, sender, f"e{number:x}", f"m {number} Where is my order?"))

    async def call(self, number: int) -> None:
        """Calls and hangs up: some while they wait, some when an agent has taken the call, some after it all."""
        form = {
            "AccountSid": world.ACCOUNT,
            "ApiVersion": "2010-04-01",
            "CallSid": f"CA{number:032x}",
            "CallStatus": "ringing",
            "Direction": "inbound",
            "From": world.customer(1_000_000 + number % 2_000),
            "To": world.OUR_NUMBER,
        }
        await self.post(world.webhook(self.port, VOICE_PATH, form))
        await asyncio.sleep(random.uniform(0.02, 1.0))
        over = {**form, "CallStatus": "completed"}
        await self.post(world.webhook(self.port, VOICE_PATH + "/status", over))

    async def chat(self, number: int) -> None:
        address = f"ws://127.0.0.1:{self.port}/webhooks/webchat/socket"
        async with open_websocket(address, origin=world.public_url(self.port)) as socket:  # type: ignore[arg-type]
            await socket.send(orjson.dumps({"type": "hello", "entry": "support", "language": "en"}).decode())
            said = {"type": "message", "id": f"c{number}", "text": f"m {number} 请问我的订单在哪里?"}
            await socket.send(orjson.dumps(said).decode())
            async with asyncio.timeout(300):
                async for frame in socket:
                    heard = orjson.loads(frame)
                    if heard["type"] == "error":
                        self.refused.append(f"chat: {heard}")
                        return
                    if heard["type"] == "line" and heard["sender"] == "agent":
                        return

    def close(self) -> None:
        for connection in self.idle:
            connection.close()


# --- what the hub holds
# ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Sample:
    """What the hub holds after ``interactions``. ``files`` leaves out the connections that customers and the
    carrier keep open from outside; ``tasks`` is -1 where ``/metrics`` does not tell."""

    interactions: int
    resident_kb: int
    files: int
    threads: int
    tasks: int

    def line(self) -> str:
        tasks = f"{self.tasks} tasks" if self.tasks >= 0 else ""
        return (
            f"{self.interactions:>7,} interactions  {self.resident_kb / 1024:7.1f} MB  {self.files:>4} files  "
            f"{self.threads:>3} threads  {tasks}"
        ).rstrip()


async def sample(hub: Hub, interactions: int, kept: int) -> Sample:
    connection = await load.connect(hub.port)
    _, told = await load.get(connection, hub.port, "/metrics")
    connection.close()
    return Sample(
        interactions,
        load.resident_kb(hub.pid),
        load.open_files(hub.pid) - kept,
        load.threads(hub.pid),
        next((int(float(value)) for name, value in metrics(told) if name.endswith("_tasks")), -1),
    )


def metrics(told: bytes) -> Iterator[tuple[str, str]]:
    for line in told.decode().splitlines():
        if line and not line.startswith("#"):
            name, _, value = line.rpartition(" ")
            yield name, value


@dataclass(slots=True)
class Soak:
    """What came of it."""

    samples: list[Sample] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def grown(self) -> list[str]:
        """What the hub clearly holds more of than it did when it was warm."""
        warm, last = self.samples[min(2, len(self.samples) - 1)], self.samples[-1]
        found = []
        if last.resident_kb - warm.resident_kb > max(20_480, warm.resident_kb // 5):
            found.append(f"memory: {warm.resident_kb / 1024:.0f} → {last.resident_kb / 1024:.0f} MB")
        for name in ("files", "threads", "tasks"):
            if getattr(last, name) > getattr(warm, name) + 5:
                found.append(f"{name}: {getattr(warm, name)} → {getattr(last, name)}")
        return found


@asynccontextmanager
async def carrier() -> AsyncIterator[str]:
    """The address of a carrier that takes everything."""
    server = await asyncio.get_running_loop().create_server(Carrier, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def soak(hub: Hub, interactions: int, every: int, tell: Callable[[str], None]) -> Soak:
    """Sends the interactions through a hub that runs, and looks at it ``every`` so many, when all is
    quiet."""
    result = Soak()
    customers, ended = Customers(hub.port), 0

    def left() -> None:
        nonlocal ended
        ended += 1

    agents = await load.open_agents(hub.port, [f"agent-{number}" for number in range(AGENTS)])
    desks = [Desk(agent, left) for agent in agents]
    for agent in agents:
        agent.send({"type": "snapshot"})
        await agent.command("set_state", state="ready")
    started, turns = time.perf_counter(), asyncio.Semaphore(AT_ONCE)

    async def one() -> None:
        async with turns:
            await customers.one()

    for done in range(0, interactions, every):
        await asyncio.gather(*(one() for _ in range(min(every, interactions - done))))
        await quiet(hub)
        kept = len(customers.idle) + Carrier.connected
        result.samples.append(await sample(hub, min(done + every, interactions), kept))
        tell(f"{result.samples[-1].line()}  {ended:,} wrapped up")
    result.seconds = time.perf_counter() - started
    await calm(hub, result, lambda: len(customers.idle) + Carrier.connected)
    result.refused = [*customers.refused, *(line for desk in desks for line in desk.refused)]
    for agent in agents:
        agent.close()
    customers.close()
    return result


async def calm(hub: Hub, result: Soak, kept: Callable[[], int]) -> None:
    """Looks at the end again for as long as something may still be on its way: what has leaked does not go."""
    deadline = time.monotonic() + 60
    while result.grown() and time.monotonic() < deadline:
        await asyncio.sleep(1)
        result.samples[-1] = await sample(hub, result.samples[-1].interactions, kept())


async def quiet(hub: Hub) -> None:
    """Returns once nothing waits, rings or is in anybody's hands."""
    connection = await load.connect(hub.port)
    deadline = time.monotonic() + 600
    busy = True
    while busy:
        if time.monotonic() > deadline:
            raise RuntimeError("Some interactions never came to an end.")
        await asyncio.sleep(0.2)
        _, page = await load.get(connection, hub.port, "/api/v1/queues")
        items = page["items"] if isinstance(page, dict) else page
        busy = any(queue["waiting"] or queue["offered"] or queue["in_hand"] for queue in items)
    connection.close()


async def run(interactions: int) -> int:
    every = max(1, interactions // 10)
    with tempfile.TemporaryDirectory(prefix="hub-soak-") as scratch:
        async with carrier() as address:
            hub = Hub(Path(scratch), agents=AGENTS, TWILIO_REST_URL=address)
            await hub.start()
            try:
                result = await soak(hub, interactions, every, lambda line: print(line, flush=True))
            finally:
                hub.stop()
    print(f"{interactions:,} interactions in {result.seconds:.0f} s; the carrier took {Carrier.texts:,} texts.")
    wrong = [*result.refused[:10], *result.grown()]
    print(*wrong, sep="\n", file=sys.stderr)
    return 1 if wrong else 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--interactions", type=int, default=10_000)
    return uvloop.run(run(parser.parse_args().interactions))


if __name__ == "__main__":
    sys.exit(main())
