"""What Twilio is asked to do with calls, by REST, one function for each verb of ``channels.contract.Outgoing``.

What may be done twice (moving, muting, ending) is asked for again until it is certain; what would be heard or paid
for twice (ringing somebody, speaking, tones) is *uncertain* once the answer got lost.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlencode

from channels.contract import Gone, Outgoing, Rejected, Sent
from channels.twilio import (
    TwilioChannel,
    TwilioRefused,
    harmless_twice,
    safe_id,
    sid_of,
    unless_refused,
)
from channels.twilio_voice import twiml
from channels.twilio_voice.documents import (
    MAX_TEXT,
    TONES,
    Documents,
    about_call,
    packed,
)
from contact_center.domain.calls import CallAction, unpack
from contact_center.domain.contact_points import phone

RING_SECONDS = 20
CUSTOMER_RINGS_SECONDS = 40
MAX_DOCUMENT = 4_000
"""Twilio takes no more in its Twiml parameter, and refuses the whole request."""

_AGENT = re.compile(r"client:[A-Za-z0-9_.-]{1,121}|sips?:[A-Za-z0-9_.+-]{1,64}@[A-Za-z0-9.:-]{1,190}")
_SHOWN = re.compile(r"[A-Za-z0-9+_.:@-]{1,120}")
_LABELS = re.compile(r"(agent|party)-[A-Za-z0-9_.:-]{1,128}")
_SID = re.compile(r"[A-Za-z0-9]{1,64}")

CURRENT = "Twilio.CURRENT"
"""Twilio's name for the recording of a call that runs now."""

# Our word → what the running recording is told to be.
RECORDING_WORDS = {"pause": "paused", "resume": "in-progress", "stop": "stopped"}


