"""Into a queue, out of an offer, back to a queue, into wrap-up, to its end.

Each takes a :class:`Loaded` that the verb has locked, lets the event happen, stores the record and tells the
agents concerned. ``virtual_enqueued_at`` is set when an interaction first waits and never again: nobody loses
their place by being offered, rejected, missed, passed on or given back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from contact_center.domain.agents import has_room
from contact_center.domain.events import (
    HUB,
    ROUTING,
    Actor,
    Cause,
    Ended,
    Enqueued,
    InteractionEvent,
    OfferEnded,
    OfferMade,
    Transferred,
    WrappedUp,
    WrapUpStarted,
)
from contact_center.domain.occasion import Occasion
from contact_center.domain.queue_rules import WrapUpRule
from contact_center.domain.record import Party
from contact_center.domain.time import MINUTE, SECOND, Moment
from contact_center.domain.views import OfferOver
from contact_center.moves import callbacks, lines, overflow
from contact_center.recognition import recognise
from contact_center.recognition.recognise import Wanted
from contact_center.storage import agents, cases, deadlines, journal, offers, policies, queues
from contact_center.storage.announcements import announce
from contact_center.storage.connection import Connection
from contact_center.storage.effects import FloorMoved, Waits, tell
from contact_center.storage.journal import Loaded
from contact_center.storage.queues import EntryPoint, Queue

FALLBACK_QUEUE = "general"
"""Where work goes whose queue is not configured: it is never turned away, and never lost, for a typing error."""
TOP_PRIORITY = 100
DIRECTED_CALL_MS = 45 * SECOND
"""How long a caller, who hears music meanwhile, waits for the one agent whom they were sent to."""
DIRECTED_MS = 10 * MINUTE
"""The same of what nobody waits for at a telephone."""


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
    skills: Mapping[str, int] | None = None,
    since: Moment | None = None,
    actor: Actor = ROUTING,
    only_agent: str = "",
) -> None:
    """Puts the interaction into its first queue, with the queue's own priority and skills added, and those of what
    the house takes the customer for. The caller saves. ``since`` is where its waiting counts from (a caller has
    waited through the menu too); whoever was in this queue a short while ago has the place that they had then."""
    if loaded.standing.segment and (segment := policies.segment(conn, loaded.standing.segment)):
        priority, skills = priority + segment["priority"], {**segment["skills"], **(skills or {})}
    asked = Wanted(queue_id or FALLBACK_QUEUE, priority, skills or {})
    queue_id, priority, skills = recognise.at_enqueue(conn, on, loaded, asked, directed=bool(only_agent))
    queue = queues.get(conn, queue_id) or queues.get(conn, FALLBACK_QUEUE)
    needed = {**(queue.skills if queue else {}), **skills}
    loaded.queue_name = queue.name if queue else FALLBACK_QUEUE
    body = Enqueued(
        queue=queue.id if queue else FALLBACK_QUEUE,
        priority=min(TOP_PRIORITY, priority + (queue.priority if queue else 0)),
        skills=needed,
        virtual_enqueued_at=_place(conn, on, loaded, queue, on.now if since is None else since),
        only_agent=only_agent,
        directed_by="flow" if only_agent else "",
        policy=queue.rules.policy if queue else "",
    )
    journal.happen(conn, on, loaded, body, actor)
    overflow.consider(conn, on, loaded)


def _place(conn: Connection, on: Occasion, loaded: Loaded, queue: Queue | None, since: Moment) -> Moment:
    kept = loaded.record.virtual_enqueued_at or callbacks.place_of(conn, on, loaded, queue.id if queue else "")
    return min(kept, since) if kept else since


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
    only_agent: str = "",
    cause: Cause = "",
) -> None:
    """Back into its queue (or into that which what people said of it leads to), or on to another, or to one agent, at
    the place that it has always had. Saves. ``cause`` is why it came to nothing at the agent who had it in hand."""
    record = loaded.record
    bound_for = queues.get(conn, record.bound_for) if queue is None and record.bound_for else None
    if into := queue or bound_for:
        loaded.queue_name = into.name
    if only_agent:
        live = record.medium == "voice" and not record.task
        opens_at = on.now + (DIRECTED_CALL_MS if live else DIRECTED_MS)
        deadlines.put(conn, on, callbacks.DIRECTED, record.interaction_id, opens_at)
    body = Enqueued(
        queue=into.id if into else record.queue,
        priority=record.priority,
        skills=dict(queue.skills) if queue else dict(record.skills),
        virtual_enqueued_at=record.virtual_enqueued_at or record.started_at,
        reason=reason,
        only_agent=only_agent,
        directed_by=actor.id if only_agent else "",
        cause=cause,
        policy=into.rules.policy if into else "",
    )
    journal.happen(conn, on, loaded, body, actor)
    if into is not None:
        overflow.consider(conn, on, loaded)
    journal.save(conn, loaded)


def open_to_all(conn: Connection, on: Occasion, interaction_id: str) -> None:
    """What was sent to one agent alone, who has not come to it, is anybody's now, at the place that it has."""
    loaded = journal.load(conn, interaction_id)
    if loaded is not None and loaded.record.state == "waiting" and loaded.record.only_agent:
        send_back(conn, on, loaded, "rescinded")
        tell(conn, Waits(journal.waiting(conn, loaded)))


