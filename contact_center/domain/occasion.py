"""The moment and the source of new ids that a verb is given, so that a whole day can be played back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from contact_center.domain.time import Moment


@dataclass(frozen=True, slots=True)
class Occasion:
    """``now`` is when it happens; ``new_id()`` gives ids that sort by time and are never given twice."""

    now: Moment
    new_id: Callable[[], str]
