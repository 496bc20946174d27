"""Where storage functions run: one group, one commit, and nobody harmed by a neighbour."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import Connection, func, select, text

from contact_center.domain.errors import NotFound, Unavailable
from contact_center.storage import settings
from contact_center.storage.effects import Due, Effect, tell
from contact_center.storage.executor import Executor, open_executor
from contact_center.storage.schema import settings as table


@asynccontextmanager
async def opened(url: str, told: list[Effect] | None = None) -> AsyncIterator[Executor]:
    def on_commit(effects: Sequence[Effect]) -> None:
        if told is not None:
            told.extend(effects)

    executor = open_executor(url)
    await executor.start(on_commit)
    try:
        yield executor
    finally:
        await executor.stop()


def put(conn: Connection, key: str, at: int = 0) -> str:
    settings.put(conn, key, at)
    tell(conn, Due(key, at))
    return key


def put_and_fail(conn: Connection, key: str) -> None:
    put(conn, key)
    raise RuntimeError(f"a fault after {key}")


def put_and_refuse(conn: Connection, key: str) -> None:
    put(conn, key)
    raise NotFound(key)


def keys(conn: Connection) -> set[str]:
    return set(conn.execute(select(table.c.key)).scalars())


async def test_a_unit_is_stored_when_it_returns(database_url: str) -> None:
    async with opened(database_url) as executor:
        assert await executor.write(put, "a") == "a"
        assert await executor.read(keys) == {"a"}


async def test_units_that_are_queued_together_are_all_stored(database_url: str) -> None:
    async with opened(database_url) as executor:
        wanted = [f"k{n}" for n in range(600)]
        assert await asyncio.gather(*(executor.write(put, key) for key in wanted)) == wanted
        assert await executor.read(keys) == set(wanted)


async def test_a_unit_that_raises_harms_no_neighbour_and_leaves_no_trace(database_url: str) -> None:
    told: list[Effect] = []
    async with opened(database_url, told) as executor:
        results = await asyncio.gather(
            executor.write(put, "before"),
            executor.write(put_and_fail, "fault"),
            executor.write(put, "between"),
            executor.write(put_and_refuse, "refused"),
            executor.write(put, "after"),
            return_exceptions=True,
        )
        assert await executor.read(keys) == {"before", "between", "after"}
    assert [type(result) for result in results] == [str, RuntimeError, str, NotFound, str]
    assert [effect.kind for effect in told if isinstance(effect, Due)] == ["before", "between", "after"]


async def test_a_unit_that_broke_its_statement_harms_no_neighbour(database_url: str) -> None:
    def broken(conn: Connection) -> None:
        conn.execute(text("SELECT nothing FROM nowhere"))

    async with opened(database_url) as executor:
        results = await asyncio.gather(
            executor.write(put, "before"),
            executor.write(broken),
            executor.write(put, "after"),
            return_exceptions=True,
        )
        assert results[0] == "before"
        assert isinstance(results[1], Exception)
        assert results[2] == "after"
        assert await executor.read(keys) == {"before", "after"}


async def test_effects_come_after_the_commit_in_the_order_they_were_told(database_url: str) -> None:
    told: list[Effect] = []
    seen: list[tuple[str, bool]] = []

    async with opened(database_url, told) as executor:
        other = open_executor(database_url)
        await other.start(lambda _: None)
        await asyncio.gather(*(executor.write(put, f"k{n:03}", n) for n in range(300)))
        assert [effect.at for effect in told if isinstance(effect, Due)] == list(range(300))

        # What an effect speaks of is visible to everybody by the time that it is told.
        def look(conn: Connection) -> None:
            seen.append(("k", len(keys(conn)) == 300))

        await other.read(look)
        await other.stop()
    assert seen == [("k", True)]


async def test_effects_are_told_before_the_writer_goes_on(database_url: str) -> None:
    told: list[Effect] = []
    async with opened(database_url, told) as executor:
        for n in range(5):
            await executor.write(put, f"k{n}", n)
            assert len(told) == n + 1


async def test_a_reader_cannot_write(database_url: str) -> None:
    async with opened(database_url) as executor:
        if executor.dialect == "sqlite":
            with pytest.raises(Unavailable):
                await executor.read(put, "a")
        else:
            await executor.read(put, "a")  # rolled back: nothing commits a reader's transaction
        assert await executor.read(keys) == set()


async def test_a_reader_sees_one_moment_however_long_it_looks(database_url: str) -> None:
    """Two statements of one read see the same, though a write commits between them."""
    loop = asyncio.get_running_loop()
    async with opened(database_url) as executor:
        writer = open_executor(database_url)
        await writer.start(lambda _: None)
        await executor.write(put, "first")
        between = asyncio.Event()
        if executor.dialect == "sqlite":

            def look(conn: Connection) -> tuple[set[str], set[str]]:
                before = keys(conn)
                asyncio.run_coroutine_threadsafe(executor.write(put, "second"), loop).result(30)
                loop.call_soon_threadsafe(between.set)
                return before, keys(conn)
        else:
            # The look runs on the loop's own thread: the write is another process's, in effect.
            import threading

            def look(conn: Connection) -> tuple[set[str], set[str]]:
                before = keys(conn)
                thread = threading.Thread(target=lambda: asyncio.run(_elsewhere(database_url)))
                thread.start()
                thread.join(30)
                between.set()
                return before, keys(conn)

        before, after = await executor.read(look)
        await between.wait()
        assert before == after == {"first"}
        assert await executor.read(keys) == {"first", "second"}
        await writer.stop()


async def _elsewhere(url: str) -> None:
    executor = open_executor(url)
    await executor.start(lambda _: None)
    await executor.write(put, "second")
    await executor.stop()


async def test_everything_that_was_queued_is_stored_before_a_stop_ends(database_url: str) -> None:
    executor = open_executor(database_url)
    await executor.start(lambda _: None)
    writes = [asyncio.create_task(executor.write(put, f"k{n}")) for n in range(300)]
    await asyncio.sleep(0)  # let them queue
    await executor.stop()
    await asyncio.gather(*writes)
    async with opened(database_url) as again:
        assert len(await again.read(keys)) == 300


async def test_what_comes_after_a_stop_is_refused(database_url: str) -> None:
    executor = open_executor(database_url)
    await executor.start(lambda _: None)
    await executor.write(put, "a")
    await executor.stop()
    with pytest.raises(Unavailable):
        await asyncio.wait_for(executor.write(put, "b"), 10)
    with pytest.raises(Unavailable):
        await asyncio.wait_for(executor.read(keys), 10)


async def test_a_cancelled_caller_harms_nobody(database_url: str) -> None:
    async with opened(database_url) as executor:
        leaving = asyncio.create_task(executor.write(put, "left"))
        staying = asyncio.create_task(executor.write(put, "stayed"))
        await asyncio.sleep(0)
        leaving.cancel()
        assert await staying == "stayed"
        assert "stayed" in await executor.read(keys)


async def test_bytes_that_the_database_cannot_hold_are_the_callers_fault(database_url: str) -> None:
    """PostgreSQL's text has no NUL: whoever sends one is refused, and the database is not said to be away."""
    async with opened(database_url) as executor:
        try:
            await executor.write(settings.remember, "channel", "a\x00b", "value")
        except Exception as error:
            assert not isinstance(error, Unavailable)  # noqa: PT017
            assert getattr(error, "status", 0) == 422  # noqa: PT017
        assert await executor.write(put, "next") == "next"


