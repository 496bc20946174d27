"""What the outside world remembers: the ledger of everything it saw, text messages, and mail.

One SQLite file, so that a restart of the sandbox forgets nothing that a customer or the hub's mailbox had.
Everything here runs on the event loop's thread: each call is one short statement.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

_SCHEMA = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
CREATE TABLE IF NOT EXISTS ledger (
    seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, kind TEXT NOT NULL, who TEXT NOT NULL, facts TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS ledger_who ON ledger (who, seq);
CREATE TABLE IF NOT EXISTS texts (
    seq INTEGER PRIMARY KEY, sid TEXT NOT NULL UNIQUE, at INTEGER NOT NULL, sent_at INTEGER,
    direction TEXT NOT NULL, sender TEXT NOT NULL, recipient TEXT NOT NULL, body TEXT NOT NULL,
    status TEXT NOT NULL, error INTEGER, callback TEXT NOT NULL DEFAULT '');
CREATE INDEX IF NOT EXISTS texts_sender ON texts (sender, seq);
CREATE INDEX IF NOT EXISTS texts_recipient ON texts (recipient, seq);
CREATE TABLE IF NOT EXISTS opted_out (
    number TEXT NOT NULL, from_number TEXT NOT NULL, PRIMARY KEY (number, from_number));
CREATE TABLE IF NOT EXISTS letters (
    seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, owner TEXT NOT NULL, folder TEXT NOT NULL,
    message_id TEXT NOT NULL, seen INTEGER NOT NULL DEFAULT 0, raw BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS letters_owner ON letters (owner, seq);
CREATE TABLE IF NOT EXISTS imap_mailboxes (
    name TEXT PRIMARY KEY, uid_validity INTEGER NOT NULL, max_uid INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS imap_messages (
    mailbox TEXT NOT NULL, uid INTEGER NOT NULL, at REAL NOT NULL, flags TEXT NOT NULL, raw BLOB NOT NULL,
    PRIMARY KEY (mailbox, uid));
"""

Row = dict[str, Any]


