"""Models and what they said: what is learnt from, which model is in force, how often agents agreed."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, bindparam, case, delete, func, literal, select

from contact_center.domain.events import CallerInput, MessageReceived, TranscriptAdded
from contact_center.domain.time import Moment
from contact_center.storage import events
from contact_center.storage.schema import agents, interactions, recognition_models, recognitions

KEPT = 10
"""Models are kept so long; the one in force always."""
FIRST_WORDS = (MessageReceived.KIND, CallerInput.KIND, TranscriptAdded.KIND)
"""The kinds of events that say what somebody wants."""
MOST_LINES = 6

_models = recognition_models.c
_IN_FORCE = (
    select(_models.version, _models.digest).order_by(_models.chosen_at.desc(), _models.version.desc()).limit(1)
)
_PUT = recognitions.insert()
_SAID = (
    recognitions.update()
    .where(recognitions.c.interaction_id == bindparam("interaction"))
    .values(said=bindparam("new_said"), said_at=bindparam("now"))
)
_LANGUAGE_SAID = (
    recognitions.update()
    .where(recognitions.c.interaction_id == bindparam("interaction"))
    .values(said_at=bindparam("now"))
)
_ABOUT = (
    _models.version,
    _models.made_at,
    _models.chosen_at,
    _models.digest,
    _models.examples,
    _models.measured,
)


class InForce(NamedTuple):
    version: int
    digest: str


# --- models ------------------------------------------------------------------------------------------------------


def in_force(conn: Connection) -> InForce | None:
    row = conn.execute(_IN_FORCE).one_or_none()
    return None if row is None else InForce(row.version, row.digest)


def model(conn: Connection, version: int) -> Row[Any] | None:
    """The whole row, with its ``data``."""
    return conn.execute(select(recognition_models).where(_models.version == version)).one_or_none()


def models(conn: Connection) -> list[Row[Any]]:
    """Every model that is kept, the newest first, without its data."""
    return list(conn.execute(select(*_ABOUT).order_by(_models.version.desc())))


def add_model(
    conn: Connection, now: Moment, data: bytes, digest: str, examples: int, measured: dict[str, Any]
) -> int:
    """A new model, in force at once; its version. Only the last :data:`KEPT` stay."""
    last = conn.execute(select(func.max(_models.version))).scalar() or 0
    row = {
        "version": last + 1,
        "made_at": now,
        "chosen_at": _after_all(conn, now),
        "digest": digest,
        "examples": examples,
        "measured": measured,
        "data": data,
    }
    conn.execute(recognition_models.insert(), row)
    conn.execute(delete(recognition_models).where(_models.version <= last + 1 - KEPT))
    return int(last + 1)


def choose_model(conn: Connection, now: Moment, version: int) -> bool:
    """Puts an earlier model back into force; False where it is not kept any more."""
    chosen = recognition_models.update().where(_models.version == version).values(chosen_at=_after_all(conn, now))
    return conn.execute(chosen).rowcount > 0


def _after_all(conn: Connection, now: Moment) -> Moment:
    """A moment after every earlier choice, whatever a clock says."""
    last = conn.execute(select(func.max(_models.chosen_at))).scalar() or 0
    return max(now, int(last) + 1)


# --- what was said -----------------------------------------------------------------------------------------------


def put(
    conn: Connection,
    interaction_id: str,
    at: Moment,
    *,
    model: int,
    mode: str,
    intent: str,
    confidence: float,
    language: str,
) -> None:
    conn.execute(
        _PUT,
        {
            "interaction_id": interaction_id,
            "at": at,
            "model": model,
            "mode": mode,
            "intent": intent,
            "confidence": confidence,
            "language": language,
            "said": None,
            "said_at": 0,
        },
    )


def agent_said(conn: Connection, interaction_id: str, intent: str | None, now: Moment) -> None:
    """What an agent says it is about (None: nothing any more); where nothing was recognised of it, only that."""
    said = {"interaction": interaction_id, "new_said": intent, "now": now}
    if not conn.execute(_SAID, said).rowcount:
        put(conn, interaction_id, now, model=0, mode="off", intent="", confidence=0.0, language="")
        conn.execute(_SAID, said)


def language_was_said(conn: Connection, interaction_id: str, now: Moment) -> None:
    """An agent has said which language it is in: something more to learn from."""
    said = {"interaction": interaction_id, "now": now}
    if not conn.execute(_LANGUAGE_SAID, said).rowcount:
        put(conn, interaction_id, now, model=0, mode="off", intent="", confidence=0.0, language="")
        conn.execute(_LANGUAGE_SAID, said)


def said_since(conn: Connection, since: Moment) -> int:
    """Of how many cases agents said what they are about, or in which language, since then."""
    query = select(func.count(literal(1))).where(recognitions.c.said_at > since)
    return int(conn.execute(query).scalar_one())


def agreement(conn: Connection, since: Moment) -> list[Row[Any]]:
    """For each intent and mode: of how many cases it was said (``named``), of how many an agent said something then
    (``answered``), and of how many the same (``agreed``)."""
    answered = case((recognitions.c.said.is_not(None), 1), else_=0)
    agreed = case((recognitions.c.said == recognitions.c.intent, 1), else_=0)
    query = (
        select(
            recognitions.c.intent,
            recognitions.c.mode,
            func.count(literal(1)).label("named"),
            func.sum(answered).label("answered"),
            func.sum(agreed).label("agreed"),
        )
        .where(recognitions.c.at > since)
        .group_by(recognitions.c.intent, recognitions.c.mode)
        .order_by(recognitions.c.intent, recognitions.c.mode)
    )
    return list(conn.execute(query))


# --- what is learnt from -----------------------------------------------------------------------------------------


class Past(NamedTuple):
    """An interaction that is over: its record as stored, and what was written and said first."""

    interaction_id: str
    record: dict[str, Any]
    lines: tuple[MessageReceived | CallerInput | TranscriptAdded, ...]


def past_page(conn: Connection, before: str, limit: int) -> list[Past]:
    """Interactions that are over, the latest first, from the one ``before`` on (empty: from the end)."""
    query = select(interactions.c.id, interactions.c.record).where(interactions.c.state == literal("ended"))
    if before:
        query = query.where(interactions.c.id < before)
    rows = list(conn.execute(query.order_by(interactions.c.id.desc()).limit(limit)))
    return [Past(row.id, row.record, first_lines(conn, row.id)) for row in rows]


def first_lines(conn: Connection, interaction_id: str) -> tuple[MessageReceived | CallerInput | TranscriptAdded, ...]:
    """What somebody wrote or said first in the interaction."""
    found = events.of_kinds(conn, interaction_id, FIRST_WORDS, 0, MOST_LINES)
    bodies = [event.body for event in found if event.actor.kind == "customer"]
    return tuple(body for body in bodies if isinstance(body, (MessageReceived, CallerInput, TranscriptAdded)))


def somebody_can(conn: Connection, queue: str, skills: dict[str, int]) -> bool:
    """Whether any agent of the queue has all these skills: what nobody can take would wait for ever."""
    rows = conn.execute(select(agents.c.queues, agents.c.skills).where(agents.c.active == 1))
    return any(queue in row.queues and _has(row.skills, skills) for row in rows)


def _has(has: dict[str, int], needed: dict[str, int]) -> bool:
    return all(has.get(skill, 0) >= level for skill, level in needed.items())
