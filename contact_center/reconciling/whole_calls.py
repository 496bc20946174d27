"""What a provider remembers, put together call by call. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from channels.contract import Parsed

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


def _together(pieces: list[Parsed]) -> Parsed:
    if len(pieces) == 1:
        return pieces[0]
    return Parsed(
        events=tuple([event for piece in pieces for event in piece.events]),
        raw=pieces[0].raw,
        blobs={digest: data for piece in pieces for digest, data in piece.blobs.items()},
    )