class Calling:
    """``placed`` is told of each leg that was rung, with the address of its reports."""

    def __init__(
        self,
        channel: TwilioChannel,
        documents: Documents,
        placed: Callable[[str, str], Awaitable[None]],
    ) -> None:
        self._channel = channel
        self._documents = documents
        self._placed = placed
        self._verbs: dict[str, Callable[[Any, Outgoing], Awaitable[Sent]]] = {
            "message": self._speak,
            "connect": self._connect,
            "call": self._call,
            "hang_up": self._hang_up,
            "tell": self._tell,
            "hold": self._hold,
            "mute": self._mute,
            "keys": self._keys,
            "add": self._add,
            "change": self._change,
            "drop": self._drop,
            "record": self._record,
            "erase": self._erase,
        }

    async def do(self, message: Outgoing) -> Sent:
        """Raises :class:`Retry`, :class:`Rejected`, :class:`Uncertain`."""
        verb = self._verbs.get(message.verb)
        if verb is None:
            raise Rejected(f"A telephone cannot {message.verb}.")
        if message.thread_key or message.verb in NEED_A_CALL:
            needed_sid(message.thread_key, "call")
        return await verb(await self._channel.rest(), message)

    # --- ringing somebody ------------------------------------------------------------------------------------

    async def _connect(self, client: Any, message: Outgoing) -> Sent:
        """Moves the customer into a room, which may be done again; then rings the agent, which may not. Where
        there is no call yet, the agent is rung alone."""
        room = room_of(message)
        agent = agent_address(message.agent_address)
        sender_of(message, agent)
        if not safe_id(message.offer_id):
            raise Rejected("A call is connected for an offer.")
        about = {"offer": message.offer_id, "room": room}
        about |= about_call(message.thread_key, "" if message.thread_key else message.interaction_id)
        if message.thread_key:
            await self._into_room(client, message, room)
        return await self._ring(client, message, agent, about)

    async def _into_room(self, client: Any, message: Outgoing, room: str) -> None:
        verbs = self._documents.customer_in_room(
            room, message.thread_key, message.language or "en-US", longest_seconds(message)
        )
        await self._redirect(client, message.thread_key, verbs)

    async def _add(self, client: Any, message: Outgoing) -> Sent:
        room = room_of(message)
        address = agent_address(message.agent_address)
        if not safe_id(message.party_id):
            raise Rejected("Somebody is brought in as a party with an id.")
        about = {"party": message.party_id, "room": room, "mode": mode_of(message)}
        if message.mode == "whisper":
            about["coach"] = needed_sid(message.coached_leg, "leg to whisper to")
        about |= about_call(message.thread_key, "" if message.thread_key else message.interaction_id)
        return await self._ring(client, message, address, about)

    async def _ring(self, client: Any, message: Outgoing, address: str, about: dict[str, str]) -> Sent:
        heard = dict(about)
        if message.text.strip():
            heard |= {"text": packed(message.text[:MAX_TEXT]), "language": message.language or "en-US"}
        if message.longest_ms:
            heard["limit"] = str(longest_seconds(message))
        leg = sid_of(
            await unless_refused(
                client.calls.create_async(
                    to=address,
                    from_=sender_of(message, address),
                    url=self._channel.url("/agent", **heard),
                    method="POST",
                    status_callback=self._channel.callback("/agent-status", **about),
                    status_callback_method="POST",
                    status_callback_event=["ringing", "completed"],
                    timeout=RING_SECONDS,
                    time_limit=longest_seconds(message),
                )
            )
        )
        await self._placed(leg, f"/agent-status?{urlencode(about)}")
        return Sent(leg)

    async def _call(self, client: Any, message: Outgoing) -> Sent:
        room_of(message)
        if message.recipient is None or message.recipient.kind != "phone":
            raise Rejected("Only a telephone number can be called.")
        about = {"interaction": message.interaction_id}
        heard = about | {"language": message.language or "en-US"}
        if message.longest_ms:
            heard["limit"] = str(longest_seconds(message))
        leg = sid_of(
            await unless_refused(
                client.calls.create_async(
                    to=message.recipient.value,
                    from_=sender_of(message, message.recipient.value),
                    url=self._channel.url("/customer", **heard),
                    method="POST",
                    status_callback=self._channel.callback("/status", **about),
                    status_callback_method="POST",
                    status_callback_event=["initiated", "ringing", "answered", "completed"],
                    timeout=CUSTOMER_RINGS_SECONDS,
                    time_limit=longest_seconds(message),
                )
            )
        )
        await self._placed(leg, f"/status?{urlencode(about)}")
        return Sent(leg)

    # --- the customer's call ---------------------------------------------------------------------------------

    async def _tell(self, client: Any, message: Outgoing) -> Sent:
        actions = told_actions(message.actions)
        if not actions:
            raise Rejected("There is nothing to tell the caller.")
        await self._redirect(client, message.thread_key, self._documents.actions(actions))
        return Sent(message.thread_key, "delivered")

    async def _redirect(self, client: Any, call: str, verbs: str) -> None:
        """The call leaves whatever it does and hears ``verbs``."""
        document = twiml.document(verbs).decode()
        if len(document) > MAX_DOCUMENT:
            raise Rejected(f"Twilio takes {MAX_DOCUMENT} characters at once, and this is {len(document)}.")
        await unless_gone(client.calls(call).update_async(twiml=document), "The caller has hung up.")

    async def _hang_up(self, client: Any, message: Outgoing) -> Sent:
        return await _end(client, message.thread_key)

    async def _speak(self, client: Any, message: Outgoing) -> Sent:
        """Speaks to the customer alone: an announcement to one participant of the room."""
        if not message.text.strip() or len(message.text) > MAX_TEXT:
            raise Rejected(f"A spoken message has between 1 and {MAX_TEXT} characters.")
        said = self._channel.url("/announce", text=packed(message.text), language=message.language or "en-US")
        return await self._announce(client, message, said)

    async def _keys(self, client: Any, message: Outgoing) -> Sent:
        if not TONES.fullmatch(message.digits):
            raise Rejected("Tones are 1 to 32 of 0-9, *, #, A-D and w (half a second's wait).")
        return await self._announce(client, message, self._channel.url("/keys", digits=message.digits))

    async def _announce(self, client: Any, message: Outgoing, url: str) -> Sent:
        customer = await self._participant(client, message, message.thread_key)
        try:
            await unless_refused(customer.update_async(announce_url=url, announce_method="POST"))
        except TwilioRefused as refused:
            raise _left(refused) from refused
        return Sent(message.outbox_id)

    async def _hold(self, client: Any, message: Outgoing) -> Sent:
        on = on_of(message)
        music = {"hold_url": self._channel.url("/hold"), "hold_method": "POST"} if on else {}
        return await self._update(client, message, message.thread_key, hold=on, **music)

    # --- who takes part --------------------------------------------------------------------------------------

    async def _mute(self, client: Any, message: Outgoing) -> Sent:
        seat = _seat(message.agent_leg, f"agent-{message.offer_id}")
        return await self._update(client, message, seat, muted=on_of(message))

    async def _change(self, client: Any, message: Outgoing) -> Sent:
        mode = mode_of(message)
        how: dict[str, Any] = {"muted": mode == "listen", "coaching": mode == "whisper"}
        if mode == "whisper":
            how["call_sid_to_coach"] = needed_sid(message.coached_leg, "leg to whisper to")
        seat = _seat(message.party_leg, f"party-{message.party_id}")
        return await self._update(client, message, seat, **how)

    async def _drop(self, client: Any, message: Outgoing) -> Sent:
        """A leg that is known ends wherever it is, ringing too; one that is not is looked for in the room."""
        leg = message.party_leg if message.party_id else message.agent_leg
        if leg:
            return await _end(client, needed_sid(leg, "leg"))
        label = f"party-{message.party_id}" if message.party_id else f"agent-{message.offer_id}"
        participant = await self._participant(client, message, _seat("", label))
        try:
            await harmless_twice(participant.delete_async())
        except TwilioRefused as refused:
            if not gone(refused):
                raise
        return Sent(message.outbox_id, "delivered")

    async def _update(self, client: Any, message: Outgoing, seat: str, **how: Any) -> Sent:
        participant = await self._participant(client, message, seat)
        try:
            await harmless_twice(participant.update_async(**how))
        except TwilioRefused as refused:
            raise _left(refused) from refused
        return Sent(message.outbox_id, "delivered")

    async def _participant(self, client: Any, message: Outgoing, seat: str) -> Any:
        """``seat`` is a leg's id or its label in the interaction's room."""
        rooms = await harmless_twice(
            client.conferences.list_async(friendly_name=room_of(message), status="in-progress", limit=1)
        )
        if not rooms:
            raise Rejected("The caller is not connected with an agent, so nothing can be done in their conversation.")
        return client.conferences(sid_of(rooms[0])).participants(seat)

    # --- recordings ------------------------------------------------------------------------------------------

    async def _record(self, client: Any, message: Outgoing) -> Sent:
        if message.mode == "start":
            return await self._start_recording(client, message)
        word = RECORDING_WORDS.get(message.mode)
        if word is None:
            raise Rejected(f"A recording cannot {message.mode[:40]!r}.")
        # Silence in its place keeps the times of the rest true.
        how = {"pause_behavior": "silence"} if message.mode == "pause" else {}
        running = client.calls(message.thread_key).recordings(CURRENT)
        changed = await unless_gone(
            running.update_async(status=word, **how), "Nothing is being recorded of this call any more.", Rejected
        )
        # No webhook ever tells of a pause: this answer is the carrier's word for it.
        return Sent(sid_of(changed), "delivered")

    async def _start_recording(self, client: Any, message: Outgoing) -> Sent:
        """A second attempt finds what the first began: two recordings of one call would both run."""
        recordings = client.calls(message.thread_key).recordings
        if message.attempt > 1:
            found = await harmless_twice(recordings.list_async(limit=20))
            for each in found:
                if each.status in ("in-progress", "paused"):
                    return Sent(sid_of(each))
        made = await unless_gone(
            recordings.create_async(
                recording_channels="dual",
                recording_status_callback=self._channel.callback("/recording", purpose="call"),
                recording_status_callback_method="POST",
                recording_status_callback_event=["in-progress", "completed", "absent"],
                trim="do-not-trim",
            ),
            "The caller has hung up.",
        )
        return Sent(sid_of(made))

    async def _erase(self, client: Any, message: Outgoing) -> Sent:
        recording = client.recordings(needed_sid(message.recording_id, "recording"))
        try:
            await harmless_twice(recording.delete_async())
        except TwilioRefused as refused:
            if refused.status != 404:
                raise
        return Sent(message.recording_id, "delivered")


