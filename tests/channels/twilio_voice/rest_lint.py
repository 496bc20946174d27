"""Whether a REST request is one that Twilio's own package documents: the resource, its parameters, and the words that
a parameter may hold."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from typing import Any

from twilio.rest.api.v2010.account.call import CallContext, CallInstance, CallList
from twilio.rest.api.v2010.account.call.recording import RecordingContext as RunningRecording
from twilio.rest.api.v2010.account.call.recording import RecordingInstance as RecordingOfCall
from twilio.rest.api.v2010.account.call.recording import RecordingList as RecordingsOfCall
from twilio.rest.api.v2010.account.conference import ConferenceInstance, ConferenceList
from twilio.rest.api.v2010.account.conference.participant import ParticipantContext
from twilio.rest.api.v2010.account.incoming_phone_number import IncomingPhoneNumberList
from twilio.rest.api.v2010.account.message import MessageList
from twilio.rest.api.v2010.account.recording import RecordingContext, RecordingList

from tests.channels.twilio_fake import Asked

ID = r"[A-Za-z0-9]{1,64}"
SEAT = rf"({ID}|(agent|party)-[A-Za-z0-9_.:-]+|customer)"

RESOURCES: dict[tuple[str, str], Callable[..., Any]] = {
    ("POST", r"Calls"): CallList.create_async,
    ("GET", r"Calls"): CallList.list_async,
    ("POST", rf"Calls/{ID}"): CallContext.update_async,
    ("POST", rf"Calls/{ID}/Recordings"): RecordingsOfCall.create_async,
    ("GET", rf"Calls/{ID}/Recordings"): RecordingsOfCall.list_async,
    ("POST", rf"Calls/{ID}/Recordings/Twilio.CURRENT"): RunningRecording.update_async,
    ("GET", r"Conferences"): ConferenceList.list_async,
    ("POST", rf"Conferences/{ID}/Participants/{SEAT}"): ParticipantContext.update_async,
    ("DELETE", rf"Conferences/{ID}/Participants/{SEAT}"): ParticipantContext.delete_async,
    ("GET", r"Recordings"): RecordingList.list_async,
    ("DELETE", rf"Recordings/{ID}"): RecordingContext.delete_async,
    ("GET", r"IncomingPhoneNumbers"): IncomingPhoneNumberList.list_async,
    ("GET", r"Messages"): MessageList.list_async,
}

PAGING = {"PageSize", "Page", "PageToken"}


def _words(vocabulary: type[Any]) -> set[str]:
    return {value for name, value in vars(vocabulary).items() if name.isupper()}


_BOOLEAN = {"True", "False", "true", "false"}
_SEAT_UPDATED = rf"Conferences/{ID}/Participants/{SEAT}"
_RUNNING = rf"Calls/{ID}/Recordings/Twilio.CURRENT"
_RECORDINGS = rf"Calls/{ID}/Recordings"
VALUES: dict[tuple[str, str], set[str]] = {
    ("Calls", "StatusCallbackEvent"): {"initiated", "ringing", "answered", "completed"},
    (rf"Calls/{ID}", "Status"): _words(CallInstance.UpdateStatus),
    ("Conferences", "Status"): _words(ConferenceInstance.Status),
    (_RUNNING, "Status"): _words(RecordingOfCall.Status),
    (_RUNNING, "PauseBehavior"): {"skip", "silence"},
    (_RECORDINGS, "RecordingStatusCallbackEvent"): {"in-progress", "completed", "absent"},
    (_RECORDINGS, "RecordingChannels"): {"mono", "dual"},
    (_RECORDINGS, "Trim"): {"trim-silence", "do-not-trim"},
    (_SEAT_UPDATED, "Muted"): _BOOLEAN,
    (_SEAT_UPDATED, "Hold"): _BOOLEAN,
    (_SEAT_UPDATED, "Coaching"): _BOOLEAN,
}


def lint(asked: Asked) -> list[str]:
    """What is wrong, in words. A file (``Recordings/RE….wav``) is no resource and has nothing to check."""
    resource = asked.path.removesuffix(".json")
    if re.search(r"\.(wav|mp3)$", asked.path):
        return []
    for (method, pattern), operation in RESOURCES.items():
        if method == asked.method and re.fullmatch(pattern, resource):
            return [*_unknown(asked, operation), *_unfit(asked, resource)]
    return [f"{asked.method} {resource} is not in Twilio's package"]


def _unknown(asked: Asked, operation: Callable[..., Any]) -> list[str]:
    known = {_wire(name) for name in inspect.signature(operation).parameters} - {"Self"}
    told = {name for name, _ in asked.form} | {re.sub("[<>]", "", name) for name in asked.query}
    return [f"{asked.path}: no parameter {name}" for name in sorted(told - known - PAGING)]


def _wire(name: str) -> str:
    """``date_created_after`` is sent as ``DateCreated>``, which is compared without its sign."""
    return "".join(part.title() for part in re.sub("_(after|before)$", "", name).rstrip("_").split("_"))


def _unfit(asked: Asked, resource: str) -> list[str]:
    told = [*asked.form, *asked.query.items()]
    return [
        f"{asked.path}: {name} cannot be {value!r}" for name, value in told if not all(_checks(resource, name, value))
    ]


def _checks(resource: str, name: str, value: str) -> Iterator[bool]:
    for (pattern, parameter), words in VALUES.items():
        if parameter == name and re.fullmatch(pattern, resource):
            yield value in words
    if name.endswith(("Url", "Callback")):
        yield re.fullmatch(r"https://[^\s<>]{1,3900}", value) is not None
    if name in ("Timeout", "TimeLimit"):
        yield re.fullmatch("[1-9][0-9]{0,5}", value) is not None
