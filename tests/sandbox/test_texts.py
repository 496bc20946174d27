"""Text messages: signed webhooks in, the carrier's receipts out, and its rules."""

from __future__ import annotations

import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client

from contact_center.sandbox.carrier.texts import segments
from tests.sandbox.conftest import Sandbox
from tests.sandbox.fake_hub import FakeHub

pytestmark = [
    pytest.mark.filterwarnings("ignore:BasicAuth is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:The 'auth' parameter is deprecated:DeprecationWarning"),
]

SMS = "/webhooks/twilio_sms"
WEI = "+8613800138000"
HUB = "+12025550111"


async def test_a_text_reaches_the_hub_signed_and_its_answer_comes_back(hub: FakeHub, sandbox: Sandbox) -> None:
    hub.script[SMS] = "<Response><Message>收到 &amp; noted</Message></Response>"
    written = await sandbox.post("/sms", **{"from": WEI, "text": "洗碗机又漏水了 & it's wet + 漏"})
    heard = await hub.hears(SMS)
    assert hub.heard[0].genuine
    assert heard["MessageSid"] == heard["SmsSid"] == heard["SmsMessageSid"] == written["sid"]
    assert heard["Body"] == "洗碗机又漏水了 & it's wet + 漏"
    assert (heard["From"], heard["To"], heard["FromCountry"]) == (WEI, HUB, "CN")
    assert (heard["NumMedia"], heard["NumSegments"], heard["SmsStatus"]) == ("0", "1", "received")

    thread = await sandbox.get("/sms", number=WEI, after=written["seq"], wait_ms=60_000)
    assert [text["body"] for text in thread["items"]] == ["收到 & noted"]


async def test_what_the_hub_sends_is_sent_and_delivered_and_it_is_told_so(
    hub: FakeHub, sandbox: Sandbox, twilio: Client
) -> None:
    sent = await twilio.messages.create_async(
        to=WEI, from_=HUB, body="您好", status_callback=f"{hub.url}{SMS}/status?x=1"
    )
    assert sent.status == "queued"
    await hub.hears(f"{SMS}/status", MessageStatus="delivered")
    told = [(form["MessageSid"], form["MessageStatus"]) for form in hub.at(f"{SMS}/status")]
    assert told == [(sent.sid, "sent"), (sent.sid, "delivered")]
    assert all(one.genuine and one.query == "x=1" for one in hub.heard)
    assert (await twilio.messages(sent.sid).fetch_async()).status == "delivered"
    listed = await twilio.messages.list_async(to=WEI, page_size=1)
    assert [message.sid for message in listed] == [sent.sid]


async def test_a_hub_that_refuses_leaves_the_text_marked_as_not_delivered(hub: FakeHub, sandbox: Sandbox) -> None:
    hub.script[SMS] = 503
    written = await sandbox.post("/sms", **{"from": WEI, "text": "hello?"})
    await sandbox.get("/ledger", kind="webhook", wait_ms=60_000)
    [text] = (await sandbox.get("/sms", number=WEI))["items"]
    assert (text["sid"], text["status"], text["error"]) == (written["sid"], "failed", 11200)
    assert len(hub.heard) == 1  # only a failed connection is tried again


async def test_an_address_may_ask_for_more_tries_in_its_fragment(
    hub: FakeHub, sandbox: Sandbox, twilio: Client
) -> None:
    hub.script["/s"] = 503
    await twilio.messages.create_async(to=WEI, from_=HUB, body="x", status_callback=f"{hub.url}/s#rc=2&rp=all")
    await hub.hears("/s", times=3, MessageStatus="sent")
    tries = [one for one in hub.heard if one.form["MessageStatus"] == "sent"]
    assert all(one.genuine for one in tries)
    assert len({one.token for one in tries}) == 1


async def test_whoever_says_stop_is_written_to_no_more(hub: FakeHub, sandbox: Sandbox, twilio: Client) -> None:
    await sandbox.post("/sms", **{"from": WEI, "text": " stop "})
    with pytest.raises(TwilioRestException) as refused:
        await twilio.messages.create_async(to=WEI, from_=HUB, body="an offer")
    assert (refused.value.status, refused.value.code) == (400, 21610)
    await sandbox.post("/sms", **{"from": WEI, "text": "START"})
    assert (await twilio.messages.create_async(to=WEI, from_=HUB, body="welcome back")).sid


async def test_a_text_that_cannot_be_sent_is_refused(twilio: Client, subtests: pytest.Subtests) -> None:
    refusals: list[tuple[dict[str, str], int]] = [
        ({"to": WEI, "from_": HUB, "body": "x" * 1_601}, 21617),
        ({"to": "12", "from_": HUB, "body": "x"}, 21211),
        ({"to": WEI, "from_": "+15005550006", "body": "x"}, 21659),
        ({"to": WEI, "from_": HUB}, 21602),
        ({"to": WEI, "body": "x"}, 21603),
        ({"to": WEI, "from_": HUB, "body": "x", "status_callback": "not an address"}, 21205),
    ]
    for told, code in refusals:
        with subtests.test(code=code), pytest.raises(TwilioRestException) as refused:
            await twilio.messages.create_async(**told)
        assert refused.value.code == code


async def test_mischief_duplicates_loses_and_fails_on_demand(hub: FakeHub, sandbox: Sandbox, twilio: Client) -> None:
    await sandbox.post("/misbehave", duplicate=1, rest_failures=1, rest_status=429)
    await sandbox.post("/sms", **{"from": WEI, "text": "twice"})
    await hub.hears(SMS, times=2)
    assert hub.heard[0].form == hub.heard[1].form
    assert hub.heard[0].token == hub.heard[1].token
    with pytest.raises(TwilioRestException) as busy:
        await twilio.messages.create_async(to=WEI, from_=HUB, body="x")
    assert busy.value.status == 429

    await sandbox.post("/misbehave", lose=1)
    await sandbox.post("/sms", **{"from": WEI, "text": "lost"})
    lost = await sandbox.get("/ledger", kind="webhook.lost", wait_ms=60_000)
    assert lost["items"][0]["facts"]["parameters"]["Body"] == "lost"
    assert len(hub.heard) == 2


@pytest.mark.parametrize(
    "body, parts",
    [("", 1), ("x" * 160, 1), ("x" * 161, 2), ("€" * 80, 1), ("€" * 81, 2), ("漏" * 70, 1), ("漏" * 71, 2)],
)
def test_a_text_is_counted_in_the_parts_that_it_is_sent_in(body: str, parts: int) -> None:
    assert segments(body) == parts
