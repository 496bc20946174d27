"""Providers misbehave: the same way again for the same seed."""

from __future__ import annotations

import asyncio
import time

import httpx
import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client

from contact_center.sandbox.carrier.mischief import Mischief
from contact_center.sandbox.settings import DEMO_ACCOUNT
from tests.sandbox.conftest import Sandbox
from tests.sandbox.fake_hub import TOKEN, WITHIN_S, FakeHub

pytestmark = [
    pytest.mark.filterwarnings("ignore:BasicAuth is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:The 'auth' parameter is deprecated:DeprecationWarning"),
]

VOICE = "/webhooks/twilio_voice"
SMS = "/webhooks/twilio_sms"
LENA = "+4930901820"
HUB = "+12025550111"


def throws(mischief: Mischief, name: str, times: int = 200) -> list[bool]:
    return [mischief.strikes(name) for _ in range(times)]


def test_the_same_seed_makes_the_same_mischief() -> None:
    one, other = Mischief(), Mischief()
    for mischief in (one, other):
        mischief.change({"seed": 7, "lose_percent": 20})
    first = throws(one, "lose")
    assert first == throws(other, "lose")
    assert 20 < sum(first) < 60
    other.change({"seed": 8})
    assert first != throws(other, "lose")


def test_so_many_come_before_so_many_in_a_hundred() -> None:
    mischief = Mischief()
    mischief.change({"duplicate": 2})
    assert throws(mischief, "duplicate", 4) == [True, True, False, False]
    mischief.change({"reorder_percent": 100, "rest_percent": 100})
    assert mischief.strikes("swap")
    assert mischief.strikes("rest_failures")
    mischief.change({"reset": True, "delay_ms": 5})
    assert mischief.shown() == {**Mischief().shown(), "delay_ms": 5}


SENSELESS: list[dict[str, object]] = [
    {"lose_percent": 101},
    {"lose": -1},
    {"lose": True},
    {"delay_ms": 10**9},
    {"scope": "some"},
    {"desk": "dances"},
    {"rest_status": 200},
    {"orders_status": 200},
    {"rest_method": "BREW"},
    {"rest_path": "x" * 300},
    {"_dice": 1},
    {"shown": 1},
]


@pytest.mark.parametrize("wanted", SENSELESS)
def test_mischief_that_makes_no_sense_changes_nothing(wanted: dict[str, object]) -> None:
    mischief = Mischief()
    with pytest.raises(ValueError, match=r"^[a-z_]+ (is|has) "):
        mischief.change({"delay_ms": 3, **wanted})
    assert mischief.shown() == Mischief().shown()


async def test_callbacks_alone_are_lost_where_documents_are_spared(
    hub: FakeHub, sandbox: Sandbox, twilio: Client
) -> None:
    hub.script[VOICE] = "<Response><Say>Hello.</Say></Response>"
    await sandbox.post("/misbehave", lose_percent=100, scope="callbacks")
    call = await sandbox.post("/calls", **{"from": LENA})
    over = await sandbox.call_until(call["sid"], "ended")
    assert over["lines"][0]["text"] == "Hello."
    lost = await sandbox.get("/ledger", kind="webhook.lost", wait_ms=60_000)
    assert [line["facts"]["what"] for line in lost["items"]] == ["voice status"]
    assert hub.at(f"{VOICE}/status") == []
    assert (await twilio.calls(call["sid"]).fetch_async()).status == "completed"


async def test_a_call_can_end_without_a_word_about_it(hub: FakeHub, sandbox: Sandbox) -> None:
    await sandbox.post("/misbehave", lose_completed=1)
    for number in (LENA, "+15005550001"):
        call = await sandbox.post("/calls", **{"from": number})
        await sandbox.call_until(call["sid"], "ended")
    told = await hub.hears(f"{VOICE}/status")
    assert told["From"] == "+15005550001"
    assert len(hub.at(f"{VOICE}/status")) == 1


