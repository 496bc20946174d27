"""The agent's commands, the same over the websocket and over HTTP."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from contact_center.desk import calls, capacity, intents, linking, mail, picking, verbs
from contact_center.desk.mail import Written
from contact_center.desk.verbs import Acting
from contact_center.domain.errors import NotValid, TooLate
from contact_center.domain.events import Medium
from contact_center.domain.occasion import Occasion
from contact_center.registry.runtime import Runtime
from contact_center.storage import settings
from contact_center.storage.connection import Connection
from contact_center.web.principal import Principal
from contact_center.web.writing import ReplyArgs, written

Ref = Annotated[str, StringConstraints(min_length=1, max_length=64)]
Label = Annotated[str, StringConstraints(min_length=1, max_length=64)]
Short = Annotated[str, StringConstraints(max_length=400)]
Text = Annotated[str, StringConstraints(max_length=verbs.TEXT_LIMIT + 1)]
Chosen = Literal["ready", "not_ready", "offline"]


class _Args(BaseModel):
    model_config = ConfigDict(extra="forbid")


class SetState(_Args):
    state: Chosen
    reason: Annotated[str, Field(max_length=64)] = ""


class SetAgentState(_Args):
    agent_id: Ref
    state: Chosen
    reason: Annotated[str, Field(max_length=64)] = ""


class Accept(_Args):
    offer_id: Ref


class Reject(_Args):
    offer_id: Ref
    reason: Annotated[str, Field(max_length=64)] = ""


class Unsend(_Args):
    interaction_id: Ref
    outbox_id: Ref


class OfOutbox(_Args):
    outbox_id: Ref


class LinkCase(_Args):
    case_id: Annotated[int, Field(ge=1, le=2**62)]
    state: Literal["merged", "refused", "undone"]


class Note(_Args):
    interaction_id: Ref
    text: Text


class HangUp(_Args):
    interaction_id: Ref


class WrapUp(_Args):
    interaction_id: Ref
    disposition: Annotated[str, Field(max_length=64)]
    note: Text = ""
    case_status: Literal["open", "pending", "closed"] = "closed"


class ReturnToQueue(_Args):
    interaction_id: Ref
    queue: Annotated[str, Field(max_length=64)] = ""


class SetIntent(_Args):
    interaction_id: Ref
    intent: Annotated[str, Field(max_length=64)] | None


class SetLanguage(_Args):
    interaction_id: Ref
    language: Annotated[str, Field(max_length=3)] | None


class Pick(_Args):
    interaction_id: Ref
    reason: Annotated[str, Field(max_length=picking.REASON_LIMIT)]
    agent_id: Annotated[str, Field(max_length=64)] = ""
    over_capacity: bool = False


class SetCapacity(_Args):
    agent_id: Ref
    capacity: dict[Medium, Annotated[int, Field(ge=0, le=1_000)]] | None = None
    most: Annotated[int, Field(ge=0, le=100_000)] | None = None
    most_of: Annotated[dict[Label, Annotated[int, Field(ge=0, le=1_000)]], Field(max_length=100)] | None = None


class RenameCustomer(_Args):
    customer_id: Ref
    name: Annotated[str, Field(max_length=200)]


class Hold(_Args):
    interaction_id: Ref
    on: bool


class Mute(_Args):
    interaction_id: Ref
    on: bool


class SendKeys(_Args):
    interaction_id: Ref
    digits: Annotated[str, Field(max_length=calls.MOST_KEYS)]


class AddParty(_Args):
    interaction_id: Ref
    to: Annotated[str, Field(max_length=100)]
    purpose: Literal["consult", "conference"] = "consult"


class OfCall(_Args):
    interaction_id: Ref


class OfParty(_Args):
    interaction_id: Ref
    party_id: Ref


class Transfer(_Args):
    interaction_id: Ref
    to: Annotated[str, Field(max_length=100)]


class PlaceCall(_Args):
    number: Annotated[str, Field(max_length=40)]
    case_id: Annotated[int, Field(ge=0, le=2**62)] = 0
    customer_id: Annotated[str, Field(max_length=64)] = ""
    queue: Annotated[str, Field(max_length=64)] = ""


class Record(_Args):
    interaction_id: Ref
    what: Literal["start", "pause", "resume", "stop"]


class AskWrapUp(_Args):
    interaction_id: Ref
    on: bool


class PromiseCallback(_Args):
    interaction_id: Ref
    at: Annotated[int, Field(ge=0, le=2**53)] = 0
    number: Annotated[str, Field(max_length=40)] = ""


class Supervise(_Args):
    interaction_id: Ref
    mode: Literal["listen", "whisper", "barge", "stop"]


Run = Callable[[Connection, Occasion, Acting, Any], Any]


def _set_state(conn: Connection, on: Occasion, acting: Acting, args: SetState) -> Any:
    return {"agent": verbs.set_state(conn, on, acting, acting.agent_id, args.state, args.reason)}


def _set_agent_state(conn: Connection, on: Occasion, acting: Acting, args: SetAgentState) -> Any:
    return {"agent": verbs.set_state(conn, on, acting, args.agent_id, args.state, args.reason)}


def _reply(conn: Connection, on: Occasion, acting: Acting, args: tuple[ReplyArgs, Written | None]) -> Any:
    given, letter = args
    loaded = verbs.in_hand(conn, acting, given.interaction_id)
    if loaded.record.medium == "email":
        if letter is None:
            raise TooLate("not_yours", "This came into your hands just now. Try again.")
        return {"event": mail.reply(conn, on, acting, given.interaction_id, letter)}
    if given.is_letter:
        raise NotValid("no_mail", "This conversation is not by e-mail: it takes words alone.")
    return {"event": verbs.reply(conn, on, acting, given.interaction_id, given.text, given.subject)}


def _note(conn: Connection, on: Occasion, acting: Acting, args: Note) -> Any:
    return {"event": verbs.note(conn, on, acting, args.interaction_id, args.text)}


def _wrap_up(conn: Connection, on: Occasion, acting: Acting, args: WrapUp) -> Any:
    return verbs.wrap_up(conn, on, acting, args.interaction_id, args.disposition, args.note, args.case_status)


def _place_call(conn: Connection, on: Occasion, acting: Acting, args: PlaceCall) -> Any:
    return calls.place_call(conn, on, acting, args.number, acting.line, args.case_id, args.customer_id, args.queue)


def _set_capacity(conn: Connection, on: Occasion, acting: Acting, args: SetCapacity) -> Any:
    wanted = (args.capacity, args.most, args.most_of)
    return {"agent": capacity.set_capacity(conn, on, acting, args.agent_id, *wanted)}


def _of_call(verb: Callable[..., Any], *names: str) -> Run:
    """A verb of the live call: it takes the interaction and the arguments that ``names`` name, in order."""

    def run(conn: Connection, on: Occasion, acting: Acting, args: Any) -> Any:
        return verb(conn, on, acting, args.interaction_id, *(getattr(args, name) for name in names))

    return run


COMMANDS: dict[str, tuple[type[BaseModel], Run]] = {
    "set_state": (SetState, _set_state),
    "set_agent_state": (SetAgentState, _set_agent_state),
    "accept": (Accept, lambda conn, on, acting, args: verbs.accept(conn, on, acting, args.offer_id)),
    "reject": (Reject, lambda conn, on, acting, args: verbs.reject(conn, on, acting, args.offer_id, args.reason)),
    "reply": (ReplyArgs, _reply),
    "unsend": (Unsend, _of_call(mail.unsend, "outbox_id")),
    "send_now": (Unsend, _of_call(mail.send_now, "outbox_id")),
    "outbox.retry": (OfOutbox, lambda conn, on, acting, args: mail.send_again(conn, on, acting, args.outbox_id)),
    "outbox.dismiss": (OfOutbox, lambda conn, on, acting, args: mail.dismiss(conn, on, acting, args.outbox_id)),
    "note": (Note, _note),
    "hang_up": (HangUp, lambda conn, on, acting, args: verbs.hang_up(conn, on, acting, args.interaction_id)),
    "wrap_up": (WrapUp, _wrap_up),
    "return_to_queue": (
        ReturnToQueue,
        lambda conn, on, acting, args: verbs.return_to_queue(conn, on, acting, args.interaction_id, args.queue),
    ),
    "hold": (Hold, _of_call(calls.hold, "on")),
    "mute": (Mute, _of_call(calls.mute, "on")),
    "send_keys": (SendKeys, _of_call(calls.send_keys, "digits")),
    "add_party": (AddParty, _of_call(calls.add_party, "to", "purpose")),
    "join_parties": (OfCall, _of_call(calls.join_parties)),
    "drop_party": (OfParty, _of_call(calls.drop_party, "party_id")),
    "transfer": (Transfer, _of_call(calls.transfer, "to")),
    "complete_transfer": (OfParty, _of_call(calls.complete_transfer, "party_id")),
    "place_call": (PlaceCall, _place_call),
    "record": (Record, _of_call(calls.record, "what")),
    "ask_wrap_up": (AskWrapUp, _of_call(calls.ask_wrap_up, "on")),
    "promise_callback": (PromiseCallback, _of_call(calls.promise_callback, "at", "number")),
    "cancel_callback": (OfCall, _of_call(calls.cancel_callback)),
    "supervise": (Supervise, _of_call(calls.supervise, "mode")),
    "case.link": (
        LinkCase,
        lambda conn, on, acting, args: linking.link_case(conn, on, acting, args.case_id, args.state),
    ),
    "keep_work": (OfCall, _of_call(verbs.keep_work)),
    "pick": (Pick, lambda conn, on, acting, asked: picking.pick(conn, on, acting, asked)),
    "set_capacity": (SetCapacity, _set_capacity),
    "set_intent": (
        SetIntent,
        lambda conn, on, acting, args: intents.set_intent(conn, on, acting, args.interaction_id, args.intent),
    ),
    "set_language": (
        SetLanguage,
        lambda conn, on, acting, args: intents.set_language(conn, on, acting, args.interaction_id, args.language),
    ),
    "rename_customer": (
        RenameCustomer,
        lambda conn, on, acting, args: verbs.rename_customer(conn, on, acting, args.customer_id, args.name),
    ),
}


async def _with_written(runtime: Runtime, acting: Acting, args: Any) -> Any:
    return args, await written(runtime, acting, args)


async def _with_routing(runtime: Runtime, acting: Acting, args: Pick) -> picking.Pick:
    """What routing knows of it and would do, as of now."""
    explanation = runtime.dispatcher.explain(args.interaction_id)
    known = explanation.record() if explanation is not None else {}
    return picking.Pick(**args.model_dump(), policy=runtime.dispatcher.policy, explanation=known)


BEFORE: dict[str, Callable[[Runtime, Acting, Any], Awaitable[Any]]] = {"reply": _with_written, "pick": _with_routing}
"""What a command's arguments become first, outside the transaction."""


def parse(name: str, data: Any) -> BaseModel:
    """The command's arguments. Raises ``NotValid`` in words for people."""
    known = COMMANDS.get(name)
    if known is None:
        raise NotValid("unknown_command", f"There is no command {name[:64]!r}.")
    try:
        return known[0].model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "args"
        raise NotValid("args", f"{where}: {first['msg']}") from error


async def run(runtime: Runtime, principal: Principal, name: str, args: BaseModel, command_id: str = "") -> Any:
    """Does it once: the same ``command_id`` of the same desk again gives the first result."""
    command = COMMANDS[name][1]
    acting = replace(principal.acting, line=runtime.line)
    given = await BEFORE[name](runtime, acting, args) if name in BEFORE else args
    actor = (acting.agent_id or principal.login_id or principal.key)[:64]

    def unit(conn: Connection) -> Any:
        if command_id:
            before = settings.command_result(conn, actor, command_id)
            if before is not None:
                return before
        on = runtime.occasion()
        value = command(conn, on, acting, given)
        if command_id:
            settings.keep_command_result(conn, actor, command_id, on.now, value)
        return value

    return await runtime.executor.write(unit)
