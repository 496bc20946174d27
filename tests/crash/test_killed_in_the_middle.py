"""kill -9 in the middle of five hundred events: what was acknowledged is there, once, and work goes on.

The outside world (carrier credentials, mail servers) is a process of its own and lives on: the hub knows it only by
its settings, as it would know the real one. Whoever sends does what providers do: the same event again until it is
acknowledged.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from tests.channels.twilio_fake import ACCOUNT
from tests.hub import SMS_NUMBER, VOICE_NUMBER, CommandRefused, HubProcess, Twilio, house
from tests.sandbox.conftest import MAIL_PASSWORD, Sandbox, started
from tests.sandbox.fake_hub import TOKEN

TEXTS, CALLS, CHATS, LINES, MAILS = 240, 40, 12, 10, 60
"""240 texts, 40 calls of three events each, 12 chats of ten messages, 60 letters less the calls' shared ones: 540."""
AGAIN = (httpx.TransportError, WebSocketException, OSError, TimeoutError)


@dataclass
class World:
    """The senders, and the ledger of what the hub acknowledged to them: the witness against which it is held."""

    hub: HubProcess
    sandbox: Sandbox
    acknowledged: dict[str, str] = field(default_factory=dict)

    async def insist(self, key: str, kind: str, send: Callable[[], Awaitable[bool]]) -> None:
        """Sends until it is acknowledged."""
        while True:
            with contextlib.suppress(*AGAIN):
                if await send():
                    self.acknowledged[key] = kind
                    return
            await asyncio.sleep(0.05)

    async def texts(self, numbers: range) -> None:
        async with httpx.AsyncClient(base_url=self.hub.url, timeout=10) as http:
            twilio = Twilio(http, self.hub.url, TOKEN)
            for number in numbers:
                sid = f"SM{number:032x}"
                fields = {
                    "MessageSid": sid,
                    "AccountSid": ACCOUNT,
                    "From": f"+4915112345{number % 60:03d}",
                    "To": SMS_NUMBER,
                    "Body": f"text {number}",
                    "NumMedia": "0",
                }

                async def send(fields: dict[str, str] = fields) -> bool:
                    return (await twilio.post("/twilio_sms", fields)).status_code == 200

                await self.insist(sid, "message.received", send)

    async def calls(self, numbers: range) -> None:
        """Each rings, waits, and is given up."""
        async with httpx.AsyncClient(base_url=self.hub.url, timeout=10) as http:
            twilio = Twilio(http, self.hub.url, TOKEN)
            for number in numbers:
                sid = f"CA{number:032x}"
                fields = {
                    "CallSid": sid,
                    "AccountSid": ACCOUNT,
                    "From": f"+4915199900{number:03d}",
                    "To": VOICE_NUMBER,
                }
                for path, status, kind in (
                    ("/twilio_voice", "ringing", "call.arrived"),
                    ("/twilio_voice/status", "completed", "customer.left"),
                ):
                    form = {**fields, "CallStatus": status}

                    async def send(path: str = path, form: dict[str, str] = form) -> bool:
                        return (await twilio.post(path, form)).status_code in (200, 204)

                    await self.insist(f"{sid}:{kind}", kind, send)

    async def chat(self, number: int) -> None:
        """One visitor on a page that reconnects: the same message again, by the same id, until it is acknowledged."""
        address = self.hub.url.replace("http", "ws", 1) + "/webhooks/webchat/socket"
        token, unsaid = "", [f"c{number}-{line}" for line in range(LINES)]
        while unsaid:
            with contextlib.suppress(*AGAIN):
                async with asyncio.timeout(20), connect(address, origin=self.sandbox.page) as socket:  # type: ignore[arg-type]
                    await socket.send(
                        json.dumps({"type": "hello", "entry": "support", **({"token": token} if token else {})})
                    )
                    while unsaid:
                        frame = json.loads(await socket.recv())
                        if frame["type"] == "welcome":
                            token = frame["token"]
                        elif frame["type"] == "error":
                            await asyncio.sleep(frame.get("retry_after_ms", 200) / 1000)
                        elif frame["type"] == "ack" and frame["id"] == unsaid[0]:
                            self.acknowledged[unsaid.pop(0)] = "message.received"
                            await asyncio.sleep(0.25)
                        elif frame["type"] not in ("state",):
                            continue
                        if unsaid and token:
                            said = {"type": "message", "id": unsaid[0], "text": f"chat {unsaid[0]}"}
                            await socket.send(json.dumps(said))
            await asyncio.sleep(0.1)

    async def mails(self, numbers: range) -> None:
        """The mail server takes them whether the hub is there or not: they must all come in, once."""
        for number in numbers:
            await self.sandbox.post(
                "/mail",
                **{
                    "from": f"customer{number % 20}@example.org",
                    "subject": f"mail {number}",
                    "text": f"mail {number}",
                },
            )
            self.acknowledged[f"mail {number}"] = "mail"


