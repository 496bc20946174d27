"""What waits is taken by hand, past routing's choice: by an agent who may, or given to one by a supervisor.

Routing is not asked, but heard: what it knew at that moment, and whom it would have chosen, is kept beside the reason
that the person gave.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from contact_center.desk.verbs import Acting
from contact_center.domain.errors import NotAllowed, NotFound, NotValid, TooLate
from contact_center.domain.events import Actor, RoutingOverridden
from contact_center.domain.occasion import Occasion
from contact_center.moves import moves, taking
from contact_center.storage import agents, journal, offers, queues
from contact_center.storage.connection import Connection
from contact_center.storage.journal import Loaded
from routing import Policy
from routing.seats import fits

REASON_LIMIT = 200


@dataclass(frozen=True, slots=True)
class Pick:
    """``agent_id`` empty is the acting agent. ``explanation`` is what routing says of the interaction as it waits, in
    JSON's terms (empty where this node's routing does not know it)."""

    interaction_id: str
    agent_id: str
    reason: str
    over_capacity: bool
    policy: Policy
    explanation: Mapping[str, Any]


def pick(conn: Connection, on: Occasion, acting: Acting, asked: Pick) -> dict[str, str]:
    """Puts it into the agent's hands at once. Of two who pick, one has it and the other is told who. Past the agent's
    capacity only where that is said, and never a second call into one telephone."""
    reason = " ".join(asked.reason.split())[:REASON_LIMIT]
    if not reason:
        raise NotValid("reason", "Say why: it is kept beside what routing would have done.")
    agent_id = asked.agent_id or acting.agent_id
    loaded = journal.load(conn, asked.interaction_id, beside=(agent_id,))
    agent = agents.lock(conn, agent_id) if agent_id else None
    if agent is None:
        raise NotFound("agent")
    if loaded is None or not _may(conn, acting, agent, loaded):
        raise NotFound("interaction")
    _check_waiting(conn, loaded)
    label = asked.policy.queue(loaded.record.queue).label
    over = _check_room(conn, agent, loaded, label, asked)
    decision_id = on.new_id()
    actor = Actor("agent", acting.agent_id) if acting.agent_id else Actor("hub")
    overridden = {"agent_id": agent.id, "agent_name": agent.name, "by": acting.agent_id or acting.name}
    told = {**_unexplained(on, loaded, asked.policy), **asked.explanation}
    told |= {"overridden": {**overridden, "reason": reason, "over_capacity": over}, "why": [], "latency_us": 0}
    offers.decide(conn, decision_id, loaded.record.interaction_id, on.now, told)
    journal.happen(conn, on, loaded, RoutingOverridden(agent.id, reason, decision_id, over), actor)
    moves.give(conn, on, loaded, agent, actor, label=label, decision_id=decision_id)
    taking.connect(conn, on, loaded, agent)
    moves.happened(conn, on, loaded, "picked", agent.name)
    return {"interaction_id": loaded.record.interaction_id, "decision_id": decision_id}


def _unexplained(on: Occasion, loaded: Loaded, policy: Policy) -> dict[str, Any]:
    """What is kept where routing has not heard of it yet."""
    record = loaded.record
    about = {"at": on.now, "interaction_id": record.interaction_id, "queue": record.queue, "medium": record.medium}
    nobody: dict[str, Any] = {"chosen": None, "considered": 0, "counts": {}, "summary": [], "candidates": []}
    return {**about, "policy": policy.version, **nobody}


def may_pick(conn: Connection, acting: Acting, queue_id: str) -> bool:
    """Whether whoever acts may take from the queue by hand: supervisors, and its members where it says so."""
    if acting.supervises:
        return True
    queue = queues.get(conn, queue_id)
    agent = agents.get(conn, acting.agent_id) if acting.agent_id else None
    return queue is not None and agent is not None and queue.rules.pick == "members" and queue_id in agent.queues


def _may(conn: Connection, acting: Acting, agent: agents.Agent, loaded: Loaded) -> bool:
    """Somebody who may not see what waits is told that there is nothing; who may, but not do this, is told that."""
    if not may_pick(conn, acting, loaded.record.queue):
        return False
    if agent.id != acting.agent_id and not acting.supervises:
        raise NotAllowed("Only a supervisor gives work to somebody else.")
    return True


def _check_waiting(conn: Connection, loaded: Loaded) -> None:
    record = loaded.record
    if record.state == "waiting":
        return
    names = ", ".join(each.name for whose in _whose(loaded) if (each := agents.get(conn, whose)) is not None)
    if record.state == "offered":
        raise TooLate("rings", f"It is ringing at {names} just now.")
    if record.state in agents.IN_HAND:
        raise TooLate("taken", f"{names} has it already.")
    raise TooLate("waits_no_more", "It does not wait any more.")


def _whose(loaded: Loaded) -> list[str]:
    record = loaded.record
    return list(record.ringing.values()) if record.state == "offered" else [record.agent_id]


def _check_room(conn: Connection, agent: agents.Agent, loaded: Loaded, label: str, asked: Pick) -> bool:
    """Whether it goes past what the agent may have. Raises TooLate where that was not said, or cannot be."""
    medium = loaded.record.medium
    if agent.chosen == "offline":
        raise TooLate("not_there", f"{agent.name} is not there.")
    held = agents.load(conn, agent.id)
    if medium == "voice" and (held.by_medium.get("voice", 0) or held.wrapping_calls):
        raise TooLate("busy", f"{agent.name} has a call already.")
    full = fits(agents.seat(agent, held), medium, label, asked.policy)
    if full is None:
        return False
    if not asked.over_capacity:
        raise TooLate("over_capacity", f"{agent.name} has no room for it. It can be given all the same.")
    return True
