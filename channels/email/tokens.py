"""Signs the Message-IDs of what we send, so that a reply proves which conversation it answers.

A Message-ID of ours is ``<r1.INTERACTION.OUTBOX.MAC@domain>``: what it is for (a reply), the version of
the key, whose it is, which message of its, and an HMAC-SHA256 of all that, cut to 128 bits. It travels
back in In-Reply-To and References. It chooses the conversation and nothing else: who wrote is another
question. Nothing unsigned is ever taken for ours. It is kept short because programs that fold long ids
(Python's own among them) break them.
"""

from __future__ import annotations

import hmac
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import replace
from hashlib import sha256

from channels.contract import Parsed

_FOR_A_REPLY = "r1"
_MAC_BYTES = 16
_OUTBOX_BYTES = 8
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_UUID = re.compile(r"[0-9a-f]{32}")
_TOKEN = re.compile(r"<((r1)\.([A-Za-z0-9_-]{2,65})\.[A-Za-z0-9_-]{11})\.([A-Za-z0-9_-]{22})@[^<>\s@]{1,255}>")


class Tokens:
    """Makes and proves tokens with this installation's ``secret``."""

    def __init__(self, secret: bytes) -> None:
        self._key = hmac.digest(secret, b"channels.email message-id", "sha256")
        self.instance = hmac.new(secret, b"channels.email instance", sha256).hexdigest()[:24]
        """The mark of this installation on what it sends, to know it again should it come back."""

    def message_id(self, interaction_id: str, outbox_id: str, domain: str) -> str:
        """The Message-ID of what the outbox row says, the same for every attempt. Raises ValueError for an id
        of other than 1 to 64 letters, digits, hyphens and underscores."""
        if not _ID.fullmatch(interaction_id) or not outbox_id:
            raise ValueError(f"{interaction_id!r} cannot stand in a Message-ID.")
        outbox = _short(sha256(outbox_id.encode()).digest()[:_OUTBOX_BYTES])
        claim = f"{_FOR_A_REPLY}.{_packed(interaction_id)}.{outbox}"
        return f"<{claim}.{self._mac(claim)}@{domain}>"

    def interaction_of(self, message_id: str) -> str:
        """The interaction that ``message_id`` proves to belong to; empty unless we made it."""
        match = _TOKEN.fullmatch(message_id)
        if match is None or not hmac.compare_digest(self._mac(match[1]), match[4]):
            return ""
        return _unpacked(match[3])

    def _mac(self, claim: str) -> str:
        return _short(hmac.digest(self._key, claim.encode(), "sha256")[:_MAC_BYTES])


def looks_signed(message_id: str) -> bool:
    """Whether it has the shape of ours. Anybody can write that: it proves nothing."""
    return _TOKEN.fullmatch(message_id) is not None


def _short(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


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
    answered first, then the newest. The message's own id proves nothing: its sender chose it."""
    events = []
    for event in parsed.events:
        named = (tokens.interaction_of(reference) for reference in reversed(event.thread.references[1:]))
        ours = tuple(dict.fromkeys(each for each in named if each))
        events.append(replace(event, thread=replace(event.thread, ours=ours)))
    return replace(parsed, events=tuple(events))
