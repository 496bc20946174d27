"""Signs the Message-IDs of what we send, so that a reply proves which conversation it answers.

A Message-ID of ours is ``<reply.1.INTERACTION.OUTBOX.MAC@domain>``: what it is for, the version of the
key, whose it is, and an HMAC-SHA256 of all that, cut to 160 bits. It travels back in In-Reply-To and
References. It chooses the conversation and nothing else: who wrote is another question. Nothing unsigned
is ever taken for ours."""

from __future__ import annotations

import hmac
import re
from dataclasses import replace
from hashlib import sha256

from channels.contract import Parsed

PURPOSE = "reply"
KEY_VERSION = "1"
_MAC_LENGTH = 40
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_TOKEN = re.compile(r"<(reply\.1\.([A-Za-z0-9_-]{1,64})\.[A-Za-z0-9_-]{1,64})\.([0-9a-f]{40})@[^<>\s@]{1,255}>")


class Tokens:
    """Makes and proves tokens with this installation's ``secret``."""

    def __init__(self, secret: bytes) -> None:
        self._key = hmac.digest(secret, b"channels.email message-id " + KEY_VERSION.encode(), "sha256")
        self.instance = hmac.new(secret, b"channels.email instance", sha256).hexdigest()[:24]
        """The mark of this installation on what it sends, to know it again should it come back."""

    def message_id(self, interaction_id: str, outbox_id: str, domain: str) -> str:
        """The Message-ID of what the outbox row says, the same for every attempt. Raises ValueError for an id
        of other than 1 to 64 letters, digits, hyphens and underscores."""
        if not _ID.fullmatch(interaction_id) or not _ID.fullmatch(outbox_id):
            raise ValueError(f"{interaction_id!r} or {outbox_id!r} cannot stand in a Message-ID.")
        claim = f"{PURPOSE}.{KEY_VERSION}.{interaction_id}.{outbox_id}"
        return f"<{claim}.{self._mac(claim)}@{domain}>"

    def interaction_of(self, message_id: str) -> str:
        """The interaction that ``message_id`` proves to belong to; empty unless we made it."""
        match = _TOKEN.fullmatch(message_id)
        if match is None or not hmac.compare_digest(self._mac(match[1]), match[3]):
            return ""
        return match[2]

    def _mac(self, claim: str) -> str:
        return hmac.new(self._key, claim.encode(), sha256).hexdigest()[:_MAC_LENGTH]


def proven(parsed: Parsed, tokens: Tokens) -> Parsed:
    """``parsed`` with ``thread.ours`` set to the interactions that the references prove, in their order. The
    message's own id proves nothing: its sender chose it."""
    events = []
    for event in parsed.events:
        named = (tokens.interaction_of(reference) for reference in event.thread.references[1:])
        ours = tuple(dict.fromkeys(each for each in named if each))
        events.append(replace(event, thread=replace(event.thread, ours=ours)))
    return replace(parsed, events=tuple(events))
