"""Conferences: who hears whom, who holds, who coaches, and how the hub moves them about."""

from __future__ import annotations

import asyncio

import pytest
from twilio.base.exceptions import TwilioException, TwilioRestException
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
MEI, SANA = "client:mei", "client:sana"
EVENTS = "start end join leave mute hold modify speaker announcement"


def seat(hub: FakeHub, label: str, more: str = "") -> str:
    return (
        f'<Response><Dial action="{hub.url}{VOICE}/left"><Conference participantLabel="{label}" beep="false"'
        f' statusCallback="{hub.url}{VOICE}/room" statusCallbackEvent="{EVENTS}" {more}>room</Conference></Dial>'
        "</Response>"
    )


async def called(hub: FakeHub, twilio: Client, to: str, label: str, more: str = "") -> str:
    leg = await twilio.calls.create_async(to=to, from_=HUB, twiml=seat(hub, label, more))
    await hub.hears(f"{VOICE}/room", StatusCallbackEvent="participant-join", CallSid=str(leg.sid))
    return str(leg.sid)


async def talking(hub: FakeHub, sandbox: Sandbox, twilio: Client) -> tuple[str, str, str]:
    """Lena and Mei talk to each other: their calls, and the conference."""
    hub.script[VOICE] = seat(hub, "customer")
    lena = (await sandbox.post("/calls", **{"from": LENA}))["sid"]
    await sandbox.call_until(lena, "conference")
    mei = await called(hub, twilio, MEI, "agent")
    room = await hub.hears(f"{VOICE}/room", StatusCallbackEvent="conference-start")
    return lena, mei, room["ConferenceSid"]


async def says(sandbox: Sandbox, sid: str, text: str) -> None:
    await sandbox.post(f"/calls/{sid}/speech", text=text)


async def test_those_who_talk_hear_each_other_and_nobody_hears_whoever_is_muted(
    hub: FakeHub, sandbox: Sandbox, twilio: Client
) -> None:
    lena, mei, room = await talking(hub, sandbox, twilio)
    await says(sandbox, lena, "My dishwasher leaks.")
    await sandbox.hears(mei, "My dishwasher leaks.")
    await says(sandbox, mei, "您好！")
    await sandbox.hears(lena, "您好！")
    [heard] = [one for one in (await sandbox.get(f"/calls/{lena}/hears"))["items"] if one["kind"] == "heard"]
    assert (heard["from"], heard["name"]) == (mei, MEI)

    muted = await twilio.conferences(room).participants("agent").update_async(muted=True)
    assert (muted.muted, muted.call_sid) == (True, mei)
    await hub.hears(f"{VOICE}/room", StatusCallbackEvent="participant-mute", Muted="true", CallSid=mei)
    await says(sandbox, mei, "Nobody hears this.")
    await twilio.conferences(room).participants(mei).update_async(muted=False)
    await says(sandbox, mei, "But this.")
    await sandbox.hears(lena, "But this.")
    assert ("heard", "Nobody hears this.") not in await sandbox.heard(lena)
    order = [int(form["SequenceNumber"]) for form in hub.at(f"{VOICE}/room")]
    assert order == sorted(order)


async def test_a_supervisor_listens_then_whispers_then_barges_in(
    hub: FakeHub, sandbox: Sandbox, twilio: Client
) -> None:
    lena, mei, room = await talking(hub, sandbox, twilio)
    sana = await called(hub, twilio, SANA, "supervisor", f'muted="true" coach="{mei}"')
    await says(sandbox, lena, "I want my money back.")
    await sandbox.hears(sana, "I want my money back.")
    await says(sandbox, sana, "Only listening.")

    supervisor = twilio.conferences(room).participants("supervisor")
    assert (await supervisor.fetch_async()).call_sid_to_coach == mei
    whispering = await supervisor.update_async(muted=False)
    assert (whispering.muted, whispering.coaching) == (False, True)
    await says(sandbox, sana, "Offer a repair first.")
    await sandbox.hears(mei, "Offer a repair first.")
    desk = (await sandbox.get("/phones"))["items"]
    [mei_now] = [phone for phone in desk if phone["number"] == MEI]
    assert mei_now["calls"][0]["coached_by"] == [SANA]

    barging = await supervisor.update_async(coaching=False)
    assert (barging.coaching, barging.call_sid_to_coach) == (False, None)
    await hub.hears(f"{VOICE}/room", StatusCallbackEvent="participant-modify", Coaching="false")
    await says(sandbox, sana, "Hello Lena, this is Sana.")
    await sandbox.hears(lena, "Hello Lena, this is Sana.")
    spoken = [text for kind, text in await sandbox.heard(lena) if kind == "heard"]
    assert spoken == ["Hello Lena, this is Sana."]
    assert ("heard", "Only listening.") not in await sandbox.heard(mei)

    with pytest.raises(TwilioRestException) as nobody:
        await supervisor.update_async(coaching=True, call_sid_to_coach="CA" + "0" * 32)
    assert (nobody.value.status, nobody.value.code) == (400, 16028)
    await twilio.conferences(room).participants(mei).update_async(hold=True)
    with pytest.raises(TwilioRestException) as on_hold:
        await supervisor.update_async(coaching=True, call_sid_to_coach=mei)
    assert on_hold.value.code == 16027


