"""The *try it* page in a real browser, with a fake hub behind it."""

from __future__ import annotations

import json
import re
import time
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, BrowserContext, Page, expect

from contact_center.sandbox.settings import DEMO_ACCOUNT
from tests.sandbox.conftest import Sandbox, started
from tests.sandbox.fake_hub import TOKEN, FakeHub, serving
from tests.servers.browser import PATIENCE_MS
from tests.servers.ports import free_port

pytestmark = pytest.mark.browser

VOICE = "/webhooks/twilio_voice"
LENA = "+4930901820"
SEAT = '<Response><Dial><Conference participantLabel="{}" record="record-from-start">r</Conference></Dial></Response>'


@pytest.fixture
def hub_answers(hub: FakeHub) -> FakeHub:
    hub.script = {
        VOICE: f'<Response><Gather input="dtmf speech" numDigits="1" timeout="60" action="{VOICE}/input">'
        '<Say>Press one.</Say><Say language="cmn-CN">您好</Say></Gather></Response>',
        f"{VOICE}/input": f'<Response><Enqueue waitUrl="{VOICE}/hold">q</Enqueue></Response>',
        f"{VOICE}/hold": "<Response><Say>Please hold.</Say><Play>/m.mp3</Play></Response>",
        "/widget.js": "document.body.dataset.widget = document.currentScript.dataset.entry",
    }
    return hub


@pytest.fixture
async def context(browser: Browser) -> AsyncIterator[BrowserContext]:
    context = await browser.new_context(viewport={"width": 1440, "height": 900}, locale="en-US")
    context.set_default_timeout(PATIENCE_MS)
    yield context
    await context.close()


@pytest.fixture
async def page(hub_answers: FakeHub, sandbox: Sandbox, context: BrowserContext) -> AsyncIterator[Page]:
    page = await context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda line: wrong.append(line.text) if line.type == "error" else None)
    await page.goto(sandbox.page + "/")
    await expect(page.locator(".hub-state.up")).to_be_visible()
    yield page
    assert wrong == []


async def test_a_customer_calls_presses_a_key_waits_and_hangs_up(page: Page, hub_answers: FakeHub) -> None:
    await page.get_by_role("button", name="Call", exact=True).click()
    await expect(page.locator("#captions")).to_contain_text("Press one.")
    await expect(page.locator('#captions [lang="zh-CN"]')).to_contain_text("您好")
    await page.get_by_role("button", name="Key 1").click()
    await expect(page.locator("#call-state")).to_contain_text("Waiting for an agent")
    assert (await hub_answers.hears(f"{VOICE}/input"))["Digits"] == "1"
    await expect(page.locator("#trace-phone")).to_contain_text("Hub answered 200")

    await page.reload()
    await expect(page.locator("#call-state")).to_contain_text("Waiting for an agent")
    await expect(page.locator("#captions")).to_contain_text("Pressed 1")

    await page.get_by_role("button", name="Hang up").click()
    await expect(page.locator("#call-state")).to_contain_text("Call ended")


async def test_keys_of_the_keyboard_are_keys_of_the_phone_but_not_while_writing(
    page: Page, hub_answers: FakeHub
) -> None:
    await page.get_by_role("button", name="Call", exact=True).click()
    await expect(page.locator("#call-state")).to_contain_text("Press a key or say it")
    await page.get_by_label("What you say on the phone").fill("")
    await page.keyboard.type("1 please")
    assert hub_answers.at(f"{VOICE}/input") == []
    await page.keyboard.press("Enter")
    assert (await hub_answers.hears(f"{VOICE}/input"))["SpeechResult"] == "1 please"


