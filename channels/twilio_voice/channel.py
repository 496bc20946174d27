"""What a call does next, as TwiML, and what Twilio is asked to do with a call, by REST."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from channels.contract import (
    Answer,
    Context,
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
    TwilioChannel,
    TwilioRefused,
    harmless_twice,
    safe_id,
    sendable,
    sid_of,
    unless_refused,
)
from channels.twilio_voice import twiml
from channels.twilio_voice.webhooks import EVENTS, Call, read
from contact_center.domain.calls import CallAction, Collect, HangUp, Hold, Pause, Say
from contact_center.domain.contact_points import phone
from contact_center.domain.time import Moment

QUEUE = "contact-center"
"""Twilio's queue only plays music here: who is next is the hub's to say, and it takes the call out by REST."""

RING_SECONDS = 20
LONGEST_SECONDS = 4 * 60 * 60
MAX_SPOKEN_MESSAGE = 500

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
_AGENT = re.compile(r"client:[A-Za-z0-9_.-]{1,121}|sips?:[A-Za-z0-9_.+-]{1,64}@[A-Za-z0-9.:-]{1,190}")

SPOKEN_TO = frozenset({"", "/input", "/hold", "/left", "/agent", "/announce"})
"""Where a person is on the line and hears the answer. The other addresses are reports to a machine."""


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
        """Out of the queue or the room. A caller who is still on the line and whom nobody took out of there comes
        in again: better than to be cut off."""
        result = call.fields.text("QueueResult")
        if call.over or result == "hangup":
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
