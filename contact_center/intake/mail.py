"""Whose conversation a letter belongs to: which comes in, or which somebody of ours wrote in another program.

A token of ours that came back proves the conversation and nothing else. Who takes part in it are its customer,
whomever an agent wrote to in it, and whomever an agent let in; everybody else gets a case of their own, linked to it
until an agent says what it is (``moves/joining.py``). Message-IDs that nobody signed, and numbers in subjects, open
no door.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from channels.contract import Answer
from contact_center.domain.contact_points import ContactPoint
from contact_center.domain.events import (
    CaseLinked,
    InteractionEvent,
    MessageReceived,
    MessageSent,
    ParticipantAdded,
    changed,
)
from contact_center.domain.occasion import Occasion
from contact_center.domain.record import Record, preview_of
from contact_center.domain.time import DAY, MINUTE, Moment
from contact_center.domain.topics import is_new_topic, same_words, topic
from contact_center.moves import acknowledging, joining, moves
from contact_center.storage import cases, customers, events, journal, queues
from contact_center.storage.connection import Connection
from contact_center.storage.journal import Loaded
from contact_center.storage.queues import EntryPoint

STORM_MS = 10 * MINUTE
STORM = 3
"""The same words from one address so often, with less than ten minutes between them, are a machine's."""
LOOP = "loop: "
AT_ONCE = frozenset(
    {
        "Auto-Submitted: auto-replied",
        "Precedence: auto_reply",
        "Precedence: auto-reply",
        "X-Autoreply",
        "X-Auto-Reply",
        "X-Autorespond",
        "X-Autoresponder",
        "X-Mail-Autoreply",
        "read receipt",
    }
)
AT_ONCE_MS = 15 * MINUTE
_NOBODY = ContactPoint("other", "")
_LONGEST_ID = 150
_SUBJECTS = 200


@dataclass(frozen=True, slots=True)
class Named:
    """The conversation that a token of ours names. ``loaded`` is the one in which our letter was written,
    ``going_on`` the one in which its case goes on now, if any; ``case_id`` is what the case is part of."""

    loaded: Loaded
    going_on: Loaded | None
    case_id: int

    @property
    def records(self) -> list[Record]:
        return [each.record for each in (self.loaded, self.going_on) if each is not None]


def take_letter(conn: Connection, on: Occasion, event: InteractionEvent, raw: bytes) -> Answer:
    """A message that came by mail."""
    event = _with(event, same_id=_id_was_used(conn, event))
    if _believed(event) and event.sender is not None:
        customers.out_of_trouble(conn, event.sender)
    named = _named(conn, event)
    if named is None:
        return _without_token(conn, on, event, raw)
    if not _takes_part(conn, event, named):
        return _of_a_stranger(conn, on, event, raw, named)
    event = _with(event, new_topic=_is_new_topic(conn, event, named.loaded))
    if named.going_on is None and _answered_by_a_machine(conn, on, event, named):
        return _join(conn, on, named.loaded, event, raw)
    if named.going_on is None:
        return _again(conn, on, event, raw, named)
    _let_in(conn, on, named.going_on, event)
    return _join(conn, on, named.going_on, event, raw)


# --- what is known of it -----------------------------------------------------------------------------------------


def _received(event: InteractionEvent) -> MessageReceived:
    assert isinstance(event.body, MessageReceived)
    return event.body


def _with(event: InteractionEvent, **changes: object) -> InteractionEvent:
    """``event`` with what was found out about its message, where it isn't so already."""
    body = _received(event)
    new = {name: value for name, value in changes.items() if getattr(body, name) != value}
    return changed(event, body=replace(body, **new)) if new else event  # type: ignore[arg-type]


def _believed(event: InteractionEvent) -> bool:
    return event.sender is not None and event.sender.kind == "email" and not _received(event).unverified


def _id_was_used(conn: Connection, event: InteractionEvent) -> bool:
    """Whether another message came before under the same Message-ID into the same mailbox."""
    prefix = event.source_id[:-16]
    if prefix.count("|") < 2 or not prefix.endswith("|"):
        return False
    return any(row.kind == MessageReceived.KIND for row in events.under_id(conn, event.channel, prefix))


def _named(conn: Connection, event: InteractionEvent) -> Named | None:
    for interaction_id in event.thread.ours:
        loaded = journal.load(conn, interaction_id)
        if loaded is not None and loaded.record.channel == event.channel:
            case_id = cases.leading(conn, loaded.record.case_id)
            going_on = loaded if loaded.record.is_open else joining.open_of_family(conn, case_id)
            return Named(loaded, going_on, case_id)
    return None


