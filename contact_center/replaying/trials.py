"""Policies on trial, one at a time on each node, each in a process that can be ended.

How far one is and what came of it stands in the database and is read from there alone, so that every node says the
same of it, at once and after a restart.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import orjson
import structlog

from contact_center import workers
from contact_center.domain.errors import TooLate, Unavailable
from contact_center.domain.occasion import Occasion
from contact_center.replaying.telling import Phase, Problem
from contact_center.storage import tried
from contact_center.storage.executor import Executor
from contact_center.storage.tried import Trial

log = structlog.get_logger(__name__)

DEADLINE_S = 1_200.0
TELL_S = 1.0
"""How often it is written down how far a trial is."""
MOST_ANSWER = 32 * 1024 * 1024
MOST_LAST_WORDS = 30
"""Lines that are kept of what a process says when it breaks off."""


@dataclass(slots=True)
class _Run:
    """What this node runs, and how far it is."""

    id: str
    phase: Phase = "reading"
    done: int = 0
    whole: int = 0


class Trials:
    """``holder`` is this node's name, the same after a restart. ``deadline`` is in seconds of wall-clock time for one
    trial."""

    def __init__(
        self,
        database: str,
        executor: Executor,
        make_occasion: Callable[[], Occasion],
        holder: str,
        deadline: float = DEADLINE_S,
    ) -> None:
        self._database = database
        self._executor = executor
        self._occasion = make_occasion
        self._holder = holder
        self._deadline = deadline
        self._run: _Run | None = None
        self._task: asyncio.Task[None] | None = None
        self._process: Process | None = None

    @property
    def pid(self) -> int | None:
        """The process that runs now, if one does."""
        return self._process.pid if self._process is not None else None

    async def start(self) -> None:
        """What ran here when this node died is broken off."""
        await self._break_off()

    async def begin(
        self, kind: Literal["policy", "experiment"], by: str, asked: Mapping[str, Any], question: Mapping[str, Any]
    ) -> Trial:
        """Starts one; ``question`` is what the process is asked beside where the database is. Raises
        :class:`TooLate` while another runs here."""
        if self._run is not None:
            raise TooLate("trial_running", "A policy is on trial already. Wait for it, or cancel it.")
        on = self._occasion()
        trial = Trial(on.new_id(), kind, by, on.now, asked, "running", "reading", 0, 0, "", 0)
        run = self._run = _Run(trial.id)
        try:
            await self._executor.write(tried.begin, trial, self._holder)
        except BaseException:
            self._run = None
            raise
        data = orjson.dumps({**question, "experiment": kind == "experiment", "database": self._database})
        self._task = asyncio.create_task(self._carry_out(run, data), name="trial")
        return trial

    async def remove(self, trial_id: str) -> bool:
        """Forgets the trial, and ends it if it runs here; another node that runs it ends it by itself. Whether it was
        there."""
        there = await self._executor.write(tried.remove, trial_id)
        if self._run is not None and self._run.id == trial_id:
            await self._end()
        return there

    async def ended(self) -> None:
        """Returns when nothing runs here any more."""
        if self._task is not None:
            await asyncio.wait([self._task])

    async def stop(self) -> None:
        """Ends what runs here; it is broken off."""
        if await self._end():
            with contextlib.suppress(Unavailable):  # it is told so in a while by itself
                await self._break_off()

    async def _break_off(self) -> None:
        await self._executor.write(tried.break_off, self._holder, self._occasion().now)

    async def _end(self) -> bool:
        """Whether anything ran."""
        task, self._task = self._task, None
        if task is None or task.done():
            return False
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return True

    # --- from its beginning to its end ------------------------------------------------------------------------------

    async def _carry_out(self, run: _Run, question: bytes) -> None:
        try:
            result, problem = await self._answer(run, question)
            await self._keep(run.id, await asyncio.to_thread(tried.packed, result), problem)
        except Exception:
            log.exception("trial_not_kept")  # it is told as broken off in a while
        finally:
            self._run = None

    async def _answer(self, run: _Run, question: bytes) -> tuple[Mapping[str, Any], Problem | Literal[""]]:
        # Nothing is told any more when the end is written down: whoever tells too late would take it for forgotten.
        this = asyncio.current_task()
        assert this is not None
        telling = asyncio.create_task(self._keep_telling(run, this.cancel), name="trial-progress")
        try:
            return await self._ask(run, question)
        except Exception:
            log.exception("trial_failed")
            return {}, "broken_off"
        finally:
            telling.cancel()
            await asyncio.gather(telling, return_exceptions=True)

    async def _keep(self, trial_id: str, result: bytes, problem: str) -> None:
        """However long the database is away: it was much work."""
        while True:
            try:
                return await self._executor.write(tried.end, trial_id, problem, result, self._occasion().now)
            except Unavailable:
                await asyncio.sleep(TELL_S)

    async def _keep_telling(self, run: _Run, forgotten: Callable[[], object]) -> None:
        """Until it is over, or ``forgotten`` by somebody, on whichever node."""
        while True:
            await asyncio.sleep(TELL_S)
            told = (run.id, run.phase, run.done, run.whole, self._occasion().now)
            try:
                wanted = await self._executor.write(tried.go_on, *told)
            except Unavailable:
                continue
            if not wanted:
                forgotten()
                return

    # --- the process ------------------------------------------------------------------------------------------------

    async def _ask(self, run: _Run, question: bytes) -> tuple[Mapping[str, Any], Problem | Literal[""]]:
        process = self._process = await workers.start("contact_center.replaying.worker", stderr=PIPE)
        last_words: deque[bytes] = deque(maxlen=MOST_LAST_WORDS)

        def heard(line: bytes) -> None:
            try:
                run.phase, run.done, run.whole = orjson.loads(line)
            except (ValueError, TypeError):
                last_words.append(line)

        try:
            async with asyncio.timeout(self._deadline):
                said = await workers.ask_once(process, question, heard, MOST_ANSWER)
        except TimeoutError:
            return {}, "too_long"
        finally:
            self._process = None
        if sys.platform != "win32" and process.returncode == -signal.SIGXCPU:
            return {}, "too_long"
        try:
            answer: dict[str, Any] = orjson.loads(said)
            return answer.get("result", {}), answer.get("problem", "")
        except orjson.JSONDecodeError:
            words = b"".join(last_words).decode("utf-8", "replace")
            log.error("trial_broken_off", code=process.returncode, told=words)
            return {}, "broken_off"
