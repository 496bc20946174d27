"""A document → its verbs. Whatever is wrong with one is told with the carrier's own number."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from urllib.parse import urljoin
from xml.etree import ElementTree

from contact_center.sandbox.twiml.verbs import (
    Conference,
    Dial,
    Enqueue,
    Gather,
    Hangup,
    Leave,
    Message,
    Pause,
    Play,
    Prompt,
    Record,
    Redirect,
    Reject,
    Say,
    Tape,
    Taping,
    Target,
    Transcribe,
    Verb,
)

MAX_BYTES = 65_536  # Twilio error 11750: a response body may have 64 KiB
MAX_VERBS = 500
MAX_LOOPS = 50
MAX_TARGETS = 10
_LONGEST_TEXT = 4_096

_DECLARATION = re.compile(r"<!(?:DOCTYPE|ENTITY)", re.IGNORECASE)
_BREAK = re.compile(r"(\d{1,5}(?:\.\d{1,3})?)(ms|s)", re.ASCII)
_STRENGTHS = {"none": 0.0, "x-weak": 0.1, "weak": 0.2, "medium": 0.4, "strong": 0.7, "x-strong": 1.0}


class Unreadable(ValueError):
    """The document is not TwiML. ``code`` is Twilio's number for it (12100: parse failure, 11750: too long)."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


def read(document: str, url: str) -> tuple[Verb, ...]:
    """The verbs of ``document``, which came from ``url`` (relative addresses are taken from there, and an action
    that is not given is ``url`` itself). Unknown verbs and nouns are passed over, as the carrier does with a
    warning. Raises :class:`Unreadable`, and nothing else, for whatever is not a TwiML document."""
    if len(document.encode("utf-8", "replace")) > MAX_BYTES:
        raise Unreadable(11750, "The response is longer than 64 KiB.")
    if _DECLARATION.search(document):
        raise Unreadable(12100, "A document type or entity is declared.")
    if not document.strip():
        return ()
    try:
        root = ElementTree.fromstring(document.strip())
    except (ElementTree.ParseError, ValueError) as error:
        raise Unreadable(12100, f"Not XML: {error}") from None
    if _name(root) != "Response":
        raise Unreadable(12102, f"The document begins with <{_name(root)[:40]}>, not <Response>.")
    verbs: list[Verb] = []
    for element in root:
        for verb in _verbs(element, url):
            if len(verbs) == MAX_VERBS:
                return tuple(verbs)
            verbs.append(verb)
    return tuple(verbs)


def _verbs(element: ElementTree.Element, url: str) -> Iterator[Verb]:
    name = _name(element)
    if name in {"Say", "Play", "Pause"}:
        yield from _prompts(element, url)
    elif name in _READERS:
        verb = _READERS[name](element, url)
        if verb is not None:
            yield verb
    elif name in {"Start", "Stop"}:
        for child in element:
            if _name(child) == "Transcription":
                yield _transcribe(child, url, name == "Start")
            elif _name(child) == "Recording":
                yield Taping(_tape(child, url) if name == "Start" else None)


def _name(element: ElementTree.Element) -> str:
    return element.tag if isinstance(element.tag, str) else ""


def _text(element: ElementTree.Element) -> str:
    return " ".join("".join(element.itertext()).split())[:_LONGEST_TEXT]


def _spoken(element: ElementTree.Element) -> str:
    """The words of a <Say>, its SSML heard as it is meant: an alias for what it stands for, sentences apart."""

    def words(node: ElementTree.Element) -> Iterator[str]:
        if _name(node) == "sub" and node.get("alias"):
            yield node.get("alias") or ""
        else:
            yield node.text or ""
            for child in node:
                apart = " " if _name(child) in {"break", "p", "s"} else ""
                yield apart
                yield from words(child)
                yield apart + (child.tail or "")

    return " ".join("".join(words(element)).split())[:_LONGEST_TEXT]


def _silence(element: ElementTree.Element) -> float:
    total = 0.0
    for pause in element.iter("break"):
        told = _BREAK.fullmatch((pause.get("time") or "").strip())
        if told:
            total += float(told[1]) / (1000 if told[2] == "ms" else 1)
        else:
            total += _STRENGTHS.get(pause.get("strength") or "medium", 0.4)
    return min(total, 60.0)