def _takes_part(conn: Connection, event: InteractionEvent, named: Named) -> bool:
    """Whether the sender, if that is who wrote, takes part in the conversation, or wrote what an agent has merged
    into it."""
    sender = event.sender
    if sender is None or not _believed(event):
        return False
    if any(_is_customer(sender, record) or _let_in_before(sender, record) for record in named.records):
        return True
    owner = customers.owner_of(conn, sender)
    if owner in {record.customer_id for record in named.records}:
        return True
    linked = cases.linked_of(conn, owner, cases.family(conn, named.case_id)) if owner else None
    return linked is not None and linked.link_state == "merged"


def _let_in_before(sender: ContactPoint, record: Record) -> bool:
    return sender.value in {address.lower() for address in record.participants}


def _is_customer(sender: ContactPoint, record: Record) -> bool:
    return (sender.kind, sender.value) == (record.point_kind, record.point)


def _is_new_topic(conn: Connection, event: InteractionEvent, loaded: Loaded) -> bool:
    """Whether its subject stands nowhere in the conversation, neither as the case's nor as any letter's."""
    subject = _received(event).subject
    if not topic(subject) or not is_new_topic(subject, (loaded.case_subject, loaded.record.subject)):
        return False
    kinds = (MessageReceived.KIND, MessageSent.KIND)
    earlier = events.of_kinds(conn, loaded.record.interaction_id, kinds, 0, _SUBJECTS)
    return is_new_topic(subject, [getattr(each.body, "subject", "") for each in earlier])


def _answered_by_a_machine(conn: Connection, on: Occasion, event: InteractionEvent, named: Named) -> bool:
    """Whether it is an automatic answer to the letter that ended the matter (an absence, a receipt): it is read where
    it stands and opens nothing. Such an answer comes at once; what comes later, somebody looks at."""
    if _received(event).automatic not in AT_ONCE:
        return False
    sent = events.last_sent(conn, named.loaded.record.interaction_id)
    return sent is not None and on.now - max(sent.received_at, _left_at(sent)) < AT_ONCE_MS


def _left_at(sent: InteractionEvent) -> Moment:
    return sent.body.send_at if isinstance(sent.body, MessageSent) else 0


# --- a conversation that there is --------------------------------------------------------------------------------


def _join(conn: Connection, on: Occasion, loaded: Loaded, event: InteractionEvent, raw: bytes) -> Answer:
    stored = journal.take(conn, loaded, event, raw)
    journal.save(conn, loaded)
    journal.tell_owner(conn, on, loaded, stored)
    return Answer(loaded.record.interaction_id, loaded.record.case_id, stored.id)


def _let_in(conn: Connection, on: Occasion, loaded: Loaded, event: InteractionEvent) -> None:
    """Whoever took part before takes part in what goes on now."""
    record, sender = loaded.record, event.sender
    if sender is not None and not _is_customer(sender, record) and not _let_in_before(sender, record):
        journal.happen(conn, on, loaded, ParticipantAdded(sender.value))


def _again(conn: Connection, on: Occasion, event: InteractionEvent, raw: bytes, named: Named) -> Answer:
    """The case was over, and goes on. It stays its customer's, whoever of those who take part writes."""
    case = cases.get(conn, named.case_id)
    last = journal.last_of_case(conn, named.case_id, event.medium) or named.loaded
    assert case is not None
    assert event.sender is not None
    cases.reopen(conn, on, named.case_id)
    meanwhile = joining.open_of_family(conn, named.case_id)
    if meanwhile is not None:  # another node was faster, or an agent who merged cases
        _let_in(conn, on, meanwhile, event)
        return _join(conn, on, meanwhile, event, raw)
    ids = {"interaction_id": on.new_id(), "case_id": named.case_id, "customer_id": last.record.customer_id}
    customer = customers.get(conn, last.record.customer_id)
    about = {
        "customer_name": customer.name if customer else "",
        "customer_since": customer.first_seen_at if customer else on.now,
        "case_subject": case.subject,
    }
    theirs = _is_customer(event.sender, last.record)
    theirs = theirs or customers.owner_of(conn, event.sender) == last.record.customer_id
    if theirs:
        loaded = journal.begin(conn, changed(event, **ids), raw, None, **about)
    else:
        loaded = journal.begin(conn, _let_in_first(on, event, last.record, ids), b"", None, **about)
        journal.take(conn, loaded, event, raw)
    moves.enqueue_through(conn, on, loaded, _door(conn, event))
    journal.save(conn, loaded)
    moves.happened(conn, on, loaded, "arrived")
    return Answer(loaded.record.interaction_id, named.case_id, event.id)


