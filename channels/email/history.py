"""Says what a message out of an archive of ours was: one that came, or one that somebody of ours wrote. Pure."""

from __future__ import annotations

from dataclasses import replace

from channels.contract import Malformed, Parsed
from channels.email.headers import read_head
from channels.email.sent_folder import written_elsewhere
from channels.email.tokens import Tokens
from contact_center.domain.events import InteractionEvent, MessageReceived, changed


def as_history(parsed: Parsed, tokens: Tokens, ours: frozenset[str]) -> Parsed:
    """``parsed`` as one event; none where this installation sent it, or where it went to nobody but ourselves. What
    it refers to proves nothing, and what servers report in it is over."""
    events = tuple(event for event in parsed.events if isinstance(event.body, MessageReceived))[:1]
    alone = replace(parsed, events=tuple(changed(e, thread=replace(e.thread, ours=())) for e in events))
    if not any(_is_of_ours(event, parsed.raw, ours) for event in events):
        return alone
    return written_elsewhere(alone, tokens) or replace(parsed, events=())


def _is_of_ours(event: InteractionEvent, raw: bytes, ours: frozenset[str]) -> bool:
    """Whether somebody of ours wrote it. What we sent was kept before any server had it; what came from outside in
    our name, and wasn't vouched for, is somebody else's."""
    if event.sender is None or event.sender.value not in ours:
        return False
    assert isinstance(event.body, MessageReceived)
    try:
        came = bool(read_head(raw)[0].all("received"))
    except Malformed:
        came = True
    return not (came and event.body.unverified)
