"""A flow's picture: everything is on it, nothing lies on anything else, and it is the same each time."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from itertools import combinations

import pytest

from contact_center.flows.shipped import shipped_versions
from ivr_flows import Flow, load
from ivr_flows.trying import layers
from ivr_flows.trying.diagram import WIDE, diagram, inside_subflows
from ivr_flows.trying.layers import Box, Line
from ivr_flows.trying.measure import cut, lines, width

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = """
flow: odd
languages: {en: en-US, zh: zh-CN}
steps:
  first:
    menu:
      en: "</text><script>alert('1')</script> & \\"quotes\\", {dnis|somebody}"
      zh: 您好，这是一段很长的中文提示语，用来检查换行是否正确，不能超出方框的边缘，也不能让标点符号出现在行首。
    choices: {"1": first, "2": a_step_with_a_name_that_is_much_too_long_for_its_box}
    no_input: last
    no_match: last
  a_step_with_a_name_that_is_much_too_long_for_its_box: {goto: last}
  last: {hang_up: null}
"""


@pytest.fixture(scope="module")
def main() -> Flow:
    return shipped_versions()["main"].flow


def steps(svg: str) -> dict[str, ET.Element]:
    return {each.attrib["data-step"]: each for each in ET.fromstring(svg).iter() if "data-step" in each.attrib}


def frame(step: ET.Element) -> tuple[float, float, float]:
    """Left, top and bottom of a step's box."""
    found = re.fullmatch(r"translate\(([\d.]+) ([\d.]+)\)", step.attrib["transform"])
    assert found
    box = next(each for each in step.iter(f"{SVG}rect"))
    return float(found[1]), float(found[2]), float(found[2]) + float(box.attrib["height"])


@pytest.mark.parametrize("name", sorted(shipped_versions()))
@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_step_and_every_exit_is_on_the_picture(name: str, language: str) -> None:
    flow = shipped_versions()[name].flow
    drawn = steps(diagram(flow, language))
    assert set(drawn) == {step for step in flow.steps if "/" not in step}
    for step, element in drawn.items():
        exits = {each.attrib["data-exit"] for each in element.iter() if "data-exit" in each.attrib}
        if flow.steps[step].KIND == "subflow":
            assert exits == {said for outer, said in inside_subflows(flow).values() if outer == step}
        else:
            assert exits == {exit_name for exit_name, target in flow.steps[step].exits() if target}
        assert element.find(f"{SVG}title") is not None


@pytest.mark.parametrize("name", sorted(shipped_versions()))
def test_no_box_lies_on_another(name: str) -> None:
    frames = [frame(each) for each in steps(diagram(shipped_versions()[name].flow)).values()]
    for (left, top, bottom), (other_left, other_top, other_bottom) in combinations(frames, 2):
        apart = abs(left - other_left) >= WIDE or bottom <= other_top or other_bottom <= top
        assert apart, "two boxes overlap"


def test_the_same_flow_gives_the_same_picture(main: Flow) -> None:
    assert diagram(main) == diagram(main)


def test_a_subflow_is_a_link_and_leads_on_by_what_it_returns(main: Flow) -> None:
    svg = diagram(main, link=lambda name: f"{name}.svg")
    assert '<a href="order_status.svg">' in svg
    order = steps(svg)["order"]
    exits = {e.attrib["data-exit"]: e.attrib["data-to"] for e in order.iter() if "data-exit" in e.attrib}
    assert exits == {"person": "any_team", "next": "anything_else"}


def test_lines_back_are_seen_as_such(main: Flow) -> None:
    drawn = ET.fromstring(diagram(main))
    back = {
        (line.attrib["data-from"], line.attrib["data-to"])
        for line in drawn.iter(f"{SVG}g")
        if "data-from" in line.attrib and "back" in line[0].attrib["class"].split()
    }
    assert ("main_menu", "main_menu") in back
    assert ("anything_else", "main_menu") in back
    assert ("wait_on", "support") in back
    assert ("greeting", "choose_language") not in back


def test_words_of_any_kind_are_only_words_and_stay_inside_their_box() -> None:
    flow = load(HOSTILE, "odd.yaml")
    for language in ("en", "zh"):
        svg = diagram(flow, language)
        assert "<script" not in svg
        for step in steps(svg).values():
            for text in step.iter(f"{SVG}text"):
                size = {"name": 13.0, "kind": 10.5}.get(text.attrib["class"], 11.5)
                assert width(text.text or "", size) <= WIDE


def test_chinese_is_as_wide_as_it_is_high_and_no_line_begins_with_a_full_stop() -> None:
    assert width("您好", 10) == 20
    broken = lines("您好，这是一段很长的中文提示语。请按一。", 10, 60, 9)
    assert all(width(line, 10) <= 70 for line in broken)
    assert not any(line[0] in "，。" for line in broken)
    assert "".join(broken) == "您好，这是一段很长的中文提示语。请按一。"
    assert cut("您好您好您好", 10, 45).endswith("…")


def test_columns_follow_the_longest_way() -> None:
    boxes = {name: Box(40, 10) for name in "abcd"}
    ways = [Line("a", 10, "b"), Line("b", 10, "c"), Line("a", 20, "d"), Line("c", 10, "d"), Line("d", 10, "a")]
    placed = layers.place(boxes, ways, ("a",))
    assert placed.columns == {"a": 0, "b": 1, "c": 2, "d": 3}
    assert placed.backward == [False, False, False, False, True]
    assert [column for column, _ in placed.routes[2]] == [1, 2]
    assert [column for column, _ in placed.routes[4]] == [2, 1]


def test_a_way_round_that_was_not_come_by_is_a_line_back_to_the_nearer_box() -> None:
    boxes = {name: Box(40, 10) for name in ("menu", "sales", "support", "call_back", "wait_on")}
    ways = [Line("menu", 10, "sales"), Line("menu", 20, "support"), Line("sales", 10, "call_back")]
    ways += [Line("support", 10, "call_back"), Line("call_back", 10, "wait_on")]
    ways += [Line("wait_on", 10, "sales"), Line("wait_on", 20, "support"), Line("wait_on", 30, "menu")]
    placed = layers.place(boxes, ways, ("menu",))
    assert placed.columns == {"menu": 0, "sales": 1, "support": 1, "call_back": 2, "wait_on": 3}
    assert placed.backward == [False] * 5 + [True] * 3


def test_lines_that_need_not_cross_do_not() -> None:
    boxes = {name: Box(30, 10) for name in ("a", "b", "x", "y", "start")}
    ways = [Line("start", 10, "a"), Line("start", 20, "b"), Line("a", 10, "y"), Line("b", 10, "x")]
    placed = layers.place(boxes, ways, ("start",))
    assert (placed.tops["a"] < placed.tops["b"]) == (placed.tops["y"] < placed.tops["x"])