class World:
    """``now`` is the clock (milliseconds). ``folder`` None keeps everything in memory only."""

    def __init__(self, folder: Path | None, now: Callable[[], int]) -> None:
        self.now = now
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
        path = str(folder / "world.sqlite3") if folder else ":memory:"
        self.sql = sqlite3.connect(path, isolation_level=None)
        self.sql.row_factory = sqlite3.Row
        self.sql.executescript(_SCHEMA)
        self._watchers: set[asyncio.Event] = set()

    def close(self) -> None:
        self.sql.close()

    # --- who looks on -------------------------------------------------------------------------------------

    @contextmanager
    def watching(self) -> Iterator[asyncio.Event]:
        """An event that is set whenever anything changed. Whoever waits clears it."""
        event = asyncio.Event()
        self._watchers.add(event)
        try:
            yield event
        finally:
            self._watchers.discard(event)

    def changed(self) -> None:
        for event in self._watchers:
            event.set()

    # --- the ledger ---------------------------------------------------------------------------------------

    def note(self, kind: str, who: str, **facts: Any) -> int:
        """Writes one line that is never changed again. ``who`` is the customer's number or address (or empty)."""
        cursor = self.sql.execute(
            "INSERT INTO ledger (at, kind, who, facts) VALUES (?, ?, ?, ?)",
            (self.now(), kind, who, json.dumps(facts, ensure_ascii=False, default=str)),
        )
        self.changed()
        return int(cursor.lastrowid or 0)

    def ledger(self, after: int = 0, limit: int = 1_000, kind: str = "", who: str = "") -> list[Row]:
        rows = self.sql.execute(
            "SELECT * FROM ledger WHERE seq > ? AND (? = '' OR kind = ?) AND (? = '' OR who = ?)"
            " ORDER BY seq LIMIT ?",
            (after, kind, kind, who, who, limit),
        )
        return [_entry(row) for row in rows]

    def lately(self, who: str, kinds: tuple[str, ...], limit: int) -> list[Row]:
        """The newest lines of ``kinds`` about ``who``, newest first."""
        marks = ",".join("?" * len(kinds))
        rows = self.sql.execute(
            f"SELECT * FROM ledger WHERE who = ? AND kind IN ({marks}) ORDER BY seq DESC LIMIT ?",
            (who, *kinds, limit),
        )
        return [_entry(row) for row in rows]

    # --- text messages ------------------------------------------------------------------------------------

    def add_text(
        self,
        sid: str,
        direction: str,
        sender: str,
        recipient: str,
        body: str,
        status: str,
        callback: str = "",
    ) -> Row:
        self.sql.execute(
            "INSERT INTO texts (sid, at, direction, sender, recipient, body, status, callback)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (sid, self.now(), direction, sender, recipient, body, status, callback),
        )
        self.changed()
        found = self.text(sid)
        assert found is not None
        return found

    def set_text(self, sid: str, status: str, error: int | None = None) -> None:
        self.sql.execute(
            "UPDATE texts SET status = ?, error = ?, sent_at = coalesce(sent_at, ?) WHERE sid = ?",
            (status, error, self.now(), sid),
        )
        self.changed()

    def text(self, sid: str) -> Row | None:
        row = self.sql.execute("SELECT * FROM texts WHERE sid = ?", (sid,)).fetchone()
        return dict(row) if row else None

    def thread(self, number: str, limit: int = 200) -> list[Row]:
        """A customer's text messages, oldest first, at most the newest ``limit``."""
        rows = self.sql.execute(
            "SELECT * FROM texts WHERE sender = ? OR recipient = ? ORDER BY seq DESC LIMIT ?",
            (number, number, limit),
        )
        return [dict(row) for row in rows][::-1]

    def texts(self, sender: str, recipient: str, limit: int, offset: int) -> list[Row]:
        """Newest first, as the carrier lists them."""
        rows = self.sql.execute(
            "SELECT * FROM texts WHERE (? = '' OR sender = ?) AND (? = '' OR recipient = ?)"
            " ORDER BY seq DESC LIMIT ? OFFSET ?",
            (sender, sender, recipient, recipient, limit, offset),
        )
        return [dict(row) for row in rows]

    def opt_out(self, number: str, from_number: str, out: bool) -> None:
        verb = (
            "INSERT OR IGNORE INTO opted_out VALUES (?, ?)"
            if out
            else ("DELETE FROM opted_out WHERE number = ? AND from_number = ?")
        )
        self.sql.execute(verb, (number, from_number))

    def opted_out(self, number: str, from_number: str) -> bool:
        found = self.sql.execute(
            "SELECT 1 FROM opted_out WHERE number = ? AND from_number = ?", (number, from_number)
        )
        return found.fetchone() is not None

    # --- letters of virtual customers ---------------------------------------------------------------------

    def keep_letter(self, owner: str, folder: Literal["inbox", "sent"], message_id: str, raw: bytes) -> int:
        cursor = self.sql.execute(
            "INSERT INTO letters (at, owner, folder, message_id, seen, raw) VALUES (?, ?, ?, ?, ?, ?)",
            (self.now(), owner, folder, message_id, folder == "sent", raw),
        )
        self.changed()
        return int(cursor.lastrowid or 0)

    def letters(self, owner: str, limit: int = 100) -> list[Row]:
        """Newest first, with ``raw``."""
        rows = self.sql.execute("SELECT * FROM letters WHERE owner = ? ORDER BY seq DESC LIMIT ?", (owner, limit))
        return [dict(row) for row in rows]

    def letter_list(self, owner: str, limit: int) -> list[Row]:
        """Newest first, without ``raw``."""
        rows = self.sql.execute(
            "SELECT seq, at, folder, seen FROM letters WHERE owner = ? ORDER BY seq DESC LIMIT ?", (owner, limit)
        )
        return [dict(row) for row in rows]

    def letter(self, owner: str, seq: int) -> Row | None:
        row = self.sql.execute("SELECT * FROM letters WHERE owner = ? AND seq = ?", (owner, seq)).fetchone()
        return dict(row) if row else None

    def letter_by_id(self, owner: str, message_id: str) -> Row | None:
        row = self.sql.execute(
            "SELECT * FROM letters WHERE owner = ? AND message_id = ? ORDER BY seq LIMIT 1",
            (owner, message_id),
        ).fetchone()
        return dict(row) if row else None

    def see_letter(self, owner: str, seq: int) -> None:
        self.sql.execute("UPDATE letters SET seen = 1 WHERE owner = ? AND seq = ?", (owner, seq))
        self.changed()


def _entry(row: sqlite3.Row) -> Row:
    return {
        "seq": row["seq"],
        "at": row["at"],
        "kind": row["kind"],
        "who": row["who"],
        "facts": json.loads(row["facts"]),
    }
