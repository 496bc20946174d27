"""TwiML: what a call does next, as XML. https://www.twilio.com/docs/voice/twiml

Every word that a customer, an agent or a flow chose goes through :func:`element`, which makes text of it,
whatever it holds.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from xml.sax.saxutils import escape

from channels.twilio_voice import ssml
from contact_center.domain.calls import Collect, Dial, Pause, Play, Prompt, Record, Say

MAX_SPOKEN = 3_000
"""Twilio refuses a <Say> of more than 4,096 characters; longer texts become several."""

# What XML 1.0 has no way to write (section 2.2). Half a surrogate pair is one of them.
_UNWRITABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_TO_ESCAPE = re.compile('[&<>"]|[^\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]')
"""What is written differently, or not at all, in XML. Most of what is said has none of it."""
_KEYS = frozenset("0123456789*#")
LONGEST_SECONDS = 4 * 60 * 60
"""The longest that anybody stays in a call, unless the hub says less: Twilio's own limit for most accounts."""
LONGEST_SILENCE = 600
MAX_ADDRESS = 2_000
MOST_TIMES = 100
_VOICE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
_SECURE = re.compile(r"https://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[^\s<>\"\\]*)?")
_SERVED = re.compile(r"/media/[A-Za-z0-9._/-]{1,200}")
_NUMBER = re.compile(r"\+[1-9][0-9]{6,14}")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}")


@dataclass(frozen=True, slots=True)
class Tongue:
    """How Twilio's three engines call one language. ``speak`` and ``voice`` belong together: a pair that
    twilio.com/docs/voice/twiml/say/text-speech does not list fails. ``listen`` is Gather's and
    Transcription's code."""

    speak: str
    voice: str
    listen: str


TONGUES: dict[str, Tongue] = {
    "en-us": Tongue("en-US", "Polly.Joanna", "en-US"),
    "en-gb": Tongue("en-GB", "Polly.Amy", "en-GB"),
    "en": Tongue("en-US", "Polly.Joanna", "en-US"),
    # Speech is made of cmn-CN (Mandarin), and Google hears cmn-Hans-CN: neither takes zh-CN.
    "zh-cn": Tongue("cmn-CN", "Polly.Zhiyu", "cmn-Hans-CN"),
    "zh-tw": Tongue("cmn-CN", "Polly.Zhiyu", "cmn-Hant-TW"),
    "zh": Tongue("cmn-CN", "Polly.Zhiyu", "cmn-Hans-CN"),
    "cmn": Tongue("cmn-CN", "Polly.Zhiyu", "cmn-Hans-CN"),
}


def tongue(language: str) -> Tongue:
    """The row for a BCP 47 tag, else for its language alone, else the tag itself with the account's voice."""
    tag = language.lower()
    found = TONGUES.get(tag) or TONGUES.get(tag.partition("-")[0])
    if found:
        return found
    return Tongue(language, "", language) if _LANGUAGE.fullmatch(language) else TONGUES["en"]


# --- XML -----------------------------------------------------------------------------------------------------


def text(words: str) -> str:
    """``words`` as XML text: escaped, without what XML cannot write."""
    return escape(_UNWRITABLE.sub("", words)) if _TO_ESCAPE.search(words) else words


Attributes = Mapping[str, str | int | None]


def element(name: str, attributes: Attributes | None = None, *children: str) -> str:
    """One element. ``children`` are XML already: elements, or what :func:`text` made. An attribute that is
    ``None`` is left out."""
    told = (attributes or {}).items()
    written = "".join([f' {key}="{_attribute(str(value))}"' for key, value in told if value is not None])
    inside = "".join(children)
    return f"<{name}{written}>{inside}</{name}>" if inside else f"<{name}{written}/>"


def _attribute(value: str) -> str:
    if not _TO_ESCAPE.search(value):
        return value
    return escape(_UNWRITABLE.sub("", value), {'"': "&quot;", "\n": "&#10;", "\r": "&#13;", "\t": "&#9;"})


def document(*verbs: str) -> bytes:
    body = "".join(verbs)
    shell = f"<Response>{body}</Response>" if body else "<Response/>"
    return f'<?xml version="1.0" encoding="UTF-8"?>{shell}'.encode()


# --- verbs ---------------------------------------------------------------------------------------------------


