"""What a house can say of its queues, one sentence each."""

from __future__ import annotations

from typing import Any

import pytest

from contact_center.domain.time import HOUR, MINUTE, SECOND
from contact_center.domain.views import Why
from routing import Decision, Engine, Policy, QueuePolicy, Reason, fits
from routing.needs import ANYBODY, Every, Has, IsOne, Need, Not, Some
from routing.policy import Step
from tests.routing.test_engine import NOW, case, engine, offers, seat


def policy(queue: QueuePolicy | None = None, **more: Any) -> Policy:
    return Policy("test", queues={"sales": queue} if queue else {}, **more)


def reasons(decision: Decision) -> dict[str, tuple[Reason, ...]]:
    return {considered.agent_id: considered.reasons for considered in decision.candidates}


def waits_because(hub: Engine, at: int = NOW) -> Reason:
    explanation = hub.explain("c", at)
    assert explanation is not None
    (reason,) = explanation.summary
    return reason


def remarks(hub: Engine, at: int) -> tuple[Reason, ...]:
    explanation = hub.explain("c", at)
    assert explanation is not None
    return explanation.remarks


# --- needs -------------------------------------------------------------------------------------------------------


def test_a_queue_asks_for_what_its_expression_says() -> None:
    need = Every((Has("billing", 3), Some((Has("en"), Has("zh"))), Not(Has("trainee"))))
    team = (
        seat("able", skills={"billing": 3, "zh": 1}),
        seat("low", skills={"billing": 2, "en": 5}),
        seat("mute", skills={"billing": 5}),
        seat("new", skills={"billing": 5, "en": 5, "trainee": 1}),
    )
    (decision,) = engine(case("c"), *team, policy=policy(QueuePolicy(need=need))).decide(NOW)
    assert decision.agent_id == "able"
    assert Why("need", {"need": "billing >= 3 and (en or zh) and not trainee"}) in decision.why
    told = reasons(decision)
    assert told["low"] == (Reason("missing_skill", {"skill": "billing", "needed": 3, "has": 2}),)
    assert told["mute"] == (Reason("need_not_met", {"need": "en or zh"}),)
    assert told["new"] == (Reason("need_not_met", {"need": "not trainee"}),)
    assert decision.counts == {"chosen": 1, "missing_skill": 1, "need_not_met": 2}


def test_a_queue_can_ask_for_people_by_name_though_others_are_like_them() -> None:
    named = policy(QueuePolicy(need=IsOne(frozenset({"bob", "gone"}))))
    hub = engine(case("c"), case("d"), seat("ann"), seat("bob", load={"voice": 1}), policy=named)
    assert hub.decide(NOW) == []
    hub.put_seat(seat("bob"))
    assert offers(hub.decide(NOW, limit=1)) == [("c", "bob")]


def test_a_need_that_nobody_can_ever_meet_is_said_and_holds_up_nobody() -> None:
    never: Need = Every((Has("zh"), Not(Has("zh"))))
    queues = {"sales": QueuePolicy(need=never), "help": QueuePolicy(need=Some(()))}
    hub = engine(case("c"), case("h", queue="help"), case("o", queue="other"), policy=Policy("test", queues=queues))
    hub.put_seat(seat("ann", queues=frozenset({"sales", "help", "other"}), skills={"zh": 1}))
    assert offers(hub.decide(NOW)) == [("o", "ann")]
    assert waits_because(hub) == Reason("nobody_meets_the_need", {"considered": 1, "need": "zh and not zh"})


def test_an_agent_who_learns_something_meets_the_need_from_then_on() -> None:
    hub = engine(case("c"), seat("ann"), policy=policy(QueuePolicy(need=Has("zh"))))
    assert hub.decide(NOW) == []
    hub.put_seat(seat("ann", skills={"zh": 1}))
    assert offers(hub.decide(NOW)) == [("c", "ann")]


# --- who comes first ---------------------------------------------------------------------------------------------


