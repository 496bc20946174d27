"""Fixtures that every folder of tests may use: databases, Redis and a browser, all real.

``database_url``       the hub's tables with nothing in them: the test runs on SQLite and on PostgreSQL
``bare_database_url``  the same with nothing in it: for tests of the migrations themselves
``redis_url``          an empty Redis of the test's own; ``redis_server`` can be stopped and started
``browser``            a launched headless browser (playwright's async API)

``--only-sqlite`` leaves out what needs PostgreSQL, for a quick local run.
"""

from __future__ import annotations

import os
import shutil
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from contact_center.storage import executor
from tests.servers.browser import browser
from tests.servers.postgres import SESSION, Postgres, Session, postgres
from tests.servers.redis import redis_server, redis_url
from tests.servers.templates import postgres_template, sqlite_template

__all__ = ["browser", "postgres", "postgres_template", "redis_server", "redis_url", "sqlite_template"]


# How long an example takes says how busy the machine is, not whether it is right.
settings.register_profile("unhurried", parent=settings.default, deadline=None)
settings.load_profile("unhurried")
SERVERS = pytest.StashKey[Session]()

# As for PostgreSQL: durability is not what these tests measure, and waiting for the disk is much of what they do.
# A hub in a process of its own writes as in earnest.
executor.SYNCHRONOUS = "OFF"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--only-sqlite", action="store_true", help="leave out the tests that need PostgreSQL")


def pytest_configure(config: pytest.Config) -> None:
    # Who runs tests in the background may ignore Ctrl-C; what they start must not.
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if not hasattr(config, "workerinput"):
        config.stash[SERVERS] = session = Session()
        os.environ[SESSION] = str(session.folder)


def pytest_unconfigure(config: pytest.Config) -> None:
    if SERVERS in config.stash:
        config.stash[SERVERS].end()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if hasattr(config, "workerinput"):
        longest_first(items)
    if not config.getoption("--only-sqlite"):
        return
    left_out = [
        item
        for item in items
        if "postgres" in getattr(item, "fixturenames", ())
        or (hasattr(item, "callspec") and item.callspec.params.get("database_kind") == "postgresql")
    ]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def longest_first(items: list[pytest.Item]) -> None:
    """Files by the patience that they ask for, then by how many tests they have: no worker is left alone with a long
    one at the end (workers are given whole files, in this order)."""
    patience: Counter[Path] = Counter()
    size = Counter(item.path for item in items)
    for item in items:
        asked = item.get_closest_marker("timeout")
        patience[item.path] = max(patience[item.path], int(asked.args[0]) if asked else 0)
    items.sort(key=lambda item: (-patience[item.path], -size[item.path], item.path))


@pytest.fixture(params=["sqlite", "postgresql"])
def database_kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def database_url(database_kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """A migrated database of the test's own."""
    if database_kind == "sqlite":
        shutil.copy(request.getfixturevalue("sqlite_template"), tmp_path / "hub.db")
        yield f"sqlite:///{tmp_path}/hub.db"
        return
    server: Postgres = request.getfixturevalue("postgres")
    database = server.create(request.getfixturevalue("postgres_template"))
    yield server.url_of(database)
    server.drop(database)


@pytest.fixture
def bare_database_url(database_kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """A database of the test's own without tables."""
    if database_kind == "sqlite":
        yield f"sqlite:///{tmp_path}/hub.db"
        return
    server: Postgres = request.getfixturevalue("postgres")
    database = server.create()
    yield server.url_of(database)
    server.drop(database)