async def test_a_coach_is_never_heard_by_accident(hub: FakeHub, sandbox: Sandbox, twilio: Client) -> None:
    lena, mei, room = await talking(hub, sandbox, twilio)
    stranger = await twilio.calls.create_async(to=SANA, from_=HUB, twiml=seat(hub, "supervisor", 'coach="CA1"'))
    assert (await hub.hears(f"{VOICE}/left", CallSid=str(stranger.sid)))["DialCallStatus"] == "failed"
    errors = (await sandbox.get("/ledger", kind="carrier.error"))["items"]
    assert [line["facts"]["code"] for line in errors] == [13240]
    sana = await called(hub, twilio, SANA, "supervisor", f'coach="{mei}"')
    await sandbox.post(f"/calls/{mei}/hang_up")
    await hub.hears(f"{VOICE}/room", StatusCallbackEvent="participant-leave", CallSid=mei)
    await says(sandbox, sana, "Where did she go?")
    supervisor = await twilio.conferences(room).participants("supervisor").fetch_async()
    assert (supervisor.muted, supervisor.coaching) == (True, False)
    assert ("heard", "Where did she go?") not in await sandbox.heard(lena)


async def test_a_full_conference_lets_nobody_else_in(hub: FakeHub, sandbox: Sandbox, twilio: Client) -> None:
    await talking(hub, sandbox, twilio)
    third = await twilio.calls.create_async(
        to=SANA, from_=HUB, twiml=seat(hub, "third", 'maxParticipants="2"'), status_callback=f"{hub.url}/over"
    )
    assert (await hub.hears(f"{VOICE}/left", CallSid=str(third.sid)))["DialCallStatus"] == "failed"


async def test_who_is_on_hold_hears_the_hold_document_and_is_not_heard(
    hub: FakeHub, sandbox: Sandbox, twilio: Client
) -> None:
    lena, mei, room = await talking(hub, sandbox, twilio)
    hub.script["/hold"] = "<Response><Say>One moment.</Say><Play>/music.mp3</Play></Response>"
    hub.script["/hold2"] = "<Response><Say>Still there?</Say></Response>"
    customer = twilio.conferences(room).participants("customer")
    held = await customer.update_async(hold=True, hold_url=f"{hub.url}/hold", hold_method="GET")
    assert held.hold is True
    await sandbox.hears(lena, "One moment.")
    assert "ConferenceSid" in next(one.query for one in hub.heard if one.path == "/hold")
    assert ("music", f"{hub.url}/music.mp3") in await sandbox.heard(lena)
    await says(sandbox, mei, "Between us.")
    await customer.update_async(hold=True, hold_url=f"{hub.url}/hold2")
    await sandbox.hears(lena, "Still there?")
    assert (await sandbox.get(f"/calls/{lena}"))["hold"] is True
    assert [one.label for one in await twilio.conferences(room).participants.list_async(hold=True)] == ["customer"]
    await customer.update_async(hold=False)
    await says(sandbox, mei, "I am back.")
    await sandbox.hears(lena, "I am back.")
    assert ("heard", "Between us.") not in await sandbox.heard(lena)
    events = [form["StatusCallbackEvent"] for form in hub.at(f"{VOICE}/room")]
    assert events.count("participant-hold") == events.count("participant-unhold") == 1


