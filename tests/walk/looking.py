"""Consoles in a real browser on a hub whose clock the test moves, and every screen looked at with axe.

``HUB_PICTURES`` names a folder: then each screen is also pictured narrow, middling and wide, light and dark, and
looked at in each. ``HUB_LANGUAGE=zh`` has everybody read Chinese.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import time
from pathlib import Path

from playwright.async_api import Browser, Locator, Page, WebSocketRoute, expect

import agent_console
from contact_center.domain.time import DAY
from contact_center.storage import logins
from contact_center.web.principal import digest
from tests.hub import TestHub
from tests.servers.browser import PATIENCE_MS

PICTURES = os.environ.get("HUB_PICTURES", "")
CHINESE = os.environ.get("HUB_LANGUAGE", "") == "zh"
AXE = Path(agent_console.DIST).parent / "node_modules" / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
_WIDTHS = (1440, 768, 320)


class Wire:
    """The line between one console and the hub, which can be slow or gone."""

    def __init__(self) -> None:
        self._held: list[str | bytes] | None = None
        self._gone = False
        self._ends: tuple[WebSocketRoute, WebSocketRoute] | None = None

    async def lay(self, page: Page) -> None:
        await page.route_web_socket(lambda url: url.endswith("/agent"), self._join)

    async def _join(self, console: WebSocketRoute) -> None:
        if self._gone:
            await console.close(code=1011)
            return
        hub = console.connect_to_server()
        self._ends = (console, hub)
        console.on_message(hub.send)
        hub.on_message(self._bring)

    def _bring(self, message: str | bytes) -> None:
        assert self._ends is not None
        if self._held is not None:
            self._held.append(message)
        elif not self._gone:
            self._ends[0].send(message)

    def hold(self) -> None:
        """What the hub says stays on its way."""
        self._held = []

    def let_go(self) -> None:
        assert self._ends is not None
        assert self._held is not None
        held, self._held = self._held, None
        for message in held:
            self._ends[0].send(message)

    async def cut(self) -> None:
        """The line is gone, with what was on its way."""
        assert self._ends is not None
        self._gone, self._held = True, None
        console, hub = self._ends
        await console.close(code=1011)
        await hub.close(code=1000)

    def mend(self) -> None:
        self._gone = False


TOLD = """window.told = [];
new MutationObserver(changes => changes.flatMap(change => [...change.addedNodes]).forEach(node => {
  if (node instanceof Element)
    for (const one of [node, ...node.querySelectorAll("*")]) if (one.matches(".toast")) told.push(one.innerText);
})).observe(document, { childList: true, subtree: true });"""
"""Writes down what came by itself: it also goes by itself, and a busy machine may look only then."""


class Screen:
    """One person's console. ``see`` finds by test id."""

    def __init__(self, page: Page, hub: TestHub) -> None:
        self.page = page
        self.hub = hub
        self.wire = Wire()
        self.see = page.get_by_test_id

    async def go(self, path: str) -> None:
        await self.page.goto(f"{self.hub.url}{path}")

    async def press(self, *keys: str) -> None:
        for key in keys:
            await self.page.keyboard.press(key)

    async def live(self) -> None:
        await expect(self.see("connection")).to_have_attribute("data-state", "live")

    async def told(self, en: str, zh: str) -> None:
        """A short word that comes by itself."""
        deadline = time.monotonic() + PATIENCE_MS / 1_000
        while not any((zh if CHINESE else en) in each for each in await self.all_told()):
            assert time.monotonic() < deadline, f"told {await self.all_told()}, and not {en!r}"
            await asyncio.sleep(0.05)

    async def all_told(self) -> list[str]:
        """Every short word that has come by itself, also if it has gone again."""
        return list(await self.page.evaluate("told"))

    async def look(self, name: str) -> None:
        """Nothing that keeps anybody from reading or using it."""
        await expect(self.page.locator("h1").first).to_be_attached()
        if not PICTURES:
            await self._sound(name)
            return
        was = self.page.viewport_size
        for scheme in ("light", "dark"):
            await self.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
            for width in _WIDTHS:
                await self.page.set_viewport_size({"width": width, "height": 900 if width > 400 else 700})
                await self.page.wait_for_timeout(350)
                tag = f"{name}-{'zh' if CHINESE else 'en'}-{scheme}-{width}"
                await self.page.screenshot(path=f"{PICTURES}/{tag}.png")
                await self._sound(tag)
        assert was is not None
        await self.page.set_viewport_size(was)

    async def _sound(self, name: str) -> None:
        # The page's own content policy forbids an injected script element; evaluating is the browser's right.
        await self.page.evaluate(AXE.read_text(encoding="utf-8"))
        found = await self.page.evaluate("(tags) => axe.run(document, {runOnly: tags})", RULES)
        faults = [
            f"{each['id']}: {node['target']} {' '.join(node['failureSummary'].split())}"
            for each in found["violations"]
            for node in each["nodes"]
        ]
        wide = await self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert (faults, wide) == ([], 0), f"{name}: {faults}, {wide} px too wide"


async def says(where: Locator, en: str, zh: str) -> None:
    await expect(where).to_contain_text(zh if CHINESE else en)


async def screen_of(browser: Browser, hub: TestHub, login_id: str, path: str = "/desk", width: int = 1280) -> Screen:
    """Somebody's console, signed in and connected."""
    context = await browser.new_context(
        locale="zh-CN" if CHINESE else "en-GB",
        viewport={"width": width, "height": 800},
        color_scheme="light",
        reduced_motion="reduce",
    )
    context.set_default_timeout(PATIENCE_MS)
    await context.add_init_script(TOLD)
    token, now = secrets.token_hex(8), hub.clock.now
    await hub.write(logins.begin_session, digest(token), login_id, now, now + DAY)
    await context.add_cookies([{"name": "cch_session", "value": token, "url": hub.url}])
    screen = Screen(await context.new_page(), hub)
    await screen.wire.lay(screen.page)
    await screen.go(path)
    await screen.live()
    return screen
