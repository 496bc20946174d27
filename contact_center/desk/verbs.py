"""The agent's verbs. Each checks that the caller may, does it in one transaction, and tells whoever must know.

Every verb takes (connection, occasion, acting agent or login, arguments) and raises a ``Refusal`` before it has
changed anything.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from contact_center.domain.errors import NotAllowed, NotFound, NotValid, TooLate
from contact_center.domain.events import (
    Actor,
    CustomerLeft,
    MessageSent,
    NoteAdded,
    WrappedUp,
    WrapUpStarted,
)
from contact_center.domain.occasion import Occasion
from contact_center.domain.views import AgentView, EventView
from contact_center.moves import absence, lines, moves, taking
from contact_center.storage import agents, customers, drafts, events, journal, offers, outbox, queues, settings
from contact_center.storage.connection import Connection
from contact_center.storage.journal import Loaded

TEXT_LIMIT = 20_000
SPOKEN_LIMIT = 500


@dataclass(frozen=True, slots=True)
class Acting:
    """Who does it: the agent whose desk it is (empty: none), and the role of the login or key behind it. ``line`` is
    the channel that calls of theirs leave through."""

    agent_id: str
    role: str
    name: str = ""
    line: str = ""

    @property
    def supervises(self) -> bool:
        return self.role in ("supervisor", "admin")


def desk_of(conn: Connection, agent_id: str) -> agents.Agent:
    """The agent whose desk it is, locked."""
    agent = agents.lock(conn, agent_id) if agent_id else None
    if agent is None:
        raise NotFound("agent")
    return agent


def in_hand(conn: Connection, acting: Acting, interaction_id: str, *, beside: Iterable[str] = ()) -> Loaded:
    """The interaction, if it is in the acting agent's hands. ``beside``: who else it is about to concern."""
    loaded = journal.load(conn, interaction_id, beside=(acting.agent_id, *beside))
    if loaded is None or (loaded.record.agent_id != acting.agent_id and not acting.supervises):
        raise NotFound("interaction")
    if loaded.record.agent_id != acting.agent_id or loaded.record.state not in ("assigned", "wrap_up"):
        raise TooLate("not_yours", "This is not in your hands any more.")
    return loaded


def _text(value: str, limit: int = TEXT_LIMIT) -> str:
    text = value.strip()
    if not text:
        raise NotValid("empty", "There is nothing to send.")
    if len(text) > limit:
        raise NotValid("too_long", f"That is longer than {limit} characters.")
    return text


# --- being there ------------------------------------------------------------------------------------------------


def set_state(
    conn: Connection, on: Occasion, acting: Acting, agent_id: str, state: str, reason: str = ""
) -> AgentView:
    """What the agent chooses to be; work in hand stays. Leaving ends the offers that ring."""
    if agent_id != acting.agent_id and not acting.supervises:
        raise NotAllowed("Only a supervisor sets somebody else's state.")
    if state not in ("ready", "not_ready", "offline"):
        raise NotValid("state", "A state is ready, not_ready or offline.")
    journal.lock_agents_of(conn, agents.concerning(conn, agent_id), beside=(agent_id,))
    agent = desk_of(conn, agent_id)
    if state != "ready":
        for offer in offers.pending_of_agent(conn, agent_id):
            moves.decline(conn, on, offer, agent, "rejected", "left", Actor("agent", agent.id))
    said = reason[:64] if state == "not_ready" else ""
    shown = agents.settle(conn, on, agent, chosen=state, reason=said)
    if state == "ready":
        absence.comes_on_duty(conn, on, agent_id)
    elif agent.chosen == "ready":
        absence.goes_off_duty(conn, on, agent_id)
    return shown


# --- being offered ----------------------------------------------------------------------------------------------


def accept(conn: Connection, on: Occasion, acting: Acting, offer_id: str) -> dict[str, str]:
    """Takes the offered interaction. Exactly one of accepting, expiring and cancelling happens."""
    return taking.accept(conn, on, offer_id, acting.agent_id)


