"""Marked-up speech: the part of SSML 1.1 that the carrier's voices take."""

from __future__ import annotations

import re
from collections.abc import Mapping

ELEMENTS: Mapping[str, frozenset[str]] = {
    "break": frozenset({"strength", "time"}),
    "emphasis": frozenset({"level"}),
    "lang": frozenset({"xml:lang"}),
    "p": frozenset(),
    "phoneme": frozenset({"alphabet", "ph"}),
    "prosody": frozenset({"volume", "rate", "pitch"}),
    "s": frozenset(),
    "say-as": frozenset({"interpret-as", "format", "role"}),
    "sub": frozenset({"alias"}),
    "w": frozenset({"role"}),
}
"""Elements and their attributes, as https://www.twilio.com/docs/voice/twiml/say/text-speech lists them."""

_WRAPPED = re.compile(r"\s*<speak>(.*)</speak>\s*", re.DOTALL)
_TOKEN = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9:-]*)((?:\s+[A-Za-z:-]+\s*=\s*(?:\"[^\"<]*\"|'[^'<]*'))*)\s*(/?)>")
_ATTRIBUTE = re.compile(r"([A-Za-z:-]+)\s*=")
_QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'")
_REFERENCE = re.compile(r"&(?:amp|lt|gt|quot|apos|#[0-9]{1,7}|#x[0-9A-Fa-f]{1,6});")


def unwrapped(source: str) -> str | None:
    """What stands inside ``<speak>``; None where the words are not written so."""
    match = _WRAPPED.fullmatch(source)
    return match[1] if match else None


def fault(fragment: str) -> str:
    """What is wrong with a fragment of SSML; empty if nothing is."""
    opened: list[str] = []
    for token in _TOKEN.finditer(fragment):
        if wrong := _tag_fault(token, opened):
            return wrong
    if opened:
        return f"<{opened[-1]}> is never closed"
    rest = _TOKEN.sub("", fragment)
    if "<" in rest:
        return "'<' begins no element; write &lt; for the sign"
    if "&" in _REFERENCE.sub("", fragment):
        return "'&' begins no reference; write &amp; for the sign"
    return ""


def _tag_fault(token: re.Match[str], opened: list[str]) -> str:
    closes, name, attributes, empty = token.groups()
    if name not in ELEMENTS:
        return f"<{name}> is no element that can be spoken"
    if closes:
        if not opened or opened.pop() != name or attributes or empty:
            return f"</{name}> closes nothing"
        return ""
    unknown = [a for a in _ATTRIBUTE.findall(_QUOTED.sub("", attributes)) if a not in ELEMENTS[name]]
    if unknown:
        return f"<{name}> has no {unknown[0]!r}"
    if not empty:
        opened.append(name)
    return ""


def plain(fragment: str) -> str:
    """The words alone, for people who read what was said."""
    return " ".join(_TOKEN.sub(" ", fragment).split())
