"""What agents and supervisors do with a live call: hold, mute, keys, bring in, hand over, record, listen.

Like the other verbs of the desk: each checks that the caller may, does it in one transaction, raises a ``Refusal``
before anything has changed. What the carrier must do leaves through the outbox; the record changes when it has.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Literal

from contact_center.desk.verbs import Acting, desk_of, hand_back, in_hand
from contact_center.domain.calls import Dial, Say
from contact_center.domain.contact_points import ContactPoint
from contact_center.domain.contact_points import phone as phone_point
from contact_center.domain.dialling import Verdict
from contact_center.domain.errors import NotAllowed, NotFound, NotValid, TooLate
from contact_center.domain.events import (
    SUPERVISOR,
    Actor,
    PartyAdded,
    PartyMode,
    RecordingAsked,
    Transferred,
    WrapUpAsked,
)
from contact_center.domain.occasion import Occasion
from contact_center.domain.record import MAX_PARTIES, Party
from contact_center.domain.time import Moment
from contact_center.moves import callbacks, joining, lines, moves
from contact_center.moves.taking import address_of
from contact_center.storage import agents, cases, customers, journal, queues
from contact_center.storage.connection import Connection
from contact_center.storage.journal import Loaded

MOST_KEYS = 32
KEYS = frozenset("0123456789*#w")
MOST_THERE = 6
"""People in one call besides the customer and the agent."""
FARTHEST_MS = 365 * 86_400_000


# --- the agent's own call -----------------------------------------------------------------------------------------


def _call(
    conn: Connection, acting: Acting, interaction_id: str, *, connected: bool = True, beside: Iterable[str] = ()
) -> Loaded:
    """The call that is in the acting agent's hands. ``beside``: who else it is about to concern."""
    loaded = in_hand(conn, acting, interaction_id, beside=beside)
    record = loaded.record
    if record.medium != "voice":
        raise NotValid("no_call", "This is not a call.")
    if record.state != "assigned" or record.customer_left:
        raise TooLate("over", "The call is over.")
    if connected and record.call != "connected":
        raise TooLate("not_connected", "The customer is not on the line.")
    return loaded


def hold(conn: Connection, on: Occasion, acting: Acting, interaction_id: str, to: bool) -> dict[str, str]:
    """The customer hears music, or us again."""
    loaded = _call(conn, acting, interaction_id)
    if loaded.record.held != to:
        lines.ask(conn, on, loaded, "hold", mode="on" if to else "off")
    return {}


def mute(conn: Connection, on: Occasion, acting: Acting, interaction_id: str, to: bool) -> dict[str, str]:
    """Nobody hears the agent, or everybody does again."""
    loaded = _call(conn, acting, interaction_id)
    record = loaded.record
    if record.muted != to:
        mode = "on" if to else "off"
        lines.ask(conn, on, loaded, "mute", mode=mode, offer_id=record.accepted_offer, **_own_leg(loaded))
    return {}


def _own_leg(loaded: Loaded) -> dict[str, str]:
    """How the agent's leg is told apart: by the offer it was rung for, or as the party that it came in as."""
    record = loaded.record
    return {"agent_leg": record.agent_leg, "party_id": record.agent_party}


def send_keys(conn: Connection, on: Occasion, acting: Acting, interaction_id: str, digits: str) -> dict[str, str]:
    """Tones for the machine at the other end. They are written down nowhere."""
    loaded = _call(conn, acting, interaction_id)
    if not digits or len(digits) > MOST_KEYS or not set(digits) <= KEYS:
        raise NotValid("digits", "Keys are 0 to 9, * and #; w waits half a second.")
    lines.ask(conn, on, loaded, "keys", digits=digits)
    return {}


# --- others in the call -------------------------------------------------------------------------------------------


def _target(to: str) -> tuple[str, str]:
    kind, _, who = to.partition(":")
    if kind not in ("agent", "queue", "number") or not who:
        raise NotValid("to", "Say whom: agent:…, queue:… or number:+….")
    return kind, who


def _agents(kind: str, who: str) -> tuple[str, ...]:
    return (who,) if kind == "agent" else ()


