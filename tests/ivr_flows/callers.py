"""Callers for the tests: they begin, press, wait, and get answers from services."""

from __future__ import annotations

from pathlib import Path

import ivr_flows
from contact_center.domain.calls import CallAction, Pause, Play, Say
from contact_center.domain.events import CallerInput, ServiceAnswered
from ivr_flows import Flow, QueueFacts, Turn, advance, load, start

NOW = 1_790_000_000_000
SHIPPED = Path(ivr_flows.__file__).parent / "flows"
LIBRARY = {path.stem: path.read_text("utf-8") for path in sorted(SHIPPED.glob("*.yaml"))}

HEAD = "flow: f\nlanguages: {en: en-US}\n"
TWO = "flow: f\nlanguages: {en: en-US, zh: zh-CN}\n"


def shipped(name: str) -> Flow:
    return load(LIBRARY[name], f"{name}.yaml", LIBRARY)


def flow_of(steps: str, head: str = HEAD) -> Flow:
    return load(f"{head}steps:\n{steps}", "f.yaml", LIBRARY)


def begin(flow: Flow, now: int = NOW, **facts: str) -> Turn:
    return start(flow, now, facts)


def press(flow: Flow, turn: Turn, digits: str = "", speech: str = "", confidence: float = 0.0) -> Turn:
    did = CallerInput(turn.position, digits, speech, confidence)
    return advance(flow, turn.position, turn.variables, did, NOW)


def tick(flow: Flow, turn: Turn, queue: QueueFacts | None = None, digits: str = "", later: int = 0) -> Turn:
    did = CallerInput(turn.position, digits)
    return advance(flow, turn.position, turn.variables, did, NOW + later, queue)


def answer(flow: Flow, turn: Turn, outcome: str, **values: str) -> Turn:
    """What was asked is answered, at once."""
    assert turn.asks is not None
    answered = ServiceAnswered(turn.asks.position, outcome, values)
    return advance(flow, turn.position, turn.variables, answered, NOW)


def standing(
    place: int = 1,
    size: int = 1,
    waited_ms: int = 0,
    estimate_ms: int | None = None,
    is_open: bool = True,
    staffed: bool = True,
) -> QueueFacts:
    return QueueFacts(place, size, waited_ms, estimate_ms, is_open, staffed)


def heard(turn: Turn) -> list[str]:
    return [text for action in turn.actions for text in _texts(action)]


def ways(turn: Turn) -> list[tuple[str, str]]:
    """The steps that were left in this turn, and their exits."""
    return [(step.step, step.exit) for step in turn.steps]


def at(turn: Turn) -> str:
    """The name of the step that the call is at."""
    return turn.position.split(".", 6)[6]


def _texts(action: CallAction) -> list[str]:
    if isinstance(action, Say):
        return [action.text]
    if isinstance(action, Play):
        return [f"[{action.source}]"]
    if isinstance(action, Pause):
        return []
    return [text for prompt in action.prompts for text in _texts(prompt)]
