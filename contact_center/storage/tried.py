"""What was put on trial and what came of it, for every node to see: a trial is told of by the node that runs it, and
one of which nothing was heard for a while is told as broken off."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import orjson
from sqlalchemy import Connection, Row, delete, select

from contact_center.domain.time import DAY, SECOND, Millis, Moment
from contact_center.storage.schema import policy_trials

MOST_KEPT = 50
KEEP_MS: Millis = 30 * DAY
SILENT_MS: Millis = 90 * SECOND
"""A node that was not heard for so long runs it no more. Much longer than a busy one is silent."""

State = Literal["running", "done", "failed"]

_c = policy_trials.c
_BRIEF = tuple([column for column in policy_trials.c if column.name != "result"])
_NEWEST = select(_c.id).order_by(_c.began_at.desc(), _c.id.desc()).limit(MOST_KEPT)


@dataclass(frozen=True, slots=True)
class Trial:
    """``asked`` is what a console shows of it: the days, the policy's name. ``done`` of ``whole`` steps of ``phase``.
    ``problem`` says why there is no ``result``, which is there where one is asked for by itself."""

    id: str
    kind: str
    by: str
    began_at: Moment
    asked: Mapping[str, Any]
    state: State
    phase: str
    done: int
    whole: int
    problem: str
    ended_at: Moment
    result: Mapping[str, Any] = field(default_factory=dict)

    def brief(self) -> dict[str, Any]:
        """Without the result."""
        names = ("id", "kind", "by", "began_at", "ended_at", "asked", "state", "phase", "done", "whole", "problem")
        return {name: getattr(self, name) for name in names}


def packed(result: Mapping[str, Any]) -> bytes:
    """A result as it is stored; none is no bytes."""
    return zlib.compress(orjson.dumps(result)) if result else b""


# --- what a node tells -------------------------------------------------------------------------------------------


def begin(conn: Connection, trial: Trial, holder: str) -> None:
    """It runs at ``holder`` from now on."""
    values = {**trial.brief(), "holder": holder, "told_at": trial.began_at, "result": b""}
    conn.execute(policy_trials.insert(), values)


def go_on(conn: Connection, trial_id: str, phase: str, done: int, whole: int, now: Moment) -> bool:
    """How far it is. False: nobody wants it any more."""
    values = {"phase": phase, "done": done, "whole": whole, "told_at": now}
    return bool(conn.execute(_of(trial_id).values(values)).rowcount)


def end(conn: Connection, trial_id: str, problem: str, result: bytes, now: Moment) -> None:
    """What came of it, unless it was forgotten meanwhile; with it the oldest go."""
    state: State = "failed" if problem else "done"
    values = {"state": state, "problem": problem, "result": result, "ended_at": now, "told_at": now}
    conn.execute(_of(trial_id).values(values))
    conn.execute(delete(policy_trials).where(_c.began_at < now - KEEP_MS))
    newest = list(conn.execute(_NEWEST).scalars())
    conn.execute(delete(policy_trials).where(_c.state != "running", _c.id.not_in(newest)))


def break_off(conn: Connection, holder: str, now: Moment) -> None:
    """Nothing runs at ``holder``: it has only just started, or ends."""
    over = {"state": "failed", "problem": "broken_off", "ended_at": now, "told_at": now}
    conn.execute(policy_trials.update().where(_c.holder == holder, _c.state == "running").values(over))


def _of(trial_id: str) -> Any:
    return policy_trials.update().where(_c.id == trial_id, _c.state == "running")


# --- what is asked -----------------------------------------------------------------------------------------------


def every(conn: Connection, now: Moment) -> list[Trial]:
    """All that are kept, the newest first, without their results."""
    query = select(*_BRIEF).where(_c.began_at >= now - KEEP_MS).order_by(_c.began_at.desc(), _c.id.desc())
    return [_trial(row, now) for row in conn.execute(query.limit(MOST_KEPT))]


def one(conn: Connection, trial_id: str, now: Moment) -> Trial | None:
    """With its result."""
    query = select(policy_trials).where(_c.id == trial_id, _c.began_at >= now - KEEP_MS)
    row = conn.execute(query).one_or_none()
    if row is None:
        return None
    return _trial(row, now, orjson.loads(zlib.decompress(row.result)) if row.result else {})


def remove(conn: Connection, trial_id: str) -> bool:
    """Whether it was there. The node that runs it, if one does, ends it when it would tell of it next."""
    return bool(conn.execute(delete(policy_trials).where(_c.id == trial_id)).rowcount)


def _trial(row: Row[Any], now: Moment, result: Mapping[str, Any] | None = None) -> Trial:
    state, problem, ended_at = row.state, row.problem, row.ended_at
    if state == "running" and row.told_at < now - SILENT_MS:
        state, problem, ended_at = "failed", "broken_off", row.told_at
    return Trial(
        id=row.id,
        kind=row.kind,
        by=row.by,
        began_at=row.began_at,
        asked=row.asked,
        state=state,
        phase=row.phase,
        done=row.done,
        whole=row.whole,
        problem=problem,
        ended_at=ended_at,
        result=result or {},
    )
