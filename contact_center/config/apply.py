"""Compares a configuration with what is in force, and puts it into force as one change."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError
from pydantic import BaseModel

from contact_center.config.checks import FALLBACK
from contact_center.config.effects import on_those_waiting, seat_of
from contact_center.config.experiments import ShadowModel
from contact_center.config.hours import opening_hours, stored_by_digest
from contact_center.config.model import AgentModel, Config, ConfigError, QueueModel
from contact_center.config.routing import PolicyModel, absence, overflow_rules, policy_value
from contact_center.config.telephony import stored_rules, stored_telephony, written_telephony
from contact_center.domain import absence as absences
from contact_center.domain.occasion import Occasion
from contact_center.domain.overflow import stored_overflow
from contact_center.domain.time import MINUTE, Moment
from contact_center.moves import overflow
from contact_center.storage import agents, backlog, catalogue, deadlines, logins, policies, settings, trials
from contact_center.storage.connection import Connection
from contact_center.storage.effects import ConfigChanged, tell
from routing import Waiting
from routing.document import document_of, policy_of, version_of

_HASHER = PasswordHasher()
_FALLBACK = {
    "id": FALLBACK,
    "name": "General",
    "priority": 0,
    "skills": {},
    "target_ms": 20_000,
    "offer_ms": 0,
    "settings": {},
}
_LISTS = ("dispositions", "reasons")
_NAMED = ("skills", "hours", "holidays", "segments")
_TOLD = ("time_zone", "policy", *_LISTS, *_NAMED)
"""What may be said of in detail: no other section's values are shown, some of which are secrets."""
_QUIET = (absences.SETTING,)
"""What follows from the rest and is not said again."""
_UNSAID = ("policy", "opening", "overflow")
"""The same of a queue's settings."""
_SECTIONS = ("mail", "recordings", "reconciling", "recognition", "routing_log", "shadow", "experiment")


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that applying changes: ``what`` (``queue support``), and how (``added | changed | removed``,
    or ``kept``: it stays otherwise than the file says) with
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
            if told := _differences({key: old.get(key) for key in row}, row):
                changes.append(Change(name, "changed", told))
            if said := old.get("override"):
                changes.append(Change(name, "kept", _said_otherwise(said)))
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
        there = settings.get(conn, key, _nothing(key))
        if there != value and key not in _QUIET:
            told = _of_setting(there, value) if key in _TOLD else ""
            changes.append(Change(key.replace("_", " "), "changed", told))
    before, after = version_of(policies.document(conn)), version_of(document(config))
    if before != after:
        changes.append(Change("policy version", "changed", f"{before} → {after}"))
    return changes


def _nothing(key: str) -> Any:
    """What is stored of a setting that nobody has ever set."""
    return {} if key in _SECTIONS else [] if key in _NAMED else None


def _of_setting(there: Any, value: Any) -> str:
    """The difference in words, where it is short enough to be read."""
    if isinstance(there, list) and isinstance(value, list):
        there, value = _by_id(there), _by_id(value)
    if not isinstance(there, dict) or not isinstance(value, dict):
        return "" if there is None else f"{there!r} → {value!r}"
    return _differences(there, value)


def _by_id(listed: list[Any]) -> dict[str, Any]:
    return {str(each["id"]) if isinstance(each, dict) and "id" in each else str(each): each for each in listed}


_MOST_TOLD = 12


def _differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    told = [f"{key}: {before} → {after}" for key, before, after in _differing(old, new)]
    more = f", and {len(told) - _MOST_TOLD} more" if len(told) > _MOST_TOLD else ""
    return ", ".join(told[:_MOST_TOLD]) + more


def _differing(old: Mapping[str, Any], new: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, str, str]]:
    for key in dict.fromkeys([*old, *new]):
        before, after = old.get(key), new.get(key)
        if before == after or (path == "settings." and key in _UNSAID):
            continue
        if isinstance(before, dict) and isinstance(after, dict):
            yield from _differing(before, after, f"{path}{key}.")
        else:
            yield f"{path}{key}", _short(before), _short(after)


def _short(value: Any) -> str:
    text = "nothing" if value is None else repr(value)
    return text if len(text) <= 80 else f"{text[:77]}…"


def _said_otherwise(said: dict[str, Any]) -> str:
    """What a supervisor set by hand, which stays in force over what the file says until they take it back."""
    told = ", ".join(f"{key}: {said[key]!r}" for key in ("capacity", "most", "most_of") if key in said)
    return f"{told}, as {said['by']} set it by hand; the file's stands again when they take it back"


MOST_LOOKED_AT = 20_000
_PORTION = 500


def consequences(conn: Connection, config: Config) -> list[str]:
    """What applying ``config`` would mean for those who wait now, in words. Looks at the first 20,000."""
    ids = backlog.waiting_ids(conn)
    looked_at = ids[:MOST_LOOKED_AT]
    waits = [
        each
        for start in range(0, len(looked_at), _PORTION)
        for each in backlog.waiting(conn, looked_at[start : start + _PORTION])
    ]
    there = [seat_of(a.id, a.name, a.queues, a.skills, a.capacity) for a in agents.every(conn)]
    wanted = [
        seat_of(a.id, a.name, a.queues, a.skills, {str(m): n for m, n in a.capacity.items()}) for a in config.agents
    ]
    told = on_those_waiting(waits, (there, wanted), (policies.in_force(conn), policy_of(document(config))))
    if len(ids) > len(looked_at):
        told.append(f"this is of {len(looked_at)} of the {len(ids)} that wait")
    return told + _kept(conn, config, waits)


