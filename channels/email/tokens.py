"""Signs the Message-IDs of what we send, so that a reply proves which conversation it answers.

A Message-ID of ours is ``<r1.INTERACTION.OUTBOX.MAC@domain>``: what it is for (a reply), the version of
the key, whose it is, which message of its, and an HMAC-SHA256 of all that, cut to 128 bits. It travels
back in In-Reply-To and References. It chooses the conversation and nothing else: who wrote is another
question. Nothing unsigned is ever taken for ours. It is kept short because programs that fold long ids
(Python's own among them) break them.

What a mail server reports of a letter is believed where it names such an id, or where it came to the return
path that the letter left with (:meth:`Tokens.return_path`), which says the same in letters that survive
every server.
"""

from __future__ import annotations

import hmac
import re
from base64 import b32decode, b32encode, urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable
from dataclasses import replace
from hashlib import sha256

from channels.contract import Malformed, Parsed
from channels.email.addresses import addresses_in, is_address
from channels.email.headers import Headers, read_head
from contact_center.domain.events import DeliveryReported, InteractionEvent, MessageReceived, changed

_FOR_A_REPLY = "r1"
_MAC_BYTES = 16
_OUTBOX_BYTES = 8
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_UUID = re.compile(r"[0-9a-f]{32}")
_LOCAL_PART = 64  # octets, RFC 5321 4.5.3.1.1
_RETURN_MAC_BYTES = 8
_RETURN = re.compile(r"[a-z2-7]{52}")
_CAME_TO = ("delivered-to", "x-original-to", "envelope-to", "x-envelope-to", "to", "cc")
_TOKEN = re.compile(r"<((r1)\.([A-Za-z0-9_-]{2,65})\.[A-Za-z0-9_-]{11})\.([A-Za-z0-9_-]{22})@[^<>\s@]{1,255}>")


class Tokens:
    """Makes and proves tokens with this installation's ``secret``. ``domains`` are those that it writes in the name
    of, where they may differ from the one that a report comes to."""

    def __init__(self, secret: bytes, domains: Iterable[str] = ()) -> None:
        self.domains = tuple(dict.fromkeys(domain.lower() for domain in domains))
        self._key = hmac.digest(secret, b"channels.email message-id", "sha256")
        self._return_key = hmac.digest(secret, b"channels.email return path", "sha256")
        self.instance = hmac.new(secret, b"channels.email instance", sha256).hexdigest()[:24]
        """The mark of this installation on what it sends, to know it again should it come back."""

    def message_id(self, interaction_id: str, outbox_id: str, domain: str) -> str:
        """The Message-ID of what the outbox row says, the same for every attempt. Raises ValueError for an id
        of other than 1 to 64 letters, digits, hyphens and underscores."""
        if not _ID.fullmatch(interaction_id) or not outbox_id:
            raise ValueError(f"{interaction_id!r} cannot stand in a Message-ID.")
        outbox = _short(sha256(outbox_id.encode()).digest()[:_OUTBOX_BYTES])
        claim = f"{_FOR_A_REPLY}.{_packed(interaction_id)}.{outbox}"
        return self._signed(claim, domain)

    def interaction_of(self, message_id: str) -> str:
        """The interaction that ``message_id`` proves to belong to; empty unless we made it."""
        match = _TOKEN.fullmatch(message_id)
        if match is None or not hmac.compare_digest(self._mac(match[1]), match[4]):
            return ""
        return _unpacked(match[3])

    def return_path(self, template: str, message_id: str) -> str:
        """The envelope sender for the letter ``message_id`` of ours: the ``{token}`` in ``template`` (a mailbox's
        ``bounce_address``) replaced. Empty where there is no template, or the token doesn't fit: leave with the
        mailbox's own address then."""
        match = _TOKEN.fullmatch(message_id)
        if match is None or match[3][0] != "u" or "{token}" not in template:
            return ""
        letter = urlsafe_b64decode(match[3][1:] + "==") + _outbox_of(match[1])
        address = template.replace("{token}", _long(letter + self._return_mac(letter, message_id)))
        fits = is_address(address) and len(address.partition("@")[0]) <= _LOCAL_PART
        return address if fits and _RETURN.search(address.lower()) else ""

    def letter_of(self, address: str, domain: str) -> str:
        """The Message-ID of the letter of ours, sent in the name of ``domain``, whose return path ``address`` is;
        empty unless it proves to be one. Letter case makes no difference: servers change it."""
        for found in _RETURN.findall(address.lower().partition("@")[0]):
            data = b32decode(found.upper() + "====")
            letter, mac = data[:-_RETURN_MAC_BYTES], data[-_RETURN_MAC_BYTES:]
            interaction, outbox = letter[:-_OUTBOX_BYTES].hex(), _short(letter[-_OUTBOX_BYTES:])
            message_id = self._signed(f"{_FOR_A_REPLY}.{_packed(interaction)}.{outbox}", domain)
            if hmac.compare_digest(self._return_mac(letter, message_id), mac):
                return message_id
        return ""

    def _signed(self, claim: str, domain: str) -> str:
        return f"<{claim}.{self._mac(claim)}@{domain}>"

    def _return_mac(self, letter: bytes, message_id: str) -> bytes:
        domain = message_id.rstrip(">").rpartition("@")[2].lower()
        return hmac.digest(self._return_key, letter + domain.encode(), "sha256")[:_RETURN_MAC_BYTES]

    def _mac(self, claim: str) -> str:
        return _short(hmac.digest(self._key, claim.encode(), "sha256")[:_MAC_BYTES])


