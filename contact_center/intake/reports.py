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
_LOST = ("failed", "uncertain")
_STATES = {"sent": "accepted", "undelivered": "failed"}


def _rows(conn: Connection, event: InteractionEvent) -> tuple[list[outbox.SentRow], bool]:
    """The outbox rows that a report may be about, and whether it is about all of them. A mail server need not say
    whom of several a letter didn't reach, or names somebody whom we don't know, to whom it was passed on."""
    report = event.body
    assert isinstance(report, DeliveryReported)
    if report.outbox_id:
        row = outbox.of_id(conn, event.channel, report.outbox_id)
        return [row] if row is not None else [], True
    rows = outbox.under_provider_id(conn, event.channel, report.provider_id)
    if event.medium != "email":
        return rows[:1], True
    if not rows and event.thread.ours:  # it came back before we had written down that it left
        rows = outbox.in_doubt(conn, event.thread.ours[0])
    theirs = [row for row in rows if _is_to(row, report)]
    return (theirs, True) if theirs else (rows, len(rows) == 1)


def _is_to(row: outbox.SentRow, report: DeliveryReported) -> bool:
    return row.address == email(report.recipient).value


def find(conn: Connection, event: InteractionEvent) -> Loaded | None:
    """The conversation in which it was written."""
    rows, _ = _rows(conn, event)
    if rows:
        return journal.load(conn, rows[0].interaction_id)
    named = (journal.load(conn, each) for each in event.thread.ours)
    return next((each for each in named if each is not None and each.record.channel == event.channel), None)


def take(conn: Connection, on: Occasion, loaded: Loaded, event: InteractionEvent, raw: bytes) -> Answer:
    body = event.body
    assert isinstance(body, DeliveryReported)
    rows, certain = _rows(conn, event)
    taken = journal.take(conn, loaded, event, raw)
    news = [(row, known) for row in rows if (known := _news(row, body, certain))]
    told = [_became(conn, on, loaded, row, known, body, alone=len(rows) == 1) for row, known in news]
    if event.medium == "email":
        _remember(conn, on, body, rows if certain else [])
        if not loaded.record.is_open and any(known in _LOST and not row.automatic for row, known in news):
            _bring_back(conn, on, loaded, told[-1])
    journal.save(conn, loaded)
    journal.tell_owner(conn, on, loaded, [taken, *told][-1])
    return Answer(loaded.record.interaction_id, loaded.record.case_id, taken.id)


def _became(
    conn: Connection,
    on: Occasion,
    loaded: Loaded,
    row: outbox.SentRow,
    known: str,
    report: DeliveryReported,
    *,
    alone: bool,
) -> InteractionEvent:
    outbox.set_state(conn, row.id, known, report.error)
    to = report.recipient if alone else row.address
    changed = DeliveryChanged(row.id, known, report.provider_id, report.error, recipient=to)  # type: ignore[arg-type]
    return journal.happen(conn, on, loaded, changed)


def _bring_back(conn: Connection, on: Occasion, loaded: Loaded, told: InteractionEvent) -> None:
    """What a person wrote did not arrive and its conversation is over: somebody sees it all the same."""
    going_on = joining.open_of_family(conn, loaded.record.case_id)
    if going_on is None:
        joining.reopen(conn, on, loaded)
    else:
        joining.show(conn, on, going_on, told)


def _news(row: outbox.SentRow, report: DeliveryReported, certain: bool) -> str:
    """What becomes of the row by it; empty where it says nothing that isn't known."""
    known = _STATES.get(report.status, report.status)
    if not certain:
        return "uncertain" if known == "failed" and _RANK.get(row.state, 0) <= _RANK["accepted"] else ""
    return known if _RANK.get(known, 0) > _RANK.get(row.state, 0) else ""


def _remember(conn: Connection, on: Occasion, report: DeliveryReported, rows: list[outbox.SentRow]) -> None:
    """What it says of an address that we wrote to."""
    for row in rows:
        if report.recipient and not _is_to(row, report):
            continue
        if report.permanent and report.status in ("failed", "undelivered"):
            customers.in_trouble(conn, on, email(row.address), report.error)
        elif report.status in ("delivered", "read"):
            customers.out_of_trouble(conn, email(row.address))
