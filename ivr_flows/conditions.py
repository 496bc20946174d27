"""Conditions in CEL, the Common Expression Language (https://cel.dev): over variables, which are all text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import cel

MOST_CHARACTERS = 500
FUNCTIONS = frozenset({"size", "contains", "startsWith", "endsWith", "matches", "int", "double", "string", "bool"})
_OPERATORS = re.compile(r"[^A-Za-z]+|_.+_|@in")
_ROUNDS = re.compile(r"\.\s*(all|exists|exists_one|map|filter)\s*\(")  # nested, they take for ever
_ONLY_VERIFIED = re.compile(r"""(?:^|&&)\s*verified\s*==\s*(?:"yes"|'yes')\s*(?:&&|$)""")
_WHERE = re.compile(r"<input>:(\d+):(\d+): (?:Syntax error: )?(.*)")


class ConditionError(ValueError):
    """``line`` and ``column`` count from 1, inside the expression; 0 where the place is not known."""

    def __init__(self, what: str, line: int = 0, column: int = 0) -> None:
        super().__init__(what)
        self.line = line
        self.column = column


@dataclass(frozen=True, slots=True, eq=False)
class Condition:
    source: str
    names: tuple[str, ...]
    program: cel.Program

    def holds(self, variables: Mapping[str, str]) -> bool:
        """Never raises: what cannot be computed does not hold. A variable without a value is empty."""
        try:
            return self.program.execute({name: variables.get(name, "") for name in self.names}) is True
        except BaseException as error:
            _foreign(error)
            return False

    @property
    def proves_verified(self) -> bool:
        """Whether only verified callers can fulfil it."""
        return "||" not in self.source and "?" not in self.source and bool(_ONLY_VERIFIED.search(self.source))


def condition(source: str) -> Condition:
    """Raises :class:`ConditionError`."""
    if len(source) > MOST_CHARACTERS:
        raise ConditionError(f"a condition of more than {MOST_CHARACTERS} characters")
    if not source.strip():
        raise ConditionError("an empty condition")
    if _ROUNDS.search(source):
        raise ConditionError("conditions cannot go through lists")
    program = _compiled(source)
    used = [name for name in program.functions() if name not in FUNCTIONS and not _OPERATORS.fullmatch(name)]
    if used:
        raise ConditionError(f"there is no function {used[0]!r}")
    return Condition(source, tuple(program.variables()), program)


def _compiled(source: str) -> cel.Program:
    try:
        return cel.compile(source)
    except BaseException as error:
        _foreign(error)
        found = _WHERE.search(str(error))
        if found is None:
            raise ConditionError("the condition cannot be read") from None
        raise ConditionError(found[3], int(found[1]), int(found[2])) from None


def _foreign(error: BaseException) -> None:
    """The library's own panics are no ``Exception``; a person's Ctrl-C is not the library's."""
    if isinstance(error, KeyboardInterrupt | SystemExit | GeneratorExit | MemoryError):
        raise error
