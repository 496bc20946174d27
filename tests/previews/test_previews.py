"""What strangers' files look like, whatever they do to the one who draws them."""

from __future__ import annotations

import io
import os
import zlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from PIL import Image

from contact_center.previews.previews import Previews
from contact_center.previews.worker import Drawn

UNHURRIED_S = 100.0


@pytest.fixture
async def previews(tmp_path: Path) -> AsyncIterator[Previews]:
    opened = Previews(tmp_path / "previews", deadline=UNHURRIED_S)
    yield opened
    await opened.close()


def picture(kind: str = "PNG", size: tuple[int, int] = (800, 400), **more: object) -> bytes:
    made = io.BytesIO()
    Image.new("RGB", size, (200, 30, 30)).save(made, kind, **more)
    return made.getvalue()


def document(pages: int = 2) -> bytes:
    made = io.BytesIO()
    first, *rest = [Image.new("RGB", (300, 400), (n * 40, 120, 200)) for n in range(pages)]
    first.save(made, "PDF", save_all=True, append_images=rest)
    return made.getvalue()


def bomb() -> bytes:
    """A small file that says it is a picture of a thousand million points."""
    import struct

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 32_000, 32_000, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(1_000_000))) + chunk(b"IEND", b"")


async def test_pictures_are_drawn_anew_small_and_upright(previews: Previews) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # lay on its side
    exif[0x010E] = "where I live"
    jpeg = picture("JPEG", exif=exif)
    drawn, data = await previews.of("jpeg", jpeg, "application/x-lies")
    assert drawn == Drawn("image", "image/webp", 160, 320)
    with Image.open(io.BytesIO(data)) as shown:
        assert shown.size == (160, 320)
        assert not shown.getexif()
    assert b"where I live" not in data
    full, _ = await previews.of("jpeg", jpeg, size="full")
    assert (full.width, full.height) == (400, 800)
    for kind in ("PNG", "GIF", "WEBP", "BMP"):
        assert (await previews.of(kind, picture(kind)))[0].kind == "image"


async def test_a_documents_pages_are_pictures(previews: Previews) -> None:
    drawn, data = await previews.of("pdf", document(3), "application/octet-stream", 2, "full")
    assert drawn.kind == "pdf"
    assert drawn.pages == 3
    assert data[8:12] == b"WEBP"
    beyond, none = await previews.of("pdf", document(3), "", 4)
    assert beyond.refused == "It has 3 pages."
    assert none == b""


@pytest.mark.parametrize(
    "data, text",
    [
        ("Grüße, 林美".encode(), "Grüße, 林美"),
        ("您好，附件里是发票".encode("gb18030"), "您好，附件里是发票"),
        ("Grüße".encode("utf-16"), "Grüße"),
        (b"Gr\xfc\xdfe an alle", "Grüße an alle"),
        (b"<script>alert(1)</script>", "<script>alert(1)</script>"),
        ("gpj\u202eexe".encode(), "gpjexe"),
        ("词".encode() * 40_000, "词" * (64 * 1024 // 3)),
    ],
)
async def test_of_a_text_the_beginning_is_shown_as_text(previews: Previews, data: bytes, text: str) -> None:
    drawn, made = await previews.of("text", data, "text/html")
    assert drawn.media_type == "text/plain; charset=utf-8"
    assert made.decode() == text


@pytest.mark.parametrize(
    "data",
    [
        bomb(),
        b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
        b"<html><script>alert(1)</script>",
        picture()[:200],
        picture("JPEG")[:300],
        b"%PDF-1.7\n%%EOF",
        b"%PDF-1.7\n" + b"1 0 obj<</Kids[1 0 R]/Type/Pages/Count 1>>endobj\ntrailer<</Root 1 0 R>>" * 3,
        b"GIF89a" + b"\xff" * 5_000,
        b"MZ\x90\x00",
        b"PK\x03\x04",
        b"\0" * 1_000,
        b"",
    ],
    ids=["bomb", "svg", "html", "cut-png", "cut-jpeg", "empty-pdf", "loop", "gif", "exe", "zip", "zeros", "nothing"],
)
async def test_what_cannot_be_drawn_is_refused_and_the_next_is_drawn(previews: Previews, data: bytes) -> None:
    drawn, made = await previews.of("hostile", data, "image/png")
    assert drawn.refused
    assert made == b""
    assert (await previews.of("hostile", data, "image/png"))[0] == drawn
    assert (await previews.of("kind", picture()))[0].kind == "image"


async def test_what_kills_or_holds_the_one_who_draws_is_refused(tmp_path: Path) -> None:
    impatient = Previews(tmp_path, deadline=0.0)
    assert "too long" in (await impatient.of("slow", picture()))[0].refused
    assert impatient.pid is None
    impatient._deadline = UNHURRIED_S
    assert (await impatient.of("slow", picture()))[0].kind == "image", "a busy machine is no fault of the file"
    await impatient.close()
    previews = Previews(tmp_path, deadline=UNHURRIED_S)
    await previews.of("one", picture())
    before = previews.pid
    assert before is not None
    os.kill(before, 9)
    assert (await previews.of("two", picture()))[0].kind == "image", "another takes its place"
    assert previews.pid not in (None, before)
    await previews.close()


async def test_what_was_drawn_is_kept_within_bounds(tmp_path: Path) -> None:
    folder = tmp_path / "previews"
    previews = Previews(folder, deadline=UNHURRIED_S, most_kept=3_000)
    for n in range(51):
        await previews.of(str(n), picture(size=(40 + n, 40)))
    assert sum(f.stat().st_size for f in folder.iterdir()) <= 3_000
    await previews.close()
    again = Previews(folder)
    assert (await again.known("50")) is not None
    assert await again.known("50", 2) is None
    assert again.pid is None, "what is known needs nobody to draw it"
