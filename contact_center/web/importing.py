"""History that is moved in while the hub runs: an admin's archives of mail, a conversation at a time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from contact_center.domain.errors import NotAllowed, NotFound, NotValid
from contact_center.importing.history import MOST_LETTERS, Importer
from contact_center.registry.runtime import Runtime
from contact_center.web.answers import Json
from contact_center.web.principal import Hub, Principal, Supervising

router = APIRouter(prefix="/api/v1")

_LENGTH = 4


def framed(letters: Iterable[bytes]) -> bytes:
    """The body of a request: before each letter its length, in four bytes, the highest first."""
    return b"".join(len(letter).to_bytes(_LENGTH, "big") + letter for letter in letters)


def letters_in(body: bytes) -> list[bytes]:
    """The letters in such a body. Raises :class:`NotValid`."""
    letters: list[bytes] = []
    at = 0
    while at < len(body):
        size = int.from_bytes(body[at : at + _LENGTH], "big")
        at += _LENGTH + size
        if at > len(body) or len(letters) >= MOST_LETTERS:
            raise NotValid("body", f"The body must be at most {MOST_LETTERS} letters, each behind its length.")
        letters.append(body[at - size : at])
    return letters


def importer(runtime: Runtime, channel: str) -> Importer:
    """Raises ``NotFound``."""
    if channel not in runtime.channels:
        raise NotFound("channel")
    return Importer(runtime.channels[channel], runtime.executor, runtime.blobs, runtime.occasion)


async def moving_in(principal: Supervising) -> Principal:
    """Raises ``NotAllowed`` for everybody but admins."""
    if principal.role != "admin":
        raise NotAllowed("Only an admin may move mail in.")
    return principal


@router.post("/mail/import", summary="Move a conversation out of an archive in")
async def import_mail(
    request: Request,
    _: Annotated[Principal, Depends(moving_in)],
    runtime: Hub,
    mailbox: Annotated[str, Query(max_length=320)],
    channel: Annotated[str, Query(max_length=32)] = "email",
    dry_run: bool = False,
) -> Response:
    """The body: letters (RFC 5322) of one conversation, each behind its length in four bytes, the highest first. They
    become a closed case with the times when they were written; what is known already is not taken again."""
    taking = importer(runtime, channel)
    taking.check(mailbox)
    outcomes = await taking.take(mailbox, letters_in(await request.body()), dry_run)
    return Json({"items": [asdict(outcome) for outcome in outcomes]})
