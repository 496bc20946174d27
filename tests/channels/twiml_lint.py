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
_ADDRESSES = {
    *("action", "url", "waitUrl", "statusCallback", "statusCallbackUrl"),
    *("recordingStatusCallback", "transcribeCallback"),
}

# Values that Twilio's schema limits, as far as a wrong one would make it refuse the whole document.
_BOOLEAN = re.compile("true|false")
_SECONDS = re.compile("[1-9][0-9]{0,5}")
_VALUES = {
    **dict.fromkeys(("muted", "startConferenceOnEnter", "endConferenceOnExit", "beep", "playBeep"), _BOOLEAN),
    **dict.fromkeys(("actionOnEmptyResult", "bargeIn", "transcribe", "partialResults"), _BOOLEAN),
    **dict.fromkeys(("timeout", "timeLimit", "maxLength", "length", "numDigits"), _SECONDS),
    **dict.fromkeys(("method", "waitMethod", "statusCallbackMethod"), re.compile("GET|POST")),
    "recordingStatusCallbackMethod": re.compile("GET|POST"),
    "finishOnKey": re.compile("[0-9*#]*"),
    "loop": re.compile("[0-9]{1,4}"),
    "digits": re.compile("[0-9*#A-DwW]+"),
    "callerId": re.compile(r"\+[1-9][0-9]{6,14}"),
    "trim": re.compile("trim-silence|do-not-trim"),
    "input": re.compile("dtmf|speech|dtmf speech"),
    "coach": re.compile("CA[0-9a-f]{32}"),
    "participantLabel": re.compile("[A-Za-z0-9_.:-]{1,140}"),
    "statusCallbackEvent": re.compile("(start|end|join|leave|mute|hold|modify|speaker|announcement| )+"),
    "recordingStatusCallbackEvent": re.compile("(in-progress|completed|absent|failed| )+"),
}
_TEXTS = {
    "Number": re.compile(r"\+[1-9][0-9]{6,14}"),
    "Redirect": re.compile(r"https?://[^\s<>\"]+"),
    "Conference": re.compile("call-[A-Za-z0-9_.:-]{1,100}"),
}
_ENDS = {"Hangup", "Redirect"}
_SSML = {"say-as": "say_as", "break": "break_"}
_XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"


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
    for at, child in enumerate(element):
        if child.tag in _ENDS and at + 1 < len(element):
            yield f"nothing after <{child.tag}> is ever heard"
        method = getattr(builder, _SSML.get(child.tag, _snake(child.tag)), None)
        if method is None:
            yield f"<{child.tag}> cannot stand in <{element.tag}>"
            continue
        yield from _attributes(child, {_camel(name) for name in inspect.signature(method).parameters})
        text = _TEXTS.get(child.tag)
        if text and not text.fullmatch(child.text or ""):
            yield f"<{child.tag}> cannot hold {child.text!r}"
        if child.tag == "Play" and not child.get("digits") and not re.match("https?://", child.text or ""):
            yield f"<Play> of no absolute address: {child.text!r}"
        yield from _below(child, _builder_of(child.tag, builder))


def _attributes(child: ElementTree.Element, known: set[str]) -> Any:
    for written, value in child.attrib.items():
        name = "xmlLang" if written == _XML_LANG else _camel(written.replace("-", "_"))
        if name not in known - {"self", "kwargs"}:
            yield f"<{child.tag}> has no attribute {written}"
        if name in _ADDRESSES and value and not re.fullmatch(r"https?://[^\s<>\"]+", value):
            yield f"<{child.tag}> {name} is no absolute address: {value!r}"
        if (child.tag, name) == ("Gather", "finishOnKey") and len(value) > 1:
            yield f"<Gather> ends with one key, not {value!r}"
        if name in ("timeLimit", "maxLength") and value.isdigit() and int(value) > 14_400:
            yield f"<{child.tag}> {name} is longer than a call may be"
        if (allowed := _VALUES.get(name)) and not allowed.fullmatch(value):
            yield f"<{child.tag}> {name} cannot be {value!r}"


def _builder_of(tag: str, parent: type[Any]) -> type[Any]:
    """The builder of what stands in ``tag``: of SSML's elements, Twilio's names begin with Ssml."""
    ssml = "Ssml" + "".join(part.title() for part in tag.split("-"))
    found: type[Any] | None = getattr(voice_response, tag, None) or getattr(voice_response, ssml, None)
    return found or parent


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])([A-Z])", r"_\1", name).lower()


def _camel(name: str) -> str:
    first, *rest = name.rstrip("_").split("_")
    return first + "".join(part.title() for part in rest)
