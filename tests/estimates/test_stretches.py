"""What became of a stretch of waiting, from an interaction's segments."""

from __future__ import annotations

from typing import Any

from contact_center.estimates.stretches import Became, became, last_began_at, offered_at_once


def segment(kind: str, started_at: int, ended_at: int = 0, queue: str = "support", agent: str = "") -> dict[str, Any]:
    return {"kind": kind, "started_at": started_at, "ended_at": ended_at, "queue": queue, "agent_id": agent}


MISSED_THEN_TAKEN = [
    segment("flow", 0, 10, ""),
    segment("queue", 10, 40),
    segment("offer", 40, 60, agent="jonas"),
    segment("queue", 60, 70),
    segment("offer", 70, 75, agent="mei"),
    segment("talk", 75, 100, agent="mei"),
    segment("hold", 100, 110, agent="mei"),
    segment("talk", 110, 150, agent="mei"),
    segment("wrap_up", 150, 170, agent="mei"),
]


def test_offers_that_came_to_nothing_are_part_of_the_waiting() -> None:
    assert last_began_at(MISSED_THEN_TAKEN) == 10
    assert became(MISSED_THEN_TAKEN, "support", 10, "finished", 170) == Became("answered", 65, "mei", 5, 95, True)


def test_nothing_has_become_of_who_still_waits_or_is_being_offered() -> None:
    assert became([segment("queue", 10)], "support", 10, "", 0) is None
    assert became([segment("queue", 10, 20), segment("offer", 20)], "support", 10, "", 0) is None


def test_a_talk_that_goes_on_is_answered_and_not_done() -> None:
    talking = [segment("queue", 10, 20), segment("offer", 20, 24), segment("talk", 24, 0, agent="mei")]
    assert became(talking, "support", 10, "", 0) == Became("answered", 14, "mei", 4, 0, False)


def test_who_is_sent_on_to_another_queue_waits_anew() -> None:
    sent_on = [*MISSED_THEN_TAKEN[:6], segment("queue", 100, queue="billing")]
    assert last_began_at(sent_on) == 100
    assert became(sent_on, "support", 10, "", 0) == Became("answered", 65, "mei", 5, 25, True)
    assert became(sent_on, "billing", 100, "", 0) is None


def test_from_one_queue_to_the_next_without_an_agent_is_leaving_the_first() -> None:
    moved = [segment("queue", 10, 50), segment("queue", 50, queue="billing")]
    assert became(moved, "support", 10, "", 0) == Became("left", 40)


def test_giving_up_is_told_from_every_other_end() -> None:
    waited = [segment("queue", 10, 50)]
    assert became(waited, "support", 10, "abandoned", 50) == Became("abandoned", 40)
    assert became(waited, "support", 10, "closed", 50) == Became("left", 40)


def test_who_asks_for_a_callback_leaves() -> None:
    assert became([segment("queue", 10, 50), segment("flow", 50)], "support", 10, "", 0) == Became("left", 40)


def test_a_record_that_lost_the_stretch_tells_only_its_end() -> None:
    assert became([], "support", 10, "finished", 60) == Became("left", 50)
    assert became([], "support", 10, "", 0) is None
    assert last_began_at([segment("flow", 0)]) is None


def test_a_call_given_past_routing_was_not_rung() -> None:
    given = [segment("queue", 10, 20), segment("talk", 20, 30, agent="mei")]
    assert became(given, "support", 10, "", 0) == Became("answered", 10, "mei", 0, 10, True)


def test_found_free_is_offered_in_the_same_breath() -> None:
    assert offered_at_once([segment("queue", 10, 60), segment("offer", 60, 90)], 10)
    assert not offered_at_once([segment("queue", 10, 900), segment("offer", 900)], 10)
