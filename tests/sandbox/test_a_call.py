"""A whole call against a fake hub, over real HTTP, with Twilio's own client as the caller of the REST interface."""

from __future__ import annotations

import json

import httpx
import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client

from tests.sandbox.conftest import Sandbox
from tests.sandbox.fake_hub import FakeHub

# Twilio's client makes its credentials with what aiohttp would rather see replaced.
pytestmark = [
    pytest.mark.filterwarnings("ignore:BasicAuth is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:The 'auth' parameter is deprecated:DeprecationWarning"),
]

VOICE = "/webhooks/twilio_voice"
QUEUE = f'<Enqueue waitUrl="{VOICE}/hold" action="{VOICE}/left">support</Enqueue>'
LENA = "+4930901820"
HUB = "+12025550100"


def room(label: str, *, begins: bool, ends: bool) -> str:
    return (
        f'<Dial action="{VOICE}/left"><Conference participantLabel="{label}" waitUrl="{VOICE}/hold"'
        f' startConferenceOnEnter="{str(begins).lower()}" endConferenceOnExit="{str(ends).lower()}"'
        f' statusCallback="{VOICE}/conference" statusCallbackEvent="start end join leave announcement">'
        "room-1</Conference></Dial>"
    )


@pytest.fixture
def scripted(hub: FakeHub) -> FakeHub:
    menu = (
        f'<Gather input="dtmf speech" numDigits="1" timeout="20" action="{VOICE}/input?at=menu">'
        "<Say>Press one for support.</Say></Gather>"
    )
    hub.script = {
        VOICE: f"<Response>{menu}</Response>",
        f"{VOICE}/input": f"<Response>{QUEUE}</Response>",
        f"{VOICE}/hold": "<Response><Say>Please hold.</Say><Play>/music.mp3</Play></Response>",
        f"{VOICE}/agent": f"<Response>{room('agent', begins=True, ends=True)}</Response>",
        f"{VOICE}/announce": '<Response><Say language="de-DE">Guten Tag!</Say></Response>',
    }
    return hub


async def connected(hub: FakeHub, sandbox: Sandbox, twilio: Client) -> tuple[str, str]:
    """The customer's and the agent's CallSid, talking to each other."""
    call = await sandbox.post("/calls", **{"from": LENA})
    await sandbox.post(f"/calls/{call['sid']}/digits", digits="1")
    await sandbox.call_until(call["sid"], "queue")
    seat = (
        f'<Response><Start><Transcription statusCallbackUrl="{hub.url}{VOICE}/transcript" track="inbound_track"/>'
        f"</Start>{room('customer', begins=False, ends=False)}</Response>"
    ).replace(f'"{VOICE}', f'"{hub.url}{VOICE}')
    await twilio.calls(call["sid"]).update_async(twiml=seat)
    await sandbox.call_until(call["sid"], "conference")
    leg = await twilio.calls.create_async(
        to="client:agent-1",
        from_=HUB,
        url=f"{hub.url}{VOICE}/agent?offer=7",
        status_callback=f"{hub.url}{VOICE}/agent-status",
        status_callback_event=["initiated", "ringing", "answered", "completed"],
    )
    await hub.hears(f"{VOICE}/conference", StatusCallbackEvent="conference-start")
    return call["sid"], str(leg.sid)


