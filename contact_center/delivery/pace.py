"""How fast letters leave for each domain: no receiver takes us for a flood, and no slow one holds up others."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from contact_center.domain.time import MINUTE, SECOND, Moment
from contact_center.storage.outbox import Candidate

SOONEST_MS = 2 * SECOND
LATEST_MS = MINUTE
"""How long a letter waits at most before it is looked at again while its domain has as many under way as it may."""
LARGE = 2 * 1_048_576
LARGE_AT_ONCE = 4
"""Letters with so many bytes of files are under way at a time: their bytes are in memory meanwhile."""
MOST_DOMAINS = 10_000


class Pace:
    """What this node has sent, and promised to send, to each domain. Pure but for its memory: ``now`` is given."""

    def __init__(self) -> None:
        self._turns: dict[str, deque[Moment]] = {}
        self._promised: dict[str, Moment] = {}
        self._under_way: dict[str, str] = {}
        self._large: set[str] = set()

    def under_way(self, domain: str) -> int:
        return sum(each == domain for each in self._under_way.values())

    def ended(self, outbox_id: str) -> None:
        """The attempt is over."""
        self._under_way.pop(outbox_id, None)
        self._large.discard(outbox_id)

    def sort(
        self, due: Iterable[Candidate], now: Moment, room: int, per_minute: int, at_once: int
    ) -> tuple[list[str], dict[str, Moment]]:
        """Of what is due: what leaves now, ``room`` rows at most, and what waits, each with its moment. What is in
        neither waits for room. What leaves is under way until :meth:`ended` says otherwise."""
        go: list[str] = []
        later: dict[str, Moment] = {}
        waiting: dict[str, int] = {}
        for candidate in due:
            row, domain, large = candidate.outbox_id, domain_of(candidate.address), candidate.size > LARGE
            full = domain and self.under_way(domain) >= at_once
            if full or (large and len(self._large) >= LARGE_AT_ONCE):
                waiting[domain] = waiting.get(domain, 0) + 1
                later[row] = now + min(LATEST_MS, SOONEST_MS * (1 + waiting[domain] // at_once))
            elif len(go) >= room:
                continue
            elif domain and (turn := self._turn(row, domain, now, per_minute)) > now:
                later[row] = turn
            else:
                go.append(row)
                if domain:
                    self._under_way[row] = domain
                if large:
                    self._large.add(row)
        return go, later

    def _turn(self, row: str, domain: str, now: Moment, per_minute: int) -> Moment:
        """When the row may leave. What is promised once is kept, so that nobody is overtaken for ever."""
        promised = self._promised.get(row)
        if promised is not None:
            if promised <= now:
                del self._promised[row]
            return promised
        turns = self._turns.setdefault(domain, deque())
        while turns and turns[0] <= now - MINUTE:
            turns.popleft()
        turn = now if len(turns) < per_minute else max(now, turns[-per_minute] + MINUTE)
        turns.append(turn)
        if turn > now:
            self._promised[row] = turn
        self._forget(now)
        return turn

    def _forget(self, now: Moment) -> None:
        """Rows that were taken back never come; domains that nobody writes to any more need no memory."""
        if len(self._turns) > MOST_DOMAINS:
            self._turns = {domain: turns for domain, turns in self._turns.items() if turns[-1] > now - MINUTE}
        if len(self._promised) > MOST_DOMAINS:
            self._promised = {row: turn for row, turn in self._promised.items() if turn > now - MINUTE}


def domain_of(address: str) -> str:
    return address.rpartition("@")[2].lower()
