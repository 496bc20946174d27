"""What a difference is worth: how sure one can be of it, from how much it differed each time.

A day, or a stretch of one, is one trial: the cases in it share their agents and their queue, so they say nothing
independently of each other, and counting each of them would make any difference look sure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import cos, exp, inf, lgamma, pi, sqrt, tan
from statistics import fmean, stdev


@dataclass(frozen=True, slots=True)
class Interval:
    """``mean`` of ``trials``, and what it lies between with the confidence that was asked for. With fewer than two
    trials the ends are infinite: nobody can say."""

    mean: float
    low: float
    high: float
    trials: int

    @property
    def sure(self) -> bool:
        """Whether nothing is outside what it may be."""
        return self.low > 0 or self.high < 0


def paired(differences: Sequence[float], confidence: float = 0.95) -> Interval:
    """Of differences between two ways of the same trial: Student's t."""
    count = len(differences)
    mean = fmean(differences) if count else 0.0
    if count < 2:
        return Interval(mean, -inf, inf, count)
    half = student(count - 1, confidence) * stdev(differences) / sqrt(count)
    return Interval(mean, mean - half, mean + half, count)


def unpaired(one: Sequence[float], other: Sequence[float], confidence: float = 0.95) -> Interval:
    """Of ``other`` less ``one``, from different trials of unequal spread (Welch 1947)."""
    mean = (fmean(other) if other else 0.0) - (fmean(one) if one else 0.0)
    count = len(one) + len(other)
    if len(one) < 2 or len(other) < 2:
        return Interval(mean, -inf, inf, count)
    a, b = stdev(one) ** 2 / len(one), stdev(other) ** 2 / len(other)
    if a + b == 0:
        return Interval(mean, mean, mean, count)
    freedom = (a + b) ** 2 / (a**2 / (len(one) - 1) + b**2 / (len(other) - 1))
    half = student(freedom, confidence) * sqrt(a + b)
    return Interval(mean, mean - half, mean + half, count)


@lru_cache(maxsize=256)
def student(freedom: float, confidence: float) -> float:
    """How far from 0 Student's t with so many degrees of freedom stays with this confidence. (Beyond a thousand it is
    that of a thousand: two thousandths off at most.)"""
    freedom = min(freedom, 1_000.0)
    # With t = √ν·tan φ the area is that of cosine to the ν - 1: smooth, and between finite ends.
    scale = exp(lgamma((freedom + 1) / 2) - lgamma(freedom / 2)) / sqrt(pi)
    low, high = 0.0, pi / 2
    for _ in range(60):
        middle = (low + high) / 2
        if 2 * scale * _area(freedom, middle) < confidence:
            low = middle
        else:
            high = middle
    return sqrt(freedom) * tan(high)


def _area(freedom: float, angle: float, steps: int = 400) -> float:
    """Of cosine to the ``freedom - 1`` from 0 to ``angle``, by Simpson's rule."""
    width = angle / steps
    total: float = 1.0 + max(0.0, cos(angle)) ** (freedom - 1)
    for step in range(1, steps):
        total += (4 if step % 2 else 2) * cos(step * width) ** (freedom - 1)
    return total * width / 3
