"""What became of an attempt, written down: sent, to be tried again, refused for good, or nobody knows."""

from __future__ import annotations

from typing import Literal

from channels.contract import Outgoing, Sent
from contact_center.domain.events import (
    ROUTING,
    ActionFailed,
    Body,
    CallLeg,
    CustomerLeft,
    DeliveryChanged,
    HoldChanged,
    MuteChanged,
    PartyChanged,
    RecordingChanged,
)
from contact_center.domain.occasion import Occasion
from contact_center.domain.record import Record
from contact_center.domain.time import DAY, HOUR, MINUTE, SECOND
from contact_center.moves import callbacks, joining, lines, moves
from contact_center.storage import agents, journal, outbox
from contact_center.storage.connection import Connection
from contact_center.storage.journal import Loaded

MOST_ATTEMPTS = 40
LONGEST_ATTEMPT_MS = 12 * MINUTE
LONGEST_LETTER_MS = 20 * MINUTE
"""The lease of one attempt. RFC 5321 4.5.3.2.6 lets a mail server take ten minutes over its last answer, after
however long it took to read a letter with large files."""
GIVE_UP_MS = 4 * DAY
LETTER_PAUSE_MS = 2 * HOUR
PATIENCE_MS = {
    "connect": 20 * SECOND,
    "add": 20 * SECOND,
    "call": 30 * SECOND,
    "record": 30 * SECOND,
    **dict.fromkeys(("hold", "mute", "keys", "change"), 15 * SECOND),
}
"""What is asked of a live call while people wait for it: later than this it does more harm than good."""
SOON_MS = 10 * SECOND
"""A caller who is to be told something is on the line: it is tried again at least this often."""

DOUBT_MS = 5 * MINUTE
"""A letter of which nobody knows if it arrived is sent once more after so long: its server may still be at it."""

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
    refused: bool = False,
    gone: bool = False,
) -> None:
    """Settles the outbox row and, for what the customer was to get, adds the news to the conversation. A row
    that somebody else has settled meanwhile is left as it is. ``refused``: it will never be done, however often it
    is asked for; ``gone``: since the call is over."""
    message = row.message
    wait = _pause_ms(message, after_ms)
    patience = PATIENCE_MS.get(message.verb, 0)
    if outcome == "uncertain" and is_letter(message) and not row.doubted:
        _once_more(conn, on, row, reason)
        return
    tired = message.attempt >= MOST_ATTEMPTS and not is_letter(message)
    given_up = tired or on.now - row.since >= GIVE_UP_MS
    if outcome == "retry" and (given_up or (patience and on.now + wait > message.created_at + patience)):
        # Where an earlier attempt may have arrived, that none of the later ones did is not to have failed.
        outcome = "uncertain" if row.doubted else "failed"
        reason = f"given up after {message.attempt} attempts: {reason}"
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
        if outcome in ("failed", "uncertain") and is_letter(message) and not message.automatic:
            _show_somebody(conn, on, message)
    elif outcome in ("failed", "uncertain"):
        if gone and message.verb in ("connect", "tell"):
            _customer_gone(conn, on, message, reason)
        _call_failed(conn, on, message, outcome, reason, refused)
    elif outcome != "retry":
        _call_done(conn, on, message, sent)


def is_letter(message: Outgoing) -> bool:
    """Whether it is e-mail: whoever gets it twice knows it again by its Message-ID."""
    return message.verb == "message" and message.recipient is not None and message.recipient.kind == "email"


def _once_more(conn: Connection, on: Occasion, row: outbox.Row, reason: str) -> None:
    """Doubled is better than lost: the same bytes leave once more by themselves. After that a person decides."""
    if outbox.doubt(conn, row.message.outbox_id, row.lease, on.now + DOUBT_MS, reason):
        _tell_conversation(conn, on, row.message, "uncertain", None, f"{reason} It is sent once more.")


def _show_somebody(conn: Connection, on: Occasion, message: Outgoing) -> None:
    """What did not arrive of a matter that is closed opens it again, or nobody would see."""
    loaded = journal.load(conn, message.interaction_id)
    if loaded is None or loaded.record.is_open:
        return
    if joining.open_of_family(conn, loaded.record.case_id) is None:
        joining.reopen(conn, on, loaded)


