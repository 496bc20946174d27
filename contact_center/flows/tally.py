"""How many callers each step of a flow has seen today, and by which exits they left it."""

from __future__ import annotations

from collections import Counter

from contact_center.domain.time import Moment
from contact_center.storage import events, flows
from contact_center.storage.connection import Connection
from ivr_flows.places import place

PAGE = 5_000
"""Steps that are read at once: some hundredths of a second."""
_LOOKS = 4
"""So many looks at the log, one after the other, tell where it is whole and read up to there, if nobody writes."""


class Tally:
    """Counts what was added to the log since it last looked. One reader at a time."""

    def __init__(self) -> None:
        self._midnight: Moment = -1
        self._seq = 0
        self._whole = events.Sure()
        self._looks = 0
        self._steps: Counter[tuple[str, str]] = Counter()
        self._exits: Counter[tuple[str, str, str]] = Counter()

    def look(self, conn: Connection, midnight: Moment) -> bool:
        """Reads on; true if there may be more. Another midnight begins anew. Each look must see what was committed
        before it: where the log is whole is known from the looks before."""
        if midnight != self._midnight:
            self._seq = flows.seq_at(conn, midnight)
            self._midnight = midnight
            self._steps.clear()
            self._exits.clear()
        found = flows.steps_after(conn, self._seq, self._whole.upto, PAGE)
        for row in found:
            self._count(row.body)
            self._seq = row.seq
        if len(found) == PAGE:
            return True
        read = self._whole.upto
        self._whole = events.sure(conn, self._whole)
        self._looks += 1
        more = self._whole.upto > read or self._whole.given > self._whole.upto
        if not more or self._looks == _LOOKS:
            self._looks = 0
        return self._looks > 0

    def _count(self, body: dict[str, str]) -> None:
        name, left, by = body.get("flow", ""), body.get("step", ""), body.get("exit", "")
        at = place(body.get("position", ""))
        if at is not None and at.step != left:
            self._steps[name, at.step] += 1
        if left:
            self._exits[name, left, by] += 1

    def steps(self, name: str) -> dict[str, int]:
        return {step: count for (flow, step), count in self._steps.items() if flow == name}

    def exits(self, name: str) -> dict[tuple[str, str], int]:
        return {(step, by): count for (flow, step, by), count in self._exits.items() if flow == name}


def live(conn: Connection, name: str) -> Counter[str]:
    """How many callers are at each step now, those included who wait in the queue that it put them into."""
    found: Counter[str] = Counter()
    for record in flows.live_calls(conn):
        at = place(record.get("flow_position", "")) if record.get("flow") == name else None
        if at is not None:
            found[at.step] += 1
    return found
