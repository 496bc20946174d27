"""One event in, one transaction: recorded, matched, queued, announced."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeAlias
from zlib import crc32

from channels.contract import Answer
from contact_center.domain.calls import CallAction, HangUp, pack, unpack
from contact_center.domain.card_numbers import without_card_numbers
from contact_center.domain.contact_points import ContactPoint
from contact_center.domain.events import (
    OPENING_KINDS,
    ROUTING,
    CallArrived,
    CallerInput,
    CallerRecorded,
    CallLeg,
    CustomerLeft,
    DeliveryReported,
    DialEnded,
    InteractionEvent,
    MessageReceived,
    MessageSent,
    TranscriptAdded,
    Transferred,
    changed,
)
from contact_center.domain.matching import choose_case
from contact_center.domain.occasion import Occasion
from contact_center.domain.record import Party, is_past, is_stray, preview_of, seen_as
from contact_center.intake import mail, reports
from contact_center.moves import callbacks, lines, moves
from contact_center.recordings import keep
from contact_center.storage import agents, cases, customers, events, journal, queues, settings
from contact_center.storage.connection import Connection
from contact_center.storage.effects import ThreadGrew, tell
from contact_center.storage.journal import Loaded
from contact_center.storage.queues import EntryPoint

OVER_REMEMBERED = 4_096
OVER_EACH = 8
"""How many calls each of that many places has room for: two of one burst may share one."""

Did: TypeAlias = CallerInput | CallerRecorded | DialEnded


@dataclass(frozen=True, slots=True)
class CallSteps:
    """What a live call does next, asked of the telephony verb by whoever wires the hub. All store what happened
    and give the actions; they may enqueue the call. ``talked`` is asked when the agent has gone and the customer
    has not: empty where nothing more is to be said to them."""

    arrive: Callable[[Connection, Occasion, Loaded, EntryPoint | None], tuple[CallAction, ...]]
    hear: Callable[[Connection, Occasion, Loaded, Did], tuple[CallAction, ...]]
    talked: Callable[[Connection, Occasion, Loaded], tuple[CallAction, ...]]
    left: Callable[[Connection, Occasion, Loaded], None]


def take_in(conn: Connection, on: Occasion, event: InteractionEvent, raw: bytes, calls: CallSteps) -> Answer:
    """Takes ``event`` in. The same ``(channel, source_id)`` again changes nothing and gives the same answer."""
    awaited = _awaited(conn, event)
    if awaited is not None:
        event = changed(event, id=on.new_id(), received_at=on.now)
        return _TAKERS[type(event.body)](conn, on, awaited, event, raw, calls)
    seen = events.seen(conn, event.channel, event.source_id)
    if seen is not None:
        told = events.answer_to(conn, seen)
        return Answer(
            interaction_id=seen.interaction_id,
            case_id=seen.case_id,
            event_id=seen.id,
            repeated=True,
            actions=unpack(told) if told else (),
        )
    event = changed(event, id=on.new_id(), received_at=on.now)
    if event.medium == "email" and isinstance(event.body, MessageReceived):
        return mail.take_letter(conn, on, event, raw)
    if event.medium == "email" and isinstance(event.body, MessageSent):
        return mail.take_sent(conn, on, event, raw)
    loaded = _find(conn, event)
    if loaded is not None:
        keep.heard_of(conn, on, loaded.record, event)
        return _TAKERS.get(type(event.body), _take_line)(conn, on, loaded, event, raw, calls)
    if event.kind not in OPENING_KINDS:
        if event.kind == CustomerLeft.KIND and event.thread.key:
            _note_over(conn, event)
        return Answer(unknown=True)
    return _open(conn, on, event, raw, calls)


def _awaited(conn: Connection, event: InteractionEvent) -> Loaded | None:
    """The call whose flow waits for just this answer. No position is given twice, and the answer moves it on, so it
    cannot have come before: most that callers do need not be looked for in the log."""
    if not isinstance(event.body, CallerInput) or not event.thread.key:
        return None
    loaded = journal.latest_of_thread(conn, event.channel, event.thread.key)
    return loaded if loaded is not None and loaded.record.flow_position == event.body.position else None


def _note_over(conn: Connection, event: InteractionEvent) -> None:
    """The call was over before we had heard of it: reports overtake each other. There is room for so many; later
    ones take the place of the earliest."""
    key, slot = event.thread.key, _slot(event.thread.key)
    known = settings.recall(conn, event.channel, slot).split("\n")
    newest = [key, *(other for other in known if other and other != key)][:OVER_EACH]
    settings.remember(conn, event.channel, slot, "\n".join(newest))


def _was_over(conn: Connection, event: InteractionEvent) -> bool:
    key = event.thread.key
    return bool(key) and key in settings.recall(conn, event.channel, _slot(key)).split("\n")


def _slot(thread_key: str) -> str:
    return f"over:{crc32(thread_key.encode()) % OVER_REMEMBERED}"


def _find(conn: Connection, event: InteractionEvent) -> Loaded | None:
    """The interaction that ``event`` belongs to."""
    if isinstance(event.body, DeliveryReported):
        return reports.find(conn, event)
    for named in event.thread.ours:
        loaded = journal.load(conn, named)
        if loaded is not None and loaded.record.channel == event.channel and _of_our_call(event):
            return loaded
    if not event.thread.key:
        return None
    if event.kind == MessageReceived.KIND:
        return journal.open_of_thread(conn, event.channel, event.thread.key)
    return journal.latest_of_thread(conn, event.channel, event.thread.key)


def _of_our_call(event: InteractionEvent) -> bool:
    """Whether it is news of a call that we placed: the carrier signs the address that we gave it."""
    return event.medium == "voice" and event.kind not in OPENING_KINDS


# --- a new interaction ------------------------------------------------------------------------------------------


def _open(conn: Connection, on: Occasion, event: InteractionEvent, raw: bytes, calls: CallSteps) -> Answer:
    point = event.sender or ContactPoint("other", "")
    customer = customers.at_point(conn, point)
    if customer is None:
        customer = customers.add(conn, on, point, event.sender_name)
    elif event.sender_name and not customer.name:
        customers.rename(conn, on, customer.id, event.sender_name)
        customer = replace(customer, name=event.sender_name[:200])
    dialled = event.dialled.value if event.dialled else ""
    door = queues.entry_point(conn, event.channel, dialled)

    body = event.body
    unverified = isinstance(body, MessageReceived) and bool(body.unverified)
    choice = choose_case(
        [] if customer.new else customers.open_cases(conn, customer.id),
        0,
        on.now,
        own_topic=False,
        known_sender=point.identifies and not unverified,
    )
    subject = ""
    if isinstance(body, MessageReceived):
        subject = body.subject or preview_of(body.text)
    case_id = choice.case_id
    if case_id:
        cases.reopen(conn, on, case_id)
        case = cases.get(conn, case_id)
        subject = case.subject if case is not None else subject
    else:
        case_id = cases.add(conn, on, customer.id, subject, door.queue if door else moves.FALLBACK_QUEUE)

    event = changed(event, interaction_id=on.new_id(), case_id=case_id, customer_id=customer.id)
    if isinstance(body, CallArrived):
        return _open_call(conn, on, event, raw, calls, door, customer, subject)
    loaded = journal.begin(
        conn,
        event,
        raw,
        None,
        customer_name=customer.name,
        customer_since=customer.first_seen_at,
        case_subject=subject,
        standing=customer.standing,
    )
    moves.enqueue_through(conn, on, loaded, door)
    journal.save(conn, loaded)
    tell(conn, ThreadGrew(event.channel, event.thread.key))
    moves.happened(conn, on, loaded, "arrived")
    return Answer(event.interaction_id, case_id, event.id)


def _open_call(
    conn: Connection,
    on: Occasion,
    event: InteractionEvent,
    raw: bytes,
    calls: CallSteps,
    door: EntryPoint | None,
    customer: customers.Customer,
    subject: str,
) -> Answer:
    loaded = journal.begin(
        conn,
        event,
        raw,
        None,
        customer_name=customer.name,
        customer_since=customer.first_seen_at,
        case_subject=subject,
        standing=customer.standing,
    )
    if _was_over(conn, event):
        journal.happen(conn, on, loaded, CustomerLeft("was gone before the call was heard of"))
        moves.end(conn, on, loaded, "abandoned")
        actions: tuple[CallAction, ...] = (HangUp(),)
    else:
        callbacks.rang_themselves(conn, on, event.customer_id, event.channel)
        actions = calls.arrive(conn, on, loaded, door)
    journal.save(conn, loaded)
    events.keep_answer(conn, event.id, pack(actions))
    moves.happened(conn, on, loaded, "arrived")
    return Answer(event.interaction_id, event.case_id, event.id, actions=actions)


# --- an interaction that exists ---------------------------------------------------------------------------------


def _answer(loaded: Loaded, event: InteractionEvent, actions: tuple[CallAction, ...] = ()) -> Answer:
    return Answer(loaded.record.interaction_id, loaded.record.case_id, event.id, actions=actions)


def _take_line(
    conn: Connection, on: Occasion, loaded: Loaded, event: InteractionEvent, raw: bytes, calls: CallSteps
) -> Answer:
    """A message, a line of transcript, or anything else that only adds to the conversation."""
    stored = journal.take(conn, loaded, event, raw)
    journal.save(conn, loaded)
    journal.tell_owner(conn, on, loaded, stored)
    return _answer(loaded, event)


def _take_words(
    conn: Connection, on: Occasion, loaded: Loaded, event: InteractionEvent, raw: bytes, calls: CallSteps
) -> Answer:
    """What somebody said. While the recording pauses nothing of it is kept, and of payment cards nothing ever: not
    in the event, nor in what it was made from."""
    body = event.body
    assert isinstance(body, TranscriptAdded)
    unheard = loaded.record.unheard(event.occurred_at)
    kept = "" if unheard else without_card_numbers(body.text)
    if kept != body.text:
        event, raw = changed(event, body=replace(body, text=kept), raw_digest=""), b""
    if kept:
        return _take_line(conn, on, loaded, event, raw, calls)
    stored = journal.take(conn, loaded, event, raw)  # that there was something: told again, it isn't taken again
    journal.save(conn, loaded)
    return _answer(loaded, stored)


def _take_input(
    conn: Connection, on: Occasion, loaded: Loaded, event: InteractionEvent, raw: bytes, calls: CallSteps
) -> Answer:
    """What the caller did at a prompt. Digits that are secret go no further than the flow."""
    did = event.body
    assert isinstance(did, (CallerInput, CallerRecorded, DialEnded))
    if isinstance(did, CallerInput) and did.secret:
        event, raw = changed(event, body=replace(did, digits="", speech=""), raw_digest=""), b""
    journal.take(conn, loaded, event, raw)
    actions = calls.hear(conn, on, loaded, did)
    journal.save(conn, loaded)
    told = pack(actions)
    if loaded.answer != told:
        events.keep_answer(conn, event.id, told)
    return _answer(loaded, event, actions)


def _take_leg(
    conn: Connection, on: Occasion, loaded: Loaded, event: InteractionEvent, raw: bytes, calls: CallSteps
) -> Answer:
    body = event.body
    assert isinstance(body, CallLeg)
    stray = is_stray(loaded.record, seen_as(loaded.record, body))
    if body.leg == "customer" and body.state == "left" and not stray:
        callbacks.was_there(conn, on, loaded)
    before = loaded.record
    connected, parked, ringing = before.call == "connected", before.state == "parked", before.call == "ringing"
    first = not before.first_response_at
    party = before.party(body.party_id) if body.leg == "party" else None
    talked = party is not None and party.state == "joined"
    stored = journal.take(conn, loaded, event, raw)
    record = loaded.record
    body = seen_as(record, body)
    gone = body.state in ("left", "ended", "failed")
    if stray:
        pass
    elif body.leg == "agent" and record.state == "assigned":
        if gone and (connected or record.customer_left):
            _agent_hung_up(conn, on, loaded, calls)
        elif gone and ringing and record.direction == "outbound":
            _agent_tired(conn, on, loaded)
        elif gone:
            _agent_unreachable(conn, on, loaded)
        elif body.state == "joined":
            _agent_joined(conn, on, loaded)
        elif body.state == "answered" and record.direction == "outbound" and record.call == "connecting":
            callbacks.picked_up(conn, on, loaded)
    elif body.leg == "customer" and body.state == "answered" and record.call == "ringing":
        callbacks.picked_up(conn, on, loaded)
    elif body.leg == "customer" and gone:
        if record.direction == "outbound" and not connected and record.state == "assigned":
            _unreached(conn, on, loaded, body.reason)
        elif body.state != "failed":
            _customer_gone(conn, on, loaded, calls)
    elif party is not None and gone:
        lines.consultation_over(conn, on, loaded, party, talked=talked)
        _last_to_leave(conn, on, loaded)
    if record.call == "connected" and not connected:
        callbacks.talking(conn, on, loaded, first=first)
    journal.save(conn, loaded)
    journal.tell_owner(conn, on, loaded, stored)
    alone = stray or record.state != "assigned" or (body.leg == "customer" and parked)
    alone = alone or (body.leg == "party" and (party is None or not party.there))
    ours = body.leg in ("agent", "party") or (body.leg == "customer" and record.direction == "outbound")
    if alone and ours and body.state == "answered":
        actions = (HangUp(),)  # nobody shall sit in an empty room
        events.keep_answer(conn, event.id, pack(actions))
        return _answer(loaded, event, actions)
    return _answer(loaded, event)


def _agent_joined(conn: Connection, on: Occasion, loaded: Loaded) -> None:
    """The agent is on the line. Where the call is ours to place, the customer is rung now."""
    record = loaded.record
    if record.direction == "outbound" and record.call == "connecting" and not record.customer_left:
        callbacks.ring_customer(conn, on, loaded)
        if record.customer_left:
            moves.begin_wrap_up(conn, on, loaded, "not allowed")


def _unreached(conn: Connection, on: Occasion, loaded: Loaded, reason: str) -> None:
    outcome = {"busy": "busy", "no-answer": "no_answer", "no_answer": "no_answer"}.get(reason, "failed")
    if not callbacks.unreached(conn, on, loaded, outcome):
        moves.begin_wrap_up(conn, on, loaded, outcome)


def _agent_hung_up(conn: Connection, on: Occasion, loaded: Loaded, calls: CallSteps) -> None:
    """The agent put the phone down: what is left for them is to wrap up. A colleague who is in the call has the
    customer now, and a customer who talks to somebody else talks on. Else they are asked what the flow still wants
    to ask, or their leg ends too."""
    record = loaded.record
    here = [p for p in record.parties if p.state == "joined" and p.purpose != "supervise"]
    if not record.customer_left and any(_handed_on(conn, on, loaded, party) for party in here):
        return
    talking = [] if record.held or record.customer_left else [party for party in here if party.kind == "number"]
    lines.drop_parties(conn, on, loaded, but=[party.id for party in talking])
    if talking:
        journal.happen(conn, on, loaded, Transferred(f"number:{talking[0].who}", "warm"))
        moves.begin_wrap_up(conn, on, loaded, "agent left")
        return
    if not record.customer_left:
        after = calls.talked(conn, on, loaded) if record.direction == "inbound" else ()
        if after:
            lines.tell(conn, on, loaded, *after)
        else:
            lines.ask(conn, on, loaded, "hang_up")
    moves.begin_wrap_up(conn, on, loaded, "agent hung up")


def _handed_on(conn: Connection, on: Occasion, loaded: Loaded, party: Party) -> bool:
    """Whether the call is in the hands of ``party`` now: a colleague who has room for it."""
    if party.kind != "agent":
        return False
    me, colleague = agents.lock(conn, loaded.record.agent_id), agents.lock(conn, party.who)
    if me is None or colleague is None:
        return False
    if not moves.may_take_over(conn, colleague):
        return False
    moves.hand_over(conn, on, loaded, me, party, colleague)
    return True


def _last_to_leave(conn: Connection, on: Occasion, loaded: Loaded) -> None:
    """Whom the customer was handed over to outside has gone: nobody is left for them to talk to."""
    record = loaded.record
    handed_over = record.transferred_to.startswith("number:") and record.state in ("wrap_up", "ended")
    if handed_over and not record.customer_left and not any(party.state == "joined" for party in record.parties):
        lines.ask(conn, on, loaded, "hang_up")


def _agent_tired(conn: Connection, on: Occasion, loaded: Loaded) -> None:
    """The agent put the phone down while the customer's was ringing: that was the attempt."""
    if loaded.record.thread_key:
        lines.ask(conn, on, loaded, "hang_up")
    if not callbacks.unreached(conn, on, loaded, "failed"):
        moves.begin_wrap_up(conn, on, loaded, "agent hung up")