def _let_in_first(on: Occasion, event: InteractionEvent, last: Record, ids: dict[str, object]) -> InteractionEvent:
    """What a conversation begins with in which somebody else than its customer writes first."""
    assert event.sender is not None
    event_id = on.new_id()
    return changed(
        event,
        body=ParticipantAdded(event.sender.value),
        id=event_id,
        source_id=event_id,
        direction="internal",
        sender=ContactPoint(last.point_kind, last.point),  # type: ignore[arg-type]  # as it was stored
        sender_name="",
        attachments=(),
        raw_digest="",
        **ids,
    )


def _door(conn: Connection, event: InteractionEvent) -> EntryPoint | None:
    return queues.entry_point(conn, event.channel, event.dialled.value if event.dialled else "")


# --- a conversation of its own -----------------------------------------------------------------------------------


def _customer(conn: Connection, on: Occasion, event: InteractionEvent) -> customers.Customer:
    """Whose address it is, added where it is nobody's."""
    point = event.sender or _NOBODY
    customer = customers.at_point(conn, point)
    if customer is None:
        return customers.add(conn, on, point, event.sender_name)
    if event.sender_name and not customer.name and _is_written_by_them(event):
        customers.rename(conn, on, customer.id, event.sender_name)
        customer = replace(customer, name=event.sender_name[:200])
    return customer


def _is_written_by_them(event: InteractionEvent) -> bool:
    return isinstance(event.body, MessageSent) or _believed(event)


def _without_token(conn: Connection, on: Occasion, event: InteractionEvent, raw: bytes) -> Answer:
    customer = _customer(conn, on, event)
    storm = None if customer.new else _storm(conn, on, event, customer)
    if storm is not None:
        said = _received(event).automatic or f"{LOOP}the same message again and again"
        return _join(conn, on, storm, _with(event, automatic=said), raw)
    words = acknowledging.configured(conn)
    if words is not None and acknowledging.is_our_own(words, _received(event).text):
        event = _with(event, automatic=_received(event).automatic or f"{LOOP}our own words came back")
    door = _door(conn, event)
    loaded = _begin(conn, on, event, raw, customer, _new_case(conn, on, event, customer, door), door)
    acknowledging.acknowledge(conn, on, loaded, event, door)
    journal.save(conn, loaded)
    moves.happened(conn, on, loaded, "arrived")
    return Answer(loaded.record.interaction_id, loaded.record.case_id, event.id)


def _storm(conn: Connection, on: Occasion, event: InteractionEvent, customer: customers.Customer) -> Loaded | None:
    """The open conversation that a message belongs to which a machine sends again and again: nobody is offered each
    of them. Messages that only begin alike, as alerts and notices do, are not the same."""
    words, doubt = same_words(_received(event).text), _received(event).unverified
    if not words:
        return None
    again = 1
    newest: Loaded | None = None
    for row in customers.written_lately(conn, customer.id, event.channel, on.now - DAY, on.now - STORM_MS):
        last = events.last_received(conn, row.id)
        body = last.body if last is not None else None
        if not isinstance(body, MessageReceived) or same_words(body.text) != words or body.unverified != doubt:
            continue
        again += STORM if body.automatic.startswith(LOOP) else 1
        if newest is None and row.state != "ended":
            newest = journal.load(conn, row.id)
    return newest if again >= STORM and newest is not None and newest.record.is_open else None


def _new_case(
    conn: Connection,
    on: Occasion,
    event: InteractionEvent,
    customer: customers.Customer,
    door: EntryPoint | None,
) -> int:
    return cases.add(conn, on, customer.id, _subject(event), door.queue if door else moves.FALLBACK_QUEUE)


def _subject(event: InteractionEvent) -> str:
    body = event.body
    assert isinstance(body, (MessageReceived, MessageSent))
    return body.subject or preview_of(body.text)


def _begin(
    conn: Connection,
    on: Occasion,
    event: InteractionEvent,
    raw: bytes,
    customer: customers.Customer,
    case_id: int,
    door: EntryPoint | None,
) -> Loaded:
    """A conversation in its queue. The caller saves it."""
    loaded = journal.begin(
        conn,
        changed(event, interaction_id=on.new_id(), case_id=case_id, customer_id=customer.id),
        raw,
        None,
        customer_name=customer.name,
        customer_since=customer.first_seen_at,
        case_subject=_subject(event),
    )
    moves.enqueue_through(conn, on, loaded, door)
    return loaded


