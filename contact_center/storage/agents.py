"""Agents: who they are, what they chose, what they hold, and hence what state they are in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import Connection, Integer, String, bindparam, func, literal, select

from contact_center.domain.agents import state_of, waited_for
from contact_center.domain.occasion import Occasion
from contact_center.domain.time import Moment
from contact_center.domain.views import AgentChanged, AgentStateName, AgentView
from contact_center.storage import parties, policies
from contact_center.storage.announcements import announce
from contact_center.storage.effects import FloorMoved, SeatChanged, tell
from contact_center.storage.listed import is_one_of
from contact_center.storage.schema import OPEN, PENDING, agents, interactions, offers
from routing import Seat, fits

HELD = ("offered", "assigned", "wrap_up")


IN_HAND = ("assigned", "wrap_up")


@dataclass(frozen=True, slots=True)
class Agent:
    """``capacity``, ``most`` and ``most_of`` are those in force: what a supervisor said, else what is configured.
    ``capacity_by`` is who said it. ``here``: a console of theirs is open."""

    id: str
    name: str
    public_name: str
    role: str
    address: str
    queues: tuple[str, ...]
    skills: dict[str, int]
    capacity: dict[str, int]
    chosen: str
    reason: str
    state: str
    since_at: Moment
    idle_since_at: Moment
    presence: int
    most: int = 0
    most_of: dict[str, int] = field(default_factory=dict)
    capacity_by: str = ""
    here: bool = False


_ALL = select(agents).where(agents.c.active == 1).order_by(agents.c.name)
_IDS = select(agents.c.id).where(agents.c.active == 1).order_by(agents.c.id)
_THESE = select(agents).where(is_one_of(agents.c.id, "agents"), agents.c.active == 1)
_LOCKED = select(agents).where(agents.c.id == bindparam("agent"), agents.c.active == 1).with_for_update()
# What rings is counted by its offers: one interaction may ring at several agents, and each has it on their mind.
_HOLDS = select(
    interactions.c.agent_id,
    interactions.c.medium,
    interactions.c.state,
    interactions.c.label,
    func.count().label("n"),
).group_by(interactions.c.agent_id, interactions.c.medium, interactions.c.state, interactions.c.label)
_RINGS = select(
    offers.c.agent_id,
    offers.c.medium,
    literal("offered", String(16)).label("state"),
    offers.c.label,
    literal(1, Integer).label("n"),
).where(PENDING)
_LOAD = _HOLDS.where(
    OPEN, interactions.c.agent_id == bindparam("agent"), interactions.c.state.in_(IN_HAND)
).union_all(_RINGS.where(offers.c.agent_id == bindparam("agent")))
_LOADS = _HOLDS.where(OPEN, interactions.c.state.in_(IN_HAND)).union_all(_RINGS)
_LOADS_OF_THESE = _HOLDS.where(
    OPEN, is_one_of(interactions.c.agent_id, "agents"), interactions.c.state.in_(IN_HAND)
).union_all(_RINGS.where(is_one_of(offers.c.agent_id, "agents")))
_UPDATE = (
    agents.update()
    .where(agents.c.id == bindparam("agent"))
    .values(
        chosen=bindparam("new_chosen"),
        reason=bindparam("new_reason"),
        state=bindparam("new_state"),
        since_at=bindparam("new_since"),
        idle_since_at=bindparam("new_idle"),
    )
)


@dataclass(frozen=True, slots=True)
class Load:
    """What an agent holds: all of it by medium and by label, how much of it rings, how many calls are being wrapped
    up."""

    by_medium: dict[str, int]
    offered: int = 0
    wrapping_calls: int = 0
    live: int = 0
    labelled: dict[str, int] = field(default_factory=dict)


def _agent(row: Any) -> Agent:
    said = row.override
    return Agent(
        id=row.id,
        name=row.name,
        public_name=row.public_name,
        role=row.role,
        address=row.address,
        queues=tuple(row.queues),
        skills=row.skills,
        capacity=said.get("capacity", row.capacity),
        chosen=row.chosen,
        reason=row.reason,
        state=row.state,
        since_at=row.since_at,
        idle_since_at=row.idle_since_at,
        presence=row.presence,
        most=said.get("most", row.most),
        most_of=said.get("most_of", row.most_of),
        capacity_by=said.get("by", ""),
        here=bool(row.here),
    )


def lock(conn: Connection, agent_id: str) -> Agent | None:
    """The agent, locked until the transaction ends: whoever counts what they hold must hold this first."""
    row = conn.execute(_LOCKED, {"agent": agent_id}).one_or_none()
    return _agent(row) if row else None


def every(conn: Connection) -> list[Agent]:
    return [_agent(row) for row in conn.execute(_ALL)]


def ids(conn: Connection) -> list[str]:
    return list(conn.execute(_IDS).scalars())


def seats(conn: Connection, agent_ids: Sequence[str]) -> list[Seat]:
    """Those of the agents who are there to be known, as routing sees them, in no order."""
    asked = {"agents": list(agent_ids)}
    held = _by_agent(conn, conn.execute(_LOADS_OF_THESE, asked))
    nothing = Load({})
    return [seat(agent, held.get(agent.id, nothing)) for agent in map(_agent, conn.execute(_THESE, asked))]


def _load_of(rows: list[Any]) -> Load:
    by_medium: dict[str, int] = {}
    labelled: dict[str, int] = {}
    offered = wrapping = live = 0
    for row in rows:
        by_medium[row.medium] = by_medium.get(row.medium, 0) + row.n
        if row.label:
            labelled[row.label] = labelled.get(row.label, 0) + row.n
        offered += row.n if row.state == "offered" else 0
        live += row.n if row.state == "assigned" else 0
        wrapping += row.n if row.state == "wrap_up" and row.medium == "voice" else 0
    return Load(by_medium, offered, wrapping, live, labelled)


def _engaged(held: Load, calls: int) -> Load:
    """With the calls of others that they are in: a telephone takes one call at a time, whosever it is."""
    if not calls:
        return held
    return replace(held, by_medium={**held.by_medium, "voice": held.by_medium.get("voice", 0) + calls})


def load(conn: Connection, agent_id: str) -> Load:
    return _engaged(_load_of(list(conn.execute(_LOAD, {"agent": agent_id}))), parties.of_agent(conn, agent_id))


def loads(conn: Connection) -> dict[str, Load]:
    """What each agent holds who holds anything."""
    return _by_agent(conn, conn.execute(_LOADS))


def _by_agent(conn: Connection, held: Iterable[Any]) -> dict[str, Load]:
    rows: dict[str, list[Any]] = {}
    for row in held:
        rows.setdefault(row.agent_id, []).append(row)
    engaged = parties.of_everybody(conn)
    return {
        agent_id: _engaged(_load_of(rows.get(agent_id, [])), engaged.get(agent_id, 0))
        for agent_id in rows.keys() | engaged.keys()
    }


def view(agent: Agent, held: Load) -> AgentView:
    return AgentView(
        id=agent.id,
        name=agent.name,
        role=agent.role,  # type: ignore[arg-type]  # apply writes only Role's words
        state=agent.state,  # type: ignore[arg-type]
        chosen=agent.chosen,  # type: ignore[arg-type]
        reason=agent.reason,
        since_at=agent.since_at,
        load=held.by_medium,
        capacity=agent.capacity,
        skills=agent.skills,
        most=agent.most,
        most_of=agent.most_of,
        labelled=held.labelled,
        capacity_by=agent.capacity_by,
    )


def state_now(conn: Connection, agent: Agent, held: Load) -> AgentStateName:
    """The state that is so, whatever is stored."""
    full = agent.most > 0 and _total_is_taken(conn, agent, held)
    return state_of(agent.chosen, agent.capacity, held.by_medium, held.offered, held.wrapping_calls, full)


def _total_is_taken(conn: Connection, agent: Agent, held: Load) -> bool:
    """Whether nothing that they are ready for fits into their weighted total any more."""
    policy, now = policies.in_force(conn), seat(agent, held)
    return all(fits(now, medium, "", policy) for medium in waited_for(now.capacity))  # type: ignore[arg-type]


def settle(
    conn: Connection,
    on: Occasion,
    agent: Agent,
    *,
    chosen: str | None = None,
    reason: str | None = None,
) -> AgentView:
    """Works the agent's state out anew from what they chose (now, if given) and what they hold; stores it, tells
    their consoles and routing. Idle time starts anew when they become free of everything: when the last of their work
    ends, or when they choose to be ready; saying ready again changes nothing."""
    held = load(conn, agent.id)
    works = chosen is None
    chosen = agent.chosen if chosen is None else chosen
    reason = agent.reason if reason is None else reason
    state = state_now(conn, replace(agent, chosen=chosen), held)
    changed = state != agent.state or reason != agent.reason
    since = on.now if changed else agent.since_at
    idle = agent.idle_since_at
    if state == "ready" and not held.by_medium and (changed or works):
        idle = on.now
    conn.execute(
        _UPDATE,
        {
            "agent": agent.id,
            "new_chosen": chosen,
            "new_reason": reason,
            "new_state": state,
            "new_since": since,
            "new_idle": idle,
        },
    )
    now = replace(agent, chosen=chosen, reason=reason, state=state, since_at=since, idle_since_at=idle)
    shown = view(now, held)
    announce(conn, on.now, agent.id, AgentChanged(shown))
    tell(conn, SeatChanged(seat(now, held)))
    tell(conn, FloorMoved(""))
    return shown


def seat(agent: Agent, held: Load) -> Seat:
    """The agent as routing sees them."""
    away = agent.chosen if agent.chosen != "ready" else "wrap_up" if held.wrapping_calls else ""
    return Seat(
        agent_id=agent.id,
        name=agent.name,
        queues=frozenset(agent.queues),
        skills=agent.skills,
        capacity=agent.capacity,  # type: ignore[arg-type]  # media are checked where configuration is applied
        load=held.by_medium,  # type: ignore[arg-type]
        available=not away,
        unavailable_reason=away,
        idle_since_at=agent.idle_since_at,
        most=agent.most,
        most_of=agent.most_of,
        labelled=held.labelled,
    )


def bump_presence(conn: Connection, agent_id: str, here: bool) -> int:
    """A new number for the agent's presence: a grace period that began under an older one is void. ``here``: a
    console of theirs is open now."""
    return (
        conn.execute(
            agents.update()
            .where(agents.c.id == agent_id)
            .values(presence=agents.c.presence + 1, here=int(here))
            .returning(agents.c.presence)
        ).scalar()
        or 0
    )


def mark_here(conn: Connection, agent_ids: Iterable[str]) -> None:
    """Consoles of these agents are open, whatever another node has said since."""
    conn.execute(agents.update().where(agents.c.id.in_(list(agent_ids)), agents.c.here == 0).values(here=1))


def say_capacity(conn: Connection, agent_id: str, said: Mapping[str, Any]) -> None:
    """What a supervisor says of the agent's capacity instead of the configuration (``capacity``, ``most``,
    ``most_of``, ``by``); empty: as it is configured. Applying a configuration leaves it alone."""
    conn.execute(agents.update().where(agents.c.id == agent_id).values(override=dict(said)))


def held_ids(conn: Connection, agent_id: str) -> list[str]:
    """The interactions in the agent's hands, oldest first."""
    return list(
        conn.execute(
            select(interactions.c.id)
            .where(OPEN, interactions.c.agent_id == agent_id, interactions.c.state.in_(IN_HAND))
            .order_by(interactions.c.started_at, interactions.c.id)
        ).scalars()
    )


def concerning(conn: Connection, agent_id: str) -> list[str]:
    """The interactions that the agent has in hand, or that ring at them."""
    rings = select(offers.c.interaction_id).where(offers.c.agent_id == agent_id, PENDING)
    return [*held_ids(conn, agent_id), *conn.execute(rings).scalars()]


def get(conn: Connection, agent_id: str) -> Agent | None:
    """The agent, without a lock."""
    row = conn.execute(select(agents).where(agents.c.id == agent_id, agents.c.active == 1)).one_or_none()
    return _agent(row) if row else None
