"""What agents and customers would say of routing, one sentence each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from contact_center.domain.events import Medium
from contact_center.domain.time import DAY, HOUR, MINUTE, SECOND
from contact_center.domain.views import Why
from routing import Decision, Engine, Policy, Reason, Seat, Waiting

NOW = 1_790_000_000_000
EVERYTHING: Mapping[Medium, int] = {"voice": 1, "chat": 4, "email": 5, "sms": 4}


def seat(agent_id: str, *, load: Mapping[Medium, int] | None = None, away: str = "", **more: Any) -> Seat:
    given: dict[str, Any] = {"queues": frozenset({"sales"}), "capacity": EVERYTHING, "idle_since_at": NOW - MINUTE}
    given.update(more)
    return Seat(agent_id, agent_id.title(), load=load or {}, available=not away, unavailable_reason=away, **given)


def case(interaction_id: str, medium: Medium = "chat", *, waited_ms: int = 0, **more: Any) -> Waiting:
    given: dict[str, Any] = {"queue": "sales", "priority": 0}
    given.update(more)
    return Waiting(interaction_id, 1, medium=medium, virtual_enqueued_at=NOW - waited_ms, **given)


def engine(*facts: Seat | Waiting, policy: Policy | None = None) -> Engine:
    made = Engine(policy or Policy("test"))
    for fact in facts:
        if isinstance(fact, Seat):
            made.put_seat(fact)
        else:
            made.put_waiting(fact)
    return made


def offers(made: list[Decision]) -> list[tuple[str, str]]:
    return [(decision.interaction_id, decision.agent_id) for decision in made]


# --- whose turn it is --------------------------------------------------------------------------------------------


def test_who_waits_longest_is_served_first() -> None:
    hub = engine(case("later", waited_ms=1), case("earlier", waited_ms=2), seat("ann"))
    assert offers(hub.decide(NOW)) == [("earlier", "ann"), ("later", "ann")]


def test_a_point_of_priority_is_worth_a_minute_of_waiting() -> None:
    waits = (case("plain", "voice", waited_ms=5 * MINUTE + 1), case("urgent", "voice", priority=5))
    assert offers(engine(*waits, seat("ann")).decide(NOW)) == [("plain", "ann")]
    waits = (case("plain", "voice", waited_ms=5 * MINUTE - 1), case("urgent", "voice", priority=5))
    assert offers(engine(*waits, seat("ann")).decide(NOW)) == [("urgent", "ann")]


def test_nobody_starves_however_many_urgent_cases_keep_coming() -> None:
    policy = Policy("test")
    hub = engine(case("patient", "voice"), policy=policy)
    served, now = [], NOW
    for number in range(200):
        hub.put_waiting(Waiting(f"urgent{number:03}", 1, "sales", "voice", 100, now))
        hub.put_seat(seat("ann"))
        served += [decision.interaction_id for decision in hub.decide(now)]
        now += MINUTE
    # The bound: whoever comes later than 100 points' worth of time can't overtake.
    assert served.index("patient") <= 100 * policy.ageing_ms // MINUTE + 1


def test_a_case_that_nobody_can_take_holds_up_nobody() -> None:
    hub = engine(case("rare", waited_ms=HOUR, skills={"latin": 1}), case("plain"), seat("ann"))
    assert offers(hub.decide(NOW)) == [("plain", "ann")]


def test_when_several_come_free_the_one_who_waits_longest_is_served_first_whoever_can() -> None:
    help_only = frozenset({"help"})
    waits = (case("s", "voice", waited_ms=2), case("h", "voice", waited_ms=1, queue="help"), case("h2", queue="help"))
    hub = engine(*waits, seat("ann", load={"voice": 1}), seat("bob", load={"voice": 1}, queues=help_only))
    assert hub.decide(NOW) == []
    hub.put_seat(seat("ann"))
    hub.put_seat(seat("bob", queues=help_only))
    assert offers(hub.decide(NOW)) == [("s", "ann"), ("h", "bob")]


def test_a_returned_case_stands_where_it_stood() -> None:
    hub = engine(case("old", "voice", waited_ms=HOUR), case("new", "voice", waited_ms=1), seat("ann"), seat("bob"))
    (first,) = hub.decide(NOW, limit=1)
    assert first.interaction_id == "old"
    hub.put_waiting(case("old", "voice", waited_ms=HOUR, missed={first.agent_id: NOW}))
    assert offers(hub.decide(NOW)) == [("old", "bob")]


# --- whose work it is --------------------------------------------------------------------------------------------


def test_the_least_loaded_agent_comes_first_however_long_others_are_idle() -> None:
    hub = engine(
        case("c"), seat("idle", load={"chat": 2}, idle_since_at=0), seat("fresh", load={"chat": 1}, idle_since_at=NOW)
    )
    (decision,) = hub.decide(NOW)
    assert decision.agent_id == "fresh"
    assert Why("least_loaded", {"load": 1, "capacity": 4}) in decision.why


def test_load_is_the_share_of_the_agent_that_is_taken() -> None:
    wide, narrow = {"chat": 10}, {"chat": 2}
    hub = engine(
        case("c"), seat("wide", load={"chat": 2}, capacity=wide), seat("narrow", load={"chat": 1}, capacity=narrow)
    )
    assert offers(hub.decide(NOW)) == [("c", "wide")]


def test_among_equals_the_longest_idle_comes_first_and_then_the_first_by_id() -> None:
    team = (seat("cy", idle_since_at=NOW - 3 * SECOND), seat("ann"), seat("bob"))
    (first,) = engine(case("c", "voice"), *team).decide(NOW)
    assert (first.agent_id, first.why) == (
        "ann",
        (Why("longest_idle", {"idle_ms": MINUTE}), Why("considered", {"count": 3})),
    )


def test_who_served_the_customer_lately_comes_before_who_is_free() -> None:
    hub = engine(case("c", served_before={"bob": NOW - DAY}), seat("ann"), seat("bob", load={"chat": 3}))
    (decision,) = hub.decide(NOW)
    assert decision.agent_id == "bob"
    assert decision.why[0] == Why("served_before", {"at": NOW - DAY})
    assert decision.candidates[1].reasons == (Reason("not_chosen", {"by": "served_before"}),)


def test_who_served_the_customer_long_ago_has_no_claim() -> None:
    hub = engine(case("c", served_before={"bob": NOW - 4 * DAY}), seat("ann"), seat("bob", load={"chat": 3}))
    assert offers(hub.decide(NOW)) == [("c", "ann")]


def test_a_case_does_not_wait_for_who_served_the_customer() -> None:
    hub = engine(case("c", served_before={"bob": NOW - DAY, "gone": NOW}), seat("ann"), seat("bob", away="wrap_up"))
    assert offers(hub.decide(NOW)) == [("c", "ann")]


def test_skills_are_needed_at_their_level() -> None:
    hub = engine(
        case("c", skills={"zh": 3, "en": 0}), seat("ann", skills={"zh": 2}), seat("bob", skills={"zh": 3, "en": 5})
    )
    (decision,) = hub.decide(NOW)
    assert decision.agent_id == "bob"
    assert decision.why == (
        Why("skill", {"skill": "zh", "level": 3, "needed": 3}),
        Why("only_one"),
        Why("considered", {"count": 2}),
    )
    assert decision.candidates[1].reasons == (Reason("missing_skill", {"skill": "zh", "needed": 3, "has": 2}),)


def test_a_call_takes_the_whole_agent() -> None:
    hub = engine(case("c"), case("e", "email"), case("v", "voice"), seat("ann", load={"voice": 1}))
    assert hub.decide(NOW) == []


def test_an_agent_with_chats_may_be_offered_a_call_and_then_nothing_else() -> None:
    hub = engine(case("v", "voice", waited_ms=1), case("c"), seat("ann", load={"chat": 2}))
    assert offers(hub.decide(NOW)) == [("v", "ann")]


def test_an_agent_gets_no_more_than_fits() -> None:
    waits = [case(f"c{number}") for number in range(9)]
    hub = engine(*waits, seat("ann", load={"chat": 1}))
    assert len(hub.decide(NOW)) == 3
    assert hub.depth("sales") == 6


def test_a_lowered_capacity_drops_nothing_and_adds_nothing() -> None:
    hub = engine(case("c"), case("e", "email"), seat("ann", load={"chat": 3}, capacity={"chat": 2, "email": 1}))
    assert offers(hub.decide(NOW)) == [("e", "ann")]
    assert hub.seats()[0].load == {"chat": 3, "email": 1}


def test_only_members_of_the_queue_are_asked() -> None:
    assert engine(case("c", queue="help"), seat("ann")).decide(NOW) == []


def test_an_agent_who_moves_between_queues_takes_the_new_work_and_not_the_old() -> None:
    hub = engine(seat("ann"), seat("bob"))
    hub.put_seat(seat("ann", queues=frozenset({"help"}), skills={"zh": 1}))
    hub.put_waiting(case("h", queue="help", skills={"zh": 1}))
    hub.put_waiting(case("s", "voice"))
    assert offers(hub.decide(NOW)) == [("h", "ann"), ("s", "bob")]


# --- offers that were missed -------------------------------------------------------------------------------------


def test_who_missed_a_case_is_not_rung_again_at_once() -> None:
    hub = engine(case("c", missed={"ann": NOW}), seat("ann"), seat("bob", load={"voice": 1}))
    assert hub.decide(NOW + 10 * SECOND) == []
    explanation = hub.explain("c", NOW + 10 * SECOND)
    assert explanation is not None
    assert explanation.summary == (Reason("cooling_down", {"until_at": NOW + 30 * SECOND}),)
    assert hub.next_change_at(NOW + 10 * SECOND) == NOW + 30 * SECOND
    assert offers(hub.decide(NOW + 30 * SECOND)) == [("c", "ann")]


def test_who_missed_a_case_and_is_alone_is_rung_again_after_a_breath() -> None:
    hub = engine(case("c", missed={"ann": NOW}), seat("ann"), seat("bob", away="not_ready"))
    assert hub.decide(NOW + SECOND) == []
    assert hub.next_change_at(NOW + SECOND) == NOW + 5 * SECOND
    assert offers(hub.decide(NOW + 5 * SECOND)) == [("c", "ann")]


def test_who_missed_a_case_is_rung_again_when_the_last_colleague_leaves() -> None:
    hub = engine(case("c", missed={"ann": NOW}), seat("ann"), seat("bob", load={"voice": 1}))
    assert hub.decide(NOW + 10 * SECOND) == []
    hub.remove_seat("bob")
    assert offers(hub.decide(NOW + 10 * SECOND)) == [("c", "ann")]


def test_who_missed_one_case_gets_the_others() -> None:
    hub = engine(case("c", waited_ms=9, missed={"ann": NOW}), case("d"), seat("ann"), seat("bob", load={"voice": 1}))
    assert offers(hub.decide(NOW + SECOND)) == [("d", "ann")]


def test_a_case_that_was_missed_goes_to_the_next_who_comes_free() -> None:
    on_call = {"load": {"voice": 1}}
    hub = engine(case("c", missed={"bob": NOW}), seat("ann", **on_call), seat("bob", **on_call))
    assert hub.decide(NOW) == []
    hub.put_seat(seat("bob"))
    assert hub.decide(NOW) == []
    hub.put_seat(seat("ann"))
    assert offers(hub.decide(NOW)) == [("c", "ann")]


def test_an_explanation_counts_those_who_came_free_beside_the_chosen() -> None:
    hub = engine(case("c"), seat("ann", load={"voice": 1}), seat("bob", load={"voice": 1}))
    assert hub.decide(NOW) == []
    hub.put_seat(seat("bob", capacity={"email": 1}))
    hub.put_seat(seat("ann"))
    (decision,) = hub.decide(NOW)
    assert decision.agent_id == "ann"
    assert decision.counts == {"chosen": 1, "no_capacity": 1}


def test_a_case_that_is_gone_changes_nothing_later() -> None:
    hub = engine(case("c", missed={"ann": NOW}), seat("ann"))
    hub.remove_waiting("c")
    hub.remove_waiting("never there")
    hub.remove_seat("never there")
    assert hub.next_change_at(NOW) is None


def test_what_was_missed_again_and_again_leaves_no_trace() -> None:
    hub = engine(seat("ann"), seat("bob", load={"voice": 1}))
    for turn in range(1_000):
        hub.put_waiting(case("c", missed={"ann": NOW + turn}))
    assert len(hub._times.thaws) < 100
    last = NOW + 999 + 30 * SECOND
    assert hub.decide(last - 1) == []
    assert hub.next_change_at(last - 1) == last
    assert offers(hub.decide(last)) == [("c", "ann")]


# --- work for one agent ------------------------------------------------------------------------------------------


def test_a_directed_case_goes_to_its_agent_whatever_their_queues_and_skills() -> None:
    direct = case("c", queue="help", skills={"latin": 5}, only_agent="ann", directed_by="Sue")
    (decision,) = engine(direct, seat("ann"), seat("bob", queues=frozenset({"help"}))).decide(NOW)
    assert decision.agent_id == "ann"
    assert decision.why == (Why("direct", {"by": "Sue"}), Why("considered", {"count": 2}))
    assert decision.candidates[1].reasons == (Reason("directed_elsewhere", {"agent_id": "ann"}),)
    assert decision.counts == {"chosen": 1, "directed_elsewhere": 1}


def test_a_directed_case_waits_for_its_agent_and_says_so() -> None:
    hub = engine(case("c", only_agent="ann"), seat("bob"))
    assert hub.decide(NOW) == []
    assert _summary(hub) == Reason("agent_unknown", {"agent_id": "ann"})
    hub.put_seat(seat("ann", away="not_ready"))
    assert hub.decide(NOW) == []
    assert _summary(hub) == Reason("nobody_available", {"able": 1})
    hub.put_seat(seat("ann", queues=frozenset()))
    assert offers(hub.decide(NOW)) == [("c", "ann")]


# --- why it still waits ------------------------------------------------------------------------------------------


def _summary(hub: Engine) -> Reason:
    explanation = hub.explain("c", NOW)
    assert explanation is not None
    assert explanation.why == ()
    (reason,) = explanation.summary
    return reason


def test_a_waiting_case_says_in_a_word_what_it_waits_for() -> None:
    needs = case("c", skills={"zh": 2})
    assert _summary(engine(needs)) == Reason("nobody_in_queue")
    assert _summary(engine(needs, seat("ann"))) == Reason("nobody_has_the_skills", {"considered": 1})
    able: dict[str, Any] = {"skills": {"zh": 2}}
    busy = Reason("everyone_busy", {"available": 1})
    assert _summary(engine(needs, seat("ann", away="lunch", **able))) == Reason("nobody_available", {"able": 1})
    assert _summary(engine(needs, seat("ann", load={"voice": 1}, **able))) == Reason(
        "everyone_busy", {"available": 1}
    )
    assert _summary(engine(needs, seat("ann", load={"chat": 4}, **able))) == busy
    assert _summary(engine(needs, seat("ann", **able))) == Reason("could_take_it", {"count": 1})
    assert engine().explain("c", NOW) is None


def test_every_agent_of_the_queue_is_told_of_with_every_reason() -> None:
    team = (
        seat("away", away="offline"),
        seat("lunch", away="lunch", skills={"zh": 3}),
        seat("phone", load={"voice": 1}, skills={"zh": 1}),
        seat("full", load={"chat": 4}, skills={"zh": 3}),
        seat("none", capacity={}, skills={"zh": 3}),
        seat("best", skills={"zh": 3}, idle_since_at=1),
        seat("next", skills={"zh": 3}, idle_since_at=2),
        seat("twin", skills={"zh": 3}, idle_since_at=2),
        seat("else", queues=frozenset({"help"})),
    )
    (decision,) = engine(*team, case("c", skills={"zh": 2}, epoch=7)).decide(NOW)
    told = {considered.agent_id: (considered.rank, considered.reasons) for considered in decision.candidates}
    lacks = Reason("missing_skill", {"skill": "zh", "needed": 2, "has": 0})
    assert told == {
        "best": (1, (Reason("chosen"),)),
        "next": (2, (Reason("not_chosen", {"by": "longest_idle"}),)),
        "twin": (3, (Reason("not_chosen", {"by": "longest_idle"}),)),
        "away": (None, (Reason("offline"), lacks)),
        "full": (None, (Reason("no_capacity", {"medium": "chat", "load": 4, "capacity": 4}),)),
        "lunch": (None, (Reason("unavailable", {"reason": "lunch"}),)),
        "none": (None, (Reason("no_capacity", {"medium": "chat", "load": 0, "capacity": 0}),)),
        "phone": (None, (Reason("on_call"), Reason("missing_skill", {"skill": "zh", "needed": 2, "has": 1}))),
    }
    assert decision.counts == {
        "chosen": 1,
        "not_chosen": 2,
        "offline": 1,
        "unavailable": 1,
        "on_call": 1,
        "no_capacity": 2,
        "missing_skill": 2,
    }
    assert (decision.epoch, decision.policy, decision.at, decision.queue) == (7, "test", NOW, "sales")
    about = decision.explanation
    assert (about.interaction_id, about.queue, about.medium, about.policy, about.at) == (
        "c",
        "sales",
        "chat",
        "test",
        NOW,
    )


def test_an_explanation_stays_true_when_everything_has_changed_since() -> None:
    hub = engine(seat("ann"), seat("bob"), seat("cy", away="offline"), case("c"))
    (decision,) = hub.decide(NOW)
    (twin,) = engine(seat("ann"), seat("bob"), seat("cy", away="offline"), case("c")).decide(NOW)
    expected = twin.explanation.record()
    for name in ("ann", "bob", "cy"):
        hub.put_seat(seat(name, queues=frozenset({"help"}), away="offline"))
        hub.remove_seat(name)
    for name in ("dee", "eli", "flo"):
        hub.put_seat(seat(name))
    assert decision.explanation.record() == expected


def test_a_decision_says_what_it_decides_and_equals_the_same_decision() -> None:
    (one,) = engine(seat("ann"), case("c")).decide(NOW)
    (two,) = engine(seat("ann"), seat("bob", away="offline"), case("c")).decide(NOW)
    assert one == two
    assert "candidates" not in repr(one)


def test_large_queues_are_told_of_in_part_and_counted_in_full() -> None:
    team = [seat(f"able{n:03}", idle_since_at=n) for n in range(300)]
    team += [seat(f"off{n:03}", away="offline") for n in range(300)]
    (decision,) = engine(*team, case("c", served_before={"able299": NOW})).decide(NOW)
    told = decision.candidates
    assert [considered.rank for considered in told[:50]] == list(range(1, 51))
    assert [considered.agent_id for considered in told[:2]] == ["able299", "able000"]
    assert [considered.agent_id for considered in told[50:]] == [f"off{n:03}" for n in range(150)]
    assert decision.counts == {"chosen": 1, "not_chosen": 299, "offline": 300}
    assert decision.why[-1] == Why("considered", {"count": 600})


# --- many of everything ------------------------------------------------------------------------------------------


def test_lanes_and_pools_that_nobody_needs_any_more_are_forgotten() -> None:
    class Small(Engine):
        pools_kept = 8

    hub = Small(Policy("test"))
    hub.put_seat(seat("ann", skills={f"s{n}": 1 for n in range(100)}))
    for number in range(100):
        hub.put_waiting(case(f"c{number}", skills={f"s{number}": 1}))
        hub.remove_waiting(f"c{number}")
    assert len(hub._pools.by_ask) <= 8
    assert len(hub._lanes.by_key) <= 8
    hub.put_waiting(case("last", skills={"s3": 1}))
    assert offers(hub.decide(NOW)) == [("last", "ann")]


def test_what_keeps_an_agent_from_many_kinds_of_work_is_not_remembered_for_ever() -> None:
    hub = engine(seat("ann", away="offline"))
    for number in range(200):
        hub.put_waiting(case("c", skills={f"s{number}": 1}))
        explanation = hub.explain("c", NOW)
        assert explanation is not None
        (told,) = explanation.candidates
        assert told.reasons[1].values["skill"] == f"s{number}"
    assert len(hub._floor.rows[hub._floor.slots["ann"]].notes) <= 64


def test_heads_that_change_undecided_leave_nothing_behind() -> None:
    hub = engine()
    for number in range(500):
        hub.put_waiting(case(f"c{number}", waited_ms=number))
    assert len(hub._ready) < 100
    hub.put_seat(seat("ann"))
    assert offers(hub.decide(NOW, limit=1)) == [("c499", "ann")]


def test_a_lane_that_empties_from_behind_keeps_its_order() -> None:
    hub = engine(*[case(f"c{number:03}", waited_ms=1_000 - number) for number in range(400)])
    for number in range(1, 399):
        hub.remove_waiting(f"c{number:03}")
    assert sum(len(lane.turns) for lane in hub._lanes.by_key.values()) == 2
    hub.put_seat(seat("ann"))
    assert offers(hub.decide(NOW)) == [("c000", "ann"), ("c399", "ann")]


def test_cases_that_come_and_go_undecided_leave_nothing_behind() -> None:
    hub = engine(case("first", waited_ms=9))
    for number in range(2_000):
        hub.put_waiting(case(f"c{number}", "voice" if number % 2 else "chat", waited_ms=number))
        hub.remove_waiting(f"c{number}")
    assert len(hub._ready) < 100
    assert sum(len(lane.turns) for lane in hub._lanes.by_key.values()) == 1
    hub.put_seat(seat("ann"))
    assert offers(hub.decide(NOW)) == [("first", "ann")]


def test_a_thousand_agents_and_cases_come_together_in_the_right_order() -> None:
    hub = Engine(Policy("test"))
    for number in range(1_000):
        hub.put_seat(seat(f"a{number:04}", idle_since_at=number))
        hub.put_waiting(case(f"c{number:04}", "voice", waited_ms=number))
    made = hub.decide(NOW, limit=10_000)
    assert offers(made) == [(f"c{999 - n:04}", f"a{n:04}") for n in range(1_000)]


# --- the policy --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong, said",
    [
        ({"offer_ms": {"voice": 1}}, "sms, email, chat, other"),
        ({"offer_ms": dict.fromkeys(("voice", "sms", "email", "chat", "other"), 0)}, "voice"),
        ({"ageing_ms": -1}, "ageing_ms"),
        ({"sticky_ms": -1}, "sticky_ms"),
        ({"sole_cooldown_ms": 31 * SECOND}, "sole_cooldown_ms"),
        ({"sole_cooldown_ms": -1}, "sole_cooldown_ms"),
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Policy("test", **wrong)


def test_a_call_rings_shorter_than_an_e_mail() -> None:
    policy = Policy("test")
    assert (policy.offer_ms["voice"], policy.offer_ms["email"]) == (20 * SECOND, 30 * SECOND)
