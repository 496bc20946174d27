"""What strangers wrote and sent, through the doors: harmless pages, pictures drawn anew, files that only download."""

from __future__ import annotations

import base64
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from channels.contract import Parsed
from contact_center.domain.events import Attachment, MessageReceived
from contact_center.domain.rich_text import VERSION
from tests.fetching.evil_server import PNG, answer, evil_net
from tests.hub import TestHub, letter, open_test_hub
from tests.previews.test_previews import document, picture

pytestmark = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)

HOSTILE = (
    b"<html><head><style>body{color:red}</style><script>alert(1)</script></head><body onload=alert(1)>"
    b"<p>Dear Sirs</p><img src=https://spy.example/x.png><a href='javascript:alert(1)'>here</a>"
    b"<a href='https://shop.example/'>shop</a><form action=//evil.example><input name=password></form>"
    b"<iframe src=//evil.example></iframe><svg onload=alert(1)></svg><a href=' data:text/html,x'>x</a>"
)


async def a_letter(hub: TestHub, html: bytes = HOSTILE, *files: tuple[str, str, bytes, str]) -> tuple[str, list[str]]:
    """The event's id, and the digests of its files: (name, media type, bytes, content id)."""
    blobs = hub.runtime.blobs
    digests = [await blobs.put(data) for _, _, data, _ in files]
    attachments = tuple(
        Attachment(digest, name, kind, len(data), content_id)
        for digest, (name, kind, data, content_id) in zip(digests, files, strict=True)
    )
    event = letter("lena@example.com", f"Dear Sirs {len(html)}")
    assert isinstance(event.body, MessageReceived)
    event = replace(event, body=replace(event.body, html=await blobs.put(html)), attachments=attachments)
    (taken,) = await hub.runtime.doors["email"].take_in(Parsed((event,), raw=b"raw"))
    return taken.event_id, digests


async def page_of(hub: TestHub, event_id: str, **query: Any) -> str:
    page = await hub.http.get(f"/api/v1/events/{event_id}/html", params=query)
    assert page.status_code == 200, page.text
    return page.text


