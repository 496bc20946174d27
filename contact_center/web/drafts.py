"""What an agent is writing, and the files that they bring for it: theirs alone until it is sent."""

from __future__ import annotations

import mimetypes
import re
from pathlib import PurePath
from typing import Annotated, Any, Literal
from urllib.parse import quote

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from contact_center.desk.mail import MOST_BYTES
from contact_center.domain.errors import NotAllowed, NotFound, NotValid
from contact_center.domain.record import IN_HAND
from contact_center.domain.time import DAY, Moment
from contact_center.registry.runtime import Runtime
from contact_center.storage import drafts, journal, uploads
from contact_center.storage.blobs import TooLarge
from contact_center.storage.connection import Connection
from contact_center.storage.uploads import Upload
from contact_center.web.answers import Json, error
from contact_center.web.principal import Hub, Principal, SignedIn

router = APIRouter(prefix="/api/v1")

DRAFT_LIMIT = 512 * 1_024
MOST_HELD = 2_000 * 1_048_576
"""Bytes that one agent may have brought in a week."""
KEEP_UPLOADS_MS = 7 * DAY
KEEP_DRAFTS_MS = 30 * DAY

Kind = Literal["reply", "note"]
Words = Annotated[str, Field(max_length=DRAFT_LIMIT)]
Addresses = Annotated[list[Annotated[str, Field(max_length=320)]], Field(max_length=200)]
_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,62}/[a-z0-9][a-z0-9!#$&^_.+-]{0,62}")
_PICTURES = ("image/png", "image/jpeg", "image/gif", "image/webp")
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; sandbox; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "private, no-store",
}


class Draft(BaseModel):
    model_config = ConfigDict(extra="forbid")
    text: Words = ""
    html: Words = ""
    subject: Annotated[str, Field(max_length=1_000)] = ""
    to: Addresses = []
    cc: Addresses = []
    bcc: Addresses = []
    attachments: Annotated[list[dict[str, Any]], Field(max_length=100)] = []
    mode: Annotated[str, Field(max_length=16)] = ""


def _desk(principal: Principal) -> str:
    """Whose desk it is. Raises ``NotAllowed`` where it is nobody's."""
    if not principal.agent_id:
        raise NotAllowed("Only an agent writes to customers.")
    return principal.agent_id


@router.put("/interactions/{interaction_id}/draft/{kind}", summary="Keep what is being written")
async def put_draft(interaction_id: str, kind: Kind, principal: SignedIn, runtime: Hub, request: Request) -> Response:
    """The agent's own, one for each interaction and kind: the latest counts. It goes with sending, or after 30
    days."""
    agent_id = _desk(principal)
    body = _draft(await request.body())
    now = runtime.occasion().now

    def write(conn: Connection) -> None:
        if journal.look(conn, interaction_id[:64]) is None:
            raise NotFound("interaction")
        drafts.put(conn, agent_id, interaction_id[:64], kind, body, now)

    await runtime.executor.write(write)
    return Json({"updated_at": now})


def _draft(data: bytes) -> dict[str, Any]:
    if len(data) > DRAFT_LIMIT:
        raise NotValid("too_large", f"A draft has {DRAFT_LIMIT // 1_024} KB at most.")
    try:
        return Draft.model_validate_json(data).model_dump()
    except ValidationError as wrong:
        first = wrong.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "draft"
        raise NotValid("args", f"{where}: {first['msg']}") from wrong


@router.get("/interactions/{interaction_id}/draft/{kind}", summary="What the agent was writing")
async def get_draft(interaction_id: str, kind: Kind, principal: SignedIn, runtime: Hub) -> Response:
    """``updated_at`` is 0 where the agent has the interaction in hand and has begun nothing."""
    body, updated_at = await runtime.executor.read(_begun, _desk(principal), interaction_id[:64], kind)
    return Json({**body, "updated_at": updated_at})


def _begun(conn: Connection, agent_id: str, interaction_id: str, kind: Kind) -> tuple[dict[str, Any], Moment]:
    found = drafts.get(conn, agent_id, interaction_id, kind)
    if found is not None:
        return found
    loaded = journal.look(conn, interaction_id)
    if loaded is None or loaded.record.agent_id != agent_id or loaded.record.state not in IN_HAND:
        raise NotFound("draft")
    return {}, 0


@router.delete("/interactions/{interaction_id}/draft/{kind}", summary="Throw away what was being written")
async def drop_draft(interaction_id: str, kind: Kind, principal: SignedIn, runtime: Hub) -> Response:
    await runtime.executor.write(drafts.drop, _desk(principal), interaction_id[:64], kind)
    return Response(status_code=204)


# --- files ----------------------------------------------------------------------------------------------------------


@router.post("/uploads", summary="Bring a file to send")
async def upload(
    principal: SignedIn, runtime: Hub, request: Request, name: Annotated[str, Query(max_length=1_000)] = ""
) -> Response:
    """The body is the file. It may be sent in the next seven days, by whoever brought it."""
    agent_id = _desk(principal)
    if await runtime.executor.read(uploads.held, agent_id) >= MOST_HELD:
        raise NotValid("too_many", "You have brought too many files this week. Send fewer, or smaller ones.")
    try:
        digest, size = await runtime.uploads.take(request.stream(), MOST_BYTES)
    except TooLarge:
        return error(413, "too_large", f"A file has {MOST_BYTES // 1_048_576} MB at most.")
    shown = _name(name)
    brought = Upload(digest, shown, _media_type(shown, request.headers.get("content-type", "")), size)
    await runtime.executor.write(uploads.put, agent_id, brought, runtime.occasion().now)
    return Json({"digest": digest, "name": shown, "media_type": brought.media_type, "size": size})


def _name(name: str) -> str:
    plain = "".join(c if c.isprintable() else " " for c in name.replace("\\", "/"))
    return " ".join(PurePath(plain).name.split())[:200] or "file"


def _media_type(name: str, said: str) -> str:
    """What the name says counts before what the browser says; whatever is odd is a file of unknown bytes."""
    media_type = (mimetypes.guess_type(name)[0] or said.partition(";")[0]).strip().lower()
    return media_type if _TYPE.fullmatch(media_type) else "application/octet-stream"


@router.get("/uploads/{digest}", summary="A file that the agent has brought")
async def uploaded(digest: str, principal: SignedIn, runtime: Hub) -> Response:
    """Pictures as such, for the page that they stand in; everything else as a download."""
    found = await runtime.executor.read(uploads.get, _desk(principal), digest[:64])
    path = runtime.uploads.path(found.digest) if found is not None else None
    if found is None or path is None or not path.is_file():
        raise NotFound("file")
    picture = found.media_type in _PICTURES
    plain = "".join(c if (c.isascii() and c.isalnum()) or c in "._- " else "_" for c in found.name)
    kind = "inline" if picture else "attachment"
    name = f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(found.name, safe='')}"
    media_type = found.media_type if picture else "application/octet-stream"
    return FileResponse(path, headers={**_HEADERS, "Content-Disposition": name}, media_type=media_type)


async def forget(runtime: Runtime, now: Moment) -> None:
    """Lets go of what was brought or begun long ago and never sent."""
    await runtime.executor.write(drafts.forget, now - KEEP_DRAFTS_MS)
    for digest in await runtime.executor.write(uploads.forget, now - KEEP_UPLOADS_MS):
        await runtime.uploads.remove(digest)
