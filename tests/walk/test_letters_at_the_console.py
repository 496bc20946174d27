"""A letter as an agent reads it: what is new first, the page on request, pictures when asked for, files to see."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from channels.contract import Parsed
from contact_center.domain.events import Attachment, MessageReceived
from tests.fetching.evil_server import evil_net
from tests.hub import TestHub, letter, open_test_hub
from tests.previews.test_previews import document, picture
from tests.servers.browser import PATIENCE_MS

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(900),
    pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True),
]
HTML = (
    "<table bgcolor='#eeffee'><tr><td>The hinge is broken. <img src='cid:hinge'>"
    "<img src='http://images.example/a.png' alt='Our logo'><img src='http://images.example/spy.gif' width=1 height=1>"
    "<a href='https://evil.example/'>www.shop.example</a></td></tr></table>"
    "<blockquote type='cite'>Which one?</blockquote>"
)


async def lenas_letter(hub: TestHub, **more: str) -> int:
    """The case that it came into."""
    given = (
        ("hinge.jpg", "image/jpeg", picture("JPEG"), "hinge"),
        ("invoice.pdf", "application/pdf", document(2), ""),
        ("list.txt", "text/plain", "您好".encode("gb18030"), ""),
        ("letter.doc", "application/msword", b"\xd0\xcf\x11\xe0", ""),
    )
    blobs = hub.runtime.blobs
    files = tuple([Attachment(await blobs.put(data), name, kind, len(data), cid) for name, kind, data, cid in given])
    event = letter("lena@shop.example", "The hinge is broken.", name="Lena Fischer", **more)
    assert isinstance(event.body, MessageReceived)
    body = replace(
        event.body,
        html=await blobs.put(HTML.encode()),
        history="> Which one?",
        signature="-- \nLena",
        to=("support@hub.example",),
        cc=("omar@shop.example",),
        reply_to="lena@elsewhere.example",
        automatic="Auto-Submitted: auto-replied",
        new_topic=True,
    )
    (taken,) = await hub.runtime.doors["email"].take_in(
        Parsed((replace(event, body=body, attachments=files),), raw=b"raw")
    )
    return int((await hub.record(taken.interaction_id)).case_id)


async def at_the_console(browser: Browser, hub: TestHub, path: str, locale: str = "en-US") -> Page:
    context = await browser.new_context(locale=locale, viewport={"width": 1280, "height": 1_400})
    await context.add_cookies([{"name": "cch_session", "value": await hub.cookie_of("sana"), "url": hub.url}])
    page = await context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    await page.goto(hub.url + path)
    await page.get_by_test_id("message").first.wait_for()
    return page


async def test_a_letter_is_read_in_comfort(browser: Browser, database_url: str, tmp_path: Path) -> None:
    async with evil_net() as (evil, net), open_test_hub(database_url, tmp_path) as hub:
        hub.runtime.fetcher = net.fetcher()
        page = await at_the_console(browser, hub, f"/cases/{await lenas_letter(hub)}")
        see = page.get_by_test_id
        message = see("message")
        await expect(message).to_contain_text("The hinge is broken.")
        await expect(message).not_to_contain_text("Which one?")
        for mark in ("mail-new-topic", "mail-elsewhere", "mail-automatic"):
            await expect(see(mark)).to_be_visible()
        await see("mail-earlier").click()
        await expect(see("mail-history")).to_contain_text("Which one?")
        await see("mail-about").click()
        await expect(see("mail-details")).to_contain_text("omar@shop.example")
        await expect(see("mail-details")).to_contain_text("lena@elsewhere.example")

        await expect(see("attachment")).to_have_count(4)
        await see("toggle-html").click()
        await expect(see("attachment")).to_have_count(3)  # the hinge stands in the letter now
        await see("mail-carried").click()
        await expect(see("attachment")).to_have_count(4)  # and can be kept all the same
        frame = page.frame_locator("[data-testid=mail-frame]")
        await expect(frame.locator("td img")).to_have_count(1, timeout=PATIENCE_MS)
        await expect(frame.locator(".absent")).to_have_text("Our logo")
        await expect(frame.locator(".leads")).to_have_text("→ evil.example")
        await expect(frame.get_by_text("Which one?")).to_be_hidden()
        await frame.locator("summary").click()
        await expect(frame.get_by_text("Which one?")).to_be_visible()
        await expect(see("mail-trackers")).to_be_visible()
        assert evil.requests == []
        await see("mail-images-always").click()
        await expect(frame.locator("td img")).to_have_count(2, timeout=PATIENCE_MS)
        await page.reload()
        await expect(frame.locator("td img")).to_have_count(2, timeout=PATIENCE_MS)
        assert len(evil.requests) == 1, "the hub keeps what it fetched, and never asks for the tracker"


async def test_files_are_looked_at_by_keyboard_and_in_chinese(
    browser: Browser, database_url: str, tmp_path: Path
) -> None:
    async with open_test_hub(database_url, tmp_path) as hub:
        page = await at_the_console(browser, hub, f"/cases/{await lenas_letter(hub)}", "zh-CN")
        see = page.get_by_test_id
        await expect(see("mail-automatic")).to_have_text("自动答复")
        await expect(see("attachment")).to_have_count(4)
        await expect(see("attachment").locator("img")).to_have_count(2)
        async with page.expect_download() as download:
            await see("attachment-open").nth(3).click()
        assert (await download.value).suggested_filename == "letter.doc"
        await see("attachment-open").first.click()
        await expect(see("viewer-picture")).to_be_visible(timeout=PATIENCE_MS)
        await page.keyboard.press("ArrowRight")
        await expect(see("viewer-page")).to_have_text("第 1 / 2 页", timeout=PATIENCE_MS)
        await page.keyboard.press("PageDown")
        await expect(see("viewer-page")).to_have_text("第 2 / 2 页")
        await page.keyboard.press("ArrowRight")
        await expect(see("viewer-text")).to_have_text("您好", timeout=PATIENCE_MS)
        await page.keyboard.press("Escape")
        await expect(see("file-viewer")).to_have_count(0)


async def test_what_an_agent_wants_of_a_sender_counts_for_no_forger(
    browser: Browser, database_url: str, tmp_path: Path
) -> None:
    async with evil_net() as (evil, net), open_test_hub(database_url, tmp_path) as hub:
        hub.runtime.fetcher = net.fetcher()
        case_id = await lenas_letter(hub, unverified="DMARC: fail")
        page = await at_the_console(browser, hub, f"/cases/{case_id}")
        await page.evaluate("localStorage.setItem('cch.mail.images.sana', '[\"lena@shop.example\"]')")
        await page.reload()
        await expect(page.get_by_test_id("mail-doubt")).to_contain_text("May be forged")
        await page.get_by_test_id("toggle-html").click()
        await expect(page.get_by_test_id("mail-images-show")).to_be_visible()
        await expect(page.get_by_test_id("mail-images-always")).to_have_count(0)
        await expect(page.frame_locator("[data-testid=mail-frame]").locator(".absent")).to_be_visible()
        assert evil.requests == []
