"""Who did how much of the work, beside how long they were there."""

from __future__ import annotations

from dataclasses import dataclass

from contact_center.domain.fairness import Span, covered_ms, gini, within
from contact_center.domain.time import Millis, Moment
from contact_center.storage import agents, estimates
from contact_center.storage.connection import Connection


@dataclass(frozen=True, slots=True)
class Share:
    """An agent's part in a period. ``there_ms`` they were there for customers, ``away_ms`` signed in and away;
    ``busy_ms`` they had anything in hand (two chats at a time are one stretch). ``occupancy`` is busy by there (None
    for nobody who was there); ``work_share`` and ``presence_share`` are their parts of everybody's."""

    agent_id: str
    name: str
    offers: int
    accepted: int
    rejected: int
    missed: int
    handled: int
    there_ms: Millis
    away_ms: Millis
    busy_ms: Millis
    occupancy: float | None
    work_share: float
    presence_share: float


@dataclass(frozen=True, slots=True)
class Shares:
    """``gini`` is of the occupancies of those who were there: 0 if all were equally busy."""

    since: Moment
    until: Moment
    gini: float
    agents: tuple[Share, ...]


def shares(conn: Connection, since: Moment, until: Moment) -> Shares:
    """Of everybody who was there or had work, by name."""
    names = {agent.id: agent.name for agent in agents.every(conn)}
    offered = estimates.offers_of(conn, since, until)
    busy: dict[str, list[Span]] = {}
    number: dict[str, int] = {}
    for row in estimates.handled(conn, since, until):
        end = row.from_at + row.handled_ms if row.done else until
        span = within((row.from_at, end), since, until)
        if span[1] > span[0]:
            busy.setdefault(row.agent_id, []).append(span)
            number[row.agent_id] = number.get(row.agent_id, 0) + 1
    there: dict[str, list[Span]] = {}
    away: dict[str, list[Span]] = {}
    for row in estimates.presence(conn, since, until):
        span = within((row.began_at, row.ended_at or until), since, until)
        (there if row.state == "there" else away).setdefault(row.agent_id, []).append(span)
    everybody = sorted(
        (offered.keys() | busy.keys() | there.keys()) & names.keys(), key=lambda each: (names[each], each)
    )
    at_work = {each: covered_ms(busy.get(each, ())) for each in everybody}
    present = {each: covered_ms(there.get(each, ())) for each in everybody}
    all_work, all_presence = sum(at_work.values()), sum(present.values())

    def one(agent_id: str) -> Share:
        ends = offered.get(agent_id, {})
        return Share(
            agent_id=agent_id,
            name=names[agent_id],
            offers=sum(ends.values()),
            accepted=ends.get("accepted", 0),
            rejected=ends.get("rejected", 0),
            missed=ends.get("expired", 0),
            handled=number.get(agent_id, 0),
            there_ms=present[agent_id],
            away_ms=covered_ms(away.get(agent_id, ())),
            busy_ms=at_work[agent_id],
            occupancy=min(1.0, at_work[agent_id] / present[agent_id]) if present[agent_id] else None,
            work_share=at_work[agent_id] / all_work if all_work else 0.0,
            presence_share=present[agent_id] / all_presence if all_presence else 0.0,
        )

    found = tuple(one(agent_id) for agent_id in everybody)
    busyness = [share.occupancy for share in found if share.occupancy is not None]
    return Shares(since, until, gini(busyness), found)
