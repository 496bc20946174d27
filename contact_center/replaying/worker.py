"""Tries a policy in a process of its own: what is asked comes in on standard input, the result goes out on standard
output, and how far it is on standard error, one line of JSON each time. Runs as
``python -m contact_center.replaying.worker``.

What is asked is ``{"database", "zone", "first", "last", "seed", "others"}``: a policy each in the terms of
:mod:`contact_center.replaying.telling`, with its ``label``; with ``"experiment": true`` what an experiment has shown
is reckoned instead. What is answered is ``{"result"}`` or ``{"problem"}``, a word of
:data:`contact_center.replaying.telling.Problem`.
"""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from contact_center.domain.errors import Unavailable
from contact_center.replaying.comparing import compare
from contact_center.replaying.day import NothingKept, recorded
from contact_center.replaying.log import Log, open_log
from contact_center.replaying.telling import Phase, Problem, experiment, rulebook_of, told
from contact_center.replaying.trying import NoExperiment, tried
from contact_center.storage.executor import open_executor

CPU_SECONDS = 900
MEMORY = 2 * 1024 * 1024 * 1024
NICE = 10
MOST_FACTS = 4_000_000
"""Half a million cases: more would not fit."""
EVERY = 0.005
"""How much further it must be to be told again."""


class _Progress:
    """Tells how far it is, now and then."""

    def __init__(self) -> None:
        self._told: tuple[str, float] = ("", 0.0)

    def __call__(self, phase: Phase, done: int, whole: int) -> None:
        share = done / whole if whole else 1.0
        if phase != self._told[0] or share - self._told[1] >= EVERY:
            self._told = (phase, share)
            sys.stderr.write(orjson.dumps([phase, done, whole]).decode() + "\n")
            sys.stderr.flush()


async def answer(asked: dict[str, Any]) -> dict[str, Any]:
    """What the process answers to what it was asked."""
    executor = open_executor(asked["database"])
    try:
        await executor.start(lambda _: None)
        log = await open_log(executor, asked["first"], asked["last"])
        if not log.runs:
            return _problem("nothing_kept")
        if log.facts > MOST_FACTS:
            return _problem("too_much")
        return {"result": await (_experiment if asked.get("experiment") else _compared)(log, asked)}
    except NothingKept:
        return _problem("nothing_kept")
    except NoExperiment:
        return _problem("no_experiment")
    except Unavailable:
        return _problem("unavailable")
    finally:
        await executor.stop()


def _problem(code: Problem) -> dict[str, Any]:
    return {"problem": code}


async def _compared(log: Log, asked: dict[str, Any]) -> dict[str, Any]:
    progress = _Progress()
    day = await recorded(log, asked["first"], asked["last"], lambda done, whole: progress("reading", done, whole))
    others = [(each["label"], rulebook_of(each)) for each in asked["others"]]
    compared = compare(day, others, asked["seed"], lambda done, whole: progress("simulating", done, whole))
    progress("telling", 0, 1)
    problems = [f"{each.run}/{each.number}: {each.code}" for each in log.problems]
    return {**told(compared, ZoneInfo(asked["zone"])), "problems": problems}


async def _experiment(log: Log, asked: dict[str, Any]) -> dict[str, Any]:
    progress = _Progress()
    return experiment(
        await tried(log, asked["first"], asked["last"], lambda done, whole: progress("reading", done, whole))
    )


def _be_modest() -> None:
    if sys.platform != "win32":
        import resource

        os.nice(NICE)
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main() -> None:
    # Whatever a library prints must not get into the answer.
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    _be_modest()
    asked = orjson.loads(sys.stdin.buffer.read())
    try:
        said = asyncio.run(answer(asked))
    except MemoryError:
        said = _problem("too_much")
    out.write(orjson.dumps(said))
    out.flush()


if __name__ == "__main__":
    main()
