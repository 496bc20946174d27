"""A whole hub for a test: in the test's own event loop, or as the real command in a process of its own.

``open_test_hub`` serves the hub on a free port of loopback. Its clock stands still until the test advances it, and
its ids count up, so that a day passes in milliseconds and the same test gives the same ids. Whatever the test did,
at its end every stored record equals the fold of its events, the tables agree with each other, and every console
that is still open shows what a fresh snapshot shows.

``HubProcess`` is ``python -m contact_center serve``, to be killed and started again.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlencode

import httpx
import orjson
import uvicorn
import yaml
from pydantic import TypeAdapter
from sqlalchemy import Connection, select
from twilio.request_validator import RequestValidator
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from channels.contract import Answer, Parsed
from contact_center.bootstrap import Hub, open_hub
from contact_center.config.environment import Settings
from contact_center.config.model import Config, parse
from contact_center.domain.contact_points import email, visitor
from contact_center.domain.events import InteractionEvent, MessageReceived, Thread
from contact_center.domain.occasion import Occasion
from contact_center.domain.record import Record, record_from
from contact_center.domain.time import DAY, Moment
from contact_center.domain.views import (
    Announcement,
    DeskState,
    EventView,
    Floor,
    OfferView,
    WorkChanged,
    WorkView,
    apply,
)
from contact_center.offline import configure
from contact_center.reconciling.reconciler import Reconciler
from contact_center.storage import agents, desks, events, journal, logins, rebuild, schema
from contact_center.storage.effects import Due
from contact_center.web.principal import digest
from tests.channels.twilio_fake import ACCOUNT, TOKEN
from tests.servers.ports import free_port

T = TypeVar("T")

KEY = "test-key-0123456789"
T0: Moment = 1_790_000_000_000
SMS_NUMBER = "+12025550111"
VOICE_NUMBER = "+12025550100"
WITHIN_S = 120.0
"""However busy the machine is, what is waited for has happened by then."""
STARTS_WITHIN_S = 240.0
"""As long may a command take that is a process of its own."""
BEATS_EVERY_S = 15.0
SHORT_IDLE = httpx.Limits(keepalive_expiry=1)
"""For who talks with another process, which closes what is idle for five seconds, perhaps just as it is used."""

PLAIN = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""For clients that speak plain HTTP on loopback: else each reads the whole bundle of authorities when it is made, for
longer than a hub takes to open."""

_Dumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
_STATE = TypeAdapter(DeskState)
_BODY: TypeAdapter[Announcement] = TypeAdapter(Announcement)
_FLOOR = TypeAdapter(Floor)
_EVENT = TypeAdapter(EventView)


def house(**changes: Any) -> dict[str, Any]:
    """A configuration in the file's shape: two agents, a supervisor, three queues, every channel's door.
    ``changes`` replace its parts. Nobody has a password: tests act by API key, which costs no hashing."""
    return {
        "time_zone": "Europe/Berlin",
        "queues": [
            {"id": "support", "name": "Support"},
            {"id": "sales", "name": "Sales", "priority": 5},
            {"id": "billing", "name": "Billing", "skills": {"billing": 2}, "offer_seconds": 25},
        ],
        "entry_points": [
            {"channel": "twilio_voice", "dialled": VOICE_NUMBER, "queue": "support"},
            {"channel": "twilio_sms", "dialled": SMS_NUMBER, "queue": "support"},
            {"channel": "email", "dialled": "support@hub.example", "queue": "support"},
            {"channel": "webchat", "dialled": "support", "queue": "support", "priority": 2},
        ],
        "agents": [
            {
                "id": "mei",
                "name": "Mei Lin 林美",
                "public_name": "Mei",
                "email": "mei@hub.example",
                "queues": ["support", "sales", "billing"],
                "skills": {"billing": 3, "chinese": 5},
            },
            {
                "id": "jonas",
                "name": "Jonas Okoye",
                "email": "jonas@hub.example",
                "queues": ["support", "billing"],
                "skills": {"billing": 4},
            },
            {"id": "sana", "name": "Sana Haddad", "email": "sana@hub.example", "role": "supervisor"},
        ],
        "dispositions": [{"id": "solved", "name": "Solved"}, {"id": "waiting", "name": "Waiting"}],
        "reasons": [{"id": "break", "name": "Break"}],
        "channels": {"webchat": {"entries": {"support": {"origins": ["*"], "greeting": {"en": "Hello!"}}}}},
        **changes,
    }


class Clock:
    """Stands still until it is advanced. Its ids sort by time, and none is given twice, over restarts too."""

    def __init__(self, now: Moment = T0) -> None:
        self.now = now
        self._given = 0

    def occasion(self) -> Occasion:
        return Occasion(self.now, self.new_id)

    def new_id(self) -> str:
        self._given += 1
        return f"id{self._given:08d}"