async def test_texts_show_what_became_of_them_and_can_be_sent_again(page: Page, hub_answers: FakeHub) -> None:
    hub_answers.script["/webhooks/twilio_sms"] = 503
    await page.get_by_role("textbox", name="Text message").fill("Is <b>anybody</b> there?")
    await page.keyboard.press("Enter")
    thread = page.locator("#thread")
    await expect(thread).to_contain_text("Not delivered")
    await expect(thread).to_contain_text("Is <b>anybody</b> there?")
    await expect(page.locator("#trace-sms")).to_contain_text("The hub did not take it")
    hub_answers.script["/webhooks/twilio_sms"] = "<Response><Message>Yes.</Message></Response>"
    await thread.get_by_role("button", name="Try again").click()
    await expect(thread).to_contain_text("Delivered")
    await expect(thread.locator(".theirs")).to_contain_text("Yes.")


async def test_a_letter_is_written_answered_and_replied_to(page: Page, sandbox: Sandbox) -> None:
    mailbox = page.locator("#mailbox")
    await mailbox.get_by_role("button", name="Write").click()
    await mailbox.get_by_label("Subject").fill("Leak")
    await mailbox.get_by_label("Your e-mail").fill("It leaks again.")
    await page.reload()
    await mailbox.get_by_role("button", name="Write").click()
    await expect(mailbox.get_by_label("Your e-mail")).to_have_value("It leaks again.")
    await mailbox.get_by_role("button", name="Send").click()
    await expect(mailbox).to_contain_text("You → support@hub.example")
    await expect(page.locator("#trace-mail")).to_contain_text("Your e-mail is in the hub's mailbox")

    await sandbox.post(
        "/mail",
        **{
            "from": "support@hub.example",
            "to": "lena.fischer@example.org",
            "subject": "Re: Leak",
            "text": "We come.",
        },
    )
    await mailbox.get_by_role("button", name="Re: Leak").click()
    await expect(mailbox.locator("#mail-read")).to_contain_text("We come.")
    await mailbox.get_by_role("button", name="Reply").click()
    await expect(mailbox.get_by_label("Subject")).to_have_value("Re: Leak")
    await mailbox.get_by_label("Your e-mail").fill("Thank you.")
    await mailbox.get_by_role("button", name="Send").click()
    await expect(mailbox.get_by_role("button", name="You → support@hub.example")).to_have_count(2)
    letters = (await sandbox.get("/ledger", kind="mail.to_hub"))["items"]
    assert [letter["who"] for letter in letters] == ["lena.fischer@example.org"] * 2


async def test_the_shop_shows_the_hubs_widget_and_each_customer_has_a_browser_of_their_own(page: Page) -> None:
    shop = page.frame_locator("#shop-frame")
    await expect(shop.locator("body[data-widget=support]")).to_be_visible()
    keep = "localStorage.setItem('contact-center:chat', 'of Lena')"
    await shop.locator("body").evaluate(f"() => {keep}")
    await page.get_by_role("radio", name="张伟").click()
    await expect(page.locator("#shop-frame")).to_have_attribute("src", re.compile("wei.zhang"))
    await expect(shop.locator("body[data-widget=support]")).to_be_visible()
    read = "() => localStorage.getItem('contact-center:chat')"
    assert await shop.locator("body").evaluate(read) is None
    await page.get_by_role("radio", name="Lena Fischer").click()
    await expect(page.locator("#shop-frame")).to_have_attribute("src", re.compile("lena.fischer"))
    await expect(shop.locator("body[data-widget=support]")).to_be_visible()
    assert await shop.locator("body").evaluate(read) == "of Lena"


async def test_a_hub_that_is_away_is_said_to_be_and_what_was_typed_is_kept(context: BrowserContext) -> None:
    async with started("http://127.0.0.1:9") as sandbox:
        page = await context.new_page()
        await page.goto(sandbox.page + "/")
        await expect(page.get_by_role("alert").filter(has_text="does not answer")).to_be_visible()
        await page.get_by_role("textbox", name="Text message").fill("still here")
        await page.reload()
        await expect(page.get_by_role("textbox", name="Text message")).to_have_value("still here")
        await page.get_by_role("button", name="Send", exact=True).first.click()
        await expect(page.locator("#thread")).to_contain_text("Not delivered")


