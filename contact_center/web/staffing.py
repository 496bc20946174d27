"""How long waiting will take and how right that was, how many are needed, and how evenly work lies on them."""

from __future__ import annotations

from dataclasses import asdict
from math import inf
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from contact_center.domain.errors import NotFound, NotValid
from contact_center.domain.service_level import SHORT_MS, Counts, levels
from contact_center.domain.time import DAY, HOUR, SECOND, Millis, Moment
from contact_center.estimates.calibration import ENOUGH, quality
from contact_center.estimates.fair_shares import shares
from contact_center.estimates.staffing import Asked, Pause, Staffing, of_queue, pause, used
from contact_center.storage import agents as agents_storage
from contact_center.storage import estimates, journal, queues
from contact_center.storage.connection import Connection
from contact_center.storage.queues import Queue
from contact_center.web.answers import Json
from contact_center.web.principal import Hub, SignedIn, Supervising

router = APIRouter(prefix="/api/v1")

Ref = Annotated[str, Query(max_length=64)]
Medium = Literal["voice", "sms", "email", "chat", "other"]
Wait = Annotated[float | None, Query(ge=0, le=86_400)]
MOST_JUDGED = 2_000
LONGEST_PERIOD_MS = 35 * DAY


def _queue(conn: Connection, queue_id: str) -> Queue:
    queue = queues.get(conn, queue_id[:64])
    if queue is None:
        raise NotFound("queue")
    return queue


def _staffing(found: Staffing, name: str) -> dict[str, Any]:
    return {**asdict(found), "name": name, "missing": found.missing}


# --- how many are needed ------------------------------------------------------------------------------------------


@router.get("/staffing", summary="Each queue: what comes, who is there, what one more would mean")
async def list_staffing(_: Supervising, runtime: Hub) -> Response:
    """Under Erlang A, for a target of 80 % within the queue's target. ``null`` waits are endless; a ``patience_s`` of
    ``null`` is for ever."""
    now = runtime.occasion().now

    def read(conn: Connection) -> list[dict[str, Any]]:
        return [
            _staffing(of_queue(conn, now, runtime.expecting, queue, medium, Asked(), lines=False), queue.name)
            for queue, medium in used(conn, now)
        ]

    return Json({"at": now, "items": await runtime.executor.read(read), "next": None})


@router.get("/staffing/{queue_id}", summary="One queue, against the number of agents; or what if")
async def one_staffing(
    queue_id: str,
    _: Supervising,
    runtime: Hub,
    medium: Medium = "voice",
    per_hour: Annotated[float | None, Query(ge=0, le=100_000)] = None,
    handling_s: Annotated[float | None, Query(ge=1, le=86_400)] = None,
    patience_s: Wait = None,
    agents: Annotated[float | None, Query(ge=0, le=5_000)] = None,
    share: Annotated[float, Query(gt=0, lt=1)] = 0.8,
    within_s: Wait = None,
    shrinkage: Annotated[float, Query(ge=0, le=0.9)] = 0.0,
) -> Response:
    """Whatever is given stands in place of what was measured. ``patience_s`` 0 is for ever."""
    if per_hour is not None and handling_s is not None and per_hour * handling_s > 2_000 * 3_600:
        raise NotValid("per_hour", "That is more work than 2,000 agents could do.")
    now = runtime.occasion().now
    asked = Asked(per_hour, handling_s, inf if patience_s == 0 else patience_s, agents, share, within_s, shrinkage)

    def read(conn: Connection) -> dict[str, Any]:
        queue = _queue(conn, queue_id)
        return _staffing(of_queue(conn, now, runtime.expecting, queue, medium, asked), queue.name)

    return Json({"at": now, **await runtime.executor.read(read)})


@router.get("/agents/{agent_id}/pause", summary="What a pause of this agent would mean for their queues")
async def one_pause(
    agent_id: str,
    _: Supervising,
    runtime: Hub,
    minutes: Annotated[float, Query(gt=0, le=480)] = 15,
) -> Response:
    """No items: they are not there for customers now, or nothing comes to their queues."""
    now = runtime.occasion().now

    def read(conn: Connection) -> list[Pause]:
        if agents_storage.get(conn, agent_id[:64]) is None:
            raise NotFound("agent")
        return pause(conn, now, runtime.expecting, agent_id[:64], minutes)

    found = await runtime.executor.read(read)
    return Json({"at": now, "minutes": minutes, "items": found, "next": None})


