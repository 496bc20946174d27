"""Writes the bytes of a message that we send: the same bytes for the same order, to exactly whom it says.

The headers are written by hand in ASCII. The standard library folds a long display name without its quotes
(gh-80222), which turns a name that a customer chose into one more recipient; so the finished bytes are also
read again, by a parser that is not ours, and refused unless they say what was meant. Only an address whose part
before the ``@`` is not ASCII makes headers of UTF-8 (RFC 6532), which not every server takes.
"""

from __future__ import annotations

import base64
import binascii
import email
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.errors import MultipartInvariantViolationDefect, StartBoundaryNotFoundDefect
from email.message import Message
from email.utils import format_datetime, getaddresses
from urllib.parse import quote

import idna

from channels.contract import Outgoing, Rejected
from channels.email.addresses import is_address
from channels.email.mailboxes import Mailbox
from channels.email.tokens import Tokens
from contact_center.domain.events import Attachment

LARGEST = 50 * 1024 * 1024
"""Bytes of a finished letter: what the hub lets agents attach, written in base64, fits."""
_NAME = 60
_FILE_NAME = 120
_SUBJECT = 250
_REFERENCES = 20
_LINE = 76
_FOLD = "\r\n "
_BREAKS = re.compile(r"[\r\n\x00]")
_ODD = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]+")
_ANSWERED = re.compile(
    r"^(?:\s*(?:re|aw|sv|antw|odp|回复|回覆|答复|答覆)\s*(?:\[\d{1,3}\])?\s*[:：])+\s*", re.IGNORECASE
)
_ID = re.compile(r"<[!-;=?-~]{1,300}>")
_TYPE = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9!#$&^_.+-]{0,62}/[a-zA-Z0-9][a-zA-Z0-9!#$&^_.+-]{0,62}")
_CONTENT_ID = re.compile(r"[A-Za-z0-9._@+-]{1,200}")
_LOCAL = re.compile(
    r"[^\x00-\x20\"(),:;<>@\[\]\\\x7f-\xa0\u2000-\u200f\u2028-\u202f\u2060-\u206f\ufeff\ud800-\udfff]{1,64}"
)

_NO_BODY = (StartBoundaryNotFoundDefect, MultipartInvariantViolationDefect)
"""What is wrong with headers that are read without their body."""

Fields = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Letter:
    """Ready to be sent: the envelope (an empty ``sender`` is the null one) and the bytes, CRLF throughout.
    ``recipient`` and ``sender`` have their domains in ASCII."""

    sender: str
    recipient: str
    message_id: str
    data: bytes

    @property
    def utf8(self) -> bool:
        """Whether it may only go to a server with SMTPUTF8 (RFC 6531): a header or the recipient is not ASCII."""
        return not (self.recipient.isascii() and head_of(self.data).isascii())


def head_of(data: bytes) -> bytes:
    return data[: data.find(b"\r\n\r\n")]


def letter_of(message: Outgoing, mailbox: Mailbox, tokens: Tokens) -> Letter:
    """The letter that ``message`` orders: the bytes that were prepared for it, else new ones. Raises
    :class:`Rejected`."""
    if not message.prepared:
        return compose(message, mailbox, tokens)
    message_id = email.message_from_bytes(head_of(message.prepared)).get("Message-ID", "")
    return Letter(
        _envelope_sender(message, mailbox, tokens, message_id), _recipient(message), message_id, message.prepared
    )


def compose(message: Outgoing, mailbox: Mailbox, tokens: Tokens) -> Letter:
    """The letter that ``message`` orders, from ``mailbox``. Raises :class:`Rejected` where it can't be
    written safely, naming the field."""
    recipient = _recipient(message)
    for field, value in (("subject", message.subject), ("sender name", message.sender_name)):
        if _BREAKS.search(value):
            raise Rejected(f"The {field} contains a line break.")
    first_row = message.letter_id or message.outbox_id
    try:
        message_id = tokens.message_id(message.interaction_id, first_row, mailbox.address.rpartition("@")[2])
    except ValueError as error:
        raise Rejected(str(error)) from error
    to = [_written(address) for address in message.to] or [recipient]
    cc = [_written(address) for address in message.cc]
    fields = _fields(message, mailbox, to, cc, message_id, tokens.instance)
    part = _body(message)
    fields += part.fields
    head = "".join(f"{name}: {value}\r\n" for name, value in fields)
    sender = _envelope_sender(message, mailbox, tokens, message_id)
    letter = Letter(sender, recipient, message_id, head.encode() + b"\r\n" + part.data)
    read_again(letter, [name for name, _ in fields], mailbox.address, to, cc)
    return letter


def _recipient(message: Outgoing) -> str:
    point = message.recipient
    if point is None or point.kind != "email":
        shown = point.value[:80] if point is not None else "nobody"
        raise Rejected(f"E-mail cannot be sent to {shown!r}.")
    return _written(point.value)


