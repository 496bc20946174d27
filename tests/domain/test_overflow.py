"""When what waits goes on to another queue."""

from __future__ import annotations

import json
from typing import Any

import pytest

from contact_center.domain.overflow import (
    Because,
    Overflow,
    Standing,
    first_that_holds,
    look_at,
    overflow_of,
    stored_overflow,
    watched,
)

FINE = Standing(waited_ms=0, ahead=0, logged_in=3, available=2, able=1, level=95.0, estimate_ms=1_000)


@pytest.mark.parametrize(
    ("rule", "standing", "because"),
    [
        ({"waited_ms": 5_000}, {"waited_ms": 5_000}, {"waited_ms": 5_000}),
        ({"ahead": 3}, {"ahead": 3}, {"ahead": 3}),
        ({"nobody": "logged_in"}, {"logged_in": 0}, {"nobody": "logged_in"}),
        ({"nobody": "available"}, {"available": 0}, {"nobody": "available"}),
        ({"nobody": "able"}, {"able": 0}, {"nobody": "able"}),
        ({"level_below": 80.0}, {"level": 79.9}, {"level": 79}),
        ({"estimate_ms": 5_000}, {"estimate_ms": 5_001}, {"estimate_ms": 5_001}),
        ({"estimate_ms": 5_000}, {"estimate_ms": None}, {"estimate_ms": -1}),
        ({"closed": True}, {"open": "holiday"}, {"closed": "holiday"}),
        ({"waited_ms": 1, "ahead": 1}, {"waited_ms": 9, "ahead": 2}, {"waited_ms": 9, "ahead": 2}),
    ],
)
def test_a_rule_holds_when_all_that_it_says_does(
    rule: dict[str, Any], standing: dict[str, Any], because: Because
) -> None:
    rules = (Overflow("sales", **rule),)
    assert first_that_holds(rules, FINE, ()) is None
    found = {name: getattr(FINE, name) for name in FINE.__slots__}
    assert first_that_holds(rules, Standing(**{**found, **standing}), ()) == (rules[0], because)
    for name, value in standing.items():
        assert first_that_holds(rules, Standing(**{**found, **standing, name: found[name]}), ()) is None, value


def test_what_was_expected_is_said_with_what_it_comes_from() -> None:
    standing = Standing(waited_ms=0, estimate_ms=5_001, estimate_p90_ms=9_000, estimate_ahead=3)
    found = first_that_holds((Overflow("sales", estimate_ms=5_000),), standing, ())
    assert found is not None
    assert found[1] == {"estimate_ms": 5_001, "estimate_p90_ms": 9_000, "estimate_ahead": 3}


def test_too_few_contacts_say_nothing_of_the_service_level() -> None:
    unknown = Standing(waited_ms=0, level=None)
    assert first_that_holds((Overflow("sales", level_below=99),), unknown, ()) is None


def test_the_first_that_holds_counts_and_no_queue_is_gone_to_twice() -> None:
    rules = (Overflow("a", ahead=5), Overflow("b", ahead=2), Overflow("c", ahead=1))
    standing = Standing(waited_ms=0, ahead=3)
    found = first_that_holds(rules, standing, ())
    assert found is not None
    assert found[0].to == "b"
    found = first_that_holds(rules, standing, ("b",))
    assert found is not None
    assert found[0].to == "c"
    assert first_that_holds(rules, standing, ("b", "c")) is None
    assert first_that_holds((Overflow("a"),), standing, ()) is None, "what says nothing never holds"


def test_a_case_is_looked_at_when_its_time_comes() -> None:
    timed = (Overflow("a", waited_ms=100), Overflow("b", waited_ms=50, nobody="able"))
    assert look_at(timed, since=1_000, now=1_000, again_ms=10) == 1_050
    assert look_at(timed, since=1_000, now=1_060, again_ms=10) == 1_070, "its time has come, somebody is still able"
    assert look_at(timed, since=1_000, now=1_200, again_ms=500) == 1_700
    assert look_at((Overflow("a", waited_ms=100),), since=1_000, now=1_200, again_ms=10) is None
    assert look_at((Overflow("a", ahead=3),), since=0, now=0, again_ms=10) is None
    assert not watched(timed)
    assert watched((Overflow("a", ahead=3),))


def test_rules_are_the_same_after_they_were_stored() -> None:
    rules = (Overflow("a", waited_ms=1, closed=True), Overflow("b", level_below=80.0, level_of_ms=5))
    stored = json.loads(json.dumps(stored_overflow(rules)))
    assert overflow_of(stored) == rules
    assert overflow_of([{**stored[0], "of_a_later_release": 1}]) == rules[:1]
