"""Opens every screen of the console in a headless browser, takes its picture and counts accessibility violations.

    python dev/look.py http://127.0.0.1:8931 shots/

The address is the double's (``npm run dev:double``). Exits with 1 if axe finds anything or the page complains.
"""

from __future__ import annotations

import json
import shutil
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

AXE = (Path(__file__).resolve().parents[1] / "node_modules/axe-core/axe.min.js").read_text(encoding="utf-8")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


class Looker:
    def __init__(self, base: str, out: Path, browser: Browser) -> None:
        self.base, self.out, self.browser = base, out, browser
        self.faults: list[str] = []

    def world(self, act: str, **more: Any) -> None:
        body = json.dumps(more).encode()
        with urllib.request.urlopen(f"{self.base}/double/{act}", data=body, timeout=5):
            pass

    def open(self, width: int, height: int, scheme: str, locale: str, who: str | None = "mei") -> Page:
        context = self.browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme=scheme,  # type: ignore[arg-type]
            locale=locale,
            reduced_motion="reduce",
        )
        page = context.new_page()
        page.on("pageerror", lambda error: self.faults.append(f"page error: {error}"))
        page.on(
            "console",
            lambda m: self.faults.append(f"console: {m.text}") if m.type == "error" and "401" not in m.text else None,
        )
        if who:
            page.goto(f"{self.base}/sign-in")
            page.evaluate(
                """(email) => fetch("/api/v1/session", {method: "POST", headers: {"content-type": "application/json"},
                body: JSON.stringify({email, password: "demo"})})""",
                f"{who}@demo.example",
            )
        return page

    def heard(self, kind: str, text: str) -> None:
        # "Is anybody signed in?" is answered with 401 before the sign-in, and browsers log that.
        if kind == "error" and "401" not in text:
            self.faults.append(f"console: {text}")

    def look(self, page: Page, name: str, axe: bool = True) -> None:
        page.wait_for_timeout(350)
        page.screenshot(path=self.out / f"{name}.png")
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        if wide > 0:
            self.faults.append(f"{name}: {wide} px too wide")
        if not axe:
            return
        # The page's own content policy forbids an injected script element; evaluating is the browser's right.
        page.evaluate(AXE)
        found = page.evaluate("(tags) => axe.run(document, {runOnly: tags})", RULES)
        for violation in found["violations"]:
            for node in violation["nodes"][:3]:
                told = " ".join(str(node["failureSummary"]).split())
                self.faults.append(f"{name}: {violation['id']}: {node['target']} {told[:220]}")


def screens(at: Looker, tag: str, size: tuple[int, int], scheme: str, locale: str) -> None:
    page = at.open(*size, scheme, locale, None)
    page.goto(at.base + "/")
    page.wait_for_selector("[data-testid=demo-account]")
    at.look(page, f"{tag}-sign-in")
    page.context.close()

    page = at.open(*size, scheme, locale)
    page.goto(at.base + "/desk")
    narrow = size[0] <= 820
    page.wait_for_selector("[data-testid=work-item]")
    at.world("offer", medium="email")
    page.wait_for_selector("[data-testid=offer]")
    if not narrow:
        page.wait_for_selector("[data-testid=message]")
    at.look(page, f"{tag}-desk")
    page.click("[data-testid=offer-considered]")
    page.wait_for_selector(".candidates")
    at.look(page, f"{tag}-decision")
    page.keyboard.press("Escape")
    page.click("[data-testid=offer-reject]")
    page.wait_for_selector("[data-testid=offer]", state="detached")
    page.click("[data-testid=work-item][data-medium=sms]")
    page.wait_for_selector("[data-testid=message]")
    page.fill("[data-testid=composer-text]", "Der Techniker ist um 12 Uhr bei Ihnen – versprochen.")
    at.look(page, f"{tag}-sms")
    page.fill("[data-testid=composer-text]", "")
    page.click("[data-testid=wrap-up-open]")
    page.wait_for_selector("[data-testid=wrap-up]")
    page.keyboard.press("2")
    at.look(page, f"{tag}-wrap-up")
    page.keyboard.press("Escape")
    page.keyboard.press("Control+k")
    page.wait_for_selector("[data-testid=palette]")
    page.keyboard.type("wei")
    page.wait_for_timeout(400)
    at.look(page, f"{tag}-palette")
    page.keyboard.press("Escape")
    page.goto(at.base + "/cases")
    page.wait_for_selector("[data-testid=case-row]")
    at.look(page, f"{tag}-cases")
    page.keyboard.press("/")
    page.keyboard.type("is:open the")
    page.wait_for_selector("[data-testid=case-snippet] mark")
    at.look(page, f"{tag}-search")
    page.fill("[data-testid=case-search]", "is:lost")
    page.wait_for_selector(".said.wrong")
    at.look(page, f"{tag}-search-wrong")
    page.fill("[data-testid=case-search]", "zzyzx")
    page.wait_for_selector(".empty")
    at.look(page, f"{tag}-search-nothing")
    page.context.close()

    page = at.open(*size, scheme, locale, "sana")
    page.goto(at.base + "/floor")
    page.wait_for_selector("[data-testid=floor-queue-row]")
    page.wait_for_selector("[data-testid=quarantine-row]")
    at.look(page, f"{tag}-floor")
    page.context.close()


