"""One request to one place, over a connection to an address that was checked."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import httpcore

from contact_center.fetching.fetch import Fetched, NotFetched, Resolve
from contact_center.fetching.places import NotAllowedThere, Place, is_public

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_IMAGES = frozenset({"image/png", "image/jpeg", "image/jpg", "image/gif", "image/webp", "image/bmp", "image/avif"})
_UNREACHABLE = (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException, OSError, UnicodeError)
_HEADERS = [
    ("User-Agent", "Mozilla/5.0 (compatible; image proxy)"),
    ("Accept", "image/png,image/jpeg,image/gif,image/webp"),
    ("Accept-Encoding", "identity"),
    ("Connection", "close"),
]


async def hop(
    place: Place, resolve: Resolve, backend: httpcore.AsyncNetworkBackend | None, max_bytes: int
) -> Fetched | str:
    """The image that lies at ``place``, or where to look instead. Raises :class:`NotFetched`, and ``NotAllowedThere``
    where the host is not on the public net."""
    network = _Checked(resolve, backend or httpcore.AnyIOBackend())
    try:
        async with (
            httpcore.AsyncConnectionPool(network_backend=network, max_connections=1) as pool,
            pool.stream("GET", place.url, headers=_HEADERS) as response,
        ):
            said = {bytes(name).lower(): bytes(value).decode("latin-1") for name, value in response.headers}
            if response.status in _REDIRECTS and said.get(b"location"):
                return said[b"location"]
            return Fetched(await _body(response, said, max_bytes), _media_type(said))
    except TimeoutError:
        raise
    except _UNREACHABLE as error:
        raise NotFetched(f"It cannot be reached ({type(error).__name__}).") from None


async def _body(response: httpcore.Response, said: dict[bytes, str], max_bytes: int) -> bytes:
    if response.status != 200:
        raise NotFetched(f"The server answers {response.status}.")
    if _media_type(said) not in _IMAGES:
        raise NotFetched("It is no image that we show.")
    if said.get(b"content-encoding", "identity") != "identity":
        raise NotFetched("It is packed.")
    length = said.get(b"content-length", "0")
    if length.isdigit() and int(length[:20]) > max_bytes:
        raise NotFetched("It is too large.")
    data = bytearray()
    async for chunk in response.aiter_stream():
        data += chunk
        if len(data) > max_bytes:
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