async def test_somebody_else_can_be_played(page: Page, hub_answers: FakeHub) -> None:
    await page.get_by_role("button", name="Somebody else").click()
    await page.get_by_label("Name").fill("Bob")
    await page.get_by_label("Phone number").fill("+33 1 23 45 67 89")
    await page.get_by_label("E-mail address").fill("Bob@Example.com")
    await page.get_by_role("button", name="Be this customer").click()
    await page.get_by_role("textbox", name="Text message").fill("Salut")
    await page.keyboard.press("Enter")
    assert (await hub_answers.hears("/webhooks/twilio_sms"))["From"] == "+33123456789"


async def manner(sandbox: Sandbox, number: str, answers: str) -> None:
    """Waits until the sandbox knows what the telephone does: the list shows at once what was chosen."""
    deadline = time.monotonic() + PATIENCE_MS / 1_000
    known = ""
    while known != answers:
        assert time.monotonic() < deadline, f"{number} does {known!r}"
        phones = (await sandbox.get("/phones"))["items"]
        known = next((each["answers"] for each in phones if each["number"] == number), "")


async def test_one_person_plays_the_agents_telephone_too(page: Page, sandbox: Sandbox, hub_answers: FakeHub) -> None:
    hub_answers.script[VOICE] = SEAT.format("customer")
    await page.get_by_role("button", name="Call", exact=True).click()
    await page.get_by_role("button", name="All telephones").click()
    mei = page.get_by_role("article", name="Mei Lin")
    await mei.get_by_role("combobox").select_option("ring")
    await manner(sandbox, "client:mei.lin", "ring")
    await rest(sandbox, To="client:mei.lin", Twiml=SEAT.format("agent"))
    await expect(page.locator("#waiting")).to_have_text("1")
    await mei.get_by_role("button", name="Answer").click()
    await expect(mei).to_contain_text("With Lena Fischer")
    await expect(mei).to_contain_text("Recorded")
    await page.get_by_label("What you say on the phone").fill("It leaks.")
    await page.keyboard.press("Enter")
    await expect(mei.get_by_role("log")).to_contain_text("It leaks.")
    await mei.get_by_role("textbox").fill("<b>您好</b>")
    await page.keyboard.press("Enter")
    await expect(page.locator("#captions")).to_contain_text("<b>您好</b>")
    await mei.get_by_role("button", name="Keys", exact=True).click()
    await mei.get_by_role("button", name="Key 5").click()
    await expect(mei.get_by_role("log")).to_contain_text("Pressed 5")
    await mei.get_by_role("button", name="Hang up").click()
    await expect(mei).to_contain_text("Call ended")


async def test_a_telephone_outside_declines_and_another_is_added(page: Page, sandbox: Sandbox) -> None:
    await page.get_by_role("button", name="All telephones").click()
    technician = page.get_by_role("article", name="Technician")
    await rest(sandbox, To="+12025550177", Twiml=SEAT.format("technician"))
    await expect(technician).to_contain_text("It rings")
    await technician.get_by_role("button", name="Decline").click()
    await expect(technician).to_contain_text("Busy")
    await page.get_by_label("Add +49").fill("sip:expert@example.org")
    await page.get_by_role("button", name="Add").click()
    await expect(page.get_by_role("article", name="sip:expert@example.org")).to_contain_text("Not on a call")
    await page.reload()
    await expect(page.get_by_role("article", name="sip:expert@example.org")).to_be_visible()


async def test_trouble_is_begun_and_ended_by_hand(page: Page, sandbox: Sandbox) -> None:
    await page.get_by_role("button", name="Trouble").click()
    trouble = page.get_by_role("dialog", name="Trouble on purpose")
    await trouble.get_by_label("Webhooks get lost").fill("40")
    await trouble.get_by_label("It happens to").select_option("callbacks")
    await trouble.get_by_label("Seed").fill("7")
    await trouble.get_by_role("button", name="Begin").click()
    await expect(page.locator("#mischief.on")).to_be_visible()
    now = await sandbox.get("/misbehave")
    assert (now["lose_percent"], now["scope"], now["seed"]) == (40, "callbacks", 7)
    await page.get_by_role("button", name="Trouble").click()
    await trouble.get_by_role("button", name="All well again").click()
    await expect(page.locator("#mischief.on")).to_have_count(0)
    assert (await sandbox.get("/misbehave"))["lose_percent"] == 0


