"""Twilio's voice webhooks into events, one function for each address.

Each address below is one that Twilio was given with the step before it; what we need to know of the call then
rides in its query, which Twilio signs.

========================  ==================================================  ===============================
``/webhooks/<name>``      when                                                becomes
========================  ==================================================  ===============================
(nothing)                 a call comes in                                     CallArrived
``/input``                a prompt or a wait is over, by keys, words, nothing  CallerInput
``/recorded``             the caller has spoken after the beep                CallerRecorded
``/dialled``              the number that the flow rang is done with          DialEnded
``/left``                 the call left the room                              CustomerLeft, if it ended there
``/status``               the customer's call changed                         CustomerLeft, once it is over; of a
                                                                              call that we placed, CallLeg first
``/customer``             the customer whom we rang has answered              CallLeg customer answered
``/agent``                the telephone that we rang was answered             CallLeg agent or party answered
``/agent-status``         that telephone rings, fails, hangs up               CallLeg ringing, ended, failed
``/conference``           somebody came into the room or left it              CallLeg joined, left
``/recording``            a recording begins, is there, is missing            RecordingChanged
``/transcript``           somebody said something                             TranscriptAdded
``/voicemail-text``       a voicemail was written down                        TranscriptAdded
``/hold``                 the room wants something to play                    nothing
``/announce``             a written message is about to be spoken             nothing
``/keys``                 tones are about to be played                        nothing
========================  ==================================================  ===============================

**In any order, any number of times, or never.** Nothing is remembered between two requests: a report becomes its
event whatever came before it, and the same report again the same event with the same source id, which the hub
takes in once. So every order of the same reports leaves the same set of events. What two reports say of one moment
has one source id (an answered call is told by ``/customer`` and by ``/status``). Left out on purpose: ``queued``
and ``initiated`` (nothing has happened yet), an agent's ``in-progress`` (``/agent`` tells it), a customer who leaves
a room while their call goes on (we moved them), words that are not in the tables. A ringing that comes after its
answer still becomes an event: which states follow which is the record's to know. What never comes is asked for
later, by ``missed``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from channels.contract import Malformed, Request
from channels.twilio import Fields, form, fraction, query, safe_id
from contact_center.domain.contact_points import ContactPoint, phone
from contact_center.domain.events import (
    CUSTOMER,
    HUB,
    Actor,
    Body,
    CallArrived,
    CallerInput,
    CallerRecorded,
    CallLeg,
    CustomerLeft,
    DialEnded,
    InteractionEvent,
    RecordingChanged,
    Thread,
    TranscriptAdded,
)
from contact_center.domain.time import SECOND, Moment

OVER = frozenset({"completed", "busy", "failed", "no-answer", "canceled"})
"""Twilio's CallStatus words after which a call does nothing more. An unknown word is not one of them."""

LegState = Literal["ringing", "answered", "joined", "left", "ended", "failed"]

Leg = Literal["customer", "agent", "party"]

# CallStatus of a leg that we rang → its state. "in-progress" is told by /agent, "queued" and "initiated" by nobody.
LEG_STATES: Mapping[str, LegState] = {
    "ringing": "ringing",
    "completed": "ended",
    "busy": "failed",
    "failed": "failed",
    "no-answer": "failed",
    "canceled": "failed",
}

# The same of the customer's own leg, where we placed the call. That it is over after it was answered means, as
# of every other call, that the customer left.
CUSTOMER_STATES: Mapping[str, LegState] = {**LEG_STATES, "in-progress": "answered"}

# StatusCallbackEvent → what became of a leg. What else happens in a room is not ours to know.
ROOM_EVENTS: Mapping[str, LegState] = {"participant-join": "joined", "participant-leave": "left"}

# DialCallStatus → how ringing a number ended. "canceled": the caller hung up while it rang.
DIAL_OUTCOMES: Mapping[str, Literal["answered", "busy", "no_answer", "failed"]] = {
    "completed": "answered",
    "answered": "answered",
    "busy": "busy",
    "no-answer": "no_answer",
    "canceled": "no_answer",
    "failed": "failed",
}

# RecordingStatus → ours. "stopped" and "processing" (REST alone says them) are on the way to "completed".
RECORDING_STATES: Mapping[str, Literal["started", "paused", "completed", "absent", "failed"]] = {
    "in-progress": "started",
    "paused": "paused",
    "completed": "completed",
    "absent": "absent",
    "failed": "failed",
}

# What an operator should read in place of a number: twilio.com/docs/api/errors.
RECORDING_ERRORS: Mapping[str, str] = {
    "16101": "too short to be kept",
    "16102": "silent, and the account keeps no silence",
}

