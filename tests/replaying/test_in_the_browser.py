"""How a supervisor tries a policy, in a real browser."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from benchmarks.days import known_day, store
from routing import Policy
from tests.hub import TestHub, house, open_test_hub, until
from tests.servers.browser import PATIENCE_MS, page_of, picture

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(900),
    pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True),
]
PICTURES = os.environ.get("HUB_PICTURES", "")
TRIED = "policy:\n  ranking: [longest_idle]\n  misses_in_a_row: 0\n"


async def scrolled(page: Page, name: str) -> None:
    """The whole page, a screen at a time."""
    if PICTURES:
        for number in range(4):
            await picture(page, f"{name}-{number}")
            await page.locator(".page").evaluate("box => box.scrollBy(0, box.clientHeight - 40)")


async def test_a_supervisor_tries_a_policy_and_finds_the_result_again(
    database_url: str, tmp_path: Path, browser: Browser
) -> None:
    async with open_test_hub(database_url, tmp_path, checked=False) as hub:
        await hub.runtime.executor.write(
            store, known_day(Policy("p1"), 400, hours=1, queues=2, as_people=True)
        )  # records without their events
        session = await hub.cookie_of("sana")
        page = await page_of(browser, hub.url, session, PATIENCE_MS)
        see = page.get_by_test_id
        await page.goto(f"{hub.url}/trial")
        await expect(page.get_by_text("Nothing tried yet")).to_be_visible()
        await see("trial-first").fill("2026-03-02")
        await see("trial-last").fill("2026-03-02")
        await see("trial-text").fill("policy:\n  rankin: [longest_idle]\n")
        await see("trial-start").click()
        wrong = see("trial-wrong")
        await expect(wrong).to_contain_text("Line 2, column 3")
        await expect(wrong).to_contain_text("did you mean 'ranking'")
        await expect(see("trial-text")).to_be_focused()
        await picture(page, "wrong")
        await see("trial-file").set_input_files(
            {"name": "idle-first.yaml", "mimeType": "text/yaml", "buffer": TRIED.encode()}
        )
        await expect(see("trial-text")).to_have_value(TRIED)
        await see("trial-start").click()
        await expect(see("trial-item")).to_have_count(1)
        await picture(page, "running")
        await hub.runtime.trials.ended()  # it has the processor when nobody else wants it
        table = see("trial-table")
        await expect(table).to_contain_text("Simulated, idle-first")
        await expect(table.locator("tr[data-code=service_level] td")).to_have_count(4)
        await expect(see("trial-words").locator("li").first).to_be_visible()
        await expect(see("trial-agent").first).to_be_visible()
        await see("trial-queue").select_option("queue1")
        await expect(table).to_contain_text("queue1, target")
        through = see("trial-through").get_by_role("slider")
        await through.press("ArrowRight")
        await expect(see("trial-through")).to_contain_text("Simulated, idle-first ")
        await scrolled(page, "result")
        async with page.expect_download() as download:
            await see("trial-download").click()
        assert (await download.value).suggested_filename == "policy-on-trial-en.html"
        await page.goto(f"{hub.url}/trial")
        await expect(table).to_contain_text("Simulated, idle-first")
        if PICTURES:
            await other_looks(browser, hub, session)
        await see("trial-remove").click()
        await expect(page.get_by_text("Nothing tried yet")).to_be_visible()
        await page.context.close()


async def other_looks(browser: Browser, hub: TestHub, session: str) -> None:
    for width in (320, 768, 1600):
        page = await page_of(
            browser, hub, session, color_scheme="dark", locale="zh-CN", viewport={"width": width, "height": 900}
        )
        await page.goto(f"{hub.url}/trial")
        await expect(page.get_by_test_id("trial-table")).to_be_visible()
        await scrolled(page, f"zh-dark-{width}")
        wide = await page.evaluate(
            "document.querySelector('.page').scrollWidth > document.querySelector('.page').clientWidth"
        )
        assert not wide, f"at {width} the page is wider than the screen"
        await page.context.close()


async def test_nothing_kept_no_shadow_and_no_experiment_are_said(
    database_url: str, tmp_path: Path, browser: Browser
) -> None:
    async with open_test_hub(database_url, tmp_path, config=house(routing_log={"on": False})) as hub:
        page = await page_of(browser, hub.url, await hub.cookie_of("sana"), PATIENCE_MS)
        await page.goto(f"{hub.url}/trial")
        await expect(page.get_by_text("No shadow is asked.")).to_be_visible()
        await expect(page.get_by_text("No experiment is under way.")).to_be_visible()
        await picture(page, "empty")
        await page.context.close()


async def test_a_shadow_and_an_experiment_say_what_they_have_come_to(
    database_url: str, tmp_path: Path, browser: Browser
) -> None:
    tried = {"policy": {"ranking": ["longest_idle"]}}
    plan = {"name": "idle-first", "block_minutes": 1, "warm_up_minutes": 0}
    async with open_test_hub(database_url, tmp_path, config=house(shadow=tried)) as hub, hub.at_work("mei") as (mei,):
        applied = await hub.http.post("/api/v1/config", json=house(shadow=tried, experiment={**tried, **plan}))
        assert applied.is_success, applied.text
        await hub.chat("lena", "Hello, is anybody there?")
        await mei.offer()
        page = await page_of(browser, hub.url, await hub.cookie_of("sana"), PATIENCE_MS)
        await page.goto(f"{hub.url}/trial")
        await expect(page.get_by_test_id("shadow-table")).to_contain_text("would have offered the same")
        await expect(page.get_by_text("idle-first: a is the policy in force")).to_be_visible()
        hub.clock.now += 10 * 60_000
        await page.get_by_test_id("experiment-reckon").click()
        await until(lambda: hub.runtime.trials._task, "the reckoning to begin")
        await hub.runtime.trials.ended()
        await expect(page.get_by_test_id("experiment-table")).to_contain_text("nobody can say yet")
        await picture(page, "shadow-and-experiment")
        await page.context.close()
