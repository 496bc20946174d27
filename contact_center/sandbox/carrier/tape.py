"""A recording while it is made: what was heard when, on which track. Pure: the clock is handed in."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

from contact_center.sandbox.twiml import Tape

MAX_MARKS = 5_000
Track = Literal["inbound", "outbound"]
RUNNING = frozenset({"in-progress", "paused"})


@dataclass(frozen=True, slots=True)
class Mark:
    """``at`` and ``seconds``: when in the recording something was said, and for how long."""

    track: Track
    at: float
    seconds: float
    text: str


@dataclass(slots=True)
class Recording:
    """Of a call (``call_sid``) or of a conference. Words take their time on the tape even where the sandbox plays
    faster than life; a tape is at least as long as the words on it. ``duration`` is set when it is over."""

    sid: str
    source: str
    tape: Tape
    started_at: int
    call_sid: str = ""
    conference_sid: str = ""
    status: Literal["in-progress", "paused", "completed", "absent"] = "in-progress"
    ended_at: int | None = None
    duration: int | None = None
    marks: list[Mark] = field(default_factory=list)
    who: str = ""
    _skipped: int = 0
    _paused_at: int = 0
    _skips: bool = False

    @property
    def running(self) -> bool:
        return self.status in RUNNING

    def position(self, now: int) -> float:
        """Seconds on the tape."""
        gone = now - self.started_at - self._skipped
        if self.status == "paused" and self._skips:
            gone -= now - self._paused_at
        return max(0.0, gone / 1000)

    def hear(self, now: int, track: Track, text: str, seconds: float) -> None:
        """Nothing is heard while it is paused, or on a track that is not recorded."""
        if self.status != "in-progress" or self.tape.track not in ("both", track) or len(self.marks) >= MAX_MARKS:
            return
        busy_until = max((m.at + m.seconds for m in self.marks[-8:] if m.track == track), default=0.0)
        self.marks.append(Mark(track, max(self.position(now), busy_until), seconds, text))

    def pause(self, now: int, skips: bool) -> None:
        """``skips``: the pause is not on the tape at all; else it is silence there."""
        if self.status == "in-progress":
            self.status, self._paused_at, self._skips = "paused", now, skips

    def resume(self, now: int) -> None:
        if self.status == "paused":
            self.status = "in-progress"
            self._skipped += now - self._paused_at if self._skips else 0

    def end(self, now: int, absent: bool = False) -> None:
        if not self.running:
            return
        self.resume(now)
        length = max((mark.at + mark.seconds for mark in self.marks), default=0.0)
        if self.tape.trim and self.marks:
            early = min(mark.at for mark in self.marks)
            self.marks = [Mark(m.track, m.at - early, m.seconds, m.text) for m in self.marks]
            length -= early
        else:
            length = max(length, self.position(now))
        self.ended_at, self.duration = now, max(1, math.ceil(length))
        self.status = "absent" if absent else "completed"
        if absent:
            self.duration = 0

    @property
    def words(self) -> str:
        """All that was said into it, for a transcription."""
        return " ".join(mark.text for mark in self.marks if mark.track == "inbound")
