"""The recordings that calls and voicemails left: where each is, and what is to be done about it next.

``wanted`` is still at the provider, ``stored`` is ours, ``missing`` was given up, ``removed`` was kept for as long as
the policy said. ``next_at`` is a row's deadline (to fetch it, or to remove it); 0 is none any more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, bindparam, func, select

from contact_center.domain.time import Moment
from contact_center.storage.effects import Due, tell
from contact_center.storage.schema import TO_DO, interactions, recordings

State = Literal["wanted", "stored", "missing", "removed"]
Purpose = Literal["call", "voicemail"]

_INSERT = recordings.insert()
_BY_ID = select(recordings).where(recordings.c.recording_id == bindparam("recording"))
_DUE = (
    select(recordings)
    .where(TO_DO, recordings.c.next_at <= bindparam("now"))
    .order_by(recordings.c.next_at, recordings.c.recording_id)
    .limit(bindparam("most"))
)
_NEXT = select(func.min(recordings.c.next_at)).where(TO_DO)


@dataclass(frozen=True, slots=True)
class Recording:
    """``give_up_at``: a wanted one that isn't there by then is missing. ``keep_until_at``: a stored one goes then."""

    recording_id: str
    channel: str
    interaction_id: str
    case_id: int
    purpose: Purpose
    state: State
    digest: str
    media_type: str
    size: int
    duration_ms: int
    made_at: Moment
    give_up_at: Moment
    keep_until_at: Moment
    attempts: int
    next_at: Moment
    reason: str


def _recording(row: Any) -> Recording:
    return Recording(**{name: getattr(row, name) for name in Recording.__slots__})


def add(conn: Connection, recording: Recording) -> None:
    conn.execute(_INSERT, {name: getattr(recording, name) for name in Recording.__slots__})
    tell(conn, Due("recording", recording.next_at))


def get(conn: Connection, recording_id: str, channel: str = "") -> Recording | None:
    """The recording of that name (on that channel). Providers' names are long and random: one is enough."""
    query = _BY_ID.where(recordings.c.channel == channel) if channel else _BY_ID
    row = conn.execute(query.limit(1), {"recording": recording_id}).one_or_none()
    return _recording(row) if row else None


def of_interaction(conn: Connection, interaction_id: str) -> list[Recording]:
    query = select(recordings).where(recordings.c.interaction_id == interaction_id)
    rows = conn.execute(query.order_by(recordings.c.made_at, recordings.c.recording_id))
    return [_recording(row) for row in rows]


def in_state(conn: Connection, state: State, most: int) -> list[Recording]:
    """The newest first."""
    query = select(recordings).where(recordings.c.state == state).order_by(recordings.c.made_at.desc()).limit(most)
    return [_recording(row) for row in conn.execute(query)]


def change(conn: Connection, recording: Recording, **values: Any) -> bool:
    """Writes ``values`` where the row still is as ``recording`` says; False where somebody else was faster."""
    changed = conn.execute(
        recordings.update()
        .where(
            recordings.c.recording_id == recording.recording_id,
            recordings.c.channel == recording.channel,
            recordings.c.state == recording.state,
            recordings.c.next_at == recording.next_at,
        )
        .values(**values)
    )
    if changed.rowcount and values.get("next_at"):
        tell(conn, Due("recording", values["next_at"]))
    return bool(changed.rowcount)


def due(conn: Connection, now: Moment, most: int) -> list[Recording]:
    return [_recording(row) for row in conn.execute(_DUE, {"now": now, "most": most})]


def next_at(conn: Connection) -> Moment | None:
    first: Moment | None = conn.execute(_NEXT).scalar()
    return first


def held_elsewhere(conn: Connection, digest: str, recording: Recording) -> bool:
    """Whether another stored recording has the same bytes."""
    query = select(recordings.c.recording_id).where(
        recordings.c.digest == digest,
        recordings.c.state == "stored",
        (recordings.c.recording_id != recording.recording_id) | (recordings.c.channel != recording.channel),
    )
    return conn.execute(query.limit(1)).first() is not None


def work_of(conn: Connection, case_id: int, most: int = 50) -> list[str]:
    """The case's interactions that are no calls, newest first: among them is the work that a voicemail makes."""
    query = select(interactions.c.id).where(interactions.c.case_id == case_id, interactions.c.medium != "voice")
    return [row.id for row in conn.execute(query.order_by(interactions.c.id.desc()).limit(most))]
