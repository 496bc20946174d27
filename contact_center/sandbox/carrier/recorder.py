"""Recordings: begun by a verb or by the hub's request, heard along, told about, and kept."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterable
from email.utils import formatdate

from contact_center.sandbox import twiml
from contact_center.sandbox.carrier.leg import Leg
from contact_center.sandbox.carrier.switchboard import API_VERSION, Switchboard
from contact_center.sandbox.carrier.tape import Recording, Track

MAX_KEPT = 5_000


class Recorder:
    def __init__(self, board: Switchboard) -> None:
        self._board = board
        self._order: dict[str, asyncio.Lock] = {}
        self.kept: OrderedDict[str, Recording] = OrderedDict()

    def begin(self, source: str, tape: twiml.Tape, *, leg: Leg | None = None, conference: str = "") -> Recording:
        """``source`` in the carrier's words: ``RecordVerb``, ``DialVerb``, ``Conference``, ``OutboundAPI``,
        ``StartCallRecordingAPI``, ``StartCallRecordingTwiML``."""
        recording = Recording(
            self._board.new_sid("RE"),
            source,
            tape,
            self._board.world.now(),
            call_sid=leg.sid if leg else "",
            conference_sid=conference,
            who=leg.who if leg else "",
        )
        self.kept[recording.sid] = recording
        while len(self.kept) > MAX_KEPT:
            oldest = next((sid for sid, old in self.kept.items() if not old.running), None)
            if oldest is None:
                break
            self.forget(oldest)
        if leg is not None:
            leg.recordings.append(recording)
            leg.stir()
        self._board.world.note("recording.began", recording.who, sid=recording.sid, call=recording.call_sid)
        self._tell(recording, "in-progress")
        return recording

    def end(self, recording: Recording, *, absent: bool = False) -> None:
        if not recording.running:
            return
        recording.end(self._board.world.now(), absent)
        leg = self._board.legs.get(recording.call_sid)
        if leg is not None and recording in leg.recordings:
            leg.recordings.remove(recording)
            leg.stir()
        self._board.world.note(
            "recording.ended", recording.who, sid=recording.sid, seconds=recording.duration, status=recording.status
        )
        self._tell(recording, recording.status)

    def end_all(self, recordings: Iterable[Recording]) -> None:
        for recording in list(recordings):
            self.end(recording)

    def pause(self, recording: Recording, skips: bool) -> None:
        recording.pause(self._board.world.now(), skips)
        self._board.world.changed()

    def resume(self, recording: Recording) -> None:
        recording.resume(self._board.world.now())
        self._board.world.changed()

    def forget(self, sid: str) -> None:
        self.kept.pop(sid, None)
        self._order.pop(sid, None)

    def hear(self, leg: Leg, track: Track, text: str) -> None:
        """``text`` is said by whoever holds ``leg`` (``inbound``) or heard by them."""
        self.take_down(leg.recordings, track, text)

    def take_down(self, recordings: Iterable[Recording], track: Track, text: str) -> None:
        for recording in recordings:
            recording.hear(self._board.world.now(), track, text, twiml.lasts(twiml.Say(text)))

    def url(self, recording: Recording) -> str:
        return f"{self._board.base}/{API_VERSION}/Accounts/{self._board.account}/Recordings/{recording.sid}"

    def _tell(self, recording: Recording, event: str) -> None:
        tape = recording.tape
        if not tape.callback or event not in tape.events:
            return
        facts = {
            "AccountSid": self._board.account,
            "RecordingSid": recording.sid,
            "RecordingUrl": self.url(recording),
            "RecordingStatus": event,
            "RecordingChannels": str(tape.channels),
            "RecordingTrack": tape.track,
            "RecordingSource": recording.source,
            "RecordingStartTime": formatdate(recording.started_at / 1000),
            # https://www.twilio.com/docs/api/errors/16102: nothing but silence, and so not kept.
            "ErrorCode": "16102" if event == "absent" else "0",
        }
        if recording.call_sid:
            facts["CallSid"] = recording.call_sid
        if recording.conference_sid:
            facts["ConferenceSid"] = recording.conference_sid
        if recording.duration is not None:
            facts["RecordingDuration"] = str(recording.duration)
        order = self._order.setdefault(recording.sid, asyncio.Lock())
        self._board.callback(order, tape.callback, facts, recording.who, "recording status", tape.method)
