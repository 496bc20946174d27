"""What can be wrong with a flow whose every step is right: how the steps hang together, and what a variable may
hold on the ways to where it is used."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeAlias

from ivr_flows.draft import Assignment, Draft, Mark
from ivr_flows.flow import BranchStep, Step, VerifyStep
from ivr_flows.problems import Problem

Steps: TypeAlias = Mapping[str, Step]


def draft_problems(draft: Draft, steps: Steps, starts: Sequence[str]) -> list[Problem]:
    """Steps that no caller can reach; rounds that a caller who does nothing never leaves; what may be said to
    somebody who has proved nothing; what a caller chose and would be called back; what may not be set yet.
    ``starts`` are where calls begin, and where they come to after a conversation.

    Where there is no such round, every call comes to a queue or an end: that is what ``turns`` relies on."""
    targets = {target for step in steps.values() for _, target in step.exits()}
    if not {*starts, *targets} <= steps.keys():
        return []  # a missing exit is told already, and would make reachable steps look lost
    ways = _Ways(draft, steps, starts)
    return [
        *_unreachable(steps, ways.order, draft.marks),
        *_rounds(steps, draft.marks),
        *_personal(ways, starts),
        *_chosen_numbers(draft),
        *_unset(ways, starts),
    ]


def _unreachable(steps: Steps, reached: Sequence[str], marks: Mapping[str, Mark]) -> list[Problem]:
    mend = "Lead to it from another step, or delete it."
    lost = steps.keys() - set(reached)
    return [marks[name].problem(f"no caller can reach step {name!r}", mend) for name in steps if name in lost]


# --- variables -------------------------------------------------------------------------------------------------
# What holds at a step is put together from what holds at the steps before it, until nothing changes. Steps are taken
# in the order in which calls come to them, so a few passes do, whatever the number of ways. Sets of names are the
# bits of a number: joining two of them costs next to nothing.


class _Ways:
    """The exits of each step that a call can come to, and what is set there, in the order in which calls come."""

    def __init__(self, draft: Draft, steps: Steps, starts: Sequence[str]) -> None:
        self.draft = draft
        self.steps = steps
        self.order = _in_order(steps, starts)
        names = sorted(draft.known() | draft.personal | {each.name for uses in draft.uses.values() for each in uses})
        self.bits = {name: 1 << number for number, name in enumerate(names)}

    def mask(self, names: Iterable[str]) -> int:
        return sum(self.bits[name] for name in set(names))

    def settled(
        self,
        begin: Mapping[str, int],
        exits: Callable[[Step], Iterable[tuple[str, str]]],
        after: Callable[[int, Sequence[Assignment]], int],
        join: Callable[[int, int], int],
    ) -> dict[str, int]:
        """What holds at each step: ``begin`` where calls begin, ``after`` what a step changes on leaving it."""
        held, changed = dict(begin), True
        while changed:
            changed = False
            for name in self.order:
                if name not in held:
                    continue
                for exit_name, target in exits(self.steps[name]):
                    there = after(held[name], self._assigned(name, exit_name))
                    if target in held:
                        there = join(held[target], there)
                    if held.get(target) != there:
                        held[target], changed = there, True
        return held

    def _assigned(self, name: str, exit_name: str) -> Sequence[Assignment]:
        assignments = self.draft.assignments.get(name, ())
        return [each for each in assignments if each.exit in ("", exit_name)]


def _in_order(steps: Steps, starts: Sequence[str]) -> list[str]:
    """Steps that calls come to, each before those that follow it, as far as rounds allow."""
    done: list[str] = []
    seen = set(starts)
    stack = [(name, [target for _, target in steps[name].exits()]) for name in dict.fromkeys(starts)]
    while stack:
        ahead = stack[-1][1]
        if not ahead:
            done.append(stack.pop()[0])
        elif (target := ahead.pop()) not in seen:
            seen.add(target)
            stack.append((target, [further for _, further in steps[target].exits()]))
    return done[::-1]


def _personal(ways: _Ways, starts: Sequence[str]) -> list[Problem]:
    """What is personal and may be heard by a caller who has not been verified."""
    draft = ways.draft
    everything = {each.name for found in draft.assignments.values() for each in found if each.personal}
    begin = {name: ways.mask(draft.personal | everything) for name in starts[1:]}
    begin[starts[0]] = ways.mask(draft.personal)

    def after(held: int, assignments: Sequence[Assignment]) -> int:
        """What is made of something personal is personal too."""
        for each in assignments:
            personal = each.personal or held & ways.mask(each.sources)
            held = held | ways.bits[each.name] if personal else held & ~ways.bits[each.name]
        return held

    held = ways.settled(begin, _unproved_exits, after, int.__or__)
    mend = "Lead every way to it through `verify`, or don't say it."
    return [
        use.mark.problem(f"a caller who proved nothing may hear {use.name!r}, which is personal", mend)
        for name, uses in draft.uses.items()
        for use in uses
        if use.how == "said" and held.get(name, 0) & ways.bits[use.name]
    ]


def _unproved_exits(step: Step) -> list[tuple[str, str]]:
    """The exits that a caller may take who has not been verified."""
    exits = list(step.exits())
    if isinstance(step, VerifyStep):
        return [way for way in exits if way[0] != "verified"]
    if isinstance(step, BranchStep):
        proved = {f"case {number}" for number, case in enumerate(step.cases, 1) if case.proves_verified}
        return [way for way in exits if way[0] not in proved]
    return exits


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


def _unset(ways: _Ways, starts: Sequence[str]) -> list[Problem]:
    """What is used where it may not have been set yet."""
    draft = ways.draft
    begin = dict.fromkeys(starts, ways.mask(draft.facts))

    def after(held: int, assignments: Sequence[Assignment]) -> int:
        for each in assignments:
            held |= ways.bits[each.name]
        return held

    sure = ways.settled(begin, lambda step: step.exits(), after, int.__and__)
    known = draft.known()
    mend = "Set it on every way here, or write {name|words} for when it is empty."
    return [
        use.mark.problem(f"on some way here {use.name!r} has not been set", mend, "warning")
        for name, uses in draft.uses.items()
        for use in uses
        if use.needed and name in sure and use.name in known and not sure[name] & ways.bits[use.name]
    ]


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
