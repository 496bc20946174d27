"""Twilio's voice webhooks into events, and what a call does next into TwiML and REST.

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
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from channels.contract import (
    Answer,
    Context,
    Malformed,
    Outgoing,
    Parsed,
    PublicFile,
    Rejected,
    Request,
    Response,
    Sent,
)
from channels.twilio import (
    XML,
    Fields,
    TwilioChannel,
    TwilioRefused,
    form,
    fraction,
    harmless_twice,
    query,
    safe_id,
    sendable,
    sid_of,
    unless_refused,
)
from channels.twilio_voice import twiml
from contact_center.domain.calls import CallAction, Collect, HangUp, Hold, Pause, Say
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

QUEUE = "contact-center"
"""Twilio's queue only plays music here: who is next is the hub's to say, and it takes the call out by REST."""

RING_SECONDS = 20
LONGEST_SECONDS = 4 * 60 * 60
MAX_SPOKEN_MESSAGE = 500
MAX_SPEECH = 2_000

COMFORT = {
    "en": "Thank you for holding. Someone will be with you as soon as possible.",
    "zh": "感谢您的耐心等待，我们会尽快为您接通。",
    "cmn": "感谢您的耐心等待，我们会尽快为您接通。",
}
"""By the language alone; whoever waits in any other is comforted in English."""

PLEASE_HOLD = {"en-US": "Please hold the line. We will be right with you.", "zh-CN": "请稍候，我们马上为您服务。"}
SORRY = {
    "en-US": "We are sorry: we cannot take your call just now. Please try again later.",
    "zh-CN": "非常抱歉，我们暂时无法接听您的电话，请稍后再拨。",
}

MUSIC = "/media/hold.wav"
_KEYS = re.compile(r"[0-9*#A-D]{1,128}")
_AGENT = re.compile(r"client:[A-Za-z0-9_.-]{1,121}|sips?:[A-Za-z0-9_.+-]{1,64}@[A-Za-z0-9.:-]{1,190}")

SPOKEN_TO = frozenset({"", "/input", "/hold", "/left", "/agent", "/announce"})
"""Where a person is on the line and hears the answer. The other addresses are reports to a machine."""


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


class TwilioVoice(TwilioChannel):
    medium = "voice"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._transcribes = bool(context.config.get("transcribe", True))

    # --- coming in -------------------------------------------------------------------------------------------

    def parse(self, request: Request, now: Moment) -> Parsed:
        call = read(request, self.name)
        event = EVENTS[call.door](call, now)
        return Parsed((event,) if event else (), raw=request.body)

    def acknowledge(self, request: Request, parsed: Parsed, answers: Sequence[Answer]) -> Response:
        door = request.path
        if door not in SPOKEN_TO:
            return Response()
        call = read(request, self.name)
        if door in ("", "/input"):
            verbs = self._next(call, [action for answer in answers for action in answer.actions])
        elif door == "/hold":
            verbs = self._while_waiting(call)
        elif door == "/left":
            verbs = self._after_waiting(call)
        elif door == "/agent":
            verbs = self._agent_joins(call) if wanted(answers) else twiml.hang_up()
        else:
            verbs = twiml.say(unpacked(call.asked.text("text", 8_000)), call.asked.text("language"))
        return Response(200, twiml.document(verbs), XML)

    def apologise(self, request: Request) -> Response:
        """A caller is asked to hold, and comes back; a machine is told to come again."""
        if request.path not in SPOKEN_TO:
            return super().apologise(request)
        words = "".join(twiml.say(said, language) for language, said in PLEASE_HOLD.items())
        return Response(200, twiml.document(words, twiml.pause(5_000), twiml.redirect(request.url)), XML)

    # --- what the caller hears -------------------------------------------------------------------------------

    def _next(self, call: Call, actions: Sequence[CallAction]) -> str:
        if actions:
            return "".join(self._verb(action) for action in actions)
        if call.door == "":
            return self._sorry()
        # Nothing follows here, but the call lives: back to where it came in, whose answer is on record.
        return twiml.pause(1_000) + twiml.redirect(self.url(""))

    def _verb(self, action: CallAction) -> str:
        match action:
            case Say() | Pause():
                return twiml.prompts((action,))
            case Collect():
                return twiml.collect(action, self.url("/input", position=action.position))
            case Hold():
                wait = self.url("/hold", language=action.language)
                return twiml.prompts(action.prompts) + twiml.enqueue(QUEUE, wait, self.url("/left"))
            case HangUp():
                return twiml.prompts(action.prompts) + twiml.hang_up()

    def _sorry(self) -> str:
        return "".join(twiml.say(said, language) for language, said in SORRY.items()) + twiml.hang_up()

    def _while_waiting(self, call: Call) -> str:
        """Music, and now and then a word. A queue asks again by itself; a room falls silent unless told to."""
        language = call.asked.text("language", 35)
        music = twiml.play(self.public_url + MUSIC, times=2)
        if call.asked.text("in") == "room":
            return music + twiml.redirect(self._hold_in_room(language))
        if call.fields.text("QueueTime") in ("", "0"):
            return music  # they have only just been asked to wait
        words = COMFORT.get(language.lower().partition("-")[0])
        return twiml.say(words or COMFORT["en"], language if words else "en-US") + music

    def _hold_in_room(self, language: str) -> str:
        return self.url("/hold", language=language, **{"in": "room"})

    def _after_waiting(self, call: Call) -> str:
        """Out of the queue or the room. Where Twilio itself lost the place of a caller who is still there, the
        caller comes in again and finds the place kept."""
        result = call.fields.text("QueueResult")
        if call.over or not result or result in ("hangup", "bridged"):
            return twiml.hang_up()
        if result.startswith("redirected") or result == "bridging-in-process":
            return ""  # whoever took the call out has given it other words, and nobody reads these
        words = "".join(twiml.say(said, language) for language, said in PLEASE_HOLD.items())
        return words + twiml.pause(2_000) + twiml.redirect(self.url(""))

    def _agent_joins(self, call: Call) -> str:
        room, offer = call.asked.text("room"), call.asked.text("offer")
        seat = self._seat(room, call.sid, f"agent-{offer}")
        return twiml.join(replace(seat, wait_url=""), None, LONGEST_SECONDS)  # agents wait in silence

    def _seat(self, room: str, call_sid: str, label: str, language: str = "en-US") -> twiml.Seat:
        agent = label != "customer"
        return twiml.Seat(
            room=room,
            label=label,
            callback=self.callback("/conference", call=call_sid),
            opens=agent,
            closes=not agent,  # a customer who loses the agent stays, for the hub to decide about
            wait_url=self._hold_in_room(language),
        )

    @cached_property
    def _music(self) -> bytes:
        return (Path(__file__).parent / "hold.wav").read_bytes()

    def public_files(self) -> Mapping[str, PublicFile]:
        return {MUSIC: PublicFile(self._music, "audio/wav", cache_seconds=86_400)}

    # --- going out -------------------------------------------------------------------------------------------

    async def send(self, message: Outgoing) -> Sent:
        if self.missing:
            await self.rest()
        if not message.thread_key.isalnum() or not safe_id(message.thread_key, 64):
            raise Rejected(f"{message.thread_key[:80]!r} names no call.")
        if message.verb == "connect":
            return await self._connect(message)
        if message.verb == "hang_up":
            return await self._hang_up(message)
        return await self._speak(message)

    async def _connect(self, message: Outgoing) -> Sent:
        """Moves the customer into a room, which may be done again; then calls the agent, which may not."""
        room = room_of(message)
        agent = agent_address(message.agent_address)
        if message.sender is None or not safe_id(message.offer_id):
            raise Rejected("A call is connected from one of our numbers, for an offer.")
        client = await self.rest()
        await self._into_room(client, message, room)
        about = {"offer": message.offer_id, "room": room, "call": message.thread_key}
        leg = await unless_refused(
            client.calls.create_async(
                to=agent,
                from_=message.sender.value,
                url=self.url("/agent", **about),
                method="POST",
                status_callback=self.callback("/agent-status", **about),
                status_callback_method="POST",
                status_callback_event=["ringing", "completed"],
                timeout=RING_SECONDS,
            )
        )
        return Sent(sid_of(leg))

    async def _into_room(self, client: Any, message: Outgoing, room: str) -> None:
        call, language = message.thread_key, message.language or "en-US"
        seat = self._seat(room, call, "customer", language)
        listen = twiml.transcribe(self.callback("/transcript", call=call), language)
        verbs = (listen if self._transcribes else "") + twiml.join(seat, self.url("/left"), LONGEST_SECONDS)
        try:
            await harmless_twice(client.calls(call).update_async(twiml=twiml.document(verbs).decode()))
        except TwilioRefused as refused:
            if gone(refused):
                raise Rejected("The caller has hung up.") from refused
            raise

    async def _hang_up(self, message: Outgoing) -> Sent:
        client = await self.rest()
        try:
            await harmless_twice(client.calls(message.thread_key).update_async(status="completed"))
        except TwilioRefused as refused:
            if not gone(refused):
                raise
        return Sent(message.thread_key, "delivered")

    async def _speak(self, message: Outgoing) -> Sent:
        """Speaks to the customer alone: an announcement to one participant of the room."""
        if not message.text.strip() or len(message.text) > MAX_SPOKEN_MESSAGE:
            raise Rejected(f"A spoken message has between 1 and {MAX_SPOKEN_MESSAGE} characters.")
        client = await self.rest()
        rooms = await unless_refused(
            client.conferences.list_async(friendly_name=room_of(message), status="in-progress", limit=1)
        )
        if not rooms:
            raise Rejected("The caller is not connected with an agent, so nothing can be said to them.")
        said = self.url("/announce", text=packed(message.text), language=message.language or "en-US")
        participant = client.conferences(sid_of(rooms[0])).participants(message.thread_key)
        try:
            await unless_refused(participant.update_async(announce_url=said, announce_method="POST"))
        except TwilioRefused as refused:
            if gone(refused):
                raise Rejected("The caller has left the conversation.") from refused
            raise
        return Sent(message.outbox_id)


def wanted(answers: Sequence[Answer]) -> bool:
    """Whether the agent who has just answered still has somebody to talk to."""
    ended = any(isinstance(action, HangUp) for answer in answers for action in answer.actions)
    return not ended and not any(answer.unknown for answer in answers)


# --- webhooks, one function each -----------------------------------------------------------------------------


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


# --- what we ask Twilio for ----------------------------------------------------------------------------------


def room_of(message: Outgoing) -> str:
    """The conference of an interaction. One interaction has one, so that coming again finds the same."""
    room = f"call-{message.interaction_id}"
    if not safe_id(message.interaction_id, 100):
        raise Rejected("The interaction's id cannot name a room.")
    return room


def agent_address(address: str) -> str:
    """``client:…``, ``sip:…`` or E.164. Raises :class:`Rejected` for anything else: whoever may write addresses
    must not be able to write parameters of a call."""
    point = phone(address)
    if point.kind == "phone" and address == point.value:
        return address
    if _AGENT.fullmatch(address):
        return address
    raise Rejected(f"{address[:80]!r} is no address of an agent's telephone (client:…, sip:… or +…).")


def gone(refused: TwilioRefused) -> bool:
    """Whether Twilio refused because the call is over: 404, or 21220 *Invalid call state*."""
    return refused.status == 404 or refused.code in (20404, 21220)


def packed(text: str) -> str:
    """Text for an address: shorter than percent signs, and no log shows it at a glance."""
    return urlsafe_b64encode(sendable(text).encode()).decode().rstrip("=")


def unpacked(text: str) -> str:
    """The text in :func:`packed`; empty where there is none."""
    try:
        padded = text + "=" * (-len(text) % 4)
        return urlsafe_b64decode(padded.encode("ascii")).decode("utf-8")[:MAX_SPOKEN_MESSAGE]
    except ValueError:
        return ""
