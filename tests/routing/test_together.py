"""Cases that several agents could take, weighed together by the engine."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routing import Decision, Engine, Policy, Seat, Waiting
from routing.policy import Batch, QueuePolicy
from tests.routing.naive import Naive
from tests.routing.test_against_the_plain_policy import BUSY_MACHINE, POLICY, moments, piles, teams

ALONE = replace(POLICY, batch=Batch(most=0))
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
def test_nobody_takes_what_they_may_not_before_whom_they_should_nor_is_anybody_left_who_could(
    team: list[Seat], pile: list[Waiting], now: int, most: int, limit: int
) -> None:
    engine = told(replace(POLICY, batch=Batch(most=most)), team, pile, Portions if most == 3 else Engine)
    plain = Naive(ALONE)
    plain.seats = {seat.agent_id: seat for seat in team}
    plain.cases = {each.interaction_id: each for each in pile}
    while made := engine.decide(now, limit):
        assert len(made) <= limit
        for decision in made:
            waiting, seat = plain.cases.pop(decision.interaction_id), plain.seats[decision.agent_id]
            assert plain.may(seat, waiting, now)
            passed = [each for each in plain.cases.values() if plain.turn(each, now) < plain.turn(waiting, now)]
            assert not [each for each in passed if plain.may(seat, each, now)], "nobody is overtaken at an agent"
            plain.seats[decision.agent_id] = seat.taken(waiting.medium)
    assert plain.decide(now) == []
    assert {seat.agent_id: seat for seat in engine.seats()} == plain.seats


@given(teams, piles, moments)
@settings(max_examples=150, deadline=None, suppress_health_check=BUSY_MACHINE)
def test_turns_alone_never_serve_more_nor_more_urgent_ones(team: list[Seat], pile: list[Waiting], now: int) -> None:
    """Of all media: whoever could take a call and a chat is torn between them. (Eight are weighed at once, for it
    takes two agents to weigh anything.)"""
    pile = pile[:8]
    alone = {decision.interaction_id for decision in told(ALONE, team, pile).decide(now)}
    together = {decision.interaction_id for decision in told(TOGETHER, team, pile).decide(now)}
    in_turn = sorted(pile, key=lambda each: each.turn(POLICY.ageing_ms))
    assert [each.interaction_id not in together for each in in_turn] <= [
        each.interaction_id not in alone for each in in_turn
    ]


def test_the_first_leaves_the_second_whom_it_needs() -> None:
    """Ann stands first for both, and is the only one who could take the second."""
    team = [agent("ann", idle_ms=9_000, zh=3), agent("bob")]
    pile = [case(1), case(2, skills={"zh": 1})]
    assert pairs(told(ALONE, team, pile).decide(NOW)) == [("c1", "ann")]
    made = told(TOGETHER, team, pile).decide(NOW)
    assert pairs(made) == [("c1", "bob"), ("c2", "ann")]
    record = made[0].explanation.record()
    assert record["weighed"] == {
        "method": "together",
        "cases": ("c1", "c2"),
        "agents": 2,
        "alone": "ann",
        "more": 1,
        "by": "",
        "gain": 0,
    }
    assert [(c["agent_id"], c["reasons"][0]["code"], c["reasons"][0]["values"]) for c in record["candidates"]] == [
        ("ann", "not_chosen", {"by": "weighed_together"}),
        ("bob", "chosen", {}),
    ]
    assert [why.code for why in made[0].why] == ["weighed_together", "considered"]
    assert remarks(made[0]) == [
        ("weighed_otherwise", {"count": 2, "agents": 2, "agent_id": "ann"}),
        ("weighed_more", {"count": 1}),
    ]
    assert made[1].explanation.record()["weighed"]["alone"] == ""
    assert remarks(made[1])[0] == ("weighed_instead", {"count": 2, "agents": 2})


def remarks(decision: Decision) -> list[tuple[str, dict[str, object]]]:
    return [(each["code"], each["values"]) for each in decision.explanation.record()["remarks"]]


def test_who_is_known_to_one_is_left_to_that_one() -> None:
    """By turns, the first case takes whom the second knows; all are served either way, and one of them better."""
    team = [agent("ann", idle_ms=60_000), agent("bob")]
    pile = [case(1), case(2, served_before={"ann": NOW - 10})]
    assert pairs(told(ALONE, team, pile).decide(NOW)) == [("c1", "ann"), ("c2", "bob")]
    made = told(TOGETHER, team, pile).decide(NOW)
    assert pairs(made) == [("c1", "bob"), ("c2", "ann")]
    assert remarks(made[0])[1] == ("weighed_better", {"by": "known"})
    assert made[0].explanation.record()["weighed"]["gain"] == 100


def test_of_two_who_both_know_each_gets_the_one_who_served_them_lately() -> None:
    team = [agent("ann", idle_ms=60_000), agent("bob")]
    served = [{"ann": NOW - 90, "bob": NOW - 20}, {"ann": NOW - 10, "bob": NOW - 80}]
    made = told(TOGETHER, team, [case(n, served_before=each) for n, each in enumerate(served, 1)]).decide(NOW)
    assert pairs(made) == [("c1", "bob"), ("c2", "ann")]
    assert remarks(made[0])[1] == ("weighed_better", {"by": "served_lately"})


def test_an_owner_counts_for_more_than_two_who_served_them() -> None:
    team = [agent("ann", idle_ms=60_000), agent("bob", idle_ms=50_000), agent("cay")]
    first = case(1, served_before={"ann": NOW - 10, "bob": NOW - 10}, skills={})
    made = told(TOGETHER, team, [first, case(2, owner="ann"), case(3, served_before={"bob": NOW - 5})]).decide(NOW)
    assert dict(pairs(made))["c2"] == "ann"
    assert dict(pairs(made)) in ({"c1": "bob", "c2": "ann", "c3": "cay"}, {"c1": "cay", "c2": "ann", "c3": "bob"})


def test_each_grade_of_a_preferred_skill_counts() -> None:
    """By turns, the first case takes the best of three, whom the second would have needed more."""
    policy = replace(TOGETHER, queues={"q": QueuePolicy(prefer={"en": 1}), "vip": QueuePolicy(prefer={"en": 10})})
    both = frozenset({"q", "vip"})
    team = [replace(agent(name, en=level), queues=both) for name, level in (("ann", 5), ("bob", 4), ("cay", 2))]
    made = told(policy, team, [case(1), case(2, queue="vip"), case(3, queue="vip", skills={"en": 3})]).decide(NOW)
    assert pairs(made) == [("c1", "cay"), ("c2", "ann"), ("c3", "bob")]


def test_a_second_chat_goes_to_who_has_none() -> None:
    team = [agent("ann", chats=2), agent("bob", chats=2)]
    made = told(TOGETHER, team, [case(1), case(2)]).decide(NOW)
    assert sorted(decision.agent_id for decision in made) == ["ann", "bob"]


def test_work_is_put_together_where_the_house_wants_it() -> None:
    policy = replace(TOGETHER, ranking=("known", "most_loaded"))
    team = [replace(agent("ann", chats=3), load={"chat": 1}), agent("bob", chats=3), agent("cay", chats=3)]
    made = told(policy, team, [case(1), case(2, served_before={"cay": NOW - 5}), case(3)]).decide(NOW)
    assert pairs(made) == [("c1", "ann"), ("c2", "cay"), ("c3", "ann")]


@pytest.mark.parametrize("queue", [{"q": QueuePolicy(ring=2)}, {}])
def test_where_all_are_alike_or_nobody_is_wanted_by_two_nothing_is_weighed(queue: dict[str, QueuePolicy]) -> None:
    team = [agent("ann", idle_ms=9_000), agent("bob"), agent("cay", zh=1, idle_ms=1), agent("dan", zh=2)]
    team = [replace(seat, queues=frozenset({"zh" if seat.skills else "q"})) for seat in team]
    pile = [case(1), case(2, queue="zh"), *([] if queue else [case(3)])]
    made = told(replace(TOGETHER, queues=queue), team, pile).decide(NOW)
    assert all("weighed" not in decision.explanation.record() for decision in made) == bool(queue)
    alike = [case(1), case(2)]
    made = told(TOGETHER, team, alike).decide(NOW)
    assert pairs(made) == [("c1", "ann"), ("c2", "bob")]
    assert all("weighed" not in decision.explanation.record() for decision in made)


def test_where_turns_are_as_good_as_weighing_they_decide_and_say_so() -> None:
    team = [agent("ann", idle_ms=9_000, zh=1), agent("bob", zh=1), agent("cay")]
    made = told(TOGETHER, team, [case(1, skills={"zh": 1}), case(2, owner="bob"), case(3)]).decide(NOW)
    assert pairs(made) == [("c1", "ann"), ("c2", "bob"), ("c3", "cay")]
    assert remarks(made[0]) == [("weighed_in_vain", {"count": 3, "agents": 3})]
    assert [why.code for why in made[0].why] == ["skill", "longest_idle", "considered"]


def test_where_all_have_plenty_and_no_term_is_about_any_of_them_nothing_is_weighed() -> None:
    team = [agent("ann", idle_ms=9_000, zh=1), agent("bob", zh=1), agent("cay")]
    made = told(TOGETHER, team, [case(1, skills={"zh": 1}), case(2)]).decide(NOW)
    assert pairs(made) == [("c1", "ann"), ("c2", "bob")]
    assert not [each for each in made if "weighed" in each.explanation.record()]


def voices_and_chats(*names: str, **skills: int) -> list[Seat]:
    return [replace(agent(name, **skills), capacity={"voice": 1, "chat": 1}) for name in names]


def test_who_is_torn_between_a_call_and_a_chat_takes_one_of_them_at_a_time() -> None:
    """Ann stands first for the call, and is the only one for the chat."""
    (ann,) = voices_and_chats("ann", zh=1)
    team = [replace(ann, idle_since_at=0), *voices_and_chats("bob")]
    pile = [case(1, medium="voice"), case(2, skills={"zh": 1})]
    assert pairs(told(ALONE, team, pile).decide(NOW)) == [("c1", "ann")]
    assert pairs(told(TOGETHER, team, pile).decide(NOW)) == [("c1", "bob"), ("c2", "ann")]


def test_who_has_a_chat_may_be_given_a_call_after_it() -> None:
    (ann,) = voices_and_chats("ann", zh=1)
    bob = agent("bob", idle_ms=50, zh=1)
    made = told(TOGETHER, [ann, bob], [case(1), case(2), case(3, medium="voice")]).decide(NOW)
    assert sorted(pairs(made)) == [("c1", "bob"), ("c2", "ann"), ("c3", "ann")]


def test_rounds_that_serve_fewer_than_turns_are_not_done() -> None:
    """Whoever is torn is given one piece in a round, so the first chat goes where the third could only go."""
    ann = replace(agent("ann", idle_ms=9_000, zh=1, chats=2), capacity={"voice": 1, "chat": 2})
    bob = agent("bob", en=1)
    pile = [case(1), case(2, skills={"zh": 1}), case(3, skills={"en": 1}), case(4, medium="voice")]
    made = told(TOGETHER, [ann, bob], pile).decide(NOW)
    assert len(made) == 4
    assert {remarks(decision)[0][0] for decision in made} == {"weighed_in_vain"}


def test_a_chat_and_an_email_do_not_tear_at_anybody() -> None:
    team = [replace(agent("ann", idle_ms=9_000, zh=1), capacity={"chat": 1, "email": 1}), agent("bob")]
    pile = [case(1), case(2, skills={"zh": 1}), case(3, medium="email")]
    made = told(TOGETHER, team, pile).decide(NOW)
    assert pairs(made) == [("c1", "bob"), ("c2", "ann"), ("c3", "ann")]
    assert remarks(made[2])[0] == ("weighed_alike", {"count": 3, "agents": 2})


def test_a_weighted_total_and_a_label_are_kept() -> None:
    ann = replace(agent("ann", idle_ms=9_000, zh=1), capacity={"chat": 2, "email": 2}, most=2, most_of={"vip": 1})
    pile = [
        case(1, label="vip"),
        case(2, skills={"zh": 1}),
        case(3, medium="email", label="vip"),
        case(4, medium="email"),
    ]
    made = told(TOGETHER, [ann, agent("bob")], pile).decide(NOW)
    assert pairs(made) == [("c1", "bob"), ("c2", "ann"), ("c3", "ann")]


def test_cases_of_two_labels_share_the_room_of_who_has_no_limit_for_them() -> None:
    team = [agent("ann", chats=2), agent("bob", idle_ms=5)]
    pile = [case(1, label="vip"), case(2), case(3, label="vip"), case(4)]
    made = told(TOGETHER, team, pile).decide(NOW)
    assert len(made) == 3
    assert [each.interaction_id for each in made] == ["c1", "c2", "c3"]


def test_what_rings_at_several_takes_who_is_left_when_all_have_one() -> None:
    policy = replace(TOGETHER, queues={"q": QueuePolicy(ring=2)})
    team = [agent("ann", idle_ms=9_000, zh=3), agent("bob", idle_ms=50), agent("cay")]
    pile = [case(1), case(2, skills={"zh": 1})]
    alone = told(replace(policy, batch=Batch(most=0)), team, pile).decide(NOW)
    assert [(each.interaction_id, each.agent_id, each.others) for each in alone] == [("c1", "ann", ("bob",))]
    made = told(policy, team, pile).decide(NOW)
    assert [(each.interaction_id, each.agent_id, each.others) for each in made] == [
        ("c1", "bob", ("cay",)),
        ("c2", "ann", ()),
    ]
    assert [why.code for why in made[0].why] == ["weighed_together", "rings_with", "considered"]


def test_who_is_torn_and_has_a_case_already_does_not_ring_for_another() -> None:
    policy = replace(TOGETHER, queues={"q": QueuePolicy(ring=3)})
    team = voices_and_chats("ann", "bob", "cay", zh=1)
    made = told(policy, team, [case(1, medium="voice"), case(2), case(3, medium="voice")]).decide(NOW)
    rung = [agent_id for each in made for agent_id in (each.agent_id, *each.others)]
    assert len(made) == 3
    assert sorted(rung) == ["ann", "bob", "cay"]


def test_what_is_weighed_but_not_asked_for_is_weighed_anew() -> None:
    team = [agent("ann", idle_ms=9_000, zh=3), agent("bob")]
    engine = told(TOGETHER, team, [case(1), case(2, skills={"zh": 1})])
    assert pairs(engine.decide(NOW, 1)) == [("c1", "bob")]
    assert pairs(engine.decide(NOW, 1)) == [("c2", "ann")]


def test_what_rings_at_several_counts_for_as_many() -> None:
    policy = replace(TOGETHER, batch=Batch(most=5), queues={"q": QueuePolicy(ring=2)})
    team = [agent(f"a{n}", idle_ms=n, zh=n % 2) for n in range(3)]
    made = told(policy, team, [case(n, skills={"zh": n % 2}) for n in range(4)]).decide(NOW)
    assert len(made[0].explanation.record()["weighed"]["cases"]) == 2


def test_no_more_are_weighed_than_the_house_says_nor_than_four_for_each_agent() -> None:
    team = [agent("ann", idle_ms=9_000, zh=3, chats=9), agent("bob", chats=9)]
    pile = [case(n, skills={"zh": n % 2}) for n in range(20)]
    for most, looked_at in ((64, 8), (3, 3)):
        made = told(replace(POLICY, batch=Batch(most=most)), team, pile).decide(NOW)
        assert len(made) == 18
        assert max(len(each.explanation.record()["weighed"]["cases"]) for each in made[:looked_at]) == looked_at


def test_agents_of_the_same_skills_have_the_same_share_of_the_work() -> None:
    """Each second brings four cases to six agents of whom only two could take one of them."""
    seats = {name: agent(name, idle_ms=100 + n, zh=name in "ef") for n, name in enumerate("abcdef")}
    engine, taken = told(TOGETHER, list(seats.values()), []), dict.fromkeys(seats, 0)
    for now in range(NOW, NOW + 100_000, 1_000):
        for number in range(4):
            engine.put_waiting(case(number, virtual_enqueued_at=now, skills={"zh": 1} if number == 3 else {}))
        for place, decision in enumerate(engine.decide(now)):
            taken[decision.agent_id] += 1
            engine.put_seat(replace(seats[decision.agent_id], idle_since_at=now + place))
    assert sum(taken.values()) == 400
    for alike in ("abcd", "ef"):
        shares = [taken[name] for name in alike]
        assert max(shares) - min(shares) <= 1, taken
