"""An agent's whole desk, read in one snapshot."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, select

from contact_center.domain.views import CustomerBrief, DeskState, OfferView, Past, RecognisedView, Why
from contact_center.storage import agents, journal, offers
from contact_center.storage.schema import agents as agents_table


def offer_view(data: dict[str, Any]) -> OfferView:
    """An offer out of its stored form."""
    seen = data.get("recognised")
    return OfferView(
        **{
            **data,
            "customer": CustomerBrief(**data["customer"]),
            "why": tuple(Why(**why) for why in data["why"]),
            "history": tuple(Past(**past) for past in data["history"]),
            "rings_at": tuple(data.get("rings_at", ())),
            "recognised": RecognisedView(**{**seen, "because": tuple(seen["because"])}) if seen else None,
        }
    )


def desk(conn: Connection, agent_id: str) -> DeskState | None:
    """The desk as of the stream's last number; None for no such agent. All of it from one snapshot."""
    seq = conn.execute(
        select(agents_table.c.stream_seq).where(agents_table.c.id == agent_id, agents_table.c.active == 1)
    ).scalar()
    agent = agents.get(conn, agent_id)
    if seq is None or agent is None:
        return None
    pending = [offer_view(row.view) for row in offers.pending_of_agent(conn, agent_id)]
    work = []
    for interaction_id in agents.held_ids(conn, agent_id):
        loaded = journal.look(conn, interaction_id)
        if loaded is not None and loaded.record.state in ("assigned", "wrap_up"):
            work.append(journal.work_view(loaded))
    work.sort(key=lambda w: (w.assigned_at, w.interaction_id))
    return DeskState(
        seq=seq,
        agent=agents.view(agent, agents.load(conn, agent_id)),
        offers=tuple(pending),
        work=tuple(work),
    )
