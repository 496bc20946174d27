"""Goes every way that a caller can take through a flow, by the same interpreter that callers meet.

Calls that are at the same step, with the same values of what later steps decide by, have the same future: they are
one. So the work grows with the steps, not with the ways through them."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import product
from math import prod
from typing import TypeAlias

from contact_center.domain.calls import Await, Collect, Dial, Hold, Record
from contact_center.domain.events import CallerInput, CallerRecorded, DialEnded, ServiceAnswered
from contact_center.domain.time import DAY, HOUR, SECOND, Moment
from ivr_flows.asks import Ask, CallbackWanted, CodeAsked, CodeChecked, DialAsked, PinChecked, ServiceAsked
from ivr_flows.flow import (
    BranchStep,
    CallbackStep,
    CollectStep,
    ConsentStep,
    FetchStep,
    Flow,
    HoursStep,
    IdentifyStep,
    MenuStep,
    QueueStep,
    SplitStep,
    Step,
    SurveyStep,
    VerifyStep,
)
from ivr_flows.places import place
from ivr_flows.turns import Did, QueueFacts, Turn, advance, after_call, start

MOST_STATES = 50_000
MOST_MOMENTS = 12
MOST_VALUES = 8
"""Values that one variable is tried with."""

MOST_TOGETHER = 64
"""Values of several variables that are tried in every combination."""

ANI = "+15550100000"
FROM = datetime(2026, 1, 5, tzinfo=UTC)
"""The first of the days that are looked at for moments at which hours differ: a year from this Monday."""

Exit: TypeAlias = tuple[str, str]
State: TypeAlias = tuple[object, ...]
_Act: TypeAlias = tuple[str, Did, QueueFacts | None]

_FINE = QueueFacts(1, 1, 0, 60_000, True, True)
_LITERAL = re.compile(r"""'([^'\\]*)'|"([^"\\]*)"|(?<![\w.])(\d+(?:\.\d+)?)(?![\w.])""")


@dataclass(frozen=True, slots=True)
class Walked:
    """``exits`` are all of the flow, in its order; ``reached`` those that a call can take. ``problems`` are for
    people. ``complete`` is false where there were more states than are looked at."""

    exits: tuple[Exit, ...]
    reached: frozenset[Exit]
    visited: frozenset[str]
    problems: tuple[str, ...]
    states: int
    turns: int
    complete: bool

    @property
    def unreached(self) -> list[Exit]:
        return [each for each in self.exits if each not in self.reached]


def all_exits(flow: Flow) -> tuple[Exit, ...]:
    return tuple((name, exit_name) for name, step in flow.steps.items() for exit_name, _ in step.exits())


def walk(flow: Flow, told: Callable[[Turn], None] | None = None) -> Walked:
    """Every way through the flow. Never raises. ``told`` sees each turn that was taken."""
    return _Walker(flow, told).walked()


# --- what is tried ---------------------------------------------------------------------------------------------


def literals(source: str) -> list[str]:
    """What a condition compares with: the texts and numbers in it, and beside each number its neighbours."""
    found: dict[str, None] = {}
    for match in _LITERAL.finditer(source):
        text, other, number = match.groups()
        if number is None:
            found[text if text is not None else other] = None
        else:
            whole = int(float(number))
            found.update(dict.fromkeys((str(whole), str(whole + 1), str(max(whole - 1, 0)))))
    return list(found)


def _decides_by(step: Step) -> dict[str, list[str]]:
    """The variables that decide where the step leads, with the values that make a difference."""
    found: dict[str, list[str]] = {}
    match step:
        case BranchStep(cases=cases):
            for case in cases:
                for name, values in case.when:
                    found.setdefault(name, []).extend(sorted(values))
                if case.condition is not None:
                    for name in case.condition.names:
                        found.setdefault(name, []).extend(literals(case.condition.source))
        case IdentifyStep():
            found["known"] = ["yes", "no"]
        case CallbackStep(number=number):
            found[number] = [ANI, ""]
        case SplitStep():
            found["ani"] = []
    return found


