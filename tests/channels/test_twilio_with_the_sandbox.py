"""Both Twilio channels on a live line: the sandbox's carrier calls their addresses, they call its REST interface,
and everything between is real HTTP with real signatures."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace

import pytest
import pytest_asyncio
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request as HttpRequest
from starlette.responses import Response as HttpResponse
from starlette.routing import Route

from channels import twilio_sms, twilio_voice
from channels.contract import Answer, Channel, Context, Outgoing, Refused, Rejected, Request, Retry
from contact_center.domain.calls import CallAction, Collect, HangUp, Hold, Record, Say, pack
from contact_center.domain.contact_points import ContactPoint
from contact_center.domain.events import (
    CallArrived,
    CallerInput,
    CallerRecorded,
    CallLeg,
    CustomerLeft,
    DeliveryReported,
    InteractionEvent,
    MessageReceived,
    RecordingChanged,
    TranscriptAdded,
)
from contact_center.sandbox.settings import DEMO_ACCOUNT, HUB_PHONE, HUB_SMS
from tests.channels.conformance import NOW
from tests.channels.fake_hub import FakeHub
from tests.sandbox.conftest import Sandbox, started
from tests.sandbox.fake_hub import TOKEN

pytestmark = pytest.mark.asyncio(loop_scope="module")

LENA = "+4930901820"
PATIENCE = 120.0  # seconds: a busy machine is no failure
MENU = Collect("menu.1", (Say("For orders press 1.", "en-US"),), "en-US", timeout_ms=20_000)


@dataclass
class Desk:
    """The hub's part in as few words as will do: a menu, a queue, and a list of everything that happened."""

    happened: list[InteractionEvent] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    channels: dict[str, Channel] = field(default_factory=dict)
    url: str = ""
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    def actions(self, event: InteractionEvent) -> tuple[CallAction, ...]:
        if isinstance(event.body, CallArrived):
            return (Say("Welcome.", "en-US"), MENU)
        if isinstance(event.body, CallerInput):
            step, _, number = event.body.position.partition(".")
            words = (Say("Please hold.", "en-US"),) if step == "menu" else ()
            return (Hold(f"queue.{int(number) + 1}", words, "en-US", ms=16_000),)
        return ()

    async def endpoint(self, http: HttpRequest) -> HttpResponse:
        channel = self.channels[http.path_params["channel"]]
        query = http.url.query
        request = Request(
            http.method,
            self.url + http.url.path + (f"?{query}" if query else ""),
            http.path_params["rest"],
            query,
            {name.lower(): value for name, value in http.headers.items()},
            await http.body(),
        )
        try:
            channel.verify(request)
            parsed = channel.parse(request, NOW)
        except Refused as refused:
            self.refused.append(f"{request.path}: {refused.reason}")
            return HttpResponse(refused.reason, refused.status)
        async with self.changed:
            self.happened.extend(parsed.events)
            self.changed.notify_all()
        answers = [Answer("i", 1, "e", actions=self.actions(event)) for event in parsed.events]
        told = channel.acknowledge(request, parsed, answers)
        return HttpResponse(told.body, told.status, media_type=told.media_type)

    async def sees(self, found: Callable[[InteractionEvent], bool]) -> InteractionEvent:
        async with asyncio.timeout(PATIENCE), self.changed:
            await self.changed.wait_for(lambda: any(found(event) for event in self.happened))
        return next(event for event in self.happened if found(event))

    async def sees_leg(self, call: str, leg: str, state: str) -> CallLeg:
        seen = await self.sees(
            lambda e: (
                e.thread.key == call and isinstance(e.body, CallLeg) and (e.body.leg, e.body.state) == (leg, state)
            )
        )
        assert isinstance(seen.body, CallLeg)
        return seen.body

    def of(self, call: str) -> list[InteractionEvent]:
        return [event for event in self.happened if event.thread.key == call]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def line() -> AsyncIterator[tuple[Desk, Sandbox]]:
    desk, listening = Desk(), socket.socket()
    listening.bind(("127.0.0.1", 0))
    desk.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    routes = [Route("/webhooks/{channel}{rest:path}", desk.endpoint, methods=["GET", "POST"])]
    config = uvicorn.Config(Starlette(routes=routes), log_level="error", lifespan="off", ws="none")
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        async with started(desk.url) as sandbox:
            settings = {
                "twilio_account_sid": DEMO_ACCOUNT,
                "twilio_auth_token": TOKEN,
                "twilio_rest_url": sandbox.page,
            }
            for name, module in (("twilio_voice", twilio_voice), ("twilio_sms", twilio_sms)):
                desk.channels[name] = module.open_channel(Context(name, desk.url, settings, {}, b""))
            yield desk, sandbox
            for channel in desk.channels.values():
                await channel.close()
    finally:
        server.should_exit = True
        await serving


