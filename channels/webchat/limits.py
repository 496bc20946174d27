"""How much one visitor may ask of the hub."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address

from contact_center.domain.time import MINUTE, SECOND, Millis, Moment


@dataclass(frozen=True, slots=True)
class Limits:
    """``silence_ms`` is longer than two of the widget's heartbeats because browsers slow the timers of a
    hidden page down to one a minute. ``openings_per_minute`` counts new visitors of one address; this
    machine's own addresses are exempt, for a reverse proxy stands there. ``delivery_ms`` is how long ``send``
    waits for the page to say that it has the line."""

    hello_ms: Millis = 5 * SECOND
    silence_ms: Millis = 150 * SECOND
    heartbeat_ms: Millis = 25 * SECOND
    write_ms: Millis = 20 * SECOND
    delivery_ms: Millis = 2 * SECOND
    typing_ms: Millis = 2 * SECOND
    frame_bytes: int = 16 * 1024
    text_chars: int = 4_000
    name_chars: int = 80
    bad_frames: int = 10
    messages_per_second: float = 5
    message_burst: int = 20
    frames_per_second: float = 30
    frame_burst: int = 120
    connections_per_visitor: int = 5
    connections: int = 10_000
    openings_per_minute: int = 30
    addresses: int = 10_000


class Bucket:
    """A token bucket: ``burst`` at once, then ``rate`` a second. A clock that goes back gives nothing."""

    def __init__(self, rate: float, burst: int, now: Moment) -> None:
        self._rate = rate / SECOND
        self._burst = float(burst)
        self._tokens = self._burst
        self._filled_at = now

    def take(self, now: Moment) -> Millis:
        """Takes one and returns 0; or takes nothing and returns how long to wait for one."""
        gone = max(0, now - self._filled_at)
        self._tokens = min(self._burst, self._tokens + gone * self._rate)
        self._filled_at = now
        if self._tokens >= 1:
            self._tokens -= 1
            return 0
        return max(1, round((1 - self._tokens) / self._rate))


class Openings:
    """New visitors by address. Remembers a bounded number of addresses, the latest ones."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._buckets: dict[str, Bucket] = {}

    def take(self, address: str, now: Moment) -> bool:
        """Whether one more visitor may come from ``address``."""
        address = _holder(address)
        if not address:
            return True
        per_minute = self._limits.openings_per_minute
        bucket = self._buckets.pop(address, None) or Bucket(per_minute * SECOND / MINUTE, per_minute, now)
        self._buckets[address] = bucket
        if len(self._buckets) > self._limits.addresses:
            del self._buckets[next(iter(self._buckets))]
        return bucket.take(now) == 0


def _holder(address: str) -> str:
    """Who one address stands for: itself, or the /64 that a single subscriber has in IPv6 (RFC 6177). Empty
    for this machine and for what is no address."""
    try:
        ip = ip_address(address)
    except ValueError:
        return ""
    if ip.is_loopback:
        return ""
    return ip.compressed if ip.version == 4 else ip.exploded[:19]