NEED_A_CALL = frozenset({"message", "hang_up", "tell", "hold", "keys", "record"})


async def _end(client: Any, leg: str) -> Sent:
    """Ends a leg, whether it rings or talks; one that is over is as good."""
    try:
        await harmless_twice(client.calls(leg).update_async(status="completed"))
    except TwilioRefused as refused:
        if not gone(refused):
            raise
    return Sent(leg, "delivered")


async def unless_gone(request: Awaitable[Any], reason: str, says: type[Rejected] = Gone) -> Any:
    """As :func:`harmless_twice`; raises ``says`` with ``reason`` where what it was about is over."""
    try:
        return await harmless_twice(request)
    except TwilioRefused as refused:
        if gone(refused):
            raise says(reason) from refused
        raise


def gone(refused: TwilioRefused) -> bool:
    """Whether Twilio refused because the call is over: 404, or 21220 *Invalid call state*."""
    return refused.status == 404 or refused.code in (20404, 21220)


def _left(refused: TwilioRefused) -> Rejected:
    return Rejected("They have left the conversation.") if gone(refused) else refused


# --- what we ask Twilio for ----------------------------------------------------------------------------------


def room_of(message: Outgoing) -> str:
    """The conference of an interaction. One interaction has one, so that coming again finds the same."""
    if not safe_id(message.interaction_id, 100):
        raise Rejected("The interaction's id cannot name a room.")
    return f"call-{message.interaction_id}"