def say(words: str, language: str, voice: str = "") -> str:
    """One <Say>, or several where ``words`` are many; nothing where there are none."""
    return "".join(_spoken(text(part), language, voice) for part in _parts(words))


def _spoken(inside: str, language: str, voice: str) -> str:
    spoken = tongue(language)
    chosen = voice if _VOICE.fullmatch(voice) else spoken.voice
    return element("Say", {"voice": chosen or None, "language": spoken.speak}, inside)


def say_marked_up(fragment: str, language: str, voice: str = "") -> str:
    """<Say> with SSML in it. What Twilio would not take is said as the plain words that it holds."""
    clean = _UNWRITABLE.sub("", fragment)
    marked = ssml.checked(clean)
    if marked is None or len(marked) > MAX_SPOKEN:
        return say(ssml.words_of(clean), language, voice)
    return _spoken(marked, language, voice) if marked.strip() else ""


def _parts(words: str) -> Iterable[str]:
    rest = _UNWRITABLE.sub("", words).strip()
    while len(rest) > MAX_SPOKEN:
        cut = max(rest.rfind(mark, MAX_SPOKEN // 2, MAX_SPOKEN) for mark in (". ", "。", "\n", " ")) + 1
        yield rest[: cut or MAX_SPOKEN]
        rest = rest[cut or MAX_SPOKEN :].strip()
    if rest:
        yield rest


def prompts(spoken: Sequence[Prompt], media: str) -> str:
    """``media`` is the hub's own address, for recordings that it serves."""
    return _prompts(tuple(spoken), media)


@lru_cache(maxsize=512)  # every caller at the same menu hears the same words
def _prompts(spoken: tuple[Prompt, ...], media: str) -> str:
    return "".join([prompt(each, media) for each in spoken])


def prompt(spoken: Prompt, media: str) -> str:
    match spoken:
        case Say():
            make = say_marked_up if spoken.ssml else say
            return make(spoken.text, spoken.language, spoken.voice)
        case Play():
            source = source_of(spoken.source, media)
            return play(source, max(1, min(spoken.times, MOST_TIMES))) if source else ""
        case Pause():
            return pause(spoken.ms)


def source_of(source: str, media: str) -> str:
    """The absolute address of a recording; empty for what is neither https nor served by the hub."""
    if _SERVED.fullmatch(source) and ".." not in source:
        return media + source
    return source if _SECURE.fullmatch(source) and len(source) <= MAX_ADDRESS else ""


def pause(ms: int) -> str:
    return element("Pause", {"length": seconds(ms)}) if ms > 0 else ""


def seconds(ms: int) -> int:
    """Whole seconds, upwards, one at least: Twilio knows no shorter."""
    return max(1, -(-ms // 1_000))


def collect(asked: Collect, action: str, media: str) -> str:
    """A <Gather> that calls ``action`` with whatever comes, silence too."""
    attributes: dict[str, str | int | None] = {
        "input": "dtmf speech" if asked.speech else "dtmf",
        "action": action,
        "method": "POST",
        "timeout": min(seconds(asked.timeout_ms), LONGEST_SILENCE),
        "numDigits": asked.max_digits if asked.max_digits > 0 else None,
        "finishOnKey": _ends(asked.finish_on)[:1],  # a <Gather> knows one, a <Record> several
        "actionOnEmptyResult": "true",
        "bargeIn": None if asked.barge_in else "false",
    }
    if asked.speech:
        attributes |= {
            "language": tongue(asked.language).listen,
            "speechTimeout": "auto",
            "hints": _hints(asked.hints) or None,
        }
    return element("Gather", attributes, prompts(asked.prompts, media))


@lru_cache(maxsize=256)  # every caller at the same menu is understood by the same words
def _hints(hints: tuple[str, ...]) -> str:
    told = (hint.replace(",", " ").strip()[:100] for hint in hints)
    return ", ".join([hint for hint in told if hint][:500])


def _ends(keys: str) -> str:
    """The keys among ``keys``; Twilio's own where there are some and none is one."""
    return "".join(key for key in keys if key in _KEYS) or ("#" if keys else "")


def wait(inside: str, action: str) -> str:
    """``inside`` is heard until it ends or a key is pressed; then ``action`` is called, whichever it was."""
    attributes: Attributes = {
        "input": "dtmf",
        "action": action,
        "method": "POST",
        "timeout": 1,
        "numDigits": 1,
        "finishOnKey": "",
        "actionOnEmptyResult": "true",
    }
    return element("Gather", attributes, inside)


@dataclass(frozen=True, slots=True)
class RecordingDoors:
    """Who is told of a <Record>: its end (``action``), the file (``status``), its words (``words``)."""

    action: str
    status: str
    words: str


def record(asked: Record, doors: RecordingDoors, media: str) -> str:
    """A <Record>, and the way on where nothing was said: Twilio then calls no ``action`` but goes to what
    follows."""
    attributes: Attributes = {
        "action": doors.action,
        "method": "POST",
        "timeout": min(seconds(asked.silence_ms), LONGEST_SILENCE),
        "finishOnKey": _ends(asked.finish_on),
        "maxLength": max(2, min(seconds(asked.longest_ms), LONGEST_SECONDS)),
        "playBeep": "true" if asked.beep else "false",
        "trim": "trim-silence",
        "recordingStatusCallback": doors.status,
        "recordingStatusCallbackMethod": "POST",
        "recordingStatusCallbackEvent": "completed absent",
        "transcribe": "true" if asked.transcribe else None,
        "transcribeCallback": doors.words if asked.transcribe else None,
    }
    return prompts(asked.prompts, media) + element("Record", attributes) + redirect(doors.action)


def dial(asked: Dial, action: str, media: str) -> str:
    """A <Dial> of one number; what is no number is never dialled, and ``action`` is told of no success."""
    before = prompts(asked.prompts, media)
    if not _NUMBER.fullmatch(asked.number):
        return before + redirect(action)
    attributes: Attributes = {
        "action": action,
        "method": "POST",
        "timeout": max(5, min(seconds(asked.timeout_ms), 600)),
        "timeLimit": min(seconds(asked.longest_ms), LONGEST_SECONDS),
        "callerId": asked.caller_id if _NUMBER.fullmatch(asked.caller_id) else None,
    }
    return before + element("Dial", attributes, element("Number", None, text(asked.number)))


def play(url: str, times: int = 1) -> str:
    return element("Play", {"loop": times}, text(url))


def keys(digits: str) -> str:
    """The tones of ``digits``."""
    return element("Play", {"digits": digits})


def redirect(url: str) -> str:
    return element("Redirect", {"method": "POST"}, text(url))


def hang_up() -> str:
    return element("Hangup")


def transcribe(callback: str, language: str) -> str:
    """Hears both sides of this call from now on and tells ``callback`` what was said."""
    attributes: Attributes = {
        "name": "conversation",  # a second one of this name cannot run: nothing is heard twice
        "statusCallbackUrl": callback,
        "statusCallbackMethod": "POST",
        "track": "both_tracks",
        "partialResults": "false",
        "languageCode": tongue(language).listen,
    }
    return element("Start", None, element("Transcription", attributes))


@dataclass(frozen=True, slots=True)
class Seat:
    """A place in a conference. The room opens when somebody with ``opens`` joins a second person; it closes on
    everybody when somebody with ``closes`` leaves. ``muted`` is not heard; ``coach`` names the leg that alone
    hears this one. The room tells ``callback`` of everybody, and it is the first to come whose callback counts."""

    room: str
    label: str
    callback: str
    opens: bool
    closes: bool
    wait_url: str
    muted: bool = False
    coach: str = ""


def join(seat: Seat, action: str | None, longest_seconds: int) -> str:
    """<Dial><Conference>: ``action`` is told when this call leaves the room, and without one the call ends
    there; no stay is longer than ``longest_seconds``."""
    attributes: Attributes = {
        "participantLabel": seat.label,
        "muted": "true" if seat.muted else None,
        "coach": seat.coach or None,
        "startConferenceOnEnter": "true" if seat.opens else "false",
        "endConferenceOnExit": "true" if seat.closes else "false",
        "beep": "false",
        "waitUrl": seat.wait_url,
        "waitMethod": "POST",
        "statusCallback": seat.callback,
        "statusCallbackEvent": "join leave",
        "statusCallbackMethod": "POST",
    }
    dialled: Attributes = {"action": action, "method": "POST", "timeLimit": longest_seconds}
    return element("Dial", dialled, element("Conference", attributes, text(seat.room)))
