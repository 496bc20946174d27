"""What agents have in hand who are not there to do it: back to its queue, at its place, by the house's rule.

See :class:`contact_center.domain.absence.Absence`. Whoever is only off duty is asked first, if a console of theirs is
open: their work goes back when they say so, or say nothing. What became of it is in the record, and supervisors see
it happen.
"""

from __future__ import annotations

from typing import Any

from contact_center.domain.absence import SETTING, Absence, absence_of
from contact_center.domain.events import HUB, ROUTING, Actor, HandBackAsked
from contact_center.domain.occasion import Occasion
from contact_center.domain.record import Record
from contact_center.moves import moves
from contact_center.storage import agents, deadlines, journal, offers, settings
from contact_center.storage.connection import Connection
from contact_center.storage.journal import Loaded

GONE = "gone"
OFF_DUTY = "off_duty"
HAND_BACK = "hand_back"
"""Deadlines of an interaction whose agent is not there: gone for good, off duty for too long, asked and silent."""


def rule(conn: Connection) -> Absence:
    return absence_of(settings.get(conn, SETTING, {}))


def _written(record: Record) -> bool:
    """Whether nobody is on the line: then it is work that anybody can go on with later."""
    return record.state == "assigned" and (record.medium != "voice" or record.customer_left)


def vanish(conn: Connection, on: Occasion, agent_id: str, presence: int) -> bool:
    """The agent's last connection broke and the time to come back is over: what rings ends here, and work goes back
    as the rule says. A call stays theirs while they are in it (the line is up); one that still rings at them goes
    back at once. False where they have come back."""
    journal.lock_agents_of(conn, agents.concerning(conn, agent_id), beside=(agent_id,))
    agent = agents.lock(conn, agent_id)
    if agent is None or agent.presence != presence:
        return False
    absence = rule(conn)
    for offer in offers.pending_of_agent(conn, agent_id):
        moves.decline(conn, on, offer, agent, "expired", "connection lost", ROUTING)
    for interaction_id in agents.held_ids(conn, agent_id):
        loaded = journal.load(conn, interaction_id)
        if loaded is not None:
            _left_alone(conn, on, loaded, agent, absence)
    if agent.chosen == "offline":  # they only looked on: nobody signed them off
        agents.settle(conn, on, agent)
    else:
        agents.settle(conn, on, agent, chosen="offline", reason="connection_lost")
    if agent.chosen == "ready":
        goes_off_duty(conn, on, agent_id)
    return True


def _left_alone(conn: Connection, on: Occasion, loaded: Loaded, agent: agents.Agent, absence: Absence) -> None:
    record = loaded.record
    if record.state == "wrap_up":
        if absence.wrap_up_ms:
            deadlines.put(conn, on, GONE, record.interaction_id, on.now + absence.wrap_up_ms)
        return
    if not _written(record):
        ringing = record.call != "connected" and record.direction == "inbound"
        if ringing:
            moves.hand_back(conn, on, loaded, agent, "vanished", ROUTING, cause="no_answer")
        return
    after = absence.gone_ms.get(record.medium)
    if after == 0:
        _take_back(conn, on, loaded, agent, "vanished")
    elif after is not None:
        deadlines.put(conn, on, GONE, record.interaction_id, on.now + after)


def _take_back(conn: Connection, on: Occasion, loaded: Loaded, agent: agents.Agent, reason: Any) -> None:
    moves.take_from(conn, on, loaded, agent, reason, ROUTING, cause="no_answer")


def _held(conn: Connection, interaction_id: str) -> tuple[Loaded, agents.Agent] | None:
    """The interaction and the agent who has it in hand, both locked, the agent first; None if nobody has it."""
    seen = journal.look(conn, interaction_id)
    agent = agents.lock(conn, seen.record.agent_id) if seen is not None and seen.record.agent_id else None
    loaded = journal.load(conn, interaction_id) if agent is not None else None
    if agent is None or loaded is None or loaded.record.agent_id != agent.id:
        return None
    return (loaded, agent) if loaded.record.state in agents.IN_HAND else None


def gone_for_good(conn: Connection, on: Occasion, interaction_id: str) -> None:
    """Its agent has been gone for as long as work of its medium waits for them."""
    found = _held(conn, interaction_id)
    if found is None or found[1].here or found[1].chosen == "ready":
        return
    loaded, agent = found
    if loaded.record.state == "wrap_up":
        moves.time_is_up(conn, on, interaction_id)
    elif _written(loaded.record):
        _take_back(conn, on, loaded, agent, "vanished")
        agents.settle(conn, on, agent)


def goes_off_duty(conn: Connection, on: Occasion, agent_id: str) -> None:
    """The agent was ready and is no more: from now on it counts how long their work has nobody to do it."""
    absence = rule(conn)
    if not absence.off_duty_ms:
        return
    for interaction_id in agents.held_ids(conn, agent_id):
        loaded = journal.look(conn, interaction_id)
        if loaded is not None and _written(loaded.record) and loaded.record.medium in absence.off_duty_ms:
            due_at = on.now + absence.off_duty_ms[loaded.record.medium]
            deadlines.put(conn, on, OFF_DUTY, interaction_id, due_at)


def comes_on_duty(conn: Connection, on: Occasion, agent_id: str) -> None:
    """The agent is ready again: what they have stays theirs, and nobody asks any more."""
    for interaction_id in agents.held_ids(conn, agent_id):
        loaded = journal.look(conn, interaction_id)
        if loaded is not None and loaded.record.hand_back_at:
            loaded = journal.load(conn, interaction_id)
            if loaded is not None:
                keep(conn, on, loaded, Actor("agent", agent_id))


def off_duty_too_long(conn: Connection, on: Occasion, interaction_id: str) -> None:
    """Its agent has been off duty for too long: they are asked, where they can be, and else it goes back."""
    found = _held(conn, interaction_id)
    if found is None or found[1].chosen == "ready" or not _written(found[0].record):
        return
    loaded, agent = found
    if not agent.here:
        _take_back(conn, on, loaded, agent, "off_duty")
        agents.settle(conn, on, agent)
        return
    until_at = on.now + rule(conn).ask_ms
    event = journal.happen(conn, on, loaded, HandBackAsked(until_at), HUB)
    deadlines.put(conn, on, HAND_BACK, interaction_id, until_at)
    journal.save(conn, loaded)
    journal.tell_owner(conn, on, loaded, event)


def not_answered(conn: Connection, on: Occasion, interaction_id: str) -> None:
    """They were asked whether they keep it, and said nothing."""
    found = _held(conn, interaction_id)
    if found is None or not found[0].record.hand_back_at or not _written(found[0].record):
        return
    loaded, agent = found
    if agent.chosen == "ready":
        keep(conn, on, loaded, Actor("agent", agent.id))
        return
    _take_back(conn, on, loaded, agent, "off_duty")
    agents.settle(conn, on, agent)


def keep(conn: Connection, on: Occasion, loaded: Loaded, actor: Actor) -> None:
    """They keep it; if they stay off duty they are asked again. Saves."""
    record = loaded.record
    deadlines.drop(conn, HAND_BACK, record.interaction_id)
    event = journal.happen(conn, on, loaded, HandBackAsked(0), actor)
    journal.save(conn, loaded)
    journal.tell_owner(conn, on, loaded, event)
    again = rule(conn).off_duty_ms.get(record.medium)
    if again:
        deadlines.put(conn, on, OFF_DUTY, record.interaction_id, on.now + again)
