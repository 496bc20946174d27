"""What is to leave the house: rows written with their cause, sent afterwards, never forgotten."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from sqlalchemy import Connection, Text, bindparam, func, or_, select, text, tuple_, type_coerce

from channels.contract import Outgoing
from contact_center.domain.contact_points import ContactPoint
from contact_center.domain.events import Attachment
from contact_center.domain.time import Moment
from contact_center.storage.effects import Due, tell
from contact_center.storage.schema import UNDELIVERED, UNSENT, customers, interactions, outbox

_INSERT = outbox.insert()
_STORED = tuple(f.name for f in fields(Outgoing) if f.name not in ("files", "prepared"))
_DUE = (
    select(outbox.c.id, outbox.c.verb, outbox.c.payload)
    .where(UNSENT, outbox.c.next_at <= bindparam("now"))
    .order_by(outbox.c.next_at, outbox.c.id)
    .limit(bindparam("most"))
)
_WANTED = (
    select(outbox)
    .where(UNSENT, outbox.c.id.in_(bindparam("rows", expanding=True)), outbox.c.next_at <= bindparam("now"))
    .order_by(outbox.c.next_at, outbox.c.id)
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
_PUT_OFF = (
    outbox.update()
    .where(UNSENT, outbox.c.id == bindparam("row"), outbox.c.next_at <= bindparam("now"))
    .values(next_at=bindparam("until"))
)
_OURS = ("_doubted", "_since")
"""What the stored message carries for the hub alone: nobody knows of an earlier attempt; counted from when."""
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
class Candidate:
    """A row that is due. ``address``: whom a letter is for; empty for everything else. ``size``: of its files."""

    outbox_id: str
    address: str
    size: int = 0


@dataclass(frozen=True, slots=True)
class Row:
    """``crashed``: it was being sent when its sender died; nobody knows whether it went out. ``doubted``: nor does
    anybody of an earlier attempt. ``prepared`` is the digest of its bytes; ``since``: when it was first to leave, or
    was told to leave again."""

    message: Outgoing
    channel: str
    lease: str
    crashed: bool
    doubted: bool = False
    prepared: str = ""
    since: Moment = 0


def put(conn: Connection, channel: str, message: Outgoing, now: Moment = 0) -> None:
    """Lays ``message`` in the outbox. It leaves when it is created, which may be later than ``now``."""
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
            "created_at": now or message.created_at,
        },
    )
    tell(conn, Due("outbox", message.created_at))


def _message(row: Any) -> Outgoing:
    data = {name: value for name, value in row.payload.items() if name not in _OURS}
    for side in ("recipient", "sender"):
        if data.get(side):
            data[side] = ContactPoint(**data[side])
    for several in ("references", "actions", "to", "cc", "bcc"):
        data[several] = tuple(data.get(several) or ())
    data["attachments"] = tuple(Attachment(**each) for each in data.get("attachments") or ())
    data["attempt"] = row.attempts + 1
    return Outgoing(**data)


def due(conn: Connection, now: Moment, most: int) -> list[Candidate]:
    """What may leave by ``now``, oldest first."""
    return [Candidate(row.id, _address(row), _size(row)) for row in conn.execute(_DUE, {"now": now, "most": most})]


def _size(row: Any) -> int:
    return sum(int(file.get("size", 0)) for file in row.payload.get("attachments") or ())


def _address(row: Any) -> str:
    recipient = row.payload.get("recipient") if row.verb == "message" else None
    is_letter = isinstance(recipient, dict) and recipient.get("kind") == "email"
    return str(recipient.get("value", "")) if is_letter else ""  # type: ignore[union-attr]


def lease(conn: Connection, now: Moment, until: Moment, token: str, wanted: Sequence[str]) -> list[Row]:
    """Takes those of ``wanted`` that are still due, fenced by ``token`` until ``until``."""
    taken = []
    for row in conn.execute(_WANTED, {"now": now, "rows": list(wanted)}).all():
        won = conn.execute(
            _LEASE,
            {"row": row.id, "seen_attempts": row.attempts, "until": until, "new_lease": token},
        ).rowcount
        if won:
            try:
                order = _message(row)
            except (TypeError, KeyError, ValueError) as error:  # one that cannot be read stops no other
                settle(conn, row.id, token, "failed", reason=f"The stored message cannot be read: {error}")
                continue
            if row.attempts and _overtaken(conn, row):
                settle(conn, row.id, token, "failed", reason="Something later was asked of this call.")
                continue
            taken.append(
                Row(
                    order,
                    row.channel,
                    token,
                    crashed=row.state == "sending",
                    doubted=bool(row.payload.get("_doubted")),
                    prepared=row.prepared,
                    since=row.payload.get("_since") or order.created_at,
                )
            )
    return taken


def put_off(conn: Connection, now: Moment, until: Mapping[str, Moment]) -> None:
    """Lets rows wait that are due, each until its moment. It counts as no attempt."""
    for outbox_id, moment in until.items():
        conn.execute(_PUT_OFF, {"row": outbox_id, "now": now, "until": moment})


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


def doubt(conn: Connection, outbox_id: str, held: str, at: Moment, reason: str) -> bool:
    """Nobody knows whether it went out: it is tried once more at ``at``, and the row remembers that it was. False
    where the lease was lost."""
    payload = conn.execute(select(outbox.c.payload).where(outbox.c.id == outbox_id)).scalar()
    if not settle(conn, outbox_id, held, "retry", next_at=at, reason=reason):
        return False
    _rewrite(conn, outbox_id, {**(payload or {}), "_doubted": True})
    return True


def _rewrite(conn: Connection, outbox_id: str, payload: dict[str, Any]) -> None:
    conn.execute(outbox.update().where(outbox.c.id == outbox_id).values(payload=payload))


def keep_prepared(conn: Connection, message: Outgoing, digest: str) -> str:
    """The bytes of ``message`` lie under ``digest``: for all rows of its letter, unless others were kept before.
    Returns the digest that counts."""
    rows = rows_of_letter(message)
    conn.execute(outbox.update().where(outbox.c.id.in_(rows), outbox.c.prepared == "").values(prepared=digest))
    first = select(outbox.c.prepared).where(outbox.c.id.in_(rows), outbox.c.prepared != "")
    kept: str | None = conn.execute(first.order_by(outbox.c.id).limit(1)).scalar()
    return kept or digest


def rows_of_letter(message: Outgoing) -> list[str]:
    """The ids of a letter's rows, one for each whom it is for."""
    first = message.letter_id or message.outbox_id
    everyone = len(message.to) + len(message.cc) + len(message.bcc)
    return [first, *(f"{first}-{number}" for number in range(1, everyone))]


