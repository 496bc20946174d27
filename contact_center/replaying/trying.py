"""What an experiment has shown: the real days of both policies, block by block."""

from __future__ import annotations

from dataclasses import dataclass

from contact_center.domain.time import Moment
from contact_center.replaying.comparing import targets_of
from contact_center.replaying.day import recorded
from contact_center.replaying.log import Log, Progress
from contact_center.storage import policies, trials
from routing.document import policy_of
from routing.experiment import Result, result


class NoExperiment(Exception):
    """None is under way."""


@dataclass(frozen=True, slots=True)
class Tried:
    """``a`` is the version of the policy in force, ``b`` that of the one under trial."""

    name: str
    a: str
    b: str
    result: Result


async def tried(log: Log, first: Moment, last: Moment, progress: Progress = lambda done, whole: None) -> Tried:
    """Between two moments, and no earlier than the experiment began. Raises :class:`NoExperiment`, and
    :class:`contact_center.replaying.day.NothingKept`."""
    under_way = await log.executor.read(trials.experiment)
    if under_way is None:
        raise NoExperiment
    plan, said = under_way
    in_force = await log.executor.read(policies.in_force)
    # The block in which it began was begun under no plan.
    begins = max(first, plan.next_switch(said["began_at"]))
    day = await recorded(log, begins, last, progress)
    target = targets_of(policy_of(said["document"]), in_force)
    return Tried(plan.name, in_force.version, said["version"], result(plan, day.real.cases, target))
