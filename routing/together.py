"""Which cases are weighed together, and what everybody is to each of them (how they are weighed:
:mod:`routing.batch`).

Weighed are the first cases by their turns that somebody can take now: at most so many as the policy says (a case
counts for as many as it rings at), and four for each agent who could take one of them. What is left is weighed after
that. All bounds are counts, never times, so that what is decided follows from the facts.

**Who is torn.** An agent has room for so many of a medium, and mostly what they are given of one leaves their room
for another as it was. Where it does not (a call takes the whole of them, a weighted total or a label bounds several
kinds, work is put aside) the cases that they could take tear at them. They are given one piece only, then what is
left of the cases is weighed once more with everybody as they are by then, and so on: each round is a matching of its
own, so nothing is ever given to who has no room, and no case is passed over for a later one that the same agent
takes. But rounds needn't come to the best that there is; whatever they come to is held against turns alone, and is
only done where it is better.

**What rings at several.** Each case gets one agent as if it rang at one. When all have theirs, those that ring at
several take, in their turn, the foremost of who is left. So nobody waits because another's telephone rings thrice.

**Where turns are as good, and nothing is weighed.**

* One case, or one agent: urgency alone says who is served, and the ranking by whom.
* No agent is wanted by two: each case gets whom it would get if it were alone. No other way costs less for any of
  them, so none costs less in all.
* All are alike (the same agents could take them, as work of one kind; no term is about the case; none rings at
  several): it makes no difference who takes which, only which places are taken. Turns take the cheapest each time,
  and so many of the cheapest are the least that so many can cost.

Nor where all have plenty: each could go to as many agents as all of them together ring at, and no term is about the
case. Turns serve all of them too, whichever the others take; what could be gained is a little less load here and
there, and it would be the dearest of all tables.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from heapq import nsmallest
from typing import Any, NamedTuple, TypeAlias

from contact_center.domain.events import Medium
from contact_center.domain.time import Moment
from routing.batch import Cost, Weighed, added, weigh
from routing.cases import Waiting
from routing.policy import Term
from routing.ranking import Leading, in_order, points, skill_points
from routing.seats import House, Row

PER_AGENT = 4

_OF_A_PIECE: frozenset[Term] = frozenset({"least_loaded", "most_loaded", "longest_idle"})
_GRADE = 100


class Open(NamedTuple):
    """A case that somebody can take now: ``able`` are the bits of all who could, ``foremost`` the first of them, at
    least as many as all cases together ring at. ``ring`` is at how many it rings, ``leading`` what its ranking has
    before places."""

    waiting: Waiting
    able: int
    foremost: tuple[Row, ...]
    ring: int
    leading: Leading


class Placed(NamedTuple):
    """The case (by number), by slot at whom it rings, and what the weighing came to."""

    case: int
    slots: tuple[int, ...]
    weighed: Weighed


Kind: TypeAlias = tuple[Medium, str]
Pieces: TypeAlias = list[tuple[int, tuple[int, ...]]]
"""Cases and who gets them, in an order in which they can be given away."""


def placed(cases: Sequence[Open], house: House, now: Moment) -> list[Placed]:
    """Who takes what, for those who are served, in an order in which it can be done."""
    pile = _Pile(cases, house, now)
    alone, found = pile.by_turns(), pile.together()
    method, more, by, gain = "turns", 0, "", 0
    worth, best = pile.worth(alone), pile.worth(found)
    if best < worth:
        method, more, by, gain = "together", *_gain(worth, best, pile.terms)
    pieces = found if method == "together" else alone
    names = tuple([case.waiting.interaction_id for case in cases])
    by_turn = {case: pile.agent_id(slots[0]) for case, slots in alone}
    agents = len(pile.rows)
    return [
        Placed(case, slots, Weighed(method, names, agents, by_turn.get(case, ""), more, by, gain))
        for case, slots in pieces
    ]


_Worth: TypeAlias = tuple[tuple[bool, ...], Cost, int]
"""Who isn't served, what it costs, at how many fewer it rings: the less the better."""


def _gain(worth: _Worth, best: _Worth, terms: Sequence[str]) -> tuple[int, str, int]:
    """How many more are served, or else what is better and by how much."""
    more = sum(worth[0]) - sum(best[0])
    if more or worth[0] != best[0]:
        return more, "" if more else "turn", 0
    for term, was, less in zip(terms, worth[1], best[1], strict=False):
        if was != less:
            return 0, term, was - less
    return 0, "ring", worth[2] - best[2]