def test_the_owner_comes_before_whom_the_customer_asked_for_and_these_before_who_served_them() -> None:
    knowing: dict[str, Any] = {"owner": "ann", "preferred": ("bob", "cy"), "served_before": {"dee": NOW}}
    team = [seat(name, load={"chat": busy}) for busy, name in enumerate(("eli", "dee", "cy", "bob"))]
    (decision,) = engine(case("c", **knowing), *team, seat("ann", load={"chat": 3})).decide(NOW)
    assert [considered.agent_id for considered in decision.candidates] == ["ann", "bob", "cy", "dee", "eli"]
    assert decision.why[0] == Why("owner")
    assert decision.candidates[1].reasons == (Reason("not_chosen", {"by": "owner"}),)
    assert decision.candidates[3].terms == {
        "served_before_at": NOW,
        "known_as": "served_before",
        "share_taken": 250_000,
        "idle_since_at": NOW - MINUTE,
    }


def test_preferred_skills_put_somebody_first_and_exclude_nobody() -> None:
    hub = engine(
        case("c"),
        case("d"),
        seat("ann", skills={"zh": 4}, load={"chat": 3}),
        seat("bob"),
        policy=policy(QueuePolicy(prefer={"zh": 2})),
    )
    first, second = hub.decide(NOW)
    assert (first.agent_id, second.agent_id) == ("ann", "bob")
    assert Why("preferred", {"points": 8}) in first.why


def test_the_best_can_come_first_or_be_kept_for_harder_cases() -> None:
    team = (seat("good", skills={"zh": 5}), seat("fair", skills={"zh": 2}))
    for term, chosen in (("most_skilled", "good"), ("least_skilled", "fair")):
        (decision,) = engine(case("c", skills={"zh": 1}), *team, policy=policy(ranking=(term,))).decide(NOW)
        assert decision.agent_id == chosen
        assert Why(term, {"points": 5 if chosen == "good" else 2}) in decision.why  # type: ignore[arg-type]


def test_work_can_be_put_together_so_that_others_stay_free() -> None:
    team = (seat("free"), seat("busy", load={"chat": 2}))
    (decision,) = engine(case("c"), *team, policy=policy(ranking=("most_loaded",))).decide(NOW)
    assert decision.agent_id == "busy"
    assert decision.why[0] == Why("most_loaded", {"load": 2, "capacity": 4})


def test_where_the_ranking_says_nothing_the_id_decides() -> None:
    (decision,) = engine(case("c"), seat("bob"), seat("ann", load={"chat": 3}), policy=policy(ranking=())).decide(NOW)
    assert decision.agent_id == "ann"
    assert decision.why == (Why("considered", {"count": 2}),)


def test_what_skills_are_worth_is_not_remembered_for_ever() -> None:
    hub = engine(seat("ann"), seat("bob", idle_since_at=0), policy=policy(ranking=("most_skilled", "longest_idle")))
    hub.put_waiting(case("c", skills={"s": 0}))
    for number in range(600):
        hub._floor.grades({f"s{number}": 1})
    assert len(hub._floor._graded) <= 512
    assert offers(hub.decide(NOW)) == [("c", "bob")]


# --- kept for those who know the customer ------------------------------------------------------------------------


def test_a_case_is_kept_for_who_knows_the_customer_while_they_are_at_work() -> None:
    hold = policy(QueuePolicy(hold_ms=60 * SECOND))
    hub = engine(case("c", owner="ann"), seat("ann", load={"voice": 1}), seat("bob"), policy=hold)
    assert hub.decide(NOW) == []
    until = NOW + 60 * SECOND
    assert waits_because(hub) == Reason("held", {"until_at": until})
    assert remarks(hub, NOW) == (Reason("kept_for_known", {"until_at": until}),)
    assert hub.next_change_at(NOW) == until
    hub.put_seat(seat("ann"))
    (decision,) = hub.decide(NOW)
    assert decision.agent_id == "ann"
    assert reasons(decision)["bob"] == (Reason("held_for_another", {"until_at": until}),)


@pytest.mark.parametrize(
    "known", [seat("ann", away="not_ready"), seat("ann", capacity={"voice": 1}), seat("ann", queues=frozenset())]
)
def test_a_case_is_not_kept_for_who_could_not_take_it(known: Any) -> None:
    hub = engine(case("c", owner="ann"), known, seat("bob"), policy=policy(QueuePolicy(hold_ms=60 * SECOND)))
    assert offers(hub.decide(NOW)) == [("c", "bob")]


