"""What leaves the house, and what became of it: sent, tried again, refused for good, or nobody knows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from contact_center.delivery.settle import GIVE_UP_MS, LONGEST_ATTEMPT_MS, MOST_ATTEMPTS, backoff_ms
from contact_center.domain.errors import Unavailable
from contact_center.domain.time import MINUTE, SECOND
from contact_center.storage import outbox as rows
from contact_center.storage.schema import outbox
from tests.channels.twilio_fake import Told, TwilioFake, twilio_fake
from tests.hub import Clock, Console, HubProcess, TestHub, Twilio, house, open_test_hub, until

LENA = "+4915112345678"


@asynccontextmanager
async def a_conversation(
    database_url: str, tmp_path: Path, clock: Clock | None = None
) -> AsyncIterator[tuple[TestHub, TwilioFake, Console, str]]:
    """A hub with a provider that answers as it is told, and an agent who has a customer's text in hand."""
    async with (
        twilio_fake() as twilio,
        open_test_hub(database_url, tmp_path, clock=clock, environment={"twilio_rest_url": twilio.url}) as hub,
        hub.at_work("mei") as (mei,),
    ):
        await hub.twilio.sms(LENA, "Hello?")
        work = await mei.accept()
        yield hub, twilio, mei, work.interaction_id


async def reply(console: Console, interaction_id: str, text: str = "Hi!") -> str:
    """Answers; the outbox row's id."""
    value = await console.command("reply", interaction_id=interaction_id, text=text)
    return str(value["event"]["body"]["outbox_id"])


async def becomes(console: Console, state: str) -> Any:
    return await console.line("delivery.changed", lambda e: e.body["state"] == state)


async def row_of(hub: TestHub, outbox_id: str) -> dict[str, Any]:
    return next(row for row in await hub.rows("outbox") if row["id"] == outbox_id)


async def test_an_answer_leaves_and_its_provider_has_it(database_url: str, tmp_path: Path) -> None:
    async with a_conversation(database_url, tmp_path) as (hub, twilio, mei, interaction_id):
        outbox_id = await reply(mei, interaction_id, "Hi, Lena! 你好")
        await becomes(mei, "accepted")
        (asked,) = twilio.asked
        assert (asked["To"], asked["From"], asked["Body"]) == (LENA, "+12025550111", "Hi, Lena! 你好")
        row = await row_of(hub, outbox_id)
        assert (row["state"], row["attempts"], row["lease"]) == ("accepted", 1, "")
        assert row["provider_id"].startswith("SM")


async def test_answers_leave_once_each_however_many_there_are(database_url: str, tmp_path: Path) -> None:
    async with a_conversation(database_url, tmp_path) as (hub, twilio, mei, interaction_id):
        for n in range(40):
            await reply(mei, interaction_id, f"line {n}")
        await mei.until(lambda: sum(e.kind == "delivery.changed" for e in mei.lines) == 40)
        assert sorted(asked["Body"] for asked in twilio.asked) == sorted(f"line {n}" for n in range(40))
        assert {row["state"] for row in await hub.rows("outbox")} == {"accepted"}


async def test_a_provider_that_is_busy_is_asked_again_later(database_url: str, tmp_path: Path) -> None:
    async with a_conversation(database_url, tmp_path) as (hub, twilio, mei, interaction_id):
        twilio.answer_next(Told(429, 20429, "Too many requests"), Told(503, None, "Away"))
        outbox_id = await reply(mei, interaction_id)
        await becomes(mei, "retry")
        row = await row_of(hub, outbox_id)
        assert row["state"] == "retry"
        hub.advance(row["next_at"] - hub.clock.now - 1)
        assert len(twilio.asked) == 1, "not a moment too early"
        hub.advance(1)

        async def tried(times: int) -> bool:
            found = await row_of(hub, outbox_id)
            return bool(found["attempts"] == times and found["state"] != "sending")

        await hub.eventually(lambda: tried(2))
        hub.advance(MINUTE)
        await becomes(mei, "accepted")
        states = [e.body["state"] for e in mei.lines if e.kind == "delivery.changed"]
        assert states == ["retry", "accepted"], "the conversation is told once that it takes longer"
        assert (await mei.work(interaction_id)).undelivered == 0


