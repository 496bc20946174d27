"""Letters as a mail program writes and reads them: bytes ↔ what is shown to a virtual customer. Pure."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.headerregistry import Address
from email.message import EmailMessage, MIMEPart
from email.utils import formatdate, getaddresses
from typing import Any

import nh3

_MAX_SHOWN = 200_000
_ID = re.compile(r"<[^<>\s]{1,500}>")


@dataclass(frozen=True, slots=True)
class Draft:
    """``references`` are the Message-IDs of the conversation, the one answered last (empty: a new letter)."""

    sender: str
    sender_name: str
    recipient: str
    subject: str
    text: str
    message_id: str
    at: int
    references: tuple[str, ...] = ()


def write(draft: Draft) -> bytes:
    """The letter in bytes, RFC 5322. Raises ``ValueError`` where an address is none or a header holds a line
    break."""
    letter = EmailMessage(policy=policy.SMTP)
    letter["From"] = _address(draft.sender_name, draft.sender)
    letter["To"] = _address("", draft.recipient)
    letter["Subject"] = draft.subject
    letter["Date"] = formatdate(draft.at / 1000)
    letter["Message-ID"] = draft.message_id
    if draft.references:
        letter["In-Reply-To"] = draft.references[-1]
        letter["References"] = " ".join(draft.references)
    letter.set_content(draft.text)
    return letter.as_bytes()


def _address(name: str, address: str) -> Address:
    local, at, domain = address.rpartition("@")
    if not at or not local or not domain:
        raise ValueError(f"{address!r} is no e-mail address.")
    return Address(name, local, domain)


def references(raw: bytes) -> tuple[str, ...]:
    """What a reply to ``raw`` refers to: its own references (the first and the latest of a long row), then itself."""
    letter = message_from_bytes(raw, policy=policy.default)
    known = _ID.findall(_header(letter, "References") or _header(letter, "In-Reply-To"))
    own = _ID.findall(_header(letter, "Message-ID"))
    if len(known) > 20:
        known = [known[0], *known[-19:]]
    return tuple(dict.fromkeys([*known, *own[:1]]))


def read(raw: bytes) -> dict[str, Any]:
    """What is shown of a letter: ``from``, ``from_name``, ``to``, ``subject``, ``message_id``, ``in_reply_to``,
    ``references``, ``text``, ``html`` (harmless: allow-listed elements, nothing fetched), ``attachments`` as
    ``{name, media_type, size}``. Whatever the bytes are, something is shown."""
    letter = message_from_bytes(raw, policy=policy.default)
    senders = getaddresses([_header(letter, "From")]) or [("", "")]
    text, markup = _bodies(letter)
    return {
        "from": senders[0][1],
        "from_name": senders[0][0],
        "to": [address for _, address in getaddresses([_header(letter, "To")])],
        "subject": _header(letter, "Subject"),
        "date": _header(letter, "Date"),
        "message_id": _header(letter, "Message-ID"),
        "in_reply_to": _header(letter, "In-Reply-To"),
        "references": _ID.findall(_header(letter, "References")),
        "auto_submitted": _header(letter, "Auto-Submitted"),
        "text": text[:_MAX_SHOWN],
        "html": _harmless(markup) if markup else "",
        "attachments": list(_attachments(letter)),
    }


def _harmless(markup: str) -> str:
    """Without scripts, styles and pictures (which would be fetched, and tell that the letter was read)."""
    allowed = nh3.ALLOWED_TAGS - {"img"}
    return nh3.clean(markup[:_MAX_SHOWN], tags=allowed, url_schemes={"http", "https", "mailto"})


def _header(letter: Any, name: str) -> str:
    # Headers that break their own grammar make the library raise whatever it stumbled over.
    try:
        return " ".join(str(letter.get(name, "") or "").split())
    except Exception:
        return ""


def _bodies(letter: Any) -> tuple[str, str]:
    plain = markup = ""
    for part in letter.walk():
        if part.is_multipart() or part.get_content_disposition() == "attachment":
            continue
        kind = part.get_content_type()
        if kind == "text/plain" and not plain:
            plain = _decoded(part)
        elif kind == "text/html" and not markup:
            markup = _decoded(part)
    if not plain and markup:
        plain = html.unescape(re.sub(r"<[^>]{0,2000}>", " ", markup[:_MAX_SHOWN]))
    return plain.replace("\r\n", "\n").strip(), markup


def _decoded(part: MIMEPart) -> str:
    try:
        return str(part.get_content())
    except (LookupError, ValueError, AttributeError, TypeError):
        payload = part.get_payload(decode=True)
        return payload.decode("utf-8", "replace") if isinstance(payload, bytes) else str(payload or "")


def _attachments(letter: Any) -> Sequence[dict[str, Any]]:
    found = []
    for part in letter.walk():
        if part.get_content_disposition() == "attachment":
            payload = part.get_payload(decode=True)
            size = len(payload) if isinstance(payload, bytes) else 0
            name = part.get_filename() or "attachment"
            found.append({"name": name, "media_type": part.get_content_type(), "size": size})
    return found
