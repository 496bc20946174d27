"""The running side of a flow's questions to services: asks over HTTP while the caller waits, within a time budget."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import quote

import structlog

from contact_center.domain.events import ServiceAnswered
from contact_center.storage.effects import ServiceWanted

log = structlog.get_logger(__name__)

AT_ONCE = 50
MOST_BYTES = 64 * 1024
MOST_VALUES = 100
MOST_VALUE = 500
_HOLE = re.compile(r"\{([a-z][a-z0-9_]*)\}")

Answered = Callable[[str, ServiceAnswered], Awaitable[None]]


class Services:
    """``services`` is the configuration's list: ``id``, ``url`` (with ``{name}`` for values, which are escaped),
    ``method``, ``headers``. The address is the operator's own; what a caller keys in can only fill its holes.
    Redirects are not followed."""

    def __init__(self, answered: Answered, services: Callable[[], Awaitable[tuple[dict[str, Any], ...]]]) -> None:
        self._answered = answered
        self._services = services
        self._room = asyncio.Semaphore(AT_ONCE)
        self._asking: set[asyncio.Task[None]] = set()
        self._client: Any = None

    def wanted(self, effect: ServiceWanted) -> None:
        task = asyncio.create_task(self._ask(effect))
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)

    async def stop(self) -> None:
        for task in self._asking:
            task.cancel()
        await asyncio.gather(*self._asking, return_exceptions=True)
        if self._client is not None:
            await self._client.aclose()

    async def _ask(self, wanted: ServiceWanted) -> None:
        began = time.monotonic()
        try:
            async with asyncio.timeout(wanted.budget_ms / 1_000), self._room:
                outcome, values = await self._call(wanted)
        except TimeoutError:
            outcome, values = "timeout", {}
        except Exception as error:  # a service that misbehaves must not leave a caller waiting
            log.warning("service_failed", service=wanted.service, error=f"{type(error).__name__}: {error}"[:200])
            outcome, values = "error", {}
        if wanted.pin:
            right = {"true": "verified", "false": "failed"}
            outcome = right.get(values.get("verified", ""), "unavailable") if outcome == "ok" else "unavailable"
            values = {}
        took = round((time.monotonic() - began) * 1_000)
        await self._answered(wanted.interaction_id, ServiceAnswered(wanted.position, outcome, values, took))

    async def _call(self, wanted: ServiceWanted) -> tuple[str, dict[str, str]]:
        service = next((s for s in await self._services() if s["id"] == wanted.service), None)
        if service is None:
            log.warning("service_unknown", service=wanted.service)
            return "error", {}
        if self._client is None:
            import httpx  # a tenth of a second, and only where services are asked

            self._client = httpx.AsyncClient(follow_redirects=False, trust_env=False, timeout=None)
        url = _HOLE.sub(lambda hole: _filled(wanted.values.get(hole[1], "")), service["url"])
        method = service.get("method") or ("POST" if wanted.pin else "GET")
        if wanted.pin and method == "GET":
            log.warning("service_cannot_check_pins", service=wanted.service)
            return "error", {}
        body = {**wanted.values, **({"pin": wanted.pin} if wanted.pin else {})} if method != "GET" else None
        headers = {"Accept-Encoding": "identity", **(service.get("headers") or {})}
        request = self._client.stream(method, url, json=body, headers=headers)
        async with request as response:
            if response.status_code in (404, 410):
                return "not_found", {}
            if not 200 <= response.status_code < 300:
                log.warning("service_refused", service=wanted.service, status=response.status_code)
                return "error", {}
            return "ok", fields_of(await _bounded(response))


def _filled(value: str) -> str:
    """``value`` as one part of a path or a query. Raises ValueError for what would lead out of its path."""
    if value in (".", ".."):
        raise ValueError("a value that is no part of a path")
    return quote(value, safe="")


async def _bounded(response: Any) -> Any:
    import orjson

    kept = bytearray()
    async for part in response.aiter_raw():  # packed, a little could be very much
        kept += part
        if len(kept) > MOST_BYTES:
            raise ValueError("the answer is too long")
    return orjson.loads(bytes(kept))


def fields_of(answer: Any, prefix: str = "") -> dict[str, str]:
    """The answer's fields as text, by name; what lies deeper is ``outer.inner``, and lists are counted from 0."""
    found: dict[str, str] = {}
    ahead: list[tuple[str, Any, int]] = [(prefix, answer, 0)]
    while ahead and len(found) < MOST_VALUES:
        name, value, depth = ahead.pop(0)
        if isinstance(value, Mapping) and depth < 5:
            ahead += [(f"{name}.{key}" if name else str(key), inner, depth + 1) for key, inner in value.items()]
        elif isinstance(value, list) and depth < 5:
            ahead += [(f"{name}.{number}", inner, depth + 1) for number, inner in enumerate(value[:20])]
        elif name and value is not None:
            said = str(value).lower() if isinstance(value, bool) else str(value)
            found[name[:64]] = said[:MOST_VALUE]
    return found
