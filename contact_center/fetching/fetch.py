"""Fetches an image from an address that a stranger wrote.

The host is resolved once, every address that it has must be public, and the connection goes to the one that was
checked: a name that means something else a moment later changes nothing. Three redirects at most, each checked alike;
five seconds and ten megabytes in all; no cookies, no referrer, nothing that says who asks.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from contact_center.fetching.places import NotAllowedThere, place_of

if TYPE_CHECKING:
    import httpcore

Resolve = Callable[[str, int], Awaitable[list[str]]]

SECONDS = 5.0
MAX_BYTES = 10 * 1024 * 1024
MAX_HOPS = 3
AT_ONCE = 8


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
        self._resolve = resolve
        self._backend = backend
        self._seconds = seconds
        self._max_bytes = max_bytes
        self._turn = asyncio.Semaphore(AT_ONCE)

    async def image(self, url: str) -> Fetched:
        """Raises :class:`NotFetched`, whatever the other side does."""
        async with self._turn:
            try:
                async with asyncio.timeout(self._seconds):
                    return await self._follow(url)
            except NotAllowedThere as error:
                raise NotFetched(str(error)) from None
            except TimeoutError:
                raise NotFetched(f"It took longer than {self._seconds:g} s.") from None

    async def _follow(self, url: str) -> Fetched:
        from contact_center.fetching.hop import hop  # a tenth of a second, and only where images are asked for

        place = place_of(url)
        for _ in range(MAX_HOPS + 1):
            found = await hop(place, self._resolve, self._backend, self._max_bytes)
            if isinstance(found, Fetched):
                return found
            place = place_of(found, place.url)
        raise NotFetched("It redirects without end.")