def _agent_unreachable(conn: Connection, on: Occasion, loaded: Loaded) -> None:
    """The agent's phone did not answer: the caller goes back to their place, the agent is taken out of the way
    until they say that their phone is well. A call of the agent's own is nobody else's to make."""
    agent = agents.lock(conn, loaded.record.agent_id)
    if agent is None:
        return
    record = loaded.record
    if record.direction == "outbound" and not record.task:
        journal.happen(conn, on, loaded, CustomerLeft("not called"))
        moves.begin_wrap_up(conn, on, loaded, "agent did not answer")
        return
    moves.take_from(conn, on, loaded, agent, "returned", ROUTING, cause="busy")
    if record.thread_key:
        lines.tell(conn, on, loaded, lines.please_hold(record.language, record.epoch))
    agents.settle(conn, on, agent, chosen="not_ready", reason="phone_unreachable")


def _take_leave(
    conn: Connection, on: Occasion, loaded: Loaded, event: InteractionEvent, raw: bytes, calls: CallSteps
) -> Answer:
    gone_before = loaded.record.customer_left or is_past(loaded.record, event)
    if not gone_before:
        callbacks.was_there(conn, on, loaded)
    stored = journal.take(conn, loaded, event, raw)
    if not gone_before:
        _customer_gone(conn, on, loaded, calls)
    journal.save(conn, loaded)
    journal.tell_owner(conn, on, loaded, stored)
    return _answer(loaded, event)