_SENT = select(outbox.c.id, outbox.c.state, outbox.c.interaction_id, outbox.c.verb)


def by_provider_id(conn: Connection, channel: str, provider_id: str) -> Any | None:
    return conn.execute(
        _SENT.where(outbox.c.channel == channel, outbox.c.provider_id == provider_id).limit(1)
    ).one_or_none()


@dataclass(frozen=True, slots=True)
class SentRow:
    """What is known of a row. ``address``: whom a letter is for; ``automatic``: no person wrote it."""

    id: str
    state: str
    interaction_id: str
    address: str
    automatic: bool


_LETTERS = select(outbox.c.id, outbox.c.state, outbox.c.interaction_id, outbox.c.verb, outbox.c.payload)


def _sent_rows(conn: Connection, query: Any) -> list[SentRow]:
    rows = conn.execute(query.order_by(outbox.c.id).limit(100))
    return [
        SentRow(row.id, row.state, row.interaction_id, _address(row), bool(row.payload.get("automatic")))
        for row in rows
    ]


def of_id(conn: Connection, channel: str, outbox_id: str) -> SentRow | None:
    return next(iter(_sent_rows(conn, _LETTERS.where(outbox.c.channel == channel, outbox.c.id == outbox_id))), None)


def under_provider_id(conn: Connection, channel: str, provider_id: str) -> list[SentRow]:
    """The rows of the letter that has this Message-ID, as far as they left."""
    return _sent_rows(conn, _LETTERS.where(outbox.c.channel == channel, outbox.c.provider_id == provider_id))


def in_doubt(conn: Connection, interaction_id: str) -> list[SentRow]:
    """The interaction's letters that may have left though nobody has written it down."""
    maybe = outbox.c.state.in_(("sending", "retry", "uncertain"))
    return _sent_rows(conn, _LETTERS.where(outbox.c.interaction_id == interaction_id, maybe))


def get(conn: Connection, channel: str, outbox_id: str) -> Any | None:
    return conn.execute(_SENT.where(outbox.c.channel == channel, outbox.c.id == outbox_id)).one_or_none()


def letter(conn: Connection, interaction_id: str, letter_id: str) -> list[tuple[str, Outgoing]]:
    """The rows of a letter of the interaction with their states, the first one first; empty where there is none."""
    first = _whole(conn, letter_id)
    if first is None or first.verb != "message" or first.interaction_id != interaction_id:
        return []
    rows = rows_of_letter(_message(first))
    found = {row.id: row for row in conn.execute(select(outbox).where(outbox.c.id.in_(rows)))}
    return [(found[each].state, _message(found[each])) for each in rows if each in found]


def message(conn: Connection, outbox_id: str) -> Outgoing | None:
    row = _whole(conn, outbox_id)
    return _message(row) if row is not None else None


def _whole(conn: Connection, outbox_id: str) -> Any | None:
    return conn.execute(select(outbox).where(outbox.c.id == outbox_id)).one_or_none()


def cancel(conn: Connection, outbox_id: str) -> bool:
    """Takes back what has not begun to leave; False where it has."""
    done = conn.execute(
        outbox.update().where(outbox.c.id == outbox_id, outbox.c.state == "queued").values(state="cancelled")
    )
    return bool(done.rowcount)