def _moments(flow: Flow) -> list[Moment]:
    """Moments at which the flow's hours differ: one for each way in which they can be open and closed together."""
    weeks = list({step.week: None for step in flow.steps.values() if isinstance(step, HoursStep)})
    found: dict[tuple[str, ...], Moment] = {}
    if not weeks:
        return [round(FROM.timestamp() * SECOND)]
    for now in _days(any(week.holidays for week in weeks)):
        found.setdefault(tuple(week.at(now) for week in weeks), now)
        if len(found) == MOST_MOMENTS:
            break
    return list(found.values())


def _days(whole_year: bool) -> Iterator[Moment]:
    first = round(FROM.timestamp() * SECOND) + 5 * 60 * SECOND
    for half in range(7 * 48):
        yield first + half * HOUR // 2
    for day in range(7, 366 if whole_year else 7):
        for hour in range(0, 24, 3):
            yield first + day * DAY + hour * HOUR


class _Walker:
    def __init__(self, flow: Flow, told: Callable[[Turn], None] | None = None) -> None:
        self.flow = flow
        self.told = told
        self.values = self._values()
        self.live = self._live()
        self.reached: set[Exit] = set()
        self.visited: set[str] = set()
        self.silent: dict[tuple[str, str], None] = {}
        self.leads: dict[State, set[State]] = {}
        self.doing_nothing: dict[State, State] = {}
        self.ends: set[State] = set()
        self.ahead: deque[tuple[State, Turn, Moment]] = deque()
        self.turns = 0
        self.complete = True

    def walked(self) -> Walked:
        for now in _moments(self.flow):
            for facts in self._callers():
                self._come(None, start(self.flow, now, facts), now)
                self._go()
        exits = all_exits(self.flow)
        known = set(exits)
        problems = (*self._never_ending(), *self._unspoken())
        reached = frozenset(self.reached & known)
        return Walked(exits, reached, frozenset(self.visited), problems, len(self.leads), self.turns, self.complete)

    def _values(self) -> dict[str, list[str]]:
        """Every variable that decides anything, with the values that it is tried with, none being one."""
        found: dict[str, dict[str, None]] = {}
        for step in self.flow.steps.values():
            for name, values in _decides_by(step).items():
                found.setdefault(name, {}).update(dict.fromkeys(values))
        return {name: [*dict.fromkeys([*list(values)[:MOST_VALUES], ""])] for name, values in found.items()}

    def _live(self) -> dict[str, frozenset[str]]:
        """For each step, the variables that it or a later one decides by."""
        live = {name: set(_decides_by(step)) for name, step in self.flow.steps.items()}
        into: dict[str, list[str]] = {}
        for name, step in self.flow.steps.items():
            for _, target in step.exits():
                into.setdefault(target, []).append(name)
        after = self.flow.after_call
        for name, step in self.flow.steps.items():
            if after and isinstance(step, QueueStep):
                into.setdefault(after, []).append(name)
        ahead = deque(live)
        while ahead:
            name = ahead.popleft()
            for before in into.get(name, ()):
                if not live[name] <= live[before]:
                    live[before] |= live[name]
                    ahead.append(before)
        return {name: frozenset(names) for name, names in live.items()}

    def _callers(self) -> Iterator[dict[str, str]]:
        """Who may call: somebody in each language, and for each value that makes a difference one who has it."""
        usual = {"ani": ANI, "dnis": "+15550109999", "known": "no", "caller_name": ""}
        for language in self.flow.languages:
            yield {**usual, "language": language}
        usual["language"] = next(iter(self.flow.languages))
        steps = self.flow.steps
        # Whoever has this flow within may have set anything before.
        within = any(step.KIND == "return" and "/" not in name for name, step in steps.items())
        set_here = set() if within else {name for step in steps.values() for name in _sets(step)}
        tried = {name: values for name, values in self.values.items() if name not in set_here or name in usual}
        for values in _together(tried):
            yield {**usual, **values}
        for number in self._numbers():
            yield {**usual, "ani": number}

    def _numbers(self) -> Iterator[str]:
        """Callers who come to each arm of each experiment."""
        for name, step in self.flow.steps.items():
            if not isinstance(step, SplitStep):
                continue
            alone = replace(self.flow, start=name)
            arms: dict[str, str] = {}
            for number in range(200):
                ani = f"+1555010{number:04}"
                taken = start(alone, 0, {"ani": ani}).steps
                arms.setdefault(next((s.exit for s in taken if s.step == name), ""), ani)
                if len(arms) == len(step.arms):
                    break
            yield from arms.values()

    # --- going on ---------------------------------------------------------------------------------------------

    def _come(self, before: State | None, turn: Turn, now: Moment) -> State:
        """A turn was taken: remembers what it went through, and goes on from where it is, if that is new."""
        self.turns += 1
        if self.told is not None:
            self.told(turn)
        for stepped in turn.steps:
            if stepped.step:
                self.reached.add((stepped.step, stepped.exit))
            at = place(stepped.position)
            if at is not None:
                self.visited.add(at.step)
        state = self._state(turn, now)
        if before is not None:
            self.leads[before].add(state)
        if state not in self.leads:
            self.leads[state] = set()
            if len(self.leads) > MOST_STATES:
                self.complete = False
            elif not turn.over:
                self.ahead.append((state, turn, now))
            last = turn.actions[-1]
            if turn.over or isinstance(last, Hold):
                self.ends.add(state)
            if isinstance(last, Collect | Record) and not last.prompts and len(turn.actions) == 1:
                self.silent[(self._step(turn), turn.variables.get("language", ""))] = None
        return state

    def _state(self, turn: Turn, now: Moment) -> State:
        at = place(turn.position)
        assert at is not None
        survey = at.tick if isinstance(self.flow.steps.get(at.step), SurveyStep) else 0
        live = self.live.get(at.step, frozenset())
        memory = tuple(sorted((name, turn.variables.get(name, "")) for name in live))
        asked = type(turn.asks).__name__
        return now, at.step, at.phase, at.tries, survey, asked, turn.variables.get("language", ""), memory

    def _step(self, turn: Turn) -> str:
        at = place(turn.position)
        return at.step if at else ""

    def _go(self) -> None:
        while self.ahead:
            state, turn, now = self.ahead.popleft()
            for name, did, queue in self._acts(turn):
                then = self._come(state, advance(self.flow, turn.position, turn.variables, did, now, queue), now)
                if name == "nothing":
                    self.doing_nothing[state] = then
            if self.flow.after_call and isinstance(turn.actions[-1], Hold):
                after = after_call(self.flow, turn.variables, now)
                if after is not None:
                    self._come(state, after, now)

    def _acts(self, turn: Turn) -> Iterator[_Act]:
        """Everything that can happen next."""
        step = self.flow.steps[self._step(turn)]
        last = turn.actions[-1]
        if turn.asks is not None:
            for reply in self._replies(step, turn.asks):
                yield "answer", reply, None
            return
        match last:
            case Collect(position=position):
                yield "nothing", CallerInput(position), None
                for keys in _keys(step, self.values):
                    yield "keys", CallerInput(position, digits=keys), None
            case Hold(position=position, keys=keys):
                yield "nothing", CallerInput(position), _FINE
                for key in keys:
                    yield "keys", CallerInput(position, digits=key), _FINE
                for facts in _standings(step):
                    yield "waits", CallerInput(position), facts
            case Record(position=position):
                yield "nothing", CallerRecorded(position), None
                yield "records", CallerRecorded(position, "recording", 10 * SECOND), None
            case Dial(position=position):
                for outcome in ("answered", "busy", "no_answer", "failed"):
                    yield "dials", DialEnded(position, outcome), None
            case Await(position=position):
                yield "nothing", CallerInput(position), None

    def _replies(self, step: Step, ask: Ask) -> Iterator[ServiceAnswered]:
        position = ask.position
        match ask:
            case ServiceAsked():
                for values in self._fields(step):
                    yield ServiceAnswered(position, "ok", values)
                outcomes: tuple[str, ...] = ("not_found", "error", "timeout")
            case PinChecked() | CodeChecked():
                outcomes = ("verified", "failed", "unavailable")
            case CodeAsked():
                outcomes = ("sent", "unavailable")
            case DialAsked():
                outcomes = ("allowed", "refused", "failed")
            case CallbackWanted():
                outcomes = ("accepted", "unavailable")
            case _:
                outcomes = ("recorded",)
        for outcome in outcomes:
            yield ServiceAnswered(position, outcome)

    def _fields(self, step: Step) -> Iterator[dict[str, str]]:
        """What a service may answer: for each field every value that makes a difference, alone and with others."""
        dip = step.dip if isinstance(step, FetchStep | CollectStep) else None
        into = dip.into if dip is not None else ()
        tried = {field: self.values.get(name) or ["1"] for field, name in into}
        yield {}
        yield from _together(tried)

    # --- what is wrong ----------------------------------------------------------------------------------------

    def _never_ending(self) -> Iterator[str]:
        """States from which no way leads to an end or a person, and rounds of callers who do nothing."""
        into: dict[State, list[State]] = {}
        for state, targets in self.leads.items():
            for target in targets:
                into.setdefault(target, []).append(state)
        good, ahead = set(self.ends), list(self.ends)
        while ahead:
            for before in into.get(ahead.pop(), ()):
                if before not in good:
                    good.add(before)
                    ahead.append(before)
        if self.complete:
            for step in dict.fromkeys(str(state[1]) for state in self.leads if state not in good):
                yield f"no way leads from step {step!r} to a person or to the end of the call"
        for step in dict.fromkeys(str(state[1]) for state in self._rounds()):
            yield f"a caller who does nothing at step {step!r} comes back to it for ever"

    def _rounds(self) -> Iterator[State]:
        safe = set(self.ends)
        for state in self.doing_nothing:
            way: dict[State, None] = {}
            at: State | None = state
            while at is not None and at not in safe and at not in way:
                way[at] = None
                at = self.doing_nothing.get(at)
            if at is not None and at in way:
                yield at
            safe.update(way)

    def _unspoken(self) -> Iterator[str]:
        for step, language in self.silent:
            yield f"step {step!r} asks without a word where the caller speaks {language!r}"


