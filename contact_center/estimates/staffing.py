"""How many agents a queue needs in this hour, and what one more or one fewer would mean.

What comes is told from the last hour and from the same half-hour of past weeks; how long it takes and how long
customers wait, from the last stretches of waiting; the rest is Erlang A (:mod:`routing.staffing`).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil, floor, inf, isfinite
from typing import Literal, TypeAlias

from contact_center.domain.events import MEDIA, Medium
from contact_center.domain.time import DAY, HOUR, MINUTE, SECOND, Moment
from contact_center.estimates.expecting import Expecting
from contact_center.storage import estimates, queues
from contact_center.storage.connection import Connection
from contact_center.storage.queues import Queue
from routing.places import capacity_for
from routing.staffing import Demand, Outlook, Target, agents_needed, erlang_b, scheduled

ENOUGH = 20
"""With fewer cases handled than this, what the figures say is a guess and is called one."""
WEEKS = 4
SHORTEST = 5 * MINUTE
USUAL_COUNTS_H = 0.5
"""What is usual in this half-hour counts like so many hours of what came lately."""
MOST_LINES = 60
MOST_PLACES = 5_000
LONGEST_PATIENCE_S = 4 * 3_600
"""Who waits for longer than this on average waits for ever, as far as a service level can tell."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody wants to know: the queue as it is, or with other figures in its place (None: as it is).
    ``patience_s`` infinite is for ever."""

    per_hour: float | None = None
    handling_s: float | None = None
    patience_s: float | None = None
    agents: float | None = None
    share: float = 0.8
    within_s: float | None = None
    shrinkage: float = 0.0


@dataclass(frozen=True, slots=True)
class Coming:
    """How many come in an hour: ``now`` as of the last hour, ``usual`` in this half-hour of past weeks (None where
    there are none), ``expected`` from both. ``seen`` came in the last hour."""

    now: float
    usual: float | None
    expected: float
    seen: int


@dataclass(frozen=True, slots=True)
class Line:
    """What so many agents mean in the long run. ``average_wait_s`` is infinite where they never catch up.
    ``patient_level`` is what the service level would be if nobody ever gave up."""

    agents: float
    service_level: float
    average_wait_s: float
    abandoned: float
    occupancy: float
    patient_level: float


@dataclass(frozen=True, slots=True)
class Model:
    """What one of the three models says of the agents who are there. They differ in what becomes of who finds
    everybody busy: Erlang ``b`` turns them away, ``c`` lets them wait for ever, ``a`` lets them give up. ``waits`` is
    the share who find everybody busy; ``needed`` (None: no number) are the fewest agents for the target, by ``b``
    those who take as many at once."""

    name: Literal["b", "c", "a"]
    waits: float
    service_level: float
    average_wait_s: float
    lost: float
    occupancy: float
    needed: int | None


@dataclass(frozen=True, slots=True)
class Staffing:
    """A queue and a medium: what comes, what it takes, who is there (``agents``, in parts; ``places`` is how many
    cases one may have at a time), what that means (``now``), what one ``more`` and one ``fewer`` would mean, how many
    are ``needed`` for the target (None: no number reaches it) and must be ``on_schedule``. ``handled`` cases is what
    it is told from; while ``missing`` are missing it is a guess."""

    queue: str
    medium: Medium
    coming: Coming
    handling_s: float
    patience_s: float
    agents: float
    places: float
    target: Target
    now: Line
    more: Line
    fewer: Line | None
    needed: int | None
    on_schedule: int | None
    handled: int
    abandoned: int
    lines: tuple[Line, ...] = ()
    models: tuple[Model, ...] = ()

    @property
    def missing(self) -> int:
        return max(0, ENOUGH - self.handled)


# --- what comes ---------------------------------------------------------------------------------------------------


def coming(conn: Connection, now: Moment, queue: str, medium: str) -> Coming:
    first = estimates.first_at(conn)
    if first is None:
        return Coming(0.0, None, 0.0, 0)
    window = max(SHORTEST, min(HOUR, now - first))
    seen = estimates.came(conn, queue, medium, now - window, now)
    lately = seen * HOUR / window
    weeks = [
        estimates.came(conn, queue, medium, then - 15 * MINUTE, then + 15 * MINUTE) * 2.0
        for then in (now - week * 7 * DAY for week in range(1, WEEKS + 1))
        if then - 15 * MINUTE >= first
    ]
    if not weeks:
        return Coming(lately, None, lately, seen)
    usual = sum(weeks) / len(weeks)
    hours = window / HOUR
    return Coming(lately, usual, (seen + usual * USUAL_COUNTS_H) / (hours + USUAL_COUNTS_H), seen)


# --- what it means ------------------------------------------------------------------------------------------------


def outlook(demand: Demand, agents: float, places: float, within_s: float) -> Line:
    """What ``agents`` mean who may have ``places`` each; parts of an agent lie between the whole numbers."""
    whole = min(MOST_PLACES, max(0.0, agents * places))
    low, part = floor(whole), whole - floor(whole)
    below = _line(demand, low, agents, within_s)
    if part < 1e-6:
        return below
    above = _line(demand, low + 1, agents, within_s)

    def between(a: float, b: float) -> float:
        return a + part * (b - a) if isfinite(a) else a

    return Line(
        agents,
        between(below.service_level, above.service_level),
        between(below.average_wait_s, above.average_wait_s),
        between(below.abandoned, above.abandoned),
        between(below.occupancy, above.occupancy),
        between(below.patient_level, above.patient_level),
    )


def _line(demand: Demand, places: int, agents: float, within_s: float) -> Line:
    found = Outlook(demand, places)
    return Line(
        agents,
        found.service_level(within_s),
        found.average_wait_s,
        found.abandoned_share,
        found.occupancy if places else 1.0 if demand.per_hour else 0.0,
        Outlook(patient(demand), places).service_level(within_s),
    )


def patient(demand: Demand) -> Demand:
    """The same customers, if they never gave up."""
    return Demand(demand.per_hour, demand.handling_s)


# --- by each model --------------------------------------------------------------------------------------------------


def models(demand: Demand, agents: float, places: float, target: Target) -> tuple[Model, ...]:
    """Erlang B, C and A of the same figures."""
    whole = min(MOST_PLACES, max(0.0, agents * places))
    return (
        _model("b", whole, places, lambda number: _blocking(demand, number), _lines_for(demand, target)),
        _waiting("c", patient(demand), whole, places, target),
        _waiting("a", demand, whole, places, target),
    )


Figures: TypeAlias = tuple[float, float, float, float, float]
"""waits, service level, average wait, lost, occupancy"""


def _waiting(name: Literal["c", "a"], demand: Demand, whole: float, places: float, target: Target) -> Model:
    def figures(number: int) -> Figures:
        found = Outlook(demand, number)
        level, occupancy = found.service_level(target.within_s), found.occupancy if number else 1.0
        return found.wait_share, level, found.average_wait_s, found.abandoned_share, occupancy

    return _model(name, whole, places, figures, agents_needed(demand, target, MOST_PLACES))


def _blocking(demand: Demand, number: int) -> Figures:
    blocked = erlang_b(number, demand.load)
    return blocked, 1 - blocked, 0.0, blocked, demand.load * (1 - blocked) / number if number else 1.0


def _lines_for(demand: Demand, target: Target) -> int | None:
    """The fewest places at which no more are turned away than may be missed."""
    if not demand.load:
        return 0
    number = bisect_left(range(MOST_PLACES + 1), target.share, key=lambda n: 1 - erlang_b(n, demand.load))
    return number if number <= MOST_PLACES else None


def _model(
    name: Literal["b", "c", "a"],
    whole: float,
    places: float,
    figures: Callable[[int], Figures],
    needed: int | None,
) -> Model:
    """Parts of a place lie between the whole numbers."""
    part = whole - floor(whole)
    below, above = figures(floor(whole)), figures(ceil(whole))
    waits, level, wait, lost, busy = (
        a + part * (b - a) if isfinite(a) else a for a, b in zip(below, above, strict=True)
    )
    return Model(name, waits, level, wait, lost, busy, None if needed is None else ceil(needed / places - 1e-9))


def planned(
    queue: str,
    medium: Medium,
    coming_: Coming,
    handling_s: float,
    patience_s: float,
    agents: float,
    places: float,
    target: Target,
    *,
    shrinkage: float = 0.0,
    handled: int = 0,
    abandoned: int = 0,
    lines: bool = True,
) -> Staffing:
    """The whole of it, out of its figures. Raises ValueError for figures that make no sense."""
    patience_s = inf if patience_s > LONGEST_PATIENCE_S else patience_s
    demand = Demand(coming_.expected, handling_s, patience_s)
    places_needed = agents_needed(demand, target, MOST_PLACES)
    needed = None if places_needed is None else ceil(places_needed / places - 1e-9)
    return Staffing(
        queue=queue,
        medium=medium,
        coming=coming_,
        handling_s=handling_s,
        patience_s=patience_s,
        agents=agents,
        places=places,
        target=target,
        now=outlook(demand, agents, places, target.within_s),
        more=outlook(demand, agents + 1, places, target.within_s),
        fewer=outlook(demand, agents - 1, places, target.within_s) if agents >= 1 else None,
        needed=needed,
        on_schedule=None if needed is None else scheduled(needed, shrinkage),
        handled=handled,
        abandoned=abandoned,
        lines=_lines(demand, agents, places, needed, target.within_s) if lines else (),
        models=models(demand, agents, places, target) if lines else (),
    )


def _lines(demand: Demand, agents: float, places: float, needed: int | None, within_s: float) -> tuple[Line, ...]:
    """Around what is there and what is needed: from where it is hopeless to where more would change nothing."""
    interesting = [ceil(demand.load / places), ceil(agents), needed or 0]
    most = min(max(interesting) + max(4, max(interesting) // 6), int(MOST_PLACES / places))
    least = max(0, min(interesting) * 2 // 3 - 3) if most > MOST_LINES // 2 else 0
    step = max(1, ceil((most - least) / MOST_LINES))
    return tuple(outlook(demand, number, places, within_s) for number in range(least, most + 1, step))


# --- a queue as it is ---------------------------------------------------------------------------------------------


def of_queue(
    conn: Connection,
    now: Moment,
    expecting: Expecting,
    queue: Queue,
    medium: Medium,
    asked: Asked,
    *,
    lines: bool = True,
    without: str = "",
) -> Staffing:
    """The queue as it is, with what was ``asked`` in place of what was measured; ``without`` one of its agents."""
    rates = expecting.rates(conn, now, queue.id, medium)
    comes = coming(conn, now, queue.id, medium)
    if asked.per_hour is not None:
        comes = Coming(comes.now, comes.usual, asked.per_hour, comes.seen)
    places = places_each(conn, now, expecting, queue.id, medium)
    there = expecting.count(conn, now, queue.id, medium, without) / places
    measured = rates.patience_ms / SECOND if rates.patience_ms else inf
    return planned(
        queue.id,
        medium,
        comes,
        rates.handling_ms / SECOND if asked.handling_s is None else asked.handling_s,
        measured if asked.patience_s is None else asked.patience_s,
        there if asked.agents is None else asked.agents,
        places,
        Target(asked.share, queue.target_ms / SECOND if asked.within_s is None else asked.within_s),
        shrinkage=asked.shrinkage,
        handled=rates.handled,
        abandoned=rates.abandoned,
        lines=lines,
    )


def places_each(conn: Connection, now: Moment, expecting: Expecting, queue: str, medium: Medium) -> float:
    """How many of the medium one of the queue's agents may have at a time, on average of those who are there."""
    floor = expecting.floor(conn, now)
    label = floor.policy.queue(queue).label
    found = [
        capacity_for(seat, medium, label, floor.policy)
        for seat in floor.seats
        if queue in seat.queues and seat.capacity.get(medium, 0)
    ]
    return sum(found) / len(found) if found else 1.0


