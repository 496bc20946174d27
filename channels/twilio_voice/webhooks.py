"""Twilio's voice webhooks into events, one function for each address.

Each address below is one that Twilio was given with the step before it; what we need to know of the call then
rides in its query, which Twilio signs.

========================  ==================================================  ===============================
``/webhooks/<name>``      when                                                becomes
========================  ==================================================  ===============================
(nothing)                 a call comes in                                     CallArrived
``/input``                a Gather is answered, or not                        CallerInput
``/hold``                 the queue or the room wants something to play       nothing
``/left``                 the call left the queue or the room                 CustomerLeft, if it ended there
``/status``               the customer's call changed                         CustomerLeft, once it is over
``/agent``                the agent's telephone was answered                  CallLeg agent answered
``/agent-status``         the agent's telephone rings, fails, hangs up        CallLeg agent ringing …
``/conference``           somebody came into the room or left it              CallLeg joined, left
``/transcript``           somebody said something                             TranscriptAdded
``/announce``             a written message is about to be spoken             nothing
========================  ==================================================  ===============================
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
    Actor,
    Body,
    CallArrived,
    CallerInput,
    CallLeg,
    CustomerLeft,
    InteractionEvent,
    Thread,
    TranscriptAdded,
)
from contact_center.domain.time import Moment

OVER = frozenset({"completed", "busy", "failed", "no-answer", "canceled"})
"""Twilio's CallStatus words after which a call does nothing more. An unknown word is not one of them."""

LegState = Literal["ringing", "answered", "joined", "left", "ended", "failed"]

# CallStatus of the agent's leg → its state. "in-progress" is told by /agent, "queued" and "initiated" by nobody.
AGENT_STATES: Mapping[str, LegState] = {
    "ringing": "ringing",
    "completed": "ended",
    "busy": "failed",
    "failed": "failed",
    "no-answer": "failed",
    "canceled": "failed",
}

# StatusCallbackEvent → what became of a leg. What else happens in a room is not ours to know.
ROOM_EVENTS: Mapping[str, LegState] = {"participant-join": "joined", "participant-leave": "left"}

# Track of a transcription that runs on the customer's call: what comes in is the customer's voice.
SPEAKERS: Mapping[str, Literal["customer", "agent"]] = {
    "inbound_track": "customer",
    "outbound_track": "agent",
}

MAX_SPEECH = 2_000

_KEYS = re.compile(r"[0-9*#A-D]{1,128}")


@dataclass(frozen=True, slots=True)
class Call:
    """One verified webhook: the form, our own query, and the customer's call that it is about."""

    channel: str
    door: str
    fields: Fields
    asked: Fields
    sid: str

    @property
    def over(self) -> bool:
        return self.fields.text("CallStatus") in OVER


def read(request: Request, channel: str) -> Call:
    """Raises :class:`Malformed`. The customer's call is in our own query where another call is the form's."""
    if request.path not in EVENTS:
        raise Malformed(f"There is no such address as {request.path[:60]!r} below this channel's.")
    fields, asked = form(request), query(request)
    if request.path in ABOUT_ANOTHER:
        sid = asked.needed_sid("call")
    else:
        sid = fields.sid("CallSid") if EVENTS[request.path] is nothing else fields.needed_sid("CallSid")
    return Call(channel, request.path, fields, asked, sid)


def arrived(call: Call, now: Moment) -> InteractionEvent | None:
    fields = call.fields
    body = CallArrived(
        caller_name=fields.text("CallerName"),
        forwarded_from=fields.text("ForwardedFrom", 64),
        stir_verstat=fields.text("StirVerstat", 64),
    )
    return _happened(call, body, call.sid, now)


