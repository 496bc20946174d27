"""The entry points of this channel: which widget, on whose pages, greeting how."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

ENTRY_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_DEFAULT_PORTS = {"http": 80, "https": 443}
_TEXT_CHARS = 500


@dataclass(frozen=True, slots=True)
class Entry:
    """``origins`` are the pages that may open it: ``*`` for any, ``https://shop.example``, or
    ``https://*.shop.example`` for whatever stands before it. ``greeting`` and ``title`` are by language; the
    widget has its own where they are empty. ``ask_name`` shows the field for a name."""

    name: str
    origins: tuple[str, ...] = ("*",)
    greeting: Mapping[str, str] = field(default_factory=dict)
    title: Mapping[str, str] = field(default_factory=dict)
    ask_name: bool = False

    def allows(self, origin: str) -> bool:
        if "*" in self.origins:
            return True
        page = _parts(origin)
        return page is not None and any(_covers(allowed, page) for allowed in self.origins)


DEFAULT = {"support": Entry("support")}


def read_entries(config: Mapping[str, Any]) -> dict[str, Entry]:
    """The ``entries`` of the channel's configuration; ``support`` for any page where there is none. Raises
    ``ValueError`` with a sentence: what is wrong in a list of origins must never read as “any”."""
    if "entries" not in config:
        return dict(DEFAULT)
    entries = config["entries"]
    if not isinstance(entries, Mapping) or not entries:
        raise ValueError("webchat: “entries” must name at least one entry.")
    return {str(name): _entry(str(name), settings) for name, settings in entries.items()}


def in_language(texts: Mapping[str, str], language: str) -> str:
    """The text for ``language`` (``zh-CN`` finds ``zh``), else the English one, else any."""
    if not texts:
        return ""
    tongue = language.lower().partition("-")[0]
    fallback = texts.get("en") or next(iter(texts.values()))
    return texts.get(language.lower()) or texts.get(tongue) or fallback


def _entry(name: str, settings: Any) -> Entry:
    if not ENTRY_NAME.fullmatch(name):
        raise ValueError(f"webchat: the entry name {name!r} must be letters, digits, - and _, at most 64.")
    settings = {} if settings is None else settings
    if not isinstance(settings, Mapping):
        raise ValueError(f"webchat: the entry {name} must be a mapping.")
    return Entry(
        name,
        origins=_origins(name, settings.get("origins", ["*"])),
        greeting=_texts(name, "greeting", settings.get("greeting")),
        title=_texts(name, "name", settings.get("name")),
        ask_name=settings.get("ask_name", False) is True,
    )


def _origins(name: str, origins: Any) -> tuple[str, ...]:
    if not isinstance(origins, (list, tuple)) or not origins:
        raise ValueError(f"webchat: the origins of {name} must be a list, such as [https://shop.example].")
    for origin in origins:
        if origin != "*" and (not isinstance(origin, str) or _parts(origin) is None):
            raise ValueError(f"webchat: {origin!r} in the origins of {name} is no origin (https://host[:port]).")
    return tuple(origins)


def _texts(name: str, field_name: str, texts: Any) -> dict[str, str]:
    if texts is None:
        return {}
    if isinstance(texts, str):
        texts = {"en": texts}
    if not isinstance(texts, Mapping) or not all(isinstance(text, str) for text in texts.values()):
        raise ValueError(f"webchat: the {field_name} of {name} must be a text, or one for each language.")
    return {str(language).lower(): text[:_TEXT_CHARS] for language, text in texts.items()}


def _parts(origin: str) -> tuple[str, str, int] | None:
    """Scheme, host and port as RFC 6454 compares them; None where it is no web origin (``null``)."""
    try:
        url = urlsplit(origin.lower())
        port = url.port or _DEFAULT_PORTS.get(url.scheme)
    except ValueError:
        return None
    bare = not (url.path or url.query or url.fragment or "@" in url.netloc)
    if url.scheme not in _DEFAULT_PORTS or not url.hostname or port is None or not bare:
        return None
    return url.scheme, url.hostname, port


def _covers(allowed: str, page: tuple[str, str, int]) -> bool:
    pattern = _parts(allowed)
    if pattern is None or (pattern[0], pattern[2]) != (page[0], page[2]):
        return False
    if pattern[1].startswith("*."):
        return page[1].endswith(pattern[1][1:])
    return pattern[1] == page[1]
