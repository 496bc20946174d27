"""Twilio's REST client with our timeouts, address and words for failure. Imported at the first use."""

from __future__ import annotations

from typing import Any

import aiohttp
from twilio.http.async_http_client import AsyncTwilioHttpClient  # type: ignore[import-untyped]
from twilio.http.response import Response  # type: ignore[import-untyped]
from twilio.rest import Client  # type: ignore[import-untyped]

from channels.contract import Retry, Uncertain
from channels.twilio import rest_address

CONNECT_SECONDS = 5


class _HttpClient(AsyncTwilioHttpClient):  # type: ignore[misc]  # the package has no types
    """One pool of connections. A request that cannot have arrived raises :class:`Retry`; one that may have
    been carried out raises :class:`Uncertain`; every answer that says something is left to the package."""

    def __init__(self, rest_url: str, answer_seconds: float) -> None:
        super().__init__(pool_connections=False)
        self._rest_url = rest_url
        # Idle connections are given up before the far side does: a request on a dead one is an uncertain one.
        connector = aiohttp.TCPConnector(limit=20, keepalive_timeout=4)
        timeout = aiohttp.ClientTimeout(total=answer_seconds, connect=CONNECT_SECONDS)
        self.session = aiohttp.ClientSession(connector=connector, timeout=timeout)

    async def request(
        self,
        method: str,
        url: str,
        params: dict[str, Any] | None = None,
        data: dict[str, object] | None = None,
        headers: dict[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,
        allow_redirects: bool = False,
    ) -> Response:
        try:
            async with self.session.request(
                method.upper(),
                rest_address(url, self._rest_url),
                params=params,
                data=data,
                headers={**(headers or {}), **_proof(auth)},
                allow_redirects=allow_redirects,
            ) as answer:
                text = await answer.text(errors="replace")
                _raise_for_trouble(method, answer.status, answer.headers.get("Retry-After", ""))
                return Response(answer.status, text, answer.headers)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL) as error:
            raise Retry(f"Twilio cannot be reached: {error}") from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _unsure(method, f"Twilio did not answer: {type(error).__name__} {error}") from error


def _proof(auth: tuple[str, str] | None) -> dict[str, str]:
    # A header, since the package's own way (aiohttp.BasicAuth) is deprecated and warns.
    return {"Authorization": aiohttp.encode_basic_auth(*auth)} if auth else {}


def _raise_for_trouble(method: str, status: int, retry_after: str) -> None:
    """429 and 503 come before the request is carried out; after any other 5xx nobody knows."""
    if status == 429 or status == 503:
        seconds = int(retry_after) if retry_after.isascii() and retry_after.isdigit() else 0
        raise Retry(f"Twilio is busy ({status}).", min(seconds, 3_600) * 1_000 or None)
    if status >= 500:
        raise _unsure(method, f"Twilio failed ({status}).")


def _unsure(method: str, reason: str) -> Retry | Uncertain:
    return Retry(reason) if method.upper() == "GET" else Uncertain(reason)


def open_client(account_sid: str, auth_token: str, rest_url: str, answer_seconds: float) -> Any:
    """Twilio's client. Call it on the event loop, and close its ``http_client``. The environment's own
    TWILIO_* variables have no say: settings are the hub's."""
    ours_alone = {"TWILIO_EDGE": "", "TWILIO_REGION": ""}
    http_client = _HttpClient(rest_url, answer_seconds)
    return Client(account_sid, auth_token, http_client=http_client, environment=ours_alone)
