"""Learns new models from cases that are over: when somebody asks, when agents have corrected enough, and every so
often. Reading happens a page at a time, learning in a process of its own that can be ended; of several nodes one
learns."""

from __future__ import annotations

import asyncio
import contextlib
from asyncio.subprocess import PIPE
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import orjson
import structlog

from contact_center import workers
from contact_center.domain.errors import TooLate, Unavailable
from contact_center.domain.occasion import Occasion
from contact_center.domain.time import HOUR, MINUTE
from contact_center.recognition.measuring import LEAST_EXAMPLES, Measured
from contact_center.recognition.model import Example, Model, digest
from contact_center.recognition.overruling import Spoken
from contact_center.recognition.policy import Rules, rules_of
from contact_center.recognition.recognise import SETTING, ready, words_of
from contact_center.recognition.worker import answered, asked
from contact_center.storage import leases, recognition, settings
from contact_center.storage.connection import Connection
from contact_center.storage.executor import Executor
from contact_center.storage.recognition import Past

log = structlog.get_logger(__name__)

LEASE = "recognition"
LEASE_MS = 15 * MINUTE
LOOK_S = 60.0
AGAIN_MS = HOUR
"""What cannot be learnt yet is not tried every minute."""
DEADLINE_S = 600.0
PAGE = 100
MOST_EXAMPLES = 5_000
MOST_LOOKED_AT = 50_000
MOST_OF_A_CUSTOMER = 20
"""Nobody teaches the house its language alone."""

Phase = Literal["idle", "reading", "learning", "failed"]


@dataclass(frozen=True, slots=True)
class Progress:
    """What the teacher does now: ``done`` of ``whole`` steps; ``problem`` is why the last training failed."""

    phase: Phase = "idle"
    done: int = 0
    whole: int = 0
    problem: str = ""


class CannotLearn(TooLate):
    """There is nothing to learn from, or learning failed; the message says which."""

    def __init__(self, message: str) -> None:
        super().__init__("cannot_learn", message)