def looks_signed(message_id: str) -> bool:
    """Whether it has the shape of ours. Anybody can write that: it proves nothing."""
    return _TOKEN.fullmatch(message_id) is not None


def _short(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _long(data: bytes) -> str:
    """In letters and digits whose case nobody needs to keep."""
    return b32encode(data).rstrip(b"=").decode().lower()


def _outbox_of(claim: str) -> bytes:
    return urlsafe_b64decode(claim.rpartition(".")[2] + "=")


def _packed(interaction_id: str) -> str:
    """The hub's ids are UUIDs in hex, which fit in two thirds of the room."""
    if _UUID.fullmatch(interaction_id):
        return "u" + _short(bytes.fromhex(interaction_id))
    return "x" + interaction_id


def _unpacked(packed: str) -> str:
    if packed[0] == "x":
        return packed[1:]
    return urlsafe_b64decode(packed[1:] + "==").hex()


def proven(parsed: Parsed, tokens: Tokens) -> Parsed:
    """``parsed`` with ``thread.ours`` set to the interactions that the references prove, the one that is
    answered first, then the newest. The message's own id proves nothing: its sender chose it.

    Of a mail server's report only that stays which is proven to be about letters of ours, with ``provider_id`` their
    Message-ID; the message that carried it is then no message of anybody's. Where none of it is proven, only that
    message stays, as automatic."""
    reports = [event for event in parsed.events if isinstance(event.body, DeliveryReported)]
    if not reports:
        return replace(parsed, events=tuple(_threaded(event, tokens) for event in parsed.events))
    came_to = _letter_by_return_path(parsed, reports[0], tokens)
    known = [found for event in reports if (found := _about_ours(event, came_to, tokens)) is not None]
    if known:
        return replace(parsed, events=tuple(known))
    rest = (event for event in parsed.events if not isinstance(event.body, DeliveryReported))
    return replace(parsed, events=tuple(_as_automatic(_threaded(event, tokens)) for event in rest))


def _threaded(event: InteractionEvent, tokens: Tokens) -> InteractionEvent:
    named = (tokens.interaction_of(reference) for reference in reversed(event.thread.references[1:]))
    ours = tuple(dict.fromkeys(each for each in named if each))
    return changed(event, thread=replace(event.thread, ours=ours))


def _about_ours(event: InteractionEvent, came_to: str, tokens: Tokens) -> InteractionEvent | None:
    report = event.body
    assert isinstance(report, DeliveryReported)
    letter = report.provider_id if tokens.interaction_of(report.provider_id) else came_to
    if not letter:
        return None
    thread = replace(event.thread, ours=(tokens.interaction_of(letter),))
    return changed(event, body=replace(report, provider_id=letter), thread=thread)


def _letter_by_return_path(parsed: Parsed, event: InteractionEvent, tokens: Tokens) -> str:
    """The letter whose return path the report came to, where it did."""
    try:
        headers = read_head(parsed.raw)[0] if parsed.raw else Headers({})
    except Malformed:
        return ""
    own = event.dialled.value.rpartition("@")[2] if event.dialled is not None else ""
    for name in _CAME_TO:
        for address in (each for value in headers.all(name)[:5] for each in addresses_in(value[:2_000])):
            for domain in dict.fromkeys((own, address.rpartition("@")[2], *tokens.domains)):
                if found := tokens.letter_of(address, domain):
                    return found
    return ""


def _as_automatic(event: InteractionEvent) -> InteractionEvent:
    body = event.body
    if not isinstance(body, MessageReceived) or body.automatic:
        return event
    return changed(event, body=replace(body, automatic="bounce"))
