"""A list of ids as one value, so that a statement is the same however many they are.

SQLite's short way (:mod:`contact_center.storage.sqlite_connection`) and PostgreSQL's prepared statements know it
again; an ``IN`` list of another length is another statement to both.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, bindparam
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import NullType

from contact_center.storage.schema import Json


class IsOneOf(FunctionElement[Any]):
    """Whether a column is one of the texts of a JSON array."""

    inherit_cache = True
    # Not a Boolean: for SQLite that would be compared with 1, and what is compared is looked up in no index.
    type = NullType()


@compiles(IsOneOf, "sqlite")
def _sqlite(element: IsOneOf, compiler: Any, **options: Any) -> str:
    column, texts = [compiler.process(clause, **options) for clause in element.clauses]
    return f"{column} IN (SELECT value FROM json_each({texts}))"


@compiles(IsOneOf, "postgresql")
def _postgresql(element: IsOneOf, compiler: Any, **options: Any) -> str:
    # As an array, for which an index is looked into; a subquery's rows are joined, by reading the whole table.
    column, texts = [compiler.process(clause, **options) for clause in element.clauses]
    return f"{column} = ANY (ARRAY(SELECT json_array_elements_text(CAST({texts} AS json))))"


def is_one_of(column: ColumnElement[str], name: str) -> ColumnElement[Any]:
    """Whether the column is one of the list that is given as the parameter ``name``."""
    return IsOneOf(column, bindparam(name, type_=Json()))
