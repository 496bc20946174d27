"""Days side by side: the day that was, the same day under one policy and another, in the same figures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from contact_center.domain.time import MINUTE, SECOND, Millis, Moment
from contact_center.replaying.day import Assumed, Recorded
from contact_center.replaying.log import Progress
from routing import Policy
from routing.figures import Figures, Work, by_queue, fairness, figures, occupancy, percentile, work
from routing.onward import Rulebook
from routing.simulation import Day, Served
from routing.trials import Interval, paired

Role = Literal["real", "recorded", "other", "day"]


@dataclass(frozen=True, slots=True)
class Column:
    """One way that the day went: really (``real``), under the policy that was in force (``recorded``), under another
    (``other``), or one of several policies on a day that never was (``day``)."""

    role: Role
    label: str
    policy: str
    figures: Mapping[str, Figures]
    work: tuple[Work, ...]
    day: Day

    @property
    def occupancy(self) -> float:
        return occupancy(self.work)

    @property
    def fairness(self) -> float:
        return fairness(self.work)


@dataclass(slots=True)
class Compared:
    """``first`` to ``last``: the cases that came in between are counted, whenever they were answered. The last two
    columns are those that the difference is taken of; ``sure`` says how sure it is, where ``days`` were several."""

    first: Moment
    last: Moment
    columns: list[Column]
    targets: Mapping[str, Millis]
    assumed: Assumed | None = None
    names: Mapping[str, str] = field(default_factory=dict)
    seed: int = 0
    days: int = 1
    sure: Mapping[str, Interval] = field(default_factory=dict)

    @property
    def queues(self) -> list[str]:
        """All together (the empty name) first."""
        return sorted({queue for column in self.columns for queue in column.figures})


def column(role: Role, label: str, policy: str, day: Day, target_ms: Callable[[str], Millis]) -> Column:
    return Column(role, label, policy, by_queue(day.cases, target_ms), tuple(work(day)), day)


def targets_of(*policies: Policy) -> Callable[[str], Millis]:
    """Each queue's target: that of the last policy that knows the queue, so that all days are measured alike."""

    def target(queue: str) -> Millis:
        for policy in reversed(policies):
            if queue in policy.queues:
                return policy.queues[queue].target_ms
        return policies[-1].queue(queue).target_ms

    return target


def compare(
    recorded: Recorded,
    others: Sequence[tuple[str, Policy | Rulebook]],
    seed: int = 0,
    progress: Progress = lambda done, whole: None,
) -> Compared:
    """The real day, the day simulated under the policy that was in force, and under each other."""
    books = [(label, other if isinstance(other, Rulebook) else Rulebook(other)) for label, other in others]
    target = targets_of(*[book.policy for _, book in books], recorded.policy)
    columns = [column("real", "", "", recorded.real, target)]
    whole = 1 + len(books)
    progress(0, whole)
    simulated = recorded.under(recorded.rulebook, seed)
    columns.append(column("recorded", "", recorded.policy.version, simulated, target))
    for number, (label, book) in enumerate(books, 1):
        progress(number, whole)
        columns.append(column("other", label, book.policy.version, recorded.under(book, seed), target))
    progress(whole, whole)
    queues = {queue for each in columns for queue in each.figures if queue}
    return Compared(
        recorded.first,
        recorded.last,
        columns,
        {queue: target(queue) for queue in sorted(queues)},
        recorded.assumed,
        recorded.names,
        seed,
    )


def drawn(
    policies: Sequence[tuple[str, Policy]],
    days: Sequence[Sequence[Day]],
    first: Moment,
    last: Moment,
    seed: int,
) -> Compared:
    """Days that never were: for each policy the same days, in the same order."""
    target = targets_of(*[policy for _, policy in policies[1:]], policies[0][1])
    columns = [
        column("day", name, policy.version, together(some), target)
        for (name, policy), some in zip(policies, days, strict=True)
    ]
    queues = {queue for each in columns for queue in each.figures if queue}
    sure: dict[str, Interval] = {}
    if len(columns) > 1:
        before, after = ([figures(day.cases, target) for day in some] for some in days[-2:])
        for code, of in _SURE.items():
            sure[code] = paired([of(b) - of(a) for a, b in zip(before, after, strict=True)])
    targets = {queue: target(queue) for queue in sorted(queues)}
    return Compared(first, last, columns, targets, seed=seed, days=len(days[0]), sure=sure)


_SURE: Mapping[str, Callable[[Figures], float]] = {
    "service_level": lambda told: told.service_level,
    "mean_wait": lambda told: told.mean_wait_ms,
    "abandonment": lambda told: told.abandonment,
}


