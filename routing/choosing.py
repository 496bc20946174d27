"""Who comes first of those who could take a case."""

from __future__ import annotations

from collections.abc import Iterator
from operator import attrgetter

from contact_center.domain.time import Moment
from routing.cases import Waiting
from routing.floor import Floor
from routing.policy import Policy, Term
from routing.ranking import Leading, skill_points
from routing.seats import Row, row_at, slots_in


class Choice:
    """The ranking, told of the floor: sets of agents whom a term puts first are mostly a mask away."""

    sorted_few = 512
    """So many are sorted anew; more are looked up in their order. (It changes what it costs and nothing else.)"""

    __slots__ = ("_floor", "_policy", "rings")

    def __init__(self, policy: Policy, floor: Floor) -> None:
        self._policy = policy
        self._floor = floor
        self.rings = any(queue.ring > 1 for queue in policy.queues.values())

    def best(self, waiting: Waiting, leading: Leading, able: int, now: Moment) -> tuple[Row, ...]:
        """Those of ``able`` who come first, as many as the queue rings."""
        rung: list[Row] = []
        for _ in range(self.ring(waiting)):
            first = self._floor.first(self._foremost(waiting, leading, able, now) if leading else able)
            rung.append(first)
            able ^= first.bit
            if not able:
                break
        return tuple(rung)

    def ring(self, waiting: Waiting) -> int:
        """At how many it rings."""
        return waiting.rules(self._policy).ring if self.rings else 1

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

    def in_rank(self, waiting: Waiting, leading: Leading, able: int, now: Moment) -> Iterator[Row]:
        """Those of ``able``, the foremost first."""
        rows = self._floor.rows
        if not leading:
            if able.bit_count() > self.sorted_few:
                yield from self._floor.in_turn(able)
            else:
                yield from sorted([row_at(rows, slot) for slot in slots_in(able)], key=_place_of)
            return
        term, says = leading[0]
        for bits in self._grades(term, waiting, able, now):
            if hit := bits & able:
                able ^= hit
                yield from self.in_rank(waiting, leading[1:], hit, now)
        found: dict[int, int] = {}
        for slot in slots_in(able):
            row = row_at(rows, slot)
            found[says(row)] = found.get(says(row), 0) | row.bit
        for _, hit in sorted(found.items()):
            yield from self.in_rank(waiting, leading[1:], hit, now)

    def _grades(self, term: Term, waiting: Waiting, able: int, now: Moment) -> Iterator[int]:
        """Sets of agents whom the term puts before all others, the foremost first, where an index has them."""
        match term:
            case "known":
                yield from self._known(waiting, able, now)
            case "preferred":
                yield from [bits for _, bits in self._floor.grades(waiting.rules(self._policy).prefer)]
            case "most_skilled":
                yield from [bits for _, bits in self._floor.grades(skill_points(waiting))]
            case "least_skilled":
                yield from [bits for _, bits in reversed(self._floor.grades(skill_points(waiting)))]

    def _known(self, waiting: Waiting, able: int, now: Moment) -> Iterator[int]:
        """Those of ``able`` who know the customer, the better first; then all of them."""
        since = now - self._policy.sticky_ms
        known: dict[int, int] = {}
        for agent_id, (place, _) in waiting.who_knows(since).items():
            row = self._floor.row_of(agent_id)
            if row and row.bit & able:
                known[place] = known.get(place, 0) | row.bit
        yield from [known[place] for place in sorted(known)]
        yield able


_place_of = attrgetter("place")