async def work_through(hub: HubProcess, agent_id: str, stop: asyncio.Event) -> None:
    """An agent who takes and wraps up whatever rings, and comes back whenever the connection breaks."""
    while not stop.is_set():
        with contextlib.suppress(*AGAIN, AssertionError, CommandRefused):
            async with hub.agent(agent_id) as desk:
                while not stop.is_set():
                    if desk.state.agent.chosen != "ready":  # new, gone, or taken to be away on a slow machine
                        await desk.command("set_state", state="ready")
                    for offer in desk.state.offers:
                        with contextlib.suppress(CommandRefused):
                            await desk.command("accept", offer_id=offer.id)
                    for work in desk.state.work:
                        with contextlib.suppress(CommandRefused):
                            await desk.command(
                                "wrap_up",
                                interaction_id=work.interaction_id,
                                disposition="solved",
                            )
                    await asyncio.sleep(0.05)
        await asyncio.sleep(0.2)


async def events(hub: HubProcess) -> list[dict[str, object]]:
    found: list[dict[str, object]] = []
    async with hub.http() as rest:
        while True:
            after = found[-1]["seq"] if found else 0
            page = (await rest.get("/api/v1/events", params={"after": str(after), "limit": "1000"})).json()["items"]
            if not page:
                return found
            found += page


def came_in(log: list[dict[str, object]]) -> Counter[str]:
    """How often each thing that the senders know came in."""
    found: Counter[str] = Counter()
    for event in log:
        source, kind, body = str(event["source_id"]), event["kind"], event["body"]
        assert isinstance(body, dict)
        if event["channel"] == "twilio_sms" and kind == "message.received":
            found[source] += 1
        elif event["channel"] == "twilio_voice" and kind in ("call.arrived", "customer.left"):
            found[f"{source.split(':')[0]}:{kind}"] += 1
        elif event["channel"] == "webchat" and kind == "message.received":
            found[str(body["text"]).removeprefix("chat ")] += 1
        elif event["channel"] == "email" and kind == "message.received":
            found[str(body["subject"])] += 1
    return found


@pytest.mark.crash
@pytest.mark.timeout(900)
async def test_nothing_acknowledged_is_lost_or_doubled_and_work_goes_on(database_url: str, tmp_path: Path) -> None:
    hub = HubProcess(
        tmp_path,
        database_url,
        config=house(policy={"offer_seconds": dict.fromkeys(("voice", "chat", "sms", "email", "other"), 3)}),
    )
    async with started(hub.url, tmp_path) as sandbox:
        hub.environment |= {
            "CONTACT_CENTER_TWILIO_ACCOUNT_SID": ACCOUNT,
            "CONTACT_CENTER_TWILIO_AUTH_TOKEN": TOKEN,
            "CONTACT_CENTER_TWILIO_REST_URL": sandbox.page,
            "CONTACT_CENTER_EMAIL_ADDRESS": "support@hub.example",
            "CONTACT_CENTER_EMAIL_IMAP_URL": f"imap://support%40hub.example:{MAIL_PASSWORD}@127.0.0.1:{sandbox.imap}",
            "CONTACT_CENTER_EMAIL_SMTP_URL": f"smtp://127.0.0.1:{sandbox.smtp}",
            "CONTACT_CENTER_EMAIL_IMPORT_EXISTING": "1",
        }
        world, stop = World(hub, sandbox), asyncio.Event()
        async with hub.running():
            agents = [asyncio.create_task(work_through(hub, agent, stop)) for agent in ("mei", "jonas")]
            senders = [
                asyncio.create_task(world.texts(range(TEXTS // 2))),
                asyncio.create_task(world.texts(range(TEXTS // 2, TEXTS))),
                asyncio.create_task(world.calls(range(CALLS))),
                asyncio.create_task(world.mails(range(MAILS))),
                *(asyncio.create_task(world.chat(number)) for number in range(CHATS)),
            ]
            whole = TEXTS + 2 * CALLS + CHATS * LINES + MAILS
            for share in (0.3, 0.6):
                while len(world.acknowledged) < whole * share:  # noqa: ASYNC110 — the ledger is a plain dict
                    await asyncio.sleep(0.01)
                hub.kill9()
                await asyncio.to_thread(hub.start)
            await asyncio.wait_for(asyncio.gather(*senders), 600)
            for _ in range(1_200):
                found = came_in(await events(hub))
                stuck = await unfinished(hub)
                if len(found) >= whole and not stuck:
                    break
                await asyncio.sleep(0.5)
            assert not stuck, f"not over: {stuck}"
            stop.set()
            await asyncio.gather(*agents)
            log = await events(hub)
            found = came_in(log)
            assert set(world.acknowledged) - set(found) == set(), "acknowledged, and lost"
            assert {key: times for key, times in found.items() if times > 1} == {}, "doubled"
            assert len(found) == whole >= 500
            keys = Counter((event["channel"], event["source_id"]) for event in log)
            assert [key for key, times in keys.items() if times > 1] == []
            accepted = Counter(
                event["interaction_id"]
                for event in log
                if event["kind"] == "offer.ended" and event["body"]["outcome"] == "accepted"  # type: ignore[index]
            )
            assert all(times == 1 for times in accepted.values()), "accepted twice"
        proof = hub.command("rebuild", "--check")
        assert proof.returncode == 0, proof.stdout + proof.stderr


async def unfinished(hub: HubProcess) -> list[tuple[str, str, str]]:
    """The interactions that are not over: none may be stuck in an offer, a queue or a hand."""
    async with hub.http() as rest:
        found = []
        for state in ("flow", "waiting", "offered", "assigned", "wrap_up"):
            items = (await rest.get("/api/v1/interactions", params={"state": state})).json()["items"]
            found += [(item["medium"], state, item["agent_id"]) for item in items]
        return found