# --- how long it takes --------------------------------------------------------------------------------------------


@router.get("/interactions/{interaction_id}/estimate", summary="How long it will still wait")
async def one_estimate(interaction_id: str, _: SignedIn, runtime: Hub) -> Response:
    """``estimate`` is null where nobody who is there could take it."""
    now = runtime.occasion().now

    def read(conn: Connection) -> dict[str, Any]:
        loaded = journal.look(conn, interaction_id[:64])
        if loaded is None or loaded.record.state not in ("waiting", "offered"):
            raise NotFound("interaction that waits")
        found = runtime.expecting.of(conn, now, loaded)
        return {
            "at": now,
            "waited_ms": max(0, now - loaded.record.virtual_enqueued_at),
            "ahead": found.ahead,
            "agents": found.agents,
            "estimate": found.estimate,
        }

    return Json(await runtime.executor.read(read))


@router.get("/estimates", summary="How right the estimates were")
async def list_estimates(
    _: Supervising,
    runtime: Hub,
    queue: Ref = "",
    medium: Medium | Literal[""] = "",
    hours: Annotated[int, Query(ge=1, le=35 * 24)] = 24,
) -> Response:
    """Of the last ``hours``, by queue and medium: error, coverage and the points of the calibration curve. At most
    the last 2,000 of each."""
    since = runtime.occasion().now - hours * HOUR
    return Json({"since": since, "items": await runtime.executor.read(judged, since, queue, medium), "next": None})


def judged(
    conn: Connection, since: Moment, queue: str = "", medium: str = "", curve: bool = True
) -> list[dict[str, Any]]:
    """The quality of the estimates since then, by queue and medium."""
    by_pair: dict[tuple[str, str], list[Any]] = {}
    for row in estimates.outcomes(conn, since, queue, medium):
        rows = by_pair.setdefault((row.queue, row.medium), [])
        if len(rows) < MOST_JUDGED:
            rows.append(row)
    items = []
    for (queue_id, medium_name), rows in sorted(by_pair.items()):
        found = quality(rows, curve)
        items.append(
            {
                "queue": queue_id,
                "medium": medium_name,
                **asdict(found),
                "calibrated": found.calibrated,
                "missing": found.missing,
                "enough": ENOUGH,
            }
        )
    return items


# --- service level ------------------------------------------------------------------------------------------------


def _period(request: Request, now: Moment, since: Moment | None, until: Moment | None) -> tuple[Moment, Moment]:
    """Today, where nothing is said."""
    end = now if until is None else until
    begin: Moment = request.app.state.floor.midnight(end) if since is None else since
    if not 0 < end - begin <= LONGEST_PERIOD_MS:
        raise NotValid("since", "The period must begin before it ends, and last at most 35 days.")
    return begin, end


Ago = Annotated[int | None, Query(ge=0, le=2**53)]


@router.get("/service-level", summary="The service level, in each of the ways that it is counted")
async def service_level(
    request: Request,
    _: Supervising,
    runtime: Hub,
    queue: Ref = "",
    medium: Medium | Literal[""] = "",
    since: Ago = None,
    until: Ago = None,
    within_s: Wait = None,
) -> Response:
    """Of those who came in the period (today) and no longer wait, with the formula beside each number."""
    begin, end = _period(request, runtime.occasion().now, since, until)

    def read(conn: Connection) -> tuple[Millis, Counts]:
        target = _queue(conn, queue).target_ms if queue else 20 * SECOND
        within_ms = target if within_s is None else round(within_s * SECOND)
        return within_ms, estimates.counts(conn, begin, end, queue, medium, within_ms, SHORT_MS)

    within_ms, counts = await runtime.executor.read(read)
    return Json(
        {
            "since": begin,
            "until": end,
            "queue": queue,
            "medium": medium,
            "within_ms": within_ms,
            "short_ms": SHORT_MS,
            "counts": counts,
            "levels": [{**asdict(level), "share": level.share} for level in levels(counts)],
        }
    )


# --- fairness -----------------------------------------------------------------------------------------------------


@router.get("/fair-shares", summary="Who did how much of the work, beside how long they were there")
async def fair_shares(
    request: Request, _: Supervising, runtime: Hub, since: Ago = None, until: Ago = None
) -> Response:
    begin, end = _period(request, runtime.occasion().now, since, until)
    return Json(await runtime.executor.read(shares, begin, end))