def agent_address(address: str) -> str:
    """``client:…``, ``sip:…`` or E.164. Raises :class:`Rejected` for anything else: whoever may write addresses
    must not be able to write parameters of a call."""
    point = phone(address)
    if point.kind == "phone" and address == point.value:
        return address
    if _AGENT.fullmatch(address):
        return address
    raise Rejected(f"{address[:80]!r} is no address of an agent's telephone (client:…, sip:… or +…).")


def sender_of(message: Outgoing, to: str) -> str:
    """The number of ours that the call shows. Where a browser or a SIP telephone is rung it may be what the customer
    dialled, which need be no number."""
    shown = message.sender.value if message.sender else ""
    if phone(shown).kind == "phone":
        return phone(shown).value
    if shown != "anonymous" and _SHOWN.fullmatch(shown) and not to.startswith("+"):
        return shown
    raise Rejected("A call is placed from one of our numbers.")


def longest_seconds(message: Outgoing) -> int:
    return (
        min(twiml.seconds(message.longest_ms), twiml.LONGEST_SECONDS)
        if message.longest_ms > 0
        else twiml.LONGEST_SECONDS
    )


def mode_of(message: Outgoing) -> str:
    if message.mode not in ("talk", "listen", "whisper", "barge"):
        raise Rejected(f"Nobody takes part as {message.mode[:40]!r}.")
    return message.mode


def on_of(message: Outgoing) -> bool:
    if message.mode not in ("on", "off"):
        raise Rejected(f"{message.verb} is on or off, not {message.mode[:40]!r}.")
    return message.mode == "on"


def needed_sid(value: str, what: str) -> str:
    if not value.isascii() or not _SID.fullmatch(value):
        raise Rejected(f"{value[:80]!r} names no {what}.")
    return value


def _seat(leg: str, label: str) -> str:
    if leg:
        return needed_sid(leg, "leg")
    if not _LABELS.fullmatch(label):
        raise Rejected(f"{label[:80]!r} names nobody in a conversation.")
    return label


def told_actions(told: tuple[Any, ...]) -> tuple[CallAction, ...]:
    """Actions as the outbox carries them. Raises :class:`Rejected` for what is none."""
    try:
        return unpack(told)
    except (KeyError, TypeError, ValueError) as error:
        raise Rejected(f"What the caller should be told cannot be read: {error}") from error
