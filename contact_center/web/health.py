"""Is it up, can it work, and how much does it do."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from fastapi import APIRouter
from prometheus_client import CollectorRegistry, Gauge, generate_latest
from prometheus_client.process_collector import ProcessCollector
from starlette.requests import Request
from starlette.responses import Response

from contact_center.domain.errors import Unavailable
from contact_center.domain.time import DAY, SECOND
from contact_center.registry.runtime import Runtime
from contact_center.storage import floor
from contact_center.web.answers import Json
from contact_center.web.principal import runtime_of
from contact_center.web.staffing import judged

router = APIRouter()


@router.get("/health", summary="Is the process up")
async def health() -> Response:
    return Json({"status": "up"})


@router.get("/ready", summary="Can it take work")
async def ready(request: Request) -> Response:
    """503 while the database cannot be used or the hub is starting or draining; a channel or the bus being ill
    is said, and does not stop the others."""
    runtime = runtime_of(request)
    database: dict[str, Any] = {"state": "ready", "kind": runtime.executor.dialect}
    try:
        await runtime.executor.read(floor.sizes)
    except Unavailable as error:
        database = {"state": "off", "kind": runtime.executor.dialect, "reason": str(error)}
    bus_works, bus_reason = runtime.bus.state()
    channels = {}
    for name, door in runtime.doors.items():
        state, reason = door.state
        channels[name] = {"state": state, "reason": reason}
    ill = runtime.flows.problems()
    fit = runtime.ready and not runtime.draining and database["state"] == "ready"
    return Json(
        {
            "ready": fit,
            "database": database,
            "bus": {"state": "ready" if bus_works else "degraded", "reason": bus_reason},
            "channels": channels,
            "flows": {"state": "degraded" if ill else "ready", "reason": " ".join(ill)},
        },
        200 if fit else 503,
    )


@router.get("/metrics", summary="Figures for Prometheus")
async def metrics(request: Request) -> Response:
    runtime = runtime_of(request)
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    await _collect(registry, runtime)
    return Response(generate_latest(registry), media_type="text/plain; version=0.0.4")


async def _collect(registry: CollectorRegistry, runtime: Runtime) -> None:
    def gauge(name: str, text: str, labels: tuple[str, ...] = ()) -> Gauge:
        return Gauge(f"contact_center_{name}", text, labels, registry=registry)

    await _estimates(gauge, runtime)
    sizes = await runtime.executor.read(floor.sizes)
    gauge("events", "The last event's number").set(sizes.pop("events"))
    states = gauge("interactions", "Open interactions by state", ("state",))
    for name, count in sizes.items():
        states.labels(name.removeprefix("interactions_")).set(count)
    gauge("consoles", "Connected consoles").set(len(runtime.desks))
    gauge("tasks", "Asynchronous tasks under way").set(len(asyncio.all_tasks()))
    gauge("decisions", "Routing decisions since the start").set(runtime.dispatcher.decided)
    gauge("routing_missed", "What routing was not told and the regular look at the database found").set(
        runtime.dispatcher.missed
    )
    gauge("decisions_lost", "Decisions that the database no longer agreed with").set(runtime.dispatcher.lost)
    gauge("routing_log_facts", "Facts that routing was told and that were written down, since the start").set(
        runtime.recorder.facts
    )
    gauge("routing_log_lost", "Facts that could not be written down, since the start").set(runtime.recorder.lost)
    if (shadow := runtime.recorder.shadow) is not None:
        verdicts = gauge("shadow_decisions", "What the shadow's policy would have decided", ("verdict",))
        for verdict, count in shadow.by_verdict().items():
            verdicts.labels(verdict).set(count)
    taken = gauge("taken_in", "Events taken in since the start", ("channel",))
    refused = gauge("refused", "Requests refused since the start", ("channel",))
    up = gauge("channel_ready", "1 if the channel is ready", ("channel",))
    for name, door in runtime.doors.items():
        taken.labels(name).set(door.taken)
        refused.labels(name).set(door.refused)
        up.labels(name).set(1 if door.state[0] == "ready" else 0)


async def _estimates(gauge: Callable[..., Gauge], runtime: Runtime) -> None:
    """How right the estimates of the last day were, where any were made."""
    pair = ("queue", "medium")
    bias = gauge("estimate_bias_seconds", "By how much the answered waited longer than the average said", pair)
    error = gauge("estimate_error_seconds", "How far off the average was, either way", pair)
    within = gauge("estimate_within_p90", "The share answered within what nine in ten were promised", pair)
    for item in await runtime.executor.read(judged, runtime.occasion().now - DAY, curve=False):
        labels = (item["queue"], item["medium"])
        if item["bias_ms"] is not None:
            bias.labels(*labels).set(item["bias_ms"] / SECOND)
            error.labels(*labels).set(item["mae_ms"] / SECOND)
        if item["within_p90"] is not None:
            within.labels(*labels).set(item["within_p90"])
