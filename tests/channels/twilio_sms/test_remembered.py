"""Messages that were lost while the hub was away come in as if their webhooks had come."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlencode

import pytest

from channels.contract import Context, Request, Retry
from channels.twilio_sms import TwilioSms, open_channel
from contact_center.domain.events import DeliveryReported, MessageReceived
from tests.channels.conformance import NOW
from tests.channels.fake_hub import FakeHub
from tests.channels.twilio_fake import Told, TwilioFake, twilio_fake

HOOK = "https://hub.example.com/webhooks/twilio_sms"
OURS = {"phone_number": "+14155550199", "sms_url": HOOK}
SENT = "Wed, 18 Nov 2026 11:06:00 +0000"
SID = "SM1f0e8ae6ade43cb3c0ce4525424e404f"


@asynccontextmanager
async def opened(**config: object) -> AsyncIterator[tuple[TwilioSms, TwilioFake]]:
    async with twilio_fake() as fake:
        fake.lists["IncomingPhoneNumbers"] = [OURS]
        channel = open_channel(Context("twilio_sms", "https://hub.example.com", fake.settings, config, b""))
        try:
            yield channel, fake
        finally:
            await channel.close()


def message(direction: str = "inbound", status: str = "received", **more: Any) -> dict[str, Any]:
    parties = {"from": "+14155550100", "to": "+14155550199"}
    if direction != "inbound":
        parties = {"from": "+14155550199", "to": "+14155550100"}
    usual = {"sid": SID, "body": "Where is my parcel? 你好", "num_media": "0", "error_code": None, "date_sent": SENT}
    return usual | parties | {"direction": direction, "status": status} | more


def webhook(path: str, **form: str) -> Request:
    return Request("POST", HOOK + path, path, "", {}, urlencode(form).encode())


async def test_a_message_that_came_meanwhile_is_told_as_its_webhook_would_have_told_it() -> None:
    async with opened() as (channel, fake):
        fake.lists["Messages"] = [message()]
        [parsed] = await channel.missed(NOW - 60_000, NOW)
        told = webhook("", MessageSid=SID, From="+14155550100", To="+14155550199", Body="Where is my parcel? 你好")
        assert parsed.events == channel.parse(told, NOW).events
        assert isinstance(parsed.events[0].body, MessageReceived)


async def test_what_became_of_our_own_is_told_by_twilios_id() -> None:
    async with opened() as (channel, fake):
        fake.lists["Messages"] = [message("outbound-api", "undelivered", error_code=30003)]
        [parsed] = await channel.missed(NOW - 60_000, NOW)
        body = parsed.events[0].body
        assert parsed.events[0].source_id == f"{SID}:undelivered"
        assert isinstance(body, DeliveryReported)
        assert (body.provider_id, body.status) == (SID, "undelivered")
        assert body.error.startswith("30003")


async def test_older_ones_and_those_of_other_programs_are_left_alone() -> None:
    async with opened() as (channel, fake):
        fake.lists["Messages"] = [
            message(to="+14155550177"),
            message("outbound-api", "delivered", **{"from": "+14155550177"}),
            message(date_sent="Wed, 18 Nov 2026 11:05:00 +0000"),
            message(date_sent=None),
        ]
        assert await channel.missed(NOW - 60_000, NOW) == []
    async with opened(numbers=["+14155550177"]) as (channel, fake):
        fake.lists["Messages"] = [message(to="+14155550177")]
        assert len(await channel.missed(NOW - 60_000, NOW)) == 1, "a messaging service's number is named"


async def test_a_provider_that_does_not_answer_is_asked_again_and_one_that_disbelieves_is_shown() -> None:
    hub = FakeHub()
    async with opened() as (channel, fake):
        await channel.listen(hub)
        for answer in (Told(500), Told(401, 20003, "Authenticate"), Told(200, body="{")):
            fake.answer_next(answer)
            with pytest.raises(Retry):
                await channel.missed(NOW - 60_000, NOW)
        assert [state for state, _ in hub.reports] == ["degraded"]
        await channel.missed(NOW - 60_000, NOW)
        assert [state for state, _ in hub.reports] == ["degraded", "ready"]