def outgoing(verb: str, call: str, offer: str = "offer-1", text: str = "") -> Outgoing:
    return Outgoing(
        verb=verb,  # type: ignore[arg-type]
        outbox_id="outbox-1",
        interaction_id="interaction-1",
        case_id=1,
        created_at=NOW,
        attempt=1,
        thread_key=call,
        recipient=ContactPoint("phone", LENA),
        sender=ContactPoint("phone", HUB_PHONE),
        offer_id=offer,
        agent_id="mei",
        agent_address="client:mei",
        text=text,
        language="zh-CN",
    )


async def test_a_call_from_the_menu_to_an_agent_and_to_its_end(line: tuple[Desk, Sandbox]) -> None:
    desk, sandbox = line
    voice = desk.channels["twilio_voice"]
    call = (await sandbox.post("/calls", **{"from": LENA}))["sid"]
    arrived = await desk.sees(lambda e: isinstance(e.body, CallArrived) and e.thread.key == call)
    assert (arrived.sender, arrived.dialled, arrived.thread.key, arrived.source_id) == (
        ContactPoint("phone", LENA), ContactPoint("phone", HUB_PHONE), call, call,
    )  # fmt: skip

    await sandbox.call_until(call, "listening")
    await sandbox.post(f"/calls/{call}/digits", digits="1")
    pressed = await desk.sees(lambda e: isinstance(e.body, CallerInput) and e.thread.key == call)
    assert pressed.body == CallerInput("menu.1", "1")
    await waits(desk, sandbox, call)

    sent = await voice.send(outgoing("connect", call))
    answered = await desk.sees_leg(call, "agent", "answered")
    assert answered == CallLeg("agent", "answered", sent.provider_id, offer_id="offer-1")
    joined = await desk.sees_leg(call, "agent", "joined")
    assert joined == CallLeg("agent", "joined", sent.provider_id, offer_id="offer-1")
    await desk.sees_leg(call, "customer", "joined")

    await sandbox.post(f"/calls/{call}/speech", text="我的洗碗机漏水。")
    heard = await desk.sees(lambda e: isinstance(e.body, TranscriptAdded))
    assert isinstance(heard.body, TranscriptAdded)
    assert (heard.body.speaker, heard.body.text, heard.thread.key) == ("customer", "我的洗碗机漏水。", call)

    await voice.send(outgoing("message", call, text="技师 <明天> 到。"))
    await hears(sandbox, call, "技师 <明天> 到。")

    ended = await voice.send(outgoing("hang_up", call))
    assert ended.state == "delivered"
    await sandbox.call_until(call, "ended")
    await desk.sees_leg(call, "agent", "ended")
    assert await voice.send(outgoing("hang_up", call)) == ended, "ending what is over is fine"
    assert desk.refused == []
    ids = [event.source_id for event in desk.of(call)]
    assert len(ids) == len(set(ids))


async def waits(desk: Desk, sandbox: Sandbox, call: str) -> None:
    """Until the caller has left the menu and hears music."""
    await desk.sees(lambda e: isinstance(e.body, CallerInput) and e.thread.key == call)
    await sandbox.call_until(call, "listening")


async def hears(sandbox: Sandbox, call: str, text: str) -> None:
    """Waits until the caller has heard ``text``."""
    after = 0
    async with asyncio.timeout(PATIENCE):
        while True:
            noted = (await sandbox.get("/ledger", kind="call.line", after=after, wait_ms=5_000))["items"]
            if any((one["facts"]["sid"], one["facts"]["text"]) == (call, text) for one in noted):
                return
            after = max((one["seq"] for one in noted), default=after)


