"""Every way through a flow is gone, as quickly for a hundred steps as for ten, and what no call can do is told."""

from __future__ import annotations

import time

import pytest

from contact_center.flows.shipped import shipped_versions
from ivr_flows import Flow, load
from ivr_flows.trying.walk import literals, walk


def flow(text: str) -> Flow:
    return load("flow: line\nlanguages: {en: en-US}\notherwise: person\nsteps:\n" + text, "line.yaml")


PERSON = "  person: {queue: support}\n"


@pytest.mark.parametrize("name", sorted(shipped_versions()))
def test_no_call_in_a_shipped_flow_goes_on_for_ever(name: str) -> None:
    walked = walk(shipped_versions()[name].flow)
    assert walked.problems == ()
    assert walked.complete
    assert walked.unreached in ([], [("office_hours", "closed")]), "only the hours that are never closed"


def test_an_exit_that_nothing_leads_to_is_told() -> None:
    walked = walk(
        flow(
            """
  mark: {set: {colour: red}}
  which:
    branch:
      - {when: {colour: red}, next: person}
      - {when: {colour: blue}, next: bye}
    otherwise: bye
  bye: {hang_up: null}
"""
            + PERSON
        )
    )
    assert walked.unreached == [("which", "case 2"), ("which", "otherwise")]


def test_what_a_service_answers_is_tried_with_every_value_that_makes_a_difference() -> None:
    walked = walk(
        flow(
            """
  ask: {fetch: orders, with: {number: "1"}, into: {status: status, days: days}}
  which:
    branch:
      - {when: {status: shipped}, next: person}
      - {if: 'status == "held" && int(days) > 7', next: person}
      - {if: 'days == "3"', next: person}
    otherwise: person
"""
            + PERSON
        )
    )
    assert walked.unreached == []


def test_both_arms_of_an_experiment_and_every_state_of_the_clock_are_gone() -> None:
    walked = walk(
        flow(
            """
  clock: {hours: {mon-fri: "09:00-17:00"}, zone: Asia/Shanghai, open: arms, closed: late}
  late: {hours: {mon-sun: "20:00-22:00"}, zone: Asia/Shanghai, open: person, closed: bye}
  arms: {split: greeting, arms: {short: {weight: 95, next: person}, long: {weight: 5, next: bye}}}
  bye: {hang_up: null}
"""
            + PERSON
        )
    )
    assert walked.unreached == []


def test_who_proved_it_before_is_another_caller_than_who_did_not() -> None:
    main = walk(shipped_versions()["main"].flow)
    assert ("order/who/already", "case 1") in main.reached


def test_a_condition_is_tried_with_what_it_compares_with() -> None:
    assert literals("a == 'x' && int(b) > 7") == ["x", "7", "8", "6"]


def menus(count: int) -> str:
    """Menus in a row, of four keys each that lead to the next ones, with a branch and hours between."""
    text = ""
    for n in range(count):
        to = [f"m{min(n + k, count)}" for k in (1, 2, 3, 4)]
        if n % 5 == 3:
            text += f'  m{n}: {{branch: [{{when: {{known: "yes"}}, next: {to[0]}}}], otherwise: {to[1]}}}\n'
        elif n % 5 == 4:
            text += f'  m{n}: {{hours: {{mon-fri: "09:00-17:00"}}, zone: UTC, open: {to[0]}, closed: {to[1]}}}\n'
        else:
            keys = ", ".join(f'"{key}": {target}' for key, target in enumerate(to, 1))
            text += f"  m{n}: {{menu: Press a key., choices: {{{keys}}}}}\n"
    return text + f"  m{count}: {{goto: person}}\n"


def test_a_flow_of_a_hundred_steps_is_walked_in_less_than_a_second() -> None:
    took = {}
    for count in (20, 100):
        line = flow(menus(count) + PERSON)
        began = time.process_time()
        walked = walk(line)
        took[count] = time.process_time() - began
        assert walked.complete
        assert walked.problems == ()
    assert took[100] < 1.0, took
    assert took[100] < 25 * took[20], "it grows with the steps, not with the ways through them"


def test_a_step_that_asks_without_a_word_is_told() -> None:
    walked = walk(
        load(
            """
flow: line
languages: {en: en-US, zh: zh-CN}
facts: [greeting]
otherwise: person
steps:
  hello: {menu: {en: Press 1., zh: "{greeting}"}, choices: {"1": person}}
  person: {queue: support}
""",
            "line.yaml",
        )
    )
    assert walked.problems == ("step 'hello' asks without a word where the caller speaks 'zh'",)
