"""Whether anybody sits at an agent's desk."""

from __future__ import annotations

from contact_center.domain.occasion import Occasion
from contact_center.moves import absence
from contact_center.storage import agents, deadlines
from contact_center.storage.connection import Connection


def came(conn: Connection, agent_id: str) -> None:
    """A console of the agent's is connected: no grace period that began before can end in their absence."""
    agents.bump_presence(conn, agent_id, True)


def left(conn: Connection, on: Occasion, agent_id: str) -> None:
    """Their last console is gone: they have the rule's grace to come back."""
    presence = agents.bump_presence(conn, agent_id, False)
    if presence:
        deadlines.put(conn, on, "presence", f"{agent_id}#{presence}", on.now + absence.rule(conn).grace_ms)


def all_gone(conn: Connection, on: Occasion) -> None:
    """After a start nobody is connected yet: whoever was there has the usual time to come back."""
    for agent in agents.every(conn):
        if agent.chosen != "offline":
            left(conn, on, agent.id)


def still_here(conn: Connection, agent_ids: list[str]) -> None:
    """These agents have consoles on this node: a grace period that began when they left another node is void."""
    agents.mark_here(conn, agent_ids)
    for agent_id in agent_ids:
        if deadlines.set_for(conn, "presence", f"{agent_id}#"):
            came(conn, agent_id)
