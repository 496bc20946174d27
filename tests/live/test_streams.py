"""A desk's numbered stream: whatever is cut, slow or missed, the desk ends as a fresh snapshot shows it."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from contact_center.domain.time import DAY, SECOND
from contact_center.storage import announcements
from tests.hub import KEY, WITHIN_S, CommandRefused, Console, TestHub, open_test_hub, until

LENA = "+4915112345678"


async def a_busy_while(hub: TestHub, consoles: tuple[Console, ...], chance: random.Random, steps: int) -> None:
    """People write, call, hang up; agents take, answer, give back, leave and come back. ``chance`` decides."""
    calls = []
    for _ in range(steps):
        desk = chance.choice(consoles)
        match chance.randrange(10):
            case 0 | 1 | 2:
                await hub.twilio.sms(f"+4915112345{chance.randrange(20):03}", f"Line {chance.random()}")
            case 3:
                await hub.chat(f"visitor-{chance.randrange(6)}", f"Line {chance.random()}")
            case 4:
                call = hub.twilio.call(f"+4915112399{chance.randrange(9):03}")
                await call.arrive()
                calls.append(call)
            case 5 if calls:
                await calls.pop(chance.randrange(len(calls))).hang_up()
            case 6:
                hub.advance(chance.choice((SECOND, 15 * SECOND, 31 * SECOND)))
            case 7:
                await desk.command("set_state", state=chance.choice(("ready", "ready", "ready", "not_ready")))
            case _:
                await something_at(desk, chance)


async def something_at(desk: Console, chance: random.Random) -> None:
    """A command on what the desk shows now. It may come too late: that is said, and harms nothing."""
    state = desk.state
    try:
        if state.offers and chance.random() < 0.8:
            verb = "accept" if chance.random() < 0.7 else "reject"
            await desk.command(verb, offer_id=chance.choice(state.offers).id)
        elif state.work:
            one = {"interaction_id": chance.choice(state.work).interaction_id}
            verb = chance.choice(("reply", "note", "wrap_up", "wrap_up", "return_to_queue"))
            more = {"wrap_up": {"disposition": "solved"}, "return_to_queue": {}}.get(verb, {"text": "Words"})
            await desk.command(verb, **one, **more)
    except CommandRefused as refused:
        assert refused.code in {"offer_gone", "not_yours", "live_call", "not_connected", "over", "not_found"}, refused  # noqa: PT017


@pytest.mark.parametrize("seed", range(2))
async def test_an_old_snapshot_and_what_followed_are_a_fresh_snapshot(
    database_url: str, tmp_path: Path, seed: int
) -> None:
    """The consoles prove it at the end of every test here; this one gives them a long and mixed while."""
    async with open_test_hub(database_url, tmp_path) as hub, hub.at_work("mei", "jonas") as consoles:
        await a_busy_while(hub, consoles, random.Random(seed), 120)
        for desk in consoles:
            await hub.settled(desk)
            assert len(desk.announced) > 20
            numbers = [seq for seq, _ in desk.announced]
            assert numbers == list(range(numbers[0], numbers[0] + len(numbers))), "contiguous, and none twice"


async def test_a_cut_at_any_frame_loses_nothing(database_url: str, tmp_path: Path) -> None:
    """The console goes after each of its announcements in turn, and comes back with the number it has."""
    chance = random.Random(7)
    async with open_test_hub(database_url, tmp_path) as hub, hub.at_work("mei") as (mei,):
        await a_busy_while(hub, (mei,), chance, 40)
        await hub.settled(mei)
        whole = mei.applied
        assert len(whole) > 10
        for before, seq, _, _ in whole[:: max(1, len(whole) // 12)]:
            async with hub.agent("mei", snapshot=False) as back:
                await back.hello()
                back.desk = before
                await back.say(type="resume", after=seq - 1)
                await back.until(lambda back=back: back.state.seq >= mei.state.seq)
                assert back.state == mei.state
                assert not [f for f in back.frames if f["type"] in ("snapshot", "resync")]


async def test_what_happens_while_a_console_is_away_comes_with_the_resume(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub, hub.at_work("mei") as (stays,):
        async with hub.agent("mei") as goes:
            had = goes.state
            await goes.cut()
        await hub.twilio.sms(LENA, "Hello?")
        await stays.accept()
        async with hub.agent("mei", snapshot=False) as back:
            back.desk = had
            await back.say(type="resume", after=had.seq)
            await back.until(lambda: back.state.seq >= stays.state.seq)
            assert back.state == stays.state


async def test_a_resume_with_nothing_missed_says_nothing_twice(database_url: str, tmp_path: Path) -> None:
    async with (
        open_test_hub(database_url, tmp_path) as hub,
        hub.at_work("mei") as (mei,),
        hub.agent("mei", snapshot=False) as back,
    ):
        back.desk = mei.state
        await back.say(type="resume", after=mei.state.seq)
        await back.frame("channel")
        await hub.twilio.sms(LENA, "Hello?")
        await back.offer()
        assert back.announced[0][0] == back.applied[0][0].seq + 1


@pytest.mark.parametrize("after", [10_000, -1, None, "1", 1.5, True, [], 2**70])
async def test_a_number_that_the_hub_does_not_know_gets_a_snapshot(
    database_url: str, tmp_path: Path, after: Any
) -> None:
    async with open_test_hub(database_url, tmp_path) as hub, hub.agent("mei", snapshot=False) as mei:
        await mei.say(type="resume", after=after)
        await mei.frame("resync")
        await mei.frame("snapshot")
        kinds = [f["type"] for f in mei.frames]
        assert kinds.index("resync") + 1 == kinds.index("snapshot")
        await mei.ready()
        await mei.until(lambda: mei.state.agent.state == "ready")


async def test_a_number_whose_followers_were_let_go_gets_a_snapshot(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub:
        async with hub.at_work("mei") as (mei,):
            old = mei.state
            hub.clock.now += 8 * DAY
            await hub.twilio.sms(LENA, "Hello?")
            await mei.offer()
        await hub.write(announcements.forget, hub.clock.now - 7 * DAY)
        async with hub.agent("mei", snapshot=False) as back:
            await back.say(type="resume", after=max(0, old.seq - 1))
            await back.frame("resync")
            await back.frame("snapshot")
            assert back.state.offers


async def test_an_agents_first_console_that_resumes_from_nothing_is_told_everything(
    database_url: str, tmp_path: Path
) -> None:
    async with open_test_hub(database_url, tmp_path) as hub:
        async with hub.agent("mei") as mei:
            empty = mei.state
            assert empty.seq == 0
            await mei.ready()
        async with hub.agent("mei", snapshot=False) as back:
            back.desk = empty
            await back.say(type="resume", after=0)
            await back.until(lambda: back.state.agent.state == "ready")


async def test_a_console_that_does_not_read_is_let_go_and_comes_back(database_url: str, tmp_path: Path) -> None:
    """4008: what it missed is in the database, and nobody else waits for it."""
    async with open_test_hub(database_url, tmp_path) as hub, hub.at_work("mei") as (mei,):
        sock = socket.create_connection(("127.0.0.1", int(hub.url.rsplit(":", 1)[1])))
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 262_144)
        async with connect(
            hub.url.replace("http", "ws") + "/agent?agent=mei",
            sock=sock,
            additional_headers={"Authorization": f"Bearer {KEY}"},
            max_queue=1,
            compression=None,
            ping_interval=None,
        ) as slow:
            await slow.recv()
            slow.transport.pause_reading()
            desks = hub.runtime.desks
            await until(lambda: len(desks.of("mei")) == 2)
            for n in range(1, 60):
                for _ in range(50):
                    desks.tell("mei", {"type": "typing", "interaction_id": "x" * 20_000, "at": n})
                # Whoever reads has everything all the while.
                await mei.until(lambda n=n: sum(f["type"] == "typing" for f in mei.frames) == 50 * n)
                if any(desk.closed for desk in desks.of("mei")):
                    break
            else:
                pytest.fail("a console that does not read was kept for ever")
            slow.transport.resume_reading()
            with pytest.raises(ConnectionClosed):  # noqa: PT012
                while True:
                    await asyncio.wait_for(slow.recv(), WITHIN_S)
            assert slow.close_code == 4008
        await mei.ready()


async def test_a_desk_says_nothing_of_anybody_elses(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub, hub.at_work("mei", "jonas") as (mei, jonas):
        await hub.twilio.sms(LENA, "Secret")
        await hub.eventually(lambda: rings(mei, jonas))
        has, has_not = (mei, jonas) if mei.state.offers else (jonas, mei)
        await has.accept()
        assert "Secret" in str(has.frames)
        assert "Secret" not in str(has_not.frames)


async def rings(*consoles: Console) -> bool:
    return any(console.state.offers for console in consoles)


async def test_an_ended_session_closes_its_sockets_and_no_others(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub, hub.agent("mei") as by_key:
        cookie = await hub.cookie_of("mei")
        async with hub.agent("", cookie=cookie) as one, hub.agent("", cookie=cookie) as two:
            answer = await hub.anonymous.delete("/api/v1/session", headers={"Cookie": f"cch_session={cookie}"})
            assert answer.status_code == 204
            assert (await one.ended(), await two.ended()) == (4403, 4403)
        await by_key.ready()


async def test_a_hub_that_goes_down_says_when_to_come_back(database_url: str, tmp_path: Path) -> None:
    async with contextlib.AsyncExitStack() as hubs:
        hub = await hubs.enter_async_context(open_test_hub(database_url, tmp_path))
        async with hub.agent("mei") as mei:
            await hubs.aclose()
            assert (await mei.frame("drain"))["retry_after_ms"] > 0
            assert await mei.ended() == 1012


async def test_the_customer_is_writing_is_told_to_who_has_the_chat_alone(database_url: str, tmp_path: Path) -> None:
    async with (
        open_test_hub(database_url, tmp_path) as hub,
        hub.at_work("mei") as (mei,),
        hub.agent("jonas") as jonas,
    ):
        door = hub.runtime.doors["webchat"]
        await hub.chat("visitor-1", "Hello?")
        await door.typing("visitor-1")  # nobody has it yet
        work = await mei.accept()
        await door.typing("visitor-1")
        frame = await mei.frame("typing")
        assert frame == {"type": "typing", "interaction_id": work.interaction_id, "at": hub.clock.now}
        assert not [f for f in jonas.frames if f["type"] == "typing"]
        await door.typing("nobody")


async def test_a_channels_health_is_told_at_the_start_and_when_it_changes(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub, hub.agent("mei") as mei:
        told = {f["name"]: f["state"] for f in mei.frames if f["type"] == "channel"}
        if not told:
            await mei.frame("channel")
        seen = len(mei.frames)
        hub.runtime.doors["webchat"].report("degraded", "the disk is full")
        await mei.until(lambda: [f for f in mei.frames[seen:] if f["type"] == "channel" and f["name"] == "webchat"])
        ready = (await hub.anonymous.get("/ready")).json()
        assert ready["channels"]["webchat"] == {"state": "degraded", "reason": "the disk is full"}


async def test_a_customer_who_waits_for_an_answer_is_woken(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub, hub.at_work("mei") as (mei,):
        door = hub.runtime.doors["webchat"]
        woken: list[int] = []
        end = door.watch("visitor-1", lambda: woken.append(1))
        await hub.chat("visitor-1", "Hello?")
        work = await mei.accept()
        seen = len(woken)
        await mei.command("reply", interaction_id=work.interaction_id, text="Hi!")
        await until(lambda: len(woken) > seen)
        end()
        seen = len(woken)
        await mei.command("reply", interaction_id=work.interaction_id, text="Hi again!")
        assert len(woken) == seen


# --- the floor --------------------------------------------------------------------------------------------------


async def test_a_supervisor_sees_the_whole_floor_and_then_what_changes(database_url: str, tmp_path: Path) -> None:
    async with (
        open_test_hub(database_url, tmp_path) as hub,
        hub.agent("mei") as mei,
        hub.signed_in("sana") as sana,
    ):
        await sana.say(type="watch", what="floor")
        whole = (await sana.frame("floor"))["floor"]
        assert whole["full"]
        assert {q["id"] for q in whole["queues"]} == {"general", "support", "sales", "billing"}
        assert {a["agent"]["id"] for a in whole["agents"]} == {"mei", "jonas", "sana"}
        seen = len(sana.frames)
        await mei.ready()

        def tells_of_mei() -> Any:
            parts = [f["floor"] for f in sana.frames[seen:] if f["type"] == "floor"]
            return next((p for p in parts for a in p["agents"] if a["agent"]["state"] == "ready"), None)

        part = await sana.until(tells_of_mei)
        assert not part["full"]
        assert [a["agent"]["id"] for a in part["agents"]] == ["mei"], "and nothing that did not change"
        await hub.twilio.sms(LENA, "Hello?")

        def tells_of_the_offer() -> Any:
            parts = [f["floor"] for f in sana.frames[seen:] if f["type"] == "floor"]
            return [line for p in parts for line in p["recent"] if line["code"] == "offer.made"]

        (line,) = await sana.until(tells_of_the_offer)
        assert (line["agent_name"], line["queue"], line["customer_name"]) == ("Mei Lin 林美", "support", LENA)
        await sana.say(type="unwatch", what="floor")
        await sana.say(type="ping")
        await sana.frame("pong")


async def test_an_agent_is_not_shown_the_floor(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub, hub.signed_in("mei") as mei:
        await mei.say(type="watch", what="floor")
        refused = await mei.frame("result")
        assert refused["error"]["code"] == "not_allowed"
        await hub.twilio.sms(LENA, "Hello?")
        assert not [f for f in mei.frames if f["type"] == "floor"]
