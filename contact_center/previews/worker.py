"""Draws one file at a time: an image made small and encoded anew, a page of a PDF, the beginning of a text.

Runs as ``python -m contact_center.previews.worker``. One frame in, one out, on standard input and output: an 8-byte
header (length of the JSON, length of the bytes), the JSON, the bytes. The process knows no secret, can write no file,
has a limit of memory and of CPU time per file, and goes by itself after some hundred files, or when nobody has asked
for a while.
"""

from __future__ import annotations

import io
import os
import select
import struct
import sys
import warnings
from dataclasses import asdict, dataclass
from typing import BinaryIO, Literal

import orjson

FRAME = struct.Struct(">II")
READY = b"R"
"""What the process says when it has begun: what it reads and limits before that is no file's fault."""
CPU_SECONDS = 4
MEMORY = 1024 * 1024 * 1024
IDLE_SECONDS = 120
MOST_FILES = 300
MAX_PIXELS = 50_000_000
MAX_PAGES = 500
MAX_TEXT = 64 * 1024
SIZES = {"thumb": 320, "full": 2000}
_FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "BMP", "AVIF")

Kind = Literal["image", "pdf", "text", "none"]


@dataclass(frozen=True, slots=True)
class Drawn:
    """What a file looks like. ``pages`` is how many it has; ``refused`` why there is nothing to see."""

    kind: Kind = "none"
    media_type: str = ""
    width: int = 0
    height: int = 0
    pages: int = 1
    refused: str = ""


def frame(about: bytes, data: bytes) -> bytes:
    return FRAME.pack(len(about), len(data)) + about + data


def draw(data: bytes, media_type: str, page: int, size: str) -> tuple[Drawn, bytes]:
    """The file as it may be looked at. What it is, its bytes say; ``media_type`` only whether it may be text."""
    if b"%PDF-" in data[:1024]:
        return _page(data, page, SIZES[size])
    if _may_be_text(data, media_type):
        return Drawn("text", "text/plain; charset=utf-8"), _text(data[:MAX_TEXT]).encode()
    return _image(data, SIZES[size])


def _image(data: bytes, most: int) -> tuple[Drawn, bytes]:
    from PIL import Image, ImageOps, UnidentifiedImageError

    Image.MAX_IMAGE_PIXELS = MAX_PIXELS
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as opened:
            opened.draft("RGB", (most, most))
            upright = ImageOps.exif_transpose(opened)
            alpha = upright.mode in ("RGBA", "LA", "PA") or "transparency" in upright.info
            picture = upright.convert("RGBA" if alpha else "RGB")
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        return Drawn(refused="The picture is too large."), b""
    except UnidentifiedImageError:
        return Drawn(refused="There is no preview of this kind of file."), b""
    except (OSError, ValueError, SyntaxError, KeyError, IndexError, struct.error, EOFError, TypeError):
        return Drawn(refused="The picture is damaged."), b""
    picture.thumbnail((most, most))
    return _encoded("image", picture, 1)


def _encoded(kind: Kind, picture: object, pages: int) -> tuple[Drawn, bytes]:
    from PIL.Image import Image

    assert isinstance(picture, Image)
    made = io.BytesIO()
    picture.save(made, "WEBP", quality=82, method=2)
    return Drawn(kind, "image/webp", picture.width, picture.height, pages), made.getvalue()


def _page(data: bytes, page: int, most: int) -> tuple[Drawn, bytes]:
    import pypdfium2

    try:
        document = pypdfium2.PdfDocument(data)
        pages = min(len(document), MAX_PAGES)
        if not 0 < page <= pages:
            return Drawn(refused=f"It has {pages} pages."), b""
        wanted = document[page - 1]
        width, height = wanted.get_size()
        scale = min(most / max(width, height, 1), 6)
        picture = wanted.render(scale=scale, may_draw_forms=False).to_pil().convert("RGB")
    except (pypdfium2.PdfiumError, ValueError, OSError) as error:
        locked = "password" in str(error).lower()
        return Drawn(refused="It is locked with a password." if locked else "The document is damaged."), b""
    return _encoded("pdf", picture, pages)


