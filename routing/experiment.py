"""Two policies on one floor, by turns: what can be said of their difference.

Agents serve everybody, so a case under one policy takes an agent from a case under the other: were cases split, each
policy would be measured in the other's queue. So the whole floor goes by one policy at a time, in blocks of time: a
switchback (Bojinov, Simchi-Levi and Zhao, "Design and Analysis of Switchback Experiments", Management Science 2023).
The blocks are drawn, so that neither policy always has the busy hour; what comes just after a switch still meets the
queue that the other policy left, and is not counted.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Literal

from contact_center.domain.time import Millis, Moment
from routing.figures import Figures, figures
from routing.simulation import Served
from routing.trials import Interval, paired, unpaired

Arm = Literal["a", "b"]


@dataclass(frozen=True, slots=True)
class Experiment:
    """``share`` of the blocks (between 0 and 1) go by the policy under trial, ``b``; with a half, one of each two
    that follow each other does. ``warm_up_ms`` after the beginning of a block isn't counted. Raises ValueError for
    what makes no sense."""

    name: str
    share: float
    block_ms: Millis
    warm_up_ms: Millis = 0

    def __post_init__(self) -> None:
        if not 0 < self.share < 1:
            raise ValueError("the share must lie between 0 and 1")
        if not 0 <= self.warm_up_ms < self.block_ms:
            raise ValueError("the warm-up must be shorter than a block")

    @property
    def in_pairs(self) -> bool:
        return self.share == 0.5

    def block(self, at: Moment) -> int:
        return at // self.block_ms

    def arm_of(self, block: int) -> Arm:
        """Drawn from the name and the block's number, so every node and every day after knows it."""
        if self.in_pairs:
            first = _drawn(f"{self.name} {block // 2}") < 0.5
            return "b" if first == (block % 2 == 0) else "a"
        return "b" if _drawn(f"{self.name} {block}") < self.share else "a"

    def arm(self, at: Moment) -> Arm:
        return self.arm_of(self.block(at))

    def next_switch(self, at: Moment) -> Moment:
        """When the arm may be another."""
        return (self.block(at) + 1) * self.block_ms

    def counts(self, at: Moment) -> bool:
        """Whether what comes then is counted."""
        return at % self.block_ms >= self.warm_up_ms


def _drawn(text: str) -> float:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:7], "big") / 2**56


@dataclass(frozen=True, slots=True)
class Measured:
    """A figure under both policies: the means of their blocks, and the difference (b less a)."""

    code: str
    a: float
    b: float
    difference: Interval


@dataclass(frozen=True, slots=True)
class Result:
    blocks: Mapping[Arm, int]
    cases: Mapping[Arm, int]
    measured: tuple[Measured, ...]
    not_counted: int


_FIGURES: Mapping[str, Callable[[Figures], float]] = {
    "service_level": lambda told: told.service_level,
    "mean_wait": lambda told: told.mean_wait_ms,
    "p90_wait": lambda told: told.p90_wait_ms,
    "abandonment": lambda told: told.abandonment,
}


def result(
    experiment: Experiment, cases: Iterable[Served], target_ms: Callable[[str], Millis], confidence: float = 0.95
) -> Result:
    """What the blocks say. A block is one trial. Of blocks in pairs both must have had cases."""
    by_block: dict[int, list[Served]] = {}
    not_counted = 0
    for case in cases:
        if experiment.counts(case.came_at):
            by_block.setdefault(experiment.block(case.came_at), []).append(case)
        else:
            not_counted += 1
    if experiment.in_pairs:
        lonely = [block for block in by_block if block ^ 1 not in by_block]
        not_counted += sum(len(by_block.pop(block)) for block in lonely)
    told = {block: figures(some, target_ms) for block, some in sorted(by_block.items())}
    arms: dict[Arm, list[Figures]] = {"a": [], "b": []}
    for block, each in told.items():
        arms[experiment.arm_of(block)].append(each)
    return Result(
        {arm: len(each) for arm, each in arms.items()},
        {arm: sum(block.came for block in each) for arm, each in arms.items()},
        tuple([_measured(code, of, arms, experiment.in_pairs, confidence) for code, of in _FIGURES.items()]),
        not_counted,
    )


def _measured(
    code: str, of: Callable[[Figures], float], arms: Mapping[Arm, Sequence[Figures]], in_pairs: bool, sure: float
) -> Measured:
    a, b = ([of(each) for each in arms[arm]] for arm in ("a", "b"))
    if in_pairs:
        difference = paired([after - before for before, after in zip(a, b, strict=True)], sure)
    else:
        difference = unpaired(a, b, sure)
    return Measured(code, fmean(a) if a else 0.0, fmean(b) if b else 0.0, difference)