def _together(tried: Mapping[str, Sequence[str]]) -> Iterator[dict[str, str]]:
    """Every value with every other where that is not too much; else each alone, and all at once."""
    tried = {name: values for name, values in tried.items() if values}
    if prod(map(len, tried.values())) <= MOST_TOGETHER:
        yield from (dict(zip(tried, values, strict=True)) for values in product(*tried.values()))
        return
    usual = {name: values[0] for name, values in tried.items()}
    for number in range(max(map(len, tried.values()))):
        yield {name: values[number % len(values)] for name, values in tried.items()}
    for name, values in tried.items():
        yield from ({**usual, name: value} for value in values)


def _sets(step: Step) -> Iterator[str]:
    """The variables that a step gives a value."""
    for name, _ in getattr(step, "values", ()):
        yield name
    for choice in [*getattr(step, "choices", {}).values(), *getattr(step, "offers", {}).values()]:
        yield from (name for name, _ in choice.values)
    if isinstance(step, CollectStep):
        yield step.variable
    dip = getattr(step, "dip", None)
    if dip is not None:
        yield from (name for _, name in dip.into)
    if isinstance(step, VerifyStep):
        yield "verified"


def _keys(step: Step, values: Mapping[str, Iterable[str]]) -> Iterator[str]:
    """Keys that each lead somewhere else, and some that lead nowhere."""
    match step:
        case MenuStep():
            yield from step.choices
            yield next((key for key in ("0", "9", "8", "7", "#") if key not in step.choices), "00")
        case CollectStep():
            known = [v for v in values.get(step.variable, ()) if v.isdigit() and step.least <= len(v) <= step.most]
            yield from dict.fromkeys([*known, "1" * step.least if step.least else "1"])
            yield "*"
        case VerifyStep():
            yield "1" * max(step.least, 1)
            yield "*"
        case ConsentStep():
            yield from (step.accept, step.refuse, "*")
        case CallbackStep():
            yield from (step.accept, step.decline, "*")
        case SurveyStep():
            yield from dict.fromkeys(str(question.least) for question in step.questions)
            yield "*"
            yield "#"
        case _:
            yield "1"


def _standings(step: Step) -> Iterator[QueueFacts]:
    """How it may stand in the queue that makes a difference to the step."""
    if isinstance(step, QueueStep):
        yield replace(_FINE, open=False)
        yield replace(_FINE, staffed=False)
        yield replace(_FINE, place=step.full_beyond + 1, size=step.full_beyond + 1)
        yield replace(_FINE, waited_ms=max(step.longest_ms, 1))
