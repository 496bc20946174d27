"""Recordings of voicemail, of calls and of conferences: begun, paused, told about, listed, heard, deleted."""

from __future__ import annotations

import io
import wave

import httpx
import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client

from contact_center.sandbox.settings import DEMO_ACCOUNT
from tests.sandbox.conftest import Sandbox
from tests.sandbox.fake_hub import TOKEN, FakeHub

pytestmark = [
    pytest.mark.filterwarnings("ignore:BasicAuth is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:The 'auth' parameter is deprecated:DeprecationWarning"),
]

VOICE = "/webhooks/twilio_voice"
LENA = "+4930901820"
HUB = "+12025550100"
AUTH = (DEMO_ACCOUNT, TOKEN)
TAPE = f'recordingStatusCallback="{VOICE}/tape" recordingStatusCallbackEvent="in-progress completed absent"'
VOICEMAIL = (
    f'<Response><Say>Leave a message.</Say><Record action="{VOICE}/recorded" timeout="300" maxLength="600"'
    f' finishOnKey="#" transcribe="true" transcribeCallback="{VOICE}/words" {TAPE}/>'
    "<Say>Nothing was recorded.</Say></Response>"
)


async def sound(sandbox: Sandbox, url: str, auth: tuple[str, str] | None = AUTH) -> httpx.Response:
    assert url.startswith(sandbox.page)
    return await sandbox.api.get(url, auth=auth)


async def test_a_message_is_left_transcribed_and_heard(hub: FakeHub, sandbox: Sandbox) -> None:
    hub.script = {VOICE: VOICEMAIL, f"{VOICE}/recorded": "<Response><Say>Thank you.</Say></Response>"}
    call = await sandbox.post("/calls", **{"from": LENA})
    await sandbox.call_until(call["sid"], "recording")
    await sandbox.post(f"/calls/{call['sid']}/speech", text="Please call me back about order 1001, it is urgent.")
    await sandbox.post(f"/calls/{call['sid']}/digits", digits="#")
    recorded = await hub.hears(f"{VOICE}/recorded")
    assert recorded["Digits"] == "#"
    assert int(recorded["RecordingDuration"]) >= 3
    words = await hub.hears(f"{VOICE}/words")
    assert words["TranscriptionText"] == "Please call me back about order 1001, it is urgent."
    assert words["TranscriptionStatus"] == "completed"
    assert words["RecordingSid"] == recorded["RecordingSid"]
    told = await hub.hears(f"{VOICE}/tape", RecordingStatus="completed")
    assert [form["RecordingStatus"] for form in hub.at(f"{VOICE}/tape")] == ["in-progress", "completed"]
    assert (told["RecordingSource"], told["RecordingChannels"]) == ("RecordVerb", "1")
    assert told["RecordingDuration"] == recorded["RecordingDuration"]

    heard = await sound(sandbox, recorded["RecordingUrl"] + ".wav")
    assert heard.headers["content-type"] == "audio/x-wav"
    with wave.open(io.BytesIO(heard.content)) as file:
        assert file.getnframes() / file.getframerate() == int(recorded["RecordingDuration"])
    assert (await sound(sandbox, recorded["RecordingUrl"] + ".wav", None)).status_code == 401
    assert (await sound(sandbox, recorded["RecordingUrl"] + ".mp3")).json()["code"] == 20406
    shown = await sandbox.call_until(call["sid"], "ended")
    assert [line["text"] for line in shown["lines"] if line["kind"] == "beep"] == ["record"]
    assert all(one.genuine for one in hub.heard)


async def test_silence_is_an_empty_recording_and_the_document_goes_on(hub: FakeHub, sandbox: Sandbox) -> None:
    hub.script[VOICE] = VOICEMAIL.replace('timeout="300"', 'timeout="1"')
    call = await sandbox.post("/calls", **{"from": LENA})
    over = await sandbox.call_until(call["sid"], "ended")
    assert over["lines"][-1]["text"] == "Nothing was recorded."
    assert (await hub.hears(f"{VOICE}/tape", RecordingStatus="absent"))["RecordingDuration"] == "0"
    assert hub.at(f"{VOICE}/recorded") == hub.at(f"{VOICE}/words") == []


async def test_whoever_hangs_up_after_their_message_has_left_it(hub: FakeHub, sandbox: Sandbox) -> None:
    hub.script[VOICE] = VOICEMAIL
    call = await sandbox.post("/calls", **{"from": LENA})
    await sandbox.call_until(call["sid"], "recording")
    await sandbox.post(f"/calls/{call['sid']}/speech", text="我的洗碗机漏水了，请给我回电话。")
    await sandbox.get("/ledger", kind="call.line", wait_ms=60_000)
    await sandbox.post(f"/calls/{call['sid']}/hang_up")
    recorded = await hub.hears(f"{VOICE}/recorded")
    assert (recorded["Digits"], recorded["CallStatus"]) == ("hangup", "completed")
    assert (await hub.hears(f"{VOICE}/words"))["TranscriptionText"] == "我的洗碗机漏水了，请给我回电话。"


async def test_a_message_is_no_longer_than_it_may_be(hub: FakeHub, sandbox: Sandbox) -> None:
    hub.script[VOICE] = VOICEMAIL.replace('maxLength="600"', 'maxLength="1"')
    at_once = [{"wait_for": "recording", "say": "Hello"}]
    await sandbox.post("/calls/script", **{"from": LENA, "steps": at_once})
    assert (await hub.hears(f"{VOICE}/recorded"))["Digits"] == ""


