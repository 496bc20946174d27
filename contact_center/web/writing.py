"""A letter as it comes from an agent's console, made ready for the verb that sends it."""

from __future__ import annotations

import asyncio
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from contact_center.desk import mail
from contact_center.desk.mail import Written
from contact_center.desk.verbs import Acting
from contact_center.domain.letters import MOST_RECIPIENTS, Mode, pictures_in
from contact_center.domain.rich_text import sendable
from contact_center.registry.runtime import Runtime
from contact_center.storage import journal
from contact_center.storage.connection import Connection

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Addresses = Annotated[list[Annotated[str, Field(max_length=320)]], Field(max_length=10 * MOST_RECIPIENTS)]


class File(BaseModel):
    model_config = ConfigDict(extra="ignore")
    digest: Digest
    name: Annotated[str, Field(max_length=400)] = ""


class ReplyArgs(BaseModel):
    """``html`` counts before ``text``. ``to`` left out is the customer."""

    model_config = ConfigDict(extra="forbid")
    interaction_id: Annotated[str, Field(min_length=1, max_length=64)]
    text: Annotated[str, Field(max_length=mail.TEXT_LIMIT)] = ""
    html: Annotated[str, Field(max_length=mail.HTML_LIMIT)] = ""
    subject: Annotated[str, Field(max_length=400)] = ""
    to: Addresses | None = None
    cc: Addresses = []
    bcc: Addresses = []
    attachments: Annotated[list[File], Field(max_length=mail.MOST_FILES)] = []
    send_at: Annotated[int, Field(ge=0, le=2**53)] = 0
    mode: Mode | None = None

    @property
    def is_letter(self) -> bool:
        """Whether it says what only a letter has."""
        return bool(self.html or self.to or self.cc or self.bcc or self.attachments or self.send_at or self.mode)


def _theirs(conn: Connection, acting: Acting, interaction_id: str) -> bool:
    loaded = journal.look(conn, interaction_id)
    return loaded is not None and loaded.record.agent_id == acting.agent_id


async def written(runtime: Runtime, acting: Acting, args: ReplyArgs) -> Written | None:
    """What the agent has written, made harmless, with its files where letters take them from. Nothing is kept, and
    None given, of somebody who does not have the conversation in hand."""
    if not await runtime.executor.read(_theirs, acting, args.interaction_id):
        return None
    html = await asyncio.to_thread(sendable, args.html) if args.html.strip() else ""
    files = {file.digest: file.name for file in args.attachments}
    for digest in {*files, *pictures_in(html)}:
        await runtime.blobs.adopt(runtime.uploads, digest)
    return Written(
        text=args.text,
        html=html,
        html_digest=await runtime.blobs.put(html.encode()) if html else "",
        subject=args.subject,
        to=None if args.to is None else tuple(args.to),
        cc=tuple(args.cc),
        bcc=tuple(args.bcc),
        files=tuple(files.items()),
        send_at=args.send_at,
        mode=args.mode,
    )
