"""The caller's and the flow's turns: what to play and do next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from contact_center.domain.calls import CallAction, Collect, HangUp, Hold
from contact_center.domain.events import CallerInput, FlowStepped
from contact_center.domain.time import Moment
from ivr_flows.flow import (
    BranchStep,
    Choice,
    Flow,
    HangUpStep,
    HoursStep,
    MenuStep,
    QueueStep,
    SayStep,
    SetStep,
    Step,
    Values,
)
from ivr_flows.prompts import Spoken

MOST_TURNS = 100
"""How often one call is asked something. After that every menu is taken as unanswered, so the call comes to
a queue or an end."""

MOST_VALUE = 256
"""Characters that a variable keeps."""

LEAST_CONFIDENCE = 0.3
"""Words that the recogniser is less sure of count as not understood. Zero means that it didn't say."""


@dataclass(frozen=True, slots=True)
class QueueAsked:
    """The flow is done and wants the caller in this queue. ``skills`` are the levels needed at least."""

    queue: str
    priority: int
    skills: dict[str, int]


@dataclass(frozen=True, slots=True)
class Turn:
    """What the call is told, and what the flow will remember.

    ``position`` and ``variables`` are for the next :func:`advance`. ``steps`` are to be recorded, in order;
    a prompt that is only repeated makes none. ``over`` means that the flow has nothing more to ask: the
    caller is in a queue (``enqueue`` says which, the first time) or has been told goodbye."""

    actions: tuple[CallAction, ...]
    position: str
    variables: dict[str, str]
    steps: tuple[FlowStepped, ...]
    enqueue: QueueAsked | None = None
    over: bool = False


class _Place(NamedTuple):
    version: str
    turn: int
    tries: int
    step: str

    def __str__(self) -> str:
        return ".".join(map(str, self))


def start(flow: Flow, now: Moment, facts: Mapping[str, str]) -> Turn:
    """The first turn. ``facts`` are variables that are known already: ``ani``, ``dnis``, ``caller_name``, ``known``
    (``yes`` or ``no``), ``language`` (a tag; one that the flow doesn't speak counts for nothing), and those that
    the flow lists."""
    variables = {name: _kept(value) for name, value in facts.items()}
    variables["language"] = _language(flow, variables)
    return _go(flow, flow.start, variables, 1, now, "", "")


def advance(flow: Flow, position: str, variables: Mapping[str, str], did: CallerInput, now: Moment) -> Turn:
    """The turn after the caller did something. ``position`` and ``variables`` are those of the last turn.

    Never raises. What the caller did at another position than this one (late, repeated, made up) changes
    nothing: the same is asked again. A position of another version of the flow is asked anew at the same
    step, or begins anew where there is no such step."""
    memory = dict(variables)
    memory["language"] = _language(flow, memory)
    place = _place(flow, position)
    if place is None:
        return _go(flow, flow.start, memory, 1, now, "", "")
    step = flow.steps[place.step]
    if not isinstance(step, MenuStep) or did.position != position or place.version != flow.version:
        return _repeat(flow, place._replace(version=flow.version), memory)
    key = _key(step, did)
    if choice := step.choices.get(key):
        return _chosen(flow, place, choice, key, memory, now)
    return _failed(flow, place, step, "no_match" if did.digits or did.speech else "no_input", memory, now)


def _key(step: MenuStep, did: CallerInput) -> str:
    if did.digits:
        return did.digits
    unsure = 0 < did.confidence < LEAST_CONFIDENCE
    return "" if unsure else step.key_for(did.speech)


def _chosen(flow: Flow, place: _Place, choice: Choice, key: str, memory: dict[str, str], now: Moment) -> Turn:
    _remember(choice.values, memory)
    return _go(flow, choice.next, memory, place.turn + 1, now, place.step, key)


def _failed(flow: Flow, place: _Place, step: MenuStep, exit_name: str, memory: dict[str, str], now: Moment) -> Turn:
    silent = exit_name == "no_input"
    if place.tries >= step.retries or place.turn >= MOST_TURNS:
        target = step.no_input if silent else step.no_match
        return _go(flow, target, memory, place.turn + 1, now, place.step, exit_name)
    sorry = (step.not_heard if silent else step.not_understood).say(memory["language"], memory)
    asked = _Place(flow.version, place.turn + 1, place.tries + 1, place.step)
    spoken = sorry + _spoken(flow, step, memory)
    stepped = _stepped(flow, asked, place.step, exit_name, spoken, memory)
    return Turn((_collect(flow, step, asked, spoken, memory),), str(asked), memory, (stepped,))