async def test_a_caller_who_hangs_up_is_noticed_in_the_menu_in_the_queue_and_in_the_room(
    line: tuple[Desk, Sandbox],
) -> None:
    desk, sandbox = line
    for place in ("menu", "queue", "room"):
        call = (await sandbox.post("/calls", **{"from": LENA}))["sid"]
        await sandbox.call_until(call, "listening")
        if place != "menu":
            await sandbox.post(f"/calls/{call}/digits", digits="1")
            await waits(desk, sandbox, call)
        if place == "room":
            await desk.channels["twilio_voice"].send(outgoing("connect", call))
            await desk.sees_leg(call, "agent", "joined")
        await sandbox.post(f"/calls/{call}/hang_up")
        left = await desk.sees(lambda e, c=call: isinstance(e.body, CustomerLeft) and e.thread.key == c)  # type: ignore[misc]
        assert left.sender == ContactPoint("phone", LENA)
    assert desk.refused == []


async def test_a_caller_whom_an_agent_lost_is_connected_with_another_and_never_left(
    line: tuple[Desk, Sandbox],
) -> None:
    desk, sandbox = line
    voice = desk.channels["twilio_voice"]
    call = (await sandbox.post("/calls", **{"from": LENA}))["sid"]
    await sandbox.call_until(call, "listening")
    await sandbox.post(f"/calls/{call}/digits", digits="1")
    await waits(desk, sandbox, call)
    await sandbox.post("/misbehave", desk="busy")
    await voice.send(outgoing("connect", call, "offer-1"))
    failed = await desk.sees_leg(call, "agent", "failed")
    assert (failed.reason, failed.offer_id) == ("busy", "offer-1")

    await sandbox.post("/misbehave", desk="answer")
    await voice.send(outgoing("connect", call, "offer-2"))
    assert (await desk.sees_leg(call, "agent", "joined")).offer_id == "offer-2"
    gone = [e for e in desk.of(call) if isinstance(e.body, CustomerLeft)]
    gone += [e for e in desk.of(call) if isinstance(e.body, CallLeg) and e.body.state == "left"]
    assert gone == [], "moving from room to room is not leaving"
    await sandbox.post(f"/calls/{call}/hang_up")
    assert desk.refused == []


async def test_a_text_comes_in_and_its_answer_goes_out_and_is_reported_on(line: tuple[Desk, Sandbox]) -> None:
    desk, sandbox = line
    await sandbox.post("/sms", **{"from": LENA, "text": "Wo bleibt mein Paket? 😟"})
    asked = await desk.sees(lambda e: isinstance(e.body, MessageReceived))
    assert asked.body == MessageReceived("Wo bleibt mein Paket? 😟")
    assert asked.thread.key == f"{LENA}|{HUB_SMS}"

    answer = outgoing("message", "", text="Es kommt morgen.")
    sms = Outgoing(**{f: getattr(answer, f) for f in answer.__slots__} | {"sender": ContactPoint("phone", HUB_SMS)})
    sent = await desk.channels["twilio_sms"].send(sms)
    done = await desk.sees(lambda e: isinstance(e.body, DeliveryReported) and e.body.status == "delivered")
    assert isinstance(done.body, DeliveryReported)
    assert done.body.provider_id == sent.provider_id
    assert done.thread.key == asked.thread.key, "the report is told in the same conversation"
    assert desk.refused == []


async def test_every_webhook_that_comes_twice_says_the_same_twice(line: tuple[Desk, Sandbox]) -> None:
    desk, sandbox = line
    await sandbox.post("/misbehave", duplicate=1_000)
    call = (await sandbox.post("/calls", **{"from": LENA}))["sid"]
    await sandbox.call_until(call, "listening")
    await sandbox.post(f"/calls/{call}/digits", digits="1")
    await waits(desk, sandbox, call)
    kinds = [(event.kind, event.source_id) for event in desk.of(call)]
    assert kinds[:4] == [
        ("call.arrived", call), ("call.arrived", call),
        ("ivr.input", f"{call}:input:menu.1"), ("ivr.input", f"{call}:input:menu.1"),
    ]  # fmt: skip
    await sandbox.post("/misbehave", duplicate=0)
    await sandbox.post(f"/calls/{call}/hang_up")
    await sandbox.call_until(call, "ended")


