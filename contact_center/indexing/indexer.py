"""The running side: wakes when something was committed, reads the log on from where it was, writes what is new.

Nothing waits for it and nothing is lost by stopping it: how far it got is stored with what it stored. Of several
nodes one does it at a time.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from contact_center.domain.errors import Unavailable
from contact_center.domain.occasion import Occasion
from contact_center.indexing.documents import document, transcripts
from contact_center.storage import events, full_text, leases
from contact_center.storage.connection import Connection
from contact_center.storage.events import Sure
from contact_center.storage.executor import Executor
from contact_center.storage.full_text import Document, Named, Progress

log = structlog.get_logger(__name__)

BATCH = 64
"""Documents written at once while calls and messages come in beside it: some ten milliseconds of the one writer."""
SCAN = 4_000
"""Events looked through for them."""
PAUSE_S = 0.3
"""Between a commit and the look at it: what comes together is read together."""
CATCH_UP_S = 0.02
"""Between two batches: a long way to catch up leaves the others their turn."""
NOT_WHOLE_S = 0.05
"""Before the next look at what was given a number and may not be committed (PostgreSQL)."""
LOOK_EVERY_S = 15.0
"""How often to look without having been woken: another node's events, and a lease that nobody holds any more."""
LEASE_MS = 30_000
LEASE = "search"
MOST_RENAMED = 500
"""A customer with more documents than this keeps the name on them that they were first indexed with."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of the log between two of its numbers: ``rows`` that documents are made of, ``names`` whom they are
    about, ``lines`` what was heard in the calls that ended in it."""

    from_: int
    to: int
    last: int
    rows: list[Any]
    names: dict[str, Named]
    lines: dict[str, list[Any]]


def next_piece(conn: Connection, whole: Sure, most: int) -> Piece | None:
    """What comes next; None where nothing is new, or nothing is ready."""
    at = full_text.progress(conn)
    if not at.ready or at.reached >= whole.upto:
        return None
    upto = min(whole.upto, at.reached + SCAN)
    rows = full_text.log_between(conn, at.reached, upto, most)
    if len(rows) == most:
        upto = rows[-1].seq
    names = full_text.named(conn, {row.customer_id for row in rows}) if rows else {}
    return Piece(at.reached, upto, at.last, rows, names, _lines(conn, rows))


def _lines(conn: Connection, rows: Sequence[Any]) -> dict[str, list[Any]]:
    calls = (row for row in rows if row.kind == "ended" and row.medium == "voice")
    return {row.interaction_id: full_text.lines_of(conn, row.interaction_id, row.seq) for row in calls}


def documents_of(rows: Sequence[Any], lines: dict[str, list[Any]], who: Callable[[str], str]) -> list[Document]:
    """``who`` gives the words that a customer is found by."""
    found: list[Document] = []
    for row in rows:
        about = who(row.customer_id)
        if row.kind == "ended":
            found += transcripts(lines.get(row.interaction_id, ()), about)
        elif (made := document(row, about)) is not None:
            found.append(made)
    return sorted(found, key=lambda each: each.seq)


def _carried(name: Named | None) -> str:
    if name is None:
        return ""
    return name.now if name.carried is None else name.carried


@dataclass(frozen=True, slots=True)
class Batch:
    """A piece of the log, as documents."""

    piece: Piece
    documents: list[Document]


def made_of(piece: Piece) -> Batch:
    return Batch(piece, documents_of(piece.rows, piece.lines, lambda each: _carried(piece.names.get(each))))


def store(conn: Connection, batch: Batch) -> bool:
    """Puts the batch into the index; False where another has done it."""
    piece = batch.piece
    if not full_text.advance(conn, full_text.LOG, piece.from_, piece.to):
        return False
    full_text.add(conn, batch.documents)
    for customer_id, name in piece.names.items():
        if name.now != name.indexed:
            full_text.name(conn, customer_id, name.now, _carried(name))
    return True


def rename(conn: Connection, customer_id: str) -> None:
    """The customer's documents are found by the name that they have now."""
    name = full_text.named(conn, [customer_id])[customer_id]
    if name.carried is None or (name.carried == name.now == name.indexed):
        return
    rows = full_text.documents_rows(conn, customer_id, MOST_RENAMED + 1)
    if len(rows) > MOST_RENAMED:
        full_text.name(conn, customer_id, name.now, name.carried)
        return
    lines = _lines(conn, rows)
    before = documents_of(rows, lines, lambda _: name.carried or "")
    after = documents_of(rows, lines, lambda _: name.now)
    indexed = full_text.indexed(conn, [each.number for each in before])
    pairs = [(old, new) for old, new in zip(before, after, strict=True) if old.number in indexed]
    full_text.change(conn, [old for old, _ in pairs], [new for _, new in pairs])
    full_text.name(conn, customer_id, name.now, name.now)