async def test_two_who_write_the_same_row_at_once_both_get_their_answer(database_url: str) -> None:
    """On PostgreSQL two nodes may meet; the one that lost is run again and finds what the other stored."""
    async with opened(database_url) as one, opened(database_url) as other:
        if one.dialect == "sqlite":
            pytest.skip("SQLite has one writer by design: one hub holds its folder")

        def once(conn: Connection, key: str) -> int:
            if not conn.execute(select(func.count()).select_from(table).where(table.c.key == key)).scalar():
                conn.execute(table.insert(), {"key": key, "value": 1})
            return 1

        for n in range(30):
            both = await asyncio.gather(one.write(once, f"k{n}"), other.write(once, f"k{n}"))
            assert both == [1, 1]
        assert len(await one.read(keys)) == 30


# --- the database goes away -------------------------------------------------------------------------------------


async def test_a_locked_file_makes_writes_unavailable_and_then_they_go_on(
    tmp_path: Path, sqlite_template: Path
) -> None:
    """Somebody else holds the write lock longer than anyone waits."""
    path = tmp_path / "hub.db"
    path.write_bytes(sqlite_template.read_bytes())  # noqa: ASYNC240
    async with opened(f"sqlite:///{path}") as executor:
        await executor.write(put, "before")
        await executor.write(lambda conn: conn.exec_driver_sql("PRAGMA busy_timeout=20").close())
        holder = sqlite3.connect(path, isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(Unavailable):
            await executor.write(put, "during")
        assert await executor.read(keys) == {"before"}, "reading goes on"
        holder.execute("ROLLBACK")
        holder.close()
        assert await executor.write(put, "after") == "after"
        assert await executor.read(keys) == {"before", "after"}


async def test_a_full_disk_makes_writes_unavailable_and_then_they_go_on(
    tmp_path: Path, sqlite_template: Path
) -> None:
    path = tmp_path / "hub.db"
    path.write_bytes(sqlite_template.read_bytes())  # noqa: ASYNC240

    async with opened(f"sqlite:///{path}") as executor:
        await executor.write(put, "before")
        pages = await executor.write(lambda conn: conn.exec_driver_sql("PRAGMA page_count").scalar_one())
        await executor.write(lambda conn: conn.exec_driver_sql(f"PRAGMA max_page_count={pages}").close())
        big = "x" * 400_000
        with pytest.raises(Unavailable):
            await executor.write(settings.put, "big", big)
        await executor.write(lambda conn: conn.exec_driver_sql("PRAGMA max_page_count=1000000").close())
        await executor.write(settings.put, "big", big)
        assert await executor.read(keys) == {"before", "big"}


async def test_a_file_that_cannot_be_opened_is_unavailable_and_not_silence(tmp_path: Path) -> None:
    executor = open_executor(f"sqlite:///{tmp_path}/missing/hub.db")
    with pytest.raises(Unavailable):  # noqa: PT012
        await executor.start(lambda _: None)
        await asyncio.wait_for(executor.write(put, "a"), 10)
    with pytest.raises(Unavailable):
        await asyncio.wait_for(executor.read(keys), 10)
    await executor.stop()


async def _end_connections(url: str) -> None:
    conn = await asyncpg.connect(url)
    try:
        await conn.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    finally:
        await conn.close()


@pytest.mark.parametrize("database_kind", ["postgresql"], indirect=True)
async def test_connections_that_were_cut_are_opened_again(database_url: str) -> None:
    async with opened(database_url) as executor:
        await executor.write(put, "before")
        await executor.read(keys)
        await _end_connections(database_url)
        assert await executor.write(put, "after") == "after"
        await _end_connections(database_url)
        assert await executor.read(keys) == {"before", "after"}


@pytest.mark.parametrize("database_kind", ["postgresql"], indirect=True)
async def test_a_connection_cut_inside_a_unit_stores_nothing_and_says_so(database_url: str) -> None:
    async with opened(database_url) as executor:
        await executor.read(keys)

        def cut(conn: Connection) -> None:
            put(conn, "lost")
            conn.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))

        neighbour, lost = await asyncio.gather(
            executor.write(put, "neighbour"), executor.write(cut), return_exceptions=True
        )
        assert neighbour == "neighbour"
        assert isinstance(lost, Unavailable)
        assert await executor.read(keys) == {"neighbour"}


async def test_a_server_that_is_not_there_is_unavailable() -> None:
    executor = open_executor("postgresql://hub@127.0.0.1:1/nothing")
    await executor.start(lambda _: None)
    with pytest.raises(Unavailable):
        await executor.write(put, "a")
    with pytest.raises(Unavailable):
        await executor.read(keys)
    await executor.stop()


def test_an_address_of_neither_database_is_refused_with_its_setting() -> None:
    with pytest.raises(ValueError, match="CONTACT_CENTER_DATABASE_URL"):
        open_executor("mysql://nobody@nowhere/hub")
