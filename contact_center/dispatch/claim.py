"""A decision becomes an offer, if the database still agrees with what it was made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

import structlog

from contact_center.domain.events import ROUTING, Actor, OfferMade
from contact_center.domain.occasion import Occasion
from contact_center.domain.record import Record
from contact_center.domain.views import OfferRings, OfferView
from contact_center.moves import absence, callbacks, moves, overflow, taking
from contact_center.storage import agents, customers, deadlines, journal, offers, queues
from contact_center.storage.announcements import announce
from contact_center.storage.connection import Connection
from contact_center.storage.effects import ConfigChanged, SeatChanged, Waits, tell
from contact_center.storage.journal import Loaded
from routing import Decision, Policy
from routing.seats import fits

log = structlog.get_logger(__name__)

NAMED = 3
"""So many of those at whom it rings are named in the line of what just happened."""


def claim(conn: Connection, on: Occasion, decision: Decision, policy: Policy, latency_us: int) -> tuple[str, ...]:
    """Makes the offers that ``decision`` asks for and returns their ids: one, or several that ring at the same time.
    Agents who have no room any more are left out; where nobody has, or the interaction waits no more, nothing is
    offered and the truth about all of them is told instead.

    The agents' rows are locked, in the order of their ids, before what they hold is counted, so that no two nodes
    fill the same place or wait for each other; the epoch fences out a decision made from an older state.
    """
    asked = (decision.agent_id, *decision.others)
    loaded = journal.load(conn, decision.interaction_id, beside=asked)
    locked = taking.lock_all(conn, asked)
    if loaded is None:
        _tell_seats(conn, list(asked), locked)
        return ()
    record = loaded.record
    label = policy.queue(record.queue).label
    free: list[agents.Agent] = []
    if record.state == "waiting" and record.epoch == decision.epoch:
        free = [locked[each] for each in asked if each in locked and _free(conn, locked[each], record, label, policy)]
    rung = {agent.id for agent in free}
    _tell_seats(conn, [agent_id for agent_id in asked if agent_id not in rung], locked)
    if not free:
        if record.state == "waiting":
            tell(conn, Waits(journal.waiting(conn, loaded)))
        return ()
    decision_id = on.new_id()
    told = {**decision.explanation.record(), "why": [asdict(why) for why in decision.why], "latency_us": latency_us}
    offers.decide(conn, decision_id, record.interaction_id, on.now, told)
    views = _views(conn, on, loaded, decision, decision_id, policy, free)
    for view, agent in zip(views, free, strict=True):
        made = OfferMade(view.id, agent.id, decision_id, view.deadline_at, label)
        journal.happen(conn, on, loaded, made, ROUTING)
    journal.save(conn, loaded)
    for view, agent in sorted(zip(views, free, strict=True), key=lambda each: each[1].id):
        offers.add(conn, view, agent.id, label)
        deadlines.put(conn, on, "offer", view.id, view.deadline_at)
        if view.answers_itself_at:
            deadlines.put(conn, on, taking.ANSWERS_ITSELF, view.id, view.answers_itself_at)
        announce(conn, on.now, agent.id, OfferRings(view))
        agents.settle(conn, on, agent)
    moves.happened(conn, on, loaded, "offer.made", _names(free))
    return tuple(view.id for view in views)


def _free(conn: Connection, agent: agents.Agent, record: Record, label: str, policy: Policy) -> bool:
    held = agents.load(conn, agent.id)
    return (
        agent.chosen == "ready"
        and not held.wrapping_calls
        and fits(agents.seat(agent, held), record.medium, label, policy) is None
    )


def _tell_seats(conn: Connection, agent_ids: list[str], locked: Mapping[str, agents.Agent]) -> None:
    """Routing decided from what is so no more, of these agents."""
    for agent_id in agent_ids:
        if agent_id in locked:
            tell(conn, SeatChanged(agents.seat(locked[agent_id], agents.load(conn, agent_id))))
        else:
            tell(conn, ConfigChanged())  # it knows somebody who is gone: it must not choose them again and again


def _names(rung: list[agents.Agent]) -> str:
    names = ", ".join(agent.name for agent in rung[:NAMED])
    return f"{names} +{len(rung) - NAMED}" if len(rung) > NAMED else names


def _views(
    conn: Connection,
    on: Occasion,
    loaded: Loaded,
    decision: Decision,
    decision_id: str,
    policy: Policy,
    rung: list[agents.Agent],
) -> list[OfferView]:
    """What each agent's console shows of the offer. Only the first of several may have it come by itself, and only
    whom routing put first is told why."""
    first = _view(conn, on, loaded, decision_id, policy, rung[0])
    return [
        replace(
            first,
            id=first.id if agent is rung[0] else on.new_id(),
            why=decision.why if agent.id == decision.agent_id else (),
            rings_at=tuple([each.id for each in rung if each is not agent]),
            answers_itself_at=first.answers_itself_at if agent is rung[0] else 0,
        )
        for agent in rung
    ]


def _view(
    conn: Connection, on: Occasion, loaded: Loaded, decision_id: str, policy: Policy, agent: agents.Agent
) -> OfferView:
    record = loaded.record
    queue = queues.get(conn, record.queue)
    ring_ms = queue.offer_ms if queue and queue.offer_ms else policy.offer_ms[record.medium]
    itself = record.medium in policy.queue(record.queue).auto_answer and agent.here
    return OfferView(
        id=on.new_id(),
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
        history=tuple(customers.history(conn, record.customer_id, record.interaction_id))
        if loaded.customer.known
        else (),
        direction=record.direction,
        task=record.task,  # type: ignore[arg-type]  # the fold writes only these words
        recognised=journal.recognised_view(record),
        answers_itself_at=on.now + min(taking.ANSWERS_ITSELF_MS, ring_ms // 2) if itself else 0,
    )


def expire(conn: Connection, on: Occasion, offer_id: str, misses: int) -> None:
    """The offer rang out: the interaction goes on ringing elsewhere, or waits on where it stood. An agent who misses
    ``misses`` offers one after another is taken to be away, so that no customer waits for an empty chair."""
    offer = offers.look(conn, offer_id)
    if offer is None or offer.state != "pending":
        return
    journal.lock_agents_of(conn, (offer.interaction_id,), beside=(offer.agent_id,))
    agent = agents.lock(conn, offer.agent_id)
    if agent is None:
        return
    actor = Actor("agent", agent.id)
    if moves.decline(conn, on, offer, agent, "expired", "no answer", actor):
        away = agent.chosen == "ready" and offers.missed_in_a_row(conn, agent.id, misses)
        if away:
            agents.settle(conn, on, agent, chosen="not_ready", reason="not_responding")
            absence.goes_off_duty(conn, on, agent.id)
        else:
            agents.settle(conn, on, agent)


def settle_agent(conn: Connection, on: Occasion, agent_id: str) -> None:
    """What the agent can be offered, worked out anew."""
    agent = agents.lock(conn, agent_id)
    if agent is not None:
        agents.settle(conn, on, agent)


def handle_deadline(conn: Connection, on: Occasion, row: Any, policy: Policy) -> None:
    """Acts upon a deadline that is due, once. It is taken when those are locked whom it is about, as whoever takes it
    back has them locked too."""
    _lock_for(conn, row)
    if not deadlines.take(conn, row.id):
        return
    if row.kind == "offer":
        expire(conn, on, row.ref, policy.misses_in_a_row)
    elif row.kind == taking.ANSWERS_ITSELF:
        taking.answer_itself(conn, on, row.ref)
    elif row.kind == "presence":
        agent_id, _, presence = row.ref.rpartition("#")
        absence.vanish(conn, on, agent_id, int(presence))
    elif row.kind == absence.GONE:
        absence.gone_for_good(conn, on, row.ref)
    elif row.kind == absence.OFF_DUTY:
        absence.off_duty_too_long(conn, on, row.ref)
    elif row.kind == absence.HAND_BACK:
        absence.not_answered(conn, on, row.ref)
    elif row.kind == "wrap_up":
        moves.time_is_up(conn, on, row.ref)
    elif row.kind == overflow.DEADLINE:
        overflow.case_is_due(conn, on, row.ref)
    elif row.kind == overflow.WATCH:
        overflow.queue_is_due(conn, on, row.ref)
    elif row.kind == callbacks.CLOSING:
        callbacks.closed(conn, on, row.ref)
    elif row.kind == callbacks.DIRECTED:
        moves.open_to_all(conn, on, row.ref)
    elif row.kind == callbacks.UNSEEN and callbacks.unseen(conn, on, row.ref):
        _wrap_up(conn, on, row.ref, "not allowed")
    elif row.kind == callbacks.DEADLINE and callbacks.due(conn, on, row.ref):
        _wrap_up(conn, on, row.ref, "no news")


_OF_AN_OFFER = ("offer", taking.ANSWERS_ITSELF)
_OF_NO_INTERACTION = ("presence", overflow.WATCH)


def _lock_for(conn: Connection, row: Any) -> None:
    if row.kind in _OF_AN_OFFER:
        offer = offers.look(conn, row.ref)
        if offer is not None:
            journal.load(conn, offer.interaction_id, beside=(offer.agent_id,))
    elif row.kind not in _OF_NO_INTERACTION:
        journal.load(conn, row.ref)


def _wrap_up(conn: Connection, on: Occasion, interaction_id: str, reason: str) -> None:
    loaded = journal.load(conn, interaction_id)
    if loaded is not None:
        journal.tell_owner(conn, on, loaded, moves.begin_wrap_up(conn, on, loaded, reason))
