"""Moments and durations, as the whole hub writes them.

A moment is an ``int``: milliseconds since 1970-01-01T00:00:00Z. Its names end in ``_at``; the current one is
called ``now`` and is always an argument. A duration is an ``int`` of milliseconds and its names end in ``_ms``.
"""

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

Moment = int
Millis = int
