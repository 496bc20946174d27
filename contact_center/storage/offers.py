"""Offers: routing's proposals to one agent, and the decisions behind them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, bindparam, select

from contact_center.domain.time import Moment
from contact_center.domain.views import OfferView
from contact_center.storage.schema import decisions, offers

_INSERT = offers.insert()
_DECIDED = decisions.insert()
_END = (
    offers.update()
    .where(offers.c.id == bindparam("offer"), offers.c.state == "pending")
    .values(state=bindparam("outcome"), ended_at=bindparam("now"))
)
_LOOK = select(offers).where(offers.c.id == bindparam("offer"))
_GET = select(offers).where(offers.c.id == bindparam("offer")).with_for_update()
_PENDING_OF_AGENT = (
    select(offers).where(offers.c.agent_id == bindparam("agent"), offers.c.state == "pending")
).order_by(offers.c.made_at, offers.c.id)


def add(conn: Connection, view: OfferView, agent_id: str, label: str = "") -> None:
    """The offer rings. ``label`` is what it counts as against the agent's ``most_of``."""
    conn.execute(
        _INSERT,
        {
            "id": view.id,
            "interaction_id": view.interaction_id,
            "case_id": view.case_id,
            "agent_id": agent_id,
            "queue": view.queue,
            "medium": view.medium,
            "state": "pending",
            "made_at": view.made_at,
            "deadline_at": view.deadline_at,
            "ended_at": 0,
            "decision_id": view.decision_id,
            "view": view,
            "label": label,
        },
    )


def end(conn: Connection, offer_id: str, outcome: str, now: Moment) -> bool:
    """Ends a pending offer; False where somebody or something else has ended it before."""
    done = conn.execute(_END, {"offer": offer_id, "outcome": outcome, "now": now})
    return bool(done.rowcount)


def look(conn: Connection, offer_id: str) -> Any | None:
    """The offer as it is, without a lock."""
    return conn.execute(_LOOK, {"offer": offer_id}).one_or_none()


def get(conn: Connection, offer_id: str) -> Any | None:
    """The offer, locked: the agents at whom it rings must have been locked before."""
    return conn.execute(_GET, {"offer": offer_id}).one_or_none()


def pending_of_agent(conn: Connection, agent_id: str) -> list[Any]:
    return list(conn.execute(_PENDING_OF_AGENT, {"agent": agent_id}))


def recent(conn: Connection, before: str, most: int, state: str = "", agent_id: str = "") -> list[Any]:
    """Offers, newest first (ids sort by time); ``before`` is the last seen one's id."""
    query = select(offers).order_by(offers.c.id.desc()).limit(most)
    if before:
        query = query.where(offers.c.id < before)
    if state:
        query = query.where(offers.c.state == state)
    if agent_id:
        query = query.where(offers.c.agent_id == agent_id)
    return list(conn.execute(query))


def decide(conn: Connection, decision_id: str, interaction_id: str, at: Moment, data: Any) -> None:
    conn.execute(_DECIDED, {"id": decision_id, "interaction_id": interaction_id, "at": at, "data": data})


def decision(conn: Connection, decision_id: str) -> dict[str, Any] | None:
    row = conn.execute(select(decisions).where(decisions.c.id == decision_id)).one_or_none()
    return None if row is None else {"id": row.id, **row.data}


def missed_in_a_row(conn: Connection, agent_id: str, times: int) -> bool:
    """Whether the agent's last ``times`` offers all rang out. Those that a colleague was faster to take say nothing;
    ``times`` 0 is never."""
    if not times:
        return False
    last = conn.execute(
        select(offers.c.state)
        .where(offers.c.agent_id == agent_id, offers.c.state.not_in(("pending", "rescinded")))
        .order_by(offers.c.ended_at.desc(), offers.c.id.desc())
        .limit(times)
    ).scalars()
    states = list(last)
    return len(states) == times and all(state == "expired" for state in states)
