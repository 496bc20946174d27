"""What is wrong with a flow's text, where, and how to mend it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """``line`` and ``column`` count from 1. A flow with an ``error`` is never used; a ``warning`` is for its writer.
    ``source`` names the subflow whose text it is in, and is empty for the text itself."""

    line: int
    column: int
    what: str
    mend: str
    severity: Literal["error", "warning"] = "error"
    source: str = ""


class FlowError(Exception):
    """The text is no flow that a caller could be sent into. ``problems`` are all errors that were found, in the
    order of the text; ``source`` is what the caller of ``load`` named it."""

    def __init__(self, source: str, problems: tuple[Problem, ...]) -> None:
        self.source = source
        self.problems = problems
        super().__init__("\n".join(f"{p.source or source}:{p.line}:{p.column}: {p.what}. {p.mend}" for p in problems))
