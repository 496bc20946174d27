"""One fetched message, as bytes, becomes one event. Pure, bounded, and never at the message's mercy."""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from email.utils import parsedate_tz
from hashlib import sha256

from channels.contract import Malformed, Parsed
from channels.email.addresses import Author, addresses_in, author, without_tag
from channels.email.authentication import doubt
from channels.email.automatic import automatic
from channels.email.headers import Headers, decode_words, message_ids, read_head, seemly
from channels.email.mime import MAX_MESSAGE, Part, take_apart
from channels.email.wording import Words, words_of
from contact_center.domain.contact_points import ContactPoint
from contact_center.domain.events import Attachment, InteractionEvent, MessageReceived, Thread
from contact_center.domain.time import SECOND, Moment

MAX_REFERENCES = 50
_SUBJECT = 500
_FILE_NAME = 200
_LONGEST_ID = 300

# What a message is, as against what happened to it on its way: the same mail fetched twice, or delivered
# by two routes, agrees in these and in its body.
_OWN_FIELDS = (
    *("message-id", "date", "from", "sender", "reply-to", "to", "cc", "subject", "in-reply-to", "references"),
    *("mime-version", "content-type", "content-transfer-encoding", "content-disposition"),
)
_SOME_FIELD = frozenset((*_OWN_FIELDS, "received", "return-path", "delivered-to"))
_TO_US = ("delivered-to", "x-original-to", "envelope-to", "to", "cc")
_UNNAMED = {"message/rfc822": "message.eml", "message/delivery-status": "delivery-status.txt"}
_NOT_IN_NAMES = re.compile(r"[/\\:*?\"<>|]+")


@dataclass(frozen=True, slots=True)
class Recipient:
    """The mailbox of ours that a message was found in, without what is needed to open it. ``addresses`` are
    its own (the first is the mailbox's name in our records) and its aliases, in lower case. ``everyone`` are
    the addresses of all our mailboxes."""

    channel: str
    addresses: tuple[str, ...]
    everyone: frozenset[str] = frozenset()
    trusted_authserv: str = ""
    instance: str = ""


def parse_message(raw: bytes, recipient: Recipient, now: Moment, truncated: bool = False) -> Parsed:
    """The event in ``raw`` (RFC 5322), its attachments and its HTML as blobs. ``truncated`` says that only
    the headers were fetched. ``thread.references`` are the message's own id, then what it refers to, the
    oldest first and what it answers last; which of them are ours is for :func:`tokens.proven` to say. Raises
    :class:`Malformed` for what is no message, or is beyond the limits."""
    if len(raw) > MAX_MESSAGE:
        raise Malformed(f"The message is larger than {MAX_MESSAGE // 1024 // 1024} MB.")
    headers, body_start = read_head(raw)
    if not _SOME_FIELD.intersection(headers.fields):
        raise Malformed("This has no header that a message must have.")
    message = take_apart(raw, headers, body_start)
    words = Words("", "", [], True) if truncated else words_of(message)
    blobs: dict[str, bytes] = {}
    attachments = tuple(_kept(part, blobs) for part in words.attachments)
    who = author(headers)
    body = MessageReceived(
        text=words.text,
        subject=seemly(decode_words(headers.first("subject")[:8_000]), _SUBJECT),
        html=_keep(words.html.encode("utf-8", "replace"), blobs) if words.html else "",
        automatic=_automatic(message, who, recipient),
        unverified=who.unverified or doubt(headers, who.point.value, recipient.trusted_authserv),
        truncated=words.truncated,
    )
    event = _event(body, headers, who, recipient, now, _digest(raw, headers, body_start), attachments)
    return Parsed((event,), raw, blobs)


def _event(
    body: MessageReceived,
    headers: Headers,
    who: Author,
    recipient: Recipient,
    now: Moment,
    digest: str,
    attachments: tuple[Attachment, ...],
) -> InteractionEvent:
    own, references = _references(headers, digest)
    return InteractionEvent(
        body=body,
        channel=recipient.channel,
        source_id=f"{recipient.addresses[0]}|{own[:150]}|{digest[:16]}",
        medium="email",
        direction="inbound",
        occurred_at=_written_at(headers, now),
        received_at=now,
        sender=who.point,
        sender_name=who.name,
        dialled=ContactPoint("email", _dialled(headers, recipient)),
        thread=Thread(references=references),
        attachments=attachments,
    )


