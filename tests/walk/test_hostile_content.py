"""What strangers write, in every field that takes their words, in a real browser: nothing of it runs, nothing leaves.

Letters come through the channel's door with the payloads as subject, name, text, history, signature, file name and
HTML at once. A payload that runs says so on the console; whatever the browser asks for elsewhere is written down.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser, ConsoleMessage, Dialog, Page, Request, Route, expect

from channels.contract import Parsed
from contact_center.domain.events import Attachment, InteractionEvent, MessageReceived
from contact_center.storage import quarantine
from tests.hub import TestHub, letter, open_test_hub
from tests.servers.browser import PATIENCE_MS
from tests.web.payloads import payloads

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(900),
    pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True),
]
RESET = "--></style></script></title></textarea></xmp></noscript></select></svg></math></table></template>"
"""Ends whatever the payload before it opened, so that the next one has its own chance."""
EACH = payloads()
GROUPS = [EACH[at :: -(-len(EACH) // 4)] for at in range(-(-len(EACH) // 4))]
"""Four of different classes to a letter."""
SPITE = "<img src=x onerror=pwn()>{{pwn()}}"
RUNS = """for (const name of ["pwn", "alert", "confirm", "prompt", "open"])
  window[name] = () => { console.error("IT RAN"); }"""


@dataclass
class Watched:
    """A page, and what it should not have done."""

    page: Page
    home: str
    ran: list[str] = field(default_factory=list)
    went: list[str] = field(default_factory=list)

    async def unharmed(self) -> None:
        assert self.ran == []
        assert [url for url in self.went if "evil" in url] == []
        assert self.went == []
        assert urlsplit(self.page.url).netloc == self.home
        assert (
            await self.page.evaluate("document.querySelectorAll('script:not([src]), base, meta[http-equiv]').length")
            == 0
        )


@asynccontextmanager
async def watched(browser: Browser, hub: TestHub, login: str) -> AsyncIterator[Watched]:
    context = await browser.new_context(locale="en-US", viewport={"width": 1400, "height": 4_000})
    home = urlsplit(hub.url).netloc
    await context.add_cookies([{"name": "cch_session", "value": await hub.cookie_of(login), "url": hub.url}])
    await context.add_init_script(RUNS)
    page = await context.new_page()
    seen = Watched(page, home)

    def asked(request: Request) -> None:
        if not request.url.startswith(("data:", "blob:", "about:")) and urlsplit(request.url).netloc != home:
            seen.went.append(request.url)

    async def route(route: Route) -> None:
        inside = urlsplit(route.request.url).netloc == home or route.request.url.startswith(("data:", "blob:"))
        await (route.continue_() if inside else route.abort())

    async def dialog(asking: Dialog) -> None:
        seen.ran.append(asking.message)
        await asking.dismiss()

    def said(message: ConsoleMessage) -> None:
        if "IT RAN" in message.text:
            seen.ran.append(message.text)

    context.on("request", asked)
    context.on("dialog", dialog)
    context.on("console", said)
    context.on("page", lambda opened: seen.went.append(f"a window: {opened.url}"))
    await context.route("**/*", route)
    page.set_default_timeout(PATIENCE_MS)
    try:
        yield seen
        await seen.unharmed()
    finally:
        await context.close()


def apart(number: int) -> bool:
    """Whether nobody vouches for that letter: it comes into a case of its own."""
    return number % 20 == 19


async def hostile_letter(hub: TestHub, number: int, thread: tuple[str, ...] = ()) -> InteractionEvent:
    group = GROUPS[number]
    words = " ".join(group)
    html = RESET.join((f"<p>{number}</p>", *sorted(group, key=lambda each: "plaintext" in each)))
    digest = await hub.runtime.blobs.put(html.encode("utf-8", "replace"))
    event = letter("eve@evil.example", words, source_id=f"<{number}@evil.example>/x", subject=words, ours=thread)
    assert isinstance(event.body, MessageReceived)
    body = replace(
        event.body,
        text=f"{number} " + "\n".join(group),
        html=digest,
        history=words,
        signature=words,
        unverified=words if apart(number) else "",
        automatic=words if number % 5 == 0 else "",
        to=(*group, "team@hub.example"),
        cc=tuple(group),
        reply_to=words,
        new_topic=bool(number % 2),
    )
    files = tuple(Attachment(digest, name, "image/png" if number % 9 == 4 else "text/html", 1) for name in group)
    return replace(event, body=body, sender_name=words, attachments=files)


async def hostile_letters(hub: TestHub) -> tuple[str, list[str]]:
    """One conversation of all of them: its interaction, and the events' ids."""
    door = hub.runtime.doors["email"]
    (first,) = await door.take_in(Parsed((await hostile_letter(hub, 0),), raw=b"raw"))
    rest = [await hostile_letter(hub, n, (first.interaction_id,)) for n in range(1, len(GROUPS))]
    answers = [(await door.take_in(Parsed((event,), raw=b"raw")))[0] for event in rest]
    return first.interaction_id, [first.event_id, *(each.event_id for each in answers)]


async def set_aside(hub: TestHub) -> None:
    """What nobody could read, with the payloads as its name and its reason."""
    held = {"channel": "email", "digest": "0" * 64, "size": 1, "request": None}
    for group in GROUPS[:40]:
        about = {**held, "source_id": " ".join(group), "reason": " ".join(group)}
        await hub.write(partial(quarantine.add, on=hub.clock.occasion(), **about))


async def case_of(hub: TestHub, interaction_id: str) -> int:
    return int((await hub.record(interaction_id)).case_id)


