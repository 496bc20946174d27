"""What agents and supervisors do with a live call, and what becomes of it when somebody goes in the middle."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from contact_center.domain.time import MINUTE, SECOND
from contact_center.moves.moves import DIRECTED_CALL_MS
from tests.channels.twilio_fake import Told
from tests.hub import CommandRefused
from tests.telephony.talking import LENA, OUTSIDE, WEI, Talk, a_line, with_calls


async def refused(talk: Talk, code: str, name: str, **args: Any) -> None:
    with pytest.raises(CommandRefused) as no:
        await talk.do(name, **args)
    assert no.value.code == code, no.value


# --- the agent's own call -----------------------------------------------------------------------------------------


async def test_hold_and_mute_are_shown_when_the_carrier_has_done_them(database_url: str, tmp_path: Path) -> None:
    async with a_line(database_url, tmp_path, "mei") as line:
        talk = await line.talking(line.desks[0])
        await talk.do("hold", on=True)
        await line.is_asked(f"Participants/{talk.call.sid}", Hold="true")
        await talk.shows(lambda w: w.line.held)
        await talk.do("hold", on=False)
        await talk.shows(lambda w: not w.line.held)
        await talk.do("mute", on=True)
        await line.is_asked(f"Participants/{talk.leg}", Muted="true")
        await talk.shows(lambda w: w.line.muted)
        kinds = [segment.kind for segment in (await talk.record()).segments]
        assert kinds[-3:] == ["talk", "hold", "talk"]


async def test_a_hold_that_fails_is_told_and_not_shown(database_url: str, tmp_path: Path) -> None:
    async with a_line(database_url, tmp_path, "mei") as line:
        talk = await line.talking(line.desks[0])
        line.twilio.answer_next(None, Told(400, 20001, "No."))
        await talk.do("hold", on=True)
        failed = await talk.desk.line("call.action_failed")
        assert failed.body["what"] == "hold"
        assert not (await talk.record()).held


async def test_a_hold_that_is_done_after_the_customer_left_changes_nothing(database_url: str, tmp_path: Path) -> None:
    async with a_line(database_url, tmp_path, "mei") as line:
        talk = await line.talking(line.desks[0])
        line.twilio.answer_next(Told(503, None, "later"))
        await talk.do("hold", on=True)
        await line.stands("hold", "retry")
        await talk.call.completed()
        await talk.shows(lambda w: w.state == "wrap_up")
        line.hub.advance(5 * SECOND)
        await line.is_asked(f"Participants/{talk.call.sid}", Hold="true")
        await line.stands("hold", "delivered")
        record = await talk.record()
        assert (record.held, record.segments[-1].kind) == (False, "wrap_up")


async def test_keys_reach_the_line_and_are_in_no_event(database_url: str, tmp_path: Path) -> None:
    async with a_line(database_url, tmp_path, "mei") as line:
        talk = await line.talking(line.desks[0])
        await talk.do("send_keys", digits="9876543*#")
        await line.is_asked("Participants/")
        assert "9876543" not in str([event.body for event in await line.hub.log(talk.id)])
        for wrong in ("", "12a", "١٢"):
            await refused(talk, "digits", "send_keys", digits=wrong)
        await refused(talk, "args", "send_keys", digits="1" * 33)


async def test_a_live_call_is_nobody_elses(database_url: str, tmp_path: Path) -> None:
    """To another agent the call is not there at all; a supervisor is told that it is not theirs."""
    async with a_line(database_url, tmp_path, "mei") as line, line.hub.signed_in("jonas") as jonas:
        talk = await line.talking(line.desks[0])
        async with line.hub.signed_in("sana") as sana:
            for name, args in (
                ("hold", {"on": True}),
                ("mute", {"on": True}),
                ("send_keys", {"digits": "1"}),
                ("add_party", {"to": f"number:{OUTSIDE}"}),
                ("join_parties", {}),
                ("drop_party", {"party_id": "x"}),
                ("transfer", {"to": "queue:sales"}),
                ("complete_transfer", {"party_id": "x"}),
                ("record", {"what": "start"}),
                ("ask_wrap_up", {"on": True}),
                ("promise_callback", {"at": 0}),
            ):
                for desk, code in ((jonas, "not_found"), (sana, "not_yours")):
                    with pytest.raises(CommandRefused) as no:
                        await desk.command(name, interaction_id=talk.id, **args)
                    assert no.value.code == code, name
        for name, args, code in (
            ("supervise", {"mode": "listen"}, "not_allowed"),
            ("cancel_callback", {}, "not_allowed"),
        ):
            with pytest.raises(CommandRefused) as no:
                await jonas.command(name, interaction_id=talk.id, **args)
            assert no.value.code == code


async def test_a_call_that_is_over_or_not_yet_there_is_left_alone(database_url: str, tmp_path: Path) -> None:
    async with a_line(database_url, tmp_path, "mei") as line:
        call = line.hub.twilio.call(LENA)
        await call.arrive()
        (mei,) = line.desks
        work = await mei.accept()
        early = Talk(line, mei, call, work.interaction_id, "", "")
        await refused(early, "not_connected", "hold", on=True)
        await refused(early, "not_connected", "transfer", to="queue:sales")
        await call.completed()
        await early.shows(lambda w: w.state == "wrap_up")
        for name, args in (
            ("hold", {"on": True}),
            ("record", {"what": "start"}),
            ("transfer", {"to": "queue:sales"}),
        ):
            await refused(early, "over", name, **args)


@pytest.mark.parametrize(
    ("to", "code"),
    [
        ("jonas", "to"),
        ("agent:", "to"),
        ("queue:support", "to"),
        ("agent:mei", "to"),
        ("agent:nobody", "not_found"),
        ("agent:jonas", "not_there"),
        ("number:112", "dialling_not_a_number"),
        ("number:+12025550123", "dialling_country"),
        ("number:+4930a22330000", "dialling_not_a_number"),
    ],
)
async def test_who_cannot_be_brought_in_is_refused_in_words(
    database_url: str, tmp_path: Path, to: str, code: str
) -> None:
    async with a_line(database_url, tmp_path, "mei") as line:
        talk = await line.talking(line.desks[0])
        before = len(await talk.kinds())
        await refused(talk, code, "add_party", to=to)
        assert len(await talk.kinds()) == before, "nothing has changed"


# --- consultations ------------------------------------------------------------------------------------------------


async def test_somebody_who_does_not_answer_leaves_nobody_on_hold(database_url: str, tmp_path: Path) -> None:
    async with a_line(database_url, tmp_path, "mei") as line:
        talk = await line.talking(line.desks[0])
        party_id, leg = await talk.consult(f"number:{OUTSIDE}", joins=False)
        await talk.call.party_leg(talk.id, party_id, "no-answer", leg)
        await line.is_asked(f"Participants/{talk.call.sid}", Hold="false")
        await talk.shows(lambda w: not w.line.held)
        assert (await talk.record()).party(party_id).state == "failed"


async def test_who_was_asked_and_hangs_up_leaves_nobody_on_hold(database_url: str, tmp_path: Path) -> None:
    async with a_line(database_url, tmp_path, "mei") as line:
        talk = await line.talking(line.desks[0])
        party_id, leg = await talk.consult(f"number:{OUTSIDE}")
        await talk.shows(lambda w: w.line.parties[0].state == "joined")
        await talk.call.room("participant-leave", f"party-{party_id}", leg, ParticipantCallStatus="completed")
        await talk.shows(lambda w: not w.line.held)


async def test_a_number_that_the_carrier_refuses_leaves_nobody_on_hold(database_url: str, tmp_path: Path) -> None:
    async with a_line(database_url, tmp_path, "mei") as line:
        talk = await line.talking(line.desks[0])
        await talk.do("hold", on=True)
        await talk.shows(lambda w: w.line.held)
        line.twilio.answer_next(Told(400, 21211, "The number is not valid."))
        party_id = (await talk.do("add_party", to=f"number:{OUTSIDE}", purpose="consult"))["party_id"]
        await talk.becomes(lambda r: r.party(party_id).state == "failed", "the party to fail")
        await talk.shows(lambda w: not w.line.held)


async def test_a_party_who_answers_too_late_is_not_left_in_an_empty_room(database_url: str, tmp_path: Path) -> None:
    async with a_line(database_url, tmp_path, "mei") as line:
        talk = await line.talking(line.desks[0])
        party_id, leg = await talk.consult(f"number:{OUTSIDE}", joins=False)
        await talk.call.completed()
        await talk.shows(lambda w: w.state == "wrap_up")
        await line.is_asked(f"Calls/{leg}", Status="completed")
        assert "<Hangup" in await talk.call.party_answers(talk.id, party_id, leg)


async def test_an_agent_who_hangs_up_while_asking_a_colleague_leaves_them_the_call(
    database_url: str, tmp_path: Path
) -> None:
    async with a_line(database_url, tmp_path, "mei", "jonas") as line:
        mei, jonas = line.desks
        await jonas.command("set_state", state="not_ready")
        talk = await line.talking(mei)
        await talk.consult("agent:jonas")
        await talk.call.agent_leg(talk.id, talk.offer_id, "completed", talk.leg)
        work = await jonas.work(talk.id, lambda w: w.call == "connected" and not w.line.held)
        assert work.line.parties == ()
        await mei.gone(talk.id)
        assert mei.state.agent.state == "ready"
        assert not line.asked(f"Calls/{talk.call.sid}", Status="completed"), "the customer is not cut off"
        await jonas.command("hang_up", interaction_id=talk.id)
        await jonas.command("wrap_up", interaction_id=talk.id, disposition="solved")


async def test_an_agent_who_hangs_up_on_a_customer_on_hold_lets_them_go(database_url: str, tmp_path: Path) -> None:
    async with a_line(database_url, tmp_path, "mei") as line:
        talk = await line.talking(line.desks[0])
        _, leg = await talk.consult(f"number:{OUTSIDE}")
        await talk.call.agent_leg(talk.id, talk.offer_id, "completed", talk.leg)
        await talk.shows(lambda w: w.state == "wrap_up")
        await line.is_asked(f"Calls/{leg}", Status="completed")
        await line.is_asked(f"Calls/{talk.call.sid}", Status="completed")


async def test_a_conference_goes_on_without_the_agent_until_the_other_leaves(
    database_url: str, tmp_path: Path
) -> None:
    async with a_line(database_url, tmp_path, "mei") as line:
        talk = await line.talking(line.desks[0])
        party_id, leg = await talk.consult(f"number:{OUTSIDE}", "conference")
        await talk.call.agent_leg(talk.id, talk.offer_id, "completed", talk.leg)
        await talk.shows(lambda w: w.state == "wrap_up")
        await talk.do("wrap_up", disposition="solved")
        assert not line.asked(f"Calls/{leg}")
        assert not line.asked(f"Calls/{talk.call.sid}", Status="completed")
        await talk.call.party_leg(talk.id, party_id, "completed", leg)
        await line.is_asked(f"Calls/{talk.call.sid}", Status="completed")


async def test_nobody_is_rung_twice_into_one_call(database_url: str, tmp_path: Path) -> None:
    async with a_line(database_url, tmp_path, "mei", "jonas") as line:
        mei, jonas = line.desks
        await jonas.command("set_state", state="not_ready")
        talk = await line.talking(mei)
        await talk.consult("agent:jonas", joins=False)
        await refused(talk, "there_already", "add_party", to="agent:jonas", purpose="conference")


# --- handing over -------------------------------------------------------------------------------------------------


async def test_a_colleague_who_was_asked_takes_over_and_the_customer_hears_them(
    database_url: str, tmp_path: Path
) -> None:
    async with a_line(database_url, tmp_path, "mei", "jonas") as line:
        mei, jonas = line.desks
        await jonas.command("set_state", state="not_ready")
        talk = await line.talking(mei)
        party_id, leg = await talk.consult("agent:jonas", joins=False)
        await refused(talk, "not_there_yet", "complete_transfer", party_id=party_id)
        await talk.call.party_answers(talk.id, party_id, leg)
        await talk.call.room("participant-join", f"party-{party_id}", leg)
        await talk.do("complete_transfer", party_id=party_id)
        await line.is_asked(f"Calls/{talk.leg}", Status="completed")
        await jonas.work(talk.id, lambda w: w.call == "connected" and not w.line.held)
        await mei.gone(talk.id)
        await talk.call.agent_leg(talk.id, talk.offer_id, "completed", talk.leg)
        assert (await talk.record()).call == "connected", "the end of Mei's telephone is not Jonas's"
        await talk.call.party_leg(talk.id, party_id, "completed", leg)
        await jonas.work(talk.id, lambda w: w.state == "wrap_up")


async def test_two_agents_who_hand_each_other_their_calls_at_once_lose_neither(
    database_url: str, tmp_path: Path
) -> None:
    async with a_line(database_url, tmp_path, "mei", "jonas") as line:
        mei, jonas = line.desks
        await jonas.command("set_state", state="not_ready")
        first = await line.talking(mei)
        await jonas.command("set_state", state="ready")
        second = await line.talking(jonas, WEI)
        done = await asyncio.gather(
            first.do("transfer", to="queue:billing"),
            second.do("transfer", to="queue:billing"),
            return_exceptions=True,
        )
        assert done == [{}, {}]
        for talk in (first, second):
            record = await talk.record()
            assert (record.queue, record.customer_left) == ("billing", False)
            assert record.virtual_enqueued_at == record.started_at


async def test_a_caller_who_was_sent_to_an_absent_colleague_is_anybodys_after_a_while(
    database_url: str, tmp_path: Path
) -> None:
    async with a_line(database_url, tmp_path, "mei", "jonas") as line:
        mei, jonas = line.desks
        await jonas.command("set_state", state="not_ready")
        talk = await line.talking(mei)
        await talk.do("transfer", to="agent:jonas")
        await mei.gone(talk.id)
        record = await talk.record()
        assert (record.state, record.only_agent) == ("waiting", "jonas")
        line.hub.advance(DIRECTED_CALL_MS + SECOND)
        offer = await mei.offer(talk.id)
        assert offer.waiting_since_at == record.virtual_enqueued_at
        await mei.command("reject", offer_id=offer.id)


async def test_who_is_not_answered_outside_waits_again_where_they_stood(database_url: str, tmp_path: Path) -> None:
    async with a_line(database_url, tmp_path, "mei") as line:
        (mei,) = line.desks
        talk = await line.talking(mei)
        place = (await talk.record()).virtual_enqueued_at
        await talk.do("transfer", to=f"number:{OUTSIDE}")
        await mei.gone(talk.id)
        told = await line.is_asked(f"Calls/{talk.call.sid}", 2)
        assert OUTSIDE in told[-1]["Twiml"]
        record = await talk.record()
        await talk.call.post("/dialled", f"outside.{record.epoch}.0", DialCallStatus="no-answer")
        offer = await mei.offer(talk.id)
        assert offer.waiting_since_at == place
        await talk.call.completed()
        assert (await talk.record()).ended_reason == "abandoned"


async def test_who_talks_on_outside_has_been_handed_over_and_not_lost(database_url: str, tmp_path: Path) -> None:
    async with a_line(database_url, tmp_path, "mei") as line:
        talk = await line.talking(line.desks[0])
        await talk.do("transfer", to=f"number:{OUTSIDE}")
        await talk.call.completed()
        record = await talk.record()
        assert (record.state, record.ended_reason) == ("ended", "transferred")


# --- calling out --------------------------------------------------------------------------------------------------


async def test_an_agents_own_call_rings_the_agent_first_and_then_the_customer(
    database_url: str, tmp_path: Path
) -> None:
    async with a_line(database_url, tmp_path, "mei") as line:
        (mei,) = line.desks
        placed = await mei.command("place_call", number=LENA)
        interaction_id = placed["interaction_id"]
        await line.is_asked("Calls.json", To="client:mei")
        offer_id = (await line.hub.record(interaction_id)).accepted_offer
        called = line.hub.twilio.called(interaction_id, LENA)
        leg = line.hub.twilio.sid("CA")
        await called.agent_answers(interaction_id, offer_id, leg)
        await called.room("participant-join", f"agent-{offer_id}", leg)
        await line.is_asked("Calls.json", To=LENA)
        record = await line.becomes(interaction_id, lambda r: r.thread_key, "the customer's leg")
        called.sid = record.thread_key
        assert "<Conference" in await called.answers()
        await called.room("participant-join", "customer")
        await mei.work(interaction_id, lambda w: w.call == "connected")
        await called.status("completed")
        await mei.work(interaction_id, lambda w: w.state == "wrap_up")
        with pytest.raises(CommandRefused, match="busy"):
            await mei.command("place_call", number=LENA)


async def test_an_agent_whose_telephone_does_not_answer_keeps_their_own_call(
    database_url: str, tmp_path: Path
) -> None:
    """Nobody else is to make it."""
    async with a_line(database_url, tmp_path, "mei", "jonas") as line:
        mei, jonas = line.desks
        placed = await mei.command("place_call", number=LENA)
        interaction_id = placed["interaction_id"]
        record = await line.hub.record(interaction_id)
        called = line.hub.twilio.called(interaction_id, LENA)
        await called.agent_leg(interaction_id, record.accepted_offer, "no-answer", line.hub.twilio.sid("CA"))
        await mei.work(interaction_id, lambda w: w.state == "wrap_up")
        assert jonas.state.offers == ()
        assert not line.asked("Calls.json", To=LENA)


@pytest.mark.parametrize("number", ["+12025550123", "112", "anonymous", ""])
async def test_what_may_not_be_dialled_is_not(database_url: str, tmp_path: Path, number: str) -> None:
    async with a_line(database_url, tmp_path, "mei") as line:
        with pytest.raises(CommandRefused) as no:
            await line.desks[0].command("place_call", number=number)
        assert no.value.code.startswith(("dialling_", "args"))
        assert await line.hub.interactions() == []
        assert not line.asked("Calls.json")


# --- supervising --------------------------------------------------------------------------------------------------


async def test_two_supervisors_listen_and_no_agent_is_told(database_url: str, tmp_path: Path) -> None:
    people = with_calls()
    people["agents"].append({"id": "ana", "name": "Ana", "email": "ana@hub.example", "role": "supervisor"})
    async with (
        a_line(database_url, tmp_path, "mei", config=people) as line,
        line.hub.signed_in("sana") as sana,
        line.hub.signed_in("ana") as ana,
    ):
        for desk in (sana, ana):
            await desk.command("set_state", state="not_ready")
        talk = await line.talking(line.desks[0])
        legs = []
        for desk in (sana, ana):
            party_id = (await desk.command("supervise", interaction_id=talk.id, mode="listen"))["party_id"]
            record = await talk.becomes(lambda r, p=party_id: r.party(p).leg_id, "the supervisor to be rung")
            leg = record.party(party_id).leg_id
            legs.append(leg)
            await talk.call.party_answers(talk.id, party_id, leg)
            await talk.call.room("participant-join", f"party-{party_id}", leg)
        line.twilio.answer_next(None, Told(404, 20404, "gone"))
        await sana.command("supervise", interaction_id=talk.id, mode="whisper")
        await line.hub.eventually(lambda: _failed(talk), "the whisper to fail")
        assert (await talk.shows(lambda w: True)).line.parties == ()
        assert not [each for each in talk.desk.lines if each.kind.startswith(("call.party", "call.action"))]
        await talk.call.completed()
        for leg in legs:
            await line.is_asked(f"Calls/{leg}", Status="completed")


async def _failed(talk: Talk) -> bool:
    return "call.action_failed" in await talk.kinds()


async def test_a_supervisor_does_not_stay_with_a_customer_who_is_passed_on(database_url: str, tmp_path: Path) -> None:
    async with a_line(database_url, tmp_path, "mei") as line, line.hub.signed_in("sana") as sana:
        await sana.command("set_state", state="not_ready")
        talk = await line.talking(line.desks[0])
        party_id = (await sana.command("supervise", interaction_id=talk.id, mode="barge"))["party_id"]
        leg = (await talk.becomes(lambda r: r.party(party_id).leg_id)).party(party_id).leg_id
        await talk.call.party_answers(talk.id, party_id, leg)
        await talk.do("transfer", to="queue:sales")
        await line.is_asked(f"Calls/{leg}", Status="completed")
        assert not (await talk.record()).party(party_id).there


# --- recording ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("rule", "recorded"), [("never", False), ("always", True), ("consent", False)])
async def test_what_the_queue_says_of_recording_happens(
    database_url: str, tmp_path: Path, rule: str, recorded: bool
) -> None:
    """Nobody was asked in this call, so consent was not given."""
    async with a_line(database_url, tmp_path, "mei", config=with_calls({"record": rule})) as line:
        talk = await line.talking(line.desks[0])
        if recorded:
            await talk.shows(lambda w: w.line.recording == "on")
        else:
            await talk.do("hold", on=True)
            await talk.shows(lambda w: w.line.held)
        assert bool(line.asked("Recordings")) == recorded


async def test_paused_is_said_when_the_carrier_has_said_so_and_not_before(database_url: str, tmp_path: Path) -> None:
    async with a_line(database_url, tmp_path, "mei", config=with_calls({"record": "always"})) as line:
        talk = await line.talking(line.desks[0])
        shown = await talk.shows(lambda w: w.line.recording == "on")
        line.twilio.answer_next(Told(503, None, "later"))
        await talk.do("record", what="pause")
        shown = await talk.shows(lambda w: w.line.recording != "on")
        assert shown.line.recording == "pausing"
        recording_id = next(iter((await talk.record()).recordings))
        await talk.call.recording(recording_id, "in-progress")
        assert (await talk.record()).recording == "pausing", "late news of the beginning"
        await line.stands(
            "record", "retry", "accepted", "delivered"
        )  # the beginning is done; what waits counts from then on
        line.hub.advance(5 * SECOND)
        await talk.shows(lambda w: w.line.recording == "paused")
        await talk.do("record", what="resume")
        await talk.shows(lambda w: w.line.recording == "on")


async def test_a_pause_that_fails_is_shown_as_failed(database_url: str, tmp_path: Path) -> None:
    async with a_line(database_url, tmp_path, "mei", config=with_calls({"record": "always"})) as line:
        talk = await line.talking(line.desks[0])
        await talk.shows(lambda w: w.line.recording == "on")
        line.twilio.answer_next(Told(400, 20001, "No."))
        await talk.do("record", what="pause")
        await talk.shows(lambda w: w.line.recording == "failed")
        await talk.do("record", what="pause")
        await talk.shows(lambda w: w.line.recording == "paused")


async def test_what_is_paused_stays_so_over_a_restart(database_url: str, tmp_path: Path) -> None:
    rules = with_calls({"record": "always"})
    async with a_line(database_url, tmp_path, "mei", config=rules) as line:
        talk = await line.talking(line.desks[0])
        await talk.shows(lambda w: w.line.recording == "on")
        await talk.do("record", what="pause")
        await talk.shows(lambda w: w.line.recording == "paused")
        clock = line.hub.clock
    async with a_line(database_url, tmp_path, "mei", config=rules, clock=clock) as line:
        work = await line.desks[0].work(talk.id)
        assert work.line is not None
        assert work.line.recording == "paused"


# --- what is said while nothing is to be recorded -----------------------------------------------------------------


async def test_no_word_is_kept_while_the_recording_pauses(database_url: str, tmp_path: Path) -> None:
    async with a_line(database_url, tmp_path, "mei", config=with_calls({"record": "always"})) as line:
        hub = line.hub
        talk = await line.talking(line.desks[0])
        await talk.shows(lambda w: w.line.recording == "on")
        await talk.call.says("Before the pause", hub.clock.now)
        await talk.do("record", what="pause")
        await talk.call.says("The secret begins", hub.clock.now)
        await talk.shows(lambda w: w.line.recording == "paused")
        await talk.call.says("The secret is said", hub.clock.now)
        hub.advance(10 * SECOND)
        said_at = hub.clock.now
        await talk.do("record", what="resume")
        await talk.shows(lambda w: w.line.recording == "on")
        hub.advance(2 * SECOND)
        await talk.call.says("The secret ends", said_at)
        hub.advance(5 * SECOND)
        await talk.call.says("After the pause", hub.clock.now)
        lines = [e.body.text for e in await hub.log(talk.id) if e.kind == "transcript.added"]  # type: ignore[union-attr]
        assert [each for each in lines if each] == ["Before the pause", "After the pause"]
        assert "secret" not in str([(row["body"], row["raw"]) for row in await hub.rows("events")])


async def test_a_card_number_that_is_said_is_kept_nowhere(database_url: str, tmp_path: Path) -> None:
    async with a_line(database_url, tmp_path, "mei") as line:
        talk = await line.talking(line.desks[0])
        await talk.call.says("It's 4111 1111 1111 1111, thanks", line.hub.clock.now)
        shown = await talk.desk.line("transcript.added")
        assert shown.body["text"] == "It's ••••, thanks"
        kept = str([(row["body"], row["raw"]) for row in await line.hub.rows("events")])
        assert "1111+1111" not in kept
        assert "1111 1111" not in kept


async def test_a_promise_that_cannot_be_kept_is_not_made(database_url: str, tmp_path: Path) -> None:
    async with a_line(database_url, tmp_path, "mei") as line:
        talk = await line.talking(line.desks[0])
        await refused(talk, "at", "promise_callback", at=line.hub.clock.now + 366 * 1440 * MINUTE)
        await refused(talk, "dialling_country", "promise_callback", at=0, number="+12025550123")
        await refused(talk, "args", "promise_callback", at="soon")
