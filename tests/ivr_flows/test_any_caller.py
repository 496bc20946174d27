"""Whatever flow passes the checks and whatever happens in a call, the caller is asked something or it is done, the
call comes to an end, and nothing breaks."""

from __future__ import annotations

import json

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contact_center.domain.calls import Await, Collect, Dial, HangUp, Hold, Pause, Play, Record, Say
from contact_center.domain.events import CallerInput, CallerRecorded, DialEnded, ServiceAnswered
from ivr_flows import Flow, FlowError, QueueFacts, Turn, advance, after_call, hold_again, load, start
from ivr_flows.flow import MenuStep
from ivr_flows.turns import Did

BUSY_MACHINE = [HealthCheck.too_slow]
"""A machine that has other work to do is no fault of ours."""

NAMES = ("a", "b", "c", "d", "e", "f")
targets = st.sampled_from(NAMES)
said = st.sampled_from(("Hi.", "{x}", "{guest|you}", "<speak><s>{x:digits}</s></speak>"))
values = st.dictionaries(st.sampled_from(("x", "y")), st.sampled_from(("1", "{x}{x}", "{guest}")), min_size=1)
retry = st.one_of(targets, st.fixed_dictionaries({"next": targets}, optional={"say": said}))
conditions = st.sampled_from(("x == '1'", "int(x) > 1", "1 / int(y) > 0", "verified == 'yes'"))
choices = st.one_of(targets, st.fixed_dictionaries({"next": targets, "set": values}))


def step(**fields: object) -> st.SearchStrategy[dict[str, object]]:
    return st.fixed_dictionaries(
        {name: field if isinstance(field, st.SearchStrategy) else st.just(field) for name, field in fields.items()}
    )


case = st.one_of(
    step(when=step(x=st.sampled_from(("", "1"))), next=targets),
    step(**{"if": conditions}, next=targets),
)
DIP = {"into": {"f": "x"}, "next": targets, "not_found": targets, "error": targets, "timeout": targets}
plain = (
    step(say=said, next=targets),
    step(play="/media/a.wav", next=targets),
    step(set=values, next=targets),
    step(goto=targets),
    step(branch=st.lists(case, min_size=1, max_size=2), otherwise=targets),
    step(hours={"mon-sun": "08:00-20:00"}, zone="UTC", holidays=["12-25"], open=targets, closed=targets),
    step(priority=st.integers(1, 100), next=targets),
    step(skills=st.just({"s{x}": 2}), next=targets),
    step(language=st.sampled_from(("en", "zh")), voice="v", next=targets),
    step(identify="ani", known=targets, unknown=targets),
    step(split="s", arms=step(p=step(weight=st.integers(1, 9), next=targets), q=step(next=targets))),
    step(consent="announce", say=said, given=targets),
)
asking = (
    step(
        menu=said,
        choices=st.dictionaries(st.sampled_from(("1", "2", "#", "12")), choices, min_size=1),
        no_input=retry,
        no_match=retry,
        retries=st.integers(0, 3),
    ),
    step(collect=said, variable="x", max=4, retries=st.integers(0, 2), next=targets, no_input=retry, no_match=retry),
    step(collect=said, variable="x", secret=True, service="s", no_input=retry, no_match=retry, **DIP),
    step(verify="pin", service="s", min=1, verified=targets, failed=targets, unavailable=targets),
    step(verify="code", min=1, verified=targets, failed=targets, unavailable=targets),
    step(consent="ask", given=targets, refused=targets),
    step(survey=[{"name": "q", "say": "?"}, {"name": "r", "say": "?", "speech": True}], next=targets),
    step(callback=said, accepted=targets, declined=targets, unavailable=targets),
    step(voicemail=said, queue="q", recorded=targets, nothing=targets),
)
elsewhere = (
    step(fetch="s", **DIP),
    step(transfer={"number": "+14155550100"}, answered=targets, failed=targets, busy=targets),
)
ends = (
    step(queue="q", say=said),
    step(
        queue="q",
        wait={"position": True, "estimate": True, "comfort": ["Hi."]},
        offer=st.dictionaries(st.sampled_from(("1", "2")), choices, min_size=1),
        closing=targets,
        full=step(beyond=st.just(3), next=targets),
    ),
    step(transfer={"queue": "q", "agent": "anna"}),
    step(hang_up=said),
    st.just({"return": None}),
)
trees = st.fixed_dictionaries(dict.fromkeys(NAMES, st.one_of(*plain, *asking, *elsewhere, *ends)))

