"""Recordings as files: https://www.twilio.com/docs/voice/api/recording#fetch-a-recordings-media-file"""

from __future__ import annotations

from typing import Any

from channels.contract import Media, Rejected, Retry
from channels.twilio import Unbelieved, harmless_twice, sid_of
from channels.twilio_voice.calling import needed_sid

MAX_WAV = 60 * 1024 * 1024
"""Half an hour of both sides. A longer recording comes as MP3, a tenth of the size."""
MAX_MP3 = 200 * 1024 * 1024

EXPOSED = (
    "Twilio gives recordings to anybody who knows their address: switch on HTTP authentication for media in the "
    "Voice settings of the account."
)


async def fetch(client: Any, recording_id: str) -> Media:
    """Raises :class:`Retry` where the file is not there yet, :class:`Rejected` where it never will be."""
    path = f"/2010-04-01/Accounts/{client.account_sid}/Recordings/{needed_sid(recording_id, 'recording')}"
    for suffix, limit, fallback_type in ((".wav", MAX_WAV, "audio/x-wav"), (".mp3", MAX_MP3, "audio/mpeg")):
        answer = await client.http_client.download(path + suffix, client.auth, limit)
        if answer.too_large:
            continue
        if answer.status == 404:
            raise Retry("Twilio does not have this recording's file, or not yet.")
        if answer.status in (401, 403):
            raise Unbelieved("Twilio does not believe us: check CONTACT_CENTER_TWILIO_ACCOUNT_SID and …_AUTH_TOKEN.")
        if answer.status != 200:
            raise Rejected(f"Twilio does not give this recording's file ({answer.status}).")
        if not answer.body:
            raise Retry("Twilio gave an empty file for this recording.")
        told = answer.media_type
        return Media(answer.body, told if told.startswith("audio/") else fallback_type)
    raise Rejected(f"The recording is larger than {MAX_MP3 // (1024 * 1024)} MB.")


async def open_to_anybody(client: Any) -> str:
    """A warning where a recording can be had without a password; empty where it can't, or where there is none."""
    found = await harmless_twice(client.recordings.list_async(limit=1))
    if not found:
        return ""
    path = f"/2010-04-01/Accounts/{client.account_sid}/Recordings/{sid_of(found[0])}.wav"
    answer = await client.http_client.download(path, None, MAX_WAV)
    return EXPOSED if answer.status == 200 else ""
