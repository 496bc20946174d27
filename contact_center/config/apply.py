"""Compares a configuration with what is in force, and puts it into force as one change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError

from contact_center.config.model import AgentModel, Config, ConfigError
from contact_center.config.telephony import stored_rules, stored_telephony, written_telephony
from contact_center.domain.time import Moment
from contact_center.storage import catalogue, logins, settings
from contact_center.storage.connection import Connection
from contact_center.storage.effects import ConfigChanged, tell

_HASHER = PasswordHasher()
_FALLBACK = {
    "id": "general",
    "name": "General",
    "priority": 0,
    "skills": {},
    "target_ms": 20_000,
    "offer_ms": 0,
    "settings": {},
}
_LISTS = ("dispositions", "reasons")
_SECTIONS = ("mail", "recordings", "reconciling", "recognition")


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that applying changes: ``what`` (``queue support``), and how (``added | changed | removed``) with
    the details in words."""

    what: str
    how: str
    details: str = ""


def compare(conn: Connection, config: Config) -> list[Change]:
    """What applying ``config`` would change, without changing anything. Raises :class:`ConfigError` where it
    would strand work."""
    changes: list[Change] = []
    for kind, wanted in _wanted(config).items():
        table = catalogue.TABLES[kind]
        there = {row["id"]: row for row in catalogue.rows(conn, table) if row.get("active", 1)}
        for row_id, row in wanted.items():
            old = there.get(row_id)
            name = f"{kind.removesuffix('s').replace('_', ' ')} {row_id}"
            if old is None:
                changes.append(Change(name, "added"))
                continue
            differing = [key for key in row if old.get(key) != row[key]]
            if differing:
                told = ", ".join(f"{key}: {old.get(key)!r} → {row[key]!r}" for key in differing)
                changes.append(Change(name, "changed", told))
        gone = [row_id for row_id in there if row_id not in wanted]
        if kind == "queues" and (busy := catalogue.busy_queues(conn, gone)):
            raise ConfigError([f"the queue {busy[0]!r} cannot go: customers are waiting in it or being served"])
        if kind == "agents" and (holding := catalogue.holding_agents(conn, gone)):
            raise ConfigError([f"the agent {holding[0]!r} cannot go: something is offered to them or in their hands"])
        changes += [Change(f"{kind.removesuffix('s').replace('_', ' ')} {row_id}", "removed") for row_id in gone]
    for agent in config.agents:
        if agent.password is not None and not _same_password(conn, agent):
            changes.append(Change(f"password of {agent.email}", "changed"))
    for key, value in _settings(config).items():
        if settings.get(conn, key, {} if key in _SECTIONS else None) != value:
            changes.append(Change(key.replace("_", " "), "changed"))
    return changes


def apply(conn: Connection, config: Config, now: Moment) -> list[Change]:
    """Puts ``config`` into force and says what changed. Work in hand stays where it is."""
    changes = compare(conn, config)
    passwords = {a.id: a for a in config.agents if a.password is not None and not _same_password(conn, a)}
    for kind, wanted in _wanted(config).items():
        table = catalogue.TABLES[kind]
        gone = [row["id"] for row in catalogue.rows(conn, table) if row["id"] not in wanted]
        if kind == "logins":
            catalogue.free_addresses(conn, {row_id: row["email"] for row_id, row in wanted.items()})
        for row in wanted.values():
            catalogue.put(conn, table, row, {"since_at": now, "idle_since_at": now} if kind == "agents" else None)
        if kind in ("agents", "logins"):
            catalogue.retire(conn, table, gone)
            if kind == "logins":
                for login_id in gone:
                    logins.end_sessions_of(conn, login_id)
        else:
            catalogue.drop(conn, table, gone)
    for login_id, agent in passwords.items():
        assert agent.password is not None
        hashed = _HASHER.hash(agent.password)
        catalogue.put(conn, catalogue.TABLES["logins"], {"id": login_id, "password_hash": hashed})
        logins.end_sessions_of(conn, login_id)
    for key, value in _settings(config).items():
        settings.put(conn, key, value)
    tell(conn, ConfigChanged())
    return changes


