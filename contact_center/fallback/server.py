"""The fallback as a process of its own: one small web application around the spool."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

import structlog
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from channels.contract import Channel, Request
from contact_center.domain.time import Moment
from contact_center.fallback.hand_over import HandOver
from contact_center.fallback.settings import FallbackSettings
from contact_center.fallback.spool import Spool
from contact_center.fallback.standby import Standby
from contact_center.registry.discover import open_channels

log = structlog.get_logger(__name__)

BODY_LIMIT = 262_144
LONGEST_URL = 8_192


def now() -> Moment:
    return time.time_ns() // 1_000_000


def open_fallback(given: FallbackSettings, environment: Mapping[str, str]) -> Starlette:
    """The application, with its spool opened. Raises :class:`contact_center.fallback.spool.SpoolTaken`. Its channels
    verify for the fallback's own address; what a channel needs a configuration file for is not done here."""
    channels = open_channels(given.own_url, environment, {}, b"")
    spool = Spool(given.data_dir / "fallback", round(given.fallback_most_mb * 1_048_576))
    hand_over = HandOver(spool, given.hub_url, given.key)
    standby = Standby(channels, spool, given.hub_public_url, hand_over.hub_is_there, now)
    return create_app(given.own_url, channels, spool, standby, hand_over)


def create_app(
    own_url: str, channels: Mapping[str, Channel], spool: Spool, standby: Standby, hand_over: HandOver
) -> Starlette:
    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        hand_over.start(standby)
        try:
            yield
        finally:
            await hand_over.stop()
            for channel in channels.values():
                await channel.close()
            spool.close()

    async def webhook(http: HttpRequest) -> Response:
        try:
            request = await _request(http, own_url)
        except ClientDisconnect:
            return Response(status_code=400)
        if request is None:
            return PlainTextResponse("That is too much for one request.", 413)
        name = http.path_params["channel"]
        try:
            answer = await standby.receive(name, request)
        except Exception as error:  # a caller must never hear of a defect of ours
            log.error("fault", channel=name, path=request.path, exc_info=error)
            answer = channels[name].apologise(request)
        return Response(answer.body, answer.status, media_type=answer.media_type)

    async def health(_: HttpRequest) -> Response:
        return JSONResponse(
            {
                "status": "up",
                "hub": "there" if hand_over.hub_is_there() else "away",
                "reason": hand_over.reason,
                "waiting": len(spool),
                "bytes": spool.size,
                "taken": standby.taken,
                "handed_over": hand_over.handed_over,
                "refused": standby.refused,
                "full": standby.full,
            }
        )

    webhooks = ("/webhooks/{channel}", "/webhooks/{channel}/{rest:path}")
    routes: list[BaseRoute] = [Route("/health", health, methods=["GET"])]
    routes += [Route(path, webhook, methods=["POST", "GET"]) for path in webhooks]
    for channel in channels.values():
        for path, file in channel.public_files().items():
            routes.append(Route(path, _public(file.body, file.media_type), methods=["GET"]))
    app = Starlette(routes=routes, lifespan=lifespan)
    app.state.standby, app.state.hand_over, app.state.spool = standby, hand_over, spool
    return app


def _public(body: bytes, media_type: str) -> Callable[[HttpRequest], Awaitable[Response]]:
    async def serve(_: HttpRequest) -> Response:
        return Response(body, media_type=media_type, headers={"Cache-Control": "public, max-age=86400"})

    return serve


async def _request(http: HttpRequest, own_url: str) -> Request | None:
    """The webhook with the address that was signed: our own public one. None for what is beyond the limit."""
    body = b""
    async for chunk in http.stream():
        body += chunk
        if len(body) > BODY_LIMIT:
            return None
    raw_path = (http.scope.get("raw_path") or http.scope["path"].encode()).decode("latin-1").split("?")[0]
    query = http.scope["query_string"].decode("latin-1")
    if len(raw_path) + len(query) > LONGEST_URL:
        return None
    rest = http.path_params.get("rest")
    headers: dict[str, str] = {}
    for name, value in http.scope["headers"]:
        key, told = name.decode("latin-1"), value.decode("latin-1")
        headers[key] = f"{headers[key]}, {told}" if key in headers else told
    return Request(
        method=http.method,
        url=own_url + raw_path + (f"?{query}" if query else ""),
        path="" if rest is None else f"/{rest}",
        query=query,
        headers=headers,
        body=body,
    )
