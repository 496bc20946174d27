"""What time changes by itself about cases that wait: cool-downs and holds end, steps of relaxation come, turns come
to their cap."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from heapq import heapify, heappop, heappush

from contact_center.domain.time import Moment
from routing.cases import NEVER, PLAINLY, Case, Standing, Waiting, base_turn, cap_at, steps_reached
from routing.policy import Policy, QueuePolicy


class Timetable:
    """When which case is to be looked at again. ``cases`` are those that wait, as they are by now: what concerns
    others is dropped when it is come upon. ``thaws`` are moments at which who may have a case changes, ``caps``
    those at which its turn does; before ``next_at`` there is nothing to do."""

    __slots__ = ("_cases", "_most", "_policy", "caps", "next_at", "thaws")

    def __init__(self, policy: Policy, cases: Mapping[str, Case]) -> None:
        self._policy = policy
        self._cases = cases
        self._most = 64
        self.thaws: list[tuple[Moment, str]] = []
        self.caps: list[tuple[Moment, str]] = []
        self.next_at = NEVER

    def expect(self, waiting: Waiting, now: Moment) -> None:
        """A case that waits from ``now`` on."""
        rules = waiting.rules(self._policy)
        if waiting.missed or rules.hold_ms or rules.relax:
            for at in _changes(waiting, rules, self._policy):
                if at > now:
                    heappush(self.thaws, (at, waiting.interaction_id))
            if len(self.thaws) > self._most:
                self._forget(now)
        if self._policy.most_priority is not None:
            self._await_cap(waiting, now)
            if len(self.caps) > 2 * len(self._cases) + 64:
                self.caps = []
                for _, _, _, other, _ in self._cases.values():
                    self._await_cap(other, now)
        self._look_ahead()

    def _look_ahead(self) -> None:
        self.next_at = min([entries[0][0] for entries in (self.thaws, self.caps) if entries], default=NEVER)

    def _await_cap(self, waiting: Waiting, now: Moment) -> None:
        at = cap_at(base_turn(waiting, self._policy), self._policy)
        if at is not None and at > now:
            heappush(self.caps, (at, waiting.interaction_id))

    def due(self, now: Moment) -> list[Case]:
        """Which cases are to be looked at again by now. Each is told once."""
        due: dict[str, None] = {}
        for entries in (self.thaws, self.caps):
            while entries and entries[0][0] <= now:
                due[heappop(entries)[1]] = None
        self._look_ahead()
        return [case for interaction_id in due if (case := self._cases.get(interaction_id))]

    def next_thaw(self) -> Moment | None:
        """When time next changes who may have a case."""
        while self.thaws:
            at, interaction_id = self.thaws[0]
            case = self._cases.get(interaction_id)
            if case and at in _changes(case[3], case[3].rules(self._policy), self._policy):
                return at
            heappop(self.thaws)
        return None

    def _forget(self, now: Moment) -> None:
        """What concerns cases that are gone, or changed since."""
        self.thaws = [
            (at, waiting.interaction_id)
            for _, _, _, waiting, _ in self._cases.values()
            for at in _changes(waiting, waiting.rules(self._policy), self._policy)
            if at > now
        ]
        heapify(self.thaws)
        self._most = max(64, 4 * len(self.thaws))


def standing_at(waiting: Waiting, policy: Policy, now: Moment) -> tuple[Standing, int]:
    """What sets the case apart as of now, and how many steps of relaxation time has brought."""
    rules = waiting.rules(policy)
    label = waiting.counts_as(policy) if waiting.label or policy.queues else ""
    if not (waiting.missed or rules.hold_ms or label):
        return PLAINLY, steps_reached(now - waiting.virtual_enqueued_at, rules) if rules.relax else 0
    hard, soft = set(), set()
    for agent_id in waiting.missed:
        if_alone, until = waiting.cools_until(agent_id, policy)
        if if_alone > now:
            hard.add(agent_id)
        elif until > now:
            soft.add(agent_id)
    held: set[str] = set()
    if rules.hold_ms and now < waiting.virtual_enqueued_at + rules.hold_ms:
        held = waiting.who_knows(now - policy.sticky_ms).keys() - hard - soft
    standing = Standing(frozenset(hard), frozenset(soft), frozenset(held), label)
    reached = steps_reached(now - waiting.virtual_enqueued_at, rules)
    return (PLAINLY if standing == PLAINLY else standing), reached


def _changes(waiting: Waiting, rules: QueuePolicy, policy: Policy) -> Iterator[Moment]:
    """When time changes who may have the case."""
    for agent_id in waiting.missed:
        yield from waiting.cools_until(agent_id, policy)
    for step in rules.relax:
        yield waiting.virtual_enqueued_at + step.after_ms
    if rules.hold_ms:
        kept_until = waiting.virtual_enqueued_at + rules.hold_ms
        yield kept_until
        for served_at in waiting.served_before.values():
            if served_at + policy.sticky_ms < kept_until:
                yield served_at + policy.sticky_ms + 1
