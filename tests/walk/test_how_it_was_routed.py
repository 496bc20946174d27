"""Why a case came to whom, in a real browser: who was considered, what became of each offer, and why not me."""

from __future__ import annotations

import os

import pytest
from playwright.async_api import Browser, expect

from tests.walk.conftest import Town
from tests.walk.test_in_the_browser import PATIENCE_MS, sit_down, take

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]


async def test_an_agent_reads_how_a_case_came_to_them(browser: Browser, town: Town) -> None:
    page = await sit_down(browser, town)
    see = page.get_by_test_id
    await town.do("mail", **{"from": "lena.fischer@example.org", "subject": "Kaputt", "text": "Bitte helfen!"})
    await take(page)
    await page.goto(town.hub.url + "/cases/1")
    await see("case-routing").click()
    offer = see("routing-offer")
    await expect(offer).to_have_count(1, timeout=PATIENCE_MS)
    await expect(offer).to_contain_text("You")
    await expect(offer).to_contain_text("Accepted")
    await offer.get_by_role("button").click()
    mine = offer.get_by_test_id("candidate-me")
    await expect(mine).to_contain_text("(you)", timeout=PATIENCE_MS)
    await expect(mine).to_contain_text("Chosen")
    assert await offer.get_by_test_id("candidate").count() >= 1, "the others of the queue are told too"
    if folder := os.environ.get("HUB_SHOTS"):
        await page.screenshot(path=f"{folder}/routing.png")
        await page.set_viewport_size({"width": 360, "height": 740})
        await page.screenshot(path=f"{folder}/routing-narrow.png")
    await page.keyboard.press("Escape")
    await expect(offer).to_have_count(0)
