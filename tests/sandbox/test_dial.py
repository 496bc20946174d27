"""<Dial> with telephones: together or alone, answered or not, for as long as it may last."""

from __future__ import annotations

import asyncio

import pytest
from twilio.rest import Client

from tests.sandbox.conftest import Sandbox
from tests.sandbox.fake_hub import WITHIN_S, FakeHub

pytestmark = [
    pytest.mark.filterwarnings("ignore:BasicAuth is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:The 'auth' parameter is deprecated:DeprecationWarning"),
]

VOICE = "/webhooks/twilio_voice"
LENA = "+4930901820"
HUB = "+12025550100"
OUTSIDE = "+15005550009"
STATUS = f'statusCallback="{VOICE}/leg" statusCallbackEvent="initiated ringing answered completed"'


def dial(inside: str, more: str = "") -> str:
    return f'<Response><Dial action="{VOICE}/dialled" {more}>{inside}</Dial></Response>'


async def child_of(sandbox: Sandbox, number: str) -> str:
    """The call that the telephone of ``number`` rings for."""
    after = 0
    async with asyncio.timeout(WITHIN_S):
        while True:
            placed = (await sandbox.get("/ledger", kind="call.placed", after=after, wait_ms=5_000))["items"]
            found = [line["facts"]["sid"] for line in placed if line["facts"]["recipient"] == number]
            if found:
                return str(found[-1])
            after = max((line["seq"] for line in placed), default=after)


async def test_two_who_are_connected_hear_each_other_and_the_call_is_recorded(hub: FakeHub, sandbox: Sandbox) -> None:
    record = f'record="record-from-answer-dual" recordingStatusCallback="{VOICE}/tape"'
    hub.script[VOICE] = dial(f"<Client {STATUS}>mei</Client>", record)
    lena = (await sandbox.post("/calls", **{"from": LENA}))["sid"]
    await hub.hears(f"{VOICE}/leg", CallStatus="in-progress")
    mei = await child_of(sandbox, "client:mei")
    await sandbox.call_until(mei, "bridged")
    await sandbox.post(f"/calls/{lena}/speech", text="Is this Mei?")
    await sandbox.hears(mei, "Is this Mei?")
    await sandbox.post(f"/calls/{mei}/speech", text="是的。")
    await sandbox.hears(lena, "是的。")
    shown = await sandbox.get(f"/calls/{lena}")
    assert ([party["name"] for party in shown["with"]], shown["recorded"]) == (["client:mei"], True)
    await sandbox.post(f"/calls/{mei}/hang_up")
    done = await hub.hears(f"{VOICE}/dialled")
    assert (done["DialCallStatus"], done["DialBridged"], done["DialCallSid"]) == ("completed", "true", mei)
    told = await hub.hears(f"{VOICE}/tape")
    assert (told["RecordingSource"], told["RecordingChannels"]) == ("DialVerb", "2")
    assert done["RecordingUrl"] == told["RecordingUrl"]
    legs = [(form["CallStatus"], form["ParentCallSid"]) for form in hub.at(f"{VOICE}/leg")]
    assert legs[:3] == [("initiated", lena), ("ringing", lena), ("in-progress", lena)]


@pytest.mark.parametrize(
    "answers, status", [("busy", "busy"), ("no-answer", "no-answer"), ("failed", "failed"), ("ring", "no-answer")]
)
async def test_a_telephone_that_is_not_answered_says_how(
    hub: FakeHub, sandbox: Sandbox, answers: str, status: str
) -> None:
    await sandbox.post("/phones", number=OUTSIDE, answers=answers)
    hub.script[VOICE] = dial(f"<Number>{OUTSIDE}</Number>", 'timeout="1"')
    await sandbox.post("/calls", **{"from": LENA})
    done = await hub.hears(f"{VOICE}/dialled")
    assert (done["DialCallStatus"], done["DialBridged"]) == (status, "false")


