"""TwiML as a telephone hears it: a document and what the caller does → what is heard and what is asked next.

Pure: no clock, no I/O. ``read`` turns a document into verbs, ``step`` walks over them one happening at a time.
The meanings are those of https://www.twilio.com/docs/voice/twiml; what a sandbox has no ears for is left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias
from urllib.parse import urljoin
from xml.etree import ElementTree

MAX_BYTES = 65_536  # Twilio error 11750: a response body may have 64 KiB
MAX_VERBS = 500
MAX_LOOPS = 50
_LONGEST_TEXT = 4_096

_DECLARATION = re.compile(r"<!(?:DOCTYPE|ENTITY)", re.IGNORECASE)
_KEYS = frozenset("0123456789*#ABCDabcd")


class Unreadable(ValueError):
    """The document is not TwiML. ``code`` is Twilio's number for it (12100: parse failure, 11750: too long)."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


# --- verbs ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Say:
    text: str
    language: str = "en-US"


@dataclass(frozen=True, slots=True)
class Play:
    """``url`` is absolute. Empty where only ``digits`` (tones) are played."""

    url: str
    digits: str = ""


@dataclass(frozen=True, slots=True)
class Pause:
    seconds: float = 1.0


Prompt: TypeAlias = Say | Play | Pause


@dataclass(frozen=True, slots=True)
class Gather:
    prompts: tuple[Prompt, ...]
    action: str
    method: str = "POST"
    digits: bool = True
    speech: bool = False
    num_digits: int = 0  # 0: any number
    timeout: float = 5.0
    finish_on: str = "#"
    on_empty: bool = False
    barge_in: bool = True
    language: str = "en-US"
    hints: str = ""


@dataclass(frozen=True, slots=True)
class Redirect:
    url: str
    method: str = "POST"


@dataclass(frozen=True, slots=True)
class Hangup:
    pass


@dataclass(frozen=True, slots=True)
class Reject:
    reason: str = "rejected"


@dataclass(frozen=True, slots=True)
class Leave:
    pass


@dataclass(frozen=True, slots=True)
class Enqueue:
    queue: str
    wait_url: str = ""
    wait_method: str = "POST"
    action: str = ""
    method: str = "POST"


@dataclass(frozen=True, slots=True)
class Conference:
    """``wait_url`` None: the carrier's own music; empty: silence."""

    name: str
    label: str = ""
    start_on_enter: bool = True
    end_on_exit: bool = False
    muted: bool = False
    wait_url: str | None = None
    wait_method: str = "POST"
    callback: str = ""
    callback_method: str = "POST"
    events: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Target:
    """Somebody to ring: a ``client:…``, ``sip:…`` or number in ``address``; ``url`` is heard by them first."""

    address: str
    url: str = ""
    method: str = "POST"
    callback: str = ""
    callback_method: str = "POST"
    events: frozenset[str] = frozenset({"completed"})


@dataclass(frozen=True, slots=True)
class Dial:
    target: Conference | Target
    action: str = ""
    method: str = "POST"
    timeout: float = 30.0
    caller_id: str = ""
    hang_up_on_star: bool = False
    time_limit: float = 14_400.0


@dataclass(frozen=True, slots=True)
class Record:
    action: str
    method: str = "POST"
    timeout: float = 5.0
    max_seconds: float = 3600.0
    finish_on: str = "1234567890*#"


@dataclass(frozen=True, slots=True)
class Transcribe:
    """Begin (or, with ``start`` false, end) a live transcript called ``name``."""

    start: bool
    name: str = ""
    callback: str = ""
    method: str = "POST"
    track: str = "both_tracks"
    language: str = "en-US"


@dataclass(frozen=True, slots=True)
class Message:
    """Answer an SMS with an SMS."""

    text: str
    to: str = ""
    callback: str = ""


Verb: TypeAlias = (
    Say | Play | Pause | Gather | Redirect | Hangup | Reject | Leave | Enqueue | Dial | Record | Transcribe | Message
)


# --- reading --------------------------------------------------------------------------------------------------


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
        yield from (_transcribe(child, url, name == "Start") for child in element if _name(child) == "Transcription")


def _name(element: ElementTree.Element) -> str:
    return element.tag if isinstance(element.tag, str) else ""


def _text(element: ElementTree.Element) -> str:
    return " ".join("".join(element.itertext()).split())[:_LONGEST_TEXT]


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


