"""A call that we place goes on though the report that somebody came into its room is lost, or comes too late."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlencode

from contact_center.domain.time import MINUTE, SECOND
from contact_center.domain.views import WorkView
from contact_center.moves.callbacks import UNSEEN_MS
from tests.channels.twilio_fake import ACCOUNT, TwilioFake, twilio_fake
from tests.hub import VOICE_NUMBER, Console, TestHub, house, open_test_hub, until

LENA = "+4930901820"
CALLS_BACK = {"after_abandon": True, "abandon_after_seconds": 1, "gap_minutes": 1, "earliest": "00:00"}
QUEUE = {"id": "support", "name": "Support", "calls": {"callbacks": {**CALLS_BACK, "latest": "24:00"}}}
AGENT = {"id": "mei", "name": "Mei", "email": "mei@hub.example", "queues": ["support"]}
HOUSE = house(
    queues=[QUEUE],
    agents=[AGENT],
    telephony={"caller_id": VOICE_NUMBER, "dialling": {"countries": ["DE"]}},
)


class Owed:
    """A callback in Mei's hands, and the carrier's reports about it."""

    def __init__(self, hub: TestHub, fake: TwilioFake, mei: Console, work: WorkView) -> None:
        self.hub = hub
        self.fake = fake
        self.mei = mei
        self.id = work.interaction_id

    def rung(self) -> int:
        """How often the customer's telephone has been rung."""
        return sum(asked.path == "Calls.json" and asked["To"] == LENA for asked in self.fake.asked)

    async def told(self, path: str, leg: str, status: str, **more: str) -> None:
        record = await self.hub.record(self.id)
        about = {"interaction": self.id, "room": f"call-{self.id}"}
        if path.startswith("/agent"):
            about["offer"] = record.accepted_offer
        form = {"CallSid": leg, "AccountSid": ACCOUNT, "From": VOICE_NUMBER, "To": LENA, "CallStatus": status, **more}
        form["Direction"] = "outbound-api"
        answer = await self.hub.twilio.post(f"/twilio_voice{path}?{urlencode(about)}", form)
        assert answer.is_success, answer.text

    async def agent_answers(self) -> None:
        await self.told("/agent", await self._named("ringing_leg"), "in-progress")

    async def customers_leg(self) -> str:
        return await self._named("thread_key")

    async def _named(self, leg: str) -> str:
        """What the carrier calls the leg, once it has said so and that is written down."""

        async def named() -> str:
            return str(getattr(await self.hub.record(self.id), leg))

        return str(await self.hub.eventually(named, f"the {leg}"))

    async def shows(self, call: str) -> None:
        await self.mei.work(self.id, lambda work: work.call == call)


@asynccontextmanager
async def a_callback(database_url: str, tmp_path: Path) -> AsyncIterator[Owed]:
    """Somebody hung up after waiting; Mei has accepted to call them, and her telephone rings."""
    async with (
        twilio_fake() as fake,
        open_test_hub(database_url, tmp_path, config=HOUSE, environment={"twilio_rest_url": fake.url}) as hub,
        hub.agent("mei") as mei,
    ):
        caller = hub.twilio.call(LENA)
        await caller.arrive()
        hub.advance(5 * SECOND)
        await caller.completed()
        await mei.ready()
        yield Owed(hub, fake, mei, await mei.accept())


async def test_the_customer_is_rung_though_nobody_told_that_the_agent_came_into_the_room(
    database_url: str, tmp_path: Path
) -> None:
    async with a_callback(database_url, tmp_path) as owed:
        await owed.agent_answers()
        owed.hub.advance(UNSEEN_MS - 1)
        assert owed.rung() == 0, "the report is still to be waited for"
        owed.hub.advance(1)
        await owed.shows("ringing")
        await until(lambda: owed.rung() == 1, "the customer's telephone")
        owed.hub.advance(UNSEEN_MS)
        assert (await owed.hub.record(owed.id)).call == "ringing", "who is rung is not there yet"


async def test_who_has_answered_is_in_the_conversation_though_nobody_told_that_they_came(
    database_url: str, tmp_path: Path
) -> None:
    async with a_callback(database_url, tmp_path) as owed:
        await owed.agent_answers()
        owed.hub.advance(UNSEEN_MS)
        await owed.shows("ringing")
        await owed.told("/customer", owed.hub.twilio.sid("CA"), "in-progress")
        owed.hub.advance(UNSEEN_MS)
        await owed.shows("connected")
        owed.hub.advance(10 * MINUTE)
        record = await owed.hub.record(owed.id)
        assert (record.call, record.state, record.attempts) == ("connected", "assigned", 1), "they talk on"


async def test_a_ringing_that_is_told_after_the_failure_does_not_spoil_the_next_attempt(
    database_url: str, tmp_path: Path
) -> None:
    async with a_callback(database_url, tmp_path) as owed:
        await owed.agent_answers()
        owed.hub.advance(UNSEEN_MS)
        await owed.shows("ringing")
        leg = await owed.customers_leg()
        await owed.told("/status", leg, "busy")
        await owed.mei.gone(owed.id)
        await owed.told("/status", leg, "ringing")
        record = await owed.hub.record(owed.id)
        assert (record.state, record.call, record.past_legs) == ("parked", "connecting", [leg])
        owed.hub.advance(2 * MINUTE)
        await owed.mei.accept(owed.id)
        await owed.agent_answers()
        owed.hub.advance(UNSEEN_MS)
        await until(lambda: owed.rung() == 2, "the customer's telephone, once more")