def answered_prompt(call: Call, now: Moment) -> InteractionEvent | None:
    position = call.asked.text("position", 301)
    if not position or len(position) > 300:
        raise Malformed("The address does not say which prompt this is the answer to.")
    keys = call.fields.text("Digits", 129)
    body = CallerInput(
        position=position,
        digits=keys if _KEYS.fullmatch(keys) else "",
        speech=call.fields.text("SpeechResult", MAX_SPEECH),
        confidence=call.fields.fraction("Confidence"),
    )
    return _happened(call, body, f"{call.sid}:input:{position}", now)


def nothing(call: Call, now: Moment) -> InteractionEvent | None:
    return None


def left_waiting(call: Call, now: Moment) -> InteractionEvent | None:
    if call.fields.text("QueueResult") != "hangup" and not call.over:
        return None
    return _happened(call, CustomerLeft("hung up"), f"{call.sid}:left", now)


def call_changed(call: Call, now: Moment) -> InteractionEvent | None:
    if not call.over:
        return None
    word = call.fields.text("CallStatus", 40)
    at = call.fields.moment("Timestamp", now)
    return _happened(call, CustomerLeft(word), f"{call.sid}:status:{word}", now, at)


def agent_answered(call: Call, now: Moment) -> InteractionEvent | None:
    leg_id = call.fields.needed_sid("CallSid")
    if not safe_id(call.asked.text("room")) or not safe_id(call.asked.text("offer")):
        raise Malformed("The address does not say which room and offer this is about.")
    body = CallLeg("agent", "answered", leg_id, offer_id=call.asked.text("offer"))
    return _happened(call, body, f"{leg_id}:answered", now)


def agent_changed(call: Call, now: Moment) -> InteractionEvent | None:
    leg_id, word = call.fields.needed_sid("CallSid"), call.fields.text("CallStatus", 40)
    state = AGENT_STATES.get(word)
    if state is None:
        return None
    reason = word if state == "failed" else ""
    body = CallLeg("agent", state, leg_id, reason, call.asked.text("offer", 128))
    at = call.fields.moment("Timestamp", now)
    return _happened(call, body, f"{leg_id}:status:{word}", now, at)


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
    customer = leg_id == call.sid or label == "customer"
    if customer and state == "left" and fields.text("ParticipantCallStatus") not in OVER:
        return None  # moved into another room by us, and still on the line
    body = CallLeg(
        "customer" if customer else "agent",
        state,
        leg_id,
        fields.text("ReasonParticipantLeft", 64),
        "" if customer else label.removeprefix("agent-"),
    )
    # The number is Twilio's within the room: the same person may come and go more than once.
    source_id = f"{room}:{fields.text('SequenceNumber', 20) or leg_id}:{state}"
    return _happened(call, body, source_id, now, fields.moment("Timestamp", now))


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
    "/hold": nothing,
    "/left": left_waiting,
    "/status": call_changed,
    "/agent": agent_answered,
    "/agent-status": agent_changed,
    "/conference": room_changed,
    "/transcript": said,
    "/announce": nothing,
}
ABOUT_ANOTHER = frozenset({"/agent", "/agent-status", "/conference", "/transcript"})


def _happened(call: Call, body: Body, source_id: str, now: Moment, at: Moment | None = None) -> InteractionEvent:
    """The parties are told where the form is the customer's own; a leg's From and To are of that leg."""
    customer: ContactPoint | None = None
    ours: ContactPoint | None = None
    if call.door not in ABOUT_ANOTHER:
        customer, ours = phone(call.fields.text("From")), phone(call.fields.text("To"))
    agents = isinstance(body, CallLeg) and body.leg == "agent"
    agents = agents or (isinstance(body, TranscriptAdded) and body.speaker == "agent")
    return InteractionEvent(
        body=body,
        channel=call.channel,
        source_id=source_id,
        medium="voice",
        direction="outbound" if agents else "inbound",
        occurred_at=now if at is None else at,
        received_at=now,
        actor=Actor("agent") if agents else CUSTOMER,
        sender=customer,
        dialled=ours,
        thread=Thread(call.sid),
    )