# --- what a desk does with a call ------------------------------------------------------------------------


def about(verb: str, call: str, **more: object) -> Outgoing:
    return replace(outgoing(verb, call), **more)  # type: ignore[arg-type]


async def talking(desk: Desk, sandbox: Sandbox, interaction: str) -> tuple[str, str]:
    """A caller in conversation with an agent: the call, and the agent's leg."""
    call = (await sandbox.post("/calls", **{"from": LENA}))["sid"]
    await sandbox.call_until(call, "listening")
    sent = await desk.channels["twilio_voice"].send(about("connect", call, interaction_id=interaction))
    await desk.sees_leg(call, "agent", "joined")
    await desk.sees_leg(call, "customer", "joined")
    return call, sent.provider_id


async def test_a_caller_is_held_and_taken_back_hears_tones_and_is_sent_away(line: tuple[Desk, Sandbox]) -> None:
    desk, sandbox = line
    voice = desk.channels["twilio_voice"]
    call, agent = await talking(desk, sandbox, "interaction-2")
    named = {"interaction_id": "interaction-2"}
    for verb, mode in (("hold", "on"), ("hold", "off"), ("mute", "on"), ("mute", "off")):
        assert (await voice.send(about(verb, call, mode=mode, **named))).state == "delivered"
    await voice.send(about("keys", call, digits="12#", **named))
    words = tuple(pack([HangUp((Say("Thank you for calling.", "en-US"),))]))
    await voice.send(about("tell", call, actions=words, **named))
    await hears(sandbox, call, "Thank you for calling.")
    await sandbox.call_until(call, "ended")
    await desk.sees_leg(call, "agent", "ended")
    with pytest.raises(Rejected):
        await voice.send(about("hold", call, mode="on", **named))
    assert (await voice.send(about("drop", call, agent_leg=agent, **named))).state == "delivered"
    assert desk.refused == []


async def test_a_supervisor_listens_whispers_barges_in_and_leaves(line: tuple[Desk, Sandbox]) -> None:
    desk, sandbox = line
    voice = desk.channels["twilio_voice"]
    call, agent = await talking(desk, sandbox, "interaction-3")
    party = {"interaction_id": "interaction-3", "party_id": "p-1", "coached_leg": agent}
    boss = await voice.send(about("add", call, agent_address="client:boss", mode="listen", text="Quietly.", **party))
    joined = await desk.sees(
        lambda e: isinstance(e.body, CallLeg) and (e.body.leg, e.body.state) == ("party", "joined")
    )
    assert joined.body == CallLeg("party", "joined", boss.provider_id, party_id="p-1")
    assert joined.thread.key == call
    for mode in ("whisper", "barge", "listen", "talk"):
        assert (await voice.send(about("change", call, mode=mode, **party))).state == "delivered"
    await voice.send(about("drop", call, party_leg=boss.provider_id, **party))
    await desk.sees_leg(call, "party", "ended")
    await sandbox.post(f"/calls/{call}/hang_up")
    await desk.sees_leg(call, "agent", "ended")
    assert desk.refused == []


async def test_a_call_is_recorded_paused_fetched_and_erased(line: tuple[Desk, Sandbox]) -> None:
    desk, sandbox = line
    voice = desk.channels["twilio_voice"]
    call, _ = await talking(desk, sandbox, "interaction-4")
    named = {"interaction_id": "interaction-4"}
    made = (await voice.send(about("record", call, mode="start", **named))).provider_id
    assert (await voice.send(about("record", call, mode="start", attempt=2, **named))).provider_id == made
    for mode in ("pause", "resume", "stop"):
        sent = await voice.send(about("record", call, mode=mode, **named))
        assert (sent.provider_id, sent.state) == (made, "delivered")
    done = await desk.sees(lambda e: isinstance(e.body, RecordingChanged) and e.body.state == "completed")
    assert isinstance(done.body, RecordingChanged)
    assert (done.body.recording_id, done.body.channels, done.thread.key) == (made, 2, call)
    media = await voice.fetch(made)
    assert (media.body[:4], media.media_type.partition("/")[0]) == (b"RIFF", "audio")
    for _ in range(2):
        await voice.send(about("erase", call, recording_id=made, **named))
    with pytest.raises(Retry):
        await voice.fetch(made)
    await sandbox.post(f"/calls/{call}/hang_up")
    assert desk.refused == []


