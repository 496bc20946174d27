"""Waiting: a queue's documents, played again and again until the call is taken out of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from contact_center.sandbox import twiml
from contact_center.sandbox.carrier.leg import HungUp, Leg, Redirected, Source
from contact_center.sandbox.carrier.lives import Lives
from contact_center.sandbox.carrier.switchboard import Switchboard

SHORTEST_WAIT = 1.0
"""Seconds: a wait document is fetched at most this often, however little there is to hear in it."""
MAX_HASTY_DOCUMENTS = 50
_NOT_WHILE_WAITING = (twiml.Enqueue, twiml.Dial, twiml.Record, twiml.Message, twiml.Reject)


class Reader(Protocol):
    """Whoever reads documents to a leg."""

    def fetch(
        self, leg: Leg, source: Source, *, falls_back: bool = True
    ) -> Awaitable[tuple[twiml.Verb, ...] | None]: ...

    def carry_out(self, leg: Leg, step: twiml.Step) -> Awaitable[twiml.Happening]: ...

    def pass_time(self, leg: Leg, patience: float) -> Awaitable[None]: ...


class Waiting:
    def __init__(self, board: Switchboard, lives: Lives, reader: Reader) -> None:
        self._board = board
        self._lives = lives
        self._reader = reader

    async def enqueue(self, leg: Leg, verb: twiml.Enqueue) -> twiml.Returned:
        leg.queue = verb.queue
        leg.go("queue")
        entered_at, queue_sid = self._board.world.now(), "QU" + leg.sid[2:]
        self._board.world.note("call.queued", leg.who, sid=leg.sid, queue=verb.queue)

        def facts(result: str = "") -> dict[str, str]:
            waited = str((self._board.world.now() - entered_at) // 1000)
            known = {"QueueSid": queue_sid, "QueueTime": waited}
            return known | ({"QueueResult": result} if result else self._place(leg, verb.queue, waited))

        def told(result: str) -> None:
            # The answer to these is not executed: the call is already elsewhere.
            if verb.action:
                said = {**self._board.facts(leg), **facts(result)}
                self._board.spawn(self._board.tell(verb.action, said, leg.who, "voice left", verb.method))

        try:
            await self.wait(leg, verb.wait_url, verb.wait_method, facts)
            return twiml.Returned(facts("leave"))
        except HungUp:
            leg.status = "completed"
            told("hangup")
            raise
        except Redirected:
            told("redirected")
            raise
        finally:
            leg.queue = ""

    def _place(self, leg: Leg, queue: str, waited: str) -> dict[str, str]:
        waiting = [other for other in self._board.legs.values() if other.queue == queue]
        return {
            "QueuePosition": str(waiting.index(leg) + 1 if leg in waiting else 1),
            "CurrentQueueSize": str(len(waiting)),
            "AvgQueueTime": waited,
            "MaxQueueSize": "1000",
        }

    async def wait(self, leg: Leg, url: str | None, method: str, facts: Callable[[], dict[str, str]]) -> None:
        """Plays the wait document again and again until it says ``<Leave>``. Without one there is music (None)
        or silence (empty). Raises ``Interrupt``."""
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            if not url:
                leg.hold_music = url is None
                self._board.changed(leg)
                await self._reader.pass_time(leg, 60)
                continue
            if await self._one_round(leg, Source(url, method, facts())):
                return
            await self._reader.pass_time(leg, max(0.0, began + SHORTEST_WAIT - loop.time()))

    async def _one_round(self, leg: Leg, source: Source) -> bool:
        """One round of the wait document; True where it said ``<Leave>``."""
        for _ in range(MAX_HASTY_DOCUMENTS):
            verbs = await self._reader.fetch(leg, source, falls_back=False)
            # A wait document that fails doesn't end the call: the carrier goes on with its own music.
            if verbs is None:
                verbs = (twiml.Play("music:"),)
            allowed = tuple(verb for verb in verbs if not isinstance(verb, _NOT_WHILE_WAITING))
            position, step = twiml.step(twiml.Position(allowed), twiml.Begin())
            while not isinstance(step, twiml.Ask | twiml.End | twiml.LeaveQueue):
                leg.check()
                position, step = twiml.step(position, await self._reader.carry_out(leg, step))
            if isinstance(step, twiml.LeaveQueue):
                return True
            if isinstance(step, twiml.End):
                if step.how != "finished":
                    self._lives.hang_up(leg, "hub")
                    leg.check()
                return False
            source = Source(step.url, step.method, {**source.facts, **step.facts})
        return False
