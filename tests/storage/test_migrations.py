"""The steps that bring a database up to date give exactly the tables that the code speaks of."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, inspect, text

from contact_center.storage.executor import open_executor
from contact_center.storage.migrate import SchemaTooNew, migrate, version
from contact_center.storage.migrations import HEAD
from contact_center.storage.schema import metadata

T = TypeVar("T")


def on(url: str, unit: Callable[[Connection], T]) -> T:
    async def run() -> T:
        executor = open_executor(url)
        await executor.start(lambda _: None)
        try:
            return await executor.write(unit)
        finally:
            await executor.stop()

    return asyncio.run(run())


def test_an_empty_database_gets_exactly_the_tables_of_the_schema(bare_database_url: str) -> None:
    assert migrate(bare_database_url) is True
    differences = on(bare_database_url, lambda conn: compare_metadata(MigrationContext.configure(conn), metadata))
    assert differences == []


def test_partial_unique_indexes_are_there_on_both_databases(bare_database_url: str) -> None:
    """Comparing metadata does not look at an index's condition; the owner of a case hangs on one."""
    migrate(bare_database_url)

    def conditions(conn: Connection) -> dict[str, str]:
        found = {}
        for table in ("interactions", "offers", "outbox"):
            for index in inspect(conn).get_indexes(table):
                where = index.get("dialect_options", {}).get(f"{conn.dialect.name}_where")
                if where is not None:
                    found[str(index["name"])] = str(where)
        return found

    found = on(bare_database_url, conditions)
    assert set(found) >= {
        "uq_interactions_open_case",
        "uq_interactions_open_thread",
        "uq_offers_pending",
        "ix_outbox_due",
    }
    assert all("state" in condition for condition in found.values())


def test_a_database_that_is_up_to_date_is_left_alone(bare_database_url: str) -> None:
    migrate(bare_database_url)
    assert migrate(bare_database_url) is False
    assert on(bare_database_url, version) == HEAD


def test_a_database_of_a_newer_release_is_refused_and_left_untouched(bare_database_url: str) -> None:
    migrate(bare_database_url)
    on(bare_database_url, lambda conn: conn.execute(text("UPDATE alembic_version SET version_num = '9999'")).close())
    with pytest.raises(SchemaTooNew, match="9999"):
        migrate(bare_database_url)
    assert on(bare_database_url, version) == "9999"


def test_two_that_migrate_at_once_take_turns(bare_database_url: str, tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "CONTACT_CENTER_DATABASE_URL": bare_database_url,
        "CONTACT_CENTER_DATA_DIR": str(tmp_path),
    }
    command = [sys.executable, "-m", "contact_center", "migrate"]
    both = [
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for _ in range(2)
    ]
    said = [process.communicate(timeout=100)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert sorted(said) == ["The database is up to date.\n", "The database was brought up to date.\n"]
    assert on(bare_database_url, version) == HEAD


def test_a_step_that_fails_leaves_the_database_as_it_was(bare_database_url: str) -> None:
    """A table of that name is in the way: nothing of the step remains, and the database can still be looked at."""
    on(bare_database_url, lambda conn: conn.execute(text("CREATE TABLE outbox (id INTEGER)")).close())
    with pytest.raises(Exception, match="outbox"):
        migrate(bare_database_url)
    tables = on(bare_database_url, lambda conn: set(inspect(conn).get_table_names()))
    assert tables <= {"outbox", "alembic_version"}
