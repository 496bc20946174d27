"""Work that goes on to another queue: at its place, once, said with the reason, and not forgotten over a restart."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from contact_center.domain.events import Enqueued
from contact_center.domain.time import HOUR, MINUTE, SECOND
from contact_center.moves import overflow
from contact_center.storage import deadlines, settings
from tests.hub import TestHub, house, open_test_hub

LENA, OMAR, PIA = "+4915112345678", "+4915112345679", "+4915112345680"


def staffed(
    support: list[dict[str, Any]], sales: list[dict[str, Any]] | None = None, **changes: Any
) -> dict[str, Any]:
    """Sana alone answers sales; the support queue's members are mei and jonas."""
    config = house(**changes)
    config["queues"][0]["routing"] = {"overflow": support}
    if sales:
        config["queues"][1]["routing"] = {"overflow": sales}
    config["agents"][0]["queues"] = config["agents"][1]["queues"] = ["support", "billing"]
    config["agents"][2]["queues"] = ["sales"]
    return config


async def queue_of(hub: TestHub, interaction_id: str) -> str:
    return (await hub.record(interaction_id)).queue


async def is_in(hub: TestHub, interaction_id: str, queue: str) -> bool:
    return await queue_of(hub, interaction_id) == queue


async def went(hub: TestHub, interaction_id: str) -> list[Enqueued]:
    bodies = [event.body for event in await hub.log(interaction_id)]
    return [body for body in bodies if isinstance(body, Enqueued) and body.reason == "overflow"]


async def text(hub: TestHub, sender: str) -> str:
    before = set(await hub.interactions())
    await hub.twilio.sms(sender, "Hello?")
    (found,) = set(await hub.interactions()) - before
    return found


async def test_who_waited_too_long_goes_on_at_their_place(database_url: str, tmp_path: Path) -> None:
    config = staffed([{"to": "sales", "waited_seconds": 120}])
    async with open_test_hub(database_url, tmp_path, config=config) as hub, hub.at_work("sana") as (sana,):
        case = await text(hub, LENA)
        place = (await hub.record(case)).virtual_enqueued_at
        hub.advance(119 * SECOND)
        assert await queue_of(hub, case) == "support"
        hub.advance(SECOND)
        offer = await sana.offer(case)
        assert offer.queue == "sales"
        record = await hub.record(case)
        assert record.virtual_enqueued_at == place
        assert record.priority == 5, "of the queue where it is now"
        (moved,) = await went(hub, case)
        assert (moved.because, bool(moved.policy)) == ({"waited_ms": 120_000}, True)


async def test_what_comes_into_a_full_queue_goes_on_at_once(database_url: str, tmp_path: Path) -> None:
    config = staffed([{"to": "sales", "ahead": 2}])
    async with open_test_hub(database_url, tmp_path, config=config) as hub:
        cases = []
        for sender in (LENA, OMAR, PIA):
            cases.append(await text(hub, sender))
            hub.advance(SECOND)
        assert [await queue_of(hub, case) for case in cases] == ["support", "support", "sales"]
        assert (await went(hub, cases[2]))[0].because == {"ahead": 2}


@pytest.mark.parametrize("nobody", ["logged_in", "available", "able"])
async def test_where_nobody_is_the_work_goes_on(database_url: str, tmp_path: Path, nobody: str) -> None:
    """Signed in, but not ready; ready, but without the skill: each is a check of its own."""
    config = staffed([{"to": "sales", "nobody": nobody}])
    config["queues"][0]["skills"] = {"chinese": 5}
    async with open_test_hub(database_url, tmp_path, config=config) as hub:
        first = await text(hub, LENA)
        assert await queue_of(hub, first) == "sales"
        assert (await hub.record(first)).skills == {}, "what the first queue needed is not needed here"
        async with hub.agent("jonas") as jonas:
            await jonas.command("set_state", state="not_ready", reason="break")
            second = await text(hub, OMAR)
            assert await queue_of(hub, second) == ("support" if nobody == "logged_in" else "sales")
            await jonas.ready()
            third = await text(hub, PIA)
            assert await queue_of(hub, third) == ("sales" if nobody == "able" else "support")


