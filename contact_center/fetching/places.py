"""Which places on the net are public: where a fetch on a stranger's behalf may go. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from urllib.parse import quote, urljoin, urlsplit

_PORTS = {"http": 80, "https": 443}
_AS_IT_IS = "/%:@!$&'()*+,;=-._~?"
_NOT_PUBLIC = tuple(
    IPv6Network(each)
    for each in ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32", "fec0::/10", "::/96", "::ffff:0:0:0/96")
)
"""Global by the registry, and yet roads to somebody's inside: NAT64, 6to4, Teredo, site-local, and both old ways of
writing an IPv4 address as one of IPv6."""


class NotAllowedThere(Exception):
    """The address is not one that we fetch from; why."""


@dataclass(frozen=True, slots=True)
class Place:
    """An http(s) address taken apart. ``host`` is ASCII and without the trailing dot."""

    url: str
    scheme: str
    host: str
    port: int


def is_public(address: str) -> bool:
    """Whether the IP ``address`` is one of the public net's."""
    try:
        found: IPv4Address | IPv6Address = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(found, IPv6Address):
        if found.ipv4_mapped is not None:
            found = found.ipv4_mapped
        elif any(found in each for each in _NOT_PUBLIC):
            return False
    return found.is_global and not found.is_multicast and not found.is_reserved


def place_of(url: str, base: str = "") -> Place:
    """Raises :class:`NotAllowedThere` for what is no plain http(s) address on the usual port. ``base`` is the address
    that redirected here."""
    try:
        whole = urljoin(base, url.strip()) if base else url.strip()
        parts = urlsplit(whole)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise NotAllowedThere("It is no address.") from None
    if parts.scheme not in _PORTS:
        raise NotAllowedThere("Only http and https are fetched.")
    if "@" in parts.netloc or "\\" in whole or any(ord(c) < 0x20 for c in whole):
        raise NotAllowedThere("The address is written to mislead.")
    if port not in (None, _PORTS[parts.scheme]):
        raise NotAllowedThere("Only the usual ports are fetched from.")
    plain = _ascii(host)
    shown = f"[{plain}]" if ":" in plain else plain
    path = quote(parts.path or "/", safe=_AS_IT_IS)
    query = f"?{quote(parts.query, safe=_AS_IT_IS)}" if parts.query else ""
    return Place(f"{parts.scheme}://{shown}{path}{query}", parts.scheme, plain, _PORTS[parts.scheme])


def _ascii(host: str) -> str:
    if not host or len(host) > 253:
        raise NotAllowedThere("It names no host.")
    try:
        plain = host if ":" in host else host.encode("idna").decode("ascii")
    except UnicodeError:
        raise NotAllowedThere("It names no host.") from None
    return plain.rstrip(".").lower()
