"""A policy that is asked beside the one in force."""

from __future__ import annotations

from collections import Counter

from hypothesis import given

from routing import Policy, QueuePolicy, Seat, Waiting
from routing.facts import Begun, Decided, Fact, Made, SeatGone, WaitsNoMore
from routing.needs import Has
from routing.shadow import Shadow
from tests.routing.test_facts import WORK, acted

POLICY = Policy("p1")
SPOKEN = Policy("p2", queues={"q": QueuePolicy(need=Has("german"))})
ANN = Seat("ann", "Ann", frozenset({"q"}), capacity={"chat": 2})
BEN = Seat("ben", "Ben", frozenset({"q"}), {"german": 3}, capacity={"chat": 2}, idle_since_at=5)


def case(number: int, queue: str = "q") -> Waiting:
    return Waiting(f"i{number}", number, queue, "chat", 0, number)


def asked(policy: Policy, *facts: Fact) -> Shadow:
    shadow = Shadow(policy)
    for at, fact in enumerate(facts):
        shadow.feed(at, fact)
    return shadow


@given(WORK)
def test_the_same_policy_always_agrees(work: list[object]) -> None:
    _, facts = acted(work)
    shadow = Shadow(Policy("p1"))
    for at, fact in facts:
        shadow.feed(at, fact)
    decided = sum(len(fact.made) for _, fact in facts if isinstance(fact, Decided))
    assert shadow.by_verdict() == {"same": decided, "other_agent": 0, "would_wait": 0, "would_offer": 0}


def test_it_says_whom_it_would_have_chosen_and_why_not_the_other() -> None:
    shadow = asked(SPOKEN, Begun(POLICY), ANN, BEN, case(1), Decided(9, 5, (Made("i1", 0, "ann"),)))
    (told,) = shadow.recent
    assert (told.verdict, told.agents, told.shadow, told.queue) == ("other_agent", ("ann",), ("ben",), "q")
    assert told.reasons
    assert shadow.reasons == Counter(told.reasons)


def test_it_would_have_let_wait() -> None:
    shadow = asked(SPOKEN, Begun(POLICY), ANN, case(1), Decided(9, 5, (Made("i1", 0, "ann"),)))
    assert shadow.by_verdict()["would_wait"] == 1


def test_what_it_would_offer_is_counted_once_however_often_it_is_asked() -> None:
    shadow = asked(
        POLICY, Begun(SPOKEN), ANN, case(1), Decided(9, 5), Decided(10, 5), Decided(11, 5), WaitsNoMore("i1")
    )
    assert shadow.by_verdict()["would_offer"] == 1


def test_it_never_drifts_from_what_was_really_decided() -> None:
    """Ben was never given anything, whatever the shadow would have done: he can be chosen again and again."""
    facts: list[Fact] = [Begun(POLICY), ANN, BEN]
    for number in range(1, 5):
        facts += [ANN, case(number), Decided(number, 5, (Made(f"i{number}", 0, "ann"),))]
    shadow = asked(SPOKEN, *facts, SeatGone("ben"), case(9), Decided(9, 5, (Made("i9", 0, "ann"),)))
    assert shadow.by_verdict() == {"same": 0, "other_agent": 4, "would_wait": 1, "would_offer": 0}


def test_what_comes_before_the_beginning_is_passed_over() -> None:
    assert not asked(POLICY, ANN, Decided(1, 1, (Made("i1", 0, "ann"),))).counts


def test_it_remembers_no_more_than_what_waits() -> None:
    facts: list[Fact] = [Begun(SPOKEN), ANN]
    for number in range(300):
        facts += [case(number), Decided(number, 1), WaitsNoMore(f"i{number}")]
    shadow = asked(POLICY, *facts)
    assert shadow.by_verdict()["would_offer"] == 300
    assert len(shadow.recent) == 100
    assert len(shadow._offered) <= 101
