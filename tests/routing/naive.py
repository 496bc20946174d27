"""The policy said as plainly as can be: no index, no memory, everything looked at each time."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any, NamedTuple

from routing import Policy, QueuePolicy, Seat, Waiting
from routing.expression import written
from routing.needs import ANYBODY, Every, Has, IsOne, Need, Not, Some


class Offer(NamedTuple):
    """What the explanation's ``record`` must be, too."""

    interaction_id: str
    agent_id: str
    others: tuple[str, ...]
    record: dict[str, Any]


class Said(NamedTuple):
    """What is said of a weighing."""

    method: str
    cases: tuple[str, ...]
    agents: int
    alone: str
    more: int
    by: str
    gain: int

    def remarks(self, agent_id: str) -> list[dict[str, Any]]:
        told: dict[str, Any] = {"count": len(self.cases), "agents": self.agents}
        if self.method == "turns":
            return [{"code": "weighed_in_vain", "values": told}]
        code = "weighed_otherwise" if self.alone else "weighed_instead"
        if self.alone == agent_id:
            code = "weighed_alike"
        elif self.alone:
            told["agent_id"] = self.alone
        if self.more:
            return [{"code": code, "values": told}, {"code": "weighed_more", "values": {"count": self.more}}]
        return [{"code": code, "values": told}, {"code": "weighed_better", "values": {"by": self.by}}]