class CommandRefused(Exception):
    """A command's answer that says no."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


async def until(condition: Callable[[], Any], what: str = "it") -> None:
    """Waits until ``condition`` (cheap, without effects) holds."""
    deadline = time.monotonic() + WITHIN_S
    while not condition():
        assert time.monotonic() < deadline, f"waited {WITHIN_S} s for {what}"
        await asyncio.sleep(0.002)


# --- an agent's console -----------------------------------------------------------------------------------------


class Console:
    """An agent's console over the real websocket. ``desk`` is what it shows: the last snapshot with every
    announcement since applied by the product's own reducer, which raises where a number is missing. ``frames`` is
    everything that came, ``lines`` the conversation events among it."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.desk: DeskState | None = None
        self.floor: Floor | None = None
        self.frames: list[dict[str, Any]] = []
        self.lines: list[EventView] = []
        self.announced: list[tuple[int, Announcement]] = []
        self.applied: list[tuple[DeskState, int, Announcement, DeskState]] = []
        self.closed: int | None = None
        self.fault: BaseException | None = None
        self._echoes: list[asyncio.Future[None]] = []
        self._news = asyncio.Event()
        self._reader = asyncio.create_task(self._read())
        self._beating = asyncio.create_task(self._beat())

    @property
    def state(self) -> DeskState:
        assert self.desk is not None, "no snapshot was asked for"
        return self.desk

    async def _read(self) -> None:
        try:
            async for message in self.connection:
                self._take(orjson.loads(message))
                self._ring()
                await asyncio.sleep(0)  # whoever waits sees the desk after each frame, however many came at once
        except ConnectionClosed:
            pass
        except Exception as error:  # told to whoever waits
            self.fault = error
        self.closed = self.connection.close_code
        self._beating.cancel()
        while self._echoes:
            self._echo()
        self._ring()

    async def _beat(self) -> None:
        """The hub lets go who is silent for longer, and a test that is busy elsewhere may take as long."""
        with contextlib.suppress(ConnectionClosed):
            while True:
                await asyncio.sleep(BEATS_EVERY_S)
                await self.say(type="pong")

    def _ring(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    def _echo(self) -> None:
        if not (echo := self._echoes.pop(0)).done():
            echo.set_result(None)

    def _take(self, frame: dict[str, Any]) -> None:
        if frame["type"] == "pong" and self._echoes:
            self._echo()
            return
        self.frames.append(frame)
        match frame["type"]:
            case "snapshot":
                self.desk = _STATE.validate_python(frame["state"])
            case "announce":
                body = _BODY.validate_python(frame["body"])
                seq = int(frame["seq"])
                self.announced.append((seq, body))
                if isinstance(body, WorkChanged) and body.event is not None:
                    self.lines.append(body.event)
                if self.desk is not None:
                    before = self.desk
                    self.desk = apply(before, seq, body)
                    self.applied.append((before, seq, body, self.desk))
            case "floor":
                self.floor = _FLOOR.validate_python(frame["floor"])

    async def until(self, condition: Callable[[], T], what: str = "it") -> T:
        """Waits until ``condition`` is true of this console; gives what it gave. What was committed together has
        come together then: the desk is one that the hub had, not half of a change."""
        found = await self._until(condition, what)
        await self._whole()
        return condition() or found

    async def _whole(self) -> None:
        """All that was announced with what is here already: the hub queues it in one go, and its pong after it."""
        with contextlib.suppress(ConnectionClosed):
            echo: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._echoes.append(echo)
            await self.say(type="ping")
            await echo

    async def _until(self, condition: Callable[[], T], what: str) -> T:
        """As :meth:`until`, with the frame after which it is true."""
        try:
            async with asyncio.timeout(WITHIN_S):
                while True:
                    news = self._news
                    found = condition()
                    if found:
                        return found
                    if self.fault is not None:
                        raise self.fault
                    assert self.closed is None, f"the socket closed with {self.closed} while waiting for {what}"
                    await news.wait()
        except TimeoutError:
            raise AssertionError(f"waited {WITHIN_S} s for {what}; the desk is {self.desk}") from None

    async def say(self, **frame: Any) -> None:
        await self.connection.send(json.dumps(frame))

    async def hello(self) -> dict[str, Any]:
        return await self.frame("hello")

    async def frame(self, kind: str, after: int = 0) -> dict[str, Any]:
        """The first frame of a type among ``frames[after:]``."""
        return await self._until(
            lambda: next((f for f in self.frames[after:] if f["type"] == kind), None),  # type: ignore[arg-type, return-value]
            f"a frame {kind}",
        )

    async def snapshot(self) -> DeskState:
        """Asks for a fresh snapshot and waits for it."""
        seen = len(self.frames)
        await self.say(type="snapshot")
        await self.frame("snapshot", seen)
        return self.state

    async def command(self, name: str, command_id: str = "", /, **args: Any) -> Any:
        """Does a command and gives its value. Raises :class:`CommandRefused`."""
        command_id = command_id or uuid.uuid4().hex
        seen = len(self.frames)
        await self.say(type="command", id=command_id, name=name, args=args)
        result = await self._until(
            lambda: next(
                (f for f in self.frames[seen:] if f["type"] == "result" and f["id"] == command_id),
                None,
            ),
            f"the result of {name}",
        )
        assert result is not None
        if result["ok"]:
            return result["value"]
        raise CommandRefused(result["error"]["code"], result["error"]["message"])

    # --- what people do ------------------------------------------------------------------------------------------

    async def ready(self) -> None:
        await self.command("set_state", state="ready")

    async def offer(self, interaction_id: str = "") -> OfferView:
        """The offer that rings here (for that interaction), once it does."""

        def rings() -> OfferView | None:
            offers = self.state.offers
            return next((o for o in offers if interaction_id in ("", o.interaction_id)), None)

        offer = await self.until(rings, "an offer")
        assert offer is not None
        return offer

    async def accept(self, interaction_id: str = "") -> WorkView:
        """Accepts what rings here, once it does; the work that it became."""
        offer = await self.offer(interaction_id)
        await self.command("accept", offer_id=offer.id)
        return await self.work(offer.interaction_id)

    async def work(self, interaction_id: str, is_so: Callable[[WorkView], Any] = lambda _: True) -> WorkView:
        """The interaction on this desk, once it is there and ``is_so``."""

        def there() -> WorkView | None:
            return next((w for w in self.state.work if w.interaction_id == interaction_id and is_so(w)), None)

        work = await self.until(there, f"work {interaction_id}")
        assert work is not None
        return work

    async def gone(self, interaction_id: str) -> None:
        """Waits until the interaction is neither offered here nor in hand."""

        def is_gone() -> bool:
            return all(each.interaction_id != interaction_id for each in (*self.state.offers, *self.state.work))

        await self.until(is_gone, f"{interaction_id} to leave")
        while not is_gone():  # it was being taken: no longer an offer, and not yet work
            await self.until(is_gone, f"{interaction_id} to leave")

    async def line(self, kind: str, is_so: Callable[[EventView], Any] = lambda _: True) -> EventView:
        """The first conversation event of a kind that was pushed here (and ``is_so``)."""
        found = await self.until(
            lambda: next((e for e in self.lines if e.kind == kind and is_so(e)), None), f"an event {kind}"
        )
        assert found is not None
        return found

    # --- going away ----------------------------------------------------------------------------------------------

    async def close(self) -> None:
        await self.connection.close()
        await self._reader

    async def cut(self) -> None:
        """The network goes: no closing frame, no goodbye."""
        self.connection.transport.abort()
        await self._reader

    async def ended(self) -> int:
        """Waits until the hub closes the socket; the code."""
        await asyncio.wait_for(asyncio.shield(self._reader), WITHIN_S)
        assert self.closed is not None
        return self.closed


@asynccontextmanager
async def console(url: str, headers: Mapping[str, str], snapshot: bool = True) -> AsyncIterator[Console]:
    """A console at ``ws://…/agent``, with its first snapshot unless ``snapshot`` is False."""
    async with connect(
        url,
        additional_headers=dict(headers),
        open_timeout=WITHIN_S,
        ping_interval=None,
        compression=None,
        proxy=None,
        max_size=None,
    ) as connection:
        desk = Console(connection)
        try:
            if snapshot:
                await desk.snapshot()
            yield desk
        finally:
            await desk.close()


# --- the outside world ------------------------------------------------------------------------------------------


def client(url: str, headers: Mapping[str, str] | None = None) -> httpx.AsyncClient:
    """For plain HTTP to ``url``, whatever proxies the environment names."""
    return httpx.AsyncClient(base_url=url, headers=headers, timeout=WITHIN_S, verify=PLAIN, trust_env=False)


class Twilio:
    """Posts webhooks as Twilio does: forms, signed with the account's token."""

    def __init__(self, http: httpx.AsyncClient, public_url: str, token: str = TOKEN) -> None:
        self._http = http
        self._public_url = public_url
        self._validator = RequestValidator(token)

    def sid(self, prefix: str) -> str:
        """A new one of Twilio's ids."""
        return prefix + uuid.uuid4().hex

    async def post(self, path: str, fields: Mapping[str, str], *, signed: bool = True) -> httpx.Response:
        """``path`` is below ``/webhooks``, with its query: ``/twilio_voice/input?position=…``."""
        url = f"{self._public_url}/webhooks{path}"
        proof = self._validator.compute_signature(url, dict(fields)) if signed else "bm90IGEgc2lnbmF0dXJl"
        return await self._http.post(
            f"/webhooks{path}",
            content=urlencode(fields).encode(),
            headers={"content-type": "application/x-www-form-urlencoded", "x-twilio-signature": proof},
        )

    async def sms(self, sender: str, text: str, *, to: str = SMS_NUMBER, sid: str = "") -> str:
        """A customer's text; its MessageSid."""
        sid = sid or self.sid("SM")
        fields = {"MessageSid": sid, "AccountSid": ACCOUNT, "From": sender, "To": to, "Body": text, "NumMedia": "0"}
        answer = await self.post("/twilio_sms", fields)
        assert answer.status_code == 200, answer.text
        return sid

    async def sms_status(self, sid: str, status: str, error: str = "0") -> httpx.Response:
        fields = {"MessageSid": sid, "MessageStatus": status, "ErrorCode": error, "AccountSid": ACCOUNT}
        return await self.post("/twilio_sms/status", {**fields, "From": SMS_NUMBER, "To": "+4915112345678"})

    def call(self, sender: str, *, to: str = VOICE_NUMBER) -> Caller:
        return Caller(self, self.sid("CA"), sender, to)

    def called(self, interaction_id: str, number: str, sid: str = "") -> Called:
        """A call of ours, whose customer's leg is ``sid`` once it is known."""
        return Called(self, interaction_id, number, sid)


class Caller:
    """One customer's telephone call, as Twilio tells of it."""

    def __init__(self, twilio: Twilio, sid: str, number: str, to: str) -> None:
        self._twilio = twilio
        self.sid = sid
        self.number = number
        self.to = to
        self.seq = 0
        self.room_sid = twilio.sid("CF")

    async def _post(self, path: str, status: str = "in-progress", **fields: str) -> str:
        form = {"CallSid": self.sid, "AccountSid": ACCOUNT, "From": self.number, "To": self.to}
        answer = await self._twilio.post(f"/twilio_voice{path}", {**form, "CallStatus": status, **fields})
        assert answer.is_success, answer.text
        return answer.text

    async def arrive(self) -> str:
        """The call comes in; the TwiML that answers it."""
        return await self._post("", "ringing")

    async def press(self, position: str, digits: str, *, secret: bool = False) -> str:
        about = {"position": position, **({"secret": "1"} if secret else {})}
        return await self._post("/input?" + urlencode(about), Digits=digits)

    async def post(self, path: str, position: str, **fields: str) -> str:
        """What the step at ``position`` came to, at another address than keys do."""
        return await self._post(f"{path}?" + urlencode({"position": position}), **fields)

    async def hang_up(self) -> None:
        await self._post("/status", "completed")

    async def completed(self) -> None:
        await self._post("/status", "completed")

    async def agent_answers(self, interaction_id: str, offer_id: str, leg: str = "") -> str:
        return await self._leg("/agent", interaction_id, offer_id, leg, CallStatus="in-progress")

    async def agent_leg(self, interaction_id: str, offer_id: str, status: str, leg: str = "") -> str:
        return await self._leg("/agent-status", interaction_id, offer_id, leg, CallStatus=status)

    async def party_answers(self, interaction_id: str, party_id: str, leg: str = "") -> str:
        """Somebody who was brought in picks up; what they hear."""
        return await self._party("/agent", interaction_id, party_id, leg, "in-progress")

    async def party_leg(self, interaction_id: str, party_id: str, status: str, leg: str = "") -> str:
        return await self._party("/agent-status", interaction_id, party_id, leg, status)

    async def _party(self, path: str, interaction_id: str, party_id: str, leg: str, status: str) -> str:
        about = {"party": party_id, "room": f"call-{interaction_id}", "mode": "talk", **self.about}
        form = {"CallSid": leg or self._twilio.sid("CA"), "AccountSid": ACCOUNT, "CallStatus": status}
        return await self._about(path, about, form)

    async def room(self, happened: str, label: str, leg: str = "", **more: str) -> str:
        """Somebody (``customer``, ``agent-…``, ``party-…``) came into the room or left it."""
        self.seq += 1
        form = {
            "ConferenceSid": self.room_sid,
            "CallSid": leg or self.sid,
            "ParticipantLabel": label,
            "StatusCallbackEvent": happened,
            "SequenceNumber": str(self.seq),
        }
        return await self._about("/conference", self.about, {**form, **more})

    async def recording(self, recording_id: str, status: str, purpose: str = "call", **more: str) -> str:
        form = {"CallSid": self.sid, "RecordingSid": recording_id, "RecordingStatus": status, **more}
        return await self._about("/recording", {"purpose": purpose, **self.about}, form)

    async def says(self, words: str, at: Moment, track: str = "inbound_track") -> str:
        """A line of the live transcript, heard at ``at``."""
        self.seq += 1
        form = {
            "TranscriptionSid": "GT" + "0" * 32,
            "SequenceId": str(self.seq),
            "TranscriptionEvent": "transcription-content",
            "TranscriptionData": json.dumps({"transcript": words, "confidence": 0.9}),
            "Track": track,
            "Final": "true",
            "Timestamp": datetime.fromtimestamp(at / 1_000, UTC).isoformat(),
        }
        return await self._about("/transcript", {"call": self.sid}, form)

    async def _about(self, path: str, about: Mapping[str, str], fields: Mapping[str, str]) -> str:
        form = {"AccountSid": ACCOUNT, "CallSid": self.sid, **fields}
        answer = await self._twilio.post(f"/twilio_voice{path}?{urlencode(about)}", form)
        assert answer.is_success, answer.text
        return answer.text

    @property
    def about(self) -> dict[str, str]:
        return {"call": self.sid}

    async def _leg(self, path: str, interaction_id: str, offer_id: str, leg: str, **fields: str) -> str:
        about = urlencode({"offer": offer_id, "room": f"call-{interaction_id}", "call": self.sid})
        form = {"CallSid": leg or self._twilio.sid("CA"), "AccountSid": ACCOUNT, "From": self.to, "To": "client:mei"}
        answer = await self._twilio.post(f"/twilio_voice{path}?{about}", {**form, **fields})
        assert answer.is_success, answer.text
        return answer.text


class Called(Caller):
    """A customer whom we ring: the address names the interaction. ``sid`` is the leg that the carrier gave us."""

    def __init__(self, twilio: Twilio, interaction_id: str, number: str, sid: str = "") -> None:
        super().__init__(twilio, sid, number, VOICE_NUMBER)
        self.interaction_id = interaction_id
        self.offer_id = self.leg = ""

    @property
    def about(self) -> dict[str, str]:
        return {"interaction": self.interaction_id}

    async def agent_answers(self, interaction_id: str, offer_id: str, leg: str = "") -> str:
        return await self._rung("/agent", offer_id, leg, "in-progress")

    async def agent_leg(self, interaction_id: str, offer_id: str, status: str, leg: str = "") -> str:
        return await self._rung("/agent-status", offer_id, leg, status)

    async def _rung(self, path: str, offer_id: str, leg: str, status: str) -> str:
        about = {"offer": offer_id, "room": f"call-{self.interaction_id}", **self.about}
        return await self._about(path, about, {"CallSid": leg, "CallStatus": status})

    async def answers(self) -> str:
        """The customer picks up; what they hear."""
        return await self._ours("/customer", "in-progress")

    async def status(self, word: str) -> str:
        return await self._ours("/status", word)

    async def left(self) -> str:
        """They hung up in the room: the document that brought them there has come to its end."""
        return await self._ours("/left", "completed", {"room": f"call-{self.interaction_id}"})

    async def _ours(self, path: str, word: str, about: Mapping[str, str] | None = None) -> str:
        form = {"CallStatus": word, "Direction": "outbound-api", "From": self.to, "To": self.number}
        return await self._about(path, about or self.about, form)


# --- the hub ----------------------------------------------------------------------------------------------------


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.up.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self.config.app.state.drain()  # type: ignore[union-attr]  # as the real command does
        await asyncio.sleep(0)
        await super().shutdown(sockets)


@dataclass
class TestHub:
    """A running hub. ``http`` carries the admin's API key; ``anonymous`` nothing."""

    __test__ = False

    hub: Hub
    url: str
    clock: Clock
    http: httpx.AsyncClient
    anonymous: httpx.AsyncClient
    twilio: Twilio
    consoles: list[Console] = field(default_factory=list)

    @property
    def runtime(self) -> Any:
        return self.hub.runtime

    # --- time and truth ------------------------------------------------------------------------------------------

    def advance(self, ms: int) -> None:
        """Lets ``ms`` pass, and whoever sleeps until some moment look at the clock again."""
        self.clock.now += ms
        self.runtime.dispatcher.due(Due("deadline", self.clock.now))
        self.runtime.postman.due(Due("outbox", self.clock.now))
        self.runtime.dispatcher.doubt()

    async def read(self, query: Callable[..., T], *args: Any) -> T:
        found: T = await self.runtime.executor.read(query, *args)
        return found

    async def write(self, unit: Callable[..., T], *args: Any) -> T:
        done: T = await self.runtime.executor.write(unit, *args)
        return done

    async def record(self, interaction_id: str) -> Record:
        loaded = await self.read(journal.look, interaction_id)
        assert loaded is not None
        return loaded.record

    async def log(self, interaction_id: str = "") -> list[InteractionEvent]:
        """The events of an interaction, or all of them, oldest first."""
        if interaction_id:
            return await self.read(lambda conn: list(events.of_interaction(conn, interaction_id)))
        return await self.read(
            lambda conn: [event for each in ids(conn) for event in events.of_interaction(conn, each)]
        )

    async def rows(self, table: str) -> list[dict[str, Any]]:
        found = schema.metadata.tables[table]
        return await self.read(lambda conn: [dict(row) for row in conn.execute(select(found)).mappings()])

    async def interactions(self) -> list[str]:
        return await self.read(ids)

    async def only_interaction(self) -> str:
        (found,) = await self.interactions()
        return found

    async def get(self, path: str, **query: Any) -> Any:
        """A REST read as admin: its JSON."""
        answer = await self.http.get(f"/api/v1/{path}", params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def eventually(self, look: Callable[[], Any], what: str = "it") -> Any:
        """Asks again (an async function that only reads) until the answer is true."""
        deadline = time.monotonic() + WITHIN_S
        while not (found := await look()):
            assert time.monotonic() < deadline, f"waited {WITHIN_S} s for {what}"
            await asyncio.sleep(0.005)
        return found

    # --- what comes in beside webhooks ---------------------------------------------------------------------------

    async def take_in(self, *happened: InteractionEvent, raw: bytes = b"") -> list[Answer]:
        """Events through their channel's door, as a channel that fetches by itself gives them."""
        return list(await self.runtime.doors[happened[0].channel].take_in(Parsed(happened, raw=raw)))

    async def letter(self, sender: str, text: str, **more: Any) -> Answer:
        (answer,) = await self.take_in(letter(sender, text, self.clock.now, **more))
        return answer

    async def chat(self, handle: str, text: str, **more: Any) -> Answer:
        (answer,) = await self.take_in(chat(handle, text, self.clock.now, **more))
        return answer

    # --- consoles ------------------------------------------------------------------------------------------------

    async def cookie_of(self, login_id: str) -> str:
        """A session of somebody's, without the trouble of signing in."""
        token = f"token-of-{login_id}"
        begin = logins.begin_session
        await self.write(begin, digest(token), login_id, self.clock.now, self.clock.now + 7 * DAY)
        return token

    @asynccontextmanager
    async def signed_in(self, login_id: str) -> AsyncIterator[Console]:
        """A console by session, hence with the person's own role: the API key's is admin."""
        async with self.agent("", cookie=await self.cookie_of(login_id)) as opened:
            yield opened

    def agent(
        self, agent_id: str, *, cookie: str = "", snapshot: bool = True
    ) -> AbstractAsyncContextManager[Console]:
        """A console of the agent's, by API key, or by a session's ``cookie``. ``agent_id`` may be empty."""
        headers = {"Cookie": f"cch_session={cookie}"} if cookie else {"Authorization": f"Bearer {KEY}"}
        query = "" if cookie or not agent_id else f"?agent={agent_id}"
        return self._console(f"{self.url.replace('http', 'ws', 1)}/agent{query}", headers, snapshot)

    @asynccontextmanager
    async def _console(self, url: str, headers: Mapping[str, str], snapshot: bool) -> AsyncIterator[Console]:
        async with console(url, headers, snapshot) as opened:
            self.consoles.append(opened)
            try:
                yield opened
                await self.settled(opened)
            finally:
                self.consoles.remove(opened)

    @asynccontextmanager
    async def at_work(self, *agent_ids: str) -> AsyncIterator[tuple[Console, ...]]:
        """Consoles of these agents, all ready."""
        async with contextlib.AsyncExitStack() as stack:
            opened = []
            for agent_id in agent_ids:
                desk = await stack.enter_async_context(self.agent(agent_id))
                await desk.ready()
                opened.append(desk)
            yield tuple(opened)

    async def settled(self, opened: Console) -> None:
        """Proves that the console shows what a fresh snapshot would, once it has everything. Whether somebody in
        another's call is free is worked out in a transaction that follows: until it has ended nothing is compared."""
        if opened.desk is None or opened.closed is not None:
            return
        agent_id = opened.desk.agent.id
        claims = self.runtime.dispatcher._claims
        for _ in range(50):
            under_way = set(claims)
            fresh = await self.read(desks.desk, agent_id)
            if fresh is None:  # the agent was removed
                return
            await opened.until(lambda fresh=fresh: opened.state.seq >= fresh.seq, f"announcement {fresh.seq}")
            if under_way | claims:
                await asyncio.wait(under_way | claims, timeout=WITHIN_S)
            elif opened.state.seq == fresh.seq:
                assert opened.state == fresh, "the console shows something else than a fresh snapshot"
                return
        raise AssertionError("the desk never came to rest")


def letter(
    sender: str,
    text: str,
    now: Moment = T0,
    *,
    source_id: str = "",
    subject: str = "A letter",
    ours: tuple[str, ...] = (),
    references: tuple[str, ...] = (),
    unverified: str = "",
    name: str = "",
) -> InteractionEvent:
    """An e-mail as its channel tells of it. ``ours`` are the interactions that proven tokens named."""
    return InteractionEvent(
        body=MessageReceived(text, subject, unverified=unverified),
        channel="email",
        source_id=source_id or f"{sender}/{text}",
        medium="email",
        direction="inbound",
        occurred_at=now,
        received_at=now,
        sender=email(sender),
        sender_name=name,
        dialled=email("support@hub.example"),
        thread=Thread("", ours, references),
    )


def chat(handle: str, text: str, now: Moment = T0, *, source_id: str = "", thread: str = "") -> InteractionEvent:
    """A line of a web chat."""
    return InteractionEvent(
        body=MessageReceived(text),
        channel="webchat",
        source_id=source_id or f"{handle}/{text}",
        medium="chat",
        direction="inbound",
        occurred_at=now,
        received_at=now,
        sender=visitor(handle),
        dialled=visitor("support"),
        thread=Thread(thread or handle),
    )


def ids(conn: Connection) -> list[str]:
    return rebuild.interaction_ids(conn)


async def assert_rebuilt(read: Callable[..., Any]) -> None:
    """Every stored record is the fold of its events."""
    for interaction_id in await read(rebuild.interaction_ids):
        differing = await read(rebuild.compare, interaction_id)
        assert differing == [], f"{interaction_id} differs from its fold in {differing}"


def disagreements(conn: Connection) -> list[str]:
    """What the tables say against each other. Nothing, at any moment."""
    wrong: list[str] = []
    held: dict[str, dict[str, int]] = {}
    calls = schema.interactions.c
    pending: dict[str, dict[str, Any]] = {}
    for row in conn.execute(select(schema.offers).where(schema.offers.c.state == "pending")):
        pending.setdefault(row.interaction_id, {})[row.id] = row
    ringing = {d.ref for d in conn.execute(select(schema.deadlines).where(schema.deadlines.c.kind == "offer"))}
    for row in conn.execute(select(schema.interactions).where(calls.state != "ended")):
        offers = pending.pop(row.id, {})
        if (row.state == "offered") != bool(offers):
            wrong.append(f"{row.id} is {row.state} with the offers {sorted(offers)}")
        record = record_from(row.record)
        if offers and {each.id: each.agent_id for each in offers.values()} != record.ringing:
            wrong.append(f"{row.id} rings at {record.ringing} and its offers are {sorted(offers)}")
        if offers and len({each.decision_id for each in offers.values()}) != 1:
            wrong.append(f"{row.id} rings by several decisions at once")
        wrong += [f"the offer {each} has no deadline" for each in offers if each not in ringing]
        if (row.state in agents.HELD) != bool(row.agent_id):
            wrong.append(f"{row.id} is {row.state} and held by {row.agent_id!r}")
        if row.agent_id:
            load = held.setdefault(row.agent_id, {})
            load[row.medium] = load.get(row.medium, 0) + 1
    wrong += [f"the offers {sorted(o)} are pending for {i}, which is over" for i, o in pending.items()]
    for agent in agents.every(conn):
        load = agents.load(conn, agent.id)
        state = agents.state_now(conn, agent, load)
        if state != agent.state:
            wrong.append(f"{agent.id} is stored as {agent.state} and is {state}")
    return wrong


@asynccontextmanager
async def open_test_hub(
    database_url: str,
    folder: Path,
    *,
    clock: Clock | None = None,
    config: Mapping[str, Any] | Config | None = None,
    environment: Mapping[str, str] | None = None,
    checked: bool = True,
    patience_s: float = WITHIN_S,
    **settings: Any,
) -> AsyncIterator[TestHub]:
    """A hub on the database, served on loopback until the block ends. The configuration is applied first
    (:func:`house` by default). ``environment`` is added to what channels are opened with; by default Twilio is
    configured, and answers to nobody. ``patience_s`` is how long a webhook waits for the database: on a machine that
    is busy it may be slow, and is not away. Opening another one on the same database is a restart."""
    clock = clock or Clock()
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    written = config if isinstance(config, Config) else parse(dict(config or house()))
    file = folder / "hub.yaml"
    plain = written.model_dump(mode="json", exclude_unset=True)
    file.write_text(yaml.dump(plain, Dumper=_Dumper, allow_unicode=True))
    given = Settings(
        data_dir=folder,
        database_url=database_url,
        public_url=settings.pop("public_url", url),
        bootstrap_api_key=KEY,
        config=file,
        **settings,
    )
    outside = {
        "twilio_account_sid": ACCOUNT,
        "twilio_auth_token": TOKEN,
        "twilio_rest_url": f"http://127.0.0.1:{free_port()}",
        **(environment or {}),
    }
    # Both run an event loop of their own, and this thread has one already.
    await asyncio.to_thread(configure, database_url, written)
    hub = await asyncio.to_thread(open_hub, given, make_occasion=clock.occasion, environment=outside)
    hub.runtime.patience_s = patience_s
    # The provider is asked when a test says so: it must not see requests that the test did not cause.
    hub.reconciler = Reconciler(hub.runtime.executor, {}, clock.occasion)
    server = _Server(
        uvicorn.Config(
            hub.app,
            ws="websockets-sansio",
            ws_per_message_deflate=False,
            ws_ping_interval=None,
            ws_max_size=1_310_720,
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=2,
            timeout_keep_alive=3_600,  # or it closes a connection at the moment in which a test uses it again
        )
    )
    serving = asyncio.create_task(server.serve([listening]))
    up = asyncio.create_task(server.up.wait())
    await asyncio.wait((serving, up), return_when=asyncio.FIRST_COMPLETED)
    up.cancel()
    assert server.started, "the hub did not start"
    try:
        async with (
            client(url, headers={"Authorization": f"Bearer {KEY}"}) as http,
            client(url) as anonymous,
        ):
            test = TestHub(hub, url, clock, http, anonymous, Twilio(anonymous, given.public_url))
            yield test
            if checked:
                await assert_rebuilt(test.read)
                assert await test.read(disagreements) == []
    finally:
        server.should_exit = True
        await serving
        listening.close()


# --- the real command -------------------------------------------------------------------------------------------


class HubProcess:
    """``python -m contact_center serve`` in a process of its own, on free ports.

    ``start`` returns when the hub is ready. ``kill9`` is a crash; ``stop`` goes down in order. Starting again uses
    the same ports, folder and database. ``environment`` is added to the hub's; with ``sandbox`` the outside world
    comes with it, at ``page`` (HTTP), ``smtp_port`` and ``imap_port``."""

    def __init__(
        self,
        folder: Path,
        database_url: str = "",
        *,
        sandbox: bool = False,
        config: Mapping[str, Any] | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder
        self.port, self.sandbox_port, self.smtp_port, self.imap_port = (free_port() for _ in range(4))
        self.url = f"http://127.0.0.1:{self.port}"
        self.page = f"http://127.0.0.1:{self.sandbox_port}"
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("CONTACT_CENTER_")},
            "CONTACT_CENTER_DATA_DIR": str(folder / "data"),
            "CONTACT_CENTER_DATABASE_URL": database_url,
            "CONTACT_CENTER_PORT": str(self.port),
            "CONTACT_CENTER_BOOTSTRAP_API_KEY": KEY,
            "CONTACT_CENTER_SANDBOX": "on" if sandbox else "off",
            "CONTACT_CENTER_SANDBOX_PORT": str(self.sandbox_port),
            "CONTACT_CENTER_SANDBOX_SMTP_PORT": str(self.smtp_port),
            "CONTACT_CENTER_SANDBOX_IMAP_PORT": str(self.imap_port),
            **(environment or {}),
        }
        if config is not None:
            file = folder / "process.yaml"
            file.write_text(yaml.safe_dump(dict(config), allow_unicode=True))
            self.environment["CONTACT_CENTER_CONFIG"] = str(file)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> str:
        path = self.folder / "hub.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def start(self) -> None:
        """Returns once the hub is ready. Raises with its log where it does not become so."""
        with (self.folder / "hub.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "contact_center", "serve"],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=Path(__file__).parents[1],
            )
        deadline = time.monotonic() + 2 * WITHIN_S
        while not self.ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                log_text = self.log
                self.kill9()
                raise RuntimeError("The hub did not become ready:\n" + log_text)
            time.sleep(0.02)

    def ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/ready", timeout=10, verify=PLAIN).status_code == 200
        except httpx.TransportError:
            return False

    def kill9(self) -> None:
        """At once and without a word, as by a power cut."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(WITHIN_S)
            self._process = None

    def stop(self) -> int:
        """In order; the exit code."""
        if self._process is None:
            return 0
        self._process.send_signal(signal.SIGTERM)
        code = self._process.wait(WITHIN_S)
        self._process = None
        return code

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Another command of the hub's on the same database and folder: ``command("rebuild", "--check")``."""
        return subprocess.run(
            [sys.executable, "-m", "contact_center", *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=2 * WITHIN_S,
            cwd=Path(__file__).parents[1],
            check=False,
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[HubProcess]:
        """Started, and stopped at the end whatever happened."""
        await asyncio.to_thread(self.start)
        try:
            yield self
        finally:
            await asyncio.to_thread(self.kill9)

    def http(self) -> httpx.AsyncClient:
        """A REST client with the admin's API key."""
        return client(self.url, headers={"Authorization": f"Bearer {KEY}"})

    def agent(
        self, agent_id: str, *, cookie: str = "", snapshot: bool = True
    ) -> AbstractAsyncContextManager[Console]:
        headers = {"Cookie": f"cch_session={cookie}"} if cookie else {"Authorization": f"Bearer {KEY}"}
        query = "" if cookie or not agent_id else f"?agent={agent_id}"
        return console(f"{self.url.replace('http', 'ws', 1)}/agent{query}", headers, snapshot)

    async def sign_in(self, email: str, password: str) -> str:
        """The session's cookie."""
        async with client(self.url) as http:
            answer = await http.post("/api/v1/session", json={"email": email, "password": password})
            assert answer.status_code == 200, answer.text
            return str(answer.cookies["cch_session"])
