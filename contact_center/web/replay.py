"""Trying again what was put aside: after a mend, the same bytes go through the same door."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from channels.contract import Malformed, Refused, Request
from contact_center.domain.errors import NotFound, Refusal
from contact_center.importing.history import HISTORY, Importer
from contact_center.registry.door import Door
from contact_center.registry.runtime import Runtime
from contact_center.storage import quarantine
from contact_center.web.answers import Json
from contact_center.web.principal import Hub, Supervising

router = APIRouter(prefix="/api/v1")


class NotReplayed(Refusal):
    status = 409


@router.post("/quarantine/{entry}/replay", summary="Try it again")
async def replay(entry: str, _: Supervising, runtime: Hub) -> Response:
    """The entry's bytes through its channel once more; 409 with the reason where it still cannot be understood."""
    return Json({"value": {"taken": await again(runtime, entry)}})


async def again(runtime: Runtime, entry: str) -> int:
    """Tries the entry again: how many events it gave that belong somewhere. Raises ``NotFound`` and
    :class:`NotReplayed`."""
    row = await runtime.executor.read(quarantine.get, entry[:64])
    door = runtime.doors.get(row.channel) if row is not None else None
    if row is None or door is None:
        raise NotFound("quarantined entry")
    try:
        taken = await _events_of(row, door, runtime)
    except Refused as refused:
        await runtime.executor.write(quarantine.set_state, entry, "held", refused.reason)
        raise NotReplayed("still_refused", f"It still cannot be understood: {refused.reason}") from refused
    if not taken:
        raise NotReplayed("still_unknown", "It still belongs to nothing that we know.")
    await runtime.executor.write(quarantine.set_state, entry, "replayed")
    return taken


async def _events_of(row: Any, door: Door, runtime: Runtime) -> int:
    kept = row.request
    if kept is not None and "method" in kept:
        request = Request(
            kept["method"], kept["url"], kept["path"], kept["query"], kept["headers"], kept["body"].encode("latin-1")
        )
        parsed = door.channel.parse(request, door.now())
    else:
        raw = await runtime.blobs.get(row.digest)
        if raw is None:
            raise NotReplayed("no_bytes", "Its bytes are not kept, so it cannot be tried again.")
        if row.source_id.partition("|")[2].startswith(HISTORY[1:]):
            return await _as_history(row, raw, door, runtime)
        parsed = await door.channel.parse_again(raw, row.source_id, door.now())
    answers = await door.take_in(parsed)
    return sum(1 for answer in answers if not answer.unknown)


async def _as_history(row: Any, raw: bytes, door: Door, runtime: Runtime) -> int:
    """What an archive held is history, whenever it is understood."""
    taking = Importer(door.channel, runtime.executor, runtime.blobs, runtime.occasion)
    (outcome,) = await taking.take(row.source_id.partition(HISTORY)[0], [raw])
    if outcome.state == "quarantined":
        raise Malformed(outcome.reason)
    return int(outcome.state in ("taken", "known"))
