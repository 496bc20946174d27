"""A policy that somebody writes to try it: read beside what is in force."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contact_center.config.model import ConfigError
from contact_center.config.trying import rulebook_of_text
from contact_center.domain.opening_hours import OpeningHours
from contact_center.domain.overflow import Overflow
from contact_center.replaying.telling import rulebook_of, stored_rulebook
from routing import Policy
from routing.onward import Place, Rulebook
from routing.policy import QueuePolicy

STORED = {
    "time_zone": "Europe/Berlin",
    "queues": [{"id": "support", "name": "Support", "target_seconds": 30}, {"id": "sales", "name": "Sales"}],
    "hours": [{"id": "office", "week": {"mon-fri": "09:00-17:00"}}],
    "shadow": {"policy": {"order": "slack"}},
}


def test_only_what_the_text_names_is_another() -> None:
    book, warnings = rulebook_of_text(
        "queues:\n  - {id: support, name: Support, hours: office, offer_seconds: 9, priority: 2,"
        " routing: {ring: 2, overflow: [{to: sales, closed: true}]}}\n",
        STORED,
    )
    assert set(book.policy.queues) == set(book.places) == {"support"}
    assert (book.policy.queue("support").ring, book.policy.order) == (2, "age")
    place = book.place("support")
    assert (place.overflow, place.offer_ms, place.priority) == ((Overflow("sales", closed=True),), 9_000, 2)
    assert place.hours is not None
    assert place.hours.zone == "Europe/Berlin"
    assert isinstance(warnings, list)


def test_a_policy_alone_leaves_every_queue_as_it_is() -> None:
    book, _ = rulebook_of_text("policy: {ageing_seconds: 5}", STORED)
    assert (book.policy.ageing_ms, book.policy.queues, book.places) == (5_000, {}, {})


@pytest.mark.parametrize(
    "said, told",
    [
        ("queues: 7", "policy.yaml:1:"),
        ("queues:\n  - 7\n", "policy.yaml:2:"),
        ("queues:\n  - {id: support, name: S, routing: {overflow: [{to: nowhere, closed: true}]}}", "nowhere"),
        ("policy:\n  order: {", "policy.yaml:"),
        ("- 1", "must be a mapping"),
        ("policy: &a [*a]", "policy.yaml:1:"),
    ],
)
def test_mistakes_are_told_with_their_place(said: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        rulebook_of_text(said, STORED)


@settings(deadline=None, max_examples=40)
@given(
    st.builds(
        Place,
        st.lists(st.builds(Overflow, st.just("b"), st.integers(0, 9), closed=st.booleans()), max_size=2).map(tuple),
        st.one_of(st.none(), st.just(OpeningHours("UTC", ((60, 90),), {"12-25": ()}))),
        st.integers(0, 9),
        st.integers(0, 9),
        st.dictionaries(st.sampled_from("xyz"), st.integers(1, 5)),
    ),
    st.builds(QueuePolicy, ring=st.integers(1, 3), hold_ms=st.integers(0, 9)),
)
def test_a_rulebook_is_the_same_on_the_other_side_of_a_pipe(place: Place, queue: QueuePolicy) -> None:
    book = Rulebook(Policy("a version", queues={"a": queue}), {"a": place})
    assert rulebook_of(stored_rulebook(book)) == book
