"""What a visitor's frames mean as events. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from channels.contract import Parsed
from channels.webchat.frames import Leave, Message
from contact_center.domain.contact_points import ContactPoint, visitor
from contact_center.domain.events import CustomerLeft, InteractionEvent, MessageReceived, Thread
from contact_center.domain.time import Moment


@dataclass(frozen=True, slots=True)
class Writer:
    """Who writes, where. ``visitor`` is proven by the token; ``name`` is only what they call themselves."""

    channel: str
    visitor: str
    entry: str
    conversation: int
    name: str = ""

    @property
    def thread_key(self) -> str:
        return thread_key(self.visitor, self.entry, self.conversation)


def thread_key(visitor: str, entry: str, conversation: int) -> str:
    """The conversation's name for the hub. Only ever made from a proven handle and from a number that we
    count ourselves, so nobody can ask for another's."""
    return f"{visitor}/{entry}/{conversation}"


def taken_from(frame: Message | Leave, writer: Writer, raw: bytes, now: Moment) -> Parsed:
    """The event in ``frame``. Its id, prefixed with the visitor, is the idempotency key: sent again after a
    lost acknowledgement it is the same event, whatever conversation is current by then."""
    body = MessageReceived(frame.text) if isinstance(frame, Message) else CustomerLeft("closed the chat")
    event = InteractionEvent(
        body=body,
        channel=writer.channel,
        source_id=f"{writer.visitor}:{frame.id}",
        medium="chat",
        direction="inbound",
        occurred_at=now,
        received_at=now,
        sender=visitor(writer.visitor),
        sender_name=writer.name,
        dialled=ContactPoint("other", writer.entry),
        thread=Thread(writer.thread_key),
    )
    return Parsed((event,), raw)
