"""Says what people of ours wrote to customers with other mail programs, from the folder of sent mail. Pure."""

from __future__ import annotations

from dataclasses import replace

from channels.contract import Malformed, Parsed
from channels.email.headers import Headers, read_head
from channels.email.tokens import Tokens
from contact_center.domain.contact_points import ContactPoint
from contact_center.domain.events import Actor, InteractionEvent, MessageReceived, MessageSent, changed

_NOTE = "com.apple.mail-note"  # notes of the telephone's notebook lie among the mail


def written_elsewhere(parsed: Parsed, tokens: Tokens) -> Parsed | None:
    """``parsed`` as mail that we sent with another program, or None: this installation sent it, or it is no letter to
    anybody outside. The customer is the first whom it was written to; ``thread.ours`` stays what the references
    prove. Its source id is the one that the same mail has wherever it is found."""
    try:
        headers, _ = read_head(parsed.raw)
    except Malformed:
        return None
    if _ours(headers, parsed, tokens) or headers.word("x-uniform-type-identifier") == _NOTE:
        return None
    events = tuple(made for event in parsed.events if (made := _sent(event)) is not None)
    return replace(parsed, events=events) if events else None


def _ours(headers: Headers, parsed: Parsed, tokens: Tokens) -> bool:
    own = (event.thread.references[0] for event in parsed.events if event.thread.references)
    return headers.word("x-cch-instance") == tokens.instance or any(tokens.interaction_of(each) for each in own)


def _sent(event: InteractionEvent) -> InteractionEvent | None:
    body = event.body
    if not isinstance(body, MessageReceived):
        return None
    others = (*body.to, *body.cc)
    if not others:
        return None
    return changed(
        event,
        body=MessageSent(
            text=body.text or body.history,
            outbox_id="",
            subject=body.subject,
            html=body.html,
            to=body.to or others[:1],
            cc=body.cc if body.to else others[1:],
            automatic=body.automatic.startswith("Auto-Submitted"),
            elsewhere=True,
        ),
        direction="outbound",
        actor=Actor("agent"),
        sender=ContactPoint("email", others[0]),
        sender_name="",
    )
