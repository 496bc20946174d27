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
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Connection, create_engine, inspect, text
from sqlalchemy.pool import NullPool

from contact_center.storage import backlog, journal
from contact_center.storage.executor import open_executor
from contact_center.storage.migrate import FOLDER, SchemaTooNew, migrate, version
from contact_center.storage.migrations import HEAD
from contact_center.storage.schema import metadata
from routing import Waiting
from tests.hub import HubProcess, open_test_hub

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


def go_back(url: str, to: str) -> None:
    def step(conn: Connection) -> None:
        config = Config()
        config.set_main_option("script_location", str(FOLDER))
        config.attributes["connection"] = conn
        command.downgrade(config, to)

    if not url.startswith("sqlite"):
        on(url, step)
        return
    engine = create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as conn:  # not in a unit: steps on SQLite commit
        step(conn)


async def waiting_again(database_url: str, tmp_path: Path) -> None:
    """Somebody who was served writes again, and waits beside somebody new."""
    async with open_test_hub(database_url, tmp_path) as hub, hub.at_work("mei") as (mei,):
        await hub.twilio.sms("+4915112345678", "Hello?")
        work = await mei.accept()
        await mei.command("wrap_up", interaction_id=work.interaction_id, disposition="solved")
        await mei.gone(work.interaction_id)
        await mei.command("set_state", state="not_ready", reason="lunch")
        hub.advance(1_000)
        await hub.twilio.sms("+4915112345678", "Hello again?")
        await hub.letter("lena@example.com", "Hello")


def test_what_waits_in_a_database_from_before_gists_waits_in_it_as_it_did(database_url: str, tmp_path: Path) -> None:
    asyncio.run(waiting_again(database_url, tmp_path))

    def waits(conn: Connection) -> list[Waiting]:
        return sorted(backlog.waiting(conn, backlog.waiting_ids(conn)), key=lambda each: each.interaction_id)

    def one_by_one(conn: Connection) -> list[Waiting]:
        found = [journal.look(conn, each.interaction_id) for each in waits(conn)]
        return [journal.waiting(conn, each) for each in found if each]

    before = on(database_url, waits)
    assert sorted(len(each.served_before) for each in before) == [0, 1]
    go_back(database_url, "0011")
    assert migrate(database_url) is True
    nothing = "SELECT count(waits) + count(served) FROM interactions"
    assert on(database_url, lambda conn: conn.execute(text(nothing)).scalar()) == 0
    assert on(database_url, waits) == on(database_url, one_by_one) == before
    assert HubProcess(tmp_path, database_url).command("rebuild", "--check").returncode == 0


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
