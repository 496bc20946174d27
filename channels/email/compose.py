"""Writes the bytes of a message that we send: the same bytes for the same order, to exactly whom it says.

The headers are written by hand in ASCII. The standard library folds a long display name without its quotes
(gh-80222), which turns a name that a customer chose into one more recipient; so the finished bytes are also
read again, by a parser that is not ours, and refused unless they say what was meant.
"""

from __future__ import annotations

import base64
import binascii
import email
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime, getaddresses

from channels.contract import Outgoing, Rejected
from channels.email.addresses import is_address
from channels.email.mailboxes import Mailbox
from channels.email.tokens import Tokens

_NAME = 60
_SUBJECT = 250
_REFERENCES = 20
_LINE = 76
_FOLD = "\r\n "
_BREAKS = re.compile(r"[\r\n\x00]")
_ODD = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]+")
_ANSWERED = re.compile(
    r"^(?:\s*(?:re|aw|sv|antw|odp|回复|回覆|答复|答覆)\s*(?:\[\d{1,3}\])?\s*[::])+\s*", re.IGNORECASE
)
_ID = re.compile(r"<[!-;=?-~]{1,300}>")


@dataclass(frozen=True, slots=True)
class Letter:
    """Ready to be sent: the envelope and the bytes, CRLF throughout."""

    sender: str
    recipient: str
    message_id: str
    data: bytes


def compose(message: Outgoing, mailbox: Mailbox, tokens: Tokens) -> Letter:
    """The letter that ``message`` orders, from ``mailbox``. Raises :class:`Rejected` where it can't be
    written safely, naming the field."""
    recipient = _recipient(message)
    for field, value in (("subject", message.subject), ("sender name", message.sender_name)):
        if _BREAKS.search(value):
            raise Rejected(f"The {field} contains a line break.")
    try:
        message_id = tokens.message_id(message.interaction_id, message.outbox_id, mailbox.address.rpartition("@")[2])
    except ValueError as error:
        raise Rejected(str(error)) from error
    fields = _fields(message, mailbox, recipient, message_id, tokens.instance)
    body_fields, body = _body(message)
    fields += body_fields
    head = "".join(f"{name}: {value}\r\n" for name, value in fields)
    letter = Letter(mailbox.address, recipient, message_id, head.encode("ascii") + b"\r\n" + body)
    read_again(letter, [name for name, _ in fields])
    return letter


def _recipient(message: Outgoing) -> str:
    point = message.recipient
    if point is None or point.kind != "email" or not is_address(point.value):
        shown = point.value[:80] if point is not None else "nobody"
        raise Rejected(f"E-mail cannot be sent to {shown!r}.")
    return point.value


def _fields(
    message: Outgoing, mailbox: Mailbox, recipient: str, message_id: str, instance: str
) -> list[tuple[str, str]]:
    references = [each for each in message.references if _ID.fullmatch(each) and not each.endswith(".invalid>")]
    written = datetime.fromtimestamp(message.created_at / 1000, UTC)
    fields = [
        ("From", _named(message.sender_name or mailbox.name, mailbox.address)),
        # What a customer calls themselves must not cost them the answer: a name that is odd is made plain.
        ("To", _named(message.recipient_name, recipient)),
        ("Subject", _words(_subject(message), len("Subject: "))),
        ("Date", format_datetime(written.replace(microsecond=0))),
        ("Message-ID", message_id),
    ]
    if references:
        fields.append(("In-Reply-To", references[-1]))
        fields.append(("References", _FOLD.join(_trimmed(references))))
    return [*fields, ("X-CCH-Instance", instance), ("MIME-Version", "1.0")]


def _trimmed(references: list[str]) -> list[str]:
    """The first, which names the thread, and the latest (RFC 5322 3.6.4 sets no limit; servers do)."""
    unique = list(dict.fromkeys(references))
    return unique if len(unique) <= _REFERENCES else [unique[0], *unique[1 - _REFERENCES :]]