async def test_a_call_is_recorded_paused_and_resumed_by_request(
    hub: FakeHub, sandbox: Sandbox, twilio: Client
) -> None:
    hub.script[VOICE] = (
        f'<Response><Gather input="speech" timeout="60" action="{VOICE}/a"><Say>How can we help?</Say></Gather>'
        "</Response>"
    )
    hub.script[f"{VOICE}/a"] = hub.script[VOICE]
    call = (await sandbox.post("/calls", **{"from": LENA}))["sid"]
    await sandbox.call_until(call, "listening")
    tape = await twilio.calls(call).recordings.create_async(
        recording_status_callback=f"{hub.url}{VOICE}/tape",
        recording_status_callback_event=["in-progress", "completed"],
        recording_channels="dual",
    )
    assert (tape.status, tape.channels, tape.source) == ("in-progress", 2, "StartCallRecordingAPI")
    assert (await sandbox.get(f"/calls/{call}"))["recorded"] is True
    await sandbox.post(f"/calls/{call}/speech", text="My dishwasher leaks")
    await hub.hears(f"{VOICE}/a")
    current = twilio.calls(call).recordings("Twilio.CURRENT")
    paused = await current.update_async(status="paused", pause_behavior="skip")
    assert (paused.sid, paused.status) == (tape.sid, "paused")
    assert (await sandbox.get(f"/calls/{call}"))["recorded"] is False
    await sandbox.call_until(call, "listening")
    await sandbox.post(f"/calls/{call}/speech", text="4111 1111 1111 1111")
    await hub.hears(f"{VOICE}/a", times=2)
    assert (await current.update_async(status="in-progress")).status == "in-progress"
    with pytest.raises(TwilioRestException) as senseless:
        await current.update_async(status="completed")
    assert senseless.value.status == 400
    with pytest.raises(TwilioRestException) as running:
        await twilio.recordings(tape.sid).delete_async()
    assert running.value.code == 20009
    assert (await sound(sandbox, f"{sandbox.page}{tape.uri}".replace(".json", ".wav"))).status_code == 404

    stopped = await current.update_async(status="stopped")
    assert stopped.status == "completed"
    told = await hub.hears(f"{VOICE}/tape", RecordingStatus="completed")
    assert told["RecordingChannels"] == "2"
    assert [form["RecordingStatus"] for form in hub.at(f"{VOICE}/tape")] == ["in-progress", "completed"]
    heard = await sound(sandbox, told["RecordingUrl"])
    with wave.open(io.BytesIO(heard.content)) as file:
        assert file.getnchannels() == 2
    with pytest.raises(TwilioRestException) as over:
        await twilio.calls(call).recordings(str(tape.sid)).update_async(status="paused")
    assert over.value.code == 21220
    with pytest.raises(TwilioRestException) as none:
        await current.update_async(status="stopped")
    assert none.value.code == 20404

    assert [one.sid for one in await twilio.calls(call).recordings.list_async()] == [tape.sid]
    assert [one.sid for one in await twilio.recordings.list_async(call_sid=call)] == [tape.sid]
    assert await twilio.recordings(str(tape.sid)).delete_async()
    assert (await sound(sandbox, told["RecordingUrl"] + ".wav")).status_code == 404
    assert await twilio.recordings.list_async() == []
    await sandbox.post(f"/calls/{call}/hang_up")
    await sandbox.call_until(call, "ended")
    with pytest.raises(TwilioRestException) as gone:
        await twilio.calls(call).recordings.create_async()
    assert gone.value.code == 21220


async def test_a_document_begins_and_ends_a_recording(hub: FakeHub, sandbox: Sandbox) -> None:
    hub.script[VOICE] = (
        f'<Response><Start><Recording channels="dual" track="outbound" {TAPE}/></Start><Say>This is recorded.</Say>'
        '<Stop><Recording/></Stop><Say>This is not.</Say><Pause length="60"/></Response>'
    )
    await sandbox.post("/calls", **{"from": LENA})
    told = await hub.hears(f"{VOICE}/tape", RecordingStatus="completed")
    assert (told["RecordingSource"], told["RecordingTrack"]) == ("StartCallRecordingTwiML", "outbound")
    assert told["RecordingDuration"] == "2"


async def test_a_call_that_the_hub_places_can_be_recorded_from_its_answer(
    hub: FakeHub, sandbox: Sandbox, twilio: Client
) -> None:
    await twilio.calls.create_async(
        to="client:mei",
        from_=HUB,
        twiml="<Response><Say>Hello Mei.</Say></Response>",
        record=True,
        recording_status_callback=f"{hub.url}{VOICE}/tape",
    )
    told = await hub.hears(f"{VOICE}/tape")
    assert (told["RecordingStatus"], told["RecordingSource"]) == ("completed", "OutboundAPI")


async def test_a_sound_is_not_found_for_a_while_and_then_it_is(hub: FakeHub, sandbox: Sandbox) -> None:
    hub.script[VOICE] = f"<Response><Start><Recording {TAPE}/></Start><Say>Hello.</Say></Response>"
    await sandbox.post("/misbehave", media_missing=1, media_after_ms=300)
    await sandbox.post("/calls", **{"from": LENA})
    url = (await hub.hears(f"{VOICE}/tape", RecordingStatus="completed"))["RecordingUrl"]
    assert (await sound(sandbox, url)).json()["code"] == 20404
    await sandbox.post("/misbehave", media_after_ms=0)
    assert (await sound(sandbox, url)).status_code == 404
    assert (await sound(sandbox, url)).status_code == 200