def give(
    conn: Connection,
    on: Occasion,
    loaded: Loaded,
    agent: agents.Agent,
    actor: Actor,
    party_id: str = "",
    label: str | None = None,
    decision_id: str = "",
) -> None:
    """Into the agent's hands, past routing. Saves, tells them, and settles them. It goes on counting as what it did,
    unless a ``label`` is given. ``decision_id`` has why, where somebody said."""
    offer_id = on.new_id()
    counts_as = loaded.record.label if label is None else label
    journal.happen(conn, on, loaded, OfferMade(offer_id, agent.id, decision_id, on.now, counts_as), actor)
    taken = OfferEnded(offer_id, agent.id, "accepted", party_id=party_id)
    event = journal.happen(conn, on, loaded, taken, Actor("agent", agent.id))
    journal.save(conn, loaded)
    journal.tell_owner(conn, on, loaded, event, agent.name)
    agents.settle(conn, on, agent)


def may_take_over(conn: Connection, colleague: agents.Agent) -> bool:
    """Whether a colleague who is in a call already has room to have it in hand."""
    held = agents.load(conn, colleague.id).by_medium
    return has_room(colleague.capacity, {**held, "voice": held.get("voice", 0) - 1}, "voice")  # this call is one


def hand_over(
    conn: Connection, on: Occasion, loaded: Loaded, me: agents.Agent, party: Party, colleague: agents.Agent
) -> None:
    """From one agent to another who is in the call already: nobody hears music any more. Saves, tells and settles
    both."""
    actor = Actor("agent", me.id)
    if loaded.record.held:
        lines.ask(conn, on, loaded, "hold", mode="off")
    journal.happen(conn, on, loaded, Transferred(f"agent:{colleague.id}", "warm"), actor)
    give(conn, on, loaded, colleague, actor, party.id)
    journal.tell_left(conn, on, me.id, loaded, "transferred")
    agents.settle(conn, on, me)
    happened(conn, on, loaded, "transferred", me.name)


def take_from(
    conn: Connection,
    on: Occasion,
    loaded: Loaded,
    agent: agents.Agent,
    reason: Any,
    actor: Actor,
    queue: Queue | None = None,
    only_agent: str = "",
    cause: Cause = "rejected",
) -> None:
    """Takes what the agent has in hand back into a queue, and tells them. The caller settles the agent."""
    send_back(conn, on, loaded, reason, actor, queue, only_agent, cause)
    known = {"vanished": "vanished", "transferred": "transferred", "off_duty": "off_duty"}
    journal.tell_left(conn, on, agent.id, loaded, known.get(reason, "returned"))
    happened(conn, on, loaded, reason, agent.name)


def hand_back(
    conn: Connection,
    on: Occasion,
    loaded: Loaded,
    agent: agents.Agent,
    reason: Any,
    actor: Actor,
    queue: Queue | None = None,
    only_agent: str = "",
    cause: Cause = "rejected",
) -> None:
    """Out of the agent's hands, into a queue or to one colleague. A caller stays on the line and hears music. The
    caller of this settles the agent."""
    record = loaded.record
    live = record.medium == "voice" and not record.customer_left
    if live:
        lines.drop_agent(conn, on, loaded)
        lines.drop_parties(conn, on, loaded)
    take_from(conn, on, loaded, agent, reason, actor, queue, only_agent, cause)
    if live and record.thread_key:
        lines.tell(conn, on, loaded, lines.please_hold(record.language, record.epoch, lines.PASSED_ON))


def end_offer(
    conn: Connection,
    on: Occasion,
    loaded: Loaded,
    offer_id: str,
    agent_id: str,
    outcome: Any,
    reason: str = "",
    actor: Actor = ROUTING,
    *,
    by: agents.Agent | None = None,
    cause: Cause = "",
) -> InteractionEvent | None:
    """Ends one pending offer of the interaction; None where something else has ended it first. Exactly one of
    accepting, rejecting, expiring, cancelling and rescinding ever happens to it. ``by`` is who was first, where
    somebody was. The caller saves."""
    if not offers.end(conn, offer_id, outcome, on.now):
        return None
    deadlines.drop(conn, "offer", offer_id)
    ended = OfferEnded(offer_id, agent_id, outcome, reason[:64], by=by.id if by else "", cause=cause)
    event = journal.happen(conn, on, loaded, ended, actor)
    over = OfferOver(offer_id, loaded.record.interaction_id, outcome, by.name if by else "")
    announce(conn, on.now, agent_id, over)
    return event


def stop_ringing(
    conn: Connection,
    on: Occasion,
    loaded: Loaded,
    reason: str = "",
    outcome: Literal["cancelled", "rescinded"] = "cancelled",
) -> list[str]:
    """Whatever rings for the interaction stops, wherever it rings: nobody is to have it any more. Gives the agents,
    whom the caller settles (:func:`settle_each`) after it has saved."""
    ringing = loaded.record.ringing if loaded.record.state == "offered" else {}
    for offer_id, agent_id in sorted(ringing.items(), key=lambda each: each[1]):
        end_offer(conn, on, loaded, offer_id, agent_id, outcome, reason)
    return sorted(ringing.values())


