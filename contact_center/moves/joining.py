"""Two cases become one matter, or two again. Nothing is rewritten: a merged case is shown as part of the other.

A case has one owner, so of two open conversations one goes on: that of the case which the other becomes part of. What
was unanswered in the other is unanswered there from then on.
"""

from __future__ import annotations

from dataclasses import replace

from contact_center.domain.events import (
    HUB,
    Actor,
    CaseJoined,
    CaseLinked,
    Enqueued,
    InteractionEvent,
    MessageReceived,
    ParticipantAdded,
)
from contact_center.domain.occasion import Occasion
from contact_center.domain.record import IN_HAND
from contact_center.domain.views import WorkChanged
from contact_center.moves import moves, overflow
from contact_center.storage import cases, events, journal
from contact_center.storage.announcements import announce
from contact_center.storage.connection import Connection
from contact_center.storage.journal import Loaded

MOST_SHOWN = 20
"""So many messages of the other case are pushed to the owner's console; the rest is there when they open it."""


def open_of_family(conn: Connection, case_id: int) -> Loaded | None:
    """The conversation of the case, or of one that it is one matter with, that is not over."""
    return next((found for each in cases.family(conn, case_id) if (found := journal.open_of_case(conn, each))), None)


def merge(conn: Connection, on: Occasion, part: Loaded, to_case: int, actor: Actor) -> None:
    """The case of ``part`` (its last conversation) is part of ``to_case`` from now on, as the table of cases says by
    now. Whoever wrote it takes part there."""
    part_id = part.record.case_id
    address = part.record.point if part.record.point_kind == "email" else ""
    going_on = next(
        (
            found
            for each in cases.family(conn, to_case)
            if each != part_id and (found := journal.open_of_case(conn, each))
        ),
        None,
    )
    whole = going_on or journal.last_of_case(conn, to_case, part.record.medium)
    said = journal.happen(conn, on, part, CaseLinked(to_case, "merged"), actor)
    unanswered = 0
    if going_on is not None and part.record.is_open:
        unanswered = part.record.unanswered
        _end(conn, on, part)
    else:
        journal.save(conn, part)
        journal.tell_owner(conn, on, part, said)
    if whole is None:
        return
    if address and address != whole.record.point and address not in whole.record.participants:
        journal.happen(conn, on, whole, ParticipantAdded(address), actor)
    joined = journal.happen(conn, on, whole, CaseJoined(part_id, "merged", unanswered), actor)
    journal.save(conn, whole)
    journal.tell_owner(conn, on, whole, joined)
    if unanswered:
        _show(conn, on, whole, part)


def _end(conn: Connection, on: Occasion, part: Loaded) -> None:
    """The conversation goes on elsewhere: it waits, rings and is held here no more."""
    record = part.record
    owner = record.agent_id if record.state in IN_HAND else ""
    rang = moves.stop_ringing(conn, on, part, "merged")
    moves.end(conn, on, part, "merged")
    if owner:
        journal.tell_left(conn, on, owner, part, "transferred")
    moves.settle_each(conn, on, [owner] if owner else rang)


def _show(conn: Connection, on: Occasion, whole: Loaded, part: Loaded) -> None:
    """The owner sees what was written there as a line of their own conversation."""
    received = events.of_kinds(conn, part.record.interaction_id, [MessageReceived.KIND], 0, 1_000)
    for event in received[-MOST_SHOWN:]:
        show(conn, on, whole, event)


def show(conn: Connection, on: Occasion, whole: Loaded, event: InteractionEvent) -> None:
    """Whoever has the case in hand sees what happened in another conversation of it as a line of theirs."""
    record = whole.record
    if record.agent_id and record.state in IN_HAND:
        line = replace(events.view(event, {}), case_id=record.case_id)
        announce(conn, on.now, record.agent_id, WorkChanged(journal.work_view(whole), line))


def part_again(conn: Connection, on: Occasion, part: Loaded, to_case: int, actor: Actor) -> None:
    """Takes :func:`merge` back, after the table of cases says so. A conversation that ended by it is in its queue
    again."""
    whole = open_of_family(conn, to_case) or journal.last_of_case(conn, to_case, part.record.medium)
    said = journal.happen(conn, on, part, CaseLinked(to_case, "undone"), actor)
    ended_by_it = part.record.ended_reason == "merged"
    if whole is not None:
        unanswered = part.record.unanswered if ended_by_it else 0
        joined = journal.happen(conn, on, whole, CaseJoined(part.record.case_id, "undone", unanswered), actor)
        journal.save(conn, whole)
        journal.tell_owner(conn, on, whole, joined)
    if ended_by_it:
        reopen(conn, on, part)
        return
    journal.save(conn, part)
    journal.tell_owner(conn, on, part, said)


def reopen(conn: Connection, on: Occasion, loaded: Loaded, actor: Actor = HUB) -> None:
    """What was over is in its queue again, because somebody has to look at it. Its place is the one that it had, if
    nobody has come to it yet. Saves. Its case has no other conversation that is open."""
    record = loaded.record
    body = Enqueued(
        queue=record.bound_for or record.queue or moves.FALLBACK_QUEUE,
        priority=record.priority,
        skills=dict(record.skills),
        virtual_enqueued_at=on.now if record.answered_at else record.virtual_enqueued_at or on.now,
        reason="reopened",
    )
    cases.reopen(conn, on, record.case_id)
    loaded.case_status = "open"
    journal.happen(conn, on, loaded, body, actor)
    overflow.consider(conn, on, loaded)
    journal.save(conn, loaded)
    moves.happened(conn, on, loaded, "returned")
