"""What all parts of the exchange stand on: the legs there are, and the wire to the hub."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

import phonenumbers

from contact_center.sandbox.carrier.leg import Leg
from contact_center.sandbox.carrier.webhooks import Reply, Webhooks
from contact_center.sandbox.world import World

_T = TypeVar("_T")

API_VERSION = "2010-04-01"
MAX_LEGS_KEPT = 5_000


@dataclass(frozen=True, slots=True)
class Number:
    """A number of the hub's, and the addresses that are typed into the carrier for it."""

    number: str
    voice_url: str = ""
    voice_status_url: str = ""
    sms_url: str = ""
    voice_fallback_url: str = ""
    sms_fallback_url: str = ""


class Switchboard:
    """``base`` is where the carrier's own REST interface is found; it is known once the sandbox listens."""

    def __init__(self, world: World, webhooks: Webhooks, account: str, new_sid: Callable[[str], str]) -> None:
        self.world = world
        self.webhooks = webhooks
        self.account = account
        self.new_sid = new_sid
        self.base = ""
        self.legs: OrderedDict[str, Leg] = OrderedDict()
        self._tasks: set[asyncio.Task[Any]] = set()

    def add(self, leg: Leg) -> Leg:
        self.legs[leg.sid] = leg
        while len(self.legs) > MAX_LEGS_KEPT:
            oldest = next((sid for sid, old in self.legs.items() if not old.live), None)
            if oldest is None:
                break
            del self.legs[oldest]
        self.world.note(
            "call.placed",
            leg.who,
            sid=leg.sid,
            sender=leg.sender,
            recipient=leg.recipient,
            direction=leg.direction,
        )
        return leg

    async def tell(self, url: str, facts: Mapping[str, str], who: str, what: str, method: str = "POST") -> Reply:
        return await self.webhooks.call(url, facts, token=self.new_sid("")[:36], who=who, what=what, method=method)

    def callback(
        self, order: asyncio.Lock, url: str, facts: Mapping[str, str], who: str, what: str, method: str = "POST"
    ) -> None:
        """Tells the hub something, after all that was to be told before it in the same ``order``."""

        async def in_order() -> None:
            await self.webhooks.hold_back(what)
            async with order:
                await self.tell(url, facts, who, what, method)

        if url:
            self.spawn(in_order())

    def facts(self, leg: Leg) -> dict[str, str]:
        """What every voice webhook says of its call."""
        facts = {
            "AccountSid": self.account,
            "ApiVersion": API_VERSION,
            "CallSid": leg.sid,
            "CallStatus": leg.status,
            "Direction": leg.direction,
            "From": leg.sender,
            "Caller": leg.sender,
            "To": leg.recipient,
            "Called": leg.recipient,
            **places(leg.sender, leg.recipient),
        }
        if leg.caller_name:
            facts["CallerName"] = leg.caller_name
        if leg.parent_sid:
            facts["ParentCallSid"] = leg.parent_sid
        if leg.direction == "inbound":
            facts["StirVerstat"] = "TN-Validation-Passed-A"
        return facts

    def line(self, leg: Leg, kind: str, text: str, language: str = "", speaker: str = "") -> None:
        """Something was heard, said or pressed on ``leg``."""
        leg.add_line(kind, text, language, self.world.now(), speaker)
        self.world.note("call.line", leg.who, sid=leg.sid, line=kind, text=text, language=language, speaker=speaker)

    def error(self, leg: Leg, code: int, reason: str) -> None:
        self.world.note("carrier.error", leg.who, sid=leg.sid, code=code, reason=reason)

    def changed(self, leg: Leg) -> None:
        leg.stir()
        self.world.changed()

    def spawn(self, work: Coroutine[Any, Any, Any]) -> None:
        _ = self.start(work)

    def start(self, work: Coroutine[Any, Any, _T]) -> asyncio.Task[_T]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def close(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def seconds(leg: Leg) -> int:
    """How long the call lasted since it was answered, in whole seconds begun."""
    if leg.answered_at is None:
        return 0
    return -(-((leg.ended_at or leg.answered_at) - leg.answered_at) // 1000)


def places(sender: str, recipient: str) -> dict[str, str]:
    """Where the two numbers are, as the carrier adds it."""
    found = {"FromCountry": _country(sender), "ToCountry": _country(recipient)}
    return {name: value for name, value in found.items() if value}


def _country(number: str) -> str:
    try:
        return phonenumbers.region_code_for_number(phonenumbers.parse(number)) or ""
    except phonenumbers.NumberParseException:
        return ""


def lower(value: bool) -> str:
    return "true" if value else "false"


def iso(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
