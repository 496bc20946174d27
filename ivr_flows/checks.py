"""What can be wrong with a flow whose every step is right: how the steps hang together."""

from __future__ import annotations

from collections.abc import Mapping

from ivr_flows.flow import MenuStep, Step
from ivr_flows.problems import Problem

Places = Mapping[str, tuple[int, int]]


def graph_problems(steps: Mapping[str, Step], start: str, places: Places) -> list[Problem]:
    """Steps that no caller can reach, and rounds that a caller who does nothing never leaves. Where there
    are none of these, every call comes to an end: that is what ``turns`` relies on."""
    targets = {target for step in steps.values() for _, target in step.exits()}
    if not {start, *targets} <= steps.keys():
        return []  # a missing exit is told already, and would make reachable steps look lost
    return [*_unreachable(steps, start, places), *_rounds(steps, places)]


def _unreachable(steps: Mapping[str, Step], start: str, places: Places) -> list[Problem]:
    reached, ahead = {start}, [start]
    while ahead:
        for _, target in steps[ahead.pop()].exits():
            if target not in reached:
                reached.add(target)
                ahead.append(target)
    mend = "Lead to it from another step, or delete it."
    return [
        Problem(*places[name], f"no caller can reach step {name!r}", mend) for name in steps if name not in reached
    ]


def silent_exits(step: Step) -> list[str]:
    """Where a step can lead if the caller does nothing."""
    if isinstance(step, MenuStep):
        return [step.no_input]
    return [target for _, target in step.exits()]


def _rounds(steps: Mapping[str, Step], places: Places) -> list[Problem]:
    leads = {name: set(silent_exits(step)) for name, step in steps.items()}
    problems = []
    while _prune(leads):
        round_ = _one_round(leads)
        way = " → ".join([*round_, round_[0]])
        mend = "Let `no_input`, or one of these steps, lead to a queue or a hang_up."
        what = f"a caller who does nothing goes round for ever: {way}"
        problems.append(Problem(*places[round_[0]], what, mend))
        for name in round_:
            del leads[name]
    return problems


def _prune(leads: dict[str, set[str]]) -> bool:
    """Takes away all that is in no round, from its ends inwards; whether anything is left."""
    into: dict[str, list[str]] = {}
    for name, targets in leads.items():
        targets.intersection_update(leads)
        for target in targets:
            into.setdefault(target, []).append(name)
    ends = [name for name, targets in leads.items() if not targets]
    while ends:
        end = ends.pop()
        del leads[end]
        for name in into.get(end, ()):
            leads[name].discard(end)
            if not leads[name]:
                ends.append(name)
    return bool(leads)


def _one_round(leads: Mapping[str, set[str]]) -> list[str]:
    """What is left all leads on, so going on must come back. Begins with the step that is written first."""
    path: dict[str, None] = {}
    name = next(iter(leads))
    while name not in path:
        path[name] = None
        name = min(leads[name])
    walked = list(path)
    found = walked[walked.index(name) :]
    written = [step for step in leads if step in found]
    first = found.index(written[0])
    return found[first:] + found[:first]