def _written(address: str) -> str:
    """``address`` as it stands in headers and envelopes, its domain in ASCII (IDNA 2008). Raises
    :class:`Rejected`."""
    local, _, domain = address.rpartition("@")
    try:
        ascii_domain = domain if domain.isascii() else idna.encode(domain, uts46=True).decode()
    except (idna.IDNAError, UnicodeError):
        ascii_domain = ""
    written = f"{local}@{ascii_domain}"
    plain = is_address(written) if local.isascii() else _LOCAL.fullmatch(local) and is_address(f"x@{ascii_domain}")
    if not plain or len(written.encode()) > 254:
        raise Rejected(f"E-mail cannot be sent to {address[:80]!r}.")
    return written


def _envelope_sender(message: Outgoing, mailbox: Mailbox, tokens: Tokens, message_id: str) -> str:
    """Where bounces go. To the null one none do, and nothing answers it (RFC 3834)."""
    return "" if message.automatic else tokens.return_path(mailbox.bounce_address, message_id) or mailbox.address


def _fields(
    message: Outgoing, mailbox: Mailbox, to: Sequence[str], cc: Sequence[str], message_id: str, instance: str
) -> Fields:
    references = [each for each in message.references if _ID.fullmatch(each) and not each.endswith(".invalid>")]
    written = datetime.fromtimestamp(message.created_at / 1000, UTC)
    fields = [
        ("From", _named(message.sender_name or mailbox.name, mailbox.address)),
        # What a customer calls themselves must not cost them the answer: a name that is odd is made plain.
        ("To", f",{_FOLD}".join([_named(message.recipient_name, to[0]), *to[1:]])),
    ]
    if cc:
        fields.append(("Cc", f",{_FOLD}".join(cc)))
    fields += [
        ("Subject", _words(_subject(message), len("Subject: "))),
        ("Date", format_datetime(written.replace(microsecond=0))),
        ("Message-ID", message_id),
    ]
    if references:
        fields.append(("In-Reply-To", references[-1]))
        fields.append(("References", _FOLD.join(_trimmed(references))))
    if message.automatic:
        fields += [
            ("Auto-Submitted", "auto-replied"),
            ("X-Auto-Response-Suppress", "All"),
            ("Precedence", "auto_reply"),
        ]
    return [*fields, ("X-CCH-Instance", instance), ("MIME-Version", "1.0")]


def _trimmed(references: list[str]) -> list[str]:
    """The first, which names the thread, and the latest (RFC 5322 3.6.4 sets no limit; servers do)."""
    unique = list(dict.fromkeys(references))
    return unique if len(unique) <= _REFERENCES else [unique[0], *unique[1 - _REFERENCES :]]


def _subject(message: Outgoing) -> str:
    """Where somebody said whom it is for, they saw the subject too, and it stays as it is."""
    plain = _plain(message.subject, _SUBJECT)
    if not message.references or message.to:
        return plain
    return f"Re: {_ANSWERED.sub('', plain)}".rstrip()


def _plain(text: str, limit: int) -> str:
    return " ".join(_ODD.sub(" ", text).split())[:limit].strip()


def _named(name: str, address: str) -> str:
    name = _plain(name, _NAME)
    if not name:
        return address
    plain = name.isascii() and "=?" not in name
    shown = f'"{_quoted(name)}"' if plain else _words(name, len("From: "))
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


@dataclass(frozen=True, slots=True)
class _Part:
    fields: Fields
    data: bytes

    @property
    def whole(self) -> bytes:
        return "".join(f"{name}: {value}\r\n" for name, value in self.fields).encode("ascii") + b"\r\n" + self.data


def _body(message: Outgoing) -> _Part:
    """The text; with HTML beside it, the pictures that stand in the HTML, and the files, as far as there are any
    (RFC 2046, RFC 2387)."""
    mark = (message.letter_id or message.outbox_id)[:56]
    body = _Part(*_text("plain", message.text))
    inline = [file for file in message.attachments if message.html and _is_inline(file, message.html)]
    if message.html:
        html = _Part(*_text("html", message.html))
        if inline:
            html = _several("related", mark, [html, *(_file(each, message, inline=True) for each in inline)])
        body = _several("alternative", mark, [body, html])
    beside = [_file(each, message, inline=False) for each in message.attachments if each not in inline]
    return _several("mixed", mark, [body, *beside]) if beside else body


def _is_inline(file: Attachment, html: str) -> bool:
    return bool(_CONTENT_ID.fullmatch(file.content_id)) and f"cid:{file.content_id}" in html