def _words(value: str | None) -> frozenset[str]:
    return frozenset((value or "").split())


def _prompts(element: ElementTree.Element, url: str) -> Iterator[Prompt]:
    loops = int(_number(element.get("loop"), 1, 0, MAX_LOOPS)) or MAX_LOOPS
    match _name(element):
        case "Say":
            said = Say(_text(element), (element.get("language") or "en-US").strip()[:35] or "en-US")
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
    nouns = (_target(child, url) for child in element)
    target = next((noun for noun in nouns if noun is not None), None)
    if target is None and (number := _text(element)):
        target = Target(number)
    if target is None:
        return None
    action = element.get("action")
    return Dial(
        target,
        action=_at(url, action) if action else "",
        method=_method(element),
        timeout=_number(element.get("timeout"), 30, 1, 600),
        caller_id=element.get("callerId") or "",
        hang_up_on_star=_flag(element, "hangupOnStar", False),
        time_limit=_number(element.get("timeLimit"), 14_400, 1, 86_400),
    )


def _target(element: ElementTree.Element, url: str) -> Conference | Target | None:
    name, text = _name(element), _text(element)
    if name == "Client":
        identity = next((_text(child) for child in element if _name(child) == "Identity"), text)
        text = f"client:{identity}" if identity else ""
    if not text or name not in {"Conference", "Number", "Client", "Sip"}:
        return None
    callback = element.get("statusCallback")
    if name == "Conference":
        wait = element.get("waitUrl")
        return Conference(
            name=text,
            label=element.get("participantLabel") or "",
            start_on_enter=_flag(element, "startConferenceOnEnter", True),
            end_on_exit=_flag(element, "endConferenceOnExit", False),
            muted=_flag(element, "muted", False),
            wait_url=_at(url, wait) if wait else wait,
            wait_method=_method(element, "waitMethod"),
            callback=_at(url, callback) if callback else "",
            callback_method=_method(element, "statusCallbackMethod"),
            events=_words(element.get("statusCallbackEvent")),
        )
    heard_first = element.get("url")
    return Target(
        address=text,
        url=_at(url, heard_first) if heard_first else "",
        method=_method(element),
        callback=_at(url, callback) if callback else "",
        callback_method=_method(element, "statusCallbackMethod"),
        events=_words(element.get("statusCallbackEvent")) or frozenset({"completed"}),
    )


