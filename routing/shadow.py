"""A policy that is asked beside the one in force, from the same facts, and never listened to.

Whenever the engine decided, another under the shadow's policy is asked the same from the same facts; then it is told
what was really decided. So each decision is compared by itself: the shadow never drifts into a day of its own. (What
a whole day would have been like is a simulation's to say.)
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable
from typing import Literal, NamedTuple, TypeAlias

from contact_center.domain.time import Moment
from routing.decisions import Decision
from routing.engine import Engine
from routing.facts import Begun, Decided, Fact, World, made, tell
from routing.policy import Policy

Verdict: TypeAlias = Literal["same", "other_agent", "would_wait", "would_offer"]
"""The shadow would have offered the case to the same agents, or to others; it would have let it wait; it would have
offered what waits on."""

KEPT = 100


class Disagreement(NamedTuple):
    """``agents`` had the offer, ``shadow`` would have had it. ``reasons`` are the codes of why the shadow did not
    choose who was chosen; empty where it would have let the case wait."""

    at: Moment
    interaction_id: str
    queue: str
    verdict: Verdict
    agents: tuple[str, ...]
    shadow: tuple[str, ...]
    reasons: tuple[str, ...] = ()


class Shadow:
    """Counts by queue and verdict; ``recent`` are the last disagreements."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.counts: Counter[tuple[str, Verdict]] = Counter()
        self.reasons: Counter[str] = Counter()
        self.recent: deque[Disagreement] = deque(maxlen=KEPT)
        self._world = World()
        self._engine: Engine | None = None
        self._offered: dict[str, tuple[str, ...]] = {}

    def feed(self, at: Moment, fact: Fact) -> None:
        """The next fact. What comes before the first :class:`Begun` is passed over."""
        if isinstance(fact, Begun):
            self._world.told(fact)
            self._engine = Engine(self.policy)
            return
        engine = self._engine
        if engine is None:
            return
        if isinstance(fact, Decided):
            self._compare(engine, fact)
            return
        self._world.told(fact)
        tell(engine, fact)

    def _compare(self, engine: Engine, fact: Decided) -> None:
        theirs = {each.interaction_id: each for each in engine.decide(fact.now, fact.limit)}
        if not theirs and not fact.made:
            return
        cases = {**dict.fromkeys(theirs), **{each.interaction_id: each for each in fact.made}}
        queues = {case: waiting.queue for case in cases if (waiting := self._world.waiting.get(case)) is not None}
        self._world.told(fact)
        touched: set[str] = set()
        for case, real in cases.items():
            shadow = theirs.get(case)
            agents = real.agents if real is not None else ()
            wanted = made(shadow).agents if shadow is not None else ()
            touched.update(agents, wanted)
            self._count(fact.now, case, queues.get(case, ""), agents, wanted, shadow)
        self._put_right(engine, cases, touched)

    def _count(
        self,
        at: Moment,
        case: str,
        queue: str,
        agents: tuple[str, ...],
        wanted: tuple[str, ...],
        shadow: Decision | None,
    ) -> None:
        if not agents:
            # It would say so again at every question for as long as the case waits.
            if self._offered.get(case) == wanted:
                return
            self._offered[case] = wanted
        else:
            self._offered.pop(case, None)
        verdict = _verdict(agents, wanted)
        self.counts[queue, verdict] += 1
        if verdict == "same":
            return
        reasons = () if shadow is None else _reasons(shadow, agents)
        self.reasons.update(reasons)
        self.recent.append(Disagreement(at, case, queue, verdict, agents, wanted, reasons))

    def _put_right(self, engine: Engine, cases: Iterable[str], agents: Iterable[str]) -> None:
        """The shadow's engine knows again what the real one does."""
        for case in cases:
            waiting = self._world.waiting.get(case)
            if waiting is None:
                engine.remove_waiting(case)
            else:
                engine.put_waiting(waiting)
        for agent_id in agents:
            if (seat := self._world.seats.get(agent_id)) is not None:
                engine.put_seat(seat)
        if len(self._offered) > 2 * len(self._world.waiting) + KEPT:
            self._offered = {case: said for case, said in self._offered.items() if case in self._world.waiting}

    def by_verdict(self) -> dict[Verdict, int]:
        """Of all queues together."""
        found: Counter[Verdict] = Counter()
        for (_, verdict), count in self.counts.items():
            found[verdict] += count
        return {verdict: found[verdict] for verdict in VERDICTS}


VERDICTS: tuple[Verdict, ...] = ("same", "other_agent", "would_wait", "would_offer")


def _verdict(agents: tuple[str, ...], wanted: tuple[str, ...]) -> Verdict:
    if not agents:
        return "would_offer"
    if not wanted:
        return "would_wait"
    return "same" if set(agents) == set(wanted) else "other_agent"


def _reasons(shadow: Decision, agents: tuple[str, ...]) -> tuple[str, ...]:
    """Why the shadow did not choose whom the engine chose: ``not_chosen:longest_idle``, ``missing_skill``, …"""
    for considered in shadow.candidates:
        if considered.agent_id in agents:
            return tuple(
                [
                    f"{reason.code}:{reason.values['by']}" if "by" in reason.values else reason.code
                    for reason in considered.reasons
                ]
            )
    return ()