class Teacher:
    def __init__(self, executor: Executor, make_occasion: Callable[[], Occasion], holder: str) -> None:
        self._executor = executor
        self._occasion = make_occasion
        self._holder = holder
        self._turn = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self._asked: asyncio.Task[int] | None = None
        self._tried_at = 0
        self.progress = Progress()

    async def start(self) -> None:
        self._task = asyncio.create_task(self._keep_learning(), name="teacher")

    async def stop(self) -> None:
        for task in (self._task, self._asked):
            if task is not None:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
        self._task = self._asked = None

    def begin(self) -> None:
        """Starts a training; :attr:`progress` says how it goes. Raises :class:`TooLate` while one runs."""
        if self._turn.locked() or (self._asked is not None and not self._asked.done()):
            raise TooLate("training", "A training is under way.")
        self.progress = Progress("reading")
        self._asked = asyncio.create_task(self.train(), name="training")
        self._asked.add_done_callback(_told)

    async def ended(self) -> None:
        """Returns when the training that was begun is over, whatever came of it."""
        if self._asked is not None:
            await asyncio.wait([self._asked])

    async def train(self) -> int:
        """Learns a new model from what there is and puts it into force; its version. Raises :class:`CannotLearn`."""
        async with self._turn:
            try:
                version = await self._train()
            except CannotLearn as error:
                self.progress = Progress("failed", problem=error.message)
                raise
            except BaseException:
                self.progress = Progress("failed", problem="It was broken off.")
                raise
            self.progress = Progress()
            return version

    async def _train(self) -> int:
        rules = await rules_to_learn_by(self._executor)
        self.progress = Progress("reading")
        examples, spoken = await gather(self._executor, rules, self._reading)
        self.progress = Progress("learning")
        model, packed, measured = await self._learn(examples, spoken)
        if not model.intents and not measured.overruled:
            raise CannotLearn(too_little(examples))
        now = self._occasion().now
        count = model.learnt_from
        version = await self._executor.write(
            recognition.add_model, now, packed, digest(packed), count, measured.stored()
        )
        await self._executor.read(ready)  # opened here, and not by the first case that comes
        return version

    def _reading(self, done: int, whole: int) -> None:
        self.progress = Progress("reading", done, whole)

    # --- by itself -----------------------------------------------------------------------------------------------

    async def _keep_learning(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                if not self._turn.locked() and await self.is_due():
                    await self.train()
            except CannotLearn as error:
                log.info("recognition_not_trained", reason=error.message)
            except Unavailable:
                log.warning("recognition_not_trained", reason="the database is away")
            except Exception:
                log.exception("recognition_not_trained")

    async def is_due(self) -> bool:
        """Whether a new model is to be learnt now, and by this node."""
        now = self._occasion().now
        if now - self._tried_at < AGAIN_MS or not await self._executor.read(_is_due, now):
            return False
        self._tried_at = now
        return await self._executor.write(leases.take, LEASE, self._holder, now, now + LEASE_MS)

    # --- the process ---------------------------------------------------------------------------------------------

    async def _learn(self, examples: list[Example], spoken: list[Spoken]) -> tuple[Model, bytes, Measured]:
        process = await workers.start("contact_center.recognition.worker", stderr=PIPE)
        try:
            async with asyncio.timeout(DEADLINE_S):
                told = await workers.ask_once(process, asked(examples, spoken), self._heard)
        except TimeoutError as error:
            raise CannotLearn("Learning took too long.") from error
        try:
            return answered(told)
        except (ValueError, KeyError, TypeError) as error:
            raise CannotLearn("Learning broke off.") from error

    def _heard(self, line: bytes) -> None:
        with contextlib.suppress(ValueError, TypeError):
            done, whole = orjson.loads(line)
            self.progress = Progress("learning", done, whole)


def _told(task: asyncio.Task[int]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None and not isinstance(error, CannotLearn):
        log.error("training_failed", error=repr(error))


def too_little(examples: list[Example]) -> str:
    return f"It takes two intents with {LEAST_EXAMPLES} closed cases each; there are {_counted(examples)}."


def _counted(examples: list[Example]) -> str:
    counts: dict[str, int] = {}
    for each in examples:
        counts[each.intent] = counts.get(each.intent, 0) + 1
    said = ", ".join(f"{intent or 'none'}: {count}" for intent, count in sorted(counts.items()))
    return said or "none that say what they were about"


def _is_due(conn: Connection, now: int) -> bool:
    rules = rules_of(settings.get(conn, SETTING, {}))
    if not rules.on:
        return False
    newest = next(iter(recognition.models(conn)), None)
    made_at = newest.made_at if newest else 0
    if rules.intents and rules.train_hours and now - made_at >= rules.train_hours * HOUR:
        return True
    return bool(rules.train_after) and recognition.said_since(conn, made_at) >= rules.train_after


# --- what is learnt from -----------------------------------------------------------------------------------------


async def rules_to_learn_by(executor: Executor) -> Rules:
    """The house's rules. Raises :class:`CannotLearn` where they name nothing that could be learnt."""
    rules = rules_of(await executor.read(settings.get, SETTING, {}))
    if not rules.intents and not rules.languages:
        raise CannotLearn("There are no intents: say under recognition: in the configuration what cases are about.")
    return rules


class Gathered(NamedTuple):
    """``examples`` say what they were about, ``spoken`` in which language they were (or nobody said anything)."""

    examples: list[Example]
    spoken: list[Spoken]


async def gather(
    executor: Executor, rules: Rules, progress: Callable[[int, int], None] = lambda done, whole: None
) -> Gathered:
    """The cases that are over, the latest first."""
    found: list[Example] = []
    spoken: list[Spoken] = []
    of_customer: dict[str, int] = {}
    before, looked_at = "", 0
    while len(found) < MOST_EXAMPLES and looked_at < MOST_LOOKED_AT:
        page = await executor.read(recognition.past_page, before, PAGE)
        for past in page:
            if len(spoken) < MOST_EXAMPLES and (heard := spoken_of(past)) is not None:
                spoken.append(heard)
            each = example_of(rules, past)
            if each is None or of_customer.get(each.customer, 0) >= MOST_OF_A_CUSTOMER:
                continue
            of_customer[each.customer] = of_customer.get(each.customer, 0) + 1
            found.append(each)
        looked_at += len(page)
        progress(min(len(found), MOST_EXAMPLES), MOST_EXAMPLES)
        if len(page) < PAGE:
            break
        before = page[-1].interaction_id
    return Gathered(found[:MOST_EXAMPLES], spoken)


def spoken_of(past: Past) -> Spoken | None:
    """In which language the interaction was, as far as anybody said; None where nothing was said to us."""
    record, text = past.record, words_of(past.lines)
    if not text or record.get("direction") != "inbound":
        return None
    said = record.get("language_said")
    return None if said == "" else Spoken(text, said or "", record["customer_id"])


def example_of(rules: Rules, past: Past) -> Example | None:
    """What the interaction teaches; None where nothing. What an agent said of it comes before how it ended. A queue
    that recognition itself chose says nothing: it would only agree with itself."""
    record = past.record
    text = words_of(past.lines)
    if not text or record.get("direction") != "inbound":
        return None
    said = record.get("intent")
    if said is not None and (not said or rules.intent(said)):
        return Example(text, said, record["customer_id"])
    queue = "" if record.get("recognised", {}).get("queue") else record.get("queue", "")
    intent = rules.label(record.get("disposition", ""), queue)
    return None if intent is None else Example(text, intent, record["customer_id"])