def _record(element: ElementTree.Element, url: str) -> Record:
    return Record(
        action=_at(url, element.get("action") or url),
        method=_method(element),
        timeout=_number(element.get("timeout"), 5, 0, 600),
        max_seconds=_number(element.get("maxLength"), 3600, 1, 14_400),
        finish_on=element.get("finishOnKey", "1234567890*#"),
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


# --- walking --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Begin:
    pass


@dataclass(frozen=True, slots=True)
class Done:
    """The prompt was heard to its end, or the transcript began."""


@dataclass(frozen=True, slots=True)
class Keys:
    digits: str


@dataclass(frozen=True, slots=True)
class Words:
    text: str
    confidence: float = 0.92


@dataclass(frozen=True, slots=True)
class Silence:
    """The time to answer in is over."""


@dataclass(frozen=True, slots=True)
class Returned:
    """A queue, a dialled party or a recording is over; ``facts`` are what its action is told."""

    facts: Mapping[str, str] = field(default_factory=dict)


Happening: TypeAlias = Begin | Done | Keys | Words | Silence | Returned


@dataclass(frozen=True, slots=True)
class Hear:
    """Let the caller hear ``prompt``, then say ``Done``. ``gather`` is set where keys or words are listened for
    meanwhile."""

    prompt: Prompt
    gather: Gather | None = None


@dataclass(frozen=True, slots=True)
class Listen:
    """Wait ``seconds`` for keys or words, else say ``Silence``. ``typed`` is what was keyed in so far."""

    gather: Gather
    typed: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Ask:
    """Fetch the next document with these facts."""

    url: str
    method: str
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Do:
    """Carry out a verb that lasts (or one that has no sound), then say ``Returned`` or ``Done``."""

    verb: Enqueue | Dial | Record | Transcribe | Message


@dataclass(frozen=True, slots=True)
class LeaveQueue:
    """The wait is over by the wait document's own word."""


@dataclass(frozen=True, slots=True)
class End:
    """The document is at its end. ``how``: ``finished`` (nothing left to do), ``hangup``, ``rejected``, ``busy``."""

    how: Literal["finished", "hangup", "rejected", "busy"]


@dataclass(frozen=True, slots=True)
class Carry:
    """Nobody listens to that: go on with what is going on."""


Step: TypeAlias = Hear | Listen | Ask | Do | LeaveQueue | End | Carry


@dataclass(frozen=True, slots=True)
class Position:
    """Where in a document a call is: the verb, the prompt within a Gather, and what was keyed in there."""

    verbs: tuple[Verb, ...]
    at: int = 0
    prompt: int = 0
    typed: str = ""

    @property
    def verb(self) -> Verb | None:
        return self.verbs[self.at] if self.at < len(self.verbs) else None


def step(position: Position, happened: Happening) -> tuple[Position, Step]:
    """What follows ``happened``. Never raises; a happening that does not fit is carried over (``Carry``)."""
    verb = position.verb
    match happened:
        case Begin():
            return _enter(position)
        case Done() if isinstance(verb, Gather):
            return _enter(replace(position, prompt=position.prompt + 1))
        case Done() if isinstance(verb, Say | Play | Pause | Transcribe | Message):
            return _next(position)
        case Keys(digits) if isinstance(verb, Gather) and verb.digits:
            return _keyed(position, verb, digits)
        case Words(text, confidence) if isinstance(verb, Gather) and verb.speech and text.strip():
            said = {
                "SpeechResult": text.strip(),
                "Confidence": f"{confidence:.8f}",
                "Language": verb.language,
            }
            return position, _ask(verb, said)
        case Silence() if isinstance(verb, Gather):
            return _silent(position, verb)
        case Returned(facts) if isinstance(verb, Enqueue | Dial | Record):
            return (position, Ask(verb.action, verb.method, facts)) if verb.action else _next(position)
    return position, Carry()


def _next(position: Position) -> tuple[Position, Step]:
    return _enter(Position(position.verbs, position.at + 1))


def _enter(position: Position) -> tuple[Position, Step]:
    verb = position.verb
    match verb:
        case None:
            return position, End("finished")
        case Say() | Play() | Pause():
            return position, Hear(verb)
        case Gather() if position.prompt < len(verb.prompts) and not position.typed:
            return position, Hear(verb.prompts[position.prompt], verb)
        case Gather():
            return position, Listen(verb, position.typed, verb.timeout)
        case Redirect(url, method):
            return position, Ask(url, method)
        case Hangup():
            return position, End("hangup")
        case Reject(reason):
            return position, End("busy" if reason == "busy" else "rejected")
        case Leave():
            return position, LeaveQueue()
    return position, Do(verb)


def _keyed(position: Position, gather: Gather, digits: str) -> tuple[Position, Step]:
    typed = position.typed
    for key in digits:
        if key not in _KEYS:
            continue
        if gather.finish_on and key in gather.finish_on:
            # The finishing key before any other is no answer: what stands after the Gather is executed.
            done = {"Digits": typed, "FinishedOnKey": key}
            return (position, _ask(gather, done)) if typed else _silent(position, gather)
        typed += key
        if gather.num_digits and len(typed) >= gather.num_digits:
            return position, _ask(gather, {"Digits": typed})
    if typed == position.typed:
        return position, Carry()
    position = replace(position, typed=typed, prompt=len(gather.prompts))
    return position, Listen(gather, typed, gather.timeout)


def _silent(position: Position, gather: Gather) -> tuple[Position, Step]:
    if position.typed:
        return position, _ask(gather, {"Digits": position.typed})
    if not gather.on_empty:
        return _next(position)
    empty = {name: "" for name, wanted in (("Digits", gather.digits), ("SpeechResult", gather.speech)) if wanted}
    return position, _ask(gather, empty)


def _ask(gather: Gather, facts: Mapping[str, str]) -> Ask:
    return Ask(gather.action, gather.method, {**facts, "msg": "Gather End"})


# --- time -----------------------------------------------------------------------------------------------------

_WIDE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")


def lasts(prompt: Prompt) -> float:
    """Seconds that ``prompt`` is heard for. A recording's length is not known; it is taken to be ten seconds."""
    match prompt:
        case Say(text):
            wide = len(_WIDE.findall(text))
            return 0.4 + wide / 4.5 + (len(text) - wide) / 15.0
        case Pause(seconds):
            return seconds
        case Play(url, digits):
            return 10.0 if url else 0.3 * len(digits)
