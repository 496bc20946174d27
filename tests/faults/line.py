"""A telephone line whose carrier does what the test wants of it, request by request."""

from __future__ import annotations

import asyncio
import html
import re
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from sqlalchemy import Connection, select

from contact_center.domain.time import SECOND
from contact_center.domain.views import WorkView
from contact_center.storage import deadlines, schema
from tests.channels.twilio_fake import Asked, Told, TwilioFake, twilio_fake
from tests.channels.twiml_lint import lint
from tests.hub import VOICE_NUMBER, Caller, Console, TestHub, house, open_test_hub, until

LENA = "+4930901820"
OMAR = "+4930901821"
OUTSIDE = "+4930901899"
FLOW = [{"channel": "twilio_voice", "dialled": VOICE_NUMBER, "queue": "support", "flow": "main"}]
CALLS_BACK = {"after_abandon": True, "abandon_after_seconds": 1, "earliest": "00:00", "latest": "24:00"}
QUEUES = [
    {"id": "support", "name": "Support", "calls": {"callbacks": CALLS_BACK}},
    {"id": "sales", "name": "Sales", "priority": 5},
    {"id": "billing", "name": "Billing"},
]
DIALLING = {"caller_id": VOICE_NUMBER, "dialling": {"countries": ["DE"]}}

OVER = Told(404, 20404, "The requested resource was not found")
NOT_IN_PROGRESS = Told(400, 21220, "Call is not in-progress. Cannot redirect.")
BUSY = Told(429, 20429, "Too many requests")
BROKEN = Told(500, 20500, "Internal error")
AWAY = Told(503, None, "Away")
UNBELIEVED = Told(401, 20003, "Authenticate")
NEVER = Told(silent=True)
SILENCE_S = 0.5
"""So long a carrier that never answers is waited for. One that does has the usual time: the machine may be busy."""


def moves_caller(asked: Asked) -> bool:
    """The customer's call is given another document."""
    return asked.method == "POST" and asked.path.startswith("Calls/CA") and "Twiml" in asked


def into_room(asked: Asked) -> bool:
    return moves_caller(asked) and "<Conference" in asked["Twiml"]


def out_of_room(asked: Asked) -> bool:
    return moves_caller(asked) and "<Conference" not in asked["Twiml"]


def rings(asked: Asked) -> bool:
    return asked.method == "POST" and asked.path == "Calls.json"


def rings_customer(asked: Asked) -> bool:
    return rings(asked) and asked["To"].startswith("+49")


def changes_room(asked: Asked) -> bool:
    return asked.method == "POST" and "/Participants/" in asked.path


def records(asked: Asked) -> bool:
    return asked.method == "POST" and "/Recordings" in asked.path


class Moods(deque[Told | None]):
    """What the carrier answers to requests of a kind, until it is told otherwise; all others are answered well."""

    def __init__(self, carrier: TwilioFake) -> None:
        super().__init__()
        self._carrier = carrier
        self.rules: list[tuple[Callable[[Asked], bool], Told]] = []

    def __bool__(self) -> bool:
        return bool(self.rules)

    def popleft(self) -> Told | None:
        asked = self._carrier.asked[-1]
        return next((told for is_meant, told in self.rules if is_meant(asked)), None)


class Carrier:
    """``asked`` is everything that the hub has asked of it."""

    def __init__(self, fake: TwilioFake, channel: Any = None) -> None:
        self._fake = fake
        self._moods = Moods(fake)
        self._channel = channel
        fake.answers = self._moods

    @property
    def asked(self) -> list[Asked]:
        return self._fake.asked

    def fails(self, is_meant: Callable[[Asked], bool], told: Told) -> None:
        self._moods.rules.append((is_meant, told))
        if told.silent:
            self._channel.answer_seconds = SILENCE_S

    def mends(self) -> None:
        self._moods.rules.clear()
        if self._channel is not None:
            self._channel.answer_seconds = type(self._channel).answer_seconds

    def count(self, is_meant: Callable[[Asked], bool]) -> int:
        return sum(1 for asked in self.asked if is_meant(asked))