def _may_be_text(data: bytes, media_type: str) -> bool:
    kind = media_type.partition(";")[0].strip().lower()
    texts = ("application/json", "application/xml", "application/csv", "message/rfc822", "image/svg+xml")
    if not (kind.startswith("text/") or kind in texts):
        return False
    return b"\0" not in data[:4096] or data[:2] in (b"\xff\xfe", b"\xfe\xff")


def _text(data: bytes) -> str:
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return _plain(data.decode("utf-16", "replace"))
    for charset in ("utf-8-sig", "gb18030"):
        text = _decoded(data, charset)
        if text is not None and (charset != "gb18030" or _is_chinese(text)):
            return _plain(text)
    return _plain(data.decode("cp1252", "replace"))


def _decoded(data: bytes, charset: str) -> str | None:
    try:
        return data.decode(charset)
    except UnicodeDecodeError as error:
        cut = len(data) == MAX_TEXT and error.start >= len(data) - 4  # in the middle of a character
        return data[: error.start].decode(charset) if cut else None


def _is_chinese(text: str) -> bool:
    """Whether what was read as Chinese makes sense as Chinese: nearly any bytes can be read so."""
    wide = [c for c in text if c > "\x7f"]
    usual = sum("\u4e00" <= c <= "\u9fff" or "\u3000" <= c <= "\u303f" or c >= "\uff00" for c in wide)
    return len(wide) > 0 and usual > 0.8 * len(wide)


def _plain(text: str) -> str:
    """Without what would make a line look like another: controls, and marks that turn the direction of writing."""
    return "".join(c for c in text.replace("\r\n", "\n") if c in "\n\t" or (c >= " " and c not in _TURNS))


_TURNS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\x7f")


def answer(about: bytes, data: bytes) -> bytes:
    """What the process answers to the frame's two halves."""
    asked = orjson.loads(about)
    try:
        drawn, made = draw(data, asked["media_type"], asked["page"], asked["size"])
    except (MemoryError, RecursionError):
        drawn, made = Drawn(refused="Drawing it takes too much."), b""
    return frame(orjson.dumps(asdict(drawn)), made)


def main() -> None:
    """Answers frames until standard input ends, nothing comes for two minutes, or it has answered its share: what the
    libraries keep of one file must not add up."""
    # Whatever a library prints must not get between the frames.
    frames_out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    frames_in = os.fdopen(0, "rb", buffering=0)
    _limit()
    frames_out.write(READY)
    frames_out.flush()
    for _ in range(MOST_FILES):
        if not select.select([frames_in], [], [], IDLE_SECONDS)[0] or (received := _receive(frames_in)) is None:
            return
        _limit_cpu()
        frames_out.write(answer(*received))
        frames_out.flush()


def _receive(stream: BinaryIO) -> tuple[bytes, bytes] | None:
    header = _exactly(stream, FRAME.size)
    if len(header) < FRAME.size:
        return None
    about, data = FRAME.unpack(header)
    return _exactly(stream, about), _exactly(stream, data)


def _exactly(stream: BinaryIO, size: int) -> bytes:
    got = bytearray()
    while len(got) < size and (piece := stream.read(size - len(got))):
        got += piece
    return bytes(got)


def _limit() -> None:
    if sys.platform != "win32":
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def _limit_cpu() -> None:
    """From here on, four seconds more; the kernel ends what takes longer."""
    if sys.platform != "win32":
        import resource

        used = resource.getrusage(resource.RUSAGE_SELF)
        most = int(used.ru_utime + used.ru_stime) + 1 + CPU_SECONDS
        resource.setrlimit(resource.RLIMIT_CPU, (most, resource.getrlimit(resource.RLIMIT_CPU)[1]))


if __name__ == "__main__":
    main()