def export(conn: Connection) -> dict[str, Any]:
    """What is in force, in the file's shape. Passwords are not in it."""
    people = {row["id"]: row for row in catalogue.rows(conn, catalogue.TABLES["logins"]) if row["active"]}
    return {
        "time_zone": settings.get(conn, "time_zone", "UTC"),
        "queues": [
            {
                "id": q["id"],
                "name": q["name"],
                "priority": q["priority"],
                "skills": q["skills"],
                "target_seconds": q["target_ms"] / 1000,
                **({"offer_seconds": q["offer_ms"] / 1000} if q["offer_ms"] else {}),
                **({"calls": q["settings"]["written"]} if q["settings"] else {}),
            }
            for q in catalogue.rows(conn, catalogue.TABLES["queues"])
        ],
        "entry_points": [
            {k: e[k] for k in ("channel", "dialled", "queue", "flow", "priority", "skills", "language")}
            for e in catalogue.rows(conn, catalogue.TABLES["entry_points"])
        ],
        "agents": [
            {
                "id": a["id"],
                "name": a["name"],
                "public_name": a["public_name"],
                "email": people[a["id"]]["email"],
                "role": a["role"],
                "locale": people[a["id"]]["locale"],
                "queues": a["queues"],
                "skills": a["skills"],
                "capacity": a["capacity"],
                "phone": a["address"],
            }
            for a in catalogue.rows(conn, catalogue.TABLES["agents"])
            if a["active"] and a["id"] in people
        ],
        **{key: settings.get(conn, key, []) for key in _LISTS},
        "policy": settings.get(conn, "policy", {}),
        **({"telephony": written} if (written := written_telephony(settings.get(conn, "telephony", {}))) else {}),
        **{key: kept for key in _SECTIONS if (kept := settings.get(conn, key))},
    }


def _same_password(conn: Connection, agent: AgentModel) -> bool:
    login = logins.by_id(conn, agent.id)
    if login is None or not login.password_hash or agent.password is None:
        return False
    try:
        return _HASHER.verify(login.password_hash, agent.password)
    except VerificationError:
        return False


def _wanted(config: Config) -> dict[str, dict[str, dict[str, Any]]]:
    queues = {"general": dict(_FALLBACK)} | {
        q.id: {
            "id": q.id,
            "name": q.name,
            "priority": q.priority,
            "skills": q.skills,
            "target_ms": round(q.target_seconds * 1000),
            "offer_ms": round(q.offer_seconds * 1000) if q.offer_seconds else 0,
            "settings": stored_rules(q.calls),
        }
        for q in config.queues
    }
    doors = {
        f"{e.channel}:{e.dialled}"[:64]: {"id": f"{e.channel}:{e.dialled}"[:64], **e.model_dump()}
        for e in config.entry_points
    }
    agents = {
        a.id: {
            "id": a.id,
            "name": a.name,
            "public_name": a.public_name,
            "role": a.role,
            "address": a.phone,
            "queues": sorted(a.queues),
            "skills": a.skills,
            "capacity": {str(medium): most for medium, most in a.capacity.items()},
            "active": 1,
        }
        for a in config.agents
    }
    people = {
        a.id: {
            "id": a.id,
            "email": a.email,
            "name": a.name,
            "role": a.role,
            "locale": a.locale,
            "agent_id": a.id,
            "active": 1,
        }
        for a in config.agents
    }
    return {"queues": queues, "entry_points": doors, "agents": agents, "logins": people}


def _settings(config: Config) -> dict[str, Any]:
    return {
        "time_zone": config.time_zone,
        "dispositions": [d.model_dump() for d in config.dispositions],
        "reasons": [r.model_dump() for r in config.reasons],
        "policy": config.policy.model_dump(exclude_none=True, exclude_defaults=True),
        "telephony": stored_telephony(config.telephony),
        **{key: getattr(config, key).model_dump(exclude_defaults=True) for key in _SECTIONS},
    }
