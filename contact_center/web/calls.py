"""What consoles and programs read of telephony: the agent's own telephone, and the calls that we owe."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from contact_center.domain.errors import NotFound
from contact_center.storage import agents, search
from contact_center.storage.connection import Connection
from contact_center.web.answers import Json
from contact_center.web.principal import Hub, SignedIn, Supervising

router = APIRouter(prefix="/api/v1")


@router.get("/phone", summary="The telephone of whoever asks")
async def phone(principal: SignedIn, runtime: Hub) -> Response:
    """``address`` is what is rung. Where that is the browser (``client:…``) and the line has such telephones,
    ``token`` lets it register, until ``expires_at``; without one somebody else's software must."""

    def read(conn: Connection) -> agents.Agent | None:
        return agents.get(conn, principal.agent_id) if principal.agent_id else None

    agent = await runtime.executor.read(read)
    if agent is None:
        raise NotFound("telephone")
    address = agent.address or f"client:{agent.id}"
    line = runtime.line
    own = address.startswith("client:")
    given = (
        runtime.channels[line].pass_for(address.removeprefix("client:"), runtime.occasion().now)
        if line and own
        else {}
    )
    return Json({"token": "", **given, "address": address, "line": line})


@router.get("/callbacks", summary="The calls that we owe, in the order they are due")
async def callbacks(_: Supervising, runtime: Hub) -> Response:
    def read(conn: Connection) -> list[dict[str, Any]]:
        return [_callback(item) for item in search.owed_calls(conn)]

    return Json({"items": await runtime.executor.read(read), "next": None})


def _callback(item: dict[str, Any]) -> dict[str, Any]:
    keys = (
        "interaction_id",
        "case_id",
        "queue",
        "state",
        "number",
        "attempts",
        "not_before_at",
        "virtual_enqueued_at",
    )
    return {
        **{key: item[key] for key in keys},
        "customer": item["customer"],
        "reason": item["reason"],
        "agent_id": item["agent_id"],
    }
