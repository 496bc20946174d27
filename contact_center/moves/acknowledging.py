"""Tells whoever opened a case by mail that we have it, at most so often that no two machines ever talk for long."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import Any

from contact_center.domain.automatic_mail import STOPPED, Caps, why_not
from contact_center.domain.canned_replies import filled
from contact_center.domain.events import InteractionEvent, MessageReceived, MessageSent
from contact_center.domain.occasion import Occasion
from contact_center.domain.time import HOUR
from contact_center.domain.topics import bare, is_chinese, mark, same_sense
from contact_center.moves import lines
from contact_center.storage import automatic, journal, outbox, settings
from contact_center.storage.connection import Connection
from contact_center.storage.effects import Alarm, tell
from contact_center.storage.journal import Loaded
from contact_center.storage.queues import EntryPoint

ALARM_MS = HOUR
"""How long the channel's state tells of acknowledgements that were stopped, after the last one."""


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """See ``config/acknowledging.py``, whose defaults these are."""

    text: str
    text_zh: str = ""
    subject: str = "We have received your message (case {{case.id}})"
    subject_zh: str = "我们已收到您的来信（服务单 {{case.id}}）"
    queues: list[str] = field(default_factory=list)
    per_address_hours: float = 24
    per_domain_per_hour: int = 60
    per_hour: int = 200

    @property
    def caps(self) -> Caps:
        return Caps(
            per_address_ms=round(self.per_address_hours * HOUR),
            per_domain_hour=self.per_domain_per_hour,
            per_hour=self.per_hour,
        )


_KNOWN = frozenset(each.name for each in fields(Acknowledgement))


def configured(conn: Connection) -> Acknowledgement | None:
    stored: dict[str, Any] = (settings.get(conn, "mail") or {}).get("acknowledgement") or {}
    return Acknowledgement(**{k: v for k, v in stored.items() if k in _KNOWN}) if stored else None


def is_our_own(words: Acknowledgement, text: str) -> bool:
    """Whether ``text`` is what we write by ourselves, whatever numbers stand in it: our own words came back."""
    said = same_sense(text)
    return bool(said) and said in {same_sense(_worded(each, "")) for each in (words.text, words.text_zh)}


def answers_us(words: Acknowledgement, subject: str) -> bool:
    """Whether ``subject`` is that of what we write by ourselves: whatever it says, it was written in answer."""
    named = same_sense(bare(subject))
    ours = {same_sense(bare(_worded(each, ""))) for each in (words.subject, words.subject_zh)}
    return bool(named) and named in ours


def _worded(text: str, case_id: str, queue: str = "") -> str:
    return filled(text, {"case.id": case_id, "queue.name": queue})


def acknowledge(
    conn: Connection, on: Occasion, loaded: Loaded, event: InteractionEvent, door: EntryPoint | None
) -> str:
    """Writes to the sender of ``event``, which opened the case, if that is wanted and does no harm; else why not.
    Nothing of what they wrote is in it, neither words nor name. The caller saves."""
    words = configured(conn)
    body, record = event.body, loaded.record
    assert isinstance(body, MessageReceived)
    if words is None or (words.queues and record.queue not in words.queues):
        return "unwanted"
    if body.automatic or body.unverified or record.point_kind != "email" or answers_us(words, body.subject):
        return "unwanted"
    said = mark(f"{body.text} {body.signature}", body.subject)
    written = automatic.counted(conn, on.now, words.caps, record.point, record.case_id, said)
    reason = why_not(written, words.caps)
    if reason == STOPPED:
        text = f"More than {words.per_hour} acknowledgements within an hour: no more are sent for now."
        tell(conn, Alarm(record.channel, text, on.now + ALARM_MS))
    if reason:
        return reason
    automatic.add(conn, on, record.point, record.case_id, said)
    _write(conn, on, loaded, event, words, door)
    return ""


def _write(
    conn: Connection,
    on: Occasion,
    loaded: Loaded,
    event: InteractionEvent,
    words: Acknowledgement,
    door: EntryPoint | None,
) -> None:
    chinese = bool(words.text_zh) and _in_chinese(event.body, door)
    number = str(loaded.record.case_id)
    subject = _worded(words.subject_zh if chinese else words.subject, number, loaded.queue_name)
    text = _worded(words.text_zh if chinese else words.text, number, loaded.queue_name)
    message = replace(
        lines.outgoing(on, loaded, "message"),
        text=text,
        subject=subject[:400],
        recipient_name="",
        references=event.thread.references[:1],
        automatic=True,
    )
    outbox.put(conn, loaded.record.channel, message)
    sent = MessageSent(text=text, outbox_id=message.outbox_id, subject=message.subject, automatic=True)
    journal.happen(conn, on, loaded, sent, direction="outbound")


def _in_chinese(body: Any, door: EntryPoint | None) -> bool:
    text = f"{body.subject} {body.text}"
    if any(letter.isalpha() for letter in text):
        return is_chinese(text)
    return door is not None and door.language.startswith("zh")
