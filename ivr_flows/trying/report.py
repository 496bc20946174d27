"""What trying a flow out has shown: its dialogues, every way through it, and which exits either has taken."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ivr_flows.flow import Flow
from ivr_flows.trying.dialogues import Dialogues, Outcome, run_case
from ivr_flows.trying.walk import Exit, Walked, all_exits, walk


@dataclass(frozen=True, slots=True)
class Tried:
    """``covered`` are the exits that dialogues have taken. ``walked`` is None where only dialogues were asked for."""

    flow: str
    source: str
    outcomes: tuple[Outcome, ...]
    walked: Walked | None
    exits: tuple[Exit, ...]
    covered: frozenset[Exit]

    @property
    def failures(self) -> list[Outcome]:
        return [outcome for outcome in self.outcomes if not outcome.passed]

    @property
    def sound(self) -> bool:
        return not self.failures and not (self.walked and self.walked.problems)

    def how(self, each: Exit) -> str:
        """``covered`` by a dialogue, ``reached`` by the walk alone, or ``unreachable``."""
        if each in self.covered:
            return "covered"
        return "reached" if self.walked is None or each in self.walked.reached else "unreachable"


def try_out(flow: Flow, dialogues: Dialogues | None, *, walking: bool = True) -> Tried:
    """Plays the dialogues, and goes every way. Never raises."""
    outcomes = tuple(run_case(flow, case) for case in dialogues.cases) if dialogues else ()
    exits = all_exits(flow)
    taken = frozenset().union(*(outcome.exits for outcome in outcomes)) & frozenset(exits)
    source = dialogues.source if dialogues else ""
    return Tried(flow.name, source, outcomes, walk(flow) if walking else None, exits, taken)


def as_text(tried: Tried, *, coverage: bool = False) -> list[str]:
    """For people: failures whole, everything else in a line."""
    lines: list[str] = []
    for outcome in tried.failures:
        lines.append(f"{tried.source}:{outcome.line}: {outcome.name}: {outcome.failure}")
        lines += [f"    {said}" for said in outcome.so_far]
    passed = len(tried.outcomes) - len(tried.failures)
    told = f"{tried.flow}: {passed} of {len(tried.outcomes)} dialogues as expected"
    told += f", {len(tried.covered)} of {len(tried.exits)} exits covered by them"
    if (walked := tried.walked) is not None:
        lines += [f"{tried.flow}: {problem}" for problem in walked.problems]
        told += f", {len(walked.reached | tried.covered)} reached by walking every way"
        if not walked.complete:
            told += " (as far as there was time)"
    lines.append(told + ".")
    if coverage:
        wide = max((len(f"{step} {name}") for step, name in tried.exits), default=0)
        lines += [f"  {f'{step} {name}':<{wide}}  {tried.how((step, name))}" for step, name in tried.exits]
    else:
        lines += [
            f"  no call can take the exit {name!r} of {step}"
            for step, name in tried.exits
            if tried.how((step, name)) == "unreachable"
        ]
    return lines


def as_data(tried: Tried) -> dict[str, Any]:
    """For programs."""
    walked = tried.walked
    return {
        "flow": tried.flow,
        "source": tried.source,
        "sound": tried.sound,
        "cases": [
            {"name": o.name, "line": o.line, "passed": o.passed, "failure": o.failure, "dialogue": list(o.so_far)}
            for o in tried.outcomes
        ],
        "problems": list(walked.problems) if walked else [],
        "states": walked.states if walked else 0,
        "complete": walked.complete if walked else True,
        "exits": [{"step": step, "exit": name, "how": tried.how((step, name))} for step, name in tried.exits],
    }