async def test_a_message_that_is_refused_is_not_sent_again_and_the_agent_knows(
    database_url: str, tmp_path: Path
) -> None:
    async with a_conversation(database_url, tmp_path) as (hub, twilio, mei, interaction_id):
        twilio.answer_next(Told(400, 21610, "Attempt to send to unsubscribed recipient"))
        outbox_id = await reply(mei, interaction_id)
        failed = await becomes(mei, "failed")
        assert failed.body["reason"]
        assert (await mei.work(interaction_id)).undelivered == 1
        hub.advance(GIVE_UP_MS)
        await reply(mei, interaction_id, "Another")
        await becomes(mei, "accepted")
        assert [asked["Body"] for asked in twilio.asked] == ["Hi!", "Another"]
        listed = (await hub.get("outbox"))["items"]
        assert [(item["id"], item["state"]) for item in listed] == [(outbox_id, "failed")]


@pytest.mark.parametrize("told", [Told(broken=True), Told(201, half=True), Told(500, None, "Oops")])
async def test_a_message_of_which_nobody_knows_is_never_sent_again_by_itself(
    database_url: str, tmp_path: Path, told: Told
) -> None:
    async with a_conversation(database_url, tmp_path) as (hub, twilio, mei, interaction_id):
        twilio.answer_next(told)
        outbox_id = await reply(mei, interaction_id)
        await becomes(mei, "uncertain")
        assert (await mei.work(interaction_id)).undelivered == 1
        hub.advance(GIVE_UP_MS)
        await reply(mei, interaction_id, "Another")
        await becomes(mei, "accepted")
        assert [asked["Body"] for asked in twilio.asked] == ["Hi!", "Another"]
        assert (await row_of(hub, outbox_id))["state"] == "uncertain"


async def test_a_report_that_comes_before_the_providers_own_answer_is_believed(
    database_url: str, tmp_path: Path
) -> None:
    """The answer was lost in the middle; the provider's report names our message, and settles it."""
    async with a_conversation(database_url, tmp_path) as (hub, twilio, mei, interaction_id):
        twilio.answer_next(Told(broken=True))
        outbox_id = await reply(mei, interaction_id)
        await becomes(mei, "uncertain")
        callback = twilio.asked[0]["StatusCallback"].split("#")[0].removeprefix(f"{hub.url}/webhooks")
        report = {"MessageSid": "SM" + "a" * 32, "MessageStatus": "delivered", "To": LENA, "From": "+12025550111"}
        assert (await hub.twilio.post(callback, report)).is_success
        await becomes(mei, "delivered")
        assert (await mei.work(interaction_id)).undelivered == 0
        assert (await row_of(hub, outbox_id))["state"] == "delivered"
        assert (await hub.get("quarantine"))["items"] == []


async def test_a_message_that_failed_on_its_way_is_told_to_the_agent(database_url: str, tmp_path: Path) -> None:
    async with a_conversation(database_url, tmp_path) as (hub, _, mei, interaction_id):
        await reply(mei, interaction_id)
        taken = await becomes(mei, "accepted")
        await hub.twilio.sms_status(taken.body["provider_id"], "undelivered", "30003")
        failed = await becomes(mei, "failed")
        assert "out of reach" in failed.body["reason"]
        assert (await mei.work(interaction_id)).undelivered == 1


async def test_a_row_that_cannot_be_read_stops_no_other(database_url: str, tmp_path: Path) -> None:
    async with a_conversation(database_url, tmp_path) as (hub, _, mei, interaction_id):
        poison = {
            "id": "id00000000",
            "channel": "twilio_sms",
            "verb": "message",
            "interaction_id": interaction_id,
            "state": "queued",
            "attempts": 0,
            "next_at": hub.clock.now,
            "payload": {"nonsense": True},
            "created_at": hub.clock.now,
        }
        await hub.write(lambda conn: conn.execute(outbox.insert(), poison).close())
        await reply(mei, interaction_id)
        await becomes(mei, "accepted")
        hub.advance(LONGEST_ATTEMPT_MS)
        await reply(mei, interaction_id, "Another")
        await mei.until(lambda: sum(e.kind == "delivery.changed" for e in mei.lines) == 2)
        assert (await row_of(hub, "id00000000"))["state"] == "failed"
        await hub.write(lambda conn: conn.execute(outbox.delete().where(outbox.c.id == "id00000000")).close())


