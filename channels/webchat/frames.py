"""The words between the widget and us: text in, typed frames out, and the frames that we answer with.

Pure. ``docs/widget.md`` describes every frame; keep both the same. What a visitor is shown is built from
:class:`Shown` alone, field by field, so that nothing internal can ever ride along.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NoReturn, TypeAlias

from channels.contract import Shown
from channels.webchat.limits import Limits
from contact_center.domain.time import Millis

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_LANGUAGE = re.compile(r"[A-Za-z0-9-]{0,35}")
# C0 and C1 but tab and line feed; NUL among them, which PostgreSQL cannot store.
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
# What could turn a name's neighbours around, or hide in it: bidirectional controls, zero-width characters.
_UNFIT_FOR_NAMES = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]+")
_MAX_SEQ = 2**53 - 1


class BadFrame(Exception):
    """A frame that means nothing here. ``code`` is what the widget is told, ``id`` the message's, if any."""

    def __init__(self, code: str, id: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.id = id


@dataclass(frozen=True, slots=True)
class Hello:
    """``conversation`` and ``after``: what the page has already, so that it is not sent again."""

    entry: str
    token: str = ""
    name: str = ""
    language: str = ""
    conversation: int = 0
    after: int = 0


@dataclass(frozen=True, slots=True)
class Message:
    id: str
    text: str


@dataclass(frozen=True, slots=True)
class Leave:
    id: str


@dataclass(frozen=True, slots=True)
class Name:
    name: str


@dataclass(frozen=True, slots=True)
class Got:
    """The page has every line up to ``seq`` of the conversation."""

    seq: int


@dataclass(frozen=True, slots=True)
class Typing:
    pass


@dataclass(frozen=True, slots=True)
class Ping:
    pass


Frame: TypeAlias = Hello | Message | Leave | Name | Got | Typing | Ping


def read(text: str, limits: Limits) -> Frame:
    """The frame in ``text``. Raises :class:`BadFrame`. Fields that this version does not know are ignored."""
    data = _object(text)
    reader = _READERS.get(_str(data, "type", 32))
    if reader is None:
        raise BadFrame("unknown_type")
    return reader(data, limits)


def clean(text: str) -> str:
    """``text`` as every store and screen can take it: line ends as LF, no control characters, no lone
    surrogates (JSON can spell them, UTF-8 cannot)."""
    whole = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return _CONTROLS.sub("", whole.replace("\r\n", "\n").replace("\r", "\n"))


def clean_name(name: str, limits: Limits) -> str:
    return _UNFIT_FOR_NAMES.sub(" ", clean(name)).strip()[: limits.name_chars].strip()


# --- what we say --------------------------------------------------------------------------------------------


def welcome(
    token: str,
    fresh: bool,
    conversation: int,
    resumed: bool,
    greeting: str,
    title: str,
    ask_name: bool,
    limits: Limits,
) -> str:
    return _write(
        type="welcome",
        token=token,
        fresh=fresh,
        conversation=conversation,
        resumed=resumed,
        greeting=greeting,
        title=title,
        ask_name=ask_name,
        heartbeat_ms=limits.heartbeat_ms,
        text_chars=limits.text_chars,
    )


def line(shown: Shown) -> str:
    return _write(
        type="line",
        seq=shown.seq,
        at=shown.at,
        sender=shown.sender,
        name=shown.sender_name,
        text=shown.text,
        event=shown.event_id,
    )


def acknowledgement(id: str, event_id: str) -> str:
    return _write(type="ack", id=id, event=event_id)


def state(name: Literal["none", "waiting", "attended", "ended"], agent: str) -> str:
    return _write(type="state", state=name, agent=agent)


def conversation(number: int) -> str:
    return _write(type="conversation", number=number)


def error(code: str, id: str = "", retry_after_ms: Millis = 0) -> str:
    return _write(type="error", code=code, id=id, retry_after_ms=retry_after_ms)


def pong() -> str:
    return _write(type="pong")


# --- reading ------------------------------------------------------------------------------------------------


def _hello(data: dict[str, Any], limits: Limits) -> Hello:
    language = _str(data, "language", 35, "")
    return Hello(
        entry=_str(data, "entry", 64, "support"),
        token=_str(data, "token", 256, ""),
        name=clean_name(_str(data, "name", 1_000, ""), limits),
        language=language if _LANGUAGE.fullmatch(language) else "",
        conversation=_count(data, "conversation"),
        after=_count(data, "after"),
    )


def _message(data: dict[str, Any], limits: Limits) -> Message:
    id = _id(data)
    text = data.get("text")
    if not isinstance(text, str):
        raise BadFrame("malformed", id)
    text = clean(text)
    if not text.strip():
        raise BadFrame("empty", id)
    if len(text) > limits.text_chars:
        raise BadFrame("too_long", id)
    return Message(id, text)


def _name(data: dict[str, Any], limits: Limits) -> Name:
    return Name(clean_name(_str(data, "name", 1_000), limits))


_READERS: dict[str, Callable[[dict[str, Any], Limits], Frame]] = {
    "hello": _hello,
    "message": _message,
    "name": _name,
    "leave": lambda data, _: Leave(_id(data)),
    "got": lambda data, _: Got(_count(data, "seq")),
    "typing": lambda data, _: Typing(),
    "ping": lambda data, _: Ping(),
}


def _object(text: str) -> dict[str, Any]:
    try:
        data = json.loads(text, object_pairs_hook=_without_doubles, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise BadFrame("malformed") from None
    if not isinstance(data, dict):
        raise BadFrame("malformed")
    return data


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    data = dict(pairs)
    if len(data) != len(pairs):
        raise ValueError("a key comes twice")
    return data


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is not JSON")


def _str(data: dict[str, Any], key: str, longest: int, default: str | None = None) -> str:
    value = data.get(key, default)
    if not isinstance(value, str) or len(value) > longest:
        raise BadFrame("malformed")
    return value


def _id(data: dict[str, Any]) -> str:
    id = _str(data, "id", 64)
    if not _ID.fullmatch(id):
        raise BadFrame("malformed")
    return id


def _count(data: dict[str, Any], key: str) -> int:
    value = data.get(key, 0)
    if type(value) is not int or not 0 <= value <= _MAX_SEQ:
        raise BadFrame("malformed")
    return value


def _write(**frame: Any) -> str:
    return json.dumps(frame, ensure_ascii=False, separators=(",", ":"))
