"""A comparison, a policy and what an experiment has shown in JSON's terms: what a process says to another, and a
console is shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from math import isfinite
from typing import Any, Literal, get_args
from zoneinfo import ZoneInfo

from contact_center.domain.opening_hours import hours_of, stored_hours
from contact_center.domain.overflow import overflow_of, stored_overflow
from contact_center.replaying.comparing import (
    Compared,
    Row,
    level_by_time,
    rows,
    wait_marks,
    waited_at_most,
)
from contact_center.replaying.report import assumptions, page, value
from contact_center.replaying.trying import Tried
from contact_center.replaying.words import Language, say
from routing.document import document_of, policy_of
from routing.onward import Place, Rulebook

MOST_AGENTS = 300
"""Agents told by themselves: those who did most."""
PARTS = 48

Phase = Literal["reading", "simulating", "telling"]
"""What a trial does now."""
Problem = Literal["nothing_kept", "too_much", "too_long", "no_experiment", "unavailable", "broken_off", "cancelled"]
"""Why a trial came to nothing."""

LANGUAGES: tuple[Language, ...] = get_args(Language)

# --- a rulebook -----------------------------------------------------------------------------------------------------


def stored_rulebook(book: Rulebook) -> dict[str, Any]:
    places = {
        queue: {
            "overflow": stored_overflow(place.overflow),
            "hours": None if place.hours is None else stored_hours(place.hours),
            "offer_ms": place.offer_ms,
            "priority": place.priority,
            "skills": dict(place.skills),
        }
        for queue, place in book.places.items()
    }
    return {"version": book.policy.version, "policy": document_of(book.policy), "places": places}


def rulebook_of(stored: Mapping[str, Any]) -> Rulebook:
    """The same again. Raises ValueError or KeyError for what is none."""
    policy = policy_of(stored["policy"])
    places = {
        queue: Place(
            overflow_of(said["overflow"]),
            None if said["hours"] is None else hours_of(said["hours"]),
            said["offer_ms"],
            said["priority"],
            said["skills"],
        )
        for queue, said in stored["places"].items()
    }
    return Rulebook(replace(policy, version=stored["version"]), places)


# --- a comparison ---------------------------------------------------------------------------------------------------


def told(compared: Compared, zone: ZoneInfo) -> dict[str, Any]:
    """All that a console draws of it, with the page for whoever takes it along. Times are moments, waits and targets
    milliseconds, shares between 0 and 1, what is drawn in percent."""
    marks = wait_marks(compared)
    width = (compared.last + 1 - compared.first) / PARTS
    return {
        "first": compared.first,
        "last": compared.last,
        "columns": [{"role": each.role, "label": each.label, "policy": each.policy} for each in compared.columns],
        "queues": [
            {
                "queue": queue,
                "target_ms": compared.targets.get(queue, 0),
                "rows": [_row(row) for row in rows(compared, queue)],
            }
            for queue in compared.queues
        ],
        "through": {
            "at": [round(compared.first + width * part) for part in range(PARTS)],
            "levels": [level_by_time(each, compared, PARTS) for each in compared.columns],
        },
        "waits": {"at": marks, "shares": [waited_at_most(each, marks) for each in compared.columns]},
        "agents": _agents(compared),
        "differences": {language: differences(language, compared) for language in LANGUAGES},
        "assumptions": {language: assumptions(language, compared) for language in LANGUAGES},
        "pages": {language: page(language, compared, zone) for language in LANGUAGES},
    }


def _row(row: Row) -> dict[str, Any]:
    return {
        "code": row.code,
        "unit": row.unit,
        "better": row.better,
        "values": list(row.values),
        "verdict": row.verdict,
    }


def _agents(compared: Compared) -> list[dict[str, Any]]:
    by_column = [{work.agent_id: work for work in column.work} for column in compared.columns]
    ids = {agent_id for known in by_column for agent_id in known}
    busiest = sorted(
        ids, key=lambda agent_id: -max(known[agent_id].cases for known in by_column if agent_id in known)
    )
    return [
        {
            "id": agent_id,
            "name": compared.names.get(agent_id, agent_id),
            "cases": [known[agent_id].cases if agent_id in known else None for known in by_column],
            "occupancy": [known[agent_id].occupancy if agent_id in known else None for known in by_column],
        }
        for agent_id in sorted(busiest[:MOST_AGENTS], key=lambda each: (compared.names.get(each, each), each))
    ]


def differences(language: Language, compared: Compared) -> list[str]:
    """What the last column does otherwise than the one before it, in sentences: all queues together, then each queue
    whose service level is another."""
    found = []
    for row in rows(compared, ""):
        if row.code in _SPOKEN_OF and row.verdict:
            found.append(_sentence(language, "differs", row))
    for queue in compared.queues:
        level = next(row for row in rows(compared, queue) if row.code == "service_level")
        if queue and len(compared.queues) > 2 and level.verdict:
            found.append(_sentence(language, "differs_in", level, queue=queue))
    return found or [say(language, "nothing_differs")]


_SPOKEN_OF = ("service_level", "mean_wait", "p90_wait", "abandonment", "fairness", "missed")


def _sentence(language: Language, code: str, row: Row, **more: str) -> str:
    before, after = (value(language, row, number) for number in row.values[-2:])
    return say(
        language,
        code,
        what=say(language, row.code),
        before=before,
        after=after,
        by=value(language, row, abs(row.difference), signed=True).lstrip("+"),
        verdict=say(language, row.verdict),
        **more,
    )


# --- an experiment --------------------------------------------------------------------------------------------------


def experiment(tried: Tried) -> dict[str, Any]:
    """Ends of an interval that nobody can say are null."""
    result = tried.result
    return {
        "name": tried.name,
        "not_counted": result.not_counted,
        "a": tried.a,
        "b": tried.b,
        "blocks": result.blocks,
        "cases": result.cases,
        "measured": [
            {
                "code": each.code,
                "a": each.a,
                "b": each.b,
                "difference": {
                    name: number if isfinite(number) else None for name, number in asdict(each.difference).items()
                },
                "sure": each.difference.sure,
            }
            for each in result.measured
        ],
    }
