"""What is known of a flow while it is read: its steps, and which variables each of them speaks, uses and sets."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from ivr_flows.flow import Step
from ivr_flows.problems import Problem


class Mark(NamedTuple):
    """A place in a text; ``source`` as in :class:`Problem`."""

    line: int
    column: int
    source: str

    def problem(self, what: str, mend: str, severity: Literal["error", "warning"] = "error") -> Problem:
        return Problem(self.line, self.column, what, mend, severity, self.source)


class Use(NamedTuple):
    """``said``: the caller hears the value; ``value``: it goes into another value, or to a service; ``asked``: only
    compared. ``needed`` is whether something is missing where it is empty."""

    name: str
    mark: Mark
    how: Literal["said", "value", "asked"]
    needed: bool


class Assignment(NamedTuple):
    """``name`` is set on leaving the step by ``exit`` (by any, if empty), from the values of ``sources``."""

    exit: str
    name: str
    sources: frozenset[str] = frozenset()
    personal: bool = False
    from_caller: bool = False


class Named(NamedTuple):
    """Something outside the flow that it names."""

    kind: Literal["queue", "skill", "service"]
    name: str
    mark: Mark


@dataclass(slots=True)
class Draft:
    """``steps`` has None for those that could not be read. ``targets`` are (where it is written, step, name as
    written, what the names of its text begin with). ``callbacks`` are variables that are called back."""

    problems: list[Problem] = field(default_factory=list)
    steps: dict[str, Step | None] = field(default_factory=dict)
    marks: dict[str, Mark] = field(default_factory=dict)
    uses: dict[str, list[Use]] = field(default_factory=dict)
    assignments: dict[str, list[Assignment]] = field(default_factory=dict)
    targets: list[tuple[Mark, str, str, str]] = field(default_factory=list)
    facts: set[str] = field(default_factory=set)
    personal: set[str] = field(default_factory=set)
    named: list[Named] = field(default_factory=list)
    callbacks: list[tuple[Mark, str]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)

    def known(self) -> set[str]:
        assigned = {each.name for found in self.assignments.values() for each in found}
        return self.facts | assigned
