"""The policy of a file that is only to be tried: read as ``apply`` would read it, and put into force nowhere."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from contact_center.config.apply import document
from contact_center.config.model import QueueModel, read
from routing import Policy
from routing.document import policy_of


def policy_in(path: Path, queues: Sequence[QueueModel] = ()) -> Policy:
    """What the file says; of ``queues`` that it doesn't name, what they say. Its version is the one that ``apply``
    would give it, if no queue is missing. Raises :class:`contact_center.config.model.ConfigError`."""
    config = read(path)
    named = {queue.id for queue in config.queues}
    whole = [*config.queues, *[each for each in queues if each.id not in named]]
    return policy_of(document(config.model_copy(update={"queues": whole})))
