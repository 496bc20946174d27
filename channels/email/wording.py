"""Finds the words of a message: its plain text, and the HTML that it was written in."""

from __future__ import annotations

import re
from dataclasses import dataclass

from channels.email.charsets import decode
from channels.email.mime import Part
from channels.email.rendering import MAX_TEXT, to_text

_META = re.compile(rb"<meta[^<>]{0,200}charset\s*=\s*[\"']?([A-Za-z0-9_.:-]{1,40})", re.IGNORECASE)
_CONTROLS = {c: None for c in range(0x20) if chr(c) not in "\n\t"} | {0x7F: None}


@dataclass(slots=True)
class Words:
    """``attachments`` are the leaves that are no words, in order."""

    text: str
    html: str
    attachments: list[Part]
    truncated: bool = False


def words_of(message: Part) -> Words:
    """The message's words. Of alternatives the plain one is the text and the HTML one is kept beside it; what
    was only written in HTML is rendered to text; parts in a row follow one another."""
    attachments: list[Part] = []
    pieces = _read(message, attachments, True)
    read = [(piece.text, False) if piece.text else to_text(piece.html) for piece in pieces]
    text = _tidy("\n\n".join(text for text, _ in read))
    html = "\n".join(piece.html for piece in pieces if piece.html)
    return Words(text[:MAX_TEXT], html, attachments, len(text) > MAX_TEXT or any(cut for _, cut in read))


@dataclass(frozen=True, slots=True)
class _Piece:
    """Words in a row: ``text`` is empty where they were written in HTML only."""

    text: str
    html: str = ""


def _read(part: Part, attachments: list[Part], first: bool) -> list[_Piece]:
    if part.children and part.media_type == "multipart/alternative":
        return _alternatives(part, attachments, first)
    if part.children:
        pieces: list[_Piece] = []
        for child in part.children:
            pieces += _read(child, attachments, first and not pieces)
        return pieces
    if not _is_words(part, first):
        attachments.append(part)
        return []
    piece = _Piece("", html_of(part)) if part.media_type == "text/html" else _Piece(_text_of(part))
    return [piece] if (piece.text or piece.html).strip() else []


def _alternatives(part: Part, attachments: list[Part], first: bool) -> list[_Piece]:
    plain = html = ""
    for child in part.children:
        pieces = _read(child, attachments, first)
        markup = "\n".join(piece.html for piece in pieces if piece.html)
        if markup:
            html = markup
        else:
            plain = plain or "\n\n".join(piece.text for piece in pieces)
    return [_Piece(plain, html)] if plain or html else []


def _text_of(part: Part) -> str:
    return decode(part.content(), _label(part))


def _is_words(part: Part, first: bool) -> bool:
    if part.media_type not in {"text/plain", "text/html"} or part.disposition == "attachment":
        return False
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
    text = text.replace("\r\n", "\n").replace("\r", "\n").translate(_CONTROLS)
    return "\n".join(line.rstrip() for line in text.split("\n")).strip("\n")