def _pause_ms(message: Outgoing, after_ms: int | None) -> int:
    """``after_ms`` is what the channel asks for. Letters have days, and a server that is asked too often shuts us
    out; what the operator has to mend (a login) is tried every ten minutes at least, so that they see the mend."""
    if is_letter(message):
        longest = LETTER_PAUSE_MS if after_ms is None else 10 * MINUTE
        return min(max(after_ms or 0, 2 * SECOND << min(message.attempt - 1, 12)), longest)
    if after_ms is not None:
        return after_ms
    wait = backoff_ms(message.attempt)
    return min(wait, SOON_MS) if message.verb == "tell" else wait


def _tell_conversation(
    conn: Connection, on: Occasion, message: Outgoing, outcome: Outcome, sent: Sent | None, reason: str
) -> None:
    if outcome == "retry" and message.attempt > 1:
        return
    loaded = journal.load(conn, message.interaction_id)
    if loaded is None:
        return
    body = DeliveryChanged(
        message.outbox_id,
        outcome,
        sent.provider_id if sent else "",
        reason,
        recipient=message.recipient.value if message.letter_id and message.recipient else "",
    )
    event = journal.happen(conn, on, loaded, body)
    journal.save(conn, loaded)
    journal.tell_owner(conn, on, loaded, event)


# --- what a live call was asked to do ----------------------------------------------------------------------------

_RECORDED = {"start": "started", "pause": "paused", "resume": "resumed", "stop": "completed"}


def _call_done(conn: Connection, on: Occasion, message: Outgoing, sent: Sent | None) -> None:
    """The carrier has done it: only now the record says so."""
    provider_id = sent.provider_id if sent else ""
    body: Body | None = None
    match message.verb:
        case "hold":
            body = HoldChanged(message.mode == "on")
        case "mute":
            body = MuteChanged(message.mode == "on")
        case "change":
            body = PartyChanged(message.party_id, message.mode)  # type: ignore[arg-type]
        case "record" if message.mode != "stop":
            body = RecordingChanged(provider_id, _RECORDED[message.mode])  # type: ignore[arg-type]
        case "add" if provider_id:
            body = CallLeg("party", "ringing", provider_id, party_id=message.party_id)
        case "connect" if provider_id:
            body = CallLeg("agent", "ringing", provider_id, offer_id=message.offer_id)
        case "call" if provider_id:
            body = CallLeg("customer", "ringing", provider_id)
    if body is not None:
        _write(conn, on, message, body)


def _write(conn: Connection, on: Occasion, message: Outgoing, body: Body) -> None:
    loaded = journal.load(conn, message.interaction_id)
    if loaded is None or (isinstance(body, CallLeg) and _known_better(loaded.record, body)):
        return
    if isinstance(body, (HoldChanged, MuteChanged)) and loaded.record.state != "assigned":
        return  # the conversation that it was about is over
    if isinstance(body, MuteChanged) and message.offer_id != loaded.record.accepted_offer:
        return
    event = journal.happen(conn, on, loaded, body)
    journal.save(conn, loaded)
    journal.tell_owner(conn, on, loaded, event)


def _known_better(record: Record, leg: CallLeg) -> bool:
    """Whether the leg's own news has been faster than the answer to our request."""
    if leg.leg == "customer":
        return record.call in ("connected", "ended") or leg.leg_id in record.past_legs or record.state != "assigned"
    if leg.leg == "agent":
        return bool(record.agent_leg) or record.accepted_offer != leg.offer_id
    party = record.party(leg.party_id)
    return party is None or party.state != "calling"


def _customer_gone(conn: Connection, on: Occasion, message: Outgoing, reason: str) -> None:
    """The carrier says that the call is over, before its own report of it (which may be lost): nobody is to be
    offered a line that is dead, and whoever has it in hand wraps up."""
    loaded = journal.load(conn, message.interaction_id)
    if loaded is None or loaded.record.thread_key != message.thread_key:
        return
    record = loaded.record
    if record.customer_left or not record.is_open:
        return
    event = journal.happen(conn, on, loaded, CustomerLeft(reason[:200]))
    if record.state == "assigned":
        lines.drop_parties(conn, on, loaded)
        moves.begin_wrap_up(conn, on, loaded, "customer left")
    elif record.state in ("flow", "waiting", "offered"):
        moves.abandon(conn, on, loaded)
    journal.save(conn, loaded)
    journal.tell_owner(conn, on, loaded, event)


