"""Cases in their lanes: who would be next for whom, and what might be taken."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from heapq import heapify, heappop, heappush
from itertools import islice
from types import MappingProxyType

from contact_center.domain.events import Medium
from contact_center.domain.time import Moment
from routing.cases import (
    NEVER,
    PLAINLY,
    Case,
    Lane,
    LaneKey,
    Line,
    LineKey,
    Lines,
    Skills,
    Standing,
    Waiting,
    Want,
)
from routing.floor import Floor
from routing.pools import Pools
from routing.seats import Row, Seat

_NO_LINES: Mapping[Medium, Line] = MappingProxyType({})


class Lanes:
    """Every case that waits stands in the lane of its kind. A lane is *ready* if somebody might be able to take its
    first case; the first cases of those are in the heap ``ready``, with some that are out of date. ``watched``: so
    many lanes depend on who is there, beside who could take their cases."""

    __slots__ = (
        "_astray",
        "_climbing",
        "_few",
        "_floor",
        "_held",
        "_lines",
        "_numbered",
        "_plain",
        "_pools",
        "_queueing",
        "_ready_most",
        "_soft",
        "_steady",
        "_steady_lines",
        "by_key",
        "cases",
        "ready",
        "watched",
    )

    def __init__(self, floor: Floor, pools: Pools, few: int) -> None:
        self._floor = floor
        self._pools = pools
        self._few = few
        self.cases: dict[str, Case] = {}
        self.by_key: dict[LaneKey, Lane] = {}
        self.ready: list[Case] = []
        self._ready_most = 64
        self._numbered = 0
        self._plain: dict[tuple[str, Medium, Skills], Lane] = {}
        self._lines: Lines = {}
        self._queueing = 0  # so many lanes in them
        self._steady: list[Lane] = []
        self._steady_lines: Lines = {}
        self._astray: list[Lane] = []
        self.watched = 0
        self._soft: dict[LineKey, set[Lane]] = {}
        self._climbing: dict[LineKey, set[Lane]] = {}
        self._held: dict[LineKey, set[Lane]] = {}

    def enter(self, waiting: Waiting, at: Moment, lane: Lane) -> None:
        self._numbered = number = self._numbered + 1
        self.cases[waiting.interaction_id] = case = (at, waiting.interaction_id, number, waiting, lane)
        turns = lane.turns
        was = turns.first
        turns.add(case)
        if turns.first is case:
            if lane.astray:
                lane.at = at
            else:
                self._line_up(lane, was)
            if was is None or lane.ready:
                self.make_ready(lane, case)

    def leave(self, case: Case) -> None:
        lane = case[4]
        del self.cases[case[1]]
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
            self.make_ready(lane, first)

    def give(self, case: Case) -> None:
        """The first case of a steady lane leaves it."""
        lane = case[4]
        del self.cases[case[1]]
        turns = lane.turns
        turns.pop()
        first = turns.first
        if first is None:
            lane.at, lane.ready = NEVER, False
        else:
            lane.at = first[0]
            if lane.ready:
                self.make_ready(lane, first)
        if not lane.astray:
            self._go_astray(lane)

    def lane(self, waiting: Waiting, standing: Standing, reached: int) -> Lane:
        """Where the case is to wait."""
        want = self._pools.want(waiting)
        if len(self._pools.by_ask) > self._pools.most:
            self._forget_pools(want)
        key = (want, reached, waiting.medium, standing)
        lane = self.by_key.get(key)
        if lane is None:
            lane = self.by_key[key] = Lane(key)
            for lanes, keys in self._watching(lane):
                self.watched += 1
                for each in keys:
                    lanes.setdefault(each, set()).add(lane)
            self._arrange(lane, self._step_in_force(lane) if lane.climbs else reached)
            if lane.steady:
                self._steady.append(lane)
                self._pools.news += 1
        return lane

    def plain_lane(self, waiting: Waiting) -> Lane:
        """The same, for a case about which there is nothing more to say than when it came."""
        if waiting.only_agent:
            return self.lane(waiting, PLAINLY, 0)
        way = (waiting.queue, waiting.medium, tuple(waiting.skills.items()))
        lane = self._plain.get(way)
        if lane is None:
            lane = self.lane(waiting, PLAINLY, 0)
            if lane.steady:
                if len(self._plain) >= self._pools.most:
                    self._plain.clear()
                self._plain[way] = lane
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
        del self.by_key[lane.key]
        for lanes, keys in self._watching(lane):
            self.watched -= 1
            for each in keys:
                lanes[each].discard(lane)
                if not lanes[each]:
                    del lanes[each]

    def _forget_pools(self, but: Want) -> None:
        """What nobody waits in is forgotten when there is too much of it, and the rest put in lines anew."""
        self.by_key = {key: lane for key, lane in self.by_key.items() if lane.turns.first}
        self._pools.forget_but({but, *(lane.want for lane in self.by_key.values())})
        self._plain, self._lines, self._steady_lines = {}, {}, {}
        self._queueing = 0
        self._steady = [lane for lane in self.by_key.values() if lane.steady]
        self._astray = []
        for lane in self.by_key.values():
            lane.lines = self._lines_of(lane)
            lane.lined, lane.astray = None, False
            self._line_up(lane, None)

    # --- lines --------------------------------------------------------------------------------------------

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

    def first_for(self, row: Row) -> Lane | None:
        """The lane whose first case would be this agent's next. (Agents who are only eligible because nobody
        else is are no matter here: their lanes are made ready when it might be so.)"""
        reach = row.reach
        if reach.news != self._pools.news:
            self._see(row)
        best: Lane | None = None
        if len(reach.lanes) > self._few:
            if self._astray:
                self._line_up_steady()
            best = self._first_in_lines(self._steady_lines, row, None)
        else:
            at, spare = NEVER, row.spare
            for lane in reach.lanes:
                its = lane.at
                if its < at:
                    if lane.medium in spare:
                        best, at = lane, its
                elif its == at and best is not None and lane.medium in spare and first_case(lane) < first_case(best):
                    best = lane
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

    def open_for(self, row: Row, most: int) -> Iterator[Lane]:
        """Those where something waits that the agent could take; of more than a few, the first ``most`` of each
        line."""
        reach = row.reach
        if reach.news != self._pools.news:
            self._see(row)
        all_lines = [self._lines]
        if len(reach.lanes) > self._few:
            self._line_up_steady()
            all_lines.append(self._steady_lines)
        else:
            yield from [lane for lane in reach.lanes if lane.at < NEVER and lane.medium in row.spare]
        keys = [*[((queue, ""), reach.mask) for queue in reach.queues], (("", row.seat.agent_id), -1)]
        for lines in all_lines:
            for key, reached in keys:
                for medium, line in lines.get(key, _NO_LINES).items():
                    if medium in row.spare:
                        theirs = (lane for _, _, bit, lane in line.lanes if bit & reached and lane.admits(row))
                        yield from islice(theirs, most)

    def _see(self, row: Row) -> None:
        """Brings what is known of the row's reach up to date."""
        reach, pools = row.reach, self._pools
        if reach.era != pools.era:
            reach.era, reach.mask, reach.seen, reach.lanes, reach.lanes_seen = pools.era, 0, 0, [], 0
        for pool in pools.made[reach.seen :]:
            if pool.personal or pool.mask & row.bit:
                reach.mask |= pool.bit
        reach.seen = len(pools.made)
        for lane in self._steady[reach.lanes_seen :]:
            if lane.pool.mask & row.bit and lane.medium in reach.spare:
                reach.lanes.append(lane)
        reach.lanes_seen = len(self._steady)
        reach.news = pools.news

    # --- who could take them ------------------------------------------------------------------------------

    def able(self, lane: Lane) -> int:
        """Who could take the lane's first case now."""
        standing = lane.standing
        free = lane.pool.mask & self._floor.spare.get(lane.medium, 0)
        if not free or standing is PLAINLY:
            return free
        if standing.label:
            free &= ~self._floor.full.get(standing.label, 0)
        if lane.kept:
            free &= self.kept_for(lane)
        soft = self._floor.bits(standing.soft) & free
        able = free & ~(soft | self._floor.bits(standing.hard))
        if not able and soft and self._alone(lane) & soft:
            return self._alone(lane)
        return able

    def _alone(self, lane: Lane) -> int:
        """The one agent who is there and could ever take the lane's cases; nobody if there are several."""
        there = list(islice(self._floor.there_for(lane.medium, lane.pool.mask), 2))
        return there[0].bit if len(there) == 1 else 0

    def kept_for(self, lane: Lane) -> int:
        """Those for whom the lane's cases are held, as far as they are there."""
        self._floor.catch_up()
        held = self._floor.bits(lane.standing.held) & lane.pool.mask
        return sum([row.bit for row in self._floor.there_for(lane.medium, held)])

    # --- ready lanes --------------------------------------------------------------------------------------

    def make_ready(self, lane: Lane, first: Case) -> None:
        lane.ready = True
        ready = self.ready
        heappush(ready, first)
        if len(ready) > self._ready_most:
            ready[:] = [case for case in ready if case[4].ready and case[4].turns.first is case]
            heapify(ready)
            self._ready_most = 2 * len(ready) + 64

    def wake_all(self) -> None:
        for lane in self.by_key.values():
            if (first := lane.turns.first) and not lane.ready:
                self.make_ready(lane, first)

    def any_ready(self) -> bool:
        """Drops what is out of date at the front."""
        ready = self.ready
        while ready:
            case = ready[0]
            lane = case[4]
            if lane.ready and lane.turns.first is case:
                return True
            heappop(ready)
        return False

    def wake_soft(self, seat: Seat) -> None:
        """Somebody's coming or going can make another agent the only one for a case that cools down."""
        for key in [("", seat.agent_id), *((queue, "") for queue in seat.queues)]:
            for lane in self._soft.get(key, ()):
                if (first := lane.turns.first) and not lane.ready:
                    self.make_ready(lane, first)

    def look_around(self, seat: Seat) -> None:
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
        lane.kept = bool(lane.standing.held and self.kept_for(lane))
        lane.lines = self._lines_of(lane)
        if first is not None:
            self._line_up(lane, None)
            if not lane.ready:
                self.make_ready(lane, first)

    def _step_in_force(self, lane: Lane) -> int:
        """The first from the one that time has brought at which somebody who is there could take the lane's cases;
        that one if there is none at all."""
        self._floor.catch_up()
        for step in range(lane.reached, len(lane.want.pools)):
            if next(self._floor.there_for(lane.medium, lane.want.pools[step].mask), None):
                return step
        return lane.reached


def _first_in(line: Line, reached: int, row: Row, best: Lane | None) -> Lane | None:
    """The first in the line that the agent may take, if it comes before ``best``."""
    for at, interaction_id, bit, lane in line.lanes:
        if bit & reached:
            if best is not None and first_case(best) < (at, interaction_id):
                break
            if lane.plain or lane.admits(row):
                return lane
    return best


def first_case(lane: Lane) -> Case:
    first = lane.turns.first
    assert first is not None, "nobody comes to a lane where nothing waits"
    return first
