"""What callers and carriers are told while the hub is away, and what is believed and kept."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlencode

import pytest

from contact_center.fallback.kept import unpack
from contact_center.fallback.standby import ATTEMPTS, DIRECTED_AT_MOST, QUIET_MS
from tests.channels.twilio_fake import ACCOUNT
from tests.fallback.standing_in import HUB_URL, LENA, OWN_URL, Fallback, a_fallback
from tests.hub import SMS_NUMBER, VOICE_NUMBER

CALL = "CA" + "1" * 32
RECORDING = "RE" + "2" * 32


def kept(fallback: Fallback) -> list[str]:
    """The addresses of what is on disk."""
    entries = [unpack(fallback.spool.read(number), number) for number in fallback.spool.waiting()]
    return [entry.request.url if entry.request else "directed" for entry in entries]


async def test_a_text_is_on_disk_before_it_is_acknowledged(tmp_path: Path) -> None:
    async with a_fallback(tmp_path) as fallback:
        await fallback.twilio.sms(LENA, "Is anybody there?")
        assert kept(fallback) == [f"{OWN_URL}/webhooks/twilio_sms"]
        fallback.spool.close()
        fallback.spool._load()
        assert len(fallback.spool) == 1


async def test_a_caller_is_asked_to_hold_on_in_both_languages_and_then_for_a_message(tmp_path: Path) -> None:
    async with a_fallback(tmp_path) as fallback:
        heard = await fallback.call(CALL)
        for _ in range(ATTEMPTS):
            assert "Gather" in heard.verbs
            assert "Hangup" not in heard.verbs
            assert "line" in heard.words or "patience" in heard.words
            assert "感谢" in heard.content.decode()
            heard = await fallback.follow(heard, CALL)
        assert "Record" in heard.verbs
        assert heard.attribute("Record", "recordingStatusCallback").startswith(f"{OWN_URL}/webhooks/twilio_voice/")
        assert "message" in heard.words
        assert "留言" in heard.content.decode()
        goodbye = await fallback.follow(heard, CALL, RecordingSid=RECORDING, RecordingDuration="9", Digits="#")
        assert goodbye.verbs[-1] == "Hangup"
        assert "safe" in goodbye.words
        assert len(kept(fallback)) == 2, "the call and its message; waiting says nothing new"


async def test_whoever_says_nothing_after_the_tone_is_told_to_call_again(tmp_path: Path) -> None:
    async with a_fallback(tmp_path) as fallback:
        heard = await fallback.call(CALL)
        for _ in range(ATTEMPTS):
            heard = await fallback.follow(heard, CALL)
        goodbye = await fallback.follow(heard, CALL)
        assert goodbye.verbs[-1] == "Hangup"
        assert "again" in goodbye.words


async def test_digits_that_are_secret_are_not_written_to_the_spool(tmp_path: Path) -> None:
    async with a_fallback(tmp_path) as fallback:
        await fallback.call(CALL)
        asked = "/input?" + urlencode({"position": "v.3.0.ask.0.0.pin", "secret": "1"})
        heard = await fallback.call(CALL, asked, Digits="48151623")
        assert "Gather" in heard.verbs, "the caller stays on the line, and the hub will ask again"
        entries = [unpack(fallback.spool.read(number), number) for number in fallback.spool.waiting()]
        assert len(entries) == 1
        assert all(entry.request and b"48151623" not in entry.request.body for entry in entries)


async def test_a_caller_goes_back_to_the_hub_as_soon_as_it_is_there(tmp_path: Path) -> None:
    async with a_fallback(tmp_path) as fallback:
        heard = await fallback.call(CALL)
        fallback.there[0] = True
        heard = await fallback.follow(heard, CALL)
        assert heard.address() == f"{HUB_URL}/webhooks/twilio_voice"
        assert kept(fallback)[-1] == "directed"


async def test_a_hub_that_says_it_is_ready_and_fails_the_call_is_not_believed_for_ever(tmp_path: Path) -> None:
    async with a_fallback(tmp_path) as fallback:
        fallback.there[0] = True
        for _ in range(DIRECTED_AT_MOST):
            assert (await fallback.call(CALL)).address().startswith(HUB_URL)
        heard = await fallback.call(CALL)
        assert heard.address().startswith(OWN_URL)
        assert kept(fallback)[-1] != "directed", "what comes after it was sent on is kept anew"


async def test_what_is_not_signed_for_this_address_is_refused_and_not_kept(tmp_path: Path) -> None:
    async with a_fallback(tmp_path) as fallback:
        form = {"MessageSid": "SM1", "AccountSid": ACCOUNT, "From": LENA, "To": SMS_NUMBER, "Body": "hello"}
        assert (await fallback.twilio.post("/twilio_sms", form, signed=False)).status_code == 403
        unsigned = await fallback.http.post("/webhooks/twilio_sms", data=form)
        assert unsigned.status_code == 403
        fallback.twilio._public_url = HUB_URL  # signed, for somebody else
        assert (await fallback.twilio.post("/twilio_sms", form)).status_code == 403
        assert len(fallback.spool) == 0
        assert fallback.spool.size == 0


async def test_forwarded_headers_change_nothing(tmp_path: Path) -> None:
    async with a_fallback(tmp_path) as fallback:
        fallback.http.headers.update(
            {"x-forwarded-host": "evil.example", "x-forwarded-proto": "http", "host": "evil"}
        )
        await fallback.twilio.sms(LENA, "genuine")
        assert len(fallback.spool) == 1


async def test_the_same_call_again_and_again_fills_no_disk(tmp_path: Path) -> None:
    async with a_fallback(tmp_path) as fallback:
        for _ in range(20):
            await fallback.call(CALL)
        assert len(fallback.spool) == 1


async def test_too_much_is_refused(tmp_path: Path) -> None:
    async with a_fallback(tmp_path) as fallback:
        answer = await fallback.http.post("/webhooks/twilio_sms", content=b"x" * 300_000)
        assert answer.status_code == 413
        assert (await fallback.http.post("/webhooks/nobody", content=b"")).status_code == 404
        assert (await fallback.http.put("/webhooks/twilio_sms", content=b"")).status_code == 405
        assert len(fallback.spool) == 0


async def test_with_a_full_spool_nothing_is_acknowledged_and_no_caller_hears_an_error(tmp_path: Path) -> None:
    async with a_fallback(tmp_path, most_bytes=3_000) as fallback:
        sent = 0
        form = {"AccountSid": ACCOUNT, "From": LENA, "To": SMS_NUMBER, "Body": "hello"}
        while (
            answer := await fallback.twilio.post("/twilio_sms", {**form, "MessageSid": f"SM{sent:032}"})
        ).is_success:
            sent += 1
        assert answer.status_code == 503
        assert 0 < sent < 20
        assert len(fallback.spool) == sent, "what was acknowledged is there, and nothing else is"
        heard = await fallback.call(CALL)
        assert "Redirect" in heard.verbs
        assert heard.words
        assert (await fallback.http.get("/health")).json()["full"] == 2


async def test_something_genuine_that_is_not_understood_is_kept_for_a_person(tmp_path: Path) -> None:
    async with a_fallback(tmp_path) as fallback:
        answer = await fallback.twilio.post("/twilio_voice", {"AccountSid": ACCOUNT, "From": LENA})
        assert answer.status_code == 200
        assert (await fallback.twilio.post("/twilio_sms/nowhere", {"AccountSid": ACCOUNT})).status_code < 500
        assert len(fallback.spool) == 2


async def test_a_call_is_not_handed_over_while_its_caller_is_here(tmp_path: Path) -> None:
    async with a_fallback(tmp_path) as fallback:
        heard = await fallback.call(CALL)
        await fallback.twilio.sms(LENA, "and a text")
        fallback.advance(QUIET_MS - 1_000)
        assert [each.thread for each in fallback.hand_over._batch(fallback.standby)] == [""]
        heard = await fallback.follow(heard, CALL)
        fallback.advance(QUIET_MS - 1_000)
        assert [each.thread for each in fallback.hand_over._batch(fallback.standby)] == [""]
        fallback.advance(1_000)
        assert [each.thread for each in fallback.hand_over._batch(fallback.standby)] == [CALL, ""]


async def test_its_health_says_what_waits(tmp_path: Path) -> None:
    async with a_fallback(tmp_path) as fallback:
        await fallback.twilio.sms(LENA, "hello")
        health = (await fallback.http.get("/health")).json()
        assert (health["status"], health["hub"], health["waiting"]) == ("up", "away", 1)
        assert (await fallback.http.get("/media/hold.wav")).content.startswith(b"RIFF")


@pytest.mark.parametrize("path", ["", "/input?position=fallback%3A1", "/input?position=" + "x" * 9_000, "/recorded"])
async def test_whatever_a_signed_request_says_the_answer_is_no_server_error(path: str, tmp_path: Path) -> None:
    async with a_fallback(tmp_path) as fallback:
        form = {"CallSid": CALL, "AccountSid": ACCOUNT, "From": "\x00\ud7ff", "To": VOICE_NUMBER, "Digits": "9" * 500}
        answer = await fallback.twilio.post("/twilio_voice" + path, form)
        assert answer.status_code < 500, urlencode(form)
