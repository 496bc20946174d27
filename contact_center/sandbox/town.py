"""One whole outside world on this machine, put together and started."""

from __future__ import annotations

import contextlib
import secrets
import socket
import time
import uuid
from collections.abc import Callable
from typing import Any

import uvicorn

from contact_center.sandbox.carrier.exchange import Exchange
from contact_center.sandbox.carrier.switchboard import Number
from contact_center.sandbox.carrier.texts import Texts
from contact_center.sandbox.carrier.webhooks import Webhooks
from contact_center.sandbox.mail.imap import ImapServer
from contact_center.sandbox.mail.post import Post
from contact_center.sandbox.settings import DEMO_PHONES, HUB_MAIL, HUB_PHONE, HUB_SMS, Settings
from contact_center.sandbox.web import Door
from contact_center.sandbox.world import World


def now() -> int:
    return time.time_ns() // 1_000_000


def new_sid(prefix: str) -> str:
    """A carrier's id: two letters and 32 hexadecimal digits (without letters: a token)."""
    return prefix + secrets.token_hex(16)


def listen(host: str, port: int) -> socket.socket:
    """Raises ``OSError`` with the address in it where it is taken."""
    listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        raise OSError(error.errno, f"{host}:{port}: {error.strerror}") from None
    listening.listen(512)
    listening.setblocking(False)
    return listening


class _Server(uvicorn.Server):
    """uvicorn without its own signal handling: the sandbox ends the rest of the town too."""

    def __init__(self, config: uvicorn.Config, started: Callable[[], None]) -> None:
        super().__init__(config)
        self._told = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._told()

    @contextlib.contextmanager
    def capture_signals(self) -> Any:
        yield


class Town:
    """``serve`` runs until ``stop``. ``ready`` is called with what the ready line says."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.world = World(settings.data, now)
        base = f"{settings.public_url}/webhooks"
        numbers = (
            Number(
                HUB_PHONE,
                voice_url=f"{base}/twilio_voice",
                voice_status_url=f"{base}/twilio_voice/status",
                voice_fallback_url=settings.fallback_url,
            ),
            Number(HUB_SMS, sms_url=f"{base}/twilio_sms", sms_fallback_url=settings.fallback_url),
        )
        self.webhooks = Webhooks(settings.token, self.world)
        self.exchange = Exchange(
            self.world,
            self.webhooks,
            settings.account,
            numbers,
            new_sid,
            settings.pace,
            settings.desk_answers_after,
        )
        for number, name in DEMO_PHONES:
            phone = self.exchange.phones.at(number)
            phone.name, phone.stands = name, True
        self.texts = Texts(self.world, self.webhooks, settings.account, numbers, new_sid)
        self.imap = ImapServer(self.world, HUB_MAIL, settings.mail_password)
        self.post = Post(self.world, self.imap, HUB_MAIL, settings.mail_password, lambda: uuid.uuid4().hex)
        self.door = Door(self.world, self.exchange, self.texts, self.post, settings.public_url, settings.token)
        self._server: _Server | None = None

    async def serve(self, ready: Callable[[dict[str, Any]], None]) -> None:
        host = self.settings.host
        sockets = [
            listen(host, port) for port in (self.settings.port, self.settings.smtp_port, self.settings.imap_port)
        ]
        page, smtp, imap = (each.getsockname()[1] for each in sockets)
        told = {"ready": True, "page": f"http://{_shown(host)}:{page}/", "smtp": smtp, "imap": imap}
        self.exchange.board.base = f"http://{_shown(host)}:{page}"
        await self.imap.start(sockets[2])
        await self.post.start(sockets[1])
        config = uvicorn.Config(
            self.door.application(host),
            log_level="warning",
            access_log=False,
            lifespan="off",
            server_header=False,
            ws="none",
            timeout_graceful_shutdown=2,
        )
        self._server = _Server(config, lambda: ready(told))
        try:
            await self._server.serve(sockets=sockets[:1])
        finally:
            await self.close()

    def stop(self) -> None:
        self.door.closing.set()
        self.world.changed()
        if self._server is not None:
            self._server.should_exit = True

    async def close(self) -> None:
        await self.door.close()
        await self.exchange.close()
        await self.texts.close()
        await self.webhooks.close()
        await self.post.close()
        await self.imap.close()
        self.world.close()


def _shown(host: str) -> str:
    if host in ("0.0.0.0", "::", ""):
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host
