"""What was expected of waiting and what became of it; who was there when; and the facts that both come from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, and_, bindparam, case, delete, func, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from contact_center.domain.occasion import Occasion
from contact_center.domain.service_level import Counts
from contact_center.domain.time import DAY, Millis, Moment
from contact_center.storage.schema import (
    OPEN,
    RUNNING,
    STILL_THERE,
    STILL_WAITS,
    interactions,
    offers,
    presence_spans,
    waiting_estimates,
)

AT_ONCE = 500
"""So many are settled in one go."""
MOST_ROWS = 20_000
"""However long a queue or a period is, no more than this is read of it."""

_rows = waiting_estimates.c


@dataclass(frozen=True, slots=True)
class Expected:
    """What is written down when a stretch of waiting begins. ``others`` is -1 where an agent was free; the times are
    None where nobody served the queue; ``patience_ms`` 0 is for ever."""

    interaction_id: str
    queue: str
    medium: str
    began_at: Moment
    priority: int
    others: int
    agents: float
    handling_ms: Millis
    patience_ms: Millis
    answer_ms: Millis
    mean_ms: Millis | None
    p50_ms: Millis | None
    p90_ms: Millis | None


# --- a stretch of waiting, from its beginning to its end ----------------------------------------------------------

_BEGUN = select(
    interactions.c.id,
    interactions.c.state,
    interactions.c.queue,
    interactions.c.medium,
    interactions.c.record,
).where(interactions.c.id.in_(bindparam("ids", expanding=True)))
_ADD = {
    "sqlite": sqlite.insert(waiting_estimates).on_conflict_do_nothing(),
    "postgresql": postgresql.insert(waiting_estimates).on_conflict_do_nothing(),
}
_LIVE = (
    select(
        _rows.id,
        _rows.queue,
        _rows.began_at,
        interactions.c.record,
        interactions.c.ended_at,
        interactions.c.ended_reason,
    )
    .join_from(waiting_estimates, interactions, interactions.c.id == _rows.interaction_id)
    .where(RUNNING)
)
_LIVE_OF = _LIVE.where(_rows.interaction_id.in_(bindparam("ids", expanding=True)))
_OVER = _LIVE.where(
    or_(
        and_(
            _rows.outcome == "",
            or_(interactions.c.state.not_in(("waiting", "offered")), interactions.c.queue != _rows.queue),
        ),
        and_(_rows.outcome != "", interactions.c.state.not_in(("assigned", "wrap_up"))),
    )
).limit(AT_ONCE)
_SETTLE = (
    waiting_estimates.update()
    .where(_rows.id == bindparam("row"))
    .values(
        outcome=bindparam("new_outcome"),
        waited_ms=bindparam("new_waited"),
        agent_id=bindparam("new_agent"),
        rang_ms=bindparam("new_rang"),
        handled_ms=bindparam("new_handled"),
        done=bindparam("new_done"),
    )
)


def begun(conn: Connection, interaction_ids: Sequence[str]) -> list[Any]:
    """State, queue, medium and record of these interactions."""
    return list(conn.execute(_BEGUN, {"ids": list(interaction_ids)}))


def add(conn: Connection, on: Occasion, expected: Sequence[Expected]) -> None:
    """Writes them down; a stretch that is written down already, and goes on, stays as it is."""
    blank = {"outcome": "", "waited_ms": 0, "agent_id": "", "rang_ms": 0, "handled_ms": 0, "done": 0}
    if expected:
        conn.execute(_ADD[conn.dialect.name], [{"id": on.new_id(), **asdict(each), **blank} for each in expected])


def to_settle(conn: Connection, interaction_ids: Sequence[str] | None = None) -> list[Any]:
    """The stretches that are not done with, with their interactions' records: all of ``interaction_ids``, or at most
    :data:`AT_ONCE` of those of which something has come."""
    if interaction_ids is None:
        return list(conn.execute(_OVER))
    return list(conn.execute(_LIVE_OF, {"ids": list(interaction_ids)}))


def settle(conn: Connection, became: Sequence[dict[str, Any]]) -> None:
    """``became`` are the values of :data:`_SETTLE`, one for each stretch."""
    if became:
        conn.execute(_SETTLE, list(became))


def forget(conn: Connection, before: Moment) -> None:
    """Lets go of what began before."""
    conn.execute(delete(waiting_estimates).where(_rows.began_at < before))
    conn.execute(delete(presence_spans).where(presence_spans.c.began_at < before, presence_spans.c.ended_at > 0))


# --- who is there -------------------------------------------------------------------------------------------------

_LEAVE = (
    presence_spans.update()
    .where(
        STILL_THERE,
        presence_spans.c.agent_id == bindparam("agent"),
        presence_spans.c.state != bindparam("now_is"),
    )
    .values(ended_at=bindparam("now"))
)
_COME = {
    "sqlite": sqlite.insert(presence_spans).on_conflict_do_nothing(),
    "postgresql": postgresql.insert(presence_spans).on_conflict_do_nothing(),
}


def mark(conn: Connection, on: Occasion, agent_id: str, state: str, at: Moment) -> None:
    """The agent is ``there`` or ``away`` from ``at`` on, or (an empty ``state``) gone. Saying it twice changes
    nothing."""
    conn.execute(_LEAVE, {"agent": agent_id, "now_is": state, "now": at})
    if state:
        span = {"id": on.new_id(), "agent_id": agent_id, "state": state, "began_at": at, "ended_at": 0}
        conn.execute(_COME[conn.dialect.name], span)


def presence(conn: Connection, since: Moment, until: Moment) -> list[Any]:
    """The spans that reach into the period; one that still lasts has ``ended_at`` 0. A span of more than two days
    before it is somebody who forgot to go home, and is left out."""
    c = presence_spans.c
    query = select(c.agent_id, c.state, c.began_at, c.ended_at).where(
        c.began_at > since - 2 * DAY, c.began_at < until, or_(c.ended_at == 0, c.ended_at > since)
    )
    return list(conn.execute(query.limit(MOST_ROWS)))


# --- facts --------------------------------------------------------------------------------------------------------

_TURNS = (
    select(interactions.c.id, interactions.c.queued_at, _rows.priority)
    .select_from(interactions)
    .outerjoin(waiting_estimates, and_(_rows.interaction_id == interactions.c.id, STILL_WAITS))
    .where(
        OPEN,
        interactions.c.state == "waiting",
        interactions.c.queue == bindparam("queue"),
        interactions.c.medium == bindparam("medium"),
    )
    .limit(MOST_ROWS)
)
_RECENT = (
    select(_rows.began_at, _rows.outcome, _rows.waited_ms, _rows.rang_ms, _rows.handled_ms, _rows.done)
    .where(
        _rows.queue == bindparam("queue"),
        _rows.medium == bindparam("medium"),
        _rows.began_at > bindparam("since"),
    )
    .order_by(_rows.began_at.desc())
    .limit(bindparam("most"))
)
_ARRIVALS = (
    select(_rows.queue, _rows.medium, func.count().label("n"), func.min(_rows.began_at).label("first"))
    .where(_rows.began_at > bindparam("since"), _rows.began_at <= bindparam("until"))
    .group_by(_rows.queue, _rows.medium)
)
_CAME = select(func.count()).where(
    _rows.queue == bindparam("queue"),
    _rows.medium == bindparam("medium"),
    _rows.began_at > bindparam("since"),
    _rows.began_at <= bindparam("until"),
)
_FIRST = select(func.min(_rows.began_at))


def turns(conn: Connection, queue: str, medium: str) -> list[tuple[Moment, int]]:
    """Of all who wait there: since when it counts, and their priority."""
    found = list(conn.execute(_TURNS, {"queue": queue, "medium": medium}))
    # Whoever has only just come is not written down yet; there are never many.
    new = [row.id for row in found if row.priority is None][:AT_ONCE]
    priorities = {row.id: row.record["priority"] for row in begun(conn, new)} if new else {}
    return [(row.queued_at, priorities.get(row.id, 0) if row.priority is None else row.priority) for row in found]


def recent(conn: Connection, queue: str, medium: str, since: Moment, most: int) -> list[Any]:
    """The last stretches of waiting there, newest first, those that still last among them."""
    asked = {"queue": queue, "medium": medium, "since": since, "most": most}
    return list(conn.execute(_RECENT, asked))


def arrivals(conn: Connection, since: Moment, until: Moment) -> dict[tuple[str, str], int]:
    """How many came, by queue and medium."""
    found = conn.execute(_ARRIVALS, {"since": since, "until": until})
    return {(row.queue, row.medium): row.n for row in found}


def came(conn: Connection, queue: str, medium: str, since: Moment, until: Moment) -> int:
    return conn.execute(_CAME, {"queue": queue, "medium": medium, "since": since, "until": until}).scalar_one()


def first_at(conn: Connection) -> Moment | None:
    """Since when anything is known."""
    return conn.execute(_FIRST).scalar()


# --- what came of it ----------------------------------------------------------------------------------------------

_OUTCOME = select(
    _rows.queue,
    _rows.medium,
    _rows.others,
    _rows.agents,
    _rows.handling_ms,
    _rows.patience_ms,
    _rows.answer_ms,
    _rows.mean_ms,
    _rows.p50_ms,
    _rows.p90_ms,
    _rows.outcome,
    _rows.waited_ms,
).where(_rows.began_at > bindparam("since"), _rows.outcome != "")


def outcomes(conn: Connection, since: Moment, queue: str = "", medium: str = "", most: int = MOST_ROWS) -> list[Any]:
    """What was expected and what came of it, newest first."""
    query = _OUTCOME
    if queue:
        query = query.where(_rows.queue == queue)
    if medium:
        query = query.where(_rows.medium == medium)
    return list(conn.execute(query.order_by(_rows.began_at.desc()).limit(most), {"since": since}))


def counts(
    conn: Connection, since: Moment, until: Moment, queue: str, medium: str, within_ms: Millis, short_ms: Millis
) -> Counts:
    """What the service level is counted from, over those who came in the period and no longer wait."""

    def number(outcome: str, most_ms: Millis | None = None) -> Any:
        good = _rows.outcome == outcome
        return func.sum(case((good if most_ms is None else good & (_rows.waited_ms <= most_ms), 1), else_=0))

    query = select(
        func.count(),
        number("answered"),
        number("answered", within_ms),
        number("abandoned"),
        number("abandoned", within_ms),
        number("abandoned", short_ms),
        number("left"),
        number("left", within_ms),
    ).where(_rows.began_at > since, _rows.began_at <= until, _rows.outcome != "")
    if queue:
        query = query.where(_rows.queue == queue)
    if medium:
        query = query.where(_rows.medium == medium)
    return Counts(*(int(each or 0) for each in conn.execute(query).one()))


def offers_of(conn: Connection, since: Moment, until: Moment) -> dict[str, dict[str, int]]:
    """By agent: how many offers ended in which way (``pending`` for those that ring)."""
    query = (
        select(offers.c.agent_id, offers.c.state, func.count().label("n"))
        .where(offers.c.made_at > since, offers.c.made_at <= until)
        .group_by(offers.c.agent_id, offers.c.state)
    )
    found: dict[str, dict[str, int]] = {}
    for row in conn.execute(query):
        found.setdefault(row.agent_id, {})[row.state] = row.n
    return found


def handled(conn: Connection, since: Moment, until: Moment) -> Iterable[Any]:
    """Who had what in hand, and from when on: ``agent_id``, ``medium``, ``from_at``, ``handled_ms``, ``done``."""
    taken_at = (_rows.began_at + _rows.waited_ms).label("from_at")
    query = select(_rows.agent_id, _rows.medium, taken_at, _rows.handled_ms, _rows.done).where(
        _rows.began_at > since - DAY, _rows.began_at <= until, _rows.outcome == "answered"
    )
    return conn.execute(query.limit(MOST_ROWS)).all()