positions = st.sampled_from(("", "current", "current", "current", "stale", "x.1.0.a", "x.1.0.ask.0.0.a"))
digits = st.sampled_from(("", "", "1", "2", "#", "12", "9", "*", "٣", "1" * 500))
speech = st.sampled_from(("", "", "one", "\x00", "呀"))
outcomes = st.sampled_from(
    ("ok", "not_found", "error", "timeout", "verified", "failed", "sent", "allowed", "accepted", "recorded", "", "?")
)
inputs = st.one_of(
    st.builds(CallerInput, positions, digits, speech, st.floats(0, 1)),
    st.builds(CallerRecorded, positions, st.sampled_from(("", "RE1")), st.integers(0, 9_000)),
    st.builds(DialEnded, positions, st.sampled_from(("answered", "busy", "no_answer", "failed"))),
    st.builds(ServiceAnswered, positions, outcomes, st.dictionaries(st.just("f"), st.text(max_size=300))),
)
facts = st.one_of(
    st.none(),
    st.builds(
        QueueFacts,
        st.integers(0, 9),
        st.integers(0, 9),
        st.integers(0, 10**9),
        st.one_of(st.none(), st.integers(0, 10**9)),
        st.booleans(),
        st.booleans(),
    ),
)
moments = st.integers(0, 10**13)


@given(trees, st.lists(st.tuples(inputs, facts), max_size=12), moments, st.text(max_size=20), st.booleans())
@settings(max_examples=300, deadline=None, suppress_health_check=BUSY_MACHINE)
def test_any_caller_in_any_flow_is_asked_or_done(
    tree: dict[str, object], happened: list[tuple[Did, QueueFacts | None]], now: int, name: str, has_number: bool
) -> None:
    flow = _flow(tree)
    turn = start(flow, now, {"guest": name, "ani": "+15550100" if has_number else ""})
    given = [turn.position]
    for did, queue in happened:
        _sound(flow, turn)
        at = {"current": turn.position, "stale": given[0]}.get(did.position, did.position)
        before = turn
        turn = advance(flow, turn.position, turn.variables, _at(did, at), now, queue)
        if before.over or at != before.position:
            assert (turn.position, turn.steps, turn.enqueue) == (before.position, (), None)
        else:
            assert turn.position not in given
            given.append(turn.position)
        kept = {name: value for name, value in turn.variables.items() if name[0] != "_"}
        assert all(len(value) <= 256 and "\n" not in value for value in kept.values())
    _sound(flow, turn)
    back = hold_again(flow, turn.position, turn.variables, now)
    assert isinstance(back.actions[-1], Hold)
    assert back.enqueue is None


@given(trees, st.sampled_from(("", "9", "1", "12")), moments)
@settings(max_examples=150, deadline=None, suppress_health_check=BUSY_MACHINE)
def test_a_caller_who_always_does_the_same_is_not_asked_for_ever(
    tree: dict[str, object], digits: str, now: int
) -> None:
    flow = _flow(tree)
    turn, rounds = start(flow, now, {"ani": "+15550100"}), 0
    while not (turn.over or _waits(turn)):
        rounds += 1
        assert rounds <= 400, "a hundred questions, and what services are asked between them"
        turn = advance(flow, turn.position, turn.variables, _same(turn, digits), now)
    menus = sum(isinstance(step, MenuStep) for step in flow.steps.values())
    if menus == len([s for s in flow.steps.values() if not list(s.silent()) or isinstance(s, MenuStep)]):
        assert digits or rounds <= 4 * menus, "a silent caller is asked each menu once and its retries"


