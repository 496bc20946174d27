"""What an answer by e-mail begins with, replies that need not be typed, and what did not arrive."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.responses import Response

from contact_center.desk import mail
from contact_center.domain.canned_replies import filled, filled_html
from contact_center.domain.errors import NotFound, NotValid
from contact_center.domain.events import InteractionEvent, MessageReceived
from contact_center.domain.letters import (
    Answer,
    Asked,
    Mode,
    Warned,
    as_html,
    language_of,
    pictures_in,
    quoted_html,
    quoted_text,
    recipients,
    subject_of,
)
from contact_center.domain.rich_text import as_text, sendable
from contact_center.moves.mail_rules import MailRules, mail_rules
from contact_center.registry.runtime import Runtime
from contact_center.storage import agents, customers, events, journal, outbox
from contact_center.storage.connection import Connection
from contact_center.storage.journal import Loaded
from contact_center.web.answers import Json
from contact_center.web.principal import Hub, SignedIn

router = APIRouter(prefix="/api/v1")

Limit = Annotated[int, Query(ge=1, le=200)]


# --- how it begins --------------------------------------------------------------------------------------------------


@router.get("/interactions/{interaction_id}/composing", summary="What an answer begins with")
async def composing(interaction_id: str, principal: SignedIn, runtime: Hub, mode: Mode = "reply") -> Response:
    """To whom, under which subject, with what quoted: proposals, all of which the agent may change. The pictures of
    ``quoted_html`` are named by digest (``cid:<digest>``) and go along by themselves."""
    loaded, event, rules = await runtime.executor.read(_answered, interaction_id[:64])
    record = loaded.record
    if record.medium != "email":
        raise NotValid("no_mail", "This conversation is not by e-mail.")
    asked = await _asked(runtime, loaded, event)
    files = {a.content_id: a.digest for a in event.attachments if a.content_id} if event is not None else {}
    html = await asyncio.to_thread(quoted_html, mode, asked, runtime.time_zone, files) if event is not None else ""
    text = quoted_text(mode, asked, runtime.time_zone) if event is not None else ""
    answer = await runtime.executor.read(_checked, loaded, asked, mode)
    shown = set(pictures_in(html))
    going = [a for a in event.attachments if mode == "forward" or a.digest in shown] if event is not None else []
    signature_html, signature_text = _signature(runtime, loaded, asked)
    return Json(
        {
            "to": answer.to,
            "cc": answer.cc,
            "subject": subject_of(mode, asked.subject or record.subject or loaded.case_subject),
            "quoted_html": html,
            "quoted_text": text,
            "attachments": [
                {"digest": a.digest, "name": a.name, "media_type": a.media_type, "size": a.size} for a in going
            ],
            "signature_html": signature_html,
            "signature_text": signature_text,
            "undo_seconds": rules.undo_seconds,
            "warnings": [asdict(each) for each in answer.warnings],
        }
    )


def _answered(conn: Connection, interaction_id: str) -> tuple[Loaded, InteractionEvent | None, MailRules]:
    """The interaction with the message that an answer to it answers."""
    loaded = journal.look(conn, interaction_id)
    if loaded is None:
        raise NotFound("interaction")
    return loaded, events.last_letter(conn, loaded.record.case_id), mail_rules(conn)


async def _asked(runtime: Runtime, loaded: Loaded, event: InteractionEvent | None) -> Asked:
    record = loaded.record
    body = event.body if event is not None else None
    if event is None or not isinstance(body, MessageReceived):
        return Asked(record.started_at, record.point, loaded.customer_name, record.subject)
    sender = event.sender.value if event.sender is not None else record.point
    original = await runtime.blobs.get(body.html) if body.html else None
    return Asked(
        at=event.occurred_at,
        address=sender,
        name=event.sender_name or (loaded.customer_name if sender == record.point else ""),
        subject=body.subject,
        text="\n".join(part for part in (body.text, body.signature, body.history) if part.strip()),
        html=original.decode("utf-8", "replace") if original else "",
        to=body.to,
        cc=body.cc,
        reply_to=body.reply_to,
    )


def _checked(conn: Connection, loaded: Loaded, asked: Asked, mode: Mode) -> Answer:
    """To whom it goes, and which of them nothing reaches."""
    record = loaded.record
    named = {asked.address, asked.reply_to, *asked.to, *asked.cc}
    ours = {record.dialled, *(each for each in named if each and mail.is_ours(conn, loaded, each))}
    answer = recipients(mode, asked, ours, {record.point, *record.participants})
    troubled = customers.troubles(conn, "email", [*answer.to, *answer.cc])
    warnings = [Warned("undeliverable", address, why) for address, why in troubled.items()]
    return replace(answer, warnings=(*answer.warnings, *warnings))


_TAG = re.compile(r"<[a-zA-Z/!][^>]*>")


def _signature(runtime: Runtime, loaded: Loaded, asked: Asked) -> tuple[str, str]:
    record = loaded.record
    channel = runtime.channels.get(record.channel)
    language = record.language or language_of(f"{asked.subject} {asked.text[:5_000]}")
    signature = channel.signature(record.dialled, language) if channel is not None else ""
    if _TAG.search(signature):
        html = sendable(signature)
        return html, as_text(html).strip()
    return as_html(signature), signature.strip()


# --- replies that need not be typed ---------------------------------------------------------------------------------

_NAMELESS = {"zh": "尊敬的客户", "en": "customer"}


@router.get("/canned-replies", summary="Ready-made replies for an interaction, filled in")
async def canned_replies(
    principal: SignedIn, runtime: Hub, interaction: Annotated[str, Query(min_length=1, max_length=64)]
) -> Response:
    """In the configuration's order: those for all queues and for the interaction's own."""

    def read(conn: Connection) -> tuple[list[dict[str, Any]], dict[str, str]]:
        loaded = journal.look(conn, interaction)
        if loaded is None:
            raise NotFound("interaction")
        agent = agents.get(conn, principal.agent_id) if principal.agent_id else None
        values = {
            "customer.name": " ".join(loaded.customer_name.split()),
            "agent.name": (agent.public_name or agent.name) if agent is not None else principal.name,
            "case.id": str(loaded.record.case_id),
            "queue.name": loaded.queue_name,
        }
        fit = [each for each in mail_rules(conn).canned_replies if loaded.record.queue in _queues(each, loaded)]
        return fit, values

    fit, values = await runtime.executor.read(read)
    return Json({"items": [_canned(each, values) for each in fit], "next": None})


def _queues(canned: Mapping[str, Any], loaded: Loaded) -> list[str]:
    return canned.get("queues") or [loaded.record.queue]


def _canned(canned: Mapping[str, Any], given: Mapping[str, str]) -> dict[str, Any]:
    """With its holes filled, both as text and as HTML whichever it was written in."""
    language = canned.get("language", "")
    values = {**given, "customer.name": given["customer.name"] or _NAMELESS.get(language, _NAMELESS["en"])}
    text, html = canned.get("text", ""), canned.get("html", "")
    filled_in = sendable(filled_html(html, values)) if html else as_html(filled(text, values))
    return {
        "id": canned["id"],
        "title": canned["title"],
        "title_zh": canned.get("title_zh", ""),
        "language": language,
        "text": (filled(text, values) if text else as_text(filled_in)).strip(),
        "html": filled_in,
    }


# --- what did not arrive --------------------------------------------------------------------------------------------


@router.get("/undelivered", summary="Messages that did not arrive, or of which nobody knows, newest first")
async def undelivered(
    principal: SignedIn,
    runtime: Hub,
    after: Annotated[str, Query(pattern=r"^(\d{1,18}\.[^\s]{1,64})?$")] = "",
    limit: Limit = 50,
) -> Response:
    """Of every channel, until somebody dismisses them. Agents see theirs and those of their queues, supervisors all.
    ``count`` is how many there are."""
    at, _, outbox_id = after.partition(".")

    def read(conn: Connection) -> tuple[list[outbox.Undelivered], int]:
        seen = mail.seen_by(conn, principal.acting)
        before = (int(at), outbox_id) if after else None
        found = outbox.undelivered(conn, **seen, before=before, messages_only=True, most=limit)
        return found, outbox.count_undelivered(conn, **seen)

    found, count = await runtime.executor.read(read)
    items = [{name: value for name, value in asdict(each).items() if name != "verb"} for each in found]
    last = f"{found[-1].created_at}.{found[-1].outbox_id}" if len(found) == limit and found else None
    return Json({"items": items, "count": count, "next": last})
