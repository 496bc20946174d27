"""What happens to one recording: it is heard of, fetched, given up, removed. Each step is one transaction with its
event on the interaction, so that the record of a call says where its recordings are."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import structlog

from channels.contract import Outgoing
from contact_center.domain.events import CallerRecorded, InteractionEvent, RecordingChanged, RecordingKept
from contact_center.domain.occasion import Occasion
from contact_center.domain.record import Record
from contact_center.domain.time import DAY, HOUR, MINUTE, SECOND, Moment
from contact_center.storage import journal, outbox, recordings, settings
from contact_center.storage.connection import Connection
from contact_center.storage.recordings import Purpose, Recording

log = structlog.get_logger(__name__)

LONGEST_NAME = 128
SETTLES_MS = 20 * SECOND
"""What a caller has just spoken is looked for after so long, if the provider has not said before that it is there."""
LEASE_MS = 5 * MINUTE
MOST_WAIT_MS = 10 * MINUTE


@dataclass(frozen=True, slots=True)
class Policy:
    """``keep_days`` None is for ever. ``remove_at_provider``: its copy goes as soon as we have ours, or stays."""

    keep_days: float | None = 90
    remove_at_provider: Literal["after_fetch", "never"] = "after_fetch"
    hours_until_missing: float = 24


DEFAULTS = Policy()


def policy(conn: Connection) -> Policy:
    """What the operator wants, with the product's defaults for the rest."""
    return replace(DEFAULTS, **settings.get(conn, "recordings", {}))


def wait_ms(attempts: int) -> int:
    """How long to wait after attempt number ``attempts`` (1, 2, …): 5 s, 10 s, … up to ten minutes."""
    return min(5 * SECOND << min(attempts - 1, 10), MOST_WAIT_MS)


# --- heard of ---------------------------------------------------------------------------------------------------


def heard_of(conn: Connection, on: Occasion, record: Record, event: InteractionEvent) -> None:
    """Notes that a recording is to be fetched, in the transaction that takes in the news of it. Told twice, by
    whatever events, it is noted once."""
    body = event.body
    if isinstance(body, RecordingChanged):
        if body.state == "completed":
            _want(conn, on, record, event, body.recording_id, body.purpose, body.duration_ms, on.now)
        elif body.state in ("absent", "failed"):
            _there_is_none(conn, on, record, body)
    elif isinstance(body, CallerRecorded):
        soon = on.now + SETTLES_MS
        _want(conn, on, record, event, body.recording_id, "voicemail", body.duration_ms, soon)


def _want(
    conn: Connection,
    on: Occasion,
    record: Record,
    event: InteractionEvent,
    recording_id: str,
    purpose: Purpose,
    duration_ms: int,
    at: Moment,
) -> None:
    if not 0 < len(recording_id) <= LONGEST_NAME:
        return
    give_up_at = on.now + round(policy(conn).hours_until_missing * HOUR)
    known = recordings.get(conn, recording_id, event.channel)
    if known is None:
        recordings.add(
            conn,
            Recording(
                recording_id=recording_id,
                channel=event.channel,
                interaction_id=record.interaction_id,
                case_id=record.case_id,
                purpose=purpose,
                state="wanted",
                digest="",
                media_type="",
                size=0,
                duration_ms=duration_ms,
                made_at=event.occurred_at,
                give_up_at=give_up_at,
                keep_until_at=0,
                attempts=0,
                next_at=at,
                reason="",
            ),
        )
    elif known.state == "missing":
        recordings.change(conn, known, state="wanted", next_at=at, give_up_at=give_up_at, attempts=0)
    elif known.state == "wanted":
        sooner = min(at, known.next_at) if known.attempts == 0 else known.next_at
        longer = max(duration_ms, known.duration_ms)
        recordings.change(conn, known, next_at=sooner, duration_ms=longer)


