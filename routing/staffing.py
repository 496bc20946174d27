"""How many agents a queue needs, and what so many agents mean for whoever waits: Erlang B, C and A.

The three models say the same of calls that come at random (Poisson) and take as long as they take (exponential, on
average ``handling_s``); they differ in what becomes of a caller who finds everybody busy. Erlang B turns them away,
Erlang C (M/M/n) lets them wait for as long as it takes, Erlang A (M/M/n+M, Palm 1957) lets them lose patience, after
``patience_s`` on average. Waiting in Erlang A is exact here, not by formula of thumb: whoever finds *k* others
waiting in front of them is served after a sum of exponential stretches of rates nμ, nμ+θ, …, nμ+kθ, and e^(-θ·that
sum) is distributed as Beta(nμ/θ, k+1).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache
from statistics import NormalDist

MOST_AGENTS = 20_000
MANY = 100
"""From so many in front of somebody on, their wait is told by its mean and variance alone."""
_NEGLIGIBLE = 1e-12
_AS_GOOD_AS_FOR_EVER = 10_000
"""Who stays so many times as long as is asked about, on average, stays."""


@dataclass(frozen=True, slots=True)
class Demand:
    """``per_hour`` calls, each of ``handling_s`` seconds with what follows it; ``patience_s`` is how long callers
    wait on average before they give up (infinite: for ever). Raises ValueError for what is not positive."""

    per_hour: float
    handling_s: float
    patience_s: float = math.inf

    def __post_init__(self) -> None:
        known = math.isfinite(self.per_hour) and math.isfinite(self.handling_s)
        if not (known and self.per_hour >= 0 and self.handling_s > 0 and self.patience_s > 0):
            raise ValueError("Calls an hour must be 0 or more, and handling time and patience positive.")

    @property
    def load(self) -> float:
        """In erlangs: how many agents talk at a time, if nobody is turned away."""
        return self.per_hour * self.handling_s / 3_600


def erlang_b(agents: int, load: float) -> float:
    """The share of calls that find all ``agents`` busy and are turned away."""
    blocked = 1.0
    for number in range(1, agents + 1):
        blocked = load * blocked / (number + load * blocked)
    return blocked


def erlang_c(agents: int, load: float) -> float:
    """The share of calls that wait, where they wait for ever; 1 where the agents cannot keep up."""
    if load >= agents:
        return 1.0
    blocked = erlang_b(agents, load)
    return agents * blocked / (agents - load * (1 - blocked))


class Outlook:
    """What ``agents`` mean for a ``demand``, in the long run. Without patience, too few agents mean a queue that
    grows for ever: everybody waits, for an infinite time."""

    def __init__(self, demand: Demand, agents: int) -> None:
        if not 0 <= agents <= MOST_AGENTS:
            raise ValueError(f"There must be 0 to {MOST_AGENTS} agents.")
        self.demand = demand
        self.agents = agents

    @property
    def _patient(self) -> bool:
        return math.isinf(self.demand.patience_s)

    @property
    def _overrun(self) -> bool:
        return self._patient and self.demand.load >= self.agents

    @cached_property
    def _found(self) -> _Found:
        demand = self.demand
        return _found(demand.load, self.agents, demand.handling_s / demand.patience_s)

    @property
    def wait_share(self) -> float:
        """The share of callers who wait at all."""
        if self._patient:
            return erlang_c(self.agents, self.demand.load) if self.demand.load else 0.0
        return self._found.waiting

    @property
    def abandoned_share(self) -> float:
        if self._patient or not self.demand.per_hour:
            return 0.0
        return self._found.queued * self.demand.handling_s / self.demand.patience_s / self.demand.load

    @property
    def average_wait_s(self) -> float:
        """Of all callers, who give up or not."""
        if not self.demand.per_hour:
            return 0.0
        if self._overrun:
            return math.inf
        if self._patient:
            return self.wait_share * self.demand.handling_s / (self.agents - self.demand.load)
        return self._found.queued * 3_600 / self.demand.per_hour

    @property
    def queue_length(self) -> float:
        """How many wait on average."""
        return self.average_wait_s * self.demand.per_hour / 3_600 if self.demand.per_hour else 0.0

    @property
    def occupancy(self) -> float:
        """The share of the agents' time that is spent with callers."""
        if not self.agents:
            return 0.0
        return min(1.0, self.demand.load * (1 - self.abandoned_share) / self.agents)

    def service_level(self, within_s: float) -> float:
        """The share of all callers who are answered within ``within_s``."""
        if not self.demand.per_hour:
            return 1.0
        if self._overrun or not self.agents:
            return 0.0
        if self._patient:
            spare = self.agents - self.demand.load
            return 1 - self.wait_share * math.exp(-spare * within_s / self.demand.handling_s)
        late = math.exp(-within_s / self.demand.patience_s)
        ratio = self.agents * self.demand.patience_s / self.demand.handling_s  # nμ/θ
        answered = 1 - self._found.waiting
        for ahead, share in enumerate(self._found.by_place, self._found.first_place):
            served = ratio / (ratio + ahead + 1)  # before their own patience ends
            in_time = served * (1 - _beta(late, ratio + 1, ahead + 1))
            if in_time < _NEGLIGIBLE:  # and further back it only gets less
                break
            answered += share * in_time
        return min(1.0, answered)


