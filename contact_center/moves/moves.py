"""Into a queue, out of an offer, back to a queue, into wrap-up, to its end.

Each takes a :class:`Loaded` that the verb has locked, lets the event happen, stores the record and tells the
agents concerned. ``virtual_enqueued_at`` is set when an interaction first waits and never again: nobody loses
their place by being offered, rejected, missed, passed on or given back.
"""

from __future__ import annotations

from typing import Any

from contact_center.domain.events import (
    HUB,
    ROUTING,
    Actor,
    Ended,
    Enqueued,
    InteractionEvent,
    OfferEnded,
    WrapUpStarted,
)
from contact_center.domain.occasion import Occasion
from contact_center.domain.time import Moment
from contact_center.domain.views import OfferOver
from contact_center.storage import agents, deadlines, journal, offers, queues
from contact_center.storage.announcements import announce
from contact_center.storage.connection import Connection
from contact_center.storage.effects import FloorMoved, tell
from contact_center.storage.journal import Loaded
from contact_center.storage.queues import EntryPoint, Queue

FALLBACK_QUEUE = "general"
"""Where work goes whose queue is not configured: it is never turned away, and never lost, for a typing error."""
TOP_PRIORITY = 100
MISSES = 2
"""After so many offers missed in a row an agent is taken to be away."""


def happened(conn: Connection, on: Occasion, loaded: Loaded, code: str, agent_name: str = "") -> None:
    """A line in the supervisors' view of what just happened."""
    record = loaded.record
    line = {
        "at": on.now,
        "code": code,
        "interaction_id": record.interaction_id,
        "case_id": record.case_id,
        "medium": record.medium,
        "queue": record.queue,
        "agent_name": agent_name,
        "customer_name": loaded.customer_name or record.point,
    }
    tell(conn, FloorMoved(record.queue, line))


def enqueue(
    conn: Connection,
    on: Occasion,
    loaded: Loaded,
    queue_id: str,
    *,
    priority: int = 0,
    skills: dict[str, int] | None = None,
    since: Moment | None = None,
    actor: Actor = ROUTING,
) -> None:
    """Puts the interaction into its first queue, with the queue's own priority and skills added. The caller
    saves. ``since`` is where its waiting counts from (a caller has waited through the menu too)."""
    queue = queues.get(conn, queue_id or FALLBACK_QUEUE) or queues.get(conn, FALLBACK_QUEUE)
    needed = {**(queue.skills if queue else {}), **(skills or {})}
    loaded.queue_name = queue.name if queue else FALLBACK_QUEUE
    body = Enqueued(
        queue=queue.id if queue else FALLBACK_QUEUE,
        priority=min(TOP_PRIORITY, priority + (queue.priority if queue else 0)),
        skills=needed,
        virtual_enqueued_at=on.now if since is None else since,
    )
    journal.happen(conn, on, loaded, body, actor)


def enqueue_through(conn: Connection, on: Occasion, loaded: Loaded, door: EntryPoint | None) -> None:
    """Puts the interaction into the queue that its entry point leads to."""
    if door is None:
        enqueue(conn, on, loaded, "")
    else:
        enqueue(conn, on, loaded, door.queue, priority=door.priority, skills=door.skills)


def send_back(
    conn: Connection,
    on: Occasion,
    loaded: Loaded,
    reason: Any,
    actor: Actor = ROUTING,
    queue: Queue | None = None,
) -> None:
    """Back into its queue, or on to another, at the place that it has always had. Saves."""
    record = loaded.record
    if queue is not None:
        loaded.queue_name = queue.name
    body = Enqueued(
        queue=queue.id if queue else record.queue,
        priority=record.priority,
        skills=dict(queue.skills) if queue else dict(record.skills),
        virtual_enqueued_at=record.virtual_enqueued_at,
        reason=reason,
    )
    journal.happen(conn, on, loaded, body, actor)
    journal.save(conn, loaded)


def take_from(
    conn: Connection,
    on: Occasion,
    loaded: Loaded,
    agent: agents.Agent,
    reason: Any,
    actor: Actor,
    queue: Queue | None = None,
) -> None:
    """Takes what the agent has in hand back into a queue, and tells them. The caller settles the agent."""
    send_back(conn, on, loaded, reason, actor, queue)
    journal.tell_left(conn, on, agent.id, loaded, "vanished" if reason == "vanished" else "returned")
    happened(conn, on, loaded, reason, agent.name)


def end_offer(
    conn: Connection,
    on: Occasion,
    loaded: Loaded,
    agent_id: str,
    outcome: Any,
    reason: str = "",
    actor: Actor = ROUTING,
) -> InteractionEvent | None:
    """Ends the pending offer that the interaction is in; None where something else has ended it first. Exactly
    one of accepting, rejecting, expiring and cancelling ever happens. The caller saves."""
    record = loaded.record
    offer_id = record.offer_id
    if not offer_id or not offers.end(conn, offer_id, outcome, on.now):
        return None
    deadlines.drop(conn, "offer", offer_id)
    event = journal.happen(conn, on, loaded, OfferEnded(offer_id, agent_id, outcome, reason[:64]), actor)
    announce(conn, on.now, agent_id, OfferOver(offer_id, record.interaction_id, outcome))
    return event


def decline(
    conn: Connection,
    on: Occasion,
    interaction_id: str,
    agent: agents.Agent,
    outcome: Any,
    reason: str,
    actor: Actor,
) -> bool:
    """The offer was rejected or let ring out: the interaction waits on, where it stood. The caller settles the
    agent."""
    loaded = journal.load(conn, interaction_id)
    if loaded is None or loaded.record.agent_id != agent.id:
        return False
    if end_offer(conn, on, loaded, agent.id, outcome, reason, actor) is None:
        return False
    send_back(conn, on, loaded, outcome)
    happened(conn, on, loaded, f"offer.{outcome}", agent.name)
    return True


def begin_wrap_up(
    conn: Connection, on: Occasion, loaded: Loaded, reason: str, actor: Actor = HUB
) -> InteractionEvent:
    """The exchange is over, the agent's work on it is not. Saves, and settles the agent."""
    event = journal.happen(conn, on, loaded, WrapUpStarted(reason), actor)
    journal.save(conn, loaded)
    agent = agents.lock(conn, loaded.record.agent_id)
    if agent is not None:
        agents.settle(conn, on, agent)
    return event


def abandon(conn: Connection, on: Occasion, loaded: Loaded) -> None:
    """The customer left before anyone served them: whatever rings stops. Saves, and settles the agent."""
    record = loaded.record
    agent_id = record.agent_id if record.state == "offered" else ""
    if agent_id:
        end_offer(conn, on, loaded, agent_id, "cancelled")
    journal.happen(conn, on, loaded, Ended("abandoned"))
    journal.save(conn, loaded)
    happened(conn, on, loaded, "abandoned")
    agent = agents.lock(conn, agent_id) if agent_id else None
    if agent is not None:
        agents.settle(conn, on, agent)
