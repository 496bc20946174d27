"""Writing mail as agents do it, in a real browser against a real hub: taken back, sent later, to several, on a second
device, and what does not arrive."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import time
from dataclasses import dataclass, field
from typing import Any

import pytest
import yaml
from playwright.async_api import Browser, Locator, Page, Route, WebSocketRoute, expect

from contact_center.__main__ import DEMO
from tests.walk.conftest import Town
from tests.walk.test_in_the_browser import PATIENCE_MS, sit_down, take

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]
LENA = "lena.fischer@example.org"
PICTURE = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGNgYPj/HwADAgH/p+Fm0QAAAABJRU5ErkJggg=="
)


async def with_a_letter(browser: Browser, town: Town, **letter: Any) -> Page:
    """Mei has a customer's letter in hand and its editor open."""
    page = await sit_down(browser, town)
    about = {"from": LENA, "name": "Lena Fischer", "subject": "Kaputt", "text": "Bitte helfen!"} | letter
    await town.do("mail", **about)
    await take(page)
    await page.get_by_test_id("composer-text").click()
    await expect(chips(page)).to_have_count(1, timeout=PATIENCE_MS)
    return page


def chips(page: Page, field: str = "to") -> Locator:
    return page.get_by_test_id(f"recipients-{field}").get_by_test_id("recipient")


async def with_words(town: Town, words: str, to: str = LENA) -> list[dict[str, Any]]:
    """What has arrived with them; the acknowledgement has none of an agent's."""
    return [m for m in (await town.see("mail", to=to))["items"] if words in m["text"]]


async def arrived(town: Town, words: str, to: str = LENA) -> dict[str, Any]:
    def found(got: dict[str, Any]) -> dict[str, Any] | None:
        return next((m for m in got["items"] if words in m["text"]), None)

    return dict(await town.seen("mail", found, f"a letter with {words!r}", to=to))


async def undo_lasts(town: Town, seconds: int) -> None:
    """A letter may be taken back for so long. A browser on a busy machine may need longer than people do."""
    whole = yaml.safe_load(DEMO.read_text(encoding="utf-8"))
    whole["mail"]["undo_seconds"] = seconds
    del whole["telephony"]["services"]  # whose addresses are known at the start of the sandbox alone
    async with town.hub.http() as rest:
        answer = await rest.post("/api/v1/config", json=whole)
        assert answer.is_success, answer.text


async def failures(town: Town) -> int:
    """How often a letter was refused."""
    async with town.hub.http() as rest:
        log = (await rest.get("/api/v1/events", params={"limit": "1000"})).json()["items"]
    return sum(each["kind"] == "delivery.changed" and each["body"]["state"] == "failed" for each in log)


async def test_a_letter_taken_back_is_in_the_editor_again_and_leaves_once(browser: Browser, town: Town) -> None:
    await undo_lasts(town, 120)
    page = await with_a_letter(browser, town)
    words = page.get_by_test_id("composer-text")
    await words.press_sequentially("Ein neues ist ")
    await words.press("Control+b")
    await words.press_sequentially("unterwegs.")
    await page.get_by_test_id("composer-send").click()
    await expect(page.get_by_test_id("letter-undo")).to_be_visible(timeout=PATIENCE_MS)
    await page.keyboard.press("z")
    await expect(words.locator("strong")).to_have_text("unterwegs.", timeout=PATIENCE_MS)
    assert await with_words(town, "Ein neues ist") == []
    await undo_lasts(town, 0)
    await page.get_by_test_id("composer-send").click()
    await arrived(town, "Ein neues ist unterwegs.")
    assert len(await with_words(town, "Ein neues ist")) == 1


