"""Recordings: begun, paused, ended, listed, heard, deleted."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import StreamingResponse

from contact_center.sandbox.carrier import sound
from contact_center.sandbox.carrier.exchange import Exchange
from contact_center.sandbox.carrier.rest.calls import find_leg
from contact_center.sandbox.carrier.rest.forms import (
    Answer,
    Form,
    RestError,
    not_found,
    page_of,
    shown_date,
    slices,
)
from contact_center.sandbox.carrier.switchboard import API_VERSION
from contact_center.sandbox.carrier.tape import Recording

CURRENT = "Twilio.CURRENT"


class Recordings:
    def __init__(self, exchange: Exchange, base: str) -> None:
        self.exchange = exchange
        self._base = base

    def answers(self) -> list[tuple[str, str, Answer]]:
        of_call, of_room = "/Calls/{call}/Recordings", "/Conferences/{conference}/Recordings"
        return [
            ("/Recordings.json", "GET", self.listed),
            (of_call + ".json", "GET", self.listed),
            (of_call + ".json", "POST", self.create),
            (of_room + ".json", "GET", self.listed),
            *(
                (f"{under}/{{sid}}.json", method, answer)
                for under in (of_call, of_room)
                for method, answer in (("GET", self.fetch), ("POST", self.update), ("DELETE", self.delete))
            ),
            ("/Recordings/{sid}.json", "GET", self.fetch),
            ("/Recordings/{sid}.json", "DELETE", self.delete),
            ("/Recordings/{sid}.wav", "GET", self.media),
            ("/Recordings/{sid}.mp3", "GET", self.no_such_media),
            ("/Recordings/{sid}", "GET", self.media),
            ("/Recordings/{sid}", "DELETE", self.delete),
        ]

    async def create(self, request: Request, form: Form) -> tuple[int, Any]:
        leg, tape = find_leg(self.exchange, request, "call"), form.tape()
        if leg.status != "in-progress":
            raise RestError(400, 21220, "Requested resource is not eligible for recording")
        return 201, self._shown(self.exchange.recorder.begin("StartCallRecordingAPI", tape, leg=leg))

    async def update(self, request: Request, form: Form) -> tuple[int, Any]:
        recording, recorder = self._recording(request), self.exchange.recorder
        status, behaviour = form["Status"], form["PauseBehavior"] or "silence"
        if status not in ("paused", "in-progress", "stopped") or behaviour not in ("silence", "skip"):
            raise RestError(400, 20001, "Status is paused, in-progress or stopped; PauseBehavior silence or skip.")
        if not recording.running:
            raise RestError(400, 21220, "Invalid recording state: the recording is over.")
        if status == "paused":
            recorder.pause(recording, behaviour == "skip")
        elif status == "in-progress":
            recorder.resume(recording)
        else:
            recorder.end(recording)
        return 200, self._shown(recording)

    async def fetch(self, request: Request, _form: Form) -> tuple[int, Any]:
        return 200, self._shown(self._recording(request))

    async def delete(self, request: Request, _form: Form) -> tuple[int, Any]:
        recording = self._recording(request)
        if recording.running:
            raise RestError(409, 20009, "A recording in progress cannot be deleted.")
        self.exchange.recorder.forget(recording.sid)
        return 204, None

    async def listed(self, request: Request, form: Form) -> tuple[int, Any]:
        call, conference = (request.path_params.get(name, "") for name in ("call", "conference"))
        if call:
            find_leg(self.exchange, request, "call")
        elif conference and conference not in self.exchange.rooms.conferences:
            raise not_found(request)
        call, conference = call or form["CallSid"], conference or form["ConferenceSid"]
        found = [
            self._shown(recording)
            for recording in reversed(self.exchange.recorder.kept.values())
            if (not call or recording.call_sid == call)
            and (not conference or recording.conference_sid == conference)
            and form.when("DateCreated", recording.started_at)
        ]
        return 200, page_of(request, form, "recordings", slices(found))

    async def media(self, request: Request, form: Form) -> tuple[int, Any]:
        recording = self._recording(request)
        mischief, now = self.exchange.webhooks.mischief, self.exchange.world.now()
        too_early = recording.ended_at is None or now - recording.ended_at < mischief.media_after_ms
        if recording.status != "completed" or too_early or mischief.strikes("media_missing"):
            raise not_found(request)
        length = recording.duration or 0
        channels = min(recording.tape.channels, form.number("RequestedChannels", 2, 1, 2))
        headers = {"Content-Length": str(sound.size(length, channels))}
        sounds = sound.wav(recording.marks, length, channels)
        return 200, StreamingResponse(sounds, media_type="audio/x-wav", headers=headers)

    async def no_such_media(self, request: Request, _form: Form) -> tuple[int, Any]:
        self._recording(request)
        raise RestError(406, 20406, "The sandbox makes no MP3: ask for the recording as .wav.")

    def _recording(self, request: Request) -> Recording:
        """By its sid, or the one that is being made (``Twilio.CURRENT``)."""
        sid = request.path_params["sid"]
        call, conference = (request.path_params.get(name, "") for name in ("call", "conference"))
        kept = self.exchange.recorder.kept
        if sid == CURRENT and (call or conference):
            running = (one for one in kept.values() if one.running)
            found = [one for one in running if one.call_sid == call and one.conference_sid == conference]
            if len(found) > 1:
                raise RestError(400, 20001, "Several recordings are being made: name the one that is meant.")
            recording = found[0] if found else None
        else:
            recording = kept.get(sid)
        if recording is None or (call and recording.call_sid != call):
            raise not_found(request)
        if conference and recording.conference_sid != conference:
            raise not_found(request)
        return recording

    def _shown(self, recording: Recording) -> dict[str, Any]:
        uri = f"{self._base}/Recordings/{recording.sid}"
        ended = recording.ended_at or recording.started_at
        return {
            "sid": recording.sid,
            "account_sid": self.exchange.account,
            "api_version": API_VERSION,
            "call_sid": recording.call_sid or None,
            "channels": recording.tape.channels,
            "conference_sid": recording.conference_sid or None,
            "date_created": shown_date(recording.started_at),
            "date_updated": shown_date(ended),
            "duration": str(recording.duration) if recording.duration is not None else None,
            "encryption_details": None,
            "error_code": None,
            "media_url": self.exchange.recorder.url(recording),
            "price": None,
            "price_unit": "USD",
            "source": recording.source,
            "start_time": shown_date(recording.started_at),
            "status": recording.status,
            "subresource_uris": {},
            "track": recording.tape.track,
            "uri": f"{uri}.json",
        }
