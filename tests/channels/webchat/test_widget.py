"""The widget in a real browser, on a page of another origin than the hub's."""

from __future__ import annotations

import asyncio
import gzip
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.async_api import Browser, BrowserContext, Page, WebSocketRoute, expect

from channels.webchat.channel import widget
from tests.channels.webchat.served import Site, a_shop, a_site
from tests.channels.webchat.test_conversation import outgoing
from tests.servers.browser import PATIENCE_MS

pytestmark = pytest.mark.browser

PAGE = """<!doctype html><html lang="{lang}"><head><meta charset="utf-8">{head}
<meta name="viewport" content="width=device-width,initial-scale=1"><title>Northwind</title>{style}</head>
<body><h1>Northwind Appliances</h1><button id="ours">Ask us</button>
<script src="http://{hub}/widget.js" data-entry="support" {attributes} async></script></body></html>"""


@dataclass
class Shop:
    """A stranger's page with the widget on it. ``html`` may be changed before ``visit``."""

    site: Site
    context: BrowserContext
    address: str = ""
    lang: str = "en"
    attributes: str = ""
    head: str = ""
    style: str = ""
    complaints: list[str] = field(default_factory=list)

    def html(self) -> str:
        return PAGE.format(
            lang=self.lang, head=self.head, style=self.style, hub=self.site.address, attributes=self.attributes
        )

    async def visit(self, before: Callable[[Page], Any] | None = None) -> Widget:
        page = await self.context.new_page()
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", lambda m: self.complaints.append(m.text) if m.type == "error" else None)
        if before is not None:
            await before(page)
        await page.goto(self.address)
        seen = Widget(page)
        await seen.host.wait_for(state="attached")
        return seen

    async def taken(self, count: int) -> None:
        """Waits until the hub has so many events: a page shows what its visitor wrote before it is there."""
        await self.site.hub.expect(lambda hub: len(hub.events) >= count)


