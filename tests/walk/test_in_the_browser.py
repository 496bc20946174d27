"""The whole round in real browsers: an agent at the console, a customer on the try it page and on a shop's page."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser, Page, expect

from tests.servers.browser import PATIENCE_MS
from tests.walk.conftest import Town

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]


async def sit_down(browser: Browser, town: Town, locale: str = "en-US") -> Page:
    """Mei signs in at the console and is ready."""
    context = await browser.new_context(locale=locale, viewport={"width": 1280, "height": 800})
    page = await context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    await page.goto(town.hub.url + "/")
    await page.get_by_test_id("sign-in-email").fill("mei@hub.example")
    await page.get_by_test_id("sign-in-password").fill("try-the-hub")
    await page.get_by_test_id("sign-in-submit").click()
    await page.get_by_test_id("state-menu").click()
    await page.get_by_test_id("state-ready").click()
    return page


async def take(page: Page) -> None:
    await expect(page.get_by_test_id("offer")).to_be_visible(timeout=PATIENCE_MS)
    await expect(page.get_by_test_id("offer-why")).to_be_visible()
    await page.get_by_test_id("offer-accept").click()
    await expect(page.get_by_test_id("offer")).to_have_count(0, timeout=PATIENCE_MS)


async def answer(page: Page, text: str) -> None:
    await page.get_by_test_id("composer-text").fill(text)
    await page.get_by_test_id("composer-send").click()
    await expect(page.get_by_test_id("message").filter(has_text=text)).to_be_visible(timeout=PATIENCE_MS)


async def wrap_up(page: Page) -> None:
    await page.get_by_test_id("wrap-up-open").click()
    await page.get_by_test_id("wrap-up-disposition").first.click()
    await page.get_by_test_id("wrap-up-submit").click()
    await expect(page.get_by_test_id("work-item")).to_have_count(0, timeout=PATIENCE_MS)


async def test_an_agent_answers_a_text_and_a_letter_at_the_console(browser: Browser, town: Town) -> None:
    page = await sit_down(browser, town)
    await town.do("sms", **{"from": "+4930901820", "text": "Wo bleibt mein Techniker?"})
    await take(page)
    await expect(page.get_by_test_id("message").filter(has_text="Wo bleibt mein Techniker?")).to_be_visible()
    await answer(page, "Um zehn Uhr.")
    await town.seen(
        "sms", lambda got: any(t["body"] == "Um zehn Uhr." for t in got["items"]), "the text", number="+4930901820"
    )
    await wrap_up(page)
    lena = "lena.fischer@example.org"
    await town.do("mail", **{"from": lena, "name": "Lena Fischer", "subject": "Kaputt", "text": "Bitte helfen!"})
    await take(page)
    await expect(page.get_by_test_id("customer-name")).to_contain_text("Lena Fischer")
    await answer(page, "Ein neues ist unterwegs.")
    await town.seen(
        "mail", lambda got: any("Ein neues ist unterwegs." in m["text"] for m in got["items"]), "the letter", to=lena
    )
    await wrap_up(page)


async def test_a_visitor_chats_on_a_shops_page_with_an_agent_who_works_in_chinese(
    browser: Browser, town: Town
) -> None:
    agent = await sit_down(browser, town, locale="zh-CN")
    shop = await browser.new_page()
    shop.set_default_timeout(PATIENCE_MS)
    await shop.goto(town.hub.page + "/shop?lang=zh")
    await shop.evaluate("() => new Promise(done => window.ContactCenter ? done() : "
                        "window.addEventListener('contact-center-ready', done))")  # fmt: skip
    await shop.evaluate("() => window.ContactCenter.open()")
    box = shop.get_by_role("textbox").last
    await box.fill("可以换尺码吗？")
    await box.press("Enter")
    await take(agent)
    await expect(agent.get_by_test_id("message").filter(has_text="可以换尺码吗？")).to_be_visible()
    await answer(agent, "可以，请告诉我订单号。")
    await expect(shop.get_by_text("可以，请告诉我订单号。").first).to_be_visible(timeout=PATIENCE_MS)
    await shop.reload()
    await shop.evaluate("() => new Promise(done => window.ContactCenter ? done() : "
                        "window.addEventListener('contact-center-ready', done))")  # fmt: skip
    await shop.evaluate("() => window.ContactCenter.open()")
    await expect(shop.get_by_text("可以，请告诉我订单号。").first).to_be_visible(timeout=PATIENCE_MS)
    await wrap_up(agent)


async def test_a_caller_is_connected_and_both_sides_words_reach_the_other(browser: Browser, town: Town) -> None:
    page = await sit_down(browser, town)
    sid = (await town.do("calls", **{"from": "+8613800138000"}))["call_sid"]
    for _ in range(2):
        await town.do(f"calls/{sid}/digits", digits="2")
    await take(page)
    await expect(page.get_by_text("On call").first).to_be_visible(timeout=PATIENCE_MS)
    await town.do(f"calls/{sid}/speech", text="洗碗机又漏水了。")
    await expect(page.get_by_text("洗碗机又漏水了。").first).to_be_visible(timeout=PATIENCE_MS)
    await answer(page, "马上为您安排。")
    await town.seen(
        f"calls/{sid}", lambda call: any("马上为您安排。" in line["text"] for line in call["lines"]), "the words"
    )
    await wrap_up(page)
    await town.seen(f"calls/{sid}", lambda call: call["where"] == "over" or call["status"] == "completed", "the end")
