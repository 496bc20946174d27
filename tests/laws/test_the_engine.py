"""The engine keeps the laws through long random histories, and the histories would tell if it did not."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from contact_center.domain.time import Moment
from routing import Engine, Policy
from routing.needs import ANYBODY
from tests.laws import engine
from tests.laws.rules import LawBroken

STEPS = int(os.environ.get("HUB_LAWS_STEPS", "10000"))
"""More of them on request; the command ``python -m tests.laws`` counts and prints them."""


@pytest.mark.parametrize("seed", ["monday", "tuesday"])
def test_every_law_holds_after_every_step(seed: str) -> None:
    for _, broken in engine.run(STEPS, seed):
        assert broken is None, str(broken)


def _told_otherwise(patch: pytest.MonkeyPatch, what: str, change: Callable[[Any], Any]) -> None:
    """The engine hears something else than what is so."""
    told = getattr(Engine, what)

    def tell(self: Engine, fact: Any) -> None:
        heard = change(fact)
        if heard is not None:
            told(self, heard)

    patch.setattr(Engine, what, tell)


def _nobody_cools_down(patch: pytest.MonkeyPatch) -> None:
    _told_otherwise(patch, "put_waiting", lambda case: replace(case, missed={}))


def _a_lowered_capacity_is_overlooked(patch: pytest.MonkeyPatch) -> None:
    _told_otherwise(
        patch, "put_seat", lambda seat: replace(seat, capacity={m: most + 1 for m, most in seat.capacity.items()})
    )


def _the_last_to_come_is_first(patch: pytest.MonkeyPatch) -> None:
    _told_otherwise(patch, "put_waiting", lambda case: replace(case, virtual_enqueued_at=-case.virtual_enqueued_at))


def _skills_are_not_asked_for(patch: pytest.MonkeyPatch) -> None:
    _told_otherwise(patch, "put_waiting", lambda case: replace(case, skills={}))


def _who_comes_back_is_overlooked(patch: pytest.MonkeyPatch) -> None:
    _told_otherwise(patch, "put_seat", lambda seat: seat if seat.load or not seat.available else None)


def _the_end_of_a_cool_down_is_not_foretold(patch: pytest.MonkeyPatch) -> None:
    def none(self: Engine, now: Moment) -> None:
        return None

    patch.setattr(Engine, "next_change_at", none)


def _what_was_decided_is_decided_again(patch: pytest.MonkeyPatch) -> None:
    before = Engine.decide

    def twice(self: Engine, now: Moment, limit: int = 100) -> list[Any]:
        made = before(self, now, limit)
        return made + made[:1] if limit > len(made) else made

    patch.setattr(Engine, "decide", twice)


def _overlooks(patch: pytest.MonkeyPatch, of_queues: dict[str, Any], **of_policy: Any) -> None:
    """The engine has another policy than the house."""
    begin = Engine.__init__

    def with_another(self: Engine, policy: Policy) -> None:
        queues = {queue: replace(said, **of_queues) for queue, said in policy.queues.items()}
        begin(self, replace(policy, queues=queues, **of_policy))

    patch.setattr(Engine, "__init__", with_another)


def _nothing_is_relaxed(patch: pytest.MonkeyPatch) -> None:
    _overlooks(patch, {"relax": ()})


def _the_need_is_not_asked(patch: pytest.MonkeyPatch) -> None:
    _overlooks(patch, {"need": ANYBODY})


def _nothing_is_kept_for_those_who_know(patch: pytest.MonkeyPatch) -> None:
    _overlooks(patch, {"hold_ms": 0})


def _it_rings_at_more_than_it_should(patch: pytest.MonkeyPatch) -> None:
    _overlooks(patch, {"ring": 5})


def _weights_are_overlooked(patch: pytest.MonkeyPatch) -> None:
    _overlooks(patch, {}, weights={"voice": 0, "chat": 0, "email": 0})


def _labels_are_overlooked(patch: pytest.MonkeyPatch) -> None:
    _told_otherwise(patch, "put_seat", lambda seat: replace(seat, most_of={}))


def _the_cap_is_overlooked(patch: pytest.MonkeyPatch) -> None:
    _overlooks(patch, {}, most_priority=None)


def _causes_are_overlooked(patch: pytest.MonkeyPatch) -> None:
    _overlooks(patch, {}, cooldown_ms={})


MUTANTS = {
    _nobody_cools_down: {"I5", "I9"},
    _a_lowered_capacity_is_overlooked: {"I4", "I1"},
    _the_last_to_come_is_first: {"I7"},
    _who_comes_back_is_overlooked: {"I6", "I1"},
    _skills_are_not_asked_for: {"I5"},
    _the_end_of_a_cool_down_is_not_foretold: {"I9"},
    _what_was_decided_is_decided_again: {"I3"},
    _nothing_is_relaxed: {"I6", "I9"},
    _the_need_is_not_asked: {"I5"},
    _nothing_is_kept_for_those_who_know: {"I5"},
    _it_rings_at_more_than_it_should: {"I3"},
    _weights_are_overlooked: {"I4"},
    _labels_are_overlooked: {"I4", "I1"},
    _the_cap_is_overlooked: {"I7"},
    _causes_are_overlooked: {"I5", "I9", "I6"},
}


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.__name__.strip("_"))
def test_the_laws_see_an_engine_where(mutant: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    mutant(monkeypatch)
    found = next(_broken(), None)
    assert found is not None, "no history shows it"
    assert isinstance(found.error, LawBroken), str(found)
    assert found.error.law in MUTANTS[mutant]
    assert len(found.acts) <= 12, f"it could be smaller:\n{found}"


def _broken() -> Iterator[engine.Broken]:
    for _, broken in engine.run(30_000, "mutants"):
        if broken:
            yield broken
