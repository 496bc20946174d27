"""Calls that we owe: promised in the queue or by an agent, or due to somebody who hung up while they waited.

What is owed is an interaction of its own on the same case, a call that we place. It waits in its queue at the
place that the customer had; when an agent takes it, the agent is rung first and then the customer.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from contact_center.domain.contact_points import ContactPoint
from contact_center.domain.dialling import number_of
from contact_center.domain.events import (
    HUB,
    ROUTING,
    CallbackAsked,
    CallbackTried,
    CallLeg,
    CallPlaced,
    CustomerLeft,
    Ended,
    Enqueued,
    InteractionEvent,
    RecordingAsked,
    Thread,
    VoicemailReceived,
)
from contact_center.domain.occasion import Occasion
from contact_center.domain.queue_rules import DEFAULT_RULES, CallbackRule, QueueRules
from contact_center.domain.record import Record
from contact_center.domain.time import MINUTE, SECOND, Moment
from contact_center.moves import lines
from contact_center.storage import agents, deadlines, interactions_of, journal, queues, settings
from contact_center.storage.connection import Connection
from contact_center.storage.journal import Loaded

DAY_MINUTES = 24 * 60
DEADLINE = "callback"
DIRECTED = "directed"
"""The deadline after which what was sent to one agent is anybody's."""
CLOSING = "callback_closing"
"""When nobody is called any more today."""
FIRST_MS = 10 * MINUTE
"""How long a call waits for the agent who promised it, while they are there; then it is anybody's."""
NO_NEWS_MS = 2 * MINUTE
"""How long a call that was placed may leave us without any news of it."""
UNSEEN = "callback_unseen"
"""The deadline after which whoever has picked up is taken to be in the room, though nobody told us."""
UNSEEN_MS = 10 * SECOND
LOOK_AGAIN_MS = 5 * MINUTE


def rules(conn: Connection, queue_id: str) -> QueueRules:
    queue = queues.get(conn, queue_id)
    return queue.rules if queue else DEFAULT_RULES


def possible(conn: Connection, on: Occasion, number: str, caller: str) -> bool:
    """Whether we could call ``number`` back: it is one, and the dialling policy would let us."""
    return bool(number_of(number)) and lines.may_call(conn, on, number, f"caller:{caller}").allowed


def promise(
    conn: Connection,
    on: Occasion,
    loaded: Loaded,
    number: str,
    reason: Any,
    not_before_at: Moment = 0,
    actor: Any = HUB,
) -> InteractionEvent:
    """We owe a call as soon as this interaction is over. The caller saves."""
    return journal.happen(conn, on, loaded, CallbackAsked(number, reason, not_before_at), actor)


def after_abandon(conn: Connection, on: Occasion, loaded: Loaded) -> None:
    """Somebody hung up while they waited. If they waited long enough to mean it, we call them back."""
    record = loaded.record
    rule = rules(conn, record.queue).callbacks
    waited = on.now - record.virtual_enqueued_at
    if record.direction == "outbound" or record.owed or not rule.after_abandon or waited < rule.abandon_after_ms:
        return
    if record.point_kind == "phone" and possible(conn, on, record.point, record.point):
        promise(conn, on, loaded, record.point, "abandoned")


def settle_debt(conn: Connection, on: Occasion, loaded: Loaded) -> Loaded | None:
    """Begins the call that the interaction, which is over and saved, leaves us owing."""
    record = loaded.record
    if not record.owed or record.is_open or journal.open_of_case(conn, record.case_id) is not None:
        return None
    if record.owed == "voicemail":
        return _listen_to(conn, on, loaded)
    call = place(
        conn,
        on,
        channel=record.channel,
        number=record.number,
        reason=record.owed,
        owed=True,
        point=ContactPoint(record.point_kind, record.point),  # type: ignore[arg-type]
        dialled=record.dialled,
        case_id=record.case_id,
        customer_id=record.customer_id,
        customer_name=loaded.customer_name,
        customer_since=loaded.customer_since,
        subject=loaded.case_subject or record.subject,
    )
    due_at = next_time(conn, rules(conn, record.queue).callbacks, max(on.now, record.not_before_at))
    first = record.agent_id if record.owed == "agent" and (due_at > on.now or _there(conn, record.agent_id)) else ""
    enqueued = Enqueued(
        queue=record.queue or "general",
        priority=record.priority,
        skills=dict(record.skills),
        virtual_enqueued_at=record.virtual_enqueued_at or record.started_at,
        reason="callback",
        only_agent=first,
        directed_by=first,
    )
    journal.happen(conn, on, call, enqueued, ROUTING)
    queue = queues.get(conn, record.queue)
    call.queue_name = queue.name if queue else record.queue
    if due_at > on.now:
        _park(conn, on, call, due_at)
    else:
        _watch(conn, on, call)
        journal.save(conn, call)
    return call


