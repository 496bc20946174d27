"""What routing must know, read from the database: all of it at the start, and what differs from then on.

It is read a portion at a time, so that neither the event loop nor anybody who reads waits for all of it. What commits
meanwhile is told to routing as ever; whoever is ``touched`` by that, or by a decision under way, is newer there than
in what was read, and left alone.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import TypeVar

from contact_center.storage import agents, backlog
from contact_center.storage.connection import Connection
from contact_center.storage.effects import SeatChanged, Waits, WaitsNoMore
from contact_center.storage.executor import Executor
from routing import Engine, Seat, Waiting

PORTION = 500
"""Cases read at once: a few milliseconds of the event loop on PostgreSQL."""

AT_ONCE = {"postgresql": 2}
"""Portions under way, else one: PostgreSQL reads one while what is in another is made out here. SQLite reads here,
where two at once only take turns."""

T = TypeVar("T")

Told = Waits | WaitsNoMore | SeatChanged


async def read_seats(executor: Executor) -> list[Seat]:
    """Everybody's, as they were at some moment while it ran."""
    agent_ids = await executor.read(agents.ids)
    return [seat async for portion in _portions(executor, agents.seats, agent_ids) for seat in portion]


def read_waiting(
    executor: Executor, interaction_ids: Iterable[str], *, whole: bool = False
) -> AsyncIterator[list[Waiting]]:
    """Those of them that wait, a portion at a time; ``whole``: whose record can be read."""
    return _portions(executor, partial(backlog.waiting, whole=whole), interaction_ids)


async def _portions(
    executor: Executor, query: Callable[[Connection, Sequence[str]], list[T]], ids: Iterable[str]
) -> AsyncIterator[list[T]]:
    at_once = AT_ONCE.get(executor.dialect, 1)
    left = iter(ids)
    under_way: deque[asyncio.Task[list[T]]] = deque()
    try:
        while portion := list(islice(left, PORTION)):
            under_way.append(asyncio.create_task(executor.read(query, portion)))
            if len(under_way) == at_once:
                yield await under_way.popleft()
        while under_way:
            yield await under_way.popleft()
    finally:
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)


async def facts(executor: Executor) -> tuple[list[Seat], list[Waiting]]:
    """All that routing must know. What commits while it is read may or may not be in it."""
    with backlog.nothing_collected():
        seats = await read_seats(executor)
        ids = await executor.read(backlog.waiting_ids)
        return seats, [waiting async for portion in read_waiting(executor, ids) for waiting in portion]


async def put_all(engine: Engine, seats: Iterable[Seat], waits: Iterable[Waiting]) -> None:
    """Tells the engine, a portion at a time, so that nobody else waits for all of it."""
    with backlog.nothing_collected():
        for seat in seats:
            engine.put_seat(seat)
        left = iter(waits)
        while portion := list(islice(left, PORTION)):
            for waiting in portion:
                engine.put_waiting(waiting)
            await asyncio.sleep(0)


class Sweep:
    """Routing held against the database, once. ``touched`` grows while it runs: interactions and agents of which
    routing was told, or decided, since it began."""

    def __init__(self, executor: Executor, engine: Engine, touched: set[str]) -> None:
        self._executor = executor
        self._engine = engine
        self._touched = touched

    async def differences(self) -> tuple[list[Told], list[str]]:
        """What routing must be told, and the agents who are gone. What looks different is looked at again: it may
        have committed a moment ago and be on its way here."""
        wrong = await self._wrong_cases(await self._executor.read(backlog.waiting_ids), everything=True)
        seats, gone = self._wrong_seats(await read_seats(self._executor), self._everybody())
        if wrong:
            wrong = await self._wrong_cases(sorted(wrong), everything=False)
        if seats or gone:
            seats, gone = self._wrong_seats(await read_seats(self._executor), self._everybody())
        return [*wrong.values(), *map(SeatChanged, seats)], gone

    async def differences_of(
        self, interaction_ids: Sequence[str], agent_ids: Sequence[str]
    ) -> tuple[list[Told], list[str]]:
        """The same of these alone, which are said to have changed elsewhere: what it costs goes by how many they are,
        however many wait."""
        wrong = await self._wrong_cases(interaction_ids, everything=False)
        seats = [seat async for some in _portions(self._executor, agents.seats, agent_ids) for seat in some]
        known = {agent_id: seat for agent_id in agent_ids if (seat := self._engine.seat(agent_id))}
        changed, gone = self._wrong_seats(seats, known)
        return [*wrong.values(), *map(SeatChanged, changed)], gone

    async def _wrong_cases(self, interaction_ids: Sequence[str], *, everything: bool) -> dict[str, Told]:
        """By id. ``everything``: whatever else routing knows of waits no more. A few are read out of their records:
        of one that cannot be read routing must not be told, for nobody could take it."""
        suspects = self._engine.case_ids() if everything else {*interaction_ids}
        wrong: dict[str, Told] = {}
        async for portion in read_waiting(self._executor, interaction_ids, whole=not everything):
            for waiting in portion:
                suspects.discard(waiting.interaction_id)
                if self._engine.case(waiting.interaction_id) != waiting:
                    wrong[waiting.interaction_id] = Waits(waiting)
        for interaction_id in suspects:
            if self._engine.case(interaction_id):
                wrong[interaction_id] = WaitsNoMore(interaction_id)
        return {key: told for key, told in wrong.items() if key not in self._touched}

    def _everybody(self) -> dict[str, Seat]:
        return {seat.agent_id: seat for seat in self._engine.seats()}

    def _wrong_seats(self, seats: list[Seat], known: dict[str, Seat]) -> tuple[list[Seat], list[str]]:
        wrong = [seat for seat in seats if known.pop(seat.agent_id, None) != seat]
        return (
            [seat for seat in wrong if seat.agent_id not in self._touched],
            [agent_id for agent_id in known if agent_id not in self._touched],
        )


def is_news(engine: Engine, told: Told) -> bool:
    """Whether routing should have been told before. Who served a customer may change without anybody saying so: it
    is looked up when a case begins to wait."""
    if not isinstance(told, Waits):
        return True
    knows = engine.case(told.waiting.interaction_id)
    return knows is None or replace(knows, served_before=told.waiting.served_before) != told.waiting
