"""The hub's one web application."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import cache
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import WebSocketRoute

from contact_center import __version__
from contact_center.domain.errors import Refusal
from contact_center.registry.runtime import Runtime
from contact_center.web import (
    answers,
    calls,
    commands,
    drafts,
    flows,
    hand_over,
    health,
    importing,
    mail,
    message_pages,
    pages,
    reading,
    recognition,
    recordings,
    replay,
    routing,
    schemas,
    search,
    sign_in,
    staffing,
    standing,
    trials,
    webhooks,
)
from contact_center.web.agent_socket import agent_socket
from contact_center.web.answers import Json, error
from contact_center.web.floor import FloorFeed
from contact_center.web.limits import BodyLimit
from contact_center.web.principal import Hub, Principal, SignedIn

Lifespan = Callable[[], Awaitable[None]]


def create_app(runtime: Runtime, start: Lifespan, stop: Lifespan) -> FastAPI:
    """The application around an opened hub; ``start`` and ``stop`` run with the server's."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.floor = FloorFeed(runtime)
        await app.state.floor.start()
        await start()
        try:
            yield
        finally:
            await stop()
            await app.state.floor.stop()

    app = FastAPI(
        title="Contact Center Hub",
        version=__version__,
        description="One record, one router and one live console for phone, SMS, e-mail and web chat.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        license_info={"name": "GPL-3.0-or-later", "identifier": "GPL-3.0-or-later"},
    )
    app.state.runtime = runtime
    app.state.patience = sign_in.Patience()
    app.add_middleware(BodyLimit)
    for kind in answers.UNAVAILABLE:
        app.add_exception_handler(kind, answers.on_unavailable)
    app.add_exception_handler(Refusal, answers.on_refusal)
    app.add_exception_handler(Exception, answers.on_fault)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http)
    app.router.routes.extend(webhooks.routes(runtime))
    app.router.routes.append(WebSocketRoute("/agent", agent_socket))
    app.include_router(health.router)
    app.include_router(sign_in.router)
    app.include_router(search.router)
    app.include_router(reading.router)
    app.include_router(message_pages.router)
    app.include_router(replay.router)
    app.include_router(routing.router)
    app.include_router(trials.router)
    app.include_router(flows.router)
    app.include_router(recordings.router)
    app.include_router(recognition.router)
    app.include_router(mail.router)
    app.include_router(importing.router)
    app.include_router(drafts.router)
    app.include_router(calls.router)
    app.include_router(staffing.router)
    app.include_router(standing.router)
    app.include_router(hand_over.router)
    app.include_router(_commands())
    app.include_router(_schemas())
    app.router.routes.extend(pages.routes())
    return app


async def _on_invalid(request: Request, exc: Exception) -> Response:
    assert isinstance(exc, RequestValidationError)
    first: dict[str, Any] = exc.errors()[0]
    where = ".".join(str(part) for part in first["loc"][1:]) or "request"
    return error(422, "args", f"{where}: {first['msg']}")


async def _on_http(request: Request, exc: Exception) -> Response:
    assert isinstance(exc, HTTPException)
    codes = {404: "not_found", 405: "method_not_allowed", 413: "too_large"}
    return error(exc.status_code, codes.get(exc.status_code, "refused"), str(exc.detail))


@cache
def _commands() -> APIRouter:
    """The same for every hub of this process: it costs more than all else that an application is made of."""
    router = APIRouter(prefix="/api/v1/commands")
    for name, (model, _) in commands.COMMANDS.items():
        router.add_api_route(
            f"/{name}",
            _command(name, model),
            methods=["POST"],
            name=name,
            operation_id=f"command_{name}",
            summary=f"The command {name}",
        )
    return router


def _command(name: str, model: Any) -> Callable[..., Awaitable[Response]]:
    async def do(args: Any, principal: Principal, runtime: Runtime) -> Response:
        return Json({"value": await commands.run(runtime, principal, name, args)})

    do.__annotations__ = {"args": model, "principal": SignedIn, "runtime": Hub, "return": Response}
    return do


def _schemas() -> APIRouter:
    router = APIRouter()

    @router.get("/api/v1/schema/interaction-event.json", summary="JSON Schema of the event record")
    async def interaction_event() -> Response:
        return Json(schemas.interaction_event())

    @router.get("/api/v1/schema/configuration.json", summary="JSON Schema of the configuration file")
    async def configuration() -> Response:
        return Json(schemas.configuration())

    @router.get("/asyncapi.json", summary="AsyncAPI of the agents' websocket")
    async def asyncapi() -> Response:
        return Json(schemas.asyncapi())

    return router