class Indexer:
    """Follows the log of one hub. ``nudge`` is cheap and may be called at any time from the event loop."""

    def __init__(self, executor: Executor, occasion: Callable[[], Occasion], node: str) -> None:
        self._executor = executor
        self._occasion = occasion
        self._node = node
        self._woken = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._whole = Sure()
        self._held_until = 0

    async def start(self) -> None:
        self._task = asyncio.create_task(self._follow(), name="indexer")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    def nudge(self) -> None:
        self._woken.set()

    async def progress(self) -> Progress:
        return await self._executor.read(full_text.progress)

    async def rebuild(self) -> None:
        """Throws the index away; it is made again from the log at once."""
        await self._executor.write(full_text.prepare, True)
        self.nudge()

    async def _follow(self) -> None:
        wait = PAUSE_S
        while True:
            try:
                more = await self._look()
                wait = PAUSE_S
            except Unavailable:
                more, wait = 0.0, min(wait * 2, LOOK_EVERY_S)
            except Exception:
                log.exception("indexing_failed")
                more, wait = 0.0, min(wait * 2, LOOK_EVERY_S)
            if more:
                await asyncio.sleep(more)
                continue
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY_S):
                    await self._woken.wait()
            self._woken.clear()
            await asyncio.sleep(wait)

    async def _look(self) -> float:
        """One batch; in how many seconds there is more to do, 0 if there is none."""
        if not await self._mine():
            return 0.0
        self._whole = await self._executor.read(events.sure, self._whole)
        piece = await self._executor.read(next_piece, self._whole, BATCH)
        if piece is None:
            await self._rename()
            return NOT_WHOLE_S if self._whole.given > self._whole.upto else 0.0
        batch = await asyncio.to_thread(made_of, piece)
        try:
            await self._executor.write(store, batch)
        except Unavailable:
            raise
        except Exception:
            log.exception("batch_not_indexed", first=piece.from_ + 1, last=piece.to)
            await self._one_by_one(batch)
        return CATCH_UP_S

    async def _one_by_one(self, batch: Batch) -> None:
        """One of them cannot be stored: it alone is left out."""
        if not await self._executor.write(full_text.advance, full_text.LOG, batch.piece.from_, batch.piece.to):
            return
        for each in batch.documents:
            try:
                await self._executor.write(full_text.add, [each])
            except Unavailable:
                raise
            except Exception:
                log.exception("not_indexed", seq=each.seq)

    async def _mine(self) -> bool:
        """Whether this node is the one to do it. Asked for again when a third of the time is left."""
        now = self._occasion().now
        if now < self._held_until - LEASE_MS // 3:
            return True

        def ask(conn: Connection) -> bool:
            if not full_text.possible(conn):
                return False
            if not leases.take(conn, LEASE, self._node, now, now + LEASE_MS):
                return False
            full_text.prepare(conn)
            return True

        mine = await self._executor.write(ask)
        self._held_until = now + LEASE_MS if mine else 0
        return mine

    async def _rename(self) -> None:
        """Names that changed without anybody writing."""

        def read(conn: Connection) -> tuple[int, list[Any]]:
            reached = full_text.names_reached(conn)
            return reached, full_text.renamed_since(conn, reached, 50)

        reached, changed = await self._executor.read(read)
        for row in changed:
            await self._executor.write(rename, row.id)
        if changed:
            await self._executor.write(full_text.advance, full_text.NAMES, reached, changed[-1].updated_at)


async def rebuild(executor: Executor, progress: Callable[[int, int], None]) -> int:
    """Makes the index anew while no hub runs; how many documents it has."""
    await executor.write(full_text.prepare, True)
    made = 0
    whole = await executor.read(events.sure, Sure())
    while whole.upto < whole.given:
        await asyncio.sleep(NOT_WHOLE_S)
        whole = await executor.read(events.sure, whole)
    while (piece := await executor.read(next_piece, whole, 1_000)) is not None:
        batch = made_of(piece)
        await executor.write(store, batch)
        made += len(batch.documents)
        progress(piece.to, piece.last)
    return made
