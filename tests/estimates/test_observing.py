"""What the hub writes down of waiting, and what it says of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from contact_center.domain.time import DAY, HOUR, MINUTE, SECOND
from contact_center.estimates import observer
from contact_center.estimates.expecting import Expecting
from contact_center.estimates.observer import KEEP_MS
from contact_center.storage import estimates, journal
from contact_center.storage.schema import interactions
from routing.expected import Expected
from tests.hub import TestHub, house, open_test_hub

LENA, WEI, OMAR = "+4915112345678", "+8613800138000", "+201001234567"


@pytest.fixture(autouse=True)
def nobody_looks_unasked(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is written down of a wait is what was so at the look: here it is the test that says when that is."""
    monkeypatch.setattr(observer, "GATHER_S", 3_600.0)


async def rows(hub: TestHub) -> list[dict[str, Any]]:
    await hub.runtime.observer.look()
    return sorted(await hub.rows("waiting_estimates"), key=lambda row: (row["began_at"], row["id"]))


async def test_a_wait_is_followed_from_its_beginning_to_the_end_of_wrap_up(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub, hub.at_work("mei") as (mei,):
        await hub.chat("lena", "Hello?")
        offer = await mei.offer()
        (row,) = await rows(hub)
        assert (row["others"], row["outcome"], row["queue"], row["priority"]) == (-1, "", "support", 2)
        hub.advance(7 * SECOND)
        await mei.accept(offer.interaction_id)
        (row,) = await rows(hub)
        assert (row["outcome"], row["waited_ms"], row["agent_id"], row["done"]) == ("answered", 7_000, "mei", 0)
        hub.advance(90 * SECOND)
        await mei.command("wrap_up", interaction_id=offer.interaction_id, disposition="solved")
        (row,) = await rows(hub)
        assert (row["handled_ms"], row["rang_ms"], row["done"]) == (90_000, 7_000, 1)


async def test_who_waits_where_nobody_serves_is_told_no_number(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub:
        await hub.twilio.sms(LENA, "Hello?")
        (row,) = await rows(hub)
        assert (row["mean_ms"], row["agents"]) == (None, 0)
        found = await hub.get(f"interactions/{row['interaction_id']}/estimate")
        assert found["estimate"] is None
        here = {(item["queue"], item["medium"]): item for item in (await hub.get("staffing"))["items"]}
        assert set(here) == {("billing", "voice"), ("sales", "voice"), ("support", "sms"), ("general", "voice")}
        assert here["support", "sms"]["agents"] == 0
        assert here["support", "sms"]["missing"] == 20


async def test_estimates_count_who_stands_in_front_with_their_priority(database_url: str, tmp_path: Path) -> None:
    """One agent with room for one; behind a customer of theirs, a plain one, and one of higher priority."""
    one = house()["agents"]
    one[0] = {**one[0], "capacity": {"chat": 1, "sms": 0, "email": 0, "voice": 0}}
    async with (
        open_test_hub(database_url, tmp_path, config=house(agents=one)) as hub,
        hub.at_work("mei") as (mei,),
    ):
        await hub.chat("first", "Hello?")
        await mei.accept()
        for name in ("second", "third"):
            hub.advance(SECOND)
            await hub.chat(name, "Hello?")
        _, second, third = await hub.interactions()
        behind = await hub.get(f"interactions/{third}/estimate")
        assert behind["ahead"] == 1
        assert behind["agents"] == 1
        before = await hub.get(f"interactions/{second}/estimate")
        assert before["ahead"] == 0
        assert before["estimate"]["mean_ms"] < behind["estimate"]["mean_ms"]
        assert behind["estimate"]["p50_ms"] < behind["estimate"]["mean_ms"] < behind["estimate"]["p90_ms"]
        found = await rows(hub)
        assert [row["others"] for row in found] == [-1, 0, 1]


async def test_estimates_count_on_those_whom_a_step_will_ask(database_url: str, tmp_path: Path) -> None:
    """Mei has her hands full, Jonas of another queue has nothing to do and is asked after a minute."""
    queues = house()["queues"]
    support = next(queue for queue in queues if queue["id"] == "support")
    support["routing"] = {"relax": [{"after_seconds": 60, "also_queues": ["sales"]}]}
    team = [{**each, "capacity": {"chat": 1}} for each in house()["agents"][:2]]
    team[0]["queues"], team[1]["queues"] = ["support"], ["sales"]
    async with (
        open_test_hub(database_url, tmp_path, config=house(agents=team, queues=queues)) as hub,
        hub.at_work("mei", "jonas") as (mei, _),
    ):
        await hub.chat("first", "Hello?")
        await mei.accept()
        await hub.chat("second", "Hello?")
        _, second = await hub.interactions()
        found = await hub.get(f"interactions/{second}/estimate")
        assert found["agents"] == 1
        assert 30 * SECOND < found["estimate"]["p90_ms"] <= 61 * SECOND
        (_, row) = await rows(hub)
        assert row["p90_ms"] == found["estimate"]["p90_ms"]
        hub.advance(50 * SECOND)
        assert (await hub.get(f"interactions/{second}/estimate"))["estimate"]["p90_ms"] <= 11 * SECOND


async def test_what_is_kept_for_somebody_is_expected_to_wait_for_them(database_url: str, tmp_path: Path) -> None:
    """Mei knows Lena and has her hands full; Jonas has nothing to do, and has it in 40 seconds."""
    queues = house()["queues"]
    next(queue for queue in queues if queue["id"] == "support")["routing"] = {"hold_seconds": 40}
    team = [{**each, "capacity": {"sms": 1}, "queues": ["support"]} for each in house()["agents"][:2]]
    async with (
        open_test_hub(database_url, tmp_path, config=house(agents=team, queues=queues)) as hub,
        hub.at_work("mei") as (mei,),
    ):
        await hub.twilio.sms(LENA, "Hello?")
        work = await mei.accept()
        await mei.command("wrap_up", interaction_id=work.interaction_id, disposition="solved")
        await mei.gone(work.interaction_id)
        hub.advance(SECOND)
        await hub.twilio.sms(OMAR, "Hello?")
        await mei.accept()
        async with hub.at_work("jonas"):
            await hub.twilio.sms(LENA, "Me again.")
            again = (await hub.interactions())[-1]
            found = await hub.get(f"interactions/{again}/estimate")
            assert found["agents"] == 2
            assert 20 * SECOND < found["estimate"]["p90_ms"] < 5 * MINUTE


async def test_giving_up_and_being_sent_on_are_two_different_ends(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub, hub.at_work("jonas") as (jonas,):
        await hub.twilio.sms(LENA, "Hello?")
        work = await jonas.accept()
        await rows(hub)
        hub.advance(20 * SECOND)
        await jonas.command("transfer", interaction_id=work.interaction_id, to="queue:sales")
        await jonas.gone(work.interaction_id)
        await rows(hub)
        call = hub.twilio.call(WEI)
        hub.advance(SECOND)
        await call.arrive()
        await jonas.command("set_state", state="offline")
        await rows(hub)
        hub.advance(31 * SECOND)
        await call.hang_up()
        found = await rows(hub)
        first = next(row for row in found if row["queue"] == "support" and row["medium"] == "sms")
        assert (first["outcome"], first["handled_ms"], first["done"]) == ("answered", 20_000, 1)
        assert any(row["queue"] == "sales" for row in found), "the second queue's waiting is a stretch of its own"
        left = next(row for row in found if row["medium"] == "voice")
        assert left["outcome"] == "abandoned"
        assert left["waited_ms"] >= 31 * SECOND


async def test_presence_and_work_make_a_fair_share(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub:
        begin = hub.clock.now
        async with hub.at_work("mei", "jonas") as (mei, jonas):
            await hub.twilio.sms(LENA, "Hello?")
            hub.advance(SECOND)
            work = await jonas.accept()
            await rows(hub)
            hub.advance(30 * MINUTE)
            await jonas.command("wrap_up", interaction_id=work.interaction_id, disposition="solved")
            await jonas.gone(work.interaction_id)
            await mei.command("set_state", state="not_ready", reason="break")
            await rows(hub)
            hub.advance(30 * MINUTE)
            found = await hub.get("fair-shares", since=begin - 1, until=hub.clock.now)
        shares = {share["agent_id"]: share for share in found["agents"]}
        assert shares["jonas"]["work_share"] == 1
        assert shares["jonas"]["accepted"] == shares["jonas"]["offers"] == 1
        assert shares["jonas"]["busy_ms"] == 30 * MINUTE
        assert shares["mei"]["occupancy"] == 0
        assert abs(shares["jonas"]["there_ms"] - HOUR) <= 2 * SECOND
        assert abs(shares["mei"]["there_ms"] - 30 * MINUTE) <= 2 * SECOND
        assert abs(shares["mei"]["away_ms"] - 30 * MINUTE) <= 2 * SECOND
        assert found["gini"] == 0.5


async def test_the_service_level_is_answered_with_its_formulas(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub, hub.at_work("mei") as (mei,):
        await hub.twilio.sms(LENA, "Hello?")
        await mei.accept()
        await rows(hub)
        found = await hub.get("service-level", queue="support")
        assert found["counts"]["answered"] == 1
        assert found["within_ms"] == 20_000
        assert {level["variant"]: level["share"] for level in found["levels"]}["answered_of_offered"] == 1
        assert all(level["formula"] for level in found["levels"])
        nobody = await hub.get("service-level", queue="sales")
        assert [level["share"] for level in nobody["levels"]] == [None] * 6


async def test_what_is_asked_wrongly_is_refused_in_words(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub:
        for path, status in (
            ("staffing/nowhere", 404),
            ("staffing/support?share=2", 422),
            ("staffing/support?medium=telepathy", 422),
            ("staffing/support?per_hour=100000&handling_s=86400", 422),
            ("staffing/support?handling_s=nan", 422),
            ("agents/mei/pause?minutes=0", 422),
            ("service-level?since=5&until=4", 422),
            ("service-level?since=0", 422),
            ("interactions/none/estimate", 404),
            ("estimates?hours=0", 422),
        ):
            answer = await hub.http.get(f"/api/v1/{path}")
            assert answer.status_code == status, f"{path}: {answer.text}"
            assert answer.json()["error"]["message"]
        assert (await hub.anonymous.get("/api/v1/staffing")).status_code == 401


async def test_agents_do_not_see_how_others_are_measured(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub:
        cookie = {"Cookie": f"cch_session={await hub.cookie_of('jonas')}"}
        for path in ("staffing", "staffing/support", "estimates", "service-level", "fair-shares", "agents/mei/pause"):
            assert (await hub.anonymous.get(f"/api/v1/{path}", headers=cookie)).status_code == 403


async def test_what_if_answers_the_published_figures(database_url: str, tmp_path: Path) -> None:
    """A hundred calls in half an hour, 180 s each: 14 agents for 80 % within 20 s, 20 on the schedule."""
    async with open_test_hub(database_url, tmp_path) as hub:
        asked = {"per_hour": 200, "handling_s": 180, "patience_s": 0, "agents": 13, "within_s": 20, "shrinkage": 0.3}
        found = await hub.get("staffing/support", **asked)
        assert (found["needed"], found["on_schedule"]) == (14, 20)
        assert round(found["now"]["service_level"], 4) == 0.7956
        assert round(found["more"]["service_level"], 4) == 0.8884
        assert found["lines"][0]["average_wait_s"] is None, "nobody there: an endless wait"
        assert found["missing"] == 20


async def test_a_pause_is_weighed_for_each_queue_of_the_agent(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub, hub.at_work("mei", "jonas") as (mei, _):
        found = await hub.get("agents/mei/pause", minutes=15)
        assert {item["queue"] for item in found["items"]} == {"support", "sales", "billing"}
        for number in range(3):
            await hub.twilio.call(f"+49151123456{number:02}").arrive()
        await rows(hub)
        hub.advance(31 * SECOND)
        support = next(i for i in (await hub.get("agents/mei/pause"))["items"] if i["queue"] == "support")
        assert support["after"]["service_level"] < support["before"]["service_level"]
        assert support["late"] > 0
        await mei.command("set_state", state="offline")
        await mei.until(lambda: mei.state.agent.state == "offline")
        hub.advance(2 * SECOND)
        assert (await hub.get("agents/mei/pause"))["items"] == []


async def test_estimates_are_judged_by_what_became_of_them(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub:
        await hub.write(_some_history, hub)
        (item,) = (await hub.get("estimates", queue="support"))["items"]
        assert item["answered"] == 40
        assert item["bias_ms"] == 10_000
        assert item["within_p90"] == 1
        assert item["calibrated"] is True
        assert len(item["curve"]) == 9
        figures = (await hub.http.get("/metrics")).text
        assert 'contact_center_estimate_bias_seconds{medium="voice",queue="support"} 10.0' in figures
        assert 'contact_center_estimate_within_p90{medium="voice",queue="support"} 1.0' in figures


async def test_a_record_that_cannot_be_read_stands_in_nobodys_way(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path, checked=False) as hub, hub.at_work("mei") as (mei,):
        await hub.chat("lena", "Hello?")
        await mei.offer()
        await rows(hub)
        await hub.write(_break, (await mei.accept()).interaction_id)
        await hub.chat("wei", "Hello?")
        await mei.accept()
        assert [(row["outcome"], row["done"]) for row in await rows(hub)] == [("left", 1), ("answered", 0)]


def _break(conn: Any, interaction_id: str) -> None:
    """Segments without their queues: another release's, or nobody's."""
    this = interactions.c.id == interaction_id
    record = conn.execute(interactions.select().where(this)).one().record
    segments = [{"kind": "queue", "started_at": record["segments"][0]["started_at"]}]
    conn.execute(interactions.update().where(this).values(record={**record, "segments": segments}))


async def test_old_estimates_are_let_go(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub:
        await hub.write(_some_history, hub)
        hub.advance(KEEP_MS + DAY)
        await hub.runtime.observer.tidy()
        assert await hub.rows("waiting_estimates") == []


def _some_history(conn: Any, hub: TestHub) -> None:
    """Forty callers who waited 70 s and were told 60."""
    on = hub.clock.occasion()
    facts = {"priority": 0, "others": 0, "agents": 2.0, "handling_ms": 120_000, "patience_ms": 0, "answer_ms": 0}
    promised = {"mean_ms": 60_000, "p50_ms": 41_000, "p90_ms": 138_000}
    told = [
        estimates.Expected(f"past{n}", "support", "voice", on.now - HOUR + n, **facts, **promised)  # type: ignore[arg-type]
        for n in range(40)
    ]
    estimates.add(conn, on, told)
    for row in conn.execute(estimates.waiting_estimates.select()).all():
        ended = {"row": row.id, "new_outcome": "answered", "new_waited": 70_000, "new_agent": "mei"}
        estimates.settle(conn, [{**ended, "new_rang": 0, "new_handled": 120_000, "new_done": 1}])


async def test_a_day_that_is_played_expects_what_the_hub_expects(database_url: str, tmp_path: Path) -> None:
    """Mei has her hands full, Jonas is asked after a minute, and four wait."""
    queues, agents = house()["queues"], house()["agents"]
    support = next(queue for queue in queues if queue["id"] == "support")
    support["routing"] = {"relax": [{"after_seconds": 60, "also_queues": ["sales"]}]}
    agents[0] = {**agents[0], "capacity": {"chat": 1, "sms": 0, "email": 0, "voice": 0}}
    async with (
        open_test_hub(database_url, tmp_path, config=house(queues=queues, agents=agents)) as hub,
        hub.at_work("mei") as (mei,),
    ):
        await hub.chat("first", "Hello?")
        await mei.accept()
        for name in ("second", "third", "fourth", "fifth"):
            hub.advance(SECOND)
            await hub.chat(name, "Hello?")
        hub.advance(45 * SECOND)  # what came is counted again
        await rows(hub)
        waiting = (await hub.interactions())[1:]
        told = await hub.read(_in_both, hub, waiting)
        assert len({mean for mean, _ in told}) == 4
        for mean, played in told:
            assert mean == played


def _in_both(conn: Any, hub: TestHub, waiting: list[str]) -> list[tuple[int | None, int | None]]:
    """What each who waits is to expect, in the hub and in a house that was told the same."""
    now, hubs = hub.clock.now, Expecting()
    staff, rates = hubs.floor(conn, now), hubs.rates(conn, now, "support", "chat")
    played = Expected(staff.policy, {("support", "chat"): rates})
    cases = [journal.waiting(conn, loaded) for each in waiting if (loaded := journal.load(conn, each))]
    for (queue, medium), count in staff.work.came.items():
        for _ in range(count):
            played.comes(replace(cases[0], queue=queue, medium=medium), now)
    for each in cases:
        played.waits(each)
    seats = {seat.agent_id: seat for seat in staff.seats}
    told = [hubs.expect(conn, now, each).estimate for each in cases]
    return [
        (known.mean_ms if known else None, played.wait_ms(each, seats, now))
        for known, each in zip(told, cases, strict=True)
    ]
