"""The policy of a file that is only to be tried: read as ``apply`` would read it, and put into force nowhere."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import orjson

from contact_center.config.model import QueueModel, read
from contact_center.config.routing import policy_value
from routing import Policy
from routing.facts import plain


def policy_in(path: Path, queues: Sequence[QueueModel] = ()) -> Policy:
    """What the file says; of ``queues`` that it doesn't name, what they say. Raises
    :class:`contact_center.config.model.ConfigError`."""
    config = read(path)
    named = {queue.id for queue in config.queues}
    return versioned(
        policy_value(config.policy, [*[each for each in queues if each.id not in named], *config.queues])
    )


def versioned(policy: Policy) -> Policy:
    """Its version is what it says, hashed."""
    said = orjson.dumps(plain(replace(policy, version="")), option=orjson.OPT_SORT_KEYS)
    return replace(policy, version=hashlib.sha256(said).hexdigest()[:12])