def _park(conn: Connection, on: Occasion, loaded: Loaded, until_at: Moment) -> None:
    record = loaded.record
    journal.happen(conn, on, loaded, CallbackAsked(record.number, record.reason, until_at))  # type: ignore[arg-type]
    deadlines.put(conn, on, DEADLINE, record.interaction_id, until_at)
    journal.save(conn, loaded)


def _there(conn: Connection, agent_id: str) -> bool:
    agent = agents.get(conn, agent_id)
    return agent is not None and agent.chosen != "offline"


def _watch(conn: Connection, on: Occasion, loaded: Loaded) -> None:
    """A call that waits does not wait into the night, nor for one agent who does not come."""
    record = loaded.record
    closes_at = closing_time(conn, rules(conn, record.queue).callbacks, on.now)
    if closes_at:
        deadlines.put(conn, on, CLOSING, record.interaction_id, closes_at)
    if record.only_agent:
        deadlines.put(conn, on, DIRECTED, record.interaction_id, on.now + FIRST_MS)


def place(
    conn: Connection,
    on: Occasion,
    *,
    channel: str,
    number: str,
    reason: Any,
    owed: bool,
    point: ContactPoint,
    dialled: str,
    case_id: int,
    customer_id: str,
    customer_name: str,
    customer_since: Moment,
    subject: str,
    actor: Any = HUB,
) -> Loaded:
    """A new interaction that is a call of ours. The caller enqueues or assigns it, and saves."""
    event_id = on.new_id()
    event = InteractionEvent(
        body=CallPlaced(number, reason, owed),
        channel=channel,
        source_id=event_id,
        medium="voice",
        direction="outbound",
        occurred_at=on.now,
        received_at=on.now,
        actor=actor,
        sender=point,
        dialled=ContactPoint("phone", lines.our_number(conn, channel, dialled)),
        thread=Thread(),
        id=event_id,
        interaction_id=on.new_id(),
        case_id=case_id,
        customer_id=customer_id,
    )
    return journal.begin(
        conn,
        event,
        b"",
        None,
        customer_name=customer_name,
        customer_since=customer_since,
        case_subject=subject,
    )


def _listen_to(conn: Connection, on: Occasion, loaded: Loaded) -> Loaded:
    """Somebody left words: to hear them and to act on them is work, in the queue that they were left for."""
    record = loaded.record
    body = VoicemailReceived(**record.voicemail)
    door = queues.entry_point(conn, record.channel, record.dialled)
    named = (body.queue, record.queue, door.queue if door else "")  # who never came to a queue has that of the door
    queue = next((found for name in named if name and (found := queues.get(conn, name))), None)
    event_id = on.new_id()
    event = InteractionEvent(
        body=body,
        channel=record.channel,
        source_id=event_id,
        medium="other",
        direction="inbound",
        occurred_at=on.now,
        received_at=on.now,
        sender=ContactPoint(record.point_kind, record.point),  # type: ignore[arg-type]
        dialled=ContactPoint("other", record.dialled),
        id=event_id,
        interaction_id=on.new_id(),
        case_id=record.case_id,
        customer_id=record.customer_id,
    )
    work = journal.begin(
        conn,
        event,
        b"",
        None,
        customer_name=loaded.customer_name,
        customer_since=loaded.customer_since,
        case_subject=loaded.case_subject or record.subject,
    )
    waits = Enqueued(
        queue=queue.id if queue else "general",
        priority=record.priority or (queue.priority if queue else 0),
        skills=dict(queue.skills) if queue else {},
        virtual_enqueued_at=record.virtual_enqueued_at or record.started_at,
    )
    journal.happen(conn, on, work, waits, ROUTING)
    work.queue_name = queue.name if queue else "general"
    journal.save(conn, work)
    return work


def next_time(conn: Connection, rule: CallbackRule, at: Moment) -> Moment:
    """``at``, or the next moment of the day at which we call people."""
    there = _clock(conn, at)
    earliest, latest = rule.earliest % DAY_MINUTES, rule.latest
    minute = there.hour * 60 + there.minute
    if _within(minute, earliest, latest):
        return at
    return max(at, _next(there, earliest))


def closing_time(conn: Connection, rule: CallbackRule, at: Moment) -> Moment:
    """When the hours of the day at which we call people end, ``at`` being one of them; 0 for never."""
    if rule.earliest % DAY_MINUTES == rule.latest % DAY_MINUTES:
        return 0
    return _next(_clock(conn, at), rule.latest % DAY_MINUTES)


def _clock(conn: Connection, at: Moment) -> datetime:
    return datetime.fromtimestamp(at / SECOND, ZoneInfo(settings.get(conn, "time_zone", "UTC")))


