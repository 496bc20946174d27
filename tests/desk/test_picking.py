"""Work that is taken or given by hand, past routing."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from contact_center.storage import catalogue
from tests.dispatch.test_offers import LENA, OMAR, people
from tests.hub import CommandRefused, TestHub, house, open_test_hub

SANA = {"id": "sana", "name": "Sana Haddad", "email": "sana@hub.example", "role": "supervisor"}
STAFF = house(agents=[*people(ann={"capacity": {"sms": 1, "voice": 1}}, bob={}), SANA])


async def waiting(hub: TestHub, sender: str = LENA) -> str:
    await hub.twilio.sms(sender, "Hello?")
    return (await hub.interactions())[-1]


async def let_members_pick(hub: TestHub) -> None:
    row = next(row for row in await hub.rows("queues") if row["id"] == "support")
    table = catalogue.TABLES["queues"]
    await hub.write(catalogue.put, table, {"id": "support", "settings": {**row["settings"], "pick": "members"}})


@contextmanager
def refused(code: str, words: str = ".") -> Iterator[None]:
    with pytest.raises(CommandRefused, match=words) as caught:
        yield
    assert caught.value.code == code


async def test_a_supervisor_gives_what_waits_to_an_agent(database_url: str, tmp_path: Path) -> None:
    async with (
        open_test_hub(database_url, tmp_path, config=STAFF) as hub,
        hub.agent("bob") as bob,
        hub.signed_in("sana") as sana,
    ):
        await bob.command("set_state", state="not_ready", reason="break")
        interaction_id = await waiting(hub)
        await sana.command("pick", interaction_id=interaction_id, agent_id="bob", reason="knows  the matter")
        await bob.work(interaction_id)
        (event,) = [event for event in await hub.log(interaction_id) if event.kind == "routing.overridden"]
        assert (event.actor.id, event.body.agent_id, event.body.reason) == ("sana", "bob", "knows the matter")  # type: ignore[union-attr]
        told = await hub.get(f"decisions/{event.body.decision_id}")  # type: ignore[union-attr]
        assert told["overridden"]["agent_name"] == "Bob"
        assert told["summary"][0]["code"] == "nobody_available", "what routing knew of it at that moment"
        assert {c["agent_id"] for c in told["candidates"]} == {"ann", "bob"}


async def test_an_agent_picks_only_where_the_queue_lets_them(database_url: str, tmp_path: Path) -> None:
    async with (
        open_test_hub(database_url, tmp_path, config=STAFF) as hub,
        hub.signed_in("bob") as bob,
    ):
        await bob.command("set_state", state="not_ready")
        interaction_id = await waiting(hub)
        with refused("not_found"):
            await bob.command("pick", interaction_id=interaction_id, reason="mine")
        assert not any(q["pick"] for q in await queues_of(hub, "bob"))
        await let_members_pick(hub)
        assert [q["id"] for q in await queues_of(hub, "bob") if q["pick"]] == ["support"]
        with refused("reason"):
            await bob.command("pick", interaction_id=interaction_id, reason="  ")
        with refused("not_allowed"):
            await bob.command("pick", interaction_id=interaction_id, agent_id="ann", reason="hers")
        await bob.command("pick", interaction_id=interaction_id, reason="I know them")
        await bob.work(interaction_id)


async def queues_of(hub: TestHub, agent_id: str) -> Any:
    answer = await hub.anonymous.get(
        "/api/v1/console", headers={"Cookie": f"cch_session={await session_of(hub, agent_id)}"}
    )
    assert answer.status_code == 200, answer.text
    return answer.json()["queues"]


async def session_of(hub: TestHub, agent_id: str) -> str:
    return f"token-of-{agent_id}"


async def test_of_two_who_pick_one_has_it_and_the_other_is_told_who(database_url: str, tmp_path: Path) -> None:
    async with (
        open_test_hub(database_url, tmp_path, config=STAFF) as hub,
        hub.agent("ann") as ann,
        hub.agent("bob") as bob,
    ):
        for console in (ann, bob):
            await console.command("set_state", state="not_ready")
        interaction_id = await waiting(hub)
        results = await asyncio.gather(
            ann.command("pick", interaction_id=interaction_id, reason="mine"),
            bob.command("pick", interaction_id=interaction_id, reason="mine"),
            return_exceptions=True,
        )
        (lost,) = [result for result in results if isinstance(result, CommandRefused)]
        winner = "Ann" if results.index(lost) == 1 else "Bob"
        assert (lost.code, lost.message) == ("taken", f"{winner} has it already.")
        assert [e.kind for e in await hub.log(interaction_id)].count("routing.overridden") == 1


async def test_what_rings_or_is_over_cannot_be_picked(database_url: str, tmp_path: Path) -> None:
    async with (
        open_test_hub(database_url, tmp_path, config=STAFF) as hub,
        hub.at_work("ann") as (ann,),
        hub.agent("bob") as bob,
    ):
        await bob.command("set_state", state="not_ready")
        interaction_id = await waiting(hub)
        await ann.offer()
        with refused("rings", "ringing at Ann"):
            await bob.command("pick", interaction_id=interaction_id, reason="mine")
        await ann.accept()
        await ann.command("wrap_up", interaction_id=interaction_id, disposition="solved")
        with refused("waits_no_more"):
            await bob.command("pick", interaction_id=interaction_id, reason="mine")
        with refused("not_found"):
            await bob.command("pick", interaction_id="nothing", reason="mine")
        with refused("not_found"):
            await bob.command("pick", interaction_id=interaction_id, agent_id="nobody", reason="mine")


async def test_nobody_is_given_more_than_they_may_have_unless_that_is_said(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path, config=STAFF) as hub, hub.agent("ann") as ann:
        await ann.command("set_state", state="not_ready")
        first, second = await waiting(hub), await waiting(hub, OMAR)
        await ann.command("pick", interaction_id=first, reason="mine")
        with refused("over_capacity", "Ann has no room"):
            await ann.command("pick", interaction_id=second, reason="mine too")
        await ann.command("pick", interaction_id=second, reason="mine too", over_capacity=True)
        (event,) = [event for event in await hub.log(second) if event.kind == "routing.overridden"]
        assert event.body.over_capacity  # type: ignore[union-attr]
        assert {w.interaction_id for w in (await ann.snapshot()).work} == {first, second}


async def test_a_picked_call_rings_at_the_agents_telephone_and_a_second_is_never_given(
    database_url: str, tmp_path: Path
) -> None:
    async with open_test_hub(database_url, tmp_path, config=STAFF) as hub, hub.agent("bob") as bob:
        await bob.command("set_state", state="not_ready")
        for number in (LENA, OMAR):
            await hub.twilio.call(number).arrive()
        first, second = await hub.interactions()
        await bob.command("pick", interaction_id=first, reason="mine")
        rung = [row["payload"]["agent_id"] for row in await hub.rows("outbox") if row["verb"] == "connect"]
        assert rung == ["bob"]
        with refused("busy"):
            await bob.command("pick", interaction_id=second, reason="mine", over_capacity=True)


async def test_nothing_is_given_to_somebody_who_is_not_there(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path, config=STAFF) as hub:
        interaction_id = await waiting(hub)
        args = {"interaction_id": interaction_id, "agent_id": "ann", "reason": "hers"}
        answer = await hub.http.post("/api/v1/commands/pick", json=args)
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "not_there")


# --- capacity ---------------------------------------------------------------------------------------------------


async def test_a_supervisor_lowers_a_capacity_and_nothing_is_dropped(database_url: str, tmp_path: Path) -> None:
    async with (
        open_test_hub(database_url, tmp_path, config=STAFF) as hub,
        hub.at_work("bob") as (bob,),
        hub.signed_in("sana") as sana,
    ):
        first = await waiting(hub)
        await bob.accept(first)
        await sana.command("set_capacity", agent_id="bob", capacity={"sms": 1}, most=3)
        await bob.until(lambda: bob.state.agent.capacity_by == "Sana Haddad")
        assert (bob.state.agent.capacity, bob.state.agent.most) == ({"sms": 1}, 3)
        second = await waiting(hub, OMAR)
        assert [w.interaction_id for w in (await bob.snapshot()).work] == [first]
        why = await hub.get(f"interactions/{second}/why")
        (told,) = [c for c in why["candidates"] if c["agent_id"] == "bob"]
        assert told["reasons"][0]["code"] == "no_capacity"
        await sana.command("set_capacity", agent_id="bob")
        await bob.offer(second)
        assert bob.state.agent.capacity_by == ""


async def test_an_agent_whose_weighted_total_is_taken_is_not_called_ready(database_url: str, tmp_path: Path) -> None:
    async with (
        open_test_hub(database_url, tmp_path, config=STAFF) as hub,
        hub.at_work("bob") as (bob,),
        hub.signed_in("sana") as sana,
    ):
        await bob.accept(await waiting(hub))
        assert (await bob.snapshot()).agent.state == "ready", "one of their four messages"
        await sana.command("set_capacity", agent_id="bob", most=1)
        await bob.until(lambda: bob.state.agent.state == "busy")
        await sana.command("set_capacity", agent_id="bob", most=2)
        await bob.until(lambda: bob.state.agent.state == "ready")


async def test_only_supervisors_set_capacities(database_url: str, tmp_path: Path) -> None:
    async with (
        open_test_hub(database_url, tmp_path, config=STAFF) as hub,
        hub.signed_in("bob") as bob,
        hub.signed_in("sana") as sana,
    ):
        with refused("not_allowed"):
            await bob.command("set_capacity", agent_id="bob", capacity={"sms": 9})
        with refused("not_found"):
            await sana.command("set_capacity", agent_id="nobody", capacity={"sms": 9})
        with refused("args"):
            await sana.command("set_capacity", agent_id="bob", capacity={"sms": -1})


async def test_applying_a_configuration_keeps_what_was_set_by_hand_and_says_so(
    database_url: str, tmp_path: Path
) -> None:
    async with open_test_hub(database_url, tmp_path, config=STAFF) as hub, hub.signed_in("sana") as sana:
        await sana.command("set_capacity", agent_id="bob", capacity={"sms": 7})
        changed = house(agents=[*people(ann={}, bob={"capacity": {"sms": 2}}), SANA])
        for dry_run in ("true", "false"):
            answer = await hub.http.post(f"/api/v1/config?dry_run={dry_run}", json=changed)
            assert answer.status_code == 200, answer.text
            assert "'sms': 7}, as Sana Haddad set it by hand" in answer.text
        bob = next(a for a in (await hub.get("agents"))["items"] if a["id"] == "bob")
        assert bob["capacity"] == {"sms": 7}
        await sana.command("set_capacity", agent_id="bob")
        bob = next(a for a in (await hub.get("agents"))["items"] if a["id"] == "bob")
        assert bob["capacity"]["sms"] == 2