def _several(subtype: str, mark: str, parts: Sequence[_Part]) -> _Part:
    boundary = f"=_{subtype[0]}_{mark}"  # "=_" can't occur in quoted-printable or base64
    opened = f"--{boundary}\r\n".encode()
    data = b"".join(opened + part.whole + b"\r\n" for part in parts) + f"--{boundary}--\r\n".encode()
    more = '; type="text/html"' if subtype == "related" else ""
    return _Part([("Content-Type", f'multipart/{subtype}{more};{_FOLD}boundary="{boundary}"')], data)


def _file(file: Attachment, message: Outgoing, *, inline: bool) -> _Part:
    data = message.files.get(file.digest)
    if data is None:
        raise Rejected(f"The file {file.name[:80]!r} is not there.")
    media_type = file.media_type.partition(";")[0].strip()
    if not _TYPE.fullmatch(media_type) or media_type.lower().startswith(("multipart/", "message/")):
        media_type = "application/octet-stream"
    name = _plain(file.name.replace("/", "_").replace("\\", "_"), _FILE_NAME) or "attachment"
    disposition = "inline" if inline else "attachment"
    fields = [
        ("Content-Type", f'{media_type};{_FOLD}name="{_quoted_words(name)}"'),
        ("Content-Transfer-Encoding", "base64"),
        ("Content-Disposition", f"{disposition};{_file_name(name)}"),
    ]
    if inline:
        fields.append(("Content-ID", f"<{file.content_id}>"))
    return _Part(fields, _in_base64(data))


_LINES = 57 * 1_000


def _in_base64(data: bytes) -> bytes:
    """A thousand lines at a time: nothing else runs in this process while one piece is written."""
    pieces = (data[at : at + _LINES] for at in range(0, len(data), _LINES))
    return b"".join(base64.encodebytes(piece).replace(b"\n", b"\r\n") for piece in pieces)


def _file_name(name: str) -> str:
    if name.isascii():
        return f'{_FOLD}filename="{_quoted(name)}"'
    return ";".join(_in_sections(quote(name, safe="")))


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _quoted_words(name: str) -> str:
    """For programs that don't know RFC 2231: encoded words, which don't belong there but are read by all of them."""
    if name.isascii():
        return _quoted(name)
    return _FOLD.join(f"=?utf-8?B?{base64.b64encode(chunk).decode()}?=" for chunk in _chunks(name, 42))


def _in_sections(encoded: str) -> Iterator[str]:
    """RFC 2231, sections 3 and 4: a value that is longer than a line goes on in the next parameter. No octet is
    cut."""
    sections: list[str] = re.findall(r"(?:%[0-9A-F]{2}|[^%]){1,18}", encoded)
    if len(sections) == 1:
        yield f"{_FOLD}filename*=utf-8''{sections[0]}"
        return
    for number, section in enumerate(sections):
        charset = "utf-8''" if number == 0 else ""
        yield f"{_FOLD}filename*{number}*={charset}{section}"


def _text(subtype: str, text: str) -> tuple[Fields, bytes]:
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


def read_again(letter: Letter, names: list[str], sender: str, to: Sequence[str], cc: Sequence[str]) -> None:
    """The last look before it goes: whoever reads these bytes must find our headers, each once, and everybody whom
    it is for and nobody else."""
    data = letter.data
    if len(data) > LARGEST:
        raise Rejected(f"The letter would be {len(data) / 1_048_576:.0f} MB; {LARGEST // 1_048_576} MB is the most.")
    if not _in_lines(data):
        raise Rejected("The message cannot be written in lines that every server accepts.")
    read = email.message_from_bytes(head_of(data) + b"\r\n\r\n")
    odd = [each for each in read.defects if not isinstance(each, _NO_BODY)]
    if read.keys() != names or odd:
        raise Rejected("The message's headers do not read back as they were written.")
    for field, addresses in (("From", [sender]), ("To", list(to)), ("Cc", list(cc)), ("Bcc", [])):
        if _addresses(read, field) != addresses:
            raise Rejected(f"The {field} header would name somebody else than {', '.join(addresses) or 'nobody'}.")


def _in_lines(data: bytes) -> bool:
    """Whether every line ends in CRLF and has 998 bytes at most (RFC 5322 2.1.1), and nowhere is half of one. Looks
    at a letter of 35 MB in a few hundredths of a second, which an expression would take seconds for."""
    if not data.count(b"\r\n") == data.count(b"\n") == data.count(b"\r"):
        return False
    at = 0
    while len(data) - at > 998:
        end = data.rfind(b"\r\n", at, at + 1_000)
        if end < 0:
            return False
        at = end + 2
    return True


def _addresses(read: Message, field: str) -> list[str]:
    values = [str(value).encode("ascii", "surrogateescape").decode("utf-8", "replace") for value in _raw(read, field)]
    return [found for _, found in getaddresses(values)]


def _raw(read: Message, field: str) -> list[str]:
    return [value for name, value in read.raw_items() if name.lower() == field.lower()]
