"""Which customer, which case: decided from what was found, without looking anything up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from contact_center.domain.time import DAY, Moment
from contact_center.domain.views import CaseStatus

JOIN_WINDOW_MS = 14 * DAY
"""A case that was touched this recently is taken to be what the customer is still on about."""


@dataclass(frozen=True, slots=True)
class OpenCase:
    """A case of the customer's that is not closed. ``busy``: an interaction of it is still open."""

    id: int
    status: CaseStatus
    queue: str
    updated_at: Moment
    busy: bool


@dataclass(frozen=True, slots=True)
class CaseChoice:
    """``case_id`` 0 asks for a new case."""

    case_id: int
    reason: Literal["named", "only_open_case", "none_open", "several_open", "busy", "too_old", "other_topic"]


def choose_case(
    open_cases: list[OpenCase], named: int, now: Moment, *, own_topic: bool, known_sender: bool
) -> CaseChoice:
    """The case that a new interaction belongs to.

    ``named`` is the case that a proven token of ours names, 0 if none. ``own_topic`` says that the interaction
    brings a subject of its own (a fresh e-mail): it then never joins a case by itself. Otherwise the customer's
    only open case is meant, if it was touched within :data:`JOIN_WINDOW_MS` and nobody is in the middle of it:
    one case has one owner, and a second live exchange would give it two. ``known_sender`` false (the number is
    withheld, the sender unverified) joins nothing.
    """
    if named:
        return CaseChoice(named, "named")
    if own_topic or not known_sender:
        return CaseChoice(0, "other_topic")
    if not open_cases:
        return CaseChoice(0, "none_open")
    if len(open_cases) > 1:
        return CaseChoice(0, "several_open")
    only = open_cases[0]
    if only.busy:
        return CaseChoice(0, "busy")
    if now - only.updated_at > JOIN_WINDOW_MS:
        return CaseChoice(0, "too_old")
    return CaseChoice(only.id, "only_open_case")
