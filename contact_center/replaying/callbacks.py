"""Calls that were owed to those who left without an answer: to whom, and how each went, attempt by attempt.

A call is of its customer's waiting: under a policy that answers them before they leave, nobody is owed anything, and
one that lets more of them leave owes more. How a call that was never made would have gone nobody knows: as one of
those that were made, drawn, so as many are reached, at as many attempts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from contact_center.domain.time import Millis, Moment
from routing.simulation import Attempt

if TYPE_CHECKING:
    from contact_center.replaying.day import Episode

OWED_TO_LEAVERS = ("asked", "abandoned")
"""Why a call is owed to somebody who left; what an agent promised was promised to somebody who was answered."""

Pair = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Call:
    """``attempts``, in order, each of which waited for an agent; ``since`` is when their customer had left, or the
    attempt before them was over."""

    since: Moment
    attempts: tuple[Episode, ...]


NONE = Call(0, ())


@dataclass(frozen=True, slots=True)
class Callbacks:
    """``owed`` has the calls by the interaction that their customers left; ``others`` what follows the first attempt
    of calls of which no cause is known (promised by agents, left before the day), by the call. Attempts that follow
    something are in ``following``, by interaction and when they came. ``left`` counts who left without an answer;
    ``attempts`` were made for those who were owed a call, and ``reached`` so many of them. ``like`` has, by queue
    and medium that was left, how many left and the calls that were owed to them."""

    owed: Mapping[str, Call] = field(default_factory=dict)
    others: Mapping[str, Call] = field(default_factory=dict)
    following: frozenset[tuple[str, Moment]] = frozenset()
    left: int = 0
    attempts: int = 0
    reached: int = 0
    like: Mapping[Pair, tuple[int, Sequence[Call]]] = field(default_factory=dict)

    def follows(self, episode: Episode) -> bool:
        """Whether it comes of what became of another, and not by itself."""
        return (episode.waiting.interaction_id, episode.came_at) in self.following

    def drawn(self, pair: Pair, number: float) -> Call:
        """What somebody would be owed who did not leave on the day, as a ``number`` from 0 to below 1 says."""
        left, calls = self.like.get(pair, (0, ()))
        place = int(number * left)
        return calls[place] if place < len(calls) else NONE


def callbacks(records: Mapping[str, Mapping[str, Any]], episodes: Iterable[Episode]) -> Callbacks:
    """Of the episodes of a day, in order."""
    by_id: dict[str, list[Episode]] = defaultdict(list)
    for episode in episodes:
        by_id[episode.waiting.interaction_id].append(episode)
    leavers = {key: some[-1] for key, some in by_id.items() if some[-1].left_at >= 0 and not some[-1].owed}
    calls = {key: some for key, some in by_id.items() if records[key].get("task") == "callback"}
    causes = _causes(records, calls, leavers)
    owed = {cause: Call(leavers[cause].left_at, tuple(calls[key])) for key, cause in causes.items()}
    others = {key: Call(some[0].ended_at, tuple(some[1:])) for key, some in calls.items() if key not in causes}
    left: dict[Pair, list[str]] = defaultdict(list)
    for key, last in leavers.items():
        left[last.waiting.queue, last.waiting.medium].append(key)
    following = [each for call in (*owed.values(), *others.values()) for each in call.attempts]
    return Callbacks(
        owed,
        others,
        frozenset([(each.waiting.interaction_id, each.came_at) for each in following]),
        len(leavers),
        sum([records[key].get("attempts", 0) for key in causes]),
        sum([records[key].get("first_response_at", 0) > 0 for key in causes]),
        {pair: (len(keys), [owed[key] for key in keys if key in owed]) for pair, keys in left.items()},
    )


def _causes(records: Mapping[str, Mapping[str, Any]], calls: Iterable[str], leavers: Iterable[str]) -> dict[str, str]:
    """By call, the interaction that its customer left: of the same case and at the same place in the queue, the last
    that was over before the call was begun."""
    known: dict[tuple[int, Moment], list[tuple[Moment, str]]] = defaultdict(list)
    for key in leavers:
        record = records[key]
        if record.get("owed") in OWED_TO_LEAVERS:
            place = record["virtual_enqueued_at"] or record.get("started_at", 0)
            known[record["case_id"], place].append((record["ended_at"], key))
    found: dict[str, str] = {}
    for begun, key in sorted([(records[key].get("started_at", 0), key) for key in calls]):
        candidates = known.get((records[key]["case_id"], records[key]["virtual_enqueued_at"]), [])
        before = [each for each in candidates if each[0] <= begun]
        if before:
            found[key] = max(before)[1]
            candidates.remove(max(before))
    return found


def attempts(call: Call, usual: Callable[[Episode], Millis]) -> tuple[Attempt, ...]:
    """The call as a simulation goes on with it; ``usual`` is how long an attempt takes that nobody took."""
    found, since = [], call.since
    for each in call.attempts:
        handling = each.ended_at - each.answered_at if each.answered_at >= 0 else usual(each)
        cancelled = each.waited_ms if each.left_at >= 0 else -1
        found.append(Attempt(max(0, each.came_at - since), max(1, handling), cancelled))
        since = max(each.came_at, each.ended_at)
    return tuple(found)