# Track of a transcription that runs on the customer's call: what comes in is the customer's voice.
SPEAKERS: Mapping[str, Literal["customer", "agent"]] = {
    "inbound_track": "customer",
    "outbound_track": "agent",
}

CARRIED = (
    *("Digits", "SpeechResult", "Confidence", "RecordingSid", "RecordingDuration"),
    *("DialCallStatus", "DialCallSid", "DialCallDuration"),
)
"""What must not be lost where a caller is asked to hold on because the hub could not listen just then: it comes
again in the address, and is read there where the form has none of it."""

SECRETS = ("Digits", "SpeechResult", "UnstableSpeechResult", "StableSpeechResult")
"""The fields that hold what the caller keyed or said."""

MAX_SPEECH = 2_000

_KEYS = re.compile(r"[0-9*#A-D]{1,128}")


@dataclass(frozen=True, slots=True)
class Call:
    """One verified webhook: the form, our own query, and the customer's call that it is about (empty where that
    call is ours to place and has not been yet). ``interaction_id`` is told where we place the call."""

    channel: str
    door: str
    fields: Fields
    asked: Fields
    sid: str
    interaction_id: str

    @property
    def over(self) -> bool:
        return self.fields.text("CallStatus") in OVER

    @property
    def ours(self) -> bool:
        """Whether this is a leg that we placed: who called whom is the other way round."""
        return self.fields.text("Direction", 40).startswith("outbound")

    @property
    def secret(self) -> bool:
        return self.asked.text("secret") == "1"

    def told(self, name: str, limit: int = 255) -> str:
        """A field of the form, or of those that came along in the address."""
        return self.fields.text(name, limit) or self.asked.text(name, limit)


def read(request: Request, channel: str) -> Call:
    """Raises :class:`Malformed`. The customer's call is in our own query where another call is the form's."""
    if request.path not in EVENTS:
        raise Malformed(f"There is no such address as {request.path[:60]!r} below this channel's.")
    fields, asked = form(request), query(request)
    interaction_id = asked.text("interaction", 101)
    if not safe_id(interaction_id, 100):
        interaction_id = ""
    if request.path in ABOUT_ANOTHER:
        sid = asked.sid("call") if interaction_id else asked.needed_sid("call")
    else:
        sid = fields.sid("CallSid") if EVENTS[request.path] is nothing else fields.needed_sid("CallSid")
    return Call(channel, request.path, fields, asked, sid, interaction_id)


def kept(request: Request, call: Call) -> bytes:
    """The body as it may be kept: without what the caller was asked to say in confidence."""
    if not call.secret:
        return request.body
    pairs = request.body.split(b"&")
    return b"&".join([pair for pair in pairs if pair.partition(b"=")[0].decode("latin-1") not in SECRETS])


def arrived(call: Call, now: Moment) -> InteractionEvent | None:
    fields = call.fields
    body = CallArrived(
        caller_name=fields.text("CallerName"),
        forwarded_from=fields.text("ForwardedFrom", 64),
        stir_verstat=fields.text("StirVerstat", 64),
    )
    return _happened(call, body, call.sid, now)


def _position(call: Call) -> str:
    position = call.asked.text("position", 301)
    if not position or len(position) > 300:
        raise Malformed("The address does not say which step this is the answer to.")
    return position


def answered_prompt(call: Call, now: Moment) -> InteractionEvent | None:
    position = _position(call)
    keys = call.told("Digits", 129)
    waited_for = call.asked.text("keys") if call.asked.text("wait") == "1" else None
    if not _KEYS.fullmatch(keys) or (waited_for is not None and keys not in waited_for):
        keys = ""  # "hangup", or a key that means nothing to somebody who waits
    body = CallerInput(
        position=position,
        digits=keys,
        speech=call.told("SpeechResult", MAX_SPEECH),
        confidence=fraction(call.told("Confidence", 20)),
        secret=call.secret,
    )
    return _happened(call, body, f"{call.sid}:input:{position}", now)


def recorded(call: Call, now: Moment) -> InteractionEvent | None:
    """Twilio tells of a hang-up in the middle too, with ``hangup`` in place of a key; of a caller who said nothing
    it tells nothing, and the document leads here by itself."""
    position = _position(call)
    key = call.told("Digits", 20)
    body = CallerRecorded(
        position=position,
        recording_id=call.fields.sid("RecordingSid") or call.asked.sid("RecordingSid"),
        duration_ms=_seconds(call.told("RecordingDuration", 10)) * SECOND,
        ended_by="hang_up" if key == "hangup" or (call.over and not key) else "key" if key else "silence",
    )
    return _happened(call, body, f"{call.sid}:recorded:{position}", now)


