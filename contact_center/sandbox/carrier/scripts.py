"""Scripted callers: steps carried out beside their calls, so that hundreds of them cost next to nothing."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from contact_center.sandbox.carrier.leg import Leg
from contact_center.sandbox.carrier.steps import Step

if TYPE_CHECKING:
    from contact_center.sandbox.carrier.exchange import Exchange

MAX_KEPT = 5_000
PATIENCE = 5.0
"""Seconds that a caller waits for somebody to listen before pressing or saying something."""
LISTENED_TO = 300
"""Characters of a line: an expression with two repetitions takes their third power at worst."""
_HEARD = frozenset({"say", "announce", "heard"})


@dataclass(slots=True)
class Performance:
    """How far a script has come. ``state``: ``running``, ``done``, ``stuck`` (what was waited for did not come) or
    ``over`` (the call ended before the script). ``took`` is how long each finished step lasted, in ms."""

    leg: Leg
    steps: tuple[Step, ...]
    state: Literal["running", "done", "stuck", "over"] = "running"
    step: int = 0
    took: list[int] = field(default_factory=list)
    heard_up_to: int = 0

    def shown(self) -> dict[str, Any]:
        return {
            "call_sid": self.leg.sid,
            "state": self.state,
            "step": self.step,
            "steps": len(self.steps),
            "took_ms": self.took,
        }


class Scripts:
    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self.kept: OrderedDict[str, Performance] = OrderedDict()

    def run(self, leg: Leg, steps: tuple[Step, ...]) -> Performance:
        performance = self.kept[leg.sid] = Performance(leg, steps)
        while len(self.kept) > MAX_KEPT:
            self.kept.popitem(last=False)
        self._exchange.board.spawn(self._perform(performance))
        return performance

    async def _perform(self, play: Performance) -> None:
        for step in play.steps:
            began = time.monotonic()
            if not await self._awaited(play, step):
                play.state = "stuck" if play.leg.live else "over"
                break
            if step.action and not await self._act(play, step):
                play.state = "over"
                break
            play.took.append(round((time.monotonic() - began) * 1000))
            play.step += 1
        else:
            play.state = "done"
        self._exchange.board.changed(play.leg)

    async def _awaited(self, play: Performance, step: Step) -> bool:
        leg = play.leg
        if not step.place and step.pattern is None:
            return True

        came = False

        def over() -> bool:
            nonlocal came
            came = self._is_at(leg, step.place) if step.place else self._heard(play, step)
            return came or (not leg.live and step.place != "ended")

        await leg.reach(over, step.within)
        return came

    def _heard(self, play: Performance, step: Step) -> bool:
        """Whether a line since the last one that was waited for has it."""
        assert step.pattern is not None
        for line in play.leg.lines:
            new = line["n"] >= play.heard_up_to and line["kind"] in _HEARD
            if new and step.pattern.search(line["text"][:LISTENED_TO]):
                play.heard_up_to = line["n"] + 1
                return True
        return False

    def _is_at(self, leg: Leg, place: str) -> bool:
        match place:
            case "answered":
                return leg.answered_at is not None
            case "listening":
                return leg.listening
            case "connected":
                return bool(self._exchange.others(leg))
            case "hold":
                _, member = self._exchange.seat(leg)
                return member is not None and member.hold
            case "music":
                return leg.hold_music
        return leg.where == place

    async def _act(self, play: Performance, step: Step) -> bool:
        """False where the call ended first."""
        leg, exchange = play.leg, self._exchange
        if step.action in ("press", "say"):
            await leg.reach(lambda: leg.listening or not leg.live, PATIENCE)
            if not leg.live:
                return False
            if step.action == "press":
                exchange.press(leg, step.text)
            else:
                exchange.speak(leg, step.text)
            # What is done is taken before the next thing is waited for.
            await asyncio.sleep(0)
            return True
        await leg.reach(lambda: not leg.live, step.seconds)
        if step.action == "hang_up":
            exchange.put_down(leg)
            await leg.reach(lambda: not leg.live, PATIENCE)
            return True
        return leg.live
