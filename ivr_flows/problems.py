"""What is wrong with a flow's text, where, and how to mend it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """``line`` and ``column`` count from 1."""

    line: int
    column: int
    what: str
    mend: str


class FlowError(Exception):
    """The text is no flow that a caller could be sent into. ``problems`` are all that were found, in the
    order of the text; ``source`` is what the caller of ``load`` named it."""

    def __init__(self, source: str, problems: tuple[Problem, ...]) -> None:
        self.source = source
        self.problems = problems
        super().__init__("\n".join(f"{source}:{p.line}:{p.column}: {p.what}. {p.mend}" for p in problems))