def telephone(at: Looker, tag: str, size: tuple[int, int], scheme: str, locale: str) -> None:
    """A call's life: recorded, held, advised upon, card details, called back, wrapped up; then supervised."""
    page = at.open(*size, scheme, locale)
    page.goto(at.base + "/desk")
    page.click("[data-testid=work-item][data-medium=voice]")
    page.wait_for_selector("[data-testid=call-bar]")
    page.wait_for_selector("[data-testid=recording-line]", state="attached")
    at.look(page, f"{tag}-call")
    page.locator("[data-testid=recording-line]").first.scroll_into_view_if_needed()
    at.look(page, f"{tag}-recordings")
    page.click("[data-testid=call-keypad]")
    page.keyboard.type("12#")
    at.look(page, f"{tag}-keypad")
    page.keyboard.press("Escape")
    page.click("[data-testid=card-gate]")
    page.wait_for_selector("[data-testid=card-panel][data-state=asked]")
    page.wait_for_selector("[data-testid=card-panel][data-state=open]")
    at.look(page, f"{tag}-card")
    at.world("recording", state="on")
    page.wait_for_selector("[data-testid=card-panel][data-state=warned]")
    at.look(page, f"{tag}-card-warned")
    page.click("[data-testid=card-panel] .btn.quiet")
    page.click("[data-testid=transfer-open]:visible")
    page.wait_for_selector("[data-testid=transfer-agent]")
    at.look(page, f"{tag}-call-transfer")
    page.click("[data-testid=transfer-agent][data-id=ag-1]")
    page.wait_for_selector("[data-testid=party][data-state=joined]", timeout=8000)
    at.look(page, f"{tag}-consult")
    page.click("[data-testid=party-join]")
    page.wait_for_selector("[data-testid=party-join]", state="detached")
    page.click("[data-testid=party-drop]")
    page.wait_for_selector("[data-testid=party]", state="detached")
    page.click("[data-testid=promise-open]")
    page.wait_for_selector("[data-testid=promise]")
    at.look(page, f"{tag}-promise")
    page.keyboard.press("Escape")
    page.click("[data-testid=phone-status]")
    page.wait_for_selector("[data-testid=phone-told]")
    at.look(page, f"{tag}-phone")
    page.keyboard.press("Escape")
    at.world("wrap", mode="timed", seconds=60)
    page.wait_for_selector("[data-testid=wrap-up-left]")
    page.keyboard.press("2")
    at.look(page, f"{tag}-wrap-timed")
    at.world("offer", medium="voice", task="callback")
    if size[0] <= 820:
        page.goto(at.base + "/desk")
    page.wait_for_selector("[data-testid=offer-callback]")
    at.look(page, f"{tag}-offer-callback")
    page.click("[data-testid=offer-reject]")
    page.context.close()

    page = at.open(*size, scheme, locale, "jonas")
    page.goto(at.base + "/desk")
    page.click("[data-testid=dial-open]")
    page.fill("[data-testid=dial-number]", "07700 900123")
    page.wait_for_selector("[data-testid=dialpad]")
    page.fill("[data-testid=dial-number]", "+19005550199")
    page.click("[data-testid=dial-call]")
    page.wait_for_selector("[data-testid=dial-refused]")
    at.look(page, f"{tag}-dial-refused")
    page.fill("[data-testid=dial-number]", "+447700900123")
    page.click("[data-testid=dial-call]")
    page.wait_for_selector("[data-testid=call-bar][data-call=connecting]")
    at.look(page, f"{tag}-dialled")
    page.wait_for_selector("[data-testid=call-bar][data-call=connected]", timeout=8000)
    page.click("[data-testid=call-end]")
    page.wait_for_selector("[data-testid=wrap-up]")
    page.click("[data-testid=wrap-up-disposition]")
    page.click("[data-testid=wrap-up-submit]")
    page.context.close()

    page = at.open(*size, scheme, locale, "sana")
    page.goto(at.base + "/floor")
    page.wait_for_selector("[data-testid=callback-row]")
    page.click("[data-testid=live-call][data-interaction=h-1-0] [data-testid=supervise-listen]")
    page.wait_for_selector("[data-testid=live-call][data-mode=listen]")
    page.locator("[data-testid=live-call]").first.scroll_into_view_if_needed()
    at.look(page, f"{tag}-listening")
    page.click("[data-testid=supervise-stop]")
    page.context.close()

    page = at.open(*size, scheme, locale, "tom")
    page.goto(at.base + "/flows/main")
    page.wait_for_selector("[data-testid=flow-diagram][data-state=ready]")
    at.look(page, f"{tag}-flow")
    page.click("[data-testid=flow-tab-steps]")
    page.click("[data-testid=flow-step][data-step=main_menu]")
    at.look(page, f"{tag}-flow-steps")
    page.click("[data-testid=flow-tab-text]")
    text = page.input_value("[data-testid=flow-text]")
    page.fill("[data-testid=flow-text]", text.replace("next: main_menu", "next: nowhere", 1))
    page.wait_for_selector("[data-testid=flow-problem]")
    at.look(page, f"{tag}-flow-text")
    page.fill("[data-testid=flow-text]", text + "# reviewed\n")
    page.click("[data-testid=flow-publish]")
    page.fill("[data-testid=flow-note]", "Reviewed")
    at.look(page, f"{tag}-flow-publish")
    page.click("[data-testid=flow-publish-sure]")
    page.wait_for_selector("[data-testid=flow-note]", state="detached")
    page.click("[data-testid=flow-tab-versions]")
    page.locator("[data-testid=flow-rollback]").first.click()
    page.wait_for_selector("[data-testid=flow-rollback-sure]")
    at.look(page, f"{tag}-flow-rollback")
    page.click("[data-testid=flow-rollback-sure]")
    page.wait_for_selector("[data-testid=toast-act]")
    at.look(page, f"{tag}-flow-versions")
    page.context.close()


