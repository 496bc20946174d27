"""What strangers wrote and sent, shown without danger: a letter's page, its pictures, its files.

A page is made harmless whenever it is asked for (``domain/rich_text.py``) and can reach nothing: its pictures come in
it, drawn anew by the previews' process, and its policy lets it load no others, from here or anywhere. Addresses that
a stranger wrote are fetched only from the list that their own message makes, by number.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Annotated, Literal
from urllib.parse import quote, unquote, urlsplit

from fastapi import APIRouter, Query
from starlette.responses import Response

from contact_center.domain import rich_text
from contact_center.domain.errors import NotFound, Refusal
from contact_center.domain.events import Attachment, InteractionEvent, MessageReceived, MessageSent
from contact_center.fetching.fetch import NotFetched
from contact_center.previews.worker import Drawn
from contact_center.registry.runtime import Runtime
from contact_center.storage import events
from contact_center.web.answers import Json
from contact_center.web.principal import Hub, SignedIn

router = APIRouter(prefix="/api/v1/events")

MAX_IMAGES = 60
MAX_IMAGE_BYTES = 12 * 1024 * 1024
ALL_SECONDS = 15.0
_MAX_HTML_BYTES = 4_000_000

_FILE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; sandbox; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "private, no-store",
}
_PAGE_HEADERS = {
    **_FILE_HEADERS,
    # A link opens a page of its own, which is not in this sandbox; nothing else leaves it.
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'self'; sandbox allow-popups allow-popups-to-escape-sandbox",
}
_SEEN_HEADERS = {**_FILE_HEADERS, "Cache-Control": "private, max-age=3600"}


class NoPreview(Refusal):
    status = 404

    def __init__(self, why: str) -> None:
        super().__init__("no_preview", why)


# --- the page ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Letter:
    """A message with its HTML, made harmless."""

    event: InteractionEvent
    clean: str


async def _letter(runtime: Runtime, event_id: str) -> _Letter:
    event = await runtime.executor.read(events.get, event_id[:64])
    body = event.body if event is not None else None
    digest = body.html if isinstance(body, MessageReceived | MessageSent) else ""
    data = await runtime.blobs.get(digest) if digest else None
    if event is None or data is None:
        raise NotFound("message with HTML")
    html = data[:_MAX_HTML_BYTES].decode("utf-8", "replace")
    return _Letter(event, await asyncio.to_thread(rich_text.sanitised, html))


@router.get("/{event_id}/page", summary="What a message's HTML needs to be shown: its remote images, its height")
async def about_page(event_id: str, _: SignedIn, runtime: Hub) -> Response:
    """``images`` are its remote images and ``hosts`` where they lie; ``trackers`` how many invisible ones were left
    out for good. ``carried`` are the digests of its files that stand in it as pictures. ``height`` is a guess in CSS
    pixels: a page without script cannot be asked for its own."""
    letter = await _letter(runtime, event_id)
    page = await asyncio.to_thread(rich_text.shown, letter.clean, {})
    text = await asyncio.to_thread(rich_text.as_text, _new_part(page.html))
    hosts = sorted({urlsplit(source).hostname or "" for source in page.remote})
    return Json(
        {
            "version": rich_text.VERSION,
            "images": len(page.remote),
            "hosts": hosts[:50],
            "trackers": page.trackers,
            "carried": _in_words(letter),
            "folded": page.folded,
            "height": _height(text, page.missing - len(page.remote)),
        }
    )


def _in_words(letter: _Letter) -> list[str]:
    sources = (each for each in rich_text.sources(letter.clean) if each.lower().startswith("cid:"))
    found = (_carried(letter.event, source) for source in sources)
    return list(dict.fromkeys(each.digest for each in found if each is not None))


def _new_part(html: str) -> str:
    """Without what is folded away."""
    return html.partition("<details>")[0]


def _height(text: str, pictures: int) -> int:
    lines = sum(max(1, math.ceil(len(line) / 88)) for line in text.split("\n"))
    return max(96, min(40 + 21 * lines + 180 * max(pictures, 0), 720))


@router.get("/{event_id}/html", summary="A message's HTML, made harmless, for a sandboxed frame")
async def message_html(
    event_id: str,
    _: SignedIn,
    runtime: Hub,
    images: bool = False,
    theme: Literal["light", "dark"] = "light",
    lang: Literal["en", "zh"] = "en",
) -> Response:
    """``images``: with its remote images, fetched by the hub. Those that it carries are always shown."""
    letter = await _letter(runtime, event_id)
    found = await _images(runtime, letter, images)
    page = await asyncio.to_thread(rich_text.shown, letter.clean, found, _WORDS[lang]["earlier"])
    dark = theme == "dark" and not page.coloured
    style = _STYLE + (_DARK if dark else _LIGHT)
    title = _WORDS[lang]["title"]
    html = (
        f'<!doctype html><html lang="{lang}"><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{style}</style><body>{page.html}</body></html>'
    )
    return Response(html.encode("utf-8", "replace"), media_type="text/html; charset=utf-8", headers=_PAGE_HEADERS)


_WORDS = {
    "en": {"title": "Message", "earlier": "Earlier messages"},
    "zh": {"title": "邮件", "earlier": "之前的邮件"},
}
# What the hub says beside a link must stay readable whatever the letter's own styles are.
_STYLE = """
html{overflow-x:auto}
body{font:14px/1.55 system-ui,-apple-system,"Segoe UI","PingFang SC","Microsoft YaHei",sans-serif;margin:14px 16px;
overflow-wrap:anywhere}
img{max-width:100%;height:auto}table{max-width:100%}pre{white-space:pre-wrap}
blockquote{margin:6px 0 6px 2px;padding-left:12px;border-left:2px solid #8886}
details{margin-top:12px}
summary{display:inline-block;cursor:pointer;font:12px/22px system-ui,sans-serif;padding:0 10px;border-radius:11px;
list-style:none;background:#8882;margin-bottom:8px}
summary::-webkit-details-marker{display:none}summary::before{content:"••• "}
.absent{display:inline-block;max-width:280px;padding:2px 10px;border:1px dashed #8888;border-radius:6px;
font:12px/20px system-ui,sans-serif;opacity:.8}
.leads{display:inline-block!important;font:600 12px/18px ui-monospace,monospace!important;padding:0 6px!important;
margin:0 4px;border-radius:4px;text-indent:0;letter-spacing:0;word-spacing:0;text-transform:none;
unicode-bidi:isolate;direction:ltr;white-space:normal;background:#fdeceb!important;color:#b42318!important}
"""
_LIGHT = "html{background:#fff;color:#171a21;color-scheme:light}a{color:#2743ad}"
_DARK = "html{background:#1c212a;color:#eef1f6;color-scheme:dark}a{color:#a9bcff}"


# --- its pictures -----------------------------------------------------------------------------------------------


async def _images(runtime: Runtime, letter: _Letter, remote: bool) -> Mapping[str, str]:
    """The letter's pictures as ``data:`` addresses, by their source; without those that cannot be had."""
    wanted = [s for s in rich_text.sources(letter.clean) if remote or not rich_text.is_remote(s)][:MAX_IMAGES]
    found: dict[str, str] = {}
    room = MAX_IMAGE_BYTES

    async def get(source: str) -> None:
        nonlocal room
        drawn, data = await _picture(runtime, letter.event, source)
        if drawn.refused or drawn.kind != "image" or len(data) > room:
            return
        room -= len(data)
        found[source] = f"data:{drawn.media_type};base64,{base64.b64encode(data).decode('ascii')}"

    tasks = [asyncio.create_task(get(source)) for source in wanted]
    if tasks:
        _, late = await asyncio.wait(tasks, timeout=ALL_SECONDS)
        for task in late:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return found


async def _picture(runtime: Runtime, event: InteractionEvent, source: str) -> tuple[Drawn, bytes]:
    """One of the letter's own pictures, or one that it names, drawn anew."""
    if rich_text.is_remote(source):
        return await _remote(runtime, event, source)
    if source[:5].lower() == "data:":
        data = _decoded(source)
        return await runtime.previews.of(hashlib.sha256(data).hexdigest(), data, size="full")
    found = _carried(event, source)
    if found is None:
        return Drawn(refused="It is not in the message."), b""
    return await _preview(runtime, found, 1, "full")


def _decoded(source: str) -> bytes:
    try:
        return base64.b64decode(source.partition(",")[2], validate=True)
    except binascii.Error:
        return b""


def _carried(event: InteractionEvent, source: str) -> Attachment | None:
    wanted = unquote(source[4:]).strip().strip("<>")
    return next((a for a in event.attachments if wanted and a.content_id.strip("<>") == wanted), None)


async def _remote(runtime: Runtime, event: InteractionEvent, source: str) -> tuple[Drawn, bytes]:
    name = f"{event.id}\n{source}"  # of this message alone: another's is no business of whoever reads this one
    known = await runtime.previews.known(name, size="full")
    if known is not None:
        return known
    async with runtime.previews.room:
        try:
            fetched = await runtime.fetcher.image(source)
        except NotFetched as error:
            return Drawn(refused=str(error)), b""
        return await runtime.previews.of(name, fetched.data, size="full")


@router.get("/{event_id}/images/{number}", summary="A remote image of a message, fetched by the hub")
async def remote_image(event_id: str, number: int, _: SignedIn, runtime: Hub) -> Response:
    """``number`` counts from 0 in the order in which the message names them."""
    letter = await _letter(runtime, event_id)
    remote = [source for source in rich_text.sources(letter.clean) if rich_text.is_remote(source)][:MAX_IMAGES]
    if not 0 <= number < len(remote):
        raise NotFound("image")
    drawn, data = await _remote(runtime, letter.event, remote[number])
    if drawn.refused or drawn.kind != "image":
        raise NoPreview(drawn.refused or "It is no image.")
    return Response(data, media_type=drawn.media_type, headers=_SEEN_HEADERS)


# --- its files --------------------------------------------------------------------------------------------------


async def _file(runtime: Runtime, event_id: str, digest: str) -> Attachment:
    event = await runtime.executor.read(events.get, event_id[:64])
    found = next((a for a in event.attachments if a.digest == digest), None) if event else None
    if found is None:
        raise NotFound("attachment")
    return found


@router.get("/{event_id}/attachments/{digest}", summary="A file of a message, always as a download")
async def attachment(event_id: str, digest: str, _: SignedIn, runtime: Hub) -> Response:
    found = await _file(runtime, event_id, digest)
    data = await runtime.blobs.get(digest)
    if data is None:
        raise NotFound("attachment")
    name = PurePath(found.name.replace("\\", "/")).name or "attachment"
    name = "".join(c for c in name if c.isprintable()).lstrip(".")[:200] or "attachment"
    plain = "".join(c if (c.isascii() and c.isalnum()) or c in "._- " else "_" for c in name)
    headers = {
        **_FILE_HEADERS,
        "Content-Disposition": f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}",
    }
    return Response(data, media_type="application/octet-stream", headers=headers)


@router.get(
    "/{event_id}/attachments/{digest}/preview", summary="What a file looks like: a picture, or a text's words"
)
async def preview(
    event_id: str,
    digest: str,
    _: SignedIn,
    runtime: Hub,
    page: Annotated[int, Query(ge=1, le=10_000)] = 1,
    size: Literal["thumb", "full"] = "thumb",
) -> Response:
    """A picture drawn anew, a page of a document as a picture, the first 64 KB of a text as text; ``X-Pages`` says
    how many pages there are. 404 ``no_preview`` with the reason for anything else."""
    found = await _file(runtime, event_id, digest)
    drawn, data = await _preview(runtime, found, page, size)
    if drawn.refused:
        raise NoPreview(drawn.refused)
    return Response(data, media_type=drawn.media_type, headers={**_SEEN_HEADERS, "X-Pages": str(drawn.pages)})


async def _preview(runtime: Runtime, found: Attachment, page: int, size: str) -> tuple[Drawn, bytes]:
    name = f"{found.digest}/{_sort(found.media_type)}"
    known = await runtime.previews.known(name, page, size)
    if known is not None:
        return known
    async with runtime.previews.room:
        data = await runtime.blobs.get(found.digest)
        if data is None:
            raise NotFound("attachment")
        return await runtime.previews.of(name, data, found.media_type, page, size)


def _sort(media_type: str) -> str:
    """The part of what a sender says about a file that makes a difference to how it is drawn."""
    return media_type.partition(";")[0].strip().lower()[:80]
