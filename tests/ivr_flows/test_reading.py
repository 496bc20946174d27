"""Every mistake in a flow's text is told, where it is, and how to mend it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import ivr_flows
from ivr_flows import FlowError, Problem, check, load, schema
from tests.ivr_flows.callers import HEAD, LIBRARY, SHIPPED, TWO

END = "  end: {hang_up: null}\n"

BUSY_MACHINE = [HealthCheck.too_slow]
"""A machine that has other work to do is no fault of ours."""


def problems(text: str) -> list[Problem]:
    with pytest.raises(FlowError) as caught:
        load(text, "f.yaml")
    assert caught.value.source == "f.yaml"
    return list(caught.value.problems)


_SAYS = re.compile(r"^=> (\d+):(\d+) \| (.+) \| (.+)$", re.MULTILINE)


def mistakes() -> Iterator[tuple[str, int, int, str, str]]:
    """The cases of ``mistakes.txt``, and those that are no text to read."""
    _, _, written = Path(__file__).with_name("mistakes.txt").read_text("utf-8").partition("\n\n")
    parts = _SAYS.split(written)
    for text, line, column, what, mend in zip(*(parts[n::5] for n in range(5)), strict=False):
        yield text.lstrip("\n"), int(line), int(column), what, mend
    yield "", 1, 1, "empty", "Begin with `flow: <name>`"
    yield HEAD + "steps: {a: \x07}", 1, 1, "not YAML", "missing quote"
    yield HEAD + f"steps:\n  a: {{say: {'x' * 2001}}}\n" + END, 4, 12, "more than 2000", "Say less"


@pytest.mark.parametrize("text, line, column, what, mend", list(mistakes()))
def test_a_mistake_is_told_with_its_place_and_its_mend(
    text: str, line: int, column: int, what: str, mend: str
) -> None:
    (problem,) = problems(text)
    assert (problem.line, problem.column) == (line, column)
    assert what in problem.what
    assert mend in problem.mend


def test_all_mistakes_are_told_at_once_in_the_order_of_the_text() -> None:
    found = problems(TWO + "steps:\n  a: {say: {en: Hi}, next: x}\n  b: {queue: q, priority: many}\n  c: {say: }\n")
    assert [(p.line, p.column) for p in found] == [(4, 12), (4, 28), (5, 27), (6, 3), (6, 11), (6, 11)]


def test_the_message_names_the_file_and_each_place() -> None:
    with pytest.raises(FlowError, match=re.escape("f.yaml:4:22: there is no step 'x'. Use one of a, end, or add")):
        load(HEAD + "steps:\n  a: {say: Hi, next: x}\n" + END, "f.yaml")


def test_many_names_to_choose_from_are_cut_short() -> None:
    steps = "".join(f"  s{n}: {{say: Hi}}\n" for n in range(20))
    (problem,) = problems(HEAD + "steps:\n" + steps + "  last: {goto: 'q q'}\n")
    assert "…, or add the step" in problem.mend


def test_two_rounds_are_both_told() -> None:
    text = HEAD + "steps:\n  m: {branch: [{when: {known: x}, next: a}], otherwise: c}\n"
    text += (
        "  a: {goto: b}\n  b: {goto: a}\n  c: {say: Hi}\n  d: {branch: [{when: {known: x}, next: e}], otherwise: c}\n"
    )
    found = problems(text + "  e: {hang_up: null}\n")
    assert [p.what.partition(": ")[2] for p in found] == ["a → b → a", "c → d → c"]


@pytest.mark.parametrize(
    "text, what",
    [
        ("#" * 1_000_001, "too long"),
        ("[" * 100_000, "nested too deeply"),
        (HEAD + "steps:\n" + "  a%d: {hang_up: null}\n" * 5_001 % tuple(range(5_001)), "more than 5000 steps"),
    ],
)
def test_a_text_that_is_too_much_is_refused(text: str, what: str) -> None:
    (problem,) = problems(text)
    assert what in problem.what


def test_aliases_cannot_blow_a_text_up() -> None:
    text = (
        HEAD + "x: &a [1,1]\n" + "".join(f"y{n}: &b{n} [*{'a' if not n else f'b{n - 1}'}, *a]\n" for n in range(500))
    )
    assert len(problems(text + "steps:\n" + END)) == 501


def test_a_version_is_of_the_text_alone() -> None:
    text = HEAD + "steps:\n" + END
    assert load(text, "a").version == load(text, "b").version
    assert load(text, "a").version != load(text + "#", "a").version
    assert re.fullmatch("[0-9a-f]{12}", load(text, "a").version)


def test_prompts_may_be_shared_with_anchors() -> None:
    flow = load(HEAD + "steps:\n  a: {say: &hi {en: Hi}}\n  b: {say: *hi}\n" + END, "f")
    assert list(flow.steps) == ["a", "b", "end"]


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*.yaml")), ids=lambda path: path.name)
def test_the_flows_that_we_ship_are_sound(path: Path) -> None:
    flow = load(path.read_text("utf-8"), path.name, LIBRARY)
    assert check(path.read_text("utf-8"), path.name, LIBRARY) == []
    assert flow.name == path.stem
    assert list(flow.languages.values()) == ["en-US", "zh-CN"]


def test_the_flow_that_the_documentation_shows_is_sound() -> None:
    shown = (Path(ivr_flows.__file__).parents[1] / "docs" / "flows.md").read_text("utf-8")
    blocks = re.findall(r"```yaml\n(.*?)```", shown, re.DOTALL)
    assert [load(block, "flows.md", LIBRARY).name for block in blocks] == ["main", "order"]


# --- the schema --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*.yaml")), ids=lambda path: path.name)
def test_the_schema_takes_the_flows_that_we_ship(path: Path) -> None:
    assert _fits(yaml.safe_load(path.read_text("utf-8")), schema())


def test_the_schema_refuses_what_the_reader_refuses_of_words() -> None:
    good = {"flow": "f", "languages": {"en": "en-US"}, "steps": {"a": {"hang_up": None}}}
    assert _fits(good, schema())
    assert not _fits({**good, "step": 1}, schema())
    assert not _fits({**good, "steps": {"a": {"sya": "Hi"}}}, schema())
    assert not _fits({"flow": "f", "languages": {"en": "en-US"}}, schema())


def test_the_schema_is_json_and_a_copy() -> None:
    json.dumps(schema())
    schema()["properties"].clear()
    assert schema()["properties"]


def _fits(value: object, rule: dict[str, object]) -> bool:
    """As much of JSON Schema as ours uses for words: references, choices, properties and what is required."""
    root = schema()

    def fits(value: object, rule: dict) -> bool:  # type: ignore[type-arg]
        if "$ref" in rule:
            return fits(value, root["$defs"][rule["$ref"].rpartition("/")[2]])
        if "oneOf" in rule and sum(fits(value, option) for option in rule["oneOf"]) != 1:
            return False
        if "enum" in rule and value not in rule["enum"]:
            return False
        kinds = {"object": dict, "array": list, "string": str, "integer": int, "boolean": bool, "null": type(None)}
        kind = rule.get("type", ())
        if isinstance(kind, str) and not isinstance(value, kinds[kind]):
            return False
        if isinstance(value, list):
            return all(fits(item, rule.get("items", {})) for item in value)
        if not isinstance(value, dict) or kind != "object":
            return True
        extra = rule.get("additionalProperties", True)
        known = rule.get("properties", {})
        if not set(rule.get("required", ())) <= value.keys():
            return False
        rules = {name: known.get(name, extra) for name in value}
        return all(rules[n] is not False and (rules[n] is True or fits(value[n], rules[n])) for n in value)

    return fits(value, rule)


# --- anything at all ---------------------------------------------------------------------------------------------

words = st.sampled_from(
    [
        "flow",
        "languages",
        "steps",
        "facts",
        "start",
        "otherwise",
        "say",
        "menu",
        "choices",
        "set",
        "branch",
        "when",
        "next",
        "hours",
        "zone",
        "open",
        "closed",
        "queue",
        "priority",
        "skills",
        "hang_up",
        "goto",
        "play",
        "ssml",
        "collect",
        "variable",
        "secret",
        "service",
        "with",
        "into",
        "budget_ms",
        "priority",
        "skills",
        "language",
        "voice",
        "voices",
        "calendars",
        "week",
        "holidays",
        "holiday",
        "12-25",
        "if",
        "identify",
        "ani",
        "verify",
        "pin",
        "code",
        "fetch",
        "split",
        "arms",
        "consent",
        "announce",
        "ask",
        "survey",
        "name",
        "wait",
        "position",
        "comfort",
        "offer",
        "full",
        "longest",
        "callback",
        "number",
        "voicemail",
        "transfer",
        "agent",
        "+14155550100",
        "subflow",
        "exits",
        "return",
        "after_call",
        "personal",
        "true",
        "no_input",
        "no_match",
        "retries",
        "words",
        "en",
        "zh",
        "en-US",
        "a",
        "b",
        "1",
        "#",
        "UTC",
        "mon",
        "09:00-10:00",
        "{x}",
        "{",
    ]
)
trees = st.recursive(
    st.one_of(words, st.none(), st.integers(), st.booleans()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(words, inner, max_size=6)),
    max_leaves=25,
)


@given(st.one_of(trees, st.builds(lambda steps: {"flow": "f", "languages": {"en": "en-US"}, "steps": steps}, trees)))
@settings(max_examples=150, deadline=None, suppress_health_check=BUSY_MACHINE)
def test_any_tree_is_a_flow_or_a_list_of_problems(tree: object) -> None:
    _read(yaml.safe_dump(tree, allow_unicode=True, sort_keys=False))


@given(st.text(max_size=200))
@example("&a [*a]")
@example("&a {*a : 1}")
@example("? ? ?")
@example("\ud800")
@example("%YAML 9.9\n---\n")
@example("a: !!python/object/apply:os.system [ls]")
@example("--- 1\n--- 2\n")
@settings(max_examples=100, deadline=None, suppress_health_check=BUSY_MACHINE)
def test_any_text_is_a_flow_or_a_list_of_problems(text: str) -> None:
    _read(text)
    _read(HEAD + "steps:\n  a: {say: " + text + "}\n" + END)


def _read(text: str) -> None:
    found: tuple[Problem, ...] = (Problem(1, 1, "", ""),)
    try:
        load(text, "any")
    except FlowError as error:
        found = error.problems
    assert found
    assert list(found) == sorted(found)
