"""Telephone calls by Twilio Programmable Voice.

Type ``<public address>/webhooks/twilio_voice`` into the number's *A call comes in*, with POST, and
``<public address>/webhooks/twilio_voice/status`` into *Call status changes*: without the second, a caller who
hangs up in the middle of a menu is noticed by nobody, since Twilio tells it there alone. Everything else is
asked for as the call goes on.
"""

from __future__ import annotations

from channels.contract import Context
from channels.twilio_voice.channel import TwilioVoice

__all__ = ["TwilioVoice", "open_channel"]


def open_channel(context: Context) -> TwilioVoice:
    return TwilioVoice(context)
