"""A hub in memory, for tests of channels: it keeps its promises and lets the test see and break them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from channels.contract import Answer, Busy, Parsed, Shown
from contact_center.domain.events import InteractionEvent
from contact_center.domain.time import Moment


@dataclass(frozen=True, slots=True)
class Quarantined:
    source_id: str
    raw: bytes
    reason: str


@dataclass
class FakeHub:
    """Implements ``channels.contract.Hub``.

    ``events`` are the distinct ones that were taken in, ``deliveries`` all of them, repeated or not.
    ``busy_for`` refuses that many ``take_in`` calls. ``fail_on`` makes ``take_in`` raise what it returns.
    ``expect`` waits until a condition on the hub holds.
    """

    now_at: Moment = 1_790_000_000_000
    events: list[InteractionEvent] = field(default_factory=list)
    deliveries: list[InteractionEvent] = field(default_factory=list)
    taken: list[Parsed] = field(default_factory=list)
    quarantined: list[Quarantined] = field(default_factory=list)
    memory: dict[str, str] = field(default_factory=dict)
    reports: list[tuple[str, str]] = field(default_factory=list)
    shown: dict[str, list[Shown]] = field(default_factory=dict)
    attendance: dict[str, str] = field(default_factory=dict)
    typings: list[str] = field(default_factory=list)
    leased_elsewhere: set[str] = field(default_factory=set)
    busy_for: int = 0
    fail_on: Callable[[Parsed], Exception | None] = field(default=lambda _: None)
    _answers: dict[tuple[str, str], Answer] = field(default_factory=dict)
    _watchers: dict[str, list[Callable[[], None]]] = field(default_factory=dict)
    _waiting: set[asyncio.Event] = field(default_factory=set)

    def now(self) -> Moment:
        return self.now_at

    async def take_in(self, parsed: Parsed) -> Sequence[Answer]:
        if self.busy_for > 0:
            self.busy_for -= 1
            self._tell()
            raise Busy("The store is away.")
        failure = self.fail_on(parsed)
        if failure is not None:
            raise failure
        answers = [self._take(event) for event in parsed.events]
        self.taken.append(parsed)
        for event in parsed.events:
            self._wake(event.thread.key)
        self._tell()
        return answers

    async def quarantine(self, source_id: str, raw: bytes, reason: str) -> None:
        if all(kept.source_id != source_id for kept in self.quarantined):
            self.quarantined.append(Quarantined(source_id, raw, reason))
        self._tell()

    async def recall(self, key: str) -> str:
        return self.memory.get(key, "")

    async def remember(self, key: str, value: str) -> None:
        self.memory[key] = value
        self._tell()

    async def lease(self, what: str, seconds: float) -> bool:
        return what not in self.leased_elsewhere

    async def conversation(self, thread_key: str, after: int = 0, limit: int = 200) -> Sequence[Shown]:
        return [line for line in self.shown.get(thread_key, []) if line.seq > after][:limit]

    def watch(self, thread_key: str, wake: Callable[[], None]) -> Callable[[], None]:
        watchers = self._watchers.setdefault(thread_key, [])
        watchers.append(wake)

        def end() -> None:
            if wake in watchers:
                watchers.remove(wake)

        return end

    async def attended(self, thread_key: str) -> str:
        return self.attendance.get(thread_key, "none")

    async def typing(self, thread_key: str) -> None:
        self.typings.append(thread_key)
        self._tell()

    def report(self, state: Literal["ready", "degraded", "off"], reason: str = "") -> None:
        self.reports.append((state, reason))
        self._tell()

    # --- what a test does to it ---------------------------------------------------------------------------

    def say(self, thread_key: str, text: str, sender_name: str = "Mei") -> Shown:
        """An agent's line appears in the conversation."""
        lines = self.shown.setdefault(thread_key, [])
        line = Shown(len(lines) + 1, self.now_at, "agent", sender_name, text, f"event-{len(lines) + 1}")
        lines.append(line)
        self._wake(thread_key)
        return line

    def attend(self, thread_key: str, state: str) -> None:
        """``none | waiting | attended:<name> | ended``."""
        self.attendance[thread_key] = state
        self._wake(thread_key)

    async def expect(self, condition: Callable[[FakeHub], object], within: float = 100.0) -> None:
        """Returns as soon as ``condition(self)`` is true; fails the test if it isn't ``within`` seconds, which are so
        many because a busy machine is no failure."""

        changed = asyncio.Event()
        self._waiting.add(changed)
        try:
            async with asyncio.timeout(within):
                while not condition(self):
                    await changed.wait()
                    changed.clear()
        except TimeoutError:
            raise AssertionError(
                f"not within {within} s: {len(self.events)} events, {self.quarantined=}, {self.reports=}"
            ) from None
        finally:
            self._waiting.discard(changed)

    def watching(self, thread_key: str) -> int:
        return len(self._watchers.get(thread_key, []))

    def _take(self, event: InteractionEvent) -> Answer:
        self.deliveries.append(event)
        key = (event.channel, event.source_id)
        seen = self._answers.get(key)
        if seen is not None:
            return Answer(seen.interaction_id, seen.case_id, seen.event_id, repeated=True)
        self.events.append(event)
        number = len(self.events)
        answer = Answer(f"interaction-{number}", number, f"event-{number}")
        self._answers[key] = answer
        key_of_thread = event.thread.key
        if key_of_thread and event.kind == "message.received":
            lines = self.shown.setdefault(key_of_thread, [])
            text = getattr(event.body, "text", "")
            lines.append(Shown(len(lines) + 1, self.now_at, "customer", "", text, answer.event_id))
        return answer

    def _wake(self, thread_key: str) -> None:
        for wake in list(self._watchers.get(thread_key, [])):
            wake()

    def _tell(self) -> None:
        for changed in self._waiting:
            changed.set()