class Widget:
    """What a customer does with it."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.host = page.locator("contact-center-chat")
        self.panel = page.get_by_role("dialog")
        self.launcher = page.locator(".launcher")
        self.field = page.locator("textarea")
        self.bubbles = page.locator("li.me .bubble, li.them .bubble")

    async def open(self) -> Widget:
        await self.launcher.click()
        await expect(self.panel).to_be_visible()
        return self

    async def write(self, text: str) -> None:
        await self.field.fill(text)
        await self.field.press("Enter")

    async def says(self, *texts: str) -> None:
        """The conversation is exactly this, after the greeting."""
        wanted = [re.compile(f".*: {re.escape(text)}$", re.DOTALL) for text in texts]
        await expect(self.bubbles).to_have_text([re.compile(".+", re.DOTALL), *wanted])

    async def presence(self, text: str | re.Pattern[str]) -> None:
        await expect(self.page.locator(".presence")).to_have_text(text)


@asynccontextmanager
async def a_shop_of(browser: Browser, site: Site, **browsing: Any) -> AsyncIterator[Shop]:
    context = await browser.new_context(**{"locale": "en-GB", **browsing})
    context.set_default_timeout(PATIENCE_MS)
    shop = Shop(site, context)
    async with a_shop(shop.html) as shop.address:
        yield shop
        await context.close()


@pytest.fixture
async def shop(browser: Browser, site: Site) -> AsyncIterator[Shop]:
    async with a_shop_of(browser, site) as opened:
        yield opened
        assert opened.complaints == []


async def test_a_visitor_writes_waits_and_gets_an_answer(shop: Shop) -> None:
    seen = await (await shop.visit()).open()
    await expect(seen.bubbles).to_contain_text(["Hello! How can we help?"])
    await expect(seen.field).to_be_focused()
    await seen.write("My dishwasher leaks")
    await seen.presence("Waiting for a colleague…")
    await expect(seen.page.locator("li.me .meta")).to_contain_text("Sent")
    hub = shop.site.hub
    hub.attend(hub.thread(), "attended:Mei")
    await seen.presence("Mei is here")
    hub.say(hub.thread(), "Good morning!")
    await seen.says("My dishwasher leaks", "Good morning!")
    sent = await shop.site.channel.send(outgoing(hub.thread()))
    assert sent.state == "delivered"
    await expect(seen.page.get_by_role("status")).to_contain_text("Mei: Good morning!")


async def test_a_reload_finds_the_same_conversation_with_the_panel_open(shop: Shop) -> None:
    seen = await (await shop.visit()).open()
    await seen.write("one")
    await seen.says("one")
    await shop.taken(1)
    await seen.field.fill("a draft")
    await seen.page.reload()
    shop.site.hub.say(shop.site.hub.thread(), "two")
    await expect(seen.panel).to_be_visible()
    await seen.says("one", "two")
    await expect(seen.field).to_have_value("a draft")
    await seen.write("three")
    await seen.says("one", "two", "three")
    assert len({event.sender for event in shop.site.hub.events}) == 1
    assert await shop.context.cookies() == []


async def test_a_page_that_nobody_chats_on_opens_no_socket_and_keeps_nothing(shop: Shop) -> None:
    sockets: list[str] = []
    seen = await shop.visit(lambda page: _noting_sockets(page, sockets))
    await expect(seen.launcher).to_be_visible()
    assert await seen.page.evaluate("localStorage.length") == 0
    assert sockets == []
    await seen.open()
    await seen.presence("We answer here")
    assert sockets == [shop.site.socket_url]


async def _noting_sockets(page: Page, sockets: list[str]) -> None:
    page.on("websocket", lambda socket: sockets.append(socket.url))


@pytest.mark.parametrize("cut_after", [1, 2, 3, 5])
async def test_a_connection_that_is_cut_shows_no_gap_and_no_double(shop: Shop, cut_after: int) -> None:
    """The network goes after that many frames, up to five times."""
    cuts = 0

    async def cut(page: Page) -> None:
        def through(route: WebSocketRoute) -> None:
            nonlocal cuts
            frames = 0
            server = route.connect_to_server()

            def from_server(message: str | bytes) -> None:
                nonlocal frames, cuts
                frames += 1
                if frames > cut_after and cuts < 5:
                    cuts += 1
                    asyncio.ensure_future(route.close(code=1012))  # noqa: RUF006
                    asyncio.ensure_future(server.close())  # noqa: RUF006
                else:
                    route.send(message)

            server.on_message(from_server)

        await page.route_web_socket(re.compile("socket"), through)

    seen = await (await shop.visit(cut)).open()
    for text in ("yes", "yes", "no"):
        await seen.write(text)
    hub = shop.site.hub
    await hub.expect(lambda hub: len(hub.events) == 3)
    hub.say(hub.thread(), "yes")
    await seen.says("yes", "yes", "no", "yes")
    await expect(seen.page.locator("li.unsent, li.failed")).to_have_count(0)
    assert cuts >= 1
    # The pass-through that cuts writes into its own half of a connection that it has just closed.
    shop.complaints[:] = [said for said in shop.complaints if "CLOSING or CLOSED" not in said]
    assert [line.text for line in hub.shown[hub.thread()]] == ["yes", "yes", "no", "yes"]
    assert len({event.thread.key for event in hub.events}) == 1


async def test_a_message_whose_acknowledgement_was_lost_is_shown_once_all_the_while(shop: Shop) -> None:
    back = asyncio.Event()
    came: set[str] = set()

    async def cut(page: Page) -> None:
        def through(route: WebSocketRoute) -> None:
            if "ack" in came and not back.is_set():
                asyncio.ensure_future(route.close(code=1012))  # noqa: RUF006
                return
            server = route.connect_to_server()

            def from_server(message: str | bytes) -> None:
                kind = json.loads(message)["type"]
                came.add(kind)
                if back.is_set() or kind != "ack":
                    route.send(message)
                if not back.is_set() and came >= {"ack", "line"}:
                    asyncio.ensure_future(route.close(code=1012))  # noqa: RUF006

            server.on_message(from_server)

        await page.route_web_socket(re.compile("socket"), through)

    seen = await (await shop.visit(cut)).open()
    await seen.presence("We answer here")
    await seen.write("Hello")
    await seen.presence("Reconnecting…")
    again = seen.page.get_by_role("button", name="Try now")
    await expect(again).to_be_visible()
    await expect(seen.bubbles).to_have_count(2)
    back.set()
    await again.evaluate_all("all => all.forEach(e => e.click())")  # it may have tried by itself meanwhile
    await seen.presence("Waiting for a colleague…")
    await seen.says("Hello")
    await expect(seen.page.locator("li.me .meta")).to_contain_text("Sent")
    assert len(shop.site.hub.events) == 1
    assert len(shop.site.hub.deliveries) == 2


async def test_a_message_that_is_never_acknowledged_but_shown_by_the_hub_was_sent(shop: Shop) -> None:
    connections = 0

    async def cut(page: Page) -> None:
        def through(route: WebSocketRoute) -> None:
            nonlocal connections
            connections += 1
            server = route.connect_to_server()

            def from_server(message: str | bytes) -> None:
                if json.loads(message)["type"] != "ack":
                    route.send(message)
                else:
                    asyncio.ensure_future(route.close(code=1012))  # noqa: RUF006

            server.on_message(from_server)

        await page.route_web_socket(re.compile("socket"), through)

    seen = await (await shop.visit(cut)).open()
    await seen.presence("We answer here")
    await seen.write("Hello")
    await expect(seen.page.locator("li.me .meta")).to_contain_text(" · Sent")
    await seen.says("Hello")
    await seen.presence("Waiting for a colleague…")
    assert len(shop.site.hub.events) == 1
    assert len(shop.site.hub.deliveries) == 5


async def test_what_was_written_while_the_hub_was_away_is_sent_when_it_is_back(shop: Shop) -> None:
    seen = await (await shop.visit()).open()
    await seen.presence("We answer here")
    shop.site.hub.busy_for = 1_000_000
    await seen.write("one")
    await expect(seen.page.locator("li.me .meta")).to_have_text("Sending…")
    await seen.page.reload()
    shop.site.hub.busy_for = 0
    await seen.says("one")
    await expect(seen.page.locator("li.me .meta")).to_contain_text("Sent")
    assert [event.source_id for event in shop.site.hub.events] == [shop.site.hub.deliveries[0].source_id]


async def test_a_message_that_the_hub_cannot_bear_does_not_keep_the_next_one(browser: Browser) -> None:
    async with a_site() as site, a_shop_of(browser, site) as shop:
        site.hub.fail_on = lambda parsed: OSError("poison") if b"poison" in parsed.raw else None
        seen = await (await shop.visit()).open()
        await seen.write("poison")
        await seen.write("good")
        await site.hub.expect(lambda hub: hub.events)
        await expect(seen.page.locator("li.failed .meta")).to_contain_text("Not sent")
        site.hub.fail_on = lambda parsed: None
        await seen.page.get_by_role("button", name="Retry").click()
        await seen.says("good", "poison")


async def test_two_tabs_are_one_visitor_in_one_conversation(shop: Shop) -> None:
    one, two = await shop.visit(), await shop.visit()
    await asyncio.gather(one.open(), two.open())
    for tab in (one, two):
        await tab.presence("We answer here")
    while len(shop.site.channel._present) > 1:  # opened at once they were two: they agree on one
        await one.page.evaluate("new Promise(requestAnimationFrame)")
    await one.write("from one")
    await two.write("from two")
    await shop.taken(2)
    shop.site.hub.say(shop.site.hub.thread(), "to both")
    for tab in (one, two):
        await expect(tab.bubbles).to_have_count(4)
        await expect(tab.bubbles.last).to_contain_text("to both")
    assert len({event.thread.key for event in shop.site.hub.events}) == 1


async def test_an_ended_chat_can_be_left_and_a_new_one_begun(shop: Shop) -> None:
    seen = await (await shop.visit()).open()
    await seen.write("first")
    await seen.presence("Waiting for a colleague…")
    await seen.page.get_by_role("button", name="End chat").click()
    await expect(seen.page.get_by_role("button", name="Keep chatting")).to_be_focused()
    await seen.page.get_by_role("button", name="End chat").click()
    await seen.presence("This conversation has ended")
    await expect(seen.field).to_be_hidden()
    await seen.page.get_by_role("button", name="Start a new conversation").click()
    await expect(seen.bubbles).to_have_count(1)
    await seen.page.reload()
    await seen.presence("We answer here")
    await expect(seen.bubbles).to_have_count(1)
    await seen.write("second")
    await seen.presence("Waiting for a colleague…")
    await seen.says("second")
    kinds = [event.kind for event in shop.site.hub.events]
    assert kinds == ["message.received", "customer.left", "message.received"]
    assert shop.site.hub.thread(2).endswith("/2")


async def test_who_leaves_an_agent_has_left_though_the_agent_still_wraps_up(shop: Shop) -> None:
    hub = shop.site.hub
    seen = await (await shop.visit()).open()
    await seen.write("first")
    await shop.taken(1)
    hub.attend(hub.thread(), "attended:Mei")
    await seen.presence("Mei is here")
    hub.on_leaving = "attended:Mei"
    for name in ("End chat", "End chat"):
        await seen.page.get_by_role("button", name=name).click()
    await seen.presence("This conversation has ended")
    await seen.page.reload()
    await seen.presence("This conversation has ended")
    await seen.page.get_by_role("button", name="Start a new conversation").click()
    await seen.write("one more thing")
    await seen.presence("Waiting for a colleague…")
    await seen.says("one more thing")


async def test_what_came_while_the_panel_was_closed_is_counted_and_read_once(shop: Shop) -> None:
    seen = await (await shop.visit()).open()
    await seen.write("Hello?")
    await seen.presence("Waiting for a colleague…")
    await seen.page.keyboard.press("Escape")
    await expect(seen.panel).to_be_hidden()
    await expect(seen.launcher).to_be_focused()
    for text in ("Hi", "Are you there?"):
        shop.site.hub.say(shop.site.hub.thread(), text)
    await expect(seen.launcher).to_have_accessible_name("Open chat, 2 new")
    await seen.page.reload()
    await expect(seen.launcher).to_have_accessible_name("Open chat, 2 new")
    await seen.open()
    await seen.page.keyboard.press("Escape")
    await expect(seen.launcher).to_have_accessible_name("Open chat")
    await seen.page.reload()
    await expect(seen.page.locator("li.them .bubble")).to_have_count(3)
    await expect(seen.launcher).to_have_accessible_name("Open chat")


async def test_hostile_text_is_only_text(shop: Shop) -> None:
    seen = await (await shop.visit()).open()
    bomb = '<img src=x onerror="window.hurt=1"><b>bold</b> javascript:alert(1)'
    await seen.write(bomb)
    await seen.says(bomb)
    await shop.taken(1)
    hub = shop.site.hub
    hub.say(hub.thread(), f"{bomb} see (https://shop.example/a?b=<c>), https://bank.example@evil.example", bomb)
    hub.attend(hub.thread(), f"attended:{bomb}")
    await seen.presence(f"{bomb} is here")
    links = seen.page.locator(".bubble a")
    await expect(links).to_have_count(1)
    await expect(links).to_have_text("https://shop.example/a?b=")
    for name, value in {"rel": "noopener noreferrer nofollow ugc", "target": "_blank"}.items():
        await expect(links).to_have_attribute(name, value)
    assert await seen.page.locator("contact-center-chat").locator("img, b").count() == 0
    assert await seen.page.evaluate("window.hurt") is None


async def test_a_page_with_a_strict_content_security_policy_needs_only_the_hub(shop: Shop) -> None:
    hub = shop.site.address
    policy = f"default-src 'none'; script-src http://{hub}; connect-src ws://{hub}"
    shop.head = f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
    seen = await (await shop.visit()).open()
    await seen.write("Hello")
    await seen.says("Hello")
    size = "e => { const s = getComputedStyle(e); return [s.width, s.height, s.borderRadius] }"
    assert await seen.launcher.evaluate(size) == ["56px", "56px", "50%"]


async def test_the_pages_own_styles_and_shortcuts_stay_outside(shop: Shop) -> None:
    shop.style = """<style>* { color: red !important; font-size: 40px !important; float: left }
      body > *, contact-center-chat { transform: rotate(9deg); opacity: .1; display: none; width: 0 }
      button, textarea, li { background: lime !important; text-transform: uppercase !important }</style>"""
    seen = await shop.visit()
    await seen.page.evaluate(
        "for (const kind of ['keydown', 'keyup', 'keypress']) "
        "addEventListener(kind, (event) => (window.typed = (window.typed || '') + event.key))"
    )
    await seen.open()
    await seen.field.press_sequentially("j/k")
    assert await seen.page.evaluate("window.typed") is None
    styles = await seen.field.evaluate("e => { const s = getComputedStyle(e); return [s.fontSize, s.textTransform] }")
    assert styles == ["14px", "none"]
    assert await seen.field.evaluate("e => getComputedStyle(e).backgroundColor") == "rgba(0, 0, 0, 0)"


async def test_the_keyboard_is_enough(shop: Shop) -> None:
    seen = await shop.visit()
    await seen.page.locator("#ours").focus()
    await seen.page.keyboard.press("Tab")
    await expect(seen.launcher).to_be_focused()
    await seen.page.keyboard.press("Enter")
    await expect(seen.field).to_be_focused()
    await seen.page.keyboard.type("two")
    await seen.page.keyboard.press("Shift+Enter")
    await seen.page.keyboard.type("lines")
    await seen.page.keyboard.press("Enter")
    await seen.says("two\nlines")
    await seen.page.keyboard.press("Escape")
    await expect(seen.panel).to_be_hidden()
    await expect(seen.launcher).to_be_focused()


async def test_enter_that_picks_a_word_of_an_input_method_sends_nothing(shop: Shop) -> None:
    seen = await (await shop.visit()).open()
    await seen.presence("We answer here")
    await seen.field.fill("ni hao")
    await seen.field.evaluate(
        "e => e.dispatchEvent(new KeyboardEvent('keydown', "
        "{key: 'Enter', isComposing: true, bubbles: true, cancelable: true}))"
    )
    await expect(seen.field).to_have_value("ni hao")
    await seen.field.press("Enter")
    await seen.says("ni hao")


async def test_the_page_opens_closes_and_names_by_script(shop: Shop) -> None:
    shop.attributes = 'data-launcher="none"'
    seen = await shop.visit()
    await expect(seen.launcher).to_be_hidden()
    await seen.page.evaluate("ContactCenter.identify('Wei Zhang')")
    await seen.page.locator("#ours").focus()
    await seen.page.evaluate("ContactCenter.open()")
    await expect(seen.panel).to_be_visible()
    await seen.write("Hello")
    await seen.says("Hello")
    await seen.page.evaluate("ContactCenter.close()")
    await expect(seen.panel).to_be_hidden()
    await expect(seen.page.locator("#ours")).to_be_focused()
    await shop.taken(1)
    assert shop.site.hub.events[0].sender_name == "Wei Zhang"


async def test_a_name_is_asked_for_where_the_entry_wants_it(browser: Browser) -> None:
    config = {"entries": {"support": {"ask_name": True, "name": "Repairs"}}}
    async with a_site(config) as site, a_shop_of(browser, site) as shop:
        seen = await (await shop.visit()).open()
        await expect(seen.panel).to_have_accessible_name("Repairs")
        await seen.page.get_by_label("What may we call you?").fill("Amara")
        await seen.write("Hello")
        await seen.says("Hello")
        await expect(seen.page.get_by_label("What may we call you?")).to_be_hidden()
        await shop.taken(1)
        assert site.hub.events[0].sender_name == "Amara"


async def test_a_forged_token_in_the_browser_opens_nobodys_chat(shop: Shop) -> None:
    seen = await (await shop.visit()).open()
    await seen.write("my secret")
    await seen.says("my secret")
    await expect(seen.page.locator("li.me .meta")).to_contain_text("Sent")  # else the next visitor says it
    # Before the page's own scripts run: the widget that is leaving may still write down its token.
    forge = """for (const key of Object.keys(localStorage)) {
      if (key.endsWith('token')) localStorage[key] = localStorage[key].slice(0, -4) + 'AAAA' }"""
    await seen.page.add_init_script(forge)
    await seen.page.reload()
    await seen.presence("We answer here")
    await seen.says()


async def test_a_page_that_may_not_chat_says_so_and_stops_trying(browser: Browser) -> None:
    config = {"entries": {"support": {"origins": ["https://only.example"]}}}
    async with a_site(config) as site, a_shop_of(browser, site) as shop:
        seen = await (await shop.visit()).open()
        await seen.presence("This chat is not available on this page.")
        await expect(seen.field).to_be_hidden()


async def test_a_browser_that_keeps_nothing_can_still_chat(shop: Shop) -> None:
    async def forbid(page: Page) -> None:
        await page.add_init_script(
            "for (const name of ['localStorage', 'sessionStorage']) Object.defineProperty(window, name, "
            "{ get() { throw new DOMException('no', 'SecurityError') } })"
        )

    seen = await (await shop.visit(forbid)).open()
    await seen.write("Hello")
    await seen.says("Hello")


# --- languages, themes, sizes -------------------------------------------------------------------------------


async def test_the_widget_speaks_the_visitors_language(browser: Browser, site: Site) -> None:
    for locale, lang, attributes, title in (
        ("zh-CN", "", "", "在线客服"),
        ("en-GB", "zh-Hans", "", "在线客服"),
        ("zh-CN", "en", "", "Chat with us"),
        ("de-DE", "de", "", "Chat with us"),
        ("en-GB", "en", 'data-language="zh"', "在线客服"),
        ("zh-CN", "zh", 'data-language="en"', "Chat with us"),
    ):
        async with a_shop_of(browser, site, locale=locale) as shop:
            shop.lang, shop.attributes = lang, attributes
            seen = await (await shop.visit()).open()
            await expect(seen.panel).to_have_accessible_name(title)


async def test_a_whole_chat_in_chinese(browser: Browser, site: Site) -> None:
    async with a_shop_of(browser, site, locale="zh-CN") as shop:
        shop.lang = "zh-CN"
        seen = await (await shop.visit()).open()
        await expect(seen.bubbles).to_contain_text(["您好！请问有什么可以帮您？"])
        await seen.write("洗碗机又漏水了，见 https://shop.example/1。谢谢")
        await seen.presence("正在等待客服…")
        await expect(seen.page.locator("li.me .meta")).to_contain_text("已发送")
        await expect(seen.page.locator(".bubble a")).to_have_text("https://shop.example/1")
        site.hub.attend(site.hub.thread(), "attended:陈美玲")
        await seen.presence("陈美玲 为您服务")
        site.hub.attend(site.hub.thread(), "ended")
        await expect(seen.page.get_by_role("button", name="开始新的对话")).to_be_visible()
        english = await seen.page.locator(".root").evaluate("e => e.innerText.match(/[A-Za-z]{3,}/g)")
        assert set(english) <= {"https", "shop", "example"}


def test_both_languages_have_every_text() -> None:
    script = widget().decode()
    english, chinese = (
        re.findall(r"^      (\w+): \"(.*)\",$", part, re.MULTILINE)
        for part in re.search(r"    en: \{\n(.*?)\n    \},\n    zh: \{\n(.*?)\n    \},", script, re.DOTALL).groups()  # type: ignore[union-attr]
    )
    assert [key for key, _ in english] == [key for key, _ in chinese]
    assert len(english) > 30
    for (_, said), (key, meant) in zip(english, chinese, strict=True):
        assert re.findall(r"\{\w+\}", said) == re.findall(r"\{\w+\}", meant), key
        assert re.search(r"[\u4e00-\u9fff]", meant), key
    used = set(re.findall(r"\bt\(\"(\w+)\"", script)) | set(re.findall(r"pill\(\"(\w+)\"", script))
    assert used <= {key for key, _ in english}


def test_the_widget_is_small_and_fetches_nothing_else() -> None:
    script = widget()
    assert len(gzip.compress(script)) < 20_000
    addresses = set(re.findall(rb"https?://[\w.]+", script))
    assert addresses <= {b"http://www.w3.org", b"https://bank.example"}


CONTRASTS = """root => {
  const rgb = (text) => text.match(/[\\d.]+/g).map(Number);
  const linear = (c) => c / 255 <= .04045 ? c / 255 / 12.92 : ((c / 255 + .055) / 1.055) ** 2.4;
  const luminance = ([r, g, b]) => .2126 * linear(r) + .7152 * linear(g) + .0722 * linear(b);
  const behind = (e) => {
    const c = e ? rgb(getComputedStyle(e).backgroundColor) : [255, 255, 255];
    return c.length < 4 || c[3] === 1 ? c : behind(e.parentElement);
  };
  const written = (e) => [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
  const seen = (e) => e.getClientRects().length && getComputedStyle(e).visibility === "visible";
  return [...root.querySelectorAll("*")]
    .filter((e) => (written(e) || ["svg", "TEXTAREA"].includes(e.tagName)) && seen(e) && !e.closest(".quiet"))
    .map((e) => {
      const [a, b] = [rgb(getComputedStyle(e).color), behind(e)].map(luminance).sort((x, y) => y - x);
      return [e.getAttribute("class") || e.tagName, (a + .05) / (b + .05)];
    });
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_text_is_readable_in_any_colour_and_theme(browser: Browser, site: Site, scheme: Any) -> None:
    async with a_shop_of(browser, site, color_scheme=scheme, reduced_motion="reduce") as shop:
        seen = await (await shop.visit()).open()
        await seen.write("Hello")
        await seen.presence("Waiting for a colleague…")
        site.hub.attend(site.hub.thread(), "attended:Mei")
        site.hub.say(site.hub.thread(), "Good morning https://shop.example/")
        for accent in ("", "#3355d1", "#ffd43b", "#000", "white", "hotpink", "#808080", "no colour"):
            shop.attributes = f'data-accent="{accent}"'
            await seen.page.reload()
            await seen.says("Hello", "Good morning https://shop.example/")
            await seen.page.get_by_role("button", name="End chat").click()
            contrasts = await seen.page.locator(".root").evaluate(CONTRASTS)
            assert len(contrasts) >= 12
            assert [(what, ratio) for what, ratio in contrasts if ratio < 4.5] == [], accent


async def test_the_theme_follows_the_browser_unless_the_page_says(browser: Browser, site: Site) -> None:
    async with a_shop_of(browser, site, color_scheme="dark") as shop:
        shop.lang = "en"
        seen = await (await shop.visit()).open()
        dark, light = "rgb(22, 26, 33)", "rgb(255, 255, 255)"
        await expect(seen.panel).to_have_css("background-color", dark)
        await seen.page.emulate_media(color_scheme="light")
        await expect(seen.panel).to_have_css("background-color", light)
        shop.attributes = 'data-theme="dark"'
        await seen.page.reload()
        await expect(seen.panel).to_have_css("background-color", dark)


@pytest.mark.parametrize("width, height", [(320, 568), (390, 844), (844, 390)])
async def test_on_a_phone_it_is_a_modal_dialog_over_the_whole_screen(
    browser: Browser, site: Site, width: int, height: int
) -> None:
    viewport: Any = {"width": width, "height": height}
    async with a_shop_of(browser, site, viewport=viewport, reduced_motion="reduce") as shop:
        seen = await (await shop.visit()).open()
        await seen.write("W" * 300 + " https://shop.example/" + "a" * 300)
        await expect(seen.bubbles).to_have_count(2)
        await expect(seen.panel).to_have_attribute("aria-modal", "true")
        await expect(seen.launcher).to_be_hidden()
        box = await seen.panel.bounding_box()
        assert box == {"x": 0, "y": 0, "width": width, "height": height}
        sideways = await seen.page.locator(".log").evaluate("e => e.scrollWidth - e.clientWidth")
        assert sideways == 0
        for _ in range(12):
            await seen.page.keyboard.press("Tab")
            assert await seen.page.evaluate("document.activeElement.localName") == "contact-center-chat"


async def test_everything_that_can_be_pressed_is_large_enough_to_press(shop: Shop) -> None:
    seen = await (await shop.visit()).open()
    await seen.write("Hello")
    await seen.presence("Waiting for a colleague…")
    await seen.page.get_by_role("button", name="End chat").click()
    buttons = seen.page.locator("contact-center-chat button:visible")
    sizes = await buttons.evaluate_all("all => all.map(e => e.getBoundingClientRect()).map(r => [r.width, r.height])")
    assert len(sizes) >= 5
    assert [size for size in sizes if min(size) < 24] == []


async def test_beside_a_page_it_is_no_modal_dialog_and_the_page_stays_usable(shop: Shop) -> None:
    seen = await (await shop.visit()).open()
    assert await seen.panel.get_attribute("aria-modal") is None
    await seen.page.locator("#ours").click()
    await expect(seen.panel).to_be_visible()


async def test_the_page_may_set_typeface_corners_and_place(shop: Shop) -> None:
    shop.attributes = 'data-position="left"'
    shop.style = """<style>:root { --cc-font: monospace; --cc-radius: 3px; --cc-offset-x: 70px;
      --cc-offset-y: 90px; --cc-z: 7 }</style>"""
    seen = await (await shop.visit()).open()
    place = "e => { const s = getComputedStyle(e); return [s.left, s.bottom] }"
    assert await seen.launcher.evaluate(place) == ["70px", "90px"]
    style = "e => { const s = getComputedStyle(e); return [s.fontFamily, s.borderTopLeftRadius] }"
    assert await seen.panel.evaluate(style) == ["monospace", "3px"]
    assert await seen.host.evaluate("e => getComputedStyle(e).zIndex") == "7"