def _colleague(conn: Connection, acting: Acting, agent_id: str) -> agents.Agent:
    if agent_id == acting.agent_id:
        raise NotValid("to", "That is yourself.")
    agent = agents.lock(conn, agent_id)
    if agent is None:
        raise NotFound("agent")
    if agent.chosen == "offline":
        raise TooLate("not_there", f"{agent.name} is not signed in.")
    if agents.load(conn, agent_id).by_medium.get("voice", 0):
        raise TooLate("busy", f"{agent.name} is on a call.")
    return agent


def _allowed(verdict: Verdict) -> str:
    if not verdict.allowed:
        raise NotValid(f"dialling_{verdict.why}", verdict.words)
    return verdict.number


def add_party(
    conn: Connection,
    on: Occasion,
    acting: Acting,
    interaction_id: str,
    to: str,
    purpose: Literal["consult", "conference"],
) -> dict[str, str]:
    """Rings a colleague or an outside number and brings them in; for a consultation the customer hears music
    meanwhile."""
    kind, who = _target(to)
    loaded = _call(conn, acting, interaction_id, beside=_agents(kind, who))
    record = loaded.record
    if sum(party.there for party in record.parties) >= MOST_THERE:
        raise TooLate("full", "There are too many people in this call already.")
    if kind == "queue":
        raise NotValid("to", "A queue cannot talk: transfer the call to it, or bring in one person.")
    if kind == "agent":
        if any(party.there and party.kind == "agent" and party.who == who for party in record.parties):
            raise TooLate("there_already", "They are in this call already.")
        colleague = _colleague(conn, acting, who)
        name, address = colleague.name, address_of(colleague)
    else:
        number = _allowed(lines.spend(conn, on, who, f"agent:{acting.agent_id}", interaction_id))
        who, name, address = number, "", number
    party_id = on.new_id()
    if purpose == "consult" and not record.held:
        lines.ask(conn, on, loaded, "hold", mode="on")
    _bring_in(conn, on, loaded, acting, PartyAdded(party_id, kind, who, purpose, "talk", name), address)  # type: ignore[arg-type]
    return {"party_id": party_id}


def _bring_in(
    conn: Connection, on: Occasion, loaded: Loaded, acting: Acting, added: PartyAdded, address: str
) -> None:
    record = loaded.record
    lines.ask(
        conn,
        on,
        loaded,
        "add",
        sender=ContactPoint("phone", lines.our_number(conn, record.channel, record.dialled)),
        agent_id=added.who if added.party != "number" else "",
        agent_address=address,
        party_id=added.party_id,
        mode=added.mode,
        coached_leg=record.agent_leg,
        text=f"{acting.name}. {loaded.customer_name}".strip(". ")[:200] if added.purpose == "consult" else "",
        longest_ms=lines.longest_ms(conn),
    )
    event = journal.happen(conn, on, loaded, added, Actor("agent", acting.agent_id))
    journal.save(conn, loaded)
    journal.tell_owner(conn, on, loaded, event)


def _party(loaded: Loaded, party_id: str) -> Party:
    party = loaded.record.party(party_id)
    if party is None or party.purpose == "supervise":
        raise NotFound("party")
    if not party.there:
        raise TooLate("left", "They have left the call.")
    return party


def drop_party(conn: Connection, on: Occasion, acting: Acting, interaction_id: str, party_id: str) -> dict[str, str]:
    """Somebody who was brought in goes. After a consultation the customer hears us again."""
    loaded = _call(conn, acting, interaction_id)
    party = _party(loaded, party_id)
    lines.ask(conn, on, loaded, "drop", party_id=party.id, party_leg=party.leg_id)
    lines.consultation_over(conn, on, loaded, party)
    return {}


def join_parties(conn: Connection, on: Occasion, acting: Acting, interaction_id: str) -> dict[str, str]:
    """From a consultation to a conference: everybody hears everybody."""
    loaded = _call(conn, acting, interaction_id)
    if not any(party.there and party.purpose != "supervise" for party in loaded.record.parties):
        raise TooLate("alone", "Nobody else is in the call.")
    lines.ask(conn, on, loaded, "hold", mode="off")
    return {}


# --- handing over -------------------------------------------------------------------------------------------------