async def test_in_a_call_that_we_place_the_agent_is_first_and_the_customer_comes_after(
    line: tuple[Desk, Sandbox],
) -> None:
    desk, sandbox = line
    voice, named = desk.channels["twilio_voice"], {"interaction_id": "interaction-5"}
    await voice.listen(FakeHub(now_at=NOW))  # it keeps what the channel wants remembered
    agent = await voice.send(about("connect", "", offer_id="offer-5", **named))
    first = await desk.sees(
        lambda e: isinstance(e.body, CallLeg) and e.body.offer_id == "offer-5" and e.body.state == "joined"
    )
    assert (first.thread.key, first.thread.ours) == ("", ("interaction-5",))
    call = (await voice.send(about("call", "", offer_id="", agent_address="", **named))).provider_id
    await desk.sees_leg(call, "customer", "ringing")
    await sandbox.post(f"/calls/{call}/answer")
    answered = await desk.sees_leg(call, "customer", "answered")
    assert answered.leg_id == call
    joined = await desk.sees_leg(call, "customer", "joined")
    assert joined.leg_id == call
    assert {event.thread.ours for event in desk.of(call)} == {("interaction-5",)}
    await sandbox.post(f"/calls/{call}/hang_up")
    left = await desk.sees(lambda e: isinstance(e.body, CustomerLeft) and e.thread.key == call)
    assert left.sender == ContactPoint("phone", LENA)
    ended = await desk.sees(
        lambda e: isinstance(e.body, CallLeg) and e.body.leg_id == agent.provider_id and e.body.state == "ended"
    )
    assert ended.thread.ours == ("interaction-5",)
    assert desk.refused == []


async def test_a_voicemail_is_left_and_told(line: tuple[Desk, Sandbox]) -> None:
    desk, sandbox = line
    voice = desk.channels["twilio_voice"]
    call = (await sandbox.post("/calls", **{"from": LENA}))["sid"]
    await sandbox.call_until(call, "listening")
    record = Record("vm.1", (Say("Please speak after the beep.", "en-US"),), "en-US", transcribe=True)
    await voice.send(about("tell", call, actions=tuple(pack([record]))))
    await sandbox.call_until(call, "recording")
    await sandbox.post(f"/calls/{call}/speech", text="Please call me back.")
    await sandbox.post(f"/calls/{call}/hang_up")
    spoken = await desk.sees(lambda e: isinstance(e.body, CallerRecorded) and e.thread.key == call)
    assert isinstance(spoken.body, CallerRecorded)
    assert (spoken.body.position, spoken.body.ended_by) == ("vm.1", "hang_up")
    there = await desk.sees(lambda e: isinstance(e.body, RecordingChanged) and e.body.purpose == "voicemail")
    assert isinstance(there.body, RecordingChanged)
    assert (there.body.recording_id, there.body.state) == (spoken.body.recording_id, "completed")
    assert desk.refused == []


async def test_what_the_carrier_remembers_is_what_its_webhooks_told(line: tuple[Desk, Sandbox]) -> None:
    """Everything above, asked for again: known already, each under its own source id."""
    desk, _ = line
    voice = desk.channels["twilio_voice"]
    remembered = [event for parsed in await voice.missed(0, NOW) for event in parsed.events]
    assert {type(event.body) for event in remembered} >= {CallArrived, CustomerLeft, RecordingChanged}
    for event in remembered:
        told = await desk.sees(lambda e, same=event.source_id: e.source_id == same)  # type: ignore[misc]
        said = told.body
        if isinstance(said, CallArrived):  # how a number was attested is said in the webhook alone
            said = replace(said, stir_verstat="")
        assert event.body == said
        assert event.thread == told.thread
