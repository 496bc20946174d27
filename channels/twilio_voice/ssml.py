"""The SSML that Twilio takes inside <Say>: https://www.twilio.com/docs/voice/twiml/say/text-speech#ssml"""

from __future__ import annotations

import html
import re
from xml.etree import ElementTree
from xml.sax.saxutils import escape, quoteattr

_IN_A_WORD = frozenset({"break", "emphasis", "phoneme", "prosody", "say-as", "sub"})
_IN_A_SENTENCE = _IN_A_WORD | {"lang", "w"}

# Element → the elements that may stand in it. What may stand in nothing but text has none.
NESTING: dict[str, frozenset[str]] = {
    "": _IN_A_SENTENCE | {"p", "s"},
    "break": frozenset(),
    "emphasis": _IN_A_SENTENCE,
    "lang": _IN_A_SENTENCE | {"p", "s"},
    "p": _IN_A_SENTENCE | {"s"},
    "phoneme": frozenset(),
    "prosody": _IN_A_SENTENCE | {"p", "s"},
    "s": _IN_A_SENTENCE,
    "say-as": frozenset(),
    "sub": frozenset(),
    "w": _IN_A_WORD,
}
ATTRIBUTES: dict[str, frozenset[str]] = {
    "break": frozenset({"strength", "time"}),
    "emphasis": frozenset({"level"}),
    "lang": frozenset({"xml:lang"}),
    "p": frozenset(),
    "phoneme": frozenset({"alphabet", "ph"}),
    "prosody": frozenset({"volume", "rate", "pitch"}),
    "s": frozenset(),
    "say-as": frozenset({"interpret-as", "format"}),
    "sub": frozenset({"alias"}),
    "w": frozenset({"role"}),
}
DEEPEST = 20
LONGEST = 20_000
_XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
_TAG = re.compile(r"<[^<>]{0,500}>")


def checked(fragment: str) -> str | None:
    """The fragment, written anew; ``None`` where it is not well-formed or holds what Twilio does not take."""
    if len(fragment) > LONGEST or "<!" in fragment or "<?" in fragment:
        return None
    try:
        root = ElementTree.fromstring(f"<say>{fragment}</say>")
        return _inside(root, "", 0)
    except (ElementTree.ParseError, ValueError):
        return None


def _inside(parent: ElementTree.Element, place: str, depth: int) -> str:
    """Raises ValueError for an element or attribute out of place."""
    if depth > DEEPEST:
        raise ValueError("nested too deeply")
    written = [escape(parent.text or "")]
    for child in parent:
        if child.tag not in NESTING[place]:
            raise ValueError(f"<{child.tag}> cannot stand here")
        told = {"xml:lang" if name == _XML_LANG else name: value for name, value in child.items()}
        if not told.keys() <= ATTRIBUTES[child.tag]:
            raise ValueError(f"<{child.tag}> has no such attribute")
        attributes = "".join([f" {name}={quoteattr(value)}" for name, value in told.items()])
        inside = _inside(child, child.tag, depth + 1)
        written.append(
            f"<{child.tag}{attributes}>{inside}</{child.tag}>" if inside else f"<{child.tag}{attributes}/>"
        )
        written.append(escape(child.tail or ""))
    return "".join(written)


def words_of(fragment: str) -> str:
    """What is left to say without the markup."""
    return html.unescape(_TAG.sub(" ", fragment[:LONGEST])).strip()
