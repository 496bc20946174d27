"""Writing letters: answered, passed on, taken back in time, sent again.

A letter leaves a little later than Send is pressed, or at the time that its writer chose; until then it can be taken
back whole. After that it leaves whatever becomes of the conversation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from channels.contract import Outgoing
from contact_center.desk.verbs import Acting, desk_of, in_hand
from contact_center.domain.contact_points import ContactPoint
from contact_center.domain.errors import NotFound, NotValid, TooLate
from contact_center.domain.events import (
    Actor,
    Attachment,
    DeliveryChanged,
    InteractionEvent,
    MessageSent,
    SentAtOnce,
)
from contact_center.domain.letters import (
    MOST_RECIPIENTS,
    Mode,
    Words,
    address_of,
    pictures_in,
    subject_of,
    words_of_html,
    words_of_text,
)
from contact_center.domain.occasion import Occasion
from contact_center.domain.time import DAY, Moment
from contact_center.domain.views import EventView
from contact_center.moves import lines
from contact_center.moves.mail_rules import mail_rules
from contact_center.storage import cases, drafts, events, journal, outbox, queues, uploads
from contact_center.storage.connection import Connection
from contact_center.storage.journal import Loaded

TEXT_LIMIT = 300_000
HTML_LIMIT = 1_000_000
MOST_FILES = 40
MOST_BYTES = 25 * 1_048_576
"""Of all the files of a letter together."""
LATEST_MS = 366 * DAY


@dataclass(frozen=True, slots=True)
class Written:
    """What an agent has written. ``html`` is harmless already and lies under ``html_digest``; where there is some,
    the text is made of it. ``to`` None is the customer. ``files`` are digests with the names that they go by.
    ``mode`` None: what the recipients say."""

    text: str = ""
    html: str = ""
    html_digest: str = ""
    subject: str = ""
    to: tuple[str, ...] | None = None
    cc: tuple[str, ...] = ()
    bcc: tuple[str, ...] = ()
    files: tuple[tuple[str, str], ...] = ()
    send_at: Moment = 0
    mode: Mode | None = None


def reply(conn: Connection, on: Occasion, acting: Acting, interaction_id: str, written: Written) -> EventView:
    """Writes the letter into the conversation and lays it in the outbox, one row for each whom it is for."""
    loaded = in_hand(conn, acting, interaction_id)
    record = loaded.record
    agent = desk_of(conn, acting.agent_id)
    rules = mail_rules(conn)
    words = _words(written)
    to, cc, bcc = _recipients(conn, loaded, written)
    files = _files(conn, acting.agent_id, record.case_id, written)
    leaves = _leaves(on.now, written.send_at, rules.undo_ms)
    answered = events.last_letter(conn, record.case_id)
    letter = replace(
        lines.outgoing(on, loaded, "message"),
        created_at=leaves,
        text=words.whole,
        html=written.html,
        subject=_subject(written, loaded),
        sender_name=agent.public_name or agent.name,
        recipient_name=loaded.customer_name if to[0] == record.point else "",
        agent_id=agent.id,
        to=to,
        cc=cc,
        bcc=bcc,
        attachments=files,
        references=() if _is_passed_on(loaded, answered, written, (*to, *cc, *bcc)) else _references(answered),
    )
    _post(conn, on, loaded, letter)
    drafts.drop(conn, agent.id, interaction_id, "reply")
    sent = MessageSent(
        text=words.new,
        outbox_id=letter.outbox_id,
        subject=letter.subject,
        html=written.html_digest,
        to=() if (to, cc, bcc) == ((record.point,), (), ()) else to,
        cc=cc,
        bcc=bcc,
        send_at=leaves if leaves > on.now else 0,
    )
    event = journal.happen(conn, on, loaded, sent, Actor("agent", agent.id), "outbound", files)
    journal.save(conn, loaded)
    journal.tell_owner(conn, on, loaded, event, agent.name)
    return events.view(event, {agent.id: agent.name})


def _post(conn: Connection, on: Occasion, loaded: Loaded, letter: Outgoing) -> None:
    everyone = (*letter.to, *letter.cc, *letter.bcc)
    if len(everyone) > 1:
        letter = replace(letter, letter_id=letter.outbox_id)
    for outbox_id, address in zip(outbox.rows_of_letter(letter), everyone, strict=True):
        row = replace(letter, outbox_id=outbox_id, recipient=ContactPoint("email", address))
        outbox.put(conn, loaded.record.channel, row, on.now)


def _words(written: Written) -> Words:
    words = words_of_html(written.html) if written.html else words_of_text(written.text)
    if not words.whole and not written.files and not pictures_in(written.html):
        raise NotValid("empty", "There is nothing to send.")
    if len(words.whole) > TEXT_LIMIT:
        raise NotValid("too_long", f"That is longer than {TEXT_LIMIT} characters.")
    return words


def _subject(written: Written, loaded: Loaded) -> str:
    given = " ".join(written.subject.split())
    return (given or subject_of(written.mode or "reply", loaded.record.subject or loaded.case_subject))[:400]


def _leaves(now: Moment, send_at: Moment, undo_ms: int) -> Moment:
    if send_at > now + LATEST_MS:
        raise NotValid("send_at", "That is more than a year away.")
    return max(send_at, now + undo_ms)


def _references(answered: InteractionEvent | None) -> tuple[str, ...]:
    if answered is None:
        return ()
    own, *earlier = answered.thread.references or ("",)
    return tuple(each for each in (*earlier, own) if each)


def _is_passed_on(
    loaded: Loaded, answered: InteractionEvent | None, written: Written, everyone: Sequence[str]
) -> bool:
    """Whether it begins a thread of its own: nobody of those who get it has seen the message that it is about."""
    if written.mode is not None:
        return written.mode == "forward"
    known = {loaded.record.point, *loaded.record.participants}
    if answered is not None and answered.sender is not None:
        known.add(answered.sender.value)
    return known.isdisjoint(everyone)


# --- whom it is for -------------------------------------------------------------------------------------------------


def _recipients(
    conn: Connection, loaded: Loaded, written: Written
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Each address once, where it is first named. Raises ``NotValid`` naming the one that cannot be."""
    record = loaded.record
    taken: set[str] = set()
    named = written.to if written.to is not None else (record.point,)
    to, cc, bcc = (
        _addresses(conn, loaded, field, given, taken)
        for field, given in (("to", named), ("cc", written.cc), ("bcc", written.bcc))
    )
    if not to:
        raise NotValid("to", "Say whom the letter is for.")
    return to, cc, bcc


