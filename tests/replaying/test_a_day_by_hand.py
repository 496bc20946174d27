"""What a day is made from, by hand: records with all that can happen to a case, and agents who come and go."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from contact_center.domain.overflow import Overflow
from contact_center.domain.time import MINUTE, SECOND
from contact_center.replaying.comparing import compare
from contact_center.replaying.day import Recorded, _Told, put_together
from contact_center.replaying.report import assumptions
from routing import Policy, Seat, Waiting
from routing.facts import Begun, Decided, Fact, Made, SeatGone
from routing.figures import spans_together
from routing.onward import Place

FIRST, LAST = 1_000_000, 1_000_000 + 60 * MINUTE
ANN = Seat("ann", "Ann", frozenset({"q", "r"}), capacity={"voice": 1})
BEN = Seat("ben", "Ben", frozenset({"q"}), capacity={"voice": 1})


def at(minute: float) -> int:
    return FIRST + round(minute * MINUTE)


def segment(kind: str, begin: float, end: float | None, queue: str = "q", agent: str = "", outcome: str = "") -> Any:
    return {
        "kind": kind,
        "started_at": at(begin),
        "ended_at": 0 if end is None else at(end),
        "queue": queue,
        "agent_id": agent,
        "outcome": outcome,
    }


def record(key: str, *segments: Any, state: str = "ended", ended: float = 0) -> dict[str, Any]:
    return {
        "interaction_id": key,
        "case_id": 1,
        "medium": "voice",
        "priority": 2,
        "virtual_enqueued_at": 0,
        "skills": {},
        "segments": list(segments),
        "state": state,
        "ended_at": at(ended),
    }


def left(key: str, begin: float, end: float, **more: Any) -> dict[str, Any]:
    """A customer who left, to whom a call is owed."""
    told = {"case_id": 7, "virtual_enqueued_at": at(begin), "owed": "asked", **more}
    return {**record(key, segment("queue", begin, end), ended=end), **told}


def call(key: str, begin: float, *segments: Any, place: float, ended: float, **more: Any) -> dict[str, Any]:
    """A call that we owed, begun then."""
    told = {"case_id": 7, "virtual_enqueued_at": at(place), "started_at": at(begin), "task": "callback", **more}
    return {**record(key, *segments, ended=ended), **told}


def day(records: list[dict[str, Any]], *facts: tuple[float, Fact]) -> Recorded:
    told = _Told(FIRST, LAST)
    for minute, fact in facts:
        told.hear(at(minute), fact)
    return put_together(told, {each["interaction_id"]: each for each in records})


BEGUN = (-1.0, Begun(Policy("p1")))
HERE = (-0.5, ANN)


def test_a_case_that_was_missed_and_passed_on_waits_twice_and_is_one_case_each_time() -> None:
    told = day(
        [
            record(
                "i1",
                segment("flow", 0, 1, ""),
                segment("queue", 1, 2),
                segment("offer", 2, 2.5, agent="ben", outcome="expired"),
                segment("queue", 2.5, 3),
                segment("offer", 3, 3.25, agent="ann", outcome="accepted"),
                segment("talk", 3.25, 8, agent="ann"),
                segment("hold", 8, 9, agent="ann"),
                segment("queue", 9, 10, "r"),
                segment("offer", 10, 10.5, "r", "ann", "accepted"),
                segment("talk", 10.5, 20, "r", "ann"),
                segment("wrap_up", 20, 21, "r", "ann"),
                ended=21,
            )
        ],
        BEGUN,
        HERE,
    )
    first, second = told.episodes
    assert (first.waiting.queue, first.came_at, first.answered_at, first.ended_at) == ("q", at(1), at(3.25), at(9))
    assert first.ring_ms == 15 * SECOND
    assert (second.waiting.queue, second.came_at, second.ended_at) == ("r", at(9), at(21))
    assert told.assumed.missed == {"voice": {"no_answer": 1 / 3}}
    assert told.real.missed == {"no_answer": 1}
    assert told.real.busy_ms["ann"] == 6 * MINUTE + 11 * MINUTE
    assert told.assumed.answer_ms == {"voice": 22_500}


def test_a_case_that_moved_while_it_waited_comes_where_it_went() -> None:
    told = day(
        [record("i1", segment("queue", 1, 2), segment("queue", 2, 5, "r"), ended=5)],
        BEGUN,
        (1.0, Waiting("i1", 1, "q", "voice", 0, at(1))),
        (2.0, Waiting("i1", 1, "r", "voice", 7, at(1), {"tax": 2}, missed={"ann": 1})),
    )
    (episode,) = told.episodes
    assert (episode.waiting.queue, episode.waiting.priority, episode.waiting.missed) == ("r", 7, {})
    assert (episode.came_at, episode.left_at) == (at(1), at(5))
    assert told.assumed.moved == 1
    assert told.patience["r", "voice"].gave_up == 1
    assert told.coming()[0].patience_ms == 4 * MINUTE


def by_rules(records: list[dict[str, Any]], places: dict[str, Place], *facts: tuple[float, Fact]) -> Recorded:
    told = _Told(FIRST, LAST)
    for minute, fact in facts:
        told.hear(at(minute), fact)
    return put_together(told, {each["interaction_id"]: each for each in records}, places)


def test_a_case_that_a_rule_sent_on_comes_where_it_came_and_is_sent_on_again() -> None:
    places = {"q": Place((Overflow("r", waited_ms=MINUTE),), priority=4, skills={"tax": 1}), "r": Place(priority=1)}
    records = [record("i1", segment("queue", 1, 2), segment("queue", 2, 5, "r"), ended=5)]
    told = by_rules(records, places, BEGUN, (1.0, Waiting("i1", 1, "q", "voice", 5, at(1), {"tax": 1})))
    assert (told.episodes[0].waiting.queue, told.coming()[0].waiting.queue) == ("r", "q")
    assert (told.real.moved, told.assumed.moved, told.assumed.rules) == (1, 0, ("q",))
    simulated = told.under(told.policy)
    assert (simulated.moved, simulated.cases[0].waiting.queue, simulated.cases[0].waiting.priority) == (1, "r", 2)
    # Sent on in the moment it came, it was never told as it came: what its queue gave it is worked out.
    untold = by_rules(records, places, BEGUN, (2.0, Waiting("i1", 1, "r", "voice", 2, at(1))))
    origin = untold.coming()[0].waiting
    assert (origin.queue, origin.priority, origin.skills) == ("q", 5, {"tax": 1})
    lines = " ".join(assumptions("en", compare(told, [])))
    assert "Work goes on from q by the rules" in lines


def test_whose_telephone_was_busy_has_missed_the_offer_and_the_case_waits_on() -> None:
    told = day(
        [
            record(
                "i1",
                segment("queue", 1, 2),
                segment("offer", 2, 2.25, agent="ann", outcome="accepted"),
                segment("talk", 2.25, 2.5, agent="ann"),
                segment("queue", 2.5, 4),
                segment("offer", 4, 4.5, agent="ben", outcome="accepted"),
                segment("talk", 4.5, 9, agent="ben"),
                ended=9,
            )
        ],
        BEGUN,
        HERE,
        (1.0, Waiting("i1", 1, "q", "voice", 0, at(1))),
        (2.5, Waiting("i1", 1, "q", "voice", 0, at(1), missed={"ann": at(2.5)}, missed_by={"ann": "busy"})),
    )
    (episode,) = told.episodes
    assert (episode.agent_id, episode.came_at, episode.answered_at) == ("ben", at(1), at(4.5))
    assert told.real.missed == {"busy": 1}
    assert [(offer.agent_id, offer.outcome) for offer in told.offers] == [("ann", "busy"), ("ben", "accepted")]


def test_who_was_taken_to_be_away_for_what_they_missed_is_there_in_the_simulation() -> None:
    away = replace(ANN, available=False, unavailable_reason="not_ready")
    missed = record(
        "i1",
        segment("queue", 1, 2),
        segment("offer", 2, 3, agent="ann", outcome="expired"),
        segment("queue", 3, None),
    )
    told = day([missed], BEGUN, HERE, (3.0, away), (8.0, ANN), (20.0, away), (30.0, ANN))
    assert told.floor.away_ms == [5 * MINUTE]
    assert [change for change, _ in told.floor.changes] == [FIRST, at(20), at(30)]
    assert told.real.there_ms == {"ann": 45 * MINUTE}
    assert (told.real.away, told.assumed.away, told.assumed.away_ms) == (1, 1, 5 * MINUTE)
    assert "(1 times; half of them for more than 5:00)" in " ".join(assumptions("en", compare(told, [])))
    gone = replace(away, unavailable_reason="offline")
    left = day([missed], BEGUN, HERE, (3.0, away), (8.0, gone), (9.0, ANN))
    assert (left.floor.away_ms, left.real.away) == ([], 0)


def test_an_interaction_that_waits_again_is_another_case_to_the_simulation() -> None:
    told = day(
        [
            record(
                "i1",
                segment("queue", 1, 2),
                segment("talk", 2, 3, agent="ann"),
                segment("queue", 3, 5),
                segment("talk", 5, 6, agent="ann"),
                ended=6,
            )
        ],
        BEGUN,
    )
    assert [each.waiting.interaction_id for each in told.coming()] == ["i1", "i1#2"]
    assert len(told.under(told.policy).cases) == 2


def test_what_is_in_hand_at_the_beginning_is_in_hand_in_the_simulation_too() -> None:
    told = day(
        [
            record("old", segment("queue", -9, -8), segment("talk", -8, 30, agent="ann"), ended=30),
            record("new", segment("queue", 1, 31), segment("talk", 31, 40, agent="ann"), ended=40),
        ],
        BEGUN,
        HERE,
    )
    assert told.floor.in_hand == (("ann", "voice", at(30)),)
    assert [episode.waiting.interaction_id for episode in told.episodes] == ["new"]
    simulated = told.under(told.policy)
    assert simulated.cases[0].answered_at == at(30)
    assert simulated.busy_ms["ann"] == 39 * MINUTE


def test_what_had_not_ended_counts_as_ended_at_the_last_moment_and_is_said() -> None:
    told = day(
        [
            record("i1", segment("queue", 1, 2), segment("talk", 2, None, agent="ann"), state="assigned"),
            record("i2", segment("queue", 3, None), state="waiting"),
        ],
        BEGUN,
        HERE,
    )
    held, waits = told.episodes
    assert held.ended_at == LAST
    assert (waits.waited_ms, told.real.cases[1].waited_ms) == (-1, -1)
    assert told.assumed.still_open == 1
    # Nobody knows how long the other would have taken: as long as one like it.
    assert told.coming()[1].handling_ms == LAST - at(2)
    lines = " ".join(assumptions("en", compare(told, [])))
    assert "1 cases were still in hand" in lines
    assert "nobody of 2 left" in lines


def test_agents_are_there_as_they_were() -> None:
    away = replace(ANN, available=False, unavailable_reason="lunch")
    wrapping = Seat(
        "ben", "Ben", frozenset({"q"}), capacity={"voice": 1}, available=False, unavailable_reason="wrap_up"
    )
    told = day(
        [],
        BEGUN,
        HERE,
        (10.0, BEN),
        (12.0, wrapping),
        (20.0, away),
        (30.0, ANN),
        (40.0, SeatGone("ben")),
        (99.0, away),
    )
    assert told.real.there_ms == {"ann": 50 * MINUTE, "ben": 30 * MINUTE}
    assert told.under(told.policy).there_ms == told.real.there_ms


def test_the_policy_that_most_was_decided_under_is_simulated_and_the_others_are_said() -> None:
    made = (Made("x", 0, "ann"),)
    told = day(
        [], BEGUN, HERE, (1.0, Decided(1, 9, made)), (2.0, Begun(Policy("p2"))), (3.0, Decided(2, 9, made * 2))
    )
    assert told.policy.version == "p2"
    assert told.assumed.policies == {"p1": 1, "p2": 2}
    assert "p1: 1, p2: 2" in " ".join(assumptions("en", compare(told, [])))


def test_a_stretch_that_two_cases_share_counts_once() -> None:
    assert spans_together([(5, 9), (0, 3), (2, 4), (6, 7)]) == 8
    assert spans_together([]) == 0


# --- called back ----------------------------------------------------------------------------------------------------

CALLED = call(
    "c1",
    5,
    segment("queue", 5, 10),
    segment("talk", 10, 11, agent="ann"),
    segment("parked", 11, 26),
    segment("queue", 26, 26),
    segment("talk", 26, 29, agent="ann"),
    segment("wrap_up", 29, 30, agent="ann"),
    place=1,
    ended=30,
    attempts=2,
    first_response_at=at(27),
)
BUSY = record("i0", segment("queue", 0, 0), segment("talk", 0, 10, agent="ann"), ended=10)


def test_who_left_and_was_called_back_is_called_back_in_the_simulation() -> None:
    """Asked for in the fourth minute, tried in vain in the tenth, and reached a quarter of an hour later."""
    told = day([BUSY, left("i1", 1, 5), CALLED], BEGUN, HERE)
    assert [each.waiting.interaction_id for each in told.coming()] == ["i0", "i1"]
    simulated = told.under(told.policy)
    _, gone, first, second = simulated.cases
    assert (gone.left_at, first.came_at, first.waiting.virtual_enqueued_at) == (at(5), at(5), at(1))
    assert (first.answered_at, first.ended_at) == (at(10), at(11))
    assert (second.came_at, second.answered_at, second.ended_at) == (at(26), at(26), at(30))
    lines = " ".join(assumptions("en", compare(told, [])))
    assert "1 of 1 who left were owed a call, 1 were reached, by 2 attempts" in lines
    assert told.assumed.patience["q", "voice"][:2] == (2, 1), "a call that we owe has no patience"


def test_who_is_answered_before_they_would_leave_is_owed_no_call() -> None:
    told = day([BUSY, left("i1", 1, 5), CALLED], BEGUN, HERE, (-0.5, BEN))
    simulated = told.under(told.policy)
    assert [(case.answered_at, case.left_at) for case in simulated.cases] == [(at(0), -1), (at(1), -1)]


def test_an_attempt_that_is_made_later_puts_off_the_next_one() -> None:
    longer = record("i0", segment("queue", 0, 0), segment("talk", 0, 20, agent="ann"), ended=20)
    told = day([longer, left("i1", 1, 5), CALLED], BEGUN, HERE)
    first, second = told.under(told.policy).cases[2:]
    assert (first.answered_at, second.came_at) == (at(20), at(21 + 15))
    # What would come after the day doesn't.
    told = day([replace_end(longer, 50), left("i1", 1, 5), CALLED], BEGUN, HERE)
    assert len(told.under(told.policy).cases) == 3


def test_who_leaves_in_the_simulation_alone_is_owed_a_call_as_often_as_others() -> None:
    """Ann is gone, so that the customer of the thirtieth minute leaves as well."""
    gone = replace(ANN, available=False, unavailable_reason="offline")
    taken = {**record("i2", segment("queue", 30, 30), segment("talk", 30, 31, agent="ann"), ended=31), "case_id": 9}
    told = day([BUSY, left("i1", 1, 5), CALLED, taken], BEGUN, HERE, (29.0, gone))
    cases = {case.waiting.interaction_id: case for case in told.under(told.policy).cases}
    left_at = cases["i2"].left_at
    assert left_at > at(30)
    assert cases["i2+"].came_at == left_at
    nobody = day([BUSY, left("i1", 1, 5, owed=""), taken], BEGUN, HERE, (29.0, gone))
    assert [case.waiting.interaction_id for case in nobody.under(nobody.policy).cases] == ["i0", "i1", "i2"]
    assert "called back" not in " ".join(assumptions("en", compare(nobody, [])))


def test_a_call_of_which_nobody_knows_the_cause_comes_as_it_came() -> None:
    """An agent promised it, or its customer left before the day."""
    told = day([BUSY, CALLED], BEGUN, HERE)
    assert [(each.waiting.interaction_id, each.at) for each in told.coming()] == [("i0", at(0)), ("c1", at(5))]
    assert [case.came_at for case in told.under(told.policy).cases] == [at(0), at(5), at(26)]
    promised = day([BUSY, left("i1", 1, 5, owed="agent"), CALLED], BEGUN, HERE)
    assert promised.callbacks.owed == {}
    other = day([BUSY, left("i1", 2, 5), CALLED], BEGUN, HERE)
    assert other.callbacks.owed == {}, "that is another's place"


def test_a_call_that_is_put_off_comes_when_its_time_has_come_and_one_that_is_cancelled_is_owed_no_more() -> None:
    put_off = call(
        "c1", 5, segment("queue", 5, 5), segment("parked", 5, 20), segment("queue", 20, 25), place=1, ended=25
    )
    told = day([BUSY, left("i1", 1, 5), put_off], BEGUN, HERE, (9.0, replace(ANN, available=False)))
    (attempt,) = told.callbacks.owed["i1"].attempts
    assert (attempt.came_at, attempt.left_at) == (at(20), at(25))
    called = told.under(told.policy).cases[2]
    assert (called.came_at, called.left_at, called.answered) == (at(20), at(25), False)


def replace_end(told: dict[str, Any], end: float) -> dict[str, Any]:
    *before, last = told["segments"]
    return {**told, "segments": [*before, {**last, "ended_at": at(end)}], "ended_at": at(end)}
