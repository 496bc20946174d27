"""A server on the net that means no good, and a net on which it lies at public addresses.

``Net`` is what a fetcher is given: names resolve to what the test says, connections to a public address go to the
server on loopback, and any other connection is written down as ``touched``, with a canary on loopback besides.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

import httpcore

from contact_center.fetching.fetch import Fetcher

PUBLIC = "93.184.215.14"
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c49444154789c63f8cfc0000003010100"
    "c9fe92ef0000000049454e44ae426082"
)


class Net(httpcore.AnyIOBackend):
    def __init__(self, port: int, canary: int) -> None:
        super().__init__()
        self.names: dict[str, list[list[str]]] = {}
        self.asked: list[str] = []
        self.touched: list[tuple[str, int]] = []
        self.canary_port = canary
        self._port = port

    def name(self, host: str, *answers: str | list[str]) -> None:
        """``host`` resolves to these, one after the other; the last one for good."""
        self.names[host] = [[each] if isinstance(each, str) else each for each in answers]

    async def resolve(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        answers = self.names.get(host)
        if answers is None:  # as the system would: a numeric host means itself, however it is written
            found = await asyncio.get_running_loop().getaddrinfo(host, port, flags=4)  # AI_NUMERICHOST
            return [str(each[4][0]) for each in found]
        return answers.pop(0) if len(answers) > 1 else answers[0]

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        if host != PUBLIC:
            self.touched.append((host, port))
            port = self.canary_port
        return await super().connect_tcp("127.0.0.1", port if host != PUBLIC else self._port, timeout)

    def fetcher(self, seconds: float = 60.0, max_bytes: int = 10 * 1024 * 1024) -> Fetcher:
        return Fetcher(self.resolve, self, seconds, max_bytes)


class EvilServer:
    """What it answers is in ``answers`` by path, as bytes on the wire; ``drip`` and ``flood`` never end."""

    def __init__(self) -> None:
        self.answers: dict[str, bytes] = {}
        self.requests: list[bytes] = []
        self.sent = 0
        self._serving: set[asyncio.Task[Any]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            request = await reader.readuntil(b"\r\n\r\n")
            self.requests.append(request)
            path = request.split(b" ")[1].decode()
            await getattr(self, "_" + path.strip("/"), self._plain)(path, writer)
        writer.transport.abort()
        self._serving.discard(task)

    async def stop(self) -> None:
        serving = list(self._serving)
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)

    async def _plain(self, path: str, writer: asyncio.StreamWriter) -> None:
        writer.write(self.answers.get(path, answer("404 Not Found", b"")))
        writer.close()
        await writer.wait_closed()

    async def _drip(self, path: str, writer: asyncio.StreamWriter) -> None:
        for byte in b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n" + b"X: y\r\n" * 10_000:
            writer.write(bytes((byte,)))
            await writer.drain()
            await asyncio.sleep(0.02)

    async def _flood(self, path: str, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"10000\r\n" + b"x" * 65_536 + b"\r\n")
            self.sent += 65_536
            await writer.drain()

    async def _headers(self, path: str, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n")
        while True:
            writer.write(b"X-More: " + b"y" * 60_000 + b"\r\n")
            self.sent += 60_000
            await writer.drain()


def answer(status: str, body: bytes, **headers: str) -> bytes:
    said = {"Content-Type": "image/png", "Content-Length": str(len(body)), **headers}
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in said.items())
    return f"HTTP/1.1 {status}\r\n{lines}\r\n".encode() + body


@asynccontextmanager
async def evil_net() -> AsyncIterator[tuple[EvilServer, Net]]:
    """At the end nobody has come to the canary."""
    evil = EvilServer()
    hits: list[bytes] = []

    async def canary(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        hits.append(b"hit")
        writer.close()

    server = await asyncio.start_server(evil.serve, "127.0.0.1", 0)
    bait = await asyncio.start_server(canary, "127.0.0.1", 0)
    net = Net(server.sockets[0].getsockname()[1], bait.sockets[0].getsockname()[1])
    net.name("images.example", PUBLIC)
    evil.answers["/a.png"] = answer("200 OK", PNG)
    try:
        yield evil, net
    finally:
        server.close()
        bait.close()
        await evil.stop()
    assert net.touched == []
    assert hits == []
