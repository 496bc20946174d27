"""Fetches an image from an address that a stranger wrote.

The host is resolved once, every address that it has must be public, and the connection goes to the one that was
checked: a name that means something else a moment later changes nothing. Three redirects at most, each checked alike;
five seconds and ten megabytes in all; no cookies, no referrer, nothing that says who asks.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any

import httpcore

from contact_center.fetching.places import NotAllowedThere, Place, is_public, place_of

Resolve = Callable[[str, int], Awaitable[list[str]]]

SECONDS = 5.0
MAX_BYTES = 10 * 1024 * 1024
MAX_HOPS = 3
AT_ONCE = 8
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_IMAGES = frozenset({"image/png", "image/jpeg", "image/jpg", "image/gif", "image/webp", "image/bmp", "image/avif"})
_HEADERS = [
    ("User-Agent", "Mozilla/5.0 (compatible; image proxy)"),
    ("Accept", "image/png,image/jpeg,image/gif,image/webp"),
    ("Accept-Encoding", "identity"),
    ("Connection", "close"),
]


class NotFetched(Exception):
    """There is no image to be had from there; why."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """``media_type`` is what the server says."""

    data: bytes
    media_type: str


async def resolve(host: str, port: int) -> list[str]:
    """The host's IP addresses as the system knows them."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(each[4][0]) for each in found]


class Fetcher:
    """Fetches at most ``AT_ONCE`` at the same time. ``resolve`` and ``backend`` are how it reaches the net."""

    def __init__(
        self,
        resolve: Resolve = resolve,
        backend: httpcore.AsyncNetworkBackend | None = None,
        seconds: float = SECONDS,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        self._network = _Checked(resolve, backend or httpcore.AnyIOBackend())
        self._seconds = seconds
        self._max_bytes = max_bytes
        self._turn = asyncio.Semaphore(AT_ONCE)

    async def image(self, url: str) -> Fetched:
        """Raises :class:`NotFetched`, whatever the other side does."""
        async with self._turn:
            try:
                async with asyncio.timeout(self._seconds):
                    return await self._follow(place_of(url))
            except NotAllowedThere as error:
                raise NotFetched(str(error)) from None
            except TimeoutError:
                raise NotFetched(f"It took longer than {self._seconds:g} s.") from None
            except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException, OSError) as error:
                raise NotFetched(f"It cannot be reached ({type(error).__name__}).") from None

    async def _follow(self, place: Place) -> Fetched:
        for _ in range(MAX_HOPS + 1):
            found = await self._once(place)
            if isinstance(found, Fetched):
                return found
            place = place_of(found, place.url)
        raise NotFetched("It redirects without end.")

    async def _once(self, place: Place) -> Fetched | str:
        """The image, or where to look instead."""
        async with (
            httpcore.AsyncConnectionPool(network_backend=self._network, max_connections=1) as pool,
            pool.stream("GET", place.url, headers=_HEADERS) as response,
        ):
            said = {bytes(name).lower(): bytes(value).decode("latin-1") for name, value in response.headers}
            if response.status in _REDIRECTS and said.get(b"location"):
                return said[b"location"]
            return Fetched(await self._body(response, said), _media_type(said))

    async def _body(self, response: httpcore.Response, said: dict[bytes, str]) -> bytes:
        if response.status != 200:
            raise NotFetched(f"The server answers {response.status}.")
        if _media_type(said) not in _IMAGES:
            raise NotFetched("It is no image that we show.")
        if said.get(b"content-encoding", "identity") != "identity":
            raise NotFetched("It is packed.")
        if said.get(b"content-length", "0").isdigit() and int(said.get(b"content-length", "0")) > self._max_bytes:
            raise NotFetched("It is too large.")
        data = bytearray()
        async for chunk in response.aiter_stream():
            data += chunk
            if len(data) > self._max_bytes:
                raise NotFetched("It is too large.")
        return bytes(data)


def _media_type(said: dict[bytes, str]) -> str:
    return said.get(b"content-type", "").partition(";")[0].strip().lower()


class _Checked(httpcore.AsyncNetworkBackend):
    """Connects to the address that was checked, and to no other."""

    def __init__(self, resolve: Resolve, backend: httpcore.AsyncNetworkBackend) -> None:
        self._resolve = resolve
        self._backend = backend

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        addresses = await self._resolve(host.strip("[]"), port)
        if not addresses or not all(map(is_public, addresses)):
            raise NotAllowedThere("It is not on the public net.")
        return await self._backend.connect_tcp(addresses[0], port, timeout, local_address, socket_options)

    async def connect_unix_socket(self, *_: Any, **__: Any) -> httpcore.AsyncNetworkStream:
        raise NotAllowedThere("It is not on the public net.")

    async def sleep(self, seconds: float) -> None:
        await self._backend.sleep(seconds)
