"""A provider's store of recordings on a real socket: what is not there yet, what is there, what was removed."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tests.channels.twilio_fake import ACCOUNT, TOKEN


@dataclass
class Provider:
    """``files`` by recording id; what is in none is answered with 404. ``asked`` counts fetches, ``erased`` is what
    was removed, in order."""

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    asked: dict[str, int] = field(default_factory=dict)
    erased: list[str] = field(default_factory=list)
    status: int = 200
    """Answered to every fetch where it is not 200."""

    @property
    def settings(self) -> dict[str, str]:
        return {"twilio_account_sid": ACCOUNT, "twilio_auth_token": TOKEN, "twilio_rest_url": self.url}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                first, *lines = head.strip().split("\r\n")
                method, target, _ = first.split(" ")
                headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
                await reader.readexactly(int(headers.get("content-length", 0)))
                writer.write(self._answer(method, target.partition("?")[0], headers.get("authorization", "")))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def _answer(self, method: str, path: str, proof: str) -> bytes:
        name = path.rpartition("/")[2].partition(".")[0]
        if proof != "Basic " + base64.b64encode(f"{ACCOUNT}:{TOKEN}".encode()).decode():
            return _said(401, json.dumps({"code": 20003, "message": "Authenticate", "status": 401}).encode())
        if "/Recordings/" not in path:
            return self._else(method, name)
        if method == "DELETE":
            self.erased.append(name)
            return _said(204 if self.files.pop(name, None) is not None else 404, b"")
        self.asked[name] = self.asked.get(name, 0) + 1
        if self.status != 200 or name not in self.files:
            return _said(self.status if self.status != 200 else 404, b"{}")
        return _said(200, self.files[name], "audio/x-wav")

    def _else(self, method: str, name: str) -> bytes:
        """Everything else goes well, and nothing ever happened."""
        if method == "POST":
            return _said(201, json.dumps({"sid": f"CA{len(self.asked):032x}"}).encode())
        listed = {"IncomingPhoneNumbers": "incoming_phone_numbers"}.get(name, name.lower())
        return _said(200, json.dumps({listed: [], "page_size": 50, "next_page_uri": None}).encode())


def _said(status: int, body: bytes, media_type: str = "application/json") -> bytes:
    head = f"HTTP/1.1 {status} Said\r\nContent-Type: {media_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


@asynccontextmanager
async def a_provider() -> AsyncIterator[Provider]:
    found = Provider()
    server = await asyncio.start_server(found.serve, "127.0.0.1", 0)
    found.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield found
    finally:
        server.close()
