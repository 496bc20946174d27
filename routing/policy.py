"""What the house has decided about routing, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from contact_center.domain.events import MEDIA, Medium
from contact_center.domain.time import DAY, MINUTE, SECOND, Millis
from routing.needs import ANYBODY, Need

Missed: TypeAlias = Literal["rejected", "no_answer", "busy"]
"""Why an offer came to nothing at an agent: they said no, they let it ring out, their telephone was taken."""

Term: TypeAlias = Literal[
    "known", "preferred", "least_loaded", "most_loaded", "longest_idle", "most_skilled", "least_skilled"
]
"""What agents can be ranked by. The id always comes last, so that the same facts give the same decision."""

_CONTRARY: tuple[frozenset[Term], ...] = (
    frozenset({"least_loaded", "most_loaded"}),
    frozenset({"most_skilled", "least_skilled"}),
)

RANKING: tuple[Term, ...] = ("known", "preferred", "least_loaded", "longest_idle")


def _offer_ms() -> dict[Medium, Millis]:
    return {medium: 20 * SECOND if medium == "voice" else 30 * SECOND for medium in MEDIA}


@dataclass(frozen=True, slots=True)
class Step:
    """From ``after_ms`` of waiting on, less is asked for. ``skills`` are the levels that the case's own needs are
    lowered to (0: not needed any more); ``need``, if there is one, takes the place of the queue's; ``queues`` are
    further queues whose members may take it too."""

    after_ms: Millis
    skills: Mapping[str, int] = field(default_factory=dict)
    need: Need | None = None
    queues: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class QueuePolicy:
    """What a queue wants of routing.

    ``need`` is asked of every agent, beyond the skills that the case itself needs. ``prefer`` are skills that count
    for an agent who has them, each level so many points; they never exclude anybody. ``relax`` are steps in the order
    of ``after_ms``; with ``skip_hopeless`` a step is not waited for while nobody who is there could ever take the
    case as it stands. ``hold_ms`` keeps a case for those who know its customer (:attr:`Policy.sticky_ms`, the
    account's owner, preferred agents), as long as one of them is there.

    ``ring`` is how many agents an offer rings at once: the first to accept has it. Work of a medium in
    ``auto_answer`` is accepted by itself. ``target_ms`` and ``handling_ms`` are what slack is counted with. What
    waits in the queue counts as ``label`` against the agents' ``most_of`` (empty: as none)."""

    need: Need = ANYBODY
    prefer: Mapping[str, int] = field(default_factory=dict)
    relax: tuple[Step, ...] = ()
    skip_hopeless: bool = True
    hold_ms: Millis = 0
    ring: int = 1
    auto_answer: frozenset[Medium] = frozenset()
    target_ms: Millis = 20 * SECOND
    handling_ms: Millis = 0
    label: str = ""

    def __post_init__(self) -> None:
        if not 1 <= self.ring <= 50:
            raise ValueError("an offer rings at 1 to 50 agents at once")
        if list(self.relax) != sorted(self.relax, key=lambda step: step.after_ms):
            raise ValueError("the steps of a relaxation must come in the order of their times")
        if self.hold_ms < 0 or self.handling_ms < 0 or self.target_ms < 0:
            raise ValueError("hold_ms, target_ms and handling_ms cannot be negative")


PLAIN = QueuePolicy()


@dataclass(frozen=True, slots=True)
class Batch:
    """How several cases are given to several agents at once. ``most`` bounds how many are weighed together (64 take
    some milliseconds); 0 leaves every decision to its turn."""

    most: int = 64


@dataclass(frozen=True, slots=True)
class Policy:
    """``version`` is written into every decision. Raises ValueError for durations that make no sense.

    ``offer_ms`` is how long an offer rings, by medium. One point of priority is worth a head start of
    ``ageing_ms``; with ``most_priority``, priority and age together (in points) count no further than that, and all
    who have come so far are served first come, first served. ``order``: by ``age``, or by ``slack``, which is the
    time left until the queue's target after what handling takes, less the same head start.

    A case that an agent missed is not offered to the same agent again within ``cooldown_ms`` of its cause; where
    nobody else is present who could take it, ``sole_cooldown_ms`` is enough (not nothing: an agent who rejects must
    not be rung again in the same breath). An agent who missed ``misses_in_a_row`` offers is taken to be away (0:
    never). An agent who served the customer within ``sticky_ms`` knows them. ``ranking`` is what agents are compared
    by, in that order.

    An interaction of an ``exclusive_media`` takes the whole agent. ``weights`` are what an interaction of each medium
    takes of an agent's weighted total (:attr:`routing.Seat.most`); work of a medium in ``interrupts[m]`` is put aside
    when an ``m`` comes, so it does not count then. ``queues`` has what single queues want."""

    version: str
    offer_ms: Mapping[Medium, Millis] = field(default_factory=_offer_ms)
    ageing_ms: Millis = MINUTE
    most_priority: int | None = None
    order: Literal["age", "slack"] = "age"
    reoffer_cooldown_ms: Millis = 30 * SECOND
    cooldown_ms: Mapping[Missed, Millis] = field(default_factory=dict)
    sole_cooldown_ms: Millis = 5 * SECOND
    misses_in_a_row: int = 2
    sticky_ms: Millis = 3 * DAY
    ranking: tuple[Term, ...] = RANKING
    exclusive_media: tuple[Medium, ...] = ("voice",)
    weights: Mapping[Medium, int] = field(default_factory=dict)
    interrupts: Mapping[Medium, frozenset[Medium]] = field(default_factory=dict)
    batch: Batch = Batch()
    queues: Mapping[str, QueuePolicy] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if missing := [medium for medium in MEDIA if self.offer_ms.get(medium, 0) <= 0]:
            raise ValueError(f"offer_ms says nothing, or nothing useful, about {', '.join(missing)}")
        if self.ageing_ms < 0 or self.sticky_ms < 0:
            raise ValueError("ageing_ms and sticky_ms cannot be negative")
        if not 0 <= self.sole_cooldown_ms <= self.reoffer_cooldown_ms:
            raise ValueError("sole_cooldown_ms must lie between 0 and reoffer_cooldown_ms")
        if any(cooldown_ms < 0 for cooldown_ms in self.cooldown_ms.values()):
            raise ValueError("cooldown_ms cannot be negative")
        if self.most_priority is not None and self.most_priority < 0:
            raise ValueError("most_priority cannot be negative")
        if any(weight < 0 for weight in self.weights.values()):
            raise ValueError("weights cannot be negative")
        if len(set(self.ranking)) < len(self.ranking) or any(pair <= {*self.ranking} for pair in _CONTRARY):
            raise ValueError("the ranking says something twice, or its contrary")

    def queue(self, queue: str) -> QueuePolicy:
        return self.queues.get(queue, PLAIN)