async def rest(sandbox: Sandbox, **wanted: str) -> None:
    """The hub calls somebody."""
    path = f"/2010-04-01/Accounts/{DEMO_ACCOUNT}/Calls.json"
    placed = await sandbox.api.post(path, data={"From": "+12025550100", **wanted}, auth=(DEMO_ACCOUNT, TOKEN))
    assert placed.status_code == 201, placed.text


@pytest.mark.parametrize("view", ["The customer", "All telephones"])
@pytest.mark.parametrize("language", ["en", "zh-CN"])
async def test_nothing_is_wider_than_the_window_and_every_word_is_there(
    page: Page, language: str, view: str, subtests: pytest.Subtests
) -> None:
    await page.get_by_role("button", name=view).click()
    if language == "zh-CN":
        await page.get_by_role("button", name="中文").click()
    await expect(page.locator("html")).to_have_attribute("lang", language)
    for width in (320, 390, 720, 768, 1024, 1280, 1440, 1920):
        with subtests.test(width=width):
            await page.set_viewport_size({"width": width, "height": 900})
            assert await page.evaluate("document.documentElement.scrollWidth") <= width
            assert await page.evaluate(NAMELESS) == []
    assert "undefined" not in await page.locator("body").inner_text()
    assert await page.evaluate(WORDLESS) == []


WORDLESS = "[...document.querySelectorAll('[data-t]')].filter((e) => !e.textContent.trim()).map((e) => e.dataset.t)"
NAMELESS = (
    "[...document.querySelectorAll('button')].filter((b) => b.checkVisibility() && !(b.textContent.trim() ||"
    " b.getAttribute('aria-label'))).map((b) => b.id)"
)


async def test_the_phone_rings_when_the_hub_calls_and_can_be_answered(page: Page, sandbox: Sandbox) -> None:
    placed = await sandbox.api.post(
        f"/2010-04-01/Accounts/{DEMO_ACCOUNT}/Calls.json",
        data={"To": LENA, "From": "+12025550100", "Twiml": "<Response><Say>You asked us to call.</Say></Response>"},
        auth=(DEMO_ACCOUNT, TOKEN),
    )
    assert placed.status_code == 201
    await expect(page.locator("#call-name")).to_have_text("Support")
    await expect(page.get_by_role("button", name="Decline")).to_be_visible()
    await page.get_by_role("button", name="Answer").click()
    await expect(page.locator("#captions")).to_contain_text("You asked us to call.")
    await expect(page.locator("#call-state")).to_contain_text("Call ended")


async def test_both_languages_have_the_same_words(page: Page) -> None:
    script = """async () => {
      const { languages } = await import("/page/words.js");
      const inner = ["what", "wrong", "manners"];
      const names = (table) => [...Object.keys(table), ...inner.flatMap((one) => Object.keys(table[one]))].sort();
      return Object.values(languages).map((table) => JSON.stringify(names(table)));
    }"""
    english, chinese = await page.evaluate(script)
    assert json.loads(english) == json.loads(chinese)


async def test_a_line_that_breaks_is_taken_up_again(hub_answers: FakeHub, context: BrowserContext) -> None:
    async with serving(FakeHub()) as hub:
        port = str(free_port())
        async with started(hub.url, CONTACT_CENTER_SANDBOX_PORT=port) as sandbox:
            page = await context.new_page()
            await page.goto(sandbox.page + "/")
            await expect(page.locator(".hub-state.up")).to_be_visible()
        await expect(page.get_by_role("alert").filter(has_text="The sandbox does not answer")).to_be_visible()
        async with started(hub.url, CONTACT_CENTER_SANDBOX_PORT=port):
            await expect(page.locator(".hub-state.up")).to_be_visible()
