"""What tests of live calls have in common: a hub with Twilio's stand-in, and people who talk."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.channels.twilio_fake import Asked, TwilioFake, twilio_fake
from tests.hub import Caller, Console, TestHub, house, open_test_hub

LENA = "+4915112345678"
WEI = "+8613800138000"
OUTSIDE = "+493022330000"
MAY_CALL = {"dialling": {"countries": ["DE"]}}


def with_calls(rules: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    """The usual house, where Germany may be called and the queue ``support`` has these rules for calls."""
    whole = house(**{"telephony": MAY_CALL, **changes})
    whole["queues"] = [{**q, "calls": rules or {}} if q["id"] == "support" else q for q in whole["queues"]]
    return whole


@dataclass
class Line:
    """A hub whose telephone line is Twilio's stand-in."""

    hub: TestHub
    twilio: TwilioFake
    desks: tuple[Console, ...]

    def asked(self, path: str, **form: str) -> list[Asked]:
        """What the carrier was asked to change at addresses that contain ``path``, with these fields."""
        return [
            each
            for each in self.twilio.asked
            if each.method != "GET"
            and path in each.path
            and all(name in each and each[name] == value for name, value in form.items())
        ]

    async def is_asked(self, path: str, times: int = 1, **form: str) -> list[Asked]:
        async def look() -> bool:
            return len(self.asked(path, **form)) >= times

        await self.hub.eventually(look, f"the carrier to be asked for {path} {form}")
        return self.asked(path, **form)

    async def stands(self, verb: str, *states: str) -> None:
        """Waits until all that was asked of the carrier by that verb is in one of these states."""

        async def look() -> bool:
            return all(row["state"] in states for row in await self.hub.rows("outbox") if row["verb"] == verb)

        await self.hub.eventually(look, f"{verb} to be {' or '.join(states)}")

    async def becomes(self, interaction_id: str, is_so: Callable[[Any], Any], what: str = "it") -> Any:
        async def look() -> Any:
            record = await self.hub.record(interaction_id)
            return record if is_so(record) else None

        return await self.hub.eventually(look, what)

    async def talking(self, desk: Console, number: str = LENA) -> Talk:
        """A customer calls and talks to the agent at ``desk``."""
        call = self.hub.twilio.call(number)
        await call.arrive()
        return await self.answered(desk, call)

    async def answered(self, desk: Console, call: Caller) -> Talk:
        offer = await desk.offer()
        await desk.command("accept", offer_id=offer.id)
        await desk.work(offer.interaction_id)
        rung = await self.becomes(offer.interaction_id, lambda r: r.ringing_leg, "the agent's telephone to be rung")
        leg = rung.ringing_leg
        await call.agent_answers(offer.interaction_id, offer.id, leg)
        await desk.work(offer.interaction_id, lambda w: w.call == "connected")
        return Talk(self, desk, call, offer.interaction_id, offer.id, leg)


@dataclass
class Talk:
    """A call under way: the desk that has it in hand, the customer's call, the agent's offer and leg."""

    line: Line
    desk: Console
    call: Caller
    id: str
    offer_id: str
    leg: str

    async def do(self, name: str, **args: Any) -> Any:
        return await self.desk.command(name, interaction_id=self.id, **args)

    async def shows(self, is_so: Callable[[Any], Any]) -> Any:
        return await self.desk.work(self.id, is_so)

    async def record(self) -> Any:
        return await self.line.hub.record(self.id)

    async def becomes(self, is_so: Callable[[Any], Any], what: str = "it") -> Any:
        return await self.line.becomes(self.id, is_so, what)

    async def kinds(self) -> list[str]:
        return [event.kind for event in await self.line.hub.log(self.id)]

    async def consult(self, to: str, purpose: str = "consult", *, joins: bool = True) -> tuple[str, str]:
        """Brings somebody in; their party's id and leg."""
        party_id = (await self.do("add_party", to=to, purpose=purpose))["party_id"]
        ringing = await self.becomes(lambda r: r.party(party_id).leg_id, "the party to be rung")
        leg = ringing.party(party_id).leg_id
        if purpose == "consult":
            await self.becomes(lambda r: r.held, "the customer to hear music")
        if joins:
            await self.call.party_answers(self.id, party_id, leg)
            await self.call.room("participant-join", f"party-{party_id}", leg)
        return party_id, leg


@asynccontextmanager
async def a_line(
    database_url: str, tmp_path: Path, *at_work: str, config: dict[str, Any] | None = None, **more: Any
) -> AsyncIterator[Line]:
    async with (
        twilio_fake() as twilio,
        open_test_hub(
            database_url,
            tmp_path,
            config=config or with_calls(),
            environment={"twilio_rest_url": twilio.url},
            **more,
        ) as hub,
        hub.at_work(*at_work) as desks,
    ):
        yield Line(hub, twilio, desks)
