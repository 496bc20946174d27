"""What routing does to people, in real browsers: what rings, comes by itself, is taken by hand, waits, and why."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, expect

from contact_center.domain.time import SECOND
from contact_center.storage import catalogue
from tests.dispatch.test_offers import GRACE_MS, LENA, OMAR, RING_MS, deadline_of
from tests.hub import TestHub, house, open_test_hub
from tests.walk.looking import says, screen_of

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(900),
    pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True),
]


def staff(**routing: Any) -> dict[str, Any]:
    """The house of the tests, whose support queue is routed so."""
    whole = house()
    whole["queues"][0]["routing"] = routing
    return whole


async def text(hub: TestHub, sender: str = LENA, words: str = "Where is my parcel?") -> str:
    known = set(await hub.interactions())
    await hub.twilio.sms(sender, words)
    (new,) = set(await hub.interactions()) - known
    return new


async def test_what_comes_by_itself_is_announced_and_can_be_kept_off(
    database_url: str, tmp_path: Path, browser: Browser
) -> None:
    async with (
        open_test_hub(database_url, tmp_path, config=staff(auto_answer=["sms"])) as hub,
        hub.agent("mei") as desk,
    ):
        mei = await screen_of(browser, hub, "mei")
        await desk.ready()
        await text(hub)
        await says(mei.see("offer-itself"), "Accepted by itself in", "秒后自动接受")
        await mei.look("itself")
        hub.advance(3 * SECOND)
        await expect(mei.see("work-item")).to_have_count(1)
        await mei.told("is yours: accepted by itself", "已自动接受")
        await expect(mei.see("message").filter(has_text="Where is my parcel?")).to_be_visible()
        await text(hub, OMAR)
        await expect(mei.see("offer-itself")).to_be_visible()
        await mei.press("r")
        await expect(mei.see("offer")).to_have_count(0)
        hub.advance(3 * SECOND)
        await expect(mei.see("work-item")).to_have_count(1)


async def test_the_first_of_several_has_it_and_the_others_read_who(
    database_url: str, tmp_path: Path, browser: Browser
) -> None:
    async with (
        open_test_hub(database_url, tmp_path, config=staff(ring=2)) as hub,
        hub.agent("mei") as desk,
        hub.agent("jonas") as other,
    ):
        mei, jonas = await screen_of(browser, hub, "mei"), await screen_of(browser, hub, "jonas", "/cases")
        await desk.ready()
        await other.ready()
        await text(hub)
        await says(mei.see("offer-also"), "Rings for 1 colleague too", "同时也在向另外 1 位同事响铃")
        await says(mei.page.get_by_role("alert").last, "Rings for 1 colleague too", "同时也在向另外 1 位同事响铃")
        await expect(jonas.see("offer-also")).to_be_visible()
        await mei.look("several")
        await jonas.look("several-elsewhere")
        mei.wire.hold()
        await jonas.press("a")
        await expect(jonas.see("work-item")).to_have_count(1)
        await mei.see("offer-accept").click()
        await expect(mei.see("offer-accept")).to_be_disabled()
        mei.wire.let_go()
        await expect(mei.see("offer")).to_have_count(0)
        await mei.told("Jonas Okoye was faster", "Jonas Okoye 先接受了")
        assert len(await mei.all_told()) == 1
        await expect(mei.see("work-item")).to_have_count(0)
        await mei.look("several-gone")


async def test_an_agent_takes_what_waits_by_hand_and_the_case_says_so(
    database_url: str, tmp_path: Path, browser: Browser
) -> None:
    async with open_test_hub(database_url, tmp_path, config=staff(pick="members")) as hub, hub.agent("mei") as desk:
        await desk.command("set_state", state="not_ready", reason="break")
        interaction_id = await text(hub)
        case_id = (await hub.record(interaction_id)).case_id
        mei = await screen_of(browser, hub, "mei", f"/cases/{case_id}")
        await mei.look("case-waits")
        await mei.see("pick-open").click()
        await expect(mei.see("pick-reason")).to_be_focused()
        await mei.press("Enter")
        await says(mei.see("pick-problem"), "Say why", "请写明原因")
        await mei.look("pick-take")
        await mei.wire.cut()
        await says(mei.see("pick"), "Reconnecting", "正在重连")
        await expect(mei.see("pick-submit")).to_be_disabled()
        await mei.look("pick-offline")
        mei.wire.mend()
        await mei.see("pick-reason").fill("I know her parcel")
        await expect(mei.see("pick-submit")).to_be_enabled()
        await who_may_pick(hub, "supervisors")
        await mei.press("Enter")
        await says(mei.see("pick-problem"), "you may no longer take from this queue", "你已不能从该队列接走工作")
        await mei.look("pick-denied")
        await who_may_pick(hub, "members")
        mei.wire.hold()
        await mei.press("Enter")
        await hub.eventually(lambda: in_hand(hub, interaction_id), "the hub to do it")
        await mei.wire.cut()
        mei.wire.mend()
        await mei.told("is yours", "已归你处理")
        await expect(mei.see("pick")).to_have_count(0)
        assert [each.kind for each in await hub.log(interaction_id)].count("routing.overridden") == 1
        await mei.see("case-routing").click()
        await mei.see("routing-offer").first.get_by_role("button").click()
        await says(mei.see("decision-overridden"), "I know her parcel", "I know her parcel")
        await mei.look("case-overridden")


async def who_may_pick(hub: TestHub, who: str) -> None:
    (row,) = [row for row in await hub.rows("queues") if row["id"] == "support"]
    changed = {"id": "support", "settings": {**row["settings"], "pick": who}}
    await hub.write(catalogue.put, catalogue.TABLES["queues"], changed)


async def in_hand(hub: TestHub, interaction_id: str) -> bool:
    return (await hub.record(interaction_id)).state == "assigned"


async def test_a_supervisor_gives_what_waits_past_a_capacity_only_said_so(
    database_url: str, tmp_path: Path, browser: Browser
) -> None:
    whole = house()
    whole["agents"][0]["capacity"] = {"sms": 1, "voice": 1}
    async with open_test_hub(database_url, tmp_path, config=whole) as hub, hub.at_work("mei") as (desk,):
        await text(hub)
        await desk.accept()
        waits = await text(hub, OMAR, "The invoice is wrong")
        sana = await screen_of(browser, hub, "sana", "/floor")
        await sana.look("floor-waits")
        await sana.see("floor-why").click()
        await says(sana.page.get_by_role("dialog"), "hands full", "已满")
        await sana.look("floor-why")
        await sana.page.get_by_role("dialog").get_by_test_id("pick-open").click()
        await expect(sana.see("pick-agent")).to_be_enabled()
        await expect(sana.see("pick-agent")).to_have_value("mei")
        await sana.see("pick-reason").fill("Mei began it")
        await sana.see("pick-submit").click()
        await says(sana.see("pick-problem"), "no room for it", "已无空余容量")
        await says(sana.see("pick-submit"), "Past their capacity all the same", "超出容量仍然派给")
        await sana.look("pick-give-over")
        await sana.see("pick-submit").click()
        await sana.told("given to Mei Lin", "已派给 Mei Lin")
        await desk.work(waits)
        await expect(sana.see("floor-why")).to_have_count(0)


async def test_a_capacity_is_lowered_while_they_work_and_they_are_told(
    database_url: str, tmp_path: Path, browser: Browser
) -> None:
    async with open_test_hub(database_url, tmp_path) as hub, hub.at_work("mei") as (desk,):
        for sender in (LENA, OMAR):
            await text(hub, sender)
            await desk.accept()
        mei = await screen_of(browser, hub, "mei")
        sana = await screen_of(browser, hub, "sana", "/floor")
        await sana.page.locator("[data-agent=mei]").get_by_test_id("floor-agent-menu").click()
        await sana.see("floor-capacity").click()
        await sana.see("capacity-sms").fill("")
        await sana.press("Enter")
        await says(sana.see("capacity-problem"), "Whole numbers", "整数")
        await sana.see("capacity-sms").fill("1")
        await says(sana.see("capacity"), "keeps 2, gets no more", "保留 2，不再增加")
        await sana.look("capacity")
        await sana.press("Enter")
        await expect(sana.see("capacity")).to_have_count(0)
        await mei.told("Sana Haddad set what you may have at once", "Sana Haddad 设定了你同时可处理的数量")
        await expect(mei.see("work-item")).to_have_count(2)
        waits = await text(hub, "+4915112345600")
        await mei.see("state-menu").click()
        await says(mei.see("my-capacity"), "2/1", "2/1")
        await says(mei.see("my-capacity"), "Set by Sana Haddad", "由 Sana Haddad 设定")
        await mei.look("my-capacity")
        assert (await hub.record(waits)).state == "waiting"
        await sana.page.locator("[data-agent=mei]").get_by_test_id("floor-agent-menu").click()
        await sana.see("floor-capacity").click()
        await sana.see("capacity-reset").click()
        await mei.told("as configured again", "已恢复为配置值")
        await desk.offer(waits)


async def test_who_misses_too_much_or_was_gone_reads_why_and_is_back_with_one_press(
    database_url: str, tmp_path: Path, browser: Browser
) -> None:
    async with open_test_hub(database_url, tmp_path) as hub:
        mei = await screen_of(browser, hub, "mei")
        await mei.see("state-menu").click()
        await mei.see("state-ready").click()
        first = await text(hub)
        for _ in range(2):
            await expect(mei.see("offer")).to_have_count(1)
            hub.advance(RING_MS)
            await expect(mei.see("offer")).to_have_count(0)
            hub.advance(30 * SECOND)
        await expect(mei.see("away-banner")).to_have_attribute("data-why", "not_responding")
        await mei.look("away-missed")
        await mei.see("away-back").press("Enter")
        await expect(mei.see("away-banner")).to_have_count(0)
        await expect(mei.see("offer")).to_have_count(1)
        await mei.press("a")
        await expect(mei.see("work-item")).to_have_count(1)
        await mei.page.close()
        await hub.eventually(lambda: deadline_of(hub, "presence"), "the time to come back to begin")
        async with hub.at_work("jonas") as (jonas,):
            hub.advance(GRACE_MS)
            await jonas.offer(first)
            sana = await screen_of(browser, hub, "sana", "/floor")
            await says(sana.page.locator("ol.lines"), "gone:", "断线")
            mei = await screen_of(browser, hub, "mei")
            await expect(mei.see("away-banner")).to_have_attribute("data-why", "connection_lost")
            await mei.look("away-gone")


async def test_whoever_may_asks_why_it_still_waits_and_why_not_me(
    database_url: str, tmp_path: Path, browser: Browser
) -> None:
    routing = {
        "needs": "billing >= 4 and not chinese",
        "relax": [{"after_seconds": 60, "needs": "billing >= 3"}],
        "skip_hopeless": False,
    }
    async with (
        open_test_hub(database_url, tmp_path, config=staff(**routing)) as hub,
        hub.at_work("mei") as (desk,),
    ):
        interaction_id = await text(hub)
        case_id = (await hub.record(interaction_id)).case_id
        mei = await screen_of(browser, hub, "mei", f"/cases/{case_id}")
        await mei.see("case-routing").click()
        waiting = mei.see("routing-waiting")
        await says(waiting, "1 agent has what it needs, and is not available.", "有 1 人符合要求，但不在岗。")
        await says(waiting, "Less will be asked at", "将放宽要求")
        await says(waiting.get_by_test_id("candidate-me"), "billing ★3, needs ★4", "billing ★3，需要 ★4")
        await mei.look("why-not-me")
        await mei.press("Escape")
        hub.advance(60 * SECOND)
        await desk.offer(interaction_id)
        await says(
            mei.see("offer-why"), "less was asked after waiting (step 1 of 1)", "等待后放宽了要求（第 1/1 步）"
        )
        await mei.see("offer-considered").click()
        await says(mei.page.get_by_role("dialog"), "Less is asked since it waited: step 1 of 1.", "第 1/1 步")
        await mei.look("decision")
