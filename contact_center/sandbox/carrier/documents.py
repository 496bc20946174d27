"""Documents read to a leg: fetched, heard, listened to, and each followed by the one that it asks for."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from contact_center.sandbox import twiml
from contact_center.sandbox.carrier.bridges import Bridges
from contact_center.sandbox.carrier.leg import Enough, Leg, Source
from contact_center.sandbox.carrier.lives import Lives
from contact_center.sandbox.carrier.recorder import Recorder
from contact_center.sandbox.carrier.rooms import Rooms
from contact_center.sandbox.carrier.switchboard import Switchboard
from contact_center.sandbox.carrier.transcripts import Transcripts
from contact_center.sandbox.carrier.voicemail import Voicemail
from contact_center.sandbox.carrier.waiting import MAX_HASTY_DOCUMENTS, Waiting
from contact_center.sandbox.carrier.webhooks import Reply

APOLOGY = "We are sorry, an application error has occurred. Goodbye."
HASTY = 0.25
"""Seconds. ``MAX_HASTY_DOCUMENTS`` in a row, none of which took so long, are a call that goes in circles."""
MAX_PARTIALS = 4


class Documents:
    def __init__(
        self,
        board: Switchboard,
        lives: Lives,
        rooms: Rooms,
        bridges: Bridges,
        recorder: Recorder,
        transcripts: Transcripts,
    ) -> None:
        self._board = board
        self._lives = lives
        self._rooms = rooms
        self._bridges = bridges
        self._recorder = recorder
        self._transcripts = transcripts
        self._voicemail = Voicemail(board, recorder)
        self._waiting = Waiting(board, lives, self)

    async def play(self, leg: Leg, source: Source) -> str:
        """Plays documents, each asked for by the one before. Returns how it ended (``finished``, ``hangup``,
        ``rejected``, ``busy``); raises ``Interrupt``."""
        loop, hasty = asyncio.get_running_loop(), 0
        while True:
            began = loop.time()
            verbs = await self.fetch(leg, source)
            if verbs is None:
                self._lives.take_up(leg)
                await self._hear(leg, twiml.Say(APOLOGY), None)
                return "hangup"
            position, step = twiml.step(twiml.Position(verbs), twiml.Begin())
            while not isinstance(step, twiml.Ask | twiml.End | twiml.LeaveQueue):
                leg.check()
                if not _waits_for_an_answer(step):
                    self._lives.take_up(leg)
                happened = await self.carry_out(leg, step)
                position, step = twiml.step(position, happened)
            if isinstance(step, twiml.End) and step.how in ("busy", "rejected"):
                return step.how
            if not isinstance(step, twiml.Ask):
                self._lives.take_up(leg)
                return step.how if isinstance(step, twiml.End) else "hangup"
            hasty = hasty + 1 if loop.time() - began < HASTY else 0
            if hasty > MAX_HASTY_DOCUMENTS:
                self._board.error(leg, 12205, "The documents redirect to each other without end.")
                return "hangup"
            source = Source(step.url, step.method, dict(step.facts))

    async def carry_out(self, leg: Leg, step: twiml.Step) -> twiml.Happening:
        match step:
            case twiml.Hear(prompt, gather):
                return await self._hear(leg, prompt, gather)
            case twiml.Listen(gather, typed, patience):
                with self._listening(leg, gather, typed):
                    given = await leg.next(patience)
                return self._taken(leg, gather, given) or twiml.Silence()
            case twiml.Do(verb):
                return await self._do(leg, verb)
        return await leg.next(None) or twiml.Silence()

    async def _do(self, leg: Leg, verb: twiml.Verb) -> twiml.Happening:
        match verb:
            case twiml.Transcribe():
                self._transcripts.carry_out(leg, verb)
            case twiml.Taping(tape):
                self._tape(leg, tape)
            case twiml.Enqueue():
                return await self._waiting.enqueue(leg, verb)
            case twiml.Dial(twiml.Conference() as conference):
                return await self._rooms.confer(leg, verb, conference, self._waiting.wait)
            case twiml.Dial(twiml.Target() as target):
                return await self._bridges.connect(leg, verb, target, self.play)
            case twiml.Record():
                return await self._voicemail.record(leg, verb)
        return twiml.Done()

    def _tape(self, leg: Leg, tape: twiml.Tape | None) -> None:
        if tape is None:
            self._recorder.end_all(leg.recordings)
        else:
            self._recorder.begin("StartCallRecordingTwiML", tape, leg=leg)

    # --- fetching -------------------------------------------------------------------------------------------

    async def fetch(self, leg: Leg, source: Source, *, falls_back: bool = True) -> tuple[twiml.Verb, ...] | None:
        """The next document; None where there is no good one, at its own address or at the fallback's (which is
        told ``ErrorCode`` and ``ErrorUrl``). A caller who hangs up meanwhile isn't kept."""
        leg.check()
        verbs, code = await self._read(leg, source, "voice")
        if verbs is None and falls_back and leg.fallback:
            facts = {**source.facts, "ErrorCode": str(code), "ErrorUrl": source.url}
            fallback = Source(leg.fallback, leg.fallback_method, facts)
            verbs, _ = await self._read(leg, fallback, "voice fallback")
        return verbs

    async def _read(self, leg: Leg, source: Source, what: str) -> tuple[tuple[twiml.Verb, ...] | None, int]:
        """The document, or None and what was wrong with it."""
        text = source.text
        if text is None:
            reply = await self._ask(leg, source, what)
            if reply.error:
                self._board.error(leg, reply.error, reply.reason)
                return None, reply.error
            text = reply.text
        try:
            return twiml.read(text, source.url), 0
        except twiml.Unreadable as unreadable:
            self._board.error(leg, unreadable.code, unreadable.reason)
            return None, unreadable.code

    async def _ask(self, leg: Leg, source: Source, what: str) -> Reply:
        told = {**self._board.facts(leg), **source.facts}
        asked = self._board.start(self._board.tell(source.url, told, leg.who, what, source.method))
        asked.add_done_callback(lambda _: leg.wake())
        previous = leg.until
        leg.until = lambda: asked.done() or bool(previous and previous())
        try:
            while not asked.done():
                await leg.next(None)
        except Enough:
            if not asked.done():
                raise
        finally:
            leg.until = previous
        return asked.result()

    # --- hearing and listening ------------------------------------------------------------------------------

    async def _hear(self, leg: Leg, prompt: twiml.Prompt, gather: twiml.Gather | None) -> twiml.Happening:
        if isinstance(prompt, twiml.Say):
            self._board.line(leg, "say", prompt.text, prompt.language)
            self._recorder.hear(leg, "outbound", prompt.text)
        elif isinstance(prompt, twiml.Play):
            self._board.line(leg, "music" if prompt.url else "note", prompt.url or prompt.digits)
        leg.speaking, leg.hold_music = isinstance(prompt, twiml.Say), isinstance(prompt, twiml.Play)
        patience = twiml.lasts(prompt) * leg.pace
        try:
            if gather is None:
                await self.pass_time(leg, patience)
                return twiml.Done()
            with self._listening(leg, gather, ""):
                if not gather.barge_in:
                    leg.put_back(await self._collect(leg, patience))
                    return twiml.Done()
                return self._taken(leg, gather, await leg.next(patience)) or twiml.Done()
        finally:
            leg.speaking = leg.hold_music = False

    async def pass_time(self, leg: Leg, patience: float) -> None:
        """Lets time go by; whatever is keyed in or said meanwhile is heard by nobody."""
        await self._collect(leg, patience)

    async def _collect(self, leg: Leg, patience: float) -> list[twiml.Keys | twiml.Words]:
        loop = asyncio.get_running_loop()
        end, given = loop.time() + patience, []
        while (one := await leg.next(max(0.0, end - loop.time()))) is not None:
            given.append(one)
        return given

    def _taken(
        self, leg: Leg, gather: twiml.Gather, given: twiml.Keys | twiml.Words | None
    ) -> twiml.Keys | twiml.Words | None:
        """Words are told as they are understood, before they are told as a whole."""
        if isinstance(given, twiml.Words) and gather.speech and gather.partial_callback:
            self._board.spawn(self._partials(leg, gather, given.text.split() or [given.text]))
        return given

    async def _partials(self, leg: Leg, gather: twiml.Gather, words: list[str]) -> None:
        for number in range(min(len(words), MAX_PARTIALS)):
            facts = {
                "UnstableSpeechResult": " ".join(words[: number + 1]),
                "StableSpeechResult": " ".join(words[:number]),
                "Stability": "0.80000000",
                "Confidence": "0.0",
                "Language": gather.language,
                "SequenceNumber": str(number),
            }
            told = {**self._board.facts(leg), **facts}
            await self._board.tell(gather.partial_callback, told, leg.who, "voice partial", gather.partial_method)

    @contextmanager
    def _listening(self, leg: Leg, gather: twiml.Gather, typed: str) -> Iterator[None]:
        leg.awaiting = {
            "digits": gather.digits,
            "speech": gather.speech,
            "max_digits": gather.num_digits,
            "finish_on": gather.finish_on,
            "typed": typed,
            "language": gather.language,
        }
        self._board.changed(leg)
        try:
            yield
        finally:
            leg.awaiting = None


def _waits_for_an_answer(step: twiml.Step) -> bool:
    """A caller who is connected only once somebody answers still hears it ring."""
    verb = step.verb if isinstance(step, twiml.Do) else None
    return isinstance(verb, twiml.Dial) and verb.answer_on_bridge and isinstance(verb.target, twiml.Target)
