"""What can be wrong with a flow whose every step is right: how the steps hang together, and what a variable may
hold on the ways to where it is used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from ivr_flows.draft import Assignment, Draft, Mark
from ivr_flows.flow import BranchStep, Step, VerifyStep
from ivr_flows.problems import Problem

Steps: TypeAlias = Mapping[str, Step]
_Names: TypeAlias = frozenset[str]


def draft_problems(draft: Draft, steps: Steps, starts: Sequence[str]) -> list[Problem]:
    """Steps that no caller can reach; rounds that a caller who does nothing never leaves; what may be said to
    somebody who has proved nothing; what a caller chose and would be called back; what may not be set yet.
    ``starts`` are where calls begin, and where they come to after a conversation.

    Where there is no such round, every call comes to a queue or an end: that is what ``turns`` relies on."""
    targets = {target for step in steps.values() for _, target in step.exits()}
    if not {*starts, *targets} <= steps.keys():
        return []  # a missing exit is told already, and would make reachable steps look lost
    return [
        *_unreachable(steps, starts, draft.marks),
        *_rounds(steps, draft.marks),
        *_personal(draft, steps, starts),
        *_chosen_numbers(draft),
        *_unset(draft, steps, starts),
    ]


def _unreachable(steps: Steps, starts: Sequence[str], marks: Mapping[str, Mark]) -> list[Problem]:
    reached, ahead = set(starts), list(starts)
    while ahead:
        for _, target in steps[ahead.pop()].exits():
            if target not in reached:
                reached.add(target)
                ahead.append(target)
    mend = "Lead to it from another step, or delete it."
    return [marks[name].problem(f"no caller can reach step {name!r}", mend) for name in steps if name not in reached]


# --- variables -------------------------------------------------------------------------------------------------
# Node by node until nothing changes: what holds at a step is put together from what holds at the steps before it,
# so the cost grows with the steps and not with the ways through them.


def _personal(draft: Draft, steps: Steps, starts: Sequence[str]) -> list[Problem]:
    """What is personal and may be heard by a caller who has not been verified."""
    held = _personal_on_unproved_ways(draft, steps, starts)
    mend = "Lead every way to it through `verify`, or don't say it."
    return [
        use.mark.problem(f"a caller who proved nothing may hear {use.name!r}, which is personal", mend)
        for name, uses in draft.uses.items()
        for use in uses
        if use.how == "said" and use.name in held.get(name, ())
    ]


def _personal_on_unproved_ways(draft: Draft, steps: Steps, starts: Sequence[str]) -> dict[str, _Names]:
    """The variables that may hold something personal at each step that an unverified caller may come to."""
    everything = {each.name for found in draft.assignments.values() for each in found if each.personal}
    held = {name: frozenset(draft.personal) for name in starts[:1]}
    held |= {name: frozenset(draft.personal | everything) for name in starts[1:]}
    ahead = list(held)
    while ahead:
        name = ahead.pop()
        for exit_name, target in _unproved_exits(steps[name]):
            after = _spread(held[name], exit_name, draft.assignments.get(name, []))
            before = held.get(target)
            if before is None or not after <= before:
                held[target] = after | (before or frozenset())
                ahead.append(target)
    return held


def _unproved_exits(step: Step) -> list[tuple[str, str]]:
    exits = list(step.exits())
    if isinstance(step, VerifyStep):
        return [way for way in exits if way[0] != "verified"]
    if isinstance(step, BranchStep):
        proved = {f"case {number}" for number, case in enumerate(step.cases, 1) if case.proves_verified}
        return [way for way in exits if way[0] not in proved]
    return exits


def _spread(held: _Names, exit_name: str, assignments: Sequence[Assignment]) -> _Names:
    """What is personal after a step is left: what is made of something personal is personal too."""
    for each in assignments:
        if each.exit in ("", exit_name):
            personal = each.personal or bool(each.sources & held)
            held = held | {each.name} if personal else held - {each.name}
    return held


def _chosen_numbers(draft: Draft) -> list[Problem]:
    """Numbers to call back that the caller may have keyed in."""
    found = [each for assignments in draft.assignments.values() for each in assignments]
    chosen: set[str] = {each.name for each in found if each.from_caller}
    while more := {each.name for each in found if each.sources & chosen} - chosen:
        chosen |= more
    mend = "Call back the number they ring from (`ani`), or one that a fact or a service gave."
    return [
        mark.problem(f"a caller could choose {name!r}, the number that is called", mend)
        for mark, name in draft.callbacks
        if name in chosen
    ]


def _unset(draft: Draft, steps: Steps, starts: Sequence[str]) -> list[Problem]:
    """What is used where it may not have been set yet."""
    known = draft.known()
    sure = _surely_set(draft, steps, starts)
    mend = "Set it on every way here, or write {name|words} for when it is empty."
    return [
        use.mark.problem(f"on some way here {use.name!r} has not been set", mend, "warning")
        for name, uses in draft.uses.items()
        for use in uses
        if use.needed and name in sure and use.name in known - sure[name]
    ]


def _surely_set(draft: Draft, steps: Steps, starts: Sequence[str]) -> dict[str, _Names]:
    sure = {name: frozenset(draft.facts) for name in starts}
    ahead = list(starts)
    while ahead:
        name = ahead.pop()
        for exit_name, target in steps[name].exits():
            assigned = {each.name for each in draft.assignments.get(name, ()) if each.exit in ("", exit_name)}
            after = sure[name] | assigned
            before = sure.get(target)
            if before is None or not before <= after:
                sure[target] = after if before is None else after & before
                ahead.append(target)
    return sure


# --- rounds ----------------------------------------------------------------------------------------------------


def _rounds(steps: Steps, marks: Mapping[str, Mark]) -> list[Problem]:
    leads = {name: {target for _, target in step.silent()} for name, step in steps.items()}
    problems = []
    while _prune(leads):
        round_ = _one_round(leads)
        way = " → ".join([*round_, round_[0]])
        mend = "Let `no_input`, or one of these steps, lead to a queue or a hang_up."
        what = f"a caller who does nothing goes round for ever: {way}"
        problems.append(marks[round_[0]].problem(what, mend))
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