async def test_nothing_that_strangers_write_runs_or_reaches_out(
    browser: Browser, database_url: str, tmp_path: Path
) -> None:
    async with open_test_hub(database_url, tmp_path) as hub:
        interaction_id, ids = await hostile_letters(hub)
        case_id = await case_of(hub, interaction_id)
        await set_aside(hub)
        async with watched(browser, hub, "sana") as seen:
            page = seen.page
            await page.goto(f"{hub.url}/cases/{case_id}")
            letters = page.get_by_test_id("message")
            await expect(letters.first).to_be_visible(timeout=PATIENCE_MS)
            stream = page.get_by_role("log")
            together = {str(n) for n in range(len(GROUPS)) if not apart(n)}
            shown: set[str] = set()
            for _ in range(100):
                shown |= set(await letters.evaluate_all(READ))
                await press_all(page, ("mail-earlier",))
                if shown >= together:
                    break
                await stream.evaluate("list => list.scrollBy(0, -3500)")
                await page.evaluate("() => new Promise(done => requestAnimationFrame(() => setTimeout(done, 20)))")
            assert shown >= together
            await seen.unharmed()
            await press_all(page, ("mail-about", "toggle-html"))
            frames = page.get_by_test_id("mail-frame")
            await expect(frames.first).to_be_visible(timeout=PATIENCE_MS)
            assert await frames.count() > 5
            assert set(await frames.evaluate_all("all => all.map(f => f.getAttribute('sandbox'))")) == {
                "allow-popups allow-popups-to-escape-sandbox"
            }
            await page.get_by_test_id("attachment-open").first.click()
            await expect(page.get_by_test_id("viewer-text")).to_be_visible(timeout=PATIENCE_MS)
            await page.keyboard.press("Escape")
            for path in ("/cases?q=script", "/cases", "/floor"):
                await page.goto(hub.url + path)
                await page.wait_for_load_state("networkidle")
            await expect(page.get_by_test_id("quarantine-row").first).to_be_visible(timeout=PATIENCE_MS)
        await frames_are_harmless(browser, hub, ids)


READ = "all => all.map(one => one.querySelector('.text')?.textContent.split(' ')[0] ?? '')"


async def press_all(page: Page, names: tuple[str, ...]) -> None:
    for name in names:
        await page.evaluate(
            "name => document.querySelectorAll(`[data-testid=${name}]`).forEach(one => "
            "one.ariaExpanded !== 'true' && one.click())",
            name,
        )


async def frames_are_harmless(browser: Browser, hub: TestHub, ids: list[str]) -> None:
    """Every letter's page, as the console shows it."""
    async with watched(browser, hub, "mei") as seen:
        page = seen.page
        await page.goto(f"{hub.url}/desk")
        shown = await page.evaluate(FRAMES, ids)
        assert shown == len(GROUPS)
        for frame in page.frames[1:]:
            assert urlsplit(frame.url).netloc == seen.home, "nothing navigates"
        await page.goto(page.frames[1].url)
        assert await page.evaluate("document.domain") == "", "also by itself the page has no origin"


FRAMES = """async ids => {
  document.body.replaceChildren();
  const loaded = ids.map(id => new Promise(done => {
    const frame = document.createElement("iframe");
    frame.onload = () => done(1);
    frame.setAttribute("sandbox", "allow-popups allow-popups-to-escape-sandbox");
    frame.src = `/api/v1/events/${id}/html`;
    document.body.append(frame);
  }));
  return (await Promise.all(loaded)).reduce((a, b) => a + b, 0);
}"""


async def test_names_notes_and_short_messages_are_words_everywhere(
    browser: Browser, database_url: str, tmp_path: Path
) -> None:
    chosen = ["{{pwn()}}", *(p for p in EACH if len(p) < 200 and "\0" not in p)][::9]
    async with open_test_hub(database_url, tmp_path) as hub, hub.at_work("mei") as (mei,):
        await hub.twilio.sms("+4915112345678", chosen[0])
        work = await mei.accept()
        for payload in chosen[1:]:
            await hub.twilio.sms("+4915112345678", payload)
            await mei.command("note", interaction_id=work.interaction_id, text=payload)
        await mei.command("rename_customer", customer_id=work.customer.id, name=SPITE)
        async with watched(browser, hub, "mei") as seen:
            page = seen.page
            await page.goto(f"{hub.url}/desk/{work.interaction_id}")
            await expect(page.get_by_test_id("message").last).to_be_visible(timeout=PATIENCE_MS)
            text = page.get_by_test_id("composer-text")
            await text.fill(SPITE)
            await page.keyboard.press("Control+k")
            await page.get_by_test_id("palette").get_by_role("combobox").fill("<img src=x")
            await page.keyboard.press("Escape")
            await page.reload()
            await expect(page.get_by_test_id("composer-text")).to_have_value(SPITE, timeout=PATIENCE_MS)
            await seen.unharmed()
        note = {"disposition": "solved", "note": "</script><img src=x onerror=pwn()>{{pwn()}}"}
        await mei.command("wrap_up", interaction_id=work.interaction_id, **note)
        await mei.gone(work.interaction_id)
        for n, payload in enumerate(chosen):
            await hub.chat("eve", payload, source_id=f"chat-{n}")
        chatting = await mei.accept()
        async with watched(browser, hub, "sana") as seen:
            for path in (f"/cases/{work.case_id}", f"/cases/{chatting.case_id}", "/cases", "/floor"):
                await seen.page.goto(hub.url + path)
                await seen.page.wait_for_load_state("networkidle")
                await seen.unharmed()
