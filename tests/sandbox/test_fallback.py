"""Where the hub fails, its number's other address is asked, as the carrier does."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from twilio.rest import Client

from tests.sandbox.conftest import Sandbox, started
from tests.sandbox.fake_hub import Answer, FakeHub, serving

pytestmark = [
    pytest.mark.filterwarnings("ignore:BasicAuth is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:The 'auth' parameter is deprecated:DeprecationWarning"),
]

VOICE = "/webhooks/twilio_voice"
LENA = "+4930901820"
HUB = "+12025550100"
SORRY = "<Response><Say>We will call you back.</Say></Response>"
MENU = f'<Response><Gather numDigits="1" timeout="60" action="{VOICE}/input"><Say>Press.</Say></Gather></Response>'


@pytest.fixture
async def elsewhere() -> AsyncIterator[FakeHub]:
    """Another machine, where the fallback is."""
    async with serving(FakeHub()) as other:
        other.script["/fallback"] = SORRY
        yield other


@pytest.fixture
async def sandbox(hub: FakeHub, elsewhere: FakeHub) -> AsyncIterator[Sandbox]:
    async with started(hub.url, CONTACT_CENTER_SANDBOX_FALLBACK_URL=f"{elsewhere.url}/fallback") as sandbox:
        yield sandbox


@pytest.mark.parametrize("answer, code", [(503, "11200"), ("not xml", "12100"), ("<html/>", "12102")])
async def test_a_hub_that_fails_is_replaced_and_the_fallback_told_why(
    hub: FakeHub, elsewhere: FakeHub, sandbox: Sandbox, answer: Answer, code: str
) -> None:
    hub.script[VOICE] = answer
    call = await sandbox.post("/calls", **{"from": LENA})
    over = await sandbox.call_until(call["sid"], "ended")
    assert over["lines"][-1]["text"] == "We will call you back."
    asked = await elsewhere.hears("/fallback")
    assert (asked["ErrorCode"], asked["ErrorUrl"], asked["From"]) == (code, f"{hub.url}{VOICE}", LENA)
    assert elsewhere.heard[0].genuine


async def test_it_is_asked_in_the_middle_of_a_call_too_with_what_the_caller_pressed(
    hub: FakeHub, elsewhere: FakeHub, sandbox: Sandbox
) -> None:
    hub.script = {VOICE: MENU, f"{VOICE}/input": 500}
    call = await sandbox.post("/calls", **{"from": LENA})
    await sandbox.post(f"/calls/{call['sid']}/digits", digits="4")
    asked = await elsewhere.hears("/fallback")
    assert (asked["Digits"], asked["ErrorUrl"]) == ("4", f"{hub.url}{VOICE}/input")


async def test_a_fallback_that_fails_as_well_is_apologised_for(
    hub: FakeHub, elsewhere: FakeHub, sandbox: Sandbox
) -> None:
    hub.script[VOICE], elsewhere.script["/fallback"] = 500, 500
    call = await sandbox.post("/calls", **{"from": LENA})
    over = await sandbox.call_until(call["sid"], "ended")
    assert "application error" in over["lines"][-1]["text"]
    assert len(elsewhere.heard) == 1


async def test_a_text_goes_to_the_fallback_when_the_hub_fails(
    hub: FakeHub, elsewhere: FakeHub, sandbox: Sandbox
) -> None:
    hub.script["/webhooks/twilio_sms"] = 500
    elsewhere.script["/fallback"] = "<Response><Message>We are closed.</Message></Response>"
    written = await sandbox.post("/sms", **{"from": LENA, "text": "Hello?"})
    thread = await sandbox.get("/sms", number=LENA, after=written["seq"], wait_ms=60_000)
    assert [text["body"] for text in thread["items"]] == ["We are closed."]
    assert (await elsewhere.hears("/fallback"))["ErrorCode"] == "11200"


async def test_a_call_that_the_hub_places_has_a_fallback_of_its_own(
    hub: FakeHub, elsewhere: FakeHub, sandbox: Sandbox, twilio: Client
) -> None:
    hub.script["/broken"] = 500
    leg = await twilio.calls.create_async(
        to="client:mei", from_=HUB, url=f"{hub.url}/broken", fallback_url=f"{elsewhere.url}/fallback?of=call"
    )
    over = await sandbox.call_until(str(leg.sid), "ended")
    assert over["lines"][-1]["text"] == "We will call you back."
    assert elsewhere.heard[0].query == "of=call"
