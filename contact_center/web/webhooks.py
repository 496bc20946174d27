"""The doors that providers knock at, and customers' live connections: plain routes, no models, own limits."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import Mapping
from typing import Any

import structlog
from fastapi import FastAPI
from starlette.requests import ClientDisconnect
from starlette.requests import Request as HttpRequest
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from channels.contract import Busy, Closed, Refused, Request
from channels.contract import Response as ChannelResponse
from contact_center.domain.errors import Unavailable
from contact_center.registry.door import Door
from contact_center.registry.runtime import Runtime
from contact_center.web.principal import runtime_of

log = structlog.get_logger(__name__)

BODY_LIMIT = 1_048_576
FRAME_LIMIT = 65_536


async def _body(http: HttpRequest) -> bytes | None:
    """The body; None for one beyond the limit, of which no more is read. Raises ``ClientDisconnect``."""
    declared = http.headers.get("content-length", "0")
    if declared.isdigit() and int(declared) > BODY_LIMIT:
        return None
    body = b""
    while True:
        message = await http.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunk: bytes = message.get("body", b"")
        body += chunk
        if len(body) > BODY_LIMIT:
            return None
        if not message.get("more_body", False):
            return body


def _headers(request: HttpRequest) -> dict[str, str]:
    raw = request.scope["headers"]
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in raw}
    if len(headers) < len(raw):
        for name in headers:
            values = [value for key, value in raw if key == name.encode("latin-1")]
            headers[name] = b", ".join(values).decode("latin-1")
    return headers


class Webhooks:
    """Stands before the application and answers ``/webhooks/…`` itself: a provider's request needs none of what the
    console's requests pass through, and it is most of what a hub does."""

    def __init__(self, app: FastAPI, runtime: Runtime) -> None:
        self._app = app
        self.state = app.state
        self._runtime = runtime

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith("/webhooks/"):
            await self._app(scope, receive, send)
            return
        channel, slash, rest = scope["path"][len("/webhooks/") :].partition("/")
        try:
            answer = await webhook(self._runtime, channel, slash + rest, HttpRequest(scope, receive))
        except ClientDisconnect:
            return
        except Exception as error:
            log.error("fault", path=scope["path"], exc_info=error)
            answer = PlainTextResponse("Something went wrong on our side. It has been logged.", 500)
        await answer(scope, receive, send)


async def webhook(runtime: Runtime, channel: str, rest: str, http: HttpRequest) -> Response:
    """Verify, parse, take in, acknowledge: whatever the channel."""
    if http.method not in ("POST", "GET"):
        return PlainTextResponse("This address takes POST and GET.", 405, {"Allow": "POST, GET"})
    door = runtime.doors.get(channel)
    if door is None:
        return PlainTextResponse("There is no such channel.", 404)
    body = await _body(http)
    if body is None:
        return PlainTextResponse("That is too much for one request.", 413)
    request = _request(http, runtime, rest, body)
    try:
        state, reason = door.channel.state()
        if state == "off":
            return PlainTextResponse(f"This channel is off: {reason}", 503)
        door.channel.verify(request)
    except Refused as refused:
        door.refused += 1
        log.warning("webhook_refused", channel=door.channel.name, path=request.path, reason=refused.reason)
        return PlainTextResponse(refused.reason, refused.status)
    try:
        async with asyncio.timeout(runtime.patience_s):
            return await _taken(door, request)
    except TimeoutError:
        log.warning("webhook_not_in_time", channel=door.channel.name, path=request.path)
        return _plain(door.channel.apologise(request))


async def _taken(door: Door, request: Request) -> Response:
    """Parse, take in, acknowledge. What goes wrong is answered as the sender needs it."""
    try:
        parsed = door.channel.parse(request, door.now())
        return _plain(door.channel.acknowledge(request, parsed, await door.take_in(parsed)))
    except Refused as refused:
        door.refused += 1
        return await _refuse(door, request, refused)
    except (Busy, Unavailable):
        return _plain(door.channel.apologise(request))
    except Exception as error:
        return await _our_fault(door, request, error)