def _customer_gone(conn: Connection, on: Occasion, loaded: Loaded, calls: CallSteps) -> None:
    """The customer left: what waits or rings for them stops, what is in hand is wrapped up. Somebody who leaves a
    chat before anyone came has still said something: that stays in its queue until an agent has seen it."""
    record = loaded.record
    if record.medium != "voice":
        return
    if record.state == "assigned":
        lines.drop_parties(conn, on, loaded)
        moves.begin_wrap_up(conn, on, loaded, "customer left")
    elif record.state == "flow":
        calls.left(conn, on, loaded)
    elif record.state in ("waiting", "offered"):
        moves.abandon(conn, on, loaded)


def _take_report(
    conn: Connection, on: Occasion, loaded: Loaded, event: InteractionEvent, raw: bytes, calls: CallSteps
) -> Answer:
    return reports.take(conn, on, loaded, event, raw)


_Taker = Callable[[Connection, Occasion, Loaded, InteractionEvent, bytes, CallSteps], Answer]
_TAKERS: dict[type, _Taker] = {
    CallerInput: _take_input,
    CallerRecorded: _take_input,
    DialEnded: _take_input,
    TranscriptAdded: _take_words,
    CallLeg: _take_leg,
    CustomerLeft: _take_leave,
    DeliveryReported: _take_report,
}