async def test_a_caller_goes_from_the_menu_to_the_queue_to_an_agent_and_hangs_up(
    scripted: FakeHub, sandbox: Sandbox, twilio: Client
) -> None:
    hub = scripted
    customer, agent = await connected(hub, sandbox, twilio)

    await sandbox.post(f"/calls/{customer}/speech", text="My dishwasher leaks.")
    heard = await hub.hears(f"{VOICE}/transcript", TranscriptionEvent="transcription-content")
    assert json.loads(heard["TranscriptionData"])["transcript"] == "My dishwasher leaks."
    assert heard["Track"] == "inbound_track"
    assert heard["CallSid"] == customer

    rooms = await twilio.conferences.list_async(friendly_name="room-1", status="in-progress")
    people = await twilio.conferences(rooms[0].sid).participants.list_async()
    assert {person.label: person.call_sid for person in people} == {"customer": customer, "agent": agent}
    await (
        twilio.conferences(rooms[0].sid)
        .participants(customer)
        .update_async(announce_url=f"{hub.url}{VOICE}/announce?text=x")
    )
    await hub.hears(f"{VOICE}/conference", StatusCallbackEvent="announcement-end")

    await sandbox.post(f"/calls/{customer}/hang_up")
    over = await hub.hears(f"{VOICE}/status", CallSid=customer)
    assert over["CallStatus"] == "completed"
    assert int(over["CallDuration"]) >= 0
    left = await hub.hears(f"{VOICE}/left", CallSid=customer, CallStatus="completed")
    assert left["DialCallStatus"] == "answered"
    await hub.hears(f"{VOICE}/conference", StatusCallbackEvent="participant-leave", ParticipantLabel="customer")

    shown = await sandbox.call_until(customer, "ended")
    said = [(line["kind"], line["text"], line["language"]) for line in shown["lines"]]
    assert ("say", "Press one for support.", "en-US") in said
    assert ("key", "1", "") in said
    assert ("say", "Please hold.", "en-US") in said
    assert ("announce", "Guten Tag!", "de-DE") in said
    assert shown["ended_by"] == "customer"
    assert (await twilio.calls(customer).fetch_async()).status == "completed"

    await twilio.calls(agent).update_async(status="completed")
    ended = await hub.hears(f"{VOICE}/conference", StatusCallbackEvent="conference-end")
    assert ended["ReasonConferenceEnded"] == "participant-with-end-conference-on-exit-left"
    statuses = [form["CallStatus"] for form in hub.at(f"{VOICE}/agent-status")]
    await hub.hears(f"{VOICE}/agent-status", CallStatus="completed")
    assert statuses[:3] == ["initiated", "ringing", "in-progress"]
    assert all(one.genuine for one in hub.heard), [one.path for one in hub.heard if not one.genuine]


async def test_when_the_agent_hangs_up_the_customer_goes_on_with_the_action_of_the_room(
    scripted: FakeHub, sandbox: Sandbox, twilio: Client
) -> None:
    scripted.script[f"{VOICE}/left"] = lambda form: (
        "<Response><Say>Goodbye.</Say></Response>" if "DialCallStatus" in form else "<Response/>"
    )
    customer, agent = await connected(scripted, sandbox, twilio)

    await twilio.calls(agent).update_async(status="completed")

    shown = await sandbox.call_until(customer, "ended")
    assert shown["lines"][-1]["text"] == "Goodbye."
    assert (await scripted.hears(f"{VOICE}/status", CallSid=customer))["CallStatus"] == "completed"


async def test_a_call_that_is_moved_out_of_its_queue_says_so_and_one_that_hangs_up_there_too(
    scripted: FakeHub, sandbox: Sandbox, twilio: Client
) -> None:
    call = await sandbox.post("/calls", **{"from": LENA})
    await sandbox.post(f"/calls/{call['sid']}/speech", text="support please")
    await sandbox.call_until(call["sid"], "queue")
    answered = await scripted.hears(f"{VOICE}/input")
    assert answered["SpeechResult"] == "support please"
    assert 0 < float(answered["Confidence"]) <= 1

    await twilio.calls(call["sid"]).update_async(twiml="<Response><Pause length='60'/></Response>")
    moved = await scripted.hears(f"{VOICE}/left", QueueResult="redirected")
    assert moved["CallStatus"] == "in-progress"
    await sandbox.post(f"/calls/{call['sid']}/hang_up")
    await sandbox.call_until(call["sid"], "ended")

    again = await sandbox.post("/calls", **{"from": LENA})
    await sandbox.post(f"/calls/{again['sid']}/digits", digits="1")
    await sandbox.call_until(again["sid"], "queue")
    await sandbox.post(f"/calls/{again['sid']}/hang_up")
    gone = await scripted.hears(f"{VOICE}/left", QueueResult="hangup")
    assert gone["CallStatus"] == "completed"


