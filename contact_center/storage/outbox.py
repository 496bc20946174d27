"""What is to leave the house: rows written with their cause, sent afterwards, never forgotten."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import Connection, bindparam, func, select

from channels.contract import Outgoing
from contact_center.domain.contact_points import ContactPoint
from contact_center.domain.events import Attachment
from contact_center.domain.time import Moment
from contact_center.storage.effects import Due, tell
from contact_center.storage.schema import UNSENT, outbox

_INSERT = outbox.insert()
_STORED = tuple(f.name for f in fields(Outgoing) if f.name not in ("files", "prepared"))
_DUE = (
    select(outbox)
    .where(UNSENT, outbox.c.next_at <= bindparam("now"))
    .order_by(outbox.c.next_at, outbox.c.id)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
)
_LEASE = (
    outbox.update()
    .where(outbox.c.id == bindparam("row"), outbox.c.attempts == bindparam("seen_attempts"))
    .values(
        state="sending",
        attempts=outbox.c.attempts + 1,
        next_at=bindparam("until"),
        lease=bindparam("new_lease"),
    )
)
_REPLACES = {
    "tell": ("tell", "connect", "hang_up"),
    "connect": ("tell", "connect", "hang_up"),
    "hold": ("hold",),
    "mute": ("mute",),
    "record": ("record",),
}
"""What a later request for the same call makes pointless. When an earlier one is tried again, a caller who talks with
somebody by now must not be taken back to the music, nor one who was taken off hold be put on it."""
_OVERTAKEN = (
    select(outbox.c.id)
    .where(
        outbox.c.interaction_id == bindparam("call"),
        outbox.c.verb.in_(bindparam("verbs", expanding=True)),
        outbox.c.id > bindparam("row"),
    )
    .limit(1)
)
_SETTLE = (
    outbox.update()
    .where(outbox.c.id == bindparam("row"), outbox.c.lease == bindparam("held"), outbox.c.state == "sending")
    .values(
        state=bindparam("new_state"),
        next_at=bindparam("new_next_at"),
        provider_id=bindparam("new_provider_id"),
        reason=bindparam("new_reason"),
        lease="",
    )
)


@dataclass(frozen=True, slots=True)
class Row:
    """``crashed``: it was being sent when its sender died; nobody knows whether it went out."""

    message: Outgoing
    channel: str
    lease: str
    crashed: bool


def put(conn: Connection, channel: str, message: Outgoing) -> None:
    conn.execute(
        _INSERT,
        {
            "id": message.outbox_id,
            "channel": channel,
            "verb": message.verb,
            "interaction_id": message.interaction_id,
            "state": "queued",
            "attempts": 0,
            "next_at": message.created_at,
            "lease": "",
            "provider_id": "",
            "reason": "",
            "payload": {name: getattr(message, name) for name in _STORED},
            "created_at": message.created_at,
        },
    )
    tell(conn, Due("outbox", message.created_at))


def _message(row: Any) -> Outgoing:
    data = dict(row.payload)
    for side in ("recipient", "sender"):
        if data.get(side):
            data[side] = ContactPoint(**data[side])
    for several in ("references", "actions", "to", "cc", "bcc"):
        data[several] = tuple(data.get(several) or ())
    data["attachments"] = tuple(Attachment(**each) for each in data.get("attachments") or ())
    data["attempt"] = row.attempts + 1
    return Outgoing(**data)


def nothing_due(conn: Connection, now: Moment) -> bool:
    first = next_at(conn)
    return first is None or first > now


def lease(conn: Connection, now: Moment, until: Moment, token: str, most: int) -> list[Row]:
    """Takes what is due for sending, fenced by ``token`` until ``until``."""
    taken = []
    for row in conn.execute(_DUE, {"now": now, "most": most}).all():
        won = conn.execute(
            _LEASE,
            {"row": row.id, "seen_attempts": row.attempts, "until": until, "new_lease": token},
        ).rowcount
        if won:
            try:
                message = _message(row)
            except (TypeError, KeyError, ValueError) as error:  # one that cannot be read stops no other
                settle(conn, row.id, token, "failed", reason=f"The stored message cannot be read: {error}")
                continue
            if row.attempts and _overtaken(conn, row):
                settle(conn, row.id, token, "failed", reason="Something later was asked of this call.")
                continue
            taken.append(Row(message, row.channel, token, crashed=row.state == "sending"))
    return taken


def _overtaken(conn: Connection, row: Any) -> bool:
    asked = {"call": row.interaction_id, "verbs": _REPLACES.get(row.verb, ()), "row": row.id}
    return bool(asked["verbs"]) and conn.execute(_OVERTAKEN, asked).first() is not None


def settle(
    conn: Connection,
    outbox_id: str,
    held: str,
    state: str,
    *,
    next_at: Moment = 0,
    provider_id: str = "",
    reason: str = "",
) -> bool:
    """Writes what became of it; False where the lease was lost and somebody else has decided."""
    done = conn.execute(
        _SETTLE,
        {
            "row": outbox_id,
            "held": held,
            "new_state": state,
            "new_next_at": next_at,
            "new_provider_id": provider_id[:400],
            "new_reason": reason[:2000],
        },
    )
    if done.rowcount and state == "retry":
        tell(conn, Due("outbox", next_at))
    return bool(done.rowcount)


_SENT = select(outbox.c.id, outbox.c.state, outbox.c.interaction_id, outbox.c.verb)


def by_provider_id(conn: Connection, channel: str, provider_id: str) -> Any | None:
    return conn.execute(
        _SENT.where(outbox.c.channel == channel, outbox.c.provider_id == provider_id).limit(1)
    ).one_or_none()


def get(conn: Connection, channel: str, outbox_id: str) -> Any | None:
    return conn.execute(_SENT.where(outbox.c.channel == channel, outbox.c.id == outbox_id)).one_or_none()


def set_state(conn: Connection, outbox_id: str, state: str, reason: str = "") -> None:
    conn.execute(outbox.update().where(outbox.c.id == outbox_id).values(state=state, reason=reason[:2000]))


def next_at(conn: Connection) -> Moment | None:
    first: Moment | None = conn.execute(select(func.min(outbox.c.next_at)).where(UNSENT)).scalar()
    return first


def undelivered(conn: Connection, most: int = 200) -> list[Any]:
    return list(
        conn.execute(
            select(outbox)
            .where(outbox.c.state.in_(("failed", "uncertain")))
            .order_by(outbox.c.created_at.desc())
            .limit(most)
        )
    )
