"""The voice channel, held to the suite that every channel is held to."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from channels.contract import Request
from tests.channels import twilio_signing
from tests.channels.conformance import WebhookConformance


class TestTwilioVoice(WebhookConformance):
    channel = "twilio_voice"
    fixtures = Path(__file__).parent / "fixtures"
    settings = twilio_signing.SETTINGS
    required_settings = ("twilio_account_sid", "twilio_auth_token")
    secret = twilio_signing.TOKEN
    vocabulary: ClassVar = {
        "call_arrives": ("CallStatus", "Direction", "StirVerstat", "CallerCountry"),
        "keys_pressed": ("msg", "CallStatus"),
        "words_spoken": ("Confidence", "Language"),
        "spoke_after_the_beep": ("CallStatus", "Digits"),
        "number_answered": ("DialCallStatus", "DialBridged", "CallStatus"),
        "recording_is_there": ("RecordingStatus", "RecordingSource", "RecordingChannels", "ErrorCode"),
        "voicemail_written_down": ("TranscriptionStatus", "TranscriptionType"),
        "customer_is_rung": ("CallStatus", "Direction", "CallbackSource"),
        "call_over": ("CallStatus", "CallbackSource", "Timestamp"),
        "agent_hangs_up": ("CallStatus", "Timestamp", "SequenceNumber"),
        "agent_enters_the_room": ("StatusCallbackEvent", "ParticipantLabel", "Muted"),
        "agent_leaves_the_room": ("ReasonParticipantLeft", "Timestamp", "SequenceNumber"),
        "customer_speaks": ("TranscriptionEvent", "Track", "Final", "TranscriptionData", "Timestamp"),
    }

    def sign(self, request: Request, secret: str) -> Request:
        return twilio_signing.sign(request, secret)
