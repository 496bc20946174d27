"""A stranger answers one of our letters: an agent says in a real browser whether that is the same matter."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser, Locator, Page, expect

from tests.walk.conftest import Town
from tests.walk.test_in_the_browser import PATIENCE_MS, sit_down, take
from tests.walk.test_mail_in_the_browser import LENA, arrived

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]
EVE = "lena.privat@example.net"
OURS, THEIRS = "Ein neues ist unterwegs.", "Ich bin es, von zu Hause."


async def with_a_strangers_answer(browser: Browser, town: Town) -> Page:
    """Mei has a customer's conversation in hand, and what somebody else wrote in answer to her letter in it."""
    page = await sit_down(browser, town)
    about = {"name": "Lena Fischer", "subject": "Kaputt", "text": "Bitte helfen!"}
    await town.do("mail", **{"from": LENA, **about})
    await take(page)
    await page.get_by_test_id("composer-text").fill(OURS)
    await page.get_by_test_id("composer-send").click()
    ours = await arrived(town, OURS)
    about = {"name": "Lena", "subject": "Re: Kaputt", "in_reply_to": ours["message_id"]}
    await town.do("mail", **{"from": EVE, "text": THEIRS, **about})
    await take(page)
    return page


def said(page: Page, words: str) -> Locator:
    return page.get_by_test_id("message").filter(has_text=words)


async def test_two_cases_become_one_are_two_again_and_stay_apart(browser: Browser, town: Town) -> None:
    page = await with_a_strangers_answer(browser, town)
    see = page.get_by_test_id
    await expect(see("linked-case")).to_contain_text("This may belong to case 1.", timeout=PATIENCE_MS)
    await expect(see("mail-doubt")).to_contain_text("this address was not known")
    await expect(said(page, OURS)).to_have_count(0)

    await see("linked-merge").click()
    await see("toast-act").hover()  # it stays for as long as somebody points at it
    await expect(see("customer-name")).to_contain_text("Lena Fischer", timeout=PATIENCE_MS)
    for words in (OURS, THEIRS):
        await expect(said(page, words)).to_have_count(1, timeout=PATIENCE_MS)
    await expect(see("work-item")).to_have_count(1)
    await expect(see("linked-case")).to_have_count(0)

    await see("toast-act").click()
    await expect(said(page, THEIRS)).to_have_count(0, timeout=PATIENCE_MS)
    await expect(said(page, OURS)).to_have_count(1)
    await take(page)
    await expect(said(page, THEIRS)).to_have_count(1, timeout=PATIENCE_MS)
    await expect(said(page, OURS)).to_have_count(0, timeout=PATIENCE_MS)

    await see("linked-apart").click()
    await see("toast-act").hover()
    await expect(see("linked-case")).to_have_count(0, timeout=PATIENCE_MS)
    await expect(see("work-item")).to_have_count(2)
    await see("toast-act").click()
    await expect(see("linked-case")).to_be_visible(timeout=PATIENCE_MS)
