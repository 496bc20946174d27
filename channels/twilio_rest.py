"""Twilio's REST client with our timeouts, address and words for failure. Imported at the first use."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

import aiohttp
from twilio.http.async_http_client import AsyncTwilioHttpClient  # type: ignore[import-untyped]
from twilio.http.response import Response  # type: ignore[import-untyped]
from twilio.rest import Client  # type: ignore[import-untyped]

from channels.contract import Retry, Uncertain
from channels.twilio import rest_address

CONNECT_SECONDS = 5
DOWNLOAD_SECONDS = 300
SILENCE_SECONDS = 15
MOST_HOPS = 3


@dataclass(frozen=True, slots=True)
class Download:
    """A file as far as it was read: ``too_large`` has no bytes."""

    status: int
    media_type: str = ""
    body: bytes = b""
    too_large: bool = False


class _HttpClient(AsyncTwilioHttpClient):  # type: ignore[misc]  # the package has no types
    """One pool of connections. A request that cannot have arrived raises :class:`Retry`; one that may have
    been carried out raises :class:`Uncertain`; every answer that says something is left to the package."""

    def __init__(self, rest_url: str, answer_seconds: Callable[[], float]) -> None:
        super().__init__(pool_connections=False)
        self._rest_url = rest_url
        self._answer_seconds = answer_seconds
        # Idle connections are given up before the far side does: a request on a dead one is an uncertain one.
        connector = aiohttp.TCPConnector(limit=20, keepalive_timeout=4)
        self.session = aiohttp.ClientSession(connector=connector)

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
                timeout=aiohttp.ClientTimeout(total=self._answer_seconds(), connect=CONNECT_SECONDS),
            ) as answer:
                text = await answer.text(errors="replace")
                _raise_for_trouble(method, answer.status, answer.headers.get("Retry-After", ""))
                return Response(answer.status, text, answer.headers)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL) as error:
            raise Retry(f"Twilio cannot be reached: {error}") from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _unsure(method, f"Twilio did not answer: {type(error).__name__} {error}") from error

    async def download(self, path: str, auth: tuple[str, str] | None, limit: int) -> Download:
        """The file at ``path`` of Twilio. Credentials go to Twilio's own address alone: where it sends us on to
        another (a bucket of the account's), we come there without. Raises :class:`Retry`."""
        home = url = rest_address(path, self._rest_url)
        try:
            for _ in range(MOST_HOPS):
                proof = _proof(auth) if _same_host(url, home) else {}
                answer, onward = await self._read(url, proof, limit)
                if not onward:
                    return answer
                url = urljoin(url, onward)
                if not _same_host(url, home) and not url.startswith("https://"):
                    return Download(502)
            return Download(508)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise Retry(f"Twilio did not give the file: {type(error).__name__} {error}") from error

    async def _read(self, url: str, headers: dict[str, str], limit: int) -> tuple[Download, str]:
        timeout = aiohttp.ClientTimeout(total=DOWNLOAD_SECONDS, connect=CONNECT_SECONDS, sock_read=SILENCE_SECONDS)
        async with self.session.get(url, headers=headers, timeout=timeout, allow_redirects=False) as answer:
            if answer.status in (301, 302, 303, 307, 308):
                return Download(answer.status), answer.headers.get("Location", "")
            _raise_for_trouble("GET", answer.status, answer.headers.get("Retry-After", ""))
            if answer.status != 200:
                return Download(answer.status), ""
            if (answer.content_length or 0) > limit:
                return Download(200, too_large=True), ""
            body = bytearray()
            async for piece in answer.content.iter_chunked(256 * 1024):
                body += piece
                if len(body) > limit:
                    return Download(200, too_large=True), ""
            return Download(200, answer.content_type, bytes(body)), ""


def _same_host(url: str, other: str) -> bool:
    ours, theirs = urlsplit(url), urlsplit(other)
    return (ours.scheme, ours.netloc) == (theirs.scheme, theirs.netloc)


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


def open_client(account_sid: str, auth_token: str, rest_url: str, answer_seconds: Callable[[], float]) -> Any:
    """Twilio's client. Call it on the event loop, and close its ``http_client``. The environment's own
    TWILIO_* variables have no say: settings are the hub's."""
    ours_alone = {"TWILIO_EDGE": "", "TWILIO_REGION": ""}
    http_client = _HttpClient(rest_url, answer_seconds)
    return Client(account_sid, auth_token, http_client=http_client, environment=ours_alone)
