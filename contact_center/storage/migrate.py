"""Brings a database to the newest schema, or says why it will not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import Connection, create_engine, inspect, text
from sqlalchemy.pool import NullPool

from contact_center.storage.migrations import HEAD

FOLDER = Path(__file__).parent / "migrations"


class SchemaTooNew(Exception):
    """The database was written by a newer release; this one leaves it untouched."""


def version(conn: Connection) -> str:
    """The step that the database is at; empty for a new database."""
    if not inspect(conn).has_table("alembic_version"):
        return ""
    return conn.execute(text("SELECT version_num FROM alembic_version")).scalar() or ""


def bring_up(conn: Connection) -> bool:
    """Runs the steps that are missing; True if there were any. Raises :class:`SchemaTooNew`."""
    at = version(conn)
    if at == HEAD:
        return False
    from alembic import command  # costs a fifth of a second, and is rarely needed
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    config.attributes["connection"] = conn
    known = {step.revision for step in ScriptDirectory.from_config(config).walk_revisions()}
    if at and at not in known:
        raise SchemaTooNew(f"The database is at step {at}, which this release does not know. Use the newer release.")
    command.upgrade(config, "head")
    return True


def migrate(url: str) -> bool:
    """Brings the database at ``url`` up to date; True if there was anything to do. Blocks."""
    if url.startswith("sqlite:///"):
        Path(url.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
        return _migrate_sqlite(url)
    import asyncio

    return asyncio.run(_migrate_postgres(url))


def _migrate_sqlite(url: str) -> bool:
    engine = create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as conn:
            conn.exec_driver_sql("PRAGMA busy_timeout=60000")
            conn.exec_driver_sql("PRAGMA journal_mode=WAL")
            # By hand, because the driver begins no transaction before DDL: whoever migrates is alone, and a step
            # that fails leaves nothing behind.
            conn.exec_driver_sql("BEGIN IMMEDIATE")
            try:
                done = bring_up(conn)
            except BaseException:
                conn.exec_driver_sql("ROLLBACK")
                raise
            conn.exec_driver_sql("COMMIT")
            return done
    finally:
        engine.dispose()


async def _migrate_postgres(url: str) -> bool:
    from sqlalchemy.ext.asyncio import create_async_engine

    engine = create_async_engine(url.replace("postgresql://", "postgresql+asyncpg://", 1), poolclass=NullPool)

    def step(conn: Connection) -> Any:
        # Two nodes that start together take turns; the second finds nothing left to do.
        conn.execute(text("SELECT pg_advisory_xact_lock(7212043)"))
        return bring_up(conn)

    try:
        async with engine.begin() as conn:
            return bool(await conn.run_sync(step))
    finally:
        await engine.dispose()
