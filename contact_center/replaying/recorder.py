"""The running side: keeps what the engine is told, in memory for a second at most, then in the database.

Routing never waits for it. What is told is noted in a list; another thread makes blocks of it, the executor stores
them. Where the database cannot keep up, what is too much is counted and let go of, and the log says where it is not
whole by beginning a new run.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import structlog

from contact_center.domain.errors import Unavailable
from contact_center.domain.occasion import Occasion
from contact_center.domain.time import DAY, HOUR, MINUTE, Moment
from contact_center.storage import routing_log, settings, trials
from contact_center.storage.connection import Connection
from contact_center.storage.executor import Executor
from contact_center.storage.routing_log import Block
from routing import Policy
from routing.engine import Engine
from routing.facts import Begun, Dated, Decided, Fact, encode
from routing.shadow import Shadow

log = structlog.get_logger(__name__)

EVERY_S = 1.0
"""How often what was noted is written: what a crash can cost the log."""
SOON = 5_000
"""With so many facts it is written at once."""
MOST = 200_000
"""Facts in memory at most; about two hundred bytes each, most of them shared with the engine."""
BLOCK = 20_000
"""Facts in one block at most."""
RUN_MS = HOUR
RUN_FACTS = 250_000
"""A run begins with all that the engine knows. It lasts no longer than this, so that any day can be decided again
from a little before it, and old days can go."""
QUIET_MS = 5 * MINUTE
"""Questions that came to nothing, and nothing else, are written this often."""
LOOK_MS = MINUTE
"""How often the settings are looked at."""
LET_GO_MS = 10 * MINUTE
"""How often what is too old, or too much, is let go of."""

SETTING = "routing_log"


@dataclass(frozen=True, slots=True)
class Keeping:
    """What the operator wants kept, and for how long."""

    on: bool = True
    keep_ms: int = 30 * DAY
    most_bytes: int = 2_000_000_000


def keeping(stored: dict[str, Any]) -> Keeping:
    plain = Keeping()
    return Keeping(
        bool(stored.get("on", plain.on)),
        int(stored.get("keep_days", plain.keep_ms / DAY) * DAY),
        int(stored.get("most_megabytes", plain.most_bytes / 1e6) * 1_000_000),
    )


class Recorder:
    """The witness of this node's engine. ``facts``, ``blocks``, ``written_bytes`` and ``lost`` count since the
    start; ``most`` facts are held in memory."""

    def __init__(self, executor: Executor, occasion: Callable[[], Occasion], node: str) -> None:
        self._executor = executor
        self._occasion = occasion
        self._node = node
        self._engine: Engine | None = None
        self._facts: list[Dated] = []
        self._something = False
        self._gap = False
        self._full = asyncio.Event()
        self._writing: list[Block] = []
        self._turn = asyncio.Lock()
        self._run = ""
        self._runs = 0
        self._number = 0
        self._before = ""
        self._begun_at: Moment = 0
        self._in_run = 0
        self._looked_at: Moment = 0
        self._let_go_at: Moment = 0
        self._written_at: Moment = 0
        self._stopping = False
        self._task: asyncio.Task[None] | None = None
        self.keeping = Keeping()
        self.most = MOST
        self.shadow: Shadow | None = None
        self.facts = 0
        self.blocks = 0
        self.written_bytes = 0
        self.lost = 0

    # --- what the engine is told ----------------------------------------------------------------------------------

    def begins(self, engine: Engine) -> None:
        self._engine = engine
        self._gap = False
        self._note(Begun(engine.policy))

    def told(self, fact: Fact) -> None:
        if not self.keeping.on and self.shadow is None:
            return
        if self._gap or len(self._facts) >= self.most:
            self._gap = True
            self.lost += 1
            return
        self._facts.append((self._occasion().now, fact))
        self._in_run += 1
        if not self._something and not (isinstance(fact, Decided) and not fact.made):
            self._something = True
        if len(self._facts) == SOON:
            self._full.set()

    def _note(self, fact: Fact) -> None:
        now = self._occasion().now
        self._facts.append((now, fact))
        self._something = True
        if isinstance(fact, Begun):
            self._begun_at, self._in_run = now, 0

    def _again(self, goes_on: bool) -> None:
        """Begins a new run with all that the engine knows."""
        engine = self._engine
        if engine is None:
            return
        seats, waiting = engine.seats(), engine.waiting()
        self._note(Begun(engine.policy, len(seats) + len(waiting) if goes_on else 0))
        for seat in seats:
            self._note(seat)
        for each in waiting:
            self._note(each)

    # --- running --------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Reads what the operator wants kept; to be called before the first engine begins."""
        self.keeping, shadow = await self._executor.read(_wanted)
        self.shadow = None if shadow is None else Shadow(shadow)
        self._looked_at = self._written_at = self._occasion().now
        self._task = asyncio.create_task(self._work(), name="routing-log")

    async def stop(self) -> None:
        """Writes the rest."""
        self._stopping = True
        self._full.set()
        if self._task is not None:
            await self._task
            self._task = None

    async def _work(self) -> None:
        while not self._stopping:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(EVERY_S):
                    await self._full.wait()
            self._full.clear()
            try:
                await self._look()
                if self._due():
                    await self.write()
            except Unavailable:
                await asyncio.sleep(0 if self._stopping else EVERY_S)
            except Exception:  # a defect of ours must not end the keeping for good, and is nobody else's
                log.exception("routing_log_failed")
                self._writing.clear()
                self._gap = True
        with contextlib.suppress(Unavailable):
            await self.write()

    def _due(self) -> bool:
        if self._gap or self._writing:
            return True
        quiet = self._occasion().now - self._written_at < QUIET_MS and len(self._facts) < SOON
        return self._something or not quiet

    async def _look(self) -> None:
        now = self._occasion().now
        if now - self._looked_at < LOOK_MS:
            return
        self._looked_at = now
        before = self.keeping
        self.keeping, shadow = await self._executor.read(_wanted)
        if shadow != (None if self.shadow is None else self.shadow.policy):
            self.shadow = None if shadow is None else Shadow(shadow)
        elif before.on or not self.keeping.on:
            shadow = None
        if shadow is not None or (self.keeping.on and not before.on):
            # Who has just begun to listen must be told all that the engine knows.
            self._again(goes_on=before.on)
        if now - self._let_go_at >= LET_GO_MS:
            self._let_go_at = now
            excess = (await self._executor.read(routing_log.whole))["bytes"] - self.keeping.most_bytes
            await self._executor.write(routing_log.forget, now - self.keeping.keep_ms, excess)

    async def write(self) -> None:
        """Writes what was noted up to now. Raises :class:`Unavailable`; then it is kept for the next time."""
        async with self._turn:
            await self._write()

    async def _write(self) -> None:
        await self._store()
        if not self.keeping.on and self.shadow is None:
            self._facts, self._something, self._gap = [], False, False
            return
        now = self._occasion().now
        if not self._gap and (now - self._begun_at >= RUN_MS or self._in_run >= RUN_FACTS):
            self._again(goes_on=True)
        facts, self._facts, self._something = self._facts, [], False
        if self._gap:
            self._gap = False
            self._again(goes_on=False)
        if facts:
            if self.shadow is not None:
                await asyncio.to_thread(_hear, self.shadow, facts)
            if self.keeping.on:
                self._writing = await asyncio.to_thread(self._blocks, facts)
        await self._store()
        self._written_at = now

    async def _store(self) -> None:
        while self._writing:
            block = self._writing[0]
            await self._executor.write(routing_log.add, block)
            del self._writing[0]
            self.facts += block.count
            self.blocks += 1
            self.written_bytes += len(block.data)

    def _blocks(self, facts: Sequence[Dated]) -> list[Block]:
        made: list[Block] = []
        piece: list[Dated] = []
        for at, fact in facts:
            if piece and (isinstance(fact, Begun) or len(piece) >= BLOCK):
                made.append(self._block(piece))
                piece = []
            piece.append((at, fact))
        made.append(self._block(piece))
        return made

    def _block(self, facts: list[Dated]) -> Block:
        at, first = facts[0]
        if isinstance(first, Begun):
            facts[0] = (at, first._replace(after=self._before))
            self._runs += 1
            self._run, self._number, self._before = f"{self._node}-{self._runs:06}", 0, ""
        block = sealed(self._run, self._number, self._node, facts, self._before)
        self._number += 1
        self._before = block.digest
        return block


def sealed(run: str, number: int, node: str, facts: Sequence[Dated], before: str) -> Block:
    """The facts as a block that follows the one known by ``before``."""
    data = encode(facts)
    block = Block(run, number, node, facts[0][0], max([at for at, _ in facts]), len(facts), "", data, len(data))
    return replace(block, digest=block.digest_after(before))


def _hear(shadow: Shadow, facts: Sequence[Dated]) -> None:
    for at, fact in facts:
        shadow.feed(at, fact)


def _wanted(conn: Connection) -> tuple[Keeping, Policy | None]:
    return keeping(settings.get(conn, SETTING, {})), trials.shadow(conn)
