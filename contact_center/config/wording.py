"""What the shape of a text is found to be wrong with, in words for whoever wrote the text, and how to mend it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from contact_center.config.checks import did_you_mean

LONGEST_SHOWN = 40
ID_PATTERN = r"^[a-z0-9][a-z0-9._-]{0,62}$"
_QUOTED = re.compile(r"'([^']*)'")

Limits: TypeAlias = Mapping[str, Any]


def worded(kind: str, given: Any, limits: Limits) -> str:
    """The sentence for pydantic's ``kind`` of mistake in what was ``given``; empty where its own will do."""
    say = _WORDS.get(kind)
    return say(given, limits) if say else ""


def shown(given: Any) -> str:
    """What stands there, as far as it can be said in passing."""
    if isinstance(given, list):
        return "a list"
    if isinstance(given, dict):
        return "a mapping"
    if given is None:
        return "nothing"
    text = repr(given) if isinstance(given, str) else str(given).lower() if isinstance(given, bool) else str(given)
    return text if len(text) <= LONGEST_SHOWN else text[: LONGEST_SHOWN - 1] + "…"


def _text(given: Any, _: Limits) -> str:
    if isinstance(given, bool):
        return f"YAML reads this as {shown(given)}: put it into quotes"
    if isinstance(given, int | float):
        return "YAML reads this as a number: put it into quotes"
    if given is None:
        return "is empty: give it a value, or take it out"
    return f"must be a text, and is {shown(given)}"


def _number(what: str) -> Callable[[Any, Limits], str]:
    return lambda given, _: f"must be {what} (it is {shown(given)})"


def _pattern(given: Any, limits: Limits) -> str:
    if limits.get("pattern") != ID_PATTERN:
        return ""
    return (
        f"{shown(given)} is no id: ids are of a-z, 0-9, '.', '_' and '-', 63 at most, and begin with a letter or a "
        "digit; what people read is the name"
    )


def _one_of(given: Any, limits: Limits) -> str:
    expected = str(limits["expected"])
    known = _QUOTED.findall(expected)
    return f"must be {expected} (it is {shown(given)})" + (
        did_you_mean(given, known) if isinstance(given, str) else ""
    )


def _list(given: Any, _: Limits) -> str:
    return f"must be a list, each entry after a '- ' or all of them in [ ], and is {shown(given)}"


def _mapping(given: Any, _: Limits) -> str:
    return f"must be settings with their values, such as {{ name: value }}, and is {shown(given)}"


_WORDS: Mapping[str, Callable[[Any, Limits], str]] = {
    "string_type": _text,
    "string_pattern_mismatch": _pattern,
    "string_too_short": lambda _, limits: f"must have at least {limits['min_length']} characters",
    "string_too_long": lambda _, limits: f"must have at most {limits['max_length']} characters",
    "too_long": lambda _, limits: f"has {limits['actual_length']} entries, and may have {limits['max_length']}",
    "list_type": _list,
    "dict_type": _mapping,
    "model_type": _mapping,
    "model_attributes_type": _mapping,
    "literal_error": _one_of,
    "bool_parsing": _number("true or false"),
    "bool_type": _number("true or false"),
    "int_type": _number("a whole number"),
    "int_parsing": _number("a whole number"),
    "int_from_float": _number("a whole number"),
    "float_type": _number("a number"),
    "float_parsing": _number("a number"),
    "finite_number": _number("a number that ends"),
    "greater_than": lambda given, limits: f"must be more than {limits['gt']:g} (it is {shown(given)})",
    "greater_than_equal": lambda given, limits: f"must be at least {limits['ge']:g} (it is {shown(given)})",
    "less_than": lambda given, limits: f"must be less than {limits['lt']:g} (it is {shown(given)})",
    "less_than_equal": lambda given, limits: f"must be at most {limits['le']:g} (it is {shown(given)})",
}
