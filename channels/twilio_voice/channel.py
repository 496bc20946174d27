"""The door between Twilio's telephone calls and the hub: which document answers which webhook, and everything else
handed to the file that knows it."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any

from channels.contract import (
    Answer,
    Busy,
    Context,
    Hub,
    Malformed,
    Media,
    NotSent,
    Outgoing,
    Parsed,
    PublicFile,
    Request,
    Response,
    Sent,
)
from channels.twilio import XML, TwilioChannel
from channels.twilio_voice import documents, passes, recordings, remembered, twiml
from channels.twilio_voice.calling import Calling
from channels.twilio_voice.documents import MUSIC, Documents
from channels.twilio_voice.webhooks import EVENTS, Call, kept, read
from contact_center.domain.errors import Unavailable
from contact_center.domain.time import Moment

SPOKEN_TO = frozenset(
    {"", "/input", "/recorded", "/dialled", "/hold", "/left", "/agent", "/customer", "/announce", "/keys"}
)
"""Where a person is on the line and hears the answer. The other addresses are reports to a machine."""

LEGS_REMEMBERED = 4_096


class TwilioVoice(TwilioChannel):
    medium = "voice"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._documents = Documents(self, bool(context.config.get("transcribe", True)))
        self._calling = Calling(self, self._documents, self._remember_leg)
        self._checks_recordings = bool(context.config.get("check_recording_auth", False))
        self._passes = passes.from_settings(self.account_sid, context.settings, context.config)

    # --- coming in -------------------------------------------------------------------------------------------

    def parse(self, request: Request, now: Moment) -> Parsed:
        call = read(request, self.name)
        event = EVENTS[call.door](call, now)
        return Parsed((event,) if event else (), raw=kept(request, call))

    def acknowledge(self, request: Request, parsed: Parsed, answers: Sequence[Answer]) -> Response:
        if request.path not in SPOKEN_TO:
            return Response()
        return _document(self._said(read(request, self.name), answers))

    def _said(self, call: Call, answers: Sequence[Answer]) -> str:
        says = self._documents
        match call.door:
            case "/hold":
                return says.music()
            case "/left":
                return says.after_the_room(call)
            case "/agent":
                return says.leg_joins(call) if documents.wanted(answers) else twiml.hang_up()
            case "/customer":
                return says.customer_joins(call) if documents.wanted(answers) else twiml.hang_up()
            case "/announce":
                return documents.spoken(call)
            case "/keys":
                return documents.tones(call)
            case _:
                return says.next(call, [action for answer in answers for action in answer.actions])

    def apologise(self, request: Request) -> Response:
        """A caller is asked to hold, and comes back; a machine is told to come again."""
        if request.path not in SPOKEN_TO:
            return super().apologise(request)
        try:
            call = read(request, self.name)
        except Malformed:
            call = None
        return _document(self._documents.apology(request, call))

    @cached_property
    def _music(self) -> bytes:
        return (Path(__file__).parent / "hold.wav").read_bytes()

    def public_files(self) -> Mapping[str, PublicFile]:
        return {MUSIC: PublicFile(self._music, "audio/wav", cache_seconds=86_400)}

    # --- going out -------------------------------------------------------------------------------------------

    async def send(self, message: Outgoing) -> Sent:
        with self.believed():
            return await self._calling.do(message)

    async def fetch(self, recording_id: str) -> Media:
        with self.believed():
            return await recordings.fetch(await self.rest(), recording_id)

    async def missed(self, since: Moment, now: Moment) -> Sequence[Parsed]:
        with self.believed():
            client, hook = await self.rest(), self.url("")
            requests = await remembered.since(client, hook, self.numbers, since, self._door_of)
        told = []
        for number, request in enumerate(requests):
            if number % 100 == 0:
                await asyncio.sleep(0)  # thousands of them, and callers who want an answer meanwhile
            told.append(self.parse(request, now))
        return [parsed for parsed in told if parsed.events]

    def pass_for(self, agent_id: str, now: Moment) -> Mapping[str, Any]:
        return {} if self.missing or self._passes is None else self._passes.issue(agent_id, now)

    # --- what takes longer than a request --------------------------------------------------------------------

    async def listen(self, hub: Hub) -> None:
        await super().listen(hub)
        if self._checks_recordings:
            try:
                warning = await recordings.open_to_anybody(await self.rest())
            except NotSent:
                return  # an answer is not worth a channel that is down: whatever ails it shows elsewhere
            self.warn(warning)

    async def _remember_leg(self, leg_id: str, door: str) -> None:
        """Where the reports on a leg that we rang go, in case they never come. There is room for so many; a later
        one may take an earlier one's place."""
        if self.hub:
            with suppress(
                Busy, Unavailable, OSError
            ):  # the telephone rings already: that is not undone by forgetting
                await self.hub.remember(_slot(leg_id), f"{leg_id} {door}")

    async def _door_of(self, leg_id: str) -> str:
        told, _, door = (await self.hub.recall(_slot(leg_id)) if self.hub else "").partition(" ")
        return door if told == leg_id else ""


def _document(verbs: str) -> Response:
    return Response(200, twiml.document(verbs), XML)


def _slot(leg_id: str) -> str:
    return f"leg:{zlib.crc32(leg_id.encode()) % LEGS_REMEMBERED}"
