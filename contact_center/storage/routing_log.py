"""What routing was told, in blocks that follow one another; and the policies that were ever in force."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, func, or_, select

from contact_center.domain.time import Moment
from contact_center.storage.schema import decisions, interactions, policies, routing_log


@dataclass(frozen=True, slots=True)
class Block:
    """Block ``number`` of the run ``run`` at the hub ``node``: ``count`` facts. Without ``data`` it is a block's
    head."""

    run: str
    number: int
    node: str
    first_at: Moment
    last_at: Moment
    count: int
    digest: str
    data: bytes = b""
    size: int = 0

    def digest_after(self, before: str) -> str:
        """What the block is known by if the one before it was known by ``before`` (none: empty). None can be changed,
        or taken out of the middle, unseen."""
        head = f"{before} {self.run} {self.number} {self.node} {self.first_at} {self.last_at} {self.count}\n"
        return hashlib.sha256(head.encode() + self.data).hexdigest()


_INSERT = routing_log.insert()
_HEAD = tuple([column for column in routing_log.c if column.name != "data"])
_HEADS = (
    select(*_HEAD)
    .where(routing_log.c.first_at <= bindparam("last"), routing_log.c.last_at >= bindparam("first"))
    .order_by(routing_log.c.first_at, routing_log.c.run, routing_log.c.number)
)
_HEADS_OF = select(*_HEAD).where(routing_log.c.run.in_(bindparam("runs", expanding=True)))
_RUN = (
    select(routing_log)
    .where(routing_log.c.run == bindparam("run"), routing_log.c.number.between(bindparam("a"), bindparam("b")))
    .order_by(routing_log.c.number)
)


def _block(row: Any) -> Block:
    return Block(
        row.run,
        row.number,
        row.node,
        row.first_at,
        row.last_at,
        row.count,
        row.digest,
        getattr(row, "data", b""),
        row.size,
    )


def add(conn: Connection, block: Block) -> None:
    """Twice is once: whoever doesn't know whether a block was stored adds it again."""
    there = select(routing_log.c.digest).where(routing_log.c.run == block.run, routing_log.c.number == block.number)
    if conn.execute(there).scalar() is not None:
        return
    conn.execute(
        _INSERT,
        {
            "run": block.run,
            "number": block.number,
            "node": block.node,
            "first_at": block.first_at,
            "last_at": block.last_at,
            "count": block.count,
            "size": len(block.data),
            "digest": block.digest,
            "data": block.data,
        },
    )


def heads(conn: Connection, first: Moment, last: Moment) -> list[Block]:
    """The blocks with anything between the two moments, without what is in them."""
    return [_block(row) for row in conn.execute(_HEADS, {"first": first, "last": last})]


def runs(conn: Connection, ids: Sequence[str]) -> list[Block]:
    """All blocks of these runs, without what is in them, by run and number."""
    rows = conn.execute(_HEADS_OF.order_by(routing_log.c.run, routing_log.c.number), {"runs": list(ids)})
    return [_block(row) for row in rows]


def blocks(conn: Connection, run: str, first: int, last: int) -> list[Block]:
    """Some of a run's blocks, by number, both ends included."""
    return [_block(row) for row in conn.execute(_RUN, {"run": run, "a": first, "b": last})]


def whole(conn: Connection) -> dict[str, int]:
    """How much there is: ``blocks``, ``bytes``, and ``first_at`` and ``last_at`` (0: nothing is). Answered from the
    index alone; no block is looked at."""
    row = conn.execute(
        select(
            func.count(routing_log.c.first_at),
            func.coalesce(func.sum(routing_log.c.size), 0),
            func.coalesce(func.min(routing_log.c.first_at), 0),
            func.coalesce(func.max(routing_log.c.last_at), 0),
        )
    ).one()
    return dict(zip(("blocks", "bytes", "first_at", "last_at"), map(int, row), strict=True))


