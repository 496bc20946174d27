"""What a caller, an agent or a party hears next: the hub's actions, and the channel's own few words, as TwiML."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlencode

from channels.contract import Answer, Request
from channels.twilio import sendable
from channels.twilio_voice import hold_music, twiml
from channels.twilio_voice.webhooks import CARRIED, Call
from contact_center.domain.calls import (
    Await,
    CallAction,
    Collect,
    Dial,
    HangUp,
    Hold,
    Pause,
    Play,
    Record,
    Say,
)
from contact_center.domain.time import SECOND

MAX_TEXT = 500

PLEASE_HOLD = {"en-US": "Please hold the line. We will be right with you.", "zh-CN": "请稍候，我们马上为您服务。"}
SORRY = {
    "en-US": "We are sorry: we cannot take your call just now. Please try again later.",
    "zh-CN": "非常抱歉，我们暂时无法接听您的电话，请稍后再拨。",
}

MUSIC = "/media/hold.wav"
TONES = re.compile(r"[0-9*#A-Dw]{1,32}")


class Addresses(Protocol):
    """``url`` and ``callback`` as ``channels.twilio.TwilioChannel`` makes them."""

    public_url: str

    def url(self, path: str, **parameters: str) -> str: ...
    def callback(self, path: str, **parameters: str) -> str: ...


@dataclass(frozen=True, slots=True)
class Documents:
    """``transcribes``: whether what is said in rooms is written down as it is said."""

    at: Addresses
    transcribes: bool

    # --- what the hub says -----------------------------------------------------------------------------------

    def next(self, call: Call, actions: Sequence[CallAction]) -> str:
        """``actions``; where there are none, the call goes back to where it came in, whose answer is on record."""
        if actions:
            return self.actions(actions)
        if call.over or call.ours:
            return twiml.hang_up()
        if call.door == "":
            return words(SORRY) + twiml.hang_up()
        return twiml.pause(SECOND) + twiml.redirect(self.at.url(""))

    def actions(self, actions: Sequence[CallAction]) -> str:
        return "".join(self._verb(action) for action in actions)

    def _verb(self, action: CallAction) -> str:
        url, media = self.at.url, self.at.public_url
        match action:
            case Say() | Play() | Pause():
                return twiml.prompt(action, media)
            case Collect():
                secret = {"secret": "1"} if action.secret else {}
                return twiml.collect(action, url("/input", position=action.position, **secret), media)
            case Hold():
                return self._wait(action)
            case Await():
                said = twiml.prompts(action.prompts, media) + twiml.pause(action.ms)
                return said + twiml.redirect(url("/input", position=action.position))
            case Record():
                return twiml.record(action, self._recording_doors(action), media)
            case Dial():
                return twiml.dial(action, url("/dialled", position=action.position), media)
            case HangUp():
                return twiml.prompts(action.prompts, media) + twiml.hang_up()

    def _wait(self, asked: Hold) -> str:
        """Music of a length that is not known is played once; the channel's own as often as fills the time."""
        told = {"position": asked.position, "wait": "1", "keys": asked.keys}
        media = self.at.public_url
        theirs = twiml.source_of(asked.music, media)
        times = 1 if theirs else max(1, min(-(-asked.ms // hold_music.LENGTH_MS), twiml.MOST_TIMES))
        heard = twiml.prompts(asked.prompts, media) + twiml.play(theirs or media + MUSIC, times)
        return twiml.wait(heard, self.at.url("/input", **told))

    def _recording_doors(self, asked: Record) -> twiml.RecordingDoors:
        return twiml.RecordingDoors(
            action=self.at.url("/recorded", position=asked.position),
            status=self.at.callback("/recording", purpose="voicemail"),
            words=self.at.callback("/voicemail-text"),
        )

    # --- what only this channel says -------------------------------------------------------------------------

    def apology(self, request: Request, call: Call | None) -> str:
        """Asks a caller to hold, and comes back with what they had keyed or said."""
        return words(PLEASE_HOLD) + twiml.pause(5 * SECOND) + twiml.redirect(_again(request, call))

    def music(self) -> str:
        """For a room, which falls silent unless told to go on."""
        return twiml.play(self.at.public_url + MUSIC, times=4) + twiml.redirect(self.at.url("/hold"))

    def after_the_room(self, call: Call) -> str:
        """A caller who is still on the line and whom nobody took out of the room comes in again: better than to
        be cut off."""
        if call.over:
            return twiml.hang_up()
        if call.ours:
            interaction_id = call.asked.text("room").removeprefix("call-")
            back = self.at.url("/customer", interaction=interaction_id) if interaction_id else ""
        else:
            back = self.at.url("")
        if not back:
            return twiml.hang_up()
        return words(PLEASE_HOLD) + twiml.pause(2 * SECOND) + twiml.redirect(back)

    def leg_joins(self, call: Call) -> str:
        """The agent or the party, into the room, after what is whispered to them."""
        asked = call.asked
        party, mode, language = asked.text("party"), asked.text("mode"), asked.text("language")
        whisper = twiml.say(unpacked(asked.text("text", 8_000)), language or "en-US")
        return whisper + twiml.join(
            twiml.Seat(
                room=asked.text("room"),
                label=f"party-{party}" if party else f"agent-{asked.text('offer')}",
                callback=self._room_reports(call.sid, call.interaction_id),
                opens=mode not in ("listen", "whisper"),
                closes=False,  # a customer who loses the agent stays, for the hub to decide about
                wait_url="",  # whoever works here waits in silence
                muted=mode == "listen",
                coach=asked.sid("coach") if mode == "whisper" else "",
            ),
            None,
            _limit(asked.text("limit")),
        )

    def customer_joins(self, call: Call) -> str:
        """The customer whom we rang, into the interaction's room."""
        language = call.asked.text("language", 35) or "en-US"
        room = f"call-{call.interaction_id}"
        return self.customer_in_room(room, call.sid, language, _limit(call.asked.text("limit")), call.interaction_id)

    def customer_in_room(
        self, room: str, call_sid: str, language: str, longest_seconds: int, interaction_id: str = ""
    ) -> str:
        seat = twiml.Seat(
            room=room,
            label="customer",
            callback=self._room_reports(call_sid, interaction_id),
            opens=False,
            closes=True,
            wait_url=self.at.url("/hold"),
        )
        listen = twiml.transcribe(self.at.callback("/transcript", call=call_sid), language)
        joined = twiml.join(seat, self.at.url("/left", room=room), longest_seconds)
        return (listen if self.transcribes else "") + joined

    def _room_reports(self, call_sid: str, interaction_id: str) -> str:
        return self.at.callback("/conference", **about_call(call_sid, interaction_id))


def about_call(call_sid: str, interaction_id: str) -> dict[str, str]:
    """What the address of a report carries: the customer's call, and for one that we place the interaction."""
    told = {"call": call_sid} if call_sid else {}
    return told | ({"interaction": interaction_id} if interaction_id else {})


def wanted(answers: Sequence[Answer]) -> bool:
    """Whether whoever has just answered still has somebody to talk to."""
    ended = any(isinstance(action, HangUp) for answer in answers for action in answer.actions)
    return not ended and not any(answer.unknown for answer in answers)


def words(said: Mapping[str, str]) -> str:
    return "".join(twiml.say(each, language) for language, each in said.items())


def spoken(call: Call) -> str:
    """The message in the address."""
    return twiml.say(unpacked(call.asked.text("text", 8_000)), call.asked.text("language"))


def tones(call: Call) -> str:
    """The keys in the address."""
    digits = call.asked.text("digits", 33)
    return twiml.keys(digits) if TONES.fullmatch(digits) else ""


def _limit(told: str) -> int:
    seconds = int(told) if told.isascii() and told.isdigit() and len(told) < 7 else 0
    return min(seconds or twiml.LONGEST_SECONDS, twiml.LONGEST_SECONDS)


def _again(request: Request, call: Call | None) -> str:
    if call is None or call.secret:  # what is secret stands in no address: it is asked for again
        return request.url
    lost = {name: call.fields.text(name, MAX_TEXT) for name in CARRIED if not call.asked.text(name)}
    carried = urlencode({name: value for name, value in lost.items() if value}, errors="replace")
    if request.method != "POST" or not carried or not request.query:
        return request.url
    return f"{request.url}&{carried}"


def packed(text: str) -> str:
    """Text for an address: shorter than percent signs, and no log shows it at a glance."""
    return urlsafe_b64encode(sendable(text).encode()).decode().rstrip("=")


def unpacked(text: str) -> str:
    """The text in :func:`packed`; empty where there is none."""
    try:
        padded = text + "=" * (-len(text) % 4)
        return urlsafe_b64decode(padded.encode("ascii")).decode("utf-8")[:MAX_TEXT]
    except ValueError:
        return ""