def dialled(call: Call, now: Moment) -> InteractionEvent | None:
    position = _position(call)
    body = DialEnded(
        position=position,
        outcome=DIAL_OUTCOMES.get(call.told("DialCallStatus", 40), "failed"),
        duration_ms=_seconds(call.told("DialCallDuration", 10)) * SECOND,
        leg_id=call.fields.sid("DialCallSid") or call.asked.sid("DialCallSid"),
    )
    return _happened(call, body, f"{call.sid}:dialled:{position}", now)


def _seconds(told: str) -> int:
    return int(told) if told.isascii() and told.isdigit() and len(told) < 7 else 0


def nothing(call: Call, now: Moment) -> InteractionEvent | None:
    return None


def left_room(call: Call, now: Moment) -> InteractionEvent | None:
    if not call.over:
        return None
    return _happened(call, CustomerLeft("hung up"), f"{call.sid}:left", now)


def call_changed(call: Call, now: Moment) -> InteractionEvent | None:
    word = call.fields.text("CallStatus", 40)
    at = call.fields.moment("Timestamp", now)
    if word == "completed" or (call.over and not call.ours):
        return _happened(call, CustomerLeft(word), f"{call.sid}:status:{word}", now, at)
    state = CUSTOMER_STATES.get(word) if call.ours else None
    if state is None:
        return None
    if state == "answered":
        return _customer_answered(call, now, at)
    body = CallLeg("customer", state, call.sid, word if state == "failed" else "")
    return _happened(call, body, f"{call.sid}:status:{word}", now, at)


def customer_answered(call: Call, now: Moment) -> InteractionEvent | None:
    if not call.interaction_id:
        raise Malformed("The address does not say which interaction this call is for.")
    return _customer_answered(call, now, now)


def _customer_answered(call: Call, now: Moment, at: Moment) -> InteractionEvent:
    return _happened(call, CallLeg("customer", "answered", call.sid), f"{call.sid}:answered", now, at)


def leg_answered(call: Call, now: Moment) -> InteractionEvent | None:
    leg_id = call.fields.needed_sid("CallSid")
    offer, party = call.asked.text("offer"), call.asked.text("party")
    if not safe_id(call.asked.text("room")) or not (safe_id(party) if party else safe_id(offer)):
        raise Malformed("The address does not say which room and offer this is about.")
    return _happened(call, _rung(call, "answered", leg_id, ""), f"{leg_id}:answered", now)


def leg_changed(call: Call, now: Moment) -> InteractionEvent | None:
    leg_id, word = call.fields.needed_sid("CallSid"), call.fields.text("CallStatus", 40)
    state = LEG_STATES.get(word)
    if state is None:
        return None
    body = _rung(call, state, leg_id, word if state == "failed" else "")
    at = call.fields.moment("Timestamp", now)
    return _happened(call, body, f"{leg_id}:status:{word}", now, at)


def _rung(call: Call, state: LegState, leg_id: str, reason: str) -> CallLeg:
    party = call.asked.text("party", 128)
    if party:
        return CallLeg("party", state, leg_id, reason, party_id=party)
    return CallLeg("agent", state, leg_id, reason, call.asked.text("offer", 128))


def room_changed(call: Call, now: Moment) -> InteractionEvent | None:
    fields = call.fields
    state = ROOM_EVENTS.get(fields.text("StatusCallbackEvent"))
    if state is None:
        return None
    room, leg_id, label = (
        fields.needed_sid("ConferenceSid"),
        fields.needed_sid("CallSid"),
        fields.text("ParticipantLabel"),
    )
    leg, offer, party = _seat_of(label, leg_id == call.sid)
    if leg == "customer" and state == "left" and fields.text("ParticipantCallStatus") not in OVER:
        return None  # moved into another room by us, and still on the line
    body = CallLeg(leg, state, leg_id, fields.text("ReasonParticipantLeft", 64), offer, party)
    # The number is Twilio's within the room: the same person may come and go more than once.
    source_id = f"{room}:{fields.text('SequenceNumber', 20) or leg_id}:{state}"
    return _happened(call, body, source_id, now, fields.moment("Timestamp", now))


def _seat_of(label: str, customers_call: bool) -> tuple[Leg, str, str]:
    """Whose seat ``label`` is, with the offer or the party that it is for."""
    if customers_call or label == "customer":
        return "customer", "", ""
    if label.startswith("party-"):
        return "party", "", label.removeprefix("party-")
    return "agent", label.removeprefix("agent-"), ""