async def test_somebody_is_called_into_the_conference_and_put_out_of_it(
    hub: FakeHub, sandbox: Sandbox, twilio: Client
) -> None:
    lena, _, room = await talking(hub, sandbox, twilio)
    people = twilio.conferences(room).participants
    outside = "+15005550009"
    invited = await people.create_async(
        to=outside,
        from_=HUB,
        label="expert",
        beep="false",
        end_conference_on_exit=False,
        status_callback=f"{hub.url}{VOICE}/leg",
        status_callback_event=["initiated", "ringing", "answered", "completed"],
    )
    assert (invited.label, invited.conference_sid) == ("expert", room)
    assert invited.status in ("queued", "ringing")
    await sandbox.call_until(str(invited.call_sid), "ringing")
    assert (await people("expert").fetch_async()).status == "ringing"
    await sandbox.post(f"/calls/{invited.call_sid}/answer")
    await hub.hears(f"{VOICE}/room", StatusCallbackEvent="participant-join", ParticipantLabel="expert")
    assert (await people("expert").fetch_async()).status == "connected"
    await says(sandbox, lena, "Who is this?")
    await sandbox.hears(str(invited.call_sid), "Who is this?")
    with pytest.raises(TwilioRestException) as taken:
        await people.create_async(to=SANA, from_=HUB, label="expert")
    assert taken.value.status == 400
    assert await people("expert").delete_async()
    left = await hub.hears(f"{VOICE}/room", StatusCallbackEvent="participant-leave", ParticipantLabel="expert")
    assert (left["ReasonParticipantLeft"], left["ParticipantCallStatus"]) == (
        "participant_updated_via_api",
        "in-progress",
    )
    await hub.hears(f"{VOICE}/leg", CallStatus="completed")
    steps = [(form["CallStatus"], form["SequenceNumber"]) for form in hub.at(f"{VOICE}/leg")]
    assert steps == [("initiated", "0"), ("ringing", "1"), ("in-progress", "2"), ("completed", "3")]
    with pytest.raises(TwilioRestException) as gone:
        await people("expert").fetch_async()
    assert gone.value.code == 20404
    assert (await twilio.conferences(room).fetch_async()).status == "in-progress"


async def test_a_conference_may_begin_with_an_invitation_and_ends_if_nobody_comes(
    hub: FakeHub, sandbox: Sandbox, twilio: Client
) -> None:
    await sandbox.post("/phones", number="+15005550009", answers="busy")
    called = await twilio.conferences("a new room").participants.create_async(
        to="+15005550009",
        from_=HUB,
        conference_status_callback=f"{hub.url}{VOICE}/room",
        conference_status_callback_event=["start", "end", "leave"],
        label="nobody",
    )
    never = await hub.hears(f"{VOICE}/room", StatusCallbackEvent="participant-leave")
    assert (never["ReasonParticipantLeft"], never["ParticipantCallStatus"], never["ParticipantLabel"]) == (
        "participant_add_failed",
        "busy",
        "nobody",
    )
    over = await hub.hears(f"{VOICE}/room", StatusCallbackEvent="conference-end")
    assert (over["ConferenceSid"], over["FriendlyName"]) == (called.conference_sid, "a new room")
    assert (await twilio.calls(str(called.call_sid)).fetch_async()).status == "busy"
    with pytest.raises(TwilioRestException) as nobody:
        await twilio.conferences("b").participants.create_async(to=SANA, from_=HUB, call_sid_to_coach="CA1")
    assert nobody.value.code == 16028


async def test_an_invitation_that_is_still_ringing_can_be_taken_back(
    hub: FakeHub, sandbox: Sandbox, twilio: Client
) -> None:
    _, _, room = await talking(hub, sandbox, twilio)
    await sandbox.post("/phones", number=SANA, answers="ring")
    people = twilio.conferences(room).participants
    ringing = await people.create_async(to=SANA, from_=HUB, label="second")
    await sandbox.call_until(str(ringing.call_sid), "ringing")
    assert await people("second").delete_async()
    over = await sandbox.call_until(str(ringing.call_sid), "ended")
    assert over["status"] == "canceled"


