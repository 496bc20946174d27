"""What an agent and a supervisor see of it, in a real browser."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from tests.hub import open_test_hub
from tests.recognition.school import learnt, school
from tests.servers.browser import PATIENCE_MS, page_of, picture

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(900),
    pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True),
]
REFUND = "Hello, I was charged twice for the blue kettle, please refund it."
PICTURES = os.environ.get("HUB_PICTURES", "")


async def test_an_agent_says_with_one_key_that_it_is_right(
    database_url: str, tmp_path: Path, browser: Browser
) -> None:
    async with open_test_hub(database_url, tmp_path, config=school()) as hub, hub.at_work("mei") as (mei,):
        await learnt(hub)
        await hub.chat("lena", REFUND)
        offer = await mei.offer()
        session = await hub.cookie_of("mei")
        page = await page_of(browser, hub.url, session, PATIENCE_MS, color_scheme="light")
        await page.goto(f"{hub.url}/desk")
        await expect(page.get_by_test_id("offer-recognised")).to_contain_text("Looks like Refund")
        await picture(page, "offer")
        await page.get_by_test_id("offer-considered").click()
        await expect(page.get_by_test_id("recognised-reason")).to_contain_text("needs refunds ≥ 1")
        await picture(page, "decision")
        await page.keyboard.press("Escape")
        await mei.accept(offer.interaction_id)
        await page.goto(f"{hub.url}/desk/{offer.interaction_id}")
        strip = page.get_by_test_id("recognised")
        await expect(strip).to_contain_text("Looks like Refund")
        await picture(page, "work")
        await page.keyboard.press("y")
        await expect(strip).to_contain_text("About: Refund")
        await page.keyboard.press("i")
        await expect(page.get_by_test_id("recognised-choose")).to_be_focused()
        await page.get_by_test_id("recognised-choose").select_option("cancel")
        await expect(strip).to_contain_text("About: Cancel")
        await expect(page.get_by_text("said that it is about Cancel")).to_be_visible()
        if PICTURES:
            await picture(page, "said")
            narrow = await page_of(
                browser, hub, session, color_scheme="dark", locale="zh-CN", viewport={"width": 320, "height": 700}
            )
            await narrow.goto(f"{hub.url}/desk/{offer.interaction_id}")
            await expect(narrow.get_by_test_id("recognised")).to_be_visible()
            await picture(narrow, "work-narrow-zh-dark")
        assert (await hub.record(offer.interaction_id)).intent == "cancel"
        await page.context.close()


async def test_a_wrong_language_is_put_right_by_keyboard_and_taken_back(
    database_url: str, tmp_path: Path, browser: Browser
) -> None:
    async with open_test_hub(database_url, tmp_path, config=school()) as hub, hub.at_work("mei") as (mei,):
        await hub.chat("wei", "OK")
        work = await mei.accept()
        session = await hub.cookie_of("mei")
        page = await page_of(browser, hub.url, session, PATIENCE_MS)
        await page.goto(f"{hub.url}/desk/{work.interaction_id}")
        tongues = page.get_by_test_id("recognised-language")
        await expect(tongues).to_have_value("")
        await page.keyboard.press("g")
        await expect(tongues).to_be_focused()
        await page.keyboard.press("Escape")
        await tongues.select_option("zh")
        await expect(page.get_by_test_id("recognised-asks")).to_contain_text("asks for chinese ≥ 3")
        await expect(page.get_by_text("said that it is in Chinese")).to_be_visible()
        await picture(page, "language")
        await expect(page.get_by_test_id("recognised-undo")).to_be_focused()
        await page.keyboard.press("u")
        await expect(tongues).to_have_value("")
        await expect(page.get_by_test_id("recognised-undo")).to_have_count(0)
        assert (await hub.record(work.interaction_id)).language_said is None
        if PICTURES:
            await tongues.select_option("zh")
            shown = (
                (320, "zh-CN", "dark", "refund"),
                (1500, "zh-CN", "light", "cancel"),
                (700, "en-GB", "dark", "-"),
            )
            for width, locale, scheme, intent in shown:
                size = {"width": width, "height": 800}
                other = await page_of(
                    browser, hub.url, session, PATIENCE_MS, color_scheme=scheme, locale=locale, viewport=size
                )
                await other.goto(f"{hub.url}/desk/{work.interaction_id}")
                await other.get_by_test_id("recognised-choose").select_option(intent)
                await expect(other.get_by_test_id("recognised-undo")).to_be_visible()
                await picture(other, f"language-{width}-{locale}-{scheme}")
        await page.context.close()


async def test_a_supervisor_corrects_a_case_that_waits_on_its_page_and_sees_how_it_was_routed(
    database_url: str, tmp_path: Path, browser: Browser
) -> None:
    async with open_test_hub(database_url, tmp_path, config=school()) as hub:
        await learnt(hub)
        await hub.chat("lena", REFUND)
        interaction_id = await hub.only_interaction()
        case_id = (await hub.record(interaction_id)).case_id
        page = await page_of(browser, hub.url, await hub.cookie_of("sana"), PATIENCE_MS)
        await page.goto(f"{hub.url}/cases/{case_id}")
        strip = page.get_by_test_id("recognised")
        await expect(strip).to_contain_text("Looks like Refund")
        await page.get_by_test_id("case-routing").click()
        await expect(page.get_by_test_id("recognised-reason")).to_contain_text("needs refunds ≥ 1")
        await picture(page, "case-routing")
        await page.keyboard.press("Escape")
        await page.get_by_test_id("recognised-choose").select_option("delivery")
        await expect(strip).to_contain_text("About: Delivery")
        await page.get_by_test_id("case-routing").click()
        await expect(page.get_by_test_id("recognised-reason")).to_contain_text(
            "About Delivery, as somebody here said"
        )
        await expect(page.get_by_test_id("recognised-reason")).not_to_contain_text("refunds")
        await picture(page, "case-routing-corrected")
        record = await hub.record(interaction_id)
        assert (record.queue, record.priority, record.skills) == ("support", 6, {})
        await page.keyboard.press("Escape")
        await page.get_by_test_id("recognised-undo").click()
        await expect(strip).to_contain_text("Looks like Refund")
        await picture(page, "case")
        await page.context.close()


async def test_a_supervisor_sees_what_may_decide_and_how_right_it_is(
    database_url: str, tmp_path: Path, browser: Browser
) -> None:
    async with open_test_hub(database_url, tmp_path, config=school(recognition={"bar": 0.9})) as hub:
        session = await hub.cookie_of("sana")
        page = await page_of(browser, hub.url, session, PATIENCE_MS)
        await page.goto(f"{hub.url}/floor")
        await expect(page.get_by_text("Nothing has been learnt yet")).to_be_visible()
        await learnt(hub)
        await page.reload()
        await expect(page.get_by_test_id("recognition-intent")).to_have_count(7)
        await expect(page.get_by_role("img", name="How sure it was")).to_be_visible()
        await page.get_by_test_id("recognition-text").fill(REFUND)
        await page.get_by_test_id("recognition-try").click()
        await expect(page.get_by_test_id("recognition-tried")).to_contain_text("Looks like Refund")
        await expect(page.get_by_test_id("recognition-train")).to_have_count(0)  # that is for admins
        if PICTURES:
            await page.get_by_test_id("recognition-tried").scroll_into_view_if_needed()
            await picture(page, "floor")
            for width, name in ((320, "floor-narrow"), (1500, "floor-wide")):
                other = await page_of(
                    browser,
                    hub,
                    session,
                    color_scheme="dark",
                    locale="zh-CN",
                    viewport={"width": width, "height": 900},
                )
                await other.goto(f"{hub.url}/floor")
                await other.get_by_test_id("recognition-text").fill(REFUND)
                await other.get_by_test_id("recognition-try").click()
                await other.get_by_test_id("recognition-tried").scroll_into_view_if_needed()
                await picture(other, f"{name}-zh-dark")
        await page.context.close()