def together(days: Sequence[Day]) -> Day:
    """All the days as one."""
    whole = Day()
    for day in days:
        whole.cases += day.cases
        whole.decisions += day.decisions
        whole.moved += day.moved
        whole.away += day.away
        whole.over_at = max(whole.over_at, day.over_at)
        for cause, count in day.missed.items():
            whole.missed[cause] = whole.missed.get(cause, 0) + count
        for known, more in ((whole.busy_ms, day.busy_ms), (whole.there_ms, day.there_ms)):
            for agent_id, ms in more.items():
                known[agent_id] = known.get(agent_id, 0) + ms
    return whole


# --- as rows ----------------------------------------------------------------------------------------------------

Unit = Literal["count", "share", "time", "index"]
Better = Literal["more", "less", ""]


@dataclass(frozen=True, slots=True)
class Row:
    """A figure in each column. ``better`` says which way is better; the difference is the last column's less the one
    before it."""

    code: str
    unit: Unit
    better: Better
    values: tuple[float, ...]

    @property
    def difference(self) -> float:
        return self.values[-1] - self.values[-2] if len(self.values) > 1 else 0.0

    @property
    def verdict(self) -> Literal["better", "worse", ""]:
        change = self.difference
        if not self.better or abs(change) < _SAME[self.unit]:
            return ""
        return "better" if (change > 0) == (self.better == "more") else "worse"


_SAME: Mapping[Unit, float] = {"count": 0.5, "share": 0.0005, "time": 50, "index": 0.0005}


def rows(compared: Compared, queue: str) -> list[Row]:
    """The figures of a queue, or of all (the empty name)."""
    told = [column.figures.get(queue) or _none(queue) for column in compared.columns]

    def row(code: str, unit: Unit, better: Better, of: Callable[[Figures], float]) -> Row:
        return Row(code, unit, better, tuple([of(each) for each in told]))

    found = [
        row("came", "count", "", lambda f: f.came),
        row("answered", "count", "more", lambda f: f.answered),
        row("service_level", "share", "more", lambda f: f.service_level),
        row("mean_wait", "time", "less", lambda f: f.mean_wait_ms),
        row("p50_wait", "time", "less", lambda f: f.p50_wait_ms),
        row("p90_wait", "time", "less", lambda f: f.p90_wait_ms),
        row("longest_wait", "time", "less", lambda f: f.longest_wait_ms),
        row("abandonment", "share", "less", lambda f: f.abandonment),
        row("waiting", "count", "less", lambda f: f.waiting),
    ]
    if not queue:
        found.append(Row("occupancy", "share", "", tuple([column.occupancy for column in compared.columns])))
        found.append(Row("fairness", "index", "more", tuple([column.fairness for column in compared.columns])))
        found += _beside(compared)
    return found


def _beside(compared: Compared) -> list[Row]:
    """What happens beside waiting, as far as it happens in any column."""
    counted: list[tuple[str, Better, Callable[[Day], int]]] = [
        ("missed", "less", lambda day: sum(day.missed.values())),
        ("away", "less", lambda day: day.away),
        ("moved_on", "", lambda day: day.moved),
    ]
    return [
        Row(code, "count", better, values)
        for code, better, of in counted
        if any(values := tuple([of(column.day) for column in compared.columns]))
    ]


def _none(queue: str) -> Figures:
    return Figures(queue, 0, 0, 0, 0, 0, 0.0, 0.0, 0.0, 0.0)


# --- as lines and bars --------------------------------------------------------------------------------------------


def level_by_time(column: Column, compared: Compared, parts: int = 24) -> list[float | None]:
    """The service level of the cases that came in each part of the day, in percent; None where none came."""
    width = max(1, (compared.last - compared.first) // parts)
    came, good = [0] * parts, [0] * parts
    for case in column.day.cases:
        at = min(parts - 1, (case.came_at - compared.first) // width)
        came[at] += 1
        good[at] += _in_time(case, compared)
    return [100 * good[at] / came[at] if came[at] else None for at in range(parts)]


def _in_time(case: Served, compared: Compared) -> bool:
    return case.answered and case.waited_ms <= compared.targets.get(case.waiting.queue, 20 * SECOND)


def waited_at_most(column: Column, at_ms: Sequence[Millis]) -> list[float]:
    """The share of all that came, in percent, that was answered within each time."""
    waits = sorted([case.waited_ms for case in column.day.cases if case.answered])
    whole = len(column.day.cases)
    found, at = [], 0
    for limit in at_ms:
        while at < len(waits) and waits[at] <= limit:
            at += 1
        found.append(100 * at / whole if whole else 0.0)
    return found


def wait_marks(compared: Compared, parts: int = 24) -> list[Millis]:
    """Times to ask :func:`waited_at_most` about: up to what nearly all waited at most."""
    waits = sorted(
        [case.waited_ms for column in compared.columns for case in column.day.cases if case.waited_ms >= 0]
    )
    most = max(MINUTE, int(percentile(waits, 0.97)))
    step = max(SECOND, -(-most // parts // SECOND) * SECOND)
    return [step * number for number in range(parts + 1)]
