"""The policy of a text that is only to be tried: read as ``apply`` would read it, and put into force nowhere."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from contact_center.config.apply import document
from contact_center.config.hours import opening_hours
from contact_center.config.model import Config, QueueModel, parse, read
from contact_center.config.routing import overflow_rules
from contact_center.config.telephony import stored_rules
from contact_center.config.text import Text, read_string
from contact_center.domain.queue_rules import rules_of, weekly
from contact_center.domain.time import SECOND
from routing import Policy
from routing.document import policy_of
from routing.onward import Place, Rulebook

NAME = "policy.yaml"
"""What a text without a file is called where its mistakes are told."""
_ALONE = ("shadow", "experiment", "channels")
"""What a policy that is tried has nothing to do with."""


def policy_in(path: Path, queues: Sequence[QueueModel] = ()) -> Policy:
    """What the file says; of ``queues`` that it doesn't name, what they say. Its version is the one that ``apply``
    would give it, if no queue is missing. Raises :class:`contact_center.config.model.ConfigError`."""
    return _policy(read(path), queues)


def rulebook_in(path: Path) -> Rulebook:
    """The same with what its queues say beyond routing. Raises :class:`contact_center.config.model.ConfigError`."""
    return rulebook_of(read(path))


def rulebook_of_text(said: str, stored: Mapping[str, Any]) -> tuple[Rulebook, list[str]]:
    """What somebody wrote, read beside what is in force (``stored``, in the file's shape): whatever it doesn't name
    is as it is. Also what is allowed and perhaps not meant. Raises :class:`ConfigError`."""
    text = read_string(said, NAME)
    whole = {**{key: value for key, value in stored.items() if key not in _ALONE}, **text.data}
    queues = text.data.get("queues", [])
    named = set()
    if isinstance(queues, list):  # what is none is a mistake, which is told below
        named = {str(queue.get("id")) for queue in queues if isinstance(queue, dict)}
        whole["queues"] = [*queues, *[queue for queue in stored.get("queues", ()) if queue["id"] not in named]]
    config = parse(whole, NAME, Text(whole, text.parts))
    return rulebook_of(config, named), config.warnings


def rulebook_of(config: Config, named: Collection[str] | None = None) -> Rulebook:
    """What the configuration says of its queues, or of those that are ``named``, and of no others."""
    if named is None:
        named = {queue.id for queue in config.queues}
    policy = _policy(config)
    holidays = {each.id: each for each in config.holidays}
    weeks = {hours.id: opening_hours(hours, holidays, config.time_zone) for hours in config.hours}
    places = {
        queue.id: Place(
            overflow_rules(queue.routing),
            weeks.get(queue.hours) or weekly(rules_of(stored_rules(queue.calls)).hours, config.time_zone),
            round((queue.offer_seconds or 0) * SECOND),
            queue.priority,
            queue.skills,
        )
        for queue in config.queues
        if queue.id in named
    }
    return Rulebook(replace(policy, queues={queue: policy.queues[queue] for queue in named}), places)


def _policy(config: Config, queues: Sequence[QueueModel] = ()) -> Policy:
    named = {queue.id for queue in config.queues}
    whole = [*config.queues, *[each for each in queues if each.id not in named]]
    return policy_of(document(config.model_copy(update={"queues": whole})))
