"""What became of an attempt, written down: sent, to be tried again, refused for good, or nobody knows."""

from __future__ import annotations

from typing import Literal

from channels.contract import Outgoing, Sent
from contact_center.domain.events import ROUTING, DeliveryChanged
from contact_center.domain.occasion import Occasion
from contact_center.domain.time import DAY, MINUTE, SECOND
from contact_center.moves import moves
from contact_center.storage import agents, journal, outbox
from contact_center.storage.connection import Connection

MOST_ATTEMPTS = 40
LONGEST_ATTEMPT_MS = 12 * MINUTE
"""The lease of one attempt. RFC 5321 4.5.3.2.6 lets a mail server take ten minutes over its last answer."""
GIVE_UP_MS = 4 * DAY

Outcome = Literal["accepted", "delivered", "retry", "uncertain", "failed"]


def backoff_ms(attempt: int) -> int:
    """How long to wait after attempt number ``attempt`` (1, 2, …): 2 s, 4 s, … up to half an hour."""
    return min(2 * SECOND << min(attempt - 1, 12), 30 * MINUTE)


def record_outcome(
    conn: Connection,
    on: Occasion,
    row: outbox.Row,
    outcome: Outcome,
    *,
    sent: Sent | None = None,
    reason: str = "",
    after_ms: int | None = None,
) -> None:
    """Settles the outbox row and, for what the customer was to get, adds the news to the conversation. A row
    that somebody else has settled meanwhile is left as it is."""
    message = row.message
    given_up = message.attempt >= MOST_ATTEMPTS or on.now - message.created_at >= GIVE_UP_MS
    if outcome == "retry" and given_up:
        outcome, reason = "failed", f"given up after {message.attempt} attempts: {reason}"
    wait = backoff_ms(message.attempt) if after_ms is None else after_ms
    settled = outbox.settle(
        conn,
        message.outbox_id,
        row.lease,
        outcome,
        next_at=on.now + wait,
        provider_id=sent.provider_id if sent else "",
        reason=reason,
    )
    if not settled:
        return
    if message.verb == "message":
        _tell_conversation(conn, on, message, outcome, sent, reason)
    elif message.verb == "connect" and outcome in ("failed", "uncertain"):
        _not_connected(conn, on, message, reason)


def _tell_conversation(
    conn: Connection, on: Occasion, message: Outgoing, outcome: Outcome, sent: Sent | None, reason: str
) -> None:
    if outcome == "retry" and message.attempt > 1:
        return
    loaded = journal.load(conn, message.interaction_id)
    if loaded is None:
        return
    body = DeliveryChanged(message.outbox_id, outcome, sent.provider_id if sent else "", reason)
    event = journal.happen(conn, on, loaded, body)
    journal.save(conn, loaded)
    journal.tell_owner(conn, on, loaded, event)


def _not_connected(conn: Connection, on: Occasion, message: Outgoing, reason: str) -> None:
    """The agent could not be brought into the call: the caller keeps their place and somebody else is found."""
    loaded = journal.load(conn, message.interaction_id)
    agent = agents.lock(conn, message.agent_id)
    if loaded is None or agent is None:
        return
    record = loaded.record
    if record.state != "assigned" or record.agent_id != agent.id or record.call == "connected":
        return
    if record.customer_left:
        moves.begin_wrap_up(conn, on, loaded, reason[:64])
        return
    moves.take_from(conn, on, loaded, agent, "returned", ROUTING)
    agents.settle(conn, on, agent, chosen="not_ready", reason="phone_unreachable")
