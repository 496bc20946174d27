"""What goes wrong on purpose: so many of the next requests, or so many in a hundred, always the same for a seed."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, fields
from typing import Any

_CHOICES = {"scope": ("all", "callbacks"), "desk": ("answer", "ring", "busy", "no-answer")}
_METHODS = ("", "GET", "POST", "DELETE")
MAX_COUNT = 1_000_000
MAX_MS = 600_000
MAX_PATH = 200


@dataclass(slots=True)
class Mischief:
    """Webhooks: ``duplicate``, ``lose``, ``delay`` (by ``delay_ms``) the next so many, or ``…_percent`` of all;
    ``swap`` and ``reorder_percent``: a callback changes places with the next one. ``scope`` ``callbacks`` spares
    the requests for documents. ``lose_completed``: so many calls end without a word about it.

    The hub's requests: the next ``rest_failures``, or ``rest_percent`` of all, that are ``rest_method`` (empty:
    any) and have ``rest_path`` in their path are refused with ``rest_status``; ``rest_hangs`` are carried out and
    answered only after ``rest_hang_ms``. ``media_missing`` recordings are not found; none is within
    ``media_after_ms`` of its end. ``desk`` is what agents' telephones do that nobody set. ``orders_…`` is the order
    service."""

    duplicate: int = 0
    duplicate_percent: int = 0
    lose: int = 0
    lose_percent: int = 0
    lose_completed: int = 0
    delay: int = 0
    delay_percent: int = 0
    delay_ms: int = 0
    swap: int = 0
    reorder_percent: int = 0
    scope: str = "all"
    seed: int = 0
    rest_failures: int = 0
    rest_percent: int = 0
    rest_status: int = 503
    rest_method: str = ""
    rest_path: str = ""
    rest_hangs: int = 0
    rest_hang_ms: int = 20_000
    media_missing: int = 0
    media_after_ms: int = 0
    desk: str = "answer"
    orders_status: int = 0
    orders_delay_ms: int = 0
    _dice: random.Random = field(default_factory=lambda: random.Random(0), repr=False)

    def shown(self) -> dict[str, Any]:
        return {one.name: getattr(self, one.name) for one in fields(self) if not one.name.startswith("_")}

    def change(self, wanted: dict[str, Any]) -> None:
        """Raises ``ValueError``, and changes nothing, where one of ``wanted`` is no mischief or has no such value.
        ``reset: true`` is the end of all of it, before what else is wanted. A ``seed`` begins its row of dice."""
        wanted = dict(wanted)
        start = Mischief() if wanted.pop("reset", False) is True else self
        known = start.shown()
        for name, value in wanted.items():
            if name not in known or type(known[name]) is not type(value):
                raise ValueError(f"{name[:60]} is no kind of mischief, or no such value.")
            _check(name, value)
        if start is not self or "seed" in wanted:
            self._dice = random.Random(wanted.get("seed", 0))
        for name, value in (known | wanted).items():
            setattr(self, name, value)

    def strikes(self, name: str) -> bool:
        """Whether this one is among the next ``name`` (one less are left then) or among its ``name_percent``."""
        left = getattr(self, name)
        if left > 0:
            setattr(self, name, left - 1)
            return True
        share = {"swap": "reorder_percent", "rest_failures": "rest_percent"}.get(name, f"{name}_percent")
        percent = getattr(self, share, 0)
        return percent > 0 and self._dice.random() * 100 < percent

    def means(self, method: str, path: str) -> bool:
        """Whether the hub's request is one that may fail."""
        return self.rest_method in ("", method) and self.rest_path in path


def _check(name: str, value: Any) -> None:
    if name in _CHOICES and value not in _CHOICES[name]:
        raise ValueError(f"{name} is one of {', '.join(_CHOICES[name])}.")
    if name == "rest_method" and value not in _METHODS:
        raise ValueError("rest_method is GET, POST, DELETE or empty.")
    if name == "rest_path" and len(value) > MAX_PATH:
        raise ValueError(f"rest_path has at most {MAX_PATH} characters.")
    if name in ("rest_status", "orders_status") and not (400 <= value <= 599 or (value == 0 and name[0] == "o")):
        raise ValueError(f"{name} is a status from 400 to 599.")
    if isinstance(value, int) and name not in ("seed", "rest_status", "orders_status"):
        highest = 100 if name.endswith("_percent") else MAX_MS if name.endswith("_ms") else MAX_COUNT
        if not 0 <= value <= highest:
            raise ValueError(f"{name} is a number from 0 to {highest}.")
