"""The proof that every record is its events: it finds what was tampered with, and mends it when asked."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from contact_center.storage import rebuild
from contact_center.storage.executor import open_executor
from contact_center.storage.schema import interactions
from tests.hub import HubProcess, open_test_hub


async def a_day(database_url: str, tmp_path: Path) -> str:
    """A hub that has had something to do; one of its interactions."""
    async with open_test_hub(database_url, tmp_path) as hub, hub.at_work("mei") as (mei,):
        await hub.twilio.sms("+4915112345678", "Hello?")
        work = await mei.accept()
        await mei.command("wrap_up", interaction_id=work.interaction_id, disposition="solved")
        await hub.letter("lena@example.com", "Hello")
        return work.interaction_id


def tamper(url: str, interaction_id: str, **values: Any) -> None:
    async def run() -> None:
        executor = open_executor(url)
        await executor.start(lambda _: None)
        try:
            await executor.write(change)
        finally:
            await executor.stop()

    def change(conn: Connection) -> None:
        conn.execute(interactions.update().where(interactions.c.id == interaction_id).values(**values))

    asyncio.run(run())


def test_a_tampered_record_is_found_and_mended(database_url: str, tmp_path: Path) -> None:
    interaction_id = asyncio.run(a_day(database_url, tmp_path))
    hub = HubProcess(tmp_path, database_url)
    clean = hub.command("rebuild", "--check")
    assert (clean.returncode, clean.stderr) == (0, "")
    assert "2 records" in clean.stdout
    assert "0 differ" in clean.stdout

    tamper(database_url, interaction_id, queue="sales")
    found = hub.command("rebuild", "--check")
    assert found.returncode == 1
    assert f"{interaction_id} differs in column queue" in found.stdout
    assert hub.command("rebuild", "--check").returncode == 1, "checking changes nothing"

    mended = hub.command("rebuild")
    assert mended.returncode == 1, "it says that something was wrong"
    assert hub.command("rebuild", "--check").returncode == 0


BESIDE = [("waits", '[1,99,{},{},{},"","",{}]'), ("served", '[0,"somebody"]'), ("waits", "["), ("served", "[0]")]


@pytest.mark.parametrize(("column", "said"), BESIDE)
async def test_what_is_kept_beside_a_record_is_held_against_the_log(
    database_url: str, tmp_path: Path, column: str, said: str
) -> None:
    async with open_test_hub(database_url, tmp_path) as hub:
        await hub.letter("lena@example.com", "Hello")
        waits = await hub.only_interaction()

        async def put(**values: Any) -> None:
            await hub.write(lambda conn: conn.execute(interactions.update().values(**values)).rowcount)

        await put(**{column: said})
        assert await hub.read(rebuild.compare, waits) == [f"column {column}"]
        assert await hub.write(rebuild.mend, waits) == [f"column {column}"]
        assert await hub.read(rebuild.compare, waits) == []
        await put(waits=None, served=None)
        assert await hub.read(rebuild.compare, waits) == [], "an earlier release writes none"


def test_a_record_whose_contents_were_changed_is_found(database_url: str, tmp_path: Path) -> None:
    interaction_id = asyncio.run(a_day(database_url, tmp_path))

    async def change() -> None:
        executor = open_executor(database_url)
        await executor.start(lambda _: None)

        def forge(conn: Connection) -> None:
            row = conn.execute(interactions.select().where(interactions.c.id == interaction_id)).one()
            record = {**row.record, "disposition": "made_up", "messages_in": 7}
            conn.execute(interactions.update().where(interactions.c.id == interaction_id).values(record=record))

        await executor.write(forge)
        await executor.stop()

    asyncio.run(change())
    found = HubProcess(tmp_path, database_url).command("rebuild", "--check")
    assert found.returncode == 1
    assert "disposition" in found.stdout
    assert "messages_in" in found.stdout
