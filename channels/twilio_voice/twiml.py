"""TwiML: what a call does next, as XML. https://www.twilio.com/docs/voice/twiml

Every word that a customer, an agent or a flow chose goes through :func:`element`, which makes text of it,
whatever it holds.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from contact_center.domain.calls import Collect, Prompt, Say

MAX_SPOKEN = 3_000
"""Twilio refuses a <Say> of more than 4,096 characters; longer texts become several."""

# What XML 1.0 has no way to write (section 2.2). Half a surrogate pair is one of them.
_UNWRITABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
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
    return escape(_UNWRITABLE.sub("", words))


Attributes = Mapping[str, str | int | None]


def element(name: str, attributes: Attributes | None = None, *children: str) -> str:
    """One element. ``children`` are XML already: elements, or what :func:`text` made. An attribute that is
    ``None`` is left out."""
    told = (attributes or {}).items()
    written = "".join([f' {key}="{_attribute(str(value))}"' for key, value in told if value is not None])
    inside = "".join(children)
    return f"<{name}{written}>{inside}</{name}>" if inside else f"<{name}{written}/>"


def _attribute(value: str) -> str:
    return escape(_UNWRITABLE.sub("", value), {'"': "&quot;", "\n": "&#10;", "\r": "&#13;", "\t": "&#9;"})


def document(*verbs: str) -> bytes:
    body = "".join(verbs)
    shell = f"<Response>{body}</Response>" if body else "<Response/>"
    return f'<?xml version="1.0" encoding="UTF-8"?>{shell}'.encode()


# --- verbs ---------------------------------------------------------------------------------------------------


def say(words: str, language: str) -> str:
    """One <Say>, or several where ``words`` are many; nothing where there are none."""
    spoken = tongue(language)
    attributes: Attributes = {"voice": spoken.voice or None, "language": spoken.speak}
    return "".join(element("Say", attributes, text(part)) for part in _parts(words))


def _parts(words: str) -> Iterable[str]:
    rest = _UNWRITABLE.sub("", words).strip()
    while len(rest) > MAX_SPOKEN:
        cut = max(rest.rfind(mark, MAX_SPOKEN // 2, MAX_SPOKEN) for mark in (". ", "。", "\n", " ")) + 1
        yield rest[: cut or MAX_SPOKEN]
        rest = rest[cut or MAX_SPOKEN :].strip()
    if rest:
        yield rest


def prompts(spoken: Sequence[Prompt]) -> str:
    return "".join(say(p.text, p.language) if isinstance(p, Say) else pause(p.ms) for p in spoken)


def pause(ms: int) -> str:
    return element("Pause", {"length": _seconds(ms)}) if ms > 0 else ""


def _seconds(ms: int) -> int:
    return max(1, -(-ms // 1_000))


def collect(asked: Collect, action: str) -> str:
    """A <Gather> that calls ``action`` with whatever comes, silence too."""
    attributes: dict[str, str | int | None] = {
        "input": "dtmf speech" if asked.speech else "dtmf",
        "action": action,
        "method": "POST",
        "timeout": _seconds(asked.timeout_ms),
        "numDigits": asked.max_digits if asked.max_digits > 0 else None,
        "finishOnKey": asked.finish_on,
        "actionOnEmptyResult": "true",
    }
    if asked.speech:
        hints = (hint.replace(",", " ").strip()[:100] for hint in asked.hints)
        attributes |= {
            "language": tongue(asked.language).listen,
            "speechTimeout": "auto",
            "hints": ", ".join([hint for hint in hints if hint][:500]) or None,
        }
    return element("Gather", attributes, prompts(asked.prompts))


def enqueue(queue: str, wait_url: str, action: str) -> str:
    attributes: Attributes = {
        "waitUrl": wait_url,
        "waitUrlMethod": "POST",
        "action": action,
        "method": "POST",
    }
    return element("Enqueue", attributes, text(queue))


def play(url: str, times: int = 1) -> str:
    return element("Play", {"loop": times}, text(url))


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
    everybody when somebody with ``closes`` leaves."""

    room: str
    label: str
    callback: str
    opens: bool
    closes: bool
    wait_url: str


def join(seat: Seat, action: str | None, seconds: int) -> str:
    """<Dial><Conference>: ``action`` is told when this call leaves the room, and without one the call ends
    there; no stay is longer than ``seconds``."""
    attributes: Attributes = {
        "participantLabel": seat.label,
        "startConferenceOnEnter": "true" if seat.opens else "false",
        "endConferenceOnExit": "true" if seat.closes else "false",
        "beep": "false",
        "waitUrl": seat.wait_url,
        "waitMethod": "POST",
        "statusCallback": seat.callback,
        "statusCallbackEvent": "join leave",
        "statusCallbackMethod": "POST",
    }
    dialled: Attributes = {"action": action, "method": "POST", "timeLimit": seconds}
    return element("Dial", dialled, element("Conference", attributes, text(seat.room)))
