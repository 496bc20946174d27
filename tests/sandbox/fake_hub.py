"""The smallest hub that a carrier can call: it proves every signature and answers TwiML from a script."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from twilio.request_validator import RequestValidator

TOKEN = "the token that both sides know"
WITHIN_S = 100
"""However busy the machine is, what is waited for has happened by then."""
Answer = str | Callable[[dict[str, str]], str] | int


@dataclass
class Heard:
    path: str
    query: str
    form: dict[str, str]
    token: str
    genuine: bool


@dataclass
class FakeHub:
    """``script``: path → TwiML, a function of the form that makes it, or a status to fail with. ``heard`` has
    every request, in the order of arrival."""

    url: str = ""
    script: dict[str, Answer] = field(default_factory=dict)
    heard: list[Heard] = field(default_factory=list)
    _arrived: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def endpoint(self, request: Request) -> Response:
        body = (await request.body()).decode()
        form = dict(parse_qsl(body, keep_blank_values=True))
        url = self.url + request.url.path + (f"?{request.url.query}" if request.url.query else "")
        signature = request.headers.get("x-twilio-signature", "")
        genuine = bool(RequestValidator(TOKEN).validate(url, form, signature))
        token = request.headers.get("i-twilio-idempotency-token", "")
        async with self._arrived:
            self.heard.append(Heard(request.url.path, request.url.query, form, token, genuine))
            self._arrived.notify_all()
        answer = self.script.get(request.url.path, "<Response/>")
        if callable(answer):
            answer = answer(form)
        if isinstance(answer, int):
            return PlainTextResponse("no", answer)
        return Response(answer, media_type="text/xml")

    def at(self, path: str) -> list[dict[str, str]]:
        return [one.form for one in self.heard if one.path == path]

    async def hears(self, path: str, times: int = 1, **facts: str) -> dict[str, str]:
        """Waits for the ``times``-th request at ``path`` that says ``facts``."""

        def found() -> list[dict[str, str]]:
            return [form for form in self.at(path) if facts.items() <= form.items()]

        async with asyncio.timeout(WITHIN_S), self._arrived:
            await self._arrived.wait_for(lambda: len(found()) >= times)
        return found()[times - 1]


@contextlib.asynccontextmanager
async def serving(hub: FakeHub) -> AsyncIterator[FakeHub]:
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    hub.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    application = Starlette(routes=[Route("/{path:path}", hub.endpoint, methods=["GET", "POST"])])
    config = uvicorn.Config(application, log_level="error", lifespan="off", ws="none")
    config.timeout_graceful_shutdown = 1
    server = _Server(config)
    task = asyncio.get_running_loop().create_task(server.serve(sockets=[listening]))
    await server.up.wait()
    try:
        yield hub
    finally:
        server.should_exit = True
        await task
        listening.close()


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = asyncio.Event()

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        self.up.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Any:
        yield
