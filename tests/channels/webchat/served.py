"""The web chat over a real server on loopback, with a hub in memory behind it and pages in front."""

from __future__ import annotations

import asyncio
import json
import socket as sockets
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Origin

from channels.contract import Closed, Context
from channels.webchat.channel import WebChat
from channels.webchat.limits import Limits
from contact_center.domain.events import InteractionEvent
from tests.channels.fake_hub import FakeHub

SECRET = b"thirty-two bytes of installation"
PATIENCE_S = 100.0
UNHURRIED = Limits(hello_ms=60_000, write_ms=60_000, delivery_ms=60_000)
"""As the channel comes, but for how long a page may take: a busy machine's page is no page that fell silent."""


@dataclass
class DeskHub(FakeHub):
    """Also does what a desk would: who writes waits, who leaves has ended (or is still wrapped up after)."""

    on_leaving: str = "ended"

    def _take(self, event: InteractionEvent) -> Any:
        answer = super()._take(event)
        if not answer.repeated:
            key = event.thread.key
            if event.kind == "customer.left":
                self.attendance[key] = self.on_leaving
            elif self.attendance.get(key, "none") in ("none", "ended"):
                self.attendance[key] = "waiting"
        return answer

    def thread(self, event: int = 0) -> str:
        return self.events[event].thread.key


class StarletteSocket:
    """``channels.contract.Socket`` over a Starlette websocket."""

    def __init__(self, websocket: WebSocket, peer: str) -> None:
        self._websocket = websocket
        self.origin = websocket.headers.get("origin", "")
        self.query: Mapping[str, str] = dict(websocket.query_params)
        self.peer = peer

    async def receive(self) -> str:
        message = await self._websocket.receive()
        if message["type"] == "websocket.disconnect" or message.get("text") is None:
            raise Closed
        return str(message["text"])

    async def send(self, text: str) -> None:
        try:
            await self._websocket.send_text(text)
        except (WebSocketDisconnect, RuntimeError):
            raise Closed from None

    async def close(self, code: int = 1000, reason: str = "") -> None:
        try:
            await self._websocket.close(code, reason)
        except (WebSocketDisconnect, RuntimeError):
            return


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    async def startup(self, sockets: list[sockets.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()


@asynccontextmanager
async def serving(app: Starlette) -> AsyncIterator[str]:
    """Serves ``app`` on a free port of loopback; yields ``127.0.0.1:<port>``."""
    listening = sockets.socket()
    listening.bind(("127.0.0.1", 0))
    config = uvicorn.Config(
        app,
        ws="websockets-sansio",
        ws_ping_interval=None,
        log_level="warning",
        lifespan="off",
        timeout_graceful_shutdown=2,
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve([listening]))
    await server.ready.wait()
    try:
        yield f"127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task
        listening.close()


@dataclass
class Site:
    """A hub with the channel in it, at ``address``. ``failures`` are what ``converse`` raised;
    ``from_address`` is where its visitors seem to come from."""

    hub: DeskHub
    channel: WebChat
    address: str = ""
    failures: list[Exception] = field(default_factory=list)
    from_address: str = "127.0.0.1"

    @property
    def socket_url(self) -> str:
        return f"ws://{self.address}/webhooks/webchat/socket"

    @property
    def host_and_port(self) -> tuple[str, int]:
        host, _, port = self.address.partition(":")
        return host, int(port)

    @asynccontextmanager
    async def page(
        self,
        origin: str = "https://shop.example",
        silent: bool = False,
        sock: sockets.socket | None = None,
        **hello: Any,
    ) -> AsyncIterator[Page]:
        """An open page that has said hello, unless it is ``silent``; over ``sock`` if that is connected."""
        connecting = connect(
            self.socket_url,
            origin=Origin(origin),
            ping_interval=None,
            compression=None,
            max_queue=None if sock is None else 1,
            sock=sock,
        )
        async with connecting as connection:
            page = Page(connection)
            if not silent:
                await page.say(type="hello", **{"entry": "support", **hello})
            yield page


def a_channel(config: Mapping[str, Any] | None = None, limits: Limits = UNHURRIED) -> WebChat:
    return WebChat(Context("webchat", "https://hub.example", {}, config or {}, SECRET), limits)


@asynccontextmanager
async def a_site(config: Mapping[str, Any] | None = None, limits: Limits = UNHURRIED) -> AsyncIterator[Site]:
    site = Site(DeskHub(), a_channel(config, limits))

    async def talk(websocket: WebSocket) -> None:
        await websocket.accept()
        try:
            await site.channel.converse(StarletteSocket(websocket, site.from_address or "127.0.0.1"), site.hub)
        except Exception as error:
            site.failures.append(error)

    async def public(request: Request) -> Response:
        file = site.channel.public_files()[request.url.path]
        return Response(file.body, media_type=file.media_type)

    routes = [WebSocketRoute("/webhooks/webchat/socket", talk), Route("/widget.js", public)]
    async with serving(Starlette(routes=routes)) as site.address:
        yield site


@asynccontextmanager
async def a_shop(html: Callable[[], str]) -> AsyncIterator[str]:
    """A stranger's page, on an origin of its own; yields its address."""

    async def page(request: Request) -> Response:
        return HTMLResponse(html())

    async with serving(Starlette(routes=[Route("/{path:path}", page)])) as address:
        yield f"http://{address}/"


class Page:
    """What a widget does with its connection, in Python. ``frames`` is everything that came."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.frames: list[dict[str, Any]] = []
        self._looked_at = 0

    async def say(self, **frame: Any) -> None:
        await self.connection.send(json.dumps(frame))

    async def write(self, id: str, text: str) -> dict[str, Any]:
        """Sends a message; returns its acknowledgement or the error about it."""
        await self.say(type="message", id=id, text=text)
        return await self.next("ack", "error")

    async def next(self, *types: str, within: float = PATIENCE_S) -> dict[str, Any]:
        """The next frame (that was not looked at yet) of one of ``types``."""
        while True:
            while self._looked_at < len(self.frames):
                frame = self.frames[self._looked_at]
                self._looked_at += 1
                if not types or frame["type"] in types:
                    return frame
            self.frames.append(json.loads(await asyncio.wait_for(self.connection.recv(), within)))

    async def state(self, name: str) -> dict[str, Any]:
        while True:
            frame = await self.next("state")
            if frame["state"] == name:
                return frame

    async def line(self, text: str) -> dict[str, Any]:
        """Waits for the line that says ``text``, from the first frame on."""
        for frame in self.frames:
            if frame["type"] == "line" and frame["text"] == text:
                return frame
        while True:
            frame = await self.next("line")
            if frame["text"] == text:
                return frame

    async def closed(self, within: float = PATIENCE_S) -> int:
        """Reads until the other side closes; returns the code."""
        try:
            while True:
                self.frames.append(json.loads(await asyncio.wait_for(self.connection.recv(), within)))
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd else 1006

    @property
    def lines(self) -> list[str]:
        return [frame["text"] for frame in self.frames if frame["type"] == "line"]