def recording_changed(call: Call, now: Moment) -> InteractionEvent | None:
    fields = call.fields
    recording_id = fields.needed_sid("RecordingSid")
    state = RECORDING_STATES.get(fields.text("RecordingStatus", 40))
    if state is None:
        return None
    error = fields.text("ErrorCode", 20)
    body = RecordingChanged(
        recording_id=recording_id,
        state=state,
        purpose="voicemail" if call.asked.text("purpose") == "voicemail" else "call",
        duration_ms=_seconds(fields.text("RecordingDuration", 10)) * SECOND,
        channels=2 if fields.text("RecordingChannels", 4) == "2" else 1,
        reason="" if error in ("", "0") else f"{error}: {RECORDING_ERRORS.get(error, 'Twilio kept no file')}",
    )
    at = fields.moment("RecordingStartTime", now) if state == "started" else now
    return _happened(call, body, f"{recording_id}:{state}", now, at)


def voicemail_written_down(call: Call, now: Moment) -> InteractionEvent | None:
    fields = call.fields
    words = fields.text("TranscriptionText", 16_000).strip()
    if fields.text("TranscriptionStatus", 40) != "completed" or not words:
        return None
    return _happened(call, TranscriptAdded("customer", words), fields.needed_sid("TranscriptionSid"), now)


def said(call: Call, now: Moment) -> InteractionEvent | None:
    fields = call.fields
    speaker = SPEAKERS.get(fields.text("Track"))
    final = fields.text("Final") in ("", "true")  # a partial result is said again, better
    if fields.text("TranscriptionEvent") != "transcription-content" or speaker is None or not final:
        return None
    words, confidence = _transcript(fields.text("TranscriptionData", 32_000))
    if not words:
        return None
    source_id = f"{fields.needed_sid('TranscriptionSid')}:{fields.text('SequenceId', 20)}"
    body = TranscriptAdded(speaker, words, confidence)
    return _happened(call, body, source_id, now, _iso_moment(fields.text("Timestamp", 64), now))


def _transcript(data: str) -> tuple[str, float]:
    """``{"transcript": …, "confidence": …}`` as Twilio writes it into the form; empty where it is not that."""
    try:
        told = json.loads(data)
    except (ValueError, RecursionError):
        return "", 0.0
    words = told.get("transcript") if isinstance(told, dict) else None
    if not isinstance(words, str):
        return "", 0.0
    kept = words.encode("utf-8", "ignore").decode().replace("\x00", "").strip()
    return kept[:MAX_SPEECH], fraction(told.get("confidence"))


def _iso_moment(told: str, now: Moment) -> Moment:
    try:
        at = datetime.fromisoformat(told)
        return int(at.timestamp() * 1_000) if at.tzinfo else now
    except (ValueError, OverflowError, OSError):
        return now


EVENTS = {
    "": arrived,
    "/input": answered_prompt,
    "/recorded": recorded,
    "/dialled": dialled,
    "/left": left_room,
    "/status": call_changed,
    "/customer": customer_answered,
    "/agent": leg_answered,
    "/agent-status": leg_changed,
    "/conference": room_changed,
    "/recording": recording_changed,
    "/transcript": said,
    "/voicemail-text": voicemail_written_down,
    "/hold": nothing,
    "/announce": nothing,
    "/keys": nothing,
}
ABOUT_ANOTHER = frozenset({"/agent", "/agent-status", "/conference", "/transcript"})
NOBODYS = ABOUT_ANOTHER | {"/recording", "/voicemail-text"}
"""Where From and To are another leg's, or nobody's."""


def _happened(call: Call, body: Body, source_id: str, now: Moment, at: Moment | None = None) -> InteractionEvent:
    """The parties are told where the form is the customer's own; a leg's From and To are of that leg."""
    customer: ContactPoint | None = None
    ours: ContactPoint | None = None
    if call.door not in NOBODYS:
        customer, ours = phone(call.fields.text("From")), phone(call.fields.text("To"))
        if call.ours:
            customer, ours = ours, customer
    actor = _actor(body)
    # Of the room of a call that we place, only the customer's own leg is the interaction's call.
    key = call.sid or (body.leg_id if isinstance(body, CallLeg) and body.leg == "customer" else "")
    return InteractionEvent(
        body=body,
        channel=call.channel,
        source_id=source_id,
        medium="voice",
        direction="inbound" if actor is CUSTOMER else "outbound",
        occurred_at=now if at is None else at,
        received_at=now,
        actor=actor,
        sender=customer,
        dialled=ours,
        thread=Thread(key, (call.interaction_id,) if call.interaction_id else ()),
    )


def _actor(body: Body) -> Actor:
    if isinstance(body, CallLeg) and body.leg != "customer":
        return Actor("agent") if body.leg == "agent" else HUB
    if isinstance(body, TranscriptAdded) and body.speaker == "agent":
        return Actor("agent")
    return HUB if isinstance(body, RecordingChanged) else CUSTOMER