def _number(value: str | None, default: float, low: float, high: float) -> float:
    try:
        number = float(value) if value is not None else default
    except ValueError:
        return default
    return min(max(number, low), high) if number == number else default


def _flag(element: ElementTree.Element, name: str, default: bool) -> bool:
    value = element.get(name)
    return default if value is None else value.strip().lower() == "true"


def _at(url: str, reference: str) -> str:
    try:
        return urljoin(url, reference.strip())
    except ValueError:
        return reference.strip()


def _method(element: ElementTree.Element, name: str = "method") -> str:
    return "GET" if (element.get(name) or "").upper() == "GET" else "POST"


def _address(element: ElementTree.Element, name: str, url: str) -> str:
    given = element.get(name)
    return _at(url, given) if given else ""


def _words(value: str | None) -> frozenset[str]:
    return frozenset((value or "").split())


def _prompts(element: ElementTree.Element, url: str) -> Iterator[Prompt]:
    loops = int(_number(element.get("loop"), 1, 0, MAX_LOOPS)) or MAX_LOOPS
    match _name(element):
        case "Say":
            language = (element.get("language") or "en-US").strip()[:35] or "en-US"
            said = Say(_spoken(element), language, _silence(element))
            yield from [said] * (loops if said.text else 0)
        case "Play":
            source = _text(element)
            played = Play(_at(url, source) if source else "", element.get("digits") or "")
            yield from [played] * (loops if played.url or played.digits else 0)
        case "Pause":
            yield Pause(_number(element.get("length"), 1, 0, 180))


def _gather(element: ElementTree.Element, url: str) -> Gather:
    kinds = (element.get("input") or "dtmf").split()
    prompts = [prompt for child in element for prompt in _prompts(child, url)]
    return Gather(
        prompts=tuple(prompts[:MAX_VERBS]),
        action=_at(url, element.get("action") or url),
        method=_method(element),
        digits="dtmf" in kinds,
        speech="speech" in kinds,
        num_digits=int(_number(element.get("numDigits"), 0, 0, 1000)),
        timeout=_number(element.get("timeout"), 5, 0, 600),
        finish_on=element.get("finishOnKey", "#"),
        on_empty=_flag(element, "actionOnEmptyResult", False),
        barge_in=_flag(element, "bargeIn", True),
        language=element.get("language") or "en-US",
        hints=element.get("hints") or "",
        partial_callback=_address(element, "partialResultCallback", url),
        partial_method=_method(element, "partialResultCallbackMethod"),
    )


def _enqueue(element: ElementTree.Element, url: str) -> Enqueue:
    wait, action = element.get("waitUrl"), element.get("action")
    return Enqueue(
        queue=_text(element) or "default",
        wait_url=_at(url, wait) if wait else "",
        wait_method=_method(element, "waitUrlMethod"),
        action=_at(url, action) if action else "",
        method=_method(element),
    )


def _dial(element: ElementTree.Element, url: str) -> Dial | None:
    found = [noun for noun in (_target(child, url) for child in element) if noun is not None]
    if not found and (number := _text(element)):
        found = [Target(number)]
    if not found:
        return None
    record = element.get("record") or "do-not-record"
    action = element.get("action")
    return Dial(
        found[0],
        action=_at(url, action) if action else "",
        method=_method(element),
        timeout=_number(element.get("timeout"), 30, 1, 600),
        caller_id=element.get("callerId") or "",
        hang_up_on_star=_flag(element, "hangupOnStar", False),
        time_limit=_number(element.get("timeLimit"), 14_400, 1, 86_400),
        others=tuple(noun for noun in found[1:MAX_TARGETS] if isinstance(noun, Target)),
        answer_on_bridge=_flag(element, "answerOnBridge", False),
        record=_tape(element, url, 2 if record.endswith("-dual") else 1) if _records(record) else None,
        record_ringing="ringing" in record,
    )


def _records(value: str) -> bool:
    """``true`` and ``record-from-start`` are older words for the first and for recording a conference."""
    return value.strip().lower() == "true" or value.startswith("record-from-")