@asynccontextmanager
async def a_line(
    database_url: str, tmp_path: Path, *at_work: str, **more: Any
) -> AsyncIterator[tuple[TestHub, Carrier, tuple[Console, ...]]]:
    """A hub with agents at work on it."""
    config = house(queues=QUEUES, telephony=DIALLING, **more)
    async with (
        twilio_fake() as fake,
        open_test_hub(database_url, tmp_path, config=config, environment={"twilio_rest_url": fake.url}) as hub,
        hub.at_work(*at_work) as desks,
    ):
        yield hub, Carrier(fake, hub.runtime.channels["twilio_voice"]), desks


async def at_rest(hub: TestHub) -> None:
    """Waits until the hub has done what was due: nothing is on its way to the carrier, and no deadline is over. Time
    must not pass meanwhile, or it would pass faster than the hub works, and say nothing about it."""

    async def look() -> bool:
        return await hub.read(nothing_is_due, hub.clock.now)

    await hub.eventually(look, "the hub to have done what was due")


def nothing_is_due(conn: Connection, now: int) -> bool:
    letters = conn.execute(select(schema.outbox.c.state, schema.outbox.c.next_at).where(schema.UNSENT)).all()
    late = any(state == "sending" or next_at <= now for state, next_at in letters)
    return not late and not deadlines.due(conn, now)


async def passing(hub: TestHub, is_so: Callable[[], Any], what: str, most_ms: int = 60 * SECOND) -> int:
    """Lets time pass until it is so; how much had to."""
    began = hub.clock.now
    while hub.clock.now - began < most_ms:
        await at_rest(hub)
        for _ in range(40):
            if is_so():
                return hub.clock.now - began
            await asyncio.sleep(0.005)
        hub.advance(SECOND)
    await until(is_so, f"{what} within {most_ms} ms")
    return hub.clock.now - began


async def quiet(hub: TestHub, ms: int) -> None:
    """Lets time pass in which nothing is expected."""
    await at_rest(hub)
    for _ in range(20):
        hub.advance(ms // 20)
        await at_rest(hub)
        await asyncio.sleep(0.01)


def position(twiml: str) -> str:
    """The step that the document is for."""
    found = re.search(r"position=([^\"&]+)", html.unescape(twiml))
    assert found, twiml
    return unquote(found[1])


def hears(twiml: str, *verbs: str) -> None:
    """The document is TwiML, and the verbs are in it."""
    assert lint(twiml.encode()) == [], twiml
    for verb in verbs:
        assert f"<{verb}" in twiml, twiml


async def connecting(hub: TestHub, desk: Console, number: str = LENA) -> tuple[Caller, str, str]:
    """Somebody calls and the agent takes it, whose telephone has not been picked up yet: the call, the interaction,
    the offer."""
    caller = hub.twilio.call(number)
    await caller.arrive()
    offer = await desk.offer()
    await desk.command("accept", offer_id=offer.id)
    return caller, offer.interaction_id, offer.id


async def talking(
    hub: TestHub, carrier: Carrier, desk: Console, number: str = LENA
) -> tuple[Caller, WorkView, str, str]:
    """Somebody calls and talks with the agent: the call, the work, its offer, the agent's leg."""
    rung = carrier.count(rings)
    caller, interaction_id, offer_id = await connecting(hub, desk, number)
    await hub.eventually(lambda: _later(carrier.count(rings) > rung), "the agent's telephone to be rung")
    leg = hub.twilio.sid("CA")
    await caller.agent_answers(interaction_id, offer_id, leg)
    return caller, await desk.work(interaction_id, lambda w: w.call == "connected"), offer_id, leg


async def _later(found: bool) -> bool:
    return found


async def wraps_up(desk: Console, interaction_id: str) -> None:
    await desk.work(interaction_id, lambda w: w.state == "wrap_up")
    await desk.command("wrap_up", interaction_id=interaction_id, disposition="solved")
    await desk.gone(interaction_id)