async def _our_fault(door: Door, request: Request, error: Exception) -> Response:
    """A fault of ours with a genuine request: kept so that it can be replayed after a mend, and the sender is asked
    to come again. A caller hears no error."""
    log.error("fault", channel=door.channel.name, path=request.path, exc_info=error)
    with contextlib.suppress(Unavailable):
        await door.quarantine_request(request, f"a fault of ours: {type(error).__name__}")
    return _plain(door.channel.apologise(request))


def _request(http: HttpRequest, runtime: Runtime, rest: str, body: bytes) -> Request:
    raw_path = (http.scope.get("raw_path") or http.scope["path"].encode()).decode("latin-1").split("?")[0]
    query = http.scope["query_string"].decode("latin-1")
    return Request(
        method=http.method,
        url=runtime.public_url + raw_path + (f"?{query}" if query else ""),
        path=rest,
        query=query,
        headers=_headers(http),
        body=body,
    )


async def _refuse(door: Door, request: Request, refused: Refused) -> Response:
    """Genuine but not understood: kept for a person, and the sender is told."""
    log.warning("webhook_not_understood", channel=door.channel.name, path=request.path, reason=refused.reason)
    try:
        await door.quarantine_request(request, refused.reason)
    except Unavailable:
        return _plain(door.channel.apologise(request))
    return PlainTextResponse(refused.reason, refused.status)


def _plain(answer: ChannelResponse) -> Response:
    return Response(answer.body, answer.status, media_type=answer.media_type)


class _Socket:
    """A customer's websocket in the words of ``channels.contract.Socket``."""

    def __init__(self, websocket: WebSocket) -> None:
        self._websocket = websocket
        self.origin = websocket.headers.get("origin", "")
        self.query: Mapping[str, str] = dict(websocket.query_params)
        self.peer = websocket.client.host if websocket.client else ""

    async def receive(self) -> str:
        try:
            message: Any = await self._websocket.receive()
        except (WebSocketDisconnect, RuntimeError) as error:
            raise Closed from error
        if message["type"] == "websocket.disconnect":
            raise Closed
        text = message.get("text")
        if text is None:
            text = (message.get("bytes") or b"").decode("utf-8", "replace")
        if len(text) > FRAME_LIMIT:
            await self.close(1009, "too big")
            raise Closed
        return str(text)

    async def send(self, text: str) -> None:
        try:
            await asyncio.wait_for(self._websocket.send_text(text), 10)
        except (WebSocketDisconnect, RuntimeError, TimeoutError) as error:
            raise Closed from error

    async def close(self, code: int = 1000, reason: str = "") -> None:
        if self._websocket.application_state is not WebSocketState.DISCONNECTED:
            try:
                await self._websocket.close(code, reason)
            except (WebSocketDisconnect, RuntimeError):
                return


async def converse(websocket: WebSocket) -> None:
    """A customer's live connection, handed to its channel."""
    door = runtime_of(websocket).doors.get(websocket.path_params["channel"])
    if door is None or door.channel.state()[0] == "off":
        await websocket.close(1008)
        return
    await websocket.accept()
    socket = _Socket(websocket)
    try:
        await door.channel.converse(socket, door)
    except Closed:
        return
    finally:
        await socket.close()


def routes(runtime: Runtime) -> list[BaseRoute]:
    found: list[BaseRoute] = [
        WebSocketRoute("/webhooks/{channel}/socket", converse),
    ]
    for channel in runtime.channels.values():
        for path, file in channel.public_files().items():
            found.append(Route(path, _public(file.body, file.media_type, file.cache_seconds), methods=["GET"]))
    return found


def _public(body: bytes, media_type: str, cache_seconds: int) -> Any:
    etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {
        "Cache-Control": f"public, max-age={cache_seconds}",
        "ETag": etag,
        "Access-Control-Allow-Origin": "*",
        "Cross-Origin-Resource-Policy": "cross-origin",
    }

    async def serve(request: HttpRequest) -> Response:
        if request.headers.get("if-none-match") == etag:
            return Response(status_code=304, headers=headers)
        return Response(body, media_type=media_type, headers=headers)

    return serve
