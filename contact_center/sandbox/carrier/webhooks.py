"""The carrier's requests to the hub: form-encoded, signed, timed, tried once more where nothing answered.

https://www.twilio.com/docs/usage/webhooks/webhooks-security for the signature; 15 seconds for the whole, one
further try after a failed connection, and ``I-Twilio-Idempotency-Token`` equal on both.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]

from contact_center.sandbox.carrier.mischief import Mischief
from contact_center.sandbox.twiml import MAX_BYTES
from contact_center.sandbox.world import World

RETRY_AFTER = 0.2
OVERTAKEN = 0.05
DOCUMENTS = frozenset({"voice", "voice fallback", "voice announce", "sms", "sms fallback"})
"""Requests whose answer is carried out. All others are callbacks: somebody is told, and the answer means nothing."""


@dataclass(frozen=True, slots=True)
class Overrides:
    """What an address may ask for in its fragment, which is never sent or signed: ``#rc=2&rp=4xx,5xx&tt=9000``
    (https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides)."""

    connect: float = 5.0
    read: float = 15.0
    total: float = 15.0
    retries: int = 1
    policy: frozenset[str] = frozenset({"ct"})

    @classmethod
    def read_from(cls, fragment: str) -> Overrides:
        asked = dict(parse_qsl(fragment, max_num_fields=20)) if len(fragment) < 200 else {}

        def ms(name: str, default: float, low: int, high: int) -> float:
            text = asked.get(name, "")
            return min(max(int(text), low), high) / 1000 if text.isascii() and text.isdigit() else default

        return cls(
            connect=ms("ct", _USUAL.connect, 100, 10_000),
            read=ms("rt", _USUAL.read, 100, 15_000),
            total=ms("tt", _USUAL.total, 100, 15_000),
            retries=round(ms("rc", _USUAL.retries / 1000, 0, 5) * 1000),
            policy=frozenset(asked["rp"].split(",")) if "rp" in asked else _USUAL.policy,
        )

    def retries_after(self, failure: str) -> bool:
        return failure in self.policy or "all" in self.policy


_USUAL = Overrides()


@dataclass(frozen=True, slots=True)
class Reply:
    """``error`` is the carrier's number for what went wrong (11200: no good answer, 11205: no connection,
    11100: no address), 0 where nothing did."""

    url: str
    status: int = 0
    text: str = ""
    ms: int = 0
    error: int = 0
    reason: str = ""


class Webhooks:
    def __init__(self, token: str, world: World) -> None:
        self._validator = RequestValidator(token)
        self._world = world
        self.mischief = Mischief()
        self._held: asyncio.Event | None = None
        # trust_env off: a proxy in the environment must not come between two programs on one machine.
        self._client = httpx.AsyncClient(
            follow_redirects=False,
            trust_env=False,
            headers={"User-Agent": "TwilioProxy/1.1", "Accept": "*/*"},
        )

    async def close(self) -> None:
        await self._client.aclose()

    def signature(self, url: str, parameters: Mapping[str, str]) -> str:
        return str(self._validator.compute_signature(url, dict(parameters)))

    async def call(
        self,
        url: str,
        parameters: Mapping[str, str],
        *,
        token: str,
        who: str,
        what: str,
        method: str = "POST",
    ) -> Reply:
        """One webhook. ``what`` names it in the ledger (``voice``, ``voice status``, ``sms``); ``token`` is its
        idempotency token. Never raises: failure is a ``Reply`` with an ``error``."""
        if not self._struck(what):
            return await self._once(url, parameters, token, who, what, method)
        if self._loses(parameters):
            self._world.note("webhook.lost", who, what=what, url=url, parameters=dict(parameters))
            return Reply(url, error=11205, reason="Lost on purpose.")
        if self.mischief.strikes("delay"):
            await asyncio.sleep(self.mischief.delay_ms / 1000)
        twice = self.mischief.strikes("duplicate")
        reply = await self._once(url, parameters, token, who, what, method)
        return await self._once(url, parameters, token, who, what + " (again)", method) if twice else reply

    async def hold_back(self, what: str) -> None:
        """A callback that changes places waits here until the next one has passed (or two seconds are over)."""
        if self._held is not None:
            self._held.set()
            self._held = None
        elif self._struck(what) and self.mischief.strikes("swap"):
            self._held = held = asyncio.Event()
            try:
                async with asyncio.timeout(2):
                    await held.wait()
                await asyncio.sleep(OVERTAKEN)
            except TimeoutError:
                self._held = None

    def _struck(self, what: str) -> bool:
        return self.mischief.scope == "all" or what not in DOCUMENTS

    def _loses(self, parameters: Mapping[str, str]) -> bool:
        over = parameters.get("CallbackSource") == "call-progress-events" and "CallDuration" in parameters
        return (over and self.mischief.strikes("lose_completed")) or self.mischief.strikes("lose")

    async def _once(
        self, url: str, parameters: Mapping[str, str], token: str, who: str, what: str, method: str
    ) -> Reply:
        url, _, fragment = url.partition("#")
        wanted = Overrides.read_from(fragment)
        started = time.monotonic()
        reply = Reply(url, error=11205, reason="No time left.")
        for attempt in range(wanted.retries + 1):
            if attempt:
                await asyncio.sleep(RETRY_AFTER)
            left = wanted.total - (time.monotonic() - started)
            if left <= 0:
                break
            reply, failure = await self._attempt(url, parameters, token, method, left, wanted)
            if not failure or not wanted.retries_after(failure):
                break
        ms = round((time.monotonic() - started) * 1000)
        reply = Reply(url, reply.status, reply.text, ms, reply.error, reply.reason)
        self._world.note(
            "webhook",
            who,
            what=what,
            method=method,
            url=url,
            path=urlsplit(url).path,
            parameters=dict(parameters),
            status=reply.status,
            ms=ms,
            error=reply.error,
            reason=reply.reason,
            answer=reply.text[:2_000],
        )
        return reply

    async def _attempt(
        self, url: str, parameters: Mapping[str, str], token: str, method: str, left: float, wanted: Overrides
    ) -> tuple[Reply, str]:
        """The reply, and the kind of its failure in the words of ``rp`` (empty: none that a retry may mend)."""
        try:
            async with asyncio.timeout(left):
                reply = await self._request(url, parameters, token, method, wanted)
        except (httpx.InvalidURL, httpx.UnsupportedProtocol):
            return Reply(url, error=11100, reason="No such address."), ""
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            return Reply(url, error=11205, reason=f"No connection: {error}"), "ct"
        except (httpx.TimeoutException, TimeoutError):
            return Reply(url, error=11205, reason="No answer in time."), "rt"
        except httpx.HTTPError as error:
            return Reply(url, error=11200, reason=f"{type(error).__name__}: {error}"), "rt"
        return reply, f"{reply.status // 100}xx" if reply.error else ""

    async def _request(
        self, url: str, parameters: Mapping[str, str], token: str, method: str, wanted: Overrides
    ) -> Reply:
        if method == "GET" and parameters:
            url += ("&" if "?" in url else "?") + urlencode(parameters)
        form = None if method == "GET" else dict(parameters)
        patience = httpx.Timeout(wanted.read, connect=wanted.connect)
        request = self._client.build_request(method, url, data=form, timeout=patience)
        request.headers["I-Twilio-Idempotency-Token"] = token
        # Signed is the address as it goes over the wire, which the client may have percent-encoded.
        request.headers["X-Twilio-Signature"] = self.signature(str(request.url), form or {})
        response = await self._client.send(request)
        body = response.content[: MAX_BYTES + 1].decode("utf-8", "replace")
        if response.status_code >= 400:
            return Reply(url, response.status_code, body, error=11200, reason=f"HTTP {response.status_code}")
        return Reply(url, response.status_code, body)