async def test_receipts_change_places_come_late_and_come_twice(
    hub: FakeHub, sandbox: Sandbox, twilio: Client
) -> None:
    await sandbox.post("/misbehave", swap=1)
    await twilio.messages.create_async(to=LENA, from_=HUB, body="x", status_callback=f"{hub.url}{SMS}/status")
    await hub.hears(f"{SMS}/status", MessageStatus="sent")
    assert [form["MessageStatus"] for form in hub.at(f"{SMS}/status")] == ["delivered", "sent"]
    await sandbox.post("/misbehave", delay_percent=100, delay_ms=300, duplicate_percent=100)
    began = time.monotonic()
    await sandbox.post("/sms", **{"from": LENA, "text": "twice"})
    await hub.hears(SMS, times=2)
    assert time.monotonic() - began > 0.3
    assert len({one.token for one in hub.heard if one.path == SMS}) == 1


async def test_only_the_requests_that_are_meant_fail_and_say_when_to_come_back(
    sandbox: Sandbox, twilio: Client
) -> None:
    await sandbox.post("/misbehave", rest_failures=1, rest_status=429, rest_method="POST", rest_path="/Messages")
    assert (await twilio.calls.list_async()) == []
    url = f"/2010-04-01/Accounts/{DEMO_ACCOUNT}/Messages.json"
    refused = await sandbox.api.post(url, data={"To": LENA, "From": HUB, "Body": "x"}, auth=(DEMO_ACCOUNT, TOKEN))
    assert (refused.status_code, refused.json()["code"], refused.headers["retry-after"]) == (429, 20429, "1")
    assert (await twilio.messages.create_async(to=LENA, from_=HUB, body="x")).status == "queued"
    await sandbox.post("/misbehave", rest_percent=100, rest_status=500)
    with pytest.raises(TwilioRestException) as broken:
        await twilio.messages.create_async(to=LENA, from_=HUB, body="y")
    assert (broken.value.status, broken.value.code) == (500, 20500)


async def test_a_request_that_hangs_was_carried_out_all_the_same(sandbox: Sandbox, twilio: Client) -> None:
    await sandbox.post("/misbehave", rest_hangs=1, rest_hang_ms=20_000)
    url = f"{sandbox.page}/2010-04-01/Accounts/{DEMO_ACCOUNT}/Messages.json"
    patience = httpx.Timeout(WITHIN_S, read=0.3)
    async with httpx.AsyncClient(trust_env=False, timeout=patience, auth=(DEMO_ACCOUNT, TOKEN)) as impatient:
        with pytest.raises(httpx.ReadTimeout):
            await impatient.post(url, data={"To": LENA, "From": HUB, "Body": "sent after all"})
    async with asyncio.timeout(WITHIN_S):
        while not (await sandbox.get("/sms", number=LENA, wait_ms=5_000))["items"]:
            pass  # it may not even have been read by then
    assert [message.body for message in await twilio.messages.list_async()] == ["sent after all"]


async def test_orders_are_found_verified_slow_and_broken(sandbox: Sandbox, subtests: pytest.Subtests) -> None:
    order = await sandbox.get("/orders/1001")
    assert (order["status"], order["name"], order["placed_on"]) == ("shipped", "Lena Fischer", "2026-03-02")
    assert await sandbox.get("/orders/%23%2010-01") == order
    for path, status in (("9999", 404), ("x", 404), ("1001?fail=503", 503), ("1001?delay_ms=soon", 422)):
        with subtests.test(path=path):
            assert (await sandbox.api.get(f"/sandbox/orders/{path}")).status_code == status
    for body, verified in (
        ({"phone": LENA, "pin": "4711"}, True),
        ({"number": "2001", "pin": "8888"}, True),
        ({"number": "2001", "pin": "4711"}, False),
        ({"phone": "+15005550001", "pin": "4711"}, False),
    ):
        with subtests.test(body=body):
            answer = await sandbox.api.post("/sandbox/orders/verify", json=body)
            assert (answer.status_code, answer.json()) == (200, {"verified": verified})
    for senseless in ({"pin": "1"}, {"phone": LENA}, {"number": 5, "pin": "1"}, {"number": "2001", "pin": 8888}):
        assert (await sandbox.api.post("/sandbox/orders/verify", json=senseless)).status_code == 422
    await sandbox.post("/misbehave", orders_status=500, orders_delay_ms=200)
    began = time.monotonic()
    assert (await sandbox.api.get("/sandbox/orders/1001")).status_code == 500
    assert time.monotonic() - began >= 0.2
    assert (await sandbox.get("/misbehave"))["orders_status"] == 500
