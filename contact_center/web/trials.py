"""Policies on trial over REST: a day that was, tried under another policy, and what an experiment has shown."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from starlette.responses import HTMLResponse, Response

from contact_center.config import apply as config_apply
from contact_center.config.model import ConfigError
from contact_center.config.trying import rulebook_of_text
from contact_center.domain.errors import NotFound, NotValid
from contact_center.domain.time import DAY, Moment
from contact_center.replaying.day import places_of
from contact_center.replaying.telling import stored_rulebook
from contact_center.storage import policies, routing_log, trials, tried
from contact_center.storage.connection import Connection
from contact_center.storage.tried import Trial
from contact_center.web.answers import Json
from contact_center.web.principal import Hub, Supervising
from routing.document import UNCONFIGURED, policy_of
from routing.onward import Rulebook

router = APIRouter(prefix="/api/v1/routing/trials")

LONGEST_MS = 31 * DAY
MOST_TEXT = 256_000
MOST_VERSIONS = 50


class NewTrial(BaseModel):
    """``first`` and ``last`` are days, or moments like ``2026-03-02T09:00``, by the house's clock; a day counts to
    its end, and without ``last`` it is one day. The policy: ``text`` in the configuration's shape (what it doesn't
    name stays as it is), else the ``version`` that was in force once, else the one that is now."""

    model_config = ConfigDict(extra="forbid")
    first: Annotated[str, StringConstraints(min_length=10, max_length=32)]
    last: Annotated[str, StringConstraints(max_length=32)] = ""
    version: Annotated[str, StringConstraints(max_length=64)] = ""
    text: Annotated[str, StringConstraints(max_length=MOST_TEXT)] = ""
    label: Annotated[str, StringConstraints(max_length=60)] = ""
    seed: Annotated[int, Field(ge=0, le=2**31)] = 0


@router.get("", summary="What is on trial, what came of the last ones, and what can be tried")
async def list_trials(_: Supervising, runtime: Hub) -> Response:
    """``kept``: between which moments anything can be tried (0: nothing is kept). ``versions``: policies that were in
    force or on trial. ``experiment``: what is under way, if anything is. ``items``: the last 50 of 30 days, whichever
    node ran them."""
    found = await runtime.executor.read(_choices, runtime.occasion().now)
    return Json({**found, "time_zone": str(runtime.time_zone), "next": None})


def _choices(conn: Connection, now: Moment) -> dict[str, Any]:
    in_force = policies.in_force(conn).version
    under_way = trials.experiment(conn)
    return {
        "items": [trial.brief() for trial in tried.every(conn, now)],
        "kept": routing_log.whole(conn),
        "in_force": in_force,
        "versions": routing_log.versions(conn, MOST_VERSIONS),
        "experiment": None if under_way is None else {**_plan(under_way[1]), "in_force": in_force},
    }


def _plan(said: Mapping[str, Any]) -> dict[str, Any]:
    return {name: said[name] for name in ("name", "share", "block_ms", "warm_up_ms", "began_at", "version")}


@router.post("", summary="Try a policy on days that were kept")
async def new_trial(body: NewTrial, principal: Supervising, runtime: Hub) -> Response:
    """One at a time on a node: 409 while another runs. 422 with a line for each mistake in the text, which says where
    it stands."""
    first, last = period(body.first, body.last, runtime.time_zone)
    book, label, warnings = await _policy(runtime, body)
    asked = {"first": first, "last": last, "label": label, "policy": book.policy.version, "warnings": warnings}
    question = {
        "zone": str(runtime.time_zone),
        "first": first,
        "last": last,
        "seed": body.seed,
        "others": [{"label": label, **stored_rulebook(book)}],
    }
    return Json((await runtime.trials.begin("policy", principal.name, asked, question)).brief(), 201)


@router.post("/experiment", summary="Reckon what the experiment has shown so far")
async def reckon_experiment(principal: Supervising, runtime: Hub) -> Response:
    """404 where none is under way."""
    under_way = await runtime.executor.read(trials.experiment)
    if under_way is None:
        raise NotFound("experiment")
    last = runtime.occasion().now
    first = min(under_way[1]["began_at"], last)
    asked = {"first": first, "last": last, "label": under_way[1]["name"], "policy": under_way[1]["version"]}
    question = {"zone": str(runtime.time_zone), "first": first, "last": last}
    return Json((await runtime.trials.begin("experiment", principal.name, asked, question)).brief(), 201)


@router.get("/{trial_id}", summary="One trial, with its result when it is done")
async def one_trial(trial_id: str, _: Supervising, runtime: Hub) -> Response:
    trial = await _found(runtime, trial_id)
    result = {name: said for name, said in trial.result.items() if name != "pages"}
    return Json({**trial.brief(), "result": result or None})


@router.get("/{trial_id}/page", summary="The result as a page that needs nothing else")
async def trial_page(trial_id: str, _: Supervising, runtime: Hub, language: Literal["en", "zh"] = "en") -> Response:
    pages = (await _found(runtime, trial_id)).result.get("pages")
    if not pages:
        raise NotFound("page")
    headers = {
        "Content-Disposition": f'attachment; filename="policy-on-trial-{language}.html"',
        "Content-Security-Policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'",
    }
    return HTMLResponse(pages[language], headers=headers)


@router.delete("/{trial_id}", summary="End it if it runs, and forget it")
async def forget_trial(trial_id: str, _: Supervising, runtime: Hub) -> Response:
    if not await runtime.trials.remove(trial_id[:64]):
        raise NotFound("trial")
    return Json({"removed": True})


async def _found(runtime: Hub, trial_id: str) -> Trial:
    trial: Trial | None = await runtime.executor.read(tried.one, trial_id[:64], runtime.occasion().now)
    if trial is None:
        raise NotFound("trial")
    return trial


# --- what is asked --------------------------------------------------------------------------------------------------


def period(first: str, last: str, zone: ZoneInfo) -> tuple[Moment, Moment]:
    """Both ends included. Raises :class:`NotValid`."""
    begin, day = _moment("first", first, zone)
    end, whole_day = _moment("last", last, zone) if last else (begin, day)
    if whole_day or not last:
        end += timedelta(days=1)
    since, until = round(begin.timestamp() * 1_000), round(end.timestamp() * 1_000) - 1
    if not 0 < until - since <= LONGEST_MS:
        raise NotValid("period", "The days must begin before they end, and be 31 at most.")
    return since, until


def _moment(name: str, said: str, zone: ZoneInfo) -> tuple[datetime, bool]:
    """Also whether a whole day was meant."""
    try:
        if len(said) == len("2026-03-01"):
            return datetime.combine(date.fromisoformat(said), time.min, zone), True
        at = datetime.fromisoformat(said)
        return (at if at.tzinfo else at.replace(tzinfo=zone)), False
    except (ValueError, OverflowError) as error:
        raise NotValid(name, f"{said} is no day and no moment; write 2026-03-01 or 2026-03-01T09:00.") from error


async def _policy(runtime: Hub, body: NewTrial) -> tuple[Rulebook, str, list[str]]:
    """What is to be tried, what it is called, and what is perhaps not meant in it."""
    if body.text.strip():
        stored = await runtime.executor.read(config_apply.export)
        try:
            book, warnings = await asyncio.to_thread(rulebook_of_text, body.text, stored)
        except ConfigError as error:
            raise NotValid("policy", "\n".join(error.problems)) from error
        return book, body.label.strip() or book.policy.version, warnings
    book = await runtime.executor.read(_stored, body.version)
    return book, body.label.strip() or book.policy.version, []


def _stored(conn: Connection, version: str) -> Rulebook:
    wanted = version or policies.in_force(conn).version
    document = routing_log.policy(conn, wanted)
    if document is None and wanted != UNCONFIGURED:
        raise NotFound("version of the policy")
    return Rulebook(policy_of(document or {}), places_of(conn, wanted))
