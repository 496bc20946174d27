"""A policy as a document, and what it is known by."""

from __future__ import annotations

import json
from dataclasses import fields, replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contact_center.domain.events import MEDIA
from routing.document import UNCONFIGURED, document_of, policy_of, version_of
from routing.expression import read_need, written
from routing.policy import RANKING, Batch, Policy, QueuePolicy, Step
from tests.routing.test_expression import needs

skills = st.dictionaries(st.sampled_from(["en", "zh", "billing"]), st.integers(0, 5))
media = st.frozensets(st.sampled_from(MEDIA))
steps = st.builds(
    Step,
    after_ms=st.integers(0, 10**6),
    skills=skills,
    need=st.none() | needs.map(lambda need: read_need(written(need))),
    queues=st.frozensets(st.sampled_from(["sales", "support"])),
)
queue_policies = st.builds(
    QueuePolicy,
    need=needs.map(lambda need: read_need(written(need))),
    prefer=skills,
    relax=st.lists(steps, max_size=3).map(lambda some: tuple(sorted(some, key=lambda step: step.after_ms))),
    skip_hopeless=st.booleans(),
    hold_ms=st.integers(0, 10**6),
    ring=st.integers(1, 50),
    auto_answer=media,
    target_ms=st.integers(1, 10**6),
    handling_ms=st.integers(0, 10**6),
    label=st.sampled_from(["", "gold"]),
)
policies = st.builds(
    Policy,
    version=st.just(""),
    ageing_ms=st.integers(0, 10**6),
    most_priority=st.none() | st.integers(0, 1_000),
    order=st.sampled_from(["age", "slack"]),
    cooldown_ms=st.dictionaries(st.sampled_from(["rejected", "no_answer", "busy"]), st.integers(0, 10**5)),
    misses_in_a_row=st.integers(0, 9),
    ranking=st.permutations(RANKING).map(tuple),
    weights=st.dictionaries(st.sampled_from(MEDIA), st.integers(0, 100)),
    interrupts=st.dictionaries(st.sampled_from(MEDIA), media),
    batch=st.builds(Batch, most=st.integers(0, 100)),
    queues=st.dictionaries(st.sampled_from(["support", "sales"]), queue_policies),
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(policies)
def test_a_policy_is_the_same_after_it_was_a_document(policy: Policy) -> None:
    document = json.loads(json.dumps(document_of(policy)))
    assert replace(policy_of(document), version="") == policy
    assert policy_of(document).version == version_of(document)


def test_a_document_says_everything_that_a_policy_can() -> None:
    """Whoever adds a field to the policy finds out here that the document must say it."""
    assert {"version", *document_of(Policy(""))} == {"version", *(each.name for each in fields(Policy))}
    queue = document_of(Policy("", queues={"q": QueuePolicy(relax=(Step(1),))}))["queues"]["q"]
    assert set(queue) == {each.name for each in fields(QueuePolicy)}
    assert set(queue["relax"][0]) == {each.name for each in fields(Step)}
    assert set(document_of(Policy(""))["batch"]) == {each.name for each in fields(Batch)}


def test_the_version_is_of_what_is_said_not_of_how() -> None:
    document = document_of(Policy(""))
    turned = dict(reversed(document.items()))
    assert version_of(turned) == version_of(document)
    assert version_of({**document, "ageing_ms": 1}) != version_of(document)
    assert len(version_of(document)) == 12


def test_an_empty_document_is_the_products_own_policy() -> None:
    assert policy_of({}) == Policy(UNCONFIGURED)
    assert policy_of({"queues": {"q": {"relax": [{"after_ms": 5}]}}, "of_a_later_release": 1}).queues["q"].relax == (
        Step(5),
    )


def test_a_document_that_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValueError, match="cooldown"):
        policy_of({"reoffer_cooldown_ms": 1, "sole_cooldown_ms": 5})
