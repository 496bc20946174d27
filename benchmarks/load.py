"""The client: keeps HTTP connections busy, holds agents' sockets open, and reads what a process tree
costs."""

from __future__ import annotations

import asyncio
import os
import random
import statistics
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import orjson
from websockets.client import ClientProtocol
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.protocol import State
from websockets.uri import parse_uri

from benchmarks.world import API_KEY

TICKS = os.sysconf("SC_CLK_TCK")
HEARTBEAT_SECONDS = 20.0
Talk = Generator[bytes, bytes, None]
"""Yields requests, is sent the bodies of their answers, and ends with an empty one."""
PAGE_KB = os.sysconf("SC_PAGE_SIZE") // 1024


# --- what a process tree costs
# ---------------------------------------------------------------------------------


def tree(root: int) -> list[int]:
    """The process and its descendants."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            parents.setdefault(parent, []).append(int(entry.name))
    found = [root]
    for pid in found:
        found.extend(parents.get(pid, []))
    return found


def cpu_seconds(root: int) -> float:
    """User and system time of the tree so far; the kernel counts it in ticks of (usually) 10 ms."""
    return sum(map(cpu_of, tree(root)))


def cpu_of(pid: int) -> float:
    """User and system time of this process alone, without its descendants."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def resident_kb(root: int) -> int:
    return sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE_KB for pid in tree(root))


def open_files(root: int) -> int:
    return sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in tree(root))


def threads(root: int) -> int:
    return sum(len(os.listdir(f"/proc/{pid}/task")) for pid in tree(root))


def percentile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


# --- HTTP
# --------------------------------------------------------------------------------------------------------


class Connection(asyncio.Protocol):
    """One keep-alive connection with at most one request on it."""

    def __init__(self) -> None:
        self.received = bytearray()
        self.answer: asyncio.Future[tuple[int, bytes]] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is none by inheritance

    def request(self, message: bytes) -> asyncio.Future[tuple[int, bytes]]:
        """The status and the body."""
        self.answer = asyncio.get_running_loop().create_future()
        self.transport.write(message)
        return self.answer

    def data_received(self, data: bytes) -> None:
        self.received += data
        head, found, body = self.received.partition(b"\r\n\r\n")
        if not found:
            return
        length = 0
        for line in head.lower().split(b"\r\n")[1:]:
            if line.startswith(b"content-length:"):
                length = int(line[15:])
        if len(body) >= length:
            self.received.clear()
            assert self.answer is not None
            if not self.answer.done():
                self.answer.set_result((int(head[9:12]), bytes(body)))

    def connection_lost(self, error: Exception | None) -> None:
        if self.answer is not None and not self.answer.done():
            self.answer.set_exception(error or ConnectionResetError("The server closed the connection."))

    def close(self) -> None:
        self.transport.close()


async def connect(port: int) -> Connection:
    _, connection = await asyncio.get_running_loop().create_connection(Connection, "127.0.0.1", port)
    return connection


async def get(connection: Connection, port: int, path: str) -> tuple[int, Any]:
    head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {API_KEY}\r\n\r\n"
    status, body = await connection.request(head.encode())
    return status, orjson.loads(body) if body[:1] in b"{[" and body else body


@dataclass(slots=True)
class Run:
    """What one run cost. ``latencies`` are in milliseconds; ``cpu`` is CPU seconds per 1,000 requests."""

    acknowledged: int
    refused: int
    seconds: float
    cpu: float
    latencies: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        return self.acknowledged / self.seconds

    @property
    def p50(self) -> float:
        return statistics.median(self.latencies)

    @property
    def p99(self) -> float:
        return percentile(self.latencies, 0.99)


async def closed_loop(port: int, pid: int, requests: Iterable[bytes], connections: int = 32) -> Run:
    """Each connection sends its next request when the last one was answered."""
    open_connections = [await connect(port) for _ in range(connections)]
    todo, latencies, refused = deque(requests), list[float](), 0
    count = len(todo)

    async def work(connection: Connection) -> None:
        nonlocal refused
        while todo:
            sent = time.perf_counter()
            status, _ = await connection.request(todo.popleft())
            latencies.append((time.perf_counter() - sent) * 1000)
            refused += not 200 <= status < 300

    cpu, started = cpu_seconds(pid), time.perf_counter()
    await asyncio.gather(*map(work, open_connections))
    seconds = time.perf_counter() - started
    spent = cpu_seconds(pid) - cpu
    for connection in open_connections:
        connection.close()
    return Run(count - refused, refused, seconds, spent / count * 1000, latencies)


async def in_turns(port: int, pid: int, talks: Iterable[Talk], connections: int = 32) -> Run:
    """As :func:`closed_loop`, for requests that depend on the answer to the one before: a talk yields requests and is
    sent the answers' bodies."""
    open_connections = [await connect(port) for _ in range(connections)]
    todo, latencies, refused = deque(talks), list[float](), 0

    async def work(connection: Connection) -> None:
        nonlocal refused
        while todo:
            talk = todo.popleft()
            request = next(talk)
            while request:
                sent = time.perf_counter()
                status, body = await connection.request(request)
                latencies.append((time.perf_counter() - sent) * 1000)
                refused += not 200 <= status < 300
                request = talk.send(body)

    cpu, started = cpu_seconds(pid), time.perf_counter()
    await asyncio.gather(*map(work, open_connections))
    seconds = time.perf_counter() - started
    count = len(latencies)
    spent = cpu_seconds(pid) - cpu
    for connection in open_connections:
        connection.close()
    return Run(count - refused, refused, seconds, spent / count * 1000, latencies)


