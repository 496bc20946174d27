"""The bare floor: a signed webhook, one durable row, one frame on one agent's socket, and nothing else.

``python -m benchmarks.floor PORT DATABASE`` serves ``POST /webhooks/twilio_sms`` (signature checked, form
parsed, one row stored by a group-committing writer thread with ``synchronous=FULL`` before the answer), the same
for what a caller keyed in (``POST /webhooks/twilio_voice/input``, with the address' query signed), and ``/agent`` (a
bearer key, then frames). A message from ``+1555xxxxxxx`` is pushed, after its commit, to the
agent with the number that its last digits say, if that agent is connected.
"""

from __future__ import annotations

import asyncio
import base64
import hmac
import queue
import sqlite3
import sys
import threading
import time
import uuid
from collections.abc import Awaitable, Callable
from urllib.parse import parse_qsl

import orjson
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from benchmarks.world import API_KEY, AUTH_TOKEN, SMS_PATH, VOICE_PATH, public_url

LARGEST_GROUP = 512
MENU = (
    b'<?xml version="1.0" encoding="UTF-8"?><Response><Gather input="dtmf speech" method="POST" numDigits="1">'
    b'<Say voice="Polly.Joanna" language="en-US">For sales, press 1. For support, press 2.</Say></Gather></Response>'
)
"""What a caller is told, whatever they keyed in."""

Waiting = tuple[tuple[str, int, bytes], asyncio.Future[None]]


class Writer:
    """The only writing connection, in a thread of its own: whatever has queued up becomes one transaction."""

    def __init__(self, path: str, loop: asyncio.AbstractEventLoop) -> None:
        self.path = path
        self.loop = loop
        self.waiting: queue.SimpleQueue[Waiting] = queue.SimpleQueue()
        threading.Thread(target=self.write, daemon=True).start()

    def store(self, row: tuple[str, int, bytes]) -> asyncio.Future[None]:
        """Done when the row is durable."""
        stored: asyncio.Future[None] = self.loop.create_future()
        self.waiting.put((row, stored))
        return stored

    def write(self) -> None:
        database = sqlite3.connect(self.path, isolation_level=None)
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("PRAGMA synchronous=FULL")
        database.execute("CREATE TABLE events (id TEXT PRIMARY KEY, at INTEGER, body BLOB) WITHOUT ROWID")
        while True:
            group = [self.waiting.get()]
            while len(group) < LARGEST_GROUP and not self.waiting.empty():
                group.append(self.waiting.get())
            database.execute("BEGIN IMMEDIATE")
            database.executemany("INSERT OR IGNORE INTO events VALUES (?, ?, ?)", [row for row, _ in group])
            database.execute("COMMIT")
            self.loop.call_soon_threadsafe(self.acknowledge, [stored for _, stored in group])

    @staticmethod
    def acknowledge(group: list[asyncio.Future[None]]) -> None:
        for stored in group:
            if not stored.done():
                stored.set_result(None)


def signed(url: str, form: list[tuple[str, str]], signature: str) -> bool:
    said = url + "".join(name + value for name, value in sorted(form))
    digest = hmac.digest(AUTH_TOKEN.encode(), said.encode(), "sha1")
    return hmac.compare_digest(base64.b64encode(digest).decode(), signature)


def application(port: int, database: str) -> Starlette:
    agents: dict[int, WebSocket] = {}
    url = public_url(port) + SMS_PATH
    input_path = VOICE_PATH + "/input"
    writers: list[Writer] = []

    async def store(source_id: str, now: int, fields: dict[str, str]) -> None:
        if not writers:
            writers.append(Writer(database, asyncio.get_running_loop()))
        await writers[0].store((source_id, now, orjson.dumps({"id": str(uuid.uuid4()), **fields})))

    async def keyed_in(request: Request) -> Response:
        form = parse_qsl((await request.body()).decode(), keep_blank_values=True)
        if not signed(
            public_url(port) + input_path + "?" + request.url.query, form, request.headers["x-twilio-signature"]
        ):
            return Response(status_code=403)
        fields = dict(form)
        source_id = fields["CallSid"] + ":input:" + request.query_params["position"]
        await store(source_id, time.time_ns() // 1_000_000, fields)
        return Response(MENU, media_type="text/xml")

    async def sms(request: Request) -> Response:
        form = parse_qsl((await request.body()).decode(), keep_blank_values=True)
        if not signed(url, form, request.headers["x-twilio-signature"]):
            return Response(status_code=403)
        fields, now = dict(form), time.time_ns() // 1_000_000
        await store(fields["MessageSid"], now, fields)
        agent = agents.get(int(fields["From"][-7:]))
        if agent is not None:
            await agent.send_text(frame(fields, now))
        return Response(b'<?xml version="1.0" encoding="UTF-8"?><Response/>', media_type="text/xml")

    async def agent(socket: WebSocket) -> None:
        if socket.headers.get("authorization") != f"Bearer {API_KEY}":
            await socket.close(4401)
            return
        number = int(socket.query_params["agent"].removeprefix("agent-"))
        await socket.accept()
        agents[number] = socket
        try:
            while True:
                await socket.receive_text()
        except WebSocketDisconnect:
            agents.pop(number, None)

    async def ready(_: Request) -> Response:
        return Response(b"{}")

    doors = [Route(SMS_PATH, sms, methods=["POST"]), Route(input_path, keyed_in, methods=["POST"])]
    return Starlette(routes=[*doors, Route("/ready", ready), WebSocketRoute("/agent", agent)])


def frame(fields: dict[str, str], now: int) -> str:
    """Some 360 bytes, as a small announcement has."""
    announcement = {
        "type": "announce",
        "seq": 1,
        "at": now,
        "body": {
            "kind": "work.changed",
            "interaction_id": "0192f0c4-7a1e-7b7b-9f6e-5d2f6a0c1b2d",
            "customer": {"name": "Maria Schneider", "point": fields["From"], "point_kind": "phone"},
            "event": {
                "id": fields["MessageSid"],
                "kind": "message.received",
                "body": {"text": fields["Body"]},
            },
        },
    }
    return orjson.dumps(announcement).decode()


def serve(app: Callable[..., Awaitable[None]] | Starlette, port: int) -> None:
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=port,
        loop="uvloop",
        http="httptools",
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        access_log=False,
        log_level="warning",
        timeout_keep_alive=75,
        timeout_graceful_shutdown=1,
        lifespan="off",
    )


if __name__ == "__main__":
    serve(application(int(sys.argv[1]), sys.argv[2]), int(sys.argv[1]))
