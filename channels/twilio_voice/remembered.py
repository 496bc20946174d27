"""What Twilio remembers of calls and recordings, as the webhooks that would have told it: what was lost while the
hub was away comes in by the same door, under the same names."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import urlencode

from channels.contract import Request
from channels.twilio import MOST_REMEMBERED, harmless_twice, moment_of, numbers_at, sid_of
from channels.twilio_voice.webhooks import OVER
from contact_center.domain.time import Moment

OURS = {"RecordVerb": "voicemail", "StartCallRecordingAPI": "call"}
"""Source of a recording → its purpose. Others are not ours: we never ask for them."""

DoorOf = Callable[[str], Awaitable[str]]
"""Where the reports on a leg that we rang go, with their query; empty where nobody knows any more."""


async def since(client: Any, hook: str, numbers: frozenset[str], moment: Moment, door_of: DoorOf) -> list[Request]:
    """Oldest first. A call that goes on is left to its webhooks. ``numbers`` as in ``channels.twilio.numbers_at``."""
    ours = await numbers_at(client, "voice_url", hook, numbers)
    told = [each async for each in _calls(client, hook, ours, moment, door_of)]
    return told + [each async for each in _recordings(client, hook, moment)]


async def _calls(
    client: Any, hook: str, ours: frozenset[str] | None, moment: Moment, door_of: DoorOf
) -> AsyncIterator[Request]:
    after = datetime.fromtimestamp(moment / 1_000, UTC)
    calls = await harmless_twice(client.calls.list_async(end_time_after=after, limit=MOST_REMEMBERED))
    for call in sorted(calls, key=lambda each: moment_of(each.end_time)):
        if call.status not in OVER or moment_of(call.end_time) < moment:
            continue
        if call.direction == "inbound" and (ours is None or call.to in ours):
            yield _told(hook, "", _form(call, "ringing", call.start_time))
            yield _told(hook, "/status", _form(call, call.status, call.end_time))
        elif call.direction == "outbound-api" and (door := await door_of(sid_of(call))):
            yield _told(hook, door, _form(call, call.status, call.end_time))


async def _recordings(client: Any, hook: str, moment: Moment) -> AsyncIterator[Request]:
    after = datetime.fromtimestamp(moment / 1_000, UTC)
    found = await harmless_twice(client.recordings.list_async(date_created_after=after, limit=MOST_REMEMBERED))
    for each in sorted(found, key=lambda each: moment_of(each.date_created)):
        if each.source in OURS and moment_of(each.date_created) >= moment:
            form = {
                "CallSid": each.call_sid,
                "RecordingSid": each.sid,
                "RecordingStatus": each.status,
                "RecordingDuration": each.duration,
                "RecordingChannels": each.channels,
                "RecordingStartTime": _written(each.start_time),
                "ErrorCode": each.error_code,
            }
            yield _told(hook, f"/recording?purpose={OURS[each.source]}", form)


def _form(call: Any, status: str, at: Any) -> Mapping[str, Any]:
    return {
        "CallSid": call.sid,
        "CallStatus": status,
        "Direction": call.direction,
        "From": call._from,  # the package's own name for it
        "To": call.to,
        "CallerName": call.caller_name,
        "ForwardedFrom": call.forwarded_from,
        "StirVerstat": call.stir_verstat,
        "Timestamp": _written(at),
    }


def _written(at: Any) -> str:
    return format_datetime(at) if isinstance(at, datetime) else ""


def _told(hook: str, door: str, form: Mapping[str, Any]) -> Request:
    path, _, query = door.partition("?")
    told = {name: str(value) for name, value in form.items() if value not in (None, "")}
    return Request("POST", hook + door, path, query, {}, urlencode(told).encode())