def _addresses(
    conn: Connection, loaded: Loaded, field: str, given: Sequence[str], taken: set[str]
) -> tuple[str, ...]:
    if len(given) > MOST_RECIPIENTS:
        raise NotValid(field, f"That is more than {MOST_RECIPIENTS} addresses.")
    found = []
    for each in given:
        address = address_of(each)
        if not address:
            raise NotValid(field, f"{each[:100]!r} is not an e-mail address.")
        if is_ours(conn, loaded, address):
            raise NotValid(field, f"{address} is an address of ours: the letter would come back.")
        if address not in taken:
            taken.add(address)
            found.append(address)
    return tuple(found)


def is_ours(conn: Connection, loaded: Loaded, address: str) -> bool:
    """Whether what is sent there comes in at our own door."""
    record = loaded.record
    door = queues.entry_point(conn, record.channel, address)
    return address == record.dialled.lower() or (door is not None and door.dialled.lower() == address)


# --- what goes along ------------------------------------------------------------------------------------------------


def _files(conn: Connection, agent_id: str, case_id: int, written: Written) -> tuple[Attachment, ...]:
    """The files of a letter: what this agent has brought, or what belongs to the same case. Pictures that stand in
    the HTML go along by themselves."""
    inline = pictures_in(written.html)
    wanted = dict(written.files) | {digest: "" for digest in inline if digest not in dict(written.files)}
    if len(wanted) > MOST_FILES:
        raise NotValid("attachments", f"That is more than {MOST_FILES} files.")
    files = []
    for digest, name in wanted.items():
        file = _file(conn, agent_id, case_id, digest)
        if file is None:
            raise NotValid("attachments", f"The file {name or digest[:12]!r} is not there any more. Attach it again.")
        content_id = digest if digest in inline else ""
        files.append(replace(file, name=_name(name) or file.name, content_id=content_id))
    if sum(file.size for file in files) > MOST_BYTES:
        raise NotValid("too_large", f"The files have more than {MOST_BYTES // 1_048_576} MB together.")
    return tuple(files)


def _file(conn: Connection, agent_id: str, case_id: int, digest: str) -> Attachment | None:
    brought = uploads.get(conn, agent_id, digest)
    if brought is not None:
        return Attachment(brought.digest, brought.name, brought.media_type, brought.size)
    found = (uploads.of_case(conn, each, digest) for each in cases.family(conn, case_id))
    return next((file for file in found if file is not None), None)


def _name(name: str) -> str:
    """A file's name for people: one line, and no path."""
    plain = "".join(c if c.isprintable() else " " for c in name)
    return " ".join(plain.replace("\\", "/").rpartition("/")[2].split())[:200]


# --- second thoughts ------------------------------------------------------------------------------------------------


