"""The world outside, as far as a benchmark needs it: the account, the customers and their signed messages."""

from __future__ import annotations

import base64
import hmac
from urllib.parse import urlencode

ACCOUNT = "AC" + "0" * 32
AUTH_TOKEN = "benchmark-auth-token"
API_KEY = "benchmark-api-key-0123456789abcdef"
SMS_PATH = "/webhooks/twilio_sms"
VOICE_PATH = "/webhooks/twilio_voice"
OUR_NUMBER = "+15550009999"


def public_url(port: int) -> str:
    return f"http://127.0.0.1:{port}"


def customer(number: int) -> str:
    """The telephone number of a customer; its last seven digits are ``number``."""
    return f"+1212{number:07d}"


def signature(url: str, form: dict[str, str]) -> str:
    """X-Twilio-Signature, as https://www.twilio.com/docs/usage/webhooks/webhooks-security describes it."""
    said = url + "".join(name + value for name, value in sorted(form.items()))
    return base64.b64encode(hmac.digest(AUTH_TOKEN.encode(), said.encode(), "sha1")).decode()


def webhook(port: int, path: str, form: dict[str, str]) -> bytes:
    """A whole signed HTTP request."""
    body = urlencode(form).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUser-Agent: TwilioProxy/1.1\r\n"
        "Content-Type: application/x-www-form-urlencoded; charset=UTF-8\r\n"
        f"X-Twilio-Signature: {signature(public_url(port) + path, form)}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def sms(port: int, sender: int, message: str, text: str) -> bytes:
    """The request that a text message from customer number ``sender`` arrives as. ``message`` (at most 32 hex
    digits) makes its id."""
    sid = "SM" + message.rjust(32, "0")
    form = {
        "ToCountry": "US",
        "ToState": "NY",
        "ToCity": "NEW YORK",
        "SmsMessageSid": sid,
        "NumMedia": "0",
        "FromCountry": "US",
        "FromState": "NY",
        "FromCity": "NEW YORK",
        "SmsSid": sid,
        "SmsStatus": "received",
        "Body": text,
        "To": OUR_NUMBER,
        "NumSegments": "1",
        "MessageSid": sid,
        "AccountSid": ACCOUNT,
        "From": customer(sender),
        "ApiVersion": "2010-04-01",
    }
    return webhook(port, SMS_PATH, form)


def call(port: int, path: str, caller: int, call: int, **more: str) -> bytes:
    """A request about call number ``call`` of customer number ``caller``: it comes in, or at ``path`` below
    :data:`VOICE_PATH` (with its query) goes on as the fields ``more`` say."""
    form = {
        "AccountSid": ACCOUNT,
        "ApiVersion": "2010-04-01",
        "CallSid": f"CA{call:032x}",
        "CallStatus": "in-progress" if path else "ringing",
        "Called": OUR_NUMBER,
        "CalledCity": "NEW YORK",
        "CalledCountry": "US",
        "CalledState": "NY",
        "Caller": customer(caller),
        "CallerCity": "NEW YORK",
        "CallerCountry": "US",
        "CallerState": "NY",
        "Direction": "inbound",
        "From": customer(caller),
        "FromCity": "NEW YORK",
        "FromCountry": "US",
        "FromState": "NY",
        "To": OUR_NUMBER,
        "ToCity": "NEW YORK",
        "ToCountry": "US",
        "ToState": "NY",
        **more,
    }
    return webhook(port, VOICE_PATH + path, form)