def _digest(raw: bytes, headers: Headers, body_start: int) -> str:
    hashed = sha256()
    for name in _OWN_FIELDS:
        for value in headers.all(name):
            hashed.update(name.encode() + b":" + b" ".join(value.split()) + b"\n")
    hashed.update(raw[body_start:].replace(b"\r\n", b"\n").rstrip())
    return hashed.hexdigest()


def _references(headers: Headers, digest: str) -> tuple[str, tuple[str, ...]]:
    """The message's own id, and with it all that it refers to. One without gets an id from its content, in a
    domain that nobody has (RFC 2606)."""
    own = next((i for i in message_ids(headers.first("message-id")) if len(i) <= _LONGEST_ID), "")
    own = own or f"<{digest[:32]}@no-message-id.invalid>"
    earlier = message_ids(b" ".join(headers.all("references")))
    answered = message_ids(headers.first("in-reply-to"))
    named = [each for each in (*earlier, *reversed(answered)) if len(each) <= _LONGEST_ID and each != own]
    # Of an id named twice the last place counts, so that what is answered stands last.
    unique = list(dict.fromkeys(reversed(named)))[::-1]
    kept = unique if len(unique) < MAX_REFERENCES else [unique[0], *unique[2 - MAX_REFERENCES :]]
    return own, (own, *kept)


def _dialled(headers: Headers, recipient: Recipient) -> str:
    named = [address for field in _TO_US for value in headers.all(field) for address in addresses_in(value)]
    for address in (*named, *map(without_tag, named)):
        if address in recipient.addresses:
            return address
    return recipient.addresses[0]


def _written_at(headers: Headers, now: Moment) -> Moment:
    """The Date header's moment, unless it is missing, senseless or in the future."""
    try:
        parts = parsedate_tz(headers.first("date")[:100].decode("ascii", "replace"))
        if parts is None:
            return now
        written = (calendar.timegm((*parts[:6], 0, 1, 0)) - (parts[9] or 0)) * SECOND
    except (ValueError, IndexError, TypeError, OverflowError):
        return now
    return written if 0 < written <= now else now


def _automatic(message: Part, who: Author, recipient: Recipient) -> str:
    report = message.parameters.get("report-type", "")
    ours = recipient.everyone | frozenset(recipient.addresses)
    declared = message.headers.word("content-type").partition(";")[0].strip()
    return automatic(message.headers, who.point.value, declared, report, ours, recipient.instance)


def _kept(part: Part, blobs: dict[str, bytes]) -> Attachment:
    content = part.content()
    media_type = part.media_type if re.fullmatch(r"[\w.+-]+/[\w.+-]+", part.media_type, re.ASCII) else ""
    return Attachment(
        digest=_keep(content, blobs),
        name=file_name(part.filename) or _UNNAMED.get(part.media_type, "unnamed"),
        media_type=media_type or "application/octet-stream",
        size=len(content),
        content_id=seemly(part.content_id, 255),
    )


def _keep(content: bytes, blobs: dict[str, bytes]) -> str:
    digest = sha256(content).hexdigest()
    blobs[digest] = content
    return digest


def file_name(claimed: str) -> str:
    """What the sender called a file, fit to be shown: the last step of a path, no controls or direction
    marks, at most 200 characters with its ending kept. Nothing is ever stored under it."""
    last = claimed.replace("\\", "/").rstrip("/").rpartition("/")[2]
    clean = _NOT_IN_NAMES.sub("_", seemly(last, 4096)).strip(". ")
    if len(clean) <= _FILE_NAME:
        return clean
    stem, dot, ending = clean.rpartition(".")
    kept = f"{dot}{ending}" if dot and len(ending) <= 10 else ""
    return (stem if kept else clean)[: _FILE_NAME - len(kept)] + kept
