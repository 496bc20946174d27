"""Whatever flow passes the checks and whatever a caller does, the call comes to an end and nothing breaks."""

from __future__ import annotations

import json

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contact_center.domain.calls import Collect, HangUp, Hold, Say
from contact_center.domain.events import CallerInput
from ivr_flows import Flow, FlowError, Turn, advance, load, start
from ivr_flows.flow import MenuStep

BUSY_MACHINE = [HealthCheck.too_slow]
"""A machine that has other work to do is no fault of ours."""

NAMES = ("a", "b", "c", "d", "e", "f")
targets = st.sampled_from(NAMES)
said = st.sampled_from(("Hi.", "{x}", "{guest|you}"))
values = st.dictionaries(st.sampled_from(("x", "y")), st.sampled_from(("1", "{x}{x}", "{guest}")), min_size=1)
retry = st.fixed_dictionaries({"next": targets}, optional={"say": said})
steps = st.one_of(
    st.fixed_dictionaries({"say": said, "next": targets}),
    st.fixed_dictionaries({"set": values, "next": targets}),
    st.fixed_dictionaries({"goto": targets}),
    st.fixed_dictionaries(
        {
            "branch": st.lists(
                st.fixed_dictionaries(
                    {"when": st.fixed_dictionaries({"x": st.sampled_from(("", "1"))}), "next": targets}
                ),
                min_size=1,
                max_size=2,
            ),
            "otherwise": targets,
        }
    ),
    st.fixed_dictionaries(
        {"hours": st.just({"mon-sun": "08:00-20:00"}), "zone": st.just("UTC"), "open": targets, "closed": targets}
    ),
    st.fixed_dictionaries(
        {
            "menu": said,
            "choices": st.dictionaries(
                st.sampled_from(("1", "2", "#", "12")),
                st.one_of(targets, st.fixed_dictionaries({"next": targets, "set": values})),
                min_size=1,
            ),
            "no_input": retry,
            "no_match": retry,
            "retries": st.integers(0, 3),
        }
    ),
    st.fixed_dictionaries({"queue": st.just("q"), "say": said}),
    st.fixed_dictionaries({"hang_up": said}),
)
trees = st.fixed_dictionaries(dict.fromkeys(NAMES, steps))
inputs = st.builds(
    CallerInput,
    position=st.sampled_from(("", "current", "stale", "x.1.0.a")),
    digits=st.sampled_from(("", "", "1", "2", "#", "12", "9", "٣", "1" * 500)),
    speech=st.sampled_from(("", "", "one", "\x00", "呀")),
    confidence=st.floats(0, 1),
)


@given(trees, st.lists(inputs, max_size=12), st.integers(0, 10**13), st.text(max_size=20))
@settings(max_examples=150, deadline=None, suppress_health_check=BUSY_MACHINE)
def test_any_caller_in_any_flow_is_asked_or_done(
    tree: dict[str, object], inputs: list[CallerInput], now: int, name: str
) -> None:
    flow = _flow(tree)
    turn = start(flow, now, {"guest": name})
    positions = [turn.position]
    for did in inputs:
        _sound(flow, turn)
        at = {"current": turn.position, "stale": positions[0]}.get(did.position, did.position)
        did = CallerInput(at, did.digits, did.speech, did.confidence)
        before = turn
        turn = advance(flow, turn.position, turn.variables, did, now)
        if before.over or at != before.position:
            assert (turn.position, turn.steps, turn.enqueue) == (before.position, (), None)
        else:
            assert turn.position not in positions
            positions.append(turn.position)
        assert all(len(value) <= 256 for value in turn.variables.values())


@given(trees, st.sampled_from(("", "9", "1", "12")), st.integers(0, 10**13))
@settings(max_examples=100, deadline=None, suppress_health_check=BUSY_MACHINE)
def test_a_caller_who_always_does_the_same_is_not_asked_for_ever(
    tree: dict[str, object], digits: str, now: int
) -> None:
    flow = _flow(tree)
    turn = start(flow, now, {})
    for _ in range(101):
        if turn.over or turn.enqueue:
            break
        turn = advance(flow, turn.position, turn.variables, CallerInput(turn.position, digits), now)
    assert turn.over or turn.enqueue
    menus = sum(isinstance(step, MenuStep) for step in flow.steps.values())
    assert digits or _asked(flow, now) <= 4 * menus, "a silent caller is asked each menu once and its retries"


def _asked(flow: Flow, now: int) -> int:
    turn, asked = start(flow, now, {}), 0
    while not (turn.over or turn.enqueue):
        asked += 1
        turn = advance(flow, turn.position, turn.variables, CallerInput(turn.position), now)
    return asked


def _flow(tree: dict[str, object]) -> Flow:
    """The tree as a flow, mended as its checks say until they have nothing to say."""
    mended = dict(tree)
    while True:
        head = {
            "flow": "f",
            "languages": {"en": "en-US"},
            "facts": ["x", "y", "guest"],
            "start": "a",
            "steps": mended,
        }
        try:
            return load(json.dumps(head), "f")  # JSON is YAML
        except FlowError as error:
            for problem in error.problems:
                if "no caller can reach" in problem.what:
                    del mended[problem.what.split("'")[1]]
                else:
                    _, _, round_ = problem.what.partition("goes round for ever: ")
                    mended[round_[0]] = {"queue": "q"}


def _sound(flow: Flow, turn: Turn) -> None:
    *before, last = turn.actions
    assert all(isinstance(action, Say) for action in before)
    assert isinstance(last, Hold | HangUp if turn.over else Collect)
    if isinstance(last, Collect):
        assert last.position == turn.position
    assert len(turn.steps) <= len(flow.steps)
