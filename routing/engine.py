"""What is told of agents and cases, and the decisions that it comes to."""

from __future__ import annotations

from heapq import heappop

from contact_center.domain.events import Medium
from contact_center.domain.time import Moment
from routing.batch import Weighed
from routing.cases import TOP_PRIORITY, Case, Lane, Waiting, turn_at
from routing.choosing import Choice
from routing.decisions import Decision, Explanation
from routing.floor import Floor
from routing.lanes import Lanes, first_case
from routing.meeting import Meeting
from routing.past import WHO_HAS_ROOM, Seen
from routing.policy import Policy
from routing.pools import Pools
from routing.ranking import in_order
from routing.seats import House, Row, Seat, row_at, row_of
from routing.timetable import Timetable, standing_at
from routing.together import Placed


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
        "_behind",
        "_cases",
        "_choice",
        "_few",
        "_floor",
        "_fresh",
        "_house",
        "_lanes",
        "_meeting",
        "_now",
        "_pools",
        "_ready",
        "_times",
        "_weighs",
        "policy",
    )

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self._house = House(policy)
        self._floor = Floor(self._house, self.behind)
        self._pools = Pools(policy, self._floor, self.pools_kept)
        self._lanes = Lanes(self._floor, self._pools, self.lanes_few)
        self._choice = Choice(policy, self._floor)
        self._meeting = Meeting(policy, self._house, self._floor, self._lanes, self._choice)
        self._cases, self._ready = self._lanes.cases, self._lanes.ready
        self._times = Timetable(policy, self._cases)
        self._fresh: dict[int, Row] = {}
        self._now: Moment = 0
        # Most houses want the same of every queue and every turn; much need not be asked then.
        self._alike = not policy.queues and policy.most_priority is None and policy.order == "age"
        self._ageing_ms = policy.ageing_ms
        self._weighs = policy.batch.most > 1
        self._few, self._behind = self.few, self.behind

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
        if self._lanes.watched:
            self._lanes.wake_soft(seat)
            if not (old and _as_before(old, row)):
                self._lanes.look_around(seat)

    def remove_seat(self, agent_id: str) -> None:
        """The agent is gone. Unknown ids change nothing."""
        if row := self._floor.row_of(agent_id):
            self._leave_floor(row)
            self._floor.free_slot(row.slot)

    def _move(self, old: Row, seat: Seat) -> Row:
        """An agent with other queues, skills or capacity."""
        if old.reach.queues == seat.queues and old.reach.skills == seat.skills:
            row = row_of(seat, old.slot, old.bit, self._house, self._pools.reach(seat))
            self._floor.change(row)
            return row
        self._leave_floor(old)
        return self._enter_floor(seat, old.slot)

    def _enter_floor(self, seat: Seat, slot: int | None) -> Row:
        row = self._floor.enter(seat, self._pools.reach(seat), slot)
        self._pools.enter(row)
        return row

    def _leave_floor(self, row: Row) -> None:
        self._floor.leave(row.seat.agent_id)
        self._fresh.pop(row.slot, None)
        self._pools.leave(row)
        self._lanes.wake_soft(row.seat)
        self._lanes.look_around(row.seat)

    # --- cases --------------------------------------------------------------------------------------------

    def put_waiting(self, waiting: Waiting) -> None:
        """A case waits, or waits otherwise than before."""
        lanes = self._lanes
        old = self._cases.get(waiting.interaction_id)
        if old is not None:
            lanes.leave(old)
        if self._alike and not (waiting.missed or waiting.label):
            priority = waiting.priority
            if not 0 <= priority <= TOP_PRIORITY:
                priority = min(max(priority, 0), TOP_PRIORITY)
            lanes.enter(waiting, waiting.virtual_enqueued_at - priority * self._ageing_ms, lanes.plain_lane(waiting))
        else:
            self._enter_apart(waiting)
            self._times.expect(waiting, self._now)

    def _enter_apart(self, waiting: Waiting) -> None:
        """A case about which there may be more to say than when it came."""
        lane = self._lanes.lane(waiting, *standing_at(waiting, self.policy, self._now))
        self._lanes.enter(waiting, turn_at(waiting, self.policy, self._now)[0], lane)

    def remove_waiting(self, interaction_id: str) -> None:
        """The case doesn't wait any more. Unknown ids change nothing."""
        case = self._cases.get(interaction_id)
        if case is not None:
            self._lanes.leave(case)

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

    def seat(self, agent_id: str) -> Seat | None:
        """The agent, what was decided included; None for nobody."""
        row = self._floor.row_of(agent_id)
        return row.seat if row else None

    def seats(self) -> list[Seat]:
        """Every agent, what was decided included, by id."""
        return sorted([row.seat for row in self._floor.everybody()], key=lambda seat: seat.agent_id)

    # --- time ---------------------------------------------------------------------------------------------

    def next_change_at(self, now: Moment) -> Moment | None:
        """When time alone may make a decision possible: a cool-down ends, a step of relaxation comes, a case is kept
        no longer. Never earlier than ``now``; None if only a new fact can."""
        at = self._times.next_thaw()
        return None if at is None else max(now, at)

    def come_to(self, now: Moment) -> None:
        """It is ``now``, and what time changes is done. Who says so before telling many cases spares looking at each
        of them twice; deciding and explaining say it by themselves."""
        self._now = max(now, self._now)
        for case in self._times.due(now):
            self._restand(case)

    def _restand(self, case: Case) -> None:
        at, _, _, waiting, lane = case
        standing, reached = standing_at(waiting, self.policy, self._now)
        now_at = at if self._alike else turn_at(waiting, self.policy, self._now)[0]
        if (standing, reached) != (lane.standing, lane.reached) or now_at != at:
            self._lanes.leave(case)
            self._lanes.enter(waiting, now_at, self._lanes.lane(waiting, standing, reached))

    # --- deciding -----------------------------------------------------------------------------------------

    def decide(self, now: Moment, limit: int = 100) -> list[Decision]:
        """What is to be offered to whom, at most ``limit`` of it.

        The case whose turn is earliest of all that somebody can take goes first, to the agent who served
        the customer lately, else to the least loaded, the longest idle, the first by id. A case that nobody
        can take holds up nobody. If fewer than ``limit`` come back, nobody can take anything now."""
        if now > self._now:
            self._now = now
        if now >= self._times.next_at:
            self.come_to(now)
        made: list[Decision] = []
        fresh, ready = self._fresh, self._ready
        by_turn = 0  # so many are as good by their turns
        while (fresh or ready) and len(made) < limit:
            if not ready and len(fresh) == 1:
                decision = self._next_of_one(now)
            # Whether there may be several cases and several agents: cheap, and true too often. Where it is not, it
            # isn't after the next decision either.
            elif self._weighs and not by_turn and (len(fresh) + len(ready) > 1 or ready[0][4].turns.several):
                by_turn, some = self._weigh(now)
                by_turn = 0 if some else max(1, by_turn)
                made += [self._settle_weighed(case, each, now) for case, each in some[: limit - len(made)]]
                continue
            else:
                decision = self._next(now) if fresh else self._decide_from_ready(now)
            if decision is None:
                break
            made.append(decision)
            if by_turn:
                by_turn -= 1
        return made

    def _weigh(self, now: Moment) -> tuple[int, list[tuple[Case, Placed]]]:
        if len(self._fresh) > self._few:
            self._wake_all()
        return self._meeting.weighed(self._fresh.values(), now)

    def _wake_all(self) -> None:
        self._fresh.clear()
        self._lanes.wake_all()

    def _next(self, now: Moment) -> Decision | None:
        if len(self._fresh) > self._few:
            self._wake_all()
        elif self._lanes.any_ready():
            self._wake_for_fresh()
        else:
            lane = self._first_of_fresh()
            if lane is None:
                return None
            if lane.alike:
                return self._decide_among_fresh(lane, now)
            self._lanes.make_ready(lane, first_case(lane))
        return self._decide_from_ready(now)

    def _next_of_one(self, now: Moment) -> Decision | None:
        """The same, where no lane is ready and only one seat is fresh."""
        slot, row = self._fresh.popitem()
        lane = self._lanes.first_for(row)
        if lane is None:
            return None
        first = lane.turns.first
        if lane.steady and first is not None:
            return self._give(first, lane, row, now, True)
        self._fresh[slot] = row
        if lane.alike:
            return self._settle(first_case(lane), row.bit, (row,), now)
        self._lanes.make_ready(lane, first_case(lane))
        return self._decide_from_ready(now)

    def _first_of_fresh(self) -> Lane | None:
        best: Lane | None = None
        for row in [*self._fresh.values()]:
            lane = self._lanes.first_for(row)
            if lane is None:
                del self._fresh[row.slot]
            elif best is None or first_case(lane) < first_case(best):
                best = lane
        return best

    def _decide_among_fresh(self, lane: Lane, now: Moment) -> Decision:
        """No lane is ready, so only fresh seats can take the case: no mask needs to be looked at."""
        case = first_case(lane)
        able = tuple(self._fresh.values())
        fits, medium, label = lane.pool.mask, lane.medium, lane.standing.label
        able = tuple([row for row in able if row.bit & fits and medium in row.spare and label not in row.full])
        mask = 0
        for row in able:
            mask |= row.bit
        order = in_order(self._house.ranking.leading(case[3], now))
        return self._settle(case, mask, tuple(sorted(able, key=order)[: self._choice.ring(case[3])]), now)

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
            if lane.steady and not (leading or self._choice.rings) and (few := lane.pool.few()):
                first = self._first_of_few(few, lane.medium)
                if first is not None:
                    heappop(self._ready)
                    was_fresh = bool(self._fresh and self._fresh.pop(first.slot, None))
                    return self._give(case, lane, first, now, was_fresh)
            else:
                self._floor.catch_up()
                if able := self._lanes.able(lane):
                    rung = self._choice.best(waiting, leading, able, now)
                    return self._settle(case, able, rung, now)
            lane.ready = False
            heappop(self._ready)
        return None

    def _wake_for_fresh(self) -> None:
        for row in [*self._fresh.values()]:
            lane = self._lanes.first_for(row)
            if lane is None:
                del self._fresh[row.slot]
            elif not lane.ready:
                self._lanes.make_ready(lane, first_case(lane))

    def _first_of_few(self, few: tuple[int, ...], medium: Medium) -> Row | None:
        """Who stands first of those who have room."""
        rows = self._floor.rows
        first = None
        for slot in few:
            row = rows[slot]
            if row is not None and medium in row.spare and (first is None or row.place < first.place):
                first = row
        return first

    # --- what is decided is taken as done -----------------------------------------------------------------

    def _give(self, case: Case, lane: Lane, row: Row, now: Moment, fresh: bool) -> Decision:
        """The first case of a steady lane goes to the agent. Most decisions are this one."""
        floor, pool = self._floor, lane.pool
        base, later = floor.base, floor.later
        if base is None or len(later) > self._behind:
            base = floor.as_now()
            later = base.later
        decision = _new(Decision)
        decision.seen = (case[3], now, base, len(later), WHO_HAS_ROOM, (row,), pool.ask, pool.mask)
        self._lanes.give(case)
        floor.rows[row.slot] = left = row.taking(lane.medium, "", self._house)
        later.append(left)
        if fresh and left.spare:
            self._fresh[row.slot] = left
        return decision

    def _settle(
        self, case: Case, eligible: int, rung: tuple[Row, ...], now: Moment, weighed: Weighed | None = None
    ) -> Decision:
        seen = self._seen_apart(case, eligible, rung, now, weighed)
        self._lanes.leave(case)
        lane = case[4]
        for row in rung:
            self._floor.change(row.taking(lane.medium, lane.standing.label, self._house))
            self._still_fresh(row.slot)
        return Decision(seen)

    def _still_fresh(self, slot: int) -> None:
        """Who was given something is looked at again if they were to be and still have room."""
        if self._fresh.pop(slot, None):
            row = row_at(self._floor.rows, slot)
            if row.spare:
                self._fresh[slot] = row

    def explain(self, interaction_id: str, now: Moment) -> Explanation | None:
        """Why the case still waits; None if it does not."""
        self.come_to(now)
        case = self._cases.get(interaction_id)
        if case is None:
            return None
        self._floor.catch_up()
        return Explanation(self._seen_apart(case, self._lanes.able(case[4]), (), now, None))

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
            self._lanes.kept_for(lane) if lane.kept else 0,
            weighed,
        )

    def _cooling_until(self, case: Case) -> dict[int, Moment]:
        waiting, standing = case[3], case[4].standing
        until: dict[int, Moment] = {}
        for agent_id in standing.hard | standing.soft:
            if row := self._floor.row_of(agent_id):
                until[row.slot] = waiting.cools_until(agent_id, self.policy)[1]
        return until

    # --- several at once ----------------------------------------------------------------------------------

    def _settle_weighed(self, case: Case, each: Placed, now: Moment) -> Decision:
        self._floor.catch_up()
        able = self._lanes.able(case[4])
        rung = tuple([row_at(self._floor.rows, slot) for slot in each.slots])
        assert all(row.bit & able for row in rung), "what is weighed together fits together"
        return self._settle(case, able, rung, now, each.weighed)


_new = object.__new__


def _as_before(old: Row, new: Row) -> bool:
    """Whether the agent is there, and for what, as they were."""
    was, now = old.seat, new.seat
    return old.reach is new.reach and was.available == now.available
