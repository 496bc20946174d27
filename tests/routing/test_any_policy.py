"""The engine beside the policy said plainly, under any policy at all, over any history."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from routing import Engine, Policy, QueuePolicy, Seat, Waiting
from routing.choosing import Choice
from tests.routing.chance import AGENTS, QUEUES, Chance
from tests.routing.naive import Naive


class Tight(Engine):
    """Comes to all of its limits at once."""

    few = 1
    behind = 2
    pools_kept = 3


class History:
    """The same facts told to both."""

    def __init__(self, seed: int, engine_kind: type[Engine]) -> None:
        self.chance = Chance(seed)
        policy = self.chance.policy()
        self.engine, self.naive = engine_kind(policy), Naive(policy)
        self.now = self.chance.moment()
        self.codes: set[str] = set()
        for agent_id in self.chance.some(AGENTS, len(AGENTS)):
            self.an_agent_comes(agent_id)
        for _ in range(self.chance.random.randint(1, 12)):
            self.a_case_comes()

    def go_on(self, steps: int) -> None:
        what: list[Callable[[], None]] = [
            self.an_agent_comes,
            self.an_agent_works,
            self.an_agent_works,
            self.an_agent_goes,
            self.a_case_comes,
            self.a_case_comes,
            self.a_case_goes,
            self.time_passes,
            self.time_passes,
            self.time_passes_until_something_changes,
            self.it_is_decided,
            self.it_is_decided,
            self.waiting_is_explained,
            self.nothing_happens_too_early,
        ]
        for _ in range(steps):
            self.chance.one(what)()
            self.the_books_agree()

    def an_agent_comes(self, agent_id: str = "") -> None:
        seat = self.chance.seat(agent_id)
        self.engine.put_seat(seat)
        self.naive.seats[seat.agent_id] = seat

    def an_agent_works(self) -> None:
        if self.naive.seats:
            seat = self.naive.seats[self.chance.one(sorted(self.naive.seats))]
            seat = replace(seat, **self.chance.working(seat))
            self.engine.put_seat(seat)
            self.naive.seats[seat.agent_id] = seat

    def an_agent_goes(self) -> None:
        agent_id = self.chance.one(AGENTS)
        self.engine.remove_seat(agent_id)
        self.naive.seats.pop(agent_id, None)

    def a_case_comes(self) -> None:
        case = self.chance.case()
        self.engine.put_waiting(case)
        self.naive.cases[case.interaction_id] = case

    def a_case_goes(self) -> None:
        interaction_id = f"i{self.chance.random.randint(1, 12)}"
        self.engine.remove_waiting(interaction_id)
        self.naive.cases.pop(interaction_id, None)

    def time_passes(self) -> None:
        self.now += self.chance.random.randint(1, 40)

    def time_passes_until_something_changes(self) -> None:
        if (at := self.engine.next_change_at(self.now)) is not None:
            assert at >= self.now
            self.now = at

    def it_is_decided(self, limit: int = 0) -> None:
        limit = limit or self.chance.one((1, 2, 100))
        made, expected = self.engine.decide(self.now, limit), self.naive.decide(self.now, limit)
        assert [(d.interaction_id, d.agent_id, d.others) for d in made] == [offer[:3] for offer in expected]
        for decision, offer in zip(made, expected, strict=True):
            assert self.noted(decision.explanation.record()) == offer.record
            self.codes |= {f"why {why.code}" for why in decision.why}

    def waiting_is_explained(self) -> None:
        for case in self.naive.cases.values():
            explanation = self.engine.explain(case.interaction_id, self.now)
            assert explanation is not None
            assert self.noted(explanation.record()) == self.naive.record(case, self.now)
            assert all(considered.reasons for considered in explanation.candidates), "everybody is told why"

    def noted(self, record: dict[str, Any]) -> dict[str, Any]:
        """Which codes came up."""
        self.codes |= {f"summary {reason['code']}" for reason in record["summary"]}
        self.codes |= {f"remarks {reason['code']}" for reason in record.get("remarks", ())}
        for candidate in record["candidates"]:
            self.codes |= {f"reason {reason['code']}" for reason in candidate["reasons"]}
            self.codes |= {
                f"by {reason['values']['by']}" for reason in candidate["reasons"] if "by" in reason["values"]
            }
        return record

    def nothing_happens_too_early(self) -> None:
        self.it_is_decided(100)
        at = self.engine.next_change_at(self.now)
        self.now = self.now + 1_000 if at is None else max(self.now, at - 1)
        assert self.engine.decide(self.now) == []
        assert self.naive.decide(self.now) == []

    def the_books_agree(self) -> None:
        assert {w.interaction_id: w for w in self.engine.waiting()} == self.naive.cases
        assert {s.agent_id: s for s in self.engine.seats()} == self.naive.seats
        for queue in QUEUES:
            assert self.engine.depth(queue) == sum(w.queue == queue for w in self.naive.cases.values())


@pytest.mark.parametrize("engine_kind", [Engine, Tight])
@pytest.mark.parametrize("seed", range(0, 160, 40))
def test_the_engine_decides_and_explains_as_the_plain_policy_does(engine_kind: type[Engine], seed: int) -> None:
    for one in range(seed, seed + 40):
        try:
            History(one, engine_kind).go_on(25)
        except AssertionError as error:
            error.add_note(f"seed {one}")
            raise


def test_agents_that_are_too_many_to_be_sorted_anew_stand_in_the_same_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Choice, "sorted_few", 0)
    for seed in range(0, 100, 5):
        History(seed, Engine).go_on(25)


TABLES = {
    "reason": "Each agent's reasons:",
    "by": "What put somebody behind (`by`):",
    "summary": "What a waiting case waits for, in a word (`summary`):",
    "remarks": "What was special about it (`remarks`):",
    "why": "The choice in a sentence (`why`):",
}


def test_what_is_said_is_what_the_page_has_in_its_tables_and_all_of_it_can_be_so() -> None:
    page = (Path(__file__).parents[2] / "docs" / "routing.md").read_text()
    written = set()
    for kind, words in TABLES.items():
        table = page.split(words)[1].strip().split("\n\n")[0]
        cells = [row.split("|")[1] for row in table.splitlines()]
        written |= {f"{kind} {code}" for cell in cells for code in re.findall(r"`(\w+)`", cell)}
    said: set[str] = set()
    for seed in range(1_000, 1_240):
        history = History(seed, Engine)
        history.go_on(20)
        said |= history.codes
    assert said == written


@pytest.mark.parametrize("seed", range(60))
def test_the_same_facts_in_any_order_give_the_same_decisions(seed: int) -> None:
    chance = Chance(seed)
    policy, now = chance.policy(), chance.moment()
    facts: list[Seat | Waiting] = [chance.seat(agent_id) for agent_id in AGENTS]
    facts += {case.interaction_id: case for case in (chance.case() for _ in range(10))}.values()
    records = []
    for _ in range(3):
        chance.random.shuffle(facts)
        engine = Engine(policy)
        for fact in facts:
            if isinstance(fact, Seat):
                engine.put_seat(fact)
            else:
                engine.put_waiting(fact)
        records.append([decision.explanation.record() for decision in engine.decide(now)])
    assert records[0] == records[1] == records[2]


TEAM = (("ann", ()), ("bob", ("en",)), ("cay", ("en", "zh")))


@pytest.mark.parametrize("seed", range(40))
def test_nobody_is_overtaken_by_who_came_later_than_the_bound_says(seed: int) -> None:
    """However urgent what keeps coming is, and whatever is weighed together: not at an agent who could have taken
    them. With a cap, nobody who came later is served before a case any more once it has come to the cap."""
    chance = Chance(seed)
    ageing, cap = chance.one((1, 5)), chance.one((None, 3, 20, 60))
    targets = {
        queue: QueuePolicy(target_ms=chance.one((0, 40, 90)), handling_ms=chance.one((0, 25))) for queue in QUEUES
    }
    policy = Policy("bound", ageing_ms=ageing, most_priority=cap, order=chance.one(("age", "slack")), queues=targets)
    team = [Seat(name, name, frozenset(QUEUES), dict.fromkeys(skills, 1), {"voice": 1}) for name, skills in TEAM]
    skills = {seat.agent_id: seat.skills for seat in team}
    served: list[tuple[int, Waiting, str]] = []
    engine, came = Engine(policy), dict[str, Waiting]()
    for now in range(400):
        for _ in range(chance.random.randint(0, 2)):
            name = f"i{len(came)}"
            priority, needs = chance.one((0, 0, 7, 50, 100)), chance.one(({}, {}, {"en": 1}, {"zh": 1}))
            came[name] = Waiting(name, 1, chance.one(QUEUES), "voice", priority, now, needs)
            engine.put_waiting(came[name])
        for seat in team:
            if chance.random.random() < 0.3:
                engine.put_seat(seat)
        served += [(now, came[decision.interaction_id], decision.agent_id) for decision in engine.decide(now)]

    def worth(case: Waiting) -> int:
        rules = targets[case.queue]
        return (rules.target_ms - rules.handling_ms if policy.order == "slack" else 0) - case.priority * ageing

    def may_overtake(late: Waiting, early: Waiting, now: int) -> bool:
        if cap is not None and now - early.virtual_enqueued_at >= worth(early) + cap * ageing:
            return False
        return late.virtual_enqueued_at - early.virtual_enqueued_at <= worth(early) - worth(late)

    at = {case.interaction_id: place for place, (_, case, _) in enumerate(served)}
    for place, (now, late, agent_id) in enumerate(served):
        for early in came.values():
            if (
                early.virtual_enqueued_at < late.virtual_enqueued_at
                and early.skills.keys() <= skills[agent_id].keys()
                and at.get(early.interaction_id, place + 1) > place
            ):
                assert may_overtake(late, early, now), (late, early)
