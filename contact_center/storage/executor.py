"""Decides where storage functions run: the only place that knows threads, pools and transactions.

``write`` runs a unit (a function that takes the open connection first) inside a transaction shared with whatever
else is queued, and returns after COMMIT. A unit that raises leaves no trace and harms no neighbour. Units may be
run again, so they have no effects outside the connection but those they ``tell``.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import random
import sqlite3
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

import structlog
from sqlalchemy import Connection, create_engine, event, exc, text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from contact_center.domain.errors import NotValid, Refusal, Unavailable
from contact_center.storage import effects
from contact_center.storage.connection import LookedTooEarly
from contact_center.storage.effects import Effect
from contact_center.storage.sqlite_connection import SqliteConnection

P = ParamSpec("P")
T = TypeVar("T")
OnCommit = Callable[[Sequence[Effect]], None]

log = structlog.get_logger(__name__)

GROUP_LIMIT = 256
"""Units in one transaction at most: a group is one fsync, and one unit's wait is at most a group long."""
BACKLOG_LIMIT = 20_000
"""Units waiting at most; beyond, a new one is refused instead of remembered."""
RETRIES = 4
"""How often a unit that lost a race with another node (or a neighbour) is run again."""
SYNCHRONOUS = "FULL"
"""SQLite's: what is committed outlives a power cut. Tests, which cut no power, do without."""


