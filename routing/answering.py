"""What becomes of an offer at an agent: taken or missed, why, and after how long, as it went with them before.

What is drawn belongs to the case and to which of its offers it is, not to when anybody asks: under another policy the
same offer of the same case meets the same luck, and only the agent's own habit is another.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Literal, NamedTuple, Protocol, TypeAlias

from contact_center.domain.events import Medium
from contact_center.domain.time import Millis
from routing.policy import Missed

Outcome: TypeAlias = Literal["accepted"] | Missed

ENOUGH = 20
"""Of whom fewer offers are known, the house is asked."""


class Answer(NamedTuple):
    """What becomes of an offer, and after how long."""

    outcome: Outcome
    after_ms: Millis


class Answering(Protocol):
    def answer(self, agent_id: str, medium: Medium, of: str, nth: int, ring_ms: Millis) -> Answer:
        """The ``nth`` offer of the case ``of``, at the agent; it rings for ``ring_ms`` at most."""
        ...


class AtOnce:
    """Everybody takes everything, after as long as it is said for the medium."""

    def __init__(self, after_ms: Millis | Mapping[Medium, Millis] = 0) -> None:
        self._after_ms = after_ms

    def answer(self, agent_id: str, medium: Medium, of: str, nth: int, ring_ms: Millis) -> Answer:
        after = self._after_ms
        return Answer("accepted", after if isinstance(after, int) else after.get(medium, 0))


class Offered(NamedTuple):
    """One offer that was made: what became of it after how long. Who ended it was the agent."""

    agent_id: str
    medium: Medium
    outcome: Outcome
    after_ms: Millis


_CAUSES: tuple[Missed, ...] = ("rejected", "no_answer", "busy")


@dataclass(frozen=True, slots=True)
class Habit:
    """How ``offers`` offers went: the causes up to each share of them, and how long each outcome took, the shortest
    first."""

    offers: int
    shares: tuple[float, ...]
    took: Mapping[Outcome, tuple[Millis, ...]]

    @property
    def missed(self) -> dict[Missed, float]:
        """The share of each cause."""
        return {cause: len(self.took.get(cause, ())) / self.offers for cause in _CAUSES if self.took.get(cause)}

    @property
    def answer_ms(self) -> Millis:
        """How long it took to accept: half took longer."""
        return round(median(self.took.get("accepted") or (0,)))

    def draw(self, which: float, when: float, ring_ms: Millis) -> Answer:
        """Both numbers lie in [0, 1). Who was slower than it rings now lets it ring out; who let it ring out is taken
        not to be there, however long it rings."""
        at = bisect_right(self.shares, which)
        outcome: Outcome = _CAUSES[at] if at < len(_CAUSES) else "accepted"
        took = self.took.get(outcome, ())
        if outcome == "no_answer" or not took:
            return Answer(outcome, 0 if outcome == "accepted" else ring_ms)
        after = took[int(when * len(took))]
        if after >= ring_ms:
            return Answer("no_answer", ring_ms)
        return Answer(outcome, after)


def habit(offers: Iterable[Offered]) -> Habit:
    """Of these offers; there must be one at least."""
    took: dict[Outcome, list[Millis]] = {}
    count = 0
    for offer in offers:
        count += 1
        took.setdefault(offer.outcome, []).append(max(0, offer.after_ms))
    shares, missed = [], 0
    for cause in _CAUSES:
        missed += len(took.get(cause, ()))
        shares.append(missed / count)
    return Habit(count, tuple(shares), {outcome: tuple(sorted(some)) for outcome, some in took.items()})


class Habits:
    """How the house's agents answer: each as they did, where ``enough`` offers of theirs are known for the medium,
    else as the house does. Of a medium that nobody was offered, everything is taken at once."""

    def __init__(self, offers: Iterable[Offered], seed: int = 0, enough: int = ENOUGH) -> None:
        by_agent: dict[tuple[str, Medium], list[Offered]] = {}
        by_medium: dict[Medium, list[Offered]] = {}
        for offer in offers:
            by_agent.setdefault((offer.agent_id, offer.medium), []).append(offer)
            by_medium.setdefault(offer.medium, []).append(offer)
        self.own = {key: habit(some) for key, some in sorted(by_agent.items()) if len(some) >= enough}
        self.house = {medium: habit(some) for medium, some in sorted(by_medium.items())}
        self._seed = seed

    def answer(self, agent_id: str, medium: Medium, of: str, nth: int, ring_ms: Millis) -> Answer:
        known = self.own.get((agent_id, medium)) or self.house.get(medium)
        if known is None:
            return Answer("accepted", 0)
        which, when = chances(f"offer {self._seed} {of} {nth}")
        return known.draw(which, when, ring_ms)


_WIDE = 2**56


def chances(of: str) -> tuple[float, float]:
    """Two numbers in [0, 1) that are always the same for the same text, and have nothing to do with each other."""
    digest = hashlib.sha256(of.encode()).digest()
    return int.from_bytes(digest[:7], "big") / _WIDE, int.from_bytes(digest[7:14], "big") / _WIDE


def chance(of: str) -> float:
    """One such number."""
    return chances(of)[0]
