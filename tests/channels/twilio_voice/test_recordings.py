"""Recordings as files: fetched with our credentials, which nobody else ever sees, and never too much of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from channels.contract import Rejected, Retry
from channels.twilio_voice import recordings
from tests.channels.fake_hub import FakeHub
from tests.channels.twilio_fake import Told
from tests.channels.twilio_voice.test_calling import opened

RECORDING = "RE9b0e8ae6ade43cb3c0ce4525424e404f"
WAV = b"RIFF\x24\x00\x00\x00WAVE" + bytes(range(256)) * 40


async def test_a_recording_comes_as_the_bytes_that_twilio_keeps() -> None:
    async with opened() as (channel, fake):
        fake.files[f"{RECORDING}.wav"] = WAV
        media = await channel.fetch(RECORDING)
        assert (media.body, media.media_type) == (WAV, "audio/x-wav")
        assert [asked.path for asked in fake.asked] == [f"Recordings/{RECORDING}.wav"]


async def test_a_long_recording_comes_in_the_smaller_form(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recordings, "MAX_WAV", len(WAV) - 1)
    async with opened() as (channel, fake):
        fake.files = {f"{RECORDING}.wav": WAV, f"{RECORDING}.mp3": b"ID3 much smaller"}
        media = await channel.fetch(RECORDING)
        assert (media.body, media.media_type) == (b"ID3 much smaller", "audio/mpeg")
        monkeypatch.setattr(recordings, "MAX_MP3", 4)
        with pytest.raises(Rejected, match="larger"):
            await channel.fetch(RECORDING)


@pytest.mark.parametrize(
    "answer",
    [
        *(Told(404, 20404, "not found"), Told(500), Told(503), Told(429), Told(401, 20003), Told(200, body=b"")),
        Told(200, body=b"x" * 100, half=True),
    ],
)
async def test_a_file_that_is_not_there_yet_is_asked_for_again(answer: Told) -> None:
    async with opened() as (channel, fake):
        fake.answer_next(answer)
        with pytest.raises(Retry):
            await channel.fetch(RECORDING)


@pytest.mark.parametrize("answer", [Told(400, 20001), Told(410)])
async def test_a_file_that_will_never_be_there_is_given_up(answer: Told) -> None:
    async with opened() as (channel, fake):
        fake.answer_next(answer)
        with pytest.raises(Rejected):
            await channel.fetch(RECORDING)


@pytest.mark.parametrize("recording_id", ["", "../Calls", "RE1/../x", "RE 1", "RE1?x=y", "RE１"])
async def test_what_names_no_recording_is_never_asked_for(recording_id: str) -> None:
    async with opened() as (channel, fake):
        with pytest.raises(Rejected):
            await channel.fetch(recording_id)
        assert not fake.asked


async def test_a_password_that_twilio_does_not_believe_is_shown() -> None:
    hub = FakeHub()
    async with opened() as (channel, fake):
        await channel.listen(hub)
        fake.answer_next(Told(401, 20003, "Authenticate"))
        with pytest.raises(Retry):
            await channel.fetch(RECORDING)
        assert [state for state, _ in hub.reports] == ["degraded"]


# --- who sees the credentials ----------------------------------------------------------------------------


@asynccontextmanager
async def stranger() -> AsyncIterator[tuple[str, list[str]]]:
    """Another host, and the heads of the requests that it got."""
    heads: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append((await reader.readuntil(b"\r\n\r\n")).decode().lower())
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: audio/x-wav\r\nContent-Length: 4\r\n\r\nRIFF")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", heads
    finally:
        server.close()
        await server.wait_closed()


async def test_being_sent_on_to_another_host_without_tls_is_refused() -> None:
    async with opened() as (channel, fake), stranger() as (url, heads):
        fake.answer_next(Told(302, headers=(("Location", f"{url}/file.wav"),)))
        with pytest.raises(Rejected):
            await channel.fetch(RECORDING)
        assert heads == []


async def test_credentials_go_to_no_other_host() -> None:
    """Read one hop lower, since a stranger with a certificate is hard to come by here: what may be asked of one is
    asked without a password."""
    from channels.twilio_rest import _same_host

    assert _same_host("https://api.twilio.com/a", "https://api.twilio.com/b")
    for other in (
        "https://api.twilio.com.evil.example/a",
        "http://api.twilio.com/a",
        "https://api.twilio.com:8443/a",
    ):
        assert not _same_host(other, "https://api.twilio.com/b")


async def test_being_sent_on_within_twilio_is_followed_and_not_for_ever() -> None:
    async with opened() as (channel, fake):
        elsewhere = f"/2010-04-01/Accounts/{channel.account_sid}/Recordings/{RECORDING}-moved.wav"
        fake.files[f"{RECORDING}-moved.wav"] = WAV
        fake.answer_next(Told(307, headers=(("Location", elsewhere),)))
        assert (await channel.fetch(RECORDING)).body == WAV
        assert all("authorization" in asked.headers for asked in fake.asked)
        fake.answer_next(*[Told(302, headers=(("Location", elsewhere),))] * 10)
        with pytest.raises(Rejected):
            await channel.fetch(RECORDING)
        assert len(fake.asked) < 8


# --- recordings that anybody could fetch -----------------------------------------------------------------


async def test_recordings_open_to_anybody_are_warned_of_where_that_is_asked_for() -> None:
    for asked_for, answer, reported in ((True, Told(200, body=WAV), ["degraded"]), (False, None, [])):
        hub = FakeHub()
        async with opened(check_recording_auth=asked_for) as (channel, fake):
            fake.lists["Recordings"] = [{"sid": RECORDING}]
            fake.answer_next(None, answer)
            await channel.listen(hub)
            assert [state for state, _ in hub.reports] == reported
            if reported:
                assert "HTTP authentication" in hub.reports[0][1]
                assert "authorization" not in fake.asked[-1].headers


async def test_recordings_that_are_closed_or_not_there_are_no_news() -> None:
    for lists in ([{"sid": RECORDING}], []):
        hub = FakeHub()
        async with opened(check_recording_auth=True) as (channel, fake):
            fake.lists["Recordings"] = list(lists)
            fake.files[f"{RECORDING}.wav"] = WAV
            await channel.listen(hub)
            assert [state for state, _ in hub.reports if state != "ready"] == []
