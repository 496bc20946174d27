"""Dialogues say where a flow did otherwise than written, and show what was said until then."""

from __future__ import annotations

import pytest

from ivr_flows import Flow, FlowError, load
from ivr_flows.trying.dialogues import Outcome, read_dialogues, run_case
from ivr_flows.trying.report import as_data, as_text, try_out

FLOW = """
flow: line
languages: {en: en-US, zh: zh-CN}
otherwise: person
facts: [tier]
steps:
  hello:
    menu: {en: "Press 1 for an order, 2 for a person, 3 to dial out.", zh: "查订单请按 1。"}
    choices:
      "1": number
      "2": {next: person, words: {en: [person]}}
      "3": outside
  number:
    collect: {en: "Your number?", zh: 请输入号码。}
    variable: number
    min: 2
    max: 6
  ask: {fetch: orders, with: {number: "{number}"}, into: {state: state}}
  told:
    say: {en: "It is {state}.", zh: "{state}。"}
    next: bye
  outside:
    transfer: {number: "+4930123456"}
    answered: bye
    busy: person
    no_answer: person
    refused: bye
    failed: bye
  person: {queue: support}
  bye: {hang_up: {en: Goodbye., zh: 再见。}}
"""


@pytest.fixture(scope="module")
def flow() -> Flow:
    return load(FLOW, "line.yaml")


def play(flow: Flow, steps: str, more: str = "") -> Outcome:
    text = f"flow: line\ncases:\n  - name: one\n    {more}\n    steps:\n" + "".join(
        f"      - {line}\n" for line in steps.strip().splitlines()
    )
    return run_case(flow, read_dialogues(text, "line.test.yaml").cases[0])


@pytest.mark.parametrize(
    ("steps", "more"),
    [
        ('hears: Press 1 for an order\npresses: "2"\ngoes: queue support', ""),
        ("hears: /press \\d/\nsays: a person please\nat: person", ""),
        (
            'presses: "1"\npresses: "123"\nasks: {service: orders, number: "123"}\nhears: It is shipped.\ngoes: ends',
            "services: {orders: {ok: {state: shipped}}}",
        ),
        ('presses: "1"\npresses: "123"\nhears: It is here.', "services: {orders: {ok: {state: here}, after: 3s}}"),
        ('presses: "1"\npresses: "123"\ngoes: queue support', "services: {orders: {ok: {state: x}, after: 9s}}"),
        ('presses: "3"\nasks: dialling\ndials: busy\ngoes: queue support', ""),
        ('presses: "3"\ndials: answered\ngoes: ends', ""),
        ('presses: "3"\nhears: Goodbye.', "dialling: refused"),
        (
            "hears: 查订单请按 1。\nhears_not: order\nvariables: {language: zh, tier: gold}",
            "facts: {language: zh-HK, tier: gold}",
        ),
        ("waits: 40s\ngoes: queue support\nwaits: 2h\ngoes: queue support", ""),
    ],
)
def test_what_goes_as_written_passes(flow: Flow, steps: str, more: str) -> None:
    outcome = play(flow, steps, more)
    assert outcome.passed, "\n".join([outcome.failure, *outcome.so_far])


@pytest.mark.parametrize(
    ("steps", "line", "says"),
    [
        ("hears: Good morning", 6, "expected to hear “Good morning”, heard “Press 1"),
        ("hears_not: /order/", 6, "expected not to hear"),
        ('presses: "2"\ngoes: queue sales', 7, "expected queue sales, the call waits in support"),
        ('presses: "2"\ngoes: ends', 7, "expected the call to be over, it is at person"),
        ('presses: "2"\npresses: "5"', 7, "the key '5' does nothing here"),
        ('presses: "1"\nat: ask', 7, "expected to be at ask, is at number"),
        ("variables: {language: zh}", 6, "language is 'en'"),
        ("records: 3s", 6, "nothing is recorded"),
        ("dials: busy", 6, "nobody is being rung"),
        ('presses: "1"\nsays: five', 7, "nobody listens to words"),
        ('presses: "1"\npresses: "12"\nasks: customers', 8, "asked was orders {number: 12}"),
        ('presses: "3"\ndials: answered\npresses: "1"', 8, "the call is over"),
        ("talks: 1m", 6, "the caller waits in no queue"),
    ],
)
def test_what_goes_otherwise_is_told_with_its_line(flow: Flow, steps: str, line: int, says: str) -> None:
    outcome = play(flow, steps)
    assert outcome.line == line
    assert says in outcome.failure
    assert outcome.so_far[0].startswith("  “Press 1")


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("", 1, "empty"),
        ("flow: [", 1, "not YAML"),
        ("flow: line\ncase: []", 2, "has no 'case'"),
        ("flow: line\ncases: {}", 2, "a list belongs here"),
        ("flow: line\ncases:\n  - steps:\n    - {hears: a, says: b}", 4, "a step does one thing"),
        ("flow: line\ncases:\n  - steps:\n    - shouts: a", 4, "no step 'shouts'"),
        ("flow: line\ncases:\n  - steps:\n    - waits: soon", 4, "'soon' can't be understood"),
        ("flow: line\ncases:\n  - steps:\n    - hears: /(/", 4, "can't be understood"),
        ("flow: line\ncases:\n  - steps:\n    - goes: away", 4, "is no place to go"),
        ("flow: line\ncases:\n  - steps:\n    - dials: maybe", 4, "can't be used here"),
        ("flow: line\nat: yesterday\ncases:\n  - steps: []", 2, "'yesterday' can't be understood"),
        ("flow: line\nzone: Mars/Olympus\ncases:\n  - steps: []", 2, "can't be understood"),
        ("flow: line\ncases:\n  - name: x", 3, "'steps' is missing"),
        ("flow: line\ncases:\n  - 5", 3, "must be `name: value` pairs"),
    ],
)
def test_a_file_with_mistakes_is_refused_with_their_places(text: str, line: int, what: str) -> None:
    with pytest.raises(FlowError) as refused:
        read_dialogues(text, "line.test.yaml")
    assert any(problem.line == line and what in problem.what for problem in refused.value.problems), refused.value


def test_the_report_shows_failures_whole_and_every_exit_once(flow: Flow) -> None:
    text = 'flow: line\ncases:\n  - name: one\n    steps: [{presses: "2"}, {goes: ends}]\n'
    tried = try_out(flow, read_dialogues(text, "line.test.yaml"))
    lines = as_text(tried, coverage=True)
    assert lines[0] == "line.test.yaml:4: one: expected the call to be over, it is at person"
    assert any("presses: 2" in line for line in lines)
    assert [line.split()[-1] for line in lines if line.startswith("  hello ")] == [
        "reached",
        "covered",
        "reached",
        "reached",
        "reached",
    ]
    data = as_data(tried)
    assert data["sound"] is False
    assert len(data["exits"]) == len(tried.exits)


def test_secret_digits_are_in_no_dialogue() -> None:
    plain = "    max: 6\n"
    ask = '  ask: {fetch: orders, with: {number: "{number}"}, into: {state: state}}\n'
    text = FLOW.replace(plain, plain + "    secret: true\n    service: orders\n    into: {state: state}\n").replace(
        ask, ""
    )
    services = "services: {orders: {ok: {state: kept}}}"
    outcome = play(load(text, "line.yaml"), 'presses: "1"\npresses: "4711"\nhears: It is kept.', services)
    assert outcome.passed, outcome.failure
    assert any("orders (secret)" in line for line in outcome.so_far)
    assert not any("4711" in line and "presses" not in line for line in outcome.so_far)