async def test_those_who_wait_go_on_when_the_last_one_leaves(database_url: str, tmp_path: Path) -> None:
    config = staffed([{"to": "sales", "nobody": "logged_in"}])
    async with open_test_hub(database_url, tmp_path, config=config) as hub:
        async with hub.agent("mei") as mei:
            await mei.command("set_state", state="not_ready", reason="break")
            case = await text(hub, LENA)
            assert await queue_of(hub, case) == "support"
            await mei.command("set_state", state="offline")
        hub.advance(overflow.AGAIN_MS)
        await hub.eventually(lambda: is_in(hub, case, "sales"))


async def test_a_closed_queue_passes_its_work_on_and_an_open_one_keeps_it(database_url: str, tmp_path: Path) -> None:
    config = staffed(
        [{"to": "sales", "closed": True}],
        hours=[
            {"id": "office", "time_zone": "Asia/Kathmandu", "week": {"mon-sun": "00:00-24:00"}, "holidays": ["tihar"]}
        ],
        holidays=[{"id": "tihar", "days": ["2027-11-09"]}],
    )
    config["queues"][0]["hours"] = "office"
    async with open_test_hub(database_url, tmp_path, config=config) as hub:
        midnight = datetime(2027, 11, 9, tzinfo=ZoneInfo("Asia/Kathmandu"))
        hub.clock.now = round(midnight.timestamp()) * SECOND - MINUTE
        case = await text(hub, LENA)
        assert await queue_of(hub, case) == "support"
        hub.advance(MINUTE)
        await hub.eventually(lambda: is_in(hub, case, "sales"))
        assert (await went(hub, case))[0].because == {"closed": "holiday"}


async def test_a_poor_service_level_and_a_long_wait_send_work_on(database_url: str, tmp_path: Path) -> None:
    config = staffed(
        [{"to": "sales", "level_below": 80, "of_minutes": 60}, {"to": "billing", "estimate_seconds": 30}]
    )
    config["agents"][0]["capacity"] = {"sms": 1}
    async with open_test_hub(database_url, tmp_path, config=config) as hub, hub.agent("mei") as mei:
        await mei.ready()
        first = await text(hub, PIA)
        await mei.offer(first)
        for n in range(overflow.FEWEST_FOR_A_LEVEL):
            case = await text(hub, f"+4915112300{n:03}")
            assert await queue_of(hub, case) == "billing", "nobody knows the level yet; Mei has her hands full"
            because = (await went(hub, case))[0].because
            assert set(because) == {"estimate_ms", "estimate_p90_ms", "estimate_ahead"}
            assert 30_000 < int(because["estimate_ms"]) < int(because["estimate_p90_ms"])
        config["queues"][0]["routing"]["overflow"].pop()
        assert (await hub.http.post("/api/v1/config", json=config)).is_success
        late = ""
        for n in range(overflow.FEWEST_FOR_A_LEVEL):
            late = await text(hub, f"+4915112400{n:03}")
            assert await queue_of(hub, late) == "support", "nobody is late yet"
        hub.advance(MINUTE)
        await hub.eventually(lambda: is_in(hub, late, "sales"))
        assert (await went(hub, late))[0].because == {"level": 0}


async def test_nothing_goes_in_circles(database_url: str, tmp_path: Path) -> None:
    """On to sales and on to billing; sent back by hand it stays where it is."""
    config = staffed([{"to": "sales", "ahead": 1}], [{"to": "billing", "ahead": 1}])
    async with open_test_hub(database_url, tmp_path, config=config) as hub:
        cases = []
        for n in range(4):
            cases.append(await text(hub, f"+4915112300{n:03}"))
            hub.advance(SECOND)
        assert [await queue_of(hub, case) for case in cases] == ["support", "sales", "billing", "billing"]
        assert [body.queue for body in await went(hub, cases[3])] == ["sales", "billing"]
        hub.advance(HOUR)
        assert await queue_of(hub, cases[3]) == "billing"


