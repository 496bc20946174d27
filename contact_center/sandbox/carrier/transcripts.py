"""Live transcripts: what people say on a leg, told to the hub as they say it."""

from __future__ import annotations

import json

from contact_center.sandbox import twiml
from contact_center.sandbox.carrier.leg import Leg, Transcript
from contact_center.sandbox.carrier.switchboard import Switchboard, iso

_STARTED = {
    "TranscriptionEngine": "google",
    "PartialResults": "false",
    "InboundTrackLabel": "inbound_track",
    "OutboundTrackLabel": "outbound_track",
}


class Transcripts:
    """Only people are written down: what the hub itself announces it knows. The inbound track is whoever holds the
    telephone, the outbound track whom they hear."""

    def __init__(self, board: Switchboard) -> None:
        self._board = board

    def carry_out(self, leg: Leg, verb: twiml.Transcribe) -> None:
        if not verb.start:
            for transcript in [t for t in leg.transcripts if not verb.name or t.verb.name == verb.name]:
                self._stop(leg, transcript)
            return
        transcript = Transcript(self._board.new_sid("GT"), verb)
        leg.transcripts.append(transcript)
        self._tell(leg, transcript, "transcription-started", _STARTED)

    def stop_all(self, leg: Leg) -> None:
        for transcript in list(leg.transcripts):
            self._stop(leg, transcript)

    def hear(self, leg: Leg, words: twiml.Words, track: str = "inbound_track") -> None:
        for transcript in leg.transcripts:
            if transcript.verb.track not in (track, "both_tracks"):
                continue
            data = json.dumps({"transcript": words.text, "confidence": words.confidence}, ensure_ascii=False)
            facts = {"TranscriptionData": data, "Final": "true", "Track": track}
            self._tell(leg, transcript, "transcription-content", facts)

    def _stop(self, leg: Leg, transcript: Transcript) -> None:
        leg.transcripts.remove(transcript)
        self._tell(leg, transcript, "transcription-stopped", {})

    def _tell(self, leg: Leg, transcript: Transcript, event: str, more: dict[str, str]) -> None:
        verb = transcript.verb
        transcript.sequence += 1
        facts = {
            "AccountSid": self._board.account,
            "CallSid": leg.sid,
            "TranscriptionSid": transcript.sid,
            "TranscriptionEvent": event,
            "LanguageCode": verb.language,
            "Track": verb.track,
            "SequenceId": str(transcript.sequence),
            "Timestamp": iso(self._board.world.now()),
        }
        if verb.name:
            facts["Name"] = verb.name
        self._board.callback(transcript.in_order, verb.callback, facts | more, leg.who, "transcript", verb.method)