def _call_failed(
    conn: Connection, on: Occasion, message: Outgoing, outcome: Outcome, reason: str, refused: bool
) -> None:
    if message.verb == "connect":
        _not_connected(conn, on, message, reason, theirs=refused or outcome == "uncertain")
    elif message.verb == "call":
        _not_called(conn, on, message, reason, again=outcome == "failed" and not refused)
    elif message.verb == "add":
        _not_added(conn, on, message, reason)
    elif message.verb in _TOLD:
        what = _TOLD[message.verb].format(message.mode)
        _write(conn, on, message, ActionFailed(what, reason[:500], message.party_id))


_TOLD = {"hold": "hold", "mute": "mute", "keys": "keys", "change": "change", "record": "record.{}", "tell": "tell"}
"""What the agent is told of when it fails. That somebody could not be hung up on is not: they are gone."""


def _not_added(conn: Connection, on: Occasion, message: Outgoing, reason: str) -> None:
    """Somebody could not be brought in: a customer who hears music for their sake hears us again."""
    loaded = journal.load(conn, message.interaction_id)
    party = loaded.record.party(message.party_id) if loaded is not None else None
    if loaded is None or party is None or party.state != "calling":
        return
    event = journal.happen(
        conn, on, loaded, CallLeg("party", "failed", reason=reason[:200], party_id=message.party_id)
    )
    lines.consultation_over(conn, on, loaded, party, talked=False)
    journal.save(conn, loaded)
    journal.tell_owner(conn, on, loaded, event)


def _not_called(conn: Connection, on: Occasion, message: Outgoing, reason: str, *, again: bool) -> None:
    """The customer could not be rung. What may have rung nevertheless, and what the provider will never do (a number
    that is none), is not tried again by itself."""
    loaded = journal.load(conn, message.interaction_id)
    if loaded is None or loaded.record.state != "assigned" or loaded.record.call == "connected":
        return
    if message.offer_id != loaded.record.accepted_offer:
        return
    if not callbacks.unreached(conn, on, loaded, "failed", again=again):
        _wrap_up(conn, on, loaded, reason)


def _wrap_up(conn: Connection, on: Occasion, loaded: Loaded, reason: str) -> None:
    """Nothing came of the call: the agent, who is told, has only to say so."""
    event = moves.begin_wrap_up(conn, on, loaded, reason[:64])
    journal.tell_owner(conn, on, loaded, event)


def _not_connected(conn: Connection, on: Occasion, message: Outgoing, reason: str, *, theirs: bool) -> None:
    """The agent could not be brought into the call: the caller keeps their place and somebody else is found.
    ``theirs``: it is the agent's telephone that could not be rung. Where it is the carrier that is away, they stay
    ready: else an outage would take one agent after another out of the way."""
    loaded = journal.load(conn, message.interaction_id, beside=(message.agent_id,))
    agent = agents.lock(conn, message.agent_id)
    if loaded is None or agent is None:
        return
    record = loaded.record
    if record.state != "assigned" or record.accepted_offer != message.offer_id or record.call == "connected":
        return
    if record.customer_left:
        _wrap_up(conn, on, loaded, reason)
        return
    if record.direction == "outbound" and not record.task:  # the agent's own call: nobody else is to make it
        journal.happen(conn, on, loaded, CustomerLeft("not called"))
        _wrap_up(conn, on, loaded, reason)
        return
    moves.take_from(conn, on, loaded, agent, "returned", ROUTING, cause="busy")
    if record.thread_key:
        lines.tell(conn, on, loaded, lines.please_hold(record.language, record.epoch))
    if theirs:
        agents.settle(conn, on, agent, chosen="not_ready", reason="phone_unreachable")
    else:
        agents.settle(conn, on, agent)
