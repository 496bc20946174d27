"""What is kept of routing, and what a shadow would have decided."""

from __future__ import annotations

from dataclasses import asdict

from fastapi import APIRouter
from starlette.responses import Response

from contact_center.replaying.shadowing import told
from contact_center.storage import routing_log
from contact_center.web.answers import Json
from contact_center.web.principal import Hub, Supervising

router = APIRouter(prefix="/api/v1/routing")


@router.get("/shadow", summary="What another policy would have decided from the same facts")
async def read_shadow(_: Supervising, runtime: Hub) -> Response:
    """Of this node, since its start or since the shadow was given; ``policy`` is empty where none is asked."""
    return Json(told(runtime.recorder.shadow))


@router.get("/log", summary="What is kept of what routing was told")
async def read_log(_: Supervising, runtime: Hub) -> Response:
    recorder = runtime.recorder
    whole = await runtime.executor.read(routing_log.whole)
    since = {name: getattr(recorder, name) for name in ("facts", "blocks", "written_bytes", "lost")}
    return Json({"kept": whole, "since_start": since, "keeping": asdict(recorder.keeping)})
