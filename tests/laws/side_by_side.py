"""Histories one after another, in several processes that have a database each, until so many acts are done."""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import os
import queue
import signal
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any

import structlog

from tests.laws import nodes
from tests.laws.rules import LawBroken

TELLS_EVERY_S = 30.0
LOOKS_EVERY_S = 1.0
"""How soon it is noticed that a process is gone without a word."""


@dataclass(slots=True)
class Tally:
    """What was done."""

    acts: int = 0
    histories: int = 0
    claimed: int = 0
    lost: int = 0
    forged: int = 0

    def add(self, more: Tally) -> None:
        self.acts += more.acts
        self.histories += more.histories
        self.claimed += more.claimed
        self.lost += more.lost
        self.forged += more.forged

    def __str__(self) -> str:
        return (
            f"{self.acts:,} acts in {self.histories:,} histories: {self.claimed:,} claims, "
            f"{self.lost:,} came too late, {self.forged:,} forgeries"
        )


@dataclass(frozen=True, slots=True)
class Broken:
    """The history that could not be lived through. ``law`` is empty where it was no law."""

    seed: str
    law: str
    what: str
    where: str


def live(acts: int, seed: str, urls: Sequence[str], say: Callable[[str], None]) -> Tally:
    """Lives through histories until ``acts`` are done, a process for each of ``urls``; how far it is, is said every
    so often, and what was done so far also where it is broken off. Raises :class:`LawBroken`."""
    done = Tally()
    with _processes(seed, urls) as (told, running):
        progress = Progress(acts, say)
        try:
            while done.acts < acts:
                done.add(_next(told, running))
                progress.tell(done.acts)
        except BaseException:
            say(f"  broken off after {done}")
            raise
    return done


@contextmanager
def _processes(seed: str, urls: Sequence[str]) -> Iterator[tuple[Any, list[Any]]]:
    context = multiprocessing.get_context("spawn")
    told = context.Queue()
    running = [
        context.Process(target=_lives, args=(url, seed, first, len(urls), told), daemon=True)
        for first, url in enumerate(urls)
    ]
    try:
        for process in running:
            process.start()
        yield told, running
    finally:
        for process in running:
            process.kill()
        for process in running:
            process.join()


def _next(told: Any, running: Sequence[Any]) -> Tally:
    """The next history that was lived through."""
    while True:
        gone = [process for process in running if not process.is_alive()]
        try:
            news: Tally | Broken = told.get(timeout=LOOKS_EVERY_S)
        except queue.Empty:
            if gone:
                raise RuntimeError(f"A process ended with {gone[0].exitcode} and said nothing.") from None
            continue
        if isinstance(news, Tally):
            return news
        error = LawBroken(news.law, news.what) if news.law else RuntimeError(news.what)
        error.add_note(f"the history's seed is {news.seed!r}")
        error.add_note(news.where)
        raise error


def _lives(url: str, seed: str, first: int, step: int, told: Any) -> None:
    """In a process of its own: every so manieth history, until it is ended."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever began it ends it
    quiet()
    asyncio.run(_one_after_another(url, seed, first, step, told))


async def _one_after_another(url: str, seed: str, first: int, step: int, told: Any) -> None:
    async with nodes.Cluster(url) as cluster:
        for number in count(first, step):
            if os.getppid() != multiprocessing.parent_process().pid:  # type: ignore[union-attr]
                return
            name = f"{seed}/{number}"
            try:
                world = await nodes.live(cluster, name)
            except Exception as error:
                law = error.law if isinstance(error, LawBroken) else ""
                told.put(Broken(name, law, str(error), traceback.format_exc()))
                return
            told.put(Tally(world.steps, 1, world.claimed, world.lost, world.forged))


def quiet() -> None:
    """A line for each connection that a history cuts would be most of what such a run says. What a node does not
    survive is seen by the history itself."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))


class Progress:
    """Says now and then how far it is."""

    def __init__(self, of: int, say: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._of = of
        self._say = say
        self._clock = clock
        self._began = self._told = clock()

    def tell(self, done: int) -> None:
        now = self._clock()
        if now < self._told + TELLS_EVERY_S:
            return
        self._told = now
        pace = done / (now - self._began)
        left = max(0, self._of - done) / pace
        self._say(f"  {done:,} of {self._of:,} acts, {pace:.0f} a second, {_minutes(left)} left")


def _minutes(seconds: float) -> str:
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"
