"""One telephone on one call: what it is, what was heard on it, and what reaches it while it waits."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from contact_center.sandbox.carrier.tape import Recording
from contact_center.sandbox.twiml import Keys, Tape, Transcribe, Words

Where = Literal["dialling", "ringing", "menu", "queue", "conference", "bridged", "recording", "ended"]
LIVE = frozenset({"queued", "ringing", "in-progress"})
MAX_LINES = 400
LONGEST_CALL = 14_400.0
"""Seconds that a call lasts at most, where nothing else is said."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a leg's next document comes from: an address with facts, or (``text``) the document itself."""

    url: str
    method: str = "POST"
    facts: dict[str, str] = field(default_factory=dict)
    text: str | None = None


class Interrupt(Exception):
    """Something ends what the leg was doing."""


class HungUp(Interrupt):
    """The telephone was put down, by either side."""


class Redirected(Interrupt):
    """The hub sent the call somewhere else."""

    def __init__(self, source: Source) -> None:
        super().__init__(source.url)
        self.source = source


class Enough(Interrupt):
    """What the leg was kept waiting for has come."""


@dataclass(slots=True)
class Transcript:
    sid: str
    verb: Transcribe
    sequence: int = 0
    in_order: asyncio.Lock = field(default_factory=asyncio.Lock)


@dataclass(slots=True)
class Leg:
    """``direction`` in the carrier's words (``inbound``, ``outbound-api``, ``outbound-dial``); ``who`` is the
    virtual customer's number, empty for an agent's telephone. ``lines`` is all that was heard and said here:
    ``{n, at, kind, text, language, from}`` with kind ``say | announce | heard | music | beep | me | key | note``;
    ``from`` is the CallSid of whoever was ``heard``. ``partner`` is the leg it is bridged with."""

    sid: str
    sender: str
    recipient: str
    direction: Literal["inbound", "outbound-api", "outbound-dial"]
    created_at: int
    who: str = ""
    pace: float = 1.0
    status: str = "queued"
    where: Where = "dialling"
    parent_sid: str = ""
    caller_name: str = ""
    number: str = ""
    callback: str = ""
    callback_method: str = "POST"
    events: frozenset[str] = frozenset({"completed"})
    timeout: float = 60.0
    limit: float = LONGEST_CALL
    fallback: str = ""
    fallback_method: str = "POST"
    partner: str = ""
    invited_to: str = ""
    invited_as: str = ""
    record: Tape | None = None
    answered_at: int | None = None
    ended_at: int | None = None
    ended_by: str = ""
    conference: str = ""
    queue: str = ""
    hold_music: bool = False
    speaking: bool = False
    awaiting: dict[str, Any] | None = None
    sequence: int = 0
    lines: list[dict[str, Any]] = field(default_factory=list)
    dropped_lines: int = 0
    transcripts: list[Transcript] = field(default_factory=list)
    recordings: list[Recording] = field(default_factory=list)
    clock: asyncio.TimerHandle | None = None
    until: Callable[[], bool] | None = None
    interrupt: Interrupt | None = None
    answered: asyncio.Event = field(default_factory=asyncio.Event)
    over: asyncio.Event = field(default_factory=asyncio.Event)
    announcing: asyncio.Lock = field(default_factory=asyncio.Lock)
    in_order: asyncio.Lock = field(default_factory=asyncio.Lock)
    _lookers: set[asyncio.Event] = field(default_factory=set)
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _input: deque[Keys | Words] = field(default_factory=lambda: deque(maxlen=64))

    @property
    def live(self) -> bool:
        return self.status in LIVE

    @property
    def listening(self) -> bool:
        """Whether keys or words pressed or said now reach anybody."""
        talks = self.where in ("conference", "recording") or (self.where == "bridged" and self.partner != "")
        return self.awaiting is not None or talks

    @property
    def phone(self) -> str:
        """The number of the telephone that this is."""
        return self.sender if self.direction == "inbound" else self.recipient

    @property
    def recorded(self) -> bool:
        return any(recording.status == "in-progress" for recording in self.recordings)

    def add_line(self, kind: str, text: str, language: str, at: int, speaker: str = "") -> None:
        line = {"n": self.dropped_lines + len(self.lines), "at": at, "kind": kind, "text": text}
        self.lines.append(line | {"language": language, "from": speaker})
        if len(self.lines) > MAX_LINES:
            del self.lines[0]
            self.dropped_lines += 1
        self.stir()

    def go(self, where: Where) -> None:
        self.where = where
        self.stir()

    @contextmanager
    def looking(self) -> Iterator[asyncio.Event]:
        """An event that is set whenever this leg moves on or hears something. Whoever waits clears it."""
        event = asyncio.Event()
        self._lookers.add(event)
        try:
            yield event
        finally:
            self._lookers.discard(event)

    async def reach(self, there: Callable[[], bool], seconds: float) -> bool:
        """Waits until ``there()``; False where it did not come to that in ``seconds``."""
        with self.looking() as moved:
            try:
                async with asyncio.timeout(seconds):
                    while not there():
                        moved.clear()
                        await moved.wait()
            except TimeoutError:
                return False
        return True

    def stir(self) -> None:
        for event in self._lookers:
            event.set()

    def put_in(self, given: Keys | Words) -> None:
        self._input.append(given)
        self._wake.set()

    def stop(self, interrupt: Interrupt) -> None:
        """Ends what the leg is doing. Hanging up is final; of two redirections the later one counts."""
        if not isinstance(self.interrupt, HungUp):
            self.interrupt = interrupt
        self._wake.set()

    def wake(self) -> None:
        """Something that the leg may wait for has changed."""
        self._wake.set()

    def check(self) -> None:
        """Raises what has interrupted the leg. A redirection is thereby taken."""
        if isinstance(self.interrupt, HungUp):
            raise self.interrupt
        if self.interrupt is not None:
            interrupt, self.interrupt = self.interrupt, None
            raise interrupt
        if self.until is not None and self.until():
            raise Enough

    def put_back(self, given: list[Keys | Words]) -> None:
        """What was keyed in or said before anybody listened is heard first, once somebody does."""
        self._input.extendleft(reversed(given))

    async def next(self, seconds: float | None) -> Keys | Words | None:
        """What is keyed in or said next, or None after ``seconds``. Raises :class:`Interrupt`."""
        try:
            async with asyncio.timeout(seconds):
                while True:
                    self._wake.clear()
                    self.check()
                    if self._input:
                        return self._input.popleft()
                    await self._wake.wait()
        except TimeoutError:
            self.check()
            return None