def long_conversation(at: Looker, page: Page) -> None:
    """Thousands of lines cost what a screenful costs, and the reader stands at the end."""
    at.world("long", medium="chat", count=3_000)
    page.reload()
    page.wait_for_selector("[data-testid=message]")
    page.click("[data-testid=work-item][data-medium=chat]")
    page.wait_for_timeout(800)
    drawn = page.locator("[data-testid=message]").count()
    left = page.locator("[role=log]").evaluate("s => s.scrollHeight - s.scrollTop - s.clientHeight")
    if not 5 < drawn < 120 or left > 2:
        at.faults.append(f"long conversation: {drawn} bubbles drawn, {left} px above the end")
    at.look(page, "long")
    at.world("say", medium="chat", text="a new line at the end")
    page.get_by_text("a new line at the end").first.wait_for()
    page.mouse.move(700, 400)
    page.mouse.wheel(0, -3_000)
    page.wait_for_selector(".latest")
    at.world("say", medium="chat", text="one that is missed")
    page.wait_for_selector(".latest >> text=1 new message")
    at.look(page, "missed")


def rest(at: Looker) -> None:
    """States that one size and theme show well enough."""
    page = at.open(1440, 900, "light", "en-GB", "jonas")
    page.goto(at.base + "/desk")
    page.wait_for_selector("[data-testid=connection][data-state=live]")
    at.look(page, "empty-desk")
    page.click("[data-testid=state-menu]")
    page.wait_for_selector("[data-testid=state-ready]")
    at.look(page, "state-menu")
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    page.wait_for_selector("[role=dialog]")
    at.look(page, "help")
    page.context.close()

    page = at.open(1440, 900, "light", "en-GB")
    page.goto(at.base + "/desk")
    page.click("[data-testid=work-item][data-medium=email]")
    page.click("[data-testid=toggle-html]")
    page.wait_for_selector("iframe")
    page.click("[data-testid=transfer-open]")
    page.wait_for_selector("[data-testid=transfer-queue]")
    at.look(page, "transfer")
    page.keyboard.press("Escape")
    at.look(page, "html")
    page.click("[data-testid=work-item][data-medium=chat]")
    page.wait_for_selector("[data-testid=message]")
    at.world("typing", medium="chat")
    page.wait_for_selector("[data-testid=typing]")
    at.look(page, "typing")
    long_conversation(at, page)
    page.goto(at.base + "/cases?q=wei")
    page.wait_for_selector(".person")
    at.look(page, "people")
    page.click("[data-testid=case-row] a")
    page.wait_for_selector("[data-testid=message]")
    at.look(page, "case")
    at.world("offer", medium="chat")
    page.wait_for_selector("[data-testid=offer]")
    at.look(page, "offer-elsewhere")
    page.click("[data-testid=offer-reject]")
    page.context.close()

    page = at.open(768, 1024, "dark", "zh-CN")
    page.goto(at.base + "/desk")
    page.click("[data-testid=work-item][data-medium=voice]")
    page.click("[data-testid=customer-open]")
    page.wait_for_selector("[data-testid=customer-name]")
    at.look(page, "customer-drawer")
    page.context.close()

    page = at.open(1440, 900, "dark", "en-GB")
    page.goto(at.base + "/desk")
    page.wait_for_selector("[data-testid=message]")
    at.world("deaf")
    page.wait_for_selector("[data-testid=offline-banner]")
    page.click("[data-testid=work-item][data-medium=chat]")
    page.fill("[data-testid=composer-text]", "Yes, until it ships.")
    page.keyboard.press("Control+Enter")
    page.wait_for_selector("[data-testid=message-pending]")
    at.look(page, "offline")
    at.world("hear")
    page.click("[data-testid=offline-banner] button")
    page.wait_for_selector("[data-testid=message-pending]", state="detached")
    page.wait_for_selector("[data-testid=offline-banner]", state="detached")
    at.look(page, "online-again")
    # The browser reports each refused connection; that was meant here.
    at.faults = [f for f in at.faults if "WebSocket connection" not in f]
    page.context.close()