def forget(conn: Connection, before: Moment, excess_bytes: int, most_runs: int = 20) -> int:
    """Lets go of whole runs, the oldest first: those that ended ``before``, and as many as make up ``excess_bytes``.
    A run without its beginning cannot be decided again, so none is cut; the newest is being written, and stays.
    Returns how many went; at most ``most_runs`` at a time."""
    gone = 0
    while gone < most_runs:
        oldest = conn.execute(select(routing_log.c.run).order_by(routing_log.c.first_at).limit(1)).scalar()
        newest = conn.execute(select(routing_log.c.run).order_by(routing_log.c.first_at.desc()).limit(1)).scalar()
        if oldest is None or oldest == newest:
            break
        size, last_at = conn.execute(
            select(func.sum(routing_log.c.size), func.max(routing_log.c.last_at)).where(routing_log.c.run == oldest)
        ).one()
        if last_at >= before and excess_bytes <= 0:
            break
        conn.execute(routing_log.delete().where(routing_log.c.run == oldest))
        excess_bytes -= int(size)
        gone += 1
    return gone


# --- policies --------------------------------------------------------------------------------------------------


def put_policy(conn: Connection, version: str, document: Any, now: Moment) -> None:
    """Keeps what the operator wrote under its version; the first time counts."""
    if policy(conn, version) is None:
        conn.execute(policies.insert(), {"version": version, "document": document, "first_at": now})


def policy(conn: Connection, version: str) -> Any | None:
    """What the operator wrote; None for a version that never was."""
    return conn.execute(select(policies.c.document).where(policies.c.version == version)).scalar()


def versions(conn: Connection, most: int) -> list[dict[str, Any]]:
    """Versions of policies that were in force or on trial, and since when, the newest first."""
    rows = conn.execute(
        select(policies.c.version, policies.c.first_at)
        .order_by(policies.c.first_at.desc(), policies.c.version)
        .limit(most)
    )
    return [{"version": row.version, "first_at": row.first_at} for row in rows]


def follows(conn: Connection, digest: str, node: str, first_at: Moment) -> bool:
    """Whether the block known by ``digest`` is there, or all that is older than ``first_at`` has been let go of."""
    there = select(routing_log.c.number).where(routing_log.c.node == node, routing_log.c.digest == digest)
    if conn.execute(there).first() is not None:
        return True
    older = select(routing_log.c.number).where(routing_log.c.node == node, routing_log.c.first_at < first_at)
    return conn.execute(older.limit(1)).first() is None


def explained(conn: Connection, interaction_ids: Sequence[str]) -> list[dict[str, Any]]:
    """The stored explanations of all decisions about these interactions."""
    rows = conn.execute(select(decisions.c.data).where(decisions.c.interaction_id.in_(list(interaction_ids))))
    return list(rows.scalars())


def became(conn: Connection, interaction_ids: Sequence[str]) -> list[dict[str, Any]]:
    """The records of these interactions."""
    rows = conn.execute(select(interactions.c.record).where(interactions.c.id.in_(list(interaction_ids))))
    return list(rows.scalars())


def in_hand_at(conn: Connection, moment: Moment) -> list[dict[str, Any]]:
    """The records of interactions that somebody may have had in hand then."""
    rows = conn.execute(
        select(interactions.c.record).where(
            interactions.c.answered_at > 0,
            interactions.c.answered_at <= moment,
            or_(interactions.c.ended_at == 0, interactions.c.ended_at >= moment),
        )
    )
    return list(rows.scalars())


def decided(conn: Connection, about: str) -> list[dict[str, Any]]:
    """The stored explanations of the decision with that id, or of all decisions about the interaction with that id,
    oldest first."""
    rows = conn.execute(
        select(decisions.c.data)
        .where(or_(decisions.c.id == about, decisions.c.interaction_id == about))
        .order_by(decisions.c.at, decisions.c.id)
    )
    return list(rows.scalars())