def settle_each(conn: Connection, on: Occasion, agent_ids: Iterable[str]) -> None:
    """Each agent's state, worked out anew. In the order of their ids, so that no two transactions wait for each
    other."""
    for agent_id in sorted(agent_ids):
        agent = agents.lock(conn, agent_id)
        if agent is not None:
            agents.settle(conn, on, agent)


def decline(
    conn: Connection,
    on: Occasion,
    offer: Any,
    agent: agents.Agent,
    outcome: Literal["rejected", "expired"],
    reason: str,
    actor: Actor,
) -> bool:
    """The offer (its row) was rejected or let ring out: the interaction goes on ringing elsewhere, or waits on where
    it stood. The caller settles the agent."""
    loaded = journal.load(conn, offer.interaction_id)
    if loaded is None or offer.id not in loaded.record.ringing:
        return False
    cause: Cause = "rejected" if outcome == "rejected" else "no_answer"
    if end_offer(conn, on, loaded, offer.id, agent.id, outcome, reason, actor, cause=cause) is None:
        return False
    if loaded.record.ringing:
        journal.save(conn, loaded)
    else:
        send_back(conn, on, loaded, outcome)
    happened(conn, on, loaded, f"offer.{outcome}", agent.name)
    return True


def begin_wrap_up(
    conn: Connection, on: Occasion, loaded: Loaded, reason: str, actor: Actor = HUB
) -> InteractionEvent:
    """The exchange is over, the agent's work on it is not, if the queue wants it so. Saves, and settles the agent.
    Where nobody asked for after-call work, the interaction is over."""
    record = loaded.record
    queue = queues.get(conn, record.queue) if record.medium == "voice" else None
    rule = queue.rules.wrap_up if queue else WrapUpRule()
    unasked = rule.mode == "asked" and not record.wrap_up_asked
    ends_itself = bool(rule.ms) and rule.mode in ("timed", "forced", "asked") and not unasked
    until_at = on.now + rule.ms if ends_itself else 0
    event = journal.happen(conn, on, loaded, WrapUpStarted(reason, rule.mode, until_at), actor)
    if until_at:
        deadlines.put(conn, on, "wrap_up", record.interaction_id, until_at)
    journal.save(conn, loaded)
    if unasked:
        finish_work(conn, on, loaded, rule.disposition, "", rule.case_status)
        return event
    agent = agents.lock(conn, record.agent_id)
    if agent is not None:
        agents.settle(conn, on, agent)
    return event


def finish_work(
    conn: Connection,
    on: Occasion,
    loaded: Loaded,
    disposition: str,
    note: str,
    case_status: Any,
    actor: Actor = HUB,
) -> None:
    """The agent is done with it. Saves, tells them, and settles them."""
    record = loaded.record
    agent = agents.lock(conn, record.agent_id)
    if disposition or not record.disposition:
        journal.happen(conn, on, loaded, WrappedUp(disposition[:64] or "none", note, case_status), actor)
    deadlines.drop(conn, "wrap_up", record.interaction_id)
    cases.set_status(conn, on, record.case_id, case_status, record.agent_id)
    end(conn, on, loaded, "wrapped_up", actor)  # which opens the case again where we owe a call
    if agent is not None:
        journal.tell_left(conn, on, agent.id, loaded, "wrapped_up")
        agents.settle(conn, on, agent)
        happened(conn, on, loaded, "wrapped_up", agent.name)


def time_is_up(conn: Connection, on: Occasion, interaction_id: str) -> None:
    """After-call work that ends by itself has ended; what the agent said of it meanwhile counts."""
    loaded = journal.load(conn, interaction_id)
    if loaded is None or loaded.record.state != "wrap_up":
        return
    record = loaded.record
    queue = queues.get(conn, record.queue)
    rule = queue.rules.wrap_up if queue else WrapUpRule()
    said = record.disposition
    status = record.wrapped_case_status or rule.case_status
    finish_work(conn, on, loaded, "" if said else rule.disposition, "", status)


def end(conn: Connection, on: Occasion, loaded: Loaded, reason: Any, actor: Actor = HUB) -> None:
    """The interaction is over; a call that it leaves us owing begins. Saves."""
    journal.happen(conn, on, loaded, Ended(reason), actor)
    journal.save(conn, loaded)
    if callbacks.settle_debt(conn, on, loaded) is not None:
        cases.reopen(conn, on, loaded.record.case_id)


def abandon(conn: Connection, on: Occasion, loaded: Loaded) -> None:
    """The customer left before anyone served them: whatever rings stops. Saves, and settles the agents."""
    waited = loaded.record.state in ("waiting", "offered")
    rang = stop_ringing(conn, on, loaded)
    if waited:
        callbacks.after_abandon(conn, on, loaded)
    lines.drop_parties(conn, on, loaded)
    end(conn, on, loaded, "abandoned")
    happened(conn, on, loaded, "abandoned")
    settle_each(conn, on, rang)