def used(conn: Connection, now: Moment) -> list[tuple[Queue, Medium]]:
    """The queues, with the media in which anything came to them lately; a queue that nothing came to is shown for
    calls."""
    lately = estimates.arrivals(conn, now - 7 * DAY, now)
    found: list[tuple[Queue, Medium]] = []
    for queue in queues.every(conn):
        media: list[Medium] = [medium for medium in MEDIA if lately.get((queue.id, medium))]
        found += [(queue, medium) for medium in media or ["voice"]]
    return found


@dataclass(frozen=True, slots=True)
class Pause:
    """What it means for a queue that an agent pauses for ``minutes``: as it is, and without them. ``late`` more
    customers would be answered too late or not at all."""

    queue: str
    medium: Medium
    before: Line
    after: Line
    late: float
    target: Target
    missing: int


def pause(conn: Connection, now: Moment, expecting: Expecting, agent_id: str, minutes: float) -> list[Pause]:
    """For each of the agent's queues and media. Empty for an agent who isn't there for customers."""
    agent = next((seat for seat in expecting.floor(conn, now).seats if seat.agent_id == agent_id), None)
    if agent is None:
        return []
    found = []
    for queue, medium in used(conn, now):
        if queue.id not in agent.queues or not agent.capacity.get(medium, 0):
            continue
        before = of_queue(conn, now, expecting, queue, medium, Asked(), lines=False)
        after = of_queue(conn, now, expecting, queue, medium, Asked(), lines=False, without=agent_id)
        lost = max(0.0, before.now.service_level - after.now.service_level)
        late = before.coming.expected * minutes / 60 * lost
        found.append(Pause(queue.id, medium, before.now, after.now, late, before.target, before.missing))
    return found