def letters(at: Looker, tag: str, size: tuple[int, int], scheme: str, locale: str) -> None:
    """A letter's life: a prepared reply, a link, files, the history, for later, taken back; what is lost."""
    at.world("forget")
    page = at.open(*size, scheme, locale)
    page.goto(at.base + "/desk")
    page.wait_for_selector("[data-testid=undelivered]")
    page.locator("[data-testid=work-item][data-medium=email]").last.click()
    page.wait_for_selector("[data-testid=mail-composer]")
    page.wait_for_selector("[data-testid=linked-case]")
    at.look(page, f"{tag}-closed")
    page.click("[data-testid=composer-text]")
    page.keyboard.type("/")
    page.wait_for_selector("[data-testid=canned-reply]")
    at.look(page, f"{tag}-prepared")
    page.keyboard.press("Enter")
    page.keyboard.press("Control+k")
    page.fill("[data-testid=link-words]", "www.example.de")
    page.fill("[data-testid=link-address]", "example.com/x")
    at.look(page, f"{tag}-link")
    page.click("[data-testid=link-set]")
    files = [("angebot.pdf", b"%PDF-1.4"), ("leer.txt", b"")]
    page.set_input_files(
        "[data-testid=mail-composer] input[type=file]",
        files=[{"name": name, "mimeType": "text/plain", "buffer": data} for name, data in files],
    )
    page.wait_for_selector("[data-testid=compose-file]")
    page.click("[data-testid=compose-history]")
    page.click("[data-testid=compose-copies]")
    at.look(page, f"{tag}-files")
    page.locator("[data-testid=compose-upload] button").last.click()
    page.click("[data-testid=composer-forward]")
    page.fill("[data-testid=recipients-to-field]", "werk")
    at.look(page, f"{tag}-suggestions")
    page.fill("[data-testid=recipients-to-field]", "x@gmial.com, kaputt")
    page.click("[data-testid=composer-send]")
    at.look(page, f"{tag}-hindered")
    page.locator("[data-testid=recipient]").last.locator("button").last.click()
    page.click("[data-testid=send-later]")
    page.wait_for_selector("[data-testid=later-preset]")
    at.look(page, f"{tag}-later")
    page.click("[data-testid=later-preset][data-key=tomorrow]")
    page.wait_for_selector("[data-testid=compose-sure]")
    at.look(page, f"{tag}-asked")
    page.click("[data-testid=compose-sure]")
    page.wait_for_selector("[data-testid=letter-cancel]")
    at.look(page, f"{tag}-scheduled")
    page.click("[data-testid=letter-cancel]")
    page.wait_for_selector("[data-testid=recipient]")
    at.look(page, f"{tag}-taken-back")
    if size[0] <= 820:
        page.goto(at.base + "/desk")
    page.click("[data-testid=undelivered]")
    page.wait_for_selector("[data-testid=undelivered-row]")
    at.look(page, f"{tag}-undelivered")
    page.context.close()


