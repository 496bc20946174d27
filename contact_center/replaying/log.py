"""Reads what was kept, and says where it is not what was written."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from contact_center.domain.time import Moment
from contact_center.storage import routing_log
from contact_center.storage.executor import Executor
from contact_center.storage.routing_log import Block
from routing.facts import Begun, Dated, NotReadable, decode

AT_ONCE = 8
"""Blocks read from the database together."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Problem:
    """A block that is not what was written: ``code`` is ``missing`` (the block, or the last ones of the run before),
    ``changed`` or ``not_readable``; ``text`` says more in English."""

    run: str
    number: int
    code: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class Run:
    id: str
    node: str
    heads: tuple[Block, ...]

    @property
    def first_at(self) -> Moment:
        return self.heads[0].first_at

    @property
    def facts(self) -> int:
        return sum(head.count for head in self.heads)


@dataclass(slots=True)
class Log:
    """What was kept between two moments: whole runs, each by itself what one engine was told from its beginning."""

    executor: Executor
    runs: list[Run]
    problems: list[Problem] = field(default_factory=list)

    @property
    def facts(self) -> int:
        return sum(run.facts for run in self.runs)

    @property
    def nodes(self) -> list[str]:
        return list(dict.fromkeys(run.node for run in self.runs))

    async def read(self, run: Run, progress: Progress = lambda done, whole: None) -> AsyncIterator[list[Dated]]:
        """The run's facts, block by block, up to the first that is missing or damaged; that is a problem then."""
        before = ""
        numbers = [head.number for head in run.heads]
        done = 0
        for start in range(0, len(numbers), AT_ONCE):
            some = await self.executor.read(
                routing_log.blocks, run.id, numbers[start], numbers[min(start + AT_ONCE, len(numbers)) - 1]
            )
            for block in some:
                facts = await self._facts(run, block, before, done)
                if facts is None:
                    return
                before = block.digest
                done += 1
                yield facts
                progress(block.count, run.facts)

    async def _facts(self, run: Run, block: Block, before: str, number: int) -> list[Dated] | None:
        if block.number != number:
            self.problems.append(Problem(run.id, number, "missing"))
            return None
        if block.digest_after(before) != block.digest:
            self.problems.append(Problem(run.id, number, "changed"))
            return None
        try:
            facts = list(decode(block.data))
        except NotReadable as error:
            self.problems.append(Problem(run.id, number, "not_readable", str(error)))
            return None
        if number == 0 and facts and isinstance(begun := facts[0][1], Begun) and begun.after:
            there = await self.executor.read(routing_log.follows, begun.after, run.node, run.first_at)
            if not there:
                self.problems.append(Problem(run.id, -1, "missing"))
        return facts


async def open_log(executor: Executor, first: Moment, last: Moment) -> Log:
    """What was kept between the two moments, by node and time."""
    touched = await executor.read(routing_log.heads, first, last)
    wanted = list(dict.fromkeys(head.run for head in touched))
    heads = await executor.read(routing_log.runs, wanted)
    return Log(executor, _runs(heads))


def _runs(heads: Sequence[Block]) -> list[Run]:
    runs = [
        Run(run, blocks[0].node, blocks)
        for run, group in groupby(heads, key=lambda head: head.run)
        if (blocks := tuple(group))
    ]
    return sorted(runs, key=lambda run: (run.node, run.first_at, run.id))