async def test_a_letter_can_be_taken_back_by_its_key_before_its_sending_was_answered(
    browser: Browser, town: Town
) -> None:
    await undo_lasts(town, 120)
    page = await with_a_letter(browser, town)
    replies: set[str] = set()

    def between(page_side: WebSocketRoute) -> None:
        """The line of the conversation comes, the answer to the command that made it does not."""
        hub_side = page_side.connect_to_server()

        def asked(frame: str | bytes) -> None:
            command = json.loads(frame)
            if command.get("name") == "reply":
                replies.add(command["id"])
            hub_side.send(frame)

        def told(frame: str | bytes) -> None:
            if json.loads(frame).get("id") not in replies:
                page_side.send(frame)

        page_side.on_message(asked)
        hub_side.on_message(told)

    await page.route_web_socket(re.compile(r"^ws"), between)
    await page.reload()
    await page.get_by_test_id("composer-text").fill("Das war zu schnell.")
    await page.get_by_test_id("composer-send").click()
    await expect(page.get_by_test_id("letter-undo")).to_be_visible(timeout=PATIENCE_MS)
    assert replies
    await page.keyboard.press("z")
    await expect(page.get_by_test_id("composer-text")).to_have_text("Das war zu schnell.", timeout=PATIENCE_MS)
    await expect(page.get_by_test_id("letter-undo")).to_have_count(0, timeout=PATIENCE_MS)
    assert await with_words(town, "zu schnell") == []


async def test_what_one_device_wrote_is_found_on_the_next_and_leaves_when_it_was_told_to(
    browser: Browser, town: Town
) -> None:
    page = await with_a_letter(browser, town)
    await page.get_by_test_id("composer-text").fill("Morgen kommt der Techniker.")
    await expect(page.get_by_test_id("draft-state")).to_have_attribute("data-state", "saved", timeout=PATIENCE_MS)
    other = await sit_down(browser, town)
    await other.get_by_test_id("work-item").first.click()
    await expect(other.get_by_test_id("composer-text")).to_contain_text("Morgen kommt", timeout=PATIENCE_MS)
    await other.get_by_test_id("send-later").click()
    await other.get_by_test_id("later-preset").first.click()
    await expect(other.get_by_test_id("letter-cancel")).to_be_visible(timeout=PATIENCE_MS)
    await other.get_by_test_id("letter-now").click()
    await arrived(town, "Morgen kommt der Techniker.")
    await expect(other.get_by_test_id("letter-cancel")).to_have_count(0, timeout=PATIENCE_MS)


@dataclass
class Slow:
    """What the hub says of a letter before it is written, held back, or refused where it ``breaks``."""

    asked: asyncio.Event = field(default_factory=asyncio.Event)
    go_on: asyncio.Event = field(default_factory=asyncio.Event)
    breaks: bool = False

    async def __call__(self, route: Route) -> None:
        self.asked.set()
        await self.go_on.wait()
        await (route.abort() if self.breaks else route.continue_())


async def with_a_slow_hub(browser: Browser, town: Town, hub: Slow) -> Page:
    """Mei begins to write before the hub has said what an answer begins with."""
    page = await sit_down(browser, town)
    await page.route(re.compile(r"/composing"), hub)
    await town.do("mail", **{"from": LENA, "name": "Lena Fischer", "subject": "Kaputt", "text": "Bitte helfen!"})
    await take(page)
    await page.get_by_test_id("composer-text").click()
    await hub.asked.wait()
    return page


async def test_copies_opened_before_the_hub_has_said_whom_to_write_to_stay_open(browser: Browser, town: Town) -> None:
    hub = Slow()
    page = await with_a_slow_hub(browser, town, hub)
    await page.get_by_test_id("compose-copies").click()
    cc = page.get_by_test_id("recipients-cc-field")
    await cc.fill("werkstatt@exam")
    async with page.expect_response(re.compile(r"/composing"), timeout=PATIENCE_MS) as said:
        hub.go_on.set()
    await (await said.value).finished()
    await expect(page.get_by_test_id("compose-history")).to_be_visible(timeout=PATIENCE_MS)
    await expect(cc).to_have_value("werkstatt@exam")


