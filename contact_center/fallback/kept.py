"""One request as the spool keeps it and as it goes to the hub: JSON, with the body in base64."""

from __future__ import annotations

from base64 import b64decode, b64encode
from dataclasses import dataclass, replace
from typing import Any

import orjson

from channels.contract import Request
from contact_center.domain.time import Millis, Moment

MOST_HEADERS = 50
LONGEST_HEADER = 1_000
_PRIVATE = frozenset({"authorization", "cookie", "proxy-authorization"})


@dataclass(frozen=True, slots=True)
class Kept:
    """``thread`` is the call that the request is about, empty for what is no call. ``directed`` stands alone: the
    call was sent on to the hub, and from then on the hub knows better. ``quiet_ms`` is for how long nothing had been
    heard of the call when it was handed over: a span, because two machines' clocks differ."""

    channel: str
    at: Moment
    thread: str = ""
    request: Request | None = None
    directed: bool = False
    quiet_ms: Millis = 0
    number: int = 0


def pack(kept: Kept) -> bytes:
    return orjson.dumps(plain(kept))


def plain(kept: Kept) -> dict[str, Any]:
    request = kept.request
    data: dict[str, Any] = {"channel": kept.channel, "at": kept.at, "thread": kept.thread}
    if kept.directed:
        data["directed"] = True
    if kept.number:
        data |= {"number": kept.number, "quiet_ms": kept.quiet_ms}
    if request is not None:
        headers = [(name, value[:LONGEST_HEADER]) for name, value in request.headers.items() if name not in _PRIVATE]
        data["request"] = {
            "method": request.method,
            "url": request.url,
            "path": request.path,
            "query": request.query,
            "headers": dict(headers[:MOST_HEADERS]),
            "body": b64encode(request.body).decode(),
        }
    return data


def unpack(data: bytes, number: int) -> Kept:
    """Raises ``ValueError`` for what :func:`pack` did not make."""
    try:
        return replace(read(orjson.loads(data)), number=number)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a kept request: {error!r}") from error


def read(data: dict[str, Any]) -> Kept:
    """What :func:`plain` made. Raises ``ValueError``, ``KeyError`` or ``TypeError`` for anything else."""
    told = data.get("request")
    request = None
    if told is not None:
        request = Request(
            method=_text(told["method"]),
            url=_text(told["url"]),
            path=_text(told["path"]),
            query=_text(told["query"]),
            headers={_text(name): _text(value) for name, value in told["headers"].items()},
            body=b64decode(told["body"], validate=True),
        )
    return Kept(
        channel=_text(data["channel"]),
        at=_moment(data["at"]),
        thread=_text(data["thread"]),
        request=request,
        directed=data.get("directed") is True,
        quiet_ms=_moment(data.get("quiet_ms", 0)),
        number=_moment(data.get("number", 0)),
    )


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value


def _moment(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**62:
        raise TypeError("not a moment")
    return value
