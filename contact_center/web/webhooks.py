"""The doors that providers knock at, and customers' live connections: plain routes, no models, own limits."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from typing import Any

import structlog
from starlette.requests import Request as HttpRequest
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from channels.contract import Busy, Closed, Forged, Refused, Request
from channels.contract import Response as ChannelResponse
from contact_center.domain.errors import Unavailable
from contact_center.registry.door import Door
from contact_center.registry.runtime import Runtime
from contact_center.web.principal import runtime_of

log = structlog.get_logger(__name__)

BODY_LIMIT = 1_048_576
FRAME_LIMIT = 65_536


async def _body(request: HttpRequest) -> bytes | None:
    """The body; None for one beyond the limit, of which no more is read."""
    declared = request.headers.get("content-length", "0")
    if declared.isdigit() and int(declared) > BODY_LIMIT:
        return None
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > BODY_LIMIT:
            return None
        chunks.append(chunk)
    return b"".join(chunks)


def _headers(request: HttpRequest) -> dict[str, str]:
    headers: dict[str, str] = {}
    for raw_name, raw_value in request.headers.raw:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


async def webhook(http: HttpRequest) -> Response:
    """Verify, parse, take in, acknowledge: whatever the channel."""
    runtime = runtime_of(http)
    door = runtime.doors.get(http.path_params["channel"])
    if door is None:
        return PlainTextResponse("There is no such channel.", 404)
    body = await _body(http)
    if body is None:
        return PlainTextResponse("That is too much for one request.", 413)
    request = _request(http, runtime, door, body)
    try:
        return _plain(await _take(door, request))
    except Forged as refused:
        door.refused += 1
        log.warning("webhook_refused", channel=door.channel.name, path=request.path, reason=refused.reason)
        return PlainTextResponse(refused.reason, refused.status)
    except Refused as refused:
        door.refused += 1
        return await _refuse(door, request, refused)
    except (Busy, Unavailable):
        return _plain(door.channel.apologise(request))


def _request(http: HttpRequest, runtime: Runtime, door: Door, body: bytes) -> Request:
    raw_path = (http.scope.get("raw_path") or http.scope["path"].encode()).decode("latin-1").split("?")[0]
    query = http.scope["query_string"].decode("latin-1")
    return Request(
        method=http.method,
        url=runtime.public_url + raw_path + (f"?{query}" if query else ""),
        path=http.path_params["rest"],
        query=query,
        headers=_headers(http),
        body=body,
    )


async def _take(door: Door, request: Request) -> ChannelResponse:
    channel = door.channel
    state, reason = channel.state()
    if state == "off":
        return ChannelResponse(503, f"This channel is off: {reason}".encode())
    channel.verify(request)
    parsed = channel.parse(request, door.now())
    answers = await door.take_in(parsed)
    return channel.acknowledge(request, parsed, answers)


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
        Route("/webhooks/{channel}{rest:path}", webhook, methods=["POST", "GET"]),
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
