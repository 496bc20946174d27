"""One interaction rings at several agents at once: the first to accept has it, and everybody is told."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from contact_center.desk.verbs import Acting, set_state
from contact_center.dispatch.claim import claim
from contact_center.domain.time import SECOND
from contact_center.storage import agents
from routing import Decision, Policy, QueuePolicy
from routing.past import Glimpse
from tests.dispatch.test_offers import LENA, OMAR, RING_MS, people
from tests.hub import Clock, CommandRefused, Console, TestHub, house, open_test_hub

STAFF = house(agents=people(ann={"capacity": {"sms": 1, "voice": 1}}, bob={}, cem={}))
ALL = ("ann", "bob", "cem")
POLICY = Policy("of the test", queues={"support": QueuePolicy(ring=3, label="care")})


async def ring(hub: TestHub, interaction_id: str, *who: str, policy: Policy = POLICY) -> tuple[str, ...]:
    """Makes ``who`` ready and the offers, in one transaction: nothing else is decided in between."""

    async def waits() -> Any:
        return hub.runtime.dispatcher.explain(interaction_id)

    explanation = await hub.eventually(waits, "routing to know it")
    seen = Glimpse(*explanation.seen)
    there = {row.seat.agent_id: row for row in seen.base.rows if row}
    rung = tuple([there[agent_id] for agent_id in who])
    decision = Decision(seen._replace(eligible=sum(row.bit for row in rung), rung=rung))

    def unit(conn: Any) -> tuple[str, ...]:
        on = hub.clock.occasion()
        for agent_id in who:
            set_state(conn, on, Acting(agent_id, "agent"), agent_id, "ready")
        return claim(conn, on, decision, policy, 0)

    return await hub.write(unit)


async def text(hub: TestHub, sender: str = LENA) -> str:
    await hub.twilio.sms(sender, "Hello?")
    return (await hub.interactions())[-1]


def outcomes(console: Console, offer_id: str) -> list[tuple[str, str]]:
    return [
        (body.outcome, body.by)
        for _, body in console.announced
        if body.kind == "offer.over" and body.offer_id == offer_id
    ]


async def test_the_first_has_it_and_the_others_are_told_who(database_url: str, tmp_path: Path) -> None:
    async with (
        open_test_hub(database_url, tmp_path, config=STAFF) as hub,
        hub.agent("ann") as ann,
        hub.agent("bob") as bob,
        hub.agent("cem") as cem,
    ):
        interaction_id = await text(hub)
        await ring(hub, interaction_id, *ALL)
        offers = [await each.offer() for each in (ann, bob, cem)]
        assert [set(offer.rings_at) for offer in offers] == [set(ALL) - {each} for each in ALL]
        for each in (ann, bob, cem):
            await each.until(lambda each=each: each.state.agent.state == "reserved")
        await bob.accept()
        for each, offer in ((ann, offers[0]), (cem, offers[2])):
            await each.gone(interaction_id)
            assert outcomes(each, offer.id) == [("rescinded", "Bob")]
            with pytest.raises(CommandRefused, match="offer_gone: Bob was first"):
                await each.command("accept", offer_id=offer.id)
            await each.until(lambda each=each: each.state.agent.load == {})
        record = await hub.record(interaction_id)
        assert (record.state, record.agent_id, record.rings, record.label) == ("assigned", "bob", {}, "care")
        rang = [(s.agent_id, s.outcome) for s in record.segments if s.kind == "offer"]
        assert rang == [("ann", "rescinded"), ("bob", "accepted"), ("cem", "rescinded")]
        assert record.missed == {}, "who was only slower has missed nothing"
        (decision,) = {offer.decision_id for offer in offers}
        assert (await hub.get(f"decisions/{decision}"))["interaction_id"] == interaction_id


async def test_one_who_says_no_leaves_it_ringing_at_the_others(database_url: str, tmp_path: Path) -> None:
    async with (
        open_test_hub(database_url, tmp_path, config=STAFF) as hub,
        hub.agent("ann") as ann,
        hub.agent("bob") as bob,
    ):
        interaction_id = await text(hub)
        place = (await hub.record(interaction_id)).virtual_enqueued_at
        await ring(hub, interaction_id, "ann", "bob")
        first, second = await ann.offer(), await bob.offer()
        await ann.command("reject", offer_id=first.id)
        await ann.gone(interaction_id)
        record = await hub.record(interaction_id)
        assert (record.state, record.ringing) == ("offered", {second.id: "bob"})
        assert record.agent_id == "bob"
        assert (await bob.snapshot()).offers[0].id == second.id
        await bob.command("reject", offer_id=second.id)
        await bob.gone(interaction_id)
        record = await hub.record(interaction_id)
        assert (record.state, record.virtual_enqueued_at) == ("waiting", place), "when all have said no it waits on"
        assert record.missed_by == {"ann": "rejected", "bob": "rejected"}


async def test_when_all_let_it_ring_out_it_waits_on_at_its_place(database_url: str, tmp_path: Path) -> None:
    async with (
        open_test_hub(database_url, tmp_path, config=STAFF) as hub,
        hub.agent("ann") as ann,
        hub.agent("bob") as bob,
    ):
        interaction_id = await text(hub)
        place = (await hub.record(interaction_id)).virtual_enqueued_at
        await ring(hub, interaction_id, "ann", "bob")
        await asyncio.gather(ann.offer(), bob.offer())
        hub.advance(RING_MS)
        await asyncio.gather(ann.gone(interaction_id), bob.gone(interaction_id))
        record = await hub.record(interaction_id)
        assert (record.state, record.virtual_enqueued_at) == ("waiting", place)
        assert record.missed_by == {"ann": "no_answer", "bob": "no_answer"}
        kinds = [event.kind for event in await hub.log(interaction_id)]
        assert kinds.count("enqueued") == 2, "it went back once, when the last had let it ring out"


async def test_a_caller_who_hangs_up_silences_all_of_them(database_url: str, tmp_path: Path) -> None:
    async with (
        open_test_hub(database_url, tmp_path, config=STAFF) as hub,
        hub.agent("ann") as ann,
        hub.agent("bob") as bob,
    ):
        call = hub.twilio.call(LENA)
        await call.arrive()
        interaction_id = await hub.only_interaction()
        await ring(hub, interaction_id, "ann", "bob")
        offers = await asyncio.gather(ann.offer(), bob.offer())
        await call.hang_up()
        for console, offer in zip((ann, bob), offers, strict=True):
            await console.gone(interaction_id)
            assert outcomes(console, offer.id) == [("cancelled", "")]
            await console.until(lambda console=console: console.state.agent.load == {})


async def test_only_who_accepts_a_call_is_rung_at_their_telephone(database_url: str, tmp_path: Path) -> None:
    async with (
        open_test_hub(database_url, tmp_path, config=STAFF) as hub,
        hub.agent("ann") as ann,
        hub.agent("bob") as bob,
    ):
        await hub.twilio.call(LENA).arrive()
        interaction_id = await hub.only_interaction()
        await ring(hub, interaction_id, "ann", "bob")
        await ann.offer()
        await bob.accept()
        await ann.gone(interaction_id)
        rung = [row["payload"]["agent_id"] for row in await hub.rows("outbox") if row["verb"] == "connect"]
        assert rung == ["bob"]


async def test_of_several_who_accept_at_once_one_has_it(database_url: str, tmp_path: Path) -> None:
    async with (
        open_test_hub(database_url, tmp_path, config=STAFF) as hub,
        hub.agent("ann") as ann,
        hub.agent("bob") as bob,
        hub.agent("cem") as cem,
    ):
        consoles = (ann, bob, cem)
        for n in range(4):
            interaction_id = await text(hub, f"+49151123456{n:02}")
            await ring(hub, interaction_id, *ALL)
            offers = await asyncio.gather(*(each.offer(interaction_id) for each in consoles))
            results = await asyncio.gather(
                *(each.command("accept", offer_id=o.id) for each, o in zip(consoles, offers, strict=True)),
                return_exceptions=True,
            )
            won = [n for n, result in enumerate(results) if not isinstance(result, BaseException)]
            assert len(won) == 1
            assert all(isinstance(r, CommandRefused) and r.code == "offer_gone" for r in results if r not in
                       [results[won[0]]])  # fmt: skip
            winner = consoles[won[0]]
            assert (await hub.record(interaction_id)).agent_id == ALL[won[0]]
            await winner.work(interaction_id)
            await winner.command("wrap_up", interaction_id=interaction_id, disposition="solved")
            await asyncio.gather(*(each.gone(interaction_id) for each in consoles))
            for agent_id in ALL:
                await hub.write(stand_back, hub, agent_id)


def stand_back(conn: Any, hub: TestHub, agent_id: str) -> None:
    set_state(conn, hub.clock.occasion(), Acting(agent_id, "agent"), agent_id, "not_ready")


async def test_accepting_and_hanging_up_at_once_have_one_outcome_for_all(database_url: str, tmp_path: Path) -> None:
    async with (
        open_test_hub(database_url, tmp_path, config=STAFF) as hub,
        hub.agent("ann") as ann,
        hub.agent("bob") as bob,
    ):
        for _ in range(3):
            call = hub.twilio.call(LENA)
            await call.arrive()
            interaction_id = (await hub.interactions())[-1]
            await ring(hub, interaction_id, "ann", "bob")
            offer, _ = await asyncio.gather(ann.offer(interaction_id), bob.offer(interaction_id))
            accepting, _ = await asyncio.gather(
                ann.command("accept", offer_id=offer.id), call.hang_up(), return_exceptions=True
            )
            record = await hub.record(interaction_id)
            if isinstance(accepting, BaseException):
                assert (record.state, record.ended_reason) == ("ended", "abandoned")
            else:
                assert record.state == "wrap_up"
                await ann.command("wrap_up", interaction_id=interaction_id, disposition="solved")
            await asyncio.gather(ann.gone(interaction_id), bob.gone(interaction_id))
            for agent_id in ("ann", "bob"):
                await hub.write(stand_back, hub, agent_id)


async def test_who_has_no_room_is_left_out_and_the_others_ring(database_url: str, tmp_path: Path) -> None:
    async with (
        open_test_hub(database_url, tmp_path, config=STAFF) as hub,
        hub.agent("ann") as ann,
        hub.agent("bob") as bob,
    ):
        first = await text(hub)
        await ring(hub, first, "ann")
        await ann.accept()
        await hub.write(stand_back, hub, "ann")
        second = await text(hub, OMAR)
        (offer_id,) = await ring(hub, second, "ann", "bob")
        offer = await bob.offer()
        assert (offer.id, offer.rings_at) == (offer_id, ())
        assert ann.state.offers == ()


async def test_what_rings_counts_against_a_label(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path, config=STAFF) as hub, hub.agent("bob") as bob:
        await bob.command("set_capacity", agent_id="bob", most_of={"care": 1})
        first = await text(hub)
        await ring(hub, first, "bob")
        assert (await hub.read(agents.load, "bob")).labelled == {"care": 1}, "what rings counts"
        await bob.accept()
        await hub.write(stand_back, hub, "bob")
        assert (await bob.snapshot()).agent.labelled == {"care": 1}, "and what is in hand"
        second = await text(hub, OMAR)
        assert await ring(hub, second, "bob") == (), "one of that label is all that they may have"


async def test_a_queue_that_rings_several_says_so_in_the_text(database_url: str, tmp_path: Path) -> None:
    config = {**STAFF, "queues": [{"id": "support", "name": "Support", "routing": {"ring": 2}}]}
    config["entry_points"] = [{"channel": "twilio_sms", "dialled": "*", "queue": "support"}]
    config["agents"] = people(ann={}, bob={}, cem={})
    async with open_test_hub(database_url, tmp_path, config=config) as hub, hub.at_work(*ALL) as consoles:
        interaction_id = await text(hub)

        async def ringing() -> Any:
            return (await hub.record(interaction_id)).ringing

        rings = await hub.eventually(ringing, "it to ring")
        assert len(rings) == 2
        others = dict(zip(ALL, consoles, strict=True))
        first, second = (others[agent_id] for agent_id in rings.values())
        await first.offer()
        offer = await second.offer()
        await second.command("reject", offer_id=offer.id)
        await second.gone(interaction_id)
        assert len((await hub.record(interaction_id)).ringing) == 1
        await first.accept()


@pytest.mark.parametrize("database_kind", ["postgresql"], indirect=False)
async def test_of_agents_at_two_nodes_who_accept_at_once_one_has_it(database_url: str, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    clock = Clock()
    async with (
        open_test_hub(database_url, tmp_path / "one", clock=clock, config=STAFF) as one,
        open_test_hub(database_url, tmp_path / "two", clock=clock, config=STAFF) as two,
        one.agent("ann") as ann,
        two.agent("bob") as bob,
    ):
        for n in range(4):
            interaction_id = await text(one, f"+49151123456{n:02}")
            await ring(one, interaction_id, "ann", "bob")
            offer = await ann.offer(interaction_id)
            await bob.snapshot()
            other = await bob.offer(interaction_id)
            results = await asyncio.gather(
                ann.command("accept", offer_id=offer.id),
                bob.command("accept", offer_id=other.id),
                return_exceptions=True,
            )
            assert sum(isinstance(result, CommandRefused) for result in results) == 1
            record = await one.record(interaction_id)
            assert record.state == "assigned"
            winner = {"ann": ann, "bob": bob}[record.agent_id]
            await winner.snapshot()
            await winner.command("wrap_up", interaction_id=interaction_id, disposition="solved")
            for agent_id in ("ann", "bob"):
                await one.write(stand_back, one, agent_id)
            for console in (ann, bob):  # without Redis a node hears of another's news when it looks round
                await console.snapshot()


# --- by itself --------------------------------------------------------------------------------------------------

ITSELF = Policy("of the test", queues={"support": QueuePolicy(auto_answer=frozenset({"sms"}))})


async def test_what_answers_itself_is_announced_first(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path, config=STAFF) as hub, hub.agent("ann") as ann:
        interaction_id = await text(hub)
        await ring(hub, interaction_id, "ann", policy=ITSELF)
        offer = await ann.offer()
        assert offer.answers_itself_at == offer.made_at + 3 * SECOND
        hub.advance(3 * SECOND - 1)
        assert (await ann.snapshot()).offers, "not a moment too early"
        hub.advance(1)
        await ann.work(interaction_id)
        ended = [event.body for event in await hub.log(interaction_id) if event.kind == "offer.ended"]
        assert [(body.outcome, body.reason) for body in ended] == [("accepted", "answers_itself")]  # type: ignore[union-attr]


async def test_nothing_answers_itself_where_no_console_is_open(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path, config=STAFF) as hub:
        first = await text(hub)
        await ring(hub, first, "ann", policy=ITSELF)
        assert [row["view"]["answers_itself_at"] for row in await hub.rows("offers")] == [0]
        async with hub.agent("bob") as bob:
            second = await text(hub, OMAR)
            await ring(hub, second, "bob", policy=ITSELF)
            await bob.offer()
            await bob.cut()
        await hub.eventually(lambda: gone(hub, "bob"), "the hub to see that it is gone")
        hub.advance(3 * SECOND)
        await hub.eventually(lambda: nothing_due(hub), "the moment to pass")
        assert (await hub.record(second)).state == "offered", "it rings on, for who comes back"


async def gone(hub: TestHub, agent_id: str) -> bool:
    return any(row["id"] == agent_id and not row["here"] for row in await hub.rows("agents"))


async def nothing_due(hub: TestHub) -> bool:
    return all(row["due_at"] > hub.clock.now for row in await hub.rows("deadlines"))
