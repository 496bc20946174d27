"""A list of ids as one value, so that a statement is the same however many they are.

SQLite's short way (:mod:`contact_center.storage.sqlite_connection`) and PostgreSQL's prepared statements know it
again;
an ``IN`` list of another length is another statement to both.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Text, bindparam
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from contact_center.storage.schema import Json


class Listed(FunctionElement[str]):
    """The texts of a JSON array, as a table of one column."""

    inherit_cache = True
    type = Text()


@compiles(Listed, "sqlite")
def _sqlite(element: Listed, compiler: Any, **options: Any) -> str:
    return f"(SELECT value FROM json_each({compiler.process(element.clauses, **options)}))"


@compiles(Listed, "postgresql")
def _postgresql(element: Listed, compiler: Any, **options: Any) -> str:
    return f"(SELECT json_array_elements_text(CAST({compiler.process(element.clauses, **options)} AS json)))"


def is_one_of(column: ColumnElement[str], name: str) -> ColumnElement[bool]:
    """Whether the column is one of the list that is given as the parameter ``name``."""
    return column.op("IN", is_comparison=True)(Listed(bindparam(name, type_=Json())))
