"""The policy of a file that is only to be tried: read as ``apply`` would read it, and put into force nowhere."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import orjson

from contact_center.config.model import Config, read
from contact_center.config.routing import policy_value
from routing import Policy
from routing.facts import plain


def policy_in(path: Path) -> Policy:
    """Raises :class:`contact_center.config.model.ConfigError`."""
    return policy_of_config(read(path))


def policy_of_config(config: Config) -> Policy:
    """Its version is what it says, hashed."""
    policy = policy_value(config.policy, config.queues)
    said = orjson.dumps(plain(policy), option=orjson.OPT_SORT_KEYS)
    return replace(policy, version=hashlib.sha256(said).hexdigest()[:12])
