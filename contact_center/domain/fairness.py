"""How evenly work lies on people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from contact_center.domain.time import Millis, Moment

Span = tuple[Moment, Moment]


def gini(shares: Sequence[float]) -> float:
    """0 where all have the same, towards 1 where one has everything (Gini 1912). 0 for nobody and for nothing."""
    ordered = sorted(shares)
    whole = sum(ordered)
    if whole <= 0:
        return 0.0
    weighted = sum(place * share for place, share in enumerate(ordered, 1))
    return max(0.0, (2 * weighted / whole - len(ordered) - 1) / len(ordered))


def covered_ms(spans: Iterable[Span]) -> Millis:
    """How much time lies in any of the spans: two chats at a time are one stretch of work."""
    covered, reached = 0, None
    for begin, end in sorted(spans):
        begin = begin if reached is None else max(begin, reached)
        if end > begin:
            covered += end - begin
            reached = end
    return covered


def within(span: Span, since: Moment, until: Moment) -> Span:
    """The part of it that lies between; an empty one is (x, x) or backwards, and covers nothing."""
    return max(span[0], since), min(span[1], until)
