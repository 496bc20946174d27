"""A decision becomes an offer, if the database still agrees with what it was made from."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import structlog

from contact_center.domain.agents import has_room
from contact_center.domain.events import ROUTING, Actor, OfferMade
from contact_center.domain.occasion import Occasion
from contact_center.domain.views import OfferRings, OfferView
from contact_center.moves import callbacks, moves
from contact_center.storage import agents, customers, deadlines, journal, offers, queues
from contact_center.storage.announcements import announce
from contact_center.storage.connection import Connection
from contact_center.storage.effects import ConfigChanged, SeatChanged, Waits, tell
from routing import Decision, Policy, Seat, Waiting

log = structlog.get_logger(__name__)


def claim(conn: Connection, on: Occasion, decision: Decision, policy: Policy, latency_us: int) -> str:
    """Makes the offer that ``decision`` asks for and returns its id. Where the interaction waits no more, or the
    agent has no room, nothing is offered: the truth about both is told instead, and the id is empty.

    The agent's row is locked before their load is counted, so that no two nodes fill the same place; the epoch
    fences out a decision made from an older state.
    """
    agent = agents.lock(conn, decision.agent_id)
    loaded = journal.load(conn, decision.interaction_id)
    if loaded is None:
        return ""
    record = loaded.record
    waits = record.state == "waiting" and record.epoch == decision.epoch
    held = agents.load(conn, decision.agent_id) if agent else None
    free = (
        agent is not None
        and held is not None
        and agent.chosen == "ready"
        and not held.wrapping_calls
        and has_room(agent.capacity, held.by_medium, record.medium)
    )
    if not (waits and free) or agent is None:
        if record.state == "waiting":
            tell(conn, Waits(journal.waiting(conn, loaded)))
        if agent is not None and held is not None:
            tell(conn, SeatChanged(agents.seat(agent, held)))
        if agent is None:
            tell(conn, ConfigChanged())  # routing knows somebody who is gone: it must not choose them again and again
        return ""
    offer_id, decision_id = on.new_id(), on.new_id()
    queue = queues.get(conn, record.queue)
    ring_ms = queue.offer_ms if queue and queue.offer_ms else policy.offer_ms[record.medium]
    offers.decide(
        conn,
        decision_id,
        record.interaction_id,
        on.now,
        {**decision.explanation.record(), "why": [asdict(why) for why in decision.why], "latency_us": latency_us},
    )
    journal.happen(conn, on, loaded, OfferMade(offer_id, agent.id, decision_id, on.now + ring_ms), ROUTING)
    journal.save(conn, loaded)
    view = OfferView(
        id=offer_id,
        interaction_id=record.interaction_id,
        case_id=record.case_id,
        medium=record.medium,
        queue=record.queue,
        queue_name=loaded.queue_name,
        subject=loaded.case_subject or record.subject,
        preview=record.preview,
        customer=loaded.customer,
        dialled=record.dialled,
        waiting_since_at=record.virtual_enqueued_at,
        made_at=on.now,
        deadline_at=on.now + ring_ms,
        decision_id=decision_id,
        why=decision.why,
        history=tuple(customers.history(conn, record.customer_id, record.interaction_id))
        if loaded.customer.known
        else (),
        direction=record.direction,
        task=record.task,  # type: ignore[arg-type]  # the fold writes only these words
    )
    offers.add(conn, view, agent.id)
    deadlines.put(conn, on, "offer", offer_id, view.deadline_at)
    announce(conn, on.now, agent.id, OfferRings(view))
    agents.settle(conn, on, agent)
    moves.happened(conn, on, loaded, "offer.made", agent.name)
    return offer_id


def expire(conn: Connection, on: Occasion, offer_id: str) -> None:
    """The offer rang out: the interaction waits on where it stood. An agent who misses offers one after another
    is taken to be away, so that no customer waits for an empty chair."""
    offer = offers.get(conn, offer_id)
    if offer is None or offer.state != "pending":
        return
    agent = agents.lock(conn, offer.agent_id)
    if agent is None:
        return
    actor = Actor("agent", agent.id)
    if moves.decline(conn, on, offer.interaction_id, agent, "expired", "no answer", actor):
        away = agent.chosen == "ready" and offers.missed_in_a_row(conn, agent.id, moves.MISSES)
        if away:
            agents.settle(conn, on, agent, chosen="not_ready", reason="not_responding")
        else:
            agents.settle(conn, on, agent)


def vanish(conn: Connection, on: Occasion, agent_id: str, presence: int) -> bool:
    """The agent's last connection broke and the time to come back is over: what rings ends, written work returns
    to its queue at its place, a live call stays theirs (the line is up). False where they have come back."""
    agent = agents.lock(conn, agent_id)
    if agent is None or agent.presence != presence:
        return False
    for offer in offers.pending_of_agent(conn, agent_id):
        moves.decline(conn, on, offer.interaction_id, agent, "expired", "connection lost", ROUTING)
    for interaction_id in agents.held_ids(conn, agent_id):
        loaded = journal.load(conn, interaction_id)
        if loaded is not None and loaded.record.state == "assigned" and loaded.record.medium != "voice":
            moves.take_from(conn, on, loaded, agent, "vanished", ROUTING)
    agents.settle(conn, on, agent, chosen="offline", reason="connection_lost")
    return True


def settle_agent(conn: Connection, on: Occasion, agent_id: str) -> None:
    """What the agent can be offered, worked out anew."""
    agent = agents.lock(conn, agent_id)
    if agent is not None:
        agents.settle(conn, on, agent)


def facts(conn: Connection) -> tuple[list[Seat], list[Waiting]]:
    """All that routing must know, from the database: at the start, and after a doubt."""
    held = agents.loads(conn)
    nothing = agents.Load({})
    seats = [agents.seat(agent, held.get(agent.id, nothing)) for agent in agents.every(conn)]
    waits = []
    for interaction_id in queues.waiting_ids(conn):
        try:
            loaded = journal.look(conn, interaction_id)
            if loaded is not None and loaded.record.state == "waiting":
                waits.append(journal.waiting(conn, loaded))
        except (TypeError, KeyError, ValueError):  # one record that cannot be read must not keep the others waiting
            log.exception("record_not_readable", interaction_id=interaction_id)
    return seats, waits


def handle_deadline(conn: Connection, on: Occasion, row: Any) -> None:
    """Acts upon a deadline that is due, once."""
    if not deadlines.take(conn, row.id):
        return
    if row.kind == "offer":
        expire(conn, on, row.ref)
    elif row.kind == "presence":
        agent_id, _, presence = row.ref.rpartition("#")
        vanish(conn, on, agent_id, int(presence))
    elif row.kind == "wrap_up":
        moves.time_is_up(conn, on, row.ref)
    elif row.kind == callbacks.CLOSING:
        callbacks.closed(conn, on, row.ref)
    elif row.kind == callbacks.DIRECTED:
        moves.open_to_all(conn, on, row.ref)
    elif row.kind == callbacks.UNSEEN and callbacks.unseen(conn, on, row.ref):
        _wrap_up(conn, on, row.ref, "not allowed")
    elif row.kind == callbacks.DEADLINE and callbacks.due(conn, on, row.ref):
        _wrap_up(conn, on, row.ref, "no news")


def _wrap_up(conn: Connection, on: Occasion, interaction_id: str, reason: str) -> None:
    loaded = journal.load(conn, interaction_id)
    if loaded is not None:
        journal.tell_owner(conn, on, loaded, moves.begin_wrap_up(conn, on, loaded, reason))
