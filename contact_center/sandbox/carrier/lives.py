"""A leg's life: it rings, is answered, lasts, ends; and whoever asked is told of each."""

from __future__ import annotations

import asyncio
from email.utils import formatdate

from contact_center.sandbox.carrier.leg import Enough, HungUp, Interrupt, Leg
from contact_center.sandbox.carrier.phones import Phones
from contact_center.sandbox.carrier.recorder import Recorder
from contact_center.sandbox.carrier.switchboard import Switchboard, seconds
from contact_center.sandbox.carrier.transcripts import Transcripts

_AS_TOLD = {"initiated": "initiated", "ringing": "ringing", "answered": "in-progress"}


class Lives:
    def __init__(self, board: Switchboard, phones: Phones, recorder: Recorder, transcripts: Transcripts) -> None:
        self._board = board
        self._phones = phones
        self._recorder = recorder
        self._transcripts = transcripts

    async def ring(self, leg: Leg) -> str:
        """Lets it ring until something comes of it: ``answered``, ``busy``, ``no-answer``, ``failed`` or
        ``canceled``."""
        self.report(leg, "initiated")
        leg.status = "ringing"
        leg.go("ringing")
        manner, after = self._phones.manner(leg.recipient)
        if manner == "failed":
            return "failed"
        self._board.world.changed()
        self.report(leg, "ringing")
        if manner == "busy":
            return "busy"
        picked_up = None
        if manner == "answer":
            picked_up = asyncio.get_running_loop().call_later(after, self.answer, leg)
        leg.until = leg.answered.is_set
        try:
            await leg.next(leg.timeout)
        except Enough:
            return "answered"
        except HungUp:
            return "busy" if leg.ended_by in ("customer", "agent") else "canceled"
        except Interrupt:
            return "canceled"
        finally:
            leg.until = None
            if picked_up is not None:
                picked_up.cancel()
        return "no-answer"

    def answer(self, leg: Leg) -> None:
        leg.answered.set()
        leg.wake()

    def take_up(self, leg: Leg) -> None:
        """The call is answered. A call is, by the first verb that is not <Reject>: until then it rings."""
        if leg.answered_at is not None:
            return
        leg.status, leg.answered_at = "in-progress", self._board.world.now()
        leg.go("menu")
        leg.clock = asyncio.get_running_loop().call_later(leg.limit, self.hang_up, leg, "carrier")
        if leg.record is not None:
            self._recorder.begin("OutboundAPI", leg.record, leg=leg)
        self._board.world.note("call.answered", leg.who, sid=leg.sid)
        if leg.direction != "inbound":
            self.report(leg, "answered")

    def hang_up(self, leg: Leg, by: str) -> None:
        """``by``: ``customer``, ``agent``, ``hub`` or ``carrier``."""
        leg.ended_by = leg.ended_by or by
        leg.stop(HungUp())

    def finish(self, leg: Leg, status: str) -> None:
        leg.status, leg.awaiting, leg.partner = status, None, ""
        leg.hold_music = leg.speaking = False
        leg.ended_at = self._board.world.now()
        leg.ended_by = leg.ended_by or "hub"
        if leg.clock is not None:
            leg.clock.cancel()
        self._board.world.note(
            "call.ended", leg.who, sid=leg.sid, status=status, by=leg.ended_by, seconds=seconds(leg)
        )
        leg.go("ended")
        self._transcripts.stop_all(leg)
        self._recorder.end_all(leg.recordings)
        leg.over.set()
        self.report(leg, "completed")

    def report(self, leg: Leg, event: str) -> None:
        """A status callback, for whoever asked for ``event`` (initiated, ringing, answered, completed)."""
        if not leg.callback or event not in leg.events:
            return
        facts = {
            "CallStatus": _AS_TOLD.get(event, leg.status),
            "Timestamp": formatdate(self._board.world.now() / 1000),
            "CallbackSource": "call-progress-events",
            "SequenceNumber": str(leg.sequence),
        }
        leg.sequence += 1
        if event == "completed":
            facts |= {"CallDuration": str(seconds(leg)), "Duration": str(-(-seconds(leg) // 60))}
        told = {**self._board.facts(leg), **facts}
        self._board.callback(leg.in_order, leg.callback, told, leg.who, "voice status", leg.callback_method)
