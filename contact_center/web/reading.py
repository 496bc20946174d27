"""What programs and consoles read over REST. Every answer is limited to what the asker may see."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from contact_center.config import apply as config_apply
from contact_center.config import model as config_model
from contact_center.desk.picking import may_pick
from contact_center.domain.errors import NotAllowed, NotFound, NotValid
from contact_center.domain.events import SUPERVISOR, InteractionEvent
from contact_center.indexing import looking
from contact_center.recognition import recognise
from contact_center.registry.runtime import Runtime
from contact_center.storage import (
    agents,
    cases,
    customers,
    events,
    floor,
    journal,
    offers,
    outbox,
    quarantine,
    queues,
    search,
    settings,
)
from contact_center.storage.connection import Connection
from contact_center.web.answers import Json
from contact_center.web.principal import Hub, Principal, SignedIn, Supervising
from contact_center.web.search import case_item, understood

router = APIRouter(prefix="/api/v1")

Limit = Annotated[int, Query(ge=1, le=200)]
Ref = Annotated[str, Query(max_length=64)]
BIG = 2**62


def page(items: list[Any], cursor: Any, limit: int) -> Json:
    """A page of a list; ``cursor`` makes an item's cursor and is asked for the last one of a full page."""
    return Json({"items": items, "next": cursor(items[-1]) if len(items) == limit and items else None})


# --- the event log ---------------------------------------------------------------------------------------------


