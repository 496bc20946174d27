"""Databases that already have the hub's tables: copying one is quicker than migrating for every test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.servers.postgres import Postgres


def migrate() -> Callable[[str], None] | None:
    """What brings the database at a URL to the newest revision; None while storage offers nothing."""
    import contact_center.storage as storage

    found: Callable[[str], None] | None = getattr(storage, "migrate", None)
    return found


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path | None:
    """A migrated file to copy."""
    if (bring_up_to_date := migrate()) is None:
        return None
    path = tmp_path_factory.mktemp("template") / "hub.db"
    bring_up_to_date(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def postgres_template(postgres: Postgres) -> Iterator[str | None]:
    """The name of a migrated database to copy. Nobody may be connected to it."""
    if (bring_up_to_date := migrate()) is None:
        yield None
        return
    database = postgres.create()
    bring_up_to_date(postgres.url_of(database))
    yield database
    postgres.drop(database)