def test_a_case_is_kept_no_longer_when_time_is_up_or_they_go_or_miss_it() -> None:
    hold = policy(QueuePolicy(hold_ms=60 * SECOND))
    busy, free = seat("ann", load={"voice": 1}), seat("bob")
    hub = engine(case("c", owner="ann"), busy, free, policy=hold)
    assert hub.decide(NOW + 59 * SECOND) == []
    assert offers(hub.decide(NOW + 60 * SECOND)) == [("c", "bob")]
    hub = engine(case("c", owner="ann"), busy, free, policy=hold)
    assert hub.decide(NOW) == []
    hub.put_seat(seat("ann", away="offline"))
    assert offers(hub.decide(NOW)) == [("c", "bob")]
    hub = engine(case("c", owner="ann", missed={"ann": NOW}), busy, free, policy=hold)
    assert offers(hub.decide(NOW)) == [("c", "bob")]


# --- asking for less ---------------------------------------------------------------------------------------------

RELAXED = (
    Step(30 * SECOND, {"zh": 2}),
    Step(60 * SECOND, {"zh": 0}, need=ANYBODY),
    Step(90 * SECOND, queues=frozenset({"help"})),
)


def test_less_is_asked_step_by_step() -> None:
    rules = policy(QueuePolicy(need=Has("billing"), relax=RELAXED, skip_hopeless=False))
    able = {"billing": 1, "zh": 4}
    for waited, skills, queue in (
        (29, able, "sales"),
        (30, {"billing": 1, "zh": 2}, "sales"),
        (60, {}, "sales"),
        (90, {}, "help"),
    ):
        hub = engine(case("c", skills={"zh": 4}), policy=rules)
        hub.put_seat(seat("ann", skills=skills, queues=frozenset({queue})))
        if waited > 29:
            assert hub.decide(NOW + waited * SECOND - 1) == []
            assert hub.next_change_at(NOW + waited * SECOND - 1) == NOW + waited * SECOND
        (decision,) = hub.decide(NOW + waited * SECOND)
        steps = waited // 30
        assert (Why("relaxed", {"step": steps, "steps": 3}) in decision.why) == (waited > 29)


def test_an_explanation_says_which_step_is_in_force_and_when_the_next_is() -> None:
    hub = engine(case("c", skills={"zh": 4}), seat("ann", skills={"zh": 5}, load={"voice": 1}))
    assert remarks(hub, NOW) == ()
    hub = engine(
        case("c", skills={"zh": 4}),
        seat("ann", skills={"zh": 5}, load={"voice": 1}),
        policy=policy(QueuePolicy(relax=RELAXED)),
    )
    assert remarks(hub, NOW) == (Reason("relaxes", {"step": 1, "steps": 3, "at": NOW + 30 * SECOND}),)
    at = NOW + 45 * SECOND
    assert remarks(hub, at) == (
        Reason("relaxed", {"step": 1, "steps": 3}),
        Reason("relaxes", {"step": 2, "steps": 3, "at": NOW + 60 * SECOND}),
    )
    assert remarks(hub, NOW + HOUR) == (Reason("relaxed", {"step": 3, "steps": 3}),)


def test_nobody_waits_for_a_step_in_vain_and_the_step_comes_back_with_who_could() -> None:
    rules = policy(QueuePolicy(relax=RELAXED))
    hub = engine(case("c", skills={"zh": 4}), seat("ann", load={"voice": 1}), policy=rules)
    assert hub.decide(NOW) == []
    assert remarks(hub, NOW)[0] == Reason("relaxed_early", {"step": 2, "steps": 3})
    hub.put_seat(seat("mei", skills={"zh": 5}, load={"voice": 1}))
    hub.put_seat(seat("ann"))
    assert hub.decide(NOW) == [], "Mei is there, and could take it as it stands"
    hub.remove_seat("mei")
    (decision,) = hub.decide(NOW)
    assert decision.agent_id == "ann"
    assert Why("relaxed", {"step": 2, "steps": 3}) in decision.why


def test_a_step_that_would_not_help_either_is_not_skipped() -> None:
    hub = engine(case("c", skills={"zh": 4}), seat("ann", away="offline"), policy=policy(QueuePolicy(relax=RELAXED)))
    assert hub.decide(NOW) == []
    assert waits_because(hub) == Reason("nobody_has_the_skills", {"considered": 1})


def test_members_of_an_added_queue_are_considered() -> None:
    hub = engine(case("c"), seat("ann", load={"voice": 1}), policy=policy(QueuePolicy(relax=RELAXED)))
    hub.put_seat(seat("sue", queues=frozenset({"help"}), idle_since_at=0))
    assert hub.decide(NOW) == []
    (decision,) = hub.decide(NOW + 90 * SECOND)
    assert decision.agent_id == "sue"
    assert reasons(decision)["ann"] == (Reason("on_call"),)


