"""How the door is asked: JSON in, JSON out, and a clear word where that makes no sense."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from contact_center.domain import contact_points
from contact_center.sandbox.world import Row, World

MAX_BODY = 1_048_576
LONGEST_WAIT = 60.0
Do = Callable[[Request], Awaitable[Any]]


class Mistake(Exception):
    """The request cannot be done; ``message`` says why."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


def guarded(do: Do, status: int = 200) -> Callable[[Request], Awaitable[Response]]:
    """``status`` is that of a good answer."""

    async def endpoint(request: Request) -> Response:
        try:
            _same_origin(request)
            return JSONResponse(await do(request), status)
        except Mistake as mistake:
            error = {"error": {"code": mistake.code, "message": mistake.message}}
            return JSONResponse(error, mistake.status)

    return endpoint


def _same_origin(request: Request) -> None:
    """Another page in the same browser has no business here; programs send no Origin."""
    origin = request.headers.get("origin")
    if origin and urlsplit(origin).netloc != request.headers.get("host"):
        raise Mistake(403, "origin", "Only the sandbox's own page may ask.")


async def read_json(request: Request) -> Row:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            raise Mistake(413, "too_large", "At most one megabyte.")
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise Mistake(415, "json", "Send JSON, with its content type.")
    try:
        value = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        raise Mistake(400, "json", "That is not JSON.") from None
    if not isinstance(value, dict):
        raise Mistake(422, "json", "Send an object.")
    return value


def string(body: Row, name: str, longest: int) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value.strip():
        raise Mistake(422, name, f"{name} is missing.")
    if len(value) > longest:
        raise Mistake(422, name, f"{name} is longer than {longest} characters.")
    return value


def phone(body: Row, name: str) -> str:
    """A number in E.164; what is none (``anonymous``, a short code) is passed on as it is, as a carrier does."""
    return contact_points.phone(string(body, name, 64)).value


def number(request: Request, name: str, default: int) -> int:
    try:
        return int(request.query_params.get(name, default))
    except ValueError:
        raise Mistake(422, name, f"{name} is a whole number.") from None


def optional(body: Row, name: str, longest: int) -> str:
    """A text that may be left out."""
    value = body.get(name) or ""
    if not isinstance(value, str) or len(value) > longest:
        raise Mistake(422, name, f"{name} is a text of at most {longest} characters.")
    return value


def milliseconds(body: Row, name: str, default: int, highest: int) -> int:
    value = body.get(name, default)
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= highest:
        raise Mistake(422, name, f"{name} is a number from 0 to {highest}.")
    return int(value)


def patience(request: Request) -> float:
    """The seconds of ``wait_ms``."""
    return min(max(number(request, "wait_ms", 0) / 1000, 0.0), LONGEST_WAIT)


async def waited(world: World, request: Request, found: Callable[[], Any], closing: asyncio.Event) -> Any:
    """``found()`` as soon as it finds something, or at the end of ``wait_ms`` whatever it finds."""
    with world.watching() as changed:
        try:
            async with asyncio.timeout(patience(request)):
                while not (result := found()) and not closing.is_set():
                    changed.clear()
                    await changed.wait()
                return result
        except TimeoutError:
            return found()
