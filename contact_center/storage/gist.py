"""What routing asks of a record, kept beside it: so that very many are read without reading the records.

Both are columns of ``interactions``, written with the record and by nobody else, and derived from it: ``rebuild
--check`` holds them against the log. Where one is NULL an earlier release wrote the row, or there is nothing to say;
the record says it then.
"""

from __future__ import annotations

import orjson
from sqlalchemy import Text, case, func, type_coerce

from contact_center.domain.record import Record
from contact_center.storage.schema import interactions


def waits(record: Record) -> str | None:
    """A JSON array: of one that waits what no other column says, which is ``epoch, priority, skills, missed,
    missed_by, only_agent, directed_by``, and who has served in it, with when it was enqueued. The epoch says of when
    it is: what a node of an earlier release has changed since has another one in its column."""
    if record.state != "waiting":
        return None
    said = [
        record.epoch,
        record.priority,
        record.skills,
        record.missed,
        record.missed_by,
        record.only_agent,
        record.directed_by,
        dict.fromkeys(record.served_by, record.enqueued_at),
    ]
    return orjson.dumps(said).decode()


def served(record: Record) -> str | None:
    """A JSON array: ``assigned_at``, and every agent who has served in it, in their order. None where nobody has."""
    return orjson.dumps([record.assigned_at, *record.served_by]).decode() if record.served_by else None


# Nobody has served where nobody has answered: of these nothing need be read.
SERVED = case(
    (interactions.c.answered_at > 0, func.coalesce(interactions.c.served, type_coerce(interactions.c.record, Text)))
)
"""What :func:`who_served` reads: the gist, or the record of an earlier release, or NULL."""


def who_served(stored: str) -> tuple[int, list[str]]:
    """When it was assigned (0: it is not now), and who has served in it."""
    told = orjson.loads(stored)
    if isinstance(told, list):
        assigned_at, *agent_ids = told
        return assigned_at, agent_ids
    return told["assigned_at"], told["served_by"]