class Executor(Protocol):
    """Where storage functions run."""

    dialect: str

    async def write(self, unit: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs ``unit`` and commits. Raises what it raised (and then nothing was stored), or
        :class:`Unavailable` where the database cannot commit. Whoever stops waiting (is cancelled) does not stop
        the unit: it may still be stored."""
        ...

    async def read(self, query: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs ``query`` on a connection that cannot write, seeing all that was committed before."""
        ...

    async def start(self, on_commit: OnCommit) -> None: ...

    async def stop(self) -> None: ...


@dataclass(slots=True)
class _Unit:
    run: Callable[[Connection], Any]
    done: asyncio.Future[Any]
    result: Any = None
    error: BaseException | None = None
    effects: list[Effect] | None = None


def _settle(group: list[_Unit], on_commit: OnCommit) -> None:
    told = [effect for unit in group if unit.effects for effect in unit.effects]
    if told:
        on_commit(told)
    for unit in group:
        if unit.done.cancelled():
            continue
        if unit.error is not None:
            unit.done.set_exception(unit.error)
        else:
            unit.done.set_result(unit.result)


def _fail(group: list[_Unit], error: BaseException) -> None:
    for unit in group:
        if not unit.done.done():
            unit.done.set_exception(error)


class SqliteExecutor:
    """One writer thread owns the only writing connection and commits all that is queued as one group, each unit
    in a savepoint of its own. Readers have connections of their own that refuse to write.

    One writer is also what keeps clear of SQLite's WAL-reset fault (3.7.0 to 3.51.2), which needs two.
    """

    dialect = "sqlite"

    def __init__(self, path: str, readers: int = 2) -> None:
        self._path = path
        self._engine = create_engine(f"sqlite:///{path}", poolclass=NullPool, isolation_level="AUTOCOMMIT")
        self._engine._connection_cls = SqliteConnection
        event.listen(self._engine, "connect", self._prepare)
        self._queue: queue.SimpleQueue[_Unit | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._readers = ThreadPoolExecutor(readers, "sqlite-reader")
        self._local = threading.local()
        self._reading: list[Connection] = []
        self._open = False
        self._on_commit: OnCommit = lambda _: None
        self._loop: asyncio.AbstractEventLoop | None = None

    @staticmethod
    def _prepare(connection: sqlite3.Connection, _: Any) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute(f"PRAGMA synchronous={SYNCHRONOUS}")
        cursor.execute("PRAGMA busy_timeout=10000")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute("PRAGMA cache_size=-16384")  # KiB for each connection; the system caches the file anyway
        cursor.execute("PRAGMA temp_store=MEMORY")
        cursor.close()

    async def start(self, on_commit: OnCommit) -> None:
        self._on_commit = on_commit
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._work, name="sqlite-writer", daemon=True)
        self._thread.start()
        self._open = True

    async def stop(self) -> None:
        self._open = False
        if self._thread is not None:
            self._queue.put(None)
            await asyncio.to_thread(self._thread.join)
            self._thread = None
        await asyncio.to_thread(self._readers.shutdown)
        for connection in self._reading:
            connection.close()
        self._engine.dispose()

    async def write(self, unit: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        if not self._open:
            raise Unavailable("The database is closed.")
        if self._queue.qsize() >= BACKLOG_LIMIT:
            raise Unavailable("Too much is waiting to be written.")
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()
        self._queue.put(_Unit(lambda conn: unit(conn, *args, **kwargs), done))
        return await done

    async def read(self, query: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        if not self._open:
            raise Unavailable("The database is closed.")
        return await asyncio.get_running_loop().run_in_executor(
            self._readers, lambda: self._query(lambda conn: query(conn, *args, **kwargs))
        )

    def _query(self, query: Callable[[Connection], T]) -> T:
        try:
            conn = self._reader()
            driver: Any = conn.connection.driver_connection
            driver.execute("BEGIN")  # one snapshot for all of the query's statements
            try:
                return query(conn)
            finally:
                with contextlib.suppress(sqlite3.Error):
                    driver.execute("ROLLBACK")
        except (exc.DBAPIError, sqlite3.Error, OverflowError, UnicodeEncodeError) as error:
            raise _unread(error) from error

    def _reader(self) -> Connection:
        """This thread's own connection."""
        conn: Connection | None = getattr(self._local, "conn", None)
        if conn is None:
            conn = self._engine.connect()
            conn.exec_driver_sql("PRAGMA query_only=ON")
            self._local.conn = conn
            self._reading.append(conn)
        return conn

    def _work(self) -> None:
        loop = self._loop
        assert loop is not None
        conn: Connection | None = None
        while (first := self._queue.get()) is not None:
            group, last = self._gather(first)
            try:
                if conn is None:
                    conn = self._engine.connect()
                self._commit(conn, group)
            except (sqlite3.Error, exc.DBAPIError) as error:
                log.error("commit_failed", units=len(group), error=str(error))
                unavailable = Unavailable("The database cannot be written.")
                unavailable.__cause__ = error
                loop.call_soon_threadsafe(_fail, group, unavailable)
            else:
                loop.call_soon_threadsafe(_settle, group, self._on_commit)
            if last:
                break
        if conn is not None:
            conn.close()

    def _commit(self, conn: Connection, group: list[_Unit]) -> None:
        driver: Any = conn.connection.driver_connection
        try:
            driver.execute("BEGIN IMMEDIATE")
            for unit in group:
                self._run(conn, driver, unit)
            driver.execute("COMMIT")
        except sqlite3.Error:
            with contextlib.suppress(sqlite3.Error):
                driver.execute("ROLLBACK")
            effects.take(conn)
            raise

    def _gather(self, first: _Unit) -> tuple[list[_Unit], bool]:
        group = [first]
        while len(group) < GROUP_LIMIT:
            try:
                unit = self._queue.get_nowait()
            except queue.Empty:
                break
            if unit is None:
                return group, True
            group.append(unit)
        return group, False

    @staticmethod
    def _run(conn: Connection, driver: Any, unit: _Unit) -> None:
        driver.execute("SAVEPOINT unit")
        try:
            unit.result = unit.run(conn)
            unit.effects = effects.take(conn)
        except Exception as error:
            effects.take(conn)
            unit.error = _ours(error)
            driver.execute("ROLLBACK TO unit")
        driver.execute("RELEASE unit")


STOPPED_AFTER_MS = 60_000
"""A node that is stopped in the middle of a transaction holds what it has locked for so long, and nobody for ever."""


GROUP_WAITS_MS = 100
"""How long a group waits for a lock. Each unit locks in the one order, but the next begins at the front again: the
groups of two nodes can wait for each other, and PostgreSQL takes a second to see that."""
_WAITS_BRIEFLY = text(f"SET LOCAL lock_timeout = {GROUP_WAITS_MS}")


def _stopped_after() -> dict[str, str]:
    return {"idle_in_transaction_session_timeout": str(STOPPED_AFTER_MS)}


class PostgresExecutor:
    """The same functions on PostgreSQL: each node commits all that is queued as one group over one connection;
    several nodes meet in the database. Where a group fails, the unit at fault is run again alone, and fails alone,
    the others in groups; a unit that lost a race (unique key, deadlock, serialisation) is run again."""

    dialect = "postgresql"

    def __init__(self, url: str, readers: int = 8) -> None:
        drive = url.replace("postgresql://", "postgresql+asyncpg://", 1)
        options: dict[str, Any] = {
            "connect_args": {"server_settings": {"timezone": "UTC", "lock_timeout": "5000", **_stopped_after()}},
            "pool_pre_ping": True,
        }
        self._engine: AsyncEngine = create_async_engine(drive, pool_size=1, max_overflow=1, **options)
        self._reading: AsyncEngine = create_async_engine(
            drive, pool_size=readers, max_overflow=4, isolation_level="REPEATABLE READ", **options
        )
        self._queue: asyncio.Queue[_Unit] = asyncio.Queue(BACKLOG_LIMIT)
        self._task: asyncio.Task[None] | None = None
        self._under_way: set[asyncio.Future[None]] = set()
        self._open = False
        self._on_commit: OnCommit = lambda _: None

    async def start(self, on_commit: OnCommit) -> None:
        self._on_commit = on_commit
        self._task = asyncio.create_task(self._work(), name="postgres-writer")
        self._open = True

    async def stop(self) -> None:
        self._open = False
        if self._task is not None:
            await self._queue.join()
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None
        if self._under_way:  # a connection that comes back to a pool that is closed is never closed itself
            await asyncio.wait(set(self._under_way), timeout=5)
        await self._engine.dispose()
        await self._reading.dispose()

    async def write(self, unit: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        if not self._open:
            raise Unavailable("The database is closed.")
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        try:
            self._queue.put_nowait(_Unit(lambda conn: unit(conn, *args, **kwargs), done))
        except asyncio.QueueFull as error:
            raise Unavailable("Too much is waiting to be written.") from error
        return await done

    async def read(self, query: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        if not self._open:
            raise Unavailable("The database is closed.")
        ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._under_way.add(ended)
        try:
            async with self._reading.connect() as conn:
                return await conn.run_sync(lambda sync: query(sync, *args, **kwargs))
        except (exc.DBAPIError, OSError, TimeoutError) as error:
            raise _unread(error) from error
        finally:
            self._under_way.discard(ended)
            ended.set_result(None)

    async def _work(self) -> None:
        while True:
            group = [await self._queue.get()]
            while len(group) < GROUP_LIMIT and not self._queue.empty():
                group.append(self._queue.get_nowait())
            try:
                await self._commit(group)
            except Exception as error:  # a defect of ours must not end writing for good
                log.exception("commit_failed", units=len(group))
                _fail(group, error)
            finally:
                for _ in group:
                    self._queue.task_done()

    async def _commit(self, group: list[_Unit]) -> None:
        while len(group) > 1:
            error, at = await self._attempt(group)
            if error is None:
                _settle(group, self._on_commit)
                return
            if at is None:  # the database is at fault, and no unit
                break
            await self._commit(group[:at])
            await self._commit_alone(group[at])
            group = group[at + 1 :]
        for unit in group:
            await self._commit_alone(unit)

    async def _commit_alone(self, unit: _Unit) -> None:
        for attempt in range(RETRIES):
            error, _ = await self._attempt([unit])
            if error is None or not _lost_a_race(error):
                break
            await asyncio.sleep(random.uniform(0.005, 0.015) * 3**attempt)
        unit.error = None if error is None else _ours(error)
        if error is not None:
            unit.effects = None
        _settle([unit], self._on_commit)

    async def _attempt(self, group: list[_Unit]) -> tuple[BaseException | None, int | None]:
        """Runs the group in one transaction; the error that undid it, None after COMMIT, and in which unit it was."""
        at: int | None = None

        def run(conn: Connection) -> None:
            nonlocal at
            effects.take(conn)  # of an attempt that failed on this connection
            if len(group) > 1:
                conn.execute(_WAITS_BRIEFLY)
            for at, unit in enumerate(group):  # noqa: B007 — told where it fails
                unit.error = None
                unit.result = unit.run(conn)
                unit.effects = effects.take(conn)
            at = None

        try:
            async with self._engine.connect() as conn:
                await conn.run_sync(run)
                await conn.commit()
        except Exception as error:
            return error, at
        return None, None


def _lost_a_race(error: BaseException) -> bool:
    if not isinstance(error, exc.DBAPIError):
        return isinstance(error, LookedTooEarly)
    # unique_violation, serialization_failure, deadlock_detected, lock_not_available
    return getattr(error.orig, "sqlstate", "") in {"23505", "40001", "40P01", "55P03"}


def _not_storable(error: BaseException) -> bool:
    """Whether the value is at fault, not the database: NUL in text, a number or a text beyond its column."""
    if isinstance(error, (OverflowError, UnicodeEncodeError)):
        return True
    if not isinstance(error, exc.DBAPIError):
        return False
    # SQLSTATE class 22 is "data exception"; what asyncpg refuses to send at all is a ValueError.
    refused = isinstance(getattr(error.orig, "__cause__", None), ValueError)
    return refused or str(getattr(error.orig, "sqlstate", None) or "").startswith("22")


def _away(error: BaseException) -> bool:
    """Whether PostgreSQL cut the connection, is out of something, or was too busy to lock: SQLSTATE classes 08, 53,
    57, 58, and what was tried again in vain."""
    if not isinstance(error, exc.DBAPIError):
        return False
    state = str(getattr(error.orig, "sqlstate", None) or "")
    return (
        error.connection_invalidated or state[:2] in {"08", "53", "57", "58"} or state in {"40001", "40P01", "55P03"}
    )


def _unread(error: BaseException) -> Exception:
    """What a read that failed is told as."""
    if _not_storable(error):
        return NotValid("not_storable", "That holds characters or numbers that cannot be looked for.")
    return Unavailable("The database cannot be read.")


def _ours(error: BaseException) -> BaseException:
    """Refusals pass; a fault of the database itself becomes :class:`Unavailable`; a fault of ours stays one."""
    if isinstance(error, Refusal):
        return error
    if _not_storable(error):
        refusal = NotValid("not_storable", "That holds characters or numbers that cannot be stored.")
        refusal.__cause__ = error
        return refusal
    away = (exc.OperationalError, exc.InterfaceError, exc.InternalError, OSError, LookedTooEarly)
    if isinstance(error, away) or _away(error):
        log.error("storage_unavailable", error=str(error))
        unavailable = Unavailable("The database cannot take this now.")
        unavailable.__cause__ = error
        return unavailable
    return error


def open_executor(url: str) -> Executor:
    """The executor for ``sqlite:////path`` or ``postgresql://…``."""
    if url.startswith("sqlite:///"):
        return SqliteExecutor(url.removeprefix("sqlite:///"))
    if url.startswith("postgresql://"):
        return PostgresExecutor(url)
    raise ValueError(f"CONTACT_CENTER_DATABASE_URL must begin with sqlite:/// or postgresql://, not {url!r}")


def run_alone(url: str, unit: Callable[..., T], *args: Any) -> T:
    """Runs one unit on the database at ``url``, in this process's own time."""

    async def run() -> T:
        executor = open_executor(url)
        await executor.start(lambda _: None)
        try:
            return await executor.write(unit, *args)
        finally:
            await executor.stop()

    return asyncio.run(run())