def reject(conn: Connection, on: Occasion, acting: Acting, offer_id: str, reason: str = "") -> dict[str, str]:
    """Declines the offer; the interaction goes on ringing elsewhere, or back to its own place in the queue."""
    seen = offers.look(conn, offer_id)
    if seen is not None:
        journal.lock_agents_of(conn, (seen.interaction_id,), beside=(acting.agent_id,))
    agent = desk_of(conn, acting.agent_id)
    offer = offers.get(conn, offer_id)
    if offer is None or offer.agent_id != agent.id:
        raise NotFound("offer")
    actor = Actor("agent", agent.id)
    if not moves.decline(conn, on, offer, agent, "rejected", reason, actor):
        raise TooLate("offer_gone", "This offer is over.")
    agents.settle(conn, on, agent)
    return {}


# --- talking ----------------------------------------------------------------------------------------------------


def reply(
    conn: Connection, on: Occasion, acting: Acting, interaction_id: str, text: str, subject: str = ""
) -> EventView:
    """Answers the customer through the channel that they came by; on a call the text is spoken to them. A letter is
    written by :func:`contact_center.desk.mail.reply`."""
    loaded = in_hand(conn, acting, interaction_id)
    record = loaded.record
    text = _text(text, SPOKEN_LIMIT if record.medium == "voice" else TEXT_LIMIT)
    if record.medium == "voice" and record.call != "connected":
        raise TooLate("not_connected", "The caller is not on the line.")
    agent = desk_of(conn, acting.agent_id)
    message = replace(
        lines.outgoing(on, loaded, "message"),
        text=text,
        subject=(subject.strip() or record.subject)[:400],
        sender_name=agent.public_name or agent.name,
        agent_id=agent.id,
    )
    outbox.put(conn, record.channel, message)
    drafts.drop(conn, agent.id, interaction_id, "reply")
    sent = MessageSent(text=text, outbox_id=message.outbox_id, subject=message.subject)
    event = journal.happen(conn, on, loaded, sent, Actor("agent", agent.id), "outbound")
    journal.save(conn, loaded)
    journal.tell_owner(conn, on, loaded, event, agent.name)
    return events.view(event, {agent.id: agent.name})


def note(conn: Connection, on: Occasion, acting: Acting, interaction_id: str, text: str) -> EventView:
    """Words for colleagues, beside the conversation."""
    loaded = journal.load(conn, interaction_id)
    if loaded is None or (loaded.record.agent_id != acting.agent_id and not acting.supervises):
        raise NotFound("interaction")
    actor = Actor("agent", acting.agent_id) if acting.agent_id else Actor("hub")
    event = journal.happen(conn, on, loaded, NoteAdded(_text(text)), actor)
    if acting.agent_id:
        drafts.drop(conn, acting.agent_id, interaction_id, "note")
    journal.save(conn, loaded)
    journal.tell_owner(conn, on, loaded, event, acting.name)
    return events.view(event, {acting.agent_id: acting.name})


def hang_up(conn: Connection, on: Occasion, acting: Acting, interaction_id: str) -> dict[str, str]:
    """Ends the call; wrap-up begins."""
    loaded = in_hand(conn, acting, interaction_id)
    record = loaded.record
    if record.medium != "voice":
        raise NotValid("no_call", "This is not a call.")
    if record.state == "wrap_up":
        return {}
    agent = desk_of(conn, acting.agent_id)
    _hang_up(conn, on, loaded)
    event = moves.begin_wrap_up(conn, on, loaded, "agent hung up", Actor("agent", agent.id))
    journal.tell_owner(conn, on, loaded, event, agent.name)
    return {}


def _hang_up(conn: Connection, on: Occasion, loaded: Loaded) -> None:
    """The customer's leg ends, and with it everybody's. A call of ours that nobody has answered ends too."""
    record = loaded.record
    if record.medium != "voice" or record.customer_left:
        return
    if record.thread_key:
        lines.ask(conn, on, loaded, "hang_up")
    if record.direction == "outbound":
        lines.drop_agent(conn, on, loaded)
    lines.drop_parties(conn, on, loaded)
    journal.happen(conn, on, loaded, CustomerLeft("we hung up"))


# --- wrapping up ------------------------------------------------------------------------------------------------