def _repeat(flow: Flow, place: _Place, memory: dict[str, str]) -> Turn:
    """The same again, as if nothing had happened."""
    step = flow.steps[place.step]
    spoken = _spoken(flow, step, memory)
    match step:
        case MenuStep():
            return Turn((_collect(flow, step, place, spoken, memory),), str(place), memory, ())
        case QueueStep():
            return Turn((Hold(str(place), spoken, _tag(flow, memory)),), str(place), memory, (), over=True)
        case _:
            return Turn((HangUp(spoken),), str(place), memory, (), over=True)


def _go(flow: Flow, name: str, memory: dict[str, str], turn: int, now: Moment, left: str, by: str) -> Turn:
    """Goes on from step ``name`` to the next that the caller must answer, or to the end. No round is
    without a question (``checks``), so no step is met twice in a turn."""
    actions: list[CallAction] = []
    steps: list[FlowStepped] = []
    while True:
        step = flow.steps[name]
        place = _Place(flow.version, turn, 0, name)
        unasked = turn > MOST_TURNS and isinstance(step, MenuStep)
        spoken = () if unasked else _spoken(flow, step, memory)
        steps.append(_stepped(flow, place, left, by, spoken, memory))
        match step:
            case MenuStep() if not unasked:
                actions.append(_collect(flow, step, place, spoken, memory))
                return Turn(tuple(actions), str(place), memory, tuple(steps))
            case QueueStep():
                skills = {skill.fill(memory): level for skill, level in step.skills}
                actions.append(Hold(str(place), spoken, _tag(flow, memory)))
                asked = QueueAsked(step.queue, step.priority, skills)
                return Turn(tuple(actions), str(place), memory, tuple(steps), asked, over=True)
            case HangUpStep():
                actions.append(HangUp(spoken))
                return Turn(tuple(actions), str(place), memory, tuple(steps), over=True)
        actions += spoken
        left = name
        by, name = _leave(step, memory, now)


def _leave(step: Step, memory: dict[str, str], now: Moment) -> tuple[str, str]:
    """The exit that is taken without asking, and where it leads."""
    match step:
        case BranchStep():
            for number, case in enumerate(step.cases, 1):
                if case.holds(memory):
                    return f"case {number}", case.next
            return "otherwise", step.otherwise
        case HoursStep():
            return ("open", step.open) if step.week.open_at(now) else ("closed", step.closed)
        case MenuStep():
            return "no_input", step.no_input
        case SetStep():
            _remember(step.values, memory)
            return "next", step.next
    return next(iter(step.exits()))


def _remember(values: Values, memory: dict[str, str]) -> None:
    for name, value in values:
        memory[name] = _kept(value.fill(memory))


def _spoken(flow: Flow, step: Step, memory: dict[str, str]) -> Spoken:
    match step:
        case SayStep() | MenuStep() | QueueStep() | HangUpStep():
            return step.prompt.say(memory["language"], memory)
    return ()


def _collect(flow: Flow, step: MenuStep, place: _Place, spoken: Spoken, memory: dict[str, str]) -> Collect:
    # One key needs no terminator, and "#" can't be one where it is a choice.
    needless = step.digits == 1 or any("#" in key for key in step.choices)
    return Collect(
        position=str(place),
        prompts=spoken,
        language=_tag(flow, memory),
        max_digits=step.digits,
        finish_on="" if needless else "#",
        timeout_ms=step.timeout_ms,
        speech=bool(step.words),
        hints=step.hints,
    )


def _stepped(flow: Flow, place: _Place, left: str, by: str, spoken: Spoken, memory: Mapping[str, str]) -> FlowStepped:
    said = " ".join(say.text for say in spoken)
    return FlowStepped(flow.name, flow.version, str(place), left, by, said, dict(memory))


def _place(flow: Flow, position: str) -> _Place | None:
    version, _, rest = position.partition(".")
    turn, _, rest = rest.partition(".")
    tries, _, step = rest.partition(".")
    if step not in flow.steps or not (_counts(turn) and _counts(tries)):
        return None
    return _Place(version, int(turn), int(tries), step)


def _counts(digits: str) -> bool:
    return digits.isascii() and digits.isdigit() and len(digits) < 6


def _language(flow: Flow, memory: Mapping[str, str]) -> str:
    """The flow's name for the caller's language, however it was written: ``zh``, ``zh-CN``, ``zh-HK``."""
    wanted = memory.get("language", "")
    if wanted in flow.languages:
        return wanted
    primary = wanted.partition("-")[0].lower()
    for name, tag in flow.languages.items():
        if primary and primary in (name.lower(), tag.partition("-")[0].lower()):
            return name
    return next(iter(flow.languages))


def _tag(flow: Flow, memory: Mapping[str, str]) -> str:
    return flow.languages[memory["language"]]


def _kept(value: str) -> str:
    """What a variable keeps of a value: one line, and not too much of it."""
    return "".join(c for c in value[:MOST_VALUE] if c.isprintable())