@router.get("/events", summary="The event log")
async def event_log(
    _: Supervising,
    runtime: Hub,
    after: Annotated[int, Query(ge=0, le=BIG)] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Response:
    """Events after ``seq`` ``after`` in order: go on from the last one's ``seq``. None is ever skipped."""
    found = await runtime.executor.read(events.of_log, after, await _whole(runtime), limit)
    items = [{"seq": e.seq, "kind": e.kind, **_public(e)} for e in found]
    return Json({"items": items, "next": found[-1].seq if found else None})


async def _whole(runtime: Runtime) -> int:
    """Up to where the log is whole. Who asks finds all that was stored before: transactions that are under way then
    are waited for, ``log_patience_s`` in all; only one that stays open for longer makes the log end before it."""
    given = (await runtime.executor.read(events.sure, events.Sure())).given
    loop = asyncio.get_running_loop()
    until, pause = loop.time() + runtime.log_patience_s, 0.005
    while True:
        runtime.log_whole = await runtime.executor.read(events.sure, runtime.log_whole)
        if runtime.log_whole.upto >= given or loop.time() >= until:
            return runtime.log_whole.upto
        await asyncio.sleep(pause)
        pause = min(2 * pause, 0.2)


def _public(event: InteractionEvent) -> dict[str, Any]:
    data: dict[str, Any] = orjson.loads(orjson.dumps(event))
    return data


# --- interactions and cases ------------------------------------------------------------------------------------


@router.get("/interactions", summary="Interactions, newest first")
async def list_interactions(
    principal: SignedIn,
    runtime: Hub,
    state: Ref = "",
    queue: Ref = "",
    agent: Ref = "",
    medium: Ref = "",
    customer: Ref = "",
    after: Ref = "",
    limit: Limit = 50,
) -> Response:
    """Agents see their own and those of customers they serve by name of the ``customer`` filter; supervisors all."""
    if not principal.supervises and not customer:
        agent = principal.agent_id
    found = await runtime.executor.read(
        search.interactions,
        state=state,
        queue=queue,
        agent_id=agent,
        medium=medium,
        customer_id=customer,
        after=after,
        most=limit,
    )
    return page(found, lambda item: item["interaction_id"], limit)


@router.get("/interactions/{interaction_id}", summary="One interaction, whole")
async def one_interaction(interaction_id: str, principal: SignedIn, runtime: Hub) -> Response:
    def read(conn: Connection) -> dict[str, Any]:
        loaded = journal.look(conn, interaction_id[:64])
        if loaded is None:
            raise NotFound("interaction")
        if not principal.supervises:
            loaded.record.parties = [p for p in loaded.record.parties if p.purpose != "supervise"]
        return {
            "record": loaded.record,
            "customer": loaded.customer,
            "case": case_item(cases.get(conn, loaded.record.case_id)),
        }

    return Json(await runtime.executor.read(read))


@router.get("/interactions/{interaction_id}/events", summary="The interaction's events, oldest first")
async def interaction_events(
    interaction_id: str,
    principal: SignedIn,
    runtime: Hub,
    after: Annotated[int, Query(ge=0, le=BIG)] = 0,
    limit: Limit = 200,
) -> Response:
    def read(conn: Connection) -> list[Any]:
        names = events.agent_names(conn)
        found = events.of_interaction(conn, interaction_id[:64], after, limit)
        return [events.view(e, names) for e in found]

    return _lines(await runtime.executor.read(read), limit, principal)


def _lines(found: list[Any], limit: int, principal: Principal) -> Response:
    """A page of a conversation, without what agents are not shown. What is left out counts for the page."""
    cursor = found[-1].seq if len(found) == limit and found else None
    shown = found if principal.supervises else [line for line in found if not _discreet(line)]
    return Json({"items": shown, "next": cursor})


def _discreet(line: Any) -> bool:
    return str(line.body.get("party_id", "")).startswith(SUPERVISOR)


@router.get("/interactions/{interaction_id}/why", summary="Why it still waits")
async def why_waiting(interaction_id: str, _: SignedIn, runtime: Hub) -> Response:
    """Who could take it, and what keeps each from it, as of now."""
    explanation = runtime.dispatcher.explain(interaction_id)
    if explanation is None:
        raise NotFound("interaction that waits")
    seen = await runtime.executor.read(recognise.seen_of, interaction_id)
    return Json({**explanation.record(), "recognised": seen})


@router.get("/cases/{case_id}", summary="One case with its interactions")
async def one_case(case_id: int, _: SignedIn, runtime: Hub) -> Response:
    """One that was merged leads to the case that it is part of. ``linked`` are those that may belong to it, or were
    merged into it."""

    def read(conn: Connection) -> dict[str, Any]:
        whole = cases.family(conn, case_id) if 0 < case_id < BIG else []
        row = cases.get(conn, whole[0]) if whole else None
        if row is None:
            raise NotFound("case")
        held = [item for each in whole[:50] for item in search.interactions(conn, case_id=each, most=200)]
        return {
            "case": case_item(row),
            "customer": _customer(conn, row.customer_id),
            "interactions": sorted(held, key=lambda item: str(item["interaction_id"]), reverse=True)[:200],
            "linked": [case_item(each) for each in cases.linked(conn, whole)],
        }

    return Json(await runtime.executor.read(read))


@router.get("/cases/{case_id}/events", summary="Everything said and done in the case, oldest first")
async def case_events(
    case_id: int,
    principal: SignedIn,
    runtime: Hub,
    after: Annotated[int, Query(ge=0, le=BIG)] = 0,
    limit: Limit = 200,
) -> Response:
    def read(conn: Connection) -> list[Any]:
        names = events.agent_names(conn)
        return [events.view(e, names) for e in events.of_case(conn, min(case_id, BIG), after, limit)]

    return _lines(await runtime.executor.read(read), limit, principal)


# --- customers -------------------------------------------------------------------------------------------------


def _customer(conn: Connection, customer_id: str) -> dict[str, Any]:
    customer = customers.get(conn, customer_id)
    if customer is None:
        raise NotFound("customer")
    return {
        "id": customer.id,
        "name": customer.name,
        "first_seen_at": customer.first_seen_at,
        "points": [asdict(point) for point in customers.points(conn, customer_id)],
        "history": customers.history(conn, customer_id, most=50),
        "open_cases": [case.id for case in customers.open_cases(conn, customer_id)],
    }


@router.get("/customers", summary="Customers by name or contact point, newest first")
async def list_customers(
    _: SignedIn,
    runtime: Hub,
    q: Annotated[str, Query(max_length=200)] = "",
    after: Ref = "",
    limit: Limit = 50,
) -> Response:
    """``q`` is words of their name, of an address or a number (or the beginning of the last one)."""
    asked = understood(q)

    def read(conn: Connection) -> list[dict[str, Any]]:
        if asked.has_words:
            found = looking.people(conn, asked, after, limit)
        else:
            found = [] if q.strip() else customers.newest(conn, after, limit)
        return [
            {
                "id": c.id,
                "name": c.name,
                "first_seen_at": c.first_seen_at,
                "points": [asdict(point) for point in customers.points(conn, c.id)],
            }
            for c in found
        ]

    return page(await runtime.executor.read(read), lambda item: item["id"], limit)


@router.get("/customers/{customer_id}", summary="One customer with their history over all channels")
async def one_customer(customer_id: str, _: SignedIn, runtime: Hub) -> Response:
    return Json(await runtime.executor.read(_customer, customer_id[:64]))


# --- the floor -------------------------------------------------------------------------------------------------


@router.get("/queues", summary="Queues with their numbers now and today")
async def list_queues(_: SignedIn, runtime: Hub, request: Request) -> Response:
    now = runtime.occasion().now
    midnight = request.app.state.floor.midnight(now)

    def read(conn: Connection) -> list[dict[str, Any]]:
        rules = {queue.id: queue.rules.wrap_up for queue in queues.every(conn)}
        views = floor.queue_views(conn, now, midnight)
        return [
            {**asdict(v), "wrap_up": {"mode": rules[v.id].mode, "seconds": rules[v.id].ms / 1_000}} for v in views
        ]

    return Json({"items": await runtime.executor.read(read), "next": None})


@router.get("/agents", summary="Agents with state and load")
async def list_agents(_: SignedIn, runtime: Hub) -> Response:
    def read(conn: Connection) -> list[Any]:
        held = agents.loads(conn)
        return [agents.view(a, held.get(a.id, agents.Load({}))) for a in agents.every(conn)]

    return Json({"items": await runtime.executor.read(read), "next": None})


@router.get("/offers", summary="Offers, newest first")
async def list_offers(
    principal: SignedIn,
    runtime: Hub,
    state: Ref = "",
    after: Ref = "",
    limit: Limit = 50,
) -> Response:
    """Agents see their own; supervisors all. ``after`` is the last one's id."""

    def read(conn: Connection) -> list[Any]:
        rows = offers.recent(conn, after, limit, state, "" if principal.supervises else principal.agent_id)
        return [
            {
                **row.view,
                "agent_id": row.agent_id,
                "state": row.state,
                "ended_at": row.ended_at or None,
            }
            for row in rows
        ]

    return page(await runtime.executor.read(read), lambda item: item["id"], limit)


@router.get("/decisions/{decision_id}", summary="A routing decision: who was considered, and why")
async def one_decision(decision_id: str, _: SignedIn, runtime: Hub) -> Response:
    def read(conn: Connection) -> dict[str, Any] | None:
        found = offers.decision(conn, decision_id[:64])
        return found and {**found, "recognised": recognise.seen_at(conn, found["interaction_id"], found["at"])}

    found = await runtime.executor.read(read)
    if found is None:
        raise NotFound("decision")
    return Json(found)


# --- what consoles and operators need --------------------------------------------------------------------------


@router.get("/console", summary="What a console needs at the start")
async def console(principal: SignedIn, runtime: Hub) -> Response:
    def read(conn: Connection) -> dict[str, Any]:
        return {
            "queues": [
                {"id": q.id, "name": q.name, "pick": may_pick(conn, principal.acting, q.id)}
                for q in queues.every(conn)
            ],
            "intents": recognise.listed(conn),
            "languages": recognise.listed_languages(conn),
            "dispositions": settings.get(conn, "dispositions", []),
            "reasons": settings.get(conn, "reasons", []),
            "heartbeat_ms": 25_000,
            "time_zone": settings.get(conn, "time_zone", "UTC"),
        }

    return Json(await runtime.executor.read(read))


@router.post("/config", summary="Put a configuration into force, or see what it would change")
async def put_config(principal: SignedIn, runtime: Hub, body: dict[str, Any], dry_run: bool = False) -> Response:
    """The configuration file's content as JSON. Admins only. 422 with one line for each mistake. ``warnings``: what
    is perhaps not meant; ``waiting``: what a dry run would mean for those who wait."""
    if principal.role != "admin":
        raise NotAllowed("Only an admin may change the configuration.")
    waiting: list[str] = []
    try:
        wanted = config_model.parse(body)
        if dry_run:
            changes = await runtime.executor.read(config_apply.compare, wanted)
            waiting = await runtime.executor.read(config_apply.consequences, wanted)
        else:
            changes = await runtime.executor.write(config_apply.apply, wanted, runtime.occasion().now)
    except config_model.ConfigError as error:
        raise NotValid("config", "\n".join(error.problems)) from error
    return Json({"changes": changes, "warnings": wanted.warnings, "waiting": waiting})


@router.get("/channels", summary="Each channel's health")
async def list_channels(_: SignedIn, runtime: Hub) -> Response:
    items = []
    for name, door in runtime.doors.items():
        state, reason = door.state
        items.append({"name": name, "medium": door.channel.medium, "state": state, "reason": reason})
    return Json({"items": items, "next": None})


@router.get("/outbox", summary="Messages that failed, or of which nobody knows")
async def list_undelivered(_: Supervising, runtime: Hub) -> Response:
    rows = await runtime.executor.read(outbox.undelivered)
    items = [
        {
            "id": row.outbox_id,
            "channel": row.channel,
            "verb": row.verb,
            "interaction_id": row.interaction_id,
            "state": row.state,
            "reason": row.reason,
            "attempts": row.attempts,
            "created_at": row.created_at,
        }
        for row in rows
    ]
    return Json({"items": items, "next": None})


@router.get("/quarantine", summary="What could not be understood, newest first")
async def list_quarantine(
    _: Supervising, runtime: Hub, state: Ref = "held", after: Ref = "", limit: Limit = 50
) -> Response:
    rows = await runtime.executor.read(quarantine.find, state, after, limit)
    items = [
        {
            "id": row.id,
            "channel": row.channel,
            "source_id": row.source_id,
            "reason": row.reason,
            "digest": row.digest,
            "size": row.size,
            "received_at": row.received_at,
            "state": row.state,
        }
        for row in rows
    ]
    return page(items, lambda item: item["id"], limit)