def _target(element: ElementTree.Element, url: str) -> Conference | Target | None:
    name, text = _name(element), _text(element)
    if name == "Client":
        identity = next((_text(child) for child in element if _name(child) == "Identity"), text)
        text = f"client:{identity}" if identity else ""
    if not text or name not in {"Conference", "Number", "Client", "Sip"}:
        return None
    if name == "Conference":
        return _conference(element, url, text)
    return Target(
        address=text,
        url=_address(element, "url", url),
        method=_method(element),
        callback=_address(element, "statusCallback", url),
        callback_method=_method(element, "statusCallbackMethod"),
        events=_words(element.get("statusCallbackEvent")) or frozenset({"completed"}),
    )


def _conference(element: ElementTree.Element, url: str, name: str) -> Conference:
    wait = element.get("waitUrl")
    return Conference(
        name=name,
        label=element.get("participantLabel") or "",
        start_on_enter=_flag(element, "startConferenceOnEnter", True),
        end_on_exit=_flag(element, "endConferenceOnExit", False),
        muted=_flag(element, "muted", False),
        wait_url=_at(url, wait) if wait else wait,
        wait_method=_method(element, "waitMethod"),
        callback=_address(element, "statusCallback", url),
        callback_method=_method(element, "statusCallbackMethod"),
        events=_words(element.get("statusCallbackEvent")),
        coach=element.get("coach") or "",
        beep=element.get("beep") or "true",
        max_parties=int(_number(element.get("maxParticipants"), 250, 2, 250)),
        record=_tape(element, url) if _records(element.get("record") or "") else None,
    )


def _tape(element: ElementTree.Element, url: str, channels: int = 1) -> Tape:
    """What any verb that records says of its recording."""
    dual = element.get("channels") == "dual" or channels == 2
    track = element.get("track") or element.get("recordingTrack") or "both"
    return Tape(
        callback=_address(element, "recordingStatusCallback", url),
        method=_method(element, "recordingStatusCallbackMethod"),
        events=_words((element.get("recordingStatusCallbackEvent") or "").replace(",", " "))
        or frozenset({"completed"}),
        channels=2 if dual else 1,
        track=track if track in {"inbound", "outbound"} else "both",
        trim=element.get("trim", "trim-silence" if _name(element) == "Record" else "") == "trim-silence",
    )


def _record(element: ElementTree.Element, url: str) -> Record:
    return Record(
        action=_at(url, element.get("action") or url),
        method=_method(element),
        timeout=_number(element.get("timeout"), 5, 0, 600),
        max_seconds=_number(element.get("maxLength"), 3600, 1, 14_400),
        finish_on=element.get("finishOnKey", "1234567890*#"),
        beep=_flag(element, "playBeep", True),
        tape=_tape(element, url),
        transcribe=_flag(element, "transcribe", False) or bool(element.get("transcribeCallback")),
        transcribe_callback=_address(element, "transcribeCallback", url),
    )


def _transcribe(element: ElementTree.Element, url: str, start: bool) -> Transcribe:
    callback = element.get("statusCallbackUrl")
    return Transcribe(
        start,
        name=element.get("name") or "",
        callback=_at(url, callback) if callback else "",
        method=_method(element, "statusCallbackMethod"),
        track=element.get("track") or "both_tracks",
        language=element.get("languageCode") or "en-US",
    )


def _message(element: ElementTree.Element, url: str) -> Message:
    callback = element.get("statusCallback") or element.get("action")
    body = next((_text(child) for child in element if _name(child) == "Body"), None)
    return Message(
        body if body is not None else _text(element),
        element.get("to") or "",
        _at(url, callback) if callback else "",
    )


_READERS: dict[str, Callable[[ElementTree.Element, str], Verb | None]] = {
    "Gather": _gather,
    "Redirect": lambda element, url: Redirect(_at(url, _text(element) or url), _method(element)),
    "Hangup": lambda _element, _url: Hangup(),
    "Reject": lambda element, _url: Reject("busy" if element.get("reason") == "busy" else "rejected"),
    "Leave": lambda _element, _url: Leave(),
    "Enqueue": _enqueue,
    "Dial": _dial,
    "Record": _record,
    "Message": _message,
}