class _Pile:
    """The cases, and what everybody is to each of them. ``terms`` are those of costs: the ranking's, and last how
    long ago somebody served the customer, which decides between ways that the ranking finds equal."""

    def __init__(self, cases: Sequence[Open], house: House, now: Moment) -> None:
        self._cases = cases
        self._house = house
        self._now = now
        self.terms: tuple[str, ...] = (*house.policy.ranking, "served_lately")
        self._nothing: Cost = (0,) * len(self.terms)
        self._of_pieces = [(n, term) for n, term in enumerate(house.policy.ranking) if term in _OF_A_PIECE]
        self._kinds = [(case.waiting.medium, case.waiting.counts_as(house.policy)) for case in cases]
        self._orders: list[Callable[[Row], Any]] = [in_order(case.leading) for case in cases]
        self.rows = {row.slot: row for case in cases for row in case.foremost}
        self._able = [self._slots(case, order) for case, order in zip(cases, self._orders, strict=True)]
        self._torn = self._who_is_torn()
        self._says = [self._of_a_pair(case.waiting) for case in cases]
        self._costs: list[dict[int, Cost]] = [{} for _ in cases]

    def agent_id(self, slot: int) -> str:
        return self.rows[slot].seat.agent_id

    def _slots(self, case: Open, order: Callable[[Row], Any]) -> list[int]:
        """Who comes into question, the foremost first. Who is given work comes no further forward by it; but where
        the ranking puts the most loaded first, whoever is another's may come to be this one's."""
        if "most_loaded" not in self._house.policy.ranking:
            return [row.slot for row in case.foremost]
        return [row.slot for row in sorted(self.rows.values(), key=order) if row.bit & case.able]

    def _who_is_torn(self) -> set[int]:
        kinds: dict[int, set[Kind]] = {}
        for kind, slots in zip(self._kinds, self._able, strict=True):
            for slot in slots:
                kinds.setdefault(slot, set()).add(kind)
        return {slot for slot, of in kinds.items() if len(of) > 1 and self._tear(self.rows[slot], of)}

    def _tear(self, row: Row, kinds: set[Kind]) -> bool:
        if row.seat.most_of:
            return True
        media = {medium for medium, _ in kinds}
        limited = row.seat.most > 0 or self._house.interrupts or not media.isdisjoint(self._house.exclusive)
        return len(media) > 1 and limited

    # --- what it costs ------------------------------------------------------------------------------------------

    def _of_a_pair(self, waiting: Waiting) -> list[tuple[int, Callable[[Row], int]]]:
        """What each term about the case says, with its place in a cost."""
        says: list[tuple[int, Callable[[Row], int]]] = []
        for place, term in enumerate(self._house.policy.ranking):
            worth = self._worth_of_skills(term, waiting)
            if term == "known":
                grades = self._grades(waiting)
                if grades:
                    says.append((place, lambda row, grades=grades: -grades.get(row.seat.agent_id, 0)))  # type: ignore[misc]
            elif worth:
                says.append((place, lambda row, worth=worth: -points(row.seat.skills, worth)))  # type: ignore[misc]
        since = self._now - self._house.policy.sticky_ms
        lately = {agent_id: at - since for agent_id, at in waiting.served_before.items() if at >= since}
        if lately and "known" in self._house.policy.ranking:
            last = len(self._house.policy.ranking)
            says.append((last, lambda row: -lately.get(row.seat.agent_id, 0)))
        return says

    def _worth_of_skills(self, term: Term, waiting: Waiting) -> Mapping[str, int]:
        if term == "preferred":
            return waiting.rules(self._house.policy).prefer
        if term == "most_skilled":
            return skill_points(waiting)
        if term == "least_skilled":
            return dict.fromkeys(skill_points(waiting), -1)
        return {}

    def _grades(self, waiting: Waiting) -> dict[str, int]:
        """What it is worth that somebody knows the customer, the same for all cases: who served them 1, whom they
        asked for 2 (a hundredth less for each whom they named before), the account's owner 3; all in hundredths."""
        grades: dict[str, int] = {}
        for agent_id, (place, known_as) in waiting.who_knows(self._now - self._house.policy.sticky_ms).items():
            if known_as == "owner":
                grades[agent_id] = 3 * _GRADE
            elif known_as == "asked_for":
                grades[agent_id] = 2 * _GRADE - min(place - 1, _GRADE - 1)
            else:
                grades[agent_id] = _GRADE
        return grades

    def _pair(self, case: int, slot: int) -> Cost:
        if not self._says[case]:
            return self._nothing
        costs = self._costs[case]
        cost = costs.get(slot)
        if cost is None:
            numbers = [0] * len(self.terms)
            for place, says in self._says[case]:
                numbers[place] = says(self.rows[slot])
            cost = costs[slot] = tuple(numbers)
        return cost

    def _piece(self, row: Row) -> Cost:
        """Of one more piece for the agent as they are by then. Where the most loaded come first, it counts what they
        had at the beginning: the second piece may not be cheaper than the first."""
        numbers = [0] * len(self.terms)
        for place, term in self._of_pieces:
            if term == "least_loaded":
                numbers[place] = row.share
            elif term == "most_loaded":
                numbers[place] = -self.rows[row.slot].share
            else:
                numbers[place] = row.seat.idle_since_at - self._now
        return tuple(numbers)

    def worth(self, pieces: Pieces) -> _Worth:
        rows, costs = dict(self.rows), [self._nothing]
        waits = [True] * len(self._cases)
        rings = 0
        for case, slots in pieces:
            waits[case] = False
            rings += len(slots)
            costs += [self._pair(case, slots[0]), self._piece(rows[slots[0]])]
            self._take(rows, case, slots)
        return tuple(waits), added(costs), -rings

    def _take(self, rows: dict[int, Row], case: int, slots: Sequence[int]) -> None:
        for slot in slots:
            rows[slot] = rows[slot].taking(*self._kinds[case], self._house)

    # --- giving away --------------------------------------------------------------------------------------------

    def by_turns(self) -> Pieces:
        """As each turn by itself would do it."""
        rows, pieces = dict(self.rows), []
        for case in range(len(self._cases)):
            if rung := self._foremost(case, self._cases[case].ring, rows):
                pieces.append((case, rung))
                self._take(rows, case, rung)
        return pieces

    def _foremost(self, case: int, most: int, rows: Mapping[int, Row], but: Sequence[int] = ()) -> tuple[int, ...]:
        order, kind = self._orders[case], self._kinds[case]
        left = [slot for slot in self._able[case] if rows[slot].takes(*kind) and slot not in but]
        return tuple(nsmallest(most, left, key=lambda slot: order(rows[slot])))

    def together(self) -> Pieces:
        """As weighing comes to it."""
        rows = dict(self.rows)
        pieces: Pieces = []
        waits = [*range(len(self._cases))]
        while waits and (some := self._round(waits, rows)):
            for case, slot in some:
                pieces.append((case, (slot,)))
                self._take(rows, case, (slot,))
                waits.remove(case)
            if not self._torn:
                break
        return self._ring_further(pieces, rows)

    def _round(self, waits: Sequence[int], rows: Mapping[int, Row]) -> list[tuple[int, int]]:
        """The cases that are served in this round, each with who takes it."""
        numbers: dict[tuple[int, Medium | None], int] = {}
        slots: list[int] = []
        ladders: list[list[Cost]] = []
        pairs: list[dict[int, Cost]] = []
        for case in waits:
            kind, pair = self._kinds[case], {}
            for slot in self._able[case]:
                if rows[slot].takes(*kind):
                    key = (slot, None if slot in self._torn else kind[0])
                    if key not in numbers:
                        numbers[key] = len(slots)
                        slots.append(slot)
                        ladders.append(self._ladder(rows[slot], kind, len(waits)))
                    pair[numbers[key]] = self._pair(case, slot)
            pairs.append(pair)
        given = weigh(pairs, ladders)
        return [(waits[n], slots[agent]) for n, agent in enumerate(given) if agent is not None]

    def _ladder(self, row: Row, kind: Kind, most: int) -> list[Cost]:
        ladder = [self._piece(row)]
        if row.slot not in self._torn:
            row = row.taking(*kind, self._house)
            while row.takes(*kind) and len(ladder) < most:
                ladder.append(self._piece(row))
                row = row.taking(*kind, self._house)
        return ladder

    def _ring_further(self, pieces: Pieces, rows: dict[int, Row]) -> Pieces:
        """Those that ring at several take the foremost of who is left; of the torn only who has got nothing."""
        got = {slot for _, (slot,) in pieces if slot in self._torn}
        at = {case: n for n, (case, _) in enumerate(pieces)}
        for case in sorted(at):
            if (further := self._cases[case].ring - 1) > 0:
                first = pieces[at[case]][1]
                more = self._foremost(case, further, rows, (*first, *got))
                pieces[at[case]] = (case, (*first, *more))
                self._take(rows, case, more)
                got |= self._torn.intersection(more)
        return pieces