def transfer(conn: Connection, on: Occasion, acting: Acting, interaction_id: str, to: str) -> dict[str, str]:
    """Hands the customer on without talking first. They keep their place: the colleague or the queue gets them as
    if they had waited there all along. An agent who doesn't take it is passed by, and the queue takes it."""
    kind, who = _target(to)
    loaded = in_hand(conn, acting, interaction_id, beside=_agents(kind, who))
    if loaded.record.state != "assigned":
        raise TooLate("over", "This is being wrapped up.")
    me = desk_of(conn, acting.agent_id)
    if kind == "number":
        return _transfer_out(conn, on, acting, loaded, me, who)
    if loaded.record.medium == "voice":
        _call(conn, acting, interaction_id)
    target = only = None
    if kind == "agent":
        only = _colleague(conn, acting, who) if loaded.record.medium == "voice" else agents.get(conn, who)
        if only is None or only.id == acting.agent_id:
            raise NotFound("agent")
        if only.chosen == "offline":
            raise TooLate("not_there", f"{only.name} is not signed in.")
    else:
        target = queues.get(conn, who)
        if target is None:
            raise NotFound("queue")
    journal.happen(conn, on, loaded, Transferred(to, "blind"), Actor("agent", me.id))
    hand_back(conn, on, loaded, me, target, only.id if only else "")
    return {}


def _transfer_out(
    conn: Connection, on: Occasion, acting: Acting, loaded: Loaded, me: agents.Agent, to: str
) -> dict[str, str]:
    """To an outside number: it is rung with the caller on the line; who isn't answered comes back to the queue."""
    _call(conn, acting, loaded.record.interaction_id)
    record = loaded.record
    number = _allowed(lines.spend(conn, on, to, f"agent:{acting.agent_id}", record.interaction_id))
    spoken = "zh-CN" if record.language.startswith(("zh", "cmn")) else "en-US"
    lines.drop_agent(conn, on, loaded)
    lines.drop_parties(conn, on, loaded)
    journal.happen(conn, on, loaded, Transferred(f"number:{number}", "blind"), Actor("agent", me.id))
    dial = Dial(
        position=f"{lines.OUTSIDE}.{record.epoch}.0",
        number=number,
        caller_id=lines.our_number(conn, record.channel, record.dialled),
        prompts=(Say(lines.PASSED_ON[spoken], spoken),),
        language=spoken,
        longest_ms=lines.longest_ms(conn),
    )
    lines.tell(conn, on, loaded, dial)
    journal.save(conn, loaded)
    journal.tell_left(conn, on, me.id, loaded, "transferred")
    agents.settle(conn, on, me)
    moves.happened(conn, on, loaded, "transferred", me.name)
    return {}


def complete_transfer(
    conn: Connection, on: Occasion, acting: Acting, interaction_id: str, party_id: str
) -> dict[str, str]:
    """Hands over to somebody who is in the call already. A colleague has it in hand from now on; with an outside
    number the customer talks on without us, and what is left is to wrap up."""
    loaded = _call(conn, acting, interaction_id)
    party = _party(loaded, party_id)
    if party.state != "joined":
        raise TooLate("not_there_yet", "They have not answered yet.")
    me = desk_of(conn, acting.agent_id)
    if party.kind == "number":
        actor = Actor("agent", me.id)
        if loaded.record.held:
            lines.ask(conn, on, loaded, "hold", mode="off")
        lines.drop_agent(conn, on, loaded)
        lines.drop_supervisors(conn, on, loaded)
        journal.happen(conn, on, loaded, Transferred(f"number:{party.who}", "warm"), actor)
        event = moves.begin_wrap_up(conn, on, loaded, "transferred", actor)
        journal.tell_owner(conn, on, loaded, event, me.name)
        return {}
    colleague = agents.lock(conn, party.who)
    if colleague is None:
        raise NotFound("agent")
    if not moves.may_take_over(conn, colleague):
        raise TooLate("busy", f"{colleague.name} has taken another call meanwhile.")
    lines.drop_agent(conn, on, loaded)
    moves.hand_over(conn, on, loaded, me, party, colleague)
    return {}


# --- calling out --------------------------------------------------------------------------------------------------


