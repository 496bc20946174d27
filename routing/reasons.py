"""Why not, or why: a code and its values."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple, TypeAlias

Value: TypeAlias = str | int

_NOTHING: Mapping[str, Value] = MappingProxyType({})


class Reason(NamedTuple):
    """Why an agent was or wasn't chosen; the table of codes is in ``docs/routing.md``."""

    code: str
    values: Mapping[str, Value] = _NOTHING