# --- turns -------------------------------------------------------------------------------------------------------


def test_at_the_cap_it_is_first_come_first_served_however_urgent() -> None:
    rules = policy(most_priority=10)
    waits = (case("patient", "voice", waited_ms=10 * MINUTE), case("urgent", "voice", priority=100, waited_ms=MINUTE))
    assert offers(engine(*waits, seat("ann"), policy=rules).decide(NOW)) == [("patient", "ann")]
    assert offers(engine(*waits, seat("ann"), policy=rules).decide(NOW - 1)) == [("urgent", "ann")]
    assert offers(engine(*waits, seat("ann")).decide(NOW)) == [("urgent", "ann")]


def test_cases_that_come_and_go_before_the_cap_leave_nothing_behind() -> None:
    hub = engine(policy=policy(most_priority=1_000))
    for number in range(1_000):
        hub.put_waiting(case("c", waited_ms=number))
    assert len(hub._times.caps) < 100


def test_with_slack_who_can_least_afford_to_wait_is_served_first() -> None:
    queues = {
        "sales": QueuePolicy(target_ms=5 * MINUTE),
        "help": QueuePolicy(target_ms=3 * MINUTE, handling_ms=MINUTE),
    }
    both = seat("ann", queues=frozenset({"sales", "help"}))
    waits = (case("s", "voice", waited_ms=2 * MINUTE), case("h", "voice", queue="help"))
    hub = engine(*waits, both, policy=Policy("test", order="slack", queues=queues))
    assert offers(hub.decide(NOW)) == [("h", "ann")]


# --- what fits ---------------------------------------------------------------------------------------------------

WEIGHTS = {"voice": 4, "chat": 2}


@pytest.mark.parametrize(
    "more, medium, label, why",
    [
        ({}, "chat", "", None),
        ({"load": {"voice": 1}}, "chat", "", Reason("on_call")),
        ({"load": {"chat": 4}}, "chat", "", Reason("no_capacity", {"medium": "chat", "load": 4, "capacity": 4})),
        ({}, "other", "", Reason("no_capacity", {"medium": "other", "load": 0, "capacity": 0})),
        ({"most": 6, "load": {"chat": 2}}, "chat", "", None),
        (
            {"most": 5, "load": {"chat": 2}},
            "chat",
            "",
            Reason("no_total", {"weight": 2, "load": 4, "capacity": 5}),
        ),
        ({"most": 5, "load": {"chat": 2}}, "email", "", None),
        ({"most_of": {"vip": 1}, "labelled": {"vip": 1}}, "chat", "", None),
        (
            {"most_of": {"vip": 1}, "labelled": {"vip": 2}},
            "chat",
            "vip",
            Reason("no_label", {"label": "vip", "load": 2, "capacity": 1}),
        ),
        ({"most_of": {"vip": 1}, "labelled": {"vip": 2}}, "chat", "plain", None),
    ],
)
def test_one_more_fits_or_the_limit_is_named(
    more: dict[str, Any], medium: Any, label: str, why: Reason | None
) -> None:
    assert fits(seat("ann", **more), medium, label, policy(weights=WEIGHTS)) == why


def test_what_is_put_aside_takes_nothing_meanwhile() -> None:
    aside = policy(weights=WEIGHTS, interrupts={"voice": frozenset({"email"})}, exclusive_media=("voice", "email"))
    ann = seat("ann", most=4, load={"email": 3})
    assert fits(ann, "voice", "", aside) is None
    assert fits(ann, "chat", "", aside) == Reason("on_call")
    hub = engine(case("v", "voice"), case("c"), ann, policy=aside)
    assert offers(hub.decide(NOW)) == [("v", "ann")]
    assert waits_because(hub) == Reason("everyone_busy", {"available": 1})


def test_a_case_counts_as_its_own_label_or_else_as_its_queue_s() -> None:
    rules = policy(QueuePolicy(label="vip"))
    hub = engine(*[case(f"c{n}", waited_ms=9 - n) for n in range(3)], seat("ann", most_of={"vip": 2}), policy=rules)
    assert len(hub.decide(NOW)) == 2
    (ann,) = hub.seats()
    assert ann.labelled == {"vip": 2}
    hub.put_waiting(case("plain", label="plain"))
    assert offers(hub.decide(NOW)) == [("plain", "ann")]


