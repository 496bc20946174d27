"""One place in the queue through everything that may become of an interaction, and over to another channel."""

from __future__ import annotations

from pathlib import Path

from contact_center.domain.time import MINUTE, SECOND
from tests.dispatch.test_offers import LENA, OMAR, RING_MS, people
from tests.hub import TestHub, house, open_test_hub

STAFF = people(ann={"queues": ["support", "sales"]})


async def place(hub: TestHub, interaction_id: str) -> int:
    return (await hub.record(interaction_id)).virtual_enqueued_at


async def test_a_place_is_kept_through_offers_missed_and_work_passed_on_and_back(
    database_url: str, tmp_path: Path
) -> None:
    async with (
        open_test_hub(database_url, tmp_path, config=house(agents=STAFF)) as hub,
        hub.at_work("ann") as (ann,),
    ):
        await hub.twilio.sms(LENA, "Hello?")
        offer = await ann.offer()
        one = offer.interaction_id
        begun = offer.waiting_since_at
        hub.advance(RING_MS)
        await ann.gone(one)
        hub.advance(MINUTE)
        rejected = await ann.offer(one)
        await ann.command("reject", offer_id=rejected.id)
        await ann.gone(one)
        hub.advance(MINUTE)
        for queue in ("sales", "support"):
            await ann.accept(one)
            await ann.command("return_to_queue", interaction_id=one, queue=queue)
            again = await ann.until(
                lambda queue=queue: next((o for o in ann.state.offers if o.queue == queue), None), f"it in {queue}"
            )
            assert again.waiting_since_at == begun
        reasons = [event.body.reason for event in await hub.log(one) if event.kind == "enqueued"]  # type: ignore[union-attr]
        assert reasons == ["arrived", "expired", "rejected", "transferred", "transferred"]


async def given_up(hub: TestHub, number: str) -> int:
    """A call that nobody took; when its waiting began."""
    call = hub.twilio.call(number)
    await call.arrive()
    begun = await place(hub, (await hub.interactions())[-1])
    hub.advance(90 * SECOND)
    await call.hang_up()
    return begun


async def test_who_drops_off_the_line_and_writes_instead_keeps_the_place(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path, config=house(agents=STAFF)) as hub:
        begun = await given_up(hub, LENA)
        hub.advance(MINUTE)
        await hub.twilio.sms(OMAR, "Hello?")
        await hub.twilio.sms(LENA, "I was on the line")
        other, mine = (await hub.interactions())[-2:]
        assert await place(hub, mine) == begun
        assert await place(hub, other) == hub.clock.now, "somebody else begins where they came"


async def test_a_place_is_not_kept_for_ever(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path, config=house(agents=STAFF)) as hub:
        await given_up(hub, LENA)
        hub.advance(10 * MINUTE + 1)
        await hub.twilio.sms(LENA, "Hello again")
        assert await place(hub, (await hub.interactions())[-1]) == hub.clock.now


async def test_a_place_is_kept_in_its_own_queue_alone(database_url: str, tmp_path: Path) -> None:
    doors = [
        {"channel": "twilio_voice", "dialled": "*", "queue": "sales"},
        {"channel": "twilio_sms", "dialled": "*", "queue": "support"},
    ]
    async with open_test_hub(database_url, tmp_path, config=house(agents=STAFF, entry_points=doors)) as hub:
        await given_up(hub, LENA)
        await hub.twilio.sms(LENA, "Hello")
        assert await place(hub, (await hub.interactions())[-1]) == hub.clock.now
