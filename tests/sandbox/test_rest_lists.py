"""Lists of the REST interface, as a hub reads them to find what it missed; and what a telephone hears of TwiML."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.rest import Client

from contact_center.sandbox.settings import DEMO_ACCOUNT
from tests.sandbox.conftest import Sandbox
from tests.sandbox.fake_hub import TOKEN, FakeHub

pytestmark = [
    pytest.mark.filterwarnings("ignore:BasicAuth is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:The 'auth' parameter is deprecated:DeprecationWarning"),
]

VOICE = "/webhooks/twilio_voice"
LENA, WEI = "+4930901820", "+8613800138000"
HUB = "+12025550100"
DAY = timedelta(days=1)


async def test_calls_are_found_by_who_when_and_how_they_ended(hub: FakeHub, sandbox: Sandbox, twilio: Client) -> None:
    hub.script[VOICE] = "<Response><Say>Hello.</Say></Response>"
    sids = []
    for number in (LENA, WEI, LENA):
        call = await sandbox.post("/calls", **{"from": number})
        await sandbox.call_until(call["sid"], "ended")
        sids.append(call["sid"])
    busy = await twilio.calls.create_async(to=WEI, from_=HUB, twiml="<Response/>")
    today, now = datetime.now(UTC).date(), datetime.now(UTC)

    async def found(**wanted: object) -> list[str]:
        return [str(call.sid) for call in await twilio.calls.list_async(**wanted)]

    assert await found(from_=LENA) == [sids[2], sids[0]]
    assert await found(to=WEI) == [busy.sid]
    assert await found(status="completed", from_=WEI) == [sids[1]]
    assert await found(status="completed", start_time_after=now - DAY, end_time_before=now + DAY) == sids[::-1]
    assert await found(start_time_after=now + DAY) == await found(end_time_before=now - DAY) == []
    assert await found(from_=LENA, start_time=today) == [sids[2], sids[0]]
    assert await found(from_=LENA, start_time=today - 2 * DAY) == []
    assert busy.sid not in await found(end_time_after=date(2000, 1, 1))
    assert await found(from_=LENA, page_size=1) == [sids[2], sids[0]]
    assert len(await found(limit=2)) == 2


async def test_a_list_goes_from_page_to_page_and_back(sandbox: Sandbox, twilio: Client) -> None:
    for number in range(3):
        await twilio.messages.create_async(to=LENA, from_="+12025550111", body=str(number))
    base = f"/2010-04-01/Accounts/{DEMO_ACCOUNT}/Messages.json"
    auth = (DEMO_ACCOUNT, TOKEN)
    first = (await sandbox.api.get(base, params={"PageSize": 2, "To": LENA}, auth=auth)).json()
    assert ([one["body"] for one in first["messages"]], first["previous_page_uri"]) == (["2", "1"], None)
    second = (await sandbox.api.get(first["next_page_uri"], auth=auth)).json()
    assert ([one["body"] for one in second["messages"]], second["next_page_uri"]) == (["0"], None)
    again = (await sandbox.api.get(second["previous_page_uri"], auth=auth)).json()
    assert [one["sid"] for one in again["messages"]] == [one["sid"] for one in first["messages"]]
    for query in ({"PageSize": "many", "Page": "-1"}, {"PageSize": "99999"}):
        assert (await sandbox.api.get(base, params=query, auth=auth)).status_code == 200


async def test_messages_that_the_hub_missed_are_found_by_their_date(
    hub: FakeHub, sandbox: Sandbox, twilio: Client
) -> None:
    hub.script["/webhooks/twilio_sms"] = 500
    missed = await sandbox.post("/sms", **{"from": LENA, "text": "Did you get this?"})
    await sandbox.get("/ledger", kind="webhook", wait_ms=60_000)
    now = datetime.now(UTC)
    for wanted, bodies in (
        ({"date_sent_after": now - DAY, "to": "+12025550111"}, ["Did you get this?"]),
        ({"date_sent": now.date()}, ["Did you get this?"]),
        ({"date_sent_before": now - DAY}, []),
        ({"date_sent_after": now + DAY}, []),
    ):
        found = await twilio.messages.list_async(**wanted)
        assert [message.body for message in found] == bodies
    message = await twilio.messages(missed["sid"]).fetch_async()
    assert (message.status, message.direction, message.error_code) == ("received", "inbound", None)


async def test_a_list_that_cannot_be_made_is_refused(sandbox: Sandbox, twilio: Client) -> None:
    with pytest.raises(TwilioException, match="20001"):
        await twilio.calls.list_async(status="sleeping")
    base, auth = f"/2010-04-01/Accounts/{DEMO_ACCOUNT}", (DEMO_ACCOUNT, TOKEN)
    for path in ("/Calls.json?StartTime=yesterday", "/Calls.json?EndTime%3E=2026-13-45", "/Messages.json?DateSent=x"):
        refused = await sandbox.api.get(base + path, auth=auth)
        assert (refused.status_code, refused.json()["code"]) == (400, 20001)
    many = await sandbox.api.get(base + "/Calls.json?" + "a=1&" * 600, auth=auth)
    assert (many.status_code, many.json()["code"]) == (400, 20001)
    for path in ("/Recordings/RE1.json", "/Recordings/RE1.wav", "/Queues.json", "/Calls/CA1/Recordings.json"):
        missing = await sandbox.api.get(base + path, auth=auth)
        assert (missing.status_code, missing.json()["code"]) == (404, 20404)


async def test_a_call_is_moved_by_a_document_an_address_or_a_status(
    hub: FakeHub, sandbox: Sandbox, twilio: Client
) -> None:
    hub.script = {
        VOICE: '<Response><Gather timeout="60"/></Response>',
        "/moved": '<Response><Say>Moved.</Say><Gather timeout="60"/></Response>',
    }
    call = (await sandbox.post("/calls", **{"from": LENA}))["sid"]
    await sandbox.call_until(call, "listening")
    await twilio.calls(call).update_async(url=f"{hub.url}/moved", method="GET")
    await sandbox.hears(call, "Moved.")
    with pytest.raises(TwilioRestException) as canceled:
        await twilio.calls(call).update_async(status="canceled")
    assert canceled.value.code == 21222
    await twilio.calls(call).update_async(status="completed")
    assert (await sandbox.call_until(call, "ended"))["ended_by"] == "hub"
    ringing = await twilio.calls.create_async(to=LENA, from_=HUB, twiml="<Response/>")
    await sandbox.call_until(str(ringing.sid), "ringing")
    with pytest.raises(TwilioRestException) as too_early:
        await twilio.calls(str(ringing.sid)).update_async(twiml="<Response/>")
    assert too_early.value.code == 21220
    await twilio.calls(str(ringing.sid)).update_async(status="canceled")
    assert (await sandbox.call_until(str(ringing.sid), "ended"))["status"] == "canceled"


async def test_a_hold_loop_of_documents_is_left_by_a_key_or_goes_round(hub: FakeHub, sandbox: Sandbox) -> None:
    hub.script = {
        VOICE: f'<Response><Gather numDigits="1" timeout="1" actionOnEmptyResult="true" action="{VOICE}/round">'
        '<Say>Please hold.</Say><Play loop="2">/music.mp3</Play></Gather></Response>',
        f"{VOICE}/round": lambda form: (
            "<Response><Say>You pressed a key.</Say></Response>"
            if form.get("Digits")
            else f"<Response><Redirect>{VOICE}</Redirect></Response>"
        ),
    }
    call = await sandbox.post("/calls", **{"from": LENA, "pace": 0.05})
    await hub.hears(f"{VOICE}/round", Digits="")
    await hub.hears(VOICE, times=2)
    await sandbox.post(f"/calls/{call['sid']}/digits", digits="1")
    over = await sandbox.call_until(call["sid"], "ended")
    assert over["lines"][-1]["text"] == "You pressed a key."


async def test_words_are_told_as_they_are_understood(hub: FakeHub, sandbox: Sandbox) -> None:
    hub.script[VOICE] = (
        '<Response><Gather input="speech" timeout="60" action="/said" partialResultCallback="/partly"/></Response>'
    )
    call = await sandbox.post("/calls", **{"from": LENA})
    await sandbox.post(f"/calls/{call['sid']}/speech", text="order one zero zero one")
    assert (await hub.hears("/said"))["SpeechResult"] == "order one zero zero one"
    partial = await hub.hears("/partly", SequenceNumber="2")
    assert (partial["UnstableSpeechResult"], partial["StableSpeechResult"]) == ("order one zero", "order one")


async def test_a_prompt_that_may_not_be_interrupted_is_heard_to_its_end(hub: FakeHub, sandbox: Sandbox) -> None:
    hub.script[VOICE] = (
        '<Response><Gather bargeIn="false" numDigits="1" timeout="60" action="/in">'
        "<Say>Listen to all of this, please.</Say><Say>And to this.</Say></Gather></Response>"
    )
    call = await sandbox.post("/calls", **{"from": LENA, "pace": 0.1})
    await sandbox.post(f"/calls/{call['sid']}/digits", digits="1")
    assert (await hub.hears("/in"))["Digits"] == "1"
    said = [text for kind, text in await sandbox.heard(call["sid"]) if kind == "say"]
    assert said == ["Listen to all of this, please.", "And to this."]


async def test_speech_with_marks_is_heard_as_it_is_meant(hub: FakeHub, sandbox: Sandbox) -> None:
    hub.script[VOICE] = (
        '<Response><Say>Your order<break time="300ms"/><say-as interpret-as="digits">1001</say-as> is'
        ' <sub alias="World Wide Web">WWW</sub>-wide.<s>One.</s><s>Two.</s></Say></Response>'
    )
    call = await sandbox.post("/calls", **{"from": LENA})
    over = await sandbox.call_until(call["sid"], "ended")
    assert over["lines"][0]["text"] == "Your order 1001 is World Wide Web-wide. One. Two."
