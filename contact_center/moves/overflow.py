"""On to another queue: what waits where it is better off elsewhere keeps its place and goes there, once.

A case is looked at when it comes into a queue, when its own time has come, and, where something else than time
decides, with its whole queue every so often. Both are deadlines, so a restart forgets none.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from contact_center.domain.events import ROUTING, Enqueued
from contact_center.domain.occasion import Occasion
from contact_center.domain.overflow import Because, Overflow, Standing, first_that_holds, look_at, watched
from contact_center.domain.time import SECOND
from contact_center.estimates.expecting import Expecting
from contact_center.storage import agents, deadlines, journal, policies, queues
from contact_center.storage.connection import Connection
from contact_center.storage.effects import FloorMoved, Waits, tell
from contact_center.storage.journal import Loaded
from contact_center.storage.queues import Queue
from routing.needs import meets

DEADLINE = "overflow"
"""When one case is to be looked at."""
WATCH = "overflow_queue"
"""When a queue is."""
AGAIN_MS = 15 * SECOND
MOST_AT_ONCE = 50
"""How many cases of a queue one transaction looks at, from each end."""
FEWEST_FOR_A_LEVEL = 5
"""Of fewer contacts no service level is told."""
TOP_PRIORITY = 100


@dataclass(slots=True)
class Look:
    """What is the same for all that is looked at together: the service level by queue, as it was before anything was
    sent on (who goes counts elsewhere from then on), and what waiting is told from."""

    levels: dict[str, float | None] = field(default_factory=dict)
    expecting: Expecting = field(default_factory=Expecting)


def consider(conn: Connection, on: Occasion, loaded: Loaded, look: Look | None = None) -> bool:
    """Sends on what has just come into a queue, or waits in one, as far as its rules lead, and sees to it that what
    stays is looked at again. Whether it went anywhere. The caller saves."""
    look = look or Look()
    went = False
    while _may_go(loaded):
        queue = queues.get(conn, loaded.record.queue)
        if queue is None or not queue.rules.overflow:
            break
        found = _onward(conn, on, loaded, queue, look)
        if found is None:
            _look_again(conn, on, loaded, queue)
            break
        _send_on(conn, on, loaded, queue, *found)
        look.expecting.moved()
        went = True
    return went


def _may_go(loaded: Loaded) -> bool:
    """What was sent to one agent waits for them; what we owe (a call, a message to hear) waits where it is owed."""
    record = loaded.record
    return record.state == "waiting" and not record.only_agent and not record.task


def _onward(conn: Connection, on: Occasion, loaded: Loaded, queue: Queue, look: Look) -> tuple[Queue, Because] | None:
    rules = queue.rules.overflow
    been_in = {segment.queue for segment in loaded.record.segments if segment.queue} | {queue.id}
    if queue.id not in look.levels:
        look.levels[queue.id] = _level(conn, on, queue, rules)
    found = first_that_holds(rules, _standing(conn, on, loaded, queue, look), been_in)
    to = queues.get(conn, found[0].to) if found else None
    return (to, found[1]) if found and to else None


def _send_on(conn: Connection, on: Occasion, loaded: Loaded, queue: Queue, to: Queue, because: Because) -> None:
    record = loaded.record
    own = {skill: level for skill, level in record.skills.items() if queue.skills.get(skill) != level}
    body = Enqueued(
        queue=to.id,
        priority=min(TOP_PRIORITY, max(0, record.priority - queue.priority) + to.priority),
        skills={**to.skills, **own},
        virtual_enqueued_at=record.virtual_enqueued_at,
        reason="overflow",
        because=because,
        policy=queue.rules.policy,
    )
    loaded.queue_name = to.name
    deadlines.drop(conn, DEADLINE, record.interaction_id)
    journal.happen(conn, on, loaded, body, ROUTING)
    tell(conn, FloorMoved(queue.id))


def _look_again(conn: Connection, on: Occasion, loaded: Loaded, queue: Queue) -> None:
    record, rules = loaded.record, queue.rules.overflow
    at = look_at(rules, record.virtual_enqueued_at, on.now, AGAIN_MS)
    if at is not None:
        deadlines.put(conn, on, DEADLINE, record.interaction_id, at)
    if watched(rules) and not deadlines.is_set(conn, WATCH, queue.id):
        deadlines.put(conn, on, WATCH, queue.id, on.now + AGAIN_MS)


# --- by time -------------------------------------------------------------------------------------------------------


def case_is_due(conn: Connection, on: Occasion, interaction_id: str) -> None:
    loaded = journal.load(conn, interaction_id)
    if loaded is None:
        return
    if loaded.record.state == "waiting":
        _consider_waiting(conn, on, loaded, Look())
    elif loaded.record.state == "offered":  # it may come back
        deadlines.put(conn, on, DEADLINE, interaction_id, on.now + AGAIN_MS)


def queue_is_due(conn: Connection, on: Occasion, queue_id: str) -> None:
    """Looks at those who wait longest and those who came last: with more in the queue, the rest in a moment."""
    queue = queues.get(conn, queue_id)
    if queue is None or not queue.rules.overflow:
        return
    went, look = 0, Look()
    for interaction_id in queues.ends_of(conn, queue_id, MOST_AT_ONCE):
        loaded = journal.load(conn, interaction_id)
        if loaded is not None and loaded.record.state == "waiting" and loaded.record.queue == queue_id:
            went += _consider_waiting(conn, on, loaded, look)
    if queues.has_work(conn, queue_id) and watched(queue.rules.overflow):
        deadlines.put(conn, on, WATCH, queue_id, on.now + (SECOND if went else AGAIN_MS))


def _consider_waiting(conn: Connection, on: Occasion, loaded: Loaded, look: Look) -> bool:
    went = consider(conn, on, loaded, look)
    if went:
        journal.save(conn, loaded)
        tell(conn, Waits(journal.waiting(conn, loaded)))
        tell(conn, FloorMoved(loaded.record.queue))
    return went


# --- how it stands -------------------------------------------------------------------------------------------------


def _standing(conn: Connection, on: Occasion, loaded: Loaded, queue: Queue, look: Look) -> Standing:
    """What the queue's rules ask about, and nothing more."""
    record, rules = loaded.record, queue.rules.overflow
    staffed = any(rule.nobody for rule in rules)
    placed = any(rule.ahead is not None for rule in rules)
    ahead = queues.ahead(conn, queue.id, record.virtual_enqueued_at) if placed else 0
    team = _team(conn, loaded, queue) if staffed else (0, 0, 0)
    hours = policies.opening(conn, queue.rules) if any(rule.closed for rule in rules) else None
    foreseen = any(rule.estimate_ms is not None for rule in rules)
    expected = look.expecting.of(conn, on.now, loaded) if foreseen else None  # what its customer would be told
    told = expected.estimate if expected else None
    return Standing(
        waited_ms=max(0, on.now - record.virtual_enqueued_at),
        ahead=ahead,
        logged_in=team[0],
        available=team[1],
        able=team[2],
        level=look.levels[queue.id],
        estimate_ms=told.mean_ms if told else None,
        estimate_p90_ms=told.p90_ms if told else None,
        estimate_ahead=expected.ahead if expected else 0,
        open=hours.at(on.now) if hours else "open",
    )


def _team(conn: Connection, loaded: Loaded, queue: Queue) -> tuple[int, int, int]:
    """How many of the queue's members are signed in, how many of those available, how many of those able."""
    record = loaded.record
    need = policies.in_force(conn).queue(queue.id).need
    members = [agent for agent in agents.every(conn) if queue.id in agent.queues and agent.chosen != "offline"]
    available = [agent for agent in members if agent.chosen == "ready"]  # at work or not
    able = [
        agent
        for agent in available
        if agent.capacity.get(record.medium, 0)
        and meets(agent.id, agent.skills, need)
        and all(agent.skills.get(skill, 0) >= level for skill, level in record.skills.items())
    ]
    return len(members), len(available), len(able)


def _level(conn: Connection, on: Occasion, queue: Queue, rules: tuple[Overflow, ...]) -> float | None:
    spans = [rule.level_of_ms for rule in rules if rule.level_below is not None]
    if not spans:
        return None
    known, within = queues.served(conn, queue.id, queue.target_ms, on.now - spans[0], on.now)
    return 100 * within / known if known >= FEWEST_FOR_A_LEVEL else None
