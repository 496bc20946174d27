"""SMS and MMS by Twilio Programmable Messaging.

Type ``<public address>/webhooks/twilio_sms`` into the number's or the messaging service's *A message comes
in*, with POST. Everything else is asked for with each message that we send.
"""

from __future__ import annotations

from channels.contract import Context
from channels.twilio_sms.channel import TwilioSms

__all__ = ["TwilioSms", "open_channel"]


def open_channel(context: Context) -> TwilioSms:
    return TwilioSms(context)