def _there_is_none(conn: Connection, on: Occasion, record: Record, body: RecordingChanged) -> None:
    known = recordings.get(conn, body.recording_id)
    if known is not None and known.state == "wanted" and known.interaction_id == record.interaction_id:
        reason = body.reason or f"the provider says: {body.state}"
        recordings.change(conn, known, give_up_at=on.now, next_at=on.now, reason=reason[:2000])


# --- fetched, or not --------------------------------------------------------------------------------------------


def lease(conn: Connection, on: Occasion, recording: Recording) -> Recording | None:
    """Takes what is due for one attempt; None where another node has."""
    leased = replace(recording, next_at=on.now + LEASE_MS, attempts=recording.attempts + 1)
    won = recordings.change(conn, recording, next_at=leased.next_at, attempts=leased.attempts)
    return leased if won else None


def stored(conn: Connection, on: Occasion, recording: Recording, digest: str, media_type: str, size: int) -> bool:
    """It is ours: its event, and the order to remove it at the provider where the policy says so. False where
    somebody else was faster."""
    wanted = policy(conn)
    until = 0 if wanted.keep_days is None else on.now + round(wanted.keep_days * DAY)
    ours = {"digest": digest, "media_type": media_type[:64], "size": size, "reason": ""}
    if not recordings.change(conn, recording, state="stored", next_at=until, keep_until_at=until, **ours):
        return False
    record = _tell(conn, on, recording, "stored", "", digest, media_type, size)
    if record is not None and wanted.remove_at_provider == "after_fetch":
        erase = Outgoing(
            verb="erase",
            outbox_id=on.new_id(),
            interaction_id=record.interaction_id,
            case_id=record.case_id,
            created_at=on.now,
            attempt=0,
            thread_key=record.thread_key,
            recording_id=recording.recording_id,
        )
        outbox.put(conn, recording.channel, erase)
    return True


def not_yet(conn: Connection, on: Occasion, recording: Recording, reason: str, after_ms: int | None) -> None:
    """The attempt gave nothing: another later, or none where its time is over."""
    if on.now >= recording.give_up_at:
        missing(conn, on, recording, reason)
        return
    wait = wait_ms(recording.attempts) if after_ms is None else min(after_ms, MOST_WAIT_MS)
    at = min(on.now + wait, recording.give_up_at)
    recordings.change(conn, recording, next_at=max(at, on.now + 1), reason=reason[:2000])


def missing(conn: Connection, on: Occasion, recording: Recording, reason: str) -> None:
    """Given up: whoever reads the call sees that there should be a recording, and why there is none."""
    if recordings.change(conn, recording, state="missing", next_at=0, reason=reason[:2000]):
        log.warning(
            "recording_missing", recording_id=recording.recording_id, channel=recording.channel, reason=reason
        )
        _tell(conn, on, recording, "missing", reason)


def removed(conn: Connection, on: Occasion, recording: Recording) -> bool:
    """Its time is over. True where its bytes belong to no other recording and may go once this has committed."""
    last = not recordings.held_elsewhere(conn, recording.digest, recording)
    if not recordings.change(conn, recording, state="removed", next_at=0):
        return False
    _tell(conn, on, recording, "removed", "kept for as long as the policy says", recording.digest)
    return last


def _tell(
    conn: Connection,
    on: Occasion,
    recording: Recording,
    state: Any,
    reason: str,
    digest: str = "",
    media_type: str = "",
    size: int = 0,
) -> Record | None:
    loaded = journal.load(conn, recording.interaction_id)
    if loaded is None:
        return None
    body = RecordingKept(
        recording_id=recording.recording_id,
        state=state,
        digest=digest,
        media_type=media_type[:64],
        size=size,
        duration_ms=recording.duration_ms,
        purpose=recording.purpose,
        reason=reason[:500],
    )
    event = journal.happen(conn, on, loaded, body)
    journal.save(conn, loaded)
    journal.tell_owner(conn, on, loaded, event)
    return loaded.record