async def test_a_desk_telephone_that_nobody_answers_is_reported_and_joins_nothing(
    scripted: FakeHub, sandbox: Sandbox, twilio: Client
) -> None:
    await sandbox.post("/misbehave", desk="no-answer")
    await twilio.calls.create_async(
        to="client:agent-1",
        from_=HUB,
        url=f"{scripted.url}{VOICE}/agent",
        timeout=1,
        status_callback=f"{scripted.url}{VOICE}/agent-status",
    )
    assert (await scripted.hears(f"{VOICE}/agent-status"))["CallStatus"] == "no-answer"
    assert scripted.at(f"{VOICE}/agent") == []


async def test_a_hub_that_fails_is_apologised_for_and_the_call_ends(hub: FakeHub, sandbox: Sandbox) -> None:
    hub.script[VOICE] = 500
    call = await sandbox.post("/calls", **{"from": LENA})
    over = await sandbox.call_until(call["sid"], "ended")
    assert "application error" in over["lines"][-1]["text"]
    errors = await sandbox.get("/ledger", kind="carrier.error")
    assert [line["facts"]["code"] for line in errors["items"]] == [11200]


async def test_documents_that_redirect_to_each_other_for_ever_are_cut_off(hub: FakeHub, sandbox: Sandbox) -> None:
    hub.script[VOICE] = f"<Response><Redirect>{VOICE}</Redirect></Response>"
    call = await sandbox.post("/calls", **{"from": LENA})
    await sandbox.call_until(call["sid"], "ended")
    assert len(hub.heard) < 60
    errors = await sandbox.get("/ledger", kind="carrier.error")
    assert errors["items"][0]["facts"]["code"] == 12205


async def test_a_customer_is_called_back_and_answers(scripted: FakeHub, sandbox: Sandbox, twilio: Client) -> None:
    leg = await twilio.calls.create_async(
        to=LENA, from_=HUB, twiml="<Response><Say>You asked us to call.</Say></Response>"
    )
    await sandbox.call_until(str(leg.sid), "ringing")
    await sandbox.post(f"/calls/{leg.sid}/answer")
    over = await sandbox.call_until(str(leg.sid), "ended")
    assert over["lines"][0]["text"] == "You asked us to call."


async def test_the_rest_interface_refuses_as_the_carrier_does(sandbox: Sandbox, twilio: Client) -> None:
    with pytest.raises(TwilioRestException) as unknown:
        await twilio.calls("CA" + "0" * 32).fetch_async()
    assert (unknown.value.status, unknown.value.code) == (404, 20404)
    with pytest.raises(TwilioRestException) as nowhere:
        await twilio.calls.create_async(to="not a number", from_=HUB, url="http://127.0.0.1/x")
    assert nowhere.value.code == 21211
    with pytest.raises(TwilioRestException) as no_document:
        await twilio.calls.create_async(to="client:a", from_=HUB, twiml="<Response>")
    assert no_document.value.code == 12100
    async with httpx.AsyncClient(trust_env=False) as stranger:
        refused = await stranger.get(
            f"{sandbox.page}/2010-04-01/Accounts/{twilio.account_sid}/Calls.json", auth=("AC1", "guess")
        )
    assert refused.status_code == 401
    assert refused.json() == {
        "code": 20003,
        "message": "Authenticate",
        "more_info": "https://www.twilio.com/docs/errors/20003",
        "status": 401,
    }


async def test_a_call_that_is_over_cannot_be_moved(hub: FakeHub, sandbox: Sandbox, twilio: Client) -> None:
    hub.script[VOICE] = "<Response><Reject reason='busy'/></Response>"
    call = await sandbox.post("/calls", **{"from": LENA})
    over = await sandbox.call_until(call["sid"], "ended")
    assert (over["status"], over["answered_at"]) == ("busy", None)
    with pytest.raises(TwilioRestException) as late:
        await twilio.calls(call["sid"]).update_async(twiml="<Response/>")
    assert late.value.code == 21220
