"""Twilio's REST interface as far as the two channels use it, on a real socket: it records what it was asked,
and answers as it is told to: well, badly, in half, or never."""

from __future__ import annotations

import asyncio
import base64
import json
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

ACCOUNT = "AC5ef872f6da5a21de157d80997a64bd33"
TOKEN = "the auth token of the account"


@dataclass(frozen=True)
class Asked:
    """One REST request: ``path`` below the account, ``form`` as it was sent, in order."""

    method: str
    path: str
    query: dict[str, str]
    form: tuple[tuple[str, str], ...]
    headers: dict[str, str]

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.form if key == name]

    def __getitem__(self, name: str) -> str:
        return dict(self.form)[name]

    def __contains__(self, name: str) -> bool:
        return any(key == name for key, _ in self.form)


@dataclass(frozen=True)
class Told:
    """An answer to give in place of the good one. ``broken``: the connection ends where the answer should come;
    ``half``: in the middle of it. ``silent``: nothing ever comes."""

    status: int = 200
    code: int | None = None
    message: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    body: str | bytes | None = None
    media_type: str = "application/json"
    broken: bool = False
    half: bool = False
    silent: bool = False


@dataclass
class TwilioFake:
    """``asked`` is everything so far. ``answers`` are given in turn, and after them good ones; ``talking`` says
    whether a conference of any name is in progress. ``lists`` is what Twilio remembers, by resource (``Calls``),
    and ``files`` what it serves, by name (``RE….wav``), to whom it knows."""

    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    answers: deque[Told | None] = field(default_factory=deque)
    talking: bool = True
    lists: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    closing: asyncio.Event = field(default_factory=asyncio.Event)

    def answer_next(self, *answers: Told | None) -> None:
        """``None`` is a good answer."""
        self.answers.extend(answers)

    @property
    def settings(self) -> dict[str, str]:
        """What a channel is opened with to talk to this."""
        return {"twilio_account_sid": ACCOUNT, "twilio_auth_token": TOKEN, "twilio_rest_url": self.url}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while asked := await _read(reader):
                self.asked.append(asked)
                told = self.answers.popleft() if self.answers else None
                if told is not None and told.silent:
                    await self.closing.wait()
                if told is not None and (told.silent or told.broken):
                    break
                answer = self._good(asked) if told is None else _as_told(told)
                half = told is not None and told.half
                writer.write(answer[: len(answer) - 10] if half else answer)
                await writer.drain()
                if half:
                    break
        finally:
            writer.close()

    def _good(self, asked: Asked) -> bytes:
        number = f"{len(self.asked):032x}"
        resource = asked.path.removesuffix(".json")
        if asked.headers.get("authorization") != _basic():
            return _as_told(Told(401, 20003, "Authenticate"))
        if resource == "Conferences":
            room = {"sid": "CF" + number, "friendly_name": asked.query["FriendlyName"], "status": "in-progress"}
            rooms = [room] if self.talking else []
            return _response(200, {"conferences": rooms, "page_size": 1, "next_page_uri": None})
        if resource.endswith((".wav", ".mp3")):
            return self._file(resource.rpartition("/")[2])
        if asked.method == "DELETE":
            return _response(204, "")
        if asked.method == "GET":
            key = _LISTS[resource.rpartition("/")[2]]
            kept = self.lists.get(resource.rpartition("/")[2], [])
            return _response(200, {key: kept, "page_size": 1000, "next_page_uri": None})
        if resource.endswith("/Recordings") or "/Recordings/" in resource:
            status = dict(asked.form).get("Status", "")
            made = {"sid": "RE" + number, "status": status or "in-progress"}
            return _response(200 if status else 201, made)
        prefix = "SM" if resource == "Messages" else "CA"
        return _response(201 if resource in ("Messages", "Calls") else 200, {"sid": prefix + number})

    def _file(self, name: str) -> bytes:
        if name not in self.files:
            return _as_told(Told(404, 20404, "not found"))
        return _response(200, self.files[name], media_type="audio/x-wav" if name.endswith("wav") else "audio/mpeg")


_LISTS = {
    "Calls": "calls",
    "Recordings": "recordings",
    "Messages": "messages",
    "IncomingPhoneNumbers": "incoming_phone_numbers",
}


def _basic() -> str:
    return "Basic " + base64.b64encode(f"{ACCOUNT}:{TOKEN}".encode()).decode()


def _as_told(told: Told) -> bytes:
    said = {"code": told.code, "message": told.message, "status": told.status}
    return _response(told.status, said if told.body is None else told.body, told.headers, told.media_type)


def _response(
    status: int, said: Any, headers: tuple[tuple[str, str], ...] = (), media_type: str = "application/json"
) -> bytes:
    body = said if isinstance(said, bytes) else (said if isinstance(said, str) else json.dumps(said)).encode()
    told = [*headers, ("Content-Type", media_type), ("Content-Length", str(len(body)))]
    lines = [f"HTTP/1.1 {status} Said", *(f"{name}: {value}" for name, value in told)]
    return "\r\n".join([*lines, "", ""]).encode() + body


async def _read(reader: asyncio.StreamReader) -> Asked | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    first, *lines = head.strip().split("\r\n")
    method, target, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = (await reader.readexactly(int(headers.get("content-length", 0)))).decode()
    path, _, query = target.partition("?")
    below = path.removeprefix(f"/2010-04-01/Accounts/{ACCOUNT}/")
    form = tuple(parse_qsl(body, keep_blank_values=True))
    return Asked(method, below, dict(parse_qsl(query)), form, headers)


@asynccontextmanager
async def twilio_fake() -> AsyncIterator[TwilioFake]:
    """A running fake on a free port of the loopback interface."""
    fake = TwilioFake()
    server = await asyncio.start_server(fake.serve, "127.0.0.1", 0)
    fake.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield fake
    finally:
        fake.closing.set()
        server.close()
        await server.wait_closed()
