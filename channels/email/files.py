"""The files that come with a message, under names that are fit to be shown."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from channels.contract import Malformed
from channels.email.headers import decode_words, read_head, seemly
from channels.email.mime import Part

MAX_FILES = 300
_FILE_NAME = 200
_NOT_IN_NAMES = re.compile(r"[/\\:*?\"<>|]+")
_MEDIA_TYPE = re.compile(r"[\w.+-]{1,127}/[\w.+-]{1,127}", re.ASCII)

# What a file is called whose sender did not say: by its type, else by the first half of its type.
_UNNAMED = {
    "message/rfc822": "message.eml",
    "message/global": "message.eml",
    "message/delivery-status": "delivery-status.txt",
    "message/disposition-notification": "receipt.txt",
    "message/feedback-report": "report.txt",
    "text/rfc822-headers": "headers.txt",
    "text/calendar": "invitation.ics",
    "application/ics": "invitation.ics",
    "text/html": "page.html",
    "text/plain": "text.txt",
    "text/csv": "table.csv",
    "text/rtf": "text.rtf",
    "application/rtf": "text.rtf",
    "text/vcard": "contact.vcf",
    "text/x-vcard": "contact.vcf",
    "text/directory": "contact.vcf",
    "text/xml": "data.xml",
    "application/xml": "data.xml",
    "application/json": "data.json",
    "application/pdf": "document.pdf",
    "application/zip": "archive.zip",
    "application/gzip": "archive.gz",
    "application/ms-tnef": "winmail.dat",
    "application/pkcs7-signature": "smime.p7s",
    "application/x-pkcs7-signature": "smime.p7s",
    "application/pkcs7-mime": "smime.p7m",
    "application/x-pkcs7-mime": "smime.p7m",
    "application/pgp-signature": "signature.asc",
    "application/pgp-encrypted": "version.txt",
    "application/msword": "document.doc",
    "application/vnd.ms-excel": "table.xls",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "document.docx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "table.xlsx",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": "slides.pptx",
    "image/jpeg": "image.jpg",
    "image/svg+xml": "image.svg",
    "image/tiff": "image.tif",
    "audio/mpeg": "sound.mp3",
    "audio/x-wav": "sound.wav",
    "audio/amr": "voice.amr",
    "video/quicktime": "video.mov",
    "video/3gpp": "video.3gp",
}
_BY_KIND = {"image": "image", "audio": "sound", "video": "video"}


@dataclass(frozen=True, slots=True)
class File:
    """``name`` is what its sender called it, or what fits its type; nothing is ever stored under it."""

    content: bytes = field(repr=False)
    name: str
    media_type: str
    content_id: str = ""


def file_of(part: Part) -> File:
    """The part as a file."""
    content = part.content()
    name = file_name(part.filename) or _name_for(part.media_type, content)
    return File(content, name, media_type_of(part.media_type), seemly(part.content_id, 255))


def media_type_of(claimed: str) -> str:
    return claimed if _MEDIA_TYPE.fullmatch(claimed) else "application/octet-stream"


def file_name(claimed: str) -> str:
    """What the sender called a file, fit to be shown: the last step of a path, no controls or direction marks, at
    most 200 characters with its ending kept."""
    last = claimed.replace("\\", "/").rstrip("/").rpartition("/")[2]
    clean = _NOT_IN_NAMES.sub("_", seemly(last, 4096)).strip(". ")
    if len(clean) <= _FILE_NAME:
        return clean
    stem, dot, ending = clean.rpartition(".")
    kept = f"{dot}{ending}" if dot and len(ending) <= 10 else ""
    return (stem if kept else clean)[: _FILE_NAME - len(kept)] + kept


def _name_for(media_type: str, content: bytes) -> str:
    if media_type in {"message/rfc822", "message/global"}:
        return _subject_of(content) + ".eml"
    if media_type in _UNNAMED:
        return _UNNAMED[media_type]
    kind, _, subtype = media_type.partition("/")
    if kind in _BY_KIND and subtype.removeprefix("x-").isalnum():
        return f"{_BY_KIND[kind]}.{subtype.removeprefix('x-')[:10]}"
    return "unnamed"


def _subject_of(content: bytes) -> str:
    try:
        headers, _ = read_head(content)
    except Malformed:
        return "message"
    subject = seemly(decode_words(headers.first("subject")[:1_000]), 80)
    return _NOT_IN_NAMES.sub("_", subject).strip(". ") or "message"
