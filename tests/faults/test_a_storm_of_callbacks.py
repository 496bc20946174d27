"""Ten thousand people who want to be called back, or one of them ten thousand times: the caps hold, and no more is
dialled than the policy allows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from contact_center.domain.contact_points import phone
from contact_center.domain.events import CallArrived, CustomerLeft, InteractionEvent, Thread
from contact_center.domain.time import SECOND, Moment
from contact_center.moves import lines
from tests.channels.twilio_fake import twilio_fake
from tests.faults.line import (
    CALLS_BACK,
    LENA,
    Carrier,
    quiet,
    rings,
    rings_customer,
)
from tests.faults.test_a_carrier_that_refuses import agent_picks_up
from tests.hub import VOICE_NUMBER, TestHub, house, open_test_hub, until

STORM = 10_000
REQUESTS = 200
"""Whole calls in the tests in which they are called back, too."""
CAPS = {"per_number_day": 2, "per_caller_day": 3, "per_hour": 5}


def town(**caps: Any) -> dict[str, Any]:
    return house(
        queues=[{"id": "support", "name": "Support", "calls": {"callbacks": CALLS_BACK}}],
        agents=[{"id": "mei", "name": "Mei", "email": "mei@hub.example", "queues": ["support"]}],
        entry_points=[{"channel": "twilio_voice", "dialled": VOICE_NUMBER, "queue": "support"}],
        telephony={"caller_id": VOICE_NUMBER, "dialling": {"countries": ["DE"], **CAPS, **caps}},
    )


def numbers(one: bool) -> Iterator[str]:
    for each in range(STORM):
        yield LENA if one else f"+4930{9_000_000 + each}"


def happened(body: CallArrived | CustomerLeft, sid: str, number: str, at: Moment) -> InteractionEvent:
    return InteractionEvent(
        body=body,
        channel="twilio_voice",
        source_id=sid if isinstance(body, CallArrived) else f"{sid}:status:completed",
        medium="voice",
        direction="inbound",
        occurred_at=at,
        received_at=at,
        sender=phone(number),
        dialled=phone(VOICE_NUMBER),
        thread=Thread(sid),
    )


async def ring_off(hub: TestHub, wanted: list[str]) -> None:
    """Each of them calls, waits, and hangs up: they are owed a call."""
    sids = [f"CA{number:032x}" for number in range(len(wanted))]
    for first in range(0, len(sids), 100):
        some = list(zip(sids, wanted, strict=True))[first : first + 100]
        await hub.take_in(*(happened(CallArrived(), sid, number, hub.clock.now) for sid, number in some))
        hub.clock.now += 5 * SECOND
        await hub.take_in(*(happened(CustomerLeft("completed"), sid, n, hub.clock.now) for sid, n in some))


@pytest.mark.parametrize("one", [True, False], ids=["from one number", "from ten thousand"])
async def test_ten_thousand_requests_are_allowed_as_many_calls_as_the_caps_say(
    database_url: str, tmp_path: Path, one: bool
) -> None:
    async with open_test_hub(database_url, tmp_path, config=town()) as hub:
        wanted = list(numbers(one))

        def ask(conn: Any) -> list[str]:
            on = hub.clock.occasion()
            return [n for n in wanted if lines.spend(conn, on, n, f"caller:{n}", "").allowed]

        allowed = await hub.write(ask)
        assert len(allowed) == (CAPS["per_number_day"] if one else CAPS["per_hour"])
        assert len(await hub.rows("dials")) == len(allowed)


@pytest.mark.parametrize("one", [True, False], ids=["from one number", "from many"])
async def test_however_many_ask_the_carrier_is_asked_for_no_more_calls_than_the_caps_allow(
    database_url: str, tmp_path: Path, one: bool
) -> None:
    """An agent takes every callback that is offered, until none is."""
    wanted = list(numbers(one))[:REQUESTS]
    async with twilio_fake() as fake:
        carrier = Carrier(fake)
        settings = {"twilio_rest_url": fake.url}
        async with open_test_hub(database_url, tmp_path, config=town(), environment=settings) as hub:
            await ring_off(hub, wanted)
            assert carrier.count(rings) == 0, "a request alone makes nobody's telephone ring"
            async with hub.at_work("mei") as (mei,):
                for number in range(CAPS["per_hour"] + 1):
                    if one and number == 1:
                        break  # who asks again and again is owed one call
                    rung = carrier.count(rings)
                    work = await mei.accept()
                    await until(lambda rung=rung: carrier.count(rings) > rung, "the telephone")  # type: ignore[misc]
                    await agent_picks_up(hub, work.interaction_id)
                    if number >= CAPS["per_hour"]:
                        await mei.work(work.interaction_id, lambda w: w.state == "wrap_up")
                    else:
                        await until(lambda number=number: carrier.count(rings_customer) == number + 1, "the customer")  # type: ignore[misc]
                        await mei.command("hang_up", interaction_id=work.interaction_id)
                    await mei.command("wrap_up", interaction_id=work.interaction_id, disposition="solved")
                    await mei.gone(work.interaction_id)
                await quiet(hub, 10 * SECOND)
                assert carrier.count(rings_customer) == (1 if one else CAPS["per_hour"])
                await mei.command("set_state", state="not_ready", reason="break")
