"""Replies that agents need not type, and the holes in them."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping

VARIABLES = ("customer.name", "agent.name", "case.id", "queue.name")
_HOLE = re.compile(r"\{\{([^{}]{0,100})\}\}")


def unknown_variables(text: str) -> list[str]:
    """The holes of ``text`` that nothing can fill, as they are written."""
    return [match[0] for match in _HOLE.finditer(text) if match[1].strip() not in VARIABLES]


def filled(text: str, values: Mapping[str, str]) -> str:
    """``text`` with its holes filled; what is not known becomes nothing."""
    return _HOLE.sub(lambda match: values.get(match[1].strip(), ""), text)


def filled_html(text: str, values: Mapping[str, str]) -> str:
    """The same of HTML: a value is text there and never a tag."""
    return filled(text, {name: html.escape(value) for name, value in values.items()})
