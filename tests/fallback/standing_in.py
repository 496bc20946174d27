"""A fallback for a test: its real application around a real spool, with a clock that the test moves."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree

import httpx

from contact_center.fallback.hand_over import HandOver
from contact_center.fallback.server import create_app
from contact_center.fallback.spool import Spool
from contact_center.fallback.standby import QUIET_MS, Standby
from contact_center.registry.discover import open_channels
from tests.channels.twilio_fake import ACCOUNT, TOKEN
from tests.channels.twiml_lint import lint
from tests.hub import T0, VOICE_NUMBER, Twilio

OWN_URL = "https://fallback.example"
HUB_URL = "https://hub.example"
SETTINGS = {"twilio_account_sid": ACCOUNT, "twilio_auth_token": TOKEN, "twilio_rest_url": "http://127.0.0.1:9"}
LENA = "+4915112345678"


@dataclass
class Fallback:
    """``twilio`` signs for the fallback's own address; ``there`` is whether the hub seems to be."""

    spool: Spool
    standby: Standby
    hand_over: HandOver
    http: httpx.AsyncClient
    twilio: Twilio
    clock: list[int]
    there: list[bool]

    def advance(self, ms: int) -> None:
        self.clock[0] += ms

    async def hand_all_over(self) -> None:
        """Once every call has been quiet for long enough."""
        self.advance(QUIET_MS)
        await self.hand_over.look(self.standby)

    async def call(self, sid: str, path: str = "", number: str = LENA, **fields: str) -> TwiML:
        form = {
            "CallSid": sid,
            "AccountSid": ACCOUNT,
            "From": number,
            "To": VOICE_NUMBER,
            "CallStatus": "in-progress",
        }
        answer = await self.twilio.post(f"/twilio_voice{path}", {**form, **fields})
        assert answer.status_code in (200, 204), answer.text
        return TwiML(answer.content)

    async def follow(self, heard: TwiML, sid: str, **fields: str) -> TwiML:
        """The next request of a caller who does nothing."""
        return await self.call(sid, heard.next_path(), **fields)


class TwiML:
    """A document as a caller hears it; it is checked against Twilio's own builders."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        if content:
            assert lint(content) == []
        self.root = ElementTree.fromstring(content) if content else ElementTree.Element("Response")

    @property
    def words(self) -> str:
        return " ".join("".join(said.itertext()) for said in self.root.iter("Say"))

    @property
    def verbs(self) -> list[str]:
        return [verb.tag for verb in self.root]

    def address(self) -> str:
        """Where the call goes on by itself."""
        for verb in ("Record", "Gather"):
            found = self.root.find(verb)
            if found is not None:
                return found.attrib["action"]
        redirect = self.root.find("Redirect")
        assert redirect is not None, self.content
        return str(redirect.text)

    def next_path(self) -> str:
        address = self.address()
        assert address.startswith(f"{OWN_URL}/webhooks/twilio_voice"), address
        return address.removeprefix(f"{OWN_URL}/webhooks/twilio_voice")

    def attribute(self, verb: str, name: str) -> str:
        found = self.root.find(verb)
        assert found is not None, self.content
        return found.attrib[name]

    def asked(self) -> dict[str, list[str]]:
        return parse_qs(urlsplit(self.address()).query)


@asynccontextmanager
async def a_fallback(
    folder: Path,
    *,
    hub_url: str = HUB_URL,
    hub: str = "http://127.0.0.1:9",
    key: str = "the key that both share",
    most_bytes: int = 10_000_000,
    settings: Mapping[str, str] = SETTINGS,
    **more: Any,
) -> AsyncIterator[Fallback]:
    """``hub`` is where it is handed over to, by ``hand_over.look`` alone: nothing happens by itself here."""
    clock, there = [T0], [False]
    channels = open_channels(OWN_URL, settings, {}, b"")
    spool = Spool(folder, most_bytes)
    hand_over = HandOver(spool, hub, key)
    standby = Standby(channels, spool, hub_url, lambda: there[0], lambda: clock[0])
    app = create_app(OWN_URL, channels, spool, standby, hand_over)
    transport = httpx.ASGITransport(app=app)
    try:
        async with httpx.AsyncClient(transport=transport, base_url=OWN_URL, timeout=30) as http:
            yield Fallback(spool, standby, hand_over, http, Twilio(http, OWN_URL), clock, there)
    finally:
        await hand_over.stop()
        for channel in channels.values():
            await channel.close()
        spool.close()