def place_call(
    conn: Connection,
    on: Occasion,
    acting: Acting,
    number: str,
    channel: str,
    case_id: int = 0,
    customer_id: str = "",
    queue: str = "",
) -> dict[str, Any]:
    """Calls somebody: the agent's own telephone rings first. The call belongs to the case that is named, if nothing
    else is open on it, and else to a case of its own."""
    agent = desk_of(conn, acting.agent_id)
    held = agents.load(conn, agent.id)
    if agent.chosen == "offline":
        raise TooLate("offline", "Be here first: choose ready or not ready.")
    if held.by_medium.get("voice", 0) or held.wrapping_calls:
        raise TooLate("busy", "There is a call in your hands already.")
    if not channel:
        raise NotValid("no_line", "No telephone line is set up.")
    number = _allowed(lines.may_call(conn, on, number, f"agent:{agent.id}"))
    point = phone_point(number)
    customer, case_id = _whom(conn, on, acting, point, case_id, customer_id)
    queue_id = queue if queues.get(conn, queue) else next(iter(agent.queues), moves.FALLBACK_QUEUE)
    case = cases.get(conn, case_id) if case_id else None
    subject = case.subject if case is not None else ""
    if case is None or joining.open_of_family(conn, case_id) is not None:
        case_id = cases.add(conn, on, customer.id, subject, queue_id)
    call = callbacks.place(
        conn,
        on,
        channel=channel,
        number=number,
        reason="agent",
        owed=False,
        point=point,
        dialled="",
        case_id=case_id,
        customer_id=customer.id,
        customer_name=customer.name,
        customer_since=customer.first_seen_at,
        subject=subject,
        actor=Actor("agent", agent.id),
    )
    moves.enqueue(conn, on, call, queue_id, actor=Actor("agent", agent.id))
    cases.reopen(conn, on, case_id)
    moves.give(conn, on, call, agent, Actor("agent", agent.id))
    lines.ask(
        conn,
        on,
        call,
        "connect",
        offer_id=call.record.accepted_offer,
        agent_id=agent.id,
        agent_address=address_of(agent),
        longest_ms=lines.longest_ms(conn),
    )
    return {"interaction_id": call.record.interaction_id, "case_id": case_id}


def _whom(
    conn: Connection, on: Occasion, acting: Acting, point: ContactPoint, case_id: int, customer_id: str
) -> tuple[customers.Customer, int]:
    if case_id:
        case = cases.get(conn, case_id)
        if case is None:
            raise NotFound("case")
        customer_id = case.customer_id
    known = customers.get(conn, customer_id) if customer_id else customers.at_point(conn, point)
    if customer_id and known is None:
        raise NotFound("customer")
    return known or customers.add(conn, on, point, ""), case_id


def promise_callback(
    conn: Connection, on: Occasion, acting: Acting, interaction_id: str, at: Moment, number: str = ""
) -> dict[str, str]:
    """The agent promises to call, at ``at`` or later: it comes to them first, as soon as this is wrapped up."""
    loaded = in_hand(conn, acting, interaction_id)
    record = loaded.record
    if record.medium != "voice" or record.direction == "outbound":
        raise NotValid("no_call", "Only from a call that came in can a callback be promised.")
    number = _allowed(lines.may_call(conn, on, number or record.point, f"agent:{acting.agent_id}"))
    if at > on.now + FARTHEST_MS:
        raise NotValid("at", "That is more than a year away.")
    event = callbacks.promise(conn, on, loaded, number, "agent", at, Actor("agent", acting.agent_id))
    journal.save(conn, loaded)
    journal.tell_owner(conn, on, loaded, event, acting.name)
    return {"interaction_id": interaction_id}


def cancel_callback(conn: Connection, on: Occasion, acting: Acting, interaction_id: str) -> dict[str, str]:
    """Nobody will be called. For supervisors."""
    if not acting.supervises:
        raise NotAllowed("Only a supervisor takes back what we owe.")
    loaded = journal.load(conn, interaction_id)
    if loaded is None or not loaded.record.task:
        raise NotFound("callback")
    if loaded.record.state not in ("parked", "waiting"):
        raise TooLate("under_way", "Somebody has it in hand already.")
    callbacks.cancel(conn, on, loaded, Actor("agent", acting.agent_id) if acting.agent_id else Actor("hub"))
    moves.happened(conn, on, loaded, "callback.cancelled", acting.name)
    return {}


