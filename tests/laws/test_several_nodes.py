"""Several nodes that decide from what they know, late and all at once: the database has the last word."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest
from sqlalchemy import Connection, insert, text

from contact_center.domain.errors import Unavailable
from contact_center.storage import agents, executor, schema
from tests.laws import nodes

pytestmark = pytest.mark.timeout(900)
"""On a machine that is busy with much else."""


@pytest.mark.parametrize("seed", ["one", "two"])
async def test_the_laws_hold_however_late_and_however_many_claim(database_url: str, seed: str) -> None:
    world = await nodes.history(database_url, seed)
    assert world.claimed > 10
    assert world.lost, "nobody was ever too late: nothing was tried"


@pytest.mark.parametrize("database_kind", ["postgresql"], indirect=False)
async def test_a_node_that_is_stopped_in_the_middle_holds_nobody_up_for_ever(database_url: str) -> None:
    stopped, goes_on = threading.Event(), threading.Event()
    other = executor.open_executor(database_url)
    await other.start(lambda _: None)
    try:
        assert await other.write(_said_of, "idle_in_transaction_session_timeout") == "1min"
        somebody = {"id": "ann", "name": "Ann", "role": "agent", "queues": [], "skills": {}, "capacity": {}}
        await other.write(lambda conn: conn.execute(insert(schema.agents).values(somebody)))

        def stops(conn: Connection) -> None:
            agents.lock(conn, "ann")
            conn.execute(text("SET LOCAL idle_in_transaction_session_timeout = 50"))  # nobody has a minute
            stopped.set()
            goes_on.wait()  # its whole loop stands still, as with SIGSTOP
            agents.lock(conn, "ann")

        stopping = asyncio.create_task(asyncio.to_thread(_on_a_node_of_its_own, database_url, stops))
        assert await asyncio.to_thread(stopped.wait, 600)
        assert await other.write(agents.lock, "ann") is not None
        goes_on.set()
        assert await stopping, "what it did in the middle was stored"
    finally:
        goes_on.set()
        await other.stop()


def _said_of(conn: Connection, setting: str) -> str:
    return str(conn.execute(text("SELECT current_setting(:setting)"), {"setting": setting}).scalar_one())


def _on_a_node_of_its_own(url: str, unit: Callable[[Connection], None]) -> bool:
    """Whether the unit was undone."""
    try:
        executor.run_alone(url, unit)
    except Unavailable:
        return True
    return False