def _subject(message: Outgoing) -> str:
    plain = _plain(message.subject, _SUBJECT)
    if not message.references:
        return plain
    return f"Re: {_ANSWERED.sub('', plain)}".rstrip()


def _plain(text: str, limit: int) -> str:
    return " ".join(_ODD.sub(" ", text).split())[:limit].strip()


def _named(name: str, address: str) -> str:
    name = _plain(name, _NAME)
    if not name:
        return address
    if name.isascii() and "=?" not in name:
        quoted = name.replace("\\", "\\\\").replace('"', '\\"')
        shown = f'"{quoted}"'
    else:
        shown = _words(name, len("From: "))
    fits = len(shown) + len(address) + len("From:  <>") <= _LINE
    return f"{shown}{' ' if fits else _FOLD}<{address}>"


def _words(text: str, used: int) -> str:
    """``text`` for a header: as it is where it is short ASCII, else RFC 2047 encoded words, each of whole
    characters, on lines of their own."""
    if text.isascii() and "=?" not in text and len(text) <= _LINE - used:
        return text
    words = (base64.b64encode(chunk).decode() for chunk in _chunks(text, 42))
    return _FOLD.join(f"=?utf-8?B?{word}?=" for word in words)


def _chunks(text: str, size: int) -> Iterator[bytes]:
    chunk = b""
    for letter in text:
        encoded = letter.encode("utf-8")
        if len(chunk) + len(encoded) > size:
            yield chunk
            chunk = b""
        chunk += encoded
    yield chunk


def _body(message: Outgoing) -> tuple[list[tuple[str, str]], bytes]:
    text_fields, text = _text("plain", message.text)
    if not message.html:
        return text_fields, text
    boundary = f"=_{message.outbox_id[:60]}"  # "=_" can't occur in quoted-printable or base64
    html_fields, html = _text("html", message.html)
    parts = b"".join(
        f"--{boundary}\r\n".encode()
        + "".join(f"{name}: {value}\r\n" for name, value in fields).encode()
        + b"\r\n"
        + body
        + b"\r\n"
        for fields, body in ((text_fields, text), (html_fields, html))
    )
    return (
        [("Content-Type", f'multipart/alternative;\r\n boundary="{boundary}"')],
        parts + f"--{boundary}--\r\n".encode(),
    )


def _text(subtype: str, text: str) -> tuple[list[tuple[str, str]], bytes]:
    """Quoted-printable while most of it is ASCII, else base64. Either way the wire sees short ASCII lines
    that end in CRLF, so no line of a customer's or agent's can end the message (SMTP smuggling)."""
    lines = re.split(r"\r\n|\r|\n", text.replace("\x00", ""))
    data = "\r\n".join(lines).encode("utf-8", "replace")
    data = data if data.endswith(b"\r\n") else data + b"\r\n"
    mostly_ascii = sum(byte > 0x7E for byte in data) * 6 <= len(data)
    encoding = "quoted-printable" if mostly_ascii else "base64"
    if mostly_ascii:
        body = binascii.b2a_qp(data, istext=True, header=False)
    else:
        body = base64.encodebytes(data).replace(b"\n", b"\r\n")
    fields = [
        ("Content-Type", f"text/{subtype}; charset=utf-8"),
        ("Content-Transfer-Encoding", encoding),
    ]
    return fields, body


def read_again(letter: Letter, names: list[str]) -> None:
    """The last look before it goes: whoever reads these bytes must find our headers, each once, and the one
    recipient."""
    data = letter.data
    if re.search(rb"\r(?!\n)|(?<!\r)\n", data) or any(len(line) > 998 for line in data.split(b"\r\n")):
        raise Rejected("The message cannot be written in lines that every server accepts.")
    read = email.message_from_bytes(data)
    if read.keys() != names or read.defects:
        raise Rejected("The message's headers do not read back as they were written.")
    for field, address in (("From", letter.sender), ("To", letter.recipient)):
        if [found for _, found in getaddresses(read.get_all(field, []))] != [address]:
            raise Rejected(f"The {field} header would name somebody else than {address}.")
