"""Programs that follow the log miss nothing, whatever order transactions end in."""

from __future__ import annotations

import asyncio
from pathlib import Path

import asyncpg

from tests.hub import WITHIN_S, open_test_hub

COPY = """
INSERT INTO events (txid, id, source_id, {others})
SELECT pg_current_xact_id()::text::bigint, $1, $1, {others} FROM events ORDER BY seq LIMIT 1 RETURNING seq
"""


async def test_the_log_is_read_in_pieces_and_ends_where_it_ends(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub:
        for handle in ("one", "two", "three"):
            await hub.chat(handle, "Hello")
        whole = await hub.get("events", limit=1000)
        seqs = [item["seq"] for item in whole["items"]]
        assert len(seqs) > 3
        assert seqs == sorted(set(seqs))
        first = await hub.get("events", limit=2)
        rest = await hub.get("events", after=first["next"], limit=1000)
        assert [item["seq"] for item in (*first["items"], *rest["items"])] == seqs
        assert await hub.get("events", after=seqs[-1]) == {"items": [], "next": None}


async def test_a_number_given_to_a_transaction_that_is_under_way_is_waited_for(
    database_url: str, tmp_path: Path
) -> None:
    """The younger transaction has the lower number, and is the last to end."""
    if not database_url.startswith("postgresql"):
        return  # SQLite has one writer: numbers are given in the order in which they are committed
    async with open_test_hub(database_url, tmp_path, checked=False) as hub:
        await hub.chat("someone", "Hello")
        dsn = database_url.replace("+asyncpg", "")
        elder, younger = await asyncpg.connect(dsn), await asyncpg.connect(dsn)
        try:
            columns = await elder.fetch(
                "SELECT column_name AS c FROM information_schema.columns WHERE table_name = 'events'"
            )
            others = ", ".join(sorted({row["c"] for row in columns} - {"seq", "txid", "id", "source_id"}))
            last = (await hub.get("events", limit=1000))["next"]
            one, two = elder.transaction(), younger.transaction()
            await one.start()
            await elder.fetchval("SELECT pg_current_xact_id()::text")
            await two.start()
            lower = await younger.fetchval(COPY.format(others=others), "under way")
            higher = await elder.fetchval(COPY.format(others=others), "done")
            await one.commit()
            assert lower < higher
            hub.runtime.log_patience_s = 0
            for _ in range(5):
                assert (await hub.get("events", after=last))["items"] == []
            await two.commit()
            hub.runtime.log_patience_s = WITHIN_S
            found = await hub.get("events", after=last)
            assert [item["seq"] for item in found["items"]] == [lower, higher]
        finally:
            await elder.close()
            await younger.close()


async def test_who_asks_just_after_a_start_finds_what_was_stored_before_although_others_are_writing(
    database_url: str, tmp_path: Path
) -> None:
    """How far the log is whole is not known yet then, and takes until those who write have ended."""
    if not database_url.startswith("postgresql"):
        return  # SQLite's readers know at once
    async with open_test_hub(database_url, tmp_path, checked=False) as hub:
        await hub.chat("someone", "Hello")
    async with open_test_hub(database_url, tmp_path, checked=False) as hub:
        hub.runtime.log_patience_s = WITHIN_S
        writer = await asyncpg.connect(database_url.replace("+asyncpg", ""))
        try:
            writing = writer.transaction()
            await writing.start()
            await writer.fetchval("SELECT pg_current_xact_id()::text")
            asked = asyncio.create_task(hub.get("events"))
            await asyncio.wait([asked], timeout=0.2)
            await writing.commit()
            kinds = [item["kind"] for item in (await asked)["items"]]
            assert "message.received" in kinds
        finally:
            await writer.close()