async def open_loop(
    port: int, pid: int, requests: Sequence[bytes], rate: float, sent: Callable[[int, float], None]
) -> Run:
    """Requests leave at fixed moments, whatever the server does; ``sent`` is told the number and that moment.
    Latencies count from it, so that a server which stalls cannot hide it."""
    idle = deque([await connect(port) for _ in range(32)])
    latencies, refused, running = list[float](), 0, set[asyncio.Task[None]]()

    async def post(request: bytes, due: float) -> None:
        nonlocal refused
        connection = idle.popleft() if idle else await connect(port)
        status, _ = await connection.request(request)
        latencies.append((time.perf_counter() - due) * 1000)
        refused += not 200 <= status < 300
        idle.append(connection)

    cpu, started = cpu_seconds(pid), time.perf_counter()
    for number, request in enumerate(requests):
        due = started + number / rate
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        sent(number, due)
        task = asyncio.ensure_future(post(request, due))
        running.add(task)
        task.add_done_callback(running.discard)
    await asyncio.gather(*running)
    seconds = time.perf_counter() - started
    spent = cpu_seconds(pid) - cpu
    for connection in idle:
        connection.close()
    return Run(len(requests) - refused, refused, seconds, spent / len(requests) * 1000, latencies)


# --- agents
# --------------------------------------------------------------------------------------------------------


class Agent(asyncio.Protocol):
    """An agent's socket. It offers compression, as browsers do. ``on_frame`` is called with each text frame's
    bytes and the moment at which it came."""

    def __init__(self, port: int, agent_id: str) -> None:
        self.agent_id = agent_id
        uri = parse_uri(f"ws://127.0.0.1:{port}/agent?agent={agent_id}")
        self.protocol = ClientProtocol(uri, extensions=[ClientPerMessageDeflateFactory()])
        self.on_frame: Callable[[Agent, bytes, float], None] = lambda agent, frame, at: None
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.closed = False
        self.frames = 0
        self._results: dict[str, asyncio.Future[dict[str, Any]]] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is none by inheritance
        request = self.protocol.connect()
        request.headers["Authorization"] = f"Bearer {API_KEY}"
        self.protocol.send_request(request)
        self._flush()

    def data_received(self, data: bytes) -> None:
        at = time.perf_counter()
        self.protocol.receive_data(data)
        for event in self.protocol.events_received():
            if isinstance(event, Response):
                if self.protocol.handshake_exc is None:
                    self.opened.set_result(None)
                    self._beat(random.random())
                else:
                    self.opened.set_exception(self.protocol.handshake_exc)
            elif isinstance(event, Frame) and event.opcode is Opcode.TEXT:
                self.frames += 1
                frame = bytes(event.data)
                if self._results and b'"result"' in frame[:40]:
                    result = orjson.loads(frame)
                    waiting = self._results.pop(result["id"], None)
                    if waiting is not None:
                        waiting.set_result(result)
                else:
                    self.on_frame(self, frame, at)
        self._flush()

    def connection_lost(self, error: Exception | None) -> None:
        self.closed = True
        if not self.opened.done():
            self.opened.set_exception(error or ConnectionResetError("The hub closed the socket."))

    def _beat(self, share: float = 1.0) -> None:
        """Whoever is silent for two heartbeats is taken to be gone. The first beat comes at a moment of its
        own, so that a thousand agents do not beat as one."""
        if self.protocol.state is State.OPEN:
            if share == 1.0:
                self.send({"type": "ping"})
            asyncio.get_running_loop().call_later(HEARTBEAT_SECONDS * share, self._beat)

    def send(self, message: dict[str, Any]) -> None:
        self.protocol.send_text(orjson.dumps(message))
        self._flush()

    def command(self, name: str, **arguments: Any) -> asyncio.Future[dict[str, Any]]:
        """The ``result`` frame."""
        command_id = f"{random.getrandbits(64):x}"
        answer = self._results[command_id] = asyncio.get_running_loop().create_future()
        self.send({"type": "command", "id": command_id, "name": name, "args": arguments})
        return answer

    def _flush(self) -> None:
        for data in self.protocol.data_to_send():
            if data:
                self.transport.write(data)

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            self.protocol.send_close(1000)
            self._flush()
            self.transport.close()


async def open_agents(port: int, ids: Sequence[str], at_once: int = 50) -> list[Agent]:
    """Connects them all; returns when every socket is open."""
    loop, agents = asyncio.get_running_loop(), list[Agent]()
    for start in range(0, len(ids), at_once):
        group = [Agent(port, agent_id) for agent_id in ids[start : start + at_once]]
        for agent in group:
            await loop.create_connection(lambda agent=agent: agent, "127.0.0.1", port)  # type: ignore[misc]
        await asyncio.gather(*(agent.opened for agent in group))
        agents += group
    return agents
