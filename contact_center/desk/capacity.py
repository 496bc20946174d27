"""How much an agent may have at once, set by a supervisor while they work. Nothing is taken away from anybody."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from contact_center.desk.verbs import Acting, desk_of
from contact_center.domain.errors import NotAllowed
from contact_center.domain.events import Medium
from contact_center.domain.occasion import Occasion
from contact_center.domain.views import AgentView
from contact_center.storage import agents
from contact_center.storage.connection import Connection


def set_capacity(
    conn: Connection,
    on: Occasion,
    acting: Acting,
    agent_id: str,
    capacity: Mapping[Medium, int] | None = None,
    most: int | None = None,
    most_of: Mapping[str, int] | None = None,
) -> AgentView:
    """What is given stands in place of the configuration, whatever is applied meanwhile; what is None is as it is
    configured. All of it None takes back what was said before."""
    if not acting.supervises:
        raise NotAllowed("Only a supervisor sets what somebody may have at once.")
    desk_of(conn, agent_id)
    given: dict[str, Any] = {"capacity": capacity, "most": most, "most_of": most_of}
    said = {name: value for name, value in given.items() if value is not None}
    if said:
        said |= {"by": acting.name or acting.agent_id or acting.role, "at": on.now}
    agents.say_capacity(conn, agent_id, said)
    return agents.settle(conn, on, desk_of(conn, agent_id))
