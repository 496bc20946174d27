"""<Dial> with other telephones: all ring together, the first to answer talks with whoever dialled."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from contact_center.sandbox import twiml
from contact_center.sandbox.carrier.leg import Enough, HungUp, Interrupt, Leg, Redirected, Source
from contact_center.sandbox.carrier.lives import Lives
from contact_center.sandbox.carrier.phones import is_desk
from contact_center.sandbox.carrier.recorder import Recorder
from contact_center.sandbox.carrier.rooms import Rooms
from contact_center.sandbox.carrier.switchboard import Switchboard, seconds
from contact_center.sandbox.carrier.tape import Recording
from contact_center.sandbox.carrier.transcripts import Transcripts

Play = Callable[[Leg, Source], Awaitable[str]]
_WORST_LAST = ("failed", "no-answer", "busy", "completed")


class Bridges:
    def __init__(
        self, board: Switchboard, lives: Lives, recorder: Recorder, transcripts: Transcripts, rooms: Rooms
    ) -> None:
        self._board = board
        self._lives = lives
        self._recorder = recorder
        self._transcripts = transcripts
        self._rooms = rooms

    async def connect(self, leg: Leg, dial: twiml.Dial, target: twiml.Target, play: Play) -> twiml.Returned:
        """Until the one or the other hangs up, or nobody answered. ``play`` is how the called party first hears a
        document of its own. Raises ``Interrupt``."""
        if not dial.answer_on_bridge:
            self._lives.take_up(leg)
        call = _Call(dial, leg)
        for one in (target, *dial.others):
            child = self._board.add(self._child(leg, dial, one))
            call.children.append(child)
            task = self._board.start(self._run(call, child, one, play))
            task.add_done_callback(lambda _: leg.wake())
        if dial.record is not None and dial.record_ringing:
            call.recording = self._recorder.begin("DialVerb", dial.record, leg=leg)
        leg.go("bridged")
        leg.until = call.is_over
        try:
            await self._talk(call)
        except Enough:
            pass
        except HungUp:
            self._rooms.left_for_good(leg, dial, self._facts(call, "completed" if call.answered else "no-answer"))
            raise
        finally:
            leg.until, leg.partner = None, ""
            for child in call.children:
                self._lives.hang_up(child, "hub")
            if call.recording is not None:
                self._recorder.end(call.recording)
        leg.go("menu" if leg.answered_at else "ringing")
        return twiml.Returned(self._facts(call, call.outcome()))

    async def _talk(self, call: _Call) -> None:
        leg = call.leg
        while True:
            given = await leg.next(None)
            if isinstance(given, twiml.Words):
                self._said(leg, given)
            elif isinstance(given, twiml.Keys) and call.dial.hang_up_on_star and "*" in given.digits:
                return

    def _said(self, leg: Leg, words: twiml.Words) -> None:
        other = self._board.legs.get(leg.partner)
        self._transcripts.hear(leg, words)
        self._recorder.hear(leg, "inbound", words.text)
        if other is not None and other.live:
            self._board.line(other, "heard", words.text, speaker=leg.sid)
            self._transcripts.hear(other, words, "outbound_track")
            self._recorder.hear(other, "outbound", words.text)

    def _child(self, leg: Leg, dial: twiml.Dial, target: twiml.Target) -> Leg:
        return Leg(
            sid=self._board.new_sid("CA"),
            sender=dial.caller_id or leg.sender,
            recipient=target.address,
            direction="outbound-dial",
            created_at=self._board.world.now(),
            who="" if is_desk(target.address) else target.address,
            parent_sid=leg.sid,
            pace=leg.pace,
            callback=target.callback,
            callback_method=target.callback_method,
            events=target.events,
            timeout=dial.timeout,
        )

    async def _run(self, call: _Call, child: Leg, target: twiml.Target, play: Play) -> None:
        outcome = await self._lives.ring(child)
        if outcome == "answered" and call.answered is not None:
            outcome = "canceled"
        if outcome == "answered":
            outcome = "completed"
            call.answered = child
            for other in call.children:
                if other is not child:
                    self._lives.hang_up(other, "hub")
            self._lives.take_up(child)
            try:
                if not target.url or await play(child, Source(target.url, target.method)) != "hangup":
                    await self._together(call, child)
            except Redirected as redirected:
                # The hub takes the called party elsewhere: it goes on there, and this dial is over.
                call.moved = True
                call.leg.wake()
                await self._go_on(child, redirected.source, play)
            except Interrupt:
                pass
        self._lives.finish(child, outcome)
        call.leg.wake()

    async def _together(self, call: _Call, child: Leg) -> None:
        leg = call.leg
        self._lives.take_up(leg)
        leg.partner, child.partner = child.sid, leg.sid
        leg.go("bridged")
        child.go("bridged")
        if call.dial.record is not None and call.recording is None:
            call.recording = self._recorder.begin("DialVerb", call.dial.record, leg=leg)
        limit = asyncio.get_running_loop().call_later(call.dial.time_limit, self._lives.hang_up, child, "carrier")
        self._board.world.changed()
        try:
            while True:
                given = await child.next(None)
                if isinstance(given, twiml.Words):
                    self._said(child, given)
        finally:
            limit.cancel()
            child.partner = ""

    async def _go_on(self, child: Leg, source: Source, play: Play) -> None:
        while True:
            try:
                await play(child, source)
                return
            except Redirected as again:
                source = again.source
            except Interrupt:
                return

    def _facts(self, call: _Call, status: str) -> dict[str, str]:
        child = call.answered or call.children[0]
        facts = {
            "DialCallStatus": status,
            "DialCallSid": child.sid,
            "DialBridged": "true" if child.answered_at else "false",
            "DialCallDuration": str(seconds(child)),
        }
        if call.recording is not None:
            facts["RecordingSid"] = call.recording.sid
            facts["RecordingUrl"] = self._recorder.url(call.recording)
        return facts


class _Call:
    """One <Dial>: who rings, who answered."""

    def __init__(self, dial: twiml.Dial, leg: Leg) -> None:
        self.dial = dial
        self.leg = leg
        self.children: list[Leg] = []
        self.answered: Leg | None = None
        self.moved = False
        self.recording: Recording | None = None

    def is_over(self) -> bool:
        return self.moved or all(child.over.is_set() for child in self.children)

    def outcome(self) -> str:
        if self.answered is not None:
            return "completed"
        statuses = [child.status for child in self.children]
        return max(statuses, key=lambda one: _WORST_LAST.index(one) if one in _WORST_LAST else -1)