def wrap_up(
    conn: Connection,
    on: Occasion,
    acting: Acting,
    interaction_id: str,
    disposition: str,
    note: str = "",
    case_status: str = "closed",
) -> dict[str, str]:
    """Ends the interaction with its outcome. A live call ends too."""
    loaded = in_hand(conn, acting, interaction_id)
    if case_status not in ("open", "pending", "closed"):
        raise NotValid("case_status", "A case becomes open, pending or closed.")
    known = {d["id"] for d in settings.get(conn, "dispositions", [])}
    may_be_left_out = loaded.record.state == "wrap_up" and loaded.record.wrap_up_mode in ("optional", "asked")
    if known and disposition not in known and not (may_be_left_out and not disposition):
        raise NotValid("disposition", "That outcome is not in the list.")
    actor = Actor("agent", acting.agent_id)
    record = loaded.record
    if record.state == "assigned":
        _hang_up(conn, on, loaded)
        queue = queues.get(conn, record.queue) if record.medium == "voice" else None
        if queue is not None and queue.rules.wrap_up.mode == "forced":  # who is quick has the time all the same
            moves.begin_wrap_up(conn, on, loaded, "agent", actor)
        else:
            journal.happen(conn, on, loaded, WrapUpStarted("agent"), actor)
    text = note.strip()[:TEXT_LIMIT]
    if record.wrap_up_mode == "forced" and on.now < record.wrap_up_until_at:
        said = WrappedUp(disposition[:64], text, case_status)  # type: ignore[arg-type]
        event = journal.happen(conn, on, loaded, said, actor)
        journal.save(conn, loaded)
        journal.tell_owner(conn, on, loaded, event)
        return {}
    moves.finish_work(conn, on, loaded, disposition or "none", text, case_status, actor)
    return {}


def return_to_queue(
    conn: Connection, on: Occasion, acting: Acting, interaction_id: str, queue: str = ""
) -> dict[str, str]:
    """Gives the interaction back to its queue, or on to another, at the place that it has always had."""
    loaded = in_hand(conn, acting, interaction_id)
    if loaded.record.state != "assigned":
        raise TooLate("over", "This is being wrapped up.")
    target = None
    if queue and queue != loaded.record.queue:
        target = queues.get(conn, queue)
        if target is None:
            raise NotFound("queue")
    hand_back(conn, on, loaded, desk_of(conn, acting.agent_id), target)
    return {}


def hand_back(
    conn: Connection,
    on: Occasion,
    loaded: Loaded,
    agent: agents.Agent,
    target: queues.Queue | None = None,
    only_agent: str = "",
) -> None:
    """Out of the agent's hands, into a queue or to one colleague. A caller stays on the line and hears music."""
    record = loaded.record
    live = record.medium == "voice" and not record.customer_left
    if live and not record.thread_key:
        raise TooLate("not_connected", "The customer is not on the line.")
    reason = "transferred" if target or only_agent else "returned"
    moves.hand_back(conn, on, loaded, agent, reason, Actor("agent", agent.id), target, only_agent)
    agents.settle(conn, on, agent)


def rename_customer(conn: Connection, on: Occasion, acting: Acting, customer_id: str, name: str) -> dict[str, Any]:
    """What we call the customer. An agent may say so of those whom they serve or have served."""
    name = " ".join(name.split())[:200]
    if not acting.supervises and not customers.has_agent(conn, customer_id, acting.agent_id):
        raise NotFound("customer")
    if not customers.rename(conn, on, customer_id, name):
        raise NotFound("customer")
    loaded = None
    for case in customers.open_cases(conn, customer_id):
        loaded = journal.open_of_case(conn, case.id) if case.busy else None
        if loaded is not None:
            journal.tell_owner(conn, on, loaded, None)
    return {"customer": {"id": customer_id, "name": name}}


def keep_work(conn: Connection, on: Occasion, acting: Acting, interaction_id: str) -> dict[str, str]:
    """The agent, who is off duty and was asked, keeps it."""
    loaded = in_hand(conn, acting, interaction_id)
    if not loaded.record.hand_back_at:
        raise TooLate("not_asked", "Nobody asks about this any more.")
    absence.keep(conn, on, loaded, Actor("agent", acting.agent_id))
    return {}