@dataclass(frozen=True, slots=True)
class _Found:
    """What callers find in the long run: the share who wait, how many wait on average, and the share who find just
    ``first_place``, one more, two more, … others waiting; fewer than that hardly anybody."""

    waiting: float
    queued: float
    first_place: int
    by_place: tuple[float, ...]


@lru_cache(maxsize=256)
def _found(load: float, agents: int, impatience: float) -> _Found:
    """``impatience`` is handling time by patience (θ/μ). The chances of each number in the system are told from the
    likeliest one outwards, so that none is too small to be told."""

    def up(number: int) -> float:
        return load / (min(number + 1, agents) + max(0, number + 1 - agents) * impatience)

    peak = int(load) if load < agents else agents + int((load - agents) / impatience)
    chances = {peak: 1.0}
    chance = 1.0
    for number in range(peak, 0, -1):
        chance /= up(number - 1)
        if chance < _NEGLIGIBLE**2:
            break
        chances[number - 1] = chance
    chance, number = 1.0, peak
    while chance > _NEGLIGIBLE**1.5 or number < agents:
        chance *= up(number)
        number += 1
        chances[number] = chance
        if chance == 0.0:
            break
    whole = math.fsum(chances.values())
    first, last = max(agents, min(chances)), max(chances)
    by_place = tuple(chances.get(each, 0.0) / whole for each in range(first, last + 1))
    return _Found(
        waiting=math.fsum(by_place),
        queued=math.fsum(share * ahead for ahead, share in enumerate(by_place, first - agents)),
        first_place=first - agents,
        by_place=by_place,
    )


# --- one caller who waits -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ahead:
    """Somebody who waits with ``others`` in front of them while all ``agents`` are busy; they themselves stay. Agents
    may be counted in parts: who serves two queues alike is half an agent for each. So may others, for what is only
    known on average: the laws hold between the whole numbers, and down to -1, where nobody is waited for."""

    others: float
    agents: float
    handling_s: float
    patience_s: float = math.inf

    @property
    def average_s(self) -> float:
        """Σ 1/(nμ+jθ) for j from 0 to the number of others; infinite without agents."""
        if not self.agents:
            return math.inf
        service, leaving = self.agents / self.handling_s, 1 / self.patience_s
        whole = math.floor(self.others) + 1
        part = (self.others + 1 - whole) / (service + whole * leaving)
        return math.fsum(1 / (service + place * leaving) for place in range(whole)) + part

    def chance_within(self, seconds: float) -> float:
        """How likely it is that their turn comes within ``seconds``."""
        if seconds <= 0 or not self.agents:
            return 0.0
        service = self.agents / self.handling_s
        if math.isinf(self.patience_s) and self.others == int(self.others):
            return _gamma_chance(int(self.others) + 1, service * seconds)
        patience = min(self.patience_s, _AS_GOOD_AS_FOR_EVER * seconds)
        return 1 - _beta(math.exp(-seconds / patience), service * patience, self.others + 1)

    def quantile_s(self, share: float) -> float:
        """Within how long their turn comes in ``share`` of such cases (0.9: nine times in ten)."""
        if not 0 < share < 1:
            raise ValueError("A share lies between 0 and 1.")
        if not self.agents:
            return math.inf
        if self.others >= MANY:
            return self._nearly_s(share)
        low, high = 0.0, self.average_s
        while self.chance_within(high) < share:
            low, high = high, high * 2
        while high - low > max(1e-6, high * 1e-9):
            middle = (low + high) / 2
            low, high = (middle, high) if self.chance_within(middle) < share else (low, middle)
        return high

    def _nearly_s(self, share: float) -> float:
        """As a sum of very many stretches of which none matters much: nearly normal."""
        service, leaving = self.agents / self.handling_s, 1 / self.patience_s
        variance = math.fsum((service + place * leaving) ** -2 for place in range(math.floor(self.others) + 1))
        return self.average_s + NormalDist().inv_cdf(share) * math.sqrt(variance)


