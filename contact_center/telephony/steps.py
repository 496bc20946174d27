"""The next thing that a caller hears. A caller is never left with silence or an error: whatever is missing, the
call ends up in a queue where a person answers it."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Protocol

import structlog

from contact_center.domain.calls import CallAction, HangUp, Hold, pack
from contact_center.domain.events import (
    FLOW,
    CallerInput,
    CallerRecorded,
    DialEnded,
    QueueLeft,
    ServiceAnswered,
    VoicemailReceived,
)
from contact_center.domain.occasion import Occasion
from contact_center.domain.record import Record
from contact_center.estimates.expecting import Expecting
from contact_center.moves import callbacks, lines, moves
from contact_center.storage import journal
from contact_center.storage.connection import Connection
from contact_center.storage.journal import Loaded
from contact_center.storage.queues import EntryPoint
from contact_center.telephony.asking import Answers
from contact_center.telephony.standing import Standing
from ivr_flows import Flow
from ivr_flows.turns import Did, Turn, advance, after_call, hold_again, start

log = structlog.get_logger(__name__)

MOST_ANSWERS = 50
"""Asks that are answered in one breath. A flow that asks more often waits for its next turn."""


class Library(Protocol):
    """Where flows come from. Neither raises."""

    def current(self, name: str) -> Flow | None: ...

    def version(self, name: str, version: str, conn: Connection | None = None) -> Flow | None: ...


class Telephony:
    """Everything of a call is in its record: nothing of it is kept here."""

    def __init__(self, library: Library, expecting: Expecting, new_code: Callable[[], str] | None = None) -> None:
        self._library = library
        self._standing = Standing(expecting)
        self._answers = Answers(new_code or (lambda: f"{secrets.randbelow(1_000_000):06}"))

    # --- the call's own steps ---------------------------------------------------------------------------------

    def arrive(
        self, conn: Connection, on: Occasion, loaded: Loaded, door: EntryPoint | None
    ) -> tuple[CallAction, ...]:
        """The call's first turn: its entry point's flow, or straight to its queue."""
        flow = self._library.current(door.flow) if door and door.flow else None
        if flow is None:
            moves.enqueue_through(conn, on, loaded, door)
            return (lines.please_hold(door.language if door else "", loaded.record.epoch),)
        record = loaded.record
        facts = {
            "caller_name": loaded.customer_name,
            "ani": record.point if record.point_kind == "phone" else "",
            "dnis": record.dialled,
            "known": "yes" if loaded.customer.known else "no",
        }
        if door is not None and door.language:
            facts["language"] = door.language
        return self._go(conn, on, loaded, flow, start(flow, on.now, facts))

    def hear(self, conn: Connection, on: Occasion, loaded: Loaded, did: Did) -> tuple[CallAction, ...]:
        """What follows the caller's keys, words or silence, their message, or the number that was rung for them."""
        record = loaded.record
        if did.position.startswith(f"{lines.OUTSIDE}."):
            return self._came_back(conn, on, loaded, did)
        if record.state == "ended" and (record.customer_left or not _talked(record)):
            return self._too_late(conn, on, loaded, did)
        flow = self._flow(conn, record)
        if record.state == "assigned":
            return (self._still(record, did),)  # the agent is being rung, and the room takes the call out of here
        if did.position.startswith(f"{lines.HOLD}."):
            return self._wait_on(conn, on, loaded, flow, did)
        if flow is None:
            return self._to_a_person(conn, on, loaded)
        return self._advance(conn, on, loaded, flow, did)

    def talked(self, conn: Connection, on: Occasion, loaded: Loaded) -> tuple[CallAction, ...]:
        """What the flow asks when the agent has gone; nothing where it doesn't."""
        flow = self._flow(conn, loaded.record)
        turn = after_call(flow, loaded.record.variables, on.now) if flow is not None else None
        return self._go(conn, on, loaded, flow, turn) if flow is not None and turn is not None else ()

    def left(self, conn: Connection, on: Occasion, loaded: Loaded) -> None:
        """The caller hung up in the middle of the flow, or of a call to whom an agent handed them on outside."""
        if loaded.record.transferred_to.startswith("number:"):
            moves.end(conn, on, loaded, "transferred")
        elif loaded.record.owed:
            moves.end(conn, on, loaded, "callback" if loaded.record.owed != "voicemail" else "completed")
        else:
            moves.abandon(conn, on, loaded)

    def answered(self, conn: Connection, on: Occasion, interaction_id: str, answer: ServiceAnswered) -> None:
        """What a service said. The caller hears of it at the next turn, which is not far. An answer to a question
        that the flow waits for no more is no answer to the next one."""
        loaded = journal.load(conn, interaction_id)
        if loaded is not None and loaded.record.flow_position == answer.position and not loaded.record.customer_left:
            journal.happen(conn, on, loaded, answer, FLOW)
            journal.save(conn, loaded)

    # --- one turn ---------------------------------------------------------------------------------------------

    def _flow(self, conn: Connection, record: Record) -> Flow | None:
        if not record.flow:
            return None
        return self._library.version(record.flow, record.flow_version, conn) or self._library.current(record.flow)

    def _advance(
        self, conn: Connection, on: Occasion, loaded: Loaded, flow: Flow, did: Did
    ) -> tuple[CallAction, ...]:
        record = loaded.record
        facts = None
        if record.state in ("waiting", "offered"):
            facts = self._standing.of(conn, on, loaded)
        answered = record.answered if record.answered.get("position") == record.flow_position else None
        if answered and isinstance(did, CallerInput) and not (did.digits or did.speech):
            did = ServiceAnswered(did.position, answered["outcome"], answered["values"])
        turn = advance(flow, record.flow_position, record.variables, did, on.now, facts)
        return self._go(conn, on, loaded, flow, turn)

    def _go(self, conn: Connection, on: Occasion, loaded: Loaded, flow: Flow, turn: Turn) -> tuple[CallAction, ...]:
        """Does what the turn wants and returns what the caller is told. What can be answered at once is, and the
        next turn follows without the caller noticing."""
        told: tuple[CallAction, ...] = ()
        for _ in range(MOST_ANSWERS):
            self._write(conn, on, loaded, turn, told)
            if turn.asks is None:
                break
            answer = self._answers.now(conn, on, loaded, turn.asks)
            if answer is None:
                break
            told += turn.actions[:-1]
            turn = advance(flow, turn.position, turn.variables, answer, on.now)
        if turn.over:
            self._over(conn, on, loaded)
        return told + turn.actions

    def _write(
        self, conn: Connection, on: Occasion, loaded: Loaded, turn: Turn, told: tuple[CallAction, ...]
    ) -> None:
        """The first step carries the answer, where it is the whole of it: a row less to write again."""
        answer = pack(turn.actions) if turn.asks is None and not told else None
        for step in turn.steps:
            journal.happen(conn, on, loaded, step, FLOW, answer=answer)
            answer = None
        for body in turn.happened:
            journal.happen(conn, on, loaded, body, FLOW)
        if turn.leaves_queue:
            self._leave_queue(conn, on, loaded)
        if turn.enqueue is not None and loaded.record.state == "flow":
            asked = turn.enqueue
            moves.enqueue(
                conn,
                on,
                loaded,
                asked.queue,
                priority=asked.priority,
                skills=dict(asked.skills),
                since=loaded.record.started_at,
                actor=FLOW,
                only_agent=asked.agent,
            )

    def _leave_queue(self, conn: Connection, on: Occasion, loaded: Loaded) -> None:
        """The caller chose something else while they waited; an offer that rings for them stops."""
        record = loaded.record
        if record.state not in ("waiting", "offered"):
            return
        rang = moves.stop_ringing(conn, on, loaded)
        journal.happen(conn, on, loaded, QueueLeft(), FLOW)
        journal.save(conn, loaded)
        moves.settle_each(conn, on, rang)

    def _over(self, conn: Connection, on: Occasion, loaded: Loaded) -> None:
        """The caller has been told goodbye. After a conversation it is the agent who ends the interaction."""
        record = loaded.record
        if record.state in ("flow", "waiting"):
            moves.end(conn, on, loaded, "callback" if record.owed and record.owed != "voicemail" else "completed")

    # --- outside the flow -------------------------------------------------------------------------------------

    def _too_late(self, conn: Connection, on: Occasion, loaded: Loaded, did: Did) -> tuple[CallAction, ...]:
        """The call is over, but what was said before it ended is kept: carriers tell of a message after they tell
        that its caller hung up."""
        record = loaded.record
        if isinstance(did, CallerRecorded) and did.recording_id and not record.voicemail:
            flow = self._flow(conn, record)
            turn = advance(flow, record.flow_position, record.variables, did, on.now) if flow is not None else None
            asked = turn.asks if turn is not None else None
            queue = getattr(asked, "queue", "") or record.queue
            left = VoicemailReceived(did.recording_id, did.duration_ms, queue)
            journal.happen(conn, on, loaded, left, FLOW)
            journal.save(conn, loaded)
            callbacks.settle_debt(conn, on, loaded)
        return (HangUp(),)

    def _wait_on(
        self, conn: Connection, on: Occasion, loaded: Loaded, flow: Flow | None, did: Did
    ) -> tuple[CallAction, ...]:
        """Still waiting, and not by a queue step: back from an agent, or never in a flow."""
        record = loaded.record
        if record.state not in ("waiting", "offered"):
            return (self._still(record, did),)
        if flow is None:
            return (self._still(record, did),)
        facts = self._standing.of(conn, on, loaded)
        turn = hold_again(flow, record.flow_position, record.variables, on.now, facts)
        return self._go(conn, on, loaded, flow, turn)

    @staticmethod
    def _still(record: Record, did: Did) -> Hold:
        """Music, and nothing new to say. Every round has a name of its own, so that none is taken for another."""
        head, _, count = did.position.rpartition(".")
        known = did.position.startswith(f"{lines.HOLD}.") and count.isascii() and count.isdigit()
        number = int(count) + 1 if known and len(count) < 9 else 0
        base = head if known else f"{lines.HOLD}.{record.epoch}"
        return Hold(f"{base}.{number}", (), record.language or "en-US")

    def _to_a_person(self, conn: Connection, on: Occasion, loaded: Loaded) -> tuple[CallAction, ...]:
        """The flow is nowhere to be found: somebody answers all the same."""
        record = loaded.record
        if record.state == "flow":
            log.warning("flow_missing", flow=record.flow, version=record.flow_version)
            moves.enqueue(conn, on, loaded, record.queue, since=record.started_at)
        return (lines.please_hold(record.language, record.epoch),)

    def _came_back(self, conn: Connection, on: Occasion, loaded: Loaded, did: Did) -> tuple[CallAction, ...]:
        """The outside number that an agent handed the caller on to is done with. Who wasn't answered there waits
        for one of us again, at the place that they have always had."""
        record = loaded.record
        if record.state != "flow" or not isinstance(did, DialEnded):
            return (HangUp(),) if record.state == "ended" else (self._still(record, did),)
        if did.outcome == "answered":
            moves.end(conn, on, loaded, "transferred")
            return (HangUp(),)
        moves.send_back(conn, on, loaded, "returned")
        return (lines.please_hold(record.language, record.epoch),)


def _talked(record: Record) -> bool:
    return record.ended_reason == "wrapped_up"
