"""The floor as supervisors see it: queues, agents, what waits, what today has brought."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from sqlalchemy import Connection, func, select

from contact_center.domain.time import Moment
from contact_center.domain.views import FloorAgent, HandView, QueueView
from contact_center.storage import agents, queues
from contact_center.storage.schema import customers, events, interactions

_OPEN = select(
    interactions.c.id,
    interactions.c.case_id,
    interactions.c.medium,
    interactions.c.state,
    interactions.c.queue,
    interactions.c.agent_id,
    interactions.c.record,
    customers.c.name,
).join_from(interactions, customers, customers.c.id == interactions.c.customer_id)


def queue_views(conn: Connection, now: Moment, midnight: Moment) -> list[QueueView]:
    """Each queue now, and today since ``midnight``. A contact counts for today if it was first queued today."""
    held = agents.loads(conn)
    nothing = agents.Load({})
    people = agents.every(conn)
    able: dict[str, int] = defaultdict(int)
    ready: dict[str, int] = defaultdict(int)
    for agent in people:
        for queue_id in agent.queues:
            if agent.chosen != "offline":
                able[queue_id] += 1
            if agent.state == "ready" or (
                agent.chosen == "ready" and agent.state == "reserved" and not held.get(agent.id, nothing).live
            ):
                ready[queue_id] += 1
    waiting: dict[str, list[Any]] = defaultdict(list)
    offered: dict[str, int] = defaultdict(int)
    in_hand: dict[str, int] = defaultdict(int)
    rows = conn.execute(
        select(interactions.c.queue, interactions.c.state, interactions.c.medium, interactions.c.record).where(
            interactions.c.state.in_(("waiting", "offered", "assigned", "wrap_up"))
        )
    )
    for row in rows:
        if row.state == "waiting":
            waiting[row.queue].append(row)
        elif row.state == "offered":
            offered[row.queue] += 1
        else:
            in_hand[row.queue] += 1
    today = _today(conn, midnight)
    views = []
    for queue in queues.every(conn):
        wait = waiting[queue.id]
        by_medium: dict[str, int] = defaultdict(int)
        for row in wait:
            by_medium[row.medium] += 1
        waits = today.get(queue.id, [])
        answered = [w for w in waits if w[0] == "answered"]
        views.append(
            QueueView(
                id=queue.id,
                name=queue.name,
                waiting=len(wait),
                oldest_waiting_at=min((r.record["virtual_enqueued_at"] for r in wait), default=None),
                offered=offered[queue.id],
                in_hand=in_hand[queue.id],
                ready=ready[queue.id],
                able=able[queue.id],
                target_ms=queue.target_ms,
                offered_today=len(waits),
                answered_today=len(answered),
                within_target_today=sum(1 for w in answered if w[1] <= queue.target_ms),
                abandoned_today=sum(1 for w in waits if w[0] == "abandoned"),
                waiting_by_medium=dict(by_medium),
            )
        )
    return views


def _today(conn: Connection, midnight: Moment) -> dict[str, list[tuple[str, int]]]:
    """Queue → (outcome, waited ms) of each interaction that began today: ``answered``, ``abandoned`` or still
    ``open``."""
    found: dict[str, list[tuple[str, int]]] = defaultdict(list)
    rows = conn.execute(
        select(interactions.c.queue, interactions.c.record).where(interactions.c.started_at >= midnight)
    )
    for row in rows:
        record = row.record
        if not record["queue"]:
            continue
        first = next((s for s in record["segments"] if s["kind"] == "talk"), None)
        if first is not None:
            found[row.queue].append(("answered", first["started_at"] - record["virtual_enqueued_at"]))
        elif record["ended_reason"] == "abandoned":
            found[row.queue].append(("abandoned", record["ended_at"] - record["virtual_enqueued_at"]))
        else:
            found[row.queue].append(("open", 0))
    return found


def floor_agents(conn: Connection) -> list[FloorAgent]:
    """Every agent with what is in their hands."""
    hands: dict[str, list[HandView]] = defaultdict(list)
    held = _OPEN.where(interactions.c.state.in_(agents.HELD), interactions.c.agent_id != "")
    for row in conn.execute(held.order_by(interactions.c.started_at)):
        record = row.record
        since = record["segments"][-1]["started_at"] if record["segments"] else record["started_at"]
        hands[row.agent_id].append(
            HandView(row.id, row.case_id, row.medium, row.state, since, row.name or record["point"], row.queue)
        )
    loads = agents.loads(conn)
    nothing = agents.Load({})
    return [
        FloorAgent(agents.view(agent, loads.get(agent.id, nothing)), tuple(hands[agent.id]))
        for agent in agents.every(conn)
    ]


def sizes(conn: Connection) -> dict[str, int]:
    """How much there is, for /metrics."""
    rows = conn.execute(
        select(interactions.c.state, func.count().label("n"))
        .where(interactions.c.state != "ended")
        .group_by(interactions.c.state)
    )
    waiting: dict[str, int] = {row.state: row.n for row in rows}
    last = conn.execute(select(func.max(events.c.seq))).scalar() or 0
    return {"events": last, **{f"interactions_{state}": n for state, n in waiting.items()}}