class Naive:
    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.seats: dict[str, Seat] = {}
        self.cases: dict[str, Waiting] = {}

    def rules(self, case: Waiting) -> QueuePolicy:
        return QueuePolicy() if case.only_agent else self.policy.queue(case.queue)

    # --- whose turn it is ---------------------------------------------------------------------------------

    def turn(self, case: Waiting, now: int) -> tuple[int, int, str]:
        priority = sorted((0, case.priority, 100))[1]
        turn = case.virtual_enqueued_at - priority * self.policy.ageing_ms
        if self.policy.order == "slack":
            queue = self.policy.queue(case.queue)
            turn += queue.target_ms - queue.handling_ms
        most = self.policy.most_priority
        if most is not None and now - turn >= most * self.policy.ageing_ms:
            return (0, case.virtual_enqueued_at, case.interaction_id)
        return (1, turn, case.interaction_id)

    # --- what is asked ------------------------------------------------------------------------------------

    def steps_by_time(self, case: Waiting, now: int) -> int:
        return sum(step.after_ms <= now - case.virtual_enqueued_at for step in self.rules(case).relax)

    def step(self, case: Waiting, now: int) -> int:
        """How many steps of relaxation are in force."""
        reached, steps = self.steps_by_time(case, now), len(self.rules(case).relax)
        if steps and self.rules(case).skip_hopeless:
            for step in range(reached, steps + 1):
                if any(self.there(seat, case) and self.could(seat, case, step) for seat in self.seats.values()):
                    return step
        return reached

    def there(self, seat: Seat, case: Waiting) -> bool:
        return seat.available and seat.capacity.get(case.medium, 0) > 0

    def queues(self, case: Waiting, step: int) -> set[str]:
        return {case.queue}.union(*(relaxed.queues for relaxed in self.rules(case).relax[:step]))

    def skills(self, case: Waiting, step: int) -> dict[str, int]:
        if case.only_agent:
            return {}
        lowest = {
            skill: min([level, *(relaxed.skills.get(skill, level) for relaxed in self.rules(case).relax[:step])])
            for skill, level in case.skills.items()
        }
        return {skill: level for skill, level in sorted(lowest.items()) if level > 0}

    def need(self, case: Waiting, step: int) -> Need:
        said = [relaxed.need for relaxed in self.rules(case).relax[:step] if relaxed.need is not None]
        return said[-1] if said else self.rules(case).need

    def meets(self, seat: Seat, need: Need) -> bool:
        match need:
            case Has():
                return seat.skills.get(need.skill, 0) >= need.level
            case IsOne():
                return seat.agent_id in need.agent_ids
            case Every():
                return not [part for part in need.of if not self.meets(seat, part)]
            case Some():
                return bool([part for part in need.of if self.meets(seat, part)])
            case Not():
                return not self.meets(seat, need.of)

    def lacks(self, seat: Seat, case: Waiting, step: int) -> list[dict[str, Any]]:
        reasons = [self.missing(seat, skill, level) for skill, level in self.skills(case, step).items()]
        need = self.need(case, step)
        for part in need.of if isinstance(need, Every) else (need,):
            if isinstance(part, Has):
                reasons.append(self.missing(seat, part.skill, part.level))
            elif not self.meets(seat, part):
                reasons.append({"code": "need_not_met", "values": {"need": written(part)}})
        return [reason for reason in reasons if reason["code"] != "missing_skill" or _short(**reason["values"])]

    def missing(self, seat: Seat, skill: str, level: int) -> dict[str, Any]:
        values = {"skill": skill, "needed": level, "has": seat.skills.get(skill, 0)}
        return {"code": "missing_skill", "values": values}

    def asked(self, seat: Seat, case: Waiting, step: int) -> bool:
        if case.only_agent:
            return seat.agent_id == case.only_agent
        return bool(self.queues(case, step) & seat.queues)

    def could(self, seat: Seat, case: Waiting, step: int) -> bool:
        return self.asked(seat, case, step) and not self.lacks(seat, case, step)

    # --- who has room -------------------------------------------------------------------------------------

    def state(self, seat: Seat) -> list[dict[str, Any]]:
        if seat.available:
            return []
        if seat.unavailable_reason in ("offline", "not_ready", "wrap_up"):
            return [{"code": seat.unavailable_reason, "values": {}}]
        return [{"code": "unavailable", "values": {"reason": seat.unavailable_reason}}]

    def limits(self, seat: Seat, case: Waiting) -> list[dict[str, Any]]:
        policy, medium = self.policy, case.medium
        counts = {m: n for m, n in seat.load.items() if n > 0 and m not in policy.interrupts.get(medium, ())}
        if any(counts.get(m, 0) for m in policy.exclusive_media):
            return [{"code": "on_call", "values": {}}]
        limits: list[dict[str, Any]] = []
        load, capacity = seat.load.get(medium, 0), seat.capacity.get(medium, 0)
        if load + 1 > capacity:
            limits.append({"code": "no_capacity", "values": {"medium": medium, "load": load, "capacity": capacity}})
        if seat.most:
            weight = policy.weights.get(medium, 1)
            taken = sum(n * policy.weights.get(m, 1) for m, n in counts.items())
            if taken + weight > seat.most:
                values = {"weight": weight, "load": taken, "capacity": seat.most}
                limits.append({"code": "no_total", "values": values})
        label = self.label(case)
        if label and label in seat.most_of and seat.labelled.get(label, 0) + 1 > seat.most_of[label]:
            values = {"label": label, "load": seat.labelled.get(label, 0), "capacity": seat.most_of[label]}
            limits.append({"code": "no_label", "values": values})
        return limits

    def label(self, case: Waiting) -> str:
        return case.label or self.policy.queue(case.queue).label

    # --- who must not ring yet ----------------------------------------------------------------------------

    def cooldown_ms(self, seat: Seat, case: Waiting) -> int:
        cause: Any = case.missed_by.get(seat.agent_id, "no_answer")
        return self.policy.cooldown_ms.get(cause, self.policy.reoffer_cooldown_ms)

    def cooling(self, seat: Seat, case: Waiting, now: int) -> bool:
        missed_at = case.missed.get(seat.agent_id)
        return missed_at is not None and now < missed_at + self.cooldown_ms(seat, case)

    def sole(self, seat: Seat, case: Waiting, now: int) -> bool:
        """Nobody else who is there could ever take it, and it is long enough ago."""
        step = self.step(case, now)
        others = [other for other in self.seats.values() if other.agent_id != seat.agent_id]
        if any(self.there(other, case) and self.could(other, case, step) for other in others):
            return False
        return now >= case.missed[seat.agent_id] + min(self.policy.sole_cooldown_ms, self.cooldown_ms(seat, case))

    def known_as(self, agent_id: str, case: Waiting, now: int) -> tuple[int, str]:
        if agent_id == case.owner:
            return (0, "owner")
        if agent_id in case.preferred:
            return (1 + case.preferred.index(agent_id), "asked_for")
        served_at = case.served_before.get(agent_id)
        if served_at is not None and now - served_at <= self.policy.sticky_ms:
            return (1 + len(case.preferred), "served_before")
        return (2 + len(case.preferred), "")

    def held_for(self, case: Waiting, now: int) -> list[str]:
        """For whom it is kept."""
        hold_ms = self.rules(case).hold_ms
        if not hold_ms or now >= case.virtual_enqueued_at + hold_ms:
            return []
        return [
            seat.agent_id
            for seat in self.seats.values()
            if self.known_as(seat.agent_id, case, now)[1]
            and self.there(seat, case)
            and self.could(seat, case, self.step(case, now))
            and not self.cooling(seat, case, now)
        ]

    # --- who comes first ----------------------------------------------------------------------------------

    def obstacles(self, seat: Seat, case: Waiting, now: int) -> list[dict[str, Any]]:
        step = self.step(case, now)
        if not self.asked(seat, case, step):
            return [{"code": "directed_elsewhere", "values": {"agent_id": case.only_agent}}]
        reasons = self.state(seat) or self.limits(seat, case)
        reasons = reasons + self.lacks(seat, case, step)
        if self.cooling(seat, case, now):
            until_at = case.missed[seat.agent_id] + self.cooldown_ms(seat, case)
            reasons.append({"code": "cooling_down", "values": {"until_at": until_at}})
        if (held_for := self.held_for(case, now)) and seat.agent_id not in held_for:
            until_at = case.virtual_enqueued_at + self.rules(case).hold_ms
            reasons.append({"code": "held_for_another", "values": {"until_at": until_at}})
        return reasons

    def may(self, seat: Seat, case: Waiting, now: int) -> bool:
        codes = {reason["code"] for reason in self.obstacles(seat, case, now)}
        return not codes or (codes == {"cooling_down"} and self.sole(seat, case, now))

    def eligible(self, case: Waiting, now: int) -> list[Seat]:
        able = [seat for seat in self.seats.values() if self.may(seat, case, now)]
        return sorted(able, key=lambda seat: self.rank(seat, case, now))

    def rank(self, seat: Seat, case: Waiting, now: int) -> list[Any]:
        points = {
            "known": self.known_as(seat.agent_id, case, now)[0],
            "preferred": -self.preferred(seat, case),
            "least_loaded": self.share(seat),
            "most_loaded": -self.share(seat),
            "longest_idle": seat.idle_since_at,
            "most_skilled": -self.skilled(seat, case),
            "least_skilled": self.skilled(seat, case),
        }
        return [*(points[term] for term in self.policy.ranking), seat.agent_id]

    def share(self, seat: Seat) -> int:
        if seat.most:
            taken = sum(n * self.policy.weights.get(m, 1) for m, n in seat.load.items() if n > 0)
            return taken * 1_000_000 // seat.most
        return sum(count * 1_000_000 // max(1, seat.capacity.get(medium, 0)) for medium, count in seat.load.items())

    def preferred(self, seat: Seat, case: Waiting) -> int:
        return sum(points * seat.skills.get(skill, 0) for skill, points in self.rules(case).prefer.items())

    def skilled(self, seat: Seat, case: Waiting) -> int:
        return sum(seat.skills.get(skill, 0) for skill, level in case.skills.items() if level > 0)

    def decide(self, now: int, limit: int = 100) -> list[Offer]:
        made: list[Offer] = []
        by_turn = 0
        while len(made) < limit:
            if not by_turn and self.policy.batch.most > 1:
                by_turn, weighed = self.weigh(now)
                for case, rung, said in weighed[: limit - len(made)]:
                    made.append(self.give(case, [self.seats[agent_id] for agent_id in rung], now, said))
                    by_turn = 0
                if weighed:
                    continue
            first = next((case for case in self.in_turn(now) if self.eligible(case, now)), None)
            if first is None:
                break
            made.append(self.give(first, self.eligible(first, now)[: self.rules(first).ring], now))
            by_turn = max(0, by_turn - 1)
        return made

    def in_turn(self, now: int) -> list[Waiting]:
        return sorted(self.cases.values(), key=lambda case: self.turn(case, now))

    def give(self, case: Waiting, rung: list[Seat], now: int, said: Said | None = None) -> Offer:
        record = self.record(case, now, tuple(rung), said)
        del self.cases[case.interaction_id]
        for seat in rung:
            self.seats[seat.agent_id] = self.taken(seat, case)
        others = tuple(seat.agent_id for seat in rung[1:])
        return Offer(case.interaction_id, rung[0].agent_id, others, record)

    # --- several at once ----------------------------------------------------------------------------------

    def weigh(self, now: int) -> tuple[int, list[tuple[Waiting, list[str], Said]]]:
        """How many cases were looked at, and who gets what if they were weighed."""
        cases = [case for case in self.in_turn(now) if self.eligible(case, now)][: self.policy.batch.most]
        agents = {seat.agent_id for case in cases for seat in self.eligible(case, now)}
        cases = cases[: 4 * len(agents)]
        while sum(self.rules(case).ring for case in cases) > self.policy.batch.most:
            cases.pop()
        if len(cases) < 2 or len(agents) < 2 or self.turns_are_as_good(cases, now):
            return len(cases), []
        pile = Pile(self, cases, now)
        alone, found = pile.by_turns(), pile.together()
        better = pile.worth(found) < pile.worth(alone)
        by_turn = {case.interaction_id: rung[0] for case, rung in alone}
        method, gain = ("together", pile.gain(alone, found)) if better else ("turns", (0, "", 0))
        ids = tuple(case.interaction_id for case in cases)
        told = []
        for case, rung in found if better else alone:
            said = Said(method, ids, len(pile.agents()), by_turn.get(case.interaction_id, ""), *gain)
            told.append((case, rung, said))
        return len(cases), told

    def turns_are_as_good(self, cases: list[Waiting], now: int) -> bool:
        wanted = [seat.agent_id for case in cases for seat in self.eligible(case, now)[: self.rules(case).ring]]
        if len({*wanted}) == len(wanted):
            return True
        if any(self.about_the_case(case, now) for case in cases):
            return False
        rings = [self.rules(case).ring for case in cases]
        if all(len(self.eligible(case, now)) >= sum(rings) for case in cases):
            return True
        if max(rings) > 1:
            return False
        kinds = {(case.medium, self.label(case), *self.ids(self.eligible(case, now))) for case in cases}
        return len(kinds) == 1

    def ids(self, seats: list[Seat]) -> list[str]:
        return sorted(seat.agent_id for seat in seats)

    def about_the_case(self, case: Waiting, now: int) -> bool:
        ranking = self.policy.ranking
        lately = any(now - at <= self.policy.sticky_ms for at in case.served_before.values())
        skilled = any(level > 0 for level in case.skills.values())
        return bool(
            ("known" in ranking and (lately or case.owner or case.preferred))
            or ("preferred" in ranking and self.rules(case).prefer)
            or (("most_skilled" in ranking or "least_skilled" in ranking) and skilled)
        )

    def taken(self, seat: Seat, case: Waiting) -> Seat:
        labelled = dict(seat.labelled)
        if label := self.label(case):
            labelled[label] = labelled.get(label, 0) + 1
        return replace(seat, load={**seat.load, case.medium: seat.load.get(case.medium, 0) + 1}, labelled=labelled)

    # --- why ----------------------------------------------------------------------------------------------

    def record(
        self, case: Waiting, now: int, rung: tuple[Seat, ...] = (), said: Said | None = None
    ) -> dict[str, Any]:
        able = self.eligible(case, now)
        queues = self.queues(case, self.step(case, now))
        considered = [
            seat
            for _, seat in sorted(self.seats.items(), key=lambda entry: (entry[0] != case.only_agent, entry[0]))
            if queues & seat.queues or seat.agent_id == case.only_agent
        ]
        counts: Counter[str] = Counter()
        candidates = []
        for rank, seat in enumerate(able, 1):
            reason = self.standing(seat, case, now, rung, bool(said and said.method == "together"))
            counts[reason["code"]] += 1
            candidates.append(
                {
                    "agent_id": seat.agent_id,
                    "agent_name": seat.name,
                    "eligible": True,
                    "rank": rank,
                    "reasons": [reason],
                    "terms": self.terms(seat, case, now),
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
        record = {
            "at": now,
            "interaction_id": case.interaction_id,
            "queue": case.queue,
            "medium": case.medium,
            "policy": self.policy.version,
            "chosen": rung[0].agent_id if rung else None,
            "considered": len(considered),
            "counts": dict(counts),
            "summary": [] if rung else [self.summary(case, now, considered)],
            "candidates": candidates,
        }
        if rung[1:]:
            record["others"] = [seat.agent_id for seat in rung[1:]]
        if said:
            record["weighed"] = said._asdict()
        if remarks := self.remarks(case, now) + (said.remarks(rung[0].agent_id) if said else []):
            record["remarks"] = remarks
        return record

    def terms(self, seat: Seat, case: Waiting, now: int) -> dict[str, Any]:
        terms: dict[str, Any] = {}
        _, known_as = self.known_as(seat.agent_id, case, now)
        for term in self.policy.ranking:
            if term == "known":
                terms["served_before_at"] = case.served_before[seat.agent_id] if known_as == "served_before" else 0
                if case.owner or case.preferred:
                    terms["known_as"] = known_as
            elif term == "preferred":
                if self.rules(case).prefer:
                    terms["preferred_points"] = self.preferred(seat, case)
            elif term in ("least_loaded", "most_loaded"):
                terms["share_taken"] = self.share(seat)
            elif term == "longest_idle":
                terms["idle_since_at"] = seat.idle_since_at
            elif any(level > 0 for level in case.skills.values()):
                terms["skill_points"] = self.skilled(seat, case)
        return terms

    def standing(self, seat: Seat, case: Waiting, now: int, rung: tuple[Seat, ...], better: bool) -> dict[str, Any]:
        if not rung:
            return {"code": "could_take_it", "values": {}}
        if seat in rung:
            return {"code": "chosen" if seat is rung[0] else "rings_too", "values": {}}
        if better and self.rank(seat, case, now) < self.rank(rung[0], case, now):
            return {"code": "not_chosen", "values": {"by": "weighed_together"}}
        words = [*self.policy.ranking, "agent_id"]
        pairs = zip(words, self.rank(rung[0], case, now), self.rank(seat, case, now), strict=True)
        by = next(word for word, a, b in pairs if a != b)
        if by == "known":
            by = self.known_as(rung[0].agent_id, case, now)[1]
        return {"code": "not_chosen", "values": {"by": by}}

    def summary(self, case: Waiting, now: int, considered: list[Seat]) -> dict[str, Any]:
        step, asked = self.step(case, now), considered
        if able := self.eligible(case, now):
            return {"code": "could_take_it", "values": {"count": len(able)}}
        if case.only_agent:
            if case.only_agent not in self.seats:
                return {"code": "agent_unknown", "values": {"agent_id": case.only_agent}}
        elif not considered:
            return {"code": "nobody_in_queue", "values": {}}
        asked = [seat for seat in considered if self.could(seat, case, step)]
        if not asked:
            need = self.need(case, step)
            if need == ANYBODY:
                return {"code": "nobody_has_the_skills", "values": {"considered": len(considered)}}
            return {"code": "nobody_meets_the_need", "values": {"considered": len(considered), "need": written(need)}}
        present = [seat for seat in asked if seat.available]
        if not present:
            return {"code": "nobody_available", "values": {"able": len(asked)}}
        if not any(self.there(seat, case) for seat in present):
            values = {"available": len(present), "medium": case.medium}
            return {"code": "nobody_does_the_medium", "values": values}
        free = [seat for seat in present if not self.limits(seat, case)]
        if not free:
            return {"code": "everyone_busy", "values": {"available": len(present)}}
        cooling = [
            case.missed[seat.agent_id] + self.cooldown_ms(seat, case)
            for seat in free
            if self.cooling(seat, case, now)
        ]
        if len(cooling) < len(free):
            until_at = case.virtual_enqueued_at + self.rules(case).hold_ms
            return {"code": "held", "values": {"until_at": until_at}}
        return {"code": "cooling_down", "values": {"until_at": min(cooling)}}

    def remarks(self, case: Waiting, now: int) -> list[dict[str, Any]]:
        remarks: list[dict[str, Any]] = []
        step, steps = self.step(case, now), self.rules(case).relax
        if step:
            early = step > self.steps_by_time(case, now)
            values = {"step": step, "steps": len(steps)}
            remarks.append({"code": "relaxed_early" if early else "relaxed", "values": values})
        if step < len(steps):
            at = case.virtual_enqueued_at + steps[step].after_ms
            remarks.append({"code": "relaxes", "values": {"step": step + 1, "steps": len(steps), "at": at}})
        if self.held_for(case, now):
            until_at = case.virtual_enqueued_at + self.rules(case).hold_ms
            remarks.append({"code": "kept_for_known", "values": {"until_at": until_at}})
        return remarks


def _short(skill: str, needed: int, has: int) -> bool:
    return has < needed


Rung = list[tuple[Waiting, list[str]]]


class Pile:
    """Cases that are weighed together, by trying every way."""

    def __init__(self, naive: Naive, cases: list[Waiting], now: int) -> None:
        self.naive = naive
        self.cases = cases
        self.now = now
        rings = sum(naive.rules(case).ring for case in cases)
        self.able = {case.interaction_id: naive.ids(naive.eligible(case, now)) for case in cases}
        foremost = {case.interaction_id: naive.eligible(case, now)[:rings] for case in cases}
        if "most_loaded" in naive.policy.ranking:
            anybody = {seat.agent_id for seats in foremost.values() for seat in seats}
            foremost = {
                case.interaction_id: [seat for seat in naive.eligible(case, now) if seat.agent_id in anybody]
                for case in cases
            }
        self.foremost = {each: [seat.agent_id for seat in seats] for each, seats in foremost.items()}

    def agents(self) -> set[str]:
        return {agent_id for agents in self.foremost.values() for agent_id in agents}

    def start(self) -> dict[str, Seat]:
        return dict(self.naive.seats)

    def takes(self, seats: dict[str, Seat], agent_id: str, case: Waiting) -> bool:
        return not self.naive.limits(seats[agent_id], case)

    def rung(self, seats: dict[str, Seat], case: Waiting, most: int, but: set[str]) -> list[str]:
        """The foremost who have room left, and now have it no more."""
        left = [each for each in self.foremost[case.interaction_id] if each not in but]
        left = [each for each in left if self.takes(seats, each, case)]
        left.sort(key=lambda agent_id: self.naive.rank(seats[agent_id], case, self.now))
        for agent_id in left[:most]:
            seats[agent_id] = self.naive.taken(seats[agent_id], case)
        return left[:most]

    def by_turns(self) -> Rung:
        seats = self.start()
        rung = [(case, self.rung(seats, case, self.naive.rules(case).ring, set())) for case in self.cases]
        return [(case, agents) for case, agents in rung if agents]

    def torn(self, agent_id: str) -> bool:
        """Whether what they are given of one kind takes from their room for another."""
        seat, policy = self.naive.seats[agent_id], self.naive.policy
        theirs = [case for case in self.cases if agent_id in self.foremost[case.interaction_id]]
        media = {case.medium for case in theirs}
        if seat.most_of and len({(case.medium, self.naive.label(case)) for case in theirs}) > 1:
            return True
        whole = any(medium in policy.exclusive_media for medium in media)
        return len(media) > 1 and (whole or bool(policy.interrupts) or seat.most > 0)

    def together(self) -> Rung:
        seats, rung, left = self.start(), Rung(), list(self.cases)
        while some := self.round(seats, left):
            for case, agent_id in some:
                seats[agent_id] = self.naive.taken(seats[agent_id], case)
                rung.append((case, [agent_id]))
                left.remove(case)
        got = {agents[0] for _, agents in rung if self.torn(agents[0])}
        for case, agents in sorted(rung, key=lambda each: self.cases.index(each[0])):
            more = self.rung(seats, case, self.naive.rules(case).ring - 1, {*agents, *got})
            agents += more
            got |= {agent_id for agent_id in more if self.torn(agent_id)}
        return rung

    def round(self, seats: dict[str, Seat], left: list[Waiting]) -> list[tuple[Waiting, str]]:
        """The best of all ways: who waits, by turn; what it costs; how far forward each agent stands."""
        Way = tuple[list[bool], list[int], list[int], list[tuple[Waiting, str]]]
        known: dict[Any, Way] = {}

        def best(n: int, given: dict[tuple[str, str], int]) -> Way:
            if n == len(left):
                return [], [0] * (1 + len(self.naive.policy.ranking)), [], []
            key = (n, *sorted(given.items()))
            if key not in known:
                case = left[n]
                flags, costs, stands, way = best(n + 1, given)
                ways = [([True, *flags], costs, [len(seats), *stands], way)]
                for place, agent_id in enumerate(self.foremost[case.interaction_id]):
                    at = (agent_id, "" if self.torn(agent_id) else case.medium)
                    seat = seats[agent_id]
                    for _ in range(given.get(at, 0)):
                        seat = self.naive.taken(seat, case)
                    if self.naive.limits(seat, case) or (not at[1] and given.get(at)):
                        continue
                    flags, costs, stands, way = best(n + 1, {**given, at: given.get(at, 0) + 1})
                    cost = [one + more for one, more in zip(costs, self.cost(seat, case), strict=True)]
                    ways.append(([False, *flags], cost, [place, *stands], [(case, agent_id), *way]))
                known[key] = min(ways, key=lambda each: each[:3])
            return known[key]

        return best(0, {})[3]

    def cost(self, seat: Seat, case: Waiting) -> list[int]:
        naive, before = self.naive, self.naive.seats[seat.agent_id]
        place, known_as = naive.known_as(seat.agent_id, case, self.now)
        said = {
            "known": -{"owner": 300, "asked_for": 201 - place, "served_before": 100, "": 0}[known_as],
            "preferred": -naive.preferred(seat, case),
            "least_loaded": naive.share(seat),
            "most_loaded": -naive.share(before),
            "longest_idle": seat.idle_since_at - self.now,
            "most_skilled": -naive.skilled(seat, case),
            "least_skilled": naive.skilled(seat, case),
        }
        served_at, since = case.served_before.get(seat.agent_id), self.now - naive.policy.sticky_ms
        lately = 0 if served_at is None or served_at < since else served_at - since
        return [*(said[term] for term in naive.policy.ranking), -lately if "known" in naive.policy.ranking else 0]

    def worth(self, rung: Rung) -> tuple[list[bool], list[int], int]:
        seats, costs = self.start(), [0] * (1 + len(self.naive.policy.ranking))
        for case, agents in rung:
            costs = [sum(both) for both in zip(costs, self.cost(seats[agents[0]], case), strict=True)]
            for agent_id in agents:
                seats[agent_id] = self.naive.taken(seats[agent_id], case)
        served = [case.interaction_id for case, _ in rung]
        waits = [case.interaction_id not in served for case in self.cases]
        return waits, costs, -sum(len(agents) for _, agents in rung)

    def gain(self, alone: Rung, found: Rung) -> tuple[int, str, int]:
        was, now = self.worth(alone), self.worth(found)
        if was[0] != now[0]:
            more = len(found) - len(alone)
            return more, "" if more else "turn", 0
        terms = [*self.naive.policy.ranking, "served_lately", "ring"]
        saved = [one - other for one, other in zip([*was[1], was[2]], [*now[1], now[2]], strict=True)]
        return next((0, term, less) for term, less in zip(terms, saved, strict=True) if less)
