"""Calls through the flows that we ship, in both languages."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from contact_center.domain.calls import Collect, Hold, Record
from contact_center.domain.events import CallerInput, CallerRecorded, ConsentChanged, SurveyAnswered
from ivr_flows import CallbackWanted, CodeAsked, Flow, ServiceAsked, Turn, VoicemailLeft, advance, after_call
from tests.ivr_flows.callers import NOW, answer, at, begin, heard, press, shipped, standing, tick, ways

ANI = "+14155550123"


@pytest.fixture(scope="module")
def main() -> Flow:
    return shipped("main")


def keys(flow: Flow, pressed: str, now: int = NOW, **facts: str) -> Turn:
    turn = begin(flow, now, **{"ani": ANI, "known": "yes", **facts})
    for key in pressed:
        turn = press(flow, turn, key)
    return turn


def said(turn: Turn) -> str:
    return " ".join(heard(turn))


def test_the_recording_is_announced_in_the_callers_language(main: Flow) -> None:
    turn = keys(main, "2")
    assert turn.happened == (ConsentChanged("recording", True, "announced"),)
    assert heard(turn)[0] == "为提升服务质量，本次通话将被录音。"
    assert at(turn) == "main_menu"


def test_who_waits_hears_where_they_are_and_may_be_called_back_instead(main: Flow) -> None:
    turn = keys(main, "12")
    hold = turn.actions[-1]
    assert isinstance(hold, Hold)
    assert hold.keys == "12"
    turn = tick(main, turn, standing(2, 3, estimate_ms=170_000))
    assert said(turn).startswith("There is one caller ahead of you. The wait is about 3 minutes. If you'd rather not")
    turn = tick(main, turn, standing(), "1")
    assert turn.leaves_queue
    assert "ends in 0 1 2 3" in said(turn)
    turn = press(main, turn, "1")
    assert turn.asks == CallbackWanted(turn.position, ANI)
    turn = answer(main, turn, "accepted")
    assert turn.over
    assert "We'll call you" in said(turn)


@pytest.mark.parametrize("matter, queue", [("1", "sales"), ("2", "support"), ("3", "billing")])
def test_who_would_rather_wait_goes_back_to_the_same_queue(main: Flow, matter: str, queue: str) -> None:
    offered = tick(main, keys(main, "2" + matter), standing(), "1")
    turn = press(main, offered, "2")
    assert turn.enqueue is not None
    assert turn.enqueue.queue == queue
    turn = answer(main, press(main, offered, "1"), "unavailable")
    assert turn.enqueue is not None
    assert turn.enqueue.queue == queue
    assert heard(turn)[0] == "很抱歉，我们无法回拨您的来电号码，已为您保留排队位置。"


@pytest.mark.parametrize("pressed", ["19", "29"])
def test_a_message_goes_to_support(main: Flow, pressed: str) -> None:
    turn = keys(main, pressed)
    assert isinstance(turn.actions[-1], Record)
    turn = advance(main, turn.position, turn.variables, CallerRecorded(turn.position, "RE1", 9_000, "key"), NOW)
    assert turn.asks == VoicemailLeft(turn.position, "RE1", 9_000, "support")
    turn = answer(main, turn, "recorded")
    assert turn.over


def test_a_queue_that_closes_takes_messages(main: Flow) -> None:
    turn = tick(main, keys(main, "11"), standing(is_open=False))
    assert turn.leaves_queue
    assert isinstance(turn.actions[-1], Record)


def test_on_a_day_that_is_closed_there_are_messages(main: Flow) -> None:
    feast = int(datetime(2026, 2, 17, 4, tzinfo=UTC).timestamp() * 1_000)
    turn = begin(main, feast, ani=ANI)
    turn = advance(main, turn.position, turn.variables, CallerInput(turn.position, "1"), feast)
    assert ("office_hours", "holiday") in ways(turn)
    assert isinstance(turn.actions[-1], Record)


def test_the_state_of_an_order_is_told_and_its_address_only_after_proof(main: Flow) -> None:
    turn = press(main, keys(main, "14"), "778899")
    assert isinstance(turn.asks, ServiceAsked)
    assert (turn.asks.service, turn.asks.values) == ("orders", {"number": "778899"})
    turn = answer(main, turn, "ok", status="shipped", address="1 Main Street")
    assert "Your order 7 7 8 8 9 9 is on its way." in said(turn)
    assert "Main Street" not in said(turn)
    turn = press(main, press(main, turn, "1"), "1")
    assert isinstance(turn.asks, CodeAsked)
    turn = answer(main, turn, "sent")
    collect = turn.actions[-1]
    assert isinstance(collect, Collect)
    assert collect.secret
    failed = answer(main, press(main, turn, "111111"), "unavailable")
    assert "Main Street" not in said(failed)
    turn = answer(main, press(main, turn, "123456"), "verified")
    assert "1 Main Street" in said(turn)
    assert at(turn) == "anything_else"


def test_a_caller_with_a_forged_number_hears_nothing_personal(main: Flow) -> None:
    turn = press(main, keys(main, "14", known="no", caller_name="Ann Smith"), "778899")
    turn = answer(main, turn, "ok", status="delivered", address="1 Main Street")
    turn = press(main, turn, "1")
    everything = said(turn) + "".join(step.said for step in turn.steps)
    assert "We don't have an account" in everything
    assert "Main Street" not in everything
    assert "Ann" not in everything


@pytest.mark.parametrize("outcome", ["error", "timeout"])
def test_an_order_that_nobody_can_look_up_gets_a_person(main: Flow, outcome: str) -> None:
    turn = answer(main, press(main, keys(main, "24"), "778899"), outcome)
    assert turn.enqueue is not None
    assert turn.enqueue.queue == "support"
    assert heard(turn)[0] == "很抱歉，暂时无法查询到该信息。"


def test_an_order_number_that_is_unknown_may_be_tried_again(main: Flow) -> None:
    turn = answer(main, press(main, keys(main, "14"), "778899"), "not_found")
    assert at(press(main, turn, "1")) == "order/number"
    assert press(main, turn, "2").enqueue is not None


def test_two_questions_follow_the_conversation(main: Flow) -> None:
    turn = after_call(main, keys(main, "22").variables, NOW)
    assert turn is not None
    turn = press(main, turn, "5")
    assert turn.happened == (SurveyAnswered("satisfaction", "5"),)
    turn = press(main, turn, "1")
    assert turn.happened == (SurveyAnswered("solved", "1"),)
    assert heard(turn) == ["感谢您的来电，再见。"]
    assert turn.over


@pytest.mark.parametrize("name", ["identify", "order_status", "survey", "voicemail"])
def test_each_part_is_a_flow_of_its_own_too(name: str) -> None:
    flow = shipped(name)
    turn = begin(flow)
    for _ in range(20):
        if turn.over:
            break
        turn = answer(flow, turn, "error") if turn.asks else press(flow, turn)
    assert turn.over
