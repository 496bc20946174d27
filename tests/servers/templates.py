"""Databases that already have the hub's tables: copying one is quicker than migrating for every test."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from contact_center.storage.migrate import migrate
from tests.servers.postgres import Postgres


def bring_up_to_date(url: str) -> None:
    """In a thread of its own: migrating PostgreSQL runs an event loop, and a test may have one open
    already."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(migrate, url).result()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated file to copy."""
    path = tmp_path_factory.mktemp("template") / "hub.db"
    bring_up_to_date(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def postgres_template(postgres: Postgres) -> Iterator[str]:
    """The name of a migrated database to copy. Nobody may be connected to it."""
    database = postgres.create()
    bring_up_to_date(postgres.url_of(database))
    yield database
    postgres.drop(database)
