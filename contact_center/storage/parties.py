"""Which of our people are in calls that are not theirs: their telephones are engaged, so nothing is offered them."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, bindparam, delete, func, select

from contact_center.domain.record import Party
from contact_center.storage.effects import Engaged, tell
from contact_center.storage.schema import call_parties

_THERE = select(call_parties.c.party_id, call_parties.c.agent_id).where(
    call_parties.c.interaction_id == bindparam("interaction")
)
_GONE = delete(call_parties).where(call_parties.c.party_id == bindparam("party"))
_COUNT = select(func.count()).where(call_parties.c.agent_id == bindparam("agent"))
_COUNTS = select(call_parties.c.agent_id, func.count().label("n")).group_by(call_parties.c.agent_id)


def keep(conn: Connection, interaction_id: str, there: Collection[Party]) -> None:
    """``there`` are those of ours who are in the interaction's call now. Whoever came or went is told to routing."""
    known = {row.party_id: row.agent_id for row in conn.execute(_THERE, {"interaction": interaction_id})}
    now = {party.id: party.who for party in there}
    for party_id in known.keys() - now.keys():
        conn.execute(_GONE, {"party": party_id})
        tell(conn, Engaged(known[party_id]))
    for party_id in now.keys() - known.keys():
        row = {"party_id": party_id, "interaction_id": interaction_id, "agent_id": now[party_id]}
        conn.execute(call_parties.insert(), row)
        tell(conn, Engaged(now[party_id]))


def of_agent(conn: Connection, agent_id: str) -> int:
    return conn.execute(_COUNT, {"agent": agent_id}).scalar_one()


def of_everybody(conn: Connection) -> dict[str, int]:
    return {row.agent_id: row.n for row in conn.execute(_COUNTS)}