async def test_rules_that_are_applied_count_for_those_who_wait_already(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path, config=staffed([])) as hub:
        case = await text(hub, LENA)
        hub.advance(5 * MINUTE)
        config = staffed([{"to": "sales", "waited_seconds": 120}])
        assert (await hub.http.post("/api/v1/config", json=config)).is_success
        await hub.eventually(lambda: is_in(hub, case, "sales"))


async def test_a_restart_forgets_no_one(database_url: str, tmp_path: Path) -> None:
    config = staffed([{"to": "sales", "waited_seconds": 120}])
    async with open_test_hub(database_url, tmp_path, config=config) as hub:
        case = await text(hub, LENA)
        now = hub.clock.now
    async with open_test_hub(database_url, tmp_path, config=config) as hub:
        hub.clock.now = now
        hub.advance(121 * SECOND)
        await hub.eventually(lambda: is_in(hub, case, "sales"))


async def test_what_rings_is_looked_at_when_it_comes_back(database_url: str, tmp_path: Path) -> None:
    config = staffed([{"to": "sales", "waited_seconds": 25}])
    async with open_test_hub(database_url, tmp_path, config=config) as hub, hub.at_work("mei") as (mei,):
        case = await text(hub, LENA)
        offer = await mei.offer(case)
        hub.advance(26 * SECOND)
        assert (await hub.record(case)).state == "offered", "it rings, and goes nowhere"
        await mei.command("reject", offer_id=offer.id)
        await mei.command("set_state", state="not_ready")  # or it rings at her again, if that comes first
        hub.advance(overflow.AGAIN_MS)
        await hub.eventually(lambda: is_in(hub, case, "sales"))


async def test_a_call_goes_on_while_its_caller_waits(database_url: str, tmp_path: Path) -> None:
    config = staffed([{"to": "sales", "waited_seconds": 60}])
    async with open_test_hub(database_url, tmp_path, config=config) as hub, hub.at_work("sana") as (sana,):
        await hub.twilio.call(LENA).arrive()
        case = await hub.only_interaction()
        hub.advance(MINUTE)
        offer = await sana.offer(case)
        assert (offer.medium, offer.queue) == ("voice", "sales")


async def test_what_was_sent_to_one_agent_waits_for_them(database_url: str, tmp_path: Path) -> None:
    config = staffed([{"to": "sales", "waited_seconds": 30}])
    async with open_test_hub(database_url, tmp_path, config=config) as hub, hub.agent("jonas") as jonas:
        await jonas.command("set_state", state="not_ready", reason="break")
        async with hub.at_work("mei") as (mei,):
            case = await text(hub, LENA)
            await mei.accept(case)
            await mei.command("transfer", interaction_id=case, to="agent:jonas")
            hub.advance(MINUTE)
            await hub.eventually(lambda: no_overflow_is_due(hub), "the deadline to be taken")
            assert await queue_of(hub, case) == "support"


async def no_overflow_is_due(hub: TestHub) -> bool:
    return all(
        row["kind"] != overflow.DEADLINE or row["due_at"] > hub.clock.now for row in await hub.rows("deadlines")
    )


async def test_deadlines_of_what_is_no_more_do_nothing(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path, config=staffed([])) as hub:
        on = hub.clock.occasion()
        await hub.write(overflow.case_is_due, on, "gone")
        await hub.write(overflow.queue_is_due, on, "gone")
        assert await hub.read(deadlines.next_at) is None


async def test_hours_that_another_configuration_took_away_are_open(database_url: str, tmp_path: Path) -> None:
    config = staffed([{"to": "sales", "closed": True}], hours=[{"id": "never"}])
    config["queues"][0]["hours"] = "never"
    async with open_test_hub(database_url, tmp_path, config=config) as hub:
        assert await queue_of(hub, await text(hub, LENA)) == "sales"
        kept = await hub.read(settings.keys, "opening:")
        assert len(kept) == 1
        assert (await hub.http.post("/api/v1/config", json=house())).is_success
        assert await hub.read(settings.keys, "opening:") == []
