"""Both Twilio channels on a live line: the sandbox's carrier calls their addresses, they call its REST interface,
and everything between is real HTTP with real signatures."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import pytest
import pytest_asyncio
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request as HttpRequest
from starlette.responses import Response as HttpResponse
from starlette.routing import Route

from channels import twilio_sms, twilio_voice
from channels.contract import Answer, Channel, Context, Outgoing, Refused, Request
from contact_center.domain.calls import CallAction, Collect, Hold, Say
from contact_center.domain.contact_points import ContactPoint
from contact_center.domain.events import (
    CallArrived,
    CallerInput,
    CallLeg,
    CustomerLeft,
    DeliveryReported,
    InteractionEvent,
    MessageReceived,
    TranscriptAdded,
)
from contact_center.sandbox.settings import DEMO_ACCOUNT, HUB_PHONE, HUB_SMS
from tests.channels.conformance import NOW
from tests.sandbox.conftest import Sandbox, started
from tests.sandbox.fake_hub import TOKEN

pytestmark = pytest.mark.asyncio(loop_scope="module")

LENA = "+4930901820"
PATIENCE = 30.0  # seconds: a busy machine is no failure
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
            return (Hold((Say("Please hold.", "en-US"),), "en-US"),)
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
    await sandbox.call_until(call, "queue")

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


async def hears(sandbox: Sandbox, call: str, text: str) -> None:
    """Waits until the caller has heard ``text``."""
    after = 0
    async with asyncio.timeout(PATIENCE):
        while True:
            noted = (await sandbox.get("/ledger", kind="call.line", after=after, wait_ms=5_000))["items"]
            if any((one["facts"]["sid"], one["facts"]["text"]) == (call, text) for one in noted):
                return
            after = noted[-1]["seq"]


async def test_a_caller_who_hangs_up_is_noticed_in_the_menu_in_the_queue_and_in_the_room(
    line: tuple[Desk, Sandbox],
) -> None:
    desk, sandbox = line
    for place in ("menu", "queue", "room"):
        call = (await sandbox.post("/calls", **{"from": LENA}))["sid"]
        await sandbox.call_until(call, "listening")
        if place != "menu":
            await sandbox.post(f"/calls/{call}/digits", digits="1")
            await sandbox.call_until(call, "queue")
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
    await sandbox.call_until(call, "queue")
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
    await sandbox.call_until(call, "queue")
    kinds = [(event.kind, event.source_id) for event in desk.of(call)]
    assert kinds == [
        ("call.arrived", call), ("call.arrived", call),
        ("ivr.input", f"{call}:input:menu.1"), ("ivr.input", f"{call}:input:menu.1"),
    ]  # fmt: skip
    await sandbox.post("/misbehave", duplicate=0)