async def test_what_is_forwarded_before_it_was_read_leaves_whole_or_not_at_all(browser: Browser, town: Town) -> None:
    hub, workshop = Slow(breaks=True), "werkstatt@example.com"
    page = await with_a_slow_hub(browser, town, hub)
    await page.get_by_test_id("composer-forward").click()
    await page.get_by_test_id("recipients-to-field").fill(workshop)
    await page.get_by_test_id("recipients-to-field").press("Enter")
    await page.get_by_test_id("composer-text").fill("Please have a look.")
    await page.get_by_test_id("composer-send").click()
    await expect(page.get_by_text("One moment")).to_be_visible()
    hub.go_on.set()
    await expect(page.get_by_text("could not be read: try again")).to_be_visible(timeout=PATIENCE_MS)
    assert await with_words(town, "Please have a look.", workshop) == []
    hub.go_on.clear()
    hub.breaks = False
    await page.get_by_test_id("composer-send").click()
    await expect(page.get_by_text("One moment")).to_be_visible()
    hub.go_on.set()
    letter = await arrived(town, "Please have a look.", workshop)
    assert "Bitte helfen!" in letter["text"]
    assert letter["subject"] == "Fwd: Kaputt"


async def test_a_letter_to_several_carries_its_files_and_pictures_and_says_how_each_fared(
    browser: Browser, town: Town
) -> None:
    page = await with_a_letter(browser, town)
    workshop = "werkstatt@example.com"
    await page.get_by_test_id("compose-copies").click()
    await page.get_by_test_id("recipients-cc-field").fill(f"Werkstatt <{workshop}>, kaputt")
    await page.get_by_test_id("recipients-cc-field").press("Enter")
    await page.get_by_test_id("composer-text").fill("See the attached file.")
    await page.get_by_test_id("composer-send").click()
    await expect(page.get_by_text("One of the addresses is not right.")).to_be_visible()
    await chips(page, "cc").nth(1).get_by_role("button").last.click()
    await page.get_by_test_id("composer-send").click()
    await expect(page.get_by_test_id("compose-doubts")).to_contain_text("attachment")
    await page.locator("input[type=file]").set_input_files(
        {"name": "angebot.txt", "mimeType": "text/plain", "buffer": b"Angebot"}
    )
    await expect(page.get_by_test_id("compose-file")).to_be_visible(timeout=PATIENCE_MS)
    await paste_picture(page)
    await expect(page.get_by_test_id("composer-text").locator("img[data-digest]")).to_be_visible(timeout=PATIENCE_MS)
    await page.get_by_test_id("composer-send").click()
    for someone in (LENA, workshop):
        letter = await arrived(town, "See the attached file.", someone)
        assert "angebot.txt" in str(letter)
    await expect(page.get_by_test_id("letter-recipients")).to_have_text(re.compile("2"), timeout=PATIENCE_MS)


async def paste_picture(page: Page) -> None:
    await page.get_by_test_id("composer-text").evaluate(
        """(box, bytes) => {
            const data = new DataTransfer();
            data.items.add(new File([Uint8Array.from(bytes)], "naht.png", { type: "image/png" }));
            box.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
        }""",
        list(PICTURE),
    )


async def test_what_nobody_takes_is_on_the_first_page_until_somebody_has_seen_to_it(
    browser: Browser, town: Town
) -> None:
    page = await with_a_letter(browser, town)
    await page.get_by_test_id("composer-forward").click()
    await expect(chips(page)).to_have_count(0)
    await page.get_by_test_id("recipients-to-field").fill("nobody@example.org")
    await page.get_by_test_id("recipients-to-field").press("Enter")
    await expect(chips(page)).to_have_count(1)
    await page.get_by_test_id("composer-send").click()
    await page.get_by_test_id("undelivered").click(timeout=PATIENCE_MS)
    row = page.get_by_test_id("undelivered-row")
    await expect(row).to_contain_text("nobody@example.org")
    await expect(row).to_contain_text("This address does not exist.")
    before = await failures(town)
    await row.get_by_test_id("undelivered-again").click()
    deadline = time.monotonic() + PATIENCE_MS / 1_000
    while await failures(town) == before:
        assert time.monotonic() < deadline, "it was not tried again"
        await asyncio.sleep(0.1)
    await expect(row).to_have_count(1, timeout=PATIENCE_MS)
    await row.get_by_test_id("undelivered-dismiss").click()
    await expect(page.get_by_text("Everything was delivered.")).to_be_visible(timeout=PATIENCE_MS)
    await page.keyboard.press("Escape")
    await expect(page.get_by_test_id("undelivered")).to_have_count(0)