def _next(there: datetime, minute: int) -> Moment:
    """The next moment after ``there`` at which the clock on the wall shows ``minute``."""
    day = there.replace(hour=minute // 60, minute=minute % 60, second=0, microsecond=0, fold=0)
    if there.hour * 60 + there.minute >= minute:
        day += timedelta(days=1)
    return int(day.timestamp()) * SECOND


def _within(minute: int, earliest: int, latest: int) -> bool:
    if earliest == latest % DAY_MINUTES:
        return True
    if earliest < latest:
        return earliest <= minute < latest
    return minute >= earliest or minute < latest


def due(conn: Connection, on: Occasion, interaction_id: str) -> bool:
    """The time has come: the call waits in its queue, at the place that it has always had. True where an attempt
    was under way of which there has been no news, and that the agent has to wrap up."""
    loaded = journal.load(conn, interaction_id)
    if loaded is None:
        return False
    record = loaded.record
    if record.state == "parked":
        later = next_time(conn, rules(conn, record.queue).callbacks, on.now)
        if later > on.now:
            deadlines.put(conn, on, DEADLINE, interaction_id, later)
        else:
            _wait_again(conn, on, loaded)
    elif record.state == "assigned" and record.direction == "outbound" and record.call in ("connecting", "ringing"):
        return not unreached(conn, on, loaded, "failed", again=False)
    return False


def closed(conn: Connection, on: Occasion, interaction_id: str) -> None:
    """Nobody is called any more today: what waits does so until we call people again. What somebody has in hand is
    looked at again, for it may come back."""
    loaded = journal.load(conn, interaction_id)
    if loaded is None or not loaded.record.task or loaded.record.state in ("parked", "ended"):
        return
    due_at = next_time(conn, rules(conn, loaded.record.queue).callbacks, on.now)
    if loaded.record.state != "waiting":
        deadlines.put(conn, on, CLOSING, interaction_id, on.now + LOOK_AGAIN_MS)
    elif due_at > on.now:
        _park(conn, on, loaded, due_at)
    else:
        _watch(conn, on, loaded)


def _wait_again(conn: Connection, on: Occasion, loaded: Loaded) -> None:
    """Whoever promised the call gets it first, if they are there."""
    record = loaded.record
    first = promised_by(record)
    first = first if first and _there(conn, first) else ""
    body = Enqueued(
        queue=record.queue,
        priority=record.priority,
        skills=dict(record.skills),
        virtual_enqueued_at=record.virtual_enqueued_at,
        reason="callback",
        only_agent=first,
        directed_by=first,
    )
    journal.happen(conn, on, loaded, body, ROUTING)
    _watch(conn, on, loaded)
    journal.save(conn, loaded)


def promised_by(record: Record) -> str:
    """The agent who promised the call, until the first attempt; empty for none."""
    return record.directed_by if record.reason == "agent" and not record.attempts else ""


# --- one attempt ------------------------------------------------------------------------------------------------


def ring_customer(conn: Connection, on: Occasion, loaded: Loaded) -> None:
    """The agent is on the line: now the customer is called, if the policy still allows it. The caller saves."""
    record = loaded.record
    by_agent = not record.task
    behalf = f"agent:{record.agent_id}" if by_agent else f"caller:{record.point}"
    verdict = lines.spend(conn, on, record.number, behalf, record.interaction_id)
    if not verdict.allowed:
        journal.happen(conn, on, loaded, CustomerLeft(verdict.words[:200]))
        lines.drop_agent(conn, on, loaded)
        return
    lines.ask(
        conn,
        on,
        loaded,
        "call",
        recipient=ContactPoint("phone", verdict.number),
        offer_id=record.accepted_offer,
        agent_id=record.agent_id,
        longest_ms=lines.longest_ms(conn),
    )
    journal.happen(conn, on, loaded, CallLeg("customer", "ringing"))
    deadlines.put(conn, on, DEADLINE, record.interaction_id, on.now + NO_NEWS_MS)
    deadlines.drop(conn, UNSEEN, record.interaction_id)


def picked_up(conn: Connection, on: Occasion, loaded: Loaded) -> None:
    """The agent, or after them the customer, has answered a call of ours and is on the way into the room. That they
    came there is told once, and such a report can be lost."""
    deadlines.put(conn, on, UNSEEN, loaded.record.interaction_id, on.now + UNSEEN_MS)


def unseen(conn: Connection, on: Occasion, interaction_id: str) -> bool:
    """Nobody told us that they came into the room: it goes on as if. True where the customer may not be called after
    all, and the agent has to wrap up."""
    loaded = journal.load(conn, interaction_id)
    if loaded is None or loaded.record.state != "assigned" or loaded.record.customer_left:
        return False
    record = loaded.record
    if record.call == "connecting" and record.agent_leg:
        ring_customer(conn, on, loaded)
    elif record.call == "ringing" and record.thread_key:
        first = not record.first_response_at
        journal.happen(conn, on, loaded, CallLeg("customer", "joined", record.thread_key))
        talking(conn, on, loaded, first=first)
    else:
        return False
    journal.save(conn, loaded)
    journal.tell_owner(conn, on, loaded, None)
    return record.customer_left


def talking(conn: Connection, on: Occasion, loaded: Loaded, *, first: bool) -> None:
    """Customer and agent hear each other: for the ``first`` time, or again after a transfer. The caller saves."""
    record = loaded.record
    _reached(conn, on, loaded, first=first)
    rule = rules(conn, record.queue).record
    wanted = (rule == "always" and record.consent is not False) or (rule == "consent" and record.consent is True)
    if wanted and not record.recording and not record.recordings:
        lines.ask(conn, on, loaded, "record", mode="start")
        journal.happen(conn, on, loaded, RecordingAsked("start", "policy"))


def was_there(conn: Connection, on: Occasion, loaded: Loaded) -> None:
    """The customer whom we rang leaves before anybody has told us that they came: reports overtake each other. They
    were reached all the same, and are not called again. The caller saves."""
    record = loaded.record
    if record.direction == "outbound" and record.state == "assigned" and record.call == "ringing":
        first = not record.first_response_at
        journal.happen(conn, on, loaded, CallLeg("customer", "joined", record.thread_key))
        _reached(conn, on, loaded, first=first)


def _reached(conn: Connection, on: Occasion, loaded: Loaded, *, first: bool) -> None:
    record = loaded.record
    deadlines.drop(conn, DEADLINE, record.interaction_id)
    deadlines.drop(conn, UNSEEN, record.interaction_id)
    if record.task and first:
        journal.happen(conn, on, loaded, CallbackTried(record.attempts + 1, "reached"))


def unreached(conn: Connection, on: Occasion, loaded: Loaded, outcome: Any, *, again: bool = True) -> bool:
    """Nobody answered. Where we owe the call it is tried again later and the agent is free; else, after the last
    attempt, or where they are on the line to us themselves, the agent wraps up. True where it was parked. Saves, and
    settles the agent."""
    record = loaded.record
    rule = rules(conn, record.queue).callbacks
    attempt = record.attempts + 1
    agent = agents.lock(conn, record.agent_id)
    next_at = 0
    talks = interactions_of.rings_us(conn, record.customer_id, record.channel)
    if again and record.task and attempt < rule.attempts and not talks:
        next_at = next_time(conn, rule, on.now + rule.gap_ms)
    lines.drop_agent(conn, on, loaded)
    journal.happen(conn, on, loaded, CallbackTried(attempt, outcome, next_at))
    if not next_at:
        journal.happen(conn, on, loaded, CustomerLeft(outcome))
        deadlines.drop(conn, DEADLINE, record.interaction_id)
        journal.save(conn, loaded)
        return False
    deadlines.put(conn, on, DEADLINE, record.interaction_id, next_at)
    journal.save(conn, loaded)
    if agent is not None:
        journal.tell_left(conn, on, agent.id, loaded, "parked")
        agents.settle(conn, on, agent)
    return True


# --- the customer is faster -------------------------------------------------------------------------------------


def rang_themselves(conn: Connection, on: Occasion, customer_id: str, channel: str) -> None:
    """The customer calls while we owe them a call: it is no longer owed, unless somebody is about to make it. The
    place that it had is kept (:func:`place_of`)."""
    for interaction_id in interactions_of.owed_calls(conn, customer_id, channel):
        loaded = journal.load(conn, interaction_id)
        if loaded is not None and loaded.record.state in ("parked", "waiting"):
            cancel(conn, on, loaded)


def cancel(conn: Connection, on: Occasion, loaded: Loaded, actor: Any = HUB) -> None:
    """Nobody is called any more. Saves."""
    record = loaded.record
    journal.happen(conn, on, loaded, CallbackTried(record.attempts, "cancelled"), actor)
    journal.happen(conn, on, loaded, Ended("callback"), actor)
    deadlines.drop(conn, DEADLINE, record.interaction_id)
    deadlines.drop(conn, CLOSING, record.interaction_id)
    journal.save(conn, loaded)


def place_of(conn: Connection, on: Occasion, loaded: Loaded, queue_id: str) -> Moment:
    """The place that the customer had in this queue when they were here a short while ago; 0 for none. Whoever drops
    off the line and rings again has lost nothing, nor who writes instead."""
    record = loaded.record
    live = record.medium in ("voice", "sms", "chat") and record.direction == "inbound"
    redial_ms = rules(conn, queue_id).redial_ms if live and loaded.customer.known else 0
    if not redial_ms:
        return 0
    since = on.now - redial_ms
    return interactions_of.place_left(conn, record.customer_id, queue_id, since, but=record.interaction_id)
