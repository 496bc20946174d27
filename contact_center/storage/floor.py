"""The floor as supervisors see it: queues, agents, what waits, what today has brought."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from sqlalchemy import Connection, bindparam, case, func, select

from contact_center.domain.record import Party
from contact_center.domain.time import Moment
from contact_center.domain.views import FloorAgent, HandView, QueueView
from contact_center.storage import agents, queues
from contact_center.storage.journal import party_view
from contact_center.storage.schema import OPEN, customers, events, interactions
from contact_center.storage.schema import queues as queues_table

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


_NOW = (
    select(
        interactions.c.queue,
        interactions.c.state,
        interactions.c.medium,
        func.count().label("n"),
        func.min(interactions.c.queued_at).label("oldest"),
    )
    .where(OPEN)
    .group_by(interactions.c.queue, interactions.c.state, interactions.c.medium)
)
_ANSWERED = interactions.c.answered_at > 0
_TODAY = (
    select(
        interactions.c.queue,
        func.count().label("offered"),
        func.sum(case((_ANSWERED, 1), else_=0)).label("answered"),
        func.sum(
            case(
                (_ANSWERED & (interactions.c.answered_at - interactions.c.queued_at <= queues_table.c.target_ms), 1),
                else_=0,
            )
        ).label("within"),
        func.sum(case((~_ANSWERED & (interactions.c.ended_reason == "abandoned"), 1), else_=0)).label("abandoned"),
    )
    .join_from(interactions, queues_table, queues_table.c.id == interactions.c.queue)
    .where(interactions.c.started_at >= bindparam("midnight"))
    .group_by(interactions.c.queue)
)


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
    waiting: dict[str, dict[str, int]] = defaultdict(dict)
    oldest: dict[str, Moment] = {}
    offered: dict[str, int] = defaultdict(int)
    in_hand: dict[str, int] = defaultdict(int)
    for row in conn.execute(_NOW):
        if row.state == "waiting":
            waiting[row.queue][row.medium] = row.n
            oldest[row.queue] = min(row.oldest, oldest.get(row.queue, row.oldest))
        elif row.state == "offered":
            offered[row.queue] += row.n
        elif row.state in ("assigned", "wrap_up"):
            in_hand[row.queue] += row.n
    today = _today(conn, midnight)
    views = []
    for queue in queues.every(conn):
        done = today.get(queue.id)
        views.append(
            QueueView(
                id=queue.id,
                name=queue.name,
                waiting=sum(waiting[queue.id].values()),
                oldest_waiting_at=oldest.get(queue.id),
                offered=offered[queue.id],
                in_hand=in_hand[queue.id],
                ready=ready[queue.id],
                able=able[queue.id],
                target_ms=queue.target_ms,
                offered_today=done.offered if done else 0,
                answered_today=done.answered if done else 0,
                within_target_today=done.within if done else 0,
                abandoned_today=done.abandoned if done else 0,
                waiting_by_medium=waiting[queue.id],
            )
        )
    return views


def _today(conn: Connection, midnight: Moment) -> dict[str, Any]:
    """Queue → how many that began today were queued there (``offered``), ``answered``, ``within`` the queue's target,
    ``abandoned``. Counted by the database: the day's thousandth contact costs the floor no more than its first."""
    return {row.queue: row for row in conn.execute(_TODAY, {"midnight": midnight})}


def floor_agents(conn: Connection) -> list[FloorAgent]:
    """Every agent with what is in their hands."""
    hands: dict[str, list[HandView]] = defaultdict(list)
    held = _OPEN.where(OPEN, interactions.c.state.in_(agents.HELD), interactions.c.agent_id != "")
    for row in conn.execute(held.order_by(interactions.c.started_at)):
        record = row.record
        since = record["segments"][-1]["started_at"] if record["segments"] else record["started_at"]
        live = row.medium == "voice" and row.state == "assigned"
        watching = [party for party in record.get("parties", ()) if party["purpose"] == "supervise"]
        hand = HandView(
            row.id,
            row.case_id,
            row.medium,
            row.state,
            since,
            row.name or record["point"],
            row.queue,
            call=record["call"] if live else None,
            held=live and record.get("held", False),
            watching=tuple([party_view(Party(**p)) for p in watching if p["state"] not in ("left", "failed")]),
        )
        for agent_id in record.get("rings", {}).values() or (row.agent_id,):
            hands[agent_id].append(hand)
    loads = agents.loads(conn)
    nothing = agents.Load({})
    return [
        FloorAgent(agents.view(agent, loads.get(agent.id, nothing)), tuple(hands[agent.id]))
        for agent in agents.every(conn)
    ]


def sizes(conn: Connection) -> dict[str, int]:
    """How much there is, for /metrics."""
    rows = conn.execute(
        select(interactions.c.state, func.count().label("n")).where(OPEN).group_by(interactions.c.state)
    )
    waiting: dict[str, int] = {row.state: row.n for row in rows}
    last = conn.execute(select(func.max(events.c.seq))).scalar() or 0
    return {"events": last, **{f"interactions_{state}": n for state, n in waiting.items()}}