def test_a_weighted_total_counts_as_the_agent_s_whole() -> None:
    rules = policy(weights=WEIGHTS)
    assert seat("ann", most=8, load={"chat": 1, "email": 1, "sms": 0}).share(rules.weights) == 375_000
    assert seat("ann", most=8, load={"chat": 1}).share() == 125_000


def test_a_total_that_is_lowered_takes_nothing_away_and_lets_nothing_in() -> None:
    hub = engine(seat("ann", most=8, load={"chat": 3}), case("c"), policy=policy(weights=WEIGHTS))
    hub.put_seat(seat("ann", most=4, load={"chat": 3}))
    assert hub.decide(NOW) == []
    assert hub.seats()[0].load == {"chat": 3}


# --- rings, cool-downs -------------------------------------------------------------------------------------------


def test_several_are_rung_at_once_and_all_of_them_are_reserved() -> None:
    hub = engine(case("c", "voice", waited_ms=1), case("d", "voice"), policy=policy(QueuePolicy(ring=2)))
    for name in ("ann", "bob", "cy"):
        hub.put_seat(seat(name))
    first, second = hub.decide(NOW)
    assert (first.agent_id, first.others) == ("ann", ("bob",))
    assert (second.agent_id, second.others) == ("cy", ())
    assert first.explanation.record()["others"] == ["bob"]
    assert first.counts == {"chosen": 1, "rings_too": 1, "not_chosen": 1}
    assert Why("rings_with", {"count": 1}) in first.why


def test_several_who_come_free_together_are_rung_at_once() -> None:
    hub = engine(case("c", "voice"), policy=policy(QueuePolicy(ring=2)))
    assert hub.decide(NOW) == []
    for name in ("cy", "bob", "ann"):
        hub.put_seat(seat(name))
    (decision,) = hub.decide(NOW)
    assert (decision.agent_id, decision.others) == ("ann", ("bob",))


def test_each_cause_has_its_own_cool_down() -> None:
    causes: dict[Any, int] = {"rejected": 120 * SECOND, "busy": 2 * SECOND}
    rules = policy(cooldown_ms=causes)
    colleague = seat("bob", load={"voice": 1})
    for cause, cooldown in (("rejected", 120), ("busy", 2), ("no_answer", 30)):
        missed = case("c", missed={"ann": NOW}, missed_by={"ann": cause})
        hub = engine(missed, seat("ann"), colleague, policy=rules)
        assert hub.decide(NOW + cooldown * SECOND - 1) == []
        assert offers(hub.decide(NOW + cooldown * SECOND)) == [("c", "ann")]


def test_a_colleague_who_does_not_do_the_medium_does_not_count_as_one_who_could() -> None:
    hub = engine(case("c", missed={"ann": NOW}), seat("ann"), seat("bob", capacity={"voice": 1}))
    assert hub.decide(NOW + SECOND) == []
    assert offers(hub.decide(NOW + 5 * SECOND)) == [("c", "ann")]


def test_where_nobody_who_is_there_does_the_medium_it_is_said() -> None:
    hub = engine(case("c"), seat("bob", capacity={"voice": 1}))
    assert waits_because(hub) == Reason("nobody_does_the_medium", {"available": 1, "medium": "chat"})


# --- policies that make no sense ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong, said",
    [
        ({"cooldown_ms": {"busy": -1}}, "cooldown_ms"),
        ({"most_priority": -1}, "most_priority"),
        ({"weights": {"chat": -1}}, "weights"),
        ({"ranking": ("known", "known")}, "ranking"),
        ({"ranking": ("least_loaded", "most_loaded")}, "ranking"),
        ({"ranking": ("most_skilled", "known", "least_skilled")}, "ranking"),
    ],
)
def test_a_policy_that_contradicts_itself_is_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Policy("test", **wrong)


@pytest.mark.parametrize(
    "wrong, said",
    [
        ({"ring": 0}, "1 to 50"),
        ({"ring": 51}, "1 to 50"),
        ({"relax": (Step(2), Step(1))}, "order of their times"),
        ({"hold_ms": -1}, "hold_ms"),
        ({"target_ms": -1}, "target_ms"),
        ({"handling_ms": -1}, "handling_ms"),
    ],
)
def test_a_queue_s_policy_that_makes_no_sense_is_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        QueuePolicy(**wrong)
