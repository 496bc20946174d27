"""A connection that gives statements which it has met before straight to SQLite's driver.

SQLAlchemy spends 20 to 40 µs of CPU around each statement, several times what SQLite spends inside it, and an
event needs five to twelve. A statement object (the ones that modules keep) that is executed for the second time is
compiled once more, to text, order of values and kinds of result, and runs from then on without the layers between.
Whatever is not plain (several parameter sets, ``IN`` lists, execution options) takes SQLAlchemy's own way, as does
everything on PostgreSQL.
"""

from __future__ import annotations

import sqlite3
from collections import namedtuple
from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, TextClause
from sqlalchemy.exc import CompileError, IntegrityError, InvalidRequestError, MultipleResultsFound, NoResultFound

Convert = Callable[[Any], Any]


class NotPlain(Exception):
    """The statement needs more than text and values."""


class Plain:
    """A statement, compiled for one set of parameter names."""

    __slots__ = ("binds", "converts", "defaults", "pick", "row", "text")

    def __init__(self, statement: Any, connection: Connection, keys: tuple[str, ...]) -> None:
        if isinstance(statement, TextClause):
            raise NotPlain  # nobody says what its rows are made of
        dialect = connection.dialect
        compiled = statement.compile(dialect=dialect, column_keys=list(keys))
        if compiled.post_compile_params or compiled.literal_execute_params:
            raise NotPlain
        if compiled.insert_prefetch or compiled.update_prefetch:
            raise NotPlain
        to_driver = compiled._bind_processors
        self.text: str = compiled.string
        names = compiled.positiontup
        self.defaults: dict[str, Any] = {n: compiled.params[n] for n in names if n not in keys}
        self.pick = _picker(names)
        self.binds: list[tuple[int, Convert]] = [(i, to_driver[n]) for i, n in enumerate(names) if n in to_driver]
        columns = compiled._result_columns
        converts = [column.type._cached_result_processor(dialect, None) for column in columns]
        self.converts: list[tuple[int, Convert]] = [(i, to) for i, to in enumerate(converts) if to is not None]
        self.row: Any = namedtuple("Row", [c.keyname for c in columns], rename=True) if columns else None

    def run(self, driver: Any, parameters: Mapping[str, Any]) -> Result:
        values = self.pick({**self.defaults, **parameters} if self.defaults else parameters)
        if self.binds:
            values = list(values)
            for i, to in self.binds:
                values[i] = to(values[i])
        cursor = driver.execute(self.text, values)
        if self.row is None:
            return Result((), cursor.rowcount, cursor.lastrowid)
        rows = cursor.fetchall()
        if self.converts:
            rows = [self._converted(row) for row in rows]
        make = self.row._make
        return Result([make(row) for row in rows], cursor.rowcount)

    def _converted(self, row: Any) -> list[Any]:
        values = list(row)
        for i, to in self.converts:
            values[i] = to(values[i])
        return values


def _picker(names: Sequence[str]) -> Callable[[Mapping[str, Any]], Any]:
    """What takes the values of ``names`` in order."""
    if len(names) > 1:
        return itemgetter(*names)
    return lambda given: [given[name] for name in names]


class Result:
    """Rows that have been fetched already, asked as SQLAlchemy's results are."""

    __slots__ = ("_rows", "lastrowid", "rowcount")

    def __init__(self, rows: Any, rowcount: int, lastrowid: int = 0) -> None:
        self._rows = rows
        self.rowcount = rowcount
        self.lastrowid = lastrowid

    def __iter__(self) -> Iterator[Any]:
        return iter(self._rows)

    def all(self) -> list[Any]:
        return list(self._rows)

    def first(self) -> Any:
        return self._rows[0] if self._rows else None

    def one_or_none(self) -> Any:
        if len(self._rows) > 1:
            raise MultipleResultsFound("Multiple rows were found when one or none was required")
        return self._rows[0] if self._rows else None

    def one(self) -> Any:
        row = self.one_or_none()
        if row is None:
            raise NoResultFound("No row was found when one was required")
        return row

    def scalar(self) -> Any:
        return self._rows[0][0] if self._rows else None

    def scalar_one(self) -> Any:
        return self.one()[0]

    def scalars(self) -> list[Any]:
        return [row[0] for row in self._rows]


class SqliteConnection(Connection):
    """What the SQLite executor's engine connects with."""

    def execute(self, statement: Any, parameters: Any = None, *, execution_options: Any = None) -> Any:
        if execution_options or (parameters is not None and not isinstance(parameters, dict)):
            return super().execute(statement, parameters, execution_options=execution_options)
        known: dict[tuple[str, ...], Plain | None] | None = statement.__dict__.get("_hub_plain")
        if known is None:
            # Most statements that are built on the way are never met again; what is known lives with its statement.
            statement.__dict__["_hub_plain"] = {}
            return super().execute(statement, parameters)
        given = parameters or {}
        keys = tuple(given)
        try:
            plain = known[keys]
        except KeyError:
            plain = known[keys] = self._plain(statement, keys)
        if plain is None:
            return super().execute(statement, parameters)
        try:
            return plain.run(self._driver, given)
        except sqlite3.IntegrityError as error:
            raise IntegrityError(plain.text, given, error) from error

    @property
    def _driver(self) -> Any:
        driver = self.__dict__.get("_hub_driver")
        if driver is None:
            driver = self.__dict__["_hub_driver"] = self.connection.driver_connection
        return driver

    def _plain(self, statement: Any, keys: tuple[str, ...]) -> Plain | None:
        try:
            return Plain(statement, self, keys)
        except (NotPlain, AttributeError, CompileError, InvalidRequestError):
            return None
