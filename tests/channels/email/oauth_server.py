"""A provider's token endpoint on loopback (RFC 6749, section 6), which remembers who asked for what."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from urllib.parse import parse_qs


@dataclass
class TokenServer:
    """Gives ``access-1``, ``access-2`` … for the refresh token that is good now. ``rotating``: with each a new
    refresh token, and the old one is good no more. ``failing`` is what it answers instead, as (status, body)."""

    refresh: str = "refresh-0"
    rotating: bool = False
    expires_in: object = 3600
    failing: tuple[int, str] | None = None
    delay: float = 0.0
    asked: list[dict[str, str]] = field(default_factory=list)
    given: list[str] = field(default_factory=list)
    port: int = 0
    _server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/token"

    @property
    def grant(self) -> dict[str, str]:
        """The mailbox's setting ``oauth``."""
        return {
            "token_url": self.url,
            "client_id": "hub",
            "client_secret": "client-secret-1",
            "refresh_token": "refresh-0",
            "scope": "mail",
        }

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.partition("content-length:")[2].split()[0])
        form = {name: values[0] for name, values in parse_qs((await reader.readexactly(length)).decode()).items()}
        self.asked.append(form)
        await asyncio.sleep(self.delay)
        status, body = self.failing or self._answer(form)
        writer.write(
            f"HTTP/1.1 {status} x\r\nContent-Type: application/json\r\nConnection: close\r\n"
            f"Content-Length: {len(body.encode())}\r\n\r\n{body}".encode()
        )
        await writer.drain()
        writer.close()

    def _answer(self, form: dict[str, str]) -> tuple[int, str]:
        if form.get("refresh_token") != self.refresh:
            said = f"the token {form.get('refresh_token')} of {form.get('client_secret')} was used"
            return 400, json.dumps({"error": "invalid_grant", "error_description": said})
        answer: dict[str, object] = {"access_token": f"access-{len(self.given) + 1}", "token_type": "Bearer"}
        self.given.append(str(answer["access_token"]))
        if self.expires_in is not None:
            answer["expires_in"] = self.expires_in
        if self.rotating:
            self.refresh = f"refresh-{len(self.given)}"
            answer["refresh_token"] = self.refresh
        return 200, json.dumps(answer)
