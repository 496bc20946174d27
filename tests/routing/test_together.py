"""Cases that several agents could take, weighed together by the engine."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from contact_center.domain.events import Medium
from routing import Decision, Engine, Policy, Seat, Waiting
from routing.policy import Batch, QueuePolicy
from tests.routing.naive import Naive
from tests.routing.test_against_the_plain_policy import BUSY_MACHINE, POLICY, moments, piles, teams

TOGETHER = replace(POLICY, batch=Batch(most=64))
NOW = 1_000_000


def told(policy: Policy, team: list[Seat], pile: list[Waiting], kind: type[Engine] = Engine) -> Engine:
    engine = kind(policy)
    for seat in team:
        engine.put_seat(seat)
    for case in pile:
        engine.put_waiting(case)
    return engine


def agent(agent_id: str, idle_ms: int = 0, chats: int = 1, **skills: int) -> Seat:
    return Seat(agent_id, agent_id.title(), frozenset({"q"}), skills, {"chat": chats}, idle_since_at=NOW - idle_ms)


def case(number: int, **more: object) -> Waiting:
    return replace(Waiting(f"c{number}", number, "q", "chat", 0, NOW - 1_000 + number), **more)  # type: ignore[arg-type]


def pairs(made: list[Decision]) -> list[tuple[str, str]]:
    return [(decision.interaction_id, decision.agent_id) for decision in made]


class Portions(Engine):
    """Looks at lanes instead of seats at once."""

    few = 1


@given(teams, piles, moments, st.sampled_from((2, 3, 64)), st.sampled_from((1, 2, 100)))
@settings(max_examples=150, deadline=None, suppress_health_check=BUSY_MACHINE)
def test_nobody_takes_what_they_may_not_and_nobody_is_left_who_could(
    team: list[Seat], pile: list[Waiting], now: int, most: int, limit: int
) -> None:
    engine = told(replace(POLICY, batch=Batch(most=most)), team, pile, Portions if most == 3 else Engine)
    plain = Naive(POLICY)
    plain.seats = {seat.agent_id: seat for seat in team}
    plain.cases = {each.interaction_id: each for each in pile}
    while made := engine.decide(now, limit):
        assert len(made) <= limit
        for decision in made:
            waiting, seat = plain.cases.pop(decision.interaction_id), plain.seats[decision.agent_id]
            assert plain.may(seat, waiting, now)
            plain.seats[decision.agent_id] = seat.taken(waiting.medium)
    assert plain.decide(now) == []
    assert {seat.agent_id: seat for seat in engine.seats()} == plain.seats


@given(teams, piles, moments)
@settings(max_examples=150, deadline=None, suppress_health_check=BUSY_MACHINE)
def test_no_more_are_served_by_turns_alone_and_none_more_urgent(
    team: list[Seat], pile: list[Waiting], now: int
) -> None:
    """Of one medium, so that all are weighed at once."""
    pile = [replace(each, medium="chat") for each in pile]
    alone = {decision.interaction_id for decision in told(POLICY, team, pile).decide(now)}
    together = {decision.interaction_id for decision in told(TOGETHER, team, pile).decide(now)}
    in_turn = sorted(pile, key=lambda each: each.turn(POLICY.ageing_ms))
    assert len(together) >= len(alone)
    assert [each.interaction_id not in together for each in in_turn] <= [
        each.interaction_id not in alone for each in in_turn
    ]


def test_the_first_leaves_the_second_whom_it_needs() -> None:
    """Ann stands first for both, and is the only one who could take the second."""
    team = [agent("ann", idle_ms=9_000, zh=3), agent("bob")]
    pile = [case(1), case(2, skills={"zh": 1})]
    assert pairs(told(POLICY, team, pile).decide(NOW)) == [("c1", "ann")]
    made = told(TOGETHER, team, pile).decide(NOW)
    assert pairs(made) == [("c1", "bob"), ("c2", "ann")]
    record = made[0].explanation.record()
    assert record["weighed"] == {"together": ("c1", "c2"), "alone": "ann", "more": 1, "saved": 0.0}
    assert [(c["agent_id"], c["reasons"][0]["code"], c["reasons"][0]["values"]) for c in record["candidates"]] == [
        ("ann", "not_chosen", {"by": "weighed_together"}),
        ("bob", "chosen", {}),
    ]
    assert [why.code for why in made[0].why] == ["weighed_together", "considered"]
    assert record["remarks"] == [{"code": "weighed_otherwise", "values": {"count": 2, "agent_id": "ann"}}]
    record = made[1].explanation.record()
    assert record["weighed"]["alone"] == ""
    assert record["remarks"] == [{"code": "weighed_instead", "values": {"count": 2}}]


def test_who_is_known_to_one_is_left_to_that_one() -> None:
    """By turns, the first case takes whom the second knows; all are served either way, and one of them better."""
    team = [agent("ann", idle_ms=60_000), agent("bob")]
    pile = [case(1), case(2, served_before={"ann": NOW - 10})]
    assert pairs(told(POLICY, team, pile).decide(NOW)) == [("c1", "ann"), ("c2", "bob")]
    made = told(TOGETHER, team, pile).decide(NOW)
    assert pairs(made) == [("c1", "bob"), ("c2", "ann")]
    assert made[0].explanation.record()["weighed"]["saved"] == 1_000.0


def test_a_second_chat_goes_to_who_has_none() -> None:
    team = [agent("ann", chats=2), agent("bob", chats=2)]
    made = told(TOGETHER, team, [case(1), case(2)]).decide(NOW)
    assert sorted(decision.agent_id for decision in made) == ["ann", "bob"]


def test_where_nothing_is_better_together_each_turn_decides() -> None:
    team = [agent("ann", idle_ms=9_000), agent("bob")]
    made = told(TOGETHER, team, [case(1), case(2)]).decide(NOW)
    assert pairs(made) == [("c1", "ann"), ("c2", "bob")]
    assert all("weighed" not in decision.explanation.record() for decision in made)


def test_a_call_and_a_chat_that_the_same_could_take_are_not_weighed_together() -> None:
    """Whoever takes the call has room for no chat; who takes the chat first has room for the call."""
    both = replace(agent("ann", idle_ms=9_000, zh=1), capacity={"voice": 1, "chat": 1})
    team = [both, replace(agent("bob"), capacity={"voice": 1, "chat": 1})]
    pile = [case(1, medium="voice"), case(2, skills={"zh": 1})]
    assert pairs(told(TOGETHER, team, pile).decide(NOW)) == pairs(told(POLICY, team, pile).decide(NOW))


def test_a_chat_and_an_email_are() -> None:
    room: dict[Medium, int] = {"chat": 1, "email": 1}
    team = [replace(agent("ann", idle_ms=9_000, zh=1), capacity=room), replace(agent("bob"), capacity={"chat": 1})]
    pile = [case(1), case(2, skills={"zh": 1}), case(3, medium="email")]
    made = told(TOGETHER, team, pile).decide(NOW)
    assert pairs(made) == [("c1", "bob"), ("c2", "ann"), ("c3", "ann")]
    record = made[2].explanation.record()
    assert record["weighed"]["together"] == ("c1", "c2", "c3")
    assert record["remarks"] == [{"code": "weighed_alike", "values": {"count": 3}}]


def test_an_agent_with_a_weighted_total_has_room_for_one_kind_at_a_time() -> None:
    ann = replace(agent("ann", idle_ms=9_000, zh=1), capacity={"chat": 2, "email": 2}, most=2)
    team = [ann, agent("bob")]
    pile = [case(1), case(2, skills={"zh": 1}), case(3, medium="email")]
    made = told(TOGETHER, team, pile).decide(NOW)
    assert pairs(made)[:2] == [("c1", "bob"), ("c2", "ann")]
    assert made[0].explanation.record()["weighed"]["together"] == ("c1", "c2")
    assert pairs(made)[2:] == [("c3", "ann")]


def test_what_rings_at_several_is_left_to_its_turn() -> None:
    policy = replace(TOGETHER, queues={"q": QueuePolicy(ring=2)})
    team = [agent("ann", idle_ms=9_000, zh=3), agent("bob")]
    made = told(policy, team, [case(1), case(2, skills={"zh": 1})]).decide(NOW)
    assert pairs(made) == [("c1", "ann")]
    assert made[0].others == ("bob",)
