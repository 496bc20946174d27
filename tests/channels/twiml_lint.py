"""Whether a document is TwiML: well-formed, and nothing in it but verbs, nouns and attributes that Twilio's own
builders know, each where they would put it."""

from __future__ import annotations

import inspect
import re
from typing import Any
from xml.etree import ElementTree

from twilio.twiml import voice_response
from twilio.twiml.messaging_response import MessagingResponse

# Attributes whose value is text that somebody else interprets: everything else must be a plain word or an address.
_ADDRESSES = {"action", "url", "waitUrl", "statusCallback", "statusCallbackUrl"}


def lint(document: bytes, kind: str = "voice") -> list[str]:
    """What is wrong, in words; nothing where nothing is."""
    try:
        root = ElementTree.fromstring(document)
    except ElementTree.ParseError as error:
        return [f"not well-formed: {error}"]
    if root.tag != "Response" or root.attrib:
        return [f"the root is <{root.tag}>"]
    builder = voice_response.VoiceResponse if kind == "voice" else MessagingResponse
    return list(_below(root, builder))


def _below(element: ElementTree.Element, builder: type[Any]) -> Any:
    for child in element:
        method = getattr(builder, _snake(child.tag), None)
        if method is None:
            yield f"<{child.tag}> cannot stand in <{element.tag}>"
            continue
        known = {_camel(name) for name in inspect.signature(method).parameters} - {"self", "kwargs"}
        for name, value in child.attrib.items():
            if name not in known:
                yield f"<{child.tag}> has no attribute {name}"
            if name in _ADDRESSES and value and not re.fullmatch(r"https?://[^\s<>\"]+", value):
                yield f"<{child.tag}> {name} is no absolute address: {value!r}"
        yield from _below(child, getattr(voice_response, child.tag, builder))


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])([A-Z])", r"_\1", name).lower()


def _camel(name: str) -> str:
    first, *rest = name.rstrip("_").split("_")
    return first + "".join(part.title() for part in rest)
