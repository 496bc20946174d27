"""Policies on trial, one at a time, each in a process that can be ended; what came of them is kept for a while.

Nothing of a trial is stored: a restart forgets it, and whoever wants it asks again. Each node has its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import orjson
import structlog

from contact_center.domain.errors import TooLate
from contact_center.domain.occasion import Occasion
from contact_center.domain.time import HOUR, Millis, Moment
from contact_center.replaying.telling import Phase, Problem

log = structlog.get_logger(__name__)

DEADLINE_S = 1_200.0
MOST_KEPT = 8
KEEP_MS = 24 * HOUR
MOST_ANSWER = 32 * 1024 * 1024
MOST_LAST_WORDS = 30
"""Lines that are kept of what a process says when it breaks off."""
_ROOT = Path(__file__).resolve().parents[2]

State = Literal["running", "done", "failed"]


@dataclass(slots=True)
class Trial:
    """``asked`` is what a console shows of it: the days, the policy's name. ``done`` of ``whole`` steps of ``phase``.
    ``problem`` says why there is no ``result``."""

    id: str
    kind: Literal["policy", "experiment"]
    by: str
    began_at: Moment
    asked: Mapping[str, Any]
    state: State = "running"
    phase: Phase = "reading"
    done: int = 0
    whole: int = 0
    problem: Problem | Literal[""] = ""
    ended_at: Moment = 0
    result: Mapping[str, Any] = field(default_factory=dict)

    def brief(self) -> dict[str, Any]:
        """Without the result."""
        names = ("id", "kind", "by", "began_at", "ended_at", "asked", "state", "phase", "done", "whole", "problem")
        return {name: getattr(self, name) for name in names}


class Trials:
    """``deadline`` is in seconds of wall-clock time for one trial."""

    def __init__(self, database: str, make_occasion: Callable[[], Occasion], deadline: float = DEADLINE_S) -> None:
        self._database = database
        self._occasion = make_occasion
        self._deadline = deadline
        self._kept: dict[str, Trial] = {}
        self._task: asyncio.Task[None] | None = None
        self._process: Process | None = None

    @property
    def pid(self) -> int | None:
        """The process that runs now, if one does."""
        return self._process.pid if self._process is not None else None

    @property
    def running(self) -> Trial | None:
        return next((trial for trial in self._kept.values() if trial.state == "running"), None)

    def every(self) -> list[Trial]:
        """What is kept, the newest first."""
        self._let_go()
        return list(reversed(self._kept.values()))

    def get(self, trial_id: str) -> Trial | None:
        self._let_go()
        return self._kept.get(trial_id)

    def begin(
        self, kind: Literal["policy", "experiment"], by: str, asked: Mapping[str, Any], question: Mapping[str, Any]
    ) -> Trial:
        """Starts one; ``question`` is what the process is asked beside where the database is. Raises
        :class:`TooLate` while another runs."""
        if self.running is not None:
            raise TooLate("trial_running", "A policy is on trial already. Wait for it, or cancel it.")
        on = self._occasion()
        trial = Trial(on.new_id(), kind, by, on.now, asked)
        self._kept[trial.id] = trial
        self._let_go()
        data = orjson.dumps({**question, "experiment": kind == "experiment", "database": self._database})
        self._task = asyncio.create_task(self._run(trial, data), name="trial")
        return trial

    async def remove(self, trial_id: str) -> bool:
        """Ends the trial if it runs, and forgets it. Whether it was there."""
        trial = self._kept.get(trial_id)
        if trial is None:
            return False
        if trial.state == "running":
            await self.stop()
        self._kept.pop(trial_id, None)
        return True

    async def ended(self) -> None:
        """Returns when nothing runs any more."""
        if self._task is not None:
            await asyncio.wait([self._task])

    async def stop(self) -> None:
        """Ends what runs."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def _let_go(self) -> None:
        before: Millis = self._occasion().now - KEEP_MS
        over = [trial for trial in self._kept.values() if trial.state != "running"]
        for number, trial in enumerate(over):
            if trial.ended_at < before or number < len(over) - MOST_KEPT:
                del self._kept[trial.id]

    # --- the process ------------------------------------------------------------------------------------------------

    async def _run(self, trial: Trial, question: bytes) -> None:
        try:
            trial.result, trial.problem = await self._ask(trial, question)
        except asyncio.CancelledError:
            trial.problem = "cancelled"
            raise
        except Exception:
            log.exception("trial_failed")
            trial.problem = "broken_off"
        finally:
            trial.state = "failed" if trial.problem else "done"
            trial.ended_at = self._occasion().now

    async def _ask(self, trial: Trial, question: bytes) -> tuple[Mapping[str, Any], Problem | Literal[""]]:
        process = self._process = await _start()
        last_words: deque[bytes] = deque(maxlen=MOST_LAST_WORDS)
        try:
            async with asyncio.timeout(self._deadline):
                said = await _talk(process, question, trial, last_words)
        except TimeoutError:
            return {}, "too_long"
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
            await process.wait()
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


async def _start() -> Process:
    # -P: wherever the hub was started from must not lend the process its modules. The environment holds no secret.
    environment = {"PATH": os.environ.get("PATH", ""), "PYTHONPATH": str(_ROOT), "PYTHONUTF8": "1"}
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "contact_center.replaying.worker"),
        stdin=PIPE,
        stdout=PIPE,
        stderr=PIPE,
        cwd=_ROOT,
        env=environment,
        start_new_session=True,
    )


async def _talk(process: Process, question: bytes, trial: Trial, last_words: deque[bytes]) -> bytes:
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    answer = asyncio.create_task(_all_of(process.stdout))
    try:
        with contextlib.suppress(ConnectionError):
            process.stdin.write(question)
            await process.stdin.drain()
            process.stdin.close()
        async for line in process.stderr:
            try:
                trial.phase, trial.done, trial.whole = orjson.loads(line)
            except (ValueError, TypeError):
                last_words.append(line)
        return await answer
    finally:
        answer.cancel()


async def _all_of(stream: asyncio.StreamReader) -> bytes:
    """As much as an answer may be."""
    got = bytearray()
    while len(got) <= MOST_ANSWER and (piece := await stream.read(65_536)):
        got += piece
    return bytes(got) if len(got) <= MOST_ANSWER else b""