def hurry(conn: Connection, now: Moment, message: Outgoing) -> bool:
    """What was to leave later leaves now, and says so in its date; False where it has begun to leave."""
    done = conn.execute(
        outbox.update()
        .where(outbox.c.id == message.outbox_id, outbox.c.state == "queued", outbox.c.next_at > now)
        .values(next_at=now, payload={name: getattr(replace(message, created_at=now), name) for name in _STORED})
    )
    if done.rowcount:
        tell(conn, Due("outbox", now))
    return bool(done.rowcount)


def again(conn: Connection, now: Moment, outbox_id: str) -> bool:
    """Lets a row leave once more that failed or of which nobody knows, the same bytes; False where it is neither."""
    row = _whole(conn, outbox_id)
    if row is None:
        return False
    done = conn.execute(
        outbox.update()
        .where(outbox.c.id == outbox_id, UNDELIVERED)
        .values(state="retry", attempts=0, next_at=now, seen_at=0, payload={**row.payload, "_since": now})
    )
    if done.rowcount:
        tell(conn, Due("outbox", now))
    return bool(done.rowcount)


def dismiss(conn: Connection, now: Moment, outbox_id: str) -> bool:
    """Somebody has seen that it was not delivered."""
    done = conn.execute(outbox.update().where(outbox.c.id == outbox_id, UNDELIVERED).values(seen_at=now))
    return bool(done.rowcount)


def set_state(conn: Connection, outbox_id: str, state: str, reason: str = "") -> None:
    conn.execute(outbox.update().where(outbox.c.id == outbox_id).values(state=state, reason=reason[:2000]))


def next_at(conn: Connection) -> Moment | None:
    first: Moment | None = conn.execute(select(func.min(outbox.c.next_at)).where(UNSENT)).scalar()
    return first


@dataclass(frozen=True, slots=True)
class Undelivered:
    """A message that did not arrive, or of which nobody knows. ``recipient`` is where it was to go."""

    outbox_id: str
    interaction_id: str
    case_id: int
    customer: dict[str, str]
    recipient: str
    channel: str
    medium: str
    subject: str
    state: str
    reason: str
    attempts: int
    created_at: Moment
    agent_id: str
    verb: str


_LOST = text("outbox.state IN ('failed', 'uncertain')")
_UNDELIVERED = (
    select(
        outbox,
        interactions.c.medium,
        interactions.c.case_id,
        interactions.c.customer_id,
        interactions.c.agent_id.label("holder"),
        customers.c.name.label("customer_name"),
    )
    .select_from(outbox)
    .outerjoin(interactions, interactions.c.id == outbox.c.interaction_id)
    .outerjoin(customers, customers.c.id == interactions.c.customer_id)
)


def _seen_by(agent_id: str, queues: Sequence[str]) -> Any:
    """What an agent may see of it: what they wrote, what they hold or have served last, and what is of their
    queues."""
    wrote = type_coerce(outbox.c.payload, Text).contains(f'"agent_id":"{agent_id}"', autoescape=True)
    return or_(interactions.c.agent_id == agent_id, interactions.c.queue.in_(queues), wrote)


def undelivered(
    conn: Connection,
    *,
    agent_id: str = "",
    queues: Sequence[str] = (),
    before: tuple[Moment, str] | None = None,
    messages_only: bool = False,
    only: str = "",
    most: int = 200,
) -> list[Undelivered]:
    """What nobody has dismissed yet, newest first. With an ``agent_id`` what that agent may see; ``only`` one row,
    dismissed or not."""
    query = _UNDELIVERED.where(_LOST)
    if not only:
        query = query.where(outbox.c.seen_at == 0)
    if agent_id:
        query = query.where(_seen_by(agent_id, queues))
    if messages_only:
        query = query.where(outbox.c.verb == "message")
    if only:
        query = query.where(outbox.c.id == only)
    if before is not None:
        query = query.where(tuple_(outbox.c.created_at, outbox.c.id) < before)
    rows = conn.execute(query.order_by(outbox.c.created_at.desc(), outbox.c.id.desc()).limit(most))
    return [_undelivered(row) for row in rows]


def count_undelivered(conn: Connection, *, agent_id: str = "", queues: Sequence[str] = ()) -> int:
    query = select(func.count()).select_from(outbox).where(_LOST, outbox.c.seen_at == 0)
    query = query.where(outbox.c.verb == "message")
    if agent_id:
        query = query.join(interactions, interactions.c.id == outbox.c.interaction_id, isouter=True)
        query = query.where(_seen_by(agent_id, queues))
    return conn.execute(query).scalar_one()


def _undelivered(row: Any) -> Undelivered:
    told = row.payload if isinstance(row.payload, dict) else {}
    recipient = told.get("recipient") or {}
    return Undelivered(
        outbox_id=row.id,
        interaction_id=row.interaction_id,
        case_id=row.case_id or 0,
        customer={"id": row.customer_id or "", "name": row.customer_name or ""},
        recipient=str(recipient.get("value", "")),
        channel=row.channel,
        medium=row.medium or "other",
        subject=str(told.get("subject", "")),
        state=row.state,
        reason=row.reason,
        attempts=row.attempts,
        created_at=row.created_at,
        agent_id=str(told.get("agent_id") or row.holder or ""),
        verb=row.verb,
    )
