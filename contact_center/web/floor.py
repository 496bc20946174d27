"""The floor, pushed to the supervisors who watch it: whole at first, then what changed, twice a second at most."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from datetime import datetime
from typing import Any

import orjson
import structlog

from contact_center.domain.errors import Unavailable
from contact_center.domain.time import Moment
from contact_center.domain.views import Floor, FloorAgent, Happening, QueueView
from contact_center.live.desks import Desk
from contact_center.registry.runtime import Runtime
from contact_center.storage import floor
from contact_center.storage.effects import FloorMoved

log = structlog.get_logger(__name__)

PERIOD_S = 0.5
RECENT = 50


class FloorFeed:
    """Reads the floor only while somebody watches and something moved."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._watching: set[Desk] = set()
        self._new: set[Desk] = set()
        self._moved = asyncio.Event()
        self._recent: deque[Happening] = deque(maxlen=RECENT)
        self._unsent: list[Happening] = []
        self._queues: dict[str, QueueView] = {}
        self._agents: dict[str, FloorAgent] = {}
        self._task: asyncio.Task[None] | None = None
        runtime.on_floor.append(self._on_moved)

    def _on_moved(self, effect: FloorMoved) -> None:
        if effect.line is not None:
            line = Happening(**effect.line)
            self._recent.append(line)
            if self._watching:
                self._unsent.append(line)
        if self._watching:
            self._moved.set()

    def join(self, desk: Desk) -> None:
        desk.watches_floor = True
        self._watching.add(desk)
        self._new.add(desk)
        self._moved.set()

    def leave(self, desk: Desk) -> None:
        desk.watches_floor = False
        self._watching.discard(desk)
        self._new.discard(desk)

    async def start(self) -> None:
        self._task = asyncio.create_task(self._work(), name="floor")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    def midnight(self, now: Moment) -> Moment:
        """When today began in the hub's time zone."""
        here = datetime.fromtimestamp(now / 1_000, self._runtime.time_zone)
        return round(here.replace(hour=0, minute=0, second=0, microsecond=0).timestamp() * 1_000)

    async def _work(self) -> None:
        while True:
            await self._moved.wait()
            self._moved.clear()
            try:
                await self._send()
            except Unavailable:
                self._moved.set()
            except Exception:
                log.exception("floor_failed")
            await asyncio.sleep(PERIOD_S)

    async def _send(self) -> None:
        now = self._runtime.occasion().now
        # Together, and before the floor is read: a line that comes meanwhile is in the next part, and there alone.
        new, self._new = self._new, set()
        lines, self._unsent = self._unsent, []
        recent = tuple(self._recent)
        try:
            queues, agents = await self._runtime.executor.read(_read, now, self.midnight(now))
        except Exception:
            self._new |= new & self._watching
            self._unsent = [*lines, *self._unsent]
            raise
        changed_queues = [q for q in queues if self._queues.get(q.id) != q]
        changed_agents = [a for a in agents if self._agents.get(a.agent.id) != a]
        self._queues = {q.id: q for q in queues}
        self._agents = {a.agent.id: a for a in agents}
        if new:
            self._to(new & self._watching, Floor(now, True, tuple(queues), tuple(agents), recent))
        if changed_queues or changed_agents or lines:
            part = Floor(now, False, tuple(changed_queues), tuple(changed_agents), tuple(lines))
            self._to(self._watching - new - self._new, part)

    @staticmethod
    def _to(desks: set[Desk], shown: Floor) -> None:
        frame = orjson.dumps({"type": "floor", "floor": shown})
        for desk in desks:
            desk.send(frame)


def _read(conn: Any, now: Moment, midnight: Moment) -> tuple[list[QueueView], list[FloorAgent]]:
    return floor.queue_views(conn, now, midnight), floor.floor_agents(conn)
