"""The index of who waits and who is free, and the decisions it comes to."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator
from heapq import heapify, heappop, heappush
from weakref import WeakValueDictionary

from contact_center.domain.events import Medium
from contact_center.domain.time import Moment
from routing.cases import NOT_COOLING, Case, Cooling, Entry, Lane, LaneKey, Line, Pool, Skills, Waiting, needed
from routing.decisions import Decision, Explanation
from routing.floor import Floor
from routing.past import Glimpse
from routing.policy import Policy
from routing.seats import NOBODY, Place, Reach, Row, Seat
from routing.turns import Turn


class Engine:
    """Who is offered what.

    Tell it every truth about agents (:meth:`put_seat`) and about cases that wait (:meth:`put_waiting`), in
    any order and as often as you like, and :meth:`decide`. What it decides it takes as done: the case is
    gone from the index and the agent's load has grown, until the caller says what became of it by putting
    both again. The same facts give the same decisions, whatever order they came in.

    Cases wait in lanes that need one look each. What makes it cheap is what it remembers: a lane is *ready*
    if somebody might be able to take its first case, and a seat is *fresh* if it may have room for
    something since it was last looked at. Whenever a lane is neither ready nor a fitting seat fresh, nobody
    can take it."""

    # What follows changes what deciding costs, and never a decision.
    few = 32
    """With more fresh seats than this, lanes are looked at instead."""
    behind = 512
    """After as many changes of seats, what explanations refer to is made anew."""
    pools_kept = 4096
    """With more pools than this, those that nobody waits in are forgotten."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self._cases: dict[str, Case] = {}
        self._depth: dict[str, int] = {}
        self._lanes: dict[LaneKey, Lane] = {}
        self._pools: dict[tuple[str, Skills, str], Pool] = {}
        self._made: list[Pool] = []
        self._era = 0
        self._pools_most = self.pools_kept
        self._reaches: WeakValueDictionary[tuple[frozenset[str], Skills], Reach] = WeakValueDictionary()
        self._lines: dict[tuple[str, str], dict[Medium, Line]] = {}
        self._soft: dict[tuple[str, str], set[Lane]] = {}
        self._ready: list[tuple[Turn, int, Lane]] = []
        self._pushed = 0
        self._thaw: list[tuple[Moment, str]] = []
        self._thaw_most = 64
        self._floor = Floor(policy.exclusive_media, self.behind)
        self._fresh: dict[int, Row] = {}

    # --- seats --------------------------------------------------------------------------------------------

    def put_seat(self, seat: Seat) -> None:
        """The truth about an agent, new or changed."""
        old = self._floor.seats.get(seat.agent_id)
        if old and old.reach.queues == seat.queues and old.reach.skills == seat.skills:
            row = self._floor.change(old, seat)
        else:
            row = self._move(old, seat)
        if row.spare:
            self._fresh[row.slot] = row
        else:
            self._fresh.pop(row.slot, None)
        if self._soft:
            self._wake_soft(seat)

    def remove_seat(self, agent_id: str) -> None:
        """The agent is gone. Unknown ids change nothing."""
        if row := self._floor.seats.get(agent_id):
            self._leave_floor(row)
            self._floor.free_slot(row.slot)

    def _move(self, old: Row | None, seat: Seat) -> Row:
        """A new agent, or one with other queues or skills."""
        if old:
            self._leave_floor(old)
        row = self._floor.enter(seat, self._reach(seat), old.slot if old else None)
        for pool in self._pools.values():
            if _fits(seat, pool):
                pool.mask |= row.bit
        return row

    def _leave_floor(self, row: Row) -> None:
        self._floor.leave(row.seat.agent_id)
        self._fresh.pop(row.slot, None)
        for pool in self._pools.values():
            pool.mask &= ~row.bit
        self._wake_soft(row.seat)

    # --- cases --------------------------------------------------------------------------------------------

    def put_waiting(self, waiting: Waiting) -> None:
        """A case waits, or waits otherwise than before."""
        self.remove_waiting(waiting.interaction_id)
        # Until a decision says what time it is, everyone who missed it counts as cooling down.
        cooling = Cooling(frozenset(waiting.missed), frozenset()) if waiting.missed else NOT_COOLING
        self._enter(waiting, waiting.turn(self.policy.ageing_ms), cooling)
        if waiting.missed:
            for entry in self._thaws(waiting):
                heappush(self._thaw, entry)
            if len(self._thaw) > self._thaw_most:
                self._forget_thaws()
        self._depth[waiting.queue] = self._depth.get(waiting.queue, 0) + 1

    def remove_waiting(self, interaction_id: str) -> None:
        """The case doesn't wait any more. Unknown ids change nothing."""
        case = self._cases.get(interaction_id)
        if case is not None:
            self._forget(case)

    def _forget(self, case: Case) -> None:
        self._leave(case)
        queue = case.waiting.queue
        self._depth[queue] -= 1
        if not self._depth[queue]:
            del self._depth[queue]

    def depth(self, queue: str) -> int:
        """How many cases wait in the queue."""
        return self._depth.get(queue, 0)

    def waiting(self) -> list[Waiting]:
        """Every case that waits, in the order of their turns."""
        return [case.waiting for case in sorted(self._cases.values(), key=lambda case: case.turn)]

    def case_ids(self) -> set[str]:
        return set(self._cases)

    def case(self, interaction_id: str) -> Waiting | None:
        """The case, if it waits."""
        case = self._cases.get(interaction_id)
        return case.waiting if case else None

    def seats(self) -> list[Seat]:
        """Every agent, what was decided included, by id."""
        return [row.seat for _, row in sorted(self._floor.seats.items())]

    def _enter(self, waiting: Waiting, turn: Turn, cooling: Cooling) -> None:
        lane = self._lane(waiting, cooling)
        self._cases[waiting.interaction_id] = Case(waiting, turn, lane)
        was = lane.turns.first
        lane.turns.add(turn)
        if lane.turns.first is not was:
            self._line_up(lane, was)
            if was is None or lane.ready:
                self._make_ready(lane, turn)

    def _leave(self, case: Case) -> None:
        lane = case.lane
        del self._cases[case.waiting.interaction_id]
        was = lane.turns.first
        lane.turns.remove(case.turn)
        now = lane.turns.first
        if now is not was:
            self._line_up(lane, was)
            if now is None:
                self._emptied(lane)
            elif lane.ready:
                self._make_ready(lane, now)

    def _lane(self, waiting: Waiting, cooling: Cooling) -> Lane:
        key = (self._pool(waiting), waiting.medium, cooling)
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = Lane(key, self._line(key[0], waiting.medium))
            if cooling.soft:
                self._soft.setdefault(lane.line.key, set()).add(lane)
        return lane

    def _emptied(self, lane: Lane) -> None:
        """Lanes are kept for the next of their kind, but for those of a cool-down: there is no end of them."""
        lane.ready = False
        if lane.cooling is not NOT_COOLING:
            del self._lanes[lane.key]
            if lane.cooling.soft:
                lanes = self._soft[lane.line.key]
                lanes.discard(lane)
                if not lanes:
                    del self._soft[lane.line.key]

    def _pool(self, waiting: Waiting) -> Pool:
        if waiting.only_agent:
            key: tuple[str, Skills, str] = ("", (), waiting.only_agent)
        else:
            key = (waiting.queue, needed(waiting.skills), "")
        pool = self._pools.get(key)
        if pool is None:
            if len(self._pools) >= self._pools_most:
                self._forget_pools()
            pool = self._pools[key] = Pool(*key, self._floor.who_could(*key))
            self._number(pool)
        return pool

    def _forget_pools(self) -> None:
        """Pools that nobody waits in are forgotten when there are too many, and the others numbered anew."""
        self._lanes = {key: lane for key, lane in self._lanes.items() if lane.turns.first}
        used = {lane.pool for lane in self._lanes.values()}
        self._pools = {key: pool for key, pool in self._pools.items() if pool in used}
        self._pools_most = max(self.pools_kept, 2 * len(self._pools))
        lines = {lane.line for lane in self._lanes.values()}
        self._lines = {}
        for line in lines:
            self._lines.setdefault(line.key, {})[line.medium] = line
        self._era += 1
        self._made = []
        for pool in self._pools.values():
            self._number(pool)
        for line in lines:
            line.lanes = [(turn, lane.pool.bit, lane) for turn, _, lane in line.lanes]

    def _number(self, pool: Pool) -> None:
        if not pool.agent_id:
            pool.bit = 1 << len(self._made)
            self._made.append(pool)

    def _reach(self, seat: Seat) -> Reach:
        """The reach that all agents of these queues and skills share."""
        key = (seat.queues, tuple(sorted(seat.skills.items())))
        reach = self._reaches.get(key)
        if reach is None:
            reach = self._reaches[key] = Reach(seat.queues, seat.skills)
        return reach

    def _see(self, row: Row) -> None:
        """Brings what is known of the row's reach up to date."""
        reach = row.reach
        if reach.era != self._era:
            reach.era, reach.seen, reach.mask = self._era, 0, 0
        for pool in self._made[reach.seen :]:
            if pool.mask & row.bit:
                reach.mask |= pool.bit
        reach.seen = len(self._made)

    # --- lines ------------------------------------------------------------------------------------------------

    def _line(self, pool: Pool, medium: Medium) -> Line:
        key = (pool.queue, pool.agent_id)
        media = self._lines.setdefault(key, {})
        line = media.get(medium)
        if line is None:
            line = media[medium] = Line(key, medium)
        return line

    @staticmethod
    def _line_up(lane: Lane, was: Turn | None) -> None:
        """The lane's first case is another than ``was`` (None: there was none)."""
        lanes = lane.line.lanes
        if was is not None:
            # A turn is one case's alone, so comparing never gets as far as the lanes.
            del lanes[bisect_left(lanes, (was,))]
        if first := lane.turns.first:
            insort(lanes, (first, lane.pool.bit, lane))

    def _first_for(self, row: Row) -> Entry | None:
        """The lane whose first case would be this agent's next. (Agents who are only eligible because nobody
        else is are no matter here: their lanes are made ready when it might be so.)"""
        best: Entry | None = None
        reach = row.reach
        if reach.seen < len(self._made) or reach.era != self._era:
            self._see(row)
        reached = reach.mask
        for queue in row.seat.queues:
            if media := self._lines.get((queue, "")):
                for medium in row.spare:
                    if line := media.get(medium):
                        best = _first_in(line, reached, row.seat.agent_id, best)
        if media := self._lines.get(("", row.seat.agent_id)):
            for medium in row.spare:
                if line := media.get(medium):
                    best = _first_in(line, -1, row.seat.agent_id, best)
        return best

    # --- deciding -----------------------------------------------------------------------------------------

    def decide(self, now: Moment, limit: int = 100) -> list[Decision]:
        """What is to be offered to whom, at most ``limit`` of it.

        The case whose turn is earliest of all that somebody can take goes first, to the agent who served
        the customer lately, else to the least loaded, the longest idle, the first by id. A case that nobody
        can take holds up nobody. If fewer than ``limit`` come back, nobody can take anything now."""
        if self._thaw:
            self._thaw_until(now)
        made: list[Decision] = []
        while len(made) < limit and (decision := self._next(now)):
            made.append(decision)
        return made

    def next_change_at(self, now: Moment) -> Moment | None:
        """When time alone may make a decision possible: a cool-down ends. Never earlier than ``now``; None
        if only a new fact can."""
        self._skim_thaw()
        return max(now, self._thaw[0][0]) if self._thaw else None

    def explain(self, interaction_id: str, now: Moment) -> Explanation | None:
        """Why the case still waits; None if it does not."""
        self._thaw_until(now)
        case = self._cases.get(interaction_id)
        if case is None:
            return None
        self._floor.catch_up()
        able = self._able(case.lane)
        return Explanation(self._glimpse(case, able, self._known(case.waiting, able, now), None, now))

    def _next(self, now: Moment) -> Decision | None:
        if len(self._fresh) > self.few:
            self._wake_all()
        elif self._ready and self._any_ready():
            self._wake_for_fresh()
        elif not self._fresh:
            return None
        else:
            best = self._first_of_fresh()
            if best is None:
                return None
            first, _, lane = best
            if lane.cooling is NOT_COOLING:
                return self._decide_among_fresh(self._cases[first[1]], now)
            self._make_ready(lane, first)
        return self._decide_from_masks(now)

    def _decide_among_fresh(self, case: Case, now: Moment) -> Decision:
        """No lane is ready, so only fresh seats can take the case: no mask needs to be looked at."""
        able = tuple(self._fresh.values())
        mask = able[0].bit
        if len(able) > 1:
            fits, medium = case.lane.pool.mask, case.lane.medium
            able = tuple([row for row in able if row.bit & fits and medium in row.spare])
            mask = 0
            for row in able:
                mask |= row.bit
        known = self._known(case.waiting, mask, now) if case.waiting.served_before else ()
        chosen = able[0] if len(able) == 1 else min(known or able, key=_place)
        return self._settle(case, self._glimpse(case, mask, known, chosen, now), chosen)

    def _decide_from_masks(self, now: Moment) -> Decision | None:
        self._floor.catch_up()
        found = self._first_ready()
        if found is None:
            return None
        case, able = found
        known = self._known(case.waiting, able, now) if case.waiting.served_before else ()
        chosen = min(known, key=_place) if known else self._floor.first(able)
        return self._settle(case, self._glimpse(case, able, known, chosen, now), chosen)

    def _settle(self, case: Case, glimpse: Glimpse, chosen: Row) -> Decision:
        waiting = case.waiting
        self._forget(case)
        self._reserve(chosen, waiting.medium)
        return Decision(
            waiting.interaction_id,
            waiting.epoch,
            waiting.queue,
            waiting.medium,
            chosen.seat.agent_id,
            glimpse.policy,
            glimpse.at,
            Explanation(glimpse),
        )

    def _known(self, waiting: Waiting, able: int, now: Moment) -> tuple[Row, ...]:
        """Those of ``able`` who served the customer so lately that they come first."""
        since = now - self.policy.sticky_ms
        known = []
        for agent_id, served_at in waiting.served_before.items():
            row = self._floor.seats.get(agent_id)
            if row and served_at >= since and row.bit & able:
                known.append(row)
        return tuple(known)

    def _reserve(self, row: Row, medium: Medium) -> None:
        left = self._floor.take(row, medium)
        if self._fresh.pop(row.slot, None) and left.spare:
            self._fresh[left.slot] = left

    def _glimpse(self, case: Case, eligible: int, known: tuple[Row, ...], chosen: Row | None, now: Moment) -> Glimpse:
        waiting = case.waiting
        pool, floor = case.lane.pool, self._floor
        base = floor.as_now()
        return Glimpse(
            waiting,
            pool.skills,
            self.policy.version,
            now,
            base,
            len(base.later),
            floor.members.get(waiting.queue, NOBODY),
            floor.seats.get(waiting.only_agent) if waiting.only_agent else None,
            pool.mask,
            self._cooling_until(case) if waiting.missed else {},
            eligible,
            known,
            chosen,
        )

    def _able(self, lane: Lane) -> int:
        """Who could take the lane's first case now."""
        free = lane.pool.mask & self._floor.open_for(lane.medium)
        cooling = lane.cooling
        if not free or cooling is NOT_COOLING:
            return free
        soft = self._floor.bits(cooling.soft)
        able = free & ~(soft | self._floor.bits(cooling.hard))
        if not able and soft:
            present = lane.pool.mask & self._floor.present()
            if present & soft == present and present & (present - 1) == 0:
                return free
        return able

    # --- ready lanes and fresh seats ----------------------------------------------------------------------

    def _make_ready(self, lane: Lane, first: Turn) -> None:
        lane.ready = True
        self._pushed += 1
        heappush(self._ready, (first, self._pushed, lane))
        if len(self._ready) > 2 * len(self._lanes) + 64:
            self._ready = [entry for entry in self._ready if entry[2].ready and entry[2].turns.first is entry[0]]
            heapify(self._ready)

    def _wake_all(self) -> None:
        self._fresh.clear()
        for lane in self._lanes.values():
            if (first := lane.turns.first) and not lane.ready:
                self._make_ready(lane, first)

    def _wake_for_fresh(self) -> None:
        for row in list(self._fresh.values()):
            first = self._first_for(row)
            if first is None:
                del self._fresh[row.slot]
            elif not first[2].ready:
                self._make_ready(first[2], first[0])

    def _first_of_fresh(self) -> Entry | None:
        best: Entry | None = None
        for row in list(self._fresh.values()):
            first = self._first_for(row)
            if first is None:
                del self._fresh[row.slot]
            elif best is None or first[0] < best[0]:
                best = first
        return best

    def _any_ready(self) -> bool:
        """Drops what is out of date at the front."""
        ready = self._ready
        while ready:
            turn, _, lane = ready[0]
            if lane.ready and lane.turns.first is turn:
                return True
            heappop(ready)
        return False

    def _first_ready(self) -> tuple[Case, int] | None:
        while self._any_ready():
            first, _, lane = self._ready[0]
            if able := self._able(lane):
                return self._cases[first[1]], able
            lane.ready = False
            heappop(self._ready)
        return None

    def _wake_soft(self, seat: Seat) -> None:
        """Somebody's coming or going can make another agent the only one for a case that cools down."""
        for key in [("", seat.agent_id), *((queue, "") for queue in seat.queues)]:
            for lane in self._soft.get(key, ()):
                if (first := lane.turns.first) and not lane.ready:
                    self._make_ready(lane, first)

    # --- cooling down -------------------------------------------------------------------------------------

    def _thaws(self, waiting: Waiting) -> Iterator[tuple[Moment, str]]:
        """When somebody's cool-down for the case gets softer, and when it ends."""
        for missed_at in waiting.missed.values():
            yield missed_at + self.policy.sole_cooldown_ms, waiting.interaction_id
            yield missed_at + self.policy.reoffer_cooldown_ms, waiting.interaction_id

    def _forget_thaws(self) -> None:
        """Those of cases that are gone, or were missed again since."""
        self._thaw = [entry for case in self._cases.values() for entry in self._thaws(case.waiting)]
        heapify(self._thaw)
        self._thaw_most = max(64, 2 * len(self._thaw))

    def _thaw_until(self, now: Moment) -> None:
        while self._thaw and self._thaw[0][0] <= now:
            case = self._cases.get(heappop(self._thaw)[1])
            if case and case.waiting.missed:
                cooling = self._cooling(case.waiting, now)
                if cooling != case.lane.cooling:
                    self._leave(case)
                    self._enter(case.waiting, case.turn, cooling)

    def _cooling(self, waiting: Waiting, now: Moment) -> Cooling:
        hard, soft = set(), set()
        for agent_id, missed_at in waiting.missed.items():
            if missed_at + self.policy.sole_cooldown_ms > now:
                hard.add(agent_id)
            elif missed_at + self.policy.reoffer_cooldown_ms > now:
                soft.add(agent_id)
        return Cooling(frozenset(hard), frozenset(soft)) if hard or soft else NOT_COOLING

    def _cooling_until(self, case: Case) -> dict[int, Moment]:
        still = case.lane.cooling.hard | case.lane.cooling.soft
        until: dict[int, Moment] = {}
        for agent_id, missed_at in case.waiting.missed.items():
            row = self._floor.seats.get(agent_id)
            if row and agent_id in still:
                until[row.slot] = missed_at + self.policy.reoffer_cooldown_ms
        return until

    def _skim_thaw(self) -> None:
        """Drops what concerns cases that are gone, or don't cool down as they did."""
        while self._thaw:
            case = self._cases.get(self._thaw[0][1])
            if case and case.waiting.missed:
                return
            heappop(self._thaw)


def _place(row: Row) -> Place:
    return row.place


def _fits(seat: Seat, pool: Pool) -> bool:
    if pool.agent_id:
        return pool.agent_id == seat.agent_id
    if pool.queue not in seat.queues:
        return False
    return all(seat.skills.get(skill, 0) >= level for skill, level in pool.skills)


def _first_in(line: Line, reached: int, agent_id: str, best: Entry | None) -> Entry | None:
    """The first in the line that the agent may take, if it comes before ``best``."""
    for entry in line.lanes:
        if entry[1] & reached:
            if best and best[0] < entry[0]:
                break
            cooling = entry[2].cooling
            if cooling is NOT_COOLING or agent_id not in cooling.hard | cooling.soft:
                return entry
    return best
