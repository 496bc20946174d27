"""JSON out, and errors in one shape."""

from __future__ import annotations

from typing import Any

import orjson
import structlog
from starlette.requests import Request
from starlette.responses import Response

from channels.contract import Busy
from contact_center.domain.errors import Refusal, Unavailable

log = structlog.get_logger(__name__)


class Json(Response):
    """A JSON answer through orjson, which knows our dataclasses."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return orjson.dumps(content)


def error(status: int, code: str, message: str, headers: dict[str, str] | None = None) -> Json:
    return Json({"error": {"code": code, "message": message}}, status, headers)


async def on_refusal(request: Request, exc: Exception) -> Response:
    assert isinstance(exc, Refusal)
    return error(exc.status, exc.code, exc.message)


async def on_unavailable(request: Request, exc: Exception) -> Response:
    return error(503, "unavailable", "The hub cannot store anything just now. Try again.", {"Retry-After": "2"})


async def on_fault(request: Request, exc: Exception) -> Response:
    """A fault of ours: logged whole, told without its insides."""
    log.error("fault", path=request.url.path, exc_info=exc)
    return error(500, "fault", "Something went wrong on our side. It has been logged.")


UNAVAILABLE = (Unavailable, Busy)
