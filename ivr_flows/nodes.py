"""Reads the nodes of a YAML text: what cannot be read is noted with its place, and replaced by something harmless,
so that the rest is read too."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from typing import TypeVar

import yaml

from ivr_flows.conditions import Condition, ConditionError, condition
from ivr_flows.draft import Draft, Mark
from ivr_flows.problems import FlowError, Problem
from ivr_flows.schema import required, words

_T = TypeVar("_T")
_TRUE, _FALSE = ("true", "yes", "on"), ("false", "no", "off")


def composed(source_text: str, source: str) -> yaml.Node | None:
    """The tree of a YAML text; None for an empty one. Raises :class:`FlowError` for what is no YAML."""
    try:
        node: yaml.Node | None = yaml.compose(source_text, yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise FlowError(source, (_not_yaml(error),)) from None
    except (ValueError, OverflowError):  # PyYAML lets its own slips through: an escape beyond Unicode
        mend = "Look at the escapes in double quotes."
        raise FlowError(source, (Problem(1, 1, "not YAML: a character that does not exist", mend),)) from None
    except RecursionError:
        raise FlowError(source, (Problem(1, 1, "the text is nested too deeply", "Flatten it."),)) from None
    return node


def _not_yaml(error: yaml.YAMLError) -> Problem:
    mark = getattr(error, "problem_mark", None)
    what = getattr(error, "problem", None) or getattr(error, "reason", "") or "it cannot be read"
    mend = "Look for a missing quote, colon or space of indentation here."
    return Problem(mark.line + 1 if mark else 1, mark.column + 1 if mark else 1, f"not YAML: {what}", mend)


class Nodes:
    """``source`` is the text's name in problems: empty for the text that is being loaded itself."""

    def __init__(self, draft: Draft, source: str) -> None:
        self.draft = draft
        self.source = source

    def mark(self, node: yaml.Node) -> Mark:
        return Mark(node.start_mark.line + 1, node.start_mark.column + 1, self.source)

    def wrong(self, node: yaml.Node, what: str, mend: str) -> None:
        self.draft.problems.append(self.mark(node).problem(what, mend))

    def fields(self, node: yaml.Node, kind: str, what: str) -> dict[str, yaml.Node]:
        """The parts of one of the schema's objects."""
        known = words(kind)
        found: dict[str, yaml.Node] = {}
        for key, value in self.pairs(node, what):
            if key.value in known:
                found[key.value] = value
            else:
                self.wrong(key, f"{what} has no {key.value!r}", instead(key.value, known, "or take it away"))
        if isinstance(node, yaml.MappingNode):
            for name in required(kind):
                if name not in found:
                    self.wrong(node, f"{what} needs {name!r}", "Add it.")
        return found

    def pairs(self, node: yaml.Node | None, what: str) -> list[tuple[yaml.Node, yaml.Node]]:
        if node is None:
            return []
        if not isinstance(node, yaml.MappingNode):
            self.wrong(node, f"{what} must be `name: value` pairs", "Write one pair a line, indented.")
            return []
        seen: dict[str, tuple[yaml.Node, yaml.Node]] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self.wrong(key, "a name must be one word", "Write a plain name before the colon.")
            elif key.value in seen:
                self.wrong(key, f"{key.value!r} is there twice", "Keep one of them.")
            else:
                seen[key.value] = (key, value)
        return list(seen.values())

    def items(self, node: yaml.Node | None) -> list[yaml.Node]:
        if node is None:
            return []
        if not isinstance(node, yaml.SequenceNode):
            self.wrong(node, "a list belongs here", "Write one `- item` a line, or [a, b].")
            return []
        return list(node.value)

    def scalar(self, node: yaml.Node, what: str) -> str:
        if isinstance(node, yaml.ScalarNode):
            return str(node.value)
        self.wrong(node, f"{what} must be plain text", "Write it on one line, in quotes if need be.")
        return ""

    def name(self, node: yaml.Node | None, pattern: str, default: str = "") -> str:
        if node is None:
            return default
        found = self.scalar(node, "a name")
        if not re.match(pattern, found) and isinstance(node, yaml.ScalarNode):
            self.wrong(node, f"{found!r} can't be used here", f"It must match {pattern}")
        return found

    def one_of(self, node: yaml.Node, options: Iterable[str]) -> str:
        found = self.scalar(node, "this")
        if isinstance(node, yaml.ScalarNode) and found not in options:
            self.wrong(node, f"{found!r} can't be used here", instead(found, options, "and nothing else"))
        return found

    def whole(self, parts: dict[str, yaml.Node], kind: str, name: str) -> int:
        """A whole number within the schema's bounds; its default where none is written."""
        rule = words(kind)[name]
        default = int(rule.get("default", rule["minimum"]))
        return self.integer(parts.get(name), rule["minimum"], rule["maximum"], default)

    def integer(self, node: yaml.Node | None, low: int, high: int, default: int) -> int:
        if node is None:
            return default
        found = self.scalar(node, "a number")
        if re.fullmatch(r"[0-9]{1,9}", found) and low <= int(found) <= high:
            return int(found)
        self.wrong(node, f"{found!r} is no whole number from {low} to {high}", f"Write one, such as {default}.")
        return default

    def truth(self, node: yaml.Node | None, default: bool) -> bool:
        if node is None:
            return default
        found = self.scalar(node, "true or false").lower()
        if found not in _TRUE + _FALSE:
            self.wrong(node, f"{found!r} is neither true nor false", "Write true or false.")
        return found in _TRUE

    def parsed(self, node: yaml.Node, parse: Callable[[str], _T], mend: str) -> _T | None:
        found = self.scalar(node, "this")
        try:
            return parse(found)
        except ValueError:
            if isinstance(node, yaml.ScalarNode):
                self.wrong(node, f"{found!r} can't be understood", mend)
        return None

    def condition(self, node: yaml.Node) -> Condition | None:
        source = self.scalar(node, "a condition")
        if not isinstance(node, yaml.ScalarNode):
            return None
        try:
            return condition(source)
        except ConditionError as error:
            mark = _inside(node, self.mark(node), error)
            mend = 'Write CEL over variables, which are text: int(orders) > 2 && tier == "gold".'
            self.draft.problems.append(mark.problem(f"no condition: {error}", mend))
            return None


def _inside(node: yaml.ScalarNode, mark: Mark, error: ConditionError) -> Mark:
    """Where in the text the fault in a condition is; where it begins, if it is not written plainly on one line."""
    width = node.end_mark.column - node.start_mark.column
    quotes = 1 if node.style else 0
    plain = node.start_mark.line == node.end_mark.line and width == len(node.value) + 2 * quotes
    return mark._replace(column=mark.column + quotes + error.column - 1) if plain and error.column else mark


def instead(name: str, options: Iterable[str], other: str) -> str:
    known = sorted(options)
    if near := get_close_matches(name, known, 1):
        return f"Did you mean {near[0]!r}?"
    return f"Use one of {', '.join(known[:12])}{', …' if len(known) > 12 else ''}, {other}."
