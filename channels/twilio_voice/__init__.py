"""Telephone calls by Twilio Programmable Voice.

Type ``<public address>/webhooks/twilio_voice`` into the number's *A call comes in*, with POST, and
``<public address>/webhooks/twilio_voice/status`` into *Call status changes*: without the second, a caller who
hangs up in the middle of a menu is noticed late, since Twilio tells it there alone. Everything else is asked for as
the call goes on (docs/telephony-twilio.md).

``webhooks`` makes events of what Twilio says; ``documents`` makes TwiML of what the hub says, with ``twiml`` and
``ssml``; ``calling`` asks Twilio by REST; ``recordings``, ``passes`` and ``remembered`` are files, browsers' tokens,
and what was lost; ``channel`` is the door to all of them.
"""

from __future__ import annotations

from channels.contract import Context
from channels.twilio_voice.channel import TwilioVoice

__all__ = ["TwilioVoice", "open_channel"]


def open_channel(context: Context) -> TwilioVoice:
    return TwilioVoice(context)