def _of_a_stranger(conn: Connection, on: Occasion, event: InteractionEvent, raw: bytes, named: Named) -> Answer:
    """Somebody who takes no part answers a letter of ours, or says that they are somebody who does: an agent says
    what it is. What the same sender writes later goes where their first letter is."""
    customer = _customer(conn, on, event)
    linked = None
    if _believed(event):
        linked = cases.linked_of(conn, customer.id, cases.family(conn, named.case_id))
    refused = linked is not None and linked.link_state == "refused"
    doubt = f"replies to case {named.case_id} from another address"
    event = _with(event, unverified=_received(event).unverified or ("" if refused else doubt))
    going_on = journal.open_of_case(conn, linked.id) if linked is not None else None
    if going_on is not None:
        return _join(conn, on, going_on, event, raw)
    door = _beside(_door(conn, event), (named.going_on or named.loaded).record)
    case_id = linked.id if linked is not None else _new_case(conn, on, event, customer, door)
    loaded = _begin(conn, on, event, raw, customer, case_id, door)
    if linked is not None:
        cases.reopen(conn, on, case_id)
    else:
        cases.link(conn, case_id, named.case_id)
        journal.happen(conn, on, loaded, CaseLinked(named.case_id, "suggested", _received(event).unverified))
    journal.save(conn, loaded)
    moves.happened(conn, on, loaded, "arrived")
    return Answer(loaded.record.interaction_id, case_id, event.id)


def _beside(door: EntryPoint | None, record: Record) -> EntryPoint:
    """The door to the queue in which the other conversation is."""
    known = door or EntryPoint("", record.channel, record.dialled, "", "", 0, {}, "")
    return replace(known, queue=record.queue or known.queue)


# --- what was written elsewhere ----------------------------------------------------------------------------------


def take_sent(conn: Connection, on: Occasion, event: InteractionEvent, raw: bytes) -> Answer:
    """A letter that somebody of ours wrote in another program, out of our own mailbox: an answer like any other. It
    is filed by what it answers, else with the one open case that its recipient has in that mailbox, or else by
    itself."""
    loaded = _answered(conn, event)
    if loaded is None:
        loaded = _written_first(conn, on, event, raw)
        journal.save(conn, loaded)
        return Answer(loaded.record.interaction_id, loaded.record.case_id, event.id)
    return _join(conn, on, loaded, event, raw)


def _answered(conn: Connection, event: InteractionEvent) -> Loaded | None:
    named = _named(conn, event)
    if named is not None:
        return named.going_on or named.loaded
    mailbox = event.dialled.value if event.dialled else ""
    for message_id in reversed(event.thread.references[1:]):
        loaded = _received_as(conn, event, f"{mailbox}|{message_id[:_LONGEST_ID]}|")
        if loaded is not None:
            going_on = loaded if loaded.record.is_open else joining.open_of_family(conn, loaded.record.case_id)
            return going_on or loaded
    customer = customers.at_point(conn, event.sender or _NOBODY)
    if customer is None:
        return None
    theirs = customers.open_letters(conn, customer.id, event.channel, mailbox)
    return journal.load(conn, next(iter(theirs.values()))) if len(theirs) == 1 else None


def _received_as(conn: Connection, event: InteractionEvent, prefix: str) -> Loaded | None:
    """The conversation in which this mailbox received the message that is answered. A stranger may have used its id
    before: of several the one counts with somebody to whom the answer is written."""
    named = dict.fromkeys(row.interaction_id for row in events.under_id(conn, event.channel, prefix))
    found = [loaded for each in named if (loaded := journal.load(conn, each)) is not None]
    if len(found) <= 1:
        return found[0] if found else None
    body = event.body
    assert isinstance(body, MessageSent)
    to = {address.lower() for address in (*body.to, *body.cc)}
    return next((each for each in found if to & {each.record.point, *each.record.participants}), None)


def _written_first(conn: Connection, on: Occasion, event: InteractionEvent, raw: bytes) -> Loaded:
    """A letter that began a matter: there is nothing in it for anybody to do."""
    customer = _customer(conn, on, event)
    case_id = _new_case(conn, on, event, customer, _door(conn, event))
    loaded = journal.begin(
        conn,
        changed(event, interaction_id=on.new_id(), case_id=case_id, customer_id=customer.id),
        raw,
        None,
        customer_name=customer.name,
        customer_since=customer.first_seen_at,
        case_subject=_subject(event),
    )
    cases.set_status(conn, on, case_id, "closed", "")
    moves.end(conn, on, loaded, "completed")
    return loaded
