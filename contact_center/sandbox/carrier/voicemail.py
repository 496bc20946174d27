"""<Record>: a beep, what the caller says until silence, a key or the end of the tape, and a transcription of it."""

from __future__ import annotations

import asyncio

from contact_center.sandbox import twiml
from contact_center.sandbox.carrier.leg import HungUp, Interrupt, Leg
from contact_center.sandbox.carrier.recorder import Recorder
from contact_center.sandbox.carrier.switchboard import API_VERSION, Switchboard
from contact_center.sandbox.carrier.tape import Recording


class Voicemail:
    def __init__(self, board: Switchboard, recorder: Recorder) -> None:
        self._board = board
        self._recorder = recorder

    async def record(self, leg: Leg, verb: twiml.Record) -> twiml.Returned:
        """An empty recording (nothing but silence) is told by no facts: its action is not asked. Raises
        ``Interrupt``; whoever hung up is told of to the action, whose answer comes too late."""
        if verb.beep:
            self._board.line(leg, "beep", "record")
        recording = self._recorder.begin("RecordVerb", verb.tape, leg=leg)
        leg.go("recording")
        self._board.world.changed()
        try:
            key = await self._listen(leg, verb)
        except HungUp:
            if self._done(leg, verb, recording):
                leg.status = "completed"
                facts = {**self._board.facts(leg), **self._facts(recording, "hangup")}
                if verb.action:
                    self._board.spawn(self._board.tell(verb.action, facts, leg.who, "voice recorded", verb.method))
            raise
        except Interrupt:
            self._done(leg, verb, recording)
            raise
        leg.go("menu")
        if not self._done(leg, verb, recording):
            return twiml.Returned()
        return twiml.Returned(self._facts(recording, key))

    async def _listen(self, leg: Leg, verb: twiml.Record) -> str:
        """Until a key of ``finish_on`` (which is returned), ``timeout`` seconds of silence, or the tape is full."""
        try:
            async with asyncio.timeout(verb.max_seconds):
                # What is said takes its time; silence is counted from its end.
                speaking = 0.0
                while (given := await leg.next(max(verb.timeout, 0.5) + speaking)) is not None:
                    speaking = 0.0
                    if isinstance(given, twiml.Words):
                        self._recorder.hear(leg, "inbound", given.text)
                        speaking = twiml.lasts(twiml.Say(given.text)) * leg.pace
                        continue
                    key = next((key for key in given.digits if key in verb.finish_on), "")
                    if key:
                        return key
        except TimeoutError:
            pass
        return ""

    def _done(self, leg: Leg, verb: twiml.Record, recording: Recording) -> bool:
        empty = not recording.marks
        self._recorder.end(recording, absent=empty)
        if verb.transcribe and verb.transcribe_callback and not empty:
            self._board.spawn(self._transcribed(leg, verb, recording))
        return not empty

    async def _transcribed(self, leg: Leg, verb: twiml.Record, recording: Recording) -> None:
        await asyncio.sleep(0.3 * leg.pace)
        sid = self._board.new_sid("TR")
        # The carrier transcribes no more than two minutes (error 13617).
        good = (recording.duration or 0) <= 120
        facts = {
            **self._board.facts(leg),
            "TranscriptionSid": sid,
            "TranscriptionText": recording.words if good else "",
            "TranscriptionStatus": "completed" if good else "failed",
            "TranscriptionType": "fast",
            "TranscriptionUrl": f"{self._recorder.url(recording)}/Transcriptions/{sid}",
            "RecordingSid": recording.sid,
            "RecordingUrl": self._recorder.url(recording),
            "ApiVersion": API_VERSION,
        }
        await self._board.tell(verb.transcribe_callback, facts, leg.who, "voicemail transcript")

    def _facts(self, recording: Recording, key: str) -> dict[str, str]:
        return {
            "RecordingSid": recording.sid,
            "RecordingUrl": self._recorder.url(recording),
            "RecordingDuration": str(recording.duration),
            "Digits": key,
        }