async def test_a_message_in_the_queue_leaves_after_a_restart(database_url: str, tmp_path: Path) -> None:
    clock = Clock()
    async with a_conversation(database_url, tmp_path, clock) as (_, twilio, mei, interaction_id):
        twilio.answer_next(Told(429, 20429, "Too many requests"))
        await reply(mei, interaction_id)
        await becomes(mei, "retry")
    clock.now += MINUTE
    async with (
        twilio_fake() as twilio,
        open_test_hub(database_url, tmp_path, clock=clock, environment={"twilio_rest_url": twilio.url}) as hub,
    ):
        await hub.eventually(lambda: asked_once(twilio))
        assert twilio.asked[0]["Body"] == "Hi!"


class Forgetful:
    """The hub's executor, which is away for a moment just when the postman asks when something is due next."""

    def __init__(self, executor: Any) -> None:
        self._executor = executor
        self.away = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._executor, name)

    async def read(self, query: Any, *args: Any) -> Any:
        if query is rows.next_at:
            self.away += 1
            raise Unavailable("The database is away.")
        return await self._executor.read(query, *args)


async def test_what_was_taken_leaves_though_the_database_is_away_just_after(
    database_url: str, tmp_path: Path
) -> None:
    async with a_conversation(database_url, tmp_path) as (hub, twilio, mei, interaction_id):
        hub.runtime.postman._executor = forgetful = Forgetful(hub.runtime.executor)
        outbox_id = await reply(mei, interaction_id)
        await becomes(mei, "accepted")
        await until(lambda: forgetful.away)
        assert [asked["Body"] for asked in twilio.asked] == ["Hi!"]
        assert (await row_of(hub, outbox_id))["attempts"] == 1


async def test_a_hub_that_goes_down_while_it_takes_a_message_sends_it_first(
    database_url: str, tmp_path: Path
) -> None:
    """Taken and not attempted, it would be one of which nobody knows."""
    async with a_conversation(database_url, tmp_path) as (hub, twilio, mei, interaction_id):
        taking, go_on = asyncio.Event(), asyncio.Event()

        class Slow(Forgetful):
            async def write(self, unit: Any, *args: Any) -> Any:
                taking.set()
                done = await self._executor.write(unit, *args)
                await go_on.wait()
                return done

            async def read(self, query: Any, *args: Any) -> Any:
                return await self._executor.read(query, *args)

        hub.runtime.postman._executor = Slow(hub.runtime.executor)
        outbox_id = await reply(mei, interaction_id)
        await taking.wait()
        stopping = asyncio.create_task(hub.runtime.postman.stop())
        await asyncio.sleep(0)
        go_on.set()
        await stopping
        assert (await row_of(hub, outbox_id))["state"] == "accepted"
        assert len(twilio.asked) == 1


async def asked_once(twilio: TwilioFake) -> bool:
    return len(twilio.asked) == 1


@pytest.mark.crash
async def test_a_message_that_was_being_sent_when_the_hub_died_is_uncertain_and_not_sent_again(
    database_url: str, tmp_path: Path
) -> None:
    async with twilio_fake() as twilio:
        environment = {f"CONTACT_CENTER_{name.upper()}": value for name, value in twilio.settings.items()}
        config = house(reconciling={"every_minutes": None})  # the provider is asked for nothing else
        hub = HubProcess(tmp_path, database_url, config=config, environment=environment)
        async with hub.running(), hub.http() as http, hub.agent("mei") as mei:
            await mei.ready()
            await Twilio(http, hub.url).sms(LENA, "Hello?")
            work = await mei.accept()
            twilio.answer_next(Told(silent=True))
            await mei.command("reply", interaction_id=work.interaction_id, text="Hi!")
            await until(lambda: bool(twilio.asked), "the provider to be asked")
            hub.kill9()
        clock = Clock(2_000_000_000_000)  # long after: the lease of the attempt is over
        async with (
            open_test_hub(database_url, tmp_path, clock=clock, environment=twilio.settings) as again,
            again.agent("mei"),
        ):
            await again.eventually(lambda: is_uncertain(again))
            (row,) = await again.rows("outbox")
            assert [asked["Body"] for asked in twilio.asked] == ["Hi!"]
            assert row["id"] in (await again.record(work.interaction_id)).undelivered


async def is_uncertain(hub: TestHub) -> bool:
    return [row["state"] for row in await hub.rows("outbox")] == ["uncertain"]


def test_waiting_grows_and_has_an_end() -> None:
    waits = [backoff_ms(attempt) for attempt in range(1, MOST_ATTEMPTS + 1)]
    assert waits[:4] == [2 * SECOND, 4 * SECOND, 8 * SECOND, 16 * SECOND]
    assert waits == sorted(waits)
    assert waits[-1] == 30 * MINUTE
