"""Routing is held against the database, which has the last word."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from contact_center.dispatch import dispatcher, truth
from contact_center.domain.time import SECOND
from contact_center.storage import backlog, journal
from contact_center.storage.effects import SeatChanged, Waits
from routing import Engine, Waiting
from tests.hub import TestHub, open_test_hub, until

LENA = "+4915112345678"
OMAR = "+447700900123"


@pytest.fixture(autouse=True)
def no_look_round_unasked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Routing is made to know something wrong here: the regular look must not put it right before the test's own."""
    monkeypatch.setattr(dispatcher, "SWEEP_MS", 3_600 * SECOND)


def one_by_one(conn: Connection) -> list[Waiting]:
    """What waits, looked up the slow way."""
    looked = [journal.look(conn, interaction_id) for interaction_id in backlog.waiting_ids(conn)]
    return [journal.waiting(conn, each) for each in looked if each and each.record.state == "waiting"]


def in_order(waits: list[Waiting]) -> list[Waiting]:
    return sorted(waits, key=lambda waiting: waiting.interaction_id)


async def known_and_unknown_wait(hub: TestHub) -> None:
    """Lena was served before and waits again; two others are new."""
    async with hub.at_work("mei") as (mei,):
        await hub.twilio.sms(LENA, "Hello?")
        work = await mei.accept()
        await mei.command("wrap_up", interaction_id=work.interaction_id, disposition="solved")
        await mei.gone(work.interaction_id)
        await mei.command("set_state", state="not_ready", reason="lunch")
        hub.advance(SECOND)
        for sender in (LENA, OMAR, "+33612345678"):
            await hub.twilio.sms(sender, "Hello again?")


