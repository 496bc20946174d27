"""The door of the fallback: what it kept while the hub was away, proven by the key that both share."""

from __future__ import annotations

import hmac
from typing import Any

import orjson
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from contact_center.domain.errors import NotFound, NotValid
from contact_center.fallback.kept import Kept, read
from contact_center.fallback.take_over import TakeOver
from contact_center.web.answers import Json
from contact_center.web.principal import Hub

router = APIRouter(prefix="/api/v1/fallback")

MOST = 1_000


@router.post("/requests", summary="Requests that the fallback kept", include_in_schema=False)
async def take_over(request: Request, runtime: Hub) -> Response:
    """``done`` are the numbers that are safe here; what is not among them must come again. Whoever has not the key
    is told that there is nothing."""
    given = request.headers.get("authorization", "")
    key = given[7:].strip() if given[:7].lower() == "bearer " else ""
    if not runtime.fallback_key or not hmac.compare_digest(key.encode(), runtime.fallback_key.encode()):
        raise NotFound("address")
    kept = _read(await request.body())
    outcome = await TakeOver(runtime.executor, runtime.doors, runtime.occasion)(kept)
    return Json(
        {
            "done": outcome.done,
            "new": outcome.new,
            "quarantined": outcome.quarantined,
            "busy": outcome.busy,
        }
    )


def _read(body: bytes) -> list[Kept]:
    try:
        told: Any = orjson.loads(body)["requests"]
        if not isinstance(told, list) or len(told) > MOST:
            raise ValueError(f"requests: a list of {MOST} at most")
        return [read(each) for each in told]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise NotValid("requests", f"This is nothing that a fallback kept: {error}") from error
