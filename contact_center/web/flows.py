"""Flows over REST: what is in force, its picture, what callers do in it, and how a new version gets there."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from starlette.requests import Request
from starlette.responses import Response

from contact_center.domain.errors import NotAllowed, NotFound, NotValid
from contact_center.flows import publish as verbs
from contact_center.flows.tally import Tally, live
from contact_center.flows.versions import FlowsWrong, made_ready, opened
from contact_center.registry.runtime import Runtime
from contact_center.storage import agents, flows, queues
from contact_center.storage.connection import Connection
from contact_center.storage.flows import Stored
from contact_center.web.answers import Json
from contact_center.web.principal import Hub, Principal, Supervising
from ivr_flows import Flow, FlowError, Problem
from ivr_flows import check as problems_of
from ivr_flows.trying.diagram import diagram, inside_subflows

router = APIRouter(prefix="/api/v1/flows")

MOST_TEXT = 1_000_000
MOST_FILES = 50
AT_ONCE = 2
"""Texts that are read at the same time: each takes a processor for as long as it takes."""

MOST_DRAWN = 1_500
"""Steps of a flow that is drawn; more than that nobody could read, and it would take seconds."""

Name = Annotated[str, StringConstraints(max_length=64)]
Text = Annotated[str, StringConstraints(max_length=MOST_TEXT)]
Ref = Annotated[str, Query(max_length=64)]
_PICTURE = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox; frame-ancestors 'self'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "private, no-cache",
}


async def administering(principal: Supervising) -> Principal:
    """Raises :class:`NotAllowed` for everybody but admins."""
    if principal.role != "admin":
        raise NotAllowed("Only an admin may change flows.")
    return principal


Administering = Annotated[Principal, Depends(administering)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class CheckFlow(_Body):
    text: Text


class PublishFlow(_Body):
    """One ``text``, or several ``texts`` by file name, published together or not at all. ``by`` is who asked a
    program that has an API key to do it."""

    text: Text = ""
    texts: Annotated[dict[str, Text], Field(max_length=MOST_FILES)] = {}
    note: Annotated[str, StringConstraints(max_length=verbs.NOTE_LIMIT)] = ""
    by: Annotated[str, StringConstraints(max_length=200)] = ""


class RollBack(_Body):
    """Without a ``version``: the one that was published before the current one."""

    version: Name = ""
    by: Annotated[str, StringConstraints(max_length=200)] = ""


class _Reading:
    """What the routes keep between requests."""

    def __init__(self) -> None:
        self.turns = asyncio.Semaphore(AT_ONCE)
        self.counting = asyncio.Lock()
        self.tally = Tally()


def _kept(request: Request) -> _Reading:
    state = request.app.state
    if not hasattr(state, "flow_reading"):
        state.flow_reading = _Reading()
    found: _Reading = state.flow_reading
    return found


# --- reading ---------------------------------------------------------------------------------------------------


@router.get("", summary="Flows, and which version of each is in force")
async def list_flows(_: Supervising, runtime: Hub) -> Response:
    def read(conn: Connection) -> list[dict[str, Any]]:
        at_now = Counter(record.get("flow", "") for record in flows.live_calls(conn))
        changed = flows.current(conn)
        rows = []
        for name, stored in sorted(verbs.library(conn).items()):
            row = changed.get(name)
            rows.append(
                {
                    "name": name,
                    "version": stored.version,
                    "published_at": row.at if row else None,
                    "published_by": row.by if row else "",
                    "steps": stored,
                    "live": at_now[name],
                }
            )
        return rows

    rows = await runtime.executor.read(read)
    library = {row["name"]: row["steps"] for row in rows}
    for row in rows:
        flow = await asyncio.to_thread(_opened, runtime, row["steps"], library)
        row["steps"] = sum("/" not in step for step in flow.steps) if flow else 0
    return Json({"items": rows, "next": None})


@router.get("/{name}", summary="One flow: its text, and every version that was published")
async def one_flow(name: str, _: Supervising, runtime: Hub, version: Ref = "") -> Response:
    """``text`` is that of ``version``, by default the one in force."""

    def read(conn: Connection) -> dict[str, Any]:
        stored = verbs.text_of(conn, name[:64], version)
        if stored is None:
            raise NotFound("flow")
        versions = verbs.history(conn, name)
        current = next((each.version for each in versions if each.current), "")
        return {
            "name": name,
            "current": current,
            "version": stored.version,
            "versions": [asdict(each) for each in versions],
            "text": stored.text,
        }

    return Json(await runtime.executor.read(read))


@router.get("/{name}/diagram.svg", summary="The flow's picture")
async def picture(
    name: str, request: Request, _: Supervising, runtime: Hub, version: Ref = "", language: Ref = ""
) -> Response:
    flow = await _flow(runtime, request, name, version)
    if len(flow.steps) > MOST_DRAWN:
        raise NotValid("too_large", f"A flow of more than {MOST_DRAWN} steps is not drawn.")
    async with _kept(request).turns:
        drawn = await asyncio.to_thread(diagram, flow, language, lambda other: f"../{other}/diagram.svg")
    return Response(drawn, media_type="image/svg+xml", headers=_PICTURE)


@router.get("/{name}/counts", summary="Where callers are now, and which ways they took today")
async def counts(name: str, request: Request, _: Supervising, runtime: Hub) -> Response:
    kept = _kept(request)
    flow = await _flow(runtime, request, name, "")
    midnight = request.app.state.floor.midnight(runtime.occasion().now)
    async with kept.counting:
        while await runtime.executor.read(kept.tally.look, midnight):
            pass
        today, exits = Counter(kept.tally.steps(flow.name)), Counter(kept.tally.exits(flow.name))
    at_now = await runtime.executor.read(live, flow.name)
    for (step, by), (outer, said) in inside_subflows(flow).items():
        exits[outer, said] += exits[step, by]
    for step in [each for each in at_now if "/" in each]:
        at_now[step.partition("/")[0]] += at_now[step]
    names = sorted({*at_now, *today})
    return Json(
        {
            "steps": {step: {"now": at_now[step], "today": today[step]} for step in names},
            "exits": {f"{step} {by}": count for (step, by), count in sorted(exits.items()) if count},
        }
    )


async def _flow(runtime: Runtime, request: Request, name: str, version: str) -> Flow:
    def read(conn: Connection) -> tuple[Stored | None, dict[str, Stored]]:
        stored = verbs.text_of(conn, name[:64], version)
        parts = stored.pins.items() if stored else ()
        found = {part: verbs.text_of(conn, part, pinned) for part, pinned in parts}
        return stored, {part: each for part, each in found.items() if each is not None}

    stored, parts = await runtime.executor.read(read)
    if stored is None:
        raise NotFound("flow")
    async with _kept(request).turns:
        flow = await asyncio.to_thread(_opened, runtime, stored, parts)
    if flow is None:
        raise NotFound("flow that can be opened")
    return flow


def _opened(runtime: Runtime, stored: Stored, parts: Mapping[str, Stored]) -> Flow | None:
    at_hand = runtime.flows.version(stored.name, stored.version)
    if at_hand is not None:
        return at_hand
    try:
        return opened(stored, {name: each.text for name, each in parts.items()})
    except FlowError:
        return None


# --- writing ---------------------------------------------------------------------------------------------------


@router.post("/check", summary="What is wrong with a text")
async def check(body: CheckFlow, request: Request, _: Supervising, runtime: Hub) -> Response:
    def read(conn: Connection) -> tuple[dict[str, str], set[str], set[str]]:
        texts = {name: stored.text for name, stored in verbs.library(conn).items()}
        skills = {skill for agent in agents.every(conn) for skill in agent.skills}
        return texts, {queue.id for queue in queues.every(conn)}, skills

    texts, known_queues, known_skills = await runtime.executor.read(read)
    async with _kept(request).turns:
        found = await asyncio.to_thread(problems_of, body.text, "flow", texts, known_queues, known_skills)
    return Json({"problems": [_problem(each, "flow") for each in found]})


@router.post("", summary="Publish a flow: it is in force at once")
async def publish(body: PublishFlow, request: Request, principal: Administering, runtime: Hub) -> Response:
    """Admins only. 422 with all ``problems`` where anything is wrong; then nothing has changed."""
    texts = body.texts or {"flow": body.text}
    library = await runtime.executor.read(verbs.library)
    try:
        async with _kept(request).turns:
            ready = await asyncio.to_thread(made_ready, texts, library)
    except FlowsWrong as wrong:
        problems = [_problem(each, error.source) for error in wrong.errors for each in error.problems]
        message = "Nothing was published: there are mistakes in it."
        return Json({"error": {"code": "flow", "message": message, "problems": problems}}, 422)
    by, now = _by(principal, body.by), runtime.occasion().now
    done = await runtime.executor.write(verbs.publish, now, tuple(ready.values()), by, body.note)
    await runtime.executor.read(runtime.flows.reload)  # whoever is told that it is in force finds it so
    return Json({"published": [asdict(each) for each in done]})


@router.post("/{name}/rollback", summary="Put an earlier version into force")
async def rollback(name: Name, body: RollBack, principal: Administering, runtime: Hub) -> Response:
    """Admins only."""
    by, now = _by(principal, body.by), runtime.occasion().now
    done = await runtime.executor.write(verbs.rollback, now, name, body.version, by)
    await runtime.executor.read(runtime.flows.reload)
    return Json(asdict(done))


def _by(principal: Principal, said: str) -> str:
    """Who does it. Only a program, which has no name of its own, is believed about that."""
    return said if said and not principal.login_id else principal.name


def _problem(problem: Problem, source: str) -> dict[str, Any]:
    return {**asdict(problem), "source": problem.source or source}
