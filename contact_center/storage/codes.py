"""One-time codes: one under way for each call, kept as a digest, good for a few tries and minutes."""

from __future__ import annotations

import hashlib
import hmac

from sqlalchemy import Connection, delete, select

from contact_center.domain.occasion import Occasion
from contact_center.domain.time import MINUTE
from contact_center.storage.schema import codes

GOOD_FOR_MS = 10 * MINUTE
MOST_TRIES = 5


def _digest(interaction_id: str, code: str) -> str:
    return hashlib.sha256(f"{interaction_id}:{code}".encode()).hexdigest()


def put(conn: Connection, on: Occasion, interaction_id: str, code: str) -> None:
    """``code`` is the one that counts from now on."""
    conn.execute(delete(codes).where((codes.c.interaction_id == interaction_id) | (codes.c.expires_at < on.now)))
    conn.execute(
        codes.insert(),
        {
            "interaction_id": interaction_id,
            "digest": _digest(interaction_id, code),
            "tries": 0,
            "expires_at": on.now + GOOD_FOR_MS,
        },
    )


def check(conn: Connection, on: Occasion, interaction_id: str, given: str) -> bool:
    """Whether ``given`` is the code; a right one is used up, and so is one that was guessed at too often."""
    row = conn.execute(select(codes).where(codes.c.interaction_id == interaction_id).with_for_update()).one_or_none()
    if row is None or row.expires_at <= on.now or row.tries >= MOST_TRIES:
        return False
    right = hmac.compare_digest(row.digest, _digest(interaction_id, given))
    if right:
        conn.execute(delete(codes).where(codes.c.interaction_id == interaction_id))
    else:
        conn.execute(codes.update().where(codes.c.interaction_id == interaction_id).values(tries=row.tries + 1))
    return right
