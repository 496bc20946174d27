"""One fetched message, as bytes, becomes events. Pure, bounded, and never at the message's mercy."""

from __future__ import annotations

import calendar
from collections.abc import Iterator
from dataclasses import dataclass
from email.utils import parsedate_tz
from hashlib import sha256

from channels.contract import Malformed, Parsed
from channels.email import bounces, quoting
from channels.email.addresses import Author, addresses_in, author, people_in, without_tag
from channels.email.authentication import doubt
from channels.email.automatic import automatic
from channels.email.bounces import Bounced
from channels.email.files import File
from channels.email.headers import Headers, decode_words, message_ids, read_head, seemly
from channels.email.mime import MAX_MESSAGE, Part, take_apart
from channels.email.wording import Words, words_of
from contact_center.domain import contact_points
from contact_center.domain.contact_points import ContactPoint
from contact_center.domain.events import (
    HUB,
    Attachment,
    DeliveryReported,
    InteractionEvent,
    MessageReceived,
    Thread,
    changed,
)
from contact_center.domain.time import SECOND, Moment

MAX_REFERENCES = 50
MAX_OTHERS = 50
_SUBJECT = 500
_LONGEST_ID = 300

# What a message is, as against what happened to it on its way: the same mail fetched twice, or delivered
# by two routes, agrees in these and in its body.
_OWN_FIELDS = (
    *("message-id", "date", "from", "sender", "reply-to", "to", "cc", "subject", "in-reply-to", "references"),
    *("mime-version", "content-type", "content-transfer-encoding", "content-disposition"),
)
_SOME_FIELD = frozenset((*_OWN_FIELDS, "received", "return-path", "delivered-to"))
_DELIVERED = ("delivered-to", "x-original-to", "x-delivered-to", "envelope-to", "x-envelope-to")
_TO_US = (*_DELIVERED, "to", "cc", "resent-to")
_BECAME = {"relayed": "sent", "expanded": "sent"}


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
    """What ``raw`` (RFC 5322) says, its files and its HTML as blobs: one :class:`MessageReceived`, and after it,
    where a mail server wrote it, a :class:`DeliveryReported` for each recipient that it tells of; which of the two
    counts is for :func:`tokens.proven` to say. ``truncated`` says that only the headers were fetched.
    ``thread.references`` are the message's own id, then what it refers to, the oldest first and what it answers
    last. Raises :class:`Malformed` for what is no message, or is beyond the limits."""
    if len(raw) > MAX_MESSAGE:
        raise Malformed(f"The message is larger than {MAX_MESSAGE // 1024 // 1024} MB.")
    text = raw if b"\n" in raw else raw.replace(b"\r", b"\n")
    headers, body_start = read_head(text)
    if not _SOME_FIELD.intersection(headers.fields):
        raise Malformed("This has no header that a message must have.")
    message = take_apart(text, headers, body_start)
    words = Words("", "", [], True) if truncated else words_of(message)
    blobs: dict[str, bytes] = {}
    who = author(headers)
    event = _event(
        _body(message, words, who, recipient, blobs),
        headers,
        who,
        recipient,
        now,
        _digest(text, headers, body_start),
        tuple(_kept(file, blobs) for file in words.files),
    )
    return Parsed((event, *_reports(bounces.read(message, headers), event)), raw, blobs)


def _body(message: Part, words: Words, who: Author, recipient: Recipient, blobs: dict[str, bytes]) -> MessageReceived:
    headers = message.headers
    subject = seemly(decode_words(headers.first("subject")[:8_000]), _SUBJECT)
    parts = quoting.split(words.text, subject)
    to = _others(headers.all("to"), who, recipient)
    return MessageReceived(
        text=parts.text,
        subject=subject,
        html=_keep(words.html.encode("utf-8", "replace"), blobs) if words.html else "",
        automatic=_automatic(message, who, recipient),
        unverified=who.unverified or doubt(headers, who.point.value, recipient.trusted_authserv),
        truncated=words.truncated,
        history=parts.history,
        signature=parts.signature,
        to=to,
        cc=tuple(each for each in _others(headers.all("cc"), who, recipient) if each not in to),
        reply_to="".join(_others(headers.all("reply-to"), who, recipient)[:1]),
        invitations=words.invitations,
    )


def _others(values: list[bytes], who: Author, recipient: Recipient) -> tuple[str, ...]:
    """The addresses in ``values`` that are neither ours nor the sender's."""
    ours = recipient.everyone | frozenset(recipient.addresses)
    people = people_in(values, MAX_OTHERS + len(ours) + 1)
    known = (who.point.value, *ours)
    return tuple(each for each in people if each not in known and without_tag(each) not in ours)[:MAX_OTHERS]


def _reports(bounced: tuple[Bounced, ...], message: InteractionEvent) -> Iterator[InteractionEvent]:
    """``message`` once more for each recipient that it tells of, as what became of our letter to them."""
    for number, each in enumerate(bounced, 1):
        recipient = contact_points.email(each.recipient) if each.recipient else None
        yield changed(
            message,
            body=DeliveryReported(
                provider_id=each.message_id,
                status=_BECAME.get(each.action, each.action),  # type: ignore[arg-type]
                error="" if each.action in {"delivered", *_BECAME} else f"{each.status} {each.reason}".strip()[:500],
                recipient=each.recipient,
                permanent=each.permanent,
            ),
            source_id=f"{message.source_id}|{number}",
            direction="outbound",
            actor=HUB,
            sender=recipient,
            sender_name="",
            attachments=(),
        )


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


def _kept(file: File, blobs: dict[str, bytes]) -> Attachment:
    digest = _keep(file.content, blobs)
    return Attachment(digest, file.name, file.media_type, len(file.content), file.content_id)


def _keep(content: bytes, blobs: dict[str, bytes]) -> str:
    digest = sha256(content).hexdigest()
    blobs[digest] = content
    return digest