async def test_a_letters_html_is_shown_without_its_teeth(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub:
        event_id, _ = await a_letter(hub)
        page = await hub.http.get(f"/api/v1/events/{event_id}/html")
        assert "Dear Sirs" in page.text
        assert "https://shop.example/" in page.text
        for teeth in ("script", "javascript", "onload", "spy.example", "<form", "<input", "iframe", "svg", "data:"):
            assert teeth not in page.text, teeth
        policy = page.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "img-src data:;" in policy, "no address at all: not even ours"
        assert re.search(r"sandbox allow-popups allow-popups-to-escape-sandbox$", policy)
        assert page.headers["x-content-type-options"] == "nosniff"
        assert page.headers["content-type"] == "text/html; charset=utf-8"


async def test_a_console_learns_what_a_page_needs_before_it_is_shown(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub:
        html = (
            "<p>New words</p><img src=https://a.example/1.png><img src=https://b.example/2.png>"
            "<img src=https://spy.example/p width=1 height=1><blockquote type=cite>"
            + "<p>Old</p>" * 90
            + "</blockquote>"
        )
        event_id, _ = await a_letter(hub, html.encode())
        about = await hub.get(f"events/{event_id}/page")
        height = about.pop("height")
        assert about == {
            "version": VERSION,
            "images": 2,
            "hosts": ["a.example", "b.example"],
            "trackers": 1,
            "carried": [],
            "folded": True,
        }
        assert height < 200, "what is folded takes no room"
        (mail,) = (await hub.get(f"interactions/{await hub.only_interaction()}/events", limit=1))["items"]
        assert mail["body"]["sender"] == "lena@example.com"
        chinese = await page_of(hub, event_id, lang="zh", theme="dark")
        assert "<summary>之前的邮件</summary>" in chinese
        assert "color-scheme:dark" in chinese
        paper, _ = await a_letter(hub, b"<table bgcolor='#ffeecc'><tr><td>Mine</td></tr></table>")
        assert "color-scheme:light" in await page_of(hub, paper, theme="dark"), "its own colours want white paper"


async def test_pictures_in_the_letter_are_shown_drawn_anew(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub:
        inline = base64.b64encode(picture("GIF", (20, 20))).decode()
        html = f"<img src='cid:logo%40shop'><img src='cid:missing'><img src='data:image/gif;base64,{inline}'>"
        files = [("logo.jpg", "image/jpeg", picture("JPEG", comment=b"made at home"), "logo@shop")]
        files.append(("bill.jpg", "image/jpeg", picture("JPEG"), "bill@shop"))
        event_id, digests = await a_letter(hub, html.encode(), *files)
        about = await hub.get(f"events/{event_id}/page")
        assert about["carried"] == [digests[0]], "the other is a file beside it, whatever it calls itself"
        page = await page_of(hub, event_id)
        pictures = re.findall(r'<img src="data:image/webp;base64,([^"]+)"', page)
        assert len(pictures) == 2
        assert all(base64.b64decode(each)[8:12] == b"WEBP" for each in pictures)
        assert page.count('class="absent"') == 1
        assert inline not in page


async def test_remote_pictures_come_when_asked_for_and_through_the_hub(database_url: str, tmp_path: Path) -> None:
    async with evil_net() as (evil, net), open_test_hub(database_url, tmp_path) as hub:
        hub.runtime.fetcher = net.fetcher(seconds=2)
        evil.answers["/lies.png"] = answer("200 OK", b"<script>alert(1)</script>")
        html = (
            "<img src=http://images.example/a.png><img src=http://127.0.0.1/in.png><img src=http://169.254.169.254/m>"
            "<img src=http://images.example/lies.png><img src=http://images.example/a.png>"
        )
        event_id, _ = await a_letter(hub, html.encode())
        assert "<img" not in await page_of(hub, event_id)
        assert evil.requests == [], "nobody learns that a letter was opened"
        page = await page_of(hub, event_id, images=1)
        assert page.count('<img src="data:image/webp') == 2
        assert page.count('class="absent"') == 3
        door = f"/api/v1/events/{event_id}/images"
        first = await hub.http.get(f"{door}/0")
        assert first.headers["content-type"] == "image/webp"
        assert first.content != PNG
        assert [(await hub.http.get(f"{door}/{n}")).status_code for n in (1, 2, 3, 4, -1)] == [404] * 5
        assert (await hub.http.get(f"{door}/http:%2F%2F127.0.0.1%2F")).status_code in (404, 422)
        assert len([r for r in evil.requests if b"/a.png" in r]) == 1, "fetched once, and kept"


FILES = [
    ("../../evil.html", "text/html", b"<script>alert(1)</script>", ""),
    ('a"b\r\nSet-Cookie: x=1.pdf', "application/pdf", b"%PDF", ""),
    ("账单 2026.pdf", "application/pdf", b"%PDF-1.7", ""),
    ("\u200b.htaccess", "text/plain", b"x", ""),
    ("invoice\u202egpj.exe", "image/png", b"MZ", ""),
    ("C:\\fakepath\\x.svg", "image/svg+xml", b"<svg onload=alert(1) />", ""),
    ("", "", b"y", ""),
]


async def test_a_file_is_always_a_download_under_a_harmless_name(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub:
        event_id, digests = await a_letter(hub, HOSTILE, *FILES)
        for digest in digests:
            file = await hub.http.get(f"/api/v1/events/{event_id}/attachments/{digest}")
            assert file.status_code == 200
            assert file.headers["content-type"] == "application/octet-stream"
            told = file.headers["content-disposition"]
            assert re.fullmatch(r"attachment; filename=\"[\w ._-]+\"; filename\*=UTF-8''[\w.%~-]+", told), told
            assert "%E2%80" not in told, "nothing that turns the direction of writing, or can't be seen"
            assert "filename*=UTF-8''." not in told
            assert "set-cookie" not in file.headers
            assert "sandbox" in file.headers["content-security-policy"]
        other = await hub.letter("omar@example.com", "Hello")
        for door in ("", "/preview"):
            stolen = await hub.http.get(f"/api/v1/events/{other.event_id}/attachments/{digests[0]}{door}")
            assert stolen.status_code == 404, "a file is reached through its own message alone"


async def test_a_file_can_be_looked_at_where_that_is_safe(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub:
        files = [
            ("photo.heic", "image/jpeg", picture("JPEG"), ""),
            ("plan.pdf", "application/octet-stream", document(3), ""),
            ("notes.txt", "text/plain", "您好".encode("gb18030"), ""),
            ("page.html", "text/html", b"<script>alert(1)</script>", ""),
            ("drawing.svg", "image/svg+xml", b"<svg onload='alert(1)'/>", ""),
            ("letter.docx", "application/msword", b"PK\x03\x04", ""),
        ]
        event_id, digests = await a_letter(hub, HOSTILE, *files)

        async def look(digest: str, **query: Any) -> Any:
            return await hub.http.get(f"/api/v1/events/{event_id}/attachments/{digest}/preview", params=query)

        photo, plan, notes, page, drawing, word = [await look(digest) for digest in digests]
        assert photo.headers["content-type"] == plan.headers["content-type"] == "image/webp"
        assert plan.headers["x-pages"] == "3"
        assert notes.text == "您好"
        assert page.text == "<script>alert(1)</script>"
        assert drawing.text == "<svg onload='alert(1)'/>"
        for shown in (photo, plan, notes, page, drawing):
            assert shown.headers["content-type"].startswith(("image/webp", "text/plain"))
            assert shown.headers["x-content-type-options"] == "nosniff"
            assert "sandbox" in shown.headers["content-security-policy"]
        assert word.status_code == 404
        assert word.json()["error"]["code"] == "no_preview"
        assert (await look(digests[1], page=2, size="full")).status_code == 200
        assert (await look(digests[1], page=4)).status_code == 404
        for wrong in ({"page": 0}, {"page": "x"}, {"size": "huge"}):
            assert (await look(digests[1], **wrong)).status_code == 422