def unsend(conn: Connection, on: Occasion, acting: Acting, interaction_id: str, outbox_id: str) -> dict[str, Any]:
    """Takes a letter back that has not begun to leave, and gives its words back, which are the agent's draft again.
    Where it has begun to leave for some, ``left`` names them and the rest is taken back."""
    loaded, rows = _letter(conn, acting, interaction_id, outbox_id)
    back = [row for _, row in rows if outbox.cancel(conn, row.outbox_id)]
    if not back:
        raise TooLate("sent", "It has left already.")
    for row in back:
        _tell(conn, on, loaded, DeliveryChanged(row.outbox_id, "cancelled", recipient=_recipient(row)), acting)
    journal.save(conn, loaded)
    words = _restored(back)
    if acting.agent_id and drafts.get(conn, acting.agent_id, interaction_id, "reply") is None:
        drafts.put(conn, acting.agent_id, interaction_id, "reply", words, on.now)
    cancelled = {row.outbox_id for row in back}
    left = [row.recipient.value for _, row in rows if row.outbox_id not in cancelled and row.recipient is not None]
    return {**words, "left": left}


def _restored(rows: Sequence[Outgoing]) -> dict[str, Any]:
    first = rows[0]
    back = {row.recipient.value for row in rows if row.recipient is not None}
    return {
        "mode": "reply" if first.references else "forward",
        "text": first.text,
        "html": first.html,
        "subject": first.subject,
        **{field: [each for each in getattr(first, field) if each in back] for field in ("to", "cc", "bcc")},
        "attachments": [
            {"digest": a.digest, "name": a.name, "media_type": a.media_type, "size": a.size}
            for a in first.attachments
        ],
    }


def send_now(conn: Connection, on: Occasion, acting: Acting, interaction_id: str, outbox_id: str) -> dict[str, Any]:
    """What was to leave later leaves now; it is written down once, whoever it goes to."""
    loaded, rows = _letter(conn, acting, interaction_id, outbox_id)
    hurried = [row for _, row in rows if outbox.hurry(conn, on.now, row)]
    if not hurried:
        raise TooLate("sent", "It has left already, or was taken back.")
    _tell(conn, on, loaded, SentAtOnce(outbox_id), acting)
    journal.save(conn, loaded)
    return {}


def _letter(
    conn: Connection, acting: Acting, interaction_id: str, outbox_id: str
) -> tuple[Loaded, list[tuple[str, Outgoing]]]:
    """The letter, if it is the acting agent's to change: they wrote it, have its conversation in hand, or
    supervise."""
    loaded = journal.load(conn, interaction_id)
    rows = outbox.letter(conn, interaction_id, outbox_id) if loaded is not None else []
    if loaded is None or not rows:
        raise NotFound("message")
    mine = acting.agent_id and acting.agent_id in (rows[0][1].agent_id, loaded.record.agent_id)
    if not mine and not acting.supervises:
        raise NotFound("message")
    return loaded, rows


# --- what was not delivered -----------------------------------------------------------------------------------------


def send_again(conn: Connection, on: Occasion, acting: Acting, outbox_id: str) -> dict[str, Any]:
    """Lets a message leave once more that failed or of which nobody knows, because somebody says so."""
    _lost(conn, acting, outbox_id)
    row = outbox.message(conn, outbox_id)
    loaded = journal.load(conn, row.interaction_id) if row is not None else None
    if row is None or loaded is None:
        raise NotFound("message")
    if not outbox.again(conn, on.now, outbox_id):
        raise TooLate("not_lost", "It is on its way already.")
    told = DeliveryChanged(outbox_id, "retry", reason="Sent again by hand.", recipient=_recipient(row))
    _tell(conn, on, loaded, told, acting)
    journal.save(conn, loaded)
    return {}


def dismiss(conn: Connection, on: Occasion, acting: Acting, outbox_id: str) -> dict[str, Any]:
    """Somebody has seen that it was not delivered; it is shown in its conversation alone from now on."""
    _lost(conn, acting, outbox_id)
    outbox.dismiss(conn, on.now, outbox_id)
    return {}


def _lost(conn: Connection, acting: Acting, outbox_id: str) -> None:
    if not outbox.undelivered(conn, **seen_by(conn, acting), messages_only=True, only=outbox_id, most=1):
        raise NotFound("undelivered message")


def seen_by(conn: Connection, acting: Acting) -> dict[str, Any]:
    """Whose undelivered messages somebody sees: supervisors all, agents theirs and those of their queues. Of nobody's
    desk there are none."""
    if acting.supervises:
        return {}
    agent = desk_of(conn, acting.agent_id)
    return {"agent_id": agent.id, "queues": agent.queues}


def _recipient(row: Outgoing) -> str:
    return row.recipient.value if row.letter_id and row.recipient is not None else ""


def _tell(conn: Connection, on: Occasion, loaded: Loaded, body: DeliveryChanged | SentAtOnce, acting: Acting) -> None:
    actor = Actor("agent", acting.agent_id) if acting.agent_id else Actor("hub")
    event = journal.happen(conn, on, loaded, body, actor)
    journal.tell_owner(conn, on, loaded, event, acting.name)
