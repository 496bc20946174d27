"""What recognition does over REST: what may decide and why not, how right and how sure it is, learning anew."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, StringConstraints
from starlette.responses import Response

from contact_center.domain.errors import NotAllowed, NotFound
from contact_center.domain.time import DAY
from contact_center.recognition import recognise
from contact_center.recognition.measuring import Measured, restored
from contact_center.recognition.overruling import overruled_from, proven
from contact_center.recognition.policy import Rules, rules_of, standing
from contact_center.storage import recognition, settings
from contact_center.storage.connection import Connection
from contact_center.web.answers import Json
from contact_center.web.principal import Hub, Principal, Supervising

router = APIRouter(prefix="/api/v1/recognition")

LATELY = 30 * DAY


class TryText(BaseModel):
    model_config = ConfigDict(extra="forbid")
    text: Annotated[str, StringConstraints(max_length=20_000)]


@router.get("", summary="What recognition may do, and how right it is")
async def state(_: Supervising, runtime: Hub) -> Response:
    """``intents`` with what each may do now, and what hinders it; ``model`` with its measurements; ``languages`` that
    people put right, with what was learnt of them; ``lately`` what was said of cases in the last 30 days, and how
    often agents agreed."""
    training = runtime.teacher.progress  # before the models are read: what is over by now can then be seen in them
    found = await runtime.executor.read(_state, runtime.occasion().now)
    return Json({**found, "training": asdict(training)})


def _state(conn: Connection, now: int) -> dict[str, Any]:
    rules = rules_of(settings.get(conn, recognise.SETTING, {}))
    rows = recognition.models(conn)
    chosen = recognition.in_force(conn)
    current = next((row for row in rows if chosen and row.version == chosen.version), None)
    measured = restored(current.measured) if current is not None else Measured()
    overruled = overruled_from(measured.overruled)
    believed = proven(overruled, rules.bar)
    return {
        "mode": rules.mode,
        "language_mode": rules.language_mode,
        "suggest_at": rules.suggest_at,
        "decide_at": rules.decide_at,
        "bar": rules.bar,
        "intents": _intents(rules, measured),
        "model": None if current is None else {**_about(current), **_figures(measured, rules)},
        "models": [{**_about(row), "in_force": row is current} for row in rows],
        "languages": [
            {**asdict(each), "at_least": each.at_least, "overrules": each.language in believed} for each in overruled
        ],
        "lately": [_lately(row) for row in recognition.agreement(conn, now - LATELY)],
    }


def _intents(rules: Rules, measured: Measured) -> list[dict[str, Any]]:
    found = []
    for each in rules.intents:
        now = standing(rules, each, measured)
        found.append(
            {
                "id": each.id,
                "name": each.name,
                "name_zh": each.name_zh,
                "wanted": now.wanted,
                "mode": now.mode,
                "hindrance": now.hindrance,
                "figures": asdict(now.figures),
                "left_out": measured.left_out.get(each.id),
            }
        )
    return found


def _about(row: Any) -> dict[str, Any]:
    return {"version": row.version, "made_at": row.made_at, "examples": row.examples}


def _lately(row: Any) -> dict[str, Any]:
    return {name: getattr(row, name) for name in ("intent", "mode", "named", "answered", "agreed")}


def _figures(measured: Measured, rules: Rules) -> dict[str, Any]:
    return {
        "accuracy": measured.accuracy,
        "ece": measured.ece,
        "ece_before": measured.ece_before,
        "coverage_suggest": measured.coverage(rules.suggest_at),
        "coverage_decide": measured.coverage(rules.decide_at),
        "bins": [asdict(each) for each in measured.bins],
        "confusion": measured.confusion,
    }


@router.post("/train", summary="Learn a new model from the cases that are over")
async def train(principal: Supervising, runtime: Hub) -> Response:
    """Admins only. It is in force when it is done; ``training`` of the state says how far it is."""
    _may_change(principal)
    runtime.teacher.begin()
    return Json({"started": True})


@router.post("/models/{version}/choose", summary="Put an earlier model back into force")
async def choose(version: int, principal: Supervising, runtime: Hub) -> Response:
    """Admins only."""
    _may_change(principal)
    if not await runtime.executor.write(recognition.choose_model, runtime.occasion().now, version):
        raise NotFound("model")
    return Json({"version": version})


def _may_change(principal: Principal) -> None:
    if principal.role != "admin":
        raise NotAllowed("Only an admin may change what recognition goes by.")


@router.post("/try", summary="What would be said of a text")
async def try_text(body: TryText, _: Supervising, runtime: Hub) -> Response:
    def read(conn: Connection) -> dict[str, Any]:
        at = recognise.ready(conn)
        if at is None:
            return {"mode": "off", "intent": "", "guess": "", "confidence": 0.0, "because": [], "language": ""}
        seen = recognise.look_at(at, body.text)
        return {
            "mode": seen.verdict.mode,
            "intent": seen.verdict.intent,
            "guess": seen.guess.intent,
            "confidence": seen.guess.confidence,
            "because": seen.guess.because,
            "language": seen.language.code,
            "language_confidence": seen.language.confidence,
        }

    return Json(await runtime.executor.read(read))
