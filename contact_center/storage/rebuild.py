"""Every stored record against the fold of its events."""

from __future__ import annotations

from typing import Any

import orjson
from sqlalchemy import Connection, select

from contact_center.domain.record import Record, fold, record_from
from contact_center.storage import events, gist
from contact_center.storage.schema import interactions


def interaction_ids(conn: Connection) -> list[str]:
    return list(conn.execute(select(interactions.c.id).order_by(interactions.c.id)).scalars())


def _columns(record: dict[str, Any]) -> dict[str, Any]:
    """What the indexed columns must say, given the record."""
    same = ("case_id", "customer_id", "channel", "medium", "thread_key", "state", "queue", "agent_id", "epoch",
            "started_at", "last_message_at", "answered_at", "ended_at", "ended_reason", "label")  # fmt: skip
    return {**{name: record[name] for name in same}, "queued_at": record["virtual_enqueued_at"]}


def _gists(record: Record) -> dict[str, str | None]:
    """The columns that an earlier release has not written: NULL, or what they must say."""
    return {"waits": gist.waits(record), "served": gist.served(record)}


def _same(stored: str | None, wanted: str | None) -> bool:
    """NULL is never wrong: the record is read then. What is named may be named in any order."""
    if stored is None or stored == wanted:
        return True
    try:
        return wanted is not None and bool(orjson.loads(stored) == orjson.loads(wanted))
    except orjson.JSONDecodeError:
        return False


def compare(conn: Connection, interaction_id: str) -> list[str]:
    """The fields in which the stored record, or a column beside it, differs from the fold of the events. Empty is
    proof that they are equal. Read in one snapshot."""
    return _differences(conn, interaction_id)[0]


def _differences(conn: Connection, interaction_id: str) -> tuple[list[str], dict[str, Any] | None]:
    """With what the row must have."""
    row = conn.execute(select(interactions).where(interactions.c.id == interaction_id)).one()
    folded = fold(events.of_interaction(conn, interaction_id))
    if folded is None:
        return ["events"], None
    wanted: dict[str, Any] = orjson.loads(orjson.dumps(folded))
    # What an earlier release wrote lacks the fields of this one: it is read with their defaults.
    stored: dict[str, Any] = {**orjson.loads(orjson.dumps(record_from(row.record))), **row.record}
    fields = [name for name in {**wanted, **stored} if wanted.get(name) != stored.get(name)]
    mapping = row._mapping
    columns, gists = _columns(wanted), _gists(folded)
    fields += [f"column {name}" for name, value in columns.items() if mapping[name] != value]
    fields += [f"column {name}" for name, value in gists.items() if not _same(mapping[name], value)]
    return fields, {"record": wanted, **columns, **gists}


def mend(conn: Connection, interaction_id: str) -> list[str]:
    """Replaces a record that differs by the fold of its events; says in which fields it differed."""
    fields, wanted = _differences(conn, interaction_id)
    if fields and wanted is not None:
        conn.execute(interactions.update().where(interactions.c.id == interaction_id).values(**wanted))
    return fields
