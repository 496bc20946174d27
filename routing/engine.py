"""The index of who waits and who is free, and the decisions it comes to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from heapq import heapify, heappop, heappush, merge
from itertools import islice
from weakref import WeakValueDictionary

from contact_center.domain.events import Medium
from contact_center.domain.time import Moment
from routing.batch import Weighed
from routing.cases import (
    NEVER,
    PLAINLY,
    TOP_PRIORITY,
    Ask,
    Case,
    Lane,
    LaneKey,
    Line,
    LineKey,
    Lines,
    Pool,
    Skills,
    Standing,
    Waiting,
    Want,
    asks_of,
    base_turn,
    cap_at,
    needed,
    steps_reached,
    turn_at,
)
from routing.decisions import Decision, Explanation
from routing.floor import Floor
from routing.needs import ANYBODY, meets
from routing.past import Seen
from routing.policy import PLAIN, Policy, QueuePolicy, Term
from routing.ranking import Leading, in_order, skill_points
from routing.seats import House, Reach, Row, Seat, row_at, row_of, slots_in
from routing.together import Open, Placed, placed, weighable


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
    lanes_few = 32
    """So many lanes are looked at one by one for an agent who comes free; more are lined up for it."""
    pools_kept = 4096
    """With more pools than this, those that nobody waits in are forgotten."""

    __slots__ = (
        "_ageing_ms",
        "_alike",
        "_astray",
        "_behind",
        "_caps",
        "_cases",
        "_climbing",
        "_era",
        "_few",
        "_floor",
        "_fresh",
        "_held",
        "_house",
        "_lanes",
        "_lanes_few",
        "_lines",
        "_made",
        "_news",
        "_now",
        "_numbered",
        "_pools",
        "_pools_most",
        "_queueing",
        "_reaches",
        "_ready",
        "_ready_most",
        "_rings",
        "_several",
        "_soft",
        "_steady",
        "_steady_lines",
        "_thaw",
        "_thaw_most",
        "_wants",
        "_watched",
        "_ways",
        "policy",
    )

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self._cases: dict[str, Case] = {}
        self._lanes: dict[LaneKey, Lane] = {}
        self._wants: dict[tuple[str, Skills, str], Want] = {}
        self._pools: dict[Ask, Pool] = {}
        self._made: list[Pool] = []
        self._era = 0
        self._pools_most = self.pools_kept
        self._reaches: WeakValueDictionary[tuple[frozenset[str], Skills, Skills], Reach] = WeakValueDictionary()
        self._lines: Lines = {}
        self._queueing = 0  # so many lanes in them
        self._steady: list[Lane] = []
        self._steady_lines: Lines = {}
        self._astray: list[Lane] = []
        self._ways: dict[tuple[str, Medium, Skills], Lane] = {}
        self._news = 0
        self._watched = 0
        self._soft: dict[LineKey, set[Lane]] = {}
        self._climbing: dict[LineKey, set[Lane]] = {}
        self._held: dict[LineKey, set[Lane]] = {}
        self._ready: list[Case] = []
        self._ready_most = 64
        self._numbered = 0
        self._thaw: list[tuple[Moment, str]] = []
        self._thaw_most = 64
        self._caps: list[tuple[Moment, str]] = []
        self._now: Moment = 0
        self._house = House(policy)
        # Most houses want the same of every queue and every turn; much need not be asked then.
        self._alike = not policy.queues and policy.most_priority is None and policy.order == "age"
        self._ageing_ms = policy.ageing_ms
        self._several = policy.batch.most > 1
        self._rings = any(queue.ring > 1 for queue in policy.queues.values())
        self._floor = Floor(self._house, self.behind)
        self._few, self._lanes_few, self._behind = self.few, self.lanes_few, self.behind
        self._fresh: dict[int, Row] = {}

    # --- seats --------------------------------------------------------------------------------------------

    def put_seat(self, seat: Seat) -> None:
        """The truth about an agent, new or changed."""
        floor = self._floor
        slot = floor.slots.get(seat.agent_id)
        old = None if slot is None else floor.rows[slot]
        if old is None:
            row = self._enter_floor(seat, None)
        else:
            reach = old.reach
            if (seat.queues, seat.skills, seat.capacity) != reach.of:
                row = self._move(old, seat)
            else:
                row = row_of(seat, old.slot, old.bit, self._house, reach)
                floor.rows[old.slot] = row
                later = floor.later
                later.append(row)
                if len(later) > self._behind:
                    floor.renew()
        if row.spare:
            self._fresh[row.slot] = row
        else:
            self._fresh.pop(row.slot, None)
        if self._watched:
            self._wake_soft(seat)
            if not (old and _as_before(old, row)):
                self._look_around(seat)

    def remove_seat(self, agent_id: str) -> None:
        """The agent is gone. Unknown ids change nothing."""
        if row := self._floor.row_of(agent_id):
            self._leave_floor(row)
            self._floor.free_slot(row.slot)

    def _move(self, old: Row, seat: Seat) -> Row:
        """An agent with other queues, skills or capacity."""
        if old.reach.queues == seat.queues and old.reach.skills == seat.skills:
            row = row_of(seat, old.slot, old.bit, self._house, self._reach(seat))
            self._floor.change(row)
            return row
        self._leave_floor(old)
        return self._enter_floor(seat, old.slot)

    def _enter_floor(self, seat: Seat, slot: int | None) -> Row:
        row = self._floor.enter(seat, self._reach(seat), slot)
        for pool in self._pools.values():
            if _could(seat, pool.ask):
                pool.mask |= row.bit
        return row

    def _leave_floor(self, row: Row) -> None:
        self._floor.leave(row.seat.agent_id)
        self._fresh.pop(row.slot, None)
        for pool in self._pools.values():
            pool.mask &= ~row.bit
        self._wake_soft(row.seat)
        self._look_around(row.seat)

    # --- cases --------------------------------------------------------------------------------------------

    def put_waiting(self, waiting: Waiting) -> None:
        """A case waits, or waits otherwise than before."""
        old = self._cases.get(waiting.interaction_id)
        if old is not None:
            self._leave(old)
        if not self._alike or waiting.missed or waiting.label:
            self._enter_apart(waiting)
            return
        way = (waiting.queue, waiting.medium, tuple(waiting.skills.items()))
        lane = None if waiting.only_agent else self._ways.get(way)
        if lane is None:
            lane = self._lane(waiting, PLAINLY, 0)
            if lane.steady:
                if len(self._ways) >= self._pools_most:
                    self._ways.clear()
                self._ways[way] = lane
        priority = waiting.priority
        if not 0 <= priority <= TOP_PRIORITY:
            priority = min(max(priority, 0), TOP_PRIORITY)
        self._enter(waiting, waiting.virtual_enqueued_at - priority * self._ageing_ms, lane)

    def _enter_apart(self, waiting: Waiting) -> None:
        """A case about which there is more to say than when it came."""
        rules = self._rules(waiting)
        lane = self._lane(waiting, *self._stand(waiting, rules))
        self._enter(waiting, turn_at(waiting, self.policy, self._now)[0], lane)
        if waiting.missed or rules.hold_ms or rules.relax:
            for at in self._changes(waiting, rules):
                if at > self._now:
                    heappush(self._thaw, (at, waiting.interaction_id))
            if len(self._thaw) > self._thaw_most:
                self._forget_thaws()
        if self.policy.most_priority is not None:
            self._await_cap(waiting)

    def remove_waiting(self, interaction_id: str) -> None:
        """The case doesn't wait any more. Unknown ids change nothing."""
        case = self._cases.get(interaction_id)
        if case is not None:
            self._leave(case)

    def depth(self, queue: str) -> int:
        """How many cases wait in the queue."""
        return sum([waiting.queue == queue for _, _, _, waiting, _ in self._cases.values()])

    def waiting(self) -> list[Waiting]:
        """Every case that waits, in the order of their turns."""
        return [waiting for _, _, _, waiting, _ in sorted(self._cases.values())]

    def case_ids(self) -> set[str]:
        return set(self._cases)

    def case(self, interaction_id: str) -> Waiting | None:
        """The case, if it waits."""
        case = self._cases.get(interaction_id)
        return case[3] if case else None

    def seats(self) -> list[Seat]:
        """Every agent, what was decided included, by id."""
        return sorted([row.seat for row in self._floor.everybody()], key=lambda seat: seat.agent_id)

    def _enter(self, waiting: Waiting, at: Moment, lane: Lane) -> None:
        self._numbered = number = self._numbered + 1
        self._cases[waiting.interaction_id] = case = (at, waiting.interaction_id, number, waiting, lane)
        turns = lane.turns
        was = turns.first
        turns.add(case)
        if turns.first is case:
            if lane.astray:
                lane.at = at
            else:
                self._line_up(lane, was)
            if was is None or lane.ready:
                self._make_ready(lane, case)

    def _leave(self, case: Case) -> None:
        lane = case[4]
        del self._cases[case[1]]
        turns = lane.turns
        if turns.first is not case:
            turns.remove(case)
            return
        turns.pop()
        first = turns.first
        if lane.astray:
            lane.at = NEVER if first is None else first[0]
        else:
            self._line_up(lane, case)
        if first is None:
            self._emptied(lane)
        elif lane.ready:
            self._make_ready(lane, first)

    def _lane(self, waiting: Waiting, standing: Standing, reached: int) -> Lane:
        key = (self._want(waiting), reached, waiting.medium, standing)
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = Lane(key)
            for lanes, keys in self._watching(lane):
                self._watched += 1
                for each in keys:
                    lanes.setdefault(each, set()).add(lane)
            self._arrange(lane, self._step_in_force(lane) if lane.climbs else reached)
            if lane.steady:
                self._steady.append(lane)
                self._news += 1
        return lane

    def _watching(self, lane: Lane) -> Iterator[tuple[dict[LineKey, set[Lane]], Iterable[LineKey]]]:
        """Where it is kept what depends on who is there, and under whose name."""
        if lane.standing.soft:
            yield self._soft, lane.want.keys
        if lane.climbs:
            yield self._climbing, lane.want.keys
        if lane.standing.held:
            yield self._held, [("", agent_id) for agent_id in lane.standing.held]

    def _emptied(self, lane: Lane) -> None:
        """Lanes are kept for the next of their kind, but for those of few cases: there is no end of them."""
        lane.ready = False
        if lane.alike and not lane.climbs:
            return
        del self._lanes[lane.key]
        for lanes, keys in self._watching(lane):
            self._watched -= 1
            for each in keys:
                lanes[each].discard(lane)
                if not lanes[each]:
                    del lanes[each]

    def _rules(self, waiting: Waiting) -> QueuePolicy:
        return waiting.rules(self.policy) if self.policy.queues else PLAIN

    def _want(self, waiting: Waiting) -> Want:
        if waiting.only_agent:
            key: tuple[str, Skills, str] = ("", (), waiting.only_agent)
        else:
            key = (waiting.queue, needed(waiting.skills), "")
        want = self._wants.get(key)
        if want is None:
            if len(self._pools) >= self._pools_most:
                self._forget_pools()
            rules = self._rules(waiting)
            asks = (Ask((), agent_id=key[2]),) if waiting.only_agent else asks_of(key[0], key[1], rules)
            want = self._wants[key] = Want(tuple(map(self._pool, asks)), rules.skip_hopeless)
        return want

    def _pool(self, ask: Ask) -> Pool:
        pool = self._pools.get(ask)
        if pool is None:
            pool = self._pools[ask] = Pool(ask, self._floor.who_could(ask))
            self._number(pool)
        return pool

    def _forget_pools(self) -> None:
        """Pools that nobody waits in are forgotten when there are too many, and the others numbered anew."""
        self._lanes = {key: lane for key, lane in self._lanes.items() if lane.turns.first}
        wants = {lane.want for lane in self._lanes.values()}
        self._wants = {key: want for key, want in self._wants.items() if want in wants}
        used = {pool for want in wants for pool in want.pools}
        self._pools = {key: pool for key, pool in self._pools.items() if pool in used}
        self._pools_most = max(self.pools_kept, 2 * len(self._pools))
        self._era += 1
        self._made = []
        for pool in self._pools.values():
            self._number(pool)
        self._ways = {}
        self._line_up_anew()

    def _line_up_anew(self) -> None:
        """All lanes in lines that know nothing of others."""
        self._lines, self._steady_lines = {}, {}
        self._queueing = 0
        self._steady = [lane for lane in self._lanes.values() if lane.steady]
        self._astray = []
        for lane in self._lanes.values():
            lane.lines = self._lines_of(lane)
            lane.lined, lane.astray = None, False
            self._line_up(lane, None)
        self._news += 1

    def _number(self, pool: Pool) -> None:
        if not pool.ask.agent_id:
            pool.bit = 1 << len(self._made)
            self._made.append(pool)
            self._news += 1

    def _reach(self, seat: Seat) -> Reach:
        """The reach that all agents of these queues and skills share."""
        key = (seat.queues, tuple(sorted(seat.skills.items())), tuple(sorted(seat.capacity.items())))
        reach = self._reaches.get(key)
        if reach is None:
            reach = self._reaches[key] = Reach(seat.queues, seat.skills, seat.capacity)
        return reach

    def _see(self, row: Row) -> None:
        """Brings what is known of the row's reach up to date."""
        reach = row.reach
        if reach.era != self._era:
            reach.era, reach.mask, reach.seen, reach.lanes, reach.lanes_seen = self._era, 0, 0, [], 0
        for pool in self._made[reach.seen :]:
            if pool.personal or pool.mask & row.bit:
                reach.mask |= pool.bit
        reach.seen = len(self._made)
        for lane in self._steady[reach.lanes_seen :]:
            if lane.pool.mask & row.bit and lane.medium in reach.spare:
                reach.lanes.append(lane)
        reach.lanes_seen = len(self._steady)
        reach.news = self._news

    # --- lines ------------------------------------------------------------------------------------------------

    def _lines_of(self, lane: Lane) -> tuple[Line, ...]:
        """While it is kept for some, they alone come upon it, where else only what is directed to them stands."""
        ask = lane.pool.ask
        if lane.kept:
            there = [agent_id for agent_id in lane.standing.held if agent_id in self._floor.slots]
            return tuple([self._line(("", agent_id), lane.medium) for agent_id in there])
        if ask.agent_id:
            return (self._line(("", ask.agent_id), lane.medium),)
        return tuple([self._line((queue, ""), lane.medium, lane.steady) for queue in ask.queues])

    def _line(self, key: LineKey, medium: Medium, steady: bool = False) -> Line:
        media = (self._steady_lines if steady else self._lines).setdefault(key, {})
        line = media.get(medium)
        if line is None:
            line = media[medium] = Line(key, medium)
        return line

    def _line_up(self, lane: Lane, was: Case | None) -> None:
        """The lane's first case is another than ``was`` (None: there was none)."""
        first = lane.turns.first
        lane.at = NEVER if first is None else first[0]
        if lane.steady:
            if not lane.astray:
                self._go_astray(lane)
            return
        self._queueing += (first is not None) - (was is not None)
        for line in lane.lines:
            if was is not None:
                line.leave(was)
            if first is not None:
                line.enter(first, lane)

    def _go_astray(self, lane: Lane) -> None:
        lane.astray = True
        self._astray.append(lane)

    def _line_up_steady(self) -> None:
        """Steady lanes come to stand in their lines only when somebody looks there."""
        for lane in self._astray:
            if lane.lined is not None:
                for line in lane.lines:
                    line.leave(lane.lined)
        for lane in self._astray:
            lane.lined, lane.astray = lane.turns.first, False
            if lane.lined is not None:
                for line in lane.lines:
                    line.enter(lane.lined, lane)
        self._astray.clear()

    def _first_for(self, row: Row) -> Lane | None:
        """The lane whose first case would be this agent's next. (Agents who are only eligible because nobody
        else is are no matter here: their lanes are made ready when it might be so.)"""
        reach = row.reach
        if reach.news != self._news:
            self._see(row)
        best: Lane | None = None
        if len(reach.lanes) > self._lanes_few:
            if self._astray:
                self._line_up_steady()
            best = self._first_in_lines(self._steady_lines, row, None)
        else:
            at, spare = NEVER, row.spare
            for lane in reach.lanes:
                its = lane.at
                if its > at or lane.medium not in spare:
                    continue
                if its < at or (best is not None and _first_case(lane) < _first_case(best)):
                    best, at = lane, its
        return self._first_in_lines(self._lines, row, best) if self._queueing else best

    @staticmethod
    def _first_in_lines(lines: Lines, row: Row, best: Lane | None) -> Lane | None:
        reached = row.reach.mask
        for queue in row.reach.queues:
            if media := lines.get((queue, "")):
                for medium in row.spare:
                    if line := media.get(medium):
                        best = _first_in(line, reached, row, best)
        if media := lines.get(("", row.seat.agent_id)):
            for medium in row.spare:
                if line := media.get(medium):
                    best = _first_in(line, -1, row, best)
        return best

    # --- deciding -----------------------------------------------------------------------------------------

    def decide(self, now: Moment, limit: int = 100) -> list[Decision]:
        """What is to be offered to whom, at most ``limit`` of it.

        The case whose turn is earliest of all that somebody can take goes first, to the agent who served
        the customer lately, else to the least loaded, the longest idle, the first by id. A case that nobody
        can take holds up nobody. If fewer than ``limit`` come back, nobody can take anything now."""
        if now > self._now:
            self._now = now
        if self._thaw or self._caps:
            self.come_to(now)
        if self._several:
            return self._decide_several(now, limit)
        made: list[Decision] = []
        fresh = self._fresh
        while fresh or self._ready:
            if len(made) >= limit:
                break
            decision = self._next(now)
            if decision is None:
                break
            made.append(decision)
        return made

    def _decide_several(self, now: Moment, limit: int) -> list[Decision]:
        """The same, but cases that several agents could take are weighed together."""
        made: list[Decision] = []
        alone = 0  # so many are as good by their turns
        while len(made) < limit:
            if not alone:
                cases, some = self._weighed(now)
                alone = max(1, len(cases))
                for n, row, what in some[: limit - len(made)]:
                    made.append(self._settle_weighed(cases[n], row, what, now))
                    alone = 0
            elif decision := self._next(now):
                made.append(decision)
                alone -= 1
            else:
                break
        return made

    def _weighed(self, now: Moment) -> tuple[list[Case], list[Placed]]:
        """Cases that were weighed together, and who takes which, where that is better than by turns. What a queue
        rings several for is left to its turn."""
        cases = self._open_cases(self.policy.batch.most)
        if len(cases) < 2 or any(self._ring(waiting) > 1 for _, _, _, waiting, _ in cases):
            return cases, []
        some = weighable([self._open(case, 2 * len(cases), now) for case in cases], self._house)
        return cases[: len(some)], placed(some, self._house, now)

    def _open_cases(self, most: int) -> list[Case]:
        """The first cases, by their turns, that somebody could take now."""
        self._floor.catch_up()
        # Who is neither fresh nor in a lane that is ready takes part in nothing.
        lanes = self._lanes.values() if self._fresh else {lane for _, _, _, _, lane in self._ready}
        open_lanes = [lane.turns for lane in lanes if lane.turns.first and self._able(lane)]
        return [*islice(merge(*open_lanes), most)]

    def _open(self, case: Case, most: int, now: Moment) -> Open:
        """The case with those who could take it and stand first, and those who know its customer."""
        _, _, _, waiting, lane = case
        able = self._able(lane)
        rows = {row.slot: row for row in islice(self._floor.in_turn(able), most)}
        for agent_id in waiting.who_knows(now - self.policy.sticky_ms):
            row = self._floor.row_of(agent_id)
            if row and row.bit & able:
                rows[row.slot] = row
        return Open(waiting, tuple(rows.values()))

    def _settle_weighed(self, case: Case, row: Row, weighed: Weighed, now: Moment) -> Decision:
        self._floor.catch_up()
        now_row, able = row_at(self._floor.rows, row.slot), self._able(case[4])
        assert now_row.bit & able, "what is weighed together fits together"
        return self._settle(case, able, (now_row,), now, weighed)

    def next_change_at(self, now: Moment) -> Moment | None:
        """When time alone may make a decision possible: a cool-down ends, a step of relaxation comes, a case is kept
        no longer. Never earlier than ``now``; None if only a new fact can."""
        self._skim_thaw()
        return max(now, self._thaw[0][0]) if self._thaw else None

    def come_to(self, now: Moment) -> None:
        """It is ``now``, and what time changes is done. Who says so before telling many cases spares looking at each
        of them twice; deciding and explaining say it by themselves."""
        self._now = max(now, self._now)
        due: dict[str, None] = {}
        for entries in (self._thaw, self._caps):
            while entries and entries[0][0] <= now:
                due[heappop(entries)[1]] = None
        for interaction_id in due:
            if case := self._cases.get(interaction_id):
                self._restand(case)

    def explain(self, interaction_id: str, now: Moment) -> Explanation | None:
        """Why the case still waits; None if it does not."""
        self.come_to(now)
        case = self._cases.get(interaction_id)
        if case is None:
            return None
        self._floor.catch_up()
        return Explanation(self._seen_apart(case, self._able(case[4]), (), now, None))

    def _next(self, now: Moment) -> Decision | None:
        fresh = self._fresh
        if len(fresh) > self._few:
            self._wake_all()
        elif self._ready and (not fresh or self._any_ready()):
            if fresh:
                self._wake_for_fresh()
        elif len(fresh) == 1:
            slot, row = fresh.popitem()
            lane = self._first_for(row)
            if lane is None:
                return None
            first = lane.turns.first
            if lane.steady and first is not None:
                return self._give(first, lane, row, row.bit, now, True)
            fresh[slot] = row
            if lane.alike:
                return self._settle(_first_case(lane), row.bit, (row,), now)
            self._make_ready(lane, _first_case(lane))
        elif not fresh:
            return None
        else:
            lane = self._first_of_fresh()
            if lane is None:
                return None
            if lane.alike:
                return self._decide_among_fresh(lane, now)
            self._make_ready(lane, _first_case(lane))
        return self._decide_from_ready(now)

    def _decide_among_fresh(self, lane: Lane, now: Moment) -> Decision:
        """No lane is ready, so only fresh seats can take the case: no mask needs to be looked at."""
        case = _first_case(lane)
        able = tuple(self._fresh.values())
        fits, medium, label = lane.pool.mask, lane.medium, lane.standing.label
        able = tuple([row for row in able if row.bit & fits and medium in row.spare and label not in row.full])
        mask = 0
        for row in able:
            mask |= row.bit
        order = in_order(self._house.ranking.leading(case[3], now))
        return self._settle(case, mask, tuple(sorted(able, key=order)[: self._ring(case[3])]), now)

    def _decide_from_ready(self, now: Moment) -> Decision | None:
        """The first case of a lane that is ready, if anybody can take it."""
        ranking = self._house.ranking
        while self._ready:
            case = self._ready[0]
            _, _, _, waiting, lane = case
            if not lane.ready or lane.turns.first is not case:
                heappop(self._ready)
                continue
            leading = ranking.leading(waiting, now)
            if lane.steady and not (leading or self._rings) and (few := lane.pool.few()):
                able, first = self._first_of_few(few, lane.medium)
                if first is not None:
                    was_fresh = bool(self._fresh and self._fresh.pop(first.slot, None))
                    return self._give(case, lane, first, able, now, was_fresh)
            else:
                self._floor.catch_up()
                if able := self._able(lane):
                    rung = self._best(waiting, leading, able, now)
                    return self._settle(case, able, rung, now)
            lane.ready = False
            heappop(self._ready)
        return None

    def _still_fresh(self, slot: int) -> None:
        """Who was given something is looked at again if they were to be and still have room."""
        if self._fresh.pop(slot, None):
            row = row_at(self._floor.rows, slot)
            if row.spare:
                self._fresh[slot] = row

    def _first_of_few(self, few: tuple[int, ...], medium: Medium) -> tuple[int, Row | None]:
        """Those who have room, and who stands first of them."""
        rows = self._floor.rows
        able, first = 0, None
        for slot in few:
            row = rows[slot]
            if row is not None and medium in row.spare:
                able |= row.bit
                if first is None or row.place < first.place:
                    first = row
        return able, first

    def _best(self, waiting: Waiting, leading: Leading, able: int, now: Moment) -> tuple[Row, ...]:
        """Those of ``able`` who come first, as many as the queue rings."""
        rung: list[Row] = []
        for _ in range(self._ring(waiting)):
            first = self._floor.first(self._foremost(waiting, leading, able, now) if leading else able)
            rung.append(first)
            able ^= first.bit
            if not able:
                break
        return tuple(rung)

    def _ring(self, waiting: Waiting) -> int:
        return self._rules(waiting).ring if self._rings else 1

    def _foremost(self, waiting: Waiting, leading: Leading, able: int, now: Moment) -> int:
        """Those of ``able`` whom none of the leading terms puts behind another."""
        for term, says in leading:
            if able & (able - 1) == 0:
                break
            for bits in self._grades(term, waiting, able, now):
                if bits & able:
                    able &= bits
                    break
            else:
                rows = [row_at(self._floor.rows, slot) for slot in slots_in(able)]
                best = min(map(says, rows))
                able = sum([row.bit for row in rows if says(row) == best])
        return able

    def _grades(self, term: Term, waiting: Waiting, able: int, now: Moment) -> Iterator[int]:
        """Sets of agents whom the term puts before all others, the foremost first, where an index has them."""
        match term:
            case "known":
                yield from self._known(waiting, able, now)
            case "preferred":
                yield from [bits for _, bits in self._floor.grades(self._rules(waiting).prefer)]
            case "most_skilled":
                yield from [bits for _, bits in self._floor.grades(skill_points(waiting))]
            case "least_skilled":
                yield from [bits for _, bits in reversed(self._floor.grades(skill_points(waiting)))]

    def _known(self, waiting: Waiting, able: int, now: Moment) -> Iterator[int]:
        """Those of ``able`` who know the customer, the better first; then all of them."""
        since = now - self.policy.sticky_ms
        known: dict[int, int] = {}
        for agent_id, (place, _) in waiting.who_knows(since).items():
            row = self._floor.row_of(agent_id)
            if row and row.bit & able:
                known[place] = known.get(place, 0) | row.bit
        yield from [known[place] for place in sorted(known)]
        yield able

    def _give(self, case: Case, lane: Lane, row: Row, eligible: int, now: Moment, fresh: bool) -> Decision:
        """The first case of a steady lane goes to the agent. Most decisions are this one."""
        floor, pool = self._floor, lane.pool
        base, later = floor.base, floor.later
        if base is None or len(later) > self._behind:
            base = floor.as_now()
            later = base.later
        decision = _new(Decision)
        decision.seen = (case[3], now, base, len(later), eligible, (row,), pool.ask, pool.mask)
        del self._cases[case[1]]
        lane.turns.pop()
        first = lane.turns.first
        if first is None:
            lane.at, lane.ready = NEVER, False
        else:
            lane.at = first[0]
            if lane.ready:
                self._make_ready(lane, first)
        if not lane.astray:
            self._go_astray(lane)
        floor.rows[row.slot] = left = row.taking(lane.medium, "", self._house)
        later.append(left)
        if fresh and left.spare:
            self._fresh[row.slot] = left
        return decision

    def _settle(
        self, case: Case, eligible: int, rung: tuple[Row, ...], now: Moment, weighed: Weighed | None = None
    ) -> Decision:
        seen = self._seen_apart(case, eligible, rung, now, weighed)
        self._leave(case)
        lane = case[4]
        for row in rung:
            self._floor.change(row.taking(lane.medium, lane.standing.label, self._house))
            self._still_fresh(row.slot)
        return Decision(seen)

    def _seen_apart(
        self, case: Case, eligible: int, rung: tuple[Row, ...], now: Moment, weighed: Weighed | None
    ) -> Seen:
        """What was seen where there is more to it than who has which queues and skills."""
        waiting, lane = case[3], case[4]
        pool, floor = lane.pool, self._floor
        ask, base = pool.ask, floor.as_now()
        return (
            waiting,
            now,
            base,
            len(base.later),
            eligible,
            rung,
            ask,
            pool.mask,
            lane.step,
            None if len(ask.queues) < 2 else floor.members_of(ask.queues),
            floor.row_of(waiting.only_agent) if waiting.only_agent else None,
            self._cooling_until(case) if waiting.missed else {},
            self._kept_for(lane) if lane.kept else 0,
            weighed,
        )

    def _able(self, lane: Lane) -> int:
        """Who could take the lane's first case now."""
        standing = lane.standing
        free = lane.pool.mask & self._floor.spare.get(lane.medium, 0)
        if not free or standing is PLAINLY:
            return free
        if standing.label:
            free &= ~self._floor.full.get(standing.label, 0)
        if lane.kept:
            free &= self._kept_for(lane)
        soft = self._floor.bits(standing.soft) & free
        able = free & ~(soft | self._floor.bits(standing.hard))
        if not able and soft and self._alone(lane) & soft:
            return self._alone(lane)
        return able

    def _alone(self, lane: Lane) -> int:
        """The one agent who is there and could ever take the lane's cases; nobody if there are several."""
        there = list(islice(self._floor.there_for(lane.medium, lane.pool.mask), 2))
        return there[0].bit if len(there) == 1 else 0

    def _kept_for(self, lane: Lane) -> int:
        """Those for whom the lane's cases are held, as far as they are there."""
        self._floor.catch_up()
        held = self._floor.bits(lane.standing.held) & lane.pool.mask
        return sum([row.bit for row in self._floor.there_for(lane.medium, held)])

    # --- ready lanes and fresh seats ----------------------------------------------------------------------

    def _make_ready(self, lane: Lane, first: Case) -> None:
        lane.ready = True
        ready = self._ready
        heappush(ready, first)
        if len(ready) > self._ready_most:
            self._ready = [case for case in ready if case[4].ready and case[4].turns.first is case]
            heapify(self._ready)
            self._ready_most = 2 * len(self._ready) + 64

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
            elif not first.ready:
                self._make_ready(first, _first_case(first))

    def _first_of_fresh(self) -> Lane | None:
        best: Lane | None = None
        for row in [*self._fresh.values()]:
            lane = self._first_for(row)
            if lane is None:
                del self._fresh[row.slot]
            elif best is None or _first_case(lane) < _first_case(best):
                best = lane
        return best

    def _any_ready(self) -> bool:
        """Drops what is out of date at the front."""
        ready = self._ready
        while ready:
            case = ready[0]
            lane = case[4]
            if lane.ready and lane.turns.first is case:
                return True
            heappop(ready)
        return False

    def _wake_soft(self, seat: Seat) -> None:
        """Somebody's coming or going can make another agent the only one for a case that cools down."""
        for key in [("", seat.agent_id), *((queue, "") for queue in seat.queues)]:
            for lane in self._soft.get(key, ()):
                if (first := lane.turns.first) and not lane.ready:
                    self._make_ready(lane, first)

    # --- relaxation ---------------------------------------------------------------------------------------

    def _look_around(self, seat: Seat) -> None:
        """Somebody's coming or going can make a step hopeless, or give it hope again; it can begin or end what a case
        is kept for."""
        for queue in seat.queues:
            for lane in self._climbing.get((queue, ""), ()):
                step = self._step_in_force(lane)
                if step != lane.step:
                    self._arrange(lane, step)
        for lane in self._held.get(("", seat.agent_id), ()):
            self._arrange(lane, lane.step)

    def _arrange(self, lane: Lane, step: int) -> None:
        """The lane is at that step, and stands where those who may take it come by."""
        first = lane.turns.first
        if first is not None:
            self._queueing -= 1
            for line in lane.lines:
                line.leave(first)
        lane.ask_for(step)
        lane.kept = bool(lane.standing.held and self._kept_for(lane))
        lane.lines = self._lines_of(lane)
        if first is not None:
            self._line_up(lane, None)
            if not lane.ready:
                self._make_ready(lane, first)

    def _step_in_force(self, lane: Lane) -> int:
        """The first from the one that time has brought at which somebody who is there could take the lane's cases;
        that one if there is none at all."""
        self._floor.catch_up()
        for step in range(lane.reached, len(lane.want.pools)):
            if next(self._floor.there_for(lane.medium, lane.want.pools[step].mask), None):
                return step
        return lane.reached

    # --- what time changes --------------------------------------------------------------------------------

    def _stand(self, waiting: Waiting, rules: QueuePolicy) -> tuple[Standing, int]:
        """What sets the case apart as of now, and how many steps of relaxation time has brought."""
        label = waiting.counts_as(self.policy) if waiting.label or self.policy.queues else ""
        if not (waiting.missed or rules.hold_ms or label):
            return PLAINLY, steps_reached(self._now - waiting.virtual_enqueued_at, rules) if rules.relax else 0
        hard, soft = set(), set()
        for agent_id in waiting.missed:
            if_alone, until = waiting.cools_until(agent_id, self.policy)
            if if_alone > self._now:
                hard.add(agent_id)
            elif until > self._now:
                soft.add(agent_id)
        held: set[str] = set()
        if rules.hold_ms and self._now < waiting.virtual_enqueued_at + rules.hold_ms:
            held = waiting.who_knows(self._now - self.policy.sticky_ms).keys() - hard - soft
        standing = Standing(frozenset(hard), frozenset(soft), frozenset(held), label)
        reached = steps_reached(self._now - waiting.virtual_enqueued_at, rules)
        return (PLAINLY if standing == PLAINLY else standing), reached

    def _changes(self, waiting: Waiting, rules: QueuePolicy) -> Iterator[Moment]:
        """When time changes who may have the case."""
        for agent_id in waiting.missed:
            yield from waiting.cools_until(agent_id, self.policy)
        for step in rules.relax:
            yield waiting.virtual_enqueued_at + step.after_ms
        if rules.hold_ms:
            kept_until = waiting.virtual_enqueued_at + rules.hold_ms
            yield kept_until
            for served_at in waiting.served_before.values():
                if served_at + self.policy.sticky_ms < kept_until:
                    yield served_at + self.policy.sticky_ms + 1

    def _restand(self, case: Case) -> None:
        at, _, _, waiting, lane = case
        standing, reached = self._stand(waiting, self._rules(waiting))
        now_at = at if self._alike else turn_at(waiting, self.policy, self._now)[0]
        if (standing, reached) != (lane.standing, lane.reached) or now_at != at:
            self._leave(case)
            self._enter(waiting, now_at, self._lane(waiting, standing, reached))

    def _await_cap(self, waiting: Waiting) -> None:
        self._await_caps([waiting])
        if len(self._caps) > 2 * len(self._cases) + 64:
            self._caps = []
            self._await_caps([case[3] for case in self._cases.values()])

    def _await_caps(self, waits: list[Waiting]) -> None:
        for waiting in waits:
            at = cap_at(base_turn(waiting, self.policy), self.policy)
            if at is not None and at > self._now:
                heappush(self._caps, (at, waiting.interaction_id))

    def _forget_thaws(self) -> None:
        """Those of cases that are gone, or changed since."""
        self._thaw = [
            (at, waiting.interaction_id)
            for _, _, _, waiting, _ in self._cases.values()
            for at in self._changes(waiting, self._rules(waiting))
            if at > self._now
        ]
        heapify(self._thaw)
        self._thaw_most = max(64, 4 * len(self._thaw))

    def _skim_thaw(self) -> None:
        """Drops what concerns cases that are gone, or changed since."""
        while self._thaw:
            at, interaction_id = self._thaw[0]
            case = self._cases.get(interaction_id)
            if case and at in self._changes(case[3], self._rules(case[3])):
                return
            heappop(self._thaw)

    def _cooling_until(self, case: Case) -> dict[int, Moment]:
        waiting, standing = case[3], case[4].standing
        until: dict[int, Moment] = {}
        for agent_id in standing.hard | standing.soft:
            if row := self._floor.row_of(agent_id):
                until[row.slot] = waiting.cools_until(agent_id, self.policy)[1]
        return until


def _as_before(old: Row, new: Row) -> bool:
    """Whether the agent is there, and for what, as they were."""
    was, now = old.seat, new.seat
    return old.reach is new.reach and was.available == now.available


def _could(seat: Seat, ask: Ask) -> bool:
    """Whether the agent could ever take work of this kind."""
    if ask.agent_id:
        return ask.agent_id == seat.agent_id
    if seat.queues.isdisjoint(ask.queues) or any(seat.skills.get(skill, 0) < level for skill, level in ask.skills):
        return False
    return ask.need is ANYBODY or meets(seat.agent_id, seat.skills, ask.need)


def _first_in(line: Line, reached: int, row: Row, best: Lane | None) -> Lane | None:
    """The first in the line that the agent may take, if it comes before ``best``."""
    for at, interaction_id, bit, lane in line.lanes:
        if bit & reached:
            if best is not None and _first_case(best) < (at, interaction_id):
                break
            if lane.plain or lane.admits(row):
                return lane
    return best


def _first_case(lane: Lane) -> Case:
    first = lane.turns.first
    assert first is not None, "nobody comes to a lane where nothing waits"
    return first


_new = object.__new__
