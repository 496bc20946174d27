"""Who is offered what, and what becomes of it, through the real doors."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from contact_center.domain.absence import Absence
from contact_center.domain.time import SECOND
from contact_center.storage import journal
from tests.hub import Clock, CommandRefused, house, open_test_hub

GRACE_MS = Absence().grace_ms
LENA = "+4915112345678"
OMAR = "+447700900123"
RING_MS = 30 * SECOND


def people(**of: dict[str, Any]) -> list[dict[str, Any]]:
    """Agents of the support queue; each may have more."""
    return [
        {"id": name, "name": name.title(), "email": f"{name}@hub.example", "queues": ["support"], **more}
        for name, more in of.items()
    ]


# --- to whom --------------------------------------------------------------------


async def test_a_text_rings_at_a_ready_agent_and_is_answered(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub, hub.at_work("mei") as (mei,):
        await hub.twilio.sms(LENA, "Hello?")
        work = await mei.accept()
        assert work.preview == "Hello?"
        assert work.customer.point == LENA
        await mei.command("reply", interaction_id=work.interaction_id, text="Hi!")
        await mei.line("message.sent")
        await mei.command("wrap_up", interaction_id=work.interaction_id, disposition="solved")
        await mei.gone(work.interaction_id)
        record = await hub.record(work.interaction_id)
        assert (record.state, record.ended_reason, record.disposition) == ("ended", "wrapped_up", "solved")
        assert [segment.kind for segment in record.segments] == ["queue", "offer", "talk", "wrap_up"]


async def test_what_waits_rings_as_soon_as_somebody_is_ready(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub, hub.agent("mei") as mei:
        await hub.twilio.sms(LENA, "Hello?")
        assert (await hub.record(await hub.only_interaction())).state == "waiting"
        await mei.ready()
        offer = await mei.offer()
        assert offer.waiting_since_at == (await hub.record(offer.interaction_id)).virtual_enqueued_at


async def test_only_who_has_the_skill_at_that_level_is_offered(database_url: str, tmp_path: Path) -> None:
    staff = people(ann={"skills": {"billing": 1}}, bob={"skills": {"billing": 2}}, cem={})
    for person in staff:
        person["queues"] = ["billing"]
    doors = [{"channel": "twilio_sms", "dialled": "*", "queue": "billing"}]
    async with (
        open_test_hub(database_url, tmp_path, config=house(agents=staff, entry_points=doors)) as hub,
        hub.at_work("ann", "bob", "cem") as (ann, bob, cem),
    ):
        await hub.twilio.sms(LENA, "My invoice")
        offer = await bob.offer()
        assert not ann.state.offers
        assert not cem.state.offers
        decision = await hub.get(f"decisions/{offer.decision_id}")
        assert decision["chosen"] == "bob"
        considered = {c["agent_id"]: c for c in decision["candidates"]}
        assert considered["bob"]["eligible"]
        for other in ("ann", "cem"):
            assert not considered[other]["eligible"]
            assert considered[other]["reasons"], "everybody is told why not"


async def test_who_has_the_least_in_hand_is_offered_next(database_url: str, tmp_path: Path) -> None:
    staff = people(ann={}, bob={})
    async with (
        open_test_hub(database_url, tmp_path, config=house(agents=staff)) as hub,
        hub.at_work("ann", "bob") as (ann, bob),
    ):
        taken: dict[str, int] = {"ann": 0, "bob": 0}
        for n in range(4):
            await hub.twilio.sms(f"+49151123456{n:02}", "Hello?")
            await hub.eventually(lambda: somebody_rings(ann, bob))
            who = ann if ann.state.offers else bob
            work = await who.accept()
            assert work.state == "assigned"
            taken[who.state.agent.id] += 1
        assert taken == {"ann": 2, "bob": 2}


async def somebody_rings(*consoles: Any) -> bool:
    return any(console.state.offers for console in consoles)


async def test_of_equals_the_longest_idle_is_offered(database_url: str, tmp_path: Path) -> None:
    """Also who has just finished written work is less idle than who has not worked at all."""
    staff = people(ann={}, bob={}, cem={})
    async with (
        open_test_hub(database_url, tmp_path, config=house(agents=staff)) as hub,
        hub.agent("ann") as ann,
        hub.agent("bob") as bob,
        hub.agent("cem") as cem,
    ):
        for console in (cem, ann, bob):
            await console.ready()
            hub.advance(SECOND)
        for n, console in enumerate((cem, ann, bob, cem, ann)):
            await hub.twilio.sms(f"+49151123456{n:02}", "Hello?")
            work = await console.accept()
            hub.advance(SECOND)
            await console.command("wrap_up", interaction_id=work.interaction_id, disposition="solved")
            await console.gone(work.interaction_id)
            hub.advance(SECOND)


async def test_nobody_is_given_more_than_their_capacity(database_url: str, tmp_path: Path) -> None:
    staff = people(ann={"capacity": {"sms": 2}})
    async with (
        open_test_hub(database_url, tmp_path, config=house(agents=staff)) as hub,
        hub.at_work("ann") as (ann,),
    ):
        for n in range(4):
            await hub.twilio.sms(f"+49151123456{n:02}", "Hello?")
        first = await ann.accept()
        await ann.accept()
        assert ann.state.agent.state == "busy"
        waiting = [r for r in [await hub.record(i) for i in await hub.interactions()] if r.state == "waiting"]
        assert len(waiting) == 2
        await ann.command("wrap_up", interaction_id=first.interaction_id, disposition="solved")
        assert (await ann.offer()).customer.point == "+4915112345602", "the one who has waited longest"


async def test_a_call_takes_the_whole_agent(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub, hub.at_work("mei") as (mei,):
        await hub.twilio.call(LENA).arrive()
        call = await mei.accept()
        await hub.twilio.sms(OMAR, "Hello?")
        await mei.command("note", interaction_id=call.interaction_id, text="speaking")
        assert not mei.state.offers
        await mei.command("wrap_up", interaction_id=call.interaction_id, disposition="solved")
        assert (await mei.offer()).customer.point == OMAR


async def test_a_customer_comes_back_to_who_served_them(database_url: str, tmp_path: Path) -> None:
    staff = people(ann={}, bob={})
    async with (
        open_test_hub(database_url, tmp_path, config=house(agents=staff)) as hub,
        hub.at_work("ann") as (ann,),
        hub.agent("bob") as bob,
    ):
        await hub.twilio.sms(LENA, "Hello?")
        work = await ann.accept()
        await ann.command("wrap_up", interaction_id=work.interaction_id, disposition="solved")
        await ann.gone(work.interaction_id)
        await bob.ready()
        hub.advance(60 * SECOND)
        await hub.twilio.sms(LENA, "Me again")
        offer = await ann.offer()
        assert "served_before" in [why.code for why in offer.why]
        assert [past.agent_name for past in offer.history] == ["Ann"]


async def test_the_most_urgent_waits_least(database_url: str, tmp_path: Path) -> None:
    doors = [
        {"channel": "twilio_sms", "dialled": "*", "queue": "support"},
        {"channel": "webchat", "dialled": "support", "queue": "support", "priority": 10},
    ]
    async with (
        open_test_hub(database_url, tmp_path, config=house(entry_points=doors)) as hub,
        hub.agent("jonas") as jonas,
    ):
        await hub.twilio.sms(LENA, "Hello?")
        hub.advance(SECOND)
        await hub.chat("visitor-1", "Urgent!")
        await jonas.ready()
        await jonas.until(lambda: len(jonas.state.offers) == 2)
        made = [o for _, o in jonas.announced if o.kind == "offer.rings"]
        assert [o.offer.medium for o in made] == ["chat", "sms"]  # type: ignore[union-attr]


# --- no --------------------------------------------------------------------


async def test_a_rejected_offer_goes_to_somebody_else_at_its_own_place(database_url: str, tmp_path: Path) -> None:
    staff = people(ann={}, bob={})
    async with (
        open_test_hub(database_url, tmp_path, config=house(agents=staff)) as hub,
        hub.at_work("ann") as (ann,),
        hub.agent("bob") as bob,
    ):
        await hub.twilio.sms(LENA, "Hello?")
        offer = await ann.offer()
        place = offer.waiting_since_at
        await bob.ready()
        hub.advance(5 * SECOND)
        await ann.command("reject", offer_id=offer.id, reason="break")
        await ann.gone(offer.interaction_id)
        again = await bob.offer(offer.interaction_id)
        assert again.waiting_since_at == place
        assert again.id != offer.id


async def test_who_alone_could_take_it_is_asked_again_after_a_while(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub, hub.at_work("mei") as (mei,):
        await hub.twilio.sms(LENA, "Hello?")
        offer = await mei.offer()
        await mei.command("reject", offer_id=offer.id)
        await mei.gone(offer.interaction_id)
        hub.advance(4 * SECOND)
        assert not mei.state.offers
        hub.advance(2 * SECOND)
        again = await mei.offer()
        assert again.waiting_since_at == offer.waiting_since_at


async def test_an_offer_that_rings_out_goes_on_at_its_own_place(database_url: str, tmp_path: Path) -> None:
    staff = people(ann={}, bob={})
    async with (
        open_test_hub(database_url, tmp_path, config=house(agents=staff)) as hub,
        hub.at_work("ann") as (ann,),
        hub.agent("bob") as bob,
    ):
        await hub.twilio.sms(LENA, "Hello?")
        offer = await ann.offer()
        await bob.ready()
        hub.advance(RING_MS - 1)
        assert (await ann.snapshot()).offers, "not a moment too early"
        hub.advance(1)
        again = await bob.offer(offer.interaction_id)
        assert again.waiting_since_at == offer.waiting_since_at
        await ann.gone(offer.interaction_id)
        assert ann.state.agent.state == "ready"
        with pytest.raises(CommandRefused, match="offer_gone"):
            await ann.command("accept", offer_id=offer.id)


async def test_a_queues_own_ringing_time_counts(database_url: str, tmp_path: Path) -> None:
    doors = [{"channel": "twilio_sms", "dialled": "*", "queue": "billing"}]
    async with (
        open_test_hub(database_url, tmp_path, config=house(entry_points=doors)) as hub,
        hub.at_work("mei") as (mei,),
    ):
        await hub.twilio.sms(LENA, "Hello?")
        offer = await mei.offer()
        assert offer.deadline_at - offer.made_at == 25 * SECOND


async def test_who_misses_two_in_a_row_is_taken_to_be_away(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub, hub.at_work("mei") as (mei,):
        await hub.twilio.sms(LENA, "Hello?")
        offer = await mei.offer()
        hub.advance(RING_MS)
        await mei.gone(offer.interaction_id)
        assert mei.state.agent.state == "ready", "once may happen to anybody"
        hub.advance(60 * SECOND)
        await mei.offer()
        hub.advance(RING_MS)
        await mei.until(lambda: mei.state.agent.reason == "not_responding")
        assert (mei.state.agent.state, mei.state.agent.chosen) == ("not_ready", "not_ready")
        hub.advance(600 * SECOND)
        assert (await mei.snapshot()).offers == ()
        await mei.ready()
        assert (await mei.offer()).waiting_since_at == offer.waiting_since_at


async def test_why_it_was_missed_is_remembered_and_told_to_routing(database_url: str, tmp_path: Path) -> None:
    staff = people(ann={}, bob={}, cem={})
    async with (
        open_test_hub(database_url, tmp_path, config=house(agents=staff)) as hub,
        hub.at_work("ann") as (ann,),
        hub.agent("bob") as bob,
        hub.agent("cem") as cem,
    ):
        await hub.twilio.call(LENA).arrive()
        one = await hub.only_interaction()
        await ann.command("reject", offer_id=(await ann.offer(one)).id)
        await bob.ready()
        await bob.offer(one)
        hub.advance(20 * SECOND)
        await bob.gone(one)
        for console in (ann, bob):
            await console.command("set_state", state="not_ready")
        await cem.ready()
        await cem.accept(one)
        offer_id = (await hub.record(one)).accepted_offer
        call = hub.twilio.call(LENA)
        call.sid = (await hub.record(one)).thread_key
        await call.agent_leg(one, offer_id, "busy")
        await cem.until(lambda: cem.state.agent.reason == "phone_unreachable")
        waiting = await hub.read(lambda conn: journal.waiting(conn, journal.look(conn, one)))  # type: ignore[arg-type]
        assert waiting.missed_by == {"ann": "rejected", "bob": "no_answer", "cem": "busy"}
        assert set(waiting.missed) == {"ann", "bob", "cem"}


async def test_leaving_gives_back_what_rings(database_url: str, tmp_path: Path) -> None:
    staff = people(ann={}, bob={})
    async with (
        open_test_hub(database_url, tmp_path, config=house(agents=staff)) as hub,
        hub.at_work("ann") as (ann,),
        hub.agent("bob") as bob,
    ):
        await hub.twilio.sms(LENA, "Hello?")
        offer = await ann.offer()
        await bob.ready()
        await ann.command("set_state", state="not_ready", reason="break")
        assert ann.state.agent.state == "not_ready"
        assert (await bob.offer()).interaction_id == offer.interaction_id


async def test_a_caller_who_hangs_up_stops_the_ringing(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub, hub.at_work("mei") as (mei,):
        call = hub.twilio.call(LENA)
        await call.arrive()
        offer = await mei.offer()
        await call.hang_up()
        await mei.gone(offer.interaction_id)
        over = [body for _, body in mei.announced if body.kind == "offer.over"]
        assert [o.outcome for o in over] == ["cancelled"]  # type: ignore[union-attr]
        record = await hub.record(offer.interaction_id)
        assert (record.state, record.ended_reason) == ("ended", "abandoned")
        assert mei.state.agent.state == "ready"


# --- exactly one outcome --------------------------------------------------------------------


async def test_two_consoles_that_accept_the_same_offer_get_one_interaction(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub, hub.at_work("mei") as (one,), hub.agent("mei") as two:
        await hub.twilio.sms(LENA, "Hello?")
        offer = await one.offer()
        await two.offer()
        values = await asyncio.gather(
            one.command("accept", "from-one", offer_id=offer.id), two.command("accept", "from-two", offer_id=offer.id)
        )
        assert values == [{"interaction_id": offer.interaction_id}] * 2, "the same agent: both mean the same"
        await one.work(offer.interaction_id)
        await two.work(offer.interaction_id)
        assert [e.kind for e in await hub.log(offer.interaction_id)].count("offer.ended") == 1


async def test_an_offer_of_somebody_elses_is_not_there(database_url: str, tmp_path: Path) -> None:
    async with (
        open_test_hub(database_url, tmp_path) as hub,
        hub.at_work("mei") as (mei,),
        hub.agent("jonas") as jonas,
    ):
        await hub.twilio.sms(LENA, "Hello?")
        offer = await mei.offer()
        for verb in ("accept", "reject"):
            with pytest.raises(CommandRefused, match="not_found"):
                await jonas.command(verb, offer_id=offer.id)
        assert (await mei.snapshot()).offers


async def test_accepting_and_ringing_out_at_once_have_one_outcome(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub, hub.at_work("mei") as (mei,):
        for n in range(4):
            await hub.twilio.sms(f"+49151123456{n:02}", "Hello?")
            offer = await mei.offer()
            hub.advance(RING_MS)
            (outcome,) = await asyncio.gather(mei.command("accept", offer_id=offer.id), return_exceptions=True)
            accepted = not isinstance(outcome, BaseException)
            assert accepted or (isinstance(outcome, CommandRefused) and outcome.code == "offer_gone")
            ended = [e.body for e in await hub.log(offer.interaction_id) if e.kind == "offer.ended"]
            assert [body.outcome for body in ended] == ["accepted" if accepted else "expired"]  # type: ignore[union-attr]
            await mei.ready()
            if not accepted:
                hub.advance(60 * SECOND)
                await mei.accept(offer.interaction_id)
            await mei.command("wrap_up", interaction_id=offer.interaction_id, disposition="solved")
            await mei.gone(offer.interaction_id)


async def test_accepting_and_hanging_up_at_once_have_one_outcome(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub, hub.at_work("mei") as (mei,):
        for _ in range(4):
            call = hub.twilio.call(LENA)
            await call.arrive()
            offer = await mei.offer()
            accepting, _ = await asyncio.gather(
                mei.command("accept", offer_id=offer.id), call.hang_up(), return_exceptions=True
            )
            record = await hub.record(offer.interaction_id)
            if isinstance(accepting, BaseException):
                assert (record.state, record.ended_reason) == ("ended", "abandoned")
            else:
                assert record.state == "wrap_up", "the agent had the call, and wraps up"
                await mei.command("wrap_up", interaction_id=offer.interaction_id, disposition="solved")
            await mei.gone(offer.interaction_id)


async def test_accepting_and_rejecting_at_once_have_one_outcome(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub, hub.at_work("mei") as (mei,), hub.agent("mei") as two:
        await hub.twilio.sms(LENA, "Hello?")
        offer = await mei.offer()
        results = await asyncio.gather(
            mei.command("accept", "c-a", offer_id=offer.id),
            two.command("reject", "c-b", offer_id=offer.id),
            return_exceptions=True,
        )
        assert sum(isinstance(result, CommandRefused) for result in results) == 1
        assert [e.kind for e in await hub.log(offer.interaction_id)].count("offer.ended") == 1


# --- gone --------------------------------------------------------------------


async def test_an_agent_who_vanishes_gives_everything_written_back_at_its_place(
    database_url: str, tmp_path: Path
) -> None:
    staff = people(ann={}, bob={})
    async with open_test_hub(database_url, tmp_path, config=house(agents=staff)) as hub:
        async with hub.agent("ann") as ann:
            await ann.ready()
            await hub.twilio.sms(LENA, "Hello?")
            held = await ann.accept()
            await hub.twilio.sms(OMAR, "Hello?")
            ringing = await ann.offer()
            place = (await hub.record(held.interaction_id)).virtual_enqueued_at
            await ann.cut()
        await hub.eventually(lambda: deadline_of(hub, "presence"), "the time to come back to begin")
        async with hub.agent("bob") as bob:
            await bob.ready()
            hub.advance(GRACE_MS - 1)
            assert (await bob.snapshot()).offers == ()
            hub.advance(1)
            offers = {(await bob.offer(i)).interaction_id for i in (held.interaction_id, ringing.interaction_id)}
            assert offers == {held.interaction_id, ringing.interaction_id}
            assert (await bob.offer(held.interaction_id)).waiting_since_at == place
        ann_now = next(a for a in (await hub.get("agents"))["items"] if a["id"] == "ann")
        assert (ann_now["state"], ann_now["reason"], ann_now["load"]) == ("offline", "connection_lost", {})


async def deadline_of(hub: Any, kind: str) -> bool:
    return any(row["kind"] == kind and row["due_at"] > hub.clock.now for row in await hub.rows("deadlines"))


async def test_an_agent_who_comes_back_in_time_loses_nothing(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub:
        async with hub.agent("mei") as mei:
            await mei.ready()
            await hub.twilio.sms(LENA, "Hello?")
            held = await mei.accept()
            await mei.cut()
        await hub.eventually(lambda: deadline_of(hub, "presence"))
        hub.advance(GRACE_MS - 1)
        async with hub.agent("mei") as back:
            hub.advance(10 * GRACE_MS)
            await back.command("note", interaction_id=held.interaction_id, text="still here")
            assert back.state.agent.state == "ready"
            assert [work.interaction_id for work in back.state.work] == [held.interaction_id]


async def test_one_of_two_consoles_that_goes_changes_nothing(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub, hub.at_work("mei") as (stays,):
        async with hub.agent("mei") as goes:
            await goes.cut()
        hub.advance(10 * GRACE_MS)
        await stays.snapshot()
        assert stays.state.agent.state == "ready"


async def test_a_live_call_stays_with_an_agent_whose_console_is_gone(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub:
        async with hub.agent("mei") as mei:
            await mei.ready()
            call = hub.twilio.call(LENA)
            await call.arrive()
            held = await mei.accept()
            offer_id = (await hub.record(held.interaction_id)).accepted_offer
            await call.agent_answers(held.interaction_id, offer_id)
            await mei.work(held.interaction_id, lambda w: w.call == "connected")
            await mei.cut()
        await hub.eventually(lambda: deadline_of(hub, "presence"))
        hub.advance(GRACE_MS)
        await hub.eventually(lambda: is_offline(hub, "mei"))
        record = await hub.record(held.interaction_id)
        assert (record.state, record.agent_id) == ("assigned", "mei")


async def is_offline(hub: Any, agent_id: str) -> bool:
    return any(a["id"] == agent_id and a["state"] == "offline" for a in (await hub.get("agents"))["items"])


# --- a restart --------------------------------------------------------------------


async def test_an_offer_and_its_deadline_survive_a_restart(database_url: str, tmp_path: Path) -> None:
    clock = Clock()
    async with open_test_hub(database_url, tmp_path, clock=clock) as hub, hub.at_work("mei") as (mei,):
        await hub.twilio.sms(LENA, "Hello?")
        offer = await mei.offer()
    async with open_test_hub(database_url, tmp_path, clock=clock) as hub, hub.agent("mei") as mei:
        assert [o.id for o in mei.state.offers] == [offer.id]
        hub.advance(RING_MS)
        await mei.gone(offer.interaction_id)
        assert (await hub.record(offer.interaction_id)).virtual_enqueued_at == offer.waiting_since_at


async def test_a_deadline_that_passed_while_the_hub_was_down_is_kept_at_the_start(
    database_url: str, tmp_path: Path
) -> None:
    clock = Clock()
    async with open_test_hub(database_url, tmp_path, clock=clock) as hub, hub.at_work("mei") as (mei,):
        await hub.twilio.sms(LENA, "Hello?")
        offer = await mei.offer()
    clock.now += 10 * RING_MS
    async with open_test_hub(database_url, tmp_path, clock=clock) as hub, hub.agent("mei", snapshot=False) as mei:
        await mei.snapshot()
        await mei.gone(offer.interaction_id)
        ended = [e.body for e in await hub.log(offer.interaction_id) if e.kind == "offer.ended"]
        assert ended[0].outcome == "expired"  # type: ignore[union-attr]


async def test_what_waited_before_a_restart_is_offered_after_it(database_url: str, tmp_path: Path) -> None:
    clock = Clock()
    async with open_test_hub(database_url, tmp_path, clock=clock) as hub:
        await hub.twilio.sms(LENA, "Hello?")
    async with open_test_hub(database_url, tmp_path, clock=clock) as hub, hub.at_work("mei") as (mei,):
        assert (await mei.offer()).customer.point == LENA


async def test_agents_who_do_not_come_back_after_a_restart_are_gone(database_url: str, tmp_path: Path) -> None:
    clock = Clock()
    async with open_test_hub(database_url, tmp_path, clock=clock) as hub, hub.at_work("mei") as (mei,):
        await hub.twilio.sms(LENA, "Hello?")
        held = await mei.accept()
    async with open_test_hub(database_url, tmp_path, clock=clock) as hub, hub.at_work("jonas") as (jonas,):
        hub.advance(GRACE_MS)
        assert (await jonas.offer()).interaction_id == held.interaction_id


# --- why --------------------------------------------------------------------


async def test_what_waits_says_what_keeps_each_agent_from_it(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub, hub.agent("mei") as mei:
        await mei.command("set_state", state="not_ready", reason="break")
        await hub.twilio.sms(LENA, "Hello?")
        interaction_id = await hub.only_interaction()
        why = await hub.get(f"interactions/{interaction_id}/why")
        reasons = {c["agent_id"]: [r["code"] for r in c["reasons"]] for c in why["candidates"]}
        assert reasons["mei"]
        assert reasons["jonas"]
        await mei.ready()
        await mei.offer()
        answer = await hub.http.get(f"/api/v1/interactions/{interaction_id}/why")
        assert answer.status_code == 404, "it waits no more"


async def test_a_queue_that_nobody_is_in_says_so_and_keeps_its_work(database_url: str, tmp_path: Path) -> None:
    doors = [{"channel": "twilio_sms", "dialled": "*", "queue": "sales"}]
    staff = people(ann={})
    async with (
        open_test_hub(database_url, tmp_path, config=house(agents=staff, entry_points=doors)) as hub,
        hub.at_work("ann") as (ann,),
    ):
        await hub.twilio.sms(LENA, "Hello?")
        interaction_id = await hub.only_interaction()
        assert (await hub.record(interaction_id)).state == "waiting"
        why = await hub.get(f"interactions/{interaction_id}/why")
        assert not any(candidate["eligible"] for candidate in why["candidates"])
        assert ann.state.offers == ()


async def test_every_offer_has_a_decision_that_names_everybody_considered(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub, hub.at_work("mei", "jonas"):
        await hub.twilio.sms(LENA, "Hello?")

        async def offered() -> Any:
            return (await hub.get("offers"))["items"]

        (offer,) = await hub.eventually(offered)
        decision = await hub.get(f"decisions/{offer['decision_id']}")
        assert decision["interaction_id"] == offer["interaction_id"]
        assert decision["chosen"] == offer["agent_id"]
        assert {c["agent_id"] for c in decision["candidates"]} >= {"mei", "jonas"}
        assert all(c["agent_name"] for c in decision["candidates"])
        assert decision["latency_us"] >= 0
        assert decision["policy"]
        assert (await hub.http.get("/api/v1/decisions/nothing")).status_code == 404


# --- configuration that changes underneath --------------------------------------------------------------------


async def test_a_lowered_capacity_takes_nothing_away_and_gives_nothing_more(
    database_url: str, tmp_path: Path
) -> None:
    clock = Clock()
    roomy, narrow = (house(agents=people(ann={"capacity": {"sms": n}})) for n in (3, 1))
    async with (
        open_test_hub(database_url, tmp_path, clock=clock, config=roomy) as hub,
        hub.at_work("ann") as (ann,),
    ):
        first, second = [(await hub.twilio.sms(n, "Hello?"), await ann.accept())[1] for n in (LENA, OMAR)]
    async with (
        open_test_hub(database_url, tmp_path, clock=clock, config=narrow) as hub,
        hub.at_work("ann") as (ann,),
    ):
        assert {w.interaction_id for w in ann.state.work} == {first.interaction_id, second.interaction_id}
        await hub.twilio.sms("+4915112345600", "Hello?")
        await ann.command("wrap_up", interaction_id=first.interaction_id, disposition="solved")
        await ann.gone(first.interaction_id)
        assert ann.state.offers == ()
        await ann.command("wrap_up", interaction_id=second.interaction_id, disposition="solved")
        await ann.offer()