def _gamma_chance(stages: int, x: float) -> float:
    """P(Erlang(stages, 1) ≤ x)."""
    term = total = math.exp(-x)
    if total == 0.0:  # so long that it is certain, or so many stages that the logarithms are needed
        logs = [number * math.log(x) - x - math.lgamma(number + 1) for number in range(stages)]
        return max(0.0, 1 - math.fsum(math.exp(each) for each in logs))
    for number in range(1, stages):
        term *= x / number
        total += term
    return max(0.0, 1 - total)


def _beta(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function I_x(a, b), by its continued fraction (DLMF 8.17.22)."""
    if x <= 0.0 or x >= 1.0:
        return 0.0 if x <= 0.0 else 1.0
    if x > (a + 1) / (a + b + 2):
        return 1 - _beta(1 - x, b, a)
    front = a * math.log(x) + b * math.log1p(-x) + math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    return math.exp(front) / (a * _fraction(x, a, b))


def _fraction(x: float, a: float, b: float) -> float:
    """1 + t₁/(1 + t₂/(1 + …)), two terms at a time, by the modified method of Lentz (Thompson and Barnett 1986)."""
    tiny = 1e-300
    value = c = (1 - (a + b) * x / (a + 1)) or tiny
    d = 1.0
    for m in range(1, 10_000):
        place = a + 2 * m
        term = m * (b - m) * x / ((place - 1) * place)
        d = 1 / ((1 + term * d) or tiny)
        c = (1 + term / c) or tiny
        value *= c * d
        term = -(a + m) * (a + b + m) * x / (place * (place + 1))
        d = 1 / ((1 + term * d) or tiny)
        c = (1 + term / c) or tiny
        value *= c * d
        if abs(c * d - 1) < 1e-15:
            break
    return value


# --- how many ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Target:
    """``share`` of the callers answered ``within_s``; at most ``occupancy`` of the agents' time with callers, and at
    most ``abandoned`` of the callers lost."""

    share: float = 0.8
    within_s: float = 20.0
    occupancy: float = 1.0
    abandoned: float = 1.0


def agents_needed(demand: Demand, target: Target, most: int = MOST_AGENTS) -> int | None:
    """The fewest agents who reach ``target``; None where ``most`` do not."""

    def enough(agents: int) -> bool:
        outlook = Outlook(demand, agents)
        return (
            outlook.service_level(target.within_s) >= target.share
            and outlook.occupancy <= target.occupancy
            and outlook.abandoned_share <= target.abandoned
        )

    if not demand.per_hour:
        return 0
    low, high = 0, max(1, math.ceil(demand.load))
    while not enough(high):
        if high >= most:
            return None
        low, high = high, min(most, high * 2)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def scheduled(agents: int, shrinkage: float) -> int:
    """How many must be on the schedule for ``agents`` to be there, if ``shrinkage`` of their time goes to breaks,
    training and illness."""
    if not 0 <= shrinkage < 1:
        raise ValueError("Shrinkage is a share of the time: 0 or more, and less than 1.")
    return math.ceil(agents / (1 - shrinkage) - 1e-9)