def _kept(conn: Connection, config: Config, waits: Iterable[Waiting]) -> list[str]:
    """What comes into a queue has its priority and skills from then on."""
    there = {row["id"]: row for row in catalogue.rows(conn, catalogue.TABLES["queues"])}
    other = {
        queue.id
        for queue in config.queues
        if queue.id in there
        and (there[queue.id]["priority"], there[queue.id]["skills"]) != (queue.priority, queue.skills)
    }
    count = sum(1 for waiting in waits if waiting.queue in other)
    return [f"{count} that wait keep the priority and skills they came in with"] if count else []


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
    policies.keep_openings(conn, dict(_openings(config).values()))
    policies.put_into_force(conn, document(config), now)
    trials.put(conn, _trials(config), now)
    for queue in config.queues:
        if queue.routing.overflow:  # those who wait already are looked at at once
            deadlines.put(conn, Occasion(now, lambda: uuid.uuid4().hex), overflow.WATCH, queue.id, 0)
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
                **({"hours": q["settings"]["hours_id"]} if "hours_id" in q["settings"] else {}),
                **({"calls": q["settings"]["written"]} if "written" in q["settings"] else {}),
                **({"routing": q["settings"]["routing"]} if "routing" in q["settings"] else {}),
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
                **({"weighted_total": a["most"]} if a["most"] else {}),
                **({"most_of": a["most_of"]} if a["most_of"] else {}),
                "phone": a["address"],
            }
            for a in catalogue.rows(conn, catalogue.TABLES["agents"])
            if a["active"] and a["id"] in people
        ],
        **{key: settings.get(conn, key, []) for key in _LISTS},
        **{key: named for key in _NAMED if (named := settings.get(conn, key, []))},
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
    version, openings = version_of(document(config)), _openings(config)
    queues = {FALLBACK: {**_FALLBACK, "settings": {"policy": version}}} | {
        q.id: {
            "id": q.id,
            "name": q.name,
            "priority": q.priority,
            "skills": q.skills,
            "target_ms": round(q.target_seconds * 1000),
            "offer_ms": round(q.offer_seconds * 1000) if q.offer_seconds else 0,
            "settings": {**_queue_settings(q, openings), "policy": version},
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
            "most": a.weighted_total,
            "most_of": a.most_of,
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
        "skills": config.skills,
        **{
            key: [each.model_dump(exclude_defaults=True) for each in getattr(config, key)]
            for key in ("hours", "holidays", "segments")
        },
        absences.SETTING: asdict(absence(config.policy.absence)),
        **{key: _section(getattr(config, key)) for key in _SECTIONS},
    }


def _section(model: BaseModel | None) -> dict[str, Any]:
    return {} if model is None else model.model_dump(exclude_defaults=True)


def _queue_settings(queue: QueueModel, openings: Mapping[str, tuple[str, Any]]) -> dict[str, Any]:
    """What is stored with the queue, beside the version of the policy."""
    stored = stored_rules(queue.calls)
    if written := queue.routing.model_dump(exclude_defaults=True):
        stored["routing"] = written
    if queue.routing.overflow:
        stored["overflow"] = stored_overflow(overflow_rules(queue.routing))
    if "pick" in written:
        stored["pick"] = queue.routing.pick
    if queue.hours:
        stored |= {"hours_id": queue.hours, "opening": openings[queue.hours][0]}
    return stored


def _openings(config: Config) -> dict[str, tuple[str, dict[str, Any]]]:
    """The configuration's opening hours by their ids: what they are known by, and what is stored."""
    holidays = {each.id: each for each in config.holidays}
    return {hours.id: stored_by_digest(opening_hours(hours, holidays, config.time_zone)) for hours in config.hours}


def document(config: Config) -> dict[str, Any]:
    """The whole policy of routing, as it is kept for ever: what agents are asked, where work goes on, what customers
    are taken for."""
    return _whole_document(
        config.policy,
        config.queues,
        {
            queue.id: stored_overflow(overflow_rules(queue.routing))
            for queue in config.queues
            if queue.routing.overflow
        },
        [segment.model_dump() for segment in config.segments],
    )


def _trials(config: Config) -> dict[str, dict[str, Any]]:
    """The shadow and the experiment with their documents, as far as there are any."""
    found: dict[str, dict[str, Any]] = {}
    if config.shadow is not None:
        found["shadow"] = {"document": _tried(config, config.shadow)}
    if (trial := config.experiment) is not None:
        found["experiment"] = {
            "document": _tried(config, trial),
            "name": trial.name,
            "share": trial.share,
            "block_ms": trial.block_minutes * MINUTE,
            "warm_up_ms": trial.warm_up_minutes * MINUTE,
        }
    return found


def _tried(config: Config, trial: ShadowModel) -> dict[str, Any]:
    queues = [
        queue.model_copy(update={"routing": trial.queues.get(queue.id, queue.routing)}) for queue in config.queues
    ]
    return document(config.model_copy(update={"policy": trial.policy, "queues": queues}))


def _whole_document(
    policy: PolicyModel, queues: Iterable[QueueModel], overflows: dict[str, Any], segments: list[Any]
) -> dict[str, Any]:
    listed = list(queues)
    if all(queue.id != FALLBACK for queue in listed):
        listed.append(QueueModel(id=FALLBACK, name="General"))
    return {**document_of(policy_value(policy, listed)), "overflow": overflows, "segments": segments}


def keep_policy(conn: Connection, now: Moment) -> None:
    """Puts the policy into force that an earlier release has stored without a document of it."""
    stored = settings.get(conn, "policy")
    if stored is None or policies.document(conn):
        return
    queues = [
        QueueModel(id=row["id"], name=row["name"], target_seconds=row["target_ms"] / 1000)
        for row in catalogue.rows(conn, catalogue.TABLES["queues"])
    ]
    policies.put_into_force(conn, _whole_document(PolicyModel.model_validate(stored), queues, {}, []), now)
