"""The Twilio channels against Twilio itself. Nothing here runs unless it is asked for.

Set, and run ``pytest tests/smoke/test_real_twilio.py -v``:

=================================  ==================================================================================
``SMOKE_TWILIO_ACCOUNT_SID``       the account and its auth token: only read from
``SMOKE_TWILIO_AUTH_TOKEN``
``SMOKE_TWILIO_NUMBER``            one of its numbers, in E.164, that is set up for this hub
``SMOKE_PUBLIC_URL``               the hub's public address, as ``CONTACT_CENTER_PUBLIC_URL``
``SMOKE_TWILIO_TEST_ACCOUNT_SID``  the account's *test credentials* (console, Account, API keys & tokens): calls and
``SMOKE_TWILIO_TEST_AUTH_TOKEN``   messages with them are checked by Twilio and go nowhere
=================================  ==================================================================================

**What it costs: nothing.** The real credentials read the account, its numbers, calls, messages and at most one
recording, which is free of charge; the test credentials place calls and messages that are not carried out. No
telephone rings.
"""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from channels import twilio_sms, twilio_voice
from channels.contract import Context, Outgoing, Rejected
from channels.twilio import TwilioChannel
from channels.twilio_voice import recordings
from contact_center.domain.contact_points import ContactPoint

REAL = ("SMOKE_TWILIO_ACCOUNT_SID", "SMOKE_TWILIO_AUTH_TOKEN")
NUMBER = (*REAL, "SMOKE_TWILIO_NUMBER", "SMOKE_PUBLIC_URL")
TEST = ("SMOKE_TWILIO_TEST_ACCOUNT_SID", "SMOKE_TWILIO_TEST_AUTH_TOKEN")

# Twilio's magic numbers (twilio.com/docs/iam/test-credentials): with test credentials, each stands for one outcome.
GOOD = "+15005550006"
MAGIC = {"+15005550001": "21217", "+15005550002": "21214", "+15005550003": "21215", "+15005550004": "21216"}
NOT_OURS = "+15005550001"


def needs(*names: str) -> pytest.MarkDecorator:
    missing = [name for name in names if not os.environ.get(name)]
    return pytest.mark.skipif(bool(missing), reason=f"needs a Twilio account: set {', '.join(missing)}")


@asynccontextmanager
async def opened(package: Any, sid: str, token: str) -> AsyncIterator[Any]:
    name = package.__name__.rpartition(".")[2]
    public_url = os.environ.get("SMOKE_PUBLIC_URL", "https://hub.example.com")
    settings = {
        "twilio_account_sid": os.environ[sid],
        "twilio_auth_token": os.environ[token],
        "twilio_rest_url": os.environ.get("SMOKE_TWILIO_REST_URL", ""),  # a proxy, or something that plays Twilio
    }
    channel: TwilioChannel = package.open_channel(Context(name, public_url, settings, {}, b""))
    assert channel.state() == ("ready", "")
    try:
        yield channel
    finally:
        await channel.close()


def outgoing(verb: str, to: str, sender: str = GOOD) -> Outgoing:
    return Outgoing(
        verb=verb,  # type: ignore[arg-type]
        outbox_id="smoke-1",
        interaction_id="smoke-1",
        case_id=1,
        created_at=0,
        attempt=1,
        recipient=ContactPoint("phone", to),
        sender=ContactPoint("phone", sender),
        text="A test." if verb == "message" else "",
    )


@needs(*REAL)
async def test_twilio_believes_the_account() -> None:
    async with opened(twilio_voice, *REAL) as channel:
        client = await channel.rest()
        account = await client.api.accounts(channel.account_sid).fetch_async()
        assert account.status == "active"


@needs(*NUMBER)
async def test_the_number_calls_the_addresses_of_this_hub() -> None:
    async with opened(twilio_voice, *REAL) as voice, opened(twilio_sms, *REAL) as sms:
        client = await voice.rest()
        found = await client.incoming_phone_numbers.list_async(phone_number=os.environ["SMOKE_TWILIO_NUMBER"])
        assert len(found) == 1, "the account does not have this number"
        [number] = found
        told = {
            "A call comes in": (number.voice_url, number.voice_method),
            "Call status changes": (number.status_callback, number.status_callback_method),
            "A message comes in": (number.sms_url, number.sms_method),
        }
        assert {name: ((url or "").partition("#")[0], method) for name, (url, method) in told.items()} == {
            "A call comes in": (voice.url(""), "POST"),
            "Call status changes": (voice.url("/status"), "POST"),
            "A message comes in": (sms.url(""), "POST"),
        }
        assert number.voice_fallback_url, "a hub that is down leaves callers to Twilio's own error message"


@needs(*TEST)
async def test_a_call_that_can_be_placed_is_placed() -> None:
    async with opened(twilio_voice, *TEST) as channel:
        sent = await channel.send(outgoing("call", "+14108675310"))
        assert sent.provider_id.startswith("CA")


@needs(*TEST)
@pytest.mark.parametrize(("number", "code"), MAGIC.items())
async def test_a_call_that_cannot_be_placed_is_refused_in_twilios_words(number: str, code: str) -> None:
    async with opened(twilio_voice, *TEST) as channel:
        with pytest.raises(Rejected, match=code):
            await channel.send(outgoing("call", number))


@needs(*TEST)
async def test_a_call_from_a_number_that_is_not_ours_is_refused() -> None:
    async with opened(twilio_voice, *TEST) as channel:
        with pytest.raises(Rejected, match=r"2121[0-9]"):
            await channel.send(outgoing("call", "+14108675310", sender=NOT_OURS))


@needs(*TEST)
async def test_a_message_is_taken_and_one_to_nowhere_is_refused() -> None:
    async with opened(twilio_sms, *TEST) as channel:
        assert (await channel.send(outgoing("message", "+14108675310"))).provider_id.startswith("SM")
        with pytest.raises(Rejected, match="21211"):
            await channel.send(outgoing("message", "+15005550001"))


@needs(*REAL)
async def test_the_newest_recording_comes_with_our_password_and_not_without() -> None:
    async with opened(twilio_voice, *REAL) as channel:
        client = await channel.rest()
        found = await client.recordings.list_async(limit=1)
        if not found:
            pytest.skip("the account has no recording: record one call first")
        media = await channel.fetch(found[0].sid)
        assert media.media_type.startswith("audio/")
        assert media.body[:4] == b"RIFF" or media.body[:3] == b"ID3" or media.body[0] == 0xFF
        assert await recordings.open_to_anybody(client) == ""


@needs(*NUMBER)
async def test_what_twilio_remembers_of_the_last_day_can_be_read() -> None:
    now = int(time.time() * 1_000)
    for package in (twilio_voice, twilio_sms):
        async with opened(package, *REAL) as channel:
            for parsed in await channel.missed(now - 86_400_000, now):
                assert all(event.source_id and event.occurred_at <= now for event in parsed.events)