# --- recording ----------------------------------------------------------------------------------------------------


def record(
    conn: Connection,
    on: Occasion,
    acting: Acting,
    interaction_id: str,
    what: Literal["start", "pause", "resume", "stop"],
) -> dict[str, str]:
    """Asks the carrier to record, or to stop for a while. What is so is told when the carrier has confirmed it."""
    loaded = _call(conn, acting, interaction_id)
    now = loaded.record.recording
    fits = {
        "start": now in ("", "failed"),
        "pause": now in ("on", "resuming", "failed"),
        "resume": now in ("paused", "pausing", "failed"),
        "stop": now not in ("", "stopping"),
    }
    if what not in fits:
        raise NotValid("what", "A recording is started, paused, resumed or stopped.")
    if what == "start" and loaded.record.consent is False:
        raise NotAllowed("The customer does not want to be recorded.")
    if fits[what]:
        lines.ask(conn, on, loaded, "record", mode=what)
        event = journal.happen(conn, on, loaded, RecordingAsked(what), Actor("agent", acting.agent_id))
        journal.save(conn, loaded)
        journal.tell_owner(conn, on, loaded, event, acting.name)
    return {}


# --- after-call work ----------------------------------------------------------------------------------------------


def ask_wrap_up(conn: Connection, on: Occasion, acting: Acting, interaction_id: str, to: bool) -> dict[str, str]:
    """The agent wants time after this call, in a queue where nobody has it unasked."""
    loaded = in_hand(conn, acting, interaction_id)
    if loaded.record.state == "assigned" and loaded.record.wrap_up_asked != to:
        event = journal.happen(conn, on, loaded, WrapUpAsked(to), Actor("agent", acting.agent_id))
        journal.save(conn, loaded)
        journal.tell_owner(conn, on, loaded, event)
    return {}


# --- supervising --------------------------------------------------------------------------------------------------


def supervise(
    conn: Connection, on: Occasion, acting: Acting, interaction_id: str, mode: PartyMode | Literal["stop"]
) -> dict[str, str]:
    """A supervisor hears a call (``listen``), is heard by the agent alone (``whisper``) or by all (``barge``). Their
    own telephone rings first; the agent's console doesn't show it."""
    if not acting.supervises or not acting.agent_id:
        raise NotAllowed("Only a supervisor with a telephone listens in.")
    if mode not in ("listen", "whisper", "barge", "stop"):
        raise NotValid("mode", "A supervisor listens, whispers, barges in or stops.")
    loaded = journal.load(conn, interaction_id, beside=(acting.agent_id,))
    if loaded is None:
        raise NotFound("interaction")
    record = loaded.record
    mine = [p for p in record.parties if p.purpose == "supervise" and p.who == acting.agent_id and p.there]
    if mode == "stop":
        for party in mine:
            lines.ask(conn, on, loaded, "drop", party_id=party.id, party_leg=party.leg_id)
        return {}
    if record.medium != "voice" or record.state != "assigned" or record.call != "connected":
        raise TooLate("not_connected", "Nobody is talking on this call.")
    if record.agent_id == acting.agent_id:
        raise NotValid("own", "This call is your own.")
    if mine:
        party = mine[0]
        lines.ask(
            conn,
            on,
            loaded,
            "change",
            party_id=party.id,
            party_leg=party.leg_id,
            mode=mode,
            coached_leg=record.agent_leg,
        )
        return {"party_id": party.id}
    me = desk_of(conn, acting.agent_id)
    if agents.load(conn, me.id).by_medium.get("voice", 0):
        raise TooLate("busy", "You are on a call yourself.")
    if len([p for p in record.parties if p.there]) >= MAX_PARTIES:
        raise TooLate("full", "There are too many people in this call already.")
    party_id = SUPERVISOR + on.new_id()
    added = PartyAdded(party_id, "supervisor", me.id, "supervise", mode, me.name)
    _bring_in(conn, on, loaded, replace(acting, name=me.name), added, address_of(me))
    return {"party_id": party_id}
