"""Finds the words of a message and the files that came with it, wherever its program put them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from channels.contract import Malformed
from channels.email import enriched, flowed, invitations, signed, tnef, uuencoded
from channels.email.charsets import decode
from channels.email.files import MAX_FILES, File, file_of
from channels.email.headers import read_head
from channels.email.mime import Part, take_apart
from channels.email.rendering import MAX_TEXT, to_text

_META = re.compile(rb"<meta[^<>]{0,200}charset\s*=\s*[\"']?([A-Za-z0-9_.:-]{1,40})", re.IGNORECASE)
_CONTROLS = {c: None for c in (*range(0x20), *range(0x7F, 0xA0)) if c not in {0x09, 0x0A, 0x85}}
_CONTROLS |= dict.fromkeys((0x85, 0x2028, 0x2029), "\n")  # type: ignore[arg-type]
_SOME_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")
_FILES_OF_TEXT = frozenset(
    ("rtf", "csv", "calendar", "vcard", "x-vcard", "directory", "css", "javascript", "xml", "rfc822-headers", "sgml")
)
_SMIME = {"application/pkcs7-mime", "application/x-pkcs7-mime"}
_CALENDARS = {"text/calendar", "application/ics"}
_CONTAINERS = {"application/ms-tnef", "application/vnd.ms-tnef"}
_FOR_OTHER_PROGRAMS = {"text/x-amp-html", "text/watch-html"}
_DEEPEST_SIGNATURE = 3
_MOST_NOTES = 20


@dataclass(slots=True)
class Words:
    """``files`` are what is no words, in order; ``invitations`` what the lines about such were made of."""

    text: str
    html: str
    files: list[File]
    truncated: bool = False
    invitations: tuple[dict[str, str], ...] = ()


def words_of(message: Part) -> Words:
    """The message's words. Of alternatives the plain one is the text and the HTML one is kept beside it; what was
    only written in HTML is rendered to text; parts in a row follow one another. What a person must know of a part
    that is no words (an invitation, an encrypted message) stands first, in brackets or as a line. Plain text of
    more than :data:`MAX_TEXT` letters is cut, and is a file besides."""
    reader = _Reader()
    pieces = reader.read(message, True)
    if not pieces:
        pieces = reader.hidden
    read = [(piece.text, False) if piece.text else to_text(piece.html) for piece in pieces]
    notes = list(dict.fromkeys(reader.notes))[:_MOST_NOTES]
    text = _tidy("\n\n".join((*notes, *(text for text, _ in read))))
    html = "\n".join(piece.html for piece in pieces if piece.html)
    truncated = reader.cut or len(text) > MAX_TEXT or len(reader.files) > MAX_FILES or any(cut for _, cut in read)
    told = {each["said"]: each for each in reader.invitations if each["said"] in notes}
    return Words(text[:MAX_TEXT], html, reader.files[:MAX_FILES], truncated, tuple(told.values()))


@dataclass(frozen=True, slots=True)
class _Piece:
    """Words in a row: ``text`` is empty where they were written in HTML only."""

    text: str
    html: str = ""


@dataclass(slots=True)
class _Reader:
    """``hidden`` are the words that only a container holds, for a message that has no others."""

    files: list[File] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    invitations: list[dict[str, str]] = field(default_factory=list)
    hidden: list[_Piece] = field(default_factory=list)
    signatures: int = 0
    cut: bool = False

    def read(self, part: Part, first: bool) -> list[_Piece]:
        if part.children and part.media_type == "multipart/alternative":
            return self._alternatives(part, first)
        if part.children:
            if part.media_type == "multipart/encrypted":
                self.notes.append(signed.ENCRYPTED_PGP)
            pieces: list[_Piece] = []
            for child in _root_first(part):
                pieces += self.read(child, first and not pieces)
            return pieces
        if not _is_words(part, first):
            return self._file(part, first)
        piece = _Piece("", html_of(part)) if part.media_type == "text/html" else _Piece(self._text_of(part))
        return [piece] if (piece.text or piece.html).strip() else []

    def _alternatives(self, part: Part, first: bool) -> list[_Piece]:
        plain = html = ""
        for child in part.children:
            if child.media_type in _FOR_OTHER_PROGRAMS:
                continue
            pieces = self.read(child, first)
            markup = "\n".join(piece.html for piece in pieces if piece.html)
            html = markup or html
            if all(piece.text for piece in pieces):
                plain = plain or "\n\n".join(piece.text for piece in pieces)
        return [_Piece(plain, html)] if plain or html else []

    def _text_of(self, part: Part) -> str:
        text, files = uuencoded.without_files(decode(part.content(), _label(part)))
        if len(text) > MAX_TEXT:
            files.append(file_of(part))  # all of it, for whoever must read on
            text = text[:MAX_TEXT]
            self.cut = True
        if part.media_type in {"text/enriched", "text/richtext"}:
            text = enriched.to_text(text, part.media_type == "text/richtext")
        elif part.parameters.get("format", "").strip().lower() == "flowed":
            text = flowed.joined(text, part.parameters.get("delsp", "").strip().lower() == "yes")
        text, about = signed.without_armour(text.replace("\r\n", "\n") if "-----BEGIN PGP" in text else text)
        self.files += (*files, *about)
        return text

    def _file(self, part: Part, first: bool) -> list[_Piece]:
        if part.media_type in _SMIME:
            return self._smime(part, first)
        found = file_of(part)
        if part.media_type in _CALENDARS or found.name.lower().endswith(".ics"):
            told = invitations.read(decode(found.content, _label(part)))
            self.invitations += told
            self.notes += [each["said"] for each in told]
        if (
            part.media_type in {"application/ms-tnef", "application/vnd.ms-tnef"}
            or found.name.lower() == "winmail.dat"
        ):
            inside = tnef.opened(found.content)
            self.files += inside.files
            if inside.text.strip() or inside.html.strip():
                self.hidden.append(_Piece(inside.text, inside.html))
            if inside.whole:
                return []
        self.files.append(found)
        return []

    def _smime(self, part: Part, first: bool) -> list[_Piece]:
        """The file stays, for whoever can check or decrypt it."""
        found = file_of(part)
        self.files.append(found)
        if signed.is_enveloped(found.content):
            self.notes.append(signed.ENCRYPTED_SMIME)
        content = signed.signed_content(found.content)
        if not content or self.signatures == _DEEPEST_SIGNATURE:
            return []
        self.signatures += 1
        try:
            headers, start = read_head(content)
            return self.read(take_apart(content, headers, start), first)
        except Malformed:
            return []


def _root_first(part: Part) -> tuple[Part, ...]:
    """Of related parts the one that the others belong to (RFC 2387)."""
    start = part.parameters.get("start", "").strip().strip("<>") if part.media_type == "multipart/related" else ""
    root = [child for child in part.children if start and child.content_id == start][:1]
    return (*root, *(child for child in part.children if child not in root)) if root else part.children


def _is_words(part: Part, first: bool) -> bool:
    kind, _, subtype = part.media_type.partition("/")
    if kind != "text" or subtype in _FILES_OF_TEXT:
        return False
    if part.disposition == "attachment":
        return first and not part.filename
    return first or not part.filename


def html_of(part: Part) -> str:
    content = part.content()
    label = _label(part)
    if not label:
        declared = _META.search(content[:2048])
        label = declared[1].decode("ascii") if declared else ""
    return decode(content, label)


def _label(part: Part) -> str:
    return part.parameters.get("charset", "").partition(" ")[0]


def _tidy(text: str) -> str:
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if _SOME_CONTROL.search(text):
        text = text.translate(_CONTROLS)
    return "\n".join(line.rstrip() for line in text.split("\n")).strip("\n")
