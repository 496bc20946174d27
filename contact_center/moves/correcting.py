"""What people say of a case counts in place of what its words said: what a wrong guess brought is taken back, what
belongs to the right one is asked for, and the case keeps its place."""

from __future__ import annotations

from dataclasses import dataclass, replace

from contact_center.domain.events import Actor, Enqueued
from contact_center.domain.occasion import Occasion
from contact_center.moves import moves, overflow
from contact_center.recognition.asking import (
    Asks,
    Brought,
    Wish,
    bring,
    brought_from,
    may_go,
    move,
    take_back,
)
from contact_center.recognition.policy import Rules, rules_of
from contact_center.recognition.recognise import SETTING, asks_changed, bring_what_can_be, known_wish
from contact_center.storage import agents, journal, queues, settings
from contact_center.storage.connection import Connection
from contact_center.storage.effects import FloorMoved, Waits, tell
from contact_center.storage.journal import Loaded

_REACHED = ("waiting", "offered", "assigned", "wrap_up")


@dataclass(frozen=True, slots=True)
class _Anew:
    """What it asks for from now on, and in which queue."""

    asks: Asks
    brought: Brought
    queue: str


def ask_anew(conn: Connection, on: Occasion, loaded: Loaded, actor: Actor, agent_name: str = "") -> None:
    """Has the case ask for what is known of it by now, as far as the house's rules want that. Saves in any case. What
    waits, or rings for somebody, is routed anew; what is in hand stays there (but see ``corrected`` in the rules) and
    asks for the right things when it next waits. A call that rings goes on ringing."""
    rules = rules_of(settings.get(conn, SETTING, {}))
    anew = _anew(conn, rules, loaded)
    if anew is None:
        journal.save(conn, loaded)
        return
    record = loaded.record
    before = Asks(record.priority, dict(record.skills)), record.bound_for or record.queue
    elsewhere = anew.queue if anew.queue != record.queue else ""
    event = journal.happen(conn, on, loaded, asks_changed(anew.asks, anew.brought, elsewhere), actor)
    journal.tell_owner(conn, on, loaded, event, agent_name)
    if before == (anew.asks, anew.queue):
        journal.save(conn, loaded)
    elif record.state == "waiting":
        _wait_anew(conn, on, loaded, actor)
    elif record.state == "offered" and record.medium != "voice":
        rang = moves.stop_ringing(conn, on, loaded, "corrected", "rescinded")
        _wait_anew(conn, on, loaded, actor)
        moves.settle_each(conn, on, rang)
    elif record.state == "assigned" and rules.corrected == "always" and record.medium != "voice":
        _out_of_hand(conn, on, loaded, actor)
    else:
        journal.save(conn, loaded)


def _anew(conn: Connection, rules: Rules, loaded: Loaded) -> _Anew | None:
    """None where nothing changes."""
    record = loaded.record
    reached = record.state in _REACHED and record.direction == "inbound" and not record.task
    if not reached or not rules.on or rules.corrected == "note":
        return None
    before = brought_from(record.brought or record.recognised)
    now, place = Asks(record.priority, record.skills), record.bound_for or record.queue
    here = _by_itself(conn, place)
    plain = take_back(now, before, here.skills)
    wish, home = _where(conn, loaded, known_wish(rules, loaded), before, place)
    own = {queue: move(plain, here, _by_itself(conn, queue)) for queue in {home, wish.queue} - {"", place}}
    own[place] = plain
    brought = replace(bring_what_can_be(conn, wish, home, own), came_to=before.came_to or home)
    queue = brought.queue or home
    brings = Wish(priority=brought.priority, skills=brought.skills, language_skills=brought.language_skills)
    anew = _Anew(bring(own[queue], brings)[0], brought, queue)
    same = (anew.asks, queue) == (now, place) and replace(brought, came_to="", withheld="") == replace(
        before, came_to="", withheld=""
    )
    return None if same else anew


def _where(conn: Connection, loaded: Loaded, wish: Wish, before: Brought, place: str) -> tuple[Wish, str]:
    """The wish with the queue that it may lead to, and the queue where it waits without. Callers have chosen theirs,
    what is directed is somebody's, and what was sent on stays where it was sent."""
    record = loaded.record
    if record.medium == "voice" or record.only_agent or not may_go(place, before):
        return wish._replace(queue=""), place
    home = before.came_to or place
    leads = wish.queue != home and queues.get(conn, wish.queue) is not None
    return wish._replace(queue=wish.queue if leads else ""), home


def _by_itself(conn: Connection, queue_id: str) -> Asks:
    """What the queue asks for, whatever the case."""
    queue = queues.get(conn, queue_id)
    return Asks(queue.priority, queue.skills) if queue else Asks(0, {})


def _wait_anew(conn: Connection, on: Occasion, loaded: Loaded, actor: Actor) -> None:
    record = loaded.record
    left = record.queue
    queue = queues.get(conn, record.bound_for or left)
    if queue is not None:
        loaded.queue_name = queue.name
    body = Enqueued(
        queue=queue.id if queue else left,
        priority=record.priority,
        skills=dict(record.skills),
        virtual_enqueued_at=record.virtual_enqueued_at,
        reason="corrected",
        only_agent=record.only_agent,
        directed_by=record.directed_by,
        policy=queue.rules.policy if queue else "",
    )
    journal.happen(conn, on, loaded, body, actor)
    overflow.consider(conn, on, loaded)
    journal.save(conn, loaded)
    tell(conn, Waits(journal.waiting(conn, loaded)))
    tell(conn, FloorMoved(left))
    tell(conn, FloorMoved(record.queue))


def _out_of_hand(conn: Connection, on: Occasion, loaded: Loaded, actor: Actor) -> None:
    """Back into a queue, if whoever has it could not be offered it now."""
    record = loaded.record
    agent = agents.lock(conn, record.agent_id)
    queue = record.bound_for or record.queue
    if agent is None or (queue in agent.queues and _has(agent.skills, record.skills)):
        journal.save(conn, loaded)
        return
    moves.take_from(conn, on, loaded, agent, "corrected", actor)
    agents.settle(conn, on, agent)


def _has(has: dict[str, int], needed: dict[str, int]) -> bool:
    return all(has.get(skill, 0) >= level for skill, level in needed.items())
