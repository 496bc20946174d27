"""A call that is only tried: the caller's side, a clock that is moved by hand, and everybody whom the flow asks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from contact_center.domain.calls import (
    Await,
    CallAction,
    Collect,
    Dial,
    HangUp,
    Hold,
    Pause,
    Play,
    Record,
    Say,
)
from contact_center.domain.events import Body, CallerInput, CallerRecorded, DialEnded, FlowStepped, ServiceAnswered
from contact_center.domain.time import SECOND, Millis, Moment
from ivr_flows.asks import Ask
from ivr_flows.flow import Flow, Step
from ivr_flows.places import place
from ivr_flows.prompts import written
from ivr_flows.turns import Did, QueueAsked, QueueFacts, Turn, advance, after_call, joined, start

TALKING_MS = 2 * SECOND
"""How long it takes the caller to press or to say something."""

MOST_TICKS = 10_000


@dataclass(frozen=True, slots=True)
class Reply:
    """What somebody answers whom the flow asked, and how long that takes."""

    outcome: str
    values: Mapping[str, str] = field(default_factory=dict)
    after_ms: Millis = 0


Answer = Callable[[Ask], Reply | None]
"""Who answers for everybody whom the flow asks; None lets the call wait (:meth:`Call.answered` tells it later)."""


class NotNow(Exception):
    """The caller cannot do this now: nobody would hear it."""


@dataclass(slots=True)
class Standing:
    """How it stands in the queue that the caller waits in."""

    place: int = 1
    size: int = 1
    estimate_ms: Millis | None = None
    open: bool = True
    staffed: bool = True


class Call:
    """``said`` is what was heard since the caller last did something, ``steps`` every step of the whole call,
    ``queue`` where the caller waits, ``over`` whether they were told goodbye."""

    def __init__(self, flow: Flow, now: Moment, answer: Answer) -> None:
        self.flow = flow
        self.now = now
        self.standing = Standing()
        self.said: list[str] = []
        self.steps: list[FlowStepped] = []
        self.happened: list[Body] = []
        self.asked: list[Ask] = []
        self.queue: QueueAsked | None = None
        self.pending: Ask | None = None
        self._answer = answer
        self._queued_at = now
        self._due: tuple[Moment, Reply] | None = None
        self._turn = Turn((HangUp(),), "", {}, (), over=True)

    # --- how it is --------------------------------------------------------------------------------------------

    @property
    def over(self) -> bool:
        return self._turn.over

    @property
    def variables(self) -> dict[str, str]:
        """Those that the flow can name."""
        return {name: value for name, value in self._turn.variables.items() if not name.startswith("_")}

    @property
    def step(self) -> str:
        """The name of the step that the call is at."""
        at = place(self._turn.position)
        return at.step if at else ""

    @property
    def at(self) -> Step | None:
        return self.flow.steps.get(self.step)

    @property
    def listening(self) -> CallAction:
        """The last that the call was told: what it waits for."""
        return self._turn.actions[-1]

    # --- what happens -----------------------------------------------------------------------------------------

    def begin(self, facts: Mapping[str, str]) -> None:
        self._take(start(self.flow, self.now, facts))

    def press(self, keys: str) -> None:
        told = self.listening
        if isinstance(told, Hold):
            self._expect(keys in told.keys and len(keys) == 1, f"the key {keys!r} does nothing here")
        else:
            self._expect(isinstance(told, Collect), "no keys are waited for")
        self._pass(TALKING_MS)
        secret = isinstance(told, Collect) and told.secret
        self._do(CallerInput(self._position(), digits=keys, secret=secret))

    def speak(self, words: str, confidence: float = 0.9) -> None:
        told = self.listening
        self._expect(isinstance(told, Collect) and told.speech, "nobody listens to words")
        self._pass(TALKING_MS)
        self._do(CallerInput(self._position(), speech=words, confidence=confidence))

    def wait(self) -> None:
        """The caller does nothing until the call comes back by itself."""
        match self.listening:
            case Collect(timeout_ms=ms):
                self._pass(ms)
            case Hold(ms=ms) | Await(ms=ms):
                self._pass(ms)
            case Record(silence_ms=ms):
                self._pass(ms)
                self._do(CallerRecorded(self._position()))
                return
            case _:
                raise NotNow("the call does not come back by itself")
        if self._due is not None and self._due[0] <= self.now:
            self._answered(self._due[1])
        else:
            self._do(CallerInput(self._position()))

    def record(self, ms: Millis, ended_by: str = "silence") -> None:
        self._expect(isinstance(self.listening, Record), "nothing is recorded")
        self._pass(ms)
        how = {"key": "key", "hang_up": "hang_up"}.get(ended_by, "silence")
        self._do(CallerRecorded(self._position(), "recording" if ms else "", ms, how))  # type: ignore[arg-type]

    def dialled(self, outcome: str, ms: Millis = 0) -> None:
        self._expect(isinstance(self.listening, Dial), "nobody is being rung")
        self._pass(ms)
        self._do(DialEnded(self._position(), outcome, ms))  # type: ignore[arg-type]

    def answered(self, reply: Reply) -> None:
        self._expect(self.pending is not None, "nobody was asked anything")
        self._pass(reply.after_ms)
        self._answered(reply)

    def talk(self, ms: Millis) -> bool:
        """An agent takes the call from the queue and ends the conversation; whether the flow goes on after it."""
        self._expect(self.queue is not None, "the caller waits in no queue")
        self._pass(ms)
        self.queue = None
        turn = after_call(self.flow, self._turn.variables, self.now)
        self._take(turn or replace(self._turn, actions=(HangUp(),), steps=(), enqueue=None, asks=None, over=True))
        return turn is not None

    # --- the clockwork ----------------------------------------------------------------------------------------

    def _expect(self, so: bool, otherwise: str) -> None:
        if not so:
            raise NotNow(otherwise)

    def _pass(self, ms: Millis) -> None:
        self.now += ms

    def _position(self) -> str:
        return getattr(self.listening, "position", self._turn.position)

    def _facts(self) -> QueueFacts | None:
        if self.queue is None:
            return None
        now = self.standing
        waited = self.now - self._queued_at
        return QueueFacts(now.place, now.size, waited, now.estimate_ms, now.open, now.staffed)

    def _do(self, did: Did) -> None:
        if not isinstance(did, ServiceAnswered) and self.pending is None:
            self.said = []
        # As the hub does it: from the position that was recorded last, which ticks of waiting are not.
        recorded = self.steps[-1].position if self.steps else self._turn.position
        self._take(advance(self.flow, recorded, self._turn.variables, did, self.now, self._facts()))

    def _answered(self, reply: Reply) -> None:
        ask = self.pending
        assert ask is not None
        self._due = None
        self._do(ServiceAnswered(ask.position, reply.outcome, dict(reply.values)))

    def _take(self, turn: Turn) -> None:
        """The turn is told to the call; whoever can answer at once does."""
        self.pending = turn.asks or (self.pending if isinstance(turn.actions[-1], Await) else None)
        if turn.asks is not None:
            self.asked.append(turn.asks)
            reply = self._answer(turn.asks)
            if reply is not None and not reply.after_ms:
                self._note(turn)
                answered = ServiceAnswered(turn.asks.position, reply.outcome, dict(reply.values))
                then = advance(self.flow, turn.position, turn.variables, answered, self.now, self._facts())
                self.pending = None
                self._take(replace(joined(turn, then), steps=then.steps, happened=then.happened))
                return
            self._due = (self.now + reply.after_ms, reply) if reply is not None else None
        self._note(turn)
        self._turn = turn
        self.said += spoken(turn.actions)
        if turn.asks is not None and self._due is not None:
            self._wait_for_answer()

    def _wait_for_answer(self) -> None:
        """Lets the time pass that the answer takes; the flow may have lost its patience before."""
        for _ in range(MOST_TICKS):
            if self._due is None or not isinstance(self.listening, Await):
                self._due = None
                return
            self.wait()

    def _note(self, turn: Turn) -> None:
        if turn.leaves_queue:
            self.queue = None
        if turn.enqueue is not None:
            self.queue, self._queued_at = turn.enqueue, self.now
        self.steps += turn.steps
        self.happened += turn.happened


def spoken(actions: tuple[CallAction, ...]) -> list[str]:
    """What is heard of it, in words."""
    found: list[str] = []
    for action in actions:
        prompts = getattr(action, "prompts", (action,) if isinstance(action, Say | Play) else ())
        words = written(tuple(prompt for prompt in prompts if not isinstance(prompt, Pause)))
        if words:
            found.append(words)
    return found