async def test_the_hub_ends_a_conference_and_everybody_goes_on_with_their_own_document(
    hub: FakeHub, sandbox: Sandbox, twilio: Client
) -> None:
    lena, mei, room = await talking(hub, sandbox, twilio)
    await twilio.conferences(room).update_async(status="completed")
    for sid in (lena, mei):
        left = await hub.hears(f"{VOICE}/room", StatusCallbackEvent="participant-leave", CallSid=sid)
        assert left["ReasonParticipantLeft"] == "conference_ended_via_api"
        assert (await hub.hears(f"{VOICE}/left", CallSid=sid))["DialCallStatus"] == "answered"
    over = await hub.hears(f"{VOICE}/room", StatusCallbackEvent="conference-end")
    assert over["ReasonConferenceEnded"] == "conference-ended-via-api"
    with pytest.raises(TwilioRestException) as gone:
        await twilio.conferences(room).participants(mei).update_async(muted=True)
    assert gone.value.code == 20404


async def test_a_conference_is_recorded_while_it_goes_on(hub: FakeHub, sandbox: Sandbox, twilio: Client) -> None:
    recorded = f'record="record-from-start" recordingStatusCallback="{hub.url}/tape"'
    hub.script[VOICE] = seat(hub, "customer", recorded)
    lena = (await sandbox.post("/calls", **{"from": LENA}))["sid"]
    await sandbox.call_until(lena, "conference")
    mei = await called(hub, twilio, MEI, "agent", 'endConferenceOnExit="true"')
    await says(sandbox, lena, "Can you hear me well on this line?")
    await sandbox.hears(mei, "Can you hear me well on this line?")
    [room] = await twilio.conferences.list_async(status="in-progress")
    tapes = twilio.conferences(str(room.sid)).recordings
    assert (await tapes("Twilio.CURRENT").update_async(status="paused")).status == "paused"
    assert (await tapes("Twilio.CURRENT").update_async(status="in-progress")).status == "in-progress"
    await twilio.calls(mei).update_async(status="completed")
    told = await hub.hears("/tape")
    assert (told["RecordingSource"], told["ConferenceSid"]) == ("Conference", room.sid)
    assert int(told["RecordingDuration"]) >= 3
    assert len(await tapes.list_async()) == 1
    assert [one.sid for one in await twilio.recordings.list_async(conference_sid=str(room.sid))] == [
        told["RecordingSid"]
    ]


async def test_nobody_stays_in_a_conference_longer_than_they_may(
    hub: FakeHub, sandbox: Sandbox, twilio: Client
) -> None:
    lena, mei, _ = await talking(hub, sandbox, twilio)
    short = seat(hub, "agent").replace("<Dial ", '<Dial timeLimit="1" ')
    async with asyncio.timeout(WITHIN_S):
        await twilio.calls(mei).update_async(twiml=short)
        await hub.hears(f"{VOICE}/left", CallSid=mei, DialCallStatus="answered")
    assert (await sandbox.get(f"/calls/{lena}"))["status"] == "in-progress"


async def test_what_makes_no_sense_of_a_conference_is_refused(hub: FakeHub, sandbox: Sandbox, twilio: Client) -> None:
    _, mei, room = await talking(hub, sandbox, twilio)
    people = twilio.conferences(room).participants
    for told, code in (({"to": "12", "from_": HUB}, 21211), ({"to": MEI, "from_": "+15005550001"}, 21210)):
        with pytest.raises(TwilioRestException) as refused:
            await people.create_async(**told)
        assert refused.value.code == code
    with pytest.raises(TwilioRestException) as no_url:
        await people(mei).update_async(hold=True, hold_url="javascript:alert(1)")
    assert no_url.value.code == 21205
    assert (await people(mei).fetch_async()).hold is False
    with pytest.raises(TwilioRestException) as nobody:
        await people("no such label").update_async(muted=True)
    assert nobody.value.code == 20404
    with pytest.raises(TwilioException, match="20404"):
        await twilio.conferences("CF" + "0" * 32).recordings.list_async()
    odd_room = twilio.conferences("<&\"'>\x00 room").participants
    odd = await odd_room.create_async(to=MEI, from_=HUB, label='"><Hangup/>')
    assert odd.label == '"><Hangup/>'
    await sandbox.call_until(str(odd.call_sid), "conference")
