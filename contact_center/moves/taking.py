"""Work that comes into an agent's hands: by their accepting it, by itself, or by hand past routing."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable

from contact_center.domain.errors import NotFound, Refusal, TooLate
from contact_center.domain.events import Actor
from contact_center.domain.occasion import Occasion
from contact_center.domain.time import SECOND
from contact_center.moves import lines, moves
from contact_center.storage import agents, journal, offers, outbox, queues
from contact_center.storage.connection import Connection
from contact_center.storage.journal import Loaded

ANSWERS_ITSELF = "answers_itself"
"""The deadline of an offer that is accepted without anybody's doing."""
ANSWERS_ITSELF_MS = 3 * SECOND
"""How long it is announced before: long enough to see and hear what comes."""


def lock_all(conn: Connection, agent_ids: Iterable[str]) -> dict[str, agents.Agent]:
    """The agents, locked in the order of their ids: whoever needs several must take them this way, and before any
    interaction (:func:`journal.load` does, of those whom it concerns and those ``beside``)."""
    found = {agent_id: agents.lock(conn, agent_id) for agent_id in sorted(set(agent_ids))}
    return {agent_id: agent for agent_id, agent in found.items() if agent is not None}


def accept(conn: Connection, on: Occasion, offer_id: str, agent_id: str, reason: str = "") -> dict[str, str]:
    """The agent takes what is offered to them. Where it rings at others too they are told who was first. Exactly one
    of accepting, expiring, cancelling and being too late happens; accepting again gives the first answer."""
    offer = offers.look(conn, offer_id)
    if offer is None or offer.agent_id != agent_id:
        raise NotFound("offer")
    concerned = (agent_id, *offer.view.get("rings_at", ()))
    journal.lock_agents_of(conn, (offer.interaction_id,), beside=concerned)
    locked = lock_all(conn, concerned)
    agent = locked.get(agent_id)
    if agent is None:
        raise NotFound("agent")
    offer = offers.get(conn, offer_id)
    if offer is not None and offer.state == "accepted":
        return {"interaction_id": offer.interaction_id}
    loaded = journal.load(conn, offer.interaction_id) if offer is not None and offer.state == "pending" else None
    if loaded is None or offer_id not in loaded.record.ringing:
        raise TooLate("offer_gone", _over(conn, offer.interaction_id if offer is not None else ""))
    record = loaded.record
    others = {other: whose for other, whose in record.ringing.items() if other != offer_id}
    actor = Actor("agent", agent_id)
    event = moves.end_offer(conn, on, loaded, offer_id, agent_id, "accepted", reason, actor)
    if event is None:
        raise TooLate("offer_gone", _over(conn, record.interaction_id))
    for other, whose in sorted(others.items(), key=lambda each: each[1]):
        moves.end_offer(conn, on, loaded, other, whose, "rescinded", "", actor, by=agent)
    connect(conn, on, loaded, agent)
    journal.save(conn, loaded)
    journal.tell_owner(conn, on, loaded, event, agent.name)
    for whose in (agent_id, *sorted(others.values())):
        if whose in locked:
            agents.settle(conn, on, locked[whose])
    moves.happened(conn, on, loaded, "offer.accepted", agent.name)
    return {"interaction_id": record.interaction_id}


def _over(conn: Connection, interaction_id: str) -> str:
    """What is said to whoever is too late."""
    loaded = journal.look(conn, interaction_id)
    if loaded is None or loaded.record.state not in agents.IN_HAND:
        return "This offer is over."
    owner = agents.get(conn, loaded.record.agent_id)
    return f"{owner.name} was first." if owner else "This offer is over."


def answer_itself(conn: Connection, on: Occasion, offer_id: str) -> None:
    """What was announced to be accepted by itself is, unless nobody is there to see it: then it rings on, and who
    comes back in time may accept it."""
    offer = offers.look(conn, offer_id)
    if offer is None or offer.state != "pending":
        return
    agent = agents.get(conn, offer.agent_id)
    if agent is not None and agent.here:
        with contextlib.suppress(Refusal):  # something else ended it in the same moment
            accept(conn, on, offer_id, agent.id, "answers_itself")


def connect(conn: Connection, on: Occasion, loaded: Loaded, agent: agents.Agent) -> None:
    """The agent's own telephone is brought into the call that has just become theirs; written work needs none."""
    record = loaded.record
    if record.medium != "voice":
        return
    message = lines.outgoing(
        on,
        loaded,
        "connect",
        offer_id=record.accepted_offer,
        agent_id=agent.id,
        agent_address=address_of(agent),
        text=_whisper(conn, loaded),
        longest_ms=lines.longest_ms(conn),
    )
    outbox.put(conn, record.channel, message)


def address_of(agent: agents.Agent) -> str:
    """Where the agent's telephone is: their own, or the browser's."""
    return agent.address or f"client:{agent.id}"


def _whisper(conn: Connection, loaded: Loaded) -> str:
    """What the agent hears before they are connected: what the call is about, if the queue wants it said."""
    record = loaded.record
    queue = queues.get(conn, record.queue)
    if queue is None or not queue.rules.whisper:
        return ""
    return f"{queue.name}. {loaded.customer_name}".strip()[:200]
