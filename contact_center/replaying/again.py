"""Decides again what was recorded, under the policies it was decided under, and shows that it comes out the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from contact_center.domain.time import Moment
from contact_center.replaying.log import Log, Problem, Progress
from contact_center.storage import routing_log
from routing.facts import Again, Begun, Dated, Decided, Difference, Made

MOST_SHOWN = 100
"""Differences kept with their explanations; all are counted."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A difference, with the explanations of both sides in JSON's terms (None where there is none)."""

    at: Moment
    recorded: tuple[dict[str, Any], ...]
    again: tuple[dict[str, Any], ...]
    knows: tuple[str, ...] = ()


@dataclass(slots=True)
class Outcome:
    """What came out: ``decisions`` were made when the engine was asked ``questions`` times. ``explanations`` were
    compared word for word, of which ``explained_otherwise`` (ids of interactions) differ."""

    runs: int = 0
    facts: int = 0
    questions: int = 0
    decisions: int = 0
    different: int = 0
    explanations: int = 0
    explained_otherwise: list[str] = field(default_factory=list)
    policies: dict[str, int] = field(default_factory=dict)
    differences: list[Shown] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    @property
    def identical(self) -> bool:
        return not (self.different or self.explained_otherwise or self.problems)


async def decide_again(
    log: Log, progress: Progress = lambda done, whole: None, *, explanations: bool = False
) -> Outcome:
    """All of the log. With ``explanations``, each stored explanation is compared with the one that comes out now."""
    outcome = Outcome()
    again = Again()
    node, wrong, done = "", 0, 0
    held: list[Made] = []  # of the latest moment, in which there may be more to come
    for run in log.runs:
        if run.node != node or len(log.problems) > wrong:
            again, node, wrong = Again(), run.node, len(log.problems)
        async for facts in log.read(run):
            made, differences = _feed(again, facts, outcome)
            outcome.differences += [await _shown(log, each) for each in differences]
            if explanations and facts:
                before, held = _by_moment([*held, *made], facts[-1][0])
                await _compare(log, before, outcome)
            done += len(facts)
            progress(done, log.facts)
        outcome.runs += 1
    await _compare(log, held, outcome)
    outcome.problems = log.problems
    return outcome


def _feed(again: Again, facts: Sequence[Dated], outcome: Outcome) -> tuple[list[Made], list[Difference]]:
    made: list[Made] = []
    differences: list[Difference] = []
    for at, fact in facts:
        difference = again.feed(at, fact)
        if isinstance(fact, Decided):
            outcome.questions += 1
            outcome.decisions += len(fact.made)
            made += again.latest
        elif isinstance(fact, Begun):
            version = fact.policy.version
            outcome.policies.setdefault(version, 0)
        if isinstance(fact, Decided) and fact.made:
            outcome.policies[again.version] = outcome.policies.get(again.version, 0) + len(fact.made)
        if difference is not None:
            outcome.different += max(1, len(difference.recorded), len(difference.again))
            if len(outcome.differences) + len(differences) < MOST_SHOWN:
                differences.append(difference)
    outcome.facts += len(facts)
    return made, differences


def _by_moment(made: Sequence[Made], latest: Moment) -> tuple[list[Made], list[Made]]:
    """Those of other moments than the latest, and those of it."""
    at = [(each, each.explanation is not None and each.explanation.at == latest) for each in made]
    return [each for each, now in at if not now], [each for each, now in at if now]


async def _shown(log: Log, difference: Difference) -> Shown:
    ids = [made.interaction_id for made in difference.recorded]
    stored = await log.executor.read(routing_log.explained, ids) if ids else []
    kept = {(each["interaction_id"], each["at"]): each for each in stored}
    return Shown(
        difference.at,
        tuple([_side(made, kept.get((made.interaction_id, difference.at))) for made in difference.recorded]),
        tuple(
            [
                _side(made, None if made.explanation is None else made.explanation.record())
                for made in difference.again
            ]
        ),
        difference.knows,
    )


def _record(made: Made) -> dict[str, Any] | None:
    return None if made.explanation is None else made.explanation.record()


def _side(made: Made, explanation: dict[str, Any] | None) -> dict[str, Any]:
    return {
        "interaction_id": made.interaction_id,
        "agent_id": made.agent_id,
        "others": list(made.others),
        "explanation": explanation,
    }


async def _compare(log: Log, made: Sequence[Made], outcome: Outcome) -> None:
    """Whether what is stored came out again. What came out and is not stored was not to be had any more: in the same
    moment it may have been decided anew, and that is stored."""
    if not made:
        return
    again: dict[tuple[str, Moment], list[dict[str, Any]]] = {}
    for each in made:
        assert each.explanation is not None
        said = orjson.loads(orjson.dumps(each.explanation.record(), default=list))
        again.setdefault((each.interaction_id, each.explanation.at), []).append(said)
    for stored in await log.executor.read(routing_log.explained, list({each.interaction_id for each in made})):
        came_out = again.get((stored["interaction_id"], stored["at"]))
        if came_out is None:
            continue
        outcome.explanations += 1
        if not any(all(stored.get(name) == what for name, what in said.items()) for said in came_out):
            outcome.explained_otherwise.append(stored["interaction_id"])
