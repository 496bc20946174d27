"""Twilio's messaging webhooks into events, and our messages to Twilio.

Parameters: twilio.com/docs/messaging/guides/webhook-request, …/outbound-message-status-in-status-callbacks
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Literal
from urllib.parse import urlencode

from channels.contract import Answer, Malformed, Outgoing, Parsed, Rejected, Request, Response, Sent
from channels.twilio import (
    MOST_REMEMBERED,
    XML,
    Fields,
    TwilioChannel,
    form,
    harmless_twice,
    moment_of,
    numbers_at,
    query,
    sendable,
    sid_of,
    unless_refused,
)
from contact_center.domain.contact_points import ContactPoint, phone
from contact_center.domain.events import (
    CUSTOMER,
    HUB,
    Body,
    DeliveryReported,
    InteractionEvent,
    MessageReceived,
    Thread,
)
from contact_center.domain.time import Moment

Status = Literal["queued", "sent", "delivered", "read", "undelivered", "failed", "unknown"]

# Twilio's word → ours. An unknown word is "unknown" and rides along in the raw bytes.
STATUSES: dict[str, Status] = {
    "accepted": "queued",
    "scheduled": "queued",
    "queued": "queued",
    "sending": "queued",  # handed to the carrier's door, not through it
    "sent": "sent",
    "delivered": "delivered",
    "read": "read",  # WhatsApp and RCS only
    "undelivered": "undelivered",
    "failed": "failed",
    "canceled": "failed",  # a scheduled message that somebody called off
}

# What an agent should read in place of a number: twilio.com/docs/api/errors.
ERRORS: dict[str, str] = {
    "21610": "the customer has opted out (STOP)",
    "30001": "Twilio's queue was full, or the message waited too long in it",
    "30002": "the Twilio account is suspended",
    "30003": "the phone is off or out of reach",
    "30004": "the phone or its carrier blocks us",
    "30005": "the number does not exist, or its phone is off",
    "30006": "a landline, or a carrier that cannot be reached",
    "30007": "the carrier filtered the message",
    "30008": "the carrier gave no reason",
    "30034": "our number is not registered with the carriers (A2P 10DLC)",
}

VALIDITY_SECONDS = 4 * 60 * 60
"""An answer that could not leave for four hours would only confuse; Twilio would keep trying for ten."""

MAX_TEXT = 1_600  # twilio.com/docs/api/errors/21617

EMPTY = Response(200, b'<?xml version="1.0" encoding="UTF-8"?><Response/>', XML)


class TwilioSms(TwilioChannel):
    medium = "sms"

    def parse(self, request: Request, now: Moment) -> Parsed:
        if request.path == "":
            event = received(form(request), self.name, now)
        elif request.path == "/status":
            event = delivery(form(request), self.name, now, _outbox_id(request))
        else:
            raise Malformed(f"There is no /webhooks/{self.name}{request.path[:60]}.")
        return Parsed((event,), raw=request.body)

    def acknowledge(self, request: Request, parsed: Parsed, answers: Sequence[Answer]) -> Response:
        return EMPTY

    async def send(self, message: Outgoing) -> Sent:
        to, sender = message.recipient, message.sender
        if message.verb != "message" or to is None or sender is None:
            raise Rejected(f"An SMS channel cannot {message.verb} without a recipient and a sender.")
        if not message.text.strip() or len(message.text) > MAX_TEXT:
            raise Rejected(f"An SMS has between 1 and {MAX_TEXT} characters.")
        with self.believed():
            client = await self.rest()
            sent = await unless_refused(
                client.messages.create_async(
                    to=sendable(to.value),
                    from_=sendable(sender.value),
                    body=sendable(message.text),
                    status_callback=self.callback("/status", outbox=message.outbox_id),
                    validity_period=VALIDITY_SECONDS,
                )
            )
        return Sent(sid_of(sent))

    async def missed(self, since: Moment, now: Moment) -> Sequence[Parsed]:
        with self.believed():
            client, hook = await self.rest(), self.url("")
            ours = await numbers_at(client, "sms_url", hook, self.numbers)
            requests = await remembered(client, hook, ours, since)
        return [self.parse(request, now) for request in requests]


def received(fields: Fields, channel: str, now: Moment) -> InteractionEvent:
    customer, ours = phone(fields.text("From")), phone(fields.text("To"))
    word = fields.text("OptOutType", 20)  # STOP, START or HELP, which Twilio has answered already
    body = MessageReceived(_text(fields), automatic=f"opt-out:{word}" if word else "")
    return _event(fields.needed_sid("MessageSid"), body, channel, customer, ours, now)


def _text(fields: Fields) -> str:
    files = fields.count("NumMedia")
    lines = [fields.text("Body", 64 * 1024)]
    if files:
        lines.append(f"[MMS: {files} {'file' if files == 1 else 'files'}]")
    return "\n".join(line for line in lines if line)


def _outbox_id(request: Request) -> str:
    """Which message the callback is about, in our words: it may come before Twilio has told us its own id for it.
    The address is signed, so nobody else can say it."""
    return query(request).text("outbox", 64)


def delivery(fields: Fields, channel: str, now: Moment, outbox_id: str = "") -> InteractionEvent:
    sid, word = fields.needed_sid("MessageSid"), fields.text("MessageStatus", 40)
    if not word:
        raise Malformed("The form has no MessageStatus: is this address the one meant for this callback?")
    code = fields.text("ErrorCode", 20)
    error = f"{code}: {ERRORS[code]}" if code in ERRORS else code
    body = DeliveryReported(sid, STATUSES.get(word, "unknown"), error if code != "0" else "", outbox_id)
    customer, ours = phone(fields.text("To")), phone(fields.text("From"))
    return _event(f"{sid}:{word}", body, channel, customer, ours, now)


def _event(
    source_id: str, body: Body, channel: str, customer: ContactPoint, ours: ContactPoint, now: Moment
) -> InteractionEvent:
    inbound = isinstance(body, MessageReceived)
    # Two people who hide their numbers are not one conversation.
    who = source_id if customer.value == "anonymous" else customer.value
    return InteractionEvent(
        body=body,
        channel=channel,
        source_id=source_id,
        medium="sms",
        direction="inbound" if inbound else "outbound",
        occurred_at=now,  # Twilio's messaging webhooks do not tell the time
        received_at=now,
        actor=CUSTOMER if inbound else HUB,
        sender=customer,
        dialled=ours,
        thread=Thread(f"{who}|{ours.value}"),
    )


# --- what Twilio remembers -----------------------------------------------------------------------------------


async def remembered(client: Any, hook: str, ours: frozenset[str] | None, since: Moment) -> list[Request]:
    """Messages since ``since`` as the webhooks that would have told of them, oldest first: those to our numbers, and
    what became of those that our numbers sent. ``ours`` as ``channels.twilio.numbers_at`` finds it."""
    after = datetime.fromtimestamp(since / 1_000, UTC)
    found = await harmless_twice(client.messages.list_async(date_sent_after=after, limit=MOST_REMEMBERED))
    recent = [each for each in found if _when(each) >= since and (ours is None or _number(each) in ours)]
    return [_told(hook, each) for each in sorted(recent, key=_when)]


def _when(message: Any) -> Moment:
    """One that was never sent has only the moment at which it was asked for."""
    return moment_of(message.date_sent) or moment_of(message.date_created)


def _number(message: Any) -> str:
    """Which of the two is ours."""
    number: str = message.to if message.direction == "inbound" else message.from_
    return number


def _told(hook: str, message: Any) -> Request:
    inbound = message.direction == "inbound"
    path = "" if inbound else "/status"
    fields = {"MessageSid": message.sid, "From": message.from_, "To": message.to}
    if inbound:
        fields |= {"Body": message.body, "NumMedia": message.num_media}
    else:
        fields |= {"MessageStatus": message.status, "ErrorCode": message.error_code}
    written = {name: str(value) for name, value in fields.items() if value not in (None, "")}
    return Request("POST", hook + path, path, "", {}, urlencode(written, errors="replace").encode())
