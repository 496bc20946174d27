"""What a provider, or a mail server far away, says became of something that we sent."""

from __future__ import annotations

from channels.contract import Answer
from contact_center.domain.contact_points import email
from contact_center.domain.events import DeliveryChanged, DeliveryReported, InteractionEvent
from contact_center.domain.occasion import Occasion
from contact_center.moves import joining
from contact_center.storage import customers, journal, outbox
from contact_center.storage.connection import Connection
from contact_center.storage.journal import Loaded

_RANK = {
    "queued": 0, "sending": 1, "retry": 1, "uncertain": 2, "accepted": 3, "sent": 3, "undelivered": 4,
    "failed": 4, "delivered": 5, "read": 6,
}  # fmt: skip
"""A report never takes a message back to an earlier state: reports come late, twice and in any order."""
_STATES = {"sent": "accepted", "undelivered": "failed"}


def sent(conn: Connection, event: InteractionEvent) -> outbox.SentRow | None:
    """The outbox row that a report is about; None where it can be none, or one of several."""
    report = event.body
    assert isinstance(report, DeliveryReported)
    if report.outbox_id:
        return outbox.of_id(conn, event.channel, report.outbox_id)
    rows = outbox.under_provider_id(conn, event.channel, report.provider_id)
    if event.medium != "email":
        return rows[0] if rows else None
    return _of_letter(conn, event, report, rows)


def _of_letter(
    conn: Connection, event: InteractionEvent, report: DeliveryReported, rows: list[outbox.SentRow]
) -> outbox.SentRow | None:
    """The row of whom a letter didn't reach. A letter of which we never knew if it went out, or which came back
    before we had written down that it did, is known by its conversation."""
    if not rows and event.thread.ours:
        rows = outbox.in_doubt(conn, event.thread.ours[0])
    theirs = [row for row in rows if row.address == email(report.recipient).value]
    if len(theirs) != 1 and not report.recipient:
        theirs = rows
    return theirs[0] if len(theirs) == 1 else None


def find(conn: Connection, event: InteractionEvent) -> Loaded | None:
    """The conversation in which it was written."""
    row = sent(conn, event)
    if row is not None:
        return journal.load(conn, row.interaction_id)
    named = (journal.load(conn, each) for each in event.thread.ours)
    return next((each for each in named if each is not None and each.record.channel == event.channel), None)


def take(conn: Connection, on: Occasion, loaded: Loaded, event: InteractionEvent, raw: bytes) -> Answer:
    body = event.body
    assert isinstance(body, DeliveryReported)
    row = sent(conn, event)
    stored = journal.take(conn, loaded, event, raw)
    known = _STATES.get(body.status, body.status)
    news = row is not None and _RANK.get(known, 0) > _RANK.get(row.state, 0)
    if row is not None and news:
        outbox.set_state(conn, row.id, known, body.error)
        to = body.recipient if event.medium == "email" else ""
        became = DeliveryChanged(row.id, known, body.provider_id, body.error, recipient=to)  # type: ignore[arg-type]
        stored = journal.happen(conn, on, loaded, became)
    if event.medium == "email":
        _remember(conn, on, body, row)
    if known == "failed" and event.medium == "email" and _needs_somebody(conn, loaded, row, news):
        joining.reopen(conn, on, loaded)
    journal.save(conn, loaded)
    journal.tell_owner(conn, on, loaded, stored)
    return Answer(loaded.record.interaction_id, loaded.record.case_id, stored.id)


def _remember(conn: Connection, on: Occasion, report: DeliveryReported, row: outbox.SentRow | None) -> None:
    """What it says of the address, if it is one that we wrote to."""
    if row is None:
        return
    if report.permanent and report.status in ("failed", "undelivered"):
        customers.in_trouble(conn, on, email(row.address), report.error)
    elif report.status in ("delivered", "read"):
        customers.out_of_trouble(conn, email(row.address))


def _needs_somebody(conn: Connection, loaded: Loaded, row: outbox.SentRow | None, news: bool) -> bool:
    """Whether nobody would see that what a person wrote did not arrive: its case is over."""
    if loaded.record.is_open or (row is not None and (row.automatic or not news)):
        return False
    return joining.open_of_family(conn, loaded.record.case_id) is None
