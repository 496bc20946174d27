"""Says what a message out of an archive of ours was: one that came, or one that somebody of ours wrote. Pure."""

from __future__ import annotations

from dataclasses import replace

from channels.contract import Parsed
from channels.email.sent_folder import written_elsewhere
from channels.email.tokens import Tokens
from contact_center.domain.events import MessageReceived, changed


def as_history(parsed: Parsed, tokens: Tokens, ours: frozenset[str]) -> Parsed:
    """``parsed`` as one event; none where this installation sent it, or where it went to nobody but ourselves. What
    it refers to proves nothing, and what servers report in it is over."""
    events = tuple(event for event in parsed.events if isinstance(event.body, MessageReceived))[:1]
    alone = replace(parsed, events=tuple(changed(e, thread=replace(e.thread, ours=())) for e in events))
    sent = any(event.sender is not None and event.sender.value in ours for event in events)
    if not sent:
        return alone
    return written_elsewhere(alone, tokens) or replace(parsed, events=())
