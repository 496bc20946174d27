"""What Twilio is asked when an SMS goes out, and what becomes of everything that it may answer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from channels.contract import Context, NotSent, Outgoing, Rejected, Retry, Uncertain
from channels.twilio_sms import TwilioSms, open_channel
from contact_center.domain.contact_points import ContactPoint
from tests.channels.conformance import an_outgoing_message
from tests.channels.twilio_fake import ACCOUNT, Told, TwilioFake, twilio_fake

MESSAGE = an_outgoing_message()


@asynccontextmanager
async def opened(settings: dict[str, str] | None = None) -> AsyncIterator[tuple[TwilioSms, TwilioFake]]:
    async with twilio_fake() as fake:
        used = fake.settings | (settings or {})
        channel = open_channel(Context("twilio_sms", "https://hub.example.com/cc/", used, {}, b""))
        try:
            yield channel, fake
        finally:
            await channel.close()


async def outcome(*answers: Told | None, message: Outgoing = MESSAGE) -> NotSent:
    async with opened() as (channel, fake):
        fake.answer_next(*answers)
        with pytest.raises(NotSent) as not_sent:
            await channel.send(message)
        return not_sent.value


async def test_a_message_is_sent_once_with_a_way_to_report_back() -> None:
    async with opened() as (channel, fake):
        sent = await channel.send(replace(MESSAGE, text="Ihre Bestellung & 你好 😟"))
        assert (sent.provider_id, sent.state) == (f"SM{1:032x}", "accepted")
        [asked] = fake.asked
        assert (asked.method, asked.path) == ("POST", "Messages.json")
        assert dict(asked.form) == {
            "To": "+14155550100",
            "From": "+14155550199",
            "Body": "Ihre Bestellung & 你好 😟",
            "StatusCallback": "https://hub.example.com/cc/webhooks/twilio_sms/status?outbox=" + MESSAGE.outbox_id,
            "ValidityPeriod": "14400",
        }


async def test_half_a_character_does_not_keep_the_rest_back() -> None:
    async with opened() as (channel, fake):
        await channel.send(replace(MESSAGE, text="On its way \ud83d"))
        assert fake.asked[0]["Body"] == "On its way ?"


async def test_one_connection_serves_many_messages() -> None:
    async with opened() as (channel, fake):
        ids = [(await channel.send(MESSAGE)).provider_id for _ in range(5)]
        assert len(set(ids)) == len(fake.asked) == 5
        await channel.close()
        again = await channel.send(MESSAGE)
        assert again.provider_id == f"SM{6:032x}"


async def test_the_same_message_is_the_same_bytes_again() -> None:
    async with opened() as (channel, fake):
        fake.answer_next(Told(503))
        with pytest.raises(Retry):
            await channel.send(MESSAGE)
        await channel.send(replace(MESSAGE, attempt=2))
        assert fake.asked[0].form == fake.asked[1].form


async def test_an_opted_out_customer_is_never_tried_again_and_twilios_words_say_why() -> None:
    said = await outcome(Told(400, 21610, "Attempt to send to unsubscribed recipient"))
    assert isinstance(said, Rejected)
    assert "21610" in said.reason
    assert "unsubscribed recipient" in said.reason


@pytest.mark.parametrize(
    ("answer", "becomes"),
    [
        (Told(400, 21211, "Invalid 'To' Phone Number"), Rejected),
        (Told(404, 20404, "not found"), Rejected),
        (Told(422, None, ""), Rejected),
        (Told(401, 20003, "Authenticate"), Retry),
        (Told(429, 20429, "Too Many Requests"), Retry),
        (Told(503, 20503, "Service unavailable"), Retry),
        (Told(500, 20500, "Internal server error"), Uncertain),
        (Told(502, body="<html>Bad gateway</html>"), Uncertain),
        (Told(504, body=""), Uncertain),
        (Told(201, body="<html>not JSON</html>"), Uncertain),
        (Told(201, body='["no", "message"]'), Uncertain),
        (Told(201, body='{"status": "queued"}'), Uncertain),
        (Told(400, body="<html>not JSON</html>"), Rejected),
        (Told(302, headers=(("Location", "https://evil.example/"),)), Rejected),
        (Told(broken=True), Uncertain),
        (Told(201, half=True), Uncertain),
    ],
    ids=lambda value: str(value.status) + (value.body or "") if isinstance(value, Told) else value.__name__,
)
async def test_every_answer_becomes_one_of_our_few_words(answer: Told, becomes: type[NotSent]) -> None:
    said = await outcome(answer)
    assert isinstance(said, becomes)
    assert said.reason


async def test_a_busy_twilio_says_when_to_come_again() -> None:
    said = await outcome(Told(429, 20429, "Too many", headers=(("Retry-After", "7"),)))
    assert isinstance(said, Retry)
    assert said.after_ms == 7_000


async def test_a_twilio_that_cannot_be_reached_means_that_nothing_went_out() -> None:
    async with opened({"twilio_rest_url": "http://127.0.0.1:9"}) as (channel, fake):
        with pytest.raises(Retry, match="cannot be reached"):
            await channel.send(MESSAGE)
        assert not fake.asked


async def test_a_twilio_that_says_nothing_leaves_the_message_uncertain() -> None:
    async with opened() as (channel, fake):
        channel.answer_seconds = 2
        fake.answer_next(Told(silent=True))
        with pytest.raises(Uncertain, match="did not answer"):
            await channel.send(MESSAGE)
        assert len(fake.asked) == 1


async def test_a_wrong_token_is_an_operators_to_put_right() -> None:
    async with opened({"twilio_auth_token": "wrong"}) as (channel, _):
        with pytest.raises(Retry, match="CONTACT_CENTER_TWILIO_ACCOUNT_SID"):
            await channel.send(MESSAGE)


@pytest.mark.parametrize(
    "message",
    [
        replace(MESSAGE, text="  "),
        replace(MESSAGE, text="x" * 1_601),
        replace(MESSAGE, recipient=None),
        replace(MESSAGE, sender=None),
        replace(MESSAGE, verb="hang_up"),
        replace(MESSAGE, verb="connect"),
    ],
)
async def test_what_is_no_sms_is_not_asked_for(message: Outgoing) -> None:
    async with opened() as (channel, fake):
        with pytest.raises(Rejected):
            await channel.send(message)
        assert not fake.asked


async def test_a_recipient_cannot_smuggle_a_parameter_in() -> None:
    async with opened() as (channel, fake):
        odd = ContactPoint("other", "+1&From=+1900\r\nX: y")
        await channel.send(replace(MESSAGE, recipient=odd))
        [asked] = fake.asked
        assert asked["To"] == odd.value
        assert asked.all("From") == ["+14155550199"]


async def test_the_environment_of_the_process_has_no_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWILIO_REGION", "au1")
    monkeypatch.setenv("TWILIO_EDGE", "sydney")
    monkeypatch.setenv("TWILIO_ACCOUNT_SID", "ACsomebodyelse")
    async with opened() as (channel, fake):
        await channel.send(MESSAGE)
        assert fake.asked[0].path == "Messages.json"
        assert ACCOUNT in channel.account_sid