async def test_a_caller_hears_it_ring_until_somebody_answers_where_that_is_asked(
    hub: FakeHub, sandbox: Sandbox
) -> None:
    hub.script[VOICE] = dial(f"<Number>{OUTSIDE}</Number>", 'answerOnBridge="true"')
    lena = (await sandbox.post("/calls", **{"from": LENA}))["sid"]
    child = ""
    while not child:
        child = await child_of(sandbox, OUTSIDE) if len((await sandbox.get("/calls"))["items"]) > 1 else ""
    await sandbox.call_until(child, "ringing")
    waiting = await sandbox.get(f"/calls/{lena}")
    assert (waiting["status"], waiting["answered_at"], waiting["listening"]) == ("ringing", None, False)
    await sandbox.post(f"/calls/{child}/answer")
    await sandbox.call_until(child, "bridged")
    assert (await sandbox.get(f"/calls/{lena}"))["status"] == "in-progress"


async def test_a_call_that_only_rang_was_never_answered(hub: FakeHub, sandbox: Sandbox) -> None:
    hub.script[VOICE] = dial(f"<Number>{OUTSIDE}</Number>", 'answerOnBridge="true"')
    lena = (await sandbox.post("/calls", **{"from": LENA}))["sid"]
    await sandbox.call_until(lena, "bridged")
    await sandbox.post(f"/calls/{lena}/hang_up")
    over = await sandbox.call_until(lena, "ended")
    assert (over["status"], over["answered_at"]) == ("no-answer", None)


async def test_of_several_that_ring_the_first_to_answer_is_connected_and_the_others_stop(
    hub: FakeHub, sandbox: Sandbox
) -> None:
    await sandbox.post("/phones", number="client:slow", answers="ring")
    hub.script[VOICE] = dial(f"<Client>slow</Client><Client>mei</Client><Number>{OUTSIDE}</Number>")
    await sandbox.post("/calls", **{"from": LENA})
    await sandbox.get("/ledger", kind="call.answered", who="", wait_ms=60_000)
    for number in ("client:slow", OUTSIDE):
        over = await sandbox.call_until(await child_of(sandbox, number), "ended")
        assert (number, over["status"]) == (number, "canceled")
    await sandbox.call_until(await child_of(sandbox, "client:mei"), "bridged")


async def test_a_call_ends_when_its_time_is_up(hub: FakeHub, sandbox: Sandbox, twilio: Client) -> None:
    hub.script[VOICE] = dial("<Client>mei</Client>", 'timeLimit="1"')
    await sandbox.post("/calls", **{"from": LENA})
    done = await hub.hears(f"{VOICE}/dialled")
    assert done["DialCallStatus"] == "completed"
    leg = await twilio.calls.create_async(
        to="client:jonas",
        from_=HUB,
        twiml='<Response><Gather timeout="60"/></Response>',
        time_limit=1,
        status_callback=f"{hub.url}{VOICE}/leg",
    )
    assert (await hub.hears(f"{VOICE}/leg", CallSid=str(leg.sid)))["CallStatus"] == "completed"
    assert (await sandbox.get(f"/calls/{leg.sid}"))["ended_by"] == "carrier"


async def test_whoever_is_called_may_hear_something_first_and_be_moved_elsewhere(
    hub: FakeHub, sandbox: Sandbox, twilio: Client
) -> None:
    hub.script["/screen"] = "<Response><Say>A call from the shop.</Say></Response>"
    hub.script[VOICE] = dial('<Client url="/screen">mei</Client>')
    await sandbox.post("/calls", **{"from": LENA})
    await hub.hears("/screen")
    mei = await child_of(sandbox, "client:mei")
    await sandbox.call_until(mei, "bridged")
    assert ("say", "A call from the shop.") in await sandbox.heard(mei)
    elsewhere = '<Response><Say>Elsewhere.</Say><Gather timeout="60"/></Response>'
    await twilio.calls(mei).update_async(twiml=elsewhere)
    assert (await hub.hears(f"{VOICE}/dialled"))["DialCallStatus"] == "completed"
    await sandbox.hears(mei, "Elsewhere.")
