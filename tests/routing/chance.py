"""Any policy, any team, any work, out of one seed: small enough that everything meets everything."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any, TypeVar

from contact_center.domain.events import Medium
from routing import Policy, QueuePolicy, Seat, Waiting
from routing.needs import ANYBODY, Every, Has, IsOne, Need, Not, Some
from routing.policy import RANKING, Batch, Step, Term

AGENTS = ("a", "b", "c", "d", "e")
QUEUES = ("sales", "help")
MEDIA: tuple[Medium, ...] = ("voice", "chat", "email")
LATEST = 150
"""Facts are as of the first so many milliseconds."""

T = TypeVar("T")
_SKILLS: tuple[dict[str, int], ...] = ({}, {}, {"en": 2}, {"en": 4, "zh": 1}, {"zh": 3})
_STATES = ("", "", "", "", "", "offline", "wrap_up", "not_ready", "lunch")
_LOADS: tuple[dict[Medium, int], ...] = (
    {},
    {},
    {"chat": 1},
    {"chat": 2},
    {"email": 1},
    {"voice": 1},
    {"chat": 3, "email": 1},
)
_CAPACITIES: tuple[dict[Medium, int], ...] = (
    {"voice": 1, "chat": 3, "email": 2},
    {"voice": 1, "chat": 1},
    {"chat": 2},
    {"voice": 2, "chat": 0},
)
_TERMS: tuple[tuple[Term, ...], ...] = (
    ("known",),
    ("preferred",),
    ("least_loaded", "most_loaded"),
    ("longest_idle",),
    ("most_skilled", "least_skilled"),
)


_MASTERY: tuple[dict[str, int], ...] = ({"en": 2}, {"en": 4, "zh": 1}, {"zh": 3, "en": 3}, {"en": 5, "zh": 5})


class Chance:
    """Every other seed is one of plenty: most agents could take most cases, so that it matters who comes first."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.plenty = seed % 2 == 0
        self.most = (8, 0, 64, 2, 3)[seed % 5]

    def one(self, of: Sequence[T]) -> T:
        return self.random.choice(of)

    def some(self, of: Sequence[T], most: int) -> list[T]:
        return self.random.sample(of, self.random.randint(0, most))

    def at_times(self) -> dict[str, int]:
        if self.random.random() < 0.5:
            return {}
        return {agent_id: self.moment() for agent_id in self.some(AGENTS, 2)}

    def moment(self) -> int:
        return self.random.randint(0, LATEST)

    # --- policies -----------------------------------------------------------------------------------------

    def need(self, deep: int = 2) -> Need:
        match self.random.randint(0, 4 if deep else 1):
            case 0:
                return Has(self.one(("en", "zh")), self.random.randint(1, 4))
            case 1:
                return IsOne(frozenset(self.random.sample(AGENTS, self.random.randint(1, 3))))
            case 2:
                return Every(tuple(self.need(deep - 1) for _ in range(self.random.randint(0, 2))))
            case 3:
                return Some(tuple(self.need(deep - 1) for _ in range(self.random.randint(0, 2))))
            case _:
                return Not(self.need(deep - 1))

    def step(self) -> Step:
        return Step(
            self.random.randint(0, 60),
            self.one(({}, {"en": 1}, {"en": 0, "zh": 0}, {"zh": 2})),
            self.one((None, None, ANYBODY, self.need())),
            self.one((frozenset(), frozenset({"help"}), frozenset(QUEUES))),
        )

    def queue_policy(self) -> QueuePolicy:
        steps = sorted((self.step() for _ in range(self.one((0, 0, 1, 2, 3)))), key=lambda step: step.after_ms)
        return QueuePolicy(
            need=self.one((ANYBODY, ANYBODY, ANYBODY if self.plenty else self.need())),
            prefer=self.one(({}, {}, {"en": 2}, {"zh": 1, "en": -1})),
            relax=tuple(steps),
            skip_hopeless=self.one((True, False)),
            hold_ms=self.one((0, 0, 80, 300)),
            ring=self.one((1, 1, 1, 2, 3)),
            target_ms=self.one((0, 30)),
            handling_ms=self.one((0, 50)),
            label=self.one(("", "", "vip")),
        )

    def ranking(self) -> tuple[Term, ...]:
        if self.random.random() < 0.3:
            return RANKING
        return tuple(self.one(terms) for terms in self.random.sample(_TERMS, self.random.randint(1, len(_TERMS))))

    def policy(self) -> Policy:
        return Policy(
            "any",
            ageing_ms=self.one((0, 1, 10)),
            most_priority=self.one((None, None, 0, 5, 50)),
            order=self.one(("age", "slack")),
            reoffer_cooldown_ms=30,
            cooldown_ms=self.one(({}, {"rejected": 60}, {"busy": 2, "no_answer": 10})),
            sole_cooldown_ms=5,
            sticky_ms=100,
            ranking=self.ranking(),
            exclusive_media=self.one((("voice",), ("voice",), (), ("voice", "email"))),
            weights=self.one(({}, {"voice": 3, "chat": 2})),
            interrupts=self.one(({}, {}, {"voice": frozenset({"email"})}, {"chat": frozenset({"voice"})})),
            batch=Batch(self.most),
            queues={queue: self.queue_policy() for queue in self.some(QUEUES, 2)},
        )

    # --- facts --------------------------------------------------------------------------------------------

    def seat(self, agent_id: str = "") -> Seat:
        name, away = agent_id or self.one(AGENTS), self.one(_STATES)
        if self.plenty:
            load = self.one(_LOADS[:5])
            skills, capacity = self.one(_MASTERY), _CAPACITIES[0]
            idle_since_at = self.random.randint(0, 3)
            return Seat(name, name.upper(), frozenset(QUEUES), skills, capacity, load, not away, away, idle_since_at)
        return Seat(
            name,
            name.upper(),
            self.one((frozenset(QUEUES), frozenset({"sales"}), frozenset({"help"}))),
            self.one(_SKILLS),
            self.one(_CAPACITIES),
            self.one(_LOADS),
            not away,
            away,
            self.moment(),
            self.one((0, 0, 0, 3, 6)),
            self.one(({}, {}, {"vip": 1}, {"vip": 2, "": 0})),
            self.one(({}, {}, {"vip": 1})),
        )

    def working(self, seat: Seat) -> dict[str, Any]:
        """What may change of an agent at any time."""
        away = self.one(_STATES)
        return {
            "load": self.one(_LOADS[:5] if self.plenty else _LOADS),
            "available": not away,
            "unavailable_reason": away,
            "idle_since_at": self.random.randint(0, 3),
            "capacity": self.one((seat.capacity, seat.capacity, self.one(_CAPACITIES))),
        }

    def case(self) -> Waiting:
        number = self.random.randint(1, 12)
        return Waiting(
            f"i{number}",
            number,
            self.one(QUEUES),
            self.one(MEDIA),
            self.one((0, 0, 0, 1, 5, 100, 120, -3)),
            self.moment(),
            self.one(({}, {"en": 1}, {"en": 2, "zh": 0}) if self.plenty else _SKILLS),
            self.random.randint(1, 3),
            served_before=self.at_times(),
            missed=self.at_times(),
            only_agent=self.one(("", "", "", "", "", "a", "b", "nobody")),
            missed_by={agent_id: self.one(("rejected", "busy", "?")) for agent_id in self.some(AGENTS, 2)},
            owner=self.one(("", "", "", "c", "nobody")),
            preferred=self.one(((), (), (), ("d",), ("b", "a"))),
            label=self.one(("", "", "vip")),
        )
