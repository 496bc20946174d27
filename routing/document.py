"""A policy as a document: JSON that says everything, defaults too, so that it means the same in every release.

Needs are in it as people write them. Its version is a digest of it: the same policy has the same version everywhere.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from routing.expression import read_need, written
from routing.needs import ANYBODY
from routing.policy import Batch, Policy, QueuePolicy, Step

UNCONFIGURED = "default"
"""The version of the product's own policy, before anybody configured one."""

_PLAIN = (
    "ageing_ms",
    "most_priority",
    "order",
    "reoffer_cooldown_ms",
    "sole_cooldown_ms",
    "misses_in_a_row",
    "sticky_ms",
)
_MAPPINGS = ("offer_ms", "cooldown_ms", "weights")
_LISTS = ("ranking", "exclusive_media")
_BATCH = ("most",)
_OF_QUEUE = ("skip_hopeless", "hold_ms", "ring", "target_ms", "handling_ms", "label")


def document_of(policy: Policy) -> dict[str, Any]:
    """Everything that the policy says but its version."""
    return {
        **{name: getattr(policy, name) for name in _PLAIN},
        **{name: {str(key): value for key, value in getattr(policy, name).items()} for name in _MAPPINGS},
        **{name: list(getattr(policy, name)) for name in _LISTS},
        "interrupts": {medium: sorted(others) for medium, others in policy.interrupts.items()},
        "batch": {name: getattr(policy.batch, name) for name in _BATCH},
        "queues": {queue_id: _of_queue(queue) for queue_id, queue in policy.queues.items()},
    }


def _of_queue(queue: QueuePolicy) -> dict[str, Any]:
    return {
        **{name: getattr(queue, name) for name in _OF_QUEUE},
        "need": written(queue.need),
        "prefer": dict(queue.prefer),
        "auto_answer": sorted(queue.auto_answer),
        "relax": [_of_step(step) for step in queue.relax],
    }


def _of_step(step: Step) -> dict[str, Any]:
    return {
        "after_ms": step.after_ms,
        "skills": dict(step.skills),
        "need": None if step.need is None else written(step.need),
        "queues": sorted(step.queues),
    }


def version_of(document: Mapping[str, Any]) -> str:
    """Twelve letters and digits that no two documents share, whatever the order of their keys."""
    if not document:
        return UNCONFIGURED
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def policy_of(document: Mapping[str, Any]) -> Policy:
    """The policy that the document says; an empty one says the product's own. What this release doesn't know is left
    out, and what the document doesn't say is as in the product. Raises ValueError for one that makes no sense."""
    said: dict[str, Any] = {name: document[name] for name in (*_PLAIN, *_MAPPINGS) if name in document}
    said |= {name: tuple(document[name]) for name in _LISTS if name in document}
    if "interrupts" in document:
        said["interrupts"] = {medium: frozenset(others) for medium, others in document["interrupts"].items()}
    if "batch" in document:
        said["batch"] = Batch(**{name: document["batch"][name] for name in _BATCH if name in document["batch"]})
    queues = {queue_id: _queue(queue) for queue_id, queue in document.get("queues", {}).items()}
    return Policy(version=version_of(document), queues=queues, **said)


def _queue(said: Mapping[str, Any]) -> QueuePolicy:
    return QueuePolicy(
        **{name: said[name] for name in _OF_QUEUE if name in said},
        need=read_need(said["need"]) if "need" in said else ANYBODY,
        prefer=said.get("prefer", {}),
        auto_answer=frozenset(said.get("auto_answer", ())),
        relax=tuple(_step(step) for step in said.get("relax", ())),
    )


def _step(said: Mapping[str, Any]) -> Step:
    need = said.get("need")
    return Step(
        after_ms=said["after_ms"],
        skills=said.get("skills", {}),
        need=None if need is None else read_need(need),
        queues=frozenset(said.get("queues", ())),
    )