@given(
    trees, st.sampled_from(("ask", "hold", "held", "send", "check", "dial", "done", "x")), targets, inputs, moments
)
@settings(max_examples=300, deadline=None, suppress_health_check=BUSY_MACHINE)
def test_a_position_that_no_flow_would_give_breaks_nothing(
    tree: dict[str, object], phase: str, name: str, did: Did, now: int
) -> None:
    flow = _flow(tree)
    position = f"{flow.version}.7.0.{phase}.0.9.{name}"
    _sound(flow, advance(flow, position, {}, _at(did, position), now))
    _sound(flow, advance(flow, position, {}, did, now))


@given(trees, moments)
@settings(max_examples=50, deadline=None, suppress_health_check=BUSY_MACHINE)
def test_what_comes_after_a_conversation_is_asked_or_done_too(tree: dict[str, object], now: int) -> None:
    flow = _flow(tree, after_call="b")
    turn = after_call(flow, {}, now)
    assert turn is not None
    _sound(flow, turn)
    first = start(flow, now, {})
    assert turn.position != first.position


def _waits(turn: Turn) -> bool:
    return isinstance(turn.actions[-1], Hold)


def _same(turn: Turn, digits: str) -> Did:
    """What the same caller does again; services answer that they can't."""
    if turn.asks is not None:
        return ServiceAnswered(turn.position, "error")
    return CallerInput(turn.position, digits)


def _at(did: Did, position: str) -> Did:
    match did:
        case CallerInput():
            return CallerInput(position, did.digits, did.speech, did.confidence)
        case CallerRecorded():
            return CallerRecorded(position, did.recording_id, did.duration_ms)
        case DialEnded():
            return DialEnded(position, did.outcome)
    return ServiceAnswered(position, did.outcome, did.values)


def _flow(tree: dict[str, object], **more: object) -> Flow:
    """The tree as a flow, mended as its checks say until they have nothing to say."""
    mended = dict(tree)
    while True:
        head = {"flow": "f", "languages": {"en": "en-US", "zh": "zh-CN"}, "facts": ["x", "y", "guest"], "start": "a"}
        try:
            return load(json.dumps(_spoken({**head, **more, "steps": mended})), "f")  # JSON is YAML
        except FlowError as error:
            for problem in error.problems:
                if "no caller can reach" in problem.what:
                    mended.pop(problem.what.split("'")[1], None)
                else:
                    _, found, round_ = problem.what.partition("goes round for ever: ")
                    if not found:
                        raise
                    mended[round_[0]] = {"queue": "q"}


def _spoken(node: object, key: str = "") -> object:
    """All prompts in both languages."""
    if isinstance(node, str) and key in ("say", "menu", "collect", "hang_up", "callback", "voicemail"):
        return {"en": node, "zh": node}
    if isinstance(node, list):
        return [_spoken(item, "say" if key == "comfort" else "") for item in node]
    if isinstance(node, dict):
        return {name: _spoken(value, name) for name, value in node.items()}
    return node


def _sound(flow: Flow, turn: Turn) -> None:
    *before, last = turn.actions
    assert all(isinstance(action, Say | Play | Pause) for action in before)
    assert isinstance(last, HangUp if turn.over else Collect | Hold | Await | Record | Dial)
    if not isinstance(last, HangUp):
        assert last.position == turn.position  # type: ignore[union-attr]
    if turn.enqueue:
        assert isinstance(last, Hold)
    if turn.asks:
        assert isinstance(last, Await)
        assert turn.asks.position == turn.position
    if turn.steps:
        assert turn.steps[-1].position == turn.position
        assert turn.steps[-1].variables.get("language") == turn.variables["language"]
    assert len(turn.steps) <= len(flow.steps) + 1
