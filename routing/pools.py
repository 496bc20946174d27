"""Who could ever take which kind of work, worked out once for each kind and kept as agents come and go."""

from __future__ import annotations

from collections.abc import Collection
from weakref import WeakValueDictionary

from routing.cases import Ask, Pool, Skills, Waiting, Want, asks_of, needed
from routing.floor import Floor
from routing.needs import ANYBODY, meets
from routing.policy import Policy
from routing.seats import Reach, Row, Seat


class Pools:
    """Every distinct thing that is asked of agents has a pool of those who have it, and each pool a bit in every
    reach. ``news`` counts what reaches don't know yet; ``era`` how often the bits were given out anew."""

    __slots__ = ("_floor", "_kept", "_policy", "_reaches", "_wants", "by_ask", "era", "made", "most", "news")

    def __init__(self, policy: Policy, floor: Floor, kept: int) -> None:
        self._policy = policy
        self._floor = floor
        self._kept = kept
        self._wants: dict[tuple[str, Skills, str], Want] = {}
        self._reaches: WeakValueDictionary[tuple[frozenset[str], Skills, Skills], Reach] = WeakValueDictionary()
        self.by_ask: dict[Ask, Pool] = {}
        self.made: list[Pool] = []
        self.most = kept
        self.era = 0
        self.news = 0

    def want(self, waiting: Waiting) -> Want:
        """The kind of work that it is."""
        if waiting.only_agent:
            key: tuple[str, Skills, str] = ("", (), waiting.only_agent)
        else:
            key = (waiting.queue, needed(waiting.skills), "")
        want = self._wants.get(key)
        if want is None:
            rules = waiting.rules(self._policy)
            asks = (Ask((), agent_id=key[2]),) if waiting.only_agent else asks_of(key[0], key[1], rules)
            want = self._wants[key] = Want(tuple(map(self._pool, asks)), rules.skip_hopeless)
        return want

    def _pool(self, ask: Ask) -> Pool:
        pool = self.by_ask.get(ask)
        if pool is None:
            pool = self.by_ask[ask] = Pool(ask, self._floor.who_could(ask))
            self._number(pool)
        return pool

    def _number(self, pool: Pool) -> None:
        if not pool.ask.agent_id:
            pool.bit = 1 << len(self.made)
            self.made.append(pool)
            self.news += 1

    def forget_but(self, wants: Collection[Want]) -> None:
        """Only these kinds of work are still asked for. The pools that are left have other bits then."""
        self._wants = {key: want for key, want in self._wants.items() if want in wants}
        used = {pool for want in wants for pool in want.pools}
        self.by_ask = {ask: pool for ask, pool in self.by_ask.items() if pool in used}
        self.most = max(self._kept, 2 * len(self.by_ask))
        self.era += 1
        self.news += 1
        self.made = []
        for pool in self.by_ask.values():
            self._number(pool)

    # --- agents -------------------------------------------------------------------------------------------

    def reach(self, seat: Seat) -> Reach:
        """That of all agents of these queues, skills and capacity."""
        key = (seat.queues, tuple(sorted(seat.skills.items())), tuple(sorted(seat.capacity.items())))
        reach = self._reaches.get(key)
        if reach is None:
            reach = self._reaches[key] = Reach(seat.queues, seat.skills, seat.capacity)
        return reach

    def enter(self, row: Row) -> None:
        """An agent has come."""
        for pool in self.by_ask.values():
            if _could(row.seat, pool.ask):
                pool.mask |= row.bit

    def leave(self, row: Row) -> None:
        """An agent has gone."""
        for pool in self.by_ask.values():
            pool.mask &= ~row.bit


def _could(seat: Seat, ask: Ask) -> bool:
    """Whether the agent could ever take work of this kind."""
    if ask.agent_id:
        return ask.agent_id == seat.agent_id
    if seat.queues.isdisjoint(ask.queues) or any(seat.skills.get(skill, 0) < level for skill, level in ask.skills):
        return False
    return ask.need is ANYBODY or meets(seat.agent_id, seat.skills, ask.need)
