"""Policies that are tried beside the one in force: a shadow, and an experiment in which it takes turns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from contact_center.domain.time import Moment
from contact_center.storage import policies, routing_log, settings
from routing import Policy
from routing.document import policy_of, version_of
from routing.experiment import Experiment

SETTING = "trials"


def put(conn: Connection, said: Mapping[str, dict[str, Any]], now: Moment) -> None:
    """``shadow`` and ``experiment``, each with its ``document``; what isn't named ends. What was ever tried is
    kept."""
    before: dict[str, Any] = settings.get(conn, SETTING, {})
    stored = {}
    for kind, trial in said.items():
        version = version_of(trial["document"])
        routing_log.put_policy(conn, version, trial["document"], now)
        old = before.get(kind, {})
        same = {**old, "began_at": 0} == {**trial, "version": version, "began_at": 0}
        stored[kind] = {**trial, "version": version, "began_at": old["began_at"] if same else now}
    if stored != before:
        settings.put(conn, SETTING, stored)


def shadow(conn: Connection) -> Policy | None:
    """The policy that is asked beside the one in force."""
    said = settings.get(conn, SETTING, {}).get("shadow")
    return None if said is None else policy_of(said["document"])


def experiment(conn: Connection) -> tuple[Experiment, dict[str, Any]] | None:
    """The experiment that is under way, and all that is stored of it."""
    said = settings.get(conn, SETTING, {}).get("experiment")
    if said is None:
        return None
    return Experiment(said["name"], said["share"], said["block_ms"], said["warm_up_ms"]), said


def in_force(conn: Connection, now: Moment) -> tuple[Policy, Moment | None]:
    """The policy that is in force now, and when an experiment may put another into force."""
    trial = experiment(conn)
    if trial is None:
        return policies.in_force(conn), None
    plan, said = trial
    policy = policy_of(said["document"]) if plan.arm(now) == "b" else policies.in_force(conn)
    return policy, plan.next_switch(now)
