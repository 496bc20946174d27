"""What of an event is looked for. Pure: the same event gives the same document, to the word."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from contact_center.domain.search_words import words
from contact_center.storage.full_text import Document

MOST_HISTORY = 8_000
"""Characters of what a letter quotes that nobody of ours wrote or received here."""
LINES_TOGETHER = 1_500
"""Characters of a transcript that are one document."""


def document(event: Any, who: str) -> Document | None:
    """The document of one row of the log, whose customer is found by the words ``who``; None where there is nothing
    to find in it. Calls have one even without words: they are found by who called."""
    match event.kind:
        case "message.received":
            return _written(event, who, f"{event.sender_name} {event.sender}", _recipients(event, event.dialled))
        case "message.sent":
            return _written(event, who, event.actor_id, _recipients(event, ""))
        case "note.added":
            return _made(event, who, event.body["text"], sender=event.actor_id)
        case "wrapped_up":
            note = event.body.get("note", "")
            return _made(event, who, note, sender=event.actor_id) if note else None
        case "call.arrived" | "call.placed" | "voicemail.received":
            about = f"{event.body.get('caller_name', '')} {event.body.get('number', '')}"
            return _made(event, who, about, sender=event.sender, recipients=event.dialled)
    return None


def transcripts(lines: Sequence[Any], who: str) -> list[Document]:
    """The documents of what was heard in a call."""
    return [
        _made(chunk[-1], who, " ".join(line.body["text"] for line in chunk), since=chunk[0].seq)
        for chunk in _together(lines)
    ]


def _together(lines: Sequence[Any]) -> Iterator[list[Any]]:
    chunk: list[Any] = []
    size = 0
    for line in lines:
        chunk.append(line)
        size += len(line.body["text"])
        if size >= LINES_TOGETHER:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def _recipients(event: Any, dialled: str) -> str:
    body = event.body
    return " ".join([dialled, *body.get("to", ()), *body.get("cc", ()), *body.get("bcc", ())][:100])


def _written(event: Any, who: str, sender: str, recipients: str) -> Document:
    body = event.body
    extra = event.extra or {}
    text = [body["text"], body.get("signature", "")]
    if not extra.get("ours"):  # what it quotes is not ours, so it stands nowhere else
        text.append(body.get("history", "")[:MOST_HISTORY])
    files = [each["name"] for each in extra.get("attachments", ())]
    return _made(
        event,
        who,
        "\n\n".join([*text, *files]),
        subject=body.get("subject", ""),
        sender=sender,
        recipients=recipients,
        files=bool(files),
    )


def _made(
    event: Any,
    who: str,
    text: str,
    *,
    subject: str = "",
    sender: str = "",
    recipients: str = "",
    files: bool = False,
    since: int = 0,
) -> Document:
    marks = [":a", f":c{event.medium}", *([":f"] if files else [])]
    return Document(
        seq=event.seq,
        since=since or event.seq,
        case_id=event.case_id,
        at=event.received_at,
        fields=(
            words(text) + marks,
            words(subject, 100),
            words(sender, 60),
            words(recipients, 300),
            who.split(" ") if who else [],
        ),
    )