SIZES: list[tuple[str, tuple[int, int], str, str]] = [
    ("light", (1440, 900), "light", "en-GB"),
    ("dark", (1440, 900), "dark", "en-GB"),
    ("zh", (1440, 900), "light", "zh-CN"),
    ("768", (768, 1024), "light", "en-GB"),
    ("320", (320, 700), "dark", "en-GB"),
]


CALL_SIZES: list[tuple[str, tuple[int, int], str, str]] = [
    ("1280", (1280, 800), "light", "en-GB"),
    ("320", (320, 700), "dark", "en-GB"),
    ("390", (390, 844), "light", "zh-CN"),
    ("1600", (1600, 1000), "dark", "zh-CN"),
]


LETTER_SIZES: list[tuple[str, tuple[int, int], str, str]] = [
    ("1440", (1440, 900), "light", "en-GB"),
    ("320", (320, 700), "light", "en-GB"),
    ("1280", (1280, 800), "dark", "zh-CN"),
    ("390", (390, 844), "dark", "zh-CN"),
]


def main(base: str, folder: str, *only: str) -> int:
    out = Path(folder)
    out.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        path = shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        at = Looker(base, out, browser)
        jobs: dict[str, Callable[[], None]] = {
            tag: (lambda t=tag, s=size, c=scheme, loc=locale: screens(at, t, s, c, loc))  # type: ignore[misc]
            for tag, size, scheme, locale in SIZES
        }
        for tag, size, scheme, locale in CALL_SIZES:
            jobs[f"call-{tag}"] = lambda t=tag, s=size, c=scheme, loc=locale: telephone(at, t, s, c, loc)  # type: ignore[misc]
        for tag, size, scheme, locale in LETTER_SIZES:
            jobs[f"letter-{tag}"] = lambda t=f"letter-{tag}", s=size, c=scheme, loc=locale: letters(at, t, s, c, loc)  # type: ignore[misc]
        jobs["rest"] = lambda: rest(at)
        for name, job in jobs.items():
            if not only or name in only:
                job()
        browser.close()
    for fault in dict.fromkeys(at.faults):
        sys.stdout.write(fault + "\n")
    return 1 if at.faults else 0


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
