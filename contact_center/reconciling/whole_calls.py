"""What a provider remembers, put together call by call. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from channels.contract import Parsed
from contact_center.domain.events import (
    CallerRecorded,
    CustomerLeft,
    InteractionEvent,
    RecordingChanged,
    changed,
)

MOST_TOGETHER = 200


def whole_calls(parsed: Iterable[Parsed]) -> list[Parsed]:
    """The same events, each call's in one piece, in the order in which the calls began. A call that came and went
    while nobody listened is taken in as one that is over: no agent is offered a line that is dead."""
    found: list[list[Parsed]] = []
    calls: dict[tuple[str, str], list[Parsed]] = {}
    for each in parsed:
        first = each.events[0] if each.events else None
        if first is None:
            continue
        if first.medium != "voice" or not first.thread.key:
            found.append([each])
            continue
        key = (first.channel, first.thread.key)
        if key not in calls or len(calls[key]) >= MOST_TOGETHER:
            calls[key] = []
            found.append(calls[key])
        calls[key].append(each)
    return [_together(pieces) for pieces in found]


def left_behind(parsed: Parsed) -> list[InteractionEvent]:
    """Messages that callers left on calls that are over: what the call's own report of each would have said."""
    if not any(isinstance(event.body, CustomerLeft) for event in parsed.events):
        return []
    return [
        changed(
            event,
            body=CallerRecorded("remembered", event.body.recording_id, event.body.duration_ms, "hang_up"),
            source_id=f"{event.body.recording_id}:remembered",
        )
        for event in parsed.events
        if isinstance(event.body, RecordingChanged)
        and event.body.state == "completed"
        and event.body.purpose == "voicemail"
    ]


def _together(pieces: list[Parsed]) -> Parsed:
    if len(pieces) == 1:
        return pieces[0]
    return Parsed(
        events=tuple([event for piece in pieces for event in piece.events]),
        raw=pieces[0].raw,
        blobs={digest: data for piece in pieces for digest, data in piece.blobs.items()},
    )
