"""Listening to recordings: only whoever supervises or has served the caller, and never without a trace."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import structlog
from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from contact_center.domain.errors import NotAllowed, NotFound, NotValid
from contact_center.domain.record import Record
from contact_center.storage import journal, recordings
from contact_center.storage.connection import Connection
from contact_center.storage.recordings import Recording
from contact_center.web.answers import Json
from contact_center.web.principal import Hub, Principal, SignedIn

log = structlog.get_logger(__name__)

router = APIRouter(prefix="/api/v1/recordings")

Ref = Annotated[str, Query(max_length=64)]

ENDINGS = {"audio/wav": "wav", "audio/x-wav": "wav", "audio/mpeg": "mp3", "audio/ogg": "ogg", "audio/webm": "webm"}
"""What a browser may play here. Whatever else a provider sends is a download of unknown bytes."""

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; media-src 'self'; sandbox; frame-ancestors 'self'",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "private, no-store",
}


def may_hear(principal: Principal, record: Record) -> bool:
    """Supervisors hear all; an agent what is theirs: the interactions that they hold or have served."""
    if principal.supervises:
        return True
    mine = principal.agent_id
    return bool(mine) and (mine in record.served_by or (record.agent_id == mine and record.state != "offered"))


def _may_hear_one(conn: Connection, principal: Principal, recording: Recording) -> bool:
    """Whether the recording is of something that they may hear: the call, or the work that a voicemail became."""
    about = [recording.interaction_id, *recordings.work_of(conn, recording.case_id)]
    for interaction_id in dict.fromkeys(about):
        loaded = journal.look(conn, interaction_id)
        if loaded is None:
            continue
        theirs = interaction_id == recording.interaction_id or _voicemail_of(loaded.record) == recording.recording_id
        if theirs and may_hear(principal, loaded.record):
            return True
    return False


def _voicemail_of(record: Record) -> str:
    return str(record.voicemail.get("recording_id", ""))


@router.get("", summary="The recordings of an interaction, oldest first; or all in a state, newest first")
async def list_recordings(
    principal: SignedIn,
    runtime: Hub,
    interaction_id: Ref = "",
    state: Literal["", "wanted", "stored", "missing", "removed"] = "",
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Response:
    """One of ``interaction_id`` and ``state`` is needed. By state is for supervisors: which are missing, which have
    still to come."""

    def of_interaction(conn: Connection) -> list[Recording]:
        loaded = journal.look(conn, interaction_id)
        if loaded is None or not may_hear(principal, loaded.record):
            raise NotFound("interaction")
        found = recordings.of_interaction(conn, interaction_id)
        left = recordings.get(conn, _voicemail_of(loaded.record), loaded.record.channel)
        return [left, *found] if left is not None and left not in found else found

    if interaction_id:
        found = await runtime.executor.read(of_interaction)
    elif not state:
        raise NotValid("args", "Say whose recordings: interaction_id, or for supervisors state.")
    elif not principal.supervises:
        raise NotAllowed("Only supervisors and admins may see this.")
    else:
        found = await runtime.executor.read(recordings.in_state, state, limit)
    return Json({"items": [_view(each) for each in found], "next": None})


def _view(recording: Recording) -> dict[str, Any]:
    """``href`` is empty where there is nothing (or nothing any more) to hear; ``reason`` says why."""
    there = recording.state == "stored"
    return {
        "recording_id": recording.recording_id,
        "interaction_id": recording.interaction_id,
        "case_id": recording.case_id,
        "purpose": recording.purpose,
        "state": recording.state,
        "media_type": recording.media_type,
        "size": recording.size,
        "duration_ms": recording.duration_ms,
        "made_at": recording.made_at,
        "keep_until_at": recording.keep_until_at or None,
        "reason": recording.reason,
        "href": f"/api/v1/recordings/{recording.recording_id}" if there else "",
    }


@router.get("/{recording_id}", summary="A recording's sound")
async def one_recording(
    recording_id: str, principal: SignedIn, runtime: Hub, request: Request, download: bool = False
) -> Response:
    """Whole, or the part that ``Range`` asks for. 404 for whoever may not hear it, as if it weren't there. Every
    access is written to the log with who it was."""

    def read(conn: Connection) -> Recording | None:
        found = recordings.get(conn, recording_id[:128])
        return found if found is not None and _may_hear_one(conn, principal, found) else None

    found = await runtime.executor.read(read)
    who = {
        "recording_id": recording_id[:128],
        "login_id": principal.login_id,
        "agent_id": principal.agent_id,
        "role": principal.role,
        "by_key": principal.key.startswith("key:"),
        "range": request.headers.get("range", "")[:100],
    }
    path = runtime.recordings.path(found.digest) if found is not None and found.state == "stored" else None
    if found is None or path is None or not path.is_file():
        log.warning("recording_refused", **who)
        raise NotFound("recording")
    log.info("recording_heard", interaction_id=found.interaction_id, **who)
    ending = ENDINGS.get(found.media_type.partition(";")[0].strip().lower())
    plain = "".join(c for c in found.recording_id if c.isascii() and c.isalnum())[:64] or "recording"
    return FileResponse(
        path,
        headers=_HEADERS,
        media_type=found.media_type if ending else "application/octet-stream",
        filename=f"{plain}.{ending or 'bin'}",
        content_disposition_type="inline" if ending and not download else "attachment",
    )
