"""The policy said as plainly as can be: no index, no memory, everything looked at each time."""

from __future__ import annotations

from collections import Counter
from typing import Any

from routing import Policy, Seat, Waiting


class Naive:
    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.seats: dict[str, Seat] = {}
        self.cases: dict[str, Waiting] = {}

    def turn(self, case: Waiting) -> tuple[int, str]:
        priority = sorted((0, case.priority, 100))[1]
        return (case.virtual_enqueued_at - priority * self.policy.ageing_ms, case.interaction_id)

    def state(self, seat: Seat) -> str:
        if not seat.available:
            known = seat.unavailable_reason in ("offline", "not_ready", "wrap_up")
            return seat.unavailable_reason if known else "unavailable"
        if any(seat.load.get(medium, 0) for medium in self.policy.exclusive_media):
            return "on_call"
        return "open"

    def lacks(self, seat: Seat, case: Waiting) -> list[str]:
        if case.only_agent:
            return []
        return [skill for skill, level in sorted(case.skills.items()) if seat.skills.get(skill, 0) < level]

    def asked(self, seat: Seat, case: Waiting) -> bool:
        return seat.agent_id == case.only_agent if case.only_agent else case.queue in seat.queues

    def roomy(self, seat: Seat, case: Waiting) -> bool:
        return seat.load.get(case.medium, 0) < seat.capacity.get(case.medium, 0)

    def cooling(self, seat: Seat, case: Waiting, now: int) -> bool:
        missed_at = case.missed.get(seat.agent_id)
        return missed_at is not None and now < missed_at + self.policy.reoffer_cooldown_ms

    def sole(self, seat: Seat, case: Waiting) -> bool:
        """Nobody else who is present could ever take it."""
        others = (
            other
            for other in self.seats.values()
            if other is not seat and other.available and self.asked(other, case)
        )
        return not any(not self.lacks(other, case) for other in others)

    def may(self, seat: Seat, case: Waiting, now: int) -> bool:
        if not self.asked(seat, case) or self.lacks(seat, case):
            return False
        if self.state(seat) != "open" or not self.roomy(seat, case):
            return False
        if not self.cooling(seat, case, now):
            return True
        waited = now >= case.missed[seat.agent_id] + self.policy.sole_cooldown_ms
        return waited and self.sole(seat, case)

    def eligible(self, case: Waiting, now: int) -> list[Seat]:
        able = [seat for seat in self.seats.values() if self.may(seat, case, now)]
        return sorted(able, key=lambda seat: self.rank(seat, case, now))

    def rank(self, seat: Seat, case: Waiting, now: int) -> tuple[bool, int, int, str]:
        served_at = case.served_before.get(seat.agent_id)
        recent = served_at is not None and now - served_at <= self.policy.sticky_ms
        return (not recent, self.share(seat), seat.idle_since_at, seat.agent_id)

    def share(self, seat: Seat) -> int:
        return sum(count * 1_000_000 // max(1, seat.capacity.get(medium, 0)) for medium, count in seat.load.items())

    def decide(self, now: int, limit: int = 100) -> list[tuple[str, str, dict[str, Any]]]:
        """(case, agent, the record that the explanation must be) in order."""
        made: list[tuple[str, str, dict[str, Any]]] = []
        while len(made) < limit:
            for case in sorted(self.cases.values(), key=self.turn):
                if able := self.eligible(case, now):
                    made.append((case.interaction_id, able[0].agent_id, self.record(case, now, able[0])))
                    del self.cases[case.interaction_id]
                    load = {**able[0].load}
                    load[case.medium] = load.get(case.medium, 0) + 1
                    self.seats[able[0].agent_id] = _with_load(able[0], load)
                    break
            else:
                break
        return made

    def record(self, case: Waiting, now: int, chosen: Seat | None = None) -> dict[str, Any]:
        able = self.eligible(case, now)
        considered = [
            seat
            for _, seat in sorted(self.seats.items(), key=lambda entry: (entry[0] != case.only_agent, entry[0]))
            if case.queue in seat.queues or seat.agent_id == case.only_agent
        ]
        counts: Counter[str] = Counter()
        candidates = []
        for rank, seat in enumerate(able, 1):
            reason = self.standing(seat, case, now, chosen)
            counts[reason["code"]] += 1
            served = not self.rank(seat, case, now)[0]
            candidates.append(
                {
                    "agent_id": seat.agent_id,
                    "agent_name": seat.name,
                    "eligible": True,
                    "rank": rank,
                    "reasons": [reason],
                    "terms": {
                        "served_before_at": case.served_before[seat.agent_id] if served else 0,
                        "share_taken": self.share(seat),
                        "idle_since_at": seat.idle_since_at,
                    },
                }
            )
            if self.cooling(seat, case, now):
                counts["cooling_down"] += 1
        for seat in considered:
            if seat not in able:
                reasons = self.obstacles(seat, case, now)
                counts.update({reason["code"] for reason in reasons})
                candidates.append(
                    {
                        "agent_id": seat.agent_id,
                        "agent_name": seat.name,
                        "eligible": False,
                        "rank": None,
                        "reasons": reasons,
                        "terms": {},
                    }
                )
        return {
            "at": now,
            "interaction_id": case.interaction_id,
            "queue": case.queue,
            "medium": case.medium,
            "policy": self.policy.version,
            "chosen": chosen.agent_id if chosen else None,
            "considered": len(considered),
            "counts": dict(counts),
            "candidates": candidates,
        }

    def standing(self, seat: Seat, case: Waiting, now: int, chosen: Seat | None) -> dict[str, Any]:
        if chosen is None:
            return {"code": "could_take_it", "values": {}}
        if seat is chosen:
            return {"code": "chosen", "values": {}}
        words = ("served_before", "least_loaded", "longest_idle", "agent_id")
        pairs = zip(words, self.rank(chosen, case, now), self.rank(seat, case, now), strict=True)
        return {"code": "not_chosen", "values": {"by": next(word for word, a, b in pairs if a != b)}}

    def obstacles(self, seat: Seat, case: Waiting, now: int) -> list[dict[str, Any]]:
        if not self.asked(seat, case):
            return [{"code": "directed_elsewhere", "values": {"agent_id": case.only_agent}}]
        reasons: list[dict[str, Any]] = []
        state = self.state(seat)
        if state == "unavailable":
            reasons.append({"code": state, "values": {"reason": seat.unavailable_reason}})
        elif state != "open":
            reasons.append({"code": state, "values": {}})
        elif not self.roomy(seat, case):
            load, capacity = seat.load.get(case.medium, 0), seat.capacity.get(case.medium, 0)
            values: dict[str, Any] = {"medium": case.medium, "load": load, "capacity": capacity}
            reasons.append({"code": "no_capacity", "values": values})
        for skill in self.lacks(seat, case):
            values = {"skill": skill, "needed": case.skills[skill], "has": seat.skills.get(skill, 0)}
            reasons.append({"code": "missing_skill", "values": values})
        if self.cooling(seat, case, now):
            until_at = case.missed[seat.agent_id] + self.policy.reoffer_cooldown_ms
            reasons.append({"code": "cooling_down", "values": {"until_at": until_at}})
        return reasons


def _with_load(seat: Seat, load: dict[Any, int]) -> Seat:
    return Seat(
        seat.agent_id,
        seat.name,
        seat.queues,
        seat.skills,
        seat.capacity,
        load,
        seat.available,
        seat.unavailable_reason,
        seat.idle_since_at,
    )