async def test_what_waits_is_read_at_once_as_it_is_one_by_one(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub:
        await known_and_unknown_wait(hub)
        slow = in_order(await hub.read(one_by_one))
        assert sorted(map(len, (waiting.served_before for waiting in slow))) == [0, 0, 1]
        assert in_order((await truth.facts(hub.runtime.executor))[1]) == slow


@pytest.mark.parametrize("broken", ['{"state":', '{"segments": [{}]}', "[]"])
async def test_a_record_that_cannot_be_read_keeps_nobody_waiting(
    database_url: str, tmp_path: Path, broken: str
) -> None:
    async with open_test_hub(database_url, tmp_path, checked=False) as hub:
        await known_and_unknown_wait(hub)
        slow = in_order(await hub.read(one_by_one))
        unreadable, others = slow[0].interaction_id, {waiting.interaction_id for waiting in slow[1:]}
        await hub.write(spoil, unreadable, broken)
        await hub.runtime.dispatcher._load()
        async with hub.agent("mei") as mei:
            await mei.ready()
            assert {(await mei.accept()).interaction_id for _ in others} == others
        engine(hub).remove_waiting(unreadable)
        told, _ = await truth.Sweep(hub.runtime.executor, engine(hub), set()).differences()
        # Of mei it may be, whose seat was taken for it until the claim had failed.
        assert [each for each in told if not isinstance(each, SeatChanged)] == [], "nor is routing told of it again"


def spoil(conn: Connection, interaction_id: str, record: str) -> None:
    conn.execute(
        text("UPDATE interactions SET record = :record WHERE id = :id"), {"record": record, "id": interaction_id}
    )


async def test_what_is_read_in_portions_is_all_of_it(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(truth, "PORTION", 2)
    async with open_test_hub(database_url, tmp_path) as hub:
        for number in range(5):
            await hub.twilio.sms(f"+4915112345{number:03}", "Hello?")
        waits = (await truth.facts(hub.runtime.executor))[1]
        assert sorted(waiting.interaction_id for waiting in waits) == sorted(await hub.interactions())


# --- what routing was not told -----------------------------------------------------------------------------------


async def test_nothing_differs_while_everything_is_told(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub:
        await known_and_unknown_wait(hub)
        told, gone = await truth.Sweep(hub.runtime.executor, engine(hub), set()).differences()
        assert (told, gone) == ([], [])
        assert await hub.runtime.dispatcher._sweep() == 0


async def test_a_case_that_routing_never_heard_of_is_found(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub, hub.agent("mei") as mei:
        await hub.twilio.sms(LENA, "Hello?")
        lost = await hub.only_interaction()
        engine(hub).remove_waiting(lost)
        await mei.ready()
        assert await hub.runtime.dispatcher._sweep() == 1
        assert (await mei.offer()).interaction_id == lost


async def test_a_case_that_is_over_and_an_agent_who_left_unheard_are_forgotten(
    database_url: str, tmp_path: Path
) -> None:
    async with open_test_hub(database_url, tmp_path) as hub:
        await hub.twilio.sms(LENA, "Hello?")
        knows = engine(hub)
        waits, seat = knows.waiting()[0], knows.seats()[0]
        knows.put_waiting(replace(waits, interaction_id="gone"))
        knows.put_seat(replace(seat, agent_id="gone"))
        knows.put_seat(replace(seat, load={"chat": 1}))
        assert await hub.runtime.dispatcher._sweep() == 3
        assert knows.waiting() == [waits]
        assert seat in knows.seats()
        assert "gone" not in {each.agent_id for each in knows.seats()}


async def test_what_is_told_while_the_database_is_read_is_newer(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub:
        await hub.twilio.sms(LENA, "Hello?")
        waits = engine(hub).waiting()[0]
        engine(hub).put_waiting(replace(waits, epoch=waits.epoch + 1))
        touched = {waits.interaction_id}
        assert await truth.Sweep(hub.runtime.executor, engine(hub), touched).differences() == ([], [])


async def test_who_served_may_change_without_anybody_saying_so(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub:
        await hub.twilio.sms(LENA, "Hello?")
        waits = engine(hub).waiting()[0]
        engine(hub).put_waiting(replace(waits, served_before={"mei": 1}))
        assert await hub.runtime.dispatcher._sweep() == 0, "it was not missed"
        assert engine(hub).waiting() == [waits], "it is known now all the same"


async def test_routing_is_the_same_after_a_restart(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub:
        await known_and_unknown_wait(hub)
        before = engine(hub)
        await hub.runtime.dispatcher._load()
        assert engine(hub) is not before
        assert (engine(hub).waiting(), engine(hub).seats()) == (before.waiting(), before.seats())


async def test_what_was_missed_is_counted_for_all_to_see(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub:
        assert "contact_center_routing_missed 0.0" in (await hub.http.get(f"{hub.url}/metrics")).text


# --- what another node has changed ---------------------------------------------------------------------------------


async def test_whoever_another_node_names_is_looked_at_and_nobody_else(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path, checked=False) as hub:
        for sender in (LENA, OMAR):
            await hub.twilio.sms(sender, "Hello?")
        named, unnamed = await hub.interactions()
        knows = engine(hub)
        truly = {each.agent_id: each for each in knows.seats()}
        for interaction_id in (named, unnamed):
            knows.remove_waiting(interaction_id)
        one, other = sorted(truly)[:2]
        for agent_id in (one, other):
            knows.put_seat(replace(truly[agent_id], load={"chat": 1}))
        knows.put_seat(replace(truly[one], agent_id="gone"))
        hub.runtime.dispatcher.changed_elsewhere([named, "nothing"], [one, "gone", "nobody"])
        await until(lambda: knows.case(named), "the case that was named")
        await until(lambda: knows.seat(one) == truly[one] and knows.seat("gone") is None, "the agents")
        assert knows.case(unnamed) is None
        assert knows.seat(other) != truly[other]
        assert hub.runtime.dispatcher.missed == 0


async def test_what_was_told_while_somebody_named_was_looked_at_is_looked_at_again(
    database_url: str, tmp_path: Path
) -> None:
    async with open_test_hub(database_url, tmp_path) as hub:
        await hub.twilio.sms(LENA, "Hello?")
        waits = engine(hub).waiting()[0]
        dispatcher = hub.runtime.dispatcher
        dispatcher._elsewhere = ({waits.interaction_id}, set())
        looking = asyncio.create_task(dispatcher._look_elsewhere())
        await asyncio.sleep(0)
        dispatcher.told(Waits(replace(waits, epoch=waits.epoch + 1)))  # as if it were news that is older
        await looking
        await until(lambda: engine(hub).waiting() == [waits], "the truth")


def engine(hub: TestHub) -> Engine:
    found: Engine = hub.runtime.dispatcher._engine
    return found
