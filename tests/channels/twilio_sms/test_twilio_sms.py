"""The SMS channel, held to the suite that every channel is held to."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from channels.contract import Request
from tests.channels import twilio_signing
from tests.channels.conformance import WebhookConformance


class TestTwilioSms(WebhookConformance):
    channel = "twilio_sms"
    fixtures = Path(__file__).parent / "fixtures"
    settings = twilio_signing.SETTINGS
    required_settings = ("twilio_account_sid", "twilio_auth_token")
    secret = twilio_signing.TOKEN
    vocabulary: ClassVar = {
        "question": ("SmsStatus", "ToCountry", "NumMedia", "ApiVersion"),
        "stop": ("OptOutType",),
        "status_delivered": ("MessageStatus", "SmsStatus"),
        "status_undelivered": ("MessageStatus", "ErrorCode"),
    }

    def sign(self, request: Request, secret: str) -> Request:
        return twilio_signing.sign(request, secret)
